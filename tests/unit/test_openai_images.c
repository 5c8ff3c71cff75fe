/*
 * Images of OpenAI's family: what is asked of each model, how often, and what an answer comes to. Tests that begin with a case's number restate
 * reference cases 54 to 57; that the images become files of the user's is the action's.
 */
#include "provider_rig.h"
#include "providers/openai_family.h"

extern const struct lt_provider lt_provider_azureai, lt_provider_openai, lt_provider_openai_compatible;

#define PNG "iVBORw0KGgo="
#define ANSWER(images) "{\"created\":1,\"data\":[" images "]}"
#define ONE "{\"b64_json\":\"" PNG "\",\"revised_prompt\":\"A red boat.\"}"
#define REFUSED(code) "{\"error\":{\"message\":\"Not this.\",\"type\":\"image_generation_user_error\",\"param\":null,\"code\":\"" code "\"}}"

static void wish_for(int64_t count)
{
    client.call = (struct lt_neutral_call){
        .kind = LT_NEUTRAL_IMAGE, .temperature = (double)NAN, .top_p = (double)NAN, .seed = -1, .image = {.prompt = LT_STR("A \"boat\""), .count = count}};
}

/* A call that is given these answers one after the other; NULL ends them. */
static enum lt_code make(const struct lt_provider *provider, const char *config, const char *settings, struct lt_image_wish wish,
                         const char *const *answers)
{
    server_forget();
    for (; *answers; answers++)
        add_play(reply_bytes(strstr(*answers, "\"error\"") ? "400 Bad Request" : "200 OK", IS_JSON, *answers, false), SIZE_MAX, KEEP);
    server_start();
    client_new_of(provider, config, settings, false);
    wish_for(wish.count > 0 ? wish.count : 1);
    client.call.image.aspect = wish.aspect;
    client.call.image.quality = wish.quality;
    client.call.image.style = wish.style;
    enum lt_code code = client_run();
    server_stop();
    return code;
}

static enum lt_code make_one(const struct lt_provider *provider, const char *config, const char *settings, struct lt_image_wish wish)
{
    return make(provider, config, settings, wish, (const char *const[]){ANSWER(ONE), NULL});
}

static void assert_sent(const char *key, const char *value)
{
    struct lt_str got = lt_json_str(lt_json_get(json(request_body(0)), key));
    if (value ? !lt_str_is(got, value) : lt_json_get(json(request_body(0)), key) != NULL)
        fail_msg("%s: expected %s in %s", key, value ? value : "none", request_body(0));
}

/* What a model is asked for, by the three shapes and the two qualities. Other words than these no action lets pass. */
struct asked {
    const struct lt_provider *provider;
    const char *config;
    const char *sizes[3], *qualities[2], *style, *response_format, *output_format;
};

static void check_asked(const struct asked *a)
{
    for (int aspect = 0; aspect < 3; aspect++)
        for (int quality = 0; quality < 2; quality++) {
            struct lt_image_wish wish = {.aspect = (enum lt_image_aspect)aspect, .quality = (enum lt_image_quality)quality, .style = LT_IMAGE_VIVID};
            assert_int_equal(make_one(a->provider, a->config, NULL, wish), LT_OK);
            assert_sent("size", a->sizes[aspect]);
            assert_sent("quality", a->qualities[quality]);
            assert_sent("style", a->style);
            assert_sent("response_format", a->response_format);
            assert_sent("output_format", a->output_format);
            assert_sent("prompt", "A \"boat\"");
            assert_sent("user", "u5e4");
            assert_int_equal(lt_json_int64_or(lt_json_get(json(request_body(0)), "n"), 0), 1);
        }
}

#define DALLE3_SIZES {"1024x1024", "1792x1024", "1024x1792"}
#define GPT_SIZES {"1024x1024", "1536x1024", "1024x1536"}
#define SQUARE {"1024x1024", "1024x1024", "1024x1024"}

static void case_54_the_sizes_of_dall_e_3(void **state)
{
    check_asked(&(struct asked){&lt_provider_openai, "\"image_model\":\"dall-e-3\"", DALLE3_SIZES, {"standard", "hd"}, "vivid", "b64_json", NULL});
}

static void case_55_the_body_for_dall_e_3(void **state)
{
    struct lt_image_wish wish = {.quality = LT_IMAGE_HD, .aspect = LT_IMAGE_LANDSCAPE};
    assert_int_equal(make_one(&lt_provider_openai, "\"image_model\":\"dall-e-3\",\"api_key\":\"k\"", NULL, wish), LT_OK);
    assert_string_equal(request_body(0),
                        "{\"model\":\"dall-e-3\",\"user\":\"u5e4\",\"prompt\":\"A \\\"boat\\\"\",\"n\":1,\"quality\":\"hd\","
                        "\"size\":\"1792x1024\",\"style\":\"natural\",\"response_format\":\"b64_json\"}");
    assert_int_equal(strncmp(server.requests[0], "POST /v1/images/generations HTTP/1.1\r\n", 38), 0);
    assert_non_null(strstr(server.requests[0], "\r\nAuthorization: Bearer k\r\n"));
}

static void case_56_gpt_image_has_other_words(void **state)
{
    check_asked(&(struct asked){&lt_provider_openai, "\"image_model\":\"gpt-image-1.5\"", GPT_SIZES, {"medium", "high"}, NULL, NULL, "png"});
}

static void case_57_an_image_and_what_became_of_the_prompt(void **state)
{
    static const char *const answers[] = {ANSWER(ONE), ANSWER("{\"b64_json\":\"" PNG "\"}"), ANSWER("{\"b64_json\":\"" PNG "\",\"revised_prompt\":null}")};
    for (size_t i = 0; i < LT_COUNT(answers); i++) {
        assert_int_equal(make(&lt_provider_openai, "\"image_model\":\"dall-e-3\"", NULL, (struct lt_image_wish){0},
                              (const char *const[]){answers[i], NULL}), LT_OK);
        const struct lt_neutral_result *r = &client.run.result;
        assert_int_equal(r->images_n, 1);
        assert_text(r->images[0].base64, PNG);
        assert_text(r->images[0].url, "");
        assert_text(r->images[0].revised_prompt, i == 0 ? "A red boat." : "");
        assert_text(r->model, "dall-e-3");
        assert_int_equal(r->usage.prompt_tokens, -1);
    }
}

static void other_models_and_servers_are_asked_in_their_words(void **state)
{
    const struct asked asked[] = {
        {&lt_provider_openai, "\"image_model\":\"dall-e-2\"", SQUARE, {NULL, NULL}, NULL, "b64_json", NULL},
        {&lt_provider_openai, "\"image_model\":\"chatgpt-image-latest\"", GPT_SIZES, {"medium", "high"}, NULL, NULL, "png"},
        {&lt_provider_openai_compatible, "\"image_model\":\"flux\"", GPT_SIZES, {"medium", "high"}, NULL, NULL, NULL},
        {&lt_provider_openai_compatible, "\"image_model\":\"flux\",\"models\":{\"flux\":{\"image_family\":\"gpt-image\"}}", GPT_SIZES,
         {"medium", "high"}, NULL, NULL, "png"},
        {&lt_provider_openai_compatible, "\"image_model\":\"my-dall-e-3\",\"image_family\":\"other\"", GPT_SIZES, {"medium", "high"}, NULL, NULL, NULL},
        {&lt_provider_azureai, "\"image_model\":\"pictures\"", DALLE3_SIZES, {"standard", "hd"}, "vivid", "b64_json", NULL},
        {&lt_provider_azureai, "\"image_model\":\"school-gpt-image-1\"", GPT_SIZES, {"medium", "high"}, NULL, NULL, "png"},
        {&lt_provider_azureai, "\"image_model\":\"pictures\",\"image_family\":\"gpt-image\"", GPT_SIZES, {"medium", "high"}, NULL, NULL, "png"},
    };
    for (size_t i = 0; i < LT_COUNT(asked); i++)
        check_asked(&asked[i]);
}

static void azure_has_the_deployment_in_the_address(void **state)
{
    assert_int_equal(make_one(&lt_provider_azureai, "\"image_model\":\"my pictures\",\"api_key\":\"k\",\"api_version\":\"2025-04-01-preview\"", NULL,
                              (struct lt_image_wish){.style = LT_IMAGE_VIVID}), LT_OK);
    assert_string_equal(request_body(0), "{\"user\":\"u5e4\",\"prompt\":\"A \\\"boat\\\"\",\"n\":1,\"quality\":\"standard\",\"size\":\"1024x1024\","
                                         "\"style\":\"vivid\",\"response_format\":\"b64_json\"}");
    assert_non_null(strstr(server.requests[0],
                           "POST /v1/openai/deployments/my%20pictures/images/generations?api-version=2025-04-01-preview HTTP/1.1\r\n"));
    assert_non_null(strstr(server.requests[0], "\r\napi-key: k\r\n"));
    assert_null(strstr(server.requests[0], "Bearer"));
}

static void extra_settings_are_added_and_go_first(void **state)
{
    assert_int_equal(make_one(&lt_provider_openai, "\"image_model\":\"gpt-image-1\",\"user\":false",
                              "{\"extra\":{\"background\":\"transparent\",\"quality\":\"low\",\"output_format\":null,\"n\":9,\"stream\":true,"
                              "\"prompt\":\"other\",\"model\":\"other\"}}", (struct lt_image_wish){0}), LT_OK);
    assert_string_equal(request_body(0), "{\"model\":\"gpt-image-1\",\"prompt\":\"A \\\"boat\\\"\",\"n\":1,\"quality\":\"low\",\"size\":\"1024x1024\","
                                         "\"background\":\"transparent\"}");
}

/* The model is the action's, or the instance's for images; one that writes is not asked. */
static void without_a_model_that_makes_images_nobody_is_asked(void **state)
{
    assert_int_equal(make_one(&lt_provider_openai_compatible, "\"image_model\":\"a\"", "{\"model\":\"b\"}", (struct lt_image_wish){0}), LT_OK);
    assert_sent("model", "b");
    assert_int_equal(make_one(&lt_provider_openai_compatible, "\"model\":\"m\"", NULL, (struct lt_image_wish){0}), LT_EUNSUPPORTED);
    assert_int_equal(server.played, 0);
    assert_int_equal(make_one(&lt_provider_openai, "\"image_model\":\"a\"", NULL, (struct lt_image_wish){.count = LT_IMAGES_MADE_MAX + 1}), LT_EINVALID_INPUT);
    assert_int_equal(server.played, 0);
}

#define USED(in, out) "{\"data\":[" ONE "],\"usage\":{\"input_tokens\":" in ",\"output_tokens\":" out ",\"input_tokens_details\":{\"cached_tokens\":1}}}"

/* dall-e-3 makes one at a time; the others are asked once, for all. */
static void several_images_come_at_once_or_one_by_one(void **state)
{
    struct lt_image_wish three = {.count = 3};
    const struct lt_neutral_result *r = &client.run.result;
    assert_int_equal(make(&lt_provider_openai, "\"image_model\":\"dall-e-3\"", NULL, three,
                          (const char *const[]){USED("5", "10"), USED("6", "20"), USED("7", "30"), NULL}), LT_OK);
    assert_int_equal(server.played, 3);
    assert_string_equal(request_body(0), request_body(2));
    assert_int_equal(r->images_n, 3);
    assert_int_equal(r->usage.prompt_tokens, 18);
    assert_int_equal(r->usage.completion_tokens, 60);
    assert_int_equal(r->usage.total_tokens, 78);
    assert_int_equal(r->usage.cached_tokens, 3);

    assert_int_equal(make(&lt_provider_openai, "\"image_model\":\"gpt-image-1\"", NULL, three, (const char *const[]){ANSWER(ONE "," ONE), NULL}), LT_OK);
    assert_int_equal(server.played, 1);
    assert_int_equal(lt_json_int64_or(lt_json_get(json(request_body(0)), "n"), 0), 3);
    assert_int_equal(r->images_n, 2); /* as many as came */
    assert_int_equal(make(&lt_provider_openai, "\"image_model\":\"gpt-image-1\"", NULL, (struct lt_image_wish){.count = 1},
                          (const char *const[]){ANSWER(ONE "," ONE), NULL}), LT_OK);
    assert_int_equal(r->images_n, 1); /* and no more than were asked for */
}

/* What came before a fault is an answer; usage that one of them did not tell is unknown. */
static void a_later_fault_leaves_what_came(void **state)
{
    static const char *const faults[] = {REFUSED("content_policy_violation"), ANSWER(""), "no JSON"};
    for (size_t i = 0; i < LT_COUNT(faults); i++) {
        assert_int_equal(make(&lt_provider_openai, "\"image_model\":\"dall-e-3\"", NULL, (struct lt_image_wish){.count = 4},
                              (const char *const[]){USED("5", "10"), ANSWER(ONE), faults[i], ANSWER(ONE), NULL}), LT_OK);
        assert_int_equal(server.played, 3);
        assert_int_equal(client.run.result.images_n, 2);
        assert_int_equal(client.run.result.usage.total_tokens, -1);
    }
}

static void a_refusal_is_not_tried_again(void **state)
{
    static const char *const codes[] = {REFUSED("content_policy_violation"), REFUSED("moderation_blocked"), REFUSED("contentFilter")};
    for (size_t i = 0; i < LT_COUNT(codes); i++) {
        assert_int_equal(make(&lt_provider_openai, "\"image_model\":\"dall-e-3\"", NULL, (struct lt_image_wish){.count = 2},
                              (const char *const[]){codes[i], ANSWER(ONE), NULL}), LT_ECONTENT_REFUSED);
        assert_int_equal(server.played, 1);
        assert_string_equal(err.detail, "Not this.");
    }
}

/* Another image is only begun while as much time is left as the last one took; when it is not done in time, the others are there. */
static void images_one_by_one_stay_within_the_deadline(void **state)
{
    for (int slow = 0; slow < 2; slow++) {
        server_forget();
        add_play(reply_bytes("200 OK", IS_JSON, ANSWER(ONE), false), SIZE_MAX, KEEP)->wait_ms = slow ? 1500 : 0;
        add_play(LT_STR(""), SIZE_MAX, STALL);
        server_start();
        client_new_of(&lt_provider_openai, "\"image_model\":\"dall-e-3\"", NULL, false);
        wish_for(2);
        client.deadline_ms = slow ? 2900 : 1000;
        assert_int_equal(client_run(), LT_OK);
        server_stop();
        assert_int_equal(server.played, slow ? 1 : 2);
        assert_int_equal(client.run.result.images_n, 1);
    }
}

static void a_cancelled_call_is_no_answer(void **state)
{
    server_forget();
    add_play(reply_bytes("200 OK", IS_JSON, ANSWER(ONE), false), SIZE_MAX, KEEP);
    add_play(LT_STR(""), SIZE_MAX, STALL);
    server_start();
    client_new_of(&lt_provider_openai, "\"image_model\":\"dall-e-3\"", NULL, false);
    wish_for(2);
    client.cancel_ms = 300;
    assert_int_equal(client_run(), LT_ECANCELLED);
    server_stop();
    assert_true(server.client_left);
}

/* ---- answers, as a pure function ---- */

static enum lt_code take(const char *answer, int64_t count)
{
    client.run = (struct lt_provider_run){.arena = arena, .call = &client.call};
    wish_for(count);
    client.run.result = (struct lt_neutral_result){.usage = LT_USAGE_UNKNOWN};
    return lt_openai_take_images(&client.run, json(answer), &err);
}

static void answers_are_read_whatever_was_asked_for(void **state)
{
    static const struct {
        const char *answer, *base64, *url; /* of the first image; both NULL: refused with `detail` */
        const char *detail;
        size_t n;
    } cases[] = {
        {ANSWER("{\"b64_json\":\"" PNG "\"}"), PNG, "", NULL, 1},
        {ANSWER("{\"url\":\"https://files.example/a.png?sig=1\"}"), "", "https://files.example/a.png?sig=1", NULL, 1},
        {ANSWER("{\"url\":\"https://files.example/a.png\",\"b64_json\":\"" PNG "\"}"), PNG, "", NULL, 1},
        {ANSWER("{\"url\":\"https://files.example/a.png\",\"b64_json\":null}"), "", "https://files.example/a.png", NULL, 1},
        {ANSWER("{\"url\":\"data:image/png;base64," PNG "\"}"), PNG, "", NULL, 1},
        {ANSWER("{\"b64_json\":\"iVBO\\nRw0K\\r\\nGgo=\"}"), "iVBO\nRw0K\r\nGgo=", "", NULL, 1},
        {ANSWER(ONE "," ONE ",{\"url\":\"https://files.example/c.png\"}"), PNG, "", NULL, 3},
        {ANSWER("{\"content_filter_results\":{}}," ONE), PNG, "", NULL, 1}, /* one of two was held back */
        {"{\"data\":[" ONE "],\"output_format\":\"webp\",\"size\":\"1024x1024\",\"model\":\"gpt-image-2\"}", PNG, "", NULL, 1},
        {ANSWER(""), NULL, NULL, "no images", 0},
        {ANSWER("{}"), NULL, NULL, "neither", 0},
        {ANSWER("{\"b64_json\":\"\"}"), NULL, NULL, "neither", 0},
        {ANSWER("{\"b64_json\":7,\"url\":[]}"), NULL, NULL, "neither", 0},
        {ANSWER("7"), NULL, NULL, "neither", 0},
        {"{\"data\":{\"b64_json\":\"" PNG "\"}}", NULL, NULL, "data is of type object", 0},
        {"{\"created\":1}", NULL, NULL, "data is of type absent", 0},
        {"[]", NULL, NULL, "data is of type absent", 0},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        enum lt_code code = take(cases[i].answer, 4);
        if (code != (cases[i].base64 ? LT_OK : LT_EUPSTREAM_INVALID) || client.run.result.images_n != cases[i].n)
            fail_msg("%s: %s, %zu images", cases[i].answer, lt_code_name(code), client.run.result.images_n);
        if (code) {
            assert_non_null(strstr(err.detail, cases[i].detail));
            continue;
        }
        assert_text(client.run.result.images[0].base64, cases[i].base64);
        assert_text(client.run.result.images[0].url, cases[i].url);
    }
}

static char *repeated(char c, size_t n)
{
    char *p = lt_alloc(arena, n + 1);
    memset(p, c, n);
    p[n] = '\0';
    return p;
}

/* Exactly 16 MiB are taken, also with white space between; a character more is not. */
static void an_image_has_a_largest_size(void **state)
{
    size_t most = ((size_t)LT_IMAGE_MADE_BYTES_MAX + 2) / 3 * 4;
    char *largest = repeated('A', most), *larger = repeated('A', most + 1), *url = repeated('u', 8193);
    assert_int_equal(take(lt_printf(arena, ANSWER("{\"b64_json\":\"%s\"}"), largest).p, 1), LT_OK);
    assert_int_equal(client.run.result.images[0].base64.n, most);
    assert_int_equal(take(lt_printf(arena, ANSWER("{\"b64_json\":\"  %s\\n\"}"), largest).p, 1), LT_OK);
    assert_int_equal(take(lt_printf(arena, ANSWER("{\"b64_json\":\"%s\"}"), larger).p, 1), LT_EUPSTREAM_INVALID);
    assert_non_null(strstr(err.detail, "too large"));
    assert_int_equal(take(lt_printf(arena, ANSWER("{\"b64_json\":\"AAAA%s\"}"), repeated(' ', most * 2)).p, 1), LT_EUPSTREAM_INVALID);
    assert_int_equal(take(lt_printf(arena, ANSWER("{\"url\":\"https://%s\"}"), url).p, 1), LT_EUPSTREAM_INVALID);
    assert_int_equal(take(lt_printf(arena, ANSWER("{\"b64_json\":\"AAAA\",\"revised_prompt\":\"%s\"}"), repeated('x', 70000)).p, 1), LT_OK);
    assert_int_equal(client.run.result.images[0].revised_prompt.n, 65536);
}

/* An answer above the 16 MiB of others is read. */
static void an_answer_may_be_larger_than_others(void **state)
{
    char *image = repeated('A', 5 * 1024 * 1024);
    struct lt_str body = lt_printf(arena, ANSWER("{\"b64_json\":\"%s\"},{\"b64_json\":\"%s\"},{\"b64_json\":\"%s\"},{\"b64_json\":\"%s\"}"), image, image,
                                   image, image);
    server_forget();
    add_play(lt_printf(arena, "HTTP/1.1 200 OK\r\n" IS_JSON "Content-Length: %zu\r\n\r\n%.*s", body.n, LT_FMT(body)), SIZE_MAX, KEEP);
    server_start();
    client_new_of(&lt_provider_openai, "\"image_model\":\"gpt-image-1\"", NULL, false);
    wish_for(4);
    assert_int_equal(client_run(), LT_OK);
    server_stop();
    assert_int_equal(client.run.result.images_n, 4);
    assert_int_equal(client.run.result.images[3].base64.n, strlen(image));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define S(name) cmocka_unit_test_setup_teardown(name, set_up_server, tear_down_server)
    const struct CMUnitTest tests[] = {
        S(case_54_the_sizes_of_dall_e_3),
        S(case_55_the_body_for_dall_e_3),
        S(case_56_gpt_image_has_other_words),
        S(case_57_an_image_and_what_became_of_the_prompt),
        S(other_models_and_servers_are_asked_in_their_words),
        S(azure_has_the_deployment_in_the_address),
        S(extra_settings_are_added_and_go_first),
        S(without_a_model_that_makes_images_nobody_is_asked),
        S(several_images_come_at_once_or_one_by_one),
        S(a_later_fault_leaves_what_came),
        S(a_refusal_is_not_tried_again),
        S(images_one_by_one_stay_within_the_deadline),
        S(a_cancelled_call_is_no_answer),
        T(answers_are_read_whatever_was_asked_for),
        T(an_image_has_a_largest_size),
        S(an_answer_may_be_larger_than_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
