/*
 * GET /v1/overview: what the overview page shows, in one answer. Sums are reports (core/report.h): four of them, grouped by a part of the time or by
 * provider and code; the rest is what is so now.
 */
#include <stdio.h>

#include "api/request.h"
#include "core/limit.h"
#include "core/period.h"
#include "core/report.h"
#include "workflows/scope.h"
#include "workflows/workflow_set.h"

enum { BUCKETS_DEFAULT = 24, BUCKETS_MAX = 120, ERRORS_MAX = 50, HOURS_DEFAULT = 24 };
#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

struct overview {
    struct lt_request *r;
    int64_t since, until, step_ms; /* step_ms 0: days in the site's time zone */
    bool cost;
    struct lt_report_query queries[4];
    struct lt_report usage, latency, errors, spent;
};

/* ---- what is asked ---- */

/* The shortest of these with which `buckets` parts are enough; 0: days. */
static int64_t step_for(int64_t ms, int buckets)
{
    static const int64_t steps[] = {MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR};
    for (size_t i = 0; i < LT_COUNT(steps); i++)
        if ((ms + steps[i] - 1) / steps[i] <= buckets)
            return steps[i];
    return 0;
}

/* A part begins at a round time, a day where the site has it begin: the first one is whole. */
static int64_t begin_of(const struct overview *o, int64_t at)
{
    int64_t start, end;
    if (o->step_ms > 0)
        return at - at % o->step_ms;
    lt_period_of(o->r->caller.site->time_zone, LT_PERIOD_DAY, at, &start, &end);
    return start;
}

static enum lt_code read_range(struct overview *o, struct lt_error *err)
{
    int buckets = BUCKETS_DEFAULT;
    int64_t n;
    struct lt_str text = lt_query(o->r, "buckets");
    if (text.n > 0 && (!lt_str_to_int64(text, &n) || n < 1 || n > BUCKETS_MAX))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/buckets", "must be 1 to %d", BUCKETS_MAX);
    if (text.n > 0)
        buckets = (int)n;
    struct lt_report_words words = {.group_by = LT_STR("day"), .since = lt_query(o->r, "since"), .until = lt_query(o->r, "until")};
    if (lt_report_read(LT_REPORT_USAGE, o->r->caller.site, &words, lt_now_ms(), &o->queries[0], err))
        return err->code;
    o->until = o->queries[0].until;
    o->since = words.since.n > 0 ? o->queries[0].since : o->until - HOURS_DEFAULT * HOUR;
    o->step_ms = step_for(o->until - o->since, buckets);
    o->since = begin_of(o, o->since);
    return LT_OK;
}

static enum lt_code run(struct overview *o, enum lt_report_kind kind, const char *group_by, const char *of, struct lt_report *ret, struct lt_error *err)
{
    struct lt_report_query *q = &o->queries[ret == &o->usage ? 0 : ret == &o->latency ? 1 : ret == &o->errors ? 2 : 3];
    struct lt_report_words words = {.group_by = lt_str(group_by), .of = lt_str(of), .until = lt_query(o->r, "until")};
    if (lt_report_read(kind, o->r->caller.site, &words, lt_now_ms(), q, err))
        return err->code;
    q->since = o->since;
    q->until = o->until;
    q->step_ms = o->step_ms;
    return lt_request_report(o->r, q, ret, err);
}

static enum lt_code make(struct overview *o, struct lt_error *err)
{
    o->cost = lt_permitted(&o->r->caller, "view_cost", LT_STR_NULL);
    if (read_range(o, err) || run(o, LT_REPORT_USAGE, "day", "", &o->usage, err) || run(o, LT_REPORT_LATENCY, "day", "call", &o->latency, err) ||
        run(o, LT_REPORT_ERRORS, "provider,code", "attempt", &o->errors, err))
        return err->code;
    return o->cost ? run(o, LT_REPORT_COST, "day", "", &o->spent, err) : LT_OK;
}

/* ---- series ---- */

static int64_t value(const struct lt_report_row *row, enum lt_report_kind kind, const char *name, int64_t otherwise)
{
    size_t n;
    const struct lt_report_column *columns = lt_report_columns(kind, &n);
    for (size_t i = 0; row && i < n; i++)
        if (strcmp(columns[i].name, name) == 0)
            return row->values[i];
    return otherwise;
}

static const struct lt_report_row *row_of(const struct lt_report *report, struct lt_str day)
{
    for (size_t i = 0; i < report->n; i++)
        if (lt_str_eq(report->rows[i]->keys[LT_REPORT_DAY], day))
            return report->rows[i];
    return NULL;
}

/* What has no row had no call: 0, but no duration. */
static void put_figures(struct lt_jw *w, const struct overview *o, const struct lt_report_row *usage, const struct lt_report_row *latency,
                        const struct lt_report_row *spent)
{
    static const char *const counts[] = {"calls", "succeeded", "failed", "refused", "cancelled", "interrupted", "running", "prompt_tokens",
                                         "completion_tokens", "total_tokens", "unknown_token_calls"};
    static const char *const durations[] = {"p50_ms", "p95_ms", "p99_ms"};
    for (size_t i = 0; i < LT_COUNT(counts); i++)
        lt_jw_kint(w, counts[i], value(usage, LT_REPORT_USAGE, counts[i], 0));
    for (size_t i = 0; i < LT_COUNT(durations); i++)
        lt_jw_kcount(w, durations[i], value(latency, LT_REPORT_LATENCY, durations[i], -1));
    if (!o->cost)
        return;
    lt_jw_kint(w, "cost", value(spent, LT_REPORT_COST, "cost", 0));
    lt_jw_kint(w, "unpriced_calls", value(spent, LT_REPORT_COST, "unpriced_calls", 0));
}

static void put_series(struct lt_jw *w, const struct overview *o)
{
    int64_t next;
    lt_jw_key(w, "series");
    lt_jw_arr(w);
    for (int64_t at = o->since; at < o->until; at = next) {
        char name[LT_REPORT_PART_TEXT];
        lt_report_part(o->usage.query, at, name, &next);
        lt_jw_obj(w);
        lt_jw_ktime(w, "at", at);
        put_figures(w, o, row_of(&o->usage, lt_str(name)), row_of(&o->latency, lt_str(name)), o->cost ? row_of(&o->spent, lt_str(name)) : NULL);
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

static void put_errors(struct lt_jw *w, const struct overview *o)
{
    lt_jw_key(w, "errors");
    lt_jw_arr(w);
    for (size_t i = 0; i < o->errors.n && i < ERRORS_MAX; i++) {
        const struct lt_report_row *row = o->errors.rows[i];
        lt_jw_obj(w);
        lt_jw_kstr(w, "provider", row->keys[LT_REPORT_PROVIDER]);
        lt_jw_kstr(w, "code", row->keys[LT_REPORT_CODE]);
        lt_jw_kint(w, "count", value(row, LT_REPORT_ERRORS, "count", 0));
        lt_jw_ktime(w, "last_seen", value(row, LT_REPORT_ERRORS, "last_seen", 0));
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

/* ---- now ---- */

static enum lt_code put_now(struct lt_jw *w, const struct overview *o, struct lt_error *err)
{
    struct lt_rows rows;
    struct lt_request *r = o->r;
    int64_t site = r->caller.site->id, queued = 0, running = 0;
    if (LT_QUERY(r->api->options.store, r->arena, &rows, err,
                 "SELECT state, COUNT(*) FROM workflow_task WHERE state IN ('queued', 'running') AND site_id = $1 GROUP BY state", LT_INT(site)))
        return lt_error_wrap(err, "tasks");
    for (size_t i = 0; i < rows.rows; i++)
        *(lt_str_is(lt_rows_str(&rows, i, 0), "queued") ? &queued : &running) = lt_rows_int(&rows, i, 1);
    lt_jw_key(w, "now");
    lt_jw_obj(w);
    lt_jw_kint(w, "calls_running", (int64_t)lt_calls_running_of(r->api->options.manager, site));
    lt_jw_kint(w, "streams_running", (int64_t)lt_streams_running_of(r->api->streams, site));
    lt_jw_kint(w, "tasks_queued", queued);
    lt_jw_kint(w, "tasks_running", running);
    lt_jw_end(w);
    return LT_OK;
}

static void put_providers(struct lt_jw *w, struct lt_request *r)
{
    const struct lt_site *site = lt_request_site(r);
    lt_jw_key(w, "providers");
    lt_jw_arr(w);
    for (size_t i = 0; i < site->instances_n; i++) {
        const struct lt_provider_instance *p = site->instances[i];
        lt_jw_obj(w);
        lt_jw_kint(w, "id", p->id);
        lt_jw_kstr(w, "name", p->name);
        lt_jw_kstr(w, "plugin", p->plugin);
        lt_jw_kbool(w, "enabled", p->enabled);
        lt_jw_kbool(w, "configured", p->configured);
        lt_request_put_circuit(r, w, p);
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

/* Limits of the site as a whole: of a budget people want to see what is left. */
static void put_budgets(struct lt_jw *w, const struct overview *o)
{
    size_t n;
    const struct lt_limit *all = lt_limit_index_all(lt_request_site(o->r)->limits, &n);
    lt_jw_key(w, "budgets");
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++)
        if (all[i].subject == LT_LIMIT_SITE && !all[i].per_user && (o->cost || all[i].unit != LT_LIMIT_COST))
            lt_request_put_site_quota(o->r, w, &all[i]);
    lt_jw_end(w);
}

static size_t placements_on(const struct lt_site *site)
{
    size_t n = 0;
    for (size_t i = 0; i < lt_registry_count(LT_KIND_PLACEMENT); i++) {
        const struct lt_placement_switch *s = lt_placement_switch_of(site, lt_str(lt_registry_at(LT_KIND_PLACEMENT, i)->name), LT_STR(""));
        n += !s || s->enabled;
    }
    return n;
}

static enum lt_code put_counts(struct lt_jw *w, struct lt_request *r, struct lt_error *err)
{
    const struct lt_site *site = lt_request_site(r);
    struct lt_scope_set *set;
    size_t profiles, scopes, usable = 0;
    if (lt_request_scopes(r, false, &set, err))
        return err->code;
    lt_profile_list(lt_workflows(r->config), site->id, &profiles);
    lt_scope_set_site(set, site->id, &scopes);
    for (size_t i = 0; i < site->instances_n; i++)
        usable += site->instances[i]->enabled && site->instances[i]->configured;
    lt_jw_key(w, "counts");
    lt_jw_obj(w);
    lt_jw_kint(w, "providers", (int64_t)site->instances_n);
    lt_jw_kint(w, "providers_usable", (int64_t)usable);
    lt_jw_kint(w, "profiles", (int64_t)profiles);
    lt_jw_kint(w, "scopes", (int64_t)scopes);
    lt_jw_kint(w, "placements", (int64_t)lt_registry_count(LT_KIND_PLACEMENT));
    lt_jw_kint(w, "placements_on", (int64_t)placements_on(site));
    lt_jw_end(w);
    return LT_OK;
}

/* ---- the whole ---- */

static enum lt_code put(struct lt_jw *w, struct overview *o, struct lt_error *err)
{
    struct lt_request *r = o->r;
    lt_jw_obj(w);
    lt_jw_ktime(w, "since", o->since);
    lt_jw_ktime(w, "until", o->until);
    lt_jw_kint(w, "step_s", (o->step_ms > 0 ? o->step_ms : DAY) / 1000);
    lt_jw_kstr(w, "time_zone", r->caller.site->time_zone);
    lt_jw_kstr(w, "currency", r->caller.site->currency);
    put_series(w, o);
    lt_jw_key(w, "total");
    lt_jw_obj(w);
    put_figures(w, o, &o->usage.total, &o->latency.total, o->cost ? &o->spent.total : NULL);
    lt_jw_end(w);
    put_errors(w, o);
    lt_jw_key(w, "stop");
    lt_jw_obj(w);
    if (lt_request_put_stops(r, w, err))
        return err->code;
    lt_jw_end(w);
    put_providers(w, r);
    put_budgets(w, o);
    if (put_now(w, o, err) || put_counts(w, r, err))
        return err->code;
    lt_jw_end(w);
    return LT_OK;
}

void lt_get_overview(struct lt_request *r)
{
    struct lt_error err;
    struct lt_json_reply j;
    struct overview *o = LT_NEW(r->arena, struct overview);
    o->r = r;
    if (make(o, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    if (put(lt_json_begin(&j), o, &err)) {
        lt_buf_free(&j.buf);
        lt_reply_problem(r, &err, NULL);
        return;
    }
    lt_json_end(r, 200, &j);
}
