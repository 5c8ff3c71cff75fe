/* The registry: one sorted array of entries; the first of each kind/name is the selected one. Sealed, it is a table that is replaced as a whole. */
#include "core/registry.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"

enum { ENTRIES_MAX = 4096 };

struct table {
    struct table *before;                     /* replaced ones stay: their readers take no lock */
    size_t n;
    const struct lt_entry **selected[LT_KIND_COUNT]; /* slices behind the entries */
    size_t selected_n[LT_KIND_COUNT];
    const struct lt_entry *entries[];         /* n of them, sorted */
};

static const struct lt_entry *entries[ENTRIES_MAX]; /* from which the next table is made */
static size_t entries_n;
static bool sealed;
static bool changing; /* by who holds join_lock */
static size_t joins;
static pthread_mutex_t join_lock = PTHREAD_MUTEX_INITIALIZER;
static struct table *_Atomic current; /* NULL: not sealed */

static const char *const kind_names[LT_KIND_COUNT] = {
    [LT_KIND_PLACEMENT] = "placement",       [LT_KIND_ACTION] = "action",       [LT_KIND_PROVIDER] = "provider",
    [LT_KIND_ORCHESTRATOR] = "orchestrator", [LT_KIND_PROCESSOR] = "processor", [LT_KIND_TOOL] = "tool",
    [LT_KIND_CONNECTOR] = "connector",       [LT_KIND_SERVICE] = "service",
};

const char *lt_kind_name(enum lt_kind kind)
{
    return (unsigned)kind < LT_KIND_COUNT ? kind_names[kind] : "unknown";
}

bool lt_registry_name_ok(struct lt_str name)
{
    if (name.n == 0 || name.n > 63 || name.p[0] < 'a' || name.p[0] > 'z')
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789_.-", name.p[i]) || name.p[i] == '\0')
            return false;
    return true;
}

/* Actions are verb_noun in the singular: two words or more, and the last one is no plural. */
static bool action_name_ok(const char *name)
{
    size_t n = strlen(name);
    const char *bar = strchr(name, '_');
    if (!bar || bar == name || bar[1] == '\0' || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != n)
        return false;
    return name[n - 1] != 's' || (n > 2 && name[n - 2] == 's'); /* "class" is singular */
}

static bool of_host(const struct lt_entry *e)
{
    return e->kind == LT_KIND_SERVICE && strcmp(e->plugin, "builtin") == 0;
}

/* Kind, name, then the selection order: the host's service, rank, version, plugin id. */
static int compare(const struct lt_entry *a, const struct lt_entry *b)
{
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    int c = strcmp(a->name, b->name);
    if (c != 0)
        return c;
    if (of_host(a) != of_host(b))
        return of_host(a) ? -1 : 1;
    if (a->rank != b->rank)
        return a->rank > b->rank ? -1 : 1;
    if (a->major != b->major)
        return a->major > b->major ? -1 : 1;
    if (a->minor != b->minor)
        return a->minor > b->minor ? -1 : 1;
    return strcmp(a->plugin, b->plugin);
}

static enum lt_code check(const struct lt_entry *e, struct lt_error *err)
{
    if ((unsigned)e->kind >= LT_KIND_COUNT || !lt_registry_name_ok(lt_str(e->name)))
        return lt_fail(err, LT_ECONFIG, "registry: '%s' is not a valid name (lower-case letter, then letters, digits, _ . -, at most 63)", e->name);
    if (e->kind == LT_KIND_ACTION && !action_name_ok(e->name))
        return lt_fail(err, LT_ECONFIG, "registry: action '%s' must be verb_noun, singular", e->name);
    if (entries_n == ENTRIES_MAX)
        return lt_fail(err, LT_ECONFIG, "registry: more than %d entries", ENTRIES_MAX);
    return LT_OK;
}

static enum lt_code insert(const struct lt_entry *e, struct lt_error *err)
{
    size_t at = 0;
    while (at < entries_n && compare(entries[at], e) < 0)
        at++;
    if (at < entries_n && compare(entries[at], e) == 0)
        return lt_fail(err, LT_ECONFIG, "registry: %s/%s of plugin '%s' is there already", lt_kind_name(e->kind), e->name, e->plugin);
    memmove(&entries[at + 1], &entries[at], (entries_n - at) * sizeof(*entries));
    entries[at] = e;
    entries_n++;
    return LT_OK;
}

enum lt_code lt_registry_add(const struct lt_entry *e, struct lt_error *err)
{
    if (sealed && !changing)
        return lt_fail(err, LT_ECONFIG, "registry: %s/%s comes after the registry was sealed", lt_kind_name(e->kind), e->name);
    return check(e, err) ? LT_ECONFIG : insert(e, err);
}

/* The selected of each kind/name is the first; entries that must be named are never. */
static void select_first(struct table *t)
{
    const struct lt_entry **out = t->entries + t->n, *last = NULL;
    for (size_t i = 0; i < t->n; i++) {
        const struct lt_entry *e = t->entries[i];
        if (e->rank <= 0 || (last && last->kind == e->kind && strcmp(last->name, e->name) == 0))
            continue;
        if (t->selected_n[e->kind]++ == 0)
            t->selected[e->kind] = out;
        last = *out++ = e;
    }
}

/* False: no memory. */
static bool publish(void)
{
    struct table *t = calloc(1, sizeof(*t) + 2 * entries_n * sizeof(t->entries[0]));
    if (!t)
        return false;
    t->n = entries_n;
    memcpy(t->entries, entries, entries_n * sizeof(entries[0]));
    select_first(t);
    t->before = atomic_load(&current);
    atomic_store(&current, t);
    return true;
}

void lt_registry_seal(void)
{
    if (!publish())
        lt_out_of_memory(0);
    sealed = true;
    if (changing) {
        changing = false;
        pthread_mutex_unlock(&join_lock);
    }
}

void lt_registry_open(void)
{
    pthread_mutex_lock(&join_lock);
    changing = true;
}

static void take_out_at(size_t i)
{
    memmove(&entries[i], &entries[i + 1], (entries_n - i - 1) * sizeof(*entries));
    entries_n--;
}

size_t lt_registry_take_out(struct lt_str plugin, const struct lt_entry **out, size_t max)
{
    size_t n = 0;
    for (size_t i = entries_n; i-- > 0;)
        if (entries[i]->kind != LT_KIND_SERVICE && lt_str_is(plugin, entries[i]->plugin)) {
            if (n < max)
                out[n] = entries[i];
            n++;
            take_out_at(i);
        }
    return n;
}

static bool is_seen(const struct lt_entry *e)
{
    const struct table *t = atomic_load(&current);
    for (size_t i = 0; t && i < t->n; i++)
        if (t->entries[i] == e)
            return true;
    return false;
}

void lt_registry_each_new(enum lt_code (*fn)(void *ctx, const struct lt_entry *entry), void *ctx)
{
    for (size_t i = entries_n; i-- > 0;)
        if (!is_seen(entries[i]) && fn(ctx, entries[i]))
            take_out_at(i);
}

static void take_out_same(const struct lt_entry *e)
{
    for (size_t i = 0; i < entries_n; i++) {
        const struct lt_entry *o = entries[i];
        if (o->kind == e->kind && o->major == e->major && strcmp(o->name, e->name) == 0 && strcmp(o->plugin, e->plugin) == 0) {
            take_out_at(i);
            return;
        }
    }
}

enum lt_code lt_registry_join(const struct lt_entry *e, struct lt_error *err)
{
    if (e->kind != LT_KIND_SERVICE)
        return lt_fail(err, LT_ECONFIG, "registry: only services join later, not %s/%s", lt_kind_name(e->kind), e->name);
    pthread_mutex_lock(&join_lock);
    enum lt_code rc = check(e, err);
    if (!rc && joins >= LT_REGISTRY_JOINS)
        rc = lt_fail(err, LT_EOVERLOADED, "registry: %d services came since the start; start again", LT_REGISTRY_JOINS);
    if (!rc) {
        take_out_same(e);
        rc = insert(e, err);
        joins++;
        if (!rc && sealed && !publish())
            rc = lt_fail(err, LT_EOVERLOADED, "registry: no memory");
    }
    pthread_mutex_unlock(&join_lock);
    return rc;
}

void lt_registry_leave(const struct lt_entry *e)
{
    pthread_mutex_lock(&join_lock);
    for (size_t i = 0; i < entries_n; i++)
        if (entries[i] == e) {
            take_out_at(i);
            if (sealed)
                publish();
            break;
        }
    pthread_mutex_unlock(&join_lock);
}

static int compare_name(const void *key, const void *element)
{
    const struct lt_str *name = key;
    const char *other = (*(const struct lt_entry *const *)element)->name;
    size_t n = strlen(other);
    int c = memcmp(name->p, other, name->n < n ? name->n : n);
    return c != 0 ? c : name->n < n ? -1 : name->n > n;
}

const struct lt_entry *lt_registry_find(enum lt_kind kind, struct lt_str name)
{
    const struct table *t = atomic_load_explicit(&current, memory_order_acquire);
    if (name.n == 0 || !t || t->selected_n[kind] == 0)
        return NULL;
    const struct lt_entry **at = bsearch(&name, t->selected[kind], t->selected_n[kind], sizeof(t->entries[0]), compare_name);
    return at ? *at : NULL;
}

static int compare_kind_name(enum lt_kind kind, struct lt_str name, const struct lt_entry *const *at)
{
    return kind != (*at)->kind ? (kind < (*at)->kind ? -1 : 1) : compare_name(&name, at);
}

const struct lt_entry *const *lt_registry_candidates(enum lt_kind kind, struct lt_str name, size_t *ret_n)
{
    const struct table *t = atomic_load_explicit(&current, memory_order_acquire);
    size_t low = 0, high = t ? t->n : 0;
    *ret_n = 0;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (compare_kind_name(kind, name, &t->entries[middle]) > 0)
            low = middle + 1;
        else
            high = middle;
    }
    while (t && low + *ret_n < t->n && compare_kind_name(kind, name, &t->entries[low + *ret_n]) == 0)
        (*ret_n)++;
    return *ret_n ? &t->entries[low] : NULL;
}

size_t lt_registry_count(enum lt_kind kind)
{
    const struct table *t = atomic_load_explicit(&current, memory_order_acquire);
    return t ? t->selected_n[kind] : 0;
}

const struct lt_entry *lt_registry_at(enum lt_kind kind, size_t i)
{
    const struct table *t = atomic_load_explicit(&current, memory_order_acquire);
    while (i >= t->selected_n[kind]) /* an entry was taken out since it was counted */
        t = t->before;
    return t->selected[kind][i];
}

void lt_registry_reset(void)
{
    for (struct table *t = atomic_exchange(&current, NULL), *before; t; t = before) {
        before = t->before;
        free(t);
    }
    entries_n = joins = 0;
    sealed = false;
}
