/*
 * Keys of idempotency whose answer could not be kept, or which could not be given back, while the store was away. Until that is made up for they are in
 * use, and who asks again is told to wait; so they are noted here until the store takes it. Any thread.
 */
#pragma once
#include "api/idempotency_store.h"

enum { LT_UNKEPT_MAX = 4096 /* more are left to whoever finds this process gone */ };

struct lt_unkept *lt_unkept_new(void);
void lt_unkept_free(struct lt_unkept *u);
/* Copies all. state: what becomes of the key, without the answer; "" gives it back, unless that call has ended well. False: there are LT_UNKEPT_MAX. */
bool lt_unkept_add(struct lt_unkept *u, const struct lt_key_id *id, struct lt_str state, struct lt_str call_id);
/* Writes all of them, or as many as the store takes. One load when there is none. Fiber. */
enum lt_code lt_unkept_write(struct lt_unkept *u, struct lt_store *store, struct lt_error *err);
