/* POST /v1/providers/{id}/test and GET /v1/providers/{id}/models: asking an instance, live. */
#include "api/request.h"
#include "core/probe.h"

static void put_result(struct lt_request *r, struct lt_jw *w, const struct lt_call_result *result)
{
    lt_jw_obj(w);
    lt_jw_kbool(w, "success", result->success);
    lt_jw_kstrz(w, "id", result->id_text);
    lt_jw_kstrz(w, "action", result->action->name);
    lt_jw_kstr(w, "model", result->model);
    lt_jw_kint(w, "duration_ms", result->completed_at - result->created_at);
    lt_jw_key(w, "response");
    lt_jw_raw(w, result->response);
    if (!result->success) {
        lt_jw_key(w, "error");
        lt_problem_write(r, w, &result->error, result->id_text);
    }
    lt_jw_end(w);
}

/* The test itself is done, so the answer is 200 whatever the vendor said; what could not be tried at all is a problem. */
void lt_post_provider_test(struct lt_request *r)
{
    struct lt_error err;
    struct lt_json_reply j;
    struct lt_call_result *result = LT_NEW(r->arena, struct lt_call_result);
    const struct lt_provider_instance *p = lt_request_provider(r, r->params[0], &err);
    if (!p) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    lt_provider_test(r->api->options.manager, r->config, r->arena, &r->caller, p, result);
    if (!result->success && !result->reached_provider) {
        lt_reply_problem(r, &result->error, result->id_text[0] ? result->id_text : NULL);
        return;
    }
    put_result(r, lt_json_begin(&j), result);
    lt_json_end(r, 200, &j);
}

void lt_get_provider_models(struct lt_request *r)
{
    struct lt_error err;
    struct lt_json_reply j;
    struct lt_str *models;
    size_t n;
    const struct lt_provider_instance *p = lt_request_provider(r, r->params[0], &err);
    if (!p || lt_provider_models(r->api->options.manager, r->arena, &r->caller, p, &models, &n, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "models");
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++)
        lt_jw_str(w, models[i]);
    lt_jw_end(w);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}
