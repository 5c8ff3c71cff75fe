/* What is read of the register beside records (register_page.h): the tables of actions, and entries. Blocking: on a thread of its own, or outside loops. */
#pragma once
#include "core/register_hash.h"

struct lt_register_reader;

/* Looks for the tables of actions: those that come later are not seen. LT_ESTORE. */
enum lt_code lt_register_reader_new(struct lt_store *store, struct lt_register_reader **ret, struct lt_error *err);
void lt_register_reader_free(struct lt_register_reader *reader); /* NULL allowed */

struct lt_store *lt_register_reader_store(const struct lt_register_reader *reader);

/* An entry of the rows of this SELECT (with a WHERE behind it). One that has not the form of an entry gets a hash of zeros. */
#define LT_REGISTER_ENTRY "SELECT site_id, seq, kind, call_id, through, meta_hash, content_hash, salt, hash FROM register_seal "
void lt_register_read_entry(const struct lt_rows *rows, size_t i, struct lt_register_entry *ret);

/* As many values as LT_REGISTER_PAGE_CALLS. */
#define LT_REGISTER_IDS \
    "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, " \
    "$23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41, $42, $43, $44, " \
    "$45, $46, $47, $48, $49, $50, $51, $52, $53, $54, $55, $56, $57, $58, $59, $60, $61, $62, $63, $64"

/* A table of an action, with its columns but call_id in the order of their names. */
struct lt_register_table {
    const char *name, *action;
    const char *const *columns;
    size_t columns_n;
    const char *one, *many; /* SELECT of call_id and these columns, by one call_id and by LT_REGISTER_PAGE_CALLS of them, in their order */
    const char *remove;     /* DELETE by call_id */
};
const struct lt_register_table *lt_register_tables(const struct lt_register_reader *reader, size_t *ret_n);
