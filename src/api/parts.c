/* Parts of requests that several resources read. */
#include <stdio.h>

#include "api/request.h"

enum { CURSOR_TEXT_MAX = 255 };

struct lt_str lt_query(struct lt_request *r, const char *name)
{
    struct lt_str value;
    return lt_query_get(r->arena, r->http->head.query, name, &value) ? value : LT_STR("");
}

struct lt_place lt_query_place(struct lt_request *r)
{
    return (struct lt_place){lt_query(r, "course_id"), lt_query(r, "location_id"), lt_query(r, "placement")};
}

enum lt_code lt_query_limit(struct lt_request *r, int otherwise, int max, int *ret, struct lt_error *err)
{
    struct lt_str text = lt_query(r, "limit");
    int64_t limit = otherwise;
    if (text.n > 0 && (!lt_str_to_int64(text, &limit) || limit < 1 || limit > max))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/limit", "must be a number from 1 to %d", max);
    *ret = (int)limit;
    return LT_OK;
}

enum lt_code lt_query_cursor(struct lt_request *r, const char *name, int64_t *ret, struct lt_error *err)
{
    struct lt_str text = lt_query(r, name);
    char field[32];
    snprintf(field, sizeof(field), "/%s", name);
    *ret = 0;
    if (text.n > 0 && (!lt_str_to_int64(text, ret) || *ret < 0))
        return lt_fail_field(err, LT_EINVALID_INPUT, field, "must be a whole number (`next` of the answer before)");
    return LT_OK;
}

enum lt_code lt_query_cursor_text(struct lt_request *r, const char *name, struct lt_str *ret, struct lt_error *err)
{
    char field[32];
    snprintf(field, sizeof(field), "/%s", name);
    *ret = lt_query(r, name);
    if (ret->n > CURSOR_TEXT_MAX)
        return lt_fail_field(err, LT_EINVALID_INPUT, field, "must be at most %d bytes (`next` of the answer before)", CURSOR_TEXT_MAX);
    return LT_OK;
}

static enum lt_code read_time(struct lt_str text, const char *name, int64_t *ret, struct lt_error *err)
{
    char field[32];
    snprintf(field, sizeof(field), "/%s", name);
    if (!lt_time_parse(text, ret) || *ret <= 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, field, "must be a date and time (RFC 3339), as 2026-12-24T18:00:00Z");
    return LT_OK;
}

enum lt_code lt_query_time(struct lt_request *r, const char *name, int64_t *ret, struct lt_error *err)
{
    struct lt_str text = lt_query(r, name);
    *ret = 0;
    return text.n > 0 ? read_time(text, name, ret, err) : LT_OK;
}

enum lt_code lt_body_time(struct lt_request *r, const char *name, int64_t *ret, struct lt_error *err)
{
    const struct lt_json *value = lt_json_get(r->body, name);
    *ret = 0;
    return lt_json_is(value, LT_JSON_STRING) ? read_time(lt_json_str(value), name, ret, err) : LT_OK;
}

void lt_jw_next(struct lt_jw *w, bool more, int64_t last)
{
    lt_jw_key(w, "next");
    if (more)
        lt_jw_int(w, last);
    else
        lt_jw_null(w);
}

void lt_jw_next_text(struct lt_jw *w, bool more, struct lt_str last)
{
    lt_jw_key(w, "next");
    if (more)
        lt_jw_str(w, last);
    else
        lt_jw_null(w);
}

enum lt_code lt_param_uuid(struct lt_request *r, struct lt_uuid *ret, struct lt_error *err)
{
    if (!lt_uuid_parse(r->params[0], ret))
        return lt_fail(err, LT_ENOT_FOUND, "'%.*s' is not the id of a call", LT_FMT(r->params[0]));
    return LT_OK;
}

static void release_config(void *config)
{
    lt_config_unref(config);
}

void lt_request_keep_config(struct lt_request *r, struct lt_config *config)
{
    lt_arena_on_free(r->arena, release_config, config);
    r->config = config;
}

const struct lt_site *lt_request_site(struct lt_request *r)
{
    return lt_config_site(r->config, r->caller.site->slug);
}

enum lt_code lt_request_reload(struct lt_request *r, struct lt_error *err)
{
    struct lt_config *config;
    if (r->api->options.reload(r->api->options.ctx, &config, err))
        return err->code;
    lt_request_keep_config(r, config);
    if (!lt_request_site(r))
        return lt_fail(err, LT_ENOT_FOUND, "the site was removed meanwhile");
    return LT_OK;
}

bool lt_request_no_store(struct lt_request *r)
{
    struct lt_str list = lt_http_field(&r->http->head, "Cache-Control", NULL);
    bool found = lt_json_bool_or(lt_json_get(r->body, "no_store"), false);
    while (list.n > 0 && !found)
        found = lt_str_eq_ci(lt_str_trim(lt_str_cut(&list, ',')), LT_STR("no-store"));
    return found;
}
