/* Tools of MCP servers among those that a model may call. */
#include "tools/mcp_tools.h"

#include "base/log.h"
#include "guard/untrusted.h"
#include "tools/mcp_hub.h"

/* ---- what a profile says ---- */

/* One server of `mcp_configs`. */
struct wish {
    struct lt_str label;
    const struct lt_json *allowed;             /* names; NULL: all */
    bool always;                               /* every call waits */
    const struct lt_json *always_names;        /* calls of these wait; NULL: none */
};

static bool are_texts(const struct lt_json *list)
{
    for (size_t i = 0; i < lt_json_len(list); i++)
        if (!lt_json_is(lt_json_at(list, i), LT_JSON_STRING))
            return false;
    return lt_json_is(list, LT_JSON_ARRAY);
}

/* ["a"] or {"tool_names": ["a"]}; NULL: it is neither. */
static const struct lt_json *names_of(const struct lt_json *v)
{
    const struct lt_json *list = lt_json_is(v, LT_JSON_OBJECT) ? lt_json_get(v, "tool_names") : v;
    return are_texts(list) ? list : NULL;
}

static const char *read_approval(const struct lt_json *v, struct wish *w)
{
    static const char text[] = "require_approval must be \"always\", \"never\" or {\"always\": {\"tool_names\": []}, \"never\": {\"tool_names\": []}}";
    struct lt_str word = lt_json_str(v);
    const struct lt_json *always = lt_json_get(v, "always"), *never = lt_json_get(v, "never");
    w->always = lt_str_is(word, "always");
    if (!v || w->always || lt_str_is(word, "never"))
        return NULL;
    if (!lt_json_is(v, LT_JSON_OBJECT) || (always && !names_of(always)) || (never && !names_of(never)))
        return text;
    w->always_names = names_of(always);
    return NULL;
}

static const char *read_object(const struct lt_json *v, struct wish *w)
{
    static const char *const known[] = {"type", "server_label", "label", "allowed_tools", "require_approval", "server_description"};
    const struct lt_json *allowed = lt_json_get(v, "allowed_tools");
    for (size_t i = 0; i < lt_json_len(v); i++) {
        bool is_known = false;
        for (size_t k = 0; k < LT_COUNT(known); k++)
            is_known = is_known || lt_str_is(lt_json_key_at(v, i), known[k]);
        if (!is_known)
            return "a server may have server_label, allowed_tools and require_approval here; its address and its headers are set with `lectern mcp`";
    }
    if (w->label.n == 0)
        w->label = lt_json_str_or(lt_json_get(v, "server_label"), lt_json_str_or(lt_json_get(v, "label"), LT_STR("")));
    if (allowed && !lt_json_is(allowed, LT_JSON_NULL) && !(w->allowed = names_of(allowed)))
        return "allowed_tools must be an array of names";
    return read_approval(lt_json_get(v, "require_approval"), w);
}

static const char *read_wish(const struct lt_json *configs, size_t i, struct wish *w)
{
    const struct lt_json *v = lt_json_at(configs, i);
    const char *wrong = NULL;
    *w = (struct wish){.label = lt_json_is(configs, LT_JSON_OBJECT) ? lt_json_key_at(configs, i) : lt_json_str_or(v, LT_STR(""))};
    if (lt_json_is(v, LT_JSON_OBJECT))
        wrong = read_object(v, w);
    else if (!lt_json_is(v, LT_JSON_STRING))
        wrong = "must be labels, or objects with server_label";
    return wrong ? wrong : w->label.n == 0 ? "a server has no server_label" : NULL;
}

const char *lt_mcp_configs_wrong(const struct lt_json *configs)
{
    struct wish w;
    const char *wrong = NULL;
    if (!configs || lt_json_is(configs, LT_JSON_NULL))
        return NULL;
    if (!lt_json_is(configs, LT_JSON_ARRAY) && !lt_json_is(configs, LT_JSON_OBJECT))
        return "must be an array of labels of MCP servers";
    if (lt_json_len(configs) > LT_MCP_CONFIGS_MAX)
        return "names more than 16 MCP servers";
    for (size_t i = 0; !wrong && i < lt_json_len(configs); i++)
        wrong = read_wish(configs, i, &w);
    return wrong;
}

static bool names(const struct lt_json *list, struct lt_str name)
{
    for (size_t i = 0; i < lt_json_len(list); i++)
        if (lt_str_eq(lt_json_str(lt_json_at(list, i)), name))
            return true;
    return false;
}

/* ---- a call ---- */

struct mcp_tool {
    struct lt_tool tool;                       /* first: what the loop has */
    const struct lt_mcp_set *set;
    const struct lt_mcp_server *server;
    struct lt_str own_name;
    const struct lt_schema *output;
};

static struct lt_str text_of(struct lt_arena *arena, struct lt_buf *out)
{
    struct lt_str text = lt_str_copy(arena, lt_buf_str(out));
    lt_buf_free(out);
    return text;
}

static struct lt_str call_params(struct lt_arena *arena, struct lt_str name, const struct lt_json *arguments)
{
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, 16 << 20);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_kstr(&w, "name", name);
    lt_jw_kjson(&w, "arguments", arguments);
    lt_jw_end(&w);
    return text_of(arena, &out);
}

static enum lt_code call(const struct lt_tool_context *c, const struct lt_json *arguments, struct lt_str *ret, struct lt_error *err)
{
    const struct mcp_tool *t = (const struct mcp_tool *)c->tool;
    const struct lt_json *result;
    bool failed = false;
    if (lt_mcp_ask(t->set, t->server, c->arena, "tools/call", call_params(c->arena, t->own_name, arguments), c->deadline_ms, &result, ret, err))
        return err->code;
    enum lt_code rc = lt_mcp_read_result(c->arena, result, t->output, ret, &failed, err);
    *ret = lt_mcp_masked(t->server, c->arena, *ret);
    if (rc == LT_OK && failed)
        rc = lt_fail(err, LT_EUPSTREAM_INVALID, "the tool says that it failed");
    return rc;
}

/* ---- resources ---- */

static enum lt_code read_resource(const struct lt_tool_context *c, const struct lt_json *arguments, struct lt_str *ret, struct lt_error *err)
{
    const struct mcp_tool *t = (const struct mcp_tool *)c->tool;
    const struct lt_json *result;
    if (lt_mcp_ask(t->set, t->server, c->arena, "resources/read", lt_json_text(c->arena, arguments), c->deadline_ms, &result, ret, err))
        return err->code;
    enum lt_code rc = lt_mcp_read_resource(c->arena, result, ret, err);
    *ret = lt_mcp_masked(t->server, c->arena, *ret);
    return rc;
}

/* All pages of one kind. */
static enum lt_code list_kind(const struct lt_tool_context *c, const char *method, const char *member, struct lt_jw *w, struct lt_error *err)
{
    const struct mcp_tool *t = (const struct mcp_tool *)c->tool;
    struct lt_str cursor = LT_STR_NULL, said;
    size_t n = 0;
    enum lt_code rc = LT_OK;
    for (int page = 0; rc == LT_OK && page < LT_MCP_PAGES_MAX && n < LT_MCP_RESOURCES_MAX && (page == 0 || cursor.p); page++) {
        const struct lt_json *result;
        struct lt_buf params;
        struct lt_jw p;
        lt_buf_init(&params, 8 * LT_MCP_CURSOR_MAX);
        lt_jw_init(&p, &params);
        lt_jw_obj(&p);
        if (cursor.p)
            lt_jw_kstr(&p, "cursor", cursor);
        lt_jw_end(&p);
        rc = lt_mcp_ask(t->set, t->server, c->arena, method, text_of(c->arena, &params), c->deadline_ms, &result, &said, err);
        if (rc == LT_OK)
            rc = lt_mcp_read_resources(result, member, w, &n, c->arena, &cursor, err);
    }
    return rc;
}

static enum lt_code list_resources(const struct lt_tool_context *c, const struct lt_json *arguments, struct lt_str *ret, struct lt_error *err)
{
    const struct mcp_tool *t = (const struct mcp_tool *)c->tool;
    struct lt_buf out;
    struct lt_jw w;
    (void)arguments;
    lt_buf_init(&out, LT_MCP_TEXT_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_key(&w, "resources");
    lt_jw_arr(&w);
    enum lt_code rc = list_kind(c, "resources/list", "resources", &w, err);
    lt_jw_end(&w);
    lt_jw_key(&w, "templates");
    lt_jw_arr(&w);
    if (rc == LT_OK && (rc = list_kind(c, "resources/templates/list", "resourceTemplates", &w, err)) == LT_EUNSUPPORTED)
        rc = LT_OK; /* a server need not have any */
    lt_jw_end(&w);
    lt_jw_end(&w);
    if (rc == LT_OK && out.failed)
        rc = lt_fail(err, LT_EUPSTREAM_INVALID, "its list of resources is larger than %d bytes", LT_MCP_TEXT_MAX);
    *ret = rc ? LT_STR("") : lt_mcp_masked(t->server, c->arena, lt_buf_str(&out));
    *ret = lt_str_copy(c->arena, *ret);
    lt_buf_free(&out);
    return rc;
}

static const struct lt_tool resource_tools[] = {
    {.name = "list_resources",
     .description = "Lists the resources of the server: their addresses and what they are, and templates of addresses.",
     .parameters = "{\"type\":\"object\",\"properties\":{},\"additionalProperties\":false}",
     .call = list_resources},
    {.name = "read_resource",
     .description = "Gives the text of a resource of the server.",
     .parameters = "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"uri\"],\"properties\":{"
                   "\"uri\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":2048,\"description\":\"Its address, as the list of resources has it.\"}}}",
     .call = read_resource},
};

/* ---- offering ---- */

struct offer {
    struct lt_arena *arena;
    const struct lt_mcp_set *set;
    const char *where;
    const struct lt_tool **out;
    size_t n, max;
};

static enum lt_code add(struct offer *o, const struct mcp_tool *tool, struct lt_error *err)
{
    struct mcp_tool *t = LT_NEW(o->arena, struct mcp_tool);
    *t = *tool;
    for (size_t i = 0; i < o->n; i++)
        if (strcmp(o->out[i]->name, t->tool.name) == 0)
            return lt_fail(err, LT_EPROFILE_INVALID, "%s: there are two tools '%s'", o->where, t->tool.name);
    if (o->n == o->max)
        return lt_fail(err, LT_EPROFILE_INVALID, "%s: the servers have more than %d tools: name those that are needed (allowed_tools)", o->where,
                       LT_MCP_OFFERED_MAX);
    o->out[o->n++] = &t->tool;
    return LT_OK;
}

static bool asks(const struct wish *w, const struct lt_mcp_server *server, struct lt_str own_name)
{
    return w->always || names(w->always_names, own_name) || lt_mcp_tool_asks(server, own_name);
}

/* The server's words about its tool are others' text. */
static const char *describe(struct lt_arena *arena, const struct lt_mcp_server *server, struct lt_str text)
{
    struct lt_str ours = lt_printf(arena, "A tool of the server '%.*s'.", LT_FMT(server->label));
    if (text.n == 0)
        return ours.p;
    struct lt_str marked = lt_guard_mark_off(arena, lt_mcp_masked(server, arena, text));
    return lt_strz(arena, lt_printf(arena, "%.*s What it says of it: %.*s", LT_FMT(ours), LT_FMT(marked)));
}

static enum lt_code add_tools(struct offer *o, const struct wish *w, const struct lt_mcp_server *server, const struct lt_mcp_tools *tools,
                              struct lt_error *err)
{
    for (size_t i = 0; i < tools->n; i++) {
        const struct lt_mcp_tool *t = &tools->list[i];
        if (!lt_mcp_tool_allowed(server, t->own_name) || (w->allowed && !names(w->allowed, t->own_name)))
            continue;
        struct mcp_tool tool = {.set = o->set, .server = server, .own_name = t->own_name, .output = t->output,
                                .tool = {.name = t->name, .description = describe(o->arena, server, t->description), .parameters = t->parameters,
                                         .foreign = true, .asks = asks(w, server, t->own_name), .call = call}};
        if (add(o, &tool, err))
            return err->code;
    }
    return LT_OK;
}

static enum lt_code add_resources(struct offer *o, const struct wish *w, const struct lt_mcp_server *server, const struct lt_mcp_tools *tools,
                                  struct lt_error *err)
{
    for (size_t i = 0; i < LT_COUNT(resource_tools); i++) {
        struct lt_str name = lt_str(resource_tools[i].name);
        if (w->allowed && !names(w->allowed, name))
            continue;
        struct mcp_tool tool = {.set = o->set, .server = server, .own_name = name, .tool = resource_tools[i]};
        tool.tool.name = lt_mcp_offered_name(o->arena, server->label, name, tools);
        tool.tool.description = lt_printf(o->arena, "Of the server '%.*s': %s", LT_FMT(server->label), tool.tool.description).p;
        tool.tool.asks = asks(w, server, name);
        if (add(o, &tool, err))
            return err->code;
    }
    return LT_OK;
}

/* A tool that the profile's author counts on must be there. */
static enum lt_code check_allowed(const struct offer *o, const struct wish *w, const struct lt_mcp_server *server, const struct lt_mcp_tools *tools,
                                  bool resources, struct lt_error *err)
{
    for (size_t i = 0; i < lt_json_len(w->allowed); i++) {
        struct lt_str name = lt_json_str(lt_json_at(w->allowed, i));
        bool there = lt_mcp_tool_named(tools, name) && lt_mcp_tool_allowed(server, name);
        for (size_t k = 0; resources && k < LT_COUNT(resource_tools); k++)
            there = there || lt_str_is(name, resource_tools[k].name);
        if (!there)
            return lt_fail(err, LT_EPROFILE_INVALID, "%s: the MCP server '%.*s' offers no tool '%.*s'", o->where, LT_FMT(w->label), LT_FMT(name));
    }
    return LT_OK;
}

static enum lt_code add_server(struct offer *o, const struct wish *w, const struct lt_mcp_server *server, struct lt_error *err)
{
    struct lt_mcp_list *list;
    struct lt_mcp_hello hello;
    uint64_t deadline = lt_loop_now(lt_loop_self()) + server->connect_ms + server->call_ms;
    if (lt_mcp_ask_tools(o->set, server, deadline, &list, err))
        return err->code;
    lt_arena_on_free(o->arena, lt_mcp_list_unref, list);
    if (lt_mcp_ask_hello(o->set, server, o->arena, deadline, &hello, err))
        return err->code;
    const struct lt_mcp_tools *tools = lt_mcp_list_tools(list);
    bool resources = server->resources && hello.resources;
    if (tools->left_out > 0)
        lt_log(LT_LOG_WARN, "mcp.tools_left_out", LT_SS("server", server->label), LT_I("tools", tools->left_out), LT_S("first", tools->why));
    if (check_allowed(o, w, server, tools, resources, err) || add_tools(o, w, server, tools, err))
        return err->code;
    return resources ? add_resources(o, w, server, tools, err) : LT_OK;
}

static enum lt_code offer_all(struct offer *o, const struct lt_site *site, const struct lt_json *configs, struct lt_error *err)
{
    for (size_t i = 0; i < lt_json_len(configs); i++) {
        struct wish w;
        read_wish(configs, i, &w);
        const struct lt_mcp_server *server = lt_mcp_server_find(o->set, site->id, w.label);
        if (!server || !lt_str_eq(server->label, w.label))
            return lt_fail(err, LT_EPROFILE_INVALID, "%s: the site has no MCP server '%.*s'", o->where, LT_FMT(w.label));
        if (!server->enabled || server->why)
            return lt_fail(err, LT_EPROFILE_INVALID, "%s: the MCP server '%.*s' cannot be used: %s", o->where, LT_FMT(w.label),
                           server->why ? server->why : "it is switched off");
        if (add_server(o, &w, server, err))
            return err->code;
    }
    return LT_OK;
}

enum lt_code lt_mcp_tools_offer(struct lt_arena *arena, const struct lt_config *config, const struct lt_site *site, const struct lt_json *configs,
                                const char *where, const struct lt_tool *const *tools, size_t n, const struct lt_tool *const **ret, size_t *ret_n,
                                struct lt_error *err)
{
    const char *wrong = lt_mcp_configs_wrong(configs);
    *ret = tools;
    *ret_n = n;
    if (wrong)
        return lt_fail(err, LT_EPROFILE_INVALID, "%s: %s", where, wrong);
    if (lt_json_len(configs) == 0)
        return LT_OK;
    struct offer o = {.arena = arena, .set = lt_mcp_set_of(config), .where = where, .n = n, .max = n + LT_MCP_OFFERED_MAX};
    o.out = LT_NEW_ARRAY(arena, const struct lt_tool *, o.max);
    memcpy(o.out, tools, n * sizeof(*tools));
    if (offer_all(&o, site, configs, err))
        return err->code;
    *ret = o.out;
    *ret_n = o.n;
    return LT_OK;
}
