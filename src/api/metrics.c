/*
 * GET /metrics. What is counted of sites is told to a key of that site, or of all sites where the operator has said so (metrics_all_sites); what is
 * the process's own to each.
 */
#include "api/metrics.h"

#include <stdio.h>

#include "api/access_log.h"
#include "api/request.h"
#include "api/sign_in.h"
#include "core/answer_cache.h"
#include "core/breaker.h"
#include "core/course_role.h"
#include "core/gates.h"
#include "core/member.h"
#include "core/limit.h"
#include "core/lms_roles.h"
#include "core/metrics.h"
#include "core/span.h"
#include "core/stop.h"
#include "events/events.h"
#include "io/fiber.h"
#include "io/upstream_closed.h"
#include "workflows/scope.h"
#include "workflows/task_queue.h"

enum { LIMITS_MAX = 200, INSTANCES_MAX = 500, SITES_MAX = 500 /* that are told of, of all sites together */ };

/* ---- calls ---- */

static const char *outcome_of(enum lt_code code)
{
    return code == LT_OK ? "completed" : code == LT_ECANCELLED || code == LT_ESTOPPED ? "cancelled" : "failed";
}

static void put_ended(struct lt_metric_out *o, const struct lt_metric_calls *row, const char *outcome, enum lt_code code, uint64_t n)
{
    if (n == 0)
        return;
    lt_metric_label(o, "site", row->site);
    lt_metric_label(o, "action", row->action);
    lt_metric_label(o, "outcome", outcome);
    lt_metric_label(o, "code", lt_code_name(code));
    lt_metric_int(o, n);
}

static void put_calls(void *ctx, const struct lt_metric_calls *row)
{
    for (int code = 0; code < LT_CODE_COUNT; code++) {
        put_ended(ctx, row, outcome_of((enum lt_code)code), (enum lt_code)code, row->ended[code]);
        put_ended(ctx, row, "refused", (enum lt_code)code, row->refused[code]);
    }
    put_ended(ctx, row, "shed", LT_EOVERLOADED, row->shed);
}

static bool any_ended(const struct lt_metric_calls *row)
{
    for (int code = 0; code < LT_CODE_COUNT; code++)
        if (row->ended[code] > 0)
            return true;
    return false;
}

static void label_call(struct lt_metric_out *o, const struct lt_metric_calls *row)
{
    lt_metric_label(o, "site", row->site);
    lt_metric_label(o, "action", row->action);
}

static void put_durations(void *ctx, const struct lt_metric_calls *row)
{
    if (!any_ended(row))
        return;
    label_call(ctx, row);
    lt_metric_histogram(ctx, row->duration.buckets, LT_METRIC_BUCKETS, LT_METRIC_BUCKET_US, row->duration.sum_us);
}

static void put_first_texts(void *ctx, const struct lt_metric_calls *row)
{
    if (!any_ended(row))
        return;
    label_call(ctx, row);
    lt_metric_histogram(ctx, row->first.buckets, LT_METRIC_BUCKETS, LT_METRIC_BUCKET_US, row->first.sum_us);
}

static void put_streamed(void *ctx, const struct lt_metric_calls *row)
{
    if (!any_ended(row))
        return;
    label_call(ctx, row);
    lt_metric_int(ctx, row->streams);
}

static void put_refusals(void *ctx, const struct lt_metric_site *row)
{
    for (int gate = 0; gate <= LT_GATES; gate++)
        if (row->gates[gate] > 0) {
            lt_metric_label(ctx, "site", row->site);
            lt_metric_label(ctx, "gate", lt_gate_name(gate));
            lt_metric_int(ctx, row->gates[gate]);
        }
}

static void put_cancelled(void *ctx, const struct lt_metric_site *row)
{
    for (int why = 0; why < LT_CANCEL_COUNT; why++)
        if (row->cancelled[why] > 0) {
            lt_metric_label(ctx, "site", row->site);
            lt_metric_label(ctx, "reason", lt_cancel_reason_name((enum lt_cancel_reason)why));
            lt_metric_int(ctx, row->cancelled[why]);
        }
}

static void call_figures(struct lt_metric_out *o, struct lt_metrics *m, const char *site)
{
    lt_metric_begin(o, LT_METRIC_CALLS);
    lt_metrics_each_call(m, site, put_calls, o);
    lt_metric_begin(o, LT_METRIC_CALL_DURATION);
    lt_metrics_each_call(m, site, put_durations, o);
    lt_metric_begin(o, LT_METRIC_CALL_FIRST_TEXT);
    lt_metrics_each_call(m, site, put_first_texts, o);
    lt_metric_begin(o, LT_METRIC_CALLS_STREAMED);
    lt_metrics_each_call(m, site, put_streamed, o);
    lt_metric_begin(o, LT_METRIC_REFUSALS);
    lt_metrics_each_site(m, site, put_refusals, o);
    lt_metric_begin(o, LT_METRIC_CANCELLED);
    lt_metrics_each_site(m, site, put_cancelled, o);
}

/* ---- attempts ---- */

static void label_attempt(struct lt_metric_out *o, const struct lt_metric_attempts *row)
{
    lt_metric_label(o, "site", row->site);
    lt_metric_label(o, "provider", row->instance);
    lt_metric_label(o, "action", row->action);
}

static void put_attempts(void *ctx, const struct lt_metric_attempts *row)
{
    for (int code = 0; code < LT_CODE_COUNT; code++)
        if (row->ended[code] > 0) {
            label_attempt(ctx, row);
            lt_metric_label(ctx, "code", lt_code_name((enum lt_code)code));
            lt_metric_int(ctx, row->ended[code]);
        }
}

static void put_attempt_durations(void *ctx, const struct lt_metric_attempts *row)
{
    label_attempt(ctx, row);
    lt_metric_histogram(ctx, row->duration.buckets, LT_METRIC_BUCKETS, LT_METRIC_BUCKET_US, row->duration.sum_us);
}

static void put_tokens(void *ctx, const struct lt_metric_attempts *row)
{
    for (int kind = 0; kind < LT_METRIC_TOKENS; kind++)
        if (row->tokens[kind] > 0) {
            label_attempt(ctx, row);
            lt_metric_label(ctx, "kind", lt_metric_token_name((enum lt_metric_token)kind));
            lt_metric_int(ctx, row->tokens[kind]);
        }
}

static void put_cost(void *ctx, const struct lt_metric_attempts *row)
{
    label_attempt(ctx, row);
    lt_metric_millionths(ctx, row->cost);
}

static void put_cost_unknown(void *ctx, const struct lt_metric_attempts *row)
{
    label_attempt(ctx, row);
    lt_metric_int(ctx, row->cost_unknown);
}

static void attempt_figures(struct lt_metric_out *o, struct lt_metrics *m, const char *site)
{
    static const struct {
        enum lt_metric metric;
        void (*put)(void *ctx, const struct lt_metric_attempts *row);
    } families[] = {
        {LT_METRIC_ATTEMPTS, put_attempts}, {LT_METRIC_ATTEMPT_DURATION, put_attempt_durations}, {LT_METRIC_TOKEN_COUNT, put_tokens},
        {LT_METRIC_COST, put_cost},         {LT_METRIC_COST_UNKNOWN, put_cost_unknown},
    };
    for (size_t i = 0; i < LT_COUNT(families); i++) {
        lt_metric_begin(o, families[i].metric);
        lt_metrics_each_attempt(m, site, families[i].put, o);
    }
}

/* ---- what is set up ---- */

struct view {
    struct lt_request *r;
    struct lt_metric_out *o;
    const struct lt_site *only; /* NULL: all */
};

/* f for each enabled site that is told of; what f returns is added up, until it is `max`. */
static void each_site(const struct view *v, enum lt_metric metric, size_t max, size_t (*f)(const struct view *v, const struct lt_site *site, size_t room))
{
    const struct lt_config *config = v->r->config;
    lt_metric_begin(v->o, metric);
    for (size_t i = 0; i < config->sites_n && max > 0; i++)
        if (config->sites[i].enabled && (!v->only || v->only == &config->sites[i]))
            max -= f(v, &config->sites[i], max);
}

static const char *text(const struct view *v, struct lt_str s)
{
    return lt_strz(v->r->arena, s);
}

static size_t put_site_load(const struct view *v, const struct lt_site *site, size_t room)
{
    (void)room;
    lt_metric_label(v->o, "site", text(v, site->slug));
    lt_metric_int(v->o, (uint64_t)lt_manager_site_load(v->r->api->options.manager, site->id));
    return 1;
}

static size_t put_site_info(const struct view *v, const struct lt_site *site, size_t room)
{
    (void)room;
    lt_metric_label(v->o, "site", text(v, site->slug));
    lt_metric_label(v->o, "currency", text(v, site->currency));
    lt_metric_int(v->o, 1);
    return 1;
}

static size_t put_stopped(const struct view *v, const struct lt_site *site, size_t room)
{
    struct lt_error err;
    (void)room;
    lt_metric_label(v->o, "site", text(v, site->slug));
    lt_metric_int(v->o, lt_stops_check(lt_manager_stops(v->r->api->options.manager), site->id, &err) != LT_OK);
    return 1;
}

static void label_provider(const struct view *v, const struct lt_site *site, const struct lt_provider_instance *p)
{
    lt_metric_label(v->o, "site", text(v, site->slug));
    lt_metric_label(v->o, "provider", text(v, p->name));
}

static size_t put_circuits(const struct view *v, const struct lt_site *site, size_t room)
{
    static const uint64_t values[] = {[LT_BREAKER_CLOSED] = 0, [LT_BREAKER_HALF_OPEN] = 1, [LT_BREAKER_OPEN] = 2};
    size_t n = site->instances_n < room ? site->instances_n : room;
    for (size_t i = 0; i < n; i++) {
        label_provider(v, site, site->instances[i]);
        lt_metric_int(v->o, values[lt_provider_circuit(v->r->api->options.manager, site->instances[i]).state]);
    }
    return n;
}

static size_t put_usable(const struct view *v, const struct lt_site *site, size_t room)
{
    size_t n = site->instances_n < room ? site->instances_n : room;
    for (size_t i = 0; i < n; i++) {
        label_provider(v, site, site->instances[i]);
        lt_metric_int(v->o, site->instances[i]->enabled && site->instances[i]->configured);
    }
    return n;
}

static void put_limit(const struct view *v, const struct lt_site *site, const struct lt_limit *l, int64_t value)
{
    char id[24];
    snprintf(id, sizeof(id), "%lld", (long long)l->id);
    lt_metric_label(v->o, "site", text(v, site->slug));
    lt_metric_label(v->o, "limit", id);
    lt_metric_label(v->o, "unit", lt_limit_unit_name(l->unit));
    lt_metric_label(v->o, "window", lt_limit_window_name(l->window));
    lt_metric_label(v->o, "action", text(v, l->action));
    if (l->unit == LT_LIMIT_COST)
        lt_metric_millionths(v->o, (uint64_t)value);
    else
        lt_metric_int(v->o, (uint64_t)value);
}

static int64_t used_of(const struct view *v, const struct lt_site *site, const struct lt_limit *l)
{
    char key[600];
    const struct lt_limit_call call = {.course_id = LT_STR(""), .user_id = LT_STR("")};
    return lt_ledger_look(lt_manager_ledger(v->r->api->options.manager), site->id, site->time_zone, lt_now_ms(), l,
                          lt_limit_key(l, &call, 0, key, sizeof(key))).used;
}

/* Limits that have one counter for the whole site. */
static size_t put_limits(const struct view *v, const struct lt_site *site, size_t room, bool used)
{
    size_t n, told = 0;
    const struct lt_limit *all = lt_limit_index_all(site->limits, &n);
    for (size_t i = 0; i < n && told < room; i++)
        if (all[i].subject == LT_LIMIT_SITE && !all[i].per_user) {
            put_limit(v, site, &all[i], used ? used_of(v, site, &all[i]) : all[i].amount);
            told++;
        }
    return told;
}

static size_t put_amounts(const struct view *v, const struct lt_site *site, size_t room)
{
    return put_limits(v, site, room, false);
}

static size_t put_used(const struct view *v, const struct lt_site *site, size_t room)
{
    return put_limits(v, site, room, true);
}

static void site_figures(const struct view *v)
{
    each_site(v, LT_METRIC_SITE_CALLS_RUNNING, SITES_MAX, put_site_load);
    each_site(v, LT_METRIC_CIRCUIT, INSTANCES_MAX, put_circuits);
    each_site(v, LT_METRIC_PROVIDER_USABLE, INSTANCES_MAX, put_usable);
    each_site(v, LT_METRIC_SITE_INFO, SITES_MAX, put_site_info);
    each_site(v, LT_METRIC_SITE_STOPPED, SITES_MAX, put_stopped);
    each_site(v, LT_METRIC_LIMIT_AMOUNT, LIMITS_MAX, put_amounts);
    each_site(v, LT_METRIC_LIMIT_USED, LIMITS_MAX, put_used);
}

/* ---- the process's own ---- */

/* Left out while the store cannot be read. */
static void process_figures(struct lt_metric_out *o, struct lt_store *store)
{
    struct lt_error err;
    int64_t n;
    if (lt_member_count(store, &n, &err) == LT_OK)
        lt_metric_one(o, LT_METRIC_PROCESSES, (uint64_t)n);
}

static void task_figures(struct lt_metric_out *o, struct lt_task_queue *queue)
{
    struct lt_task_queue_stats s;
    lt_task_queue_stats(queue, &s);
    lt_metric_one(o, LT_METRIC_TASKS_QUEUED, s.queued);
    lt_metric_one(o, LT_METRIC_TASKS_RUNNING, s.running);
    lt_metric_one(o, LT_METRIC_TASKS_AGAIN, s.ended[LT_TASK_QUEUED]);
    lt_metric_begin(o, LT_METRIC_TASKS_ENDED);
    for (int i = LT_TASK_COMPLETED; i < LT_TASK_STATES; i++) {
        lt_metric_label(o, "state", lt_task_state_name((enum lt_task_state)i));
        lt_metric_int(o, s.ended[i]);
    }
}

static void http_figures(struct lt_metric_out *o, struct lt_api *api)
{
    lt_metric_begin(o, LT_METRIC_HTTP_ANSWERS);
    for (int i = 1; i < LT_STATUS_CLASSES; i++) {
        char class[4] = {(char)('0' + i), 'x', 'x', '\0'};
        lt_metric_label(o, "class", class);
        lt_metric_int(o, atomic_load(&api->answers[i]));
    }
    uint64_t connections = 0, refused = 0;
    if (api->options.limits)
        lt_http_limits_counts(api->options.limits, &connections, &refused);
    lt_metric_one(o, LT_METRIC_HTTP_CONNECTIONS, connections);
    lt_metric_one(o, LT_METRIC_HTTP_REFUSED, refused);
    lt_metric_begin(o, LT_METRIC_HTTP_CLOSED);
    for (int i = 0; api->options.limits && i < LT_HTTP_CLOSED_COUNT; i++) {
        lt_metric_label(o, "reason", lt_http_closed_name((enum lt_http_closed)i));
        lt_metric_int(o, lt_http_limits_closed_count(api->options.limits, (enum lt_http_closed)i));
    }
    lt_metric_begin(o, LT_METRIC_UPSTREAM_CLOSED);
    for (int i = 0; i < LT_UPSTREAM_CLOSED_COUNT; i++) {
        lt_metric_label(o, "reason", lt_upstream_closed_name((enum lt_upstream_closed)i));
        lt_metric_int(o, lt_upstream_closed_count((enum lt_upstream_closed)i));
    }
    lt_metric_one(o, LT_METRIC_ACCESS_DROPPED, api->options.access_log ? lt_line_file_dropped(api->options.access_log->file) : 0);
    struct lt_tracer_stats spans;
    lt_tracer_stats(lt_manager_tracer(api->options.manager), &spans);
    lt_metric_one(o, LT_METRIC_SPANS_SENT, spans.sent);
    lt_metric_one(o, LT_METRIC_SPANS_DROPPED, spans.dropped);
    lt_metric_one(o, LT_METRIC_SPANS_QUEUED, spans.queued);
    uint64_t failed;
    lt_sign_ins_counts(api->sign_ins, &failed, &refused);
    lt_metric_one(o, LT_METRIC_SIGN_IN_FAILED, failed);
    lt_metric_one(o, LT_METRIC_SIGN_IN_REFUSED, refused);
}

static void store_figures(struct lt_metric_out *o, struct lt_store *store)
{
    struct lt_store_stats s;
    lt_store_stats(store, &s);
    lt_metric_one(o, LT_METRIC_STORE_UNITS, s.units);
    lt_metric_one(o, LT_METRIC_STORE_COMMITS, s.commits);
    lt_metric_one(o, LT_METRIC_STORE_FAILED, s.failed);
    lt_metric_begin(o, LT_METRIC_STORE_COMMIT_DURATION);
    lt_metric_histogram(o, s.commit_buckets, LT_STORE_BUCKETS, LT_STORE_BUCKET_US, s.commit_us_sum);
    lt_metric_one(o, LT_METRIC_STORE_QUEUED_UNITS, s.queued_units);
    lt_metric_one(o, LT_METRIC_STORE_QUEUED_BYTES, s.queued_bytes);
    lt_metric_begin(o, LT_METRIC_STORE_DELAY);
    lt_metric_millionths(o, (uint64_t)lt_store_delay_ms(store) * 1000);
    lt_metric_one(o, LT_METRIC_STORE_LAST, s.commit_us_last);
    lt_metric_one(o, LT_METRIC_STORE_BATCH, s.largest_batch);
    lt_metric_one(o, LT_METRIC_STORE_CHECKPOINTS, s.checkpoints);
    lt_metric_one(o, LT_METRIC_STORE_CHECKPOINTS_HELD, s.checkpoints_held);
    lt_metric_one(o, LT_METRIC_STORE_WAL_PAGES, s.wal_pages);
    lt_metric_begin(o, LT_METRIC_STORE_QUERY_DURATION);
    lt_metric_histogram(o, s.query_buckets, LT_STORE_BUCKETS, LT_STORE_BUCKET_US, s.query_us_sum);
    lt_metric_one(o, LT_METRIC_STORE_ROUND_TRIPS, s.round_trips);
    lt_metric_one(o, LT_METRIC_STORE_CONNECTS, s.connects);
}

static void core_figures(struct lt_metric_out *o, struct lt_request *r)
{
    struct lt_scope_stats scopes;
    const struct lt_lms_roles_stats *lms = lt_course_role_stats(r->api->options.manager);
    lt_scope_stats(&scopes);
    lt_metric_one(o, LT_METRIC_CONFIG_GENERATION, (uint64_t)r->config->generation);
    lt_metric_one(o, LT_METRIC_LMS_ASKED, atomic_load(&lms->asked));
    lt_metric_one(o, LT_METRIC_LMS_FAILED, atomic_load(&lms->failed));
    lt_metric_one(o, LT_METRIC_LMS_KEPT, atomic_load(&lms->kept));
    lt_metric_one(o, LT_METRIC_SCOPES, scopes.scopes);
    lt_metric_one(o, LT_METRIC_SCOPE_HITS, scopes.hits);
    lt_metric_one(o, LT_METRIC_SCOPE_MISSES, scopes.misses);
    lt_metric_one(o, LT_METRIC_SCOPE_LIMITS, scopes.pattern_limits);
    lt_metric_one(o, LT_METRIC_SCOPE_BUILDS, scopes.rebuilds);
    lt_metric_one(o, LT_METRIC_SCOPE_BUILD_US, scopes.rebuild_us);
    uint64_t hits, misses;
    lt_answer_cache_counts(r->api->options.manager, &hits, &misses);
    lt_metric_one(o, LT_METRIC_CACHE_HITS, hits);
    lt_metric_one(o, LT_METRIC_CACHE_MISSES, misses);
}

static void event_figures(struct lt_metric_out *o, const struct lt_events *events)
{
    const struct lt_events_stats *s = lt_events_stats(events);
    lt_metric_one(o, LT_METRIC_EVENTS_DELIVERED, atomic_load(&s->delivered));
    lt_metric_one(o, LT_METRIC_EVENTS_FAILED, atomic_load(&s->failed));
    lt_metric_one(o, LT_METRIC_EVENTS_GIVEN_UP, atomic_load(&s->died));
    lt_metric_one(o, LT_METRIC_EVENTS_DROPPED, atomic_load(&s->dropped));
    lt_metric_one(o, LT_METRIC_EVENTS_WAITING, atomic_load(&s->waiting));
    lt_metric_one(o, LT_METRIC_EVENTS_DEAD, atomic_load(&s->dead));
    lt_metric_one(o, LT_METRIC_EVENTS_OLDEST, atomic_load(&s->oldest_s));
}

/* ---- the answer ---- */

/* "0.75" in thousandths; what is none counts as 0. */
static int thousandths(struct lt_str q)
{
    int value = 0, digits = 0;
    struct lt_str fraction = q, whole = lt_str_cut(&fraction, '.');
    if (lt_str_is(whole, "1"))
        return 1000;
    for (; digits < 3; digits++)
        value = value * 10 + ((size_t)digits < fraction.n && fraction.p[digits] >= '0' && fraction.p[digits] <= '9' ? fraction.p[digits] - '0' : 0);
    return value;
}

/* The quality that the client gives a type (RFC 9110 §12.5.1), in thousandths; 0 when it is not named. */
static int quality_of(struct lt_str accept, const char *type)
{
    while (accept.n > 0) {
        struct lt_str range = lt_str_cut(&accept, ','), parameters = range, name = lt_str_trim(lt_str_cut(&parameters, ';'));
        if (!lt_str_eq_ci(name, lt_str(type)))
            continue;
        while (parameters.n > 0) {
            struct lt_str value = lt_str_trim(lt_str_cut(&parameters, ';')), key = lt_str_cut(&value, '=');
            if (lt_str_eq_ci(key, LT_STR("q")))
                return thousandths(lt_str_trim(value));
        }
        return 1000;
    }
    return 0;
}

void lt_get_metrics(struct lt_request *r)
{
    struct lt_api *api = r->api;
    struct lt_str accept = lt_http_field(&r->http->head, "Accept", NULL);
    int open = quality_of(accept, "application/openmetrics-text");
    struct lt_metric_out o = {.open = open > 0 && open >= quality_of(accept, "text/plain")};
    const struct lt_site *own = lt_request_site(r);
    struct view view = {.r = r, .o = &o, .only = api->options.metrics_all_sites ? NULL : own};
    lt_buf_init(&o.text, LT_METRIC_TEXT_MAX);
    lt_buf_init(&o.labels, LT_METRIC_LABELS_MAX);
    lt_metric_begin(&o, LT_METRIC_BUILD_INFO);
    lt_metric_label(&o, "version", LECTERN_VERSION);
    lt_metric_int(&o, 1);
    const char *site = view.only ? text(&view, own->slug) : NULL;
    call_figures(&o, lt_manager_metrics(api->options.manager), site);
    lt_metric_one(&o, LT_METRIC_CALLS_RUNNING, (uint64_t)lt_calls_running(api->options.manager));
    lt_metric_one(&o, LT_METRIC_CALLS_SHED, lt_calls_shed(api->options.manager));
    attempt_figures(&o, lt_manager_metrics(api->options.manager), site);
    site_figures(&view);
    lt_metric_one(&o, LT_METRIC_STREAMS_RUNNING, (uint64_t)lt_streams_running(api->streams));
    process_figures(&o, api->options.store);
    task_figures(&o, api->options.tasks);
    http_figures(&o, api);
    store_figures(&o, api->options.store);
    core_figures(&o, r);
    event_figures(&o, api->options.events);
    lt_metric_one(&o, LT_METRIC_FIBERS, (uint64_t)lt_fiber_count());
    lt_metrics_process(&o);
    if (o.open)
        lt_buf_put_str(&o.text, LT_STR("# EOF\n"));
    struct lt_error err;
    if (o.text.failed) {
        lt_fail(&err, LT_EINTERNAL, "the figures are longer than %d bytes", LT_METRIC_TEXT_MAX);
        lt_reply_problem(r, &err, NULL);
    } else {
        lt_reply(r, 200, o.open ? "application/openmetrics-text; version=1.0.0; charset=utf-8" : "text/plain; version=0.0.4; charset=utf-8", NULL, NULL, 0,
                 lt_buf_str(&o.text));
    }
    lt_buf_free(&o.labels);
    lt_buf_free(&o.text);
}
