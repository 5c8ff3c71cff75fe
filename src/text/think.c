/* Removal of reasoning blocks, on a whole text and on a stream. Fuzzed by tests/fuzz/fuzz_think.c. */
#include "text/think.h"

static const char open_tag[] = "<think>", close_tag[] = "</think>";

enum { OPEN_LEN = sizeof(open_tag) - 1, CLOSE_LEN = sizeof(close_tag) - 1 };

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* First place of the tag in s, or NULL. */
static const char *find_tag(struct lt_str s, const char *tag, size_t len)
{
    while (s.n >= len) {
        const char *at = memchr(s.p, '<', s.n - len + 1);
        if (!at)
            return NULL;
        if (lt_str_eq_ci((struct lt_str){at, len}, (struct lt_str){tag, len}))
            return at;
        s.n -= (size_t)(at + 1 - s.p);
        s.p = at + 1;
    }
    return NULL;
}

static struct lt_str trim(struct lt_str s)
{
    while (s.n > 0 && is_space(s.p[0]))
        s.p++, s.n--;
    while (s.n > 0 && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

struct lt_str lt_think_strip(struct lt_arena *arena, struct lt_str text)
{
    if (!text.p)
        return text;
    char *out = NULL;
    size_t n = 0;
    struct lt_str rest = text;
    for (;;) {
        const char *open = find_tag(rest, open_tag, OPEN_LEN), *end = rest.p + rest.n;
        const char *close = open ? find_tag((struct lt_str){open, (size_t)(end - open)}, close_tag, CLOSE_LEN) : NULL;
        if (!close)
            break;
        if (!out)
            out = lt_alloc(arena, text.n);
        memcpy(out + n, rest.p, (size_t)(open - rest.p));
        n += (size_t)(open - rest.p);
        const char *after = close + CLOSE_LEN;
        while (after < end && is_space(*after))
            after++;
        rest = (struct lt_str){after, (size_t)(end - after)};
    }
    if (!out)
        return trim(text);
    memcpy(out + n, rest.p, rest.n);
    return trim((struct lt_str){out, n + rest.n});
}

/*
 * The stream is in one of four phases. `held` has the white space that may turn out to be trailing, then, from the first "<" on,
 * the tag or block that is not decided yet. `state` is the phase and how many bytes of the tag looked for have been matched.
 */
enum phase { TEXT, OPENING, INSIDE, BEHIND };

static void set(struct lt_think *t, enum phase phase, size_t matched)
{
    t->state = (int)(phase << 8 | matched);
}

void lt_think_init(struct lt_think *t, size_t max)
{
    *t = (struct lt_think){0};
    lt_buf_init(&t->held, max);
}

void lt_think_free(struct lt_think *t)
{
    lt_buf_free(&t->held);
}

/* What is held is text: shows it. */
static void show_held(struct lt_think *t, struct lt_buf *out)
{
    lt_buf_put_str(out, lt_buf_str(&t->held));
    t->held.n = 0;
    t->shown = true;
}

/* A run without "<": shows it but for white space at its end. */
static bool plain(struct lt_think *t, struct lt_str run, struct lt_buf *out)
{
    size_t n = run.n;
    while (n > 0 && is_space(run.p[n - 1]))
        n--;
    size_t from = 0;
    while (!t->shown && from < n && is_space(run.p[from]))
        from++;
    if (n > from) {
        show_held(t, out);
        lt_buf_put(out, run.p + from, n - from);
    }
    return t->shown ? lt_buf_put(&t->held, run.p + n, run.n - n) : true;
}

/* In TEXT: takes everything up to the next "<". Returns the bytes used, 0 when too much is held. */
static size_t feed_text(struct lt_think *t, struct lt_str piece, struct lt_buf *out)
{
    const char *tag = memchr(piece.p, '<', piece.n);
    size_t n = tag ? (size_t)(tag - piece.p) : piece.n;
    if (!plain(t, (struct lt_str){piece.p, n}, out))
        return 0;
    if (!tag)
        return n;
    set(t, OPENING, 1);
    return lt_buf_putc(&t->held, '<') ? n + 1 : 0;
}

/* In OPENING: one byte more of "<think>", or it was text. */
static size_t feed_opening(struct lt_think *t, char c, size_t matched, struct lt_buf *out)
{
    if (lower(c) != open_tag[matched]) {
        show_held(t, out);
        set(t, TEXT, 0);
        return 0; /* c is looked at again, as text */
    }
    if (matched + 1 == OPEN_LEN)
        set(t, INSIDE, 0);
    else
        set(t, OPENING, matched + 1);
    lt_buf_putc(&t->held, c);
    return 1;
}

/* In INSIDE: one byte more; at the end of "</think>" the block is forgotten. */
static void feed_inside(struct lt_think *t, char c, size_t matched)
{
    lt_buf_putc(&t->held, c);
    matched = lower(c) == close_tag[matched] ? matched + 1 : c == '<';
    set(t, INSIDE, matched);
    if (matched < CLOSE_LEN)
        return;
    t->held.n = (size_t)((const char *)memchr(t->held.p, '<', t->held.n) - t->held.p);
    set(t, BEHIND, 0);
}

bool lt_think_feed(struct lt_think *t, struct lt_str piece, struct lt_buf *out)
{
    for (size_t i = 0; i < piece.n && !t->held.failed;) {
        size_t matched = (size_t)t->state & 0xFF;
        switch ((enum phase)(t->state >> 8)) {
        case TEXT:
            i += feed_text(t, (struct lt_str){piece.p + i, piece.n - i}, out);
            break;
        case OPENING:
            i += feed_opening(t, piece.p[i], matched, out);
            break;
        case INSIDE:
            feed_inside(t, piece.p[i++], matched);
            break;
        case BEHIND:
            if (is_space(piece.p[i]))
                i++;
            else
                set(t, TEXT, 0);
            break;
        }
    }
    return !t->held.failed;
}

bool lt_think_end(struct lt_think *t, struct lt_buf *out)
{
    if (t->held.failed)
        return false;
    struct lt_str rest = lt_buf_str(&t->held);
    while (rest.n > 0 && is_space(rest.p[rest.n - 1]))
        rest.n--;
    lt_buf_put_str(out, rest);
    lt_buf_reset(&t->held);
    set(t, TEXT, 0);
    return true;
}
