/*
 * What the providers `openai` and `openai_compatible` share: the formats of OpenAI's API. Facts: OpenAI's API reference, pages "Chat
 * completions", "Chat streaming", "Responses", "Responses streaming", "Embeddings", "Models", "Error codes", and the published
 * OpenAPI description; what compatible servers (vLLM, llama.cpp, Mistral, Groq, DeepSeek, OpenRouter, Azure's v1 API) do otherwise.
 */
#pragma once
#include "providers/wire.h"

/* ---- settings of both ---- */

#define LT_OPENAI_SETTING_API(otherwise)                                                                                      \
    "\"api\":{\"type\":\"string\",\"title\":\"API\",\"enum\":[\"auto\",\"chat\",\"responses\"],\"default\":\"" otherwise "\"," \
    "\"description\":\"responses keeps threads at the service; auto uses it for threads alone.\"}"
#define LT_OPENAI_SETTING_KEY_HEADER                                                                                          \
    "\"api_key_header\":{\"type\":\"string\",\"title\":\"Header of the key\","                                                \
    "\"enum\":[\"authorization\",\"api-key\",\"x-api-key\"],\"default\":\"authorization\","                                   \
    "\"description\":\"authorization sends 'Bearer KEY', the others the bare key.\"}"
/* What may differ from model to model as well as from server to server. */
#define LT_OPENAI_QUIRKS                                                                                                      \
    "\"max_tokens_field\":{\"type\":\"string\",\"title\":\"Name of the token limit\","                                        \
    "\"enum\":[\"max_tokens\",\"max_completion_tokens\"],"                                                                    \
    "\"description\":\"What the server calls it. Without it max_completion_tokens for api.openai.com, max_tokens for others.\"},"  \
    "\"user\":{\"type\":\"boolean\",\"title\":\"Send the user's pseudonym\",\"default\":true,"                                \
    "\"description\":\"Switch off for servers that refuse 'user'.\"},"                                                        \
    "\"stream_options\":{\"type\":\"boolean\",\"title\":\"Ask for usage in streams\",\"default\":true,"                       \
    "\"description\":\"Switch off for servers that refuse stream_options.\"},"                                                \
    "\"system_role\":{\"type\":\"string\",\"title\":\"Role of instructions\",\"enum\":[\"system\",\"developer\",\"user\"],"   \
    "\"default\":\"system\",\"description\":\"user puts them before the user's first message.\"},"                            \
    "\"response_format\":{\"type\":\"string\",\"title\":\"Structured answers\",\"enum\":[\"json_schema\",\"json_object\",\"none\"],"  \
    "\"default\":\"json_schema\",\"description\":\"The most that the server can do; the rest is asked for in words and checked here.\"},"  \
    "\"images\":{\"type\":\"boolean\",\"title\":\"Takes images\",\"default\":true},"                                          \
    "\"image_detail\":{\"type\":\"string\",\"title\":\"Detail of images\",\"enum\":[\"auto\",\"low\",\"high\"]},"             \
    "\"tools\":{\"type\":\"boolean\",\"title\":\"Takes tools\",\"default\":true},"                                            \
    "\"encoding_format\":{\"type\":\"string\",\"title\":\"Form of vectors\",\"enum\":[\"float\",\"base64\"]}"
#define LT_OPENAI_SETTINGS                                                                                                    \
    LT_OPENAI_SETTING_KEY_HEADER "," LT_OPENAI_QUIRKS ","                                                                     \
    "\"models\":{\"type\":\"object\",\"title\":\"By model\",\"maxProperties\":200,"                                           \
    "\"description\":\"Those of the settings before that are other for one model, under its name.\","                         \
    "\"propertyNames\":{\"minLength\":1,\"maxLength\":200},"                                                                  \
    "\"additionalProperties\":{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{" LT_OPENAI_QUIRKS "}}},"   \
    LT_WIRE_SETTINGS_COMMON

/* ---- the formats ---- */

extern const struct lt_wire_format lt_openai_chat_format, lt_openai_responses_format;

/* Writes the body of a chat completion (begin to end). LT_ETOO_LARGE. */
enum lt_code lt_openai_chat_body(struct lt_wire *w, struct lt_error *err);
/* The same for the Responses API. LT_EUNSUPPORTED for what it does not know (stop). */
enum lt_code lt_openai_responses_body(struct lt_wire *w, struct lt_error *err);

/* The call's response_format as far as the server can do it: "json_schema", "json_object" or "" (leave it out). */
const char *lt_openai_format_sent(const struct lt_wire *w);
/* The instruction that asks for the rest of it in words; {NULL, 0} when nothing needs to be said. */
struct lt_str lt_openai_format_in_words(const struct lt_wire *w);
/* Is the message one of the system's? */
bool lt_openai_is_instruction(const struct lt_message *m);
/* The instructions among the first n messages and lt_openai_format_in_words(), as one text. */
struct lt_str lt_openai_instructions(const struct lt_wire *w, size_t n);
/* Those of the texts that are not empty, with an empty line between them. */
struct lt_str lt_openai_join(struct lt_arena *arena, const struct lt_str *texts, size_t n);
/* data:TYPE;base64,… or the image's address. */
struct lt_str lt_openai_image_url(struct lt_arena *arena, const struct lt_image *image);

/*
 * Of struct lt_provider, for both. `otherwise`: the setting `api` when it is not set. keeps_threads: the Responses API answers conversations
 * (with `auto` of `openai` at OpenAI's own address only: other servers may lack it), and neither action nor instance sets "store": false.
 */
bool lt_openai_keeps_threads(const struct lt_provider_instance *instance, const struct lt_json *settings, const struct lt_wire_vendor *vendor,
                             const char *otherwise);
enum lt_code lt_openai_call(struct lt_provider_run *run, const struct lt_wire_vendor *vendor, const char *otherwise, struct lt_error *err);
enum lt_code lt_openai_models(struct lt_provider_run *run, const struct lt_wire_vendor *vendor, struct lt_str **ret, size_t *ret_n,
                              struct lt_error *err);
enum lt_code lt_openai_response(struct lt_provider_run *run, const struct lt_wire_vendor *vendor, struct lt_str response_id,
                                struct lt_kept_response *ret, struct lt_error *err);
enum lt_code lt_openai_response_before(struct lt_provider_run *run, const struct lt_wire_vendor *vendor, struct lt_str response_id,
                                       struct lt_str *ret, struct lt_error *err);
enum lt_code lt_openai_forget(struct lt_provider_run *run, const struct lt_wire_vendor *vendor, struct lt_str response_id, struct lt_error *err);
/* endpoint + tail, where the endpoint may be the whole address of one of the calls. */
struct lt_str lt_openai_url(struct lt_wire *w, const char *tail, const char *query);
