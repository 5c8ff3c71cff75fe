/*
 * The response cache: an answer is given again to a call that is the same to the letter (docs/response-cache.md). Off unless a profile says
 * otherwise: its step that asks a model has `response_cache` {ttl_s, scope}, which comes here in the call's settings. Entries are rows of the
 * store, so that processes over one database share them.
 *
 * Of a site that keeps no content nothing is looked up or kept. Only calls for text count, without tools, images, log probabilities or a thread that
 * a vendor keeps; only answers that ended well (`stop`) are kept. A hit is a call of its own with begin and end, and without an attempt.
 */
#pragma once
#include "base/uuid.h"
#include "core/neutral.h"
#include "store/store.h"

enum {
    LT_ANSWER_CACHE_TTL_MAX_S = 7 * 24 * 3600,
    LT_ANSWER_CACHE_ROWS_MAX = 10000,          /* of a site: the newest */
    LT_ANSWER_CACHE_TEXT_MAX = 256 * 1024,     /* bytes of an answer */
};

/* What is wrong with a profile's `response_cache`; NULL: nothing, or it has none. For saving and for runs. */
const char *lt_answer_cache_rule_wrong(const struct lt_json *rule);

/* Of one call at one instance; lies with the call. */
struct lt_answer_cache_use {
    bool on;                    /* the key is right, and an answer may be kept under it */
    bool hit;                   /* the answer came from there: */
    uint8_t key[32];
    int64_t ttl_s;
    struct lt_uuid source;      /* the call that was answered first */
    int64_t saved_cost;         /* what that cost; -1: not known */
};

struct lt_manager;
/* Calls with a cache, of this process since its start: answered from it, and not. Any thread. */
void lt_answer_cache_counts(const struct lt_manager *manager, uint64_t *ret_hits, uint64_t *ret_misses);
/* How a call of the register was answered; false: by a provider. LT_ESTORE counts as that. Fiber. */
bool lt_answer_cache_hit_of(struct lt_store *store, struct lt_arena *arena, struct lt_uuid call_id, struct lt_uuid *ret_source, int64_t *ret_saved);
