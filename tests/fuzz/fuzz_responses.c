/*
 * An input of the Responses API: its items are kept, become a chat, and are cut to what a call takes. Holds the result against what is said of it:
 * what was kept is kept as it is, a chat that was made is one that continue_conversation takes, cutting ends with the same message.
 */
#include <stdlib.h>

#include "api/openai_responses.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static const struct lt_json *parse(struct lt_arena *arena, struct lt_buf *out)
{
    const struct lt_json *v = NULL;
    struct lt_str text = lt_str_copy(arena, lt_buf_str(out));
    must(!out->failed && lt_json_parse(arena, text, LT_JSON_STRICT, &v, NULL) == LT_OK);
    lt_buf_free(out);
    return v;
}

static const struct lt_json *keep(struct lt_arena *arena, const struct lt_json *item, unsigned index)
{
    struct lt_buf out;
    struct lt_jw w;
    struct lt_error err;
    lt_buf_init(&out, 64 << 20);
    lt_jw_init(&w, &out);
    if (lt_item_write(&w, item, (struct lt_item_place){.response = {{1}}, .index = index}, &err)) {
        must(err.code == LT_EINVALID_INPUT);
        lt_buf_free(&out);
        return NULL;
    }
    return parse(arena, &out);
}

/* Roles in order: a tool's message stands behind the calls of an assistant's. */
static void check_messages(const struct lt_json *messages, size_t n)
{
    must(lt_json_len(messages) == n);
    for (size_t i = 0; i < n; i++) {
        const struct lt_json *m = lt_json_at(messages, i);
        struct lt_str role = lt_json_str(lt_json_get(m, "role"));
        bool tool = lt_str_is(role, "tool");
        must(tool || lt_str_is(role, "user") || lt_str_is(role, "assistant") || lt_str_is(role, "system"));
        must(!tool || (lt_json_get(m, "tool_call_id") && i > 0));
        must(lt_json_get(m, "content") != NULL);
    }
}

static void chat(struct lt_arena *arena, const struct lt_item_list *items, bool cut)
{
    struct lt_chat c;
    struct lt_error err;
    struct lt_buf out;
    struct lt_jw w;
    if (lt_chat_read(arena, items, LT_STR(""), cut, &c, &err)) {
        must(err.code == LT_EINVALID_INPUT);
        return;
    }
    const struct lt_chat_message *last = c.messages + c.n;
    if (lt_chat_fit(&c, true, &err)) {
        must(err.code == LT_ECONTEXT_WINDOW);
        return;
    }
    must(c.messages + c.n == last && c.n <= LT_THREAD_MESSAGES_MAX);
    lt_buf_init(&out, 64 << 20);
    lt_jw_init(&w, &out);
    lt_chat_write(&w, &c);
    check_messages(parse(arena, &out), c.n);
    lt_fail_field(&err, LT_EINVALID_INPUT, "/messages/1/content", "x");
    lt_chat_error(&c, false, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lt_arena *arena = lt_arena_new();
    const struct lt_json *input;
    if (lt_json_parse(arena, (struct lt_str){(const char *)data, size}, LT_JSON_STRICT, &input, NULL) == LT_OK && lt_json_is(input, LT_JSON_ARRAY)) {
        struct lt_item_list items = {.list = LT_NEW_ARRAY(arena, const struct lt_json *, lt_json_len(input))};
        for (size_t i = 0; i < lt_json_len(input); i++) {
            const struct lt_json *kept = keep(arena, lt_json_at(input, i), (unsigned)i & 0xfff);
            if (!kept)
                continue;
            must(lt_json_equal(keep(arena, kept, (unsigned)i & 0xfff), kept));
            items.list[items.n++] = kept;
        }
        items.before = items.n / 2;
        chat(arena, &items, false);
        chat(arena, &items, true);
    }
    lt_arena_free(arena);
    return 0;
}
