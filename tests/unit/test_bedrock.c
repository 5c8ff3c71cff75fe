/*
 * The provider `awsbedrock`: its reading of answers as a function over bytes, at any chunking; the bodies that it writes; whole calls, signed,
 * against a server that plays canned bytes; vectors and images.
 */
#include "../support/aws_frames.h"
#include "provider_rig.h"

#include "answer_table.h"
#include "base/clock.h"
#include "providers/bedrock.h"
#include "text/json_schema.h"

extern const struct lt_provider lt_provider_awsbedrock;

enum { NOON = 1795348800 /* 2026-11-22T12:00:00Z */ };

#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define SIGNED "\"region\":\"eu-central-1\",\"access_key_id\":\"AKIDEXAMPLE\",\"secret_access_key\":\"" SECRET "\""

/* ---- answers ---- */

static void *new_state(void)
{
    static struct lt_bedrock_answer own;
    own = (struct lt_bedrock_answer)LT_BEDROCK_ANSWER;
    return &own;
}

/* A line is a message: "NAME JSON" an event, "!NAME JSON" an exception, "?NAME WORDS" an error; "~JSON" the first half of an event. */
static struct lt_str frames(const char *lines)
{
    struct lt_str rest = lt_str(lines);
    struct lt_buf out;
    lt_buf_init(&out, 1 << 22);
    while (rest.n > 0) {
        struct lt_str payload = lt_str_cut(&rest, '\n'), name = lt_str_cut(&payload, ' ');
        char sign = name.n > 0 ? name.p[0] : ' ';
        size_t before = out.n;
        if (strchr("!?~", sign))
            name = (struct lt_str){name.p + 1, name.n - 1};
        put_aws_message(&out, sign == '!' ? "exception" : sign == '?' ? "error" : "event", name, payload);
        if (sign == '~')
            out.n = before + (out.n - before) / 2;
    }
    struct lt_str bytes = lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return bytes;
}

static const struct answer_reader reader = {&lt_bedrock_format, new_state, frames};

#define USAGE "\"usage\":{\"inputTokens\":11,\"outputTokens\":568,\"totalTokens\":579}"
#define METRICS "\"metrics\":{\"latencyMs\":7}"
#define TOKENS {11, 568, 579, -1, -1}
#define PART(text) "{\"text\":\"" text "\"}"
#define CALLED(id, name, input) "{\"toolUse\":{\"toolUseId\":\"" id "\",\"name\":\"" name "\",\"input\":" input "}}"
#define WHOLE(parts, reason) \
    "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[" parts "]}},\"stopReason\":\"" reason "\"," USAGE "," METRICS "}"
#define GOOD(text, reason) LT_OK, text, reason, NULL, NULL, NULL, TOKENS, NULL

#define START "messageStart {\"role\":\"assistant\"}\n"
#define DELTA(text) "contentBlockDelta {\"contentBlockIndex\":0,\"delta\":{\"text\":\"" text "\"}}\n"
#define STOP(reason) "contentBlockStop {\"contentBlockIndex\":0}\nmessageStop {\"stopReason\":\"" reason "\"}\n"
#define META "metadata {" USAGE "," METRICS "}\n"
#define BEGIN_CALL(index, id, name) \
    "contentBlockStart {\"contentBlockIndex\":" #index ",\"start\":{\"toolUse\":{\"toolUseId\":\"" id "\",\"name\":\"" name "\"}}}\n"
#define INPUT(index, text) "contentBlockDelta {\"contentBlockIndex\":" #index ",\"delta\":{\"toolUse\":{\"input\":\"" text "\"}}}\n"

static const struct answer_row rows[] = {
    /* whole */
    {"text", WHOLE(PART("Hello"), "end_turn"), false, GOOD("Hello", "stop")},
    {"several parts", WHOLE(PART("A") "," PART("B"), "end_turn"), false, GOOD("AB", "stop")},
    {"stop sequence", WHOLE(PART("A"), "stop_sequence"), false, GOOD("A", "stop")},
    {"length", WHOLE(PART("A"), "max_tokens"), false, GOOD("A", "length")},
    {"window full in the middle", WHOLE(PART("A"), "model_context_window_exceeded"), false, GOOD("A", "length")},
    {"filtered in the middle", WHOLE(PART("A"), "content_filtered"), false, GOOD("A", "content_filter")},
    {"a guardrail's own words", WHOLE(PART("Not here."), "guardrail_intervened"), false, GOOD("Not here.", "content_filter")},
    {"reason of the future", WHOLE(PART("A"), "tired"), false, GOOD("A", "tired")},
    {"reasoning", WHOLE("{\"reasoningContent\":{\"reasoningText\":{\"text\":\"hm\"}}}," PART("A"), "end_turn"), false, GOOD("A", "stop")},
    {"citations", WHOLE("{\"citationsContent\":{\"content\":[{\"text\":\"A\"}],\"citations\":[]}}", "end_turn"), false, GOOD("A", "stop")},
    {"tool calls", WHOLE(PART("So.") "," CALLED("t1", "find", "{\"a\":1}") "," CALLED("t2", "now", "{}"), "tool_use"), false,
     LT_OK, "So.", "tool_calls", NULL, NULL, "[" OPENAI_CALL("t1", "find", "\"{\\\"a\\\":1}\"") "," OPENAI_CALL("t2", "now", "\"{}\"") "]",
     TOKENS, NULL},
    {"a tool of AWS", WHOLE("{\"toolUse\":{\"toolUseId\":\"s\",\"name\":\"search\",\"input\":{},\"type\":\"server_tool_use\"}}," PART("A"),
     "end_turn"),
     false, GOOD("A", "stop")},
    {"usage with a cache",
     "{\"output\":{\"message\":{\"content\":[" PART("A") "]}},\"stopReason\":\"end_turn\",\"usage\":{\"inputTokens\":5,\"outputTokens\":7,"
     "\"totalTokens\":32,\"cacheReadInputTokens\":16,\"cacheWriteInputTokens\":4}}", false,
     LT_OK, "A", "stop", NULL, NULL, NULL, {25, 7, 32, 16, -1}, NULL},
    {"usage missing", "{\"output\":{\"message\":{\"content\":[" PART("A") "]}},\"stopReason\":\"end_turn\"}", false,
     LT_OK, "A", "stop", NULL, NULL, NULL, UNKNOWN, NULL},
    {"the total alone", "{\"output\":{\"message\":{\"content\":[" PART("A") "]}},\"usage\":{\"totalTokens\":9}}", false,
     LT_OK, "A", "stop", NULL, NULL, NULL, {-1, -1, 9, -1, -1}, NULL},
    {"usage of wrong types", "{\"output\":{\"message\":{\"content\":[" PART("A") "]}},\"usage\":{\"inputTokens\":\"many\",\"outputTokens\":-4}}",
     false,
     LT_OK, "A", "stop", NULL, NULL, NULL, UNKNOWN, NULL},
    {"empty", WHOLE("", "end_turn"), false, GOOD("", "stop")},
    {"filtered", WHOLE("", "content_filtered"), false, BAD(LT_ECONTENT_REFUSED, "content_filtered")},
    {"stopped by a guardrail", WHOLE("", "guardrail_intervened"), false, BAD(LT_ECONTENT_REFUSED, "guardrail_intervened")},
    {"window full at once", WHOLE("", "model_context_window_exceeded"), false, BAD(LT_ECONTEXT_WINDOW, "context window")},
    {"astray", WHOLE("", "malformed_tool_use"), false, INVALID("malformed_tool_use")},
    {"no output", "{\"stopReason\":\"end_turn\"}", false, INVALID("no output")},
    {"output a string", "{\"output\":\"A\"}", false, INVALID("output is of type string")},
    {"message a string", "{\"output\":{\"message\":\"A\"}}", false, INVALID("message is of type string")},
    {"content an object", "{\"output\":{\"message\":{\"content\":{}}}}", false, INVALID("content is of type object")},
    {"block a string", WHOLE("\"A\"", "end_turn"), false, INVALID("content block is of type string")},
    {"text a number", WHOLE("{\"text\":7}", "end_turn"), false, INVALID("text is of type integer")},
    {"call a string", WHOLE("{\"toolUse\":\"f\"}", "tool_use"), false, INVALID("toolUse is of type string")},
    {"call without a name", WHOLE("{\"toolUse\":{\"toolUseId\":\"t\",\"input\":{}}}", "tool_use"), false, INVALID("has no name")},
    {"arguments a list", WHOLE(CALLED("t", "f", "[]"), "tool_use"), false, INVALID("arguments is of type array")},
    {"cut", "{\"output\":{\"mess", false, INVALID("not JSON")},

    /* streams */
    {"stream", START DELTA("Hel") DELTA("lo") STOP("end_turn") META, true, GOOD("Hello", "stop")},
    {"multi-byte text", START DELTA("\xC3\xA9\xE2\x82\xAC") DELTA("\\ud83d\\ude00") STOP("end_turn") META, true,
     GOOD("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", "stop")},
    {"length of a stream", START DELTA("A") STOP("max_tokens") META, true, GOOD("A", "length")},
    {"without usage", START DELTA("A") STOP("end_turn") "metadata {}\n", true, LT_OK, "A", "stop", NULL, NULL, NULL, UNKNOWN, NULL},
    {"without metadata", START DELTA("A") STOP("end_turn"), true, LT_OK, "A", "stop", NULL, NULL, NULL, UNKNOWN, NULL},
    {"metadata first", START DELTA("A") META STOP("end_turn"), true, GOOD("A", "stop")},
    {"something behind the end", START DELTA("A") STOP("end_turn") META DELTA("B"), true, GOOD("A", "stop")},
    {"events and blocks of the future", START "novelty {\"a\":1}\n"
     "contentBlockStart {\"contentBlockIndex\":1,\"start\":{\"image\":{\"format\":\"png\"}}}\n" DELTA("A") STOP("end_turn") META, true,
     GOOD("A", "stop")},
    {"reasoning in a stream", START "contentBlockDelta {\"contentBlockIndex\":0,\"delta\":{\"reasoningContent\":{\"text\":\"hm\"}}}\n" DELTA("A")
     STOP("end_turn") META, true, GOOD("A", "stop")},
    {"tool calls of a stream", START DELTA("So.") BEGIN_CALL(1, "t1", "find") INPUT(1, "{\\\"a\\\"") INPUT(1, ":1}") BEGIN_CALL(2, "t2", "now")
     INPUT(2, "") STOP("tool_use") META, true,
     LT_OK, "So.", "tool_calls", NULL, NULL, "[" OPENAI_CALL("t1", "find", "\"{\\\"a\\\":1}\"") "," OPENAI_CALL("t2", "now", "\"{}\"") "]",
     TOKENS, NULL},
    {"a tool of AWS in a stream", START
     "contentBlockStart {\"contentBlockIndex\":1,\"start\":{\"toolUse\":{\"toolUseId\":\"s\",\"name\":\"f\",\"type\":\"server_tool_use\"}}}\n"
     INPUT(1, "{}") DELTA("A") STOP("end_turn") META, true, GOOD("A", "stop")},
    {"filtered in a stream", START DELTA("A") STOP("content_filtered") META, true, GOOD("A", "content_filter")},
    {"filtered at once", START STOP("content_filtered") META, true, BAD(LT_ECONTENT_REFUSED, "content_filtered")},
    {"ends in the middle", START DELTA("A"), true, INVALID("ended in the middle")},
    {"ends in a message", START DELTA("A") "~contentBlockDelta {\"contentBlockIndex\":0,\"delta\":{\"text\":\"B\"}}\n", true,
     INVALID("ended in the middle")},
    {"nothing came", "", true, INVALID("ended in the middle")},
    {"arguments of no call", START INPUT(1, "{}") STOP("tool_use") META, true, INVALID("did not begin")},
    {"arguments an object", START BEGIN_CALL(1, "t", "f") "contentBlockDelta {\"contentBlockIndex\":1,\"delta\":{\"toolUse\":{\"input\":{}}}}\n",
     true,
     INVALID("input is of type object")},
    {"no index", START "contentBlockStart {\"start\":{}}\n", true, INVALID("contentBlockIndex is of type absent")},
    {"delta a string", START "contentBlockDelta {\"contentBlockIndex\":0,\"delta\":\"A\"}\n", true, INVALID("delta is of type string")},
    {"not JSON", START "contentBlockDelta {\"delta\n", true, INVALID("not JSON")},
    {"throttled", START DELTA("A") "!throttlingException {\"message\":\"Too many tokens\"}\n", true, BAD(LT_EUPSTREAM_RATE_LIMITED,
     "Too many tokens")},
    {"model failed", START "!modelStreamErrorException {\"message\":\"It failed\",\"originalStatusCode\":500}\n", true,
     BAD(LT_EUPSTREAM_UNAVAILABLE, "It failed")},
    {"service failed", "!internalServerException {\"message\":\"Oops\"}\n", true, BAD(LT_EUPSTREAM_UNAVAILABLE, "Oops")},
    {"overloaded", "!serviceUnavailableException {\"message\":\"Busy\"}\n", true, BAD(LT_EUPSTREAM_UNAVAILABLE, "Busy")},
    {"refused in a stream", START "!validationException {\"message\":\"Malformed input\"}\n", true, BAD(LT_EUPSTREAM_BAD_REQUEST, "Malformed")},
    {"too long in a stream", START "!validationException {\"message\":\"Input is too long for requested model.\"}\n", true,
     BAD(LT_ECONTEXT_WINDOW, "too long")},
    {"exception of the future", "!novelException {\"message\":\"Hm\"}\n", true, BAD(LT_EUPSTREAM_UNAVAILABLE, "Hm")},
    {"error in words", START "?ThrottlingException Slow down\n", true, BAD(LT_EUPSTREAM_RATE_LIMITED, "Slow down")},
};

static void answers_are_read_alike_however_they_are_cut(void **state)
{
    check_rows(rows, LT_COUNT(rows), &reader);
}

static void faults_are_mapped(void **state)
{
    static const struct {
        int status;
        const char *reason, *body;
        enum lt_code code;
        const char *detail;
    } cases[] = {
        {400, "Bad Request", "{\"message\":\"Malformed input request\"}", LT_EUPSTREAM_BAD_REQUEST, "Malformed"},
        {400, "Bad Request", "{\"message\":\"Input is too long for requested model.\"}", LT_ECONTEXT_WINDOW, "too long"},
        {400, "Bad Request", "{\"message\":\"The model returned the following errors: prompt is too long: 2 tokens > 1 maximum\"}",
            LT_ECONTEXT_WINDOW,
         "prompt is too long"},
        {400, "Bad Request", "{\"message\":\"This model's maximum context length is 8192 tokens.\"}", LT_ECONTEXT_WINDOW, "8192"},
        {400, "Bad Request", "{\"message\":\"Your requests exceed the service quota for your account.\"}", LT_EUPSTREAM_RATE_LIMITED, "quota"},
        {400, "Bad Request", "{\"message\":\"The provided model identifier is invalid.\"}", LT_EUPSTREAM_NOT_FOUND, "identifier"},
        {403, "Forbidden", "{\"message\":\"You don't have access to the model with the specified model ID.\"}", LT_EUPSTREAM_UNAUTHORIZED, "access"},
        {403, "Forbidden", "{\"Message\":\"The security token included in the request is invalid.\"}", LT_EUPSTREAM_UNAUTHORIZED, "security token"},
        {403, "Forbidden", "{\"message\":\"Canonical String ... x-amz-security-token:tok-1 ...\"}", LT_EUPSTREAM_UNAUTHORIZED, "token:*** ..."},
        {404, "Not Found", "{\"message\":\"Could not resolve the foundation model\"}", LT_EUPSTREAM_NOT_FOUND, "resolve"},
        {408, "Request Timeout", "{\"message\":\"Model has timed out in processing the request.\"}", LT_EUPSTREAM_TIMEOUT, "timed out"},
        {424, "Failed Dependency", "{\"message\":\"The request failed\"}", LT_EUPSTREAM_UNAVAILABLE, "request failed"},
        {429, "Too Many Requests", "{\"message\":\"Too many requests, please wait before trying again.\"}", LT_EUPSTREAM_RATE_LIMITED, "wait"},
        {500, "Internal Server Error", "{\"message\":null}", LT_EUPSTREAM_UNAVAILABLE, "Internal Server Error"},
        {503, "Service Unavailable", "{\"message\":\"Bedrock is unable to process your request.\"}", LT_EUPSTREAM_UNAVAILABLE, "unable"},
        {502, "Bad Gateway", "<html>", LT_EUPSTREAM_UNAVAILABLE, "Bad Gateway"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        err = (struct lt_error){0};
        enum lt_code code = lt_wire_fault(&lt_bedrock_format, arena, cases[i].status, lt_str(cases[i].reason), lt_str(cases[i].body),
                                          LT_STR("tok-1"), &err);
        if (code != cases[i].code || err.vendor_status != cases[i].status || !strstr(err.detail, cases[i].detail))
            fail_msg("%d %s: %s, %s", cases[i].status, cases[i].body, lt_code_name(code), err.detail);
    }
}

/* ---- bodies ---- */

/* A call of one user's message, nothing set; `more` are members of the instance's config. */
static void call_new(const char *more, const char *settings)
{
    client_new_of(&lt_provider_awsbedrock, "", settings, false);
    client.instance.config = json(lt_strz(arena, lt_printf(arena, "{" SIGNED "%s%s}", *more ? "," : "", more)));
    client.messages[0] = client.messages[1];
    client.messages[0].content = LT_STR("Hi");
    client.call.messages_n = 1;
}

static const char *body(void)
{
    struct lt_bedrock b;
    if (lt_bedrock_prepare(&b, &client.run, LT_BEDROCK_RUNTIME, &err) || lt_bedrock_body(&b.w, &err))
        fail_msg("%s", err.detail);
    const char *z = lt_strz(arena, lt_buf_str(&b.w.body));
    lt_wire_done(&b.w);
    return z;
}

static const char *member(const char *text, const char *pointer)
{
    const struct lt_json *v = lt_json_at_pointer(json(text), pointer);
    return v ? lt_strz(arena, lt_json_text(arena, v)) : "absent";
}

#define HI "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"Hi\"}]}]"
#define M "\"model\":\"m\""

static void bodies_are_made_of_call_and_settings(void **state)
{
    static const struct {
        const char *config, *settings, *body;
    } cases[] = {
        {M, NULL, "{" HI "}"},
        {M, "{\"temperature\":0.5,\"top_p\":0.9,\"max_tokens\":100}",
         "{" HI ",\"inferenceConfig\":{\"maxTokens\":100,\"temperature\":0.5,\"topP\":0.9}}"},
        {M ",\"body\":{\"inferenceConfig\":{\"temperature\":1},\"guardrailConfig\":{\"guardrailIdentifier\":\"g\"},"
           "\"additionalModelRequestFields\":{\"top_k\":5,\"a\":1}}",
         "{\"extra\":{\"inferenceConfig\":{\"temperature\":0},\"additionalModelRequestFields\":{\"top_k\":9}}}",
         "{" HI ",\"inferenceConfig\":{\"temperature\":0},\"additionalModelRequestFields\":{\"top_k\":9,\"a\":1},"
         "\"guardrailConfig\":{\"guardrailIdentifier\":\"g\"}}"},
        {M ",\"body\":{\"messages\":[],\"modelId\":\"evil\"}", NULL, "{" HI "}"},
        {M ",\"body\":{\"inferenceConfig\":null}", "{\"temperature\":0.5}", "{" HI "}"},
        {M ",\"sampling\":false", "{\"temperature\":0.5,\"max_tokens\":9}", "{" HI ",\"inferenceConfig\":{\"maxTokens\":9}}"},
        /* Claude: one of temperature and topP, later ones none */
        {"\"model\":\"eu.anthropic.claude-sonnet-4-5-20250929-v1:0\"", "{\"temperature\":0.5,\"top_p\":0.9}",
         "{" HI ",\"inferenceConfig\":{\"temperature\":0.5}}"},
        {"\"model\":\"anthropic.claude-opus-4-7-v1:0\"", "{\"temperature\":0.5,\"top_p\":0.9}", "{" HI "}"},
        {"\"model\":\"anthropic.claude-3-haiku-20240307-v1:0\"", "{\"top_p\":0.9}", "{" HI ",\"inferenceConfig\":{\"topP\":0.9}}"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        call_new(cases[i].config, cases[i].settings);
        assert_string_equal(body(), cases[i].body);
    }
}

/* Case 70, of Converse: the prompt is messages[0].content[0].text, the instruction system[0].text, numbers are numbers in inferenceConfig. */
static void case_70_prompt_instruction_and_numbers_have_their_places(void **state)
{
    call_new("\"model\":\"amazon.nova-lite-v1:0\"", "{\"temperature\":0.7,\"top_p\":0.9,\"max_tokens\":5000}");
    struct lt_message messages[] = {{.role = LT_STR("system"), .content = LT_STR("Be brief.")}, {.role = LT_STR("user"), .content = LT_STR("Rain?")}};
    client.call.messages = messages;
    client.call.messages_n = 2;
    const char *text = body();
    assert_string_equal(member(text, "/messages/0/content/0/text"), "\"Rain?\"");
    assert_string_equal(member(text, "/system/0/text"), "\"Be brief.\"");
    assert_string_equal(member(text, "/inferenceConfig"), "{\"maxTokens\":5000,\"temperature\":0.7,\"topP\":0.9}");
}

static void the_callers_values_go_first(void **state)
{
    call_new(M ",\"body\":{\"inferenceConfig\":{\"temperature\":1,\"maxTokens\":9}}", "{\"top_p\":0.1}");
    client.call.temperature = 2; /* up to 1 there */
    client.call.top_p = 0.5;
    client.call.max_tokens = 5;
    client.call.seed = 3;
    client.call.metadata = json("{\"a\":\"b\"}");
    client.call.stop = json("[\"END\"]");
    const char *text = body();
    assert_string_equal(text, "{" HI ",\"inferenceConfig\":{\"maxTokens\":5,\"temperature\":1,\"topP\":0.5,\"stopSequences\":[\"END\"]}}");
    assert_null(strstr(text, "u5e4"));
}

static void a_tool_conversation_is_sent_in_full(void **state)
{
    struct lt_image images[] = {{.media_type = LT_STR("image/png"), .base64 = LT_STR("iVBO")}, {.media_type = LT_STR("image/jpeg"),
        .base64 = LT_STR("/9j/")}};
    struct lt_message messages[] = {
        {.role = LT_STR("system"), .content = LT_STR("Be brief.")},
        {.role = LT_STR("user"), .content = LT_STR("What is this?"), .images = images, .images_n = 2},
        {.role = LT_STR("assistant"), .tool_calls = json("[" OPENAI_CALL("call:1", "f", "\"{\\\"a\\\":1}\"") "," OPENAI_CALL("c2", "g", "\"\"") "]")},
        {.role = LT_STR("tool"), .content = LT_STR("42"), .tool_call_id = LT_STR("call:1")},
        {.role = LT_STR("tool"), .content = LT_STR(" "), .tool_call_id = LT_STR("c2")},
        {.role = LT_STR("user"), .content = LT_STR("And?")},
    };
    call_new(M, NULL);
    client.call.messages = messages;
    client.call.messages_n = LT_COUNT(messages);
    client.call.tools = json("[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\",\"strict\":true,"
                             "\"parameters\":{\"type\":\"object\",\"properties\":{}}}},{\"type\":\"function\",\"function\":{\"name\":\"g\"}}]");
    const char *text = body();
    assert_string_equal(member(text, "/messages"),
                        "[{\"role\":\"user\",\"content\":[{\"text\":\"What is this?\"},"
                        "{\"image\":{\"format\":\"png\",\"source\":{\"bytes\":\"iVBO\"}}},"
                        "{\"image\":{\"format\":\"jpeg\",\"source\":{\"bytes\":\"/9j/\"}}}]},"
                        "{\"role\":\"assistant\",\"content\":[{\"toolUse\":{\"toolUseId\":\"call_1\",\"name\":\"f\",\"input\":{\"a\":1}}},"
                        "{\"toolUse\":{\"toolUseId\":\"c2\",\"name\":\"g\",\"input\":{}}}]},"
                        "{\"role\":\"user\",\"content\":[{\"toolResult\":{\"toolUseId\":\"call_1\",\"content\":[{\"text\":\"42\"}]}},"
                        "{\"toolResult\":{\"toolUseId\":\"c2\",\"content\":[{\"text\":\"(nothing)\"}]}},{\"text\":\"And?\"}]}]");
    assert_string_equal(member(text, "/toolConfig"),
                        "{\"tools\":[{\"toolSpec\":{\"name\":\"f\",\"description\":\"d\","
                        "\"inputSchema\":{\"json\":{\"type\":\"object\",\"properties\":{}}}}},"
                        "{\"toolSpec\":{\"name\":\"g\",\"inputSchema\":{\"json\":{\"type\":\"object\"}}}}]}");
}

/* Where calls stand in a conversation, tools must be declared, even if none may be called any more; words say that then. */
static void tool_choices(void **state)
{
#define TOOL_F "{\"toolSpec\":{\"name\":\"f\",\"inputSchema\":{\"json\":{\"type\":\"object\"}}}}"
#define TOOL_G "{\"toolSpec\":{\"name\":\"g\",\"inputSchema\":{\"json\":{\"type\":\"object\"}}}}"
    static const struct {
        const char *tools, *choice;
        bool called;
        const char *config;
        bool forbidden; /* in words */
    } cases[] = {
        {"f", NULL, false, "{\"tools\":[" TOOL_F "]}", false},
        {"f", "\"auto\"", false, "{\"tools\":[" TOOL_F "],\"toolChoice\":{\"auto\":{}}}", false},
        {"f", "\"required\"", true, "{\"tools\":[" TOOL_F "],\"toolChoice\":{\"any\":{}}}", false},
        {"f", "{\"type\":\"function\",\"function\":{\"name\":\"f\"}}", false, "{\"tools\":[" TOOL_F "],\"toolChoice\":{\"tool\":{\"name\":\"f\"}}}",
         false},
        {"f", "\"none\"", false, "absent", false},
        {"f", "\"none\"", true, "{\"tools\":[" TOOL_F "]}", true},
        {NULL, "\"auto\"", false, "absent", false},
        {NULL, NULL, true, "{\"tools\":[" TOOL_G "," TOOL_F "]}", true}, /* those that were called, each once */
    };
    struct lt_message messages[] = {
        {.role = LT_STR("user"), .content = LT_STR("Hi")},
        {.role = LT_STR("assistant"), .tool_calls = json("[" OPENAI_CALL("c1", "g", "\"{}\"") "," OPENAI_CALL("c2", "f", "\"{}\"") ","
                                                         OPENAI_CALL("c3", "g", "\"{}\"") "]")},
        {.role = LT_STR("tool"), .content = LT_STR("1"), .tool_call_id = LT_STR("c1")},
        {.role = LT_STR("tool"), .content = LT_STR("2"), .tool_call_id = LT_STR("c2")},
        {.role = LT_STR("tool"), .content = LT_STR("3"), .tool_call_id = LT_STR("c3")},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        call_new(M, NULL);
        client.call.messages = messages;
        client.call.messages_n = cases[i].called ? LT_COUNT(messages) : 1;
        if (cases[i].tools)
            client.call.tools = json("[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]");
        client.call.tool_choice = json(cases[i].choice);
        const char *text = body();
        assert_string_equal(member(text, "/toolConfig"), cases[i].config);
        if (cases[i].forbidden != (strstr(member(text, "/system"), "Do not call a tool") != NULL))
            fail_msg("%zu: %s", i, member(text, "/system"));
    }
}

static void json_is_asked_for(void **state)
{
    static const char schema[] = "{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":{\"type\":\"object\",\"properties\":"
                                 "{\"a\":{\"type\":\"string\"}},\"required\":[\"a\"],\"additionalProperties\":false}}}";
    static const struct {
        const char *more, *format, *config, *words; /* what the instruction holds */
    } cases[] = {
        {"", "{\"type\":\"text\"}", "absent", NULL},
        {"", "{\"type\":\"json_object\"}", "absent", "one JSON object and nothing else"},
        {"", schema, "absent", "\\\"required\\\":[\\\"a\\\"]"},
        {",\"structured_outputs\":true", "{\"type\":\"json_object\"}", "absent", "one JSON object"},
        {",\"models\":{\"m\":{\"structured_outputs\":true}}", schema,
         "{\"textFormat\":{\"type\":\"json_schema\",\"structure\":{\"jsonSchema\":{\"schema\":\"{\\\"type\\\":\\\"object\\\",\\\"properties\\\":"
         "{\\\"a\\\":{\\\"type\\\":\\\"string\\\"}},\\\"required\\\":[\\\"a\\\"],\\\"additionalProperties\\\":false}\"}}}}", NULL},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        call_new(lt_strz(arena, lt_printf(arena, M "%s", cases[i].more)), NULL);
        client.call.response_format = json(cases[i].format);
        const char *text = body(), *system = member(text, "/system");
        assert_string_equal(member(text, "/outputConfig"), cases[i].config);
        if (cases[i].words ? !strstr(system, cases[i].words) : strcmp(system, "absent") != 0)
            fail_msg("%zu: %s", i, system);
    }
}

static void marks_for_the_cache_are_a_wish(void **state)
{
    static const struct {
        enum lt_wish wish;
        const char *more;
        bool marks;
    } cases[] = {{LT_WISH_NONE, "", false},  {LT_WISH_YES, "", true}, {LT_WISH_NONE, ",\"prompt_cache\":true", true},
                 {LT_WISH_NO, ",\"prompt_cache\":true", false}};
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        call_new(lt_strz(arena, lt_printf(arena, M "%s", cases[i].more)), NULL);
        client.call.cache = cases[i].wish;
        assert_string_equal(member(body(), "/messages/0/content/1"), cases[i].marks ? "{\"cachePoint\":{\"type\":\"default\"}}" : "absent");
    }
}

static void what_cannot_be_sent_is_not_supported(void **state)
{
    struct lt_bedrock b;
    struct lt_image image = {.url = LT_STR("https://x.example/a.png")};
    call_new(M, NULL);
    client.messages[0].images = &image;
    client.messages[0].images_n = 1;
    assert_int_equal(lt_bedrock_prepare(&b, &client.run, LT_BEDROCK_RUNTIME, &err), LT_OK);
    assert_int_equal(lt_bedrock_body(&b.w, &err), LT_EUNSUPPORTED);
    lt_wire_done(&b.w);
    client.call.previous_response_id = LT_STR("r");
    assert_int_equal(lt_bedrock_prepare(&b, &client.run, LT_BEDROCK_RUNTIME, &err), LT_EUNSUPPORTED);
}

/* Whatever the conversation: it begins and ends with the user, nothing is blank, each call has its answer in the next message. */
static void any_conversation_becomes_one_that_is_taken(void **state)
{
    struct lt_message messages[RANDOM_MESSAGES_MAX];
    print_seed();
    for (int round = 0; round < 1000; round++) {
        call_new(M, NULL);
        client.call.messages = messages;
        client.call.messages_n = random_conversation(messages);
        const struct lt_json *whole = json(body()), *list = lt_json_get(whole, "messages");
        size_t n = lt_json_len(list), calls = 0, all = 0;
        assert_true(n > 0);
        for (size_t i = 0; i < n; i++) {
            const struct lt_json *content = lt_json_get(lt_json_at(list, i), "content");
            bool user = lt_str_is(lt_json_str(lt_json_get(lt_json_at(list, i), "role")), "user");
            size_t called = 0, answered = 0;
            assert_true(user == (i % 2 == 0));
            assert_true(user || i + 1 < n);
            assert_true(lt_json_len(content) > 0);
            for (size_t k = 0; k < lt_json_len(content); k++) {
                const struct lt_json *block = lt_json_at(content, k), *text = lt_json_get(block, "text");
                const struct lt_json *inner = lt_json_at_pointer(block, "/toolResult/content/0/text");
                assert_true(!text || lt_str_trim(lt_json_str(text)).n > 0);
                assert_true(!inner || lt_str_trim(lt_json_str(inner)).n > 0);
                called += lt_json_get(block, "toolUse") != NULL;
                answered += lt_json_get(block, "toolResult") != NULL;
            }
            assert_int_equal(answered, calls);
            calls = called;
            all += called;
        }
        assert_int_equal(calls, 0);
        assert_true(all == 0 || lt_json_get(whole, "toolConfig"));
        lt_arena_free(arena);
        arena = lt_arena_new();
    }
}

/* ---- whole calls ---- */

static struct lt_str reply(const char *fields, struct lt_str body_bytes)
{
    struct lt_buf b;
    lt_buf_init(&b, 1 << 24);
    lt_buf_printf(&b, "HTTP/1.1 200 OK\r\n%sContent-Length: %zu\r\n\r\n", fields, body_bytes.n);
    lt_buf_put_str(&b, body_bytes);
    struct lt_str s = lt_str_copy(arena, lt_buf_str(&b));
    lt_buf_free(&b);
    return s;
}

#define IS_MESSAGES "Content-Type: application/vnd.amazon.eventstream\r\n"
#define REQUEST_ID "x-amzn-RequestId: 0c7f-1\r\n"

static const char *header_of(const char *request, const char *name)
{
    const char *at = strcasestr(request, lt_strz(arena, lt_printf(arena, "\r\n%s: ", name)));
    if (!at)
        return NULL;
    at += strlen(name) + 4;
    return lt_strz(arena, (struct lt_str){at, (size_t)(strstr(at, "\r\n") - at)});
}

/* Is the request signed as it came, over host, type, date and token? */
static void assert_signed(const char *request, const char *token)
{
    struct lt_str line = lt_str(request), method = lt_str_cut(&line, ' '), target = lt_str_cut(&line, ' '), query = target,
                  path = lt_str_cut(&query, '?');
    const char *sent = strstr(request, "\r\n\r\n") + 4, *type = header_of(request, "Content-Type");
    struct lt_http_field fields[] = {{LT_STR("Host"), lt_str(header_of(request, "Host"))}, {LT_STR("Content-Type"), lt_str(type)}};
    char hash[LT_SIGV4_HASH];
    struct lt_sigv4 expected;
    struct lt_sigv4_key key = {LT_STR("AKIDEXAMPLE"), LT_STR(SECRET), lt_str(token)};
    lt_sigv4_hash(type ? lt_str(sent) : LT_STR(""), hash);
    struct lt_sigv4_request r = {.method = lt_strz(arena, method), .path = path, .query = query, .fields = fields, .fields_n = type ? 2 : 1,
                                 .body_hash = hash, .region = "eu-central-1", .service = "bedrock", .now_s = NOON};
    assert_int_equal(lt_sigv4_sign(arena, &key, &r, &expected, &err), LT_OK);
    assert_string_equal(header_of(request, "X-Amz-Date"), "20261122T120000Z");
    assert_string_equal(header_of(request, "Authorization"), lt_strz(arena, expected.authorization));
    assert_null(strstr(request, SECRET));
    if (*token)
        assert_string_equal(header_of(request, "X-Amz-Security-Token"), token);
    else
        assert_null(header_of(request, "X-Amz-Security-Token"));
}

/* Case 72, of Converse: text, reason and usage come from the body, the request's id is the fingerprint; without it, it is empty. */
static void case_72_a_call_is_signed_and_read(void **state)
{
    for (int i = 0; i < 4; i++) {
        bool stream = i & 1, named = i & 2;
        const char *id = named ? REQUEST_ID : "";
        struct lt_str fields = lt_printf(arena, "%s%s", stream ? IS_MESSAGES : IS_JSON, id);
        server_forget();
        add_play(reply(lt_strz(arena, fields), stream ? frames(START DELTA("Hel") DELTA("lo") STOP("end_turn") META) : LT_STR(WHOLE(PART("Hello"),
            "end_turn"))),
                 5, KEEP);
        server_start();
        lt_clock_freeze((int64_t)NOON * 1000);
        client_new_of(&lt_provider_awsbedrock, "\"model\":\"anthropic.claude-v2:1\"," SIGNED ",\"session_token\":\"tok/1==\"", NULL, stream);
        assert_int_equal(client_run(), LT_OK);
        lt_clock_freeze(0);
        server_stop();
        assert_shown("Hello");
        const char *line = stream ? "POST /v1/model/anthropic.claude-v2%3A1/converse-stream HTTP/1.1\r\n"
                                  : "POST /v1/model/anthropic.claude-v2%3A1/converse HTTP/1.1\r\n";
        assert_ptr_equal(strstr(server.requests[0], line), server.requests[0]);
        assert_string_equal(header_of(server.requests[0], "Accept"), stream ? "application/vnd.amazon.eventstream" : "application/json");
        assert_signed(server.requests[0], "tok/1==");
        assert_text(client.run.result.finish_reason, "stop");
        assert_text(client.run.result.fingerprint, named ? "0c7f-1" : "");
        assert_text(client.run.result.model, "anthropic.claude-v2:1");
        assert_int_equal(client.run.result.usage.prompt_tokens, 11);
        assert_int_equal(client.run.result.usage.completion_tokens, 568);
    }
}

static void an_api_key_goes_as_a_bearer_token(void **state)
{
    add_play(reply(IS_JSON, LT_STR(WHOLE(PART("Hello"), "end_turn"))), SIZE_MAX, KEEP);
    server_start();
    client_new_of(&lt_provider_awsbedrock, M ",\"region\":\"eu-central-1\",\"api_key\":\"bedrock-api-key-1\"", NULL, false);
    assert_int_equal(client_run(), LT_OK);
    server_stop();
    assert_string_equal(header_of(server.requests[0], "Authorization"), "Bearer bedrock-api-key-1");
    assert_null(header_of(server.requests[0], "X-Amz-Date"));
}

/* Case 71: it stands in the place of the model in the address; what is told of the call keeps the model's name. */
static void case_71_a_profile_replaces_the_model(void **state)
{
    static const struct {
        const char *config, *settings, *id, *model;
    } cases[] = {
        {M, NULL, "m", "m"},
        {M ",\"cross_region_inference\":\"eu.m\"", NULL, "eu.m", "m"},
        {M ",\"cross_region_inference\":\"eu.m\"", "{\"model\":\"other\"}", "other", "other"}, /* the instance's is that of its own model */
        {M ",\"models\":{\"other\":{\"cross_region_inference\":\"eu.other\"}}", "{\"model\":\"other\"}", "eu.other", "other"},
        {M ",\"cross_region_inference\":\"eu.m\"", "{\"cross_region_inference\":\"us.m\"}", "us.m", "m"},
        {M, "{\"cross_region_inference\":\"arn:aws:bedrock:eu-central-1:1:inference-profile/eu.m\"}",
         "arn%3Aaws%3Abedrock%3Aeu-central-1%3A1%3Ainference-profile%2Feu.m", "m"},
        {M, "{\"cross_region_inference\":\"..\"}", "%2E%2E", "m"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_bedrock b;
        call_new(cases[i].config, cases[i].settings);
        assert_int_equal(lt_bedrock_prepare(&b, &client.run, LT_BEDROCK_RUNTIME, &err), LT_OK);
        struct lt_str expected = lt_printf(arena, "https://bedrock-runtime.eu-central-1.amazonaws.com/model/%s/converse", cases[i].id);
        assert_text(lt_bedrock_url(&b, "converse"), lt_strz(arena, expected));
        assert_text(b.w.model, cases[i].model);
    }
}

/* Case 73: the status and AWS's words are told; of a token that the words quote nothing is. */
static void case_73_an_exception_is_told_without_the_keys(void **state)
{
    add_play(reply_bytes("403 Forbidden", IS_JSON "x-amzn-ErrorType: InvalidSignatureException\r\n",
                         "{\"message\":\"The Canonical String should have been 'POST x-amz-security-token:tok/1=='\"}", false), SIZE_MAX, KEEP);
    add_play(reply_bytes("429 Too Many Requests", IS_JSON "x-amzn-ErrorType: ThrottlingException\r\nRetry-After: 3\r\n", "{\"message\":\"Slow\"}",
        false),
             SIZE_MAX, KEEP);
    server_start();
    client_new_of(&lt_provider_awsbedrock, M "," SIGNED ",\"session_token\":\"tok/1==\"", NULL, true);
    assert_int_equal(client_run(), LT_EUPSTREAM_UNAUTHORIZED);
    assert_int_equal(err.vendor_status, 403);
    assert_null(strstr(err.detail, "tok/1"));
    assert_non_null(strstr(err.detail, "security-token:***"));
    assert_int_equal(client_run(), LT_EUPSTREAM_RATE_LIMITED);
    assert_int_equal(err.vendor_status, 429);
    assert_int_equal(err.retry_after_s, 3);
    server_stop();
}

/* What a stream's type is does not decide: its first bytes do. */
static void a_stream_without_its_type_is_read(void **state)
{
    add_play(reply("Content-Type: application/octet-stream\r\n", frames(START DELTA("A") STOP("end_turn") META)), SIZE_MAX, KEEP);
    server_start();
    client_new_of(&lt_provider_awsbedrock, M "," SIGNED, NULL, true);
    assert_int_equal(client_run(), LT_OK);
    server_stop();
    assert_shown("A");
}

/* ---- lists ---- */

static struct lt_str *names;
static size_t names_n;

static enum lt_code ask_models(struct lt_provider_run *run, struct lt_error *e)
{
    return lt_provider_awsbedrock.models(run, &names, &names_n, e);
}

static void models_and_profiles_are_listed(void **state)
{
    add_play(reply_bytes("200 OK", IS_JSON, "{\"modelSummaries\":[{\"modelId\":\"a\"},{\"modelId\":\"b\"}]}", false), SIZE_MAX, KEEP);
    add_play(reply_bytes("200 OK", IS_JSON, "{\"inferenceProfileSummaries\":[{\"inferenceProfileId\":\"eu.a\"}],\"nextToken\":\"t+1\"}", false),
        SIZE_MAX, KEEP);
    add_play(reply_bytes("200 OK", IS_JSON, "{\"inferenceProfileSummaries\":[{\"inferenceProfileId\":\"eu.b\"}]}", false), SIZE_MAX, KEEP);
    server_start();
    lt_clock_freeze((int64_t)NOON * 1000);
    client_new_of(&lt_provider_awsbedrock, SIGNED, NULL, false);
    client.ask = ask_models;
    assert_int_equal(client_run(), LT_OK);
    lt_clock_freeze(0);
    server_stop();
    assert_int_equal(names_n, 4);
    assert_text(names[0], "a");
    assert_text(names[3], "eu.b");
    static const char *const lines[] = {"GET /v1/foundation-models HTTP/1.1\r\n", "GET /v1/inference-profiles?maxResults=1000 HTTP/1.1\r\n",
                                        "GET /v1/inference-profiles?maxResults=1000&nextToken=t%2B1 HTTP/1.1\r\n"};
    for (size_t i = 0; i < 3; i++) {
        assert_ptr_equal(strstr(server.requests[i], lines[i]), server.requests[i]);
        assert_signed(server.requests[i], "");
    }
}

static void a_key_that_may_not_see_profiles_sees_the_models(void **state)
{
    add_play(reply_bytes("200 OK", IS_JSON, "{\"modelSummaries\":[{\"modelId\":\"a\"}]}", false), SIZE_MAX, KEEP);
    add_play(reply_bytes("403 Forbidden", IS_JSON, "{\"message\":\"not authorized to perform bedrock:ListInferenceProfiles\"}", false), SIZE_MAX,
        KEEP);
    add_play(reply_bytes("403 Forbidden", IS_JSON, "{\"message\":\"not authorized to perform bedrock:ListFoundationModels\"}", false), SIZE_MAX,
        KEEP);
    server_start();
    client_new_of(&lt_provider_awsbedrock, SIGNED, NULL, false);
    client.ask = ask_models;
    assert_int_equal(client_run(), LT_OK);
    assert_int_equal(names_n, 1);
    assert_int_equal(client_run(), LT_EUPSTREAM_UNAUTHORIZED);
    server_stop();
}

static void lists_have_an_address_of_their_own(void **state)
{
    static const struct {
        const char *config, *address;
    } cases[] = {
        {"", "https://bedrock.eu-central-1.amazonaws.com/x"},
        {"\"endpoint\":\"https://vpce.example\"", "https://vpce.example/x"},
        {"\"models_endpoint\":\"https://lists.example\"", "https://lists.example/x"},
        {"\"endpoint\":\"https://vpce.example\",\"models_endpoint\":\"https://lists.example/\"", "https://lists.example/x"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_bedrock b;
        call_new(cases[i].config, NULL);
        assert_int_equal(lt_bedrock_prepare(&b, &client.run, LT_BEDROCK_CONTROL, &err), LT_OK);
        assert_text(lt_wire_url(&b.w, LT_STR("/x"), NULL), cases[i].address);
    }
}

/* ---- vectors ---- */

static void titan_is_asked_once_a_text(void **state)
{
    struct lt_str texts[] = {LT_STR("a"), LT_STR("b")};
    add_play(reply_bytes("200 OK", IS_JSON, "{\"embedding\":[1,0.5],\"inputTextTokenCount\":3}", false), SIZE_MAX, KEEP);
    add_play(reply_bytes("200 OK", IS_JSON, "{\"embedding\":[2,0.5],\"inputTextTokenCount\":4}", false), SIZE_MAX, KEEP);
    server_start();
    lt_clock_freeze((int64_t)NOON * 1000);
    client_new_of(&lt_provider_awsbedrock, M "," SIGNED ",\"embedding_model\":\"amazon.titan-embed-text-v2:0\",\"body\":{\"guardrailConfig\":{}}",
                  "{\"extra\":{\"normalize\":true}}", false);
    client.call = (struct lt_neutral_call){.kind = LT_NEUTRAL_EMBEDDING, .texts = texts, .texts_n = 2, .dimensions = 2};
    assert_int_equal(client_run(), LT_OK);
    lt_clock_freeze(0);
    server_stop();
    const struct lt_neutral_result *r = &client.run.result;
    assert_int_equal(r->vectors_n, 2);
    assert_true(r->vectors[0] == 1 && r->vectors[2] == 2);
    assert_int_equal(r->usage.prompt_tokens, 7);
    assert_int_equal(r->usage.total_tokens, 7);
    assert_text(r->model, "amazon.titan-embed-text-v2:0");
    assert_string_equal(request_body(0), "{\"inputText\":\"a\",\"dimensions\":2,\"normalize\":true}");
    assert_ptr_equal(strstr(server.requests[1], "POST /v1/model/amazon.titan-embed-text-v2%3A0/invoke HTTP/1.1\r\n"), server.requests[1]);
    assert_signed(server.requests[0], "");
    assert_signed(server.requests[1], "");
}

#define COUNTED(n) "X-Amzn-Bedrock-Input-Token-Count: " n "\r\n"

static void cohere_takes_96_texts_a_call(void **state)
{
    static struct lt_str texts[100];
    struct lt_buf first;
    lt_buf_init(&first, 1 << 16);
    for (size_t i = 0; i < LT_COUNT(texts); i++) {
        texts[i] = LT_STR("Rain");
        if (i < 96)
            lt_buf_printf(&first, "%s[%zu,0]", i > 0 ? "," : "", i);
    }
    lt_buf_putc(&first, '\0');
    add_play(reply_bytes("200 OK", IS_JSON COUNTED("40"), lt_strz(arena, lt_printf(arena, "{\"embeddings\":[%s]}", first.p)), false), SIZE_MAX, KEEP);
    add_play(reply_bytes("200 OK", IS_JSON COUNTED("3"), "{\"embeddings\":{\"float\":[[96,0],[97,0],[98,0],[99,0]]}}", false), SIZE_MAX, KEEP);
    lt_buf_free(&first);
    server_start();
    client_new_of(&lt_provider_awsbedrock, SIGNED, "{\"model\":\"eu.cohere.embed-v4:0\",\"task_type\":\"search_query\"}", false);
    client.call = (struct lt_neutral_call){.kind = LT_NEUTRAL_EMBEDDING, .texts = texts, .texts_n = LT_COUNT(texts), .dimensions = 2};
    assert_int_equal(client_run(), LT_OK);
    server_stop();
    for (size_t i = 0; i < LT_COUNT(texts); i++)
        assert_true(client.run.result.vectors[2 * i] == (float)i);
    assert_int_equal(client.run.result.usage.prompt_tokens, 43);
    assert_string_equal(request_body(1), "{\"texts\":[\"Rain\",\"Rain\",\"Rain\",\"Rain\"],\"input_type\":\"search_query\",\"output_dimension\":2}");
}

/* One count that is missing or is none leaves the sum unknown. */
static void tokens_that_are_not_told_are_unknown(void **state)
{
    static const char *const fields[] = {IS_JSON, IS_JSON COUNTED("many"), IS_JSON COUNTED("-1"), IS_JSON COUNTED("7")};
    struct lt_str texts[] = {LT_STR("a")};
    for (size_t i = 0; i < LT_COUNT(fields); i++) {
        server_forget();
        add_play(reply_bytes("200 OK", fields[i], "{\"embeddings\":[[1]]}", false), SIZE_MAX, KEEP);
        server_start();
        client_new_of(&lt_provider_awsbedrock, SIGNED, "{\"model\":\"cohere.embed-multilingual-v3\"}", false);
        client.call = (struct lt_neutral_call){.kind = LT_NEUTRAL_EMBEDDING, .texts = texts, .texts_n = 1};
        assert_int_equal(client_run(), LT_OK);
        server_stop();
        assert_int_equal(client.run.result.usage.prompt_tokens, i == 3 ? 7 : -1);
    }
}

static void vectors_that_do_not_fit_are_refused(void **state)
{
    static const struct {
        const char *model, *answer;
        enum lt_code code;
    } cases[] = {
        {"amazon.titan-embed-text-v2:0", "{}", LT_EUPSTREAM_INVALID},
        {"amazon.titan-embed-text-v2:0", "{\"embedding\":[]}", LT_EUPSTREAM_INVALID},
        {"amazon.titan-embed-text-v2:0", "{\"embedding\":[\"x\"]}", LT_EUPSTREAM_INVALID},
        {"cohere.embed-multilingual-v3", "{\"embeddings\":[]}", LT_EUPSTREAM_INVALID},
        {"cohere.embed-multilingual-v3", "{\"embeddings\":{\"int8\":[[1]]}}", LT_EUPSTREAM_INVALID},
        {"meta.llama3", "{\"embedding\":[1]}", LT_EUNSUPPORTED},
    };
    struct lt_str texts[] = {LT_STR("a")};
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        server_forget();
        add_play(reply_bytes("200 OK", IS_JSON, cases[i].answer, false), SIZE_MAX, KEEP);
        server_start();
        client_new_of(&lt_provider_awsbedrock, SIGNED, lt_strz(arena, lt_printf(arena, "{\"model\":\"%s\"}", cases[i].model)), false);
        client.call = (struct lt_neutral_call){.kind = LT_NEUTRAL_EMBEDDING, .texts = texts, .texts_n = 1};
        if (client_run() != cases[i].code)
            fail_msg("%zu: %s, %s", i, lt_code_name(client.code), err.detail);
        server_stop();
    }
}

/* ---- images ---- */

static enum lt_code make_images(const char *settings, const char *const *answers, size_t answers_n, struct lt_image_wish wish)
{
    server_forget();
    for (size_t i = 0; i < answers_n; i++)
        add_play(reply_bytes("200 OK", IS_JSON, answers[i], false), SIZE_MAX, KEEP);
    server_start();
    client_new_of(&lt_provider_awsbedrock, M "," SIGNED ",\"image_model\":\"amazon.nova-canvas-v1:0\",\"body\":{\"guardrailConfig\":{}}", settings,
        false);
    client.call = (struct lt_neutral_call){.kind = LT_NEUTRAL_IMAGE, .image = wish};
    lt_clock_freeze((int64_t)NOON * 1000);
    enum lt_code code = client_run();
    lt_clock_freeze(0);
    server_stop();
    return code;
}

/* Quality and aspect → what is sent, by family. */
static void sizes_are_those_of_the_model(void **state)
{
#define NOVA(w, h, quality) \
    "{\"taskType\":\"TEXT_IMAGE\",\"textToImageParams\":{\"text\":\"A hill\"},\"imageGenerationConfig\":{\"numberOfImages\":1,\"width\":" #w \
    ",\"height\":" #h ",\"quality\":\"" quality "\"}}"
#define STABLE(ratio) "{\"prompt\":\"A hill\",\"aspect_ratio\":\"" ratio "\"}"
    static const char *const expected[3][2][3] = {
        {{NOVA(1024, 1024, "standard"), NOVA(1024, 592, "standard"), NOVA(592, 1024, "standard")},
         {NOVA(1792, 1792, "premium"), NOVA(1792, 1024, "premium"), NOVA(1024, 1792, "premium")}},
        {{NOVA(768, 768, "standard"), NOVA(1173, 640, "standard"), NOVA(384, 704, "standard")},
         {NOVA(1024, 1024, "premium"), NOVA(1173, 640, "premium"), NOVA(768, 1408, "premium")}},
        {{STABLE("1:1"), STABLE("16:9"), STABLE("9:16")}, {STABLE("1:1"), STABLE("3:2"), STABLE("4:5")}},
    };
    static const char *const settings[] = {NULL, "{\"model\":\"amazon.titan-image-generator-v2:0\"}", "{\"model\":\"stability.sd3-5-large-v1:0\"}"};
    static const char *const paths[] = {"amazon.nova-canvas-v1%3A0", "amazon.titan-image-generator-v2%3A0", "stability.sd3-5-large-v1%3A0"};
    static const char *const answer[] = {"{\"images\":[\"iVBO\"]}"};
    for (size_t family = 0; family < 3; family++)
        for (int quality = 0; quality < 2; quality++)
            for (int aspect = 0; aspect < 3; aspect++) {
                struct lt_image_wish wish = {.prompt = LT_STR("A hill"), .quality = (enum lt_image_quality)quality,
                                             .aspect = (enum lt_image_aspect)aspect, .count = 1};
                assert_int_equal(make_images(settings[family], answer, 1, wish), LT_OK);
                assert_string_equal(request_body(0), expected[family][quality][aspect]);
                struct lt_str line = lt_printf(arena, "POST /v1/model/%s/invoke HTTP/1.1\r\n", paths[family]);
                assert_ptr_equal(strstr(server.requests[0], lt_strz(arena, line)), server.requests[0]);
                assert_signed(server.requests[0], "");
                assert_int_equal(client.run.result.images_n, 1);
                assert_text(client.run.result.images[0].base64, "iVBO");
                assert_int_equal(client.run.result.usage.total_tokens, -1);
            }
}

static void what_an_action_adds_is_merged(void **state)
{
    static const char *const answer[] = {"{\"images\":[\"iVBO\"]}"};
    struct lt_image_wish wish = {.prompt = LT_STR("A hill"), .count = 1};
    assert_int_equal(make_images("{\"extra\":{\"imageGenerationConfig\":{\"cfgScale\":8,\"seed\":7,\"width\":1},\"taskType\":\"OTHER\"}}", answer,
        1, wish), LT_OK);
    assert_string_equal(request_body(0), "{\"taskType\":\"TEXT_IMAGE\",\"textToImageParams\":{\"text\":\"A hill\"},\"imageGenerationConfig\":{"
                        "\"numberOfImages\":1,\"width\":1024,\"height\":1024,\"quality\":\"standard\",\"cfgScale\":8,\"seed\":7}}");
    assert_int_equal(make_images("{\"model\":\"stability.sd3\",\"extra\":{\"negative_prompt\":\"rain\",\"seed\":7}}", answer, 1, wish), LT_OK);
    assert_string_equal(request_body(0), "{\"prompt\":\"A hill\",\"aspect_ratio\":\"1:1\",\"negative_prompt\":\"rain\",\"seed\":7}");
}

static void several_images_are_one_call_or_several(void **state)
{
    static const char *const together[] = {"{\"images\":[\"aaaa\",\"bbbb\",\"cccc\",\"dddd\"]}"};
    static const char *const apart[] = {"{\"images\":[\"aaaa\"]}", "{\"images\":[\"bbbb\"]}", "{\"images\":[\"cccc\"]}"};
    struct lt_image_wish wish = {.prompt = LT_STR("A hill"), .count = 3};
    assert_int_equal(make_images(NULL, together, 1, wish), LT_OK);
    assert_string_equal(member(request_body(0), "/imageGenerationConfig/numberOfImages"), "3");
    assert_int_equal(client.run.result.images_n, 3);
    assert_text(client.run.result.images[2].base64, "cccc");
    assert_int_equal(make_images("{\"model\":\"stability.sd3\"}", apart, 3, wish), LT_OK);
    assert_int_equal(server.played, 3);
    assert_int_equal(client.run.result.images_n, 3);
    assert_text(client.run.result.images[1].base64, "bbbb");
    assert_signed(server.requests[2], "");
}

static void images_that_came_and_images_that_did_not(void **state)
{
    static const struct {
        const char *answer;
        enum lt_code code;
        const char *image; /* or part of the error's detail */
    } cases[] = {
        {"{\"images\":[\"iVBO\"],\"error\":null}", LT_OK, "iVBO"},
        {"{\"images\":[\"\\ufeff\\r\\n iVBO\\niVBO \\n\"]}", LT_OK, "iVBO\niVBO"},
        {"{\"images\":[\"iVBO\"],\"error\":\"Some were filtered.\"}", LT_OK, "iVBO"},
        {"{\"images\":[],\"error\":\"This request has been blocked by our content filters.\"}", LT_ECONTENT_REFUSED,
         "blocked by our content filters"},
        {"{\"images\":null,\"error\":\"Blocked.\"}", LT_ECONTENT_REFUSED, "Blocked."},
        {"{\"images\":[\"\"],\"finish_reasons\":[\"Filter reason: prompt\"]}", LT_ECONTENT_REFUSED, "Filter reason: prompt"},
        {"{\"images\":[\"iVBO\"],\"finish_reasons\":[\"Filter reason: output image\"]}", LT_ECONTENT_REFUSED, "output image"},
        {"{\"images\":[\"iVBO\"],\"finish_reasons\":[null],\"seeds\":[7]}", LT_OK, "iVBO"},
        {"{}", LT_EUPSTREAM_INVALID, "no images"},
        {"{\"images\":{}}", LT_EUPSTREAM_INVALID, "images is of type object"},
        {"{\"images\":[7]}", LT_EUPSTREAM_INVALID, "image is of type integer"},
        {"{\"images\":[\"iV", LT_EUPSTREAM_INVALID, "not JSON"},
    };
    struct lt_image_wish wish = {.prompt = LT_STR("A hill"), .count = 1};
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        enum lt_code code = make_images(NULL, &cases[i].answer, 1, wish);
        if (code != cases[i].code || (code && !strstr(err.detail, cases[i].image)))
            fail_msg("%s: %s, %s", cases[i].answer, lt_code_name(code), err.detail);
        if (!code)
            assert_text(client.run.result.images[0].base64, cases[i].image);
        if (code == LT_ECONTENT_REFUSED)
            assert_true(client.run.result.refusal.n > 0);
    }
    assert_int_equal(make_images("{\"model\":\"meta.llama3\"}", NULL, 0, wish), LT_EUNSUPPORTED);
}

/* ---- settings ---- */

static void configured_says_what_is_missing(void **state)
{
    static const struct {
        const char *config, *why; /* why NULL: configured */
    } cases[] = {
        {"{" SIGNED "," M "}", NULL},
        {"{" SIGNED ",\"embedding_model\":\"e\"}", NULL},
        {"{" SIGNED ",\"image_model\":\"e\"}", NULL},
        {"{\"region\":\"eu-central-1\",\"api_key\":\"k\"," M "}", NULL},
        {"{" SIGNED "," M ",\"endpoint\":\"https://vpce.example\"}", NULL},
        {"{" SIGNED "}", "model"},
        {"{" M ",\"access_key_id\":\"A\",\"secret_access_key\":\"s\"}", "region"},
        {"{\"region\":\"r\"," M "}", "access_key_id and secret_access_key are missing"},
        {"{\"region\":\"r\"," M ",\"access_key_id\":\"A\"}", "secret_access_key is missing"},
        {"{\"region\":\"r\"," M ",\"secret_access_key\":\"s\"}", "access_key_id is missing"},
        {"{\"region\":\"r\"," M ",\"secret_access_key\":\"s\",\"access_key_id\":\"A\",\"api_key\":\"k\"}", "api_key goes without"},
        {"{" SIGNED "," M ",\"headers\":{\"Authorization\":\"x\"}}", "Authorization"},
        {"{" SIGNED "," M ",\"headers\":{\"X-Amz-Date\":\"x\"}}", "X-Amz-Date"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_provider_instance instance = {.config = json(cases[i].config)};
        char why[LT_PROVIDER_WHY_MAX] = "";
        bool ok = lt_provider_awsbedrock.configured(&instance, why);
        if (ok != !cases[i].why || (!ok && !strstr(why, cases[i].why)))
            fail_msg("%s: %s \"%s\"", cases[i].config, ok ? "configured" : "not", why);
    }
}

static void settings_are_checked_by_their_schema(void **state)
{
    static const struct {
        const char *config, *field; /* field NULL: good */
    } cases[] = {
        {"{" SIGNED "," M ",\"session_token\":\"a/b+c==\",\"cross_region_inference\":\"eu.m\",\"sampling\":false,\"structured_outputs\":true,"
         "\"prompt_cache\":true,\"models\":{\"m\":{\"prompt_cache\":false}},\"models_endpoint\":\"https://x.example\"}", NULL},
        {"{\"region\":\"eu-central-1.evil.example/\"}", "/region"},
        {"{\"access_key_id\":\"a b\"}", "/access_key_id"},
        {"{\"secret_access_key\":\"a b\"}", "/secret_access_key"},
        {"{\"key\":\"x\"}", "/key"},
    };
    const struct lt_schema *schema = NULL;
    if (lt_schema_compile_text(arena, lt_provider_awsbedrock.settings_schema, &schema, &err))
        fail_msg("%s", err.detail);
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        enum lt_code code = lt_schema_check(schema, json(cases[i].config), &err);
        if (code != (cases[i].field ? LT_EINVALID_INPUT : LT_OK) || (code && strcmp(err.field, cases[i].field) != 0))
            fail_msg("%s: %s at %s: %s", cases[i].config, lt_code_name(code), err.field, err.detail);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define S(name) cmocka_unit_test_setup_teardown(name, set_up_server, tear_down_server)
    const struct CMUnitTest tests[] = {
        T(answers_are_read_alike_however_they_are_cut),
        T(faults_are_mapped),
        S(bodies_are_made_of_call_and_settings),
        S(case_70_prompt_instruction_and_numbers_have_their_places),
        S(the_callers_values_go_first),
        S(a_tool_conversation_is_sent_in_full),
        S(tool_choices),
        S(json_is_asked_for),
        S(marks_for_the_cache_are_a_wish),
        S(what_cannot_be_sent_is_not_supported),
        S(any_conversation_becomes_one_that_is_taken),
        S(case_72_a_call_is_signed_and_read),
        S(an_api_key_goes_as_a_bearer_token),
        S(case_71_a_profile_replaces_the_model),
        S(case_73_an_exception_is_told_without_the_keys),
        S(a_stream_without_its_type_is_read),
        S(models_and_profiles_are_listed),
        S(a_key_that_may_not_see_profiles_sees_the_models),
        S(lists_have_an_address_of_their_own),
        S(titan_is_asked_once_a_text),
        S(cohere_takes_96_texts_a_call),
        S(tokens_that_are_not_told_are_unknown),
        S(vectors_that_do_not_fit_are_refused),
        S(sizes_are_those_of_the_model),
        S(what_an_action_adds_is_merged),
        S(several_images_are_one_call_or_several),
        S(images_that_came_and_images_that_did_not),
        T(configured_says_what_is_missing),
        T(settings_are_checked_by_their_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
