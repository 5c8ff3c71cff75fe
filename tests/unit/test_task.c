/* Tasks against a real store: claims and guards, limits, turns, backoff, recovery, sweeping; and attempts on real loops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "io/worker.h"
#include "core/member.h"
#include "workflow_rig.h"
#include "workflows/orchestrator.h"
#include "workflows/task_event.h"
#include "workflows/task_queue.h"

#define NOW INT64_C(1700000000000)

struct stand {
    struct rig *r;
    struct lt_site site;
    struct lt_caller caller;
    struct lt_workflow_request request;
    struct lt_profile profile;
};

static struct stand stand(struct rig *r)
{
    static const struct lt_site site = {.id = 1, .slug = {"one", 3}, .enabled = true, .tasks_queued_per_user = 1000, .tasks_queued_per_site = 1000};
    return (struct stand){.r = r, .site = site, .profile = {.id = 7, .site_id = 1, .slug = {"p", 1}}};
}

static struct lt_workflow_request *request_of(struct stand *s, const char *user)
{
    unsigned roles = 1u << LT_ROLE_STUDENT | 1u << LT_ROLE_TEACHER;
    s->caller = (struct lt_caller){.site = &s->site, .user_id = lt_str(user), .roles = roles, .is_user = true};
    s->request = (struct lt_workflow_request){.arena = s->r->arena, .store = s->r->store, .caller = &s->caller, .profile = &s->profile,
                                              .action = LT_STR("run"), .course_id = LT_STR("c"), .content = LT_STR("text")};
    return &s->request;
}

static const uint8_t hash[32] = {1}, other_hash[32] = {2};

static struct lt_workflow_task add(struct stand *s, const char *user)
{
    struct lt_workflow_task t;
    rig_ok(s->r, lt_task_add(request_of(s, user), LT_STR(""), hash, &t, &s->r->err));
    return t;
}

static struct lt_workflow_task again(struct rig *r, const struct lt_workflow_task *t)
{
    struct lt_workflow_task now;
    rig_ok(r, lt_task_find(r->store, r->arena, t->site_id, t->uuid_text, &now, &r->err));
    return now;
}

static int64_t count(struct rig *r, const char *sql)
{
    struct lt_rows rows;
    rig_ok(r, lt_store_query(r->store, r->arena, sql, NULL, 0, 0, &rows, &r->err));
    return lt_rows_int(&rows, 0, 0);
}

static struct lt_task_ref claimed(struct rig *r, const struct lt_workflow_task *t)
{
    struct lt_task_ref ref = {t->id, t->attempt};
    rig_ok(r, lt_task_claim(r->store, &ref, &r->err));
    return ref;
}

static enum lt_code end(struct rig *r, const struct lt_task_ref *ref, enum lt_task_state state, enum lt_code code, int64_t not_before)
{
    struct lt_error why = {0};
    struct lt_progress progress = {.message = "last words", .fraction = 0.5};
    if (code)
        lt_fail(&why, code, "detail");
    struct lt_task_end e = {.state = state, .not_before = not_before, .failed_try = state == LT_TASK_QUEUED, .store_content = true, .error = &why,
                            .run_id = LT_STR("run"), .result = LT_STR("{\"response\":{}}"), .progress = &progress};
    return lt_task_finish(r->store, ref, &e, &r->err);
}

/* ---- claims and guards ---- */

static void one_of_two_claims_has_the_task(void **state)
{
    struct rig *r = *state;
    struct stand s = stand(r);
    struct lt_workflow_task t = add(&s, "u");
    assert_int_equal(t.state, LT_TASK_QUEUED);
    struct lt_task_ref a = {t.id, t.attempt}, b = a;
    rig_ok(r, lt_task_claim(r->store, &a, &r->err));
    assert_int_equal(lt_task_claim(r->store, &b, &r->err), LT_ECONFLICT);
    assert_int_equal(a.attempt, 1);
    assert_int_equal(again(r, &t).state, LT_TASK_RUNNING);
}

static void only_the_attempt_that_has_the_task_ends_it_and_only_once(void **state)
{
    struct rig *r = *state;
    struct stand s = stand(r);
    struct lt_workflow_task t = add(&s, "u");
    struct lt_task_ref first = claimed(r, &t), second;
    rig_ok(r, end(r, &first, LT_TASK_QUEUED, LT_EUPSTREAM_UNAVAILABLE, 0));
    assert_int_equal(end(r, &first, LT_TASK_COMPLETED, LT_OK, 0), LT_ECONFLICT); /* it waits */
    t = again(r, &t);
    assert_int_equal(t.tries, 1);
    second = claimed(r, &t);
    assert_int_equal(end(r, &first, LT_TASK_COMPLETED, LT_OK, 0), LT_ECONFLICT); /* somebody else has it */
    assert_int_equal(count(r, "SELECT COUNT(*) FROM workflow_task_result"), 0);
    assert_int_equal(count(r, "SELECT COUNT(*) FROM workflow_task_input"), 1);
    rig_ok(r, end(r, &second, LT_TASK_COMPLETED, LT_OK, 0));
    assert_int_equal(end(r, &second, LT_TASK_FAILED, LT_EINTERNAL, 0), LT_ECONFLICT); /* it has ended */
    t = again(r, &t);
    assert_int_equal(t.state, LT_TASK_COMPLETED);
    assert_string_equal(t.message.p, "last words");
    assert_true(t.fraction == 0.5);
    assert_string_equal(t.result.p, "{\"response\":{}}");
    assert_int_equal(count(r, "SELECT COUNT(*) FROM workflow_task_result"), 1);
    assert_int_equal(count(r, "SELECT COUNT(*) FROM workflow_task_input"), 0);
}

static void late_progress_of_an_attempt_that_is_over_is_lost(void **state)
{
    struct rig *r = *state;
    struct stand s = stand(r);
    struct lt_workflow_task t = add(&s, "u");
    struct lt_task_ref ref = claimed(r, &t);
    struct lt_progress p = {.message = "half", .fraction = 0.5};
    lt_task_post_progress(r->store, &ref, &p);
    rig_ok(r, end(r, &ref, LT_TASK_QUEUED, LT_EUPSTREAM_TIMEOUT, 0));
    strcpy(p.message, "too late");
    lt_task_post_progress(r->store, &ref, &p);
    struct lt_task_ref next = {t.id, 1};
    rig_ok(r, lt_task_claim(r->store, &next, &r->err)); /* behind it in the queue of writes */
    assert_string_equal(again(r, &t).message.p, ""); /* of the new attempt */
}

/* "number:state:text" of each behind `after`, parted by spaces. */
static const char *events(struct rig *r, const struct lt_workflow_task *t, int64_t after)
{
    struct lt_task_event *list;
    struct lt_str all = LT_STR("");
    size_t n;
    rig_ok(r, lt_task_events(r->store, r->arena, t->id, after, 100, &list, &n, &r->err));
    for (size_t i = 0; i < n; i++)
        all = lt_printf(r->arena, "%.*s%s%d:%.*s:%.*s", LT_FMT(all), i ? " " : "", (int)list[i].number, LT_FMT(list[i].state), LT_FMT(list[i].text));
    return lt_strz(r->arena, all);
}

static void events_are_numbered_without_a_gap_and_only_of_the_attempt_that_has_the_task(void **state)
{
    struct rig *r = *state;
    struct stand s = stand(r);
    struct lt_workflow_task t = add(&s, "u"), other = add(&s, "u");
    struct lt_task_ref first = claimed(r, &t), unclaimed = {other.id, 1};
    struct lt_progress half = {.message = "half", .fraction = 0.5};
    int64_t last;
    lt_task_post_progress(r->store, &first, &half);
    lt_task_post_tool(r->store, &first, "roll_dice", "running");
    lt_task_post_tool(r->store, &unclaimed, "roll_dice", "running"); /* it waits */
    lt_task_post_tool(r->store, &first, "roll_dice", "failed");
    rig_ok(r, end(r, &first, LT_TASK_QUEUED, LT_EUPSTREAM_UNAVAILABLE, 0));
    lt_task_post_tool(r->store, &first, "roll_dice", "done"); /* it has the task no more */
    struct lt_task_ref second = {t.id, 1};
    rig_ok(r, lt_task_claim(r->store, &second, &r->err));
    lt_task_post_progress(r->store, &first, &half); /* nor now */
    lt_task_post_progress(r->store, &second, &half);
    rig_ok(r, end(r, &second, LT_TASK_COMPLETED, LT_OK, 0));
    lt_task_post_progress(r->store, &second, &half); /* it has ended */
    rig_ok(r, lt_task_last_event(r->store, other.id, &last, &r->err));
    assert_int_equal(last, 1);
    assert_string_equal(events(r, &t, 0), "1:queued: 2:running: 3:running:half 4:running:roll_dice 5:failed:roll_dice 6:queued: 7:running: "
                                          "8:running:half");
    assert_string_equal(events(r, &t, 6), "7:running: 8:running:half");
    assert_string_equal(events(r, &t, 8), "");
}

static void a_task_tells_no_more_than_so_many_events_but_all_its_states(void **state)
{
    struct rig *r = *state;
    struct stand s = stand(r);
    struct lt_workflow_task t = add(&s, "u");
    struct lt_task_ref ref = claimed(r, &t);
    int64_t last;
    for (int i = 0; i < LT_TASK_EVENTS_MAX + 50; i++)
        lt_task_post_tool(r->store, &ref, "roll_dice", "done");
    rig_ok(r, end(r, &ref, LT_TASK_QUEUED, LT_EUPSTREAM_UNAVAILABLE, 0));
    rig_ok(r, lt_task_last_event(r->store, t.id, &last, &r->err));
    assert_int_equal(last, LT_TASK_EVENTS_MAX + 1);
}

static void what_was_asked_for_comes_back_as_it_was(void **state)
{
    struct rig *r = *state;
    struct stand s = stand(r);
    struct lt_workflow_task t;
    struct lt_task_order o;
    struct lt_workflow_request *q = request_of(&s, "u");
    s.caller.locale = LT_STR("de");
    s.caller.only_course = LT_STR("c");
    q->user_input = rig_json(r, "{a: [1, 'x']}");
    q->placement = LT_STR("chat");
    q->policy_by_lms = true;
    rig_ok(r, lt_task_add(q, LT_STR(""), hash, &t, &r->err));
    rig_ok(r, lt_task_load(r->store, r->arena, t.id, &o, &r->err));
    assert_true(lt_json_equal(o.user_input, q->user_input));
    assert_true(lt_str_is(o.caller.user_id, "u") && lt_str_is(o.caller.locale, "de") && lt_str_is(o.caller.only_course, "c") && o.caller.is_user);
    assert_int_equal(o.caller.roles, s.caller.roles);
    assert_true(lt_str_is(o.placement, "chat") && lt_str_is(o.content, "text") && lt_str_is(o.task.course_id, "c") && o.policy_by_lms);
    assert_null(o.caller.token.p);
}

/* ---- limits, keys ---- */

static void limits_count_what_waits_and_nothing_else(void **state)
{
    struct rig *r = *state;
    struct stand s = stand(r);
    struct lt_workflow_task t, first;
    s.site.tasks_queued_per_user = 2;
    s.site.tasks_queued_per_site = 3;
    first = add(&s, "u");
    add(&s, "u");
    assert_int_equal(lt_task_add(request_of(&s, "u"), LT_STR(""), hash, &t, &r->err), LT_ERATE_LIMITED);
    assert_true(r->err.retry_after_s > 0);
    add(&s, "v");
    assert_int_equal(lt_task_add(request_of(&s, "v"), LT_STR(""), hash, &t, &r->err), LT_ESITE_BUSY);
    claimed(r, &first);
    add(&s, "u"); /* the place of the one that runs */
    assert_int_equal(count(r, "SELECT COUNT(*) FROM workflow_task"), 4);
    assert_int_equal(count(r, "SELECT COUNT(*) FROM workflow_task_input"), 4);
}

static void input_above_the_limit_is_refused(void **state)
{
    struct rig *r = *state;
    struct stand s = stand(r);
    struct lt_workflow_task t;
    struct lt_workflow_request *q = request_of(&s, "u");
    char *text = lt_alloc(r->arena, LT_TASK_INPUT_MAX + 1);
    memset(text, 'x', LT_TASK_INPUT_MAX + 1);
    q->content = (struct lt_str){text, LT_TASK_INPUT_MAX + 1};
    assert_int_equal(lt_task_add(q, LT_STR(""), hash, &t, &r->err), LT_ETOO_LARGE);
    q->content.n--;
    rig_ok(r, lt_task_add(q, LT_STR(""), hash, &t, &r->err));
}

static void a_key_names_one_task_of_one_user_also_when_no_more_may_wait(void **state)
{
    struct rig *r = *state;
    struct stand s = stand(r);
    struct lt_workflow_task a, b;
    s.site.tasks_queued_per_site = 2;
    rig_ok(r, lt_task_add(request_of(&s, "u"), LT_STR("k"), hash, &a, &r->err));
    rig_ok(r, lt_task_add(request_of(&s, "v"), LT_STR("k"), other_hash, &b, &r->err));
    assert_true(a.id != b.id);
    rig_ok(r, lt_task_add(request_of(&s, "u"), LT_STR("k"), hash, &b, &r->err));
    assert_int_equal(a.id, b.id);
    assert_int_equal(lt_task_add(request_of(&s, "u"), LT_STR("k"), other_hash, &b, &r->err), LT_EKEY_REUSED);
    assert_int_equal(count(r, "SELECT COUNT(*) FROM workflow_task"), 2);
}

/* ---- cancelling ---- */

static void a_cancel_ends_what_waits_marks_what_runs_and_leaves_what_has_ended(void **state)
{
    struct rig *r = *state;
    struct stand s = stand(r);
    struct lt_workflow_task waits = add(&s, "u"), runs = add(&s, "u"), over = add(&s, "u");
    enum lt_task_state now;
    struct lt_task_ref a = claimed(r, &runs), b = claimed(r, &over);
    rig_ok(r, end(r, &b, LT_TASK_COMPLETED, LT_OK, 0));
    rig_ok(r, lt_task_cancel(r->store, &waits, &now, &r->err));
    assert_int_equal(now, LT_TASK_CANCELLED);
    rig_ok(r, lt_task_cancel(r->store, &over, &now, &r->err));
    assert_int_equal(now, LT_TASK_COMPLETED);
    rig_ok(r, lt_task_cancel(r->store, &runs, &now, &r->err));
    assert_int_equal(now, LT_TASK_RUNNING);
    int64_t *marked, queued;
    size_t n;
    rig_ok(r, lt_task_look(r->store, r->arena, 10, &marked, &n, &queued, &r->err));
    assert_int_equal(n, 1);
    assert_int_equal(marked[0], runs.id);
    rig_ok(r, end(r, &a, LT_TASK_QUEUED, LT_EUPSTREAM_UNAVAILABLE, 0)); /* it would be made again */
    assert_int_equal(again(r, &runs).state, LT_TASK_CANCELLED);
    assert_int_equal(count(r, "SELECT COUNT(*) FROM workflow_task_input"), 0);
}

/* ---- turns ---- */

static const char *turns(struct rig *r, const struct lt_workflow_task *tasks, size_t n, int64_t now, int max)
{
    struct lt_task_ref *refs;
    size_t found;
    char text[64] = "";
    rig_ok(r, lt_task_waiting(r->store, r->arena, now, max, &refs, &found, &r->err));
    for (size_t i = 0; i < found; i++)
        for (size_t k = 0; k < n; k++)
            if (tasks[k].id == refs[i].id)
                snprintf(text + strlen(text), sizeof(text) - strlen(text), "%zu", k);
    return lt_strz(r->arena, lt_str(text));
}

static void nobody_waits_behind_all_tasks_of_somebody_else(void **state)
{
    struct rig *r = *state;
    struct stand s = stand(r), other = stand(r);
    rig_ok(r, lt_admin_site_add(r->store, LT_STR("two"), LT_STR("Two"), &r->err));
    other.site.id = 2;
    struct lt_workflow_task t[6];
    for (int i = 0; i < 3; i++)
        t[i] = add(&s, "u");
    t[3] = add(&s, "v");
    t[4] = add(&other, "w");
    t[5] = add(&other, "w");
    assert_string_equal(turns(r, t, 6, lt_now_ms(), 10), "043512");
    assert_string_equal(turns(r, t, 6, lt_now_ms(), 2), "04");
    claimed(r, &t[0]); /* u and the first site have one that runs: the other site's first is next, then v */
    assert_string_equal(turns(r, t, 6, lt_now_ms(), 10), "43512");
    claimed(r, &t[4]);
    assert_string_equal(turns(r, t, 6, lt_now_ms(), 10), "3512");
}

static void what_has_to_wait_is_not_handed_out_before_its_time(void **state)
{
    struct rig *r = *state;
    struct stand s = stand(r);
    lt_clock_freeze(NOW);
    struct lt_workflow_task t = add(&s, "u");
    struct lt_task_ref ref = claimed(r, &t);
    rig_ok(r, end(r, &ref, LT_TASK_QUEUED, LT_EUPSTREAM_UNAVAILABLE, NOW + 2000));
    assert_string_equal(turns(r, &t, 1, NOW + 1999, 10), "");
    assert_string_equal(turns(r, &t, 1, NOW + 2000, 10), "0");
    lt_clock_freeze(0);
}

/* ---- what becomes of an attempt ---- */

static void an_attempt_comes_out_as_the_table_says(void **state)
{
    (void)state;
    static const struct {
        enum lt_task_break broken;
        enum lt_code code;
        int retry_after_s;
        bool kept;
        int64_t tries;
        enum lt_task_state want;
        int64_t wait_ms;
        enum lt_code told;
    } rows[] = {
        {LT_TASK_GOES_ON, LT_OK, 0, true, 0, LT_TASK_COMPLETED, 0, LT_OK},
        {LT_TASK_ASKED, LT_OK, 0, false, 0, LT_TASK_COMPLETED, 0, LT_OK},
        {LT_TASK_STOPPING, LT_OK, 0, false, 0, LT_TASK_COMPLETED, 0, LT_OK},
        {LT_TASK_ASKED, LT_ECANCELLED, 0, false, 0, LT_TASK_CANCELLED, 0, LT_ECANCELLED},
        {LT_TASK_GOES_ON, LT_ECANCELLED, 0, false, 0, LT_TASK_CANCELLED, 0, LT_ECANCELLED}, /* by its call's id */
        {LT_TASK_TOO_LONG, LT_ECANCELLED, 0, true, 0, LT_TASK_TIMEOUT, 0, LT_ETIMEOUT},
        {LT_TASK_TOO_LONG, LT_EUPSTREAM_TIMEOUT, 0, false, 0, LT_TASK_TIMEOUT, 0, LT_ETIMEOUT},
        {LT_TASK_STOPPING, LT_ECANCELLED, 0, true, 2, LT_TASK_QUEUED, 0, LT_ECANCELLED},
        {LT_TASK_GOES_ON, LT_EUPSTREAM_UNAVAILABLE, 0, false, 0, LT_TASK_QUEUED, 2000, LT_EUPSTREAM_UNAVAILABLE},
        {LT_TASK_GOES_ON, LT_EUPSTREAM_UNAVAILABLE, 0, false, 1, LT_TASK_QUEUED, 8000, LT_EUPSTREAM_UNAVAILABLE},
        {LT_TASK_GOES_ON, LT_EUPSTREAM_UNAVAILABLE, 0, false, 2, LT_TASK_FAILED, 32000, LT_EUPSTREAM_UNAVAILABLE},
        {LT_TASK_GOES_ON, LT_EUPSTREAM_UNAVAILABLE, 0, true, 0, LT_TASK_FAILED, 2000, LT_EUPSTREAM_UNAVAILABLE},
        {LT_TASK_GOES_ON, LT_EUPSTREAM_RATE_LIMITED, 7, false, 0, LT_TASK_QUEUED, 7000, LT_EUPSTREAM_RATE_LIMITED},
        {LT_TASK_GOES_ON, LT_EUPSTREAM_RATE_LIMITED, 86400, false, 0, LT_TASK_QUEUED, 60000, LT_EUPSTREAM_RATE_LIMITED},
        {LT_TASK_GOES_ON, LT_EINVALID_INPUT, 0, false, 0, LT_TASK_FAILED, 2000, LT_EINVALID_INPUT},
        {LT_TASK_GOES_ON, LT_EPROFILE_INVALID, 0, false, 0, LT_TASK_FAILED, 2000, LT_EPROFILE_INVALID},
    };
    for (size_t i = 0; i < LT_COUNT(rows); i++) {
        struct lt_error error = {0}, why;
        struct lt_task_end e = {0};
        if (rows[i].code)
            lt_fail(&error, rows[i].code, "x");
        error.retry_after_s = rows[i].retry_after_s;
        lt_task_decide(rows[i].broken, &error, rows[i].kept, rows[i].tries, NOW, &e, &why);
        if (e.state != rows[i].want || e.not_before != NOW + rows[i].wait_ms || e.error->code != rows[i].told)
            fail_msg("row %zu: %s, %lld ms, %s", i, lt_task_state_name(e.state), (long long)(e.not_before - NOW), lt_code_name(e.error->code));
        bool counts = rows[i].broken == LT_TASK_GOES_ON && lt_code_retryable(rows[i].code) && !rows[i].kept;
        assert_int_equal(e.failed_try, counts);
    }
}

/* ---- after a crash ---- */

static void what_ran_waits_again_until_it_has_been_tried_often_enough(void **state)
{
    struct rig *r = *state;
    struct stand s = stand(r);
    struct lt_workflow_task t = add(&s, "u"), unwanted = add(&s, "u"), idle = add(&s, "u");
    enum lt_task_state now;
    size_t n;
    claimed(r, &unwanted);
    rig_ok(r, lt_task_cancel(r->store, &unwanted, &now, &r->err));
    for (int i = 1; i <= LT_TASK_TRIES_MAX; i++) {
        claimed(r, &t);
        rig_ok(r, lt_task_recover(r->store, LT_MEMBER_ANY, &n, &r->err));
        assert_int_equal(n, i == 1 ? 2 : 1);
        t = again(r, &t);
        assert_int_equal(t.state, i < LT_TASK_TRIES_MAX ? LT_TASK_QUEUED : LT_TASK_FAILED);
    }
    assert_int_equal(t.error.code, LT_EINTERRUPTED);
    assert_int_equal(again(r, &unwanted).state, LT_TASK_CANCELLED);
    assert_int_equal(again(r, &idle).state, LT_TASK_QUEUED);
    rig_ok(r, lt_task_recover(r->store, LT_MEMBER_ANY, &n, &r->err));
    assert_int_equal(n, 0);
    assert_int_equal(count(r, "SELECT COUNT(*) FROM workflow_task_input"), 1);
}

/* ---- sweeping ---- */

static void only_what_ended_long_enough_ago_goes(void **state)
{
    struct rig *r = *state;
    struct stand s = stand(r);
    s.site.task_kept_s = 100;
    s.site.store_content = true;
    struct lt_config config = {.sites = &s.site, .sites_n = 1};
    bool more;
    lt_clock_freeze(NOW);
    for (int i = 0; i < 250; i++) {
        struct lt_workflow_task t = add(&s, "u");
        struct lt_task_ref ref = claimed(r, &t);
        rig_ok(r, end(r, &ref, LT_TASK_COMPLETED, LT_OK, 0));
    }
    struct lt_workflow_task waits = add(&s, "u");
    rig_ok(r, lt_task_sweep(r->store, &config, NOW + 100000, 1000, &more, &r->err));
    assert_int_equal(count(r, "SELECT COUNT(*) FROM workflow_task"), 251);
    rig_ok(r, lt_task_sweep(r->store, &config, NOW + 100001, 100, &more, &r->err));
    assert_true(more);
    assert_int_equal(count(r, "SELECT COUNT(*) FROM workflow_task"), 151);
    rig_ok(r, lt_task_sweep(r->store, &config, NOW + 100001, 1000, &more, &r->err));
    assert_false(more);
    assert_int_equal(count(r, "SELECT COUNT(*) FROM workflow_task"), 1);
    assert_int_equal(count(r, "SELECT COUNT(*) FROM workflow_task_result"), 0);
    assert_int_equal(again(r, &waits).state, LT_TASK_QUEUED);
    lt_clock_freeze(0);
}

static void all_of_a_task_goes_with_its_site(void **state)
{
    struct rig *r = *state;
    struct stand s = stand(r);
    struct lt_workflow_task t = add(&s, "u");
    struct lt_task_ref ref = claimed(r, &t);
    rig_ok(r, end(r, &ref, LT_TASK_COMPLETED, LT_OK, 0));
    assert_int_not_equal(count(r, "SELECT COUNT(*) FROM workflow_task_event"), 0);
    rig_ok(r, lt_admin_site_remove(r->store, LT_STR("one"), &r->err));
    assert_int_equal(count(r, "SELECT COUNT(*) FROM workflow_task_event"), 0);
    assert_int_equal(count(r, "SELECT COUNT(*) FROM workflow_task_result"), 0);
    assert_int_equal(count(r, "SELECT COUNT(*) FROM workflow_task_input"), 0);
}

static void results_of_a_site_that_keeps_no_content_go_after_an_hour(void **state)
{
    struct rig *r = *state;
    struct stand s = stand(r);
    s.site.task_kept_s = 1000000;
    struct lt_config config = {.sites = &s.site, .sites_n = 1};
    bool more;
    lt_clock_freeze(NOW);
    struct lt_workflow_task t = add(&s, "u");
    struct lt_task_ref ref = claimed(r, &t);
    rig_ok(r, end(r, &ref, LT_TASK_COMPLETED, LT_OK, 0));
    rig_ok(r, lt_task_sweep(r->store, &config, NOW + LT_TASK_BRIEF_MS, 1000, &more, &r->err));
    assert_non_null(again(r, &t).result.p);
    rig_ok(r, lt_task_sweep(r->store, &config, NOW + LT_TASK_BRIEF_MS + 1, 1000, &more, &r->err));
    assert_null(again(r, &t).result.p);
    assert_int_equal(again(r, &t).state, LT_TASK_COMPLETED);
    lt_clock_freeze(0);
}

/* ---- attempts on a loop ---- */

static enum lt_code report(struct lt_workflow_run *run, struct lt_jw *w, struct lt_error *err)
{
    (void)err;
    for (int i = 0; i < 100; i++) {
        lt_run_progress(run, lt_printf(run->request->arena, "step %d", i).p, i / 100.0);
        lt_fiber_sleep(1);
    }
    lt_run_progress(run, "nearly there", 2);
    lt_jw_obj(w);
    lt_jw_kstrz(w, "status", "completed");
    lt_jw_end(w);
    return LT_OK;
}

/* Hears of no cancel. */
static enum lt_code deaf(struct lt_workflow_run *run, struct lt_jw *w, struct lt_error *err)
{
    (void)run;
    (void)err;
    lt_fiber_shield();
    lt_fiber_sleep(900);
    lt_fiber_unshield();
    lt_jw_obj(w);
    lt_jw_end(w);
    return LT_OK;
}

static enum lt_code wait_long(struct lt_workflow_run *run, struct lt_jw *w, struct lt_error *err)
{
    (void)run;
    (void)w;
    return lt_fiber_sleep(60000) ? lt_fail(err, LT_ECANCELLED, "broken off") : LT_OK;
}

static const struct lt_orchestrator_action test_actions[] = {{"report", report}, {"deaf", deaf}, {"wait", wait_long}, {NULL, NULL}};
static const struct lt_orchestrator test_orchestrator = {.class_name = "TestTasks", .actions = test_actions};

struct running {
    struct rig *r;
    struct lt_loop *loop;
    struct lt_task_queue *queue;
    struct lt_workflow_task task;
    struct lt_task_queue_stats stats;
    void (*then)(struct running *run);
};

static void until_ended(struct running *run)
{
    for (int i = 0; i < 600 && !lt_task_ended((run->task = again(run->r, &run->task)).state); i++)
        lt_fiber_sleep(10);
}

static void drive(void *arg)
{
    struct running *run = arg;
    rig_ok(run->r, lt_task_queue_start(run->queue, &run->loop, 1));
    run->then(run);
    lt_task_queue_stop(run->queue);
    while (lt_task_queue_busy(run->queue, run->loop) > 0)
        lt_fiber_sleep(5);
    lt_task_queue_stats(run->queue, &run->stats);
    run->task = again(run->r, &run->task);
    lt_loop_stop(run->loop);
}

static void comes_out(const struct running *run, enum lt_task_state want)
{
    if (run->task.state != want)
        fail_msg("%s: %s: %s", lt_task_state_name(run->task.state), lt_code_name(run->task.error.code), run->task.error.detail);
}

/* Runs one task of the test's orchestrator with these limits, and `then` on a fiber beside it. */
static struct running on_a_loop(struct rig *r, const char *action, const char *settings, void (*then)(struct running *run))
{
    static struct lt_entry entry = {.kind = LT_KIND_ORCHESTRATOR, .name = "testtasks", .title = "Test", .description = "Test.", .plugin = "test",
                                    .major = 1, .rank = 1, .impl = &test_orchestrator};
    static bool registered;
    struct stand s = stand(r);
    struct lt_config *config;
    struct lt_problems problems = {.arena = r->arena};
    const struct lt_profile *profile;
    struct running run = {.r = r, .then = then};
    if (!registered) {
        rig_ok(r, lt_registry_add(&entry, &r->err));
        lt_registry_seal();
    }
    registered = true;
    rig_put(r, "test.json", "{schema_version: '1.0', orchestrator_class: 'TestTasks', processor_config: {P: {}},"
                            " actuator_config: {UIComponents: {request: {}, response: {}}}}");
    rig_load(r);
    const struct lt_json *members = rig_json(r, "{slug: 'p', base_filepath: 'test.json'}");
    rig_ok(r, lt_profile_add(r->store, r->set, LT_STR("one"), members, LT_STR("t"), &problems, &r->err));
    rig_ok(r, lt_admin_site_set(r->store, LT_STR("one"), rig_json(r, settings), &r->err));
    rig_ok(r, lt_profile_find(rig_load(r), r->site_id, LT_STR("p"), &profile, &r->err));
    lt_workflow_source_register(r->source);
    rig_ok(r, lt_config_load(r->store, &config, &r->err));
    s.profile = *profile;
    struct lt_workflow_request *q = request_of(&s, "u");
    q->action = lt_str(action);
    rig_ok(r, lt_task_add(q, LT_STR(""), hash, &run.task, &r->err));
    rig_ok(r, lt_workers_start(2, &r->err));
    run.loop = lt_loop_new(0, &r->err);
    run.queue = lt_task_queue_new(&(struct lt_task_queue_options){.store = r->store, .workers = 2});
    lt_config_publish(&run.loop, 1, config);
    rig_ok(r, lt_fiber_start(run.loop, drive, &run, NULL));
    lt_loop_run(run.loop);
    lt_loop_free(run.loop);
    lt_task_queue_free(run.queue);
    lt_workers_stop();
    lt_config_unref(config);
    lt_config_set_part(LT_CONFIG_WORKFLOWS, NULL);
    lt_admin_on_instance(NULL, NULL);
    return run;
}

static void progress_is_seen_at_once_written_seldom_and_its_last_word_kept(void **state)
{
    struct rig *r = *state;
    struct lt_store_stats before, after;
    lt_store_stats(r->store, &before);
    struct running run = on_a_loop(r, "report", "{}", until_ended);
    lt_store_stats(r->store, &after);
    comes_out(&run, LT_TASK_COMPLETED);
    assert_string_equal(run.task.message.p, "nearly there");
    assert_true(run.task.fraction == 1);
    assert_int_equal(run.stats.ended[LT_TASK_COMPLETED], 1);
    assert_true(after.units - before.units < 30); /* of 101 words */
}

static void a_run_that_hears_nothing_is_over_at_the_hard_limit_and_its_answer_is_not_stored(void **state)
{
    struct running run = on_a_loop(*state, "deaf", "{task_soft_limit_ms: 100, task_hard_limit_ms: 200}", until_ended);
    comes_out(&run, LT_TASK_TIMEOUT);
    assert_int_equal(run.task.error.code, LT_ETIMEOUT);
    assert_null(run.task.result.p); /* drive() has waited until the run was over */
    assert_int_equal(run.stats.ended[LT_TASK_TIMEOUT], 1);
    assert_int_equal(run.stats.ended[LT_TASK_COMPLETED], 0);
}

static void a_run_that_hears_is_over_at_the_soft_limit(void **state)
{
    struct running run = on_a_loop(*state, "wait", "{task_soft_limit_ms: 100, task_hard_limit_ms: 60000}", until_ended);
    comes_out(&run, LT_TASK_TIMEOUT);
}

static void stop_it(struct running *run)
{
    for (int i = 0; i < 1000 && (run->task = again(run->r, &run->task)).state != LT_TASK_RUNNING; i++)
        lt_fiber_sleep(5);
    lt_task_queue_stop(run->queue);
    lt_task_queue_put_back(run->queue, run->loop);
}

static void a_stop_puts_back_what_runs_and_does_not_count_it_as_a_try(void **state)
{
    struct running run = on_a_loop(*state, "wait", "{}", stop_it);
    comes_out(&run, LT_TASK_QUEUED);
    assert_int_equal(run.task.tries, 0);
    assert_int_equal(run.task.attempt, 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        TEST(one_of_two_claims_has_the_task),
        TEST(only_the_attempt_that_has_the_task_ends_it_and_only_once),
        TEST(late_progress_of_an_attempt_that_is_over_is_lost),
        TEST(events_are_numbered_without_a_gap_and_only_of_the_attempt_that_has_the_task),
        TEST(a_task_tells_no_more_than_so_many_events_but_all_its_states),
        TEST(what_was_asked_for_comes_back_as_it_was),
        TEST(limits_count_what_waits_and_nothing_else),
        TEST(input_above_the_limit_is_refused),
        TEST(a_key_names_one_task_of_one_user_also_when_no_more_may_wait),
        TEST(a_cancel_ends_what_waits_marks_what_runs_and_leaves_what_has_ended),
        TEST(nobody_waits_behind_all_tasks_of_somebody_else),
        TEST(what_has_to_wait_is_not_handed_out_before_its_time),
        cmocka_unit_test(an_attempt_comes_out_as_the_table_says),
        TEST(what_ran_waits_again_until_it_has_been_tried_often_enough),
        TEST(only_what_ended_long_enough_ago_goes),
        TEST(all_of_a_task_goes_with_its_site),
        TEST(results_of_a_site_that_keeps_no_content_go_after_an_hour),
        TEST(progress_is_seen_at_once_written_seldom_and_its_last_word_kept),
        TEST(a_run_that_hears_nothing_is_over_at_the_hard_limit_and_its_answer_is_not_stored),
        TEST(a_run_that_hears_is_over_at_the_soft_limit),
        TEST(a_stop_puts_back_what_runs_and_does_not_count_it_as_a_try),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
