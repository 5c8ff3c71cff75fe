/* Change while the process runs: directories are read again, new builds come up beside the old ones, what is gone is drained. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "io/worker.h"
#include "plugin/builtin.h"
#include "plugin/plugin_private.h"

enum { LOOK_MS = 500 };

struct reload {
    struct lt_plugin_set *set;
    const struct lt_plugins_keeper *keeper;
    bool seen[LT_PLUGINS_MAX];
    bool changed;                /* of the registry */
};

static void say(const struct lt_plugin *p, const char *what, struct lt_str before)
{
    const struct lt_services *s = p->set->services;
    lt_log(LT_LOG_INFO, "plugin.changed", LT_SS("plugin", p->id), LT_S("what", what), LT_SS("version", p->build->manifest.version),
           LT_SS("before", before), LT_I("generation", s ? (int64_t)lt_services_generation(p->set->services) : 0));
}

/* ---- the registry ---- */

static enum lt_code prepare(void *ctx, const struct lt_entry *e)
{
    const struct reload *r = ctx;
    struct lt_error err;
    if (!r->keeper || !r->keeper->prepare || !r->keeper->prepare(r->keeper->ctx, e, &err))
        return LT_OK;
    lt_log_error("plugin.register", &err);
    return err.code;
}

static void seal(struct reload *r)
{
    lt_registry_each_new(prepare, r);
    lt_registry_seal();
    r->changed = true;
}

static void enter(struct reload *r, struct plugin_build *b)
{
    lt_registry_open();
    lt_registry_take_out(b->plugin->id, NULL, 0);
    lt_plugin_enter(b);
    seal(r);
}

/* Out of the registry, but at hand. */
static void put_aside(struct reload *r, struct lt_plugin *p)
{
    const struct lt_entry *list[256 * LT_KIND_COUNT];
    lt_registry_open();
    p->entries_n = lt_registry_take_out(p->id, list, LT_COUNT(list));
    p->entries = LT_NEW_ARRAY(p->build->arena, const struct lt_entry *, p->entries_n);
    for (size_t i = 0; i < p->entries_n; i++)
        p->entries[i] = list[i];
    seal(r);
}

static void put_back(struct reload *r, struct lt_plugin *p)
{
    struct lt_error err;
    lt_registry_open();
    for (size_t i = 0; i < p->entries_n; i++)
        if (lt_registry_add(p->entries[i], &err))
            lt_log_error("plugin.register", &err);
    p->entries_n = 0;
    seal(r);
}

/* ---- builds ---- */

static bool same_mark(const struct plugin_mark *a, const struct plugin_mark *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->changed_ns == b->changed_ns;
}

/* What is at the path is what was read last. */
static bool untouched(const struct lt_plugin *p, const char *path)
{
    struct plugin_mark manifest, file;
    const struct plugin_build *b = p->build;
    return strcmp(p->path, path) == 0 && lt_plugin_mark(path, &manifest) && lt_plugin_mark(b->manifest.file, &file) &&
           same_mark(&manifest, &b->manifest_mark) && same_mark(&file, &b->file_mark);
}

/* Written anew, and nothing else in it. */
static bool same_content(const struct plugin_build *a, const struct plugin_build *b)
{
    char hash[65];
    if (!lt_str_eq(a->manifest.text, b->manifest.text))
        return false;
    return a->manifest.data || (a->hash[0] && !lt_file_hash(b->manifest.file, hash, NULL) && strcmp(hash, a->hash) == 0);
}

static bool link_build(struct lt_plugin *p, struct plugin_build *b)
{
    struct lt_plugin_set *s = p->set;
    if (s->builds_n == LT_PLUGIN_BUILDS_MAX) {
        lt_log(LT_LOG_ERROR, "plugin.changed", LT_SS("plugin", p->id), LT_S("error", "too many builds were seen since the start; start again"));
        lt_plugin_build_drop(b);
        return false;
    }
    b->plugin = p;
    b->next = s->builds;
    s->builds = b;
    s->builds_n++;
    return true;
}

/* New calls go to it from here on. */
static void take_over(struct reload *r, struct lt_plugin *p, struct plugin_build *b)
{
    struct plugin_build *old = p->build;
    bool again = lt_str_eq(old->manifest.text, b->manifest.text);
    pthread_mutex_lock(&p->lock);
    old->replaced = true;
    p->build = b;
    pthread_mutex_unlock(&p->lock);
    p->path = b->manifest.path;
    if (p->use == PLUGIN_ON) {
        if (!again)
            enter(r, b);
        lt_plugin_offer(b, old);
        lt_plugin_report(b);
    } else if (!again) {
        p->entries = NULL; /* those were the old one's */
    }
    say(p, "replaced", old->manifest.version);
}

static void change_build(struct reload *r, struct lt_plugin *p, struct plugin_build *b)
{
    struct lt_error err;
    if (!link_build(p, b))
        return;
    bool start = p->use == PLUGIN_ON && !b->manifest.data && !lt_plugin_usable(p, &err);
    if (start)
        lt_plugin_build_start(b);
    if (start && !b->child) {
        b->replaced = true;
        lt_log(LT_LOG_ERROR, "plugin.changed", LT_SS("plugin", p->id), LT_SS("version", b->manifest.version), LT_S("error", b->why),
               LT_S("what", "the new build did not come up; the old one stays"));
        return;
    }
    take_over(r, p, b);
}

static void add_plugin(struct reload *r, const char *path, struct plugin_build *b)
{
    struct lt_plugin *p = lt_plugin_new(r->set, path, b);
    if (!p) {
        lt_log(LT_LOG_ERROR, "plugin.changed", LT_S("manifest", path), LT_S("error", "too many plugins were seen since the start; start again"));
        lt_plugin_build_drop(b);
        return;
    }
    r->seen[atomic_load(&r->set->n) - 1] = true;
    if (p->use == PLUGIN_ON) {
        enter(r, b);
        lt_plugin_offer(b, NULL);
    }
    say(p, "added", LT_STR(""));
}

/* ---- on and off ---- */

static void switch_off(struct reload *r, struct lt_plugin *p, enum plugin_use use)
{
    if (p->use == PLUGIN_ON) {
        p->off_at_ms = lt_mono_ms();
        p->use = use;
        lt_plugin_drain(p);
        put_aside(r, p);
    }
    p->use = use;
    say(p, use == PLUGIN_OFF ? "switched off" : "removed", LT_STR(""));
}

static void switch_on(struct reload *r, struct lt_plugin *p)
{
    p->use = PLUGIN_ON;
    p->tried = false;
    if (p->entries)
        put_back(r, p);
    else
        enter(r, p->build);
    lt_plugin_offer(p->build, NULL);
    say(p, "switched on", LT_STR(""));
}

static void look_at_switch(struct reload *r, struct lt_plugin *p)
{
    struct lt_arena *arena = lt_arena_new();
    bool off = access(lt_printf(arena, "%s/%s.off", p->set->dir, p->id_z).p, F_OK) == 0;
    lt_arena_free(arena);
    if (off && p->use != PLUGIN_OFF)
        switch_off(r, p, PLUGIN_OFF);
    else if (!off && p->use != PLUGIN_ON)
        switch_on(r, p);
}

/* ---- the directories ---- */

static struct lt_plugin *by_id(struct lt_plugin_set *s, struct lt_str id, size_t *ret_i)
{
    for (*ret_i = 0; *ret_i < atomic_load(&s->n); (*ret_i)++)
        if (!s->plugins[*ret_i]->err.code && lt_str_eq(s->plugins[*ret_i]->id, id))
            return s->plugins[*ret_i];
    return NULL;
}

static void take_build(struct reload *r, const char *path, struct plugin_build *b)
{
    size_t i;
    struct lt_plugin *p = by_id(r->set, b->manifest.id, &i);
    if (!p) {
        add_plugin(r, path, b);
        return;
    }
    if (r->seen[i]) {
        lt_log(LT_LOG_ERROR, "plugin.manifest", LT_S("manifest", path),
               LT_SS("error", lt_printf(b->arena, "plugin '%s' is already loaded from %s", p->id_z, p->path)));
        lt_plugin_build_drop(b);
        return;
    }
    r->seen[i] = true;
    struct plugin_build *now = p->build;
    if (!same_content(now, b)) {
        change_build(r, p, b);
        return;
    }
    now->manifest_mark = b->manifest_mark;
    now->file_mark = b->file_mark;
    p->path = lt_strz(now->arena, lt_str(path));
    lt_plugin_build_drop(b);
}

static void look_at(struct reload *r, const char *path)
{
    struct lt_error err = {0};
    for (size_t i = 0; i < atomic_load(&r->set->n); i++) {
        struct lt_plugin *p = r->set->plugins[i];
        if (!p->err.code && !r->seen[i] && untouched(p, path)) {
            r->seen[i] = true;
            return;
        }
    }
    struct plugin_build *b = lt_plugin_build_read(r->set, path, &err);
    if (b) {
        take_build(r, path, b);
        return;
    }
    if (err.code == LT_ENOT_FOUND)
        return;
    lt_log_error("plugin.manifest", &err);
    for (size_t i = 0; i < atomic_load(&r->set->n); i++) /* what is wrong now does not end what was right */
        r->seen[i] = r->seen[i] || strcmp(r->set->plugins[i]->path, path) == 0;
}

static void declare_again(struct lt_plugin_set *s)
{
    struct lt_arena *arena = lt_arena_new();
    lt_services_redeclare(s->services);
    size_t n = lt_services_declare_folder(s->services, lt_printf(arena, "%s/components", s->options.data).p);
    for (size_t i = 0; i < atomic_load(&s->n); i++)
        if (!s->plugins[i]->err.code && s->plugins[i]->use == PLUGIN_ON)
            lt_plugin_declare(s->plugins[i]);
    lt_services_bind(s->services);
    lt_log(LT_LOG_INFO, "plugin.reload", LT_I("components", (int64_t)n), LT_I("generation", (int64_t)lt_services_generation(s->services)));
    lt_arena_free(arena);
}

bool lt_plugins_reload(struct lt_plugin_set *s, const struct lt_plugins_keeper *keeper)
{
    struct reload r = {.set = s, .keeper = keeper};
    const char *paths[LT_PLUGINS_MAX];
    struct lt_arena *arena = lt_arena_new();
    size_t n = lt_plugins_find(s, arena, paths);
    for (size_t i = 0; i < n; i++)
        look_at(&r, paths[i]);
    for (size_t i = 0; i < atomic_load(&s->n); i++) {
        struct lt_plugin *p = s->plugins[i];
        if (p->err.code)
            continue;
        if (r.seen[i])
            look_at_switch(&r, p);
        else if (p->use != PLUGIN_REMOVED)
            switch_off(&r, p, PLUGIN_REMOVED);
    }
    if (s->services)
        declare_again(s);
    lt_arena_free(arena);
    return r.changed;
}

/* ---- keeping ---- */

struct look {
    struct lt_plugin_set *set;
    const struct lt_plugins_keeper *keeper;
    const char *path;            /* of what is changed by who wants a reload */
    struct plugin_mark mark;
    bool changed;
};

/* Worker. */
static void look(void *arg)
{
    struct look *l = arg;
    struct plugin_mark now;
    lt_plugin_mark(l->path, &now);
    bool wanted = atomic_exchange(&l->set->wanted, false) || !same_mark(&now, &l->mark);
    l->mark = now;
    l->changed = wanted && lt_plugins_reload(l->set, l->keeper);
    lt_plugins_revive(l->set);
    lt_plugins_reap(l->set);
}

void lt_plugins_keep(struct lt_plugin_set *s, const struct lt_plugins_keeper *keeper)
{
    struct look l = {.set = s, .keeper = keeper};
    struct lt_arena *arena = lt_arena_new();
    l.path = lt_printf(arena, "%s/reload", s->dir).p;
    lt_plugin_mark(l.path, &l.mark);
    lt_fiber_set_name("keeper of plugins");
    while (lt_fiber_sleep(LOOK_MS) != LT_ECANCELLED)
        if (!lt_work(look, &l) && l.changed && keeper && keeper->changed)
            keeper->changed(keeper->ctx);
    lt_arena_free(arena);
}

void lt_plugins_want_reload(struct lt_plugin_set *s)
{
    atomic_store(&s->wanted, true);
}

enum lt_code lt_plugins_ask_reload(const char *data, struct lt_error *err)
{
    char now[25];
    struct lt_arena *arena = lt_arena_new();
    const char *dir = lt_printf(arena, "%s/plugins", data).p;
    lt_time_format(lt_now_ms(), now);
    mkdir(dir, 0700);
    enum lt_code rc = lt_file_put(lt_printf(arena, "%s/reload", dir).p, lt_printf(arena, "%s\n", now), false, err);
    lt_arena_free(arena);
    return rc;
}

enum lt_code lt_plugins_switch(const char *data, struct lt_str id, bool on, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    const char *path = lt_printf(arena, "%s/plugins/%.*s.off", data, LT_FMT(id)).p;
    enum lt_code rc = LT_OK;
    mkdir(lt_printf(arena, "%s/plugins", data).p, 0700);
    if (!on)
        rc = lt_file_put(path, LT_STR("switched off by the administrator\n"), false, err);
    else if (unlink(path) != 0 && errno != ENOENT)
        rc = lt_fail(err, LT_EIO, "%s: %s", path, strerror(errno));
    lt_arena_free(arena);
    return rc;
}
