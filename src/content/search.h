/*
 * Search in an imported course: full text always; vectors too, when the site can have them made and the index has them. Both rankings are fused by
 * their ranks: Cormack, Clarke and Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual rank learning methods", SIGIR 2009.
 * What the caller may not see is in no result and no number.
 */
#pragma once
#include "content/course_sight.h"

enum {
    LT_SEARCH_HITS_MAX = 20,
    LT_SEARCH_HITS = 5,                /* when nobody says how many */
    LT_SEARCH_QUOTE_MAX = 240,         /* characters */
    LT_SEARCH_RRF = 60,                /* k of the fusion, as in the paper */
    LT_SEARCH_DEPTH = 100,             /* of each ranking that is fused */
    LT_SEARCH_VECTORS_MS = 3000,       /* for comparing vectors; then full text answers alone */
};

struct lt_search {
    struct lt_arena *arena;            /* for everything that is given */
    struct lt_store *store;
    struct lt_manager *manager;        /* asks for the roles in the course, and for the vector of the question */
    struct lt_config *config;          /* NULL: without vectors */
    const struct lt_caller *caller;
    struct lt_str course_id;
    struct lt_str location_id;         /* "": in the whole course; else in this place and what lies in it */
    struct lt_str placement;           /* of the request; "" = none */
    bool policy_by_lms;                /* as in struct lt_call_request */
    struct lt_str text;                /* any bytes; the first LT_FULLTEXT_QUERY_MAX count */
    int limit;                         /* 1 to LT_SEARCH_HITS_MAX */
};

struct lt_search_hit {
    int64_t chunk;                     /* its row */
    struct lt_str unit_id, unit_name;  /* "" when the block lies in none */
    struct lt_str block_id, block_name, url;
    struct lt_str heading;
    struct lt_str text;                /* the piece, plain */
    struct lt_str quote;               /* its beginning, at most LT_SEARCH_QUOTE_MAX characters, at a word's end */
    int text_rank, vector_rank;        /* from 1 on; 0: not found by it */
    double score;                      /* of the fusion */
};
struct lt_search_result {
    struct lt_search_hit *hits;        /* best first */
    size_t n;
    bool fused;                        /* vectors have been compared */
    const char *notice;                /* why not, when the site could have vectors: "vectors_not_ready", "vectors_failed"; NULL */
    struct lt_str detail;              /* of vectors_failed, for administrators */
    bool indexed;                      /* false: the index is behind the course, and not everything can be found */
};

/* Fiber. LT_ENOT_FOUND: no such course, or no such place in it that the caller may see; LT_ECANCELLED; LT_ESTORE. */
enum lt_code lt_search_course(const struct lt_search *search, struct lt_search_result *ret, struct lt_error *err);
/* The first sentence or so of a piece. Pure. */
struct lt_str lt_search_quote(struct lt_arena *arena, struct lt_str text);
/* {"course_id", "fused", "indexed", "notice", "results": [{"unit_id", "unit_name", "block_id", "block_name", "url", "heading", "quote",
   "text", "score"}]} */
void lt_search_write(struct lt_jw *w, const struct lt_search *search, const struct lt_search_result *result);
