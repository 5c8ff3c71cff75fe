/*
 * The provider `ollama`. First its reading of answers as pure functions over bytes, at any chunking; then what it sends, against a
 * small server that plays one canned answer.
 */
#include "provider_rig.h"
#include "providers/ollama_answer.h"
#include "text/json_schema.h"

extern const struct lt_provider lt_provider_ollama;

/* ---- answers ---- */

struct scenario {
    const char *name, *body;
    bool stream;
    enum lt_code code;
    const char *text, *finish_reason, *model, *tool_calls; /* where good; tool_calls NULL: none */
    struct lt_usage usage;
    const char *detail; /* part of the error's */
};

#define UNKNOWN LT_USAGE_UNKNOWN
#define COUNTS "\"prompt_eval_count\":11,\"eval_count\":568"
#define SAID(text) "\"message\":{\"role\":\"assistant\",\"content\":\"" text "\"}"
#define LINE(text) "{\"model\":\"m:1\"," SAID(text) ",\"done\":false}\n"
#define LAST "{\"model\":\"m:1\"," SAID("") ",\"done_reason\":\"stop\",\"done\":true," COUNTS "}\n"
#define CALL(id, name, arguments) "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"" name "\",\"arguments\":" arguments "}}"
#define GOOD(text) LT_OK, text, "stop", "m:1", NULL, {11, 568, 579, -1, -1}, NULL
#define BAD(code, detail) code, NULL, NULL, NULL, NULL, UNKNOWN, detail
#define INVALID(detail) BAD(LT_EUPSTREAM_INVALID, detail)

static const struct scenario scenarios[] = {
    /* whole */
    {"text", "{\"model\":\"m:1\"," SAID("Hello") ",\"done_reason\":\"stop\",\"done\":true," COUNTS "}", false, GOOD("Hello")},
    {"without counts", "{\"model\":\"m:1\"," SAID("A") ",\"done\":true}", false, LT_OK, "A", "stop", "m:1", NULL, UNKNOWN, NULL},
    {"prompt in the cache", "{\"model\":\"m:1\"," SAID("A") ",\"done\":true,\"eval_count\":3}", false,
     LT_OK, "A", "stop", "m:1", NULL, {-1, 3, -1, -1, -1}, NULL},
    {"counts of wrong types", "{" SAID("A") ",\"done\":true,\"eval_count\":\"3\",\"prompt_eval_count\":-2}", false,
     LT_OK, "A", "stop", "", NULL, UNKNOWN, NULL},
    {"length", "{" SAID("A") ",\"done_reason\":\"length\",\"done\":true}", false, LT_OK, "A", "length", "", NULL, UNKNOWN, NULL},
    {"thought", "{\"message\":{\"content\":\"A\",\"thinking\":\"hm\"},\"done\":true}", false, LT_OK, "A", "stop", "", NULL, UNKNOWN, NULL},
    {"content null", "{\"message\":{\"content\":null,\"images\":null},\"done\":true}", false, LT_OK, "", "stop", "", NULL, UNKNOWN, NULL},
    {"generate", "{\"model\":\"m:1\",\"response\":\"Hello\",\"done\":true,\"done_reason\":\"stop\",\"context\":[1,2]," COUNTS "}", false,
     GOOD("Hello")},
    {"tool calls",
     "{\"message\":{\"content\":\"\",\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":{\"a\":1}}},{\"id\":\"x\",\"function\":{"
     "\"index\":1,\"name\":\"g\"}}]},\"done_reason\":\"stop\",\"done\":true}",
     false, LT_OK, "", "tool_calls", "", "[" CALL("call_7_1", "f", "\"{\\\"a\\\":1}\"") "," CALL("x", "g", "\"{}\"") "]", UNKNOWN, NULL},
    {"not done", "{" SAID("A") ",\"done\":false}", false, INVALID("ended in the middle")},
    {"done absent", "{" SAID("A") "}", false, INVALID("ended in the middle")},
    {"done a number", "{" SAID("A") ",\"done\":1}", false, INVALID("done is of type integer")},
    {"nothing", "{\"done\":true}", false, INVALID("no message")},
    {"message a string", "{\"message\":\"A\",\"done\":true}", false, INVALID("message is of type string")},
    {"content a list", "{\"message\":{\"content\":[\"A\"]},\"done\":true}", false, INVALID("content is of type array")},
    {"response a number", "{\"response\":7,\"done\":true}", false, INVALID("response is of type integer")},
    {"tool_calls an object", "{\"message\":{\"tool_calls\":{}},\"done\":true}", false, INVALID("tool_calls is of type object")},
    {"call without a function", "{\"message\":{\"tool_calls\":[{}]},\"done\":true}", false, INVALID("function is of type absent")},
    {"call without a name", "{\"message\":{\"tool_calls\":[{\"function\":{}}]},\"done\":true}", false, INVALID("has no name")},
    {"arguments as text", "{\"message\":{\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},\"done\":true}", false,
     INVALID("arguments is of type string")},
    {"a list", "[]", false, INVALID("array")},
    {"cut", "{" SAID("A") ",\"do", false, INVALID("not JSON")},
    {"error", "{\"error\":\"out of memory\"}", false, BAD(LT_EUPSTREAM_UNAVAILABLE, "out of memory")},

    /* streams */
    {"stream", LINE("Hel") LINE("lo") LAST, true, GOOD("Hello")},
    {"stream of generate",
     "{\"model\":\"m:1\",\"response\":\"Hel\",\"done\":false}\n{\"response\":\"lo\",\"done\":true,\"done_reason\":\"stop\"," COUNTS "}\n",
     true, GOOD("Hello")},
    {"CRLF and empty lines", "\r\n{\"model\":\"m:1\"," SAID("Hel") ",\"done\":false}\r\n\r\n\n" LINE("lo") LAST, true, GOOD("Hello")},
    {"no end of the last line", LINE("Hello") "{\"done\":true,\"done_reason\":\"stop\"," COUNTS "}", true, GOOD("Hello")},
    {"text in the last line", LINE("Hel") "{" SAID("lo") ",\"done\":true," COUNTS "}\n", true, GOOD("Hello")},
    {"more behind the end", LINE("Hello") LAST LINE("x") "rubbish\n", true, GOOD("Hello")},
    {"multi-byte text", LINE("\xC3\xA9\xE2\x82\xAC") LINE("\\ud83d\\ude00") LAST, true, GOOD("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80")},
    {"thought in the stream", "{\"model\":\"m:1\",\"message\":{\"content\":\"\",\"thinking\":\"hm\"},\"done\":false}\n" LINE("A") LAST,
     true, GOOD("A")},
    {"tool calls of a stream",
     "{\"message\":{\"content\":\"\",\"tool_calls\":[{\"function\":{\"index\":0,\"name\":\"f\",\"arguments\":{}}}]},\"done\":false}\n"
     "{\"message\":{\"content\":\"\",\"tool_calls\":[{\"function\":{\"index\":0,\"name\":\"f\",\"arguments\":{\"a\":[]}}}]},\"done\":false}\n" LAST,
     true, LT_OK, "", "tool_calls", "m:1",
     "[" CALL("call_7_1", "f", "\"{}\"") "," CALL("call_7_2", "f", "\"{\\\"a\\\":[]}\"") "]", {11, 568, 579, -1, -1}, NULL},
    {"ends in the middle", LINE("A"), true, INVALID("ended in the middle")},
    {"ends in a line", LINE("A") "{\"done\":tr", true, INVALID("not JSON")},
    {"nothing came", "", true, INVALID("ended in the middle")},
    {"error in mid-stream", LINE("A") "{\"error\":\"an error was encountered while running the model\"}\n", true,
     BAD(LT_EUPSTREAM_UNAVAILABLE, "while running the model")},
    {"context in mid-stream", "{\"error\":\"the input length exceeds the context length\"}\n", true, BAD(LT_ECONTEXT_WINDOW, "context length")},
    {"not JSON", LINE("A") "{\"message\":\n", true, INVALID("not JSON")},
    {"HTML", "<html>\n", true, INVALID("not JSON")},
    {"a number", "7\n", true, INVALID("not a JSON object")},
};

/* Feeds the body in pieces of the lengths that next() gives. */
static void run_scenario(const struct scenario *s, size_t (*next)(void))
{
    struct lt_wire_answer a;
    struct lt_neutral_result result = {0};
    struct lt_str body = lt_str(s->body);
    struct lt_buf text;
    char prefix[] = "call_7";
    enum lt_code code = LT_OK;
    err = (struct lt_error){0};
    lt_wire_answer_init(&a, &lt_ollama_format, prefix, arena, LT_STR_NULL);
    a.streamed = s->stream;
    lt_buf_init(&text, 1 << 20);
    if (!s->stream)
        code = lt_wire_answer_json(&a, body, &err);
    while (s->stream && !code && body.n > 0) {
        size_t n = next();
        n = n < body.n ? n : body.n;
        char *piece = malloc(n + 1); /* a block of its own, so that a sanitizer sees a read beyond it */
        memcpy(piece, body.p, n);
        code = lt_wire_answer_feed(&a, (struct lt_str){piece, n}, &err);
        free(piece);
        lt_buf_put_str(&text, lt_buf_str(&a.text));
        lt_buf_reset(&a.text);
        body.p += n;
        body.n -= n;
    }
    if (!code)
        code = lt_wire_answer_end(&a, &result, &err);
    lt_buf_put_str(&text, lt_buf_str(&a.text));
    if (code != s->code || err.code != code)
        fail_msg("%s: %s (%s)", s->name, lt_code_name(code), err.detail);
    if (code && !strstr(err.detail, s->detail))
        fail_msg("%s: \"%s\" is not in \"%s\"", s->name, s->detail, err.detail);
    if (!code) {
        assert_text(lt_buf_str(&text), s->text);
        assert_text(result.finish_reason, s->finish_reason);
        assert_text(result.model, s->model);
        assert_text(result.tool_calls ? lt_json_text(arena, result.tool_calls) : LT_STR("none"), s->tool_calls ? s->tool_calls : "none");
        if (memcmp(&result.usage, &s->usage, sizeof(s->usage)) != 0)
            fail_msg("%s: usage %lld/%lld/%lld", s->name, (long long)result.usage.prompt_tokens, (long long)result.usage.completion_tokens,
                     (long long)result.usage.total_tokens);
    }
    lt_buf_free(&text);
    lt_wire_answer_free(&a);
}

static size_t everything(void)
{
    return SIZE_MAX;
}

static size_t one_byte(void)
{
    return 1;
}

static size_t at_random(void)
{
    return (size_t)(rand() % 40);
}

static void answers_are_read_alike_however_they_are_cut(void **state)
{
    unsigned seed = (unsigned)time(NULL);
    printf("seed %u\n", seed);
    srand(seed);
    for (size_t i = 0; i < LT_COUNT(scenarios); i++) {
        run_scenario(&scenarios[i], everything);
        run_scenario(&scenarios[i], one_byte);
        for (int k = 0; k < 30; k++)
            run_scenario(&scenarios[i], at_random);
    }
}

static const struct {
    int status;
    const char *body;
    enum lt_code code;
} faults[] = {
    {400, "{\"error\":\"invalid format\"}", LT_EUPSTREAM_BAD_REQUEST},
    {400, "{\"error\":\"registry.ollama.ai/library/x does not support tools\"}", LT_EUNSUPPORTED},
    {400, "{\"error\":\"the input length exceeds the context length\"}", LT_ECONTEXT_WINDOW},
    {401, "{\"error\":\"unauthorized: pass-word\"}", LT_EUPSTREAM_UNAUTHORIZED},
    {404, "{\"error\":\"model 'x' not found\"}", LT_EUPSTREAM_NOT_FOUND},
    {429, "{\"error\":\"too many requests\"}", LT_EUPSTREAM_RATE_LIMITED},
    {500, "{\"error\":\"llama runner process has terminated\"}", LT_EUPSTREAM_UNAVAILABLE},
    {503, "{\"error\":\"server busy, please try again\"}", LT_EUPSTREAM_UNAVAILABLE},
};

static void faults_are_mapped(void **state)
{
    for (size_t i = 0; i < LT_COUNT(faults); i++) {
        enum lt_code code = lt_wire_fault(&lt_ollama_format, arena, faults[i].status, LT_STR("Reason"), lt_str(faults[i].body),
                                          LT_STR("pass-word"), &err);
        if (code != faults[i].code)
            fail_msg("%d %s: %s", faults[i].status, faults[i].body, lt_code_name(code));
        assert_null(strstr(err.detail, "pass-word"));
        assert_int_equal(err.vendor_status, faults[i].status);
    }
}

/* ---- settings ---- */

static void configured_says_what_is_missing(void **state)
{
    static const struct {
        const char *config, *why; /* why NULL: configured */
    } cases[] = {
        {"{\"model\":\"m\"}", NULL},
        {"{\"embedding_model\":\"m\"}", NULL},
        {"{}", "model"},
        {"{\"model\":\"m\",\"endpoint\":\"http://192.0.2.1:11434\"}", "https"},
        {"{\"model\":\"m\",\"username\":\"u\",\"password\":\"p\"}", NULL},
        {"{\"model\":\"m\",\"username\":\"u\",\"api_key\":\"k\"}", "exclude"},
        {"{\"model\":\"m\",\"username\":\"u\",\"headers\":{\"AUTHORIZATION\":\"x\"}}", "Authorization"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_provider_instance instance = {.config = json(cases[i].config)};
        char why[LT_PROVIDER_WHY_MAX] = "";
        bool ok = lt_provider_ollama.configured(&instance, why);
        if (ok != !cases[i].why || (!ok && !strstr(why, cases[i].why)))
            fail_msg("%s: %s \"%s\"", cases[i].config, ok ? "configured" : "not", why);
    }
}

static void settings_are_checked_by_their_schema(void **state)
{
    static const struct {
        const char *config, *field; /* field NULL: good */
    } cases[] = {
        {"{\"model\":\"llama3.2:latest\",\"username\":\"u\",\"password\":\"p: \\u00e9\",\"api\":\"generate\","
         "\"body\":{\"options\":{\"num_ctx\":8192}}}", NULL},
        {"{\"username\":\"a:b\"}", "/username"},
        {"{\"api\":\"completions\"}", "/api"},
        {"{\"key\":\"x\"}", "/key"},
    };
    const struct lt_schema *schema = NULL;
    if (lt_schema_compile_text(arena, lt_provider_ollama.settings_schema, &schema, &err))
        fail_msg("%s", err.detail);
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        enum lt_code code = lt_schema_check(schema, json(cases[i].config), &err);
        if (code != (cases[i].field ? LT_EINVALID_INPUT : LT_OK) || (code && strcmp(err.field, cases[i].field) != 0))
            fail_msg("%s: %s at %s: %s", cases[i].config, lt_code_name(code), err.field, err.detail);
    }
    const struct lt_json *properties = lt_json_get(json(lt_provider_ollama.settings_schema), "properties");
    assert_true(lt_json_bool_or(lt_json_get(lt_json_get(properties, "password"), "writeOnly"), false));
    assert_true(lt_json_bool_or(lt_json_get(lt_json_get(properties, "api_key"), "writeOnly"), false));
}

/* ---- what is sent ---- */

/* A server that plays one answer, and a client of it; `more` are members of the instance's config, `tail` of its endpoint. */
static void begin(const char *fields, const char *body, const char *tail, const char *more, const char *settings)
{
    server_forget();
    add_play(reply_bytes("200 OK", fields, body, false), SIZE_MAX, KEEP);
    server_start();
    client_new_of(&lt_provider_ollama, "", settings, false);
    struct lt_str config = lt_printf(arena, "{\"endpoint\":\"http://127.0.0.1:%d%s\",\"model\":\"m\"%s}", server.port, tail, more);
    client.instance.config = json(lt_strz(arena, config));
}

static enum lt_code end(void)
{
    enum lt_code code = client_run();
    server_stop();
    return code;
}

static void assert_line(const char *line)
{
    assert_int_equal(server.played, 1);
    if (strncmp(server.requests[0], line, strlen(line)) != 0)
        fail_msg("%s", server.requests[0]);
}

#define IS_LINES "Content-Type: application/x-ndjson\r\n"
#define ANSWER "{\"model\":\"m:1\"," SAID("A") ",\"done\":true,\"done_reason\":\"stop\"," COUNTS "}"
#define M "\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},{\"role\":\"user\",\"content\":\"Hi \\\"you\\\"\"}]"

static void bodies_are_made_of_call_and_settings(void **state)
{
    static const struct {
        const char *more, *settings, *line, *body;
        bool stream;
    } cases[] = {
        {"", NULL, "POST /api/chat HTTP/1.1\r\n", "{\"model\":\"m\",\"stream\":false," M "}", false},
        {"", NULL, "POST /api/chat HTTP/1.1\r\n", "{\"model\":\"m\",\"stream\":true," M "}", true},
        {"", "{\"model\":\"n\",\"temperature\":0.5,\"max_tokens\":9}", "POST /api/chat HTTP/1.1\r\n",
         "{\"model\":\"n\",\"stream\":false," M ",\"options\":{\"temperature\":0.5,\"num_predict\":9}}", false},
        {",\"body\":{\"keep_alive\":\"1h\",\"options\":{\"num_ctx\":8192,\"temperature\":1},\"stream\":true,\"model\":\"evil\"}",
         "{\"extra\":{\"think\":false,\"options\":{\"temperature\":0}}}", "POST /api/chat HTTP/1.1\r\n",
         "{\"model\":\"m\",\"stream\":false," M ",\"options\":{\"temperature\":0,\"num_ctx\":8192},\"think\":false,\"keep_alive\":\"1h\"}", false},
        {",\"api\":\"generate\"", NULL, "POST /api/generate HTTP/1.1\r\n",
         "{\"model\":\"m\",\"stream\":false,\"prompt\":\"Hi \\\"you\\\"\",\"system\":\"Be brief.\"}", false},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        begin(IS_JSON, ANSWER, "", cases[i].more, cases[i].settings);
        client.run.stream = cases[i].stream;
        if (end())
            fail_msg("case %zu: %s", i, err.detail);
        assert_shown("A");
        assert_line(cases[i].line);
        assert_string_equal(request_body(0), cases[i].body);
        assert_null(strstr(server.requests[0], "u5e4")); /* the API has no place for it */
    }
}

static void the_callers_values_are_sent(void **state)
{
    begin(IS_LINES, LINE("A") LAST, "/api/", ",\"body\":{\"options\":{\"temperature\":1,\"seed\":9}}", NULL);
    client.run.stream = true;
    client.call.temperature = 0;
    client.call.top_p = 0.5;
    client.call.seed = 0;
    client.call.max_tokens = 5;
    client.call.stop = json("[\"a\"]");
    client.call.response_format = json("{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":{\"type\":\"object\"}}}");
    client.call.tools = json("[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]");
    client.call.tool_choice = json("\"auto\"");
    assert_int_equal(end(), LT_OK);
    assert_line("POST /api/chat HTTP/1.1\r\n");
    assert_string_equal(request_body(0), "{\"model\":\"m\",\"stream\":true," M ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],"
                                         "\"format\":{\"type\":\"object\"},\"options\":{\"temperature\":0,\"top_p\":0.5,\"seed\":0,\"num_predict\":5,"
                                         "\"stop\":[\"a\"]}}");
}

static void a_tool_conversation_with_an_image_is_sent_in_full(void **state)
{
    static const struct lt_image image = {.media_type = {"image/png", 9}, .base64 = {"aW1n", 4}};
    struct lt_message messages[] = {
        {.role = LT_STR("user"), .content = LT_STR("What?"), .images = &image, .images_n = 1},
        {.role = LT_STR("assistant"), .tool_calls = json("[" CALL("1", "f", "\"{\\\"a\\\":1}\"") "," CALL("2", "g", "\"\"") "]")},
        {.role = LT_STR("tool"), .content = LT_STR("42"), .tool_call_id = LT_STR("2")},
        {.role = LT_STR("tool"), .content = LT_STR("43"), .tool_call_id = LT_STR("1")},
    };
    begin(IS_JSON, ANSWER, "", ",\"api\":\"generate\"", NULL); /* a conversation goes to chat all the same */
    client.call.messages = messages;
    client.call.messages_n = 4;
    client.call.response_format = json("{\"type\":\"json_object\"}");
    client.call.tools = json("[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]");
    client.call.tool_choice = json("\"none\"");
    assert_int_equal(end(), LT_OK);
    assert_string_equal(request_body(0), "{\"model\":\"m\",\"stream\":false,\"messages\":["
                                         "{\"role\":\"user\",\"content\":\"What?\",\"images\":[\"aW1n\"]},"
                                         "{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":["
                                         "{\"id\":\"1\",\"function\":{\"name\":\"f\",\"arguments\":{\"a\":1}}},"
                                         "{\"id\":\"2\",\"function\":{\"name\":\"g\",\"arguments\":{}}}]},"
                                         "{\"role\":\"tool\",\"content\":\"42\",\"tool_name\":\"g\",\"tool_call_id\":\"2\"},"
                                         "{\"role\":\"tool\",\"content\":\"43\",\"tool_name\":\"f\",\"tool_call_id\":\"1\"}],\"format\":\"json\"}");
}

/* Two answers must not give their calls the same ids: the caller puts both into one conversation. */
static void tool_calls_get_ids_of_their_own(void **state)
{
    char ids[2][64];
    for (int i = 0; i < 2; i++) {
        begin(IS_JSON, "{\"message\":{\"content\":\"\",\"tool_calls\":[{\"function\":{\"name\":\"f\"}}]},\"done\":true}", "", "", NULL);
        assert_int_equal(end(), LT_OK);
        struct lt_str id = lt_json_str(lt_json_at_pointer(client.run.result.tool_calls, "/0/id"));
        snprintf(ids[i], sizeof(ids[i]), "%.*s", LT_FMT(id));
        assert_int_equal(strncmp(ids[i], "call_", 5), 0);
    }
    assert_string_not_equal(ids[0], ids[1]);
}

static void what_ollama_cannot_do_is_refused_without_asking(void **state)
{
    static const struct lt_image image = {.url = {"https://example.org/a.png", 25}};
    for (int i = 0; i < 4; i++) {
        begin(IS_JSON, ANSWER, "", "", NULL);
        if (i == 0)
            client.call.tool_choice = json("\"required\"");
        if (i == 1)
            client.call.tool_choice = json("{\"type\":\"function\",\"function\":{\"name\":\"f\"}}");
        if (i == 2)
            client.messages[1] = (struct lt_message){.role = LT_STR("user"), .content = LT_STR("x"), .images = &image, .images_n = 1};
        if (i == 3)
            client.call.previous_response_id = LT_STR("resp_1");
        assert_int_equal(end(), LT_EUNSUPPORTED);
        assert_int_equal(server.accepted, 0);
    }
}

static void who_asks_stands_in_one_header(void **state)
{
    static const struct {
        const char *more, *present; /* present NULL: no Authorization at all */
    } cases[] = {
        {"", NULL},
        {",\"api_key\":\"k-1\"", "\r\nAuthorization: Bearer k-1\r\n"},
        {",\"username\":\"Aladdin\",\"password\":\"open sesame\"", "\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"}, /* RFC 7617 §2 */
        {",\"username\":\"test\",\"password\":\"123\\u00a3\"", "\r\nAuthorization: Basic dGVzdDoxMjPCow==\r\n"},                  /* §2.1 */
        {",\"username\":\"a\",\"password\":\"\\u00fb\\u00ff>\"", "\r\nAuthorization: Basic YTrDu8O/Pg==\r\n"},
        {",\"username\":\"ab\"", "\r\nAuthorization: Basic YWI6\r\n"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        begin(IS_JSON, ANSWER, "", cases[i].more, NULL);
        assert_int_equal(end(), LT_OK);
        const char *request = server.requests[0];
        if (cases[i].present ? !strstr(request, cases[i].present) : strcasestr(request, "authorization") != NULL)
            fail_msg("%s: %s", cases[i].more, request);
    }
}

static void texts_become_vectors(void **state)
{
    static const struct {
        const char *answer;
        enum lt_code code;
    } cases[] = {
        {"{\"model\":\"m:1\",\"embeddings\":[[0.5,-1],[2,0]],\"prompt_eval_count\":8}", LT_OK},
        {"{\"embeddings\":[[0.5,-1]]}", LT_EUPSTREAM_INVALID},
        {"{\"embeddings\":[[0.5,-1],[2]]}", LT_EUPSTREAM_INVALID},
        {"{\"embeddings\":[[0.5,-1],[2,0],[1,1]]}", LT_EUPSTREAM_INVALID},
        {"{\"embeddings\":[[],[]]}", LT_EUPSTREAM_INVALID},
        {"{\"embeddings\":{\"0\":[1]}}", LT_EUPSTREAM_INVALID},
        {"{}", LT_EUPSTREAM_INVALID},
        {"[]", LT_EUPSTREAM_INVALID},
        {"{\"error\":\"the input length exceeds the context length\"}", LT_ECONTEXT_WINDOW},
    };
    static const struct lt_str texts[] = {{"one", 3}, {"two", 3}};
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        begin(IS_JSON, cases[i].answer, "", ",\"embedding_model\":\"e\"", NULL);
        client.call = (struct lt_neutral_call){.kind = LT_NEUTRAL_EMBEDDING, .texts = texts, .texts_n = 2, .dimensions = 2};
        enum lt_code code = end();
        if (code != cases[i].code)
            fail_msg("%s: %s (%s)", cases[i].answer, lt_code_name(code), err.detail);
        assert_line("POST /api/embed HTTP/1.1\r\n");
        assert_string_equal(request_body(0), "{\"model\":\"e\",\"input\":[\"one\",\"two\"],\"truncate\":false,\"dimensions\":2}");
        if (code)
            continue;
        const struct lt_neutral_result *r = &client.run.result;
        assert_int_equal(r->vectors_n, 2);
        assert_int_equal(r->dimensions, 2);
        assert_true(r->vectors[0] == 0.5f && r->vectors[1] == -1 && r->vectors[2] == 2 && r->vectors[3] == 0);
        assert_int_equal(r->usage.prompt_tokens, 8);
        assert_text(r->model, "m:1");
    }
}

static struct lt_str *names;
static size_t names_n;

static enum lt_code list(struct lt_provider_run *run, struct lt_error *e)
{
    return lt_provider_ollama.models(run, &names, &names_n, e);
}

static void the_servers_models_are_listed(void **state)
{
    begin(IS_JSON, "{\"models\":[{\"name\":\"llama3.2:latest\",\"model\":\"llama3.2:latest\"},{\"name\":7},{\"name\":\"b\"}]}", "", "", NULL);
    client.ask = list;
    client.run.call = NULL;
    assert_int_equal(end(), LT_OK);
    assert_line("GET /api/tags HTTP/1.1\r\n");
    assert_int_equal(names_n, 2);
    assert_text(names[0], "llama3.2:latest");
    assert_text(names[1], "b");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define S(name) cmocka_unit_test_setup_teardown(name, set_up_server, tear_down_server)
    const struct CMUnitTest tests[] = {
        T(answers_are_read_alike_however_they_are_cut),
        T(faults_are_mapped),
        T(configured_says_what_is_missing),
        T(settings_are_checked_by_their_schema),
        S(bodies_are_made_of_call_and_settings),
        S(the_callers_values_are_sent),
        S(a_tool_conversation_with_an_image_is_sent_in_full),
        S(tool_calls_get_ids_of_their_own),
        S(what_ollama_cannot_do_is_refused_without_asking),
        S(who_asks_stands_in_one_header),
        S(texts_become_vectors),
        S(the_servers_models_are_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
