/* lectern provider. */
#include "api/secrets.h"
#include "cli/cli.h"
#include "core/admin.h"
#include "core/manager.h"

/* reason: why it is not eligible for the action asked about, or NULL. */
static void put_instance(struct lt_jw *w, const struct lt_provider_instance *p, int64_t position, const char *reason)
{
    lt_jw_obj(w);
    lt_jw_kint(w, "order", position);
    lt_jw_kint(w, "id", p->id);
    lt_jw_kstr(w, "name", p->name);
    lt_jw_kstr(w, "plugin", p->plugin);
    lt_jw_kbool(w, "enabled", p->enabled);
    lt_jw_kbool(w, "configured", p->configured);
    lt_jw_kstrz(w, "reason", reason ? reason : p->not_configured);
    lt_jw_key(w, "config");
    lt_config_without_secrets(w, p);
    lt_jw_key(w, "actions");
    if (p->actions)
        lt_jw_json(w, p->actions);
    else
        lt_jw_raw(w, LT_STR("{}"));
    lt_jw_end(w);
}

int lt_cmd_provider_list(struct lt_cli *cli)
{
    struct lt_error err;
    const struct lt_site *site = lt_cli_site(cli);
    const char *action = lt_cli_option(cli, "action");
    const struct lt_entry *entry = action ? lt_registry_find(LT_KIND_ACTION, lt_str(action)) : NULL;
    struct lt_candidate *candidates = NULL;
    if (!site)
        return LT_EXIT_FAILED;
    if (action && !entry) {
        lt_fail(&err, LT_EUNKNOWN_ACTION, "there is no action '%s'", action);
        return lt_cli_fail(cli, &err);
    }
    if (entry)
        lt_provider_candidates(cli->arena, site, entry->impl, &candidates);
    lt_jw_arr(&cli->w);
    for (size_t i = 0; i < site->instances_n; i++)
        put_instance(&cli->w, site->instances[i], (int64_t)i + 1, candidates ? candidates[i].reason : NULL);
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, "order,id,name,plugin,enabled,configured,reason");
}

int lt_cmd_provider_show(struct lt_cli *cli)
{
    struct lt_error err;
    const struct lt_site *site = lt_cli_site(cli);
    int64_t id = -1;
    if (!site)
        return LT_EXIT_FAILED;
    lt_str_to_int64(cli->operands[0], &id);
    for (size_t i = 0; i < site->instances_n; i++)
        if (lt_str_eq(site->instances[i]->name, cli->operands[0]) || site->instances[i]->id == id) {
            put_instance(&cli->w, site->instances[i], (int64_t)i + 1, NULL);
            return lt_cli_print(cli, NULL);
        }
    lt_fail(&err, LT_ENOT_FOUND, "there is no provider instance '%s'", cli->operands[0].p);
    return lt_cli_fail(cli, &err);
}

int lt_cmd_provider_add(struct lt_cli *cli)
{
    struct lt_error err;
    int64_t id;
    const char *plugin = lt_cli_option(cli, "plugin");
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (!plugin)
        return lt_cli_usage(cli, "--plugin is missing; see 'lectern provider plugins'");
    const struct lt_json *config = lt_cli_json_or_pairs(cli, "config", 1);
    if (!config)
        return LT_EXIT_USAGE;
    if (lt_admin_provider_add(cli->store, site->slug, cli->operands[0], lt_str(plugin), !lt_cli_option(cli, "disabled"), config, NULL, &id, &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, "id", lt_printf(cli->arena, "%lld", (long long)id).p, "Provider instance '%s' is there, the last in order.",
                       cli->operands[0].p);
}

int lt_cmd_provider_set(struct lt_cli *cli)
{
    struct lt_error err;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    const struct lt_json *patch = lt_cli_json_or_pairs(cli, "json-patch", 1);
    if (!patch)
        return LT_EXIT_USAGE;
    if (lt_admin_provider_set(cli->store, site->slug, cli->operands[0], patch, &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "Done.");
}

int lt_cmd_provider_remove(struct lt_cli *cli)
{
    struct lt_error err;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (lt_admin_provider_remove(cli->store, site->slug, cli->operands[0], &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "Provider instance '%s' is removed.", cli->operands[0].p);
}

int lt_cmd_provider_order(struct lt_cli *cli)
{
    struct lt_error err;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (lt_admin_provider_order(cli->store, site->slug, cli->operands, cli->operands_n, &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "Done.");
}

int lt_cmd_provider_plugins(struct lt_cli *cli)
{
    struct lt_jw *w = &cli->w;
    lt_jw_arr(w);
    for (size_t i = 0; i < lt_registry_count(LT_KIND_PROVIDER); i++) {
        const struct lt_entry *entry = lt_registry_at(LT_KIND_PROVIDER, i);
        lt_jw_obj(w);
        lt_jw_kstrz(w, "name", entry->name);
        lt_jw_kstrz(w, "title", entry->title);
        lt_jw_kstrz(w, "description", entry->description);
        lt_jw_key(w, "settings_schema");
        lt_jw_raw(w, lt_str(((const struct lt_provider *)entry->impl)->settings_schema));
        lt_jw_end(w);
    }
    lt_jw_end(w);
    return lt_cli_print(cli, "name,title,description");
}
