/* lectern site, issuer. */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "cli/cli.h"
#include "cli/text_file.h"
#include "core/admin.h"
#include "core/site_settings.h"

enum { SECRET_MAX = 4096 };

/* ---- site ---- */

static void put_site(struct lt_cli *cli, const struct lt_site *s)
{
    struct lt_jw *w = &cli->w;
    int64_t keys = 0;
    for (size_t i = 0; i < cli->config->keys_n; i++)
        keys += cli->config->keys[i].site == s;
    lt_jw_obj(w);
    lt_jw_kstr(w, "slug", s->slug);
    lt_jw_kstr(w, "name", s->name);
    lt_jw_kbool(w, "enabled", s->enabled);
    lt_jw_kstr(w, "policy_version", s->policy_version);
    lt_jw_kint(w, "providers", (int64_t)s->instances_n);
    lt_jw_kint(w, "keys", keys);
    lt_site_settings_put(w, cli->arena, s);
    lt_jw_end(w);
}

int lt_cmd_site_list(struct lt_cli *cli)
{
    lt_jw_arr(&cli->w);
    for (size_t i = 0; i < cli->config->sites_n; i++)
        put_site(cli, &cli->config->sites[i]);
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, "slug,name,enabled,policy_version,providers,keys");
}

int lt_cmd_site_show(struct lt_cli *cli)
{
    struct lt_error err;
    const struct lt_site *site = lt_config_site(cli->config, cli->operands[0]);
    if (!site) {
        lt_fail(&err, LT_ENOT_FOUND, "there is no site '%.*s'", LT_FMT(cli->operands[0]));
        return lt_cli_fail(cli, &err);
    }
    put_site(cli, site);
    return lt_cli_print(cli, NULL);
}

/* What can be set, as the schema has it. */
int lt_cmd_site_settings(struct lt_cli *cli)
{
    const struct lt_json *all = lt_site_settings_properties(cli->arena);
    lt_jw_arr(&cli->w);
    for (size_t i = 0; i < lt_json_len(all); i++) {
        const struct lt_json *setting = lt_json_at(all, i);
        lt_jw_obj(&cli->w);
        lt_jw_kstr(&cli->w, "setting", lt_json_key_at(all, i));
        lt_jw_kjson(&cli->w, "default", lt_json_get(setting, "default"));
        lt_jw_kstr(&cli->w, "title", lt_json_str(lt_json_get(setting, "title")));
        lt_jw_kstr(&cli->w, "description", lt_json_str(lt_json_get(setting, "description")));
        lt_jw_end(&cli->w);
    }
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, "setting,default,title,description");
}

int lt_cmd_site_add(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_str slug = cli->operands[0];
    const char *name = lt_cli_option(cli, "name");
    if (lt_admin_site_add(cli->store, slug, name ? lt_str(name) : slug, &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, "slug", slug.p, "Site '%s' is there. Next: 'lectern provider add', 'lectern key add'.", slug.p);
}

int lt_cmd_site_set(struct lt_cli *cli)
{
    struct lt_error err;
    const struct lt_json *patch = lt_cli_json_or_pairs(cli, "json-patch", 1);
    if (!patch)
        return LT_EXIT_USAGE;
    if (lt_admin_site_set(cli->store, cli->operands[0], patch, &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "Done.");
}

int lt_cmd_site_remove(struct lt_cli *cli)
{
    struct lt_error err;
    if (lt_admin_site_remove(cli->store, cli->operands[0], &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "Site '%s' is removed.", cli->operands[0].p);
}

/* ---- issuer ---- */

/* Where its keys are: "secret", the names of public ones, or their address. */
static struct lt_str keys_of(struct lt_cli *cli, const struct lt_jwt_issuer *issuer)
{
    struct lt_str text = issuer->jwks_url;
    if (lt_str_is(lt_str(issuer->alg), "HS256"))
        return LT_STR("secret");
    for (size_t i = 0; issuer->keys && i < issuer->keys->n; i++) {
        struct lt_str kid = issuer->keys->keys[i].kid;
        text = lt_printf(cli->arena, "%.*s%s%.*s", LT_FMT(text), text.n ? " " : "", LT_FMT(kid.p ? kid : LT_STR("(unnamed)")));
    }
    return text;
}

int lt_cmd_issuer_list(struct lt_cli *cli)
{
    struct lt_jw *w = &cli->w;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    lt_jw_arr(w);
    for (size_t i = 0; i < cli->config->issuers_n; i++) {
        const struct lt_jwt_issuer *issuer = &cli->config->issuers[i];
        if (issuer->site != site)
            continue;
        lt_jw_obj(w);
        lt_jw_kstr(w, "iss", issuer->iss);
        lt_jw_kstr(w, "aud", issuer->aud);
        lt_jw_kstrz(w, "alg", issuer->alg);
        lt_jw_kstr(w, "keys", keys_of(cli, issuer));
        lt_jw_kstr(w, "user_claim", issuer->user_claim);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    return lt_cli_print(cli, "iss,aud,alg,keys,user_claim");
}

/* An option that names a file, into form; absent ones are left alone. */
static enum lt_code read_option(struct lt_cli *cli, const char *option, size_t max, struct lt_str *ret, struct lt_error *err)
{
    const char *file = lt_cli_option(cli, option);
    if (!file || !lt_text_file(cli->arena, file, max, ret, err))
        return LT_OK;
    return lt_error_wrap(err, "--%s", option);
}

static struct lt_str text_option(const struct lt_cli *cli, const char *option)
{
    return lt_str(lt_cli_option(cli, option));
}

int lt_cmd_issuer_set(struct lt_cli *cli)
{
    struct lt_error err;
    const struct lt_site *site = lt_cli_site(cli);
    struct lt_issuer_form form = {.iss = cli->operands[0], .aud = cli->operands[1], .alg = text_option(cli, "alg"),
                                  .jwks_url = text_option(cli, "jwks-url"), .user_claim = text_option(cli, "user-claim")};
    if (!site)
        return LT_EXIT_FAILED;
    if (!lt_cli_option(cli, "secret-file") && !lt_cli_option(cli, "jwks-file") && !lt_cli_option(cli, "public-key-file") && form.jwks_url.n == 0)
        return lt_cli_usage(cli, "a key is missing: --secret-file ('-' reads standard input), --jwks-file, --public-key-file or --jwks-url");
    if (read_option(cli, "secret-file", SECRET_MAX, &form.secret, &err) || read_option(cli, "jwks-file", LT_JWKS_TEXT_MAX, &form.jwks, &err) ||
        read_option(cli, "public-key-file", LT_JWKS_TEXT_MAX, &form.public_key, &err))
        return lt_cli_fail(cli, &err);
    form.secret = lt_str_trim(form.secret);
    if (lt_admin_issuer_set(cli->store, site->slug, &form, &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "Tokens of '%s' for '%s' name users of site '%.*s'.", cli->operands[0].p, cli->operands[1].p,
                       LT_FMT(site->slug));
}

int lt_cmd_issuer_remove(struct lt_cli *cli)
{
    struct lt_error err;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (lt_admin_issuer_remove(cli->store, site->slug, cli->operands[0], cli->operands[1], &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "Its tokens are refused from now on.");
}
