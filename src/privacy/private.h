/* Private to src/privacy. */
#pragma once
#include <stdatomic.h>

#include "core/sole.h"
#include "privacy/inventory.h"
#include "privacy/privacy.h"
#include "text/json.h"

struct lt_privacy {
    struct lt_privacy_options options;
    atomic_bool wanted;
    atomic_flag working;
    bool leased;               /* it holds, or asks for, the leases below: a daemon does, the command line does not */
    struct lt_sole erasing, vendors; /* each is one process's work at a time; used by the fiber that does it */
};

/* Is the work still this process's? LT_ECANCELLED: no, another has taken the lease, and does it. Prolongs the lease. */
enum lt_code lt_privacy_still(const struct lt_privacy *p, struct lt_sole *lease, struct lt_error *err);

/*
 * The next calls of a user behind *after (16 bytes, all 0: from the first), oldest first. to_erase: those whose end is on record and that were not
 * erased before (a name that an erasure gave may be asked for, too). *ret_end: no others are left. *after is moved on. In the arena.
 */
enum lt_code lt_privacy_calls(struct lt_store *store, struct lt_arena *arena, const struct lt_privacy_words *words, bool to_erase,
                              struct lt_uuid *after, struct lt_str **ret, size_t *ret_n, bool *ret_end, struct lt_error *err);
enum lt_code lt_privacy_check_user(struct lt_str user_id, struct lt_error *err);
/* Adds the row of a job that begins. */
void lt_privacy_job_add(struct lt_tx *tx, const struct lt_site *site, const char *kind, struct lt_str user_id, struct lt_str asked_by,
                        char uuid[37]);
/* Erases all of one user as the words say, but not the files; the job's row counts along. */
enum lt_code lt_privacy_erase_rows(struct lt_privacy *p, struct lt_privacy_words *words, struct lt_error *err);
