/*
 * Google's Gemini API: what its files and their tests share. Facts: "Generating content", "Embeddings", "Models", "Thought
 * signatures", "Structured output", "Function calling" and "Troubleshooting" at ai.google.dev/api and /gemini-api/docs, and the types
 * of the published client (python-genai, google/genai/types.py and models.py).
 */
#pragma once
#include "providers/wire.h"

/* Reading (gemini_answer.c). The answer's `vendor` is a `const char *`: what the ids of tool calls begin with that come without one. */
extern const struct lt_wire_format lt_gemini_format;

extern const struct lt_wire_vendor lt_gemini_vendor;
/* Writes the body of generateContent (begin to end; lt_wire_done() is the caller's). LT_ETOO_LARGE. */
enum lt_code lt_gemini_body(struct lt_wire *w, struct lt_error *err);
/* Writes the body of batchEmbedContents for n texts from `first` on. LT_ETOO_LARGE. */
enum lt_code lt_gemini_embedding_body(struct lt_wire *w, size_t first, size_t n, struct lt_error *err);
/* The address of a call of the model, "generateContent" say. LT_ECONFIG: the model's name would lead elsewhere. */
enum lt_code lt_gemini_url(struct lt_wire *w, const char *method, const char *query, struct lt_str *ret, struct lt_error *err);
