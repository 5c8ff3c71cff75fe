/* The passages that a run was given, and what its answers name of them. */
#include "workflows/orchestrator.h"

void lt_run_search(struct lt_workflow_run *run)
{
    if (!run->sources)
        run->sources = LT_NEW(run->request->arena, struct lt_sources);
}

struct lt_str lt_run_cited(struct lt_workflow_run *run, struct lt_str text)
{
    return run->sources ? lt_cite_text(run->request->arena, run->sources, text) : text;
}

enum lt_code lt_run_cite_end(struct lt_workflow_run *run, struct lt_str *text, struct lt_error *err)
{
    struct lt_arena *arena = run->request->arena;
    struct lt_str list = run->sources && run->request->sources_as_text ? lt_sources_markdown(arena, run->sources) : LT_STR("");
    if (list.n == 0)
        return LT_OK;
    char *p = lt_alloc(arena, text->n + list.n);
    memcpy(mempcpy(p, text->p, text->n), list.p, list.n);
    *text = (struct lt_str){p, text->n + list.n};
    return lt_run_text(run, list, err);
}

void lt_run_write_citations(const struct lt_workflow_run *run, struct lt_jw *response)
{
    if (!run->sources)
        return;
    lt_jw_key(response, "citations");
    lt_sources_write(response, run->sources);
}
