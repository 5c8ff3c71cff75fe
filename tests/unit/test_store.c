/* The store: units, group commit, failures, reads, migrations, two processes at one database. */
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "io/worker.h"
#include "store/sqlite.h"

#define NOTE_SQL "INSERT INTO note (id, text) VALUES ($1, $2)"

static char dir[64];
static struct lt_store *store;

/* ---- helpers ---- */

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

static const char *db_path(const char *suffix)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/data/lectern.db%s", dir, suffix);
    return path;
}

static struct lt_store *open_store(bool read_only)
{
    char data[96];
    snprintf(data, sizeof(data), "%s/data", dir);
    struct lt_store *s = NULL;
    struct lt_error err = {0};
    if (lt_store_open(&(struct lt_store_options){.data_dir = data, .read_only = read_only}, &s, &err) != LT_OK)
        fail_msg("open: %s", err.detail);
    return s;
}

static enum lt_code try_open(const struct lt_store_options *options, struct lt_error *err)
{
    struct lt_store *s = NULL;
    *err = (struct lt_error){0};
    enum lt_code code = lt_store_open(options, &s, err);
    if (code == LT_OK)
        lt_store_close(s);
    return code;
}

/* A connection that the store knows nothing of, as another program's would be. */
static sqlite3 *foreign(void)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open_v2(db_path(""), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    return db;
}

static void foreign_exec(sqlite3 *db, const char *sql)
{
    char *why = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", sql, why);
}

static void must_write(struct lt_tx *tx)
{
    struct lt_error err = {0};
    if (lt_store_write(store, tx, &err) != LT_OK)
        fail_msg("write: %s", err.detail);
}

static void must_exec(const char *sql)
{
    struct lt_tx *tx = lt_tx_new();
    lt_tx_add(tx, sql, NULL, 0);
    must_write(tx);
}

static struct lt_tx *note(int64_t id, const char *text)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, NOTE_SQL, LT_INT(id), LT_TEXTZ(text));
    return tx;
}

static int64_t count(struct lt_store *s, const char *sql)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows rows;
    struct lt_error err = {0};
    if (LT_QUERY(s, arena, &rows, &err, sql) != LT_OK)
        fail_msg("%s: %s", sql, err.detail);
    int64_t n = lt_rows_int(&rows, 0, 0);
    lt_arena_free(arena);
    return n;
}

static int64_t notes(void)
{
    return count(store, "SELECT count(*) FROM note");
}

static off_t size_of(const char *suffix)
{
    struct stat st;
    return stat(db_path(suffix), &st) == 0 ? st.st_size : 0;
}

static int make_dir(void **state)
{
    snprintf(dir, sizeof(dir), "%s/lt-store-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    return nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static int set_up(void **state)
{
    make_dir(state);
    store = open_store(false);
    must_exec("CREATE TABLE note (id BIGINT PRIMARY KEY, text TEXT NOT NULL)");
    return 0;
}

static int tear_down(void **state)
{
    lt_store_close(store);
    store = NULL;
    return remove_dir(state);
}

/* ---- opening ---- */

static void a_new_database_is_private_and_up_to_date(void **state)
{
    store = open_store(false);
    struct stat st;
    char data[96];
    snprintf(data, sizeof(data), "%s/data", dir);
    assert_int_equal(stat(data, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    for (const char *const *s = (const char *const[]){"", "-wal", NULL}; *s; s++) {
        assert_int_equal(stat(db_path(*s), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    assert_true(lt_store_schema_newest() >= 1);
    assert_int_equal(lt_store_schema(store), lt_store_schema_newest());
    assert_int_equal(count(store, "SELECT count(*) FROM schema_migration"), lt_store_schema_newest());
    assert_int_equal(count(store, "SELECT count(*) FROM ai_call"), 0);
    assert_int_equal(count(store, "SELECT page_size FROM pragma_page_size"), 8192);
    lt_store_close(store);
    assert_int_equal(size_of("-wal"), 0); /* all of it is in the database */

    store = open_store(false); /* nothing is applied twice */
    assert_int_equal(count(store, "SELECT count(*) FROM schema_migration"), lt_store_schema_newest());
    assert_int_equal(count(store, "SELECT value FROM meta WHERE name = 'generation'"), 1);
    lt_store_close(store);
}

static void a_newer_database_is_served_unless_it_says_from_which_program_on(void **state)
{
    lt_store_close(open_store(false));
    sqlite3 *db = foreign();
    char sql[128], want[160], data[96];
    int newest = lt_store_schema_newest();
    snprintf(sql, sizeof(sql), "INSERT INTO schema_migration VALUES (%d, 'later', 0)", newest + 1);
    foreign_exec(db, sql);
    snprintf(data, sizeof(data), "%s/data", dir);
    for (int from = newest; from <= newest + 1; from++) {
        snprintf(sql, sizeof(sql), "INSERT OR REPLACE INTO meta (name, value) VALUES ('compatible_from', %d)", from);
        foreign_exec(db, sql);
        snprintf(want, sizeof(want), "database schema %d is newer than this program (%d): it needs a program of schema %d or newer", newest + 1, newest, from);
        for (int read_only = 0; read_only < 2; read_only++) {
            struct lt_error err;
            struct lt_store_options options = {.data_dir = data, .read_only = read_only};
            if (from > newest) {
                assert_int_equal(try_open(&options, &err), LT_ECONFIG);
                assert_string_equal(err.detail, want);
            } else {
                assert_int_equal(try_open(&options, &err), LT_OK);
            }
        }
    }
    sqlite3_close(db);
}

static void a_database_that_cannot_be_used_is_refused_with_the_reason(void **state)
{
    char data[96], orphan[96], file[96], url[128];
    snprintf(data, sizeof(data), "%s/data", dir);
    snprintf(orphan, sizeof(orphan), "%s/no/such", dir);
    snprintf(file, sizeof(file), "%s/file", dir);
    snprintf(url, sizeof(url), "sqlite:%s", file);
    FILE *f = fopen(file, "w");
    for (int i = 0; i < 1000; i++)
        fputs("this is not a database\n", f);
    fclose(f);
    const struct {
        struct lt_store_options options;
        enum lt_code code;
        const char *says;
    } cases[] = {
        {{.url = "mysql://db/lectern"}, LT_ECONFIG, "sqlite:PATH"},
        {{.url = "postgresql://127.0.0.1:1/lectern?nothing=1"}, LT_ECONFIG, "nothing"},
        {{.url = "postgresql://127.0.0.1:1/lectern"}, LT_ESTORE, "connect"},
        {{.url = "sqlite:"}, LT_ECONFIG, "sqlite:PATH"},
        {{.data_dir = NULL}, LT_ECONFIG, "data directory"},
        {{.data_dir = orphan}, LT_ECONFIG, "No such file"},
        {{.data_dir = data, .synchronous = "MAYBE"}, LT_ECONFIG, "MAYBE"},
        {{.data_dir = data, .read_only = true}, LT_ECONFIG, "there is no database"},
        {{.url = url}, LT_ESTORE, "not a database"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_error err;
        assert_int_equal(try_open(&cases[i].options, &err), cases[i].code);
        if (!strstr(err.detail, cases[i].says))
            fail_msg("case %zu: \"%s\" does not say \"%s\"", i, err.detail, cases[i].says);
    }
}

/* Connections of this process, each of which has the WAL open. */
static int connections(void)
{
    char path[64], target[256];
    int n = 0;
    for (int fd = 0; fd < 256; fd++) {
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        ssize_t length = readlink(path, target, sizeof(target) - 1);
        target[length > 0 ? length : 0] = '\0';
        n += strstr(target, "lectern.db-wal") != NULL;
    }
    return n;
}

static void *count_long(void *arg)
{
    count(store, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT count(*) FROM n, note");
    return NULL;
}

static void at_rest_one_connection_for_reading_is_kept(void **state)
{
    enum { AT_ONCE = 6, WRITER_AND_READER = 2 };
    pthread_t threads[AT_ONCE];
    must_write(note(1, "one"));
    for (int tries = 0; connections() <= WRITER_AND_READER && tries < 100; tries++) {
        for (size_t i = 0; i < AT_ONCE; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, count_long, NULL), 0);
        for (size_t i = 0; i < AT_ONCE; i++)
            pthread_join(threads[i], NULL);
    }
    assert_true(connections() > WRITER_AND_READER);
    lt_store_rest(store);
    assert_int_equal(connections(), WRITER_AND_READER);
    lt_store_rest(store);
    assert_int_equal(notes(), 1);
    assert_int_equal(connections(), WRITER_AND_READER);
}

static void a_read_only_store_reads_beside_a_writer_and_cannot_write(void **state)
{
    must_write(note(1, "one"));
    struct lt_store *reader = open_store(true);
    assert_int_equal(count(reader, "SELECT count(*) FROM note"), 1);
    assert_int_equal(lt_store_create(store, "CREATE TABLE IF NOT EXISTS extra (id {blob} PRIMARY KEY) {clustered}", NULL), LT_OK);
    assert_int_equal(lt_store_create(store, "CREATE TABLE IF NOT EXISTS extra (id {blob} PRIMARY KEY) {clustered}", NULL), LT_OK);
    assert_int_equal(lt_store_create(reader, "CREATE TABLE IF NOT EXISTS extra (id {blob} PRIMARY KEY) {clustered}", NULL), LT_OK);
    assert_int_equal(count(reader, "SELECT count(*) FROM extra"), 0);
    must_write(note(2, "two"));
    assert_int_equal(count(reader, "SELECT count(*) FROM note"), 2);
    struct lt_error err = {0};
    assert_int_equal(lt_store_write(reader, note(3, "three"), &err), LT_ESTORE);
    assert_non_null(strstr(err.detail, "reading only"));
    lt_store_close(reader);

    sqlite3 *db = foreign();
    foreign_exec(db, "DELETE FROM schema_migration");
    sqlite3_close(db);
    char data[96];
    snprintf(data, sizeof(data), "%s/data", dir);
    assert_int_equal(try_open(&(struct lt_store_options){.data_dir = data, .read_only = true}, &err), LT_ECONFIG);
    assert_non_null(strstr(err.detail, "lectern migrate"));
}

/* ---- values ---- */

static void every_value_comes_back_as_it_went_in(void **state)
{
    must_exec("CREATE TABLE thing (id {serial}, v {blob})");
    static char large[200000];
    for (size_t i = 0; i < sizeof(large); i++)
        large[i] = (char)('a' + i % 26);
    const struct lt_value values[] = {
        LT_NULL,
        LT_INT(0),
        LT_INT(INT64_MIN),
        LT_INT(INT64_MAX),
        LT_DOUBLE(-0.1),
        LT_TEXTZ(""),
        LT_TEXT(LT_STR_NULL), /* empty, not NULL */
        LT_TEXTZ("smörgås"),
        LT_TEXT(LT_STR("a\0b")),
        LT_TEXT(((struct lt_str){large, sizeof(large)})),
        LT_BLOB("", 0),
        LT_BLOB("\0\xff", 2),
        LT_TEXTZ(NULL), /* NULL */
    };
    struct lt_tx *tx = lt_tx_new();
    for (size_t i = 0; i < LT_COUNT(values); i++)
        LT_TX(tx, "INSERT INTO thing (v) VALUES ($1)", values[i]);
    must_write(tx);

    struct lt_arena *arena = lt_arena_new();
    struct lt_rows rows;
    assert_int_equal(LT_QUERY(store, arena, &rows, NULL, "SELECT v, id FROM thing ORDER BY id"), LT_OK);
    assert_int_equal(rows.rows, LT_COUNT(values));
    assert_int_equal(rows.columns, 2);
    for (size_t i = 0; i < rows.rows; i++) {
        const struct lt_value *got = lt_rows_at(&rows, i, 0);
        assert_int_equal(got->type, values[i].type);
        assert_int_equal(lt_rows_int(&rows, i, 1), (int64_t)i + 1);
        if (got->type == LT_V_INT)
            assert_true(got->i == values[i].i);
        if (got->type == LT_V_DOUBLE)
            assert_true(got->d == values[i].d);
        if (got->type == LT_V_TEXT || got->type == LT_V_BLOB) {
            assert_true(lt_str_eq(got->s, values[i].s));
            assert_true(lt_str_eq(lt_rows_str(&rows, i, 0), values[i].s));
            assert_int_equal(got->s.p[got->s.n], '\0');
        }
    }
    assert_int_equal(lt_rows_str(&rows, 0, 0).n, 0);
    assert_int_equal(lt_rows_int(&rows, 0, 0), 0);
    assert_int_equal(LT_QUERY(store, arena, &rows, NULL, "SELECT id FROM thing WHERE v = $1 OR v = $2", LT_INT(INT64_MAX),
                              LT_TEXTZ("smörgås")),
                     LT_OK);
    assert_int_equal(rows.rows, 2);
    lt_arena_free(arena);
}

/* ---- units ---- */

static void a_unit_is_written_whole_or_not_at_all(void **state)
{
    must_write(note(1, "first"));
    struct lt_tx *tx = note(2, "second");
    LT_TX(tx, NOTE_SQL, LT_INT(1), LT_TEXTZ("again"));
    struct lt_error err = {0};
    assert_int_equal(lt_store_write(store, tx, &err), LT_ECONFLICT);
    assert_non_null(strstr(err.detail, "note.id"));
    assert_null(strstr(err.detail, "again")); /* values stay out of error texts */
    assert_int_equal(notes(), 1);
    must_write(note(2, "second"));
}

static void a_unit_fails_with_the_code_of_its_fault(void **state)
{
    const struct {
        const char *sql;
        struct lt_value value;
        enum lt_code code;
    } cases[] = {
        {"INSERT INTO note (id, text) VALUES (7, $1)", LT_NULL, LT_EINTERNAL},
        {"INSERT INTO nothing (id) VALUES ($1)", LT_INT(1), LT_EINTERNAL},
        {"INSERT INTO note (id, text) VALUES ($1, $2)", LT_INT(1), LT_EINTERNAL}, /* one value for two */
        {"DELETE FROM note WHERE id = $1; DELETE FROM note", LT_INT(1), LT_EINTERNAL},
        {"INSERT INTO role_permission (site_id, role, permission, allowed) VALUES ($1, '', '', 1)", LT_INT(999), LT_ECONFLICT},
    };
    must_write(note(1, "stays"));
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_tx *tx = lt_tx_new();
        LT_TX(tx, cases[i].sql, cases[i].value);
        struct lt_error err = {0};
        enum lt_code code = lt_store_write(store, tx, &err);
        if (code != cases[i].code)
            fail_msg("%s: %s, %s", cases[i].sql, lt_code_name(code), err.detail);
        assert_true(err.detail[0] != '\0');
    }
    assert_int_equal(notes(), 1);
}

static void expected_row_counts_are_checked(void **state)
{
    must_write(note(1, "one"));
    const struct {
        int64_t id, expect;
        enum lt_code code;
    } cases[] = {{1, 1, LT_OK}, {1, 0, LT_ECONFLICT}, {2, 1, LT_ECONFLICT}, {2, 0, LT_OK}};
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_tx *tx = note(100 + (int64_t)i, "beside");
        LT_TX(tx, "UPDATE note SET text = 'changed' WHERE id = $1", LT_INT(cases[i].id));
        lt_tx_expect(tx, cases[i].expect);
        int64_t before = notes();
        struct lt_error err = {0};
        assert_int_equal(lt_store_write(store, tx, &err), cases[i].code);
        assert_int_equal(notes(), before + (cases[i].code == LT_OK));
    }
}

static void a_unit_that_is_too_large_is_refused(void **state)
{
    static char mib[1 << 20];
    struct lt_tx *tx = lt_tx_new();
    for (int i = 0; i < 40; i++)
        LT_TX(tx, NOTE_SQL, LT_INT(i), LT_TEXT(((struct lt_str){mib, sizeof(mib)})));
    struct lt_error err = {0};
    assert_int_equal(lt_store_write(store, tx, &err), LT_ETOO_LARGE);
    assert_int_equal(notes(), 0);
    lt_tx_discard(note(1, "never submitted"));
    lt_tx_discard(NULL);
}

/* While another connection holds the write lock, units gather in at most two batches. */
static void in_a_batch_only_the_bad_units_fail(void **state)
{
    enum { UNITS = 100 };
    static struct lt_commit commits[UNITS];
    must_exec("CREATE TABLE child (id BIGINT, note_id BIGINT REFERENCES note(id) DEFERRABLE INITIALLY DEFERRED)");
    sqlite3 *lock = foreign();
    foreign_exec(lock, "BEGIN IMMEDIATE");
    for (int i = 0; i < UNITS; i++) {
        struct lt_tx *tx = note(i % 10 == 3 ? 3 : i, "n"); /* 3, then 13, 23 … collide with it */
        if (i % 10 == 5)
            LT_TX(tx, "INSERT INTO child (id, note_id) VALUES ($1, 5000)", LT_INT(i)); /* seen only at COMMIT */
        struct lt_error err = {0};
        assert_int_equal(lt_store_submit(store, tx, &commits[i], &err), LT_OK);
    }
    foreign_exec(lock, "COMMIT");
    sqlite3_close(lock);
    for (int i = 0; i < UNITS; i++) {
        struct lt_error err = {0};
        bool bad = (i % 10 == 3 && i > 3) || i % 10 == 5;
        assert_int_equal(lt_commit_wait(&commits[i], &err), bad ? LT_ECONFLICT : LT_OK);
    }
    assert_int_equal(notes(), UNITS - 9 - 10);
    assert_int_equal(count(store, "SELECT count(*) FROM child"), 0);
    struct lt_store_stats stats;
    lt_store_stats(store, &stats);
    assert_true(stats.largest_batch >= UNITS / 2); /* the writer held some when it met the lock, the rest came together */
    assert_int_equal(stats.failed, 19);
    assert_int_equal(stats.units, UNITS + 2);
    assert_int_equal(stats.queued_bytes, 0);
}

static void a_full_queue_refuses_and_goes_on_later(void **state)
{
    enum { MOST = 80 };
    static struct lt_commit commits[MOST];
    static char mib[1 << 20];
    memset(mib, 'x', sizeof(mib));
    sqlite3 *lock = foreign();
    foreign_exec(lock, "BEGIN IMMEDIATE");
    int taken = 0;
    enum lt_code code = LT_OK;
    struct lt_error err = {0};
    for (; taken < MOST; taken++) {
        struct lt_tx *tx = lt_tx_new();
        LT_TX(tx, NOTE_SQL, LT_INT(taken), LT_TEXT(((struct lt_str){mib, sizeof(mib)})));
        code = lt_store_submit(store, tx, &commits[taken], &err);
        if (code != LT_OK)
            break;
    }
    assert_int_equal(code, LT_EOVERLOADED);
    assert_int_equal(lt_commit_wait(&commits[taken], &err), LT_EOVERLOADED); /* at once: nothing was submitted */
    assert_true(taken >= 30 && taken <= 64);
    lt_store_post(store, note(1000, "dropped, and logged"));
    foreign_exec(lock, "COMMIT");
    sqlite3_close(lock);
    for (int i = 0; i < taken; i++)
        assert_int_equal(lt_commit_wait(&commits[i], &err), LT_OK);
    must_write(note(2000, "after"));
    assert_true(notes() >= taken + 1);
}

static void posted_units_are_written_before_the_store_closes(void **state)
{
    for (int i = 0; i < 500; i++)
        lt_store_post(store, note(i, "posted"));
    lt_store_post(store, note(7, "a failure nobody waits for is only logged"));
    lt_store_close(store);
    store = open_store(false);
    assert_int_equal(notes(), 500);
}

/* ---- outages ---- */

/* Standard error goes to a file until end_log(). */
static char log_path[96];
static int saved_stderr;

static void begin_log(void)
{
    snprintf(log_path, sizeof(log_path), "%s/log", dir);
    int file = open(log_path, O_RDWR | O_CREAT, 0600);
    saved_stderr = dup(STDERR_FILENO);
    dup2(file, STDERR_FILENO);
    close(file);
}

static void end_log(void)
{
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
}

static int lines_with(const char *word)
{
    char line[1024];
    int n = 0;
    FILE *f = fopen(log_path, "r");
    while (fgets(line, sizeof(line), f))
        n += strstr(line, word) != NULL;
    fclose(f);
    return n;
}

/* The file-size limit of the process stands for a full disk. */
static void a_full_disk_fails_units_is_logged_once_and_passes(void **state)
{
    must_write(note(1, "before"));
    begin_log();
    struct rlimit before, tight;
    getrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_IGN);
    tight = before;
    tight.rlim_cur = (rlim_t)size_of("-wal") + 100;
    setrlimit(RLIMIT_FSIZE, &tight);
    enum lt_code codes[5];
    struct lt_error err = {0};
    for (int i = 0; i < 5; i++)
        codes[i] = lt_store_write(store, note(10 + i, "during"), &err);
    int64_t readable = notes();
    setrlimit(RLIMIT_FSIZE, &before);
    enum lt_code after = lt_store_write(store, note(2, "after"), &err);
    end_log();
    for (int i = 0; i < 5; i++)
        assert_int_equal(codes[i], LT_ESTORE);
    assert_int_equal(readable, 1);
    assert_int_equal(after, LT_OK);
    assert_int_equal(notes(), 2);
    assert_int_equal(lines_with("store.failed"), 1);
    assert_int_equal(lines_with("store.recovered"), 1);
}

/* Two units with one id: the second collides with the first, and then neither can be written. */
static void a_conflict_with_what_is_not_written_is_no_conflict(void **state)
{
    static struct lt_commit commits[3];
    struct lt_error errs[3] = {0};
    must_write(note(1, "before"));
    begin_log();
    struct rlimit before, tight;
    getrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_IGN);
    sqlite3 *lock = foreign();
    foreign_exec(lock, "BEGIN IMMEDIATE"); /* what comes meanwhile is one batch, but for the unit that met the lock */
    assert_int_equal(lt_store_submit(store, note(2, "waits"), &commits[0], &errs[0]), LT_OK);
    usleep(50000);
    for (int i = 1; i < 3; i++)
        assert_int_equal(lt_store_submit(store, note(3, "twice"), &commits[i], &errs[i]), LT_OK);
    tight = before;
    tight.rlim_cur = (rlim_t)size_of("-wal") + 100;
    setrlimit(RLIMIT_FSIZE, &tight);
    foreign_exec(lock, "COMMIT");
    sqlite3_close(lock);
    for (int i = 0; i < 3; i++)
        lt_commit_wait(&commits[i], &errs[i]);
    setrlimit(RLIMIT_FSIZE, &before);
    end_log();
    for (int i = 0; i < 3; i++)
        assert_int_equal(errs[i].code, LT_ESTORE);
    assert_int_equal(notes(), 1);
}

/* ---- statements ---- */

static void a_text_that_lies_elsewhere_is_the_same_statement(void **state)
{
    enum { TEXTS = 400, STATEMENTS_MAX = 20 };
    struct lt_arena *arena = lt_arena_new();
    static const char text[] = "SELECT text FROM note WHERE id = $1 AND text IS NOT NULL";
    struct lt_error err = {0};
    struct lt_rows r;
    sqlite3_int64 first = 0;
    for (int i = 0; i < TEXTS; i++) {
        const char *elsewhere = lt_strz(arena, LT_STR(text));
        assert_int_equal(LT_QUERY(store, arena, &r, &err, elsewhere, LT_INT(i)), LT_OK);
        if (i == STATEMENTS_MAX)
            first = sqlite3_memory_used();
    }
    assert_true(first > 0);
    assert_true(sqlite3_memory_used() - first < 64 << 10); /* a statement takes 2 KiB and more */
    lt_arena_free(arena);
}

static void sql_in_memory_used_again_is_noticed(void **state)
{
    char sql[128];
    for (int i = 0; i < 3000; i++) { /* more different texts than are kept, all at one address */
        snprintf(sql, sizeof(sql), "INSERT INTO note (id, text) VALUES (%d, $1)", i);
        struct lt_tx *tx = lt_tx_new();
        LT_TX(tx, sql, LT_TEXTZ("x"));
        if (i % 100 == 0) {
            must_write(tx);
            snprintf(sql, sizeof(sql), "SELECT count(*) FROM note WHERE id = %d", i);
            assert_int_equal(count(store, sql), 1);
        } else {
            lt_tx_discard(tx);
        }
    }
    assert_int_equal(notes(), 30);
}

static void more_statements_than_are_kept_work(void **state)
{
    enum { TEXTS = 2500, EACH = 40 };
    char *texts = malloc(TEXTS * EACH);
    for (int round = 0; round < 2; round++) {
        struct lt_tx *tx = lt_tx_new();
        for (int i = 0; i < TEXTS; i++) {
            snprintf(texts + i * EACH, EACH, "INSERT INTO note VALUES (%d, '')", round * TEXTS + i);
            lt_tx_add(tx, texts + i * EACH, NULL, 0);
        }
        must_write(tx);
    }
    assert_int_equal(notes(), 2 * TEXTS);
    free(texts);
}

/* ---- reads ---- */

static void reads_are_bounded(void **state)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows rows;
    struct lt_error err = {0};
    const char *many = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 10001) SELECT x FROM c";
    assert_int_equal(lt_store_query(store, arena, many, NULL, 0, 5, &rows, &err), LT_OK);
    assert_int_equal(rows.rows, 5);
    assert_int_equal(lt_store_query(store, arena, many, NULL, 0, 20000, &rows, &err), LT_OK);
    assert_int_equal(rows.rows, 10001);
    assert_int_equal(lt_rows_int(&rows, 10000, 0), 10001);
    assert_int_equal(lt_store_query(store, arena, many, NULL, 0, 0, &rows, &err), LT_ESTORE);
    assert_non_null(strstr(err.detail, "10000 rows"));

    uint64_t start = lt_mono_ms();
    const char *endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c";
    assert_int_equal(lt_store_query(store, arena, endless, NULL, 0, 0, &rows, &err), LT_ESTORE);
    assert_non_null(strstr(err.detail, "longer than 1000 ms"));
    assert_true(lt_mono_ms() - start >= 1000);
    assert_int_equal(notes(), 0); /* the connection is good for more */

    assert_int_equal(LT_QUERY(store, arena, &rows, &err, "SELECT hex(zeroblob(40000000))"), LT_ESTORE);
    assert_non_null(strstr(err.detail, "64 MiB"));
    lt_arena_free(arena);
}

static void a_query_cannot_write_and_needs_its_values(void **state)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows rows;
    struct lt_error err = {0};
    assert_int_equal(LT_QUERY(store, arena, &rows, &err, NOTE_SQL, LT_INT(1), LT_TEXTZ("x")), LT_EINTERNAL);
    assert_int_equal(LT_QUERY(store, arena, &rows, &err, "INSERT INTO note VALUES (1, 'x') RETURNING id"), LT_EINTERNAL);
    assert_int_equal(LT_QUERY(store, arena, &rows, &err, "SELECT * FROM note WHERE id = $1"), LT_EINTERNAL);
    assert_int_equal(LT_QUERY(store, arena, &rows, &err, "SELECT nonsense FROM note"), LT_EINTERNAL);
    assert_int_equal(LT_QUERY(store, arena, &rows, &err, "SELECT * FROM note WHERE id = $1", LT_INT(1)), LT_OK);
    assert_int_equal(rows.rows, 0);
    lt_arena_free(arena);
}

static void the_generation_follows_changes_by_others(void **state)
{
    int64_t generation = 0;
    struct lt_error err = {0};
    assert_int_equal(lt_store_generation(store, &generation, &err), LT_OK);
    assert_int_equal(generation, 1);
    sqlite3 *other = foreign();
    foreign_exec(other, "INSERT INTO note VALUES (1, 'other tables do not count')");
    assert_int_equal(lt_store_generation(store, &generation, &err), LT_OK);
    assert_int_equal(generation, 1);
    foreign_exec(other, "UPDATE meta SET value = value + 1 WHERE name = 'generation'");
    assert_int_equal(lt_store_generation(store, &generation, &err), LT_OK);
    assert_int_equal(generation, 2);
    sqlite3_close(other);
    must_exec("UPDATE meta SET value = value + 1 WHERE name = 'generation'");
    assert_int_equal(lt_store_generation(store, &generation, &err), LT_OK);
    assert_int_equal(generation, 3);
}

/* ---- the WAL ---- */

static void the_wal_stays_bounded_under_steady_writing(void **state)
{
    enum { UNITS = 160, AHEAD = 8 };
    static struct lt_commit commits[UNITS];
    static char mib[1 << 20];
    memset(mib, 'w', sizeof(mib));
    off_t largest = 0;
    for (int i = 0; i < UNITS + AHEAD; i++) {
        if (i < UNITS) {
            struct lt_tx *tx = lt_tx_new();
            LT_TX(tx, NOTE_SQL, LT_INT(i), LT_TEXT(((struct lt_str){mib, sizeof(mib)})));
            assert_int_equal(lt_store_submit(store, tx, &commits[i], NULL), LT_OK);
        }
        if (i >= AHEAD) /* so the queue is never empty for long */
            assert_int_equal(lt_commit_wait(&commits[i - AHEAD], NULL), LT_OK);
        if (size_of("-wal") > largest)
            largest = size_of("-wal");
    }
    assert_true(largest > 0 && largest <= (64 + AHEAD + 8) << 20);
    assert_int_equal(notes(), UNITS);
}

/* A foreign reader holds the WAL; commits wait for it once in a while, not for ever, and the log says why the file grows. */
/* For commands that no request waits for: a query of some seconds. */
static void a_patient_store_waits_longer_for_a_query(void **state)
{
    char data[96];
    snprintf(data, sizeof(data), "%s/data", dir);
    const char *slow = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 30000000) SELECT count(*) FROM c";
    struct lt_store *patient = NULL;
    struct lt_error err = {0};
    struct lt_rows r;
    struct lt_arena *arena = lt_arena_new();
    assert_int_equal(lt_store_open(&(struct lt_store_options){.data_dir = data, .read_only = true, .patient = true}, &patient, &err), LT_OK);
    assert_int_equal(LT_QUERY(store, arena, &r, &err, slow), LT_ESTORE);
    assert_non_null(strstr(err.detail, "longer than 1000 ms"));
    assert_int_equal(LT_QUERY(patient, arena, &r, &err, slow), LT_OK);
    assert_int_equal(lt_rows_int(&r, 0, 0), 30000000);
    lt_arena_free(arena);
    lt_store_close(patient);
}

static void a_reader_that_never_ends_does_not_stop_writing(void **state)
{
    enum { UNITS = 80 };
    static char mib[1 << 20];
    memset(mib, 'r', sizeof(mib));
    must_write(note(1000, "seen by the reader"));
    sqlite3 *reader = foreign();
    foreign_exec(reader, "BEGIN; SELECT * FROM note");
    begin_log();
    int written = 0;
    for (int i = 0; i < UNITS; i++) {
        struct lt_tx *tx = lt_tx_new();
        LT_TX(tx, NOTE_SQL, LT_INT(i), LT_TEXT(((struct lt_str){mib, sizeof(mib)})));
        written += lt_store_write(store, tx, NULL) == LT_OK;
    }
    end_log();
    assert_int_equal(written, UNITS);
    assert_true(lines_with("store.wal_large") >= 1);
    assert_true(size_of("-wal") > 64 << 20);
    sqlite3_close(reader);
    must_write(note(2000, "after"));
    lt_store_close(store);
    assert_int_equal(size_of("-wal"), 0);
    store = open_store(false);
    assert_int_equal(notes(), UNITS + 2);
}

static void an_idle_store_moves_the_wal_into_the_database(void **state)
{
    must_write(note(1, "moved soon"));
    off_t before = size_of("");
    uint64_t deadline = lt_mono_ms() + 60000;
    while (size_of("") == before && lt_mono_ms() < deadline)
        usleep(20000);
    assert_true(size_of("") > before);
    must_write(note(2, "and it goes on"));
}

/* ---- loops, fibers, workers ---- */

enum { LOOPS = 2, FIBERS = 60, EACH = 20 };

struct loop_run {
    struct lt_loop *loop;
    pthread_t thread;
    int index, fibers, read_back;
    enum lt_code cancelled;
};

struct fiber_run {
    struct loop_run *run;
    int index;
};

static void fiber_ends(struct loop_run *run)
{
    if (--run->fibers == 0)
        lt_loop_stop(run->loop);
}

/* Each writes and finds what it wrote as soon as it was told that it is durable. */
static void write_and_read(void *arg)
{
    struct fiber_run *f = arg;
    for (int i = 0; i < EACH; i++) {
        int64_t id = (f->run->index * FIBERS + f->index) * EACH + i;
        struct lt_commit commit;
        struct lt_error err = {0};
        if (lt_store_submit(store, note(id, "fiber"), &commit, &err) != LT_OK)
            continue;
        if (i % 2 == 0)
            lt_fiber_yield(); /* the commit may be done before it is waited for */
        if (lt_commit_wait(&commit, &err) != LT_OK || lt_commit_wait(&commit, &err) != LT_OK)
            continue;
        struct lt_arena *arena = lt_arena_new();
        struct lt_rows rows;
        if (LT_QUERY(store, arena, &rows, &err, "SELECT text FROM note WHERE id = $1", LT_INT(id)) == LT_OK && rows.rows == 1 &&
            lt_str_is(lt_rows_str(&rows, 0, 0), "fiber"))
            f->run->read_back++;
        lt_arena_free(arena);
    }
    fiber_ends(f->run);
}

static void write_cancelled(void *arg)
{
    struct loop_run *run = arg;
    lt_fiber_cancel(lt_fiber_self());
    run->cancelled = lt_store_write(store, note(1000000 + run->index, "written all the same"), NULL);
    fiber_ends(run);
}

static void *run_loop(void *arg)
{
    struct loop_run *run = arg;
    struct lt_error err = {0};
    run->loop = lt_loop_new(run->index, &err);
    struct fiber_run fibers[FIBERS];
    run->fibers = FIBERS + 1;
    for (int i = 0; i < FIBERS; i++) {
        fibers[i] = (struct fiber_run){run, i};
        lt_fiber_start(run->loop, write_and_read, &fibers[i], NULL);
    }
    lt_fiber_start(run->loop, write_cancelled, run, NULL);
    lt_loop_run(run->loop);
    lt_loop_free(run->loop);
    lt_arena_thread_end();
    return NULL;
}

static void run_two_loops(void)
{
    assert_int_equal(lt_workers_start(2, NULL), LT_OK);
    struct loop_run runs[LOOPS] = {0};
    for (int i = 0; i < LOOPS; i++) {
        runs[i].index = i;
        runs[i].cancelled = LT_EINTERNAL;
        assert_int_equal(pthread_create(&runs[i].thread, NULL, run_loop, &runs[i]), 0);
    }
    for (int i = 0; i < LOOPS; i++) {
        pthread_join(runs[i].thread, NULL);
        assert_int_equal(runs[i].read_back, FIBERS * EACH);
        assert_int_equal(runs[i].cancelled, LT_OK);
    }
    lt_workers_stop();
    assert_int_equal(notes(), LOOPS * (FIBERS * EACH + 1));
    struct lt_store_stats stats;
    lt_store_stats(store, &stats);
    assert_int_equal(stats.failed, 0);
    assert_true(stats.largest_batch > 1);
    assert_true(stats.commits < stats.units);
}

static void fibers_of_two_loops_share_commits_and_read_what_is_durable(void **state)
{
    run_two_loops();
}

static void *write_many(void *arg)
{
    int base = *(int *)arg;
    for (int i = 0; i < 50; i++)
        must_write(note(base + i, "thread"));
    return NULL;
}

static void plain_threads_block_until_durable(void **state)
{
    pthread_t threads[4];
    int bases[4] = {0, 1000, 2000, 3000};
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, &bases[i]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(notes(), 200);
}

static void assert_whole(void)
{
    sqlite3 *db = foreign();
    sqlite3_stmt *check;
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &check, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(check), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(check, 0), "ok");
    sqlite3_finalize(check);
    sqlite3_close(db);
}

/*
 * About as large as the writer's cache: what a transaction wrote before it was rolled back must not come down later, over what others
 * have committed meanwhile.
 */
static void a_transaction_that_is_rolled_back_is_in_nobodys_way(void **state)
{
    enum { SIZES = 24, STEP = 32 << 10, LEAST = (4 << 20) - 12 * STEP };
    const char *insert = "INSERT INTO note (id, text) SELECT coalesce(max(id), 0) + 1, $1 FROM note";
    char *text = malloc(LEAST + SIZES * STEP);
    struct lt_error err = {0};
    struct lt_db *db;
    assert_non_null(text);
    memset(text, 'x', LEAST + SIZES * STEP);
    sqlite3 *other = foreign();
    assert_int_equal(lt_sqlite_open_writer(db_path(""), "FULL", &db, &err), LT_OK);
    for (int i = 0; i < SIZES; i++) {
        struct lt_value large = LT_TEXT(((struct lt_str){text, (size_t)(LEAST + i * STEP)})), small = LT_TEXT(LT_STR("ours"));
        assert_int_equal(lt_db_begin(db, &err), LT_OK);
        assert_int_equal(lt_db_run(db, insert, &large, 1, &err), LT_OK);
        lt_db_rollback(db);
        foreign_exec(other, "INSERT INTO note (id, text) SELECT coalesce(max(id), 0) + 1, hex(zeroblob(20000)) FROM note");
        assert_int_equal(lt_db_begin(db, &err), LT_OK);
        assert_int_equal(lt_db_run(db, insert, &small, 1, &err), LT_OK);
        assert_int_equal(lt_db_commit(db, &err), LT_OK);
        foreign_exec(other, "INSERT INTO note (id, text) SELECT coalesce(max(id), 0) + 1, 'by the other' FROM note");
        assert_int_equal(notes(), (i + 1) * 3);
    }
    lt_db_close(db);
    sqlite3_close(other);
    free(text);
    assert_whole();
}

/* ---- patience and delay ---- */

static void units_that_nobody_waits_for_share_commits(void **state)
{
    enum { PAIRS = 200 };
    struct lt_store_stats before, after;
    must_write(note(1, "ready"));
    lt_store_stats(store, &before);
    for (int i = 0; i < PAIRS; i++) {
        struct lt_commit patient;
        assert_int_equal(lt_store_submit_patient(store, note(1000 + i, "patient"), &patient, NULL), LT_OK);
        must_write(note(2000 + i, "awaited"));
        assert_int_equal(lt_commit_wait(&patient, NULL), LT_OK);
    }
    lt_store_stats(store, &after);
    assert_int_equal(after.units - before.units, 2 * PAIRS);
    assert_true(after.commits - before.commits < 2 * PAIRS);
}

static void a_patient_unit_is_written_without_and_with_a_wait(void **state)
{
    struct lt_commit commit;
    lt_store_post(store, note(1, "nobody waits"));
    for (uint64_t end = lt_mono_ms() + 60000; notes() != 1 && lt_mono_ms() < end;)
        usleep(1000);
    assert_int_equal(notes(), 1);
    assert_int_equal(lt_store_submit_patient(store, note(2, "awaited at last"), &commit, NULL), LT_OK);
    assert_int_equal(lt_commit_wait(&commit, NULL), LT_OK);
    assert_int_equal(notes(), 2);
}

static void the_delay_grows_while_writing_is_stuck_and_ends_with_it(void **state)
{
    struct lt_commit commit;
    sqlite3 *lock = foreign();
    must_write(note(1, "ready"));
    assert_int_equal(lt_store_delay_ms(store), 0);
    foreign_exec(lock, "BEGIN IMMEDIATE");
    assert_int_equal(lt_store_submit(store, note(2, "stuck"), &commit, NULL), LT_OK);
    for (int i = 0; i < 2000; i++) /* some batches behind the one that is stuck */
        lt_store_post(store, note(1000 + i, "behind"));
    for (uint64_t end = lt_mono_ms() + 4000; lt_store_delay_ms(store) < 300 && lt_mono_ms() < end;)
        usleep(1000);
    uint32_t stuck = lt_store_delay_ms(store);
    foreign_exec(lock, "COMMIT");
    sqlite3_close(lock);
    assert_true(stuck >= 300);
    assert_int_equal(lt_commit_wait(&commit, NULL), LT_OK);
    must_write(note(3, "behind all"));
    assert_int_equal(lt_store_delay_ms(store), 0);
    assert_int_equal(notes(), 2003);
}

/* ---- two processes ---- */

enum { CHILDREN = 3, CHILD_UNITS = 60 };

/* What a child does: open a database that may not exist yet, write, read, leave. Its exit status is the number of failures. */
static int child(const char *data, int base)
{
    struct lt_store *s = NULL;
    struct lt_error err = {0};
    if (lt_store_open(&(struct lt_store_options){.data_dir = data}, &s, &err) != LT_OK) {
        fprintf(stderr, "child: %s\n", err.detail);
        return 100;
    }
    int failed = 0;
    for (int i = 0; i < CHILD_UNITS; i++) {
        struct lt_tx *tx = lt_tx_new();
        char name[16];
        snprintf(name, sizeof(name), "%d-%d", base, i);
        LT_TX(tx, "INSERT INTO meta (name, value) VALUES ($1, $2)", LT_TEXTZ(name), LT_INT(i));
        lt_tx_add(tx, "UPDATE meta SET value = value + 1 WHERE name = 'generation'", NULL, 0);
        lt_tx_expect(tx, 1);
        failed += lt_store_write(s, tx, &err) != LT_OK;
    }
    lt_store_close(s);
    return failed;
}

static void processes_share_a_database_from_its_birth(void **state)
{
    char data[96], self[512];
    snprintf(data, sizeof(data), "%s/data", dir);
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    assert_true(n > 0);
    self[n] = '\0';
    pid_t pids[CHILDREN];
    for (int i = 0; i < CHILDREN; i++) {
        char base[8];
        snprintf(base, sizeof(base), "%d", i);
        char *const args[] = {(char[]){"test_store"}, (char[]){"child"}, data, base, NULL};
        assert_int_equal(posix_spawn(&pids[i], self, NULL, NULL, args, environ), 0);
    }
    for (int i = 0; i < CHILDREN; i++) {
        int status;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    store = open_store(false);
    assert_int_equal(count(store, "SELECT count(*) FROM meta WHERE name LIKE '%-%'"), CHILDREN * CHILD_UNITS);
    assert_int_equal(count(store, "SELECT value FROM meta WHERE name = 'generation'"), CHILDREN * CHILD_UNITS + 1);
    assert_int_equal(count(store, "SELECT count(*) FROM schema_migration"), lt_store_schema_newest());
    lt_store_close(store);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "child") == 0)
        return child(argv[2], atoi(argv[3]));
#define WITH_DIR(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
#define WITH_STORE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_DIR(a_new_database_is_private_and_up_to_date),
        WITH_DIR(a_newer_database_is_served_unless_it_says_from_which_program_on),
        WITH_DIR(a_database_that_cannot_be_used_is_refused_with_the_reason),
        WITH_DIR(processes_share_a_database_from_its_birth),
        WITH_STORE(at_rest_one_connection_for_reading_is_kept),
        WITH_STORE(a_read_only_store_reads_beside_a_writer_and_cannot_write),
        WITH_STORE(every_value_comes_back_as_it_went_in),
        WITH_STORE(a_unit_is_written_whole_or_not_at_all),
        WITH_STORE(a_unit_fails_with_the_code_of_its_fault),
        WITH_STORE(expected_row_counts_are_checked),
        WITH_STORE(a_unit_that_is_too_large_is_refused),
        WITH_STORE(in_a_batch_only_the_bad_units_fail),
        WITH_STORE(a_full_queue_refuses_and_goes_on_later),
        WITH_STORE(posted_units_are_written_before_the_store_closes),
        WITH_STORE(a_full_disk_fails_units_is_logged_once_and_passes),
        WITH_STORE(a_conflict_with_what_is_not_written_is_no_conflict),
        WITH_STORE(sql_in_memory_used_again_is_noticed),
        WITH_STORE(a_text_that_lies_elsewhere_is_the_same_statement),
        WITH_STORE(more_statements_than_are_kept_work),
        WITH_STORE(reads_are_bounded),
        WITH_STORE(a_query_cannot_write_and_needs_its_values),
        WITH_STORE(the_generation_follows_changes_by_others),
        WITH_STORE(the_wal_stays_bounded_under_steady_writing),
        WITH_STORE(a_patient_store_waits_longer_for_a_query),
        WITH_STORE(a_reader_that_never_ends_does_not_stop_writing),
        WITH_STORE(an_idle_store_moves_the_wal_into_the_database),
        WITH_STORE(fibers_of_two_loops_share_commits_and_read_what_is_durable),
        WITH_STORE(plain_threads_block_until_durable),
        WITH_STORE(a_transaction_that_is_rolled_back_is_in_nobodys_way),
        WITH_STORE(units_that_nobody_waits_for_share_commits),
        WITH_STORE(a_patient_unit_is_written_without_and_with_a_wait),
        WITH_STORE(the_delay_grows_while_writing_is_stuck_and_ends_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
