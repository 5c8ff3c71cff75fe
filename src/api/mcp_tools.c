/* The tools: the site's actions, and those of the registry that are for clients. */
#include "api/mcp.h"

#include "core/action.h"
#include "core/course_permission.h"
#include "core/tool.h"

#define PLACE_TEXT "{\"type\":\"string\",\"maxLength\":255,\"description\":\""
#define NO_ARGUMENTS "{}"

/* What a tool takes besides, where it has no argument of that name itself. */
static const struct {
    const char *name, *schema;
} places[] = {
    {"course_id", PLACE_TEXT "The course that this is about. Without it: none, or the one that the client is set to.\"}"},
    {"location_id", PLACE_TEXT "The unit or activity in that course.\"}"},
};

/* ---- listing ---- */

/* The caller's own affair, or over soon: a tool that is hidden for it could not say why. */
static bool listed_all_the_same(enum lt_code code)
{
    return code == LT_EPOLICY || code == LT_ERATE_LIMITED || code == LT_EBUDGET || code == LT_ESITE_BUSY || code == LT_EOVERLOADED ||
           code == LT_ESTOPPED;
}

static bool shows_action(const struct lt_mcp *mcp, const struct lt_entry *entry)
{
    struct lt_availability a = lt_action_availability(mcp->r->api->options.manager, &mcp->r->caller, &mcp->place, lt_str(entry->name));
    return a.available || listed_all_the_same(a.why.code);
}

static bool shows_tool(const struct lt_mcp *mcp, const struct lt_entry *entry)
{
    const struct lt_tool *tool = entry->impl;
    return tool->for_clients && mcp->r->caller.site->enabled && !lt_registry_find(LT_KIND_ACTION, lt_str(entry->name));
}

/* What needs a permission is shown to who has it on the site, or in the course that the client is set to; it may be called for other courses. */
static bool lists_tool(const struct lt_mcp *mcp, const struct lt_entry *entry)
{
    struct lt_request *r = mcp->r;
    struct lt_error err;
    const char *permission = ((const struct lt_tool *)entry->impl)->client_permission;
    return shows_tool(mcp, entry) &&
           (!permission || lt_course_permitted(r->api->options.manager, r->arena, &r->caller, mcp->place.course_id, permission, &err) == LT_OK);
}

static void put_properties(struct lt_jw *w, const struct lt_json *properties)
{
    lt_jw_key(w, "properties");
    lt_jw_obj(w);
    for (size_t i = 0; i < lt_json_len(properties); i++) {
        lt_jw_key_str(w, lt_json_key_at(properties, i));
        lt_jw_json(w, lt_json_at(properties, i));
    }
    for (size_t i = 0; i < LT_COUNT(places); i++) {
        if (lt_json_get(properties, places[i].name))
            continue;
        lt_jw_key(w, places[i].name);
        lt_jw_raw(w, lt_str(places[i].schema));
    }
    lt_jw_end(w);
}

/* The schema of the registry, with the places among its properties. */
static void put_input(struct lt_mcp const *mcp, struct lt_jw *w, const char *text)
{
    const struct lt_json *schema = NULL;
    lt_json_parse(mcp->r->arena, lt_str(text), LT_JSON_STRICT, &schema, NULL); /* it was compiled when it came into the registry */
    lt_jw_key(w, "inputSchema");
    lt_jw_obj(w);
    for (size_t i = 0; i < lt_json_len(schema); i++) {
        if (lt_str_is(lt_json_key_at(schema, i), "properties"))
            continue;
        lt_jw_key_str(w, lt_json_key_at(schema, i));
        lt_jw_json(w, lt_json_at(schema, i));
    }
    put_properties(w, lt_json_get(schema, "properties"));
    lt_jw_end(w);
}

/* Neither changes anything at the platform. An action asks a service outside, which answers anew each time. */
static void put_annotations(struct lt_jw *w, const char *title, bool asks_a_model)
{
    lt_jw_key(w, "annotations");
    lt_jw_obj(w);
    lt_jw_kstrz(w, "title", title);
    lt_jw_kbool(w, "readOnlyHint", true);
    lt_jw_kbool(w, "destructiveHint", false);
    lt_jw_kbool(w, "idempotentHint", !asks_a_model);
    lt_jw_kbool(w, "openWorldHint", asks_a_model);
    lt_jw_end(w);
}

static void put_tool(const struct lt_mcp *mcp, const struct lt_mcp_message *m, struct lt_jw *w, const struct lt_entry *entry)
{
    const struct lt_action *action = entry->kind == LT_KIND_ACTION ? entry->impl : NULL;
    const struct lt_tool *tool = action ? NULL : entry->impl;
    lt_jw_obj(w);
    lt_jw_kstrz(w, "name", entry->name);
    if (m->revision >= LT_MCP_2025_06_18)
        lt_jw_kstrz(w, "title", entry->title);
    lt_jw_kstrz(w, "description", entry->description);
    put_input(mcp, w, action ? action->input_schema : tool->parameters);
    if (action && m->revision >= LT_MCP_2025_06_18) {
        lt_jw_key(w, "outputSchema");
        lt_jw_raw(w, lt_str(action->response_schema));
    }
    put_annotations(w, entry->title, action != NULL);
    lt_jw_end(w);
}

/* Actions by name, then tools by name: a cursor is the name of the last one that was shown, with its kind before it. */
static const struct lt_entry *entry_at(size_t i)
{
    size_t actions = lt_registry_count(LT_KIND_ACTION);
    return i < actions ? lt_registry_at(LT_KIND_ACTION, i) : lt_registry_at(LT_KIND_TOOL, i - actions);
}

static struct lt_str cursor_of(struct lt_arena *arena, const struct lt_entry *entry)
{
    return lt_printf(arena, "%s:%s", lt_kind_name(entry->kind), entry->name);
}

/* Where the page begins; false for what was no cursor of ours. */
static bool begin_page(struct lt_arena *arena, const struct lt_json *cursor, size_t all, size_t *ret)
{
    *ret = 0;
    if (!cursor)
        return true;
    while (*ret < all && !lt_str_eq(lt_json_str(cursor), cursor_of(arena, entry_at(*ret))))
        ++*ret;
    return (*ret)++ < all;
}

bool lt_mcp_list(const struct lt_mcp *mcp, const struct lt_mcp_message *m, struct lt_jw *w, struct lt_mcp_fault *ret)
{
    struct lt_arena *arena = mcp->r->arena;
    const struct lt_entry *last = NULL, *next = NULL;
    size_t i, shown = 0, all = lt_registry_count(LT_KIND_ACTION) + lt_registry_count(LT_KIND_TOOL);
    if (!begin_page(arena, lt_json_get(m->rpc.params, "cursor"), all, &i))
        return lt_mcp_refuse(arena, m, ret, LT_RPC_INVALID_PARAMS, "cursor is none that was given here");
    lt_mcp_result(m, w);
    lt_jw_key(w, "tools");
    lt_jw_arr(w);
    for (; i < all && !next; i++) {
        const struct lt_entry *entry = entry_at(i);
        if (!(entry->kind == LT_KIND_ACTION ? shows_action(mcp, entry) : lists_tool(mcp, entry)))
            continue;
        if (shown++ == LT_MCP_PAGE) {
            next = last;
            break;
        }
        put_tool(mcp, m, w, last = entry);
    }
    lt_jw_end(w);
    if (next)
        lt_jw_kstr(w, "nextCursor", cursor_of(arena, next));
    if (m->revision >= LT_MCP_FIRST_STATELESS) { /* what the caller may use changes with the site's settings */
        lt_jw_kint(w, "ttlMs", 60000);
        lt_jw_kstrz(w, "cacheScope", "private");
        lt_mcp_result_meta(m, w);
        lt_jw_end(w);
    }
    lt_mcp_result_end(w);
    return true;
}

/* ---- finding one ---- */

static bool takes(const struct lt_json *schema, const char *name)
{
    return lt_json_get(lt_json_get(schema, "properties"), name) != NULL;
}

/* The arguments without those that only say where. */
static const struct lt_json *own_arguments(struct lt_arena *arena, const struct lt_json *arguments, const bool ours[])
{
    const struct lt_json *ret = arguments;
    struct lt_buf buf;
    struct lt_jw w;
    lt_buf_init(&buf, LT_BODY_ACTION);
    lt_jw_init(&w, &buf);
    lt_jw_obj(&w);
    for (size_t i = 0; i < lt_json_len(arguments); i++) {
        struct lt_str key = lt_json_key_at(arguments, i);
        bool where = false;
        for (size_t k = 0; k < LT_COUNT(places); k++)
            where |= ours[k] && lt_str_is(key, places[k].name);
        if (where)
            continue;
        lt_jw_key_str(&w, key);
        lt_jw_json(&w, lt_json_at(arguments, i));
    }
    lt_jw_end(&w);
    lt_json_parse(arena, lt_str_copy(arena, lt_buf_str(&buf)), LT_JSON_STRICT, &ret, NULL); /* it was JSON, and is shorter now */
    lt_buf_free(&buf);
    return ret;
}

/* Takes the place out of the arguments, where the tool has no such arguments itself. */
static enum lt_code split(struct lt_arena *arena, const char *schema_text, struct lt_mcp_use *use, struct lt_error *err)
{
    const struct lt_json *schema = NULL;
    struct lt_str *const into[] = {&use->place.course_id, &use->place.location_id};
    bool ours[LT_COUNT(places)] = {false}, any = false;
    lt_json_parse(arena, lt_str(schema_text), LT_JSON_STRICT, &schema, NULL);
    for (size_t i = 0; i < LT_COUNT(places); i++) {
        const struct lt_json *v = lt_json_get(use->arguments, places[i].name);
        ours[i] = v && !takes(schema, places[i].name);
        any |= ours[i];
        if (!ours[i])
            continue;
        if (!lt_json_is(v, LT_JSON_STRING) || lt_json_str(v).n > 255)
            return lt_fail_field(err, LT_EINVALID_INPUT, i == 0 ? "/course_id" : "/location_id", "must be a text of at most 255 bytes");
        *into[i] = lt_json_str(v);
    }
    if (any)
        use->arguments = own_arguments(arena, use->arguments, ours);
    return LT_OK;
}

static const struct lt_json *no_arguments(struct lt_arena *arena)
{
    const struct lt_json *v = NULL;
    lt_json_parse(arena, LT_STR(NO_ARGUMENTS), LT_JSON_STRICT, &v, NULL);
    return v;
}

bool lt_mcp_find(const struct lt_mcp *mcp, const struct lt_mcp_message *m, struct lt_mcp_use *ret, struct lt_error *ret_err,
                 struct lt_mcp_fault *ret_fault)
{
    struct lt_arena *arena = mcp->r->arena;
    struct lt_str name = lt_json_str(lt_json_get(m->rpc.params, "name"));
    const struct lt_json *arguments = lt_json_get(m->rpc.params, "arguments");
    const struct lt_entry *action = lt_registry_find(LT_KIND_ACTION, name), *tool = action ? NULL : lt_registry_find(LT_KIND_TOOL, name);
    *ret_err = (struct lt_error){0};
    if (!name.p)
        return lt_mcp_refuse(arena, m, ret_fault, LT_RPC_INVALID_PARAMS, "name must be a string");
    if (arguments && !lt_json_is(arguments, LT_JSON_OBJECT))
        return lt_mcp_refuse(arena, m, ret_fault, LT_RPC_INVALID_PARAMS, "arguments must be an object");
    if (!action && (!tool || !shows_tool(mcp, tool)))
        return lt_mcp_refuse(arena, m, ret_fault, LT_RPC_INVALID_PARAMS, "Unknown tool: %.*s", (int)lt_utf8_whole(name.p, name.n < 64 ? name.n : 64),
                             name.p);
    *ret = (struct lt_mcp_use){.action = action ? action->impl : NULL,
                               .tool = tool ? tool->impl : NULL,
                               .arguments = arguments ? arguments : no_arguments(arena),
                               .place = mcp->place};
    split(arena, action ? ret->action->input_schema : ret->tool->parameters, ret, ret_err);
    return true;
}
