/*
 * Full text of pieces of courses: the one place that knows a back end's own SQL for it. SQLite: FTS5, ranked by bm25; PostgreSQL: a
 * tsvector of the configuration `simple` over the same terms (text/sentences.h), ranked by ts_rank. Both see nothing but terms that we made.
 */
#pragma once
#include "store/store.h"

enum {
    LT_FULLTEXT_TERMS_MAX = 64,        /* of a question: more of them say nothing more */
    LT_FULLTEXT_QUERY_MAX = 4000,      /* bytes of a question that are looked at */
    LT_FULLTEXT_ROWS_MAX = 5000,       /* pieces that are ranked for a question; above it, those with its rarest words */
};

/* Makes what is missing in the store. Start-up. */
enum lt_code lt_fulltext_prepare(struct lt_store *store, struct lt_error *err);

/* Takes a block's pieces, whatever their sha256, out of the index; before the rows go, in the same unit. */
void lt_fulltext_remove(const struct lt_store *store, struct lt_tx *tx, int64_t course, struct lt_str block_id);
/* Puts the pieces of a text into it; behind the rows, in the same unit. */
void lt_fulltext_add(const struct lt_store *store, struct lt_tx *tx, int64_t course, struct lt_str block_id, struct lt_str sha256);
/* Takes all pieces of a course out of it. */
void lt_fulltext_clear(const struct lt_store *store, struct lt_tx *tx, int64_t course);

/*
 * What of the terms is worth looking for: the rarest in the course first, as long as all that hold them are at most LT_FULLTEXT_ROWS_MAX pieces
 * together, and the rarest in any case. A term that stands nowhere is left out, and so are those above LT_FULLTEXT_TERMS_MAX. In the arena.
 */
enum lt_code lt_fulltext_choose(struct lt_store *store, struct lt_arena *arena, int64_t course, const struct lt_str *terms, size_t n,
                                struct lt_str **ret, size_t *ret_n, struct lt_error *err);

struct lt_fulltext_hit {
    int64_t chunk, position;           /* of its block in the revision; -1: it is not in it (any more) */
    double score;                      /* the more the better */
};
/*
 * Pieces that hold one of the terms, best first, from the one at `offset` on, at most `max`. terms: as lt_text_terms() makes them;
 * others find nothing. Ranked are the LT_FULLTEXT_ROWS_MAX pieces that came first into the index. The hits lie in the arena.
 */
enum lt_code lt_fulltext_search(struct lt_store *store, struct lt_arena *arena, int64_t course, int64_t revision, const struct lt_str *terms,
                                size_t terms_n, int64_t offset, int64_t max, struct lt_fulltext_hit **ret, size_t *ret_n, struct lt_error *err);

/* What is asked of the back end for these terms; pure, for tests. Only letters, digits, bytes above 0x7F and what we put between them. */
struct lt_str lt_fulltext_expression(struct lt_arena *arena, int64_t course, const struct lt_str *terms, size_t n);
