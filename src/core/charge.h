/*
 * What one call reserves of its limits, and what becomes of it. At the gate a request of each limit; for each try at an instance what it may
 * cost at most: a request of the instance's own limits, and tokens and money of all. A try is settled when it has ended. The units of begin
 * and end carry the counters along (table usage_counter): what a killed process had reserved stays counted.
 */
#pragma once
#include "core/caller.h"
#include "core/ledger.h"
#include "core/neutral.h"
#include "store/store.h"

struct lt_held;

struct lt_charge {           /* of one call; lies in its arena */
    struct lt_arena *arena;
    struct lt_ledger *ledger;
    const struct lt_site *site;
    struct lt_limit_call call;
    struct lt_held *list;    /* newest first */
    bool final;              /* a limit has refused that no other instance can help with */
    const struct lt_limit *refused_by;
};

/*
 * The gate: a request of all limits but those of providers, and whether anything is left of tokens and money. look: reserves nothing.
 * LT_ERATE_LIMITED, LT_EBUDGET with retry_after_s; LT_EOVERLOADED. A charge that is all zero is one without limits.
 */
enum lt_code lt_charge_open(struct lt_charge *charge, struct lt_arena *arena, struct lt_ledger *ledger, const struct lt_caller *caller,
                            const struct lt_place *place, struct lt_str action, bool look, struct lt_error *err);
/* What a caller's calls are for limits; texts are the caller's, roles lie in the arena. */
struct lt_limit_call lt_charge_call(struct lt_arena *arena, struct lt_ledger *ledger, const struct lt_caller *caller, struct lt_str course_id,
                                    struct lt_str action);
/* Do limits of tokens or money count for a try at this instance? */
bool lt_charge_counts(const struct lt_charge *charge, int64_t instance);

struct lt_estimate {
    int64_t tokens;
    int64_t cost;            /* -1: there is no price */
    struct lt_str model, instance; /* for an error */
};
/* Before a try: the errors of lt_charge_open(). charge->final says whether other instances need not be asked. */
enum lt_code lt_charge_try(struct lt_charge *charge, int64_t instance, const struct lt_estimate *most, struct lt_error *err);
/* After it, with what it came to; asked: the vendor was, so that it counts as a request. */
void lt_charge_tried(struct lt_charge *charge, bool asked, int64_t tokens, int64_t cost);
/* The call has ended: asked as above, of any try. Once; what lt_charge_record() adds afterwards is the whole truth. */
void lt_charge_close(struct lt_charge *charge, bool asked);
/* Is there anything for lt_charge_record() to add? */
bool lt_charge_unwritten(const struct lt_charge *charge);
/* Adds to a unit what is reserved or settled since the last time. */
void lt_charge_record(struct lt_charge *charge, struct lt_tx *tx);

/* The unit that it was added to last has failed: adds the same to another one. */
void lt_charge_record_again(struct lt_charge *charge, struct lt_tx *tx);
/* So have all units that it was added to: adds all of it to another one. */
void lt_charge_record_whole(struct lt_charge *charge, struct lt_tx *tx);

/* Start-up: what the store knows of all counters. */
enum lt_code lt_charge_load(struct lt_store *store, struct lt_ledger *ledger, struct lt_error *err);
/* The counters of a user who was erased stand under `key` (core/erased_user.h) in the store: from now on they do here. */
enum lt_code lt_charge_erased(struct lt_store *store, struct lt_ledger *ledger, int64_t site_id, struct lt_str key, struct lt_error *err);

/* About once a minute: forgets what counts no more, in memory and in the store. */
void lt_charge_sweep(struct lt_store *store, struct lt_ledger *ledger);
