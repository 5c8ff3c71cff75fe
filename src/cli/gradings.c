/* lectern grading: gradings of submissions, the queue of those that a person has to look at, rubrics of ORA2. */
#include "workflows/grading.h"
#include "cli/cli.h"
#include "cli/text_file.h"
#include "core/rubric_ora2.h"

enum { FILE_MAX = 4 << 20 };

static struct lt_str option(struct lt_cli *cli, const char *name)
{
    const char *text = lt_cli_option(cli, name);
    return lt_str(text ? text : "");
}

static bool find(struct lt_cli *cli, struct lt_grading *ret)
{
    struct lt_error err;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return false;
    if (!lt_grading_find(cli->store, cli->arena, site->id, cli->operands[0], ret, &err))
        return true;
    lt_cli_fail(cli, &err);
    return false;
}

static int list(struct lt_cli *cli, struct lt_str state)
{
    struct lt_error err;
    struct lt_grading *gradings;
    size_t n;
    int64_t limit;
    struct lt_grading_filter filter = {.state = state, .course_id = option(cli, "course")};
    if (!lt_cli_number(cli, "limit", 1, LT_GRADING_LIST_MAX, 50, &limit) || !lt_cli_number(cli, "before", 1, INT64_MAX, 0, &filter.before_id))
        return LT_EXIT_USAGE;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    filter.site_id = site->id;
    filter.limit = (int)limit;
    if (lt_grading_list(cli->store, cli->arena, &filter, &gradings, &n, &err))
        return lt_cli_fail(cli, &err);
    lt_jw_arr(&cli->w);
    for (size_t i = 0; i < n; i++)
        lt_grading_write(&cli->w, cli->arena, &gradings[i], true, true);
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, "number,id,status,reason,mode,source,submission_id,user_id,points_earned,points_possible,created_at");
}

int lt_cmd_grading_list(struct lt_cli *cli)
{
    return list(cli, option(cli, "state"));
}

int lt_cmd_grading_queue(struct lt_cli *cli)
{
    return list(cli, LT_STR("queue"));
}

int lt_cmd_grading_show(struct lt_cli *cli)
{
    struct lt_grading g;
    if (!find(cli, &g))
        return LT_EXIT_FAILED;
    lt_grading_write(&cli->w, cli->arena, &g, true, true);
    return lt_cli_print(cli, NULL);
}

static enum lt_code read_json(struct lt_cli *cli, const char *path, const struct lt_json **ret, struct lt_error *err)
{
    struct lt_str text;
    return lt_text_file(cli->arena, path, FILE_MAX, &text, err) ? err->code : lt_json_parse(cli->arena, text, LT_JSON_JSON5, ret, err);
}

int lt_cmd_grading_override(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_grading g;
    const struct lt_json *decision;
    if (!find(cli, &g))
        return LT_EXIT_FAILED;
    if (read_json(cli, lt_strz(cli->arena, cli->operands[1]), &decision, &err) ||
        lt_grading_override(cli->store, lt_cli_site(cli), cli->arena, &g, decision, LT_STR("cli"), -1, &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, "id", g.uuid_text, "Decided. It stands in place of the model's result.");
}

int lt_cmd_grading_import_rubric(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_ora2_hashes hashes;
    const struct lt_json *ora2, *rubric;
    if (read_json(cli, lt_strz(cli->arena, cli->operands[0]), &ora2, &err) || lt_rubric_from_ora2(cli->arena, ora2, &rubric, &hashes, &err))
        return lt_cli_fail(cli, &err);
    cli->json = true; /* it is for a file or a request */
    lt_jw_json(&cli->w, rubric);
    return lt_cli_print(cli, NULL);
}
