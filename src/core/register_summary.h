/* What is kept of calls that are removed by age: sums for each day, nothing of users. */
#pragma once
#include "base/uuid.h"
#include "store/store.h"

/* Adds the call to the sums of its day in the time zone. One whose begin is not there adds nothing. LT_ESTORE. */
enum lt_code lt_register_summarise(struct lt_store *store, struct lt_arena *arena, struct lt_tx *tx, struct lt_str zone, struct lt_uuid call_id,
                                   struct lt_error *err);
