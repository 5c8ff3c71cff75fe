/* Components and services: the border's side of plugin/service.h. */
#include "plugin/service.h"

#include <stdlib.h>

#include "embed/embed.h"
#include "text/json.h"

#define FIRST_SIZE (offsetof(struct lectern_scope, placement) + sizeof(char *))

enum { MANIFEST_MAX = 64 * 1024, DECLARE_MS = 10000 };

/* The border has the same statuses by the same numbers. */
#define X(symbol, name, text) _Static_assert((int)LECTERN_SERVICE_##symbol == (int)LT_SERVICE_##symbol, name);
LT_SERVICE_STATUSES(X)
#undef X
_Static_assert((int)LT_SERVICE_STATUS_COUNT == (int)LECTERN_SERVICE_NOMEM + 1, "the border knows all");

const char *lectern_service_status_name(int status)
{
    return status >= 0 && status < (int)LT_SERVICE_STATUS_COUNT ? lt_service_status_name((enum lt_service_status)status) : "unknown";
}

/* ---- declaring ---- */

struct declare {
    struct lectern_job job; /* first: what it is freed as */
    struct lt_embed_text manifest;
};

static void free_declare(struct lectern_job *job)
{
    struct declare *d = (struct declare *)job;
    free(d->manifest.p);
    free(d);
}

static void run_declare(struct lectern_job *job, struct lt_arena *arena, struct lectern_answer *ret)
{
    struct lt_error err = {0};
    const struct lt_json *v;
    struct lt_services *s = job->handle->engine.services;
    const struct lt_embed_text *text = &((struct declare *)job)->manifest;
    if (lt_json_parse(arena, (struct lt_str){text->p, text->n}, LT_JSON_STRICT, &v, &err) || lt_services_declare_json(s, arena, v, &err))
        lt_job_fail(job, &err, ret);
    else
        lt_services_bind(s);
}

int lectern_declare(struct lectern *h, const char *manifest, struct lectern_error *error)
{
    struct lt_error err = {0};
    lt_embed_report(NULL, error);
    if (lt_embed_may_wait(&err))
        return lt_embed_report(&err, error);
    struct declare *d = calloc(1, sizeof(*d));
    if (!d) {
        lt_fail(&err, LT_EOVERLOADED, "out of memory");
        return lt_embed_report(&err, error);
    }
    lt_job_init(&d->job, h, DECLARE_MS);
    d->job.free = free_declare;
    d->job.body = run_declare;
    if (!lt_embed_keep_text(manifest, "", MANIFEST_MAX, true, &d->manifest, &err))
        return lt_job_settle(&d->job, error);
    lt_job_unref(&d->job);
    return lt_embed_report(&err, error);
}

/* ---- asking ---- */

static enum lt_code read_scope(const struct lectern_scope *given, struct lt_embed_text texts[LT_SCOPE_TEXTS], unsigned *ret_roles)
{
    struct lectern_scope s;
    if (lt_embed_read(given, "lectern_scope", FIRST_SIZE, &s, sizeof(s), NULL))
        return LT_EINVALID_INPUT;
    const char *const members[] = {[LT_SCOPE_SITE] = s.site,        [LT_SCOPE_USER] = s.user,         [LT_SCOPE_ROLES] = s.roles,
                                   [LT_SCOPE_COURSE] = s.course_id, [LT_SCOPE_LOCATION] = s.location_id, [LT_SCOPE_PLACEMENT] = s.placement};
    for (int i = 0; i < LT_SCOPE_TEXTS; i++)
        if (lt_embed_keep_text(members[i], "", 255, i == LT_SCOPE_USER, &texts[i], NULL))
            return LT_EINVALID_INPUT;
    return lt_embed_roles((struct lt_str){texts[LT_SCOPE_ROLES].p, texts[LT_SCOPE_ROLES].n}, ret_roles, NULL);
}

/* lease NULL: it is only asked. With the configuration held. */
static enum lt_service_status ask(struct lectern *h, const char *component, const char *service, const struct lt_embed_text t[LT_SCOPE_TEXTS],
                                  unsigned roles, struct lt_lease *lease)
{
#define TEXT(i) ((struct lt_str){t[i].p, t[i].n})
    struct lt_caller caller = {.user_id = TEXT(LT_SCOPE_USER), .roles = roles};
    struct lt_place place = {TEXT(LT_SCOPE_COURSE), TEXT(LT_SCOPE_LOCATION), TEXT(LT_SCOPE_PLACEMENT)};
    if (lt_embed_site(h->config, TEXT(LT_SCOPE_SITE), &caller.site, NULL))
        return LT_SERVICE_INVALID;
#undef TEXT
    struct lt_component *c = lt_services_component(h->engine.services, lt_str(component));
    if (!c)
        return LT_SERVICE_UNDECLARED;
    return lease ? lt_service_acquire(c, lt_str(service), &caller, &place, lease) : lt_service_probe(c, lt_str(service), &caller, &place);
}

static enum lt_service_status ask_for(struct lectern *h, const char *component, const char *service, const struct lectern_scope *scope,
                                      struct lt_embed_text texts[LT_SCOPE_TEXTS], struct lt_lease *lease)
{
    unsigned roles;
    if (!component || !service || read_scope(scope, texts, &roles))
        return LT_SERVICE_INVALID;
    pthread_rwlock_rdlock(&h->config_lock);
    enum lt_service_status status = ask(h, component, service, texts, roles, lease);
    pthread_rwlock_unlock(&h->config_lock);
    return status;
}

static void free_texts(struct lt_embed_text texts[LT_SCOPE_TEXTS])
{
    for (int i = 0; i < LT_SCOPE_TEXTS; i++)
        free(texts[i].p);
}

int lectern_probe(struct lectern *h, const char *component, const char *service, const struct lectern_scope *scope)
{
    struct lt_embed_text texts[LT_SCOPE_TEXTS] = {0};
    enum lt_service_status status = ask_for(h, component, service, scope, texts, NULL);
    free_texts(texts);
    return (int)status;
}

int lectern_acquire(struct lectern *h, const char *component, const char *service, const struct lectern_scope *scope, struct lectern_lease **ret)
{
    struct lectern_lease *l = calloc(1, sizeof(*l));
    *ret = NULL;
    if (!l)
        return LECTERN_SERVICE_NOMEM;
    enum lt_service_status status = ask_for(h, component, service, scope, l->texts, &l->lease);
    if (status == LT_SERVICE_OK && lt_embed_keep(l->lease.site, &l->texts[LT_SCOPE_SITE], NULL) == LT_OK) { /* also when it was not named */
        *ret = l;
        return LECTERN_SERVICE_OK;
    }
    if (status == LT_SERVICE_OK) {
        lt_service_release(&l->lease);
        status = LT_SERVICE_NOMEM;
    }
    free_texts(l->texts);
    free(l);
    return (int)status;
}

void lectern_lease_about(const struct lectern_lease *l, int *ret_major, int *ret_minor, const char **ret_plugin)
{
    if (ret_major)
        *ret_major = l->lease.entry->major;
    if (ret_minor)
        *ret_minor = l->lease.entry->minor;
    if (ret_plugin)
        *ret_plugin = l->lease.entry->plugin;
}

void lectern_release(struct lectern_lease *l)
{
    if (!l)
        return;
    lt_service_release(&l->lease);
    free_texts(l->texts);
    free(l);
}
