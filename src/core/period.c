/* Periods by ICU, which knows the zones and when their clocks change. Fuzzed by tests/fuzz/fuzz_values.c. */
#include "core/period.h"

#include <stdio.h>
#include <unicode/ucal.h>
#include <unicode/ustring.h>

/* The name in UTF-16; false when it cannot be a name. */
static bool to_utf16(struct lt_str zone, UChar out[LT_ZONE_MAX + 1])
{
    if (zone.n == 0 || zone.n > LT_ZONE_MAX)
        return false;
    for (size_t i = 0; i < zone.n; i++)
        if (zone.p[i] <= ' ' || zone.p[i] > '~')
            return false;
    u_charsToUChars(zone.p, out, (int32_t)zone.n);
    out[zone.n] = 0;
    return true;
}

bool lt_zone_known(struct lt_str zone)
{
    UChar name[LT_ZONE_MAX + 1], canonical[256];
    UBool system = false;
    UErrorCode rc = U_ZERO_ERROR;
    if (!to_utf16(zone, name))
        return false;
    ucal_getCanonicalTimeZoneID(name, -1, canonical, (int32_t)LT_COUNT(canonical), &system, &rc);
    return U_SUCCESS(rc) && system;
}

/* Without ICU's data even UTC cannot be had: days by the number then, weeks from a Monday, "months" of 30 days. */
static void by_number(enum lt_period period, int64_t now, int64_t *ret_start, int64_t *ret_end)
{
    static const int64_t days[LT_PERIODS] = {1, 7, 30};
    int64_t length = days[period] * 86400000, first = period == LT_PERIOD_WEEK ? INT64_C(4) * 86400000 : 0; /* 1970-01-05 was a Monday */
    *ret_start = now - (now - first) % length;
    *ret_end = *ret_start + length;
}

void lt_period_of(struct lt_str zone, enum lt_period period, int64_t now, int64_t *ret_start, int64_t *ret_end)
{
    static const UCalendarDateFields fields[LT_PERIODS] = {UCAL_DATE, UCAL_WEEK_OF_YEAR, UCAL_MONTH};
    static const UCalendarDateFields clock[] = {UCAL_HOUR_OF_DAY, UCAL_MINUTE, UCAL_SECOND, UCAL_MILLISECOND};
    UChar name[LT_ZONE_MAX + 1];
    UErrorCode rc = U_ZERO_ERROR;
    to_utf16(lt_zone_known(zone) ? zone : LT_STR("UTC"), name);
    UCalendar *c = ucal_open(name, -1, "en_GB", UCAL_GREGORIAN, &rc);
    if (U_SUCCESS(rc)) {
        ucal_setAttribute(c, UCAL_FIRST_DAY_OF_WEEK, UCAL_MONDAY);
        ucal_setAttribute(c, UCAL_REPEATED_WALL_TIME, UCAL_WALLTIME_FIRST); /* where midnight comes twice */
        ucal_setMillis(c, (UDate)now, &rc);
        if (period == LT_PERIOD_MONTH)
            ucal_set(c, UCAL_DATE, 1);
        if (period == LT_PERIOD_WEEK)
            ucal_set(c, UCAL_DAY_OF_WEEK, UCAL_MONDAY);
        for (size_t i = 0; i < LT_COUNT(clock); i++)
            ucal_set(c, clock[i], 0);
        *ret_start = (int64_t)ucal_getMillis(c, &rc);
        ucal_add(c, fields[period], 1, &rc);
        for (size_t i = 0; i < LT_COUNT(clock); i++) /* from a day that began at 1:00 on */
            ucal_set(c, clock[i], 0);
        *ret_end = (int64_t)ucal_getMillis(c, &rc);
    }
    ucal_close(c);
    if (U_FAILURE(rc) || *ret_start > now || *ret_end <= now)
        by_number(period, now, ret_start, ret_end);
}

/* ---- days by their names ---- */

static UCalendar *open_calendar(struct lt_str zone, UErrorCode *rc)
{
    UChar name[LT_ZONE_MAX + 1];
    to_utf16(lt_zone_known(zone) ? zone : LT_STR("UTC"), name);
    return ucal_open(name, -1, "en_GB", UCAL_GREGORIAN, rc);
}

void lt_day_format(struct lt_str zone, int64_t ms, char out[LT_DAY_TEXT])
{
    UErrorCode rc = U_ZERO_ERROR;
    UCalendar *c = open_calendar(zone, &rc);
    unsigned year = 1, month = 1, day = 1;
    if (U_SUCCESS(rc)) {
        ucal_setMillis(c, (UDate)ms, &rc);
        year = (unsigned)ucal_get(c, UCAL_YEAR, &rc) % 10000;
        month = ((unsigned)ucal_get(c, UCAL_MONTH, &rc) + 1) % 100;
        day = (unsigned)ucal_get(c, UCAL_DATE, &rc) % 100;
    }
    ucal_close(c);
    snprintf(out, LT_DAY_TEXT, "%04u-%02u-%02u", year, month, day);
}

static bool digits(struct lt_str s, size_t n, int *ret)
{
    int64_t v;
    if (s.n != n || !lt_str_to_int64(s, &v))
        return false;
    *ret = (int)v;
    return true;
}

bool lt_day_parse(struct lt_str zone, struct lt_str text, int64_t *ret_start, int64_t *ret_end)
{
    struct lt_str rest = text, year_text = lt_str_cut(&rest, '-'), month_text = lt_str_cut(&rest, '-');
    int year, month, day;
    char again[LT_DAY_TEXT];
    if (!digits(year_text, 4, &year) || !digits(month_text, 2, &month) || !digits(rest, 2, &day))
        return false;
    UErrorCode rc = U_ZERO_ERROR;
    UCalendar *c = open_calendar(zone, &rc);
    int64_t noon = 0;
    if (U_SUCCESS(rc)) {
        ucal_clear(c);
        ucal_setDateTime(c, year, month - 1, day, 12, 0, 0, &rc);
        noon = (int64_t)ucal_getMillis(c, &rc);
    }
    ucal_close(c);
    if (U_FAILURE(rc))
        return false;
    lt_day_format(zone, noon, again); /* the 31st of April is the 1st of May */
    lt_period_of(zone, LT_PERIOD_DAY, noon, ret_start, ret_end);
    return lt_str_eq(text, lt_str(again));
}
