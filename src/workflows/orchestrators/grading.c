/*
 * GradingOrchestrator: one submission against a rubric, once (reference/xblock.md §3.5, rules G1 to G13). The profile says in which mode;
 * whoever asks cannot raise it.
 */
#include "base/clock.h"
#include "base/secret.h"
#include "guard/quote.h"
#include "workflows/input.h"
#include "workflows/processors/grading.h"

enum {
    RESULT_MAX = 8 << 20,
    DEADLINE_MAX_MS = 3600 * 1000,
};

struct job {
    struct lt_workflow_run *run;
    enum lt_grading_mode mode;
    const struct lt_json *input;       /* of grade_response */
    int64_t deadline_ms;
    struct lt_grading grading;
    bool keeps_content;
};

static struct lt_str hash(struct lt_arena *arena, struct lt_str s)
{
    uint8_t digest[32];
    char *hex = lt_alloc(arena, 65);
    lt_sha256(s.p, s.n, digest);
    lt_hex(digest, sizeof(digest), hex);
    return (struct lt_str){hex, 64};
}

static bool is_staff(const struct lt_caller *caller)
{
    return caller->key || lt_permitted(caller, "review_gradings", LT_STR_NULL);
}

/* ---- what is asked ---- */

/* The name of the submission, by which it is the same one: what the LMS calls it, else what it says. */
static enum lt_code read_name(struct job *j, struct lt_error *err)
{
    const struct lt_json *q = j->run->input;
    struct lt_str name;
    if (lt_input_text(q, "idempotency_key", LT_GRADING_SUBMISSION_ID_MAX, &name, err))
        return lt_error_under(err, "/user_input");
    if (name.n == 0 && lt_input_text(q, "submission_id", LT_GRADING_SUBMISSION_ID_MAX, &name, err))
        return lt_error_under(err, "/user_input");
    name = name.n > 0 ? name : j->grading.submission_hash;
    const struct lt_caller *caller = j->run->request->caller;
    bool own = caller->is_user && !is_staff(caller);
    j->grading.submission_id = own ? lt_grading_own_name(j->run->request->arena, caller->user_id, name) : name;
    return LT_OK;
}

/* Whose it is: staff may say so, and it is shown to them; else whoever asks, or whom the LMS names. */
static enum lt_code read_learner(struct job *j, struct lt_error *err)
{
    const struct lt_caller *caller = j->run->request->caller;
    struct lt_str named;
    if (lt_input_text(j->run->input, "learner_id", LT_GRADING_LEARNER_ID_MAX, &named, err))
        return lt_error_under(err, "/user_input");
    bool own = lt_str_eq(named, caller->user_id);
    if (named.n > 0 && !own && !is_staff(caller))
        return lt_fail_field(err, LT_EPERMISSION, "/user_input/learner_id", "is another user");
    j->grading.user_id = named.n > 0 ? named : caller->user_id.p ? caller->user_id : LT_STR("");
    return LT_OK;
}

static enum lt_code read_job(struct job *j, struct lt_error *err)
{
    const struct lt_workflow_request *q = j->run->request;
    struct lt_arena *arena = q->arena;
    struct lt_rubric rubric;
    struct lt_str prompt;
    struct lt_grading *g = &j->grading;
    if (lt_grading_mode(j->run, &j->mode, err))
        return err->code;
    if (j->mode != LT_GRADING_FEEDBACK_ONLY && !is_staff(q->caller))
        return lt_fail(err, LT_EPERMISSION, "this profile gives points: it is for the LMS and for staff");
    if (lt_workflow_prompt(q, &prompt, err))
        return err->code;
    if (lt_grading_input(arena, j->run->input, prompt, &j->input, err) ||
        lt_input_int(lt_json_get(j->run->input, "limits"), "deadline_ms", 1, DEADLINE_MAX_MS, 0, &j->deadline_ms, err))
        return lt_error_under(err, "/user_input");
    if (lt_rubric_read(arena, lt_json_get(j->input, "rubric"), &rubric, err))
        return lt_error_under(err, "/user_input/rubric");
    j->keeps_content = q->caller->site->store_content;
    *g = (struct lt_grading){.site_id = q->caller->site->id,
                             .course_id = q->course_id,
                             .location_id = q->location_id,
                             .profile_id = q->profile->id,
                             .profile_version = q->profile->version,
                             .mode = lt_str(lt_grading_mode_name(j->mode)),
                             .rubric = lt_grading_rubric(arena, lt_json_get(j->input, "rubric"), j->keeps_content),
                             .submission_hash = hash(arena, lt_json_text(arena, lt_json_get(j->input, "submission")))};
    if (read_learner(j, err) || read_name(j, err))
        return err->code;
    struct lt_str rubric_hash = hash(arena, lt_json_text(arena, lt_json_get(j->input, "rubric")));
    g->key = hash(arena, lt_printf(arena, "%lld %lld %.*s %.*s %.*s", (long long)g->profile_id, (long long)g->profile_version, LT_FMT(rubric_hash),
                                   LT_FMT(hash(arena, prompt)), LT_FMT(g->submission_id)));
    return LT_OK;
}

/* ---- what is kept ---- */

static void put_text(struct job *j, struct lt_jw *w, const struct lt_json *v, const char *key)
{
    lt_jw_kstr(w, key, j->keeps_content ? lt_json_str_or(lt_json_get(v, key), LT_STR("")) : LT_STR(""));
}

/* G11: in feedback_only no choice is kept, so that nobody can make it a score later. */
static void put_criteria(struct job *j, struct lt_jw *w, const struct lt_json *list)
{
    bool score = j->mode != LT_GRADING_FEEDBACK_ONLY;
    lt_jw_key(w, "criteria");
    lt_jw_arr(w);
    for (size_t i = 0; i < lt_json_len(list); i++) {
        const struct lt_json *c = lt_json_at(list, i);
        lt_jw_obj(w);
        lt_jw_kjson(w, "id", lt_json_get(c, "id"));
        lt_jw_kjson(w, "option_id", score ? lt_json_get(c, "option_id") : NULL);
        lt_jw_kjson(w, "points", score ? lt_json_get(c, "points") : NULL);
        put_text(j, w, c, "feedback");
        put_text(j, w, c, "rationale");
        lt_jw_kjson(w, "evidence", lt_json_get(c, "evidence"));
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

static void put_usage(struct job *j, struct lt_jw *w)
{
    const struct lt_usage *u = &j->run->result->usage;
    lt_jw_key(w, "usage");
    lt_jw_obj(w);
    lt_jw_kcount(w, "prompt_tokens", u->prompt_tokens);
    lt_jw_kcount(w, "completion_tokens", u->completion_tokens);
    lt_jw_kcount(w, "total_tokens", u->total_tokens);
    lt_jw_end(w);
}

static size_t characters(struct lt_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((uint8_t)s.p[i] & 0xC0) != 0x80;
    return n;
}

/* How long each part was: whoever shows places in a text can tell whether it is that text. */
static void put_parts(struct job *j, struct lt_jw *w)
{
    const struct lt_json *parts = lt_json_at_pointer(j->input, "/submission/parts");
    lt_jw_key(w, "parts");
    lt_jw_arr(w);
    for (size_t i = 0; i < lt_json_len(parts); i++)
        lt_jw_int(w, (int64_t)characters(lt_json_str_or(lt_json_get(lt_json_at(parts, i), "text"), LT_STR(""))));
    lt_jw_end(w);
}

static struct lt_str result_of(struct job *j, const struct lt_verdict *verdict)
{
    struct lt_arena *arena = j->run->request->arena;
    const struct lt_json *r = verdict->response;
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, RESULT_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    put_criteria(j, &w, lt_json_get(r, "criteria"));
    put_text(j, &w, r, "overall_feedback");
    lt_jw_kjson(&w, "points_earned", j->mode != LT_GRADING_FEEDBACK_ONLY ? lt_json_get(r, "points_earned") : NULL);
    lt_jw_kjson(&w, "points_possible", lt_json_get(r, "points_possible"));
    put_parts(j, &w);
    lt_jw_kjson(&w, "schema_hash", lt_json_get(r, "schema_hash"));
    if (verdict->set_aside.n > 0) {
        lt_jw_key(&w, "set_aside");
        lt_jw_raw(&w, verdict->set_aside);
    }
    if (verdict->call) {
        put_usage(j, &w);
        lt_jw_kstr(&w, "model", verdict->call->model);
    }
    lt_jw_end(&w);
    struct lt_str text = lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return text;
}

/* ---- the verdict ---- */

/* Might the same question get an answer later? Then nothing is kept of it. */
static bool passes(enum lt_code code)
{
    return code == LT_ETIMEOUT || code == LT_EUPSTREAM_TIMEOUT || code == LT_EUPSTREAM_UNAVAILABLE || code == LT_EUPSTREAM_RATE_LIMITED ||
           code == LT_ENO_PROVIDER || code == LT_EOVERLOADED || code == LT_EIO;
}

/* A refusal and an answer that stays unusable after it was to be mended are for people (G2). False: it is an error of the run. */
static bool take_failure(struct job *j, const struct lt_error *err)
{
    bool refused = err->code == LT_ECONTENT_REFUSED, unusable = err->code == LT_EUPSTREAM_INVALID || err->code == LT_ECONTEXT_WINDOW;
    if (!refused && !unusable)
        return false;
    j->grading.state = refused ? LT_STR("rejected") : LT_STR("failed");
    j->grading.reason = lt_str(lt_code_name(err->code));
    j->grading.result = LT_STR("{}");
    return true;
}

static enum lt_code judge(struct job *j, struct lt_error *err)
{
    struct lt_verdict verdict = {0};
    struct lt_grading *g = &j->grading;
    struct lt_workflow_result *result = j->run->result;
    g->state = LT_STR("abstained");
    g->reason = LT_STR("empty");
    g->result = LT_STR("{}");
    if (lt_guard_submission_blank(j->run->request->arena, lt_json_get(j->input, "submission"))) { /* G8 */
        lt_run_start(j->run);
        return LT_OK;
    }
    enum lt_code rc = lt_grading_ask(j->run, j->input, j->deadline_ms, &verdict, err);
    if (result->calls_n > 0)
        g->call_id = result->calls[result->calls_n - 1];
    if (rc)
        return take_failure(j, err) ? LT_OK : rc;
    g->state = lt_json_str(lt_json_get(verdict.response, "status"));
    g->reason = lt_json_str(lt_json_get(verdict.response, "reason"));
    g->result = result_of(j, &verdict);
    return LT_OK;
}

/* ---- the answer ---- */

static void put_answer(struct job *j, struct lt_jw *response)
{
    lt_grading_write(response, j->run->request->arena, &j->grading, is_staff(j->run->request->caller), false);
}

/* The answer of whoever is not to wait: nothing is known yet, or nothing came. */
static void put_without_verdict(struct lt_jw *response, const char *status, const char *reason)
{
    lt_jw_obj(response);
    lt_jw_kstrz(response, "status", status);
    lt_jw_kstrz(response, "reason", reason);
    lt_jw_end(response);
}

/* Staff may have decided while the model was asked, and the row shows that (G13). */
static enum lt_code keep(struct job *j, struct lt_jw *response, struct lt_error *err)
{
    const struct lt_workflow_request *q = j->run->request;
    struct lt_error none = {0};
    struct lt_grading now;
    j->grading.completed_at = lt_now_ms();
    if (lt_grading_find(q->store, q->arena, j->grading.site_id, lt_str(j->grading.uuid_text), &now, err))
        return err->code;
    j->grading.staff_result = now.staff_result;
    j->grading.staff_user = now.staff_user;
    j->grading.staff_at = now.staff_at;
    put_answer(j, response);
    struct lt_tx *tx = lt_tx_new();
    lt_grading_complete(tx, &j->grading);
    lt_grading_tell(tx, q->caller->site, &j->grading, LT_EVENT_GRADING_PROPOSED);
    if (!lt_run_keep(j->run, tx, &none)) {
        lt_tx_discard(tx);
        return lt_fail(err, LT_ECANCELLED, "the run will be made again");
    }
    return lt_store_write(q->store, tx, err);
}

static enum lt_code work(struct job *j, struct lt_jw *response, struct lt_error *err)
{
    const struct lt_workflow_request *q = j->run->request;
    enum lt_code rc = judge(j, err);
    if (rc == LT_OK) { /* whoever asked may have left: what was paid for is kept all the same */
        lt_fiber_shield();
        rc = keep(j, response, err);
        lt_fiber_unshield();
    }
    if (rc == LT_OK)
        return LT_OK;
    lt_grading_release(q->store, &j->grading);
    if (!passes(rc) || q->on_keep) /* a task is tried again by itself */
        return rc;
    put_without_verdict(response, "unavailable", rc == LT_ETIMEOUT ? "deadline" : lt_code_name(rc));
    return LT_OK;
}

static enum lt_code run(struct lt_workflow_run *run, struct lt_jw *response, struct lt_error *err)
{
    const struct lt_workflow_request *q = run->request;
    struct job *j = LT_NEW(q->arena, struct job);
    int64_t lease_ms = q->on_keep ? 0 : 3 * (int64_t)q->caller->site->call_timeout_ms;
    bool mine;
    j->run = run;
    if (read_job(j, err) || lt_grading_claim(q->store, q->arena, &j->grading, lease_ms, &mine, err))
        return err->code;
    if (mine)
        return work(j, response, err);
    lt_run_start(run);
    put_answer(j, response);
    return LT_OK;
}

static const struct lt_orchestrator_action actions[] = {{"run", run}, {"grade", run}, {NULL, NULL}};
extern const struct lt_orchestrator lt_grading_orchestrator;
const struct lt_orchestrator lt_grading_orchestrator = {.class_name = "GradingOrchestrator", .actions = actions};
