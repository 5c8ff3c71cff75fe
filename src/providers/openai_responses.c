/*
 * The Responses API (OpenAI's API reference, "Responses" and "Responses streaming"): the request's body and the answer. Threads are
 * kept by the service; what it keeps is read by openai_kept.c.
 * Fuzzed by tests/fuzz/fuzz_openai_responses.c.
 */
#include "providers/openai_family.h"

/* ---- the request ---- */

static void write_content(struct lt_wire *w, const struct lt_message *m)
{
    struct lt_jw *jw = &w->jw;
    lt_jw_key(jw, "content");
    if (m->images_n == 0) {
        lt_jw_str(jw, m->content);
        return;
    }
    lt_jw_arr(jw);
    if (m->content.n > 0) {
        lt_jw_obj(jw);
        lt_jw_kstrz(jw, "type", "input_text");
        lt_jw_kstr(jw, "text", m->content);
        lt_jw_end(jw);
    }
    for (size_t i = 0; i < m->images_n; i++) {
        lt_jw_obj(jw);
        lt_jw_kstrz(jw, "type", "input_image");
        lt_jw_kstr(jw, "image_url", lt_openai_image_url(w->run->arena, &m->images[i]));
        lt_jw_kstr(jw, "detail", lt_json_str_or(lt_wire_quirk(w, "image_detail"), LT_STR("auto")));
        lt_jw_end(jw);
    }
    lt_jw_end(jw);
}

static void write_call(struct lt_jw *jw, const struct lt_json *call)
{
    const struct lt_json *function = lt_json_get(call, "function");
    lt_jw_obj(jw);
    lt_jw_kstrz(jw, "type", "function_call");
    lt_jw_kstr(jw, "call_id", lt_json_str(lt_json_get(call, "id")));
    lt_jw_kstr(jw, "name", lt_json_str(lt_json_get(function, "name")));
    lt_jw_kstr(jw, "arguments", lt_json_str_or(lt_json_get(function, "arguments"), LT_STR("{}")));
    lt_jw_end(jw);
}

/* A message is one item; the calls it made, and the answer to a call, are items of their own. */
static void write_items(struct lt_wire *w, const struct lt_message *m)
{
    struct lt_jw *jw = &w->jw;
    if (lt_str_is(m->role, "tool")) {
        lt_jw_obj(jw);
        lt_jw_kstrz(jw, "type", "function_call_output");
        lt_jw_kstr(jw, "call_id", m->tool_call_id);
        lt_jw_kstr(jw, "output", m->content);
        lt_jw_end(jw);
        return;
    }
    if (m->content.n > 0 || m->images_n > 0 || !m->tool_calls) {
        lt_jw_obj(jw);
        lt_jw_kstr(jw, "role", m->role);
        write_content(w, m);
        lt_jw_end(jw);
    }
    for (size_t i = 0; i < lt_json_len(m->tool_calls); i++)
        write_call(jw, lt_json_at(m->tool_calls, i));
}

static void write_input(struct lt_wire *w)
{
    const struct lt_neutral_call *call = w->run->call;
    size_t first = 0; /* the instructions at the front are not kept with the thread and are sent each time */
    while (first < call->messages_n && lt_openai_is_instruction(&call->messages[first]))
        first++;
    struct lt_str text = lt_openai_instructions(w, first);
    lt_wire_own(w, "instructions");
    if (text.n > 0)
        lt_jw_kstr(&w->jw, "instructions", text);
    lt_wire_own(w, "input");
    lt_jw_key(&w->jw, "input");
    lt_jw_arr(&w->jw);
    for (size_t i = first; i < call->messages_n; i++)
        write_items(w, &call->messages[i]);
    lt_jw_end(&w->jw);
}

/* Chat completions nest a function's members and are lax about its arguments; here they lie flat, and strict is what counts unless said. */
static void write_tool(struct lt_jw *jw, const struct lt_json *tool)
{
    const struct lt_json *function = lt_json_get(tool, "function");
    if (!function) { /* of the vendor's own kind */
        lt_jw_json(jw, tool);
        return;
    }
    lt_jw_obj(jw);
    lt_jw_kstrz(jw, "type", "function");
    lt_jw_kstr(jw, "name", lt_json_str(lt_json_get(function, "name")));
    if (lt_json_get(function, "description"))
        lt_jw_kjson(jw, "description", lt_json_get(function, "description"));
    lt_jw_key(jw, "parameters");
    if (lt_json_get(function, "parameters"))
        lt_jw_json(jw, lt_json_get(function, "parameters"));
    else
        lt_jw_raw(jw, LT_STR("{\"type\":\"object\",\"properties\":{}}"));
    lt_jw_kbool(jw, "strict", lt_json_bool_or(lt_json_get(function, "strict"), false));
    lt_jw_end(jw);
}

static void write_tools(struct lt_wire *w)
{
    const struct lt_neutral_call *call = w->run->call;
    if (lt_wire_may(w, "tools", call->tools) && call->tools) {
        lt_jw_key(&w->jw, "tools");
        lt_jw_arr(&w->jw);
        for (size_t i = 0; i < lt_json_len(call->tools); i++)
            write_tool(&w->jw, lt_json_at(call->tools, i));
        lt_jw_end(&w->jw);
    }
    struct lt_str chosen = lt_json_str(lt_json_at_pointer(call->tool_choice, "/function/name"));
    if (chosen.n == 0) {
        lt_wire_json(w, "tool_choice", call->tool_choice);
    } else if (lt_wire_may(w, "tool_choice", true)) {
        lt_jw_key(&w->jw, "tool_choice");
        lt_jw_obj(&w->jw);
        lt_jw_kstrz(&w->jw, "type", "function");
        lt_jw_kstr(&w->jw, "name", chosen);
        lt_jw_end(&w->jw);
    }
}

static void write_text(struct lt_wire *w)
{
    static const char *const members[] = {"name", "description", "schema", "strict"};
    const struct lt_json *format = lt_json_get(w->run->call->response_format, "json_schema");
    const char *sent = lt_openai_format_sent(w);
    if (!lt_wire_open(w, "text"))
        return;
    if (lt_wire_may(w, "format", *sent) && *sent) {
        lt_jw_key(&w->jw, "format");
        lt_jw_obj(&w->jw);
        lt_jw_kstrz(&w->jw, "type", sent);
        for (size_t i = 0; strcmp(sent, "json_schema") == 0 && i < LT_COUNT(members); i++)
            if (lt_json_get(format, members[i]))
                lt_jw_kjson(&w->jw, members[i], lt_json_get(format, members[i]));
        lt_jw_end(&w->jw);
    }
    lt_wire_close(w);
}

enum lt_code lt_openai_responses_body(struct lt_wire *w, struct lt_error *err)
{
    const struct lt_neutral_call *call = w->run->call;
    if (lt_json_len(call->stop) > 0 || lt_json_is(call->stop, LT_JSON_STRING))
        return lt_fail(err, LT_EUNSUPPORTED, "the Responses API takes no stop texts");
    lt_wire_begin(w);
    lt_openai_write_model(w);
    lt_openai_write_user(w);
    write_input(w);
    lt_wire_own(w, "previous_response_id");
    if (call->previous_response_id.n > 0)
        lt_jw_kstr(&w->jw, "previous_response_id", call->previous_response_id);
    if (lt_wire_may(w, "store", call->store)) /* the service keeps answers unless told not to */
        lt_jw_kbool(&w->jw, "store", call->store);
    lt_wire_own(w, "background"); /* would answer before it is done */
    lt_wire_own(w, "stream");
    if (w->run->stream)
        lt_jw_kbool(&w->jw, "stream", true);
    /* a seed is a hint that this API does not take, as are penalties; probabilities have another form there */
    lt_wire_number(w, "temperature", "temperature", call->temperature);
    lt_wire_number(w, "top_p", "top_p", call->top_p);
    lt_wire_int(w, "max_output_tokens", "max_tokens", call->max_tokens, 1);
    write_tools(w);
    lt_wire_json(w, "parallel_tool_calls", call->parallel_tool_calls);
    write_text(w);
    lt_wire_json(w, "metadata", call->metadata);
    return lt_wire_end(w, err);
}

/* ---- the answer ---- */

static void take_usage(struct lt_wire_answer *a, const struct lt_json *usage)
{
    if (lt_json_is(usage, LT_JSON_OBJECT))
        a->usage = (struct lt_usage){lt_wire_count(usage, "input_tokens"), lt_wire_count(usage, "output_tokens"),
                                     lt_wire_count(usage, "total_tokens"),
                                     lt_wire_count(lt_wire_get(usage, "input_tokens_details"), "cached_tokens"),
                                     lt_wire_count(lt_wire_get(usage, "output_tokens_details"), "reasoning_tokens")};
}

static enum lt_code take_message(struct lt_wire_answer *a, const struct lt_json *content, struct lt_error *err)
{
    if (!lt_json_is(content, LT_JSON_ARRAY))
        return lt_wire_wrong_type(err, "content", content);
    for (size_t i = 0; i < lt_json_len(content); i++) {
        const struct lt_json *part = lt_json_at(content, i);
        struct lt_str type = lt_json_str(lt_wire_get(part, "type"));
        if (lt_str_is(type, "refusal"))
            lt_wire_refusal(a, lt_json_str(lt_wire_get(part, "refusal")));
        if (lt_str_is(type, "output_text") && lt_wire_text(a, lt_json_str(lt_wire_get(part, "text")), err))
            return LT_EUPSTREAM_INVALID;
    }
    return LT_OK;
}

/* A function call as a whole. In a stream its start was seen; what came in pieces is not taken twice. */
static enum lt_code take_function(struct lt_wire_answer *a, int64_t index, const struct lt_json *item, struct lt_error *err)
{
    struct lt_wire_tool *tool = lt_wire_tool(a, index, err);
    if (!tool)
        return LT_EUPSTREAM_INVALID;
    const struct lt_json *arguments = tool->arguments.n == 0 ? lt_wire_get(item, "arguments") : NULL;
    return lt_wire_tool_add(tool, lt_json_str(lt_wire_get(item, "call_id")), lt_json_str(lt_wire_get(item, "name")), arguments, err);
}

/* Reasoning and the vendor's own tools are no part of the answer. */
static enum lt_code take_output(struct lt_wire_answer *a, const struct lt_json *output, struct lt_error *err)
{
    enum lt_code code = LT_OK;
    if (output && !lt_json_is(output, LT_JSON_ARRAY))
        return lt_wire_wrong_type(err, "output", output);
    for (size_t i = 0; !code && i < lt_json_len(output); i++) {
        const struct lt_json *item = lt_json_at(output, i);
        struct lt_str type = lt_json_str(lt_wire_get(item, "type"));
        if (!lt_json_is(item, LT_JSON_OBJECT))
            return lt_wire_wrong_type(err, "output item", item);
        if (lt_str_is(type, "message"))
            code = take_message(a, lt_wire_get(item, "content"), err);
        else if (lt_str_is(type, "function_call"))
            code = take_function(a, (int64_t)i, item, err);
    }
    return code;
}

static void take_names(struct lt_wire_answer *a, const struct lt_json *response)
{
    lt_wire_keep(a, &a->id, lt_wire_get(response, "id"));
    lt_wire_keep(a, &a->model, lt_wire_get(response, "model"));
}

/* How it ended. */
static enum lt_code take_status(struct lt_wire_answer *a, const struct lt_json *response, struct lt_error *err)
{
    struct lt_str status = lt_json_str(lt_wire_get(response, "status"));
    struct lt_str reason = lt_json_str(lt_wire_get(lt_wire_get(response, "incomplete_details"), "reason"));
    if (lt_str_is(status, "failed")) {
        struct lt_wire_fault f = {0};
        lt_wire_read_fault(response, &f);
        return lt_wire_fail(a->format, a->arena, &f, LT_STR_NULL, a->secret, err);
    }
    if (lt_str_is(status, "incomplete"))
        lt_wire_keep_str(a, &a->finish_reason, reason.n > 0 ? reason : status);
    else if (status.n > 0 && !lt_str_is(status, "completed"))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer is not finished: its status is %.*s", (int)(status.n < 40 ? status.n : 40), status.p);
    a->begun = true;
    return LT_OK;
}

static enum lt_code take_whole(struct lt_wire_answer *a, const struct lt_json *response, struct lt_error *err)
{
    const struct lt_json *output = lt_wire_get(response, "output");
    take_names(a, response);
    take_usage(a, lt_wire_get(response, "usage"));
    if (!output && !a->streamed && !lt_str_is(lt_json_str(lt_wire_get(response, "status")), "failed"))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer has no output");
    enum lt_code code = take_status(a, response, err);
    if (!code && (!a->streamed || (a->text_n == 0 && a->tools_n == 0 && a->refusal.n == 0))) /* else it came in pieces */
        code = take_output(a, output, err);
    return code;
}

enum kind { OTHER, BEGUN, TEXT, REFUSAL, ITEM, ARGUMENTS, ARGUMENTS_DONE, END };

static enum kind kind_of(struct lt_str type)
{
    static const struct {
        const char *type;
        enum kind kind;
    } events[] = {
        {"response.created", BEGUN},
        {"response.in_progress", BEGUN},
        {"response.queued", BEGUN},
        {"response.output_text.delta", TEXT},
        {"response.refusal.delta", REFUSAL},
        {"response.output_item.added", ITEM},
        {"response.output_item.done", ITEM},
        {"response.function_call_arguments.delta", ARGUMENTS},
        {"response.function_call_arguments.done", ARGUMENTS_DONE},
        {"response.completed", END},
        {"response.incomplete", END},
        {"response.failed", END},
    };
    for (size_t i = 0; i < LT_COUNT(events); i++)
        if (lt_str_is(type, events[i].type))
            return events[i].kind;
    return OTHER;
}

/* The item of an added call has no arguments yet, or (from some servers) all of them. */
static enum lt_code take_item(struct lt_wire_answer *a, int64_t index, const struct lt_json *item, struct lt_error *err)
{
    if (!lt_str_is(lt_json_str(lt_wire_get(item, "type")), "function_call"))
        return LT_OK;
    if (index < 0)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "a function call of the answer has no output_index");
    return take_function(a, index, item, err);
}

static enum lt_code take_arguments(struct lt_wire_answer *a, int64_t index, const struct lt_json *o, bool whole, struct lt_error *err)
{
    if (index < 0)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "a function call of the answer has no output_index");
    struct lt_wire_tool *tool = lt_wire_tool(a, index, err);
    if (!tool)
        return LT_EUPSTREAM_INVALID;
    if (!whole)
        return lt_wire_tool_text(tool, lt_json_str(lt_wire_get(o, "delta")), err);
    return tool->arguments.n > 0 ? LT_OK : lt_wire_tool_text(tool, lt_json_str(lt_wire_get(o, "arguments")), err);
}

static enum lt_code take_event(struct lt_wire_answer *a, const struct lt_json *o, struct lt_str type, struct lt_error *err)
{
    int64_t index = lt_json_int64_or(lt_wire_get(o, "output_index"), -1);
    const struct lt_json *response = lt_wire_get(o, "response"), *delta = lt_wire_get(o, "delta");
    enum kind kind = kind_of(lt_json_str_or(lt_wire_get(o, "type"), type));
    if ((kind == TEXT || kind == REFUSAL || kind == ARGUMENTS) && !lt_json_is(delta, LT_JSON_STRING))
        return lt_wire_wrong_type(err, "delta", delta);
    switch (kind) {
    case BEGUN:
        take_names(a, response);
        return LT_OK;
    case TEXT:
        a->begun = true;
        return lt_wire_text(a, lt_json_str(delta), err);
    case REFUSAL:
        lt_wire_refusal(a, lt_json_str(delta));
        return LT_OK;
    case ITEM:
        return take_item(a, index, lt_wire_get(o, "item"), err);
    case ARGUMENTS:
    case ARGUMENTS_DONE:
        return take_arguments(a, index, o, kind == ARGUMENTS_DONE, err);
    case END:
        a->done = true;
        return lt_json_is(response, LT_JSON_OBJECT) ? take_whole(a, response, err) : lt_wire_wrong_type(err, "response", response);
    case OTHER:
        break;
    }
    return LT_OK;
}

static enum lt_code take_object(struct lt_wire_answer *a, const struct lt_json *o, struct lt_str type, struct lt_error *err)
{
    return a->streamed ? take_event(a, o, type, err) : take_whole(a, o, err);
}

static const struct lt_wire_reason reasons[] = {{"max_output_tokens", "length"}, {"incomplete", "length"}, {NULL, NULL}};

/* What a caller is to answer by dropping the id and sending the whole thread. */
static const struct lt_wire_word phrases[] = {
    {"previous response with id", LT_ENOT_FOUND},
    {"previous_response_id", LT_ENOT_FOUND},
    {NULL, LT_OK},
};

const struct lt_wire_format lt_openai_responses_format = {
    .framing = LT_WIRE_EVENTS,
    .part = "output",
    .end_mark = NULL,
    .reason_ends = false,
    .reasons = reasons,
    .phrases = phrases,
    .object = take_object,
};
