/* The list of built-in providers. */
#include "providers/builtin.h"

#include "core/provider.h"
#include "core/registry.h"

extern const struct lt_provider lt_provider_anthropic;
extern const struct lt_provider lt_provider_awsbedrock;
extern const struct lt_provider lt_provider_azureai;
extern const struct lt_provider lt_provider_deepseek;
extern const struct lt_provider lt_provider_extract;
extern const struct lt_provider lt_provider_gemini;
extern const struct lt_provider lt_provider_huggingface;
extern const struct lt_provider lt_provider_llamacpp;
extern const struct lt_provider lt_provider_mistral;
extern const struct lt_provider lt_provider_ollama;
extern const struct lt_provider lt_provider_openai;
extern const struct lt_provider lt_provider_openai_compatible;
extern const struct lt_provider lt_provider_replay;
extern const struct lt_provider lt_provider_vllm;

enum lt_code lt_providers_register(struct lt_error *err)
{
    static const struct lt_provider *const providers[] = {
        &lt_provider_anthropic,
        &lt_provider_awsbedrock,
        &lt_provider_azureai,
        &lt_provider_deepseek,
        &lt_provider_extract,
        &lt_provider_gemini,
        &lt_provider_huggingface,
        &lt_provider_llamacpp,
        &lt_provider_mistral,
        &lt_provider_ollama,
        &lt_provider_openai,
        &lt_provider_openai_compatible,
        &lt_provider_replay,
        &lt_provider_vllm,
    };
    static struct lt_entry entries[LT_COUNT(providers)];
    for (size_t i = 0; i < LT_COUNT(providers); i++) {
        entries[i] = (struct lt_entry){.kind = LT_KIND_PROVIDER,
                                       .name = providers[i]->name,
                                       .title = providers[i]->title,
                                       .description = providers[i]->description,
                                       .plugin = "builtin",
                                       .major = 1,
                                       .rank = 100,
                                       .impl = providers[i]};
        enum lt_code code = lt_registry_add(&entries[i], err);
        if (code)
            return code;
    }
    return LT_OK;
}
