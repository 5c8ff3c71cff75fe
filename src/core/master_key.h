/*
 * All processes on a PostgreSQL database have the same master keys. The database knows what the present one is called; of SQLite the key lies beside the
 * file, and nothing is looked at.
 */
#pragma once
#include "core/sealed.h"

/* LT_ECONFIG: the ring does not have the key that the daemons on the database seal with. Fiber, or outside loops. */
enum lt_code lt_master_key_check(struct lt_store *store, const struct lt_keyring *ring, struct lt_error *err);
/* The same for a daemon: the first key of its ring, when it is new, is the present one from now on. */
enum lt_code lt_master_key_use(struct lt_store *store, struct lt_error *err);
