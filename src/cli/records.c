/* lectern register. */
#include <stdio.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/text_file.h"
#include "core/register_export.h"

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

static bool read_filter(struct lt_cli *cli, const struct lt_site *site, struct lt_register_filter *ret)
{
    *ret = (struct lt_register_filter){.site_id = site->id,
                                       .user_id = option(cli, "user"),
                                       .action = option(cli, "action"),
                                       .state = option(cli, "state"),
                                       .course_id = option(cli, "course"),
                                       .provider = option(cli, "provider"),
                                       .model = option(cli, "model"),
                                       .placement = option(cli, "placement"),
                                       .code = option(cli, "code"),
                                       .before_id = option(cli, "before")};
    return lt_cli_time(cli, "since", &ret->since) && lt_cli_time(cli, "until", &ret->until);
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
    struct lt_register_filter filter;
    if (!read_filter(cli, site, &filter))
        return LT_EXIT_USAGE;
    filter.limit = (int)limit;
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
    lt_jw_key(&cli->w, "approvals");
    lt_jw_raw(&cli->w, call.approvals);
    lt_jw_key(&cli->w, "guards");
    lt_jw_raw(&cli->w, call.guards);
    lt_jw_key(&cli->w, "feedback");
    lt_jw_raw(&cli->w, call.feedback);
    lt_jw_kstr(&cli->w, "partial", call.partial);
    lt_jw_kbool(&cli->w, "content_stored", call.content_stored);
    lt_jw_key(&cli->w, "content");
    lt_jw_raw(&cli->w, content.n ? content : LT_STR("{}"));
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, NULL);
}

static enum lt_code write_out(void *ctx, struct lt_str text, struct lt_error *err)
{
    return fwrite(text.p, 1, text.n, stdout) == text.n ? LT_OK : lt_fail(err, LT_EIO, "standard output cannot be written");
}

int lt_cmd_register_export(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_str format = option(cli, "format");
    struct lt_register_export x = {.store = cli->store, .csv = lt_str_is(format, "csv"), .content = lt_cli_option(cli, "content") != NULL,
        .cost = true,
                                   .write = write_out};
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (format.n > 0 && !x.csv && !lt_str_is(format, "jsonl"))
        return lt_cli_usage(cli, "--format must be jsonl or csv");
    if (!read_filter(cli, site, &x.filter))
        return LT_EXIT_USAGE;
    if (lt_register_export(&x, &err))
        return lt_cli_fail(cli, &err);
    return fflush(stdout) == 0 ? LT_EXIT_OK : LT_EXIT_FAILED;
}
