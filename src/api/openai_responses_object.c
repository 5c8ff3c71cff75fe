/* The object of an answer of the Responses API, the same live, in events, and as it is kept. */
#include "api/openai_responses.h"

static void put_error(struct lt_jw *w, const struct lt_stored_response *s)
{
    lt_jw_key(w, "error");
    if (s->code.n == 0) {
        lt_jw_null(w);
        return;
    }
    lt_jw_obj(w);
    lt_jw_kstr(w, "code", s->code);
    lt_jw_kstr(w, "message", s->message);
    lt_jw_end(w);
}

static void put_incomplete(struct lt_jw *w, const struct lt_stored_response *s)
{
    lt_jw_key(w, "incomplete_details");
    if (s->reason.n == 0) {
        lt_jw_null(w);
        return;
    }
    lt_jw_obj(w);
    lt_jw_kstr(w, "reason", s->reason);
    lt_jw_end(w);
}

static void put_detail(struct lt_jw *w, const char *key, const char *name, int64_t n)
{
    lt_jw_key(w, key);
    lt_jw_obj(w);
    lt_jw_kint(w, name, n < 0 ? 0 : n);
    lt_jw_end(w);
}

/* What is not known is null: clients add these numbers up. */
static void put_usage(struct lt_jw *w, const struct lt_usage *u)
{
    lt_jw_key(w, "usage");
    if (u->prompt_tokens < 0 || u->completion_tokens < 0) {
        lt_jw_null(w);
        return;
    }
    lt_jw_obj(w);
    lt_jw_kint(w, "input_tokens", u->prompt_tokens);
    put_detail(w, "input_tokens_details", "cached_tokens", u->cached_tokens);
    lt_jw_kint(w, "output_tokens", u->completion_tokens);
    put_detail(w, "output_tokens_details", "reasoning_tokens", u->reasoning_tokens);
    lt_jw_kint(w, "total_tokens", u->prompt_tokens + u->completion_tokens);
    lt_jw_end(w);
}

static void put_previous(struct lt_jw *w, struct lt_uuid id)
{
    char text[LT_RESPONSE_ID_SIZE];
    lt_response_id_format(id, text);
    lt_jw_kstr_nonempty(w, "previous_response_id", lt_uuid_is_null(id) ? LT_STR_NULL : lt_str(text));
}

void lt_response_write(struct lt_jw *w, const struct lt_stored_response *s, const struct lt_json *settings)
{
    char id[LT_RESPONSE_ID_SIZE];
    lt_response_id_format(s->id, id);
    lt_jw_obj(w);
    lt_jw_kstrz(w, "id", id);
    lt_jw_kstrz(w, "object", "response");
    lt_jw_kint(w, "created_at", s->created_at / 1000);
    lt_jw_kstr(w, "status", s->status);
    put_error(w, s);
    put_incomplete(w, s);
    lt_jw_kstr(w, "model", s->model);
    lt_jw_key(w, "output");
    lt_jw_raw(w, s->output.n > 0 ? s->output : LT_STR("[]"));
    put_previous(w, s->previous_id);
    for (size_t i = 0; i < lt_json_len(settings); i++) {
        lt_jw_key_str(w, lt_json_key_at(settings, i));
        lt_jw_json(w, lt_json_at(settings, i));
    }
    put_usage(w, &s->usage);
    lt_jw_end(w);
}

/* ---- how it ended ---- */

static struct lt_str reason_of(struct lt_str finish_reason)
{
    if (lt_str_is(finish_reason, "length"))
        return LT_STR("max_output_tokens");
    return lt_str_is(finish_reason, "content_filter") ? LT_STR("content_filter") : LT_STR("");
}

void lt_response_complete(struct lt_arena *arena, const struct lt_door_result *result, struct lt_str text, struct lt_stored_response *ret)
{
    bool refused = result->refusal.n > 0;
    ret->reason = !refused ? reason_of(result->finish_reason) : text.n > 0 ? LT_STR("content_filter") : LT_STR("");
    ret->status = ret->reason.n > 0 ? LT_STR("incomplete") : LT_STR("completed");
    if (refused && text.n == 0)
        ret->output = lt_output_refusal(arena, ret->id, result->refusal);
    else
        ret->output = lt_output_text(arena, ret->id, text.p ? text : LT_STR(""), result->tool_calls, ret->reason.n > 0 ? "incomplete" : "completed");
    ret->model = result->model;
    ret->usage = result->usage;
    ret->completed_at = result->completed_at;
}

static struct lt_str code_of(enum lt_code code)
{
    bool limit = code == LT_ERATE_LIMITED || code == LT_EUPSTREAM_RATE_LIMITED || code == LT_ESITE_BUSY ||
                 code == LT_EBUDGET;
    return limit ? LT_STR("rate_limit_exceeded") : LT_STR("server_error");
}

void lt_response_break_off(struct lt_arena *arena, const struct lt_error *err, const char *message, struct lt_str text,
                           struct lt_stored_response *ret)
{
    bool cancelled = err->code == LT_ECANCELLED;
    ret->status = cancelled ? LT_STR("cancelled") : LT_STR("failed");
    ret->code = cancelled ? LT_STR("") : code_of(err->code);
    ret->message = cancelled ? LT_STR("") : lt_str_copy(arena, lt_str(message));
    ret->output = text.n > 0 ? lt_output_text(arena, ret->id, text, NULL, "incomplete") : LT_STR("[]");
    if (ret->output.n > LT_RESPONSE_BYTES_MAX) /* as JSON: its end must be kept all the same */
        ret->output = LT_STR("[]");
    ret->completed_at = lt_now_ms();
}
