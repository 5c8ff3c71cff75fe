/*
 * The records of a call as the chain has them: metadata, which stays as long as the record, and content (users, their texts, answers, details of
 * errors), which can be erased. Blocking: on a thread of its own, or outside loops.
 */
#pragma once
#include "core/register_hash.h"

struct lt_register_reader;

/* Looks for the tables of actions: those that come later are not seen. LT_ESTORE. */
enum lt_code lt_register_reader_new(struct lt_store *store, struct lt_register_reader **ret, struct lt_error *err);
void lt_register_reader_free(struct lt_register_reader *reader); /* NULL allowed */

struct lt_register_record {
    bool there;
    int64_t site_id;        /* 0: its call is not known */
    bool blank;             /* its content is empty: it was erased, or there was none */
    struct lt_str meta, content; /* in canonical form, in the reader until the next call */
};
/* The record of that kind (begin, end, tools, erased) of a call. through: of an erased entry, else ignored. LT_ESTORE. */
enum lt_code lt_register_read(struct lt_register_reader *reader, int64_t kind, struct lt_uuid call_id, int64_t through,
                              struct lt_register_record *ret,
                              struct lt_error *err);

/* An entry of the rows of this SELECT (with a WHERE behind it). One that has not the form of an entry gets a hash of zeros. */
#define LT_REGISTER_ENTRY "SELECT site_id, seq, kind, call_id, through, meta_hash, content_hash, salt, hash FROM register_seal "
void lt_register_read_entry(const struct lt_rows *rows, size_t i, struct lt_register_entry *ret);

/* A table of an action, with its columns but call_id in the order of their names. */
struct lt_register_table {
    const char *name, *action;
    const char *const *columns;
    size_t columns_n;
    const char *select;     /* SELECT of call_id and these columns, by call_id */
    const char *remove;     /* DELETE by call_id */
};
const struct lt_register_table *lt_register_tables(const struct lt_register_reader *reader, size_t *ret_n);
