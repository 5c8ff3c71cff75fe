/*
 * What is kept of users, table by table: the one list from which export, erasure and /v1/privacy/metadata are made. Every table of the database
 * stands here, also those that hold nothing of anybody; tests/system/test_privacy.py compares it with the schema.
 *
 * Statements name their values by words in braces: {site} {user} {call} {name} (the pseudonym) {key} (what counters have in the place of the user)
 * {cut} (ms: what is newer is left alone) {job} {now}.
 */
#pragma once
#include "store/store.h"

enum lt_privacy_of {
    LT_OF_NOBODY,   /* nothing of any user */
    LT_OF_CALL,     /* of a call, by `mine`; exported as a part of it */
    LT_OF_USER,     /* rows of their own */
};

struct lt_privacy_table {
    const char *table;   /* at the end '*': every table that begins so */
    enum lt_privacy_of of;
    const char *what;    /* for people: what it holds, or why it is nothing of users */
    const char *kept;    /* and how long */
    const char *key;     /* columns that name a row, parted by ", " */
    const char *mine;    /* condition: rows of the user, or of the call */
    const char *set;     /* what an erasure makes of them: "column = value, …"; NULL: they are deleted */
    const char *before;  /* statement of the same unit, ahead of it; NULL: none */
    const char *stays;   /* of a row that is changed: columns that stay, parted by blanks */
    const char *hidden;  /* columns that no export has, parted by blanks; NULL: none */
    const char *as;      /* of a call: the member of its export */
    bool only_erased;    /* a column that names who did something to others' data: no export has these rows */
};

extern const struct lt_privacy_table lt_privacy_tables[];
extern const size_t lt_privacy_tables_n;

/* What the words stand for. */
struct lt_privacy_words {
    int64_t site_id, cut, job_id, now;
    struct lt_str user_id, pseudonym, counter_key, call_id;
};

enum { LT_PRIVACY_VALUES_MAX = 16 };
/* A statement, to be used any number of times: which word each of its values is. */
struct lt_privacy_sql {
    const char *text;
    unsigned char words[LT_PRIVACY_VALUES_MAX];
    size_t n;
};
/* In the arena. Ends the process when it names a word that there is not: the statements are ours. */
struct lt_privacy_sql lt_privacy_compile(struct lt_arena *arena, const char *text);
void lt_privacy_values(const struct lt_privacy_sql *sql, const struct lt_privacy_words *words, struct lt_value ret[LT_PRIVACY_VALUES_MAX]);
/* As a statement of a unit; its text must live until that is written. */
void lt_privacy_tx(struct lt_tx *tx, const struct lt_privacy_sql *sql, const struct lt_privacy_words *words);

/* The tables of the database that an entry means: itself, or all that begin so. In the arena; none when it is not there. */
enum lt_code lt_privacy_names(struct lt_store *store, struct lt_arena *arena, const struct lt_privacy_table *t, struct lt_str **ret, size_t *ret_n,
                              struct lt_error *err);
/* What an erasure does to the entry's rows, for people: nothing, deleted, blanked. */
const char *lt_privacy_erasure(const struct lt_privacy_table *t);
