/*
 * SQLite's FTS5, or a column that PostgreSQL makes of each row by itself. The virtual table keeps no text of its own: it reads course_chunk, and is
 * told of what comes and goes there. The tokenizer `ascii` parts what it is given at everything but ASCII letters and digits and bytes above 0x7F,
 * and our terms hold nothing else.
 * Fuzzed by tests/fuzz/fuzz_search.c.
 */
#include "content/fulltext.h"

#include <stdlib.h>

#include "base/buf.h"

enum { EXPRESSION_MAX = 64 * 1024 };

/* PostgreSQL keeps the column itself, so there is nothing to add to it or to take out. */
static enum lt_code prepare_column(struct lt_store *store, struct lt_error *err)
{
    enum lt_code rc = lt_store_create(store,
                                      "ALTER TABLE course_chunk ADD COLUMN IF NOT EXISTS document tsvector GENERATED ALWAYS AS "
                                      "(setweight(to_tsvector('simple', names), 'A') || setweight(to_tsvector('simple', terms), 'B')) STORED",
                                      err);
    return rc ? rc : lt_store_create(store, "CREATE INDEX IF NOT EXISTS course_chunk_document ON course_chunk USING gin (document)", err);
}

enum lt_code lt_fulltext_prepare(struct lt_store *store, struct lt_error *err)
{
    if (lt_store_is_postgres(store))
        return prepare_column(store, err);
    return lt_store_create(store,
                           "CREATE VIRTUAL TABLE IF NOT EXISTS course_fulltext USING fts5(course, names, terms, content='course_chunk', "
                           "content_rowid='id', tokenize='ascii')",
                           err);
}

void lt_fulltext_remove(const struct lt_store *store, struct lt_tx *tx, int64_t course, struct lt_str block_id)
{
    if (lt_store_is_postgres(store))
        return;
    LT_TX(tx,
          "INSERT INTO course_fulltext(course_fulltext, rowid, course, names, terms) SELECT 'delete', id, course, names, terms FROM course_chunk "
          "WHERE course = $1 AND block_id = $2",
          LT_INT(course), lt_value_text(block_id));
}

void lt_fulltext_add(const struct lt_store *store, struct lt_tx *tx, int64_t course, struct lt_str block_id, struct lt_str sha256)
{
    if (lt_store_is_postgres(store))
        return;
    LT_TX(tx,
          "INSERT INTO course_fulltext(rowid, course, names, terms) SELECT id, course, names, terms FROM course_chunk "
          "WHERE course = $1 AND block_id = $2 AND sha256 = $3",
          LT_INT(course), lt_value_text(block_id), lt_value_text(sha256));
}

void lt_fulltext_clear(const struct lt_store *store, struct lt_tx *tx, int64_t course)
{
    if (lt_store_is_postgres(store))
        return;
    LT_TX(tx,
          "INSERT INTO course_fulltext(course_fulltext, rowid, course, names, terms) SELECT 'delete', id, course, names, terms FROM course_chunk "
          "WHERE course = $1",
          LT_INT(course));
}

/* The terms are ours, but this is what stands between a question and FTS5's own language: what could be of that does not pass. */
static bool is_plain(struct lt_str term)
{
    for (size_t i = 0; i < term.n; i++) {
        unsigned char c = (unsigned char)term.p[i];
        if (c < 0x80 && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9'))
            return false;
    }
    return term.n > 0 && term.n <= 255;
}

/* The terms in quotes with `or` between them; "" when there is none. */
static struct lt_str any_of(struct lt_arena *arena, const struct lt_str *terms, size_t n, char quote, const char *or)
{
    struct lt_buf out;
    size_t used = 0;
    lt_buf_init(&out, EXPRESSION_MAX);
    for (size_t i = 0; i < n && used < LT_FULLTEXT_TERMS_MAX; i++)
        if (is_plain(terms[i]))
            lt_buf_printf(&out, "%s%c%.*s%c", used++ ? or : "", quote, LT_FMT(terms[i]), quote);
    struct lt_str ret = out.failed ? LT_STR("") : lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return ret;
}

struct lt_str lt_fulltext_expression(struct lt_arena *arena, int64_t course, const struct lt_str *terms, size_t n)
{
    struct lt_str words = any_of(arena, terms, n, '"', " OR ");
    return words.n == 0 ? words : lt_printf(arena, "course : \"%lld\" AND {names terms} : (%.*s)", (long long)course, LT_FMT(words));
}

/* What the back end is asked for: FTS5 looks for the course with the words, PostgreSQL has it in a column. */
static struct lt_str expression_of(struct lt_store *store, struct lt_arena *arena, int64_t course, const struct lt_str *terms, size_t n)
{
    return lt_store_is_postgres(store) ? any_of(arena, terms, n, '\'', " | ") : lt_fulltext_expression(arena, course, terms, n);
}

/* In how many pieces of the course a term stands; more than LT_FULLTEXT_ROWS_MAX are not counted. Nothing is ranked for it. */
static enum lt_code count_pieces(struct lt_store *store, struct lt_arena *arena, int64_t course, struct lt_str term, int64_t *ret,
                                 struct lt_error *err)
{
    struct lt_rows r;
    struct lt_str expression = expression_of(store, arena, course, &term, 1);
    *ret = 0;
    if (expression.n == 0)
        return LT_OK;
    if (lt_store_is_postgres(store)
            ? LT_QUERY(store, arena, &r, err,
                       "SELECT COUNT(*) FROM (SELECT 1 FROM course_chunk WHERE course = $1 AND document @@ to_tsquery('simple', $2) LIMIT $3) f",
                       LT_INT(course), LT_TEXT(expression), LT_INT(LT_FULLTEXT_ROWS_MAX + 1))
            : LT_QUERY(store, arena, &r, err,
                       "SELECT COUNT(*) FROM (SELECT rowid FROM course_fulltext WHERE course_fulltext MATCH $1 LIMIT $2) f", LT_TEXT(expression),
                       LT_INT(LT_FULLTEXT_ROWS_MAX + 1)))
        return lt_error_wrap(err, "full text");
    *ret = lt_rows_int(&r, 0, 0);
    return LT_OK;
}

struct counted {
    struct lt_str term;
    int64_t pieces;
    size_t at;                         /* in the question */
};

static int compare_counted(const void *a, const void *b)
{
    const struct counted *x = a, *y = b;
    if (x->pieces != y->pieces)
        return x->pieces < y->pieces ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

enum lt_code lt_fulltext_choose(struct lt_store *store, struct lt_arena *arena, int64_t course, const struct lt_str *terms, size_t n,
                                struct lt_str **ret, size_t *ret_n, struct lt_error *err)
{
    struct counted list[LT_FULLTEXT_TERMS_MAX];
    size_t known = 0;
    int64_t pieces = 0;
    for (size_t i = 0; i < n && i < LT_FULLTEXT_TERMS_MAX; i++) {
        list[known] = (struct counted){.term = terms[i], .at = i};
        if (count_pieces(store, arena, course, terms[i], &list[known].pieces, err))
            return err->code;
        known += list[known].pieces > 0;
    }
    qsort(list, known, sizeof(*list), compare_counted);
    *ret = LT_NEW_ARRAY(arena, struct lt_str, known);
    for (*ret_n = 0; *ret_n < known; ++*ret_n) {
        pieces += list[*ret_n].pieces;
        if (*ret_n > 0 && pieces > LT_FULLTEXT_ROWS_MAX)
            break;
        (*ret)[*ret_n] = list[*ret_n].term;
    }
    return LT_OK;
}

static enum lt_code find_by_fts5(struct lt_store *store, struct lt_arena *arena, int64_t revision, struct lt_str expression, int64_t offset, int64_t max,
                                 struct lt_rows *ret, struct lt_error *err)
{
    return LT_QUERY(store, arena, ret, err,
                    "SELECT f.id, b.position, f.score FROM (SELECT c.id, c.score FROM (SELECT rowid AS id, bm25(course_fulltext, 0.0, 2.0, 1.0) AS score "
                    "FROM course_fulltext WHERE course_fulltext MATCH $1 LIMIT $2) c ORDER BY c.score, c.id LIMIT $3 OFFSET $4) f "
                    "JOIN course_chunk k ON k.id = f.id "
                    "LEFT JOIN course_block b ON b.course = k.course AND b.revision = $5 AND b.block_id = k.block_id AND b.sha256 = k.sha256 "
                    "ORDER BY f.score, f.id",
                    LT_TEXT(expression), LT_INT(LT_FULLTEXT_ROWS_MAX), LT_INT(max), LT_INT(offset), LT_INT(revision));
}

static enum lt_code find_by_column(struct lt_store *store, struct lt_arena *arena, int64_t course, int64_t revision, struct lt_str expression,
                                   int64_t offset, int64_t max, struct lt_rows *ret, struct lt_error *err)
{
    return LT_QUERY(store, arena, ret, err,
                    "SELECT f.id, b.position, f.score FROM (SELECT c.id, c.course, c.block_id, c.sha256, -ts_rank('{0, 0, 0.5, 1}', c.document, "
                    "to_tsquery('simple', $1)) AS score FROM (SELECT id, course, block_id, sha256, document FROM course_chunk WHERE course = $2 AND "
                    "document @@ to_tsquery('simple', $1) LIMIT $3) c ORDER BY 5, 1 LIMIT $4 OFFSET $5) f "
                    "LEFT JOIN course_block b ON b.course = f.course AND b.revision = $6 AND b.block_id = f.block_id AND b.sha256 = f.sha256 "
                    "ORDER BY f.score, f.id",
                    LT_TEXT(expression), LT_INT(course), LT_INT(LT_FULLTEXT_ROWS_MAX), LT_INT(max), LT_INT(offset), LT_INT(revision));
}

/*
 * The best pieces first and then their blocks: so only those are looked up. A word in a name counts twice.
 */
enum lt_code lt_fulltext_search(struct lt_store *store, struct lt_arena *arena, int64_t course, int64_t revision, const struct lt_str *terms,
                                size_t terms_n, int64_t offset, int64_t max, struct lt_fulltext_hit **ret, size_t *ret_n, struct lt_error *err)
{
    struct lt_rows r;
    struct lt_str expression = expression_of(store, arena, course, terms, terms_n);
    *ret_n = 0;
    if (expression.n == 0)
        return LT_OK;
    if (lt_store_is_postgres(store) ? find_by_column(store, arena, course, revision, expression, offset, max, &r, err)
                                    : find_by_fts5(store, arena, revision, expression, offset, max, &r, err))
        return lt_error_wrap(err, "full text");
    *ret = LT_NEW_ARRAY(arena, struct lt_fulltext_hit, r.rows);
    for (size_t i = 0; i < r.rows; i++)
        (*ret)[(*ret_n)++] = (struct lt_fulltext_hit){.chunk = lt_rows_int(&r, i, 0),
                                                      .position = lt_rows_int_or(&r, i, 1, -1),
                                                      .score = -lt_rows_double_or(&r, i, 2, 0)};
    return LT_OK;
}
