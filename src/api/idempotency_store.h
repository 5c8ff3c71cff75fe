/* Keys of idempotency in the store: one row each, claimed by who comes first. For idempotency.c. */
#pragma once
#include "api/request.h"

enum {
    LT_KEPT_BODY_MAX = 1 << 20,   /* bytes of an answer that is kept */
    LT_KEYS_PER_CALLER = 10000,   /* at one time */
    LT_KEPT_FIELDS_MAX = 4096,
};

/* What a key stands for: strings in the request's arena. */
struct lt_key_id {
    int64_t site_id;
    struct lt_str caller, name;
};

struct lt_kept {
    uint8_t hash[32];          /* of what was asked */
    struct lt_str state;       /* running, done, interrupted */
    struct lt_str call_id;     /* of a streamed call, else "" */
    struct lt_str form;        /* whole, events, stream */
    int status;
    struct lt_str type, fields, body; /* fields: lines "Name: value"; body {NULL, 0}: not kept */
};

/*
 * Takes the key for a request: durable when it returns. LT_ECONFLICT: somebody has it; LT_ERATE_LIMITED: the caller has as many as may be.
 * Fiber, as all below but sweep.
 */
enum lt_code lt_key_claim(struct lt_store *store, struct lt_arena *arena, const struct lt_key_id *id, const uint8_t hash[32], int64_t kept_s,
                          struct lt_error *err);
/* Who has it. LT_ENOT_FOUND: nobody, any more. */
enum lt_code lt_key_find(struct lt_store *store, struct lt_arena *arena, const struct lt_key_id *id, struct lt_kept *ret, struct lt_error *err);
/* The answer of a claimed key (form to body); durable when it returns. */
enum lt_code lt_key_keep(struct lt_store *store, const struct lt_key_id *id, const struct lt_kept *answer, struct lt_error *err);
/* It is as if the key had not been used. */
enum lt_code lt_key_release(struct lt_store *store, const struct lt_key_id *id, struct lt_error *err);
/* The same for one whose call failed with the store away, once the register knows how it ended: if well after all, the answer counts as not kept. */
enum lt_code lt_key_settle(struct lt_store *store, const struct lt_key_id *id, struct lt_str call_id, struct lt_error *err);
/* Which call it is; without waiting. */
void lt_key_post_call(struct lt_store *store, const struct lt_key_id *id, const char *call_id);
/* Drops what has expired, without waiting. Any thread. */
void lt_key_sweep(struct lt_store *store);
