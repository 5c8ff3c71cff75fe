/* Parts of requests that several resources read. */
#include "api/request.h"

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
