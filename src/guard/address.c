/* Which sentences speak to whoever grades: known words in the letters of a text, forwards and backwards. Fuzzed by tests/fuzz/fuzz_address.c. */
#include "guard/address.h"
#include "guard/address_words.h"
#include "guard/letters.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

enum {
    QUOTED_MIN = 24,                   /* bytes of a sentence that is taken for a quotation of the task */
    QUOTED_TRIES = 200,                /* sentences that are looked for in the task; what is found beyond them counts */
    WORDS_TRIES = 2000,                /* the same of words */
    AFTER_MAX = 10,                    /* letters between what is highest and of what ("full possible marks") */
    BEFORE_MAX = 6,                    /* the other way round ("nota más alta") */
    LEAVE_MAX = 24,                    /* between "ignore" and what */
    SHORT = 5,                         /* a word of fewer letters */
    LETTERS = 39,                      /* a to z, 0 to 9, "%", LT_LETTER_OTHER, and what is none of them */
};

/* ---- sentences ---- */

struct sentence {
    struct lt_stretch at;
    struct lt_str text;
    bool line;                         /* only a line ends here: the next one may go on with it */
};
struct sentences {
    struct sentence *list;
    size_t n, cap;
};

static void add_sentence(struct lt_arena *arena, struct sentences *s, struct sentence sentence)
{
    if (s->n == s->cap) {
        struct sentence *more = LT_NEW_ARRAY(arena, struct sentence, s->cap ? 2 * s->cap : 64);
        if (s->n > 0)
            memcpy(more, s->list, s->n * sizeof(*more));
        s->list = more;
        s->cap = s->cap ? 2 * s->cap : 64;
    }
    s->list[s->n++] = sentence;
}

static bool is_space(UChar32 c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || u_isUWhiteSpace(c);
}

static bool ends_line(UChar32 c)
{
    return c == '\n' || c == 0x2028 || c == 0x2029;
}

/* Western marks end a sentence only before a space, closing mark or the end: "3.5", "f.u.l.l". */
static bool ends_sentence(UChar32 c, UChar32 next)
{
    if (ends_line(c) || c == 0x3002 || c == 0xFF01 || c == 0xFF1F || c == 0xFF0E || c == 0x61F || c == 0x964)
        return true;
    return (c == '.' || c == '!' || c == '?' || c == 0x2026) && (next < 0 || is_space(next) || strchr("\"')]}<", (int)(next < 0x80 ? next : 'x')) ||
                                                                 next == 0x201D || next == 0x2019 || next == 0xBB);
}

static void read_sentences(struct lt_arena *arena, struct lt_str text, struct sentences *ret)
{
    size_t character = 0, start = 0, start_at = 0;
    *ret = (struct sentences){0};
    for (size_t at = 0; at < text.n;) {
        UChar32 c, next = U_SENTINEL;
        U8_NEXT(text.p, at, text.n, c);
        character++;
        size_t peek = at;
        if (peek < text.n)
            U8_NEXT(text.p, peek, text.n, next);
        if (at < text.n && !ends_sentence(c, next))
            continue;
        add_sentence(arena, ret, (struct sentence){{start, character}, {text.p + start_at, at - start_at}, ends_line(c)});
        start = character;
        start_at = at;
    }
}

/* The sentence that holds a character; the last one for what lies behind. */
static size_t sentence_at(const struct sentences *s, size_t character)
{
    size_t low = 0, high = s->n > 0 ? s->n - 1 : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->list[middle].at.end > character)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

struct lt_stretch lt_sentences_around(struct lt_arena *arena, struct lt_str text, struct lt_stretch stretch)
{
    struct sentences s;
    read_sentences(arena, text, &s);
    if (s.n == 0 || stretch.end <= stretch.start)
        return stretch;
    return (struct lt_stretch){s.list[sentence_at(&s, stretch.start)].at.start, s.list[sentence_at(&s, stretch.end - 1)].at.end};
}

/* ---- finding ---- */

struct lt_address_reader {
    struct lt_arena *arena;
    struct lt_quotable assignment;
    struct lt_letters assignment_letters;
    int words_tried;
    uint16_t first[LETTERS * LETTERS * LETTERS]; /* by a word's first three letters: 1 + its place in address_words, 0: none */
    uint16_t next[LT_COUNT(address_words)];      /* another one that begins so */
};

static size_t letter_index(char c)
{
    return c >= 'a' && c <= 'z' ? (size_t)(c - 'a') : c >= '0' && c <= '9' ? (size_t)(c - '0') + 26 : c == '%' ? 36 : c == LT_LETTER_OTHER ? 37 : 38;
}

static size_t beginning(const char *p)
{
    return (letter_index(p[0]) * LETTERS + letter_index(p[1])) * LETTERS + letter_index(p[2]);
}

struct lt_address_reader *lt_address_reader_new(struct lt_arena *arena, struct lt_str assignment)
{
    struct lt_address_reader *r = LT_NEW(arena, struct lt_address_reader);
    r->arena = arena;
    for (size_t i = 0; i < LT_COUNT(address_words); i++) {
        size_t at = beginning(address_words[i].text);
        r->next[i] = r->first[at];
        r->first[at] = (uint16_t)(i + 1);
    }
    lt_quotable_make(arena, assignment, &r->assignment);
    lt_letters_read(arena, assignment, &r->assignment_letters);
    return r;
}

/* Words of the task are the subject's. */
static bool word_of_the_task(struct lt_address_reader *r, struct lt_str word)
{
    const struct lt_letters *task = &r->assignment_letters;
    return task->n > 0 && r->words_tried++ < WORDS_TRIES && memmem(task->p, task->n, word.p, word.n);
}

/* Where each of these was last seen, as 1 + the place behind it; 0: nowhere. */
struct seen {
    size_t top, noun, leave;
    size_t top_from, noun_from;        /* and where it began */
};

static bool near(size_t seen, size_t at, size_t max)
{
    return seen > 0 && at + 1 >= seen && at + 1 - seen <= max;
}

/* Does the word, from `at` on, end what is an order? *from: where that began. */
static bool ends_order(const struct seen *seen, int kinds, size_t at, size_t *from)
{
    *from = at;
    if (kinds & ORDER)
        return true;
    if ((kinds & NOUN) && near(seen->top, at, AFTER_MAX)) {
        *from = seen->top_from;
        return true;
    }
    if ((kinds & TOP) && near(seen->noun, at, BEFORE_MAX)) {
        *from = seen->noun_from;
        return true;
    }
    return (kinds & LAW) && near(seen->leave, at, LEAVE_MAX);
}

static void note(struct seen *seen, int kinds, size_t at, size_t n)
{
    if (kinds & TOP) {
        seen->top = at + n + 1;
        seen->top_from = at;
    }
    if (kinds & NOUN) {
        seen->noun = at + n + 1;
        seen->noun_from = at;
    }
    if (kinds & LEAVE)
        seen->leave = at + n + 1;
}

/* An order marks all lines from its first letter to its last. What lies in two sentences is none. */
static void mark_order(const struct lt_letters *l, const struct sentences *s, size_t from, size_t to, int *kinds)
{
    uint32_t a = l->from[from], b = l->from[to];
    size_t first = sentence_at(s, a < b ? a : b), last = sentence_at(s, a < b ? b : a);
    for (size_t i = first; i < last; i++)
        if (!s->list[i].line)
            return;
    for (size_t i = first; i <= last; i++)
        kinds[i] |= ORDER;
}

/* Short words are not put together of the ends of others ("to punish"), unless all their letters stand apart. */
static bool stands(const struct lt_letters *l, size_t at, struct lt_str word, int kind)
{
    size_t gaps = 0;
    if (l->n - at < word.n || memcmp(l->p + at, word.p, word.n) != 0)
        return false;
    for (size_t i = 1; i < word.n; i++)
        gaps += l->begins[at + i];
    return (l->begins[at] || (kind & (NOUN | SCALE))) /* "Gesamtnote" */ && (word.n >= SHORT || gaps == 0 || gaps == word.n - 1);
}

static void mark_words(struct lt_address_reader *r, const struct lt_letters *l, const struct sentences *s, size_t at, struct seen *seen, int *kinds)
{
    struct seen before = *seen;
    size_t from;
    for (uint16_t w = r->first[beginning(l->p + at)]; w > 0; w = r->next[w - 1]) {
        struct lt_str word = lt_str(address_words[w - 1].text);
        int kind = address_words[w - 1].kinds, *here = &kinds[sentence_at(s, l->from[at])];
        if (!stands(l, at, word, kind))
            continue;
        if (ends_order(&before, kind, at, &from))
            mark_order(l, s, from, at + word.n - 1, kinds);
        if ((kind & TALK & ~*here) && !word_of_the_task(r, word))
            *here |= kind & TALK;
        note(seen, kind, at, word.n);
    }
}

/* An order, or two kinds of talk in one sentence. */
static void mark(struct lt_address_reader *r, const struct lt_letters *l, const struct sentences *s, bool *marked)
{
    int *kinds = LT_NEW_ARRAY(r->arena, int, s->n);
    struct seen seen = {0};
    for (size_t at = 0; at + 3 <= l->n; at++)
        mark_words(r, l, s, at, &seen, kinds);
    for (size_t i = 0; i < s->n; i++)
        marked[i] |= (kinds[i] & ORDER) || (kinds[i] & TALK & ((kinds[i] & TALK) - 1));
}

static bool of_the_task(struct lt_address_reader *r, struct lt_str sentence)
{
    size_t start, end;
    sentence = lt_str_trim(sentence);
    return sentence.n >= QUOTED_MIN && lt_quotable_find(r->arena, &r->assignment, sentence, &start, &end);
}

void lt_address_find(struct lt_address_reader *r, struct lt_str text, struct lt_stretches *ret)
{
    struct lt_letters l;
    struct sentences s;
    lt_letters_read(r->arena, text, &l);
    read_sentences(r->arena, text, &s);
    bool *marked = LT_NEW_ARRAY(r->arena, bool, s.n);
    mark(r, &l, &s, marked);
    lt_letters_turn(&l);
    mark(r, &l, &s, marked);
    *ret = (struct lt_stretches){.list = LT_NEW_ARRAY(r->arena, struct lt_stretch, s.n)};
    for (size_t i = 0, tries = 0; i < s.n; i++)
        if (marked[i] && (tries++ >= QUOTED_TRIES || !of_the_task(r, s.list[i].text)))
            ret->list[ret->n++] = s.list[i].at;
}

/* ---- without them ---- */

bool lt_stretches_touch(const struct lt_stretches *stretches, struct lt_stretch other)
{
    bool touch = false;
    for (size_t i = 0; i < stretches->n && !touch; i++)
        touch = stretches->list[i].start < other.end && other.start < stretches->list[i].end;
    return touch;
}

void lt_stretches_add(struct lt_arena *arena, struct lt_stretches *stretches, struct lt_stretch stretch)
{
    struct lt_stretch *list = LT_NEW_ARRAY(arena, struct lt_stretch, stretches->n + 1);
    size_t n = 0;
    for (size_t i = 0; i < stretches->n && stretches->list[i].start <= stretch.start; i++)
        list[n++] = stretches->list[i];
    list[n++] = stretch;
    for (size_t i = n - 1; i < stretches->n; i++)
        list[n++] = stretches->list[i];
    *stretches = (struct lt_stretches){list, n};
}

struct lt_str lt_text_without(struct lt_arena *arena, struct lt_str text, const struct lt_stretches *stretches)
{
    char *p = lt_alloc(arena, text.n);
    size_t n = 0, character = 0, i = 0;
    for (size_t at = 0; at < text.n; character++) {
        size_t before = at;
        U8_FWD_1(text.p, at, text.n);
        while (i < stretches->n && stretches->list[i].end <= character)
            i++;
        bool gone = i < stretches->n && stretches->list[i].start <= character;
        if (gone)
            p[n++] = ' ';
        else
            for (size_t k = before; k < at; k++)
                p[n++] = text.p[k];
    }
    return (struct lt_str){p, n};
}
