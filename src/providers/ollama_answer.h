/*
 * Reading what Ollama answers to /api/chat and /api/generate: one JSON object, or one a line of a stream (docs/api.md of Ollama). The
 * answer's `vendor` is a `const char *`: what the ids of tool calls begin with, which older servers leave out.
 */
#pragma once
#include "providers/wire_answer.h"

extern const struct lt_wire_format lt_ollama_format;
