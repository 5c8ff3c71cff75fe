/* POST /openai/v1/embeddings: numbers, or base64 of them as float32 in little-endian order, which is what OpenAI's own clients ask for. */
#include "api/openai.h"
#include "base/secret.h"

enum { INPUT_MAX = 2 * LT_BODY_ACTION };

static enum lt_code put_texts(struct lt_jw *w, const struct lt_json *input, struct lt_error *err)
{
    bool one = lt_json_is(input, LT_JSON_STRING);
    lt_jw_arr(w);
    if (one)
        lt_jw_json(w, input);
    for (size_t i = 0; !one && i < lt_json_len(input); i++) {
        if (!lt_json_is(lt_json_at(input, i), LT_JSON_STRING))
            return lt_fail_field(err, LT_EINVALID_INPUT, "/input",
                                 "must be a text or a list of texts: tokens are not taken, since each model has its own");
        lt_jw_json(w, lt_json_at(input, i));
    }
    lt_jw_end(w);
    return LT_OK;
}

static enum lt_code read_input(struct lt_request *r, const struct lt_json **ret, struct lt_error *err)
{
    const struct lt_json *dimensions = lt_openai_get(r->body, "dimensions");
    struct lt_buf buf;
    struct lt_jw w;
    lt_buf_init(&buf, INPUT_MAX);
    lt_jw_init(&w, &buf);
    lt_jw_obj(&w);
    lt_jw_key(&w, "texts");
    if (put_texts(&w, lt_json_get(r->body, "input"), err)) {
        lt_buf_free(&buf);
        return err->code;
    }
    if (dimensions)
        lt_jw_kjson(&w, "dimensions", dimensions);
    lt_jw_end(&w);
    return lt_door_input(r, &buf, ret, err);
}

static enum lt_code read_request(struct lt_request *r, struct lt_door_target *target, struct lt_door_run *run, struct lt_error *err)
{
    *run = (struct lt_door_run){.target = target};
    if (lt_door_enter(r, lt_openai_user(r), &run->place, err) ||
        lt_door_target_find(r, &run->place, LT_NEUTRAL_EMBEDDING, lt_json_str(lt_json_get(r->body, "model")), target, err))
        return err->code;
    return read_input(r, &run->input, err);
}

static struct lt_str packed(struct lt_arena *arena, const struct lt_json *vector)
{
    size_t n = lt_json_len(vector);
    unsigned char *bytes = lt_alloc(arena, 4 * n);
    for (size_t i = 0; i < n; i++) {
        float value = (float)lt_json_double_or(lt_json_at(vector, i), 0);
        uint32_t bits;
        memcpy(&bits, &value, sizeof(bits));
        for (int k = 0; k < 4; k++)
            bytes[4 * i + (size_t)k] = (unsigned char)(bits >> 8 * k);
    }
    return lt_base64(arena, bytes, 4 * n);
}

static void write_answer(struct lt_request *r, struct lt_jw *w, const struct lt_door_result *result)
{
    const struct lt_json *vectors = lt_json_get(result->response, "embeddings");
    bool pack = lt_str_is(lt_json_str(lt_json_get(r->body, "encoding_format")), "base64");
    lt_jw_obj(w);
    lt_jw_kstrz(w, "object", "list");
    lt_jw_key(w, "data");
    lt_jw_arr(w);
    for (size_t i = 0; i < lt_json_len(vectors); i++) {
        lt_jw_obj(w);
        lt_jw_kstrz(w, "object", "embedding");
        lt_jw_kint(w, "index", (int64_t)i);
        if (pack)
            lt_jw_kstr(w, "embedding", packed(r->arena, lt_json_at(vectors, i)));
        else
            lt_jw_kjson(w, "embedding", lt_json_at(vectors, i));
        lt_jw_end(w);
    }
    lt_jw_end(w);
    lt_jw_kstr(w, "model", result->model);
    lt_jw_key(w, "usage");
    lt_openai_write_usage(w, &result->usage, false);
    lt_jw_end(w);
}

void lt_openai_post_embeddings(struct lt_request *r)
{
    struct lt_error err;
    struct lt_door_target *target = LT_NEW(r->arena, struct lt_door_target);
    struct lt_door_run *run = LT_NEW(r->arena, struct lt_door_run);
    struct lt_door_result *result = LT_NEW(r->arena, struct lt_door_result);
    if (read_request(r, target, run, &err)) {
        lt_reply_problem(r, &err, NULL);
    } else if (lt_door_run(r, run, result)) {
        lt_reply_problem(r, &result->error, result->recorded ? result->id_text : NULL);
    } else {
        struct lt_json_reply j;
        write_answer(r, lt_json_begin(&j), result);
        lt_openai_json_end(r, &j, result->id_text);
    }
}
