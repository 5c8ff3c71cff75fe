/*
 * Amazon Bedrock: what its files and their tests share. Facts: the Amazon Bedrock API Reference ("Converse", "ConverseStream", "InvokeModel",
 * "ListFoundationModels", "ListInferenceProfiles"), its User Guide ("Inference request parameters and response fields" of Amazon Titan, Nova Canvas,
 * Cohere Embed and Stability AI; "API keys"), and the service models of AWS's published client (botocore, data/bedrock-runtime and data/bedrock).
 */
#pragma once
#include "io/sigv4.h"
#include "providers/wire.h"

enum { LT_BEDROCK_HOST_MAX = 128 };

/* ---- settings and signing (bedrock.c) ---- */

/* A run with what this vendor needs beyond struct lt_wire. */
struct lt_bedrock {
    struct lt_wire w;
    struct lt_wire_vendor vendor;       /* with the address made of the region */
    char address[LT_BEDROCK_HOST_MAX];
    struct lt_sigv4_key key;            /* id empty: an API key is sent instead, or nothing */
    const char *region;
    size_t fields_n;                    /* of w before the signature's were added */
};

enum lt_bedrock_part { LT_BEDROCK_RUNTIME /* runs models */, LT_BEDROCK_CONTROL /* lists them */ };

/* Settings, address, keys. LT_ECONFIG, LT_EUNSUPPORTED. */
enum lt_code lt_bedrock_prepare(struct lt_bedrock *b, struct lt_provider_run *run, enum lt_bedrock_part part, struct lt_error *err);
/*
 * Signs what is in b->w.body for this address, unless an API key is sent; to be called after lt_wire_end() and before each sending. Fiber: bodies of
 * some size are hashed on a worker. now_s: seconds since 1970. LT_ECONFIG, LT_EOVERLOADED.
 */
enum lt_code lt_bedrock_sign(struct lt_bedrock *b, struct lt_str url, int64_t now_s, struct lt_error *err);
/* "/model/ID/WHAT" behind the endpoint. ID is the cross-region profile where one is set for the model. */
struct lt_str lt_bedrock_url(const struct lt_bedrock *b, const char *what);
/* The id of the model that is called. */
struct lt_str lt_bedrock_model(const struct lt_bedrock *b);
/* Does the id name a model of this family ("amazon", "cohere")? */
bool lt_bedrock_is(const struct lt_bedrock *b, const char *family);

/* ---- conversations ---- */

/* Writes the body of Converse (bedrock_converse.c; begin to end, lt_wire_done() is the caller's). LT_EUNSUPPORTED, LT_ETOO_LARGE. */
enum lt_code lt_bedrock_body(struct lt_wire *w, struct lt_error *err);
/* Reading (bedrock_answer.c). The answer's `vendor` is a struct lt_bedrock_answer. */
struct lt_bedrock_answer {
    int64_t skipped; /* index of the last block begun that is no text and no call of ours; -1 none */
};
#define LT_BEDROCK_ANSWER {-1}
extern const struct lt_wire_format lt_bedrock_format;

/* ---- vectors and images, model by model (bedrock_invoke.c) ---- */

enum lt_code lt_bedrock_embed(struct lt_bedrock *b, struct lt_error *err);
/* LT_ECONTENT_REFUSED where a filter withheld all images. */
enum lt_code lt_bedrock_image(struct lt_bedrock *b, struct lt_error *err);
