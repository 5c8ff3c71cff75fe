/*
 * Public keys of token issuers: JSON Web Key Sets (RFC 7517) and PEM. RSA of 2048 to 8192 bits and P-256, for signatures alone. Any
 * thread; a set is not changed after it was made.
 */
#pragma once
#include "text/json.h"

enum {
    LT_JWKS_TEXT_MAX = 64 * 1024, /* bytes of a set as JSON, or of a PEM file */
    LT_JWKS_KEYS_MAX = 64,
    LT_JWKS_TRIED_MAX = 16,       /* keys that a token is tried with */
};

enum lt_jwk_type { LT_JWK_RSA, LT_JWK_P256 };

struct lt_jwk {
    enum lt_jwk_type type;
    struct lt_str kid;  /* p NULL: it has no name, and fits whatever name a token gives */
    struct lt_str alg;  /* the only one that it is for; p NULL: every one of its type */
    struct lt_str a, b; /* RSA: modulus, exponent; P-256: x, y (32 bytes each); big-endian */
};

struct lt_jwks {
    size_t n;
    struct lt_jwk keys[];
};

/*
 * {"keys": [...]}. Keys that are not for verifying signatures, or of a kind that we do not know, are left out (RFC 7517 §5).
 * LT_EINVALID_INPUT, with what is wrong, when nothing is left, or when it holds a private key, which must be nobody's but the issuer's.
 */
enum lt_code lt_jwks_parse(struct lt_arena *arena, struct lt_str text, const struct lt_jwks **ret, struct lt_error *err);
/* The one public key ("BEGIN PUBLIC KEY") of a PEM text, without a name. LT_EINVALID_INPUT. */
enum lt_code lt_jwks_of_pem(struct lt_arena *arena, struct lt_str pem, const struct lt_jwks **ret, struct lt_error *err);
/* As JSON that lt_jwks_parse() reads. */
struct lt_str lt_jwks_text(struct lt_arena *arena, const struct lt_jwks *keys);
/* Which keys may have signed a token of this alg; kid as the token has it, p NULL when it has none. At most LT_JWKS_TRIED_MAX. */
size_t lt_jwks_fitting(const struct lt_jwks *keys, const char *alg, struct lt_str kid, const struct lt_jwk *ret[LT_JWKS_TRIED_MAX]);
