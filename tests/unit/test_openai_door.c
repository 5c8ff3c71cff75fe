/* The OpenAI door: the form of errors, reasons of an end, and what chat completions become. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api/openai.h"

static struct lt_arena *arena;
static struct lt_site site = {.slug = {"s", 1}};

static int begin(void **state)
{
    (void)state;
    arena = lt_arena_new();
    return 0;
}

static int end(void **state)
{
    (void)state;
    lt_arena_free(arena);
    return 0;
}

static const struct lt_json *parse(struct lt_str text)
{
    const struct lt_json *json = NULL;
    struct lt_error err;
    if (lt_json_parse(arena, text, LT_JSON_STRICT, &json, &err))
        fail_msg("%.*s: %s", LT_FMT(text), err.detail);
    return json;
}

/* The object that the error is for a user, or for a key. */
static const struct lt_json *shown(enum lt_code code, const char *field, const char *detail, bool user)
{
    struct lt_request r = {.arena = arena, .caller = {.site = &site, .is_user = user}};
    struct lt_error err;
    struct lt_json_reply j;
    lt_fail_field(&err, code, field, "%s", detail);
    lt_openai_write_error(&r, lt_json_begin(&j), &err);
    struct lt_str text = lt_str_copy(arena, lt_buf_str(&j.buf));
    lt_buf_free(&j.buf);
    return lt_json_get(parse(text), "error");
}

static struct lt_str member(const struct lt_json *object, const char *key)
{
    return lt_json_str(lt_json_get(object, key));
}

static void every_code_has_a_form(void **state)
{
    static const char *const types[] = {"invalid_request_error", "rate_limit_error", "insufficient_quota", "server_error"};
    (void)state;
    for (int code = 1; code < LT_CODE_COUNT; code++) {
        const struct lt_json *error = shown((enum lt_code)code, "", "why", false);
        bool known = false;
        for (size_t i = 0; i < LT_COUNT(types); i++)
            known |= lt_str_is(member(error, "type"), types[i]);
        print_message("%s\n", lt_code_name((enum lt_code)code));
        assert_true(known && lt_json_len(error) == 4 && member(error, "message").n > 0);
        assert_true(lt_json_is(lt_json_get(error, "param"), LT_JSON_NULL));
    }
}

static void what_is_wrong_is_named_as_openai_names_it(void **state)
{
    static const struct {
        const char *field, *param;
    } cases[] = {{"/model", "model"},
                 {"/messages/0/content", "messages[0].content"},
                 {"/messages/12/content/3/image_url/url", "messages[12].content[3].image_url.url"},
                 {"/messages/0/tool_calls/1/function", "messages[0].tool_calls[1].function"},
                 {"/stop/3", "stop[3]"},
                 {"X-Lectern-Course", "X-Lectern-Course"}};
    (void)state;
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        const struct lt_json *error = shown(LT_EINVALID_INPUT, cases[i].field, "must be there", true);
        assert_true(lt_str_is(member(error, "param"), cases[i].param));
        assert_true(lt_str_starts(member(error, "message"), lt_str(cases[i].param)));
    }
}

static void users_read_calm_words_where_the_fault_is_not_theirs(void **state)
{
    (void)state;
    assert_true(lt_str_is(member(shown(LT_EUPSTREAM_UNAUTHORIZED, "", "cause", false), "message"), "cause"));
    assert_true(lt_str_is(member(shown(LT_EUPSTREAM_UNAUTHORIZED, "", "cause", true), "message"), lt_code_text(LT_EUPSTREAM_UNAUTHORIZED)));
    assert_true(lt_str_is(member(shown(LT_ENOT_FOUND, "/model", "no such", true), "code"), "model_not_found"));
    assert_true(lt_str_is(member(shown(LT_ENOT_FOUND, "", "no such", true), "code"), "not_found"));
}

static void an_end_has_a_reason_that_clients_know(void **state)
{
    static const struct {
        const char *theirs, *ours;
    } cases[] = {{"stop", "stop"}, {"length", "length"}, {"content_filter", "content_filter"}, {"tool_calls", "tool_calls"},
                 {"pause_turn", "stop"}, {"", "stop"}};
    (void)state;
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_door_result result = {.finish_reason = lt_str(cases[i].theirs)};
        assert_string_equal(lt_openai_finish_reason(&result), cases[i].ours);
    }
    struct lt_door_result calls = {.finish_reason = LT_STR("stop"), .tool_calls = parse(LT_STR("[{}]"))};
    assert_string_equal(lt_openai_finish_reason(&calls), "tool_calls");
}

/* Input and what continue_conversation is given; or the field that is refused. */
static void a_body_becomes_a_conversation(void **state)
{
#define U "{\"role\":\"user\",\"content\":\"u\"}"
    static const struct {
        const char *body, *input, *field;
    } cases[] = {
        {"{\"messages\":[" U "]}", "{\"messages\":[" U "]}", NULL},
        {"{\"messages\":[{\"role\":\"developer\",\"content\":\"d\",\"name\":\"n\"}]}",
         "{\"messages\":[{\"role\":\"system\",\"content\":\"d\"}]}", NULL},
        {"{\"messages\":[" U "],\"stop\":\"x\",\"seed\":-1,\"nonsense\":1}", "{\"messages\":[" U "],\"seed\":-1,\"stop\":[\"x\"]}", NULL},
        {"{\"messages\":[" U "],\"stop\":[],\"tools\":[],\"tool_choice\":\"auto\",\"parallel_tool_calls\":true}", "{\"messages\":[" U "]}", NULL},
        {"{\"messages\":[" U "],\"max_tokens\":1,\"max_completion_tokens\":2}", "{\"messages\":[" U "],\"max_tokens\":2}", NULL},
        {"{\"messages\":[" U "],\"max_tokens\":1,\"max_completion_tokens\":null}", "{\"messages\":[" U "],\"max_tokens\":1}", NULL},
        {"{\"messages\":[{\"role\":\"assistant\",\"content\":null,\"refusal\":\"no\"}]}",
         "{\"messages\":[{\"role\":\"assistant\",\"content\":\"no\"}]}", NULL},
        {"{\"messages\":[" U "],\"response_format\":{\"type\":\"text\"},\"n\":1.0}", "{\"messages\":[" U "]}", NULL},
        {"{\"messages\":[" U "],\"n\":0}", NULL, "/n"},
        {"{\"messages\":[" U "],\"functions\":[]}", NULL, "/functions"},
        {"{\"messages\":[" U ",{\"role\":\"user\",\"content\":[{\"type\":\"file\"}]}]}", NULL, "/messages/1/content/0/type"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":[]}]}", NULL, "/messages/0/content"},
        {"{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"type\":\"custom\"}]}]}", NULL, "/messages/0/tool_calls/0/function"},
        {"{\"messages\":[" U "],\"tools\":[{\"type\":\"web_search\"}]}", NULL, "/tools/0/type"},
        {"{\"messages\":[" U "],\"tool_choice\":{\"type\":\"allowed_tools\"}}", NULL, "/tool_choice"},
    };
    (void)state;
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_request r = {.arena = arena};
        struct lt_error err = {0};
        const struct lt_json *input = NULL;
        print_message("%s\n", cases[i].body);
        enum lt_code rc = lt_openai_chat_input(&r, parse(lt_str(cases[i].body)), &input, &err);
        assert_int_equal(rc, cases[i].field ? LT_EINVALID_INPUT : LT_OK);
        if (cases[i].field)
            assert_string_equal(err.field, cases[i].field);
        else
            assert_true(lt_str_is(lt_json_text(arena, input), cases[i].input));
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(every_code_has_a_form),
        T(what_is_wrong_is_named_as_openai_names_it),
        T(users_read_calm_words_where_the_fault_is_not_theirs),
        T(an_end_has_a_reason_that_clients_know),
        T(a_body_becomes_a_conversation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
