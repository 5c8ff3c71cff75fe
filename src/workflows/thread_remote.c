/* The remote thread: from the last kept answer to the ones before it. The service is asked through the manager's side (core/probe.h). */
#include "workflows/thread.h"

#include "base/clock.h"
#include "core/probe.h"

/* What a walk has found, the newest first: an answer, or why there is none. */
struct step {
    struct lt_str id;
    struct lt_kept_response response;
    struct lt_str error; /* p == NULL: the answer is there */
};

/* ---- writing ---- */

static void put_time(struct lt_jw *w, int64_t seconds)
{
    char text[25] = "";
    if (seconds > 0 && seconds < INT64_MAX / 1000)
        lt_time_format(seconds * 1000, text);
    lt_jw_kstr_nonempty(w, "created_at", lt_str(text));
}

static void put_response(struct lt_jw *w, struct lt_arena *arena, const struct lt_kept_response *r)
{
    lt_jw_obj(w);
    lt_jw_kstr(w, "id", r->id);
    put_time(w, r->created_at);
    lt_jw_kstr_nonempty(w, "model", r->model);
    lt_jw_kstr_nonempty(w, "previous_response_id", r->previous_response_id);
    lt_jw_key(w, "tokens");
    if (r->usage.total_tokens >= 0)
        lt_jw_int(w, r->usage.total_tokens);
    else
        lt_jw_null(w);
    lt_jw_key(w, "input");
    lt_jw_arr(w);
    for (size_t i = 0; i < r->input_n; i++)
        lt_thread_write_input(w, arena, r->input[i]);
    lt_jw_end(w);
    lt_jw_key(w, "output");
    lt_jw_arr(w);
    for (size_t i = 0; i < r->output_n; i++)
        lt_thread_write_output(w, arena, r->output[i]);
    lt_jw_end(w);
    lt_jw_end(w);
}

static enum lt_code write_steps(struct lt_arena *arena, const struct step *steps, size_t n, struct lt_str *ret, struct lt_error *err)
{
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, LT_THREAD_TEXT_MAX);
    lt_jw_init(&w, &out);
    lt_jw_arr(&w);
    for (size_t i = n; i > 0; i--) {
        const struct step *s = &steps[i - 1];
        if (!s->error.p) {
            put_response(&w, arena, &s->response);
            continue;
        }
        lt_jw_obj(&w);
        lt_jw_kstr(&w, "id", s->id);
        lt_jw_kstr(&w, "error", s->error);
        lt_jw_end(&w);
    }
    lt_jw_end(&w);
    *ret = lt_str_copy(arena, lt_buf_str(&out));
    bool failed = out.failed;
    lt_buf_free(&out);
    return failed ? lt_fail(err, LT_EUPSTREAM_INVALID, "the remote thread is longer than %d bytes", LT_THREAD_TEXT_MAX) : LT_OK;
}

/* ---- walking ---- */

/* The service is not to lead us in a ring. */
static bool seen(const struct step *steps, size_t n, struct lt_str id)
{
    for (size_t i = 0; i < n; i++)
        if (lt_str_eq(steps[i].id, id))
            return true;
    return false;
}

enum lt_code lt_thread_walk(struct lt_arena *arena, struct lt_str response_id, lt_response_fetch fetch, void *ctx, struct lt_str *ret,
                            struct lt_error *err)
{
    struct step *steps = LT_NEW_ARRAY(arena, struct step, LT_THREAD_RESPONSES_MAX + 1);
    size_t n = 0;
    struct lt_str id = response_id;
    while (id.n > 0) {
        struct step *s = &steps[n];
        struct lt_error why;
        bool ring = seen(steps, n, id);
        s->id = id;
        n++;
        if (ring) {
            s->error = LT_STR("the service names this answer as one before itself");
            break;
        }
        if (n > LT_THREAD_RESPONSES_MAX) {
            s->error = lt_printf(arena, "older than the last %d answers, which is as far as is looked", LT_THREAD_RESPONSES_MAX);
            break;
        }
        if (fetch(ctx, id, &s->response, &why)) {
            if (why.code == LT_ECANCELLED) {
                if (err)
                    *err = why;
                return why.code;
            }
            s->error = lt_printf(arena, "%s: %s", lt_code_name(why.code), why.detail);
            break;
        }
        id = s->response.previous_response_id;
    }
    return write_steps(arena, steps, n, ret, err);
}

/* ---- at a provider ---- */

struct at_provider {
    const struct lt_thread_request *request;
    const struct lt_provider_instance *instance;
    uint64_t deadline_ms;
};

static enum lt_code fetch_kept(void *ctx, struct lt_str response_id, struct lt_kept_response *ret, struct lt_error *err)
{
    struct at_provider *p = ctx;
    const struct lt_thread_request *q = p->request;
    if (!p->instance)
        return lt_fail(err, LT_ENOT_FOUND, "the provider instance that keeps it has been removed");
    return lt_provider_response(q->manager, q->arena, q->caller, p->instance, response_id, p->deadline_ms, ret, err);
}

static const struct lt_provider_instance *instance_of(const struct lt_site *site, int64_t id)
{
    for (size_t i = 0; i < site->instances_n; i++)
        if (site->instances[i]->id == id)
            return site->instances[i];
    return NULL;
}

enum lt_code lt_thread_remote(const struct lt_thread_request *q, struct lt_str *ret, struct lt_error *err)
{
    *ret = LT_STR("null");
    if (q->session->remote_response_id.n == 0)
        return LT_OK;
    struct at_provider p = {q, instance_of(q->caller->site, q->session->remote_instance_id), lt_loop_now(lt_loop_self()) + LT_THREAD_REMOTE_MS};
    return lt_thread_walk(q->arena, q->session->remote_response_id, fetch_kept, &p, ret, err);
}
