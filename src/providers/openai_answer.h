/*
 * Reading what an OpenAI-compatible chat completions API answers: one JSON object, a stream of events, or an error. No I/O: pure
 * functions over bytes, in any pieces. Facts: OpenAI's API reference ("Chat completions", "Streaming", "Error codes") and what
 * compatible servers (vLLM, llama.cpp, Mistral, Groq, DeepSeek, OpenRouter, Azure) do otherwise.
 */
#pragma once
#include "core/neutral.h"
#include "io/sse.h"

enum {
    LT_OPENAI_TEXT_MAX = 16 * 1024 * 1024, /* bytes of an answer's text, and of a JSON body */
    LT_OPENAI_STREAM_MAX = 64 * 1024 * 1024, /* bytes of a streamed body: each token comes with some 300 bytes around it */
    LT_OPENAI_EVENT_MAX = 4 * 1024 * 1024,
    LT_OPENAI_TOOLS_MAX = 128,
    LT_OPENAI_WORD_MAX = 200               /* bytes kept of ids, model names, finish reasons */
};

/* A tool call while its pieces arrive. */
struct lt_openai_tool {
    int64_t index;
    struct lt_buf id, name, arguments;
};

/* An answer under way; belongs to one fiber. */
struct lt_openai_answer {
    struct lt_arena *arena;      /* outlives the answer; holds the strings of the result */
    struct lt_str secret;        /* the API key, to be taken out of the vendor's messages */
    struct lt_buf text;          /* text that has come; the reader empties it (lt_buf_reset) as he hands it on */
    size_t text_n;               /* bytes of text since the start */
    struct lt_buf refusal;
    struct lt_str id, model, fingerprint, finish_reason;
    struct lt_usage usage;
    struct lt_openai_tool *tools;
    size_t tools_n;
    bool choice;                 /* a choice was seen */
    bool streamed;               /* events were fed */
    bool done;                   /* [DONE] was seen; what follows is ignored */
    struct lt_sse_parser sse;
};

void lt_openai_answer_init(struct lt_openai_answer *a, struct lt_arena *arena, struct lt_str secret);
void lt_openai_answer_free(struct lt_openai_answer *a);
/* Takes a whole JSON body, which must live as long as the arena. Errors as feed(). */
enum lt_code lt_openai_answer_json(struct lt_openai_answer *a, struct lt_str body, struct lt_error *err);
/*
 * Takes the next bytes of an event stream; new text is appended to a->text. LT_EUPSTREAM_INVALID (malformed), or what the vendor
 * reports in the stream. After an error the answer can only be freed; text of the same piece must not be shown.
 */
enum lt_code lt_openai_answer_feed(struct lt_openai_answer *a, struct lt_str piece, struct lt_error *err);
/*
 * The body has ended: checks that the answer is whole and fills *ret, all but `text`. LT_EUPSTREAM_INVALID, LT_ECONTENT_REFUSED
 * when the model refused.
 */
enum lt_code lt_openai_answer_end(struct lt_openai_answer *a, struct lt_neutral_result *ret, struct lt_error *err);
/* Whether a body with an unhelpful Content-Type is an event stream. */
bool lt_openai_is_stream(struct lt_str body);

/* An answer whose status is not 2xx → the error. `body` may be anything; `reason` is the status phrase. Sets vendor_status. */
enum lt_code lt_openai_fault(struct lt_arena *arena, int status, struct lt_str reason, struct lt_str body, struct lt_str secret,
                             struct lt_error *err);
/* RFC 9110 §10.2.3: seconds, or an HTTP date against `now_s` (seconds since 1970). 0 when absent or malformed, at most a day. */
int lt_openai_retry_after(struct lt_str value, int64_t now_s);
