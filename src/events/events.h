/*
 * Delivery of what core/outbox.h has written: at least once, to each destination in the order in which it was written, user by user. One fiber looks for
 * destinations with something to deliver and starts a fiber for each, so that a dead or slow receiver keeps nobody else waiting. Which process delivers to
 * a destination says a lease in the store: several may run over one database.
 */
#pragma once
#include <stdatomic.h>

#include "core/outbox.h"

enum {
    LT_EVENTS_MAX_AGE_MS = 3 * 24 * 3600 * 1000,   /* then an event is given up */
    LT_EVENTS_ATTEMPTS_MAX = 25,                   /* answers that refuse one event without saying that it is at fault */
    LT_EVENTS_WAITING_MAX = 100000,                /* for one destination: the oldest are dropped beyond it, and counted */
    LT_EVENTS_DEAD_MAX = 10000,                    /* given up, of one destination: the same */
    LT_EVENTS_LIST_MAX = 1000,
};
#define LT_EVENTS_DEAD_KEPT_MS (INT64_C(30) * 24 * 3600 * 1000)

struct lt_tls;
struct lt_events;

struct lt_bus_request; /* events/avro.h */
/*
 * Runs what a message from the event bus asks for. LT_OK: it will be run once, whatever happens, however often this is asked with the same id. A code that
 * lt_code_retryable() knows: later perhaps; any other: never, and the error says why. Fiber.
 */
typedef enum lt_code (*lt_events_request_fn)(void *ctx, struct lt_arena *arena, struct lt_config *config, const struct lt_site *site,
                                             const struct lt_bus_request *request, struct lt_uuid id, const uint8_t hash[32], struct lt_error *err);

struct lt_events_options {
    struct lt_store *store;
    struct lt_tls *tls;                /* client context */
    lt_events_request_fn request;      /* NULL: nothing is taken from an event bus */
    void *ctx;
    int64_t pace;                      /* pauses and ages are so many times shorter: 1, but for tests */
};
struct lt_events *lt_events_new(const struct lt_events_options *options);
/* After the loops have ended; NULL allowed. */
void lt_events_free(struct lt_events *events);
/* Fiber on one loop: delivers until it is cancelled; returns when nothing of it is left. */
void lt_events_worker(void *events);

struct lt_events_stats {               /* of this process since its start; the gauges as of the last look, over all processes */
    _Atomic uint64_t delivered, failed, died, dropped; /* events; attempts that are to be made again; given up; too many waited */
    _Atomic uint64_t waiting, dead, oldest_s;
};
/* NULL allowed: all 0. Any thread. */
const struct lt_events_stats *lt_events_stats(const struct lt_events *events);

/* ---- sending (send.c); fiber ---- */

struct lt_event_row {                  /* as it waits */
    int64_t id, at_us, attempts;
    struct lt_str event_id, kind, subject, user_id, actor, data;
};
enum lt_event_fate {
    LT_EVENT_AGAIN,                    /* not tried, or nobody was there */
    LT_EVENT_DELIVERED,
    LT_EVENT_REFUSED,                  /* never: the event is at fault */
    LT_EVENT_UNWANTED,                 /* the receiver was there and did not want it: again, LT_EVENTS_ATTEMPTS_MAX times in all */
};
struct lt_event_sent {
    enum lt_event_fate *fates;         /* of each row, by the caller */
    struct lt_str *reasons;            /* why, of each row, by the caller; NULL strings: what error says. In the sender's arena */
    struct lt_error error;             /* of the last that was refused, or that is to be tried again */
    bool trouble;                      /* the receiver is to be left alone for a while */
    int64_t retry_after_s;             /* 0: it did not say */
};
struct lt_event_sender {               /* what sending needs */
    struct lt_store *store;
    struct lt_tls *tls;
    struct lt_arena *arena;
    const struct lt_site *site;
    const struct lt_event_destination *to;
};
/*
 * Tries rows and stops where one is to be tried again: rows of one user (of one call, where nobody was named) are delivered in order, so one behind it may
 * be delivered that is another user's. The caller clears *ret, but for fates and reasons.
 */
void lt_events_send(const struct lt_event_sender *s, const struct lt_event_row *rows, size_t n, struct lt_event_sent *ret);
/* Sends a made-up event, as `lectern events test` does: LT_OK when the receiver has taken it. */
enum lt_code lt_events_test(const struct lt_event_sender *s, struct lt_error *err);

/* ---- what was given up (dead.c) ---- */

struct lt_event_dead {
    int64_t id, destination_id, at_us, dead_at, attempts;
    struct lt_str destination, event_id, kind, subject, user_id, data, reason;
};
/* Newest first. before: only ids below, 0 = all. destination_id 0: of all. In the arena. Fiber or outside loops. */
enum lt_code lt_events_dead(struct lt_store *store, struct lt_arena *arena, int64_t site_id, int64_t destination_id, int64_t before, int limit,
                            struct lt_event_dead **ret, size_t *ret_n, struct lt_error *err);
/* They wait again, behind what waits already. id 0: all of the destination (0: of the site). *ret_n: how many. LT_ENOT_FOUND: none has that id. */
enum lt_code lt_events_retry(struct lt_store *store, int64_t site_id, int64_t destination_id, int64_t id, int64_t *ret_n, struct lt_error *err);
enum lt_code lt_events_drop(struct lt_store *store, int64_t site_id, int64_t destination_id, int64_t id, int64_t *ret_n, struct lt_error *err);

/* How it goes at a destination. */
struct lt_event_state {
    int64_t waiting, dead, oldest_at, delivered, dropped, failures, paused_until, last_at; /* ms; oldest_at 0: nothing waits */
    struct lt_str last_error;
};
enum lt_code lt_events_state(struct lt_store *store, struct lt_arena *arena, int64_t destination_id, struct lt_event_state *ret, struct lt_error *err);
/* Its members, into the present object. */
void lt_event_state_put(struct lt_jw *w, const struct lt_event_state *s);
void lt_event_dead_write(struct lt_jw *w, const struct lt_event_dead *d);
