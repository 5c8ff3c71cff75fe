/* Verifying JWTs (RFC 7519) with libcjose; header rules (alg, crit, duplicate members) are checked here first. Any thread. */
#pragma once
#include "text/json.h"

struct lt_jwt_key {
    const char *alg;      /* "HS256" (others come later); the token's alg must equal it */
    struct lt_str secret; /* HS256: at least 16 bytes */
};

/* Header and claims of a token without checking it: used to find the key by (iss, aud). LT_EUNAUTHENTICATED when malformed or above 8 KiB. */
enum lt_code lt_jwt_peek(struct lt_arena *arena, struct lt_str token, const struct lt_json **ret_header, const struct lt_json **ret_claims,
                         struct lt_error *err);
/* Signature, alg, crit, exp (required), nbf, iat with 30 s leeway. LT_EUNAUTHENTICATED with the reason in detail. */
enum lt_code lt_jwt_verify(struct lt_arena *arena, struct lt_str token, const struct lt_jwt_key *key, const struct lt_json **ret_claims,
                           struct lt_error *err);
/* Makes an HS256 token (demo pages, tests, CLI). */
enum lt_code lt_jwt_sign(struct lt_arena *arena, struct lt_str claims_json, const struct lt_jwt_key *key, struct lt_str *ret, struct lt_error *err);
