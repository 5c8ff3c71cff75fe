/*
 * If-Match. The present tag is that of what GET answers now, made from the configuration of one generation; the change is bound to that
 * generation (core/admin.h) and made again when another change, of whatever, came between.
 * Fuzzed by tests/fuzz/fuzz_values.c.
 */
#include "api/etag.h"

#include <stdio.h>

#include "api/routes.h"
#include "base/secret.h"
#include "core/admin.h"

enum { TAG_BYTES = 16, CHANGE_TRIES = 100 };

/* ---- lists of tags ---- */

/* Takes one tag off the list; false: there is none, or what comes is none. */
static bool next_tag(struct lt_str *list, struct lt_str *ret, bool *ret_weak)
{
    while (list->n > 0 && (list->p[0] == ' ' || list->p[0] == '\t' || list->p[0] == ','))
        list->p++, list->n--;
    *ret_weak = lt_str_starts(*list, LT_STR("W/"));
    if (*ret_weak)
        list->p += 2, list->n -= 2;
    const char *end = list->n > 1 && list->p[0] == '"' ? memchr(list->p + 1, '"', list->n - 1) : NULL;
    if (!end)
        return false;
    *ret = (struct lt_str){list->p, (size_t)(end + 1 - list->p)};
    list->p += ret->n;
    list->n -= ret->n;
    return true;
}

bool lt_etag_listed(struct lt_str list, struct lt_str etag, bool weak)
{
    struct lt_str tag;
    bool is_weak;
    if (lt_str_is(lt_str_trim(list), "*"))
        return true;
    while (next_tag(&list, &tag, &is_weak))
        if (lt_str_eq(tag, etag) && (weak || !is_weak))
            return true;
    return false;
}

/* ---- giving tags ---- */

static bool is_read(const struct lt_request *r)
{
    return strcmp(r->route->method, "GET") == 0;
}

struct lt_str lt_etag(struct lt_request *r, int status, struct lt_str body)
{
    static const char hex[] = "0123456789abcdef";
    uint8_t mac[32];
    char text[2 * TAG_BYTES];
    if (!r->route || !(r->route->flags & LT_ROUTE_CONFIG) || !r->caller.site || status != 200)
        return LT_STR_NULL;
    struct lt_str of = r->etag_of.p ? r->etag_of : body;
    lt_hmac_sha256(r->caller.site->secret, sizeof(r->caller.site->secret), of.p, of.n, mac);
    for (int i = 0; i < TAG_BYTES; i++) {
        text[2 * i] = hex[mac[i] >> 4];
        text[2 * i + 1] = hex[mac[i] & 15];
    }
    return lt_printf(r->arena, "\"%.*s\"", 2 * TAG_BYTES, text);
}

bool lt_etag_client_has(struct lt_request *r, struct lt_str etag)
{
    bool twice;
    struct lt_str list = lt_http_field(&r->http->head, "If-None-Match", &twice);
    return is_read(r) && list.p && !twice && lt_etag_listed(list, etag, true);
}

/* ---- changing under a condition ---- */

bool lt_etag_conditional(struct lt_request *r)
{
    return (r->route->flags & LT_ROUTE_CONFIG) && !is_read(r) && lt_http_field(&r->http->head, "If-Match", NULL).p;
}

/* What the condition of a change is about: what GET gives at its address, but for two that change what is read elsewhere. */
static void resource_of(struct lt_request *r, struct lt_str *ret_path, struct lt_str *ret_query)
{
    *ret_path = r->http->head.path;
    *ret_query = r->http->head.query;
    if (strcmp(r->route->path, "/v1/providers/order") == 0) {
        *ret_path = LT_STR("/v1/providers");
        *ret_query = LT_STR("");
    }
    if (strcmp(r->route->path, "/v1/switches") == 0) { /* those of one course: PUT answers these as well */
        struct lt_buf query;
        lt_buf_init(&query, 4096);
        lt_buf_put_str(&query, LT_STR("course_id="));
        struct lt_str course = lt_json_str_or(lt_json_get(r->body, "course_id"), LT_STR(""));
        for (size_t i = 0; i < course.n; i++)
            lt_buf_printf(&query, "%%%02X", (unsigned char)course.p[i]);
        *ret_query = lt_str_copy(r->arena, lt_buf_str(&query));
        lt_buf_free(&query);
    }
}

/* The tag of what GET would answer now; {NULL, 0} when there is nothing. Fails where GET would. */
static enum lt_code present_tag(struct lt_request *r, struct lt_str *ret, struct lt_error *err)
{
    struct lt_str path, query, tag = LT_STR_NULL, kept = r->http->head.query;
    *ret = tag;
    struct lt_request read = *r;
    resource_of(r, &path, &query);
    if (lt_route_match(r->arena, LT_STR("GET"), path, &read.route, read.params))
        return LT_OK;
    read.condition = NULL;
    read.only_tag = &tag;
    r->http->head.query = query;
    read.route->handle(&read);
    r->http->head.query = kept;
    *ret = tag;
    bool unread = read.refused != LT_OK && read.refused != LT_ENOT_FOUND;
    return unread ? lt_fail(err, read.refused, "what is there now cannot be read") : LT_OK;
}

bool lt_etag_again(struct lt_request *r, const struct lt_error *err)
{
    struct lt_error ignored;
    struct lt_condition *c = r->condition;
    if (!c || err->code != LT_ECONFLICT || lt_request_reload(r, &ignored))
        return false;
    c->again = r->config->generation != c->generation;
    return c->again;
}

/* One try at the generation of r->config. False: it has to be made again. */
static bool change_once(struct lt_request *r, struct lt_str list)
{
    struct lt_error err;
    struct lt_condition condition = {.generation = r->config->generation};
    struct lt_str tag;
    enum lt_code rc = present_tag(r, &tag, &err);
    if (!rc && tag.p && !lt_etag_listed(list, tag, false))
        rc = lt_fail(&err, LT_EPRECONDITION, "what is there now has the ETag %.*s", LT_FMT(tag));
    if (rc) {
        lt_reply_problem(r, &err, NULL);
        return true;
    }
    r->condition = &condition;
    lt_admin_only_at(&condition.generation);
    r->route->handle(r); /* what is not there, it says itself */
    lt_admin_only_at(NULL);
    r->condition = NULL;
    return !condition.again;
}

void lt_etag_change(struct lt_request *r)
{
    struct lt_error err;
    bool twice;
    struct lt_str list = lt_http_field(&r->http->head, "If-Match", &twice);
    if (twice) {
        lt_fail(&err, LT_EINVALID_INPUT, "If-Match was given more than once");
        lt_reply_problem(r, &err, NULL);
        return;
    }
    for (int i = 0; i < CHANGE_TRIES; i++) {
        if (lt_request_reload(r, &err)) {
            lt_reply_problem(r, &err, NULL);
            return;
        }
        if (change_once(r, list))
            return;
    }
    lt_fail(&err, LT_ECONFLICT, "the configuration changes too fast");
    err.retry_after_s = 1;
    lt_reply_problem(r, &err, NULL);
}
