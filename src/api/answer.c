/* One shape for all answers. */
#include "api/answer.h"

#include <stdio.h>

#include "core/trace.h"

/* Money is for those who may see it; never for a learner. Unknown is not 0. */
static void put_cost(struct lt_request *r, struct lt_jw *w, int64_t cost)
{
    if (cost < 0 || r->caller.is_user || !lt_permitted(&r->caller, "view_cost", LT_STR_NULL))
        return;
    lt_jw_kint(w, "cost", cost);
    lt_jw_kstr(w, "currency", r->caller.site->currency);
}

static void put_usage(struct lt_request *r, struct lt_jw *w, const struct lt_usage *usage, int64_t cost)
{
    lt_jw_key(w, "usage");
    lt_jw_obj(w);
    lt_jw_kcount(w, "prompt_tokens", usage->prompt_tokens);
    lt_jw_kcount(w, "completion_tokens", usage->completion_tokens);
    lt_jw_kcount(w, "total_tokens", usage->total_tokens);
    put_cost(r, w, cost);
    lt_jw_end(w);
}

static void put_attempts(struct lt_jw *w, const struct lt_call_result *result)
{
    lt_jw_key(w, "attempts");
    lt_jw_arr(w);
    for (size_t i = 0; i < result->attempts_n; i++) {
        const struct lt_attempt *a = &result->attempts[i];
        lt_jw_obj(w);
        lt_jw_kstr(w, "provider", a->instance->name);
        lt_jw_kbool(w, "success", a->success);
        lt_jw_kstrz(w, "code", lt_code_name(a->code));
        lt_jw_kint(w, "duration_ms", a->duration_ms);
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

void lt_answer_write(struct lt_request *r, struct lt_jw *w, const struct lt_call_result *result)
{
    lt_jw_obj(w);
    lt_jw_kstrz(w, "id", result->id_text);
    lt_jw_kstrz(w, "action", result->action->name);
    lt_jw_kbool(w, "success", true);
    lt_jw_key(w, "response");
    lt_jw_raw(w, result->response);
    if (!r->caller.is_user) {
        lt_jw_key(w, "provider");
        lt_jw_obj(w);
        lt_jw_kint(w, "id", result->instance->id);
        lt_jw_kstr(w, "name", result->instance->name);
        lt_jw_kstr(w, "plugin", result->instance->plugin);
        lt_jw_end(w);
        lt_jw_kstr(w, "model", result->model);
    }
    put_usage(r, w, &result->usage, result->cost);
    if (!r->caller.is_user)
        put_attempts(w, result);
    lt_jw_ktime(w, "created_at", result->created_at);
    lt_jw_ktime(w, "completed_at", result->completed_at);
    lt_trace_put(w, r->trace);
    lt_jw_end(w);
}

void lt_answer_stored_error(const struct lt_register_call *call, struct lt_error *ret)
{
    lt_fail(ret, lt_code_parse(call->code, LT_EINTERRUPTED), "%.*s", LT_FMT(call->detail));
}

void lt_answer_write_stored(struct lt_request *r, struct lt_jw *w, const struct lt_register_call *call, struct lt_str attempts)
{
    bool completed = lt_str_is(call->state, "completed"), running = lt_str_is(call->state, "running");
    lt_jw_obj(w);
    lt_jw_kstrz(w, "id", call->id);
    lt_jw_kstr(w, "action", call->action);
    lt_jw_kstr(w, "state", call->state);
    lt_jw_kbool(w, "success", completed);
    lt_jw_kbool(w, "content_stored", call->content_stored);
    lt_jw_key(w, "response");
    lt_jw_raw(w, completed && call->response.n ? call->response : LT_STR("{}"));
    if (!completed && !running) {
        struct lt_error err;
        lt_answer_stored_error(call, &err);
        lt_jw_key(w, "error");
        lt_problem_write(r, w, &err, call->id);
    }
    if (call->partial.n > 0)
        lt_jw_kstr(w, "partial", call->partial);
    if (!r->caller.is_user && call->instance.n > 0) {
        lt_jw_key(w, "provider");
        lt_jw_obj(w);
        lt_jw_kstr(w, "name", call->instance);
        lt_jw_kstr(w, "plugin", call->plugin);
        lt_jw_end(w);
        lt_jw_kstr(w, "model", call->model);
    }
    put_usage(r, w, &call->usage, call->cost);
    if (!r->caller.is_user) {
        lt_jw_key(w, "attempts");
        lt_jw_raw(w, attempts.n ? attempts : LT_STR("[]"));
    }
    lt_jw_ktime(w, "created_at", call->created_at);
    lt_jw_ktime(w, "completed_at", call->completed_at);
    lt_jw_end(w);
}
