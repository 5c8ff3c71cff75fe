/*
 * What a compiled JSON Schema is made of. Private to src/text/json_schema*.c.
 */
#pragma once
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "text/json_schema.h"
#include "text/json_tree.h"

/* Where we are, in the value or in the schema: a list from the innermost step outwards. */
struct place {
    const struct place *up; /* NULL: the root */
    struct lt_str key;      /* p == NULL: an index */
    size_t index;
    int depth;
};

struct regex {
    pcre2_code *code;
    struct lt_str text;
    bool anchored;
};

struct node;

struct nodes {
    size_t n;
    struct node **of;
};

/* A member of the schema whose members are schemas: `of` runs beside the members of `names`. */
struct named_nodes {
    const struct lt_json *names;
    struct node **of; /* NULL: an array of names of `dependencies`, not a schema */
};

struct patterned {
    struct regex regex;
    struct node *node;
};

struct patterned_nodes {
    size_t n;
    struct patterned *of;
};

/* A schema with a URI of its own: the document, or a part of it that has an $id. */
struct resource {
    const struct resource *next;
    struct lt_str uri; /* absolute as far as it is known, without fragment */
    const struct lt_json *root;
    bool draft_07;
};

struct node {
    const struct lt_json *source;
    const struct resource *resource; /* what its references count from */
    struct node *same_bucket, *next; /* of the compiler's table; all nodes */
    bool never;                      /* the schema `false` */
    uint8_t chain;                   /* chain_length(), 0 = not measured yet */
    uint8_t groups;                  /* 1 << enum lt_json_type for the types that have rules below, COMBINED, REST */
    uint8_t types;                   /* the same for `type`, and INTEGER; 0 = any */
    /* any type */
    const struct lt_json *constant, *choices;
    struct node *ref;
    struct nodes all, any, one;
    struct node *excluded, *condition, *then, *otherwise;
    /* numbers */
    const struct lt_json *minimum, *maximum, *above, *below, *multiple;
    uint64_t multiple_digits; /* multiple = multiple_digits × 10^multiple_exponent */
    int64_t multiple_exponent;
    /* strings */
    int64_t min_length, max_length;
    struct regex pattern;
    /* arrays */
    int64_t min_items, max_items, min_contains, max_contains;
    bool unique;
    struct nodes prefix;
    struct node *items, *contains;
    /* objects */
    int64_t min_members, max_members;
    struct named_nodes properties, dependent_schemas;
    struct patterned_nodes patterns;
    struct node *additional, *names;
    const struct lt_json *required, *dependent_required;
    /* what no other rule has looked at */
    struct node *rest_items, *rest_members;
};

struct lt_schema {
    struct node *root;
    const struct lt_json *document;
};

enum { INTEGER = 1 << 6 };
enum { COMBINED = 1 << 6, REST = 1 << 7 }; /* of node.groups: it has other nodes for the same value; unevaluated… */

struct lt_schema_type {
    const char *name, *words; /* words: with its article */
    uint8_t bit;
};

enum { LT_SCHEMA_TYPES = 7 };

extern const struct lt_schema_type lt_schema_types[LT_SCHEMA_TYPES];

static inline struct place member_place(const struct place *up, struct lt_str key)
{
    return (struct place){.up = up, .key = {key.p ? key.p : "", key.n}, .depth = up->depth + 1};
}

static inline struct place item_place(const struct place *up, size_t index)
{
    return (struct place){.up = up, .index = index, .depth = up->depth + 1};
}

/* How many bytes of s a message shows: at most max, no part of a code point. */
static inline int shown(struct lt_str s, size_t max)
{
    return (int)(s.n > max ? lt_utf8_whole(s.p, max) : s.n);
}

/* RFC 3986 §5.2: what `reference` means where `base` is the base. Either may be empty. */
struct lt_str lt_schema_uri(struct lt_arena *arena, struct lt_str base, struct lt_str reference);
/* The JSON Pointer of `at` as far as there is room, with a NUL. */
void lt_schema_pointer(const struct place *at, char *out, size_t cap);
