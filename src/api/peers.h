/*
 * Streams of calls that another process on the database runs (core/member.h). The request is asked there again, by the address that the process has
 * told, with a field Lectern-Peer instead of the client's credentials: a MAC under a key made of the master key, over call, site, the user whose call it is
 * and a time a few seconds ahead. It is good for that one stream, and is never asked on.
 */
#pragma once
#include "api/request.h"

enum { LT_PEER_TOKEN_MS = 30 * 1000 };

/* Does the request come from another process, as it says? */
bool lt_peer_asks(const struct lt_request *r);
/* Is that so? The caller is then the user whose call it is, without any role. LT_EUNAUTHENTICATED. */
enum lt_code lt_peer_check(struct lt_request *r, struct lt_error *err);

/*
 * Answers with what another process streams of a call of `user_id`, whom the request may see, from behind event *after on, until that has ended (true) or
 * is cut off or cannot be reached (false; then *after is the number of the last whole event that the client was given, and *begun whether the answer
 * has begun). Request's fiber.
 */
bool lt_peer_follow(struct lt_request *r, struct lt_uuid id, struct lt_str user_id, uint64_t *after, bool *begun);
