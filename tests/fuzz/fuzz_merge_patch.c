/* Two JSON5 values, on a line each: the second as a merge patch (RFC 7386) of the first. Holds the result against the rule, member by member. */
#include <stdlib.h>

#include "text/merge_patch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check_merged(const struct lt_json *target, const struct lt_json *patch, const struct lt_json *result)
{
    if (!lt_json_is(patch, LT_JSON_OBJECT)) {
        must(lt_json_equal(patch, result));
        return;
    }
    must(lt_json_is(result, LT_JSON_OBJECT));
    size_t expected = 0;
    for (size_t i = 0; lt_json_is(target, LT_JSON_OBJECT) && i < lt_json_len(target); i++) {
        struct lt_str key = lt_json_key_at(target, i);
        expected += !lt_json_get_str(patch, key);
        must(lt_json_get_str(patch, key) || lt_json_equal(lt_json_at(target, i), lt_json_get_str(result, key)));
    }
    for (size_t i = 0; i < lt_json_len(patch); i++) {
        struct lt_str key = lt_json_key_at(patch, i);
        const struct lt_json *change = lt_json_at(patch, i), *after = lt_json_get_str(result, key);
        bool removed = lt_json_is(change, LT_JSON_NULL);
        must(removed == !after);
        expected += !removed;
        if (after)
            check_merged(lt_json_get_str(target, key), change, after);
    }
    must(lt_json_len(result) == expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_str second = {(const char *)data, size}, first = lt_str_cut(&second, '\n');
    const struct lt_json *target, *patch, *back;
    if (lt_json_parse(arena, first, LT_JSON_JSON5_FINITE, &target, NULL) == LT_OK &&
        lt_json_parse(arena, second, LT_JSON_JSON5_FINITE, &patch, NULL) == LT_OK) {
        struct lt_str before = lt_json_text(arena, target);
        const struct lt_json *once = lt_merge_patch(arena, target, patch);
        check_merged(target, patch, once);
        must(lt_json_equal(lt_merge_patch(arena, once, patch), once));
        must(lt_str_eq(lt_json_text(arena, target), before));
        must(lt_json_parse(arena, lt_json_text(arena, once), LT_JSON_STRICT, &back, NULL) == LT_OK && lt_json_equal(once, back));
    }
    lt_arena_free(arena);
    return 0;
}
