/* The Ollama door: keys in the path and in Basic credentials, requests in Lectern's terms, answers in Ollama's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api/ollama.h"
#include "api/ollama_answer.h"

static struct lt_arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = lt_arena_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lt_arena_free(arena);
    return 0;
}

static void assert_str(struct lt_str is, const char *expected)
{
    assert_string_equal(lt_strz(arena, is), expected);
}

/* ---- keys ---- */

static void a_key_in_the_path_is_cut_out_of_it(void **state)
{
    static const struct {
        const char *path, *rest, *key; /* key NULL: there is none */
    } rows[] = {
        {"/ollama/lk_a1/api/generate", "/ollama/api/generate", "lk_a1"},
        {"/ollama/lk_a1/api/generate/", "/ollama/api/generate/", "lk_a1"},
        {"/ollama/lk%5Fa1/api/tags", "/ollama/api/tags", "lk_a1"},
        {"/ollama/%zz/api/tags", "/ollama/api/tags", "%zz"},
        {"/ollama/apikey/api/tags", "/ollama/api/tags", "apikey"},
        {"/ollama/lk_a1", "/ollama", "lk_a1"},
        {"/ollama/lk_a1/", "/ollama/", "lk_a1"},
        {"/ollama/lk_a1/elsewhere", "/ollama/elsewhere", "lk_a1"},
        {"/ollama/api/lk_a1", "/ollama/api/lk_a1", NULL},
        {"/ollama/api", "/ollama/api", NULL},
        {"/ollama", "/ollama", NULL},
        {"/ollama/", "/ollama/", NULL},
        {"/ollama//api/tags", "/ollama//api/tags", NULL},
        {"/ollamas/lk_a1/api/tags", "/ollamas/lk_a1/api/tags", NULL},
        {"/OLLAMA/lk_a1/api/tags", "/OLLAMA/lk_a1/api/tags", NULL},
        {"/v1/lk_a1/api/tags", "/v1/lk_a1/api/tags", NULL},
        {"/openai/lk_a1/api/tags", "/openai/lk_a1/api/tags", NULL},
    };
    (void)state;
    for (size_t i = 0; i < LT_COUNT(rows); i++) {
        struct lt_str path = lt_str(rows[i].path), key = LT_STR_NULL;
        assert_int_equal(lt_ollama_cut_key(arena, &path, &key), rows[i].key != NULL);
        assert_str(path, rows[i].rest);
        if (rows[i].key)
            assert_str(key, rows[i].key);
    }
}

static void the_password_of_basic_is_the_key(void **state)
{
    static const struct {
        const char *credentials, *password; /* NULL: refused */
    } rows[] = {
        {"bW9vZGxlOmxrX2ExYjI=", "lk_a1b2"},  /* moodle:lk_a1b2 */
        {"OmxrX2ExYjI=", "lk_a1b2"},          /* :lk_a1b2 */
        {"YTpiOmM=", "b:c"},                  /* a:b:c */
        {"w7w6w7zDvw==", "\xc3\xbc\xc3\xbf"}, /* ü:üÿ */
        {"fn5+OmxrXz8/Pw==", "lk_???"},       /* ~~~:lk_???, with + and / */
        {"bW9vZGxlOg==", NULL},               /* moodle: */
        {"bW9vZGxl", NULL},                   /* moodle */
        {"bW9vZGxlOmxrX2ExYjI", NULL},        /* without padding */
        {"fn5-OmxrXz8_Pw==", NULL},           /* the other alphabet */
        {"YTpiCmM=", NULL},                   /* a line end */
        {"YTr/", NULL},                       /* not UTF-8 */
        {"YTpi YTpi", NULL},
        {"====", NULL},
        {"=", NULL},
        {"", NULL},
    };
    (void)state;
    for (size_t i = 0; i < LT_COUNT(rows); i++) {
        struct lt_str password;
        struct lt_error err = {0};
        enum lt_code rc = lt_basic_password(arena, lt_str(rows[i].credentials), &password, &err);
        assert_int_equal(rc, rows[i].password ? LT_OK : LT_EUNAUTHENTICATED);
        if (rows[i].password)
            assert_str(password, rows[i].password);
        else
            assert_true(err.detail[0] && (!rows[i].credentials[0] || !strstr(err.detail, rows[i].credentials)));
    }
}

/* ---- requests ---- */

static const struct lt_json *parse(const char *text)
{
    const struct lt_json *v;
    struct lt_error err;
    if (lt_json_parse(arena, lt_str(text), LT_JSON_STRICT, &v, &err))
        fail_msg("%s: %s", text, err.detail);
    return v;
}

#define ASKED "\"messages\":[{\"role\":\"user\",\"content\":\"Why?\"}]"
#define CALL(id) "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"x\\\":1}\"}}"
#define ASKED_WITH_CALL(id) "{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[" CALL(id) "]}"

static void a_request_becomes_a_conversation(void **state)
{
    static const struct {
        bool chat;
        const char *body, *input;
    } rows[] = {
        {false, "{\"prompt\":\"Why?\"}", "{" ASKED "}"},
        {false, "{\"prompt\":\"Why?\",\"system\":\"Be brief.\"}",
         "{\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},{\"role\":\"user\",\"content\":\"Why?\"}]}"},
        {false,
         "{\"prompt\":\"Why?\",\"system\":\"\",\"template\":\"\",\"suffix\":\"\",\"raw\":false,\"context\":[],\"keep_alive\":\"5m\","
         "\"think\":true}",
         "{" ASKED "}"},
        {false, "{\"prompt\":\"Why?\",\"options\":{\"temperature\":0.5,\"top_p\":0.25,\"seed\":7,\"num_predict\":20,\"stop\":[\"\\n\"]}}",
         "{" ASKED ",\"temperature\":0.5,\"top_p\":0.25,\"max_tokens\":20,\"seed\":7,\"stop\":[\"\\n\"]}"},
        {false, "{\"prompt\":\"Why?\",\"options\":{\"temperature\":9,\"top_p\":-1,\"seed\":-1,\"num_predict\":-2,\"stop\":\"END\"}}",
         "{" ASKED ",\"temperature\":2,\"top_p\":0,\"stop\":[\"END\"]}"},
        {false, "{\"prompt\":\"Why?\",\"options\":{\"mirostat\":2,\"top_k\":\"many\",\"num_ctx\":null,\"x\":{},\"temperature\":null,\"stop\":[]}}",
         "{" ASKED "}"},
        {false, "{\"prompt\":\"Why?\",\"format\":\"json\"}", "{" ASKED ",\"response_format\":{\"type\":\"json_object\"}}"},
        {false, "{\"prompt\":\"Why?\",\"format\":\"\"}", "{" ASKED "}"},
        {false, "{\"prompt\":\"Why?\",\"format\":{\"type\":\"object\"}}",
         "{" ASKED ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"answer\",\"schema\":{\"type\":\"object\"}}}}"},
        {false, "{\"prompt\":\"Why?\",\"images\":[\"iVBORw0KGgoAAA==\",\"/9j/4AAQ\"]}",
         "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Why?\"},"
         "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,iVBORw0KGgoAAA==\"}},"
         "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/jpeg;base64,/9j/4AAQ\"}}]}]}"},
        {true, "{" ASKED "}", "{" ASKED "}"},
        {true, "{" ASKED ",\"tools\":[]}", "{" ASKED "}"},
        {true,
         "{" ASKED ",\"tools\":[{\"type\":\"function\",\"x\":1,\"function\":{\"name\":\"f\",\"description\":null,\"y\":2,"
         "\"parameters\":{\"type\":\"object\"}}}]}",
         "{" ASKED ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\"}}}]}"},
        {true, "{\"messages\":[{\"role\":\"user\",\"content\":\"\",\"images\":[\"UklGRg==\"]}]}",
         "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/webp;base64,UklGRg==\"}}]}]}"},
        /* calls and results: by id, by name, by order */
        {true,
         "{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"i\",\"function\":{\"name\":\"f\",\"arguments\":{\"x\":1}}}]},"
         "{\"role\":\"tool\",\"content\":\"1\",\"tool_call_id\":\"i\"}]}",
         "{\"messages\":[" ASKED_WITH_CALL("i") ",{\"role\":\"tool\",\"tool_call_id\":\"i\",\"content\":\"1\"}]}"},
        {true,
         "{\"messages\":[{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"function\":{\"name\":\"g\",\"arguments\":{}}},"
         "{\"function\":{\"name\":\"f\",\"arguments\":{\"x\":1}}}]},{\"role\":\"tool\",\"content\":\"F\",\"tool_name\":\"f\"},"
         "{\"role\":\"tool\",\"content\":\"G\"}]}",
         "{\"messages\":[{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"id\":\"call_1\",\"type\":\"function\",\"function\":"
         "{\"name\":\"g\",\"arguments\":\"{}\"}}," CALL("call_2") "]},{\"role\":\"tool\",\"tool_call_id\":\"call_2\",\"content\":\"F\"},"
         "{\"role\":\"tool\",\"tool_call_id\":\"call_1\",\"content\":\"G\"}]}"},
    };
    (void)state;
    for (size_t i = 0; i < LT_COUNT(rows); i++) {
        struct lt_ollama_request q;
        struct lt_error err = {0};
        if (lt_ollama_read(arena, parse(rows[i].body), rows[i].chat, &q, &err))
            fail_msg("%s: %s %s", rows[i].body, err.field, err.detail);
        assert_null(q.only);
        assert_true(q.stream && q.chat == rows[i].chat);
        if (!lt_json_equal(q.input, parse(rows[i].input)))
            fail_msg("%s\nbecame   %s\nexpected %s", rows[i].body, lt_strz(arena, lt_json_text(arena, q.input)), rows[i].input);
    }
}

static void what_cannot_be_done_is_refused_by_its_name(void **state)
{
    static const struct {
        bool chat;
        const char *body, *field;
    } rows[] = {
        {false, "{\"prompt\":\"x\",\"raw\":true}", "/raw"},
        {false, "{\"prompt\":\"x\",\"template\":\"{{ .Prompt }}\"}", "/template"},
        {false, "{\"prompt\":\"x\",\"suffix\":\"y\"}", "/suffix"},
        {false, "{\"prompt\":\"x\",\"context\":[1,2]}", "/context"},
        {false, "{\"prompt\":\"x\",\"format\":\"xml\"}", "/format"},
        {false, "{\"prompt\":\"x\",\"images\":[\"iVBORw0KGgo=\",\"AAAA\"]}", "/images/1"},
        {false, "{\"prompt\":\"x\",\"options\":{\"temperature\":\"warm\"}}", "/options/temperature"},
        {false, "{\"prompt\":\"x\",\"options\":{\"num_predict\":1.5}}", "/options/num_predict"},
        {false, "{\"prompt\":\"x\",\"options\":{\"stop\":7}}", "/options/stop"},
        {false, "{\"prompt\":\"x\",\"options\":{\"stop\":[\"a\",7]}}", "/options/stop"},
        {true, "{\"messages\":[{\"role\":\"user\",\"content\":\"x\",\"images\":[\"\"]}]}", "/messages/0/images/0"},
        {true, "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"tool\",\"content\":\"1\"}]}", "/messages/1"},
        {true,
         "{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"function\":{\"name\":\"f\"}}]},{\"role\":\"tool\",\"content\":\"1\"},"
         "{\"role\":\"tool\",\"content\":\"2\"}]}",
         "/messages/2"},
    };
    (void)state;
    for (size_t i = 0; i < LT_COUNT(rows); i++) {
        struct lt_ollama_request q;
        struct lt_error err = {0};
        assert_int_equal(lt_ollama_read(arena, parse(rows[i].body), rows[i].chat, &q, &err), LT_EINVALID_INPUT);
        assert_string_equal(err.field, rows[i].field);
        assert_true(err.detail[0]);
    }
}

static void without_a_question_the_model_is_loaded_or_put_away(void **state)
{
    static const struct {
        bool chat;
        const char *body, *only;
    } rows[] = {{false, "{}", "load"},
                {false, "{\"prompt\":\"\"}", "load"},
                {false, "{\"prompt\":null,\"keep_alive\":\"10m\"}", "load"},
                {false, "{\"prompt\":\"\",\"keep_alive\":0}", "unload"},
                {true, "{\"messages\":[],\"keep_alive\":\"0s\"}", "unload"},
                {true, "{\"messages\":null}", "load"}};
    (void)state;
    for (size_t i = 0; i < LT_COUNT(rows); i++) {
        struct lt_ollama_request q;
        struct lt_error err;
        assert_int_equal(lt_ollama_read(arena, parse(rows[i].body), rows[i].chat, &q, &err), LT_OK);
        assert_string_equal(q.only, rows[i].only);
        assert_null(q.input);
    }
}

/* ---- answers ---- */

#define TIME "2026-11-21T03:04:05.678901234Z"
#define NOTHING {LT_STR_NULL, LT_STR_NULL, NULL, LT_USAGE_UNKNOWN}

static const char *written(bool chat, const char *text, const char *calls, const struct lt_ollama_end *end, const struct lt_ollama_times *times)
{
    struct lt_ollama_request q = {.model = LT_STR("action:f"), .chat = chat};
    struct lt_buf buf;
    struct lt_jw w;
    struct lt_error err;
    lt_buf_init(&buf, 4096);
    lt_jw_init(&w, &buf);
    if (lt_ollama_write(arena, &w, &q, TIME, lt_str(text), calls ? parse(calls) : NULL, end, times, &err))
        fail_msg("%s", err.detail);
    const char *z = lt_strz(arena, lt_buf_str(&buf));
    lt_buf_free(&buf);
    return z;
}

#define HEAD "{\"model\":\"action:f\",\"created_at\":\"" TIME "\","

static void answers_have_ollamas_shape(void **state)
{
    struct lt_ollama_end end = {LT_STR("All."), LT_STR("length"), NULL, {9, 12, 21, -1}}, unknown = NOTHING;
    struct lt_ollama_end load = NOTHING;
    struct lt_ollama_times times = {30, 10, 20};
    load.finish_reason = LT_STR("load");
    (void)state;
    assert_string_equal(written(false, "Be", NULL, NULL, NULL), HEAD "\"response\":\"Be\",\"done\":false}");
    assert_string_equal(written(true, "Be", NULL, NULL, NULL), HEAD "\"message\":{\"role\":\"assistant\",\"content\":\"Be\"},\"done\":false}");
    assert_string_equal(written(false, "All.", NULL, &end, &times),
                        HEAD "\"response\":\"All.\",\"done\":true,\"done_reason\":\"length\",\"total_duration\":30,\"load_duration\":0,"
                             "\"prompt_eval_count\":9,\"prompt_eval_duration\":10,\"eval_count\":12,\"eval_duration\":20}");
    assert_string_equal(written(true, "", NULL, &unknown, &times),
                        HEAD "\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\",\"total_duration\":30,"
                             "\"load_duration\":0,\"prompt_eval_count\":null,\"prompt_eval_duration\":10,\"eval_count\":null,\"eval_duration\":20}");
    assert_string_equal(written(false, "", NULL, &load, NULL), HEAD "\"response\":\"\",\"done\":true,\"done_reason\":\"load\"}");
}

static void calls_of_tools_have_objects_as_arguments_and_no_line_ends(void **state)
{
    struct lt_ollama_end end = {LT_STR(""), LT_STR("tool_calls"), NULL, LT_USAGE_UNKNOWN};
    struct lt_ollama_times times = {1, 1, 0};
    const char *calls = "[{\"id\":\"i\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\n\\\"x\\\": [1]\\n}\"}},"
                        "{\"id\":\"j\",\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"\"}}]";
    (void)state;
    const char *text = written(true, "", calls, &end, &times);
    assert_non_null(strstr(text, "\"tool_calls\":[{\"id\":\"i\",\"function\":{\"index\":0,\"name\":\"f\",\"arguments\":{\"x\":[1]}}},"
                                 "{\"id\":\"j\",\"function\":{\"index\":1,\"name\":\"g\",\"arguments\":{}}}]"));
    assert_non_null(strstr(text, "\"done_reason\":\"stop\""));
    assert_null(strchr(text, '\n'));
}

static void a_call_whose_arguments_are_no_object_is_an_answer_that_cannot_be_used(void **state)
{
    static const char *const arguments[] = {"[1]", "7", "{", "null"};
    (void)state;
    for (size_t i = 0; i < LT_COUNT(arguments); i++) {
        struct lt_ollama_request q = {.model = LT_STR("m"), .chat = true};
        struct lt_str calls = lt_printf(arena, "[{\"id\":\"i\",\"function\":{\"name\":\"f\",\"arguments\":\"%s\"}}]", arguments[i]);
        struct lt_buf buf;
        struct lt_jw w;
        struct lt_error err;
        lt_buf_init(&buf, 4096);
        lt_jw_init(&w, &buf);
        assert_int_equal(lt_ollama_write(arena, &w, &q, TIME, LT_STR(""), parse(lt_strz(arena, calls)), NULL, NULL, &err), LT_EUPSTREAM_INVALID);
        lt_buf_free(&buf);
    }
}

static void times_have_nanoseconds(void **state)
{
    char now[LT_OLLAMA_TIME];
    int64_t ms, before = lt_now_ms();
    (void)state;
    lt_ollama_time(now);
    assert_int_equal(strlen(now), 30);
    assert_true(now[29] == 'Z' && now[19] == '.' && lt_time_parse(lt_str(now), &ms));
    assert_in_range(ms, before, lt_now_ms());
}

/* ---- errors ---- */

static void every_fault_has_a_status_that_clients_take_for_a_fault(void **state)
{
    (void)state;
    for (int code = LT_OK + 1; code < LT_CODE_COUNT; code++)
        assert_in_range(lt_ollama_status((enum lt_code)code), 400, 599);
    assert_int_equal(lt_ollama_status(LT_EUNSUPPORTED), 400);
    assert_int_equal(lt_ollama_status(LT_ENOT_FOUND), 404);
    assert_int_equal(lt_ollama_status(LT_EUNAUTHENTICATED), 401);
    assert_int_equal(lt_ollama_status(LT_EOVERLOADED), 503);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_key_in_the_path_is_cut_out_of_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_password_of_basic_is_the_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_request_becomes_a_conversation, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_done_is_refused_by_its_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_question_the_model_is_loaded_or_put_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown(answers_have_ollamas_shape, set_up, tear_down),
        cmocka_unit_test_setup_teardown(calls_of_tools_have_objects_as_arguments_and_no_line_ends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_call_whose_arguments_are_no_object_is_an_answer_that_cannot_be_used, set_up, tear_down),
        cmocka_unit_test_setup_teardown(times_have_nanoseconds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_fault_has_a_status_that_clients_take_for_a_fault, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
