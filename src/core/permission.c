/* Roles and permissions: defaults in one table, rows of a site over them. */
#include "core/caller.h"

#include <stdio.h>

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

/* Exact names first, then "action:" for every other action. What is not listed is for admins only. */
static const struct {
    const char *permission;
    unsigned roles;
} defaults[] = {
    {"action:generate_text@chat", EVERYBODY},
    {"action:generate_text", T | E | M | A | V},
    {"action:generate_image", T | E | M | A | V},
    {"action:generate_question", E | M | A | V},
    {"action:grade_response", T | E | M | A | V},
    {"policy", EVERYBODY},
    {"choose_provider", M | A},
    {"view_register", M | A},
    {"manage_placements", M | A},
    {"manage_switches", E | M | A},
    {"manage_workflows", M | A},
    {"manage_roles", M | A},
    {"action:", EVERYBODY},
};

static unsigned default_roles(struct lt_str permission)
{
    for (size_t i = 0; i < LT_COUNT(defaults); i++) {
        struct lt_str name = lt_str(defaults[i].permission);
        bool any_action = lt_str_ends(name, LT_STR(":")) && lt_str_starts(permission, name) && !memchr(permission.p, '@', permission.n);
        if (lt_str_eq(permission, name) || any_action)
            return defaults[i].roles;
    }
    return A;
}

/* Roles that have the permission by rows or defaults; `found` says whether anything names exactly this permission. */
static unsigned roles_with(const struct lt_site *site, struct lt_str permission, bool *found)
{
    unsigned roles = 0, named = 0;
    for (size_t i = 0; i < site->permissions_n; i++)
        if (lt_str_eq(site->permissions[i].permission, permission)) {
            named |= 1u << site->permissions[i].role;
            if (site->permissions[i].allowed)
                roles |= 1u << site->permissions[i].role;
        }
    *found = named != 0;
    return roles | (default_roles(permission) & ~named);
}

bool lt_permitted(const struct lt_caller *caller, const char *permission, struct lt_str placement)
{
    unsigned roles = caller->roles;
    if (caller->key && caller->key->choose_provider && strcmp(permission, "choose_provider") == 0)
        return true;
    bool found;
    if (placement.n > 0 && strncmp(permission, "action:", 7) == 0) {
        /* "action:NAME@PLACEMENT" wins over "action:NAME" when a row or default names it. */
        char at_placement[192];
        int n = snprintf(at_placement, sizeof(at_placement), "%s@%.*s", permission, LT_FMT(placement));
        if (n > 0 && (size_t)n < sizeof(at_placement)) {
            struct lt_str name = {at_placement, (size_t)n};
            bool by_default = false;
            for (size_t i = 0; i < LT_COUNT(defaults); i++)
                by_default |= lt_str_is(name, defaults[i].permission);
            unsigned with = roles_with(caller->site, name, &found);
            if (found || by_default)
                return (with & roles) != 0;
        }
    }
    return (roles_with(caller->site, lt_str(permission), &found) & roles) != 0;
}
