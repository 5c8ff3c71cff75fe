/* Store → configuration snapshot. Runs at start and whenever the configuration generation has moved. */
#include <stdlib.h>

#include "base/log.h"
#include "base/secret.h"
#include "core/guard.h"
#include "core/limit_load.h"
#include "core/outbox.h"
#include "core/period.h"
#include "core/policy_text.h"
#include "core/response_store.h"
#include "core/sealed.h"
#include "core/site.h"
#include "io/worker.h"
#include "text/json.h"

enum { ROWS_MAX = 100000 };

struct load {
    struct lt_store *store;
    struct lt_arena *arena;
    struct lt_config *config;
    struct lt_error *err;
    struct lt_keyring *ring; /* NULL: could not be read, and why */
    const struct lt_error *no_ring;
};

static struct lt_site *site_by_id(const struct lt_config *c, int64_t id)
{
    for (size_t i = 0; i < c->sites_n; i++)
        if (c->sites[i].id == id)
            return &c->sites[i];
    return NULL;
}

static enum lt_code rows(struct load *l, const char *sql, struct lt_rows *ret)
{
    return lt_store_query(l->store, l->arena, sql, NULL, 0, ROWS_MAX, ret, l->err);
}

/* JSON of a column that we wrote ourselves; one that cannot be read counts as {} and is logged. */
static const struct lt_json *json(struct load *l, struct lt_str text, const char *what)
{
    const struct lt_json *v = NULL;
    struct lt_error err;
    if (lt_json_parse(l->arena, text, LT_JSON_STRICT, &v, &err)) {
        lt_log(LT_LOG_WARN, "config.unreadable", LT_S("what", what), LT_S("detail", err.detail));
        lt_json_parse(l->arena, LT_STR("{}"), LT_JSON_STRICT, &v, NULL);
    }
    return v;
}

static size_t texts(struct load *l, const struct lt_json *list, struct lt_str **ret)
{
    size_t n = lt_json_len(list);
    *ret = LT_NEW_ARRAY(l->arena, struct lt_str, n);
    for (size_t i = 0; i < n; i++)
        (*ret)[i] = lt_json_str(lt_json_at(list, i));
    return n;
}

/* {"ai": ["plugin", "other", "any"], "x": ["none"]} */
static void service_choices(struct load *l, struct lt_site *s, const struct lt_json *v)
{
    s->service_choices = LT_NEW_ARRAY(l->arena, struct lt_service_choice, lt_json_len(v));
    for (size_t i = 0; i < lt_json_len(v); i++) {
        struct lt_service_choice *c = &s->service_choices[s->service_choices_n++];
        const struct lt_json *list = lt_json_at(v, i);
        c->service = lt_json_key_at(v, i);
        c->plugins_n = texts(l, list, &c->plugins);
        c->any = c->plugins_n > 0 && lt_str_is(c->plugins[c->plugins_n - 1], "any");
        c->plugins_n -= c->any || (c->plugins_n == 1 && lt_str_is(c->plugins[0], "none"));
    }
}

static void site_settings(struct load *l, struct lt_site *s, struct lt_str text)
{
    const struct lt_json *v = json(l, text, "site settings");
    s->settings = v;
    s->policy_by_lms = lt_json_bool_or(lt_json_get(v, "policy_by_lms"), false);
    s->resume_grace_ms = (uint32_t)lt_json_int64_or(lt_json_get(v, "resume_grace_ms"), 5000);
    s->call_timeout_ms = (uint32_t)lt_json_int64_or(lt_json_get(v, "call_timeout_ms"), 120000);
    s->store_content = lt_json_bool_or(lt_json_get(v, "store_content"), true);
    s->refusals_per_second = (int)lt_json_int64_or(lt_json_get(v, "refusals_per_second"), 5);
    s->max_running_calls = (int)lt_json_int64_or(lt_json_get(v, "max_running_calls"), 0);
    s->max_context_messages = (int)lt_json_int64_or(lt_json_get(v, "max_context_messages"), 0);
    s->task_soft_limit_ms = (uint32_t)lt_json_int64_or(lt_json_get(v, "task_soft_limit_ms"), 270000);
    s->task_hard_limit_ms = (uint32_t)lt_json_int64_or(lt_json_get(v, "task_hard_limit_ms"), 300000);
    if (s->task_hard_limit_ms < s->task_soft_limit_ms)
        s->task_hard_limit_ms = s->task_soft_limit_ms;
    s->tasks_queued_per_user = (int)lt_json_int64_or(lt_json_get(v, "tasks_queued_per_user"), 20);
    s->tasks_queued_per_site = (int)lt_json_int64_or(lt_json_get(v, "tasks_queued_per_site"), 1000);
    s->task_kept_s = lt_json_int64_or(lt_json_get(v, "task_kept_s"), 7 * 24 * 3600);
    s->tool_approval_ms = (uint32_t)lt_json_int64_or(lt_json_get(v, "tool_approval_ms"), 120000);
    s->tool_time_ms = (uint32_t)lt_json_int64_or(lt_json_get(v, "tool_time_ms"), 30000);
    s->idempotency_kept_s = lt_json_int64_or(lt_json_get(v, "idempotency_kept_s"), 24 * 3600);
    s->grading_keep_days = (uint32_t)lt_json_int64_or(lt_json_get(v, "grading_keep_days"), 365);
    s->register_keep_days = (uint32_t)lt_json_int64_or(lt_json_get(v, "register_keep_days"), 0);
    s->content_keep_days = (uint32_t)lt_json_int64_or(lt_json_get(v, "content_keep_days"), 0);
    s->response_keep_days = (uint32_t)lt_json_int64_or(lt_json_get(v, "response_keep_days"), LT_RESPONSE_KEEP_DAYS);
    s->lms_roles_url = lt_json_str_or(lt_json_get(v, "lms_roles_url"), LT_STR(""));
    s->lms_roles_cache_ms = (uint32_t)lt_json_int64_or(lt_json_get(v, "lms_roles_cache_ms"), 60000);
    s->image_label = lt_json_str_or(lt_json_get(v, "image_label"), LT_STR(""));
    s->image_link_s = lt_json_int64_or(lt_json_get(v, "image_link_s"), 24 * 3600);
    s->users_may_erase = lt_json_bool_or(lt_json_get(v, "users_may_erase"), false);
    s->openedx_policy_by_lectern = lt_str_is(lt_json_str(lt_json_get(v, "openedx_policy")), "lectern");
    s->door_policy_by_lectern = lt_str_is(lt_json_str(lt_json_get(v, "door_policy")), "lectern");
    s->cors_origins_n = texts(l, lt_json_get(v, "cors_origins"), &s->cors_origins);
    s->lms_hosts_n = texts(l, lt_json_get(v, "lms_hosts"), &s->lms_hosts);
    s->cms_hosts_n = texts(l, lt_json_get(v, "cms_hosts"), &s->cms_hosts);
    service_choices(l, s, lt_json_get(v, "services"));
    s->time_zone = lt_json_str_or(lt_json_get(v, "time_zone"), LT_STR("UTC"));
    s->language = lt_json_str_or(lt_json_get(v, "language"), LT_STR(LT_SITE_LANGUAGE));
    s->currency = lt_json_str_or(lt_json_get(v, "currency"), LT_STR("USD"));
}

/* Not by the key of users' hashes: vendors see those, and a user's id may be any text. */
static void file_key(struct lt_site *s)
{
    static const char name[] = "lectern links to files";
    char text[sizeof(name) + sizeof(s->secret)];
    uint8_t key[32];
    memcpy(text, name, sizeof(name));
    memcpy(text + sizeof(name), s->secret, sizeof(s->secret));
    lt_sha256(text, sizeof(text), key);
    lt_hmac_key_init(&s->file_key, key, sizeof(key));
    lt_wipe(text, sizeof(text));
    lt_wipe(key, sizeof(key));
}

static enum lt_code load_sites(struct load *l)
{
    struct lt_rows r;
    if (rows(l, "SELECT id, slug, name, enabled, secret, settings, policy_version FROM site ORDER BY id", &r))
        return l->err->code;
    l->config->sites_n = r.rows;
    l->config->sites = LT_NEW_ARRAY(l->arena, struct lt_site, r.rows);
    for (size_t i = 0; i < r.rows; i++) {
        struct lt_site *s = &l->config->sites[i];
        s->id = lt_rows_int(&r, i, 0);
        s->slug = lt_rows_str(&r, i, 1);
        s->name = lt_rows_str(&r, i, 2);
        s->enabled = lt_rows_int(&r, i, 3) != 0;
        struct lt_str secret = lt_rows_str(&r, i, 4);
        memcpy(s->secret, secret.p, secret.n < sizeof(s->secret) ? secret.n : sizeof(s->secret));
        lt_hmac_key_init(&s->user_key, s->secret, sizeof(s->secret));
        file_key(s);
        site_settings(l, s, lt_rows_str(&r, i, 5));
        if (lt_guard_compile(l->store, l->arena, s->id, s->settings, &s->guard, l->err))
            return lt_error_wrap(l->err, "guards of site '%.*s'", LT_FMT(s->slug));
        s->policy_version = lt_rows_str(&r, i, 6);
        s->policy_text = LT_STR("");
    }
    return LT_OK;
}

/* Those of the versions in force. */
static enum lt_code load_policies(struct load *l)
{
    struct lt_rows r;
    if (rows(l, "SELECT t.site_id, t.language, t.text FROM policy_text t JOIN site s ON s.id = t.site_id AND s.policy_version = t.version"
             " ORDER BY t.site_id, t.id", &r))
        return l->err->code;
    struct lt_policy_text *texts = LT_NEW_ARRAY(l->arena, struct lt_policy_text, r.rows);
    for (size_t i = 0; i < r.rows; i++) {
        struct lt_site *site = site_by_id(l->config, lt_rows_int(&r, i, 0));
        texts[i] = (struct lt_policy_text){lt_rows_str(&r, i, 1), lt_rows_str(&r, i, 2)};
        if (site && site->policy_texts_n++ == 0)
            site->policy_texts = &texts[i];
    }
    for (struct lt_site *s = l->config->sites; s < l->config->sites + l->config->sites_n; s++)
        if (s->policy_texts_n > 0)
            s->policy_text = lt_policy_text_for(s, LT_STR(""))->text;
    return LT_OK;
}

static int by_hash(const void *a, const void *b)
{
    return memcmp(((const struct lt_site_key *)a)->hash, ((const struct lt_site_key *)b)->hash, 32);
}

static enum lt_key_role key_role(struct lt_str name)
{
    return lt_str_is(name, "site_admin") ? LT_KEY_SITE_ADMIN : lt_str_is(name, "service") ? LT_KEY_SERVICE : LT_KEY_METRICS;
}

static enum lt_code load_keys(struct load *l)
{
    struct lt_rows r;
    if (rows(l, "SELECT id, site_id, hash, prefix, role, name, choose_provider, expires_at, last_used_at FROM site_key WHERE revoked_at = 0", &r))
        return l->err->code;
    l->config->keys = LT_NEW_ARRAY(l->arena, struct lt_site_key, r.rows);
    for (size_t i = 0; i < r.rows; i++) {
        struct lt_site *site = site_by_id(l->config, lt_rows_int(&r, i, 1));
        struct lt_str hash = lt_rows_str(&r, i, 2), prefix = lt_rows_str(&r, i, 3);
        if (!site || hash.n != 32)
            continue;
        struct lt_site_key *k = &l->config->keys[l->config->keys_n++];
        k->id = lt_rows_int(&r, i, 0);
        k->site = site;
        memcpy(k->hash, hash.p, 32);
        memcpy(k->prefix, prefix.p, prefix.n < sizeof(k->prefix) ? prefix.n : sizeof(k->prefix) - 1);
        k->role = key_role(lt_rows_str(&r, i, 4));
        k->name = lt_rows_str(&r, i, 5);
        k->choose_provider = lt_rows_int(&r, i, 6) != 0;
        k->expires_at = lt_rows_int(&r, i, 7);
        k->last_used_at = LT_NEW(l->arena, _Atomic int64_t);
        atomic_init(k->last_used_at, lt_rows_int(&r, i, 8));
    }
    qsort(l->config->keys, l->config->keys_n, sizeof(struct lt_site_key), by_hash);
    return LT_OK;
}

/* A secret that cannot be opened is replaced by one that nobody knows. */
static struct lt_str open_issuer(struct load *l, int64_t site_id, const struct lt_rows *r, size_t i)
{
    struct lt_str iss = lt_rows_str(r, i, 1), sealed = lt_rows_str(r, i, 4), secret = sealed;
    struct lt_error err;
    if (!lt_is_sealed(sealed)) /* also "": its keys are public */
        return secret;
    if (!l->ring)
        err = *l->no_ring;
    else if (!lt_unseal(l->ring, l->arena, sealed, lt_secret_place_issuer(l->arena, site_id, iss, lt_rows_str(r, i, 2)), &secret, &err))
        return secret;
    lt_error_wrap(&err, "token issuer %.*s", LT_FMT(iss));
    lt_log_error("config.secret_lost", &err);
    char *unknown = lt_alloc(l->arena, 32);
    lt_random(unknown, 32);
    return (struct lt_str){unknown, 32};
}

/* Public keys were checked when they were saved. Ones that cannot be read are as none: its tokens are refused, and the operator must know. */
static const struct lt_jwks *read_keys(struct load *l, const struct lt_rows *r, size_t i)
{
    const struct lt_jwks *keys = NULL;
    struct lt_error err;
    struct lt_str text = lt_rows_str(r, i, 5);
    if (text.n > 0 && lt_jwks_parse(l->arena, text, &keys, &err)) {
        lt_error_wrap(&err, "token issuer %.*s", LT_FMT(lt_rows_str(r, i, 1)));
        lt_log_error("config.unreadable", &err);
    }
    return keys;
}

static enum lt_code load_issuers(struct load *l)
{
    struct lt_rows r;
    if (rows(l, "SELECT site_id, iss, aud, alg, secret, jwks, jwks_url, user_claim FROM jwt_issuer ORDER BY iss, aud", &r))
        return l->err->code;
    l->config->issuers = LT_NEW_ARRAY(l->arena, struct lt_jwt_issuer, r.rows);
    for (size_t i = 0; i < r.rows; i++) {
        struct lt_site *site = site_by_id(l->config, lt_rows_int(&r, i, 0));
        if (site)
            l->config->issuers[l->config->issuers_n++] =
                (struct lt_jwt_issuer){.site = site,
                                       .iss = lt_rows_str(&r, i, 1),
                                       .aud = lt_rows_str(&r, i, 2),
                                       .alg = lt_strz(l->arena, lt_rows_str(&r, i, 3)),
                                       .secret = open_issuer(l, site->id, &r, i),
                                       .keys = read_keys(l, &r, i),
                                       .jwks_url = lt_rows_str(&r, i, 6),
                                       .user_claim = lt_rows_str(&r, i, 7)};
    }
    return LT_OK;
}

static int64_t number(const struct lt_json *config, const char *key, int64_t least, int64_t most, int64_t otherwise)
{
    int64_t v = lt_json_int64_or(lt_json_get(config, key), otherwise);
    return v < least ? least : v > most ? most : v;
}

/* How the manager tries the instance. */
static void read_try_settings(struct lt_provider_instance *p)
{
    p->retries = (int)number(p->config, "retries", 0, 5, 1);
    p->total_ms = (uint32_t)number(p->config, "total_ms", 0, 3600000, 0);
    p->breaker_faults = (int)number(p->config, "breaker_faults", 0, 1000, 5);
    p->breaker_open_ms = (uint32_t)number(p->config, "breaker_open_ms", 1, 300000, 10000);
}

/* With its secrets in clear. One that cannot be opened is as one that was not given, but that the operator must know. */
static const struct lt_json *open_config(struct load *l, const struct lt_provider_instance *p, int64_t site_id, const struct lt_json *sealed)
{
    const struct lt_json *config = NULL;
    struct lt_error err;
    if (lt_config_unseal(l->ring, l->arena, p->provider->settings_schema, site_id, sealed, &config, &err)) {
        if (!l->ring)
            err = *l->no_ring;
        lt_error_wrap(&err, "provider instance %.*s", LT_FMT(p->name));
        lt_log_error("config.secret_lost", &err);
    }
    return config;
}

static void add_instance(struct load *l, struct lt_site *site, const struct lt_rows *r, size_t i)
{
    struct lt_str plugin = lt_rows_str(r, i, 3);
    const struct lt_entry *entry = lt_registry_find(LT_KIND_PROVIDER, plugin);
    if (!entry) { /* kept in the store; it comes back with its plugin */
        lt_log(LT_LOG_WARN, "config.unknown_provider", LT_SS("plugin", plugin), LT_SS("instance", lt_rows_str(r, i, 2)));
        return;
    }
    struct lt_provider_instance *p = LT_NEW(l->arena, struct lt_provider_instance);
    char why[LT_PROVIDER_WHY_MAX] = "";
    p->id = lt_rows_int(r, i, 0);
    p->name = lt_rows_str(r, i, 2);
    p->plugin = plugin;
    p->provider = entry->impl;
    p->enabled = lt_rows_int(r, i, 4) != 0;
    p->config = open_config(l, p, site->id, json(l, lt_rows_str(r, i, 5), "provider config"));
    p->actions = json(l, lt_rows_str(r, i, 6), "provider actions");
    p->config_mark = lt_hash64(LT_HASH64_START, lt_rows_str(r, i, 5).p, lt_rows_str(r, i, 5).n);
    read_try_settings(p);
    p->configured = p->provider->configured(p, why);
    p->not_configured = p->configured ? "" : lt_strz(l->arena, lt_str(why));
    site->instances[site->instances_n++] = p;
}

static enum lt_code load_instances(struct load *l)
{
    struct lt_rows r;
    if (rows(l, "SELECT id, site_id, name, plugin, enabled, config, actions FROM provider_instance ORDER BY site_id, position, id", &r))
        return l->err->code;
    for (size_t i = 0; i < r.rows; i++) {
        struct lt_site *site = site_by_id(l->config, lt_rows_int(&r, i, 1));
        if (!site)
            continue;
        if (!site->instances)
            site->instances = LT_NEW_ARRAY(l->arena, struct lt_provider_instance *, r.rows);
        add_instance(l, site, &r, i);
    }
    return LT_OK;
}

static enum lt_code load_permissions(struct load *l)
{
    struct lt_rows r;
    if (rows(l, "SELECT site_id, role, permission, allowed FROM role_permission ORDER BY site_id, role, permission", &r))
        return l->err->code;
    for (size_t i = 0; i < r.rows; i++) {
        struct lt_site *site = site_by_id(l->config, lt_rows_int(&r, i, 0));
        int role = lt_role_parse(lt_rows_str(&r, i, 1));
        if (!site || role < 0)
            continue;
        if (!site->permissions)
            site->permissions = LT_NEW_ARRAY(l->arena, struct lt_permission_row, r.rows);
        site->permissions[site->permissions_n++] = (struct lt_permission_row){
            .role = (enum lt_role)role, .permission = lt_rows_str(&r, i, 2), .allowed = lt_rows_int(&r, i, 3) != 0};
    }
    return LT_OK;
}

static enum lt_code load_switches(struct load *l)
{
    struct lt_rows r;
    if (rows(l, "SELECT site_id, placement, action, enabled, until_at FROM placement_switch", &r))
        return l->err->code;
    for (size_t i = 0; i < r.rows; i++) {
        struct lt_site *site = site_by_id(l->config, lt_rows_int(&r, i, 0));
        if (!site)
            continue;
        if (!site->placement_switches)
            site->placement_switches = LT_NEW_ARRAY(l->arena, struct lt_placement_switch, r.rows);
        site->placement_switches[site->placement_switches_n++] = (struct lt_placement_switch){
            .placement = lt_rows_str(&r, i, 1), .action = lt_rows_str(&r, i, 2), .enabled = lt_rows_int(&r, i, 3) != 0,
            .until_at = lt_rows_int(&r, i, 4)};
    }
    if (rows(l, "SELECT site_id, course_id, location_id, action, enabled, until_at FROM place_switch", &r))
        return l->err->code;
    for (size_t i = 0; i < r.rows; i++) {
        struct lt_site *site = site_by_id(l->config, lt_rows_int(&r, i, 0));
        if (!site)
            continue;
        if (!site->place_switches)
            site->place_switches = LT_NEW_ARRAY(l->arena, struct lt_place_switch, r.rows);
        site->place_switches[site->place_switches_n++] =
            (struct lt_place_switch){.course_id = lt_rows_str(&r, i, 1),
                                     .location_id = lt_rows_str(&r, i, 2),
                                     .action = lt_rows_str(&r, i, 3),
                                     .enabled = lt_rows_int(&r, i, 4) != 0,
                                     .until_at = lt_rows_int(&r, i, 5)};
    }
    for (struct lt_site *s = l->config->sites; s < l->config->sites + l->config->sites_n; s++) { /* as they are looked up */
        if (s->place_switches_n > 1)
            qsort(s->place_switches, s->place_switches_n, sizeof(struct lt_place_switch), lt_place_switch_compare);
        if (s->placement_switches_n > 1)
            qsort(s->placement_switches, s->placement_switches_n, sizeof(struct lt_placement_switch), lt_placement_switch_compare);
    }
    return LT_OK;
}

static const struct lt_config_part_type *part_types[LT_CONFIG_PARTS]; /* the registry of parts: written at start only */

void lt_config_set_part(enum lt_config_part part, const struct lt_config_part_type *type)
{
    part_types[part] = type;
}

static enum lt_code load_parts(struct load *l)
{
    for (int i = 0; i < LT_CONFIG_PARTS; i++) {
        if (!part_types[i])
            continue;
        if (part_types[i]->load(part_types[i]->ctx, l->store, &l->config->parts[i], l->err))
            return l->err->code;
        lt_arena_on_free(l->arena, part_types[i]->free, l->config->parts[i]);
    }
    return LT_OK;
}

enum lt_code lt_config_load(struct lt_store *store, struct lt_config **ret, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_config *config = LT_NEW(arena, struct lt_config);
    config->arena = arena;
    config->references = 1;
    struct load l = {.store = store, .arena = arena, .config = config, .err = err};
    struct lt_error no_ring;
    if (lt_secrets_ring(store, false, &l.ring, &no_ring))
        l.no_ring = &no_ring;
    /* The generation is read first: a change in between is seen as newer by the next look. */
    bool failed = lt_store_generation(store, &config->generation, err) || load_sites(&l) || load_policies(&l) || load_keys(&l) || load_issuers(&l) ||
                  load_instances(&l) || load_permissions(&l) || load_switches(&l) || lt_limits_load(store, config, err) ||
                  lt_event_load(store, l.ring, config, err) || load_parts(&l);
    lt_keyring_free(l.ring);
    if (failed) {
        lt_arena_free(arena);
        return lt_error_wrap(err, "reading the configuration");
    }
    *ret = config;
    return LT_OK;
}

struct generation {
    struct lt_store *store;
    int64_t value;
    enum lt_code rc;
    struct lt_error err;
};

static void read_generation(void *arg)
{
    struct generation *g = arg;
    g->rc = lt_store_generation(g->store, &g->value, &g->err);
}

enum lt_code lt_config_changed(struct lt_store *store, int64_t generation, bool *ret, struct lt_error *err)
{
    struct generation g = {.store = store};
    *ret = false;
    if (lt_work(read_generation, &g))
        return LT_OK; /* busy: next time */
    if (g.rc) {
        *err = g.err;
        return g.rc;
    }
    *ret = g.value != generation;
    return LT_OK;
}
