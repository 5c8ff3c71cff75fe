/*
 * What the vendors' files share: settings, address, headers, the request's body, sending, reading an answer whole or as a stream,
 * faults. A vendor's file holds only its format: it writes the body and says (struct lt_wire_format) how an answer is read.
 *
 *     struct lt_wire w;
 *     lt_wire_prepare(&w, run, &vendor, err) → lt_wire_begin() … members … lt_wire_end() → lt_wire_call() → lt_wire_done()
 *
 * Everything runs on the request's fiber; what is kept lies in the request's arena.
 */
#pragma once
#include "core/trace.h"
#include "io/http_client.h"
#include "providers/wire_answer.h"

enum {
    LT_WIRE_REQUEST_MAX = 48 * 1024 * 1024, /* bytes of a request's body */
    LT_WIRE_FAULT_MAX = 64 * 1024,          /* bytes of an error's body that are read */
    LT_WIRE_HEADERS_MAX = 16,               /* of the setting `headers` */
    LT_WIRE_WHY_MAX = LT_PROVIDER_WHY_MAX,  /* bytes of `why` below */
    LT_WIRE_MODELS_MAX = 1000
};

#define LT_WIRE_BODY_TYPE "application/json" /* Content-Type of every request with a body */

/* ---- settings: pieces of a settings_schema, to be joined by commas ---- */

#define LT_WIRE_SETTING_ENDPOINT(description)                                                                                 \
    "\"endpoint\":{\"type\":\"string\",\"title\":\"Endpoint\",\"pattern\":\"^https?://[^\\\\s#@]+$\",\"maxLength\":1000,"     \
    "\"description\":\"" description "\"}"
#define LT_WIRE_SETTING_ENDPOINT_DEFAULT(address, description)                                                                \
    "\"endpoint\":{\"type\":\"string\",\"title\":\"Endpoint\",\"pattern\":\"^https?://[^\\\\s#@]+$\",\"maxLength\":1000,"     \
    "\"default\":\"" address "\",\"description\":\"" description "\"}"
/* A secret that goes into a header: visible ASCII. */
#define LT_WIRE_SETTING_SECRET(name, title, description)                                                                      \
    "\"" name "\":{\"type\":\"string\",\"title\":\"" title "\",\"writeOnly\":true,\"maxLength\":4000,"                        \
    "\"pattern\":\"^[\\\\x21-\\\\x7e]*$\",\"description\":\"" description "\"}"
#define LT_WIRE_SETTING_API_KEY(description) LT_WIRE_SETTING_SECRET("api_key", "API key", description)
#define LT_WIRE_SETTING_MODEL(description)                                                                                    \
    "\"model\":{\"type\":\"string\",\"title\":\"Model\",\"maxLength\":200,\"description\":\"" description "\"}"
#define LT_WIRE_SETTING_EMBEDDING_MODEL(description)                                                                          \
    "\"embedding_model\":{\"type\":\"string\",\"title\":\"Model for vectors\",\"maxLength\":200,\"description\":\"" description "\"}"
#define LT_WIRE_SETTING_IMAGE_MODEL(description)                                                                              \
    "\"image_model\":{\"type\":\"string\",\"title\":\"Model for images\",\"maxLength\":200,\"description\":\"" description "\"}"
#define LT_WIRE_SETTING_HEADERS                                                                                               \
    "\"headers\":{\"type\":\"object\",\"title\":\"More headers\",\"maxProperties\":16,"                                       \
    "\"description\":\"Sent with every request, shown to administrators: keys belong in api_key.\","                          \
    "\"propertyNames\":{\"pattern\":\"^[A-Za-z0-9-]{1,64}$\"},"                                                               \
    "\"additionalProperties\":{\"type\":\"string\",\"maxLength\":2000,\"pattern\":\"^[\\\\x20-\\\\x7e]*$\"}}"
#define LT_WIRE_SETTING_BODY                                                                                                  \
    "\"body\":{\"type\":\"object\",\"title\":\"More members of the request\",\"maxProperties\":64,"                           \
    "\"description\":\"Merged into every request body; a null leaves the member out.\"}"
#define LT_WIRE_SETTING_WAITS                                                                                                 \
    "\"connect_ms\":{\"type\":\"integer\",\"title\":\"Time to connect (ms)\","                                                \
    "\"minimum\":100,\"maximum\":60000,\"default\":10000},"                                                                   \
    "\"first_byte_ms\":{\"type\":\"integer\",\"title\":\"Time to the first byte (ms)\","                                      \
    "\"minimum\":100,\"maximum\":600000,\"default\":60000,\"description\":\"Of images 180000 when it is not set.\"},"         \
    "\"idle_ms\":{\"type\":\"integer\",\"title\":\"Silence within an answer (ms)\","                                          \
    "\"minimum\":100,\"maximum\":600000,\"default\":60000}"
#define LT_WIRE_SETTING_TRACE_CONTEXT                                                                                         \
    "\"trace_context\":{\"type\":\"boolean\",\"title\":\"Pass on the trace\",\"default\":false,"                               \
    "\"description\":\"Sends traceparent and tracestate where traces are on, so that a gateway of your own goes on with them.\"}"
/* Those that every vendor has. */
#define LT_WIRE_SETTINGS_COMMON                                                                                               \
    LT_WIRE_SETTING_HEADERS "," LT_WIRE_SETTING_BODY "," LT_WIRE_SETTING_WAITS "," LT_WIRE_SETTING_TRACE_CONTEXT "," LT_PROVIDER_TRY_SETTINGS

/* A header whose value is a setting of the instance; it is sent when that is not empty. */
struct lt_wire_setting_header {
    const char *name, *setting;
};

/* What is fixed of a vendor. */
struct lt_wire_vendor {
    const char *endpoint;        /* default address; NULL: it must be set */
    const char *endpoint_setting; /* the setting that goes before it; NULL: "endpoint" */
    const char *host;            /* the vendor's own host, where the key is needed; NULL: a key is never needed */
    bool key_needed;             /* wherever it runs */
    const char *model;           /* default model at that host (anywhere, when there is none); NULL: one must be set somewhere */
    const char *embedding_model; /* the same for embeddings, which the setting embedding_model goes before; NULL: none */
    const char *image_model;     /* the same for images that are made, with image_model; the models for text are never asked for these */
    bool threads;                /* keeps threads; otherwise a call with previous_response_id is LT_EUNSUPPORTED */
    const char *key_header;      /* "authorization" sends "Bearer KEY", another name the bare key; NULL: the vendor's file sends it.
                                    The setting api_key_header goes before it, where the schema has one. */
    const struct lt_wire_setting_header *headers; /* ends with {NULL, NULL}; NULL: none */
    const char *const *reserved; /* headers that the vendor's file sets itself, NULL-terminated; NULL: none */
    const char *const *unknown;  /* members of a body that the vendor refuses: only extra and body can set them; NULL-terminated; NULL: none */
};

/* An endpoint, taken apart. */
struct lt_wire_endpoint {
    struct lt_str path;  /* scheme, authority and path, without a slash at the end */
    struct lt_str query; /* with its '?', or empty */
    bool own;            /* the vendor's own host */
};

/* A string setting without the spaces around it; {NULL, 0} when absent. */
struct lt_str lt_wire_str(const struct lt_json *from, const char *key);
/* Takes the instance's endpoint (or the vendor's) apart; false: `why` says what is wrong with it, or why it may not be asked (io/outbound.h). */
bool lt_wire_read_endpoint(const struct lt_json *config, const struct lt_wire_vendor *vendor, struct lt_wire_endpoint *ret, char *why);
/*
 * What most providers' configured() is: the endpoint may be used, no header is set twice, the key is there where it is needed, and
 * a model is named by the instance, by an action's settings or by the vendor's default.
 */
bool lt_wire_configured(const struct lt_provider_instance *instance, const struct lt_wire_vendor *vendor, char *why);
/* The lacks() of providers that make images: a model for them must be named by the action's settings, by image_model or by the vendor's default. */
const char *lt_wire_lacks(const struct lt_provider_instance *instance, enum lt_neutral_kind kind, const struct lt_json *settings,
                          const struct lt_wire_vendor *vendor);

/* ---- the request ---- */

enum { LT_WIRE_WRITTEN_MAX = 64 };

/* The object that is being written: the body, or one object in it. */
struct lt_wire_scope {
    const struct lt_json *theirs[3];            /* members set by the action, the action's model, the instance: first goes first */
    const char *written[LT_WIRE_WRITTEN_MAX];   /* members that are done with */
    size_t written_n;
};

/* A run with its settings looked up, and its request. */
struct lt_wire {
    struct lt_provider_run *run;
    const struct lt_wire_vendor *vendor;
    const struct lt_json *config;
    struct lt_wire_endpoint endpoint;
    struct lt_str key;    /* api_key */
    struct lt_str secret; /* what is taken out of the vendor's messages: the key, unless the vendor's file sets another */
    struct lt_str model;
    const char *const *unknown; /* the vendor's, unless its file sets others for this call */
    uint32_t first_byte_ms; /* the wait where the setting of that name is not set; 0: the client's */
    struct lt_http_field fields[LT_WIRE_HEADERS_MAX + 12];
    size_t fields_n;
    struct lt_trace_request *trace; /* of what was sent last; NULL: it is not traced */
    const char *method;   /* NULL: POST with a body, else GET */
    int64_t input_tokens; /* that the head of what was fetched last tells (struct lt_wire_format, input_tokens_header); -1: none */
    struct lt_buf body;
    struct lt_jw jw;      /* writes the body; for members that the vendor's file writes itself */
    struct lt_jw outer;   /* jw and body.n before the inner object was opened */
    size_t outer_n, inner_n;
    struct lt_wire_scope scopes[2], *scope;
};

/* Settings, endpoint, model, key and headers. LT_ECONFIG, LT_EUNSUPPORTED. Nothing to release before lt_wire_begin(). */
enum lt_code lt_wire_prepare(struct lt_wire *w, struct lt_provider_run *run, const struct lt_wire_vendor *vendor, struct lt_error *err);
/* The same where no model is needed (lists of models, kept threads). */
enum lt_code lt_wire_prepare_plain(struct lt_wire *w, struct lt_provider_run *run, const struct lt_wire_vendor *vendor, struct lt_error *err);
/* Releases the body. */
void lt_wire_done(struct lt_wire *w);
/* A setting of the action at this instance: settings[key], else settings.models[MODEL][key]; NULL when neither is set. */
const struct lt_json *lt_wire_setting(const struct lt_wire *w, const char *key);
/* A setting of the instance that may differ by model: config.models[MODEL][key], else config[key]. */
const struct lt_json *lt_wire_quirk(const struct lt_wire *w, const char *key);
/* One more header. LT_ECONFIG: the value has a character that a header cannot carry. `name` and `value` must live as long as w. */
enum lt_code lt_wire_header(struct lt_wire *w, struct lt_str name, struct lt_str value, struct lt_error *err);

/*
 * The body. Who sets a member: the caller's own value; then the action's `extra`; then that of the action's model; then the
 * instance's `body`; then a setting such as `temperature`. A null in `extra` or `body` leaves the member out. What the vendor's file
 * does not mention is copied at the end from extra and body.
 */
void lt_wire_begin(struct lt_wire *w);
/* Writes the members of extra and body that nobody wrote, and closes the object. LT_ETOO_LARGE. */
enum lt_code lt_wire_end(struct lt_wire *w, struct lt_error *err);
/* An object in the body (options, generationConfig): the members of the same name in extra and body are merged into it. False: a
 * null leaves it out, do not write or close it. An object that stays empty is not written. One level only. */
bool lt_wire_open(struct lt_wire *w, const char *key);
void lt_wire_close(struct lt_wire *w);
/* The member belongs to the vendor's file alone: extra and body cannot set it. The caller writes it by w->jw, or nobody does. */
void lt_wire_own(struct lt_wire *w, const char *key);
/*
 * Whether the vendor's file may write the member by w->jw; `asked`: the caller set the value himself. False: it is written or left
 * out already.
 */
bool lt_wire_may(struct lt_wire *w, const char *key, bool asked);
/* A number: `asked` unless NAN, else the action's setting `setting` (NULL: none). */
void lt_wire_number(struct lt_wire *w, const char *key, const char *setting, double asked);
/* The same for a whole number; below `least` counts as not asked or not set. */
void lt_wire_int(struct lt_wire *w, const char *key, const char *setting, int64_t asked, int64_t least);
/* `asked` as it is, unless NULL. */
void lt_wire_json(struct lt_wire *w, const char *key, const struct lt_json *asked);

/* endpoint + tail + the endpoint's query, to which `query` ("alt=sse", or NULL) is added. */
struct lt_str lt_wire_url(const struct lt_wire *w, struct lt_str tail, const char *query);
/* One segment of a path or one value of a query: all but RFC 3986's unreserved characters as %XX. */
struct lt_str lt_wire_escape(struct lt_arena *arena, struct lt_str s);

/* ---- sending and reading ---- */

/*
 * POSTs the body and reads the answer into run->result, handing text to run->on_text as it comes; without a listener it becomes
 * result.text. JSON or stream is decided by what comes, not by what was asked. `vendor_state` is a->vendor of the format's
 * functions. LT_EUPSTREAM_*, LT_ECONTEXT_WINDOW, LT_ECONTENT_REFUSED, LT_ENOT_FOUND (a kept thread), LT_EOUTBOUND_REFUSED, LT_ECANCELLED, what
 * on_text returned, LT_ECONFIG (address).
 */
enum lt_code lt_wire_call(struct lt_wire *w, struct lt_str url, const struct lt_wire_format *format, void *vendor_state, struct lt_error *err);
/* Sends the body (POST when one was begun, else GET) and reads one JSON value of at most max bytes into run->arena. */
enum lt_code lt_wire_fetch(struct lt_wire *w, struct lt_str url, const struct lt_wire_format *format, size_t max,
                           const struct lt_json **ret, struct lt_error *err);

/* The string member `key` of each element of `list` (key NULL: the elements themselves), `skip` characters cut off its front when it
 * begins so. Empty and overlong ones are left out; at most LT_WIRE_MODELS_MAX. */
void lt_wire_names(struct lt_arena *arena, const struct lt_json *list, const char *key, const char *skip, struct lt_str **ret, size_t *ret_n);

/*
 * Vectors. lt_wire_vector() takes the one for texts[i] as an array of numbers, or as base64 of little-endian float32; all must have
 * the same length. lt_wire_vectors_end() checks that each text has got one. LT_EUPSTREAM_INVALID.
 */
enum lt_code lt_wire_vector(struct lt_provider_run *run, size_t i, const struct lt_json *v, struct lt_error *err);
enum lt_code lt_wire_vectors_end(struct lt_provider_run *run, struct lt_error *err);
