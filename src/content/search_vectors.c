/* Vectors: asking for them, and comparing them. See search_vectors.h. */
#include "content/search_vectors.h"

#include <math.h>

#include "base/clock.h"
#include "core/registry.h"
#include "io/worker.h"
#include "text/json.h"

#define ACTION "embed_text"

static struct lt_str text_of(const struct lt_json *object, const char *key)
{
    return lt_json_str_or(lt_json_get(object, key), LT_STR(""));
}

static struct lt_str model_of(const struct lt_provider_instance *instance)
{
    const struct lt_json *settings = lt_json_get(lt_provider_action_entry(instance, ACTION), "settings");
    struct lt_str model = text_of(settings, "model");
    if (model.n == 0)
        model = text_of(instance->config, "embedding_model");
    return model.n > 0 ? model : text_of(instance->config, "model");
}

/* Course texts go to a vendor, for money, only where an administrator has said so: a provider's default model is no such word. */
static bool is_meant(const struct lt_provider_instance *instance)
{
    return lt_provider_action_entry(instance, ACTION) || text_of(instance->config, "embedding_model").n > 0;
}

struct lt_vectors_source lt_vectors_source_of(struct lt_arena *arena, const struct lt_site *site)
{
    const struct lt_entry *action = lt_registry_find(LT_KIND_ACTION, LT_STR(ACTION));
    struct lt_candidate *list;
    size_t n = action ? lt_provider_candidates(arena, site, action->impl, &list) : 0;
    for (size_t i = 0; i < n; i++)
        if (!list[i].reason && is_meant(list[i].instance))
            return (struct lt_vectors_source){list[i].instance->id, lt_printf(arena, "%lld %.*s", (long long)list[i].instance->id,
                                                                              LT_FMT(model_of(list[i].instance)))};
    return (struct lt_vectors_source){0, LT_STR("")};
}

/* ---- asking ---- */

static enum lt_code write_input(struct lt_arena *arena, const struct lt_str *texts, size_t n, const struct lt_json **ret, struct lt_error *err)
{
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, 4 << 20);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_key(&w, "texts");
    lt_jw_arr(&w);
    for (size_t i = 0; i < n; i++)
        lt_jw_str(&w, texts[i]);
    lt_jw_end(&w);
    lt_jw_end(&w);
    enum lt_code rc = out.failed ? lt_fail(err, LT_ETOO_LARGE, "the texts are too long for one call")
                                 : lt_json_parse(arena, lt_str_copy(arena, lt_buf_str(&out)), LT_JSON_STRICT, ret, err);
    lt_buf_free(&out);
    return rc;
}

static void normalise(float *v, size_t n)
{
    double square = 0;
    for (size_t i = 0; i < n; i++)
        square += (double)v[i] * (double)v[i];
    for (size_t i = 0; square > 0 && i < n; i++)
        v[i] = (float)((double)v[i] / sqrt(square));
}

static enum lt_code read_vectors(struct lt_arena *arena, const struct lt_call_result *result, size_t n, struct lt_vectors *ret, struct lt_error *err)
{
    const struct lt_json *response;
    if (lt_json_parse(arena, result->response, LT_JSON_STRICT, &response, err))
        return err->code;
    const struct lt_json *list = lt_json_get(response, "embeddings");
    *ret = (struct lt_vectors){.n = n, .dimension = lt_json_len(lt_json_at(list, 0)), .model = lt_str_copy(arena, result->model)};
    if (lt_json_len(list) != n || ret->dimension == 0 || ret->dimension > LT_VECTORS_DIMENSION_MAX)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "%zu vectors of %zu dimensions came for %zu texts", lt_json_len(list), ret->dimension, n);
    ret->values = LT_NEW_ARRAY(arena, float, n * ret->dimension);
    for (size_t i = 0; i < n; i++) {
        const struct lt_json *one = lt_json_at(list, i);
        float *v = ret->values + i * ret->dimension;
        if (lt_json_len(one) != ret->dimension)
            return lt_fail(err, LT_EUPSTREAM_INVALID, "vector %zu is of another dimension", i);
        for (size_t k = 0; k < ret->dimension; k++)
            v[k] = (float)lt_json_double_or(lt_json_at(one, k), 0);
        normalise(v, ret->dimension);
    }
    return LT_OK;
}

enum lt_code lt_vectors_make(const struct lt_vectors_asker *asker, struct lt_arena *arena, const struct lt_str *texts, size_t n,
                             struct lt_vectors *ret, struct lt_error *err)
{
    struct lt_call_request *request = LT_NEW(arena, struct lt_call_request);
    struct lt_call_profile *profile = LT_NEW(arena, struct lt_call_profile);
    struct lt_call_result *result = LT_NEW(arena, struct lt_call_result);
    *profile = (struct lt_call_profile){.provider = lt_printf(arena, "%lld", (long long)asker->source.instance_id), .own_form = true};
    *request = (struct lt_call_request){.arena = arena,
                                        .config = asker->config,
                                        .caller = asker->caller,
                                        .place = asker->place,
                                        .action = LT_STR(ACTION),
                                        .profile = profile,
                                        .policy_by_lms = asker->policy_by_lms};
    if (write_input(arena, texts, n, &request->input, err))
        return err->code;
    if (lt_process_action(asker->manager, request, result)) {
        *err = result->error;
        return err->code;
    }
    return read_vectors(arena, result, n, ret, err);
}

/* ---- comparing ---- */

struct scan {
    const struct lt_rows *rows;
    const struct lt_course_map *map;
    int64_t within;
    const struct lt_vectors *question;
    struct lt_vectors_hit *best;       /* sorted, the best first */
    size_t n, max;
};

/* Rows hold bytes, which may lie anywhere. */
static double cosine(const struct lt_vectors *question, struct lt_str blob)
{
    double sum = 0;
    for (size_t i = 0; i < question->dimension; i++) {
        float v;
        memcpy(&v, blob.p + i * sizeof(v), sizeof(v));
        sum += (double)v * (double)question->values[i];
    }
    return sum;
}

static void put_hit(struct scan *s, struct lt_vectors_hit hit)
{
    size_t i = s->n < s->max ? s->n : s->max - 1;
    if (s->n == s->max && hit.score <= s->best[i].score)
        return;
    for (; i > 0 && s->best[i - 1].score < hit.score; i--)
        s->best[i] = s->best[i - 1];
    s->best[i] = hit;
    s->n += s->n < s->max;
}

static void compare(void *arg)
{
    struct scan *s = arg;
    for (size_t i = 0; i < s->rows->rows; i++) {
        int64_t position = lt_rows_int_or(s->rows, i, 1, -1);
        struct lt_str blob = lt_rows_str(s->rows, i, 2);
        bool fits = position >= 0 && (size_t)position < s->map->n && s->map->spots[position].visible &&
                    blob.n == s->question->dimension * sizeof(float) && (s->within < 0 || lt_course_map_in(s->map, position, s->within));
        if (fits)
            put_hit(s, (struct lt_vectors_hit){lt_rows_int(s->rows, i, 0), position, cosine(s->question, blob)});
    }
}

enum lt_code lt_vectors_search(struct lt_store *store, struct lt_arena *arena, const struct lt_stored_course *course, const struct lt_course_map *map,
                               int64_t within, const struct lt_vectors *question, uint64_t deadline_ms, size_t max, struct lt_vectors_hit **ret,
                               size_t *ret_n, struct lt_error *err)
{
    struct scan s = {.map = map, .within = within, .question = question, .best = LT_NEW_ARRAY(arena, struct lt_vectors_hit, max), .max = max};
    enum lt_code rc = LT_OK;
    int64_t after = 0;
    for (bool more = true; more && rc == LT_OK;) {
        struct lt_arena *batch = lt_arena_new();
        struct lt_rows r;
        if (lt_mono_ms() >= deadline_ms)
            rc = lt_fail(err, LT_ETIMEOUT, "the course has too many vectors to look at in time");
        if (rc == LT_OK)
            rc = LT_QUERY(store, batch, &r, err,
                          "SELECT v.chunk, b.position, v.vector FROM course_vector v JOIN course_chunk k ON k.id = v.chunk "
                          "LEFT JOIN course_block b ON b.course = k.course AND b.revision = $1 AND b.block_id = k.block_id AND b.sha256 = k.sha256 "
                          "WHERE v.course = $2 AND v.chunk > $3 AND v.model = $4 ORDER BY v.chunk LIMIT $5",
                          LT_INT(course->revision), LT_INT(course->id), LT_INT(after), lt_value_text(question->model), LT_INT(LT_VECTORS_SCAN));
        if (rc == LT_OK && r.rows > 0) {
            s.rows = &r;
            rc = lt_work(compare, &s) ? lt_fail(err, LT_EOVERLOADED, "no worker is free to compare vectors") : LT_OK;
            after = lt_rows_int(&r, r.rows - 1, 0);
        }
        more = rc == LT_OK && r.rows == LT_VECTORS_SCAN;
        lt_arena_free(batch);
    }
    *ret = s.best;
    *ret_n = s.n;
    return rc;
}
