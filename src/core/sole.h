/*
 * What one process at a time may do, of all that share a PostgreSQL: who holds the lease's row does it. Its time is the database's clock; a holder
 * that is gone is replaced when it has run out, one that was paused notices because its units expect the row. On SQLite, which one machine uses
 * alone, a lease is always held and costs nothing. One thread or fiber at a time; the functions that ask the database give way or block as
 * lt_store_write() does.
 */
#pragma once
#include "store/store.h"

enum { LT_SOLE_MS = 6000 /* after which a holder that says nothing is replaced */ };

/* The database's clock, ms since 1970, for statements that only PostgreSQL is given. */
#define LT_DATABASE_NOW "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"

struct lt_sole {
    struct lt_store *store;
    const char *name;
    char owner[37];
    bool held;
    uint64_t look_at; /* monotonic ms: before that what was found last stands */
};

/* name: borrowed for ever, at most one lease of the name in a process. */
void lt_sole_init(struct lt_sole *lease, struct lt_store *store, const char *name);
/* Takes the lease when nobody has it, and goes on holding it. LT_ESTORE: then it is not known to be held. */
enum lt_code lt_sole_take(struct lt_sole *lease, bool *ret_held, struct lt_error *err);
/* At the beginning of a unit that only the holder may write: elsewhere it fails with LT_ECONFLICT. Prolongs the lease. */
void lt_sole_expect(struct lt_sole *lease, struct lt_tx *tx);
/* In a unit that must not overlap with one of the holder's: it waits for that, or that for it. */
void lt_sole_shut_out(struct lt_store *store, const char *name, struct lt_tx *tx);
/* Gives it back, so that another takes it at once. */
void lt_sole_give_back(struct lt_sole *lease);
