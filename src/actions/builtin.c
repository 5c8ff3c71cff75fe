/* The list of built-in actions. */
#include "actions/builtin.h"

#include "core/action.h"
#include "core/registry.h"

extern const struct lt_action lt_action_generate_text, lt_action_summarise_text, lt_action_explain_text,
    lt_action_continue_conversation, lt_action_embed_text, lt_action_generate_question, lt_action_generate_flashcard, lt_action_grade_response,
    lt_action_translate_text, lt_action_improve_text, lt_action_describe_image, lt_action_moderate_text,
    lt_action_generate_image;

enum lt_code lt_actions_register(struct lt_error *err)
{
    static const struct lt_action *const actions[] = {&lt_action_generate_text, &lt_action_summarise_text,
                                                      &lt_action_explain_text, &lt_action_continue_conversation,
                                                      &lt_action_embed_text, &lt_action_generate_question,
                                                      &lt_action_generate_flashcard, &lt_action_grade_response,
                                                      &lt_action_translate_text, &lt_action_improve_text,
                                                      &lt_action_describe_image, &lt_action_moderate_text,
                                                      &lt_action_generate_image};
    static struct lt_entry entries[LT_COUNT(actions)];
    for (size_t i = 0; i < LT_COUNT(actions); i++) {
        entries[i] = (struct lt_entry){.kind = LT_KIND_ACTION,
                                       .name = actions[i]->name,
                                       .title = actions[i]->title,
                                       .description = actions[i]->description,
                                       .plugin = "builtin",
                                       .major = 1,
                                       .rank = 100,
                                       .impl = actions[i]};
        enum lt_code code = lt_registry_add(&entries[i], err);
        if (code)
            return code;
    }
    return LT_OK;
}
