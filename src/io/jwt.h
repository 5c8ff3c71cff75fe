/*
 * Verifying JWTs (RFC 7519) with libcjose: HS256, RS256, RS512, ES256. Header rules (alg, crit, duplicate members) are checked here first.
 * Any thread.
 */
#pragma once
#include "io/jwks.h"
#include "text/json.h"

enum {
    LT_JWT_MAX = 8192,       /* bytes of a token */
    LT_JWT_LEEWAY_S = 30,    /* by which the issuer's clock may differ from ours: exp, nbf, iat */
};

struct lt_jwt_key {
    const char *alg;            /* the token's alg must equal it */
    struct lt_str secret;       /* HS256: at least 16 bytes */
    const struct lt_jwks *keys; /* the others: chosen by kid */
};

/* Is it one of the four? */
bool lt_jwt_alg_known(struct lt_str alg);
/* Is its key a shared secret (HS256), not a public key? */
bool lt_jwt_alg_secret(const char *alg);

/* Header and claims of a token without checking it: used to find the key by (iss, aud). LT_EUNAUTHENTICATED when malformed or above 8 KiB. */
enum lt_code lt_jwt_peek(struct lt_arena *arena, struct lt_str token, const struct lt_json **ret_header, const struct lt_json **ret_claims,
                         struct lt_error *err);
/*
 * What can be said without a key: alg, crit, exp (required), nbf, iat with 30 s leeway. *ret_kid: the name of the key, p NULL when there
 * is none. LT_EUNAUTHENTICATED with the reason in detail.
 */
enum lt_code lt_jwt_check(const struct lt_json *header, const struct lt_json *claims, const char *alg, struct lt_str *ret_kid, struct lt_error *err);
/* Its two halves: what the header says of the key, and the times. */
enum lt_code lt_jwt_check_header(const struct lt_json *header, const char *alg, struct lt_str *ret_kid, struct lt_error *err);
enum lt_code lt_jwt_check_times(const struct lt_json *claims, struct lt_error *err);
/* Is the signature one of these keys'? Only after lt_jwt_check(). LT_EUNAUTHENTICATED, LT_ECONFIG (the key cannot be used). */
enum lt_code lt_jwt_check_signature(struct lt_arena *arena, struct lt_str token, const struct lt_jwt_key *key, struct lt_str kid,
                                    struct lt_error *err);
/* Makes an HS256 token (demo pages, tests, CLI). */
enum lt_code lt_jwt_sign(struct lt_arena *arena, struct lt_str claims_json, const struct lt_jwt_key *key, struct lt_str *ret, struct lt_error *err);
