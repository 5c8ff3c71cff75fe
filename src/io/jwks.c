/* Sets of public keys: reading, writing, choosing. Fuzzed by tests/fuzz/fuzz_jwt.c. */
#include "io/jwks.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/secret.h"

enum {
    RSA_MIN = 2048 / 8,  /* RFC 7518 §3.3 */
    RSA_MAX = 8192 / 8,  /* what costs a loop about a millisecond */
    EXPONENT_MAX = 8,
    COORDINATE = 32,     /* of P-256 */
    KID_MAX = 255,
};

/* ---- one key of a set ---- */

static struct lt_str without_zeros(struct lt_str s)
{
    while (s.n > 0 && s.p[0] == '\0')
        s.p++, s.n--;
    return s;
}

static bool number(struct lt_arena *arena, const struct lt_json *key, const char *name, struct lt_str *ret)
{
    struct lt_str text = lt_json_str(lt_json_get(key, name));
    return text.n > 0 && lt_base64url_decode(arena, text, ret);
}

static bool rsa_sound(struct lt_str n, struct lt_str e)
{
    bool odd = n.n > 0 && e.n > 0 && (n.p[n.n - 1] & 1) && (e.p[e.n - 1] & 1);
    bool one = e.n == 1 && e.p[0] == 1; /* everything would be its own signature */
    return odd && !one && n.n >= RSA_MIN && n.n <= RSA_MAX && e.n <= EXPONENT_MAX;
}

static bool read_rsa(struct lt_arena *arena, const struct lt_json *key, struct lt_jwk *ret)
{
    if (!number(arena, key, "n", &ret->a) || !number(arena, key, "e", &ret->b))
        return false;
    ret->type = LT_JWK_RSA;
    ret->a = without_zeros(ret->a);
    ret->b = without_zeros(ret->b);
    return rsa_sound(ret->a, ret->b);
}

static bool read_ec(struct lt_arena *arena, const struct lt_json *key, struct lt_jwk *ret)
{
    ret->type = LT_JWK_P256;
    return lt_str_is(lt_json_str(lt_json_get(key, "crv")), "P-256") && number(arena, key, "x", &ret->a) && number(arena, key, "y", &ret->b) &&
           ret->a.n == COORDINATE && ret->b.n == COORDINATE;
}

/* RFC 7517 §4.2 and §4.3: what is said about the key's use must be about verifying. */
static bool for_verifying(const struct lt_json *key)
{
    const struct lt_json *use = lt_json_get(key, "use"), *ops = lt_json_get(key, "key_ops");
    if (use && !lt_str_is(lt_json_str(use), "sig"))
        return false;
    for (size_t i = 0; i < lt_json_len(ops); i++)
        if (lt_str_is(lt_json_str(lt_json_at(ops, i)), "verify"))
            return true;
    return !ops;
}

/* A member that is left out, or a string within its length, without control characters. */
static bool text_or_nothing(const struct lt_json *key, const char *name, struct lt_str *ret)
{
    const struct lt_json *v = lt_json_get(key, name);
    *ret = lt_json_str(v);
    for (size_t i = 0; i < ret->n; i++)
        if ((unsigned char)ret->p[i] < 0x20)
            return false;
    return !v || (lt_json_is(v, LT_JSON_STRING) && ret->n <= KID_MAX);
}

static bool read_key(struct lt_arena *arena, const struct lt_json *key, struct lt_jwk *ret)
{
    struct lt_str kty = lt_json_str(lt_json_get(key, "kty"));
    *ret = (struct lt_jwk){0};
    if (!for_verifying(key) || !text_or_nothing(key, "kid", &ret->kid) || !text_or_nothing(key, "alg", &ret->alg))
        return false;
    return lt_str_is(kty, "RSA") ? read_rsa(arena, key, ret) : lt_str_is(kty, "EC") && read_ec(arena, key, ret);
}

/* ---- sets ---- */

enum lt_code lt_jwks_parse(struct lt_arena *arena, struct lt_str text, const struct lt_jwks **ret, struct lt_error *err)
{
    const struct lt_json *set;
    if (text.n > LT_JWKS_TEXT_MAX)
        return lt_fail(err, LT_EINVALID_INPUT, "the key set is larger than %d bytes", LT_JWKS_TEXT_MAX);
    if (lt_json_parse(arena, text, LT_JSON_STRICT, &set, err))
        return lt_fail(err, LT_EINVALID_INPUT, "the key set is not valid JSON");
    const struct lt_json *list = lt_json_get(set, "keys");
    size_t n = lt_json_len(list);
    if (!lt_json_is(list, LT_JSON_ARRAY) || n > LT_JWKS_KEYS_MAX)
        return lt_fail(err, LT_EINVALID_INPUT, "the key set must have `keys`, a list of at most %d", LT_JWKS_KEYS_MAX);
    struct lt_jwks *keys = lt_zalloc(arena, sizeof(*keys) + n * sizeof(keys->keys[0]));
    for (size_t i = 0; i < n; i++) {
        const struct lt_json *key = lt_json_at(list, i);
        if (lt_json_get(key, "d"))
            return lt_fail(err, LT_EINVALID_INPUT, "key %zu of the set is a private key: give its public part only", i + 1);
        if (read_key(arena, key, &keys->keys[keys->n]))
            keys->n++;
    }
    if (keys->n == 0)
        return lt_fail(err, LT_EINVALID_INPUT, "the key set has no RSA key of 2048 to 8192 bits and no P-256 key for signatures");
    *ret = keys;
    return LT_OK;
}

static void put_number(struct lt_arena *arena, struct lt_jw *w, const char *name, struct lt_str v)
{
    lt_jw_kstr(w, name, lt_base64url(arena, v.p, v.n));
}

static void put_key(struct lt_arena *arena, struct lt_jw *w, const struct lt_jwk *key)
{
    bool rsa = key->type == LT_JWK_RSA;
    lt_jw_obj(w);
    lt_jw_kstrz(w, "kty", rsa ? "RSA" : "EC");
    if (key->kid.p)
        lt_jw_kstr(w, "kid", key->kid);
    if (key->alg.p)
        lt_jw_kstr(w, "alg", key->alg);
    if (!rsa)
        lt_jw_kstrz(w, "crv", "P-256");
    put_number(arena, w, rsa ? "n" : "x", key->a);
    put_number(arena, w, rsa ? "e" : "y", key->b);
    lt_jw_end(w);
}

struct lt_str lt_jwks_text(struct lt_arena *arena, const struct lt_jwks *keys)
{
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, 2 * LT_JWKS_TEXT_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_key(&w, "keys");
    lt_jw_arr(&w);
    for (size_t i = 0; i < keys->n; i++)
        put_key(arena, &w, &keys->keys[i]);
    lt_jw_end(&w);
    lt_jw_end(&w);
    struct lt_str text = lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return text;
}

/* A token that names a key is not tried with one of another name. */
static bool fits(const struct lt_jwk *key, const char *alg, struct lt_str kid)
{
    enum lt_jwk_type type = alg[0] == 'E' ? LT_JWK_P256 : LT_JWK_RSA;
    return key->type == type && (!key->alg.p || lt_str_is(key->alg, alg)) && (!kid.p || !key->kid.p || lt_str_eq(kid, key->kid));
}

size_t lt_jwks_fitting(const struct lt_jwks *keys, const char *alg, struct lt_str kid, const struct lt_jwk *ret[LT_JWKS_TRIED_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < keys->n && n < LT_JWKS_TRIED_MAX; i++)
        if (fits(&keys->keys[i], alg, kid))
            ret[n++] = &keys->keys[i];
    return n;
}

/* ---- PEM ---- */

static bool take_number(struct lt_arena *arena, const EVP_PKEY *key, const char *name, size_t width, struct lt_str *ret)
{
    BIGNUM *number = NULL;
    if (!EVP_PKEY_get_bn_param(key, name, &number))
        return false;
    size_t n = width ? width : (size_t)BN_num_bytes(number);
    unsigned char *p = lt_alloc(arena, n);
    bool good = BN_bn2binpad(number, p, (int)n) == (int)n;
    *ret = (struct lt_str){(const char *)p, n};
    BN_free(number);
    return good;
}

static bool of_openssl(struct lt_arena *arena, const EVP_PKEY *key, struct lt_jwk *ret)
{
    char curve[32] = "";
    *ret = (struct lt_jwk){0};
    if (EVP_PKEY_is_a(key, "RSA"))
        return take_number(arena, key, OSSL_PKEY_PARAM_RSA_N, 0, &ret->a) && take_number(arena, key, OSSL_PKEY_PARAM_RSA_E, 0, &ret->b) &&
               rsa_sound(ret->a, ret->b);
    ret->type = LT_JWK_P256;
    return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL) && strcmp(curve, "prime256v1") == 0 &&
           take_number(arena, key, OSSL_PKEY_PARAM_EC_PUB_X, COORDINATE, &ret->a) &&
           take_number(arena, key, OSSL_PKEY_PARAM_EC_PUB_Y, COORDINATE, &ret->b);
}

enum lt_code lt_jwks_of_pem(struct lt_arena *arena, struct lt_str pem, const struct lt_jwks **ret, struct lt_error *err)
{
    if (pem.n == 0 || pem.n > LT_JWKS_TEXT_MAX)
        return lt_fail(err, LT_EINVALID_INPUT, "the PEM text must have 1 to %d bytes", LT_JWKS_TEXT_MAX);
    if (memmem(pem.p, pem.n, "PRIVATE KEY", 11))
        return lt_fail(err, LT_EINVALID_INPUT, "this is a private key: give its public part only (openssl pkey -pubout)");
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
    struct lt_jwks *keys = lt_zalloc(arena, sizeof(*keys) + sizeof(keys->keys[0]));
    bool good = key && of_openssl(arena, key, &keys->keys[0]);
    keys->n = 1;
    EVP_PKEY_free(key);
    BIO_free(bio);
    ERR_clear_error();
    if (!good)
        return lt_fail(err, LT_EINVALID_INPUT, "must be a public key in PEM (BEGIN PUBLIC KEY): RSA of 2048 to 8192 bits, or P-256");
    *ret = keys;
    return LT_OK;
}
