/* lectern report guards: what was found in calls, or would have been blocked. */
#include <stdio.h>

#include "cli/cli.h"
#include "core/guard_report.h"

static int print_csv(const struct lt_guard_sum *rows, size_t n)
{
    struct lt_buf out;
    lt_buf_init(&out, 64 << 20);
    lt_guard_report_write_csv(&out, rows, n);
    bool whole = !out.failed && fwrite(out.p, 1, out.n, stdout) == out.n && fflush(stdout) == 0;
    lt_buf_free(&out);
    return whole ? LT_EXIT_OK : LT_EXIT_FAILED;
}

int lt_cmd_report_guards(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_guard_sum *rows;
    size_t n;
    int64_t since, until;
    const char *format = lt_cli_option(cli, "format");
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (!lt_cli_time(cli, "since", &since) || !lt_cli_time(cli, "until", &until))
        return LT_EXIT_USAGE;
    if (format && strcmp(format, "csv") != 0 && strcmp(format, "json") != 0)
        return lt_cli_usage(cli, "reports are written as csv or json");
    if (lt_guard_report(cli->store, cli->arena, site->id, since, until, &rows, &n, &err))
        return lt_cli_fail(cli, &err);
    if (format && strcmp(format, "csv") == 0)
        return print_csv(rows, n);
    cli->json |= format != NULL;
    lt_guard_report_write_json(&cli->w, rows, n);
    return lt_cli_print(cli, "day,guard,rule,stage,action,mode,verdict,calls");
}
