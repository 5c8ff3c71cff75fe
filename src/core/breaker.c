/* Circuit breakers; breaker.h says how they behave. */
#include "core/breaker.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/secret.h"

enum {
    OPEN_LONGEST_MS = 300000,        /* however often it opened */
    RETRY_AFTER_LONGEST_MS = 600000, /* however long the vendor wants to be left alone */
    DOUBLINGS_MAX = 10,
};

static const char *const state_names[] = {"closed", "half_open", "open"};

const char *lt_breaker_state_name(enum lt_breaker_state state)
{
    return state_names[state];
}

void lt_breakers_init(struct lt_breakers *breakers)
{
    memset(breakers, 0, sizeof(*breakers));
    pthread_mutex_init(&breakers->lock, NULL);
}

void lt_breakers_destroy(struct lt_breakers *breakers)
{
    for (size_t i = 0; i < LT_BREAKER_BUCKETS; i++)
        for (struct lt_breaker *b = breakers->buckets[i], *next; b; b = next) {
            next = b->next;
            pthread_mutex_destroy(&b->lock);
            free(b);
        }
    pthread_mutex_destroy(&breakers->lock);
}

static struct lt_breaker *find(struct lt_breaker *b, int64_t id)
{
    while (b && b->instance_id != id)
        b = b->next;
    return b;
}

static struct lt_breaker *add(struct lt_breakers *breakers, size_t bucket, const struct lt_provider_instance *instance)
{
    pthread_mutex_lock(&breakers->lock);
    struct lt_breaker *b = find(breakers->buckets[bucket], instance->id);
    if (!b) {
        b = calloc(1, sizeof(*b));
        if (!b)
            lt_out_of_memory(0);
        b->instance_id = instance->id;
        b->mark = instance->config_mark;
        b->next = breakers->buckets[bucket];
        pthread_mutex_init(&b->lock, NULL);
        atomic_store(&breakers->buckets[bucket], b);
    }
    pthread_mutex_unlock(&breakers->lock);
    return b;
}

/* With the lock. */
static void make_new(struct lt_breaker *b)
{
    b->state = LT_BREAKER_CLOSED;
    b->faults = b->openings = 0;
    b->probing = false;
    b->cause = LT_OK;
    atomic_store(&b->troubled, false);
}

struct lt_breaker *lt_breakers_of(struct lt_breakers *breakers, const struct lt_provider_instance *instance)
{
    size_t bucket = (uint64_t)instance->id % LT_BREAKER_BUCKETS;
    struct lt_breaker *b = find(atomic_load(&breakers->buckets[bucket]), instance->id);
    if (!b)
        return add(breakers, bucket, instance);
    if (atomic_load(&b->mark) != instance->config_mark) {
        pthread_mutex_lock(&b->lock);
        atomic_store(&b->mark, instance->config_mark);
        make_new(b);
        pthread_mutex_unlock(&b->lock);
    }
    return b;
}

bool lt_breaker_admit(struct lt_breaker *b, uint64_t now_ms, uint64_t *ret_wait_ms, enum lt_code *ret_cause)
{
    if (!atomic_load(&b->troubled))
        return true;
    pthread_mutex_lock(&b->lock);
    if (b->state == LT_BREAKER_OPEN && now_ms >= b->until_ms)
        b->state = LT_BREAKER_HALF_OPEN;
    bool admitted = b->state == LT_BREAKER_CLOSED || (b->state == LT_BREAKER_HALF_OPEN && !b->probing);
    if (b->state == LT_BREAKER_HALF_OPEN && admitted)
        b->probing = true;
    *ret_wait_ms = b->state == LT_BREAKER_OPEN ? b->until_ms - now_ms : 0;
    *ret_cause = b->cause;
    pthread_mutex_unlock(&b->lock);
    return admitted;
}

/* Does it say something about the vendor's health? */
static bool is_fault(enum lt_code rc)
{
    return rc == LT_EUPSTREAM_UNAVAILABLE || rc == LT_EUPSTREAM_TIMEOUT || rc == LT_EUPSTREAM_INVALID || rc == LT_EUPSTREAM_RATE_LIMITED ||
           rc == LT_EUPSTREAM_UNAUTHORIZED || rc == LT_EUPSTREAM_NOT_FOUND || rc == LT_ETIMEOUT;
}

/* So that many processes and instances do not come back in the same moment: 80 to 120 %. */
static uint64_t jitter(uint64_t ms)
{
    uint16_t r;
    lt_random(&r, sizeof(r));
    return ms * 4 / 5 + ms * 2 / 5 * r / UINT16_MAX;
}

/* With the lock. */
static void open_circuit(struct lt_breaker *b, const struct lt_provider_instance *instance, enum lt_code rc, int retry_after_s, uint64_t now_ms)
{
    int doublings = b->openings < DOUBLINGS_MAX ? b->openings : DOUBLINGS_MAX;
    uint64_t ms = (uint64_t)instance->breaker_open_ms << doublings;
    ms = jitter(ms < OPEN_LONGEST_MS ? ms : OPEN_LONGEST_MS);
    if (retry_after_s > 0) {
        ms = (uint64_t)retry_after_s * 1000;
        ms = ms < RETRY_AFTER_LONGEST_MS ? ms : RETRY_AFTER_LONGEST_MS;
    } else {
        b->openings++;
    }
    b->state = LT_BREAKER_OPEN;
    b->until_ms = now_ms + ms;
    b->cause = rc;
    lt_log(LT_LOG_WARN, "provider.circuit_open", LT_SS("instance", instance->name), LT_S("code", lt_code_name(rc)), LT_I("faults", b->faults),
           LT_I("wait_ms", ms));
}

void lt_breaker_report(struct lt_breaker *b, const struct lt_provider_instance *instance, enum lt_code rc, int retry_after_s, uint64_t now_ms)
{
    if (!is_fault(rc) && !atomic_load(&b->troubled))
        return;
    pthread_mutex_lock(&b->lock);
    bool probe = b->state == LT_BREAKER_HALF_OPEN;
    b->probing = false;
    if (rc == LT_OK) {
        if (probe)
            lt_log(LT_LOG_INFO, "provider.circuit_closed", LT_SS("instance", instance->name));
        make_new(b);
    } else if (is_fault(rc) && instance->breaker_faults > 0) {
        atomic_store(&b->troubled, true);
        b->faults++;
        bool told = rc == LT_EUPSTREAM_RATE_LIMITED && retry_after_s > 0;
        if (b->state != LT_BREAKER_OPEN && (probe || told || b->faults >= instance->breaker_faults))
            open_circuit(b, instance, rc, retry_after_s, now_ms);
    }
    pthread_mutex_unlock(&b->lock);
}

struct lt_breaker_view lt_breaker_look(struct lt_breaker *b, uint64_t now_ms)
{
    pthread_mutex_lock(&b->lock);
    struct lt_breaker_view view = {.state = b->state, .faults = b->faults, .cause = b->state == LT_BREAKER_CLOSED ? LT_OK : b->cause};
    if (b->state == LT_BREAKER_OPEN && now_ms >= b->until_ms)
        view.state = LT_BREAKER_HALF_OPEN;
    else if (b->state == LT_BREAKER_OPEN)
        view.wait_ms = b->until_ms - now_ms;
    pthread_mutex_unlock(&b->lock);
    return view;
}
