/* Commands that the operator allows MCP servers of sites to be. Fuzzed by tests/fuzz/fuzz_mcp_client.c. */
#include <stdlib.h>

#include "tools/mcp_server.h"

static const char schema_text[] =
    "{\"type\":\"object\",\"maxProperties\":64,\"propertyNames\":{\"pattern\":\"^[a-z0-9][a-z0-9_-]{0,63}$\"},\"additionalProperties\":{"
    "\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"command\"],\"properties\":{"
    "\"command\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":64,\"items\":{\"type\":\"string\",\"maxLength\":4096}},"
    "\"env\":{\"type\":\"object\",\"maxProperties\":64,\"propertyNames\":{\"pattern\":\"^[A-Za-z_][A-Za-z0-9_]{0,99}$\"},"
    "\"additionalProperties\":{\"type\":\"string\",\"maxLength\":8192}},"
    "\"pass_env\":{\"type\":\"array\",\"maxItems\":64,\"items\":{\"type\":\"string\",\"pattern\":\"^[A-Za-z_][A-Za-z0-9_]{0,99}$\"}},"
    "\"directory\":{\"type\":\"string\",\"pattern\":\"^/\"},"
    "\"sites\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}}}}";

/* NUL would end a word early. */
static enum lt_code check_words(const struct lt_json *v, struct lt_error *err)
{
    for (size_t i = 0; i < lt_json_len(v); i++) {
        struct lt_str word = lt_json_str(lt_json_at(v, i));
        if (memchr(word.p, '\0', word.n) || (i == 0 && word.n == 0))
            return lt_fail(err, LT_ECONFIG, "a word of a command must have no NUL in it, and the first be there");
    }
    return LT_OK;
}

/* What everybody's environment has is no secret. */
static bool is_public(struct lt_str name)
{
    static const char *const names[] = {"PATH", "HOME", "LANG", "TZ", "USER", "SHELL", "NODE_PATH", "PYTHONPATH", "TMPDIR"};
    for (size_t i = 0; i < LT_COUNT(names); i++)
        if (lt_str_is(name, names[i]))
            return true;
    return false;
}

static void add_env(struct lt_arena *arena, struct lt_mcp_command *c, struct lt_str name, struct lt_str value)
{
    c->secrets[c->env_n] = is_public(name) ? LT_STR("") : value;
    c->env[c->env_n++] = lt_printf(arena, "%.*s=%.*s", LT_FMT(name), LT_FMT(value));
}

static void read_env(struct lt_arena *arena, const struct lt_json *env, const struct lt_json *pass, struct lt_mcp_command *c)
{
    size_t room = lt_json_len(env) + lt_json_len(pass);
    c->env = LT_NEW_ARRAY(arena, struct lt_str, room + 1);
    c->secrets = LT_NEW_ARRAY(arena, struct lt_str, room + 1);
    for (size_t i = 0; i < lt_json_len(env); i++)
        add_env(arena, c, lt_json_key_at(env, i), lt_json_str(lt_json_at(env, i)));
    for (size_t i = 0; i < lt_json_len(pass); i++) {
        const char *name = lt_strz(arena, lt_json_str(lt_json_at(pass, i))), *value = getenv(name);
        if (value)
            add_env(arena, c, lt_str(name), lt_str_copy(arena, lt_str(value)));
    }
}

static enum lt_code read_one(struct lt_arena *arena, struct lt_str name, const struct lt_json *v, struct lt_mcp_command *c, struct lt_error *err)
{
    const struct lt_json *words = lt_json_get(v, "command");
    *c = (struct lt_mcp_command){.name = name, .directory = lt_json_str_or(lt_json_get(v, "directory"), LT_STR("")),
                                 .sites = lt_json_get(v, "sites"), .words_n = lt_json_len(words)};
    if (check_words(words, err))
        return lt_error_wrap(err, "%.*s", LT_FMT(name));
    c->words = LT_NEW_ARRAY(arena, struct lt_str, c->words_n);
    for (size_t i = 0; i < c->words_n; i++)
        c->words[i] = lt_json_str(lt_json_at(words, i));
    read_env(arena, lt_json_get(v, "env"), lt_json_get(v, "pass_env"), c);
    return LT_OK;
}

enum lt_code lt_mcp_commands_read(struct lt_arena *arena, struct lt_str text, struct lt_mcp_commands *ret, struct lt_error *err)
{
    const struct lt_json *v;
    const struct lt_schema *schema;
    *ret = (struct lt_mcp_commands){0};
    if (lt_json_parse(arena, text, LT_JSON_JSON5_FINITE, &v, err) || lt_schema_compile_text(arena, schema_text, &schema, err) ||
        lt_schema_check(schema, v, err))
        return err->code;
    for (size_t i = 0; i < lt_json_len(v); i++, ret->n++)
        if (read_one(arena, lt_json_key_at(v, i), lt_json_at(v, i), &ret->list[i], err))
            return err->code;
    return LT_OK;
}

const struct lt_mcp_command *lt_mcp_command_for(const struct lt_mcp_commands *commands, struct lt_str name, struct lt_str site_slug)
{
    for (size_t i = 0; i < commands->n; i++) {
        const struct lt_mcp_command *c = &commands->list[i];
        bool mine = c->sites == NULL;
        for (size_t k = 0; !mine && k < lt_json_len(c->sites); k++)
            mine = lt_str_eq(lt_json_str(lt_json_at(c->sites, k)), site_slug);
        if (mine && lt_str_eq(c->name, name))
            return c;
    }
    return NULL;
}
