/* lectern check-config, doctor, migrate, version. */
#include <stdio.h>

#include "api/doctor.h"
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/engine.h"
#include "io/outbound.h"
#include "io/tls.h"

/*
 * An address as it may be shown: "postgresql://user:***@host/name". What stands between the user's name and the last "@" is taken for the password, for in
 * a wrongly written one may be anything; so is the whole query when it names one.
 */
static const char *shown(struct lt_arena *arena, const char *address)
{
    const char *user = strstr(address, "://");
    if (!user)
        return address;
    user += 3;
    const char *at = strrchr(user, '@'), *query = strchr(at ? at : user, '?');
    size_t head = (size_t)(user - address) + strcspn(user, ":@/?#");
    bool hide = at && address[head] == ':', ask = query && strstr(query, "password");
    const char *rest = hide ? at : address + head;
    size_t rest_n = ask ? (size_t)(query - rest) : strlen(rest);
    return lt_printf(arena, "%.*s%s%.*s%s", (int)head, address, hide ? ":***" : "", (int)rest_n, rest, ask ? "?***" : "").p;
}

static void put_settings(struct lt_cli *cli, const char *share)
{
    lt_jw_obj(&cli->w);
    for (size_t i = 0; i < lt_settings_n; i++) {
        const struct lt_setting *setting = &lt_setting_table[i];
        const void *at = (const char *)&cli->settings + setting->offset;
        lt_jw_key(&cli->w, setting->key);
        if (strcmp(setting->key, "share_dir") == 0)
            at = &share;
        if (setting->type == LT_SETTING_INT)
            lt_jw_int(&cli->w, *(const int64_t *)at);
        else if (setting->type == LT_SETTING_BOOL)
            lt_jw_bool(&cli->w, *(const bool *)at);
        else if (*(const char *const *)at)
            lt_jw_strz(&cli->w, shown(cli->arena, *(const char *const *)at));
        else
            lt_jw_null(&cli->w);
    }
    lt_jw_end(&cli->w);
}

/* The settings were read before; what is left are the files that they name. */
int lt_cmd_check_config(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_tls *server = NULL, *client = NULL;
    const char *share, *widgets;
    lt_settings_share(&cli->settings, &share, &widgets);
    enum lt_code rc = lt_tls_client_new(cli->settings.tls_ca, &client, &err);
    if (!rc && cli->settings.tls_cert)
        rc = lt_tls_server_new(cli->settings.tls_cert, cli->settings.tls_key, &server, &err);
    lt_tls_free(client);
    lt_tls_free(server);
    if (rc)
        return lt_cli_fail(cli, &err);
    put_settings(cli, share);
    int code = lt_cli_print(cli, NULL);
    if (!cli->json)
        printf("The configuration is valid.\n");
    return code;
}

int lt_cmd_migrate(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_engine engine;
    if (lt_cli_option(cli, "from") || lt_cli_option(cli, "to") || lt_cli_option(cli, "again"))
        return lt_cmd_move(cli);
    if (lt_engine_open(&cli->settings, LT_ENGINE_COMMAND, &engine, &err))
        return lt_cli_fail(cli, &err);
    int schema = lt_store_schema(engine.store);
    lt_engine_close(&engine);
    return lt_cli_done(cli, "schema", lt_printf(cli->arena, "%d", schema).p, "The database is at version %d.", schema);
}

int lt_cmd_version(struct lt_cli *cli)
{
    if (!cli->json) {
        printf("lectern " LECTERN_VERSION "\n");
        return LT_EXIT_OK;
    }
    lt_jw_obj(&cli->w);
    lt_jw_kstrz(&cli->w, "version", LECTERN_VERSION);
    lt_jw_kint(&cli->w, "schema", lt_store_schema_newest());
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, NULL);
}

/* Whole sentences: what to do stands below what was found. */
static void print_findings(struct lt_cli *cli, const struct lt_finding *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        printf("%-8s %-24s %.*s\n", lt_finding_level_name(list[i].level), list[i].title, LT_FMT(lt_cli_plain(cli, list[i].detail, false)));
        if (list[i].advice.n > 0)
            printf("%-33s → %.*s\n", "", LT_FMT(list[i].advice));
    }
}

/* As /v1/health, but for what only a running daemon knows; and the machine and the network, which are no site's. */
int lt_cmd_doctor(struct lt_cli *cli)
{
    struct lt_finding *list;
    size_t n, worst = LT_FINDING_OK;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    struct lt_error err;
    bool ours;
    struct lt_deployment deployment = {.master_key_file = lt_store_master_key_file(cli->store, &ours)};
    if (lt_outbound_setup(&(struct lt_outbound_options){.allow = cli->settings.outbound_allow, .use_environment = true}, &err) ||
        lt_tls_client_new(cli->settings.tls_ca, &deployment.tls, &err))
        return lt_cli_fail(cli, &err);
    const struct lt_doctor doctor = {.deployment = &deployment, .store = cli->store, .config = cli->config, .site = site, .now = lt_now_ms(), .plugins = cli->plugins,
                                     .data_dir = cli->settings.data};
    lt_doctor_run(cli->arena, &doctor, &list, &n);
    lt_tls_free(deployment.tls);
    for (size_t i = 0; i < n; i++)
        worst = list[i].level > worst ? list[i].level : worst;
    if (cli->json) {
        lt_findings_write(&cli->w, list, n);
        lt_cli_print(cli, NULL);
    } else {
        print_findings(cli, list, n);
    }
    return worst == LT_FINDING_ERROR ? LT_EXIT_FAILED : LT_EXIT_OK;
}
