/* Placeholders and what they stand for. Fuzzed by tests/fuzz/fuzz_restore.c. */
#include "guard/restore.h"

#include "guard/pii.h"

static bool tag_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= '2' && c <= '7');
}

/* Bytes of a placeholder that s begins with; 0: none; *ret_more: s may be the beginning of one. */
static size_t match(struct lt_str s, bool *ret_more)
{
    *ret_more = true;
    if (s.n > 0 && s.p[0] != '[') {
        *ret_more = false;
        return 0;
    }
    bool may = false;
    for (int kind = 0; kind < LT_PII_COUNT; kind++) {
        struct lt_str word = lt_str(lt_pii_word(kind)), rest = {s.p + 1, s.n > 0 ? s.n - 1 : 0};
        size_t common = word.n < rest.n ? word.n : rest.n;
        if (s.n > 0 && memcmp(rest.p, word.p, common) != 0)
            continue;
        size_t i = 1 + word.n, tag = 0;
        for (int escapes = 0; escapes < 2 && i < s.n && s.p[i] == '\\'; escapes++)
            i++;
        if (i < s.n && s.p[i] != '_')
            continue;
        for (i++; i < s.n && tag < LT_PLACEHOLDER_TAG && tag_char(s.p[i]); tag++)
            i++;
        if (i >= s.n)
            may = true;
        else if (tag == LT_PLACEHOLDER_TAG && s.p[i] == ']')
            return i + 1;
    }
    *ret_more = may;
    return 0;
}

size_t lt_placeholder_at(struct lt_str text, size_t at)
{
    bool more;
    return match((struct lt_str){text.p + at, text.n - at}, &more);
}

bool lt_placeholder_begins(struct lt_str text, size_t at)
{
    bool more;
    struct lt_str s = {text.p + at, text.n - at};
    return s.n < LT_PLACEHOLDER_MAX && match(s, &more) == 0 && more;
}

static bool put_value(struct lt_str found, lt_placeholder_fn value, void *ctx, struct lt_buf *out)
{
    char plain[LT_PLACEHOLDER_MAX];
    size_t n = 0;
    for (size_t i = 0; i < found.n && n < sizeof(plain); i++)
        if (found.p[i] != '\\')
            plain[n++] = found.p[i];
    struct lt_str is = value(ctx, (struct lt_str){plain, n});
    return lt_buf_put_str(out, is.p ? is : found);
}

/* Up to where nothing is open; *ret_rest: what may be the beginning of a placeholder. */
static bool restore(struct lt_str text, bool last, lt_placeholder_fn value, void *ctx, struct lt_buf *out, struct lt_str *ret_rest)
{
    size_t done = 0, at = 0;
    *ret_rest = LT_STR("");
    while (at < text.n) {
        const char *bracket = memchr(text.p + at, '[', text.n - at);
        if (!bracket)
            break;
        at = (size_t)(bracket - text.p);
        size_t n = lt_placeholder_at(text, at);
        if (n > 0) {
            if (!lt_buf_put(out, text.p + done, at - done) || !put_value((struct lt_str){text.p + at, n}, value, ctx, out))
                return false;
            done = at += n;
        } else if (!last && lt_placeholder_begins(text, at)) {
            *ret_rest = (struct lt_str){text.p + at, text.n - at};
            return lt_buf_put(out, text.p + done, at - done);
        } else {
            at++;
        }
    }
    return done == text.n || lt_buf_put(out, text.p + done, text.n - done);
}

bool lt_restore(struct lt_str text, lt_placeholder_fn value, void *ctx, struct lt_buf *out)
{
    struct lt_str rest;
    return restore(text, true, value, ctx, out, &rest);
}

/* What is held and the beginning of the piece that can end it, in one small room; the rest of the piece where it lies. */
bool lt_restore_piece(struct lt_guard_stream *s, struct lt_str piece, bool last, lt_placeholder_fn value, void *ctx, struct lt_buf *out)
{
    struct lt_str rest = LT_STR("");
    while (s->n > 0 && (piece.n > 0 || last)) {
        char joined[LT_GUARD_HELD_MAX + 1];
        size_t n = s->n;
        memcpy(joined, s->held, n);
        if (piece.n > 0) {
            joined[n++] = piece.p[0];
            piece = (struct lt_str){piece.p + 1, piece.n - 1};
        }
        s->n = 0;
        if (!restore((struct lt_str){joined, n}, last && piece.n == 0, value, ctx, out, &rest))
            return false;
        memcpy(s->held, rest.p, rest.n);
        s->n = rest.n;
    }
    if (piece.n > 0 && !restore(piece, last, value, ctx, out, &rest))
        return false;
    if (piece.n > 0) {
        memcpy(s->held, rest.p, rest.n);
        s->n = rest.n;
    }
    return true;
}
