/* Gemini's answers: see fuzz_wire.h. JSON is read as an answer with images too, of both kinds. */
#include "fuzz_wire.h"
#include "providers/gemini.h"

static void *new_state(struct lt_arena *arena)
{
    static char prefix[] = "call_7";
    return prefix;
}

/* What is taken is there, and not more than there is room for. */
static void fuzz_images(enum lt_code (*take)(struct lt_gemini_images *images, const struct lt_json *answer, struct lt_error *err), struct lt_str body)
{
    enum { MAX = 2 };
    struct lt_arena *arena = lt_arena_new();
    struct lt_image_made list[MAX];
    struct lt_gemini_images images = {.arena = arena, .list = list, .max = MAX};
    struct lt_error err = {0};
    const struct lt_json *answer;
    if (lt_json_parse(arena, body, LT_JSON_STRICT, &answer, NULL) == LT_OK) {
        enum lt_code code = take(&images, answer, &err);
        check_error(code, &err);
        CHECK(code == LT_OK || code == LT_EUPSTREAM_INVALID);
        CHECK(images.n <= MAX && lt_utf8_valid(images.why.p, images.why.n));
        for (size_t i = 0; i < images.n; i++)
            CHECK(list[i].base64.n > 0 && list[i].url.n == 0 && list[i].revised_prompt.p);
    }
    lt_arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n > 0 && (data[0] & 3) == 1) {
        struct lt_str body = {(const char *)data + 1, n - 1};
        fuzz_images(lt_gemini_take_predictions, body);
        fuzz_images(lt_gemini_take_drawing, body);
    }
    return fuzz_wire(&lt_gemini_format, new_state, data, n);
}
