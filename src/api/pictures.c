/* GET /v1/files/{id}: a made picture, for whoever has a link to it. The link is looked at before the store is. */
#include "base/clock.h"
#include "core/picture_file.h"
#include "api/request.h"

/* Nothing in a picture runs, even when it is opened as a page. */
static const struct lt_http_field rules[] = {{LT_STR("Content-Security-Policy"), LT_STR("default-src 'none'; sandbox; frame-ancestors 'none'")}};

static enum lt_code check_link(struct lt_request *r, const struct lt_site **ret, int64_t *ret_expires_at, struct lt_error *err)
{
    *ret = lt_config_site(r->config, lt_query(r, "site"));
    if (!*ret)
        return lt_fail(err, LT_ENOT_FOUND, "the link is not one that was given out here");
    return lt_picture_link_check(*ret, r->params[0], lt_query(r, "expires"), lt_query(r, "signature"), lt_now_ms(), ret_expires_at, err);
}

static void reply(struct lt_request *r, const struct lt_picture_bytes *picture, int64_t expires_at)
{
    struct lt_str ending = {picture->media_type.p + sizeof("image/") - 1, picture->media_type.n - (sizeof("image/") - 1)};
    struct lt_str etag = lt_printf(r->arena, "\"%s\"", picture->sha256);
    struct lt_str cache = lt_printf(r->arena, "private, max-age=%lld, immutable", (long long)((expires_at - lt_now_ms()) / 1000));
    struct lt_http_field extra[] = {
        {LT_STR("ETag"), etag},
        {LT_STR("Content-Disposition"), lt_printf(r->arena, "inline; filename=\"%.*s.%.*s\"", LT_FMT(r->params[0]), LT_FMT(ending))},
        {LT_STR("Cross-Origin-Resource-Policy"), LT_STR("cross-origin")}, /* pages of the learning platform show it */
    };
    bool same = lt_str_eq(lt_http_field(&r->http->head, "If-None-Match", NULL), etag);
    lt_request_always(r, rules, LT_COUNT(rules));
    lt_reply(r, same ? 304 : 200, same ? NULL : lt_strz(r->arena, picture->media_type), lt_strz(r->arena, cache), extra, LT_COUNT(extra),
             same ? LT_STR_NULL : picture->bytes);
}

void lt_get_file(struct lt_request *r)
{
    struct lt_error err;
    const struct lt_site *site;
    struct lt_picture_bytes picture;
    int64_t expires_at;
    if (check_link(r, &site, &expires_at, &err) ||
        lt_picture_read(r->api->options.store, r->arena, lt_manager_files_dir(r->api->options.manager), site->id, r->params[0], &picture, &err))
        lt_reply_problem(r, &err, NULL);
    else
        reply(r, &picture, expires_at);
}
