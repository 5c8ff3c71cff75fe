/*
 * Google's Gemini API: what its files and their tests share. Facts: "Generating content", "Embeddings", "Models", "Thought signatures",
 * "Structured output", "Function calling", "Image generation", "Imagen" and "Troubleshooting" at ai.google.dev/api and /gemini-api/docs, and
 * the types of the published client (python-genai, google/genai/types.py and models.py).
 */
#pragma once
#include "providers/wire.h"

/* Reading (gemini_answer.c). The answer's `vendor` is a `const char *`: what the ids of tool calls begin with that come without one. */
extern const struct lt_wire_format lt_gemini_format;

extern const struct lt_wire_vendor lt_gemini_vendor;
/* That images are made with where none is named. */
#define LT_GEMINI_IMAGE_MODEL "gemini-3.1-flash-image"
/* Writes the body of generateContent (begin to end; lt_wire_done() is the caller's). LT_ETOO_LARGE. */
enum lt_code lt_gemini_body(struct lt_wire *w, struct lt_error *err);
/* Writes the body of batchEmbedContents for n texts from `first` on. LT_ETOO_LARGE. */
enum lt_code lt_gemini_embedding_body(struct lt_wire *w, size_t first, size_t n, struct lt_error *err);
/* The model's name as it stands in addresses, without "models/". */
struct lt_str lt_gemini_model(const struct lt_wire *w);
/* The address of a call of the model, "generateContent" say. LT_ECONFIG: the model's name would lead elsewhere. */
enum lt_code lt_gemini_url(struct lt_wire *w, const char *method, const char *query, struct lt_str *ret, struct lt_error *err);

/* ---- images (gemini_image.c) ---- */

/* What answers have given so far. */
struct lt_gemini_images {
    struct lt_arena *arena;
    struct lt_image_made *list; /* room for `max` */
    size_t n, max;              /* more than max are left out */
    struct lt_str why;          /* the first reason told for an image that is not there, with the member's name before it; "" none */
};

/* The whole call: as many images as are wanted, or as could be had. LT_ECONTENT_REFUSED with the vendor's reason when there is none. */
enum lt_code lt_gemini_draw(struct lt_wire *w, struct lt_error *err);
/* Is the model asked by `predict`, as Imagen's are? Else by generateContent. The setting image_method goes before the model's name. */
bool lt_gemini_predicts(const struct lt_wire *w);
/* The bodies of the two, as lt_gemini_body(). */
enum lt_code lt_gemini_predict_body(struct lt_wire *w, struct lt_error *err);
enum lt_code lt_gemini_draw_body(struct lt_wire *w, struct lt_error *err);
/* Take the images of a whole answer of the two; strings lie where the answer's do. LT_EUPSTREAM_INVALID. No image is no error here. */
enum lt_code lt_gemini_take_predictions(struct lt_gemini_images *images, const struct lt_json *answer, struct lt_error *err);
enum lt_code lt_gemini_take_drawing(struct lt_gemini_images *images, const struct lt_json *answer, struct lt_error *err);
