/*
 * Fibers: straight-line code over the loop. A fiber runs on one loop's thread from its start to its end, and gives way only in
 * lt_fiber_wait() (in which all of io/ and store/ wait). Stacks: 256 KiB reserved (512 KiB under sanitizers), a guard page below,
 * pooled; at most LT_FIBER_MAX. Switching is one function (fiber_switch in fiber.c), with the annotations that ASan, TSan and
 * valgrind need. A fiber must not return with a lock held or an object on its stack registered anywhere.
 */
#pragma once
#include "io/loop.h"

enum { LT_FIBER_MAX = 30000 };

struct lt_fiber;

/* Makes a fiber that runs fn(arg) in this turn or the next. Loop thread. *ret may be NULL. LT_EOVERLOADED above LT_FIBER_MAX. */
enum lt_code lt_fiber_start(struct lt_loop *loop, void (*fn)(void *arg), void *arg, struct lt_fiber **ret);
/* The running fiber, NULL outside. */
struct lt_fiber *lt_fiber_self(void);
/* Whose work the fiber does, shown by diagnostics; a literal. */
void lt_fiber_set_name(const char *name);
/* Where it does it: "POST" and "/v1/actions/{action}", "task" and NULL. Both live as long as the fiber runs, hold nothing secret; NULL: nothing to say. */
void lt_fiber_set_where(const char *what, const char *of);
/* What the running fiber is about until this is called again, for diagnostics: a literal, or NULL. Returns what it was. Outside fibers: nothing. */
const char *lt_fiber_doing(const char *what);

/*
 * Gives way until someone calls lt_fiber_wake(), or the deadline (lt_loop_now() scale; LT_NEVER = none) passes, or the fiber is
 * cancelled. A wake that came before the wait makes it return at once; wakes do not count up; a spurious LT_OK is possible, so wait in
 * a loop on your own condition. Returns LT_OK, LT_ETIMEOUT or LT_ECANCELLED.
 */
enum lt_code lt_fiber_wait(uint64_t deadline_ms);
/* The same; diagnostics say what it waits for, a literal. */
enum lt_code lt_fiber_wait_for(uint64_t deadline_ms, const char *what);
/* Loop thread of that fiber (from a callback or another fiber). */
void lt_fiber_wake(struct lt_fiber *fiber);
/* Lets other ready fibers and events run. */
void lt_fiber_yield(void);
enum lt_code lt_fiber_sleep(uint64_t ms);

/* Loop thread. From now on every wait of the fiber returns LT_ECANCELLED, until it ends or lt_fiber_cancel_reset(). Idempotent. */
void lt_fiber_cancel(struct lt_fiber *fiber);
/* Why: for figures and diagnostics. The first reason stays. */
#define LT_CANCEL_REASONS(X)                                                                                                  \
    X(OTHER, "other") X(CLIENT_LEFT, "client_left") X(ASKED, "asked") X(STOPPED, "emergency_stop") X(ERASED, "user_erased") X(SLOW, "slow_client") \
    X(TIME, "time_limit") X(END, "shutdown") X(LOST, "process_lost")
enum lt_cancel_reason {
#define X(symbol, name) LT_CANCEL_##symbol,
    LT_CANCEL_REASONS(X)
#undef X
        LT_CANCEL_COUNT
};
const char *lt_cancel_reason_name(enum lt_cancel_reason reason);
void lt_fiber_cancel_because(struct lt_fiber *fiber, enum lt_cancel_reason reason);
enum lt_cancel_reason lt_fiber_cancel_reason(void); /* the running fiber; LT_CANCEL_OTHER when it was not cancelled */
bool lt_fiber_cancelled(void);       /* was the running fiber cancelled (shielded or not)? */
void lt_fiber_cancel_reset(void);    /* the running fiber */
/* While shielded (counted) the running fiber's waits do not see a cancel: used to write end records. */
void lt_fiber_shield(void);
void lt_fiber_unshield(void);

/* One pointer that belongs to the running fiber, for whoever runs it; NULL at its start. Outside fibers nothing is kept. */
void lt_fiber_set_own(const void *p);
const void *lt_fiber_own(void);

/* The span that the running fiber is in (core/span.h); NULL at its start, outside fibers, and for whoever is not traced. */
void lt_fiber_set_span(void *span);
void *lt_fiber_span(void);

/* Fibers alive in this process, for metrics and tests. */
int lt_fiber_count(void);
/* What one of them is at. */
struct lt_fiber_view {
    const char *name, *where[2], *doing; /* as they were set; NULL where nothing was */
    const char *waits_for;               /* NULL: it does not wait, or nobody said for what */
    uint64_t age_ms, waiting_ms;
    int64_t left_ms;                     /* until the deadline of its wait; -1: it has none */
    bool cancelled;
};
/* Calls f for each live fiber of the loop, the newest first. Loop thread. */
void lt_fiber_each(struct lt_loop *loop, void (*f)(void *arg, const struct lt_fiber_view *view), void *arg);
