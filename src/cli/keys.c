/* lectern key. */
#include "base/clock.h"
#include "base/secret.h"
#include "cli/cli.h"
#include "core/admin.h"

enum { DAYS_MAX = 36500, OVERLAP_DEFAULT_S = 86400 };

int lt_cmd_key_list(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_jw *w = &cli->w;
    const struct lt_site *site = lt_cli_site(cli);
    struct lt_key_view *keys;
    size_t n;
    if (!site)
        return LT_EXIT_FAILED;
    if (lt_admin_key_list(cli->store, cli->arena, site->id, &keys, &n, &err))
        return lt_cli_fail(cli, &err);
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        lt_jw_obj(w);
        lt_jw_kint(w, "id", keys[i].id);
        lt_jw_kstr(w, "prefix", keys[i].prefix);
        lt_jw_kstrz(w, "role", lt_key_role_name(keys[i].role));
        lt_jw_kstr(w, "name", keys[i].name);
        lt_jw_kbool(w, "choose_provider", keys[i].choose_provider);
        lt_cli_put_time(w, "created_at", keys[i].created_at);
        lt_cli_put_time(w, "expires_at", keys[i].expires_at);
        lt_cli_put_time(w, "last_used_at", keys[i].last_used_at);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    return lt_cli_print(cli, "id,prefix,role,name,choose_provider,created_at,expires_at,last_used_at");
}

static int print_new(struct lt_cli *cli, char key[64])
{
    int rc = lt_cli_done(cli, "key", key, "%s\nThis key is shown now and never again.", key);
    lt_wipe(key, 64);
    return rc;
}

int lt_cmd_key_add(struct lt_cli *cli)
{
    struct lt_error err;
    const struct lt_site *site = lt_cli_site(cli);
    const char *name = lt_cli_option(cli, "name"), *wanted = lt_cli_option(cli, "role");
    int role = lt_key_role_parse(lt_str(wanted ? wanted : ""));
    int64_t days;
    if (!site)
        return LT_EXIT_FAILED;
    if (role < 0)
        return lt_cli_usage(cli, "--role must be site_admin, service or metrics%s%s", wanted ? ", is " : "", wanted ? wanted : "");
    if (!lt_cli_number(cli, "days", 1, DAYS_MAX, 0, &days))
        return LT_EXIT_USAGE;
    char key[64];
    if (lt_admin_key_add(cli->store, site->slug, (enum lt_key_role)role, lt_str(name ? name : wanted), lt_cli_option(cli, "choose-provider") != NULL,
                         days ? lt_now_ms() + days * 86400000 : 0, key, &err))
        return lt_cli_fail(cli, &err);
    return print_new(cli, key);
}

/* "90s", "30m", "24h", "7d", "0"; false when it is none. */
static bool read_span(struct lt_str text, int64_t *ret_s)
{
    static const struct {
        char unit;
        int64_t s;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    int64_t n, max = LT_KEY_OVERLAP_MAX_MS / 1000;
    if (lt_str_is(text, "0")) {
        *ret_s = 0;
        return true;
    }
    for (size_t i = 0; text.n > 1 && i < LT_COUNT(units); i++)
        if (text.p[text.n - 1] == units[i].unit && lt_str_to_int64((struct lt_str){text.p, text.n - 1}, &n) && n <= max / units[i].s) {
            *ret_s = n * units[i].s;
            return true;
        }
    return false;
}

int lt_cmd_key_rotate(struct lt_cli *cli)
{
    struct lt_error err;
    const struct lt_site *site = lt_cli_site(cli);
    const char *overlap = lt_cli_option(cli, "overlap");
    int64_t seconds = OVERLAP_DEFAULT_S;
    if (!site)
        return LT_EXIT_FAILED;
    if (overlap && !read_span(lt_str(overlap), &seconds))
        return lt_cli_usage(cli, "--overlap must be a time of at most 90 days, such as 30m, 24h or 7d, is %s", overlap);
    char key[64];
    if (lt_admin_key_rotate(cli->store, site->slug, cli->operands[0], seconds * 1000, key, &err))
        return lt_cli_fail(cli, &err);
    return print_new(cli, key);
}

int lt_cmd_key_revoke(struct lt_cli *cli)
{
    struct lt_error err;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (lt_admin_key_revoke(cli->store, site->slug, cli->operands[0], &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "The key is revoked.");
}
