/* Sealing and opening the secrets of the configuration. */
#include "core/sealed.h"

#include "base/secret.h"
#include "core/admin.h"
#include "core/admin_event.h"
#include "core/provider.h"
#include "core/registry.h"
#include "io/worker.h"

enum { CONFIG_MAX = 8 << 20 };

/* ---- the ring ---- */

struct ring_job {
    const char *path;
    bool make;
    struct lt_keyring *ring;
    struct lt_error err;
};

static void read_ring(void *arg)
{
    struct ring_job *job = arg;
    job->err = (struct lt_error){0};
    if (!job->make || !lt_keyring_make(job->path, &job->err))
        lt_keyring_read(job->path, &job->ring, &job->err);
}

enum lt_code lt_secrets_ring(struct lt_store *store, bool make, struct lt_keyring **ret, struct lt_error *err)
{
    bool ours;
    struct ring_job job = {.path = lt_store_master_key_file(store, &ours)};
    job.make = make && ours;
    *ret = NULL;
    enum lt_code rc = lt_work(read_ring, &job);
    if (rc)
        return lt_fail(err, rc, "no worker is free to read the master key");
    if (job.err.code) {
        *err = job.err;
        return lt_error_wrap(err, "master key");
    }
    *ret = job.ring;
    return LT_OK;
}

/* ---- places ---- */

struct lt_str lt_secret_place_issuer(struct lt_arena *arena, int64_t site_id, struct lt_str iss, struct lt_str aud)
{
    return lt_printf(arena, "issuer:%lld:%zu:%.*s:%.*s", (long long)site_id, iss.n, LT_FMT(iss), LT_FMT(aud));
}

struct lt_str lt_secret_place_source(struct lt_arena *arena, int64_t site_id, struct lt_str name)
{
    return lt_printf(arena, "content_source:%lld:%.*s", (long long)site_id, LT_FMT(name));
}

/* ---- a config ---- */

/* One walk over a config. `change` gives the text to write in the place of a secret; false leaves it out. */
struct walk {
    const struct lt_keyring *ring;
    struct lt_arena *arena;
    int64_t site_id;
    bool (*change)(struct walk *walk, struct lt_str text, struct lt_str place, struct lt_str *ret);
    struct lt_secrets_view *view;
    size_t changed;
    struct lt_error *err;
    enum lt_code rc;
    struct lt_jw w;
};

static void write_value(struct walk *walk, const struct lt_json *schema, const struct lt_json *value, struct lt_str path);

static void write_member(struct walk *walk, const struct lt_json *schema, struct lt_str key, const struct lt_json *value, struct lt_str path)
{
    const struct lt_json *own = lt_json_get_str(lt_json_get(schema, "properties"), key);
    if (!own)
        own = lt_json_get(schema, "additionalProperties");
    struct lt_str inner = lt_printf(walk->arena, "%.*s/%.*s", LT_FMT(path), LT_FMT(key)), text;
    bool secret = lt_json_bool_or(lt_json_get(own, "writeOnly"), false) && lt_json_is(value, LT_JSON_STRING) && lt_json_str(value).n > 0;
    if (!secret) {
        lt_jw_key_str(&walk->w, key);
        write_value(walk, own, value, inner);
        return;
    }
    struct lt_str place = lt_printf(walk->arena, "provider:%lld:%.*s", (long long)walk->site_id, LT_FMT(inner));
    if (walk->change(walk, lt_json_str(value), place, &text)) {
        lt_jw_key_str(&walk->w, key);
        lt_jw_str(&walk->w, text);
    }
}

static void write_value(struct walk *walk, const struct lt_json *schema, const struct lt_json *value, struct lt_str path)
{
    if (!lt_json_is(value, LT_JSON_OBJECT)) {
        lt_jw_json(&walk->w, value);
        return;
    }
    lt_jw_obj(&walk->w);
    for (size_t i = 0; i < lt_json_len(value); i++)
        write_member(walk, schema, lt_json_key_at(value, i), lt_json_at(value, i), path);
    lt_jw_end(&walk->w);
}

static void wipe(void *arg)
{
    struct lt_str *text = arg;
    lt_wipe((void *)(uintptr_t)text->p, text->n);
}

/* The text lies in the arena and is wiped with it. */
static struct lt_str walk_over(struct walk *walk, const char *schema_text, const struct lt_json *config)
{
    const struct lt_json *schema = NULL;
    struct lt_buf out;
    struct lt_str *text = LT_NEW(walk->arena, struct lt_str);
    lt_json_parse(walk->arena, lt_str(schema_text), LT_JSON_STRICT, &schema, NULL);
    lt_buf_init(&out, CONFIG_MAX);
    lt_jw_init(&walk->w, &out);
    write_value(walk, schema, config, LT_STR(""));
    *text = lt_str_copy(walk->arena, lt_buf_str(&out));
    if (out.n > 0)
        lt_wipe(out.p, out.n);
    lt_buf_free(&out);
    lt_arena_on_free(walk->arena, wipe, text);
    return *text;
}

static bool seal(struct walk *walk, struct lt_str text, struct lt_str place, struct lt_str *ret)
{
    *ret = lt_is_sealed(text) ? text : lt_seal(walk->ring, walk->arena, text, place);
    return true;
}

struct lt_str lt_config_seal(const struct lt_keyring *ring, struct lt_arena *arena, const char *schema, int64_t site_id, const struct lt_json *config)
{
    struct walk walk = {.ring = ring, .arena = arena, .site_id = site_id, .change = seal};
    return walk_over(&walk, schema, config);
}

static bool count_sealed(struct walk *walk, struct lt_str text, struct lt_str place, struct lt_str *ret)
{
    walk->changed += lt_is_sealed(text);
    return false;
}

bool lt_config_is_sealed(const char *schema, const struct lt_json *config)
{
    struct walk walk = {.arena = lt_arena_new(), .change = count_sealed};
    walk_over(&walk, schema, config);
    lt_arena_free(walk.arena);
    return walk.changed > 0;
}

static bool unseal(struct walk *walk, struct lt_str text, struct lt_str place, struct lt_str *ret)
{
    *ret = text;
    if (!lt_is_sealed(text))
        return true;
    if (!walk->ring)
        walk->rc = lt_fail(walk->err, LT_ECONFIG, "there is no master key to open sealed secrets with");
    else if (lt_unseal(walk->ring, walk->arena, text, place, ret, walk->err))
        walk->rc = walk->err->code;
    else
        return true;
    return false;
}

enum lt_code lt_config_unseal(const struct lt_keyring *ring, struct lt_arena *arena, const char *schema, int64_t site_id,
                              const struct lt_json *config, const struct lt_json **ret, struct lt_error *err)
{
    struct walk walk = {.ring = ring, .arena = arena, .site_id = site_id, .change = unseal, .err = err};
    struct lt_str text = walk_over(&walk, schema, config);
    enum lt_code rc = lt_json_parse(arena, text, LT_JSON_STRICT, ret, walk.rc ? NULL : err);
    return walk.rc ? walk.rc : rc;
}

/* ---- all of them ---- */

void lt_secrets_count(struct lt_secrets_view *view, const struct lt_keyring *ring, struct lt_str text)
{
    if (!lt_is_sealed(text)) {
        view->plain++;
        return;
    }
    for (size_t i = 0; i < lt_keyring_count(ring); i++)
        if (lt_str_starts((struct lt_str){text.p + 9, text.n - 9}, lt_str(lt_keyring_id(ring, i)))) {
            view->by_key[i]++;
            return;
        }
    view->lost++;
}

static bool look(struct walk *walk, struct lt_str text, struct lt_str place, struct lt_str *ret)
{
    lt_secrets_count(walk->view, walk->ring, text);
    *ret = text;
    return true;
}

static bool reseal(struct walk *walk, struct lt_str text, struct lt_str place, struct lt_str *ret)
{
    struct lt_str plain = text;
    *ret = text;
    if (lt_is_sealed_with_first(walk->ring, text))
        return true;
    if (lt_is_sealed(text) && lt_unseal(walk->ring, walk->arena, text, place, &plain, walk->err)) {
        walk->view->lost++;
        return true;
    }
    *ret = lt_seal(walk->ring, walk->arena, plain, place);
    walk->changed++;
    return true;
}

/* Every config through the walk; what it changes goes into tx (NULL: nothing is to be changed). */
static enum lt_code all_configs(struct lt_store *store, struct walk *walk, struct lt_tx *tx)
{
    struct lt_rows r;
    if (LT_QUERY(store, walk->arena, &r, walk->err, "SELECT id, site_id, plugin, config FROM provider_instance ORDER BY id"))
        return walk->err->code;
    for (size_t i = 0; i < r.rows; i++) {
        const struct lt_entry *entry = lt_registry_find(LT_KIND_PROVIDER, lt_rows_str(&r, i, 2));
        const struct lt_json *config;
        if (!entry || lt_json_parse(walk->arena, lt_rows_str(&r, i, 3), LT_JSON_STRICT, &config, walk->err))
            continue; /* without its plugin nobody knows what in it is secret */
        size_t before = walk->changed;
        walk->site_id = lt_rows_int(&r, i, 1);
        struct lt_str text = walk_over(walk, ((const struct lt_provider *)entry->impl)->settings_schema, config);
        if (tx && walk->changed > before) {
            LT_TX(tx, "UPDATE provider_instance SET config = $1 WHERE id = $2 AND config = $3", LT_TEXT(text), LT_INT(lt_rows_int(&r, i, 0)),
                  LT_TEXT(lt_rows_str(&r, i, 3)));
            lt_tx_expect(tx, 1); /* changed by somebody meanwhile: the whole is to be done again */
        }
    }
    return LT_OK;
}

static enum lt_code all_destinations(struct lt_store *store, struct walk *walk, struct lt_tx *tx)
{
    struct lt_rows r;
    if (LT_QUERY(store, walk->arena, &r, walk->err, "SELECT id, site_id, config FROM event_destination ORDER BY id"))
        return walk->err->code;
    for (size_t i = 0; i < r.rows; i++) {
        const struct lt_json *config;
        if (lt_json_parse(walk->arena, lt_rows_str(&r, i, 2), LT_JSON_STRICT, &config, walk->err))
            return walk->err->code;
        size_t before = walk->changed;
        walk->site_id = lt_rows_int(&r, i, 1);
        struct lt_str text = walk_over(walk, lt_event_config_schema, config);
        if (tx && walk->changed > before) {
            LT_TX(tx, "UPDATE event_destination SET config = $1 WHERE id = $2 AND config = $3", LT_TEXT(text), LT_INT(lt_rows_int(&r, i, 0)),
                  LT_TEXT(lt_rows_str(&r, i, 2)));
            lt_tx_expect(tx, 1);
        }
    }
    return LT_OK;
}

static const struct lt_sealed_table *tables[LT_SEALED_TABLES_MAX]; /* written at start only */

void lt_sealed_table_add(const struct lt_sealed_table *table)
{
    int i = 0;
    while (tables[i] && tables[i] != table)
        i++;
    tables[i] = table;
}

static enum lt_code all_of_table(struct lt_store *store, struct walk *walk, struct lt_tx *tx, const struct lt_sealed_table *table)
{
    struct lt_rows r;
    if (LT_QUERY(store, walk->arena, &r, walk->err, table->select))
        return walk->err->code;
    for (size_t i = 0; i < r.rows; i++) {
        const struct lt_json *config;
        size_t before = walk->changed;
        if (lt_json_parse(walk->arena, lt_rows_str(&r, i, 2), LT_JSON_STRICT, &config, walk->err))
            continue;
        walk->site_id = lt_rows_int(&r, i, 1);
        struct lt_str text = walk_over(walk, table->schema, config);
        if (tx && walk->changed > before) {
            LT_TX(tx, table->update, LT_TEXT(text), LT_INT(lt_rows_int(&r, i, 0)), LT_TEXT(lt_rows_str(&r, i, 2)));
            lt_tx_expect(tx, 1);
        }
    }
    return LT_OK;
}

static enum lt_code all_tables(struct lt_store *store, struct walk *walk, struct lt_tx *tx)
{
    enum lt_code rc = LT_OK;
    for (int i = 0; rc == LT_OK && i < LT_SEALED_TABLES_MAX && tables[i]; i++)
        rc = all_of_table(store, walk, tx, tables[i]);
    return rc;
}

static enum lt_code all_issuers(struct lt_store *store, struct walk *walk, struct lt_tx *tx)
{
    struct lt_rows r;
    if (LT_QUERY(store, walk->arena, &r, walk->err, "SELECT site_id, iss, aud, secret FROM jwt_issuer WHERE secret <> '' ORDER BY iss, aud"))
        return walk->err->code;
    for (size_t i = 0; i < r.rows; i++) {
        struct lt_str iss = lt_rows_str(&r, i, 1), aud = lt_rows_str(&r, i, 2), text;
        size_t before = walk->changed;
        walk->change(walk, lt_rows_str(&r, i, 3), lt_secret_place_issuer(walk->arena, lt_rows_int(&r, i, 0), iss, aud), &text);
        if (tx && walk->changed > before) {
            LT_TX(tx, "UPDATE jwt_issuer SET secret = $1 WHERE iss = $2 AND aud = $3 AND secret = $4", LT_TEXT(text), LT_TEXT(iss), LT_TEXT(aud),
                  LT_TEXT(lt_rows_str(&r, i, 3)));
            lt_tx_expect(tx, 1);
        }
    }
    return LT_OK;
}

static enum lt_code all_sources(struct lt_store *store, struct walk *walk, struct lt_tx *tx)
{
    struct lt_rows r;
    if (LT_QUERY(store, walk->arena, &r, walk->err, "SELECT id, site_id, name, secret FROM content_source WHERE secret <> '' ORDER BY id"))
        return walk->err->code;
    for (size_t i = 0; i < r.rows; i++) {
        struct lt_str text, stored = lt_rows_str(&r, i, 3);
        size_t before = walk->changed;
        walk->change(walk, stored, lt_secret_place_source(walk->arena, lt_rows_int(&r, i, 1), lt_rows_str(&r, i, 2)), &text);
        if (tx && walk->changed > before) {
            LT_TX(tx, "UPDATE content_source SET secret = $1 WHERE id = $2 AND secret = $3", LT_TEXT(text), LT_INT(lt_rows_int(&r, i, 0)),
                  LT_TEXT(stored));
            lt_tx_expect(tx, 1);
        }
    }
    return LT_OK;
}

enum lt_code lt_secrets_look(struct lt_store *store, const struct lt_keyring *ring, struct lt_secrets_view *ret, struct lt_error *err)
{
    *ret = (struct lt_secrets_view){0};
    struct lt_arena *arena = lt_arena_new();
    struct walk walk = {.ring = ring, .arena = arena, .change = look, .view = ret, .err = err};
    enum lt_code rc = all_configs(store, &walk, NULL);
    if (rc == LT_OK)
        rc = all_destinations(store, &walk, NULL);
    if (rc == LT_OK)
        rc = all_tables(store, &walk, NULL);
    if (rc == LT_OK)
        rc = all_issuers(store, &walk, NULL);
    if (rc == LT_OK)
        rc = all_sources(store, &walk, NULL);
    lt_arena_free(arena);
    return rc;
}

enum lt_code lt_secrets_reseal(struct lt_store *store, const struct lt_keyring *ring, size_t *ret_resealed, size_t *ret_lost, struct lt_error *err)
{
    struct lt_secrets_view view = {0};
    struct lt_arena *arena = lt_arena_new();
    struct lt_tx *tx = lt_tx_new();
    struct walk walk = {.ring = ring, .arena = arena, .change = reseal, .view = &view, .err = err};
    enum lt_code rc = all_configs(store, &walk, tx);
    if (rc == LT_OK)
        rc = all_destinations(store, &walk, tx);
    if (rc == LT_OK)
        rc = all_tables(store, &walk, tx);
    if (rc == LT_OK)
        rc = all_issuers(store, &walk, tx);
    if (rc == LT_OK)
        rc = all_sources(store, &walk, tx);
    if (rc == LT_OK && walk.changed > 0) {
        lt_admin_touch(tx);
        rc = lt_store_write(store, tx, err);
    } else {
        lt_tx_discard(tx);
    }
    *ret_resealed = rc ? 0 : walk.changed;
    *ret_lost = view.lost;
    lt_arena_free(arena);
    return rc;
}
