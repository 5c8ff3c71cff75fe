/* The answer of a run, the same whether somebody waited for it or not. */
#include "core/connector.h"
#include "core/trace.h"
#include "workflows/run.h"
#include "workflows/workflow_private.h"

static void put_uuid(struct lt_jw *w, struct lt_uuid id)
{
    char text[37];
    lt_uuid_format(id, text);
    lt_jw_strz(w, text);
}

static void put_usage(struct lt_jw *w, const struct lt_usage *usage)
{
    lt_jw_key(w, "usage");
    lt_jw_obj(w);
    lt_jw_kcount(w, "prompt_tokens", usage->prompt_tokens);
    lt_jw_kcount(w, "completion_tokens", usage->completion_tokens);
    lt_jw_kcount(w, "total_tokens", usage->total_tokens);
    lt_jw_end(w);
}

/* "content", when its text is not all that there is, or not of today. */
static void put_content(struct lt_jw *w, const struct lt_workflow_result *result)
{
    if (result->left_out_n == 0 && !result->content_stale && result->inline_cut == 0)
        return;
    lt_jw_key(w, "content");
    lt_jw_obj(w);
    lt_jw_kint(w, "left_out", (int64_t)result->left_out_n);
    lt_jw_key(w, "block_ids");
    lt_jw_arr(w);
    for (size_t i = 0; i < result->left_out_n && i < LT_CONTENT_LEFT_OUT_SHOWN; i++)
        lt_jw_str(w, result->left_out[i]);
    lt_jw_end(w);
    lt_jw_kint(w, "bytes_cut", (int64_t)result->inline_cut);
    lt_jw_kbool(w, "stale", result->content_stale);
    lt_jw_end(w);
}

void lt_workflow_write_result(struct lt_jw *w, const struct lt_workflow_request *request, const struct lt_workflow_result *result)
{
    lt_jw_obj(w);
    lt_jw_kstrz(w, "id", result->id_text);
    lt_jw_kstr(w, "profile", request->profile->slug);
    lt_jw_key(w, "scope_id");
    if (request->scope)
        lt_jw_int(w, request->scope->id);
    else
        lt_jw_null(w);
    lt_jw_key(w, "session_id");
    if (result->session_id)
        put_uuid(w, result->session_uuid);
    else
        lt_jw_null(w);
    lt_jw_kstr(w, "action", request->action);
    lt_jw_kbool(w, "success", true);
    lt_jw_key(w, "response");
    lt_jw_raw(w, result->response);
    lt_jw_key(w, "calls");
    lt_jw_arr(w);
    for (size_t i = 0; i < result->calls_n; i++)
        put_uuid(w, result->calls[i]);
    lt_jw_end(w);
    put_usage(w, &result->usage);
    put_content(w, result);
    if (result->cached)
        lt_jw_kbool(w, "cached", true);
    lt_jw_ktime(w, "created_at", result->created_at);
    lt_jw_ktime(w, "completed_at", result->completed_at);
    lt_trace_put(w, request->trace);
    lt_jw_end(w);
}
