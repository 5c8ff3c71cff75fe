/*
 * What a role may do: defaults in one table (permission.c), a site's rows over them, cell by cell. "action:NAME@PLACEMENT" holds in that
 * placement; where neither a row nor a default names it, "action:NAME" does. Any thread.
 */
#pragma once
#include "core/caller.h"

enum { LT_PERMISSION_MAX = 191 }; /* bytes of a name */

struct lt_permission_cell {
    bool allowed;
    bool by_site;     /* by a row of the site, else by the defaults */
    struct lt_str of; /* the name that decided: the permission itself, that without its placement, "action:" (every other one), "" (no name) */
};

/* May the role do this in the site, and what says so? */
struct lt_permission_cell lt_permission_cell(const struct lt_site *site, enum lt_role role, struct lt_str permission);
/* Is it one that a row may name: of the table, or of an action and a placement that there are? */
bool lt_permission_known(struct lt_str permission);
/* All that can be said of the site's roles: the table, each action, each action where a placement offers it, the site's rows. In the arena. */
size_t lt_permission_names(struct lt_arena *arena, const struct lt_site *site, struct lt_str **ret);
/*
 * May the caller, who may manage permissions, change this cell? Nobody gives or takes what they lack themselves, or touches a role
 * above their own. LT_EPERMISSION with the field (/role, /permission).
 */
enum lt_code lt_permission_may_set(const struct lt_caller *caller, enum lt_role role, struct lt_str permission, struct lt_error *err);
