/* Worker threads for what blocks or computes long (DNS, SQLite reads, hashing, ICU). One pool per process. */
#pragma once
#include <pthread.h>

#include "io/fiber.h"

/* pthread_create() for a thread that takes no signals: the one that handles them must be the one that expects to. 0 or an errno. Any thread. */
int lt_thread_start(pthread_t *ret, void *(*fn)(void *arg), void *arg);

/* Starts n threads (1 to 64); once, before the loops. */
enum lt_code lt_workers_start(int n, struct lt_error *err);
/* Waits for the queue to empty, ends the threads. */
void lt_workers_stop(void);
/*
 * Runs fn(arg) on a worker while the calling fiber gives way; not cancellable (arg may be on the fiber's stack).
 * LT_EOVERLOADED when 1,024 jobs wait. Outside a fiber it just calls fn.
 */
enum lt_code lt_work(void (*fn)(void *arg), void *arg);
