/*
 * An answer that goes out as server-sent events and can be resumed: of an action or of a workflow. The request's fiber produces it, with
 * start and text as its listener:
 *     struct lt_event_stream *s = lt_event_stream_new(r);
 *     request.on_start = lt_event_stream_start; request.on_text = lt_event_stream_text; request.ctx = s; … run it …
 *     lt_event_stream_finish(s, &result.error, result.id_text, write, &result);
 */
#pragma once
#include "api/request.h"

struct lt_event_stream;

/* Nothing is sent yet. In the request's arena; finish() must be called. Request's fiber, as all below. */
struct lt_event_stream *lt_event_stream_new(struct lt_request *r);
/* The gates are passed: begins the answer with the event `start`. ctx: the stream. */
void lt_event_stream_start(void *ctx, struct lt_uuid id);
/* One `delta`; waits while the client is too far behind. */
enum lt_code lt_event_stream_text(void *ctx, struct lt_str piece);
/*
 * Where the stream may begin before the gates are passed: *id, to be there when the first message comes, is what the run will have. It does when a
 * message has waited for half a second; then a refusal is an event too.
 */
void lt_event_stream_may_begin_early(struct lt_event_stream *s, const struct lt_uuid *id);
/* One `status`; before the start it waits for it. */
void lt_event_stream_progress(void *ctx, struct lt_str message, double fraction);
/* One `tool`; left out before the start. */
void lt_event_stream_tool(void *ctx, const char *name, const char *state);
/* One `approval`: a tool waits for the user's word, or waits no more. Which of them are pending, a client that comes back is told again. */
struct lt_approval;
void lt_event_stream_approval(void *ctx, const struct lt_approval *approval);
/*
 * The end is durable: `done` with what write() gives when err says LT_OK, else `error`; gives way until the client has it, and frees. Without a
 * start, which a success never lacks, it is an ordinary problem with its status.
 */
void lt_event_stream_finish(struct lt_event_stream *s, const struct lt_error *err, const char *id_text,
                            void (*write)(struct lt_request *r, struct lt_jw *w, const void *result), const void *result);
/* Does the request ask for events: by `stream` in its body, or by its Accept field? */
bool lt_event_stream_wanted(struct lt_request *r);
