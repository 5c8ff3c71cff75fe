/*
 * The record of one event stream, and those who follow it.
 *
 * The log is the framed text itself: ids count up by one and an event ends at its first empty line, so any id is found by
 * counting, and a follower's place is one number, an offset in everything ever appended. Nothing can be lost or doubled: a
 * follower sends from its offset to the end, whoever it is and whenever it came.
 *
 * Locking: `lock` guards the log, its list and the fields of a follower said so below. It is never held while something is
 * written, called back or waited for. A follower's other fields belong to the thread of its request's loop. References: the log
 * is held by its producer, by each follower and by its task on the way; a follower by its request's arena and by each task on the
 * way.
 */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "io/sse.h"

enum {
    HEARTBEAT_MS = 15000,
    LAG_WAIT_MS = 10000,
    FLUSH_MS = 60000,              /* the connection's own write deadline ends a stalled flush sooner */
    PIECE = 16 * 1024,             /* sent in one go */
    SLACK = 64 * 1024,             /* trimmed bytes are moved out of the way in such amounts */
    EVENT_MAX = 16 * 1024 * 1024,
};

struct follower {
    struct lt_sse_log *log;
    struct follower *prev, *next;  /* lock */
    const struct lt_http_request *key; /* finds the follower of a request; never changes, not to be followed */
    uint64_t at;                   /* lock: the next byte to send */
    bool live;                     /* lock: counts as a follower: neither left nor dropped */
    bool scheduled;                /* lock: a pump is on the way */
    atomic_int refs;
    struct lt_loop *loop;
    struct lt_http_request *req;   /* NULL when the request has ended */
    struct lt_fiber *waiting;      /* in follow or flush */
    struct lt_task task;           /* pumps from another thread's append */
    struct lt_timer heartbeat;
    uint64_t quiet_since_ms;
    bool blocked;                  /* the client is slow: on_writable pumps */
    bool done;                     /* everything is sent and the log is finished */
};

struct lt_sse_log {
    pthread_mutex_t lock;
    atomic_int refs;
    struct lt_loop *loop;          /* the producer's */
    struct lt_buf text;
    uint64_t base;                 /* offset of text.p[0] in all that was ever appended */
    size_t start;                  /* where in text the oldest event that is kept begins */
    uint64_t first_id, next_id;    /* of that event; of the next one to come */
    bool finished;
    struct follower *followers;
    int live, told;                /* followers now; as on_followers was told last */
    struct lt_fiber *producer;     /* waits for room */
    bool posted;
    struct lt_task task;           /* wakes the producer, calls on_followers */
    void (*on_followers)(void *arg, int followers); /* producer's thread only */
    void *on_followers_arg;
};

static void log_task(struct lt_task *task);

struct lt_sse_log *lt_sse_log_new(struct lt_loop *producer_loop)
{
    struct lt_sse_log *log = calloc(1, sizeof(*log));
    if (!log)
        abort();
    pthread_mutex_init(&log->lock, NULL);
    log->refs = 1;
    log->loop = producer_loop;
    lt_buf_init(&log->text, LT_SSE_LOG_MAX + LT_SSE_LAG_MAX + SLACK + 2 * (EVENT_MAX + 1024));
    log->first_id = log->next_id = 1;
    log->task.fn = log_task;
    return log;
}

struct lt_sse_log *lt_sse_log_ref(struct lt_sse_log *log)
{
    log->refs++;
    return log;
}

void lt_sse_log_unref(struct lt_sse_log *log)
{
    if (!log || --log->refs > 0)
        return;
    lt_buf_free(&log->text);
    pthread_mutex_destroy(&log->lock);
    free(log);
}

static void follower_unref(struct follower *f)
{
    if (--f->refs > 0)
        return;
    lt_sse_log_unref(f->log);
    free(f);
}

/* ---- telling the producer ---- */

/* With the lock: the producer's loop is to look at what changed. */
static void poke(struct lt_sse_log *log)
{
    if (log->posted)
        return;
    log->posted = true;
    lt_sse_log_ref(log);
    lt_loop_post(log->loop, &log->task);
}

static void log_task(struct lt_task *task)
{
    struct lt_sse_log *log = (struct lt_sse_log *)((char *)task - offsetof(struct lt_sse_log, task));
    pthread_mutex_lock(&log->lock);
    log->posted = false;
    struct lt_fiber *producer = log->producer;
    int live = log->live;
    bool tell = live != log->told;
    log->told = live;
    pthread_mutex_unlock(&log->lock);
    if (producer)
        lt_fiber_wake(producer);
    if (tell && log->on_followers)
        log->on_followers(log->on_followers_arg, live);
    lt_sse_log_unref(log);
}

void lt_sse_log_on_followers(struct lt_sse_log *log, void (*fn)(void *arg, int followers), void *arg)
{
    log->on_followers = fn;
    log->on_followers_arg = arg;
    pthread_mutex_lock(&log->lock);
    log->told = -1; /* a follower that comes and leaves in one turn is told of too */
    pthread_mutex_unlock(&log->lock);
}

/* With the lock. */
static void change_live(struct follower *f, bool live)
{
    if (f->live == live)
        return;
    f->live = live;
    f->log->live += live ? 1 : -1;
    poke(f->log);
}

/* ---- the text ---- */

static uint64_t end_of(const struct lt_sse_log *log)
{
    return log->base + log->text.n;
}

/* Behind the event that begins at p. */
static const char *event_end(const char *p, const char *end)
{
    return (const char *)memmem(p, (size_t)(end - p), "\n\n", 2) + 2;
}

/*
 * With the lock: forgets the oldest events above the maximum, but never one that a live follower has still to send (the wait in
 * append keeps that bounded), and never the newest.
 */
static void trim(struct lt_sse_log *log)
{
    uint64_t needed = end_of(log);
    for (const struct follower *f = log->followers; f; f = f->next)
        if (f->live && f->at < needed)
            needed = f->at;
    while (log->text.n - log->start > LT_SSE_LOG_MAX && log->first_id + 1 < log->next_id) {
        const char *next = event_end(log->text.p + log->start, log->text.p + log->text.n);
        size_t start = (size_t)(next - log->text.p);
        if (log->base + start > needed)
            break;
        log->start = start;
        log->first_id++;
    }
    if (log->start >= SLACK) {
        lt_buf_consume(&log->text, log->start);
        log->base += log->start;
        log->start = 0;
    }
}

/* With the lock: where the event behind `after` begins; false when it is not there any more, or never was. */
static bool find_event(const struct lt_sse_log *log, uint64_t after, uint64_t *ret)
{
    if (after + 1 < log->first_id || after >= log->next_id)
        return false;
    if (after + 1 == log->next_id) {
        *ret = end_of(log);
        return true;
    }
    const char *p = log->text.p + log->start;
    for (uint64_t id = log->first_id; id <= after; id++)
        p = event_end(p, log->text.p + log->text.n);
    *ret = log->base + (uint64_t)(p - log->text.p);
    return true;
}

/* ---- pumping ---- */

static void wake_waiting(struct follower *f)
{
    if (f->waiting)
        lt_fiber_wake(f->waiting);
}

static void on_writable(void *arg);

/* With the lock: up to PIECE bytes that are to be sent. */
static size_t next_piece(const struct follower *f, char *out)
{
    const struct lt_sse_log *log = f->log;
    if (!f->live)
        return 0;
    uint64_t n = end_of(log) - f->at;
    if (n > PIECE)
        n = PIECE;
    if (n > 0)
        memcpy(out, log->text.p + (f->at - log->base), (size_t)n);
    return (size_t)n;
}

/* Moves the follower on until all is sent or the client is slow. Returns whether it is live. */
static bool send_pieces(struct follower *f)
{
    struct lt_sse_log *log = f->log;
    char piece[PIECE];
    size_t n;
    pthread_mutex_lock(&log->lock);
    while (!f->blocked && (n = next_piece(f, piece)) > 0) {
        pthread_mutex_unlock(&log->lock);
        f->blocked = !lt_http_stream_try_write(f->req, piece, n);
        f->quiet_since_ms = lt_loop_now(f->loop);
        pthread_mutex_lock(&log->lock);
        if (!f->blocked)
            f->at += n;
    }
    bool live = f->live;
    f->done = live && log->finished && f->at == end_of(log);
    if (log->producer)
        poke(log);
    pthread_mutex_unlock(&log->lock);
    return live;
}

/* On the thread of the request, in or outside a fiber. A follower that was dropped is cut off: its client must see that more was
 * to come. */
static void pump(struct follower *f)
{
    if (!f->req || f->done)
        return;
    bool live = send_pieces(f);
    if (f->blocked)
        lt_http_stream_on_writable(f->req, on_writable, f);
    if (!live)
        lt_http_stream_cut(f->req);
    if (!live || f->done)
        wake_waiting(f);
}

static void on_writable(void *arg)
{
    struct follower *f = arg;
    f->blocked = false;
    pump(f);
}

static void run_pump(struct follower *f)
{
    pthread_mutex_lock(&f->log->lock);
    f->scheduled = false;
    pthread_mutex_unlock(&f->log->lock);
    pump(f);
    follower_unref(f);
}

static void pump_task(struct lt_task *task)
{
    run_pump((struct follower *)((char *)task - offsetof(struct follower, task)));
}

static void pump_after_turn(void *p)
{
    run_pump(p);
}

/*
 * With the lock: a pump is to run soon. On the own thread that is the end of the present turn, so that all events of a turn go
 * out in one write and none waits longer than that; from elsewhere it is a task of the other loop.
 */
static void schedule(struct follower *f)
{
    if (f->scheduled)
        return;
    f->scheduled = true;
    f->refs++;
    if (f->loop == lt_loop_self())
        lt_loop_free_later(f->loop, pump_after_turn, f);
    else
        lt_loop_post(f->loop, &f->task);
}

static void schedule_all(struct lt_sse_log *log)
{
    for (struct follower *f = log->followers; f; f = f->next)
        schedule(f);
}

/* A comment after each 15 s of silence keeps proxies from closing the connection, and finds out that the client is gone. */
static void on_heartbeat(void *arg)
{
    struct follower *f = arg;
    uint64_t quiet = lt_loop_now(f->loop) - f->quiet_since_ms;
    if (quiet >= HEARTBEAT_MS) {
        if (!f->blocked)
            lt_http_stream_try_write(f->req, ":\n\n", 3);
        f->quiet_since_ms += quiet;
        quiet = 0;
    }
    lt_timer_set(&f->heartbeat, HEARTBEAT_MS - quiet);
}

/* ---- followers come and go ---- */

static void on_gone(void *arg)
{
    struct follower *f = arg;
    pthread_mutex_lock(&f->log->lock);
    change_live(f, false);
    pthread_mutex_unlock(&f->log->lock);
    wake_waiting(f);
}

/* The request ends: its arena is freed. */
static void detach(void *arg)
{
    struct follower *f = arg;
    struct lt_sse_log *log = f->log;
    lt_timer_cancel(&f->heartbeat);
    f->req = NULL;
    pthread_mutex_lock(&log->lock);
    change_live(f, false);
    *(f->prev ? &f->prev->next : &log->followers) = f->next;
    if (f->next)
        f->next->prev = f->prev;
    pthread_mutex_unlock(&log->lock);
    follower_unref(f);
}

static enum lt_code begin_stream(struct lt_http_request *req)
{
    const struct lt_http_field fields[] = {{LT_STR("Cache-Control"), LT_STR("no-store")},
                                           {LT_STR("X-Accel-Buffering"), LT_STR("no")},
                                           {LT_STR("X-Content-Type-Options"), LT_STR("nosniff")}};
    return lt_http_stream_begin(req, 200, "text/event-stream; charset=utf-8", fields, LT_COUNT(fields));
}

/* Joins the log behind `after`; finding the place and joining are one step under the lock. */
static enum lt_code join(struct lt_sse_log *log, struct lt_http_request *req, uint64_t after, struct follower **ret)
{
    if (lt_http_client_gone(req))
        return LT_ECANCELLED;
    struct follower *f = calloc(1, sizeof(*f));
    if (!f)
        abort();
    f->log = lt_sse_log_ref(log);
    f->key = f->req = req;
    f->loop = req->loop;
    f->refs = 1;
    f->task.fn = pump_task;
    f->quiet_since_ms = lt_loop_now(f->loop);
    pthread_mutex_lock(&log->lock);
    bool found = find_event(log, after, &f->at);
    if (found) {
        f->next = log->followers;
        if (f->next)
            f->next->prev = f;
        log->followers = f;
        change_live(f, true);
        schedule(f);
    }
    pthread_mutex_unlock(&log->lock);
    if (!found) {
        follower_unref(f);
        return LT_ENOT_FOUND;
    }
    lt_timer_init(&f->heartbeat, f->loop, on_heartbeat, f);
    lt_timer_set(&f->heartbeat, HEARTBEAT_MS);
    lt_arena_on_free(req->arena, detach, f);
    enum lt_code rc = begin_stream(req);
    if (rc != LT_OK) {
        on_gone(f);
        return rc;
    }
    lt_http_on_client_gone(req, on_gone, f);
    *ret = f;
    return LT_OK;
}

/* Gives way until everything is sent (then the answer ends) or the client is gone. */
static enum lt_code wait_done(struct follower *f, uint64_t deadline_ms)
{
    enum lt_code rc = LT_OK;
    pump(f);
    f->waiting = lt_fiber_self();
    for (;;) {
        pthread_mutex_lock(&f->log->lock);
        bool live = f->live;
        pthread_mutex_unlock(&f->log->lock);
        if (!live)
            rc = LT_ECANCELLED;
        if (f->done || rc != LT_OK)
            break;
        rc = lt_fiber_wait(deadline_ms);
    }
    f->waiting = NULL;
    return f->done ? lt_http_stream_end(f->req) : LT_ECANCELLED;
}

enum lt_code lt_sse_log_follow(struct lt_sse_log *log, struct lt_http_request *req, uint64_t after)
{
    struct follower *f;
    enum lt_code rc = join(log, req, after, &f);
    return rc == LT_OK ? wait_done(f, LT_NEVER) : rc;
}

enum lt_code lt_sse_log_attach(struct lt_sse_log *log, struct lt_http_request *req, uint64_t after)
{
    struct follower *f;
    return join(log, req, after, &f);
}

/* Shielded: the last event of a call that was cancelled still reaches a client that is there. */
enum lt_code lt_sse_log_flush(struct lt_sse_log *log, struct lt_http_request *req)
{
    pthread_mutex_lock(&log->lock);
    struct follower *f = log->followers;
    while (f && f->key != req)
        f = f->next;
    pthread_mutex_unlock(&log->lock);
    if (!f)
        return LT_ENOT_FOUND;
    lt_fiber_shield();
    enum lt_code rc = wait_done(f, lt_loop_now(f->loop) + FLUSH_MS);
    lt_fiber_unshield();
    return rc;
}

/* ---- the producer ---- */

/* With the lock. */
static uint64_t worst_lag(const struct lt_sse_log *log)
{
    uint64_t worst = 0;
    for (const struct follower *f = log->followers; f; f = f->next)
        if (f->live && end_of(log) - f->at > worst)
            worst = end_of(log) - f->at;
    return worst;
}

/* With the lock. */
static void drop_laggards(struct lt_sse_log *log)
{
    for (struct follower *f = log->followers; f; f = f->next) {
        if (f->live && end_of(log) - f->at > LT_SSE_LAG_MAX) {
            change_live(f, false);
            schedule(f);
        }
    }
}

/* With the lock, which is given up while waiting. */
static enum lt_code wait_for_room(struct lt_sse_log *log)
{
    uint64_t deadline = lt_loop_now(log->loop) + LAG_WAIT_MS;
    enum lt_code rc = LT_OK;
    while (rc != LT_ECANCELLED && worst_lag(log) > LT_SSE_LAG_MAX) {
        if (rc == LT_ETIMEOUT) {
            drop_laggards(log);
            break;
        }
        log->producer = lt_fiber_self();
        pthread_mutex_unlock(&log->lock);
        rc = lt_fiber_wait(deadline);
        pthread_mutex_lock(&log->lock);
        log->producer = NULL;
    }
    return rc == LT_ECANCELLED ? rc : LT_OK;
}

enum lt_code lt_sse_log_append(struct lt_sse_log *log, const char *type, struct lt_str data)
{
    if (data.n > EVENT_MAX)
        return LT_ETOO_LARGE;
    pthread_mutex_lock(&log->lock);
    assert(!log->finished);
    enum lt_code rc = wait_for_room(log);
    if (rc == LT_OK) {
        lt_sse_write(&log->text, type, log->next_id++, data);
        assert(!log->text.failed);
        trim(log);
        schedule_all(log);
    }
    pthread_mutex_unlock(&log->lock);
    return rc;
}

void lt_sse_log_finish(struct lt_sse_log *log)
{
    pthread_mutex_lock(&log->lock);
    log->finished = true;
    schedule_all(log);
    pthread_mutex_unlock(&log->lock);
}
