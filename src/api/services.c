/* /v1/services: which services there are, and whether a component may use them here. */
#include "api/services.h"

#include <stdio.h>

#include "api/request.h"
#include "core/caller.h"

const char *const lt_strength_names[] = {[LT_STRENGTH_NONE] = "none", [LT_STRENGTH_WANT] = "want", [LT_STRENGTH_NEED] = "need"};

struct asked {
    struct lt_str component_name; /* empty: the host asks for itself, so to speak */
    struct lt_component *component; /* NULL: none of that name was declared */
    struct lt_place place;
    bool administrator;           /* sees plugins and reasons */
};

static enum lt_code read_question(struct lt_request *r, struct asked *a, struct lt_error *err)
{
    struct lt_str only = r->caller.only_course;
    *a = (struct asked){.component_name = lt_query(r, "component"), .administrator = lt_permitted(&r->caller, "manage_providers", LT_STR_NULL)};
    a->place = (struct lt_place){lt_query(r, "course_id"), lt_query(r, "location_id"), lt_query(r, "placement")};
    if (a->place.course_id.n == 0)
        a->place.course_id = only;
    if (only.n > 0 && !lt_str_eq(only, a->place.course_id))
        return lt_fail_field(err, LT_EPERMISSION, "/course_id", "the token is for course '%.*s'", LT_FMT(only));
    if (a->component_name.n > 0 && !lt_registry_name_ok(a->component_name))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/component", "must be a name (lower-case letter, then letters, digits, _ . -, at most 63)");
    if (a->component_name.n > 0)
        a->component = lt_services_component(r->api->options.services, a->component_name);
    return LT_OK;
}

/* A component that nobody has declared has declared nothing. */
static void explain(struct lt_request *r, const struct asked *a, struct lt_str name, struct lt_service_answer *ret)
{
    lt_service_explain(r->api->options.services, a->component, name, &r->caller, &a->place, r->arena, ret);
    if (a->component_name.n == 0 || a->component || ret->status == LT_SERVICE_INVALID)
        return;
    ret->status = LT_SERVICE_UNDECLARED;
    ret->granted = NULL;
    ret->reason = lt_printf(r->arena, "no component '%.*s' was declared", LT_FMT(a->component_name)).p;
}

struct lt_str lt_service_version(struct lt_arena *arena, const struct lt_entry *e)
{
    return lt_printf(arena, "%d.%d", e->major, e->minor);
}

static void put_granted(struct lt_request *r, struct lt_jw *w, const struct lt_entry *e, bool administrator)
{
    lt_jw_kstr(w, "version", lt_service_version(r->arena, e));
    lt_jw_key(w, "granted");
    lt_jw_obj(w);
    lt_jw_kstr(w, "version", lt_service_version(r->arena, e));
    lt_jw_kstrz(w, "title", e->title);
    lt_jw_kstrz(w, "description", e->description);
    if (administrator)
        lt_jw_kstrz(w, "plugin", e->plugin);
    lt_jw_end(w);
}

void lt_service_put_candidates(struct lt_request *r, struct lt_jw *w, const struct lt_service_answer *a)
{
    lt_jw_key(w, "candidates");
    lt_jw_arr(w);
    for (size_t i = 0; i < a->candidates_n; i++) {
        const struct lt_service_candidate *c = &a->candidates[i];
        lt_jw_obj(w);
        lt_jw_kstrz(w, "plugin", c->entry->plugin);
        lt_jw_kstr(w, "version", lt_service_version(r->arena, c->entry));
        lt_jw_kint(w, "rank", c->entry->rank);
        lt_jw_kstrz(w, "status", lt_service_status_name(c->status));
        lt_jw_kstrz(w, "reason", c->reason);
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

/* To the second, so that the ETag stays while nothing happens. */
static void put_retry(struct lt_jw *w, int64_t ms)
{
    char text[25];
    if (ms <= 0)
        return;
    lt_time_format((lt_now_ms() + ms + 999) / 1000 * 1000, text);
    lt_jw_kstrz(w, "retry_at", text);
}

static void put_service(struct lt_request *r, struct lt_jw *w, const struct asked *q, struct lt_str name)
{
    struct lt_service_answer a;
    explain(r, q, name, &a);
    lt_jw_obj(w);
    lt_jw_kstr(w, "service", name);
    lt_jw_key(w, "component");
    if (q->component_name.n > 0)
        lt_jw_str(w, q->component_name);
    else
        lt_jw_null(w);
    lt_jw_kstrz(w, "declared", lt_strength_names[a.strength]);
    lt_jw_kstrz(w, "status", lt_service_status_name(a.status));
    if (a.granted) {
        put_granted(r, w, a.granted, q->administrator);
    } else {
        lt_jw_key(w, "version");
        lt_jw_null(w);
        lt_jw_key(w, "granted");
        lt_jw_null(w);
    }
    lt_jw_kstrz(w, "reason", q->administrator ? a.reason : lt_service_status_text(a.status));
    put_retry(w, a.retry_after_ms);
    if (q->administrator)
        lt_service_put_candidates(r, w, &a);
    lt_jw_end(w);
}

void lt_get_service(struct lt_request *r)
{
    struct lt_error err;
    struct asked q;
    struct lt_json_reply j;
    enum lt_code rc = read_question(r, &q, &err);
    if (!rc && !lt_registry_name_ok(r->params[0]))
        rc = lt_fail_field(&err, LT_EINVALID_INPUT, "/name", "must be a name (lower-case letter, then letters, digits, _ . -, at most 63)");
    if (rc) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    put_service(r, lt_json_begin(&j), &q, r->params[0]);
    lt_json_end(r, 200, &j);
}

/* ---- all of them ---- */

/* "SERVICES.CONFIGURATION": the generations in which an answer was made. */
static struct lt_str generation(struct lt_request *r)
{
    return lt_printf(r->arena, "%llu.%lld", (unsigned long long)lt_services_generation(r->api->options.services), (long long)r->config->generation);
}

/*
 * *ret: what has changed up to there is known to the client. 0, all is told: nothing was given, or the configuration has changed, which may
 * bear on any service.
 */
static enum lt_code read_since(struct lt_request *r, uint64_t *ret, struct lt_error *err)
{
    int64_t services, configuration;
    struct lt_str text = lt_query(r, "since"), rest = text, first = lt_str_cut(&rest, '.');
    *ret = 0;
    if (text.n == 0)
        return LT_OK;
    if (!lt_str_to_int64(first, &services) || !lt_str_to_int64(rest, &configuration))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/since", "must be `generation` of an earlier answer");
    if (configuration == r->config->generation && (uint64_t)services <= lt_services_generation(r->api->options.services))
        *ret = (uint64_t)services;
    return LT_OK;
}

static void put_changed(struct lt_request *r, struct lt_jw *w, const struct asked *q, struct lt_str name, uint64_t since)
{
    if (since == 0 || lt_services_changed_at(r->api->options.services, name) > since)
        put_service(r, w, q, name);
}

static void put_all(struct lt_request *r, struct lt_jw *w, const struct asked *q, uint64_t since)
{
    size_t n = lt_registry_count(LT_KIND_SERVICE);
    struct lt_str name;
    for (size_t i = 0; i < n; i++)
        put_changed(r, w, q, lt_str(lt_registry_at(LT_KIND_SERVICE, i)->name), since);
    for (size_t i = 0; q->component && (name = lt_component_service_at(q->component, i)).p; i++)
        if (!lt_registry_find(LT_KIND_SERVICE, name)) /* declared, and nobody provides it */
            put_changed(r, w, q, name, since);
}

void lt_get_services(struct lt_request *r)
{
    struct lt_error err;
    struct asked q;
    uint64_t since;
    struct lt_json_reply j;
    if (read_question(r, &q, &err) || read_since(r, &since, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_str now = generation(r); /* before the look: a change meanwhile is told again */
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_kstr(w, "generation", now);
    lt_jw_key(w, "services");
    lt_jw_arr(w);
    put_all(r, w, &q, since);
    lt_jw_end(w);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}
