/*
 * A growing byte buffer whose maximum is fixed at birth. Writers need not check each call: the first write that would pass
 * the maximum sets `failed`, later writes do nothing, and the one who uses the result asks once.
 */
#pragma once
#include "base/str.h"

struct lt_buf {
    char *p;
    size_t n;    /* bytes in use */
    size_t cap;  /* bytes allocated */
    size_t max;  /* never more than this */
    bool failed; /* a write was refused */
};

/* An empty buffer that may grow to max bytes (max > 0). Nothing is allocated before the first write. */
void lt_buf_init(struct lt_buf *b, size_t max);
/* Releases the memory; the buffer may be used again as after init. */
void lt_buf_free(struct lt_buf *b);
/* Empties it, keeps the memory, clears `failed`. */
void lt_buf_reset(struct lt_buf *b);
/* Room for n more bytes at p + n; false (and failed) when that would pass the maximum. */
bool lt_buf_reserve(struct lt_buf *b, size_t n);
bool lt_buf_put(struct lt_buf *b, const void *p, size_t n);
bool lt_buf_put_str(struct lt_buf *b, struct lt_str s);
static inline bool lt_buf_putc(struct lt_buf *b, char c)
{
    if (b->n == b->cap || b->failed)
        return lt_buf_put(b, &c, 1);
    b->p[b->n++] = c;
    return true;
}
bool lt_buf_printf(struct lt_buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Decimal form without printf's cost. */
bool lt_buf_put_int(struct lt_buf *b, int64_t v);
/* Drops the first n bytes (n <= b->n) and moves the rest to the front. */
void lt_buf_consume(struct lt_buf *b, size_t n);
static inline struct lt_str lt_buf_str(const struct lt_buf *b)
{
    return (struct lt_str){b->p, b->n};
}
