/* Naming what vendors are to delete. */
#include "core/vendor_deletion.h"

#include "base/clock.h"

/* $1 job, $2 now, $3 until when; one that is known already is seen to already. */
#define ADD                                                                                                                  \
    "INSERT INTO privacy_vendor_deletion (site_id, job_id, instance_id, response_id, state, not_before, give_up_at, created_at)" \
    " SELECT s.site_id, $1, s.remote_instance_id, s.remote_response_id, 'waiting', $2, $3, $2 FROM workflow_session s"       \
    " WHERE s.remote_response_id <> '' AND "
#define ONCE " ON CONFLICT (instance_id, response_id) DO NOTHING"
#define TIMES(job) LT_INT(job), LT_INT(now), LT_INT(now + LT_VENDOR_DELETION_MS)

void lt_vendor_forget_session(struct lt_tx *tx, int64_t session_id)
{
    int64_t now = lt_now_ms();
    LT_TX(tx, ADD "s.id = $4" ONCE, TIMES(0), LT_INT(session_id));
}

void lt_vendor_forget_elsewhere(struct lt_tx *tx, int64_t session_id, int64_t thread, int64_t instance_id)
{
    int64_t now = lt_now_ms();
    LT_TX(tx, ADD "s.id = $4 AND s.thread = $5 AND s.remote_instance_id <> $6" ONCE, TIMES(0), LT_INT(session_id), LT_INT(thread),
          LT_INT(instance_id));
}

void lt_vendor_forget_profile(struct lt_tx *tx, int64_t profile_id)
{
    int64_t now = lt_now_ms();
    LT_TX(tx, ADD "s.profile_id = $4" ONCE, TIMES(0), LT_INT(profile_id));
}

void lt_vendor_forget_scope(struct lt_tx *tx, int64_t site_id, int64_t scope_id)
{
    int64_t now = lt_now_ms();
    LT_TX(tx, ADD "s.scope_id = $4 AND s.site_id = $5" ONCE, TIMES(0), LT_INT(scope_id), LT_INT(site_id));
}

void lt_vendor_forget_user(struct lt_tx *tx, int64_t job_id, int64_t site_id, struct lt_str user_id)
{
    int64_t now = lt_now_ms();
    LT_TX(tx, ADD "s.site_id = $4 AND s.user_id = $5" ONCE, TIMES(job_id), LT_INT(site_id), LT_TEXT(user_id));
}
