/* Wall and monotonic time. Fuzzed by tests/fuzz/fuzz_values.c. */
#include "base/clock.h"

#include <stdatomic.h>
#include <time.h>

static _Atomic int64_t frozen;
static _Atomic uint64_t ahead_ms;

int64_t lt_now_ms(void)
{
    int64_t at = frozen;
    if (at)
        return at;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000 + (int64_t)atomic_load_explicit(&ahead_ms, memory_order_relaxed);
}

uint64_t lt_mono_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000 + atomic_load_explicit(&ahead_ms, memory_order_relaxed) * 1000;
}

uint64_t lt_mono_ms(void)
{
    return lt_mono_us() / 1000;
}

void lt_clock_freeze(int64_t ms)
{
    frozen = ms;
}

void lt_clock_advance(uint64_t ms)
{
    atomic_fetch_add(&ahead_ms, ms);
}

/* The years 0000 to 9999, which is what RFC 3339 can write. */
static const int64_t first_ms = -62167219200000, last_ms = 253402300799999;

/* n digits, zeros in front. */
static char *put_number(char *out, unsigned v, int n)
{
    for (int i = n; i-- > 0; v /= 10)
        out[i] = (char)('0' + v % 10);
    return out + n;
}

/* Answers hold two times each, so neither gmtime_r() nor printf. Years are counted from March, so that a leap day ends its year. */
void lt_time_format(int64_t ms, char out[25])
{
    ms = (ms < first_ms ? first_ms : ms > last_ms ? last_ms : ms) - first_ms; /* from 0000-01-01 on, never negative */
    unsigned in_day = (unsigned)(ms % 86400000);
    unsigned day = (unsigned)(ms / 86400000) + 146097 - 60;         /* from 400 years before 0000-03-01 on */
    unsigned era = day / 146097, in_era = day % 146097;             /* 400 years each */
    unsigned year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    unsigned in_year = in_era - (365 * year + year / 4 - year / 100);
    unsigned month = (5 * in_year + 2) / 153;                       /* 0 = March */
    unsigned in_month = in_year - (153 * month + 2) / 5 + 1;
    year += era * 400 + (month >= 10) - 400;
    char *p = put_number(out, year, 4);
    *p++ = '-';
    p = put_number(p, month < 10 ? month + 3 : month - 9, 2);
    *p++ = '-';
    p = put_number(p, in_month, 2);
    *p++ = 'T';
    p = put_number(p, in_day / 3600000, 2);
    *p++ = ':';
    p = put_number(p, in_day / 60000 % 60, 2);
    *p++ = ':';
    p = put_number(p, in_day / 1000 % 60, 2);
    *p++ = '.';
    p = put_number(p, in_day % 1000, 3);
    *p++ = 'Z';
    *p = '\0';
}

/* Exactly n digits from the front of *s. */
static bool take_number(struct lt_str *s, size_t n, int *ret)
{
    int64_t v;
    if (s->n < n || !lt_str_to_int64((struct lt_str){s->p, n}, &v))
        return false;
    *ret = (int)v;
    s->p += n, s->n -= n;
    return true;
}

/* One of the characters in `wanted` from the front of *s. */
static bool take_char(struct lt_str *s, const char *wanted)
{
    if (s->n == 0 || s->p[0] == '\0' || !strchr(wanted, s->p[0]))
        return false;
    s->p++, s->n--;
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

static bool take_date(struct lt_str *s, struct tm *tm)
{
    int year, month, day;
    if (!take_number(s, 4, &year) || !take_char(s, "-") || !take_number(s, 2, &month) || !take_char(s, "-") ||
        !take_number(s, 2, &day))
        return false;
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
        return false;
    tm->tm_year = year - 1900, tm->tm_mon = month - 1, tm->tm_mday = day;
    return true;
}

/* Second 60 is a leap second and counts as the next second. */
static bool take_time(struct lt_str *s, struct tm *tm)
{
    return take_number(s, 2, &tm->tm_hour) && take_char(s, ":") && take_number(s, 2, &tm->tm_min) && take_char(s, ":") &&
           take_number(s, 2, &tm->tm_sec) && tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec <= 60;
}

/* The fraction of a second, if there is one, cut to milliseconds. */
static bool take_fraction(struct lt_str *s, int64_t *ms)
{
    if (!take_char(s, "."))
        return true;
    size_t digits = 0;
    for (int scale = 100; s->n > 0 && s->p[0] >= '0' && s->p[0] <= '9'; s->p++, s->n--, scale /= 10, digits++)
        *ms += (s->p[0] - '0') * scale;
    return digits > 0;
}

static bool take_offset(struct lt_str *s, int64_t *ms)
{
    if (take_char(s, "Zz"))
        return true;
    int hours, minutes, sign = s->n > 0 && s->p[0] == '-' ? 1 : -1;
    if (!take_char(s, "+-") || !take_number(s, 2, &hours) || !take_char(s, ":") || !take_number(s, 2, &minutes) || hours > 23 ||
        minutes > 59)
        return false;
    *ms += sign * (hours * 60 + minutes) * 60000LL;
    return true;
}

bool lt_time_parse(struct lt_str s, int64_t *ret_ms)
{
    struct tm tm = {0};
    if (!take_date(&s, &tm) || !take_char(&s, "Tt") || !take_time(&s, &tm))
        return false;
    int64_t ms = (int64_t)timegm(&tm) * 1000;
    if (!take_fraction(&s, &ms) || !take_offset(&s, &ms) || s.n > 0)
        return false;
    *ret_ms = ms;
    return true;
}
