/* /v1/content-sources: the LMSs that course text is asked for. */
#include "api/request.h"
#include "content/source_test.h"

static const struct lt_content_source *find(struct lt_request *r, struct lt_error *err)
{
    const struct lt_content_source *source = lt_site_source(r->config, r->caller.site->id, r->params[0]);
    if (!source)
        lt_fail(err, LT_ENOT_FOUND, "there is no content source '%.*s'", LT_FMT(r->params[0]));
    return source;
}

/* What was counted is no configuration. */
static void add_tag(struct lt_request *r, const struct lt_content_source *source)
{
    r->etag_of = lt_printf(r->arena, "%.*s %llx", LT_FMT(r->etag_of), (unsigned long long)source->mark);
}

static void reply(struct lt_request *r, int status, struct lt_str name_or_id, struct lt_error *err)
{
    struct lt_json_reply j;
    const struct lt_content_source *source = lt_site_source(r->config, r->caller.site->id, name_or_id);
    if (!source) {
        lt_fail(err, LT_ENOT_FOUND, "the content source was removed meanwhile");
        lt_reply_problem(r, err, NULL);
        return;
    }
    add_tag(r, source);
    lt_source_write(lt_json_begin(&j), source);
    lt_json_end(r, status, &j);
}

void lt_get_content_sources(struct lt_request *r)
{
    size_t n;
    struct lt_json_reply j;
    const struct lt_content_source *list = lt_site_sources(r->config, r->caller.site->id, &n);
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "sources");
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        add_tag(r, &list[i]);
        lt_source_write(w, &list[i]);
    }
    lt_jw_end(w);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

void lt_get_content_source(struct lt_request *r)
{
    struct lt_error err;
    reply(r, 200, r->params[0], &err);
}

void lt_post_content_source(struct lt_request *r)
{
    struct lt_error err;
    int64_t id;
    if (lt_source_add(r->api->options.store, r->caller.site->id, r->body, &id, &err) || lt_request_reload(r, &err))
        lt_reply_problem(r, &err, NULL);
    else
        reply(r, 201, lt_json_str(lt_json_get(r->body, "name")), &err);
}

void lt_patch_content_source(struct lt_request *r)
{
    struct lt_error err;
    if (lt_source_change(r->api->options.store, r->caller.site->id, r->params[0], r->body, &err) || lt_request_reload(r, &err))
        lt_reply_problem(r, &err, NULL);
    else
        reply(r, 200, r->params[0], &err);
}

void lt_delete_content_source(struct lt_request *r)
{
    struct lt_error err;
    if (lt_source_remove(r->api->options.store, r->caller.site->id, r->params[0], &err) || lt_request_reload(r, &err))
        lt_reply_problem(r, &err, NULL);
    else
        lt_reply(r, 204, NULL, NULL, NULL, 0, LT_STR_NULL);
}

/* The test itself is done, so the answer is 200 whatever the source said. */
void lt_post_content_source_test(struct lt_request *r)
{
    struct lt_error err;
    struct lt_json_reply j;
    struct lt_source_test test;
    const struct lt_content_source *source = find(r, &err);
    if (!source) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    lt_source_test(r->api->options.manager, r->arena, &r->caller, source, lt_json_str_or(lt_json_get(r->body, "course_id"), LT_STR("")), &test);
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_kbool(w, "success", test.success);
    lt_jw_kint(w, "duration_ms", test.duration_ms);
    lt_jw_kstr(w, "title", test.title);
    lt_jw_key(w, "missing_functions");
    lt_jw_arr(w);
    for (size_t i = 0; i < test.missing_n; i++)
        lt_jw_strz(w, test.missing[i]);
    lt_jw_end(w);
    if (!test.success) {
        lt_jw_key(w, "error");
        lt_problem_write(r, w, &test.error, NULL);
    }
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}
