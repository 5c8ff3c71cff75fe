/* SQLite behind the store. What the settings are for is told in README.md. */
#include "store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "store/wal_file.h"

enum {
    STATEMENTS = 1024, SLOTS = 2048, /* kept per connection; a power of two */
    PROGRESS_STEPS = 2000,    /* virtual machine steps between looks at the clock */
    WRITER_CACHE_KIB = 4096, /* the ends of a few trees, and what a batch changes */
};

struct slot {
    char *text; /* the key; NULL: nothing is kept here */
    sqlite3_stmt *stmt;
};

struct sqlite {
    struct lt_db db;
    sqlite3 *handle;
    uint64_t deadline_ms; /* of the query that runs (monotonic), 0 = none */
    int kept;             /* slots in use */
    struct slot slots[SLOTS];
};

static struct sqlite *of(struct lt_db *db)
{
    return (struct sqlite *)db;
}

/* ---- errors ---- */

/*
 * What SQLite says → ours. LT_ESTORE means "cannot write just now" and nothing about the unit; the others are the unit's own
 * fault. The text holds names of tables and columns, never values.
 */
static enum lt_code fail(struct sqlite *db, struct lt_error *err, const char *what)
{
    int rc = sqlite3_extended_errcode(db->handle);
    bool malformed = rc == SQLITE_CONSTRAINT_NOTNULL || rc == SQLITE_CONSTRAINT_CHECK || rc == SQLITE_CONSTRAINT_DATATYPE;
    enum lt_code code;
    switch (rc & 0xff) {
    case SQLITE_CONSTRAINT: code = malformed ? LT_EINTERNAL : LT_ECONFLICT; break;
    case SQLITE_TOOBIG: code = LT_ETOO_LARGE; break;
    case SQLITE_ERROR:
    case SQLITE_MISMATCH:
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
    case SQLITE_AUTH: code = LT_EINTERNAL; break;
    default: code = LT_ESTORE; break; /* BUSY, FULL, IOERR, READONLY, CORRUPT, NOTADB, CANTOPEN, NOMEM, INTERRUPT … */
    }
    return lt_fail(err, code, "%s: %s (sqlite %d)", what, sqlite3_errmsg(db->handle), rc);
}

/* ---- statements ---- */

struct use {
    sqlite3_stmt *stmt;
    bool kept;
};

static const struct lt_db_word words[] = {
    {"{serial}", "INTEGER PRIMARY KEY AUTOINCREMENT"},
    {"{blob}", "BLOB"},
    {"{clustered}", "WITHOUT ROWID"},
};

static enum lt_code prepare(struct sqlite *db, const char *sql, unsigned flags, sqlite3_stmt **ret, struct lt_error *err)
{
    const char *tail;
    if (sqlite3_prepare_v3(db->handle, sql, -1, flags, ret, &tail) != SQLITE_OK)
        return fail(db, err, "prepare");
    if (!*ret || tail[strspn(tail, " \t\r\n;")] != '\0') {
        sqlite3_finalize(*ret);
        return lt_fail(err, LT_EINTERNAL, "exactly one SQL statement is expected: %.100s", sql);
    }
    return LT_OK;
}

static void forget_all(struct sqlite *db)
{
    for (size_t i = 0; i < SLOTS && db->kept > 0; i++) {
        if (!db->slots[i].text)
            continue;
        sqlite3_finalize(db->slots[i].stmt);
        free(db->slots[i].text);
        db->slots[i] = (struct slot){0};
        db->kept--;
    }
}

/* The slot of this text, or the empty one where it belongs. Half of the slots stay empty, so it ends. */
static struct slot *slot_of(struct sqlite *db, const char *sql)
{
    size_t i = (size_t)lt_db_key(sql) & (SLOTS - 1);
    while (db->slots[i].text && strcmp(db->slots[i].text, sql) != 0)
        i = (i + 1) & (SLOTS - 1);
    return &db->slots[i];
}

static enum lt_code acquire(struct sqlite *db, const char *sql, struct use *ret, struct lt_error *err)
{
    struct slot *slot = slot_of(db, sql);
    if (slot->text) {
        *ret = (struct use){slot->stmt, true};
        return LT_OK;
    }
    char *expanded = lt_db_expand(sql, words, LT_COUNT(words));
    if (expanded) {
        ret->kept = false;
        enum lt_code code = prepare(db, expanded, 0, &ret->stmt, err);
        free(expanded);
        return code;
    }
    sqlite3_stmt *stmt;
    enum lt_code code = prepare(db, sql, SQLITE_PREPARE_PERSISTENT, &stmt, err);
    if (code != LT_OK)
        return code;
    if (db->kept == STATEMENTS) {
        forget_all(db);
        slot = slot_of(db, sql);
    }
    *slot = (struct slot){.text = strdup(sql), .stmt = stmt};
    if (!slot->text)
        lt_out_of_memory(0);
    db->kept++;
    *ret = (struct use){stmt, true};
    return LT_OK;
}

/* Ends a use. A reader must never keep a statement open: it would stop the checkpoints. */
static void release(struct use *use)
{
    if (use->kept)
        sqlite3_reset(use->stmt);
    else
        sqlite3_finalize(use->stmt);
}

static int bind_value(sqlite3_stmt *stmt, int i, const struct lt_value *v)
{
    const char *p = v->s.p ? v->s.p : ""; /* an empty text is not NULL */
    switch (v->type) {
    case LT_V_INT: return sqlite3_bind_int64(stmt, i, v->i);
    case LT_V_DOUBLE: return sqlite3_bind_double(stmt, i, v->d);
    case LT_V_TEXT: return sqlite3_bind_text64(stmt, i, p, v->s.n, SQLITE_STATIC, SQLITE_UTF8);
    case LT_V_BLOB: return sqlite3_bind_blob64(stmt, i, p, v->s.n, SQLITE_STATIC);
    case LT_V_NULL: break;
    }
    return sqlite3_bind_null(stmt, i);
}

/* All parameters are bound anew each time, so what an earlier use bound (memory that is gone) is never read. */
static enum lt_code check_count(sqlite3_stmt *stmt, size_t n, struct lt_error *err)
{
    int takes = sqlite3_bind_parameter_count(stmt);
    if ((size_t)takes == n)
        return LT_OK;
    return lt_fail(err, LT_EINTERNAL, "statement takes %d values, %zu given: %.100s", takes, n, sqlite3_sql(stmt));
}

static enum lt_code bind_all(struct sqlite *db, sqlite3_stmt *stmt, const struct lt_value *values, size_t n, struct lt_error *err)
{
    enum lt_code code = check_count(stmt, n, err);
    for (size_t i = 0; code == LT_OK && i < n; i++) {
        if (bind_value(stmt, (int)i + 1, &values[i]) != SQLITE_OK)
            code = fail(db, err, "bind");
    }
    return code;
}

/* Steps to the end; rows are of no interest. */
static enum lt_code finish(struct sqlite *db, sqlite3_stmt *stmt, struct lt_error *err)
{
    int rc;
    do
        rc = sqlite3_step(stmt);
    while (rc == SQLITE_ROW);
    return rc == SQLITE_DONE ? LT_OK : fail(db, err, "write");
}

static enum lt_code db_run(struct lt_db *base, const char *sql, const struct lt_value *values, size_t n, struct lt_error *err)
{
    struct sqlite *db = of(base);
    struct use use;
    enum lt_code code = acquire(db, sql, &use, err);
    if (code != LT_OK)
        return code;
    code = bind_all(db, use.stmt, values, n, err);
    if (code == LT_OK)
        code = finish(db, use.stmt, err);
    release(&use);
    return code;
}

static enum lt_code db_exec(struct lt_db *base, const char *sql, struct lt_error *err)
{
    struct sqlite *db = of(base);
    char *expanded = lt_db_expand(sql, words, LT_COUNT(words));
    int rc = sqlite3_exec(db->handle, expanded ? expanded : sql, NULL, NULL, NULL);
    free(expanded);
    return rc == SQLITE_OK ? LT_OK : fail(db, err, "execute");
}

/* ---- transactions ---- */

static enum lt_code db_begin(struct lt_db *base, struct lt_error *err)
{
    return db_run(base, "BEGIN IMMEDIATE", NULL, 0, err);
}

static enum lt_code db_commit(struct lt_db *base, struct lt_error *err)
{
    return db_run(base, "COMMIT", NULL, 0, err);
}

static void db_rollback(struct lt_db *base)
{
    struct sqlite *db = of(base);
    if (!sqlite3_get_autocommit(db->handle)) /* some errors have rolled back already */
        db_run(base, "ROLLBACK", NULL, 0, NULL);
}

static enum lt_code db_mark(struct lt_db *base, struct lt_error *err)
{
    return db_run(base, "SAVEPOINT unit", NULL, 0, err);
}

static enum lt_code db_unmark(struct lt_db *base, bool keep, struct lt_error *err)
{
    enum lt_code code = keep ? LT_OK : db_run(base, "ROLLBACK TO unit", NULL, 0, err);
    return code == LT_OK ? db_run(base, "RELEASE unit", NULL, 0, err) : code;
}

static bool db_dangling(struct lt_db *base)
{
    struct sqlite *db = of(base);
    int present = 0, highest = 0;
    sqlite3_db_status(db->handle, SQLITE_DBSTATUS_DEFERRED_FKS, &present, &highest, 0);
    return present != 0;
}

static enum lt_code apply_statement(struct sqlite *db, const struct lt_statement *s, sqlite3_stmt *stmt, struct lt_error *err)
{
    enum lt_code code = check_count(stmt, s->n, err);
    const char *at = s->values;
    for (size_t i = 0; code == LT_OK && i < s->n; i++) {
        struct lt_value v;
        at = lt_tx_value(at, &v);
        if (bind_value(stmt, (int)i + 1, &v) != SQLITE_OK)
            code = fail(db, err, "bind");
    }
    if (code == LT_OK)
        code = finish(db, stmt, err);
    if (code != LT_OK || s->expect < 0)
        return code;
    int64_t changed = sqlite3_changes64(db->handle);
    if (changed == s->expect)
        return LT_OK;
    return lt_fail(err, LT_ECONFLICT, "%lld rows changed, %lld expected: %.100s", (long long)changed, (long long)s->expect,
                   s->sql);
}

static enum lt_code db_apply(struct lt_db *base, const struct lt_tx *tx, struct lt_error *err)
{
    struct sqlite *db = of(base);
    size_t at = 0;
    struct lt_statement s;
    while (lt_tx_next(tx, &at, &s)) {
        struct use use;
        enum lt_code code = acquire(db, s.sql, &use, err);
        if (code != LT_OK)
            return code;
        code = apply_statement(db, &s, use.stmt, err);
        release(&use);
        if (code != LT_OK)
            return code;
    }
    return LT_OK;
}

/* ---- queries ---- */

static struct lt_value column(struct lt_arena *arena, sqlite3_stmt *stmt, int i)
{
    switch (sqlite3_column_type(stmt, i)) {
    case SQLITE_INTEGER: return LT_INT(sqlite3_column_int64(stmt, i));
    case SQLITE_FLOAT: return LT_DOUBLE(sqlite3_column_double(stmt, i));
    case SQLITE_TEXT: {
        const char *p = (const char *)sqlite3_column_text(stmt, i);
        return LT_TEXT(lt_str_copy(arena, (struct lt_str){p, (size_t)sqlite3_column_bytes(stmt, i)}));
    }
    case SQLITE_BLOB: {
        const char *p = sqlite3_column_blob(stmt, i);
        struct lt_str s = lt_str_copy(arena, (struct lt_str){p, (size_t)sqlite3_column_bytes(stmt, i)});
        return LT_BLOB(s.p, s.n);
    }
    default: return LT_NULL;
    }
}

/* A row asked for beyond `max`: whoever named a maximum gets that many; the default is a guard and says so. */
static enum lt_code read_rows(struct sqlite *db, struct lt_arena *arena, sqlite3_stmt *stmt, size_t max_rows, struct lt_rows *ret,
                              struct lt_error *err)
{
    size_t max = max_rows ? max_rows : LT_DB_DEFAULT_ROWS, room = 0;
    size_t bytes_before = lt_arena_used(arena);
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        if (ret->rows == max)
            return max_rows ? LT_OK : lt_fail(err, LT_ESTORE, "the query gives more than %d rows", LT_DB_DEFAULT_ROWS);
        if (ret->rows == room) {
            room = room ? room * 2 : 8;
            struct lt_value *grown = lt_alloc(arena, room * ret->columns * sizeof(*grown));
            if (ret->rows > 0)
                memcpy(grown, ret->values, ret->rows * ret->columns * sizeof(*grown));
            ret->values = grown;
        }
        for (size_t i = 0; i < ret->columns; i++)
            ret->values[ret->rows * ret->columns + i] = column(arena, stmt, (int)i);
        ret->rows++;
        if (lt_arena_used(arena) - bytes_before > LT_DB_READ_BYTES)
            return lt_fail(err, LT_ESTORE, "the query gives more than %d MiB", LT_DB_READ_BYTES >> 20);
    }
    if (rc == SQLITE_DONE)
        return LT_OK;
    if (rc == SQLITE_INTERRUPT)
        return lt_fail(err, LT_ESTORE, "the query took longer than %d ms", lt_db_read_ms(&db->db));
    return fail(db, err, "read");
}

static enum lt_code db_query(struct lt_db *base, struct lt_arena *arena, const char *sql, const struct lt_value *values, size_t n,
                         size_t max_rows, struct lt_rows *ret, struct lt_error *err)
{
    struct sqlite *db = of(base);
    *ret = (struct lt_rows){0};
    struct use use;
    enum lt_code code = acquire(db, sql, &use, err);
    if (code != LT_OK)
        return code;
    ret->columns = (size_t)sqlite3_column_count(use.stmt);
    if (ret->columns == 0 || !sqlite3_stmt_readonly(use.stmt))
        code = lt_fail(err, LT_EINTERNAL, "not a query: %.100s", sql);
    if (code == LT_OK)
        code = bind_all(db, use.stmt, values, n, err);
    if (code == LT_OK) {
        db->deadline_ms = lt_mono_ms() + (uint64_t)lt_db_read_ms(&db->db);
        code = read_rows(db, arena, use.stmt, max_rows, ret, err);
        db->deadline_ms = 0;
    }
    release(&use);
    return code;
}

static int on_progress(void *arg)
{
    const struct sqlite *db = arg;
    return db->deadline_ms != 0 && lt_mono_ms() > db->deadline_ms;
}

/* ---- the log, the end ---- */

static void db_close(struct lt_db *base)
{
    struct sqlite *db = of(base);
    forget_all(db);
    sqlite3_close(db->handle);
    free(db);
}

static bool db_checkpoint(struct lt_db *base, enum lt_db_checkpoint mode, int wait_ms)
{
    static const int modes[] = {
        [LT_DB_PASSIVE] = SQLITE_CHECKPOINT_PASSIVE, [LT_DB_RESTART] = SQLITE_CHECKPOINT_RESTART, [LT_DB_TRUNCATE] = SQLITE_CHECKPOINT_TRUNCATE};
    struct sqlite *db = of(base);
    int pages = -1, moved = -1;
    sqlite3_busy_timeout(db->handle, wait_ms);
    int rc = sqlite3_wal_checkpoint_v2(db->handle, NULL, modes[mode], &pages, &moved);
    sqlite3_busy_timeout(db->handle, LT_DB_PATIENCE_MS);
    return rc == SQLITE_OK && pages == moved;
}

static void db_rest(struct lt_db *base)
{
    sqlite3_db_release_memory(of(base)->handle);
}

static bool db_scrub(struct lt_db *base, int wait_ms)
{
    if (!db_checkpoint(base, LT_DB_TRUNCATE, wait_ms))
        return false;
    db_rest(base);
    return true;
}

static const struct lt_db_ops ops = {
    .begin = db_begin,
    .commit = db_commit,
    .rollback = db_rollback,
    .mark = db_mark,
    .unmark = db_unmark,
    .dangling = db_dangling,
    .exec = db_exec,
    .run = db_run,
    .apply = db_apply,
    .query = db_query,
    .checkpoint = db_checkpoint,
    .scrub = db_scrub,
    .rest = db_rest,
    .close = db_close,
    .tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name = $1",
    .columns = "SELECT t.name, c.name, c.cid FROM sqlite_master t, pragma_table_info(t.name) c"
               " WHERE t.type = 'table' AND substr(t.name, 1, length($1)) = $1 ORDER BY t.name, c.name",
    .version = "PRAGMA data_version",
};

/* ---- opening ---- */

/* SQLite's own count of memory costs a lock at every allocation. Being too late does no harm. */
void lt_store_own_process(void)
{
    sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static enum lt_code open_handle(const char *path, int flags, const char *vfs, struct sqlite **ret, struct lt_error *err)
{
    struct sqlite *db = calloc(1, sizeof(*db));
    if (!db)
        return lt_fail(err, LT_ESTORE, "out of memory");
    db->db.ops = &ops;
    *ret = db;
    if (sqlite3_open_v2(path, &db->handle, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, vfs) != SQLITE_OK) {
        if (!db->handle)
            return lt_fail(err, LT_ESTORE, "open %s: out of memory", path);
        return lt_error_wrap(err, "open %s (%s)", path, lt_code_name(fail(db, err, "open")));
    }
    sqlite3_busy_timeout(db->handle, LT_DB_PATIENCE_MS);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
    return LT_OK;
}

static int on_wal(void *arg, sqlite3 *handle, const char *name, int pages)
{
    ((struct lt_db *)arg)->wal_pages = pages;
    return SQLITE_OK;
}

/* An empty file of the right mode, before SQLite would make one by the umask. */
static enum lt_code make_file(const char *path, struct lt_error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd); /* an existing file is never opened and closed here: that would drop this process's locks on it */
    else if (errno != EEXIST)
        return lt_fail(err, LT_ESTORE, "create %s: %s", path, strerror(errno));
    return LT_OK;
}

/* SQLite does not wait for others while it changes to WAL, so two processes that start together on a new file would collide. */
static enum lt_code set_wal(struct sqlite *db, struct lt_error *err)
{
    uint64_t deadline = lt_mono_ms() + LT_DB_PATIENCE_MS;
    for (;;) {
        enum lt_code code = db_exec(&db->db, "PRAGMA journal_mode = WAL", err);
        int rc = sqlite3_errcode(db->handle) & 0xff;
        if (code == LT_OK || (rc != SQLITE_BUSY && rc != SQLITE_LOCKED) || lt_mono_ms() > deadline)
            return code;
        usleep(10000);
    }
}

static enum lt_code set_up_writer(struct sqlite *db, const char *synchronous, struct lt_error *err)
{
    /* Pages of 8 KiB: a prompt and its answer fit one page. Only a new file takes the size, and no pointer maps (db_file.h). */
    enum lt_code code = db_exec(&db->db, "PRAGMA page_size = 8192; PRAGMA auto_vacuum = NONE", err);
    if (code == LT_OK)
        code = set_wal(db, err);
    char pragmas[240];
    /* cache_spill: see wal_file.h. A batch is bounded by the queue, so its pages are, too. temp_store: what is changed lies in no other file. */
    snprintf(pragmas, sizeof(pragmas),
             "PRAGMA synchronous = %s; PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -%d; PRAGMA cache_spill = OFF",
             synchronous, WRITER_CACHE_KIB);
    if (code == LT_OK)
        code = db_exec(&db->db, pragmas, err);
    sqlite3_wal_hook(db->handle, on_wal, db); /* takes the place of the automatic checkpoint */
    return code;
}

enum lt_code lt_sqlite_open_writer(const char *path, const char *synchronous, struct lt_db **ret, struct lt_error *err)
{
    enum { SYNCS_COMMITS = 2 }; /* the first two sync at each commit, which lt_wal_vfs() asks for */
    static const char *const known[] = {"FULL", "EXTRA", "NORMAL", "OFF"};
    size_t i = 0;
    while (i < LT_COUNT(known) && strcmp(known[i], synchronous) != 0)
        i++;
    if (i == LT_COUNT(known))
        return lt_fail(err, LT_ECONFIG, "synchronous is FULL, EXTRA, NORMAL or OFF, not \"%.20s\"", synchronous);
    struct sqlite *db = NULL;
    enum lt_code code = make_file(path, err);
    if (code == LT_OK)
        code = open_handle(path, SQLITE_OPEN_READWRITE, lt_wal_vfs(i < SYNCS_COMMITS), &db, err);
    if (code == LT_OK && (code = set_up_writer(db, synchronous, err)) != LT_OK)
        code = lt_error_wrap(err, "%s", path);
    if (code != LT_OK) {
        lt_db_close(db ? &db->db : NULL);
        return code;
    }
    *ret = &db->db;
    return LT_OK;
}

enum lt_code lt_sqlite_open_reader(const char *path, struct lt_db **ret, struct lt_error *err)
{
    struct sqlite *db = NULL;
    enum lt_code code = open_handle(path, SQLITE_OPEN_READONLY, NULL, &db, err);
    if (code == LT_OK)
        code = db_exec(&db->db, "PRAGMA query_only = ON", err);
    if (code != LT_OK) {
        lt_db_close(db ? &db->db : NULL);
        return code;
    }
    sqlite3_busy_timeout(db->handle, LT_DB_READ_MS);
    sqlite3_progress_handler(db->handle, PROGRESS_STEPS, on_progress, db);
    *ret = &db->db;
    return LT_OK;
}
