/*
 * Comma-separated values (RFC 4180): records of fields, bare or in quotes. Lines end in LF or CRLF, a byte order mark in front is
 * skipped, empty lines are no records. What is not well-formed is named with its line, and reading goes on behind it, so that all that
 * is wrong can be said at once. (Debian's libcsv was last released in 2013, tells no line of what it refuses and cannot go on behind it:
 * that is what a person with a file of 5,000 rows needs.) Any thread.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

enum { LT_CSV_FIELDS_MAX = 64 };

struct lt_csv {
    struct lt_str rest;
    size_t line; /* of the first byte of rest, from 1 */
};

struct lt_csv_record {
    size_t line;          /* in which it begins */
    const char *wrong;    /* NULL: it is well-formed; else why not, and there are no fields */
    size_t wrong_line;    /* where that was found */
    struct lt_str fields[LT_CSV_FIELDS_MAX]; /* UTF-8; they point into the text or lie in the arena */
    size_t n;
};

/* The text must live as long as the records are used. */
void lt_csv_open(struct lt_csv *csv, struct lt_str text);
/* The next record, well-formed or not; false at the end. */
bool lt_csv_next(struct lt_csv *csv, struct lt_arena *arena, struct lt_csv_record *ret);
/* Writes one field, in quotes where it needs them or begins with '#'. Commas and line ends are the caller's. */
void lt_csv_put(struct lt_buf *out, struct lt_str field);

/*
 * Tables for spreadsheets, a row at a time: lt_csv_row(), cells, lt_csv_row_end(), which writes the line end (CRLF). Texts are of others, so none
 * may be run as a formula: one whose first character behind spaces is = + - @ (or the wide form of it), a tab, a CR or an LF gets a ' in front
 * (OWASP, "CSV Injection").
 */
struct lt_csv_row {
    struct lt_buf *out;
    bool begun;
};
static inline struct lt_csv_row lt_csv_row(struct lt_buf *out)
{
    return (struct lt_csv_row){.out = out};
}
void lt_csv_text(struct lt_csv_row *row, struct lt_str text);
void lt_csv_int(struct lt_csv_row *row, int64_t v);
/* An empty cell below 0: what is not known. */
void lt_csv_known_int(struct lt_csv_row *row, int64_t v);
void lt_csv_row_end(struct lt_csv_row *row);
