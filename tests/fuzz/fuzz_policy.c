/* What a client says of languages, and a version: a text is chosen whatever it says, and the major version is a part of the version. */
#include <stdlib.h>

#include "core/policy.h"
#include "core/policy_text.h"

static const struct lt_policy_text texts[] = {{LT_STR("en"), LT_STR("a")}, {LT_STR("de-AT"), LT_STR("b")}, {LT_STR("pt"), LT_STR("c")}};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_site site = {.policy_texts = texts, .policy_texts_n = LT_COUNT(texts), .language = LT_STR("en")};
    struct lt_str input = {lt_strz(arena, (struct lt_str){(const char *)data, n}), n};
    struct lt_str language = lt_policy_language(arena, input), major = lt_policy_major(input);
    const struct lt_policy_text *text = lt_policy_text_for(&site, input);
    bool inside = major.p >= input.p && major.p + major.n <= input.p + input.n;
    if (!text || text < texts || text >= texts + LT_COUNT(texts) || !inside || (n > 0 && major.n == 0))
        abort();
    if (language.n != 0 && !lt_str_eq(lt_policy_language(arena, language), language))
        abort();
    lt_arena_free(arena);
    return 0;
}
