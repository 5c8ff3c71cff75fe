/*
 * Tables of answers for tests of providers: what bytes of a vendor come to, however they are cut. To be included after provider_rig.h;
 * one test program includes it once.
 */
#pragma once
#include "providers/wire_answer.h"

/* NULL where nothing is expected to be there. */
struct answer_row {
    const char *name, *body;
    bool stream;
    enum lt_code code;
    const char *text, *finish_reason, *id, *model, *tool_calls; /* where good */
    struct lt_usage usage;
    const char *detail; /* part of the error's */
};

#define UNKNOWN LT_USAGE_UNKNOWN
#define BAD(code, detail) code, NULL, NULL, NULL, NULL, NULL, UNKNOWN, detail
#define INVALID(detail) BAD(LT_EUPSTREAM_INVALID, detail)
#define OPENAI_CALL(id, name, arguments)                                                                                     \
    "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"" name "\",\"arguments\":" arguments "}}"

/* Of a vendor: how its answers are read, and a new state of its own for each. */
struct answer_reader {
    const struct lt_wire_format *format;
    void *(*state)(void);
    struct lt_str (*bytes)(const char *body); /* of a stream, made of what the row says; NULL: the row says the bytes */
};

static inline void check_good(const struct answer_row *row, struct lt_str text, const struct lt_neutral_result *result)
{
    const struct lt_usage *u = &result->usage;
    struct lt_str calls = result->tool_calls ? lt_json_text(arena, result->tool_calls) : LT_STR_NULL;
    struct lt_str got[] = {text, result->finish_reason, result->response_id, result->model, calls};
    const char *const expected[] = {row->text, row->finish_reason, row->id, row->model, row->tool_calls};
    for (size_t i = 0; i < LT_COUNT(got); i++)
        if (!lt_str_eq(got[i], lt_str(expected[i])))
            fail_msg("%s: \"%.*s\" and not \"%s\"", row->name, LT_FMT(got[i]), expected[i] ? expected[i] : "");
    if (memcmp(u, &row->usage, sizeof(*u)) != 0)
        fail_msg("%s: usage %lld/%lld/%lld/%lld", row->name, (long long)u->prompt_tokens, (long long)u->completion_tokens,
                 (long long)u->total_tokens, (long long)u->cached_tokens);
}

/* Feeds the body in pieces of the lengths that next() gives. */
static inline void check_row(const struct answer_row *row, const struct answer_reader *reader, size_t (*next)(void))
{
    struct lt_wire_answer a;
    struct lt_neutral_result result = {0};
    struct lt_str body = row->stream && reader->bytes ? reader->bytes(row->body) : lt_str(row->body);
    struct lt_buf text;
    enum lt_code code = LT_OK;
    err = (struct lt_error){0};
    lt_wire_answer_init(&a, reader->format, reader->state(), arena, LT_STR_NULL);
    a.streamed = row->stream;
    lt_buf_init(&text, 1 << 20);
    if (!row->stream)
        code = lt_wire_answer_json(&a, body, &err);
    while (row->stream && !code && body.n > 0) {
        size_t n = next();
        n = n < body.n ? n : body.n;
        char *piece = malloc(n + 1); /* a block of its own, so that a sanitizer sees a read beyond it */
        memcpy(piece, body.p, n);
        code = lt_wire_answer_feed(&a, (struct lt_str){piece, n}, &err);
        free(piece);
        lt_buf_put_str(&text, lt_buf_str(&a.text));
        lt_buf_reset(&a.text);
        body.p += n;
        body.n -= n;
    }
    if (!code)
        code = lt_wire_answer_end(&a, &result, &err);
    lt_buf_put_str(&text, lt_buf_str(&a.text));
    if (code != row->code || (code && err.code != code))
        fail_msg("%s: %s (%s)", row->name, lt_code_name(code), err.detail);
    if (code && !strstr(err.detail, row->detail))
        fail_msg("%s: \"%s\" is not in \"%s\"", row->name, row->detail, err.detail);
    if (!code)
        check_good(row, lt_buf_str(&text), &result);
    lt_buf_free(&text);
    lt_wire_answer_free(&a);
}

static inline size_t everything(void)
{
    return SIZE_MAX;
}

static inline size_t one_byte(void)
{
    return 1;
}

static inline size_t at_random(void)
{
    return (size_t)(rand() % 40);
}

static inline void print_seed(void)
{
    unsigned seed = (unsigned)time(NULL);
    printf("seed %u\n", seed);
    srand(seed);
}

static inline void check_rows(const struct answer_row *rows, size_t n, const struct answer_reader *reader)
{
    print_seed();
    for (size_t i = 0; i < n; i++) {
        check_row(&rows[i], reader, everything);
        for (int k = 0; k < 30 && rows[i].stream; k++)
            check_row(&rows[i], reader, k == 0 ? one_byte : at_random);
    }
}

/* ---- conversations at random ---- */

enum { RANDOM_MESSAGES_MAX = 12 };

/* Messages of all roles and kinds in any order; each assistant's call is answered at once. */
static inline size_t random_conversation(struct lt_message *messages)
{
    static const struct lt_image image = {.media_type = {"image/png", 9}, .base64 = {"iVBORw0KGgo=", 12}};
    static const char *const texts[] = {"Rain", " ", "", "a\nb", "\xC3\xA9"};
    size_t n = 0, want = (size_t)(rand() % RANDOM_MESSAGES_MAX);
    while (n < want) {
        struct lt_message m = {.content = lt_str(texts[rand() % 5])};
        int kind = rand() % 5;
        m.role = kind == 0 ? LT_STR("system") : kind < 3 ? LT_STR("user") : LT_STR("assistant");
        if (kind == 2) {
            m.images = &image;
            m.images_n = (size_t)(rand() % 2);
        }
        if (kind == 4 && n + 1 < RANDOM_MESSAGES_MAX) {
            m.tool_calls = json("[" OPENAI_CALL("call 1", "f", "\"{\\\"a\\\":[1]}\"") "]");
            messages[n++] = m;
            m = (struct lt_message){.role = LT_STR("tool"), .content = lt_str(texts[rand() % 5]), .tool_call_id = LT_STR("call 1")};
        }
        messages[n++] = m;
    }
    return n;
}
