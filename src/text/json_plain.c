/*
 * Text that is not ASCII, checked as UTF-8 sixteen bytes at a time by a state machine whose whole table row for a byte is one word: the
 * state is how far the row is shifted, so a step is one shift and waits for no branch.
 */
#include "text/json_plain.h"

#include <stdbool.h>

/* Length of the well-formed sequence at p, whose first byte is not ASCII; 0 when there is none. */
static size_t sequence(const unsigned char *p, size_t n)
{
    unsigned char c = p[0];
    if (c < 0xE0)
        return c >= 0xC2 && n >= 2 && (p[1] & 0xC0) == 0x80 ? 2 : 0;
    if (c < 0xF0) {
        if (n < 3 || (p[1] & 0xC0) != 0x80 || (p[2] & 0xC0) != 0x80)
            return 0;
        return (c == 0xE0 && p[1] < 0xA0) || (c == 0xED && p[1] > 0x9F) ? 0 : 3;
    }
    if (c > 0xF4 || n < 4 || (p[1] & 0xC0) != 0x80 || (p[2] & 0xC0) != 0x80 || (p[3] & 0xC0) != 0x80)
        return 0;
    return (c == 0xF0 && p[1] < 0x90) || (c == 0xF4 && p[1] > 0x8F) ? 0 : 4;
}

/* The same as lt_json_run(), from i on, code point by code point. */
static size_t run_slowly(const char *p, size_t n, size_t i, char quote)
{
    while (i < n) {
        i += lt_json_plain(p + i, n - i, quote);
        if (i == n || (unsigned char)p[i] < 0x80)
            break;
        size_t len = sequence((const unsigned char *)p + i, n - i);
        if (len == 0)
            break;
        i += len;
    }
    return i;
}

#ifdef __SSE2__
/* Bits by which a row is shifted. WRONG is 0, so what a row does not name is wrong. */
enum { WRONG = 0, WHOLE = 6, ONE = 12, TWO = 18, THREE = 24, AFTER_E0 = 30, AFTER_ED = 36, AFTER_F0 = 42, AFTER_F4 = 48 };

#define TO(from, to) ((uint64_t)(to) << (from))
/* What any byte from 80 to BF may end or go on with. */
#define MORE (TO(ONE, WHOLE) | TO(TWO, ONE) | TO(THREE, TWO))

static const uint64_t rows[256] = {
    [0x00 ... 0x7F] = TO(WHOLE, WHOLE),
    [0x80 ... 0x8F] = MORE | TO(AFTER_ED, ONE) | TO(AFTER_F4, TWO),
    [0x90 ... 0x9F] = MORE | TO(AFTER_ED, ONE) | TO(AFTER_F0, TWO),
    [0xA0 ... 0xBF] = MORE | TO(AFTER_E0, ONE) | TO(AFTER_F0, TWO),
    [0xC2 ... 0xDF] = TO(WHOLE, ONE),
    [0xE0] = TO(WHOLE, AFTER_E0),
    [0xE1 ... 0xEC] = TO(WHOLE, TWO),
    [0xED] = TO(WHOLE, AFTER_ED),
    [0xEE ... 0xEF] = TO(WHOLE, TWO),
    [0xF0] = TO(WHOLE, AFTER_F0),
    [0xF1 ... 0xF3] = TO(WHOLE, THREE),
    [0xF4] = TO(WHOLE, AFTER_F4),
};

/* Bits of the bytes in x that end a run although they are ASCII. */
static inline unsigned stops(__m128i x, __m128i quotes)
{
    const __m128i backs = _mm_set1_epi8('\\'), controls = _mm_set1_epi8(0x1F);
    __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(x, quotes), _mm_cmpeq_epi8(x, backs));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(hit, _mm_cmpeq_epi8(_mm_min_epu8(x, controls), x)));
}

size_t lt_json_run_wide(const char *p, size_t n, size_t i, char quote)
{
    const __m128i quotes = _mm_set1_epi8(quote);
    uint64_t state = WHOLE, before = WHOLE;
    for (; n - i >= 16; i += 16, before = state) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        unsigned stop = stops(x, quotes), high = (unsigned)_mm_movemask_epi8(x);
        size_t len = stop ? (size_t)__builtin_ctz(stop) : 16;
        if (before != WHOLE || high & ((1u << len) - 1))
            for (size_t k = 0; k < len; k++)
                state = rows[(unsigned char)p[i + k]] >> (state & 63);
        state &= 63;
        if (state == WRONG || (stop && state != WHOLE))
            break;
        if (stop)
            return i + len;
    }
    if (before != WHOLE) /* back to where the sequence begins */
        do
            i--;
        while (((unsigned char)p[i] & 0xC0) == 0x80);
    return run_slowly(p, n, i, quote);
}
#else
size_t lt_json_run_wide(const char *p, size_t n, size_t i, char quote)
{
    return run_slowly(p, n, i, quote);
}
#endif
