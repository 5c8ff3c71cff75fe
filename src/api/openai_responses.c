/*
 * POST /openai/v1/responses. A streamed answer is kept from its beginning: its row is queued with the register's begin record, awaited before the
 * first byte is shown, and its end is durable before the last event says so. One that is not streamed has no id that anybody knows before it ends.
 */
#include "api/openai_responses.h"

struct call {
    struct lt_responses_request q;
    struct lt_stored_response response;
    struct lt_response_events *events;
    struct lt_door_result result;
    struct lt_commit begin;  /* of the row */
    struct lt_error begin_err;
    bool started;            /* the row was queued */
};

static struct lt_store *store_of(const struct call *c)
{
    return c->q.r->api->options.store;
}

static void init_response(struct call *c)
{
    const struct lt_responses_request *q = &c->q;
    c->response = (struct lt_stored_response){.id = q->id,
                                              .previous_id = q->previous_id,
                                              .call_id = q->id,
                                              .status = LT_STR("in_progress"),
                                              .model = q->target.name,
                                              .settings = q->settings_text,
                                              .input = q->input_text,
                                              .output = LT_STR("[]"),
                                              .usage = LT_USAGE_UNKNOWN,
                                              .created_at = lt_now_ms()};
}

static struct lt_door_run run_of(struct call *c)
{
    return (struct lt_door_run){.target = &c->q.target, .place = c->q.place, .input = c->q.input, .id = c->q.id};
}

/* The model's words that it will not answer are an answer. */
static void run_call(struct call *c, const struct lt_door_run *run)
{
    lt_door_run(c->q.r, run, &c->result);
    if (lt_openai_answered(&c->result))
        c->result.error = (struct lt_error){0};
}

/* ---- as one object ---- */

static enum lt_code keep(struct call *c, struct lt_error *err)
{
    struct lt_tx *tx;
    if (!c->q.store)
        return LT_OK;
    tx = lt_tx_new();
    if (lt_response_tx_add(tx, &c->q.owner, &c->response, err)) {
        lt_tx_discard(tx);
        return err->code;
    }
    return lt_store_write(store_of(c), tx, err);
}

static void run_as_object(struct call *c)
{
    struct lt_request *r = c->q.r;
    struct lt_door_run run = run_of(c);
    struct lt_error *err = &c->result.error;
    struct lt_json_reply j;
    run_call(c, &run);
    if (err->code == LT_OK) {
        c->response.call_id = c->result.id;
        lt_response_complete(r->arena, &c->result, c->result.text, &c->response);
        keep(c, err);
    }
    if (err->code) {
        lt_responses_error(&c->q, err);
        lt_reply_problem(r, err, c->result.recorded ? c->result.id_text : NULL);
        return;
    }
    lt_response_write(lt_json_begin(&j), &c->response, c->q.settings);
    lt_openai_json_end(r, &j, c->result.id_text);
}

/* ---- as events ---- */

/* The row is queued beside the register's begin record, so that one commit takes both. */
static void on_start(void *ctx, struct lt_uuid id)
{
    struct call *c = ctx;
    lt_response_events_call(c->events, id);
    c->response.call_id = id;
    if (!c->q.store || c->started)
        return;
    struct lt_tx *tx = lt_tx_new();
    if (lt_response_tx_add(tx, &c->q.owner, &c->response, &c->begin_err))
        lt_tx_discard(tx);
    else if (lt_store_submit_patient(store_of(c), tx, &c->begin, &c->begin_err) == LT_OK)
        c->started = true;
}

static enum lt_code await_row(struct call *c, struct lt_error *err)
{
    if (c->started)
        return lt_commit_wait(&c->begin, err);
    *err = c->begin_err; /* none where nothing is to be kept, or nothing was asked of a model yet */
    return err->code;
}

static enum lt_code on_text(void *ctx, struct lt_str piece)
{
    struct call *c = ctx;
    struct lt_error err;
    if (!lt_response_events_begun(c->events) && await_row(c, &err))
        return err.code;
    return lt_response_events_text_piece(c->events, piece);
}

static void end_response(struct call *c)
{
    struct lt_request *r = c->q.r;
    struct lt_error *err = &c->result.error;
    struct lt_str text = lt_response_events_text(c->events);
    if (err->code == LT_OK)
        lt_response_complete(r->arena, &c->result, text, &c->response);
    else
        lt_response_break_off(r->arena, err, lt_problem_detail(r, err), text, &c->response);
}

/* Makes the end durable. A client that left does not change that. */
static enum lt_code keep_end(struct call *c, struct lt_error *err)
{
    lt_fiber_cancel_reset();
    if (!c->started)
        return keep(c, err);
    enum lt_code rc = lt_commit_wait(&c->begin, err);
    return rc ? rc : lt_response_end(store_of(c), &c->q.owner, &c->response, err);
}

/* Nothing was shown: an ordinary error, and nothing is kept. */
static void refuse(struct call *c)
{
    struct lt_error ignored;
    if (c->started && lt_commit_wait(&c->begin, &ignored) == LT_OK)
        lt_response_forget(store_of(c), c->q.id);
    lt_response_events_drop(c->events);
    lt_responses_error(&c->q, &c->result.error);
    lt_reply_problem(c->q.r, &c->result.error, c->result.recorded ? c->result.id_text : NULL);
}

static void run_as_events(struct call *c)
{
    struct lt_door_run run = run_of(c);
    struct lt_error err = {0};
    c->events = lt_response_events_new(c->q.r, &c->response, c->q.settings);
    run.stream = true;
    run.on_start = on_start;
    run.on_text = on_text;
    run.ctx = c;
    run_call(c, &run);
    bool failed = c->result.error.code != LT_OK, begun = lt_response_events_begun(c->events);
    if (failed && !begun) {
        refuse(c);
        return;
    }
    end_response(c);
    if (keep_end(c, &err) == LT_OK) {
        lt_response_events_end(c->events, &c->response, failed ? NULL : &c->result);
    } else if (begun) {
        lt_response_events_fail(c->events, &err);
    } else {
        c->result.error = err;
        refuse(c);
    }
}

void lt_openai_post_response(struct lt_request *r)
{
    struct lt_error err;
    struct call *c = LT_NEW(r->arena, struct call);
    if (lt_responses_read(r, &c->q, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    init_response(c);
    if (c->q.stream)
        run_as_events(c);
    else
        run_as_object(c);
}
