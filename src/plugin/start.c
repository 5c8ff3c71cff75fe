/* Bringing builds up from copies of their files; faults; letting go. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/secret.h"
#include "plugin/crash.h"
#include "plugin/plugin_private.h"

enum { LIBRARY_MAX = 512 << 20, HASH_SHOWN = 32, MANIFEST_HASH_SHOWN = 8 };

/* ---- copies ---- */

static enum lt_code read_whole(struct lt_arena *arena, const char *path, struct lt_str *ret, struct lt_error *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > LIBRARY_MAX) {
        const char *why = fd < 0 ? strerror(errno) : "is no file, or too large";
        if (fd >= 0)
            close(fd);
        return lt_fail(err, LT_EIO, "%s: %s", path, why);
    }
    char *bytes = lt_alloc(arena, (size_t)st.st_size + 1);
    long n = lt_fd_read(fd, bytes, (size_t)st.st_size);
    close(fd);
    *ret = (struct lt_str){bytes, n > 0 ? (size_t)n : 0};
    return n < 0 ? lt_fail(err, LT_EIO, "%s: cannot be read", path) : LT_OK;
}

static void hash_of(struct lt_str bytes, char ret[65])
{
    uint8_t hash[32];
    lt_sha256(bytes.p, bytes.n, hash);
    lt_hex(hash, 32, ret);
}

/* Copies bear the hash of what is in them, so that one that is there is right. */
static enum lt_code put_copy(const char *path, struct lt_str bytes, struct lt_error *err)
{
    return access(path, R_OK) == 0 ? LT_OK : lt_file_put(path, bytes, false, err);
}

/* ID-HASH-MANIFESTHASH.so with its .json: whoever replaces the file does not change what runs, now or after a crash. */
static enum lt_code copy_library(struct plugin_build *b, struct lt_error *err)
{
    struct lt_str library;
    char manifest_hash[65];
    const char *dir = b->plugin->set->dir;
    struct lt_arena *arena = lt_arena_new();
    enum lt_code rc = read_whole(arena, b->manifest.file, &library, err);
    if (!rc) {
        hash_of(library, b->hash);
        hash_of(b->manifest.text, manifest_hash);
        mkdir(dir, 0700);
        const char *stem =
            lt_printf(arena, "%s/%s-%.*s-%.*s", dir, b->plugin->id_z, HASH_SHOWN, b->hash, MANIFEST_HASH_SHOWN, manifest_hash).p;
        const char *copy = lt_printf(b->arena, "%s.so", stem).p;
        rc = put_copy(lt_printf(arena, "%s.json", stem).p, b->manifest.text, err);
        if (!rc && !(rc = put_copy(copy, library, err)))
            b->copy = copy;
    }
    lt_arena_free(arena);
    return rc;
}

/* What is to be started is there, and b->hash is its hash. */
static enum lt_code prepare(struct plugin_build *b, struct lt_error *err)
{
    if (b->manifest.command[0])
        return lt_file_hash(b->manifest.file, b->hash, err);
    return b->copy ? LT_OK : copy_library(b, err);
}

/* A copy of a build of this very plugin: ids may begin alike. */
static bool is_copy(const struct lt_plugin *p, const char *name)
{
    struct lt_str s = lt_str(name);
    size_t stem = p->id.n + 1 + HASH_SHOWN + 1 + MANIFEST_HASH_SHOWN;
    if (s.n < stem || !lt_str_starts(s, p->id) || name[p->id.n] != '-' || name[p->id.n + 1 + HASH_SHOWN] != '-')
        return false;
    return strcmp(name + stem, ".so") == 0 || strcmp(name + stem, ".json") == 0;
}

struct copy {
    char stem[128]; /* without .so and .json */
    int64_t changed_ns;
};

/* One entry for each stem, with the newest time. */
static size_t list_copies(struct lt_plugin *p, struct lt_arena *arena, struct copy *list, size_t max)
{
    DIR *d = opendir(p->set->dir);
    size_t n = 0;
    for (struct dirent *e; d && (e = readdir(d));) {
        struct plugin_mark mark;
        char stem[sizeof(list->stem)];
        size_t i = 0;
        if (!is_copy(p, e->d_name) || !lt_plugin_mark(lt_printf(arena, "%s/%s", p->set->dir, e->d_name).p, &mark))
            continue;
        snprintf(stem, sizeof(stem), "%.*s", (int)(strrchr(e->d_name, '.') - e->d_name), e->d_name);
        while (i < n && strcmp(list[i].stem, stem) != 0)
            i++;
        if (i == max)
            continue;
        if (i == n)
            snprintf(list[n++].stem, sizeof(stem), "%s", stem);
        list[i].changed_ns = mark.changed_ns > list[i].changed_ns ? mark.changed_ns : list[i].changed_ns;
    }
    if (d)
        closedir(d);
    return n;
}

static bool is_of(const struct copy *c, const char *copy)
{
    const char *name = copy ? strrchr(copy, '/') + 1 : "";
    size_t n = strlen(c->stem);
    return strncmp(name, c->stem, n) == 0 && strcmp(name + n, ".so") == 0;
}

static bool is_wanted(struct lt_plugin *p, const struct copy *c)
{
    bool wanted = false;
    pthread_mutex_lock(&p->lock);
    for (struct plugin_build *b = p->set->builds; b && !wanted; b = b->next)
        wanted = b->plugin == p && (!b->replaced || b->child) && is_of(c, b->copy);
    pthread_mutex_unlock(&p->lock);
    return wanted;
}

/* All but those of builds that may still be started, and the newest of the others. */
static void remove_old_copies(struct lt_plugin *p)
{
    enum { MOST = 256 };
    struct lt_arena *arena = lt_arena_new();
    struct copy *list = LT_NEW_ARRAY(arena, struct copy, MOST);
    size_t n = list_copies(p, arena, list, MOST), last = MOST;
    for (size_t i = 0; i < n; i++) {
        if (is_wanted(p, &list[i]))
            list[i].stem[0] = '\0';
        if (list[i].stem[0] && (last == MOST || list[i].changed_ns > list[last].changed_ns))
            last = i;
    }
    for (size_t i = 0; i < n; i++)
        if (i != last && list[i].stem[0]) {
            unlink(lt_printf(arena, "%s/%s.so", p->set->dir, list[i].stem).p);
            unlink(lt_printf(arena, "%s/%s.json", p->set->dir, list[i].stem).p);
        }
    lt_arena_free(arena);
}

/* ---- starting ---- */

static void say_left_alone(struct plugin_build *b, int64_t until, struct lt_str why)
{
    pthread_mutex_lock(&b->plugin->lock);
    b->until = until;
    snprintf(b->why, sizeof(b->why), "%.*s", LT_FMT(why));
    b->starting = false;
    pthread_mutex_unlock(&b->plugin->lock);
    lt_plugin_report(b);
}

void lt_plugin_build_fault(struct plugin_build *b, const char *why)
{
    struct lt_error err;
    struct lt_quarantine q = {0};
    struct lt_plugin *p = b->plugin;
    int64_t now = lt_now_ms();
    if (lt_quarantine_add(p->set->dir, b->hash, p->id, lt_str(why), now, &q, &err))
        lt_log_error("plugin.quarantine", &err);
    lt_log(LT_LOG_ERROR, "plugin.fault", LT_SS("plugin", p->id), LT_SS("version", b->manifest.version), LT_S("error", why), LT_I("faults", q.faults),
           LT_I("pause_ms", q.until - now));
    say_left_alone(b, q.until, lt_str(why));
}

/* Named by the operator, and nothing is known against the file: who has faults runs where they hurt nobody. */
static bool may_be_inside(const struct plugin_build *b, int64_t faults)
{
    const struct lt_plugin *p = b->plugin;
    struct lt_str rest = lt_str(p->set->options.in_process ? p->set->options.in_process : "");
    bool wants = lt_str_is(lt_json_str(lt_json_get(b->manifest.json, "run")), "in_process"), named = false;
    while (!named && rest.n > 0)
        named = lt_str_eq(lt_str_cut(&rest, ':'), p->id);
    if (p->set->daemon && wants != named)
        lt_log(LT_LOG_INFO, "plugin.own_process", LT_SS("plugin", p->id),
               LT_S("reason", wants ? "plugin_in_process does not name it" : "its manifest does not say \"run\": \"in_process\""));
    if (p->set->daemon && wants && named && faults > 0)
        lt_log(LT_LOG_WARN, "plugin.own_process", LT_SS("plugin", p->id), LT_S("reason", "the file has faults"), LT_I("faults", faults));
    return p->set->daemon && wants && named && faults == 0;
}

static void come_up(struct plugin_build *b, int64_t faults)
{
    struct lt_error err = {0};
    struct lt_plugin_child *child = NULL;
    b->manifest.in_process = may_be_inside(b, faults);
    if (lt_plugin_child_start(b->plugin->set->options.program, &b->manifest, b->copy, &child, &err)) {
        lt_plugin_build_fault(b, err.detail);
        return;
    }
    lt_log(LT_LOG_INFO, "plugin.start", LT_SS("plugin", b->plugin->id), LT_SS("version", b->manifest.version), LT_S("sha256", b->hash),
           LT_S("run", b->manifest.in_process ? "in_process" : "process"));
    pthread_mutex_lock(&b->plugin->lock);
    b->child = child;
    b->late = 0;
    b->starting = false;
    pthread_mutex_unlock(&b->plugin->lock);
    lt_plugin_report(b);
    remove_old_copies(b->plugin);
}

void lt_plugin_build_start(void *build)
{
    struct plugin_build *b = build;
    struct lt_error err = {0};
    struct lt_arena *arena = lt_arena_new();
    if (prepare(b, &err)) { /* nothing has run: no fault of a file */
        lt_log_error("plugin.start", &err);
        say_left_alone(b, lt_now_ms() + LT_QUARANTINE_FIRST_S * 1000, lt_str(err.detail));
    } else {
        struct lt_quarantine q = lt_quarantine_read(arena, b->plugin->set->dir, b->hash, lt_now_ms());
        if (q.until > lt_now_ms())
            say_left_alone(b, q.until, q.reason);
        else
            come_up(b, q.faults);
    }
    lt_arena_free(arena);
}

static bool may_start(struct lt_plugin *p)
{
    struct lt_error err;
    return !p->err.code && !p->tried && !p->build->manifest.data && !lt_plugin_usable(p, &err);
}

static void say_inactive(struct lt_plugin *p)
{
    struct lt_error err;
    if (!p->err.code && !p->tried && p->use == PLUGIN_ON && lt_plugin_usable(p, &err))
        lt_log_error("plugin.inactive", &err);
    p->tried = true;
}

void lt_plugins_start(struct lt_plugin_set *s)
{
    s->running = s->daemon = true;
    lt_crash_recover(s->dir);
    lt_quarantine_sweep(s->dir, lt_now_ms());
    for (bool more = true; more;) { /* one that is up may be what another needs */
        more = false;
        for (size_t i = 0; i < atomic_load(&s->n); i++) {
            struct lt_plugin *p = s->plugins[i];
            if (!may_start(p))
                continue;
            p->tried = more = true;
            lt_plugin_build_start(p->build);
        }
    }
    for (size_t i = 0; i < atomic_load(&s->n); i++)
        say_inactive(s->plugins[i]);
}

/* Its process has ended although nobody called it. */
static void notice_end(struct plugin_build *b)
{
    struct lt_plugin *p = b->plugin;
    pthread_mutex_lock(&p->lock);
    struct lt_plugin_child *child = b->child && lt_plugin_child_ended(b->child) ? b->child : NULL;
    if (child) {
        b->child = NULL;
        b->starting = true; /* nobody starts it anew before the fault is known */
    }
    pthread_mutex_unlock(&p->lock);
    if (!child)
        return;
    struct lt_arena *arena = lt_arena_new();
    lt_plugin_build_fault(b, lt_printf(arena, "its process ended by itself: %.*s", LT_FMT(lt_plugin_child_end(child, arena))).p);
    lt_arena_free(arena);
    lt_plugin_child_unref(child);
}

/* A service must be there before it is called; anything else is started at its first call, once somebody has tried. */
static bool is_due(struct lt_plugin *p)
{
    struct lt_error err;
    struct plugin_build *b = p->build;
    if (p->err.code || b->manifest.data || lt_plugin_usable(p, &err) || (p->tried && lt_json_len(lt_manifest_provides(&b->manifest, LT_KIND_SERVICE)) == 0))
        return false;
    pthread_mutex_lock(&p->lock);
    bool due = !b->child && !b->starting && b->until <= lt_now_ms();
    b->starting = b->starting || due;
    pthread_mutex_unlock(&p->lock);
    return due;
}

void lt_plugins_revive(struct lt_plugin_set *s)
{
    for (struct plugin_build *b = s->builds; b; b = b->next)
        notice_end(b);
    for (size_t i = 0; i < atomic_load(&s->n); i++) {
        struct lt_plugin *p = s->plugins[i];
        if (!is_due(p)) {
            say_inactive(p);
            continue;
        }
        p->tried = true;
        if (s->services)
            lt_services_ready(s->services, p->id_z, false);
        lt_plugin_build_start(p->build);
    }
}

/* ---- letting go ---- */

void lt_plugins_reap(struct lt_plugin_set *s)
{
    for (struct plugin_build *b = s->builds; b; b = b->next) {
        struct lt_plugin *p = b->plugin;
        pthread_mutex_lock(&p->lock);
        bool wanted = p->use == PLUGIN_ON ? !b->replaced : lt_mono_ms() < p->off_at_ms + s->options.drain_ms;
        bool called = atomic_load(&b->offers) > 0 && p->use == PLUGIN_ON;
        struct lt_plugin_child *child = !wanted && !called && b->child && lt_plugin_child_idle(b->child) ? b->child : NULL;
        if (child)
            b->child = NULL;
        pthread_mutex_unlock(&p->lock);
        if (child) {
            lt_plugin_child_unref(child);
            remove_old_copies(p);
            lt_log(LT_LOG_INFO, "plugin.end", LT_SS("plugin", p->id), LT_SS("version", b->manifest.version), LT_S("sha256", b->hash));
        }
    }
}
