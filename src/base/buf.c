/* Bounded byte buffers. */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

void lt_buf_init(struct lt_buf *b, size_t max)
{
    *b = (struct lt_buf){.max = max};
}

void lt_buf_free(struct lt_buf *b)
{
    free(b->p);
    lt_buf_init(b, b->max);
}

void lt_buf_reset(struct lt_buf *b)
{
    b->n = 0;
    b->failed = false;
}

bool lt_buf_reserve(struct lt_buf *b, size_t n)
{
    if (b->failed)
        return false;
    if (n <= b->cap - b->n)
        return true;
    if (n > b->max || b->n > b->max - n) {
        b->failed = true;
        return false;
    }
    size_t cap = b->cap ? b->cap : 64;
    while (cap < b->n + n && cap <= b->max / 2)
        cap *= 2;
    if (cap < b->n + n || cap > b->max)
        cap = b->max;
    char *p = realloc(b->p, cap);
    if (!p)
        lt_out_of_memory(cap);
    b->p = p;
    b->cap = cap;
    return true;
}

bool lt_buf_put(struct lt_buf *b, const void *p, size_t n)
{
    if (!lt_buf_reserve(b, n))
        return false;
    if (n > 0)
        memcpy(b->p + b->n, p, n);
    b->n += n;
    return true;
}

bool lt_buf_put_str(struct lt_buf *b, struct lt_str s)
{
    return lt_buf_put(b, s.p, s.n);
}

bool lt_buf_printf(struct lt_buf *b, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    bool ok = n >= 0 && lt_buf_reserve(b, (size_t)n + 1);
    if (ok) {
        vsnprintf(b->p + b->n, (size_t)n + 1, format, again);
        b->n += (size_t)n;
    }
    va_end(again);
    return ok;
}

bool lt_buf_put_int(struct lt_buf *b, int64_t v)
{
    char text[LT_DECIMAL_SIZE];
    return lt_buf_put_str(b, lt_decimal(v, text));
}

void lt_buf_consume(struct lt_buf *b, size_t n)
{
    b->n -= n;
    if (b->n > 0)
        memmove(b->p, b->p + n, b->n);
}
