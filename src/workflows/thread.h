/*
 * The thread of a session in three views. Local: the stored turns. Remote: what the AI service keeps, by walking from the last answer to
 * the ones before it. Combined: the remote one as the backbone, with what the stored one knows put in.
 */
#pragma once
#include "core/manager.h"
#include "workflows/session.h"

enum lt_thread_view { LT_THREAD_LOCAL, LT_THREAD_REMOTE, LT_THREAD_COMBINED, LT_THREAD_VIEWS };
/* "local", "remote", "combined"; -1 otherwise. */
int lt_thread_view_parse(struct lt_str name);
const char *lt_thread_view_name(enum lt_thread_view view);

enum {
    LT_THREAD_RESPONSES_MAX = 200,     /* answers that are fetched; one more is told as an error */
    LT_THREAD_REMOTE_MS = 30000,       /* for all of them together */
    LT_THREAD_TEXT_MAX = 16 << 20,     /* bytes of a view as JSON; what is read of the stored turns always fits */
    LT_THREAD_KEY_CHARACTERS = 200,    /* of a content by which messages are told apart */
};

struct lt_thread_request {
    struct lt_arena *arena;
    struct lt_store *store;
    struct lt_manager *manager;        /* of remote views */
    const struct lt_caller *caller;    /* of the session's site; its instances are asked */
    const struct lt_session *session;
    bool everything;                   /* local: what is not talk, too */
};
/*
 * Writes {"view", "complete", "thread": array or null}. complete is false when older turns are left out (LT_THREAD_TURNS_MAX,
 * LT_THREAD_BYTES_MAX). Fiber; local alone also outside loops. LT_EUPSTREAM_INVALID when a service keeps so much that the view does not fit
 * LT_THREAD_TEXT_MAX, LT_ECANCELLED, store errors; what a service does not give stands in the thread.
 */
enum lt_code lt_thread_write(const struct lt_thread_request *request, enum lt_thread_view view, struct lt_jw *w, struct lt_error *err);

/* ---- the parts ---- */

/*
 * The stored messages, oldest first: [{"role", "content", "timestamp", "submission_id", "interrupted"?}]; "null" without a submission.
 * JSON text in the arena.
 */
enum lt_code lt_thread_local(const struct lt_thread_request *request, struct lt_str *ret, bool *ret_complete, struct lt_error *err);

/*
 * The kept answers, oldest first: [{"id", "created_at" (RFC 3339), "model", "previous_response_id", "tokens" (all together), "input": [],
 * "output": []}], with items as below; a failed fetch is {"id", "error"} and ends the walk. "null" without a remote id.
 */
enum lt_code lt_thread_remote(const struct lt_thread_request *request, struct lt_str *ret, struct lt_error *err);

/* How one kept answer is fetched. */
typedef enum lt_code (*lt_response_fetch)(void *ctx, struct lt_str response_id, struct lt_kept_response *ret, struct lt_error *err);
/* The walk itself. LT_EUPSTREAM_INVALID above LT_THREAD_TEXT_MAX; LT_ECANCELLED of a fetch ends it. */
enum lt_code lt_thread_walk(struct lt_arena *arena, struct lt_str response_id, lt_response_fetch fetch, void *ctx, struct lt_str *ret,
                            struct lt_error *err);

/*
 * Items of the Responses API as messages {"type", "role", "content", …}, appended to an array being written (thread_items.c). Input: every
 * item is one. Output: a message gives one for each output_text, reasoning without a summary gives none.
 *
 * Contents that are lists are joined by spaces. function_call: role tool_call, content NAME(ARGUMENTS), with name, arguments and call_id.
 * function_call_output: its output, with call_id. reasoning: its summary. Others without a role have their type as role.
 */
void lt_thread_write_input(struct lt_jw *w, struct lt_arena *arena, const struct lt_json *item);
void lt_thread_write_output(struct lt_jw *w, struct lt_arena *arena, const struct lt_json *item);

/*
 * Both as one list (thread_combined.c): pure. local and remote: what the two functions above give; NULL or null: there is none. Without remote
 * the answer is local. Each item is {"role", "type", "content", "source": remote | both | local, "response_id", "created_at", "model"}, on
 * outputs "tokens", of tool calls "name", "arguments", "call_id", with "timestamp" and "submission_id" when it is found locally.
 */
void lt_thread_combine(struct lt_arena *arena, const struct lt_json *local, const struct lt_json *remote, struct lt_jw *w);
