/*
 * Tokens, key sets and PEM files: what strangers, key servers and administrators send. First byte: which. What is taken holds what the
 * rest of the program relies on; no token is ever found good, for nobody who writes these bytes has the keys.
 */
#include <assert.h>
#include <stdlib.h>

#include "io/jwt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char secret[] = "nobody who fuzzes knows this one";
static const char keys[] = "{\"keys\":[{\"kty\":\"EC\",\"kid\":\"a\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                           "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";

static void check_set(struct lt_arena *arena, const struct lt_jwks *set)
{
    const struct lt_jwk *fitting[LT_JWKS_TRIED_MAX];
    const struct lt_jwks *again;
    struct lt_error err;
    assert(set->n > 0 && set->n <= LT_JWKS_KEYS_MAX);
    for (size_t i = 0; i < set->n; i++) {
        const struct lt_jwk *k = &set->keys[i];
        bool rsa = k->type == LT_JWK_RSA;
        assert(rsa ? k->a.n >= 256 && k->a.n <= 1024 && k->b.n >= 1 && k->b.n <= 8 : k->a.n == 32 && k->b.n == 32);
    }
    assert(lt_jwks_fitting(set, "RS256", LT_STR_NULL, fitting) + lt_jwks_fitting(set, "ES256", LT_STR_NULL, fitting) <= set->n);
    struct lt_str text = lt_jwks_text(arena, set);
    assert(lt_jwks_parse(arena, text, &again, &err) == LT_OK && again->n == set->n);
}

static void check_token(struct lt_arena *arena, struct lt_str token)
{
    const struct lt_json *header, *claims;
    struct lt_error err;
    struct lt_str kid;
    enum lt_code rc = lt_jwt_peek(arena, token, &header, &claims, &err);
    assert(rc == LT_OK || (rc == LT_EUNAUTHENTICATED && err.detail[0]));
    if (rc != LT_OK)
        return;
    assert(token.n <= 8192 && lt_json_is(header, LT_JSON_OBJECT) && lt_json_is(claims, LT_JSON_OBJECT));
    struct lt_jwt_key with = {.alg = "HS256", .secret = LT_STR(secret)};
    if (lt_jwt_check(header, claims, "HS256", &kid, &err) == LT_OK)
        assert(lt_jwt_check_signature(arena, token, &with, kid, &err) == LT_EUNAUTHENTICATED);
    with.alg = "ES256";
    assert(lt_jwks_parse(arena, LT_STR(keys), &with.keys, &err) == LT_OK);
    if (lt_jwt_check(header, claims, "ES256", &kid, &err) == LT_OK)
        assert(lt_jwt_check_signature(arena, token, &with, kid, &err) == LT_EUNAUTHENTICATED);
    assert(lt_jwt_check(header, claims, NULL, &kid, &err) == LT_EUNAUTHENTICATED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct lt_arena *arena = lt_arena_new();
    char *copy = malloc(size);
    const struct lt_jwks *set;
    struct lt_error err;
    memcpy(copy, data, size);
    struct lt_str text = {copy + 1, size - 1};
    if (copy[0] == 't')
        check_token(arena, text);
    else if ((copy[0] == 'p' ? lt_jwks_of_pem(arena, text, &set, &err) : lt_jwks_parse(arena, text, &set, &err)) == LT_OK)
        check_set(arena, set);
    lt_arena_free(arena);
    free(copy);
    return 0;
}
