/* lectern task: workflows in the background. */
#include "cli/cli.h"
#include "workflows/task.h"

static struct lt_str option(struct lt_cli *cli, const char *name)
{
    const char *text = lt_cli_option(cli, name);
    return lt_str(text ? text : "");
}

static bool find(struct lt_cli *cli, struct lt_workflow_task *ret)
{
    struct lt_error err;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return false;
    if (!lt_task_find(cli->store, cli->arena, site->id, cli->operands[0], ret, &err))
        return true;
    lt_cli_fail(cli, &err);
    return false;
}

static bool read_filter(struct lt_cli *cli, struct lt_task_filter *ret)
{
    struct lt_str state = option(cli, "state");
    int64_t limit;
    *ret = (struct lt_task_filter){.user_id = option(cli, "user"), .course_id = option(cli, "course"), .state = -1};
    if (!lt_cli_number(cli, "limit", 1, LT_TASK_LIST_MAX, 50, &limit) || !lt_cli_number(cli, "before", 1, INT64_MAX, 0, &ret->before_id))
        return false;
    ret->limit = (int)limit;
    if (state.n > 0 && (ret->state = lt_task_state_parse(state)) < 0) {
        lt_cli_usage(cli, "--state must be queued, running, completed, failed, timeout or cancelled");
        return false;
    }
    return true;
}

int lt_cmd_task_list(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_task_filter filter;
    struct lt_workflow_task *tasks;
    size_t n;
    if (!read_filter(cli, &filter))
        return LT_EXIT_USAGE;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    filter.site_id = site->id;
    if (lt_task_list(cli->store, cli->arena, &filter, &tasks, &n, &err))
        return lt_cli_fail(cli, &err);
    lt_jw_obj(&cli->w);
    lt_jw_key(&cli->w, "tasks");
    lt_jw_arr(&cli->w);
    for (size_t i = 0; i < n; i++)
        lt_task_write(&cli->w, &tasks[i], tasks[i].error.detail);
    lt_jw_end(&cli->w);
    lt_jw_key(&cli->w, "next");
    if (n == (size_t)filter.limit)
        lt_jw_int(&cli->w, tasks[n - 1].id);
    else
        lt_jw_null(&cli->w);
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, "number,id,state,user_id,profile,action,attempt,created_at,completed_at");
}

int lt_cmd_task_show(struct lt_cli *cli)
{
    struct lt_workflow_task task;
    if (!find(cli, &task))
        return LT_EXIT_FAILED;
    lt_task_write(&cli->w, &task, task.error.detail);
    return lt_cli_print(cli, NULL);
}

int lt_cmd_task_cancel(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_workflow_task task;
    enum lt_task_state state;
    if (!find(cli, &task))
        return LT_EXIT_FAILED;
    if (lt_task_cancel(cli->store, &task, &state, &err))
        return lt_cli_fail(cli, &err);
    const char *name = lt_task_state_name(state);
    if (state == LT_TASK_RUNNING)
        return lt_cli_done(cli, "state", "cancelling", "The daemon that runs it breaks it off within a second or so.");
    if (lt_task_ended(task.state) || state != LT_TASK_CANCELLED)
        return lt_cli_done(cli, "state", name, "It had ended already: %s.", name);
    return lt_cli_done(cli, "state", name, "The task is cancelled.");
}
