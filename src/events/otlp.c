#include "events/otlp.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/secret.h"
#include "base/uuid.h"
#include "io/fiber.h"
#include "io/url.h"
#include "text/json.h"

enum {
    LOOK_MS = 250,
    LINGER_MS = 2000,          /* that spans wait for company; a full batch goes at once */
    BATCH_BYTES = 1024 * 1024,
    EXPORT_MS = 10000,         /* one try */
    LAST_EXPORT_MS = 2000,
    ANSWER_MAX = 64 * 1024,
    TRIES_MAX = 5,
    PAUSE_MS = 1000,           /* after the first fault; doubles */
    PAUSE_MAX_MS = 30000,
};

struct otlp {
    const struct lt_otlp_options *o;
    char instance[37];         /* service.instance.id: of this process */
    uint32_t pause_ms;         /* after the last fault; 0: there was none */
    bool ending;
};

/* ---- a batch ---- */

static void put_attribute(struct lt_jw *w, const char *key, const char *value)
{
    lt_jw_obj(w);
    lt_jw_kstrz(w, "key", key);
    lt_jw_key(w, "value");
    lt_jw_obj(w);
    lt_jw_kstrz(w, "stringValue", value);
    lt_jw_end(w);
    lt_jw_end(w);
}

static void put_resource(const struct otlp *t, struct lt_jw *w)
{
    lt_jw_key(w, "resource");
    lt_jw_obj(w);
    lt_jw_key(w, "attributes");
    lt_jw_arr(w);
    put_attribute(w, "service.name", t->o->service);
    put_attribute(w, "service.version", LECTERN_VERSION);
    put_attribute(w, "service.instance.id", t->instance);
    lt_jw_end(w);
    lt_jw_end(w);
}

static void write_batch(const struct otlp *t, const struct lt_span_text *spans, struct lt_buf *out)
{
    struct lt_jw w;
    lt_jw_init(&w, out);
    lt_jw_obj(&w);
    lt_jw_key(&w, "resourceSpans");
    lt_jw_arr(&w);
    lt_jw_obj(&w);
    put_resource(t, &w);
    lt_jw_key(&w, "scopeSpans");
    lt_jw_arr(&w);
    lt_jw_obj(&w);
    lt_jw_key(&w, "scope");
    lt_jw_obj(&w);
    lt_jw_kstrz(&w, "name", "lectern");
    lt_jw_kstrz(&w, "version", LECTERN_VERSION);
    lt_jw_end(&w);
    lt_jw_key(&w, "spans");
    lt_jw_arr(&w);
    for (; spans; spans = spans->next)
        lt_jw_raw(&w, (struct lt_str){spans->p, spans->n});
    for (int i = 0; i < 6; i++)
        lt_jw_end(&w);
}

static void free_spans(struct lt_span_text *s)
{
    while (s) {
        struct lt_span_text *next = s->next;
        free(s);
        s = next;
    }
}

/* ---- sending ---- */

enum fate { TAKEN, AGAIN, REFUSED };

/* The specification's list of what may be tried again. */
static enum fate fate_of(int status)
{
    if (status >= 200 && status <= 299)
        return TAKEN;
    return status == 429 || status == 502 || status == 503 || status == 504 ? AGAIN : REFUSED;
}

static int64_t number_of(const struct lt_json *v)
{
    int64_t n = 0;
    if (lt_json_is(v, LT_JSON_STRING))
        return lt_str_to_int64(lt_json_str(v), &n) ? n : 0;
    return lt_json_int64_or(v, 0);
}

/* {"partialSuccess": {"rejectedSpans": "3"}}: taken, but for those. What is longer than that needs is not read. */
static uint64_t rejected_of(struct lt_arena *arena, struct lt_http_reply *reply, size_t n)
{
    struct lt_buf body;
    struct lt_str piece;
    const struct lt_json *json;
    struct lt_error err;
    int64_t rejected = 0;
    lt_buf_init(&body, ANSWER_MAX);
    while (!lt_http_reply_read(reply, &piece, &err) && piece.n > 0 && lt_buf_put_str(&body, piece))
        ;
    if (!body.failed && !lt_json_parse(arena, lt_buf_str(&body), LT_JSON_STRICT, &json, &err))
        rejected = number_of(lt_json_at_pointer(json, "/partialSuccess/rejectedSpans"));
    lt_buf_free(&body);
    return rejected < 0 ? 0 : (uint64_t)rejected > n ? n : (uint64_t)rejected;
}

static enum fate try_once(struct otlp *t, struct lt_str body, size_t n, uint64_t *ret_rejected, int *ret_retry_s, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_loop *loop = lt_loop_self();
    struct lt_http_field fields[LT_OTLP_FIELDS_MAX + 1] = {{LT_STR("Content-Type"), LT_STR("application/json")}};
    memcpy(fields + 1, t->o->fields, t->o->fields_n * sizeof(*fields));
    struct lt_http_call call = {.method = "POST", .url = lt_str(t->o->url), .fields = fields, .fields_n = t->o->fields_n + 1, .body = body, .tls = t->o->tls,
                                .deadline_ms = lt_loop_now(loop) + (t->ending ? LAST_EXPORT_MS : EXPORT_MS)};
    struct lt_http_reply *reply = NULL;
    enum fate fate = AGAIN;
    *ret_rejected = 0;
    *ret_retry_s = 0;
    if (lt_http_send(loop, &call, &reply, err) == LT_OK) {
        int status = lt_http_reply_head(reply)->status;
        int64_t seconds;
        fate = fate_of(status);
        if (lt_str_to_int64(lt_http_field(lt_http_reply_head(reply), "Retry-After", NULL), &seconds) && seconds < 3600)
            *ret_retry_s = (int)seconds;
        if (fate == TAKEN)
            *ret_rejected = rejected_of(arena, reply, n);
        else
            lt_fail(err, LT_EUPSTREAM_UNAVAILABLE, "the collector answered %d", status);
    } else if (err->code == LT_EOUTBOUND_REFUSED || err->code == LT_EINVALID_INPUT || err->code == LT_EUPSTREAM_INVALID) {
        fate = REFUSED;
    }
    lt_http_reply_close(reply);
    lt_arena_free(arena);
    return fate;
}

/* 50 to 100 % of the pause, or as long as the collector asks. False: cancelled. */
static bool rest(struct otlp *t, int retry_s)
{
    uint16_t chance;
    lt_random(&chance, sizeof(chance));
    t->pause_ms = t->pause_ms == 0 ? PAUSE_MS : t->pause_ms * 2 < PAUSE_MAX_MS ? t->pause_ms * 2 : PAUSE_MAX_MS;
    uint64_t ms = t->pause_ms / 2 + t->pause_ms / 2 * chance / UINT16_MAX, asked = (uint64_t)retry_s * 1000;
    asked = asked < PAUSE_MAX_MS ? asked : PAUSE_MAX_MS;
    return lt_fiber_sleep(ms > asked ? ms : asked) == LT_OK;
}

static void send_batch(struct otlp *t, struct lt_span_text *spans, size_t n)
{
    struct lt_buf body;
    struct lt_error err = {0};
    uint64_t rejected = 0;
    int retry_s;
    lt_buf_init(&body, BATCH_BYTES + 64 * 1024);
    write_batch(t, spans, &body);
    free_spans(spans);
    enum fate fate = body.failed ? REFUSED : AGAIN;
    for (int tries = 0; fate == AGAIN && tries < TRIES_MAX; tries++) {
        fate = try_once(t, lt_buf_str(&body), n, &rejected, &retry_s, &err);
        if (fate == TAKEN)
            break;
        if (t->pause_ms == 0)
            lt_log(LT_LOG_WARN, "otlp.export", LT_S("code", lt_code_name(err.code)), LT_S("detail", err.detail), LT_I("spans", n));
        if (fate == AGAIN && (t->ending || !rest(t, retry_s)))
            break;
    }
    if (fate == TAKEN && t->pause_ms > 0)
        lt_log(LT_LOG_INFO, "otlp.export_again", LT_I("spans", n));
    if (fate == TAKEN)
        t->pause_ms = 0;
    lt_tracer_count(t->o->tracer, fate == TAKEN ? n - rejected : 0, fate == TAKEN ? rejected : n);
    lt_buf_free(&body);
}

static bool send_some(struct otlp *t)
{
    size_t n;
    struct lt_span_text *spans = lt_tracer_take(t->o->tracer, BATCH_BYTES, &n);
    if (spans)
        send_batch(t, spans, n);
    return spans != NULL;
}

void lt_otlp_run(const struct lt_otlp_options *options)
{
    struct otlp t = {.o = options};
    struct lt_tracer_stats stats;
    lt_uuid_format(lt_uuid_new(), t.instance);
    lt_fiber_set_name("exporter of spans");
    for (unsigned waited = 0; lt_fiber_sleep(LOOK_MS) != LT_ECANCELLED;) {
        lt_tracer_stats(options->tracer, &stats);
        waited = stats.queued > 0 ? waited + LOOK_MS : 0;
        if (stats.queued < LT_SPANS_BATCH && waited < LINGER_MS)
            continue;
        waited = 0;
        send_some(&t);
    }
    lt_fiber_cancel_reset();
    t.ending = true;
    uint64_t until = lt_loop_now(lt_loop_self()) + LAST_EXPORT_MS;
    while (lt_loop_now(lt_loop_self()) < until && send_some(&t) && t.pause_ms == 0)
        ;
}

/* ---- fields ---- */

static bool is_token(struct lt_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~' || strchr("()<>@,;:\\\"/[]?={}", s.p[i]))
            return false;
    return s.n > 0;
}

static enum lt_code read_field(struct lt_arena *arena, struct lt_str pair, size_t n, struct lt_http_field *ret, struct lt_error *err)
{
    struct lt_str value = pair, name = lt_str_trim(lt_str_cut(&value, '='));
    value = lt_str_trim(value);
    if (!is_token(name) || !lt_percent_decode(arena, value, false, &value))
        return lt_fail(err, LT_ECONFIG, "pair %zu must be name=value, the value percent-encoded", n + 1);
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] < ' ' || value.p[i] > '~')
            return lt_fail(err, LT_ECONFIG, "the value of pair %zu must be visible ASCII", n + 1);
    *ret = (struct lt_http_field){lt_str_copy(arena, name), lt_str_copy(arena, value)};
    return LT_OK;
}

enum lt_code lt_otlp_read_fields(struct lt_arena *arena, struct lt_str text, struct lt_http_field **ret, size_t *ret_n, struct lt_error *err)
{
    *ret = LT_NEW_ARRAY(arena, struct lt_http_field, LT_OTLP_FIELDS_MAX);
    *ret_n = 0;
    while (text.n > 0) {
        struct lt_str line = lt_str_cut(&text, '\n');
        while (line.n > 0) {
            struct lt_str pair = lt_str_trim(lt_str_cut(&line, ','));
            if (pair.n == 0)
                continue;
            if (*ret_n == LT_OTLP_FIELDS_MAX)
                return lt_fail(err, LT_ECONFIG, "there are more than %d pairs", LT_OTLP_FIELDS_MAX);
            if (read_field(arena, pair, *ret_n, &(*ret)[*ret_n], err))
                return err->code;
            ++*ret_n;
        }
    }
    return LT_OK;
}
