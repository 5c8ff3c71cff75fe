/* The gate table. */
#include "core/gates.h"

#include <stdio.h>

#include "core/course_role.h"
#include "core/placement.h"
#include "core/policy.h"
#include "core/policy_cache.h"
#include "core/stop.h"

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

/* With the roles that the caller has in the course: they are looked up once a call, and only when a gate asks for them. */
static enum lt_code in_course(struct lt_gate_subject *g, struct lt_caller *ret, struct lt_error *err)
{
    *ret = *g->caller;
    if (g->course_roles == 0 && g->caller->user_id.n > 0 &&
        lt_course_roles(g->manager, g->arena, g->caller, g->place.course_id, &g->course_roles, err))
        return err->code;
    ret->roles |= g->course_roles;
    return LT_OK;
}

/* What a user is in the course is looked up only when the roles that came along are not enough. */
static enum lt_code permitted(struct lt_gate_subject *g, const char *name, struct lt_error *err)
{
    struct lt_caller there;
    if (lt_permitted(g->caller, name, g->place.placement))
        return LT_OK;
    if (in_course(g, &there, err))
        return err->code;
    if (!lt_permitted(&there, name, g->place.placement))
        return lt_fail(err, LT_EPERMISSION, "no role of the caller has the permission '%s'", name);
    return LT_OK;
}

/* What an LMS has done about a user's work is its own doing: the user's roles need not allow it. */
static bool permitted_to_lms(struct lt_gate_subject *g, const char *name)
{
    const struct lt_site_key *key = g->caller->key;
    struct lt_caller lms = *g->caller;
    lms.roles = 1u << LT_ROLE_SERVICE;
    return g->action->action->for_lms && key && key->role == LT_KEY_SERVICE && lt_permitted(&lms, name, g->place.placement);
}

static enum lt_code permission(struct lt_gate_subject *g, struct lt_error *err)
{
    char name[80];
    if (g->test) /* who may manage providers may try them */
        return LT_OK;
    snprintf(name, sizeof(name), "action:%s", g->action->action->name);
    if (!permitted_to_lms(g, name) && permitted(g, name, err))
        return err->code;
    struct lt_str only = g->caller->only_course;
    if (only.n > 0 && !lt_str_eq(only, g->place.course_id))
        return lt_fail_field(err, LT_EPERMISSION, "/context/course_id", "the token is for course '%.*s'", LT_FMT(only));
    if (g->provider.n > 0 && !lt_permitted(g->caller, "choose_provider", LT_STR_NULL))
        return lt_fail_field(err, LT_EPERMISSION, "/provider", "the caller may not choose a provider");
    return LT_OK;
}

/* " until 2026-11-21T03:04:05.678Z", or nothing. */
static const char *until(struct lt_gate_subject *g, int64_t until_at)
{
    char time[25];
    g->until_at = until_at;
    if (until_at == 0)
        return "";
    lt_time_format(until_at, time);
    return lt_printf(g->arena, " until %s", time).p;
}

static enum lt_code place_switch(struct lt_gate_subject *g, struct lt_error *err)
{
    struct lt_str course = g->place.course_id, location = g->place.location_id;
    const struct lt_place_switch *off = lt_place_switched_off(g->caller->site, course, location, g->action_name);
    if (off && off->location_id.n == 0)
        return lt_fail_field(err, LT_ECOURSE_DISABLED, "/context/course_id", "%s is switched off in course '%.*s'%s",
                             off->action.n ? g->action->action->name : "AI", LT_FMT(course), until(g, off->until_at));
    if (off)
        return lt_fail_field(err, LT_ECOURSE_DISABLED, "/context/location_id", "%s is switched off at '%.*s'%s",
                             off->action.n ? g->action->action->name : "AI", LT_FMT(location), until(g, off->until_at));
    return LT_OK;
}

static enum lt_code placement_switch(struct lt_gate_subject *g, struct lt_error *err)
{
    const struct lt_site *site = g->caller->site;
    struct lt_str placement = g->place.placement;
    const char *action = g->action->action->name;
    if (placement.n == 0)
        return LT_OK;
    if (!lt_placement_offers(lt_registry_find(LT_KIND_PLACEMENT, placement)->impl, lt_str(action)))
        return lt_fail(err, LT_EPLACEMENT_DISABLED, "placement '%.*s' does not offer '%s'", LT_FMT(placement), action);
    const struct lt_placement_switch *whole = lt_placement_switch_of(site, placement, LT_STR(""));
    const struct lt_placement_switch *off = whole && !whole->enabled ? whole : lt_placement_switch_of(site, placement, g->action_name);
    if (off && !off->enabled)
        return lt_fail(err, LT_EPLACEMENT_DISABLED, "%s is switched off in placement '%.*s'%s", off->action.n ? action : "AI", LT_FMT(placement),
                       until(g, off->until_at));
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

static enum lt_code not_stopped(struct lt_gate_subject *g, struct lt_error *err)
{
    return lt_stops_check(lt_manager_stops(g->manager), g->caller->site->id, err);
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

/* The last one: what it reserves no other gate has to give back. */
static enum lt_code limits_left(struct lt_gate_subject *g, struct lt_error *err)
{
    struct lt_charge none;
    struct lt_caller caller = *g->caller;
    if (g->test) /* an administrator's try is at nobody's expense */
        return LT_OK;
    if (lt_limit_index_of_roles(caller.site->limits) && in_course(g, &caller, err))
        return err->code;
    return lt_charge_open(g->charge ? g->charge : &none, g->arena, lt_manager_ledger(g->manager), &caller, &g->place, g->action_name, !g->charge,
                          err);
}

/* DESIGN §3. */
static const struct {
    const char *name;
    enum lt_code (*check)(struct lt_gate_subject *, struct lt_error *);
} gates[LT_GATES] = {
    {"store", store_keeps_up},        {"site", site_enabled},
    {"action", action_known},         {"input", input_valid},
    {"permission", permission},       {"course", place_switch},
    {"placement", placement_switch},  {"policy", policy_accepted},
    {"emergency_stop", not_stopped},  {"limits", limits_left},
};

const char *lt_gate_name(int gate)
{
    return gate < LT_GATES ? gates[gate].name : "site_room";
}

enum lt_code lt_gates_check(struct lt_gate_subject *g, struct lt_error *err)
{
    for (g->gate = 0; g->gate < LT_GATES; g->gate++)
        if (gates[g->gate].check(g, err))
            return err->code;
    return LT_OK;
}
