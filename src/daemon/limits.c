/* Keeps what this process holds of limits that processes share: on a fiber of its own, as it waits for the database. */
#include "core/gates.h"
#include "core/quota.h"
#include "daemon/daemon.h"

void lt_daemon_keep_limits(void *daemon)
{
    struct lt_daemon *d = daemon;
    struct lt_quota *quota = lt_ledger_quota(lt_manager_ledger(d->engine.manager));
    lt_fiber_set_name("limits keeper");
    while (quota && lt_fiber_sleep(LT_QUOTA_KEEP_MS) != LT_ECANCELLED)
        lt_quota_keep(quota);
    d->limits_keeper = NULL;
}
