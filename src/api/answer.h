/* The object that answers an action: the same live, in `done` events, and from the register. */
#pragma once
#include "api/request.h"
#include "core/register.h"

/* A successful live call. Users' tokens do not see provider, model and attempts. */
void lt_answer_write(struct lt_request *r, struct lt_jw *w, const struct lt_call_result *result);
/* A stored call in whatever state, with `state`; a failed one carries `error`. attempts: JSON array text. */
void lt_answer_write_stored(struct lt_request *r, struct lt_jw *w, const struct lt_register_call *call, struct lt_str attempts);
/*
 * Follows the stream of a call of the caller's own from its first event; false when it is not in the memory of this process: then nothing was
 * answered (calls.c).
 */
bool lt_call_follow_here(struct lt_request *r, struct lt_uuid id);
/* Begins an answer of events, unless it has begun. */
enum lt_code lt_call_stream_begin(struct lt_request *r, bool *begun);
/* A stream that is no longer in memory: `start`, if after is 0, and its last event; ids go on behind `after`. */
void lt_call_events_again(struct lt_request *r, struct lt_str id, const char *last, struct lt_str data, uint64_t after);
/* The error of a stored call that did not complete. */
void lt_answer_stored_error(const struct lt_register_call *call, struct lt_error *ret);
