/* lectern placement, switch, permission: what is on where, and for whom. */
#include "cli/cli.h"
#include "core/admin.h"

static const char *state_of(const struct lt_site *site, const char *placement, const char *action)
{
    for (size_t i = 0; i < site->placement_switches_n; i++) {
        const struct lt_placement_switch *s = &site->placement_switches[i];
        if (lt_str_is(s->placement, placement) && lt_str_is(s->action, action))
            return s->enabled ? "on" : "off";
    }
    return "on (default)";
}

static void put_row(struct lt_jw *w, const struct lt_site *site, const char *placement, const char *action)
{
    lt_jw_obj(w);
    lt_jw_kstrz(w, "placement", placement);
    lt_jw_kstrz(w, "action", action);
    lt_jw_kstrz(w, "state", state_of(site, placement, action));
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
    return lt_cli_print(cli, "placement,action,state");
}

int lt_cmd_placement_set(struct lt_cli *cli)
{
    struct lt_error err;
    int on;
    struct lt_str action = cli->operands[0], placement = lt_str_cut(&action, '/');
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (!lt_cli_switch(cli, cli->operands[1], &on))
        return LT_EXIT_USAGE;
    if (lt_admin_placement_switch(cli->store, site->slug, placement, action.n ? action : LT_STR(""), on, &err))
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
        lt_jw_end(w);
    }
    lt_jw_end(w);
    return lt_cli_print(cli, "course,location,action,on");
}

int lt_cmd_switch_set(struct lt_cli *cli)
{
    struct lt_error err;
    int on;
    const char *location = lt_cli_option(cli, "location"), *action = lt_cli_option(cli, "action");
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (!lt_cli_switch(cli, cli->operands[1], &on))
        return LT_EXIT_USAGE;
    if (lt_admin_place_switch(cli->store, site->slug, cli->operands[0], lt_str(location ? location : ""), lt_str(action ? action : ""), on, &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "Done.");
}

int lt_cmd_permission_list(struct lt_cli *cli)
{
    struct lt_jw *w = &cli->w;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    lt_jw_arr(w);
    for (size_t i = 0; i < site->permissions_n; i++) {
        const struct lt_permission_row *p = &site->permissions[i];
        lt_jw_obj(w);
        lt_jw_kstrz(w, "role", lt_role_name(p->role));
        lt_jw_kstr(w, "permission", p->permission);
        lt_jw_kbool(w, "allowed", p->allowed);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    return lt_cli_print(cli, "role,permission,allowed");
}

int lt_cmd_permission_set(struct lt_cli *cli)
{
    struct lt_error err;
    int on, role = lt_role_parse(cli->operands[0]);
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (role < 0)
        return lt_cli_usage(cli, "'%s' must be student, teacher, editingteacher, manager, admin or service", cli->operands[0].p);
    if (!lt_cli_switch(cli, cli->operands[2], &on))
        return LT_EXIT_USAGE;
    if (lt_admin_permission(cli->store, site->slug, (enum lt_role)role, cli->operands[1], on, &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "Done.");
}
