/*
 * What the actions that answer with text have in common: the response object, the columns, the neutral call with its messages.
 * Pure but for the arena of the call; fiber or worker.
 */
#pragma once
#include "core/action.h"

/* The two one below the other with an empty line between, or one of them when the other is empty. */
struct lt_str lt_text_answer_join(struct lt_arena *arena, struct lt_str a, struct lt_str b);
/* The schema of {generated_content, finish_reason}. */
extern const char lt_text_answer_response[];
/* The schema of {text, instruction?, language?}. */
extern const char lt_text_answer_about_input[];
/* prompt, responseid, fingerprint, generatedcontent, finishreason. */
extern const char *const lt_text_answer_columns[];
enum { LT_TEXT_ANSWER_COLUMNS = 5 };

/* An empty completion: nothing set, no messages. */
struct lt_neutral_call lt_text_answer_completion(void);
/* A completion of two messages: the call's instruction as system (left out when empty) and `user`. */
void lt_text_answer_ask(const struct lt_action_call *call, struct lt_str user, struct lt_neutral_call *ret);
/*
 * compile() of the actions that do something with a given text: `task` ("Translate the text.") and the input's `instruction`, if any, stand before
 * the text, which is marked off. LT_EINVALID_INPUT when the text is only white space.
 */
enum lt_code lt_text_answer_compile_task(const struct lt_action_call *call, struct lt_str task, struct lt_neutral_call *ret, struct lt_error *err);
/* The same for an answer about the text, which may be asked for in another language (the input's `language`). */
enum lt_code lt_text_answer_compile_about(const struct lt_action_call *call, const char *task, struct lt_neutral_call *ret,
                                          struct lt_error *err);
/*
 * finish(): {generated_content, finish_reason}. An empty answer is LT_ECONTENT_REFUSED when a content filter ended it, else
 * LT_EUPSTREAM_INVALID.
 */
enum lt_code lt_text_answer_finish(const struct lt_action_call *call, const struct lt_neutral_result *result,
                                   struct lt_jw *response, struct lt_error *err);
/* Why an empty answer cannot be used: the error that finish() gives for it. */
enum lt_code lt_text_answer_empty(const struct lt_neutral_result *result, struct lt_error *err);
/* The reason to show: the vendor's, "stop" when it gave none. */
struct lt_str lt_text_answer_finish_reason(const struct lt_neutral_result *result);
/* Fills the LT_TEXT_ANSWER_COLUMNS values; what the result does not know is NULL. */
void lt_text_answer_store(struct lt_str prompt, const struct lt_neutral_result *result, struct lt_value *values);
/* store() of the actions about a given text: the prompt is the instruction of the input, if any, and the text. */
void lt_text_answer_store_about(const struct lt_action_call *call, const struct lt_neutral_result *result,
                                struct lt_value *values);
