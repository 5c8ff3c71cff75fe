/* lectern site, key, issuer. */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "cli/cli.h"
#include "cli/text_file.h"
#include "core/admin.h"

static const char *const key_roles[] = {[LT_KEY_SITE_ADMIN] = "site_admin", [LT_KEY_SERVICE] = "service", [LT_KEY_METRICS] = "metrics"};
enum { SECRET_MAX = 4096, DAYS_MAX = 36500 };

/* ---- site ---- */

static void put_texts(struct lt_jw *w, const char *key, const struct lt_str *list, size_t n)
{
    lt_jw_key(w, key);
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++)
        lt_jw_str(w, list[i]);
    lt_jw_end(w);
}

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
    lt_jw_kbool(w, "policy_by_lms", s->policy_by_lms);
    lt_jw_kint(w, "providers", (int64_t)s->instances_n);
    lt_jw_kint(w, "keys", keys);
    lt_jw_kint(w, "resume_grace_ms", s->resume_grace_ms);
    lt_jw_kint(w, "call_timeout_ms", s->call_timeout_ms);
    lt_jw_kint(w, "refusals_per_second", s->refusals_per_second);
    lt_jw_kbool(w, "store_content", s->store_content);
    lt_jw_kint(w, "max_running_calls", s->max_running_calls);
    lt_jw_kint(w, "max_context_messages", s->max_context_messages);
    lt_jw_kint(w, "task_soft_limit_ms", s->task_soft_limit_ms);
    lt_jw_kint(w, "task_hard_limit_ms", s->task_hard_limit_ms);
    lt_jw_kint(w, "tasks_queued_per_user", s->tasks_queued_per_user);
    lt_jw_kint(w, "tasks_queued_per_site", s->tasks_queued_per_site);
    lt_jw_kint(w, "task_kept_s", s->task_kept_s);
    lt_jw_kstr(w, "lms_roles_url", s->lms_roles_url);
    lt_jw_kint(w, "lms_roles_cache_ms", s->lms_roles_cache_ms);
    lt_jw_kstrz(w, "openedx_policy", s->openedx_policy_by_lectern ? "lectern" : "lms");
    put_texts(w, "cors_origins", s->cors_origins, s->cors_origins_n);
    put_texts(w, "lms_hosts", s->lms_hosts, s->lms_hosts_n);
    put_texts(w, "cms_hosts", s->cms_hosts, s->cms_hosts_n);
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

/* ---- key ---- */

int lt_cmd_key_list(struct lt_cli *cli)
{
    struct lt_jw *w = &cli->w;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    lt_jw_arr(w);
    for (size_t i = 0; i < cli->config->keys_n; i++) {
        const struct lt_site_key *k = &cli->config->keys[i];
        if (k->site != site)
            continue;
        lt_jw_obj(w);
        lt_jw_kstrz(w, "prefix", k->prefix);
        lt_jw_kstrz(w, "role", key_roles[k->role]);
        lt_jw_kstr(w, "name", k->name);
        lt_jw_kbool(w, "choose_provider", k->choose_provider);
        lt_cli_put_time(w, "expires_at", k->expires_at);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    return lt_cli_print(cli, "prefix,role,name,choose_provider,expires_at");
}

int lt_cmd_key_add(struct lt_cli *cli)
{
    struct lt_error err;
    const struct lt_site *site = lt_cli_site(cli);
    const char *name = lt_cli_option(cli, "name"), *wanted = lt_cli_option(cli, "role");
    int64_t days;
    size_t role = 0;
    if (!site)
        return LT_EXIT_FAILED;
    while (role < LT_COUNT(key_roles) && (!wanted || strcmp(wanted, key_roles[role]) != 0))
        role++;
    if (role == LT_COUNT(key_roles))
        return lt_cli_usage(cli, "--role must be site_admin, service or metrics%s%s", wanted ? ", is " : "", wanted ? wanted : "");
    if (!lt_cli_number(cli, "days", 1, DAYS_MAX, 0, &days))
        return LT_EXIT_USAGE;
    char key[64];
    if (lt_admin_key_add(cli->store, site->slug, (enum lt_key_role)role, lt_str(name ? name : key_roles[role]),
                         lt_cli_option(cli, "choose-provider") != NULL, days ? lt_now_ms() + days * 86400000 : 0, key, &err))
        return lt_cli_fail(cli, &err);
    int rc = lt_cli_done(cli, "key", key, "%s\nThis key is shown now and never again.", key);
    lt_wipe(key, sizeof(key));
    return rc;
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
