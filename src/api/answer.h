/* The object that answers an action: the same live, in `done` events, and from the register. */
#pragma once
#include "api/request.h"
#include "core/register.h"

/* A successful live call. Users' tokens do not see provider, model and attempts. */
void lt_answer_write(struct lt_request *r, struct lt_jw *w, const struct lt_call_result *result);
/* A stored call in whatever state, with `state`; a failed one carries `error`. attempts: JSON array text. */
void lt_answer_write_stored(struct lt_request *r, struct lt_jw *w, const struct lt_register_call *call, struct lt_str attempts);
/* The error of a stored call that did not complete. */
void lt_answer_stored_error(const struct lt_register_call *call, struct lt_error *ret);
