/* lectern provider test and models: asking an instance, live. */
#include "cli/on_loop.h"
#include "core/probe.h"

static const struct lt_provider_instance *find(struct lt_cli_run *run, struct lt_error *err)
{
    const struct lt_site *site = run->caller.site;
    struct lt_str name = run->cli->operands[0];
    int64_t id = -1;
    lt_str_to_int64(name, &id);
    for (size_t i = 0; i < site->instances_n; i++)
        if (lt_str_eq(site->instances[i]->name, name) || site->instances[i]->id == id)
            return site->instances[i];
    lt_fail(err, LT_ENOT_FOUND, "there is no provider instance '%s'", name.p);
    return NULL;
}

static void test(struct lt_cli_run *run, void *arg)
{
    struct lt_error err;
    struct lt_cli *cli = run->cli;
    struct lt_call_result *r = LT_NEW(cli->arena, struct lt_call_result);
    const struct lt_provider_instance *p = find(run, &err);
    if (!p || lt_provider_test(run->engine.manager, cli->config, cli->arena, &run->caller, p, r)) {
        run->exit = lt_cli_fail(cli, p ? &r->error : &err);
        return;
    }
    lt_jw_obj(&cli->w);
    lt_jw_kbool(&cli->w, "success", true);
    lt_jw_kstrz(&cli->w, "id", r->id_text);
    lt_jw_kstrz(&cli->w, "action", r->action->name);
    lt_jw_kstr(&cli->w, "model", r->model);
    lt_jw_kint(&cli->w, "duration_ms", r->completed_at - r->created_at);
    lt_jw_key(&cli->w, "response");
    lt_jw_raw(&cli->w, r->response);
    lt_jw_end(&cli->w);
    run->exit = lt_cli_print(cli, NULL);
}

static void models(struct lt_cli_run *run, void *arg)
{
    struct lt_error err;
    struct lt_str *list;
    size_t n;
    struct lt_cli *cli = run->cli;
    const struct lt_provider_instance *p = find(run, &err);
    if (!p || lt_provider_models(run->engine.manager, cli->arena, &run->caller, p, &list, &n, &err)) {
        run->exit = lt_cli_fail(cli, &err);
        return;
    }
    lt_jw_arr(&cli->w);
    for (size_t i = 0; i < n; i++) {
        lt_jw_obj(&cli->w);
        lt_jw_kstr(&cli->w, "model", list[i]);
        lt_jw_end(&cli->w);
    }
    lt_jw_end(&cli->w);
    run->exit = lt_cli_print(cli, "model");
}

int lt_cmd_provider_test(struct lt_cli *cli)
{
    return lt_cli_on_loop(cli, NULL, test, NULL);
}

int lt_cmd_provider_models(struct lt_cli *cli)
{
    return lt_cli_on_loop(cli, NULL, models, NULL);
}
