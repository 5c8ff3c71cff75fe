/*
 * What caches are made of: chains by hash, and a ring from the most to the least recently used. Memory, keys and locks are the owner's; an entry
 * lies in the owner's struct as its first member. One thread at a time.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct lt_lru_entry {
    struct lt_lru_entry *next;          /* of the same slot */
    struct lt_lru_entry *newer, *older; /* the ring; the head stands between the newest and the oldest */
    uint64_t hash;
};

struct lt_lru {
    struct lt_lru_entry head, **slots;
    size_t mask, n;
    uint64_t seed;                      /* random: where a hash that meets keys from outside begins */
};

/* Slots: the power of two that is at least so many. */
void lt_lru_init(struct lt_lru *lru, size_t slots);
/* Frees the slots, and with free() the entries that are still there. */
void lt_lru_end(struct lt_lru *lru);
/* The first entry of this hash, and the next one behind it; NULL: no more. Which of them it is the owner knows. */
void *lt_lru_first(const struct lt_lru *lru, uint64_t hash);
void *lt_lru_next(const struct lt_lru_entry *entry);
/* As the most recently used one. */
void lt_lru_add(struct lt_lru *lru, struct lt_lru_entry *entry, uint64_t hash);
void lt_lru_use(struct lt_lru *lru, struct lt_lru_entry *entry);
/* The entry is the owner's again. */
void lt_lru_remove(struct lt_lru *lru, struct lt_lru_entry *entry);
/* The least recently used one, and the one that was used after it; NULL: no more. */
void *lt_lru_oldest(const struct lt_lru *lru);
void *lt_lru_newer(const struct lt_lru *lru, const struct lt_lru_entry *entry);
