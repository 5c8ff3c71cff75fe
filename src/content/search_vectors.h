/*
 * Vectors of pieces of courses, by the site's own provider instances: every vector is a call of embed_text at the manager, with its gates, limits
 * and record. A course's vectors are all of one instance and one model; when either changes they are made anew.
 */
#pragma once
#include "content/course_sight.h"

enum {
    LT_VECTORS_BATCH = 32,             /* pieces of one call */
    LT_VECTORS_SCAN = 256,             /* vectors that are in memory at once */
    LT_VECTORS_DIMENSION_MAX = 8192,
};

/* Who makes vectors for the site: the first instance that may serve embed_text and whose settings name that action or an embedding_model. id 0: none. */
struct lt_vectors_source {
    int64_t instance_id;
    struct lt_str name;                /* of instance and model as they are set up, for comparing */
};
struct lt_vectors_source lt_vectors_source_of(struct lt_arena *arena, const struct lt_site *site);

/* For whom, and by whose leave. */
struct lt_vectors_asker {
    struct lt_manager *manager;
    struct lt_config *config;
    const struct lt_caller *caller;
    struct lt_place place;
    bool policy_by_lms;
    struct lt_vectors_source source;
};
struct lt_vectors {
    float *values;                     /* n of `dimension`, each of length 1; in the arena */
    size_t n, dimension;
    struct lt_str model;               /* as the vendor names it */
};
/* One call. Fiber. The manager's errors; LT_EUPSTREAM_INVALID: more than LT_VECTORS_DIMENSION_MAX. */
enum lt_code lt_vectors_make(const struct lt_vectors_asker *asker, struct lt_arena *arena, const struct lt_str *texts, size_t n,
                             struct lt_vectors *ret, struct lt_error *err);

struct lt_vectors_hit {
    int64_t chunk, position;
    double score;                      /* cosine */
};
/*
 * The pieces that are most like the vector among those that are visible and lie in `within` (-1: anywhere), best first, at most max. Every vector
 * of the course is looked at, LT_VECTORS_SCAN at once, on a worker. Fiber. LT_ETIMEOUT at the deadline (of lt_mono_ms()).
 */
enum lt_code lt_vectors_search(struct lt_store *store, struct lt_arena *arena, const struct lt_stored_course *course, const struct lt_course_map *map,
                               int64_t within, const struct lt_vectors *question, uint64_t deadline_ms, size_t max, struct lt_vectors_hit **ret,
                               size_t *ret_n, struct lt_error *err);
