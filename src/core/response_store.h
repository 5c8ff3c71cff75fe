/*
 * Answers of the Responses API (OpenAI's API reference, "Responses") in the store: each with the input of its turn, linked to the answer
 * that it goes on from. So Lectern keeps the thread, whatever vendor answers. A row belongs to a site and to the user whom the call was for,
 * or to the key that named nobody; for everybody else it is not there.
 *
 * What an item is, is the business of src/api/openai_responses*.c: here items are JSON text.
 *
 * Everything here: fiber, or outside loops. Results lie in the arena of the call.
 */
#pragma once
#include "base/uuid.h"
#include "core/caller.h"

enum {
    LT_RESPONSE_ITEMS_MAX = 400,             /* in the input of one answer */
    LT_RESPONSE_BYTES_MAX = 10 << 20,        /* of its input, and of its output, as JSON */
    LT_RESPONSE_THREAD_MAX = 200,            /* answers of a thread that are read: the newest */
    LT_RESPONSE_THREAD_BYTES_MAX = 12 << 20, /* of their items */
    LT_RESPONSE_KEEP_DAYS = 30,              /* when the site says nothing: as long as the API says */
};

struct lt_response_owner {
    int64_t site_id;
    struct lt_str user_id;                   /* "": what the key asked, for whomever */
    int64_t key_id;                          /* 0: no key */
    int64_t since;                           /* ms: what was made before is not kept any more */
    const struct lt_site *site;              /* whose guard says whether texts are sealed (core/guard.h) */
};
/* Who calls, and what of it is still kept. */
struct lt_response_owner lt_response_owner_of(const struct lt_caller *caller);

struct lt_stored_response {
    struct lt_uuid id, previous_id;          /* previous all zero: it begins a thread */
    struct lt_uuid call_id;                  /* of the register */
    struct lt_str status;                    /* in_progress, completed, incomplete, failed, cancelled */
    struct lt_str reason;                    /* of an incomplete one, else "" */
    struct lt_str code, message;             /* of a failed one */
    struct lt_str model;
    bool by_key;                             /* a key asked for it: it may tell more than a user's token is told. Read only */
    struct lt_str settings;                  /* JSON object */
    struct lt_str input, output;             /* JSON arrays */
    struct lt_usage usage;
    int64_t created_at, completed_at;        /* ms */
};

/* Adds the row to a unit. LT_ETOO_LARGE when input or output is above LT_RESPONSE_BYTES_MAX; then nothing is added. */
enum lt_code lt_response_tx_add(struct lt_tx *tx, const struct lt_response_owner *owner, const struct lt_stored_response *response,
                                struct lt_error *err);
/*
 * Writes how a response `in_progress` ended: status, reason, code, message, model, output, usage, completed_at. Durable when it returns. One that was
 * removed meanwhile stays so, and one that has ended stays as it is. LT_ETOO_LARGE.
 */
enum lt_code lt_response_end(struct lt_store *store, const struct lt_response_owner *owner, const struct lt_stored_response *response,
                             struct lt_error *err);
/* Removes a response of which nothing was shown. Does not wait. */
void lt_response_forget(struct lt_store *store, struct lt_uuid id);

/* LT_ENOT_FOUND, also when it is another's. */
enum lt_code lt_response_find(struct lt_store *store, struct lt_arena *arena, const struct lt_response_owner *owner, struct lt_uuid id,
                              struct lt_stored_response *ret, struct lt_error *err);
/* With its input; what goes on from it lacks its beginning then. LT_ENOT_FOUND. */
enum lt_code lt_response_remove(struct lt_store *store, const struct lt_response_owner *owner, struct lt_uuid id, struct lt_error *err);

/* One turn of a thread. */
struct lt_response_turn {
    struct lt_uuid id;
    struct lt_str input, output;             /* JSON arrays */
};
enum lt_response_gap {
    LT_RESPONSE_WHOLE,                       /* from its first answer on */
    LT_RESPONSE_GONE,                        /* an answer of it was removed, or is not kept any more */
    LT_RESPONSE_LONG,                        /* it is longer than the limits above */
};
struct lt_response_thread {
    struct lt_response_turn *turns;          /* oldest first, up to and with the answer asked for */
    size_t n;
    enum lt_response_gap before;             /* why the thread does not reach back further */
};
/* The thread that ends with `id`. LT_ENOT_FOUND when that one is not there. */
enum lt_code lt_response_read_thread(struct lt_store *store, struct lt_arena *arena, const struct lt_response_owner *owner, struct lt_uuid id,
                                     struct lt_response_thread *ret, struct lt_error *err);

/* Removes up to `max` responses that are not kept any more. *ret_more: there may be others. */
enum lt_code lt_response_sweep(struct lt_store *store, const struct lt_config *config, int64_t now_ms, int max, bool *ret_more, struct lt_error *err);
