/*
 * process_action(): gates, begin, attempts, end. One struct call per call, on the fiber's stack; everything it allocates lies in the
 * request's arena. The begin record is queued before the first provider is asked and awaited before the first byte is shown, so that
 * the disk and the vendor work at the same time.
 */
#include "core/manager.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/secret.h"
#include "core/calls.h"
#include "core/record.h"
#include "core/refusal.h"
#include "text/think.h"

enum { ANSWER_MAX = 4 << 20, ATTEMPTS_MAX = 16, CHECKPOINT_MS = 1000 };

struct lt_manager {
    struct lt_store *store;
    struct lt_tls *tls;
    struct lt_arena *arena; /* compiled schemas, SQL texts */
    struct lt_action_state *actions;
    size_t actions_n;
    struct lt_calls calls;
    struct lt_refusals refusals;
};

struct call {
    struct lt_manager *manager;
    const struct lt_call_request *request;
    struct lt_call_result *result;
    const struct lt_action_state *action;
    struct lt_running running; /* first use: from begin to end in the table */
    struct lt_commit begin;
    bool begun;                /* the begin record is durable */
    struct lt_buf raw;         /* the present attempt's answer as the vendor gives it */
    struct lt_buf shown;       /* what on_text was given */
    struct lt_buf clean;       /* a piece on its way from raw to shown */
    struct lt_think think;
    size_t checkpointed;       /* bytes of shown that are in checkpoints */
    int checkpoints;
    bool checkpoint_armed;
    struct lt_timer timer;
    const struct lt_neutral_result *answer; /* of the attempt that succeeded */
    struct lt_action_call action_call;
};

/* ---- making one ---- */

struct lt_manager *lt_manager_new(const struct lt_manager_options *options)
{
    struct lt_manager *m = calloc(1, sizeof(*m));
    if (!m)
        abort();
    m->store = options->store;
    m->tls = options->tls;
    m->arena = lt_arena_new();
    lt_calls_init(&m->calls);
    lt_refusals_init(&m->refusals);
    return m;
}

void lt_manager_free(struct lt_manager *m)
{
    if (!m)
        return;
    lt_refusals_destroy(&m->refusals);
    lt_calls_destroy(&m->calls);
    lt_arena_free(m->arena);
    free(m);
}

static enum lt_code prepare_action(struct lt_manager *m, const struct lt_action *action, struct lt_error *err)
{
    struct lt_action_state *s = &m->actions[m->actions_n];
    s->action = action;
    while (action->columns[s->columns_n])
        s->columns_n++;
    if (s->columns_n > 32)
        return lt_fail(err, LT_ECONFIG, "action '%s' has more than 32 columns", action->name);
    if (lt_schema_compile_text(m->arena, action->input_schema, &s->input, err))
        return lt_error_wrap(err, "input schema of action '%s'", action->name);
    s->insert_sql = lt_record_insert_sql(m->arena, action);
    if (lt_record_create_table(m->store, action, err))
        return lt_error_wrap(err, "table of action '%s'", action->name);
    m->actions_n++;
    return LT_OK;
}

enum lt_code lt_manager_prepare(struct lt_manager *m, bool recover, struct lt_error *err)
{
    size_t n = lt_registry_count(LT_KIND_ACTION);
    m->actions = LT_NEW_ARRAY(m->arena, struct lt_action_state, n);
    for (size_t i = 0; i < n; i++)
        if (prepare_action(m, lt_registry_at(LT_KIND_ACTION, i)->impl, err))
            return err->code;
    size_t interrupted = 0;
    if (recover && lt_record_recover(m->store, &interrupted, err))
        return lt_error_wrap(err, "marking unfinished calls");
    if (interrupted > 0)
        lt_log(LT_LOG_WARN, "register.recovered", LT_I("interrupted", interrupted));
    return LT_OK;
}

void lt_manager_mark(struct lt_manager *m)
{
    /* No call lasts longer than the largest call_timeout_ms, one hour; the second hour is for clocks that are set back. */
    enum { LONGEST_MS = 2 * 3600 * 1000 };
    lt_record_mark(m->store, lt_now_ms() - LONGEST_MS);
}

const struct lt_action_state *lt_manager_action(const struct lt_manager *m, struct lt_str name)
{
    const struct lt_entry *entry = lt_registry_find(LT_KIND_ACTION, name);
    for (size_t i = 0; entry && i < m->actions_n; i++)
        if (m->actions[i].action == entry->impl)
            return &m->actions[i];
    return NULL;
}

/* ---- choosing an instance ---- */

/* Did the caller ask for another one? By name or by id. */
static bool is_chosen(const struct lt_provider_instance *p, struct lt_str wanted)
{
    int64_t id;
    return wanted.n == 0 || lt_str_eq(p->name, wanted) || (lt_str_to_int64(wanted, &id) && id == p->id);
}

/* ---- the answer on its way ---- */

static void write_checkpoint(struct call *c)
{
    if (c->shown.n == c->checkpointed)
        return;
    struct lt_tx *tx = lt_tx_new();
    struct lt_str piece = {c->shown.p + c->checkpointed, c->shown.n - c->checkpointed};
    lt_record_checkpoint(tx, c->result->id, ++c->checkpoints, piece);
    lt_store_post(c->manager->store, tx);
    c->checkpointed = c->shown.n;
}

static void checkpoint_due(void *arg)
{
    struct call *c = arg;
    c->checkpoint_armed = false;
    write_checkpoint(c);
}

static void checkpoint_now(struct lt_running *running)
{
    write_checkpoint((struct call *)((char *)running - offsetof(struct call, running)));
}

/* Rule 3: nothing is shown before the begin record is durable. */
static enum lt_code await_begin(struct call *c, struct lt_error *err)
{
    if (c->begun)
        return LT_OK;
    if (lt_commit_wait(&c->begin, err))
        return lt_error_wrap(err, "begin record");
    c->begun = true;
    return LT_OK;
}

/* Gives what `clean` holds to the listener. */
static enum lt_code show(struct call *c, struct lt_error *err)
{
    if (c->clean.n == 0)
        return LT_OK;
    if (await_begin(c, err))
        return err->code;
    if (!lt_buf_put_str(&c->shown, lt_buf_str(&c->clean)))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer is longer than %d bytes", ANSWER_MAX);
    if (!c->checkpoint_armed) {
        lt_timer_set(&c->timer, CHECKPOINT_MS);
        c->checkpoint_armed = true;
    }
    enum lt_code rc = c->request->on_text(c->request->ctx, lt_buf_str(&c->clean));
    lt_buf_reset(&c->clean);
    return rc ? lt_fail(err, rc, "the listener ended the call") : LT_OK;
}

static enum lt_code on_text(struct lt_provider_run *run, struct lt_str piece, struct lt_error *err)
{
    struct call *c = run->ctx;
    if (lt_fiber_cancelled())
        return lt_fail(err, LT_ECANCELLED, "the caller left");
    if (!lt_buf_put_str(&c->raw, piece))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer is longer than %d bytes", ANSWER_MAX);
    if (!c->request->on_text)
        return LT_OK;
    if (!lt_think_feed(&c->think, piece, &c->clean))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer has an endless reasoning part");
    return show(c, err);
}

/* ---- one attempt ---- */

static void user_hash(const struct lt_caller *caller, char out[65])
{
    uint8_t digest[32];
    lt_hmac_sha256(caller->site->secret, sizeof(caller->site->secret), caller->user_id.p, caller->user_id.n, digest);
    lt_hex(digest, sizeof(digest), out);
}

/* The vendor has answered: strips, lets the action check it, keeps the response. */
static enum lt_code take_answer(struct call *c, struct lt_provider_run *run, struct lt_error *err)
{
    if (c->request->on_text && (!lt_think_end(&c->think, &c->clean) || show(c, err)))
        return err->code ? err->code : lt_fail(err, LT_EUPSTREAM_INVALID, "the answer is too long");
    struct lt_str text = c->raw.n > 0 ? lt_str_copy(c->request->arena, lt_buf_str(&c->raw)) : run->result.text;
    if (!lt_utf8_valid(text.p, text.n))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer is not UTF-8");
    run->result.text = lt_think_strip(c->request->arena, text);
    struct lt_buf out;
    lt_buf_init(&out, 3 * ANSWER_MAX);
    struct lt_jw w;
    lt_jw_init(&w, &out);
    enum lt_code rc = c->action->action->finish(&c->action_call, &run->result, &w, err);
    if (rc == LT_OK && out.failed)
        rc = lt_fail(err, LT_EUPSTREAM_INVALID, "the answer is too long");
    if (rc == LT_OK)
        c->result->response = lt_str_copy(c->request->arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return rc;
}

static enum lt_code ask(struct call *c, struct lt_provider_run *run, struct lt_error *err)
{
    const struct lt_action *action = c->action->action;
    bool native;
    lt_provider_serves(run->instance->provider, lt_str(action->name), LT_NEUTRAL_COMPLETION, &native);
    struct lt_neutral_call neutral = {.temperature = __builtin_nan(""), .top_p = __builtin_nan(""), .seed = -1};
    if (!native) {
        if (action->compile(&c->action_call, &neutral, err))
            return err->code;
        run->call = &neutral;
    }
    if (run->instance->provider->call(run, err))
        return err->code;
    return take_answer(c, run, err);
}

static void reset_answer(struct call *c)
{
    lt_buf_reset(&c->raw);
    lt_buf_reset(&c->clean);
    lt_think_free(&c->think);
    lt_think_init(&c->think, ANSWER_MAX);
}

static enum lt_code attempt(struct call *c, const struct lt_provider_instance *instance, uint64_t deadline, struct lt_error *err)
{
    const struct lt_call_request *q = c->request;
    struct lt_provider_run *run = LT_NEW(q->arena, struct lt_provider_run);
    run->arena = q->arena;
    run->loop = lt_loop_self();
    run->instance = instance;
    run->settings = lt_json_get(lt_provider_action_entry(instance, c->action->action->name), "settings");
    run->action = lt_str(c->action->action->name);
    run->input = q->input;
    run->locale = q->caller->locale;
    run->stream = q->stream;
    run->deadline_ms = deadline;
    run->tls = c->manager->tls;
    run->on_text = on_text;
    run->ctx = c;
    run->result.usage = (struct lt_usage)LT_USAGE_UNKNOWN;
    user_hash(q->caller, run->user_hash);
    c->action_call.instruction = lt_json_str_or(lt_json_get(run->settings, "instruction"), lt_str(c->action->action->instruction));
    reset_answer(c);
    *err = (struct lt_error){0};
    uint64_t began = lt_mono_us();
    enum lt_code rc = ask(c, run, err);
    struct lt_usage *u = &run->result.usage;
    if (u->total_tokens < 0 && u->prompt_tokens >= 0 && u->completion_tokens >= 0 &&
        __builtin_add_overflow(u->prompt_tokens, u->completion_tokens, &u->total_tokens))
        u->total_tokens = -1; /* a vendor may claim any number */
    c->result->attempts[c->result->attempts_n++] =
        (struct lt_attempt){.instance = instance,
                            .success = rc == LT_OK,
                            .code = rc,
                            .vendor_status = err->vendor_status,
                            .duration_ms = (uint32_t)((lt_mono_us() - began) / 1000),
                            .model = run->result.model,
                            .detail = rc ? lt_str_copy(q->arena, lt_str(err->detail)) : LT_STR(""),
                            .usage = *u};
    c->answer = &run->result;
    if (rc == LT_OK) {
        c->result->instance = instance;
        c->result->model = run->result.model;
    }
    c->result->usage = *u;
    return rc;
}

/* Whose fault ends the whole call rather than this attempt? */
static bool is_final(const struct call *c, enum lt_code rc)
{
    return rc == LT_ECANCELLED || rc == LT_ESTORE || rc == LT_EOVERLOADED || rc == LT_EINVALID_INPUT || c->shown.n > 0;
}

static enum lt_code try_instances(struct call *c, struct lt_error *err)
{
    const struct lt_call_request *q = c->request;
    const struct lt_site *site = q->caller->site;
    uint64_t deadline = lt_loop_now(lt_loop_self()) + site->call_timeout_ms;
    struct lt_candidate *list;
    size_t n = lt_provider_candidates(q->arena, site, c->action->action, &list);
    c->result->attempts = LT_NEW_ARRAY(q->arena, struct lt_attempt, n < ATTEMPTS_MAX ? n : ATTEMPTS_MAX);
    enum lt_code rc = lt_fail(err, LT_ENO_PROVIDER, "no enabled and configured instance serves '%s'%s%.*s", c->action->action->name,
                              q->provider.n ? " under the name " : "", LT_FMT(q->provider));
    for (size_t i = 0; i < n && c->result->attempts_n < ATTEMPTS_MAX; i++) {
        if (list[i].reason || !is_chosen(list[i].instance, q->provider))
            continue;
        c->result->reached_provider = true;
        rc = attempt(c, list[i].instance, deadline, err);
        if (rc == LT_OK || is_final(c, rc) || lt_loop_now(lt_loop_self()) >= deadline) /* no time is left to ask another */
            break;
    }
    return rc;
}

/* ---- the whole ---- */

/* A refusal is a record too, written without waiting and at most so many a second for one user. */
static void record_refusal(struct call *c)
{
    const struct lt_call_request *q = c->request;
    const struct lt_site *site = q->caller->site;
    if (!lt_refusals_admit(&c->manager->refusals, site->id, q->caller->user_id, site->refusals_per_second))
        return;
    struct lt_tx *tx = lt_tx_new();
    struct lt_str name = q->action.n > 64 ? (struct lt_str){q->action.p, lt_utf8_whole(q->action.p, 64)} : q->action;
    lt_record_begin(tx, &(struct lt_record_begin){c->result->id, q->caller, q->place, name, c->result->created_at});
    lt_record_end(tx, c->result->id,
                  &(struct lt_record_end){
                      .state = "refused", .error = &c->result->error, .usage = LT_USAGE_UNKNOWN, .at = c->result->completed_at});
    lt_store_post(c->manager->store, tx);
}

static enum lt_code begin(struct call *c, struct lt_error *err)
{
    const struct lt_call_request *q = c->request;
    struct lt_tx *tx = lt_tx_new();
    lt_record_begin(tx, &(struct lt_record_begin){c->result->id, q->caller, q->place, q->action, c->result->created_at});
    if (lt_store_submit(c->manager->store, tx, &c->begin, err))
        return lt_error_wrap(err, "begin record");
    c->running = (struct lt_running){.id = c->result->id,
                                     .site_id = q->caller->site->id,
                                     .user_id = q->caller->user_id,
                                     .loop = lt_loop_self(),
                                     .fiber = lt_fiber_self(),
                                     .checkpoint = checkpoint_now};
    lt_timer_init(&c->timer, lt_loop_self(), checkpoint_due, c);
    lt_calls_add(&c->manager->calls, &c->running);
    if (q->on_start)
        q->on_start(q->ctx, c->result->id);
    return LT_OK;
}

/* Attempts, content and end in one unit; waits until it is durable. A cancelled fiber waits for that too. */
static enum lt_code end(struct call *c, struct lt_error *err)
{
    struct lt_call_result *r = c->result;
    lt_timer_cancel(&c->timer);
    lt_calls_remove(&c->manager->calls, &c->running);
    struct lt_tx *tx = lt_tx_new();
    lt_record_attempts(tx, r->id, r->attempts, r->attempts_n);
    struct lt_neutral_result nothing = {.usage = LT_USAGE_UNKNOWN}, partial = c->answer ? *c->answer : nothing;
    if (!r->success) {
        partial.text = r->partial;
        partial.finish_reason = lt_str(lt_code_name(r->error.code));
    }
    lt_record_content(tx, c->action, &c->action_call, &partial);
    lt_record_end(tx, r->id,
                  &(struct lt_record_end){.state = r->success                          ? "completed"
                                                   : r->error.code == LT_ECANCELLED ? "cancelled"
                                                                                    : "failed",
                                          .error = &r->error,
                                          .instance_id = r->instance ? r->instance->id : 0,
                                          .model = r->model,
                                          .partial = r->partial,
                                          .usage = r->usage,
                                          .at = r->completed_at});
    lt_fiber_shield();
    enum lt_code rc = lt_store_write(c->manager->store, tx, err);
    /* The begin was queued before the end, so it is decided by now; its memory may go. */
    struct lt_error begin_err;
    if (lt_commit_wait(&c->begin, &begin_err) && rc == LT_OK) {
        *err = begin_err;
        rc = err->code;
    }
    lt_fiber_unshield();
    return rc ? lt_error_wrap(err, "end record") : LT_OK;
}

/* The unit of the end could not be written. Perhaps only its content was at fault: a bare end record is better than a call that runs for ever. */
static void end_anyway(struct call *c)
{
    struct lt_call_result *r = c->result;
    struct lt_tx *tx = lt_tx_new();
    lt_record_end(tx, r->id,
                  &(struct lt_record_end){.state = "failed", .error = &r->error, .usage = LT_USAGE_UNKNOWN, .at = r->completed_at});
    lt_store_post(c->manager->store, tx);
}

static void finish_failed(struct lt_call_result *r, const struct lt_error *err)
{
    r->success = false;
    r->error = *err;
    r->response = LT_STR("{}");
}

static enum lt_code run_call(struct call *c)
{
    struct lt_call_result *r = c->result;
    struct lt_error err = {0};
    if (begin(c, &err)) {
        r->completed_at = lt_now_ms();
        finish_failed(r, &err);
        return err.code;
    }
    if (try_instances(c, &err) == LT_OK)
        r->success = true;
    else
        finish_failed(r, &err);
    if (!r->success)
        r->partial = lt_str_copy(c->request->arena, c->shown.n > 0 ? lt_buf_str(&c->shown) : lt_buf_str(&c->raw));
    r->completed_at = lt_now_ms();
    if (end(c, &err)) { /* an answer that cannot be recorded is not given */
        lt_log_error("register.end", &err);
        finish_failed(r, &err);
        end_anyway(c);
    }
    return r->error.code;
}

enum lt_code lt_process_action(struct lt_manager *m, const struct lt_call_request *q, struct lt_call_result *ret)
{
    *ret = (struct lt_call_result){.id = lt_uuid_new(), .created_at = lt_now_ms(), .response = LT_STR("{}"), .usage = LT_USAGE_UNKNOWN};
    lt_uuid_format(ret->id, ret->id_text);
    struct call c = {.manager = m, .request = q, .result = ret};
    struct lt_gate_subject subject = {.manager = m,
                                      .store = m->store,
                                      .arena = q->arena,
                                      .caller = q->caller,
                                      .place = q->place,
                                      .action_name = q->action,
                                      .input = q->input,
                                      .provider = q->provider};
    struct lt_error err = {0};
    enum lt_code rc = lt_gates_check(&subject, &err);
    c.action = subject.action;
    ret->action = c.action ? c.action->action : NULL;
    if (rc) {
        ret->completed_at = lt_now_ms();
        finish_failed(ret, &err);
        if (rc != LT_ECANCELLED && rc != LT_ESTORE)
            record_refusal(&c);
        return rc;
    }
    lt_buf_init(&c.raw, ANSWER_MAX);
    lt_buf_init(&c.shown, ANSWER_MAX);
    lt_buf_init(&c.clean, 2 * ANSWER_MAX);
    lt_think_init(&c.think, ANSWER_MAX);
    c.action_call = (struct lt_action_call){.arena = q->arena, .id = ret->id, .input = q->input, .locale = q->caller->locale};
    rc = run_call(&c);
    lt_think_free(&c.think);
    lt_buf_free(&c.clean);
    lt_buf_free(&c.shown);
    lt_buf_free(&c.raw);
    return rc;
}

static bool somebody_serves(struct lt_arena *arena, const struct lt_site *site, const struct lt_action *action)
{
    struct lt_candidate *list;
    size_t n = lt_provider_candidates(arena, site, action, &list), i = 0;
    while (i < n && list[i].reason)
        i++;
    return i < n;
}

bool lt_action_available(struct lt_manager *m, struct lt_config *config, const struct lt_caller *caller, const struct lt_place *place,
                         struct lt_str action, struct lt_error *ret_error)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_gate_subject subject = {
        .manager = m, .store = m->store, .arena = arena, .caller = caller, .place = *place, .action_name = action, .without_input = true};
    enum lt_code rc = lt_gates_check(&subject, ret_error);
    /* What nobody can serve is not offered to one who has yet to accept the policy: that would be no use. */
    if ((rc == LT_OK || rc == LT_EPOLICY) && !somebody_serves(arena, caller->site, subject.action->action))
        rc = lt_fail(ret_error, LT_ENO_PROVIDER, "no enabled and configured instance serves '%s'", subject.action->action->name);
    lt_arena_free(arena);
    return rc == LT_OK;
}

/* ---- running calls ---- */

enum lt_code lt_call_cancel(struct lt_manager *m, struct lt_uuid id, const struct lt_caller *caller, struct lt_error *err)
{
    bool any_user = !caller->is_user; /* a site's own key may cancel for its users */
    return lt_calls_cancel(&m->calls, id, caller->site->id, any_user ? LT_STR("") : caller->user_id, err);
}

bool lt_call_running(struct lt_manager *m, struct lt_uuid id)
{
    return lt_calls_has(&m->calls, id);
}

int lt_calls_running(struct lt_manager *m)
{
    return m->calls.count;
}

void lt_call_checkpoint(struct lt_manager *m, struct lt_uuid id)
{
    lt_calls_checkpoint(&m->calls, id);
}
