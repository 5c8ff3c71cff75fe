/* Quotations in texts, and what of a text can be seen. Fuzzed by tests/fuzz/fuzz_quote.c. */
#include "guard/quote.h"

static uint32_t next_code_point(struct lt_str s, size_t *at)
{
    uint8_t c = (uint8_t)s.p[(*at)++];
    int more = c < 0x80 ? 0 : c < 0xE0 ? 1 : c < 0xF0 ? 2 : 3;
    uint32_t cp = more == 0 ? c : c & (0x3FU >> more);
    while (more-- > 0 && *at < s.n)
        cp = cp << 6 | ((uint8_t)s.p[(*at)++] & 0x3F);
    return cp;
}

struct range {
    uint32_t first, last;
};

static bool in(const struct range *ranges, size_t n, uint32_t cp)
{
    bool found = false;
    for (size_t i = 0; i < n && !found; i++)
        found = cp >= ranges[i].first && cp <= ranges[i].last;
    return found;
}
#define IN(ranges, cp) in((ranges), LT_COUNT(ranges), (cp))

static const struct range carriers[] = {{0x00, 0x08},     {0x0E, 0x1F},     {0x7F, 0x84},     {0x86, 0x9F},     {0x61C, 0x61C},
                                        {0x115F, 0x1160}, {0x180E, 0x180E}, {0x200B, 0x200B}, {0x200E, 0x200F}, {0x202A, 0x202E},
                                        {0x2060, 0x206F}, {0x3164, 0x3164}, {0xFEFF, 0xFEFF}, {0xFFA0, 0xFFA0}, {0xFFF9, 0xFFFB},
                                        {0xE0000, 0xE01EF}};
/* They belong to how a script or an emoji is written. */
static const struct range joiners[] = {{0xAD, 0xAD}, {0x34F, 0x34F}, {0x180B, 0x180D}, {0x200C, 0x200D}, {0xFE00, 0xFE0F}};
static const struct range spaces[] = {{0x09, 0x0D},     {0x20, 0x20},     {0x85, 0x85},     {0xA0, 0xA0},     {0x1680, 0x1680},
                                      {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}};

static struct lt_str plain_mark(uint32_t cp)
{
    if (cp >= 0x2018 && cp <= 0x201B)
        return LT_STR("'");
    if ((cp >= 0x201C && cp <= 0x201F) || cp == 0xAB || cp == 0xBB)
        return LT_STR("\"");
    if ((cp >= 0x2010 && cp <= 0x2015) || cp == 0x2212)
        return LT_STR("-");
    return cp == 0x2026 ? LT_STR("...") : LT_STR_NULL;
}

struct folding {
    char *p;
    uint32_t *from;
    size_t n;
    bool space;                        /* white space came, and something stands before it */
    uint32_t space_at;
};

static void put(struct folding *f, const char *p, size_t n, uint32_t character)
{
    if (f->space) {
        f->p[f->n] = ' ';
        f->from[f->n++] = f->space_at;
        f->space = false;
    }
    for (size_t i = 0; i < n; i++) {
        f->p[f->n] = p[i];
        f->from[f->n++] = character;
    }
}

/* No character becomes longer in bytes than it was: the three dots take as many as the one. */
void lt_quotable_make(struct lt_arena *arena, struct lt_str text, struct lt_quotable *ret)
{
    struct folding f = {.p = lt_alloc(arena, text.n), .from = LT_NEW_ARRAY(arena, uint32_t, text.n)};
    uint32_t character = 0;
    for (size_t at = 0; at < text.n; character++) {
        size_t before = at;
        uint32_t cp = next_code_point(text, &at);
        struct lt_str mark = plain_mark(cp);
        if (IN(spaces, cp)) {
            if (f.n > 0 && !f.space) {
                f.space = true;
                f.space_at = character;
            }
        } else if (mark.n > 0) {
            put(&f, mark.p, mark.n, character);
        } else if (!IN(carriers, cp) && !IN(joiners, cp)) {
            put(&f, text.p + before, at - before, character);
        }
    }
    *ret = (struct lt_quotable){{f.p, f.n}, f.from, character};
}

static size_t characters(struct lt_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((uint8_t)s.p[i] & 0xC0) != 0x80;
    return n;
}

bool lt_quotable_find(struct lt_arena *arena, const struct lt_quotable *text, struct lt_str quote, size_t *start, size_t *end)
{
    struct lt_quotable q;
    if (quote.n > 4 * LT_QUOTE_MAX)
        return false;
    lt_quotable_make(arena, quote, &q);
    size_t n = characters(q.folded);
    if (n == 0 || n > LT_QUOTE_MAX || (n < LT_QUOTE_MIN && !lt_str_eq(q.folded, text->folded)))
        return false;
    const char *found = memmem(text->folded.p, text->folded.n, q.folded.p, q.folded.n);
    if (!found)
        return false;
    size_t at = (size_t)(found - text->folded.p);
    *start = text->from[at];
    *end = (size_t)text->from[at + q.folded.n - 1] + 1;
    return true;
}

struct lt_str lt_guard_visible(struct lt_arena *arena, struct lt_str text)
{
    char *p = lt_alloc(arena, text.n);
    size_t n = 0;
    for (size_t at = 0; at < text.n;) {
        size_t before = at;
        if (IN(carriers, next_code_point(text, &at)))
            continue;
        memcpy(p + n, text.p + before, at - before);
        n += at - before;
    }
    return (struct lt_str){p, n};
}

bool lt_guard_blank(struct lt_arena *arena, struct lt_str text)
{
    struct lt_quotable q;
    lt_quotable_make(arena, text, &q);
    return q.folded.n == 0;
}

bool lt_guard_submission_blank(struct lt_arena *arena, const struct lt_json *submission)
{
    static const char *const lists[] = {"parts", "attachments"};
    bool blank = true;
    for (size_t k = 0; k < LT_COUNT(lists); k++) {
        const struct lt_json *list = lt_json_get(submission, lists[k]);
        for (size_t i = 0; i < lt_json_len(list) && blank; i++)
            blank = lt_guard_blank(arena, lt_json_str(lt_json_get(lt_json_at(list, i), "text")));
    }
    return blank;
}
