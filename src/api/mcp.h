/*
 * The MCP server at /mcp: Streamable HTTP of the Model Context Protocol, for desktop clients of authors (docs/mcp-server.md). Revisions 2025-03-26 to
 * 2025-11-25, which begin with `initialize`, and 2026-07-28, whose requests stand for themselves. Nothing is kept between requests: a session's
 * id is a word of ours that the client says again, so that clients which use one key do not cancel each other's calls.
 *
 * mcp.c answers, mcp_message.c reads (pure), mcp_tools.c lists and finds tools, mcp_call.c calls them, mcp_stream.c tells how a call goes on,
 * mcp_running.c finds what is to be cancelled.
 */
#pragma once
#include "api/request.h"
#include "core/manager.h"
#include "core/registry.h"
#include "text/json_rpc.h"

enum {
    LT_MCP_BATCH_MAX = 32,             /* messages of a batch (revision 2025-03-26) */
    LT_MCP_PAGE = 100,                 /* tools of one answer of tools/list */
    LT_MCP_WORD_MAX = 256,             /* bytes of an id, a progress token, a session */
    LT_MCP_HEADER_MISMATCH = -32020,
    LT_MCP_UNSUPPORTED_VERSION = -32022,
};

/* ---- reading (mcp_message.c) ---- */

enum lt_mcp_revision {
    LT_MCP_2025_03_26,
    LT_MCP_2025_06_18,
    LT_MCP_2025_11_25,
    LT_MCP_2026_07_28,
    LT_MCP_REVISIONS,
    LT_MCP_NEWEST_WITH_INITIALIZE = LT_MCP_2025_11_25,
    LT_MCP_FIRST_STATELESS = LT_MCP_2026_07_28,
};
const char *lt_mcp_revision_name(enum lt_mcp_revision revision);

/* Fields of the head; p NULL: not there. */
struct lt_mcp_fields {
    struct lt_str version, method, name; /* MCP-Protocol-Version, Mcp-Method, Mcp-Name */
};

struct lt_mcp_message {
    struct lt_rpc rpc;
    enum lt_mcp_revision revision;
    const struct lt_json *token;         /* of progress: a string or a whole number; NULL: none is wanted */
};

/* An error of the protocol, as opposed to one of a tool. */
struct lt_mcp_fault {
    const struct lt_json *id;            /* of the request; NULL where it could not be read */
    int status, code;                    /* of HTTP, of JSON-RPC */
    struct lt_str message;
    struct lt_str requested;             /* of LT_MCP_UNSUPPORTED_VERSION: the version */
};

/*
 * One message, by the rules of the revision that head and body name. False: *ret_fault says what is wrong. A request without any version is
 * one of 2025-03-26. In the arena; pure.
 */
bool lt_mcp_read(struct lt_arena *arena, const struct lt_json *v, const struct lt_mcp_fields *fields, struct lt_mcp_message *ret,
                 struct lt_mcp_fault *ret_fault);
/* May a body with these fields be an array of messages? */
bool lt_mcp_may_batch(const struct lt_mcp_fields *fields);
/* Fills the fault of a request that was read, and returns false. Where requests stand for themselves its status is 400, or 404 for a method. */
bool lt_mcp_refuse(struct lt_arena *arena, const struct lt_mcp_message *m, struct lt_mcp_fault *ret, int code, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* "UUID:N" of Last-Event-ID. */
bool lt_mcp_event_id(struct lt_str text, struct lt_uuid *ret_stream, uint64_t *ret_n);

/* ---- one request (mcp.c) ---- */

struct lt_mcp {
    struct lt_request *r;
    struct lt_place place;               /* of the fields X-Lectern-* */
    struct lt_str session;               /* "" = none */
};

/* Begins and ends the object of an answer whose result the caller writes, between them, as members. */
void lt_mcp_result(const struct lt_mcp_message *m, struct lt_jw *w);
/* meta: members of _meta are still to come, which the caller writes; then lt_jw_end() twice and once more for the answer. */
void lt_mcp_result_meta(const struct lt_mcp_message *m, struct lt_jw *w);
void lt_mcp_result_end(struct lt_jw *w);
void lt_mcp_write_fault(struct lt_jw *w, const struct lt_mcp_fault *fault);
/* The form of every error under /mcp, also of those from before a handler runs: lt_door's. */
void lt_mcp_reply_error(struct lt_request *r, const struct lt_error *err, const char *call_id);
/* Nobody is named by the body: lt_door's. */
struct lt_str lt_mcp_user(struct lt_request *r);
void lt_mcp_post(struct lt_request *r);
void lt_mcp_get(struct lt_request *r);

/* ---- tools (mcp_tools.c) ---- */

/* tools/list: what the caller may use, or could but for something that passes or that they can do (accept the policy). False: the fault. */
bool lt_mcp_list(const struct lt_mcp *mcp, const struct lt_mcp_message *m, struct lt_jw *w, struct lt_mcp_fault *ret);

struct lt_mcp_use {
    const struct lt_action *action;      /* one of the two */
    const struct lt_tool *tool;
    const struct lt_json *arguments;     /* its own */
    struct lt_place place;
};
/*
 * What tools/call names. False: the fault (no such tool, arguments that are no object). *ret_err: arguments that say where are wrong, which the
 * model is to mend; else LT_OK.
 */
bool lt_mcp_find(const struct lt_mcp *mcp, const struct lt_mcp_message *m, struct lt_mcp_use *ret, struct lt_error *ret_err,
                 struct lt_mcp_fault *ret_fault);

/* ---- calling (mcp_call.c) ---- */

/* tools/call, written as one object; false: the fault. A fiber that is cancelled writes an answer too. */
bool lt_mcp_call(const struct lt_mcp *mcp, const struct lt_mcp_message *m, struct lt_jw *w, struct lt_mcp_fault *ret);
/* The same as the whole answer of the request: events where the client takes them and the call is one of a model, else JSON. */
void lt_mcp_call_alone(const struct lt_mcp *mcp, const struct lt_mcp_message *m);

/* ---- events of a call (mcp_stream.c) ---- */

struct lt_mcp_stream;
/* In the request's arena; nothing is sent before start. */
struct lt_mcp_stream *lt_mcp_stream_new(const struct lt_mcp *mcp, const struct lt_mcp_message *m);
/* Listeners of a call; ctx is the stream. */
void lt_mcp_stream_start(void *ctx, struct lt_uuid id);
enum lt_code lt_mcp_stream_text(void *ctx, struct lt_str piece);
/* The call has ended, durably: sends the answer as last event, waits until the client has it. False: nothing began, nothing was sent. */
bool lt_mcp_stream_finish(struct lt_mcp_stream *s, struct lt_str answer);

/* ---- what runs (mcp_running.c) ---- */

struct lt_mcp_running {                  /* lies with the request that makes the call */
    struct lt_mcp_running *next;
    int64_t site_id, key_id;
    struct lt_str user, session, request_id; /* request_id: as JSON text */
    struct lt_uuid call;
};
struct lt_mcp_calls;
struct lt_mcp_calls *lt_mcp_calls_new(void);
void lt_mcp_calls_free(struct lt_mcp_calls *calls);
/* Any thread. */
void lt_mcp_running_add(const struct lt_mcp *mcp, const struct lt_json *request_id, struct lt_uuid call, struct lt_mcp_running *running);
void lt_mcp_running_remove(struct lt_mcp_calls *calls, struct lt_mcp_running *running);
/* Cancels the session's call of that request, if it runs here; else nothing happens. */
void lt_mcp_cancel(const struct lt_mcp *mcp, const struct lt_json *request_id);
