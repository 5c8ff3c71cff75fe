/* Which instances of a site may answer an action, in order, and why the others may not. */
#include "core/manager.h"

static struct lt_candidate look_at(const struct lt_provider_instance *p, const struct lt_action *action)
{
    const struct lt_json *entry = lt_provider_action_entry(p, action->name);
    bool native, on = lt_json_bool_or(lt_json_get(entry, "enabled"), true);
    if (!lt_provider_serves(p->provider, lt_str(action->name), action->kind, &native))
        return (struct lt_candidate){p, "the provider does not serve this action", false};
    const char *lack = native || !p->provider->lacks ? NULL : p->provider->lacks(p, action->kind, lt_json_get(entry, "settings"));
    if (lack)
        return (struct lt_candidate){p, lack, false};
    if (!p->enabled)
        return (struct lt_candidate){p, "the instance is disabled", p->configured};
    if (!on)
        return (struct lt_candidate){p, "the action is off at this instance", p->configured};
    return (struct lt_candidate){p, p->configured ? NULL : p->not_configured, false};
}

size_t lt_provider_candidates(struct lt_arena *arena, const struct lt_site *site, const struct lt_action *action, struct lt_candidate **ret)
{
    struct lt_candidate *list = LT_NEW_ARRAY(arena, struct lt_candidate, site->instances_n);
    for (size_t i = 0; i < site->instances_n; i++)
        list[i] = look_at(site->instances[i], action);
    *ret = list;
    return site->instances_n;
}
