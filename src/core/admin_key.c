/* Site keys and token issuers. */
#include "core/admin_private.h"

#include <stdio.h>

#include "base/secret.h"
#include "core/sealed.h"
#include "io/jwt.h"
#include "io/url.h"

static const char *key_role_name(enum lt_key_role role)
{
    return role == LT_KEY_SITE_ADMIN ? "site_admin" : role == LT_KEY_SERVICE ? "service" : "metrics";
}

enum lt_code lt_admin_key_add(struct lt_store *store, struct lt_str site, enum lt_key_role role, struct lt_str name, bool choose_provider,
                              int64_t expires_at, char ret[64], struct lt_error *err)
{
    int64_t site_id = 0;
    if (lt_admin_find_site(store, site, &site_id, err))
        return err->code;
    if (!lt_admin_text_ok(name, 255))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/name", "must be 1 to 255 bytes of UTF-8");
    if (expires_at != 0 && expires_at <= lt_now_ms())
        return lt_fail_field(err, LT_EINVALID_INPUT, "/expires_at", "lies in the past");
    struct lt_arena *arena = lt_arena_new();
    uint8_t random[32], hash[32];
    lt_random(random, sizeof(random));
    struct lt_str secret = lt_base64url(arena, random, sizeof(random));
    snprintf(ret, 64, "lk_%.*s", LT_FMT(secret));
    lt_sha256(ret, strlen(ret), hash);
    char prefix[16];
    snprintf(prefix, sizeof(prefix), "%.9s", ret);
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx,
          "INSERT INTO site_key (site_id, hash, prefix, role, name, choose_provider, created_at, expires_at)"
          " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
          LT_INT(site_id), LT_BLOB(hash, sizeof(hash)), LT_TEXTZ(prefix), LT_TEXTZ(key_role_name(role)), LT_TEXT(name),
          LT_INT(choose_provider), LT_INT(lt_now_ms()), LT_INT(expires_at));
    lt_wipe(random, sizeof(random));
    lt_wipe((void *)(uintptr_t)secret.p, secret.n);
    lt_arena_free(arena);
    return lt_admin_commit(store, tx, err);
}

enum lt_code lt_admin_key_revoke(struct lt_store *store, struct lt_str site, struct lt_str prefix, struct lt_error *err)
{
    int64_t site_id = 0;
    if (lt_admin_find_site(store, site, &site_id, err))
        return err->code;
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    enum lt_code rc = LT_QUERY(store, arena, &r, err, "SELECT id FROM site_key WHERE site_id = $1 AND prefix = $2 AND revoked_at = 0",
                               LT_INT(site_id), LT_TEXT(prefix));
    size_t found = rc == LT_OK ? r.rows : 0;
    int64_t id = found == 1 ? lt_rows_int(&r, 0, 0) : 0;
    lt_arena_free(arena);
    if (rc)
        return rc;
    if (found == 0)
        return lt_fail_field(err, LT_ENOT_FOUND, "/prefix", "no key in force begins with '%.*s'", LT_FMT(prefix));
    if (found > 1)
        return lt_fail_field(err, LT_EMULTIPLE, "/prefix", "%zu keys begin with '%.*s'", found, LT_FMT(prefix));
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE site_key SET revoked_at = $1 WHERE id = $2 AND revoked_at = 0", LT_INT(lt_now_ms()), LT_INT(id));
    lt_tx_expect(tx, 1);
    return lt_admin_commit(store, tx, err);
}

/* ---- issuers ---- */

/* Exactly one of the ways to give a key, and one that fits the algorithm. */
static enum lt_code check_key_form(const struct lt_issuer_form *form, bool secret, struct lt_error *err)
{
    int public = (form->jwks.n > 0) + (form->public_key.n > 0) + (form->jwks_url.n > 0);
    if (secret && (form->secret.n < 16 || form->secret.n > 1024))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/secret", "must be 16 to 1024 bytes");
    if (secret && public > 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/secret", "HS256 takes a shared secret and no public key");
    if (!secret && (form->secret.n > 0 || public != 1))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/jwks", "%.*s takes one of jwks, public_key and jwks_url, and no secret", LT_FMT(form->alg));
    return LT_OK;
}

static enum lt_code check_form(const struct lt_issuer_form *form, struct lt_error *err)
{
    if (!lt_admin_text_ok(form->iss, 255))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/iss", "must be 1 to 255 bytes of UTF-8");
    if (!lt_admin_text_ok(form->aud, 255))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/aud", "must be 1 to 255 bytes of UTF-8");
    if (!lt_admin_text_ok(form->user_claim, 64))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/user_claim", "must be 1 to 64 bytes of UTF-8");
    if (!lt_jwt_alg_known(form->alg))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/alg", "must be HS256, RS256, RS512 or ES256");
    return check_key_form(form, lt_str_is(form->alg, "HS256"), err);
}

/* Static keys as they are stored: with nothing in them but what verifying needs. "" when there are none. */
static enum lt_code public_keys(struct lt_arena *arena, const struct lt_issuer_form *form, struct lt_str *ret, struct lt_error *err)
{
    const struct lt_jwks *keys;
    const struct lt_jwk *fitting[LT_JWKS_TRIED_MAX];
    bool pem = form->public_key.n > 0;
    *ret = LT_STR("");
    if (!pem && form->jwks.n == 0)
        return LT_OK;
    enum lt_code rc = pem ? lt_jwks_of_pem(arena, form->public_key, &keys, err) : lt_jwks_parse(arena, form->jwks, &keys, err);
    if (rc)
        return lt_error_under(err, pem ? "/public_key" : "/jwks");
    if (lt_jwks_fitting(keys, lt_strz(arena, form->alg), LT_STR_NULL, fitting) == 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, pem ? "/public_key" : "/jwks", "holds no key for %.*s", LT_FMT(form->alg));
    *ret = lt_jwks_text(arena, keys);
    return LT_OK;
}

static enum lt_code issuer_set(struct lt_store *store, struct lt_arena *arena, int64_t site_id, const struct lt_issuer_form *form,
                               struct lt_error *err)
{
    struct lt_keyring *ring;
    struct lt_url url;
    struct lt_str jwks, sealed = LT_STR("");
    if (check_form(form, err) || public_keys(arena, form, &jwks, err))
        return err->code;
    if (form->jwks_url.n > 0 && lt_url_parse(form->jwks_url, &url, err))
        return lt_error_under(err, "/jwks_url");
    if (form->secret.n > 0) {
        if (lt_secrets_ring(store, true, &ring, err))
            return err->code;
        sealed = lt_seal(ring, arena, form->secret, lt_secret_place_issuer(arena, site_id, form->iss, form->aud));
        lt_keyring_free(ring);
    }
    struct lt_tx *tx = lt_tx_new();
    /* The pair (iss, aud) names the site: another site's pair is not taken over. */
    LT_TX(tx,
          "INSERT INTO jwt_issuer (site_id, iss, aud, alg, secret, jwks, jwks_url, user_claim) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
          " ON CONFLICT (iss, aud) DO UPDATE SET alg = excluded.alg, secret = excluded.secret, jwks = excluded.jwks,"
          " jwks_url = excluded.jwks_url, user_claim = excluded.user_claim WHERE jwt_issuer.site_id = excluded.site_id",
          LT_INT(site_id), LT_TEXT(form->iss), LT_TEXT(form->aud), LT_TEXT(form->alg), LT_TEXT(sealed), LT_TEXT(jwks), LT_TEXT(form->jwks_url),
          LT_TEXT(form->user_claim));
    lt_tx_expect(tx, 1);
    return lt_admin_commit(store, tx, err);
}

enum lt_code lt_admin_issuer_set(struct lt_store *store, struct lt_str site, const struct lt_issuer_form *given, struct lt_error *err)
{
    struct lt_issuer_form form = *given;
    int64_t site_id = 0;
    form.alg = form.alg.n > 0 ? form.alg : LT_STR("HS256");
    form.user_claim = form.user_claim.n > 0 ? form.user_claim : LT_STR("sub");
    form.jwks_url = form.jwks_url.n > 0 ? form.jwks_url : LT_STR("");
    if (lt_admin_find_site(store, site, &site_id, err))
        return err->code;
    struct lt_arena *arena = lt_arena_new();
    enum lt_code rc = issuer_set(store, arena, site_id, &form, err);
    lt_arena_free(arena);
    return rc;
}

enum lt_code lt_admin_issuer_remove(struct lt_store *store, struct lt_str site, struct lt_str iss, struct lt_str aud, struct lt_error *err)
{
    int64_t site_id = 0;
    if (lt_admin_find_site(store, site, &site_id, err))
        return err->code;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "DELETE FROM jwt_issuer WHERE site_id = $1 AND iss = $2 AND aud = $3", LT_INT(site_id), LT_TEXT(iss), LT_TEXT(aud));
    lt_tx_expect(tx, 1);
    enum lt_code rc = lt_admin_commit(store, tx, err);
    return rc == LT_ECONFLICT ? lt_fail(err, LT_ENOT_FOUND, "the site has no such issuer") : rc;
}
