/* Destinations of events in the store. */
#include "core/admin_event.h"

#include "base/clock.h"
#include "base/secret.h"
#include "core/admin_private.h"
#include "core/mask.h"
#include "core/sealed.h"
#include "io/outbound.h"
#include "text/merge_patch.h"

#define TEXT(max) "{\"type\":\"string\",\"maxLength\":" max "}"
#define WORD(max) "{\"type\":\"string\",\"minLength\":1,\"maxLength\":" max ",\"pattern\":\"^[!-~]+$\"}"
#define SECRET "{\"type\":\"string\",\"maxLength\":1024,\"writeOnly\":true}"
#define SIGNING "{\"type\":\"string\",\"maxLength\":200,\"pattern\":\"^(whsec_[A-Za-z0-9+/]{32,}={0,2})?$\",\"writeOnly\":true}"
#define FLAG "{\"type\":\"boolean\"}"
#define CONFIG                                                                                                                                      \
    "\"xapi\":{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"username\":" TEXT("255") ",\"password\":" SECRET ",\"home_page\":" WORD("1024") "}}," \
    "\"webhook\":{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"secret\":" SIGNING ",\"old_secret\":" SIGNING ",\"include_content\":" FLAG       \
    ",\"include_user\":" FLAG "}},"                                                                                                                 \
    "\"redis\":{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"username\":" TEXT("255") ",\"password\":" SECRET ",\"topic_prefix\":" WORD("200")  \
    ",\"topic\":" WORD("200") ",\"max_length\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":100000000},\"consume\":" FLAG ",\"request_topic\":" WORD("200")          \
    ",\"group\":" WORD("200") "}}"
#define EVENT                                                                                                                                       \
    "{\"enum\":[\"call.completed\",\"call.failed\",\"workflow.initialized\",\"workflow.interacted\",\"workflow.completed\",\"grading.proposed\","    \
    "\"grading.decided\",\"policy.accepted\",\"policy.withdrawn\"]}"
#define MEMBERS                                                                                                                                     \
    "\"name\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":100},\"url\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":2048},"             \
    "\"enabled\":" FLAG ",\"events\":{\"type\":\"array\",\"maxItems\":9,\"uniqueItems\":true,\"items\":" EVENT "},\"config\":{\"type\":\"object\"}"

const char lt_event_config_schema[] = "{\"type\":\"object\",\"properties\":{" CONFIG "}}";
const char lt_event_destination_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"name\",\"kind\",\"url\"],\"properties\":{"
    "\"kind\":{\"enum\":[\"xapi\",\"webhook\",\"redis\"]}," MEMBERS "}}";
const char lt_event_destination_patch_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"minProperties\":1,\"properties\":{" MEMBERS "}}";

/* What a kind of destination can tell. An LRS has statements for runs and for calls that somebody asked for directly. */
static const unsigned may_tell[LT_DESTINATION_KINDS] = {
    [LT_DESTINATION_XAPI] = LT_EVENT_BIT(LT_EVENT_CALL_COMPLETED) | LT_EVENT_BIT(LT_EVENT_WORKFLOW_INITIALIZED) |
                            LT_EVENT_BIT(LT_EVENT_WORKFLOW_INTERACTED) | LT_EVENT_BIT(LT_EVENT_WORKFLOW_COMPLETED),
    [LT_DESTINATION_WEBHOOK] = LT_EVENT_BIT(LT_EVENT_KINDS) - 1,
    [LT_DESTINATION_REDIS] = LT_EVENT_BIT(LT_EVENT_KINDS) - 1};
static const unsigned tells[LT_DESTINATION_KINDS] = { /* unless somebody says otherwise */
    [LT_DESTINATION_XAPI] = LT_EVENT_BIT(LT_EVENT_CALL_COMPLETED) | LT_EVENT_BIT(LT_EVENT_WORKFLOW_INITIALIZED) |
                            LT_EVENT_BIT(LT_EVENT_WORKFLOW_INTERACTED) | LT_EVENT_BIT(LT_EVENT_WORKFLOW_COMPLETED),
    [LT_DESTINATION_WEBHOOK] = LT_EVENT_BIT(LT_EVENT_KINDS) - 1,
    [LT_DESTINATION_REDIS] = LT_EVENT_BIT(LT_EVENT_WORKFLOW_INITIALIZED) | LT_EVENT_BIT(LT_EVENT_WORKFLOW_INTERACTED) |
                             LT_EVENT_BIT(LT_EVENT_WORKFLOW_COMPLETED)};

const struct lt_event_destination *lt_site_destination(const struct lt_site *site, int64_t id)
{
    for (size_t i = 0; i < site->destinations_n; i++)
        if (site->destinations[i].id == id)
            return &site->destinations[i];
    return NULL;
}

const struct lt_event_destination *lt_site_destination_named(const struct lt_site *site, struct lt_str name_or_id)
{
    int64_t id;
    for (size_t i = 0; i < site->destinations_n; i++)
        if (lt_str_eq(site->destinations[i].name, name_or_id))
            return &site->destinations[i];
    return lt_str_to_int64(name_or_id, &id) ? lt_site_destination(site, id) : NULL;
}

/* ---- checks ---- */

static enum lt_code check_name(const struct lt_site *site, struct lt_str name, int64_t own, struct lt_error *err)
{
    int64_t id;
    if (!lt_admin_text_ok(name, 100) || lt_str_to_int64(name, &id))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/name", "must be 1 to 100 bytes of UTF-8 and no number: numbers are ids");
    const struct lt_event_destination *same = lt_site_destination_named(site, name);
    if (same && same->id != own)
        return lt_fail_field(err, LT_ECONFLICT, "/name", "the site has a destination '%.*s' already", LT_FMT(name));
    return LT_OK;
}

/* redis:// and rediss:// go by the rules of http:// and https://. */
static enum lt_code check_url(struct lt_arena *arena, enum lt_destination_kind kind, struct lt_str url, struct lt_error *err)
{
    bool tls = lt_str_starts(url, LT_STR("rediss://")), plain = lt_str_starts(url, LT_STR("redis://"));
    if ((kind == LT_DESTINATION_REDIS) != (tls || plain))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/url", kind == LT_DESTINATION_REDIS ? "must begin with redis:// or rediss://" : "must begin with https:// or http://");
    struct lt_str as_http = url;
    if (kind == LT_DESTINATION_REDIS)
        as_http = lt_printf(arena, "%s%.*s", tls ? "https" : "http", (int)(url.n - 5 - tls), url.p + 5 + tls);
    if (lt_outbound_check_url(as_http, err))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/url", "%s", lt_printf(arena, "%s", err->detail).p);
    return LT_OK;
}

static enum lt_code read_events(enum lt_destination_kind kind, const struct lt_json *list, unsigned otherwise, unsigned *ret, struct lt_error *err)
{
    *ret = list ? 0 : otherwise;
    for (size_t i = 0; i < lt_json_len(list); i++)
        *ret |= LT_EVENT_BIT(lt_event_parse(lt_json_str(lt_json_at(list, i))));
    if (*ret & ~may_tell[kind])
        return lt_fail_field(err, LT_EINVALID_INPUT, "/events", "an LRS can be told of call.completed and of workflow.* only");
    return LT_OK;
}

static struct lt_str events_text(struct lt_arena *arena, unsigned events)
{
    struct lt_str text = LT_STR("");
    for (int i = 0; i < LT_EVENT_KINDS; i++)
        if (events & LT_EVENT_BIT(i))
            text = lt_printf(arena, "%.*s%s%s", LT_FMT(text), text.n > 0 ? " " : "", lt_event_name((enum lt_event_kind)i));
    return text;
}

/* {"<kind>": config}, checked and sealed. */
static enum lt_code seal(struct lt_store *store, struct lt_arena *arena, int64_t site_id, enum lt_destination_kind kind, const struct lt_json *config,
                         struct lt_str *ret, struct lt_error *err)
{
    const struct lt_json *whole;
    struct lt_keyring *ring;
    struct lt_str text = lt_printf(arena, "{\"%s\":%.*s}", lt_destination_kind_name(kind), LT_FMT(lt_json_text(arena, config)));
    if (lt_json_parse(arena, text, LT_JSON_STRICT, &whole, err))
        return err->code;
    if (lt_config_is_sealed(lt_event_config_schema, whole))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/config", "a secret must be given in clear, not sealed");
    if (lt_admin_check(arena, lt_event_config_schema, whole, err)) /* its field begins with the kind */
        return lt_error_wrap(err, "config");
    if (lt_secrets_ring(store, true, &ring, err))
        return err->code;
    *ret = lt_config_seal(ring, arena, lt_event_config_schema, site_id, whole);
    lt_keyring_free(ring);
    return LT_OK;
}

/* ---- changes ---- */

static struct lt_str new_secret(struct lt_arena *arena)
{
    uint8_t key[32];
    lt_random(key, sizeof(key));
    struct lt_str text = lt_printf(arena, "whsec_%.*s", LT_FMT(lt_base64(arena, key, sizeof(key))));
    lt_wipe(key, sizeof(key));
    return text;
}

/* The config with one member set. */
static const struct lt_json *with(struct lt_arena *arena, const struct lt_json *config, const char *key, struct lt_str value)
{
    const struct lt_json *patch = NULL;
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, 4096);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_kstr(&w, key, value);
    lt_jw_end(&w);
    lt_json_parse(arena, lt_str_copy(arena, lt_buf_str(&out)), LT_JSON_STRICT, &patch, NULL);
    lt_buf_free(&out);
    return lt_merge_patch(arena, config, patch);
}

static const struct lt_json *empty(struct lt_arena *arena)
{
    const struct lt_json *v = NULL;
    lt_json_parse(arena, LT_STR("{}"), LT_JSON_STRICT, &v, NULL);
    return v;
}

enum lt_code lt_admin_event_add(struct lt_store *store, struct lt_arena *arena, const struct lt_site *site, const struct lt_json *form, int64_t *ret_id,
                                struct lt_str *ret_secret, struct lt_error *err)
{
    unsigned events;
    struct lt_rows r;
    struct lt_str sealed, secret = LT_STR("");
    if (lt_admin_check(arena, lt_event_destination_schema, form, err))
        return err->code;
    enum lt_destination_kind kind = (enum lt_destination_kind)lt_destination_kind_parse(lt_json_str(lt_json_get(form, "kind")));
    struct lt_str name = lt_json_str(lt_json_get(form, "name")), url = lt_json_str(lt_json_get(form, "url"));
    const struct lt_json *config = lt_json_get(form, "config") ? lt_json_get(form, "config") : empty(arena);
    if (site->destinations_n >= LT_DESTINATIONS_MAX)
        return lt_fail(err, LT_ECONFLICT, "the site has %d destinations already, which is as many as may be", LT_DESTINATIONS_MAX);
    if (check_name(site, name, 0, err) || check_url(arena, kind, url, err) ||
        read_events(kind, lt_json_get(form, "events"), tells[kind], &events, err))
        return err->code;
    if (kind == LT_DESTINATION_WEBHOOK && lt_json_str_or(lt_json_get(config, "secret"), LT_STR("")).n == 0)
        config = with(arena, config, "secret", secret = new_secret(arena));
    if (seal(store, arena, site->id, kind, config, &sealed, err))
        return err->code;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "INSERT INTO event_destination (site_id, name, kind, url, enabled, events, config, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
          LT_INT(site->id), LT_TEXT(name), LT_TEXTZ(lt_destination_kind_name(kind)), LT_TEXT(url), LT_INT(lt_json_bool_or(lt_json_get(form, "enabled"), true)),
          LT_TEXT(events_text(arena, events)), LT_TEXT(sealed), LT_INT(lt_now_ms()));
    LT_TX(tx, "INSERT INTO event_delivery (destination_id) SELECT id FROM event_destination WHERE site_id = $1 AND name = $2", LT_INT(site->id), LT_TEXT(name));
    if (lt_admin_commit(store, tx, err))
        return err->code;
    if (LT_QUERY(store, arena, &r, err, "SELECT id FROM event_destination WHERE site_id = $1 AND name = $2", LT_INT(site->id), LT_TEXT(name)))
        return err->code;
    *ret_id = r.rows > 0 ? lt_rows_int(&r, 0, 0) : 0;
    if (ret_secret)
        *ret_secret = secret;
    return LT_OK;
}

static enum lt_code change(struct lt_store *store, struct lt_arena *arena, const struct lt_site *site, const struct lt_event_destination *d,
                           const struct lt_json *patch, struct lt_error *err)
{
    unsigned events;
    struct lt_str sealed;
    if (lt_admin_check(arena, lt_event_destination_patch_schema, patch, err))
        return err->code;
    const struct lt_json *more = lt_json_get(patch, "config"), *config = d->config ? d->config : empty(arena);
    struct lt_str name = lt_json_str_or(lt_json_get(patch, "name"), d->name), url = lt_json_str_or(lt_json_get(patch, "url"), d->url);
    struct lt_str old = lt_json_str_or(lt_json_get(config, "secret"), LT_STR(""));
    if (check_name(site, name, d->id, err) || check_url(arena, d->kind, url, err) || read_events(d->kind, lt_json_get(patch, "events"), d->events, &events, err))
        return err->code;
    config = lt_merge_patch(arena, config, more);
    if (d->kind == LT_DESTINATION_WEBHOOK && lt_json_get(more, "secret") && !lt_json_get(more, "old_secret") && old.n > 0)
        config = with(arena, config, "old_secret", old);
    if (seal(store, arena, site->id, d->kind, config, &sealed, err))
        return err->code;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE event_destination SET name = $1, url = $2, enabled = $3, events = $4, config = $5 WHERE id = $6 AND site_id = $7", LT_TEXT(name), LT_TEXT(url),
          LT_INT(lt_json_bool_or(lt_json_get(patch, "enabled"), d->enabled)), LT_TEXT(events_text(arena, events)), LT_TEXT(sealed), LT_INT(d->id),
          LT_INT(site->id));
    lt_tx_expect(tx, 1);
    LT_TX(tx, "UPDATE event_delivery SET paused_until = 0, failures = 0 WHERE destination_id = $1", LT_INT(d->id)); /* it is tried at once */
    return lt_admin_commit(store, tx, err);
}

static enum lt_code no_destination(int64_t id, struct lt_error *err)
{
    return lt_fail(err, LT_ENOT_FOUND, "there is no event destination %lld", (long long)id);
}

enum lt_code lt_admin_event_change(struct lt_store *store, const struct lt_site *site, int64_t id, const struct lt_json *patch, struct lt_error *err)
{
    const struct lt_event_destination *d = lt_site_destination(site, id);
    if (!d)
        return no_destination(id, err);
    struct lt_arena *arena = lt_arena_new();
    enum lt_code rc = change(store, arena, site, d, patch, err);
    lt_arena_free(arena);
    return rc;
}

enum lt_code lt_admin_event_remove(struct lt_store *store, const struct lt_site *site, int64_t id, struct lt_error *err)
{
    if (!lt_site_destination(site, id))
        return no_destination(id, err);
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "DELETE FROM event_outbox WHERE destination_id = $1", LT_INT(id));
    LT_TX(tx, "DELETE FROM event_delivery WHERE destination_id = $1", LT_INT(id));
    LT_TX(tx, "DELETE FROM event_destination WHERE id = $1 AND site_id = $2", LT_INT(id), LT_INT(site->id));
    lt_tx_expect(tx, 1);
    return lt_admin_commit(store, tx, err);
}

/* ---- showing ---- */

static bool is_secret(struct lt_str key)
{
    return lt_str_is(key, "secret") || lt_str_is(key, "old_secret") || lt_str_is(key, "password");
}

void lt_event_destination_write(struct lt_jw *w, const struct lt_event_destination *d)
{
    lt_jw_kint(w, "id", d->id);
    lt_jw_kstr(w, "name", d->name);
    lt_jw_kstrz(w, "kind", lt_destination_kind_name(d->kind));
    lt_jw_kstr(w, "url", d->url);
    lt_jw_kbool(w, "enabled", d->enabled);
    lt_jw_key(w, "events");
    lt_jw_arr(w);
    for (int i = 0; i < LT_EVENT_KINDS; i++)
        if (d->events & LT_EVENT_BIT(i))
            lt_jw_strz(w, lt_event_name((enum lt_event_kind)i));
    lt_jw_end(w);
    lt_jw_key(w, "config");
    lt_jw_obj(w);
    for (size_t i = 0; i < lt_json_len(d->config); i++) {
        lt_jw_key_str(w, lt_json_key_at(d->config, i));
        if (is_secret(lt_json_key_at(d->config, i)))
            lt_jw_strz(w, lt_json_str(lt_json_at(d->config, i)).n > 0 ? LT_MASKED : "");
        else
            lt_jw_json(w, lt_json_at(d->config, i));
    }
    lt_jw_end(w);
    lt_jw_ktime(w, "created_at", d->created_at);
}
