/*
 * What the providers of OpenAI's family share: the formats of OpenAI's API. Facts: OpenAI's API reference, pages "Chat completions",
 * "Chat streaming", "Responses", "Responses streaming", "Embeddings", "Images", "Models", "Error codes", and the published OpenAPI
 * description; what compatible servers (vLLM, llama.cpp, Mistral, Groq, DeepSeek, OpenRouter, Azure's v1 API) do otherwise.
 */
#pragma once
#include "providers/wire.h"

/* ---- a vendor of the family ---- */

/* What a vendor does otherwise than OpenAI; zeros where it does the same. */
struct lt_openai_vendor {
    struct lt_wire_vendor wire;      /* first: it is what struct lt_wire points to */
    const char *api;                 /* the setting `api` when it is not set; NULL: there are only chat completions */
    const char *seed, *dimensions;   /* what it calls these members */
    const char *own_max_tokens;      /* what it calls the token limit at its own host, where it is not max_tokens */
    const char *own_vectors;         /* the setting `encoding_format` at its own host, where it is not float */
    const char *response_format;     /* the setting of that name when it is not set */
    const char *image_family;        /* the same */
    bool no_images;                  /* the setting `images` when it is not set: takes none */
    bool parameters_needed;          /* takes no tool without a schema of its arguments */
    const char *const *settings;     /* settings of action or instance that are members of a chat completion; ends with NULL */
    void (*chat)(struct lt_wire *w);                      /* called as the first member of a chat completion is to be written; or NULL */
    struct lt_str (*model)(const struct lt_wire *w);      /* how the model is named in a body; empty: not at all */
    struct lt_str (*tool_id)(struct lt_wire *w, struct lt_str id); /* the id of a tool call as the vendor takes it */
    struct lt_str (*url)(const struct lt_wire *w, const char *tail, const char *query); /* instead of endpoint + tail */
    const struct lt_openai_vendor *(*as_set)(const struct lt_json *config); /* where it differs with the settings; or NULL */
};

/* What the provider of an instance names as its `vendor`, as the instance is set. */
const struct lt_openai_vendor *lt_openai_vendor_of(const struct lt_provider_instance *instance);

/* The vendor of a run that the family's code has prepared. */
static inline const struct lt_openai_vendor *lt_openai_vendor(const struct lt_wire *w)
{
    return (const struct lt_openai_vendor *)w->vendor;
}

/* ---- settings: pieces of a settings_schema, to be joined by commas ---- */

#define LT_OPENAI_SETTING_API(otherwise)                                                                                      \
    "\"api\":{\"type\":\"string\",\"title\":\"API\",\"enum\":[\"auto\",\"chat\",\"responses\"],\"default\":\"" otherwise "\"," \
    "\"description\":\"responses keeps threads at the service; auto uses it for threads alone.\"}"
#define LT_OPENAI_SETTING_KEY_HEADER(otherwise)                                                                               \
    "\"api_key_header\":{\"type\":\"string\",\"title\":\"Header of the key\","                                                \
    "\"enum\":[\"authorization\",\"api-key\",\"x-api-key\"],\"default\":\"" otherwise "\","                                   \
    "\"description\":\"authorization sends 'Bearer KEY', the others the bare key.\"}"
#define LT_OPENAI_SETTING_IMAGE_MODEL(description)                                                                            \
    "\"image_model\":{\"type\":\"string\",\"title\":\"Model that makes images\",\"maxLength\":200,\"description\":\"" description "\"}"
#define LT_OPENAI_SETTING_IMAGE_FAMILY(description)                                                                           \
    "\"image_family\":{\"type\":\"string\",\"title\":\"Makes images as\","                                                    \
    "\"enum\":[\"dall-e-3\",\"dall-e-2\",\"gpt-image\",\"other\"],\"description\":\"" description "\"}"
#define LT_OPENAI_SETTING_IMAGES(otherwise)                                                                                   \
    "\"images\":{\"type\":\"boolean\",\"title\":\"Takes images\",\"default\":" otherwise "}"
#define LT_OPENAI_SETTING_TOOLS                                                                                               \
    "\"tools\":{\"type\":\"boolean\",\"title\":\"Takes tools\",\"default\":true}"
#define LT_OPENAI_SETTING_USER                                                                                                \
    "\"user\":{\"type\":\"boolean\",\"title\":\"Send the user's pseudonym\",\"default\":true,"                                \
    "\"description\":\"Switch off for servers that refuse 'user'.\"}"
#define LT_OPENAI_SETTING_RESPONSE_FORMAT(otherwise)                                                                          \
    "\"response_format\":{\"type\":\"string\",\"title\":\"Structured answers\",\"enum\":[\"json_schema\",\"json_object\",\"none\"],"  \
    otherwise "\"description\":\"The most that the server can do; the rest is asked for in words and checked here.\"}"
#define LT_OPENAI_SETTING_STREAM_OPTIONS(otherwise)                                                                           \
    "\"stream_options\":{\"type\":\"boolean\",\"title\":\"Ask for usage in streams\"," otherwise                              \
    "\"description\":\"Switch off for servers that refuse stream_options.\"}"
#define LT_OPENAI_SETTING_MAX_TOKENS_FIELD(description)                                                                       \
    "\"max_tokens_field\":{\"type\":\"string\",\"title\":\"Name of the token limit\","                                        \
    "\"enum\":[\"max_tokens\",\"max_completion_tokens\"],\"description\":\"" description "\"}"
#define LT_OPENAI_SETTING_SYSTEM_ROLE                                                                                         \
    "\"system_role\":{\"type\":\"string\",\"title\":\"Role of instructions\",\"enum\":[\"system\",\"developer\",\"user\"],"   \
    "\"default\":\"system\",\"description\":\"user puts them before the user's first message.\"}"
#define LT_OPENAI_SETTING_IMAGE_DETAIL                                                                                        \
    "\"image_detail\":{\"type\":\"string\",\"title\":\"Detail of images\",\"enum\":[\"auto\",\"low\",\"high\"]}"
#define LT_OPENAI_SETTING_ENCODING_FORMAT                                                                                     \
    "\"encoding_format\":{\"type\":\"string\",\"title\":\"Form of vectors\",\"enum\":[\"float\",\"base64\"]}"
/* How a JSON schema is asked for; `ways` are more of them, for servers that have their own. */
#define LT_OPENAI_SETTING_SCHEMA_AS(ways)                                                                                     \
    "\"schema_as\":{\"type\":\"string\",\"title\":\"JSON schemas go into\",\"enum\":[\"response_format\"," ways "],"          \
    "\"default\":\"response_format\",\"description\":\"The member of the request; older servers know only their own.\"}"

/* What may differ from model to model as well as from server to server, of a server of which nothing is known. */
#define LT_OPENAI_QUIRKS                                                                                                      \
    LT_OPENAI_SETTING_MAX_TOKENS_FIELD("What the server calls it. Without it max_completion_tokens for api.openai.com, max_tokens for others.")  \
    "," LT_OPENAI_SETTING_USER "," LT_OPENAI_SETTING_STREAM_OPTIONS("\"default\":true,") "," LT_OPENAI_SETTING_SYSTEM_ROLE    \
    "," LT_OPENAI_SETTING_RESPONSE_FORMAT("\"default\":\"json_schema\",") "," LT_OPENAI_SETTING_IMAGES("true")                \
    "," LT_OPENAI_SETTING_IMAGE_DETAIL "," LT_OPENAI_SETTING_TOOLS "," LT_OPENAI_SETTING_ENCODING_FORMAT
#define LT_OPENAI_IMAGES                                                                                                      \
    LT_OPENAI_SETTING_IMAGE_FAMILY("Whose sizes and members the model takes. Without it as its name says.")
/* The settings `quirks` once more, by model. */
#define LT_OPENAI_SETTING_MODELS(quirks)                                                                                      \
    "\"models\":{\"type\":\"object\",\"title\":\"By model\",\"maxProperties\":200,"                                           \
    "\"description\":\"Those of the settings before that are other for one model, under its name.\","                         \
    "\"propertyNames\":{\"minLength\":1,\"maxLength\":200},"                                                                  \
    "\"additionalProperties\":{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{" quirks "}}}"
#define LT_OPENAI_SETTINGS_OF(quirks) quirks "," LT_OPENAI_SETTING_MODELS(quirks) "," LT_WIRE_SETTINGS_COMMON
#define LT_OPENAI_SETTINGS                                                                                                    \
    LT_OPENAI_SETTING_KEY_HEADER("authorization") "," LT_OPENAI_SETTINGS_OF(LT_OPENAI_QUIRKS "," LT_OPENAI_IMAGES)

/* ---- the formats ---- */

extern const struct lt_wire_format lt_openai_chat_format, lt_openai_responses_format;

/* Writes the body of a chat completion (begin to end). LT_ETOO_LARGE. */
enum lt_code lt_openai_chat_body(struct lt_wire *w, struct lt_error *err);
/* The same for the Responses API. LT_EUNSUPPORTED for what it does not know (stop). */
enum lt_code lt_openai_responses_body(struct lt_wire *w, struct lt_error *err);

/* `model`, as the vendor wants it named; first in each body. */
void lt_openai_write_model(struct lt_wire *w);
/* The user's pseudonym as `user`, unless the instance or the model does without. */
void lt_openai_write_user(struct lt_wire *w);
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

/* ---- images that are made (openai_images.c) ---- */

/* Asks for run->call->image, once or as often as the model makes one at a time; fills run->result.images. */
enum lt_code lt_openai_make_images(struct lt_wire *w, struct lt_error *err);
/*
 * Adds what an answer holds to run->result: images (at most as many as were asked for), usage, the model. The strings stay in the answer's
 * tree; what is no image, or above LT_IMAGE_MADE_BYTES_MAX, is left out. LT_EUPSTREAM_INVALID: nothing is left, or not of the form.
 */
enum lt_code lt_openai_take_images(struct lt_provider_run *run, const struct lt_json *answer, struct lt_error *err);

/* ---- members of struct lt_provider, whose `vendor` is a struct lt_openai_vendor ---- */

bool lt_openai_configured(const struct lt_provider_instance *instance, char *why);
const char *lt_openai_lacks(const struct lt_provider_instance *instance, enum lt_neutral_kind kind, const struct lt_json *settings);
/*
 * The Responses API answers conversations (with `auto` of `openai` at OpenAI's own address only: other servers may lack it), and neither
 * action nor instance sets "store": false.
 */
bool lt_openai_keeps_threads(const struct lt_provider_instance *instance, const struct lt_json *settings);
enum lt_code lt_openai_call(struct lt_provider_run *run, struct lt_error *err);
enum lt_code lt_openai_models(struct lt_provider_run *run, struct lt_str **ret, size_t *ret_n, struct lt_error *err);
enum lt_code lt_openai_response(struct lt_provider_run *run, struct lt_str response_id, struct lt_kept_response *ret, struct lt_error *err);
enum lt_code lt_openai_response_before(struct lt_provider_run *run, struct lt_str response_id, struct lt_str *ret, struct lt_error *err);
enum lt_code lt_openai_forget(struct lt_provider_run *run, struct lt_str response_id, struct lt_error *err);

/* endpoint + tail, where the endpoint may be the whole address of one of the calls; or what the vendor has instead. */
struct lt_str lt_openai_url(struct lt_wire *w, const char *tail, const char *query);
