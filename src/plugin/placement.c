/* Placements of plugins: data of the manifest alone. */
#include "plugin/plugin.h"

enum lt_code lt_plugin_add_placement(struct lt_arena *arena, struct lt_plugin *plugin, const struct lt_json *v, struct lt_error *err)
{
    struct lt_entry *e = lt_plugin_entry(arena, plugin, LT_KIND_PLACEMENT, v);
    struct lt_placement *p = LT_NEW(arena, struct lt_placement);
    const struct lt_json *list = lt_json_get(v, "actions");
    const char **actions = LT_NEW_ARRAY(arena, const char *, lt_json_len(list) + 1);
    for (size_t i = 0; i < lt_json_len(list); i++)
        actions[i] = lt_strz(arena, lt_json_str(lt_json_at(list, i)));
    p->actions = actions;
    e->impl = p;
    return lt_registry_add(e, err);
}
