/*
 * Reports: sums over the register. The register is read in portions of LT_REPORT_PORTION calls in the order of ids, each a query of its own on a
 * worker, so that no read lasts and writes go on meanwhile; what the portions give is added up here, in tables that have a maximum. A call belongs
 * to the time at which it was begun. Nothing is estimated: percentiles come from all durations (nearest rank).
 */
#pragma once
#include "base/uuid.h"
#include "core/site.h"

struct lt_buf;
struct lt_jw;

enum lt_report_kind { LT_REPORT_USAGE, LT_REPORT_COST, LT_REPORT_ERRORS, LT_REPORT_LATENCY, LT_REPORT_FEEDBACK, LT_REPORT_KINDS };

/* What rows are grouped by. */
enum lt_report_key {
    LT_REPORT_DAY,           /* in the site's time zone */
    LT_REPORT_OF,            /* "call" or "attempt": what the row counts */
    LT_REPORT_CODE,
    LT_REPORT_PROVIDER,      /* that answered; "" = none did. Of an attempt: that was asked */
    LT_REPORT_MODEL,
    LT_REPORT_VENDOR_STATUS,
    LT_REPORT_ACTION,
    LT_REPORT_COURSE,
    LT_REPORT_PLACEMENT,
    LT_REPORT_USER,
    LT_REPORT_STATE,
    LT_REPORT_KEYS
};

enum {
    LT_REPORT_PORTION = 5000,        /* calls in one query */
    LT_REPORT_DAYS = 30,             /* up to now, when nothing is said */
    LT_REPORT_DAYS_MAX = 366,
    LT_REPORT_ROWS_MAX = 50000,      /* of a report before it is cut into pages */
    LT_REPORT_CELLS_MAX = 1000000,   /* distinct pairs of a group and a duration in ms */
    LT_REPORT_MS_MAX = 60000,        /* for the whole report */
    LT_REPORT_PAGE = 1000,           /* rows in one answer when nothing is said */
    LT_REPORT_PAGE_MAX = 10000,
    LT_REPORT_VALUES_MAX = 12,
    LT_REPORT_PEOPLE_MAX = 10000,    /* in one list of users that may be seen */
    LT_REPORT_LISTS_MAX = 3,
    LT_REPORT_PART_TEXT = 25,        /* bytes of the name of a part, with its end: a time (RFC 3339) or a day */
};

/* Users that may be seen: ids in bytewise order (lt_report_people_sort()). */
struct lt_report_people {
    struct lt_str *ids;
    size_t n;
};
void lt_report_people_sort(struct lt_report_people *people);

struct lt_report_query {
    enum lt_report_kind kind;
    const struct lt_site *site;
    enum lt_report_key group[LT_REPORT_KEYS]; /* in the order in which they were asked for */
    size_t group_n;
    int64_t since, until;                     /* ms: from since until before until */
    int64_t step_ms;                          /* > 0: `day` is not the day but the part of this length, from since on: its beginning (RFC 3339) */
    struct lt_str course_id, provider, model, action, user, state; /* "" = any */
    bool calls, attempts;                     /* of errors and latency: which of both is looked at */
    int sort;                                 /* index of a column; -1: by the keys; -2 - key: by that one */
    bool descending;
    struct lt_report_people visible[LT_REPORT_LISTS_MAX]; /* only rows of users who stand in each of them */
    size_t visible_n;
};

/* The name of the part of the query's time that begins at `at` (what the key `day` says), and where the next one begins. Any thread. */
void lt_report_part(const struct lt_report_query *query, int64_t at, char ret_name[LT_REPORT_PART_TEXT], int64_t *ret_end);

/* The words of a question, as API and command line take them; "" or p NULL = not said. */
struct lt_report_words {
    struct lt_str group_by;     /* names parted by commas; "none" = one row */
    struct lt_str since, until; /* RFC 3339, or a day (until: with that day) */
    struct lt_str course_id, provider, model, action, user, state;
    struct lt_str of;           /* errors and latency: call, attempt; errors without it: both */
    struct lt_str sort;         /* a column, or a name of group_by, "-" in front: from the greatest */
};
/* Texts point into words. LT_EINVALID_INPUT with the field. Any thread. */
enum lt_code lt_report_read(enum lt_report_kind kind, const struct lt_site *site, const struct lt_report_words *words, int64_t now,
                            struct lt_report_query *ret, struct lt_error *err);

struct lt_report_column {
    const char *name;
    enum { LT_REPORT_NUMBER, LT_REPORT_TIME, LT_REPORT_CALL_ID } type;
};
/* The columns behind the keys, in the order of lt_report_row.values. */
const struct lt_report_column *lt_report_columns(enum lt_report_kind kind, size_t *ret_n);
const char *lt_report_kind_name(enum lt_report_kind kind);
const char *lt_report_key_name(enum lt_report_key key);
/* Is it grouped by this key? */
bool lt_report_groups(const struct lt_report_query *q, enum lt_report_key key);

struct lt_report_row {
    const struct lt_report_query *query;
    struct lt_str keys[LT_REPORT_KEYS];        /* by enum lt_report_key; those not grouped by are empty */
    int64_t values[LT_REPORT_VALUES_MAX];      /* -1 where there is none to tell */
    struct lt_uuid example;                    /* of errors: the newest call */
};
struct lt_report {
    const struct lt_report_query *query;       /* the caller's; must live as long */
    struct lt_report_row **rows;               /* sorted */
    size_t n;
    struct lt_report_row total;                /* of all rows */
    int64_t summarised;                        /* calls of it that were removed by age, by their daily summaries; -1: such are not counted in */
};
/*
 * Fiber, or outside loops. LT_EINVALID_INPUT: more rows or durations than the maximum, with the field; LT_ETIMEOUT; LT_ECANCELLED; LT_ESTORE;
 * LT_EOVERLOADED.
 */
enum lt_code lt_report_run(struct lt_store *store, struct lt_arena *arena, const struct lt_report_query *query, struct lt_report *ret,
                           struct lt_error *err);

/* One object: what was asked, rows[first … first + limit), total, next (the index to go on from, or null). */
void lt_report_write_json(struct lt_jw *w, const struct lt_report *report, size_t first, size_t limit);
/* The same rows under one line of names (text/csv.h). */
void lt_report_write_csv(struct lt_buf *out, const struct lt_report *report, size_t first, size_t limit);
