/* Key sets by address. One lock for all: it is held for look-ups only, never while a server is asked. */
#include "io/jwks_cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "io/http_client.h"
#include "io/url.h"

enum {
    FRESH_MS = 600000,
    STALE_MS = 3600000,
    WAIT_MS = 6000,
    FETCH_MS = 5000,
    FAILED_FIRST_MS = 1000,
    FRUITLESS_FIRST_MS = 10000,
    AGAIN_MS = 5000,
    PAUSE_MAX_MS = 60000,
    ENTRIES_MAX = 256, /* more addresses than that take each other's place */
};

/* A set as it was got; readers hold references. */
struct set {
    atomic_int references;
    struct lt_arena *arena;
    const struct lt_jwks *keys;
    uint64_t mark; /* of its text */
};

/* A fiber that waits for another's answer. Belongs to its fiber while it is in the list, then to the task that wakes it. */
struct waiter {
    struct lt_task task;
    struct waiter *next;
    struct lt_loop *loop;
    struct lt_fiber *fiber; /* NULL: it has given up, the task frees this. Loop's thread only */
    bool woken;
};

struct entry {
    struct entry *next;
    struct set *set;              /* NULL: there never was one */
    uint64_t got_ms;              /* when */
    uint64_t retry_ms;            /* not asked before that, after failures */
    uint64_t look_ms;             /* not asked before that for what it does not have: a name, or who made a signature */
    uint64_t used_ms;
    uint32_t failed, fruitless;   /* in a row */
    uint32_t tries;               /* answers and failures so far */
    int users;                    /* fibers that hold a pointer to it */
    bool busy;                    /* somebody asks */
    struct waiter *waiters;
    size_t url_n;
    char url[];
};

struct lt_jwks_cache {
    struct lt_jwks_cache_options options;
    pthread_mutex_t lock;
    struct entry *entries;
    size_t entries_n;
};

struct lt_jwks_cache *lt_jwks_cache_new(const struct lt_jwks_cache_options *options)
{
    struct lt_jwks_cache *c = calloc(1, sizeof(*c));
    if (!c)
        lt_out_of_memory(0);
    c->options = *options;
    c->options.fresh_ms = options->fresh_ms ? options->fresh_ms : FRESH_MS;
    c->options.stale_ms = options->stale_ms ? options->stale_ms : STALE_MS;
    c->options.wait_ms = options->wait_ms ? options->wait_ms : WAIT_MS;
    c->options.again_ms = options->again_ms ? options->again_ms : AGAIN_MS;
    c->options.fruitless_ms = options->fruitless_ms ? options->fruitless_ms : FRUITLESS_FIRST_MS;
    pthread_mutex_init(&c->lock, NULL);
    return c;
}

static void set_unref(void *p)
{
    struct set *set = p;
    if (set && atomic_fetch_sub(&set->references, 1) == 1) {
        lt_arena_free(set->arena);
        free(set);
    }
}

static void entry_free(struct entry *e)
{
    set_unref(e->set);
    free(e);
}

void lt_jwks_cache_free(struct lt_jwks_cache *c)
{
    if (!c)
        return;
    while (c->entries) {
        struct entry *e = c->entries;
        c->entries = e->next;
        entry_free(e);
    }
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* ---- entries; under the lock ---- */

/* The one that was not used for longest goes, if nobody is at it. */
static void make_room(struct lt_jwks_cache *c)
{
    struct entry **oldest = NULL;
    for (struct entry **at = &c->entries; *at; at = &(*at)->next)
        if ((*at)->users == 0 && (!oldest || (*at)->used_ms < (*oldest)->used_ms))
            oldest = at;
    if (c->entries_n < ENTRIES_MAX || !oldest)
        return;
    struct entry *e = *oldest;
    *oldest = e->next;
    c->entries_n--;
    entry_free(e);
}

static struct entry *use(struct lt_jwks_cache *c, struct lt_str url, uint64_t now)
{
    struct entry *e = c->entries;
    while (e && !lt_str_eq(url, (struct lt_str){e->url, e->url_n}))
        e = e->next;
    if (!e) {
        make_room(c);
        e = calloc(1, sizeof(*e) + url.n + 1);
        if (!e)
            lt_out_of_memory(0);
        memcpy(e->url, url.p, url.n);
        e->url_n = url.n;
        e->next = c->entries;
        c->entries = e;
        c->entries_n++;
    }
    e->used_ms = now;
    e->users++;
    return e;
}

static bool has(const struct entry *e, const char *alg, struct lt_str kid)
{
    const struct lt_jwk *fitting[LT_JWKS_TRIED_MAX];
    return e->set && lt_jwks_fitting(e->set->keys, alg, kid, fitting) > 0;
}

static uint64_t pause_after(uint32_t first_ms, uint32_t times)
{
    uint64_t ms = (uint64_t)first_ms << (times < 8 ? times : 8);
    return ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS;
}

static void wake(struct lt_task *task)
{
    struct waiter *w = (struct waiter *)task;
    if (!w->fiber) {
        free(w);
        return;
    }
    w->woken = true;
    lt_fiber_wake(w->fiber);
}

static void wake_all(struct entry *e)
{
    while (e->waiters) {
        struct waiter *w = e->waiters;
        e->waiters = w->next;
        lt_loop_post(w->loop, &w->task);
    }
}

/* False: a task has it already. */
static bool take_out(struct entry *e, const struct waiter *w)
{
    for (struct waiter **at = &e->waiters; *at; at = &(*at)->next)
        if (*at == w) {
            *at = w->next;
            return true;
        }
    return false;
}

/* ---- asking ---- */

static enum lt_code read_answer(struct lt_http_reply *reply, struct set *set, struct lt_error *err)
{
    struct lt_str text;
    int status = lt_http_reply_head(reply)->status;
    if (status != 200)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "status %d", status);
    enum lt_code rc = lt_http_reply_read_all(reply, set->arena, &text, err);
    if (rc)
        return rc;
    set->mark = lt_hash64(LT_HASH64_START, text.p, text.n);
    return lt_jwks_parse(set->arena, text, &set->keys, err);
}

static enum lt_code ask(const struct lt_jwks_cache *c, struct lt_loop *loop, struct lt_str url, uint64_t deadline_ms, struct set **ret,
                        struct lt_error *err)
{
    static const struct lt_http_field accept = {LT_STR("Accept"), LT_STR("application/jwk-set+json, application/json")};
    struct lt_http_call call = {.method = "GET", .url = url, .fields = &accept, .fields_n = 1, .tls = c->options.tls, .deadline_ms = deadline_ms,
                                .max_body = LT_JWKS_TEXT_MAX};
    struct lt_http_reply *reply;
    enum lt_code rc = lt_http_send(loop, &call, &reply, err);
    if (rc)
        return rc;
    struct set *set = calloc(1, sizeof(*set));
    if (!set)
        lt_out_of_memory(0);
    set->arena = lt_arena_new();
    atomic_init(&set->references, 1);
    rc = read_answer(reply, set, err);
    lt_http_reply_close(reply);
    if (rc)
        set_unref(set);
    else
        *ret = set;
    return rc;
}

static void log_failure(struct lt_str url, const struct lt_error *err)
{
    struct lt_url parts;
    bool good = lt_url_parse(url, &parts, NULL) == LT_OK;
    lt_log(LT_LOG_WARN, "jwks.failed", LT_S("host", good ? parts.host : ""), LT_S("code", lt_code_name(err->code)), LT_S("detail", err->detail));
}

/* What is looked for at the issuer. */
struct want {
    const char *alg;
    struct lt_str kid;
    bool other; /* anything but what there is */
};

/* Under the lock: what came of it. A fiber that was cancelled has found out nothing; one of those who wait asks instead. */
static void note(struct lt_jwks_cache *c, struct entry *e, enum lt_code rc, struct set *set, const struct want *want)
{
    uint64_t now = lt_mono_ms();
    bool same = rc == LT_OK && e->set && e->set->mark == set->mark;
    e->busy = false;
    e->tries += rc != LT_ECANCELLED;
    if (rc == LT_OK) {
        set_unref(e->set);
        e->set = set;
        e->got_ms = now;
        e->failed = 0;
        e->retry_ms = 0;
        e->fruitless = (want->other ? !same : has(e, want->alg, want->kid)) ? 0 : e->fruitless + 1;
        e->look_ms = e->fruitless ? now + pause_after(c->options.fruitless_ms, e->fruitless - 1) : 0;
    } else if (rc != LT_ECANCELLED) {
        e->retry_ms = now + pause_after(FAILED_FIRST_MS, e->failed++);
    }
    wake_all(e);
}

/* The lock is held before and after, not while the server is asked. */
static enum lt_code refresh(struct lt_jwks_cache *c, struct lt_loop *loop, struct entry *e, const struct want *want, uint64_t until)
{
    struct lt_error err;
    struct set *set = NULL;
    struct lt_str url = {e->url, e->url_n};
    uint64_t deadline = lt_mono_ms() + FETCH_MS;
    e->busy = true;
    pthread_mutex_unlock(&c->lock);
    enum lt_code rc = ask(c, loop, url, deadline < until ? deadline : until, &set, &err);
    if (rc && rc != LT_ECANCELLED)
        log_failure(url, &err);
    pthread_mutex_lock(&c->lock);
    note(c, e, rc, set, want);
    return rc;
}

/* The same for the lock. */
static enum lt_code wait_for_other(struct lt_jwks_cache *c, struct lt_loop *loop, struct entry *e, uint64_t until)
{
    struct waiter *w = calloc(1, sizeof(*w));
    if (!w)
        lt_out_of_memory(0);
    *w = (struct waiter){.task = {.fn = wake}, .next = e->waiters, .loop = loop, .fiber = lt_fiber_self()};
    e->waiters = w;
    pthread_mutex_unlock(&c->lock);
    enum lt_code rc = LT_OK;
    while (!w->woken && rc == LT_OK)
        rc = lt_fiber_wait_for(until, "the keys of an issuer");
    pthread_mutex_lock(&c->lock);
    if (w->woken || take_out(e, w))
        free(w);
    else
        w->fiber = NULL;
    return rc;
}

/* ---- getting ---- */

/* Is what we have good enough, or is it no use to ask (again)? tries: as many as there were when we came. */
static bool settled(const struct lt_jwks_cache *c, const struct entry *e, const char *alg, struct lt_str kid, uint32_t tries)
{
    uint64_t now = lt_mono_ms();
    bool fresh = e->set && now - e->got_ms < c->options.fresh_ms;
    if (fresh && (has(e, alg, kid) || e->tries != tries || now < e->look_ms))
        return true;
    return !e->busy && now < e->retry_ms;
}

/*
 * Fresh ones as they are when their server was asked (known), also without the name that was looked for: then there is no such key.
 * Others only with it: whether a key that they lack exists, nobody knows now.
 */
static bool usable(const struct lt_jwks_cache *c, const struct entry *e, const char *alg, struct lt_str kid, bool known)
{
    uint64_t age = lt_mono_ms() - e->got_ms;
    if (!e->set || age >= c->options.stale_ms)
        return false;
    return has(e, alg, kid) || (known && age < c->options.fresh_ms && e->failed == 0);
}

static enum lt_code answer(struct entry *e, bool good, struct lt_arena *arena, const struct lt_jwks **ret, struct lt_error *err)
{
    if (good) {
        atomic_fetch_add(&e->set->references, 1);
        lt_arena_on_free(arena, set_unref, e->set);
        *ret = e->set->keys;
        return LT_OK;
    }
    uint64_t now = lt_mono_ms();
    lt_fail(err, LT_EOVERLOADED, "the keys of the token's issuer cannot be read just now");
    err->retry_after_s = e->retry_ms > now ? (int)((e->retry_ms - now + 999) / 1000) : 1;
    return err->code;
}

enum lt_code lt_jwks_cache_get(struct lt_jwks_cache *c, struct lt_loop *loop, struct lt_arena *arena, struct lt_str url, const char *alg,
                               struct lt_str kid, const struct lt_jwks **ret, struct lt_error *err)
{
    uint64_t until = lt_mono_ms() + c->options.wait_ms;
    enum lt_code rc = LT_OK;
    bool known = false;
    pthread_mutex_lock(&c->lock);
    struct entry *e = use(c, url, lt_mono_ms());
    for (uint32_t tries = e->tries; rc != LT_ECANCELLED && lt_mono_ms() < until;) {
        known = settled(c, e, alg, kid, tries);
        if (known)
            break;
        rc = e->busy ? wait_for_other(c, loop, e, until) : refresh(c, loop, e, &(struct want){alg, kid, false}, until);
    }
    if (rc == LT_ECANCELLED)
        lt_fail(err, rc, "cancelled while the keys of the token's issuer were read");
    else
        rc = answer(e, usable(c, e, alg, kid, known), arena, ret, err);
    e->users--;
    pthread_mutex_unlock(&c->lock);
    return rc;
}

/* ---- once more, after a wrong signature ---- */

/* Is every key that may have made the signature one of the name that the token gives? Then no other will do. */
static bool by_name(const struct lt_jwks *keys, const char *alg, struct lt_str kid)
{
    const struct lt_jwk *fitting[LT_JWKS_TRIED_MAX];
    size_t n = lt_jwks_fitting(keys, alg, kid, fitting);
    for (size_t i = 0; i < n; i++)
        if (!fitting[i]->kid.p)
            return false;
    return kid.p != NULL;
}

enum lt_code lt_jwks_cache_newer(struct lt_jwks_cache *c, struct lt_loop *loop, struct lt_arena *arena, struct lt_str url, const char *alg,
                                 struct lt_str kid, const struct lt_jwks *had, const struct lt_jwks **ret, struct lt_error *err)
{
    uint64_t until = lt_mono_ms() + c->options.wait_ms;
    enum lt_code rc = LT_OK;
    struct want want = {alg, kid, true};
    if (by_name(had, alg, kid))
        return lt_fail(err, LT_ENOT_FOUND, "the key that the token names is known");
    pthread_mutex_lock(&c->lock);
    struct entry *e = use(c, url, lt_mono_ms());
    while (rc == LT_OK && e->set && e->set->keys == had) {
        uint64_t now = lt_mono_ms();
        bool soon = now - e->got_ms < c->options.again_ms || now < e->look_ms || now < e->retry_ms;
        if (now >= until || (soon && !e->busy))
            break;
        rc = e->busy ? wait_for_other(c, loop, e, until) : refresh(c, loop, e, &want, until);
    }
    if (rc == LT_ECANCELLED)
        lt_fail(err, rc, "cancelled while the keys of the token's issuer were read");
    else if (e->set && e->set->keys != had)
        rc = answer(e, true, arena, ret, err);
    else
        rc = lt_fail(err, LT_ENOT_FOUND, "nothing newer is known of the issuer's keys");
    e->users--;
    pthread_mutex_unlock(&c->lock);
    return rc;
}
