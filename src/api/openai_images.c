/* POST /openai/v1/images/generations: pictures as base64 or by links, in the form of OpenAI's images. */
#include "api/openai.h"
#include "base/secret.h"
#include "core/picture_file.h"
#include "io/worker.h"

enum { INPUT_MAX = 64 * 1024, ANSWER_MAX = LT_IMAGES_MADE_MAX * (LT_IMAGE_MADE_BYTES_MAX / 3 * 4 + 128 * 1024), SIDE_MAX = 100000 };

/* ---- the request ---- */

static struct lt_str word(struct lt_request *r, const char *key)
{
    return lt_json_str(lt_openai_get(r->body, key));
}

/* Only where it was said. */
static void put_word(struct lt_request *r, struct lt_jw *w, const char *key, const char *from)
{
    struct lt_str value = word(r, from);
    if (value.n > 0)
        lt_jw_kstr(w, key, value);
}

/* What would change the picture and cannot be had is refused; what only hints is taken. */
static enum lt_code check_served(struct lt_request *r, struct lt_error *err)
{
    if (lt_json_bool_or(lt_openai_get(r->body, "stream"), false))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/stream", "pictures are not streamed here");
    if (lt_str_is(word(r, "background"), "transparent"))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/background", "a transparent ground cannot be promised here");
    if (lt_json_int64_or(lt_openai_get(r->body, "output_compression"), 100) != 100)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/output_compression", "only 100 is served");
    return LT_OK;
}

/* 1024x1536, auto: services draw in sizes of their own, so the size says which way it lies. */
static enum lt_code read_size(struct lt_str size, const char **ret, struct lt_error *err)
{
    struct lt_str height = size, width = lt_str_cut(&height, 'x');
    int64_t w = 0, h = 0;
    *ret = NULL;
    if (size.n == 0 || lt_str_is(size, "auto"))
        return LT_OK;
    if (!lt_str_to_int64(width, &w) || !lt_str_to_int64(height, &h) || w < 1 || h < 1 || w > SIDE_MAX || h > SIDE_MAX)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/size", "must be auto, or width and height such as 1024x1536");
    *ret = w > h ? "landscape" : w < h ? "portrait" : "square";
    return LT_OK;
}

static enum lt_code read_quality(struct lt_str quality, const char **ret, struct lt_error *err)
{
    static const char *const words[] = {"standard", "low", "medium", "auto", "hd", "high"};
    enum { FIRST_HD = 4 };
    *ret = NULL;
    for (size_t i = 0; i < LT_COUNT(words); i++)
        if (lt_str_is(quality, words[i]))
            *ret = i >= FIRST_HD ? "hd" : "standard";
    if (quality.n > 0 && !*ret)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/quality", "must be standard, hd, low, medium, high or auto");
    return LT_OK;
}

static enum lt_code read_input(struct lt_request *r, const struct lt_json **ret, struct lt_error *err)
{
    const char *aspect, *quality;
    int64_t n = lt_json_int64_or(lt_openai_get(r->body, "n"), 1);
    if (check_served(r, err) || read_size(word(r, "size"), &aspect, err) || read_quality(word(r, "quality"), &quality, err))
        return err->code;
    if (n < 1 || n > LT_IMAGES_MADE_MAX)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/n", "must be from 1 to %d", LT_IMAGES_MADE_MAX);
    struct lt_buf buf;
    struct lt_jw w;
    lt_buf_init(&buf, INPUT_MAX);
    lt_jw_init(&w, &buf);
    lt_jw_obj(&w);
    lt_jw_kstr(&w, "prompt", word(r, "prompt"));
    lt_jw_kint(&w, "count", n);
    if (aspect)
        lt_jw_kstrz(&w, "aspect_ratio", aspect);
    if (quality)
        lt_jw_kstrz(&w, "quality", quality);
    put_word(r, &w, "style", "style");
    put_word(r, &w, "format", "output_format");
    lt_jw_end(&w);
    return lt_door_input(r, &buf, ret, err);
}

static enum lt_code read_request(struct lt_request *r, struct lt_door_target *target, struct lt_door_run *run, struct lt_error *err)
{
    struct lt_str model = word(r, "model");
    *run = (struct lt_door_run){.target = target};
    if (lt_door_enter(r, lt_openai_user(r), &run->place, err) ||
        lt_door_target_find(r, &run->place, LT_NEUTRAL_IMAGE, model.n > 0 ? model : LT_STR("action:generate_image"), target, err))
        return err->code;
    return read_input(r, &run->input, err);
}

/* ---- the answer ---- */

struct encoding {
    struct lt_arena *arena;
    struct lt_str bytes, text;
};

static void encode(void *arg)
{
    struct encoding *e = arg;
    e->text = lt_base64(e->arena, e->bytes.p, e->bytes.n);
}

/* On a worker: libsodium's base64 takes the same time whatever it encodes, half a second for the largest picture. */
static enum lt_code write_base64(struct lt_request *r, struct lt_jw *w, struct lt_str bytes, struct lt_error *err)
{
    struct encoding job = {.arena = r->arena, .bytes = bytes};
    if (lt_work(encode, &job))
        return lt_fail(err, LT_EOVERLOADED, "no worker is free to write the picture");
    lt_jw_kstr(w, "b64_json", job.text);
    return LT_OK;
}

static enum lt_code write_picture(struct lt_request *r, struct lt_jw *w, const struct lt_json *image, struct lt_error *err)
{
    const struct lt_json *file = lt_json_get(image, "draft_file");
    struct lt_picture_bytes picture;
    bool link = lt_str_is(word(r, "response_format"), "url");
    if (!link && lt_picture_read(r->api->options.store, r->arena, lt_manager_files_dir(r->api->options.manager), r->caller.site->id,
                                 lt_json_str(lt_json_get(file, "id")), &picture, err))
        return err->code;
    lt_jw_obj(w);
    if (link)
        lt_jw_kstr(w, "url", lt_printf(r->arena, "%s://%.*s%.*s", lt_request_scheme(r), LT_FMT(lt_request_host(r)),
                                       LT_FMT(lt_json_str(lt_json_get(file, "url")))));
    else if (write_base64(r, w, picture.bytes, err))
        return err->code;
    lt_jw_kstr(w, "revised_prompt", lt_json_str_or(lt_json_get(image, "revised_prompt"), LT_STR("")));
    lt_jw_end(w);
    return LT_OK;
}

static void write_usage(struct lt_jw *w, const struct lt_usage *usage)
{
    if (usage->total_tokens < 0 || usage->prompt_tokens < 0)
        return;
    lt_jw_key(w, "usage");
    lt_jw_obj(w);
    lt_jw_kint(w, "input_tokens", usage->prompt_tokens);
    lt_jw_kint(w, "output_tokens", usage->completion_tokens < 0 ? 0 : usage->completion_tokens);
    lt_jw_kint(w, "total_tokens", usage->total_tokens);
    lt_jw_end(w);
}

/* Size and format are those of the picture that was made, quality is the client's own word. */
static enum lt_code write_answer(struct lt_request *r, struct lt_jw *w, const struct lt_door_result *result, struct lt_error *err)
{
    const struct lt_json *images = lt_json_get(result->response, "images"), *file = lt_json_get(result->response, "draft_file");
    struct lt_str type = lt_json_str_or(lt_json_get(file, "media_type"), LT_STR("image/"));
    lt_jw_obj(w);
    lt_jw_kint(w, "created", result->created_at / 1000);
    lt_jw_kstr(w, "output_format", (struct lt_str){type.p + sizeof("image/") - 1, type.n - (sizeof("image/") - 1)});
    put_word(r, w, "quality", "quality");
    lt_jw_kstr(w, "size", lt_printf(r->arena, "%lldx%lld", (long long)lt_json_int64_or(lt_json_get(file, "width"), 0),
                                    (long long)lt_json_int64_or(lt_json_get(file, "height"), 0)));
    lt_jw_key(w, "data");
    lt_jw_arr(w);
    if (!images && write_picture(r, w, result->response, err))
        return err->code;
    for (size_t i = 0; i < lt_json_len(images); i++)
        if (write_picture(r, w, lt_json_at(images, i), err))
            return err->code;
    lt_jw_end(w);
    write_usage(w, &result->usage);
    lt_jw_end(w);
    return LT_OK;
}

static void reply(struct lt_request *r, const struct lt_door_result *result)
{
    struct lt_json_reply j;
    struct lt_error err;
    lt_buf_init(&j.buf, ANSWER_MAX);
    lt_jw_init(&j.w, &j.buf);
    if (!write_answer(r, &j.w, result, &err)) {
        lt_openai_json_end(r, &j, result->id_text);
        return;
    }
    lt_buf_free(&j.buf);
    lt_reply_problem(r, &err, result->id_text);
}

void lt_openai_post_images(struct lt_request *r)
{
    struct lt_error err;
    struct lt_door_target *target = LT_NEW(r->arena, struct lt_door_target);
    struct lt_door_run *run = LT_NEW(r->arena, struct lt_door_run);
    struct lt_door_result *result = LT_NEW(r->arena, struct lt_door_result);
    if (read_request(r, target, run, &err))
        lt_reply_problem(r, &err, NULL);
    else if (lt_door_run(r, run, result))
        lt_reply_problem(r, &result->error, result->recorded ? result->id_text : NULL);
    else
        reply(r, result);
}
