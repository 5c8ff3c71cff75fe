/* lectern template, profile, prompt. */
#include "cli/cli.h"
#include "cli/text_file.h"
#include "workflows/scope.h"
#include "workflows/session.h"
#include "workflows/workflow_set.h"

#define WHO LT_STR("cli")

static const struct lt_workflow_set *workflows(struct lt_cli *cli)
{
    return lt_workflows(cli->config);
}

static struct lt_problems *new_problems(struct lt_cli *cli)
{
    struct lt_problems *problems = LT_NEW(cli->arena, struct lt_problems);
    problems->arena = cli->arena;
    return problems;
}

/* {"valid", "errors"}; fails when there are any. */
static int print_problems(struct lt_cli *cli, const struct lt_problems *problems)
{
    lt_jw_obj(&cli->w);
    lt_jw_kbool(&cli->w, "valid", problems->n == 0);
    lt_jw_key(&cli->w, "errors");
    lt_problems_write(&cli->w, problems);
    lt_jw_end(&cli->w);
    int rc = lt_cli_print(cli, NULL);
    return rc ? rc : problems->n > 0 ? LT_EXIT_FAILED : LT_EXIT_OK;
}

/* ---- template ---- */

int lt_cmd_template_list(struct lt_cli *cli)
{
    const struct lt_template_set *set = lt_workflow_templates(workflows(cli));
    lt_jw_arr(&cli->w);
    for (size_t i = 0; i < lt_template_count(set); i++) {
        const struct lt_template *t = lt_template_at(set, i);
        lt_jw_obj(&cli->w);
        lt_jw_kstr(&cli->w, "path", t->path);
        lt_jw_kstr(&cli->w, "name", t->name);
        lt_jw_kstr(&cli->w, "file", t->file);
        lt_jw_kstrz(&cli->w, "error", t->err.detail);
        lt_jw_end(&cli->w);
    }
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, "path,name,error");
}

static const struct lt_template *find_template(struct lt_cli *cli)
{
    struct lt_error err;
    const struct lt_template *t;
    if (!lt_template_find(lt_workflow_templates(workflows(cli)), cli->operands[0], &t, &err))
        return t;
    lt_cli_fail(cli, &err);
    return NULL;
}

int lt_cmd_template_show(struct lt_cli *cli)
{
    const struct lt_template *t = find_template(cli);
    if (!t)
        return LT_EXIT_FAILED;
    lt_jw_obj(&cli->w);
    lt_jw_kstr(&cli->w, "path", t->path);
    lt_jw_kstr(&cli->w, "file", t->file);
    lt_jw_kstr(&cli->w, "text", t->text);
    lt_jw_kjson(&cli->w, "config", t->json);
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, NULL);
}

/* One that cannot be read has that as its only problem. */
static void check_template(const struct lt_template *t, struct lt_problems *problems)
{
    if (t->json)
        lt_workflow_check(t->json, problems);
    else
        lt_problem_add(problems, LT_STR("root"), "%s", t->err.detail);
}

static int validate_all(struct lt_cli *cli)
{
    const struct lt_template_set *set = lt_workflow_templates(workflows(cli));
    size_t wrong = 0;
    lt_jw_arr(&cli->w);
    for (size_t i = 0; i < lt_template_count(set); i++) {
        struct lt_problems *problems = new_problems(cli);
        check_template(lt_template_at(set, i), problems);
        wrong += problems->n > 0;
        lt_jw_obj(&cli->w);
        lt_jw_kstr(&cli->w, "path", lt_template_at(set, i)->path);
        lt_jw_kbool(&cli->w, "valid", problems->n == 0);
        lt_jw_key(&cli->w, "errors");
        lt_problems_write(&cli->w, problems);
        lt_jw_end(&cli->w);
    }
    lt_jw_end(&cli->w);
    int rc = lt_cli_print(cli, "path,valid,errors");
    return rc ? rc : wrong > 0 ? LT_EXIT_FAILED : LT_EXIT_OK;
}

int lt_cmd_template_validate(struct lt_cli *cli)
{
    struct lt_error err;
    const struct lt_template *t = NULL;
    struct lt_problems *problems = new_problems(cli);
    if (cli->operands_n == 0)
        return validate_all(cli);
    if (lt_template_find(lt_workflow_templates(workflows(cli)), cli->operands[0], &t, &err) && !t)
        return lt_cli_fail(cli, &err);
    check_template(t, problems);
    return print_problems(cli, problems);
}

/* ---- profile ---- */

static const struct lt_profile *find_profile(struct lt_cli *cli)
{
    struct lt_error err;
    const struct lt_profile *p;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return NULL;
    if (!lt_profile_find(workflows(cli), site->id, cli->operands[0], &p, &err))
        return p;
    lt_cli_fail(cli, &err);
    return NULL;
}

static void release_scopes(void *set)
{
    lt_scope_set_unref(set);
}

static struct lt_scope_set *scopes_of(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_scope_set *set;
    if (lt_scope_set_load(cli->store, NULL, &set, &err)) {
        lt_cli_fail(cli, &err);
        return NULL;
    }
    lt_arena_on_free(cli->arena, release_scopes, set);
    return set;
}

int lt_cmd_profile_list(struct lt_cli *cli)
{
    size_t n;
    const struct lt_site *site = lt_cli_site(cli);
    struct lt_scope_set *scopes = site ? scopes_of(cli) : NULL;
    if (!scopes)
        return LT_EXIT_FAILED;
    const struct lt_profile *list = lt_profile_list(workflows(cli), site->id, &n);
    lt_jw_arr(&cli->w);
    for (size_t i = 0; i < n; i++)
        lt_profile_write(&cli->w, workflows(cli), scopes, &list[i], false);
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, "id,slug,base_filepath,orchestrator_class,version,valid");
}

int lt_cmd_profile_show(struct lt_cli *cli)
{
    const struct lt_profile *p = find_profile(cli);
    struct lt_scope_set *scopes = p ? scopes_of(cli) : NULL;
    if (!scopes)
        return LT_EXIT_FAILED;
    lt_profile_write(&cli->w, workflows(cli), scopes, p, true);
    return lt_cli_print(cli, NULL);
}

int lt_cmd_profile_usage(struct lt_cli *cli)
{
    const struct lt_profile *p = find_profile(cli);
    struct lt_scope_set *scopes = p ? scopes_of(cli) : NULL;
    struct lt_error err;
    int64_t sessions;
    if (!scopes)
        return LT_EXIT_FAILED;
    if (lt_session_count_profile(cli->store, p->id, &sessions, &err))
        return lt_cli_fail(cli, &err);
    lt_profile_usage(&cli->w, scopes, p, sessions);
    return lt_cli_print(cli, NULL);
}

int lt_cmd_profile_validate(struct lt_cli *cli)
{
    const struct lt_profile *p = find_profile(cli);
    struct lt_problems *problems = new_problems(cli);
    if (!p)
        return LT_EXIT_FAILED;
    lt_profile_validate(workflows(cli), p, problems);
    return print_problems(cli, problems);
}

/* The members as given, with `key` from an option: its text, or the text of a file. NULL after saying what is wrong. */
static const struct lt_json *members(struct lt_cli *cli, size_t first, const char *key, struct lt_str slug)
{
    struct lt_error err;
    struct lt_str text = LT_STR_NULL;
    const char *file = lt_cli_option(cli, "file");
    const struct lt_json *all = lt_cli_json_or_pairs(cli, "json-patch", first);
    if (all && file && lt_text_file(cli->arena, file, LT_PROFILE_PATCH_MAX + 1, &text, &err)) {
        lt_cli_fail(cli, &err);
        return NULL;
    }
    if (all && file)
        all = lt_cli_with(cli, all, key, text);
    return all && slug.p ? lt_cli_with(cli, all, "slug", slug) : all;
}

int lt_cmd_profile_add(struct lt_cli *cli)
{
    struct lt_error err;
    const struct lt_site *site = lt_cli_site(cli);
    const struct lt_json *m = site ? members(cli, 1, "content_patch", cli->operands[0]) : NULL;
    if (!m)
        return site ? LT_EXIT_USAGE : LT_EXIT_FAILED;
    if (lt_profile_add(cli->store, workflows(cli), site->slug, m, WHO, new_problems(cli), &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "Profile %.*s added.", LT_FMT(cli->operands[0]));
}

int lt_cmd_profile_set(struct lt_cli *cli)
{
    struct lt_error err;
    const struct lt_site *site = lt_cli_site(cli);
    const struct lt_json *m = site ? members(cli, 1, "content_patch", LT_STR_NULL) : NULL;
    if (!m)
        return site ? LT_EXIT_USAGE : LT_EXIT_FAILED;
    if (lt_profile_change(cli->store, workflows(cli), site->slug, cli->operands[0], m, WHO, new_problems(cli), &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "Done.");
}

int lt_cmd_profile_remove(struct lt_cli *cli)
{
    struct lt_error err;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (lt_profile_remove(cli->store, site->slug, cli->operands[0], &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "Done.");
}

int lt_cmd_profile_history(struct lt_cli *cli)
{
    struct lt_error err;
    int64_t limit;
    const struct lt_profile *p = find_profile(cli);
    if (!p)
        return LT_EXIT_FAILED;
    if (!lt_cli_number(cli, "limit", 1, 100, 20, &limit))
        return LT_EXIT_USAGE;
    if (lt_profile_history(cli->store, p, INT64_MAX, (int)limit, &cli->w, &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_print(cli, "version,changed_at,changed_by,slug,base_filepath");
}

int lt_cmd_profile_diff(struct lt_cli *cli)
{
    struct lt_error err;
    const struct lt_profile *p = find_profile(cli);
    int64_t from, to;
    if (!p)
        return LT_EXIT_FAILED;
    to = p->version;
    if (cli->operands_n > 2 && !lt_str_to_int64(cli->operands[2], &to))
        return lt_cli_usage(cli, "'%.*s' is not the number of a version", LT_FMT(cli->operands[2]));
    from = to - 1;
    if (cli->operands_n > 1 && !lt_str_to_int64(cli->operands[1], &from))
        return lt_cli_usage(cli, "'%.*s' is not the number of a version", LT_FMT(cli->operands[1]));
    if (lt_profile_diff(cli->store, p, from, to, &cli->w, &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_print(cli, NULL);
}

/* ---- prompt ---- */

static const struct lt_prompt *find_prompt(struct lt_cli *cli)
{
    struct lt_error err;
    const struct lt_prompt *p;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return NULL;
    if (!lt_prompt_find(workflows(cli), site->id, cli->operands[0], &p, &err))
        return p;
    lt_cli_fail(cli, &err);
    return NULL;
}

int lt_cmd_prompt_list(struct lt_cli *cli)
{
    size_t n;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    const struct lt_prompt *list = lt_prompt_list(workflows(cli), site->id, &n);
    lt_jw_arr(&cli->w);
    for (size_t i = 0; i < n; i++)
        lt_prompt_write(&cli->w, workflows(cli), &list[i]);
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, "slug,id,version,updated_at");
}

int lt_cmd_prompt_show(struct lt_cli *cli)
{
    const struct lt_prompt *p = find_prompt(cli);
    if (!p)
        return LT_EXIT_FAILED;
    lt_prompt_write(&cli->w, workflows(cli), p);
    return lt_cli_print(cli, NULL);
}

int lt_cmd_prompt_add(struct lt_cli *cli)
{
    struct lt_error err;
    const struct lt_site *site = lt_cli_site(cli);
    const struct lt_json *m = site ? members(cli, 1, "body", cli->operands[0]) : NULL;
    if (!m)
        return site ? LT_EXIT_USAGE : LT_EXIT_FAILED;
    if (lt_prompt_add(cli->store, site->slug, m, WHO, &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "Prompt template %.*s added.", LT_FMT(cli->operands[0]));
}

int lt_cmd_prompt_set(struct lt_cli *cli)
{
    struct lt_error err;
    const struct lt_site *site = lt_cli_site(cli);
    const struct lt_json *m = site ? members(cli, 1, "body", LT_STR_NULL) : NULL;
    if (!m)
        return site ? LT_EXIT_USAGE : LT_EXIT_FAILED;
    if (lt_prompt_change(cli->store, site->slug, cli->operands[0], m, WHO, &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "Done.");
}

int lt_cmd_prompt_remove(struct lt_cli *cli)
{
    struct lt_error err;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (lt_prompt_remove(cli->store, workflows(cli), site->slug, cli->operands[0], &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "Done.");
}

int lt_cmd_prompt_history(struct lt_cli *cli)
{
    struct lt_error err;
    int64_t limit;
    const struct lt_prompt *p = find_prompt(cli);
    if (!p)
        return LT_EXIT_FAILED;
    if (!lt_cli_number(cli, "limit", 1, 100, 20, &limit))
        return LT_EXIT_USAGE;
    if (lt_prompt_history(cli->store, p, INT64_MAX, (int)limit, &cli->w, &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_print(cli, "version,changed_at,changed_by,slug");
}
