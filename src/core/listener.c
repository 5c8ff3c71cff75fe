/*
 * The answer on its way to the listener. Nothing is shown before the begin record is durable (rule 3); it was queued before the first
 * provider was asked, so that the disk and the vendor work at the same time. Once a second what was shown goes into a checkpoint.
 */
#include "core/manager_private.h"

#include "base/clock.h"
#include "core/record.h"

enum { CHECKPOINT_MS = 1000 };

void lt_process_checkpoint(struct lt_process *c)
{
    if (c->shown.n == c->checkpointed || !c->request->caller->site->store_content)
        return;
    struct lt_tx *tx = lt_tx_new();
    struct lt_str piece = {c->shown.p + c->checkpointed, c->shown.n - c->checkpointed};
    lt_record_checkpoint(tx, c->result->id, ++c->checkpoints, piece, c->begun_by);
    lt_store_post(c->manager->store, tx);
    c->checkpointed = c->shown.n;
}

void lt_process_checkpoint_due(void *arg)
{
    struct lt_process *c = arg;
    c->checkpoint_armed = false;
    lt_process_checkpoint(c);
}

/* Rule 3: nothing is shown before the begin record is durable. */
static enum lt_code await_begin(struct lt_process *c, struct lt_error *err)
{
    if (c->begun)
        return LT_OK;
    if (lt_commit_wait(&c->begin, err))
        return lt_error_wrap(err, "begin record");
    c->begun = true;
    return LT_OK;
}

static enum lt_code too_long(struct lt_error *err)
{
    return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer is longer than %d bytes", LT_ANSWER_MAX);
}

/* What is kept of the answer has placeholders (`shown`); the listener gets what they stand for. */
static enum lt_code give_restored(struct lt_process *c, bool last)
{
    enum lt_code rc = LT_OK;
    if (!lt_guard_restore_piece(c->watch->talk, &c->restoring, lt_buf_str(&c->clean), last, &c->restored))
        return LT_EUPSTREAM_INVALID;
    if (c->restored.n > 0)
        rc = c->request->on_text(c->request->ctx, lt_buf_str(&c->restored));
    lt_buf_reset(&c->restored);
    return rc;
}

/* Gives what `clean` holds to the listener. */
static enum lt_code show(struct lt_process *c, struct lt_error *err)
{
    if (c->clean.n == 0)
        return LT_OK;
    if (await_begin(c, err))
        return err->code;
    lt_trace_mark(c->trace, LT_TRACE_BEGIN_AWAITED);
    if (!lt_buf_put_str(&c->shown, lt_buf_str(&c->clean)))
        return too_long(err);
    if (!c->checkpoint_armed) {
        lt_timer_set(&c->timer, CHECKPOINT_MS);
        c->checkpoint_armed = true;
    }
    enum lt_code rc = lt_process_restores(c) ? give_restored(c, false) : c->request->on_text(c->request->ctx, lt_buf_str(&c->clean));
    lt_buf_reset(&c->clean);
    return rc ? lt_fail(err, rc, "the listener ended the call") : LT_OK;
}

enum lt_code lt_process_on_text(struct lt_provider_run *run, struct lt_str piece, struct lt_error *err)
{
    struct lt_process *c = run->ctx;
    if (lt_fiber_cancelled())
        return lt_fail(err, LT_ECANCELLED, "the caller left");
    if (c->first_us == 0)
        c->first_us = lt_mono_us();
    lt_trace_mark(c->trace, LT_TRACE_FIRST_TEXT);
    if (!lt_process_shows(c))
        return lt_buf_put_str(&c->raw, piece) ? LT_OK : too_long(err);
    if (!lt_think_feed(&c->think, piece, &c->clean))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer has an endless reasoning part");
    return show(c, err);
}

enum lt_code lt_process_show_rest(struct lt_process *c, struct lt_str text, struct lt_error *err)
{
    if (!c->request->on_text)
        return LT_OK;
    if (!lt_process_shows(c) ? !lt_buf_put_str(&c->clean, text) : !lt_think_end(&c->think, &c->clean))
        return too_long(err);
    if (show(c, err))
        return err->code;
    enum lt_code rc = lt_process_restores(c) ? give_restored(c, true) : LT_OK;
    return rc ? lt_fail(err, rc, "the listener ended the call") : LT_OK;
}
