/* A question of any bytes: what the back end is asked for is terms of ours and nothing else, and SQLite's FTS5 takes it. */
#include <sqlite3.h>
#include <stdlib.h>

#include "content/fulltext.h"
#include "content/search_index.h"
#include "text/sentences.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool right)
{
    if (!right)
        abort();
}

static sqlite3_stmt *statement(void)
{
    static sqlite3 *db;
    static sqlite3_stmt *stmt;
    if (!db) {
        check(sqlite3_open(":memory:", &db) == SQLITE_OK);
        check(sqlite3_exec(db, "CREATE VIRTUAL TABLE t USING fts5(course, names, terms, tokenize='ascii')", NULL, NULL, NULL) == SQLITE_OK);
        check(sqlite3_exec(db, "INSERT INTO t VALUES ('7', 'leaf', 'light and leaf')", NULL, NULL, NULL) == SQLITE_OK);
        check(sqlite3_prepare_v2(db, "SELECT bm25(t, 0.0, 2.0, 1.0) FROM t WHERE t MATCH ?", -1, &stmt, NULL) == SQLITE_OK);
    }
    return stmt;
}

static void ask_sqlite(struct lt_str expression)
{
    sqlite3_stmt *stmt = statement();
    sqlite3_bind_text(stmt, 1, expression.p, (int)expression.n, SQLITE_TRANSIENT);
    int rc = sqlite3_step(stmt);
    check(rc == SQLITE_ROW || rc == SQLITE_DONE);
    sqlite3_reset(stmt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const languages[] = {"en", "es", "de", "", "ar"};
    struct lt_error err;
    struct lt_str *terms;
    size_t n;
    if (size == 0)
        return 0;
    struct lt_arena *arena = lt_arena_new();
    check(lt_search_terms(arena, (struct lt_str){(const char *)data + 1, size - 1}, lt_str(languages[data[0] % LT_COUNT(languages)]), &terms, &n,
                          &err) == LT_OK);
    for (size_t i = 0; i < n; i++) {
        check(terms[i].n > 0 && terms[i].n <= LT_TERM_MAX && lt_utf8_valid(terms[i].p, terms[i].n));
        for (size_t k = 0; k < terms[i].n; k++) {
            unsigned char c = (unsigned char)terms[i].p[k];
            check(c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'));
        }
    }
    struct lt_str expression = lt_fulltext_expression(arena, 7, terms, n);
    check((expression.n == 0) == (n == 0));
    if (expression.n > 0)
        ask_sqlite(expression);
    lt_arena_free(arena);
    return 0;
}
