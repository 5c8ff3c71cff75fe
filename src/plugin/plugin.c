/* Scanning, the registry, calling. */
#include "plugin/plugin_private.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/worker.h"

enum { STARTING_POLL_MS = 10, LATE_MAX = 3 /* calls in a row, then it hangs */, LATE_SLACK_MS = 50 };

/* ---- builds ---- */

bool lt_plugin_mark(const char *path, struct plugin_mark *ret)
{
    struct stat st;
    *ret = (struct plugin_mark){0};
    if (stat(path, &st) != 0)
        return false;
    *ret = (struct plugin_mark){st.st_dev, st.st_ino, st.st_size, (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec};
    return true;
}

struct plugin_build *lt_plugin_build_read(struct lt_plugin_set *s, const char *path, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct plugin_build *b = LT_NEW(arena, struct plugin_build);
    *b = (struct plugin_build){.arena = arena};
    lt_plugin_mark(path, &b->manifest_mark); /* before it is read: what comes meanwhile is seen at the next look */
    if (lt_manifest_read(arena, path, &b->manifest, err)) {
        lt_arena_free(arena);
        return NULL;
    }
    lt_plugin_mark(b->manifest.file, &b->file_mark);
    return b;
}

void lt_plugin_build_drop(struct plugin_build *b)
{
    lt_arena_free(b->arena);
}

struct lt_plugin *lt_plugin_new(struct lt_plugin_set *s, const char *path, struct plugin_build *b)
{
    size_t n = atomic_load(&s->n);
    if (n == LT_PLUGINS_MAX || s->builds_n == LT_PLUGIN_BUILDS_MAX)
        return NULL;
    struct lt_arena *arena = b ? b->arena : s->options.arena;
    struct lt_plugin *p = LT_NEW(arena, struct lt_plugin);
    *p = (struct lt_plugin){.set = s, .path = lt_strz(arena, lt_str(path)), .build = b};
    pthread_mutex_init(&p->lock, NULL);
    if (b) {
        b->plugin = p;
        p->id_z = lt_strz(arena, b->manifest.id);
        p->id = lt_str(p->id_z);
        b->next = s->builds;
        s->builds = b;
        s->builds_n++;
        if (access(lt_printf(arena, "%s/%.*s.off", s->dir, LT_FMT(p->id)).p, F_OK) == 0)
            p->use = PLUGIN_OFF;
    }
    s->plugins[n] = p;
    atomic_store(&s->n, n + 1);
    return p;
}

/* ---- scanning ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void find_manifests(struct lt_arena *arena, struct lt_str dir, const char **paths, size_t *n)
{
    const char *name = lt_strz(arena, dir);
    DIR *d = opendir(name);
    if (!d) {
        lt_log(LT_LOG_ERROR, "plugin.dir", LT_S("dir", name), LT_S("error", strerror(errno)));
        return;
    }
    size_t first = *n;
    for (struct dirent *e; (e = readdir(d)) && *n < LT_PLUGINS_MAX;)
        if (e->d_name[0] != '.' && lt_str_ends(lt_str(e->d_name), LT_STR(".json")))
            paths[(*n)++] = lt_printf(arena, "%s/%s", name, e->d_name).p;
    closedir(d);
    qsort(paths + first, *n - first, sizeof(*paths), by_text);
}

size_t lt_plugins_find(struct lt_plugin_set *s, struct lt_arena *arena, const char **paths)
{
    struct lt_str rest = lt_str(s->options.dirs ? s->options.dirs : "");
    size_t n = 0;
    while (rest.n > 0) {
        struct lt_str dir = lt_str_cut(&rest, ':');
        if (dir.n > 0)
            find_manifests(arena, dir, paths, &n);
    }
    return n;
}

static void refuse_second(struct lt_plugin_set *s, struct lt_plugin *p)
{
    for (size_t i = 0; s->plugins[i] != p; i++) {
        struct lt_plugin *other = s->plugins[i];
        if (!other->err.code && lt_str_eq(other->id, p->id)) {
            lt_fail(&p->err, LT_ECONFIG, "%s: plugin '%.*s' is already loaded from %s", p->path, LT_FMT(p->id), other->path);
            return;
        }
    }
}

struct lt_plugin_set *lt_plugins_scan(const struct lt_plugins_options *options)
{
    const char *paths[LT_PLUGINS_MAX];
    struct lt_plugin_set *s = LT_NEW(options->arena, struct lt_plugin_set);
    s->options = *options;
    s->dir = lt_printf(options->arena, "%s/plugins", options->data).p;
    size_t n = lt_plugins_find(s, options->arena, paths);
    for (size_t i = 0; i < n; i++) {
        struct lt_error err = {0};
        struct plugin_build *b = lt_plugin_build_read(s, paths[i], &err);
        if (err.code == LT_ENOT_FOUND)
            continue;
        struct lt_plugin *p = lt_plugin_new(s, paths[i], b);
        p->err = err;
        if (b)
            refuse_second(s, p);
        if (p->err.code)
            lt_log_error("plugin.manifest", &p->err);
    }
    return s;
}

void lt_plugins_stop(struct lt_plugin_set *s)
{
    for (size_t i = 0; s && i < atomic_load(&s->n); i++)
        s->plugins[i]->stopped = true;
    for (struct plugin_build *b = s ? s->builds : NULL; b; b = b->next) {
        lt_plugin_child_unref(b->child);
        b->child = NULL;
    }
    for (size_t i = 0; s && i < atomic_load(&s->n); i++)
        pthread_mutex_destroy(&s->plugins[i]->lock);
    for (struct plugin_build *b = s ? s->builds : NULL, *next; b; b = next) {
        next = b->next;
        lt_arena_free(b->arena); /* the plugin of the first one lies in it */
    }
}

/* ---- lists ---- */

size_t lt_plugins_count(const struct lt_plugin_set *s)
{
    return atomic_load(&s->n);
}

struct lt_plugin *lt_plugins_at(const struct lt_plugin_set *s, size_t i)
{
    return s->plugins[i];
}

const struct lt_manifest *lt_plugin_manifest(const struct lt_plugin *p, const struct lt_error **ret_error)
{
    if (ret_error)
        *ret_error = &p->err;
    return p->err.code ? NULL : &p->build->manifest;
}

const char *lt_plugin_path(const struct lt_plugin *p)
{
    return p->path;
}

bool lt_plugin_is_off(const struct lt_plugin *p)
{
    return p->use != PLUGIN_ON;
}

struct lt_quarantine lt_plugin_quarantine(const struct lt_plugin *p, struct lt_arena *arena)
{
    char hash[65];
    if (p->err.code || lt_file_hash(p->build->manifest.file, hash, NULL))
        return (struct lt_quarantine){0};
    return lt_quarantine_read(arena, p->set->dir, hash, lt_now_ms());
}

/* ---- the registry ---- */

struct lt_entry *lt_plugin_entry(struct lt_arena *arena, const struct lt_plugin *p, enum lt_kind kind, const struct lt_json *v)
{
    struct lt_entry *e = LT_NEW(arena, struct lt_entry);
    struct lt_str name = lt_json_str(lt_json_get(v, "name"));
    const struct lt_manifest *m = &p->build->manifest;
    *e = (struct lt_entry){.kind = kind,
                           .name = lt_strz(arena, name),
                           .title = lt_strz(arena, lt_json_str_or(lt_json_get(v, "title"), name)),
                           .description = lt_strz(arena, lt_json_str_or(lt_json_get(v, "description"), LT_STR(""))),
                           .plugin = lt_strz(arena, m->id),
                           .major = (int)m->major,
                           .minor = (int)m->minor,
                           .rank = LT_PLUGIN_RANK};
    return e;
}

static void add_list(struct plugin_build *b, enum lt_kind kind, lt_plugin_add_fn add)
{
    const struct lt_json *list = lt_manifest_provides(&b->manifest, kind);
    for (size_t i = 0; add && i < lt_json_len(list); i++) {
        struct lt_error err;
        const struct lt_json *v = lt_json_at(list, i);
        if (add(b->arena, b->plugin, v, &err))
            lt_log_error("plugin.register", &err);
    }
}

void lt_plugin_enter(struct plugin_build *b)
{
    add_list(b, LT_KIND_TOOL, lt_plugin_add_tool);
    add_list(b, LT_KIND_ACTION, lt_plugin_add_action);
    add_list(b, LT_KIND_PROVIDER, lt_plugin_add_provider);
    add_list(b, LT_KIND_PLACEMENT, lt_plugin_add_placement);
    add_list(b, LT_KIND_CONNECTOR, lt_plugin_add_connector);
    for (int kind = 0; kind < LT_KIND_COUNT; kind++)
        add_list(b, (enum lt_kind)kind, b->plugin->set->options.add[kind]);
}

void lt_plugins_register(struct lt_plugin_set *s)
{
    for (size_t i = 0; i < atomic_load(&s->n); i++)
        if (!s->plugins[i]->err.code && s->plugins[i]->use == PLUGIN_ON)
            lt_plugin_enter(s->plugins[i]->build);
}

/* ---- calling ---- */

enum lt_code lt_plugin_usable(struct lt_plugin *p, struct lt_error *err)
{
    static const char *const words[] = {[PLUGIN_OFF] = "is switched off", [PLUGIN_REMOVED] = "was removed"};
    char why[400];
    enum plugin_use use = p->use;
    if (p->stopped)
        return lt_fail(err, LT_EUPSTREAM_UNAVAILABLE, "the process ends");
    if (use != PLUGIN_ON)
        return lt_fail(err, LT_EUPSTREAM_UNAVAILABLE, "plugin '%.*s' %s", LT_FMT(p->id), words[use]);
    struct lt_component *component = p->component;
    if (component && !lt_component_active(component, NULL, why))
        return lt_fail(err, LT_EUPSTREAM_UNAVAILABLE, "plugin '%.*s' is not active: %s", LT_FMT(p->id), why);
    return LT_OK;
}

/* Why it cannot be asked; LT_OK also when it must be started first. */
static enum lt_code check(struct lt_plugin *p, struct plugin_build *b, struct lt_error *err)
{
    char until[25];
    if (b->child)
        return LT_OK;
    if (b->replaced)
        return lt_fail(err, LT_EUPSTREAM_UNAVAILABLE, "this build of plugin '%.*s' has ended; a newer one is there", LT_FMT(p->id));
    if (b->starting || b->until <= lt_now_ms())
        return LT_OK;
    lt_time_format(b->until, until);
    return lt_fail(err, LT_EUPSTREAM_UNAVAILABLE, "plugin '%.*s' is left alone until %s: %s", LT_FMT(p->id), until, b->why);
}

/* The process of the build (NULL: of the present one), started when need be. */
static enum lt_code acquire(struct lt_plugin *p, struct plugin_build *wanted, uint64_t deadline_ms, struct plugin_build **ret_build,
                            struct lt_plugin_child **ret, struct lt_error *err)
{
    if (!wanted && lt_plugin_usable(p, err))
        return err->code;
    for (;;) {
        pthread_mutex_lock(&p->lock);
        struct plugin_build *b = *ret_build = wanted ? wanted : p->build;
        enum lt_code rc = check(p, b, err);
        bool first = !rc && !b->child && !b->starting;
        *ret = !rc && b->child ? lt_plugin_child_ref(b->child) : NULL;
        b->starting = b->starting || first;
        pthread_mutex_unlock(&p->lock);
        if (rc || *ret)
            return rc;
        if (first && lt_work(lt_plugin_build_start, b)) {
            pthread_mutex_lock(&p->lock);
            b->starting = false;
            pthread_mutex_unlock(&p->lock);
            return lt_fail(err, LT_EOVERLOADED, "too much waits for a worker thread");
        }
        if (lt_mono_ms() >= deadline_ms)
            return lt_fail(err, LT_ETIMEOUT, "plugin '%.*s' is still being started", LT_FMT(p->id));
        if (!first && (rc = lt_fiber_sleep(STARTING_POLL_MS)) != LT_OK)
            return lt_fail(err, rc, "while the plugin was started");
    }
}

struct end {
    struct plugin_build *build;
    struct lt_plugin_child *child;
    bool died, hangs, mine;
};

/* Worker: lets the process go; of a process that died the first to come tells. */
static void release(void *arg)
{
    struct end *e = arg;
    struct plugin_build *b = e->build;
    if (e->died || e->hangs) {
        pthread_mutex_lock(&b->plugin->lock);
        e->mine = b->child == e->child;
        if (e->mine) {
            b->child = NULL;
            b->starting = true; /* nobody starts it anew before the fault is known */
        }
        pthread_mutex_unlock(&b->plugin->lock);
    }
    if (e->mine) {
        struct lt_arena *arena = lt_arena_new();
        struct lt_str how = lt_plugin_child_end(e->child, arena);
        lt_plugin_build_fault(b, e->hangs ? "it did not answer three calls in a row in time"
                                          : lt_printf(arena, "its process ended in a call: %.*s", LT_FMT(how)).p);
        lt_arena_free(arena);
        lt_plugin_child_unref(e->child); /* the build's */
    }
    lt_plugin_child_unref(e->child);
}

/* A call had no answer at its deadline: whether that is one too many. Whoever runs it may have been cancelled for the same reason. */
static bool count_late(struct plugin_build *b, enum lt_code rc, uint64_t deadline_ms)
{
    bool late = rc == LT_ETIMEOUT || rc == LT_ECANCELLED;
    if (late && lt_mono_ms() + LATE_SLACK_MS < deadline_ms)
        return false; /* the caller left */
    pthread_mutex_lock(&b->plugin->lock);
    b->late = late ? b->late + 1 : 0;
    bool hangs = b->late == LATE_MAX;
    b->late = hangs ? 0 : b->late;
    pthread_mutex_unlock(&b->plugin->lock);
    return hangs;
}

enum lt_code lt_plugin_invoke_build(struct lt_plugin *p, struct plugin_build *wanted, const struct lt_plugin_call *call, const struct lt_json **ret,
                                    struct lt_error *err)
{
    struct end end = {0};
    struct lt_error own;
    if (!err)
        err = &own;
    if (!lt_fiber_self())
        return lt_fail(err, LT_EUNSUPPORTED, "plugin '%.*s' can be called only where calls run", LT_FMT(p->id));
    if (acquire(p, wanted, call->deadline_ms, &end.build, &end.child, err))
        return err->code;
    enum lt_code rc = lt_plugin_child_call(end.child, p->id, p->component, call, ret, &end.died, err);
    end.hangs = count_late(end.build, rc, call->deadline_ms);
    if (end.died || end.hangs)
        lt_work(release, &end); /* while no worker is free its counts stay: the process is gone all the same */
    else
        lt_plugin_child_unref(end.child);
    return rc ? lt_error_wrap(err, "plugin '%.*s'", LT_FMT(p->id)) : LT_OK;
}

enum lt_code lt_plugin_invoke(struct lt_plugin *p, const struct lt_plugin_call *call, const struct lt_json **ret, struct lt_error *err)
{
    return lt_plugin_invoke_build(p, NULL, call, ret, err);
}
