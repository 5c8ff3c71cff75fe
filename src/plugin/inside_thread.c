/* A function on a thread of its own: what it asks for is handed to the fiber, which has the deadline. */
#include "plugin/inside_private.h"

#include <signal.h>

#include "plugin/host.h"

enum { STACK_BYTES = 1 << 20 };

/* Hands something to the fiber and waits until it is done. */
static int32_t ask_fiber(struct lt_job *j, enum lt_job_state what, struct lt_str asked)
{
    pthread_mutex_lock(&j->lock);
    j->asked = asked;
    j->state = what;
    lt_inside_wake(j);
    while (j->state == what && !j->left)
        pthread_cond_wait(&j->answered, &j->lock); /* the fiber has a deadline */
    int32_t rc = j->left ? LECTERN_ECANCELLED : j->given_rc;
    pthread_mutex_unlock(&j->lock);
    return rc;
}

static enum lt_code thread_ask(void *ctx, struct lt_arena *arena, struct lt_str question, const struct lt_json **ret)
{
    struct lt_job *j = ctx;
    int32_t rc = ask_fiber(j, ASKS, question);
    return lt_inside_answer(arena, rc, j->given, ret);
}

static int32_t thread_piece(void *ctx, struct lt_str text)
{
    struct lt_job *j = ctx;
    return ask_fiber(j, GIVES_PIECE, text);
}

static bool thread_left(void *ctx)
{
    struct lt_job *j = ctx;
    pthread_mutex_lock(&j->lock);
    bool left = j->left;
    pthread_mutex_unlock(&j->lock);
    return left;
}

static void *job_thread(void *arg)
{
    struct lt_job *j = arg;
    struct lt_inside *in = j->inside;
    lt_crash_enter(&in->note);
    enum lt_code rc = lt_library_call(&in->library, &j->own, &j->answer, &j->err);
    lt_crash_leave();
    pthread_mutex_lock(&j->lock);
    j->rc = rc;
    j->state = DONE;
    lt_inside_wake(j);
    pthread_mutex_unlock(&j->lock);
    lt_inside_job_unref(j);
    lt_arena_thread_end();
    atomic_fetch_sub(&in->threads, 1);
    return NULL;
}

/* It takes no signals but those of faults, which lt_crash_enter() lets in. */
static bool start_thread(struct lt_job *j)
{
    sigset_t all, before;
    pthread_attr_t attr;
    pthread_t thread;
    if (atomic_fetch_add(&j->inside->threads, 1) >= LT_PLUGIN_CALLS_MAX) {
        atomic_fetch_sub(&j->inside->threads, 1);
        return false;
    }
    atomic_fetch_add(&j->refs, 1);
    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool ok = pthread_create(&thread, &attr, job_thread, j) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    if (!ok) {
        atomic_fetch_sub(&j->inside->threads, 1);
        lt_inside_job_unref(j);
    }
    return ok;
}

/* The fiber's answer to what the thread asks for. */
static void serve(struct lt_job *j, enum lt_job_state what)
{
    struct lt_str response = LT_STR("");
    int32_t rc = what == ASKS ? lt_inside_ask(j, j->asked, &response) : lt_inside_piece(j, j->asked);
    pthread_mutex_lock(&j->lock);
    j->given = lt_str_copy(j->arena, response); /* its thread waits */
    j->given_rc = rc;
    j->state = RUNNING;
    pthread_cond_signal(&j->answered);
    pthread_mutex_unlock(&j->lock);
}

enum lt_code lt_inside_on_thread(struct lt_job *j, struct lt_error *err)
{
    enum lt_code waited = LT_OK;
    j->user = (struct lt_library_user){.ask = thread_ask,
                                       .log = lt_inside_log,
                                       .piece = j->call->on_text ? thread_piece : NULL,
                                       .left = thread_left,
                                       .ctx = j};
    if (!start_thread(j))
        return lt_fail(err, LT_EOVERLOADED, "%d of its calls run already", LT_PLUGIN_CALLS_MAX);
    for (;;) {
        pthread_mutex_lock(&j->lock);
        enum lt_job_state state = j->state;
        if (waited && state != DONE) {
            j->left = true;
            pthread_cond_signal(&j->answered);
        }
        pthread_mutex_unlock(&j->lock);
        if (state == DONE)
            break;
        if (waited)
            return lt_fail(err, waited, waited == LT_ETIMEOUT ? "it did not answer in time" : "the caller left");
        if (state == RUNNING)
            waited = lt_fiber_wait_for(j->call->deadline_ms, "a plugin");
        else
            serve(j, state);
    }
    if (j->rc)
        *err = j->err;
    return j->rc;
}
