/*
 * A chat completion's body as the door /openai/v1/ takes it: what passes the route's schema is refused with a field, or becomes an object with
 * as many messages as came.
 */
#include <stdlib.h>

#include "api/openai.h"
#include "api/openai_schemas.h"

static const struct lt_schema *schema(void)
{
    static const struct lt_schema *compiled;
    if (!compiled && lt_schema_compile_text(lt_arena_new(), LT_OPENAI_CHAT_REQUEST, &compiled, NULL))
        abort();
    return compiled;
}

static void check(struct lt_arena *arena, struct lt_str text)
{
    struct lt_request r = {.arena = arena};
    struct lt_error err = {0};
    const struct lt_json *body, *input = NULL;
    if (lt_json_parse(arena, text, LT_JSON_STRICT, &body, NULL) || lt_schema_check(schema(), body, NULL))
        return;
    enum lt_code rc = lt_openai_chat_input(&r, body, &input, &err);
    if (rc ? rc != LT_EINVALID_INPUT || err.field[0] != '/' : !lt_json_is(input, LT_JSON_OBJECT))
        abort();
    if (rc == LT_OK && lt_json_len(lt_json_get(input, "messages")) != lt_json_len(lt_json_get(body, "messages")))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lt_arena *arena = lt_arena_new();
    check(arena, lt_str_copy(arena, (struct lt_str){(const char *)data, size}));
    lt_arena_free(arena);
    return 0;
}
