/*
 * Limits: how much of what whom. They are configuration: a site's limits lie in its snapshot, with an index by what they are about. What
 * was used of them is kept by core/ledger.h.
 */
#pragma once
#include "base/arena.h"
#include "base/error.h"

enum lt_limit_subject { LT_LIMIT_SITE, LT_LIMIT_COURSE, LT_LIMIT_ROLE, LT_LIMIT_USER, LT_LIMIT_PROVIDER, LT_LIMIT_SUBJECTS };
enum lt_limit_unit { LT_LIMIT_REQUESTS, LT_LIMIT_TOKENS, LT_LIMIT_COST, LT_LIMIT_UNITS };
/* fixed: begins with the first use. sliding: the last so many seconds. The others: calendar, in the site's time zone. */
enum lt_limit_window { LT_WINDOW_FIXED, LT_WINDOW_SLIDING, LT_WINDOW_DAY, LT_WINDOW_WEEK, LT_WINDOW_MONTH, LT_WINDOWS };
/* fallback: instances that cost less, or nothing, may still be asked. notice: it is only said. */
enum lt_limit_spent { LT_SPENT_REFUSE, LT_SPENT_FALLBACK, LT_SPENT_NOTICE, LT_SPENTS };

enum {
    LT_LIMITS_ALIKE_MAX = 16,    /* of one subject and action */
    LT_LIMIT_WINDOW_S_MAX = 366 * 86400,
    LT_LIMIT_ROLES = 32,         /* bits of `roles` below */
    LT_LIMITS_OF_CALL_MAX = 256, /* that count for one call; the rest of them does not */
};
#define LT_LIMIT_AMOUNT_MAX INT64_C(1000000000000000)

struct lt_limit {
    int64_t id;
    enum lt_limit_subject subject;
    struct lt_str subject_id;    /* course, name of the role, user, number of the instance; "": each of them has the amount for itself */
    bool per_user;               /* each user of it has the amount for themselves; always true for users */
    struct lt_str action;        /* "" = all of them together */
    enum lt_limit_unit unit;
    int64_t amount;              /* requests, tokens, or millionths of the currency; 0: nothing at all */
    enum lt_limit_window window;
    int64_t window_s;            /* fixed, sliding */
    enum lt_limit_spent when_spent;
};

const char *lt_limit_subject_name(enum lt_limit_subject subject);
const char *lt_limit_unit_name(enum lt_limit_unit unit);
const char *lt_limit_window_name(enum lt_limit_window window);
const char *lt_limit_spent_name(enum lt_limit_spent spent);
/* -1 when there is none of that name. */
int lt_limit_subject_parse(struct lt_str name);
int lt_limit_unit_parse(struct lt_str name);
int lt_limit_window_parse(struct lt_str name);
int lt_limit_spent_parse(struct lt_str name);
/* "limit 7: 10 requests in 3600 s for each user of provider '3'". In the arena. */
struct lt_str lt_limit_text(struct lt_arena *arena, const struct lt_limit *limit);

/* What a call is, as far as limits ask. */
struct lt_limit_call {
    struct lt_str course_id, user_id; /* "" = none: limits of courses or users then do not count */
    const struct lt_str *roles;       /* names */
    size_t roles_n;
    struct lt_str action;
    struct lt_str user_key;           /* what counters have in the place of the user; p NULL: the id */
};

struct lt_limit_index;
/* The list is kept, and ordered: limits of each user first. NULL when it is empty. */
const struct lt_limit_index *lt_limit_index_new(struct lt_arena *arena, struct lt_limit *list, size_t n);
/* All of them. */
const struct lt_limit *lt_limit_index_all(const struct lt_limit_index *index, size_t *ret_n);
/* Is there a limit of a role? */
bool lt_limit_index_of_roles(const struct lt_limit_index *index);
/* Does it count for such a call? action "": of whatever action. Of a provider's: at some instance. */
bool lt_limit_applies(const struct lt_limit *limit, const struct lt_limit_call *call);
/*
 * Those that count for the call, limits of each user first; at most LT_LIMITS_OF_CALL_MAX. instance 0: all but those of providers; else those
 * of this instance alone. index NULL: none. A few hash look-ups, whatever number there is. Any thread.
 */
size_t lt_limit_match(const struct lt_limit_index *index, const struct lt_limit_call *call, int64_t instance,
                      const struct lt_limit *ret[LT_LIMITS_OF_CALL_MAX]);
/*
 * Whose counter of the limit the call counts on: what the limit leaves open ("" for one that is the same for all). Written to out, which holds
 * cap bytes, at least 32; of what is longer only its hash.
 */
struct lt_str lt_limit_key(const struct lt_limit *limit, const struct lt_limit_call *call, int64_t instance, char *out, size_t cap);
