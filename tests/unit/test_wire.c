/*
 * What the vendors' files share: addresses and headers, who sets a member of the body, lines of JSON, and words of faults. A vendor of
 * the test's own stands for all.
 */
#include "providers/wire.h"
#include "../support/aws_frames.h"
#include "provider_rig.h"

static const struct lt_wire_setting_header setting_headers[] = {{"X-Team", "team"}, {NULL, NULL}};
static const struct lt_wire_vendor vendor = {.endpoint = "https://ai.example.org/v1",
                                             .host = "ai.example.org",
                                             .model = "own",
                                             .embedding_model = "own-vectors",
                                             .image_model = "own-images",
                                             .key_header = "x-key",
                                             .headers = setting_headers,
                                             .reserved = (const char *const[]){"x-version", NULL}};

static struct lt_provider_instance instance;
static struct lt_neutral_call call;
static struct lt_provider_run run;
static struct lt_wire w;

static enum lt_code prepare(const char *config, const char *settings)
{
    err = (struct lt_error){0};
    instance = (struct lt_provider_instance){.config = json(config)};
    call = (struct lt_neutral_call){.kind = LT_NEUTRAL_COMPLETION, .temperature = (double)NAN, .top_p = (double)NAN, .seed = -1};
    run = (struct lt_provider_run){.arena = arena, .instance = &instance, .settings = json(settings), .call = &call};
    return lt_wire_prepare(&w, &run, &vendor, &err);
}

/* ---- addresses and headers ---- */

static void addresses_are_joined(void **state)
{
    static const struct {
        const char *endpoint, *tail, *query, *url;
    } cases[] = {
        {"https://a.example/v1", "/x", NULL, "https://a.example/v1/x"},
        {"https://a.example/v1//", "/x", NULL, "https://a.example/v1/x"},
        {"https://a.example", "/x", "", "https://a.example/x"},
        {"https://a.example/v1", "/x", "alt=sse", "https://a.example/v1/x?alt=sse"},
        {"https://a.example/v1?k=1", "/x", NULL, "https://a.example/v1/x?k=1"},
        {"https://a.example/v1/?k=1", "/x", "alt=sse", "https://a.example/v1/x?k=1&alt=sse"},
        {"https://a.example:8443/?k=/1/", "", NULL, "https://a.example:8443?k=/1/"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_str config = lt_printf(arena, "{\"endpoint\":\"%s\",\"model\":\"m\"}", cases[i].endpoint);
        assert_int_equal(prepare(config.p, NULL), LT_OK);
        assert_text(lt_wire_url(&w, lt_str(cases[i].tail), cases[i].query), cases[i].url);
    }
}

static void segments_are_escaped(void **state)
{
    static const char *const cases[][2] = {{"gpt-4o_1.5~x", "gpt-4o_1.5~x"}, {"a/b", "a%2Fb"}, {"..", "%2E%2E"}, {".", "%2E"}, {"...", "..."},
                                           {"a b?c#d%", "a%20b%3Fc%23d%25"}, {"\r\n", "%0D%0A"}, {"\xC3\xA9", "%C3%A9"}, {"", ""}};
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        assert_text(lt_wire_escape(arena, lt_str(cases[i][0])), cases[i][1]);
}

static void headers_are_set_once(void **state)
{
    static const struct {
        const char *config, *why; /* why NULL: good */
    } cases[] = {
        {"{\"api_key\":\"k\",\"headers\":{\"X-Other\":\"1\"}}", NULL},
        {"{\"api_key\":\"k\",\"headers\":{\"X-KEY\":\"1\"}}", "X-KEY"},
        {"{\"model\":\"m\",\"headers\":{\"X-KEY\":\"1\"}}", NULL},
        {"{\"model\":\"m\",\"api_key\":\"k\",\"api_key_header\":\"authorization\",\"headers\":{\"X-Key\":\"1\"}}", NULL},
        {"{\"model\":\"m\",\"headers\":{\"x-Version\":\"1\"}}", "x-Version"},
        {"{\"model\":\"m\",\"headers\":{\"X-team\":\"1\"}}", "X-team"},
        {"{\"model\":\"m\",\"headers\":{\"Transfer-Encoding\":\"1\"}}", "Transfer-Encoding"},
        {"{\"model\":\"m\",\"headers\":{\"X-Other\":\"a\\r\\nb: c\"}}", "X-Other"},
        {"{\"model\":\"m\",\"headers\":{\"X-Other\":\"\\u00e9\"}}", "X-Other"},
        {"{\"model\":\"m\",\"team\":\"a\\u0000b\"}", "X-Team"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        enum lt_code code = prepare(cases[i].config, NULL);
        if (code != (cases[i].why ? LT_ECONFIG : LT_OK) || (code && !strstr(err.detail, cases[i].why)))
            fail_msg("%s: %s (%s)", cases[i].config, lt_code_name(code), err.detail);
    }
    assert_int_equal(prepare("{\"api_key\":\"k\",\"team\":\" t \",\"headers\":{\"X-Other\":\"1\"}}", NULL), LT_OK);
    assert_int_equal(w.fields_n, 3);
    assert_text(w.fields[0].name, "x-key");
    assert_text(w.fields[0].value, "k");
    assert_text(w.fields[1].value, "t");
    assert_text(w.fields[2].name, "X-Other");
}

static void the_model_is_the_actions_or_the_instances_or_the_vendors(void **state)
{
    static const struct {
        enum lt_neutral_kind kind;
        const char *config, *settings, *model; /* model NULL: none */
    } cases[] = {
        {LT_NEUTRAL_COMPLETION, "{\"model\":\"i\"}", "{\"model\":\" a \"}", "a"},
        {LT_NEUTRAL_COMPLETION, "{\"model\":\"i\",\"embedding_model\":\"v\"}", "{\"model\":\"\"}", "i"},
        {LT_NEUTRAL_COMPLETION, "{\"embedding_model\":\"v\"}", NULL, "own"},
        {LT_NEUTRAL_COMPLETION, "{\"endpoint\":\"https://other.example\"}", NULL, NULL},
        {LT_NEUTRAL_EMBEDDING, "{\"model\":\"i\",\"embedding_model\":\"v\"}", "{\"model\":\"a\"}", "a"},
        {LT_NEUTRAL_EMBEDDING, "{\"model\":\"i\",\"embedding_model\":\"v\"}", NULL, "v"},
        {LT_NEUTRAL_EMBEDDING, "{\"model\":\"i\"}", NULL, "own-vectors"},
        {LT_NEUTRAL_EMBEDDING, "{\"model\":\"i\",\"endpoint\":\"https://other.example\"}", NULL, "i"},
        {LT_NEUTRAL_EMBEDDING, "{\"endpoint\":\"https://other.example\"}", NULL, NULL},
        {LT_NEUTRAL_IMAGE, "{\"model\":\"i\",\"image_model\":\"p\"}", "{\"model\":\"a\"}", "a"},
        {LT_NEUTRAL_IMAGE, "{\"model\":\"i\",\"image_model\":\"p\"}", NULL, "p"},
        {LT_NEUTRAL_IMAGE, "{\"model\":\"i\"}", NULL, "own-images"},
        {LT_NEUTRAL_IMAGE, "{\"model\":\"i\",\"endpoint\":\"https://other.example\"}", NULL, NULL}, /* one that writes is not asked */
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        prepare("{}", NULL);
        instance.config = json(cases[i].config);
        run.settings = json(cases[i].settings);
        call.kind = cases[i].kind;
        assert_int_equal(lt_wire_prepare(&w, &run, &vendor, &err), cases[i].model ? LT_OK : call.kind == LT_NEUTRAL_IMAGE ? LT_EUNSUPPORTED : LT_ECONFIG);
        if (cases[i].model)
            assert_text(w.model, cases[i].model);
        assert_int_equal(lt_wire_prepare_plain(&w, &run, &vendor, &err), LT_OK); /* for what needs none */
    }
}

static void a_thread_is_not_sent_where_none_is_kept(void **state)
{
    prepare("{}", NULL);
    call.previous_response_id = LT_STR("r-1");
    assert_int_equal(lt_wire_prepare(&w, &run, &vendor, &err), LT_EUNSUPPORTED);
    struct lt_wire_vendor keeps = vendor;
    keeps.threads = true;
    assert_int_equal(lt_wire_prepare(&w, &run, &keeps, &err), LT_OK);
}

/* ---- the body ---- */

/* A body with one of each; temperature and n may be the caller's. */
static const char *body_of(const char *config, const char *settings, double temperature, int64_t n)
{
    assert_int_equal(prepare(config, settings), LT_OK);
    lt_wire_begin(&w);
    lt_wire_own(&w, "model");
    lt_jw_kstr(&w.jw, "model", w.model);
    lt_wire_number(&w, "temperature", "temperature", temperature);
    if (lt_wire_open(&w, "options")) {
        lt_wire_own(&w, "fixed");
        lt_wire_number(&w, "topP", "top_p", (double)NAN);
        lt_wire_int(&w, "n", "count", n, 1);
        lt_wire_close(&w);
    }
    lt_wire_json(&w, "stop", NULL);
    assert_int_equal(lt_wire_end(&w, &err), LT_OK);
    const char *text = lt_strz(arena, lt_buf_str(&w.body));
    lt_wire_done(&w);
    json(text); /* it is JSON */
    return text;
}

static void who_sets_a_member(void **state)
{
    static const struct {
        const char *config, *settings;
        double temperature;
        int64_t n;
        const char *body;
    } cases[] = {
        {"{\"model\":\"m\"}", NULL, NAN, 0, "{\"model\":\"m\"}"},
        {"{\"model\":\"m\"}", "{\"temperature\":0.5,\"top_p\":1,\"count\":7}", NAN, 0,
         "{\"model\":\"m\",\"temperature\":0.5,\"options\":{\"topP\":1,\"n\":7}}"},
        {"{\"model\":\"m\"}", "{\"temperature\":0.5,\"count\":7}", 0, 2, "{\"model\":\"m\",\"temperature\":0,\"options\":{\"n\":2}}"},
        /* extra before body before settings; the caller before all */
        {"{\"model\":\"m\",\"body\":{\"temperature\":1}}", "{\"temperature\":0.5}", NAN, 0, "{\"model\":\"m\",\"temperature\":1}"},
        {"{\"model\":\"m\",\"body\":{\"temperature\":1}}", "{\"temperature\":0.5,\"extra\":{\"temperature\":2}}", NAN, 0,
         "{\"model\":\"m\",\"temperature\":2}"},
        {"{\"model\":\"m\",\"body\":{\"temperature\":1}}", "{\"extra\":{\"temperature\":2}}", 0.25, 0, "{\"model\":\"m\",\"temperature\":0.25}"},
        {"{\"model\":\"m\",\"body\":{\"temperature\":null}}", "{\"temperature\":0.5}", 0.25, 0, "{\"model\":\"m\"}"},
        /* inside the inner object likewise, each member by itself */
        {"{\"model\":\"m\",\"body\":{\"options\":{\"n\":1,\"a\":1,\"b\":1,\"fixed\":1}}}",
             "{\"extra\":{\"options\":{\"a\":2,\"b\":null,\"topP\":0.5}}}",
         NAN, 0, "{\"model\":\"m\",\"options\":{\"topP\":0.5,\"n\":1,\"a\":2}}"},
        {"{\"model\":\"m\",\"body\":{\"options\":{\"n\":1}}}", "{\"count\":3}", NAN, 2, "{\"model\":\"m\",\"options\":{\"n\":2}}"},
        {"{\"model\":\"m\",\"body\":{\"options\":{\"n\":1}}}", "{\"extra\":{\"options\":null}}", NAN, 2, "{\"model\":\"m\"}"},
        {"{\"model\":\"m\",\"body\":{\"options\":7}}", NULL, NAN, 2, "{\"model\":\"m\",\"options\":{\"n\":2}}"},
        /* what nobody mentions is copied, what is ours is not */
        {"{\"model\":\"m\",\"body\":{\"model\":\"evil\",\"x\":[1],\"y\":1,\"stop\":[\"a\"]}}", "{\"extra\":{\"y\":2,\"z\":null}}", NAN, 0,
         "{\"model\":\"m\",\"stop\":[\"a\"],\"y\":2,\"x\":[1]}"},
        /* kept for the model in force */
        {"{\"model\":\"m\"}", "{\"models\":{\"m\":{\"temperature\":1,\"extra\":{\"x\":1}},\"n\":{\"temperature\":2}}}", NAN, 0,
         "{\"model\":\"m\",\"temperature\":1,\"x\":1}"},
        {"{\"model\":\"m\"}", "{\"model\":\"n\",\"models\":{\"m\":{\"temperature\":1,\"extra\":{\"x\":1}},\"n\":{\"temperature\":2}}}", NAN, 0,
         "{\"model\":\"n\",\"temperature\":2}"},
        {"{\"model\":\"m\"}", "{\"temperature\":3,\"models\":{\"m\":{\"temperature\":1}}}", NAN, 0, "{\"model\":\"m\",\"temperature\":3}"},
        {"{\"model\":\"m\",\"body\":{\"x\":3}}", "{\"extra\":{\"y\":1},\"models\":{\"m\":{\"extra\":{\"x\":2,\"y\":2}}}}", NAN, 0,
         "{\"model\":\"m\",\"y\":1,\"x\":2}"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        assert_string_equal(body_of(cases[i].config, cases[i].settings, cases[i].temperature, cases[i].n), cases[i].body);
}

static void a_body_has_a_limit(void **state)
{
    assert_int_equal(prepare("{\"model\":\"m\"}", NULL), LT_OK);
    char *large = calloc(1, LT_WIRE_REQUEST_MAX / 2);
    memset(large, 'x', LT_WIRE_REQUEST_MAX / 2);
    lt_wire_begin(&w);
    for (int i = 0; i < 2; i++)
        lt_jw_kstr(&w.jw, i ? "a" : "b", (struct lt_str){large, LT_WIRE_REQUEST_MAX / 2});
    assert_int_equal(lt_wire_end(&w, &err), LT_ETOO_LARGE);
    lt_wire_done(&w);
    free(large);
}

static void quirks_are_the_models_or_the_instances(void **state)
{
    prepare("{\"model\":\"m\",\"role\":\"a\",\"models\":{\"m\":{\"role\":\"b\"},\"n\":{\"x\":1}}}", NULL);
    assert_text(lt_json_str(lt_wire_quirk(&w, "role")), "b");
    assert_null(lt_wire_quirk(&w, "x"));
    prepare("{\"model\":\"n\",\"role\":\"a\",\"models\":{\"m\":{\"role\":\"b\"}}}", NULL);
    assert_text(lt_json_str(lt_wire_quirk(&w, "role")), "a");
}

/* ---- lines ---- */

static enum lt_code take(struct lt_wire_answer *a, const struct lt_json *o, struct lt_str type, struct lt_error *e)
{
    a->begun = true;
    a->done = a->streamed && lt_json_bool_or(lt_json_get(o, "done"), false);
    lt_wire_keep(a, &a->finish_reason, lt_wire_get(o, "reason"));
    return lt_wire_text(a, lt_json_str(lt_json_get(o, "text")), e);
}

static const struct lt_wire_word words[] = {{"odd_word", LT_EUPSTREAM_UNAUTHORIZED}, {NULL, LT_OK}};
static const struct lt_wire_word phrases[] = {{"prompt is too long", LT_ECONTEXT_WINDOW}, {"key not valid", LT_EUPSTREAM_UNAUTHORIZED}, {NULL,
    LT_OK}};
static const struct lt_wire_reason reasons[] = {{"max", "length"}, {"SAFETY", "content_filter"}, {NULL, NULL}};
static const struct lt_wire_format lines = {
    .framing = LT_WIRE_LINES, .part = "text", .reasons = reasons, .words = words, .phrases = phrases, .object = take};

static void lines_are_read_alike_however_they_are_cut(void **state)
{
    static const struct {
        const char *body;
        enum lt_code code;
        const char *text, *reason; /* of an error: part of its detail */
    } cases[] = {
        {"{\"text\":\"A\"}\n{\"text\":\"\xC3\xA9\"}\n{\"done\":true}\n", LT_OK, "A\xC3\xA9", "stop"},
        {"{\"text\":\"A\"}\r\n\r\n  \n{\"done\":true,\"reason\":\"max\"}\r\n", LT_OK, "A", "length"},
        {"{\"text\":\"A\"}\n{\"done\":true}", LT_OK, "A", "stop"}, /* the last line needs no end */
        {"{\"text\":\"A\",\"done\":true}\nrubbish\n", LT_OK, "A", "stop"},
        {"{\"text\":\"A\"}\n{\"text\":\"B\"}\n", LT_EUPSTREAM_INVALID, "ended in the middle", NULL},
        {"{\"text\":\"A\"}\n{\"te", LT_EUPSTREAM_INVALID, "not JSON", NULL},
        {"{\"text\":\"A\"}\n[]\n", LT_EUPSTREAM_INVALID, "not a JSON object", NULL},
        {"", LT_EUPSTREAM_INVALID, "ended in the middle", NULL},
        {"{\"text\":\"A\"}\n{\"error\":\"out of memory\"}\n", LT_EUPSTREAM_UNAVAILABLE, "out of memory", NULL},
        {"{\"error\":{\"type\":\"odd_word\",\"message\":\"x\"}}\n", LT_EUPSTREAM_UNAUTHORIZED, "x", NULL},
        {"{\"done\":true,\"reason\":\"SAFETY\"}\n", LT_ECONTENT_REFUSED, "SAFETY", NULL},
        {"{\"text\":\"A\",\"done\":true,\"reason\":\"SAFETY\"}\n", LT_OK, "A", "content_filter"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        for (size_t step = 1; step < 80; step++) {
            struct lt_wire_answer a;
            struct lt_neutral_result result = {0};
            struct lt_str body = lt_str(cases[i].body);
            enum lt_code code = LT_OK;
            err = (struct lt_error){0};
            lt_wire_answer_init(&a, &lines, NULL, arena, LT_STR_NULL);
            a.streamed = true;
            while (!code && body.n > 0) {
                size_t n = step < body.n ? step : body.n;
                code = lt_wire_answer_feed(&a, lt_str_copy(arena, (struct lt_str){body.p, n}), &err);
                body.p += n;
                body.n -= n;
            }
            if (!code)
                code = lt_wire_answer_end(&a, &result, &err);
            if (code != cases[i].code || (code && !strstr(err.detail, cases[i].text)))
                fail_msg("%s in steps of %zu: %s (%s)", cases[i].body, step, lt_code_name(code), err.detail);
            if (!code) {
                assert_text(lt_buf_str(&a.text), cases[i].text);
                assert_text(result.finish_reason, cases[i].reason);
            }
            lt_wire_answer_free(&a);
        }
}

/* ---- Amazon's messages ---- */

static const struct lt_wire_format messages = {
    .framing = LT_WIRE_AWS, .part = "text", .reasons = reasons, .words = words, .phrases = phrases, .object = take};

static void messages_are_read_alike_however_they_are_cut(void **state)
{
    static const struct {
        struct {
            const char *kind, *type, *payload;
        } sent[3];
        const char *rubbish; /* behind them */
        enum lt_code code;
        const char *text, *reason; /* of an error: part of its detail */
    } cases[] = {
        {{{"event", "a", "{\"text\":\"A\"}"}, {"event", "a", "{\"text\":\"\xC3\xA9\"}"}, {"event", "b", "{\"done\":true}"}}, "", LT_OK,
         "A\xC3\xA9", "stop"},
        {{{"event", "a", "{\"text\":\"A\",\"done\":true}"}}, "rubbish behind the end", LT_OK, "A", "stop"},
        {{{"event", "a", "{\"text\":\"A\"}"}, {"event", "a", ""}}, "", LT_EUPSTREAM_INVALID, "ended in the middle", NULL},
        {{{"event", "a", "{\"text\":\"A\"}"}}, "rubbish in the middle", LT_EUPSTREAM_INVALID, "wrong checksum", NULL},
        {{{"event", "a", "{\"te"}}, "", LT_EUPSTREAM_INVALID, "not JSON", NULL},
        {{{"event", "a", "[]"}}, "", LT_EUPSTREAM_INVALID, "not a JSON object", NULL},
        {{{NULL, NULL, NULL}}, "", LT_EUPSTREAM_INVALID, "ended in the middle", NULL},
        {{{"event", "a", "{\"text\":\"A\"}"}, {"exception", "odd_word", "{\"message\":\"No\"}"}}, "", LT_EUPSTREAM_UNAUTHORIZED, "No", NULL},
        {{{"exception", "newException", "{\"message\":\"No\"}"}}, "", LT_EUPSTREAM_UNAVAILABLE, "No", NULL},
        {{{"exception", "newException", ""}}, "", LT_EUPSTREAM_UNAVAILABLE, "without saying which", NULL},
        {{{"exception", "newException", "words"}}, "", LT_EUPSTREAM_UNAVAILABLE, "words", NULL},
        {{{"error", "odd_word", "in words"}}, "", LT_EUPSTREAM_UNAUTHORIZED, "in words", NULL},
        {{{"error", "500", "prompt is too long"}}, "", LT_ECONTEXT_WINDOW, "prompt is too long", NULL},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        for (size_t step = 1; step < 300; step += step < 40 ? 1 : 37) {
            struct lt_wire_answer a;
            struct lt_neutral_result result = {0};
            struct lt_buf bytes;
            enum lt_code code = LT_OK;
            err = (struct lt_error){0};
            lt_buf_init(&bytes, 1 << 16);
            for (size_t k = 0; k < 3 && cases[i].sent[k].kind; k++)
                put_aws_message(&bytes, cases[i].sent[k].kind, lt_str(cases[i].sent[k].type), lt_str(cases[i].sent[k].payload));
            lt_buf_put_str(&bytes, lt_str(cases[i].rubbish));
            lt_wire_answer_init(&a, &messages, NULL, arena, LT_STR_NULL);
            a.streamed = true;
            for (size_t at = 0; !code && at < bytes.n; at += step)
                code = lt_wire_answer_feed(&a, lt_str_copy(arena, (struct lt_str){bytes.p + at, bytes.n - at < step ? bytes.n - at : step}), &err);
            if (!code)
                code = lt_wire_answer_end(&a, &result, &err);
            if (code != cases[i].code || (code && !strstr(err.detail, cases[i].text)))
                fail_msg("%zu in steps of %zu: %s (%s)", i, step, lt_code_name(code), err.detail);
            if (!code) {
                assert_text(lt_buf_str(&a.text), cases[i].text);
                assert_text(result.finish_reason, cases[i].reason);
            }
            lt_wire_answer_free(&a);
            lt_buf_free(&bytes);
        }
}

static void a_body_without_a_type_is_looked_at(void **state)
{
    static const struct lt_wire_format events = {.framing = LT_WIRE_EVENTS, .part = "text", .object = take};
    assert_true(lt_wire_is_stream(&lines, LT_STR("{\"text\":\"A\"}\n{\"done\":true}\n")));
    assert_false(lt_wire_is_stream(&lines, LT_STR("{\"text\":\"A\"}\n")));
    assert_false(lt_wire_is_stream(&lines, LT_STR("{\n  \"text\": \"A\"\n}\n")));
    assert_true(lt_wire_is_stream(&events, LT_STR("\xEF\xBB\xBF\nevent: x\n")));
    assert_false(lt_wire_is_stream(&events, LT_STR("{\"text\":\"A\"}")));
    struct lt_buf bytes;
    lt_buf_init(&bytes, 1 << 16);
    put_aws_message(&bytes, "event", LT_STR("a"), LT_STR("{}"));
    assert_true(lt_wire_is_stream(&messages, lt_buf_str(&bytes)));
    assert_false(lt_wire_is_stream(&messages, LT_STR("{\"text\":\"A\"}")));
    lt_buf_free(&bytes);
}

/* ---- faults ---- */

static void words_decide_what_a_status_hides(void **state)
{
    static const struct {
        int status;
        const char *body;
        enum lt_code code;
        const char *detail;
    } cases[] = {
        {400, "{\"error\":{\"type\":\"invalid_request_error\",\"message\":\"Prompt is too long: 2 > 1\"}}", LT_ECONTEXT_WINDOW,
             "Prompt is too long: 2 > 1"},
        {400, "{\"error\":{\"code\":400,\"status\":\"INVALID_ARGUMENT\",\"message\":\"API key not valid.\"}}", LT_EUPSTREAM_UNAUTHORIZED,
             "API key not valid."},
        {400, "[{\"error\":{\"code\":400,\"status\":\"INVALID_ARGUMENT\",\"message\":\"Bad\"}}]", LT_EUPSTREAM_BAD_REQUEST, "Bad"},
        {400, "{\"error\":{\"type\":\"odd_word\",\"message\":\"x\"}}", LT_EUPSTREAM_BAD_REQUEST, "x"}, /* no more exact than the status */
        {413, "{\"type\":\"error\",\"error\":{\"type\":\"request_too_large\",\"message\":\"x\"}}", LT_ECONTEXT_WINDOW, "x"},
        {429, "{\"error\":{\"message\":\"Prompt is too long\"}}", LT_EUPSTREAM_RATE_LIMITED, "Prompt is too long"}, /* the status speaks clearly */
        {424, "{\"message\":\"The model failed\"}", LT_EUPSTREAM_UNAVAILABLE, "The model failed"},
        {529, "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}", LT_EUPSTREAM_UNAVAILABLE, "Overloaded"},
        {0, "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}", LT_EUPSTREAM_UNAVAILABLE, "Overloaded"},
        {0, "{\"error\":{\"code\":429,\"status\":\"RESOURCE_EXHAUSTED\",\"message\":\"Quota\"}}", LT_EUPSTREAM_RATE_LIMITED, "Quota"},
        {0, "{\"error\":{\"status\":\"DEADLINE_EXCEEDED\",\"message\":\"Late\"}}", LT_EUPSTREAM_TIMEOUT, "Late"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        enum lt_code code = lt_wire_fault(&lines, arena, cases[i].status, LT_STR(""), lt_str(cases[i].body), LT_STR_NULL, &err);
        if (code != cases[i].code || strcmp(err.detail, cases[i].detail) != 0)
            fail_msg("%d %s: %s \"%s\"", cases[i].status, cases[i].body, lt_code_name(code), err.detail);
    }
}

static void names_are_listed(void **state)
{
    struct lt_str *names;
    size_t n;
    lt_wire_names(arena, json("[{\"name\":\"models/a\"},{\"name\":\"b\"},{\"name\":\"models/\"},{\"id\":\"c\"},\"d\"]"), "name", "models/",
        &names, &n);
    assert_int_equal(n, 2);
    assert_text(names[0], "a");
    assert_text(names[1], "b");
    lt_wire_names(arena, json("[\"a\",7,\"b\"]"), NULL, NULL, &names, &n);
    assert_int_equal(n, 2);
    lt_wire_names(arena, NULL, "id", NULL, &names, &n);
    assert_int_equal(n, 0);
    struct lt_buf many;
    lt_buf_init(&many, 1 << 20);
    lt_buf_put_str(&many, LT_STR("[\"\""));
    for (int i = 0; i < LT_WIRE_MODELS_MAX + 100; i++)
        lt_buf_printf(&many, ",\"m%d\"", i);
    lt_buf_putc(&many, ']');
    lt_buf_putc(&many, '\0');
    lt_wire_names(arena, json(lt_strz(arena, lt_str(many.p))), NULL, NULL, &names, &n);
    assert_int_equal(n, LT_WIRE_MODELS_MAX);
    lt_buf_free(&many);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(addresses_are_joined),
        T(segments_are_escaped),
        T(headers_are_set_once),
        T(the_model_is_the_actions_or_the_instances_or_the_vendors),
        T(a_thread_is_not_sent_where_none_is_kept),
        T(who_sets_a_member),
        T(a_body_has_a_limit),
        T(quirks_are_the_models_or_the_instances),
        T(lines_are_read_alike_however_they_are_cut),
        T(messages_are_read_alike_however_they_are_cut),
        T(a_body_without_a_type_is_looked_at),
        T(words_decide_what_a_status_hides),
        T(names_are_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
