/* A run of bytes that somebody else owns. Not NUL-terminated unless a function says so. */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct lt_str {
    const char *p;
    size_t n;
};

#define LT_STR(literal) ((struct lt_str){(literal), sizeof(literal) - 1})
#define LT_STR_NULL ((struct lt_str){NULL, 0})
#define LT_COUNT(array) (sizeof(array) / sizeof((array)[0]))
/* For printf: printf("%.*s", LT_FMT(s)). */
#define LT_FMT(s) (int)(s).n, ((s).p ? (s).p : "")

/* Wraps a NUL-terminated string; NULL gives the empty string with p == NULL. */
static inline struct lt_str lt_str(const char *z)
{
    return (struct lt_str){z, z ? strlen(z) : 0};
}

enum { LT_DECIMAL_SIZE = 20 };
/* Decimal form, written at the end of `text`, without printf's cost. */
static inline struct lt_str lt_decimal(int64_t v, char text[LT_DECIMAL_SIZE])
{
    char *p = text + LT_DECIMAL_SIZE;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do
        *--p = (char)('0' + u % 10);
    while ((u /= 10) > 0);
    if (v < 0)
        *--p = '-';
    return (struct lt_str){p, (size_t)(text + LT_DECIMAL_SIZE - p)};
}

static inline bool lt_str_eq(struct lt_str a, struct lt_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool lt_str_is(struct lt_str a, const char *z)
{
    return lt_str_eq(a, lt_str(z));
}

/* ASCII case-insensitive equality, as HTTP field names need it (RFC 9110 §5.1). */
/* Order by bytes, a beginning before what is longer. */
static inline int lt_str_compare(struct lt_str a, struct lt_str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n > 0 ? memcmp(a.p, b.p, n) : 0;
    return order ? order : (a.n > b.n) - (a.n < b.n);
}
bool lt_str_eq_ci(struct lt_str a, struct lt_str b);
bool lt_str_starts(struct lt_str s, struct lt_str prefix);
bool lt_str_ends(struct lt_str s, struct lt_str suffix);
/* Without spaces, tabs, CR and LF at both ends. */
struct lt_str lt_str_trim(struct lt_str s);
/* Cuts at the first `c`: returns what stands before it, leaves the rest (after `c`) in *s. Without `c` the whole, rest empty. */
struct lt_str lt_str_cut(struct lt_str *s, char c);
/*
 * FNV-1a of the bytes, going on from `state`: LT_HASH64_START, or what an earlier call gave, or that xor a seed. For tables and for marks of
 * what has changed; not against who chooses the bytes to make them collide.
 */
#define LT_HASH64_START UINT64_C(14695981039346656037)
uint64_t lt_hash64(uint64_t state, const void *p, size_t n);
/* Decimal digits only, no sign, no space; false when empty, longer or above INT64_MAX. */
bool lt_str_to_int64(struct lt_str s, int64_t *ret);
/* Well-formed UTF-8 as Unicode 15 table 3-7 (no surrogates, no overlong forms, nothing above U+10FFFF). */
bool lt_utf8_valid(const char *p, size_t n);
/* Length of the longest prefix of p[0..n) that does not end inside a UTF-8 sequence; at most 3 bytes shorter than n. */
size_t lt_utf8_whole(const char *p, size_t n);
/* Writes the code point as UTF-8; returns the number of bytes, 1 to 4. */
int lt_utf8_encode(uint32_t code_point, char out[4]);
