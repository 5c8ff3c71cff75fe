/* What finding the scope of a context costs at 100,000 scopes over 10,000 courses, and what a change of one costs. Prints one JSON object. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "core/admin.h"
#include "workflows/scope.h"

enum { SCOPES = 100000, COURSES = 10000, SLOTS = 4, CACHED = 4000000, UNCACHED = 400000, DISTINCT = 100, PAGE = 1000 };

static void need(enum lt_code rc, const struct lt_error *err)
{
    if (rc == LT_OK)
        return;
    fprintf(stderr, "resolve: %s\n", err->detail);
    exit(1);
}

static unsigned draw(unsigned n)
{
    static uint64_t state = 7;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state >> 33) % n;
}

/* Ten scopes a course: two of them with patterns, half of them for Studio's slots; one in a hundred for every course. */
static struct lt_scope scope(struct lt_arena *arena, int64_t site, int64_t profile, int i)
{
    int course = i % COURSES, n = i / COURSES;
    bool any_course = i % 100 == 99;
    return (struct lt_scope){
        .id = i + 1,
        .site_id = site,
        .profile_id = profile,
        .uuid = LT_STR(""),
        .course_id = any_course ? LT_STR("") : lt_printf(arena, "course-v1:Org%d+Course%d+2026_T1", course % 100, course),
        .location_regex = !any_course && n < 2 ? lt_printf(arena, "type@(vertical|problem)\\+block@.*%d$", n) : LT_STR(""),
        .ui_slot_selector_id = lt_printf(arena, "org.openedx.frontend.slot.v%d", n % SLOTS),
        .service_variant = n % 2 ? LT_SERVICE_CMS : LT_SERVICE_LMS,
        .enabled = true};
}

static struct lt_scope_context context(struct lt_arena *arena, int64_t site)
{
    int course = (int)draw(COURSES);
    return (struct lt_scope_context){
        .site_id = site,
        .service_variant = (int)draw(2),
        .course_id = lt_printf(arena, "course-v1:Org%d+Course%d+2026_T1", course % 100, course),
        .location_id = lt_printf(arena, "block-v1:Org%d+Course%d+2026_T1+type@vertical+block@%08x%08x", course % 100, course,
                                 draw(1u << 31), draw(1u << 31)),
        .ui_slot_selector_id = lt_printf(arena, "org.openedx.frontend.slot.v%u", draw(SLOTS))};
}

static double us_each(uint64_t began, int n)
{
    return (double)(lt_mono_us() - began) / n;
}

static int64_t id_of(struct lt_store *store, struct lt_arena *arena, const char *sql)
{
    struct lt_rows r;
    struct lt_error err;
    need(lt_store_query(store, arena, sql, NULL, 0, 1, &r, &err), &err);
    return lt_rows_int(&r, 0, 0);
}

static struct lt_store *fill(const char *dir, struct lt_arena *arena, int64_t *ret_site)
{
    struct lt_store *store;
    struct lt_error err;
    need(lt_store_open(&(struct lt_store_options){.data_dir = dir}, &store, &err), &err);
    need(lt_admin_site_add(store, LT_STR("s"), LT_STR("Site"), &err), &err);
    *ret_site = id_of(store, arena, "SELECT id FROM site");
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "INSERT INTO workflow_profile (site_id, uuid, slug, base_filepath, version, created_at, updated_at) "
              "VALUES ($1, 'u', 'p', 'f', 1, 1, 1)",
          LT_INT(*ret_site));
    need(lt_store_write(store, tx, &err), &err);
    int64_t profile = id_of(store, arena, "SELECT id FROM workflow_profile");
    for (int i = 0; i < SCOPES; i += PAGE) {
        tx = lt_tx_new();
        for (int k = i; k < i + PAGE; k++) {
            struct lt_scope s = scope(arena, *ret_site, profile, k);
            lt_scope_tx_add(tx, &s);
        }
        need(lt_store_write(store, tx, &err), &err);
    }
    return store;
}

/* Medians would hide the patterns' first compilation; these are means, that included. */
static double uncached(struct lt_scope_set *set, struct lt_arena *arena, int64_t site, int *ret_found)
{
    enum { AHEAD = 20000 };
    struct lt_scope_context *asked = LT_NEW_ARRAY(arena, struct lt_scope_context, AHEAD);
    for (int i = 0; i < AHEAD; i++)
        asked[i] = context(arena, site);
    uint64_t began = lt_mono_us();
    for (int i = 0; i < UNCACHED; i++)
        *ret_found += lt_scope_resolve_uncached(set, &asked[i % AHEAD]) != NULL;
    return us_each(began, UNCACHED);
}

static double cached(struct lt_scope_set *set, struct lt_arena *arena, int64_t site, int *ret_found)
{
    struct lt_scope_context asked[DISTINCT];
    for (int i = 0; i < DISTINCT; i++) {
        asked[i] = context(arena, site);
        lt_scope_resolve(set, &asked[i]);
    }
    uint64_t began = lt_mono_us();
    for (int i = 0; i < CACHED; i++)
        *ret_found += lt_scope_resolve(set, &asked[i % DISTINCT]) != NULL;
    return us_each(began, CACHED);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: resolve EMPTY_DIRECTORY\n");
        return 2;
    }
    struct lt_arena *arena = lt_arena_new();
    struct lt_scope_set *set = NULL, *same = NULL;
    struct lt_error err;
    int64_t site;
    int found = 0;
    struct lt_store *store = fill(argv[1], arena, &site);
    uint64_t began = lt_mono_us();
    need(lt_scope_set_load(store, NULL, &set, &err), &err);
    double rebuild_ms = us_each(began, 1) / 1000;
    began = lt_mono_us();
    need(lt_scope_set_load(store, set, &same, &err), &err);
    double unchanged_ms = us_each(began, 1) / 1000;
    double slow = uncached(set, arena, site, &found), fast = cached(set, arena, site, &found);
    printf("{\"scopes\":%d,\"courses\":%d,\"uncached_us\":%.3f,\"cached_us\":%.4f,\"rebuild_ms\":%.1f,\"unchanged_ms\":%.2f,"
           "\"found\":%.3f,\"shared\":%s}\n",
           SCOPES, COURSES, slow, fast, rebuild_ms, unchanged_ms, (double)found / (CACHED + UNCACHED), same == set ? "true" : "false");
    lt_scope_set_unref(same);
    lt_scope_set_unref(set);
    lt_store_close(store);
    lt_arena_free(arena);
    return found == 0 || same != set;
}
