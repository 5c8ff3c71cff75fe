/* Private to src/api: what handlers get and how they answer. */
#pragma once
#include <stdatomic.h>

#include "api/api.h"
#include "api/streams.h"
#include "base/clock.h"
#include "core/site.h"
#include "io/address.h"
#include "text/json_schema.h"

enum { LT_PARAMS_MAX = 2, LT_BODY_SMALL = 256 * 1024, LT_BODY_ACTION = 8 * 1024 * 1024, LT_REPLY_MAX = 16 * 1024 * 1024 };

struct lt_request;
struct lt_scopes;    /* workflows/scope.h */
struct lt_scope_set;
struct lt_scope_context;
struct lt_scope;
struct lt_profile;
struct lt_idempotent;
struct lt_unkept;
struct lt_console;
struct lt_trace;     /* core/trace.h */
struct lt_mcp_calls; /* mcp.h */
struct lt_report;    /* core/report.h */
struct lt_report_query;
struct lt_limit;     /* core/limit.h */
struct lt_provider_instance;

enum {
    LT_ROUTE_COSTS_MONEY = 1, /* refused while the daemon drains */
    LT_ROUTE_DEMO = 2,        /* exists only with --demo */
    LT_ROUTE_STREAMS = 4,     /* may answer with text/event-stream; the Open edX door with text/plain */
    LT_ROUTE_ANY_TYPE = 256,  /* reads its body as JSON whatever Content-Type says; never with cookies, which pages of others could use so */
    LT_ROUTE_COOKIES = 8,     /* takes Open edX's pair of cookies, and credentials of listed origins */
    LT_ROUTE_FILE = 32,       /* its body is a file of body_max bytes at most, which the handler reads; for openapi.json */
    LT_ROUTE_CONFIG = 16,     /* configuration: GET gives an ETag, changes take If-Match (etag.c) */
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
    /* For openapi.json, which adds what follows from the members above. All may be left out. */
    const char *query;    /* its parameters, parted by spaces: a text "name", else "name:int", "name:uuid", "name:1..100", "name:a|b" */
    const char *statuses; /* what else it answers: "201 409 502"; with a 2xx among them it does not answer 200 */
    const char *list;     /* what a list is made of, so that it takes q, sort and format=csv: see list.h. NULL: it is none */
    const char *types;    /* media types of a 200 answer that is not JSON, parted by spaces; NULL: none, or text/event-stream where it streams */
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
    struct lt_mcp_calls *mcp_calls;    /* that may be cancelled by what their client calls them */
    struct lt_scopes *scopes;
    struct lt_jwks_cache *keys;        /* of token issuers, by the addresses they are read from */
    struct lt_sign_ins *sign_ins;      /* that failed, by client address */
    struct lt_unkept *unkept;          /* keys of idempotency that the store has yet to be told of */
    int64_t started_at;                /* ms */
    atomic_bool not_ready, draining;
    atomic_uint ticks;
    atomic_int reports;                /* that are being made */
    atomic_int imports;                /* of courses, that are under way or ask to be */
    atomic_ulong answers[LT_STATUS_CLASSES]; /* by first digit of the status */
};

/* Of a change under a condition (etag.c). */
struct lt_condition {
    int64_t generation;  /* of the configuration in which it is met */
    bool again;          /* that was overtaken, nothing was changed and nothing answered */
};

struct lt_request {
    struct lt_api *api;
    struct lt_http_request *http;
    uint64_t began_us;                  /* by lt_mono_us() */
    struct lt_arena *arena;             /* of the request */
    struct lt_config *config;           /* the snapshot this request keeps */
    const struct lt_route *route;       /* NULL before it was found */
    struct lt_str params[LT_PARAMS_MAX]; /* decoded, in the order of the pattern */
    const struct lt_json *body;         /* valid against the route's schema; NULL when it takes none */
    struct lt_caller caller;            /* site NULL: nobody has signed in */
    struct lt_caller *asker;            /* the key that asks as a user (as_named), as it was before; NULL: the caller asks for itself */
    struct lt_trace *trace;             /* goes into the answer; NULL: none was asked for */
    struct lt_str etag_of;              /* what the ETag of configuration is made of; {NULL, 0}: of the body */
    struct lt_str *captured;            /* a JSON answer with status 200 goes here instead, into `arena` (list.c) */
    struct lt_str *only_tag;            /* nothing is to be answered, only the ETag is wanted: {NULL, 0} when there is none */
    struct lt_condition *condition;     /* NULL: none */
    struct lt_idempotent *idempotent;   /* the answer belongs to a key (idempotency.c); NULL: to none */
    const struct lt_console *console;   /* signed in by the console's cookie (console.h); NULL: not */
    enum lt_code refused;               /* of the problem that is answered */
    struct lt_str path_key;             /* that stood in the path, where it is no more (ollama.h); p NULL: none. Never logged */
};

/* ---- answering (respond.c, problem.c) ---- */
/* Sends body; cache: value of Cache-Control (NULL = no-store). */
void lt_reply(struct lt_request *r, int status, const char *type, const char *cache, const struct lt_http_field *extra, size_t extra_n,
              struct lt_str body);
/*
 * Begins an answer that comes in pieces (lt_http_stream_write(), lt_http_stream_end()): status 200, neither kept nor held back on the way, counted as
 * lt_reply() counts. extra: at most 8 fields.
 */
enum lt_code lt_reply_stream(struct lt_request *r, const char *type, const struct lt_http_field *extra, size_t extra_n);
/* The security headers, for whatever answer r gets. Before anything else. */
void lt_request_security(struct lt_request *r);
/* Fields for whatever answer r gets, also a streamed one; one of the same name takes the place of that before. Names and values live as long as r. */
void lt_request_always(struct lt_request *r, const struct lt_http_field *fields, size_t n);
/*
 * A file to be saved: Content-Disposition with a name made of `name` that no file system and no reader is misled by ("" gives
 * `otherwise`), and `extension` (".zip") behind it.
 */
void lt_reply_file(struct lt_request *r, const char *type, struct lt_str name, const char *otherwise, const char *extension, struct lt_str body);
/* A JSON answer being written: lt_json_begin(), write with the writer, lt_json_end() sends it and frees the buffer. */
struct lt_json_reply {
    struct lt_buf buf;
    struct lt_jw w;
};
struct lt_jw *lt_json_begin(struct lt_json_reply *j);
void lt_json_end(struct lt_request *r, int status, struct lt_json_reply *j);
/* The same for what is kept of a user, which may have placeholders (core/guard.h): its owner reads what they stand for, nobody else does. */
void lt_json_end_for(struct lt_request *r, int status, struct lt_json_reply *j, struct lt_str owner_id);
/* Restores what a buffer holds of such a text. */
void lt_restore_for(struct lt_request *r, struct lt_buf *text, struct lt_str owner_id);
/* application/problem+json (RFC 9457) with the status of err->code; call_id: the register row, or NULL. */
void lt_reply_problem(struct lt_request *r, const struct lt_error *err, const char *call_id);
/* What the caller may read of what went wrong: err's detail, or a calm text. */
const char *lt_problem_detail(struct lt_request *r, const struct lt_error *err);
/*
 * Fields of the head that go with an error in whatever form: how to sign in (`scheme`: "Bearer", "JWT"), the methods there are, when to come again
 * (retry_s > 0). Returns how many of `fields` it has filled, at most LT_PROBLEM_FIELDS_MAX.
 */
enum { LT_PROBLEM_FIELDS_MAX = 3 };
size_t lt_problem_fields(struct lt_request *r, enum lt_code code, const char *scheme, int retry_s, struct lt_http_field *fields);
/* "GET, POST": the methods of r->route's path. */
struct lt_str lt_route_methods(struct lt_request *r);
/* The body alone, for SSE `error` events. */
void lt_problem_write(struct lt_request *r, struct lt_jw *w, const struct lt_error *err, const char *call_id);

/* ---- who calls (auth.c) ---- */
/*
 * The Authorization field, or Open edX's cookies where the route takes them, or the console's → r->caller. LT_EUNAUTHENTICATED; LT_EPERMISSION (a request by
 * cookies may be forged; the caller is known by then); LT_EOVERLOADED (the issuer's keys cannot be read); LT_ERATE_LIMITED
 * (too many from this address have failed); LT_ECANCELLED.
 */
enum lt_code lt_auth_check(struct lt_request *r, struct lt_error *err);
/* A site key → r->caller; LT_EUNAUTHENTICATED or LT_ERATE_LIMITED as above. And the same by a key that was found otherwise: LT_EUNAUTHENTICATED. */
enum lt_code lt_auth_by_key(struct lt_request *r, struct lt_str text, struct lt_error *err);
enum lt_code lt_auth_as_key(struct lt_request *r, const struct lt_site_key *key, struct lt_error *err);
/* Which user a site key speaks for: the body's `user`, or ?user_id and ?role. At a door that names users in its own way the body is left to it. */
enum lt_code lt_auth_user(struct lt_request *r, struct lt_error *err);
/* The same rule wherever a user is named, so that whoever can accept a policy can be asked about. */
bool lt_user_id_ok(struct lt_str id);
enum { LT_USER_ID_MAX = 255 };
#define LT_USER_ID_RULE "must be 1 to %d bytes without control characters", LT_USER_ID_MAX
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
/*
 * The address of the client: of the connection, or what trusted proxies say in X-Forwarded-For. False when it is not told, or is this
 * machine: many users may come from there.
 */
bool lt_request_client(struct lt_request *r, struct lt_ip *ret);
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
/*
 * Pages: a list takes ?limit and a cursor, `after` where it goes up and `before` where it goes down, and has `next`: the cursor of the page
 * behind, null when that was all. A cursor names a row, so pages stay disjoint and complete while rows come.
 * A whole number from 0 on; 0 when absent. LT_EINVALID_INPUT.
 */
enum lt_code lt_query_cursor(struct lt_request *r, const char *name, int64_t *ret, struct lt_error *err);
/* A name, as long as one may be; "" when absent. */
enum lt_code lt_query_cursor_text(struct lt_request *r, const char *name, struct lt_str *ret, struct lt_error *err);
/* A date and time (RFC 3339) of the query or of the body, as milliseconds since 1970; 0 when absent, or null. LT_EINVALID_INPUT. */
enum lt_code lt_query_time(struct lt_request *r, const char *name, int64_t *ret, struct lt_error *err);
enum lt_code lt_body_time(struct lt_request *r, const char *name, int64_t *ret, struct lt_error *err);
void lt_jw_next(struct lt_jw *w, bool more, int64_t last);
void lt_jw_next_text(struct lt_jw *w, bool more, struct lt_str last);
/* Nothing may come from the response cache: the field Cache-Control has no-store, or the body `no_store`. */
bool lt_request_no_store(struct lt_request *r);
/* {id} of the path as UUID; LT_ENOT_FOUND. */
enum lt_code lt_param_uuid(struct lt_request *r, struct lt_uuid *ret, struct lt_error *err);
/* After a change: r->config becomes the snapshot that holds it. r->caller stays in the old one, which lives on with the request. */
enum lt_code lt_request_reload(struct lt_request *r, struct lt_error *err);
/* The caller's site in r->config: after a reload it is not r->caller.site. */
const struct lt_site *lt_request_site(struct lt_request *r);
/* Who changes something, for histories: the user, or the key by its first characters. */
struct lt_str lt_request_who(struct lt_request *r);
/*
 * `trace` of the body: r->trace is set when it is true. LT_EPERMISSION: who asks is no key that may view_trace; LT_EINVALID_INPUT: the answer is not
 * given to whoever asked for it (async).
 */
enum lt_code lt_request_trace(struct lt_request *r, struct lt_error *err);
/* An instance of the caller's site by name or id; NULL (LT_ENOT_FOUND) when there is none. */
const struct lt_provider_instance *lt_request_provider(struct lt_request *r, struct lt_str name_or_id, struct lt_error *err);
/* The scopes for r->config, kept until the request ends; fresh: with every change that r->config holds. */
enum lt_code lt_request_scopes(struct lt_request *r, bool fresh, struct lt_scope_set **ret, struct lt_error *err);
/* ?course_id, location_id, ui_slot_selector_id and service_variant; a token's own course when none is given. LT_EINVALID_INPUT, LT_EPERMISSION. */
enum lt_code lt_request_scope_context(struct lt_request *r, int variant_otherwise, struct lt_scope_context *ret, struct lt_error *err);
/*
 * A profile of the caller's site by slug, UUID or number, which a scope leads to in the context (*ret_scope), or which the caller may run without
 * one (manage_workflows; NULL). LT_ENOT_FOUND, LT_EMULTIPLE, LT_EPERMISSION, and what reading the scopes gives.
 */
enum lt_code lt_request_profile(struct lt_request *r, const struct lt_scope_context *context, struct lt_str name, const struct lt_profile **ret,
                                const struct lt_scope **ret_scope, struct lt_error *err);
/* Keeps a reference until the request ends. */
void lt_request_keep_config(struct lt_request *r, struct lt_config *config);

/* Makes a report when it is its turn: not many at once. As lt_report_run(); LT_EOVERLOADED too. */
enum lt_code lt_request_report(struct lt_request *r, const struct lt_report_query *query, struct lt_report *ret, struct lt_error *err);
/* "circuit": how the vendor of the instance has been of late, in this process. */
void lt_request_put_circuit(struct lt_request *r, struct lt_jw *w, const struct lt_provider_instance *instance);
/* An object: a limit of the whole site, with what was used of it. */
void lt_request_put_site_quota(struct lt_request *r, struct lt_jw *w, const struct lt_limit *limit);
/* "stopped", "site", "all_sites": the emergency stops in force. */
enum lt_code lt_request_put_stops(struct lt_request *r, struct lt_jw *w, struct lt_error *err);

/* ---- handlers ---- */
void lt_get_actions(struct lt_request *r);
void lt_post_action(struct lt_request *r);
void lt_get_call(struct lt_request *r);
void lt_get_call_stream(struct lt_request *r);
void lt_delete_call(struct lt_request *r);
void lt_get_feedback(struct lt_request *r);
void lt_put_feedback(struct lt_request *r);
void lt_delete_feedback(struct lt_request *r);
void lt_post_approval(struct lt_request *r);
void lt_get_policy(struct lt_request *r);
void lt_put_policy(struct lt_request *r);
void lt_delete_policy(struct lt_request *r);
void lt_post_policy_status(struct lt_request *r);
void lt_get_policy_texts(struct lt_request *r);
void lt_put_policy_text(struct lt_request *r);
void lt_get_policy_report(struct lt_request *r);
void lt_get_plugins(struct lt_request *r);
void lt_get_health(struct lt_request *r);
void lt_get_overview(struct lt_request *r);
void lt_get_provider_plugins(struct lt_request *r);
void lt_get_providers(struct lt_request *r);
void lt_post_provider(struct lt_request *r);
void lt_get_provider(struct lt_request *r);
void lt_patch_provider(struct lt_request *r);
void lt_delete_provider(struct lt_request *r);
void lt_put_provider_order(struct lt_request *r);
void lt_get_mcp_servers(struct lt_request *r);
void lt_post_mcp_server(struct lt_request *r);
void lt_get_mcp_server(struct lt_request *r);
void lt_patch_mcp_server(struct lt_request *r);
void lt_delete_mcp_server(struct lt_request *r);
void lt_post_mcp_server_test(struct lt_request *r);
void lt_get_mcp_server_tools(struct lt_request *r);
void lt_post_provider_test(struct lt_request *r);
void lt_get_provider_models(struct lt_request *r);
void lt_get_placements(struct lt_request *r);
void lt_get_placement(struct lt_request *r);
void lt_put_placement(struct lt_request *r);
void lt_get_switches(struct lt_request *r);
void lt_put_switch(struct lt_request *r);
void lt_post_privacy_export(struct lt_request *r);
void lt_post_privacy_erase(struct lt_request *r);
void lt_get_privacy_job(struct lt_request *r);
void lt_get_privacy_metadata(struct lt_request *r);
void lt_get_file(struct lt_request *r);
void lt_get_event_destinations(struct lt_request *r);
void lt_post_event_destination(struct lt_request *r);
void lt_get_event_destination(struct lt_request *r);
void lt_patch_event_destination(struct lt_request *r);
void lt_delete_event_destination(struct lt_request *r);
void lt_post_event_destination_test(struct lt_request *r);
void lt_get_events_dead(struct lt_request *r);
void lt_post_events_retry(struct lt_request *r);
void lt_post_event_retry(struct lt_request *r);
void lt_delete_events_dead(struct lt_request *r);
void lt_delete_event_dead(struct lt_request *r);
void lt_get_limits(struct lt_request *r);
void lt_get_limit(struct lt_request *r);
void lt_get_limit_notices(struct lt_request *r);
void lt_post_limit(struct lt_request *r);
void lt_patch_limit(struct lt_request *r);
void lt_delete_limit(struct lt_request *r);
void lt_get_content_sources(struct lt_request *r);
void lt_get_content_source(struct lt_request *r);
void lt_post_content_source(struct lt_request *r);
void lt_patch_content_source(struct lt_request *r);
void lt_delete_content_source(struct lt_request *r);
void lt_post_content_source_test(struct lt_request *r);
void lt_get_prices(struct lt_request *r);
void lt_post_price(struct lt_request *r);
void lt_delete_price(struct lt_request *r);
void lt_get_quota(struct lt_request *r);
void lt_get_emergency_stop(struct lt_request *r);
void lt_put_emergency_stop(struct lt_request *r);
void lt_delete_emergency_stop(struct lt_request *r);
void lt_get_scopes(struct lt_request *r);
void lt_post_scope(struct lt_request *r);
void lt_get_scope_resolve(struct lt_request *r);
void lt_get_scope(struct lt_request *r);
void lt_patch_scope(struct lt_request *r);
void lt_delete_scope(struct lt_request *r);
void lt_get_register(struct lt_request *r);
void lt_get_register_call(struct lt_request *r);
void lt_get_register_export(struct lt_request *r);
void lt_get_report_usage(struct lt_request *r);
void lt_get_report_cost(struct lt_request *r);
void lt_get_report_errors(struct lt_request *r);
void lt_get_report_latency(struct lt_request *r);
void lt_get_report_feedback(struct lt_request *r);
void lt_get_report_guards(struct lt_request *r);
void lt_post_workflow_run(struct lt_request *r);
void lt_get_tasks(struct lt_request *r);
void lt_get_gradings(struct lt_request *r);
void lt_get_course_search(struct lt_request *r);
void lt_get_course_index(struct lt_request *r);
void lt_get_grading(struct lt_request *r);
void lt_get_submission_grading(struct lt_request *r);
void lt_put_grading_decision(struct lt_request *r);
void lt_get_task(struct lt_request *r);
void lt_get_task_events(struct lt_request *r);
void lt_delete_task(struct lt_request *r);
void lt_get_roles(struct lt_request *r);
void lt_get_my_roles(struct lt_request *r);
void lt_put_role(struct lt_request *r);
void lt_post_role_import(struct lt_request *r);
void lt_delete_role(struct lt_request *r);
void lt_get_courses(struct lt_request *r);
void lt_post_course(struct lt_request *r);
void lt_get_course(struct lt_request *r);
void lt_delete_course(struct lt_request *r);
void lt_get_keys(struct lt_request *r);
void lt_post_key(struct lt_request *r);
void lt_post_key_rotate(struct lt_request *r);
void lt_delete_key(struct lt_request *r);
void lt_get_site(struct lt_request *r);
void lt_patch_site(struct lt_request *r);
void lt_get_services(struct lt_request *r);
void lt_get_service(struct lt_request *r);
void lt_get_permissions(struct lt_request *r);
void lt_put_permission(struct lt_request *r);
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
void lt_post_question_convert(struct lt_request *r);
void lt_openedx_post_workflow(struct lt_request *r);
void lt_openedx_get_profile(struct lt_request *r);
void lt_openedx_get_profiles(struct lt_request *r);
void lt_openedx_get_prompt(struct lt_request *r);
void lt_openedx_patch_prompt(struct lt_request *r);
void lt_openai_post_chat(struct lt_request *r);
void lt_openai_post_embeddings(struct lt_request *r);
void lt_openai_post_images(struct lt_request *r);
void lt_openai_get_models(struct lt_request *r);
void lt_openai_get_model(struct lt_request *r);
void lt_openai_post_response(struct lt_request *r);
void lt_openai_get_response(struct lt_request *r);
void lt_openai_delete_response(struct lt_request *r);
void lt_openai_cancel_response(struct lt_request *r);
void lt_openai_get_input_items(struct lt_request *r);
void lt_get_healthz(struct lt_request *r);
void lt_get_readyz(struct lt_request *r);
void lt_get_metrics(struct lt_request *r);
void lt_get_openapi(struct lt_request *r);
void lt_get_demo_index(struct lt_request *r);
void lt_get_demo_unit(struct lt_request *r);
void lt_get_demo_static(struct lt_request *r);
void lt_get_widget(struct lt_request *r);
void lt_get_docs(struct lt_request *r);
void lt_get_docs_page(struct lt_request *r);
void lt_post_console_session(struct lt_request *r);
void lt_get_console_session(struct lt_request *r);
void lt_delete_console_session(struct lt_request *r);
void lt_get_console_page(struct lt_request *r);
void lt_get_console_static(struct lt_request *r);
