/*
 * Arenas: memory that lives and dies together (a request, a stream, a configuration epoch).
 * An arena is used by one thread at a time and is never shared without hand-over. Allocation never returns NULL: when the
 * system has no memory the process ends with a message; what outsiders can ask for is bounded by the limits of the parsers.
 */
#pragma once
#include "base/str.h"

struct lt_arena;

/* A new, empty arena. Its first block comes from a pool of the calling thread. */
struct lt_arena *lt_arena_new(void);
/* Runs the cleanups in reverse order of registration, then releases all memory. NULL is allowed. */
void lt_arena_free(struct lt_arena *arena);
/* Calls fn(arg) when the arena is freed. */
void lt_arena_on_free(struct lt_arena *arena, void (*fn)(void *arg), void *arg);
/* Bytes handed out so far (for limits and tests). */
size_t lt_arena_used(const struct lt_arena *arena);
/* Gives the calling thread's pooled blocks back to the system; called once by a thread that ends. */
void lt_arena_thread_end(void);

/* n bytes, aligned to 16, not cleared; n may be 0. */
void *lt_alloc(struct lt_arena *arena, size_t n);
/* The same, cleared. */
void *lt_zalloc(struct lt_arena *arena, size_t n);
#define LT_NEW(arena, type) ((type *)lt_zalloc((arena), sizeof(type)))
#define LT_NEW_ARRAY(arena, type, count) ((type *)lt_zalloc((arena), lt_array_size(sizeof(type), (size_t)(count))))
/* size × count; SIZE_MAX, which lt_alloc refuses, when that overflows. */
static inline size_t lt_array_size(size_t size, size_t count)
{
    size_t n;
    return __builtin_mul_overflow(size, count, &n) ? SIZE_MAX : n;
}
/* A copy with a NUL behind it (not counted in n). */
struct lt_str lt_str_copy(struct lt_arena *arena, struct lt_str s);
/* The same as a C string. Bytes after an embedded NUL are kept but invisible. */
char *lt_strz(struct lt_arena *arena, struct lt_str s);
struct lt_str lt_printf(struct lt_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
