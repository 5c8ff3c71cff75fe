/* Templates on disk. */
#include "workflows/template.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "io/worker.h"

struct lt_template_set {
    _Atomic int references;
    struct lt_arena *arena;
    struct lt_template **items; /* by name, then path */
    size_t n;
    size_t missing;             /* directories that are not there */
};

/* ---- paths ---- */

enum lt_code lt_template_path_check(struct lt_str path, struct lt_error *err)
{
    if (path.n == 0)
        return lt_fail(err, LT_EINVALID_INPUT, "must not be empty");
    if (path.n > LT_TEMPLATE_PATH_MAX || memchr(path.p, '\0', path.n) || !lt_utf8_valid(path.p, path.n))
        return lt_fail(err, LT_EINVALID_INPUT, "must be at most %d bytes of UTF-8", LT_TEMPLATE_PATH_MAX);
    if (path.p[0] == '/')
        return lt_fail(err, LT_EINVALID_INPUT, "must be relative to a template directory");
    if (memmem(path.p, path.n, "..", 2))
        return lt_fail(err, LT_EINVALID_INPUT, "must not contain '..'");
    for (struct lt_str rest = path; rest.n > 0;) {
        struct lt_str part = lt_str_cut(&rest, '/');
        if (part.n == 0 || lt_str_is(part, "."))
            return lt_fail(err, LT_EINVALID_INPUT, "must not have empty parts or '.'");
    }
    return LT_OK;
}

static struct lt_str suffix_of(struct lt_str path)
{
    return lt_str_ends(path, LT_STR(".json5")) ? LT_STR(".json5") : lt_str_ends(path, LT_STR(".json")) ? LT_STR(".json") : LT_STR("");
}

/* ---- one file ---- */

struct lt_template *lt_template_ref(const struct lt_template *t)
{
    struct lt_template *shared = (struct lt_template *)t;
    atomic_fetch_add_explicit(&shared->references, 1, memory_order_relaxed);
    return shared;
}

void lt_template_unref(struct lt_template *t)
{
    if (t && atomic_fetch_sub_explicit(&t->references, 1, memory_order_acq_rel) == 1)
        lt_arena_free(t->arena);
}

static int64_t nanoseconds(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct lt_template_stamp stamp_of(const struct stat *s)
{
    return (struct lt_template_stamp){(uint64_t)s->st_dev, (uint64_t)s->st_ino, (int64_t)s->st_size, nanoseconds(s->st_mtim), nanoseconds(s->st_ctim)};
}

static bool same_stamp(const struct lt_template_stamp *a, const struct lt_template_stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size && a->changed_ns == b->changed_ns &&
           a->mode_changed_ns == b->mode_changed_ns;
}

/* Where `file` really lies, when that is below `dir` (both without links); false with the reason. */
static bool inside(const char *dir, const char *file, char real[PATH_MAX], struct lt_error *err)
{
    char real_dir[PATH_MAX];
    size_t n;
    if (!realpath(dir, real_dir) || !realpath(file, real)) {
        lt_fail(err, LT_ECONFIG, "cannot be read: %s", strerror(errno));
        return false;
    }
    n = strlen(real_dir);
    if (strcmp(real_dir, "/") == 0 || (strncmp(real, real_dir, n) == 0 && real[n] == '/'))
        return true;
    lt_fail(err, LT_ECONFIG, "is a link that leads out of its directory");
    return false;
}

/* One that grows just now is seen whole by the next look. */
static enum lt_code read_whole(struct lt_arena *arena, int fd, size_t size, struct lt_str *ret, struct lt_error *err)
{
    char *p = lt_alloc(arena, size + 1);
    long n = lt_fd_read(fd, p, size);
    if (n < 0)
        return lt_fail(err, LT_ECONFIG, "cannot be read: %s", strerror(errno));
    *ret = (struct lt_str){p, (size_t)n};
    return LT_OK;
}

static enum lt_code read_open(struct lt_template *t, int fd, struct lt_error *err)
{
    struct stat s;
    if (fstat(fd, &s) != 0 || !S_ISREG(s.st_mode))
        return lt_fail(err, LT_ECONFIG, "is not a regular file");
    t->stamp = stamp_of(&s);
    if (s.st_size > LT_TEMPLATE_FILE_MAX)
        return lt_fail(err, LT_ECONFIG, "is larger than %d bytes", LT_TEMPLATE_FILE_MAX);
    if (read_whole(t->arena, fd, (size_t)s.st_size, &t->text, err))
        return err->code;
    if (lt_json_parse(t->arena, t->text, LT_JSON_JSON5_FINITE, &t->json, err)) {
        err->code = LT_ECONFIG;
        t->json = NULL;
    }
    return err->code;
}

/* Never fails: what is wrong stands in the template. */
static struct lt_template *read_template(const char *dir, struct lt_str path, const char *file, const struct stat *seen)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_template *t = LT_NEW(arena, struct lt_template);
    char real[PATH_MAX];
    *t = (struct lt_template){.references = 1, .arena = arena, .stamp = stamp_of(seen)};
    t->path = lt_str_copy(arena, path);
    t->file = lt_str_copy(arena, lt_str(file));
    char *name = lt_strz(arena, (struct lt_str){path.p, path.n - suffix_of(path).n});
    for (char *c = name; *c; c++)
        *c = *c == '/' ? '.' : *c;
    t->name = lt_str(name);
    t->text = LT_STR("");
    if (inside(dir, file, real, &t->err)) {
        int fd = open(real, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0)
            lt_fail(&t->err, LT_ECONFIG, "cannot be read: %s", strerror(errno));
        else {
            read_open(t, fd, &t->err);
            close(fd);
        }
    }
    if (t->err.code)
        lt_error_wrap(&t->err, "template %.*s", LT_FMT(t->path));
    return t;
}

/* ---- looking through directories ---- */

struct walk {
    const char *const *dirs;
    size_t dirs_n;
    struct lt_template_set *previous, *set;
    const char *dir;   /* the one that is looked through */
    size_t cap;
    size_t reused;
    bool full;
};

static struct lt_template *known(const struct lt_template_set *set, struct lt_str path)
{
    for (size_t i = 0; set && i < set->n; i++)
        if (lt_str_eq(set->items[i]->path, path))
            return set->items[i];
    return NULL;
}

static void add(struct walk *w, struct lt_template *t)
{
    w->set->items[w->set->n++] = t;
}

static void take_file(struct walk *w, struct lt_str path, const char *file)
{
    struct stat s;
    struct lt_template *old = known(w->previous, path);
    if (known(w->set, path)) /* an earlier directory has it */
        return;
    if (w->set->n == LT_TEMPLATES_MAX) {
        w->full = true;
        return;
    }
    if (stat(file, &s) != 0)
        memset(&s, 0, sizeof(s)); /* a link to nothing: it stands there with its error */
    struct lt_template_stamp stamp = stamp_of(&s);
    if (old && same_stamp(&old->stamp, &stamp) && lt_str_is(old->file, file)) {
        w->reused++;
        add(w, lt_template_ref(old));
    } else
        add(w, read_template(w->dir, path, file, &s));
}

static void take_entry(struct walk *w, struct lt_str below, const char *name, int depth);

static bool take_folder(struct walk *w, struct lt_str below, int depth)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof(folder), "%s%s%.*s", w->dir, below.n ? "/" : "", LT_FMT(below));
    DIR *d = opendir(folder);
    if (!d)
        return false;
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.')
            take_entry(w, below, e->d_name, depth);
    closedir(d);
    return true;
}

static void take_entry(struct walk *w, struct lt_str below, const char *name, int depth)
{
    char path[LT_TEMPLATE_PATH_MAX + 1], file[PATH_MAX];
    struct stat s;
    int n = snprintf(path, sizeof(path), "%.*s%s%s", LT_FMT(below), below.n ? "/" : "", name);
    int m = snprintf(file, sizeof(file), "%s/%s", w->dir, path);
    struct lt_str relative = {path, (size_t)n};
    if (n < 0 || (size_t)n >= sizeof(path) || m < 0 || (size_t)m >= sizeof(file) || lt_template_path_check(relative, NULL) ||
        lstat(file, &s) != 0)
        return;
    if (S_ISDIR(s.st_mode) && depth < LT_TEMPLATE_DEPTH) /* links to folders are not followed */
        take_folder(w, relative, depth + 1);
    else if (!S_ISDIR(s.st_mode) && suffix_of(relative).n > 0)
        take_file(w, relative, file);
}

static int by_name(const void *a, const void *b)
{
    const struct lt_template *x = *(struct lt_template *const *)a, *y = *(struct lt_template *const *)b;
    int c = strcmp(x->name.p, y->name.p);
    return c ? c : strcmp(x->path.p, y->path.p);
}

static void walk_all(void *arg)
{
    struct walk *w = arg;
    struct lt_arena *arena = lt_arena_new();
    w->set = LT_NEW(arena, struct lt_template_set);
    *w->set = (struct lt_template_set){.references = 1, .arena = arena, .items = LT_NEW_ARRAY(arena, struct lt_template *, LT_TEMPLATES_MAX)};
    for (size_t i = 0; i < w->dirs_n; i++) {
        w->dir = w->dirs[i];
        if (take_folder(w, LT_STR(""), 0))
            continue;
        w->set->missing++;
        if (!w->previous || w->previous->missing == 0)
            lt_log(LT_LOG_WARN, "templates.no_directory", LT_S("dir", w->dir), LT_S("detail", strerror(errno)));
    }
    if (w->set->n > 1)
        qsort(w->set->items, w->set->n, sizeof(*w->set->items), by_name);
    if (w->full && !w->previous)
        lt_log(LT_LOG_WARN, "templates.too_many", LT_I("max", LT_TEMPLATES_MAX));
}

struct lt_template_set *lt_template_set_load(const char *const *dirs, size_t dirs_n, struct lt_template_set *previous)
{
    struct walk w = {.dirs = dirs, .dirs_n = dirs_n, .previous = previous};
    if (lt_work(walk_all, &w)) { /* too busy to look: what there was */
        if (previous)
            return lt_template_set_ref(previous);
        walk_all(&w);
    }
    if (previous && w.reused == w.set->n && previous->n == w.set->n && previous->missing == w.set->missing) {
        lt_template_set_unref(w.set);
        return lt_template_set_ref(previous);
    }
    return w.set;
}

struct lt_template_set *lt_template_set_ref(struct lt_template_set *set)
{
    atomic_fetch_add_explicit(&set->references, 1, memory_order_relaxed);
    return set;
}

void lt_template_set_unref(struct lt_template_set *set)
{
    if (!set || atomic_fetch_sub_explicit(&set->references, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < set->n; i++)
        lt_template_unref(set->items[i]);
    lt_arena_free(set->arena);
}

size_t lt_template_count(const struct lt_template_set *set)
{
    return set ? set->n : 0;
}

const struct lt_template *lt_template_at(const struct lt_template_set *set, size_t i)
{
    return set->items[i];
}

enum lt_code lt_template_find(const struct lt_template_set *set, struct lt_str path, const struct lt_template **ret, struct lt_error *err)
{
    if (lt_template_path_check(path, err))
        return lt_error_wrap(err, "template path");
    const struct lt_template *t = known(set, path);
    if (t) {
        *ret = t;
        if (!t->json && err)
            *err = t->err;
        return t->json ? LT_OK : t->err.code;
    }
    for (size_t i = 0; i < lt_template_count(set); i++)
        if (lt_str_starts(set->items[i]->path, path) && set->items[i]->path.n > path.n && set->items[i]->path.p[path.n] == '/')
            return lt_fail(err, LT_ENOT_FOUND, "'%.*s' is a directory, not a template", LT_FMT(path));
    return lt_fail(err, LT_ENOT_FOUND, "there is no template '%.*s'", LT_FMT(path));
}

struct lt_str lt_template_description(struct lt_arena *arena, const struct lt_template *t)
{
    struct lt_str rest = t->text, line;
    struct lt_buf out;
    lt_buf_init(&out, LT_TEMPLATE_FILE_MAX);
    while (lt_str_starts(rest, LT_STR("//"))) {
        const char *end = memchr(rest.p, '\n', rest.n);
        size_t n = end ? (size_t)(end - rest.p) : rest.n;
        line = lt_str_trim((struct lt_str){rest.p + 2, n - 2});
        if (out.n > 0)
            lt_buf_putc(&out, '\n');
        lt_buf_put_str(&out, line);
        rest.p += end ? n + 1 : n;
        rest.n -= end ? n + 1 : n;
    }
    struct lt_str text = lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return text;
}
