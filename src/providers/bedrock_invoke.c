/* Vectors and images of Bedrock, by InvokeModel: each family of models has a body of its own. */
#include "base/clock.h"
#include "providers/bedrock.h"

enum {
    COHERE_TEXTS_MAX = 96,
    VECTOR_BYTES_MAX = LT_WIRE_STREAM_MAX,
    IMAGE_TEXT_MAX = LT_IMAGE_MADE_BYTES_MAX / 3 * 4 + 1024 /* an image as base64 */
};

/* A member `error` of an answer tells of images that a filter withheld. */
static const struct lt_wire_format *image_format(struct lt_wire_format *format)
{
    *format = lt_bedrock_format;
    format->error_in_answer = true;
    return format;
}

/* An action's `extra` is meant for its own body; the instance's `body` is that of conversations. */
static void begin(struct lt_wire *w)
{
    lt_wire_begin(w);
    w->scope->theirs[2] = NULL;
}

/* Ends the body, signs it, asks. */
static enum lt_code ask(struct lt_bedrock *b, const struct lt_wire_format *format, size_t max, const struct lt_json **ret, struct lt_error *err)
{
    struct lt_str url = lt_bedrock_url(b, "invoke");
    enum lt_code code = lt_wire_end(&b->w, err);
    if (!code)
        code = lt_bedrock_sign(b, url, lt_now_ms() / 1000, err);
    if (!code)
        code = lt_wire_fetch(&b->w, url, format, max, ret, err);
    lt_wire_done(&b->w);
    return code;
}

static enum lt_code unknown_family(const char *what, struct lt_error *err)
{
    return lt_fail(err, LT_EUNSUPPORTED, "no model for %s is known by this name; set the model's own name, and an ARN as its cross_region_inference",
                   what);
}

/* ---- vectors ---- */

static void add_tokens(int64_t *all, int64_t n, bool first)
{
    if (n < 0 || (!first && *all < 0) || __builtin_add_overflow(n, first ? 0 : *all, all))
        *all = -1;
}

/* Titan takes one text a call. */
static enum lt_code embed_titan(struct lt_bedrock *b, size_t i, struct lt_error *err)
{
    struct lt_provider_run *run = b->w.run;
    const struct lt_json *answer;
    begin(&b->w);
    lt_wire_own(&b->w, "inputText");
    lt_jw_kstr(&b->w.jw, "inputText", run->call->texts[i]);
    lt_wire_int(&b->w, "dimensions", NULL, run->call->dimensions, 1);
    enum lt_code code = ask(b, &lt_bedrock_format, VECTOR_BYTES_MAX, &answer, err);
    if (!code)
        code = lt_wire_vector(run, i, lt_wire_get(answer, "embedding"), err);
    if (!code)
        add_tokens(&run->result.usage.prompt_tokens, lt_wire_count(answer, "inputTextTokenCount"), i == 0);
    return code;
}

/* Older models answer with a list, newer ones with lists by type; what they have read stands in the head of the answer alone. */
static enum lt_code embed_cohere(struct lt_bedrock *b, size_t first, size_t n, struct lt_error *err)
{
    struct lt_provider_run *run = b->w.run;
    struct lt_jw *j = &b->w.jw;
    const struct lt_json *answer;
    begin(&b->w);
    lt_wire_own(&b->w, "texts");
    lt_jw_key(j, "texts");
    lt_jw_arr(j);
    for (size_t i = first; i < first + n; i++)
        lt_jw_str(j, run->call->texts[i]);
    lt_jw_end(j);
    if (lt_wire_may(&b->w, "input_type", false))
        lt_jw_kstr(j, "input_type", lt_json_str_or(lt_wire_setting(&b->w, "task_type"), LT_STR("search_document")));
    lt_wire_int(&b->w, "output_dimension", NULL, run->call->dimensions, 1);
    enum lt_code code = ask(b, &lt_bedrock_format, VECTOR_BYTES_MAX, &answer, err);
    if (code)
        return code;
    add_tokens(&run->result.usage.prompt_tokens, b->w.input_tokens, first == 0);
    const struct lt_json *list = lt_wire_get(answer, "embeddings");
    if (lt_json_is(list, LT_JSON_OBJECT))
        list = lt_wire_get(list, "float");
    if (lt_json_len(list) != n)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer has %zu vectors for %zu texts", lt_json_len(list), n);
    for (size_t i = 0; !code && i < n; i++)
        code = lt_wire_vector(run, first + i, lt_json_at(list, i), err);
    return code;
}

enum lt_code lt_bedrock_embed(struct lt_bedrock *b, struct lt_error *err)
{
    struct lt_provider_run *run = b->w.run;
    size_t n = run->call->texts_n;
    bool titan = lt_bedrock_is(b, "amazon.titan-embed"), cohere = lt_bedrock_is(b, "cohere.embed");
    enum lt_code code = titan || cohere ? LT_OK : unknown_family("vectors", err);
    for (size_t i = 0; titan && !code && i < n; i++)
        code = embed_titan(b, i, err);
    for (size_t i = 0; !titan && !code && i < n; i += COHERE_TEXTS_MAX)
        code = embed_cohere(b, i, n - i < COHERE_TEXTS_MAX ? n - i : COHERE_TEXTS_MAX, err);
    if (!code)
        code = lt_wire_vectors_end(run, err);
    run->result.model = b->w.model;
    run->result.usage.total_tokens = run->result.usage.prompt_tokens;
    return code;
}

/* ---- images ---- */

struct size {
    int width, height;
};

/* By quality and aspect: standard, hd × square, landscape, portrait. */
static const struct size nova_sizes[2][3] = {{{1024, 1024}, {1024, 592}, {592, 1024}}, {{1792, 1792}, {1792, 1024}, {1024, 1792}}};
static const struct size titan_sizes[2][3] = {{{768, 768}, {1173, 640}, {384, 704}}, {{1024, 1024}, {1173, 640}, {768, 1408}}};
static const char *const stability_ratios[2][3] = {{"1:1", "16:9", "9:16"}, {"1:1", "3:2", "4:5"}};

static void write_amazon(struct lt_bedrock *b, const struct lt_image_wish *wish, int64_t count)
{
    struct lt_wire *w = &b->w;
    bool hd = wish->quality == LT_IMAGE_HD;
    const struct size *size = &(lt_bedrock_is(b, "amazon.titan") ? titan_sizes : nova_sizes)[hd][wish->aspect];
    lt_wire_own(w, "taskType");
    lt_jw_kstrz(&w->jw, "taskType", "TEXT_IMAGE");
    if (lt_wire_open(w, "textToImageParams")) {
        lt_wire_own(w, "text");
        lt_jw_kstr(&w->jw, "text", wish->prompt);
        lt_wire_close(w);
    }
    if (!lt_wire_open(w, "imageGenerationConfig"))
        return;
    lt_wire_int(w, "numberOfImages", NULL, count, 1);
    lt_wire_int(w, "width", NULL, size->width, 1);
    lt_wire_int(w, "height", NULL, size->height, 1);
    if (lt_wire_may(w, "quality", true))
        lt_jw_kstrz(&w->jw, "quality", hd ? "premium" : "standard");
    lt_wire_close(w);
}

static void write_stability(struct lt_wire *w, const struct lt_image_wish *wish)
{
    lt_wire_own(w, "prompt");
    lt_jw_kstr(&w->jw, "prompt", wish->prompt);
    if (lt_wire_may(w, "aspect_ratio", true))
        lt_jw_kstrz(&w->jw, "aspect_ratio", stability_ratios[wish->quality == LT_IMAGE_HD][wish->aspect]);
}

/* Without a mark of byte order and white space around it. */
static struct lt_str bare(struct lt_str s)
{
    s = lt_str_trim(s);
    if (lt_str_starts(s, LT_STR("\xEF\xBB\xBF")))
        s = lt_str_trim((struct lt_str){s.p + 3, s.n - 3});
    return s;
}

/* Amazon says why in `error`, Stability in the place of each image in `finish_reasons`. */
static struct lt_str filter_words(const struct lt_json *answer)
{
    struct lt_str words = lt_json_str(lt_wire_get(answer, "error"));
    const struct lt_json *reasons = lt_wire_get(answer, "finish_reasons");
    for (size_t i = 0; words.n == 0 && i < lt_json_len(reasons); i++)
        words = lt_json_str(lt_json_at(reasons, i));
    return words;
}

static enum lt_code refused(struct lt_bedrock *b, const struct lt_json *answer, struct lt_error *err)
{
    struct lt_str words = lt_wire_presentable(b->w.run->arena, filter_words(answer), b->w.secret);
    if (words.n == 0)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer has no images");
    b->w.run->result.refusal = words;
    return lt_fail(err, LT_ECONTENT_REFUSED, "the image was withheld: %.*s", LT_FMT(words));
}

/* Adds the answer's images, `most` at most; those that a filter withheld are missing or empty. */
static enum lt_code take_images(struct lt_bedrock *b, const struct lt_json *answer, int64_t most, struct lt_error *err)
{
    struct lt_neutral_result *r = &b->w.run->result;
    struct lt_image_made *made = (struct lt_image_made *)(uintptr_t)r->images; /* our own */
    const struct lt_json *images = lt_wire_get(answer, "images"), *reasons = lt_wire_get(answer, "finish_reasons");
    size_t before = r->images_n;
    if (images && !lt_json_is(images, LT_JSON_ARRAY))
        return lt_wire_wrong_type(err, "images", images);
    for (size_t i = 0; i < lt_json_len(images) && r->images_n < (size_t)most; i++) {
        const struct lt_json *image = lt_json_at(images, i);
        struct lt_str text = bare(lt_json_str(image));
        if (!lt_json_is(image, LT_JSON_STRING))
            return lt_wire_wrong_type(err, "image", image);
        if (text.n > IMAGE_TEXT_MAX)
            return lt_fail(err, LT_EUPSTREAM_INVALID, "an image of the answer has more than %d bytes", LT_IMAGE_MADE_BYTES_MAX);
        if (text.n > 0 && lt_json_str(lt_json_at(reasons, i)).n == 0)
            made[r->images_n++] = (struct lt_image_made){.base64 = text};
    }
    return r->images_n > before ? LT_OK : refused(b, answer, err);
}

/* Amazon's models make several at once, Stability's one a call. */
enum lt_code lt_bedrock_image(struct lt_bedrock *b, struct lt_error *err)
{
    struct lt_provider_run *run = b->w.run;
    const struct lt_image_wish *wish = &run->call->image;
    bool amazon = lt_bedrock_is(b, "amazon.nova-canvas") || lt_bedrock_is(b, "amazon.titan-image"), stability = lt_bedrock_is(b, "stability.");
    int64_t count = wish->count < 1 ? 1 : wish->count > LT_IMAGES_MADE_MAX ? LT_IMAGES_MADE_MAX : wish->count, each = amazon ? count : 1;
    struct lt_wire_format format;
    enum lt_code code = amazon || stability ? LT_OK : unknown_family("images", err);
    run->result.images = LT_NEW_ARRAY(run->arena, struct lt_image_made, LT_IMAGES_MADE_MAX);
    for (int64_t done = 0; !code && done < count; done += each) {
        const struct lt_json *answer;
        begin(&b->w);
        if (amazon)
            write_amazon(b, wish, each);
        else
            write_stability(&b->w, wish);
        code = ask(b, image_format(&format), (size_t)each * IMAGE_TEXT_MAX + 64 * 1024, &answer, err);
        if (!code)
            code = take_images(b, answer, count, err);
    }
    if (code == LT_ECONTENT_REFUSED && run->result.images_n > 0)
        code = LT_OK; /* some were made */
    run->result.model = b->w.model;
    return code;
}
