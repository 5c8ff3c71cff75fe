/*
 * Amazon's event streams: the same messages whether fed at once or in runs that the input chooses. The first byte's lowest bit says whether the rest
 * is a stream as it is, or the headers and payload of a message whose lengths and checksums are put right, so that they are read at all.
 */
#include <stdlib.h>

#include "../support/aws_frames.h"
#include "io/aws_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX = 1024 };

static void read_all(struct lt_str bytes, size_t run, struct lt_buf *out, int *ret_rc)
{
    struct lt_aws_stream s;
    struct lt_aws_message m;
    struct lt_aws_header h;
    lt_aws_stream_init(&s, MAX);
    *ret_rc = 0;
    while (bytes.n > 0 && *ret_rc >= 0) {
        size_t n = run < bytes.n ? run : bytes.n;
        char *copy = malloc(n);
        memcpy(copy, bytes.p, n);
        struct lt_str in = {copy, n};
        while ((*ret_rc = lt_aws_stream_feed(&s, &in, &m)) == 1) {
            assert(m.headers.n + m.payload.n + LT_AWS_STREAM_FRAME <= MAX);
            size_t headers = m.headers.n, seen = 0;
            while (lt_aws_header_next(&m.headers, &h)) {
                assert(h.name.n > 0 && h.bytes.n <= LT_AWS_STREAM_BYTES_MAX && ++seen <= headers);
                lt_buf_printf(out, "%d,%lld,%zu:", (int)h.type, (long long)h.number, h.bytes.n);
                lt_buf_put_str(out, h.bytes);
            }
            assert(m.headers.n == 0);
            lt_buf_put_str(out, m.payload);
        }
        assert(*ret_rc < 0 ? s.fault != NULL : in.n == 0);
        free(copy);
        bytes.p += n;
        bytes.n -= n;
    }
    lt_aws_stream_free(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lt_buf stream, whole, pieces;
    int rc, pieces_rc;
    if (size < 3)
        return 0;
    struct lt_str rest = {(const char *)data + 3, size - 3};
    size_t headers = data[2] < rest.n ? data[2] : rest.n;
    lt_buf_init(&stream, size + 64);
    if (data[0] & 1)
        put_frame(&stream, (struct lt_str){rest.p, headers}, (struct lt_str){rest.p + headers, rest.n - headers});
    else
        lt_buf_put_str(&stream, rest);
    lt_buf_init(&whole, 64 * (size + 1));
    lt_buf_init(&pieces, 64 * (size + 1));
    read_all(lt_buf_str(&stream), SIZE_MAX, &whole, &rc);
    read_all(lt_buf_str(&stream), (size_t)data[1] + 1, &pieces, &pieces_rc);
    assert(rc == pieces_rc && lt_str_eq(lt_buf_str(&whole), lt_buf_str(&pieces)));
    lt_aws_stream_begins(lt_buf_str(&stream));
    lt_buf_free(&whole);
    lt_buf_free(&pieces);
    lt_buf_free(&stream);
    return 0;
}
