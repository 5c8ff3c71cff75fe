/*
 * JSON Web Tokens in compact form. libcjose does the cryptography; what it is lax about is checked before it sees the token:
 * size, three parts, strict JSON without duplicate members in header and claims, alg equal to the key's, no crit.
 */
#include "io/jwt.h"

#include <cjose/cjose.h>
#include <math.h>

#include "base/clock.h"
#include "base/secret.h"

enum { TOKEN_MAX = 8192, LEEWAY_S = 30, SECRET_MIN = 16 };

static const char only_alg[] = "HS256";

struct parts {
    struct lt_str header, claims, signature;
};

static enum lt_code split(struct lt_str token, struct parts *ret, struct lt_error *err)
{
    if (token.n > TOKEN_MAX)
        return lt_fail(err, LT_EUNAUTHENTICATED, "token: larger than %d bytes", TOKEN_MAX);
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

/* The algorithm is the key's, never the token's choice; crit names extensions that must be understood, and we know none. */
static enum lt_code check_header(const struct lt_json *header, const struct lt_jwt_key *key, struct lt_error *err)
{
    struct lt_str alg = lt_json_str(lt_json_get(header, "alg"));
    if (!lt_str_is(alg, key->alg))
        return lt_fail(err, LT_EUNAUTHENTICATED, "token: alg is not %s", key->alg);
    if (lt_json_get(header, "crit"))
        return lt_fail(err, LT_EUNAUTHENTICATED, "token: crit is not supported");
    return LT_OK;
}

/* A NumericDate (RFC 7519 §2): seconds, fractions allowed. */
static enum lt_code get_time(const struct lt_json *claims, const char *name, bool required, double otherwise, double *ret,
                             struct lt_error *err)
{
    const struct lt_json *v = lt_json_get(claims, name);
    if (!v && !required) {
        *ret = otherwise;
        return LT_OK;
    }
    *ret = lt_json_double_or(v, NAN);
    if (!lt_json_is(v, LT_JSON_NUMBER) || !isfinite(*ret))
        return lt_fail(err, LT_EUNAUTHENTICATED, v ? "token: %s is not a number" : "token: %s is missing", name);
    return LT_OK;
}

static enum lt_code check_times(const struct lt_json *claims, struct lt_error *err)
{
    double now = (double)lt_now_ms() / 1000, exp, nbf, iat;
    enum lt_code rc = get_time(claims, "exp", true, 0, &exp, err);
    if (rc == LT_OK)
        rc = get_time(claims, "nbf", false, now, &nbf, err);
    if (rc == LT_OK)
        rc = get_time(claims, "iat", false, now, &iat, err);
    if (rc != LT_OK)
        return rc;
    if (now >= exp + LEEWAY_S)
        return lt_fail(err, LT_EUNAUTHENTICATED, "token: expired");
    if (now < nbf - LEEWAY_S)
        return lt_fail(err, LT_EUNAUTHENTICATED, "token: not yet valid (nbf)");
    if (now < iat - LEEWAY_S)
        return lt_fail(err, LT_EUNAUTHENTICATED, "token: issued in the future (iat)");
    return LT_OK;
}

static cjose_jwk_t *key_open(const struct lt_jwt_key *key, struct lt_error *err)
{
    if (!key->alg || strcmp(key->alg, only_alg) != 0) {
        lt_fail(err, LT_ECONFIG, "token key: algorithm %s is not supported", key->alg ? key->alg : "(none)");
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

/* libcjose takes padding and stray bytes in the signature part, so that one token has many spellings; ours is strict. */
static enum lt_code check_signature(struct lt_arena *arena, struct lt_str token, const struct lt_jwt_key *key,
                                    struct lt_error *err)
{
    cjose_jwk_t *jwk = key_open(key, err);
    if (!jwk)
        return err->code;
    cjose_err why;
    struct lt_str mac = {(const char *)memrchr(token.p, '.', token.n) + 1, 0};
    mac.n = (size_t)(token.p + token.n - mac.p);
    cjose_jws_t *jws = lt_base64url_decode(arena, mac, &mac) ? cjose_jws_import(token.p, token.n, &why) : NULL;
    bool good = jws && cjose_jws_verify(jws, jwk, &why);
    cjose_jws_release(jws);
    cjose_jwk_release(jwk);
    return good ? LT_OK : lt_fail(err, LT_EUNAUTHENTICATED, "token: wrong signature");
}

enum lt_code lt_jwt_verify(struct lt_arena *arena, struct lt_str token, const struct lt_jwt_key *key,
                           const struct lt_json **ret_claims, struct lt_error *err)
{
    struct lt_error unused;
    const struct lt_json *header;
    if (!err)
        err = &unused;
    enum lt_code rc = lt_jwt_peek(arena, token, &header, ret_claims, err);
    if (rc == LT_OK)
        rc = check_header(header, key, err);
    if (rc == LT_OK)
        rc = check_signature(arena, token, key, err);
    return rc == LT_OK ? check_times(*ret_claims, err) : rc;
}

enum lt_code lt_jwt_sign(struct lt_arena *arena, struct lt_str claims_json, const struct lt_jwt_key *key, struct lt_str *ret,
                         struct lt_error *err)
{
    struct lt_error unused;
    cjose_jwk_t *jwk = key_open(key, err ? err : &unused);
    if (!jwk)
        return err ? err->code : unused.code;
    cjose_err why;
    const char *compact = NULL;
    cjose_header_t *header = cjose_header_new(&why);
    bool good = header && cjose_header_set(header, CJOSE_HDR_ALG, only_alg, &why) && cjose_header_set(header, "typ", "JWT", &why);
    cjose_jws_t *jws = good ? cjose_jws_sign(jwk, header, (const uint8_t *)claims_json.p, claims_json.n, &why) : NULL;
    good = jws && cjose_jws_export(jws, &compact, &why);
    if (good)
        *ret = lt_str_copy(arena, lt_str(compact)); /* the export belongs to jws */
    cjose_jws_release(jws);
    cjose_header_release(header);
    cjose_jwk_release(jwk);
    return good ? LT_OK : lt_fail(err, LT_EINTERNAL, "token: libcjose cannot sign: %s", why.message ? why.message : "unknown");
}
