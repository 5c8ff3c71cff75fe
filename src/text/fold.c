/* Simple case folding with ICU's tables. Fuzzed by tests/fuzz/fuzz_sentences.c. */
#include "text/fold.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

/* What the character at text[*at] folds to → out; returns its bytes there and moves *at behind the character. */
static size_t fold_next(struct lt_str text, size_t *at, char out[4])
{
    unsigned char first = (unsigned char)text.p[*at];
    if (first < 0x80) {
        out[0] = (char)(first >= 'A' && first <= 'Z' ? first + 32 : first);
        ++*at;
        return 1;
    }
    UChar32 c;
    const uint8_t *bytes = (const uint8_t *)text.p + *at;
    int32_t n = 0, rest = text.n - *at > 4 ? 4 : (int32_t)(text.n - *at);
    U8_NEXT(bytes, n, rest, c);
    if (c < 0) {
        out[0] = (char)first;
        ++*at;
        return 1;
    }
    *at += (size_t)n;
    return (size_t)lt_utf8_encode((uint32_t)u_foldCase(c, U_FOLD_CASE_DEFAULT), out);
}

void lt_fold(struct lt_buf *out, struct lt_str text)
{
    char c[4];
    for (size_t i = 0; i < text.n;) {
        size_t n = fold_next(text, &i, c);
        lt_buf_put(out, c, n);
    }
}

/* From its character at `at` on. */
static bool begins(struct lt_str text, size_t at, struct lt_str folded)
{
    char c[4];
    for (size_t k = 0; k < folded.n;) {
        if (at == text.n)
            return false;
        size_t n = fold_next(text, &at, c);
        if (n > folded.n - k || memcmp(c, folded.p + k, n) != 0)
            return false;
        k += n;
    }
    return true;
}

bool lt_fold_contains(struct lt_str text, struct lt_str folded)
{
    char c[4];
    for (size_t i = 0; i < text.n && folded.n > 0;) {
        size_t at = i;
        fold_next(text, &i, c);
        if (c[0] == folded.p[0] && begins(text, at, folded))
            return true;
    }
    return folded.n == 0;
}
