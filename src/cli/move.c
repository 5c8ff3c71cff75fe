/* lectern migrate --from … --to …: moving an installation from one database to another. */
#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/data_dir.h"
#include "cli/engine.h"
#include "content/fulltext.h"
#include "core/record.h"
#include "core/register_months.h"
#include "core/register_verify.h"
#include "store/move.h"

struct moving {
    struct lt_cli *cli;
    struct lt_move move;
    const char *data;            /* directory of what is in no database: keys, pictures */
    const char *master_key_file;
    int locks[3];
    size_t locks_n;
};

static bool is_postgres(const char *url)
{
    return strncmp(url, "postgres", 8) == 0;
}

/* The directory of SQLite's file; of PostgreSQL --data. */
static const char *directory_of(struct lt_cli *cli, const char *url)
{
    if (is_postgres(url))
        return cli->settings.data;
    const char *path = strchr(url, ':') + 1, *slash = strrchr(path, '/');
    return slash ? lt_printf(cli->arena, "%.*s", slash > path ? (int)(slash - path) : 1, path).p : ".";
}

/* ---- nobody else ---- */

/* As a daemon does: none of the directory runs, or can start meanwhile. */
static enum lt_code lock(struct moving *m, const char *directory, struct lt_error *err)
{
    struct lt_settings settings = m->cli->settings;
    settings.data = directory;
    if (access(directory, F_OK) != 0)
        return LT_OK;
    enum lt_code rc = lt_data_dir_lock(&settings, &m->locks[m->locks_n], err);
    if (!rc)
        m->locks_n++;
    return rc;
}

static enum lt_code lock_all(struct moving *m, struct lt_error *err)
{
    const char *directories[] = {m->data, directory_of(m->cli, m->move.from), directory_of(m->cli, m->move.to)};
    for (size_t i = 0; i < LT_COUNT(directories); i++) {
        bool seen = false;
        for (size_t k = 0; k < i; k++)
            seen |= strcmp(directories[i], directories[k]) == 0;
        if (!seen && lock(m, directories[i], err))
            return err->code;
    }
    return LT_OK;
}

static void unlock_all(struct moving *m)
{
    for (size_t i = 0; i < m->locks_n; i++)
        close(m->locks[i]);
}

/* ---- the target's tables ---- */

static enum lt_code open_store(struct moving *m, const char *url, bool read_only, struct lt_store **ret, struct lt_error *err)
{
    struct lt_settings settings = m->cli->settings;
    settings.database = url;
    settings.data = m->data;
    settings.master_key_file = m->master_key_file;
    return lt_engine_open_store(&settings, read_only, ret, err);
}

/* Tables of actions are made when a daemon starts, by its plugins: so as they are at the source. */
static enum lt_code make_action_tables(struct lt_store *from, struct lt_store *to, struct lt_arena *arena, struct lt_error *err)
{
    struct lt_rows r;
    if (lt_store_columns(from, arena, LT_STR("ai_action_"), &r, err))
        return err->code;
    const char **columns = LT_NEW_ARRAY(arena, const char *, r.rows + 1);
    for (size_t i = 0; i < r.rows;) {
        struct lt_str table = lt_rows_str(&r, i, 0);
        size_t n = 0;
        for (; i < r.rows && lt_str_compare(lt_rows_str(&r, i, 0), table) == 0; i++)
            if (!lt_str_is(lt_rows_str(&r, i, 1), "call_id"))
                columns[n++] = lt_strz(arena, lt_rows_str(&r, i, 1));
        columns[n] = NULL;
        const struct lt_action action = {.name = lt_strz(arena, table) + strlen("ai_action_"), .columns = columns};
        if (lt_record_create_table(to, &action, err))
            return lt_error_wrap(err, "table %.*s", LT_FMT(table));
    }
    return LT_OK;
}

/* Opening refuses an older schema. A newer one can be served, but what it has more this program would leave behind. */
static enum lt_code check_schema(const struct lt_store *store, struct lt_error *err)
{
    int schema = lt_store_schema(store), own = lt_store_schema_newest();
    if (schema > own)
        return lt_fail(err, LT_ECONFIG, "its schema %d is newer than this program (%d), which does not know all that would have to be moved: move it with a newer one",
                       schema, own);
    return LT_OK;
}

static enum lt_code make_tables(struct moving *m, struct lt_store *from, struct lt_error *err)
{
    struct lt_store *to = NULL;
    struct lt_register_months months;
    struct lt_error why;
    enum lt_code rc = open_store(m, m->move.to, false, &to, err);
    if (!rc)
        rc = check_schema(to, err);
    if (!rc)
        rc = make_action_tables(from, to, m->cli->arena, err);
    if (!rc)
        rc = lt_fulltext_prepare(to, err);
    if (!rc && lt_register_months(to, lt_register_months_oldest(from, lt_now_ms()), lt_now_ms(), &months, &why))
        lt_log_error("register.months", &why); /* it works without them, too */
    if (to)
        lt_store_close(to);
    return rc;
}

static enum lt_code prepare(struct moving *m, bool again, struct lt_error *err)
{
    enum lt_move_target target;
    struct lt_store *from = NULL;
    if (open_store(m, m->move.from, true, &from, err))
        return lt_error_wrap(err, "the database to move from");
    if (check_schema(from, err)) {
        lt_store_close(from);
        return lt_error_wrap(err, "the database to move from");
    }
    enum lt_code rc = lt_move_look(m->move.to, &target, err);
    if (!rc && (target == LT_MOVE_NEW || !again)) /* of one that is half moved and may not be emptied, opening says so */
        rc = make_tables(m, from, err);
    lt_store_close(from);
    return rc ? lt_error_wrap(err, "the database to move to") : LT_OK;
}

/* ---- the register ---- */

static void on_finding(void *ctx, const struct lt_register_finding *f)
{
    fprintf(stderr, "%s: site %lld entry %lld: %s\n", f->what, (long long)f->site_id, (long long)f->seq, f->detail);
}

static enum lt_code verify(struct moving *m, struct lt_register_verdict *ret, struct lt_error *err)
{
    struct lt_store *store = NULL;
    if (open_store(m, m->move.to, true, &store, err))
        return err->code;
    const struct lt_register_check check = {.store = store, .head_file = lt_printf(m->cli->arena, "%s/register.head", m->data).p, .site_id = -1,
                                            .found = on_finding};
    enum lt_code rc = lt_register_verify(&check, ret, err);
    lt_store_close(store);
    return rc;
}

/* ---- what is said ---- */

static void on_progress(void *ctx, const char *what, const char *table, int64_t rows)
{
    fprintf(stderr, "%s %s: %lld rows\n", what, table, (long long)rows);
}

static void put_tables(struct lt_jw *w, const struct lt_move_table *tables, size_t n)
{
    lt_jw_key(w, "tables");
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        const struct lt_move_table *t = &tables[i];
        lt_jw_obj(w);
        lt_jw_kstrz(w, "table", t->name);
        lt_jw_kint(w, "rows", t->from_rows);
        lt_jw_kint(w, "rows_there", t->to_rows);
        lt_jw_kstrz(w, "digest", t->from_digest);
        lt_jw_kstrz(w, "digest_there", t->to_digest);
        lt_jw_kbool(w, "same", t->from_rows == t->to_rows && strcmp(t->from_digest, t->to_digest) == 0);
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

/* Which of them there are. */
static struct lt_str files_that_remain(struct moving *m)
{
    static const char *const names[] = {"master.key", "register.head", "files", "recordings", "components"};
    struct lt_str list = LT_STR("");
    for (size_t i = 0; i < LT_COUNT(names); i++)
        if (access(lt_printf(m->cli->arena, "%s/%s", m->data, names[i]).p, F_OK) == 0)
            list = lt_printf(m->cli->arena, "%.*s%s%s", LT_FMT(list), list.n ? ", " : "", names[i]);
    return list;
}

static int print(struct moving *m, const struct lt_move_table *tables, size_t n, bool same, const struct lt_register_verdict *v)
{
    struct lt_cli *cli = m->cli;
    struct lt_str files = files_that_remain(m);
    bool ok = same && v->findings == 0;
    lt_jw_obj(&cli->w);
    put_tables(&cli->w, tables, n);
    lt_jw_kbool(&cli->w, "same", same);
    lt_jw_kint(&cli->w, "register_entries", v->entries);
    lt_jw_kint(&cli->w, "register_findings", v->findings);
    lt_jw_kbool(&cli->w, "ok", ok);
    lt_jw_kstrz(&cli->w, "data", m->data);
    lt_jw_kstr(&cli->w, "files", files);
    lt_jw_end(&cli->w);
    lt_cli_print(cli, "table,rows,rows_there,digest,same");
    if (cli->json)
        return ok ? LT_EXIT_OK : LT_EXIT_FAILED;
    if (!same)
        printf("The databases differ: the target stays marked as half moved.\n");
    else
        printf("register: %lld entries of %lld calls checked, %lld findings.\n", (long long)v->entries, (long long)v->calls, (long long)v->findings);
    printf("What is in no database stays in %s, to be kept there or copied to where the daemons run: %.*s. Sealed secrets are read with the same"
           " master key (%s).\n",
           m->data, LT_FMT(files), m->master_key_file);
    return ok ? LT_EXIT_OK : LT_EXIT_FAILED;
}

/* ---- all of it ---- */

static int move(struct moving *m)
{
    struct lt_error err;
    struct lt_move_table *tables;
    struct lt_register_verdict verdict = {0};
    size_t n;
    bool same, again = lt_cli_option(m->cli, "again") != NULL;
    if (lock_all(m, &err) || prepare(m, again, &err) || lt_move_run(&m->move, again, m->cli->arena, &tables, &n, &same, &err) ||
        (same && verify(m, &verdict, &err)))
        return lt_cli_fail(m->cli, &err);
    return print(m, tables, n, same, &verdict);
}

int lt_cmd_move(struct lt_cli *cli)
{
    const char *from = lt_cli_option(cli, "from"), *to = lt_cli_option(cli, "to"), *key = cli->settings.master_key_file;
    if (!from || !to)
        return lt_cli_usage(cli, "--from and --to belong together");
    const char *const urls[] = {from, to};
    for (size_t i = 0; i < LT_COUNT(urls); i++)
        if (strncmp(urls[i], "sqlite:", 7) != 0 && strncmp(urls[i], "postgresql://", 13) != 0 && strncmp(urls[i], "postgres://", 11) != 0)
            return lt_cli_usage(cli, "%s is \"sqlite:PATH\" or \"postgresql://…\"", i ? "--to" : "--from");
    if (strcmp(from, to) == 0)
        return lt_cli_usage(cli, "--from and --to are the same database");
    struct moving m = {.cli = cli, .move = {.from = from, .to = to, .progress = on_progress}, .data = directory_of(cli, from)};
    m.master_key_file = key ? key : lt_printf(cli->arena, "%s/master.key", m.data).p;
    int rc = move(&m);
    unlock_all(&m);
    return rc;
}
