/* Blocks to pieces to rows. See search_index.h. Fuzzed by tests/fuzz/fuzz_search.c. */
#include "content/search_index.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "content/chunk.h"
#include "content/fulltext.h"
#include "core/sole.h"
#include "io/worker.h"

enum {
    BLOCKS = 64,                       /* of one unit */
    TEXT_BYTES = 1 << 20,              /* of one unit, unless one block has more */
};

enum lt_code lt_search_terms(struct lt_arena *arena, struct lt_str text, struct lt_str language, struct lt_str **ret, size_t *ret_n,
                             struct lt_error *err)
{
    return lt_text_terms(arena, text, lt_language_find(language), ret, ret_n, err);
}

/* ---- what is there already ---- */

struct known {
    struct lt_str block_id, sha256, unit_name;
    bool used;
};

static int compare_known(const void *a, const void *b)
{
    return lt_str_compare(((const struct known *)a)->block_id, ((const struct known *)b)->block_id);
}

struct job {
    const struct lt_index_work *work;
    const struct lt_stored_course *course;
    struct lt_arena *arena;            /* of the whole course */
    struct lt_course_map map;
    struct known *known;               /* by block_id */
    size_t known_n;
};

static enum lt_code load(struct job *j, struct lt_error *err)
{
    const struct lt_sight everything = {.sees_all = true};
    const struct lt_value course = LT_INT(j->course->id);
    struct lt_rows r;
    if (lt_course_map_load(j->work->store, j->arena, j->course, &everything, &j->map, err) ||
        lt_store_query(j->work->store, j->arena, "SELECT block_id, sha256, unit_name FROM course_chunk WHERE course = $1 AND seq = 0", &course, 1,
                       2 * LT_COURSE_MAP_MAX, &r, err))
        return err->code;
    j->known = LT_NEW_ARRAY(j->arena, struct known, r.rows);
    j->known_n = r.rows;
    for (size_t i = 0; i < r.rows; i++)
        j->known[i] = (struct known){lt_rows_str(&r, i, 0), lt_rows_str(&r, i, 1), lt_rows_str(&r, i, 2), false};
    qsort(j->known, j->known_n, sizeof *j->known, compare_known);
    return LT_OK;
}

static struct lt_str unit_name(const struct job *j, const struct lt_course_spot *spot)
{
    return spot->unit >= 0 ? j->map.spots[spot->unit].name : LT_STR("");
}

/* Marks what is known of the block as belonging to it; is it as it was? */
static bool is_known(struct job *j, const struct lt_course_spot *spot)
{
    const struct known key = {.block_id = spot->block_id};
    struct known *k = bsearch(&key, j->known, j->known_n, sizeof key, compare_known);
    if (!k)
        return false;
    k->used = true;
    return lt_str_eq(k->sha256, spot->sha256) && lt_str_eq(k->unit_name, unit_name(j, spot));
}

/* ---- one unit of blocks ---- */

struct piece {
    const struct lt_course_spot *spot;
    struct lt_str text, unit_name;
    struct lt_chunk *chunks;
    struct lt_str *names, *terms;      /* of each of them */
    size_t n;
};

struct batch {
    struct lt_arena *arena;
    const struct lt_language *language;
    struct piece pieces[BLOCKS];
    size_t n, bytes;
    struct lt_error err;
};

static enum lt_code join_terms(struct lt_arena *arena, struct lt_str text, const struct lt_language *language, struct lt_str *ret,
                               struct lt_error *err)
{
    struct lt_str *terms;
    size_t n, bytes = 0;
    if (lt_text_terms(arena, text, language, &terms, &n, err))
        return err->code;
    for (size_t i = 0; i < n; i++)
        bytes += terms[i].n + 1;
    char *p = lt_alloc(arena, bytes), *out = p;
    for (size_t i = 0; i < n; i++) {
        out = mempcpy(out, terms[i].p, terms[i].n);
        *out++ = ' ';
    }
    *ret = (struct lt_str){p, n > 0 ? bytes - 1 : 0};
    return LT_OK;
}

static enum lt_code take_apart(struct batch *b, struct piece *p)
{
    if (lt_chunk_text(b->arena, p->text, b->language, &p->chunks, &p->n, &b->err))
        return b->err.code;
    p->names = LT_NEW_ARRAY(b->arena, struct lt_str, p->n);
    p->terms = LT_NEW_ARRAY(b->arena, struct lt_str, p->n);
    for (size_t i = 0; i < p->n; i++) {
        const struct lt_chunk *c = &p->chunks[i];
        struct lt_str name = lt_str_eq(p->spot->name, p->unit_name) ? LT_STR("") : p->spot->name;
        struct lt_str names = lt_printf(b->arena, "%.*s\n%.*s\n%.*s", LT_FMT(p->unit_name), LT_FMT(name), LT_FMT(c->heading));
        if (join_terms(b->arena, names, b->language, &p->names[i], &b->err) ||
            join_terms(b->arena, (struct lt_str){p->text.p + c->at, c->n}, b->language, &p->terms[i], &b->err))
            return b->err.code;
    }
    return LT_OK;
}

static void on_worker(void *arg)
{
    struct batch *b = arg;
    for (size_t i = 0; i < b->n; i++)
        if (take_apart(b, &b->pieces[i]))
            return;
}

static void remove_block(const struct lt_store *store, struct lt_tx *tx, int64_t course, struct lt_str block_id)
{
    lt_fulltext_remove(store, tx, course, block_id);
    LT_TX(tx, "DELETE FROM course_vector WHERE course = $1 AND chunk IN (SELECT id FROM course_chunk WHERE course = $1 AND block_id = $2)",
          LT_INT(course), lt_value_text(block_id));
    LT_TX(tx, "DELETE FROM course_chunk WHERE course = $1 AND block_id = $2", LT_INT(course), lt_value_text(block_id));
}

static void add_block(const struct lt_store *store, struct lt_tx *tx, int64_t course, const struct piece *p)
{
    for (size_t i = 0; i < p->n; i++)
        LT_TX(tx,
              "INSERT INTO course_chunk (course, block_id, sha256, unit_name, seq, begins, bytes, heading, names, terms) "
              "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
              LT_INT(course), lt_value_text(p->spot->block_id), lt_value_text(p->spot->sha256), lt_value_text(p->unit_name), LT_INT(i),
              LT_INT(p->chunks[i].at), LT_INT(p->chunks[i].n), lt_value_text(p->chunks[i].heading), lt_value_text(p->names[i]),
              lt_value_text(p->terms[i]));
    lt_fulltext_add(store, tx, course, p->spot->block_id, p->spot->sha256);
}

static enum lt_code write_batch(struct job *j, struct batch *b, struct lt_error *err)
{
    if (b->n == 0)
        return LT_OK;
    if (lt_work(on_worker, b))
        return lt_fail(err, LT_EOVERLOADED, "no worker is free to take texts apart");
    if (b->err.code) {
        *err = b->err;
        return err->code;
    }
    struct lt_tx *tx = lt_tx_new();
    for (size_t i = 0; i < b->n; i++) {
        remove_block(j->work->store, tx, j->course->id, b->pieces[i].spot->block_id);
        add_block(j->work->store, tx, j->course->id, &b->pieces[i]);
    }
    return lt_store_write(j->work->store, tx, err);
}

/* A block's text. It is gone when the course was imported anew meanwhile: then this is not the revision to index. */
static enum lt_code read_text(struct job *j, struct batch *b, size_t position, struct lt_str *ret, struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(j->work->store, b->arena, &r, err, "SELECT text FROM course_block WHERE course = $1 AND revision = $2 AND position = $3",
                 LT_INT(j->course->id), LT_INT(j->course->revision), LT_INT(position)))
        return err->code;
    if (r.rows == 0)
        return lt_fail(err, LT_ECONFLICT, "the course was imported anew");
    *ret = lt_rows_str(&r, 0, 0);
    return LT_OK;
}

/* From *at on; moves it behind the last block that was looked at. */
static enum lt_code fill_batch(struct job *j, struct batch *b, size_t *at, struct lt_error *err)
{
    for (; *at < j->map.n && b->n < BLOCKS && b->bytes < TEXT_BYTES; ++*at) {
        const struct lt_course_spot *spot = &j->map.spots[*at];
        struct piece *p = &b->pieces[b->n];
        if (!spot->is_block || is_known(j, spot))
            continue;
        *p = (struct piece){.spot = spot, .unit_name = unit_name(j, spot)};
        if (read_text(j, b, *at, &p->text, err))
            return err->code;
        b->bytes += p->text.n;
        b->n++;
    }
    return LT_OK;
}

/* Prolongs the lease, too. */
static enum lt_code is_ours(const struct lt_index_work *work, struct lt_error *err)
{
    bool held = true;
    if (work->lease && lt_sole_take(work->lease, &held, err))
        return err->code;
    return held ? LT_OK : lt_fail(err, LT_ECANCELLED, "another process indexes");
}

static enum lt_code index_texts(struct job *j, struct lt_error *err)
{
    enum lt_code rc = LT_OK;
    for (size_t at = 0; at < j->map.n && rc == LT_OK;) {
        struct batch *b = calloc(1, sizeof(*b));
        if (!b)
            lt_out_of_memory(0);
        *b = (struct batch){.arena = lt_arena_new(), .language = lt_language_find(j->course->language)};
        rc = is_ours(j->work, err) || fill_batch(j, b, &at, err) ? err->code : write_batch(j, b, err);
        lt_arena_free(b->arena);
        free(b);
        if (rc == LT_OK && lt_fiber_self() && lt_fiber_cancelled())
            rc = lt_fail(err, LT_ECANCELLED, "indexing was cancelled");
    }
    return rc;
}

static enum lt_code remove_gone(struct job *j, struct lt_error *err)
{
    for (size_t i = 0; i < j->known_n;) {
        struct lt_tx *tx = lt_tx_new();
        for (size_t n = 0; i < j->known_n && n < BLOCKS; i++)
            if (!j->known[i].used) {
                remove_block(j->work->store, tx, j->course->id, j->known[i].block_id);
                n++;
            }
        if (lt_store_write(j->work->store, tx, err))
            return err->code;
    }
    return LT_OK;
}

/* The row is there before the first piece: by it what is left of a course that has gone is found. */
static enum lt_code begin(const struct lt_index_work *work, const struct lt_stored_course *course, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "INSERT INTO course_index (course, revision, updated_at) VALUES ($1, 0, $2) ON CONFLICT (course) DO NOTHING", LT_INT(course->id),
          LT_INT(lt_now_ms()));
    return lt_store_write(work->store, tx, err);
}

static enum lt_code index_full_text(const struct lt_index_work *work, const struct lt_stored_course *course, struct lt_error *err)
{
    struct job j = {.work = work, .course = course, .arena = lt_arena_new()};
    enum lt_code rc = begin(work, course, err) || load(&j, err) || index_texts(&j, err) || remove_gone(&j, err) ? err->code : LT_OK;
    if (rc == LT_OK) {
        struct lt_tx *tx = lt_tx_new();
        LT_TX(tx,
              "INSERT INTO course_index (course, revision, updated_at) VALUES ($1, $2, $3) ON CONFLICT (course) DO UPDATE SET revision = "
              "excluded.revision, updated_at = excluded.updated_at, retry_at = 0",
              LT_INT(course->id), LT_INT(course->revision), LT_INT(lt_now_ms()));
        rc = lt_store_write(work->store, tx, err);
    }
    lt_arena_free(j.arena);
    return rc;
}

void lt_index_forget(const struct lt_store *store, struct lt_tx *tx, int64_t course)
{
    lt_fulltext_clear(store, tx, course);
    LT_TX(tx, "DELETE FROM course_vector WHERE course = $1", LT_INT(course));
    LT_TX(tx, "DELETE FROM course_chunk WHERE course = $1", LT_INT(course));
    LT_TX(tx, "DELETE FROM course_index WHERE course = $1", LT_INT(course));
}

/* ---- vectors ---- */

enum {
    RETRY_MS = 60000,                  /* after a vendor's failure, unless it names a time */
    WRITES_MAX = 100000,               /* calls of one course in a row: a stop for what cannot be */
};

static enum lt_code note(const struct lt_index_work *work, int64_t course, const struct lt_error *why, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    int64_t now = lt_now_ms(), wait = why->retry_after_s > 0 ? (int64_t)why->retry_after_s * 1000 : RETRY_MS;
    LT_TX(tx, "UPDATE course_index SET error = $1, why = $2, retry_at = $3, updated_at = $4 WHERE course = $5", LT_TEXTZ(lt_code_name(why->code)),
          LT_TEXTZ(why->detail), LT_INT(now + wait), LT_INT(now), LT_INT(course));
    return lt_store_write(work->store, tx, err);
}

static enum lt_code drop_vectors(const struct lt_index_work *work, int64_t course, struct lt_str source, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "DELETE FROM course_vector WHERE course = $1", LT_INT(course));
    LT_TX(tx, "UPDATE course_index SET source = $1, model = '', dimension = 0, embedded_revision = 0 WHERE course = $2", lt_value_text(source),
          LT_INT(course));
    return lt_store_write(work->store, tx, err);
}

struct embedding {
    const struct lt_index_work *work;
    const struct lt_stored_course *course;
    struct lt_vectors_asker asker;
    struct lt_caller caller;
    struct lt_str model;               /* of the vectors there are; "" = there are none */
    int64_t dimension;
};

/* Pieces without a vector: what they say, under what they are called. */
static enum lt_code missing(const struct embedding *e, struct lt_arena *arena, struct lt_rows *r, struct lt_str **ret_texts, struct lt_error *err)
{
    if (LT_QUERY(e->work->store, arena, r, err,
                 "SELECT k.id, k.begins, k.bytes, k.unit_name, k.heading, b.text FROM course_chunk k JOIN course_block b ON b.course = k.course AND "
                 "b.revision = $1 AND b.block_id = k.block_id AND b.sha256 = k.sha256 LEFT JOIN course_vector v ON v.course = k.course AND "
                 "v.chunk = k.id WHERE k.course = $2 AND v.chunk IS NULL ORDER BY k.id LIMIT $3",
                 LT_INT(e->course->revision), LT_INT(e->course->id), LT_INT(LT_VECTORS_BATCH)))
        return err->code;
    *ret_texts = LT_NEW_ARRAY(arena, struct lt_str, r->rows);
    for (size_t i = 0; i < r->rows; i++) {
        struct lt_str text = lt_rows_str(r, i, 5);
        size_t at = (size_t)lt_rows_int(r, i, 1), n = (size_t)lt_rows_int(r, i, 2);
        if (at + n > text.n)
            return lt_fail(err, LT_EINTERNAL, "piece %lld lies outside of its block", (long long)lt_rows_int(r, i, 0));
        (*ret_texts)[i] = lt_printf(arena, "%.*s\n%.*s\n%.*s", LT_FMT(lt_rows_str(r, i, 3)), LT_FMT(lt_rows_str(r, i, 4)), (int)n, text.p + at);
    }
    return LT_OK;
}

static enum lt_code write_vectors(struct embedding *e, const struct lt_rows *r, const struct lt_vectors *v, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    bool first = e->model.n == 0;
    for (size_t i = 0; i < r->rows; i++)
        LT_TX(tx, "INSERT INTO course_vector (course, chunk, model, dimension, vector) VALUES ($1, $2, $3, $4, $5)", LT_INT(e->course->id),
              *lt_rows_at(r, i, 0), lt_value_text(v->model), LT_INT(v->dimension),
              LT_BLOB(v->values + i * v->dimension, v->dimension * sizeof(float)));
    if (first)
        LT_TX(tx, "UPDATE course_index SET model = $1, dimension = $2 WHERE course = $3", lt_value_text(v->model), LT_INT(v->dimension),
              LT_INT(e->course->id));
    LT_TX(tx, "UPDATE course_index SET updated_at = $1, error = '', why = '' WHERE course = $2", LT_INT(lt_now_ms()), LT_INT(e->course->id));
    return lt_store_write(e->work->store, tx, err);
}

/* One call. *ret_n: how many pieces were without a vector; 0: all have one. *ret_asked: the error is the vendor's or a gate's. */
static enum lt_code embed_some(struct embedding *e, struct lt_arena *arena, size_t *ret_n, bool *ret_asked, struct lt_error *err)
{
    struct lt_rows r;
    struct lt_str *texts = NULL;
    struct lt_vectors v;
    *ret_n = 0;
    *ret_asked = false;
    if (missing(e, arena, &r, &texts, err))
        return err->code;
    if (r.rows == 0)
        return LT_OK;
    *ret_n = r.rows;
    *ret_asked = true;
    if (lt_vectors_make(&e->asker, arena, texts, r.rows, &v, err))
        return err->code;
    if (v.model.n == 0)
        v.model = LT_STR("unnamed");
    if (e->model.n > 0 && (!lt_str_eq(e->model, v.model) || e->dimension != (int64_t)v.dimension)) {
        if (drop_vectors(e->work, e->course->id, e->asker.source.name, err))
            return err->code;
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the vectors are of another model than those before: they are made anew");
    }
    *ret_asked = false;
    return write_vectors(e, &r, &v, err);
}

static enum lt_code embed_all(struct embedding *e, struct lt_error *err)
{
    for (int i = 0; i < WRITES_MAX; i++) {
        struct lt_arena *arena = lt_arena_new();
        struct lt_index_state state;
        size_t n = 0;
        bool asked = false;
        enum lt_code rc = is_ours(e->work, err) ? err->code : lt_index_state(e->work->store, arena, e->work->site, e->course, &state, err);
        e->model = state.model;
        e->dimension = state.dimension;
        if (rc == LT_OK)
            rc = embed_some(e, arena, &n, &asked, err);
        lt_arena_free(arena);
        if (rc == LT_ECANCELLED || (rc && !asked))
            return rc;
        if (rc) {
            const struct lt_error why = *err;
            return note(e->work, e->course->id, &why, err);
        }
        if (n == 0)
            break;
    }
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE course_index SET embedded_revision = $1, error = '', why = '', retry_at = 0, updated_at = $2 WHERE course = $3",
          LT_INT(e->course->revision), LT_INT(lt_now_ms()), LT_INT(e->course->id));
    return lt_store_write(e->work->store, tx, err);
}

/* The site itself asks: no user's limits, but its own, and those of the course. Course text is nobody's personal text: no policy is to be accepted. */
static enum lt_code embed(const struct lt_index_work *work, const struct lt_stored_course *course, const struct lt_index_state *state,
                          struct lt_vectors_source source, struct lt_error *err)
{
    struct embedding e = {.work = work,
                          .course = course,
                          .caller = {.site = work->site, .user_id = LT_STR(""), .locale = LT_STR(""), .roles = 1u << LT_ROLE_SERVICE,
                                     .only_course = LT_STR(""), .token = LT_STR("")},
                          .asker = {.manager = work->manager, .config = work->config, .policy_by_lms = true, .source = source,
                                    .place = {course->course_id, LT_STR(""), LT_STR("")}}};
    e.asker.caller = &e.caller;
    if (!lt_str_eq(state->source, source.name) && drop_vectors(work, course->id, source.name, err))
        return err->code;
    return embed_all(&e, err);
}

enum lt_code lt_index_course(const struct lt_index_work *work, const struct lt_stored_course *course, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_index_state state;
    enum lt_code rc = lt_index_state(work->store, arena, work->site, course, &state, err);
    if (rc == LT_OK && state.revision != course->revision)
        rc = index_full_text(work, course, err);
    struct lt_vectors_source source = {0, LT_STR("")};
    if (rc == LT_OK && work->manager)
        source = lt_vectors_source_of(arena, work->site);
    if (rc == LT_OK && source.instance_id && (!lt_str_eq(state.source, source.name) || state.embedded_revision != course->revision))
        rc = embed(work, course, &state, source, err);
    lt_arena_free(arena);
    return rc;
}
