/*
 * What a profile's effective configuration costs: made of a template and a patch, read where it is cached, and the set of many profiles
 * read again. Prints one JSON object.
 */
#include <string.h>

#include "base/clock.h"
#include "core/admin.h"
#include "race.h"
#include "workflows/workflow_set.h"

enum { PROFILES = 10000, PAGE = 1000 };

/* A patch as people write them. */
#define PATCH                                                              \
    "{\n  // shorter, and with a prompt of our own\n"                      \
    "  processor_config: {\n"                                              \
    "    LLMProcessor: { stream: false, model: 'gpt-4o-mini', extra: null, custom_prompt: 'Answer in two sentences.' },\n" \
    "  },\n"                                                               \
    "  actuator_config: { UIComponents: { request: { config: { buttonText: 'Ask' } } } },\n}\n"

static void need(enum lt_code rc, const struct lt_error *err)
{
    if (rc == LT_OK)
        return;
    fprintf(stderr, "effective: %s\n", err->detail);
    exit(1);
}

/* ---- making one ---- */

struct work {
    const struct lt_template_set *templates;
    const struct lt_workflow_set *set;
    const struct lt_profile *profile;
    int64_t site, ids[100]; /* of profiles here and there in the list */
};

/* With every template. */
static size_t make(void *ctx)
{
    const struct work *w = ctx;
    size_t sum = 0;
    for (size_t i = 0; i < lt_template_count(w->templates); i++) {
        struct lt_arena *arena = lt_arena_new();
        struct lt_effective e;
        lt_effective_make(arena, lt_template_at(w->templates, i), LT_STR(PATCH), &e);
        sum += lt_json_len(e.config) + e.problems->n + lt_arena_used(arena);
        lt_arena_free(arena);
    }
    return sum;
}

/* ---- reading one ---- */

/* What executing asks of a profile that it has in its hands. */
static size_t read_cached(void *ctx)
{
    const struct work *w = ctx;
    size_t sum = 0;
    for (int i = 0; i < 100; i++) {
        const struct lt_profile *volatile p = w->profile;
        sum += lt_profile_orchestrator_class(p).n + lt_json_len(lt_profile_processor_config(p)) + lt_json_len(lt_profile_ui_components(p));
    }
    return sum;
}

static size_t find(void *ctx)
{
    const struct work *w = ctx;
    size_t sum = 0;
    for (int i = 0; i < 100; i++)
        sum += (size_t)lt_profile_by_id(w->set, w->site, w->ids[i])->version;
    return sum;
}

static double median(size_t (*run)(void *), struct work *w, int turns)
{
    struct lt_racer racer = {.name = "lectern", .run = run, .ctx = w};
    lt_race(&racer, 1, turns);
    return racer.median;
}

/* ---- many of them ---- */

static struct lt_store *fill(const char *dir, const struct lt_template_set *templates, struct lt_arena *arena, int64_t *ret_site)
{
    struct lt_store *store;
    struct lt_error err;
    struct lt_rows r;
    need(lt_store_open(&(struct lt_store_options){.data_dir = dir}, &store, &err), &err);
    need(lt_admin_site_add(store, LT_STR("s"), LT_STR("Site"), &err), &err);
    need(lt_store_query(store, arena, "SELECT id FROM site", NULL, 0, 1, &r, &err), &err);
    *ret_site = lt_rows_int(&r, 0, 0);
    for (int i = 0; i < PROFILES; i += PAGE) {
        struct lt_tx *tx = lt_tx_new();
        for (int k = i; k < i + PAGE; k++)
            LT_TX(tx, "INSERT INTO workflow_profile (site_id, uuid, slug, base_filepath, content_patch, version, created_at, updated_at) "
                      "VALUES ($1, $2, $3, $4, $5, 1, 1, 1)",
                  LT_INT(*ret_site), LT_TEXT(lt_printf(arena, "00000000-0000-4000-8000-%012d", k)), LT_TEXT(lt_printf(arena, "profile-%05d", k)),
                  LT_TEXT(lt_template_at(templates, (size_t)k % lt_template_count(templates))->path), LT_TEXT(LT_STR(PATCH)));
        need(lt_store_write(store, tx, &err), &err);
    }
    return store;
}

static struct lt_workflow_set *load(struct lt_workflow_source *source, struct lt_store *store, double *ret_ms)
{
    struct lt_workflow_set *set;
    struct lt_error err;
    uint64_t began = lt_mono_us();
    need(lt_workflow_set_load(source, store, &set, &err), &err);
    *ret_ms = (double)(lt_mono_us() - began) / 1000;
    return set;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: effective EMPTY_DIRECTORY TEMPLATES TURNS\n");
        return 2;
    }
    int turns = lt_race_turns(argv[3]);
    struct lt_arena *arena = lt_arena_new();
    struct lt_template_set *templates = lt_template_set_load((const char *const[]){argv[2]}, 1, NULL);
    struct work w = {.templates = templates};
    if (lt_template_count(templates) == 0) {
        fprintf(stderr, "effective: there are no templates\n");
        return 1;
    }
    struct lt_store *store = fill(argv[1], templates, arena, &w.site);
    struct lt_workflow_source *source = lt_workflow_source_new(argv[2]);
    double first_ms, changed_ms;
    lt_workflow_set_unref(load(source, store, &first_ms));
    struct lt_error err;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE workflow_profile SET version = 2 WHERE slug = 'profile-00007'");
    need(lt_store_write(store, tx, &err), &err);
    struct lt_workflow_set *set = load(source, store, &changed_ms);
    size_t n, wrong = 0;
    const struct lt_profile *list = lt_profile_list(set, w.site, &n);
    for (size_t i = 0; i < n; i++)
        wrong += list[i].effective->problems->n > 0 || !list[i].effective->config;
    if (n != PROFILES || wrong > 0 || list[7].version != 2) {
        fprintf(stderr, "effective: %zu of %zu profiles are wrong\n", wrong, n);
        return 1;
    }
    w.set = set;
    w.profile = &list[n / 2];
    for (size_t i = 0; i < LT_COUNT(w.ids); i++)
        w.ids[i] = list[i * 7919 % n].id;
    double count = (double)lt_template_count(templates);
    printf("{\"templates\":%.0f,\"profiles\":%d,\"make_us\":%.3f,\"cached_ns\":%.2f,\"find_us\":%.3f,\"load_ms\":%.1f,\"load_changed_ms\":%.1f}\n",
           count, PROFILES, median(make, &w, turns) / count, median(read_cached, &w, turns) * 10, median(find, &w, turns) / 100, first_ms,
           changed_ms);
    lt_workflow_set_unref(set);
    lt_workflow_source_free(source);
    lt_template_set_unref(templates);
    lt_store_close(store);
    lt_arena_free(arena);
    return 0;
}
