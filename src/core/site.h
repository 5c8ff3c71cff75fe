/*
 * Sites and their configuration as one immutable snapshot (DESIGN §8): built from the store at start and whenever it changes, swapped
 * behind each loop's pointer; a request keeps the one it began with. Nothing here reads the store except lt_config_load.
 */
#pragma once
#include <stdatomic.h>

#include "base/secret.h"
#include "core/provider.h"
#include "core/registry.h"
#include "io/jwks.h"
#include "store/store.h"

enum { LT_ROLES = 6 };
enum lt_role { LT_ROLE_STUDENT, LT_ROLE_TEACHER, LT_ROLE_EDITINGTEACHER, LT_ROLE_MANAGER, LT_ROLE_ADMIN, LT_ROLE_SERVICE };
/* "student", …; -1 when unknown (unknown roles of an LMS give nothing). */
int lt_role_parse(struct lt_str name);
const char *lt_role_name(enum lt_role role);

/* What a site key may be. */
enum lt_key_role { LT_KEY_SITE_ADMIN, LT_KEY_SERVICE, LT_KEY_METRICS };

struct lt_site_key {
    int64_t id;
    struct lt_site *site;
    uint8_t hash[32];          /* SHA-256 of the whole key text */
    char prefix[16];           /* first characters, for lists and logs */
    enum lt_key_role role;
    bool choose_provider;
    int64_t expires_at;        /* ms, 0 = never */
    struct lt_str name;
    _Atomic int64_t *last_used_at; /* ms, 0 = never; as of an hour ago at most. The one thing of a snapshot that changes: lt_admin_key_used() */
};

struct lt_jwt_issuer {         /* one (iss, aud) of a site */
    struct lt_site *site;
    struct lt_str iss, aud;
    const char *alg;           /* the only one that its tokens may have, see io/jwt.h */
    struct lt_str secret;      /* HS256 */
    const struct lt_jwks *keys; /* the others: its public keys, or NULL */
    struct lt_str jwks_url;    /* the others: where its keys are read; "" when they are in `keys` */
    struct lt_str user_claim;  /* the claim that says who the user is: "sub" */
};

struct lt_permission_row {     /* role × permission; missing rows fall back to the defaults of the table in permission.c */
    enum lt_role role;
    struct lt_str permission;  /* "action:NAME", "action:NAME@PLACEMENT", "choose_provider", "view_register", "manage_providers", … */
    bool allowed;
};

/*
 * A switch may end of itself: from until_at (ms; 0: never) on it is as if it were not there. One of a place is for a course or a location of it
 * (location_id "" = the whole course), and for an action: "" = all, whatever else is said at that place; "others" = those that have no switch of
 * their own at that place; service:NAME.
 */
#define LT_SWITCH_OTHERS "others"
struct lt_place_switch {
    struct lt_str course_id, location_id, action;
    bool enabled;
    int64_t until_at;
};

/* Has a switch ended that was to end then? */
bool lt_switch_over(int64_t until_at);

/* Orders place switches by course, location, action (bytewise): how struct lt_site keeps them. For qsort and bsearch. */
int lt_place_switch_compare(const void *a, const void *b);
/* The same of placement switches, by placement and action. */
int lt_placement_switch_compare(const void *a, const void *b);

struct lt_placement_switch {   /* placement × action ("" = the placement) → on or off; missing = on */
    struct lt_str placement, action;
    bool enabled;
    int64_t until_at;
};

struct lt_service_choice {     /* which plugins may provide a service in the site, in this order */
    struct lt_str service;
    struct lt_str *plugins;    /* without the "any" and "none" of the setting */
    size_t plugins_n;
    bool any;                  /* after them, whoever provides it */
};

/* Is AI switched off in the course, or at the location of it (empty: none), for all or for this action? The row says which, else NULL. Any thread. */
struct lt_site;
const struct lt_place_switch *lt_place_switched_off(const struct lt_site *site, struct lt_str course, struct lt_str location, struct lt_str action);

/* The switch of a placement (action ""), or of an action in it, that counts now; NULL: none. Any thread. */
const struct lt_placement_switch *lt_placement_switch_of(const struct lt_site *site, struct lt_str placement, struct lt_str action);

#define LT_SITE_LANGUAGE "en"
struct lt_json;                /* text/json.h */
struct lt_policy_text;         /* core/policy_text.h */
struct lt_limit_index;         /* core/limit.h */
struct lt_price;               /* core/price.h */
struct lt_event_destination;   /* core/outbox.h */
struct lt_guard;               /* core/guard.h */

struct lt_site {
    int64_t id;
    struct lt_str slug, name;
    bool enabled;
    const struct lt_json *settings; /* as they were set: core/site_settings.h; what they mean: */
    uint8_t secret[32];
    struct lt_hmac_key user_key; /* of secret: for user hashes */
    struct lt_hmac_key file_key; /* made of secret: for links to files */
    /* policy */
    struct lt_str policy_version, policy_text; /* the text in the site's language; all of them: */
    const struct lt_policy_text *policy_texts; /* of the version in force, oldest first; core/policy_text.h */
    size_t policy_texts_n;
    struct lt_str language;    /* of texts for users who ask for none that there is; default LT_SITE_LANGUAGE */
    bool policy_by_lms;        /* "the LMS has asked": the gate is open */
    uint32_t resume_grace_ms;  /* default 5000 */
    uint32_t call_timeout_ms;  /* whole call, default 120000 */
    int refusals_per_second;   /* recorded per user, default 5 */
    bool store_content;        /* default true; false: nothing of inputs and answers reaches the disk */
    int max_running_calls;     /* at once in a process; 0, the default: no limit of its own */
    int max_context_messages;  /* of a conversation, sent along and shown at once; 0, the default: what workflows/session.h says */
    uint32_t task_soft_limit_ms; /* a task that runs longer is told to end, default 270000 */
    uint32_t task_hard_limit_ms; /* and has ended then, default 300000; not below the soft one */
    int tasks_queued_per_user, tasks_queued_per_site; /* that may wait, default 20 and 1000 */
    int64_t task_kept_s;       /* how long ended tasks are kept, default 7 days */
    uint32_t tool_approval_ms; /* that a tool waits for the user's word, default 120000 */
    uint32_t tool_time_ms;     /* that a tool may take when a model calls it, default 30000 */
    int64_t idempotency_kept_s; /* how long a key of idempotency is, from its first use, default 24 hours */
    uint32_t grading_keep_days; /* how long gradings are kept, with what people decided, default 365 */
    uint32_t register_keep_days, content_keep_days; /* of the register: calls, and what they asked and were answered; 0, the default: for ever */
    uint32_t response_keep_days; /* how long answers of the Responses API are kept, default 30; 0: not at all */
    struct lt_str lms_roles_url; /* where the LMS says what a user is in a course; "" = it is not asked */
    uint32_t lms_roles_cache_ms; /* how long its answers are kept, default 60000 */
    struct lt_str image_label;   /* drawn into pictures that a model made; "", the default: nothing is */
    int64_t image_link_s;        /* how long a link to one of them holds, default 24 hours */
    struct lt_provider_instance **instances; /* in order */
    size_t instances_n;
    struct lt_permission_row *permissions;
    size_t permissions_n;
    struct lt_place_switch *place_switches;
    size_t place_switches_n;
    struct lt_placement_switch *placement_switches;
    size_t placement_switches_n;
    bool users_may_erase;           /* with their own token, what is kept of them; default false */
    bool openedx_policy_by_lectern; /* at the Open edX door the policy gate counts; false: "the LMS has asked" */
    bool door_policy_by_lectern;    /* the same at the doors that speak as AI vendors do */
    struct lt_str *cors_origins;    /* scheme://host[:port] of pages that may call the API */
    size_t cors_origins_n;
    struct lt_str *lms_hosts, *cms_hosts; /* host or host:port; which service variant a request is for */
    size_t lms_hosts_n, cms_hosts_n;
    struct lt_service_choice *service_choices; /* services without one: whoever is selected by rank */
    size_t service_choices_n;
    const struct lt_limit_index *limits; /* NULL: none */
    const struct lt_price *prices;  /* newest first */
    size_t prices_n;
    unsigned events_wanted;         /* by a destination that is enabled: bits of enum lt_event_kind; core/outbox.h */
    const struct lt_event_destination *destinations; /* of events, by id */
    size_t destinations_n;
    struct lt_str time_zone;        /* in which days, weeks and months begin; default UTC */
    struct lt_str currency;         /* of prices and budgets, ISO 4217; default USD */
    const struct lt_guard *guard;   /* NULL: nothing is guarded */
};

/* What folders above core add to the snapshot: read with it, freed with it. */
enum lt_config_part { LT_CONFIG_CONTENT, LT_CONFIG_WORKFLOWS, LT_CONFIG_MCP, LT_CONFIG_PARTS };
struct lt_config_part_type {
    enum lt_code (*load)(void *ctx, struct lt_store *store, void **ret, struct lt_error *err); /* as lt_config_load */
    void (*free)(void *part);  /* any thread */
    void *ctx;
};
/* From now on lt_config_load reads it; NULL: no more. At start, before there are threads; type stays the caller's and must live on. */
void lt_config_set_part(enum lt_config_part part, const struct lt_config_part_type *type);

struct lt_config {             /* the snapshot; reference-counted, lies in its own arena */
    _Atomic int references;
    struct lt_arena *arena;
    int64_t generation;
    struct lt_site *sites;
    size_t sites_n;
    struct lt_site_key *keys;  /* sorted by hash */
    size_t keys_n;
    struct lt_jwt_issuer *issuers;
    size_t issuers_n;
    void *parts[LT_CONFIG_PARTS]; /* NULL: nobody has set one */
};

/* Reads everything from the store. Fiber or start-up. One reference for the caller. */
enum lt_code lt_config_load(struct lt_store *store, struct lt_config **ret, struct lt_error *err);
/* Has the store another configuration than that of this generation? No answer is "no": when no worker is free. Fiber; about twice a second. */
enum lt_code lt_config_changed(struct lt_store *store, int64_t generation, bool *ret, struct lt_error *err);
struct lt_config *lt_config_ref(struct lt_config *config); /* any thread */
void lt_config_unref(struct lt_config *config);
/* The snapshot of the calling loop (borrowed; ref it to keep it over a wait), and its replacement from any thread. */
struct lt_config *lt_config_current(void);
void lt_config_publish(struct lt_loop *const *loops, size_t loops_n, struct lt_config *config);
/* Is it the instance of this name, or of this id? Names are never numbers. */
bool lt_instance_is(const struct lt_provider_instance *instance, struct lt_str name_or_id);
/* The site's instance of this name or id; NULL when there is none. */
const struct lt_provider_instance *lt_site_instance(const struct lt_site *site, struct lt_str name_or_id);
/* NULL when there is none. */
struct lt_site *lt_config_site(const struct lt_config *config, struct lt_str slug);
const struct lt_site_key *lt_config_key(const struct lt_config *config, const uint8_t hash[32]);
const struct lt_jwt_issuer *lt_config_issuer(const struct lt_config *config, struct lt_str iss, struct lt_str aud);
