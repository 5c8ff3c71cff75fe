/* Making a report: days, in them portions, each read on a worker and added up here. */
#include <stdio.h>

#include "base/clock.h"
#include "core/period.h"
#include "core/report_private.h"
#include "io/worker.h"

/* An id is made shortly before its call begins, perhaps by a clock that was set meanwhile. */
enum { ID_SLACK_MS = 600000, TRIES = 3 };

struct making {
    struct lt_store *store;
    struct lt_arena *arena;
    const struct lt_report_query *query;
    struct lt_report_sums *sums;
    struct lt_report *report;
    uint64_t deadline_ms;
    struct lt_error *err;
};

static enum lt_code query(struct making *m, struct lt_arena *arena, struct lt_report_sql *sql, struct lt_rows *ret)
{
    char *text = lt_strz(arena, lt_buf_str(&sql->text));
    lt_buf_free(&sql->text);
    /* A portion gives a row for each of its calls at most, of attempts some more. */
    return lt_store_query(m->store, arena, text, sql->values, sql->n, (size_t)LT_REPORT_PORTION * 16, ret, m->err);
}

static enum lt_code add_sums(struct making *m, struct lt_arena *arena, const struct lt_report_part *part, bool attempts)
{
    struct lt_report_sql sql;
    struct lt_rows r;
    lt_report_sql_sums(&sql, m->query, part, attempts, lt_store_is_postgres(m->store));
    if (query(m, arena, &sql, &r))
        return m->err->code;
    return lt_report_sums_add(m->sums, &r, part->day, m->err);
}

/* Adds part->first … part->behind, or as much of it as is one portion: part->first moves behind it. */
static enum lt_code add_portion(struct making *m, struct lt_arena *arena, struct lt_report_part *part, bool *ret_more)
{
    struct lt_report_sql sql;
    struct lt_rows r;
    struct lt_report_part portion = *part;
    lt_report_sql_bound(&sql, m->query, part);
    if (query(m, arena, &sql, &r))
        return m->err->code;
    *ret_more = r.rows > 0 && lt_rows_str(&r, 0, 0).n == sizeof(portion.behind.b);
    if (*ret_more)
        memcpy(portion.behind.b, lt_rows_str(&r, 0, 0).p, sizeof(portion.behind.b));
    part->first = portion.behind;
    bool calls = m->query->calls || (m->query->kind != LT_REPORT_ERRORS && m->query->kind != LT_REPORT_LATENCY);
    if (calls && add_sums(m, arena, &portion, false))
        return m->err->code;
    return m->query->attempts ? add_sums(m, arena, &portion, true) : LT_OK;
}

static enum lt_code add_part(struct making *m, struct lt_report_part part)
{
    bool more = true;
    part.first = lt_uuid_first_at(part.since > ID_SLACK_MS ? part.since - ID_SLACK_MS : 0);
    part.behind = lt_uuid_first_at(part.until + ID_SLACK_MS);
    while (more) {
        struct lt_arena *arena = lt_arena_new();
        enum lt_code rc = add_portion(m, arena, &part, &more);
        lt_arena_free(arena);
        if (rc)
            return lt_error_wrap(m->err, "report");
        if (lt_fiber_self() && lt_fiber_cancelled())
            return lt_fail(m->err, LT_ECANCELLED, "nobody waits for the report");
        if (lt_mono_ms() > m->deadline_ms)
            return lt_fail(m->err, LT_ETIMEOUT, "the report took more than %d s: choose a shorter period", LT_REPORT_MS_MAX / 1000);
    }
    return LT_OK;
}

void lt_report_part(const struct lt_report_query *q, int64_t at, char ret[LT_REPORT_PART_TEXT], int64_t *ret_end)
{
    int64_t start;
    if (q->step_ms > 0) {
        lt_time_format(at, ret);
        *ret_end = at + q->step_ms;
        return;
    }
    lt_period_of(q->site->time_zone, LT_PERIOD_DAY, at, &start, ret_end);
    lt_day_format(q->site->time_zone, at, ret);
}

static enum lt_code add_days(struct making *m)
{
    const struct lt_report_query *q = m->query;
    int64_t end;
    for (int64_t at = q->since; at < q->until; at = end) {
        char day[LT_REPORT_PART_TEXT];
        lt_report_part(q, at, day, &end);
        struct lt_report_part part = {.since = at, .until = end < q->until ? end : q->until, .day = lt_str(day)};
        if (add_part(m, part))
            return m->err->code;
    }
    return LT_OK;
}

_Static_assert((int)LT_DAY_TEXT <= (int)LT_REPORT_PART_TEXT, "a day fits where a time does");

/* ---- calls that were removed by age ---- */

struct kept { /* summaries of whole days of the range */
    int64_t calls;
    char first[LT_DAY_TEXT], last[LT_DAY_TEXT]; /* "": none */
};

/* The first and the last day that lie in the range as a whole; a day that is cut by its ends cannot be told from the rest of it. */
static void whole_days(const struct lt_report_query *q, struct kept *ret)
{
    int64_t start, end;
    struct lt_str zone = q->site->time_zone;
    lt_period_of(zone, LT_PERIOD_DAY, q->since, &start, &end);
    int64_t first = start == q->since ? start : end;
    lt_period_of(zone, LT_PERIOD_DAY, q->until, &start, &end);
    *ret = (struct kept){0};
    if (first >= start)
        return;
    lt_day_format(zone, first, ret->first);
    lt_day_format(zone, start - 1, ret->last);
}

/* How many there are, and of which days. */
static enum lt_code look_at_kept(struct making *m, struct kept *ret)
{
    struct lt_report_sql sql;
    struct lt_rows r;
    whole_days(m->query, ret);
    if (ret->first[0] == 0 || !lt_report_keeps(m->query))
        return LT_OK;
    struct lt_arena *arena = lt_arena_new();
    lt_report_sql_kept_range(&sql, m->query, lt_str(ret->first), lt_str(ret->last));
    enum lt_code rc = query(m, arena, &sql, &r);
    if (rc == LT_OK && r.rows == 1) {
        ret->calls = lt_rows_int(&r, 0, 0);
        snprintf(ret->first, LT_DAY_TEXT, "%.*s", LT_FMT(lt_rows_str(&r, 0, 1)));
        snprintf(ret->last, LT_DAY_TEXT, "%.*s", LT_FMT(lt_rows_str(&r, 0, 2)));
    }
    lt_arena_free(arena);
    return rc ? lt_error_wrap(m->err, "report") : LT_OK;
}

static enum lt_code add_kept_day(struct making *m, struct lt_str day)
{
    struct lt_report_sql sql;
    struct lt_rows r;
    struct lt_arena *arena = lt_arena_new();
    lt_report_sql_kept(&sql, m->query, day);
    enum lt_code rc = query(m, arena, &sql, &r);
    if (rc == LT_OK)
        rc = lt_report_sums_add(m->sums, &r, lt_report_groups(m->query, LT_REPORT_DAY) ? day : LT_STR(""), m->err);
    lt_arena_free(arena);
    return rc ? lt_error_wrap(m->err, "report") : LT_OK;
}

static enum lt_code add_kept(struct making *m, const struct kept *kept)
{
    int64_t at, end, last, ignored;
    struct lt_str zone = m->query->site->time_zone;
    if (kept->calls == 0 || !lt_day_parse(zone, lt_str(kept->first), &at, &end) || !lt_day_parse(zone, lt_str(kept->last), &last, &ignored))
        return LT_OK;
    for (; at <= last; at = end) {
        char day[LT_DAY_TEXT];
        lt_period_of(zone, LT_PERIOD_DAY, at, &ignored, &end);
        lt_day_format(zone, at, day);
        if (add_kept_day(m, lt_str(day)))
            return m->err->code;
    }
    return LT_OK;
}

/* ---- the whole ---- */

static void finish(void *arg)
{
    struct making *m = arg;
    lt_report_sums_finish(m->sums, m->report);
}

/* Sets *ret_again when calls were removed meanwhile, so that some may be missing. */
static enum lt_code make(struct making *m, bool *ret_again)
{
    const struct lt_report_query *q = m->query;
    struct kept before, after;
    if (look_at_kept(m, &before) || add_kept(m, &before))
        return m->err->code;
    struct lt_report_part whole = {.since = q->since, .until = q->until, .day = LT_STR("")};
    if (lt_report_groups(q, LT_REPORT_DAY) ? add_days(m) : add_part(m, whole))
        return m->err->code;
    if (look_at_kept(m, &after))
        return m->err->code;
    *ret_again = before.calls != after.calls;
    if (lt_work(finish, m))
        return lt_fail(m->err, LT_EOVERLOADED, "the workers have too much to do");
    m->report->summarised = lt_report_keeps(q) ? before.calls : -1;
    return LT_OK;
}

enum lt_code lt_report_run(struct lt_store *store, struct lt_arena *arena, const struct lt_report_query *q, struct lt_report *ret,
                           struct lt_error *err)
{
    struct lt_error own;
    enum lt_code rc = LT_OK;
    bool again = true;
    struct making m = {.store = store, .arena = arena, .query = q, .report = ret, .err = err ? err : &own};
    m.deadline_ms = lt_mono_ms() + LT_REPORT_MS_MAX;
    for (int i = 0; rc == LT_OK && again && i < TRIES; i++) {
        m.sums = lt_report_sums_new(arena, q);
        rc = make(&m, &again);
        lt_report_sums_free(m.sums);
    }
    if (rc == LT_OK && again)
        rc = lt_fail(m.err, LT_EOVERLOADED, "old calls are being removed just now");
    return rc;
}
