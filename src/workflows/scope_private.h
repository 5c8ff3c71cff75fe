/* The inside of a scope set. Private to src/workflows/scope*.c. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "workflows/scope.h"

/* ---- patterns (scope_pattern.c) ---- */
enum {
    LT_SCOPE_MATCH_LIMIT = 100000, /* of PCRE2, for one pattern on one location */
    LT_SCOPE_PATTERN_HEAP = 64,    /* KiB that one match may take beside the stack */
    LT_SCOPE_PATTERN_CODE = 16384, /* bytes that a pattern may compile to; more is refused at save */
    LT_SCOPE_PATTERNS_KEPT = 32 << 20, /* bytes of compiled patterns that a set keeps; the others are compiled for each use */
    LT_SCOPE_LIMITS_A_LOOKUP = 8,  /* after so many patterns over the limit a look-up tries no further ones: they do not fit */
};
struct lt_scope_patterns;

/* Of one text; lies in the arena of the set. */
struct lt_scope_pattern {
    struct lt_str text;
    struct lt_scope_patterns *all;
    _Atomic(void *) code;     /* pcre2_code, compiled at first use; never changes after that */
    atomic_bool invalid;      /* cannot be compiled */
    atomic_bool over_limit;   /* went over the limit */
};

struct lt_scope_patterns *lt_scope_patterns_new(struct lt_arena *arena); /* freed with the arena, compiled ones too */
/* LT_EINVALID_INPUT with field /location_regex, the position (in bytes, from 1) and what is wrong. */
enum lt_code lt_scope_pattern_check(struct lt_str text, struct lt_error *err);

/* The matching of one look-up, on the stack. */
struct lt_scope_matcher {
    struct lt_str location;
    bool usable;              /* given, not too long, UTF-8 */
    int limits;               /* patterns that went over the limit in this look-up */
    void *data;               /* pcre2_match_data, made at first need */
};
void lt_scope_matcher_init(struct lt_scope_matcher *m, struct lt_str location);
void lt_scope_matcher_end(struct lt_scope_matcher *m);
/* LT_SCOPE_CHOSEN when the scope has no pattern or its pattern is found; else the reason why it is passed over. */
enum lt_scope_reason lt_scope_matcher_try(struct lt_scope_matcher *m, const struct lt_scope *scope);

/* ---- cache (scope_cache.c) ---- */
struct lt_scope_cache; /* results of one site, the least recently used is dropped; holds a short lock */
struct lt_scope_cache *lt_scope_cache_new(size_t entries); /* NULL for 0 */
void lt_scope_cache_free(struct lt_scope_cache *cache);
/* True: it is kept; *ret may be NULL (nothing fits). */
bool lt_scope_cache_get(struct lt_scope_cache *cache, const struct lt_scope_context *context, const struct lt_scope **ret);
void lt_scope_cache_put(struct lt_scope_cache *cache, const struct lt_scope_context *context, const struct lt_scope *scope);

/* ---- index (scope_index.c) ---- */
/* Keyed by what nobody outside knows, so that collisions cannot be prepared. Any thread. */
uint64_t lt_scope_hash(uint64_t key, const void *p, size_t n);

enum { LT_SCOPE_NO_TEXT = UINT32_MAX, LT_SCOPE_ANY_SLOT = UINT32_MAX - 1 };

struct lt_scope_bucket {       /* enabled scopes of (site, variant, course, slot), the most specific first, of equal ones the older id first */
    uint32_t site, course, slot; /* course and slot: numbers of texts; LT_SCOPE_ANY_SLOT: those of all slots */
    uint8_t variant;
    uint32_t first, n;         /* in `order` */
};

struct lt_scope_site {
    int64_t id;
    enum lt_slot_matching matching;
    size_t cache_entries;
    struct lt_scope_cache *cache;
    uint32_t first, n;         /* in `scopes` */
};

struct lt_scope_by_profile {
    int64_t profile_id;
    uint32_t site, scope;
};

struct lt_scope_set {
    _Atomic int references;
    struct lt_arena *arena;
    uint64_t mark;             /* what it was made of; equal marks, equal sets */
    uint64_t hash_key;
    struct lt_scope_site *sites; /* by id */
    uint32_t sites_n;
    struct lt_scope *scopes;   /* by site and id */
    uint32_t scopes_n;
    struct lt_str *texts;      /* distinct courses and slots; number 0 is "" */
    uint32_t texts_n;
    uint32_t *text_slots;      /* hash table: number + 1, 0 = empty */
    uint32_t text_mask;
    struct lt_scope_bucket *buckets;
    uint32_t buckets_n;
    uint32_t *bucket_slots;    /* hash table: index + 1, 0 = empty */
    uint32_t bucket_mask;
    uint32_t *order;           /* indexes of scopes, bucket after bucket */
    struct lt_scope_by_profile *by_profile; /* sorted */
};

struct lt_scope_site_settings {
    int64_t id;
    enum lt_slot_matching matching;
    size_t cache_entries;
};
/*
 * Takes over the arena, in which the scopes lie with all texts, sorted by site and id; scopes of sites that are not listed are left out.
 * Computes specificity_index and pattern. sites: sorted by id.
 */
struct lt_scope_set *lt_scope_set_build(struct lt_arena *arena, struct lt_scope *scopes, size_t n, const struct lt_scope_site_settings *sites,
                                        size_t sites_n, uint64_t mark);
/* NULL when the set has nothing of the site. */
struct lt_scope_site *lt_scope_site_of(const struct lt_scope_set *set, int64_t site_id);

/* The scopes that phase 1 lets through, in their order: lists that are merged. */
enum { LT_SCOPE_LISTS_MAX = 2 * 2 * LT_SERVICE_VARIANTS };
struct lt_scope_walk {
    const struct lt_scope_set *set;
    const uint32_t *at[LT_SCOPE_LISTS_MAX], *end[LT_SCOPE_LISTS_MAX];
    int n;
};
void lt_scope_walk_init(struct lt_scope_walk *walk, const struct lt_scope_set *set, const struct lt_scope_site *site,
                        const struct lt_scope_context *context, bool slot_less_too, bool any_slot);
const struct lt_scope *lt_scope_walk_next(struct lt_scope_walk *walk); /* NULL at the end */
/* Which goes first: more specific, then older. */
bool lt_scope_before(const struct lt_scope *a, const struct lt_scope *b);

/* ---- figures (scope.c) ---- */
enum lt_scope_count { LT_SCOPE_HITS, LT_SCOPE_MISSES, LT_SCOPE_LIMITS, LT_SCOPE_REBUILDS, LT_SCOPE_REBUILD_US, LT_SCOPE_N, LT_SCOPE_COUNTS };
void lt_scope_count(enum lt_scope_count which, uint64_t n);     /* adds */
void lt_scope_count_set(enum lt_scope_count which, uint64_t n); /* replaces */
