/* /v1/prompts: prompt templates by slug or id. */
#include "api/request.h"
#include "workflows/workflow_set.h"

static enum lt_code find(struct lt_request *r, struct lt_str name, const struct lt_prompt **ret, struct lt_error *err)
{
    return lt_prompt_find(lt_workflows(r->config), lt_request_site(r)->id, name, ret, err);
}

static void answer_prompt(struct lt_request *r, int status, const struct lt_prompt *p)
{
    struct lt_json_reply j;
    lt_prompt_write(lt_json_begin(&j), lt_workflows(r->config), p);
    lt_json_end(r, status, &j);
}

void lt_get_prompts(struct lt_request *r)
{
    size_t n;
    struct lt_json_reply j;
    const struct lt_prompt *list = lt_prompt_list(lt_workflows(r->config), lt_request_site(r)->id, &n);
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "prompts");
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++)
        lt_prompt_write(w, lt_workflows(r->config), &list[i]);
    lt_jw_end(w);
    lt_jw_kint(w, "count", (int64_t)n);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

void lt_get_prompt(struct lt_request *r)
{
    struct lt_error err;
    const struct lt_prompt *p;
    if (find(r, r->params[0], &p, &err))
        lt_reply_problem(r, &err, NULL);
    else
        answer_prompt(r, 200, p);
}

void lt_post_prompt(struct lt_request *r)
{
    struct lt_error err;
    const struct lt_prompt *p;
    if (lt_prompt_add(r->api->options.store, r->caller.site->slug, r->body, lt_request_who(r), &err) || lt_request_reload(r, &err) ||
        find(r, lt_json_str(lt_json_get(r->body, "slug")), &p, &err))
        lt_reply_problem(r, &err, NULL);
    else
        answer_prompt(r, 201, p);
}

void lt_patch_prompt(struct lt_request *r)
{
    struct lt_error err;
    const struct lt_prompt *p;
    char id[37];
    if (find(r, r->params[0], &p, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    lt_uuid_format(p->uuid, id);
    if (lt_prompt_change(r->api->options.store, r->caller.site->slug, r->params[0], r->body, lt_request_who(r), &err) || lt_request_reload(r, &err) ||
        find(r, lt_str(id), &p, &err))
        lt_reply_problem(r, &err, NULL);
    else
        answer_prompt(r, 200, p);
}

void lt_delete_prompt(struct lt_request *r)
{
    struct lt_error err;
    if (lt_prompt_remove(r->api->options.store, lt_workflows(r->config), r->caller.site->slug, r->params[0], &err) || lt_request_reload(r, &err))
        lt_reply_problem(r, &err, NULL);
    else
        lt_reply(r, 204, NULL, NULL, NULL, 0, LT_STR(""));
}

void lt_get_prompt_history(struct lt_request *r)
{
    struct lt_error err;
    int limit;
    const struct lt_prompt *p;
    struct lt_json_reply j;
    if (find(r, r->params[0], &p, &err) || lt_query_limit(r, 20, 100, &limit, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "versions");
    if (lt_prompt_history(r->api->options.store, p, limit, w, &err)) {
        lt_buf_free(&j.buf);
        lt_reply_problem(r, &err, NULL);
        return;
    }
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}
