/*
 * Private to the door /ollama/, which speaks as an Ollama server does, so that Moodle's ollama provider and other clients of Ollama work
 * unchanged: its bodies, lines and errors, over the same targets, gates and records as everything else (door.h, docs/ollama-door.md).
 */
#pragma once
#include "api/ollama_key.h"
#include "api/request.h"

/* To be called before anything else looks at the request: a key in the path is moved to r->path_key. */
void lt_ollama_take_key(struct lt_request *r);
/*
 * The key that came at the door in a way of its own: in the path (which counts before anything else), or as password of HTTP Basic. p NULL:
 * in neither, or not at this door; then the Authorization field is read as everywhere. LT_EUNAUTHENTICATED.
 */
enum lt_code lt_ollama_key(struct lt_request *r, struct lt_str *ret, struct lt_error *err);

/* The error in the door's form, {"error": "text"}, with the status that Ollama gives. */
void lt_ollama_reply_error(struct lt_request *r, const struct lt_error *err, const char *call_id);
/* Its body alone: the last line of a stream that broke. */
void lt_ollama_error_write(struct lt_request *r, struct lt_buf *out, const struct lt_error *err);
int lt_ollama_status(enum lt_code code);

/* The body's `user`: a text, or the native API's object, of which the id counts; "" when there is none. */
struct lt_str lt_ollama_user(struct lt_request *r);

/* ---- handlers ---- */
void lt_ollama_post_generate(struct lt_request *r);
void lt_ollama_post_chat(struct lt_request *r);
void lt_ollama_post_embed(struct lt_request *r);
void lt_ollama_post_embeddings(struct lt_request *r);
void lt_ollama_get_tags(struct lt_request *r);
void lt_ollama_post_show(struct lt_request *r);
void lt_ollama_get_version(struct lt_request *r);
void lt_ollama_get_ps(struct lt_request *r);
void lt_ollama_get_root(struct lt_request *r);

/* JSON Schemas of its bodies, for the route table: what clients leave out may also be null. Members that are not known are passed over. */
#define LT_OLLAMA_OR_NULL(type) "{\"type\":[\"" type "\",\"null\"]}"
#define LT_OLLAMA_USER                                                                                                       \
    "\"user\":{\"type\":[\"string\",\"object\",\"null\"],\"maxLength\":255,\"required\":[\"id\"],\"properties\":{\"id\":{\"type\":\"string\"}}}"
#define LT_OLLAMA_COMMON                                                                                                     \
    "\"model\":{\"type\":\"string\",\"minLength\":1},\"stream\":" LT_OLLAMA_OR_NULL("boolean") ","                           \
    "\"format\":{\"type\":[\"string\",\"object\",\"null\"]},\"options\":" LT_OLLAMA_OR_NULL("object") ","                    \
    "\"keep_alive\":{\"type\":[\"string\",\"number\",\"null\"]},\"think\":{\"type\":[\"boolean\",\"string\",\"null\"]}," LT_OLLAMA_USER
#define LT_OLLAMA_IMAGES "\"images\":{\"type\":[\"array\",\"null\"],\"maxItems\":16,\"items\":{\"type\":\"string\"}}"
#define LT_OLLAMA_GENERATE                                                                                                   \
    "{\"type\":\"object\",\"required\":[\"model\"],\"properties\":{" LT_OLLAMA_COMMON "," LT_OLLAMA_IMAGES ","               \
    "\"prompt\":" LT_OLLAMA_OR_NULL("string") ",\"system\":" LT_OLLAMA_OR_NULL("string") ","                                 \
    "\"template\":" LT_OLLAMA_OR_NULL("string") ",\"suffix\":" LT_OLLAMA_OR_NULL("string") ","                               \
    "\"raw\":" LT_OLLAMA_OR_NULL("boolean") ",\"context\":" LT_OLLAMA_OR_NULL("array") "}}"
#define LT_OLLAMA_CALLS                                                                                                      \
    "\"tool_calls\":{\"type\":[\"array\",\"null\"],\"maxItems\":128,\"items\":{\"type\":\"object\",\"required\":[\"function\"]," \
    "\"properties\":{\"id\":" LT_OLLAMA_OR_NULL("string") ",\"function\":{\"type\":\"object\",\"required\":[\"name\"]," \
    "\"properties\":{\"name\":{\"type\":\"string\",\"minLength\":1},\"arguments\":" LT_OLLAMA_OR_NULL("object") "}}}}}"
#define LT_OLLAMA_CHAT                                                                                                       \
    "{\"type\":\"object\",\"required\":[\"model\"],\"properties\":{" LT_OLLAMA_COMMON ","                                    \
    "\"tools\":{\"type\":[\"array\",\"null\"],\"maxItems\":128,\"items\":{\"type\":\"object\",\"required\":[\"function\"]," \
    "\"properties\":{\"function\":{\"type\":\"object\",\"required\":[\"name\"]}}}},"                                         \
    "\"messages\":{\"type\":[\"array\",\"null\"],\"maxItems\":200,\"items\":{\"type\":\"object\",\"required\":[\"role\"],\"properties\":{" \
    "\"role\":{\"enum\":[\"system\",\"user\",\"assistant\",\"tool\"]},\"content\":" LT_OLLAMA_OR_NULL("string") "," LT_OLLAMA_IMAGES "," \
    LT_OLLAMA_CALLS ",\"tool_name\":" LT_OLLAMA_OR_NULL("string") ",\"tool_call_id\":" LT_OLLAMA_OR_NULL("string") "}}}}}"
#define LT_OLLAMA_EMBED                                                                                                      \
    "{\"type\":\"object\",\"required\":[\"model\"],\"properties\":{" LT_OLLAMA_COMMON "," \
    "\"input\":{\"type\":[\"string\",\"array\",\"null\"],\"items\":{\"type\":\"string\"}}," \
    "\"prompt\":" LT_OLLAMA_OR_NULL("string") ",\"dimensions\":" LT_OLLAMA_OR_NULL("integer") "}}"
#define LT_OLLAMA_SHOW                                                                                                       \
    "{\"type\":\"object\",\"properties\":{\"model\":{\"type\":\"string\"},\"name\":{\"type\":\"string\"}," LT_OLLAMA_USER "}}"
/* Of its answers, as far as clients read them. */
#define LT_OLLAMA_ANSWER(member)                                                                                             \
    "{\"type\":\"object\",\"required\":[\"model\",\"created_at\",\"done\"],\"properties\":{\"model\":{\"type\":\"string\"}," \
    "\"created_at\":{\"type\":\"string\",\"format\":\"date-time\"}," member "," \
    "\"done\":{\"type\":\"boolean\"},\"done_reason\":{\"type\":\"string\"}," \
    "\"total_duration\":{\"type\":\"integer\"},\"load_duration\":{\"type\":\"integer\"},\"prompt_eval_count\":{\"type\":[\"integer\",\"null\"]}," \
    "\"prompt_eval_duration\":{\"type\":\"integer\"},\"eval_count\":{\"type\":[\"integer\",\"null\"]},\"eval_duration\":{\"type\":\"integer\"}}}"
