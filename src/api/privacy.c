/* /v1/privacy: what users may ask of what is kept about them. */
#include "privacy/privacy.h"
#include "api/request.h"

enum { WAIT_MS = 4000, LOOK_MS = 25 };

static struct lt_str user_asked(const struct lt_request *r)
{
    return lt_json_str(lt_json_get(r->body, "user_id"));
}

static bool own(const struct lt_request *r, struct lt_str user_id)
{
    return r->caller.is_user && lt_str_eq(r->caller.user_id, user_id);
}

/* With the permission anybody's; without it a user's token its own user's. A token of one course is for that course. */
static enum lt_code check(struct lt_request *r, const char *permission, bool own_allowed, struct lt_error *err)
{
    struct lt_str user_id = user_asked(r);
    if (!lt_user_id_ok(user_id))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/user_id", LT_USER_ID_RULE);
    if (r->caller.only_course.n > 0)
        return lt_fail(err, LT_EPERMISSION, "a token that is bound to one course cannot ask for this");
    if (lt_permitted(&r->caller, permission, LT_STR_NULL) || (own_allowed && own(r, user_id)))
        return LT_OK;
    return lt_fail(err, LT_EPERMISSION, "no role of the caller has the permission '%s'", permission);
}

static struct lt_str asked_by(struct lt_request *r)
{
    return own(r, user_asked(r)) ? LT_STR("self") : lt_request_who(r);
}

/* ---- export ---- */

struct out {
    struct lt_request *r;
    bool begun;
};

static enum lt_code put_line(void *ctx, struct lt_str line)
{
    struct out *out = ctx;
    enum lt_code rc = LT_OK;
    if (!out->begun)
        rc = lt_reply_stream(out->r, "application/x-ndjson", NULL, 0);
    out->begun = true;
    return rc ? rc : lt_http_stream_write(out->r->http, line.p, line.n);
}

void lt_post_privacy_export(struct lt_request *r)
{
    struct lt_error err;
    struct out out = {.r = r};
    if (check(r, "export_user_data", true, &err) ||
        lt_privacy_export(r->api->options.store, lt_request_site(r), user_asked(r), asked_by(r), put_line, &out, &err)) {
        if (!out.begun)
            lt_reply_problem(r, &err, NULL);
        else
            lt_http_stream_cut(r->http); /* the last line is missing: that is how a reader knows */
        return;
    }
    lt_http_stream_end(r->http);
}

/* ---- erasure ---- */

static void reply_job(struct lt_request *r, int status, const struct lt_privacy_job *job)
{
    struct lt_json_reply j;
    lt_privacy_job_write(lt_json_begin(&j), job);
    lt_json_end(r, status, &j);
}

static enum lt_code ask_and_wait(struct lt_request *r, struct lt_privacy_job *job, struct lt_error *err)
{
    struct lt_store *store = r->api->options.store;
    uint64_t until = lt_loop_now(lt_loop_self()) + WAIT_MS;
    if (lt_privacy_ask(store, r->arena, lt_request_site(r), user_asked(r), asked_by(r), job, err))
        return err->code;
    if (r->api->options.privacy)
        lt_privacy_hurry(r->api->options.privacy);
    while (job->completed_at == 0 && lt_loop_now(lt_loop_self()) < until) {
        if (lt_fiber_sleep(LOOK_MS) == LT_ECANCELLED)
            return lt_fail(err, LT_ECANCELLED, "while the erasure was under way; it goes on");
        if (lt_privacy_job_find(store, r->arena, r->caller.site->id, lt_str(job->uuid), job, err))
            return err->code;
    }
    return LT_OK;
}

void lt_post_privacy_erase(struct lt_request *r)
{
    struct lt_error err;
    struct lt_privacy_job job;
    if (check(r, "erase_user_data", r->caller.site->users_may_erase, &err) || ask_and_wait(r, &job, &err))
        lt_reply_problem(r, &err, NULL);
    else
        reply_job(r, job.completed_at ? 200 : 202, &job);
}

/* Whom it is about may ask too: by the hash of their id, which is all that is kept of it. */
static bool may_see(struct lt_request *r, const struct lt_privacy_job *job)
{
    char hash[65];
    const char *permission = lt_str_is(job->kind, "erase") ? "erase_user_data" : "export_user_data";
    lt_privacy_user_hash(r->caller.site, r->caller.user_id, hash);
    return lt_permitted(&r->caller, permission, LT_STR_NULL) || (r->caller.is_user && lt_str_is(job->user_hash, hash));
}

void lt_get_privacy_job(struct lt_request *r)
{
    struct lt_error err;
    struct lt_privacy_job job;
    enum lt_code rc = lt_privacy_job_find(r->api->options.store, r->arena, r->caller.site->id, r->params[0], &job, &err);
    if (rc == LT_OK && !may_see(r, &job))
        rc = lt_fail(&err, LT_ENOT_FOUND, "there is no such export or erasure");
    if (rc)
        lt_reply_problem(r, &err, NULL);
    else
        reply_job(r, 200, &job);
}

void lt_get_privacy_metadata(struct lt_request *r)
{
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "tables");
    lt_privacy_metadata(w);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

void lt_api_forget(void *api, int64_t site_id, struct lt_str user_id)
{
    lt_streams_forget(((struct lt_api *)api)->streams, site_id, user_id);
}
