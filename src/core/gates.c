/* The gate table. */
#include "core/gates.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/course_role.h"
#include "core/placement.h"
#include "core/policy.h"
#include "core/policy_cache.h"

enum { STORE_DELAY_MAX_MS = 2000 };

static enum lt_code site_enabled(struct lt_gate_subject *g, struct lt_error *err)
{
    if (!g->caller->site->enabled)
        return lt_fail(err, LT_ESITE_DISABLED, "site '%.*s' is disabled", LT_FMT(g->caller->site->slug));
    return LT_OK;
}

static enum lt_code action_known(struct lt_gate_subject *g, struct lt_error *err)
{
    g->action = lt_manager_action(g->manager, g->action_name);
    if (!g->action)
        return lt_fail(err, LT_EUNKNOWN_ACTION, "there is no action '%.*s'", LT_FMT(g->action_name));
    return LT_OK;
}

static enum lt_code input_valid(struct lt_gate_subject *g, struct lt_error *err)
{
    if (g->place.placement.n > 0 && !lt_registry_find(LT_KIND_PLACEMENT, g->place.placement))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/context/placement", "there is no placement '%.*s'", LT_FMT(g->place.placement));
    if (g->without_input)
        return LT_OK;
    if (lt_schema_check(g->action->input, g->input, err))
        return lt_error_under(err, "/input");
    return LT_OK;
}

/* What a user is in the course is looked up only when the roles that came along are not enough. */
static enum lt_code permitted(struct lt_gate_subject *g, const char *name, struct lt_error *err)
{
    struct lt_caller in_course = *g->caller;
    if (lt_permitted(g->caller, name, g->place.placement))
        return LT_OK;
    if (g->caller->user_id.n > 0 && lt_course_roles(g->manager, g->arena, g->caller, g->place.course_id, &in_course.roles, err))
        return err->code;
    if (!lt_permitted(&in_course, name, g->place.placement))
        return lt_fail(err, LT_EPERMISSION, "no role of the caller has the permission '%s'", name);
    return LT_OK;
}

static enum lt_code permission(struct lt_gate_subject *g, struct lt_error *err)
{
    char name[80];
    if (g->test) /* who may manage providers may try them */
        return LT_OK;
    snprintf(name, sizeof(name), "action:%s", g->action->action->name);
    if (permitted(g, name, err))
        return err->code;
    struct lt_str only = g->caller->only_course;
    if (only.n > 0 && !lt_str_eq(only, g->place.course_id))
        return lt_fail_field(err, LT_EPERMISSION, "/context/course_id", "the token is for course '%.*s'", LT_FMT(only));
    if (g->provider.n > 0 && !lt_permitted(g->caller, "choose_provider", LT_STR_NULL))
        return lt_fail_field(err, LT_EPERMISSION, "/provider", "the caller may not choose a provider");
    return LT_OK;
}

/* Is there a row for exactly this place and action that says "off"? */
static bool switched_off(const struct lt_site *site, struct lt_str course, struct lt_str location, struct lt_str action)
{
    struct lt_place_switch key = {course, location, action, false};
    const struct lt_place_switch *s = bsearch(&key, site->place_switches, site->place_switches_n, sizeof(key), lt_place_switch_compare);
    return s && !s->enabled;
}

static enum lt_code place_switch(struct lt_gate_subject *g, struct lt_error *err)
{
    const struct lt_site *site = g->caller->site;
    struct lt_str course = g->place.course_id, location = g->place.location_id, none = LT_STR("");
    if (course.n == 0 || site->place_switches_n == 0)
        return LT_OK;
    if (switched_off(site, course, none, none) || switched_off(site, course, none, g->action_name))
        return lt_fail_field(err, LT_ECOURSE_DISABLED, "/context/course_id", "AI is switched off in course '%.*s'", LT_FMT(course));
    if (location.n > 0 && (switched_off(site, course, location, none) || switched_off(site, course, location, g->action_name)))
        return lt_fail_field(err, LT_ECOURSE_DISABLED, "/context/location_id", "AI is switched off at '%.*s'", LT_FMT(location));
    return LT_OK;
}

static enum lt_code placement_switch(struct lt_gate_subject *g, struct lt_error *err)
{
    const struct lt_site *site = g->caller->site;
    struct lt_str placement = g->place.placement;
    if (placement.n == 0)
        return LT_OK;
    if (!lt_placement_offers(lt_registry_find(LT_KIND_PLACEMENT, placement)->impl, lt_str(g->action->action->name)))
        return lt_fail(err, LT_EPLACEMENT_DISABLED, "placement '%.*s' does not offer '%s'", LT_FMT(placement), g->action->action->name);
    for (size_t i = 0; i < site->placement_switches_n; i++) {
        const struct lt_placement_switch *s = &site->placement_switches[i];
        if (!s->enabled && lt_str_eq(s->placement, placement) && (s->action.n == 0 || lt_str_eq(s->action, g->action_name)))
            return lt_fail(err, LT_EPLACEMENT_DISABLED, "%s is switched off in placement '%.*s'", s->action.n ? g->action->action->name : "AI",
                           LT_FMT(placement));
    }
    return LT_OK;
}

static enum lt_code policy_accepted(struct lt_gate_subject *g, struct lt_error *err)
{
    const struct lt_site *site = g->caller->site;
    if (!lt_policy_asked(site) || g->test || g->policy_by_lms)
        return LT_OK;
    if (g->caller->user_id.n == 0 && g->caller->key) /* an LMS that acts for itself, not for a user */
        return LT_OK;
    if (lt_policy_known_accepted(g->caller))
        return LT_OK;
    struct lt_policy_status status;
    if (lt_policy_get(g->store, g->arena, g->caller, &status, err))
        return err->code;
    if (!status.accepted)
        return lt_fail(err, LT_EPOLICY, "the user has not accepted policy version '%.*s'", LT_FMT(site->policy_version));
    return LT_OK;
}

/* Before the disk's delay becomes the callers': whoever comes now is told to come again. It ends with the delay. */
static enum lt_code store_keeps_up(struct lt_gate_subject *g, struct lt_error *err)
{
    uint32_t delay = g->without_input ? 0 : lt_store_delay_ms(g->store);
    if (delay <= STORE_DELAY_MAX_MS)
        return LT_OK;
    g->store_behind = true;
    lt_fail(err, LT_EOVERLOADED, "what is recorded now would be durable in %u ms only", (unsigned)delay);
    err->retry_after_s = (int)(delay / 1000) + 1;
    return err->code;
}

/* DESIGN §3. The emergency stop and the limits stand behind the policy; they come with the governance of budgets. */
static enum lt_code (*const gates[])(struct lt_gate_subject *, struct lt_error *) = {
    store_keeps_up, site_enabled, action_known, input_valid, permission, place_switch, placement_switch, policy_accepted,
};

enum lt_code lt_gates_check(struct lt_gate_subject *g, struct lt_error *err)
{
    for (size_t i = 0; i < LT_COUNT(gates); i++)
        if (gates[i](g, err))
            return err->code;
    return LT_OK;
}
