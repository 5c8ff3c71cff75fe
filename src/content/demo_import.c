/* Sequences, units, and one block of text for each unit, as rows. See demo_import.h. */
#include "content/demo_import.h"

#include "base/clock.h"
#include "base/secret.h"
#include "core/registry.h"

enum { ROWS_MAX = 200 };

struct row {
    const char *kind, *category;
    struct lt_str id, name, text, url;
    int64_t parent;
    char sha256[65];
};

struct import {
    struct lt_arena *arena;
    struct lt_store *store;
    struct lt_site *site;
    struct lt_content_query query;
    const struct lt_connector *connector;
    struct row rows[ROWS_MAX];
    size_t n;
};

static struct row *add(struct import *m, const char *kind, const char *category, int64_t parent, struct lt_str id, struct lt_str name)
{
    if (m->n == ROWS_MAX)
        return NULL;
    struct row *row = &m->rows[m->n++];
    *row = (struct row){.kind = kind, .category = category, .id = id, .name = name, .text = LT_STR(""), .url = LT_STR(""), .parent = parent};
    return row;
}

static enum lt_code add_unit(struct import *m, int64_t sequence, const struct lt_outline_item *item, struct lt_error *err)
{
    struct lt_content content;
    struct lt_str link;
    m->query.location_id = item->id;
    m->query.mode = LT_CONTENT_UNIT;
    if (m->connector->location_content(m->connector, &m->query, &content, err) ||
        m->connector->location_link(m->connector, &m->query, &link, err))
        return err->code;
    int64_t parent = (int64_t)m->n;
    struct row *unit = add(m, "unit", "vertical", sequence, item->id, item->display_name);
    struct row *block = unit ? add(m, "block", "html", parent, lt_printf(m->arena, "%.*s-text", LT_FMT(item->id)), item->display_name) : NULL;
    if (!block)
        return lt_fail(err, LT_ETOO_LARGE, "the demo course has more than %d parts", ROWS_MAX);
    unit->url = block->url = link;
    block->text = content.units[0].blocks[0].text;
    return LT_OK;
}

static enum lt_code read_course(struct import *m, struct lt_course_info *info, struct lt_error *err)
{
    m->query.fields = 1u << LT_COURSE_OUTLINE;
    if (m->connector->course_info(m->connector, &m->query, info, err))
        return err->code;
    int64_t sequence = -1;
    for (size_t i = 0; i < info->outline_n; i++) {
        const struct lt_outline_item *item = &info->outline[i];
        if (item->depth == 0) {
            sequence = (int64_t)m->n;
            add(m, "sequence", "sequential", -1, item->id, item->display_name);
        } else if (add_unit(m, sequence, item, err))
            return err->code;
    }
    return LT_OK;
}

/* Of a row's name and text, and of all rows together. */
static void hash(struct import *m, char all[65])
{
    struct lt_buf whole;
    uint8_t digest[32];
    lt_buf_init(&whole, 4 << 20);
    for (size_t i = 0; i < m->n; i++) {
        struct row *row = &m->rows[i];
        struct lt_str text = lt_printf(m->arena, "%.*s\n%.*s", LT_FMT(row->name), LT_FMT(row->text));
        lt_sha256(text.p, text.n, digest);
        lt_hex(digest, sizeof(digest), row->sha256);
        lt_buf_printf(&whole, "%s %.*s %.*s %s\n", row->kind, LT_FMT(row->id), LT_FMT(row->url), row->sha256);
    }
    lt_sha256(whole.p, whole.n, digest);
    lt_hex(digest, sizeof(digest), all);
    lt_buf_free(&whole);
}

static void write_rows(struct import *m, struct lt_tx *tx, int64_t revision)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct row *row = &m->rows[i];
        LT_TX(tx,
              "INSERT INTO course_block (course, revision, position, parent, kind, block_id, category, display_name, text, url, sha256) "
              "SELECT id, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 FROM course WHERE site_id = $11 AND course_id = $12",
              LT_INT(revision), LT_INT(i), LT_INT(row->parent), LT_TEXTZ(row->kind), LT_TEXT(row->id), LT_TEXTZ(row->category), LT_TEXT(row->name),
              LT_TEXT(row->text), LT_TEXT(row->url), LT_TEXTZ(row->sha256), LT_INT(m->site->id), LT_TEXT(m->query.course_id));
    }
}

static enum lt_code write_course(struct import *m, const struct lt_course_info *info, struct lt_error *err)
{
    struct lt_rows r;
    char sha256[65];
    hash(m, sha256);
    if (LT_QUERY(m->store, m->arena, &r, err, "SELECT revision, sha256 FROM course WHERE site_id = $1 AND course_id = $2", LT_INT(m->site->id),
                 LT_TEXT(m->query.course_id)))
        return err->code;
    if (r.rows > 0 && lt_str_is(lt_rows_str(&r, 0, 1), sha256))
        return LT_OK;
    int64_t revision = r.rows > 0 ? lt_rows_int(&r, 0, 0) + 1 : 1;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx,
          "INSERT INTO course (site_id, course_id, title, language, format, sha256, revision, imported_at) VALUES ($1, $2, $3, 'en', 'olx', $4, 0, $5) "
          "ON CONFLICT (site_id, course_id) DO NOTHING",
          LT_INT(m->site->id), LT_TEXT(m->query.course_id), lt_value_text(info->texts[LT_COURSE_TITLE]), LT_TEXTZ(sha256), LT_INT(lt_now_ms()));
    write_rows(m, tx, revision);
    LT_TX(tx, "DELETE FROM course_block WHERE course = (SELECT id FROM course WHERE site_id = $1 AND course_id = $2) AND revision < $3",
          LT_INT(m->site->id), LT_TEXT(m->query.course_id), LT_INT(revision));
    LT_TX(tx, "UPDATE course SET revision = $1, sha256 = $2, imported_at = $3 WHERE site_id = $4 AND course_id = $5", LT_INT(revision),
          LT_TEXTZ(sha256), LT_INT(lt_now_ms()), LT_INT(m->site->id), LT_TEXT(m->query.course_id));
    return lt_store_write(m->store, tx, err);
}

enum lt_code lt_demo_import(struct lt_store *store, struct lt_site *site, struct lt_str course_id, struct lt_error *err)
{
    const struct lt_entry *entry = lt_registry_find(LT_KIND_CONNECTOR, LT_STR("demo_course"));
    const struct lt_caller caller = {.site = site, .user_id = LT_STR(""), .only_course = LT_STR("")};
    struct lt_course_info info = {0};
    if (!entry)
        return lt_fail(err, LT_ENOT_FOUND, "there is no demo course");
    struct lt_arena *arena = lt_arena_new();
    struct import *m = LT_NEW(arena, struct import);
    m->arena = arena;
    m->store = store;
    m->site = site;
    m->connector = entry->impl;
    m->query = (struct lt_content_query){.arena = arena, .caller = &caller, .course_id = course_id, .location_id = LT_STR("")};
    enum lt_code rc = read_course(m, &info, err) || write_course(m, &info, err) ? err->code : LT_OK;
    lt_arena_free(arena);
    return rc;
}
