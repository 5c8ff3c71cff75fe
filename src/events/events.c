/* The fiber that looks for what is to be delivered. */
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "events/private.h"

enum { LOOK_MS = 100, SWEEP_MS = 5000};

struct lt_events *lt_events_new(const struct lt_events_options *options)
{
    struct lt_events *e = calloc(1, sizeof(*e));
    if (!e)
        lt_out_of_memory(0);
    e->options = *options;
    if (e->options.pace < 1)
        e->options.pace = 1;
    lt_uuid_format(lt_uuid_new(), e->owner);
    for (int i = 0; i < LT_EVENTS_JOBS; i++)
        e->jobs[i].events = e->consumers[i].events = e;
    return e;
}

void lt_events_free(struct lt_events *events)
{
    free(events);
}

const struct lt_events_stats *lt_events_stats(const struct lt_events *events)
{
    static const struct lt_events_stats nothing;
    return events ? &events->stats : &nothing;
}

static bool any_destination(void)
{
    const struct lt_config *config = lt_config_current();
    for (size_t i = 0; i < config->sites_n; i++)
        if (config->sites[i].destinations_n > 0)
            return true;
    return false;
}

/* Its slot, or a free one; NULL: it is delivered to already, or none is free. */
static struct lt_events_job *slot_for(struct lt_events_job jobs[LT_EVENTS_JOBS], int64_t destination_id)
{
    struct lt_events_job *found = NULL;
    for (int i = 0; i < LT_EVENTS_JOBS; i++) {
        if (jobs[i].fiber && jobs[i].destination_id == destination_id)
            return NULL;
        if (!jobs[i].fiber)
            found = &jobs[i];
    }
    return found;
}

static void start(struct lt_events_job jobs[LT_EVENTS_JOBS], int64_t destination_id, void (*fn)(void *job))
{
    struct lt_events_job *job = slot_for(jobs, destination_id);
    if (!job)
        return;
    job->destination_id = destination_id;
    lt_fiber_start(lt_loop_self(), fn, job, &job->fiber); /* none is free: next time */
}

static void start_consumers(struct lt_events *e)
{
    const struct lt_config *config = lt_config_current();
    for (size_t i = 0; e->options.request && i < config->sites_n; i++)
        for (size_t k = 0; config->sites[i].enabled && k < config->sites[i].destinations_n; k++)
            if (lt_bus_consumes(&config->sites[i].destinations[k]))
                start(e->consumers, config->sites[i].destinations[k].id, lt_bus_consume);
}

static enum lt_code look(struct lt_events *e, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    int64_t *due;
    size_t n = 0;
    enum lt_code rc = lt_events_due(e, arena, LT_EVENTS_JOBS, &due, &n, err);
    for (size_t i = 0; rc == LT_OK && i < n; i++)
        start(e->jobs, due[i], lt_events_deliver);
    lt_arena_free(arena);
    return rc;
}

static bool cancel(struct lt_events_job jobs[LT_EVENTS_JOBS])
{
    bool any = false;
    for (int i = 0; i < LT_EVENTS_JOBS; i++)
        if (jobs[i].fiber) {
            lt_fiber_cancel(jobs[i].fiber);
            any = true;
        }
    return any;
}

static void end_jobs(struct lt_events *e)
{
    lt_fiber_cancel_reset();
    while (cancel(e->jobs) | cancel(e->consumers))
        lt_fiber_sleep(10);
}

void lt_events_worker(void *events)
{
    struct lt_events *e = events;
    struct lt_error err;
    bool failing = false;
    uint64_t sweep_at = 0;
    lt_fiber_set_name("events");
    while (lt_fiber_sleep(LOOK_MS) != LT_ECANCELLED) {
        if (!lt_config_current() || !any_destination())
            continue;
        start_consumers(e);
        enum lt_code rc = look(e, &err);
        if (rc == LT_OK && lt_loop_now(lt_loop_self()) >= sweep_at) {
            rc = lt_events_sweep(e, &err);
            sweep_at = lt_loop_now(lt_loop_self()) + SWEEP_MS;
        }
        if (rc && rc != LT_ECANCELLED && !failing) /* once for a run of failures */
            lt_log_error("events.look", &err);
        failing = rc != LT_OK;
    }
    end_jobs(e);
}
