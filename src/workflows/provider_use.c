/* What profiles name: prompt templates and provider instances. */
#include "workflows/workflow_private.h"

enum { NAMED_MAX = 5 };

static struct lt_str named(const struct lt_json *processors, size_t i, const char *member)
{
    return lt_json_str(lt_json_get(lt_json_at(processors, i), member));
}

/* "default" is the site's order: no instance. */
static struct lt_str named_instance(const struct lt_json *processors, size_t i)
{
    struct lt_str name = named(processors, i, "provider");
    return lt_str_is(name, "default") ? LT_STR("") : name;
}

static bool is_instance(const struct lt_instance_name *instance, struct lt_str name)
{
    int64_t id;
    return lt_str_eq(instance->name, name) || (lt_str_to_int64(name, &id) && id == instance->id); /* as lt_instance_is() */
}

static bool has_instance(const struct lt_workflow_set *set, int64_t site_id, struct lt_str name)
{
    for (size_t i = 0; set && i < set->instances_n; i++)
        if (set->instances[i].site_id == site_id && is_instance(&set->instances[i], name))
            return true;
    return false;
}

static struct lt_str path_of(struct lt_arena *arena, const struct lt_json *processors, size_t i, const char *member)
{
    return lt_printf(arena, "processor_config.%.*s.%s", LT_FMT(lt_json_key_at(processors, i)), member);
}

void lt_workflow_check_names(const struct lt_workflow_set *set, int64_t site_id, const struct lt_json *config, struct lt_problems *problems)
{
    const struct lt_json *processors = lt_json_get(config, "processor_config");
    const struct lt_prompt *found;
    for (size_t i = 0; lt_json_is(processors, LT_JSON_OBJECT) && i < lt_json_len(processors); i++) {
        struct lt_str prompt = named(processors, i, "prompt_template"), instance = named_instance(processors, i);
        if (prompt.n > 0 && lt_prompt_find(set, site_id, prompt, &found, NULL))
            lt_problem_add(problems, path_of(problems->arena, processors, i, "prompt_template"), "PromptTemplate '%.*s' does not exist",
                           (int)(prompt.n < 200 ? prompt.n : 200), prompt.p);
        if (instance.n > 0 && !has_instance(set, site_id, instance))
            lt_problem_add(problems, path_of(problems->arena, processors, i, "provider"), "the site has no provider instance '%.*s'",
                           (int)(instance.n < 200 ? instance.n : 200), instance.p);
    }
}

static bool uses(const struct lt_profile *profile, const struct lt_instance_name *instance)
{
    const struct lt_json *processors = lt_profile_processor_config(profile);
    for (size_t i = 0; lt_json_is(processors, LT_JSON_OBJECT) && i < lt_json_len(processors); i++)
        if (is_instance(instance, named_instance(processors, i)))
            return true;
    return false;
}

/* Reads a set anew: templates and patches as they are now. */
enum lt_code lt_workflow_instance_users(void *source, struct lt_store *store, struct lt_arena *arena, int64_t site_id, int64_t id,
                                        struct lt_str name, struct lt_str *ret, struct lt_error *err)
{
    struct lt_workflow_set *set;
    size_t n, users = 0;
    *ret = LT_STR("");
    if (lt_workflow_set_peek(source, store, &set, err))
        return err->code;
    const struct lt_profile *profiles = lt_profile_list(set, site_id, &n);
    for (size_t i = 0; i < n && users <= NAMED_MAX; i++)
        if (uses(&profiles[i], &(struct lt_instance_name){id, site_id, name}) && ++users <= NAMED_MAX)
            *ret = lt_printf(arena, "%.*s%sprofile '%.*s'", LT_FMT(*ret), users > 1 ? ", " : "", LT_FMT(profiles[i].slug));
    if (users > NAMED_MAX)
        *ret = lt_printf(arena, "%.*s and others", LT_FMT(*ret));
    lt_workflow_set_unref(set);
    return LT_OK;
}
