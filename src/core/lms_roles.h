/*
 * What the LMS says a user is in a course: GET <the site's lms_roles_url>?course_id=…, with the user's own token, as Open edX answers it at
 * /api/enrollment/v1/roles/. Kept for the site's lms_roles_cache_ms in a table of each loop.
 */
#pragma once
#include <stdatomic.h>

#include "core/caller.h"
#include "io/tls.h"
#include "text/json.h"

enum {
    LT_LMS_ROLES_MS = 5000,           /* for the whole question, waiting for others who ask the same included */
    LT_LMS_ROLES_BODY_MAX = 256 * 1024, /* bytes of an answer */
    LT_LMS_ROLES_KEPT = 4096,         /* answers in the table of a loop */
    LT_LMS_VISIBLE_MAX = 10000,       /* users in one answer */
};

/* What a process has counted; lies in the manager. */
struct lt_lms_roles_stats {
    atomic_ulong asked;     /* requests sent */
    atomic_ulong failed;    /* without an answer that could be used */
    atomic_ulong kept;      /* questions answered from the table */
    atomic_ullong logged_at; /* lt_mono_ms() of the last line in the log, 0 = none yet */
    atomic_ulong unlogged;  /* failures since */
};

/*
 * The roles, as bits of enum lt_role; none when the site has no lms_roles_url, the caller has no token of a user, or the LMS gives no
 * answer that can be used (logged once a minute). Fiber. LT_ECANCELLED only.
 */
enum lt_code lt_lms_roles(struct lt_lms_roles_stats *stats, struct lt_tls *tls, const struct lt_caller *caller, struct lt_str course_id,
                          unsigned *ret_roles, struct lt_error *err);
/* Reads an answer: {"roles": [{"course_id", "role"}], "is_staff"}. Rows of other courses and unknown roles give nothing. LT_EUPSTREAM_INVALID. */
enum lt_code lt_lms_roles_read(struct lt_arena *arena, struct lt_str body, struct lt_str course_id, unsigned *ret_roles, struct lt_error *err);

/*
 * One question, whose answer is not kept: GET <lms_roles_url>?course_id=…<more>, with the user's token. Fiber. LT_EUPSTREAM_*, LT_EIO, LT_ETIMEOUT,
 * LT_ETOO_LARGE, LT_ECANCELLED.
 */
enum lt_code lt_lms_ask(struct lt_lms_roles_stats *stats, struct lt_tls *tls, struct lt_arena *arena, const struct lt_caller *caller,
                        struct lt_str course_id, const char *more, uint64_t deadline_ms, struct lt_str *ret_body, struct lt_error *err);

/* Whose doings in a course somebody may see who teaches there: groups of a course can be separate, and only the LMS knows them. */
struct lt_lms_visible {
    bool all;                   /* else these users and nobody else */
    const struct lt_str *users; /* in the arena */
    size_t n;
};
/*
 * Asks each time (…&visible_users=1). Everybody, when the answer has no `visible_users`, or there is no LMS to ask: the caller has no token of a
 * user, or the site no lms_roles_url. Fiber. An error, and nobody, when there is no answer that can be used.
 */
enum lt_code lt_lms_visible(struct lt_lms_roles_stats *stats, struct lt_tls *tls, struct lt_arena *arena, const struct lt_caller *caller,
                            struct lt_str course_id, struct lt_lms_visible *ret, struct lt_error *err);
/* Reads an answer, and the list alone (NULL or null: everybody). LT_EUPSTREAM_INVALID. */
enum lt_code lt_lms_visible_read(struct lt_arena *arena, struct lt_str body, struct lt_lms_visible *ret, struct lt_error *err);
enum lt_code lt_lms_visible_of(struct lt_arena *arena, const struct lt_json *list, struct lt_lms_visible *ret, struct lt_error *err);
