/*
 * One connection to a database, whichever it is: transactions, units, queries. Used by one thread at a time. sqlite.c and postgres.c are such
 * databases; the writer and the store know only this. Private to store/.
 *
 * Words in braces that SQL may hold, because back ends differ: {serial} {blob} {clustered}. Such statements are not kept.
 */
#pragma once
#include "store/tx.h"

enum {
    LT_DB_READ_MS = 1000,          /* a query may take so long */
    LT_DB_PATIENT_MS = 60000,      /* one for which no request waits */
    LT_DB_READ_BYTES = 64 << 20,   /* and give so much */
    LT_DB_DEFAULT_ROWS = 10000,
    LT_DB_PATIENCE_MS = 5000,      /* with others that write, and with a database that is away for a moment */
    LT_DB_SLOW_MS = 3600000,       /* what changes tables */
};

struct lt_db;

enum lt_db_checkpoint {
    LT_DB_PASSIVE,  /* what no reader is in the way of */
    LT_DB_RESTART,  /* all, so that the log begins anew */
    LT_DB_TRUNCATE, /* and cut it to nothing */
};

struct lt_db_ops {
    enum lt_code (*begin)(struct lt_db *db, struct lt_error *err);
    enum lt_code (*commit)(struct lt_db *db, struct lt_error *err);
    void (*rollback)(struct lt_db *db); /* nothing to do is fine */
    /* Savepoint around one unit within a transaction. */
    enum lt_code (*mark)(struct lt_db *db, struct lt_error *err);
    enum lt_code (*unmark)(struct lt_db *db, bool keep, struct lt_error *err);
    /* True when the transaction holds rows whose deferred foreign key points nowhere: COMMIT would fail. */
    bool (*dangling)(struct lt_db *db);
    /* Any number of statements without values. */
    enum lt_code (*exec)(struct lt_db *db, const char *sql, struct lt_error *err);
    enum lt_code (*run)(struct lt_db *db, const char *sql, const struct lt_value *values, size_t n, struct lt_error *err);
    /* All statements of a unit, within the open transaction. Its bytes stay until commit or rollback; a fault may be told only then. */
    enum lt_code (*apply)(struct lt_db *db, const struct lt_tx *tx, struct lt_error *err);
    /* A SELECT; see lt_store_query(). */
    enum lt_code (*query)(struct lt_db *db, struct lt_arena *arena, const char *sql, const struct lt_value *values, size_t n, size_t max_rows,
                          struct lt_rows *ret, struct lt_error *err);
    /* Moves pages from a log to the database: how thoroughly, and with how much patience with readers. True when all were moved. NULL: it has no such log. */
    bool (*checkpoint)(struct lt_db *db, enum lt_db_checkpoint mode, int wait_ms);
    /* The same, cutting the log to nothing, and forgets all pages in memory. NULL: that is the database's own affair. */
    bool (*scrub)(struct lt_db *db, int wait_ms);
    /* Gives up what it keeps in memory of its pages. NULL: it keeps none. */
    void (*rest)(struct lt_db *db);
    /* True while it cannot be reached: it tells the log itself of the beginning and the end. NULL: it is a file, and always there. */
    bool (*away)(struct lt_db *db);
    void (*close)(struct lt_db *db);
    const char *tables;  /* SELECT of the names of our tables that are called $1 */
    const char *columns; /* SELECT of table, column and its place, of the tables whose names begin with $1, by names */
    const char *version; /* SELECT of a number that changes with every change of another connection; NULL: it has none */
};

struct lt_db {
    const struct lt_db_ops *ops;
    bool again;         /* what failed with LT_ESTORE may come out well when it is tried again, at once */
    bool slow;          /* statements may take LT_DB_SLOW_MS: set by who changes tables */
    bool patient;       /* queries may take LT_DB_PATIENT_MS */
    int wal_pages;      /* of the log after the last commit of this connection; 0 where there is none */
    struct lt_db *next; /* pool of readers */
};

static inline int lt_db_read_ms(const struct lt_db *db)
{
    return db->patient ? LT_DB_PATIENT_MS : LT_DB_READ_MS;
}
/* NULL is allowed. */
static inline void lt_db_close(struct lt_db *db)
{
    if (db)
        db->ops->close(db);
}
static inline enum lt_code lt_db_begin(struct lt_db *db, struct lt_error *err)
{
    return db->ops->begin(db, err);
}
static inline enum lt_code lt_db_commit(struct lt_db *db, struct lt_error *err)
{
    return db->ops->commit(db, err);
}
static inline void lt_db_rollback(struct lt_db *db)
{
    db->ops->rollback(db);
}
static inline enum lt_code lt_db_mark(struct lt_db *db, struct lt_error *err)
{
    return db->ops->mark(db, err);
}
static inline enum lt_code lt_db_unmark(struct lt_db *db, bool keep, struct lt_error *err)
{
    return db->ops->unmark(db, keep, err);
}
static inline bool lt_db_dangling(struct lt_db *db)
{
    return db->ops->dangling(db);
}
static inline enum lt_code lt_db_exec(struct lt_db *db, const char *sql, struct lt_error *err)
{
    return db->ops->exec(db, sql, err);
}
static inline enum lt_code lt_db_run(struct lt_db *db, const char *sql, const struct lt_value *values, size_t n, struct lt_error *err)
{
    return db->ops->run(db, sql, values, n, err);
}
static inline enum lt_code lt_db_apply(struct lt_db *db, const struct lt_tx *tx, struct lt_error *err)
{
    return db->ops->apply(db, tx, err);
}
static inline enum lt_code lt_db_query(struct lt_db *db, struct lt_arena *arena, const char *sql, const struct lt_value *values, size_t n,
                                       size_t max_rows, struct lt_rows *ret, struct lt_error *err)
{
    return db->ops->query(db, arena, sql, values, n, max_rows, ret, err);
}
static inline bool lt_db_checkpoint(struct lt_db *db, enum lt_db_checkpoint mode, int wait_ms)
{
    return !db->ops->checkpoint || db->ops->checkpoint(db, mode, wait_ms);
}
static inline bool lt_db_scrub(struct lt_db *db, int wait_ms)
{
    return !db->ops->scrub || db->ops->scrub(db, wait_ms);
}
static inline void lt_db_rest(struct lt_db *db)
{
    if (db->ops->rest)
        db->ops->rest(db);
}
/* The first column of the first row as an integer, 0 without a row. */
enum lt_code lt_db_int(struct lt_db *db, const char *sql, const struct lt_value *values, size_t n, int64_t *ret, struct lt_error *err);

/* For tables of kept statements: of the text, since one that is made anew each time lies elsewhere each time. */
uint64_t lt_db_key(const char *sql);
/* A copy of sql with words replaced, for malloc's free(); NULL when it has none of them. */
struct lt_db_word {
    const char *word, *text;
};
char *lt_db_expand(const char *sql, const struct lt_db_word *words, size_t n);
