/* lectern policy: what users accept, and who has. */
#include "cli/cli.h"
#include "cli/text_file.h"
#include "core/policy.h"
#include "core/policy_report.h"
#include "core/policy_text.h"

enum { POLICY_MAX = 256 * 1024, VERSIONS_MAX = 1000 };

static struct lt_str option(struct lt_cli *cli, const char *name)
{
    const char *text = lt_cli_option(cli, name);
    return lt_str(text ? text : "");
}

int lt_cmd_policy_show(struct lt_cli *cli)
{
    struct lt_jw *w = &cli->w;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    const struct lt_policy_text *text = lt_policy_text_for(site, option(cli, "language"));
    lt_jw_obj(w);
    lt_jw_kstr(w, "version", site->policy_version);
    lt_jw_kbool(w, "asked_by_lms", site->policy_by_lms);
    lt_jw_kstr(w, "language", text ? text->language : LT_STR(""));
    lt_jw_kstr(w, "text", text ? text->text : LT_STR(""));
    lt_jw_end(w);
    return lt_cli_print(cli, NULL);
}

int lt_cmd_policy_set(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_str text = LT_STR("");
    const struct lt_site *site = lt_cli_site(cli);
    const char *file = lt_cli_option(cli, "file");
    if (!site)
        return LT_EXIT_FAILED;
    if (file && lt_text_file(cli->arena, file, POLICY_MAX, &text, &err))
        return lt_cli_fail(cli, &err);
    struct lt_policy_form form = {.version = cli->operands[0], .language = option(cli, "language"), .text = lt_str_trim(text), .by = LT_STR("cli")};
    if (lt_policy_text_set(cli->store, site->slug, &form, &err))
        return lt_cli_fail(cli, &err);
    if (form.version.n == 0)
        return lt_cli_done(cli, NULL, NULL, "The site has no policy any more.");
    bool again = !lt_str_eq(lt_policy_major(form.version), lt_policy_major(site->policy_version));
    return lt_cli_done(cli, NULL, NULL, "Policy version '%s' is in force; %s.", form.version.p,
                       again ? "every user is asked again" : "who has accepted this major version is not asked again");
}

int lt_cmd_policy_versions(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_policy_version *list;
    size_t n;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (lt_policy_text_list(cli->store, cli->arena, site, 0, VERSIONS_MAX, &list, &n, &err))
        return lt_cli_fail(cli, &err);
    lt_jw_arr(&cli->w);
    for (size_t i = 0; i < n; i++) {
        lt_jw_obj(&cli->w);
        lt_jw_kstr(&cli->w, "version", list[i].version);
        lt_jw_kstr(&cli->w, "language", list[i].language);
        lt_jw_kbool(&cli->w, "in_force", list[i].in_force);
        lt_cli_put_time(&cli->w, "created_at", list[i].created_at);
        lt_jw_kstr(&cli->w, "by", list[i].by);
        lt_jw_kstr(&cli->w, "text", list[i].text);
        lt_jw_end(&cli->w);
    }
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, "version,language,in_force,created_at,by,text");
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
    lt_jw_kstr(&cli->w, "accepted_version", status.accepted_version);
    lt_jw_kstr(&cli->w, "accepted_language", status.accepted_language);
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, NULL);
}

static bool read_filter(struct lt_cli *cli, const struct lt_site *site, struct lt_policy_filter *ret)
{
    int64_t limit, before;
    *ret = (struct lt_policy_filter){.site_id = site->id, .version = option(cli, "policy-version"), .user_id = option(cli, "user")};
    if (!lt_policy_state_parse(option(cli, "state"), &ret->state)) {
        lt_cli_usage(cli, "--state must be accepted or withdrawn");
        return false;
    }
    if (!lt_cli_time(cli, "since", &ret->since) || !lt_cli_number(cli, "before", 1, INT64_MAX, 0, &before) ||
        !lt_cli_number(cli, "limit", 1, LT_POLICY_REPORT_MAX, 50, &limit))
        return false;
    ret->before = before;
    ret->limit = (int)limit;
    return true;
}

int lt_cmd_policy_report(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_policy_filter filter;
    struct lt_policy_decision *rows;
    struct lt_jw *w = &cli->w;
    size_t n;
    int64_t next;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (!read_filter(cli, site, &filter))
        return LT_EXIT_USAGE;
    if (lt_policy_report(cli->store, cli->arena, site, &filter, &rows, &n, &next, &err))
        return lt_cli_fail(cli, &err);
    lt_jw_obj(w);
    lt_jw_key(w, "acceptances");
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        lt_jw_obj(w);
        lt_jw_kstr(w, "user", rows[i].user_id);
        lt_jw_kstr(w, "version", rows[i].version);
        lt_jw_kstr(w, "language", rows[i].language);
        lt_jw_kstrz(w, "state", rows[i].accepted ? "accepted" : "withdrawn");
        lt_jw_kbool(w, "holds", rows[i].holds);
        lt_cli_put_time(w, "accepted_at", rows[i].accepted_at);
        lt_cli_put_time(w, "withdrawn_at", rows[i].withdrawn_at);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    lt_jw_kint(w, "next", next); /* for --before; 0: that was all */
    lt_jw_end(w);
    return lt_cli_print(cli, "user,version,language,state,holds,accepted_at,withdrawn_at");
}
