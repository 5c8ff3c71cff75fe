/*
 * Asking the LMS. Who comes first asks, others with the same question on this loop wait for that answer; the answers lie in a table of
 * the loop, the most recently used ones. An entry that is being asked for is never dropped.
 * Fuzzed by tests/fuzz/fuzz_lms_roles.c.
 */
#include "core/lms_roles.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/lru.h"
#include "base/memory.h"
#include "io/fiber.h"
#include "text/json.h"

enum { SLOTS = 2 * LT_LMS_ROLES_KEPT, LOG_EVERY_MS = 60000 };

struct waiter {                  /* on the stack of its fiber, which takes it out before it goes on */
    struct waiter *next;
    struct lt_fiber *fiber;
    bool over, known;            /* who asked has ended; with an answer, if only a failure */
    unsigned roles;
};

struct entry {
    struct lt_lru_entry lru;
    bool asking;
    struct waiter *waiters;      /* while asking */
    uint64_t until_ms;           /* lt_loop_now() up to which roles count */
    unsigned roles;
    size_t n;
    char key[];
};

struct question {
    struct lt_lms_roles_stats *stats;
    struct lt_tls *tls;
    struct lt_loop *loop;
    struct lt_arena *arena;
    struct lt_lru *table;
    const struct lt_caller *caller;
    struct lt_str course_id;
    struct lt_str key;
    uint64_t hash, deadline_ms;
};

/* ---- what an answer says ---- */

/*
 * Open edX's course roles (common/djangoapps/student/roles.py). `instructor` ("Admin" of a course team) is no manager here: a manager's
 * permissions hold for the whole site, an instructor's for one course. `limited_staff` sees learners' work but not Studio, so it teaches
 * and does not edit. Researchers, finance, sales, libraries and support have no part in teaching and get nothing.
 */
static const struct {
    const char *lms;
    enum lt_role ours;
} roles_of_lms[] = {
    {"instructor", LT_ROLE_EDITINGTEACHER}, {"staff", LT_ROLE_EDITINGTEACHER}, {"limited_staff", LT_ROLE_TEACHER},
    {"ccx_coach", LT_ROLE_TEACHER},         {"beta_testers", LT_ROLE_STUDENT},
};
/* is_staff: staff of the whole platform. Not admin: that the platform calls superuser, and only a token says it. */
enum { ROLE_OF_STAFF = LT_ROLE_MANAGER };

static unsigned role_bit(struct lt_str name)
{
    for (size_t i = 0; i < LT_COUNT(roles_of_lms); i++)
        if (lt_str_is(name, roles_of_lms[i].lms))
            return 1u << roles_of_lms[i].ours;
    return 0;
}

enum lt_code lt_lms_roles_read(struct lt_arena *arena, struct lt_str body, struct lt_str course_id, unsigned *ret_roles, struct lt_error *err)
{
    const struct lt_json *v;
    *ret_roles = 0;
    if (lt_json_parse(arena, body, LT_JSON_STRICT, &v, NULL)) /* its error would quote the body */
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer is not JSON");
    const struct lt_json *list = lt_json_get(v, "roles"), *is_staff = lt_json_get(v, "is_staff");
    if (!lt_json_is(list, LT_JSON_ARRAY) || (is_staff && !lt_json_is(is_staff, LT_JSON_BOOL)))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer has no array `roles`, or an `is_staff` that is neither true nor false");
    unsigned roles = lt_json_bool_or(is_staff, false) ? 1u << ROLE_OF_STAFF : 0;
    for (size_t i = 0; i < lt_json_len(list); i++) {
        const struct lt_json *row = lt_json_at(list, i);
        if (lt_str_eq(lt_json_str(lt_json_get(row, "course_id")), course_id))
            roles |= role_bit(lt_json_str(lt_json_get(row, "role")));
    }
    *ret_roles = roles;
    return LT_OK;
}

/* ---- the table ---- */

static void drop(struct lt_lru *t, struct entry *e)
{
    lt_lru_remove(t, &e->lru);
    free(e);
}

static void table_free(void *table)
{
    lt_lru_end(table);
    free(table);
}

/* NULL outside loops. */
static struct lt_lru *table_here(void)
{
    struct lt_loop *loop = lt_loop_self();
    struct lt_lru *t = loop ? lt_loop_slot(loop, LT_SLOT_LMS_ROLES) : NULL;
    if (!loop || t)
        return t;
    if (!(t = calloc(1, sizeof(*t))))
        lt_out_of_memory(0);
    lt_lru_init(t, SLOTS);
    lt_loop_set_slot(loop, LT_SLOT_LMS_ROLES, t, table_free);
    return t;
}

static struct entry *find(const struct question *q)
{
    struct entry *e = lt_lru_first(q->table, q->hash);
    while (e && !lt_str_eq((struct lt_str){e->key, e->n}, q->key))
        e = lt_lru_next(&e->lru);
    return e;
}

/* NULL when the table is full of questions that are under way. */
static struct entry *insert(const struct question *q)
{
    struct lt_lru *t = q->table;
    if (t->n == LT_LMS_ROLES_KEPT) {
        struct entry *oldest = lt_lru_oldest(t);
        while (oldest && oldest->asking)
            oldest = lt_lru_newer(t, &oldest->lru);
        if (!oldest)
            return NULL;
        drop(t, oldest);
    }
    struct entry *e = malloc(sizeof(*e) + q->key.n);
    if (!e)
        lt_out_of_memory(0);
    *e = (struct entry){.n = q->key.n};
    memcpy(e->key, q->key.p, q->key.n);
    lt_lru_add(t, &e->lru, q->hash);
    return e;
}

/* Site, address, user and course, with the lengths that tell them apart; none holds a NUL. */
static void make_key(struct question *q)
{
    const struct lt_site *site = q->caller->site;
    struct lt_str user = q->caller->user_id;
    q->key = lt_printf(q->arena, "%lld %zu %zu %.*s%.*s%.*s", (long long)site->id, site->lms_roles_url.n, user.n, LT_FMT(site->lms_roles_url),
                       LT_FMT(user), LT_FMT(q->course_id));
    q->hash = lt_hash64(LT_HASH64_START ^ q->table->seed, q->key.p, q->key.n);
}

/* ---- asking ---- */

static enum lt_code request(const struct question *q, unsigned *ret, struct lt_error *err)
{
    struct lt_str body;
    if (lt_lms_ask(q->stats, q->tls, q->arena, q->caller, q->course_id, "", q->deadline_ms, &body, err))
        return err->code;
    return lt_lms_roles_read(q->arena, body, q->course_id, ret, err);
}

/* Counts it, and says so once a minute. */
static void failed(const struct question *q, struct lt_error *err)
{
    unsigned long long now = lt_mono_ms(), last = atomic_load(&q->stats->logged_at);
    atomic_fetch_add(&q->stats->failed, 1);
    if ((last != 0 && now - last < LOG_EVERY_MS) || !atomic_compare_exchange_strong(&q->stats->logged_at, &last, now)) {
        atomic_fetch_add(&q->stats->unlogged, 1);
        return;
    }
    unsigned long more = atomic_exchange(&q->stats->unlogged, 0);
    lt_error_wrap(err, "roles of the LMS, site %.*s (%lu more since the last of these lines)", LT_FMT(q->caller->site->slug), more);
    lt_log_error("lms_roles.failed", err);
}

/* The question is over; known: with roles, for everybody who waits. Else the next of them asks. */
static void settle(struct entry *e, bool known, unsigned roles)
{
    struct waiter *w = e->waiters;
    e->asking = false;
    e->waiters = NULL;
    for (struct waiter *next; w; w = next) {
        next = w->next;
        w->over = true;
        w->known = known;
        w->roles = roles;
        lt_fiber_wake(w->fiber);
    }
}

static enum lt_code ask(const struct question *q, struct entry *e, unsigned *ret, struct lt_error *err)
{
    unsigned roles = 0;
    if (!e && !(e = insert(q))) {
        lt_fail(err, LT_EOVERLOADED, "%d questions are under way", LT_LMS_ROLES_KEPT);
        failed(q, err);
        return LT_OK;
    }
    e->asking = true;
    e->roles = 0;
    enum lt_code rc = request(q, &roles, err);
    if (rc == LT_ECANCELLED) {
        settle(e, false, 0);
        drop(q->table, e);
        return rc;
    }
    if (rc) {
        roles = 0;
        failed(q, err);
    }
    /* No role, or no answer: soon asked again, so that somebody who is made a teacher need not wait long. */
    uint32_t keep_ms = q->caller->site->lms_roles_cache_ms;
    e->until_ms = lt_loop_now(q->loop) + (roles ? keep_ms : keep_ms / 4);
    e->roles = roles;
    settle(e, true, roles);
    *ret = roles;
    return LT_OK;
}

static void stop_waiting(struct entry *e, struct waiter *w)
{
    struct waiter **link = &e->waiters;
    while (*link != w)
        link = &(*link)->next;
    *link = w->next;
}

/* LT_ETIMEOUT, LT_ECANCELLED; LT_OK: w->known says whether there is an answer. */
static enum lt_code wait_for(const struct question *q, struct entry *e, struct waiter *w)
{
    *w = (struct waiter){.next = e->waiters, .fiber = lt_fiber_self()};
    e->waiters = w;
    while (!w->over) {
        enum lt_code rc = lt_fiber_wait_for(q->deadline_ms, "the learning platform's word on a role");
        if (rc && !w->over) {
            stop_waiting(e, w);
            return rc;
        }
    }
    return LT_OK;
}

static enum lt_code answer(const struct question *q, unsigned *ret, struct lt_error *err)
{
    for (;;) {
        struct waiter w;
        struct entry *e = find(q);
        if (!e || (!e->asking && e->until_ms <= lt_loop_now(q->loop)))
            return ask(q, e, ret, err);
        lt_lru_use(q->table, &e->lru);
        w.known = !e->asking;
        w.roles = e->roles;
        enum lt_code rc = e->asking ? wait_for(q, e, &w) : LT_OK;
        if (rc == LT_ECANCELLED)
            return lt_fail(err, rc, "while waiting for the roles of the LMS");
        if (rc) /* who asked counts the failure */
            return LT_OK;
        if (w.known) {
            atomic_fetch_add(&q->stats->kept, 1);
            *ret = w.roles;
            return LT_OK;
        }
    }
}

enum lt_code lt_lms_roles(struct lt_lms_roles_stats *stats, struct lt_tls *tls, const struct lt_caller *caller, struct lt_str course_id,
                          unsigned *ret_roles, struct lt_error *err)
{
    struct lt_error own;
    *ret_roles = 0;
    struct lt_lru *table = table_here();
    if (!table || !lt_fiber_self() || caller->token.n == 0 || caller->site->lms_roles_url.n == 0 || course_id.n == 0)
        return LT_OK;
    struct question q = {.stats = stats, .tls = tls, .loop = lt_loop_self(), .arena = lt_arena_new(), .table = table, .caller = caller,
                         .course_id = course_id};
    q.deadline_ms = lt_loop_now(q.loop) + LT_LMS_ROLES_MS;
    make_key(&q);
    enum lt_code rc = answer(&q, ret_roles, err ? err : &own);
    lt_arena_free(q.arena);
    return rc;
}
