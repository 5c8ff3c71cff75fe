/*
 * Moving an installation from one database to another, of either kind: every table, in the order in which they refer to each other, a page of rows at
 * a time, so that memory is the same whatever the size. Blocking: outside loops, and with nobody else at work on either database.
 */
#pragma once
#include "store/store.h"

struct lt_move_table {
    const char *name;
    int64_t from_rows, to_rows;
    char from_digest[65], to_digest[65]; /* of all rows, in whatever order they lie: a sum of SHA-256, in hex */
};

struct lt_move {
    const char *from, *to; /* "sqlite:PATH" or "postgresql://…"; `to` has this program's tables (lt_store_open() has made them) */
    /* Told about twice a second, and at the end of each table that has rows: what is done ("copy", "check") and how many rows of the table so far. */
    void (*progress)(void *ctx, const char *what, const char *table, int64_t rows);
    void *ctx;
};

/* How the target is: LT_MOVE_NEW is also a database that is not there yet, or has no tables. */
enum lt_move_target { LT_MOVE_NEW, LT_MOVE_HALF /* a move into it did not end */ };
enum lt_code lt_move_look(const char *to, enum lt_move_target *ret, struct lt_error *err);

/*
 * Copies all rows, then reads both sides again and compares them. From its first row to its last the target is marked as half moved, and no program
 * opens it; a move that was broken off begins anew with `again`. *ret, in the arena: what was compared, by name; *ret_same: all of it is the same, and
 * the mark is gone.
 * LT_ECONFLICT: another program has one of the databases open, the target holds rows already, or is half moved and not `again`; the tables differ.
 * LT_ECONFIG, LT_ESTORE, LT_ETOO_LARGE (a row of more than 32 MiB).
 */
enum lt_code lt_move_run(const struct lt_move *move, bool again, struct lt_arena *arena, struct lt_move_table **ret, size_t *ret_n, bool *ret_same,
                         struct lt_error *err);
