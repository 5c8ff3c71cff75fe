/* The vendor-neutral call that actions compile to and providers translate, and its result. */
#pragma once
#include "text/json_schema.h"

enum lt_neutral_kind { LT_NEUTRAL_COMPLETION = 1, LT_NEUTRAL_IMAGE = 2, LT_NEUTRAL_EMBEDDING = 4 };

/* An image in a message: by its bytes (base64, with their type), or by an address that the vendor is to fetch. */
struct lt_image {
    struct lt_str media_type;          /* image/png, image/jpeg, image/webp, image/gif */
    struct lt_str base64;              /* empty when `url` is set */
    struct lt_str url;                 /* https://… */
};

struct lt_message {
    struct lt_str role; /* system, user, assistant, tool */
    struct lt_str content;             /* text; may be empty beside images or tool calls */
    const struct lt_image *images;     /* of a user's message, shown after the text */
    size_t images_n;
    struct lt_str tool_call_id;        /* of a tool's message: the call that it answers */
    const struct lt_json *tool_calls;  /* of an assistant's message: the calls it made, in OpenAI's shape, or NULL */
};

enum lt_wish { LT_WISH_NONE, LT_WISH_NO, LT_WISH_YES };

/* What is asked of an image. A provider sends what its vendor and model can do, the nearest where that is less. */
enum lt_image_quality { LT_IMAGE_STANDARD, LT_IMAGE_HD };
enum lt_image_aspect { LT_IMAGE_SQUARE, LT_IMAGE_LANDSCAPE, LT_IMAGE_PORTRAIT };
enum lt_image_style { LT_IMAGE_NATURAL, LT_IMAGE_VIVID };

struct lt_image_wish {
    struct lt_str prompt;
    enum lt_image_quality quality;
    enum lt_image_aspect aspect;
    enum lt_image_style style;
    int64_t count;                         /* 1 to LT_IMAGES_MADE_MAX; a vendor that makes one at a time is asked so many times */
};

enum {
    LT_IMAGES_MADE_MAX = 4,                        /* of one call */
    LT_IMAGE_MADE_BYTES_MAX = 16 * 1024 * 1024     /* of one image, decoded */
};

/* An image that a vendor made: exactly one of `base64` and `url` is set. What it holds is not believed: the host looks at the bytes. */
struct lt_image_made {
    struct lt_str base64;                  /* as the vendor wrote it (white space allowed) */
    struct lt_str url;                     /* where the vendor keeps it for a while; the host fetches it (io/outbound.h) */
    struct lt_str revised_prompt;          /* what the vendor made of the prompt; may be empty */
};

/* One that the host has taken, checked and put on disk (core/picture_file.h): what actions and answers tell of it. */
struct lt_picture {
    struct lt_str id, url;                 /* url: for a while, without host: "/v1/files/…" */
    int64_t expires_at;                    /* ms: the end of that while */
    struct lt_str media_type;
    int64_t bytes, width, height;
    char sha256[65];                       /* of the file, in hexadecimal digits */
    struct lt_str alt;                     /* what it shows, for who cannot see it */
    struct lt_str source_url, revised_prompt; /* the vendor's; may be empty */
};

struct lt_neutral_call {
    enum lt_neutral_kind kind;
    /* completion */
    struct lt_message *messages;
    size_t messages_n;
    struct lt_str previous_response_id;    /* the vendor keeps the thread up to here: `messages` are only what is new; else empty */
    bool store;                            /* the vendor is asked to keep the answer, so that a later call can go on from it */
    enum lt_wish cache;                    /* marks for the vendor's prompt cache, where it has such; without a wish as the instance is set */
    int64_t max_tokens;                    /* 0: the instance's setting or the vendor's default */
    double temperature, top_p;             /* NAN: not set */
    int64_t seed;                          /* -1: not set */
    /* These are left out where the vendor has no such thing. */
    bool logprobs;                         /* the probabilities of the answer's tokens are wanted, */
    int64_t top_logprobs;                  /* and of so many that might have stood in their place; 0: none */
    const struct lt_json *parallel_tool_calls; /* a boolean, or NULL: not set */
    const struct lt_json *frequency_penalty, *presence_penalty; /* numbers, or NULL */
    const struct lt_json *stop;            /* array of strings or NULL */
    const struct lt_json *tools, *tool_choice, *response_format; /* in OpenAI's shape, or NULL */
    const struct lt_schema *answer_schema; /* response_format's JSON schema, compiled: the answer is checked against it; or NULL */
    const struct lt_json *metadata;        /* object of strings that the vendor keeps beside the answer, or NULL */
    /* embedding */
    const struct lt_str *texts;
    size_t texts_n;
    int64_t dimensions;                    /* 0: the model's own */
    /* image */
    struct lt_image_wish image;
};

struct lt_usage {
    int64_t prompt_tokens, completion_tokens, total_tokens; /* -1: unknown (never 0 for unknown) */
    int64_t cached_tokens;                 /* part of prompt_tokens that the vendor had in its cache; -1: unknown */
    int64_t reasoning_tokens;              /* part of completion_tokens that nobody was shown; -1: unknown */
};

#define LT_USAGE_UNKNOWN {-1, -1, -1, -1, -1}

struct lt_neutral_result {
    struct lt_str text;                    /* whole answer, before or after <think> was taken out (says the user of the struct) */
    struct lt_str finish_reason;           /* stop, length, tool_calls, content_filter; as the vendor said otherwise */
    struct lt_str response_id, fingerprint, model;
    struct lt_str refusal;                 /* the model's own words when it refused (LT_ECONTENT_REFUSED); else empty */
    const struct lt_json *tool_calls;      /* array in OpenAI's shape, or NULL */
    const struct lt_json *logprobs;        /* {"content": [{"token", "logprob", "bytes", "top_logprobs"}, …]} in OpenAI's shape, or NULL */
    const float *vectors;                  /* of an embedding: vectors_n × dimensions numbers, in the order of `texts` */
    size_t vectors_n, dimensions;
    const struct lt_image_made *images;    /* of an image call: at least one, at most as many as were asked for */
    size_t images_n;
    const struct lt_picture *pictures;     /* what the host has made of them */
    size_t pictures_n;
    struct lt_usage usage;
};
