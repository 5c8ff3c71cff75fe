/*
 * Chat completions (OpenAI's API reference, "Chat completions" and "Chat streaming"): the request's body and the answer.
 * Fuzzed by tests/fuzz/fuzz_openai.c.
 */
#include "providers/openai_family.h"

/* ---- the request ---- */

static void write_parts(struct lt_wire *w, const struct lt_message *m, struct lt_str text)
{
    struct lt_jw *jw = &w->jw;
    struct lt_str detail = lt_json_str(lt_wire_quirk(w, "image_detail"));
    lt_jw_arr(jw);
    if (text.n > 0) {
        lt_jw_obj(jw);
        lt_jw_kstrz(jw, "type", "text");
        lt_jw_kstr(jw, "text", text);
        lt_jw_end(jw);
    }
    for (size_t i = 0; i < m->images_n; i++) {
        lt_jw_obj(jw);
        lt_jw_kstrz(jw, "type", "image_url");
        lt_jw_key(jw, "image_url");
        lt_jw_obj(jw);
        lt_jw_kstr(jw, "url", lt_openai_image_url(w->run->arena, &m->images[i]));
        if (detail.n > 0)
            lt_jw_kstr(jw, "detail", detail);
        lt_jw_end(jw);
        lt_jw_end(jw);
    }
    lt_jw_end(jw);
}

static struct lt_str tool_id(struct lt_wire *w, struct lt_str id)
{
    const struct lt_openai_vendor *vendor = lt_openai_vendor(w);
    return vendor->tool_id ? vendor->tool_id(w, id) : id;
}

/* As they are, but for their ids. */
static void write_calls(struct lt_wire *w, const struct lt_json *calls)
{
    struct lt_jw *jw = &w->jw;
    lt_jw_key(jw, "tool_calls");
    lt_jw_arr(jw);
    for (size_t i = 0; i < lt_json_len(calls); i++) {
        const struct lt_json *call = lt_json_at(calls, i);
        lt_jw_obj(jw);
        for (size_t k = 0; k < lt_json_len(call); k++) {
            lt_jw_key_str(jw, lt_json_key_at(call, k));
            if (lt_str_is(lt_json_key_at(call, k), "id") && lt_json_is(lt_json_at(call, k), LT_JSON_STRING))
                lt_jw_str(jw, tool_id(w, lt_json_str(lt_json_at(call, k))));
            else
                lt_jw_json(jw, lt_json_at(call, k));
        }
        lt_jw_end(jw);
    }
    lt_jw_end(jw);
}

static void write_message(struct lt_wire *w, const struct lt_message *m, struct lt_str role, struct lt_str text)
{
    struct lt_jw *jw = &w->jw;
    lt_jw_obj(jw);
    lt_jw_kstr(jw, "role", role);
    lt_jw_key(jw, "content");
    if (m && m->images_n > 0)
        write_parts(w, m, text);
    else if (m && m->tool_calls && text.n == 0)
        lt_jw_null(jw);
    else
        lt_jw_str(jw, text);
    if (m && m->tool_call_id.n > 0)
        lt_jw_kstr(jw, "tool_call_id", tool_id(w, m->tool_call_id));
    if (m && m->tool_calls)
        write_calls(w, m->tool_calls);
    lt_jw_end(jw);
}

/* Instructions go before the first message of the user, in it. */
static void write_merged(struct lt_wire *w)
{
    const struct lt_neutral_call *call = w->run->call;
    struct lt_str first = lt_openai_instructions(w, call->messages_n);
    bool user = false;
    for (size_t i = 0; i < call->messages_n; i++)
        user |= lt_str_is(call->messages[i].role, "user");
    if (!user && first.n > 0)
        write_message(w, NULL, LT_STR("user"), first);
    for (size_t i = 0; i < call->messages_n; i++) {
        const struct lt_message *m = &call->messages[i];
        struct lt_str text = m->content;
        if (lt_openai_is_instruction(m))
            continue;
        if (user && first.n > 0 && lt_str_is(m->role, "user")) {
            text = lt_openai_join(w->run->arena, (struct lt_str[]){first, text}, 2);
            first.n = 0;
        }
        write_message(w, m, m->role, text);
    }
}

static void write_messages(struct lt_wire *w)
{
    const struct lt_neutral_call *call = w->run->call;
    struct lt_str role = lt_json_str_or(lt_wire_quirk(w, "system_role"), LT_STR("system"));
    struct lt_str words = lt_openai_format_in_words(w);
    lt_wire_own(w, "messages");
    lt_jw_key(&w->jw, "messages");
    lt_jw_arr(&w->jw);
    if (lt_str_is(role, "user")) {
        write_merged(w);
        lt_jw_end(&w->jw);
        return;
    }
    size_t i = 0;
    for (; i < call->messages_n && lt_openai_is_instruction(&call->messages[i]); i++)
        write_message(w, &call->messages[i], role, call->messages[i].content);
    if (words.n > 0)
        write_message(w, NULL, role, words);
    for (; i < call->messages_n; i++)
        write_message(w, &call->messages[i], lt_openai_is_instruction(&call->messages[i]) ? role : call->messages[i].role, call->messages[i].content);
    lt_jw_end(&w->jw);
}

/* As they are, but for a schema of arguments where there is none. */
static void write_tools(struct lt_wire *w)
{
    const struct lt_json *tools = w->run->call->tools;
    struct lt_jw *jw = &w->jw;
    if (!lt_openai_vendor(w)->parameters_needed) {
        lt_wire_json(w, "tools", tools);
        return;
    }
    if (!lt_wire_may(w, "tools", tools) || !tools)
        return;
    lt_jw_key(jw, "tools");
    lt_jw_arr(jw);
    for (size_t i = 0; i < lt_json_len(tools); i++) {
        const struct lt_json *function = lt_json_get(lt_json_at(tools, i), "function");
        lt_jw_obj(jw);
        lt_jw_kstrz(jw, "type", "function");
        lt_jw_key(jw, "function");
        lt_jw_obj(jw);
        for (size_t k = 0; k < lt_json_len(function); k++) {
            lt_jw_key_str(jw, lt_json_key_at(function, k));
            lt_jw_json(jw, lt_json_at(function, k));
        }
        if (!lt_json_get(function, "parameters")) {
            lt_jw_key(jw, "parameters");
            lt_jw_raw(jw, LT_STR("{\"type\":\"object\",\"properties\":{}}"));
        }
        lt_jw_end(jw);
        lt_jw_end(jw);
    }
    lt_jw_end(jw);
}

/* Servers that took schemas before OpenAI did have members of their own for them; true: it was written. */
static bool write_schema(struct lt_wire *w)
{
    const struct lt_json *schema = lt_json_at_pointer(w->run->call->response_format, "/json_schema/schema");
    struct lt_str as = lt_json_str(lt_wire_quirk(w, "schema_as"));
    if (!schema || as.n == 0 || lt_str_is(as, "response_format"))
        return false;
    if (!lt_str_is(as, "structured_outputs")) {
        lt_wire_json(w, lt_strz(w->run->arena, as), schema);
    } else if (lt_wire_open(w, "structured_outputs")) {
        lt_wire_json(w, "json", schema);
        lt_wire_close(w);
    }
    return true;
}

static void write_format(struct lt_wire *w)
{
    const struct lt_json *asked = w->run->call->response_format;
    const char *sent = lt_openai_format_sent(w);
    if (strcmp(sent, "json_schema") == 0 && write_schema(w)) {
        lt_wire_own(w, "response_format");
        return;
    }
    bool all = !lt_wire_quirk(w, "response_format") && !lt_openai_vendor(w)->response_format; /* nobody has said that it can do less */
    if (lt_str_is(lt_json_str(lt_json_get(asked, "type")), sent) || (asked && all)) {
        lt_wire_json(w, "response_format", asked);
    } else if (lt_wire_may(w, "response_format", *sent) && *sent) {
        lt_jw_key(&w->jw, "response_format");
        lt_jw_raw(&w->jw, LT_STR("{\"type\":\"json_object\"}"));
    }
}

static void write_stream(struct lt_wire *w)
{
    lt_wire_own(w, "stream");
    if (!w->run->stream) {
        lt_wire_own(w, "stream_options");
        return;
    }
    lt_jw_kbool(&w->jw, "stream", true);
    if (lt_wire_may(w, "stream_options", false) && lt_json_bool_or(lt_wire_quirk(w, "stream_options"), true)) {
        lt_jw_key(&w->jw, "stream_options");
        lt_jw_raw(&w->jw, LT_STR("{\"include_usage\":true}"));
    }
}

/*
 * A kept chat completion cannot be gone on from, and most servers refuse to be asked: only OpenAI is, and who was set to this API. The
 * metadata are kept beside the answer; without it they are refused.
 */
static void write_store(struct lt_wire *w)
{
    const struct lt_neutral_call *call = w->run->call;
    if (!call->store || !(w->endpoint.own || lt_str_is(lt_json_str(lt_json_get(w->config, "api")), "chat")))
        return;
    if (lt_wire_may(w, "store", true))
        lt_jw_kbool(&w->jw, "store", true);
    lt_wire_json(w, "metadata", call->metadata);
}

static void write_logprobs(struct lt_wire *w)
{
    const struct lt_neutral_call *call = w->run->call;
    if (lt_wire_may(w, "logprobs", call->logprobs) && call->logprobs)
        lt_jw_kbool(&w->jw, "logprobs", true);
    lt_wire_int(w, "top_logprobs", NULL, call->logprobs ? call->top_logprobs : 0, 1);
}

/* What the vendor has beyond OpenAI, as action or instance are set. */
static void write_settings(struct lt_wire *w)
{
    for (const char *const *name = lt_openai_vendor(w)->settings; name && *name; name++) {
        const struct lt_json *v = lt_wire_setting(w, *name);
        if (!v)
            v = lt_wire_quirk(w, *name);
        if (lt_wire_may(w, *name, false) && v)
            lt_jw_kjson(&w->jw, *name, v);
    }
}

enum lt_code lt_openai_chat_body(struct lt_wire *w, struct lt_error *err)
{
    const struct lt_neutral_call *call = w->run->call;
    const struct lt_openai_vendor *vendor = lt_openai_vendor(w);
    struct lt_str field = lt_json_str(lt_wire_quirk(w, "max_tokens_field"));
    if (field.n == 0)
        field = w->endpoint.own && vendor->own_max_tokens ? lt_str(vendor->own_max_tokens) : LT_STR("max_tokens");
    lt_wire_begin(w);
    if (vendor->chat)
        vendor->chat(w);
    lt_openai_write_model(w);
    lt_openai_write_user(w);
    write_messages(w);
    write_stream(w);
    lt_wire_number(w, "temperature", "temperature", call->temperature);
    lt_wire_number(w, "top_p", "top_p", call->top_p);
    lt_wire_int(w, lt_strz(w->run->arena, field), "max_tokens", call->max_tokens, 1);
    lt_wire_int(w, vendor->seed ? vendor->seed : "seed", NULL, call->seed, 0);
    lt_wire_json(w, "stop", call->stop);
    write_tools(w);
    lt_wire_json(w, "tool_choice", call->tool_choice);
    write_format(w);
    write_store(w);
    lt_wire_json(w, "parallel_tool_calls", call->parallel_tool_calls);
    lt_wire_json(w, "frequency_penalty", call->frequency_penalty);
    lt_wire_json(w, "presence_penalty", call->presence_penalty);
    write_logprobs(w);
    write_settings(w);
    return lt_wire_end(w, err);
}

/* ---- the answer ---- */

static void take_usage(struct lt_wire_answer *a, const struct lt_json *usage)
{
    if (!lt_json_is(usage, LT_JSON_OBJECT))
        return;
    a->usage = (struct lt_usage){lt_wire_count(usage, "prompt_tokens"), lt_wire_count(usage, "completion_tokens"),
                                 lt_wire_count(usage, "total_tokens"),
                                 lt_wire_count(lt_wire_get(usage, "prompt_tokens_details"), "cached_tokens"),
                                 lt_wire_count(lt_wire_get(usage, "completion_tokens_details"), "reasoning_tokens")};
    if (a->usage.cached_tokens < 0)
        a->usage.cached_tokens = lt_wire_count(usage, "prompt_cache_hit_tokens"); /* DeepSeek */
    if (a->usage.cached_tokens < 0)
        a->usage.cached_tokens = lt_wire_count(usage, "num_cached_tokens"); /* Mistral */
}

/* llama.cpp counts beside its times, in each chunk if that is wanted: what there is where no usage comes. */
static void take_timings(struct lt_wire_answer *a, const struct lt_json *timings)
{
    int64_t fresh = lt_wire_count(timings, "prompt_n"), cached = lt_wire_count(timings, "cache_n"), written = lt_wire_count(timings, "predicted_n");
    if (fresh < 0 || written < 0 || fresh > INT32_MAX || cached > INT32_MAX || written > INT32_MAX)
        return;
    int64_t prompt = fresh + (cached > 0 ? cached : 0);
    a->usage = (struct lt_usage){prompt, written, prompt + written, cached, -1};
}

/* Content is a string, or a list of parts of which those of type "text" are the answer (the others hold reasoning). */
static enum lt_code take_content(struct lt_wire_answer *a, const struct lt_json *content, struct lt_error *err)
{
    if (!content)
        return LT_OK;
    if (lt_json_is(content, LT_JSON_STRING))
        return lt_wire_text(a, lt_json_str(content), err);
    if (!lt_json_is(content, LT_JSON_ARRAY))
        return lt_wire_wrong_type(err, "content", content);
    for (size_t i = 0; i < lt_json_len(content); i++) {
        const struct lt_json *part = lt_json_at(content, i);
        enum lt_code code = LT_OK;
        if (lt_str_is(lt_json_str(lt_wire_get(part, "type")), "text"))
            code = lt_wire_text(a, lt_json_str(lt_wire_get(part, "text")), err);
        if (code)
            return code;
    }
    return LT_OK;
}

/*
 * Which call a piece belongs to: by `index`; servers that leave it out send a new id with each new call. In a whole answer each
 * element is a call of its own.
 */
static struct lt_wire_tool *tool_for(struct lt_wire_answer *a, const struct lt_json *piece, struct lt_str id, struct lt_error *err)
{
    int64_t index = a->streamed ? lt_json_int64_or(lt_wire_get(piece, "index"), -1) : -1;
    struct lt_wire_tool *last = a->streamed && a->tools_n > 0 ? &a->tools[a->tools_n - 1] : NULL;
    if (index < 0 && last && (id.n == 0 || lt_str_eq(lt_buf_str(&last->id), id)))
        return last;
    return lt_wire_tool(a, index, err);
}

static enum lt_code take_tool(struct lt_wire_answer *a, const struct lt_json *piece, struct lt_error *err)
{
    const struct lt_json *function = lt_wire_get(piece, "function");
    if (!lt_json_is(piece, LT_JSON_OBJECT))
        return lt_wire_wrong_type(err, "tool call", piece);
    if (function && !lt_json_is(function, LT_JSON_OBJECT))
        return lt_wire_wrong_type(err, "tool call's function", function);
    struct lt_str id = lt_json_str(lt_wire_get(piece, "id"));
    struct lt_wire_tool *tool = tool_for(a, piece, id, err);
    if (!tool)
        return LT_EUPSTREAM_INVALID;
    return lt_wire_tool_add(tool, id, lt_json_str(lt_wire_get(function, "name")), lt_wire_get(function, "arguments"), err);
}

/* A whole message or the next piece of one: they have the same members. */
static enum lt_code take_message(struct lt_wire_answer *a, const struct lt_json *message, struct lt_error *err)
{
    const struct lt_json *tools = lt_wire_get(message, "tool_calls");
    enum lt_code code = take_content(a, lt_wire_get(message, "content"), err);
    if (!code && tools && !lt_json_is(tools, LT_JSON_ARRAY))
        code = lt_wire_wrong_type(err, "tool_calls", tools);
    for (size_t i = 0; !code && i < lt_json_len(tools); i++)
        code = take_tool(a, lt_json_at(tools, i), err);
    lt_wire_refusal(a, lt_json_str(lt_wire_get(message, "refusal")));
    return code;
}

static enum lt_code take_choice(struct lt_wire_answer *a, const struct lt_json *choice, struct lt_error *err)
{
    if (!lt_json_is(choice, LT_JSON_OBJECT))
        return lt_wire_wrong_type(err, "choice", choice);
    if (lt_json_int64_or(lt_wire_get(choice, "index"), 0) != 0) /* one was asked for */
        return LT_OK;
    a->begun = true;
    lt_wire_logprobs(a, lt_wire_get(lt_wire_get(choice, "logprobs"), "content"));
    lt_wire_keep(a, &a->finish_reason, lt_wire_get(choice, "finish_reason"));
    const char *member = a->streamed ? "delta" : "message";
    const struct lt_json *message = lt_wire_get(choice, member);
    if (lt_json_is(message, LT_JSON_OBJECT))
        return take_message(a, message, err);
    return message || !a->streamed ? lt_wire_wrong_type(err, member, message) : LT_OK;
}

/* A whole answer or one chunk of it. */
static enum lt_code take_object(struct lt_wire_answer *a, const struct lt_json *o, struct lt_str type, struct lt_error *err)
{
    lt_wire_keep(a, &a->id, lt_wire_get(o, "id"));
    lt_wire_keep(a, &a->model, lt_wire_get(o, "model"));
    lt_wire_keep(a, &a->fingerprint, lt_wire_get(o, "system_fingerprint"));
    take_timings(a, lt_wire_get(o, "timings"));
    take_usage(a, lt_wire_get(o, "usage"));
    const struct lt_json *choices = lt_wire_get(o, "choices");
    if (choices && !lt_json_is(choices, LT_JSON_ARRAY))
        return lt_wire_wrong_type(err, "choices", choices);
    for (size_t i = 0; i < lt_json_len(choices); i++) {
        enum lt_code code = take_choice(a, lt_json_at(choices, i), err);
        if (code)
            return code;
    }
    return LT_OK;
}

/* Reasons that are none to believe the answer whole: Mistral's and DeepSeek's words for a server that gave up. */
static enum lt_code check_reason(struct lt_wire_answer *a, struct lt_error *err)
{
    if (lt_str_is(a->finish_reason, "error") || lt_str_is(a->finish_reason, "insufficient_system_resource"))
        return lt_fail(err, LT_EUPSTREAM_UNAVAILABLE, "the AI service broke the answer off (%.*s)", LT_FMT(a->finish_reason));
    return LT_OK;
}

static const struct lt_wire_reason reasons[] = {
    {"function_call", "tool_calls"},
    {"model_length", "length"}, /* Mistral */
    {"eos_token", "stop"},      /* text-generation-inference, behind Hugging Face's router */
    {"stop_sequence", "stop"},
    {NULL, NULL},
};

const struct lt_wire_format lt_openai_chat_format = {
    .framing = LT_WIRE_EVENTS,
    .part = "choices",
    .end_mark = "[DONE]",
    .reason_ends = true,
    .reasons = reasons,
    .object = take_object,
    .end = check_reason,
};
