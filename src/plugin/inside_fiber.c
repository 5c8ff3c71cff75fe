/* A function on the caller's fiber: nothing else runs on the loop meanwhile, so the time is measured. */
#include "plugin/inside_private.h"

static void enter(struct lt_job *j)
{
    lt_hold_begin(j->inside->holds, lt_loop_index(j->loop), j->function);
    lt_crash_enter(&j->inside->note);
}

/* The function gives way, or has ended: how long did nobody else have the loop? */
static void leave(struct lt_job *j)
{
    struct lt_inside *in = j->inside;
    lt_crash_leave();
    uint64_t ms = lt_hold_end(in->holds, lt_loop_index(j->loop));
    if (ms <= LT_INSIDE_HELD_MS)
        return;
    int held = atomic_fetch_add(&in->held, 1) + 1;
    lt_log(LT_LOG_WARN, "plugin.blocked_loop", LT_S("plugin", in->id), LT_S("function", j->function), LT_I("ms", ms),
           LT_I("limit_ms", LT_INSIDE_HELD_MS), LT_I("times", held));
    if (held == LT_INSIDE_HELD_MAX) {
        atomic_store(&in->blocking, true);
        lt_log(LT_LOG_WARN, "plugin.moved", LT_S("plugin", in->id), LT_S("to", "threads, since it blocks loops"));
    }
}

static enum lt_code fiber_ask(void *ctx, struct lt_arena *arena, struct lt_str question, const struct lt_json **ret)
{
    struct lt_job *j = ctx;
    struct lt_str answer = LT_STR("");
    leave(j);
    int32_t rc = lt_inside_ask(j, question, &answer);
    enter(j);
    return lt_inside_answer(arena, rc, answer, ret);
}

static int32_t fiber_piece(void *ctx, struct lt_str text)
{
    struct lt_job *j = ctx;
    leave(j);
    lt_fiber_yield(); /* taking a piece may not wait, and a cancel comes over this loop */
    int32_t rc = lt_inside_piece(j, text);
    enter(j);
    return rc;
}

static bool fiber_left(void *ctx)
{
    (void)ctx;
    return lt_fiber_cancelled();
}

static int32_t fiber_suspend(void *ctx)
{
    struct lt_job *j = ctx;
    enum lt_code rc = LT_OK;
    bool resumed;
    leave(j);
    for (;;) {
        pthread_mutex_lock(&j->lock);
        resumed = j->resumed;
        j->resumed = false;
        pthread_mutex_unlock(&j->lock);
        if (resumed || rc)
            break;
        rc = lt_fiber_wait_for(j->call->deadline_ms, "a plugin");
    }
    enter(j);
    return resumed ? LECTERN_OK : lt_plugin_code_of(rc);
}

static void fiber_resume(void *ctx)
{
    struct lt_job *j = ctx;
    pthread_mutex_lock(&j->lock);
    j->resumed = true;
    lt_inside_wake(j);
    pthread_mutex_unlock(&j->lock);
}

enum lt_code lt_inside_on_fiber(struct lt_job *j, struct lt_error *err)
{
    j->user = (struct lt_library_user){.ask = fiber_ask,
                                       .log = lt_inside_log,
                                       .piece = j->call->on_text ? fiber_piece : NULL,
                                       .left = fiber_left,
                                       .suspend = fiber_suspend,
                                       .resume = fiber_resume,
                                       .ctx = j};
    enter(j);
    enum lt_code rc = lt_library_call(&j->inside->library, &j->own, &j->answer, err);
    leave(j);
    return rc;
}
