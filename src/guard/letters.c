/* What is left of a text when only its letters count. Fuzzed by tests/fuzz/fuzz_address.c. */
#include "guard/letters.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/utf16.h>
#include <unicode/utf8.h>

/* Cyrillic and Greek ones that look like Latin ones. */
static const struct {
    uint32_t is;
    char looks;
} lookalikes[] = {{0x391, 'a'}, {0x392, 'b'}, {0x395, 'e'}, {0x396, 'z'}, {0x397, 'h'}, {0x399, 'i'}, {0x39A, 'k'}, {0x39C, 'm'}, {0x39D, 'n'},
                  {0x39F, 'o'}, {0x3A1, 'p'}, {0x3A4, 't'}, {0x3A5, 'y'}, {0x3A7, 'x'}, {0x3B1, 'a'}, {0x3B9, 'i'}, {0x3BA, 'k'}, {0x3BD, 'v'},
                  {0x3BF, 'o'}, {0x3C1, 'p'}, {0x3C5, 'u'}, {0x405, 's'}, {0x406, 'i'}, {0x408, 'j'}, {0x410, 'a'}, {0x412, 'b'}, {0x415, 'e'},
                  {0x41A, 'k'}, {0x41C, 'm'}, {0x41D, 'h'}, {0x41E, 'o'}, {0x420, 'p'}, {0x421, 'c'}, {0x422, 't'}, {0x423, 'y'}, {0x425, 'x'},
                  {0x430, 'a'}, {0x435, 'e'}, {0x43A, 'k'}, {0x43E, 'o'}, {0x440, 'p'}, {0x441, 'c'}, {0x443, 'y'}, {0x445, 'x'}, {0x455, 's'},
                  {0x456, 'i'}, {0x458, 'j'}, {0x4BB, 'h'}, {0x4CF, 'l'}, {0x501, 'd'}, {0x51B, 'q'}, {0x51D, 'w'}, {0x131, 'i'}, {0x261, 'g'}};

static void grow(struct lt_letters *l)
{
    struct lt_letters more = *l;
    more.cap = l->cap ? 2 * l->cap : 1024;
    more.p = lt_alloc(l->arena, more.cap);
    more.from = LT_NEW_ARRAY(l->arena, uint32_t, more.cap);
    more.begins = LT_NEW_ARRAY(l->arena, bool, more.cap);
    if (l->n > 0) {
        memcpy(more.p, l->p, l->n);
        memcpy(more.from, l->from, l->n * sizeof(*l->from));
        memcpy(more.begins, l->begins, l->n * sizeof(*l->begins));
    }
    *l = more;
}

/* A run of letters that the pattern does not know is as one. */
static void put(struct lt_letters *l, char c, uint32_t character)
{
    if (c == LT_LETTER_OTHER && l->n > 0 && l->p[l->n - 1] == LT_LETTER_OTHER)
        return;
    if (l->n == l->cap)
        grow(l);
    l->from[l->n] = character;
    l->begins[l->n] = l->gap;
    l->gap = false;
    l->p[l->n++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static void put_simple(struct lt_letters *l, UChar32 cp, uint32_t character)
{
    if (cp < 0x80) {
        if ((cp >= '0' && cp <= '9') || (cp >= 'A' && cp <= 'Z') || (cp >= 'a' && cp <= 'z') || cp == '%')
            put(l, (char)cp, character);
        else
            l->gap = true;
        return;
    }
    for (size_t i = 0; i < LT_COUNT(lookalikes); i++)
        if ((UChar32)lookalikes[i].is == cp) {
            put(l, lookalikes[i].looks, character);
            return;
        }
    if (cp == 0xDF) { /* ß, as Germans without that key write it */
        put(l, 's', character);
        put(l, 's', character);
    } else if (u_isalpha(cp)) {
        put(l, LT_LETTER_OTHER, character);
    } else {
        l->gap |= u_isUWhiteSpace(cp) || u_ispunct(cp) || u_charType(cp) == U_PRIVATE_USE_CHAR;
    }
}

/* What a styled, wide or accented letter is made of; marks by themselves are no letters. At most 18 (Unicode's U+FDFA). */
static void put_letter(struct lt_letters *l, const UNormalizer2 *nfkd, UChar32 cp, uint32_t character)
{
    UChar made_of[32];
    UErrorCode status = U_ZERO_ERROR;
    int32_t n = cp < 0xA0 ? -1 : unorm2_getDecomposition(nfkd, cp, made_of, (int32_t)LT_COUNT(made_of), &status);
    if (n < 0 || U_FAILURE(status)) {
        put_simple(l, cp, character);
        return;
    }
    for (int32_t i = 0; i < n;) {
        UChar32 c;
        U16_NEXT(made_of, i, n, c);
        put_simple(l, c, character);
    }
}

/* "&#233;" or "&#xE9;" at `at`: its character and how many bytes it takes; 0: it is none. */
static size_t reference_at(struct lt_str text, size_t at, UChar32 *ret)
{
    bool hex = at + 2 < text.n && (text.p[at + 2] == 'x' || text.p[at + 2] == 'X');
    size_t i = at + (hex ? 3 : 2), first = i;
    int32_t value = 0;
    if (at + 2 >= text.n || text.p[at] != '&' || text.p[at + 1] != '#')
        return 0;
    for (; i < text.n && i - first < 8; i++) {
        int digit = u_digit((UChar32)(uint8_t)text.p[i], hex ? 16 : 10);
        if (digit < 0)
            break;
        value = value > 0x10FFFF ? value : value * (hex ? 16 : 10) + digit;
    }
    *ret = value;
    return i > first && i < text.n && text.p[i] == ';' && value <= 0x10FFFF ? i + 1 - at : 0;
}

void lt_letters_read(struct lt_arena *arena, struct lt_str text, struct lt_letters *ret)
{
    UErrorCode status = U_ZERO_ERROR;
    const UNormalizer2 *nfkd = unorm2_getNFKDInstance(&status);
    *ret = (struct lt_letters){.arena = arena, .gap = true};
    uint32_t character = 0;
    for (size_t at = 0; at < text.n && U_SUCCESS(status);) {
        UChar32 cp;
        size_t taken = reference_at(text, at, &cp);
        if (taken > 0) {
            put_letter(ret, nfkd, cp, character);
            at += taken;
            character += (uint32_t)taken;
            continue;
        }
        U8_NEXT(text.p, at, text.n, cp);
        put_letter(ret, nfkd, cp < 0 ? ' ' : cp, character++);
    }
}

void lt_letters_turn(struct lt_letters *l)
{
    struct lt_letters turned = {.arena = l->arena, .gap = true};
    for (size_t i = l->n; i-- > 0;) {
        put(&turned, l->p[i], l->from[i]);
        turned.gap = l->begins[i];
    }
    *l = turned;
}
