/*
 * Answers of the Ollama door: one JSON object, or one a line as the text comes (application/x-ndjson), the last with `done`. Written by the
 * request's fiber.
 */
#pragma once
#include "api/ollama_request.h"
#include "api/request.h"
#include "core/neutral.h"

/* How an answer ended. */
struct lt_ollama_end {
    struct lt_str text;               /* the whole answer */
    struct lt_str finish_reason;      /* stop, length, …; "load" and "unload" as they are */
    const struct lt_json *tool_calls; /* in OpenAI's shape, or NULL */
    struct lt_usage usage;
};

/* Nanoseconds. What is not known apart counts to the evaluation; the loading of a model is not ours to measure: 0. */
struct lt_ollama_times {
    int64_t total, prompt_eval, eval;
};

/*
 * Writes one object. end NULL: a piece of a stream. created_at as lt_ollama_time() gives it. tool calls: those to show in this object, or NULL.
 * LT_EUPSTREAM_INVALID: the arguments of a tool call are no JSON object, which Ollama's shape wants. Pure; the arena is for parsing.
 */
enum lt_code lt_ollama_write(struct lt_arena *arena, struct lt_jw *w, const struct lt_ollama_request *q, const char *created_at, struct lt_str text,
                             const struct lt_json *tool_calls, const struct lt_ollama_end *end, const struct lt_ollama_times *times,
                             struct lt_error *err);
/* RFC 3339 with nanoseconds in UTC, now. */
enum { LT_OLLAMA_TIME = 31 };
void lt_ollama_time(char out[LT_OLLAMA_TIME]);

/* An answer on its way. */
struct lt_ollama_answer {
    struct lt_request *r;
    const struct lt_ollama_request *q;
    struct lt_buf buf;                /* a line */
    uint64_t start_us, first_us;      /* 0: no text has come yet */
    bool begun;                       /* the head is on its way: no other status can be said any more */
};
void lt_ollama_answer_init(struct lt_ollama_answer *a, struct lt_request *r, const struct lt_ollama_request *q);
/* The listener of a call (on_text); ctx is the struct. Only when q->stream. */
enum lt_code lt_ollama_answer_piece(void *ctx, struct lt_str piece);
/* The answer's end, with all of it that was not shown. Frees what the struct holds, as the next one does. */
void lt_ollama_answer_end(struct lt_ollama_answer *a, const struct lt_ollama_end *end);
/* What went wrong: a status and {"error"}, or a last line of a stream that had begun. */
void lt_ollama_answer_fail(struct lt_ollama_answer *a, const struct lt_error *err, const char *call_id);
