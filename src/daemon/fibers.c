/* SIGUSR1: what each fiber is at goes to the log, from its own loop, one loop after the other. */
#include "daemon/daemon.h"

#include <stdio.h>

#include "base/log.h"
#include "io/fiber.h"

enum { LINES_MAX = 1000 /* of one loop: a line each takes the loop's time */ };

struct listing {
    int loop, lines, left_out;
};

static struct lt_str or_nothing(const char *z)
{
    return z ? lt_str(z) : LT_STR("");
}

static void show(void *arg, const struct lt_fiber_view *v)
{
    struct listing *l = arg;
    char at[200];
    if (l->lines == LINES_MAX) {
        l->left_out++;
        return;
    }
    l->lines++;
    snprintf(at, sizeof(at), "%s%s%s", v->where[0] ? v->where[0] : "", v->where[1] ? " " : "", v->where[1] ? v->where[1] : "");
    lt_log(LT_LOG_WARN, "fiber", LT_I("loop", l->loop), LT_S("name", v->name), LT_S("at", at), LT_SS("doing", or_nothing(v->doing)),
           LT_SS("waits_for", or_nothing(v->waits_for)), LT_I("age_ms", v->age_ms), LT_I("waiting_ms", v->waiting_ms), LT_I("deadline_in_ms", v->left_ms),
           LT_I("cancelled", v->cancelled));
}

static void show_loop(struct lt_task *task)
{
    struct lt_daemon_loop *of = (struct lt_daemon_loop *)task;
    struct listing l = {.loop = of->index};
    lt_fiber_each(of->loop, show, &l);
    lt_log(LT_LOG_WARN, "fibers", LT_I("loop", l.loop), LT_I("shown", l.lines), LT_I("left_out", l.left_out));
    sem_post(&of->daemon->step);
}

void lt_daemon_show_fibers(struct lt_daemon *d)
{
    for (size_t i = 0; i < d->loops_n; i++) {
        d->loops[i].task.fn = show_loop;
        lt_loop_post(d->loops[i].loop, &d->loops[i].task);
        while (sem_wait(&d->step) != 0)
            ; /* EINTR */
    }
}
