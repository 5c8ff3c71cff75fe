/*
 * Event loops, one per thread. A turn of the loop: libevent runs every callback of the batch (callbacks only note what happened
 * and make fibers ready), then ready fibers run, then objects handed to lt_loop_free_later() are freed. So no object can be freed
 * while an event of it is still in the batch, and no fiber runs inside a libevent callback.
 */
#pragma once
#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/clock.h"
#include "base/error.h"

struct lt_loop;
struct evdns_base;

/*
 * For a process that is Lectern's own, before its first loop: says where libevent's memory comes from (loop_memory.c). A program that
 * embeds Lectern may use libevent too, and keeps it as it is.
 */
void lt_loop_own_process(void);
/* A loop for the calling thread to run, in which SIGPIPE is blocked from now on. `index` names it in logs. NULL and err on failure. */
struct lt_loop *lt_loop_new(int index, struct lt_error *err);
/* Runs until lt_loop_stop(). The calling thread becomes the loop's thread. */
void lt_loop_run(struct lt_loop *loop);
/* Any thread. The loop ends after the current turn. */
void lt_loop_stop(struct lt_loop *loop);
/* After run() has returned, with no fiber left. */
void lt_loop_free(struct lt_loop *loop);
/* The loop of the calling thread; NULL on other threads. */
struct lt_loop *lt_loop_self(void);
int lt_loop_index(const struct lt_loop *loop);
/* Monotonic milliseconds as of this turn (no system call). */
uint64_t lt_loop_now(const struct lt_loop *loop);
struct event_base *lt_loop_base(struct lt_loop *loop);
/* evdns with the system's resolv.conf and hosts, made at first use. */
struct evdns_base *lt_loop_dns(struct lt_loop *loop);

/* A job for a loop's thread. The owner keeps the memory until fn was called. */
struct lt_task {
    struct lt_task *next;
    void (*fn)(struct lt_task *task);
};
/* Any thread: fn runs soon on the loop's thread, outside any fiber. Tasks of one poster run in order. */
void lt_loop_post(struct lt_loop *loop, struct lt_task *task);
/* Loop thread: free_fn(p) after the present turn. */
void lt_loop_free_later(struct lt_loop *loop, void (*free_fn)(void *p), void *p);
/* Loop thread: things that hang on a loop (buffers, connection pools, snapshots). free_fn(value) runs at lt_loop_free(), for the last one first. */
enum lt_loop_slot { LT_SLOT_TLS_RECORD, LT_SLOT_SSE_PIECE, LT_SLOT_HTTP_CLIENT, LT_SLOT_SERVER, LT_SLOT_CORE, LT_SLOT_STORE, LT_SLOT_API, LT_SLOT_POLICY,
                    LT_SLOT_LMS_ROLES, LT_SLOT_CONTENT, LT_SLOT_COUNT };
void *lt_loop_slot(struct lt_loop *loop, enum lt_loop_slot slot);
void lt_loop_set_slot(struct lt_loop *loop, enum lt_loop_slot slot, void *value, void (*free_fn)(void *value));
/* Loop thread: n bytes (always as many for the same slot) for what is made and used up before anything else runs, so that stacks stay small. Not cleared. */
void *lt_loop_scratch(struct lt_loop *loop, enum lt_loop_slot slot, size_t n);

/* A one-shot timer, embedded in its owner; loop thread only. fn runs outside any fiber. */
struct lt_timer {
    struct event ev;
    struct lt_loop *loop;
    void (*fn)(void *arg);
    void *arg;
    uint64_t due_ms; /* private */
};
void lt_timer_init(struct lt_timer *t, struct lt_loop *loop, void (*fn)(void *arg), void *arg);
/* Fires once, `ms` from now (at most a year), never early; setting again moves it. */
void lt_timer_set(struct lt_timer *t, uint64_t ms);
void lt_timer_cancel(struct lt_timer *t);
