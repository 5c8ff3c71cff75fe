/*
 * The record of one event stream, and those who follow it. The events lie in an lt_sse_text; a follower's place in them is all that is
 * known of it. Nothing can be lost or doubled: a follower sends from its place to the end, whoever it is and whenever it came.
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

#include "base/memory.h"
#include "io/sse_text.h"

enum {
    HEARTBEAT_MS = 15000,
    LAG_WAIT_MS = 10000,           /* a laggard must take a piece in this time */
    PARKED_WAIT_MS = 1200000,      /* twice the longest grace a site can give */
    FLUSH_MS = 60000,              /* the connection's own write deadline ends a stalled flush sooner */
    PIECE = 16 * 1024,             /* sent in one go */
};

struct follower {
    struct lt_sse_log *log;
    struct follower *prev, *next;  /* lock */
    const struct lt_http_request *key; /* finds the follower of a request; never changes, not to be followed */
    struct lt_sse_place place;     /* lock: what is to be sent next */
    uint64_t moved_ms;             /* lock: when it came or last took a piece */
    bool live;                     /* lock: counts as a follower: neither left nor parked */
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
    struct lt_loop *loop;          /* the producer's; NULL: it has none any more */
    struct lt_sse_text text;
    bool kept;                     /* lies on a shelf, its text behind it */
    bool finished;
    struct follower *followers;
    int live, told;                /* followers now; as on_followers was told last */
    bool parked;                   /* the last follower left and may come back */
    bool no_return;                /* it may not */
    uint64_t parked_ms;            /* when it left */
    uint64_t parked_from;          /* offset: what it may lack begins here */
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
        lt_out_of_memory(0);
    pthread_mutex_init(&log->lock, NULL);
    log->refs = 1;
    log->loop = producer_loop;
    lt_sse_text_init(&log->text);
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
    pthread_mutex_destroy(&log->lock);
    if (log->kept) {
        lt_shelf_drop(log);
        return;
    }
    lt_sse_text_free(&log->text);
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
    if (log->posted || !log->loop)
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

/* With the lock: f was the last one, and may come back. */
static void park(struct follower *f)
{
    struct lt_sse_log *log = f->log;
    log->parked = !log->no_return;
    log->parked_ms = lt_mono_ms();
    log->parked_from = f->place.at > LT_SSE_BEHIND_MAX ? f->place.at - LT_SSE_BEHIND_MAX : 0;
}

/* With the lock. */
static void change_live(struct follower *f, bool live)
{
    if (f->live == live)
        return;
    f->live = live;
    f->log->live += live ? 1 : -1;
    f->log->parked = false;
    if (f->log->live == 0)
        park(f);
    poke(f->log);
}

void lt_sse_log_no_return(struct lt_sse_log *log)
{
    pthread_mutex_lock(&log->lock);
    log->no_return = true;
    log->parked = false;
    poke(log);
    pthread_mutex_unlock(&log->lock);
}

/* ---- what is kept ---- */

/* With the lock: the offset from which on somebody may still need the events. */
static uint64_t needed_from(const struct lt_sse_log *log)
{
    uint64_t needed = lt_sse_text_end(&log->text);
    if (log->parked)
        needed = log->parked_from;
    for (const struct follower *f = log->followers; f; f = f->next)
        if (f->live && f->place.at < needed)
            needed = f->place.at;
    return needed;
}

/* With the lock. */
static void add(struct lt_sse_log *log, enum lt_sse_type type, struct lt_str data)
{
    assert(!log->finished);
    lt_sse_text_add(&log->text, type, data);
    lt_sse_text_trim(&log->text, LT_SSE_LOG_MAX, needed_from(log));
}

struct lt_sse_log *lt_sse_log_keep(struct lt_sse_log *log, struct lt_shelf *shelf)
{
    pthread_mutex_lock(&log->lock);
    assert(log->finished);
    struct lt_sse_log *copy = lt_shelf_put(shelf, sizeof(*copy) + lt_sse_text_packed_size(&log->text));
    *copy = (struct lt_sse_log){.refs = 1, .kept = true, .finished = true, .task.fn = log_task};
    lt_sse_text_pack(&log->text, &copy->text, (char *)(copy + 1));
    pthread_mutex_unlock(&log->lock);
    pthread_mutex_init(&copy->lock, NULL);
    return copy;
}

size_t lt_sse_log_size(struct lt_sse_log *log)
{
    pthread_mutex_lock(&log->lock);
    size_t n = sizeof(*log) + log->text.cap;
    pthread_mutex_unlock(&log->lock);
    return n;
}

/* ---- pumping ---- */

static void wake_waiting(struct follower *f)
{
    if (f->waiting)
        lt_fiber_wake(f->waiting);
}

static void on_writable(void *arg);

/*
 * Moves the follower on until all is sent or the client is slow. Returns whether it is live. The frames are made in a buffer of the
 * loop: a pump may run on a fiber's stack, which stays small for the time of a stream.
 */
static bool send_pieces(struct follower *f)
{
    struct lt_sse_log *log = f->log;
    char *piece = lt_loop_scratch(f->loop, LT_SLOT_SSE_PIECE, PIECE);
    pthread_mutex_lock(&log->lock);
    while (!f->blocked && f->live) {
        struct lt_sse_place next = f->place;
        size_t n = lt_sse_text_frames(&log->text, &next, piece, PIECE);
        if (n == 0)
            break;
        pthread_mutex_unlock(&log->lock);
        f->blocked = !lt_http_stream_try_write(f->req, piece, n);
        f->quiet_since_ms = lt_loop_now(f->loop);
        pthread_mutex_lock(&log->lock);
        if (f->blocked)
            break;
        f->place = next;
        f->moved_ms = f->quiet_since_ms;
    }
    bool live = f->live;
    f->done = live && log->finished && f->place.at == lt_sse_text_end(&log->text);
    if (log->producer)
        poke(log);
    pthread_mutex_unlock(&log->lock);
    return live;
}

/* On the thread of the request, in or outside a fiber. A follower that was parked is cut off: its client must see that more was
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
        lt_out_of_memory(0);
    f->log = lt_sse_log_ref(log);
    f->key = f->req = req;
    f->loop = req->loop;
    f->refs = 1;
    f->task.fn = pump_task;
    f->quiet_since_ms = f->moved_ms = lt_loop_now(f->loop);
    pthread_mutex_lock(&log->lock);
    bool found = lt_sse_text_find(&log->text, after, &f->place);
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
        rc = lt_fiber_wait_for(deadline_ms, "the client to take the stream");
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

/* With the lock: until when a laggard has to take something; LT_NEVER when it is none. `since`: when the producer began to wait. */
static uint64_t patience(const struct follower *f, uint64_t since_ms)
{
    uint64_t lag = lt_sse_text_end(&f->log->text) - f->place.at;
    if (!f->live || lag <= f->place.sent + LT_SSE_LAG_MAX)
        return LT_NEVER;
    return (f->moved_ms > since_ms ? f->moved_ms : since_ms) + LAG_WAIT_MS;
}

/* With the lock: would n more bytes not fit into what is kept for one who may come back? */
static bool full(const struct lt_sse_log *log, size_t n)
{
    uint64_t from = lt_sse_text_begin(&log->text);
    if (log->parked_from > from)
        from = log->parked_from;
    return log->parked && lt_sse_text_end(&log->text) - from + n > LT_SSE_LOG_MAX;
}

/* With the lock: until when the producer has to wait before it adds n bytes; LT_NEVER when there is room now. */
static uint64_t wait_until(const struct lt_sse_log *log, size_t n, uint64_t since_ms)
{
    uint64_t until = full(log, n) ? log->parked_ms + PARKED_WAIT_MS : LT_NEVER;
    for (const struct follower *f = log->followers; f; f = f->next) {
        uint64_t t = patience(f, since_ms);
        if (t < until)
            until = t;
    }
    return until;
}

/* With the lock: whose time is over is not waited for any longer. */
static void give_up(struct lt_sse_log *log, uint64_t since_ms, uint64_t now)
{
    if (log->parked && log->parked_ms + PARKED_WAIT_MS <= now)
        log->parked = false;
    for (struct follower *f = log->followers; f; f = f->next) {
        if (patience(f, since_ms) <= now) {
            change_live(f, false);
            schedule(f);
        }
    }
}

/* With the lock, which is given up while waiting. */
static enum lt_code wait_for_room(struct lt_sse_log *log, size_t n)
{
    uint64_t since = lt_loop_now(log->loop), until;
    enum lt_code rc = LT_OK;
    while (rc != LT_ECANCELLED && (until = wait_until(log, n, since)) != LT_NEVER) {
        if (until <= lt_loop_now(log->loop)) {
            give_up(log, since, until);
            continue;
        }
        log->producer = lt_fiber_self();
        pthread_mutex_unlock(&log->lock);
        rc = lt_fiber_wait_for(until, "room in the stream's log");
        pthread_mutex_lock(&log->lock);
        log->producer = NULL;
    }
    return rc == LT_ECANCELLED ? rc : LT_OK;
}

enum lt_code lt_sse_log_append(struct lt_sse_log *log, enum lt_sse_type type, struct lt_str data)
{
    if (data.n > LT_SSE_EVENT_MAX)
        return LT_ETOO_LARGE;
    pthread_mutex_lock(&log->lock);
    enum lt_code rc = wait_for_room(log, data.n);
    if (rc == LT_OK) {
        add(log, type, data);
        schedule_all(log);
    }
    pthread_mutex_unlock(&log->lock);
    return rc;
}

enum lt_code lt_sse_log_try(struct lt_sse_log *log, enum lt_sse_type type, struct lt_str data)
{
    pthread_mutex_lock(&log->lock);
    bool room = data.n <= LT_SSE_EVENT_MAX && wait_until(log, data.n, lt_loop_now(log->loop)) == LT_NEVER;
    if (room) {
        add(log, type, data);
        schedule_all(log);
    }
    pthread_mutex_unlock(&log->lock);
    return room ? LT_OK : LT_EAGAIN;
}

void lt_sse_log_name(struct lt_sse_log *log, struct lt_uuid name)
{
    log->text.name = name;
}

bool lt_sse_log_named(const struct lt_sse_log *log)
{
    return !lt_uuid_is_null(log->text.name);
}

enum lt_code lt_sse_log_finish(struct lt_sse_log *log, enum lt_sse_type type, struct lt_str data)
{
    enum lt_code rc = data.n > LT_SSE_EVENT_MAX ? LT_ETOO_LARGE : LT_OK;
    pthread_mutex_lock(&log->lock);
    if (rc == LT_OK)
        add(log, type, data);
    log->finished = true;
    schedule_all(log);
    pthread_mutex_unlock(&log->lock);
    return rc;
}
