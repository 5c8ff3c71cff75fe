/* The registry: one sorted array of entries; the first of each kind/name is the selected one. */
#include "core/registry.h"

#include <stdlib.h>

#include "base/log.h"

enum { ENTRIES_MAX = 4096 };

static const struct lt_entry *entries[ENTRIES_MAX];
static size_t entries_n;
static bool sealed;
static const struct lt_entry *selected[LT_KIND_COUNT][ENTRIES_MAX / 4]; /* filled by seal */
static size_t selected_n[LT_KIND_COUNT];

static const char *const kind_names[LT_KIND_COUNT] = {
    [LT_KIND_PLACEMENT] = "placement",       [LT_KIND_ACTION] = "action",       [LT_KIND_PROVIDER] = "provider",
    [LT_KIND_ORCHESTRATOR] = "orchestrator", [LT_KIND_PROCESSOR] = "processor", [LT_KIND_TOOL] = "tool",
    [LT_KIND_CONNECTOR] = "connector",       [LT_KIND_SERVICE] = "service",
};

const char *lt_kind_name(enum lt_kind kind)
{
    return (unsigned)kind < LT_KIND_COUNT ? kind_names[kind] : "unknown";
}

static bool name_ok(const char *name)
{
    size_t n = strlen(name);
    if (n == 0 || n > 63 || name[0] < 'a' || name[0] > 'z')
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.-") == n;
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

/* Kind, name, then the selection order: rank, version, plugin id. */
static int compare(const struct lt_entry *a, const struct lt_entry *b)
{
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    int c = strcmp(a->name, b->name);
    if (c != 0)
        return c;
    if (a->rank != b->rank)
        return a->rank > b->rank ? -1 : 1;
    if (a->major != b->major)
        return a->major > b->major ? -1 : 1;
    if (a->minor != b->minor)
        return a->minor > b->minor ? -1 : 1;
    return strcmp(a->plugin, b->plugin);
}

enum lt_code lt_registry_add(const struct lt_entry *e, struct lt_error *err)
{
    if (sealed)
        return lt_fail(err, LT_ECONFIG, "registry: %s/%s comes after the registry was sealed", lt_kind_name(e->kind), e->name);
    if ((unsigned)e->kind >= LT_KIND_COUNT || !name_ok(e->name))
        return lt_fail(err, LT_ECONFIG, "registry: '%s' is not a valid name (lower-case letter, then letters, digits, _ . -, at most 63)", e->name);
    if (e->kind == LT_KIND_ACTION && !action_name_ok(e->name))
        return lt_fail(err, LT_ECONFIG, "registry: action '%s' must be verb_noun, singular", e->name);
    if (entries_n == ENTRIES_MAX)
        return lt_fail(err, LT_ECONFIG, "registry: more than %d entries", ENTRIES_MAX);
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

void lt_registry_seal(void)
{
    for (size_t i = 0; i < entries_n; i++) {
        const struct lt_entry *e = entries[i];
        size_t n = selected_n[e->kind];
        bool first = n == 0 || strcmp(selected[e->kind][n - 1]->name, e->name) != 0;
        if (first && e->rank > 0 && n < LT_COUNT(selected[0]))
            selected[e->kind][selected_n[e->kind]++] = e;
    }
    sealed = true;
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
    if (name.n == 0)
        return NULL;
    const struct lt_entry **at =
        bsearch(&name, selected[kind], selected_n[kind], sizeof(selected[kind][0]), compare_name);
    return at ? *at : NULL;
}

size_t lt_registry_count(enum lt_kind kind)
{
    return selected_n[kind];
}

const struct lt_entry *lt_registry_at(enum lt_kind kind, size_t i)
{
    return selected[kind][i];
}

void lt_registry_reset(void)
{
    entries_n = 0;
    sealed = false;
    memset(selected_n, 0, sizeof(selected_n));
}
