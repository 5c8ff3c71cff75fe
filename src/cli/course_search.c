/* lectern course index, search: what the daemon does in the background and for its callers, in this process. */
#include "content/search.h"

#include <stdio.h>

#include "cli/on_loop.h"
#include "content/search_index.h"

static enum lt_code find(struct lt_cli_run *run, struct lt_stored_course *ret, struct lt_error *err)
{
    return lt_stored_course_find(run->engine.store, run->cli->arena, run->caller.site->id, run->cli->operands[0], ret, err);
}

static enum lt_code forget(struct lt_cli_run *run, const struct lt_stored_course *course, struct lt_error *err)
{
    if (!lt_cli_option(run->cli, "again"))
        return LT_OK;
    struct lt_tx *tx = lt_tx_new();
    lt_index_forget(run->engine.store, tx, course->id);
    return lt_store_write(run->engine.store, tx, err);
}

static void index_course(struct lt_cli_run *run, void *arg)
{
    struct lt_cli *cli = run->cli;
    struct lt_error err;
    struct lt_stored_course course;
    struct lt_index_state state;
    (void)arg;
    const struct lt_index_work work = {.store = run->engine.store, .manager = run->engine.manager, .config = cli->config, .site = run->caller.site};
    if (find(run, &course, &err) || forget(run, &course, &err) || lt_index_course(&work, &course, &err) ||
        lt_index_state(run->engine.store, cli->arena, run->caller.site, &course, &state, &err)) {
        run->exit = lt_cli_fail(cli, &err);
        return;
    }
    lt_index_write(&cli->w, &course, &state);
    run->exit = lt_cli_print(cli, NULL);
}

int lt_cmd_course_index(struct lt_cli *cli)
{
    return lt_cli_on_loop(cli, NULL, index_course, NULL);
}

/* What makes these hits less than they could be. */
static void tell(const struct lt_search_result *result)
{
    if (!result->indexed)
        fprintf(stderr, "lectern: the course is not indexed yet; 'lectern course index' does it now\n");
    else if (result->notice && result->detail.n > 0)
        fprintf(stderr, "lectern: searched by words alone, as asking for vectors failed: %.*s\n", LT_FMT(result->detail));
    else if (result->notice)
        fprintf(stderr, "lectern: searched by words alone; the vectors are not there yet\n");
}

static void search(struct lt_cli_run *run, void *arg)
{
    struct lt_cli *cli = run->cli;
    struct lt_error err;
    struct lt_search_result result;
    const char *location = lt_cli_option(cli, "location");
    const struct lt_search q = {.arena = cli->arena,
                                .store = run->engine.store,
                                .manager = run->engine.manager,
                                .config = cli->config,
                                .caller = &run->caller,
                                .course_id = cli->operands[0],
                                .location_id = lt_str(location ? location : ""),
                                .placement = LT_STR(""),
                                .policy_by_lms = true, /* the operator asks for nobody else */
                                .text = cli->operands[1],
                                .limit = *(const int *)arg};
    if (lt_search_course(&q, &result, &err)) {
        run->exit = lt_cli_fail(cli, &err);
        return;
    }
    lt_search_write(&cli->w, &q, &result);
    run->exit = lt_cli_print(cli, "unit_name,block_name,quote");
    if (!cli->json)
        tell(&result);
}

int lt_cmd_course_search(struct lt_cli *cli)
{
    int64_t limit;
    if (!lt_cli_number(cli, "limit", 1, LT_SEARCH_HITS_MAX, LT_SEARCH_HITS, &limit))
        return LT_EXIT_USAGE;
    int n = (int)limit;
    return lt_cli_on_loop(cli, NULL, search, &n);
}
