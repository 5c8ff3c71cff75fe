/* lectern placement, switch: what is on where. */
#include "cli/cli.h"
#include "core/admin.h"

static void put_row(struct lt_jw *w, const struct lt_site *site, const char *placement, const char *action)
{
    const struct lt_placement_switch *s = lt_placement_switch_of(site, lt_str(placement), lt_str(action));
    lt_jw_obj(w);
    lt_jw_kstrz(w, "placement", placement);
    lt_jw_kstrz(w, "action", action);
    lt_jw_kstrz(w, "state", !s ? "on (default)" : s->enabled ? "on" : "off");
    lt_cli_put_time(w, "until", s ? s->until_at : 0);
    lt_jw_end(w);
}

int lt_cmd_placement_list(struct lt_cli *cli)
{
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    lt_jw_arr(&cli->w);
    for (size_t i = 0; i < lt_registry_count(LT_KIND_PLACEMENT); i++) {
        const struct lt_entry *entry = lt_registry_at(LT_KIND_PLACEMENT, i);
        const struct lt_placement *placement = entry->impl;
        put_row(&cli->w, site, entry->name, "");
        for (const char *const *action = placement->actions; *action; action++)
            put_row(&cli->w, site, entry->name, *action);
    }
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, "placement,action,state,until");
}

int lt_cmd_placement_set(struct lt_cli *cli)
{
    struct lt_error err;
    int on;
    int64_t until_at;
    struct lt_str action = cli->operands[0], placement = lt_str_cut(&action, '/');
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (!lt_cli_switch(cli, cli->operands[1], &on) || !lt_cli_time(cli, "until", &until_at))
        return LT_EXIT_USAGE;
    if (lt_admin_placement_switch(cli->store, site->slug, placement, action.n ? action : LT_STR(""), on, until_at, &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "Done.");
}

int lt_cmd_switch_list(struct lt_cli *cli)
{
    struct lt_jw *w = &cli->w;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    lt_jw_arr(w);
    for (size_t i = 0; i < site->place_switches_n; i++) {
        const struct lt_place_switch *s = &site->place_switches[i];
        lt_jw_obj(w);
        lt_jw_kstr(w, "course", s->course_id);
        lt_jw_kstr(w, "location", s->location_id);
        lt_jw_kstr(w, "action", s->action);
        lt_jw_kbool(w, "on", s->enabled);
        lt_cli_put_time(w, "until", s->until_at);
        lt_jw_kbool(w, "expired", lt_switch_over(s->until_at));
        lt_jw_end(w);
    }
    lt_jw_end(w);
    return lt_cli_print(cli, "course,location,action,on,until,expired");
}

int lt_cmd_switch_set(struct lt_cli *cli)
{
    struct lt_error err;
    int on;
    int64_t until_at;
    const char *location = lt_cli_option(cli, "location"), *action = lt_cli_option(cli, "action");
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (!lt_cli_switch(cli, cli->operands[1], &on) || !lt_cli_time(cli, "until", &until_at))
        return LT_EXIT_USAGE;
    if (lt_admin_place_switch(cli->store, site->slug, cli->operands[0], lt_str(location ? location : ""), lt_str(action ? action : ""), on,
                              until_at, &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "Done.");
}
