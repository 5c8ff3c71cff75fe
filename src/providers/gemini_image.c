/*
 * Provider `gemini`, images: Imagen's predict, which makes several at once, and generateContent of the models that draw, which make one and are
 * asked again for each.
 * Fuzzed by tests/fuzz/fuzz_gemini.c.
 */
#include "providers/gemini.h"

enum {
    BASE64_MAX = (LT_IMAGE_MADE_BYTES_MAX + 2) / 3 * 4,
    ROOM = 1024 * 1024 /* bytes of an answer around its images */
};

/* ---- model and method ---- */

static bool begins(struct lt_str s, const char *front)
{
    return lt_str_starts(s, lt_str(front));
}

static bool holds(struct lt_str s, const char *part)
{
    return memmem(s.p, s.n, part, strlen(part)) != NULL;
}

bool lt_gemini_predicts(const struct lt_wire *w)
{
    struct lt_str method = lt_json_str(lt_wire_quirk(w, "image_method"));
    if (method.n > 0 && !lt_str_is(method, "auto"))
        return lt_str_is(method, "predict");
    return begins(lt_gemini_model(w), "imagen");
}

/* ---- requests ---- */

static const char *aspect_of(const struct lt_image_wish *wish)
{
    return wish->aspect == LT_IMAGE_LANDSCAPE ? "16:9" : wish->aspect == LT_IMAGE_PORTRAIT ? "9:16" : "1:1";
}

static void put_str(struct lt_wire *w, const char *key, const char *value, bool asked)
{
    if (lt_wire_may(w, key, asked) && value)
        lt_jw_kstrz(&w->jw, key, value);
}

/* Imagen 3 and the fast ones of Imagen 4 have one size. */
static bool has_sizes(struct lt_str model)
{
    return !begins(model, "imagen-3") && !holds(model, "-fast");
}

/* Google's own clients call the size sampleImageSize, its documentation imageSize; either is taken, and what is not known is not looked at. */
static void write_parameters(struct lt_wire *w, const struct lt_image_wish *wish)
{
    bool hd = wish->quality == LT_IMAGE_HD, sizes = has_sizes(lt_gemini_model(w));
    if (!lt_wire_open(w, "parameters"))
        return;
    lt_wire_int(w, "sampleCount", NULL, wish->count, 1);
    put_str(w, "aspectRatio", aspect_of(wish), true);
    put_str(w, "imageSize", sizes ? hd ? "2k" : "1k" : NULL, sizes);
    put_str(w, "sampleImageSize", sizes ? hd ? "2K" : "1K" : NULL, sizes);
    if (lt_wire_may(w, "includeRaiReason", false))
        lt_jw_kbool(&w->jw, "includeRaiReason", true);
    lt_wire_close(w);
}

/* The instance's `body` belongs to generateContent. */
enum lt_code lt_gemini_predict_body(struct lt_wire *w, struct lt_error *err)
{
    const struct lt_image_wish *wish = &w->run->call->image;
    struct lt_jw *j = &w->jw;
    lt_wire_begin(w);
    w->scope->theirs[2] = NULL;
    lt_wire_own(w, "model"); /* stands in the address */
    lt_wire_own(w, "instances");
    lt_jw_key(j, "instances");
    lt_jw_arr(j);
    lt_jw_obj(j);
    lt_jw_kstr(j, "prompt", wish->prompt);
    lt_jw_end(j);
    lt_jw_end(j);
    write_parameters(w, wish);
    return lt_wire_end(w, err);
}

/* Models before Gemini 3 have one size, and refuse to be asked for it. Here the size is written with a capital K. */
static void write_image_config(struct lt_wire *w, const struct lt_image_wish *wish)
{
    struct lt_jw *j = &w->jw;
    if (!lt_wire_may(w, "imageConfig", true))
        return;
    lt_jw_key(j, "imageConfig");
    lt_jw_obj(j);
    lt_jw_kstrz(j, "aspectRatio", aspect_of(wish));
    if (wish->quality == LT_IMAGE_HD && !begins(lt_gemini_model(w), "gemini-2"))
        lt_jw_kstrz(j, "imageSize", "2K");
    lt_jw_end(j);
}

enum lt_code lt_gemini_draw_body(struct lt_wire *w, struct lt_error *err)
{
    const struct lt_image_wish *wish = &w->run->call->image;
    struct lt_jw *j = &w->jw;
    lt_wire_begin(w);
    lt_wire_own(w, "model");
    lt_wire_own(w, "contents");
    lt_jw_key(j, "contents");
    lt_jw_arr(j);
    lt_jw_obj(j);
    lt_jw_kstrz(j, "role", "user");
    lt_jw_key(j, "parts");
    lt_jw_arr(j);
    lt_jw_obj(j);
    lt_jw_kstr(j, "text", wish->prompt);
    lt_jw_end(j);
    lt_jw_end(j);
    lt_jw_end(j);
    lt_jw_end(j);
    if (lt_wire_open(w, "generationConfig")) {
        if (lt_wire_may(w, "responseModalities", false)) {
            lt_jw_key(j, "responseModalities");
            lt_jw_arr(j);
            lt_jw_str(j, LT_STR("IMAGE"));
            lt_jw_end(j);
        }
        write_image_config(w, wish);
        lt_wire_close(w);
    }
    return lt_wire_end(w, err);
}

/* ---- answers ---- */

/* One more image; what goes beyond `max` is checked and left out. */
static enum lt_code take_image(struct lt_gemini_images *images, const struct lt_json *base64, const struct lt_json *revised, struct lt_error *err)
{
    struct lt_str bytes = lt_json_str(base64);
    if (!lt_json_is(base64, LT_JSON_STRING))
        return lt_wire_wrong_type(err, "image", base64);
    if (bytes.n == 0)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "an image of the answer is empty");
    if (bytes.n > BASE64_MAX)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "an image of the answer has %zu bytes of base64, at most %d are taken", bytes.n, BASE64_MAX);
    if (images->n < images->max)
        images->list[images->n++] = (struct lt_image_made){.base64 = bytes, .revised_prompt = lt_json_str_or(revised, LT_STR(""))};
    return LT_OK;
}

/* The first reason that is told for an image that is not there. */
static void note(struct lt_gemini_images *images, const char *what, struct lt_str reason)
{
    if (images->why.n == 0 && reason.n > 0)
        images->why = lt_printf(images->arena, "%s: %.*s", what, LT_FMT(reason));
}

enum lt_code lt_gemini_take_predictions(struct lt_gemini_images *images, const struct lt_json *answer, struct lt_error *err)
{
    const struct lt_json *list = lt_wire_get(answer, "predictions");
    if (!lt_json_is(answer, LT_JSON_OBJECT))
        return lt_wire_wrong_type(err, "body", answer);
    if (list && !lt_json_is(list, LT_JSON_ARRAY))
        return lt_wire_wrong_type(err, "predictions", list);
    enum lt_code code = LT_OK;
    for (size_t i = 0; !code && i < lt_json_len(list); i++) {
        const struct lt_json *prediction = lt_json_at(list, i), *bytes = lt_wire_get(prediction, "bytesBase64Encoded");
        if (!lt_json_is(prediction, LT_JSON_OBJECT))
            return lt_wire_wrong_type(err, "prediction", prediction);
        note(images, "raiFilteredReason", lt_json_str(lt_wire_get(prediction, "raiFilteredReason")));
        if (bytes)
            code = take_image(images, bytes, lt_wire_get(prediction, "prompt"), err);
    }
    if (images->n == 0 && (list || lt_json_len(answer) == 0)) /* where reasons are not told, what was filtered is just not there */
        note(images, "predictions", LT_STR("none"));
    return code;
}

/* Thoughts may be images too: drafts that nobody asked for. */
static enum lt_code take_part(struct lt_gemini_images *images, const struct lt_json *part, struct lt_error *err)
{
    const struct lt_json *data = lt_wire_get(part, "inlineData");
    if (!lt_json_is(part, LT_JSON_OBJECT))
        return lt_wire_wrong_type(err, "part", part);
    if (!data || lt_json_bool_or(lt_wire_get(part, "thought"), false))
        return LT_OK;
    if (!lt_json_is(data, LT_JSON_OBJECT))
        return lt_wire_wrong_type(err, "inlineData", data);
    return take_image(images, lt_wire_get(data, "data"), NULL, err);
}

static enum lt_code take_candidate(struct lt_gemini_images *images, const struct lt_json *candidate, struct lt_error *err)
{
    const struct lt_json *content = lt_wire_get(candidate, "content"), *parts = lt_wire_get(content, "parts");
    if (!lt_json_is(candidate, LT_JSON_OBJECT))
        return lt_wire_wrong_type(err, "candidate", candidate);
    if (content && !lt_json_is(content, LT_JSON_OBJECT))
        return lt_wire_wrong_type(err, "content", content);
    if (parts && !lt_json_is(parts, LT_JSON_ARRAY))
        return lt_wire_wrong_type(err, "parts", parts);
    note(images, "finishReason", lt_json_str(lt_wire_get(candidate, "finishReason")));
    enum lt_code code = LT_OK;
    for (size_t i = 0; !code && i < lt_json_len(parts); i++)
        code = take_part(images, lt_json_at(parts, i), err);
    return code;
}

enum lt_code lt_gemini_take_drawing(struct lt_gemini_images *images, const struct lt_json *answer, struct lt_error *err)
{
    const struct lt_json *candidates = lt_wire_get(answer, "candidates");
    if (!lt_json_is(answer, LT_JSON_OBJECT))
        return lt_wire_wrong_type(err, "body", answer);
    if (candidates && !lt_json_is(candidates, LT_JSON_ARRAY))
        return lt_wire_wrong_type(err, "candidates", candidates);
    note(images, "blockReason", lt_json_str(lt_json_at_pointer(answer, "/promptFeedback/blockReason")));
    enum lt_code code = LT_OK;
    for (size_t i = 0; !code && i < lt_json_len(candidates); i++)
        code = take_candidate(images, lt_json_at(candidates, i), err);
    return code;
}

/* ---- calls ---- */

static enum lt_code no_image(const struct lt_wire *w, const struct lt_gemini_images *images, struct lt_error *err)
{
    if (images->why.n == 0)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer has no image, and says nothing of why");
    struct lt_str why = lt_wire_presentable(images->arena, images->why, w->secret);
    return lt_fail(err, LT_ECONTENT_REFUSED, "the AI service made no image (%.*s)", LT_FMT(why));
}

static void add_up(int64_t *sum, int64_t more, bool first)
{
    if (more < 0 || (!first && *sum < 0) || __builtin_add_overflow(more, first ? 0 : *sum, sum))
        *sum = -1;
}

/* Thinking is paid for as the answer is. */
static void keep_usage(struct lt_provider_run *run, const struct lt_json *answer, bool first)
{
    const struct lt_json *usage = lt_wire_get(answer, "usageMetadata");
    int64_t made = lt_wire_count(usage, "candidatesTokenCount"), thought = lt_wire_count(usage, "thoughtsTokenCount");
    if (made >= 0 && thought > 0 && __builtin_add_overflow(made, thought, &made))
        made = -1;
    add_up(&run->result.usage.prompt_tokens, lt_wire_count(usage, "promptTokenCount"), first);
    add_up(&run->result.usage.completion_tokens, made, first);
    add_up(&run->result.usage.total_tokens, lt_wire_count(usage, "totalTokenCount"), first);
}

static enum lt_code ask_once(struct lt_wire *w, struct lt_str url, bool predict, struct lt_gemini_images *images, bool first, struct lt_error *err)
{
    const struct lt_json *answer;
    size_t max = (predict ? images->max : 1) * (size_t)BASE64_MAX + ROOM;
    enum lt_code code = predict ? lt_gemini_predict_body(w, err) : lt_gemini_draw_body(w, err);
    if (!code)
        code = lt_wire_fetch(w, url, &lt_gemini_format, max, &answer, err);
    lt_wire_done(w);
    if (code)
        return code;
    keep_usage(w->run, answer, first);
    if (first)
        w->run->result.response_id = lt_json_str(lt_wire_get(answer, "responseId"));
    return predict ? lt_gemini_take_predictions(images, answer, err) : lt_gemini_take_drawing(images, answer, err);
}

/* What has been made, and is paid for, is not thrown away because the next one could not be. */
static enum lt_code ask_until_enough(struct lt_wire *w, struct lt_str url, bool predict, struct lt_gemini_images *images, struct lt_error *err)
{
    enum lt_code code = LT_OK;
    for (size_t asked = 0; !code && images->n < images->max && asked < images->max; asked++) {
        code = ask_once(w, url, predict, images, asked == 0, err);
        if (predict || (!code && images->n == 0))
            break;
    }
    if (code && (images->n == 0 || code == LT_ECANCELLED))
        return code;
    return images->n > 0 ? LT_OK : no_image(w, images, err);
}

enum lt_code lt_gemini_draw(struct lt_wire *w, struct lt_error *err)
{
    struct lt_provider_run *run = w->run;
    const struct lt_image_wish *wish = &run->call->image;
    struct lt_image_made list[LT_IMAGES_MADE_MAX];
    struct lt_gemini_images images = {.arena = run->arena, .list = list, .max = LT_IMAGES_MADE_MAX};
    struct lt_str url;
    if (wish->count >= 1 && wish->count < LT_IMAGES_MADE_MAX)
        images.max = (size_t)wish->count;
    bool predict = lt_gemini_predicts(w);
    enum lt_code code = lt_gemini_url(w, predict ? "predict" : "generateContent", NULL, &url, err);
    if (!code)
        code = ask_until_enough(w, url, predict, &images, err);
    if (code)
        return code;
    struct lt_image_made *made = LT_NEW_ARRAY(run->arena, struct lt_image_made, images.n);
    memcpy(made, list, images.n * sizeof(*made));
    run->result.images = made;
    run->result.images_n = images.n;
    run->result.model = lt_gemini_model(w);
    return LT_OK;
}
