/*
 * The provider `gemini`: its reading of answers as a function over bytes, at any chunking; the bodies that it writes; whole calls
 * against a server that plays canned bytes.
 */
#include "provider_rig.h"

#include "answer_table.h"
#include "providers/gemini.h"
#include "text/json_schema.h"

extern const struct lt_provider lt_provider_gemini;

/* ---- answers ---- */

static void *new_state(void)
{
    static char prefix[] = "call_7";
    return prefix;
}

static const struct answer_reader reader = {&lt_gemini_format, new_state};

#define NAMES "\"modelVersion\":\"gemini-x\",\"responseId\":\"r1\""
#define USAGE "\"usageMetadata\":{\"promptTokenCount\":11,\"candidatesTokenCount\":500,\"thoughtsTokenCount\":68,\"totalTokenCount\":579}"
#define EARLY "\"usageMetadata\":{\"promptTokenCount\":11,\"totalTokenCount\":11}"
#define CANDIDATE(parts, reason) "{\"content\":{\"parts\":[" parts "],\"role\":\"model\"},\"finishReason\":" reason ",\"index\":0}"
#define WHOLE(parts, reason) "{\"candidates\":[" CANDIDATE(parts, reason) "]," USAGE "," NAMES "}"
#define PART(text) "{\"text\":\"" text "\"}"
#define CALLED(name, args) "{\"functionCall\":{\"name\":\"" name "\",\"args\":" args "}}"
#define GOOD(text, reason) LT_OK, text, reason, "r1", "gemini-x", NULL, {11, 568, 579, -1, -1}, NULL

#define EVENT(json) "data: " json "\r\n\r\n"
#define TEXT(text) EVENT("{\"candidates\":[{\"content\":{\"parts\":[" PART(text) "],\"role\":\"model\"},\"index\":0}]," EARLY "," NAMES "}")
#define LAST(reason) EVENT(WHOLE(PART(""), "\"" reason "\""))
#define BLOCKED(reason) "{\"promptFeedback\":{\"blockReason\":\"" reason "\"}," EARLY "," NAMES "}"
#define ONLY(reason) "{\"candidates\":[{\"finishReason\":\"" reason "\",\"index\":0}]," EARLY "," NAMES "}"

static const struct answer_row rows[] = {
    /* whole */
    {"text", WHOLE(PART("Hello"), "\"STOP\""), false, GOOD("Hello", "stop")},
    {"several parts", WHOLE(PART("A") "," PART("B"), "\"STOP\""), false, GOOD("AB", "stop")},
    {"thought", WHOLE("{\"text\":\"hm\",\"thought\":true}," PART("A"), "\"STOP\""), false, GOOD("A", "stop")},
    {"code that the vendor ran", WHOLE("{\"executableCode\":{\"code\":\"1\"}},{\"codeExecutionResult\":{\"output\":\"1\"}}," PART("A"), "\"STOP\""),
     false, GOOD("A", "stop")},
    {"length", WHOLE(PART("A"), "\"MAX_TOKENS\""), false, GOOD("A", "length")},
    {"filtered in the middle", WHOLE(PART("A"), "\"SAFETY\""), false, GOOD("A", "content_filter")},
    {"reason of the future", WHOLE(PART("A"), "\"TIRED\""), false, GOOD("A", "TIRED")},
    {"reason missing", WHOLE(PART("A"), "null"), false, GOOD("A", "stop")},
    {"reason unspecified", WHOLE(PART("A"), "\"FINISH_REASON_UNSPECIFIED\""), false, GOOD("A", "stop")},
    {"other candidates", "{\"candidates\":[{\"index\":1,\"content\":{\"parts\":[" PART("B") "]}}," CANDIDATE(PART("A"), "\"STOP\"") "]," USAGE ","
     NAMES "}",
     false, GOOD("A", "stop")},
    {"tool calls", WHOLE("{\"functionCall\":{\"id\":\"x\",\"name\":\"find\",\"args\":{\"a\":1}},\"thoughtSignature\":\"c2ln\"},"
    "{\"functionCall\":{\"name\":\"now\"}}",
                         "\"STOP\""), false,
     LT_OK, "", "tool_calls", "r1", "gemini-x", "[" OPENAI_CALL("x", "find", "\"{\\\"a\\\":1}\"") "," OPENAI_CALL("call_7_2", "now", "\"{}\"") "]",
     {11, 568, 579, -1, -1}, NULL},
    {"usage missing", "{\"candidates\":[" CANDIDATE(PART("A"), "\"STOP\"") "]," NAMES "}", false, LT_OK, "A", "stop", "r1", "gemini-x", NULL,
     UNKNOWN, NULL},
    {"usage with a cache and tools",
     "{\"candidates\":[" CANDIDATE(PART("A"), "\"STOP\"") "],\"usageMetadata\":{\"promptTokenCount\":11,\"toolUsePromptTokenCount\":2,"
     "\"cachedContentTokenCount\":4,\"candidatesTokenCount\":5,\"totalTokenCount\":18}," NAMES "}", false,
     LT_OK, "A", "stop", "r1", "gemini-x", NULL, {13, 5, 18, 4, -1}, NULL},
    {"usage without candidates",
     "{\"candidates\":[" CANDIDATE(PART("A"), "\"STOP\"") "],\"usageMetadata\":{\"promptTokenCount\":11,\"totalTokenCount\":18}," NAMES "}", false,
     LT_OK, "A", "stop", "r1", "gemini-x", NULL, {11, 7, 18, -1, -1}, NULL},
    {"usage of the prompt alone", "{\"candidates\":[" CANDIDATE(PART("A"), "\"STOP\"") "]," EARLY "," NAMES "}", false,
     LT_OK, "A", "stop", "r1", "gemini-x", NULL, {11, -1, -1, -1, -1}, NULL},
    {"usage of wrong types", "{\"candidates\":[" CANDIDATE(PART("A"), "\"STOP\"") "],\"usageMetadata\":\"much\"," NAMES "}", false,
     LT_OK, "A", "stop", "r1", "gemini-x", NULL, UNKNOWN, NULL},
    {"bare", "{\"candidates\":[{\"content\":{\"parts\":[" PART("A") "]}}],\"responseId\":7}", false, LT_OK, "A", "stop", NULL, NULL, NULL,
     UNKNOWN, NULL},
    {"empty", WHOLE("", "\"STOP\""), false, GOOD("", "stop")},
    {"thought until the limit", "{\"candidates\":[{\"finishReason\":\"MAX_TOKENS\"}]," USAGE "," NAMES "}", false, GOOD("", "length")},
    {"safety", ONLY("SAFETY"), false, BAD(LT_ECONTENT_REFUSED, "SAFETY")},
    {"recitation", ONLY("RECITATION"), false, BAD(LT_ECONTENT_REFUSED, "RECITATION")},
    {"blocklist", ONLY("BLOCKLIST"), false, BAD(LT_ECONTENT_REFUSED, "BLOCKLIST")},
    {"prohibited", ONLY("PROHIBITED_CONTENT"), false, BAD(LT_ECONTENT_REFUSED, "PROHIBITED_CONTENT")},
    {"personal data", ONLY("SPII"), false, BAD(LT_ECONTENT_REFUSED, "SPII")},
    {"prompt blocked", BLOCKED("PROHIBITED_CONTENT"), false, BAD(LT_ECONTENT_REFUSED, "PROHIBITED_CONTENT")},
    {"prompt blocked with words", "{\"promptFeedback\":{\"blockReason\":\"OTHER\",\"blockReasonMessage\":\"No.\"}}", false,
     BAD(LT_ECONTENT_REFUSED, "OTHER: No.")},
    {"prompt rated but not blocked", "{\"promptFeedback\":{\"safetyRatings\":[]},\"candidates\":[" CANDIDATE(PART("A"), "\"STOP\"") "]," USAGE ","
     NAMES "}",
     false, GOOD("A", "stop")},
    {"malformed call", ONLY("MALFORMED_FUNCTION_CALL"), false, INVALID("MALFORMED_FUNCTION_CALL")},
    {"no candidates", "{\"candidates\":[]," USAGE "," NAMES "}", false, INVALID("no candidates")},
    {"candidates absent", "{" NAMES "}", false, INVALID("no candidates")},
    {"candidates an object", "{\"candidates\":{}}", false, INVALID("candidates is of type object")},
    {"candidate a string", "{\"candidates\":[\"A\"]}", false, INVALID("candidate is of type string")},
    {"content a string", "{\"candidates\":[{\"content\":\"A\"}]}", false, INVALID("content is of type string")},
    {"parts an object", "{\"candidates\":[{\"content\":{\"parts\":{\"text\":\"A\"}}}]}", false, INVALID("parts is of type object")},
    {"part a string", WHOLE("\"A\"", "\"STOP\""), false, INVALID("part is of type string")},
    {"text a number", WHOLE("{\"text\":7}", "\"STOP\""), false, INVALID("text is of type integer")},
    {"call without a name", WHOLE("{\"functionCall\":{}}", "\"STOP\""), false, INVALID("has no name")},
    {"call a string", WHOLE("{\"functionCall\":\"f\"}", "\"STOP\""), false, INVALID("functionCall is of type string")},
    {"arguments a string", WHOLE(CALLED("f", "\"{}\""), "\"STOP\""), false, INVALID("arguments is of type string")},
    {"cut", "{\"candidates\":[{\"conte", false, INVALID("not JSON")},
    {"error in a good status", "{\"error\":{\"code\":503,\"message\":\"Overloaded\",\"status\":\"UNAVAILABLE\"}}", false,
     BAD(LT_EUPSTREAM_UNAVAILABLE, "Overloaded")},
    {"error in a list", "[{\"error\":{\"code\":429,\"message\":\"Slow\",\"status\":\"RESOURCE_EXHAUSTED\"}}]", false,
     BAD(LT_EUPSTREAM_RATE_LIMITED, "Slow")},

    /* streams */
    {"stream", TEXT("Hel") TEXT("lo") LAST("STOP"), true, GOOD("Hello", "stop")},
    {"reason with each event", EVENT(WHOLE(PART("Hel"), "\"STOP\"")) EVENT(WHOLE(PART("lo"), "\"MAX_TOKENS\"")), true, GOOD("Hello", "length")},
    {"LF and comments", ": hi\n\ndata: " WHOLE(PART("A"), "\"STOP\"") "\n\n", true, GOOD("A", "stop")},
    {"multi-byte text", TEXT("\xC3\xA9\xE2\x82\xAC") TEXT("\\ud83d\\ude00") LAST("STOP"), true, GOOD("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", "stop")},
    {"thought first", EVENT("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hm\",\"thought\":true}]}}]," NAMES "}") TEXT("A") LAST("STOP"),
     true,
     GOOD("A", "stop")},
    {"tool calls of a stream",
     EVENT("{\"candidates\":[{\"content\":{\"parts\":[" CALLED("find", "{\"a\":1}") "]}}]," NAMES "}") EVENT(WHOLE(CALLED("now", "{}"),
     "\"STOP\"")), true,
     LT_OK, "", "tool_calls", "r1", "gemini-x", "[" OPENAI_CALL("call_7_1", "find", "\"{\\\"a\\\":1}\"") "," OPENAI_CALL("call_7_2", "now", "\"{}"
     "\"") "]",
     {11, 568, 579, -1, -1}, NULL},
    {"usage in the end alone", EVENT("{\"candidates\":[{\"content\":{\"parts\":[" PART("A") "]}}]}")
     EVENT("{\"candidates\":[{\"finishReason\":\"STOP\"}]}")
         EVENT("{" USAGE "," NAMES "}"), true, GOOD("A", "stop")},
    {"filtered in the stream", TEXT("A") EVENT(ONLY("SAFETY")), true, LT_OK, "A", "content_filter", "r1", "gemini-x", NULL, {11, -1, -1, -1, -1}, NULL},
    {"filtered at once", EVENT(ONLY("SAFETY")), true, BAD(LT_ECONTENT_REFUSED, "SAFETY")},
    {"prompt of a stream blocked", EVENT(BLOCKED("SAFETY")), true, BAD(LT_ECONTENT_REFUSED, "SAFETY")},
    {"ends in the middle", TEXT("A"), true, INVALID("ended in the middle")},
    {"ends in an event", TEXT("A") "data: " WHOLE(PART("B"), "\"STOP\""), true, INVALID("ended in the middle")},
    {"nothing came", "", true, INVALID("ended in the middle")},
    {"error in mid-stream", TEXT("A") EVENT("{\"error\":{\"code\":503,\"message\":\"Overloaded\",\"status\":\"UNAVAILABLE\"}}"), true,
     BAD(LT_EUPSTREAM_UNAVAILABLE, "Overloaded")},
    {"limit in mid-stream", TEXT("A") EVENT("{\"error\":{\"message\":\"Slow\",\"status\":\"RESOURCE_EXHAUSTED\"}}"), true,
     BAD(LT_EUPSTREAM_RATE_LIMITED, "Slow")},
    {"not JSON", TEXT("A") "data: {\"candidates\":\n\n", true, INVALID("not JSON")},
    {"not an object", EVENT("7"), true, INVALID("not a JSON object")},
};

static void answers_are_read_alike_however_they_are_cut(void **state)
{
    check_rows(rows, LT_COUNT(rows), &reader);
}

#define ERROR(code, status, message) "{\"error\":{\"code\":" #code ",\"message\":\"" message "\",\"status\":\"" status "\"}}"
#define DELAY(delay) \
    "{\"error\":{\"code\":429,\"message\":\"Quota\",\"status\":\"RESOURCE_EXHAUSTED\"," \
    "\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.Help\"}," \
    "{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":" delay "}]}}"

static void faults_are_mapped(void **state)
{
    static const struct {
        int status;
        const char *reason, *body;
        enum lt_code code;
        int retry_after_s;
        const char *detail;
    } cases[] = {
        {400, "Bad Request", ERROR(400, "INVALID_ARGUMENT", "Invalid argument"), LT_EUPSTREAM_BAD_REQUEST, 0, "Invalid argument"},
        {400, "Bad Request", ERROR(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."), LT_EUPSTREAM_UNAUTHORIZED, 0,
        "not valid"},
        {400, "Bad Request", ERROR(400, "INVALID_ARGUMENT", "API key expired. Please renew the API key."), LT_EUPSTREAM_UNAUTHORIZED, 0, "expired"},
        {400, "Bad Request", ERROR(400, "INVALID_ARGUMENT", "The input token count (9) exceeds the maximum number of tokens allowed (8)."),
         LT_ECONTEXT_WINDOW, 0, "maximum number"},
        {400, "Bad Request", ERROR(400, "FAILED_PRECONDITION", "User location is not supported"), LT_EUPSTREAM_BAD_REQUEST, 0, "location"},
        {401, "Unauthorized", ERROR(401, "UNAUTHENTICATED", "Not AIza-1"), LT_EUPSTREAM_UNAUTHORIZED, 0, "Not ***"},
        {403, "Forbidden", ERROR(403, "PERMISSION_DENIED", "No"), LT_EUPSTREAM_UNAUTHORIZED, 0, "No"},
        {404, "Not Found", ERROR(404, "NOT_FOUND", "models/x is not found"), LT_EUPSTREAM_NOT_FOUND, 0, "not found"},
        {429, "Too Many Requests", DELAY("\"37s\""), LT_EUPSTREAM_RATE_LIMITED, 37, "Quota"},
        {429, "Too Many Requests", DELAY("\"36.517s\""), LT_EUPSTREAM_RATE_LIMITED, 37, "Quota"},
        {429, "Too Many Requests", DELAY("\"0.2s\""), LT_EUPSTREAM_RATE_LIMITED, 1, "Quota"},
        {429, "Too Many Requests", DELAY("\"99999999s\""), LT_EUPSTREAM_RATE_LIMITED, 86400, "Quota"},
        {429, "Too Many Requests", DELAY("\"soon\""), LT_EUPSTREAM_RATE_LIMITED, 0, "Quota"},
        {429, "Too Many Requests", DELAY("7"), LT_EUPSTREAM_RATE_LIMITED, 0, "Quota"},
        {500, "Internal Server Error", ERROR(500, "INTERNAL", "An internal error"), LT_EUPSTREAM_UNAVAILABLE, 0, "An internal error"},
        {503, "Service Unavailable", ERROR(503, "UNAVAILABLE", "The model is overloaded."), LT_EUPSTREAM_UNAVAILABLE, 0, "overloaded"},
        {504, "Gateway Timeout", ERROR(504, "DEADLINE_EXCEEDED", "Late"), LT_EUPSTREAM_TIMEOUT, 0, "Late"},
        {404, "Not Found", "<html>", LT_EUPSTREAM_NOT_FOUND, 0, "HTTP 404 Not Found"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        err = (struct lt_error){0};
        enum lt_code code = lt_wire_fault(&lt_gemini_format, arena, cases[i].status, lt_str(cases[i].reason), lt_str(cases[i].body),
        LT_STR("AIza-1"), &err);
        if (code != cases[i].code || err.vendor_status != cases[i].status || err.retry_after_s != cases[i].retry_after_s ||
            !strstr(err.detail, cases[i].detail))
            fail_msg("%d %s: %s, %d s, %s", cases[i].status, cases[i].body, lt_code_name(code), err.retry_after_s, err.detail);
    }
}

/* ---- bodies ---- */

#define KEY "{\"api_key\":\"k\"}"

/* A call of one user's message, nothing set. */
static void call_new(const char *config, const char *settings)
{
    client_new_of(&lt_provider_gemini, "", settings, false);
    client.instance.config = json(config);
    client.messages[0] = client.messages[1];
    client.messages[0].content = LT_STR("Hi");
    client.call.messages_n = 1;
}

static const char *body(void)
{
    struct lt_wire w;
    if (lt_wire_prepare(&w, &client.run, &lt_gemini_vendor, &err))
        fail_msg("%s", err.detail);
    if (lt_gemini_body(&w, &err))
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

#define HI "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"Hi\"}]}]"

static void bodies_are_made_of_call_and_settings(void **state)
{
    static const struct {
        const char *config, *settings, *body;
    } cases[] = {
        {KEY, NULL, "{" HI "}"},
        {KEY, "{\"temperature\":0.5,\"top_p\":0.9,\"top_k\":40,\"max_tokens\":100}",
         "{" HI ",\"generationConfig\":{\"temperature\":0.5,\"topP\":0.9,\"topK\":40,\"maxOutputTokens\":100}}"},
        {"{\"api_key\":\"k\",\"body\":{\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":0},\"temperature\":1},\"safetySettings\":[]}}",
         "{\"extra\":{\"generationConfig\":{\"temperature\":0}}}",
         "{" HI ",\"generationConfig\":{\"temperature\":0,\"thinkingConfig\":{\"thinkingBudget\":0}},\"safetySettings\":[]}"},
        {"{\"api_key\":\"k\",\"body\":{\"contents\":[],\"model\":\"evil\"}}", NULL, "{" HI "}"},
        {"{\"api_key\":\"k\",\"body\":{\"generationConfig\":null}}", "{\"temperature\":0.5}", "{" HI "}"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        call_new(cases[i].config, cases[i].settings);
        assert_string_equal(body(), cases[i].body);
    }
}

static void the_callers_values_go_first(void **state)
{
    call_new("{\"api_key\":\"k\",\"body\":{\"generationConfig\":{\"temperature\":1,\"seed\":9,\"topK\":5}}}", "{\"max_tokens\":100}");
    client.call.temperature = 0;
    client.call.top_p = 0.5;
    client.call.max_tokens = 5;
    client.call.seed = ((int64_t)1 << 31) + 3; /* 32 bits with sign there */
    client.call.stop = json("[\"END\"]");
    assert_string_equal(body(), "{" HI ",\"generationConfig\":{\"temperature\":0,\"topP\":0.5,\"topK\":5,\"maxOutputTokens\":5,"
    "\"stopSequences\":[\"END\"],"
                                "\"seed\":3}}");
}

static void no_user_and_no_key_in_the_body(void **state)
{
    call_new("{\"api_key\":\"AIza-1\"}", NULL);
    client.call.metadata = json("{\"a\":\"b\"}");
    const char *text = body();
    assert_null(strstr(text, "u5e4"));
    assert_null(strstr(text, "AIza-1"));
}

static void a_tool_conversation_is_sent_in_full(void **state)
{
    static const char *const models[] = {"gemini-2.5-flash", "gemini-3-pro-preview"}, *const signatures[] = {"", ","
    "\"thoughtSignature\":\"skip_thought_signature_validator\""};
    struct lt_image images[] = {{.media_type = LT_STR("image/png"), .base64 = LT_STR("iVBO")}, {.url = LT_STR("https://x.example/a.PNG?v=1")},
                                {.url = LT_STR("https://x.example/a")}};
    struct lt_message messages[] = {
        {.role = LT_STR("system"), .content = LT_STR("Be brief.")},
        {.role = LT_STR("user"), .content = LT_STR("What is this?"), .images = images, .images_n = 3},
        {.role = LT_STR("assistant"), .tool_calls = json("[" OPENAI_CALL("c1", "f", "\"{\\\"a\\\":1}\"") "," OPENAI_CALL("c2", "g", "\"\"") "]")},
        {.role = LT_STR("tool"), .content = LT_STR("42"), .tool_call_id = LT_STR("c1")},
        {.role = LT_STR("tool"), .content = LT_STR(" {\"b\":2}"), .tool_call_id = LT_STR("c2")},
        {.role = LT_STR("user"), .content = LT_STR("And?")},
        {.role = LT_STR("system"), .content = LT_STR("Context.")},
    };
    for (size_t i = 0; i < 2; i++) {
        call_new(KEY, lt_strz(arena, lt_printf(arena, "{\"model\":\"%s\"}", models[i])));
        client.call.messages = messages;
        client.call.messages_n = LT_COUNT(messages);
        client.call.tools = json("[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\",\"strict\":true,"
        "\"parameters\":{\"type\":\"object\"}}},"
                                 "{\"type\":\"function\",\"function\":{\"name\":\"g\"}}]");
        const char *text = body();
        assert_string_equal(member(text, "/systemInstruction"), "{\"parts\":[{\"text\":\"Be brief.\\n\\nContext.\"}]}");
        struct lt_str contents = lt_printf(
            arena,
            "[{\"role\":\"user\",\"parts\":[{\"text\":\"What is this?\"},{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"iVBO\"}},"
            "{\"fileData\":{\"mimeType\":\"image/png\",\"fileUri\":\"https://x.example/a.PNG?v=1\"}},"
            "{\"fileData\":{\"mimeType\":\"image/jpeg\",\"fileUri\":\"https://x.example/a\"}}]},"
            "{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"id\":\"c1\",\"name\":\"f\",\"args\":{\"a\":1}}%s},"
            "{\"functionCall\":{\"id\":\"c2\",\"name\":\"g\",\"args\":{}}%s}]},"
            "{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"id\":\"c1\",\"name\":\"f\",\"response\":{\"output\":\"42\"}}},"
            "{\"functionResponse\":{\"id\":\"c2\",\"name\":\"g\",\"response\":{\"b\":2}}}]},"
            "{\"role\":\"user\",\"parts\":[{\"text\":\"And?\"}]}]", signatures[i], signatures[i]);
        assert_text(contents, member(text, "/contents"));
        assert_string_equal(member(text, "/tools"), "[{\"functionDeclarations\":[{\"name\":\"f\",\"description\":\"d\","
        "\"parametersJsonSchema\":{\"type\":\"object\"}},"
                                                    "{\"name\":\"g\"}]}]");
        assert_string_equal(member(text, "/toolConfig"), "absent");
    }
}

static void tool_choices(void **state)
{
    static const char *const cases[][2] = {
        {"\"auto\"", "{\"mode\":\"AUTO\"}"},
        {"\"required\"", "{\"mode\":\"ANY\"}"},
        {"\"none\"", "{\"mode\":\"NONE\"}"},
        {"{\"type\":\"function\",\"function\":{\"name\":\"f\"}}", "{\"mode\":\"ANY\",\"allowedFunctionNames\":[\"f\"]}"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        call_new(KEY, NULL);
        client.call.tools = json("[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]");
        client.call.tool_choice = json(cases[i][0]);
        assert_string_equal(member(body(), "/toolConfig/functionCallingConfig"), cases[i][1]);
    }
}

static void json_is_asked_for(void **state)
{
    static const char schema[] = "{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":{\"type\":\"object\"}}}";
    static const struct {
        const char *format;
        bool tools;
        const char *config, *words; /* what the instruction holds */
    } cases[] = {
        {"{\"type\":\"text\"}", false, "absent", NULL},
        {"{\"type\":\"json_object\"}", false, "{\"responseMimeType\":\"application/json\"}", NULL},
        {schema, false, "{\"responseMimeType\":\"application/json\",\"responseJsonSchema\":{\"type\":\"object\"}}", NULL},
        {"{\"type\":\"json_object\"}", true, "absent", "one JSON object and nothing else"},
        {schema, true, "absent", "{\\\"type\\\":\\\"object\\\"}"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        call_new(KEY, NULL);
        client.call.response_format = json(cases[i].format);
        if (cases[i].tools)
            client.call.tools = json("[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]");
        const char *text = body(), *system = member(text, "/systemInstruction");
        assert_string_equal(member(text, "/generationConfig"), cases[i].config);
        if (cases[i].words ? !strstr(system, cases[i].words) : strcmp(system, "absent") != 0)
            fail_msg("%zu: %s", i, system);
    }
}

/* Whatever the conversation: it begins and ends with the user, nothing is blank, each call has its answer in the next content. */
static void any_conversation_becomes_one_that_is_taken(void **state)
{
    struct lt_message messages[RANDOM_MESSAGES_MAX];
    print_seed();
    for (int round = 0; round < 2000; round++) {
        call_new(KEY, NULL);
        client.call.messages = messages;
        client.call.messages_n = random_conversation(messages);
        const struct lt_json *contents = lt_json_get(json(body()), "contents");
        size_t n = lt_json_len(contents), calls = 0;
        assert_true(n > 0);
        for (size_t i = 0; i < n; i++) {
            const struct lt_json *content = lt_json_at(contents, i), *parts = lt_json_get(content, "parts");
            bool user = lt_str_is(lt_json_str(lt_json_get(content, "role")), "user");
            size_t called = 0, answered = 0;
            assert_true(user || lt_str_is(lt_json_str(lt_json_get(content, "role")), "model"));
            assert_true(user || (i > 0 && i + 1 < n));
            assert_true(lt_json_len(parts) > 0);
            for (size_t k = 0; k < lt_json_len(parts); k++) {
                const struct lt_json *part = lt_json_at(parts, k), *text = lt_json_get(part, "text");
                assert_true(!text || lt_str_trim(lt_json_str(text)).n > 0);
                called += lt_json_get(part, "functionCall") != NULL;
                answered += lt_json_get(part, "functionResponse") != NULL;
            }
            assert_int_equal(answered, calls);
            assert_true(answered == 0 || answered == lt_json_len(parts));
            calls = called;
        }
        assert_int_equal(calls, 0);
        lt_arena_free(arena);
        arena = lt_arena_new();
    }
}

/* ---- addresses ---- */

static void the_models_name_stays_one_part_of_the_path(void **state)
{
    static const struct {
        const char *endpoint, *model, *url; /* url NULL: refused */
    } cases[] = {
        {"", "gemini-2.5-flash", "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent"},
        {"https://g.example/v1beta", "models/gemini-x", "https://g.example/v1beta/models/gemini-x:generateContent"},
        {"https://g.example/v1/", "gemini-x", "https://g.example/v1/models/gemini-x:generateContent"},
        {"https://g.example/p?a=b", "gemini-x", "https://g.example/p/v1beta/models/gemini-x:generateContent?a=b"},
        {"https://g.example", "a?b#c%d\xC3\xA9", "https://g.example/v1beta/models/a%3Fb%23c%25d%C3%A9:generateContent"},
        {"https://g.example", "../../x", NULL},
        {"https://g.example", "tunedModels/x", NULL},
        {"https://g.example", "models/..", NULL},
        {"https://g.example", "a\\\\b", NULL},
        {"https://g.example", "a:b", NULL},
        {"https://g.example", "a b", NULL},
        {"https://g.example", "a\\nb", NULL},
        {"https://g.example", "models/", NULL},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_wire w;
        struct lt_str url;
        struct lt_str config = lt_printf(arena, "{\"endpoint\":\"%s\",\"api_key\":\"AIza-1\",\"model\":\"%s\"}", cases[i].endpoint, cases[i].model);
        call_new(lt_strz(arena, config), NULL);
        assert_int_equal(lt_wire_prepare(&w, &client.run, &lt_gemini_vendor, &err), LT_OK);
        enum lt_code code = lt_gemini_url(&w, "generateContent", NULL, &url, &err);
        if (code != (cases[i].url ? LT_OK : LT_ECONFIG) || (!code && !lt_str_is(url, cases[i].url)))
            fail_msg("%s: %s %.*s", cases[i].model, lt_code_name(code), LT_FMT(url));
    }
}

static void address_and_headers(void **state)
{
    for (int stream = 0; stream < 2; stream++) {
        server_forget();
        add_play(stream ? reply_bytes("200 OK", IS_STREAM, TEXT("Hel") TEXT("lo") LAST("STOP"), true)
                        : reply_bytes("200 OK", IS_JSON, WHOLE(PART("Hello"), "\"STOP\""), false), 5, KEEP);
        server_start();
        client_new_of(&lt_provider_gemini, "\"model\":\"m\",\"api_key\":\"AIza-1\"", NULL, stream);
        struct lt_str config = lt_printf(arena, "{\"endpoint\":\"http://127.0.0.1:%d\",\"model\":\"m\",\"api_key\":\"AIza-1\"}", server.port);
        client.instance.config = json(lt_strz(arena, config));
        assert_int_equal(client_run(), LT_OK);
        server_stop();
        assert_shown("Hello");
        const char *request = server.requests[0];
        const char *line = stream ? "POST /v1beta/models/m:streamGenerateContent?alt=sse HTTP/1.1\r\n" : "POST /v1beta/models/m:generateContent "
        "HTTP/1.1\r\n";
        assert_ptr_equal(strstr(request, line), request);
        const char *key = strstr(request, "AIza-1");
        assert_non_null(strstr(request, "\r\nx-goog-api-key: AIza-1\r\n"));
        assert_null(strstr(key + 1, "AIza-1")); /* there alone */
        assert_int_equal(client.run.result.usage.total_tokens, 579);
    }
}

static struct lt_str *names;
static size_t names_n;

static enum lt_code ask_models(struct lt_provider_run *run, struct lt_error *e)
{
    return lt_provider_gemini.models(run, &names, &names_n, e);
}

static void models_are_listed_page_by_page(void **state)
{
    add_play(reply_bytes("200 OK", IS_JSON, "{\"models\":[{\"name\":\"models/a\"},{\"name\":\"b\"}],\"nextPageToken\":\"t+1\"}", false), SIZE_MAX,
    KEEP);
    add_play(reply_bytes("200 OK", IS_JSON, "{\"models\":[{\"name\":\"models/c\"}]}", false), SIZE_MAX, KEEP);
    server_start();
    client_new_of(&lt_provider_gemini, "\"api_key\":\"k\"", NULL, false);
    client.ask = ask_models;
    assert_int_equal(client_run(), LT_OK);
    server_stop();
    assert_int_equal(names_n, 3);
    assert_text(names[0], "a");
    assert_text(names[2], "c");
    assert_non_null(strstr(server.requests[0], "GET /v1/models?pageSize=1000 HTTP/1.1\r\n"));
    assert_non_null(strstr(server.requests[1], "GET /v1/models?pageSize=1000&pageToken=t%2B1 HTTP/1.1\r\n"));
}

/* A service that names the same next page for ever is left after ten. */
static void a_list_without_end_ends(void **state)
{
    for (int i = 0; i < 11; i++)
        add_play(reply_bytes("200 OK", IS_JSON, "{\"models\":[{\"name\":\"models/a\"}],\"nextPageToken\":\"t\"}", false), SIZE_MAX, KEEP);
    server_start();
    client_new_of(&lt_provider_gemini, "\"api_key\":\"k\"", NULL, false);
    client.ask = ask_models;
    assert_int_equal(client_run(), LT_OK);
    server_stop();
    assert_int_equal(server.played, 10);
}

/* ---- vectors ---- */

static struct lt_str vectors_answer(size_t first, size_t n, const char *more)
{
    struct lt_buf b;
    lt_buf_init(&b, 1 << 20);
    lt_buf_printf(&b, "{\"embeddings\":[");
    for (size_t i = 0; i < n; i++)
        lt_buf_printf(&b, "%s{\"values\":[%zu,0.5]}", i > 0 ? "," : "", first + i);
    lt_buf_printf(&b, "]%s}", more);
    lt_buf_putc(&b, '\0');
    struct lt_str reply = reply_bytes("200 OK", IS_JSON, b.p, false);
    lt_buf_free(&b);
    return reply;
}

static void many_texts_go_in_batches_of_a_hundred(void **state)
{
    static struct lt_str texts[230];
    for (size_t i = 0; i < LT_COUNT(texts); i++)
        texts[i] = LT_STR("Rain");
    add_play(vectors_answer(0, 100, ",\"usageMetadata\":{\"promptTokenCount\":3}"), SIZE_MAX, KEEP);
    add_play(vectors_answer(100, 100, ",\"usageMetadata\":{\"promptTokenCount\":4}"), SIZE_MAX, KEEP);
    add_play(vectors_answer(200, 30, ",\"usageMetadata\":{\"promptTokenCount\":5}"), SIZE_MAX, KEEP);
    server_start();
    client_new_of(&lt_provider_gemini, "\"embedding_model\":\"models/e\",\"body\":{\"safetySettings\":[]}", "{\"task_type\":\"RETRIEVAL_QUERY\"}",
    false);
    client.call = (struct lt_neutral_call){.kind = LT_NEUTRAL_EMBEDDING, .texts = texts, .texts_n = LT_COUNT(texts), .dimensions = 2};
    assert_int_equal(client_run(), LT_OK);
    server_stop();
    const struct lt_neutral_result *r = &client.run.result;
    assert_int_equal(server.played, 3);
    assert_int_equal(r->vectors_n, 230);
    assert_int_equal(r->dimensions, 2);
    for (size_t i = 0; i < r->vectors_n; i++)
        assert_true(r->vectors[2 * i] == (float)i && r->vectors[2 * i + 1] == 0.5f);
    assert_int_equal(r->usage.prompt_tokens, 12);
    assert_int_equal(r->usage.total_tokens, 12);
    assert_text(r->model, "e");
    assert_ptr_equal(strstr(server.requests[0], "POST /v1/models/e:batchEmbedContents HTTP/1.1\r\n"), server.requests[0]);
    assert_string_equal(member(request_body(2), "/requests/29"),
                        "{\"model\":\"models/e\",\"content\":{\"parts\":[{\"text\":\"Rain\"}]},\"taskType\":\"RETRIEVAL_QUERY\","
                        "\"outputDimensionality\":2}");
    assert_string_equal(member(request_body(2), "/requests/30"), "absent");
    assert_string_equal(member(request_body(2), "/safetySettings"), "absent");
}

static void vectors_that_do_not_fit_the_texts_are_refused(void **state)
{
    static const char *const answers[] = {"{}", "{\"embeddings\":{}}", "{\"embeddings\":[{\"values\":[1]}]}", "{\"embeddings\":[{\"values\":[1]},"
    "{\"values\":[1,2]}]}",
                                          "{\"embeddings\":[{\"values\":[1]},{\"values\":[]}]}", "{\"embeddings\":[{\"values\":[1]},"
                                          "{\"values\":[\"x\"]}]}",
                                          "{\"embeddings\":[{\"values\":[1]},{\"values\":[1]},{\"values\":[1]}]}"};
    struct lt_str texts[] = {LT_STR("a"), LT_STR("b")};
    for (size_t i = 0; i < LT_COUNT(answers); i++) {
        server_forget();
        add_play(reply_bytes("200 OK", IS_JSON, answers[i], false), SIZE_MAX, KEEP);
        server_start();
        client_new_of(&lt_provider_gemini, "\"model\":\"m\"", NULL, false);
        client.call = (struct lt_neutral_call){.kind = LT_NEUTRAL_EMBEDDING, .texts = texts, .texts_n = 2};
        if (client_run() != LT_EUPSTREAM_INVALID)
            fail_msg("%s: %s", answers[i], lt_code_name(client.code));
        server_stop();
    }
}

static void a_fault_of_the_body_says_when_to_come_back(void **state)
{
    static const struct {
        const char *fields;
        int seconds;
    } cases[] = {{IS_JSON, 37}, {IS_JSON "Retry-After: 5\r\n", 5}};
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        server_forget();
        add_play(reply_bytes("429 Too Many Requests", cases[i].fields, DELAY("\"37s\""), false), SIZE_MAX, KEEP);
        server_start();
        client_new_of(&lt_provider_gemini, "\"model\":\"m\"", NULL, false);
        assert_int_equal(client_run(), LT_EUPSTREAM_RATE_LIMITED);
        server_stop();
        assert_int_equal(err.retry_after_s, cases[i].seconds);
    }
}

/* ---- settings ---- */

static void configured_says_what_is_missing(void **state)
{
    static const struct {
        const char *config, *why; /* why NULL: configured */
    } cases[] = {
        {KEY, NULL},
        {"{}", "api_key"},
        {"{\"endpoint\":\"https://generativelanguage.googleapis.com/v1\"}", "api_key"},
        {"{\"endpoint\":\"https://proxy.example\"}", "model"},
        {"{\"endpoint\":\"https://proxy.example\",\"model\":\"m\"}", NULL},
        {"{\"api_key\":\"k\",\"headers\":{\"X-Goog-Api-Key\":\"x\"}}", "X-Goog-Api-Key"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_provider_instance instance = {.config = json(cases[i].config)};
        char why[LT_PROVIDER_WHY_MAX] = "";
        bool ok = lt_provider_gemini.configured(&instance, why);
        if (ok != !cases[i].why || (!ok && !strstr(why, cases[i].why)))
            fail_msg("%s: %s \"%s\"", cases[i].config, ok ? "configured" : "not", why);
    }
}

static void settings_are_checked_by_their_schema(void **state)
{
    static const struct {
        const char *config, *field; /* field NULL: good */
    } cases[] = {
        {"{\"api_key\":\"AIza-1\",\"model\":\"gemini-2.5-flash\",\"embedding_model\":\"gemini-embedding-001\",\"body\":{\"safetySettings\":[]}}",
         NULL},
        {"{\"api_key\":\"a b\"}", "/api_key"},
        {"{\"key\":\"x\"}", "/key"},
    };
    const struct lt_schema *schema = NULL;
    if (lt_schema_compile_text(arena, lt_provider_gemini.settings_schema, &schema, &err))
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
        S(the_callers_values_go_first),
        S(no_user_and_no_key_in_the_body),
        S(a_tool_conversation_is_sent_in_full),
        S(tool_choices),
        S(json_is_asked_for),
        S(any_conversation_becomes_one_that_is_taken),
        S(the_models_name_stays_one_part_of_the_path),
        S(address_and_headers),
        S(models_are_listed_page_by_page),
        S(a_list_without_end_ends),
        S(many_texts_go_in_batches_of_a_hundred),
        S(vectors_that_do_not_fit_the_texts_are_refused),
        S(a_fault_of_the_body_says_when_to_come_back),
        T(configured_says_what_is_missing),
        T(settings_are_checked_by_their_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
