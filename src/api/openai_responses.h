/*
 * Private to the Responses API of the door /openai/v1/ (OpenAI's API reference, "Responses"). Lectern keeps the threads itself: a call gets the
 * whole conversation as messages of continue_conversation, so every vendor can go on from every answer.
 */
#pragma once
#include "api/openai.h"
#include "core/response_store.h"

/* ---- ids (openai_responses_items.c) ---- */

enum { LT_RESPONSE_ID_SIZE = 5 + 32 + 1, LT_ITEM_ID_SIZE = 4 + 32 + 4 + 1 };

/* "resp_" and the digits of the call's id. */
void lt_response_id_format(struct lt_uuid id, char out[LT_RESPONSE_ID_SIZE]);
/* false, too, for the id of all zeros, which nothing has. */
bool lt_response_id_parse(struct lt_str s, struct lt_uuid *ret);
/* Where an item stands. Its id says so: "msg_", the digits of the response, 0 for input or 1 for output, three digits of the index. */
struct lt_item_place {
    struct lt_uuid response;
    bool output;
    unsigned index;      /* below 4096 */
};
/* prefix: "msg", "fc", "fco", "rs". */
void lt_item_id_format(const char *prefix, struct lt_item_place place, char out[LT_ITEM_ID_SIZE]);
bool lt_item_id_parse(struct lt_str s, struct lt_item_place *ret);

/* ---- items (openai_responses_items.c): pure but for the arena ---- */

/*
 * Writes one item of an input as it is kept: with an id for `place`, its content as a list of parts. LT_EINVALID_INPUT with the field below the item
 * ("/content/0/image_url"). References are no items: whoever calls puts in their place what they refer to.
 */
enum lt_code lt_item_write(struct lt_jw *w, const struct lt_json *item, struct lt_item_place place, struct lt_error *err);
/* An input that is one text: a message of the user. */
void lt_item_write_text(struct lt_jw *w, struct lt_str text, struct lt_item_place place);
/* A message of the assistant; status: completed, incomplete, in_progress. text p == NULL: without content yet. */
void lt_item_write_answer(struct lt_jw *w, struct lt_item_place place, struct lt_str text, const char *status);
/* The same with the model's words that it will not answer. */
void lt_item_write_refused(struct lt_jw *w, struct lt_item_place place, struct lt_str refusal);
/* {"type": "output_text", …}, {"type": "refusal", …}. */
void lt_item_write_part(struct lt_jw *w, struct lt_str text);
void lt_item_write_refusal(struct lt_jw *w, struct lt_str refusal);
/* A function call, from one of OpenAI's `tool_calls`. */
void lt_item_write_call(struct lt_jw *w, struct lt_item_place place, const struct lt_json *tool_call, struct lt_str arguments, const char *status);
/*
 * The output of an answer: the message, when there is a text or nothing else, and the function calls. tool_calls NULL: none. What has no text
 * and failed has an empty output: text p == NULL.
 */
struct lt_str lt_output_text(struct lt_arena *arena, struct lt_uuid response, struct lt_str text, const struct lt_json *tool_calls,
                             const char *status);

/* The output of an answer that is a refusal. */
struct lt_str lt_output_refusal(struct lt_arena *arena, struct lt_uuid response, struct lt_str refusal);

/* ---- a thread as messages (openai_responses_thread.c): pure but for the arena ---- */

enum {
    LT_THREAD_MESSAGES_MAX = 200,                /* as many as continue_conversation takes */
    LT_THREAD_CONTENT_MAX = 4 * 1024 * 1024,     /* bytes of text, as there */
    LT_THREAD_IMAGES_MAX = 16,                   /* as there */
    LT_THREAD_IMAGE_BYTES_MAX = 6 * 1024 * 1024, /* as there */
};

struct lt_item_list {
    const struct lt_json **list;                 /* as lt_item_write() writes them */
    size_t n;
    size_t before;                               /* how many of them are of earlier turns */
};

struct lt_chat_message {
    const struct lt_json *item;                  /* a message or a function's output; NULL: function calls alone */
    const struct lt_json *const *calls;          /* items of function calls that follow it */
    size_t calls_n;
    size_t at;                                   /* index of its first item */
    size_t bytes, images, image_bytes;
};
struct lt_chat {
    struct lt_str instructions;                  /* "": none */
    struct lt_chat_message *messages;
    size_t n;
    size_t before;                               /* items of earlier turns */
};
/*
 * Reads items as messages: function calls join the message of the assistant before them. LT_EINVALID_INPUT when a function's output and its call do
 * not find each other; cut: the thread does not begin at its beginning, so outputs at its start may lack their call and are left out.
 */
enum lt_code lt_chat_read(struct lt_arena *arena, const struct lt_item_list *items, struct lt_str instructions, bool cut, struct lt_chat *ret,
                          struct lt_error *err);
/*
 * Does it fit what a call takes? drop: the oldest messages go until it does (truncation "auto"). LT_ECONTEXT_WINDOW; LT_EINVALID_INPUT when the
 * input alone is too much in a way that no model would take.
 */
enum lt_code lt_chat_fit(struct lt_chat *chat, bool drop, struct lt_error *err);
/* The messages as a JSON array, as continue_conversation takes them. */
void lt_chat_write(struct lt_jw *w, const struct lt_chat *chat);
/* An error of "/messages/N/…" as one of "/input/M/…". */
void lt_chat_error(const struct lt_chat *chat, bool input_is_text, struct lt_error *err);

/* ---- one request (openai_responses_request.c) ---- */

struct lt_responses_request {
    struct lt_request *r;
    struct lt_place place;
    struct lt_door_target target;
    struct lt_response_owner owner;
    bool stream, store;            /* store: the answer is kept */
    struct lt_uuid id;
    const struct lt_json *settings; /* the members that the answer repeats */
    struct lt_str settings_text;
    struct lt_str input_text;      /* JSON array: the items of this turn, as they are kept */
    struct lt_uuid previous_id;    /* all zero: none */
    struct lt_chat chat;
    const struct lt_json *input;   /* of the action continue_conversation */
};
/*
 * Everything that can be said of a request before it runs; reads the thread that it goes on from. Errors point into the body. LT_EINVALID_INPUT,
 * LT_ENOT_FOUND with /model, /previous_response_id or /input, LT_EPERMISSION, LT_ECONTEXT_WINDOW, and those of the store.
 */
enum lt_code lt_responses_read(struct lt_request *r, struct lt_responses_request *ret, struct lt_error *err);
/* The items of this turn and before it, the thread, and the chat they make (openai_responses_input.c). Of lt_responses_read(). */
enum lt_code lt_responses_read_input(struct lt_responses_request *q, struct lt_error *err);
/* An error of the action's input ("/messages/0/content", "/max_tokens") as one of the body. */
void lt_responses_error(const struct lt_responses_request *q, struct lt_error *err);

/* ---- the object of an answer (openai_responses_object.c) ---- */

/* settings: as in the request. */
void lt_response_write(struct lt_jw *w, const struct lt_stored_response *response, const struct lt_json *settings);
/*
 * What an answer's end makes of it: status, reason, output, usage, model, time. text: all that the client has got, or is to get. A refusal is an
 * answer when there is no text before it.
 */
void lt_response_complete(struct lt_arena *arena, const struct lt_door_result *result, struct lt_str text, struct lt_stored_response *ret);
/* The same for one that broke off after `text`. message: what the client may read of it. */
void lt_response_break_off(struct lt_arena *arena, const struct lt_error *err, const char *message, struct lt_str text,
                           struct lt_stored_response *ret);

/* ---- kept ones (openai_responses_kept.c) ---- */

/*
 * One that is `in_progress` though the process that made it has died: as the register knows it, with the text of its checkpoints. Others are left
 * as they are. Store errors.
 */
enum lt_code lt_response_settle(struct lt_request *r, struct lt_stored_response *response, struct lt_error *err);

/* ---- events (openai_responses_events.c) ---- */

struct lt_response_events;
/* Nothing is sent yet. In the request's arena; one of the two ends must be called. Request's fiber, as all below. */
struct lt_response_events *lt_response_events_new(struct lt_request *r, const struct lt_stored_response *response, const struct lt_json *settings);
/* The call that makes the answer, when it is known. */
void lt_response_events_call(struct lt_response_events *e, struct lt_uuid call_id);
bool lt_response_events_begun(const struct lt_response_events *e);
/* What was shown so far. */
struct lt_str lt_response_events_text(const struct lt_response_events *e);
/* A piece of the answer; before the first one, what comes before it. Waits while the client is slow. */
enum lt_code lt_response_events_text_piece(struct lt_response_events *e, struct lt_str piece);
/* How it ended, as it is kept: output and the last event. result NULL: it broke off. */
void lt_response_events_end(struct lt_response_events *e, const struct lt_stored_response *response, const struct lt_door_result *result);
/* Its end could not be kept: the event `error`. */
void lt_response_events_fail(struct lt_response_events *e, const struct lt_error *err);
/* Nothing was sent and nothing will be. */
void lt_response_events_drop(struct lt_response_events *e);
