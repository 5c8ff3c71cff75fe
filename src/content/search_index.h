/*
 * The index of an imported course: pieces of its blocks, their terms, their vectors. Made in the background, in units of a few blocks each, so that
 * what is cut off goes on where it was; a block whose text is as it was keeps its pieces and its vectors.
 */
#pragma once
#include "content/search_vectors.h"

/* Terms of a question or a text, with spaces between them; "" = none. */
enum lt_code lt_search_terms(struct lt_arena *arena, struct lt_str text, struct lt_str language, struct lt_str **ret, size_t *ret_n,
                             struct lt_error *err);

struct lt_index_state {
    const char *state;                 /* "waiting": for the indexer; "ready": what is in the course's present revision can be found */
    const char *vectors;               /* "off": the site has no instance for them; "waiting", "ready", "failed" */
    int64_t chunks, embedded;
    struct lt_str model;               /* of the vectors; "" = there are none */
    int64_t dimension;
    struct lt_str error, detail;       /* code of what vectors failed with the last time; "" = nothing */
    int64_t retry_at, updated_at;      /* ms; 0: not, never */
    int64_t revision;                  /* whose texts are in it; 0: none */
    struct lt_str source;              /* private */
    int64_t embedded_revision;
};
enum lt_code lt_index_state(struct lt_store *store, struct lt_arena *arena, const struct lt_site *site, const struct lt_stored_course *course,
                            struct lt_index_state *ret, struct lt_error *err);
/* {"course_id", "state", "chunks", "vectors", "embedded", "model", "dimension", "error", "detail", "retry_at", "updated_at"} */
void lt_index_write(struct lt_jw *w, const struct lt_stored_course *course, const struct lt_index_state *state);

struct lt_index_work {
    struct lt_store *store;
    struct lt_manager *manager;        /* NULL: no vectors */
    struct lt_config *config;
    struct lt_site *site;
    struct lt_sole *lease;             /* LT_ECANCELLED when it is lost; NULL: it is done whoever else is at it */
};
/*
 * Brings the index up to the course's present revision: full text first, then what vectors are missing. Fiber. LT_ECANCELLED; LT_ECONFLICT: the
 * course has been imported anew, or another process is at it; what failed at the vendor is in the state and no error.
 */
enum lt_code lt_index_course(const struct lt_index_work *work, const struct lt_stored_course *course, struct lt_error *err);
/* Adds to the unit that everything of the course's index goes: it will be made anew, or the course goes too. */
void lt_index_forget(const struct lt_store *store, struct lt_tx *tx, int64_t course);

/* Fiber: looks for courses whose index is behind, until it is cancelled. */
struct lt_indexer;
struct lt_indexer *lt_indexer_new(struct lt_store *store, struct lt_manager *manager);
void lt_indexer_free(struct lt_indexer *indexer);
void lt_indexer_run(struct lt_indexer *indexer);
