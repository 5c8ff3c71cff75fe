/* Amazon's event streams: the vectors of AWS's clients, at any chunking; what is broken is named and nothing is read beyond it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "../support/aws_frames.h"
#include "io/aws_stream.h"

enum { MAX = 4096 };

/* ---- what comes of bytes, as text ---- */

static void write_header(struct lt_buf *out, const struct lt_aws_header *h)
{
    lt_buf_printf(out, "%.*s/%d=", LT_FMT(h->name), (int)h->type);
    if (h->type == LT_AWS_UUID)
        for (size_t i = 0; i < h->bytes.n; i++)
            lt_buf_printf(out, "%02x", (unsigned char)h->bytes.p[i]);
    else if (h->type == LT_AWS_BYTES || h->type == LT_AWS_STRING)
        lt_buf_put_str(out, h->bytes);
    else
        lt_buf_printf(out, "%lld", (long long)h->number);
    lt_buf_putc(out, ';');
}

/* All messages, each "headers|payload\n", and the fault, if any. Fed in pieces of next() bytes, each in a block of its own. */
static void read_all(struct lt_str bytes, size_t (*next)(void), size_t max, struct lt_buf *out)
{
    struct lt_aws_stream s;
    struct lt_aws_message m;
    struct lt_aws_header h;
    int got = 0;
    lt_aws_stream_init(&s, max);
    while (bytes.n > 0 && got >= 0) {
        size_t n = next();
        n = n < bytes.n ? n : bytes.n;
        char *piece = malloc(n + 1);
        memcpy(piece, bytes.p, n);
        struct lt_str in = {piece, n};
        while ((got = lt_aws_stream_feed(&s, &in, &m)) > 0) {
            while (lt_aws_header_next(&m.headers, &h))
                write_header(out, &h);
            lt_buf_printf(out, "|%.*s\n", LT_FMT(m.payload));
        }
        assert_true(got < 0 || in.n == 0);
        assert_true(s.bytes.n <= max);
        free(piece);
        bytes.p += n;
        bytes.n -= n;
    }
    if (got < 0) {
        struct lt_str more = LT_STR("more");
        lt_buf_printf(out, "! %s", s.fault);
        assert_int_equal(lt_aws_stream_feed(&s, &more, &m), -1); /* and stays so */
    } else if (s.bytes.n > 0 && !s.given) {
        lt_buf_printf(out, "...");
    }
    lt_aws_stream_free(&s);
}

static size_t everything(void)
{
    return SIZE_MAX;
}

static size_t one_byte(void)
{
    return 1;
}

static size_t at_random(void)
{
    return (size_t)(rand() % 40);
}

static void check(const char *name, struct lt_str bytes, size_t max, const char *expected)
{
    size_t (*const ways[])(void) = {everything, one_byte, at_random, at_random, at_random};
    struct lt_buf out;
    for (size_t i = 0; i < LT_COUNT(ways); i++) {
        lt_buf_init(&out, 1 << 20);
        read_all(bytes, ways[i], max, &out);
        if (!lt_str_is(lt_buf_str(&out), expected))
            fail_msg("%s: \"%.*s\" and not \"%s\"", name, LT_FMT(lt_buf_str(&out)), expected);
        lt_buf_free(&out);
    }
}

static void print_seed(void)
{
    unsigned seed = (unsigned)time(NULL);
    printf("seed %u\n", seed);
    srand(seed);
}

/* ---- AWS's vectors ---- */

#define BYTES(literal) {literal, sizeof(literal) - 1}
#define FOO "{'foo':'bar'}"
#define ONE_HEADER(length, headers, checksum) \
    "\0\0\0" length "\0\0\0" headers checksum "\x0c" "content-type\x07\0\x10" "application/json"
#define EMPTY "\0\0\0\x10\0\0\0\0\x05\xc2\x48\xeb\x7d\x98\xc8\xff"
#define PLAIN "\0\0\0\x1d\0\0\0\0\xfd\x52\x8c\x5a" FOO "\xc3\x65\x39\x36"

/* smithy-go, eventstream/testdata (commit c589db5a), which AWS's other clients have as well; decoded there as said here. */
static void the_vectors_of_awss_clients_hold(void **state)
{
    static const struct {
        const char *name;
        struct lt_str bytes;
        const char *expected;
    } cases[] = {
        {"empty_message", BYTES(EMPTY), "|\n"},
        {"int32_header", BYTES("\0\0\0\x2d\0\0\0\x10\x41\xc4\x24\xb8\x0a" "event-type\x04\0\0\xa0\x0c" FOO "\x36\xf4\x80\xa0"),
         "event-type/4=40972;|" FOO "\n"},
        {"payload_no_headers", BYTES(PLAIN), "|" FOO "\n"},
        {"payload_one_str_header", BYTES(ONE_HEADER("\x3d", "\x20", "\x07\xfd\x83\x96") FOO "\x8d\x9c\x08\xb1"),
         "content-type/7=application/json;|" FOO "\n"},
        {"all_headers",
         BYTES("\0\0\0\xcc\0\0\0\xaf\x0f\xae\x64\xca\x0a" "event-type\x04\0\0\xa0\x0c\x0c" "content-type\x07\0\x10" "application/json\x0a"
               "bool false\x01\x09" "bool true\0\x04" "byte\x02\xcf\x08" "byte buf\x06\0\x14" "I'm a little teapot!\x09"
               "timestamp\x08\0\0\0\0\0\x84\x5f\xed\x05" "int16\x03\0\x2a\x05" "int64\x05\0\0\0\0\x02\x87\x57\xb2\x04" "uuid\x09"
               "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10" FOO "\xab\xa5\xf1\x0c"),
         "event-type/4=40972;content-type/7=application/json;bool false/1=0;bool true/0=1;byte/2=-49;byte buf/6=I'm a little teapot!;"
         "timestamp/8=8675309;int16/3=42;int64/5=42424242;uuid/9=0102030405060708090a0b0c0d0e0f10;|" FOO "\n"},
        {"corrupted_header_len", BYTES(ONE_HEADER("\x3d", "\x21", "\x07\xfd\x83\x96") FOO "\x8d\x9c\x08\xb1"),
         "! has a wrong checksum of its lengths"},
        {"corrupted_length", BYTES(ONE_HEADER("\x3e", "\x20", "\x07\xfd\x83\x96") FOO "\x8d\x9c\x08\xb1"),
         "! has a wrong checksum of its lengths"},
        {"corrupted_headers", BYTES(ONE_HEADER("\x3d", "\x20", "\x07\xfd\x83\x96") "{afoo':'bar'}\x8d\x9c\x08\xb1"), "! has a wrong checksum"},
        {"corrupted_payload", BYTES("\0\0\0\x1d\0\0\0\0\xfd\x52\x8c\x5a[" "'foo':'bar'}\xc3\x65\x39\x36"), "! has a wrong checksum"},
        {"several", BYTES(EMPTY PLAIN EMPTY), "|\n|" FOO "\n|\n"},
        {"several, the last one cut", BYTES(PLAIN "\0\0\0\x10\0\0\0"), "|" FOO "\n..."},
        {"good before bad", BYTES(PLAIN "\0\0\0\x10\0\0\0\1\x05\xc2\x48\xeb\x7d\x98\xc8\xff" EMPTY),
         "|" FOO "\n! has a wrong checksum of its lengths"},
    };
    print_seed();
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        check(cases[i].name, cases[i].bytes, MAX, cases[i].expected);
}

/* ---- what the checksums do not catch ---- */

/* A message whose lengths are as said, whatever stands behind them. */
static struct lt_str lengths(struct lt_buf *out, size_t length, size_t headers)
{
    lt_buf_init(out, 1 << 20);
    put_number(out, length, 4);
    put_number(out, headers, 4);
    put_checksum(out, 0);
    return lt_buf_str(out);
}

static void lengths_that_cannot_be_are_refused_at_once(void **state)
{
    static const struct {
        size_t length, headers;
        const char *expected;
    } cases[] = {
        {0, 0, "! has lengths that cannot be"},   {15, 0, "! has lengths that cannot be"},
        {16, 1, "! has lengths that cannot be"},  {20, 0xFFFFFFFF, "! has lengths that cannot be"},
        {0xFFFFFFFF, 0, "! is too long"},         {MAX + 1, 0, "! is too long"},
        {MAX, 0, "..."},                          {0xFFFFFFFF, 128 * 1024 + 1, "! has headers that are too long"},
    };
    struct lt_buf out;
    print_seed();
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        check("lengths", lengths(&out, cases[i].length, cases[i].headers), MAX, cases[i].expected);
        lt_buf_free(&out);
    }
}

static void malformed_headers_are_refused(void **state)
{
    static const struct lt_str headers[] = {
        BYTES("\0\x07\0\1a"),       /* a name of no bytes */
        BYTES("\x05" "ab"),         /* a name that is cut */
        BYTES("\1a"),               /* no type */
        BYTES("\1a\x0a"),           /* an unknown one */
        BYTES("\1a\xff"),
        BYTES("\1a\x04\0\0\0"),     /* a number that is cut */
        BYTES("\1a\x07\0"),         /* a length that is cut */
        BYTES("\1a\x07\0\2x"),      /* a string that is cut */
        BYTES("\1a\x09" "123456789012345"),
        BYTES("\1a\0\1"),           /* a good one, and the start of another */
    };
    struct lt_buf out;
    print_seed();
    for (size_t i = 0; i < LT_COUNT(headers); i++) {
        lt_buf_init(&out, MAX);
        put_frame(&out, headers[i], LT_STR("x"));
        check("headers", lt_buf_str(&out), MAX, "! has a malformed header");
        lt_buf_free(&out);
    }
}

static void a_value_has_its_maximum(void **state)
{
    struct lt_buf headers, out;
    char *long_value = calloc(1, 32768);
    for (size_t n = 32767; n <= 32768; n++) {
        struct lt_aws_stream s;
        struct lt_aws_message m;
        lt_buf_init(&headers, 1 << 20);
        lt_buf_init(&out, 1 << 20);
        put_string_header(&headers, "a", (struct lt_str){long_value, n});
        put_frame(&out, lt_buf_str(&headers), LT_STR_NULL);
        lt_aws_stream_init(&s, 1 << 20);
        struct lt_str in = lt_buf_str(&out);
        assert_int_equal(lt_aws_stream_feed(&s, &in, &m), n == 32767 ? 1 : -1);
        if (n == 32767)
            assert_int_equal(lt_aws_header_str(&m, "a").n, n);
        lt_aws_stream_free(&s);
        lt_buf_free(&headers);
        lt_buf_free(&out);
    }
    free(long_value);
}

/* One bit wrong anywhere is found: two checksums cover all. */
static void every_bit_is_covered(void **state)
{
    struct lt_buf out, text;
    lt_buf_init(&out, MAX);
    put_aws_message(&out, "event", LT_STR("contentBlockDelta"), LT_STR("{\"delta\":{\"text\":\"Hi\"}}"));
    for (size_t bit = 0; bit < 8 * out.n; bit++) {
        lt_buf_init(&text, MAX);
        out.p[bit / 8] ^= (char)(1 << bit % 8);
        read_all(lt_buf_str(&out), everything, MAX, &text);
        if (!memmem(text.p, text.n, "! has", 5))
            fail_msg("bit %zu: %.*s", bit, LT_FMT(lt_buf_str(&text)));
        out.p[bit / 8] ^= (char)(1 << bit % 8);
        lt_buf_free(&text);
    }
    lt_buf_free(&out);
}

static void headers_are_found_by_name(void **state)
{
    struct lt_aws_stream s;
    struct lt_aws_message m;
    struct lt_buf out;
    lt_buf_init(&out, MAX);
    put_aws_message(&out, "exception", LT_STR("throttlingException"), LT_STR("{}"));
    struct lt_str in = lt_buf_str(&out);
    lt_aws_stream_init(&s, MAX);
    assert_int_equal(lt_aws_stream_feed(&s, &in, &m), 1);
    assert_true(lt_str_is(lt_aws_header_str(&m, ":exception-type"), "throttlingException"));
    assert_true(lt_str_is(lt_aws_header_str(&m, ":message-type"), "exception"));
    assert_null(lt_aws_header_str(&m, ":event-type").p);
    lt_aws_stream_free(&s);
    assert_true(lt_aws_stream_begins(lt_buf_str(&out)));
    assert_false(lt_aws_stream_begins((struct lt_str){out.p, 11}));
    assert_false(lt_aws_stream_begins(LT_STR("{\"message\":\"no\"}")));
    lt_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_awss_clients_hold),
        cmocka_unit_test(lengths_that_cannot_be_are_refused_at_once),
        cmocka_unit_test(malformed_headers_are_refused),
        cmocka_unit_test(a_value_has_its_maximum),
        cmocka_unit_test(every_bit_is_covered),
        cmocka_unit_test(headers_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
