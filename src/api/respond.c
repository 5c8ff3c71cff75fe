/* Sending answers: every one passes lt_reply(), so that the security headers are on all of them. */
#include "api/request.h"

enum { EXTRA_MAX = 6 };

/* Pages bring their own policy; everything else is data that no browser should render or run. */
static const struct lt_http_field data_policy = {LT_STR("Content-Security-Policy"), LT_STR("default-src 'none'; frame-ancestors 'none'")};

static bool has(const struct lt_http_field *fields, size_t n, struct lt_str name)
{
    for (size_t i = 0; i < n; i++)
        if (lt_str_eq_ci(fields[i].name, name))
            return true;
    return false;
}

void lt_reply(struct lt_request *r, int status, const char *type, const char *cache, const struct lt_http_field *extra, size_t extra_n,
              struct lt_str body)
{
    struct lt_http_field fields[EXTRA_MAX + 4];
    size_t n = 0;
    for (; n < extra_n && n < EXTRA_MAX; n++)
        fields[n] = extra[n];
    fields[n++] = (struct lt_http_field){LT_STR("Cache-Control"), lt_str(cache ? cache : "no-store")};
    fields[n++] = (struct lt_http_field){LT_STR("X-Content-Type-Options"), LT_STR("nosniff")};
    fields[n++] = (struct lt_http_field){LT_STR("Referrer-Policy"), LT_STR("no-referrer")};
    if (!has(extra, extra_n, data_policy.name))
        fields[n++] = data_policy;
    int class = status / 100;
    if (class > 0 && class < LT_STATUS_CLASSES)
        atomic_fetch_add_explicit(&r->api->answers[class], 1, memory_order_relaxed);
    lt_http_respond(r->http, status, type, fields, n, body);
}

struct lt_jw *lt_json_begin(struct lt_json_reply *j)
{
    lt_buf_init(&j->buf, LT_REPLY_MAX);
    lt_jw_init(&j->w, &j->buf);
    return &j->w;
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

void lt_jw_ktokens(struct lt_jw *w, const char *key, int64_t tokens)
{
    lt_jw_key(w, key);
    if (tokens < 0)
        lt_jw_null(w);
    else
        lt_jw_int(w, tokens);
}

void lt_jw_ktime(struct lt_jw *w, const char *key, int64_t ms)
{
    char text[25];
    lt_jw_key(w, key);
    if (ms == 0) {
        lt_jw_null(w);
        return;
    }
    lt_time_format(ms, text);
    lt_jw_strz(w, text);
}
