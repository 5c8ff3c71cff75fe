/* Files that a command makes: --format and --output, and lectern session export. */
#include "cli/exports.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "workflows/session.h"

bool lt_cli_format(struct lt_cli *cli, int otherwise, int *ret)
{
    const char *name = lt_cli_option(cli, "format");
    *ret = name ? lt_export_format_parse(lt_str(name)) : otherwise;
    if (name && *ret < 0)
        lt_cli_usage(cli, "--format must be " LT_EXPORT_FORMAT_NAMES);
    return !name || *ret >= 0;
}

static int failed(struct lt_cli *cli, const char *path)
{
    struct lt_error err;
    lt_fail(&err, LT_EIO, "%s: %s", path, strerror(errno));
    return lt_cli_fail(cli, &err);
}

static int put_file(struct lt_cli *cli, const char *path, struct lt_str bytes)
{
    FILE *f = fopen(path, "wb");
    if (!f)
        return failed(cli, path);
    bool ok = fwrite(bytes.p, 1, bytes.n, f) == bytes.n && fflush(f) == 0;
    int why = errno;
    ok = fclose(f) == 0 && ok;
    if (ok)
        return lt_cli_done(cli, "output", path, "%s: %zu bytes.", path, bytes.n);
    if (why)
        errno = why;
    return failed(cli, path);
}

int lt_cli_export(struct lt_cli *cli, const struct lt_export *export)
{
    const char *path = lt_cli_option(cli, "output");
    bool binary = strcmp(export->extension, ".zip") == 0 || strcmp(export->extension, ".tar.gz") == 0;
    if (path && strcmp(path, "-") != 0)
        return put_file(cli, path, export->bytes);
    if (binary && !path && isatty(STDOUT_FILENO))
        return lt_cli_usage(cli, "a %s file is nothing for a terminal: name a file with --output", export->extension);
    bool terminal = !path && isatty(STDOUT_FILENO);
    struct lt_str bytes = terminal ? lt_cli_plain(cli, export->bytes, true) : export->bytes;
    fwrite(bytes.p, 1, bytes.n, stdout);
    if (terminal)
        putchar('\n');
    return fflush(stdout) == 0 ? LT_EXIT_OK : failed(cli, "standard output");
}

int lt_cmd_session_export(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_session session;
    struct lt_export export;
    int format;
    if (!lt_cli_format(cli, -1, &format))
        return LT_EXIT_USAGE;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (lt_session_find(cli->store, cli->arena, site->id, cli->operands[0], &session, &err) ||
        lt_export_session(cli->arena, &session, format, &export, &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_export(cli, &export);
}
