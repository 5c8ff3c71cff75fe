/* An action as it is asked for: read and copied on the caller's thread, run on a fiber of the handle's as behind every other door. */
#include <stdio.h>
#include <stdlib.h>

#include "embed/embed.h"
#include "text/json.h"

#define FIRST_SIZE (offsetof(struct lectern_request, lease) + sizeof(void *))

enum text { SITE, USER, ROLES, LOCALE, COURSE, LOCATION, PLACEMENT, ACTION, PROVIDER, INPUT, TEXTS };

enum { INPUT_MAX = 8 * 1024 * 1024 /* as the HTTP API's body */, PLACE_MAX = 255, TIMEOUT_MAX_MS = 3600000 };

static const struct {
    size_t at; /* of the member */
    const char *field;
    size_t max;
    bool needed;
} texts[INPUT] = {
#define AT(member) offsetof(struct lectern_request, member)
    [SITE] = {AT(site), "/site", 63, false},
    [USER] = {AT(user), "/user", PLACE_MAX, true},
    [ROLES] = {AT(roles), "/roles", 255, false},
    [LOCALE] = {AT(locale), "/locale", 35, false},
    [COURSE] = {AT(course_id), "/course_id", PLACE_MAX, false},
    [LOCATION] = {AT(location_id), "/location_id", PLACE_MAX, false},
    [PLACEMENT] = {AT(placement), "/placement", 64, false},
    [ACTION] = {AT(action), "/action", 64, true},
    [PROVIDER] = {AT(provider), "/provider", PLACE_MAX, false},
#undef AT
};

struct call {
    struct lectern_job job; /* first: what it is freed as */
    struct lt_embed_text texts[TEXTS];
    unsigned roles;
    bool policy_asked;
    struct lt_lease *lease; /* the caller's, for as long as the call runs; or NULL */
};

static void free_call(struct lectern_job *job)
{
    struct call *c = (struct call *)job;
    for (int i = 0; i < TEXTS; i++)
        free(c->texts[i].p);
    free(c);
}

/* ---- the caller's thread ---- */

static struct lt_str text(const struct call *c, enum text i)
{
    return (struct lt_str){c->texts[i].p, c->texts[i].n};
}

/* JSON is checked by its own reader. */
static enum lt_code keep_input(const struct lectern_request *q, struct lt_embed_text *ret, struct lt_error *err)
{
    size_t n = q->input_n > 0 ? q->input_n : strnlen(q->input ? q->input : "", INPUT_MAX + 1);
    if (!q->input || n == 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/input", "must be given");
    if (n > INPUT_MAX)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/input", "must be at most %d bytes", INPUT_MAX);
    return lt_embed_keep((struct lt_str){q->input, n}, ret, err);
}

enum lt_code lt_embed_roles(struct lt_str list, unsigned *ret, struct lt_error *err)
{
    *ret = list.n == 0 ? 1u << LT_ROLE_STUDENT : 0;
    while (list.n > 0) {
        struct lt_str name = lt_str_cut(&list, ' ');
        int role = lt_role_parse(name);
        if (name.n > 0 && (role < 0 || role == LT_ROLE_SERVICE))
            return lt_fail_field(err, LT_EINVALID_INPUT, "/roles", "there is no role '%.*s'", LT_FMT(name));
        if (name.n > 0)
            *ret |= 1u << role;
    }
    return LT_OK;
}

/* The call is for whom and where the lease is for. */
static enum lt_code take_lease(struct lectern_request *q, struct lt_error *err)
{
    const struct lectern_lease *l = q->lease;
    if (strcmp(l->lease.entry->name, "ai") != 0 || strcmp(l->lease.entry->plugin, "builtin") != 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/lease", "is for '%s' of '%s': actions are 'ai' of 'builtin'", l->lease.entry->name,
                             l->lease.entry->plugin);
    if (q->site || q->user || q->roles || q->course_id || q->location_id || q->placement)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/lease", "says site, user, roles and place: they must not be given beside it");
    q->site = l->texts[LT_SCOPE_SITE].p;
    q->user = l->texts[LT_SCOPE_USER].p;
    q->roles = l->texts[LT_SCOPE_ROLES].p;
    q->course_id = l->texts[LT_SCOPE_COURSE].p;
    q->location_id = l->texts[LT_SCOPE_LOCATION].p;
    q->placement = l->texts[LT_SCOPE_PLACEMENT].p;
    return LT_OK;
}

static enum lt_code read_request(struct call *c, struct lectern_request *q, struct lt_error *err)
{
    if (q->timeout_ms > TIMEOUT_MAX_MS)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/timeout_ms", "must be at most %d", TIMEOUT_MAX_MS);
    if (q->lease && take_lease(q, err))
        return err->code;
    for (int i = 0; i < INPUT; i++) {
        const char *p = *(const char *const *)((const char *)q + texts[i].at);
        if (lt_embed_keep_text(p, texts[i].field, texts[i].max, texts[i].needed, &c->texts[i], err))
            return err->code;
    }
    c->policy_asked = q->policy_asked != 0;
    c->lease = q->lease ? &q->lease->lease : NULL;
    c->job.on_piece = q->on_piece;
    c->job.ctx = q->ctx;
    return keep_input(q, &c->texts[INPUT], err) ? err->code : lt_embed_roles(text(c, ROLES), &c->roles, err);
}

static void run_call(struct lectern_job *job, struct lt_arena *arena, struct lectern_answer *ret);

/* NULL and err: it is not right. */
static struct call *call_new(struct lectern *h, const struct lectern_request *given, struct lectern_request *q, struct lt_error *err)
{
    if (lt_embed_read(given, "lectern_request", FIRST_SIZE, q, sizeof(*q), err))
        return NULL;
    struct call *c = calloc(1, sizeof(*c));
    if (!c) {
        lt_fail(err, LT_EOVERLOADED, "out of memory");
        return NULL;
    }
    lt_job_init(&c->job, h, q->timeout_ms);
    c->job.free = free_call;
    c->job.body = run_call;
    if (read_request(c, q, err)) {
        lt_job_unref(&c->job);
        return NULL;
    }
    return c;
}

int lectern_process(struct lectern *h, const struct lectern_request *request, struct lectern_answer **ret, struct lectern_error *error)
{
    struct lt_error err = {0};
    struct lectern_request q;
    *ret = NULL;
    lt_embed_report(NULL, error);
    if (lt_embed_may_wait(&err))
        return lt_embed_report(&err, error);
    struct call *c = call_new(h, request, &q, &err);
    if (!c)
        return lt_embed_report(&err, error);
    c->job.by_caller = true;
    int rc = LECTERN_FAILED;
    if (!lt_job_post(&c->job, &err) && !lt_job_attend(&c->job))
        lt_fail(&err, LT_ETIMEOUT, "the call has not ended: its end cannot be written");
    if (err.code)
        lt_embed_report(&err, error);
    else
        rc = lectern_wait(&c->job, 0, ret);
    lt_job_unref(&c->job);
    return rc;
}

int lectern_start(struct lectern *h, const struct lectern_request *request, struct lectern_job **ret, struct lectern_error *error)
{
    struct lt_error err = {0};
    struct lectern_request q;
    struct call *c = call_new(h, request, &q, &err);
    *ret = NULL;
    lt_embed_report(NULL, error);
    if (!c)
        return lt_embed_report(&err, error);
    c->job.on_end = q.on_end;
    *ret = &c->job; /* before a callback may want it */
    if (!lt_job_post(&c->job, &err))
        return LECTERN_DONE;
    *ret = NULL;
    lt_job_unref(&c->job);
    return lt_embed_report(&err, error);
}

/* ---- the handle's thread ---- */

static enum lt_code only_site(const struct lt_config *config, struct lt_site **ret, struct lt_error *err)
{
    if (config->sites_n != 1)
        return lt_fail_field(err, config->sites_n == 0 ? LT_ENOT_FOUND : LT_EMULTIPLE, "/site", "there are %zu sites: name one", config->sites_n);
    *ret = &config->sites[0];
    return LT_OK;
}

enum lt_code lt_embed_site(const struct lt_config *config, struct lt_str slug, struct lt_site **ret, struct lt_error *err)
{
    if (slug.n == 0)
        return only_site(config, ret, err);
    *ret = lt_config_site(config, slug);
    return *ret ? LT_OK : lt_fail_field(err, LT_ENOT_FOUND, "/site", "there is no site '%.*s'", LT_FMT(slug));
}

/* The text for people, out of a response that this process has just written. */
static struct lt_str generated(struct lt_arena *arena, struct lt_str response)
{
    const struct lt_json *v = NULL;
    lt_json_parse(arena, response, LT_JSON_STRICT, &v, NULL);
    return lt_json_str_or(lt_json_get(v, "generated_content"), LT_STR(""));
}

static enum lt_code keep_result(struct lt_arena *arena, const struct lt_call_result *r, struct lectern_answer *ret, struct lt_error *err)
{
    snprintf(ret->id, sizeof(ret->id), "%s", r->id_text);
    ret->prompt_tokens = r->usage.prompt_tokens;
    ret->completion_tokens = r->usage.completion_tokens;
    if (lt_embed_keep(r->response, &ret->response, err) || lt_embed_keep(r->success ? generated(arena, r->response) : r->partial, &ret->text, err) ||
        (r->instance && lt_embed_keep(r->instance->name, &ret->provider, err)) || lt_embed_keep(r->model, &ret->model, err))
        return err->code;
    return LT_OK;
}

static enum lt_code process(struct call *c, struct lt_config *config, struct lt_arena *arena, struct lectern_answer *ret, struct lt_error *err)
{
    const struct lt_json *input;
    struct lt_caller caller = {.user_id = text(c, USER), .locale = text(c, LOCALE), .roles = c->roles};
    struct lt_call_result *result = LT_NEW(arena, struct lt_call_result);
    bool stream = c->job.on_piece != NULL;
    if (lt_embed_site(config, text(c, SITE), &caller.site, err))
        return err->code;
    if (lt_json_parse(arena, text(c, INPUT), LT_JSON_STRICT, &input, err))
        return lt_error_under(err, "/input");
    struct lt_call_request request = {.arena = arena,
                                      .config = config,
                                      .caller = &caller,
                                      .place = {text(c, COURSE), text(c, LOCATION), text(c, PLACEMENT)},
                                      .action = text(c, ACTION),
                                      .input = input,
                                      .provider = text(c, PROVIDER),
                                      .policy_by_lms = c->policy_asked,
                                      .stream = stream,
                                      .on_text = stream ? lt_job_piece : NULL,
                                      .ctx = &c->job};
    lt_process_action(c->job.handle->engine.manager, &request, result);
    *err = result->error;
    keep_result(arena, result, ret, err->code ? NULL : err);
    return err->code;
}

static enum lt_code process_leased(struct call *c, struct lt_config *config, struct lt_arena *arena, struct lectern_answer *ret, struct lt_error *err)
{
    if (!c->lease)
        return process(c, config, arena, ret, err);
    if (lt_lease_enter(c->lease))
        return lt_fail_field(err, LT_ENOT_FOUND, "/lease", "the lease of '%s' is gone", c->lease->entry->name);
    enum lt_code rc = process(c, config, arena, ret, err);
    lt_lease_leave(c->lease, LT_SERVICE_OK, NULL);
    return rc;
}

static void run_call(struct lectern_job *job, struct lt_arena *arena, struct lectern_answer *ret)
{
    struct lt_error err = {0};
    struct lt_config *config = lt_config_ref(lt_config_current());
    if (process_leased((struct call *)job, config, arena, ret, &err))
        lt_job_fail(job, &err, ret);
    lt_config_unref(config);
}
