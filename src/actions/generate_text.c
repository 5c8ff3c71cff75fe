/* generate_text: the answer to a free prompt. */
#include "actions/text_answer.h"

static enum lt_code compile(const struct lt_action_call *call, struct lt_neutral_call *ret, struct lt_error *err)
{
    struct lt_str prompt = lt_json_str(lt_json_get(call->input, "prompt"));
    if (lt_str_trim(prompt).n == 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/prompt", "must hold something other than white space");
    struct lt_str wish = lt_str_trim(lt_json_str(lt_json_get(call->input, "instruction")));
    struct lt_action_call with_wish = *call;
    if (wish.n > 0)
        with_wish.instruction = lt_text_answer_join(call->arena, call->instruction, wish);
    lt_text_answer_ask(&with_wish, prompt, ret);
    return LT_OK;
}

static void store(const struct lt_action_call *call, const struct lt_neutral_result *result, struct lt_value *values)
{
    lt_text_answer_store(lt_json_str(lt_json_get(call->input, "prompt")), result, values);
}

extern const struct lt_action lt_action_generate_text;
const struct lt_action lt_action_generate_text = {
    .name = "generate_text",
    .kind = LT_NEUTRAL_COMPLETION,
    .title = "Generate text",
    .description = "Writes a text as the prompt asks.",
    .input_schema = "{\"type\":\"object\",\"required\":[\"prompt\"],\"additionalProperties\":false,\"properties\":{"
                    "\"prompt\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":400000,\"description\":\"What to write.\"},"
                    "\"instruction\":{\"type\":\"string\",\"maxLength\":4000,\"description\":\"How to write it: goes behind the "
                    "standing instruction.\"}}}",
    .response_schema = lt_text_answer_response,
    .instruction = "You write texts for people who teach or study on a learning platform. Write what the request asks for and "
                   "nothing else: no greeting, no comment on your work, no offer of more help. Your answer is put into a page "
                   "as it is, so use plain text in short paragraphs, or light Markdown (headings, lists, emphasis) where the "
                   "request calls for structure; no HTML. Write in the language of the request unless it names another. Do not "
                   "invent sources, quotations or figures; where you do not know something, say so in the text.",
    .columns = lt_text_answer_columns,
    .compile = compile,
    .finish = lt_text_answer_finish,
    .store = store,
};
