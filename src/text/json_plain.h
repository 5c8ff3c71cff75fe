/* Runs of bytes that stand in a JSON string as they are: what reading and writing strings spend most of their time on. Private to text/. */
#pragma once
#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Index of the first byte from p[0..n) that is `quote`, a backslash, a control character or not ASCII; n when there is none. */
static inline size_t lt_json_plain(const char *p, size_t n, char quote)
{
    size_t i = 0;
#ifdef __SSE2__
    const __m128i quotes = _mm_set1_epi8(quote), backs = _mm_set1_epi8('\\'), space = _mm_set1_epi8(0x20);
    for (; n - i >= 16; i += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        /* The comparison is one of signed bytes, so it is true for what is not ASCII, too. */
        __m128i hit = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(x, quotes), _mm_cmpeq_epi8(x, backs)), _mm_cmplt_epi8(x, space));
        int mask = _mm_movemask_epi8(hit);
        if (mask)
            return i + (size_t)__builtin_ctz((unsigned)mask);
    }
#endif
    const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    for (; n - i >= 8; i += 8) {
        uint64_t w;
        memcpy(&w, p + i, 8);
        w = le64toh(w);
        uint64_t q = w ^ ones * (unsigned char)quote, back = w ^ ones * '\\';
        /* The lowest high bit set marks the first such byte; those above it may be wrong. */
        uint64_t hit = (w | (w - ones * 0x20) | ((q - ones) & ~q) | ((back - ones) & ~back)) & highs;
        if (hit)
            return i + (size_t)__builtin_ctzll(hit) / 8;
    }
    for (; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c == (unsigned char)quote || c == '\\' || c < 0x20 || c >= 0x80)
            break;
    }
    return i;
}

/* lt_json_run() from i on, where the first byte stands that is not ASCII. */
size_t lt_json_run_wide(const char *p, size_t n, size_t i, char quote);

/* Index of the first byte from p[0..n) that is `quote`, a backslash, a control character or not UTF-8; n when there is none. */
static inline size_t lt_json_run(const char *p, size_t n, char quote)
{
    size_t i = lt_json_plain(p, n, quote);
    return i < n && (unsigned char)p[i] >= 0x80 ? lt_json_run_wide(p, n, i, quote) : i;
}
