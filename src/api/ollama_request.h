/* What is asked at the Ollama door, in Lectern's terms (facts: docs/api.md of Ollama). Pure but for the arena; any thread. */
#pragma once
#include "text/json.h"

struct lt_ollama_request {
    struct lt_str model;          /* as it was written */
    bool chat;                    /* /api/chat, else /api/generate: the answers differ */
    bool stream;                  /* unless told not to */
    const char *only;     /* "load" or "unload": there is no question, the model was to be made ready or to be put away; else NULL */
    const struct lt_json *input;  /* of the action continue_conversation; NULL when nothing is asked */
};

/*
 * Reads a body that is valid against the route's schema. LT_EINVALID_INPUT with the field of the body that is wrong, also for what would
 * change the meaning and cannot be done here (raw, template, suffix, context); options that are not known, keep_alive and think are passed over.
 */
enum lt_code lt_ollama_read(struct lt_arena *arena, const struct lt_json *body, bool chat, struct lt_ollama_request *ret, struct lt_error *err);
