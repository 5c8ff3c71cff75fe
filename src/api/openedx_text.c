/*
 * Answers of text: chunks as they come, and a mark inside the text when it breaks. The UI looks for the beginning of the mark and shows
 * only what stands before it; an answer that holds the same characters must not end there.
 */
#include "api/openedx.h"

/* What the UI looks for, to the letter. */
static const char mark[] = "||{\"error_in_stream\":";
enum { MARK_N = sizeof(mark) - 1 };
#define JOINER "\xe2\x81\xa0" /* U+2060, which has no width and breaks no line */

void lt_openedx_text_init(struct lt_openedx_text *t, struct lt_request *r)
{
    *t = (struct lt_openedx_text){.r = r};
    lt_buf_init(&t->buf, LT_REPLY_MAX);
}

/* How much of the mark's beginning the text ends with when c comes behind `seen` bytes of it. A bar may be the second or a new first one. */
static size_t follow(size_t seen, char c)
{
    if (c == mark[seen])
        return seen + 1;
    if (c == '|')
        return seen == 2 ? 2 : 1;
    return 0;
}

/* Nothing is held back: before the last byte of a whole mark goes a character that nobody sees. */
void lt_openedx_text_guard(struct lt_buf *out, size_t *seen, struct lt_str text)
{
    size_t from = 0;
    for (size_t i = 0; i < text.n; i++) {
        *seen = follow(*seen, text.p[i]);
        if (*seen < MARK_N)
            continue;
        lt_buf_put(out, text.p + from, i - from);
        lt_buf_put_str(out, LT_STR(JOINER));
        from = i;
        *seen = 0;
    }
    lt_buf_put(out, text.p + from, text.n - from);
}

static enum lt_code begin(struct lt_openedx_text *t)
{
    if (t->begun)
        return LT_OK;
    t->begun = true;
    return lt_reply_stream(t->r, "text/plain; charset=utf-8", NULL, 0);
}

static enum lt_code write_piece(struct lt_openedx_text *t)
{
    return t->buf.failed ? LT_EUPSTREAM_INVALID : lt_http_stream_write(t->r->http, t->buf.p, t->buf.n);
}

enum lt_code lt_openedx_text_piece(void *ctx, struct lt_str piece)
{
    struct lt_openedx_text *t = ctx;
    if (piece.n == 0)
        return LT_OK;
    lt_buf_reset(&t->buf);
    lt_openedx_text_guard(&t->buf, &t->seen, piece);
    enum lt_code rc = begin(t);
    return rc ? rc : write_piece(t);
}

/* The spaces are a part of the form. */
static void put_error(struct lt_buf *out, enum lt_code code)
{
    lt_buf_printf(out, "%s true, \"code\": \"streaming_failed\", \"message\": \"", mark);
    lt_json_escape(out, lt_str(lt_code_text(code)));
    lt_buf_put_str(out, LT_STR("\"}||"));
}

void lt_openedx_text_end(struct lt_openedx_text *t, const struct lt_error *err)
{
    lt_fiber_cancel_reset(); /* a call that was cancelled still says so to a client that is there */
    if (err->code && lt_http_stream_heard(t->r->http)) {
        lt_buf_reset(&t->buf);
        put_error(&t->buf, err->code);
        write_piece(t);
    }
    lt_http_stream_end(t->r->http);
    lt_buf_free(&t->buf);
}
