/* Trying an MCP server. */
#include "tools/mcp_probe.h"

#include "base/clock.h"
#include "io/loop.h"

static enum lt_code ask(struct lt_arena *arena, const struct lt_mcp_set *set, const struct lt_mcp_server *server, struct lt_mcp_hello *ret,
                        const struct lt_mcp_tools **ret_tools, struct lt_error *err)
{
    struct lt_mcp_list *list;
    uint64_t deadline = lt_loop_now(lt_loop_self()) + server->connect_ms + server->call_ms;
    if (lt_mcp_ask_tools(set, server, deadline, &list, err))
        return err->code;
    lt_arena_on_free(arena, lt_mcp_list_unref, list);
    *ret_tools = lt_mcp_list_tools(list);
    return lt_mcp_ask_hello(set, server, arena, deadline, ret, err);
}

static void put_answer(struct lt_jw *w, const struct lt_mcp_hello *hello, const struct lt_mcp_tools *tools)
{
    lt_jw_kstrz(w, "protocol_version", hello->version);
    lt_jw_key(w, "server");
    lt_jw_obj(w);
    lt_jw_kstr(w, "name", hello->name);
    lt_jw_kstr(w, "version", hello->server_version);
    lt_jw_end(w);
    lt_jw_kint(w, "tools", (int64_t)tools->n);
    lt_jw_kint(w, "tools_left_out", (int64_t)tools->left_out);
    lt_jw_kstr_nonempty(w, "left_out_reason", lt_str(tools->why));
    lt_jw_kbool(w, "resources", hello->resources);
}

void lt_mcp_probe_write(struct lt_jw *w, struct lt_arena *arena, const struct lt_mcp_set *set, const struct lt_mcp_server *server)
{
    struct lt_mcp_hello hello;
    const struct lt_mcp_tools *tools;
    struct lt_error err;
    uint64_t began = lt_mono_ms();
    bool success = ask(arena, set, server, &hello, &tools, &err) == LT_OK;
    lt_jw_obj(w);
    lt_jw_kbool(w, "success", success);
    lt_jw_kint(w, "duration_ms", (int64_t)(lt_mono_ms() - began));
    if (success) {
        put_answer(w, &hello, tools);
    } else {
        lt_jw_key(w, "error");
        lt_jw_obj(w);
        lt_jw_kstrz(w, "code", lt_code_name(err.code));
        lt_jw_kstrz(w, "detail", err.detail);
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

enum lt_code lt_mcp_tools_write(struct lt_jw *w, struct lt_arena *arena, const struct lt_mcp_set *set, const struct lt_mcp_server *server,
                                struct lt_error *err)
{
    struct lt_mcp_hello hello;
    const struct lt_mcp_tools *tools;
    if (ask(arena, set, server, &hello, &tools, err))
        return err->code;
    for (size_t i = 0; i < tools->n; i++) {
        const struct lt_mcp_tool *t = &tools->list[i];
        lt_jw_obj(w);
        lt_jw_kstrz(w, "name", t->name);
        lt_jw_kstr(w, "own_name", t->own_name);
        lt_jw_kstr(w, "title", t->title);
        lt_jw_kstr(w, "description", lt_mcp_masked(server, arena, t->description));
        lt_jw_kbool(w, "allowed", lt_mcp_tool_allowed(server, t->own_name));
        lt_jw_kstrz(w, "approval", lt_mcp_tool_asks(server, t->own_name) ? "always" : "never");
        lt_jw_key(w, "parameters");
        lt_jw_raw(w, lt_str(t->parameters));
        lt_jw_end(w);
    }
    return LT_OK;
}
