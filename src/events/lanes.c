/*
 * Sending a batch with several requests in flight: a far receiver takes its time for each, and one after the other would be all that it gets. What is of one
 * user, or where nobody was named of one call, is in one lane and goes in order; lanes do not wait for each other.
 */
#include "events/private.h"
#include "io/loop.h"

enum { LANES = 8, BATCH_MS = LT_EVENTS_LEASE_MS - LT_EVENTS_SEND_MS - 2000 /* what is begun until then ends before the lease does */ };

struct lanes {
    const struct lt_event_sender *sender;
    const struct lt_event_row *rows;
    size_t n;
    struct lt_event_sent *ret;
    lt_event_send_one_fn send_one;
    uint64_t until_ms;
    struct lt_fiber *waiter;
    int running;
};

struct lane {
    struct lanes *all;
    unsigned number;
    struct lt_fiber *fiber;   /* NULL: it has ended */
};

unsigned lt_events_lane(const struct lt_event_row *row)
{
    struct lt_str name = row->user_id.n > 0 ? row->user_id : row->subject;
    uint32_t hash = 2166136261U; /* FNV-1a */
    for (size_t i = 0; i < name.n; i++)
        hash = (hash ^ (uint8_t)name.p[i]) * 16777619U;
    return (hash ^ hash >> 16) % LANES;
}

/* One row; what is said of it, with those of the others. */
static void send_row(struct lanes *l, size_t i)
{
    struct lt_event_sent sent = {0};
    enum lt_event_fate fate = l->ret->fates[i] = l->send_one(l->sender, &l->rows[i], &sent);
    if (fate == LT_EVENT_DELIVERED)
        return;
    l->ret->error = sent.error;
    l->ret->reasons[i] = lt_str_copy(l->sender->arena, lt_str(sent.error.detail));
    l->ret->trouble |= sent.trouble;
    if (l->ret->retry_after_s < sent.retry_after_s)
        l->ret->retry_after_s = sent.retry_after_s;
}

static bool goes_on(const struct lanes *l)
{
    return !l->ret->trouble && !lt_fiber_cancelled() && lt_loop_now(lt_loop_self()) < l->until_ms;
}

/* The first row has been sent. */
static void send_lane(struct lanes *l, unsigned number)
{
    for (size_t i = 1; i < l->n && goes_on(l); i++)
        if (lt_events_lane(&l->rows[i]) == number)
            send_row(l, i);
}

static void run_lane(void *arg)
{
    struct lane *lane = arg;
    struct lanes *l = lane->all;
    lt_fiber_set_name("delivery of events");
    send_lane(l, lane->number);
    lane->fiber = NULL;
    l->running--;
    lt_fiber_wake(l->waiter);
}

/* They use what is on the stack here: this does not return before they have ended. */
static void wait_for(struct lanes *l, struct lane *list)
{
    while (l->running > 0 && lt_fiber_wait_for(LT_NEVER, "events that are on their way") != LT_ECANCELLED)
        ;
    if (l->running == 0)
        return;
    for (unsigned i = 0; i < LANES; i++)
        if (list[i].fiber)
            lt_fiber_cancel(list[i].fiber);
    lt_fiber_shield();
    while (l->running > 0)
        lt_fiber_wait_for(LT_NEVER, "events that are on their way");
    lt_fiber_unshield();
}

void lt_events_send_in_lanes(const struct lt_event_sender *s, const struct lt_event_row *rows, size_t n, lt_event_send_one_fn send_one, struct lt_event_sent *ret)
{
    struct lanes l = {.sender = s, .rows = rows, .n = n, .ret = ret, .send_one = send_one, .until_ms = lt_loop_now(lt_loop_self()) + BATCH_MS,
                      .waiter = lt_fiber_self()};
    struct lane list[LANES] = {0};
    send_row(&l, 0); /* alone: a receiver that is down is asked once */
    bool wanted[LANES] = {0};
    for (size_t i = 1; i < n; i++)
        wanted[lt_events_lane(&rows[i])] = true;
    for (unsigned i = 0; i < LANES && goes_on(&l); i++) {
        if (!wanted[i])
            continue;
        list[i] = (struct lane){.all = &l, .number = i};
        if (lt_fiber_start(lt_loop_self(), run_lane, &list[i], &list[i].fiber))
            send_lane(&l, i); /* no fiber is free */
        else
            l.running++;
    }
    wait_for(&l, list);
}
