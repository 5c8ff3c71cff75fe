/* Server-sent events: the incremental reader and the writer. Fuzzed by tests/fuzz/fuzz_sse.c. */
#include "io/sse.h"

#include <assert.h>

void lt_sse_parser_init(struct lt_sse_parser *p, size_t max)
{
    memset(p, 0, sizeof(*p));
    p->retry_ms = -1;
    lt_buf_init(&p->line, max);
    lt_buf_init(&p->data, max);
    lt_buf_init(&p->type, max);
    lt_buf_init(&p->id, max);
}

void lt_sse_parser_free(struct lt_sse_parser *p)
{
    lt_buf_free(&p->line);
    lt_buf_free(&p->data);
    lt_buf_free(&p->type);
    lt_buf_free(&p->id);
}

static bool failed(const struct lt_sse_parser *p)
{
    return p->line.failed || p->data.failed || p->type.failed || p->id.failed;
}

static void replace(struct lt_buf *b, struct lt_str s)
{
    lt_buf_reset(b);
    lt_buf_put_str(b, s);
}

/* One line that is neither empty nor a comment. Unknown fields are ignored. */
static void take_field(struct lt_sse_parser *p, struct lt_str line)
{
    struct lt_str value = line, name = lt_str_cut(&value, ':');
    if (value.n > 0 && value.p[0] == ' ')
        value = (struct lt_str){value.p + 1, value.n - 1};
    if (lt_str_is(name, "data")) {
        if (p->have_data)
            lt_buf_putc(&p->data, '\n');
        lt_buf_put_str(&p->data, value);
        p->have_data = true;
    } else if (lt_str_is(name, "event")) {
        replace(&p->type, value);
    } else if (lt_str_is(name, "id") && !(value.n > 0 && memchr(value.p, '\0', value.n))) {
        replace(&p->id, value);
    } else if (lt_str_is(name, "retry")) {
        int64_t ms;
        if (lt_str_to_int64(value, &ms))
            p->retry_ms = ms;
    }
}

/* An empty line ends the event. The buffers are emptied but keep their bytes until the next call, so *ret may point into them. */
static bool dispatch(struct lt_sse_parser *p, struct lt_sse_event *ret)
{
    bool have = p->have_data;
    *ret = (struct lt_sse_event){lt_buf_str(&p->type), lt_buf_str(&p->data), lt_buf_str(&p->id)};
    lt_buf_reset(&p->type);
    lt_buf_reset(&p->data);
    p->have_data = false;
    return have;
}

static bool take_line(struct lt_sse_parser *p, struct lt_str line, struct lt_sse_event *ret)
{
    if (!p->begun) {
        p->begun = true;
        if (line.n >= 3 && memcmp(line.p, "\xEF\xBB\xBF", 3) == 0)
            line = (struct lt_str){line.p + 3, line.n - 3};
    }
    if (line.n == 0)
        return dispatch(p, ret);
    if (line.p[0] != ':')
        take_field(p, line);
    return false;
}

/* The first CR or LF of s; NULL when there is none. CR is looked for only before the LF, so that LF streams are scanned once. */
static const char *line_end(struct lt_str s)
{
    const char *lf = memchr(s.p, '\n', s.n);
    const char *cr = memchr(s.p, '\r', lf ? (size_t)(lf - s.p) : s.n);
    return cr ? cr : lf;
}

int lt_sse_feed(struct lt_sse_parser *p, struct lt_str *in, struct lt_sse_event *ret)
{
    while (in->n > 0 && !failed(p)) {
        if (p->cr) {
            p->cr = false;
            if (in->p[0] == '\n') {
                in->p++, in->n--;
                continue;
            }
        }
        const char *end = line_end(*in);
        size_t n = end ? (size_t)(end - in->p) : in->n;
        struct lt_str line = {in->p, n};
        if (!end || p->line.n > 0) { /* only lines that are split over calls are copied */
            lt_buf_put(&p->line, in->p, n);
            line = lt_buf_str(&p->line);
        }
        in->p += n, in->n -= n;
        if (!end)
            break;
        p->cr = *end == '\r';
        in->p++, in->n--;
        if (line.n > p->line.max)
            p->line.failed = true;
        bool event = !failed(p) && take_line(p, line, ret);
        if (failed(p))
            break;
        lt_buf_reset(&p->line);
        if (event)
            return 1;
    }
    return failed(p) ? -1 : 0;
}

void lt_sse_write(struct lt_buf *out, const char *type, uint64_t id, struct lt_str data)
{
    assert(!strpbrk(type, "\r\n"));
    assert(data.n == 0 || (!memchr(data.p, '\n', data.n) && !memchr(data.p, '\r', data.n)));
    if (!lt_buf_reserve(out, strlen(type) + data.n + 48)) /* so that an event is written whole or not at all */
        return;
    lt_buf_put_str(out, LT_STR("event: "));
    lt_buf_put_str(out, lt_str(type));
    if (id > 0) {
        lt_buf_put_str(out, LT_STR("\nid: "));
        lt_buf_put_int(out, (int64_t)id);
    }
    lt_buf_put_str(out, LT_STR("\ndata: "));
    lt_buf_put_str(out, data);
    lt_buf_put_str(out, LT_STR("\n\n"));
}
