/* The line is written when the request has ended, whoever answered it. */
#include "api/access_log.h"

#include <time.h>

#include "api/request.h"

enum { LINE_MAX_BYTES = 2048, HASH_BYTES = 8 };

struct note {
    const char *route;        /* its template */
    struct lt_str site;
    char user[2 * HASH_BYTES + 1]; /* "" = nobody, or it is not told */
    enum lt_code code;        /* of the problem that was answered */
    uint64_t began_us;
};

static void hash_user(const struct lt_caller *caller, char out[2 * HASH_BYTES + 1])
{
    uint8_t digest[32];
    lt_hmac_key_sign(&caller->site->user_key, caller->user_id.p, caller->user_id.n, digest);
    lt_hex(digest, HASH_BYTES, out);
}

/* The caller's site is of a snapshot that the request keeps until its end, which comes after the line. */
void lt_access_note(struct lt_request *r)
{
    struct note *n = LT_NEW(r->arena, struct note);
    *n = (struct note){.route = r->route ? r->route->path : NULL, .site = r->caller.site ? r->caller.site->slug : LT_STR_NULL, .code = r->refused,
                       .began_us = r->began_us};
    if (r->api->options.access_log->users && r->caller.site && r->caller.user_id.n > 0)
        hash_user(&r->caller, n->user);
    r->http->note = n;
}

/* What is no method of ours is the client's own word. */
static const char *method_of(const struct lt_http_request *http)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"};
    for (size_t i = 0; i < LT_COUNT(methods); i++)
        if (lt_str_is(http->head.method, methods[i]))
            return methods[i];
    return http->head.method.n > 0 ? "OTHER" : "-";
}

static void put_json(struct lt_buf *line, const struct lt_http_request *http, const struct note *n, uint64_t sent, uint64_t took_us, const char *closed)
{
    struct lt_jw w;
    lt_jw_init(&w, line);
    lt_jw_obj(&w);
    lt_jw_ktime(&w, "time", lt_now_ms());
    lt_jw_kstrz(&w, "request_id", http->id);
    lt_jw_kstrz(&w, "method", method_of(http));
    lt_jw_kstrz(&w, "route", n && n->route ? n->route : "-");
    lt_jw_kint(&w, "status", http->status);
    lt_jw_kint(&w, "bytes", (int64_t)sent);
    lt_jw_kint(&w, "duration_ms", (int64_t)(took_us / 1000));
    if (n && n->site.n > 0)
        lt_jw_kstr(&w, "site", n->site);
    if (n && n->user[0])
        lt_jw_kstrz(&w, "user", n->user);
    if (n && n->code)
        lt_jw_kstrz(&w, "code", lt_code_name(n->code));
    if (closed)
        lt_jw_kstrz(&w, "closed", closed);
    lt_jw_end(&w);
    lt_buf_putc(line, '\n');
}

/* NCSA's combined format; what is not told is "-". */
static void put_combined(struct lt_buf *line, const struct lt_http_request *http, const struct note *n, uint64_t sent)
{
    char day[40];
    time_t now = (time_t)(lt_now_ms() / 1000);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(day, sizeof(day), "%d/%b/%Y:%H:%M:%S +0000", &tm);
    lt_buf_printf(line, "- - %s [%s] \"%s %s HTTP/1.%d\" %d %llu \"-\" \"-\"\n", n && n->user[0] ? n->user : "-", day, method_of(http),
                  n && n->route ? n->route : "-", http->head.minor, http->status, (unsigned long long)sent);
}

void lt_api_ended(struct lt_http_request *http, uint64_t sent, const char *closed, void *ctx)
{
    struct lt_api *api = ctx;
    const struct lt_access_log *log = api->options.access_log;
    const struct note *n = http->note;
    if (!log)
        return;
    struct lt_buf line;
    uint64_t took_us = n ? lt_mono_us() - n->began_us : 0;
    lt_buf_init(&line, LINE_MAX_BYTES);
    if (log->format == LT_ACCESS_COMBINED)
        put_combined(&line, http, n, sent);
    else
        put_json(&line, http, n, sent, took_us, closed);
    if (!line.failed)
        lt_line_file_put(log->file, lt_buf_str(&line));
    lt_buf_free(&line);
}
