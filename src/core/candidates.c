/* Which instances of a site may answer an action, in order, and why the others may not. */
#include "core/manager.h"

static const char *why_not(struct lt_arena *arena, const struct lt_provider_instance *p, const struct lt_action *action)
{
    bool native;
    char missing[128];
    if (!lt_provider_serves(p->provider, lt_str(action->name), LT_NEUTRAL_COMPLETION, &native))
        return "the provider does not serve this action";
    if (!p->enabled)
        return "the instance is disabled";
    if (!lt_json_bool_or(lt_json_get(lt_provider_action_entry(p, action->name), "enabled"), true))
        return "the action is off at this instance";
    if (!p->provider->configured(p, missing))
        return lt_strz(arena, lt_str(missing));
    return NULL;
}

size_t lt_provider_candidates(struct lt_arena *arena, const struct lt_site *site, const struct lt_action *action, struct lt_candidate **ret)
{
    struct lt_candidate *list = LT_NEW_ARRAY(arena, struct lt_candidate, site->instances_n);
    for (size_t i = 0; i < site->instances_n; i++)
        list[i] = (struct lt_candidate){site->instances[i], why_not(arena, site->instances[i], action)};
    *ret = list;
    return site->instances_n;
}
