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
/* Writes one field, in quotes where it needs them. Commas and line ends are the caller's. */
void lt_csv_put(struct lt_buf *out, struct lt_str field);
