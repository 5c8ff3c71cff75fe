/* MCP servers of sites: read into the snapshot, asked about, shown. */
#include "tools/mcp_server.h"

#include <stdlib.h>

#include "base/log.h"
#include "core/sealed.h"
#include "io/outbound.h"
#include "tools/mcp_hub.h"

const char lt_mcp_config_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
    "\"transport\":{\"type\":\"string\",\"enum\":[\"http\",\"stdio\"]},"
    "\"url\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":2048},"
    "\"command\":{\"type\":\"string\",\"pattern\":\"^[a-z0-9][a-z0-9_-]{0,63}$\"},"
    "\"headers\":{\"type\":\"object\",\"maxProperties\":16,\"propertyNames\":{\"pattern\":\"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$\"},"
    "\"additionalProperties\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":8192,\"writeOnly\":true}},"
    "\"tools\":{\"type\":\"array\",\"maxItems\":128,\"items\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":128}},"
    "\"resources\":{\"type\":\"boolean\"},"
    "\"approval\":{\"type\":\"string\",\"enum\":[\"always\",\"never\"]},"
    "\"tool_approval\":{\"type\":\"object\",\"maxProperties\":128,\"additionalProperties\":{\"type\":\"string\",\"enum\":[\"always\",\"never\"]}},"
    "\"connect_ms\":{\"type\":\"integer\",\"minimum\":100,\"maximum\":120000},"
    "\"call_ms\":{\"type\":\"integer\",\"minimum\":100,\"maximum\":600000},"
    "\"idle_ms\":{\"type\":\"integer\",\"minimum\":1000,\"maximum\":86400000},"
    "\"max_bytes\":{\"type\":\"integer\",\"minimum\":1024,\"maximum\":16777216}}}";

const struct lt_sealed_table lt_mcp_sealed_table = {.select = "SELECT id, site_id, config FROM mcp_server ORDER BY id",
                                                   .update = "UPDATE mcp_server SET config = $1 WHERE id = $2 AND config = $3",
                                                   .schema = lt_mcp_config_schema};

/* ---- questions ---- */

const struct lt_mcp_server *lt_mcp_server_by_id(const struct lt_mcp_set *set, int64_t site_id, int64_t id)
{
    for (size_t i = 0; set && i < set->n; i++)
        if (set->servers[i].site_id == site_id && set->servers[i].id == id)
            return &set->servers[i];
    return NULL;
}

const struct lt_mcp_server *lt_mcp_server_find(const struct lt_mcp_set *set, int64_t site_id, struct lt_str key)
{
    int64_t id;
    for (size_t i = 0; set && i < set->n; i++)
        if (set->servers[i].site_id == site_id && lt_str_eq(set->servers[i].label, key))
            return &set->servers[i];
    return lt_str_to_int64(key, &id) ? lt_mcp_server_by_id(set, site_id, id) : NULL;
}

enum lt_code lt_mcp_host_allowed(const struct lt_site *site, struct lt_str url, struct lt_error *err)
{
    struct lt_url u;
    const struct lt_json *hosts = lt_json_get(site->settings, "mcp_hosts");
    if (lt_url_parse(url, &u, err) || lt_outbound_check(&u, err))
        return err->code;
    for (size_t i = 0; i < lt_json_len(hosts); i++) {
        struct lt_str host = lt_json_str(lt_json_at(hosts, i));
        if (lt_str_eq_ci(host, lt_str(u.host)) || lt_str_eq_ci(host, u.authority))
            return LT_OK;
    }
    return lt_fail(err, LT_EOUTBOUND_REFUSED, "the site's setting mcp_hosts does not name the host '%s'", u.host);
}

bool lt_mcp_tool_allowed(const struct lt_mcp_server *server, struct lt_str own_name)
{
    bool allowed = server->tools == NULL;
    for (size_t i = 0; !allowed && i < lt_json_len(server->tools); i++)
        allowed = lt_str_eq(lt_json_str(lt_json_at(server->tools, i)), own_name);
    return allowed;
}

bool lt_mcp_tool_asks(const struct lt_mcp_server *server, struct lt_str own_name)
{
    struct lt_str said = lt_json_str(lt_json_get_str(server->tool_approval, own_name));
    return said.n > 0 ? lt_str_is(said, "always") : server->asks;
}

/* ---- reading ---- */

struct load {
    struct lt_mcp_set *set;
    struct lt_keyring *ring;
    struct lt_error no_ring;
};

static uint32_t number(const struct lt_json *config, const char *key, int64_t otherwise)
{
    return (uint32_t)lt_json_int64_or(lt_json_get(config, key), otherwise);
}

static void read_headers(struct lt_arena *arena, struct lt_mcp_server *s)
{
    const struct lt_json *headers = lt_json_get(s->config, "headers");
    s->headers = LT_NEW_ARRAY(arena, struct lt_http_field, lt_json_len(headers));
    for (size_t i = 0; i < lt_json_len(headers) && s->headers_n < LT_MCP_HEADERS_MAX; i++)
        s->headers[s->headers_n++] = (struct lt_http_field){lt_json_key_at(headers, i), lt_json_str(lt_json_at(headers, i))};
}

/* Why it cannot be used; of the address only what no lookup is needed for. */
static const char *wrong(struct lt_arena *arena, const struct lt_site *site, const struct lt_mcp_server *s)
{
    struct lt_error err;
    if (s->transport == LT_MCP_HTTP)
        return lt_mcp_host_allowed(site, s->url, &err) ? lt_strz(arena, lt_str(err.detail)) : NULL;
    return s->command ? NULL : "the operator's mcp_commands name no such command for this site";
}

static void read_config(struct lt_mcp_set *set, const struct lt_site *site, struct lt_mcp_server *s)
{
    s->transport = lt_str_is(lt_json_str(lt_json_get(s->config, "transport")), "stdio") ? LT_MCP_STDIO : LT_MCP_HTTP;
    s->url = lt_json_str_or(lt_json_get(s->config, "url"), LT_STR(""));
    s->tools = lt_json_get(s->config, "tools");
    s->resources = lt_json_bool_or(lt_json_get(s->config, "resources"), true);
    s->asks = !lt_str_is(lt_json_str(lt_json_get(s->config, "approval")), "never");
    s->tool_approval = lt_json_get(s->config, "tool_approval");
    s->connect_ms = number(s->config, "connect_ms", 30000);
    s->call_ms = number(s->config, "call_ms", 30000);
    s->idle_ms = number(s->config, "idle_ms", 300000);
    s->max_bytes = number(s->config, "max_bytes", 4 << 20);
    read_headers(set->arena, s);
    s->command = lt_mcp_command_for(lt_mcp_hub_commands(set->hub), lt_json_str_or(lt_json_get(s->config, "command"), LT_STR("")), site->slug);
    if (!s->why)
        s->why = wrong(set->arena, site, s);
}

static void read_row(struct load *l, const struct lt_rows *r, size_t i)
{
    struct lt_arena *arena = l->set->arena;
    struct lt_mcp_server *s = &l->set->servers[l->set->n++];
    struct lt_site site = {.id = lt_rows_int(r, i, 1), .slug = lt_rows_str(r, i, 5)};
    struct lt_str text = lt_rows_str(r, i, 4);
    const struct lt_json *sealed = NULL;
    struct lt_error err;
    *s = (struct lt_mcp_server){.id = lt_rows_int(r, i, 0), .site_id = site.id, .label = lt_rows_str(r, i, 2), .enabled = lt_rows_int(r, i, 3) != 0};
    s->mark = lt_hash64(lt_hash64(LT_HASH64_START, text.p, text.n), s->label.p, s->label.n);
    if (lt_json_parse(arena, lt_rows_str(r, i, 6), LT_JSON_STRICT, &site.settings, &err) ||
        lt_json_parse(arena, text, LT_JSON_STRICT, &sealed, &err) ||
        lt_config_unseal(l->ring, arena, lt_mcp_config_schema, site.id, sealed, &s->config, &err)) {
        if (!l->ring)
            err = l->no_ring;
        lt_error_wrap(&err, "MCP server %.*s", LT_FMT(s->label));
        lt_log_error("config.secret_lost", &err);
        s->why = "its settings or a secret in them cannot be read";
    }
    read_config(l->set, &site, s);
}

enum lt_code lt_mcp_set_load(struct lt_mcp_hub *hub, struct lt_store *store, void **ret, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    struct load l = {.set = LT_NEW(arena, struct lt_mcp_set)};
    l.set->arena = arena;
    l.set->hub = hub;
    if (LT_QUERY(store, arena, &r, err,
                 "SELECT m.id, m.site_id, m.label, m.enabled, m.config, s.slug, s.settings FROM mcp_server m JOIN site s ON s.id = m.site_id"
                 " ORDER BY m.site_id, m.label")) {
        lt_arena_free(arena);
        return err->code;
    }
    if (r.rows > 0 && lt_secrets_ring(store, false, &l.ring, &l.no_ring))
        l.ring = NULL;
    l.set->servers = LT_NEW_ARRAY(arena, struct lt_mcp_server, r.rows);
    for (size_t i = 0; i < r.rows; i++)
        read_row(&l, &r, i);
    lt_keyring_free(l.ring);
    *ret = l.set;
    return LT_OK;
}

void lt_mcp_set_free(void *set)
{
    lt_arena_free(((struct lt_mcp_set *)set)->arena);
}

/* ---- showing ---- */

static void put_headers(struct lt_jw *w, const struct lt_mcp_server *s)
{
    lt_jw_key(w, "headers");
    lt_jw_obj(w);
    for (size_t i = 0; i < s->headers_n; i++) {
        lt_jw_key_str(w, s->headers[i].name);
        lt_jw_obj(w);
        lt_jw_kbool(w, "set", true);
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

void lt_mcp_server_write(struct lt_jw *w, const struct lt_mcp_server *s)
{
    lt_jw_kint(w, "id", s->id);
    lt_jw_kstr(w, "label", s->label);
    lt_jw_kbool(w, "enabled", s->enabled);
    lt_jw_kbool(w, "usable", s->enabled && !s->why);
    lt_jw_key(w, "reason");
    if (s->why || !s->enabled)
        lt_jw_strz(w, s->why ? s->why : "it is switched off");
    else
        lt_jw_null(w);
    lt_jw_kstrz(w, "transport", s->transport == LT_MCP_STDIO ? "stdio" : "http");
    lt_jw_kstr_nonempty(w, "url", s->url);
    lt_jw_kstr_nonempty(w, "command", lt_json_str_or(lt_json_get(s->config, "command"), LT_STR("")));
    put_headers(w, s);
    lt_jw_kjson(w, "tools", s->tools);
    lt_jw_kbool(w, "resources", s->resources);
    lt_jw_kstrz(w, "approval", s->asks ? "always" : "never");
    lt_jw_key(w, "tool_approval");
    if (s->tool_approval)
        lt_jw_json(w, s->tool_approval);
    else
        lt_jw_raw(w, LT_STR("{}"));
    lt_jw_kint(w, "connect_ms", s->connect_ms);
    lt_jw_kint(w, "call_ms", s->call_ms);
    lt_jw_kint(w, "idle_ms", s->idle_ms);
    lt_jw_kint(w, "max_bytes", (int64_t)s->max_bytes);
}
