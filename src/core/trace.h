/*
 * What the calls of one request were compiled to, and how long each step took: for who may view_trace and asks with `"trace": true`. It is
 * noted in the request's arena, goes into its answer, and is kept nowhere. Every function takes NULL and does nothing then: that is how a
 * call goes that nobody traces. Request's fiber.
 *
 * Provider code has one function to call: lt_trace_request(), when it sends something.
 */
#pragma once
#include "core/manager.h"
#include "io/http_client.h"

enum {
    LT_TRACE_PART_MAX = 256 * 1024, /* bytes of one neutral call, of one body, of one profile: the rest is cut, which is said */
    LT_TRACE_MAX = 1024 * 1024,     /* and of all texts together */
    LT_TRACE_REQUESTS_MAX = 8,      /* that one attempt sends; later ones are only counted */
};

struct lt_trace;
struct lt_trace_call;
struct lt_trace_attempt;
struct lt_trace_request;

/* with_cost: whoever reads it may see what attempts cost. site: of the request's snapshot; secrets of all its instances are masked. */
struct lt_trace *lt_trace_new(struct lt_arena *arena, const struct lt_site *site, bool with_cost);
/* The profile that runs, as it may be shown. The tree must live as long as the trace. */
void lt_trace_profile(struct lt_trace *trace, const struct lt_json *profile);
/* Was anything compiled? */
bool lt_trace_has_attempts(const struct lt_trace *trace);
/* Writes the member "trace"; nothing without a trace. docs/trace.md says what is in it. */
void lt_trace_put(struct lt_jw *w, const struct lt_trace *trace);

/* ---- the manager's ---- */

enum lt_trace_mark {
    LT_TRACE_GATES,          /* the last gate was passed, or one was closed */
    LT_TRACE_BEGIN_QUEUED,   /* the begin record was given to the store */
    LT_TRACE_FIRST_TEXT,     /* the first piece of an answer came */
    LT_TRACE_BEGIN_AWAITED,  /* it could be shown: the begin record is durable */
    LT_TRACE_ASKED,          /* nobody is asked any more */
    LT_TRACE_RECORDED,       /* the end record is durable */
    LT_TRACE_MARKS
};
/* A call begins now. */
struct lt_trace_call *lt_trace_call(struct lt_trace *trace, struct lt_uuid id, struct lt_str action);
/* Notes the time; the first time counts. call: not NULL. */
void lt_trace_note(struct lt_trace_call *call, enum lt_trace_mark mark);
static inline void lt_trace_mark(struct lt_trace_call *call, enum lt_trace_mark mark)
{
    if (call)
        lt_trace_note(call, mark);
}
/* An attempt begins; run->call, settings and input are looked at when the trace is written. */
struct lt_trace_attempt *lt_trace_attempt(struct lt_trace_call *call, const struct lt_provider_run *run);
void lt_trace_attempt_ended(struct lt_trace_attempt *attempt, const struct lt_attempt *came_to);

/* ---- a provider's ---- */

/*
 * The run sends this now. Copies what is shown of it, masked and cut. Sets http->times, so that the client notes its own, and returns what
 * lt_trace_answered() is given when the answer was read or has failed; status 0: there was none.
 */
struct lt_trace_request *lt_trace_request(struct lt_provider_run *run, struct lt_http_call *http);
void lt_trace_answered(struct lt_trace_request *request, int status);
