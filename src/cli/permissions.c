/* lectern permission: what each role may do in a site. */
#include "core/permission.h"
#include "cli/cli.h"
#include "core/admin.h"

static void put_row(struct lt_cli *cli, const struct lt_site *site, struct lt_str permission)
{
    struct lt_jw *w = &cli->w;
    lt_jw_obj(w);
    lt_jw_kstr(w, "permission", permission);
    for (int role = 0; role < LT_ROLES; role++) {
        struct lt_permission_cell cell = lt_permission_cell(site, (enum lt_role)role, permission);
        lt_jw_kstr(w, lt_role_name((enum lt_role)role), lt_printf(cli->arena, "%s%s", cell.allowed ? "yes" : "no", cell.by_site ? " (set)" : ""));
    }
    lt_jw_end(w);
}

int lt_cmd_permission_list(struct lt_cli *cli)
{
    const struct lt_site *site = lt_cli_site(cli);
    struct lt_str *names;
    if (!site)
        return LT_EXIT_FAILED;
    size_t n = lt_permission_names(cli->arena, site, &names);
    lt_jw_arr(&cli->w);
    for (size_t i = 0; i < n; i++)
        put_row(cli, site, names[i]);
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, "permission,student,teacher,editingteacher,manager,admin,service");
}

static int set(struct lt_cli *cli, int on)
{
    struct lt_error err;
    int role = lt_role_parse(cli->operands[0]);
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (role < 0)
        return lt_cli_usage(cli, "'%s' must be student, teacher, editingteacher, manager, admin or service", cli->operands[0].p);
    if (lt_admin_permission(cli->store, site->slug, (enum lt_role)role, cli->operands[1], on, &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "Done.");
}

int lt_cmd_permission_set(struct lt_cli *cli)
{
    int on;
    if (!lt_cli_switch(cli, cli->operands[2], &on))
        return LT_EXIT_USAGE;
    return set(cli, on);
}

int lt_cmd_permission_reset(struct lt_cli *cli)
{
    return set(cli, -1);
}
