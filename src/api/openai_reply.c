/* What every answer of the door /openai/v1/ has. */
#include "api/openai.h"

#include "base/clock.h"

/*
 * Limits are not known at this door yet. Whoever adds them writes x-ratelimit-limit-requests, -remaining- and -reset- (and -tokens) here, for the
 * one that is nearest, and leaves them out where there is none: a client that reads invented figures slows down for nothing.
 */
size_t lt_openai_fields(struct lt_request *r, const char *call_id, struct lt_http_field *fields)
{
    size_t n = 0;
    uint64_t ms = (lt_mono_us() - r->began_us) / 1000;
    fields[n++] = (struct lt_http_field){LT_STR("openai-processing-ms"), lt_printf(r->arena, "%llu", (unsigned long long)ms)};
    if (call_id)
        fields[n++] = (struct lt_http_field){LT_STR("X-Lectern-Call"), lt_str_copy(r->arena, lt_str(call_id))};
    return n;
}

void lt_openai_json_end(struct lt_request *r, struct lt_json_reply *j, const char *call_id)
{
    struct lt_http_field fields[LT_OPENAI_FIELDS_MAX];
    if (j->buf.failed) {
        struct lt_error err;
        lt_fail(&err, LT_EINTERNAL, "the answer is larger than %d bytes", LT_REPLY_MAX);
        lt_reply_problem(r, &err, call_id);
    } else {
        lt_reply(r, 200, "application/json", NULL, fields, lt_openai_fields(r, call_id, fields), lt_buf_str(&j->buf));
    }
    lt_buf_free(&j->buf);
}

const struct lt_json *lt_openai_get(const struct lt_json *object, const char *key)
{
    const struct lt_json *v = lt_json_get(object, key);
    return lt_json_is(v, LT_JSON_NULL) ? NULL : v;
}

struct lt_str lt_openai_user(struct lt_request *r)
{
    struct lt_str user = lt_json_str_or(lt_json_get(r->body, "user"), LT_STR(""));
    return user.n > 0 ? user : lt_json_str_or(lt_json_get(r->body, "safety_identifier"), LT_STR(""));
}

void lt_openai_write_usage(struct lt_jw *w, const struct lt_usage *usage, bool completion)
{
    lt_jw_obj(w);
    lt_jw_kint(w, "prompt_tokens", usage->prompt_tokens < 0 ? 0 : usage->prompt_tokens);
    if (completion)
        lt_jw_kint(w, "completion_tokens", usage->completion_tokens < 0 ? 0 : usage->completion_tokens);
    lt_jw_kint(w, "total_tokens", usage->total_tokens < 0 ? 0 : usage->total_tokens);
    if (completion && usage->cached_tokens >= 0) {
        lt_jw_key(w, "prompt_tokens_details");
        lt_jw_obj(w);
        lt_jw_kint(w, "cached_tokens", usage->cached_tokens);
        lt_jw_end(w);
    }
    if (completion && usage->reasoning_tokens >= 0) {
        lt_jw_key(w, "completion_tokens_details");
        lt_jw_obj(w);
        lt_jw_kint(w, "reasoning_tokens", usage->reasoning_tokens);
        lt_jw_end(w);
    }
    lt_jw_end(w);
}
