/*
 * Answers that hold images, as any JSON: the first byte says how many were asked for, and whether the same answer comes twice. What is taken is as
 * many as that at most, each with bytes or an address.
 */
#include <stdlib.h>

#include "providers/openai_family.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define CHECK(condition)                                                                                                     \
    do {                                                                                                                     \
        if (!(condition))                                                                                                    \
            abort();                                                                                                         \
    } while (0)

static void check(const struct lt_neutral_result *r, size_t most, enum lt_code code)
{
    CHECK(code == LT_OK || code == LT_EUPSTREAM_INVALID);
    CHECK(r->images_n <= most && (code || r->images_n > 0));
    for (size_t i = 0; i < r->images_n; i++) {
        const struct lt_image_made *image = &r->images[i];
        CHECK((image->base64.n > 0) != (image->url.n > 0));
        CHECK(lt_utf8_valid(image->revised_prompt.p, image->revised_prompt.n));
    }
    CHECK(r->usage.prompt_tokens >= -1 && r->usage.completion_tokens >= -1 && r->usage.total_tokens >= -1 && r->usage.cached_tokens >= -1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    struct lt_arena *arena = lt_arena_new();
    struct lt_neutral_call call = {.kind = LT_NEUTRAL_IMAGE, .image.count = 1 + data[0] % LT_IMAGES_MADE_MAX};
    struct lt_provider_run run = {.arena = arena, .call = &call, .result = {.usage = LT_USAGE_UNKNOWN}};
    struct lt_error err = {0};
    const struct lt_json *answer = NULL;
    struct lt_str body = lt_str_copy(arena, (struct lt_str){(const char *)data + 1, n - 1});
    for (int i = 0; lt_json_parse(arena, body, LT_JSON_STRICT, &answer, NULL) == LT_OK && i <= data[0] / 128; i++)
        check(&run.result, (size_t)call.image.count, lt_openai_take_images(&run, answer, &err));
    lt_arena_free(arena);
    return 0;
}
