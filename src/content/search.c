/* Two rankings, and what they come to. See search.h. */
#include "content/search.h"

#include <stdlib.h>

#include "base/clock.h"
#include "content/fulltext.h"
#include "content/search_index.h"

enum { PAGE = 200, PAGES_MAX = LT_FULLTEXT_ROWS_MAX / PAGE /* so many candidates are looked through for what may be seen */ };

struct candidate {
    int64_t chunk, position;
    int text_rank, vector_rank;
    double score;
};

struct work {
    const struct lt_search *q;
    struct lt_stored_course course;
    struct lt_course_map map;
    int64_t within;                    /* -1: the whole course */
    struct candidate *list;
    size_t n;
};

static bool may_give(const struct work *w, int64_t position)
{
    return position >= 0 && (size_t)position < w->map.n && w->map.spots[position].visible &&
           (w->within < 0 || lt_course_map_in(&w->map, position, w->within));
}

/* ---- full text ---- */

static enum lt_code rank_by_text(struct work *w, struct lt_error *err)
{
    const struct lt_search *q = w->q;
    struct lt_str text = q->text, *terms;
    size_t terms_n;
    if (text.n > LT_FULLTEXT_QUERY_MAX)
        text.n = lt_utf8_whole(text.p, LT_FULLTEXT_QUERY_MAX);
    if (lt_search_terms(q->arena, text, w->course.language, &terms, &terms_n, err) ||
        lt_fulltext_choose(q->store, q->arena, w->course.id, terms, terms_n, &terms, &terms_n, err))
        return err->code;
    for (int64_t page = 0, more = 1; more && page < PAGES_MAX && w->n < LT_SEARCH_DEPTH; page++) {
        struct lt_fulltext_hit *hits;
        size_t n;
        if (lt_fulltext_search(q->store, q->arena, w->course.id, w->course.revision, terms, terms_n, page * PAGE, PAGE, &hits, &n, err))
            return err->code;
        for (size_t i = 0; i < n && w->n < LT_SEARCH_DEPTH; i++)
            if (may_give(w, hits[i].position)) {
                w->list[w->n] = (struct candidate){.chunk = hits[i].chunk, .position = hits[i].position, .text_rank = (int)w->n + 1};
                w->n++;
            }
        more = n == PAGE;
    }
    return LT_OK;
}

/* ---- vectors ---- */

static struct candidate *candidate_of(struct work *w, const struct lt_vectors_hit *hit)
{
    for (size_t i = 0; i < w->n; i++)
        if (w->list[i].chunk == hit->chunk)
            return &w->list[i];
    w->list[w->n] = (struct candidate){.chunk = hit->chunk, .position = hit->position};
    return &w->list[w->n++];
}

static enum lt_code compare_vectors(struct work *w, struct lt_vectors_source source, const struct lt_index_state *state, struct lt_error *err)
{
    const struct lt_search *q = w->q;
    struct lt_vectors question;
    struct lt_vectors_hit *hits;
    struct lt_str text = q->text;
    size_t n;
    const struct lt_vectors_asker asker = {.manager = q->manager, .config = q->config, .caller = q->caller, .policy_by_lms = q->policy_by_lms,
                                           .place = {w->course.course_id, q->location_id, q->placement}, .source = source};
    if (text.n > LT_FULLTEXT_QUERY_MAX)
        text.n = lt_utf8_whole(text.p, LT_FULLTEXT_QUERY_MAX);
    if (lt_vectors_make(&asker, q->arena, &text, 1, &question, err))
        return err->code;
    if (question.model.n == 0)
        question.model = LT_STR("unnamed");
    if (!lt_str_eq(question.model, state->model) || (int64_t)question.dimension != state->dimension)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the question's vector is of another model than the course's");
    if (lt_vectors_search(q->store, q->arena, &w->course, &w->map, w->within, &question, lt_mono_ms() + LT_SEARCH_VECTORS_MS, LT_SEARCH_DEPTH, &hits,
                          &n, err))
        return err->code;
    for (size_t i = 0; i < n; i++)
        candidate_of(w, &hits[i])->vector_rank = (int)i + 1;
    return LT_OK;
}

/* Without vectors the answer is what full text found. Only a cancel and the store's own failure end the search. */
static enum lt_code rank_by_vectors(struct work *w, struct lt_search_result *ret, struct lt_error *err)
{
    const struct lt_search *q = w->q;
    struct lt_index_state state;
    struct lt_error why;
    if (lt_index_state(q->store, q->arena, q->caller->site, &w->course, &state, err))
        return err->code;
    ret->indexed = state.revision == w->course.revision;
    struct lt_vectors_source source = lt_vectors_source_of(q->arena, q->caller->site);
    bool blank = lt_str_trim(q->text).n == 0 || !lt_utf8_valid(q->text.p, q->text.n);
    if (!q->config || !q->manager || source.instance_id == 0 || blank)
        return LT_OK;
    if (state.model.n == 0 || !lt_str_eq(state.source, source.name)) {
        ret->notice = state.error.n > 0 ? "vectors_failed" : "vectors_not_ready";
        ret->detail = state.detail;
        return LT_OK;
    }
    enum lt_code rc = compare_vectors(w, source, &state, &why);
    if (rc == LT_ECANCELLED || rc == LT_ESTORE) {
        *err = why;
        return rc;
    }
    ret->fused = rc == LT_OK;
    if (rc) {
        ret->notice = "vectors_failed";
        ret->detail = lt_printf(q->arena, "%s: %s", lt_code_name(rc), why.detail);
    }
    return LT_OK;
}

/* ---- both ---- */

static double share(int rank)
{
    return rank > 0 ? 1.0 / (LT_SEARCH_RRF + rank) : 0;
}

static int compare_candidates(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    return (x->chunk > y->chunk) - (x->chunk < y->chunk);
}

static void fuse(struct work *w)
{
    for (size_t i = 0; i < w->n; i++)
        w->list[i].score = share(w->list[i].text_rank) + share(w->list[i].vector_rank);
    qsort(w->list, w->n, sizeof *w->list, compare_candidates);
}

/* ---- what is given ---- */

struct lt_str lt_search_quote(struct lt_arena *arena, struct lt_str text)
{
    struct lt_str first = lt_content_first(lt_str_trim(text), LT_SEARCH_QUOTE_MAX);
    bool whole = first.n == lt_str_trim(text).n;
    for (size_t i = first.n; !whole && i > first.n / 2; i--)
        if (first.p[i - 1] == ' ' || first.p[i - 1] == '\n') {
            first.n = i - 1;
            break;
        }
    char *p = lt_alloc(arena, first.n + 3);
    size_t n = 0;
    for (size_t i = 0; i < first.n; i++) { /* on one line */
        bool space = first.p[i] == '\n' || first.p[i] == '\r' || first.p[i] == '\t' || first.p[i] == ' ';
        if (!space || (n > 0 && p[n - 1] != ' '))
            p[n++] = space ? ' ' : first.p[i];
    }
    if (!whole)
        n = (size_t)((char *)mempcpy(p + n, "…", 3) - p);
    return (struct lt_str){p, n};
}

static enum lt_code fill_hit(struct work *w, const struct candidate *c, struct lt_search_hit *ret, struct lt_error *err)
{
    const struct lt_course_spot *spot = &w->map.spots[c->position], *unit = spot->unit >= 0 ? &w->map.spots[spot->unit] : NULL;
    struct lt_rows r;
    if (LT_QUERY(w->q->store, w->q->arena, &r, err,
                 "SELECT k.begins, k.bytes, k.heading, b.text FROM course_chunk k JOIN course_block b ON b.course = k.course AND b.revision = $1 AND "
                 "b.position = $2 AND b.sha256 = k.sha256 WHERE k.id = $3",
                 LT_INT(w->course.revision), LT_INT(c->position), LT_INT(c->chunk)))
        return err->code;
    if (r.rows == 0)
        return lt_fail(err, LT_ECONFLICT, "the course was imported anew");
    struct lt_str text = lt_rows_str(&r, 0, 3);
    size_t at = (size_t)lt_rows_int(&r, 0, 0), n = (size_t)lt_rows_int(&r, 0, 1);
    if (at + n > text.n)
        return lt_fail(err, LT_EINTERNAL, "piece %lld lies outside of its block", (long long)c->chunk);
    *ret = (struct lt_search_hit){.chunk = c->chunk,
                                  .unit_id = unit ? unit->block_id : LT_STR(""),
                                  .unit_name = unit ? unit->name : LT_STR(""),
                                  .block_id = spot->block_id,
                                  .block_name = spot->name,
                                  .url = spot->url.n > 0 || !unit ? spot->url : unit->url,
                                  .heading = lt_rows_str(&r, 0, 2),
                                  .text = {text.p + at, n},
                                  .text_rank = c->text_rank,
                                  .vector_rank = c->vector_rank,
                                  .score = c->score};
    ret->quote = lt_search_quote(w->q->arena, ret->text);
    return LT_OK;
}

static enum lt_code give(struct work *w, struct lt_search_result *ret, struct lt_error *err)
{
    size_t max = w->n < (size_t)w->q->limit ? w->n : (size_t)w->q->limit;
    ret->hits = LT_NEW_ARRAY(w->q->arena, struct lt_search_hit, max);
    for (size_t i = 0; i < max; i++) {
        enum lt_code rc = fill_hit(w, &w->list[i], &ret->hits[ret->n], err);
        if (rc == LT_OK)
            ret->n++;
        else if (rc != LT_ECONFLICT)
            return rc;
    }
    return LT_OK;
}

enum lt_code lt_search_course(const struct lt_search *q, struct lt_search_result *ret, struct lt_error *err)
{
    struct work w = {.q = q, .within = -1, .list = LT_NEW_ARRAY(q->arena, struct candidate, 2 * LT_SEARCH_DEPTH)};
    struct lt_sight sight;
    *ret = (struct lt_search_result){.detail = LT_STR("")};
    if (lt_stored_course_find(q->store, q->arena, q->caller->site->id, q->course_id, &w.course, err) ||
        lt_sight_of(q->manager, q->arena, q->caller, q->course_id, &sight, err) ||
        lt_course_map_load(q->store, q->arena, &w.course, &sight, &w.map, err))
        return err->code;
    if (q->location_id.n > 0) {
        w.within = lt_course_map_find(&w.map, q->location_id);
        if (w.within < 0)
            return lt_fail(err, LT_ENOT_FOUND, "the course has no such place");
    }
    if (rank_by_text(&w, err) || rank_by_vectors(&w, ret, err))
        return err->code;
    fuse(&w);
    return give(&w, ret, err);
}

static void write_hit(struct lt_jw *w, const struct lt_search_hit *hit)
{
    lt_jw_obj(w);
    lt_jw_kstr(w, "unit_id", hit->unit_id);
    lt_jw_kstr(w, "unit_name", hit->unit_name);
    lt_jw_kstr(w, "block_id", hit->block_id);
    lt_jw_kstr(w, "block_name", hit->block_name);
    lt_jw_kstr(w, "url", hit->url);
    lt_jw_kstr(w, "heading", hit->heading);
    lt_jw_kstr(w, "quote", hit->quote);
    lt_jw_kstr(w, "text", hit->text);
    lt_jw_key(w, "score");
    lt_jw_double(w, hit->score);
    lt_jw_end(w);
}

void lt_search_write(struct lt_jw *w, const struct lt_search *search, const struct lt_search_result *result)
{
    lt_jw_obj(w);
    lt_jw_kstr(w, "course_id", search->course_id);
    lt_jw_kbool(w, "fused", result->fused);
    lt_jw_kbool(w, "indexed", result->indexed);
    lt_jw_key(w, "notice");
    if (result->notice)
        lt_jw_strz(w, result->notice);
    else
        lt_jw_null(w);
    lt_jw_key(w, "results");
    lt_jw_arr(w);
    for (size_t i = 0; i < result->n; i++)
        write_hit(w, &result->hits[i]);
    lt_jw_end(w);
    lt_jw_end(w);
}
