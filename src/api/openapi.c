/* /v1/openapi.json: the route table as OpenAPI 3.1. What all routes share is in openapi_components.h. */
#include <ctype.h>
#include <stdio.h>

#include "api/door.h"
#include "api/list.h"
#include "api/openapi_components.h"

enum { STATUS_MIN = 100, STATUS_MAX = 599 };

static bool is_public(const struct lt_route *route)
{
    return strcmp(route->permission, "public") == 0;
}

static bool is_method(const struct lt_route *route, const char *method)
{
    return strcmp(route->method, method) == 0;
}

static bool changes(const struct lt_route *route)
{
    return !is_method(route, "GET");
}

/* Events, or what the door streams, unless the row says otherwise. */
static struct lt_str types_of(const struct lt_route *route)
{
    const struct lt_door *door = lt_door_of(lt_str(route->path));
    if (route->types)
        return lt_str(route->types);
    if (route->list)
        return LT_STR("text/csv");
    if (!(route->flags & LT_ROUTE_STREAMS))
        return LT_STR("");
    return door ? lt_str(door->stream_type) : LT_STR("text/event-stream");
}

static void put_ref(struct lt_jw *w, const char *kind, const char *name)
{
    char ref[96];
    snprintf(ref, sizeof(ref), "#/components/%s/%s", kind, name);
    lt_jw_obj(w);
    lt_jw_kstrz(w, "$ref", ref);
    lt_jw_end(w);
}

/* ---- parameters ---- */

static void put_parameter(struct lt_jw *w, struct lt_str name, const char *in, bool required)
{
    lt_jw_obj(w);
    lt_jw_kstr(w, "name", name);
    lt_jw_kstrz(w, "in", in);
    if (required)
        lt_jw_kbool(w, "required", true);
    lt_jw_key(w, "schema");
}

static void put_path_parameters(struct lt_jw *w, const char *path)
{
    for (const char *open = strchr(path, '{'); open; open = strchr(open + 1, '{')) {
        put_parameter(w, (struct lt_str){open + 1, strcspn(open + 1, "*}")}, "path", true);
        lt_jw_raw(w, LT_STR("{\"type\":\"string\",\"minLength\":1}"));
        lt_jw_end(w);
    }
}

static void put_range(struct lt_jw *w, struct lt_str type)
{
    int64_t min = 0, max = 0;
    struct lt_str rest = type, first = lt_str_cut(&rest, '.');
    lt_str_cut(&rest, '.');
    lt_jw_kstrz(w, "type", "integer");
    if (lt_str_to_int64(first, &min) && lt_str_to_int64(rest, &max)) {
        lt_jw_kint(w, "minimum", min);
        lt_jw_kint(w, "maximum", max);
    }
}

/* The part behind the colon: see struct lt_route. */
static void put_query_schema(struct lt_jw *w, struct lt_str type)
{
    lt_jw_obj(w);
    if (type.n > 0 && isdigit((unsigned char)type.p[0]) && !memchr(type.p, '|', type.n)) {
        put_range(w, type);
    } else if (lt_str_is(type, "int")) {
        lt_jw_kstrz(w, "type", "integer");
        lt_jw_kstrz(w, "format", "int64");
    } else {
        lt_jw_kstrz(w, "type", "string");
    }
    if (lt_str_is(type, "uuid")) {
        lt_jw_kstrz(w, "format", "uuid");
    } else if (type.n > 0 && memchr(type.p, '|', type.n)) {
        lt_jw_key(w, "enum");
        lt_jw_arr(w);
        while (type.n > 0)
            lt_jw_str(w, lt_str_cut(&type, '|'));
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

/* `next` of a sorted list is a text, whatever its cursor is else. */
static bool is_cursor(struct lt_str name, struct lt_str type, const struct lt_list_spec *list)
{
    bool sorts = false;
    for (size_t i = 0; i < list->n; i++)
        sorts |= list->columns[i].sorts && !list->columns[i].by_handler;
    return sorts && lt_str_is(type, "int") && (lt_str_is(name, "after") || lt_str_is(name, "before"));
}

static void put_query(struct lt_jw *w, const char *query, const struct lt_list_spec *list)
{
    struct lt_str rest = query ? lt_str(query) : LT_STR("");
    while (rest.n > 0) {
        struct lt_str type = lt_str_cut(&rest, ' '), name = lt_str_cut(&type, ':');
        put_parameter(w, name, "query", false);
        if (is_cursor(name, type, list))
            lt_jw_raw(w, LT_STR("{\"type\":[\"integer\",\"string\"],\"format\":\"int64\"}"));
        else
            put_query_schema(w, type);
        lt_jw_end(w);
    }
}

/* q, sort and format: list.h. */
static void put_list_parameters(struct lt_jw *w, const struct lt_list_spec *list)
{
    bool sorts = false;
    put_parameter(w, LT_STR("q"), "query", false);
    lt_jw_raw(w, LT_STR("{\"type\":\"string\",\"maxLength\":200}"));
    lt_jw_end(w);
    put_parameter(w, LT_STR("format"), "query", false);
    put_query_schema(w, LT_STR("json|csv"));
    lt_jw_end(w);
    for (size_t i = 0; i < list->n; i++)
        sorts |= list->columns[i].sorts;
    if (!sorts)
        return;
    put_parameter(w, LT_STR("sort"), "query", false);
    lt_jw_obj(w);
    lt_jw_kstrz(w, "type", "string");
    lt_jw_key(w, "enum");
    lt_jw_arr(w);
    for (size_t i = 0; i < 2 * list->n; i++) {
        char name[64];
        const struct lt_list_column *c = &list->columns[i / 2];
        snprintf(name, sizeof(name), "%s%.*s", i % 2 ? "-" : "", LT_FMT(c->name));
        if (c->sorts)
            lt_jw_strz(w, name);
    }
    lt_jw_end(w);
    lt_jw_end(w);
    lt_jw_end(w);
}

/* Who a site key speaks for is said in the query where there is no body (auth.c). */
static void put_shared_parameters(struct lt_jw *w, const struct lt_route *route)
{
    bool money = route->flags & LT_ROUTE_COSTS_MONEY, config = route->flags & LT_ROUTE_CONFIG;
    if (!is_public(route) && (is_method(route, "GET") || is_method(route, "DELETE"))) {
        put_ref(w, "parameters", "UserId");
        put_ref(w, "parameters", "Role");
    }
    if (money && is_method(route, "POST"))
        put_ref(w, "parameters", "IdempotencyKey");
    if (config)
        put_ref(w, "parameters", changes(route) ? "IfMatch" : "IfNoneMatch");
    if ((route->flags & LT_ROUTE_STREAMS) && is_method(route, "GET"))
        put_ref(w, "parameters", "LastEventId");
}

static void put_parameters(struct lt_jw *w, const struct lt_route *route)
{
    struct lt_list_spec list = {.n = 0};
    if (route->list)
        lt_list_spec(route->list, &list);
    lt_jw_key(w, "parameters");
    lt_jw_arr(w);
    put_path_parameters(w, route->path);
    put_query(w, route->query, &list);
    if (route->list)
        put_list_parameters(w, &list);
    put_shared_parameters(w, route);
    lt_jw_end(w);
}

/* ---- the body ---- */

static void put_content(struct lt_jw *w, struct lt_str type, struct lt_str schema)
{
    lt_jw_key_str(w, type);
    lt_jw_obj(w);
    lt_jw_key(w, "schema");
    lt_jw_raw(w, schema);
    lt_jw_end(w);
}

static void put_body(struct lt_jw *w, const struct lt_route *route)
{
    struct lt_str schema = route->request_schema ? lt_str(route->request_schema) : LT_STR_NULL;
    bool file = route->flags & LT_ROUTE_FILE;
    if (!schema.p && !file)
        return;
    lt_jw_key(w, "requestBody");
    lt_jw_obj(w);
    lt_jw_kbool(w, "required", true);
    lt_jw_key(w, "content");
    lt_jw_obj(w);
    put_content(w, file ? LT_STR("application/octet-stream") : LT_STR("application/json"), file ? LT_STR("{\"type\":\"string\",\"format\":\"binary\"}") : schema);
    if (is_method(route, "PATCH"))
        put_content(w, LT_STR("application/merge-patch+json"), schema);
    lt_jw_end(w);
    lt_jw_end(w);
}

/* ---- answers ---- */

struct statuses {
    bool set[STATUS_MAX + 1];
};

static void add_list(struct statuses *s, const char *list)
{
    int64_t status;
    struct lt_str rest = list ? lt_str(list) : LT_STR("");
    while (rest.n > 0)
        if (lt_str_to_int64(lt_str_cut(&rest, ' '), &status) && status >= STATUS_MIN && status <= STATUS_MAX)
            s->set[status] = true;
}

/* What dispatch.c, the server below it and the store can answer, by what the row says. */
static void find_statuses(const struct lt_route *route, struct statuses *ret)
{
    *ret = (struct statuses){0};
    add_list(ret, route->statuses);
    bool listed = false;
    for (int i = 200; i < 300; i++)
        listed |= ret->set[i];
    ret->set[200] |= !listed;
    add_list(ret, "400 408 414 431 500 503");
    if (!is_public(route))
        add_list(ret, "401 403 429");
    if (strchr(route->path, '{'))
        add_list(ret, "404");
    if (route->request_schema || (route->flags & LT_ROUTE_FILE))
        add_list(ret, "413 415");
    if (changes(route))
        add_list(ret, "404 409");
    if (route->flags & LT_ROUTE_COSTS_MONEY)
        add_list(ret, "422 429 499 502 504");
    if ((route->flags & LT_ROUTE_STREAMS) && !changes(route))
        add_list(ret, "409");
    if (route->flags & LT_ROUTE_CONFIG)
        add_list(ret, changes(route) ? "412" : "304");
}

static void put_headers(struct lt_jw *w, const struct lt_route *route, int status)
{
    lt_jw_key(w, "headers");
    lt_jw_obj(w);
    lt_jw_key(w, "X-Request-Id");
    put_ref(w, "headers", "RequestId");
    if ((route->flags & LT_ROUTE_CONFIG) && status < 300 && status != 204) {
        lt_jw_key(w, "ETag");
        put_ref(w, "headers", "ETag");
    }
    if ((route->flags & LT_ROUTE_COSTS_MONEY) && is_method(route, "POST")) {
        lt_jw_key(w, "Idempotent-Replayed");
        put_ref(w, "headers", "IdempotentReplayed");
    }
    lt_jw_end(w);
}

static void put_success_content(struct lt_jw *w, const struct lt_route *route)
{
    struct lt_str types = types_of(route);
    if (!route->response_schema && types.n == 0)
        return;
    lt_jw_key(w, "content");
    lt_jw_obj(w);
    if (route->response_schema)
        put_content(w, LT_STR("application/json"), lt_str(route->response_schema));
    while (types.n > 0) {
        struct lt_str type = lt_str_cut(&types, ' ');
        bool events = lt_str_is(type, "text/event-stream"), lines = lt_str_is(type, "application/x-ndjson");
        put_content(w, type, events ? LT_STR("{\"$ref\":\"#/components/schemas/Event\"}") : lines ? LT_STR("{}") : LT_STR("{\"type\":\"string\"}"));
    }
    lt_jw_end(w);
}

static void put_success(struct lt_jw *w, const struct lt_route *route, int status)
{
    lt_jw_obj(w);
    lt_jw_kstrz(w, "description", status == 202 ? "It will be done in the background." : status == 304 ? "As the caller has it." : "Done.");
    put_headers(w, route, status);
    if (status == 202) {
        lt_jw_key(w, "content");
        lt_jw_obj(w);
        put_content(w, LT_STR("application/json"), LT_STR("{\"$ref\":\"#/components/schemas/Accepted\"}"));
        lt_jw_end(w);
    } else if (status < 204) {
        put_success_content(w, route);
    }
    lt_jw_end(w);
}

static const char *error_form(const struct lt_route *route, int status)
{
    const struct lt_door *door = lt_door_of(lt_str(route->path));
    if (status == 408 || status == 414 || status == 431) /* refused by the server below, wherever it was going */
        return "Problem";
    return door ? door->error_name : "Problem";
}

static void put_answers(struct lt_jw *w, const struct lt_route *route)
{
    struct statuses statuses;
    char name[8];
    find_statuses(route, &statuses);
    lt_jw_key(w, "responses");
    lt_jw_obj(w);
    for (int status = STATUS_MIN; status <= STATUS_MAX; status++) {
        if (!statuses.set[status])
            continue;
        snprintf(name, sizeof(name), "%d", status);
        lt_jw_key(w, name);
        if (status < 400)
            put_success(w, route, status);
        else
            put_ref(w, "responses", error_form(route, status));
    }
    lt_jw_end(w);
}

/* ---- routes ---- */

/* "post_v1_providers_id_test": unique, as method and path are. */
static void put_operation_id(struct lt_jw *w, const char *method, const char *path)
{
    char id[160];
    size_t n = (size_t)snprintf(id, sizeof(id), "%s", method);
    for (const char *p = path; *p && n < sizeof(id) - 1; p++) {
        bool word = isalnum((unsigned char)*p);
        if (word || id[n - 1] != '_')
            id[n++] = word ? *p : '_';
    }
    while (n > 1 && id[n - 1] == '_')
        n--;
    lt_jw_kstr(w, "operationId", (struct lt_str){id, n});
}

static void put_security(struct lt_jw *w, const struct lt_route *route)
{
    lt_jw_key(w, "security");
    if (is_public(route))
        lt_jw_raw(w, LT_STR("[]"));
    else if (strcmp(route->path, "/v1/console/session") == 0)
        lt_jw_raw(w, LT_STR("[{\"console\":[]}]"));
    else if (route->flags & LT_ROUTE_COOKIES)
        lt_jw_raw(w, LT_STR("[{\"bearer\":[]},{\"platformPayload\":[],\"platformSignature\":[]}]"));
    else
        lt_jw_raw(w, LT_STR("[{\"bearer\":[]}]"));
}

static void put_operation(struct lt_jw *w, const struct lt_route *route)
{
    char method[16];
    size_t n = 0;
    for (; n < sizeof(method) - 1 && route->method[n]; n++)
        method[n] = (char)tolower((unsigned char)route->method[n]);
    method[n] = '\0';
    lt_jw_key(w, method);
    lt_jw_obj(w);
    put_operation_id(w, method, route->path);
    lt_jw_kstrz(w, "summary", route->summary);
    lt_jw_kstrz(w, "x-permission", route->permission);
    put_security(w, route);
    put_parameters(w, route);
    put_body(w, route);
    put_answers(w, route);
    lt_jw_end(w);
}

/* "/v1/templates/{path*}" is "/v1/templates/{path}" there. */
static void put_path_key(struct lt_jw *w, const char *path)
{
    char key[160];
    size_t n = 0;
    for (; *path && n < sizeof(key); path++)
        if (*path != '*')
            key[n++] = *path;
    lt_jw_key_str(w, (struct lt_str){key, n});
}

/* A path stands once, with all its methods: at the first route that has it. */
static void put_path(struct lt_jw *w, size_t first)
{
    const char *path = lt_routes[first].path;
    for (size_t i = 0; i < first; i++)
        if (strcmp(lt_routes[i].path, path) == 0)
            return;
    put_path_key(w, path);
    lt_jw_obj(w);
    for (size_t i = first; i < lt_routes_n; i++)
        if (strcmp(lt_routes[i].path, path) == 0)
            put_operation(w, &lt_routes[i]);
    lt_jw_end(w);
}

void lt_get_openapi(struct lt_request *r)
{
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_kstrz(w, "openapi", "3.1.0");
    lt_jw_key(w, "info");
    lt_jw_raw(w, LT_STR("{\"title\":\"Lectern\",\"version\":\"" LECTERN_VERSION "\"}"));
    lt_jw_key(w, "paths");
    lt_jw_obj(w);
    for (size_t i = 0; i < lt_routes_n; i++)
        if (r->api->options.demo || !(lt_routes[i].flags & LT_ROUTE_DEMO))
            put_path(w, i);
    lt_jw_end(w);
    lt_jw_key(w, "components");
    lt_jw_raw(w, lt_str(lt_openapi_components));
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}
