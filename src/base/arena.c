/*
 * Bump allocation in blocks; the first block of each arena is pooled per thread. What most requests need is little more than that one:
 * the next blocks are small, and grow with what there is already.
 */
#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

#if defined(__SANITIZE_ADDRESS__)
#define LT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LT_ASAN 1
#endif
#endif

enum { FIRST_BLOCK = 4096, NEXT_BLOCK_MIN = 1024, NEXT_BLOCK_MAX = 16384, ALIGN = 16, POOLED_BLOCKS = 64 };

struct block {
    struct block *next;
    size_t size; /* of the whole block, header included */
};

struct cleanup {
    struct cleanup *next;
    void (*fn)(void *);
    void *arg;
};

struct lt_arena {
    struct block *blocks; /* newest first; the arena itself lies in the oldest */
    char *at, *end;       /* free part of the newest block */
    size_t held;          /* bytes in blocks */
    struct cleanup *cleanups;
    size_t used;
};

static _Thread_local struct block *pool;
static _Thread_local int pooled;

static struct block *block_new(size_t size)
{
    struct block *b = malloc(size);
    if (!b)
        lt_out_of_memory(size);
    b->size = size;
    return b;
}

struct lt_arena *lt_arena_new(void)
{
    struct block *b = pool;
    if (b) {
        pool = b->next;
        pooled--;
    } else {
        b = block_new(FIRST_BLOCK);
    }
    b->next = NULL;
    size_t head = (sizeof(struct block) + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    struct lt_arena *a = (struct lt_arena *)((char *)b + head);
    memset(a, 0, sizeof(*a));
    a->blocks = b;
    a->held = b->size;
    a->at = (char *)a + ((sizeof(*a) + ALIGN - 1) & ~(size_t)(ALIGN - 1));
    a->end = (char *)b + b->size;
    return a;
}

void lt_arena_free(struct lt_arena *a)
{
    if (!a)
        return;
    while (a->cleanups) {
        struct cleanup *c = a->cleanups;
        a->cleanups = c->next;
        c->fn(c->arg);
    }
    struct block *b = a->blocks;
    while (b) {
        struct block *next = b->next;
#ifndef LT_ASAN /* under ASan every block goes back to malloc, so that a use after free is seen */
        if (b->size == FIRST_BLOCK && pooled < POOLED_BLOCKS) {
            b->next = pool;
            pool = b;
            pooled++;
            b = next;
            continue;
        }
#endif
        free(b);
        b = next;
    }
}

void lt_arena_thread_end(void)
{
    while (pool) {
        struct block *b = pool;
        pool = b->next;
        free(b);
    }
    pooled = 0;
}

void lt_arena_on_free(struct lt_arena *a, void (*fn)(void *), void *arg)
{
    struct cleanup *c = lt_alloc(a, sizeof(*c));
    c->fn = fn;
    c->arg = arg;
    c->next = a->cleanups;
    a->cleanups = c;
}

size_t lt_arena_used(const struct lt_arena *a)
{
    return a->used;
}

static void *alloc_slow(struct lt_arena *a, size_t n)
{
    size_t head = (sizeof(struct block) + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    size_t next = a->held / 4 > NEXT_BLOCK_MIN ? a->held / 4 : NEXT_BLOCK_MIN;
    if (next > NEXT_BLOCK_MAX)
        next = NEXT_BLOCK_MAX;
    bool big = n + head > next / 2; /* gets a block of its own, behind the current one, whose rest stays in use */
    struct block *b = block_new(big ? n + head : next);
    char *start = (char *)b + head;
    a->held += b->size;
    if (big) {
        b->next = a->blocks->next;
        a->blocks->next = b;
        return start;
    }
    b->next = a->blocks;
    a->blocks = b;
    a->at = start + n;
    a->end = (char *)b + b->size;
    return start;
}

void *lt_alloc(struct lt_arena *a, size_t n)
{
    if (n > SIZE_MAX / 2) {
        fprintf(stderr, "lectern: absurd allocation (%zu bytes)\n", n);
        abort();
    }
    n = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    a->used += n;
    if ((size_t)(a->end - a->at) >= n) {
        void *p = a->at;
        a->at += n;
        return p;
    }
    return alloc_slow(a, n);
}

void *lt_zalloc(struct lt_arena *a, size_t n)
{
    return memset(lt_alloc(a, n), 0, n);
}

struct lt_str lt_str_copy(struct lt_arena *a, struct lt_str s)
{
    char *p = lt_alloc(a, s.n + 1);
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return (struct lt_str){p, s.n};
}

char *lt_strz(struct lt_arena *a, struct lt_str s)
{
    return (char *)(uintptr_t)lt_str_copy(a, s).p;
}

struct lt_str lt_printf(struct lt_arena *a, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0)
        n = 0;
    char *p = lt_alloc(a, (size_t)n + 1);
    vsnprintf(p, (size_t)n + 1, format, again);
    va_end(again);
    return (struct lt_str){p, (size_t)n};
}
