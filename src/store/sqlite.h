/*
 * One SQLite connection: opening with all settings, prepared statements kept by the address of their text, units, queries. A
 * connection is used by one thread at a time. Private to store/.
 *
 * Words in braces that SQL may hold, because back ends differ: {serial} {blob} {clustered}. Such statements are not kept.
 */
#pragma once
#include <sqlite3.h>

#include "store/tx.h"

enum { LT_DB_STATEMENTS = 1024, LT_DB_SLOTS = 2048 }; /* kept per connection; a power of two */

struct lt_db_slot {
    const char *sql; /* the key is the address … */
    char *text;      /* … and the text is compared, so that memory used again for other SQL is noticed */
    sqlite3_stmt *stmt;
};

struct lt_db {
    sqlite3 *handle;
    uint64_t deadline_ms; /* of the query that runs (monotonic), 0 = none */
    int wal_pages;        /* pages in the WAL after the last commit of this connection */
    int kept;             /* slots in use */
    struct lt_db_slot slots[LT_DB_SLOTS];
    struct lt_db *next;   /* pool of readers */
};

/* synchronous: FULL, NORMAL, EXTRA or OFF. Makes the file (0600) when missing. */
enum lt_code lt_db_open_writer(const char *path, const char *synchronous, struct lt_db **ret, struct lt_error *err);
enum lt_code lt_db_open_reader(const char *path, struct lt_db **ret, struct lt_error *err);
/* NULL is allowed. */
void lt_db_close(struct lt_db *db);

enum lt_code lt_db_begin(struct lt_db *db, struct lt_error *err); /* IMMEDIATE */
enum lt_code lt_db_commit(struct lt_db *db, struct lt_error *err);
void lt_db_rollback(struct lt_db *db); /* nothing to do is fine */
/* Savepoint around one unit within a transaction. */
enum lt_code lt_db_mark(struct lt_db *db, struct lt_error *err);
enum lt_code lt_db_unmark(struct lt_db *db, bool keep, struct lt_error *err);
/* True when the transaction holds rows whose deferred foreign key points nowhere: COMMIT would fail. */
bool lt_db_dangling(struct lt_db *db);

/* Any number of statements without values. */
enum lt_code lt_db_exec(struct lt_db *db, const char *sql, struct lt_error *err);
enum lt_code lt_db_run(struct lt_db *db, const char *sql, const struct lt_value *values, size_t n, struct lt_error *err);
/* The first column of the first row as an integer, 0 without a row. */
enum lt_code lt_db_int(struct lt_db *db, const char *sql, int64_t *ret, struct lt_error *err);
/* All statements of a unit, within the open transaction. */
enum lt_code lt_db_apply(struct lt_db *db, const struct lt_tx *tx, struct lt_error *err);
/* A SELECT; see lt_store_query(). */
enum lt_code lt_db_query(struct lt_db *db, struct lt_arena *arena, const char *sql, const struct lt_value *values, size_t n,
                         size_t max_rows, struct lt_rows *ret, struct lt_error *err);
/* Moves pages from the WAL to the database. mode: SQLITE_CHECKPOINT_*; wait_ms: patience with readers. True when all were moved. */
bool lt_db_checkpoint(struct lt_db *db, int mode, int wait_ms);
/* The same, cutting the WAL to nothing, and forgets all pages in memory: they may hold copies of what is not in the file any more. */
bool lt_db_scrub(struct lt_db *db, int wait_ms);
