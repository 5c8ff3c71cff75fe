/*
 * The provider `gemini` makes images: the bodies that it writes, its reading of answers as a function over JSON, and whole calls against a server
 * that plays canned bytes. Numbers of cases are those of reference/moodle.md §(e).
 */
#include "provider_rig.h"

#include "providers/gemini.h"
#include "text/json_schema.h"

extern const struct lt_provider lt_provider_gemini;

#define OWN "{\"api_key\":\"k\",\"image_model\":\"" IMAGEN "\"}"
#define NATIVE "{\"api_key\":\"k\"}"
#define IMAGEN "imagen-4.0-generate-001"

/* ---- requests ---- */

static void call_new(const char *config, const char *settings)
{
    client_new_of(&lt_provider_gemini, "", settings, false);
    if (config)
        client.instance.config = json(config);
    client.call = (struct lt_neutral_call){.kind = LT_NEUTRAL_IMAGE, .image = {.prompt = LT_STR("A \"leaf\""), .count = 1}};
}

/* The body of a prepared call of `model`. */
static const char *body_of(const char *model)
{
    struct lt_wire w;
    if (lt_wire_prepare(&w, &client.run, &lt_gemini_vendor, &err))
        fail_msg("%s", err.detail);
    w.model = lt_str(model);
    enum lt_code code = lt_gemini_predicts(&w) ? lt_gemini_predict_body(&w, &err) : lt_gemini_draw_body(&w, &err);
    if (code)
        fail_msg("%s", err.detail);
    const char *z = lt_strz(arena, lt_buf_str(&w.body));
    lt_wire_done(&w);
    return z;
}

static const char *member(const char *text, const char *pointer)
{
    const struct lt_json *v = lt_json_at_pointer(json(text), pointer);
    return v ? lt_strz(arena, lt_json_text(arena, v)) : "absent";
}

/* Case 66. Google's clients and its documentation name the size differently: both are sent. */
static void case_66_aspects_and_qualities(void **state)
{
    static const struct {
        enum lt_image_aspect aspect;
        enum lt_image_quality quality;
        const char *ratio, *size, *sample_size, *drawn_size;
    } cases[] = {
        {LT_IMAGE_SQUARE, LT_IMAGE_STANDARD, "\"1:1\"", "\"1k\"", "\"1K\"", "absent"},
        {LT_IMAGE_PORTRAIT, LT_IMAGE_STANDARD, "\"9:16\"", "\"1k\"", "\"1K\"", "absent"},
        {LT_IMAGE_LANDSCAPE, LT_IMAGE_HD, "\"16:9\"", "\"2k\"", "\"2K\"", "\"2K\""},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        call_new(OWN, NULL);
        client.call.image.aspect = cases[i].aspect;
        client.call.image.quality = cases[i].quality;
        const char *text = body_of(IMAGEN);
        assert_string_equal(member(text, "/parameters/aspectRatio"), cases[i].ratio);
        assert_string_equal(member(text, "/parameters/imageSize"), cases[i].size);
        assert_string_equal(member(text, "/parameters/sampleImageSize"), cases[i].sample_size);
        text = body_of("gemini-3.1-flash-image");
        assert_string_equal(member(text, "/generationConfig/imageConfig/aspectRatio"), cases[i].ratio);
        assert_string_equal(member(text, "/generationConfig/imageConfig/imageSize"), cases[i].drawn_size);
    }
}

/* Case 67, and what stands beside it. */
static void case_67_bodies(void **state)
{
    call_new(OWN, NULL);
    client.call.image.quality = LT_IMAGE_HD;
    assert_string_equal(body_of(IMAGEN), "{\"instances\":[{\"prompt\":\"A \\\"leaf\\\"\"}],\"parameters\":{\"sampleCount\":1,\"aspectRatio\":\"1:1\","
                                         "\"imageSize\":\"2k\",\"sampleImageSize\":\"2K\",\"includeRaiReason\":true}}");
    assert_string_equal(body_of("gemini-x-image"),
                        "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"A \\\"leaf\\\"\"}]}],\"generationConfig\":{"
                        "\"responseModalities\":[\"IMAGE\"],\"imageConfig\":{\"aspectRatio\":\"1:1\",\"imageSize\":\"2K\"}}}");
    /* models of one size are not asked for another */
    static const char *const one_size[] = {"imagen-3.0-generate-002", "imagen-4.0-fast-generate-001"};
    for (size_t i = 0; i < LT_COUNT(one_size); i++)
        assert_string_equal(member(body_of(one_size[i]), "/parameters"), "{\"sampleCount\":1,\"aspectRatio\":\"1:1\",\"includeRaiReason\":true}");
    assert_string_equal(member(body_of("models/gemini-2.5-flash-image"), "/generationConfig/imageConfig"), "{\"aspectRatio\":\"1:1\"}");
    /* the caller's wishes go first, an action's `extra` adds, the instance's `body` is generateContent's alone */
    call_new("{\"api_key\":\"k\",\"body\":{\"safetySettings\":[],\"generationConfig\":{\"seed\":1}}}",
             "{\"extra\":{\"parameters\":{\"personGeneration\":\"dont_allow\",\"aspectRatio\":\"4:3\",\"includeRaiReason\":null},\"instances\":[],"
             "\"generationConfig\":{\"responseModalities\":[\"TEXT\",\"IMAGE\"]}}}");
    client.call.image.count = 3;
    const char *text = body_of("imagen-3");
    assert_string_equal(member(text, "/instances"), "[{\"prompt\":\"A \\\"leaf\\\"\"}]");
    assert_string_equal(member(text, "/parameters"), "{\"sampleCount\":3,\"aspectRatio\":\"1:1\",\"personGeneration\":\"dont_allow\"}");
    assert_string_equal(member(text, "/safetySettings"), "absent");
    text = body_of("gemini-x");
    assert_string_equal(member(text, "/generationConfig"),
                        "{\"responseModalities\":[\"TEXT\",\"IMAGE\"],\"imageConfig\":{\"aspectRatio\":\"1:1\"},\"seed\":1}");
    assert_string_equal(member(text, "/safetySettings"), "[]");
}

static void the_models_name_or_the_setting_says_how_images_are_asked_for(void **state)
{
    static const struct {
        const char *config, *model;
        bool predict;
    } cases[] = {
        {NATIVE, IMAGEN, true},
        {NATIVE, "models/imagen-9", true},
        {NATIVE, "gemini-3.1-flash-image", false},
        {NATIVE, "my-imagen", false},
        {"{\"api_key\":\"k\",\"image_method\":\"auto\"}", IMAGEN, true},
        {"{\"api_key\":\"k\",\"image_method\":\"predict\"}", "my-imagen", true},
        {"{\"api_key\":\"k\",\"image_method\":\"generateContent\"}", IMAGEN, false},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_wire w;
        call_new(cases[i].config, NULL);
        assert_int_equal(lt_wire_prepare(&w, &client.run, &lt_gemini_vendor, &err), LT_OK);
        w.model = lt_str(cases[i].model);
        assert_int_equal(lt_gemini_predicts(&w), cases[i].predict);
    }
}

/* ---- answers ---- */

#define PREDICTIONS(list) "{\"predictions\":[" list "]}"
#define IMAGE(bytes) "{\"mimeType\":\"image/png\",\"bytesBase64Encoded\":\"" bytes "\"}"
#define FILTERED(reason) "{\"raiFilteredReason\":\"" reason "\"}"
#define DRAWN(parts, reason) "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[" parts "]},\"finishReason\":\"" reason "\"}]}"
#define INLINE(bytes) "{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"" bytes "\"}}"

typedef enum lt_code (*take_fn)(struct lt_gemini_images *images, const struct lt_json *answer, struct lt_error *e);

/* Cases 68 and 69 as functions over JSON: bytes of the images joined by commas, or the reason that none is there. */
static void answers_are_read(void **state)
{
    static const struct {
        take_fn take;
        const char *answer;
        enum lt_code code;
        const char *images, *why;
    } cases[] = {
        {lt_gemini_take_predictions, PREDICTIONS(IMAGE("iVBO")), LT_OK, "iVBO", ""},
        {lt_gemini_take_predictions, PREDICTIONS(IMAGE("iVBO") "," IMAGE("R0lG")), LT_OK, "iVBO,R0lG", ""},
        {lt_gemini_take_predictions, PREDICTIONS(IMAGE("a") "," IMAGE("b") "," IMAGE("c") "," IMAGE("d")), LT_OK, "a,b,c", ""},
        {lt_gemini_take_predictions, PREDICTIONS(FILTERED("Unsafe.") "," IMAGE("iVBO")), LT_OK, "iVBO", "raiFilteredReason: Unsafe."},
        {lt_gemini_take_predictions, PREDICTIONS(FILTERED("Unsafe.") "," FILTERED("Other.")), LT_OK, "", "raiFilteredReason: Unsafe."},
        {lt_gemini_take_predictions, "{}", LT_OK, "", "predictions: none"},
        {lt_gemini_take_predictions, PREDICTIONS(""), LT_OK, "", "predictions: none"},
        {lt_gemini_take_predictions, "{\"predictions\":null,\"x\":1}", LT_OK, "", ""},
        {lt_gemini_take_predictions, "[]", LT_EUPSTREAM_INVALID, "", ""},
        {lt_gemini_take_predictions, "{\"predictions\":{}}", LT_EUPSTREAM_INVALID, "", ""},
        {lt_gemini_take_predictions, PREDICTIONS("7"), LT_EUPSTREAM_INVALID, "", ""},
        {lt_gemini_take_predictions, PREDICTIONS("{\"bytesBase64Encoded\":7}"), LT_EUPSTREAM_INVALID, "", ""},
        {lt_gemini_take_predictions, PREDICTIONS(IMAGE("")), LT_EUPSTREAM_INVALID, "", ""},
        {lt_gemini_take_drawing, DRAWN("{\"text\":\"Here it is.\"}," INLINE("iVBO"), "STOP"), LT_OK, "iVBO", NULL},
        {lt_gemini_take_drawing, DRAWN("{\"thought\":true,\"inlineData\":{\"data\":\"draft\"}}," INLINE("iVBO"), "STOP"), LT_OK, "iVBO", NULL},
        {lt_gemini_take_drawing, DRAWN(INLINE("a") "," INLINE("b") "," INLINE("c") "," INLINE("d"), "STOP"), LT_OK, "a,b,c", NULL},
        {lt_gemini_take_drawing, "{\"promptFeedback\":{\"blockReason\":\"PROHIBITED_CONTENT\"}}", LT_OK, "", "blockReason: PROHIBITED_CONTENT"},
        {lt_gemini_take_drawing, DRAWN("", "IMAGE_SAFETY"), LT_OK, "", "finishReason: IMAGE_SAFETY"},
        {lt_gemini_take_drawing, DRAWN("{\"text\":\"I cannot draw that.\"}", "STOP"), LT_OK, "", "finishReason: STOP"},
        {lt_gemini_take_drawing, "{\"candidates\":[{\"finishReason\":\"NO_IMAGE\"}]}", LT_OK, "", "finishReason: NO_IMAGE"},
        {lt_gemini_take_drawing, "{}", LT_OK, "", ""},
        {lt_gemini_take_drawing, "7", LT_EUPSTREAM_INVALID, "", ""},
        {lt_gemini_take_drawing, "{\"candidates\":7}", LT_EUPSTREAM_INVALID, "", ""},
        {lt_gemini_take_drawing, "{\"candidates\":[7]}", LT_EUPSTREAM_INVALID, "", ""},
        {lt_gemini_take_drawing, "{\"candidates\":[{\"content\":[]}]}", LT_EUPSTREAM_INVALID, "", ""},
        {lt_gemini_take_drawing, "{\"candidates\":[{\"content\":{\"parts\":{}}}]}", LT_EUPSTREAM_INVALID, "", ""},
        {lt_gemini_take_drawing, DRAWN("7", "STOP"), LT_EUPSTREAM_INVALID, "", ""},
        {lt_gemini_take_drawing, DRAWN("{\"inlineData\":7}", "STOP"), LT_EUPSTREAM_INVALID, "", ""},
        {lt_gemini_take_drawing, DRAWN("{\"inlineData\":{}}", "STOP"), LT_EUPSTREAM_INVALID, "", ""},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_image_made list[3];
        struct lt_gemini_images images = {.arena = arena, .list = list, .max = 3};
        struct lt_str joined = LT_STR("");
        enum lt_code code = cases[i].take(&images, json(cases[i].answer), &err);
        for (size_t k = 0; k < images.n; k++)
            joined = lt_printf(arena, "%.*s%s%.*s", LT_FMT(joined), k ? "," : "", LT_FMT(list[k].base64));
        bool as_said = code || (lt_str_is(joined, cases[i].images) && (!cases[i].why || lt_str_is(images.why, cases[i].why)));
        if (code != cases[i].code || !as_said)
            fail_msg("%s: %s '%.*s' '%.*s'", cases[i].answer, lt_code_name(code), LT_FMT(joined), LT_FMT(images.why));
    }
}

static void the_prompt_that_imagen_made_of_it_is_kept(void **state)
{
    struct lt_image_made list[2];
    struct lt_gemini_images images = {.arena = arena, .list = list, .max = 2};
    const char *answer = PREDICTIONS("{\"bytesBase64Encoded\":\"iVBO\",\"prompt\":\"A green leaf\"}," IMAGE("R0lG"));
    assert_int_equal(lt_gemini_take_predictions(&images, json(answer), &err), LT_OK);
    assert_text(list[0].revised_prompt, "A green leaf");
    assert_text(list[1].revised_prompt, "");
}

/* ---- whole calls ---- */

static void run_against(const char *more, int64_t count)
{
    server_start();
    client_new_of(&lt_provider_gemini, more, NULL, false);
    client.call = (struct lt_neutral_call){.kind = LT_NEUTRAL_IMAGE, .image = {.prompt = LT_STR("A leaf"), .count = count}};
    client_run();
    server_stop();
}

static void add_reply(const char *status, const char *text)
{
    add_play(reply_bytes(status, IS_JSON, text, false), 7, KEEP);
}

static void case_68_imagen_makes_them_in_one_call(void **state)
{
    for (int i = 0; i < 2; i++) /* the second is not asked for */
        add_reply("200 OK", PREDICTIONS(IMAGE("iVBO") "," FILTERED("Unsafe.") "," IMAGE("R0lG")));
    run_against("\"api_key\":\"AIza-1\",\"image_model\":\"models/" IMAGEN "\",\"model\":\"gemini-x\"", 3);
    assert_int_equal(client.code, LT_OK);
    const struct lt_neutral_result *r = &client.run.result;
    assert_int_equal(server.played, 1);
    assert_int_equal(r->images_n, 2);
    assert_text(r->images[0].base64, "iVBO");
    assert_text(r->images[1].base64, "R0lG");
    assert_int_equal(r->images[0].url.n, 0);
    assert_text(r->model, IMAGEN);
    assert_int_equal(r->usage.total_tokens, -1);
    assert_ptr_equal(strstr(server.requests[0], "POST /v1/models/" IMAGEN ":predict HTTP/1.1\r\n"), server.requests[0]);
    assert_non_null(strstr(server.requests[0], "\r\nx-goog-api-key: AIza-1\r\n"));
    assert_string_equal(member(request_body(0), "/parameters/sampleCount"), "3");
}

#define WITH_USAGE(parts)                                                                                                    \
    "{\"candidates\":[{\"content\":{\"parts\":[" parts "]},\"finishReason\":\"STOP\"}],\"responseId\":\"r1\","                  \
    "\"usageMetadata\":{\"promptTokenCount\":4,\"candidatesTokenCount\":1290,\"thoughtsTokenCount\":6,\"totalTokenCount\":1300}}"

static void a_model_that_draws_is_asked_again_for_each(void **state)
{
    add_reply("200 OK", WITH_USAGE(INLINE("iVBO")));
    add_reply("200 OK", WITH_USAGE(INLINE("R0lG") "," INLINE("UklG")));
    run_against("\"api_key\":\"k\",\"image_model\":\"gemini-x-image\"", 3);
    assert_int_equal(client.code, LT_OK);
    const struct lt_neutral_result *r = &client.run.result;
    assert_int_equal(server.played, 2); /* the second made two */
    assert_int_equal(r->images_n, 3);
    assert_text(r->images[2].base64, "UklG");
    assert_text(r->response_id, "r1");
    assert_int_equal(r->usage.prompt_tokens, 8);
    assert_int_equal(r->usage.completion_tokens, 2592);
    assert_int_equal(r->usage.total_tokens, 2600);
    assert_ptr_equal(strstr(server.requests[1], "POST /v1/models/gemini-x-image:generateContent HTTP/1.1\r\n"), server.requests[1]);
}

/* What is paid for is not thrown away. */
static void an_image_that_was_made_is_kept_when_the_next_fails(void **state)
{
    static const char *const then[][2] = {{"500 Internal Server Error", "{}"}, {"200 OK", DRAWN("", "IMAGE_SAFETY")}, {"200 OK", "7"}};
    for (size_t i = 0; i < LT_COUNT(then); i++) {
        server_forget();
        add_reply("200 OK", WITH_USAGE(INLINE("iVBO")));
        add_reply(then[i][0], then[i][1]);
        add_reply(then[i][0], then[i][1]);
        run_against("\"api_key\":\"k\",\"image_model\":\"gemini-x-image\"", 2);
        assert_int_equal(client.code, LT_OK);
        assert_int_equal(client.run.result.images_n, 1);
        assert_int_equal(server.played, 2);
    }
}

/* Cases 68 and 69: what the caller is told. */
static void case_68_69_faults_and_refusals(void **state)
{
    static const struct {
        const char *model, *status, *answer;
        enum lt_code code;
        const char *detail;
    } cases[] = {
        {IMAGEN, "401 Unauthorized", "{\"error\":{\"code\":401,\"message\":\"Invalid Authentication\",\"status\":\"UNAUTHENTICATED\"}}",
         LT_EUPSTREAM_UNAUTHORIZED, "Invalid Authentication"},
        {IMAGEN, "400 Bad Request", "{\"error\":{\"code\":400,\"message\":\"API key not valid.\",\"status\":\"INVALID_ARGUMENT\"}}",
         LT_EUPSTREAM_UNAUTHORIZED, "not valid"},
        {IMAGEN, "503 Service Unavailable", "{}", LT_EUPSTREAM_UNAVAILABLE, "Service Unavailable"},
        {IMAGEN, "200 OK", PREDICTIONS(FILTERED("Your prompt AIza-1 was blocked.")), LT_ECONTENT_REFUSED, "raiFilteredReason: Your prompt *** was"},
        {IMAGEN, "200 OK", "{}", LT_ECONTENT_REFUSED, "predictions: none"},
        {IMAGEN, "200 OK", "{\"ok\":1}", LT_EUPSTREAM_INVALID, "no image"},
        {IMAGEN, "200 OK", "{\"predictions\":", LT_EUPSTREAM_INVALID, "not JSON"},
        {"g", "200 OK", "{\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}", LT_ECONTENT_REFUSED, "blockReason: SAFETY"},
        {"g", "200 OK", DRAWN("{\"text\":\"No.\"}", "IMAGE_SAFETY"), LT_ECONTENT_REFUSED, "finishReason: IMAGE_SAFETY"},
        {"g", "200 OK", "{\"usageMetadata\":{}}", LT_EUPSTREAM_INVALID, "no image"},
        {"a/b", "200 OK", "{}", LT_ECONFIG, "name must hold no"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        server_forget();
        for (int k = 0; k < 4; k++)
            add_reply(cases[i].status, cases[i].answer);
        run_against(lt_strz(arena, lt_printf(arena, "\"api_key\":\"AIza-1\",\"image_model\":\"%s\"", cases[i].model)), 4);
        if (client.code != cases[i].code || !strstr(err.detail, cases[i].detail))
            fail_msg("%s: %s %s", cases[i].answer, lt_code_name(client.code), err.detail);
        assert_true(server.played <= 1); /* nobody pays to be refused again */
    }
}

static void the_model_for_images_is_found(void **state)
{
    static const struct {
        const char *config, *settings, *model;
    } cases[] = {
        {"\"image_model\":\"a\"", NULL, "a"},
        {"\"model\":\"a\",\"image_model\":\"b\"", NULL, "b"},
        {"\"model\":\"a\",\"image_model\":\"b\"", "{\"model\":\"c\"}", "c"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        server_forget();
        add_reply("200 OK", WITH_USAGE(INLINE("iVBO")));
        server_start();
        client_new_of(&lt_provider_gemini, cases[i].config, cases[i].settings, false);
        client.call = (struct lt_neutral_call){.kind = LT_NEUTRAL_IMAGE, .image = {.prompt = LT_STR("A leaf"), .count = 1}};
        assert_int_equal(client_run(), LT_OK);
        server_stop();
        assert_text(client.run.result.model, cases[i].model);
    }
}

static void the_settings_are_in_the_schema(void **state)
{
    const struct lt_schema *schema = NULL;
    assert_int_equal(lt_schema_compile_text(arena, lt_provider_gemini.settings_schema, &schema, &err), LT_OK);
    assert_int_equal(lt_schema_check(schema, json("{\"image_model\":\"" IMAGEN "\",\"image_method\":\"predict\"}"), &err), LT_OK);
    assert_int_equal(lt_schema_check(schema, json("{\"image_method\":\"draw\"}"), &err), LT_EINVALID_INPUT);
    assert_true(lt_provider_gemini.neutral & LT_NEUTRAL_IMAGE);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define S(name) cmocka_unit_test_setup_teardown(name, set_up_server, tear_down_server)
    const struct CMUnitTest tests[] = {
        S(case_66_aspects_and_qualities),
        S(case_67_bodies),
        S(the_models_name_or_the_setting_says_how_images_are_asked_for),
        T(answers_are_read),
        T(the_prompt_that_imagen_made_of_it_is_kept),
        S(case_68_imagen_makes_them_in_one_call),
        S(a_model_that_draws_is_asked_again_for_each),
        S(an_image_that_was_made_is_kept_when_the_next_fails),
        S(case_68_69_faults_and_refusals),
        S(the_model_for_images_is_found),
        T(the_settings_are_in_the_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
