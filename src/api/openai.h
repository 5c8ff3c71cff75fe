/* Private to the door /openai/v1/, which speaks as OpenAI's API does (API reference, "Chat", "Embeddings", "Models", "Error codes"). */
#pragma once
#include "api/door.h"

/* ---- answering (openai_reply.c, openai_error.c) ---- */

enum { LT_OPENAI_FIELDS_MAX = 4 };
/*
 * The fields that every answer of the door has, into `fields` (LT_OPENAI_FIELDS_MAX): openai-processing-ms, and X-Lectern-Call with the
 * register's id when call_id is given. Returns how many. X-Request-Id comes from the server.
 */
size_t lt_openai_fields(struct lt_request *r, const char *call_id, struct lt_http_field *fields);
/* As lt_json_end(), with those fields. */
void lt_openai_json_end(struct lt_request *r, struct lt_json_reply *j, const char *call_id);
/* {"error": {"message", "type", "param", "code"}} with the status that OpenAI's clients know. call_id NULL: there is no row. */
void lt_openai_reply_error(struct lt_request *r, const struct lt_error *err, const char *call_id);
/* The object alone, as an event of a stream carries it. */
void lt_openai_write_error(struct lt_request *r, struct lt_jw *w, const struct lt_error *err);
/* The member, NULL when it is null: clients write null for what they do not set. */
const struct lt_json *lt_openai_get(const struct lt_json *object, const char *key);
/* Whom the body names: `user`, else `safety_identifier`; "" when neither does. */
struct lt_str lt_openai_user(struct lt_request *r);

/* ---- chat completions (openai_chat_in.c, openai_chat_out.c, openai_chat.c) ---- */

/*
 * The body, valid against LT_OPENAI_CHAT_REQUEST, as input of continue_conversation. LT_EINVALID_INPUT with the body's field: what is not
 * taken here (n above 1, audio, files, tools that are no functions, …).
 */
enum lt_code lt_openai_chat_input(struct lt_request *r, const struct lt_json *body, const struct lt_json **ret, struct lt_error *err);

/* One answer on its way out. */
struct lt_openai_chat {
    struct lt_request *r;
    struct lt_str model;     /* as it was asked for: what the chunks of a stream say */
    bool include_usage;
    bool begun;              /* the head is on its way: no other status can be said any more */
    char id[48];             /* "chatcmpl-" and the register's id */
    int64_t created;         /* seconds since 1970 */
    struct lt_str fingerprint;
    struct lt_buf buf;       /* the next event */
};
void lt_openai_chat_init(struct lt_openai_chat *c, struct lt_request *r, struct lt_str model, bool include_usage);
/* Listeners of a run; ctx is the struct. */
void lt_openai_chat_start(void *ctx, struct lt_uuid id);
enum lt_code lt_openai_chat_text(void *ctx, struct lt_str piece);
/* The rest of a stream, or its error; frees. */
void lt_openai_chat_end(struct lt_openai_chat *c, const struct lt_door_result *result);
/* The whole answer as one object. */
void lt_openai_chat_write(struct lt_jw *w, const struct lt_door_result *result);
/* It ended well, or with the model's words that it will not answer: an answer too. */
bool lt_openai_answered(const struct lt_door_result *result);
/* stop, length, tool_calls or content_filter: clients know no other. */
const char *lt_openai_finish_reason(const struct lt_door_result *result);
/* {"prompt_tokens", …}. A count that is not known is written as 0: clients read numbers only. */
void lt_openai_write_usage(struct lt_jw *w, const struct lt_usage *usage, bool completion);
