/*
 * The Responses API of the provider `openai`: answers at any chunking, what is sent, faults that a caller must tell apart, and threads
 * that the service keeps.
 */
#include "providers/openai_family.h"
#include "provider_rig.h"

extern const struct lt_provider lt_provider_openai, lt_provider_openai_compatible;

/* ---- answers ---- */

struct scenario {
    const char *name, *body;
    bool stream;
    enum lt_code code;
    const char *text;          /* or part of the error's detail */
    const char *finish_reason, *tool_calls;
    struct lt_usage usage;
};

#define UNKNOWN LT_USAGE_UNKNOWN
#define USAGE \
    "\"usage\":{\"input_tokens\":36,\"input_tokens_details\":{\"cached_tokens\":12},\"output_tokens\":87,\"output_tokens_details\":" \
    "{\"reasoning_tokens\":0},\"total_tokens\":123}"
#define USED {36, 87, 123, 12}
#define HEAD "\"id\":\"resp_1\",\"object\":\"response\",\"model\":\"gpt-4o-2024-08-06\",\"error\":null"
#define RESPONSE(status, output) "{" HEAD ",\"status\":\"" status "\",\"incomplete_details\":null,\"output\":[" output "]," USAGE "}"
#define CUT(reason, output) \
    "{" HEAD ",\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":\"" reason "\"},\"output\":[" output "]," USAGE "}"
#define MESSAGE(parts) "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"status\":\"completed\",\"content\":[" parts "]}"
#define PART(text) "{\"type\":\"output_text\",\"text\":\"" text "\",\"annotations\":[]}"
#define REASONING "{\"id\":\"rs_1\",\"type\":\"reasoning\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"hm\"}]}"
#define FUNCTION(id, name, arguments) \
    "{\"id\":\"fc_" id "\",\"type\":\"function_call\",\"status\":\"completed\",\"call_id\":\"" id "\",\"name\":\"" name "\",\"arguments\":\"" \
    arguments "\"}"
#define CALL(id, name, arguments) \
    "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"" name "\",\"arguments\":\"" arguments "\"}}"
#define EVENT(type, members) "event: " type "\ndata: {\"type\":\"" type "\",\"sequence_number\":1" members "}\n\n"
#define CREATED EVENT("response.created", ",\"response\":{" HEAD ",\"status\":\"in_progress\",\"output\":[],\"usage\":null}")
#define ADDED(index, item) EVENT("response.output_item.added", ",\"output_index\":" index ",\"item\":" item)
#define DONE(index, item) EVENT("response.output_item.done", ",\"output_index\":" index ",\"item\":" item)
#define TEXT(text) EVENT("response.output_text.delta", ",\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"delta\":\"" text "\"")
#define ARGUMENTS(index, text) EVENT("response.function_call_arguments.delta", ",\"output_index\":" index ",\"delta\":\"" text "\"")
#define ALL_ARGUMENTS(index, text) EVENT("response.function_call_arguments.done", ",\"output_index\":" index ",\"arguments\":\"" text "\"")
#define COMPLETED(output) EVENT("response.completed", ",\"response\":" RESPONSE("completed", output))

static const struct scenario scenarios[] = {
    {"text", RESPONSE("completed", MESSAGE(PART("Hello"))), false, LT_OK, "Hello", "stop", NULL, USED},
    {"two parts", RESPONSE("completed", REASONING "," MESSAGE(PART("A") "," PART("B"))), false, LT_OK, "AB", "stop", NULL, USED},
    {"two messages", RESPONSE("completed", MESSAGE(PART("A")) "," MESSAGE(PART("B"))), false, LT_OK, "AB", "stop", NULL, USED},
    {"no output", RESPONSE("completed", ""), false, LT_OK, "", "stop", NULL, USED},
    {"items of other kinds", RESPONSE("completed", "{\"type\":\"web_search_call\"}," MESSAGE("{\"type\":\"other\"}," PART("A"))), false, LT_OK, "A",
     "stop", NULL, USED},
    {"function calls", RESPONSE("completed", FUNCTION("1", "find", "{\\\"a\\\":1}") "," FUNCTION("2", "now", "")), false, LT_OK, "", "tool_calls",
     "[" CALL("1", "find", "{\\\"a\\\":1}") "," CALL("2", "now", "{}") "]", USED},
    {"too long", CUT("max_output_tokens", MESSAGE(PART("A"))), false, LT_OK, "A", "length", NULL, USED},
    {"filtered", CUT("content_filter", MESSAGE(PART("A"))), false, LT_OK, "A", "content_filter", NULL, USED},
    {"filtered before the first word", CUT("content_filter", ""), false, LT_ECONTENT_REFUSED, "filter", NULL, NULL, UNKNOWN},
    {"refused", RESPONSE("completed", MESSAGE("{\"type\":\"refusal\",\"refusal\":\"I will not.\"}")), false, LT_ECONTENT_REFUSED, "I will not.",
     NULL, NULL, UNKNOWN},
    {"failed", "{\"id\":\"resp_1\",\"object\":\"response\",\"status\":\"failed\",\"error\":{\"code\":\"server_error\",\"message\":\"Boom\"},"
     "\"output\":[]}", false, LT_EUPSTREAM_UNAVAILABLE, "Boom", NULL, NULL, UNKNOWN},
    {"failed without a word", "{" HEAD ",\"status\":\"failed\",\"output\":[]}", false, LT_EUPSTREAM_UNAVAILABLE, "without saying", NULL, NULL,
         UNKNOWN},
    {"an image that may not be", "{\"status\":\"failed\",\"error\":{\"code\":\"image_content_policy_violation\",\"message\":\"No\"}}", false,
     LT_ECONTENT_REFUSED, "No", NULL, NULL, UNKNOWN},
    {"queued", RESPONSE("queued", ""), false, LT_EUPSTREAM_INVALID, "queued", NULL, NULL, UNKNOWN},
    {"without usage", "{" HEAD ",\"status\":\"completed\",\"output\":[" MESSAGE(PART("A")) "]}", false, LT_OK, "A", "stop", NULL, UNKNOWN},
    {"usage in part", "{" HEAD ",\"status\":\"completed\",\"output\":[" MESSAGE(PART("A")) "],\"usage\":{\"input_tokens\":2,\"output_tokens\":3}}",
     false, LT_OK, "A", "stop", NULL, {2, 3, 5, -1}},
    {"output missing", "{" HEAD ",\"status\":\"completed\"}", false, LT_EUPSTREAM_INVALID, "no output", NULL, NULL, UNKNOWN},
    {"output an object", "{" HEAD ",\"output\":{}}", false, LT_EUPSTREAM_INVALID, "output is of type object", NULL, NULL, UNKNOWN},
    {"item a number", RESPONSE("completed", "7"), false, LT_EUPSTREAM_INVALID, "output item", NULL, NULL, UNKNOWN},
    {"content a string", RESPONSE("completed", "{\"type\":\"message\",\"content\":\"A\"}"), false, LT_EUPSTREAM_INVALID, "content is of type string",
     NULL, NULL, UNKNOWN},
    {"call without a name", RESPONSE("completed", "{\"type\":\"function_call\",\"call_id\":\"1\"}"), false, LT_EUPSTREAM_INVALID, "no name", NULL,
     NULL, UNKNOWN},
    {"a chat completion", "{\"choices\":[{\"message\":{\"content\":\"A\"}}]}", false, LT_EUPSTREAM_INVALID, "no output", NULL, NULL, UNKNOWN},

    {"stream", CREATED ADDED("0", MESSAGE("")) TEXT("Hel") TEXT("lo") DONE("0", MESSAGE(PART("Hello"))) COMPLETED(MESSAGE(PART("Hello"))), true,
         LT_OK,
     "Hello", "stop", NULL, USED},
    {"no names of events", "data: {\"type\":\"response.output_text.delta\",\"delta\":\"A\"}\n\ndata: {\"type\":\"response.completed\",\"response\":"
     RESPONSE("completed", "") "}\n\n", true, LT_OK, "A", "stop", NULL, USED},
    {"no types in the data", "event: response.output_text.delta\ndata: {\"delta\":\"A\"}\n\nevent: response.completed\ndata: {\"response\":"
     RESPONSE("completed", "") "}\n\n", true, LT_OK, "A", "stop", NULL, USED},
    {"CRLF and comments", ": hi\r\n\r\nevent: response.output_text.delta\r\ndata: {\"delta\":\r\ndata: \"\xC3\xA9\"}\r\n\r\n"
     "event: response.completed\r\ndata: {\"response\":" RESPONSE("completed", "") "}\r\n\r\n", true, LT_OK, "\xC3\xA9", "stop", NULL, USED},
    {"all text in the last event", CREATED COMPLETED(MESSAGE(PART("Hello"))), true, LT_OK, "Hello", "stop", NULL, USED},
    {"calls in pieces",
     CREATED ADDED("0", FUNCTION("1", "find", "")) ARGUMENTS("0", "{\\\"a\\\"") ADDED("1", FUNCTION("2", "now", "")) ARGUMENTS("0", ":1}")
         ALL_ARGUMENTS("0", "{\\\"a\\\":1}") DONE("0", FUNCTION("1", "find", "{\\\"a\\\":1}")) ALL_ARGUMENTS("1", "{}")
             COMPLETED(FUNCTION("1", "find", "{\\\"a\\\":1}") "," FUNCTION("2", "now", "{}")),
     true, LT_OK, "", "tool_calls", "[" CALL("1", "find", "{\\\"a\\\":1}") "," CALL("2", "now", "{}") "]", USED},
    {"a call that comes whole", CREATED DONE("3", FUNCTION("1", "find", "{}")) COMPLETED(FUNCTION("1", "find", "{}")), true, LT_OK, "", "tool_calls",
     "[" CALL("1", "find", "{}") "]", USED},
    {"a call in the last event", CREATED COMPLETED(FUNCTION("1", "find", "{}")), true, LT_OK, "", "tool_calls", "[" CALL("1", "find", "{}") "]",
         USED},
    {"text and a call", CREATED TEXT("A") ADDED("1", FUNCTION("1", "find", "")) ARGUMENTS("1", "{}") COMPLETED(""), true, LT_OK, "A", "tool_calls",
     "[" CALL("1", "find", "{}") "]", USED},
    {"refusal in pieces", CREATED EVENT("response.refusal.delta", ",\"delta\":\"I will\"") EVENT("response.refusal.delta", ",\"delta\":\" not.\"")
     COMPLETED(""), true, LT_ECONTENT_REFUSED, "I will not.", NULL, NULL, UNKNOWN},
    {"incomplete", CREATED TEXT("A") EVENT("response.incomplete", ",\"response\":" CUT("max_output_tokens", "")), true, LT_OK, "A", "length",
         NULL, USED},
    {"failed", CREATED TEXT("A") EVENT("response.failed", ",\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"rate_limit_exceeded\","
     "\"message\":\"Slow\"}}"), true, LT_EUPSTREAM_RATE_LIMITED, "Slow", NULL, NULL, UNKNOWN},
    {"error event", CREATED EVENT("error", ",\"code\":\"server_error\",\"message\":\"Boom\",\"param\":null"), true, LT_EUPSTREAM_UNAVAILABLE, "Boom",
     NULL, NULL, UNKNOWN},
    {"error in the data alone", "data: {\"type\":\"error\",\"code\":\"rate_limit_exceeded\",\"message\":\"Slow\"}\n\n", true,
     LT_EUPSTREAM_RATE_LIMITED, "Slow", NULL, NULL, UNKNOWN},
    {"error within", "data: {\"type\":\"error\",\"status\":400,\"error\":{\"code\":\"previous_response_not_found\","
         "\"message\":\"Previous response with id "
     "'resp_0' not found.\"}}\n\n", true, LT_ENOT_FOUND, "resp_0", NULL, NULL, UNKNOWN},
    {"events that are news to us", CREATED EVENT("response.reasoning_text.delta", ",\"delta\":\"hm\"") EVENT("response.new", ",\"delta\":7") TEXT("A")
     COMPLETED(""), true, LT_OK, "A", "stop", NULL, USED},
    {"more after the end", TEXT("A") COMPLETED("") TEXT("B") "data: [DONE]\n\n", true, LT_OK, "A", "stop", NULL, USED},
    {"ends in the middle", CREATED TEXT("A"), true, LT_EUPSTREAM_INVALID, "ended in the middle", NULL, NULL, UNKNOWN},
    {"ends before all is said", CREATED TEXT("A") DONE("0", MESSAGE(PART("A"))), true, LT_EUPSTREAM_INVALID, "ended in the middle", NULL, NULL,
     UNKNOWN},
    {"nothing", "", true, LT_EUPSTREAM_INVALID, "ended in the middle", NULL, NULL, UNKNOWN},
    {"delta a number", EVENT("response.output_text.delta", ",\"delta\":7"), true, LT_EUPSTREAM_INVALID, "delta is of type", NULL, NULL, UNKNOWN},
    {"a call without a place", EVENT("response.function_call_arguments.delta", ",\"delta\":\"{\""), true, LT_EUPSTREAM_INVALID, "output_index", NULL,
     NULL, UNKNOWN},
    {"completed without a response", EVENT("response.completed", ""), true, LT_EUPSTREAM_INVALID, "response is of type absent", NULL, NULL, UNKNOWN},
    {"not JSON", "data: {\"type\n\n", true, LT_EUPSTREAM_INVALID, "not JSON", NULL, NULL, UNKNOWN},
};

static void check_result(const struct scenario *s, const struct lt_neutral_result *result)
{
    const struct lt_usage *u = &result->usage, *x = &s->usage;
    assert_text(result->finish_reason, s->finish_reason);
    if (u->prompt_tokens != x->prompt_tokens || u->completion_tokens != x->completion_tokens || u->total_tokens != x->total_tokens ||
        u->cached_tokens != x->cached_tokens)
        fail_msg("%s: usage %lld/%lld/%lld/%lld", s->name, (long long)u->prompt_tokens, (long long)u->completion_tokens,
                 (long long)u->total_tokens, (long long)u->cached_tokens);
    if (!s->tool_calls)
        assert_null(result->tool_calls);
    else
        assert_text(lt_json_text(arena, result->tool_calls), s->tool_calls);
}

static void run_scenario(const struct scenario *s, size_t (*next)(void))
{
    struct lt_wire_answer a;
    struct lt_neutral_result result = {0};
    struct lt_str body = lt_str(s->body);
    enum lt_code code = LT_OK;
    struct lt_buf text;
    err = (struct lt_error){0};
    lt_buf_init(&text, 1 << 20);
    lt_wire_answer_init(&a, &lt_openai_responses_format, NULL, arena, LT_STR_NULL);
    if (!s->stream)
        code = lt_wire_answer_json(&a, body, &err);
    do {
        size_t n = next();
        n = n < body.n ? n : body.n;
        if (!s->stream)
            break;
        char *piece = malloc(n + 1); /* a block of its own, so that a sanitizer sees a read beyond it */
        memcpy(piece, body.p, n);
        code = lt_wire_answer_feed(&a, (struct lt_str){piece, n}, &err);
        free(piece);
        lt_buf_put_str(&text, lt_buf_str(&a.text));
        lt_buf_reset(&a.text);
        body.p += n;
        body.n -= n;
    } while (!code && body.n > 0);
    if (!code)
        code = lt_wire_answer_end(&a, &result, &err);
    lt_buf_put_str(&text, lt_buf_str(&a.text));
    lt_buf_putc(&text, '\0');
    if (code != s->code || err.code != code)
        fail_msg("%s: %s (%s)", s->name, lt_code_name(code), err.detail);
    if (code && !strstr(err.detail, s->text))
        fail_msg("%s: \"%s\" is not in \"%s\"", s->name, s->text, err.detail);
    if (!code && strcmp(text.p, s->text) != 0)
        fail_msg("%s: text \"%s\"", s->name, text.p);
    if (!code)
        check_result(s, &result);
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
    return (size_t)(rand() % 60);
}

static void answers_are_read(void **state)
{
    for (size_t i = 0; i < LT_COUNT(scenarios); i++)
        run_scenario(&scenarios[i], everything);
}

static void streams_are_read_alike_however_they_are_cut(void **state)
{
    unsigned seed = (unsigned)time(NULL);
    printf("seed %u\n", seed);
    srand(seed);
    for (size_t i = 0; i < LT_COUNT(scenarios); i++)
        if (scenarios[i].stream) {
            run_scenario(&scenarios[i], one_byte);
            for (int k = 0; k < 50; k++)
                run_scenario(&scenarios[i], at_random);
        }
}

/* ---- what is sent ---- */

static void nothing_more(void)
{
}

static void with_store(void)
{
    client.call.store = true;
    client.call.metadata = json("{\"course\":\"c-1\"}");
}

static void with_thread(void)
{
    client.call.previous_response_id = LT_STR("resp_0");
    client.call.messages += 1;
    client.call.messages_n = 1;
}

static void with_all(void)
{
    static const struct lt_image image = {.media_type = {"image/png", 9}, .base64 = {"aGk=", 4}};
    static struct lt_message messages[6];
    messages[0] = (struct lt_message){.role = LT_STR("system"), .content = LT_STR("One.")};
    messages[1] = (struct lt_message){.role = LT_STR("developer"), .content = LT_STR("Two.")};
    messages[2] = (struct lt_message){.role = LT_STR("user"), .content = LT_STR("See"), .images = &image, .images_n = 1};
    messages[3] = (struct lt_message){.role = LT_STR("assistant"), .content = LT_STR("I look"), .tool_calls = json("[" CALL("1", "f", "{}") "]")};
    messages[4] = (struct lt_message){.role = LT_STR("tool"), .content = LT_STR("42"), .tool_call_id = LT_STR("1")};
    messages[5] = (struct lt_message){.role = LT_STR("system"), .content = LT_STR("Late.")};
    client.call.messages = messages;
    client.call.messages_n = 6;
    client.call.tools = json("[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\",\"parameters\":{\"type\":\"object\"}}},"
                             "{\"type\":\"function\",\"function\":{\"name\":\"g\",\"strict\":true}},{\"type\":\"web_search\"}]");
    client.call.tool_choice = json("{\"type\":\"function\",\"function\":{\"name\":\"f\"}}");
    client.call.response_format = json("{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"strict\":true,"
         "\"schema\":{\"type\":\"object\"}}}");
    client.call.max_tokens = 9;
    client.call.temperature = 0;
}

#define START "{\"model\":\"m\",\"user\":\"u5e4\","
#define INPUT "\"instructions\":\"Be brief.\",\"input\":[{\"role\":\"user\",\"content\":\"Hi \\\"you\\\"\"}]"

static void bodies_are_made_of_call_and_settings(void **state)
{
    static const struct {
        const char *config, *settings;
        bool stream;
        void (*change)(void);
        const char *body;
    } cases[] = {
        {"\"api\":\"responses\"", NULL, false, nothing_more, START INPUT ",\"store\":false}"},
        {"\"api\":\"responses\"", NULL, true, nothing_more, START INPUT ",\"store\":false,\"stream\":true}"},
        {"\"api\":\"responses\",\"body\":{\"store\":null}", NULL, false, nothing_more, START INPUT "}"},
        {"\"api\":\"auto\"", NULL, false, with_store, START INPUT ",\"store\":true,\"metadata\":{\"course\":\"c-1\"}}"},
        {"\"api\":\"auto\"", NULL, false, with_thread,
         START "\"input\":[{\"role\":\"user\",\"content\":\"Hi \\\"you\\\"\"}],\"previous_response_id\":\"resp_0\",\"store\":false}"},
        {"\"api\":\"responses\"", "{\"temperature\":0.5,\"max_tokens\":7,\"extra\":{\"text\":{\"verbosity\":\"low\"},"
             "\"reasoning\":{\"effort\":\"low\"},"
         "\"background\":true,\"input\":[],\"previous_response_id\":\"x\"}}", false, nothing_more,
         START INPUT ",\"store\":false,\"temperature\":0.5,\"max_output_tokens\":7,\"text\":{\"verbosity\":\"low\"},"
              "\"reasoning\":{\"effort\":\"low\"}}"},
        {"\"api\":\"responses\",\"image_detail\":\"high\"", "{\"extra\":{\"text\":{\"verbosity\":\"low\"}}}", false, with_all,
         START "\"instructions\":\"One.\\n\\nTwo.\",\"input\":["
               "{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"See\"},{\"type\":\"input_image\",\"image_url\":"
               "\"data:image/png;base64,aGk=\",\"detail\":\"high\"}]},"
               "{\"role\":\"assistant\",\"content\":\"I look\"},{\"type\":\"function_call\",\"call_id\":\"1\",\"name\":\"f\",\"arguments\":\"{}\"},"
               "{\"type\":\"function_call_output\",\"call_id\":\"1\",\"output\":\"42\"},{\"role\":\"system\",\"content\":\"Late.\"}],"
               "\"store\":false,\"temperature\":0,\"max_output_tokens\":9,\"tools\":["
               "{\"type\":\"function\",\"name\":\"f\",\"description\":\"d\",\"parameters\":{\"type\":\"object\"},\"strict\":false},"
               "{\"type\":\"function\",\"name\":\"g\",\"parameters\":{\"type\":\"object\",\"properties\":{}},\"strict\":true},"
                    "{\"type\":\"web_search\"}],"
               "\"tool_choice\":{\"type\":\"function\",\"name\":\"f\"},"
               "\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"n\",\"schema\":{\"type\":\"object\"},\"strict\":true},"
                    "\"verbosity\":\"low\"}}"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        server_forget();
        add_play(reply_bytes("200 OK", IS_JSON, RESPONSE("completed", MESSAGE(PART("A"))), false), SIZE_MAX, KEEP);
        server_start();
        struct lt_str config = lt_printf(arena, "\"model\":\"m\",%s", cases[i].config);
        client_new_of(&lt_provider_openai, lt_strz(arena, config), cases[i].settings, cases[i].stream);
        cases[i].change();
        enum lt_code code = client_run();
        server_stop();
        if (code)
            fail_msg("%s: %s", cases[i].config, err.detail);
        assert_int_equal(strncmp(server.requests[0], "POST /v1/responses HTTP/1.1\r\n", 29), 0);
        assert_string_equal(request_body(0), cases[i].body);
        assert_shown("A");
        assert_text(client.run.result.response_id, "resp_1");
    }
}

/* What becomes of the address when it is the whole one of another call. */
static void the_address_is_made_of_the_endpoint(void **state)
{
    static const char *const endpoints[] = {"/v1", "/v1/", "/v1/chat/completions", "/v1/responses"};
    for (size_t i = 0; i < LT_COUNT(endpoints); i++) {
        server_forget();
        add_play(reply_bytes("200 OK", IS_JSON, RESPONSE("completed", ""), false), SIZE_MAX, KEEP);
        server_start();
        client_new_of(&lt_provider_openai_compatible, "", NULL, false);
        client.instance.config = json(lt_strz(arena, lt_printf(arena,
            "{\"endpoint\":\"http://127.0.0.1:%d%s?v=1\",\"model\":\"m\",\"api\":\"responses\"}",
                                                               server.port, endpoints[i])));
        assert_int_equal(client_run(), LT_OK);
        server_stop();
        assert_int_equal(strncmp(server.requests[0], "POST /v1/responses?v=1 HTTP/1.1\r\n", 33), 0);
    }
}

static void stop_texts_are_refused(void **state)
{
    client_new_of(&lt_provider_openai, "\"model\":\"m\",\"api\":\"responses\"", NULL, false);
    client.instance.config = json("{\"endpoint\":\"http://127.0.0.1:1\",\"model\":\"m\",\"api\":\"responses\"}");
    client.call.stop = json("[\"a\"]");
    assert_int_equal(client_run(), LT_EUNSUPPORTED);
}

/* A thread that is gone is not found, whatever the words: the caller drops the id and sends everything. */
static void a_thread_that_is_gone_is_told_apart(void **state)
{
    static const struct {
        const char *status, *body;
        enum lt_code code;
    } cases[] = {
        {"400 Bad Request", "{\"error\":{\"message\":\"Previous response with id 'resp_0' not found.\",\"type\":\"invalid_request_error\",\"param\":"
         "\"previous_response_id\",\"code\":\"previous_response_not_found\"}}", LT_ENOT_FOUND},
        {"404 Not Found", "{\"error\":{\"message\":\"x\",\"code\":\"previous_response_not_found\"}}", LT_ENOT_FOUND},
        {"400 Bad Request", "{\"error\":{\"message\":\"Invalid `previous_response_id`.\",\"type\":\"invalid_request_error\",\"code\":"
         "\"invalid_request_error\"}}", LT_ENOT_FOUND},
        {"404 Not Found", "{\"error\":{\"message\":\"No such model\",\"code\":\"model_not_found\"}}", LT_EUPSTREAM_NOT_FOUND},
        {"400 Bad Request", "{\"error\":{\"message\":\"Bad value\",\"type\":\"invalid_request_error\"}}", LT_EUPSTREAM_BAD_REQUEST},
        {"500 Internal Server Error", "{\"error\":{\"message\":\"previous_response_id\"}}", LT_EUPSTREAM_UNAVAILABLE},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        for (int stream = 0; stream < 2; stream++) {
            server_forget();
            add_play(reply_bytes(cases[i].status, IS_JSON, cases[i].body, false), SIZE_MAX, KEEP);
            server_start();
            client_new_of(&lt_provider_openai, "\"model\":\"m\"", NULL, stream);
            with_thread();
            enum lt_code code = client_run();
            server_stop();
            if (code != cases[i].code)
                fail_msg("%s: %s (%s)", cases[i].body, lt_code_name(code), err.detail);
            assert_int_equal(err.vendor_status, atoi(cases[i].status));
        }
}

/* ---- kept answers ---- */

static struct lt_kept_response kept;
static const char *kept_id;

static enum lt_code ask_kept(struct lt_provider_run *run, struct lt_error *e)
{
    run->call = NULL;
    return client.provider->response(run, lt_str(kept_id), &kept, e);
}

#define KEPT(more) "{\"id\":\"r1\",\"object\":\"response\",\"status\":\"completed\"," more "}"
#define LIST(items, last, more) "{\"object\":\"list\",\"data\":[" items "],\"last_id\":\"" last "\",\"has_more\":" more "}"
#define ASKED(text) "{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"" text "\"}]}"
#define SAID(text) MESSAGE(PART(text))

static struct lt_str items_text(const struct lt_json **items, size_t n)
{
    struct lt_str all = LT_STR("");
    for (size_t i = 0; i < n; i++)
        all = lt_printf(arena, "%.*s%s%.*s", LT_FMT(all), i > 0 ? "," : "", LT_FMT(lt_json_text(arena, items[i])));
    return all;
}

static const struct {
    const char *name;
    const char *answers[4];  /* of the service, in the order it is asked; NULL: 404 */
    const char *requests[4]; /* their first lines, without "GET /v1/responses/" */
    enum lt_code code;
    const char *input, *output;
} kept_answers[] = {
    {"one answer", {KEPT("\"output\":[" SAID("B") "]"), LIST(ASKED("A"), "i1", "false")}, {"r1 ", "r1/input_items?limit=100&order=asc "}, LT_OK,
     ASKED("A"), SAID("B")},
    {"input in pages", {KEPT("\"output\":[" SAID("D") "]"), LIST(ASKED("A") "," SAID("B"), "i 2", "true"), LIST(ASKED("C"), "i3", "false")},
     {"r1 ", "r1/input_items?limit=100&order=asc ", "r1/input_items?limit=100&order=asc&after=i%202 "}, LT_OK,
     ASKED("A") "," SAID("B") "," ASKED("C"), SAID("D")},
    {"items of every type", {KEPT("\"output\":[" REASONING "," FUNCTION("1", "f", "{}") ",{\"type\":\"web_search_call\"}]"), LIST("", "", "false")},
     {"r1 "}, LT_OK, "", REASONING "," FUNCTION("1", "f", "{}") ",{\"type\":\"web_search_call\"}"},
    {"no output", {KEPT("\"output\":null"), LIST("", "", "true")}, {"r1 "}, LT_OK, "", ""},
    {"nothing under that id", {NULL}, {"r1 "}, LT_ENOT_FOUND, NULL, NULL},
    {"input that is gone", {KEPT("\"output\":[]"), NULL}, {"r1 ", "r1/input_items"}, LT_ENOT_FOUND, NULL, NULL},
    {"not a list", {KEPT("\"output\":[]"), "{}"}, {"r1 "}, LT_EUPSTREAM_INVALID, NULL, NULL},
    {"not JSON", {"<html>"}, {"r1 "}, LT_EUPSTREAM_INVALID, NULL, NULL},
};

static void play_kept(const char *answer)
{
    static const char gone[] = "{\"error\":{\"message\":\"Response with id not found.\",\"type\":\"invalid_request_error\"}}";
    add_play(answer ? reply_bytes("200 OK", IS_JSON, answer, false) : reply_bytes("404 Not Found", IS_JSON, gone, false), SIZE_MAX, KEEP);
}

static void a_kept_answer_is_read_with_all_pages_of_its_input(void **state)
{
    for (size_t i = 0; i < LT_COUNT(kept_answers); i++) {
        server_forget();
        for (size_t k = 0; k < 4 && (kept_answers[i].answers[k] || kept_answers[i].requests[k]); k++)
            play_kept(kept_answers[i].answers[k]);
        server_start();
        client_new_of(&lt_provider_openai, "", NULL, false);
        client.ask = ask_kept;
        kept_id = "r1";
        enum lt_code code = client_run();
        server_stop();
        if (code != kept_answers[i].code)
            fail_msg("%s: %s (%s)", kept_answers[i].name, lt_code_name(code), err.detail);
        for (size_t k = 0; k < 4 && kept_answers[i].requests[k]; k++) {
            struct lt_str line = lt_printf(arena, "GET /v1/responses/%s", kept_answers[i].requests[k]);
            if (k >= server.played || strncmp(server.requests[k], line.p, line.n) != 0)
                fail_msg("%s: %s is not %s", kept_answers[i].name, k < server.played ? server.requests[k] : "nothing", line.p);
        }
        if (!code) {
            assert_text(items_text(kept.input, kept.input_n), kept_answers[i].input);
            assert_text(items_text(kept.output, kept.output_n), kept_answers[i].output);
        }
    }
}

static void a_kept_answer_has_id_time_model_usage_and_the_one_before_it(void **state)
{
    static const struct {
        const char *members, *id, *model, *before;
        int64_t created_at, total;
    } cases[] = {
        {"\"created_at\":1750000000,\"model\":\"m-1\",\"previous_response_id\":\"r0\",\"usage\":{\"input_tokens\":3,\"output_tokens\":4,"
         "\"total_tokens\":7}", "r1", "m-1", "r0", 1750000000, 7},
        {"\"previous_response_id\":null,\"usage\":null", "r1", "", "", 0, -1},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        server_forget();
        play_kept(lt_strz(arena, lt_printf(arena, "{\"id\":\"r1\",\"output\":[],%s}", cases[i].members)));
        play_kept(LIST("", "", "false"));
        server_start();
        client_new_of(&lt_provider_openai_compatible, "\"api\":\"auto\"", NULL, false);
        client.ask = ask_kept;
        kept_id = "r1";
        assert_int_equal(client_run(), LT_OK);
        server_stop();
        assert_text(kept.id, cases[i].id);
        assert_text(kept.model, cases[i].model);
        assert_text(kept.previous_response_id, cases[i].before);
        assert_int_equal(kept.created_at, cases[i].created_at);
        assert_int_equal(kept.usage.total_tokens, cases[i].total);
    }
}

/* An id comes from outside: it stays one segment of the path. */
static void an_id_cannot_leave_its_place(void **state)
{
    static const struct {
        const char *id, *line;
    } cases[] = {
        {"../models?x=1#y", "GET /v1/responses/..%2Fmodels%3Fx%3D1%23y HTTP/1.1\r\n"},
        {"..", "GET /v1/responses/%2E%2E HTTP/1.1\r\n"},
        {"a b\r\nX: y", "GET /v1/responses/a%20b%0D%0AX%3A%20y HTTP/1.1\r\n"},
        {"\xC3\xA9", "GET /v1/responses/%C3%A9 HTTP/1.1\r\n"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        server_forget();
        play_kept(NULL);
        server_start();
        client_new_of(&lt_provider_openai, "", NULL, false);
        client.ask = ask_kept;
        kept_id = cases[i].id;
        assert_int_equal(client_run(), LT_ENOT_FOUND);
        server_stop();
        assert_int_equal(strncmp(server.requests[0], cases[i].line, strlen(cases[i].line)), 0);
    }
}

static void chat_completions_keep_no_answers_and_nobody_is_asked(void **state)
{
    server_start();
    client_new_of(&lt_provider_openai_compatible, "", NULL, false);
    client.ask = ask_kept;
    kept_id = "r1";
    assert_int_equal(client_run(), LT_ENOT_FOUND);
    server_stop();
    assert_int_equal(server.accepted, 0);
}

/* A page that claims that there are more goes on for 40 of them, and all that is read for 64 MiB. */
static void a_kept_answer_has_a_limit(void **state)
{
    struct lt_buf items;
    lt_buf_init(&items, 1 << 22);
    for (int i = 0; i <= LT_KEPT_ITEMS_MAX; i++)
        lt_buf_printf(&items, "%s{}", i > 0 ? "," : "");
    lt_buf_putc(&items, '\0');
    play_kept(KEPT("\"output\":[]"));
    play_kept(lt_strz(arena, lt_printf(arena, LIST("%s", "i", "false"), items.p)));
    server_start();
    client_new_of(&lt_provider_openai, "", NULL, false);
    client.ask = ask_kept;
    kept_id = "r1";
    assert_int_equal(client_run(), LT_EUPSTREAM_INVALID);
    assert_non_null(strstr(err.detail, "4000 items"));
    server_stop();
    lt_buf_free(&items);

    client_new_of(&lt_provider_openai, "", NULL, false);
    client.ask = ask_kept;
    while (lt_arena_used(arena) <= 64u * 1024 * 1024)
        lt_alloc(arena, 1024 * 1024);
    assert_int_equal(client_run(), LT_EUPSTREAM_INVALID);
    assert_non_null(strstr(err.detail, "67108864"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define S(name) cmocka_unit_test_setup_teardown(name, set_up_server, tear_down_server)
    const struct CMUnitTest tests[] = {
        T(answers_are_read),
        T(streams_are_read_alike_however_they_are_cut),
        S(bodies_are_made_of_call_and_settings),
        S(the_address_is_made_of_the_endpoint),
        S(stop_texts_are_refused),
        S(a_thread_that_is_gone_is_told_apart),
        S(a_kept_answer_is_read_with_all_pages_of_its_input),
        S(a_kept_answer_has_id_time_model_usage_and_the_one_before_it),
        S(an_id_cannot_leave_its_place),
        S(chat_completions_keep_no_answers_and_nobody_is_asked),
        S(a_kept_answer_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
