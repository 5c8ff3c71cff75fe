/* Private to src/api: what handlers get and how they answer. */
#pragma once
#include <stdatomic.h>

#include "api/api.h"
#include "api/streams.h"
#include "base/clock.h"
#include "core/site.h"
#include "text/json_schema.h"

enum { LT_PARAMS_MAX = 2, LT_BODY_SMALL = 256 * 1024, LT_BODY_ACTION = 8 * 1024 * 1024, LT_REPLY_MAX = 16 * 1024 * 1024 };

struct lt_request;
struct lt_scopes;    /* workflows/scope.h */
struct lt_scope_set;
struct lt_scope_context;

enum {
    LT_ROUTE_COSTS_MONEY = 1, /* refused while the daemon drains */
    LT_ROUTE_DEMO = 2,        /* exists only with --demo */
    LT_ROUTE_STREAMS = 4,     /* may answer with text/event-stream; the Open edX door with text/plain */
    LT_ROUTE_COOKIES = 8,     /* takes Open edX's pair of cookies, and credentials of listed origins */
};

struct lt_route {
    const char *method, *path;   /* {name} is one segment, {name*} the rest */
    const char *permission;      /* "public"; "caller": whoever has signed in; else a permission of core/site.h */
    const char *summary;         /* for openapi.json */
    const char *request_schema;  /* JSON Schema text; NULL: takes no body */
    const char *response_schema; /* of the 200 answer; NULL: not JSON */
    size_t body_max;             /* bytes */
    unsigned flags;
    void (*handle)(struct lt_request *r);
};

/* The table of routes.c. */
extern const struct lt_route lt_routes[];
extern const size_t lt_routes_n;

enum { LT_STATUS_CLASSES = 6 };

struct lt_api {
    struct lt_api_options options;
    struct lt_arena *arena;            /* of the compiled schemas */
    const struct lt_schema **schemas;  /* by route, NULL = no body */
    struct lt_streams *streams;
    struct lt_scopes *scopes;
    struct lt_jwks_cache *keys;        /* of token issuers, by the addresses they are read from */
    atomic_bool not_ready, draining;
    atomic_ulong answers[LT_STATUS_CLASSES]; /* by first digit of the status */
};

struct lt_request {
    struct lt_api *api;
    struct lt_http_request *http;
    struct lt_arena *arena;             /* of the request */
    struct lt_config *config;           /* the snapshot this request keeps */
    const struct lt_route *route;       /* NULL before it was found */
    struct lt_str params[LT_PARAMS_MAX]; /* decoded, in the order of the pattern */
    const struct lt_json *body;         /* valid against the route's schema; NULL when it takes none */
    struct lt_caller caller;            /* site NULL: nobody has signed in */
};

/* ---- answering (respond.c, problem.c) ---- */
/* Sends body with the security headers; cache: value of Cache-Control (NULL = no-store). */
void lt_reply(struct lt_request *r, int status, const char *type, const char *cache, const struct lt_http_field *extra, size_t extra_n,
              struct lt_str body);
/* A JSON answer being written: lt_json_begin(), write with the writer, lt_json_end() sends it and frees the buffer. */
struct lt_json_reply {
    struct lt_buf buf;
    struct lt_jw w;
};
struct lt_jw *lt_json_begin(struct lt_json_reply *j);
void lt_json_end(struct lt_request *r, int status, struct lt_json_reply *j);
/* application/problem+json (RFC 9457) with the status of err->code; call_id: the register row, or NULL. */
void lt_reply_problem(struct lt_request *r, const struct lt_error *err, const char *call_id);
/* What the caller may read of what went wrong: err's detail, or a calm text. */
const char *lt_problem_detail(struct lt_request *r, const struct lt_error *err);
/* "GET, POST": the methods of r->route's path. */
struct lt_str lt_route_methods(struct lt_request *r);
/* The body alone, for SSE `error` events. */
void lt_problem_write(struct lt_request *r, struct lt_jw *w, const struct lt_error *err, const char *call_id);

/* ---- who calls (auth.c) ---- */
/*
 * The Authorization field, or Open edX's cookies where the route takes them → r->caller. LT_EUNAUTHENTICATED; LT_EPERMISSION (a request by
 * cookies may be forged; the caller is known by then); LT_EOVERLOADED (the issuer's keys cannot be read); LT_ECANCELLED.
 */
enum lt_code lt_auth_check(struct lt_request *r, struct lt_error *err);
/* Which user a site key speaks for: the body's `user`, or ?user_id and ?role. */
enum lt_code lt_auth_user(struct lt_request *r, struct lt_error *err);
/* "The caller must be or name a user": policy and the like. */
enum lt_code lt_auth_need_user(struct lt_request *r, struct lt_error *err);

/* ---- where it came to (hosts.c) ---- */
/*
 * The host (and port) that the client asked: X-Forwarded-Host as a trusted proxy wrote it, else Host. Of a list the last one counts:
 * what stands before it may be the client's. Never NULL; as sent, compare without case.
 */
struct lt_str lt_request_host(struct lt_request *r);
/* "https" or "http": X-Forwarded-Proto of a trusted proxy, else whether our own listener speaks TLS. */
const char *lt_request_scheme(struct lt_request *r);
/* Is it the address that this request itself came to (RFC 6454 §4)? */
bool lt_request_own_origin(struct lt_request *r, struct lt_str origin);
/* enum lt_service_variant: whether the host is one of the caller's site's cms_hosts or lms_hosts; LT_SERVICE_LMS when it is in neither. */
int lt_request_variant(struct lt_request *r);

/* ---- parts of requests ---- */
/* A query parameter, or the empty string. */
struct lt_str lt_query(struct lt_request *r, const char *name);
/* The query's course_id, location_id and placement. */
struct lt_place lt_query_place(struct lt_request *r);
/* ?limit, 1 to max; LT_EINVALID_INPUT. */
enum lt_code lt_query_limit(struct lt_request *r, int otherwise, int max, int *ret, struct lt_error *err);
/* {id} of the path as UUID; LT_ENOT_FOUND. */
enum lt_code lt_param_uuid(struct lt_request *r, struct lt_uuid *ret, struct lt_error *err);
/* After a change: r->config becomes the snapshot that holds it. r->caller stays in the old one, which lives on with the request. */
enum lt_code lt_request_reload(struct lt_request *r, struct lt_error *err);
/* The caller's site in r->config: after a reload it is not r->caller.site. */
const struct lt_site *lt_request_site(struct lt_request *r);
/* Who changes something, for histories: the user, or the key by its first characters. */
struct lt_str lt_request_who(struct lt_request *r);
/* An instance of the caller's site by name or id; NULL (LT_ENOT_FOUND) when there is none. */
const struct lt_provider_instance *lt_request_provider(struct lt_request *r, struct lt_str name_or_id, struct lt_error *err);
/* The scopes for r->config, kept until the request ends; fresh: with every change that r->config holds. */
enum lt_code lt_request_scopes(struct lt_request *r, bool fresh, struct lt_scope_set **ret, struct lt_error *err);
/* ?course_id, location_id, ui_slot_selector_id and service_variant; a token's own course when none is given. LT_EINVALID_INPUT, LT_EPERMISSION. */
enum lt_code lt_request_scope_context(struct lt_request *r, int variant_otherwise, struct lt_scope_context *ret, struct lt_error *err);
/* Keeps a reference until the request ends. */
void lt_request_keep_config(struct lt_request *r, struct lt_config *config);
void lt_jw_ktime(struct lt_jw *w, const char *key, int64_t ms);      /* RFC 3339; 0 writes null */
void lt_jw_ktokens(struct lt_jw *w, const char *key, int64_t tokens); /* unknown (-1) is null, never 0 */

/* ---- handlers ---- */
void lt_get_actions(struct lt_request *r);
void lt_post_action(struct lt_request *r);
void lt_get_call(struct lt_request *r);
void lt_get_call_stream(struct lt_request *r);
void lt_delete_call(struct lt_request *r);
void lt_get_policy(struct lt_request *r);
void lt_put_policy(struct lt_request *r);
void lt_delete_policy(struct lt_request *r);
void lt_get_provider_plugins(struct lt_request *r);
void lt_get_providers(struct lt_request *r);
void lt_post_provider(struct lt_request *r);
void lt_get_provider(struct lt_request *r);
void lt_patch_provider(struct lt_request *r);
void lt_delete_provider(struct lt_request *r);
void lt_put_provider_order(struct lt_request *r);
void lt_post_provider_test(struct lt_request *r);
void lt_get_provider_models(struct lt_request *r);
void lt_get_placements(struct lt_request *r);
void lt_get_placement(struct lt_request *r);
void lt_put_placement(struct lt_request *r);
void lt_get_switches(struct lt_request *r);
void lt_put_switch(struct lt_request *r);
void lt_get_scopes(struct lt_request *r);
void lt_post_scope(struct lt_request *r);
void lt_get_scope_resolve(struct lt_request *r);
void lt_get_scope(struct lt_request *r);
void lt_patch_scope(struct lt_request *r);
void lt_delete_scope(struct lt_request *r);
void lt_get_register(struct lt_request *r);
void lt_get_register_call(struct lt_request *r);
void lt_post_workflow_run(struct lt_request *r);
void lt_get_tasks(struct lt_request *r);
void lt_get_task(struct lt_request *r);
void lt_get_task_events(struct lt_request *r);
void lt_delete_task(struct lt_request *r);
void lt_get_roles(struct lt_request *r);
void lt_get_my_roles(struct lt_request *r);
void lt_put_role(struct lt_request *r);
void lt_post_role_import(struct lt_request *r);
void lt_delete_role(struct lt_request *r);
void lt_get_templates(struct lt_request *r);
void lt_get_template(struct lt_request *r);
void lt_get_profiles(struct lt_request *r);
void lt_post_profile(struct lt_request *r);
void lt_post_profile_validate(struct lt_request *r);
void lt_get_profile(struct lt_request *r);
void lt_patch_profile(struct lt_request *r);
void lt_delete_profile(struct lt_request *r);
void lt_get_profile_history(struct lt_request *r);
void lt_get_profile_diff(struct lt_request *r);
void lt_get_profile_usage(struct lt_request *r);
void lt_get_prompts(struct lt_request *r);
void lt_post_prompt(struct lt_request *r);
void lt_get_prompt(struct lt_request *r);
void lt_patch_prompt(struct lt_request *r);
void lt_delete_prompt(struct lt_request *r);
void lt_get_prompt_history(struct lt_request *r);
void lt_get_sessions(struct lt_request *r);
void lt_get_session(struct lt_request *r);
void lt_delete_session(struct lt_request *r);
void lt_post_session_clear(struct lt_request *r);
void lt_get_session_thread(struct lt_request *r);
void lt_get_session_collection(struct lt_request *r);
void lt_get_session_messages(struct lt_request *r);
void lt_openedx_post_workflow(struct lt_request *r);
void lt_openedx_get_profile(struct lt_request *r);
void lt_openedx_get_profiles(struct lt_request *r);
void lt_openedx_get_prompt(struct lt_request *r);
void lt_openedx_patch_prompt(struct lt_request *r);
void lt_get_healthz(struct lt_request *r);
void lt_get_readyz(struct lt_request *r);
void lt_get_metrics(struct lt_request *r);
void lt_get_openapi(struct lt_request *r);
void lt_get_demo_index(struct lt_request *r);
void lt_get_demo_unit(struct lt_request *r);
void lt_get_demo_static(struct lt_request *r);
void lt_get_widget(struct lt_request *r);
