/*
 * Circuit breakers: one for each provider instance and process. After so many faults of the vendor in a row the circuit opens: the
 * instance is left alone for a while that doubles each time, then one call may try (half-open), and its success closes the circuit.
 * A vendor that says how long to wait (Retry-After) is left alone so long. The caller's own faults (bad request, too long, refused
 * content, cancelled) say nothing about the vendor's health. (M. Nygard, Release It!, "Circuit Breaker".)
 *
 * Any thread. A closed circuit without faults is asked and told without a lock.
 */
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "core/provider.h"

enum lt_breaker_state { LT_BREAKER_CLOSED, LT_BREAKER_HALF_OPEN, LT_BREAKER_OPEN };

struct lt_breaker {
    struct lt_breaker *next;        /* in its bucket */
    int64_t instance_id;
    pthread_mutex_t lock;           /* for what follows, but that `troubled` may be read without */
    atomic_bool troubled;           /* not as new: a fault was seen since the last success */
    atomic_uint_fast64_t mark;      /* of the instance's configuration: a changed one begins afresh */
    enum lt_breaker_state state;
    int faults;                     /* in a row */
    int openings;                   /* without a success between them */
    bool probing;                   /* half-open, and the one call is under way */
    uint64_t until_ms;              /* open: monotonic time of the next try */
    enum lt_code cause;             /* what opened it */
};

enum { LT_BREAKER_BUCKETS = 256 };

struct lt_breakers {
    pthread_mutex_t lock;           /* for adding */
    struct lt_breaker *_Atomic buckets[LT_BREAKER_BUCKETS];
};

void lt_breakers_init(struct lt_breakers *breakers);
void lt_breakers_destroy(struct lt_breakers *breakers);
/* The breaker of an instance, made when there is none. It stays until the end of the process. */
struct lt_breaker *lt_breakers_of(struct lt_breakers *breakers, const struct lt_provider_instance *instance);

/*
 * May a call go to the instance now? True: lt_breaker_report() must follow, whatever becomes of it. False: *ret_wait_ms is the time
 * until it may be tried, *ret_cause what was wrong.
 */
bool lt_breaker_admit(struct lt_breaker *b, uint64_t now_ms, uint64_t *ret_wait_ms, enum lt_code *ret_cause);
/* How the admitted call ended. */
void lt_breaker_report(struct lt_breaker *b, const struct lt_provider_instance *instance, enum lt_code rc, int retry_after_s, uint64_t now_ms);

struct lt_breaker_view {
    enum lt_breaker_state state;
    int faults;
    uint64_t wait_ms;               /* open: until the next try */
    enum lt_code cause;             /* LT_OK when closed */
};
struct lt_breaker_view lt_breaker_look(struct lt_breaker *b, uint64_t now_ms);
const char *lt_breaker_state_name(enum lt_breaker_state state);
