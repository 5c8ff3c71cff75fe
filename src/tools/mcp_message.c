/* MCP: handshake, lists of tools, names. Fuzzed by tests/fuzz/fuzz_mcp_client.c. */
#include "tools/mcp_message.h"

#include <stdio.h>

#include "base/secret.h"

enum { REVISIONS = 3 };
const char *const lt_mcp_versions[] = {"2025-11-25", "2025-06-18", "2025-03-26", NULL};

/* ---- handshake ---- */

void lt_mcp_write_initialize(struct lt_jw *w, int64_t id)
{
    lt_rpc_request(w, id, "initialize");
    lt_jw_key(w, "params");
    lt_jw_obj(w);
    lt_jw_kstrz(w, "protocolVersion", lt_mcp_versions[0]);
    lt_jw_key(w, "capabilities"); /* none: we let no server ask a model, a user or the file system */
    lt_jw_obj(w);
    lt_jw_end(w);
    lt_jw_key(w, "clientInfo");
    lt_jw_obj(w);
    lt_jw_kstrz(w, "name", "lectern");
    lt_jw_kstrz(w, "title", "Lectern");
    lt_jw_kstrz(w, "version", LECTERN_VERSION);
    lt_jw_end(w);
    lt_jw_end(w);
    lt_jw_end(w);
}

static struct lt_str bounded(struct lt_arena *arena, struct lt_str s, size_t max)
{
    if (s.n > max)
        s.n = lt_utf8_whole(s.p, max);
    return lt_str_copy(arena, s);
}

/* A date: what else a server says there is not repeated. */
static bool is_revision(struct lt_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '-' && (s.p[i] < '0' || s.p[i] > '9'))
            return false;
    return s.n == 10;
}

enum lt_code lt_mcp_read_initialize(struct lt_arena *arena, const struct lt_json *result, struct lt_mcp_hello *ret, struct lt_error *err)
{
    const struct lt_json *can = lt_json_get(result, "capabilities"), *info = lt_json_get(result, "serverInfo");
    struct lt_str version = lt_json_str(lt_json_get(result, "protocolVersion"));
    *ret = (struct lt_mcp_hello){.tools = lt_json_is(lt_json_get(can, "tools"), LT_JSON_OBJECT),
                                 .resources = lt_json_is(lt_json_get(can, "resources"), LT_JSON_OBJECT)};
    if (version.n == 0 || !lt_json_is(can, LT_JSON_OBJECT))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "its answer to 'initialize' has no %s", version.n ? "capabilities" : "protocolVersion");
    for (int i = 0; lt_mcp_versions[i]; i++)
        if (lt_str_is(version, lt_mcp_versions[i]))
            ret->version = lt_mcp_versions[i];
    if (!ret->version)
        return lt_fail(err, LT_EUNSUPPORTED, "it speaks revision '%.*s' of the protocol, Lectern %s to %s", is_revision(version) ? 10 : 0, version.p,
                       lt_mcp_versions[REVISIONS - 1], lt_mcp_versions[0]);
    ret->name = bounded(arena, lt_json_str_or(lt_json_get(info, "name"), LT_STR("")), 200);
    ret->server_version = bounded(arena, lt_json_str_or(lt_json_get(info, "version"), LT_STR("")), 100);
    return LT_OK;
}

void lt_mcp_write_reply(struct lt_jw *w, const struct lt_rpc *request)
{
    if (lt_str_is(request->method, "ping")) {
        lt_rpc_result(w, request->id);
        lt_jw_key(w, "result");
        lt_jw_obj(w);
        lt_jw_end(w);
        lt_jw_end(w);
        return;
    }
    lt_rpc_error(w, request->id, LT_RPC_METHOD_NOT_FOUND, LT_STR("this client has not offered that"));
    lt_rpc_error_end(w);
}

void lt_mcp_write_cancelled(struct lt_jw *w, int64_t request_id, const char *reason)
{
    lt_rpc_notification(w, "notifications/cancelled");
    lt_jw_key(w, "params");
    lt_jw_obj(w);
    lt_jw_kint(w, "requestId", request_id);
    lt_jw_kstrz(w, "reason", reason);
    lt_jw_end(w);
    lt_jw_end(w);
}

/* ---- names ---- */

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* Small letters, digits and single '-' or '_' between them: so "label__" begins the name of no other server's tool. */
bool lt_mcp_label_ok(struct lt_str label)
{
    if (label.n == 0 || label.n > LT_MCP_LABEL_MAX)
        return false;
    for (size_t i = 0; i < label.n; i++) {
        char c = label.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'), inner = i > 0 && i + 1 < label.n;
        if (!letter && !(inner && (c == '-' || c == '_') && label.p[i - 1] != '_'))
            return false;
    }
    return true;
}

static bool is_taken(const char *name, const struct lt_mcp_tools *tools)
{
    for (size_t i = 0; i < tools->n; i++)
        if (strcmp(tools->list[i].name, name) == 0)
            return true;
    return false;
}

const char *lt_mcp_offered_name(struct lt_arena *arena, struct lt_str label, struct lt_str own_name, const struct lt_mcp_tools *tools)
{
    enum { HASH = 8 };
    char name[LT_MCP_NAME_MAX + 1], hex[HASH + 1];
    uint8_t hash[32];
    size_t n = (size_t)snprintf(name, sizeof(name), "%.*s__", LT_FMT(label)), room = LT_MCP_NAME_MAX - n;
    bool changed = own_name.n > room;
    for (size_t i = 0; i < own_name.n && n < LT_MCP_NAME_MAX; i++) {
        name[n++] = is_plain(own_name.p[i]) ? own_name.p[i] : '_';
        changed = changed || !is_plain(own_name.p[i]);
    }
    name[n] = '\0';
    if (changed || is_taken(name, tools)) {
        lt_sha256(own_name.p, own_name.n, hash);
        lt_hex(hash, HASH / 2, hex);
        if (n > LT_MCP_NAME_MAX - HASH - 1)
            n = LT_MCP_NAME_MAX - HASH - 1;
        snprintf(name + n, sizeof(name) - n, "_%s", hex);
    }
    return lt_strz(arena, lt_str(name));
}

/* ---- lists of tools ---- */

const struct lt_mcp_tool *lt_mcp_tool_named(const struct lt_mcp_tools *tools, struct lt_str own_name)
{
    for (size_t i = 0; i < tools->n; i++)
        if (lt_str_eq(tools->list[i].own_name, own_name))
            return &tools->list[i];
    return NULL;
}

/* *ret: the schema, in the arena as *ret_text is; false with the reason. */
static bool take_schema(struct lt_arena *arena, const struct lt_json *v, const struct lt_schema **ret, const char **ret_text, struct lt_error *why)
{
    const struct lt_json *copy;
    if (!lt_json_is(v, LT_JSON_OBJECT) || !lt_str_is(lt_json_str(lt_json_get(v, "type")), "object"))
        return lt_fail(why, LT_EUPSTREAM_INVALID, "is no schema of an object"), false;
    struct lt_str text = lt_json_text(arena, v);
    if (text.n > LT_MCP_SCHEMA_MAX)
        return lt_fail(why, LT_EUPSTREAM_INVALID, "is larger than %d bytes", LT_MCP_SCHEMA_MAX), false;
    *ret_text = lt_strz(arena, text);
    if (memchr(text.p, '\0', text.n) || lt_json_parse(arena, lt_str(*ret_text), LT_JSON_STRICT, &copy, why))
        return lt_fail(why, LT_EUPSTREAM_INVALID, "cannot be read"), false;
    return lt_schema_compile_with(arena, copy, &(struct lt_schema_options){.ignore_unknown = true}, ret, why) == LT_OK;
}

static bool name_ok(struct lt_str name)
{
    if (name.n == 0 || name.n > LT_MCP_OWN_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] < 0x20 || name.p[i] == 0x7f)
            return false;
    return true;
}

static bool take_tool(struct lt_arena *arena, struct lt_str label, const struct lt_json *v, struct lt_mcp_tools *tools, struct lt_error *why)
{
    struct lt_str name = lt_json_str(lt_json_get(v, "name"));
    const struct lt_json *output = lt_json_get(v, "outputSchema");
    const struct lt_schema *input;
    const char *ignored;
    if (!name_ok(name))
        return lt_fail(why, LT_EUPSTREAM_INVALID, "its name is no text of 1 to %d bytes", LT_MCP_OWN_NAME_MAX), false;
    if (lt_mcp_tool_named(tools, name))
        return lt_fail(why, LT_EUPSTREAM_INVALID, "there is another of that name"), false;
    if (tools->n == LT_MCP_TOOLS_MAX)
        return lt_fail(why, LT_EUPSTREAM_INVALID, "there are %d already", LT_MCP_TOOLS_MAX), false;
    struct lt_mcp_tool *t = &tools->list[tools->n];
    *t = (struct lt_mcp_tool){.own_name = lt_str_copy(arena, name),
                              .title = bounded(arena, lt_json_str_or(lt_json_get(v, "title"), LT_STR("")), 200),
                              .description = bounded(arena, lt_json_str_or(lt_json_get(v, "description"), LT_STR("")), LT_MCP_DESCRIPTION_MAX)};
    if (!take_schema(arena, lt_json_get(v, "inputSchema"), &input, &t->parameters, why))
        return lt_error_wrap(why, "its inputSchema"), false;
    if (output && !take_schema(arena, output, &t->output, &ignored, why))
        return lt_error_wrap(why, "its outputSchema"), false;
    t->name = lt_mcp_offered_name(arena, label, t->own_name, tools);
    if (is_taken(t->name, tools))
        return lt_fail(why, LT_EUPSTREAM_INVALID, "models would see the name of another"), false;
    tools->n++;
    return true;
}

static enum lt_code take_cursor(struct lt_arena *arena, const struct lt_json *result, struct lt_str *ret, struct lt_error *err)
{
    const struct lt_json *cursor = lt_json_get(result, "nextCursor");
    *ret = LT_STR_NULL;
    if (!cursor || lt_json_is(cursor, LT_JSON_NULL))
        return LT_OK;
    if (!lt_json_is(cursor, LT_JSON_STRING) || lt_json_str(cursor).n > LT_MCP_CURSOR_MAX)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "its list has a cursor that is no text of at most %d bytes", LT_MCP_CURSOR_MAX);
    *ret = lt_str_copy(arena, lt_json_str(cursor));
    return LT_OK;
}

enum lt_code lt_mcp_read_tools(struct lt_arena *arena, struct lt_str label, const struct lt_json *result, struct lt_mcp_tools *tools,
                               struct lt_str *ret_cursor, struct lt_error *err)
{
    const struct lt_json *list = lt_json_get(result, "tools");
    struct lt_error why;
    *ret_cursor = LT_STR_NULL;
    if (!lt_json_is(list, LT_JSON_ARRAY))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "its list of tools is none");
    for (size_t i = 0; i < lt_json_len(list); i++) {
        struct lt_str name = lt_json_str_or(lt_json_get(lt_json_at(list, i), "name"), LT_STR("?"));
        if (!take_tool(arena, label, lt_json_at(list, i), tools, &why) && tools->left_out++ == 0)
            snprintf(tools->why, sizeof(tools->why), "%.*s: %.100s", name.n < 40 ? (int)name.n : (int)lt_utf8_whole(name.p, 40), name.p, why.detail);
    }
    return take_cursor(arena, result, ret_cursor, err);
}

/* ---- lists of resources ---- */

static void put_resource(struct lt_jw *w, const struct lt_json *v, struct lt_str uri, struct lt_arena *arena)
{
    static const char *const members[][2] = {{"name", "name"}, {"title", "title"}, {"description", "description"}, {"mimeType", "mime_type"}};
    lt_jw_obj(w);
    lt_jw_kstr(w, "uri", uri);
    for (size_t i = 0; i < LT_COUNT(members); i++) {
        struct lt_str text = lt_json_str(lt_json_get(v, members[i][0]));
        if (text.n > 0)
            lt_jw_kstr(w, members[i][1], bounded(arena, text, 500));
    }
    lt_jw_end(w);
}

enum lt_code lt_mcp_read_resources(const struct lt_json *result, const char *member, struct lt_jw *w, size_t *n, struct lt_arena *arena,
                                   struct lt_str *ret_cursor, struct lt_error *err)
{
    const struct lt_json *list = lt_json_get(result, member);
    bool templates = strcmp(member, "resourceTemplates") == 0;
    *ret_cursor = LT_STR_NULL;
    if (!lt_json_is(list, LT_JSON_ARRAY))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "its list of resources is none");
    for (size_t i = 0; i < lt_json_len(list); i++) {
        struct lt_str uri = lt_json_str(lt_json_get(lt_json_at(list, i), templates ? "uriTemplate" : "uri"));
        if (uri.n > 0 && uri.n <= LT_MCP_URI_MAX && *n < LT_MCP_RESOURCES_MAX) {
            put_resource(w, lt_json_at(list, i), uri, arena);
            ++*n;
        }
    }
    return take_cursor(arena, result, ret_cursor, err);
}
