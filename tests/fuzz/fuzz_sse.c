/* Event streams: the same events whether fed at once, byte by byte or in runs that the input chooses; and what we write is read
 * back. */
#include <assert.h>
#include <stdlib.h>

#include "io/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX = 512 };

/* All events as one text with their lengths; *ret_rc is the last code. */
static void read_all(const char *p, size_t n, size_t run, struct lt_buf *out, int *ret_rc)
{
    struct lt_sse_parser parser;
    struct lt_sse_event e;
    lt_sse_parser_init(&parser, MAX);
    *ret_rc = 0;
    for (size_t at = 0; at < n && *ret_rc >= 0;) {
        size_t take = run > 0 && run < n - at ? run : n - at;
        char *copy = malloc(take);
        memcpy(copy, p + at, take);
        struct lt_str in = {copy, take};
        while ((*ret_rc = lt_sse_feed(&parser, &in, &e)) == 1) {
            assert(e.data.n <= MAX && e.type.n <= MAX && e.id.n <= MAX);
            assert(e.id.n == 0 || !memchr(e.id.p, '\0', e.id.n));
            lt_buf_printf(out, "%zu,%zu,%zu:", e.type.n, e.data.n, e.id.n);
            lt_buf_put_str(out, e.type);
            lt_buf_put_str(out, e.data);
            lt_buf_put_str(out, e.id);
        }
        assert(*ret_rc < 0 || in.n == 0);
        free(copy);
        at += take;
    }
    lt_sse_parser_free(&parser);
}

/* A line of the input as data of an event of ours. */
static void check_round_trip(const char *p, size_t n)
{
    size_t line = 0;
    while (line < n && line < MAX - 10 && p[line] != '\n' && p[line] != '\r')
        line++;
    struct lt_buf text;
    struct lt_sse_parser parser;
    struct lt_sse_event e;
    lt_buf_init(&text, 2 * MAX);
    lt_sse_parser_init(&parser, MAX);
    lt_sse_write(&text, "delta", 7, (struct lt_str){p, line});
    struct lt_str in = lt_buf_str(&text);
    assert(lt_sse_feed(&parser, &in, &e) == 1 && in.n == 0);
    assert(lt_str_is(e.type, "delta") && lt_str_is(e.id, "7") && lt_str_eq(e.data, (struct lt_str){p, line}));
    lt_sse_parser_free(&parser);
    lt_buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const char *p = (const char *)data + 1;
    size_t n = size - 1, runs[] = {1, 1u + data[0]};
    struct lt_buf whole, parts;
    int rc, parts_rc;
    lt_buf_init(&whole, 64 * (n + 1));
    read_all(p, n, 0, &whole, &rc);
    for (int i = 0; i < 2; i++) {
        lt_buf_init(&parts, 64 * (n + 1));
        read_all(p, n, runs[i], &parts, &parts_rc);
        assert(rc == parts_rc && lt_str_eq(lt_buf_str(&whole), lt_buf_str(&parts)));
        lt_buf_free(&parts);
    }
    lt_buf_free(&whole);
    check_round_trip(p, n);
    return 0;
}
