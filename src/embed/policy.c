/* The policy accepted for a user, by the program that asked the user. */
#include "core/policy.h"

#include <stdlib.h>

#include "embed/embed.h"

enum { TIMEOUT_MS = 10000, TEXT_MAX = 255 };

struct accept {
    struct lectern_job job; /* first: what it is freed as */
    struct lt_embed_text site, user, version;
};

static void free_accept(struct lectern_job *job)
{
    struct accept *a = (struct accept *)job;
    free(a->site.p);
    free(a->user.p);
    free(a->version.p);
    free(a);
}

static enum lt_code accept_policy(struct accept *a, const struct lt_config *config, struct lt_error *err)
{
    struct lt_caller caller = {.user_id = {a->user.p, a->user.n}};
    if (lt_embed_site(config, (struct lt_str){a->site.p, a->site.n}, &caller.site, err))
        return err->code;
    return lt_policy_accept(a->job.handle->engine.store, &caller, (struct lt_str){a->version.p, a->version.n}, LT_STR(""), LT_STR(""), err);
}

static void run_accept(struct lectern_job *job, struct lt_arena *arena, struct lectern_answer *ret)
{
    struct lt_error err = {0};
    struct lt_config *config = lt_config_ref(lt_config_current());
    if (accept_policy((struct accept *)job, config, &err))
        lt_job_fail(job, &err, ret);
    lt_config_unref(config);
}

/* NULL and err: it is not right. */
static struct accept *accept_new(struct lectern *h, const char *site, const char *user, const char *version, uint32_t timeout_ms,
                                 struct lt_error *err)
{
    struct accept *a = calloc(1, sizeof(*a));
    if (!a) {
        lt_fail(err, LT_EOVERLOADED, "out of memory");
        return NULL;
    }
    lt_job_init(&a->job, h, timeout_ms == 0 ? TIMEOUT_MS : timeout_ms);
    a->job.free = free_accept;
    a->job.body = run_accept;
    if (lt_embed_keep_text(site, "/site", TEXT_MAX, false, &a->site, err) || lt_embed_keep_text(user, "/user", TEXT_MAX, true, &a->user, err) ||
        lt_embed_keep_text(version, "/version", TEXT_MAX, true, &a->version, err)) {
        lt_job_unref(&a->job);
        return NULL;
    }
    return a;
}

int lectern_accept_policy(struct lectern *h, const char *site, const char *user, const char *version, uint32_t timeout_ms,
                          struct lectern_error *error)
{
    struct lt_error err = {0};
    struct accept *a = lt_embed_may_wait(&err) ? NULL : accept_new(h, site, user, version, timeout_ms, &err);
    lt_embed_report(NULL, error);
    if (!a)
        return lt_embed_report(&err, error);
    return lt_job_settle(&a->job, error);
}
