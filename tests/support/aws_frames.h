/* Writing what io/aws_stream.h reads, for tests and fuzz targets: messages with headers that are strings. */
#pragma once
#include <assert.h>
#include <zlib.h>

#include "base/buf.h"

static inline void put_number(struct lt_buf *out, size_t v, int bytes)
{
    while (bytes-- > 0)
        lt_buf_putc(out, (char)(v >> (8 * bytes) & 0xFF));
}

static inline void put_checksum(struct lt_buf *out, size_t from)
{
    put_number(out, crc32_z(0, (const unsigned char *)out->p + from, out->n - from), 4);
}

/* A message of headers as they are on the wire, with right lengths and checksums. */
static inline void put_frame(struct lt_buf *out, struct lt_str headers, struct lt_str payload)
{
    size_t start = out->n;
    put_number(out, 16 + headers.n + payload.n, 4);
    put_number(out, headers.n, 4);
    put_checksum(out, start);
    lt_buf_put_str(out, headers);
    lt_buf_put_str(out, payload);
    put_checksum(out, start);
    assert(!out->failed);
}

static inline void put_string_header(struct lt_buf *out, const char *name, struct lt_str value)
{
    put_number(out, strlen(name), 1);
    lt_buf_put_str(out, lt_str(name));
    put_number(out, 7, 1);
    put_number(out, value.n, 2);
    lt_buf_put_str(out, value);
}

/* As a service writes it: kind is event, exception or error; of the latter two `type` names the fault. An error has no payload. */
static inline void put_aws_message(struct lt_buf *out, const char *kind, struct lt_str type, struct lt_str payload)
{
    struct lt_buf headers;
    bool error = strcmp(kind, "error") == 0;
    lt_buf_init(&headers, 128 * 1024);
    put_string_header(&headers, error ? ":error-code" : strcmp(kind, "event") == 0 ? ":event-type" : ":exception-type", type);
    if (error)
        put_string_header(&headers, ":error-message", payload);
    else
        put_string_header(&headers, ":content-type", LT_STR("application/json"));
    put_string_header(&headers, ":message-type", lt_str(kind));
    put_frame(out, lt_buf_str(&headers), error ? LT_STR_NULL : payload);
    lt_buf_free(&headers);
}
