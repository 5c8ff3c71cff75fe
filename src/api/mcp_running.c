/* Which request of which session made which call, for notifications/cancelled. As many entries as calls run; an entry lies with its request. */
#include <pthread.h>
#include <stdlib.h>

#include "base/memory.h"
#include "api/mcp.h"

enum { BUCKETS = 256 };

struct lt_mcp_calls {
    pthread_mutex_t lock;
    struct lt_mcp_running *buckets[BUCKETS];
};

struct lt_mcp_calls *lt_mcp_calls_new(void)
{
    struct lt_mcp_calls *calls = calloc(1, sizeof(*calls));
    if (!calls)
        lt_out_of_memory(0);
    pthread_mutex_init(&calls->lock, NULL);
    return calls;
}

void lt_mcp_calls_free(struct lt_mcp_calls *calls)
{
    if (!calls)
        return;
    pthread_mutex_destroy(&calls->lock);
    free(calls);
}

static struct lt_mcp_running **bucket_of(struct lt_mcp_calls *calls, const struct lt_mcp_running *k)
{
    uint64_t h = lt_hash64(LT_HASH64_START ^ (uint64_t)k->site_id, k->session.p, k->session.n);
    return &calls->buckets[lt_hash64(h, k->request_id.p, k->request_id.n) % BUCKETS];
}

/* Whose it is, and what it is called there. */
static struct lt_mcp_running key_of(const struct lt_mcp *mcp, const struct lt_json *request_id)
{
    const struct lt_caller *caller = &mcp->r->caller;
    return (struct lt_mcp_running){.site_id = caller->site->id,
                                   .key_id = caller->key ? caller->key->id : 0,
                                   .user = caller->user_id,
                                   .session = mcp->session,
                                   .request_id = lt_json_text(mcp->r->arena, request_id)};
}

static bool same(const struct lt_mcp_running *a, const struct lt_mcp_running *b)
{
    return a->site_id == b->site_id && a->key_id == b->key_id && lt_str_eq(a->user, b->user) && lt_str_eq(a->session, b->session) &&
           lt_str_eq(a->request_id, b->request_id);
}

void lt_mcp_running_add(const struct lt_mcp *mcp, const struct lt_json *request_id, struct lt_uuid call, struct lt_mcp_running *running)
{
    struct lt_mcp_calls *calls = mcp->r->api->mcp_calls;
    *running = key_of(mcp, request_id);
    running->call = call;
    struct lt_mcp_running **bucket = bucket_of(calls, running);
    pthread_mutex_lock(&calls->lock);
    running->next = *bucket;
    *bucket = running;
    pthread_mutex_unlock(&calls->lock);
}

void lt_mcp_running_remove(struct lt_mcp_calls *calls, struct lt_mcp_running *running)
{
    struct lt_mcp_running **at = bucket_of(calls, running);
    pthread_mutex_lock(&calls->lock);
    while (*at != running)
        at = &(*at)->next;
    *at = running->next;
    pthread_mutex_unlock(&calls->lock);
}

/* A call that waits at a gate still is not found by its id, and goes on. */
void lt_mcp_cancel(const struct lt_mcp *mcp, const struct lt_json *request_id)
{
    struct lt_mcp_calls *calls = mcp->r->api->mcp_calls;
    struct lt_mcp_running key = key_of(mcp, request_id);
    struct lt_uuid call = {0};
    pthread_mutex_lock(&calls->lock);
    for (const struct lt_mcp_running *p = *bucket_of(calls, &key); p && lt_uuid_is_null(call); p = p->next)
        if (same(p, &key))
            call = p->call;
    pthread_mutex_unlock(&calls->lock);
    if (!lt_uuid_is_null(call))
        lt_call_cancel(mcp->r->api->options.manager, call, &mcp->r->caller, NULL);
}
