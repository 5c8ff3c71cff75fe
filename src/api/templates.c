/* /v1/templates: the files that profiles patch. */
#include "api/request.h"
#include "workflows/workflow_set.h"

enum { LIST_MAX = 1000 };

static void put_template(struct lt_jw *w, const struct lt_template *t, bool whole)
{
    lt_jw_obj(w);
    lt_jw_kstr(w, "path", t->path);
    lt_jw_kstr(w, "name", t->name);
    lt_jw_key(w, "orchestrator_class");
    if (lt_json_is(lt_json_get(t->json, "orchestrator_class"), LT_JSON_STRING))
        lt_jw_json(w, lt_json_get(t->json, "orchestrator_class"));
    else
        lt_jw_null(w);
    struct lt_arena *arena = lt_arena_new();
    lt_jw_kstr(w, "description", lt_template_description(arena, t));
    struct lt_problems *problems = LT_NEW(arena, struct lt_problems);
    problems->arena = arena;
    if (t->json)
        lt_workflow_check(t->json, problems);
    else
        lt_problem_add(problems, LT_STR(""), "%s", t->err.detail);
    lt_jw_kbool(w, "valid", problems->n == 0);
    lt_jw_key(w, "errors");
    lt_problems_write(w, problems);
    if (whole) {
        lt_jw_kstr(w, "text", lt_redact_text(arena, t->text));
        lt_jw_key(w, "config");
        lt_redact_write(w, t->json);
    }
    lt_jw_end(w);
    lt_arena_free(arena);
}

/* Behind the one with that path: they are in the order of their names. */
static enum lt_code find_place(const struct lt_template_set *set, struct lt_str after, size_t *ret, struct lt_error *err)
{
    *ret = 0;
    if (after.n == 0)
        return LT_OK;
    while (*ret < lt_template_count(set))
        if (lt_str_eq(lt_template_at(set, (*ret)++)->path, after))
            return LT_OK;
    return lt_fail_field(err, LT_EINVALID_INPUT, "/after", "there is no such template any more");
}

void lt_get_templates(struct lt_request *r)
{
    struct lt_error err;
    struct lt_str after;
    size_t i = 0;
    int limit;
    const struct lt_template_set *set = lt_workflow_templates(lt_workflows(r->config));
    if (lt_query_cursor_text(r, "after", &after, &err) || find_place(set, after, &i, &err) || lt_query_limit(r, LIST_MAX, LIST_MAX, &limit, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "templates");
    lt_jw_arr(w);
    for (; i < lt_template_count(set) && limit > 0; i++, limit--)
        put_template(w, lt_template_at(set, i), false);
    lt_jw_end(w);
    lt_jw_next_text(w, i < lt_template_count(set), i > 0 ? lt_template_at(set, i - 1)->path : LT_STR(""));
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

/* One that cannot be used is shown with its error. */
void lt_get_template(struct lt_request *r)
{
    struct lt_error err;
    const struct lt_template *t = NULL;
    struct lt_json_reply j;
    if (lt_template_find(lt_workflow_templates(lt_workflows(r->config)), r->params[0], &t, &err) && !t) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    put_template(lt_json_begin(&j), t, true);
    lt_json_end(r, 200, &j);
}
