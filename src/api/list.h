/*
 * Lists: what every GET of a list takes beside its own parameters, made here once for all of them: `q`, `sort`, `format=csv`. The route's handler
 * stays as it is; it is asked for its rows page by page, as a client would, with whatever the caller may see there. Without these nothing here runs.
 *
 * A route's `list` describes it: "scopes +id uuid +course_id !secret +created_at:time", that is the name of the array, then the members of a row.
 * Each of them is a column of the CSV, and searched by q. The first one tells rows apart, and the list's cursor is made of it where it has pages.
 *     +name  can be sorted by, in memory: at most LT_LIST_SCAN_MAX rows
 *     ^name  the handler itself sorts by ?sort=name and -name, and its cursor goes on in that order
 *     !name  not shown: no column, not searched
 *     name:time  not searched
 */
#pragma once
#include "api/request.h"

enum {
    LT_LIST_COLUMNS_MAX = 40,
    LT_LIST_LIMIT = 50,           /* rows of a page, when ?limit says nothing */
    LT_LIST_Q_MAX = 200,          /* bytes */
    LT_LIST_SCAN_MAX = 100000,    /* rows that can be sorted in memory */
    LT_LIST_CSV_MAX = 50000,      /* rows of a file */
    LT_LIST_LOOK_MS = 1000,       /* then a page ends, with fewer rows than asked for or none, and `next` goes on */
    LT_LIST_LOOK_CSV_MS = 20000,  /* then a file ends and says so */
    LT_LIST_KEEP_MAX = 32 * 1024 * 1024, /* bytes of rows */
};

struct lt_list_column {
    struct lt_str name;
    bool sorts, by_handler, hidden, time;
};
struct lt_list_spec {
    struct lt_str array;
    struct lt_list_column columns[LT_LIST_COLUMNS_MAX];
    size_t n;
};
/* Of a route's `list`; false: it describes nothing that can be used (tests/unit/test_api.c looks at all of them). */
bool lt_list_spec(const char *text, struct lt_list_spec *ret);

/* Is it a list, and is one of these parameters there? */
bool lt_list_asked(struct lt_request *r);
/* Answers. Fiber of the request. */
void lt_list_answer(struct lt_request *r);

/* ---- rows (list_row.c); pure ---- */
/* What rows are ordered by: nothing, then false and true, numbers, texts without regard to case. */
struct lt_list_key {
    int rank;
    bool is_int;
    int64_t i;
    double d;
    struct lt_str text;
};
struct lt_list_row {
    struct lt_str json;
    struct lt_list_key key, id;
    int sign; /* -1: downwards */
};
/* exact: a text as it is, whole; else folded and cut, in arena. */
struct lt_list_key lt_list_key(struct lt_arena *arena, const struct lt_json *v, bool exact);
/* By key, then by id. For qsort(). */
int lt_list_row_compare(const void *a, const void *b);
/* q: folded. In any text of the columns, however deep; or it is the number of the first column. */
bool lt_list_row_matches(const struct lt_list_spec *spec, const struct lt_json *row, struct lt_str q);
/* The value of a column; of rows that are no objects the first column is the row itself. */
const struct lt_json *lt_list_cell(const struct lt_list_spec *spec, const struct lt_json *row, size_t column);
/* Where a page ended under `sort`, as text that only lt_list_cursor_read() understands. */
struct lt_str lt_list_cursor(struct lt_arena *arena, struct lt_str sort, const struct lt_list_row *last);
/* False: it is none, or of another order. Fills key and id. */
bool lt_list_cursor_read(struct lt_arena *arena, struct lt_str cursor, struct lt_str sort, struct lt_list_row *ret);
/* A table with a line of names. Returns how many of the rows fitted into out. */
size_t lt_list_write_csv(struct lt_buf *out, const struct lt_list_spec *spec, const struct lt_list_row *rows, size_t n);
