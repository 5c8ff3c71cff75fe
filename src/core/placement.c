/* Built-in placements and the actions that each may offer. */
#include "core/placement.h"

static const char *const course_assist[] = {"summarise_text", "explain_text", "translate_text", NULL};
static const char *const editor[] = {"generate_text", "improve_text", "translate_text", "generate_image", "describe_image", NULL};
static const char *const chat[] = {"continue_conversation", NULL};
static const char *const grading[] = {"grade_response", NULL};
static const char *const author[] = {"generate_text",     "summarise_text",  "explain_text",       "improve_text",
                                     "generate_question", "generate_image",  "generate_flashcard", "translate_text",
                                     "describe_image",    NULL};
static const char *const openedx_widget[] = {"continue_conversation", "generate_text",     "summarise_text",     "explain_text", "improve_text",
                                             "translate_text",        "generate_question", "generate_flashcard", "describe_image", NULL};

static const struct lt_placement impls[] = {{course_assist}, {editor}, {chat}, {grading}, {author}, {openedx_widget}};

static const struct lt_entry placements[] = {
    {LT_KIND_PLACEMENT, "course_assist", "Course assist", "Buttons beside a course unit: summarise it, explain it.", "builtin", 1, 0, 100, &impls[0]},
    {LT_KIND_PLACEMENT, "editor", "Editor", "Tools in a text editor: write, improve, illustrate.", "builtin", 1, 0, 100, &impls[1]},
    {LT_KIND_PLACEMENT, "chat", "Chat", "A conversation with a thread.", "builtin", 1, 0, 100, &impls[2]},
    {LT_KIND_PLACEMENT, "grading", "Grading", "Feedback and advice on learners' answers.", "builtin", 1, 0, 100, &impls[3]},
    {LT_KIND_PLACEMENT, "author", "Author tools", "Course authors' tools: texts, questions, cards, images.", "builtin", 1, 0, 100, &impls[4]},
    {LT_KIND_PLACEMENT, "openedx_widget", "Open edX widget", "What Open edX's AI UI shows in courses.", "builtin", 1, 0, 100, &impls[5]},
};

bool lt_placement_offers(const struct lt_placement *placement, struct lt_str action)
{
    for (const char *const *name = placement->actions; *name; name++)
        if (lt_str_is(action, *name))
            return true;
    return false;
}

enum lt_code lt_placements_register(struct lt_error *err)
{
    for (size_t i = 0; i < LT_COUNT(placements); i++)
        if (lt_registry_add(&placements[i], err))
            return err->code;
    return LT_OK;
}
