/* The set of a process: read again when the configuration is newer than what it was read for. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "io/fiber.h"
#include "workflows/scope_private.h"

enum { LOOK_AGAIN_MS = 5, WAIT_MS = 30000 };

struct lt_scopes {
    struct lt_store *store;
    pthread_mutex_t lock;      /* of what follows; never held over a wait */
    struct lt_scope_set *set;  /* NULL before the first was read */
    int64_t generation;        /* of the configuration that it was read for */
    bool loading;
};

struct lt_scopes *lt_scopes_new(struct lt_store *store)
{
    struct lt_scopes *s = calloc(1, sizeof(*s));
    if (!s)
        lt_out_of_memory(0);
    s->store = store;
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

void lt_scopes_free(struct lt_scopes *s)
{
    if (!s)
        return;
    lt_scope_set_unref(s->set);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

enum answer { TAKE, LOAD, WAIT };

/* What to do now; TAKE: *ret has a reference. With LOAD the caller is the one who loads, *ret is what there was. */
static enum answer look(struct lt_scopes *s, int64_t generation, bool fresh, struct lt_scope_set **ret)
{
    enum answer a = WAIT;
    pthread_mutex_lock(&s->lock);
    if (s->set && (s->generation >= generation || (s->loading && !fresh)))
        a = TAKE;
    else if (!s->loading)
        a = LOAD;
    if (a == LOAD)
        s->loading = true;
    *ret = s->set && a != WAIT ? lt_scope_set_ref(s->set) : NULL;
    pthread_mutex_unlock(&s->lock);
    return a;
}

static enum lt_code load(struct lt_scopes *s, int64_t generation, struct lt_scope_set *previous, struct lt_scope_set **ret, struct lt_error *err)
{
    struct lt_scope_set *set = NULL;
    enum lt_code rc = lt_scope_set_load(s->store, previous, &set, err);
    pthread_mutex_lock(&s->lock);
    s->loading = false;
    if (rc == LT_OK) {
        lt_scope_set_unref(s->set);
        s->set = lt_scope_set_ref(set);
        s->generation = generation;
    }
    pthread_mutex_unlock(&s->lock);
    *ret = set;
    return rc;
}

enum lt_code lt_scopes_get(struct lt_scopes *s, int64_t generation, bool fresh, struct lt_scope_set **ret, struct lt_error *err)
{
    struct lt_error own;
    err = err ? err : &own;
    uint64_t until = lt_mono_ms() + WAIT_MS;
    for (;;) {
        struct lt_scope_set *set;
        enum answer a = look(s, generation, fresh, &set);
        if (a == LOAD) {
            enum lt_code rc = load(s, generation, set, ret, err);
            if (rc == LT_OK || !set || fresh) {
                lt_scope_set_unref(set);
                return rc;
            }
            lt_log_error("scope.stale", err); /* the earlier set serves on; the next one who asks tries again */
        }
        *ret = set;
        if (a != WAIT)
            return LT_OK;
        if (lt_mono_ms() > until)
            return lt_fail(err, LT_EOVERLOADED, "the scopes are still being read");
        if (lt_fiber_sleep(LOOK_AGAIN_MS) == LT_ECANCELLED)
            return lt_fail(err, LT_ECANCELLED, "cancelled while the scopes were being read");
    }
}
