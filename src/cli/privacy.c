/* lectern privacy: what is kept of a user, and that it is deleted. */
#include "privacy/privacy.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/data_dir.h"
#include "core/member.h"
#include "core/record.h"

enum { WAIT_MS = 600000, LOOK_MS = 50 };

/* ---- export ---- */

static enum lt_code put_line(void *ctx, struct lt_str line)
{
    return fwrite(line.p, 1, line.n, ctx) == line.n ? LT_OK : LT_EIO;
}

int lt_cmd_privacy_export(struct lt_cli *cli)
{
    struct lt_error err;
    const char *path = lt_cli_option(cli, "output");
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    FILE *f = path && strcmp(path, "-") != 0 ? fopen(path, "wb") : stdout;
    if (!f) {
        lt_fail(&err, LT_EIO, "%s: %s", path, strerror(errno));
        return lt_cli_fail(cli, &err);
    }
    enum lt_code rc = lt_privacy_export(cli->store, site, cli->operands[0], LT_STR("cli"), put_line, f, &err);
    if ((f == stdout ? fflush(f) : fclose(f)) != 0 && rc == LT_OK)
        rc = lt_fail(&err, LT_EIO, "%s: %s", path ? path : "standard output", strerror(errno));
    if (rc)
        return lt_cli_fail(cli, &err);
    return f == stdout ? LT_EXIT_OK : lt_cli_done(cli, "output", path, "%s is written.", path);
}

/* ---- erasure ---- */

static enum lt_code find(struct lt_cli *cli, const struct lt_site *site, const char *uuid, struct lt_privacy_job *ret, struct lt_error *err)
{
    return lt_privacy_job_find(cli->store, cli->arena, site->id, lt_str(uuid), ret, err);
}

/* Without a daemon: what the last one left unfinished has ended. */
static enum lt_code do_it(struct lt_cli *cli, struct lt_error *err)
{
    size_t interrupted;
    bool alone;
    if (lt_member_alone(cli->store, &alone, err) || (alone && lt_record_recover(cli->store, lt_member_left_over(cli->store), &interrupted, err)))
        return err->code;
    struct lt_privacy *p = lt_privacy_new(&(struct lt_privacy_options){.store = cli->store,
                                                                        .files_dir = lt_printf(cli->arena, "%s/files", cli->settings.data).p});
    enum lt_code rc = lt_privacy_work(p, err);
    lt_privacy_free(p);
    return rc;
}

static enum lt_code erase(struct lt_cli *cli, const struct lt_site *site, struct lt_privacy_job *job, struct lt_error *err)
{
    int lock;
    if (lt_privacy_ask(cli->store, cli->arena, site, cli->operands[0], LT_STR("cli"), job, err))
        return err->code;
    enum lt_code rc = lt_data_dir_lock(&cli->settings, &lock, err);
    if (rc == LT_OK) {
        rc = do_it(cli, err);
        close(lock);
        return rc ? rc : find(cli, site, job->uuid, job, err);
    }
    if (rc != LT_ECONFLICT)
        return rc;
    rc = LT_OK;
    for (uint64_t until = lt_mono_ms() + WAIT_MS; rc == LT_OK && job->completed_at == 0 && lt_mono_ms() < until;) {
        usleep(LOOK_MS * 1000);
        rc = find(cli, site, job->uuid, job, err);
    }
    return rc;
}

int lt_cmd_privacy_erase(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_privacy_job job;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (erase(cli, site, &job, &err))
        return lt_cli_fail(cli, &err);
    lt_privacy_job_write(&cli->w, &job);
    return lt_cli_print(cli, NULL);
}

int lt_cmd_privacy_show(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_privacy_job job;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (lt_privacy_job_find(cli->store, cli->arena, site->id, cli->operands[0], &job, &err))
        return lt_cli_fail(cli, &err);
    lt_privacy_job_write(&cli->w, &job);
    return lt_cli_print(cli, NULL);
}

int lt_cmd_privacy_metadata(struct lt_cli *cli)
{
    lt_privacy_metadata(&cli->w);
    return lt_cli_print(cli, "table,personal,erasure,what,kept");
}
