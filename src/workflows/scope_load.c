/* Store → scope set. The work is done on a worker: 100,000 scopes take a few tenths of a second. */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/worker.h"
#include "workflows/scope_private.h"

enum { PAGE = 10000, SITES_MAX = 100000 };

struct load {
    struct lt_store *store;
    struct lt_scope_set *previous, *set;
    struct lt_scope_site_settings *sites;
    size_t sites_n;
    uint64_t mark;
    struct lt_error *err;
    enum lt_code rc;
};

static enum lt_slot_matching matching_of(const struct lt_json *settings)
{
    return lt_str_is(lt_json_str(lt_json_get(settings, "slot_matching")), "wildcard") ? LT_SLOT_WILDCARD : LT_SLOT_EXACT;
}

static size_t cache_entries_of(const struct lt_json *settings)
{
    int64_t n = lt_json_int64_or(lt_json_get(settings, "scope_cache_entries"), LT_SCOPE_CACHE_DEFAULT);
    return n < 0 ? 0 : n > LT_SCOPE_CACHE_MAX ? LT_SCOPE_CACHE_MAX : (size_t)n;
}

static void add_to_mark(struct load *l, int64_t v)
{
    l->mark = lt_scope_hash(l->mark, &v, sizeof(v));
}

/* What the set is made of: the settings of the sites, and the scopes' own generation. A cascade takes rows away without raising that. */
static enum lt_code read_mark(struct load *l, struct lt_arena *arena)
{
    struct lt_rows r;
    l->mark = 1;
    if (lt_store_query(l->store, arena, "SELECT value, (SELECT COUNT(*) FROM workflow_scope) FROM meta WHERE name = 'scopes'", NULL, 0, 1, &r,
                       l->err))
        return l->err->code;
    add_to_mark(l, r.rows ? lt_rows_int(&r, 0, 0) : 0);
    add_to_mark(l, r.rows ? lt_rows_int(&r, 0, 1) : 0);
    if (lt_store_query(l->store, arena, "SELECT id, settings FROM site ORDER BY id", NULL, 0, SITES_MAX, &r, l->err))
        return l->err->code;
    l->sites = LT_NEW_ARRAY(arena, struct lt_scope_site_settings, r.rows);
    for (l->sites_n = 0; l->sites_n < r.rows; l->sites_n++) {
        const struct lt_json *settings = NULL;
        lt_json_parse(arena, lt_rows_str(&r, l->sites_n, 1), LT_JSON_STRICT, &settings, NULL); /* unreadable: the defaults */
        struct lt_scope_site_settings *s = &l->sites[l->sites_n];
        *s = (struct lt_scope_site_settings){lt_rows_int(&r, l->sites_n, 0), matching_of(settings), cache_entries_of(settings)};
        add_to_mark(l, s->id);
        add_to_mark(l, s->matching);
        add_to_mark(l, (int64_t)s->cache_entries);
    }
    return LT_OK;
}

static struct lt_scope scope_of(struct lt_arena *arena, const struct lt_rows *r, size_t i)
{
    int variant = lt_service_variant_parse(lt_rows_str(r, i, 3));
    return (struct lt_scope){
        .site_id = lt_rows_int(r, i, 0),
        .id = lt_rows_int(r, i, 1),
        .profile_id = lt_rows_int(r, i, 2),
        .service_variant = variant < 0 ? LT_SERVICE_LMS : (enum lt_service_variant)variant,
        .course_id = lt_str_copy(arena, lt_rows_str(r, i, 4)),
        .location_regex = lt_str_copy(arena, lt_rows_str(r, i, 5)),
        .ui_slot_selector_id = lt_str_copy(arena, lt_rows_str(r, i, 6)),
        .uuid = lt_str_copy(arena, lt_rows_str(r, i, 8)),
        .enabled = variant >= 0 && lt_rows_int(r, i, 7) != 0,
    };
}

/* Pages in the order of (site_id, id), so that no query takes long. */
static enum lt_code read_scopes(struct load *l, struct lt_arena *arena, struct lt_scope **ret, size_t *ret_n)
{
    size_t cap = 0, n = 0;
    int64_t site = 0, id = 0;
    struct lt_scope *scopes = NULL;
    for (size_t got = PAGE; got == PAGE;) {
        struct lt_arena *page = lt_arena_new();
        struct lt_rows r;
        const struct lt_value after[] = {LT_INT(site), LT_INT(id)};
        if (lt_store_query(l->store, page,
                           "SELECT site_id, id, profile_id, service_variant, course_id, location_regex, ui_slot_selector_id, enabled, uuid "
                           "FROM workflow_scope WHERE (site_id, id) > ($1, $2) ORDER BY site_id, id LIMIT 10000",
                           after, LT_COUNT(after), PAGE, &r, l->err)) {
            lt_arena_free(page);
            return l->err->code;
        }
        got = r.rows;
        if (n + got > cap) { /* the earlier piece stays in the arena: at most as much again */
            cap = 2 * cap > n + got ? 2 * cap : n + got;
            struct lt_scope *larger = lt_alloc(arena, lt_array_size(sizeof(*scopes), cap));
            if (n > 0)
                memcpy(larger, scopes, n * sizeof(*scopes));
            scopes = larger;
        }
        for (size_t i = 0; i < got; i++)
            scopes[n++] = scope_of(arena, &r, i);
        if (got > 0) {
            site = scopes[n - 1].site_id;
            id = scopes[n - 1].id;
        }
        lt_arena_free(page);
        if (n > LT_SCOPES_MAX)
            return lt_fail(l->err, LT_ECONFIG, "there are more than %d scopes", LT_SCOPES_MAX);
    }
    *ret = scopes;
    *ret_n = n;
    return LT_OK;
}

static enum lt_code build(struct load *l)
{
    uint64_t began = lt_mono_us();
    struct lt_arena *arena = lt_arena_new();
    struct lt_scope *scopes = NULL;
    size_t n = 0;
    if (read_scopes(l, arena, &scopes, &n)) {
        lt_arena_free(arena);
        return l->err->code;
    }
    l->set = lt_scope_set_build(arena, scopes, n, l->sites, l->sites_n, l->mark);
    lt_scope_count(LT_SCOPE_REBUILDS, 1);
    lt_scope_count_set(LT_SCOPE_REBUILD_US, lt_mono_us() - began);
    lt_scope_count_set(LT_SCOPE_N, n);
    return LT_OK;
}

static void load(void *arg)
{
    struct load *l = arg;
    struct lt_arena *arena = lt_arena_new(); /* of the sites' settings */
    l->rc = read_mark(l, arena);
    if (!l->rc && l->previous && l->previous->mark == l->mark)
        l->set = lt_scope_set_ref(l->previous);
    else if (!l->rc)
        l->rc = build(l);
    lt_arena_free(arena);
}

enum lt_code lt_scope_set_load(struct lt_store *store, struct lt_scope_set *previous, struct lt_scope_set **ret, struct lt_error *err)
{
    struct lt_error own;
    struct load l = {.store = store, .previous = previous, .err = err ? err : &own};
    if (lt_work(load, &l))
        return lt_fail(err, LT_EOVERLOADED, "reading the scopes: too many jobs wait");
    if (l.rc)
        return lt_error_wrap(l.err, "reading the scopes");
    *ret = l.set;
    return LT_OK;
}

struct lt_scope_set *lt_scope_set_make(const struct lt_scope *scopes, size_t n, enum lt_slot_matching matching, size_t cache_entries)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_scope *copy = LT_NEW_ARRAY(arena, struct lt_scope, n);
    struct lt_scope_site_settings *sites = LT_NEW_ARRAY(arena, struct lt_scope_site_settings, n);
    size_t sites_n = 0;
    for (size_t i = 0; i < n; i++) {
        copy[i] = scopes[i];
        copy[i].uuid = lt_str_copy(arena, scopes[i].uuid);
        copy[i].course_id = lt_str_copy(arena, scopes[i].course_id);
        copy[i].location_regex = lt_str_copy(arena, scopes[i].location_regex);
        copy[i].ui_slot_selector_id = lt_str_copy(arena, scopes[i].ui_slot_selector_id);
        if (sites_n == 0 || sites[sites_n - 1].id != scopes[i].site_id)
            sites[sites_n++] = (struct lt_scope_site_settings){scopes[i].site_id, matching, cache_entries};
    }
    return lt_scope_set_build(arena, copy, n, sites, sites_n, 0);
}
