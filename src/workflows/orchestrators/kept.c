#include "workflows/orchestrators/kept.h"

static void found(struct lt_kept *k)
{
    k->run->result->session_id = k->session.id;
    k->run->result->session_uuid = k->session.uuid;
}

enum lt_code lt_kept_open(struct lt_workflow_run *run, const char *what, struct lt_kept *ret, struct lt_error *err)
{
    const struct lt_workflow_request *q = run->request;
    *ret = (struct lt_kept){.run = run,
                            .key = {.site_id = q->caller->site->id,
                                    .user_id = q->caller->user_id,
                                    .scope_id = q->scope ? q->scope->id : 0,
                                    .profile_id = q->profile->id,
                                    .course_id = q->course_id,
                                    .location_id = run->orchestrator->session_per_course ? LT_STR("") : q->location_id},
                            .metadata = q->profile->effective->empty};
    if (q->caller->user_id.n == 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/user", "%s one user's: name the user", what);
    enum lt_code rc = lt_session_lookup(q->store, q->arena, &ret->key, &ret->session, err);
    if (rc)
        return rc == LT_ENOT_FOUND ? LT_OK : rc;
    found(ret);
    return lt_json_parse(q->arena, ret->session.metadata, LT_JSON_STRICT, &ret->metadata, err);
}

static enum lt_code store(struct lt_kept *k, lt_session_change_fn change, void *ctx, struct lt_error *err)
{
    const struct lt_workflow_request *q = k->run->request;
    if (k->session.id == 0 && lt_session_open(q->store, q->arena, &k->key, &k->session, err))
        return err->code;
    found(k);
    return lt_session_change_metadata(q->store, &k->session, change, ctx, err);
}

/* Asked, but not kept. */
static enum lt_code ask_only(struct lt_kept *k, lt_session_change_fn change, void *ctx, struct lt_error *err)
{
    const struct lt_workflow_request *q = k->run->request;
    const struct lt_json *patch;
    return change(ctx, q->arena, q->profile->effective->empty, &patch, err);
}

struct watched {
    lt_session_change_fn change;
    void *ctx;
    bool asked;                          /* so what went wrong is its word, not the session's */
};

static enum lt_code watch(void *ctx, struct lt_arena *arena, const struct lt_json *metadata, const struct lt_json **ret_patch, struct lt_error *err)
{
    struct watched *w = ctx;
    w->asked = true;
    return w->change(w->ctx, arena, metadata, ret_patch, err);
}

enum lt_code lt_kept_change(struct lt_kept *k, lt_session_change_fn change, void *ctx, bool *ret_kept, struct lt_error *err)
{
    bool keeps = k->run->request->caller->site->store_content;
    struct watched watched = {.change = change, .ctx = ctx};
    enum lt_code rc = LT_ENOT_FOUND;
    if (keeps) {
        k->run->result->kept = true;
        lt_fiber_shield();
        rc = store(k, watch, &watched, err);
        lt_fiber_unshield();
    }
    bool gone = rc == LT_ENOT_FOUND && !watched.asked;
    if (ret_kept)
        *ret_kept = !gone;
    return gone ? ask_only(k, change, ctx, err) : rc;
}

enum lt_code lt_kept_clear(struct lt_workflow_run *run, struct lt_jw *response, struct lt_error *err)
{
    struct lt_kept kept;
    if (lt_kept_open(run, "what is kept here is", &kept, err))
        return err->code;
    enum lt_code rc = kept.session.id ? lt_session_clear(run->request->store, &kept.session, err) : LT_OK;
    if (rc && rc != LT_ENOT_FOUND)
        return rc;
    lt_run_start(run);
    lt_jw_obj(response);
    lt_jw_kstrz(response, "response", "");
    lt_jw_kstrz(response, "status", "session_cleared");
    lt_jw_end(response);
    return LT_OK;
}
