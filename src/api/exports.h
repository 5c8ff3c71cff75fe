/* Answers that are files of questions or cards. Private to src/api. */
#pragma once
#include "api/request.h"
#include "workflows/export.h"

/* What a session holds, or why it cannot be had. Fiber. */
void lt_reply_session_export(struct lt_request *r, const struct lt_session *session, enum lt_export_format format);
