/* lectern emergency-stop: all AI off, at once. Without --site: of all sites. */
#include "cli/cli.h"
#include "core/stop.h"

static const struct lt_str who = LT_STR("cli");

/* 0 without --site: all sites. False after saying what is wrong. */
static bool site_of(struct lt_cli *cli, int64_t *ret, const char **ret_name)
{
    *ret = 0;
    *ret_name = "all sites";
    if (!lt_cli_option(cli, "site"))
        return true;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return false;
    *ret = site->id;
    *ret_name = lt_printf(cli->arena, "site %.*s", LT_FMT(site->slug)).p;
    return true;
}

int lt_cmd_emergency_set(struct lt_cli *cli)
{
    struct lt_error err;
    int64_t site_id;
    const char *name, *reason = lt_cli_option(cli, "reason");
    if (!site_of(cli, &site_id, &name))
        return LT_EXIT_FAILED;
    if (lt_stop_set(cli->store, site_id, lt_str(reason ? reason : ""), who, &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "AI of %s is stopped. What runs is ended within a second.", name);
}

int lt_cmd_emergency_lift(struct lt_cli *cli)
{
    struct lt_error err;
    int64_t site_id;
    const char *name;
    if (!site_of(cli, &site_id, &name))
        return LT_EXIT_FAILED;
    if (lt_stop_lift(cli->store, site_id, who, &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "The stop of %s is lifted.", name);
}

static struct lt_str site_name(struct lt_cli *cli, int64_t id)
{
    for (size_t i = 0; i < cli->config->sites_n; i++)
        if (cli->config->sites[i].id == id)
            return lt_printf(cli->arena, "site %.*s", LT_FMT(cli->config->sites[i].slug));
    return LT_STR("all sites");
}

int lt_cmd_emergency_show(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_stop *stops;
    int64_t site_id, limit;
    size_t n;
    const char *name;
    if (!site_of(cli, &site_id, &name))
        return LT_EXIT_FAILED;
    if (!lt_cli_number(cli, "limit", 1, 1000, 50, &limit))
        return LT_EXIT_USAGE;
    if (lt_stop_list(cli->store, cli->arena, site_id, false, (size_t)limit, &stops, &n, &err))
        return lt_cli_fail(cli, &err);
    struct lt_jw *w = &cli->w;
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        lt_jw_obj(w);
        lt_jw_kstr(w, "of", site_name(cli, stops[i].site_id));
        lt_jw_kbool(w, "in_force", stops[i].lifted_at == 0);
        lt_jw_kstr(w, "reason", stops[i].reason);
        lt_cli_put_time(w, "since", stops[i].since);
        lt_jw_kstr(w, "by", stops[i].by);
        lt_cli_put_time(w, "lifted_at", stops[i].lifted_at);
        lt_jw_kstr(w, "lifted_by", stops[i].lifted_by);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    return lt_cli_print(cli, "of,in_force,reason,since,by,lifted_at,lifted_by");
}
