/*
 * The sealer: chains what was committed to the register, site by site, and signs the end of each chain, in the database and in a file outside of it.
 * At any time one extends a chain: a second one's transaction fails on the head's version, and it looks again. Blocking: on a thread of its own, or
 * outside loops. One thread at a time.
 */
#pragma once
#include "core/sole.h"
#include "core/register_head.h"

#define LT_REGISTER_LEASE "register"

struct lt_register_sealer;

/* head_file: DATA/register.head; the text is copied. Nothing is read before the first round. */
struct lt_register_sealer *lt_register_sealer_new(struct lt_store *store, const char *head_file);
/* From now on units are only written while the lease is held. It outlives the sealer. */
void lt_register_sealer_use(struct lt_register_sealer *sealer, struct lt_sole *lease);
void lt_register_sealer_free(struct lt_register_sealer *sealer); /* NULL allowed */
/*
 * Chains everything that is pending, in transactions of a few hundred entries, then writes the file. *ret_n: entries. The deadline (monotonic ms) is looked
 * at between them. LT_ESTORE, LT_ECONFIG (no master key), LT_EIO (the file: the next round writes it).
 */
enum lt_code lt_register_seal(struct lt_register_sealer *sealer, uint64_t deadline_ms, size_t *ret_n, struct lt_error *err);

/* ---- for who extends chains: sealer and retention ---- */

/* Where a chain is now: head (all zero: none yet) and the last entry that is there. */
struct lt_register_end {
    struct lt_register_head head;
    bool has_head;
    int64_t seq;
    uint8_t hash[LT_REGISTER_HASH];
};
/* Of the sites that stand in the heads, 64 with one query. LT_ESTORE. */
enum lt_code lt_register_find_ends(struct lt_store *store, struct lt_arena *arena, struct lt_register_end *ends, size_t n, struct lt_error *err);
/* Puts an entry behind the end, which moves on: fills site, seq and hash. */
void lt_register_append(struct lt_tx *tx, struct lt_register_end *end, struct lt_register_entry *entry);
/* Signs the end as the new head: the unit fails with LT_ECONFLICT when somebody else has moved the chain. */
void lt_register_move_head(struct lt_tx *tx, const struct lt_keyring *ring, struct lt_register_end *end, int64_t now);
