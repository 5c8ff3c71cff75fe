/* What a provider can serve. */
#include "core/provider.h"

bool lt_provider_serves(const struct lt_provider *provider, struct lt_str action, unsigned neutral_kind, bool *ret_native)
{
    *ret_native = false;
    for (const char *const *name = provider->actions; name && *name; name++)
        if (lt_str_is(action, *name))
            return *ret_native = true;
    return (provider->neutral & neutral_kind) != 0;
}

const struct lt_json *lt_provider_action_entry(const struct lt_provider_instance *instance, const char *action)
{
    return lt_json_get(instance->actions, action);
}

const struct lt_json *lt_provider_setting(const struct lt_provider_instance *instance, const struct lt_json *settings, struct lt_str model,
                                          const char *key)
{
    const struct lt_json *v = lt_json_get(settings, key);
    if (model.n == 0)
        model = lt_str_trim(lt_json_str(lt_json_get(settings, "model")));
    if (model.n == 0)
        model = lt_str_trim(lt_json_str(lt_json_get(instance->config, "model")));
    return v ? v : lt_json_get(lt_json_get_str(lt_json_get(settings, "models"), model), key);
}
