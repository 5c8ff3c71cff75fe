/*
 * Feeds the reading of Ollama's answers. The first byte says how: bit 0 JSON or a stream, bit 1 a fault's body, the rest the length of
 * the pieces. A stream in pieces must come to the same end as in one: same code, and the same text when it is good.
 */
#include <stdlib.h>

#include "providers/ollama_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define CHECK(condition)                                                                                                     \
    do {                                                                                                                     \
        if (!(condition))                                                                                                    \
            abort();                                                                                                         \
    } while (0)

static char prefix[] = "call_7";

static enum lt_code read_stream(struct lt_arena *arena, struct lt_str body, size_t step, struct lt_buf *text)
{
    struct lt_wire_answer a;
    struct lt_neutral_result result = {0};
    struct lt_error err = {0};
    enum lt_code code = LT_OK;
    lt_wire_answer_init(&a, &lt_ollama_format, prefix, arena, LT_STR("pass-word"));
    a.streamed = true;
    while (!code && body.n > 0) {
        struct lt_str piece = {body.p, step < body.n ? step : body.n};
        code = lt_wire_answer_feed(&a, piece, &err);
        lt_buf_put_str(text, lt_buf_str(&a.text));
        lt_buf_reset(&a.text);
        body.p += piece.n;
        body.n -= piece.n;
    }
    if (!code)
        code = lt_wire_answer_end(&a, &result, &err);
    lt_buf_put_str(text, lt_buf_str(&a.text)); /* the last line may come at the end */
    CHECK(code == err.code && code != LT_EINVALID_JSON && code != LT_EINTERNAL);
    CHECK(code || lt_utf8_valid(text->p, text->n));
    CHECK(lt_utf8_valid(err.detail, strlen(err.detail)));
    lt_wire_answer_free(&a);
    return code;
}

static void fuzz_stream(struct lt_arena *arena, struct lt_str body, size_t step)
{
    struct lt_buf whole, pieces;
    lt_buf_init(&whole, 1 << 24);
    lt_buf_init(&pieces, 1 << 24);
    enum lt_code one = read_stream(arena, body, SIZE_MAX, &whole), other = read_stream(arena, body, step, &pieces);
    CHECK(one == other);
    CHECK(one || lt_str_eq(lt_buf_str(&whole), lt_buf_str(&pieces)));
    lt_buf_free(&whole);
    lt_buf_free(&pieces);
}

static void fuzz_json(struct lt_arena *arena, struct lt_str body)
{
    struct lt_wire_answer a;
    struct lt_neutral_result result = {0};
    struct lt_error err = {0};
    lt_wire_answer_init(&a, &lt_ollama_format, prefix, arena, LT_STR_NULL);
    enum lt_code code = lt_wire_answer_json(&a, body, &err);
    if (!code)
        code = lt_wire_answer_end(&a, &result, &err);
    CHECK(code == err.code && code != LT_EINVALID_JSON && code != LT_EINTERNAL);
    CHECK(code || result.finish_reason.n > 0);
    CHECK(lt_utf8_valid(err.detail, strlen(err.detail)));
    lt_wire_answer_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    struct lt_arena *arena = lt_arena_new();
    char *copy = malloc(n); /* a block of its own, so that a read behind the end is seen */
    CHECK(copy);
    memcpy(copy, data + 1, n - 1);
    struct lt_str body = {copy, n - 1};
    struct lt_error err = {0};
    if (data[0] & 2) {
        lt_wire_fault(&lt_ollama_format, arena, 400 + data[0] / 4, LT_STR("Reason"), body, LT_STR("pass-word"), &err);
        CHECK(err.code && !strstr(err.detail, "pass-word"));
    } else if (data[0] & 1) {
        fuzz_json(arena, body);
    } else {
        fuzz_stream(arena, body, (size_t)(data[0] / 4) + 1);
    }
    lt_wire_is_stream(&lt_ollama_format, body);
    lt_arena_free(arena);
    free(copy);
    return 0;
}
