/* Reading Amazon's event streams. Fuzzed by tests/fuzz/fuzz_aws_stream.c and tests/fuzz/fuzz_bedrock.c. */
#include "io/aws_stream.h"

#include <zlib.h>

enum { PRELUDE = 12, CHECKSUM = 4 };

void lt_aws_stream_init(struct lt_aws_stream *s, size_t max)
{
    *s = (struct lt_aws_stream){.max = max};
    lt_buf_init(&s->bytes, max);
}

void lt_aws_stream_free(struct lt_aws_stream *s)
{
    lt_buf_free(&s->bytes);
}

static uint64_t number(const char *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | (unsigned char)p[i];
    return v;
}

static bool checksum_fits(const char *p, size_t n)
{
    return crc32_z(0, (const unsigned char *)p, n) == number(p + n, CHECKSUM);
}

/* ---- headers ---- */

/* Bytes of a value by its type, of what comes with a length those of the length. */
static size_t width(unsigned type)
{
    static const uint8_t widths[] = {0, 0, 1, 2, 4, 8, 2, 2, 8, 16};
    return type < LT_COUNT(widths) ? widths[type] : SIZE_MAX;
}

/* Takes n bytes off the front; false when there are fewer. */
static bool take(struct lt_str *from, size_t n, struct lt_str *ret)
{
    if (n > from->n)
        return false;
    *ret = (struct lt_str){from->p, n};
    from->p += n;
    from->n -= n;
    return true;
}

static bool read_header(struct lt_str *from, struct lt_aws_header *ret)
{
    struct lt_str piece;
    if (!take(from, 1, &piece) || piece.p[0] == 0 || !take(from, (unsigned char)piece.p[0], &ret->name) || !take(from, 1, &piece))
        return false;
    unsigned type = (unsigned char)piece.p[0];
    size_t n = width(type);
    ret->type = (enum lt_aws_type)type;
    ret->bytes = LT_STR_NULL;
    if (n == SIZE_MAX || !take(from, n, &piece))
        return false;
    ret->number = type == LT_AWS_TRUE ? 1 : type == LT_AWS_UUID ? 0 : (int64_t)number(piece.p, n);
    if (type == LT_AWS_UUID)
        ret->bytes = piece;
    if (type == LT_AWS_BYTE || type == LT_AWS_INT16 || type == LT_AWS_INT32) { /* the sign */
        int64_t half = INT64_C(1) << (8 * n - 1);
        ret->number = (ret->number ^ half) - half;
    }
    if (type != LT_AWS_BYTES && type != LT_AWS_STRING)
        return true;
    n = (size_t)ret->number;
    ret->number = 0;
    return n <= LT_AWS_STREAM_BYTES_MAX && take(from, n, &ret->bytes);
}

bool lt_aws_header_next(struct lt_str *headers, struct lt_aws_header *ret)
{
    return headers->n > 0 && read_header(headers, ret);
}

struct lt_str lt_aws_header_str(const struct lt_aws_message *message, const char *name)
{
    struct lt_str rest = message->headers;
    struct lt_aws_header h;
    while (lt_aws_header_next(&rest, &h))
        if (h.type == LT_AWS_STRING && lt_str_is(h.name, name))
            return h.bytes;
    return LT_STR_NULL;
}

/* ---- messages ---- */

static int broken(struct lt_aws_stream *s, const char *fault)
{
    s->fault = fault;
    return -1;
}

/* The lengths, as soon as they are there: nothing is gathered for one that cannot be. */
static int read_prelude(struct lt_aws_stream *s)
{
    const char *p = s->bytes.p;
    size_t length = number(p, 4), headers = number(p + 4, 4);
    if (!checksum_fits(p, 8))
        return broken(s, "has a wrong checksum of its lengths");
    if (length < LT_AWS_STREAM_FRAME || headers > length - LT_AWS_STREAM_FRAME)
        return broken(s, "has lengths that cannot be");
    if (headers > LT_AWS_STREAM_HEADERS_MAX)
        return broken(s, "has headers that are too long");
    if (length > s->max)
        return broken(s, "is too long");
    s->need = length;
    return 0;
}

static int read_message(struct lt_aws_stream *s, struct lt_aws_message *ret)
{
    size_t headers = number(s->bytes.p + 4, 4), before = PRELUDE + headers;
    struct lt_aws_header h;
    if (!checksum_fits(s->bytes.p, s->need - CHECKSUM))
        return broken(s, "has a wrong checksum");
    ret->headers = (struct lt_str){s->bytes.p + PRELUDE, headers};
    ret->payload = (struct lt_str){s->bytes.p + before, s->need - CHECKSUM - before};
    for (struct lt_str rest = ret->headers; rest.n > 0;)
        if (!read_header(&rest, &h))
            return broken(s, "has a malformed header");
    s->given = true;
    return 1;
}

/* Moves bytes from *in until there are n; false: there are not yet. */
static bool gather(struct lt_aws_stream *s, struct lt_str *in, size_t n)
{
    struct lt_str piece;
    size_t missing = n - s->bytes.n;
    if (take(in, missing < in->n ? missing : in->n, &piece))
        lt_buf_put_str(&s->bytes, piece);
    return s->bytes.n == n;
}

int lt_aws_stream_feed(struct lt_aws_stream *s, struct lt_str *in, struct lt_aws_message *ret)
{
    if (s->fault)
        return -1;
    if (s->given) {
        lt_buf_reset(&s->bytes);
        s->need = 0;
        s->given = false;
    }
    if (s->need == 0 && (!gather(s, in, PRELUDE) || read_prelude(s) < 0))
        return s->fault ? -1 : 0;
    return gather(s, in, s->need) ? read_message(s, ret) : 0;
}

bool lt_aws_stream_begins(struct lt_str bytes)
{
    return bytes.n >= PRELUDE && checksum_fits(bytes.p, 8) && number(bytes.p, 4) >= LT_AWS_STREAM_FRAME;
}
