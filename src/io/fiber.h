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
/* "what it waits for", shown by diagnostics; a literal. */
void lt_fiber_set_name(const char *name);

/*
 * Gives way until someone calls lt_fiber_wake(), or the deadline (lt_loop_now() scale; LT_NEVER = none) passes, or the fiber is
 * cancelled. A wake that came before the wait makes it return at once; wakes do not count up; a spurious LT_OK is possible, so wait in
 * a loop on your own condition. Returns LT_OK, LT_ETIMEOUT or LT_ECANCELLED.
 */
enum lt_code lt_fiber_wait(uint64_t deadline_ms);
/* Loop thread of that fiber (from a callback or another fiber). */
void lt_fiber_wake(struct lt_fiber *fiber);
/* Lets other ready fibers and events run. */
void lt_fiber_yield(void);
enum lt_code lt_fiber_sleep(uint64_t ms);

/* Loop thread. From now on every wait of the fiber returns LT_ECANCELLED, until it ends or lt_fiber_cancel_reset(). Idempotent. */
void lt_fiber_cancel(struct lt_fiber *fiber);
bool lt_fiber_cancelled(void);       /* was the running fiber cancelled (shielded or not)? */
void lt_fiber_cancel_reset(void);    /* the running fiber */
/* While shielded (counted) the running fiber's waits do not see a cancel: used to write end records. */
void lt_fiber_shield(void);
void lt_fiber_unshield(void);

/* One pointer that belongs to the running fiber, for whoever runs it; NULL at its start. Outside fibers nothing is kept. */
void lt_fiber_set_own(const void *p);
const void *lt_fiber_own(void);

/* Fibers alive in this process, for metrics and tests. */
int lt_fiber_count(void);
/* Calls f for each live fiber of the loop (name, milliseconds it has waited). Loop thread. */
void lt_fiber_each(struct lt_loop *loop, void (*f)(void *arg, const char *name, uint64_t waiting_ms), void *arg);
