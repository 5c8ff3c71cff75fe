/*
 * Content sources: the LMSs that a site's course text is asked for over the network. Configuration: rows of the store, read into the snapshot
 * (LT_CONFIG_CONTENT) with their secrets opened, changed by lt_source_add() and its kin. What a source does to us (answers, faults) is counted
 * in a state that outlives snapshots.
 */
#pragma once
#include <stdatomic.h>

#include "core/caller.h"
#include "core/connector.h"
#include "text/json.h"

enum {
    LT_SOURCES_MAX = 50,           /* of a site */
    LT_SOURCE_NAME_MAX = 100,      /* bytes */
    LT_SOURCE_SECRET_MAX = 4096,   /* bytes */
    LT_SOURCE_COURSES_MAX = 200,   /* patterns of one source */
};

enum lt_source_kind { LT_SOURCE_OPENEDX, LT_SOURCE_MOODLE, LT_SOURCE_KINDS };
const char *lt_source_kind_name(enum lt_source_kind kind);
int lt_source_kind_parse(struct lt_str name); /* -1: there is none of that name */

/* What this process has seen of a source: by its id, until the process ends. Any thread. */
struct lt_source_state {
    struct lt_source_state *next;
    int64_t id;
    atomic_ulong asked;            /* requests sent, tokens included */
    atomic_ulong failed;           /* without an answer that could be used */
    atomic_ulong not_modified;     /* answered with 304 */
    atomic_ulong kept;             /* questions answered from the cache without asking */
    atomic_ulong stale;            /* answered from the cache because the source did not answer */
    atomic_ulong paused;           /* questions not sent, because the source is left alone */
    atomic_int faults;             /* in a row */
    atomic_ullong pause_until_ms;  /* lt_mono_ms(); 0: it is not left alone */
};

struct lt_content_source {
    int64_t id, site_id, created_at, updated_at;
    struct lt_str name;
    enum lt_source_kind kind;
    bool enabled;
    struct lt_str base_url;        /* without '/' at its end */
    struct lt_str client_id;
    struct lt_str secret;          /* in clear, in the snapshot's memory alone; "" = none, or it cannot be opened: */
    bool secret_set, secret_lost;
    const struct lt_json *options; /* as they were set; what they mean: */
    struct lt_str studio_url;      /* openedx: "" = Studio is not asked */
    int blocks_version;            /* openedx: of /api/courses/vN/blocks/ */
    bool user_is_username;         /* openedx: the site's user ids are the LMS's user names */
    struct lt_str username_claim;  /* openedx: else the claim of a user's token that says it */
    struct lt_str user_field;      /* moodle: what the site's user ids are at Moodle: id, username, idnumber; "" = nothing that it knows */
    bool open_courses;             /* moodle: whoever is a user of the site may read what everybody in a course sees */
    const struct lt_json *courses; /* patterns of courses that it knows; NULL: any */
    int64_t fresh_ms, stale_ms;    /* how long an answer counts; how long after that it may stand in */
    uint32_t time_ms;              /* for one request */
    uint64_t mark;                 /* of all this: another one when anything was changed */
    struct lt_source_state *state;
};

struct lt_source_set;              /* the snapshot's part */

/* At start: from now on configurations have sources. */
void lt_sources_register(void);
/* The sources of a site, by name. Borrowed from the snapshot. */
const struct lt_content_source *lt_site_sources(const struct lt_config *config, int64_t site_id, size_t *ret_n);
/* By name or id; NULL when there is none. */
const struct lt_content_source *lt_site_source(const struct lt_config *config, int64_t site_id, struct lt_str name_or_id);
/* Does the source say that it knows this course? Patterns are whole ids, or end in '*'. */
bool lt_source_has(const struct lt_content_source *source, struct lt_str course_id);

/* ---- changing: one durable unit each, which raises the generation. Fiber, or outside loops ---- */

/* JSON Schema of a new source and of a change of one. `secret` is write-only. */
extern const char lt_source_schema[], lt_source_patch_schema[];
/* {name, kind, base_url, client_id?, secret?, enabled?, options?}. LT_EINVALID_INPUT with the field, LT_ECONFLICT. */
enum lt_code lt_source_add(struct lt_store *store, int64_t site_id, const struct lt_json *form, int64_t *ret_id, struct lt_error *err);
/* All but name and kind; options are merged (RFC 7386), a secret that is not sent stays. LT_ENOT_FOUND. */
enum lt_code lt_source_change(struct lt_store *store, int64_t site_id, struct lt_str name_or_id, const struct lt_json *patch, struct lt_error *err);
enum lt_code lt_source_remove(struct lt_store *store, int64_t site_id, struct lt_str name_or_id, struct lt_error *err);
/* {"id", "name", "kind", "enabled", "base_url", "client_id", "secret_set", "options", "state": {…}, "created_at", "updated_at"}: never the secret. */
void lt_source_write(struct lt_jw *w, const struct lt_content_source *source);
