/* One counter a reason. */
#include "io/upstream_closed.h"

#include <stdatomic.h>

#include "base/log.h"

static _Atomic uint64_t closed[LT_UPSTREAM_CLOSED_COUNT]; /* of the process, as the log is */

const char *lt_upstream_closed_name(enum lt_upstream_closed why)
{
    static const char *const names[] = {
#define X(symbol, name) name,
        LT_UPSTREAM_CLOSED(X)
#undef X
    };
    return names[why];
}

void lt_upstream_closed(const char *key, enum lt_upstream_closed why)
{
    atomic_fetch_add_explicit(&closed[why], 1, memory_order_relaxed);
    lt_log(LT_LOG_DEBUG, "upstream.closed", LT_S("reason", lt_upstream_closed_name(why)), LT_S("service", key));
}

uint64_t lt_upstream_closed_count(enum lt_upstream_closed why)
{
    return atomic_load_explicit(&closed[why], memory_order_relaxed);
}
