/* lectern course: courses imported from files. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "cli/cli.h"
#include "content/course_read.h"
#include "content/course_store.h"

static struct lt_str option(struct lt_cli *cli, const char *name)
{
    const char *text = lt_cli_option(cli, name);
    return lt_str(text ? text : "");
}

/* ---- import ---- */

static enum lt_code read_file(struct lt_cli *cli, struct lt_course_read *read, struct lt_error *err)
{
    const char *path = lt_strz(cli->arena, cli->operands[0]);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return lt_fail(err, LT_EIO, "%s: %s", path, strerror(errno));
    read->source.fd = fd;
    enum lt_code rc = lt_course_read(read, err);
    close(fd);
    return rc;
}

int lt_cmd_course_import(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_course_saved saved;
    struct lt_course_row row;
    struct lt_course_read read = {.arena = cli->arena, .course_id = option(cli, "id"), .title = option(cli, "title")};
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (read_file(cli, &read, &err) || lt_course_save(cli->store, site->id, read.tree, read.sha256, &saved, &err) ||
        lt_course_get(cli->store, cli->arena, site->id, read.tree->course_id, &row, &err))
        return lt_cli_fail(cli, &err);
    lt_jw_obj(&cli->w);
    lt_course_put(&cli->w, &row);
    lt_course_put_saved(&cli->w, &saved);
    lt_jw_key(&cli->w, "warnings");
    lt_jw_raw(&cli->w, row.warnings);
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, NULL);
}

/* ---- looking ---- */

int lt_cmd_course_list(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_course_row *rows;
    size_t n;
    bool more;
    int64_t limit;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (!lt_cli_number(cli, "limit", 1, LT_COURSE_PAGE_MAX, 50, &limit))
        return LT_EXIT_USAGE;
    if (lt_course_list(cli->store, cli->arena, site->id, option(cli, "after"), (int)limit, &rows, &n, &more, &err))
        return lt_cli_fail(cli, &err);
    lt_jw_obj(&cli->w);
    lt_jw_key(&cli->w, "courses");
    lt_jw_arr(&cli->w);
    for (size_t i = 0; i < n; i++) {
        lt_jw_obj(&cli->w);
        lt_course_put(&cli->w, &rows[i]);
        lt_jw_end(&cli->w);
    }
    lt_jw_end(&cli->w);
    lt_jw_kstr_nonempty(&cli->w, "next", more ? rows[n - 1].course_id : LT_STR("")); /* for --after */
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, "course_id,title,format,blocks,imported_at");
}

/* The course that the command names; 0, or the command's exit code. */
static int find_course(struct lt_cli *cli, struct lt_course_row *ret)
{
    struct lt_error err;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    return lt_course_get(cli->store, cli->arena, site->id, cli->operands[0], ret, &err) ? lt_cli_fail(cli, &err) : 0;
}

int lt_cmd_course_show(struct lt_cli *cli)
{
    struct lt_course_row row;
    int rc = find_course(cli, &row);
    if (rc)
        return rc;
    lt_jw_obj(&cli->w);
    lt_course_put(&cli->w, &row);
    lt_jw_key(&cli->w, "about");
    lt_jw_raw(&cli->w, row.about);
    lt_jw_key(&cli->w, "warnings");
    lt_jw_raw(&cli->w, row.warnings);
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, NULL);
}

int lt_cmd_course_outline(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_course_row row;
    int rc = find_course(cli, &row);
    if (rc)
        return rc;
    lt_jw_obj(&cli->w);
    if (lt_course_put_outline(cli->store, cli->arena, &row, lt_cli_option(cli, "blocks") != NULL, &cli->w, &err))
        return lt_cli_fail(cli, &err);
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, "position,parent,kind,block_id,display_name,hidden,visible_from");
}

/* ---- removing ---- */

int lt_cmd_course_remove(struct lt_cli *cli)
{
    struct lt_error err;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (lt_course_remove(cli->store, cli->arena, site->id, cli->operands[0], &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "Removed.");
}
