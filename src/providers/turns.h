/*
 * Conversations for vendors that know two roles and take instructions apart from them (Anthropic, Gemini). Everything lies in the
 * arena or in the call.
 */
#pragma once
#include "core/neutral.h"

/* Messages of one side that follow each other. */
struct lt_turn {
    bool user;                           /* the user's and tools' messages; otherwise the model's */
    const struct lt_message **messages;  /* none without anything to send */
    size_t n;
};

/*
 * The call's messages without instructions, as turns that alternate and begin and end with the user's. Where the call has it
 * otherwise (only instructions, a tutor who speaks first) a sentence of ours stands for the user's. At least one turn.
 */
size_t lt_turns_make(struct lt_arena *arena, const struct lt_neutral_call *call, struct lt_turn **ret);
/*
 * All instructions as one text, with an empty line between two; empty when there are none. `format`: with response_format in words,
 * for a vendor that cannot be asked otherwise.
 */
struct lt_str lt_turns_instructions(struct lt_arena *arena, const struct lt_neutral_call *call, bool format);
/* Is JSON asked for ("json_object", "json_schema")? */
bool lt_turns_wants(const struct lt_neutral_call *call, const char *format);
/*
 * The arguments of a call in OpenAI's shape, as the text of a JSON object. What the model wrote that is none comes as
 * {"INVALID_JSON": "…"}, so that a conversation can go on (Anthropic, "Fine-grained tool streaming").
 */
struct lt_str lt_turns_arguments(struct lt_arena *arena, const struct lt_json *tool_call);
/* The function that a tool's message answers: of the nearest call before it with that id, else the id. */
struct lt_str lt_turns_tool_name(const struct lt_neutral_call *call, const struct lt_message *message);
