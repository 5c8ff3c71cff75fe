/* From a request head to a handler: the route table decides everything that can be decided before. */
#include "api/routes.h"

#include <stdlib.h>

#include "api/access_log.h"
#include "api/cors.h"
#include "api/etag.h"
#include "api/idempotency.h"
#include "api/idempotency_store.h"
#include "api/list.h"
#include "api/mcp.h"
#include "api/ollama.h"
#include "api/sign_in.h"
#include "api/unkept.h"
#include "core/span.h"
#include "io/fiber.h"
#include "io/jwks_cache.h"
#include "workflows/scope.h"

enum { SWEEP_KEYS_EVERY = 10 }; /* ticks: about five seconds; each time 1000, so that more go than come */

enum lt_code lt_api_new(const struct lt_api_options *options, struct lt_api **ret, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_api *api = LT_NEW(arena, struct lt_api);
    api->options = *options;
    api->arena = arena;
    api->started_at = lt_now_ms();
    api->schemas = LT_NEW_ARRAY(arena, const struct lt_schema *, lt_routes_n);
    for (size_t i = 0; i < lt_routes_n; i++) {
        const struct lt_route *route = &lt_routes[i];
        if (route->request_schema && lt_schema_compile_text(arena, route->request_schema, &api->schemas[i], err)) {
            lt_error_wrap(err, "schema of %s %s", route->method, route->path);
            lt_arena_free(arena);
            return err->code;
        }
    }
    api->streams = lt_streams_new(0);
    api->mcp_calls = lt_mcp_calls_new();
    api->scopes = lt_scopes_new(options->store);
    api->keys = lt_jwks_cache_new(&(struct lt_jwks_cache_options){.tls = options->tls});
    api->sign_ins = lt_sign_ins_new(&(struct lt_sign_ins_options){options->sign_in_failures, options->sign_in_pause_s});
    api->unkept = lt_unkept_new();
    *ret = api;
    return LT_OK;
}

void lt_api_free(struct lt_api *api)
{
    if (!api)
        return;
    lt_streams_free(api->streams);
    lt_mcp_calls_free(api->mcp_calls);
    lt_scopes_free(api->scopes);
    lt_jwks_cache_free(api->keys);
    lt_sign_ins_free(api->sign_ins);
    lt_unkept_free(api->unkept);
    lt_arena_free(api->arena);
}

void lt_api_not_ready(struct lt_api *api)
{
    atomic_store(&api->not_ready, true);
}

void lt_api_drain(struct lt_api *api)
{
    lt_api_not_ready(api);
    atomic_store(&api->draining, true);
    lt_streams_no_return(api->streams);
}

void lt_api_tick(struct lt_api *api)
{
    lt_streams_sweep(api->streams);
    if (api->ticks++ % SWEEP_KEYS_EVERY == SWEEP_KEYS_EVERY - 1)
        lt_key_sweep(api->options.store);
}

void lt_api_keep_left(struct lt_api *api)
{
    struct lt_error err;
    lt_unkept_write(api->unkept, api->options.store, &err); /* else the next time */
}

static enum lt_code find_route(struct lt_request *r, struct lt_error *err)
{
    struct lt_str method = r->http->head.method;
    if (lt_str_is(method, "HEAD")) /* RFC 9110 §9.3.2: as GET, without the body, which the server leaves out */
        method = LT_STR("GET");
    enum lt_code rc = lt_route_match(r->arena, method, r->http->head.path, &r->route, r->params);
    bool hidden = r->route && (r->route->flags & LT_ROUTE_DEMO) && !r->api->options.demo;
    if (rc == LT_ENOT_FOUND || hidden) {
        r->route = NULL;
        return lt_fail(err, LT_ENOT_FOUND, "there is nothing at this address");
    }
    if (rc == LT_EMETHOD)
        return lt_fail(err, LT_EMETHOD, "%s does not take %.*s", r->route->path, LT_FMT(method));
    lt_fiber_set_where(r->route->method, r->route->path);
    return LT_OK;
}

/* application/json, or application/merge-patch+json for PATCH (RFC 7386); a charset other than UTF-8 is refused. */
static enum lt_code check_media_type(struct lt_request *r, struct lt_error *err)
{
    struct lt_str rest = lt_http_field(&r->http->head, "Content-Type", NULL), type = lt_str_trim(lt_str_cut(&rest, ';'));
    rest = lt_str_trim(rest);
    bool json = lt_str_eq_ci(type, LT_STR("application/json")) ||
                (strcmp(r->route->method, "PATCH") == 0 && lt_str_eq_ci(type, LT_STR("application/merge-patch+json")));
    bool utf8 = rest.n == 0 || lt_str_eq_ci(rest, LT_STR("charset=utf-8")) || lt_str_eq_ci(rest, LT_STR("charset=\"utf-8\""));
    if (!json || !utf8)
        return lt_fail(err, LT_EMEDIA_TYPE, "the body must be application/json in UTF-8");
    return LT_OK;
}

/* A parameter that cannot be read must not count as absent: one that names a user would widen what the caller sees. */
static enum lt_code check_query(struct lt_request *r, struct lt_error *err)
{
    struct lt_str query = r->http->head.query, decoded;
    while (query.n > 0) {
        struct lt_str value = lt_str_cut(&query, '&'), name = lt_str_cut(&value, '=');
        if (!lt_percent_decode(r->arena, name, true, &decoded) || !lt_percent_decode(r->arena, value, true, &decoded))
            return lt_fail(err, LT_EINVALID_INPUT, "the query holds a name or value that is not percent-encoded UTF-8");
    }
    return LT_OK;
}

static enum lt_code read_body(struct lt_request *r, struct lt_error *err)
{
    struct lt_str text;
    if (!r->route->request_schema)
        return LT_OK;
    if ((!(r->route->flags & LT_ROUTE_ANY_TYPE) && check_media_type(r, err)) || lt_http_read_body(r->http, r->route->body_max, &text, err))
        return err->code;
    if (lt_json_parse(r->arena, text, LT_JSON_STRICT, &r->body, err))
        return err->code;
    return lt_schema_check(r->api->schemas[r->route - lt_routes], r->body, err);
}

/*
 * A token that is bound to a course says nothing about the rest of the site. These look at the course themselves; scopes do too, the
 * profiles that they lead to belong to the site.
 */
static bool for_one_course(const struct lt_route *route)
{
    static const char *const permissions[] = {"caller", "policy", "manage_roles", "manage_switches"};
    for (size_t i = 0; i < LT_COUNT(permissions); i++)
        if (strcmp(route->permission, permissions[i]) == 0)
            return true;
    return lt_str_starts(lt_str(route->path), LT_STR("/v1/scopes"));
}

static enum lt_code check_permission(struct lt_request *r, struct lt_error *err)
{
    const char *permission = r->route->permission;
    if (r->caller.key && r->caller.key->role == LT_KEY_METRICS) {
        if (strcmp(permission, "view_metrics") == 0)
            return LT_OK;
        return lt_fail(err, LT_EPERMISSION, "a metrics key reads /metrics and nothing else");
    }
    if (r->caller.only_course.n > 0 && !for_one_course(r->route))
        return lt_fail(err, LT_EPERMISSION, "the token is for course '%.*s', this is about the whole site", LT_FMT(r->caller.only_course));
    if (strcmp(permission, "caller") == 0 || lt_permitted(&r->caller, permission, LT_STR_NULL))
        return LT_OK;
    return lt_fail(err, LT_EPERMISSION, "no role of the caller has the permission '%s'", permission);
}

/* Calls that would be refused anyway are refused before their body is read. */
static enum lt_code check_room(struct lt_request *r, struct lt_error *err)
{
    if (atomic_load(&r->api->draining)) {
        lt_fail(err, LT_EOVERLOADED, "the daemon is stopping");
        err->retry_after_s = 5;
        return err->code;
    }
    return lt_calls_check_room(r->api->options.manager, err);
}

static enum lt_code sign_in(struct lt_request *r, struct lt_error *err)
{
    enum lt_code rc = lt_auth_check(r, err);
    if (r->caller.site)
        lt_cors_apply(r);
    return rc;
}

static enum lt_code prepare(struct lt_request *r, struct lt_error *err)
{
    enum lt_code rc = find_route(r, err);
    lt_cors_apply(r);
    if (rc || check_query(r, err))
        return err->code;
    if ((r->route->flags & LT_ROUTE_COSTS_MONEY) && check_room(r, err))
        return err->code;
    if (strcmp(r->route->permission, "public") == 0)
        return read_body(r, err);
    if (sign_in(r, err) || read_body(r, err) || lt_auth_user(r, err))
        return err->code;
    return check_permission(r, err);
}

static void run(struct lt_request *r)
{
    if (lt_etag_conditional(r))
        lt_etag_change(r);
    else if (lt_idempotency_asked(r))
        lt_idempotency_run(r);
    else if (lt_list_asked(r))
        lt_list_answer(r);
    else
        r->route->handle(r);
}

/* Several fields of one name are one list (RFC 9110 §5.3). */
static struct lt_str joined(struct lt_request *r, const char *name)
{
    const struct lt_http_head *head = &r->http->head;
    struct lt_str all = LT_STR_NULL;
    for (size_t i = 0; i < head->fields_n; i++)
        if (lt_str_eq_ci(head->fields[i].name, lt_str(name)))
            all = all.n == 0 ? head->fields[i].value : lt_printf(r->arena, "%.*s,%.*s", LT_FMT(all), LT_FMT(head->fields[i].value));
    return all;
}

static struct lt_span *begin_span(struct lt_request *r, struct lt_tracer *tracer)
{
    bool twice = false;
    struct lt_str parent = lt_http_field(&r->http->head, "traceparent", &twice);
    return lt_span_root(tracer, r->arena, LT_SPAN_SERVER, twice ? LT_STR_NULL : parent, joined(r, "tracestate"));
}

/* Supervisors and Prometheus ask all the time: that is not told. */
static void end_span(struct lt_request *r, struct lt_span *span)
{
    static const char *const quiet[] = {"/healthz", "/readyz", "/metrics"};
    int status = r->http->status;
    for (size_t i = 0; r->route && i < LT_COUNT(quiet); i++)
        if (strcmp(r->route->path, quiet[i]) == 0) {
            lt_span_drop(span);
            return;
        }
    const char *method = r->route ? r->route->method : "HTTP";
    lt_span_name(span, r->route ? lt_printf(r->arena, "%s %s", method, r->route->path) : lt_str(method));
    lt_span_text(span, "http.request.method", r->route ? lt_str(method) : LT_STR("_OTHER"));
    lt_span_text(span, "http.route", r->route ? lt_str(r->route->path) : LT_STR_NULL);
    lt_span_text(span, "url.scheme", lt_str(lt_request_scheme(r)));
    if (status > 0)
        lt_span_int(span, "http.response.status_code", status);
    lt_span_text(span, "lectern.request.id", lt_str(r->http->id));
    lt_span_text(span, "lectern.site", r->caller.site ? r->caller.site->slug : LT_STR_NULL);
    if (r->refused)
        lt_span_text(span, "lectern.code", lt_str(lt_code_name(r->refused)));
    lt_span_end(span, status >= 500 ? (r->refused ? r->refused : LT_EINTERNAL) : status == 0 ? LT_ECANCELLED : LT_OK);
}

void lt_api_handle(struct lt_http_request *http, void *ctx)
{
    struct lt_request r = {.api = ctx, .http = http, .began_us = lt_mono_us(), .arena = http->arena};
    struct lt_error err = {0};
    lt_ollama_take_key(&r);
    lt_request_keep_config(&r, lt_config_ref(lt_config_current()));
    lt_request_security(&r);
    struct lt_tracer *tracer = lt_manager_tracer(r.api->options.manager);
    struct lt_span *span = tracer ? begin_span(&r, tracer) : NULL;
    if (!lt_cors_preflight(&r)) {
        if (prepare(&r, &err))
            lt_reply_problem(&r, &err, NULL);
        else
            run(&r);
    }
    if (r.api->options.access_log)
        lt_access_note(&r);
    if (span)
        end_span(&r, span);
}
