/*
 * The provider `anthropic`: its reading of answers as a function over bytes, at any chunking; the bodies that it writes; whole calls
 * against a server that plays canned bytes. Tests that begin with a case's number restate reference cases 58 to 65.
 */
#include "provider_rig.h"

#include "answer_table.h"
#include "providers/anthropic.h"
#include "text/json_schema.h"

extern const struct lt_provider lt_provider_anthropic;

/* ---- answers ---- */

static void *new_state(void)
{
    struct lt_anthropic_answer *own = LT_NEW(arena, struct lt_anthropic_answer);
    *own = (struct lt_anthropic_answer)LT_ANTHROPIC_ANSWER;
    return own;
}

static const struct answer_reader reader = {&lt_anthropic_format, new_state};

#define HEAD "\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-x\""
#define USAGE "\"usage\":{\"input_tokens\":18,\"output_tokens\":120}"
#define WHOLE(stop, blocks) "{" HEAD ",\"content\":[" blocks "],\"stop_reason\":" stop ",\"stop_sequence\":null," USAGE "}"
#define BLOCK(text) "{\"type\":\"text\",\"text\":\"" text "\"}"
#define THOUGHT "{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"s\"}"
#define TOOL(id, name, input) "{\"type\":\"tool_use\",\"id\":\"" id "\",\"name\":\"" name "\",\"input\":" input "}"
#define GOOD(text, reason) LT_OK, text, reason, "msg_1", "claude-x", NULL, {18, 120, 138, -1, -1}, NULL

#define EVENT(type, members) "event: " type "\ndata: {\"type\":\"" type "\"" members "}\n\n"
#define START EVENT("message_start", ",\"message\":{" HEAD ",\"content\":[],\"stop_reason\":null,\"usage\":{\"input_tokens\":18," \
    "\"output_tokens\":1}}")
#define BEGIN(index, block) EVENT("content_block_start", ",\"index\":" index ",\"content_block\":" block)
#define DELTA(index, delta) EVENT("content_block_delta", ",\"index\":" index ",\"delta\":{" delta "}")
#define TEXT(text) DELTA("0", "\"type\":\"text_delta\",\"text\":\"" text "\"")
#define INPUT(index, json) DELTA(index, "\"type\":\"input_json_delta\",\"partial_json\":\"" json "\"")
#define STOP(index) EVENT("content_block_stop", ",\"index\":" index)
#define ENDING(reason) \
    EVENT("message_delta", ",\"delta\":{\"stop_reason\":\"" reason "\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":120}") \
    EVENT("message_stop", "")
#define PING EVENT("ping", "")

static const struct answer_row rows[] = {
    /* whole */
    {"text", WHOLE("\"end_turn\"", BLOCK("Hello")), false, GOOD("Hello", "stop")},
    {"several texts", WHOLE("\"end_turn\"", BLOCK("A") "," BLOCK("B")), false, GOOD("AB", "stop")},
    {"stop sequence", WHOLE("\"stop_sequence\"", BLOCK("A")), false, GOOD("A", "stop")},
    {"length", WHOLE("\"max_tokens\"", BLOCK("A")), false, GOOD("A", "length")},
    {"window filled by the answer", WHOLE("\"model_context_window_exceeded\"", BLOCK("A")), false, GOOD("A", "length")},
    {"pause", WHOLE("\"pause_turn\"", BLOCK("A")), false, GOOD("A", "pause_turn")},
    {"reason unknown", WHOLE("null", BLOCK("A")), false, GOOD("A", "stop")},
    {"empty", WHOLE("\"end_turn\"", ""), false, GOOD("", "stop")},
    {"thoughts and the vendor's tools",
     WHOLE("\"end_turn\"", THOUGHT ",{\"type\":\"redacted_thinking\",\"data\":\"x\"},{\"type\":\"server_tool_use\",\"id\":\"s\","
     "\"name\":\"web_search\","
           "\"input\":{\"query\":\"q\"}},{\"type\":\"web_search_tool_result\",\"content\":[]}," BLOCK("A")), false, GOOD("A", "stop")},
    {"tool calls", WHOLE("\"tool_use\"", BLOCK("A") "," TOOL("t1", "find", "{\"a\":1}") "," TOOL("t2", "now", "{}")), false,
     LT_OK, "A", "tool_calls", "msg_1", "claude-x", "[" OPENAI_CALL("t1", "find", "\"{\\\"a\\\":1}\"") "," OPENAI_CALL("t2", "now", "\"{}\"") "]",
     {18, 120, 138, -1, -1}, NULL},
    {"usage with a cache",
     "{" HEAD ",\"content\":[" BLOCK("A") "],\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":7,\"cache_creation_input_tokens\":2,"
     "\"cache_read_input_tokens\":4,\"output_tokens\":5}}", false, LT_OK, "A", "stop", "msg_1", "claude-x", NULL, {13, 5, 18, 4, -1}, NULL},
    {"usage missing", "{" HEAD ",\"content\":[" BLOCK("A") "]}", false, LT_OK, "A", "stop", "msg_1", "claude-x", NULL, UNKNOWN, NULL},
    {"usage of wrong types", "{" HEAD ",\"content\":[" BLOCK("A") "],\"usage\":{\"input_tokens\":\"7\",\"output_tokens\":-4}}", false,
     LT_OK, "A", "stop", "msg_1", "claude-x", NULL, UNKNOWN, NULL},
    {"usage that overflows", "{" HEAD ",\"content\":[" BLOCK("A") "],\"usage\":{\"input_tokens\":9223372036854775807,\"cache_read_input_tokens\":1}}",
     false, LT_OK, "A", "stop", "msg_1", "claude-x", NULL, {-1, -1, -1, 1, -1}, NULL},
    {"refusal", WHOLE("\"refusal\"", ""), false, BAD(LT_ECONTENT_REFUSED, "refusal")},
    {"refusal in the middle", WHOLE("\"refusal\"", BLOCK("A")), false, BAD(LT_ECONTENT_REFUSED, "refusal")},
    {"refusal explained",
     "{" HEAD ",\"content\":[],\"stop_reason\":\"refusal\",\"stop_details\":{\"type\":\"refusal\",\"explanation\":\"Not that.\"}}", false,
     BAD(LT_ECONTENT_REFUSED, "refusal): Not that.")},
    {"window full", WHOLE("\"model_context_window_exceeded\"", ""), false, BAD(LT_ECONTEXT_WINDOW, "context window")},
    {"content absent", "{" HEAD "}", false, INVALID("no content")},
    {"content an object", "{" HEAD ",\"content\":{}}", false, INVALID("content is of type object")},
    {"block a string", WHOLE("\"end_turn\"", "\"A\""), false, INVALID("content block is of type string")},
    {"text a number", WHOLE("\"end_turn\"", "{\"type\":\"text\",\"text\":7}"), false, INVALID("text is of type integer")},
    {"tool without a name", WHOLE("\"tool_use\"", "{\"type\":\"tool_use\",\"id\":\"1\",\"input\":{}}"), false, INVALID("has no name")},
    {"input a list", WHOLE("\"tool_use\"", TOOL("1", "f", "[]")), false, INVALID("arguments is of type array")},
    {"a list", "[]", false, INVALID("array")},
    {"cut", "{" HEAD ",\"content\":[", false, INVALID("not JSON")},
    {"error in a good status", "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}", false,
     BAD(LT_EUPSTREAM_UNAVAILABLE, "Overloaded")},

    /* streams */
    {"stream", START BEGIN("0", BLOCK("")) PING TEXT("Hel") TEXT("lo") STOP("0") ENDING("end_turn"), true, GOOD("Hello", "stop")},
    {"text at the start of a block", START BEGIN("0", BLOCK("Hel")) TEXT("lo") ENDING("end_turn"), true, GOOD("Hello", "stop")},
    {"CRLF, comments, data alone",
     ": hi\r\n\r\ndata: {\"type\":\"message_start\",\"message\":{" HEAD ",\"usage\":{\"input_tokens\":18}}}\r\n\r\n"
     "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"A\"}}\r\n\r\n"
     "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":120}}\r\n\r\n"
     "data: {\"type\":\"message_stop\"}\r\n\r\n", true, GOOD("A", "stop")},
    {"multi-byte text", START TEXT("\xC3\xA9\xE2\x82\xAC") TEXT("\\ud83d\\ude00") ENDING("end_turn"), true,
     GOOD("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", "stop")},
    {"thought first",
     START BEGIN("0", "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}") DELTA("0", "\"type\":\"thinking_delta\",\"thinking\":\"hm\"")
         DELTA("0", "\"type\":\"signature_delta\",\"signature\":\"s\"") STOP("0") BEGIN("1", BLOCK(""))
             DELTA("1", "\"type\":\"text_delta\",\"text\":\"A\"") ENDING("end_turn"), true, GOOD("A", "stop")},
    {"tool calls in pieces",
     START BEGIN("0", TOOL("t1", "find", "{}")) INPUT("0", "") INPUT("0", "{\\\"a\\\"") INPUT("0", ":1}") STOP("0")
         BEGIN("1", TOOL("t2", "now", "{}")) INPUT("1", "") STOP("1") ENDING("tool_use"), true,
     LT_OK, "", "tool_calls", "msg_1", "claude-x", "[" OPENAI_CALL("t1", "find", "\"{\\\"a\\\":1}\"") "," OPENAI_CALL("t2", "now", "\"{}\"") "]",
     {18, 120, 138, -1, -1}, NULL},
    {"tool call whole at its start", START BEGIN("0", TOOL("t1", "find", "{\"a\":1}")) ENDING("tool_use"), true,
     LT_OK, "", "tool_calls", "msg_1", "claude-x", "[" OPENAI_CALL("t1", "find", "\"{\\\"a\\\":1}\"") "]", {18, 120, 138, -1, -1}, NULL},
    {"the vendor's tool",
     START BEGIN("0", "{\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"web_search\",\"input\":{}}") INPUT("0", "{\\\"query\\\":1}") STOP("0")
         BEGIN("1", BLOCK("A")) ENDING("end_turn"), true, GOOD("A", "stop")},
    {"events and deltas of the future",
     START EVENT("weather", ",\"sky\":\"blue\"") TEXT("A") DELTA("0", "\"type\":\"citations_delta\",\"citation\":{}") BEGIN("9",
     "{\"type\":\"poem\"}")
         ENDING("end_turn"), true, GOOD("A", "stop")},
    {"usage as sums",
     "data: {\"type\":\"message_start\",\"message\":{" HEAD ",\"usage\":{\"input_tokens\":7,\"cache_read_input_tokens\":4,\"output_tokens\":1}}}\n\n"
     TEXT("A") EVENT("message_delta", ",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"input_tokens\":9,\"cache_read_input_tokens\":null,"
                     "\"output_tokens\":5}") EVENT("message_stop", ""), true, LT_OK, "A", "stop", "msg_1", "claude-x", NULL, {13, 5, 18, 4, -1}, NULL},
    {"output only begun to be counted", START TEXT("A") EVENT("message_delta", ",\"delta\":{\"stop_reason\":\"end_turn\"}") EVENT("message_stop", ""),
     true, LT_OK, "A", "stop", "msg_1", "claude-x", NULL, {18, -1, -1, -1, -1}, NULL},
    {"more behind the end", START TEXT("A") ENDING("end_turn") TEXT("B") "data: rubbish\n\n", true, GOOD("A", "stop")},
    {"refusal of a stream", START TEXT("A") ENDING("refusal"), true, BAD(LT_ECONTENT_REFUSED, "refusal")},
    {"ends without message_stop", START TEXT("A") EVENT("message_delta", ",\"delta\":{\"stop_reason\":\"end_turn\"}"), true,
     INVALID("ended in the middle")},
    {"ends in the middle", START TEXT("A"), true, INVALID("ended in the middle")},
    {"ends in an event", START TEXT("A") "event: message_stop\ndata: {\"type\":\"message_stop\"}", true, INVALID("ended in the middle")},
    {"nothing came", "", true, INVALID("ended in the middle")},
    {"an end alone", EVENT("message_stop", ""), true, INVALID("no content")},
    {"overloaded in mid-stream", START TEXT("A") EVENT("error", ",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}"), true,
     BAD(LT_EUPSTREAM_UNAVAILABLE, "Overloaded")},
    {"limit in mid-stream", START EVENT("error", ",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"Slow\"}"), true,
     BAD(LT_EUPSTREAM_RATE_LIMITED, "Slow")},
    {"not JSON", START "data: {\"type\":\n\n", true, INVALID("not JSON")},
    {"message a string", EVENT("message_start", ",\"message\":\"A\""), true, INVALID("message is of type string")},
    {"block without an index", START EVENT("content_block_start", ",\"content_block\":" BLOCK("")), true, INVALID("index is of type absent")},
    {"delta a string", START EVENT("content_block_delta", ",\"index\":0,\"delta\":\"A\""), true, INVALID("delta is of type string")},
    {"text null", START DELTA("0", "\"type\":\"text_delta\",\"text\":null"), true, INVALID("text is of type absent")},
    {"input of nothing", START INPUT("3", "{}") ENDING("tool_use"), true, INVALID("did not begin")},
    {"input a number", START BEGIN("0", TOOL("t", "f", "{}")) DELTA("0", "\"type\":\"input_json_delta\",\"partial_json\":7"), true,
     INVALID("partial_json is of type integer")},
};

static void answers_are_read_alike_however_they_are_cut(void **state)
{
    check_rows(rows, LT_COUNT(rows), &reader);
}

/* 63: id, text, stop reason, 18 and 120 tokens, model. 64: a refusal names itself; thoughts are passed over; a call is no text. */
static void case_63_64_what_an_answer_comes_to(void **state)
{
    static const struct answer_row cases[] = {
        {"63", "{" HEAD ",\"content\":[" BLOCK("Photosynthesis.") "],\"stop_reason\":\"end_turn\"," USAGE "}", false, GOOD("Photosynthesis.",
         "stop")},
        {"64 refusal", WHOLE("\"refusal\"", ""), false, BAD(LT_ECONTENT_REFUSED, "refusal")},
        {"64 thought", WHOLE("\"end_turn\"", THOUGHT "," BLOCK("A")), false, GOOD("A", "stop")},
        {"64 tool_use", WHOLE("\"tool_use\"", TOOL("t", "f", "{}")), false, LT_OK, "", "tool_calls", "msg_1", "claude-x",
         "[" OPENAI_CALL("t", "f", "\"{}\"") "]", {18, 120, 138, -1, -1}, NULL},
    };
    check_rows(cases, LT_COUNT(cases), &reader);
}

#define ERROR(type, message) "{\"type\":\"error\",\"error\":{\"type\":\"" type "\",\"message\":\"" message "\"},\"request_id\":\"req_1\"}"

static void case_65_faults_are_mapped(void **state)
{
    static const struct {
        int status;
        const char *reason, *body;
        enum lt_code code;
        const char *detail;
    } cases[] = {
        {500, "Internal Server Error", "", LT_EUPSTREAM_UNAVAILABLE, "Internal Server Error"},
        {503, "Service Unavailable", "", LT_EUPSTREAM_UNAVAILABLE, "Service Unavailable"},
        {401, "Unauthorized", ERROR("authentication_error", "invalid x-api-key"), LT_EUPSTREAM_UNAUTHORIZED, "invalid x-api-key"},
        {403, "Forbidden", ERROR("permission_error", "No: sk-ant-1"), LT_EUPSTREAM_UNAUTHORIZED, "No: ***"},
        {404, "Not Found", ERROR("not_found_error", "model: x"), LT_EUPSTREAM_NOT_FOUND, "model: x"},
        {429, "Too Many Requests", ERROR("rate_limit_error", "This request would exceed the limit"), LT_EUPSTREAM_RATE_LIMITED, "would exceed"},
        {529, "", ERROR("overloaded_error", "Overloaded, please retry."), LT_EUPSTREAM_UNAVAILABLE, "Overloaded, please retry."},
        {413, "Content Too Large", ERROR("request_too_large", "Request exceeds the maximum size"), LT_ECONTEXT_WINDOW, "maximum size"},
        {400, "Bad Request", ERROR("invalid_request_error", "max_tokens: Field required"), LT_EUPSTREAM_BAD_REQUEST, "Field required"},
        {400, "Bad Request", ERROR("invalid_request_error", "prompt is too long: 208310 tokens > 200000 maximum"), LT_ECONTEXT_WINDOW, "too long"},
        {400, "Bad Request", ERROR("invalid_request_error", "input length and `max_tokens` exceed context limit: 1 + 2 > 2"), LT_ECONTEXT_WINDOW,
        "exceed"},
        {400, "Bad Request", ERROR("invalid_request_error", "Output blocked by content filtering policy"), LT_ECONTENT_REFUSED, "filtering"},
        {400, "Bad Request", ERROR("invalid_request_error", "Your credit balance is too low to access the API"), LT_EUPSTREAM_RATE_LIMITED, "credit"},
        {402, "Payment Required", ERROR("billing_error", "Pay"), LT_EUPSTREAM_RATE_LIMITED, "Pay"},
        {504, "Gateway Timeout", ERROR("timeout_error", "Late"), LT_EUPSTREAM_TIMEOUT, "Late"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        enum lt_code code = lt_wire_fault(&lt_anthropic_format, arena, cases[i].status, lt_str(cases[i].reason), lt_str(cases[i].body),
                                          LT_STR("sk-ant-1"), &err);
        if (code != cases[i].code || err.vendor_status != cases[i].status || !strstr(err.detail, cases[i].detail))
            fail_msg("%d %s: %s, %s", cases[i].status, cases[i].body, lt_code_name(code), err.detail);
    }
}

/* ---- bodies ---- */

/* A call of one user's message, nothing set. */
static void call_new(const char *config, const char *settings)
{
    client_new_of(&lt_provider_anthropic, "", settings, false);
    client.instance.config = json(config);
    client.messages[0] = client.messages[1];
    client.messages[0].content = LT_STR("Hi");
    client.call.messages_n = 1;
}

static const char *body(void)
{
    struct lt_wire w;
    if (lt_wire_prepare(&w, &client.run, &lt_anthropic_vendor, &err))
        fail_msg("%s", err.detail);
    if (lt_anthropic_body(&w, &err))
        fail_msg("%s", err.detail);
    const char *z = lt_strz(arena, lt_buf_str(&w.body));
    lt_wire_done(&w);
    return z;
}

/* The member of a body at a pointer, as text; "absent" when it is not there. */
static const char *member(const char *text, const char *pointer)
{
    const struct lt_json *v = lt_json_at_pointer(json(text), pointer);
    return v ? lt_strz(arena, lt_json_text(arena, v)) : "absent";
}

#define KEY "{\"api_key\":\"k\"}"
#define MARK "\"cache_control\":{\"type\":\"ephemeral\"}"

static void case_58_59_the_default_body(void **state)
{
    call_new(KEY, NULL);
    assert_string_equal(body(), "{\"model\":\"claude-sonnet-4-5-20250929\",\"max_tokens\":8096,\"metadata\":{\"user_id\":\"u5e4\"},"
                                "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Hi\"," MARK "}]}]}");
}

static void case_60_61_max_tokens_and_temperature(void **state)
{
    static const struct {
        const char *config, *settings, *max_tokens, *temperature;
        double asked;
        int64_t most;
    } cases[] = {
        {KEY, "{\"model\":\"claude-unlisted\",\"max_tokens\":\"\"}", "8096", "absent", NAN, 0},
        {KEY, "{\"model\":\"claude-unlisted\",\"temperature\":0.7}", "8096", "0.7", NAN, 0},
        {KEY, "{\"model\":\"claude-opus-5\",\"temperature\":0.7}", "8096", "absent", NAN, 0},
        {KEY, "{\"model\":\"claude-opus-4-7-20260416\",\"temperature\":0.7}", "8096", "absent", 0.2, 0},
        {KEY, "{\"model\":\"claude-opus-4-6\",\"temperature\":0.7}", "8096", "0.2", 0.2, 0},
        {KEY, "{\"model\":\"claude-opus-50\",\"temperature\":0.7}", "8096", "0.7", NAN, 0},
        {KEY, "{\"temperature\":0.7,\"max_tokens\":4096}", "4096", "0.7", NAN, 0},
        {KEY, "{\"max_tokens\":0}", "0", "absent", NAN, 0},
        {KEY, "{\"max_tokens\":0}", "5", "absent", NAN, 5},
        {"{\"api_key\":\"k\",\"max_tokens\":100}", NULL, "100", "absent", NAN, 0},
        {"{\"api_key\":\"k\",\"sampling\":false}", "{\"temperature\":0.7}", "8096", "absent", NAN, 0},
        {"{\"api_key\":\"k\",\"models\":{\"claude-opus-5\":{\"sampling\":true,\"max_tokens\":9}}}",
         "{\"model\":\"claude-opus-5\",\"temperature\":0.7}", "9", "0.7", NAN, 0},
        {"{\"api_key\":\"k\",\"sampling\":false,\"body\":{\"temperature\":0.3,\"max_tokens\":7}}", NULL, "7", "0.3", NAN, 0},
        {KEY, NULL, "8096", "1", 1.7, 0}, /* others go to 2 */
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        call_new(cases[i].config, cases[i].settings);
        client.call.temperature = cases[i].asked;
        client.call.max_tokens = cases[i].most;
        const char *text = body();
        if (strcmp(member(text, "/max_tokens"), cases[i].max_tokens) != 0 || strcmp(member(text, "/temperature"), cases[i].temperature) != 0)
            fail_msg("%s, %s: %s", cases[i].config, cases[i].settings ? cases[i].settings : "", text);
    }
}

/* Newer models refuse temperature beside top_p. */
static void temperature_or_top_p(void **state)
{
    static const struct {
        const char *settings;
        double temperature, top_p;
        const char *expected_temperature, *expected_top_p;
    } cases[] = {
        {"{\"top_p\":0.9}", NAN, NAN, "absent", "0.9"},
        {"{\"temperature\":0.5,\"top_p\":0.9}", NAN, NAN, "0.5", "absent"},
        {"{\"temperature\":0.5,\"top_p\":0.9}", NAN, 0.1, "absent", "0.1"},
        {"{\"temperature\":0.5,\"top_p\":0.9}", 0, 0.1, "0", "absent"},
        {"{\"extra\":{\"temperature\":null},\"temperature\":0.5,\"top_p\":0.9}", NAN, NAN, "absent", "0.9"},
        {"{\"extra\":{\"temperature\":null}}", 0.3, 0.1, "absent", "0.1"},
        {"{\"extra\":{\"temperature\":0.6},\"top_p\":0.9}", NAN, 0.1, "absent", "0.1"},
        {"{\"extra\":{\"temperature\":0.6},\"top_p\":0.9}", NAN, NAN, "0.6", "absent"},
        {"{\"extra\":{\"top_p\":0.6},\"temperature\":0.9}", NAN, NAN, "absent", "0.6"},
        {"{\"extra\":{\"top_p\":0.6,\"temperature\":0.9}}", NAN, NAN, "0.9", "absent"},
        {"{\"extra\":{\"top_p\":0.6}}", 0.3, NAN, "0.3", "absent"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        call_new(KEY, cases[i].settings);
        client.call.temperature = cases[i].temperature;
        client.call.top_p = cases[i].top_p;
        const char *text = body();
        if (strcmp(member(text, "/temperature"), cases[i].expected_temperature) != 0 || strcmp(member(text, "/top_p"), cases[i].expected_top_p) != 0)
            fail_msg("%zu: %s", i, text);
    }
}

static void case_62_system_messages_stand_at_the_top(void **state)
{
    struct lt_message messages[] = {{.role = LT_STR("system"), .content = LT_STR("Be brief.")},
                                    {.role = LT_STR("user"), .content = LT_STR("Hi")},
                                    {.role = LT_STR("system"), .content = LT_STR("Context.")}};
    call_new(KEY, NULL);
    client.call.messages = messages;
    client.call.messages_n = 3;
    const char *text = body();
    assert_string_equal(member(text, "/system"), "[{\"type\":\"text\",\"text\":\"Be brief.\\n\\nContext.\"," MARK "}]");
    assert_string_equal(member(text, "/messages"), "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Hi\"," MARK "}]}]");
}

static void the_callers_wish_for_the_cache_goes_before_the_instances_setting(void **state)
{
    static const struct {
        const char *config;
        enum lt_wish wish;
        bool marked;
    } cases[] = {
        {KEY, LT_WISH_NONE, true},
        {KEY, LT_WISH_NO, false},
        {KEY, LT_WISH_YES, true},
        {"{\"api_key\":\"k\",\"prompt_cache\":false}", LT_WISH_NONE, false},
        {"{\"api_key\":\"k\",\"prompt_cache\":false}", LT_WISH_YES, true},
    };
    struct lt_message messages[] = {{.role = LT_STR("system"), .content = LT_STR("Be brief.")},
                                    {.role = LT_STR("user"), .content = LT_STR("Hi")},
                                    {.role = LT_STR("assistant"), .content = LT_STR("Hello")},
                                    {.role = LT_STR("user"), .content = LT_STR("Why?")}};
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        call_new(cases[i].config, NULL);
        client.call.messages = messages;
        client.call.messages_n = 4;
        client.call.cache = cases[i].wish;
        const char *text = body(), *mark = strstr(text, MARK);
        assert_int_equal(mark != NULL, cases[i].marked);
        if (cases[i].marked) { /* on the instructions and on the last message */
            assert_non_null(strstr(member(text, "/system"), MARK));
            assert_non_null(strstr(member(text, "/messages/2"), MARK));
            assert_null(strstr(strstr(mark + 1, MARK) + 1, MARK));
        }
    }
}

static void members_are_made_of_call_and_settings(void **state)
{
    static const struct {
        const char *config, *settings, *pointer, *expected;
    } cases[] = {
        {KEY, NULL, "/stream", "absent"},
        {"{\"api_key\":\"k\",\"prompt_cache\":false}", NULL, "/messages", "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Hi\"}]}]"},
        {"{\"api_key\":\"k\",\"model\":\"claude-opus-5\"}", NULL, "/model", "\"claude-opus-5\""},
        {"{\"api_key\":\"k\",\"body\":{\"metadata\":null}}", NULL, "/metadata", "absent"},
        {"{\"api_key\":\"k\",\"body\":{\"metadata\":{\"user_id\":null}}}", NULL, "/metadata", "absent"},
        {"{\"api_key\":\"k\",\"body\":{\"model\":\"evil\",\"messages\":[],\"stream\":true}}", NULL, "/model", "\"claude-sonnet-4-5-20250929\""},
        {"{\"api_key\":\"k\",\"body\":{\"messages\":[]}}", NULL, "/messages/0/role", "\"user\""},
        {"{\"api_key\":\"k\",\"body\":{\"stream\":true}}", NULL, "/stream", "absent"},
        {"{\"api_key\":\"k\",\"body\":{\"thinking\":{\"type\":\"adaptive\"}}}", NULL, "/thinking/type", "\"adaptive\""},
        {"{\"api_key\":\"k\",\"body\":{\"system\":\"theirs\"}}", NULL, "/system", "\"theirs\""},
        {KEY, "{\"top_k\":40}", "/top_k", "40"},
        {KEY, "{\"extra\":{\"service_tier\":\"auto\"}}", "/service_tier", "\"auto\""},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        call_new(cases[i].config, cases[i].settings);
        const char *text = body();
        if (strcmp(member(text, cases[i].pointer), cases[i].expected) != 0)
            fail_msg("%s: %s", cases[i].config, text);
    }
}

static void a_tool_conversation_is_sent_in_full(void **state)
{
    struct lt_image images[] = {{.media_type = LT_STR("image/png"), .base64 = LT_STR("iVBO")}, {.url = LT_STR("https://x.example/a.png")}};
    struct lt_message messages[] = {
        {.role = LT_STR("assistant"), .content = LT_STR("Hello!")},
        {.role = LT_STR("user"), .content = LT_STR("What is this?"), .images = images, .images_n = 2},
        {.role = LT_STR("assistant"), .content = LT_STR(" "),
         .tool_calls = json("[" OPENAI_CALL("c.1", "f", "\"{\\\"a\\\":1}\"") "," OPENAI_CALL("c.2", "g", "\"{broken\"") "]")},
        {.role = LT_STR("tool"), .content = LT_STR("42"), .tool_call_id = LT_STR("c.1")},
        {.role = LT_STR("tool"), .content = LT_STR(""), .tool_call_id = LT_STR("c.2")},
        {.role = LT_STR("user"), .content = LT_STR("And?")},
    };
    call_new(KEY, NULL);
    client.call.messages = messages;
    client.call.messages_n = LT_COUNT(messages);
    client.call.tools = json("[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\",\"strict\":true,"
    "\"parameters\":{\"type\":\"object\"}}},"
                             "{\"type\":\"function\",\"function\":{\"name\":\"g\",\"parameters\":{\"properties\":{}}}},"
                             "{\"type\":\"function\",\"function\":{\"name\":\"h\"}}]");
    client.call.stop = json("[\"END\"]");
    const char *text = body();
    assert_string_equal(
        member(text, "/messages"),
        "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Please do what the instructions ask, with what they bring along.\"}]},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"Hello!\"}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"What is this?\"},"
        "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"iVBO\"}},"
        "{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"https://x.example/a.png\"}}]},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"c_1\",\"name\":\"f\",\"input\":{\"a\":1}},"
        "{\"type\":\"tool_use\",\"id\":\"c_2\",\"name\":\"g\",\"input\":{\"INVALID_JSON\":\"{broken\"}}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"c_1\",\"content\":\"42\"},"
        "{\"type\":\"tool_result\",\"tool_use_id\":\"c_2\"},{\"type\":\"text\",\"text\":\"And?\"," MARK "}]}]");
    assert_string_equal(member(text, "/tools"),
                        "[{\"name\":\"f\",\"description\":\"d\",\"input_schema\":{\"type\":\"object\"},\"strict\":true},"
                        "{\"name\":\"g\",\"input_schema\":{\"type\":\"object\",\"properties\":{}}},{\"name\":\"h\","
                        "\"input_schema\":{\"type\":\"object\"}}]");
    assert_string_equal(member(text, "/tool_choice"), "absent");
    assert_string_equal(member(text, "/stop_sequences"), "[\"END\"]");
}

static void tool_choices(void **state)
{
    static const char *const cases[][2] = {
        {"\"auto\"", "{\"type\":\"auto\"}"},
        {"\"required\"", "{\"type\":\"any\"}"},
        {"\"none\"", "{\"type\":\"none\"}"},
        {"{\"type\":\"function\",\"function\":{\"name\":\"f\"}}", "{\"type\":\"tool\",\"name\":\"f\"}"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        call_new(KEY, NULL);
        client.call.tools = json("[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]");
        client.call.tool_choice = json(cases[i][0]);
        assert_string_equal(member(body(), "/tool_choice"), cases[i][1]);
    }
}

static void blank_stop_sequences_are_refused(void **state)
{
    struct lt_wire w;
    call_new(KEY, NULL);
    client.call.stop = json("[\"END\",\"\\n\\n\"]");
    assert_int_equal(lt_wire_prepare(&w, &client.run, &lt_anthropic_vendor, &err), LT_OK);
    assert_int_equal(lt_anthropic_body(&w, &err), LT_EUNSUPPORTED);
    lt_wire_done(&w);
}

/* Whatever the conversation: turns alternate from a user's to a user's, nothing is blank, and exactly the last blocks are marked. */
static void any_conversation_becomes_one_that_is_taken(void **state)
{
    struct lt_message messages[RANDOM_MESSAGES_MAX];
    print_seed();
    for (int round = 0; round < 2000; round++) {
        call_new(KEY, NULL);
        client.call.messages = messages;
        client.call.messages_n = random_conversation(messages);
        const struct lt_json *all = json(body()), *turns = lt_json_get(all, "messages"), *system = lt_json_get(all, "system");
        size_t n = lt_json_len(turns), marks = 0;
        assert_true(n % 2 == 1);
        for (size_t i = 0; i < n; i++) {
            const struct lt_json *blocks = lt_json_get(lt_json_at(turns, i), "content");
            assert_text(lt_json_str(lt_json_get(lt_json_at(turns, i), "role")), i % 2 == 0 ? "user" : "assistant");
            assert_true(lt_json_len(blocks) > 0);
            for (size_t k = 0; k < lt_json_len(blocks); k++) {
                const struct lt_json *block = lt_json_at(blocks, k), *text = lt_json_get(block, "text");
                assert_true(!text || lt_str_trim(lt_json_str(text)).n > 0);
                bool marked = lt_json_get(block, "cache_control") != NULL;
                marks += marked;
                assert_int_equal(marked, i + 1 == n && k + 1 == lt_json_len(blocks));
            }
        }
        assert_int_equal(marks, 1);
        assert_true(!system || (lt_json_len(system) == 1 && lt_json_get(lt_json_at(system, 0), "cache_control")));
        lt_arena_free(arena);
        arena = lt_arena_new();
    }
}

/* ---- JSON ---- */

#define FORMAT(schema) "{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":" schema "}}"
#define SIMPLE "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\",\"maxLength\":9}},\"required\":[\"a\"]}"
#define IN_WORDS "nothing else"

static void json_is_asked_for_as_the_model_can(void **state)
{
    static const struct {
        const char *config, *settings, *format;
        bool sent, told;
    } cases[] = {
        {KEY, NULL, NULL, false, false},
        {KEY, NULL, "{\"type\":\"text\"}", false, false},
        {KEY, NULL, FORMAT(SIMPLE), true, false},
        {KEY, NULL, "{\"type\":\"json_object\"}", false, true},
        {KEY, NULL, FORMAT("{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}}"), false, true},
        {KEY, "{\"model\":\"claude-3-5-haiku-20241022\"}", FORMAT(SIMPLE), false, true},
        {KEY, "{\"model\":\"claude-opus-4-1-20250805\"}", FORMAT(SIMPLE), false, true},
        {KEY, "{\"model\":\"claude-opus-5\"}", FORMAT(SIMPLE), true, false},
        {"{\"api_key\":\"k\",\"structured_outputs\":false}", NULL, FORMAT(SIMPLE), false, true},
        {"{\"api_key\":\"k\",\"models\":{\"claude-3-x\":{\"structured_outputs\":true}}}", "{\"model\":\"claude-3-x\"}", FORMAT(SIMPLE), true, false},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        call_new(cases[i].config, cases[i].settings);
        client.call.response_format = json(cases[i].format);
        const char *text = body();
        bool told = strstr(member(text, "/system"), IN_WORDS) != NULL;
        bool sent = strcmp(member(text, "/output_config/format/type"), "\"json_schema\"") == 0;
        if (sent != cases[i].sent || told != cases[i].told)
            fail_msg("%zu: %s", i, text);
    }
    call_new("{\"api_key\":\"k\",\"body\":{\"output_config\":{\"effort\":\"low\"}}}", NULL);
    client.call.response_format = json(FORMAT(SIMPLE));
    assert_string_equal(member(body(), "/output_config/effort"), "\"low\"");
}

static void schemas_are_brought_to_what_is_taken(void **state)
{
    static const char *const cases[][2] = { /* a schema and what is sent, NULL: it does not fit */
        {SIMPLE, "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\",\"description\":\"{maxLength: 9}\"}},\"required\":[\"a\"],"
                 "\"additionalProperties\":false}"},
        {"{\"$schema\":\"s\",\"type\":\"object\",\"description\":\"D\",\"minProperties\":1,\"properties\":{\"a\":{\"type\":\"array\","
        "\"minItems\":1,\"maxItems\":3,"
         "\"items\":{\"oneOf\":[{\"const\":1},{\"type\":\"string\",\"format\":\"date\"},{\"type\":\"string\",\"format\":\"x\"}]}}}}",
         "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\",\"minItems\":1,\"items\":{\"anyOf\":[{\"const\":1},{\"type\":\"string\","
         "\"format\":\"date\"},"
         "{\"type\":\"string\",\"description\":\"{format: \\\"x\\\"}\"}]},\"description\":\"{maxItems: 3}\"}},"
         "\"description\":\"D\\n\\n{minProperties: 1}\",\"additionalProperties\":false}"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#/$defs/A\"}},\"$defs\":{\"A\":{\"enum\":[1,\"b\",null]}}}",
         "{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#/$defs/A\"}},\"$defs\":{\"A\":{\"enum\":[1,\"b\",null]}},"
         "\"additionalProperties\":false}"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#/$defs/A\"}},\"$defs\":{\"A\":{\"type\":\"array\","
        "\"items\":{\"$ref\":\"#/$defs/A\"}}}}", NULL},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#\"}}}", NULL},
        {"{\"type\":\"object\"}", NULL},
        {"{\"type\":\"array\",\"items\":{\"type\":\"string\"}}", NULL},
        {"{\"type\":\"object\",\"properties\":{\"a\":{}}}", NULL},
        {"{\"type\":\"object\",\"properties\":{\"a\":true}}", NULL},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"enum\":[[1]]}}}", NULL},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\",\"not\":{\"const\":\"x\"}}}}", NULL},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}},\"required\":[\"b\"]}", NULL},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":[\"object\",\"null\"]}}}", NULL},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_buf out;
        struct lt_jw w;
        const struct lt_json *schema = json(cases[i][0]);
        if (lt_anthropic_schema_fits(schema) != (cases[i][1] != NULL))
            fail_msg("%s", cases[i][0]);
        lt_buf_init(&out, 1 << 20);
        lt_jw_init(&w, &out);
        lt_anthropic_schema_write(&w, schema);
        if (cases[i][1])
            assert_text(lt_buf_str(&out), cases[i][1]);
        lt_buf_free(&out);
    }
}

/* ---- over the wire ---- */

static void address_and_headers(void **state)
{
    static const char *const endpoints[] = {"", "/v1", "/v1/", "/v1/messages"};
    for (size_t i = 0; i < LT_COUNT(endpoints); i++)
        for (int stream = 0; stream < 2; stream++) {
            server_forget();
            add_play(stream ? reply_bytes("200 OK", IS_STREAM, START TEXT("Hel") TEXT("lo") ENDING("end_turn"), true)
                            : reply_bytes("200 OK", IS_JSON, WHOLE("\"end_turn\"", BLOCK("Hello")), false), 5, KEEP);
            server_start();
            client_new_of(&lt_provider_anthropic, "", NULL, stream);
            client.instance.config = json(lt_strz(arena, lt_printf(arena,
                                                                   "{\"endpoint\":\"http://127.0.0.1:%d%s\",\"model\":\"m\",\"api_key\":\"sk-ant-1\"}",
                                                                   server.port, endpoints[i])));
            assert_int_equal(client_run(), LT_OK);
            server_stop();
            assert_shown("Hello");
            const char *request = server.requests[0];
            assert_ptr_equal(strstr(request, "POST /v1/messages HTTP/1.1\r\n"), request);
            assert_non_null(strstr(request, "\r\nx-api-key: sk-ant-1\r\n"));
            assert_non_null(strstr(request, "\r\nanthropic-version: 2023-06-01\r\n"));
            assert_null(strcasestr(request, "\r\nauthorization:"));
            assert_string_equal(member(request_body(0), "/stream"), stream ? "true" : "absent");
            assert_int_equal(client.run.result.usage.total_tokens, 138);
        }
}

static struct lt_str *names;
static size_t names_n;

static enum lt_code ask_models(struct lt_provider_run *run, struct lt_error *e)
{
    return lt_provider_anthropic.models(run, &names, &names_n, e);
}

static void models_are_listed_page_by_page(void **state)
{
    add_play(reply_bytes("200 OK", IS_JSON, "{\"data\":[{\"id\":\"a\"},{\"id\":\"b c\"},{\"id\":7}],\"has_more\":true,\"last_id\":\"b c\"}",
    false), SIZE_MAX, KEEP);
    add_play(reply_bytes("200 OK", IS_JSON, "{\"data\":[{\"id\":\"d\"}],\"has_more\":false,\"last_id\":\"d\"}", false), SIZE_MAX, KEEP);
    server_start();
    client_new_of(&lt_provider_anthropic, "\"api_key\":\"k\"", NULL, false);
    client.ask = ask_models;
    assert_int_equal(client_run(), LT_OK);
    server_stop();
    assert_int_equal(names_n, 3);
    assert_text(names[2], "d");
    assert_non_null(strstr(server.requests[0], "GET /v1/models?limit=1000 HTTP/1.1\r\n"));
    assert_non_null(strstr(server.requests[1], "GET /v1/models?limit=1000&after_id=b%20c HTTP/1.1\r\n"));
    assert_non_null(strstr(server.requests[1], "\r\nanthropic-version: 2023-06-01\r\n"));
}

static void faults_over_the_wire(void **state)
{
    add_play(reply_bytes("529 Overloaded", IS_JSON "Retry-After: 7\r\n", ERROR("overloaded_error", "Overloaded, please retry."), false), SIZE_MAX,
    KEEP);
    server_start();
    client_new_of(&lt_provider_anthropic, "\"model\":\"m\"", NULL, false);
    assert_int_equal(client_run(), LT_EUPSTREAM_UNAVAILABLE);
    server_stop();
    assert_int_equal(err.vendor_status, 529);
    assert_int_equal(err.retry_after_s, 7);
    assert_non_null(strstr(err.detail, "Overloaded, please retry."));
}

/* ---- settings ---- */

static void configured_says_what_is_missing(void **state)
{
    static const struct {
        const char *config, *why; /* why NULL: configured */
    } cases[] = {
        {KEY, NULL},
        {"{}", "api_key"},
        {"{\"endpoint\":\"https://api.anthropic.com/v1/messages\"}", "api_key"},
        {"{\"endpoint\":\"https://proxy.example/anthropic\"}", "model"},
        {"{\"endpoint\":\"https://proxy.example/anthropic\",\"model\":\"m\"}", NULL},
        {"{\"api_key\":\"k\",\"headers\":{\"Anthropic-Version\":\"x\"}}", "Anthropic-Version"},
        {"{\"api_key\":\"k\",\"headers\":{\"X-API-Key\":\"x\"}}", "X-API-Key"},
        {"{\"api_key\":\"k\",\"headers\":{\"anthropic-beta\":\"x\"}}", NULL},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_provider_instance instance = {.config = json(cases[i].config)};
        char why[LT_PROVIDER_WHY_MAX] = "";
        bool ok = lt_provider_anthropic.configured(&instance, why);
        if (ok != !cases[i].why || (!ok && !strstr(why, cases[i].why)))
            fail_msg("%s: %s \"%s\"", cases[i].config, ok ? "configured" : "not", why);
    }
}

static void settings_are_checked_by_their_schema(void **state)
{
    static const struct {
        const char *config, *field; /* field NULL: good */
    } cases[] = {
        {"{\"api_key\":\"sk-ant-1\",\"model\":\"m\",\"max_tokens\":0,\"sampling\":false,\"structured_outputs\":true,\"prompt_cache\":false,"
         "\"models\":{\"claude-x\":{\"sampling\":true}}}", NULL},
        {"{\"max_tokens\":-1}", "/max_tokens"},
        {"{\"sampling\":\"yes\"}", "/sampling"},
        {"{\"models\":{\"claude-x\":{\"model\":\"y\"}}}", "/models/claude-x/model"},
        {"{\"key\":\"x\"}", "/key"},
    };
    const struct lt_schema *schema = NULL;
    if (lt_schema_compile_text(arena, lt_provider_anthropic.settings_schema, &schema, &err))
        fail_msg("%s", err.detail);
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        enum lt_code code = lt_schema_check(schema, json(cases[i].config), &err);
        if (code != (cases[i].field ? LT_EINVALID_INPUT : LT_OK) || (code && strcmp(err.field, cases[i].field) != 0))
            fail_msg("%s: %s at %s: %s", cases[i].config, lt_code_name(code), err.field, err.detail);
    }
    assert_int_equal(lt_provider_anthropic.neutral, LT_NEUTRAL_COMPLETION); /* there are no embeddings */
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define S(name) cmocka_unit_test_setup_teardown(name, set_up_server, tear_down_server)
    const struct CMUnitTest tests[] = {
        T(answers_are_read_alike_however_they_are_cut),
        T(case_63_64_what_an_answer_comes_to),
        T(case_65_faults_are_mapped),
        S(case_58_59_the_default_body),
        S(case_60_61_max_tokens_and_temperature),
        S(temperature_or_top_p),
        S(case_62_system_messages_stand_at_the_top),
        S(the_callers_wish_for_the_cache_goes_before_the_instances_setting),
        S(members_are_made_of_call_and_settings),
        S(a_tool_conversation_is_sent_in_full),
        S(tool_choices),
        S(blank_stop_sequences_are_refused),
        S(any_conversation_becomes_one_that_is_taken),
        S(json_is_asked_for_as_the_model_can),
        S(schemas_are_brought_to_what_is_taken),
        S(address_and_headers),
        S(models_are_listed_page_by_page),
        S(faults_over_the_wire),
        T(configured_says_what_is_missing),
        T(settings_are_checked_by_their_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
