/* Why connections to services end: counted for the process, and told to the log at debug level. Any thread, without a lock. */
#pragma once
#include <stdint.h>

#define LT_UPSTREAM_CLOSED(X) \
    X(IDLE, "idle")               /* unused for as long as the pool keeps one */                               \
    X(FULL, "pool_full")          /* the longest unused made room for another */                               \
    X(SERVICE, "service_closed")  /* the service closed it between two answers, or spoke without being asked */ \
    X(TOLD, "not_kept_alive")     /* by the answer's head or by its form, it is good for one answer */         \
    X(UNREAD, "not_read")         /* who asked needed no more of the answer */                                 \
    X(CANCELLED, "cancelled")     /* the call was */                                                           \
    X(LATE, "timeout")            /* nothing came, or nothing could be sent, for too long */                   \
    X(FAILED, "failed")           /* it broke, or what came was no answer */                                   \
    X(ONCE, "handed_over")        /* between processes, which use each for one stream */                       \
    X(END, "shutdown")            /* the loop ends */
enum lt_upstream_closed {
#define X(symbol, name) LT_UPSTREAM_CLOSED_##symbol,
    LT_UPSTREAM_CLOSED(X)
#undef X
        LT_UPSTREAM_CLOSED_COUNT
};
const char *lt_upstream_closed_name(enum lt_upstream_closed why);
/* One has ended; key: scheme, host and port. */
void lt_upstream_closed(const char *key, enum lt_upstream_closed why);
/* How many since the process began. */
uint64_t lt_upstream_closed_count(enum lt_upstream_closed why);
