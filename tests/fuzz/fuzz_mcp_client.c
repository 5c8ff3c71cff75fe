/*
 * What an MCP server says: any bytes. The first says what is asked for. Whatever is read is within its limits, names that models see are as vendors allow and
 * differ, and text is UTF-8.
 */
#include <stdlib.h>

#include "base/error.h"
#include "tools/mcp_server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool right)
{
    if (!right)
        abort();
}

static void check_name(const char *name, struct lt_str label)
{
    size_t n = strlen(name);
    check(n > label.n + 2 && n <= LT_MCP_NAME_MAX && lt_str_starts(lt_str(name), label));
    for (size_t i = 0; i < n; i++)
        check((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= 'A' && name[i] <= 'Z') || (name[i] >= '0' && name[i] <= '9') || name[i] == '_' ||
              name[i] == '-');
}

static void look_at_tools(struct lt_arena *arena, const struct lt_json *v)
{
    struct lt_mcp_tools *tools = LT_NEW(arena, struct lt_mcp_tools);
    struct lt_str cursor, label = LT_STR("label");
    struct lt_error err;
    lt_mcp_read_tools(arena, label, v, tools, &cursor, &err);
    lt_mcp_read_tools(arena, label, v, tools, &cursor, &err); /* as a second page: nothing new */
    check(tools->n <= LT_MCP_TOOLS_MAX && cursor.n <= LT_MCP_CURSOR_MAX && memchr(tools->why, '\0', sizeof(tools->why)));
    for (size_t i = 0; i < tools->n; i++) {
        const struct lt_mcp_tool *t = &tools->list[i];
        check_name(t->name, label);
        check(t->description.n <= LT_MCP_DESCRIPTION_MAX && strlen(t->parameters) <= LT_MCP_SCHEMA_MAX);
        check(lt_utf8_valid(t->description.p, t->description.n));
        for (size_t k = 0; k < i; k++)
            check(strcmp(t->name, tools->list[k].name) != 0 && !lt_str_eq(t->own_name, tools->list[k].own_name));
    }
}

static void look_at_result(struct lt_arena *arena, const struct lt_json *v)
{
    struct lt_str text;
    struct lt_error err;
    bool failed;
    if (lt_mcp_read_result(arena, v, NULL, &text, &failed, &err) == LT_OK)
        check(text.n <= LT_MCP_TEXT_MAX && lt_utf8_valid(text.p, text.n));
    if (lt_mcp_read_resource(arena, v, &text, &err) == LT_OK)
        check(text.n <= LT_MCP_TEXT_MAX && lt_utf8_valid(text.p, text.n));
}

static void look_at_resources(struct lt_arena *arena, const struct lt_json *v)
{
    struct lt_buf out;
    struct lt_jw w;
    struct lt_str cursor;
    struct lt_error err;
    const struct lt_json *back;
    size_t n = 0;
    lt_buf_init(&out, 4 << 20);
    lt_jw_init(&w, &out);
    lt_jw_arr(&w);
    lt_mcp_read_resources(v, "resources", &w, &n, arena, &cursor, &err);
    lt_mcp_read_resources(v, "resourceTemplates", &w, &n, arena, &cursor, &err);
    lt_jw_end(&w);
    check(n <= LT_MCP_RESOURCES_MAX);
    check(out.failed || (lt_json_parse(arena, lt_buf_str(&out), LT_JSON_STRICT, &back, &err) == LT_OK && lt_json_len(back) == n));
    lt_buf_free(&out);
}

static void look_at_message(struct lt_arena *arena, const struct lt_json *v)
{
    struct lt_rpc m, back;
    struct lt_error err;
    struct lt_mcp_hello hello;
    struct lt_buf out;
    struct lt_jw w;
    const struct lt_json *reply;
    lt_mcp_read_initialize(arena, v, &hello, &err);
    if (lt_rpc_read(v, &m, &err) || m.kind != LT_RPC_REQUEST)
        return;
    lt_buf_init(&out, 4 << 20);
    lt_jw_init(&w, &out);
    lt_mcp_write_reply(&w, &m);
    check(!out.failed && lt_json_parse(arena, lt_buf_str(&out), LT_JSON_STRICT, &reply, &err) == LT_OK);
    check(lt_rpc_read(reply, &back, &err) == LT_OK && lt_json_equal(back.id, m.id));
    check((back.kind == LT_RPC_RESULT) == lt_str_is(m.method, "ping"));
    lt_buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const looks[])(struct lt_arena *, const struct lt_json *) = {look_at_tools, look_at_result, look_at_resources, look_at_message};
    struct lt_error err;
    const struct lt_json *v;
    if (size == 0)
        return 0;
    char *copy = malloc(size); /* of its own, so that a byte too far is seen */
    if (!copy)
        abort();
    memcpy(copy, data + 1, size - 1);
    struct lt_arena *arena = lt_arena_new();
    if (data[0] % 5 == 4) {
        struct lt_mcp_commands *commands = LT_NEW(arena, struct lt_mcp_commands);
        if (lt_mcp_commands_read(arena, (struct lt_str){copy, size - 1}, commands, &err) == LT_OK)
            check(commands->n <= LT_MCP_COMMANDS_MAX);
    } else if (lt_json_parse(arena, (struct lt_str){copy, size - 1}, LT_JSON_STRICT, &v, &err) == LT_OK) {
        looks[data[0] % 5](arena, v);
    }
    lt_arena_free(arena);
    free(copy);
    return 0;
}
