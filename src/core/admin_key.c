/* Site keys and token issuers. */
#include "core/admin_private.h"

#include <stdio.h>

#include "base/secret.h"
#include "core/sealed.h"
#include "io/jwt.h"
#include "io/url.h"

enum { USED_MS = 3600000 }; /* how coarse the time of a key's use is */

/* ---- keys ---- */

static const char *const key_roles[] = {[LT_KEY_SITE_ADMIN] = "site_admin", [LT_KEY_SERVICE] = "service", [LT_KEY_METRICS] = "metrics"};

const char *lt_key_role_name(enum lt_key_role role)
{
    return key_roles[role];
}

int lt_key_role_parse(struct lt_str name)
{
    for (int i = 0; i < (int)LT_COUNT(key_roles); i++)
        if (lt_str_is(name, key_roles[i]))
            return i;
    return -1;
}

/* Makes the text of a new key and adds its row to the unit. */
static void add_key(struct lt_tx *tx, int64_t site_id, const struct lt_key_view *key, char ret[64])
{
    struct lt_arena *arena = lt_arena_new();
    uint8_t random[32], hash[32];
    lt_random(random, sizeof(random));
    struct lt_str secret = lt_base64url(arena, random, sizeof(random));
    snprintf(ret, 64, "lk_%.*s", LT_FMT(secret));
    lt_sha256(ret, strlen(ret), hash);
    char prefix[16];
    snprintf(prefix, sizeof(prefix), "%.9s", ret);
    LT_TX(tx,
          "INSERT INTO site_key (site_id, hash, prefix, role, name, choose_provider, created_at, expires_at)"
          " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
          LT_INT(site_id), LT_BLOB(hash, sizeof(hash)), LT_TEXTZ(prefix), LT_TEXTZ(key_roles[key->role]), LT_TEXT(key->name),
          LT_INT(key->choose_provider), LT_INT(lt_now_ms()), LT_INT(key->expires_at));
    lt_wipe(random, sizeof(random));
    lt_wipe((void *)(uintptr_t)secret.p, secret.n);
    lt_arena_free(arena);
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
    struct lt_tx *tx = lt_tx_new();
    add_key(tx, site_id, &(struct lt_key_view){.role = role, .name = name, .choose_provider = choose_provider, .expires_at = expires_at}, ret);
    return lt_admin_commit(store, tx, err);
}

#define KEY_COLUMNS "id, prefix, role, name, choose_provider, created_at, expires_at, last_used_at"

static struct lt_key_view view_of(const struct lt_rows *r, size_t i)
{
    return (struct lt_key_view){.id = lt_rows_int(r, i, 0),
                                .prefix = lt_rows_str(r, i, 1),
                                .role = (enum lt_key_role)lt_key_role_parse(lt_rows_str(r, i, 2)),
                                .name = lt_rows_str(r, i, 3),
                                .choose_provider = lt_rows_int(r, i, 4) != 0,
                                .created_at = lt_rows_int(r, i, 5),
                                .expires_at = lt_rows_int(r, i, 6),
                                .last_used_at = lt_rows_int(r, i, 7)};
}

enum lt_code lt_admin_key_list(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_key_view **ret, size_t *ret_n,
                               struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err, "SELECT " KEY_COLUMNS " FROM site_key WHERE site_id = $1 AND revoked_at = 0 ORDER BY id", LT_INT(site_id)))
        return lt_error_wrap(err, "list of keys");
    *ret_n = r.rows;
    *ret = LT_NEW_ARRAY(arena, struct lt_key_view, r.rows);
    for (size_t i = 0; i < r.rows; i++)
        (*ret)[i] = view_of(&r, i);
    return LT_OK;
}

enum lt_code lt_admin_key_find(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_str which, struct lt_key_view *ret,
                               struct lt_error *err)
{
    struct lt_rows r;
    int64_t id = 0;
    bool number = lt_str_to_int64(which, &id);
    if (LT_QUERY(store, arena, &r, err,
                 "SELECT " KEY_COLUMNS " FROM site_key WHERE site_id = $1 AND revoked_at = 0 AND (prefix = $2 OR ($3 = 1 AND id = $4))",
                 LT_INT(site_id), LT_TEXT(which), LT_INT(number), LT_INT(id)))
        return lt_error_wrap(err, "look for a key");
    if (r.rows == 0)
        return lt_fail_field(err, LT_ENOT_FOUND, "/prefix", "no key in force begins with '%.*s'", LT_FMT(which));
    if (r.rows > 1)
        return lt_fail_field(err, LT_EMULTIPLE, "/prefix", "%zu keys begin with '%.*s'", r.rows, LT_FMT(which));
    *ret = view_of(&r, 0);
    return LT_OK;
}

void lt_admin_key_used(struct lt_store *store, const struct lt_site_key *key)
{
    int64_t now = lt_now_ms(), last = atomic_load_explicit(key->last_used_at, memory_order_relaxed);
    if (now - last < USED_MS || !atomic_compare_exchange_strong(key->last_used_at, &last, now)) /* another loop notes it */
        return;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE site_key SET last_used_at = $1 WHERE id = $2 AND last_used_at < $1", LT_INT(now), LT_INT(key->id));
    lt_store_post(store, tx);
}

/* In a unit that is being built: it fails (LT_ECONFLICT) when the key is gone meanwhile. Who signed in to the console with it is signed out. */
static void end_key(struct lt_tx *tx, int64_t id, int64_t at)
{
    if (at == 0) {
        LT_TX(tx, "DELETE FROM console_session WHERE key_id = $1", LT_INT(id));
        LT_TX(tx, "UPDATE site_key SET revoked_at = $1 WHERE id = $2 AND revoked_at = 0", LT_INT(lt_now_ms()), LT_INT(id));
    } else {
        LT_TX(tx, "UPDATE site_key SET expires_at = $1 WHERE id = $2 AND revoked_at = 0", LT_INT(at), LT_INT(id));
    }
    lt_tx_expect(tx, 1);
}

static enum lt_code key_rotate(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_str which, int64_t overlap_ms,
                               char ret[64], struct lt_error *err)
{
    struct lt_key_view key, fresh;
    int64_t now = lt_now_ms(), end = now + overlap_ms;
    if (lt_admin_key_find(store, arena, site_id, which, &key, err))
        return err->code;
    if (key.expires_at != 0 && key.expires_at <= now)
        return lt_fail_field(err, LT_ECONFLICT, "/prefix", "the key has expired: add a new one");
    fresh = key;
    fresh.expires_at = key.expires_at == 0 ? 0 : now + (key.expires_at - key.created_at);
    end = overlap_ms == 0 ? 0 : key.expires_at != 0 && key.expires_at < end ? key.expires_at : end;
    struct lt_tx *tx = lt_tx_new();
    add_key(tx, site_id, &fresh, ret);
    end_key(tx, key.id, end);
    return lt_admin_commit(store, tx, err);
}

enum lt_code lt_admin_key_rotate(struct lt_store *store, struct lt_str site, struct lt_str which, int64_t overlap_ms, char ret[64],
                                 struct lt_error *err)
{
    int64_t site_id = 0;
    if (overlap_ms < 0 || overlap_ms > LT_KEY_OVERLAP_MAX_MS)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/overlap", "must be 0 to %lld days", (long long)(LT_KEY_OVERLAP_MAX_MS / 86400000));
    if (lt_admin_find_site(store, site, &site_id, err))
        return err->code;
    struct lt_arena *arena = lt_arena_new();
    enum lt_code rc = key_rotate(store, arena, site_id, which, overlap_ms, ret, err);
    lt_arena_free(arena);
    return rc;
}

enum lt_code lt_admin_key_revoke(struct lt_store *store, struct lt_str site, struct lt_str which, struct lt_error *err)
{
    int64_t site_id = 0;
    struct lt_key_view key;
    if (lt_admin_find_site(store, site, &site_id, err))
        return err->code;
    struct lt_arena *arena = lt_arena_new();
    enum lt_code rc = lt_admin_key_find(store, arena, site_id, which, &key, err);
    lt_arena_free(arena);
    if (rc)
        return rc;
    struct lt_tx *tx = lt_tx_new();
    end_key(tx, key.id, 0);
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
