/* Sequences, units, and one block of text for each unit, as a tree like any import. See demo_import.h. */
#include "content/demo_import.h"

#include "base/clock.h"
#include "base/secret.h"
#include "content/course_store.h"
#include "core/registry.h"

enum { READ_MS = 60000 };

struct import {
    struct lt_content_query query;
    const struct lt_connector *connector;
    struct lt_course_tree tree;
};

static enum lt_code add_unit(struct import *m, struct lt_course_node *sequence, const struct lt_outline_item *item, struct lt_error *err)
{
    struct lt_arena *arena = m->tree.arena;
    struct lt_content content;
    struct lt_course_node *unit, *block;
    struct lt_str link;
    m->query.location_id = item->id;
    m->query.mode = LT_CONTENT_UNIT;
    if (m->connector->location_content(m->connector, &m->query, &content, err) ||
        m->connector->location_link(m->connector, &m->query, &link, err) ||
        lt_course_add(&m->tree, sequence, LT_COURSE_UNIT, item->id, LT_STR("vertical"), item->display_name, &unit, err) ||
        lt_course_add(&m->tree, unit, LT_COURSE_BLOCK, lt_printf(arena, "%.*s-text", LT_FMT(item->id)), LT_STR("html"), item->display_name, &block, err))
        return err->code;
    unit->url = block->url = link;
    block->text = lt_course_text(&m->tree, item->id, content.units[0].blocks[0].text);
    return LT_OK;
}

static enum lt_code read_course(struct import *m, struct lt_error *err)
{
    struct lt_course_info info = {0};
    struct lt_course_node *sequence = NULL;
    m->query.fields = (1u << LT_COURSE_FIELDS_N) - 1;
    if (m->connector->course_info(m->connector, &m->query, &info, err))
        return err->code;
    m->tree.title = info.texts[LT_COURSE_TITLE];
    for (int i = 0; i < LT_COURSE_TEXTS; i++)
        m->tree.about[i] = info.texts[i];
    for (size_t i = 0; i < info.outline_n; i++) {
        const struct lt_outline_item *item = &info.outline[i];
        if (item->depth > 0 && sequence ? add_unit(m, sequence, item, err)
                                        : lt_course_add(&m->tree, &m->tree.root, LT_COURSE_SEQUENCE, item->id, LT_STR("sequential"), item->display_name,
                                                        &sequence, err))
            return err->code;
    }
    return lt_course_tree_finish(&m->tree, err);
}

/* Of all that is stored: there is no file whose hash it could be. */
static void hash(struct import *m, char all[65])
{
    struct lt_buf whole;
    uint8_t digest[32];
    lt_buf_init(&whole, 4 << 20);
    for (struct lt_course_node *n = lt_course_next(&m->tree.root); n; n = lt_course_next(n))
        lt_buf_printf(&whole, "%s %.*s %.*s %s\n", lt_course_kind_name(n->kind), LT_FMT(n->id), LT_FMT(n->url), n->sha256);
    lt_sha256(whole.p, whole.n, digest);
    lt_hex(digest, sizeof(digest), all);
    lt_buf_free(&whole);
}

static enum lt_code store_course(struct import *m, struct lt_store *store, int64_t site_id, struct lt_error *err)
{
    struct lt_course_row row;
    struct lt_course_saved saved;
    char sha256[65];
    hash(m, sha256);
    enum lt_code rc = lt_course_get(store, m->tree.arena, site_id, m->tree.course_id, &row, err);
    if (rc != LT_OK && rc != LT_ENOT_FOUND)
        return rc;
    if (rc == LT_OK && lt_str_is(row.sha256, sha256))
        return LT_OK;
    return lt_course_save(store, site_id, &m->tree, sha256, &saved, err);
}

enum lt_code lt_demo_import(struct lt_store *store, struct lt_site *site, struct lt_str course_id, struct lt_error *err)
{
    const struct lt_entry *entry = lt_registry_find(LT_KIND_CONNECTOR, LT_STR("demo_course"));
    const struct lt_caller caller = {.site = site, .user_id = LT_STR(""), .only_course = LT_STR("")};
    if (!entry)
        return lt_fail(err, LT_ENOT_FOUND, "there is no demo course");
    struct lt_arena *arena = lt_arena_new();
    struct import *m = LT_NEW(arena, struct import);
    m->connector = entry->impl;
    m->query = (struct lt_content_query){.arena = arena, .caller = &caller, .course_id = course_id, .location_id = LT_STR("")};
    lt_course_tree_init(&m->tree, arena, lt_mono_ms() + READ_MS);
    m->tree.format = "olx";
    m->tree.course_id = course_id;
    m->tree.language = LT_STR("en");
    enum lt_code rc = read_course(m, err) || store_course(m, store, site->id, err) ? err->code : LT_OK;
    lt_arena_free(arena);
    return rc;
}
