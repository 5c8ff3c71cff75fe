/* lectern limit, price: how much of what whom, and what models cost. */
#include "cli/cli.h"
#include "core/admin_limit.h"

int lt_cmd_limit_list(struct lt_cli *cli)
{
    struct lt_jw *w = &cli->w;
    size_t n;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    const struct lt_limit *list = lt_limit_index_all(site->limits, &n);
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        lt_jw_obj(w);
        lt_jw_kint(w, "id", list[i].id);
        lt_jw_kstrz(w, "subject", lt_limit_subject_name(list[i].subject));
        lt_jw_kstr(w, "subject_id", list[i].subject_id);
        lt_jw_kbool(w, "per_user", list[i].per_user);
        lt_jw_kstr(w, "action", list[i].action);
        lt_jw_kstrz(w, "unit", lt_limit_unit_name(list[i].unit));
        lt_jw_kint(w, "amount", list[i].amount);
        lt_jw_kstrz(w, "window", lt_limit_window_name(list[i].window));
        lt_jw_kint(w, "window_s", list[i].window_s);
        lt_jw_kstrz(w, "when_spent", lt_limit_spent_name(list[i].when_spent));
        lt_jw_end(w);
    }
    lt_jw_end(w);
    return lt_cli_print(cli, "id,subject,subject_id,per_user,action,unit,amount,window,window_s,when_spent");
}

int lt_cmd_limit_set(struct lt_cli *cli)
{
    struct lt_error err;
    int64_t id;
    bool is_new;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    const struct lt_json *form = lt_cli_json_or_pairs(cli, "json-patch", 0);
    if (!form)
        return LT_EXIT_USAGE;
    if (lt_admin_limit_set(cli->store, site, form, &id, &is_new, &err))
        return lt_cli_fail(cli, &err);
    struct lt_str number = lt_printf(cli->arena, "%lld", (long long)id);
    return lt_cli_done(cli, "id", number.p, "Limit %s is %s.", number.p, is_new ? "in force" : "changed");
}

int lt_cmd_limit_notices(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_limit_notice *list;
    struct lt_jw *w = &cli->w;
    size_t n;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (lt_limit_notices(cli->store, cli->arena, site->id, 0, LT_LIMIT_NOTICES_PAGE_MAX, &list, &n, &err))
        return lt_cli_fail(cli, &err);
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        lt_jw_obj(w);
        lt_cli_put_time(w, "created_at", list[i].created_at);
        lt_jw_kint(w, "limit", list[i].limit_id);
        lt_jw_kstr(w, "of", list[i].of);
        lt_jw_kstr(w, "user", list[i].user_id);
        lt_jw_kint(w, "percent", list[i].percent);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    return lt_cli_print(cli, "created_at,limit,of,user,percent");
}

/* The number of an operand; false after saying what is wrong. */
static bool id_of(struct lt_cli *cli, int64_t *ret)
{
    if (lt_str_to_int64(cli->operands[0], ret))
        return true;
    lt_cli_usage(cli, "'%.*s' is not a number", LT_FMT(cli->operands[0]));
    return false;
}

int lt_cmd_limit_remove(struct lt_cli *cli)
{
    struct lt_error err;
    int64_t id;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (!id_of(cli, &id))
        return LT_EXIT_USAGE;
    if (lt_admin_limit_remove(cli->store, site, id, &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "Done.");
}

int lt_cmd_price_list(struct lt_cli *cli)
{
    struct lt_jw *w = &cli->w;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    lt_jw_arr(w);
    for (size_t i = 0; i < site->prices_n; i++) {
        const struct lt_price *p = &site->prices[i];
        lt_jw_obj(w);
        lt_jw_kint(w, "id", p->id);
        lt_jw_kstr(w, "provider", p->provider);
        lt_jw_kstr(w, "model", p->model);
        lt_jw_kint(w, "input", p->input);
        lt_jw_kint(w, "cached_input", p->cached_input);
        lt_jw_kint(w, "output", p->output);
        lt_jw_kint(w, "request", p->request);
        lt_jw_kint(w, "image", p->image);
        lt_jw_kstr(w, "currency", site->currency);
        lt_cli_put_time(w, "valid_from", p->valid_from);
        lt_cli_put_time(w, "valid_to", p->valid_to);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    return lt_cli_print(cli, "id,provider,model,input,cached_input,output,request,image,currency,valid_from,valid_to");
}

int lt_cmd_price_set(struct lt_cli *cli)
{
    struct lt_error err;
    int64_t id;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    const struct lt_json *form = lt_cli_json_or_pairs(cli, "json-patch", 0);
    if (!form)
        return LT_EXIT_USAGE;
    if (lt_admin_price_set(cli->store, site, form, &id, &err))
        return lt_cli_fail(cli, &err);
    struct lt_str number = lt_printf(cli->arena, "%lld", (long long)id);
    return lt_cli_done(cli, "id", number.p, "Price %s is kept.", number.p);
}

int lt_cmd_price_remove(struct lt_cli *cli)
{
    struct lt_error err;
    int64_t id;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (!id_of(cli, &id))
        return LT_EXIT_USAGE;
    if (lt_admin_price_remove(cli->store, site, id, &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "Done.");
}
