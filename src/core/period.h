/* Calendar days, weeks and months in a time zone, for limits that begin anew with them. Any thread. */
#pragma once
#include "base/str.h"

enum lt_period { LT_PERIOD_DAY, LT_PERIOD_WEEK /* from Monday on */, LT_PERIOD_MONTH, LT_PERIODS };

enum { LT_ZONE_MAX = 64 /* bytes of a zone's name */ };

/* Is it the name of a zone, as "Europe/Berlin" or "UTC"? */
bool lt_zone_known(struct lt_str zone);
/*
 * The period that holds `now` (ms since 1970 UTC): from *ret_start until before *ret_end. An unknown zone is UTC. Some microseconds: keep
 * what it says until *ret_end.
 */
void lt_period_of(struct lt_str zone, enum lt_period period, int64_t now, int64_t *ret_start, int64_t *ret_end);

enum { LT_DAY_TEXT = 11 }; /* "2026-11-21" and a NUL */
/* The day that holds `ms` in the zone; years are kept within 0001 to 9999. */
void lt_day_format(struct lt_str zone, int64_t ms, char out[LT_DAY_TEXT]);
/* "2026-11-21": from *ret_start until before *ret_end in the zone; false when it is no day. */
bool lt_day_parse(struct lt_str zone, struct lt_str text, int64_t *ret_start, int64_t *ret_end);
