/*
 * Anthropic's Messages API: what its files and their tests share. Facts: Anthropic's API reference ("Messages", "Streaming messages",
 * "Errors", "Handling stop reasons", "Prompt caching", "Structured outputs", "List models") and the types of its published client
 * (anthropic-sdk-typescript, src/resources/messages/messages.ts and src/lib/transform-json-schema.ts).
 */
#pragma once
#include "providers/wire.h"

/* ---- reading (anthropic_answer.c) ---- */

/* What an answer needs beyond struct lt_wire_answer; its `vendor`. */
struct lt_anthropic_answer {
    int64_t input, created, read, output; /* tokens: new, written to the cache, read from it, of the answer; -1 unknown */
    int64_t skipped;                      /* index of the last block begun that is not ours: thoughts, the vendor's own tools; -1 none */
};
#define LT_ANTHROPIC_ANSWER {-1, -1, -1, -1, -1}

extern const struct lt_wire_format lt_anthropic_format;

/* ---- writing ---- */

/* Settings, fixed parts of the vendor. */
extern const struct lt_wire_vendor lt_anthropic_vendor;
/* Writes the body of a message (begin to end; lt_wire_done() is the caller's). LT_EUNSUPPORTED, LT_ETOO_LARGE. */
enum lt_code lt_anthropic_body(struct lt_wire *w, struct lt_error *err);

/* Does the model, named as Anthropic names it, take temperature, top_p and top_k? */
bool lt_anthropic_takes_sampling(struct lt_str model);
/* Does a JSON schema keep to what structured outputs take, apart from bounds that can be told in words? (anthropic_schema.c) */
bool lt_anthropic_schema_fits(const struct lt_json *schema);
/* Writes a schema that fits: objects closed, bounds (maximum, maxLength, …) put into the description. */
void lt_anthropic_schema_write(struct lt_jw *w, const struct lt_json *schema);
