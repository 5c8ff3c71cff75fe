/* The table of answers, the most recently used ones. An entry that is being asked for is never dropped. */
#include "content/source_cache.h"

#include <stdlib.h>

#include "base/lru.h"
#include "base/memory.h"
#include "base/secret.h"
#include "io/fiber.h"

struct waiter {                  /* on the stack of its fiber, which takes it out before it goes on */
    struct waiter *next;
    struct lt_fiber *fiber;
    bool over;                   /* who asked has ended: */
    bool stale;                  /* it stands in */
    enum lt_code rc;             /* LT_OK: what the source said lies in the entry; LT_ECANCELLED: it was not told; else why there is nothing */
    struct lt_error err;
};

struct entry {
    struct lt_lru_entry lru;
    bool asking;
    struct waiter *waiters;      /* while asking */
    int status;                  /* 0: nothing is known yet */
    uint64_t fresh_until, stale_until; /* lt_loop_now() */
    char *text;                  /* body, etag, last_modified, one behind the other; NULL when all are empty */
    size_t body_n, etag_n, modified_n;
    size_t n;
    char key[];
};

struct table {
    struct lt_lru lru;
    size_t bytes;
};

struct lookup {
    const struct lt_source_question *q;
    struct lt_loop *loop;
    struct table *table;
    struct lt_str key;
    uint64_t hash;
};

/* ---- the table ---- */

static size_t text_size(const struct entry *e)
{
    return e->body_n + e->etag_n + e->modified_n;
}

static size_t entry_size(const struct entry *e)
{
    return sizeof(*e) + e->n + text_size(e);
}

/* Wiped: tokens lie here as well. */
static void clear_text(struct table *t, struct entry *e)
{
    t->bytes -= text_size(e);
    if (e->text)
        lt_wipe(e->text, text_size(e));
    free(e->text);
    e->text = NULL;
    e->body_n = e->etag_n = e->modified_n = 0;
    e->status = 0;
}

static void drop(struct table *t, struct entry *e)
{
    lt_lru_remove(&t->lru, &e->lru);
    clear_text(t, e);
    t->bytes -= entry_size(e);
    free(e);
}

static void table_free(void *table)
{
    struct table *t = table;
    for (struct entry *e; (e = lt_lru_oldest(&t->lru));)
        drop(t, e);
    lt_lru_end(&t->lru);
    free(t);
}

/* Until there is room for so many bytes more; what is being asked for stays. */
static void make_room(struct table *t, size_t more)
{
    for (struct entry *e = lt_lru_oldest(&t->lru), *next; e && t->bytes + more > LT_SOURCE_CACHE_BYTES; e = next) {
        next = lt_lru_newer(&t->lru, &e->lru);
        if (!e->asking)
            drop(t, e);
    }
}

static struct table *table_here(struct lt_loop *loop)
{
    struct table *t = lt_loop_slot(loop, LT_SLOT_CONTENT);
    if (t)
        return t;
    if (!(t = calloc(1, sizeof(*t))))
        lt_out_of_memory(0);
    lt_lru_init(&t->lru, LT_SOURCE_CACHE_SLOTS);
    lt_loop_set_slot(loop, LT_SLOT_CONTENT, t, table_free);
    return t;
}

/* With the lengths that tell the parts apart. */
static struct lookup look_up(const struct lt_source_question *q)
{
    struct lookup l = {.q = q, .loop = lt_loop_self()};
    const struct lt_content_source *s = q->source;
    l.table = table_here(l.loop);
    l.key = lt_printf(q->arena, "%lld %lld %llx %zu %zu %d %.*s%.*s%.*s", (long long)s->site_id, (long long)s->id, (unsigned long long)s->mark,
                      q->viewer.n, q->url.n, q->form.p != NULL, LT_FMT(q->viewer), LT_FMT(q->url), LT_FMT(q->form));
    l.hash = lt_hash64(LT_HASH64_START ^ l.table->lru.seed, l.key.p, l.key.n);
    return l;
}

static struct entry *find(const struct lookup *l)
{
    struct entry *e = lt_lru_first(&l->table->lru, l->hash);
    while (e && !lt_str_eq((struct lt_str){e->key, e->n}, l->key))
        e = lt_lru_next(&e->lru);
    return e;
}

static struct entry *insert(const struct lookup *l)
{
    struct table *t = l->table;
    make_room(t, sizeof(struct entry) + l->key.n);
    struct entry *e = malloc(sizeof(*e) + l->key.n);
    if (!e)
        lt_out_of_memory(0);
    *e = (struct entry){.n = l->key.n};
    memcpy(e->key, l->key.p, l->key.n);
    lt_lru_add(&t->lru, &e->lru, l->hash);
    t->bytes += entry_size(e);
    return e;
}

/* ---- answers ---- */

static struct lt_source_answer answer_of(struct lt_arena *arena, const struct entry *e)
{
    char *copy = lt_alloc(arena, text_size(e) + 1);
    if (e->text)
        memcpy(copy, e->text, text_size(e));
    return (struct lt_source_answer){.status = e->status,
                                     .body = {copy, e->body_n},
                                     .etag = {copy + e->body_n, e->etag_n},
                                     .last_modified = {copy + e->body_n + e->etag_n, e->modified_n},
                                     .fresh_ms = -1};
}

static void set_times(const struct lookup *l, struct entry *e, const struct lt_source_answer *a)
{
    const struct lt_content_source *s = l->q->source;
    uint64_t now = lt_loop_now(l->loop);
    int64_t fresh = a->fresh_ms >= 0 ? a->fresh_ms : a->status == 200 ? s->fresh_ms : s->fresh_ms / 4; /* somebody may just be let in */
    e->fresh_until = now + (uint64_t)fresh;
    e->stale_until = e->fresh_until + (a->status == 200 && a->fresh_ms < 0 ? (uint64_t)s->stale_ms : 0);
}

static void keep(const struct lookup *l, struct entry *e, const struct lt_source_answer *a)
{
    size_t n = a->body.n + a->etag.n + a->last_modified.n;
    clear_text(l->table, e);
    if (n > LT_SOURCE_CACHE_ENTRY)
        return;
    make_room(l->table, n);
    if (n > 0 && !(e->text = malloc(n)))
        lt_out_of_memory(0);
    e->status = a->status;
    e->body_n = a->body.n;
    e->etag_n = a->etag.n;
    e->modified_n = a->last_modified.n;
    l->table->bytes += n;
    if (a->body.n > 0)
        memcpy(e->text, a->body.p, a->body.n);
    if (a->etag.n > 0)
        memcpy(e->text + a->body.n, a->etag.p, a->etag.n);
    if (a->last_modified.n > 0)
        memcpy(e->text + a->body.n + a->etag.n, a->last_modified.p, a->last_modified.n);
    set_times(l, e, a);
}

/* A fault is everybody's who waits, so that a dead source is not asked by one after the other. */
static void settle(struct entry *e, enum lt_code rc, bool stale, const struct lt_error *err)
{
    struct waiter *w = e->waiters;
    e->asking = false;
    e->waiters = NULL;
    for (struct waiter *next; w; w = next) {
        next = w->next;
        w->over = true;
        w->stale = stale;
        w->rc = rc;
        if (rc)
            w->err = *err;
        lt_fiber_wake(w->fiber);
    }
}

/* The source has failed in a way that says nothing about what it holds. */
static bool passing(enum lt_code rc)
{
    return rc == LT_EUPSTREAM_UNAVAILABLE || rc == LT_EUPSTREAM_TIMEOUT || rc == LT_EUPSTREAM_INVALID || rc == LT_EUPSTREAM_RATE_LIMITED ||
           rc == LT_EIO || rc == LT_ETIMEOUT || rc == LT_EOVERLOADED;
}

static enum lt_code ask(const struct lookup *l, struct entry *e, lt_source_send_fn send, struct lt_source_answer *ret, struct lt_error *err)
{
    struct lt_source_answer before = {.fresh_ms = -1};
    if (!e)
        e = insert(l);
    else if (e->status == 200)
        before = answer_of(l->q->arena, e);
    e->asking = true;
    *ret = (struct lt_source_answer){.fresh_ms = -1};
    enum lt_code rc = send(l->q, before.status ? &before : NULL, ret, err);
    bool stand_in = passing(rc) && before.status == 200 && lt_loop_now(l->loop) < e->stale_until;
    if (rc == LT_OK && ret->status == 304) {
        atomic_fetch_add(&l->q->source->state->not_modified, 1);
        before.fresh_ms = ret->fresh_ms;
        set_times(l, e, &before);
        *ret = before;
    } else if (rc == LT_OK) {
        keep(l, e, ret);
    }
    settle(e, stand_in ? LT_OK : rc, stand_in, err);
    if (!stand_in) {
        if (rc && e->status == 0)
            drop(l->table, e);
        return rc;
    }
    atomic_fetch_add(&l->q->source->state->stale, 1);
    *ret = before;
    ret->stale = true;
    return LT_OK;
}

static void stop_waiting(struct entry *e, struct waiter *w)
{
    struct waiter **link = &e->waiters;
    while (*link != w)
        link = &(*link)->next;
    *link = w->next;
}

/* LT_EAGAIN: who asked was cancelled, or could not keep the answer: it is this fiber's turn. */
static enum lt_code wait_for(const struct lookup *l, struct entry *e, struct lt_source_answer *ret, struct lt_error *err)
{
    struct waiter w = {.next = e->waiters, .fiber = lt_fiber_self()};
    e->waiters = &w;
    while (!w.over) {
        enum lt_code rc = lt_fiber_wait(l->q->deadline_ms);
        if (rc && !w.over) {
            stop_waiting(e, &w);
            return lt_fail(err, rc, "while somebody else was asking the source the same");
        }
    }
    if (w.rc && w.rc != LT_ECANCELLED) {
        *err = w.err;
        return w.rc;
    }
    if (w.rc || !(e = find(l)) || e->asking || e->status == 0)
        return LT_EAGAIN;
    *ret = answer_of(l->q->arena, e);
    ret->stale = w.stale;
    return LT_OK;
}

enum lt_code lt_source_cached(const struct lt_source_question *q, lt_source_send_fn send, struct lt_source_answer *ret, struct lt_error *err)
{
    struct lookup l = look_up(q);
    for (;;) {
        struct entry *e = find(&l);
        if (!e || (!e->asking && (e->status == 0 || e->fresh_until <= lt_loop_now(l.loop))))
            return ask(&l, e, send, ret, err);
        lt_lru_use(&l.table->lru, &e->lru);
        enum lt_code rc = LT_OK;
        if (e->asking)
            rc = wait_for(&l, e, ret, err);
        else
            *ret = answer_of(q->arena, e);
        if (rc == LT_OK)
            atomic_fetch_add(&q->source->state->kept, 1);
        if (rc != LT_EAGAIN)
            return rc;
    }
}

void lt_source_forget(const struct lt_source_question *q)
{
    struct lookup l = look_up(q);
    struct entry *e = find(&l);
    if (e && !e->asking)
        drop(l.table, e);
}

void lt_source_cache_counts(size_t *ret_entries, size_t *ret_bytes)
{
    const struct table *t = table_here(lt_loop_self());
    *ret_entries = t->lru.n;
    *ret_bytes = t->bytes;
}
