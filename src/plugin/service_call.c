/* One call through a lease. */
#include "plugin/service_call.h"

#include "base/log.h"

static enum lt_service_status how(enum lt_code rc)
{
    return rc == LT_ETIMEOUT ? LT_SERVICE_TIMEOUT : rc == LT_EUPSTREAM_UNAVAILABLE ? LT_SERVICE_FAULTED : LT_SERVICE_OK;
}

enum lt_code lt_lease_call(struct lt_lease *l, const struct lt_service_question *q, const struct lt_json **ret, struct lt_error *err)
{
    *ret = NULL;
    if (q->depth > LT_SERVICE_DEPTH_MAX)
        return lt_fail(err, LT_EOVERLOADED, "more than %d services wait for one another", LT_SERVICE_DEPTH_MAX);
    if (lt_lease_enter(l))
        return lt_fail(err, LT_EUPSTREAM_UNAVAILABLE, "the lease is no longer good");
    const struct lt_service_vtable *v = lt_lease_vtable(l);
    enum lt_code rc = LT_SERVICE_HAS(struct lt_service_vtable, v, call)
                          ? v->call(lt_lease_instance(l), l, q, ret, err)
                          : lt_fail(err, LT_EUNSUPPORTED, "service '%s' of '%s' is announced only: it cannot be called here", l->entry->name,
                                    l->entry->plugin);
    lt_lease_leave(l, how(rc), rc ? err->detail : NULL);
    return rc;
}
