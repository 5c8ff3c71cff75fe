/* Bump allocation in chunks that count what lies in them. The shelf counts as one thing in its open chunk. */
#include "base/shelf.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/memory.h"

enum { CHUNK = 256 * 1024, OWN_CHUNK_FROM = CHUNK / 8, ALIGN = 16 };

struct chunk {
    size_t size;
    size_t at;         /* shelf's lock: where the next thing goes */
    atomic_int things;
};

/* In front of each thing; as long as ALIGN. */
struct label {
    struct chunk *chunk;
    uint64_t unused;
};

struct lt_shelf {
    pthread_mutex_t lock;
    struct chunk *open; /* NULL: none yet */
};

static size_t round_up(size_t n)
{
    if (n > SIZE_MAX / 2)
        lt_out_of_memory(n);
    return (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

static struct chunk *chunk_new(size_t size)
{
    struct chunk *c = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (c == MAP_FAILED)
        lt_out_of_memory(size);
    c->size = size;
    c->at = round_up(sizeof(*c));
    c->things = 1;
    return c;
}

static void chunk_leave(struct chunk *c)
{
    if (c && --c->things == 0)
        munmap(c, c->size);
}

struct lt_shelf *lt_shelf_new(void)
{
    struct lt_shelf *s = calloc(1, sizeof(*s));
    if (!s)
        lt_out_of_memory(sizeof(*s));
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

void lt_shelf_free(struct lt_shelf *s)
{
    if (!s)
        return;
    chunk_leave(s->open);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* n bytes of a chunk, label included. */
static void *take(struct chunk *c, size_t n)
{
    struct label *label = (struct label *)((char *)c + c->at);
    label->chunk = c;
    c->at += n;
    return label + 1;
}

void *lt_shelf_put(struct lt_shelf *s, size_t n)
{
    n = round_up(n) + sizeof(struct label);
    if (n >= OWN_CHUNK_FROM)
        return take(chunk_new(round_up(sizeof(struct chunk)) + n), n); /* which is the one thing in it */
    pthread_mutex_lock(&s->lock);
    if (!s->open || s->open->size - s->open->at < n) {
        chunk_leave(s->open);
        s->open = chunk_new(CHUNK);
    }
    s->open->things++;
    void *p = take(s->open, n);
    pthread_mutex_unlock(&s->lock);
    return p;
}

void lt_shelf_drop(void *p)
{
    if (p)
        chunk_leave(((struct label *)p - 1)->chunk);
}
