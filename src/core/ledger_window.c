/* Windows: what of a counter's use still counts. */
#include "core/ledger_private.h"

static int64_t slice_ms(const struct lt_limit *limit)
{
    int64_t ms = limit->window_s * 1000;
    return ms < LT_LEDGER_SLICES ? 1 : (ms + LT_LEDGER_SLICES - 1) / LT_LEDGER_SLICES;
}

int64_t lt_slice_start(const struct lt_limit *limit, int64_t now)
{
    return now - now % slice_ms(limit);
}

/* What began in a slice counts until the whole window after its end: never too short, and by a slice too long at most. */
int64_t lt_slice_ends(const struct lt_limit *limit, int64_t slot)
{
    return slot + (LT_LEDGER_SLICES + 1) * slice_ms(limit);
}

struct lt_slice *lt_slice_of(const struct lt_counter *c, const struct lt_limit *limit, int64_t slot)
{
    return &c->ring[(uint64_t)(slot / slice_ms(limit)) % LT_LEDGER_RING];
}

static void forget_slices(struct lt_counter *c, const struct lt_limit *limit, int64_t now)
{
    int64_t over = now - (LT_LEDGER_SLICES + 1) * slice_ms(limit); /* as lt_slice_ends() */
    for (size_t i = 0; i < LT_LEDGER_RING; i++)
        if (c->ring[i].slot != LT_NO_SLOT && c->ring[i].slot <= over) {
            c->used -= c->ring[i].used;
            c->ring[i] = (struct lt_slice){LT_NO_SLOT, 0};
        }
}

static void period(struct lt_periods *kept, struct lt_str zone, enum lt_limit_window window, int64_t now, int64_t *ret_start, int64_t *ret_end)
{
    enum lt_period p = window == LT_WINDOW_DAY ? LT_PERIOD_DAY : window == LT_WINDOW_WEEK ? LT_PERIOD_WEEK : LT_PERIOD_MONTH;
    zone.n = zone.n < sizeof(kept->zone) ? zone.n : sizeof(kept->zone);
    if (!lt_str_eq(zone, (struct lt_str){kept->zone, kept->zone_n})) {
        memset(kept, 0, sizeof(*kept));
        kept->zone_n = zone.n;
        memcpy(kept->zone, zone.p, zone.n);
    }
    if (now < kept->start[p] || now >= kept->end[p])
        lt_period_of(zone, p, now, &kept->start[p], &kept->end[p]);
    *ret_start = kept->start[p];
    *ret_end = kept->end[p];
}

void lt_counter_begin(struct lt_counter *c, int64_t slot, int64_t ends_at)
{
    c->slot = slot;
    c->ends_at = ends_at;
    c->used = 0;
    c->mark = LT_MARK_NONE;
}

/* The counter as it is at `now`. */
void lt_counter_advance(struct lt_periods *periods, struct lt_counter *c, const struct lt_limit *limit, struct lt_str zone, int64_t now)
{
    int64_t start, end;
    if (limit->window == LT_WINDOW_FIXED) {
        if (c->slot != LT_NO_SLOT && now >= c->ends_at)
            lt_counter_begin(c, LT_NO_SLOT, 0);
    } else if (limit->window == LT_WINDOW_SLIDING) {
        forget_slices(c, limit, now);
        if (c->used == 0)
            c->mark = LT_MARK_NONE;
    } else if (c->slot == LT_NO_SLOT || now >= c->ends_at) {
        period(periods, zone, limit->window, now, &start, &end);
        lt_counter_begin(c, start, end);
    }
}

/* Counts `amount` at `now`, in the slot that it names. */
void lt_counter_add(struct lt_counter *c, const struct lt_limit *limit, int64_t now, int64_t amount, struct lt_hold *ret)
{
    if (limit->window == LT_WINDOW_FIXED && c->slot == LT_NO_SLOT) {
        c->slot = now;
        c->ends_at = now + limit->window_s * 1000 + 1; /* at exactly its length it still counts, as in Moodle */
    }
    if (limit->window == LT_WINDOW_SLIDING) {
        int64_t slot = lt_slice_start(limit, now);
        c->slot = c->slot > slot ? c->slot : slot; /* a clock that was set back */
        c->ends_at = lt_slice_ends(limit, c->slot);
        struct lt_slice *slice = lt_slice_of(c, limit, c->slot);
        slice->slot = c->slot;
        slice->used += amount;
    }
    c->used += amount;
    if (limit->unit != LT_LIMIT_REQUESTS)
        c->reserved += amount;
    *ret = (struct lt_hold){c, limit->id, c->slot, c->ends_at, amount};
}

/* When so much of the window's use is over that `amount` fits. */
static int64_t window_over_in(const struct lt_counter *c, const struct lt_limit *limit, int64_t now, int64_t amount)
{
    if (limit->window != LT_WINDOW_SLIDING)
        return c->ends_at - now;
    int64_t need = c->used + amount - limit->amount, at = now;
    for (bool freed[LT_LEDGER_RING] = {false}; need > 0;) { /* the oldest slices go first */
        int oldest = -1;
        for (int i = 0; i < LT_LEDGER_RING; i++)
            if (!freed[i] && c->ring[i].slot != LT_NO_SLOT && (oldest < 0 || c->ring[i].slot < c->ring[oldest].slot))
                oldest = i;
        if (oldest < 0)
            break;
        freed[oldest] = true;
        need -= c->ring[oldest].used;
        at = lt_slice_ends(limit, c->ring[oldest].slot);
    }
    return at - now;
}

int64_t lt_counter_retry_in(const struct lt_counter *c, const struct lt_limit *limit, int64_t now, int64_t amount)
{
    if (amount > limit->amount)
        return 0;
    int64_t ms = window_over_in(c, limit, now, amount);
    bool when_settled = amount <= limit->amount - (c->used - c->reserved);
    return when_settled && ms > LT_LEDGER_SETTLED_MS ? LT_LEDGER_SETTLED_MS : ms;
}

/* Each mark is told once a window. */
enum lt_mark lt_counter_mark(struct lt_counter *c, const struct lt_limit *limit)
{
    enum lt_mark now = c->used >= limit->amount ? LT_MARK_100 : c->used >= limit->amount - limit->amount / 5 ? LT_MARK_80 : LT_MARK_NONE;
    if (now <= c->mark)
        return LT_MARK_NONE;
    return c->mark = now;
}
