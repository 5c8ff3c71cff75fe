/*
 * The records of a call as the chain has them: metadata, which stays as long as the record, and content (users, their texts, answers, details of
 * errors), which can be erased. They are read by pages: of up to LT_REGISTER_PAGE_CALLS calls at once, with one query for each table that has rows of
 * them, so that the way to a database is gone a few times a page. Blocking: on a thread of its own, or outside loops; one thread at a time.
 */
#pragma once
#include "core/register_record.h"

enum {
    LT_REGISTER_PAGE_CALLS = 64,        /* as many values as a prepared statement may have (store/postgres_pipe.h) */
    LT_REGISTER_PAGE_BYTES = 4 << 20,   /* pages get smaller when they have more than that */
    LT_REGISTER_PAGE_MAX = 16 << 20,    /* one that has more is read again as a smaller one, unless it is of one call */
};

struct lt_register_page;
/* The reader must outlive it. */
struct lt_register_page *lt_register_page_new(struct lt_register_reader *reader);
void lt_register_page_free(struct lt_register_page *page); /* NULL allowed */

/*
 * Reads what belongs to the first entries, in place of what the page had; *ret_n: how many of them, at least one. Entries without a call need nothing. An entry `erased` whose `through` is -1 gets all that is left of its call. LT_ESTORE: not even one call could be read (it has
 * more than lt_store_query() gives, or the database cannot be asked).
 */
enum lt_code lt_register_page_read(struct lt_register_page *page, const struct lt_register_entry *entries, size_t n, size_t *ret_n, struct lt_error *err);

struct lt_register_record {
    bool there;
    int64_t site_id;        /* 0: its call is not known */
    bool blank;             /* its content is empty: it was erased, or there was none */
    struct lt_str meta, content; /* in canonical form, in the page until the next call */
};
/* The record of an entry with a call that the page was read for. */
void lt_register_page_record(struct lt_register_page *page, const struct lt_register_entry *entry, struct lt_register_record *ret);

/* Has an erasure taken the salt of that kind? It waits to be chained, or its entry says so. Of calls with an entry without salt among those of the page. */
bool lt_register_page_erased(const struct lt_register_page *page, struct lt_uuid call_id, int64_t kind);

/* What the chain has of a call whose entry `erased` had no `through`. */
struct lt_register_salts {
    bool begun, erased; /* there is such an entry */
    int64_t lost;       /* bits of the kinds whose entries have no salt */
};
struct lt_register_salts lt_register_page_salts(const struct lt_register_page *page, struct lt_uuid call_id);
