/* roll_dice: chance, which models have none of. */
#include "base/secret.h"
#include "core/tool.h"

/* 1 to sides, each as likely as the others. */
static unsigned roll(unsigned sides)
{
    uint32_t v, limit = UINT32_MAX - UINT32_MAX % sides;
    do
        lt_random(&v, sizeof(v));
    while (v >= limit);
    return v % sides + 1;
}

static enum lt_code roll_dice(const struct lt_tool_context *context, const struct lt_json *arguments, struct lt_str *ret, struct lt_error *err)
{
    int64_t n = lt_json_int64_or(lt_json_get(arguments, "n_dice"), 1), sides = lt_json_int64_or(lt_json_get(arguments, "sides"), 6);
    struct lt_str list = LT_STR("");
    (void)err;
    for (int64_t i = 0; i < n; i++)
        list = lt_printf(context->arena, "%.*s%s%u", LT_FMT(list), i ? ", " : "", roll((unsigned)sides));
    *ret = list;
    return LT_OK;
}

extern const struct lt_tool lt_tool_roll_dice;
const struct lt_tool lt_tool_roll_dice = {
    .name = "roll_dice",
    .description = "Rolls dice and says what each shows.",
    .parameters = "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
                  "\"n_dice\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":100,\"description\":\"How many; 1 without it.\"},"
                  "\"sides\":{\"type\":\"integer\",\"minimum\":2,\"maximum\":1000,\"description\":\"Of each; 6 without it.\"}}}",
    .call = roll_dice,
};
