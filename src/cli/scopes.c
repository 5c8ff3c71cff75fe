/* lectern scope. */
#include "cli/cli.h"
#include "workflows/scope.h"
#include "workflows/workflow_set.h"

static void release_set(void *set)
{
    lt_scope_set_unref(set);
}

/* The site and all scopes; NULL after saying what is wrong. */
static const struct lt_site *open_scopes(struct lt_cli *cli, struct lt_scope_set **ret)
{
    struct lt_error err;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return NULL;
    if (lt_scope_set_load(cli->store, NULL, ret, &err)) {
        lt_cli_fail(cli, &err);
        return NULL;
    }
    lt_arena_on_free(cli->arena, release_set, *ret);
    return site;
}

static const struct lt_scope *find(struct lt_cli *cli, int64_t site, const struct lt_scope_set *set)
{
    struct lt_error err;
    int64_t id;
    const struct lt_scope *s =
        lt_str_to_int64(cli->operands[0], &id) ? lt_scope_find(set, site, id) : lt_scope_find_uuid(set, site, cli->operands[0]);
    if (!s) {
        lt_fail(&err, LT_ENOT_FOUND, "there is no scope '%.*s'", LT_FMT(cli->operands[0]));
        lt_cli_fail(cli, &err);
    }
    return s;
}

int lt_cmd_scope_list(struct lt_cli *cli)
{
    struct lt_scope_set *set;
    int64_t profile;
    size_t n;
    const struct lt_site *site = open_scopes(cli, &set);
    if (!site)
        return LT_EXIT_FAILED;
    if (!lt_cli_number(cli, "profile-id", 1, INT64_MAX, -1, &profile))
        return LT_EXIT_USAGE;
    const char *course = lt_cli_option(cli, "course");
    const struct lt_scope *scopes = lt_scope_set_site(set, site->id, &n);
    lt_jw_arr(&cli->w);
    for (size_t i = 0; i < n; i++)
        if ((profile < 0 || scopes[i].profile_id == profile) && (!course || lt_str_is(scopes[i].course_id, course)))
            lt_scope_write(&cli->w, &scopes[i]);
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, "id,profile_id,service_variant,course_id,location_regex,ui_slot_selector_id,enabled,specificity_index");
}

int lt_cmd_scope_show(struct lt_cli *cli)
{
    struct lt_scope_set *set;
    const struct lt_site *site = open_scopes(cli, &set);
    const struct lt_scope *s = site ? find(cli, site->id, set) : NULL;
    if (!s)
        return LT_EXIT_FAILED;
    lt_scope_write(&cli->w, s);
    return lt_cli_print(cli, NULL);
}

/* --profile and the KEY=VALUE pairs; with --json-patch it is that text. */
static const struct lt_json *members(struct lt_cli *cli, size_t first)
{
    const struct lt_json *pairs = lt_cli_json_or_pairs(cli, "json-patch", first);
    const char *profile = lt_cli_option(cli, "profile");
    return pairs && profile ? lt_cli_with(cli, pairs, "profile_id", lt_str(profile)) : pairs;
}

int lt_cmd_scope_add(struct lt_cli *cli)
{
    struct lt_error err;
    int64_t id;
    const struct lt_site *site = lt_cli_site(cli);
    const struct lt_json *all = site ? members(cli, 0) : NULL;
    if (!site)
        return LT_EXIT_FAILED;
    if (!all)
        return LT_EXIT_USAGE;
    if (lt_scope_add(cli->store, site->slug, all, &id, &err))
        return lt_cli_fail(cli, &err);
    const char *text = lt_printf(cli->arena, "%lld", (long long)id).p;
    return lt_cli_done(cli, "id", text, "Scope %s is there.", text);
}

int lt_cmd_scope_set(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_scope_set *set;
    const struct lt_site *site = open_scopes(cli, &set);
    const struct lt_scope *s = site ? find(cli, site->id, set) : NULL;
    if (!s)
        return LT_EXIT_FAILED;
    const struct lt_json *all = members(cli, 1);
    if (!all)
        return LT_EXIT_USAGE;
    if (lt_scope_change(cli->store, site->slug, s->id, all, &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "Done.");
}

int lt_cmd_scope_remove(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_scope_set *set;
    const struct lt_site *site = open_scopes(cli, &set);
    const struct lt_scope *s = site ? find(cli, site->id, set) : NULL;
    if (!s)
        return LT_EXIT_FAILED;
    if (lt_scope_remove(cli->store, site->slug, s->id, &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "Scope %lld is removed.", (long long)s->id);
}

static struct lt_str text_option(struct lt_cli *cli, const char *name)
{
    const char *text = lt_cli_option(cli, name);
    return lt_str(text ? text : "");
}

/* Every scope that was considered, with its profile and the reason. */
static int explain(struct lt_cli *cli, const struct lt_scope_explanation *why)
{
    lt_jw_arr(&cli->w);
    for (size_t i = 0; i < why->considered_n; i++) {
        const struct lt_scope_considered *c = &why->considered[i];
        const struct lt_profile *profile = lt_profile_by_id(lt_workflows(cli->config), c->scope->site_id, c->scope->profile_id);
        lt_jw_obj(&cli->w);
        lt_jw_kint(&cli->w, "id", c->scope->id);
        lt_jw_kstr(&cli->w, "profile", profile ? profile->slug : LT_STR(""));
        lt_jw_kint(&cli->w, "specificity_index", c->scope->specificity_index);
        lt_jw_kstrz(&cli->w, "reason", lt_scope_reason_name(c->reason));
        lt_jw_kstrz(&cli->w, "text", lt_scope_reason_text(c->reason));
        lt_jw_end(&cli->w);
    }
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, "id,profile,specificity_index,reason,text");
}

int lt_cmd_scope_resolve(struct lt_cli *cli)
{
    struct lt_scope_set *set;
    struct lt_scope_explanation why;
    const struct lt_site *site = open_scopes(cli, &set);
    struct lt_str variant = text_option(cli, "service-variant");
    if (!site)
        return LT_EXIT_FAILED;
    struct lt_scope_context context = {.site_id = site->id,
                                       .service_variant = variant.n ? lt_service_variant_parse(variant) : LT_SERVICE_LMS,
                                       .course_id = text_option(cli, "course"),
                                       .location_id = text_option(cli, "location"),
                                       .ui_slot_selector_id = text_option(cli, "slot")};
    if (context.service_variant < 0)
        return lt_cli_usage(cli, "--service-variant must be lms or cms");
    lt_scope_explain(set, cli->arena, &context, &why);
    if (lt_cli_option(cli, "explain"))
        return explain(cli, &why);
    if (!why.chosen) {
        struct lt_error err;
        lt_fail(&err, LT_ENOT_FOUND, "no scope fits; --explain says why");
        return lt_cli_fail(cli, &err);
    }
    lt_scope_write(&cli->w, why.chosen);
    return lt_cli_print(cli, NULL);
}
