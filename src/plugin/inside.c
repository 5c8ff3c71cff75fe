/* Libraries in the daemon: opened, called, left. */
#include "plugin/inside_private.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "plugin/quarantine.h"

enum { CLOSE_MS = 2000, CLOSE_POLL_MS = 5 };

/* ---- jobs ---- */

static struct lt_job *job_new(struct lt_inside *in, struct lt_component *component, const struct lt_plugin_call *call)
{
    struct lt_job *j = calloc(1, sizeof(*j));
    if (!j)
        lt_out_of_memory(0);
    j->refs = 1;
    j->inside = in;
    j->loop = lt_loop_self();
    j->fiber = lt_fiber_self();
    j->call = call;
    j->asker = (struct lt_plugin_asker){.call = call, .component = component};
    j->arena = lt_arena_new();
    j->own = (struct lt_library_call){.arena = j->arena,
                                      .kind = call->kind,
                                      .name = lt_str_copy(j->arena, call->name),
                                      .method = lt_str_copy(j->arena, call->method),
                                      .request = lt_str_copy(j->arena, call->request),
                                      .deadline_ms = call->deadline_ms,
                                      .user = &j->user};
    snprintf(j->function, sizeof(j->function), "%s/%.*s.%.*s()", lt_kind_name(call->kind), LT_FMT(call->name), LT_FMT(call->method));
    pthread_mutex_init(&j->lock, NULL);
    pthread_cond_init(&j->answered, NULL);
    return j;
}

void lt_inside_job_unref(struct lt_job *j)
{
    if (atomic_fetch_sub(&j->refs, 1) != 1)
        return;
    pthread_mutex_destroy(&j->lock);
    pthread_cond_destroy(&j->answered);
    lt_arena_free(j->arena);
    free(j);
}

static void on_task(struct lt_task *task)
{
    struct lt_job *j = (struct lt_job *)task;
    pthread_mutex_lock(&j->lock);
    j->posted = false;
    pthread_mutex_unlock(&j->lock);
    if (j->fiber)
        lt_fiber_wake(j->fiber);
    lt_inside_job_unref(j);
}

/* Under the lock, any thread. A fiber that has left may be gone with its loop. */
void lt_inside_wake(struct lt_job *j)
{
    if (j->posted || j->left)
        return;
    j->posted = true;
    j->task.fn = on_task;
    atomic_fetch_add(&j->refs, 1);
    lt_loop_post(j->loop, &j->task);
}

void lt_inside_log(void *ctx, enum lt_log_level level, struct lt_str text)
{
    const struct lt_job *j = ctx;
    lt_log(level, "plugin.log", LT_S("plugin", j->inside->id), LT_SS("text", text));
}

/* ---- what the fiber does for the function ---- */

int32_t lt_inside_ask(struct lt_job *j, struct lt_str question, struct lt_str *ret)
{
    const struct lt_json *tree;
    struct lt_arena *arena = j->call->arena;
    if (lt_json_parse(arena, lt_str_copy(arena, question), LT_JSON_STRICT, &tree, NULL))
        return LECTERN_EINVALID;
    *ret = lt_plugin_ask(&j->asker, tree);
    return LECTERN_OK;
}

enum lt_code lt_inside_answer(struct lt_arena *arena, int32_t rc, struct lt_str answer, const struct lt_json **ret)
{
    if (rc || lt_json_parse(arena, lt_str_copy(arena, answer), LT_JSON_STRICT, ret, NULL))
        return rc ? lt_plugin_code(rc) : LT_EINTERNAL;
    return lt_code_parse(lt_json_str(lt_json_get(*ret, "code")), LT_EINTERNAL);
}

int32_t lt_inside_piece(struct lt_job *j, struct lt_str piece)
{
    const struct lt_plugin_call *call = j->call;
    if (!call->on_text)
        return LECTERN_EUNSUPPORTED;
    if (!lt_utf8_valid(piece.p, piece.n))
        return LECTERN_EINVALID;
    return lt_plugin_code_of(j->broken.code ? j->broken.code : call->on_text(call->ctx, piece, &j->broken));
}

/* ---- calls ---- */

enum lt_code lt_inside_call(struct lt_inside *in, struct lt_component *component, const struct lt_plugin_call *call, const struct lt_json **ret,
                            struct lt_error *err)
{
    struct lt_job *j = job_new(in, component, call);
    enum lt_code rc = atomic_load(&in->blocking) ? lt_inside_on_thread(j, err) : lt_inside_on_fiber(j, err);
    pthread_mutex_lock(&j->lock);
    j->left = true;
    pthread_mutex_unlock(&j->lock);
    j->fiber = NULL;
    lt_plugin_asker_end(&j->asker);
    if (j->broken.code) {
        *err = j->broken;
        rc = err->code;
    } else if (rc == LT_OK) {
        rc = lt_json_parse(call->arena, lt_str_copy(call->arena, j->answer), LT_JSON_STRICT, ret, err);
    }
    lt_inside_job_unref(j);
    return rc;
}

/* ---- opening ---- */

static void log_start(void *ctx, enum lt_log_level level, struct lt_str text)
{
    lt_log(level, "plugin.log", LT_S("plugin", ((const struct lt_inside *)ctx)->id), LT_SS("text", text));
}

static enum lt_code watch(const char *library, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    const char *slash = strrchr(library, '/');
    enum lt_code rc = lt_crash_watch(slash ? lt_printf(arena, "%.*s", (int)(slash - library), library).p : ".", err);
    lt_arena_free(arena);
    return rc;
}

static enum lt_code bring_up(struct lt_inside *in, const char *library, const struct lt_manifest *m, struct lt_error *err)
{
    struct lt_library_user user = {.log = log_start, .ctx = in};
    char hash[65];
    if (lt_file_hash(library, hash, err) || watch(library, err))
        return err->code;
    lt_crash_note_init(&in->note, hash, m->id);
    lt_crash_enter(&in->note); /* constructors of the library are its code, too */
    if (!lt_library_open(library, m, &in->library, err))
        lt_library_activate(&in->library, &user, err);
    lt_crash_leave();
    return err->code;
}

enum lt_code lt_inside_open(const char *library, const struct lt_manifest *m, struct lt_inside **ret, struct lt_error *err)
{
    struct lt_inside *in = calloc(1, sizeof(*in));
    if (!in)
        lt_out_of_memory(0);
    *err = (struct lt_error){0};
    in->blocking = lt_json_bool_or(lt_json_get(m->json, "blocking"), true);
    snprintf(in->id, sizeof(in->id), "%.*s", LT_FMT(m->id));
    if ((!in->blocking && !(in->holds = lt_holds_new(in->id, err))) || bring_up(in, library, m, err)) {
        lt_holds_free(in->holds);
        free(in);
        return err->code;
    }
    *ret = in;
    return LT_OK;
}

void lt_inside_close(struct lt_inside *in)
{
    uint64_t until = lt_mono_ms() + CLOSE_MS;
    while (atomic_load(&in->threads) > 0 && lt_mono_ms() < until)
        poll(NULL, 0, CLOSE_POLL_MS);
    if (atomic_load(&in->threads) > 0) {
        lt_log(LT_LOG_ERROR, "plugin.hangs", LT_S("plugin", in->id));
        return; /* its threads need it */
    }
    lt_crash_enter(&in->note);
    lt_library_deactivate(&in->library);
    lt_crash_leave();
    lt_holds_free(in->holds);
    free(in);
}
