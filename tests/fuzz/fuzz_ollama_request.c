/* A body as the Ollama door takes it: what passes the route's schema is refused with a field, or becomes an input of ours. First byte: chat or generate. */
#include <assert.h>
#include <stdlib.h>

#include "api/ollama.h"
#include "api/ollama_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct lt_schema *schema(bool chat)
{
    static const struct lt_schema *compiled[2];
    if (!compiled[chat] && lt_schema_compile_text(lt_arena_new(), chat ? LT_OLLAMA_CHAT : LT_OLLAMA_GENERATE, &compiled[chat], NULL))
        abort();
    return compiled[chat];
}

static void check(struct lt_arena *arena, struct lt_str text, bool chat)
{
    struct lt_ollama_request q;
    struct lt_error err = {0};
    const struct lt_json *body;
    if (lt_json_parse(arena, text, LT_JSON_STRICT, &body, NULL) || lt_schema_check(schema(chat), body, NULL))
        return;
    enum lt_code rc = lt_ollama_read(arena, body, chat, &q, &err);
    assert(rc ? rc == LT_EINVALID_INPUT && err.field[0] == '/' && err.detail[0] : q.chat == chat);
    if (rc == LT_OK)
        assert(q.only ? !q.input : lt_json_is(q.input, LT_JSON_OBJECT) && lt_json_len(lt_json_get(q.input, "messages")) > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct lt_arena *arena = lt_arena_new();
    check(arena, lt_str_copy(arena, (struct lt_str){(const char *)data + 1, size - 1}), data[0] & 1);
    lt_arena_free(arena);
    return 0;
}
