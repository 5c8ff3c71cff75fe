/*
 * What vendors keep of a conversation (core/kept_thread.c) is deleted there when the conversation is gone here: the unit that takes it away here
 * names it in table privacy_vendor_deletion, and privacy/vendor.c sees to it.
 */
#pragma once
#include "store/store.h"

#define LT_VENDOR_DELETION_MS (INT64_C(3) * 86400000) /* for so long it is tried */

/* Adds what the vendor keeps of one session. */
void lt_vendor_forget_session(struct lt_tx *tx, int64_t session_id);
/* The same when its thread goes on at that instance from now on (0: nowhere), and not where it was kept before. */
void lt_vendor_forget_elsewhere(struct lt_tx *tx, int64_t session_id, int64_t thread, int64_t instance_id);
/* The same of all sessions of a profile, or of a scope. */
void lt_vendor_forget_profile(struct lt_tx *tx, int64_t profile_id);
void lt_vendor_forget_scope(struct lt_tx *tx, int64_t site_id, int64_t scope_id);
/* The same of all sessions of a user, for this job. */
void lt_vendor_forget_user(struct lt_tx *tx, int64_t job_id, int64_t site_id, struct lt_str user_id);
