/* The common part of the actions that answer with objects. */
#include "actions/structured_answer.h"

#include "actions/text_answer.h"

enum lt_code lt_structured_answer_ask(const struct lt_action_call *call, const char *name, struct lt_str sent, struct lt_str checked,
                                      struct lt_neutral_call *ret, struct lt_error *err)
{
    struct lt_str format = lt_printf(call->arena, "{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"%s\",\"strict\":true,\"schema\":%.*s}}",
                                     name, LT_FMT(sent));
    if (lt_json_parse(call->arena, format, LT_JSON_STRICT, &ret->response_format, err) ||
        lt_schema_compile_text(call->arena, checked.p, &ret->answer_schema, err)) {
        err->code = LT_EINTERNAL;
        return lt_error_wrap(err, "form of the answer");
    }
    return LT_OK;
}

enum lt_code lt_structured_answer_read(const struct lt_action_call *call, const struct lt_neutral_result *result, const struct lt_json **ret,
                                       struct lt_error *err)
{
    if (lt_str_trim(result->text).n == 0)
        return lt_text_answer_empty(result, err);
    if (lt_json_parse(call->arena, result->text, LT_JSON_STRICT, ret, err) || !lt_json_is(*ret, LT_JSON_OBJECT))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer is no JSON object");
    return LT_OK;
}

enum lt_code lt_structured_answer_finish(const struct lt_action_call *call, const struct lt_neutral_result *result, struct lt_jw *response,
                                         struct lt_error *err)
{
    const struct lt_json *answer;
    if (lt_structured_answer_read(call, result, &answer, err))
        return err->code;
    lt_jw_json(response, answer);
    return LT_OK;
}
