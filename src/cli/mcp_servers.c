/* lectern mcp. */
#include <stdio.h>

#include "cli/on_loop.h"
#include "tools/mcp_probe.h"

static const struct lt_mcp_server *find(struct lt_cli *cli, const struct lt_site *site, struct lt_error *err)
{
    const struct lt_mcp_server *s = lt_mcp_server_find(lt_mcp_set_of(cli->config), site->id, cli->operands[0]);
    if (!s)
        lt_fail(err, LT_ENOT_FOUND, "there is no MCP server '%s'", cli->operands[0].p);
    return s;
}

static void put(struct lt_jw *w, const struct lt_mcp_server *s)
{
    lt_jw_obj(w);
    lt_mcp_server_write(w, s);
    lt_jw_end(w);
}

int lt_cmd_mcp_list(struct lt_cli *cli)
{
    const struct lt_site *site = lt_cli_site(cli);
    const struct lt_mcp_set *set = lt_mcp_set_of(cli->config);
    if (!site)
        return LT_EXIT_FAILED;
    lt_jw_arr(&cli->w);
    for (size_t i = 0; set && i < set->n; i++)
        if (set->servers[i].site_id == site->id)
            put(&cli->w, &set->servers[i]);
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, "id,label,enabled,transport,url,command,approval,usable,reason");
}

int lt_cmd_mcp_show(struct lt_cli *cli)
{
    struct lt_error err;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    const struct lt_mcp_server *s = find(cli, site, &err);
    if (!s)
        return lt_cli_fail(cli, &err);
    put(&cli->w, s);
    return lt_cli_print(cli, NULL);
}

int lt_cmd_mcp_add(struct lt_cli *cli)
{
    struct lt_error err;
    int64_t id;
    char text[24];
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    const struct lt_json *form = lt_cli_named_form(cli, "json-patch", "label");
    if (!form)
        return LT_EXIT_USAGE;
    if (lt_mcp_add(cli->store, cli->config, site, form, &id, &err))
        return lt_cli_fail(cli, &err);
    snprintf(text, sizeof(text), "%lld", (long long)id);
    return lt_cli_done(cli, "id", text, "MCP server '%s' is set up.", cli->operands[0].p);
}

int lt_cmd_mcp_set(struct lt_cli *cli)
{
    struct lt_error err;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    const struct lt_json *patch = lt_cli_json_or_pairs(cli, "json-patch", 1);
    if (!patch)
        return LT_EXIT_USAGE;
    const struct lt_mcp_server *s = find(cli, site, &err);
    if (!s || lt_mcp_set_server(cli->store, cli->config, site, s, patch, &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "Done.");
}

int lt_cmd_mcp_remove(struct lt_cli *cli)
{
    struct lt_error err;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    const struct lt_mcp_server *s = find(cli, site, &err);
    if (!s || lt_mcp_remove(cli->store, s, &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "MCP server '%s' is removed.", cli->operands[0].p);
}

static void test(struct lt_cli_run *run, void *arg)
{
    struct lt_error err;
    struct lt_cli *cli = run->cli;
    const struct lt_mcp_server *s = find(cli, run->caller.site, &err);
    if (!s) {
        run->exit = lt_cli_fail(cli, &err);
        return;
    }
    lt_mcp_probe_write(&cli->w, cli->arena, lt_mcp_set_of(cli->config), s);
    const struct lt_json *answer = NULL;
    lt_json_parse(cli->arena, lt_str_copy(cli->arena, lt_buf_str(&cli->out)), LT_JSON_STRICT, &answer, NULL);
    bool success = lt_json_bool_or(lt_json_get(answer, "success"), false);
    run->exit = lt_cli_print(cli, NULL);
    if (!success)
        run->exit = LT_EXIT_FAILED;
}

static void tools(struct lt_cli_run *run, void *arg)
{
    struct lt_error err;
    struct lt_cli *cli = run->cli;
    const struct lt_mcp_server *s = find(cli, run->caller.site, &err);
    lt_jw_arr(&cli->w);
    if (!s || lt_mcp_tools_write(&cli->w, cli->arena, lt_mcp_set_of(cli->config), s, &err)) {
        lt_buf_reset(&cli->out);
        lt_jw_init(&cli->w, &cli->out);
        run->exit = lt_cli_fail(cli, &err);
        return;
    }
    lt_jw_end(&cli->w);
    run->exit = lt_cli_print(cli, "name,allowed,approval,title");
}

int lt_cmd_mcp_test(struct lt_cli *cli)
{
    return lt_cli_on_loop(cli, NULL, test, NULL);
}

int lt_cmd_mcp_tools(struct lt_cli *cli)
{
    return lt_cli_on_loop(cli, NULL, tools, NULL);
}

int lt_cmd_mcp_host(struct lt_cli *cli)
{
    (void)cli;
    return lt_mcp_host();
}
