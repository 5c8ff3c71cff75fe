/* Sentences gathered into pieces. See chunk.h. */
#include "content/chunk.h"

struct chunker {
    struct lt_arena *arena;
    struct lt_str text;
    struct lt_chunk *chunks;
    size_t n, cap;
    size_t begin, end;                 /* of the piece that is being gathered; begin == end: none is */
    size_t chars;                      /* in it */
    size_t last;                       /* where its last sentence begins */
    bool has_own;                      /* it holds more than what it repeats of the one before */
    struct lt_str heading;
};

static bool continues(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

static size_t chars_of(struct lt_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += i == 0 || !continues(s.p[i]);
    return n;
}

static struct lt_str part(const struct chunker *c, size_t at, size_t end)
{
    return (struct lt_str){c->text.p + at, end - at};
}

static void add(struct chunker *c)
{
    if (c->n == c->cap) {
        size_t larger = c->cap ? c->cap * 2 : 16;
        struct lt_chunk *chunks = LT_NEW_ARRAY(c->arena, struct lt_chunk, larger);
        if (c->n > 0)
            memcpy(chunks, c->chunks, sizeof *chunks * c->n);
        c->chunks = chunks;
        c->cap = larger;
    }
    c->chunks[c->n++] = (struct lt_chunk){.at = c->begin, .n = c->end - c->begin, .heading = c->heading};
}

/* Ends the piece; the next one repeats its last sentence, if that is short. */
static void close_piece(struct chunker *c, bool repeat)
{
    size_t chars = chars_of(part(c, c->last, c->end));
    if (c->has_own)
        add(c);
    repeat = repeat && c->last > c->begin && chars <= LT_CHUNK_OVERLAP_CHARS;
    c->begin = repeat ? c->last : c->end;
    c->chars = repeat ? chars : 0;
    c->has_own = false;
}

/* In pieces of its own: what has no end within LT_CHUNK_CHARS_MAX code points. Returns where the last of them begins. */
static size_t cut_long(struct chunker *c, size_t at, size_t end)
{
    size_t n = 0, i = at;
    for (; i < end; i++)
        if ((i == at || !continues(c->text.p[i])) && n++ == LT_CHUNK_CHARS_MAX) {
            c->begin = at;
            c->end = i;
            add(c);
            at = i;
            n = 1;
        }
    return at;
}

static void take(struct chunker *c, size_t at, size_t end)
{
    size_t gap = c->begin < c->end ? chars_of(part(c, c->end, at)) : 0, chars = chars_of(part(c, at, end));
    if (c->begin < c->end && (c->chars >= LT_CHUNK_CHARS || c->chars + gap + chars > LT_CHUNK_CHARS_MAX)) {
        close_piece(c, c->chars >= LT_CHUNK_SECTION_CHARS);
        gap = c->begin < c->end ? chars_of(part(c, c->end, at)) : 0;
        if (c->chars + gap + chars > LT_CHUNK_CHARS_MAX)
            c->begin = c->end;
    }
    if (c->begin == c->end) {
        if (chars > LT_CHUNK_CHARS_MAX) {
            at = cut_long(c, at, end);
            chars = chars_of(part(c, at, end));
        }
        c->begin = at;
        c->chars = gap = 0;
    }
    c->chars += gap + chars;
    c->last = at;
    c->end = end;
    c->has_own = true;
}

static void take_heading(struct chunker *c, struct lt_str heading, size_t at, size_t end)
{
    if (c->begin < c->end && c->chars >= LT_CHUNK_SECTION_CHARS)
        close_piece(c, false);
    if (c->begin == c->end || !c->has_own)
        c->begin = c->end = at;
    if (heading.n > LT_CHUNK_HEADING_MAX)
        heading.n = lt_utf8_whole(heading.p, LT_CHUNK_HEADING_MAX);
    c->heading = heading;
    take(c, at, end);
}

/* Sentences are found in so many bytes at once: up to a line's end, if there is one in the second half. */
static size_t slice_end(struct lt_str text, size_t at)
{
    size_t end = text.n - at > LT_DOCUMENT_MAX ? at + LT_DOCUMENT_MAX : text.n;
    if (end == text.n)
        return end;
    for (size_t i = end; i > at + LT_DOCUMENT_MAX / 2; i--)
        if (text.p[i - 1] == '\n')
            return i;
    return at + lt_utf8_whole(text.p + at, end - at);
}

enum lt_code lt_chunk_text(struct lt_arena *arena, struct lt_str text, const struct lt_language *language, struct lt_chunk **ret, size_t *ret_n,
                           struct lt_error *err)
{
    struct chunker c = {.arena = arena, .text = text, .heading = LT_STR("")};
    for (size_t at = 0; at < text.n;) {
        const struct lt_document *d;
        size_t end = slice_end(text, at);
        if (lt_document_parse(arena, part(&c, at, end), language, &d, err))
            return err->code;
        for (size_t i = 0; i < d->sentences_n; i++) {
            const struct lt_sentence *s = &d->sentences[i];
            size_t from = at + (size_t)(s->text.p - d->text.p);
            if (s->kind == LT_SENTENCE_HEADING)
                take_heading(&c, s->text, from, from + s->text.n);
            else
                take(&c, from, from + s->text.n);
        }
        at = end;
    }
    if (c.begin < c.end)
        close_piece(&c, false);
    *ret = c.chunks;
    *ret_n = c.n;
    return LT_OK;
}
