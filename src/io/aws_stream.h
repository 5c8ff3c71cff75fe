/*
 * application/vnd.amazon.eventstream, reading: messages of a length, typed headers, a payload and two checksums. Bytes in any pieces, no I/O. Facts:
 * "Event stream encoding" of AWS (Amazon Transcribe Developer Guide) and of Smithy ("Amazon Event Stream specification").
 *
 *     4 length of it all | 4 length of the headers | 4 CRC32 of these 8 | headers | payload | 4 CRC32 of all before
 *     header: 1 length of the name | name | 1 type | value (of types 6 and 7: 2 length | bytes); all numbers big endian
 */
#pragma once
#include "base/buf.h"

enum {
    LT_AWS_STREAM_FRAME = 16,               /* bytes of a message without headers and payload */
    LT_AWS_STREAM_HEADERS_MAX = 128 * 1024, /* bytes of a message's headers */
    LT_AWS_STREAM_BYTES_MAX = 32767         /* of a value */
};

enum lt_aws_type {
    LT_AWS_TRUE, LT_AWS_FALSE, LT_AWS_BYTE, LT_AWS_INT16, LT_AWS_INT32, LT_AWS_INT64, LT_AWS_BYTES, LT_AWS_STRING, LT_AWS_TIMESTAMP, LT_AWS_UUID
};

struct lt_aws_header {
    struct lt_str name;
    enum lt_aws_type type;
    int64_t number;        /* of the whole numbers; of a timestamp milliseconds since 1970; 1 or 0 of a boolean */
    struct lt_str bytes;   /* of bytes and strings (not checked to be UTF-8), and the 16 of a UUID */
};

/* Points into the reader; good until it is fed again. */
struct lt_aws_message {
    struct lt_str headers; /* well formed: to be read by lt_aws_header_next() */
    struct lt_str payload;
};

struct lt_aws_stream {
    struct lt_buf bytes;   /* of the message under way, or of the one that was given out */
    size_t max;            /* bytes of a message */
    size_t need;           /* length of the message, once known; else 0 */
    bool given;            /* the message in `bytes` was given out */
    const char *fault;     /* what was wrong, once feed() has returned -1 */
};

/* max: bytes of one message, at least LT_AWS_STREAM_FRAME. */
void lt_aws_stream_init(struct lt_aws_stream *s, size_t max);
void lt_aws_stream_free(struct lt_aws_stream *s);
/*
 * Takes bytes from *in until a message is complete: returns 1 and fills *ret, with *in moved behind it; 0 when *in is used up; -1 when the stream
 * is broken (a checksum, a length, a header, a message above max): s->fault says what, and nothing more can be read.
 */
int lt_aws_stream_feed(struct lt_aws_stream *s, struct lt_str *in, struct lt_aws_message *ret);
/* Takes the next header from *headers; false at their end. */
bool lt_aws_header_next(struct lt_str *headers, struct lt_aws_header *ret);
/* The first header of this name that is a string; {NULL, 0}: there is none. */
struct lt_str lt_aws_header_str(const struct lt_aws_message *message, const char *name);
/* Do bytes begin as such a stream does: with the lengths of a message and their checksum? */
bool lt_aws_stream_begins(struct lt_str bytes);
