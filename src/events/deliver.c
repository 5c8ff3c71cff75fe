/* Delivering to one destination until nothing waits for it, or it is in trouble. */
#include "base/log.h"
#include "events/private.h"

const struct lt_event_destination *lt_events_find(const struct lt_config *config, int64_t id, const struct lt_site **ret_site)
{
    for (size_t i = 0; i < config->sites_n; i++)
        for (size_t k = 0; k < config->sites[i].destinations_n; k++)
            if (config->sites[i].destinations[k].id == id) {
                *ret_site = &config->sites[i];
                return &config->sites[i].destinations[k];
            }
    return NULL;
}

/* *ret_more: it is worth looking again at once. */
static enum lt_code deliver_some(struct lt_events *e, struct lt_config *config, int64_t id, bool *ret_more, struct lt_error *err)
{
    const struct lt_site *site = NULL;
    const struct lt_event_destination *to = lt_events_find(config, id, &site);
    enum lt_event_fate fates[LT_EVENTS_BATCH];
    struct lt_str reasons[LT_EVENTS_BATCH];
    struct lt_event_sent sent = {.fates = fates, .reasons = reasons};
    struct lt_event_row *rows;
    size_t n;
    bool paused = false;
    *ret_more = false;
    if (!to || !to->enabled)
        return LT_OK;
    struct lt_arena *arena = lt_arena_new();
    struct lt_event_sender sender = {.store = e->options.store, .tls = e->options.tls, .arena = arena, .site = site, .to = to};
    enum lt_code rc = lt_events_batch(e, arena, id, &rows, &n, err);
    if (rc == LT_OK && n > 0) {
        lt_events_send(&sender, rows, n, &sent);
        if (sent.error.code != LT_OK)
            lt_log(LT_LOG_WARN, "events.delivery", LT_I("destination", id), LT_S("code", lt_code_name(sent.error.code)), LT_S("detail", sent.error.detail));
        lt_fiber_shield(); /* what was delivered is noted, also when we are to end */
        rc = lt_events_settle(e, id, rows, n, &sent, &paused, err);
        lt_fiber_unshield();
        *ret_more = rc == LT_OK && !paused;
    }
    lt_arena_free(arena);
    return rc;
}

void lt_events_deliver(void *arg)
{
    struct lt_events_job *job = arg;
    struct lt_events *e = job->events;
    struct lt_error err;
    bool more = true;
    lt_fiber_set_name("delivery of events");
    enum lt_code rc = lt_events_lease(e, job->destination_id, &err);
    bool leased = rc == LT_OK;
    while (rc == LT_OK && more && !lt_fiber_cancelled()) {
        struct lt_config *config = lt_config_ref(lt_config_current());
        rc = deliver_some(e, config, job->destination_id, &more, &err);
        lt_config_unref(config);
    }
    if (leased)
        lt_events_release(e, job->destination_id);
    if (rc && rc != LT_ECONFLICT && rc != LT_ECANCELLED)
        lt_log_error("events.deliver", &err);
    job->fiber = NULL;
}
