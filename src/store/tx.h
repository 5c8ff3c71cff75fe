/*
 * A unit of writing: statements and their values, packed one behind the other in one piece of memory. Up to about 3 KB it costs
 * one malloc, above that one more (which grows). Private to store/.
 */
#pragma once
#include "store/store.h"

enum { LT_TX_MAX = 32 * 1024 * 1024 }; /* bytes of one unit */

struct lt_tx {
    struct lt_tx *next;       /* queue, batch, then the units that one loop is told of together */
    struct lt_commit *commit; /* NULL when nobody waits */
    char *p;                  /* `first`, or from malloc when that was too small */
    size_t n, cap;
    size_t last;              /* offset of the statement added last */
    uint64_t queued_us;       /* writer: since when it waits (monotonic) */
    unsigned statements;
    bool patient;             /* nobody waits for it yet, so it may lie a moment until others join it */
    bool too_large;           /* a value did not fit LT_TX_MAX: the unit is refused when submitted */
    bool hint;                /* see lt_tx_hint() */
    bool failed;              /* writer: its outcome is known and bad */
    char first[] __attribute__((aligned(16)));
};

/* One statement as it lies in a unit. */
struct lt_statement {
    const char *sql;
    int64_t expect; /* rows it must change, -1 = any */
    size_t n;       /* values */
    const char *values;
};

/* Reads the statement at *at (0 = the first) and moves *at behind it; false at the end. */
bool lt_tx_next(const struct lt_tx *tx, size_t *at, struct lt_statement *ret);
/* Reads the value at `at` (its text stays in the unit) and returns where the next one lies. */
const char *lt_tx_value(const char *at, struct lt_value *ret);
/* Memory that the unit takes. */
size_t lt_tx_bytes(const struct lt_tx *tx);
