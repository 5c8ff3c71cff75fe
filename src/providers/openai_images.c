/*
 * Images that are made (OpenAI's API reference, "Create image"): the request's body, model by model, and the answer.
 * Fuzzed by tests/fuzz/fuzz_openai_images.c.
 */
#include "providers/openai_family.h"

enum {
    BASE64_MAX = (LT_IMAGE_MADE_BYTES_MAX + 2) / 3 * 4, /* characters of one image */
    IMAGE_MAX = BASE64_MAX + BASE64_MAX / 16,           /* the same with the ends of its lines */
    ROOM = 1024 * 1024,                                 /* bytes that an answer may have around its images */
    URL_MAX = 8192,
    REVISED_MAX = 64 * 1024,
    FIRST_BYTE_MS = 180 * 1000                          /* an image is made before the first byte of it comes */
};

/* What the models of a family take. */
struct family {
    const char *name;         /* stands in the model's name, or in the setting image_family */
    const char *sizes[3];     /* by enum lt_image_aspect */
    const char *qualities[2]; /* by enum lt_image_quality; NULL: it takes none */
    const char *form, *bytes; /* the member that asks for the bytes, and its value; NULL: it has none */
    bool style, many;         /* takes `style`; makes more than one image at a time */
};

static const struct family families[] = {
    {"dall-e-3", {"1024x1024", "1792x1024", "1024x1792"}, {"standard", "hd"}, "response_format", "b64_json", .style = true},
    {"dall-e-2", {"1024x1024", "1024x1024", "1024x1024"}, {NULL, NULL}, "response_format", "b64_json", .many = true},
    {"gpt-image", {"1024x1024", "1536x1024", "1024x1536"}, {"medium", "high"}, "output_format", "png", .many = true},
    {"other", {"1024x1024", "1536x1024", "1024x1536"}, {"medium", "high"}, NULL, NULL, .many = true}, /* of which nothing is known */
};
static const struct family *const other = &families[LT_COUNT(families) - 1];

static const struct family *family_named(const char *setting)
{
    for (size_t i = 0; setting && i < LT_COUNT(families); i++)
        if (strcmp(families[i].name, setting) == 0)
            return &families[i];
    return NULL;
}

/* As the setting says, else as the model is called, else as the vendor's models are. */
static const struct family *family_of(const struct lt_wire *w)
{
    const struct family *set = family_named(lt_strz(w->run->arena, lt_json_str(lt_wire_quirk(w, "image_family"))));
    for (size_t i = 0; !set && &families[i] != other; i++)
        if (memmem(w->model.p, w->model.n, families[i].name, strlen(families[i].name)))
            set = &families[i];
    if (!set)
        set = family_named(lt_openai_vendor(w)->image_family);
    return set ? set : other;
}

/* ---- the request ---- */

static void write_word(struct lt_wire *w, const char *key, const char *value)
{
    if (lt_wire_may(w, key, false) && value)
        lt_jw_kstrz(&w->jw, key, value);
}

static enum lt_code write_body(struct lt_wire *w, const struct family *family, struct lt_error *err)
{
    const struct lt_image_wish *wish = &w->run->call->image;
    lt_wire_begin(w);
    lt_openai_write_model(w);
    lt_openai_write_user(w);
    lt_wire_own(w, "prompt");
    lt_jw_kstr(&w->jw, "prompt", wish->prompt);
    lt_wire_own(w, "n");
    lt_jw_kint(&w->jw, "n", family->many ? wish->count : 1);
    write_word(w, "quality", family->qualities[wish->quality]);
    write_word(w, "size", family->sizes[wish->aspect]);
    if (family->style)
        write_word(w, "style", wish->style == LT_IMAGE_VIVID ? "vivid" : "natural");
    if (family->form)
        write_word(w, family->form, family->bytes);
    lt_wire_own(w, "stream"); /* what comes is read as one object */
    return lt_wire_end(w, err);
}

/* ---- the answer ---- */

static enum lt_code invalid(size_t i, const char *what, struct lt_error *err)
{
    return lt_fail(err, LT_EUPSTREAM_INVALID, "image %zu of the answer %s", i, what);
}

/* How many of the characters are no white space: vendors may break lines. */
static size_t dense(struct lt_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += (unsigned char)s.p[i] > ' ';
    return n;
}

static enum lt_code take_image(size_t i, const struct lt_json *v, struct lt_image_made *ret, struct lt_error *err)
{
    static const char comma[] = ";base64,";
    struct lt_str base64 = lt_json_str(lt_wire_get(v, "b64_json")), url = lt_json_str(lt_wire_get(v, "url"));
    const char *data = base64.n == 0 && lt_str_starts(url, LT_STR("data:")) ? memmem(url.p, url.n, comma, strlen(comma)) : NULL;
    if (data) { /* the bytes, in the place of an address */
        base64 = (struct lt_str){data + strlen(comma), (size_t)(url.p + url.n - data) - strlen(comma)};
        url = LT_STR_NULL;
    }
    if (base64.n == 0 && url.n == 0)
        return invalid(i, "has neither b64_json nor url", err);
    if (base64.n > IMAGE_MAX || dense(base64) > BASE64_MAX)
        return invalid(i, "is too large", err);
    if (base64.n == 0 && url.n > URL_MAX)
        return invalid(i, "has an address that is too long", err);
    struct lt_str revised = lt_json_str_or(lt_wire_get(v, "revised_prompt"), LT_STR(""));
    if (revised.n > REVISED_MAX)
        revised.n = lt_utf8_whole(revised.p, REVISED_MAX);
    *ret = (struct lt_image_made){.base64 = base64, .url = base64.n > 0 ? LT_STR_NULL : url, .revised_prompt = revised};
    return LT_OK;
}

/* Unknown stays unknown: what one answer of several does not say makes the sum none. */
static int64_t sum(int64_t a, int64_t b)
{
    return a < 0 || b < 0 || a > INT64_MAX - b ? -1 : a + b;
}

static struct lt_usage usage_of(const struct lt_json *usage)
{
    struct lt_usage u = {lt_wire_count(usage, "input_tokens"), lt_wire_count(usage, "output_tokens"), lt_wire_count(usage, "total_tokens"),
                         lt_wire_count(lt_wire_get(usage, "input_tokens_details"), "cached_tokens"), -1};
    if (u.total_tokens < 0)
        u.total_tokens = sum(u.prompt_tokens, u.completion_tokens);
    return u;
}

static void add_usage(struct lt_usage *to, const struct lt_usage *more)
{
    *to = (struct lt_usage){sum(to->prompt_tokens, more->prompt_tokens), sum(to->completion_tokens, more->completion_tokens),
                            sum(to->total_tokens, more->total_tokens), sum(to->cached_tokens, more->cached_tokens), -1};
}

enum lt_code lt_openai_take_images(struct lt_provider_run *run, const struct lt_json *answer, struct lt_error *err)
{
    struct lt_neutral_result *r = &run->result;
    const struct lt_json *data = lt_json_get(answer, "data");
    struct lt_usage usage = usage_of(lt_wire_get(answer, "usage"));
    size_t most = (size_t)run->call->image.count, before = r->images_n;
    if (!lt_json_is(data, LT_JSON_ARRAY))
        return lt_wire_wrong_type(err, "data", data);
    if (!r->images)
        r->images = LT_NEW_ARRAY(run->arena, struct lt_image_made, most);
    struct lt_image_made *images = (struct lt_image_made *)(uintptr_t)r->images;
    enum lt_code code = lt_json_len(data) == 0 ? lt_fail(err, LT_EUPSTREAM_INVALID, "the answer has no images") : LT_OK;
    for (size_t i = 0; i < lt_json_len(data) && r->images_n < most; i++) {
        enum lt_code one = take_image(i, lt_json_at(data, i), &images[r->images_n], err);
        if (one)
            code = one;
        else
            r->images_n++;
    }
    if (r->images_n == before)
        return code;
    if (before == 0)
        r->usage = usage;
    else
        add_usage(&r->usage, &usage);
    r->model = lt_json_str_or(lt_wire_get(answer, "model"), r->model);
    return LT_OK;
}

/* ---- the call ---- */

static enum lt_code ask(struct lt_wire *w, struct lt_str url, int64_t images, struct lt_error *err)
{
    const struct lt_json *answer;
    enum lt_code code = lt_wire_fetch(w, url, &lt_openai_chat_format, (size_t)images * IMAGE_MAX + ROOM, &answer, err);
    return code ? code : lt_openai_take_images(w->run, answer, err);
}

/*
 * A model that makes one image at a time is asked again while as much time is left as the last image took. What came is an answer, also
 * when a later request fails: it was made and is paid for.
 */
enum lt_code lt_openai_make_images(struct lt_wire *w, struct lt_error *err)
{
    struct lt_provider_run *run = w->run;
    const struct lt_image_wish *wish = &run->call->image;
    const struct family *family = family_of(w);
    if (wish->count < 1 || wish->count > LT_IMAGES_MADE_MAX)
        return lt_fail(err, LT_EINVALID_INPUT, "%lld images were asked for, from 1 to %d are possible", (long long)wish->count, LT_IMAGES_MADE_MAX);
    w->first_byte_ms = FIRST_BYTE_MS;
    run->result.model = w->model;
    enum lt_code code = write_body(w, family, err);
    struct lt_str url = lt_openai_url(w, "/images/generations", NULL);
    int64_t requests = family->many ? 1 : wish->count;
    uint64_t began, now = lt_loop_now(run->loop);
    for (int64_t i = 0; !code && i < requests; i++) {
        began = now;
        code = ask(w, url, wish->count / requests, err);
        now = lt_loop_now(run->loop);
        if (now + (now - began) >= run->deadline_ms)
            break;
    }
    return code && code != LT_ECANCELLED && run->result.images_n > 0 ? LT_OK : code;
}
