/* Testing an instance, its models, and what it keeps. */
#include "core/probe.h"

#include <stdlib.h>

#include "core/manager_private.h"

enum { MODELS_MS = 30000 };

/* Small, cheap and harmless inputs; the first action that the instance serves is asked. */
static const struct {
    const char *action, *input;
} trials[] = {
    {"generate_text", "{\"prompt\":\"Reply with the word OK and nothing else.\"}"},
    {"summarise_text",
     "{\"text\":\"Rain falls on the hills. Streams carry the water to the river. The river carries it to the sea. The sun lifts it up again.\"}"},
    {"embed_text", "{\"texts\":[\"test\"]}"},
};

static enum lt_code no_trial(struct lt_call_result *ret, const struct lt_provider_instance *instance)
{
    *ret = (struct lt_call_result){.response = LT_STR("{}"), .usage = LT_USAGE_UNKNOWN};
    return lt_fail(&ret->error, LT_EUNSUPPORTED, "%.*s serves no action that can be tested", LT_FMT(instance->name));
}

enum lt_code lt_provider_test(struct lt_manager *manager, struct lt_config *config, struct lt_arena *arena, const struct lt_caller *caller,
                              const struct lt_provider_instance *instance, struct lt_call_result *ret)
{
    size_t i = 0;
    const struct lt_entry *entry = NULL;
    for (; i < LT_COUNT(trials); i++) {
        bool native;
        entry = lt_registry_find(LT_KIND_ACTION, lt_str(trials[i].action));
        if (entry && lt_provider_serves(instance->provider, lt_str(entry->name), ((const struct lt_action *)entry->impl)->kind, &native))
            break;
    }
    if (i == LT_COUNT(trials))
        return no_trial(ret, instance);
    struct lt_call_request request = {.arena = arena,
                                      .config = config,
                                      .caller = caller,
                                      .action = lt_str(trials[i].action),
                                      .provider = lt_printf(arena, "%lld", (long long)instance->id),
                                      .test = true};
    lt_json_parse(arena, lt_str(trials[i].input), LT_JSON_STRICT, &request.input, NULL);
    return lt_process_action(manager, &request, ret);
}

static int compare(const void *a, const void *b)
{
    const struct lt_str *x = a, *y = b;
    int rc = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
    return rc ? rc : (x->n > y->n) - (x->n < y->n);
}

static size_t sort_unique(struct lt_str *list, size_t n)
{
    size_t kept = 0;
    if (n > 0)
        qsort(list, n, sizeof(*list), compare);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || !lt_str_eq(list[i], list[kept - 1]))
            list[kept++] = list[i];
    return kept;
}

/* A run without a call. */
static struct lt_provider_run *plain_run(struct lt_manager *manager, struct lt_arena *arena, const struct lt_caller *caller,
                                         const struct lt_provider_instance *instance, uint64_t deadline_ms, struct lt_error *err)
{
    if (!instance->configured) {
        lt_fail(err, LT_ECONFIG, "%.*s: %s", LT_FMT(instance->name), instance->not_configured);
        return NULL;
    }
    struct lt_provider_run *run = LT_NEW(arena, struct lt_provider_run);
    run->arena = arena;
    run->loop = lt_loop_self();
    run->instance = instance;
    run->locale = caller->locale;
    run->deadline_ms = deadline_ms;
    run->tls = manager->tls;
    return run;
}

enum lt_code lt_provider_models(struct lt_manager *manager, struct lt_arena *arena, const struct lt_caller *caller,
                                const struct lt_provider_instance *instance, struct lt_str **ret, size_t *ret_n, struct lt_error *err)
{
    if (!instance->provider->models)
        return lt_fail(err, LT_EUNSUPPORTED, "%.*s has no list of models", LT_FMT(instance->plugin));
    struct lt_provider_run *run = plain_run(manager, arena, caller, instance, lt_loop_now(lt_loop_self()) + MODELS_MS, err);
    if (!run || instance->provider->models(run, ret, ret_n, err))
        return err->code;
    *ret_n = sort_unique(*ret, *ret_n);
    return LT_OK;
}

enum lt_code lt_provider_response(struct lt_manager *manager, struct lt_arena *arena, const struct lt_caller *caller,
                                  const struct lt_provider_instance *instance, struct lt_str response_id, uint64_t deadline_ms,
                                  struct lt_kept_response *ret, struct lt_error *err)
{
    if (!instance->provider->response)
        return lt_fail(err, LT_EUNSUPPORTED, "%.*s keeps no answers", LT_FMT(instance->plugin));
    struct lt_provider_run *run = plain_run(manager, arena, caller, instance, deadline_ms, err);
    return run ? instance->provider->response(run, response_id, ret, err) : err->code;
}

enum lt_code lt_provider_response_before(struct lt_manager *manager, struct lt_arena *arena, const struct lt_caller *caller,
                                         const struct lt_provider_instance *instance, struct lt_str response_id, uint64_t deadline_ms,
                                         struct lt_str *ret, struct lt_error *err)
{
    if (!instance->provider->response_before)
        return lt_fail(err, LT_EUNSUPPORTED, "%.*s keeps no answers", LT_FMT(instance->plugin));
    struct lt_provider_run *run = plain_run(manager, arena, caller, instance, deadline_ms, err);
    return run ? instance->provider->response_before(run, response_id, ret, err) : err->code;
}

enum lt_code lt_provider_forget(struct lt_manager *manager, struct lt_arena *arena, const struct lt_caller *caller,
                                const struct lt_provider_instance *instance, struct lt_str response_id, uint64_t deadline_ms, struct lt_error *err)
{
    if (!instance->provider->forget)
        return lt_fail(err, LT_EUNSUPPORTED, "%.*s deletes no answers", LT_FMT(instance->plugin));
    struct lt_provider_run *run = plain_run(manager, arena, caller, instance, deadline_ms, err);
    return run ? instance->provider->forget(run, response_id, err) : err->code;
}
