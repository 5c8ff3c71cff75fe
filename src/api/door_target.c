/* What a model name at a door means. A name may hold anything: administrators of an LMS type what their form lets them. */
#include "api/door.h"

static struct lt_str after(struct lt_str s, size_t n)
{
    return (struct lt_str){s.p + n, s.n - n};
}

static enum lt_code unknown(struct lt_str name, struct lt_error *err)
{
    return lt_fail_field(err, LT_ENOT_FOUND, "/model", "there is no model '%.*s' here; the list of models says which there are", LT_FMT(name));
}

/* ---- action:NAME ---- */

static enum lt_code find_action(struct lt_str name, enum lt_neutral_kind kind, struct lt_door_target *ret, struct lt_error *err)
{
    const struct lt_entry *entry = lt_registry_find(LT_KIND_ACTION, name);
    if (!entry)
        return unknown(ret->name, err);
    ret->kind = LT_DOOR_ACTION;
    ret->action = entry->impl;
    if (ret->action->kind != kind)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/model", "'%.*s' cannot be asked here: its answers are %s", LT_FMT(ret->name),
                             ret->action->kind == LT_NEUTRAL_EMBEDDING ? "vectors" : ret->action->kind == LT_NEUTRAL_IMAGE ? "images" : "texts");
    return LT_OK;
}

/* ---- profile:SLUG ---- */

static enum lt_code find_profile(struct lt_request *r, const struct lt_place *place, struct lt_str slug, enum lt_neutral_kind kind,
                                 struct lt_door_target *ret, struct lt_error *err)
{
    struct lt_scope_context context = {.site_id = r->caller.site->id,
                                       .service_variant = -1,
                                       .course_id = place->course_id,
                                       .location_id = place->location_id,
                                       .ui_slot_selector_id = LT_STR("")};
    ret->kind = LT_DOOR_PROFILE;
    if (kind != LT_NEUTRAL_COMPLETION)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/model", "a profile answers with text: it cannot be asked here");
    enum lt_code rc = lt_request_profile(r, &context, slug, &ret->profile, &ret->scope, err);
    if (rc == LT_ENOT_FOUND)
        return unknown(ret->name, err);
    if (rc == LT_EPERMISSION)
        return lt_fail_field(err, rc, "/model", "no scope leads to '%.*s' in this place", LT_FMT(ret->name));
    return rc;
}

/* ---- a vendor's model ---- */

static bool names(const struct lt_json *settings, const char *key, struct lt_str model)
{
    return lt_str_eq(lt_str_trim(lt_json_str(lt_json_get(settings, key))), model);
}

/* Is the model one that the instance is set to, for whatever action? */
static bool is_set_to(const struct lt_provider_instance *instance, struct lt_str model)
{
    const struct lt_json *config = instance->config;
    if (names(config, "model", model) || names(config, "embedding_model", model) || names(config, "image_model", model) ||
        lt_json_get_str(lt_json_get(config, "models"), model))
        return true;
    for (size_t i = 0; i < lt_json_len(instance->actions); i++) {
        const struct lt_json *settings = lt_json_get(lt_json_at(instance->actions, i), "settings");
        if (names(settings, "model", model) || lt_json_get_str(lt_json_get(settings, "models"), model))
            return true;
    }
    return false;
}

/* "INSTANCE/MODEL", where the model may hold slashes too; else NULL. */
static const struct lt_provider_instance *by_prefix(struct lt_request *r, struct lt_str name, struct lt_str *ret_model)
{
    struct lt_str rest = name, first = lt_str_cut(&rest, '/');
    const struct lt_provider_instance *instance = rest.n > 0 ? lt_site_instance(r->caller.site, first) : NULL;
    *ret_model = rest;
    return instance;
}

static const struct lt_provider_instance *by_model(struct lt_request *r, const struct lt_action *action, struct lt_str model)
{
    struct lt_candidate *list;
    size_t n = lt_provider_candidates(r->arena, r->caller.site, action, &list);
    for (size_t i = 0; i < n; i++)
        if (!list[i].reason && is_set_to(list[i].instance, model))
            return list[i].instance;
    return NULL;
}

static enum lt_code find_vendor(struct lt_request *r, enum lt_neutral_kind kind, struct lt_door_target *ret, struct lt_error *err)
{
    const char *action = kind == LT_NEUTRAL_EMBEDDING ? "embed_text" : kind == LT_NEUTRAL_IMAGE ? "generate_image" : "continue_conversation";
    const struct lt_entry *entry = lt_registry_find(LT_KIND_ACTION, lt_str(action));
    ret->kind = LT_DOOR_VENDOR;
    if (!lt_permitted(&r->caller, "choose_provider", LT_STR_NULL)) /* before it is looked for: the answer must not tell what there is */
        return lt_fail_field(err, LT_EPERMISSION, "/model", "the caller may not choose a vendor's model ('choose_provider'); ask for action:NAME or "
                             "profile:SLUG");
    if (!entry)
        return unknown(ret->name, err);
    ret->action = entry->impl;
    ret->instance = by_prefix(r, ret->name, &ret->model);
    if (ret->instance)
        return LT_OK;
    ret->model = ret->name;
    ret->instance = by_model(r, ret->action, ret->name);
    return ret->instance ? LT_OK : unknown(ret->name, err);
}

enum lt_code lt_door_target_find(struct lt_request *r, const struct lt_place *place, enum lt_neutral_kind kind, struct lt_str name,
                                 struct lt_door_target *ret, struct lt_error *err)
{
    static const struct lt_str action = LT_STR("action:"), profile = LT_STR("profile:");
    *ret = (struct lt_door_target){.name = lt_str_trim(name)};
    if (ret->name.n == 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/model", "must name a model");
    if (ret->name.n > LT_DOOR_MODEL_MAX)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/model", "must have at most %d bytes", LT_DOOR_MODEL_MAX);
    if (lt_str_starts(ret->name, action))
        return find_action(after(ret->name, action.n), kind, ret, err);
    if (lt_str_starts(ret->name, profile))
        return find_profile(r, place, after(ret->name, profile.n), kind, ret, err);
    return find_vendor(r, kind, ret, err);
}
