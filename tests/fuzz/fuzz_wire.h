/*
 * Feeds the reading of one vendor's answers. The first byte says how: bit 0 JSON or a stream, bit 1 a fault's body, the rest the
 * length of the pieces. A stream in pieces must come to the same end as in one: same code, and the same text when it is good. Included
 * once by the target of each vendor.
 */
#pragma once
#include <stdlib.h>

#include "providers/wire_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define CHECK(condition)                                                                                                     \
    do {                                                                                                                     \
        if (!(condition))                                                                                                    \
            abort();                                                                                                         \
    } while (0)

#define SECRET LT_STR("sk-secret")

static void check_error(enum lt_code code, const struct lt_error *err)
{
    CHECK(code == err->code && code != LT_EINVALID_JSON && code != LT_EINTERNAL);
    CHECK(lt_utf8_valid(err->detail, strlen(err->detail)));
}

/* `state` makes the format's own state anew (NULL: it has none). */
static enum lt_code read_stream(const struct lt_wire_format *format, void *(*state)(struct lt_arena *arena), struct lt_arena *arena,
                                struct lt_str body, size_t step, struct lt_buf *text)
{
    struct lt_wire_answer a;
    struct lt_neutral_result result = {0};
    struct lt_error err = {0};
    enum lt_code code = LT_OK;
    lt_wire_answer_init(&a, format, state ? state(arena) : NULL, arena, SECRET);
    while (!code && body.n > 0) {
        struct lt_str piece = {body.p, step < body.n ? step : body.n};
        code = lt_wire_answer_feed(&a, piece, &err);
        lt_buf_put_str(text, lt_buf_str(&a.text));
        lt_buf_reset(&a.text);
        body.p += piece.n;
        body.n -= piece.n;
    }
    a.streamed = true;
    if (!code)
        code = lt_wire_answer_end(&a, &result, &err);
    lt_buf_put_str(text, lt_buf_str(&a.text));
    check_error(code, &err);
    CHECK(code || (result.finish_reason.n > 0 && lt_utf8_valid(text->p, text->n)));
    lt_wire_answer_free(&a);
    return code;
}

static void fuzz_stream(const struct lt_wire_format *format, void *(*state)(struct lt_arena *arena), struct lt_arena *arena, struct lt_str body,
                        size_t step)
{
    struct lt_buf whole, pieces;
    lt_buf_init(&whole, 1 << 24);
    lt_buf_init(&pieces, 1 << 24);
    enum lt_code one = read_stream(format, state, arena, body, SIZE_MAX, &whole);
    enum lt_code other = read_stream(format, state, arena, body, step, &pieces);
    CHECK(one == other);
    CHECK(one || lt_str_eq(lt_buf_str(&whole), lt_buf_str(&pieces)));
    lt_buf_free(&whole);
    lt_buf_free(&pieces);
}

static void fuzz_json(const struct lt_wire_format *format, void *(*state)(struct lt_arena *arena), struct lt_arena *arena, struct lt_str body)
{
    struct lt_wire_answer a;
    struct lt_neutral_result result = {0};
    struct lt_error err = {0};
    lt_wire_answer_init(&a, format, state ? state(arena) : NULL, arena, LT_STR_NULL);
    enum lt_code code = lt_wire_answer_json(&a, body, &err);
    if (!code)
        code = lt_wire_answer_end(&a, &result, &err);
    check_error(code, &err);
    lt_wire_answer_free(&a);
}

static int fuzz_wire(const struct lt_wire_format *format, void *(*state)(struct lt_arena *arena), const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    struct lt_arena *arena = lt_arena_new();
    /* a block of its own, so that a read behind the end is seen */
    char *copy = malloc(n);
    CHECK(copy);
    memcpy(copy, data + 1, n - 1);
    struct lt_str body = {copy, n - 1};
    struct lt_error err = {0};
    if (data[0] & 2) {
        lt_wire_fault(format, arena, 400 + data[0] / 4, LT_STR("Reason"), body, SECRET, &err);
        CHECK(err.code && !strstr(err.detail, "sk-secret"));
        lt_wire_retry_after(body, 1000);
    } else if (data[0] & 1) {
        fuzz_json(format, state, arena, body);
    } else {
        fuzz_stream(format, state, arena, body, (size_t)(data[0] / 4) + 1);
    }
    lt_wire_is_stream(format, body);
    lt_arena_free(arena);
    free(copy);
    return 0;
}
