/* Limits by what they are about: one hash table over (subject, which one, action). */
#include "core/limit.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const subject_names[LT_LIMIT_SUBJECTS] = {"site", "course", "role", "user", "provider"};
static const char *const unit_names[LT_LIMIT_UNITS] = {"requests", "tokens", "cost"};
static const char *const window_names[LT_WINDOWS] = {"fixed", "sliding", "day", "week", "month"};
static const char *const spent_names[LT_SPENTS] = {"refuse", "fallback", "notice"};

static const char *name_of(const char *const *names, unsigned n, unsigned i)
{
    return i < n ? names[i] : "unknown";
}

static int parse(const char *const *names, int n, struct lt_str name)
{
    for (int i = 0; i < n; i++)
        if (lt_str_is(name, names[i]))
            return i;
    return -1;
}

const char *lt_limit_subject_name(enum lt_limit_subject v) { return name_of(subject_names, LT_LIMIT_SUBJECTS, v); }
const char *lt_limit_unit_name(enum lt_limit_unit v) { return name_of(unit_names, LT_LIMIT_UNITS, v); }
const char *lt_limit_window_name(enum lt_limit_window v) { return name_of(window_names, LT_WINDOWS, v); }
const char *lt_limit_spent_name(enum lt_limit_spent v) { return name_of(spent_names, LT_SPENTS, v); }
int lt_limit_subject_parse(struct lt_str name) { return parse(subject_names, LT_LIMIT_SUBJECTS, name); }
int lt_limit_unit_parse(struct lt_str name) { return parse(unit_names, LT_LIMIT_UNITS, name); }
int lt_limit_window_parse(struct lt_str name) { return parse(window_names, LT_WINDOWS, name); }
int lt_limit_spent_parse(struct lt_str name) { return parse(spent_names, LT_SPENTS, name); }

struct lt_str lt_limit_text(struct lt_arena *arena, const struct lt_limit *l)
{
    bool length = l->window <= LT_WINDOW_SLIDING;
    struct lt_str window = length ? lt_printf(arena, "%lld s", (long long)l->window_s) : lt_printf(arena, "a %s", lt_limit_window_name(l->window));
    struct lt_str of = l->subject == LT_LIMIT_SITE     ? LT_STR("the site")
                       : l->subject == LT_LIMIT_USER && l->subject_id.n == 0 ? LT_STR("")
                       : l->subject_id.n > 0 ? lt_printf(arena, "%s '%.*s'", lt_limit_subject_name(l->subject), LT_FMT(l->subject_id))
                                             : lt_printf(arena, "each %s", lt_limit_subject_name(l->subject));
    const char *each = !l->per_user || (l->subject == LT_LIMIT_USER && of.n > 0) ? "" : of.n > 0 ? "each user of " : "each user";
    return lt_printf(arena, "limit %lld: %lld %s%s%.*s in %.*s for %s%.*s", (long long)l->id, (long long)l->amount,
                     l->unit == LT_LIMIT_COST ? "millionths of the currency" : lt_limit_unit_name(l->unit), l->action.n ? " of " : "",
                     LT_FMT(l->action), LT_FMT(window), each, LT_FMT(of));
}

/* ---- the index ---- */

struct entry { /* limits first to first + n - 1 of `order` have the same subject, subject_id and action */
    uint64_t hash;
    uint32_t first, n;
};

struct lt_limit_index {
    const struct lt_limit *list;
    size_t n;
    struct entry *table; /* open addressing; n 0: free */
    size_t mask;
    unsigned subjects;   /* which there are at all */
};

static uint64_t hash_of(enum lt_limit_subject subject, struct lt_str id, struct lt_str action)
{
    uint64_t h = lt_hash64(LT_HASH64_START ^ (uint64_t)subject, action.p, action.n);
    return lt_hash64(h * 31 + 1, id.p, id.n);
}

static bool alike(const struct lt_limit *l, enum lt_limit_subject subject, struct lt_str id, struct lt_str action)
{
    return l->subject == subject && lt_str_eq(l->subject_id, id) && lt_str_eq(l->action, action);
}

/* Alike ones stand together; among them those of each user come first, then by id. */
static int compare(const void *a, const void *b)
{
    const struct lt_limit *x = a, *y = b;
    int order = (int)x->subject - (int)y->subject;
    order = order ? order : lt_str_compare(x->subject_id, y->subject_id);
    order = order ? order : lt_str_compare(x->action, y->action);
    order = order ? order : (int)y->per_user - (int)x->per_user;
    return order ? order : (x->id > y->id) - (x->id < y->id);
}

/* Where the alike ones are, or where they would be. */
static struct entry *slot_of(const struct lt_limit_index *x, enum lt_limit_subject subject, struct lt_str id, struct lt_str action)
{
    uint64_t hash = hash_of(subject, id, action);
    for (size_t i = hash & x->mask;; i = (i + 1) & x->mask) {
        struct entry *e = &x->table[i];
        if (e->n == 0 || (e->hash == hash && alike(&x->list[e->first], subject, id, action)))
            return e;
    }
}

const struct lt_limit_index *lt_limit_index_new(struct lt_arena *arena, struct lt_limit *list, size_t n)
{
    size_t cap = 8;
    if (n == 0)
        return NULL;
    while (cap < 2 * n)
        cap *= 2;
    struct lt_limit_index *x = LT_NEW(arena, struct lt_limit_index);
    *x = (struct lt_limit_index){list, n, LT_NEW_ARRAY(arena, struct entry, cap), cap - 1, 0};
    qsort(list, n, sizeof(*list), compare);
    for (size_t i = 0; i < n; i++) {
        const struct lt_limit *l = &list[i];
        struct entry *e = slot_of(x, l->subject, l->subject_id, l->action);
        if (e->n == 0)
            *e = (struct entry){hash_of(l->subject, l->subject_id, l->action), (uint32_t)i, 0};
        e->n++;
        x->subjects |= 1u << l->subject;
    }
    return x;
}

const struct lt_limit *lt_limit_index_all(const struct lt_limit_index *x, size_t *ret_n)
{
    *ret_n = x ? x->n : 0;
    return x ? x->list : NULL;
}

bool lt_limit_index_of_roles(const struct lt_limit_index *x)
{
    return x && x->subjects & 1u << LT_LIMIT_ROLE;
}

static bool is_one_of(struct lt_str name, const struct lt_str *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (lt_str_eq(name, list[i]))
            return true;
    return false;
}

bool lt_limit_applies(const struct lt_limit *l, const struct lt_limit_call *call)
{
    bool each = l->subject_id.n == 0;
    if ((l->per_user && call->user_id.n == 0) || (l->action.n > 0 && call->action.n > 0 && !lt_str_eq(l->action, call->action)))
        return false;
    switch (l->subject) {
    case LT_LIMIT_COURSE:
        return call->course_id.n > 0 && (each || lt_str_eq(l->subject_id, call->course_id));
    case LT_LIMIT_ROLE:
        return is_one_of(l->subject_id, call->roles, call->roles_n);
    case LT_LIMIT_USER:
        return each || lt_str_eq(l->subject_id, call->user_id);
    default:
        return true;
    }
}

struct matches {
    const struct lt_limit_index *index;
    const struct lt_limit_call *call;
    const struct lt_limit **list;
    size_t n;
};

static void take(struct matches *m, enum lt_limit_subject subject, struct lt_str id, struct lt_str action)
{
    const struct entry *e = slot_of(m->index, subject, id, action);
    for (uint32_t i = 0; i < e->n; i++) {
        const struct lt_limit *l = &m->index->list[e->first + i];
        if ((!l->per_user || m->call->user_id.n > 0) && m->n < LT_LIMITS_OF_CALL_MAX)
            m->list[m->n++] = l;
    }
}

/* Limits of this one and of each one, of the action and of all actions. */
static void take_all(struct matches *m, enum lt_limit_subject subject, struct lt_str id, bool each)
{
    struct lt_str none = LT_STR("");
    if (!(m->index->subjects & 1u << subject))
        return;
    for (int i = 0; i < (each ? 2 : 1); i++) {
        if (m->call->action.n > 0)
            take(m, subject, i ? none : id, m->call->action);
        take(m, subject, i ? none : id, none);
    }
}

/* Who is told "you" before "the site" knows what to do: limits of each user come first (as in Moodle), else the order stays. */
static void users_first(const struct lt_limit **list, size_t n)
{
    const struct lt_limit *others[LT_LIMITS_OF_CALL_MAX];
    size_t k = 0, rest = 0;
    for (size_t i = 0; i < n; i++)
        if (list[i]->per_user)
            list[k++] = list[i];
        else
            others[rest++] = list[i];
    memcpy(list + k, others, rest * sizeof(*others));
}

size_t lt_limit_match(const struct lt_limit_index *index, const struct lt_limit_call *call, int64_t instance,
                      const struct lt_limit *ret[LT_LIMITS_OF_CALL_MAX])
{
    char text[LT_DECIMAL_SIZE];
    struct matches m = {index, call, ret, 0};
    if (!index)
        return 0;
    if (instance != 0) {
        take_all(&m, LT_LIMIT_PROVIDER, lt_decimal(instance, text), true);
        users_first(ret, m.n);
        return m.n;
    }
    if (call->user_id.n > 0)
        take_all(&m, LT_LIMIT_USER, call->user_id, true);
    for (size_t i = 0; i < call->roles_n; i++)
        take_all(&m, LT_LIMIT_ROLE, call->roles[i], false);
    if (call->course_id.n > 0)
        take_all(&m, LT_LIMIT_COURSE, call->course_id, true);
    take_all(&m, LT_LIMIT_SITE, LT_STR(""), false);
    users_first(ret, m.n);
    return m.n;
}

struct lt_str lt_limit_key(const struct lt_limit *l, const struct lt_limit_call *call, int64_t instance, char *out, size_t cap)
{
    char text[LT_DECIMAL_SIZE];
    struct lt_str of = LT_STR(""), user = !l->per_user ? LT_STR("") : call->user_key.p ? call->user_key : call->user_id;
    if (l->subject_id.n == 0 && l->subject == LT_LIMIT_COURSE)
        of = call->course_id;
    if (l->subject_id.n == 0 && l->subject == LT_LIMIT_PROVIDER)
        of = lt_decimal(instance, text);
    if (of.n + 1 + user.n <= cap) {
        memcpy(out, of.p, of.n);
        out[of.n] = '\n'; /* in no id of a course */
        if (user.n > 0)
            memcpy(out + of.n + 1, user.p, user.n);
        return (struct lt_str){out, of.n + 1 + user.n};
    }
    uint64_t hash = lt_hash64(lt_hash64(LT_HASH64_START, of.p, of.n), user.p, user.n);
    return (struct lt_str){out, (size_t)snprintf(out, cap, "\n%016llx", (unsigned long long)hash)};
}
