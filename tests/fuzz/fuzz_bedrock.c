/*
 * Bedrock's answers: see fuzz_wire.h. Of a stream each line of the input becomes a message with right checksums, so that what stands in it is read:
 * "NAME JSON" an event, "!NAME JSON" an exception, "?NAME WORDS" an error; "=BYTES" stands as it is.
 */
#include "../support/aws_frames.h"
#include "fuzz_wire.h"
#include "providers/bedrock.h"

enum { LINES_MAX = 64 * 1024 };

static void *new_state(struct lt_arena *arena)
{
    struct lt_bedrock_answer *own = LT_NEW(arena, struct lt_bedrock_answer);
    *own = (struct lt_bedrock_answer)LT_BEDROCK_ANSWER;
    return own;
}

static void put_line(struct lt_buf *out, struct lt_str line)
{
    char sign = line.n > 0 ? line.p[0] : ' ';
    if (strchr("!?=", sign))
        line = (struct lt_str){line.p + 1, line.n - 1};
    if (sign == '=') {
        lt_buf_put_str(out, line);
        return;
    }
    struct lt_str payload = line, name = lt_str_cut(&payload, ' ');
    name.n = name.n < 30000 ? name.n : 30000;
    if (sign == '?')
        payload.n = payload.n < 30000 ? payload.n : 30000;
    put_aws_message(out, sign == '!' ? "exception" : sign == '?' ? "error" : "event", name, payload);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0 || n > LINES_MAX || data[0] & 3)
        return n > LINES_MAX ? 0 : fuzz_wire(&lt_bedrock_format, new_state, data, n);
    struct lt_str rest = {(const char *)data + 1, n - 1};
    struct lt_buf out;
    lt_buf_init(&out, 1 << 24);
    lt_buf_putc(&out, (char)data[0]);
    while (rest.n > 0)
        put_line(&out, lt_str_cut(&rest, '\n'));
    fuzz_wire(&lt_bedrock_format, new_state, (const uint8_t *)out.p, out.n);
    lt_buf_free(&out);
    return 0;
}
