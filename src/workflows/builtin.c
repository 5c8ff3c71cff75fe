/* The built-in orchestrators and steps, and finding them by the names that profiles use. */
#include "workflows/orchestrator.h"
#include "workflows/processors/grading.h"

extern const struct lt_orchestrator lt_mock_response, lt_mock_stream_response, lt_direct_llm_response, lt_threaded_llm_response,
    lt_educator_assistant, lt_flash_cards, lt_grading_orchestrator;

enum { NAME_MAX_ = 62 /* bytes of a name in the registry */ };

/* A class name in small letters, which is its name in the registry; false when it is too long for one. */
static bool registry_name(struct lt_str class_name, char out[NAME_MAX_ + 1])
{
    if (class_name.n == 0 || class_name.n > NAME_MAX_)
        return false;
    for (size_t i = 0; i < class_name.n; i++) {
        char c = class_name.p[i];
        out[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    out[class_name.n] = 0;
    return true;
}

/* Profiles of Open edX's plugin may name its own classes with their module; here there are no modules. */
static struct lt_str without_module(struct lt_str class_name)
{
    struct lt_str rest = class_name, last = class_name;
    if (!lt_str_starts(class_name, LT_STR("openedx_ai_extensions.")))
        return class_name;
    while (rest.n > 0)
        last = lt_str_cut(&rest, '.');
    return last;
}

const struct lt_orchestrator *lt_orchestrator_find(struct lt_str class_name)
{
    class_name = without_module(class_name);
    char name[NAME_MAX_ + 1];
    const struct lt_entry *entry = registry_name(class_name, name) ? lt_registry_find(LT_KIND_ORCHESTRATOR, lt_str(name)) : NULL;
    const struct lt_orchestrator *found = entry ? entry->impl : NULL;
    return found && lt_str_is(class_name, found->class_name) ? found : NULL;
}

const struct lt_processor *lt_processor_find(struct lt_str class_name)
{
    char name[NAME_MAX_ + 1];
    const struct lt_entry *entry = registry_name(class_name, name) ? lt_registry_find(LT_KIND_PROCESSOR, lt_str(name)) : NULL;
    const struct lt_processor *found = entry ? entry->impl : NULL;
    return found && lt_str_is(class_name, found->class_name) ? found : NULL;
}

const struct lt_json *lt_processor_settings(const struct lt_json *processor_config, const struct lt_processor *processor)
{
    const struct lt_json *v = lt_json_get(processor_config, processor->class_name);
    return v || !processor->other_name ? v : lt_json_get(processor_config, processor->other_name);
}

struct named {
    const char *name, *title, *description;
    const void *impl;
};

static const struct named orchestrators[] = {
    {"mockresponse", "Mock answer", "Answers at once, without a model.", &lt_mock_response},
    {"mockstreamresponse", "Mock answer in pieces", "Sends a fixed text in small pieces, without a model.", &lt_mock_stream_response},
    {"directllmresponse", "One answer", "Content and question go to a model once; nothing is kept.", &lt_direct_llm_response},
    {"threadedllmresponse", "Conversation", "What was said before goes along; each turn is kept.", &lt_threaded_llm_response},
    {"educatorassistantorchestrator", "Questions", "Writes questions for an author, works single ones over, and saves them.", &lt_educator_assistant},
    {"flashcardsorchestrator", "Flash cards", "Makes cards to learn by, and says when each comes again.", &lt_flash_cards},
    {"gradingorchestrator", "Grading", "Compares a submission with a rubric, once; what staff decide wins.", &lt_grading_orchestrator},
};
static const struct named processors[] = {
    {"contentprocessor", "Content", "Fetches what the question is about.", &lt_content_processor},
    {"llmprocessor", "Model", "Asks a model.", &lt_llm_processor},
    {"educatorassistantprocessor", "Questions", "Asks a model for questions.", &lt_educator_processor},
    {"gradingprocessor", "Grading", "Asks a model for a verdict, and again when nothing proves it.", &lt_grading_processor},
    {"contentlibraryprocessor", "Library", "Makes questions into a collection of a content library.", &lt_library_processor},
};

static enum lt_code add_all(enum lt_kind kind, const struct named *list, size_t n, struct lt_entry *entries, struct lt_error *err)
{
    for (size_t i = 0; i < n; i++) {
        entries[i] = (struct lt_entry){.kind = kind,
                                       .name = list[i].name,
                                       .title = list[i].title,
                                       .description = list[i].description,
                                       .plugin = "builtin",
                                       .major = 1,
                                       .rank = 100,
                                       .impl = list[i].impl};
        if (lt_registry_add(&entries[i], err))
            return err->code;
    }
    return LT_OK;
}

enum lt_code lt_workflows_register(struct lt_error *err)
{
    static struct lt_entry of_orchestrators[LT_COUNT(orchestrators)], of_processors[LT_COUNT(processors)];
    if (add_all(LT_KIND_ORCHESTRATOR, orchestrators, LT_COUNT(orchestrators), of_orchestrators, err))
        return err->code;
    return add_all(LT_KIND_PROCESSOR, processors, LT_COUNT(processors), of_processors, err);
}
