/* Values of PostgreSQL. Its text form is exact: integers as they are, doubles with as many digits as they need. */
#include "store/postgres_value.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { BOOL = 16, BYTEA = 17, INT8 = 20, INT2 = 21, INT4 = 23, TEXT = 25, OID = 26, FLOAT4 = 700, FLOAT8 = 701, NUMERIC = 1700 }; /* pg_type.dat */

#define MARK "\xef\xb7\x90" /* U+FDD0: "0" behind it stands for NUL, "1" for itself */
enum { MARK_N = 3 };

static const char *find(const char *p, const char *end, const char *what, size_t n)
{
    return memmem(p, (size_t)(end - p), what, n);
}

/* With an end, which libpq wants; NUL and the mark itself are written as marks. */
static const char *text_out(struct lt_arena *arena, struct lt_str s, int *ret_n)
{
    const char *end = s.p + s.n;
    size_t marks = 0;
    if (s.n > 0 && (memchr(s.p, 0, s.n) || find(s.p, end, MARK, MARK_N)))
        for (const char *p = s.p; p < end; p++)
            marks += *p == '\0' || (end - p >= MARK_N && memcmp(p, MARK, MARK_N) == 0);
    char *text = lt_alloc(arena, s.n + marks * (MARK_N + 1) + 1), *out = text;
    for (const char *p = s.p; p < end; p++) {
        if (marks > 0 && *p == '\0') {
            out = mempcpy(out, MARK "0", MARK_N + 1);
        } else if (marks > 0 && end - p >= MARK_N && memcmp(p, MARK, MARK_N) == 0) {
            out = mempcpy(out, MARK "1", MARK_N + 1);
            p += MARK_N - 1;
        } else if (marks == 0) {
            memcpy(out, p, (size_t)(end - p));
            out += end - p;
            break;
        } else {
            *out++ = *p;
        }
    }
    *out = '\0';
    *ret_n = (int)(out - text);
    return text;
}

static struct lt_str text_in(struct lt_arena *arena, const char *p, size_t n)
{
    char *text = lt_alloc(arena, n + 1), *out = text;
    const char *end = p + n, *mark;
    while ((mark = find(p, end, MARK, MARK_N)) && end - mark > MARK_N) {
        memcpy(out, p, (size_t)(mark - p));
        out += mark - p;
        if (mark[MARK_N] == '0')
            *out++ = '\0';
        else
            out = (char *)memcpy(out, MARK, MARK_N) + MARK_N;
        p = mark + MARK_N + 1;
    }
    memcpy(out, p, (size_t)(end - p));
    out += end - p;
    *out = '\0';
    return (struct lt_str){text, (size_t)(out - text)};
}

static void grow(struct lt_pg_values *v)
{
    size_t cap = v->cap ? 2 * v->cap : 16;
#define GROW(member) v->member = memcpy(lt_alloc(v->arena, cap * sizeof(*v->member)), v->n ? (const void *)v->member : "", v->n * sizeof(*v->member))
    GROW(types);
    GROW(texts);
    GROW(lengths);
    GROW(formats);
#undef GROW
    v->cap = cap;
}

void lt_pg_value_add(struct lt_pg_values *values, const struct lt_value *v)
{
    if (values->n == values->cap)
        grow(values);
    size_t i = values->n++;
    char *number;
    values->formats[i] = values->lengths[i] = 0;
    values->types[i] = 0;
    values->texts[i] = NULL;
    switch (v->type) {
    case LT_V_NULL: break;
    case LT_V_INT:
        values->types[i] = INT8;
        values->texts[i] = number = lt_alloc(values->arena, 24);
        snprintf(number, 24, "%lld", (long long)v->i);
        break;
    case LT_V_DOUBLE:
        values->types[i] = FLOAT8;
        values->texts[i] = number = lt_alloc(values->arena, 32);
        snprintf(number, 32, "%.17g", v->d);
        break;
    case LT_V_TEXT:
        values->types[i] = TEXT;
        values->texts[i] = text_out(values->arena, v->s, &values->lengths[i]);
        break;
    case LT_V_BLOB:
        values->types[i] = BYTEA;
        values->formats[i] = 1;
        values->lengths[i] = (int)v->s.n;
        values->texts[i] = v->s.n > 0 ? v->s.p : "";
        break;
    }
}

/* Whichever form the server was told to use. */
static struct lt_value blob_in(struct lt_arena *arena, const char *p)
{
    size_t n = 0;
    unsigned char *bytes = lt_pq.PQunescapeBytea((const unsigned char *)p, &n);
    char *out = lt_alloc(arena, n + 1);
    if (bytes)
        memcpy(out, bytes, n);
    lt_pq.PQfreemem(bytes);
    return LT_BLOB(out, n);
}

static struct lt_value number_in(const char *p)
{
    char *end;
    errno = 0;
    long long i = strtoll(p, &end, 10);
    return errno == 0 && *end == '\0' ? LT_INT(i) : LT_DOUBLE(strtod(p, NULL));
}

struct lt_value lt_pg_value(struct lt_arena *arena, const PGresult *result, int row, int column)
{
    if (lt_pq.PQgetisnull(result, row, column))
        return LT_NULL;
    const char *p = lt_pq.PQgetvalue(result, row, column);
    size_t n = (size_t)lt_pq.PQgetlength(result, row, column);
    switch (lt_pq.PQftype(result, column)) {
    case BOOL: return LT_INT(*p == 't');
    case INT2:
    case INT4:
    case INT8:
    case OID: return LT_INT(strtoll(p, NULL, 10));
    case FLOAT4:
    case FLOAT8: return LT_DOUBLE(strtod(p, NULL));
    case NUMERIC: return number_in(p); /* a sum of integers is one */
    case BYTEA: return blob_in(arena, p);
    default: return LT_TEXT(text_in(arena, p, n));
    }
}
