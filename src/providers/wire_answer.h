/*
 * An answer under way, and a fault: pure functions over bytes, in any pieces, no I/O. The vendor's part is a struct lt_wire_format:
 * how one JSON object (a whole answer, or one event of a stream) is read, and tables of the vendor's words.
 */
#pragma once
#include "core/neutral.h"
#include "io/aws_stream.h"
#include "io/sse.h"

enum {
    LT_WIRE_TEXT_MAX = 16 * 1024 * 1024,   /* bytes of an answer's text, and of a JSON body */
    LT_WIRE_STREAM_MAX = 64 * 1024 * 1024, /* bytes of a streamed body: each token comes with some 300 bytes around it */
    LT_WIRE_EVENT_MAX = 4 * 1024 * 1024,
    LT_WIRE_TOOLS_MAX = 128,
    LT_WIRE_ARGUMENTS_MAX = 1024 * 1024,   /* bytes of one tool call's arguments */
    LT_WIRE_WORD_MAX = 200                 /* bytes kept of ids, model names, finish reasons */
};

/* What a vendor says of a fault, wherever it says it. */
struct lt_wire_fault {
    int status; /* HTTP status, or the number in `code`; 0: unknown */
    struct lt_str code, type, message;
    struct lt_str where; /* the member of the request that it is about; may be empty */
    int retry_after_s; /* that the body names (Google's RetryInfo); 0: none */
};

/* A vendor's word and what it means. Tables end with {NULL, 0}. */
struct lt_wire_word {
    const char *word;
    enum lt_code code;
};
/* A vendor's finish reason and ours (stop, length, tool_calls, content_filter). Tables end with {NULL, NULL}. */
struct lt_wire_reason {
    const char *theirs, *ours;
};

enum lt_wire_framing {
    LT_WIRE_EVENTS, /* server-sent events, each with one JSON object */
    LT_WIRE_LINES,  /* one JSON object a line (NDJSON) */
    LT_WIRE_AWS     /* Amazon's binary messages (io/aws_stream.h), each with one JSON object; exceptions and errors among them are faults */
};

struct lt_wire_answer;

/* How a vendor's answers are read. */
struct lt_wire_format {
    enum lt_wire_framing framing;
    const char *part;                     /* what an answer cannot do without ("choices"), for the message when a->begun was never set */
    const char *end_mark;                 /* data of an event that ends a stream ("[DONE]"), or NULL */
    bool reason_ends;                     /* a stream with a finish reason is whole even without its end mark */
    const struct lt_wire_reason *reasons; /* or NULL */
    const struct lt_wire_word *words;     /* looked up in a fault's code and type before the common table; or NULL */
    const struct lt_wire_word *phrases;   /* looked for in a fault's message where the status is 400, 413, 422 or unknown; or NULL */
    const char *fingerprint_header;       /* field of an answer's head that names it; or NULL */
    const char *input_tokens_header;      /* field with the tokens that were read, where the body has no place for them; or NULL */
    bool error_in_answer;                 /* lt_wire_fetch() leaves a member "error" of a good answer to the vendor's file */
    /*
     * Takes a whole answer (a->streamed false) or one event; `type` is the event's, "" when it has none. The tree lives until the
     * function returns (of a whole answer: as long as the arena): copy what is kept. Objects that are faults (lt_wire_is_fault)
     * and events named "error" never come here. Sets a->begun when something of an answer is there, a->done at the vendor's end mark.
     */
    enum lt_code (*object)(struct lt_wire_answer *a, const struct lt_json *o, struct lt_str type, struct lt_error *err);
    /* May be NULL. After the last object, before the common checks of lt_wire_answer_end(). */
    enum lt_code (*end)(struct lt_wire_answer *a, struct lt_error *err);
};

/* A tool call while its pieces arrive. */
struct lt_wire_tool {
    int64_t index;
    struct lt_buf id, name, arguments;
};

/* An answer under way; belongs to one fiber. */
struct lt_wire_answer {
    struct lt_arena *arena;      /* outlives the answer; holds the strings of the result */
    const struct lt_wire_format *format;
    void *vendor;                /* the format's own state, or NULL */
    struct lt_str secret;        /* to be taken out of the vendor's messages */
    struct lt_buf text;          /* text that has come; the reader empties it (lt_buf_reset) as he hands it on */
    size_t text_n;               /* bytes of text since the start */
    struct lt_buf refusal;
    struct lt_buf logprobs;      /* elements of the list, with commas between */
    struct lt_str id, model, fingerprint, finish_reason;
    struct lt_usage usage;
    struct lt_wire_tool *tools;
    size_t tools_n;
    bool begun;                  /* something of an answer was seen */
    bool streamed;               /* events are fed */
    bool done;                   /* the end mark was seen; what follows is ignored */
    /* what the framing needs */
    struct lt_sse_parser sse;
    struct lt_buf line;          /* of LT_WIRE_LINES: the start of a line */
    struct lt_aws_stream aws;
};

void lt_wire_answer_init(struct lt_wire_answer *a, const struct lt_wire_format *format, void *vendor, struct lt_arena *arena,
                         struct lt_str secret);
void lt_wire_answer_free(struct lt_wire_answer *a);
/* Takes a whole JSON body, which must live as long as the arena. Errors as feed(). */
enum lt_code lt_wire_answer_json(struct lt_wire_answer *a, struct lt_str body, struct lt_error *err);
/*
 * Takes the next bytes of a stream; new text is appended to a->text. LT_EUPSTREAM_INVALID (malformed), or what the vendor reports in
 * the stream. After an error the answer can only be freed; text of the same piece must not be shown.
 */
enum lt_code lt_wire_answer_feed(struct lt_wire_answer *a, struct lt_str piece, struct lt_error *err);
/*
 * The body has ended: checks that the answer is whole and fills *ret, all but `text`. LT_EUPSTREAM_INVALID, LT_ECONTENT_REFUSED
 * when the model or the vendor's filter refused.
 */
enum lt_code lt_wire_answer_end(struct lt_wire_answer *a, struct lt_neutral_result *ret, struct lt_error *err);
/* Whether a body with an unhelpful Content-Type is a stream. */
bool lt_wire_is_stream(const struct lt_wire_format *format, struct lt_str body);

/* ---- for the format's functions ---- */

/* Member that is neither absent nor null: servers write null for what they have nothing to say about. */
const struct lt_json *lt_wire_get(const struct lt_json *v, const char *key);
/* "the answer's WHAT is of type …" */
enum lt_code lt_wire_wrong_type(struct lt_error *err, const char *what, const struct lt_json *v);
/* Keeps the first value of a word that comes with every chunk. Other types than a string are no reason to lose an answer. */
void lt_wire_keep(struct lt_wire_answer *a, struct lt_str *word, const struct lt_json *v);
void lt_wire_keep_str(struct lt_wire_answer *a, struct lt_str *word, struct lt_str s);
/* A count of tokens: -1 unless a whole number ≥ 0. */
int64_t lt_wire_count(const struct lt_json *usage, const char *key);
/* The next piece of the answer's text; of a refusal's words. */
enum lt_code lt_wire_text(struct lt_wire_answer *a, struct lt_str s, struct lt_error *err);
void lt_wire_refusal(struct lt_wire_answer *a, struct lt_str s);
/* The next probabilities of tokens: a list of objects in OpenAI's shape, or NULL. Above LT_WIRE_TEXT_MAX bytes all of them are lost. */
void lt_wire_logprobs(struct lt_wire_answer *a, const struct lt_json *content);
/* The tool call with this index, made when there is none; index < 0: always a new one. NULL and *err: there are too many. */
struct lt_wire_tool *lt_wire_tool(struct lt_wire_answer *a, int64_t index, struct lt_error *err);
/* The same, NULL when there is none. */
struct lt_wire_tool *lt_wire_tool_at(struct lt_wire_answer *a, int64_t index);
/* Adds what is known of a call: id and name once, arguments in pieces (a string) or as an object. Any may be empty or NULL. */
enum lt_code lt_wire_tool_add(struct lt_wire_tool *tool, struct lt_str id, struct lt_str name, const struct lt_json *arguments,
                              struct lt_error *err);
enum lt_code lt_wire_tool_text(struct lt_wire_tool *tool, struct lt_str piece, struct lt_error *err);

/* ---- faults ---- */

/* Whether an object is one: it has a member `error`, or its `object` or `type` is "error". */
bool lt_wire_is_fault(const struct lt_json *o);
/*
 * What a JSON body says of a fault: {"error":{code,type,status,message}}, {"error":"text"}, {"message":…}, {"detail":…}, or an array
 * with one of these.
 */
void lt_wire_read_fault(const struct lt_json *body, struct lt_wire_fault *ret);
/* A fault → the error. The status decides; words decide what a bare 400 hides, and everything where there is no status. */
enum lt_code lt_wire_fail(const struct lt_wire_format *format, struct lt_arena *arena, const struct lt_wire_fault *f, struct lt_str reason,
                          struct lt_str secret, struct lt_error *err);
/* An answer whose status is not 2xx → the error. `body` may be anything; `reason` is the status phrase. Sets vendor_status. */
enum lt_code lt_wire_fault(const struct lt_wire_format *format, struct lt_arena *arena, int status, struct lt_str reason, struct lt_str body,
                           struct lt_str secret, struct lt_error *err);
/* The vendor's words on one line, without the secret, cut to size. */
struct lt_str lt_wire_presentable(struct lt_arena *arena, struct lt_str s, struct lt_str secret);
/* RFC 9110 §10.2.3: seconds, or an HTTP date against `now_s` (seconds since 1970). 0 when absent or malformed, at most a day. */
int lt_wire_retry_after(struct lt_str value, int64_t now_s);
