/* /v1/openapi.json: the route table as OpenAPI 3.1. */
#include <ctype.h>

#include "api/openedx.h"

static void put_parameters(struct lt_jw *w, const char *path)
{
    lt_jw_key(w, "parameters");
    lt_jw_arr(w);
    for (const char *open = strchr(path, '{'); open; open = strchr(open + 1, '{')) {
        lt_jw_obj(w);
        lt_jw_kstr(w, "name", (struct lt_str){open + 1, strcspn(open + 1, "*}")});
        lt_jw_kstrz(w, "in", "path");
        lt_jw_kbool(w, "required", true);
        lt_jw_key(w, "schema");
        lt_jw_raw(w, LT_STR("{\"type\":\"string\"}"));
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

static void put_content(struct lt_jw *w, const char *type, const char *schema)
{
    lt_jw_key(w, type);
    lt_jw_obj(w);
    lt_jw_key(w, "schema");
    lt_jw_raw(w, lt_str(schema));
    lt_jw_end(w);
}

static void put_answers(struct lt_jw *w, const struct lt_route *route)
{
    lt_jw_key(w, "responses");
    lt_jw_obj(w);
    lt_jw_key(w, "2XX");
    lt_jw_obj(w);
    lt_jw_kstrz(w, "description", "Done.");
    bool door = lt_openedx_is_path(lt_str(route->path));
    if (route->response_schema || (route->flags & LT_ROUTE_STREAMS)) {
        lt_jw_key(w, "content");
        lt_jw_obj(w);
        if (route->response_schema)
            put_content(w, "application/json", route->response_schema);
        if (route->flags & LT_ROUTE_STREAMS)
            put_content(w, door ? "text/plain" : "text/event-stream", "{\"type\":\"string\"}");
        lt_jw_end(w);
    }
    lt_jw_end(w);
    lt_jw_key(w, "default");
    lt_jw_raw(w, door ? LT_STR("{\"$ref\":\"#/components/responses/OpenEdxError\"}") : LT_STR("{\"$ref\":\"#/components/responses/Problem\"}"));
    lt_jw_end(w);
}

static void put_operation(struct lt_jw *w, const struct lt_route *route)
{
    char method[16];
    size_t n = 0;
    for (; route->method[n] && n < sizeof(method) - 1; n++)
        method[n] = (char)tolower((unsigned char)route->method[n]);
    method[n] = '\0';
    lt_jw_key(w, method);
    lt_jw_obj(w);
    lt_jw_kstrz(w, "summary", route->summary);
    lt_jw_kstrz(w, "x-permission", route->permission);
    lt_jw_key(w, "security");
    lt_jw_raw(w, strcmp(route->permission, "public") == 0 ? LT_STR("[]") : LT_STR("[{\"bearer\":[]}]"));
    put_parameters(w, route->path);
    if (route->request_schema) {
        lt_jw_key(w, "requestBody");
        lt_jw_obj(w);
        lt_jw_kbool(w, "required", true);
        lt_jw_key(w, "content");
        lt_jw_obj(w);
        put_content(w, "application/json", route->request_schema);
        lt_jw_end(w);
        lt_jw_end(w);
    }
    put_answers(w, route);
    lt_jw_end(w);
}

/* A path stands once, with all its methods: at the first route that has it. */
static void put_path(struct lt_jw *w, size_t first)
{
    const char *path = lt_routes[first].path;
    for (size_t i = 0; i < first; i++)
        if (strcmp(lt_routes[i].path, path) == 0)
            return;
    lt_jw_key(w, path);
    lt_jw_obj(w);
    for (size_t i = first; i < lt_routes_n; i++)
        if (strcmp(lt_routes[i].path, path) == 0)
            put_operation(w, &lt_routes[i]);
    lt_jw_end(w);
}

static const char components[] =
    "{\"securitySchemes\":{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\"}},\"responses\":{\"Problem\":{\"description\":"
    "\"What went wrong (RFC 9457).\",\"content\":{\"application/problem+json\":{\"schema\":{\"type\":\"object\",\"required\":"
    "[\"type\",\"title\",\"status\",\"detail\",\"code\",\"request_id\"],\"properties\":{\"type\":{\"type\":\"string\"},"
    "\"title\":{\"type\":\"string\"},\"status\":{\"type\":\"integer\"},\"detail\":{\"type\":\"string\"},\"code\":{\"type\":"
    "\"string\"},\"request_id\":{\"type\":\"string\"},\"field\":{\"type\":\"string\"},\"retry_after\":{\"type\":\"integer\"},"
    "\"id\":{\"type\":\"string\"}}}}}},\"OpenEdxError\":{\"description\":\"What went wrong, as Open edX's UI reads it.\",\"content\":"
    "{\"application/json\":{\"schema\":{\"type\":\"object\",\"properties\":{\"error\":{\"type\":[\"object\",\"string\"],\"properties\":"
    "{\"code\":{\"type\":\"string\"},\"message\":{\"type\":[\"string\",\"array\"]}}},\"status\":{\"type\":\"string\"},"
    "\"detail\":{\"type\":\"string\"},\"timestamp\":{\"type\":\"string\",\"format\":\"date-time\"}}}}}}}}";

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
    lt_jw_raw(w, lt_str(components));
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}
