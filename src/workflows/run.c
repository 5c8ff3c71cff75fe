/* The frame of a run: what may run at all, the steps' way to the manager, the sum of what it came to. */
#include "base/clock.h"
#include "core/calls.h"
#include "core/span.h"
#include "workflows/orchestrator.h"

enum lt_code lt_workflow_resolve(const struct lt_workflow_set *set, struct lt_scope_set *scopes, const struct lt_scope_context *context,
                                 const struct lt_scope **ret_scope, const struct lt_profile **ret_profile, struct lt_error *err)
{
    *ret_profile = NULL;
    *ret_scope = lt_scope_resolve(scopes, context);
    if (*ret_scope)
        *ret_profile = lt_profile_by_id(set, context->site_id, (*ret_scope)->profile_id);
    if (!*ret_profile) /* a scope may be newer than the set, and its profile too */
        return lt_fail(err, LT_ENO_CONFIG, "no scope of the site fits this context");
    return LT_OK;
}

/* ---- an author's prompt ---- */

static enum lt_code find_template(const struct lt_workflow_request *q, struct lt_str *ret, struct lt_error *err)
{
    const struct lt_prompt *prompt;
    struct lt_error why;
    if (lt_prompt_find(lt_workflows(q->config), q->caller->site->id, q->prompt, &prompt, &why))
        return lt_fail_field(err, why.code, "/prompt", "%s", why.detail);
    *ret = prompt->body;
    return LT_OK;
}

enum lt_code lt_workflow_prompt(const struct lt_workflow_request *q, struct lt_str *ret, struct lt_error *err)
{
    *ret = LT_STR("");
    if (q->prompt.n == 0)
        return LT_OK;
    if (q->prompt.n > LT_WORKFLOW_PROMPT_MAX)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/prompt", "must be at most %d bytes, is %zu", LT_WORKFLOW_PROMPT_MAX, q->prompt.n);
    if (!q->caller->key && !lt_permitted(q->caller, "manage_workflows", LT_STR_NULL))
        return lt_fail_field(err, LT_EPERMISSION, "/prompt", "prompts are chosen by the LMS and by who may manage workflows");
    if (lt_prompt_is_name(q->prompt))
        return find_template(q, ret, err);
    if (!lt_json_bool_or(lt_json_get(q->profile->effective->config, "allow_prompt"), false))
        return lt_fail_field(err, LT_EPERMISSION, "/prompt", "profile '%.*s' does not allow an author's own prompt", LT_FMT(q->profile->slug));
    *ret = q->prompt;
    return LT_OK;
}

/* ---- what may run ---- */

static lt_orchestrator_fn action_of(const struct lt_orchestrator *orchestrator, struct lt_str name)
{
    for (const struct lt_orchestrator_action *a = orchestrator->actions; a->name; a++)
        if (lt_str_is(name, a->name))
            return a->execute;
    return NULL;
}

bool lt_workflow_streams(const struct lt_profile *profile, struct lt_str action)
{
    const struct lt_orchestrator *orchestrator = lt_orchestrator_find(lt_profile_orchestrator_class(profile));
    if (!orchestrator || !action_of(orchestrator, action))
        return false;
    const struct lt_json *llm = lt_processor_settings(lt_profile_processor_config(profile), &lt_llm_processor);
    return orchestrator->always_streams || lt_json_bool_or(lt_json_get(llm, "stream"), false);
}

static enum lt_code find(const struct lt_workflow_request *q, const struct lt_orchestrator **ret_orchestrator, lt_orchestrator_fn *ret,
                         struct lt_error *err)
{
    if (!q->caller->site->enabled)
        return lt_fail(err, LT_ESITE_DISABLED, "site '%.*s' is disabled", LT_FMT(q->caller->site->slug));
    if (q->caller->only_course.n > 0 && !lt_str_eq(q->caller->only_course, q->course_id))
        return lt_fail_field(err, LT_EPERMISSION, "/context/course_id", "the token is for course '%.*s'", LT_FMT(q->caller->only_course));
    if (lt_profile_ready(lt_workflows(q->config), q->profile, err))
        return err->code;
    struct lt_str class_name = lt_profile_orchestrator_class(q->profile);
    const struct lt_orchestrator *orchestrator = lt_orchestrator_find(class_name);
    if (!orchestrator)
        return lt_fail(err, LT_EPROFILE_INVALID, "orchestrator_class: there is no orchestrator '%.*s'", LT_FMT(class_name));
    *ret = action_of(orchestrator, q->action);
    if (!*ret)
        return lt_fail_field(err, LT_EUNKNOWN_ACTION, "/action", "%s has no action '%.*s'", orchestrator->class_name, LT_FMT(q->action));
    *ret_orchestrator = orchestrator;
    struct lt_str prompt;
    return lt_workflow_prompt(q, &prompt, err);
}

enum lt_code lt_workflow_runnable(const struct lt_workflow_request *q, struct lt_error *err)
{
    const struct lt_orchestrator *orchestrator;
    lt_orchestrator_fn execute;
    return find(q, &orchestrator, &execute, err);
}

/* ---- what orchestrators do ---- */

const struct lt_json *lt_run_settings(const struct lt_workflow_run *run, const struct lt_processor *processor)
{
    const struct lt_json *settings = lt_processor_settings(run->processors, processor);
    return settings ? settings : run->request->profile->effective->empty;
}

void lt_run_start(struct lt_workflow_run *run)
{
    const struct lt_workflow_request *q = run->request;
    if (run->started)
        return;
    run->started = true;
    if (q->on_start)
        q->on_start(q->ctx, run->result->id);
}

/* The run itself has placeholders; whoever listens gets what they stand for. */
static enum lt_code give_restored(struct lt_workflow_run *run, struct lt_str piece, bool last)
{
    struct lt_buf out;
    enum lt_code rc = LT_OK;
    lt_buf_init(&out, LT_WORKFLOW_RESPONSE_MAX);
    if (!lt_guard_restore_piece(run->talk, &run->restoring, piece, last, &out))
        rc = LT_EUPSTREAM_INVALID;
    else if (out.n > 0)
        rc = run->request->on_text(run->request->ctx, lt_buf_str(&out));
    lt_buf_free(&out);
    return rc;
}

enum lt_code lt_run_text(struct lt_workflow_run *run, struct lt_str piece, struct lt_error *err)
{
    const struct lt_workflow_request *q = run->request;
    run->result->text = true;
    if (lt_fiber_cancelled())
        return lt_fail(err, LT_ECANCELLED, "the caller left");
    if (!q->stream || !q->on_text || piece.n == 0)
        return LT_OK;
    lt_run_start(run);
    enum lt_code rc = run->talk && !q->veiled ? give_restored(run, piece, false) : q->on_text(q->ctx, piece);
    return rc ? lt_fail(err, rc, "the listener ended the run") : LT_OK;
}

void lt_run_progress(struct lt_workflow_run *run, const char *message, double fraction)
{
    const struct lt_workflow_request *q = run->request;
    if (q->on_progress)
        q->on_progress(q->ctx, lt_str(message), fraction > 1 ? 1 : fraction);
}

/* ---- what is stored ---- */

void lt_run_answer_again(struct lt_workflow_run *run, struct lt_jw *response)
{
    lt_buf_reset(run->out);
    lt_jw_init(response, run->out);
}

static enum lt_code take_response(struct lt_workflow_run *w, struct lt_error *err)
{
    if (w->out->failed)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer is longer than %d bytes", LT_WORKFLOW_RESPONSE_MAX);
    w->result->response = lt_str_copy(w->request->arena, lt_buf_str(w->out));
    return LT_OK;
}

/* Actions that only show or change what is kept are no runs of a model: nobody is told of them. */
static bool to_tell(const struct lt_workflow_run *run)
{
    return lt_event_wanted(run->request->caller->site, run->event) && (run->result->calls_n > 0 || run->orchestrator->asks_no_model);
}

/* Into the unit that stores something of the run, or into one of its own. */
static void tell(struct lt_workflow_run *run, struct lt_tx *tx)
{
    const struct lt_workflow_request *q = run->request;
    if (!to_tell(run))
        return;
    int64_t now = lt_now_ms();
    run->told = true;
    lt_outbox_add(tx, &(struct lt_event){.kind = run->event,
                                         .site = q->caller->site,
                                         .user_id = q->caller->user_id,
                                         .subject = lt_str(run->result->id_text),
                                         .at = now,
                                         .action = q->action,
                                         .profile = q->profile->slug,
                                         .course_id = q->course_id,
                                         .location_id = q->location_id,
                                         .placement = q->placement,
                                         .state = "completed",
                                         .usage = run->result->usage,
                                         .cost = run->result->cost,
                                         .duration_ms = now - run->result->created_at});
}

/* The run has ended well and stored nothing that it could be told with. Durable when it returns, not broken off by a cancel. */
static enum lt_code tell_alone(struct lt_workflow_run *run, struct lt_error *err)
{
    if (run->told || !to_tell(run))
        return LT_OK;
    struct lt_tx *tx = lt_tx_new();
    tell(run, tx);
    lt_fiber_shield();
    enum lt_code rc = lt_store_write(run->request->store, tx, err);
    lt_fiber_unshield();
    return rc;
}

bool lt_run_keep(struct lt_workflow_run *run, struct lt_tx *tx, const struct lt_error *error)
{
    const struct lt_workflow_request *q = run->request;
    struct lt_error own = *error;
    run->result->kept = true;
    if (own.code == LT_OK)
        tell(run, tx);
    if (!q->on_keep)
        return true;
    if (own.code == LT_OK)
        take_response(run, &own);
    run->result->completed_at = lt_now_ms();
    return q->on_keep(q->ctx, tx, run->result, &own);
}

/* ---- asking a model ---- */

static void call_started(void *ctx, struct lt_uuid id)
{
    (void)id;
    lt_run_start(ctx);
}

/* A marker that is not whole yet waits for the next piece. */
static enum lt_code call_text(void *ctx, struct lt_str piece)
{
    struct lt_workflow_run *run = ctx;
    struct lt_error err;
    if (!run->sources)
        return lt_run_text(run, piece, &err);
    struct lt_buf shown;
    lt_buf_init(&shown, LT_WORKFLOW_RESPONSE_MAX);
    lt_cite_feed(&run->cite, piece, &shown);
    enum lt_code rc = lt_run_text(run, lt_buf_str(&shown), &err);
    lt_buf_free(&shown);
    return rc;
}

/* What waited for the rest of a marker that did not come. */
static enum lt_code show_rest(struct lt_workflow_run *run, struct lt_error *err)
{
    struct lt_buf shown;
    lt_buf_init(&shown, LT_CITE_PENDING_MAX);
    lt_cite_end(&run->cite, &shown);
    enum lt_code rc = lt_run_text(run, lt_buf_str(&shown), err);
    lt_buf_free(&shown);
    return rc;
}

static void call_status(void *ctx, struct lt_str message)
{
    lt_run_progress(ctx, lt_strz(((struct lt_workflow_run *)ctx)->request->arena, message), -1);
}

/* What one call does not say, the sum cannot. */
static void add(int64_t *sum, int64_t more)
{
    if (*sum < 0 || more < 0 || __builtin_add_overflow(*sum, more, sum))
        *sum = -1;
}

static void add_usage(struct lt_workflow_result *r, const struct lt_usage *more)
{
    if (r->calls_n == 0) {
        r->usage = *more;
        return;
    }
    add(&r->usage.prompt_tokens, more->prompt_tokens);
    add(&r->usage.completion_tokens, more->completion_tokens);
    add(&r->usage.total_tokens, more->total_tokens);
    add(&r->usage.cached_tokens, more->cached_tokens);
    add(&r->usage.reasoning_tokens, more->reasoning_tokens);
}

enum lt_code lt_run_ask(struct lt_workflow_run *run, const struct lt_run_call *call, struct lt_call_result *ret, struct lt_error *err)
{
    const struct lt_workflow_request *q = run->request;
    struct lt_workflow_result *r = run->result;
    if (r->calls_n == LT_WORKFLOW_CALLS_MAX)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the run has made %d calls, which is as many as may be", LT_WORKFLOW_CALLS_MAX);
    bool show = call->show && q->stream && q->on_text;
    struct lt_call_request *request = LT_NEW(q->arena, struct lt_call_request);
    struct lt_call_profile *profile = LT_NEW(q->arena, struct lt_call_profile);
    *profile = call->profile ? *call->profile : (struct lt_call_profile){.own_form = true};
    profile->slug = q->profile->slug;
    *request = (struct lt_call_request){.arena = q->arena,
                                        .config = q->config,
                                        .caller = q->caller,
                                        .place = {q->course_id, q->location_id, q->placement},
                                        .action = lt_str(call->action),
                                        .input = call->input,
                                        .profile = profile,
                                        .talk = run->talk,
                                        .policy_by_lms = q->policy_by_lms,
                                        .trace = q->trace,
                                        .stream = show,
                                        .on_start = call_started,
                                        .on_text = show ? call_text : NULL,
                                        .on_status = show ? call_status : NULL,
                                        .ctx = run};
    if (r->calls_n == 0)
        request->id = r->id;
    r->text |= call->show;
    run->cite = (struct lt_cite){.sources = run->sources};
    enum lt_code rc = lt_process_action(q->manager, request, ret);
    add_usage(r, &ret->usage);
    if (r->calls_n == 0)
        r->cost = ret->cost;
    else
        add(&r->cost, ret->cost);
    r->cached |= rc == LT_OK && (ret->attempts_n == 0 || !ret->attempts[ret->attempts_n - 1].success); /* none of those asked has answered */
    r->calls[r->calls_n++] = ret->id;
    if (rc)
        *err = ret->error;
    return rc || !show || !run->sources ? rc : show_rest(run, err);
}

/* ---- the run ---- */

static enum lt_code run(struct lt_workflow_run *w, struct lt_error *err)
{
    lt_orchestrator_fn execute;
    if (find(w->request, &w->orchestrator, &execute, err))
        return err->code;
    struct lt_buf out;
    struct lt_jw json;
    lt_buf_init(&out, LT_WORKFLOW_RESPONSE_MAX);
    lt_jw_init(&json, &out);
    w->out = &out;
    enum lt_code rc = execute(w, &json, err);
    if (rc == LT_OK)
        rc = take_response(w, err);
    if (rc == LT_OK)
        rc = tell_alone(w, err);
    lt_buf_free(&out);
    return rc;
}

enum lt_code lt_workflow_veil(const struct lt_workflow_request *q, struct lt_workflow_request *ret, struct lt_guard_talk **ret_talk,
                              struct lt_error *err)
{
    struct lt_guard_talk *talk = *ret_talk = lt_guard_talk(q->store, q->arena, q->caller);
    *ret = *q;
    if (!talk)
        return LT_OK;
    ret->user_input = lt_guard_veil(talk, q->user_input);
    ret->content = lt_guard_veil_text(talk, q->content);
    ret->prompt = lt_guard_veil_text(talk, q->prompt);
    return q->user_input && !ret->user_input ? lt_fail_field(err, LT_ETOO_LARGE, "/user_input", "is too large to be looked through") : LT_OK;
}

/* Outside of the run there are no placeholders, but where it is to be kept. */
static void restore(struct lt_workflow_run *w)
{
    if (!w->talk || w->request->veiled)
        return;
    if (w->request->on_text && w->restoring.n > 0)
        give_restored(w, LT_STR(""), true);
    w->result->response = lt_guard_restore(w->talk, w->result->response);
}

static void end_span(struct lt_span *span, const struct lt_workflow_run *w, enum lt_code rc)
{
    const struct lt_workflow_request *q = w->request;
    lt_span_name(span, lt_printf(q->arena, "workflow %.*s", LT_FMT(q->profile->slug)));
    lt_span_text(span, "lectern.site", q->caller->site->slug);
    lt_span_text(span, "lectern.profile", q->profile->slug);
    if (w->orchestrator) {
        lt_span_text(span, "lectern.orchestrator", lt_str(w->orchestrator->class_name));
        lt_span_text(span, "lectern.workflow.action", q->action);
    }
    lt_span_text(span, "lectern.run.id", lt_str(w->result->id_text));
    lt_span_int(span, "lectern.calls", (int64_t)w->result->calls_n);
    lt_span_end(span, rc);
}

enum lt_code lt_workflow_execute(const struct lt_workflow_request *q, struct lt_workflow_result *ret)
{
    *ret = (struct lt_workflow_result){
        .id = lt_uuid_new(), .created_at = lt_now_ms(), .response = LT_STR("{}"), .usage = LT_USAGE_UNKNOWN, .cost = -1};
    lt_uuid_format(ret->id, ret->id_text);
    struct lt_workflow_run *w = LT_NEW(q->arena, struct lt_workflow_run);
    struct lt_workflow_request *veiled = LT_NEW(q->arena, struct lt_workflow_request);
    struct lt_error err = {0};
    struct lt_running running;
    w->request = veiled;
    w->result = ret;
    w->processors = lt_profile_processor_config(q->profile);
    w->event = LT_EVENT_WORKFLOW_COMPLETED;
    enum lt_code rc = lt_workflow_veil(q, veiled, &w->talk, &err);
    w->input = veiled->user_input;
    if (q->manager)
        lt_run_enter(q->manager, ret->id, q->caller, w->running = &running);
    struct lt_span *span = lt_span_begin(q->arena, LT_SPAN_INTERNAL);
    if (rc == LT_OK)
        rc = run(w, &err);
    if (q->manager) {
        if (rc && lt_run_stopped(q->manager, &running, &err))
            rc = err.code;
        lt_run_leave(q->manager, &running);
    }
    if (rc) /* else it may hold what a step failed with and went on */
        ret->error = err;
    ret->completed_at = lt_now_ms();
    restore(w);
    if (span)
        end_span(span, w, rc);
    return rc;
}
