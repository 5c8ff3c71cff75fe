/* Cross-origin answers. */
#include "api/cors.h"

#include "api/routes.h"

bool lt_cors_listed(const struct lt_site *site, struct lt_str origin)
{
    for (size_t i = 0; i < site->cors_origins_n; i++)
        if (lt_str_eq_ci(site->cors_origins[i], origin))
            return true;
    return false;
}

/* A disabled site opens nothing to nobody; *ret_any: some site has a list, so that answers depend on Origin. */
static bool listed_anywhere(const struct lt_config *config, struct lt_str origin, bool *ret_any)
{
    bool listed = false;
    *ret_any = false;
    for (size_t i = 0; i < config->sites_n; i++) {
        const struct lt_site *site = &config->sites[i];
        *ret_any |= site->cors_origins_n > 0;
        listed |= site->enabled && lt_cors_listed(site, origin);
    }
    return listed;
}

static struct lt_str origin_of(struct lt_request *r)
{
    bool twice = false;
    struct lt_str origin = lt_http_field(&r->http->head, "Origin", &twice);
    return twice ? LT_STR_NULL : origin;
}

void lt_cors_apply(struct lt_request *r)
{
    struct lt_str origin = origin_of(r);
    bool any, listed = listed_anywhere(r->config, origin, &any);
    if (!any)
        return;
    if (r->caller.site)
        listed = lt_cors_listed(r->caller.site, origin);
    struct lt_http_field fields[4];
    size_t n = 0;
    fields[n++] = (struct lt_http_field){LT_STR("Vary"), LT_STR("Origin")};
    if (listed) {
        fields[n++] = (struct lt_http_field){LT_STR("Access-Control-Allow-Origin"), origin};
        fields[n++] = (struct lt_http_field){LT_STR("Access-Control-Expose-Headers"),
                                             LT_STR("X-Request-Id, ETag, Retry-After, Idempotent-Replayed, Content-Disposition, Mcp-Session-Id")};
    }
    if (listed && r->route && (r->route->flags & LT_ROUTE_COOKIES))
        fields[n++] = (struct lt_http_field){LT_STR("Access-Control-Allow-Credentials"), LT_STR("true")};
    lt_request_security(r); /* what was said before it was known who calls goes */
    lt_request_always(r, fields, n);
}

/* ---- preflights ---- */

/* The last ones are what OpenAI's own client sends from a page. */
static const struct lt_str request_fields =
    LT_STR("content-type, authorization, use-jwt-cookie, x-csrftoken, x-requested-with, last-event-id, idempotency-key, if-match, if-none-match, "
           "accept, accept-language, x-lectern-user, x-lectern-course, x-lectern-location, x-lectern-placement, mcp-protocol-version, mcp-session-id, mcp-method, mcp-name, "
           "openai-organization, openai-project, "
           "x-stainless-arch, x-stainless-lang, x-stainless-os, x-stainless-package-version, x-stainless-retry-count, x-stainless-runtime, "
           "x-stainless-runtime-version, x-stainless-timeout, x-stainless-helper-method, x-stainless-poll-helper");

bool lt_cors_preflight(struct lt_request *r)
{
    bool any;
    struct lt_str origin = origin_of(r), method = lt_http_field(&r->http->head, "Access-Control-Request-Method", NULL);
    if (!lt_str_is(r->http->head.method, "OPTIONS") || method.n == 0 || !listed_anywhere(r->config, origin, &any))
        return false;
    const struct lt_route *route = NULL;
    struct lt_str params[LT_PARAMS_MAX] = {0};
    enum lt_code rc = lt_route_match(r->arena, method, r->http->head.path, &route, params);
    if ((rc != LT_OK && rc != LT_EMETHOD) || ((route->flags & LT_ROUTE_DEMO) && !r->api->options.demo))
        return false;
    r->route = route;
    lt_cors_apply(r);
    const struct lt_http_field extra[] = {
        {LT_STR("Access-Control-Allow-Methods"), lt_route_methods(r)},
        {LT_STR("Access-Control-Allow-Headers"), request_fields},
        {LT_STR("Access-Control-Max-Age"), LT_STR("600")},
    };
    lt_reply(r, 204, NULL, NULL, extra, LT_COUNT(extra), LT_STR_NULL);
    return true;
}
