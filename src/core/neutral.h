/* The vendor-neutral call that actions compile to and providers translate, and its result. */
#pragma once
#include "text/json.h"

enum lt_neutral_kind { LT_NEUTRAL_COMPLETION = 1, LT_NEUTRAL_IMAGE = 2, LT_NEUTRAL_EMBEDDING = 4 };

struct lt_message {
    struct lt_str role; /* system, user, assistant, tool */
    struct lt_str content;
    struct lt_str tool_call_id;        /* of a tool's message: the call that it answers */
    const struct lt_json *tool_calls;  /* of an assistant's message: the calls it made, in OpenAI's shape, or NULL */
};

struct lt_neutral_call {
    enum lt_neutral_kind kind;
    struct lt_message *messages;
    size_t messages_n;
    int64_t max_tokens;                    /* 0: the instance's setting or the vendor's default */
    double temperature, top_p;             /* NAN: not set */
    int64_t seed;                          /* -1: not set */
    const struct lt_json *stop;            /* array of strings or NULL */
    const struct lt_json *tools, *tool_choice, *response_format; /* in OpenAI's shape, or NULL */
};

struct lt_usage {
    int64_t prompt_tokens, completion_tokens, total_tokens; /* -1: unknown (never 0 for unknown) */
};

struct lt_neutral_result {
    struct lt_str text;                    /* whole answer, before or after <think> was taken out (says the user of the struct) */
    struct lt_str finish_reason;           /* stop, length, tool_calls, content_filter; as the vendor said otherwise */
    struct lt_str response_id, fingerprint, model;
    const struct lt_json *tool_calls;      /* array in OpenAI's shape, or NULL */
    struct lt_usage usage;
};
