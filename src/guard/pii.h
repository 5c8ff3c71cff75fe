/*
 * Personal data in text: where they stand and of what kind. Pure, table-driven, one file for each family; any thread. What each finds and what it
 * does not is said in docs/pii.md; tests/quality/pii measures it.
 */
#pragma once
#include "base/arena.h"

/* X(symbol, name in settings and records, word in placeholders) */
#define LT_PII_KINDS(X)          \
    X(EMAIL, "email", "EMAIL")   \
    X(PHONE, "phone", "PHONE")   \
    X(CARD, "card", "CARD")      \
    X(IBAN, "iban", "IBAN")      \
    X(ID, "national_id", "ID")   \
    X(IP, "ip", "IP")            \
    X(NAME, "name", "NAME")

enum lt_pii_kind {
#define X(symbol, name, word) LT_PII_##symbol,
    LT_PII_KINDS(X)
#undef X
        LT_PII_COUNT
};
#define LT_PII_ALL ((1u << LT_PII_COUNT) - 1)

const char *lt_pii_name(enum lt_pii_kind kind);
const char *lt_pii_word(enum lt_pii_kind kind);

struct lt_pii_names;         /* of one person */

struct lt_pii_options {
    unsigned kinds;          /* bits of enum lt_pii_kind */
    const struct lt_pii_names *names; /* NULL: none are looked for */
};

struct lt_pii_find {
    enum lt_pii_kind kind;
    size_t at, n;            /* bytes */
};

/*
 * The first find at or after `from`; false: there is none. Finds do not overlap. text: UTF-8, of which bytes that are none are taken for letters.
 * Placeholders (restore.h) are passed over. Linear but for at most a few hundred bytes looked at again around each candidate.
 */
bool lt_pii_next(const struct lt_pii_options *options, struct lt_str text, size_t from, struct lt_pii_find *ret);

/*
 * What stands in a token as a name: the whole, and its parts of at least three letters that are no particles. Compared without case and accents, by
 * whole words; a part alone only where it is written with a capital letter, as "mark" is a word too. NULL when there is nothing to look for.
 */
struct lt_pii_names *lt_pii_names_new(struct lt_arena *arena, struct lt_str name);
