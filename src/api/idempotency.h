/*
 * Idempotency-Key (draft-ietf-httpapi-idempotency-key-header-07): a call that costs money and came with a key is made once. The same key
 * with the same request gives the same answer, by whatever process and after whatever happened meanwhile; with another request 409
 * idempotency_key_reused; while the first is under way 409 idempotency_key_in_use with Retry-After, or its stream. For all routes alike:
 * dispatch.c begins it, what answers goes by here. Request's fiber.
 */
#pragma once
#include "api/request.h"

enum { LT_IDEMPOTENCY_KEY_MAX = 255 };

/* The field: 1 to 255 visible ASCII characters, {"", 0} when there is none. LT_EINVALID_INPUT. */
enum lt_code lt_idempotency_key(struct lt_request *r, struct lt_str *ret, struct lt_error *err);
/* SHA-256 of what makes two requests the same: address, query, place, whether it is to be streamed, body. Who asks is in the key. */
void lt_idempotency_hash(struct lt_request *r, uint8_t ret[32]);
/* Is the request one that a key is kept for? Background tasks keep theirs with the task (workflows/task.h). */
bool lt_idempotency_asked(struct lt_request *r);
/* Runs the handler, or answers what is kept. */
void lt_idempotency_run(struct lt_request *r);

/* ---- what the handler does; nothing happens when r has no key ---- */

/* An answer in one piece goes out next. */
void lt_idempotency_answer(struct lt_request *r, int status, const char *type, const struct lt_http_field *extra, size_t extra_n, struct lt_str body);
/* Which call a problem goes out for next. */
void lt_idempotency_call(struct lt_request *r, const char *call_id);
/* A stream of events begins that can be followed by its call's id. */
void lt_idempotency_stream(struct lt_request *r, struct lt_uuid id);
/* Its last event goes out next: `done`, or with a code `error`. */
void lt_idempotency_last_event(struct lt_request *r, enum lt_code code, struct lt_str data);
