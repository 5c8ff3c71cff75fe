/* Sending answers: every one passes lt_reply(), so that the security headers are on all of them. */
#include "api/etag.h"
#include "api/idempotency.h"
#include "core/guard.h"

enum { EXTRA_MAX = 8 };

/* Pages bring their own policy, which then stands in the place of this one; everything else is data that no browser should render or run. */
static const struct lt_http_field security[] = {
    {LT_STR("X-Content-Type-Options"), LT_STR("nosniff")},
    {LT_STR("Referrer-Policy"), LT_STR("no-referrer")},
    {LT_STR("Content-Security-Policy"), LT_STR("default-src 'none'; frame-ancestors 'none'")},
};

void lt_request_security(struct lt_request *r)
{
    r->http->always = security;
    r->http->always_n = LT_COUNT(security);
}

void lt_request_always(struct lt_request *r, const struct lt_http_field *fields, size_t n)
{
    struct lt_http_field *all = LT_NEW_ARRAY(r->arena, struct lt_http_field, r->http->always_n + n);
    size_t count = 0;
    for (size_t i = 0; i < r->http->always_n; i++) {
        bool again = false;
        for (size_t k = 0; k < n; k++)
            again |= lt_str_eq_ci(r->http->always[i].name, fields[k].name);
        if (!again)
            all[count++] = r->http->always[i];
    }
    memcpy(all + count, fields, n * sizeof(*fields));
    r->http->always = all;
    r->http->always_n = count + n;
}

static void count(struct lt_request *r, int status)
{
    int class = status / 100;
    if (class > 0 && class < LT_STATUS_CLASSES)
        atomic_fetch_add_explicit(&r->api->answers[class], 1, memory_order_relaxed);
}

void lt_reply(struct lt_request *r, int status, const char *type, const char *cache, const struct lt_http_field *extra, size_t extra_n,
              struct lt_str body)
{
    struct lt_http_field fields[EXTRA_MAX + 2];
    size_t n = 0;
    if (r->captured && status == 200) {
        *r->captured = lt_str_copy(r->arena, body);
        return;
    }
    struct lt_str etag = lt_etag(r, status, body);
    if (r->only_tag) {
        *r->only_tag = etag;
        return;
    }
    lt_idempotency_answer(r, status, type, extra, extra_n, body);
    if (etag.p && lt_etag_client_has(r, etag)) {
        status = 304;
        type = NULL;
        body = LT_STR_NULL;
    }
    if (etag.p)
        fields[n++] = (struct lt_http_field){LT_STR("ETag"), etag};
    for (size_t i = 0; i < extra_n && i < EXTRA_MAX; i++)
        fields[n++] = extra[i];
    fields[n++] = (struct lt_http_field){LT_STR("Cache-Control"), lt_str(cache ? cache : "no-store")};
    count(r, status);
    lt_http_respond(r->http, status, type, fields, n, body);
}

enum lt_code lt_reply_stream(struct lt_request *r, const char *type, const struct lt_http_field *extra, size_t extra_n)
{
    struct lt_http_field fields[2 + EXTRA_MAX] = {{LT_STR("Cache-Control"), LT_STR("no-store")}, {LT_STR("X-Accel-Buffering"), LT_STR("no")}};
    size_t n = 2;
    for (size_t i = 0; i < extra_n && i < EXTRA_MAX; i++)
        fields[n++] = extra[i];
    count(r, 200);
    return lt_http_stream_begin(r->http, 200, type, fields, n);
}

struct lt_jw *lt_json_begin(struct lt_json_reply *j)
{
    lt_buf_init(&j->buf, LT_REPLY_MAX);
    lt_jw_init(&j->w, &j->buf);
    return &j->w;
}

void lt_restore_for(struct lt_request *r, struct lt_buf *text, struct lt_str owner_id)
{
    bool own = owner_id.n > 0 && lt_str_eq(owner_id, r->caller.user_id) && !text->failed;
    struct lt_guard_talk *talk = own ? lt_guard_talk(r->api->options.store, r->arena, &r->caller) : NULL;
    struct lt_str is = lt_guard_restore(talk, lt_buf_str(text));
    if (is.p == text->p)
        return;
    lt_buf_reset(text);
    lt_buf_put_str(text, is);
}

void lt_json_end_for(struct lt_request *r, int status, struct lt_json_reply *j, struct lt_str owner_id)
{
    lt_restore_for(r, &j->buf, owner_id);
    lt_json_end(r, status, j);
}

void lt_json_end(struct lt_request *r, int status, struct lt_json_reply *j)
{
    if (j->buf.failed) {
        struct lt_error err;
        lt_fail(&err, LT_EINTERNAL, "the answer is larger than %d bytes", LT_REPLY_MAX);
        lt_reply_problem(r, &err, NULL);
    } else {
        lt_reply(r, status, "application/json", NULL, NULL, 0, lt_buf_str(&j->buf));
    }
    lt_buf_free(&j->buf);
}

