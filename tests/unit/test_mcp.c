/* src/tools/mcp_message, mcp_content, mcp_server: what a server says, names, rules, commands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tools/mcp_server.h"

static struct lt_arena *arena;

static int set_up(void **state)
{
    arena = lt_arena_new();
    return 0;
}

static int tear_down(void **state)
{
    lt_arena_free(arena);
    return 0;
}

static const struct lt_json *value(const char *text)
{
    const struct lt_json *v;
    struct lt_error err;
    if (lt_json_parse(arena, lt_str(text), LT_JSON_STRICT, &v, &err))
        fail_msg("%s: %s", text, err.detail);
    return v;
}

static void labels_part_the_names_of_servers(void **state)
{
    static const struct {
        const char *label;
        bool ok;
    } cases[] = {{"a", true},    {"a-b", true}, {"a_b2", true}, {"1a", true},  {"", false},     {"a__b", false}, {"_a", false}, {"a_", false},
                 {"-a", false},  {"A", false},  {"a.b", false}, {"a b", false}, {"a-_b", true}, {"abcdefghijabcdefghijabcdefghijab", true},
                 {"abcdefghijabcdefghijabcdefghijabc", false}};
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        if (lt_mcp_label_ok(lt_str(cases[i].label)) != cases[i].ok)
            fail_msg("'%s'", cases[i].label);
}

static void names_are_as_vendors_allow_and_differ(void **state)
{
    struct lt_mcp_tools *tools = LT_NEW(arena, struct lt_mcp_tools);
    struct lt_str cursor, label = LT_STR("l");
    struct lt_error err;
    const struct lt_json *page = value("{\"tools\":[{\"name\":\"plain\",\"inputSchema\":{\"type\":\"object\"}},{\"name\":\"a.b\",\"inputSchema\":{\"type\":\"object\"}},"
                                       "{\"name\":\"a b\",\"inputSchema\":{\"type\":\"object\"}},{\"name\":\"plain\",\"inputSchema\":{\"type\":\"object\"}}]}");
    assert_int_equal(lt_mcp_read_tools(arena, label, page, tools, &cursor, &err), LT_OK);
    assert_int_equal(tools->n, 3);
    assert_int_equal(tools->left_out, 1);
    assert_string_equal(tools->list[0].name, "l__plain");
    assert_true(lt_str_starts(lt_str(tools->list[1].name), LT_STR("l__a_b_")) && strlen(tools->list[1].name) == 15);
    assert_string_not_equal(tools->list[1].name, tools->list[2].name);
    char longest[129];
    memset(longest, 'n', sizeof(longest));
    assert_int_equal(strlen(lt_mcp_offered_name(arena, label, (struct lt_str){longest, 61}, tools)), LT_MCP_NAME_MAX);
    assert_int_equal(strlen(lt_mcp_offered_name(arena, label, (struct lt_str){longest, 62}, tools)), LT_MCP_NAME_MAX);
    assert_string_not_equal(lt_mcp_offered_name(arena, label, (struct lt_str){longest, 62}, tools),
                            lt_mcp_offered_name(arena, label, (struct lt_str){longest, 63}, tools));
}

/* want NULL: it is refused. */
static void results_become_text(void **state)
{
    static const struct {
        const char *result, *want;
        bool failed;
    } cases[] = {
        {"{\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]}", "a\n\nb", false},
        {"{\"content\":[{\"type\":\"text\",\"text\":\"a\"}],\"isError\":true}", "a", true},
        {"{\"content\":[{\"type\":\"image\",\"data\":\"AAAAAAAA\",\"mimeType\":\"image/png\"}]}", "[picture, image/png, about 6 bytes: left out, only text can be given here]", false},
        {"{\"content\":[{\"type\":\"audio\",\"data\":\"AAAA\",\"mimeType\":\"audio/wav\"}]}", "[sound, audio/wav, about 3 bytes: left out, only text can be given here]", false},
        {"{\"content\":[{\"type\":\"resource\",\"resource\":{\"uri\":\"a:b\",\"text\":\"t\"}}]}", "[resource a:b]\nt", false},
        {"{\"content\":[{\"type\":\"resource_link\",\"uri\":\"a:b\",\"name\":\"n\"}]}", "[link to the resource a:b: n]", false},
        {"{\"content\":[{\"type\":\"odd\"}]}", "[content of the unknown kind 'odd': left out]", false},
        {"{\"content\":[],\"structuredContent\":{\"a\":1}}", "{\"a\":1}", false},
        {"{\"content\":[{\"type\":\"text\",\"text\":\"{ \\\"a\\\": 1 }\"}],\"structuredContent\":{\"a\":1}}", "{\"a\":1}", false},
        {"{\"content\":[{\"type\":\"text\",\"text\":\"more\"}],\"structuredContent\":{\"a\":1}}", "{\"a\":1}\n\nmore", false},
        {"{\"content\":[],\"structuredContent\":[1]}", NULL, false},
        {"{\"content\":{}}", NULL, false},
        {"{}", NULL, false},
        {"[]", NULL, false},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_str text;
        struct lt_error err;
        bool failed;
        enum lt_code rc = lt_mcp_read_result(arena, value(cases[i].result), NULL, &text, &failed, &err);
        if ((rc == LT_OK) != (cases[i].want != NULL) || (rc == LT_OK && (!lt_str_is(text, cases[i].want) || failed != cases[i].failed)))
            fail_msg("%s: %.*s", cases[i].result, LT_FMT(text));
    }
}

static void structured_content_must_be_there_and_fit(void **state)
{
    const struct lt_schema *schema;
    struct lt_str text;
    struct lt_error err;
    bool failed;
    lt_schema_compile_text(arena, "{\"type\":\"object\",\"required\":[\"n\"],\"properties\":{\"n\":{\"type\":\"integer\"}}}", &schema, &err);
    assert_int_equal(lt_mcp_read_result(arena, value("{\"content\":[],\"structuredContent\":{\"n\":1}}"), schema, &text, &failed, &err), LT_OK);
    assert_int_equal(lt_mcp_read_result(arena, value("{\"content\":[],\"structuredContent\":{\"n\":\"x\"}}"), schema, &text, &failed, &err), LT_EUPSTREAM_INVALID);
    assert_int_equal(lt_mcp_read_result(arena, value("{\"content\":[]}"), schema, &text, &failed, &err), LT_EUPSTREAM_INVALID);
    assert_int_equal(lt_mcp_read_result(arena, value("{\"content\":[],\"isError\":true}"), schema, &text, &failed, &err), LT_OK);
}

static void rules_of_a_server(void **state)
{
    struct lt_mcp_server s = {.asks = true, .tool_approval = value("{\"read\":\"never\"}"), .tools = value("[\"read\",\"write\"]")};
    assert_true(lt_mcp_tool_asks(&s, LT_STR("write")) && !lt_mcp_tool_asks(&s, LT_STR("read")));
    assert_true(lt_mcp_tool_allowed(&s, LT_STR("write")) && !lt_mcp_tool_allowed(&s, LT_STR("other")));
    s = (struct lt_mcp_server){.tool_approval = value("{\"write\":\"always\"}")};
    assert_true(lt_mcp_tool_asks(&s, LT_STR("write")) && !lt_mcp_tool_asks(&s, LT_STR("read")) && lt_mcp_tool_allowed(&s, LT_STR("other")));
}

static void commands_are_the_operators(void **state)
{
    static const char *const wrong[] = {"[]", "{A: {command: ['x']}}", "{a: {}}", "{a: {command: []}}", "{a: {command: ['']}}", "{a: {command: ['x'], shell: true}}",
                                        "{a: {command: ['x'], env: {'A=B': 'c'}}}", "{a: {command: ['x\\0y']}}", "{a: {command: ['x'], directory: 'relative'}}"};
    struct lt_mcp_commands *c = LT_NEW(arena, struct lt_mcp_commands);
    struct lt_error err;
    for (size_t i = 0; i < LT_COUNT(wrong); i++)
        if (lt_mcp_commands_read(arena, lt_str(wrong[i]), c, &err) == LT_OK)
            fail_msg("%s is taken", wrong[i]);
    setenv("LT_TEST_PASSED", "secret-of-the-daemon", 1);
    assert_int_equal(lt_mcp_commands_read(arena, LT_STR("{all: {command: ['x', 'y z'], env: {A: 'b'}, pass_env: ['LT_TEST_PASSED', 'LT_TEST_ABSENT']},"
                                                        " one: {command: ['x'], sites: ['s']}}"), c, &err), LT_OK);
    const struct lt_mcp_command *all = lt_mcp_command_for(c, LT_STR("all"), LT_STR("t"));
    assert_true(all && all->words_n == 2 && lt_str_is(all->words[1], "y z") && all->env_n == 2);
    assert_true(lt_str_is(all->env[1], "LT_TEST_PASSED=secret-of-the-daemon") && lt_str_is(all->secrets[1], "secret-of-the-daemon"));
    assert_null(lt_mcp_command_for(c, LT_STR("one"), LT_STR("t")));
    assert_non_null(lt_mcp_command_for(c, LT_STR("one"), LT_STR("s")));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {TEST(labels_part_the_names_of_servers), TEST(names_are_as_vendors_allow_and_differ), TEST(results_become_text),
                                       TEST(structured_content_must_be_there_and_fit), TEST(rules_of_a_server), TEST(commands_are_the_operators)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
