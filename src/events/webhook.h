/* Webhooks as the Standard Webhooks specification (1.0.0) has them signed. Pure. */
#pragma once
#include "base/arena.h"

/*
 * "v1,BASE64": HMAC-SHA256 of "ID.TIMESTAMP.BODY" under the bytes of a "whsec_…" secret. timestamp: seconds since 1970. "" when the secret is none. In the
 * arena.
 */
struct lt_str lt_webhook_sign(struct lt_arena *arena, struct lt_str secret, struct lt_str id, int64_t timestamp, struct lt_str body);
