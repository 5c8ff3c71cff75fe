/* Vectors as an embeddings API gives them: any JSON array of number lists and base64 texts. What is taken is finite and complete. */
#include <math.h>
#include <stdlib.h>

#include "providers/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define CHECK(condition)                                                                                                     \
    do {                                                                                                                     \
        if (!(condition))                                                                                                    \
            abort();                                                                                                         \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct lt_str texts[3];
    struct lt_arena *arena = lt_arena_new();
    struct lt_neutral_call call = {.kind = LT_NEUTRAL_EMBEDDING, .texts = texts, .texts_n = LT_COUNT(texts)};
    struct lt_provider_run run = {.arena = arena, .call = &call};
    struct lt_error err = {0};
    const struct lt_json *list = NULL;
    struct lt_str body = lt_str_copy(arena, (struct lt_str){(const char *)data, n});
    enum lt_code code = lt_json_parse(arena, body, LT_JSON_STRICT, &list, NULL);
    for (size_t i = 0; !code && i < lt_json_len(list) && lt_json_is(list, LT_JSON_ARRAY); i++)
        code = lt_wire_vector(&run, i, lt_json_at(list, i), &err);
    if (!code)
        code = lt_wire_vectors_end(&run, &err);
    const struct lt_neutral_result *r = &run.result;
    for (size_t i = 0; !code && i < r->vectors_n * r->dimensions; i++)
        CHECK(isfinite(r->vectors[i]));
    CHECK(code || (r->vectors_n == LT_COUNT(texts) && r->dimensions > 0));
    CHECK(code == LT_OK || code == LT_EINVALID_JSON || code == LT_EUPSTREAM_INVALID);
    lt_arena_free(arena);
    return 0;
}
