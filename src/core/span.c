/* Spans, and the queue that they wait in. */
#include "core/span.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/secret.h"
#include "core/manager_private.h"

struct lt_tracer {
    uint32_t millionths;
    pthread_mutex_t lock;    /* for what follows */
    struct lt_span_text *first, **last;
    struct lt_tracer_stats stats;
};

struct lt_span {
    struct lt_tracer *tracer;
    struct lt_span *outer;   /* that the fiber was in before */
    struct lt_trace_context context;
    uint8_t parent[8];
    bool has_parent;
    struct lt_str state;     /* tracestate */
    enum lt_span_kind kind;
    struct lt_str name;
    int64_t began_ns;        /* since 1970 */
    uint64_t began_mono_us;
    struct lt_buf attributes; /* values of a JSON array */
    struct lt_jw w;
};

struct lt_tracer *lt_tracer_new(uint32_t millionths)
{
    struct lt_tracer *t = calloc(1, sizeof(*t));
    if (!t)
        lt_out_of_memory(0);
    t->millionths = millionths;
    t->last = &t->first;
    pthread_mutex_init(&t->lock, NULL);
    return t;
}

void lt_tracer_free(struct lt_tracer *t)
{
    if (!t)
        return;
    for (struct lt_span_text *s = t->first, *next; s; s = next) {
        next = s->next;
        free(s);
    }
    pthread_mutex_destroy(&t->lock);
    free(t);
}

/* ---- beginning ---- */

static int64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static struct lt_span *enter(struct lt_arena *arena, struct lt_tracer *tracer, enum lt_span_kind kind)
{
    struct lt_span *s = LT_NEW(arena, struct lt_span);
    *s = (struct lt_span){.tracer = tracer, .outer = lt_fiber_span(), .kind = kind, .began_ns = now_ns(), .began_mono_us = lt_mono_us()};
    lt_fiber_set_span(s);
    return s;
}

/* Like TraceIdRatioBased: the trace's own id decides, so that whoever uses the same share comes to the same. */
static bool is_in_share(const struct lt_tracer *t, const uint8_t id[16])
{
    uint64_t low = 0;
    for (int i = 9; i < 16; i++)
        low = low << 8 | id[i]; /* 56 bits */
    return t->millionths >= 1000000 || low / ((UINT64_C(1) << 56) / 1000000) < t->millionths;
}

static void begin_text(struct lt_span *s)
{
    lt_buf_init(&s->attributes, LT_SPAN_BYTES_MAX / 2);
    lt_jw_init(&s->w, &s->attributes);
    lt_jw_arr(&s->w);
}

struct lt_span *lt_span_root(struct lt_tracer *tracer, struct lt_arena *arena, enum lt_span_kind kind, struct lt_str parent, struct lt_str state)
{
    if (!tracer)
        return NULL;
    struct lt_span *s = enter(arena, tracer, kind);
    s->has_parent = lt_traceparent_read(parent, &s->context);
    if (s->has_parent) {
        memcpy(s->parent, s->context.span_id, sizeof(s->parent));
        s->state = lt_tracestate_ok(state) ? lt_str_copy(arena, state) : LT_STR_NULL;
    } else {
        lt_random(s->context.trace_id, sizeof(s->context.trace_id));
        s->context.sampled = is_in_share(tracer, s->context.trace_id);
    }
    lt_random(s->context.span_id, sizeof(s->context.span_id));
    if (s->context.sampled)
        begin_text(s);
    return s;
}

struct lt_span *lt_span_begin(struct lt_arena *arena, enum lt_span_kind kind)
{
    struct lt_span *outer = lt_fiber_span();
    if (!outer || !outer->context.sampled)
        return NULL;
    struct lt_span *s = enter(arena, outer->tracer, kind);
    s->context = outer->context;
    s->state = outer->state;
    s->has_parent = true;
    memcpy(s->parent, outer->context.span_id, sizeof(s->parent));
    lt_random(s->context.span_id, sizeof(s->context.span_id));
    begin_text(s);
    return s;
}

/* ---- saying ---- */

static bool is_told(const struct lt_span *s)
{
    return s && s->context.sampled;
}

void lt_span_name(struct lt_span *s, struct lt_str name)
{
    if (is_told(s))
        s->name = name;
}

static void begin_value(struct lt_span *s, const char *key)
{
    lt_jw_obj(&s->w);
    lt_jw_kstrz(&s->w, "key", key);
    lt_jw_key(&s->w, "value");
    lt_jw_obj(&s->w);
}

static void end_value(struct lt_span *s)
{
    lt_jw_end(&s->w);
    lt_jw_end(&s->w);
}

/* What a vendor or a request wrote is of no fixed length. */
static struct lt_str cut(struct lt_str value)
{
    enum { VALUE_MAX = 512 };
    return value.n > VALUE_MAX ? (struct lt_str){value.p, lt_utf8_whole(value.p, VALUE_MAX)} : value;
}

void lt_span_text(struct lt_span *s, const char *key, struct lt_str value)
{
    if (!is_told(s) || value.n == 0)
        return;
    begin_value(s, key);
    lt_jw_kstr(&s->w, "stringValue", cut(value));
    end_value(s);
}

/* 64-bit integers are strings in the JSON mapping of protobuf. */
void lt_span_int(struct lt_span *s, const char *key, int64_t value)
{
    char text[24];
    if (!is_told(s))
        return;
    snprintf(text, sizeof(text), "%lld", (long long)value);
    begin_value(s, key);
    lt_jw_kstrz(&s->w, "intValue", text);
    end_value(s);
}

void lt_span_known(struct lt_span *s, const char *key, int64_t value)
{
    if (value >= 0)
        lt_span_int(s, key, value);
}

void lt_span_bool(struct lt_span *s, const char *key, bool value)
{
    if (!is_told(s))
        return;
    begin_value(s, key);
    lt_jw_kbool(&s->w, "boolValue", value);
    end_value(s);
}

void lt_span_texts(struct lt_span *s, const char *key, struct lt_str value)
{
    if (!is_told(s) || value.n == 0)
        return;
    begin_value(s, key);
    lt_jw_key(&s->w, "arrayValue");
    lt_jw_obj(&s->w);
    lt_jw_key(&s->w, "values");
    lt_jw_arr(&s->w);
    lt_jw_obj(&s->w);
    lt_jw_kstr(&s->w, "stringValue", cut(value));
    lt_jw_end(&s->w);
    lt_jw_end(&s->w);
    lt_jw_end(&s->w);
    end_value(s);
}

bool lt_span_fields(char traceparent[LT_TRACEPARENT_SIZE], struct lt_str *ret_state)
{
    const struct lt_span *s = lt_fiber_span();
    if (!s)
        return false;
    lt_traceparent_write(&s->context, traceparent);
    *ret_state = s->state;
    return true;
}

/* ---- ending ---- */

static void put_id(struct lt_jw *w, const char *key, const uint8_t *id, size_t n)
{
    char hex[33];
    lt_hex(id, n, hex);
    lt_jw_kstrz(w, key, hex);
}

static void put_time(struct lt_jw *w, const char *key, int64_t ns)
{
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)ns);
    lt_jw_kstrz(w, key, text);
}

static void write_span(struct lt_span *s, struct lt_jw *w, enum lt_code code)
{
    lt_jw_obj(w);
    put_id(w, "traceId", s->context.trace_id, 16);
    put_id(w, "spanId", s->context.span_id, 8);
    if (s->has_parent)
        put_id(w, "parentSpanId", s->parent, 8);
    if (s->state.n > 0)
        lt_jw_kstr(w, "traceState", s->state);
    lt_jw_kint(w, "flags", 1);
    lt_jw_kstr(w, "name", cut(s->name));
    lt_jw_kint(w, "kind", s->kind);
    put_time(w, "startTimeUnixNano", s->began_ns);
    put_time(w, "endTimeUnixNano", s->began_ns + (int64_t)(lt_mono_us() - s->began_mono_us) * 1000);
    lt_jw_key(w, "attributes");
    if (s->attributes.failed)
        lt_jw_raw(w, LT_STR("[]"));
    else
        lt_jw_raw(w, lt_buf_str(&s->attributes));
    if (code) {
        lt_jw_key(w, "status");
        lt_jw_obj(w);
        lt_jw_kint(w, "code", 2);
        lt_jw_kstrz(w, "message", lt_code_text(code));
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

static void queue(struct lt_tracer *t, struct lt_str text)
{
    struct lt_span_text *s = malloc(sizeof(*s) + text.n);
    if (!s)
        lt_out_of_memory(0);
    s->next = NULL;
    s->n = text.n;
    memcpy(s->p, text.p, text.n);
    pthread_mutex_lock(&t->lock);
    bool room = t->stats.queued < LT_SPANS_QUEUED_MAX;
    if (room) {
        *t->last = s;
        t->last = &s->next;
        t->stats.queued++;
    } else {
        t->stats.dropped++;
    }
    pthread_mutex_unlock(&t->lock);
    if (!room)
        free(s);
}

static void leave(struct lt_span *s)
{
    lt_fiber_set_span(s->outer);
    lt_buf_free(&s->attributes);
}

void lt_span_end(struct lt_span *s, enum lt_code code)
{
    struct lt_buf text;
    struct lt_jw w;
    if (!s)
        return;
    if (is_told(s)) {
        if (code)
            lt_span_text(s, "error.type", lt_str(lt_code_name(code)));
        lt_jw_end(&s->w);
        lt_buf_init(&text, LT_SPAN_BYTES_MAX);
        lt_jw_init(&w, &text);
        write_span(s, &w, code);
        if (text.failed)
            lt_tracer_count(s->tracer, 0, 1);
        else
            queue(s->tracer, lt_buf_str(&text));
        lt_buf_free(&text);
    }
    leave(s);
}

void lt_span_drop(struct lt_span *s)
{
    if (s)
        leave(s);
}

/* ---- whoever sends them ---- */

struct lt_span_text *lt_tracer_take(struct lt_tracer *t, size_t max_bytes, size_t *ret_n)
{
    size_t bytes = 0, n = 0;
    pthread_mutex_lock(&t->lock);
    struct lt_span_text *first = t->first, **end = &t->first;
    for (; *end && n < LT_SPANS_BATCH && bytes + (*end)->n <= max_bytes; end = &(*end)->next, n++)
        bytes += (*end)->n;
    struct lt_span_text *rest = *end;
    *end = NULL;
    t->first = rest;
    if (!rest)
        t->last = &t->first;
    t->stats.queued -= n;
    pthread_mutex_unlock(&t->lock);
    *ret_n = n;
    return n > 0 ? first : NULL;
}

void lt_tracer_count(struct lt_tracer *t, uint64_t sent, uint64_t dropped)
{
    pthread_mutex_lock(&t->lock);
    t->stats.sent += sent;
    t->stats.dropped += dropped;
    pthread_mutex_unlock(&t->lock);
}

void lt_tracer_stats(struct lt_tracer *t, struct lt_tracer_stats *ret)
{
    *ret = (struct lt_tracer_stats){0};
    if (!t)
        return;
    pthread_mutex_lock(&t->lock);
    *ret = t->stats;
    pthread_mutex_unlock(&t->lock);
}

/* ---- of the manager ---- */

void lt_manager_set_tracer(struct lt_manager *m, struct lt_tracer *tracer)
{
    m->tracer = tracer;
}

struct lt_tracer *lt_manager_tracer(const struct lt_manager *m)
{
    return m ? m->tracer : NULL;
}
