/* lectern report: sums over the register. */
#include <stdio.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "core/report.h"

static struct lt_str option(struct lt_cli *cli, const char *name)
{
    const char *text = lt_cli_option(cli, name);
    return lt_str(text ? text : "");
}

/* The columns of the table: keys, values. */
static const char *columns_of(struct lt_cli *cli, const struct lt_report_query *q)
{
    size_t n;
    const struct lt_report_column *columns = lt_report_columns(q->kind, &n);
    struct lt_str names = LT_STR("");
    for (size_t i = 0; i < q->group_n; i++)
        names = lt_printf(cli->arena, "%.*s%s%s", LT_FMT(names), names.n ? "," : "", lt_report_key_name(q->group[i]));
    for (size_t i = 0; i < n; i++)
        names = lt_printf(cli->arena, "%.*s%s%s", LT_FMT(names), names.n ? "," : "", columns[i].name);
    if (q->kind == LT_REPORT_COST)
        names = lt_printf(cli->arena, "%.*s,currency", LT_FMT(names));
    return names.p;
}

static int print_csv(const struct lt_report *report, size_t first, size_t limit)
{
    struct lt_buf out;
    lt_buf_init(&out, 64 << 20);
    lt_report_write_csv(&out, report, first, limit);
    bool whole = !out.failed && fwrite(out.p, 1, out.n, stdout) == out.n && fflush(stdout) == 0;
    lt_buf_free(&out);
    return whole ? LT_EXIT_OK : LT_EXIT_FAILED;
}

static int print(struct lt_cli *cli, const struct lt_report *report, int64_t after, int64_t limit)
{
    struct lt_jw *w = &cli->w;
    struct lt_str format = option(cli, "format");
    if (lt_str_is(format, "csv"))
        return print_csv(report, (size_t)after, (size_t)limit);
    if (format.n > 0 && !lt_str_is(format, "json"))
        return lt_cli_usage(cli, "reports are written as csv or json");
    cli->json |= format.n > 0;
    lt_report_write_json(w, report, (size_t)after, (size_t)limit);
    return lt_cli_print(cli, columns_of(cli, report->query));
}

static int run(struct lt_cli *cli, enum lt_report_kind kind)
{
    struct lt_error err;
    struct lt_report_query query;
    struct lt_report report;
    int64_t after, limit;
    const struct lt_site *site = lt_cli_site(cli);
    struct lt_report_words words = {.group_by = option(cli, "by"),
                                    .since = option(cli, "since"),
                                    .until = option(cli, "until"),
                                    .course_id = option(cli, "course"),
                                    .provider = option(cli, "provider"),
                                    .model = option(cli, "model"),
                                    .action = option(cli, "action"),
                                    .user = option(cli, "user"),
                                    .state = option(cli, "state"),
                                    .of = option(cli, "of"),
                                    .sort = option(cli, "sort")};
    if (!site)
        return LT_EXIT_FAILED;
    if (!lt_cli_number(cli, "after", 0, INT64_MAX, 0, &after) || !lt_cli_number(cli, "limit", 1, LT_REPORT_ROWS_MAX, LT_REPORT_PAGE, &limit))
        return LT_EXIT_USAGE;
    if (lt_report_read(kind, site, &words, lt_now_ms(), &query, &err))
        return lt_cli_fail(cli, &err);
    if (lt_report_run(cli->store, cli->arena, &query, &report, &err))
        return lt_cli_fail(cli, &err);
    return print(cli, &report, after, limit);
}

int lt_cmd_report_usage(struct lt_cli *cli)
{
    return run(cli, LT_REPORT_USAGE);
}

int lt_cmd_report_cost(struct lt_cli *cli)
{
    return run(cli, LT_REPORT_COST);
}

int lt_cmd_report_errors(struct lt_cli *cli)
{
    return run(cli, LT_REPORT_ERRORS);
}

int lt_cmd_report_latency(struct lt_cli *cli)
{
    return run(cli, LT_REPORT_LATENCY);
}

int lt_cmd_report_feedback(struct lt_cli *cli)
{
    return run(cli, LT_REPORT_FEEDBACK);
}
