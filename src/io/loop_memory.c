/*
 * libevent keeps 16 bytes for each descriptor number that it ever watched, and never gives them back. Among the memory of the streams
 * that these descriptors once had, each such piece would hold a page of the heap for ever: two pages a stream. They have a place of
 * their own. All else that libevent asks for comes from malloc.
 */
#include <event2/event.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "io/loop.h"

enum {
    PIECE = 16,
    PLACE = 16 * 1024 * 1024, /* a million pieces; pages are taken from the system when first touched */
};

struct piece {
    struct piece *next;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *place; /* NULL: there is none */
static size_t used; /* lock: bytes at the front that were handed out once */
static struct piece *returned; /* lock */

static bool is_ours(const void *p)
{
    return place && (const char *)p >= place && (const char *)p < place + PLACE;
}

static void *take_piece(void)
{
    pthread_mutex_lock(&lock);
    struct piece *p = returned;
    if (p) {
        returned = p->next;
    } else if (used < PLACE) {
        p = (struct piece *)(place + used);
        used += PIECE;
    }
    pthread_mutex_unlock(&lock);
    return p;
}

static void *allocate(size_t n)
{
    void *p = n > 0 && n <= PIECE ? take_piece() : NULL;
    return p ? p : malloc(n);
}

static void release(void *memory)
{
    if (!is_ours(memory)) {
        free(memory);
        return;
    }
    struct piece *p = memory;
    pthread_mutex_lock(&lock);
    p->next = returned;
    returned = p;
    pthread_mutex_unlock(&lock);
}

static void *resize(void *memory, size_t n)
{
    if (!is_ours(memory))
        return realloc(memory, n);
    if (n <= PIECE)
        return memory;
    void *p = malloc(n);
    if (p) {
        memcpy(p, memory, PIECE);
        release(memory);
    }
    return p;
}

static void set_up(void)
{
    place = mmap(NULL, PLACE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (place == MAP_FAILED)
        place = NULL;
    else
        event_set_mem_functions(allocate, resize, release);
}

void lt_loop_own_process(void)
{
    pthread_once(&once, set_up);
}
