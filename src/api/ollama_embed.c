/* POST /ollama/api/embed, and embeddings, its older form: texts as vectors. */
#include "api/door.h"
#include "api/ollama.h"

enum { TEXTS_MAX = 4 * LT_BODY_ACTION };

/* `input`: a text or a list of them; at the older address `prompt`. */
static const struct lt_json *texts_of(struct lt_request *r, bool old)
{
    return lt_json_get(r->body, old ? "prompt" : "input");
}

static bool is_nothing(const struct lt_json *texts)
{
    return lt_json_is(texts, LT_JSON_ARRAY) ? lt_json_len(texts) == 0 : lt_json_str(texts).n == 0;
}

static enum lt_code make_input(struct lt_request *r, const struct lt_json *texts, const struct lt_json **ret, struct lt_error *err)
{
    int64_t dimensions;
    struct lt_buf buf;
    struct lt_jw w;
    lt_buf_init(&buf, TEXTS_MAX);
    lt_jw_init(&w, &buf);
    lt_jw_obj(&w);
    lt_jw_key(&w, "texts");
    if (lt_json_is(texts, LT_JSON_ARRAY)) {
        lt_jw_json(&w, texts);
    } else {
        lt_jw_arr(&w);
        lt_jw_str(&w, lt_json_str(texts));
        lt_jw_end(&w);
    }
    if (lt_json_int64(lt_json_get(r->body, "dimensions"), &dimensions) && dimensions > 0)
        lt_jw_kint(&w, "dimensions", dimensions);
    lt_jw_end(&w);
    return lt_door_input(r, &buf, ret, err);
}

static void put_vectors(struct lt_jw *w, const struct lt_json *vectors, bool old)
{
    const struct lt_json *shown = old ? lt_json_at(vectors, 0) : vectors;
    lt_jw_key(w, old ? "embedding" : "embeddings");
    if (shown)
        lt_jw_json(w, shown);
    else
        lt_jw_raw(w, LT_STR("[]"));
}

static void answer(struct lt_request *r, bool old, const struct lt_json *vectors, int64_t tokens, uint64_t start_us)
{
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    if (!old)
        lt_jw_kstr(w, "model", lt_json_str(lt_json_get(r->body, "model")));
    put_vectors(w, vectors, old);
    if (!old) {
        lt_jw_kint(w, "total_duration", (int64_t)(lt_mono_us() - start_us) * 1000);
        lt_jw_kint(w, "load_duration", 0);
        lt_jw_kcount(w, "prompt_eval_count", tokens);
    }
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

/* The client knows its own names of the members. */
static void name_field(bool old, struct lt_error *err)
{
    if (lt_str_starts(lt_str(err->field), LT_STR("/texts")))
        snprintf(err->field, sizeof(err->field), "%s", old ? "/prompt" : "/input");
}

static void post(struct lt_request *r, bool old)
{
    uint64_t start_us = lt_mono_us();
    struct lt_error err;
    struct lt_place place;
    const struct lt_json *input, *texts = texts_of(r, old);
    struct lt_door_target *target = LT_NEW(r->arena, struct lt_door_target);
    struct lt_door_result *result = LT_NEW(r->arena, struct lt_door_result);
    if (lt_door_enter(r, lt_ollama_user(r), &place, &err) ||
        lt_door_target_find(r, &place, LT_NEUTRAL_EMBEDDING, lt_json_str(lt_json_get(r->body, "model")), target, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    if (is_nothing(texts)) { /* Ollama would load the model */
        answer(r, old, NULL, 0, start_us);
        return;
    }
    if (make_input(r, texts, &input, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    lt_door_run(r, &(struct lt_door_run){.target = target, .place = place, .input = input}, result);
    name_field(old, &result->error);
    if (result->error.code)
        lt_reply_problem(r, &result->error, result->recorded ? result->id_text : NULL);
    else
        answer(r, old, lt_json_get(result->response, "embeddings"), result->usage.prompt_tokens, start_us);
}

void lt_ollama_post_embed(struct lt_request *r)
{
    post(r, false);
}

void lt_ollama_post_embeddings(struct lt_request *r)
{
    post(r, true);
}
