/*
 * Scopes: where a profile applies. A scope names a service variant, and perhaps a course, a pattern for locations and a UI slot; the most
 * specific one that fits a context decides. All scopes of all sites are one immutable, reference-counted set, built from the store
 * whenever the configuration has changed; looking one up reads no store and takes no wait. The action and the location of a request
 * are values of that request: nothing of them is stored.
 */
#pragma once
#include "base/buf.h"
#include "core/site.h"
#include "text/json.h"

enum {
    LT_SCOPE_TEXT_MAX = 255,       /* bytes of course_id, location_regex, ui_slot_selector_id, and of a location_id that is matched */
    LT_SCOPE_CACHE_DEFAULT = 128,  /* results that a site keeps: site setting scope_cache_entries, 0 to LT_SCOPE_CACHE_MAX */
    LT_SCOPE_CACHE_MAX = 65536,
    LT_SCOPES_MAX = 1000000,       /* in a set; more is LT_ECONFIG */
    LT_SCOPE_EXPLAIN_MAX = 1000,   /* scopes that an explanation lists */
};

/* Which of the platform's two servers asks. */
enum lt_service_variant { LT_SERVICE_LMS, LT_SERVICE_CMS, LT_SERVICE_VARIANTS };
/* "lms" or "cms" → variant; -1 otherwise. */
int lt_service_variant_parse(struct lt_str name);
const char *lt_service_variant_name(enum lt_service_variant v);  /* "lms", "cms" */
const char *lt_service_variant_label(enum lt_service_variant v); /* "LMS", "CMS - Studio" */

struct lt_scope_pattern;               /* a compiled location_regex; private */

struct lt_scope {
    int64_t id, site_id, profile_id;
    struct lt_str uuid;                /* the id at doors that know UUIDs */
    struct lt_str course_id;           /* "" = any */
    struct lt_str location_regex;      /* "" = any; needs a course */
    struct lt_str ui_slot_selector_id; /* "" = no slot; with wildcard matching: any */
    enum lt_service_variant service_variant;
    bool enabled;
    int specificity_index;             /* regex 4, course 2, slot 1 */
    struct lt_scope_pattern *pattern;  /* NULL without location_regex; private */
};

/* regex +4, course +2, slot +1. */
int lt_scope_specificity(struct lt_str course_id, struct lt_str location_regex, struct lt_str ui_slot_selector_id);

/* How a slot is matched: site setting slot_matching. */
enum lt_slot_matching {
    LT_SLOT_EXACT,    /* "exact", the default: a widget gets only what is set for its own slot */
    LT_SLOT_WILDCARD, /* "wildcard": a scope without a slot fits every widget */
};

/* ---- the set ---- */
struct lt_scope_set;

/*
 * Reads all scopes and builds the index, on a worker when called on a fiber. `previous` (or NULL) is shared when nothing that it was made
 * of has changed. One reference for the caller. Store errors; LT_ECONFIG above LT_SCOPES_MAX. Fiber, or outside loops.
 */
enum lt_code lt_scope_set_load(struct lt_store *store, struct lt_scope_set *previous, struct lt_scope_set **ret, struct lt_error *err);
/* A set of given scopes (sorted by site and id; copied; pattern is not read; specificity_index is computed) with one matching and one
 * cache size for all sites. */
struct lt_scope_set *lt_scope_set_make(const struct lt_scope *scopes, size_t n, enum lt_slot_matching matching, size_t cache_entries);
struct lt_scope_set *lt_scope_set_ref(struct lt_scope_set *set);
void lt_scope_set_unref(struct lt_scope_set *set); /* any thread; NULL allowed */
/*
 * The scopes of a site, by id; NULL and 0 when there are none. Borrowed from the set, as all that follows.
 */
const struct lt_scope *lt_scope_set_site(const struct lt_scope_set *set, int64_t site_id, size_t *ret_n);
const struct lt_scope *lt_scope_find(const struct lt_scope_set *set, int64_t site_id, int64_t id); /* NULL: there is none */
const struct lt_scope *lt_scope_find_uuid(const struct lt_scope_set *set, int64_t site_id, struct lt_str uuid); /* looks at all of the site */
/* How many scopes of the site use the profile. */
size_t lt_scope_count_profile(const struct lt_scope_set *set, int64_t site_id, int64_t profile_id);
/* The pattern went over its limit since the set was made: to be shown to administrators. */
bool lt_scope_over_limit(const struct lt_scope *scope);

/* ---- the set of a process ---- */
struct lt_scopes; /* keeps the newest set that was read; for all loops */
struct lt_scopes *lt_scopes_new(struct lt_store *store);
void lt_scopes_free(struct lt_scopes *scopes); /* NULL allowed */
/*
 * The set for a configuration of that generation, or for a later one; read when there is none yet. One reference for the caller. While
 * somebody else reads a newer one, the present one is given, unless fresh is true: then it is waited for. Fiber. Store errors.
 */
enum lt_code lt_scopes_get(struct lt_scopes *scopes, int64_t generation, bool fresh, struct lt_scope_set **ret, struct lt_error *err);

/* ---- resolving ---- */
struct lt_scope_context {
    int64_t site_id;
    int service_variant;               /* enum lt_service_variant; -1 = any, for lists only */
    struct lt_str course_id;           /* "" = not given */
    struct lt_str location_id;         /* "" = not given */
    struct lt_str ui_slot_selector_id; /* "" = not given */
};

/*
 * The scope that decides, or NULL. Without a slot there is none. Phase 1: enabled scopes of the service variant, for the course or any
 * course, of the slot (see enum lt_slot_matching), the most specific first, of equal ones the older id first. Phase 2: the first whose
 * location_regex is absent or found in location_id (unanchored). A pattern is skipped without a location, when it cannot be compiled
 * and when it goes over its limit. Results are kept (LRU, per site) as long as the set lives. Any thread, no wait.
 */
const struct lt_scope *lt_scope_resolve(struct lt_scope_set *set, const struct lt_scope_context *context);
/* The same past the cache. */
const struct lt_scope *lt_scope_resolve_uncached(struct lt_scope_set *set, const struct lt_scope_context *context);

/* Why a scope was chosen or passed over. Names in the API; never renamed. */
#define LT_SCOPE_REASONS(X)                                                                                                  \
    X(CHOSEN, "chosen", "It fits, and none that fits is more specific or, at the same specificity, older.")                  \
    X(LESS_SPECIFIC, "less_specific", "It fits, but the chosen one goes before it.")                                         \
    X(LOCATION_DIFFERS, "location_differs", "Its pattern is not found in the location.")                                     \
    X(NO_LOCATION, "no_location", "It has a pattern for locations, and no location was given.")                              \
    X(PATTERN_LIMIT, "pattern_limit", "Its pattern, or too many before it, took too long on this location, so it counts as not found.")              \
    X(PATTERN_INVALID, "pattern_invalid", "Its pattern cannot be compiled.")                                                 \
    X(DISABLED, "disabled", "It is switched off.")                                                                           \
    X(OTHER_SERVICE, "other_service_variant", "It is for another service variant.")                                          \
    X(OTHER_COURSE, "other_course", "It is for another course.")                                                             \
    X(OTHER_SLOT, "other_slot", "It is for another UI slot.")                                                                \
    X(NO_SLOT, "no_slot", "No UI slot was given.")
enum lt_scope_reason {
#define X(symbol, name, text) LT_SCOPE_##symbol,
    LT_SCOPE_REASONS(X)
#undef X
        LT_SCOPE_REASONS_N
};
const char *lt_scope_reason_name(enum lt_scope_reason reason);
const char *lt_scope_reason_text(enum lt_scope_reason reason);

struct lt_scope_considered {
    const struct lt_scope *scope;
    enum lt_scope_reason reason;
};
struct lt_scope_explanation {
    const struct lt_scope *chosen;          /* NULL: none */
    struct lt_scope_considered *considered; /* candidates of phase 1 in their order, then the site's others by id */
    size_t considered_n;                    /* at most LT_SCOPE_EXPLAIN_MAX */
    size_t total;                           /* scopes of the site */
};
/* Looks at every scope of the site, on a worker when called on a fiber; past the cache. In the arena. */
void lt_scope_explain(struct lt_scope_set *set, struct lt_arena *arena, const struct lt_scope_context *context, struct lt_scope_explanation *ret);

/* [{"id", "reason", "text", "scope"}, …] */
void lt_scope_write_considered(struct lt_jw *w, const struct lt_scope_explanation *explanation);

/* One profile that can be reached in a context, with every scope that led to it, the most specific first. */
struct lt_scope_profile {
    int64_t profile_id;
    const struct lt_scope **matched_scopes;
    size_t matched_scopes_n;
};
/*
 * list_profiles_for_context: enabled scopes whose course and location_regex fit; slot (that slot or none, whatever the site's matching)
 * and service variant filter only when given. Distinct profiles, ordered by their first matching scope. In the arena. Any thread; at
 * 100,000 scopes of a site it takes milliseconds only when neither course nor slot narrows it down.
 */
void lt_scope_list_profiles(struct lt_scope_set *set, struct lt_arena *arena, const struct lt_scope_context *context,
                            struct lt_scope_profile **ret, size_t *ret_n);

/* ---- figures ---- */
struct lt_scope_stats {
    uint64_t hits, misses;   /* of the caches, since the process began */
    uint64_t pattern_limits; /* matches that went over the limit */
    uint64_t rebuilds;       /* indexes built */
    uint64_t rebuild_us;     /* how long the last one took, reading included */
    uint64_t scopes;         /* in the last set */
};
void lt_scope_stats(struct lt_scope_stats *ret); /* any thread */

/* ---- changing; each is one unit and raises the configuration generation. Fiber, or outside loops ---- */
/*
 * Members: profile_id (integer, or text: slug or id), course_id, location_regex, ui_slot_selector_id (text or null), service_variant,
 * enabled. All mistakes of a refused save are in err->detail, parted by "; ", the first one's field in err->field. LT_EINVALID_INPUT,
 * LT_ENOT_FOUND (change, remove). Nothing is half saved.
 */
enum lt_code lt_scope_add(struct lt_store *store, struct lt_str site, const struct lt_json *members, int64_t *ret_id, struct lt_error *err);
enum lt_code lt_scope_change(struct lt_store *store, struct lt_str site, int64_t id, const struct lt_json *patch, struct lt_error *err);
enum lt_code lt_scope_remove(struct lt_store *store, struct lt_str site, int64_t id, struct lt_error *err);

/* For units that others build (removing profiles, imports). They mark the scopes as changed; lt_admin_touch is the caller's. */
void lt_scope_tx_profile_removed(struct lt_tx *tx, int64_t profile_id);
/* Adds one that was checked; id, specificity_index and pattern are not read; uuid "": a new one. */
void lt_scope_tx_add(struct lt_tx *tx, const struct lt_scope *scope);
/* The same, or the change of the one whose id it has; of the profile with that UUID, which may be added by the same unit. */
void lt_scope_tx_put(struct lt_tx *tx, const struct lt_scope *scope, struct lt_str profile_uuid);
/* What can be said of a scope without the store: all mistakes, as above. */
enum lt_code lt_scope_check(const struct lt_scope *scope, struct lt_error *err);

/* {"id", "uuid", "profile_id", "course_id", "location_regex", "service_variant", "service_variant_label", "enabled", "ui_slot_selector_id",
 * "specificity_index", "warnings"}; what is "" and stands for any is null, but for the slot. */
void lt_scope_write(struct lt_jw *w, const struct lt_scope *scope);
