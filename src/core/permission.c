/* Roles and permissions: defaults in one table, rows of a site over them. */
#include "core/permission.h"

#include <stdio.h>

#include "core/course_role.h"
#include "core/placement.h"

static const char *const role_names[LT_ROLES] = {"student", "teacher", "editingteacher", "manager", "admin", "service"};

int lt_role_parse(struct lt_str name)
{
    for (int i = 0; i < LT_ROLES; i++)
        if (lt_str_is(name, role_names[i]))
            return i;
    return -1;
}

const char *lt_role_name(enum lt_role role)
{
    return (unsigned)role < LT_ROLES ? role_names[role] : "unknown";
}

#define S (1u << LT_ROLE_STUDENT)
#define T (1u << LT_ROLE_TEACHER)
#define E (1u << LT_ROLE_EDITINGTEACHER)
#define M (1u << LT_ROLE_MANAGER)
#define A (1u << LT_ROLE_ADMIN)
#define V (1u << LT_ROLE_SERVICE)
#define EVERYBODY (S | T | E | M | A | V)

/* By name. Those that begin with "action:" and are not listed are for everybody, all others are for admins only. */
static const struct {
    const char *permission;
    unsigned roles;
} defaults[] = {
    {"action:generate_text@chat", EVERYBODY},
    {"action:generate_text", T | E | M | A | V},
    {"action:generate_image", T | E | M | A | V},
    {"action:generate_question", E | M | A | V},
    {"action:grade_response", T | E | M | A | V},
    {"action:improve_text", T | E | M | A | V},
    {"action:moderate_text", T | E | M | A | V},
    {"policy", EVERYBODY},
    {"choose_provider", M | A},
    {"review_gradings", T | E | M | A | V},
    {"search_course", T | E | M | A | V},
    {"view_hidden_content", T | E | M | A},
    {"export_user_data", A | V},
    {"erase_user_data", A | V},
    {"view_register", M | A},
    {"view_usage_report", M | A | V},
    {"view_course_usage", T | E | M | A | V},
    {"view_own_usage", EVERYBODY},
    {"view_metrics", A},
    {"view_policy_report", M | A},
    {"view_plugins", A},
    {"view_health", A},
    {"view_hidden_content", T | E | M | A},
    {"view_trace", A},
    {"view_cost", M | A | V},
    {"manage_courses", M | A},
    {"manage_emergency_stop", M | A},
    {"manage_events", A},
    {"manage_keys", A},
    {"manage_limits", A},
    {"manage_permissions", A},
    {"manage_placements", M | A},
    {"manage_providers", A},
    {"manage_roles", M | A},
    {"manage_policy", A},
    {"manage_site", A},
    {"manage_switches", E | M | A},
    {"manage_workflows", M | A},
};

static const struct lt_str action_prefix = LT_STR("action:");

/* ---- one cell ---- */

/* Does a row or a default name exactly this permission? */
static bool named(const struct lt_site *site, enum lt_role role, struct lt_str permission, struct lt_permission_cell *ret)
{
    for (size_t i = 0; i < site->permissions_n; i++) {
        const struct lt_permission_row *row = &site->permissions[i];
        if (row->role == role && lt_str_eq(row->permission, permission)) {
            *ret = (struct lt_permission_cell){row->allowed, true, permission};
            return true;
        }
    }
    for (size_t i = 0; i < LT_COUNT(defaults); i++)
        if (lt_str_is(permission, defaults[i].permission)) {
            *ret = (struct lt_permission_cell){(defaults[i].roles & 1u << role) != 0, false, permission};
            return true;
        }
    return false;
}

static struct lt_str without_placement(struct lt_str permission)
{
    const char *at = memchr(permission.p, '@', permission.n);
    return at ? (struct lt_str){permission.p, (size_t)(at - permission.p)} : permission;
}

struct lt_permission_cell lt_permission_cell(const struct lt_site *site, enum lt_role role, struct lt_str permission)
{
    struct lt_permission_cell cell;
    struct lt_str anywhere = without_placement(permission);
    if (named(site, role, permission, &cell) || (anywhere.n < permission.n && named(site, role, anywhere, &cell)))
        return cell;
    bool action = lt_str_starts(permission, action_prefix);
    return (struct lt_permission_cell){action || role == LT_ROLE_ADMIN, false, action ? action_prefix : LT_STR("")};
}

static bool any_role(const struct lt_caller *caller, struct lt_str permission)
{
    for (int role = 0; role < LT_ROLES; role++)
        if ((caller->roles & 1u << role) && lt_permission_cell(caller->site, (enum lt_role)role, permission).allowed)
            return true;
    return false;
}

bool lt_permitted(const struct lt_caller *caller, const char *permission, struct lt_str placement)
{
    char at_placement[LT_PERMISSION_MAX];
    if (caller->key && caller->key->choose_provider && strcmp(permission, "choose_provider") == 0)
        return true;
    if (placement.n == 0 || !lt_str_starts(lt_str(permission), action_prefix))
        return any_role(caller, lt_str(permission));
    struct lt_str all = lt_str(permission);
    if (all.n + 1 + placement.n > LT_PERMISSION_MAX)
        return any_role(caller, all);
    char *p = mempcpy(at_placement, all.p, all.n);
    *p++ = '@';
    p = mempcpy(p, placement.p, placement.n);
    return any_role(caller, (struct lt_str){at_placement, (size_t)(p - at_placement)});
}

/* ---- all of them ---- */

static bool is_default(struct lt_str permission)
{
    for (size_t i = 0; i < LT_COUNT(defaults); i++)
        if (lt_str_is(permission, defaults[i].permission))
            return true;
    return false;
}

bool lt_permission_known(struct lt_str permission)
{
    struct lt_str placement = permission, name = lt_str_cut(&placement, '@');
    bool at = name.n < permission.n;
    if (is_default(permission))
        return true;
    if (!lt_str_starts(name, action_prefix) || (at && !lt_registry_find(LT_KIND_PLACEMENT, placement)))
        return false;
    struct lt_str action = {name.p + action_prefix.n, name.n - action_prefix.n};
    return is_default(name) || lt_registry_find(LT_KIND_ACTION, action);
}

struct names {
    struct lt_str *list;
    size_t n, max;
};

static void add(struct names *names, struct lt_str name)
{
    for (size_t i = 0; i < names->n; i++)
        if (lt_str_eq(names->list[i], name))
            return;
    if (names->n < names->max)
        names->list[names->n++] = name;
}

size_t lt_permission_names(struct lt_arena *arena, const struct lt_site *site, struct lt_str **ret)
{
    size_t actions = lt_registry_count(LT_KIND_ACTION), placements = lt_registry_count(LT_KIND_PLACEMENT);
    struct names names = {.max = LT_COUNT(defaults) + actions * (1 + placements) + site->permissions_n};
    names.list = LT_NEW_ARRAY(arena, struct lt_str, names.max);
    for (size_t i = 0; i < LT_COUNT(defaults); i++)
        add(&names, lt_str(defaults[i].permission));
    for (size_t a = 0; a < actions; a++)
        add(&names, lt_printf(arena, "action:%s", lt_registry_at(LT_KIND_ACTION, a)->name));
    for (size_t a = 0; a < actions; a++)
        for (size_t p = 0; p < placements; p++) {
            const struct lt_entry *action = lt_registry_at(LT_KIND_ACTION, a), *placement = lt_registry_at(LT_KIND_PLACEMENT, p);
            if (lt_placement_offers(placement->impl, lt_str(action->name)))
                add(&names, lt_printf(arena, "action:%s@%s", action->name, placement->name));
        }
    for (size_t i = 0; i < site->permissions_n; i++)
        add(&names, site->permissions[i].permission);
    *ret = names.list;
    return names.n;
}

enum lt_code lt_permission_may_set(const struct lt_caller *caller, enum lt_role role, struct lt_str permission, struct lt_error *err)
{
    unsigned up_to = lt_roles_up_to(caller->roles), needed = 1u << (role == LT_ROLE_SERVICE ? LT_ROLE_ADMIN : role);
    if (!(up_to & needed)) /* a back end's key may speak for any user */
        return lt_fail_field(err, LT_EPERMISSION, "/role", "nobody changes what a role above their own may do: '%s'", lt_role_name(role));
    bool choose = caller->key && caller->key->choose_provider && lt_str_is(permission, "choose_provider");
    if (!choose && !any_role(caller, permission))
        return lt_fail_field(err, LT_EPERMISSION, "/permission", "nobody gives or takes a permission that they lack: '%.*s'", LT_FMT(permission));
    return LT_OK;
}
