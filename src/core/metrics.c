/*
 * Counting and adding up. Labels are found by a hash of their text in tables that only grow; a new one is entered under the lock, which is the
 * only time that anybody waits for another.
 */
#include "core/metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/memory.h"
#include "core/gates.h"
#include "core/manager_private.h"

enum { SLOTS = 256, LOOPS = 256, NAME_MAX_BYTES = 128, SITES = LT_METRIC_SITES + 1, ACTIONS = LT_METRIC_ACTIONS + 1, INSTANCES = LT_METRIC_INSTANCES + 1 };
_Static_assert(LT_METRIC_INSTANCES * 2 <= SLOTS, "the tables stay half empty, so that looking ends soon");
_Static_assert(LT_GATES < LT_COUNT(((struct lt_metric_site *)0)->gates), "each gate has a figure");

/* A label's number is its place in the order in which they came, from 1 on; 0 is "other". */
struct labels {
    int max;
    atomic_int n;
    struct {
        _Atomic uint64_t hash; /* 0: free */
        int number;
    } slots[SLOTS];
    struct {
        char text[NAME_MAX_BYTES];
        int site;              /* of an instance */
    } names[LT_METRIC_INSTANCES + 1];
};

/* What one thread writes and others read. */
typedef _Atomic uint64_t count_t;
struct histogram {
    count_t buckets[LT_METRIC_BUCKETS], sum_us;
};
struct call_cell {
    count_t ended[LT_CODE_COUNT], refused[LT_CODE_COUNT], shed, streams;
    struct histogram duration, first;
};
struct attempt_cell {
    count_t ended[LT_CODE_COUNT], tokens[LT_METRIC_TOKENS], cost, cost_unknown;
    struct histogram duration;
};
struct site_cell {
    count_t gates[LT_GATES + 1], cancelled[LT_CANCEL_COUNT];
};

/* Of one loop. */
struct shard {
    struct call_cell *_Atomic calls[SITES][ACTIONS];
    struct attempt_cell *_Atomic attempts[INSTANCES][ACTIONS];
    struct site_cell sites[SITES];
};

struct lt_metrics {
    pthread_mutex_t lock;        /* for what is new */
    struct labels sites, actions, instances;
    int call_cells, attempt_cells;
    bool calls_known[SITES][ACTIONS], attempts_known[INSTANCES][ACTIONS];
    struct shard *_Atomic shards[LOOPS];
};

struct lt_metrics *lt_metrics_new(void)
{
    struct lt_metrics *m = calloc(1, sizeof(*m));
    if (!m)
        lt_out_of_memory(0);
    pthread_mutex_init(&m->lock, NULL);
    m->sites.max = LT_METRIC_SITES;
    m->actions.max = LT_METRIC_ACTIONS;
    m->instances.max = LT_METRIC_INSTANCES;
    snprintf(m->sites.names[0].text, sizeof(m->sites.names[0].text), "%s", LT_METRIC_OTHER);
    snprintf(m->actions.names[0].text, sizeof(m->actions.names[0].text), "%s", LT_METRIC_OTHER);
    snprintf(m->instances.names[0].text, sizeof(m->instances.names[0].text), "%s", LT_METRIC_OTHER);
    return m;
}

static void shard_free(struct shard *s)
{
    if (!s)
        return;
    for (int a = 0; a < ACTIONS; a++) {
        for (int i = 0; i < SITES; i++)
            free(s->calls[i][a]);
        for (int i = 0; i < INSTANCES; i++)
            free(s->attempts[i][a]);
    }
    free(s);
}

void lt_metrics_free(struct lt_metrics *m)
{
    if (!m)
        return;
    for (int i = 0; i < LOOPS; i++)
        shard_free(m->shards[i]);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

static void *zeros(size_t n)
{
    void *p = calloc(1, n);
    if (!p)
        lt_out_of_memory(0);
    return p;
}

/* ---- labels ---- */

/* The number, or -1: it is not there; *ret_slot is then where it would go. */
static int find(const struct labels *l, uint64_t hash, size_t *ret_slot)
{
    uint64_t there;
    size_t at = hash % SLOTS;
    for (; (there = atomic_load_explicit(&l->slots[at].hash, memory_order_acquire)) != 0; at = (at + 1) % SLOTS)
        if (there == hash)
            return l->slots[at].number;
    *ret_slot = at;
    return -1;
}

static int enter(struct lt_metrics *m, struct labels *l, uint64_t hash, struct lt_str name, int site)
{
    size_t slot = 0;
    pthread_mutex_lock(&m->lock);
    int number = find(l, hash, &slot);
    if (number < 0 && l->n == l->max) {
        number = 0;
    } else if (number < 0) {
        number = l->n + 1;
        memcpy(l->names[number].text, name.p, name.n);
        l->names[number].site = site;
        l->slots[slot].number = number;
        atomic_store(&l->n, number);
        atomic_store_explicit(&l->slots[slot].hash, hash, memory_order_release);
    }
    pthread_mutex_unlock(&m->lock);
    return number;
}

static int number_of(struct lt_metrics *m, struct labels *l, struct lt_str name, int site)
{
    size_t slot;
    uint64_t hash = lt_hash64(LT_HASH64_START ^ (uint64_t)site, name.p, name.n) | 1;
    int number = find(l, hash, &slot);
    if (number >= 0)
        return number;
    bool no_label = name.n == 0 || name.n >= NAME_MAX_BYTES || lt_str_is(name, LT_METRIC_OTHER) || memchr(name.p, 0, name.n);
    return atomic_load(&l->n) == l->max || no_label ? 0 : enter(m, l, hash, name, site);
}

static int site_number(struct lt_metrics *m, const struct lt_site *site)
{
    return number_of(m, &m->sites, site->slug, 0);
}

static int action_number(struct lt_metrics *m, const char *action)
{
    return action ? number_of(m, &m->actions, lt_str(action), 0) : 0;
}

/* ---- cells ---- */

static struct shard *own_shard(struct lt_metrics *m)
{
    struct shard *_Atomic *at = &m->shards[(size_t)lt_loop_index(lt_loop_self()) % LOOPS];
    if (!atomic_load_explicit(at, memory_order_relaxed))
        atomic_store_explicit(at, zeros(sizeof(struct shard)), memory_order_release);
    return atomic_load_explicit(at, memory_order_relaxed);
}

/* May there be a cell of this pair in whatever shard? What one loop has counted apart, all do. */
static bool may_be(struct lt_metrics *m, bool *known, int *cells)
{
    pthread_mutex_lock(&m->lock);
    if (!*known && *cells < LT_METRIC_CELLS) {
        *known = true;
        ++*cells;
    }
    bool yes = *known;
    pthread_mutex_unlock(&m->lock);
    return yes;
}

static struct call_cell *call_cell(struct lt_metrics *m, struct shard *s, int site, int action)
{
    struct call_cell *c = atomic_load_explicit(&s->calls[site][action], memory_order_relaxed);
    if (c)
        return c;
    if ((site || action) && !may_be(m, &m->calls_known[site][action], &m->call_cells))
        return call_cell(m, s, 0, 0);
    c = zeros(sizeof(*c));
    atomic_store_explicit(&s->calls[site][action], c, memory_order_release);
    return c;
}

static struct attempt_cell *attempt_cell(struct lt_metrics *m, struct shard *s, int instance, int action)
{
    struct attempt_cell *c = atomic_load_explicit(&s->attempts[instance][action], memory_order_relaxed);
    if (c)
        return c;
    if ((instance || action) && !may_be(m, &m->attempts_known[instance][action], &m->attempt_cells))
        return attempt_cell(m, s, 0, 0);
    c = zeros(sizeof(*c));
    atomic_store_explicit(&s->attempts[instance][action], c, memory_order_release);
    return c;
}

/* ---- counting ---- */

/* Nobody else writes it: no locked instruction is needed. */
static inline void up(count_t *c, uint64_t by)
{
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + by, memory_order_relaxed);
}

static void observe(struct histogram *h, uint64_t us)
{
    uint64_t parts = us > 0 ? (us - 1) / LT_METRIC_BUCKET_US : 0; /* 0 in the first bucket, 1 in the second, 2 and 3 in the third, … */
    int i = parts > 0 ? 64 - __builtin_clzll(parts) : 0;
    up(&h->buckets[i < LT_METRIC_BUCKETS ? i : LT_METRIC_BUCKETS - 1], 1);
    up(&h->sum_us, us);
}

void lt_metrics_call(struct lt_metrics *m, const struct lt_metric_call *call)
{
    struct shard *s = own_shard(m);
    int site = site_number(m, call->site);
    struct call_cell *c = call_cell(m, s, site, action_number(m, call->action));
    if (call->gate >= 0)
        up(&s->sites[site].gates[call->gate], 1);
    if (call->outcome == LT_METRIC_SHED) {
        up(&c->shed, 1);
        return;
    }
    if (call->outcome == LT_METRIC_REFUSED) {
        up(&c->refused[call->code], 1);
        return;
    }
    up(&c->ended[call->code], 1);
    up(&c->streams, call->stream);
    observe(&c->duration, call->duration_us);
    if (call->first_us > 0)
        observe(&c->first, call->first_us);
    if (call->code == LT_ECANCELLED || call->code == LT_ESTOPPED)
        up(&s->sites[site].cancelled[call->why], 1);
}

static void add_known(count_t *c, int64_t n)
{
    if (n > 0)
        up(c, (uint64_t)n);
}

void lt_metrics_attempt(struct lt_metrics *m, const struct lt_site *site, const char *action, const struct lt_attempt *attempt, uint64_t duration_us)
{
    struct shard *s = own_shard(m);
    int site_n = site_number(m, site), instance = number_of(m, &m->instances, attempt->instance->name, site_n);
    struct attempt_cell *c = attempt_cell(m, s, instance, action_number(m, action));
    up(&c->ended[attempt->code], 1);
    observe(&c->duration, duration_us);
    add_known(&c->tokens[LT_METRIC_PROMPT], attempt->usage.prompt_tokens);
    add_known(&c->tokens[LT_METRIC_COMPLETION], attempt->usage.completion_tokens);
    add_known(&c->tokens[LT_METRIC_CACHED], attempt->usage.cached_tokens);
    add_known(&c->tokens[LT_METRIC_REASONING], attempt->usage.reasoning_tokens);
    add_known(&c->cost, attempt->cost);
    up(&c->cost_unknown, attempt->success && attempt->cost < 0);
}

/* ---- reading ---- */

const char *lt_metric_token_name(enum lt_metric_token kind)
{
    static const char *const names[] = {"prompt", "completion", "cached", "reasoning"};
    return names[kind];
}

static void add_counts(uint64_t *to, const count_t *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] += atomic_load_explicit(&from[i], memory_order_relaxed);
}

static void add_histogram(struct lt_metric_histogram *to, const struct histogram *from)
{
    add_counts(to->buckets, from->buckets, LT_METRIC_BUCKETS);
    add_counts(&to->sum_us, &from->sum_us, 1);
}

static const struct shard *shard_at(struct lt_metrics *m, int loop)
{
    return atomic_load_explicit(&m->shards[loop], memory_order_acquire);
}

static bool is_wanted(const char *site, const char *name)
{
    return !site || strcmp(site, name) == 0;
}

static bool sum_calls(struct lt_metrics *m, int site, int action, struct lt_metric_calls *row)
{
    bool any = false;
    *row = (struct lt_metric_calls){.site = m->sites.names[site].text, .action = m->actions.names[action].text};
    for (int loop = 0; loop < LOOPS; loop++) {
        const struct shard *s = shard_at(m, loop);
        const struct call_cell *c = s ? atomic_load_explicit(&s->calls[site][action], memory_order_acquire) : NULL;
        if (!c)
            continue;
        any = true;
        add_counts(row->ended, c->ended, LT_CODE_COUNT);
        add_counts(row->refused, c->refused, LT_CODE_COUNT);
        add_counts(&row->shed, &c->shed, 1);
        add_counts(&row->streams, &c->streams, 1);
        add_histogram(&row->duration, &c->duration);
        add_histogram(&row->first, &c->first);
    }
    return any;
}

void lt_metrics_each_call(struct lt_metrics *m, const char *site, void (*f)(void *ctx, const struct lt_metric_calls *row), void *ctx)
{
    struct lt_metric_calls row;
    int sites = atomic_load(&m->sites.n), actions = atomic_load(&m->actions.n);
    for (int i = 0; i <= sites; i++)
        for (int a = 0; is_wanted(site, m->sites.names[i].text) && a <= actions; a++)
            if (sum_calls(m, i, a, &row))
                f(ctx, &row);
}

static bool sum_attempts(struct lt_metrics *m, int instance, int action, struct lt_metric_attempts *row)
{
    bool any = false;
    *row = (struct lt_metric_attempts){.site = m->sites.names[m->instances.names[instance].site].text,
                                       .instance = m->instances.names[instance].text,
                                       .action = m->actions.names[action].text};
    for (int loop = 0; loop < LOOPS; loop++) {
        const struct shard *s = shard_at(m, loop);
        const struct attempt_cell *c = s ? atomic_load_explicit(&s->attempts[instance][action], memory_order_acquire) : NULL;
        if (!c)
            continue;
        any = true;
        add_counts(row->ended, c->ended, LT_CODE_COUNT);
        add_counts(row->tokens, c->tokens, LT_METRIC_TOKENS);
        add_counts(&row->cost, &c->cost, 1);
        add_counts(&row->cost_unknown, &c->cost_unknown, 1);
        add_histogram(&row->duration, &c->duration);
    }
    return any;
}

void lt_metrics_each_attempt(struct lt_metrics *m, const char *site, void (*f)(void *ctx, const struct lt_metric_attempts *row), void *ctx)
{
    struct lt_metric_attempts row;
    int instances = atomic_load(&m->instances.n), actions = atomic_load(&m->actions.n);
    for (int i = 0; i <= instances; i++)
        for (int a = 0; is_wanted(site, m->sites.names[m->instances.names[i].site].text) && a <= actions; a++)
            if (sum_attempts(m, i, a, &row))
                f(ctx, &row);
}

void lt_metrics_each_site(struct lt_metrics *m, const char *site, void (*f)(void *ctx, const struct lt_metric_site *row), void *ctx)
{
    int sites = atomic_load(&m->sites.n);
    for (int i = 0; i <= sites; i++) {
        struct lt_metric_site row = {.site = m->sites.names[i].text};
        for (int loop = 0; loop < LOOPS; loop++) {
            const struct shard *s = shard_at(m, loop);
            if (!s)
                continue;
            add_counts(row.gates, s->sites[i].gates, LT_GATES + 1);
            add_counts(row.cancelled, s->sites[i].cancelled, LT_CANCEL_COUNT);
        }
        if (is_wanted(site, row.site))
            f(ctx, &row);
    }
}

struct lt_metrics *lt_manager_metrics(struct lt_manager *m)
{
    return m->metrics;
}

int lt_manager_site_load(struct lt_manager *m, int64_t site_id)
{
    return lt_admission_running_of(&m->admission, site_id);
}
