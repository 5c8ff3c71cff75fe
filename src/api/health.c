/* /v1/health for administrators; /healthz and /readyz for supervisors and load balancers. */
#include "api/doctor.h"
#include "api/request.h"
#include "api/sign_in.h"
#include "core/answer_cache.h"
#include "core/course_role.h"
#include "core/lms_roles.h"
#include "io/fiber.h"
#include "workflows/scope.h"
#include "workflows/task_queue.h"

static void answer_status(struct lt_request *r, int code, const char *status)
{
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_kstrz(w, "status", status);
    lt_jw_end(w);
    lt_json_end(r, code, &j);
}

void lt_get_healthz(struct lt_request *r)
{
    answer_status(r, 200, "ok");
}

void lt_get_readyz(struct lt_request *r)
{
    if (atomic_load(&r->api->not_ready))
        answer_status(r, 503, "draining");
    else
        answer_status(r, 200, "ready");
}

static void figure(struct lt_buf *b, const char *name, const char *type, const char *help, uint64_t value)
{
    lt_buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", name, help, name, type, name, (unsigned long long)value);
}

static void task_figures(struct lt_buf *b, struct lt_task_queue *queue)
{
    struct lt_task_queue_stats s;
    lt_task_queue_stats(queue, &s);
    figure(b, "lectern_tasks_queued", "gauge", "Background tasks that wait.", s.queued);
    figure(b, "lectern_tasks_running", "gauge", "Background tasks that this process runs.", s.running);
    figure(b, "lectern_tasks_again_total", "counter", "Attempts at tasks that are to be made again.", s.ended[LT_TASK_QUEUED]);
    lt_buf_printf(b, "# HELP lectern_tasks_ended_total Background tasks that ended here, by state.\n# TYPE lectern_tasks_ended_total counter\n");
    for (int i = LT_TASK_COMPLETED; i < LT_TASK_STATES; i++)
        lt_buf_printf(b, "lectern_tasks_ended_total{state=\"%s\"} %llu\n", lt_task_state_name((enum lt_task_state)i), (unsigned long long)s.ended[i]);
}

void lt_get_metrics(struct lt_request *r)
{
    struct lt_store_stats s;
    struct lt_scope_stats scopes;
    struct lt_buf b;
    lt_store_stats(r->api->options.store, &s);
    lt_buf_init(&b, 64 * 1024);
    lt_buf_printf(&b, "# HELP lectern_build_info Version of the program.\n# TYPE lectern_build_info gauge\n"
                      "lectern_build_info{version=\"" LECTERN_VERSION "\"} 1\n");
    lt_buf_printf(&b, "# HELP lectern_http_answers_total Answers by class of status; streams count when they end in an error only.\n"
                      "# TYPE lectern_http_answers_total counter\n");
    for (int i = 1; i < LT_STATUS_CLASSES; i++)
        lt_buf_printf(&b, "lectern_http_answers_total{class=\"%dxx\"} %lu\n", i, atomic_load(&r->api->answers[i]));
    figure(&b, "lectern_calls_running", "gauge", "AI calls under way.", (uint64_t)lt_calls_running(r->api->options.manager));
    figure(&b, "lectern_calls_shed_total", "counter", "AI calls refused because too many were under way.", lt_calls_shed(r->api->options.manager));
    if (r->api->options.limits) {
        uint64_t connections, refused;
        lt_http_limits_counts(r->api->options.limits, &connections, &refused);
        figure(&b, "lectern_http_connections", "gauge", "Connections of clients.", connections);
        figure(&b, "lectern_http_connections_refused_total", "counter", "Connections refused because there were too many.", refused);
    }
    uint64_t failed, refused;
    lt_sign_ins_counts(r->api->sign_ins, &failed, &refused);
    figure(&b, "lectern_sign_in_failed_total", "counter", "Attempts to sign in with credentials that are nobody's.", failed);
    figure(&b, "lectern_sign_in_refused_total", "counter", "Attempts not looked at because too many from the address had failed.", refused);
    figure(&b, "lectern_streams_running", "gauge", "Calls that are streamed now.", (uint64_t)lt_streams_running(r->api->streams));
    task_figures(&b, r->api->options.tasks);
    figure(&b, "lectern_fibers", "gauge", "Fibers alive.", (uint64_t)lt_fiber_count());
    figure(&b, "lectern_config_generation", "gauge", "Generation of the configuration in force.", (uint64_t)r->config->generation);
    figure(&b, "lectern_store_units_total", "counter", "Units written.", s.units);
    figure(&b, "lectern_store_commits_total", "counter", "Commits (groups of units).", s.commits);
    figure(&b, "lectern_store_failed_total", "counter", "Units that could not be written.", s.failed);
    figure(&b, "lectern_store_queued_bytes", "gauge", "Bytes that wait for the writer.", s.queued_bytes);
    figure(&b, "lectern_store_commit_last_microseconds", "gauge", "Time of the last commit.", s.commit_us_last);
    figure(&b, "lectern_store_largest_batch", "gauge", "Most units in one commit.", s.largest_batch);
    const struct lt_lms_roles_stats *lms = lt_course_role_stats(r->api->options.manager);
    figure(&b, "lectern_lms_roles_asked_total", "counter", "Questions sent to an LMS: what a user is in a course.", atomic_load(&lms->asked));
    figure(&b, "lectern_lms_roles_failed_total", "counter", "Those without an answer that could be used; they gave no role.", atomic_load(&lms->failed));
    figure(&b, "lectern_lms_roles_kept_total", "counter", "Such questions answered by what was known already.", atomic_load(&lms->kept));
    uint64_t hits, misses;
    lt_answer_cache_counts(r->api->options.manager, &hits, &misses);
    figure(&b, "lectern_response_cache_hits_total", "counter", "Calls answered from the response cache.", hits);
    figure(&b, "lectern_response_cache_misses_total", "counter", "Calls that were looked for there in vain.", misses);
    lt_scope_stats(&scopes);
    figure(&b, "lectern_scopes", "gauge", "Scopes in the index.", scopes.scopes);
    figure(&b, "lectern_scope_cache_hits_total", "counter", "Look-ups answered by the cache.", scopes.hits);
    figure(&b, "lectern_scope_cache_misses_total", "counter", "Look-ups that the cache could not answer.", scopes.misses);
    figure(&b, "lectern_scope_pattern_limit_total", "counter", "Patterns that took too long on a location.", scopes.pattern_limits);
    figure(&b, "lectern_scope_index_builds_total", "counter", "Indexes of scopes built.", scopes.rebuilds);
    figure(&b, "lectern_scope_index_build_microseconds", "gauge", "Time of the last one.", scopes.rebuild_us);
    lt_reply(r, 200, "text/plain; version=0.0.4; charset=utf-8", NULL, NULL, 0, lt_buf_str(&b));
    lt_buf_free(&b);
}

/* Trusted by default are loopback addresses; others say that somebody has put a proxy in front. */
static bool proxies_beyond(const struct lt_api_options *o)
{
    for (size_t i = 0; i < o->proxies_n; i++)
        if (lt_ip_kind_of(&o->proxies[i].ip) != LT_IP_LOOPBACK)
            return true;
    return false;
}

void lt_get_health(struct lt_request *r)
{
    struct lt_finding *list;
    size_t n, worst = LT_FINDING_OK;
    const struct lt_api_options *o = &r->api->options;
    const struct lt_doctor doctor = {.store = o->store, .config = r->config, .site = lt_request_site(r), .now = lt_now_ms(), .manager = o->manager,
                                     .plugins = o->plugins, .data_dir = o->data_dir, .serving = true, .https = o->https, .loopback = o->loopback,
                                     .proxies = proxies_beyond(o)};
    lt_doctor_run(r->arena, &doctor, &list, &n);
    for (size_t i = 0; i < n; i++)
        worst = list[i].level > worst ? list[i].level : worst;
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_kstrz(w, "level", lt_finding_level_name((enum lt_finding_level)worst));
    lt_jw_key(w, "findings");
    lt_findings_write(w, list, n);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}
