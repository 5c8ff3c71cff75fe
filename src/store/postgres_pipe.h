/*
 * A connection to PostgreSQL in libpq's pipeline mode: statements are queued, sent together, and what they came to is read when somebody has to know.
 * Blocking, for one thread at a time. Private to store/postgres*.c.
 */
#pragma once
#include "store/db.h"
#include "store/postgres_server.h"
#include "store/postgres_value.h"

enum {
    LT_PG_SLOTS = 2048,     /* statements kept by name, at most half as many; a power of two */
    LT_PG_VALUES_MAX = 64,  /* of a statement that is kept */
    LT_PG_NAME_N = 24,
    LT_PG_OLDEST = 150000,  /* PQserverVersion() */
};

/* A statement that the server knows by name. */
struct lt_pg_slot {
    char *text; /* the key; NULL: nothing is kept here */
    size_t n;
    Oid types[LT_PG_VALUES_MAX];
    char name[LT_PG_NAME_N];
};

enum lt_pg_kind { LT_PG_PREPARED, LT_PG_CHANGED, LT_PG_COMMITTED, LT_PG_ROWS };
/* An answer that is still to come. */
struct lt_pg_pending {
    enum lt_pg_kind kind;
    const char *sql;
    int64_t expect; /* rows that it must change, -1: any */
};

struct lt_pg_rows {
    struct lt_arena *arena;
    struct lt_rows *ret;
    size_t max_rows; /* 0: as many as may be without asking */
};

struct lt_pg {
    struct lt_db db;
    PGconn *conn; /* NULL: not connected */
    struct lt_pg_server *server;
    bool writer;
    bool prepare; /* statements that come again are kept by name */
    bool open;    /* a transaction is */
    bool hint;    /* others are to be told of the batch */
    bool apart;   /* each unit is to be known at once */
    int64_t batch; /* the number in this writer's row (store_writer); 0: it has none */
    char id[37];  /* of this writer */
    uint64_t number; /* of statements: their names */
    struct lt_pg_pending *pending;
    size_t pending_n, pending_cap, pending_at;
    struct lt_pg_rows *rows; /* of the query whose answer is read */
    int kept;
    struct lt_pg_slot slots[LT_PG_SLOTS];
};

/* The first line of what libpq says. */
static inline struct lt_str lt_pg_line(const char *text)
{
    return (struct lt_str){text, strcspn(text, "\r\n")};
}
/* What malloc gave; ends the process when that is nothing. */
void *lt_pg_must(void *p);
/* Opens: waits for so long for a server that is not there. LT_ESTORE; LT_ECONFIG: it refuses us, or is not one that we can use. */
enum lt_code lt_pg_open(struct lt_pg *pg, uint64_t wait_ms, struct lt_error *err);
/* A connection that works, made anew when it was lost; an outage is waited for until it has lasted LT_DB_PATIENCE_MS. LT_ESTORE. */
enum lt_code lt_pg_connected(struct lt_pg *pg, struct lt_error *err);
/* Forgets what was queued and prepared. */
void lt_pg_disconnect(struct lt_pg *pg);
/*
 * Into the pipeline, without waiting; sql and its values need not outlive the call. LT_ESTORE: the connection is gone.
 */
enum lt_code lt_pg_queue(struct lt_pg *pg, enum lt_pg_kind kind, const char *sql, const struct lt_pg_values *v, int64_t expect, struct lt_error *err);
enum lt_code lt_pg_queue_values(struct lt_pg *pg, enum lt_pg_kind kind, const char *sql, const struct lt_value *values, size_t n, struct lt_error *err);
/* A statement without values. */
enum lt_code lt_pg_say(struct lt_pg *pg, const char *sql, struct lt_error *err);
/* Everything that was queued is sent and answered; the first fault is told. The connection is then ready for more, or gone. */
enum lt_code lt_pg_settle(struct lt_pg *pg, struct lt_error *err);
