/*
 * PostgreSQL only: the tables that grow with every call lie in a partition for each month (UTC), by the time in the call's id (RFC 9562 §5.7). So
 * what is read of a period is looked for in its months, what has no rows any more goes as a whole, and one key of one column stays what it was.
 *
 * The partitions lie in a schema of their own, "<schema>_months": NAME_YYYY_MM, and NAME_rest for what no month was made for. Tables that are not
 * parted yet become so; their rows move to their months.
 */
#pragma once
#include "store/store.h"

struct lt_register_months {
    int64_t made, dropped; /* partitions; those of a month before `since` go when they have no rows */
};
/*
 * Partitions from the month of `since` (mostly now) to two months behind that of `now` are there afterwards; as often as one likes, also beside others.
 * since, now: ms since 1970. Blocking: on a
 * thread of its own, or outside loops. LT_ESTORE, LT_EINTERNAL (such as: the role may not make a schema): everything works without partitions, too.
 */
enum lt_code lt_register_months(struct lt_store *store, int64_t since, int64_t now, struct lt_register_months *ret, struct lt_error *err);
/* How many of the tables have rows outside of all months; -1: no table is parted. */
enum lt_code lt_register_months_rest(struct lt_store *store, int64_t *ret, struct lt_error *err);
/* When the month of the oldest call begins, of either kind of database: for whoever is about to put such calls into another. `otherwise`: no earlier one. */
int64_t lt_register_months_oldest(struct lt_store *store, int64_t otherwise);
