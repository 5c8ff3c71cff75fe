/* lectern policy and register. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/text_file.h"
#include "core/admin.h"
#include "core/policy.h"
#include "core/register.h"

enum { POLICY_MAX = 256 * 1024 };

/* ---- policy ---- */

int lt_cmd_policy_show(struct lt_cli *cli)
{
    struct lt_jw *w = &cli->w;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    lt_jw_obj(w);
    lt_jw_kstr(w, "version", site->policy_version);
    lt_jw_kbool(w, "asked_by_lms", site->policy_by_lms);
    lt_jw_kstr(w, "text", site->policy_text);
    lt_jw_end(w);
    return lt_cli_print(cli, NULL);
}

int lt_cmd_policy_set(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_str text;
    const struct lt_site *site = lt_cli_site(cli);
    const char *file = lt_cli_option(cli, "file");
    if (!site)
        return LT_EXIT_FAILED;
    if (!file)
        return lt_cli_usage(cli, "--file is missing ('-' reads standard input)");
    if (lt_text_file(cli->arena, file, POLICY_MAX, &text, &err) ||
        lt_admin_policy_set(cli->store, site->slug, cli->operands[0], lt_str_trim(text), &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "Policy version '%s' is in force; every user is asked again.", cli->operands[0].p);
}

int lt_cmd_policy_status(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_policy_status status;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    struct lt_caller user = {.site = lt_config_site(cli->config, site->slug), .user_id = cli->operands[0]};
    if (lt_policy_get(cli->store, cli->arena, &user, &status, &err))
        return lt_cli_fail(cli, &err);
    lt_jw_obj(&cli->w);
    lt_jw_kstr(&cli->w, "user", cli->operands[0]);
    lt_jw_kstr(&cli->w, "version", status.version);
    lt_jw_kbool(&cli->w, "accepted", status.accepted);
    lt_cli_put_time(&cli->w, "accepted_at", status.accepted_at);
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, NULL);
}

/* ---- register ---- */

static void put_call(struct lt_jw *w, const struct lt_register_call *c)
{
    lt_jw_kstrz(w, "id", c->id);
    lt_cli_put_time(w, "created_at", c->created_at);
    lt_jw_kstr(w, "user", c->user_id);
    lt_jw_kstr(w, "action", c->action);
    lt_jw_kstr(w, "state", c->state);
    lt_jw_kstr(w, "code", c->code);
    lt_jw_kstr(w, "provider", c->instance);
    lt_jw_kstr(w, "model", c->model);
    lt_jw_key(w, "tokens");
    if (c->usage.total_tokens < 0)
        lt_jw_null(w);
    else
        lt_jw_int(w, c->usage.total_tokens);
    lt_jw_kstr(w, "course", c->course_id);
    lt_jw_kstr(w, "location", c->location_id);
    lt_jw_kstr(w, "placement", c->placement);
    lt_cli_put_time(w, "completed_at", c->completed_at);
}

static struct lt_str option(struct lt_cli *cli, const char *name)
{
    const char *text = lt_cli_option(cli, name);
    return lt_str(text ? text : "");
}

int lt_cmd_register_list(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_register_call *calls;
    size_t n;
    int64_t limit;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (!lt_cli_number(cli, "limit", 1, 1000, 50, &limit))
        return LT_EXIT_USAGE;
    struct lt_register_filter filter = {.site_id = site->id,
                                        .user_id = option(cli, "user"),
                                        .action = option(cli, "action"),
                                        .state = option(cli, "state"),
                                        .course_id = option(cli, "course"),
                                        .before_id = option(cli, "before"),
                                        .limit = (int)limit};
    if (lt_register_list(cli->store, cli->arena, &filter, &calls, &n, &err))
        return lt_cli_fail(cli, &err);
    lt_jw_obj(&cli->w);
    lt_jw_key(&cli->w, "calls");
    lt_jw_arr(&cli->w);
    for (size_t i = 0; i < n; i++) {
        lt_jw_obj(&cli->w);
        put_call(&cli->w, &calls[i]);
        lt_jw_end(&cli->w);
    }
    lt_jw_end(&cli->w);
    lt_jw_kstrz(&cli->w, "next", n == (size_t)limit ? calls[n - 1].id : ""); /* for --before */
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, "id,created_at,user,action,state,code,provider,tokens");
}

int lt_cmd_register_show(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_uuid id;
    struct lt_register_call call;
    struct lt_str attempts, content;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (!lt_uuid_parse(cli->operands[0], &id))
        return lt_cli_usage(cli, "'%s' is not the id of a call", cli->operands[0].p);
    if (lt_register_show(cli->store, cli->arena, site->id, id, &call, &attempts, &content, &err))
        return lt_cli_fail(cli, &err);
    lt_jw_obj(&cli->w);
    put_call(&cli->w, &call);
    lt_jw_kstr(&cli->w, "detail", call.detail);
    lt_jw_key(&cli->w, "attempts");
    lt_jw_raw(&cli->w, attempts.n ? attempts : LT_STR("[]"));
    lt_jw_key(&cli->w, "tools");
    lt_jw_raw(&cli->w, call.tools);
    lt_jw_kstr(&cli->w, "partial", call.partial);
    lt_jw_kbool(&cli->w, "content_stored", call.content_stored);
    lt_jw_key(&cli->w, "content");
    lt_jw_raw(&cli->w, content.n ? content : LT_STR("{}"));
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, NULL);
}
