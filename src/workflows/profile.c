/* Profiles as they are read. */
#include "workflows/profile.h"

#include "text/merge_patch.h"
#include "workflows/workflow_private.h"

/* ---- what template and patch make ---- */

/* {} for a blank, unreadable or wrong patch; the latter two are problems. */
static const struct lt_json *read_patch(struct lt_arena *arena, struct lt_str text, const struct lt_json *empty, struct lt_problems *problems)
{
    const struct lt_json *patch = NULL;
    struct lt_error err;
    if (lt_str_trim(text).n == 0)
        return empty;
    if (lt_json_parse(arena, text, LT_JSON_JSON5_FINITE, &patch, &err)) {
        lt_problem_add(problems, LT_STR("content_patch"), "%s", err.detail);
        return empty;
    }
    if (lt_json_is(patch, LT_JSON_OBJECT))
        return patch;
    lt_problem_add(problems, LT_STR("content_patch"), "must be an object, is %s", lt_json_type_name(patch));
    return empty;
}

void lt_effective_make(struct lt_arena *arena, const struct lt_template *base, struct lt_str content_patch, struct lt_effective *ret)
{
    struct lt_problems *problems = LT_NEW(arena, struct lt_problems);
    problems->arena = arena;
    *ret = (struct lt_effective){.problems = problems};
    lt_json_parse(arena, LT_STR("{}"), LT_JSON_STRICT, &ret->empty, NULL);
    ret->content_patch_dict = read_patch(arena, content_patch, ret->empty, problems);
    if (base && base->json)
        ret->config = lt_merge_patch(arena, base->json, ret->content_patch_dict);
    lt_workflow_check(ret->config, problems);
}

/* ---- look-ups ---- */

const struct lt_profile *lt_profile_list(const struct lt_workflow_set *set, int64_t site_id, size_t *ret_n)
{
    size_t first = 0, n = 0;
    while (set && first < set->profiles_n && set->profiles[first].site_id != site_id)
        first++;
    while (set && first + n < set->profiles_n && set->profiles[first + n].site_id == site_id)
        n++;
    *ret_n = n;
    return n > 0 ? &set->profiles[first] : NULL;
}

enum lt_code lt_profile_find(const struct lt_workflow_set *set, int64_t site_id, struct lt_str name, const struct lt_profile **ret,
                             struct lt_error *err)
{
    struct lt_uuid id;
    int64_t number;
    bool is_id = lt_uuid_parse_any(name, &id), is_number = lt_str_to_int64(name, &number);
    size_t n, found = 0;
    const struct lt_profile *list = lt_profile_list(set, site_id, &n);
    for (size_t i = 0; i < n; i++)
        if ((is_id && lt_uuid_eq(list[i].uuid, id)) || (is_number && list[i].id == number) || lt_str_eq(list[i].slug, name)) {
            *ret = &list[i];
            found++;
        }
    if (found > 1)
        return lt_fail(err, LT_EMULTIPLE, "'%.*s' is the id of one profile and the slug of another", LT_FMT(name));
    return found == 1 ? LT_OK : lt_fail(err, LT_ENOT_FOUND, "there is no profile '%.*s'", LT_FMT(name));
}

const struct lt_profile *lt_profile_by_id(const struct lt_workflow_set *set, int64_t site_id, int64_t id)
{
    size_t low = 0, high = set ? set->profiles_n : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->by_id[middle]->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = set && low < set->profiles_n && set->by_id[low]->id == id && set->by_id[low]->site_id == site_id;
    return found ? set->by_id[low] : NULL;
}

const struct lt_json *lt_profile_ui_components(const struct lt_profile *p)
{
    const struct lt_json *v = lt_json_at_pointer(p->effective->config, "/actuator_config/UIComponents");
    return v ? v : p->effective->empty;
}

struct lt_str lt_profile_orchestrator_class(const struct lt_profile *p)
{
    return lt_json_str(lt_json_get(p->effective->config, "orchestrator_class"));
}

const struct lt_json *lt_profile_processor_config(const struct lt_profile *p)
{
    const struct lt_json *v = lt_json_get(p->effective->config, "processor_config");
    return v ? v : p->effective->empty;
}

/* ---- is it whole? ---- */

void lt_profile_validate(const struct lt_workflow_set *set, const struct lt_profile *p, struct lt_problems *problems)
{
    const struct lt_problems *known = p->effective->problems;
    for (size_t i = 0; i < known->n; i++)
        lt_problem_add(problems, known->items[i].path, "%.*s", LT_FMT(known->items[i].text));
    lt_workflow_check_names(set, p->site_id, p->effective->config, problems);
}

enum lt_code lt_profile_ready(const struct lt_workflow_set *set, const struct lt_profile *p, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_problems *problems = LT_NEW(arena, struct lt_problems);
    problems->arena = arena;
    lt_profile_validate(set, p, problems);
    enum lt_code rc = problems->n > 0 ? lt_problems_fail(problems, LT_EPROFILE_INVALID, "", err) : LT_OK;
    lt_arena_free(arena);
    return rc && err ? lt_error_wrap(err, "profile %.*s", LT_FMT(p->slug)) : rc;
}
