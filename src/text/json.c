/*
 * The JSON reader: one pass over the text, recursive descent. What only JSON5 allows is looked at where strict JSON would be
 * refused, so that strict reading does not pay for it.
 * Fuzzed by tests/fuzz/fuzz_json.c and tests/fuzz/fuzz_json5.c.
 */
#include "text/json.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unicode/uchar.h>

#include "base/memory.h"
#include "text/json_plain.h"
#include "text/json_tree.h"

struct parser {
    struct lt_arena *arena;
    const char *start, *p, *end;
    bool json5, finite; /* finite: neither Infinity nor NaN */
    int depth;
    /* Values of the arrays and objects that are still open. */
    char *stack;
    size_t stack_n, stack_cap;
    char *stack_heap; /* == stack once it has outgrown the caller's buffer, else NULL */
    struct lt_error *err;
    enum lt_code code;
};

/* ---- errors ---- */

/* Lines end at LF, CR LF or CR; a column is counted in code points. Both start at 1. */
static void position(const struct parser *j, const char *at, size_t *line, size_t *column)
{
    *line = 1, *column = 1;
    for (const char *p = j->start; p < at; p++) {
        if (*p == '\n' || (*p == '\r' && !(p + 1 < j->end && p[1] == '\n'))) {
            ++*line;
            *column = 1;
        } else if (((unsigned char)*p & 0xC0) != 0x80) {
            ++*column;
        }
    }
}

__attribute__((cold, format(printf, 3, 4))) static bool fail(struct parser *j, const char *at, const char *format, ...)
{
    char what[200];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    what[lt_utf8_whole(what, strlen(what))] = '\0';
    size_t line, column;
    position(j, at, &line, &column);
    j->code = lt_fail(j->err, LT_EINVALID_JSON, "line %zu, column %zu: %s", line, column, what);
    return false;
}

/* "expected X, found Y", where Y is what stands at `at`. */
__attribute__((cold)) static bool expected(struct parser *j, const char *at, const char *what)
{
    if (at >= j->end)
        return fail(j, at, "expected %s, found the end of the text", what);
    unsigned char c = (unsigned char)*at;
    if (c > 0x20 && c < 0x7F)
        return fail(j, at, "expected %s, found %c", what, c);
    size_t n = (size_t)(j->end - at), len = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    if (len > n || !lt_utf8_valid(at, len))
        return fail(j, at, "expected %s, found the byte 0x%02X, which is not UTF-8 here", what, c);
    if (n >= 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0)
        return fail(j, at, "expected %s, found a byte order mark", what);
    if (c <= 0x20 || c == 0x7F)
        return fail(j, at, "expected %s, found U+%04X", what, c);
    return fail(j, at, "expected %s, found %.*s", what, (int)len, at);
}

/* ---- white space and comments ---- */

/* Code point at p, its length in *len; 0xFFFFFFFF when it is not UTF-8. */
static uint32_t decode(const char *p, const char *end, size_t *len)
{
    unsigned char c = (unsigned char)*p;
    size_t n = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    *len = n;
    if (n == 1)
        return c;
    if ((size_t)(end - p) < n || !lt_utf8_valid(p, n)) {
        *len = 1;
        return 0xFFFFFFFFu;
    }
    uint32_t v = c & (0xFFu >> (n + 1));
    for (size_t i = 1; i < n; i++)
        v = v << 6 | ((unsigned char)p[i] & 0x3F);
    return v;
}

static bool is_line_end(uint32_t c)
{
    return c == '\n' || c == '\r' || c == 0x2028 || c == 0x2029;
}

/* j->p stands on "//" or on "/" "*". */
static bool skip_comment(struct parser *j)
{
    const char *open = j->p;
    bool line = open[1] == '/';
    j->p += 2;
    for (;;) {
        size_t len;
        j->p += lt_json_plain(j->p, (size_t)(j->end - j->p), line ? '\n' : '*');
        if (j->p == j->end)
            break;
        uint32_t c = decode(j->p, j->end, &len);
        if (c == 0xFFFFFFFFu)
            return expected(j, j->p, "a comment in UTF-8");
        if (line && is_line_end(c))
            return true;
        if (!line && c == '*' && j->end - j->p >= 2 && j->p[1] == '/') {
            j->p += 2;
            return true;
        }
        j->p += len;
    }
    return line ? true : fail(j, open, "expected */ to close the comment that starts here");
}

/* White space and comments of JSON5 that strict JSON does not have; false on a broken comment. */
static bool skip_json5(struct parser *j)
{
    while (j->p < j->end) {
        char c = *j->p;
        if (c == ' ' || (c >= '\t' && c <= '\r')) { /* with VT and FF */
            j->p++;
        } else if (c == '/' && j->end - j->p >= 2 && (j->p[1] == '/' || j->p[1] == '*')) {
            if (!skip_comment(j))
                return false;
        } else if ((unsigned char)c >= 0x80) {
            size_t len;
            uint32_t code = decode(j->p, j->end, &len);
            if (code == 0xFFFFFFFFu || !(is_line_end(code) || code == 0xFEFF || u_charType((UChar32)code) == U_SPACE_SEPARATOR))
                return true;
            j->p += len;
        } else {
            return true;
        }
    }
    return true;
}

/* Goes to the next token. Only JSON5 can fail here. */
static inline bool skip(struct parser *j)
{
    const char *p = j->p, *end = j->end;
    while (p < end && (unsigned char)*p <= ' ') {
        if (*p == '\n') { /* a line break and its indentation */
            p++;
            uint64_t word;
            while (end - p >= 8 && (memcpy(&word, p, 8), word == 0x2020202020202020u))
                p += 8;
        } else if (*p == ' ' || *p == '\r' || *p == '\t') {
            p++;
        } else {
            break;
        }
    }
    j->p = p;
    return !j->json5 || skip_json5(j);
}

/* ---- strings ---- */

/* From p to the first byte that is not plain text of a string: `quote`, backslash, control, broken UTF-8, the end. */
static inline const char *plain_run(const char *p, const char *end, char quote)
{
    return p + lt_json_run(p, (size_t)(end - p), quote);
}

static int hex_digit(char c)
{
    if (lt_json_is_digit(c))
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* `count` hexadecimal digits at p; -1 when there are fewer. */
static int32_t hex_run(const char *p, const char *end, int count)
{
    if (end - p < count)
        return -1;
    int32_t v = 0;
    for (int i = 0; i < count; i++) {
        int d = hex_digit(p[i]);
        if (d < 0)
            return -1;
        v = v << 4 | d;
    }
    return v;
}

/* j->p stands behind "\u". Appends the code point to *out; a surrogate must come as a pair. */
static bool unicode_escape(struct parser *j, char **out)
{
    const char *at = j->p - 2;
    int32_t c = hex_run(j->p, j->end, 4);
    if (c < 0)
        return fail(j, at, "expected four hexadecimal digits behind \\u");
    j->p += 4;
    if (c >= 0xDC00 && c <= 0xDFFF)
        return fail(j, at, "expected a high surrogate before this low one");
    if (c >= 0xD800 && c <= 0xDBFF) {
        int32_t low = j->end - j->p >= 6 && j->p[0] == '\\' && j->p[1] == 'u' ? hex_run(j->p + 2, j->end, 4) : -1;
        if (low < 0xDC00 || low > 0xDFFF)
            return fail(j, at, "expected a low surrogate (\\uDC00 to \\uDFFF) behind this high one");
        j->p += 6;
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    }
    *out += lt_utf8_encode((uint32_t)c, *out);
    return true;
}

/* What JSON5 has beyond JSON; c, the byte behind the backslash, is passed already. */
static bool json5_escape(struct parser *j, char c, char **out)
{
    const char *at = j->p - 2;
    switch (c) {
    case 'v':
        *(*out)++ = '\v';
        return true;
    case '0':
        if (j->p < j->end && lt_json_is_digit(*j->p))
            return fail(j, at, "expected no digit behind \\0");
        *(*out)++ = '\0';
        return true;
    case 'x': {
        int32_t v = hex_run(j->p, j->end, 2);
        if (v < 0)
            return fail(j, at, "expected two hexadecimal digits behind \\x");
        j->p += 2;
        *out += lt_utf8_encode((uint32_t)v, *out);
        return true;
    }
    case '\r': /* a line that goes on */
        if (j->p < j->end && *j->p == '\n')
            j->p++;
        return true;
    case '\n':
        return true;
    default:
        break;
    }
    if (c >= '1' && c <= '9')
        return fail(j, at, "expected an escape, found a backslash before a digit");
    size_t len;
    uint32_t code = decode(j->p - 1, j->end, &len);
    if (code == 0xFFFFFFFFu)
        return expected(j, j->p - 1, "UTF-8 in the string");
    if (!is_line_end(code)) {
        memcpy(*out, j->p - 1, len);
        *out += len;
    }
    j->p += len - 1;
    return true;
}

/* j->p stands on a backslash. */
static bool escape(struct parser *j, char **out)
{
    if (j->end - j->p < 2)
        return expected(j, j->p + 1, "an escape");
    char c = j->p[1];
    static const char known[256] = {['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                    ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};
    j->p += 2;
    if (c == 'u')
        return unicode_escape(j, out);
    if (known[(unsigned char)c]) {
        *(*out)++ = known[(unsigned char)c];
        return true;
    }
    if (j->json5)
        return json5_escape(j, c, out);
    return fail(j, j->p - 2, "expected an escape that JSON has: \\\" \\\\ \\/ \\b \\f \\n \\r \\t or \\u and four digits");
}

/* Why plain_run() stopped although the string is not over. */
__attribute__((cold)) static bool bad_in_string(struct parser *j, const char *at, const char *open)
{
    if (at >= j->end)
        return fail(j, at, "expected %c to close the string that starts at byte %zu, found the end of the text", *open,
                    (size_t)(open - j->start));
    if ((unsigned char)*at < 0x20)
        return fail(j, at, "expected no control character in a string (U+%04X must be written as an escape)", *at);
    return fail(j, at, "expected UTF-8 in the string, found the byte 0x%02X", (unsigned char)*at);
}

/* True for a raw control character that JSON5 lets stand in a string. */
static bool loose_control(const struct parser *j, const char *at)
{
    return j->json5 && at < j->end && (unsigned char)*at < 0x20 && *at != '\n' && *at != '\r';
}

/* Where the string that goes on at p, behind no half of an escape, ends: its closing quote or the end of the text. */
static const char *string_limit(const char *p, const char *end, char quote)
{
    for (const char *q = p; q < end && (q = memchr(q, quote, (size_t)(end - q))); q++) {
        const char *escapes = q;
        while (escapes > p && escapes[-1] == '\\')
            escapes--;
        if ((q - escapes) % 2 == 0)
            return q;
    }
    return end;
}

/* A string with something in it that needs more than pointing at it. Plain text up to `at` is checked. */
static bool parse_string_slow(struct parser *j, const char *open, const char *at, struct lt_str *ret)
{
    const char *limit = string_limit(at, j->end, *open);
    char *out = lt_alloc(j->arena, (size_t)(limit - open)), *q = out; /* no escape is shorter than what it stands for */
    const char *from = open + 1;
    for (;;) {
        memcpy(q, from, (size_t)(at - from));
        q += at - from;
        j->p = at;
        if (at < j->end && *at == *open) {
            j->p++;
            *ret = (struct lt_str){out, (size_t)(q - out)};
            return true;
        }
        if (loose_control(j, at))
            *q++ = *j->p++;
        else if (at >= j->end || *at != '\\')
            return bad_in_string(j, at, open);
        else if (!escape(j, &q))
            return false;
        from = j->p;
        at = plain_run(from, j->end, *open);
    }
}

/* j->p stands on the opening quote. */
static inline bool parse_string(struct parser *j, struct lt_str *ret)
{
    const char *open = j->p, *at = plain_run(open + 1, j->end, *open);
    if (at < j->end && *at == *open) {
        *ret = (struct lt_str){open + 1, (size_t)(at - open - 1)};
        j->p = at + 1;
        return true;
    }
    if (at < j->end && (*at == '\\' || loose_control(j, at)))
        return parse_string_slow(j, open, at, ret);
    return bad_in_string(j, at, open);
}

/* ---- numbers ---- */

/* Powers of ten that a double holds exactly. */
static const double exact_powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                      1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* The C library's conversion, which is exact. The sign is the caller's. */
static double slow_double(const char *p, size_t n)
{
    char z[LT_JSON_NUMBER_DIGITS + 1];
    memcpy(z, p, n);
    z[n] = '\0';
    return strtod_l(z, NULL, lt_json_c_locale());
}

/* digits × 10^exponent, correctly rounded; p[0..n) is the same as text. `whole`: no digit of the text is missing in `digits`. */
static double to_double(uint64_t digits, bool whole, int64_t exponent, const char *p, size_t n)
{
    if (whole && digits == 0)
        return 0;
#if FLT_EVAL_METHOD == 0
    /* Both factors are exact doubles, so the one rounding of the product is the right one. */
    if (whole && digits <= (uint64_t)1 << 53 && exponent >= -22 && exponent <= 22)
        return exponent < 0 ? (double)digits / exact_powers[-exponent] : (double)digits * exact_powers[exponent];
#endif
    return slow_double(p, n);
}

/* Digits at p into *value while they fit (19 significant ones); *count counts the significant ones. */
static inline const char *digit_run(const char *p, const char *end, uint64_t *value, int *count)
{
    while (p < end && lt_json_is_digit(*p)) {
        *value = *value * 10 + (uint64_t)(*p++ - '0'); /* wraps above 19 digits; then it is not used */
        *count += *value != 0 || *count > 0;
    }
    return p;
}

static bool set_double(struct parser *j, struct lt_json *v, double magnitude, bool negative, const char *p0)
{
    if (isinf(magnitude))
        return fail(j, p0, "expected a number below 1.8e308");
    v->d = negative ? -magnitude : magnitude;
    return true;
}

/*
 * Hexadecimal digits that an int64 does not hold, without zeros in front: the number gets the text that JSON has for it, in decimal, so that
 * no digit is lost.
 */
static bool large_hex(struct parser *j, const char *p0, bool negative, const char *digits, size_t n, struct lt_json *v)
{
    enum { LIMB = 1000000000, DIGITS_MAX = 256, LIMBS = 35 }; /* 2^1024, where doubles end, has 256 and, in decimal, 309 */
    uint32_t limbs[LIMBS] = {0}; /* the lowest first */
    int used = 1;
    if (n > DIGITS_MAX)
        return fail(j, p0, "expected a number below 1.8e308");
    for (size_t i = 0; i < n; i++) {
        uint64_t carry = (uint64_t)hex_digit(digits[i]);
        for (int k = 0; k < used || carry; k++) {
            carry += (uint64_t)limbs[k] << 4;
            limbs[k] = (uint32_t)(carry % LIMB);
            carry /= LIMB;
            used = k >= used ? k + 1 : used;
        }
    }
    size_t room = (size_t)used * 9 + 2;
    char *text = lt_alloc(j->arena, room);
    int len = snprintf(text, room, "%s%u", negative ? "-" : "", limbs[used - 1]);
    for (int k = used - 2; k >= 0; k--)
        len += snprintf(text + len, room - (size_t)len, "%09u", limbs[k]);
    v->text = text;
    v->n = (uint32_t)len;
    v->flags = 0;
    return set_double(j, v, slow_double(text + negative, (size_t)(len - negative)), negative, p0);
}

/* 0x… of JSON5; j->p stands on the first digit, p0 on the number's first byte. */
static bool parse_hex(struct parser *j, const char *p0, bool negative, struct lt_json *v)
{
    const char *first = j->p;
    while (j->p < j->end && hex_digit(*j->p) >= 0)
        j->p++;
    if (j->p == first)
        return expected(j, j->p, "a hexadecimal digit");
    while (first + 1 < j->p && *first == '0')
        first++;
    size_t n = (size_t)(j->p - first);
    if (n > 16 || (n == 16 && hex_digit(*first) > 7) || (negative && *first == '0'))
        return large_hex(j, p0, negative, first, n, v); /* -0 as well: only a double can tell it from 0 */
    uint64_t value = 0;
    for (; first < j->p; first++)
        value = value << 4 | (uint64_t)hex_digit(*first);
    v->flags = LT_JF_INT | LT_JF_LOOSE;
    v->i = negative ? -(int64_t)value : (int64_t)value;
    return true;
}

/* Sets v to a number without fraction and exponent. */
static bool set_integer(struct lt_json *v, uint64_t digits, int count, bool negative)
{
    uint64_t limit = (uint64_t)INT64_MAX + negative;
    if (count > 19 || digits > limit || (negative && digits == 0))
        return false; /* too large, or -0, which only a double can tell from 0 */
    v->flags |= LT_JF_INT;
    v->i = negative ? (int64_t)(0 - digits) : (int64_t)digits;
    return true;
}

/* Behind a sign of JSON5: Infinity, NaN and hexadecimal numbers. Returns false when it is none of them (and nothing failed). */
static bool json5_number(struct parser *j, const char *p0, bool negative, struct lt_json *v)
{
    size_t left = (size_t)(j->end - j->p);
    struct lt_str rest = {j->p, left};
    if (left > 0 && *j->p >= '1' && *j->p <= '9')
        return false;
    bool infinity = lt_str_starts(rest, LT_STR("Infinity")), nan = lt_str_starts(rest, LT_STR("NaN"));
    if ((infinity || nan) && j->finite)
        return fail(j, p0, "expected a number that JSON can hold, found %s", nan ? "NaN" : "Infinity");
    if (infinity || nan) {
        v->flags = LT_JF_LOOSE;
        v->d = nan ? (double)NAN : negative ? -(double)INFINITY : (double)INFINITY;
        j->p += infinity ? 8 : 3;
        return true;
    }
    if (left >= 2 && j->p[0] == '0' && (j->p[1] | 0x20) == 'x') {
        j->p += 2;
        return parse_hex(j, p0, negative, v);
    }
    return false;
}

/* Checks what may stand around the point, and marks what only JSON5 takes. */
static inline bool check_point(struct parser *j, struct lt_json *v, const char *point, size_t before, size_t behind)
{
    if (before > 0 && behind > 0)
        return true;
    if (!j->json5 || before + behind == 0)
        return expected(j, behind == 0 ? point + 1 : point, "a digit");
    v->flags |= LT_JF_LOOSE;
    return true;
}

static bool parse_decimal(struct parser *j, const char *p0, bool negative, struct lt_json *v)
{
    const char *first = j->p, *end = j->end;
    uint64_t digits = 0;
    int count = 0;
    const char *p = digit_run(first, end, &digits, &count);
    size_t before = (size_t)(p - first);
    bool point = p < end && *p == '.';
    if (before == 0 && !(point && j->json5))
        return expected(j, p, j->depth > 0 || p > p0 ? "a digit" : "a value");
    if (before > 1 && *first == '0')
        return fail(j, first, "expected no 0 at the start of a longer number");
    if (!point && (p >= end || (*p | 0x20) != 'e') && set_integer(v, digits, count, negative)) {
        j->p = p;
        return true;
    }
    int64_t exponent = 0;
    if (point) {
        const char *fraction = p + 1;
        p = digit_run(fraction, end, &digits, &count);
        exponent = -(int64_t)(p - fraction);
        if (!check_point(j, v, fraction - 1, before, (size_t)(p - fraction)))
            return false;
    }
    if (p < end && (*p | 0x20) == 'e') {
        const char *e = p + 1;
        p = lt_json_exponent(e, end, &exponent);
        if (p == e || !lt_json_is_digit(p[-1]))
            return expected(j, p, "a digit of the exponent");
    }
    if (p - p0 > LT_JSON_NUMBER_DIGITS)
        return fail(j, p0, "expected a number of at most %d characters", LT_JSON_NUMBER_DIGITS);
    j->p = p;
    return set_double(j, v, to_double(digits, count <= 19, exponent, first, (size_t)(p - first)), negative, p0);
}

/* j->p stands on a digit, a sign, a point or the I or N of JSON5. */
static bool parse_number(struct parser *j, struct lt_json *v)
{
    const char *p0 = j->p;
    bool negative = *p0 == '-';
    v->type = LT_JSON_NUMBER;
    v->flags = 0;
    if (negative || *p0 == '+')
        j->p++;
    if (*p0 == '+')
        v->flags = LT_JF_LOOSE;
    bool special = j->json5 && json5_number(j, p0, negative, v);
    if (j->code || (!special && !parse_decimal(j, p0, negative, v)))
        return false;
    if (!v->text) { /* large_hex() has given it another */
        v->text = p0;
        v->n = (uint32_t)(j->p - p0);
    }
    return true;
}

/* ---- arrays and objects ---- */

static void stack_grow(struct parser *j, size_t size)
{
    size_t cap = j->stack_cap * 2;
    while (cap < j->stack_n + size)
        cap *= 2;
    char *p = realloc(j->stack_heap, cap);
    if (!p)
        lt_out_of_memory(cap);
    if (!j->stack_heap)
        memcpy(p, j->stack, j->stack_n);
    j->stack = j->stack_heap = p;
    j->stack_cap = cap;
}

static inline void push(struct parser *j, const void *item, size_t size)
{
    if (j->stack_n + size > j->stack_cap)
        stack_grow(j, size);
    memcpy(j->stack + j->stack_n, item, size);
    j->stack_n += size;
}

/* Takes everything above `mark` from the stack into the arena. */
static void *pop(struct parser *j, size_t mark)
{
    size_t n = j->stack_n - mark;
    void *p = lt_alloc(j->arena, n);
    memcpy(p, j->stack + mark, n);
    j->stack_n = mark;
    return p;
}

static bool parse_value(struct parser *j, struct lt_json *v);

static bool enter(struct parser *j)
{
    if (++j->depth > LT_JSON_DEPTH)
        return fail(j, j->p, "expected at most %d arrays and objects in one another", LT_JSON_DEPTH);
    j->p++;
    return skip(j);
}

/* Behind an element: true with *more = false when the array or object is closed. */
static inline bool next(struct parser *j, char close, bool *more)
{
    if (!skip(j))
        return false;
    if (j->p < j->end && *j->p == ',') {
        j->p++;
        if (!skip(j))
            return false;
        *more = true;
        if (!(j->p < j->end && *j->p == close))
            return true;
        if (!j->json5)
            return fail(j, j->p, "expected %s behind the comma, found %c", close == ']' ? "a value" : "a key", close);
    }
    if (j->p >= j->end || *j->p != close)
        return expected(j, j->p, close == ']' ? "a comma or ]" : "a comma or }");
    j->p++;
    *more = false;
    return true;
}

static bool parse_array(struct parser *j, struct lt_json *v)
{
    size_t mark = j->stack_n;
    if (!enter(j))
        return false;
    bool more = true;
    if (j->p < j->end && *j->p == ']') {
        j->p++;
        more = false;
    }
    while (more) {
        struct lt_json item;
        if (!parse_value(j, &item))
            return false;
        push(j, &item, sizeof(item));
        if (!next(j, ']', &more))
            return false;
    }
    j->depth--;
    v->type = LT_JSON_ARRAY;
    v->n = (uint32_t)((j->stack_n - mark) / sizeof(struct lt_json));
    v->items = v->n ? pop(j, mark) : NULL;
    return true;
}

static bool id_start(uint32_t c)
{
    if (c < 0x80)
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
    return c != 0xFFFFFFFFu && (U_MASK(u_charType((UChar32)c)) & (U_GC_L_MASK | U_GC_NL_MASK));
}

static bool id_part(uint32_t c)
{
    if (id_start(c) || (c >= '0' && c <= '9') || c == 0x200C || c == 0x200D)
        return true;
    return c >= 0x80 && c != 0xFFFFFFFFu &&
           (U_MASK(u_charType((UChar32)c)) & (U_GC_MN_MASK | U_GC_MC_MASK | U_GC_ND_MASK | U_GC_PC_MASK));
}

/* parse_identifier() where something else than ASCII may be needed. */
static bool parse_identifier_slow(struct parser *j, struct lt_str *ret)
{
    const char *first = j->p;
    size_t left = (size_t)(j->end - first), bytes = 0;
    while (bytes < left && ((unsigned char)first[bytes] >= 0x80 || first[bytes] == '\\' || id_part((uint32_t)first[bytes])))
        bytes++;
    char *out = lt_alloc(j->arena, bytes + 4), *q = out;
    while (j->p < j->end) {
        size_t len = 0;
        char *before = q;
        const char *at = j->p;
        uint32_t c;
        if (*j->p == '\\' && j->end - j->p >= 2 && j->p[1] == 'u') {
            j->p += 2;
            if (!unicode_escape(j, &q))
                return false;
            c = decode(before, q, &len);
            len = 0;
        } else {
            c = decode(j->p, j->end, &len);
        }
        if (!(before == out ? id_start(c) : id_part(c))) {
            if (len == 0)
                return fail(j, at, "expected a letter, found an escape of something else in a key without quotes");
            break;
        }
        memcpy(q, j->p, len);
        q += len;
        j->p += len;
    }
    if (q == out)
        return expected(j, j->p, "a key");
    *ret = (struct lt_str){out, (size_t)(q - out)};
    return true;
}

/* A key without quotes: an IdentifierName of ECMAScript 5.1, which may hold \u escapes. */
static inline bool parse_identifier(struct parser *j, struct lt_str *ret)
{
    const char *p = j->p;
    while (p < j->end && (unsigned char)*p < 0x80 && id_part((uint32_t)*p))
        p++;
    bool plain = p > j->p && !lt_json_is_digit(*j->p) && p < j->end && (unsigned char)*p < 0x80 && *p != '\\';
    if (!plain)
        return parse_identifier_slow(j, ret);
    *ret = (struct lt_str){j->p, (size_t)(p - j->p)};
    j->p = p;
    return true;
}

static bool parse_member(struct parser *j)
{
    struct lt_json_member m;
    const char *at = j->p;
    if (at < j->end && (*at == '"' || (j->json5 && *at == '\''))) {
        if (!parse_string(j, &m.key))
            return false;
    } else if (!j->json5) {
        return expected(j, at, "a key in double quotes");
    } else if (!parse_identifier(j, &m.key)) {
        return false;
    }
    if (!(j->p < j->end && *j->p == ':')) {
        if (!skip(j))
            return false;
        if (j->p >= j->end || *j->p != ':')
            return expected(j, j->p, "a colon behind the key");
    }
    j->p++;
    if (!skip(j) || !parse_value(j, &m.value))
        return false;
    m.value.key_offset = (uint32_t)(at - j->start);
    push(j, &m, sizeof(m));
    return true;
}

static bool duplicate(struct parser *j, const struct lt_json_member *m)
{
    struct lt_str key = m->key;
    if (key.n > 60)
        key.n = lt_utf8_whole(key.p, 60);
    return fail(j, j->start + m->value.key_offset, "expected each key once, found \"%.*s\" again", LT_FMT(key));
}

static bool check_small(struct parser *j, const struct lt_json_member *m, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++)
        for (uint32_t k = 0; k < i; k++)
            if (m[i].key.n == m[k].key.n && lt_str_eq(m[i].key, m[k].key))
                return duplicate(j, &m[i]);
    return true;
}

static bool index_members(struct parser *j, struct lt_json *v)
{
    uint32_t again = lt_json_index(j->arena, v);
    return again == v->n || duplicate(j, &v->members[again]);
}

static bool parse_object(struct parser *j, struct lt_json *v)
{
    size_t mark = j->stack_n;
    if (!enter(j))
        return false;
    bool more = true;
    if (j->p < j->end && *j->p == '}') {
        j->p++;
        more = false;
    }
    while (more)
        if (!parse_member(j) || !next(j, '}', &more))
            return false;
    j->depth--;
    v->type = LT_JSON_OBJECT;
    v->n = (uint32_t)((j->stack_n - mark) / sizeof(struct lt_json_member));
    v->members = v->n ? pop(j, mark) : NULL;
    v->slots = NULL;
    return v->n <= LT_JSON_LINEAR ? check_small(j, v->members, v->n) : index_members(j, v);
}

/* ---- values ---- */

static bool parse_word(struct parser *j, struct lt_json *v)
{
    struct lt_str rest = {j->p, (size_t)(j->end - j->p)};
    if (lt_str_starts(rest, LT_STR("true"))) {
        v->type = LT_JSON_BOOL;
        v->b = true;
        j->p += 4;
    } else if (lt_str_starts(rest, LT_STR("false"))) {
        v->type = LT_JSON_BOOL;
        v->b = false;
        j->p += 5;
    } else if (lt_str_starts(rest, LT_STR("null"))) {
        v->type = LT_JSON_NULL;
        j->p += 4;
    } else {
        return expected(j, j->p, "a value");
    }
    return true;
}

static bool parse_value(struct parser *j, struct lt_json *v)
{
    if (j->p >= j->end)
        return expected(j, j->p, "a value");
    char c = *j->p;
    v->offset = (uint32_t)(j->p - j->start);
    v->key_offset = 0;
    v->flags = 0;
    v->n = 0;
    v->text = NULL;
    switch (c) {
    case '{':
        return parse_object(j, v);
    case '[':
        return parse_array(j, v);
    case '"': {
    quoted:;
        struct lt_str s;
        if (!parse_string(j, &s))
            return false;
        v->type = LT_JSON_STRING;
        v->text = s.p;
        v->n = (uint32_t)s.n;
        return true;
    }
    case '\'':
        if (j->json5)
            goto quoted;
        return expected(j, j->p, "a value (strings stand in double quotes)");
    case 't':
    case 'f':
    case 'n':
        return parse_word(j, v);
    case '+':
    case '.':
    case 'I':
    case 'N':
        if (!j->json5)
            return expected(j, j->p, "a value");
        return parse_number(j, v);
    default:
        if (!lt_json_is_digit(c) && c != '-')
            return expected(j, j->p, "a value");
        return parse_number(j, v);
    }
}

static bool parse_document(struct parser *j, struct lt_json *v)
{
    if (!skip(j) || !parse_value(j, v) || !skip(j))
        return false;
    return j->p == j->end || expected(j, j->p, "the end of the text");
}

enum lt_code lt_json_parse(struct lt_arena *arena, struct lt_str text, int mode, const struct lt_json **ret, struct lt_error *err)
{
    *ret = NULL;
    if (text.n > LT_JSON_TEXT_MAX)
        return lt_fail(err, LT_EINVALID_JSON, "the text has %zu bytes, at most %d are read", text.n, LT_JSON_TEXT_MAX);
    const char *start = text.p ? text.p : "";
    static _Thread_local _Alignas(16) char first_stack[2048]; /* parsing gives way to nobody; the stacks of fibers stay small */
    struct parser j = {.arena = arena,
                       .start = start,
                       .p = start,
                       .end = start + text.n,
                       .json5 = mode != LT_JSON_STRICT,
                       .finite = mode == LT_JSON_JSON5_FINITE,
                       .stack = first_stack,
                       .stack_cap = sizeof(first_stack),
                       .err = err};
    struct lt_json root;
    bool ok = parse_document(&j, &root);
    free(j.stack_heap);
    if (!ok)
        return j.code;
    struct lt_json *v = LT_NEW(arena, struct lt_json);
    *v = root;
    *ret = v;
    return LT_OK;
}
