/* What was deleted is in no file of the database, whatever else happened to its pages; and the pages are still a database. */
#include <fcntl.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "store/db_file.h"
#include "store/sqlite.h"

enum { ROWS = 400, ROUNDS = 12, STEPS = 600, STEPS_AFTER = 100, MARK = 16, LONGEST = 70000 };

static char dir[64];

static uint64_t seed;
static uint32_t chance(uint32_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((seed >> 33) % below);
}

static const char *path(const char *suffix)
{
    static char text[128];
    snprintf(text, sizeof(text), "%s/data/lectern.db%s", dir, suffix);
    return text;
}

static struct lt_store *open_store(const char *synchronous)
{
    struct lt_error err = {0};
    struct lt_store *store = NULL;
    char data[96];
    snprintf(data, sizeof(data), "%s/data", dir);
    if (lt_store_open(&(struct lt_store_options){.data_dir = data, .synchronous = synchronous}, &store, &err))
        fail_msg("open: %s", err.detail);
    return store;
}

static int set_up(void **state)
{
    snprintf(dir, sizeof(dir), "/tmp/lectern-scrub-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    char command[160];
    snprintf(command, sizeof(command), "rm -r %s", dir);
    return system(command);
}

/* ---- rows, each with its mark again and again ---- */

static unsigned generation[ROWS]; /* 0: there is none; else what the mark is made of */
static unsigned last_generation;

static void mark_of(int row, unsigned g, char out[MARK + 1])
{
    snprintf(out, MARK + 1, "<%05u.%08u>", (unsigned)row, g);
}

static struct lt_str text_of(struct lt_arena *arena, int row, unsigned g)
{
    static const size_t lengths[] = {1, 3, 20, 200, 600, LONGEST / MARK};
    size_t n = 1 + chance((uint32_t)lengths[chance(LT_COUNT(lengths))]);
    char *p = lt_alloc(arena, n * MARK + 1);
    for (size_t i = 0; i < n; i++)
        mark_of(row, g, p + i * MARK);
    return (struct lt_str){p, n * MARK};
}

static void step(struct lt_tx *tx, struct lt_arena *arena)
{
    int row = (int)chance(ROWS);
    if (generation[row] == 0) {
        generation[row] = ++last_generation;
        struct lt_str text = text_of(arena, row, generation[row]), key = {text.p, text.n < 64 * MARK ? text.n : 64 * MARK};
        LT_TX(tx, "INSERT INTO note (id, name, body) VALUES ($1, $2, $3)", LT_INT(row), LT_TEXT(key), LT_TEXT(text));
        LT_TX(tx, "INSERT INTO packed (name, id, body) VALUES ($1, $2, $3)", LT_TEXT(key), LT_INT(row), LT_TEXT(text));
    } else if (chance(3) == 0) {
        generation[row] = ++last_generation;
        struct lt_str text = text_of(arena, row, generation[row]), key = {text.p, text.n < 8 * MARK ? text.n : 8 * MARK};
        LT_TX(tx, "UPDATE note SET name = $1, body = $2 WHERE id = $3", LT_TEXT(key), LT_TEXT(text), LT_INT(row));
        LT_TX(tx, "UPDATE packed SET name = $1, body = $2 WHERE id = $3", LT_TEXT(key), LT_TEXT(text), LT_INT(row));
    } else {
        generation[row] = 0;
        LT_TX(tx, "DELETE FROM note WHERE id = $1", LT_INT(row));
        LT_TX(tx, "DELETE FROM packed WHERE id = $1", LT_INT(row));
    }
}

static void work(struct lt_store *store, int steps)
{
    struct lt_error err = {0};
    while (steps > 0) {
        struct lt_arena *arena = lt_arena_new();
        struct lt_tx *tx = lt_tx_new();
        for (int n = 1 + (int)chance(20); n > 0 && steps > 0; n--, steps--)
            step(tx, arena);
        if (lt_store_write(store, tx, &err))
            fail_msg("write: %s", err.detail);
        lt_arena_free(arena);
    }
}

static char *whole(const char *file, size_t *n)
{
    int fd = open(file, O_RDONLY);
    *n = 0;
    if (fd < 0)
        return NULL;
    *n = (size_t)lseek(fd, 0, SEEK_END);
    char *p = malloc(*n + 1);
    assert_int_equal(pread(fd, p, *n, 0), *n);
    close(fd);
    return p;
}

static unsigned scrubbed[ROWS], scrubbed_last; /* generation and last_generation when the files were scrubbed last */

/* Every mark in the bytes is that of a row that there was then, or that came later. Returns how many there are. */
static size_t check_bytes(const char *p, size_t n)
{
    size_t found = 0;
    for (size_t i = 0; i + 15 <= n; i++) {
        unsigned g = 0;
        int digits = 0;
        if (p[i] != '.')
            continue;
        while (digits < 8 && p[i + 1 + digits] >= '0' && p[i + 1 + digits] <= '9')
            g = g * 10 + (unsigned)(p[i + 1 + digits++] - '0');
        if (digits < 8 || g == 0 || p[i + 9] != '>') /* a cell may end in the middle of a mark, and the next one begin with a byte that is a digit */
            continue;
        int row = 0;
        while (row < ROWS && scrubbed[row] != g && g <= scrubbed_last)
            row++;
        if (row == ROWS)
            fail_msg("text %u, which was deleted, is at byte %zu", g, i);
        found++;
    }
    return found;
}

static void check_files(bool just_scrubbed)
{
    size_t n, wal_n;
    char *p = whole(path(""), &n), *wal = whole(path("-wal"), &wal_n);
    assert_true((wal_n == 0) == just_scrubbed);
    assert_true(check_bytes(p, n) > 0);
    check_bytes(wal, wal_n);
    free(p);
    free(wal);
}

static void check_database(struct lt_store *store)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_error err = {0};
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, &err, "PRAGMA integrity_check"))
        fail_msg("check: %s", err.detail);
    assert_string_equal(lt_strz(arena, lt_rows_str(&r, 0, 0)), "ok");
    size_t there = 0;
    for (int i = 0; i < ROWS; i++)
        there += generation[i] != 0;
    for (int table = 0; table < 2; table++) {
        if (LT_QUERY(store, arena, &r, &err, table ? "SELECT id, body FROM packed" : "SELECT id, body FROM note"))
            fail_msg("read: %s", err.detail);
        assert_int_equal(r.rows, there);
        for (size_t i = 0; i < r.rows; i++) {
            char mark[MARK + 1];
            mark_of((int)lt_rows_int(&r, i, 0), generation[lt_rows_int(&r, i, 0)], mark);
            assert_memory_equal(lt_rows_str(&r, i, 1).p, mark, MARK);
        }
    }
    lt_arena_free(arena);
}

static void deleted_is_gone(const char *synchronous)
{
    struct lt_error err = {0};
    const char *given = getenv("LECTERN_TEST_SEED");
    seed = given ? strtoull(given, NULL, 10) : lt_mono_us();
    print_message("seed %llu\n", (unsigned long long)seed);
    memset(generation, 0, sizeof(generation));
    last_generation = 10000000; /* eight digits */
    struct lt_store *store = open_store(synchronous);
    assert_int_equal(lt_store_create(store, "CREATE TABLE note (id {serial}, name TEXT, body TEXT)", &err), LT_OK);
    assert_int_equal(lt_store_create(store, "CREATE INDEX note_name ON note (name)", &err), LT_OK);
    assert_int_equal(lt_store_create(store, "CREATE TABLE packed (name TEXT PRIMARY KEY, id BIGINT, body TEXT) {clustered}", &err), LT_OK);
    for (int round = 0; round < ROUNDS; round++) {
        work(store, STEPS);
        if (lt_store_scrub(store, 60000, &err))
            fail_msg("scrub: %s", err.detail);
        memcpy(scrubbed, generation, sizeof(scrubbed));
        scrubbed_last = last_generation;
        check_files(true);
        check_database(store);
        work(store, STEPS_AFTER); /* changes pages that were in memory before */
        check_files(false);
    }
    lt_store_close(store);
}

static void test_deleted_is_gone(void **state)
{
    deleted_is_gone("FULL");
}

static void test_deleted_is_gone_without_syncs(void **state)
{
    deleted_is_gone("OFF");
}

/* A page that is none of a B-tree, or is broken, is not touched. */
static void test_other_pages(void **state)
{
    unsigned char page[1024], before[1024];
    for (int round = 0; round < 20000; round++) {
        seed = seed + (unsigned)round;
        for (size_t i = 0; i < sizeof(page); i++)
            page[i] = (unsigned char)chance(256);
        if (round % 2 == 0)
            page[0] = 0;
        else if (round % 4 == 1) {
            page[0] = 13;
            page[3] = 0;
            page[4] = 3;
            page[5] = 0; /* cells begin among their pointers */
            page[6] = 9;
        }
        memcpy(before, page, sizeof(page));
        lt_page_clean(page, sizeof(page), 0);
        if (round % 2 == 0 || round % 4 == 1)
            assert_memory_equal(page, before, sizeof(page));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_deleted_is_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_deleted_is_gone_without_syncs, set_up, tear_down),
        cmocka_unit_test(test_other_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
