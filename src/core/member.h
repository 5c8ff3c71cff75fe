/*
 * The processes on one database: a row each in the table `process`, from the start of a daemon to its end. A row says which process it is, where
 * others reach it and when it was seen last, by the database's clock; what is open (calls, tasks, keys of idempotency, approvals) carries its number.
 *
 *     joined ──seen every LT_MEMBER_BEAT_MS──▶ left: the row is gone
 *        └──not seen for LT_MEMBER_DEAD_MS, or its data directory has a new master──▶ dead ──claimed by one other──▶ recovered ──an hour──▶ gone
 *
 * A row that is dead stays so: a process that was only paused finds out at its next beat, breaks off what it runs and joins anew. What it ends until
 * then ends once all the same, for the end of a call has its primary key and that of a task its attempt.
 * Who beats, judges and recovers is daemon/members.c. Everything here: fiber, or outside loops. Results lie in the arena of the call.
 */
#pragma once
#include "base/uuid.h"
#include "store/store.h"

enum {
    LT_MEMBER_BEAT_MS = 5000,
    LT_MEMBER_DEAD_MS = 15000,
    LT_MEMBER_KEPT_MS = 3600 * 1000, /* rows of the dead: what one of them began just before it noticed is recovered with the row */
    LT_MEMBERS_MAX = 1000,           /* in a list */
};

/* Whose work is recovered: the number of a process, or one of these. */
enum {
    LT_MEMBER_NONE = 0,              /* of nobody who lives */
    LT_MEMBER_ANY = -1,              /* everything that is open: for who is alone on the database */
};
/* The condition on a table's column `process`; n: the parameter, "$3". */
#define LT_MEMBER_SCOPE(table, n)                                                                                            \
    "(" table ".process = " n " OR " n " = -1 OR (" n " = 0 AND NOT EXISTS (SELECT 1 FROM process p WHERE p.id = " table ".process AND p.dead_at = 0)))"

struct lt_member {
    int64_t id;
    struct lt_str home, host, version, advertised; /* advertised: "" = none */
    int64_t pid, schema;
    int64_t started_at, seen_at, dead_at; /* ms of the database; dead_at 0: lives */
    int64_t claimed_by, recovered_at;     /* 0: not yet */
    bool draining;
};

/* Now, by the clock of the database: of PostgreSQL's server, of SQLite this machine's. */
enum lt_code lt_member_now(struct lt_store *store, int64_t *ret, struct lt_error *err);
/* Writes the process in; self: home, host, version, advertised, pid. The store has its number from then on (lt_store_process). */
enum lt_code lt_member_join(struct lt_store *store, const struct lt_member *self, struct lt_error *err);
/* It lives. LT_ECONFLICT: it was declared dead, or its row has gone. */
enum lt_code lt_member_beat(struct lt_store *store, bool draining, struct lt_error *err);
/* At which URL others reach it. */
enum lt_code lt_member_advertise(struct lt_store *store, struct lt_str url, struct lt_error *err);
/* Ends in order: nothing of its is open any more. */
enum lt_code lt_member_leave(struct lt_store *store, struct lt_error *err);

/* All rows in the order of their numbers, at most LT_MEMBERS_MAX. *ret_now may be NULL. */
enum lt_code lt_member_list(struct lt_store *store, struct lt_arena *arena, struct lt_member **ret, size_t *ret_n, int64_t *ret_now,
                            struct lt_error *err);
/* How many are not dead. */
enum lt_code lt_member_count(struct lt_store *store, int64_t *ret, struct lt_error *err);
/* One by its number. LT_ENOT_FOUND. */
enum lt_code lt_member_find(struct lt_store *store, struct lt_arena *arena, int64_t id, struct lt_member *ret, struct lt_error *err);
/*
 * Does no other process live on this database, as far as its rows say? Always of SQLite: its data directory has one daemon. Who is alone recovers
 * LT_MEMBER_ANY of SQLite, LT_MEMBER_NONE of PostgreSQL, where another process may join in this moment.
 */
enum lt_code lt_member_alone(struct lt_store *store, bool *ret, struct lt_error *err);
static inline int64_t lt_member_left_over(const struct lt_store *store)
{
    return lt_store_is_postgres(store) ? LT_MEMBER_NONE : LT_MEMBER_ANY;
}
/*
 * Takes it on to recover what was m's, which is declared dead with it; m as it was read. LT_ECONFLICT: it was seen since, or somebody else was first.
 */
enum lt_code lt_member_claim(struct lt_store *store, const struct lt_member *m, struct lt_error *err);
/* All of it is recovered. */
enum lt_code lt_member_recovered(struct lt_store *store, int64_t id, struct lt_error *err);
/* Drops the row of one that is dead and recovered. */
enum lt_code lt_member_drop(struct lt_store *store, int64_t id, struct lt_error *err);
/* Of SQLite, by who holds the lock of the data directory: drops all rows but its own. */
enum lt_code lt_member_drop_others(struct lt_store *store, struct lt_error *err);

/* ---- what one asks of another about a call that runs there (the table process_message) ---- */

enum lt_member_ask { LT_MEMBER_CANCEL, LT_MEMBER_NUDGE };
struct lt_member_message {
    enum lt_member_ask ask;
    struct lt_uuid call_id;
    int64_t site_id;
};
/* The process that began a call which has not ended, if that is another one than this, perhaps a dead one; else LT_ENOT_FOUND. */
enum lt_code lt_member_of_call(struct lt_store *store, struct lt_arena *arena, struct lt_uuid call_id, struct lt_member *ret, struct lt_error *err);
/* Within LT_MEMBER_LOOK_MS it is there. */
enum { LT_MEMBER_LOOK_MS = 1000 };
enum lt_code lt_member_tell(struct lt_store *store, int64_t process, const struct lt_member_message *message, struct lt_error *err);
/* What others ask of this process; gone from the store when it returns. At most LT_MEMBER_MESSAGES_MAX at once. */
enum { LT_MEMBER_MESSAGES_MAX = 1000 };
enum lt_code lt_member_messages(struct lt_store *store, struct lt_arena *arena, struct lt_member_message **ret, size_t *ret_n, struct lt_error *err);
