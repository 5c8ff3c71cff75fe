/*
 * JSON Web Tokens in compact form. libcjose does the cryptography; what it is lax about is checked before it sees the token:
 * size, three parts, strict JSON without duplicate members in header and claims, alg equal to the key's, no crit.
 * Fuzzed by tests/fuzz/fuzz_jwt.c.
 */
#include "io/jwt.h"

#include <cjose/cjose.h>
#include <math.h>

#include "base/clock.h"
#include "base/secret.h"

#define DATE_MAX 253402300799.0 /* 9999-12-31T23:59:59Z */
enum { SECRET_MIN = 16, KID_MAX = 255, ES256_BYTES = 64 };

static const char secret_alg[] = "HS256";
static const char *const public_algs[] = {"RS256", "RS512", "ES256"};

struct parts {
    struct lt_str header, claims, signature;
};

static enum lt_code split(struct lt_str token, struct parts *ret, struct lt_error *err)
{
    if (token.n > LT_JWT_MAX)
        return lt_fail(err, LT_EUNAUTHENTICATED, "token: larger than %d bytes", LT_JWT_MAX);
    struct lt_str rest = token;
    ret->header = lt_str_cut(&rest, '.');
    ret->claims = lt_str_cut(&rest, '.');
    ret->signature = rest;
    if (ret->header.n == 0 || ret->claims.n == 0 || rest.n == 0 || memchr(rest.p, '.', rest.n))
        return lt_fail(err, LT_EUNAUTHENTICATED, "token: not three parts separated by dots");
    return LT_OK;
}

static enum lt_code decode(struct lt_arena *arena, struct lt_str part, const char *name, const struct lt_json **ret,
                           struct lt_error *err)
{
    struct lt_str text;
    if (!lt_base64url_decode(arena, part, &text))
        return lt_fail(err, LT_EUNAUTHENTICATED, "token: the %s is not base64url", name);
    struct lt_error why;
    if (lt_json_parse(arena, text, LT_JSON_STRICT, ret, &why) != LT_OK)
        return lt_fail(err, LT_EUNAUTHENTICATED, "token: the %s is not valid JSON: %s", name, why.detail);
    if (!lt_json_is(*ret, LT_JSON_OBJECT))
        return lt_fail(err, LT_EUNAUTHENTICATED, "token: the %s is not an object", name);
    return LT_OK;
}

enum lt_code lt_jwt_peek(struct lt_arena *arena, struct lt_str token, const struct lt_json **ret_header,
                         const struct lt_json **ret_claims, struct lt_error *err)
{
    struct parts parts;
    enum lt_code rc = split(token, &parts, err);
    if (rc == LT_OK)
        rc = decode(arena, parts.header, "header", ret_header, err);
    if (rc == LT_OK)
        rc = decode(arena, parts.claims, "claims", ret_claims, err);
    return rc;
}

bool lt_jwt_alg_secret(const char *alg)
{
    return strcmp(alg, secret_alg) == 0;
}

static bool is_public(const char *alg)
{
    for (size_t i = 0; i < LT_COUNT(public_algs); i++)
        if (strcmp(alg, public_algs[i]) == 0)
            return true;
    return false;
}

bool lt_jwt_alg_known(struct lt_str alg)
{
    bool known = lt_str_is(alg, secret_alg);
    for (size_t i = 0; i < LT_COUNT(public_algs); i++)
        known |= lt_str_is(alg, public_algs[i]);
    return known;
}

/* The algorithm is the key's, never the token's choice; crit names extensions that must be understood, and we know none. */
enum lt_code lt_jwt_check_header(const struct lt_json *header, const char *key_alg, struct lt_str *ret_kid, struct lt_error *err)
{
    struct lt_str alg = lt_json_str(lt_json_get(header, "alg"));
    const struct lt_json *kid = lt_json_get(header, "kid");
    if (!key_alg || !lt_str_is(alg, key_alg))
        return lt_fail(err, LT_EUNAUTHENTICATED, "token: alg is not %s", key_alg ? key_alg : "known");
    if (lt_json_get(header, "crit"))
        return lt_fail(err, LT_EUNAUTHENTICATED, "token: crit is not supported");
    if (kid && (!lt_json_is(kid, LT_JSON_STRING) || lt_json_str(kid).n > KID_MAX))
        return lt_fail(err, LT_EUNAUTHENTICATED, "token: kid must be a string of at most %d bytes", KID_MAX);
    *ret_kid = lt_json_str(kid);
    return LT_OK;
}

/* A NumericDate (RFC 7519 §2): seconds, fractions allowed; of a year that has four digits. */
static enum lt_code get_time(const struct lt_json *claims, const char *name, bool required, double otherwise, double *ret,
                             struct lt_error *err)
{
    const struct lt_json *v = lt_json_get(claims, name);
    if (!v && !required) {
        *ret = otherwise;
        return LT_OK;
    }
    *ret = lt_json_double_or(v, NAN);
    if (!lt_json_is(v, LT_JSON_NUMBER) || !isfinite(*ret) || *ret > DATE_MAX)
        return lt_fail(err, LT_EUNAUTHENTICATED, v ? "token: %s is not a number of seconds up to the year 9999" : "token: %s is missing", name);
    return LT_OK;
}

enum lt_code lt_jwt_check_times(const struct lt_json *claims, struct lt_error *err)
{
    double now = (double)lt_now_ms() / 1000, exp, nbf, iat;
    enum lt_code rc = get_time(claims, "exp", true, 0, &exp, err);
    if (rc == LT_OK)
        rc = get_time(claims, "nbf", false, now, &nbf, err);
    if (rc == LT_OK)
        rc = get_time(claims, "iat", false, now, &iat, err);
    if (rc != LT_OK)
        return rc;
    if (now >= exp + LT_JWT_LEEWAY_S)
        return lt_fail(err, LT_EUNAUTHENTICATED, "token: expired");
    if (now < nbf - LT_JWT_LEEWAY_S)
        return lt_fail(err, LT_EUNAUTHENTICATED, "token: not yet valid (nbf)");
    if (now < iat - LT_JWT_LEEWAY_S)
        return lt_fail(err, LT_EUNAUTHENTICATED, "token: issued in the future (iat)");
    return LT_OK;
}

enum lt_code lt_jwt_check(const struct lt_json *header, const struct lt_json *claims, const char *alg, struct lt_str *ret_kid, struct lt_error *err)
{
    enum lt_code rc = lt_jwt_check_header(header, alg, ret_kid, err);
    return rc == LT_OK ? lt_jwt_check_times(claims, err) : rc;
}

/* ---- signatures ---- */

static cjose_jwk_t *open_secret(const struct lt_jwt_key *key, struct lt_error *err)
{
    if (!key->alg || !lt_jwt_alg_secret(key->alg)) {
        lt_fail(err, LT_ECONFIG, "token key: algorithm %s is not supported here", key->alg ? key->alg : "(none)");
        return NULL;
    }
    if (key->secret.n < SECRET_MIN) {
        lt_fail(err, LT_ECONFIG, "token key: the secret is shorter than %d bytes", SECRET_MIN);
        return NULL;
    }
    cjose_jwk_t *jwk = cjose_jwk_create_oct_spec((const uint8_t *)key->secret.p, key->secret.n, NULL);
    if (!jwk)
        lt_fail(err, LT_EINTERNAL, "token key: libcjose does not take it");
    return jwk;
}

/* NULL: the numbers are no key, such as a point that is not on the curve. */
static cjose_jwk_t *open_public(const struct lt_jwk *key)
{
    uint8_t *a = (uint8_t *)(uintptr_t)key->a.p, *b = (uint8_t *)(uintptr_t)key->b.p; /* read only, though the type does not say so */
    if (key->type == LT_JWK_RSA)
        return cjose_jwk_create_RSA_spec(&(cjose_jwk_rsa_keyspec){.n = a, .nlen = key->a.n, .e = b, .elen = key->b.n}, NULL);
    return cjose_jwk_create_EC_spec(
        &(cjose_jwk_ec_keyspec){.crv = CJOSE_JWK_EC_P_256, .x = a, .xlen = key->a.n, .y = b, .ylen = key->b.n}, NULL);
}

/* A token object is verified once: libcjose notes the answer in it. */
static bool signed_by(struct lt_str token, cjose_jwk_t *jwk)
{
    cjose_err why;
    cjose_jws_t *jws = jwk ? cjose_jws_import(token.p, token.n, &why) : NULL;
    bool good = jws && cjose_jws_verify(jws, jwk, &why);
    cjose_jws_release(jws);
    return good;
}

static enum lt_code by_secret(struct lt_str token, const struct lt_jwt_key *key, struct lt_error *err)
{
    cjose_jwk_t *jwk = open_secret(key, err);
    if (!jwk)
        return err->code;
    bool good = signed_by(token, jwk);
    cjose_jwk_release(jwk);
    return good ? LT_OK : lt_fail(err, LT_EUNAUTHENTICATED, "token: wrong signature");
}

static enum lt_code by_public(struct lt_str token, const struct lt_jwt_key *key, struct lt_str kid, struct lt_error *err)
{
    const struct lt_jwk *fitting[LT_JWKS_TRIED_MAX];
    if (!key->alg || !is_public(key->alg) || !key->keys)
        return lt_fail(err, LT_ECONFIG, "token key: there is no public key for algorithm %s", key->alg ? key->alg : "(none)");
    size_t n = lt_jwks_fitting(key->keys, key->alg, kid, fitting);
    for (size_t i = 0; i < n; i++) {
        cjose_jwk_t *jwk = open_public(fitting[i]);
        bool good = signed_by(token, jwk);
        cjose_jwk_release(jwk);
        if (good)
            return LT_OK;
    }
    return lt_fail(err, LT_EUNAUTHENTICATED, n > 0 ? "token: wrong signature" : "token: kid names no key of the issuer");
}

/*
 * libcjose takes padding and stray bytes in the signature part, so that one token has many spellings; ours is strict. Of ES256 it takes
 * the first 64 bytes, however many there are.
 */
enum lt_code lt_jwt_check_signature(struct lt_arena *arena, struct lt_str token, const struct lt_jwt_key *key, struct lt_str kid,
                                    struct lt_error *err)
{
    struct lt_str mac = {(const char *)memrchr(token.p, '.', token.n) + 1, 0}, bytes;
    mac.n = (size_t)(token.p + token.n - mac.p);
    if (!lt_base64url_decode(arena, mac, &bytes) || (key->alg && strcmp(key->alg, "ES256") == 0 && bytes.n != ES256_BYTES))
        return lt_fail(err, LT_EUNAUTHENTICATED, "token: wrong signature");
    return key->alg && lt_jwt_alg_secret(key->alg) ? by_secret(token, key, err) : by_public(token, key, kid, err);
}

enum lt_code lt_jwt_sign(struct lt_arena *arena, struct lt_str claims_json, const struct lt_jwt_key *key, struct lt_str *ret,
                         struct lt_error *err)
{
    struct lt_error unused = {0};
    cjose_jwk_t *jwk = open_secret(key, err ? err : &unused);
    if (!jwk)
        return err ? err->code : unused.code;
    cjose_err why;
    const char *compact = NULL;
    cjose_header_t *header = cjose_header_new(&why);
    bool good = header && cjose_header_set(header, CJOSE_HDR_ALG, secret_alg, &why) && cjose_header_set(header, "typ", "JWT", &why);
    cjose_jws_t *jws = good ? cjose_jws_sign(jwk, header, (const uint8_t *)claims_json.p, claims_json.n, &why) : NULL;
    good = jws && cjose_jws_export(jws, &compact, &why);
    if (good)
        *ret = lt_str_copy(arena, lt_str(compact)); /* the export belongs to jws */
    cjose_jws_release(jws);
    cjose_header_release(header);
    cjose_jwk_release(jwk);
    return good ? LT_OK : lt_fail(err, LT_EINTERNAL, "token: libcjose cannot sign: %s", why.message ? why.message : "unknown");
}
