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

/* One change, on its way into the store. */
struct changing {
    struct lt_kept *kept;
    const struct lt_kept_change *change;
    struct lt_jw *response;
    bool asked;                          /* so what went wrong is its word, not the session's */
};

static enum lt_code ask(void *ctx, struct lt_arena *arena, const struct lt_json *metadata, const struct lt_json **ret_patch, struct lt_error *err)
{
    struct changing *c = ctx;
    c->asked = true;
    return c->change->change(c->change->ctx, arena, metadata, ret_patch, err);
}

static void answer(struct changing *c, bool kept)
{
    lt_run_answer_again(c->kept->run, c->response);
    c->change->answer(c->change->ctx, kept, c->response);
}

static bool keep_with(void *ctx, struct lt_tx *tx)
{
    struct changing *c = ctx;
    struct lt_error none = {0};
    answer(c, true);
    return lt_run_keep(c->kept->run, tx, &none);
}

static enum lt_code store(struct changing *c, struct lt_error *err)
{
    struct lt_kept *k = c->kept;
    const struct lt_workflow_request *q = k->run->request;
    struct lt_session_with with = {keep_with, c};
    if (k->session.id == 0 && lt_session_open(q->store, q->arena, &k->key, &k->session, err))
        return err->code;
    found(k);
    return lt_session_change_metadata(q->store, &k->session, ask, c, &with, err);
}

/* Asked and answered, but not kept. */
static enum lt_code ask_only(struct changing *c, struct lt_error *err)
{
    const struct lt_workflow_request *q = c->kept->run->request;
    const struct lt_json *patch;
    if (ask(c, q->arena, q->profile->effective->empty, &patch, err))
        return err->code;
    answer(c, false);
    return LT_OK;
}

enum lt_code lt_kept_change(struct lt_kept *k, const struct lt_kept_change *change, struct lt_jw *response, struct lt_error *err)
{
    bool keeps = k->run->request->caller->site->store_content;
    struct changing changing = {.kept = k, .change = change, .response = response};
    enum lt_code rc = LT_ENOT_FOUND;
    if (keeps) {
        k->run->result->kept = true;
        lt_fiber_shield();
        rc = store(&changing, err);
        lt_fiber_unshield();
    }
    return rc == LT_ENOT_FOUND && !changing.asked ? ask_only(&changing, err) : rc;
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
