/* Who calls, and where: what the API layer makes of a request's credentials, and all that the core knows about a user. */
#pragma once
#include "core/site.h"

struct lt_caller {
    struct lt_site *site;
    struct lt_str user_id;   /* opaque, from the LMS; "" for a key that names nobody */
    struct lt_str locale;
    struct lt_str name;      /* as the LMS says it, or empty: so that it can be kept from vendors (guard/pii_name.c). Never logged, never kept */
    unsigned roles;          /* bits of enum lt_role */
    bool is_user;            /* by a user's token (answers omit provider, model, attempts, cost) */
    const struct lt_site_key *key; /* by a site key, else NULL */
    struct lt_str only_course; /* token bound to one course, or empty */
    const struct lt_json *visible_users; /* the token's claim: whom of a course its user may see; NULL: it has none */
    struct lt_str token;     /* the user's own, as it came, for questions to the LMS in the user's name; else empty. Never logged, never kept */
};

struct lt_place {
    struct lt_str course_id, location_id, placement;
};

/* May the caller do this here? Permission names as in struct lt_permission_row; "action:NAME" is also looked up with @PLACEMENT. */
bool lt_permitted(const struct lt_caller *caller, const char *permission, struct lt_str placement);
