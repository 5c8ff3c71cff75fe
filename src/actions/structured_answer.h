/*
 * What the actions that answer with objects have in common. A form is sent to the model; what it answers is checked against a stricter one,
 * which may say what vendors' own checkers cannot (only one option is right, …). The manager gives a model that misses it one chance to mend.
 */
#pragma once
#include "core/action.h"

/* Sets response_format and answer_schema of the call. sent, checked: JSON Schema texts that live as long as the call's arena. LT_EINTERNAL when
 * one is not a schema. */
enum lt_code lt_structured_answer_ask(const struct lt_action_call *call, const char *name, struct lt_str sent, struct lt_str checked,
                                      struct lt_neutral_call *ret, struct lt_error *err);
/* The answer, which was checked, as an object in the call's arena. LT_EUPSTREAM_INVALID when it is none, LT_ECONTENT_REFUSED as for other texts. */
enum lt_code lt_structured_answer_read(const struct lt_action_call *call, const struct lt_neutral_result *result, const struct lt_json **ret,
                                       struct lt_error *err);
/* finish(): the answer, which was checked, as it is. LT_EUPSTREAM_INVALID when it is no object. */
enum lt_code lt_structured_answer_finish(const struct lt_action_call *call, const struct lt_neutral_result *result, struct lt_jw *response,
                                         struct lt_error *err);
