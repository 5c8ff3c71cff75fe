/* What loop.c and fiber.c know of each other; conn.c and worker.c use the last function. Private to io/. */
#pragma once
#include "io/fiber.h"

/* The fibers of one loop: ready queue, live list, pool. */
struct lt_fibers;

struct lt_fibers *lt_fibers_new(struct lt_loop *loop);
/* With no fiber alive. */
void lt_fibers_free(struct lt_fibers *fibers);
bool lt_fibers_ready(const struct lt_fibers *fibers);
/* Runs what is ready; what these make ready too, up to a bound. */
void lt_fibers_run(struct lt_fibers *fibers);
struct lt_fibers *lt_loop_fibers(struct lt_loop *loop);

/* The running fiber was cancelled and is not shielded: what never has to wait (a fast stream) asks here instead. */
bool lt_fiber_must_end(void);
