/* Chains by hash and a ring. */
#include "base/lru.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/secret.h"

void lt_lru_init(struct lt_lru *lru, size_t slots)
{
    size_t n = 16;
    while (n < slots)
        n *= 2;
    *lru = (struct lt_lru){.mask = n - 1, .slots = calloc(n, sizeof(struct lt_lru_entry *))};
    if (!lru->slots)
        lt_out_of_memory(0);
    lt_random(&lru->seed, sizeof(lru->seed));
    lru->head.newer = lru->head.older = &lru->head;
}

void lt_lru_end(struct lt_lru *lru)
{
    struct lt_lru_entry *e;
    while ((e = lt_lru_oldest(lru))) {
        lt_lru_remove(lru, e);
        free(e);
    }
    free(lru->slots);
}

static struct lt_lru_entry *of_hash(struct lt_lru_entry *e, uint64_t hash)
{
    while (e && e->hash != hash)
        e = e->next;
    return e;
}

void *lt_lru_first(const struct lt_lru *lru, uint64_t hash)
{
    return of_hash(lru->slots[hash & lru->mask], hash);
}

void *lt_lru_next(const struct lt_lru_entry *entry)
{
    return of_hash(entry->next, entry->hash);
}

static void unring(struct lt_lru_entry *e)
{
    e->newer->older = e->older;
    e->older->newer = e->newer;
}

static void ring_newest(struct lt_lru *lru, struct lt_lru_entry *e)
{
    e->newer = &lru->head;
    e->older = lru->head.older;
    e->older->newer = e;
    lru->head.older = e;
}

void lt_lru_add(struct lt_lru *lru, struct lt_lru_entry *entry, uint64_t hash)
{
    struct lt_lru_entry **slot = &lru->slots[hash & lru->mask];
    entry->hash = hash;
    entry->next = *slot;
    *slot = entry;
    ring_newest(lru, entry);
    lru->n++;
}

void lt_lru_use(struct lt_lru *lru, struct lt_lru_entry *entry)
{
    unring(entry);
    ring_newest(lru, entry);
}

void lt_lru_remove(struct lt_lru *lru, struct lt_lru_entry *entry)
{
    struct lt_lru_entry **link = &lru->slots[entry->hash & lru->mask];
    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    unring(entry);
    lru->n--;
}

void *lt_lru_oldest(const struct lt_lru *lru)
{
    return lru->head.newer == &lru->head ? NULL : lru->head.newer;
}

void *lt_lru_newer(const struct lt_lru *lru, const struct lt_lru_entry *entry)
{
    return entry->newer == &lru->head ? NULL : entry->newer;
}
