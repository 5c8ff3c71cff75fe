/*
 * Users whose data were erased, as far as limits ask: what they had used still counts, under a keyed hash in the place of their id. Who was
 * erased is looked up by that hash, so nothing here names anybody. Any thread.
 */
#pragma once
#include "core/caller.h"

#define LT_ERASED_MARK '\x01' /* in no user's id: LT_ERASED_MARK and 32 hexadecimal digits */
enum { LT_ERASED_KEY = 33, LT_ERASED_MAX = 1 << 20 /* remembered at once; of more what they had used is forgotten */ };

struct lt_erased_users;
struct lt_erased_users *lt_erased_users_new(void);
void lt_erased_users_free(struct lt_erased_users *users);
void lt_erased_add(struct lt_erased_users *users, int64_t site_id, struct lt_str key);
/* The key of a user. */
void lt_erased_key(const struct lt_site *site, struct lt_str user_id, char ret[LT_ERASED_KEY + 1]);
/* What counters have in the place of the user: the id, or of one who was erased the key, in the arena. */
struct lt_str lt_erased_name(struct lt_erased_users *users, struct lt_arena *arena, const struct lt_site *site, struct lt_str user_id);
