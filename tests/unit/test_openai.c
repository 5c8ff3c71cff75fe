/*
 * The provider `openai`. First its reading of answers as a pure function over bytes, at any chunking; then whole calls on a fiber
 * against a small server that plays canned bytes.
 */
#include "core/registry.h"
#include "providers/builtin.h"
#include "providers/openai_family.h"
#include "provider_rig.h"
#include "text/json_schema.h"

extern const struct lt_provider lt_provider_openai, lt_provider_openai_compatible;

static void client_new(const char *more, const char *settings, bool stream)
{
    client_new_of(&lt_provider_openai, more, settings, stream);
}

/* ---- answers ---- */

/* What an answer comes to; NULL and 0 where nothing is expected to be there. */
struct expected {
    enum lt_code code;
    const char *text, *finish_reason, *id, *model, *fingerprint, *tool_calls;
    struct lt_usage usage;
    const char *detail; /* part of the error's */
};

struct scenario {
    const char *name, *body;
    bool stream;
    struct expected expected;
};

#define UNKNOWN LT_USAGE_UNKNOWN
#define HEAD "\"id\":\"c-1\",\"model\":\"gpt-4o-2024-05-13\",\"system_fingerprint\":\"fp_1\""
#define CHUNK(choice) "data: {" HEAD ",\"choices\":[" choice "]}\n\n"
#define DELTA(delta) CHUNK("{\"index\":0,\"delta\":{" delta "},\"finish_reason\":null}")
#define TEXT(text) DELTA("\"content\":\"" text "\"")
#define FINISH(reason) CHUNK("{\"index\":0,\"delta\":{},\"finish_reason\":\"" reason "\"}")
#define DONE "data: [DONE]\n\n"
#define USAGE "\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":568,\"total_tokens\":579}"
#define WHOLE(message) "{" HEAD "," USAGE ",\"choices\":[{\"index\":0,\"finish_reason\":\"stop\",\"message\":{" message "}}]}"
#define OK(text_) {LT_OK, text_, "stop", "c-1", "gpt-4o-2024-05-13", "fp_1", NULL, UNKNOWN, NULL}
#define OK_USAGE(text_) {LT_OK, text_, "stop", "c-1", "gpt-4o-2024-05-13", "fp_1", NULL, {11, 568, 579, -1, -1}, NULL}
#define BAD(code_, detail_) {.code = code_, .detail = detail_}
#define INVALID(detail_) BAD(LT_EUPSTREAM_INVALID, detail_)
#define CALL(id, name, arguments) \
    "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"" name "\",\"arguments\":" arguments "}}"

static const struct scenario scenarios[] = {
    /* JSON */
    {"text", WHOLE("\"content\":\"Hello\""), false, OK_USAGE("Hello")},
    {"escapes and NUL", WHOLE("\"content\":\"a\\u0000b \\ud83d\\ude00\""), false, OK_USAGE("a")},
    {"content null", WHOLE("\"content\":null"), false, OK_USAGE("")},
    {"content absent", WHOLE("\"name\":\"x\""), false, OK_USAGE("")},
    {"content in parts",
     WHOLE("\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\"},{\"type\":\"text\",\"text\":\"A\"},{\"type\":\"text\","
           "\"text\":\"B\"}]"),
     false, OK_USAGE("AB")},
    {"reasoning beside the content", WHOLE("\"reasoning_content\":\"hm\",\"content\":\"A\""), false, OK_USAGE("A")},
    {"usage missing", "{" HEAD ",\"choices\":[{\"message\":{\"content\":\"A\"},\"finish_reason\":\"stop\"}]}", false, OK("A")},
    {"usage of wrong types",
     "{" HEAD ",\"usage\":{\"prompt_tokens\":\"11\",\"completion_tokens\":-4},\"choices\":[{\"message\":{\"content\":\"A\"},"
     "\"finish_reason\":\"stop\"}]}",
     false, OK("A")},
    {"usage without total",
     "{" HEAD ",\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":3},\"choices\":[{\"message\":{\"content\":\"A\"},"
     "\"finish_reason\":\"stop\"}]}",
     false,
     {LT_OK, "A", "stop", "c-1", "gpt-4o-2024-05-13", "fp_1", NULL, {2, 3, 5, -1, -1}, NULL}},
    {"usage with what was in the cache",
     "{" HEAD ",\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":3,\"total_tokens\":23,\"prompt_tokens_details\":{\"cached_tokens\":16}},"
     "\"choices\":[{\"message\":{\"content\":\"A\"},\"finish_reason\":\"stop\"}]}",
     false,
     {LT_OK, "A", "stop", "c-1", "gpt-4o-2024-05-13", "fp_1", NULL, {20, 3, 23, 16, -1}, NULL}},
    {"the cache in DeepSeek's words",
     "{" HEAD ",\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":3,\"total_tokens\":23,\"prompt_cache_hit_tokens\":4},"
     "\"choices\":[{\"message\":{\"content\":\"A\"},\"finish_reason\":\"stop\"}]}",
     false,
     {LT_OK, "A", "stop", "c-1", "gpt-4o-2024-05-13", "fp_1", NULL, {20, 3, 23, 4, -1}, NULL}},
    {"a filter that lets nothing through", "{\"choices\":[{\"message\":{\"content\":null},\"finish_reason\":\"content_filter\"}]}", false,
     BAD(LT_ECONTENT_REFUSED, "filter")},
    {"a filter that cuts",
     "{\"choices\":[{\"message\":{\"content\":\"A\"},\"finish_reason\":\"content_filter\"}]}",
     false,
     {LT_OK, "A", "content_filter", "", "", "", NULL, UNKNOWN, NULL}},
    {"an older name of tool_calls",
     "{\"choices\":[{\"message\":{\"content\":\"A\"},\"finish_reason\":\"function_call\"}]}",
     false,
     {LT_OK, "A", "tool_calls", "", "", "", NULL, UNKNOWN, NULL}},
    {"a tool call without arguments",
     "{\"choices\":[{\"message\":{\"tool_calls\":[{\"id\":\"1\",\"function\":{\"name\":\"now\"}}]}}]}",
     false,
     {LT_OK, "", "tool_calls", "", "", "", "[" CALL("1", "now", "\"{}\"") "]", UNKNOWN, NULL}},
    {"bare", "{\"choices\":[{\"message\":{\"content\":\"A\"}}]}", false, {LT_OK, "A", "stop", "", "", "", NULL, UNKNOWN, NULL}},
    {"length",
     "{\"choices\":[{\"message\":{\"content\":\"A\"},\"finish_reason\":\"length\"}]}",
     false,
     {LT_OK, "A", "length", "", "", "", NULL, UNKNOWN, NULL}},
    {"tool calls",
     "{\"choices\":[{\"message\":{\"content\":null,\"tool_calls\":[" CALL("1", "find", "\"{\\\"a\\\":1}\"") "," CALL(
         "1", "now", "\"{}\"") "]}}]}",
     false,
     {LT_OK, "", "tool_calls", "", "", "", "[" CALL("1", "find", "\"{\\\"a\\\":1}\"") "," CALL("1", "now", "\"{}\"") "]", UNKNOWN,
      NULL}},
    {"tool arguments as an object",
     "{\"choices\":[{\"message\":{\"tool_calls\":[" CALL("1", "find", "{\"a\":1}") "]}}]}",
     false,
     {LT_OK, "", "tool_calls", "", "", "", "[" CALL("1", "find", "\"{\\\"a\\\":1}\"") "]", UNKNOWN, NULL}},
    {"refusal", WHOLE("\"content\":null,\"refusal\":\"I will not.\""), false, BAD(LT_ECONTENT_REFUSED, "I will not.")},
    {"second choice",
     "{\"choices\":[{\"index\":1,\"message\":{\"content\":\"B\"}},{\"index\":0,\"message\":{\"content\":\"A\"}}]}",
     false,
     {LT_OK, "A", "stop", "", "", "", NULL, UNKNOWN, NULL}},
    {"no choices", "{" HEAD ",\"choices\":[]}", false, INVALID("no choices")},
    {"choices absent", "{" HEAD "}", false, INVALID("no choices")},
    {"choices an object", "{\"choices\":{}}", false, INVALID("choices is of type object")},
    {"choice a string", "{\"choices\":[\"A\"]}", false, INVALID("choice is of type string")},
    {"message absent", "{\"choices\":[{\"index\":0}]}", false, INVALID("message is of type absent")},
    {"content a number", WHOLE("\"content\":7"), false, INVALID("content is of type")},
    {"tool_calls an object", WHOLE("\"tool_calls\":{}"), false, INVALID("tool_calls is of type object")},
    {"tool call a number", WHOLE("\"tool_calls\":[1]"), false, INVALID("tool call is of type")},
    {"tool call without a name", WHOLE("\"tool_calls\":[{\"id\":\"1\",\"function\":{}}]"), false, INVALID("has no name")},
    {"tool arguments a list", WHOLE("\"tool_calls\":[{\"id\":\"1\",\"function\":{\"name\":\"f\",\"arguments\":[]}}]"), false,
     INVALID("arguments")},
    {"function a string", WHOLE("\"tool_calls\":[{\"id\":\"1\",\"function\":\"f\"}]"), false,
     INVALID("function is of type string")},
    {"a list", "[]", false, INVALID("array")},
    {"a string", "\"Hello\"", false, INVALID("string")},
    {"null", "null", false, INVALID("null")},
    {"cut", "{" HEAD ",\"choices\":[{\"message\":{\"conte", false, INVALID("not JSON")},
    {"HTML", "<html><body>Welcome</body></html>", false, INVALID("not JSON")},
    {"bad UTF-8", WHOLE("\"content\":\"w\xFF\xFEter\""), false, INVALID("not JSON")},
    {"double keys", "{\"choices\":[],\"choices\":[]}", false, INVALID("not JSON")},
    {"error in a good status", "{\"error\":{\"message\":\"Overloaded\",\"code\":529}}", false,
     BAD(LT_EUPSTREAM_UNAVAILABLE, "Overloaded")},
    {"error null",
     "{\"error\":null,\"choices\":[{\"message\":{\"content\":\"A\"}}]}",
     false,
     {LT_OK, "A", "stop", "", "", "", NULL, UNKNOWN, NULL}},

    /* streams */
    {"stream", DELTA("\"role\":\"assistant\",\"content\":\"\"") TEXT("Hel") TEXT("lo") FINISH("stop") DONE, true, OK("Hello")},
    {"stream with usage", TEXT("Hello") FINISH("stop") "data: {" HEAD ",\"choices\":[]," USAGE "}\n\n" DONE, true,
     OK_USAGE("Hello")},
    {"usage in the last chunk",
     TEXT("Hello") "data: {" HEAD ",\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]," USAGE "}\n\n" DONE, true,
     OK_USAGE("Hello")},
    {"usage null on the way",
     "data: {" HEAD ",\"usage\":null,\"choices\":[{\"delta\":{\"content\":\"A\"}}]}\n\n" FINISH("stop") DONE, true, OK("A")},
    {"CRLF, comments, BOM",
     "\xEF\xBB\xBF: hi\r\n\r\ndata: {" HEAD ",\"choices\":[{\"delta\":{\"content\":\"A\"}}]}\r\n\r\n: ping\r\n\r\n"
     "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\r\n\r\ndata: [DONE]\r\n\r\n",
     true, OK("A")},
    {"data in two lines", "data: {" HEAD ",\ndata: \"choices\":[{\"delta\":{\"content\":\"A\"},\"finish_reason\":\"stop\"}]}\n\n",
     true, OK("A")},
    {"no [DONE] but a finish reason", TEXT("A") FINISH("stop"), true, OK("A")},
    {"[DONE] but no finish reason", TEXT("A") DONE, true, OK("A")},
    {"more after [DONE]", TEXT("A") FINISH("stop") DONE "data: rubbish\n\n" TEXT("B"), true, OK("A")},
    {"text after the finish reason", TEXT("A") FINISH("stop") TEXT("B") DONE, true, OK("AB")},
    {"multi-byte text", TEXT("\xC3\xA9\xE2\x82\xAC") TEXT("\\ud83d\\ude00") FINISH("stop") DONE, true,
     OK("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80")},
    {"delta null", CHUNK("{\"index\":0,\"delta\":null}") TEXT("A") FINISH("stop") DONE, true, OK("A")},
    {"empty choices first", "data: {\"choices\":[],\"prompt_filter_results\":[]}\n\n" TEXT("A") FINISH("stop") DONE, true,
     OK("A")},
    {"other choice ignored", CHUNK("{\"index\":1,\"delta\":{\"content\":\"B\"}}") TEXT("A") FINISH("stop") DONE, true, OK("A")},
    {"think tags are not our business", TEXT("<thi") TEXT("nk>x</think>A") FINISH("stop") DONE, true, OK("<think>x</think>A")},
    {"tool calls in pieces",
     DELTA("\"tool_calls\":[{\"index\":0,\"id\":\"1\",\"type\":\"function\",\"function\":{\"name\":\"find\",\"arguments\":\"\"}}]")
         DELTA("\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"a\\\"\"}}]")
             DELTA("\"tool_calls\":[{\"index\":1,\"id\":\"2\",\"function\":{\"name\":\"now\",\"arguments\":\"{}\"}}]")
                 DELTA("\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\":1}\"}}]") FINISH("tool_calls") DONE,
     true,
     {LT_OK, "", "tool_calls", "c-1", "gpt-4o-2024-05-13", "fp_1",
      "[" CALL("1", "find", "\"{\\\"a\\\":1}\"") "," CALL("2", "now", "\"{}\"") "]", UNKNOWN, NULL}},
    {"tool calls without index",
     DELTA("\"tool_calls\":[{\"id\":\"1\",\"function\":{\"name\":\"find\",\"arguments\":\"{}\"}},{\"id\":\"2\",\"function\":{"
           "\"name\":\"now\"}}]") DELTA("\"tool_calls\":[{\"function\":{\"arguments\":\"{}\"}}]") FINISH("tool_calls") DONE,
     true,
     {LT_OK, "", "tool_calls", "c-1", "gpt-4o-2024-05-13", "fp_1",
      "[" CALL("1", "find", "\"{}\"") "," CALL("2", "now", "\"{}\"") "]", UNKNOWN, NULL}},
    {"refusal in pieces", DELTA("\"refusal\":\"I will\"") DELTA("\"refusal\":\" not.\"") FINISH("stop") DONE, true,
     BAD(LT_ECONTENT_REFUSED, "I will not.")},
    {"ends in the middle", TEXT("A"), true, INVALID("ended in the middle")},
    {"ends in an event", TEXT("A") "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}", true,
     INVALID("ended in the middle")},
    {"nothing", "", true, INVALID("ended in the middle")},
    {"only [DONE]", DONE, true, INVALID("no choices")},
    {"not JSON", TEXT("A") "data: {\"choices\":\n\n", true, INVALID("not JSON")},
    {"not an object", "data: 7\n\n" DONE, true, INVALID("not a JSON object")},
    {"delta a string", CHUNK("{\"index\":0,\"delta\":\"A\"}"), true, INVALID("delta is of type string")},
    {"content an object", DELTA("\"content\":{}"), true, INVALID("content is of type object")},
    {"JSON under an event stream's name", WHOLE("\"content\":\"A\""), true, INVALID("ended in the middle")},
    {"error in mid-stream", TEXT("A") "data: {\"error\":{\"message\":\"Boom\",\"type\":\"server_error\",\"code\":null}}\n\n",
     true, BAD(LT_EUPSTREAM_UNAVAILABLE, "Boom")},
    {"rate limit in mid-stream", TEXT("A") "data: {\"error\":{\"message\":\"Slow\",\"code\":\"rate_limit_exceeded\"}}\n\n", true,
     BAD(LT_EUPSTREAM_RATE_LIMITED, "Slow")},
    {"error with a number", "data: {\"error\":{\"message\":\"Slow\",\"code\":429}}\n\n", true,
     BAD(LT_EUPSTREAM_RATE_LIMITED, "Slow")},
    {"context window in mid-stream",
     "data: {\"error\":{\"message\":\"The maximum context length is 10\",\"type\":\"invalid_request_error\"}}\n\n", true,
     BAD(LT_ECONTEXT_WINDOW, "context length")},
    {"error as text", "data: {\"error\":\"out of memory\"}\n\n", true, BAD(LT_EUPSTREAM_UNAVAILABLE, "out of memory")},
    {"error event", "event: error\ndata: {\"message\":\"Gone\",\"type\":\"timeout\"}\n\n", true,
     BAD(LT_EUPSTREAM_TIMEOUT, "Gone")},
    {"error event as text", "event: error\ndata: gone\n\n", true, BAD(LT_EUPSTREAM_UNAVAILABLE, "gone")},
    {"error object of its own kind", "data: {\"object\":\"error\",\"message\":\"Nope\",\"code\":400}\n\n", true,
     BAD(LT_EUPSTREAM_BAD_REQUEST, "Nope")},
};

static void assert_result(const char *name, const struct lt_neutral_result *result, const struct expected *expected)
{
    assert_text(result->finish_reason, expected->finish_reason);
    assert_text(result->response_id, expected->id);
    assert_text(result->model, expected->model);
    assert_text(result->fingerprint, expected->fingerprint);
    if (result->usage.prompt_tokens != expected->usage.prompt_tokens ||
        result->usage.completion_tokens != expected->usage.completion_tokens ||
        result->usage.total_tokens != expected->usage.total_tokens || result->usage.cached_tokens != expected->usage.cached_tokens)
        fail_msg("%s: usage %lld/%lld/%lld/%lld", name, (long long)result->usage.prompt_tokens, (long long)result->usage.completion_tokens,
                 (long long)result->usage.total_tokens, (long long)result->usage.cached_tokens);
    if (!expected->tool_calls)
        assert_null(result->tool_calls);
    else
        assert_text(lt_json_text(arena, result->tool_calls), expected->tool_calls);
}

/* Feeds the body in pieces of the lengths that next() gives. */
static void run_scenario(const struct scenario *s, size_t (*next)(void))
{
    struct lt_wire_answer a;
    struct lt_neutral_result result = {0};
    struct lt_str body = lt_str(s->body);
    enum lt_code code = LT_OK;
    err = (struct lt_error){0};
    lt_wire_answer_init(&a, &lt_openai_chat_format, NULL, arena, LT_STR_NULL);
    struct lt_buf text;
    lt_buf_init(&text, 1 << 20);
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
    if (code != s->expected.code || err.code != code)
        fail_msg("%s: %s (%s)", s->name, lt_code_name(code), err.detail);
    if (code && !strstr(err.detail, s->expected.detail))
        fail_msg("%s: \"%s\" is not in \"%s\"", s->name, s->expected.detail, err.detail);
    if (!code && strcmp(text.p, s->expected.text) != 0)
        fail_msg("%s: text \"%s\"", s->name, text.p);
    if (!code)
        assert_result(s->name, &result, &s->expected);
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

static void nul_in_text_is_kept(void **state)
{
    struct lt_wire_answer a;
    lt_wire_answer_init(&a, &lt_openai_chat_format, NULL, arena, LT_STR_NULL);
    assert_int_equal(lt_wire_answer_json(&a, LT_STR(WHOLE("\"content\":\"a\\u0000b\"")), &err), LT_OK);
    assert_true(lt_str_eq(lt_buf_str(&a.text), ((struct lt_str){"a\0b", 3})));
    lt_wire_answer_free(&a);
}

static void too_much_is_refused(void **state)
{
    struct lt_wire_answer a;
    struct lt_buf event;
    lt_buf_init(&event, 8 * 1024 * 1024);

    /* text: 17 pieces of 1 MiB, handed on as they come */
    lt_buf_put_str(&event, LT_STR("data: {\"choices\":[{\"delta\":{\"content\":\""));
    for (int i = 0; i < 1024 * 1024; i++)
        lt_buf_putc(&event, 'x');
    lt_buf_put_str(&event, LT_STR("\"}}]}\n\n"));
    lt_wire_answer_init(&a, &lt_openai_chat_format, NULL, arena, LT_STR_NULL);
    int pieces = 0;
    enum lt_code code = LT_OK;
    while (!code && pieces < 20) {
        code = lt_wire_answer_feed(&a, lt_buf_str(&event), &err);
        lt_buf_reset(&a.text);
        pieces++;
    }
    assert_int_equal(code, LT_EUPSTREAM_INVALID);
    assert_int_equal(pieces, 17);
    lt_wire_answer_free(&a);

    /* one event without an end */
    lt_wire_answer_init(&a, &lt_openai_chat_format, NULL, arena, LT_STR_NULL);
    code = lt_wire_answer_feed(&a, LT_STR("data: "), &err);
    for (pieces = 0; !code && pieces < 20; pieces++)
        code = lt_wire_answer_feed(&a, (struct lt_str){event.p + 64, 1024 * 1024 - 64}, &err);
    assert_int_equal(code, LT_EUPSTREAM_INVALID);
    assert_true(pieces >= 4 && pieces <= 6);
    lt_wire_answer_free(&a);

    /* tool calls */
    lt_wire_answer_init(&a, &lt_openai_chat_format, NULL, arena, LT_STR_NULL);
    code = LT_OK;
    for (pieces = 0; !code && pieces < 200; pieces++) {
        struct lt_str call = lt_printf(
            arena, "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":%d,\"function\":{\"name\":\"f\"}}]}}]}\n\n",
            pieces);
        code = lt_wire_answer_feed(&a, call, &err);
    }
    assert_int_equal(code, LT_EUPSTREAM_INVALID);
    assert_int_equal(pieces, LT_WIRE_TOOLS_MAX + 1);
    lt_wire_answer_free(&a);
    lt_buf_free(&event);
}

/* ---- faults ---- */

#define ERROR(message, code) "{\"error\":{\"message\":\"" message "\",\"type\":\"t\",\"code\":\"" code "\"}}"

static const struct {
    int status;
    const char *reason, *body;
    enum lt_code code;
    const char *detail;
} faults[] = {
    {400, "Bad Request", ERROR("Bad value", "x"), LT_EUPSTREAM_BAD_REQUEST, "Bad value"},
    {400, "Bad Request", ERROR("Too long", "context_length_exceeded"), LT_ECONTEXT_WINDOW, "Too long"},
    {400, "Bad Request", "{\"object\":\"error\",\"message\":\"This model's maximum context length is 8192 tokens\",\"code\":400}",
     LT_ECONTEXT_WINDOW, "This model's maximum context length is 8192 tokens"},
    {400, "Bad Request",
     "{\"error\":{\"code\":400,\"message\":\"the request exceeds the available context "
     "size\",\"type\":\"exceed_context_size_error\"}}",
     LT_ECONTEXT_WINDOW, "the request exceeds the available context size"},
    {400, "Bad Request", ERROR("Filtered", "content_filter"), LT_ECONTENT_REFUSED, "Filtered"},
    {400, "Bad Request", "", LT_EUPSTREAM_BAD_REQUEST, "HTTP 400 Bad Request"},
    {422, "Unprocessable Entity", "{\"detail\":\"Extra inputs are not permitted\"}", LT_EUPSTREAM_BAD_REQUEST,
     "Extra inputs are not permitted"},
    {401, "Unauthorized", ERROR("Invalid Authentication", "invalid_api_key"), LT_EUPSTREAM_UNAUTHORIZED,
     "Invalid Authentication"},
    {401, "Unauthorized", ERROR("Wrong key: sk-secret-1, sk-secret-1", "invalid_api_key"), LT_EUPSTREAM_UNAUTHORIZED,
     "Wrong key: ***, ***"},
    {404, "Not Found", ERROR("Previous response with id 'r' not found.", "previous_response_not_found"), LT_ENOT_FOUND,
     "Previous response with id 'r' not found."},
    {400, "Bad Request", ERROR("Gone", "previous_response_not_found"), LT_ENOT_FOUND, "Gone"},
    {403, "Forbidden", ERROR("Region", "x"), LT_EUPSTREAM_UNAUTHORIZED, "Region"},
    {404, "Not Found", ERROR("No such model", "model_not_found"), LT_EUPSTREAM_NOT_FOUND, "No such model"},
    {404, "Not Found", "<html>", LT_EUPSTREAM_NOT_FOUND, "HTTP 404 Not Found"},
    {402, "Payment Required", ERROR("Insufficient Balance", "x"), LT_EUPSTREAM_RATE_LIMITED, "Insufficient Balance"},
    {408, "Request Timeout", "", LT_EUPSTREAM_TIMEOUT, "HTTP 408 Request Timeout"},
    {413, "Content Too Large", "", LT_ECONTEXT_WINDOW, "HTTP 413 Content Too Large"},
    {429, "Too Many Requests", ERROR("Slow down", "rate_limit_exceeded"), LT_EUPSTREAM_RATE_LIMITED, "Slow down"},
    {429, "Too Many Requests", "{\"error\":\"Slow\\ndown\"}", LT_EUPSTREAM_RATE_LIMITED, "Slow down"},
    {500, "Internal Server Error", "", LT_EUPSTREAM_UNAVAILABLE, "Internal Server Error"},
    {503, "Service Unavailable", "<html>", LT_EUPSTREAM_UNAVAILABLE, "Service Unavailable"},
    {503, "Service Unavailable", ERROR("Loading model", "x"), LT_EUPSTREAM_UNAVAILABLE, "Service Unavailable: Loading model"},
    {504, "Gateway Timeout", "", LT_EUPSTREAM_TIMEOUT, "Gateway Timeout"},
    {529, "", ERROR("Overloaded", "overloaded_error"), LT_EUPSTREAM_UNAVAILABLE, "Overloaded"},
    {529, "", "", LT_EUPSTREAM_UNAVAILABLE, "HTTP 529"},
    {302, "Found", "", LT_EUPSTREAM_INVALID, "the AI service redirects (HTTP 302); set the endpoint to the address it moved to"},
    {500, "Internal Server Error", "[1,2]", LT_EUPSTREAM_UNAVAILABLE, "Internal Server Error"},
    {400, "Bad Request", "{\"error\":{\"message\":7,\"code\":{}}}", LT_EUPSTREAM_BAD_REQUEST, "HTTP 400 Bad Request"},
};

static void faults_are_mapped(void **state)
{
    for (size_t i = 0; i < LT_COUNT(faults); i++) {
        enum lt_code code = lt_wire_fault(&lt_openai_chat_format, arena, faults[i].status, lt_str(faults[i].reason), lt_str(faults[i].body),
                                            LT_STR("sk-secret-1"), &err);
        if (code != faults[i].code || err.code != code || strcmp(err.detail, faults[i].detail) != 0)
            fail_msg("%d %s: %s \"%s\"", faults[i].status, faults[i].body, lt_code_name(code), err.detail);
        assert_int_equal(err.vendor_status, faults[i].status);
    }
}

/* Wherever the vendor's message is cut, no part of the key stays. */
static void the_key_is_taken_out_of_long_messages(void **state)
{
    static char message[2100];
    memset(message, 'm', sizeof(message));
    for (int before = 0; before < 2100; before += 7) {
        struct lt_str body = lt_printf(arena, "{\"error\":{\"message\":\"%.*sKEYKEYKEY-0123456789\"}}", before, message);
        assert_int_equal(lt_wire_fault(&lt_openai_chat_format, arena, 401, LT_STR("Unauthorized"), body, LT_STR("KEYKEYKEY-0123456789"), &err),
                         LT_EUPSTREAM_UNAUTHORIZED);
        assert_null(strchr(err.detail, 'K'));
    }
}

static void retry_after_is_seconds_or_a_date(void **state)
{
    static const struct {
        const char *value;
        int seconds;
    } cases[] = {
        {"0", 0}, {"7", 7}, {"86400", 86400}, {"99999999", 86400}, {"", 0}, {"-3", 0}, {"1.5", 0}, {"soon", 0},
        {"Thu, 01 Jan 1970 00:20:00 GMT", 200}, {"Thu, 01 Jan 1970 00:00:00 GMT", 0}, {"Thu, 01 Jan 1970 00:20:00 GMTx", 0},
        {"Fri, 01 Jan 2100 00:00:00 GMT", 86400}, {"Thu, 99 Jan 1970 00:20:00 GMT", 0},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        if (lt_wire_retry_after(lt_str(cases[i].value), 1000) != cases[i].seconds)
            fail_msg("\"%s\": %d", cases[i].value, lt_wire_retry_after(lt_str(cases[i].value), 1000));
}

/* ---- settings ---- */

static void the_providers_are_registered(void **state)
{
    lt_registry_reset();
    assert_int_equal(lt_providers_register(&err), LT_OK);
    lt_registry_seal();
    assert_ptr_equal(lt_registry_find(LT_KIND_PROVIDER, LT_STR("openai"))->impl, &lt_provider_openai);
    assert_ptr_equal(lt_registry_find(LT_KIND_PROVIDER, LT_STR("openai_compatible"))->impl, &lt_provider_openai_compatible);
    assert_non_null(lt_registry_find(LT_KIND_PROVIDER, LT_STR("extract")));
    lt_registry_reset();
}

static void configured_says_what_is_missing(void **state)
{
    static const struct {
        const char *config, *actions, *why; /* why NULL: configured */
    } cases[] = {
        {"{\"api_key\":\"k\"}", NULL, NULL},
        {"{}", NULL, "api_key"},
        {"{\"api_key\":\"  \"}", NULL, "api_key"},
        {"{\"endpoint\":\"https://API.openai.com/v1/chat/completions\"}", NULL, "api_key"},
        {"{\"endpoint\":\"https://ai.example.org/v1\",\"model\":\"m\"}", NULL, NULL},
        {"{\"endpoint\":\"https://ai.example.org/v1\"}", NULL, "model"},
        {"{\"endpoint\":\"https://ai.example.org/v1\"}", "{\"generate_text\":{\"enabled\":true,\"settings\":{\"model\":\"m\"}}}",
         NULL},
        {"{\"endpoint\":\"http://ai.example.org/v1\",\"model\":\"m\"}", NULL, "http://"},
        {"{\"endpoint\":\"http://localhost:8000/v1\",\"model\":\"m\"}", NULL, NULL},
        {"{\"endpoint\":\"http://127.0.0.1:8000\",\"model\":\"m\"}", NULL, NULL},
        {"{\"endpoint\":\"http://127.9.9.9\",\"model\":\"m\"}", NULL, NULL},
        {"{\"endpoint\":\"http://[::1]:8000/v1\",\"model\":\"m\"}", NULL, NULL},
        {"{\"endpoint\":\"http://127.0.0.1.example.org/v1\",\"model\":\"m\"}", NULL, "http://"},
        {"{\"endpoint\":\"http://localhost.example.org/v1\",\"model\":\"m\"}", NULL, "http://"},
        {"{\"endpoint\":\"http://localhost@example.org/v1\",\"model\":\"m\"}", NULL, "user and password"},
        {"{\"endpoint\":\"http://[::2]/v1\",\"model\":\"m\"}", NULL, "http://"},
        {"{\"endpoint\":\"http://[::1/v1\",\"model\":\"m\"}", NULL, "]"},
        {"{\"endpoint\":\"http://[]/v1\",\"model\":\"m\"}", NULL, "host name"},
        {"{\"endpoint\":\"http://[\",\"model\":\"m\"}", NULL, "]"},
        {"{\"endpoint\":\"https://10.0.0.1/v1\",\"model\":\"m\"}", NULL, "private"},
        {"{\"endpoint\":\"https://169.254.169.254/v1\",\"model\":\"m\"}", NULL, "link-local"},
        {"{\"endpoint\":\"http://10.0.0.1/v1\",\"model\":\"m\"}", NULL, "http://"},
        {"{\"endpoint\":\"ftp://ai.example.org\",\"model\":\"m\"}", NULL, "http://"},
        {"{\"endpoint\":\"https://\",\"model\":\"m\"}", NULL, "host"},
        {"{\"endpoint\":\"https:///v1\",\"model\":\"m\"}", NULL, "host"},
        {"{\"endpoint\":\"https://ai.example.org/v1#x\",\"model\":\"m\"}", NULL, "fragment"},
        {"{\"endpoint\":\"https://ai.example.org/a b\",\"model\":\"m\"}", NULL, "space"},
        {"{\"endpoint\":\"https://ai.example.org:65535/v1\",\"model\":\"m\"}", NULL, NULL},
        {"{\"endpoint\":\"https://ai.example.org:65536/v1\",\"model\":\"m\"}", NULL, "port"},
        {"{\"endpoint\":\"https://ai.example.org:0/v1\",\"model\":\"m\"}", NULL, "port"},
        {"{\"endpoint\":\"https://ai.example.org:/v1\",\"model\":\"m\"}", NULL, "port"},
        {"{\"endpoint\":\"https://[::1]x/v1\",\"model\":\"m\"}", NULL, "port"},
        {"{\"endpoint\":\"https://ai.example.org\",\"model\":\"m\",\"headers\":{\"X-Team\":\"a\"}}", NULL, NULL},
        {"{\"endpoint\":\"https://ai.example.org\",\"model\":\"m\",\"headers\":{\"HOST\":\"a\"}}", NULL, "HOST"},
        {"{\"endpoint\":\"https://ai.example.org\",\"model\":\"m\",\"headers\":{\"Authorization\":\"a\"}}", NULL, NULL},
        {"{\"endpoint\":\"https://ai.example.org\",\"model\":\"m\",\"api_key\":\"k\",\"headers\":{\"Authorization\":\"a\"}}", NULL, "Authorization"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_provider_instance instance = {.provider = &lt_provider_openai, .config = json(cases[i].config), .actions = json(cases[i].actions)};
        char why[LT_PROVIDER_WHY_MAX] = "";
        bool ok = lt_provider_openai.configured(&instance, why);
        if (ok != !cases[i].why || (!ok && !strstr(why, cases[i].why)))
            fail_msg("%s: %s \"%s\"", cases[i].config, ok ? "configured" : "not", why);
    }
}

static void settings_are_checked_by_their_schema(void **state)
{
    static const struct {
        const char *config, *field; /* field NULL: good */
    } cases[] = {
        {"{}", NULL},
        {"{\"endpoint\":\"https://api.openai.com/"
         "v1\",\"api_key\":\"sk-1\",\"organization\":\"\",\"model\":\"gpt-4o\",\"headers\":{\"X-Title\":\"a b\"},"
         "\"body\":{\"user\":null,\"x\":[1]},\"connect_ms\":1000,\"first_byte_ms\":600000,\"idle_ms\":100,\"max_tokens_field\":"
         "\"max_tokens\","
         "\"stream_options\":false,\"api_key_header\":\"api-key\"}",
         NULL},
        {"{\"endpoint\":\"ftp://x\"}", "/endpoint"},
        {"{\"endpoint\":\"https://a b\"}", "/endpoint"},
        {"{\"endpoint\":\"https://user@host\"}", "/endpoint"},
        {"{\"api_key\":\"a b\"}", "/api_key"},
        {"{\"api_key_header\":\"cookie\"}", "/api_key_header"},
        {"{\"organization\":\"a\\nb\"}", "/organization"},
        {"{\"headers\":{\"a b\":\"x\"}}", "/headers"},
        {"{\"headers\":{\"X\":\"a\\r\\nb\"}}", "/headers/X"},
        {"{\"headers\":{\"X\":1}}", "/headers/X"},
        {"{\"body\":[]}", "/body"},
        {"{\"connect_ms\":99}", "/connect_ms"},
        {"{\"connect_ms\":60001}", "/connect_ms"},
        {"{\"first_byte_ms\":600001}", "/first_byte_ms"},
        {"{\"idle_ms\":1.5}", "/idle_ms"},
        {"{\"max_tokens_field\":\"tokens\"}", "/max_tokens_field"},
        {"{\"key\":\"sk\"}", "/key"},
    };
    const struct lt_schema *schema = NULL;
    if (lt_schema_compile_text(arena, lt_provider_openai.settings_schema, &schema, &err))
        fail_msg("%s", err.detail);
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        enum lt_code code = lt_schema_check(schema, json(cases[i].config), &err);
        if (code != (cases[i].field ? LT_EINVALID_INPUT : LT_OK) ||
            (code && strncmp(err.field, cases[i].field, strlen(cases[i].field)) != 0))
            fail_msg("%s: %s at %s: %s", cases[i].config, lt_code_name(code), err.field, err.detail);
    }
    const struct lt_json *properties = lt_json_get(json(lt_provider_openai.settings_schema), "properties");
    assert_true(lt_json_bool_or(lt_json_get(lt_json_get(properties, "api_key"), "writeOnly"), false));
}

/* One scenario over the wire: the same outcome as that of the pure function. */
static void call_scenario(const struct scenario *s, const char *fields, bool ask_stream, bool chunked, size_t piece,
                          bool same_detail)
{
    server_forget();
    add_play(reply_bytes("200 OK", fields, s->body, chunked), piece, KEEP);
    server_start();
    client_new("\"model\":\"m\"", NULL, ask_stream);
    enum lt_code code = client_run();
    server_stop();
    if (code != s->expected.code)
        fail_msg("%s: %s (%s)", s->name, lt_code_name(code), err.detail);
    if (code) {
        if (same_detail && !strstr(err.detail, s->expected.detail))
            fail_msg("%s: \"%s\"", s->name, err.detail);
        if (err.vendor_status < 200)
            fail_msg("%s: vendor status %d", s->name, err.vendor_status);
        return;
    }
    lt_buf_putc(&client.shown, '\0');
    assert_string_equal(client.shown.p, s->expected.text);
    assert_null(client.run.result.text.p);
    struct expected expected = s->expected;
    if (expected.model[0] == '\0')
        expected.model = "m"; /* the configured one, when the answer names none */
    assert_result(s->name, &client.run.result, &expected);
}

static void answers_over_the_wire(void **state)
{
    for (size_t i = 0; i < LT_COUNT(scenarios); i++) {
        const struct scenario *s = &scenarios[i];
        const char *fields = s->stream ? IS_STREAM : IS_JSON;
        call_scenario(s, fields, s->stream, s->stream, SIZE_MAX, true);
        call_scenario(s, fields, s->stream, true, 1, true);
        call_scenario(s, fields, s->stream, false, 7, true);
    }
}

/* JSON although a stream was asked for; a stream although none was; types that say nothing. */
static void answers_of_the_other_kind(void **state)
{
    for (size_t i = 0; i < LT_COUNT(scenarios); i++) {
        const struct scenario *s = &scenarios[i];
        if (strcmp(s->name, "JSON under an event stream's name") == 0)
            continue;
        call_scenario(s, s->stream ? IS_STREAM : IS_JSON, !s->stream, true, SIZE_MAX, true);
        call_scenario(s, "Content-Type: text/plain\r\n", s->stream, true, SIZE_MAX, false);
        call_scenario(s, "", s->stream, false, SIZE_MAX, false);
    }
}

#define M "\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},{\"role\":\"user\",\"content\":\"Hi \\\"you\\\"\"}]"
#define U "\"user\":\"u5e4\","

static const struct {
    const char *config, *settings;
    bool stream;
    const char *body;
} bodies[] = {
    {"\"model\":\"m\"", NULL, false, "{\"model\":\"m\"," U M "}"},
    {"\"model\":\"m\"", NULL, true, "{\"model\":\"m\"," U M ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}"},
    {"\"model\":\"m\",\"stream_options\":false", NULL, true, "{\"model\":\"m\"," U M ",\"stream\":true}"},
    {"\"model\":\"m\",\"body\":{\"stream_options\":null}", NULL, true, "{\"model\":\"m\"," U M ",\"stream\":true}"},
    {"\"model\":\"m\"", "{\"model\":\"other\"}", false, "{\"model\":\"other\"," U M "}"},
    {"\"model\":\"m\"", "{\"temperature\":0.5,\"top_p\":1,\"max_tokens\":100}", false,
     "{\"model\":\"m\"," U M ",\"temperature\":0.5,\"top_p\":1,\"max_tokens\":100}"},
    {"\"model\":\"m\",\"max_tokens_field\":\"max_completion_tokens\"", "{\"max_tokens\":100}", false,
     "{\"model\":\"m\"," U M ",\"max_completion_tokens\":100}"},
    {"\"model\":\"m\",\"body\":{\"user\":null}", NULL, false, "{\"model\":\"m\"," M "}"},
    {"\"model\":\"m\",\"body\":{\"user\":\"school\",\"x\":[1],\"y\":1}", "{\"extra\":{\"y\":2,\"z\":null}}", false,
     "{\"model\":\"m\",\"user\":\"school\"," M ",\"y\":2,\"x\":[1]}"},
    {"\"model\":\"m\",\"body\":{\"x\":1}", "{\"extra\":{\"x\":null}}", false, "{\"model\":\"m\"," U M "}"},
    {"\"model\":\"m\",\"body\":{\"temperature\":1}", "{\"temperature\":0.5}", false,
     "{\"model\":\"m\"," U M ",\"temperature\":1}"},
    {"\"model\":\"m\",\"body\":{\"temperature\":1}", "{\"extra\":{\"temperature\":0}}", false,
     "{\"model\":\"m\"," U M ",\"temperature\":0}"},
    {"\"model\":\"m\",\"body\":{\"messages\":[],\"model\":\"evil\",\"stream\":true}", NULL, false, "{\"model\":\"m\"," U M "}"},
    {"\"model\":\"m\"", "{\"extra\":{\"max_completion_tokens\":7,\"frequency_penalty\":0.5}}", false,
     "{\"model\":\"m\"," U M ",\"frequency_penalty\":0.5,\"max_completion_tokens\":7}"},
};

static void bodies_are_made_of_call_and_settings(void **state)
{
    for (size_t i = 0; i < LT_COUNT(bodies); i++) {
        server_forget();
        add_play(reply_bytes("200 OK", IS_JSON, WHOLE("\"content\":\"A\""), false), SIZE_MAX, KEEP);
        server_start();
        client_new(bodies[i].config, bodies[i].settings, bodies[i].stream);
        assert_int_equal(client_run(), LT_OK);
        server_stop();
        assert_string_equal(request_body(0), bodies[i].body);
    }
}

/* What the caller asked for goes before all settings; a null still leaves it out. */
static void the_callers_values_go_first(void **state)
{
    static const char *const configs[] = {"\"model\":\"m\",\"body\":{\"temperature\":1,\"seed\":9,\"stop\":[\"b\"]}",
                                          "\"model\":\"m\",\"body\":{\"temperature\":null,\"seed\":null,\"stop\":null}"};
    static const char *const expected[] = {"{\"model\":\"m\"," U M
                                           ",\"temperature\":0,\"top_p\":0.5,\"max_tokens\":5,\"seed\":0,\"stop\":[\"a\"]}",
                                           "{\"model\":\"m\"," U M ",\"top_p\":0.5,\"max_tokens\":5}"};
    for (size_t i = 0; i < 2; i++) {
        server_forget();
        add_play(reply_bytes("200 OK", IS_JSON, WHOLE("\"content\":\"A\""), false), SIZE_MAX, KEEP);
        server_start();
        client_new(configs[i], "{\"temperature\":0.7,\"top_p\":0.9,\"max_tokens\":100}", false);
        client.call.temperature = 0;
        client.call.top_p = 0.5;
        client.call.max_tokens = 5;
        client.call.seed = 0;
        client.call.stop = json("[\"a\"]");
        assert_int_equal(client_run(), LT_OK);
        server_stop();
        assert_string_equal(request_body(0), expected[i]);
    }
}

#define TOKEN(t) "{\"token\":\"" t "\",\"logprob\":-0.5,\"bytes\":[65],\"top_logprobs\":[]}"
#define LOGPROBS(list) "\"logprobs\":{\"content\":[" list "],\"refusal\":null}"

/* Probabilities come with the whole answer, or piece by piece. */
static void probabilities_and_penalties_are_asked_for_and_read(void **state)
{
    static const char *const answers[] = {
        "{\"id\":\"c\",\"choices\":[{\"index\":0,\"message\":{\"content\":\"AB\"}," LOGPROBS(TOKEN("A") "," TOKEN("B"))
        ",\"finish_reason\":\"stop\"}]}",
        "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"A\"}," LOGPROBS(TOKEN("A")) "}]}\n\n"
        "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"B\"}," LOGPROBS(TOKEN("B")) "}]}\n\n"
        "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"};
    for (size_t i = 0; i < 2; i++) {
        server_forget();
        add_play(reply_bytes("200 OK", i ? IS_STREAM : IS_JSON, answers[i], false), 7, KEEP);
        server_start();
        client_new("\"model\":\"m\"", NULL, i == 1);
        client.call.logprobs = true;
        client.call.top_logprobs = 2;
        client.call.frequency_penalty = json("-0.5");
        client.call.presence_penalty = json("0");
        client.call.parallel_tool_calls = json("false");
        assert_int_equal(client_run(), LT_OK);
        server_stop();
        assert_non_null(strstr(request_body(0), ",\"parallel_tool_calls\":false,\"frequency_penalty\":-0.5,\"presence_penalty\":0,"
                                                "\"logprobs\":true,\"top_logprobs\":2}"));
        assert_text(lt_json_text(arena, client.run.result.logprobs), "{\"content\":[" TOKEN("A") "," TOKEN("B") "]}");
    }
}

static void a_tool_conversation_is_sent_in_full(void **state)
{
    add_play(reply_bytes("200 OK", IS_JSON, WHOLE("\"content\":\"A\""), false), SIZE_MAX, KEEP);
    server_start();
    client_new("\"model\":\"m\"", NULL, false);
    client.messages[0] = (struct lt_message){.role = LT_STR("assistant"), .tool_calls = json("[" CALL("1", "f", "\"{}\"") "]")};
    client.messages[1] = (struct lt_message){.role = LT_STR("tool"), .content = LT_STR("42"), .tool_call_id = LT_STR("1")};
    client.call.tools = json("[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]");
    client.call.tool_choice = json("\"auto\"");
    client.call.response_format = json("{\"type\":\"json_object\"}");
    assert_int_equal(client_run(), LT_OK);
    server_stop();
    assert_string_equal(
        request_body(0),
        "{\"model\":\"m\"," U "\"messages\":[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" CALL(
            "1", "f", "\"{}\"") "]},{\"role\":\"tool\",\"content\":\"42\",\"tool_call_id\":\"1\"}],"
                                "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],\"tool_choice\":\"auto\","
                                "\"response_format\":{\"type\":\"json_object\"}}");
}

static void address_and_headers_follow_the_settings(void **state)
{
    static const struct {
        const char *endpoint, *more; /* endpoint: behind http://127.0.0.1:PORT */
        const char *line, *present, *absent;
    } cases[] = {
        {"/v1", "", "POST /v1/chat/completions HTTP/1.1\r\n", "\r\nContent-Type: application/json\r\n", "Authorization"},
        {"/v1/", "", "POST /v1/chat/completions HTTP/1.1\r\n", NULL, "OpenAI-Organization"},
        {"", "", "POST /chat/completions HTTP/1.1\r\n", NULL, NULL},
        {"/a/chat/completions", "", "POST /a/chat/completions HTTP/1.1\r\n", NULL, NULL},
        {"/a/chat/completions/?api-version=1", "", "POST /a/chat/completions?api-version=1 HTTP/1.1\r\n", NULL, NULL},
        {"/a?x=/b", "", "POST /a/chat/completions?x=/b HTTP/1.1\r\n", NULL, NULL},
        {"/v1", ",\"api_key\":\"sk-1\"", "POST /v1/", "\r\nAuthorization: Bearer sk-1\r\n", NULL},
        {"/v1", ",\"api_key\":\" sk-1\\n\"", "POST /v1/", "\r\nAuthorization: Bearer sk-1\r\n", NULL},
        {"/v1", ",\"api_key\":\"sk-1\",\"api_key_header\":\"api-key\"", "POST /v1/", "\r\napi-key: sk-1\r\n", "Authorization"},
        {"/v1", ",\"organization\":\"org-7\"", "POST /v1/", "\r\nOpenAI-Organization: org-7\r\n", NULL},
        {"/v1", ",\"organization\":\"\"", "POST /v1/", NULL, "OpenAI-Organization"},
        {"/v1", ",\"headers\":{\"X-Title\":\"Lectern\"}", "POST /v1/", "\r\nX-Title: Lectern\r\n", NULL},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        server_forget();
        add_play(reply_bytes("200 OK", IS_JSON, WHOLE("\"content\":\"A\""), false), SIZE_MAX, KEEP);
        server_start();
        client_new("\"model\":\"m\"", NULL, false);
        struct lt_str config = lt_printf(arena, "{\"endpoint\":\"http://127.0.0.1:%d%s\",\"model\":\"m\"%s}", server.port,
                                         cases[i].endpoint, cases[i].more);
        client.instance.config = json(lt_strz(arena, config));
        if (client_run())
            fail_msg("%s %s: %s", cases[i].endpoint, cases[i].more, err.detail);
        server_stop();
        const char *request = server.requests[0];
        if (strncmp(request, cases[i].line, strlen(cases[i].line)) != 0)
            fail_msg("%s: %s", cases[i].endpoint, request);
        if (cases[i].present && !strstr(request, cases[i].present))
            fail_msg("%s: no %s in %s", cases[i].more, cases[i].present, request);
        if (cases[i].absent && strcasestr(request, cases[i].absent))
            fail_msg("%s: %s in %s", cases[i].more, cases[i].absent, request);
    }
}

static void unusable_settings_send_nothing(void **state)
{
    static const struct {
        const char *config, *detail;
    } cases[] = {
        {"{\"endpoint\":\"http://192.0.2.1/v1\",\"model\":\"m\"}", "http://"},
        {"{\"endpoint\":\"https://ai.example.org/v1\"}", "model"},
        {"{\"endpoint\":\"http://127.0.0.1:1/v1\",\"model\":\"m\",\"api_key\":\"a\\nb: c\"}", "Authorization"},
        {"{\"endpoint\":\"http://127.0.0.1:1/v1\",\"model\":\"m\",\"organization\":\"\\u00e9\"}", "OpenAI-Organization"},
        {"{\"endpoint\":\"http://127.0.0.1:1/v1\",\"model\":\"m\",\"headers\":{\"Host\":\"x\"}}", "Host"},
        {"{\"endpoint\":\"http://127.0.0.1:1/v1\",\"model\":\"m\",\"headers\":{\"content-type\":\"x\"}}", "content-type"},
        {"{\"endpoint\":\"http://127.0.0.1:1/v1\",\"model\":\"m\",\"api_key\":\"k\",\"headers\":{\"authorization\":\"x\"}}",
         "authorization"},
        {"{\"endpoint\":\"http://127.0.0.1:1/v1\",\"model\":\"m\",\"headers\":{\"X\":\"a\\r\\nb: c\"}}", "header X"},
        {"{\"endpoint\":\"http://127.0.0.1:99999/v1\",\"model\":\"m\"}", "endpoint"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        client_new("", NULL, false);
        client.instance.config = json(cases[i].config);
        enum lt_code code = client_run();
        if (code != LT_ECONFIG || !strstr(err.detail, cases[i].detail))
            fail_msg("%s: %s (%s)", cases[i].config, lt_code_name(code), err.detail);
    }
}

static const struct {
    const char *status, *fields, *body;
    enum then then;
    enum lt_code code;
    int vendor_status, retry_after_s;
    const char *detail;
} breaks[] = {
    {"401 Unauthorized", IS_JSON, ERROR("Wrong key sk-secret-1", "x"), KEEP, LT_EUPSTREAM_UNAUTHORIZED, 401, 0, "Wrong key ***"},
    {"404 Not Found", IS_JSON, ERROR("No such model", "x"), KEEP, LT_EUPSTREAM_NOT_FOUND, 404, 0, "No such model"},
    {"429 Too Many Requests", IS_JSON "Retry-After: 7\r\n", ERROR("Slow down", "x"), KEEP, LT_EUPSTREAM_RATE_LIMITED, 429, 7,
     "Slow down"},
    {"503 Service Unavailable", "Retry-After: 2\r\n", "", KEEP, LT_EUPSTREAM_UNAVAILABLE, 503, 2, "Service Unavailable"},
    {"500 Internal Server Error", "Content-Type: text/html\r\n", "<html>", CLOSE, LT_EUPSTREAM_UNAVAILABLE, 500, 0,
     "Internal Server Error"},
    {"302 Found", "Location: http://127.0.0.1:1/\r\n", "", KEEP, LT_EUPSTREAM_INVALID, 302, 0, "redirects"},
    {"200 OK", IS_JSON, "", KEEP, LT_EUPSTREAM_INVALID, 200, 0, "empty"},
    {"200 OK", "Content-Type: text/html\r\n", "<html>", KEEP, LT_EUPSTREAM_INVALID, 200, 0, "Content-Type text/html"},
    {"204 No Content", "", "", CLOSE, LT_EUPSTREAM_INVALID, 204, 0, ""},
};

static void faults_over_the_wire(void **state)
{
    for (size_t i = 0; i < LT_COUNT(breaks); i++)
        for (int stream = 0; stream < 2; stream++) {
            server_forget();
            add_play(reply_bytes(breaks[i].status, breaks[i].fields, breaks[i].body, false), SIZE_MAX, breaks[i].then);
            server_start();
            client_new("\"model\":\"m\",\"api_key\":\"sk-secret-1\"", NULL, stream);
            enum lt_code code = client_run();
            server_stop();
            if (code != breaks[i].code || err.code != code || err.vendor_status != breaks[i].vendor_status ||
                err.retry_after_s != breaks[i].retry_after_s || !strstr(err.detail, breaks[i].detail))
                fail_msg("%s: %s, %d, %d, \"%s\"", breaks[i].status, lt_code_name(code), err.vendor_status, err.retry_after_s,
                         err.detail);
            assert_int_equal(client.pieces, 0);
        }
}

static void broken_connections_are_upstreams_faults(void **state)
{
    static const struct {
        const char *bytes;
        enum then then;
        enum lt_code code;
        const char *shown;
    } cases[] = {
        {"", CLOSE, LT_EUPSTREAM_UNAVAILABLE, ""},
        {"", RESET, LT_EUPSTREAM_UNAVAILABLE, ""},
        {"HTTP/1.1 200 OK\r\nContent-", CLOSE, LT_EUPSTREAM_INVALID, ""},
        {"rubbish\r\n\r\n", CLOSE, LT_EUPSTREAM_INVALID, ""},
        {"HTTP/1.1 200 OK\r\n" IS_JSON "Content-Length: 100\r\n\r\n{\"choices\"", CLOSE, LT_EUPSTREAM_INVALID, ""},
        {"HTTP/1.1 200 OK\r\n" IS_JSON "Content-Length: 99999999\r\n\r\n{", CLOSE, LT_EUPSTREAM_INVALID, ""},
        {"HTTP/1.1 200 OK\r\n" IS_STREAM "Content-Length: 9999\r\n\r\n" TEXT("A"), CLOSE, LT_EUPSTREAM_INVALID, "A"},
        {"HTTP/1.1 200 OK\r\n" IS_STREAM "Transfer-Encoding: chunked\r\n\r\n3\r\n:ok\r\nz\r\n", CLOSE, LT_EUPSTREAM_INVALID, ""},
        {"HTTP/1.1 200 OK\r\n" IS_STREAM "Connection: close\r\n\r\n" TEXT("A"), CLOSE, LT_EUPSTREAM_INVALID, "A"},
        {"HTTP/1.1 200 OK\r\n" IS_STREAM "Connection: close\r\n\r\n" TEXT("A") FINISH("stop"), CLOSE, LT_OK, "A"},
        {"HTTP/1.1 200 OK\r\n" IS_STREAM "Content-Length: 9999\r\n\r\n" TEXT("A") FINISH("stop") DONE, CLOSE, LT_OK, "A"},
        /* the answer is whole: nobody waits for the server to end it properly */
        {"HTTP/1.1 200 OK\r\n" IS_STREAM "Transfer-Encoding: chunked\r\n\r\ne\r\ndata: [DONE]\n\n\r\n", STALL,
         LT_EUPSTREAM_INVALID, ""},
        {"HTTP/1.1 200 OK\r\n" IS_STREAM "Content-Length: 9999\r\n\r\n" TEXT("A") FINISH("stop") DONE, STALL, LT_OK, "A"},
        {"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 100\r\n\r\n{", CLOSE, LT_EUPSTREAM_UNAVAILABLE, ""},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        server_forget();
        add_play(lt_str(cases[i].bytes), SIZE_MAX, cases[i].then);
        server_start();
        client_new("\"model\":\"m\"", NULL, true);
        enum lt_code code = client_run();
        server_stop();
        if (code != cases[i].code)
            fail_msg("case %zu: %s (%s)", i, lt_code_name(code), err.detail);
        assert_shown(cases[i].shown);
        if (cases[i].then == STALL)
            assert_true(server.client_left);
    }
}

static void nobody_listens(void **state)
{
    server_start();
    server_stop(); /* the port is free again */
    client_new("\"model\":\"m\"", NULL, false);
    assert_int_equal(client_run(), LT_EUPSTREAM_UNAVAILABLE);
    assert_int_equal(err.vendor_status, 0);
}

#define STREAM_HEAD "HTTP/1.1 200 OK\r\n" IS_STREAM "Content-Length: 9999\r\n\r\n"

/* Where the server may fall silent. */
static const struct {
    const char *bytes, *shown;
} silences[] = {{"", ""}, {"HTTP/1.1 200 OK\r\n", ""}, {STREAM_HEAD, ""}, {STREAM_HEAD TEXT("A"), "A"}};

static void silence_ends_in_a_timeout(void **state)
{
    static const char *const limits[] = {"\"model\":\"m\",\"first_byte_ms\":100,\"idle_ms\":100", "\"model\":\"m\""};
    for (size_t i = 0; i < LT_COUNT(silences); i++)
        for (size_t k = 0; k < 2; k++) {
            server_forget();
            add_play(lt_str(silences[i].bytes), SIZE_MAX, STALL);
            server_start();
            client_new(limits[k], NULL, true);
            client.deadline_ms = k == 1 ? 100 : 0; /* of the instance's settings, of the call */
            assert_int_equal(client_run(), LT_EUPSTREAM_TIMEOUT);
            server_stop();
            assert_shown(silences[i].shown);
            assert_true(server.client_left);
        }
}

static void a_cancelled_call_closes_upstream(void **state)
{
    for (size_t i = 0; i < LT_COUNT(silences); i++) {
        server_forget();
        add_play(lt_str(silences[i].bytes), SIZE_MAX, STALL);
        server_start();
        client_new("\"model\":\"m\"", NULL, true);
        client.cancel_ms = 100;
        assert_int_equal(client_run(), LT_ECANCELLED);
        assert_int_equal(err.vendor_status, 0);
        server_stop();
        assert_true(server.client_left);
    }
}

static void a_listener_that_refuses_ends_the_call(void **state)
{
    struct lt_str answers[] = {LT_STR(STREAM_HEAD TEXT("A")), reply_bytes("200 OK", IS_JSON, WHOLE("\"content\":\"A\""), false)};
    for (size_t i = 0; i < 2; i++) {
        server_forget();
        add_play(answers[i], SIZE_MAX, STALL);
        server_start();
        client_new("\"model\":\"m\"", NULL, true);
        client.refuse = LT_ESTORE;
        assert_int_equal(client_run(), LT_ESTORE);
        assert_string_equal(err.detail, "not wanted");
        assert_int_equal(err.vendor_status, 0);
        server_stop();
        assert_int_equal(client.pieces, 1);
        assert_true(server.client_left);
    }
}

/* What one read of the network brings is handed on in one piece. */
static void deltas_of_one_read_come_as_one_piece(void **state)
{
    add_play(reply_bytes("200 OK", IS_STREAM, TEXT("A") TEXT("B") TEXT("C") FINISH("stop") DONE, false), SIZE_MAX, KEEP);
    server_start();
    client_new("\"model\":\"m\"", NULL, true);
    assert_int_equal(client_run(), LT_OK);
    server_stop();
    assert_shown("ABC");
    assert_int_equal(client.pieces, 1);
}

static void without_a_listener_the_text_is_in_the_result(void **state)
{
    for (int stream = 0; stream < 2; stream++) {
        server_forget();
        add_play(stream ? reply_bytes("200 OK", IS_STREAM, TEXT("Hel") TEXT("lo") FINISH("stop") DONE, true)
                        : reply_bytes("200 OK", IS_JSON, WHOLE("\"content\":\"Hello\""), false), 5, KEEP);
        server_start();
        client_new("\"model\":\"m\"", NULL, stream);
        client.run.on_text = NULL;
        assert_int_equal(client_run(), LT_OK);
        server_stop();
        assert_text(client.run.result.text, "Hello");
    }
}

static void one_connection_serves_many_calls(void **state)
{
    for (int i = 0; i < 6; i++)
        add_play(i % 2 ? reply_bytes("200 OK", IS_STREAM, TEXT("A") FINISH("stop") DONE, true)
                       : reply_bytes("200 OK", IS_JSON, WHOLE("\"content\":\"A\""), false), SIZE_MAX, KEEP);
    server_start();
    client_new("\"model\":\"m\"", NULL, true);
    client.times = 6;
    assert_int_equal(client_run(), LT_OK);
    server_stop();
    assert_int_equal(server.played, 6);
    assert_int_equal(server.accepted, 1);
    assert_shown("AAAAAA");
}

/* ---- what a call may hold beside text ---- */

/* Calls once with what `change` makes of the client; gives the body that was sent. */
static const char *sent(const struct lt_provider *provider, const char *config, const char *settings, bool stream, void (*change)(void))
{
    server_forget();
    add_play(reply_bytes("200 OK", IS_JSON, WHOLE("\"content\":\"A\""), false), SIZE_MAX, KEEP);
    server_start();
    client_new_of(provider, config, settings, stream);
    if (change)
        change();
    enum lt_code code = client_run();
    server_stop();
    if (code)
        fail_msg("%s %s: %s (%s)", config, settings ? settings : "", lt_code_name(code), err.detail);
    return request_body(0);
}

static void with_images(void)
{
    static const struct lt_image images[] = {{.media_type = {"image/png", 9}, .base64 = {"aGk=", 4}}, {.url = {"https://x.example/a.png", 23}}};
    client.messages[1].images = images;
    client.messages[1].images_n = 2;
}

static void with_schema(void)
{
    client.call.response_format = json("{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"strict\":true,"
         "\"schema\":{\"type\":\"object\"}}}");
}

static void with_store(void)
{
    client.call.store = true;
    client.call.metadata = json("{\"course\":\"c-1\"}");
}

static void with_metadata(void)
{
    client.call.metadata = json("{\"course\":\"c-1\"}");
}

static void with_texts(void)
{
    static const struct lt_str texts[] = {{"one", 3}, {"t\"wo", 4}};
    client.call = (struct lt_neutral_call){.kind = LT_NEUTRAL_EMBEDDING, .texts = texts, .texts_n = 2, .temperature = (double)NAN,
                                           .top_p = (double)NAN, .seed = -1, .dimensions = 2};
}

static void with_limit(void)
{
    client.call.max_tokens = 9;
}

#define SYSTEM(role) "\"messages\":[{\"role\":\"" role "\",\"content\":\"Be brief.\"},"
#define USER_HI "{\"role\":\"user\",\"content\":\"Hi \\\"you\\\"\"}]"
#define IMAGES(detail) \
    "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Hi \\\"you\\\"\"},{\"type\":\"image_url\",\"image_url\":{\"url\":" \
    "\"data:image/png;base64,aGk=\"" detail "}},{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x.example/a.png\"" detail "}}]}]"
#define SCHEMA "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"strict\":true,\"schema\":{\"type\":\"object\"}}}"
#define WORDS "Answer with one JSON value that is valid against the following JSON Schema, and nothing else: no words around it, no " \
              "Markdown.\\n{\\\"type\\\":\\\"object\\\"}"

/* What one server takes and another does not is a setting of the instance, or of one model there. */
static void bodies_follow_the_quirks_of_servers(void **state)
{
    static const struct {
        const char *config, *settings;
        bool stream;
        void (*change)(void);
        const char *body;
    } cases[] = {
        {"\"model\":\"m\"", NULL, false, with_images, "{\"model\":\"m\"," U SYSTEM("system") IMAGES("") "}"},
        {"\"model\":\"m\",\"image_detail\":\"low\"", NULL, false, with_images,
         "{\"model\":\"m\"," U SYSTEM("system") IMAGES(",\"detail\":\"low\"") "}"},
        {"\"model\":\"m\",\"system_role\":\"developer\"", NULL, false, NULL, "{\"model\":\"m\"," U SYSTEM("developer") USER_HI "}"},
        {"\"model\":\"m\",\"system_role\":\"user\"", NULL, false, NULL,
         "{\"model\":\"m\"," U "\"messages\":[{\"role\":\"user\",\"content\":\"Be brief.\\n\\nHi \\\"you\\\"\"}]}"},
        {"\"model\":\"m\",\"user\":false", NULL, false, NULL, "{\"model\":\"m\"," SYSTEM("system") USER_HI "}"},
        {"\"model\":\"m\",\"stream_options\":false", NULL, true, NULL, "{\"model\":\"m\"," U SYSTEM("system") USER_HI ",\"stream\":true}"},
        {"\"model\":\"m\"", NULL, false, with_schema, "{\"model\":\"m\"," U SYSTEM("system") USER_HI "," SCHEMA "}"},
        {"\"model\":\"m\",\"response_format\":\"json_schema\"", NULL, false, with_schema,
         "{\"model\":\"m\"," U SYSTEM("system") USER_HI "," SCHEMA "}"},
        {"\"model\":\"m\",\"response_format\":\"json_object\"", NULL, false, with_schema,
         "{\"model\":\"m\"," U SYSTEM("system") "{\"role\":\"system\",\"content\":\"" WORDS "\"}," USER_HI
         ",\"response_format\":{\"type\":\"json_object\"}}"},
        {"\"model\":\"m\",\"response_format\":\"none\"", NULL, false, with_schema,
         "{\"model\":\"m\"," U SYSTEM("system") "{\"role\":\"system\",\"content\":\"" WORDS "\"}," USER_HI "}"},
        {"\"model\":\"m\",\"response_format\":\"none\",\"system_role\":\"user\"", NULL, false, with_schema,
         "{\"model\":\"m\"," U "\"messages\":[{\"role\":\"user\",\"content\":\"Be brief.\\n\\n" WORDS "\\n\\nHi \\\"you\\\"\"}]}"},
        /* of one model alone */
        {"\"model\":\"m\",\"models\":{\"m\":{\"user\":false},\"n\":{\"system_role\":\"developer\"}}", NULL, false, NULL,
         "{\"model\":\"m\"," SYSTEM("system") USER_HI "}"},
        {"\"model\":\"m\",\"models\":{\"m\":{\"user\":false},\"n\":{\"max_tokens_field\":\"max_completion_tokens\"}}", "{\"model\":\"n\"}", false,
         with_limit, "{\"model\":\"n\"," U SYSTEM("system") USER_HI ",\"max_completion_tokens\":9}"},
        /* an action keeps what was set for each model; what stands outside goes first */
        {"\"model\":\"m\"", "{\"models\":{\"m\":{\"temperature\":0.5,\"top_p\":1,\"extra\":{\"x\":1,\"y\":1}},\"n\":{\"temperature\":0}},"
                            "\"top_p\":0.25,\"extra\":{\"y\":2}}",
         false, NULL, "{\"model\":\"m\"," U SYSTEM("system") USER_HI ",\"temperature\":0.5,\"top_p\":0.25,\"y\":2,\"x\":1}"},
        {"\"model\":\"m\",\"body\":{\"x\":9,\"z\":9}", "{\"model\":\"n\",\"models\":{\"m\":{\"temperature\":0.5},\"n\":{\"temperature\":0,"
                                                       "\"extra\":{\"x\":null}}}}",
         false, NULL, "{\"model\":\"n\"," U SYSTEM("system") USER_HI ",\"temperature\":0,\"z\":9}"},
        /* what is kept beside an answer is refused when the answer is not kept */
        {"\"model\":\"m\",\"api\":\"chat\"", NULL, false, with_store,
         "{\"model\":\"m\"," U SYSTEM("system") USER_HI ",\"store\":true,\"metadata\":{\"course\":\"c-1\"}}"},
        {"\"model\":\"m\"", NULL, false, with_store, "{\"model\":\"m\"," U SYSTEM("system") USER_HI "}"},
        {"\"model\":\"m\"", NULL, false, with_metadata, "{\"model\":\"m\"," U SYSTEM("system") USER_HI "}"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        assert_string_equal(sent(&lt_provider_openai_compatible, cases[i].config, cases[i].settings, cases[i].stream, cases[i].change),
                            cases[i].body);
}

static void with_tools(void)
{
    client.call.tools = json("[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]");
}

static void with_thread(void)
{
    client.call.previous_response_id = LT_STR("r-1");
}

/* Nothing is sent: the manager asks the next instance. */
static void what_a_server_cannot_do_is_refused(void **state)
{
    static const struct {
        const char *config;
        void (*change)(void);
        const char *detail;
    } cases[] = {
        {"\"model\":\"m\",\"images\":false", with_images, "images"},
        {"\"model\":\"m\",\"models\":{\"m\":{\"images\":false}}", with_images, "images"},
        {"\"model\":\"m\",\"tools\":false", with_tools, "tools"},
        {"\"model\":\"m\"", with_thread, "threads"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        client_new_of(&lt_provider_openai_compatible, cases[i].config, NULL, false);
        client.instance.config = json(lt_strz(arena, lt_printf(arena, "{\"endpoint\":\"http://127.0.0.1:1\",%s}", cases[i].config)));
        cases[i].change();
        assert_int_equal(client_run(), LT_EUNSUPPORTED);
        assert_non_null(strstr(err.detail, cases[i].detail));
        assert_int_equal(err.vendor_status, 0);
    }
}

/* ---- vectors ---- */

#define VECTORS(data) "{\"object\":\"list\",\"model\":\"e-1\",\"data\":[" data "],\"usage\":{\"prompt_tokens\":5,\"total_tokens\":5}}"
#define VECTOR(index, value) "{\"object\":\"embedding\",\"index\":" index ",\"embedding\":" value "}"

static void vectors_come_in_the_order_of_the_texts(void **state)
{
    static const struct {
        const char *answer;
        enum lt_code code;
        const char *detail;
    } cases[] = {
        {VECTORS(VECTOR("0", "[1,-0.5]") "," VECTOR("1", "[0,2e3]")), LT_OK, NULL},
        {VECTORS(VECTOR("1", "[0,2000]") "," VECTOR("0", "[1,-0.5]")), LT_OK, NULL},
        {VECTORS(VECTOR("0", "\"AACAPwAAAL8=\"") "," VECTOR("1", "\"AAAAAAAA+kQ=\"")), LT_OK, NULL}, /* float32, little-endian */
        {VECTORS(VECTOR("0", "\"AACAPwAAAL8\"") "," VECTOR("1", "[0,2000]")), LT_OK, NULL},
        {VECTORS("{\"embedding\":[1,-0.5]},{\"embedding\":[0,2000]}"), LT_OK, NULL},
        {VECTORS(VECTOR("0", "[1,-0.5]")), LT_EUPSTREAM_INVALID, "no vector for text 1"},
        {VECTORS(""), LT_EUPSTREAM_INVALID, "no vectors"},
        {VECTORS(VECTOR("0", "[1,-0.5]") "," VECTOR("0", "[0,2000]")), LT_EUPSTREAM_INVALID, "twice"},
        {VECTORS(VECTOR("0", "[1,-0.5]") "," VECTOR("1", "[0]")), LT_EUPSTREAM_INVALID, "as long"},
        {VECTORS(VECTOR("0", "[1,-0.5]") "," VECTOR("2", "[0,1]")), LT_EUPSTREAM_INVALID, "not asked for"},
        {VECTORS(VECTOR("-1", "[1,-0.5]")), LT_EUPSTREAM_INVALID, "not asked for"},
        {VECTORS(VECTOR("0", "[]")), LT_EUPSTREAM_INVALID, "length"},
        {VECTORS(VECTOR("0", "[1,null]")), LT_EUPSTREAM_INVALID, "number"},
        {VECTORS(VECTOR("0", "[1,1e300]")), LT_EUPSTREAM_INVALID, "number"},
        {VECTORS(VECTOR("0", "\"AACAP\"")), LT_EUPSTREAM_INVALID, "base64"},
        {VECTORS(VECTOR("0", "\"AACA\"")), LT_EUPSTREAM_INVALID, "base64"},
        {VECTORS(VECTOR("0", "\"AACAP-AAAL8=\"")), LT_EUPSTREAM_INVALID, "base64"},
        {VECTORS(VECTOR("0", "\"AADAfwAAAL8=\"")), LT_EUPSTREAM_INVALID, "number"}, /* NaN */
        {VECTORS(VECTOR("0", "7")), LT_EUPSTREAM_INVALID, "neither"},
        {"{\"data\":{}}", LT_EUPSTREAM_INVALID, "data is of type object"},
        {"{\"error\":{\"message\":\"Slow\",\"code\":429}}", LT_EUPSTREAM_RATE_LIMITED, "Slow"},
        {"<html>", LT_EUPSTREAM_INVALID, "not JSON"},
    };
    static const float expected[] = {1, -0.5F, 0, 2000};
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        server_forget();
        add_play(reply_bytes("200 OK", IS_JSON, cases[i].answer, false), SIZE_MAX, KEEP);
        server_start();
        client_new_of(&lt_provider_openai, "\"model\":\"m\",\"embedding_model\":\"e\"", NULL, false);
        with_texts();
        enum lt_code code = client_run();
        server_stop();
        if (code != cases[i].code || (code && !strstr(err.detail, cases[i].detail)))
            fail_msg("%s: %s (%s)", cases[i].answer, lt_code_name(code), err.detail);
        const struct lt_neutral_result *r = &client.run.result;
        assert_non_null(strstr(server.requests[0], "POST /v1/embeddings HTTP"));
        assert_string_equal(request_body(0),
                            "{\"model\":\"e\",\"input\":[\"one\",\"t\\\"wo\"],\"encoding_format\":\"float\",\"dimensions\":2,\"user\":\"u5e4\"}");
        if (code)
            continue;
        assert_int_equal(r->vectors_n, 2);
        assert_int_equal(r->dimensions, 2);
        assert_memory_equal(r->vectors, expected, sizeof(expected));
        assert_text(r->model, "e-1");
        assert_int_equal(r->usage.prompt_tokens, 5);
        assert_int_equal(r->usage.total_tokens, 5);
    }
}

/* ---- the list of models ---- */

static struct lt_str *names;
static size_t names_n;

static enum lt_code ask_models(struct lt_provider_run *run, struct lt_error *e)
{
    run->call = NULL;
    return lt_provider_openai.models(run, &names, &names_n, e);
}

static void models_are_listed(void **state)
{
    static const struct {
        const char *status, *answer;
        enum lt_code code;
        const char *names; /* joined by spaces */
    } cases[] = {
        {"200 OK", "{\"object\":\"list\",\"data\":[{\"id\":\"gpt-4o\",\"object\":\"model\"},{\"id\":\"o1\"},{\"id\":7},{\"id\":\"\"},5]}", LT_OK,
         "gpt-4o o1 "},
        {"200 OK", "[{\"id\":\"a/b\"}]", LT_OK, "a/b "},
        {"200 OK", "{\"data\":[]}", LT_OK, ""},
        {"200 OK", "{\"data\":7}", LT_EUPSTREAM_INVALID, NULL},
        {"200 OK", "{}", LT_EUPSTREAM_INVALID, NULL},
        {"200 OK", "", LT_EUPSTREAM_INVALID, NULL},
        {"401 Unauthorized", ERROR("No", "invalid_api_key"), LT_EUPSTREAM_UNAUTHORIZED, NULL},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        server_forget();
        add_play(reply_bytes(cases[i].status, IS_JSON, cases[i].answer, false), SIZE_MAX, KEEP);
        server_start();
        client_new("\"api_key\":\"k\",\"organization\":\"org-7\",\"project\":\"p-1\"", NULL, false);
        client.ask = ask_models;
        enum lt_code code = client_run();
        server_stop();
        if (code != cases[i].code)
            fail_msg("%s: %s (%s)", cases[i].answer, lt_code_name(code), err.detail);
        assert_int_equal(strncmp(server.requests[0], "GET /v1/models HTTP/1.1\r\n", 25), 0);
        assert_non_null(strstr(server.requests[0], "\r\nAuthorization: Bearer k\r\n"));
        assert_non_null(strstr(server.requests[0], "\r\nOpenAI-Project: p-1\r\n"));
        if (code)
            continue;
        struct lt_str all = LT_STR("");
        for (size_t k = 0; k < names_n; k++)
            all = lt_printf(arena, "%.*s%.*s ", LT_FMT(all), LT_FMT(names[k]));
        assert_text(all, cases[i].names);
    }
}

/* Whether an instance is asked to keep conversations: provider, config, settings of the action. */
static void threads_are_kept_where_the_responses_api_answers_and_nobody_says_store_false(void **state)
{
    (void)state;
    static const struct {
        const struct lt_provider *provider;
        const char *config, *settings;
        bool kept;
    } cases[] = {
        {&lt_provider_openai, "{}", "{}", true},
        {&lt_provider_openai, "{\"endpoint\":\"https://api.openai.com/v1/\",\"api\":\"auto\"}", "{}", true},
        {&lt_provider_openai, "{\"endpoint\":\"https://other.example/v1\"}", "{}", false},
        {&lt_provider_openai, "{\"endpoint\":\"https://other.example/v1\",\"api\":\"auto\"}", "{}", false},
        {&lt_provider_openai, "{\"endpoint\":\"https://other.example/v1\",\"api\":\"responses\"}", "{}", true},
        {&lt_provider_openai, "{\"api\":\"chat\"}", "{}", false},
        {&lt_provider_openai, "{\"api\":\"responses\",\"body\":{\"store\":false}}", "{}", false},
        {&lt_provider_openai, "{\"api\":\"responses\",\"body\":{\"store\":true}}", "{\"extra\":{\"store\":false}}", false},
        {&lt_provider_openai, "{\"api\":\"responses\"}", "{\"extra\":{\"store\":true}}", true},
        {&lt_provider_openai, "{\"api\":\"chat\",\"body\":{\"store\":true}}", "{}", false},
        {&lt_provider_openai_compatible, "{\"endpoint\":\"https://other.example/v1\"}", "{}", false},
        {&lt_provider_openai_compatible, "{\"endpoint\":\"https://other.example/v1\",\"api\":\"auto\"}", "{}", true},
        {&lt_provider_openai_compatible, "{\"endpoint\":\"https://other.example/v1\",\"api\":\"responses\"}", "{}", true},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_provider_instance instance = {.provider = cases[i].provider, .config = json(cases[i].config)};
        if (cases[i].provider->keeps_threads(&instance, json(cases[i].settings)) != cases[i].kept)
            fail_msg("%s %s: %d", cases[i].config, cases[i].settings, cases[i].kept);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define S(name) cmocka_unit_test_setup_teardown(name, set_up_server, tear_down_server)
    const struct CMUnitTest tests[] = {
        T(answers_are_read),
        T(streams_are_read_alike_however_they_are_cut),
        T(nul_in_text_is_kept),
        T(too_much_is_refused),
        T(faults_are_mapped),
        T(the_key_is_taken_out_of_long_messages),
        T(retry_after_is_seconds_or_a_date),
        T(the_providers_are_registered),
        T(configured_says_what_is_missing),
        T(threads_are_kept_where_the_responses_api_answers_and_nobody_says_store_false),
        T(settings_are_checked_by_their_schema),
        S(answers_over_the_wire),
        S(answers_of_the_other_kind),
        S(bodies_are_made_of_call_and_settings),
        S(the_callers_values_go_first),
        S(probabilities_and_penalties_are_asked_for_and_read),
        S(a_tool_conversation_is_sent_in_full),
        S(address_and_headers_follow_the_settings),
        S(unusable_settings_send_nothing),
        S(bodies_follow_the_quirks_of_servers),
        S(what_a_server_cannot_do_is_refused),
        S(vectors_come_in_the_order_of_the_texts),
        S(models_are_listed),
        S(faults_over_the_wire),
        S(broken_connections_are_upstreams_faults),
        S(nobody_listens),
        S(silence_ends_in_a_timeout),
        S(a_cancelled_call_closes_upstream),
        S(a_listener_that_refuses_ends_the_call),
        S(deltas_of_one_read_come_as_one_piece),
        S(without_a_listener_the_text_is_in_the_result),
        S(one_connection_serves_many_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
