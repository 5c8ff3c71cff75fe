/* A call whose answer goes out as server-sent events. */
#pragma once
#include "api/request.h"

/* Runs the request and answers it. A refusal before the first event is an ordinary problem with its status. Request's fiber. */
void lt_action_stream(struct lt_request *r, struct lt_call_request *request);
