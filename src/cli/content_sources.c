/* lectern content-source: the LMSs that course text is asked for. */
#include "cli/on_loop.h"
#include "content/source_test.h"

int lt_cmd_content_source_list(struct lt_cli *cli)
{
    size_t n;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    const struct lt_content_source *list = lt_site_sources(cli->config, site->id, &n);
    lt_jw_arr(&cli->w);
    for (size_t i = 0; i < n; i++)
        lt_source_write(&cli->w, &list[i]);
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, "id,name,kind,enabled,base_url,client_id,secret_set");
}

static const struct lt_content_source *find(struct lt_cli *cli, const struct lt_site *site)
{
    struct lt_error err;
    const struct lt_content_source *source = lt_site_source(cli->config, site->id, cli->operands[0]);
    if (!source) {
        lt_fail(&err, LT_ENOT_FOUND, "there is no content source '%s'", cli->operands[0].p);
        lt_cli_fail(cli, &err);
    }
    return source;
}

int lt_cmd_content_source_show(struct lt_cli *cli)
{
    const struct lt_site *site = lt_cli_site(cli);
    const struct lt_content_source *source = site ? find(cli, site) : NULL;
    if (!source)
        return LT_EXIT_FAILED;
    lt_source_write(&cli->w, source);
    return lt_cli_print(cli, NULL);
}

int lt_cmd_content_source_add(struct lt_cli *cli)
{
    struct lt_error err;
    int64_t id;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    const struct lt_json *form = lt_cli_named_form(cli, "json-patch", "name");
    if (!form)
        return LT_EXIT_USAGE;
    if (lt_source_add(cli->store, site->id, form, &id, &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, "id", lt_printf(cli->arena, "%lld", (long long)id).p, "Content source '%s' is there.", cli->operands[0].p);
}

int lt_cmd_content_source_set(struct lt_cli *cli)
{
    struct lt_error err;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    const struct lt_json *patch = lt_cli_json_or_pairs(cli, "json-patch", 1);
    if (!patch)
        return LT_EXIT_USAGE;
    if (lt_source_change(cli->store, site->id, cli->operands[0], patch, &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "Done.");
}

int lt_cmd_content_source_remove(struct lt_cli *cli)
{
    struct lt_error err;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (lt_source_remove(cli->store, site->id, cli->operands[0], &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "Content source '%s' is removed.", cli->operands[0].p);
}

static void test(struct lt_cli_run *run, void *arg)
{
    struct lt_cli *cli = run->cli;
    const char *course = lt_cli_option(cli, "course");
    const struct lt_content_source *source = find(cli, run->caller.site);
    struct lt_source_test result;
    (void)arg;
    if (!source) {
        run->exit = LT_EXIT_FAILED;
        return;
    }
    lt_source_test(run->engine.manager, cli->arena, &run->caller, source, lt_str(course ? course : ""), &result);
    if (!result.success) {
        run->exit = lt_cli_fail(cli, &result.error);
        return;
    }
    lt_jw_obj(&cli->w);
    lt_jw_kbool(&cli->w, "success", true);
    lt_jw_kint(&cli->w, "duration_ms", result.duration_ms);
    lt_jw_kstr(&cli->w, "title", result.title);
    lt_jw_key(&cli->w, "missing_functions");
    lt_jw_arr(&cli->w);
    for (size_t i = 0; i < result.missing_n; i++)
        lt_jw_strz(&cli->w, result.missing[i]);
    lt_jw_end(&cli->w);
    lt_jw_end(&cli->w);
    run->exit = lt_cli_print(cli, NULL);
}

int lt_cmd_content_source_test(struct lt_cli *cli)
{
    return lt_cli_on_loop(cli, NULL, test, NULL);
}
