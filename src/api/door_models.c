/* The names that a caller may use as model at the doors. */
#include "api/door.h"

struct list {
    struct lt_request *r;
    struct lt_door_model *models;
    size_t n;
};

static void add(struct list *l, struct lt_door_model model)
{
    if (l->n == LT_DOOR_MODELS_MAX)
        return;
    for (size_t i = 0; i < l->n; i++)
        if (lt_str_eq(l->models[i].id, model.id))
            return;
    l->models[l->n++] = model;
}

/* What can pass, or be mended by the user, hides nothing: the call says what to do. */
static bool hides(enum lt_code code)
{
    return code != LT_EPOLICY && code != LT_ESTOPPED && code != LT_ERATE_LIMITED && code != LT_EBUDGET;
}

static void add_actions(struct list *l, const struct lt_place *place, unsigned kinds)
{
    struct lt_request *r = l->r;
    for (size_t i = 0; i < lt_registry_count(LT_KIND_ACTION); i++) {
        const struct lt_entry *entry = lt_registry_at(LT_KIND_ACTION, i);
        const struct lt_action *action = entry->impl;
        struct lt_error why = {0};
        if (!(action->kind & kinds))
            continue;
        if (lt_action_available(r->api->options.manager, r->config, &r->caller, place, lt_str(entry->name), &why) || !hides(why.code))
            add(l, (struct lt_door_model){.id = lt_printf(r->arena, "action:%s", entry->name),
                                          .owned_by = LT_STR("lectern"),
                                          .title = lt_str(entry->title)});
    }
}

static void add_profile(struct list *l, const struct lt_profile *p)
{
    struct lt_error why;
    if (p && lt_profile_ready(lt_workflows(l->r->config), p, &why) == LT_OK)
        add(l, (struct lt_door_model){.id = lt_printf(l->r->arena, "profile:%.*s", LT_FMT(p->slug)),
                                      .owned_by = LT_STR("lectern"),
                                      .title = p->description.n > 0 ? p->description : p->slug,
                                      .created_at = p->created_at});
}

static enum lt_code add_profiles(struct list *l, const struct lt_place *place, struct lt_error *err)
{
    const struct lt_workflow_set *set = lt_workflows(l->r->config);
    struct lt_scope_context context = {.site_id = l->r->caller.site->id,
                                       .service_variant = -1,
                                       .course_id = place->course_id,
                                       .location_id = place->location_id,
                                       .ui_slot_selector_id = LT_STR("")};
    struct lt_scope_set *scopes;
    struct lt_scope_profile *found;
    size_t n;
    if (lt_permitted(&l->r->caller, "manage_workflows", LT_STR_NULL)) {
        const struct lt_profile *all = lt_profile_list(set, context.site_id, &n);
        for (size_t i = 0; i < n; i++)
            add_profile(l, &all[i]);
        return LT_OK;
    }
    if (lt_request_scopes(l->r, false, &scopes, err))
        return err->code;
    lt_scope_list_profiles(scopes, l->r->arena, &context, &found, &n);
    for (size_t i = 0; i < n; i++)
        add_profile(l, lt_profile_by_id(set, context.site_id, found[i].profile_id));
    return LT_OK;
}

static void add_vendor(struct list *l, const struct lt_provider_instance *instance, struct lt_str model)
{
    model = lt_str_trim(model);
    if (model.n > 0)
        add(l, (struct lt_door_model){.id = lt_printf(l->r->arena, "%.*s/%.*s", LT_FMT(instance->name), LT_FMT(model)),
                                      .owned_by = instance->plugin,
                                      .title = model});
}

static void add_settings(struct list *l, const struct lt_provider_instance *instance, const struct lt_json *settings)
{
    const struct lt_json *models = lt_json_get(settings, "models");
    add_vendor(l, instance, lt_json_str(lt_json_get(settings, "model")));
    for (size_t i = 0; lt_json_is(models, LT_JSON_OBJECT) && i < lt_json_len(models); i++)
        add_vendor(l, instance, lt_json_key_at(models, i));
}

static void add_instance(struct list *l, const struct lt_provider_instance *instance, unsigned kinds)
{
    if (!instance->enabled || !instance->configured || !(instance->provider->neutral & kinds))
        return;
    add_settings(l, instance, instance->config);
    if (kinds & LT_NEUTRAL_EMBEDDING)
        add_vendor(l, instance, lt_json_str(lt_json_get(instance->config, "embedding_model")));
    for (size_t i = 0; i < lt_json_len(instance->actions); i++)
        add_settings(l, instance, lt_json_get(lt_json_at(instance->actions, i), "settings"));
}

enum lt_code lt_door_models(struct lt_request *r, const struct lt_place *place, unsigned kinds, struct lt_door_model **ret, size_t *ret_n,
                            struct lt_error *err)
{
    struct list l = {.r = r, .models = LT_NEW_ARRAY(r->arena, struct lt_door_model, LT_DOOR_MODELS_MAX)};
    add_actions(&l, place, kinds);
    if ((kinds & LT_NEUTRAL_COMPLETION) && add_profiles(&l, place, err))
        return err->code;
    if (lt_permitted(&r->caller, "choose_provider", LT_STR_NULL))
        for (size_t i = 0; i < r->caller.site->instances_n; i++)
            add_instance(&l, r->caller.site->instances[i], kinds);
    *ret = l.models;
    *ret_n = l.n;
    return LT_OK;
}
