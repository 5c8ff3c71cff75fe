/* /v1/prompts: prompt templates by slug or id. */
#include "api/request.h"
#include "workflows/workflow_set.h"

enum { LIST_DEFAULT = 1000, LIST_MAX = 10000, HISTORY_DEFAULT = 20, HISTORY_MAX = 100 };

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
    struct lt_error err;
    struct lt_str after;
    size_t n, i = 0, shown = 0;
    int limit;
    if (lt_query_cursor_text(r, "after", &after, &err) || lt_query_limit(r, LIST_DEFAULT, LIST_MAX, &limit, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_json_reply j;
    const struct lt_prompt *list = lt_prompt_list(lt_workflows(r->config), lt_request_site(r)->id, &n);
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "prompts");
    lt_jw_arr(w);
    while (i < n && after.n > 0 && lt_str_compare(list[i].slug, after) <= 0)
        i++;
    for (; i < n && shown < (size_t)limit; i++, shown++)
        lt_prompt_write(w, lt_workflows(r->config), &list[i]);
    lt_jw_end(w);
    lt_jw_kint(w, "count", (int64_t)shown);
    lt_jw_next_text(w, i < n, i > 0 ? list[i - 1].slug : LT_STR(""));
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
    int64_t before;
    const struct lt_prompt *p;
    struct lt_json_reply j;
    if (find(r, r->params[0], &p, &err) || lt_query_limit(r, HISTORY_DEFAULT, HISTORY_MAX, &limit, &err) ||
        lt_query_cursor(r, "before", &before, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "versions");
    if (before == 0 || before > p->version + 1)
        before = p->version + 1;
    if (lt_prompt_history(r->api->options.store, p, before, limit, w, &err)) {
        lt_buf_free(&j.buf);
        lt_reply_problem(r, &err, NULL);
        return;
    }
    lt_jw_next(w, before - limit > 1, before - limit); /* versions have no gaps */
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}
