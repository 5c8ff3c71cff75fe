/* Workflows in the background. */
#pragma once
#include "api/request.h"
#include "workflows/run.h"

/* Queues it and answers 202 {"task_id", "state"} with its Location. The same Idempotency-Key with the same body: the same task. */
void lt_reply_task(struct lt_request *r, const struct lt_workflow_request *request);
