/* Reading a workflow set: the store's profiles and prompts, the templates on disk, and what of the last set can be shared. */
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/log.h"
#include "core/admin.h"
#include "io/worker.h"
#include "workflows/workflow_private.h"

enum { LT_INSTANCES_MAX = 100000 };

struct lt_workflow_source {
    struct lt_arena *arena;
    const char *dirs[LT_TEMPLATE_DIRS_MAX];
    size_t dirs_n;
    struct lt_config_part_type type;
    pthread_mutex_t lock;          /* of last */
    struct lt_workflow_set *last;  /* NULL: none was read yet */
};

/* An effective configuration as long as neither the profile's version nor its template's file changes; shared by sets. */
struct lt_cached_effective {
    _Atomic int references;
    struct lt_arena *arena;
    struct lt_template *base; /* kept; NULL: there is none */
    int64_t profile_id, version;
    struct lt_str content_patch; /* its own copy */
    struct lt_effective effective;
};

/* ---- effective configurations ---- */

static struct lt_cached_effective *make_effective(const struct lt_profile *p, const struct lt_template *base)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_cached_effective *c = LT_NEW(arena, struct lt_cached_effective);
    *c = (struct lt_cached_effective){.references = 1, .arena = arena, .profile_id = p->id, .version = p->version};
    c->base = base ? lt_template_ref(base) : NULL;
    c->content_patch = lt_str_copy(arena, p->content_patch);
    lt_effective_make(arena, base, c->content_patch, &c->effective);
    return c;
}

static void unref_effective(struct lt_cached_effective *c)
{
    if (atomic_fetch_sub_explicit(&c->references, 1, memory_order_acq_rel) != 1)
        return;
    lt_template_unref(c->base);
    lt_arena_free(c->arena);
}

static int by_id(const void *a, const void *b)
{
    const struct lt_cached_effective *x = *(struct lt_cached_effective *const *)a, *y = *(struct lt_cached_effective *const *)b;
    return x->profile_id < y->profile_id ? -1 : x->profile_id > y->profile_id;
}

/* ---- the set ---- */

struct load {
    struct lt_workflow_source *source;
    struct lt_store *store;
    struct lt_workflow_set *previous, *set;
    struct lt_error *err;
};

static struct lt_uuid uuid_of(struct lt_str text)
{
    struct lt_uuid id = {{0}};
    lt_uuid_parse(text, &id);
    return id;
}

static int compare_profile_ids(const void *a, const void *b)
{
    const struct lt_profile *const *x = a, *const *y = b;
    return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

static void index_profiles(struct lt_workflow_set *s)
{
    s->by_id = LT_NEW_ARRAY(s->arena, const struct lt_profile *, s->profiles_n);
    for (size_t i = 0; i < s->profiles_n; i++)
        s->by_id[i] = &s->profiles[i];
    if (s->profiles_n > 0)
        qsort(s->by_id, s->profiles_n, sizeof(*s->by_id), compare_profile_ids);
}

static enum lt_code read_profiles(struct load *l)
{
    struct lt_workflow_set *s = l->set;
    struct lt_rows r;
    if (lt_store_query(l->store, s->arena,
                       "SELECT id, site_id, uuid, slug, description, base_filepath, content_patch, version, created_at, updated_at "
                       "FROM workflow_profile ORDER BY site_id, slug",
                       NULL, 0, LT_PROFILES_MAX, &r, l->err))
        return l->err->code;
    s->profiles = LT_NEW_ARRAY(s->arena, struct lt_profile, r.rows);
    for (size_t i = 0; i < r.rows; i++) {
        const struct lt_value *description = lt_rows_at(&r, i, 4);
        s->profiles[s->profiles_n++] = (struct lt_profile){.id = lt_rows_int(&r, i, 0),
                                                           .site_id = lt_rows_int(&r, i, 1),
                                                           .uuid = uuid_of(lt_rows_str(&r, i, 2)),
                                                           .slug = lt_rows_str(&r, i, 3),
                                                           .description = description->type == LT_V_NULL ? LT_STR_NULL : lt_rows_str(&r, i, 4),
                                                           .base_filepath = lt_rows_str(&r, i, 5),
                                                           .content_patch = lt_rows_str(&r, i, 6),
                                                           .version = lt_rows_int(&r, i, 7),
                                                           .created_at = lt_rows_int(&r, i, 8),
                                                           .updated_at = lt_rows_int(&r, i, 9)};
    }
    index_profiles(s);
    return LT_OK;
}

static enum lt_code read_prompts(struct load *l)
{
    struct lt_workflow_set *s = l->set;
    struct lt_rows r;
    if (lt_store_query(l->store, s->arena,
                       "SELECT id, site_id, uuid, slug, body, version, created_at, updated_at FROM workflow_prompt ORDER BY site_id, slug", NULL, 0,
                       LT_PROMPTS_MAX, &r, l->err))
        return l->err->code;
    s->prompts = LT_NEW_ARRAY(s->arena, struct lt_prompt, r.rows);
    for (size_t i = 0; i < r.rows; i++)
        s->prompts[s->prompts_n++] = (struct lt_prompt){.id = lt_rows_int(&r, i, 0),
                                                        .site_id = lt_rows_int(&r, i, 1),
                                                        .uuid = uuid_of(lt_rows_str(&r, i, 2)),
                                                        .slug = lt_rows_str(&r, i, 3),
                                                        .body = lt_rows_str(&r, i, 4),
                                                        .version = lt_rows_int(&r, i, 5),
                                                        .created_at = lt_rows_int(&r, i, 6),
                                                        .updated_at = lt_rows_int(&r, i, 7)};
    return LT_OK;
}

static enum lt_code read_instances(struct load *l)
{
    struct lt_workflow_set *s = l->set;
    struct lt_rows r;
    if (lt_store_query(l->store, s->arena, "SELECT id, site_id, name FROM provider_instance ORDER BY site_id, id", NULL, 0, LT_INSTANCES_MAX, &r,
                       l->err))
        return l->err->code;
    s->instances = LT_NEW_ARRAY(s->arena, struct lt_instance_name, r.rows);
    for (size_t i = 0; i < r.rows; i++)
        s->instances[s->instances_n++] = (struct lt_instance_name){lt_rows_int(&r, i, 0), lt_rows_int(&r, i, 1), lt_rows_str(&r, i, 2)};
    return LT_OK;
}

/* What the last set has for this very version of the profile and this very file. */
static struct lt_cached_effective *reusable(struct lt_cached_effective **old, size_t n, const struct lt_profile *p, const struct lt_template *base)
{
    struct lt_cached_effective wanted = {.profile_id = p->id}, *key = &wanted;
    struct lt_cached_effective **found = n > 0 ? bsearch(&key, old, n, sizeof(*old), by_id) : NULL;
    bool same = found && (*found)->version == p->version && (*found)->base == base && lt_str_eq((*found)->content_patch, p->content_patch);
    if (!same)
        return NULL;
    atomic_fetch_add_explicit(&(*found)->references, 1, memory_order_relaxed);
    return *found;
}

static void make_all_effective(void *arg)
{
    struct load *l = arg;
    struct lt_workflow_set *s = l->set;
    size_t n = l->previous ? l->previous->profiles_n : 0;
    struct lt_cached_effective **old = LT_NEW_ARRAY(s->arena, struct lt_cached_effective *, n);
    if (n > 0)
        memcpy(old, l->previous->cached, n * sizeof(struct lt_cached_effective *));
    if (n > 1)
        qsort(old, n, sizeof(struct lt_cached_effective *), by_id);
    s->cached = LT_NEW_ARRAY(s->arena, struct lt_cached_effective *, s->profiles_n);
    for (size_t i = 0; i < s->profiles_n; i++) {
        struct lt_profile *p = &s->profiles[i];
        const struct lt_template *base = NULL;
        if (lt_template_find(s->templates, p->base_filepath, &base, NULL))
            base = NULL;
        s->cached[i] = reusable(old, n, p, base);
        if (!s->cached[i])
            s->cached[i] = make_effective(p, base);
        p->effective = &s->cached[i]->effective;
    }
}

static enum lt_code read_set(struct load *l)
{
    struct lt_arena *arena = lt_arena_new();
    l->set = LT_NEW(arena, struct lt_workflow_set);
    *l->set = (struct lt_workflow_set){.references = 1, .arena = arena};
    l->set->templates = lt_template_set_load(l->source->dirs, l->source->dirs_n, l->previous ? l->previous->templates : NULL);
    if (read_profiles(l) || read_prompts(l) || read_instances(l))
        return l->err->code;
    if (lt_work(make_all_effective, l)) /* the workers are busy: here, then */
        make_all_effective(l);
    return LT_OK;
}

static struct lt_workflow_set *ref_set(struct lt_workflow_set *set)
{
    if (set)
        atomic_fetch_add_explicit(&set->references, 1, memory_order_relaxed);
    return set;
}

void lt_workflow_set_unref(struct lt_workflow_set *set)
{
    if (!set || atomic_fetch_sub_explicit(&set->references, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; set->cached && i < set->profiles_n; i++)
        unref_effective(set->cached[i]);
    lt_template_set_unref(set->templates);
    lt_arena_free(set->arena);
}

/* The last set with a reference; NULL when there is none. */
static struct lt_workflow_set *last_of(struct lt_workflow_source *source)
{
    pthread_mutex_lock(&source->lock);
    struct lt_workflow_set *set = ref_set(source->last);
    pthread_mutex_unlock(&source->lock);
    return set;
}

enum lt_code lt_workflow_set_peek(struct lt_workflow_source *source, struct lt_store *store, struct lt_workflow_set **ret, struct lt_error *err)
{
    struct lt_error own;
    struct load l = {.source = source, .store = store, .previous = last_of(source), .err = err ? err : &own};
    enum lt_code rc = read_set(&l);
    lt_workflow_set_unref(l.previous);
    if (rc) {
        lt_workflow_set_unref(l.set);
        return lt_error_wrap(l.err, "workflows");
    }
    *ret = l.set;
    return LT_OK;
}

enum lt_code lt_workflow_set_load(struct lt_workflow_source *source, struct lt_store *store, struct lt_workflow_set **ret, struct lt_error *err)
{
    enum lt_code rc = lt_workflow_set_peek(source, store, ret, err);
    if (rc)
        return rc;
    pthread_mutex_lock(&source->lock);
    struct lt_workflow_set *old = source->last;
    source->last = ref_set(*ret);
    pthread_mutex_unlock(&source->lock);
    lt_workflow_set_unref(old);
    return LT_OK;
}

bool lt_workflow_source_changed(struct lt_workflow_source *source)
{
    struct lt_workflow_set *last = last_of(source);
    if (!last)
        return false;
    struct lt_template_set *now = lt_template_set_load(source->dirs, source->dirs_n, last->templates);
    bool changed = now != last->templates;
    lt_template_set_unref(now);
    lt_workflow_set_unref(last);
    return changed;
}

/* ---- the source ---- */

static enum lt_code load_part(void *ctx, struct lt_store *store, void **ret, struct lt_error *err)
{
    struct lt_workflow_set *set;
    if (lt_workflow_set_load(ctx, store, &set, err))
        return err->code;
    *ret = set;
    return LT_OK;
}

static void free_part(void *set)
{
    lt_workflow_set_unref(set);
}

struct lt_workflow_source *lt_workflow_source_new(const char *dirs)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_workflow_source *s = LT_NEW(arena, struct lt_workflow_source);
    s->arena = arena;
    s->type = (struct lt_config_part_type){load_part, free_part, s};
    pthread_mutex_init(&s->lock, NULL);
    for (struct lt_str rest = lt_str(dirs); rest.n > 0 && s->dirs_n < LT_TEMPLATE_DIRS_MAX;) {
        struct lt_str dir = lt_str_trim(lt_str_cut(&rest, ':'));
        if (dir.n > 0)
            s->dirs[s->dirs_n++] = lt_strz(arena, dir);
    }
    return s;
}

void lt_workflow_source_free(struct lt_workflow_source *s)
{
    if (!s)
        return;
    lt_workflow_set_unref(s->last);
    pthread_mutex_destroy(&s->lock);
    lt_arena_free(s->arena);
}

void lt_workflow_source_register(struct lt_workflow_source *s)
{
    lt_config_set_part(LT_CONFIG_WORKFLOWS, &s->type);
    lt_admin_on_instance(lt_workflow_instance_users, s);
}

const struct lt_template_set *lt_workflow_templates(const struct lt_workflow_set *set)
{
    return set ? set->templates : NULL;
}

/* ---- shared by profiles and prompts ---- */

bool lt_workflow_slug_ok(struct lt_str s, size_t max)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-'))
            return false;
    }
    return s.n > 0 && s.n <= max;
}

void lt_workflow_name_ids(struct lt_arena *arena, struct lt_str name, int64_t *ret_number, struct lt_str *ret_uuid)
{
    struct lt_uuid id;
    char text[37] = "";
    if (!lt_str_to_int64(name, ret_number))
        *ret_number = -1;
    if (lt_uuid_parse_any(name, &id))
        lt_uuid_format(id, text);
    *ret_uuid = lt_str_copy(arena, lt_str(text));
}
