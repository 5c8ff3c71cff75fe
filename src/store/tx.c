/*
 * Packing: a statement is a head, then its values. Everything is aligned to 8, so that it is read in place. The bytes of texts
 * are never copied again: SQLite binds them where they lie.
 */
#include "store/tx.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

enum { WHOLE = 3072, INLINE = WHOLE - sizeof(struct lt_tx) };

struct head {
    const char *sql;
    int64_t expect;
    uint64_t size; /* of the statement, head included */
    uint64_t n;
};

struct packed {
    uint32_t type, len; /* len: bytes of a text or blob, which follow, padded to 8 */
    union {
        int64_t i;
        double d;
    };
};

struct lt_tx *lt_tx_new(void)
{
    struct lt_tx *tx = malloc(WHOLE);
    if (!tx) {
        lt_out_of_memory(WHOLE);
    }
    *tx = (struct lt_tx){.p = tx->first, .cap = INLINE};
    return tx;
}

void lt_tx_hint(struct lt_tx *tx)
{
    tx->hint = true;
}

void lt_tx_discard(struct lt_tx *tx)
{
    if (tx && tx->p != tx->first)
        free(tx->p);
    free(tx);
}

size_t lt_tx_bytes(const struct lt_tx *tx)
{
    return WHOLE + (tx->p != tx->first ? tx->cap : 0);
}

static bool reserve(struct lt_tx *tx, size_t n)
{
    if (n <= tx->cap - tx->n)
        return true;
    if (n > LT_TX_MAX || tx->n > LT_TX_MAX - n) {
        tx->too_large = true;
        return false;
    }
    size_t cap = tx->cap * 2;
    while (cap < tx->n + n)
        cap *= 2;
    if (cap > LT_TX_MAX)
        cap = LT_TX_MAX;
    bool moved = tx->p != tx->first;
    char *p = realloc(moved ? tx->p : NULL, cap);
    if (!p)
        lt_out_of_memory(cap);
    if (!moved)
        memcpy(p, tx->first, tx->n);
    tx->p = p;
    tx->cap = cap;
    return true;
}

static size_t padded(size_t n)
{
    return (n + 7) & ~(size_t)7;
}

static bool put(struct lt_tx *tx, const struct lt_value *v)
{
    bool bytes = v->type == LT_V_TEXT || v->type == LT_V_BLOB;
    size_t len = bytes ? v->s.n : 0;
    if (len > LT_TX_MAX || !reserve(tx, sizeof(struct packed) + padded(len))) {
        tx->too_large = true;
        return false;
    }
    struct packed *p = (struct packed *)(tx->p + tx->n);
    *p = (struct packed){.type = v->type, .len = (uint32_t)len};
    if (v->type == LT_V_DOUBLE)
        p->d = v->d;
    else
        p->i = v->i;
    if (len > 0)
        memcpy(p + 1, v->s.p, len);
    tx->n += sizeof(*p) + padded(len);
    return true;
}

void lt_tx_add(struct lt_tx *tx, const char *sql, const struct lt_value *values, size_t n)
{
    if (tx->too_large || !reserve(tx, sizeof(struct head)))
        return;
    size_t start = tx->n;
    tx->n += sizeof(struct head);
    for (size_t i = 0; i < n; i++) {
        if (!put(tx, &values[i]))
            return;
    }
    *(struct head *)(tx->p + start) = (struct head){.sql = sql, .expect = -1, .size = tx->n - start, .n = n};
    tx->last = start;
    tx->statements++;
}

void lt_tx_expect(struct lt_tx *tx, int64_t n)
{
    if (tx->statements > 0 && !tx->too_large)
        ((struct head *)(tx->p + tx->last))->expect = n;
}

bool lt_tx_next(const struct lt_tx *tx, size_t *at, struct lt_statement *ret)
{
    if (*at >= tx->n)
        return false;
    const struct head *h = (const struct head *)(tx->p + *at);
    *ret = (struct lt_statement){.sql = h->sql, .expect = h->expect, .n = h->n, .values = (const char *)(h + 1)};
    *at += h->size;
    return true;
}

const char *lt_tx_value(const char *at, struct lt_value *ret)
{
    const struct packed *p = (const struct packed *)at;
    const char *bytes = (const char *)(p + 1);
    switch ((enum lt_value_type)p->type) {
    case LT_V_NULL: *ret = LT_NULL; break;
    case LT_V_INT: *ret = LT_INT(p->i); break;
    case LT_V_DOUBLE: *ret = LT_DOUBLE(p->d); break;
    case LT_V_TEXT: *ret = LT_TEXT(((struct lt_str){bytes, p->len})); break;
    case LT_V_BLOB: *ret = LT_BLOB(bytes, p->len); break;
    }
    return bytes + padded(p->len);
}
