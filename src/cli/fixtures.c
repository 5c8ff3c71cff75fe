/* lectern workflow, profile, scope, prompt: import and export of fixtures. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/text_file.h"
#include "workflows/fixture.h"
#include "workflows/workflow_set.h"

/* `workflow` takes all; the others what they are named after. */
static unsigned kinds_of(const struct lt_command *command)
{
    static const char *const groups[LT_FIXTURE_KINDS] = {"prompt", "profile", "scope"};
    for (int i = 0; i < LT_FIXTURE_KINDS; i++)
        if (strcmp(command->group, groups[i]) == 0)
            return 1u << i;
    return LT_FIXTURE_ALL;
}

static void print_counts(const struct lt_fixture_report *r, unsigned kinds)
{
    static const char *const names[LT_FIXTURE_KINDS] = {"prompts", "profiles", "scopes"};
    for (int i = 0; i < LT_FIXTURE_KINDS; i++)
        if (kinds & 1u << i)
            printf("%-9s %zu added, %zu changed, %zu unchanged\n", names[i], r->added[i], r->changed[i], r->unchanged[i]);
}

static void print_refusals(struct lt_cli *cli, const struct lt_fixture_report *r)
{
    for (size_t i = 0; i < r->refused_n; i++) {
        const struct lt_fixture_refusal *x = &r->refused[i];
        struct lt_str line = lt_printf(cli->arena, "object %zu, %.*s %.*s: %.*s: %.*s", x->at, LT_FMT(x->model), LT_FMT(x->pk), LT_FMT(x->field),
                                       LT_FMT(x->reason));
        printf("%.*s\n", LT_FMT(lt_cli_plain(cli, line, false)));
    }
    if (r->refused_total > r->refused_n)
        printf("and %zu more\n", r->refused_total - r->refused_n);
}

static void print_rest(struct lt_cli *cli, const struct lt_fixture_report *r)
{
    for (size_t i = 0; i < r->ignored_n; i++)
        printf("ignored:  %zu × %.*s\n", r->ignored[i].count, LT_FMT(lt_cli_plain(cli, r->ignored[i].name, false)));
    for (size_t i = 0; i < r->notes_n; i++)
        printf("note:     %.*s\n", LT_FMT(lt_cli_plain(cli, r->notes[i], false)));
    if (r->notes_total > r->notes_n)
        printf("note:     and %zu more\n", r->notes_total - r->notes_n);
}

static void print_report(struct lt_cli *cli, const struct lt_site *site, const struct lt_fixture_options *o, const struct lt_fixture_report *r)
{
    if (r->refused_total > 0) {
        print_refusals(cli, r);
        return;
    }
    print_counts(r, o->kinds);
    print_rest(cli, r);
    if (r->slot_matching_set)
        printf("note:     slot_matching of the site is wildcard %s: a scope without a slot fits every widget, as in the plugin.\n"
               "          'lectern site set %.*s slot_matching=exact' sets it back.\n",
               r->written ? "now" : "then", LT_FMT(site->slug));
    printf("%s\n", r->written ? "Imported." : o->dry_run ? "Nothing is written: this was a dry run." : "There was nothing to change.");
}

int lt_cmd_workflow_import(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_str text;
    struct lt_fixture_report *report = LT_NEW(cli->arena, struct lt_fixture_report);
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    struct lt_fixture_options options = {.kinds = kinds_of(cli->command),
                                         .dry_run = lt_cli_option(cli, "dry-run"),
                                         .allow_missing = lt_cli_option(cli, "allow-missing"),
                                         .map_templates = lt_cli_option(cli, "map-templates"),
                                         .who = LT_STR("cli")};
    if (lt_text_file(cli->arena, lt_strz(cli->arena, cli->operands[0]), LT_FIXTURE_TEXT_MAX, &text, &err))
        return lt_cli_fail(cli, &err);
    enum lt_code rc = lt_fixture_import(cli->store, cli->config, site, text, &options, cli->arena, report, &err);
    if (rc && report->refused_total == 0)
        return lt_cli_fail(cli, &err);
    if (cli->json) {
        lt_fixture_report_write(&cli->w, report);
        lt_cli_print(cli, NULL);
    } else
        print_report(cli, site, &options, report);
    if (rc)
        fprintf(stderr, "lectern: %s (%s)\n", err.detail, lt_code_name(err.code));
    return rc ? LT_EXIT_FAILED : LT_EXIT_OK;
}

static void release_set(void *set)
{
    lt_scope_set_unref(set);
}

int lt_cmd_workflow_export(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_scope_set *scopes;
    struct lt_buf out;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (lt_scope_set_load(cli->store, NULL, &scopes, &err))
        return lt_cli_fail(cli, &err);
    lt_arena_on_free(cli->arena, release_set, scopes);
    lt_buf_init(&out, LT_FIXTURE_TEXT_MAX);
    lt_fixture_export(lt_workflows(cli->config), scopes, site->id, kinds_of(cli->command), &out);
    if (out.failed)
        lt_fail(&err, LT_ETOO_LARGE, "more than %d bytes; export prompts, profiles and scopes one by one", LT_FIXTURE_TEXT_MAX);
    else
        fwrite(out.p, 1, out.n, stdout);
    bool failed = out.failed;
    lt_buf_free(&out);
    return failed ? lt_cli_fail(cli, &err) : LT_EXIT_OK;
}
