/*
 * process_action(): gates, begin, attempts, end. The begin record is queued before the first provider is asked; attempts, content and
 * end are one unit, durable before this returns.
 */
#include "core/manager_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "core/outbox.h"
#include "core/record.h"

/* Not taken into its caller: the frame that stays while a stream runs is to be small. */
#define APART __attribute__((noinline))

/* A refusal is a record too, written without waiting and at most so many a second for one user. */
static void record_refusal(struct lt_process *c)
{
    const struct lt_call_request *q = c->request;
    const struct lt_site *site = q->caller->site;
    if (!lt_refusals_admit(&c->manager->refusals, site->id, q->caller->user_id, site->refusals_per_second))
        return;
    struct lt_tx *tx = lt_tx_new();
    struct lt_str name = q->action.n > 64 ? (struct lt_str){q->action.p, lt_utf8_whole(q->action.p, 64)} : q->action;
    lt_record_begin(tx, &(struct lt_record_begin){c->result->id, q->caller, q->place, name, c->result->created_at, LT_NULL});
    lt_record_end(tx, c->result->id,
                  &(struct lt_record_end){
                      .state = "refused",
                      .error = &c->result->error,
                      .usage = LT_USAGE_UNKNOWN,
                      .cost = -1,
                      .with_content = site->store_content,
                      .at = c->result->completed_at});
    lt_store_post(c->manager->store, tx);
}

static void checkpoint_now(struct lt_running *running)
{
    lt_process_checkpoint((struct lt_process *)((char *)running - offsetof(struct lt_process, running)));
}

static APART enum lt_code begin(struct lt_process *c, struct lt_error *err)
{
    const struct lt_call_request *q = c->request;
    struct lt_tx *tx = lt_tx_new();
    c->begun_by = lt_store_is_postgres(c->manager->store) ? lt_store_process(c->manager->store) : 0;
    lt_record_begin(tx, &(struct lt_record_begin){c->result->id, q->caller, q->place, q->action, c->result->created_at,
                                                 lt_store_process_value(c->manager->store)});
    lt_charge_record(&c->charge, tx);
    if (lt_store_submit_patient(c->manager->store, tx, &c->begin, err))
        return lt_error_wrap(err, "begin record");
    lt_trace_mark(c->trace, LT_TRACE_BEGIN_QUEUED);
    c->running = (struct lt_running){.id = c->result->id,
                                     .site_id = q->caller->site->id,
                                     .user_id = q->caller->user_id,
                                     .loop = lt_loop_self(),
                                     .fiber = lt_fiber_self(),
                                     .checkpoint = checkpoint_now};
    lt_timer_init(&c->timer, lt_loop_self(), lt_process_checkpoint_due, c);
    lt_calls_add(&c->manager->calls, &c->running);
    if (q->on_start)
        q->on_start(q->ctx, c->result->id);
    return LT_OK;
}

static bool is_cancelled(enum lt_code code)
{
    return code == LT_ECANCELLED || code == LT_ESTOPPED;
}

static const char *end_state(const struct lt_call_result *r)
{
    if (r->success)
        return "completed";
    return is_cancelled(r->error.code) ? "cancelled" : r->error.code == LT_EINTERRUPTED ? "interrupted" : "failed";
}

/* What other systems are to learn of the call's end: in its unit, or not at all. */
static void add_event(const struct lt_process *c, struct lt_tx *tx)
{
    const struct lt_call_request *q = c->request;
    const struct lt_call_result *r = c->result;
    enum lt_event_kind kind = r->success ? LT_EVENT_CALL_COMPLETED : LT_EVENT_CALL_FAILED;
    if (!lt_event_wanted(q->caller->site, kind))
        return;
    lt_outbox_add(tx, &(struct lt_event){.kind = kind,
                                         .site = q->caller->site,
                                         .user_id = q->caller->user_id,
                                         .subject = lt_str(r->id_text),
                                         .at = r->completed_at,
                                         .action = q->action,
                                         .course_id = q->place.course_id,
                                         .location_id = q->place.location_id,
                                         .placement = q->place.placement,
                                         .model = r->model,
                                         .state = end_state(r),
                                         .code = r->success ? NULL : lt_code_name(r->error.code),
                                         .in_workflow = q->profile != NULL,
                                         .usage = r->usage,
                                         .cost = r->cost,
                                         .duration_ms = r->completed_at - r->created_at});
}

/* Attempts, content and end in one unit; waits until it is durable. A cancelled fiber waits for that too. */
static APART enum lt_code end(struct lt_process *c, struct lt_error *err)
{
    struct lt_call_result *r = c->result;
    lt_timer_cancel(&c->timer);
    lt_calls_ended(&c->manager->calls, &c->running);
    struct lt_tx *tx = lt_tx_new();
    bool content = c->request->caller->site->store_content;
    lt_record_attempts(tx, r->id, r->attempts, r->attempts_n, content);
    struct lt_neutral_result nothing = {.usage = LT_USAGE_UNKNOWN}, partial = c->answer ? *c->answer : nothing;
    if (!r->success) {
        partial.text = r->partial;
        partial.finish_reason = lt_str(lt_code_name(r->error.code));
        partial.pictures_n = 0; /* they are not kept */
    }
    if (content)
        lt_record_content(tx, c->action, &c->action_call, &partial);
    if (c->watch)
        c->request->caller->site->guard->ops->record(c->watch, tx);
    if (c->cache.on)
        lt_process_record_cache(c, tx);
    lt_process_record_images(c, tx);
    lt_record_end(tx, r->id,
                  &(struct lt_record_end){.state = end_state(r),
                                          .error = &r->error,
                                          .instance_id = r->instance ? r->instance->id : 0,
                                          .model = r->model,
                                          .partial = r->partial,
                                          .usage = r->usage,
                                          .cost = r->cost,
                                          .with_content = content,
                                          .at = r->completed_at});
    add_event(c, tx);
    lt_charge_close(&c->charge, c->asked);
    lt_charge_record(&c->charge, tx);
    lt_fiber_shield();
    enum lt_code rc = lt_store_write(c->manager->store, tx, err);
    /* The begin was queued before the end, so it is decided by now; its memory may go. */
    struct lt_error begin_err;
    if (lt_commit_wait(&c->begin, &begin_err) && (rc == LT_OK || rc == LT_EINTERNAL)) { /* without its begin an end is malformed */
        *err = begin_err;
        rc = err->code;
    }
    lt_fiber_unshield();
    lt_trace_mark(c->trace, LT_TRACE_RECORDED);
    lt_calls_remove(&c->manager->calls, &c->running);
    return rc ? lt_error_wrap(err, "end record") : LT_OK;
}

/* The unit of the end could not be written. Perhaps only its content was at fault: a bare end record is better than a call that runs for ever. */
static void end_anyway(struct lt_process *c)
{
    struct lt_call_result *r = c->result;
    struct lt_tx *tx = lt_tx_new();
    if (c->begin.err.code) { /* the register knows nothing of the call; its limits do */
        lt_charge_record_whole(&c->charge, tx);
        lt_store_post(c->manager->store, tx);
        return;
    }
    lt_record_end(tx, r->id,
                  &(struct lt_record_end){.state = "failed",
                                          .error = &r->error,
                                          .usage = LT_USAGE_UNKNOWN,
                                          .cost = -1,
                                          .with_content = c->request->caller->site->store_content,
                                          .at = r->completed_at});
    lt_process_leave_images(c, tx);
    lt_charge_record_again(&c->charge, tx);
    lt_store_post(c->manager->store, tx);
}

static void finish_failed(struct lt_call_result *r, const struct lt_error *err)
{
    r->success = false;
    r->error = *err;
    r->response = LT_STR("{}");
}

/* A stop that came after the gate and before the call was in the table is seen here; a later one cancels it. */
static enum lt_code ask(struct lt_process *c, struct lt_error *err)
{
    struct lt_error stopped;
    enum lt_code rc = lt_stops_check(c->manager->stops, c->request->caller->site->id, err);
    c->running.stopped |= rc != LT_OK;
    if (rc == LT_OK)
        rc = lt_process_ask(c, err);
    if (rc && lt_run_stopped(c->manager, &c->running, &stopped)) {
        *err = stopped;
        rc = err->code;
    }
    return rc;
}

/* Who guards looks at the call from here on: what it has replaced is nowhere else in the call. */
static APART void enter_guard(struct lt_process *c)
{
    const struct lt_guard *guard = c->request->caller->site->guard;
    struct lt_guard_call *call = LT_NEW(c->request->arena, struct lt_guard_call);
    *call = (struct lt_guard_call){.manager = c->manager, .store = c->manager->store, .request = c->request, .id = c->result->id};
    c->watch = guard->ops->enter(guard, call);
    c->guarded = c->watch && c->watch->holds;
}

static enum lt_code look_at_input(struct lt_process *c, struct lt_error *err)
{
    if (!c->watch)
        return LT_OK;
    enum lt_code rc = c->request->caller->site->guard->ops->input(c->watch, c->request->input, &c->input, err);
    c->action_call.input = c->input;
    return rc;
}

static enum lt_code run_call(struct lt_process *c)
{
    struct lt_call_result *r = c->result;
    struct lt_error err = {0};
    if (begin(c, &err)) {
        lt_charge_close(&c->charge, false);
        r->completed_at = lt_now_ms();
        finish_failed(r, &err);
        return err.code;
    }
    if (look_at_input(c, &err) == LT_OK && ask(c, &err) == LT_OK)
        r->success = true;
    else
        finish_failed(r, &err);
    lt_trace_mark(c->trace, LT_TRACE_ASKED);
    if (!r->success && r->error.code != LT_EANSWER_BLOCKED) /* what a rule held back is not kept either */
        r->partial = lt_str_copy(c->request->arena, c->shown.n > 0 ? lt_buf_str(&c->shown) : lt_buf_str(&c->raw));
    lt_process_drop_images(c);
    r->completed_at = lt_now_ms();
    struct lt_span *span = lt_span_begin(c->request->arena, LT_SPAN_INTERNAL);
    enum lt_code ended = end(c, &err);
    lt_span_name(span, LT_STR("record end"));
    lt_span_end(span, ended);
    if (ended) { /* an answer that cannot be recorded is not given */
        lt_log_error("register.end", &err);
        if (ended == LT_ECONFLICT && lt_store_is_postgres(c->manager->store))
            lt_fail(&err, LT_EINTERRUPTED, "another process took this one for dead, and has ended the call");
        finish_failed(r, &err);
        end_anyway(c);
        if (ended == LT_ESTORE && !lt_unended_add(&c->manager->unended, r->id)) /* nor can that, perhaps */
            lt_log(LT_LOG_ERROR, "register.unended", LT_I("calls", LT_UNENDED_MAX));
    }
    if (lt_process_restores(c)) { /* after the record, which has placeholders */
        r->response = lt_guard_restore(c->watch->talk, r->response);
        r->partial = lt_guard_restore(c->watch->talk, r->partial);
        r->refusal = lt_guard_restore(c->watch->talk, r->refusal);
    }
    return r->error.code;
}

/* What refuses the call is told and, but for a caller who left or a store that is down, recorded. */
static APART enum lt_code pass_gates(struct lt_process *c)
{
    const struct lt_call_request *q = c->request;
    struct lt_gate_subject subject = {.manager = c->manager,
                                      .store = c->manager->store,
                                      .arena = q->arena,
                                      .caller = q->caller,
                                      .place = q->place,
                                      .action_name = q->action,
                                      .input = q->input,
                                      .provider = q->provider,
                                      .test = q->test,
                                      .charge = &c->charge,
                                      .policy_by_lms = q->policy_by_lms};
    struct lt_error err = {0};
    enum lt_code rc = lt_gates_check(&subject, &err);
    if (rc == LT_OK)
        rc = lt_admission_enter_site(&c->manager->admission, q->caller->site, &c->site_load, &err);
    c->gate = subject.gate;
    lt_trace_mark(c->trace, LT_TRACE_GATES);
    c->action = subject.action;
    c->result->action = c->action ? c->action->action : NULL;
    if (rc) {
        lt_charge_close(&c->charge, false);
        c->result->completed_at = lt_now_ms();
        finish_failed(c->result, &err);
        if (rc != LT_ECANCELLED && rc != LT_ESTORE && !subject.store_behind)
            record_refusal(c);
    }
    return rc;
}

/* It lies in the arena, not on the stack, which stays small for the time of a stream. */
static struct lt_process *process_new(struct lt_manager *m, const struct lt_call_request *q, struct lt_call_result *ret)
{
    struct lt_process *c = LT_NEW(q->arena, struct lt_process);
    struct lt_uuid id = lt_uuid_is_null(q->id) ? lt_uuid_new() : q->id;
    *ret = (struct lt_call_result){.id = id, .created_at = lt_now_ms(), .usage = LT_USAGE_UNKNOWN};
    ret->response = LT_STR("{}");
    ret->response_id = LT_STR("");
    lt_uuid_format(ret->id, ret->id_text);
    c->manager = m;
    c->request = q;
    c->result = ret;
    c->gate = LT_GATES;
    c->began_us = lt_mono_us();
    c->trace = lt_trace_call(q->trace, id, q->action);
    return c;
}

/* The process has room for the call: gates, room of its site, and the call itself. */
static enum lt_code admitted(struct lt_process *c, enum lt_metric_outcome *ret_outcome)
{
    const struct lt_call_request *q = c->request;
    enum lt_code rc = pass_gates(c);
    if (rc) {
        *ret_outcome = LT_METRIC_REFUSED;
        return rc;
    }
    lt_buf_init(&c->raw, LT_ANSWER_MAX);
    lt_buf_init(&c->shown, LT_ANSWER_MAX);
    lt_buf_init(&c->clean, 2 * LT_ANSWER_MAX);
    lt_buf_init(&c->restored, 2 * LT_ANSWER_MAX);
    lt_think_init(&c->think, LT_ANSWER_MAX);
    c->action_call = (struct lt_action_call){
        .action = c->action->action, .arena = q->arena, .id = c->result->id, .input = q->input, .locale = q->caller->locale};
    c->input = q->input;
    if (q->caller->site->guard)
        enter_guard(c);
    rc = run_call(c);
    lt_think_free(&c->think);
    lt_buf_free(&c->restored);
    lt_buf_free(&c->clean);
    lt_buf_free(&c->shown);
    lt_buf_free(&c->raw);
    lt_admission_leave_site(c->site_load);
    return rc;
}

/* The action is of the registry here: a call is cancelled after the gates. */
static void log_cancelled(const struct lt_process *c, enum lt_cancel_reason why)
{
    lt_log(LT_LOG_DEBUG, "call.cancelled", LT_S("reason", lt_cancel_reason_name(why)), LT_S("id", c->result->id_text),
           LT_SS("site", c->request->caller->site->slug), LT_S("action", c->result->action ? c->result->action->name : LT_METRIC_OTHER));
}

static void count(const struct lt_process *c, enum lt_metric_outcome outcome, enum lt_code rc)
{
    const struct lt_caller *caller = c->request->caller;
    enum lt_cancel_reason why = rc == LT_ESTOPPED ? LT_CANCEL_STOPPED : lt_fiber_cancel_reason();
    if (outcome == LT_METRIC_ENDED && (rc == LT_ECANCELLED || rc == LT_ESTOPPED))
        log_cancelled(c, why);
    lt_metrics_call(c->manager->metrics, &(struct lt_metric_call){.site = caller->site,
                                                                  .action = c->result->action ? c->result->action->name : NULL,
                                                                  .outcome = outcome,
                                                                  .code = rc,
                                                                  .gate = outcome == LT_METRIC_REFUSED ? c->gate : -1,
                                                                  .stream = c->request->stream,
                                                                  .why = why,
                                                                  .duration_us = lt_mono_us() - c->began_us,
                                                                  .first_us = c->first_us > 0 ? c->first_us - c->began_us : 0});
}

/* What is not of the registry is the client's own word. */
static void end_span(struct lt_span *span, const struct lt_process *c, enum lt_code rc)
{
    const struct lt_call_result *r = c->result;
    if (!span)
        return;
    const char *action = r->action ? r->action->name : LT_METRIC_OTHER;
    lt_span_name(span, lt_printf(c->request->arena, "process_action %s", action));
    lt_span_text(span, "lectern.site", c->request->caller->site->slug);
    lt_span_text(span, "lectern.action", lt_str(action));
    lt_span_text(span, "lectern.call.id", lt_str(r->id_text));
    lt_span_bool(span, "lectern.stream", c->request->stream);
    lt_span_int(span, "lectern.attempts", (int64_t)r->attempts_n);
    if (c->first_us > 0)
        lt_span_int(span, "lectern.first_text_ms", (int64_t)(c->first_us - c->began_us) / 1000);
    if (c->gate < LT_GATES && rc)
        lt_span_text(span, "lectern.gate", lt_str(lt_gate_name(c->gate)));
    if (rc == LT_ECANCELLED)
        lt_span_text(span, "lectern.cancelled_because", lt_str(lt_cancel_reason_name(lt_fiber_cancel_reason())));
    lt_span_end(span, rc);
}

/* Shed early and without a record: what is too much already must not make more work. */
enum lt_code lt_process_action(struct lt_manager *m, const struct lt_call_request *q, struct lt_call_result *ret)
{
    struct lt_process *c = process_new(m, q, ret);
    struct lt_span *span = lt_span_begin(q->arena, LT_SPAN_INTERNAL);
    struct lt_error err;
    enum lt_metric_outcome outcome = LT_METRIC_ENDED;
    enum lt_code rc = lt_admission_enter(&m->admission, &err);
    if (rc) {
        ret->completed_at = lt_now_ms();
        finish_failed(ret, &err);
        count(c, LT_METRIC_SHED, rc);
        end_span(span, c, rc);
        return rc;
    }
    rc = admitted(c, &outcome);
    count(c, outcome, rc);
    end_span(span, c, rc);
    lt_admission_leave(&m->admission);
    return rc;
}
