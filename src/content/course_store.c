/* Rows of course and course_block. */
#include "content/course_store.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "text/json.h"

enum { UNIT_ROWS = 500, UNIT_BYTES = 1 << 20, REMOVE_ROWS = 2000, HASHES = 5000 };

/* ---- reading ---- */

#define COLUMNS "id, course_id, title, language, format, about, warnings, sha256, revision, blocks, imported_at"

static struct lt_course_row row_at(const struct lt_rows *r, size_t i)
{
    return (struct lt_course_row){.id = lt_rows_int(r, i, 0), .course_id = lt_rows_str(r, i, 1), .title = lt_rows_str(r, i, 2),
                                  .language = lt_rows_str(r, i, 3), .format = lt_rows_str(r, i, 4), .about = lt_rows_str(r, i, 5),
                                  .warnings = lt_rows_str(r, i, 6), .sha256 = lt_rows_str(r, i, 7), .revision = lt_rows_int(r, i, 8),
                                  .blocks = lt_rows_int(r, i, 9), .imported_at = lt_rows_int(r, i, 10)};
}

enum lt_code lt_course_list(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_str after, int limit, struct lt_course_row **ret,
                            size_t *ret_n, bool *ret_more, struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err,
                 "SELECT " COLUMNS " FROM course WHERE site_id = $1 AND revision > 0 AND course_id > $2 ORDER BY course_id LIMIT $3", LT_INT(site_id),
                 lt_value_text(after), LT_INT(limit + 1)))
        return lt_error_wrap(err, "list of courses");
    *ret_more = r.rows > (size_t)limit;
    *ret_n = *ret_more ? (size_t)limit : r.rows;
    *ret = LT_NEW_ARRAY(arena, struct lt_course_row, *ret_n);
    for (size_t i = 0; i < *ret_n; i++)
        (*ret)[i] = row_at(&r, i);
    return LT_OK;
}

enum lt_code lt_course_get(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_str course_id, struct lt_course_row *ret,
                           struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err, "SELECT " COLUMNS " FROM course WHERE site_id = $1 AND course_id = $2 AND revision > 0", LT_INT(site_id),
                 lt_value_text(course_id)))
        return lt_error_wrap(err, "course");
    if (r.rows == 0)
        return lt_fail(err, LT_ENOT_FOUND, "no course '%.*s' was imported", LT_FMT(lt_content_first(course_id, 100)));
    *ret = row_at(&r, 0);
    return LT_OK;
}

/* ---- removing rows ---- */

/* All rows of a revision, in units that hold nobody up. */
static enum lt_code remove_rows(struct lt_store *store, struct lt_arena *arena, int64_t course, int64_t revision, struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err, "SELECT MAX(position) FROM course_block WHERE course = $1 AND revision = $2", LT_INT(course), LT_INT(revision)))
        return err->code;
    for (int64_t from = lt_rows_int_or(&r, 0, 0, -1); from >= 0; from -= REMOVE_ROWS) {
        struct lt_tx *tx = lt_tx_new();
        LT_TX(tx, "DELETE FROM course_block WHERE course = $1 AND revision = $2 AND position > $3", LT_INT(course), LT_INT(revision),
              LT_INT(from - REMOVE_ROWS));
        if (lt_store_write(store, tx, err))
            return err->code;
    }
    return LT_OK;
}

/* All revisions but this one. */
static enum lt_code remove_others(struct lt_store *store, struct lt_arena *arena, int64_t course, int64_t keep, struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err, "SELECT DISTINCT revision FROM course_block WHERE course = $1 AND revision <> $2", LT_INT(course), LT_INT(keep)))
        return err->code;
    for (size_t i = 0; i < r.rows; i++)
        if (remove_rows(store, arena, course, lt_rows_int(&r, i, 0), err))
            return err->code;
    return LT_OK;
}

/* ---- one writes a course at a time ---- */

struct claim {
    struct lt_store *store;
    struct lt_arena *arena;
    int64_t course, revision; /* the present one, 0: none */
    int64_t mine;             /* the next one */
};

/* Takes the course for this writer, or says who has it. `revision`: what is seen meanwhile. */
static enum lt_code claim_course(struct claim *c, int64_t site_id, struct lt_str course_id, struct lt_error *err)
{
    struct lt_rows r;
    int64_t now = lt_now_ms();
    if (LT_QUERY(c->store, c->arena, &r, err, "SELECT id, revision, last_revision, importing_until FROM course WHERE site_id = $1 AND course_id = $2",
                 LT_INT(site_id), lt_value_text(course_id)))
        return err->code;
    if (r.rows == 0)
        return lt_fail(err, LT_ENOT_FOUND, "no course '%.*s' was imported", LT_FMT(lt_content_first(course_id, 100)));
    c->course = lt_rows_int(&r, 0, 0);
    c->revision = lt_rows_int(&r, 0, 1);
    c->mine = lt_rows_int(&r, 0, 2) + 1;
    if (lt_rows_int(&r, 0, 3) > now)
        return lt_fail(err, LT_ECONFLICT, "the course is being imported or removed just now");
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE course SET last_revision = $1, importing_until = $2 WHERE id = $3 AND last_revision = $4", LT_INT(c->mine),
          LT_INT(now + LT_COURSE_LEASE_MS), LT_INT(c->course), LT_INT(c->mine - 1));
    lt_tx_expect(tx, 1);
    enum lt_code rc = lt_store_write(c->store, tx, err);
    return rc == LT_ECONFLICT ? lt_fail(err, rc, "the course is being imported or removed just now") : rc;
}

/* With each unit: it is still ours, and for a while more. */
static void renew(const struct claim *c, struct lt_tx *tx)
{
    LT_TX(tx, "UPDATE course SET importing_until = $1 WHERE id = $2 AND last_revision = $3", LT_INT(lt_now_ms() + LT_COURSE_LEASE_MS),
          LT_INT(c->course), LT_INT(c->mine));
    lt_tx_expect(tx, 1);
}

/* The claim ends without a change: of a course that was never there nothing stays. */
static void give_up(struct claim *c)
{
    struct lt_error err;
    struct lt_tx *tx = lt_tx_new();
    if (remove_others(c->store, c->arena, c->course, c->revision, &err))
        lt_log(LT_LOG_WARN, "course.leftover", LT_S("detail", err.detail));
    if (c->revision == 0)
        LT_TX(tx, "DELETE FROM course WHERE id = $1 AND last_revision = $2 AND revision = 0", LT_INT(c->course), LT_INT(c->mine));
    else
        LT_TX(tx, "UPDATE course SET importing_until = 0 WHERE id = $1 AND last_revision = $2", LT_INT(c->course), LT_INT(c->mine));
    lt_store_write(c->store, tx, &err); /* else the sweep does it */
}

/* ---- what was there before ---- */

struct known {
    struct lt_str id, sha256;
};
struct known_blocks {
    struct known *list;
    size_t n;
};

static int by_id(const void *a, const void *b)
{
    return lt_str_compare(((const struct known *)a)->id, ((const struct known *)b)->id);
}

static enum lt_code read_known(const struct claim *c, struct known_blocks *ret, struct lt_error *err)
{
    size_t room = 0;
    int64_t after = -1;
    struct lt_rows r;
    *ret = (struct known_blocks){0};
    do {
        if (c->revision == 0)
            return LT_OK;
        if (LT_QUERY(c->store, c->arena, &r, err,
                     "SELECT position, block_id, sha256 FROM course_block WHERE course = $1 AND revision = $2 AND position > $3 ORDER BY position LIMIT $4",
                     LT_INT(c->course), LT_INT(c->revision), LT_INT(after), LT_INT(HASHES)))
            return err->code;
        if (ret->n + r.rows > room) {
            struct known *more = LT_NEW_ARRAY(c->arena, struct known, room = 2 * (ret->n + r.rows));
            if (ret->n > 0)
                memcpy(more, ret->list, ret->n * sizeof(more[0]));
            ret->list = more;
        }
        for (size_t i = 0; i < r.rows; i++)
            ret->list[ret->n++] = (struct known){lt_rows_str(&r, i, 1), lt_rows_str(&r, i, 2)};
        after = r.rows > 0 ? lt_rows_int(&r, r.rows - 1, 0) : after;
    } while (r.rows == HASHES);
    if (ret->n > 0)
        qsort(ret->list, ret->n, sizeof(ret->list[0]), by_id);
    return LT_OK;
}

static void compare(const struct known_blocks *known, const struct lt_course_tree *tree, struct lt_course_saved *saved)
{
    for (const struct lt_course_node *n = lt_course_next(&tree->root); n; n = lt_course_next(n)) {
        struct known key = {.id = n->id};
        const struct known *before = known->n > 0 ? bsearch(&key, known->list, known->n, sizeof(key), by_id) : NULL;
        saved->blocks++;
        if (!before)
            saved->added++;
        else if (lt_str_is(before->sha256, n->sha256))
            saved->unchanged++;
        else
            saved->changed++;
    }
    saved->removed = (int64_t)known->n - saved->changed - saved->unchanged;
}

/* ---- writing ---- */

static void add_block(const struct claim *c, struct lt_tx *tx, const struct lt_course_node *n)
{
    LT_TX(tx,
          "INSERT INTO course_block (course, revision, position, parent, ending, kind, block_id, category, display_name, text, answers, showanswer, url,"
          " hidden, visible_from, visible_until, groups, sha256)"
          " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
          LT_INT(c->course), LT_INT(c->mine), LT_INT(n->position), LT_INT(n->parent->position), LT_INT(n->ending),
          LT_TEXTZ(lt_course_kind_name(n->kind)), lt_value_text(n->id), lt_value_text(n->category), lt_value_text(n->name), lt_value_text(n->text),
          lt_value_text(n->answers), lt_value_text(n->showanswer), lt_value_text(n->url), LT_INT(n->hidden), LT_INT(n->from), LT_INT(n->until),
          lt_value_text(n->groups), LT_TEXTZ(n->sha256));
}

static enum lt_code write_blocks(const struct claim *c, const struct lt_course_tree *tree, struct lt_error *err)
{
    const struct lt_course_node *n = lt_course_next(&tree->root);
    while (n) {
        struct lt_tx *tx = lt_tx_new();
        size_t rows = 0, bytes = 0;
        renew(c, tx);
        for (; n && rows < UNIT_ROWS && bytes < UNIT_BYTES; n = lt_course_next(n), rows++) {
            add_block(c, tx, n);
            bytes += n->text.n + n->answers.n;
        }
        if (lt_store_write(c->store, tx, err))
            return err->code;
    }
    return LT_OK;
}

static struct lt_str about_json(struct lt_arena *arena, const struct lt_course_tree *tree)
{
#define X(symbol, name) name,
    static const char *const names[LT_COURSE_FIELDS_N] = {LT_COURSE_FIELDS(X)};
#undef X
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, 16 << 20);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    for (int i = 0; i < LT_COURSE_TEXTS; i++)
        if (tree->about[i].p)
            lt_jw_kstr(&w, names[i], tree->about[i]);
    lt_jw_end(&w);
    struct lt_str text = out.failed ? LT_STR("{}") : lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return text;
}

static struct lt_str warnings_json(struct lt_arena *arena, const struct lt_course_tree *tree)
{
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, 1 << 20);
    lt_jw_init(&w, &out);
    lt_jw_arr(&w);
    for (size_t i = 0; i < tree->warnings_n; i++) {
        lt_jw_obj(&w);
        lt_jw_kstr(&w, "file", tree->warnings[i].file);
        lt_jw_kstr(&w, "reason", tree->warnings[i].reason);
        lt_jw_end(&w);
    }
    if (tree->more_warnings > 0) {
        lt_jw_obj(&w);
        lt_jw_kstr(&w, "file", LT_STR(""));
        lt_jw_kstr(&w, "reason", lt_printf(arena, "and %zu more of the like", tree->more_warnings));
        lt_jw_end(&w);
    }
    lt_jw_end(&w);
    struct lt_str text = out.failed ? LT_STR("[]") : lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return text;
}

/* The moment in which everybody sees the new revision. */
static enum lt_code move_course(const struct claim *c, const struct lt_course_tree *tree, const char *sha256, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx,
          "UPDATE course SET revision = $1, title = $2, language = $3, format = $4, about = $5, warnings = $6, sha256 = $7, blocks = $8, imported_at = $9,"
          " importing_until = $10 WHERE id = $11 AND last_revision = $1",
          LT_INT(c->mine), lt_value_text(tree->title), lt_value_text(tree->language), LT_TEXTZ(tree->format), LT_TEXT(about_json(c->arena, tree)),
          LT_TEXT(warnings_json(c->arena, tree)), LT_TEXTZ(sha256), LT_INT(tree->n), LT_INT(lt_now_ms()), LT_INT(lt_now_ms() + LT_COURSE_LEASE_MS),
          LT_INT(c->course));
    lt_tx_expect(tx, 1);
    return lt_store_write(c->store, tx, err);
}

static enum lt_code make_course(struct lt_store *store, int64_t site_id, const struct lt_course_tree *tree, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx,
          "INSERT INTO course (site_id, course_id, title, format, sha256, revision, imported_at) VALUES ($1, $2, $3, $4, '', 0, 0)"
          " ON CONFLICT (site_id, course_id) DO NOTHING",
          LT_INT(site_id), lt_value_text(tree->course_id), lt_value_text(tree->title), LT_TEXTZ(tree->format));
    return lt_store_write(store, tx, err);
}

/* What was seen before goes; what of it stays when this breaks off is swept. */
static void end_claim(struct claim *c)
{
    c->revision = c->mine;
    give_up(c);
}

enum lt_code lt_course_save(struct lt_store *store, int64_t site_id, const struct lt_course_tree *tree, const char *sha256, struct lt_course_saved *ret,
                            struct lt_error *err)
{
    struct claim c = {.store = store, .arena = lt_arena_new()};
    struct known_blocks known;
    *ret = (struct lt_course_saved){0};
    enum lt_code rc = make_course(store, site_id, tree, err);
    if (rc == LT_OK)
        rc = claim_course(&c, site_id, tree->course_id, err);
    if (rc == LT_OK) {
        rc = remove_others(store, c.arena, c.course, c.revision, err);
        if (rc == LT_OK)
            rc = read_known(&c, &known, err);
        if (rc == LT_OK)
            rc = write_blocks(&c, tree, err);
        if (rc == LT_OK)
            rc = move_course(&c, tree, sha256, err);
        if (rc == LT_OK) {
            compare(&known, tree, ret);
            ret->id = c.course;
            ret->revision = c.mine;
            end_claim(&c);
        } else {
            struct lt_error why = *err; /* before anything else goes wrong */
            give_up(&c);
            *err = why;
        }
    }
    lt_arena_free(c.arena);
    return rc;
}

/* ---- removing ---- */

enum lt_code lt_course_remove(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_str course_id, struct lt_error *err)
{
    struct claim c = {.store = store, .arena = arena};
    if (claim_course(&c, site_id, course_id, err))
        return err->code;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE course SET revision = 0 WHERE id = $1 AND last_revision = $2", LT_INT(c.course), LT_INT(c.mine));
    lt_tx_expect(tx, 1);
    enum lt_code rc = lt_store_write(store, tx, err);
    bool was_there = c.revision > 0;
    if (rc != LT_OK)
        return rc;
    c.revision = 0;
    give_up(&c);
    return was_there ? LT_OK : lt_fail(err, LT_ENOT_FOUND, "no course '%.*s' was imported", LT_FMT(lt_content_first(course_id, 100)));
}

enum lt_code lt_course_sweep(struct lt_store *store, size_t *ret_n, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    enum lt_code rc = LT_QUERY(store, arena, &r, err,
                               "SELECT id, revision, last_revision FROM course WHERE importing_until > 0 AND importing_until < $1 OR"
                               " importing_until = 0 AND revision = 0 LIMIT 1000",
                               LT_INT(lt_now_ms()));
    *ret_n = rc == LT_OK ? r.rows : 0;
    for (size_t i = 0; i < *ret_n; i++) {
        struct claim c = {.store = store, .arena = arena, .course = lt_rows_int(&r, i, 0), .revision = lt_rows_int(&r, i, 1), .mine = lt_rows_int(&r, i, 2)};
        give_up(&c);
    }
    lt_arena_free(arena);
    return rc;
}

/* ---- writing ---- */

void lt_course_put(struct lt_jw *w, const struct lt_course_row *row)
{
    lt_jw_kstr(w, "course_id", row->course_id);
    lt_jw_kstr(w, "title", row->title);
    lt_jw_kstr(w, "format", row->format);
    lt_jw_kstr(w, "language", row->language);
    lt_jw_kint(w, "blocks", row->blocks);
    lt_jw_kint(w, "revision", row->revision);
    lt_jw_kstr(w, "sha256", row->sha256);
    lt_jw_ktime(w, "imported_at", row->imported_at);
}

void lt_course_put_saved(struct lt_jw *w, const struct lt_course_saved *saved)
{
    lt_jw_key(w, "changes");
    lt_jw_obj(w);
    lt_jw_kint(w, "added", saved->added);
    lt_jw_kint(w, "changed", saved->changed);
    lt_jw_kint(w, "unchanged", saved->unchanged);
    lt_jw_kint(w, "removed", saved->removed);
    lt_jw_end(w);
}

static void put_item(struct lt_jw *w, const struct lt_rows *r, size_t i)
{
    lt_jw_obj(w);
    lt_jw_kint(w, "position", lt_rows_int(r, i, 0));
    lt_jw_kint(w, "parent", lt_rows_int(r, i, 1));
    lt_jw_kstr(w, "kind", lt_rows_str(r, i, 2));
    lt_jw_kstr(w, "block_id", lt_rows_str(r, i, 3));
    lt_jw_kstr(w, "category", lt_rows_str(r, i, 4));
    lt_jw_kstr(w, "display_name", lt_rows_str(r, i, 5));
    lt_jw_kbool(w, "hidden", lt_rows_int(r, i, 6) != 0);
    lt_jw_ktime(w, "visible_from", lt_rows_int(r, i, 7));
    lt_jw_ktime(w, "visible_until", lt_rows_int(r, i, 8));
    lt_jw_key(w, "groups");
    lt_jw_raw(w, lt_rows_str(r, i, 9).n > 0 ? lt_rows_str(r, i, 9) : LT_STR("[]"));
    lt_jw_end(w);
}

enum lt_code lt_course_put_outline(struct lt_store *store, struct lt_arena *arena, const struct lt_course_row *row, bool all, struct lt_jw *w,
                                   struct lt_error *err)
{
    struct lt_rows r;
    int64_t after = -1;
    lt_jw_key(w, "outline");
    lt_jw_arr(w);
    do {
        if (LT_QUERY(store, arena, &r, err,
                     "SELECT position, parent, kind, block_id, category, display_name, hidden, visible_from, visible_until, groups FROM course_block"
                     " WHERE course = $1 AND revision = $2 AND position > $3 AND (kind <> 'block' OR $4 = 1) ORDER BY position LIMIT $5",
                     LT_INT(row->id), LT_INT(row->revision), LT_INT(after), LT_INT(all), LT_INT(HASHES)))
            return err->code;
        for (size_t i = 0; i < r.rows; i++)
            put_item(w, &r, i);
        after = r.rows > 0 ? lt_rows_int(&r, r.rows - 1, 0) : after;
    } while (r.rows == HASHES);
    lt_jw_end(w);
    return LT_OK;
}
