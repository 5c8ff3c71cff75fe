/* The configured sources: reading them into the snapshot, finding and showing them. */
#include "content/source.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "core/sealed.h"

enum { FRESH_S = 60, STALE_S = 600, TIME_MS = 8000, BLOCKS_VERSION = 2 };

struct lt_source_set {
    struct lt_arena *arena;
    struct lt_content_source *sources; /* by site and name */
    size_t n;
};

static const char *const kinds[LT_SOURCE_KINDS] = {"openedx", "moodle"};

const char *lt_source_kind_name(enum lt_source_kind kind)
{
    return kinds[kind];
}

int lt_source_kind_parse(struct lt_str name)
{
    for (int i = 0; i < LT_SOURCE_KINDS; i++)
        if (lt_str_is(name, kinds[i]))
            return i;
    return -1;
}

/* ---- states: the registry of what was seen of each ---- */

static struct {
    pthread_mutex_t lock;
    struct lt_source_state *first;
} states = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct lt_source_state *state_of(int64_t id)
{
    pthread_mutex_lock(&states.lock);
    struct lt_source_state *s = states.first;
    while (s && s->id != id)
        s = s->next;
    if (!s) {
        if (!(s = calloc(1, sizeof(*s))))
            lt_out_of_memory(0);
        s->id = id;
        s->next = states.first;
        states.first = s;
    }
    pthread_mutex_unlock(&states.lock);
    return s;
}

/* ---- reading ---- */

static struct lt_str text_of(const struct lt_json *options, const char *key, const char *otherwise)
{
    return lt_json_str_or(lt_json_get(options, key), lt_str(otherwise));
}

static void read_options(struct lt_content_source *s)
{
    const struct lt_json *o = s->options;
    s->studio_url = text_of(o, "studio_url", "");
    s->blocks_version = (int)lt_json_int64_or(lt_json_get(o, "blocks_version"), BLOCKS_VERSION);
    s->user_is_username = lt_json_bool_or(lt_json_get(o, "user_is_username"), false);
    s->username_claim = text_of(o, "username_claim", "preferred_username");
    s->user_field = text_of(o, "user_field", "");
    s->open_courses = lt_json_bool_or(lt_json_get(o, "open_courses"), false);
    s->courses = lt_json_get(o, "courses");
    s->fresh_ms = 1000 * lt_json_int64_or(lt_json_get(o, "cache_s"), FRESH_S);
    s->stale_ms = 1000 * lt_json_int64_or(lt_json_get(o, "stale_s"), STALE_S);
    s->time_ms = (uint32_t)lt_json_int64_or(lt_json_get(o, "timeout_ms"), TIME_MS);
}

static uint64_t mark_of(const struct lt_rows *r, size_t row)
{
    uint64_t mark = LT_HASH64_START;
    for (size_t column = 0; column < 11; column++) {
        struct lt_str text = lt_rows_str(r, row, column);
        mark = lt_hash64(mark, text.p, text.n);
        mark = lt_hash64(mark, "", 1);
    }
    int64_t numbers[] = {lt_rows_int(r, row, 0), lt_rows_int(r, row, 10)};
    return lt_hash64(mark, numbers, sizeof(numbers));
}

static void open_secret(const struct lt_keyring *ring, struct lt_arena *arena, struct lt_str sealed, struct lt_content_source *s)
{
    struct lt_error err;
    s->secret_set = sealed.n > 0;
    s->secret = sealed;
    if (!lt_is_sealed(sealed))
        return;
    if (ring && lt_unseal(ring, arena, sealed, lt_secret_place_source(arena, s->site_id, s->name), &s->secret, &err) == LT_OK)
        return;
    if (!ring)
        lt_fail(&err, LT_ECONFIG, "there is no master key to open sealed secrets with");
    s->secret = LT_STR("");
    s->secret_lost = true;
    lt_error_wrap(&err, "content source '%.*s'", LT_FMT(s->name));
    lt_log_error("config.unreadable", &err);
}

static enum lt_code read_sources(struct lt_source_set *set, struct lt_store *store, const struct lt_keyring *ring, struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, set->arena, &r, err,
                 "SELECT id, site_id, name, kind, enabled, base_url, client_id, secret, options, created_at, updated_at FROM content_source"
                 " ORDER BY site_id, name"))
        return lt_error_wrap(err, "content sources");
    set->sources = LT_NEW_ARRAY(set->arena, struct lt_content_source, r.rows);
    for (size_t i = 0; i < r.rows; i++) {
        struct lt_content_source *s = &set->sources[set->n];
        int kind = lt_source_kind_parse(lt_rows_str(&r, i, 3));
        *s = (struct lt_content_source){.id = lt_rows_int(&r, i, 0),
                                        .site_id = lt_rows_int(&r, i, 1),
                                        .name = lt_rows_str(&r, i, 2),
                                        .kind = (enum lt_source_kind)kind,
                                        .enabled = lt_rows_int(&r, i, 4) != 0,
                                        .base_url = lt_rows_str(&r, i, 5),
                                        .client_id = lt_rows_str(&r, i, 6),
                                        .created_at = lt_rows_int(&r, i, 9),
                                        .updated_at = lt_rows_int(&r, i, 10),
                                        .mark = mark_of(&r, i),
                                        .state = state_of(lt_rows_int(&r, i, 0))};
        if (kind < 0) /* of a newer program */
            continue;
        if (lt_json_parse(set->arena, lt_rows_str(&r, i, 8), LT_JSON_STRICT, &s->options, err))
            return lt_error_wrap(err, "options of content source '%.*s'", LT_FMT(s->name));
        read_options(s);
        open_secret(ring, set->arena, lt_rows_str(&r, i, 7), s);
        set->n++;
    }
    return LT_OK;
}

static void set_free(void *set)
{
    lt_arena_free(((struct lt_source_set *)set)->arena);
}

static enum lt_code set_load(void *ctx, struct lt_store *store, void **ret, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_source_set *set = LT_NEW(arena, struct lt_source_set);
    struct lt_keyring *ring = NULL;
    struct lt_error no_ring;
    (void)ctx;
    set->arena = arena;
    lt_secrets_ring(store, false, &ring, &no_ring);
    enum lt_code rc = read_sources(set, store, ring, err);
    lt_keyring_free(ring);
    if (rc) {
        lt_arena_free(arena);
        return rc;
    }
    *ret = set;
    return LT_OK;
}

void lt_sources_register(void)
{
    static const struct lt_config_part_type type = {set_load, set_free, NULL};
    lt_config_set_part(LT_CONFIG_CONTENT, &type);
}

/* ---- finding ---- */

const struct lt_content_source *lt_site_sources(const struct lt_config *config, int64_t site_id, size_t *ret_n)
{
    const struct lt_source_set *set = config ? config->parts[LT_CONFIG_CONTENT] : NULL;
    size_t i = 0;
    *ret_n = 0;
    if (!set)
        return NULL;
    while (i < set->n && set->sources[i].site_id != site_id)
        i++;
    while (i + *ret_n < set->n && set->sources[i + *ret_n].site_id == site_id)
        ++*ret_n;
    return set->sources + i;
}

const struct lt_content_source *lt_site_source(const struct lt_config *config, int64_t site_id, struct lt_str name_or_id)
{
    size_t n;
    int64_t id = 0;
    const struct lt_content_source *list = lt_site_sources(config, site_id, &n), *found = NULL;
    lt_str_to_int64(name_or_id, &id);
    for (size_t i = 0; i < n; i++)
        if (lt_str_eq(list[i].name, name_or_id) || (list[i].id == id && !found))
            found = &list[i];
    return found;
}

bool lt_source_has(const struct lt_content_source *source, struct lt_str course_id)
{
    if (!source->courses)
        return true;
    for (size_t i = 0; i < lt_json_len(source->courses); i++) {
        struct lt_str pattern = lt_json_str(lt_json_at(source->courses, i)), begin = {pattern.p, pattern.n > 0 ? pattern.n - 1 : 0};
        bool open = lt_str_ends(pattern, LT_STR("*"));
        if (open ? lt_str_starts(course_id, begin) : lt_str_eq(course_id, pattern))
            return true;
    }
    return false;
}

/* ---- showing ---- */

static void write_state(struct lt_jw *w, const struct lt_content_source *s)
{
    const struct lt_source_state *state = s->state;
    unsigned long long until = atomic_load(&state->pause_until_ms), now = lt_mono_ms();
    lt_jw_key(w, "state");
    lt_jw_obj(w);
    lt_jw_kint(w, "asked", (int64_t)atomic_load(&state->asked));
    lt_jw_kint(w, "failed", (int64_t)atomic_load(&state->failed));
    lt_jw_kint(w, "not_modified", (int64_t)atomic_load(&state->not_modified));
    lt_jw_kint(w, "from_cache", (int64_t)atomic_load(&state->kept));
    lt_jw_kint(w, "stale", (int64_t)atomic_load(&state->stale));
    lt_jw_kint(w, "not_asked", (int64_t)atomic_load(&state->paused));
    lt_jw_kint(w, "paused_ms", until > now ? (int64_t)(until - now) : 0);
    lt_jw_end(w);
}

void lt_source_write(struct lt_jw *w, const struct lt_content_source *s)
{
    lt_jw_obj(w);
    lt_jw_kint(w, "id", s->id);
    lt_jw_kstr(w, "name", s->name);
    lt_jw_kstrz(w, "kind", lt_source_kind_name(s->kind));
    lt_jw_kbool(w, "enabled", s->enabled);
    lt_jw_kstr(w, "base_url", s->base_url);
    lt_jw_kstr(w, "client_id", s->client_id);
    lt_jw_kbool(w, "secret_set", s->secret_set);
    lt_jw_kbool(w, "secret_readable", !s->secret_lost);
    lt_jw_kjson(w, "options", s->options);
    write_state(w, s);
    lt_jw_ktime(w, "created_at", s->created_at);
    lt_jw_ktime(w, "updated_at", s->updated_at);
    lt_jw_end(w);
}
