/*
 * A chat completion's body as input of continue_conversation. What the action does not know is left out where it is only a wish (`name`,
 * `logit_bias`), and refused where the answer would be another one than was asked for (audio, files, tools of the vendor).
 * Fuzzed by tests/fuzz/fuzz_openai_chat_in.c.
 */
#include "api/openai.h"

#include <stdio.h>

enum { INPUT_MAX = 2 * LT_BODY_ACTION };

/* `place` is a pointer to a list or an object, `i` an index in it (below 0: none), `name` a member of that. */
static enum lt_code bad(struct lt_error *err, const char *place, int i, const char *name, const char *what)
{
    char pointer[96], index[16] = "";
    if (i >= 0)
        snprintf(index, sizeof(index), "/%d", i);
    snprintf(pointer, sizeof(pointer), "%s%s%s%s", place, index, *name ? "/" : "", name);
    return lt_fail_field(err, LT_EINVALID_INPUT, pointer, "%s", what);
}

static void put(struct lt_jw *w, const struct lt_json *from, const char *key, const char *as)
{
    const struct lt_json *v = lt_openai_get(from, key);
    if (v)
        lt_jw_kjson(w, as, v);
}

/* ---- messages ---- */

static void put_text_part(struct lt_jw *w, struct lt_str text)
{
    lt_jw_obj(w);
    lt_jw_kstrz(w, "type", "text");
    lt_jw_kstr(w, "text", text);
    lt_jw_end(w);
}

static void put_image_part(struct lt_jw *w, const struct lt_json *image)
{
    lt_jw_obj(w);
    lt_jw_kstrz(w, "type", "image_url");
    lt_jw_key(w, "image_url");
    lt_jw_obj(w);
    lt_jw_kjson(w, "url", lt_json_get(image, "url"));
    put(w, image, "detail", "detail");
    lt_jw_end(w);
    lt_jw_end(w);
}

static enum lt_code put_part(struct lt_jw *w, const struct lt_json *part, const char *place, int i, struct lt_error *err)
{
    struct lt_str type = lt_json_str(lt_json_get(part, "type"));
    const struct lt_json *text = lt_json_get(part, "text"), *refusal = lt_json_get(part, "refusal"), *image = lt_json_get(part, "image_url");
    if (lt_str_is(type, "text") && text)
        put_text_part(w, lt_json_str(text));
    else if (lt_str_is(type, "refusal") && refusal)
        put_text_part(w, lt_json_str(refusal));
    else if (lt_str_is(type, "image_url") && image)
        put_image_part(w, image);
    else if (lt_str_is(type, "text") || lt_str_is(type, "refusal") || lt_str_is(type, "image_url"))
        return bad(err, place, i, "", "lacks the member that its type is about");
    else
        return bad(err, place, i, "type", "must be text or image_url: sound, video and files are not taken");
    return LT_OK;
}

/* A text, or parts. What an assistant refused stands in a member of its own and is a part of what was said. */
static enum lt_code put_content(struct lt_jw *w, const struct lt_json *message, const char *place, struct lt_error *err)
{
    const struct lt_json *content = lt_openai_get(message, "content"), *refusal = lt_openai_get(message, "refusal");
    char where[48];
    if (!content)
        content = refusal;
    if (!content)
        return LT_OK;
    lt_jw_key(w, "content");
    if (!lt_json_is(content, LT_JSON_ARRAY)) {
        lt_jw_json(w, content);
        return LT_OK;
    }
    snprintf(where, sizeof(where), "%s/content", place);
    if (lt_json_len(content) == 0)
        return bad(err, where, -1, "", "must hold a part");
    lt_jw_arr(w);
    for (size_t i = 0; i < lt_json_len(content); i++)
        if (put_part(w, lt_json_at(content, i), where, (int)i, err))
            return err->code;
    lt_jw_end(w);
    return LT_OK;
}

static enum lt_code put_tool_calls(struct lt_jw *w, const struct lt_json *calls, const char *place, struct lt_error *err)
{
    char where[48];
    snprintf(where, sizeof(where), "%s/tool_calls", place);
    if (lt_json_len(calls) == 0)
        return LT_OK;
    lt_jw_key(w, "tool_calls");
    lt_jw_arr(w);
    for (size_t i = 0; i < lt_json_len(calls); i++) {
        const struct lt_json *call = lt_json_at(calls, i), *function = lt_openai_get(call, "function");
        if (!lt_json_is(function, LT_JSON_OBJECT))
            return bad(err, where, (int)i, "function", "must be there: only calls of functions are taken");
        lt_jw_obj(w);
        put(w, call, "id", "id");
        lt_jw_kstrz(w, "type", "function");
        lt_jw_key(w, "function");
        lt_jw_obj(w);
        put(w, function, "name", "name");
        lt_jw_kstr(w, "arguments", lt_json_str_or(lt_json_get(function, "arguments"), LT_STR("{}")));
        lt_jw_end(w);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    return LT_OK;
}

static enum lt_code put_message(struct lt_jw *w, const struct lt_json *message, int i, struct lt_error *err)
{
    struct lt_str role = lt_json_str(lt_json_get(message, "role"));
    char place[32];
    snprintf(place, sizeof(place), "/messages/%d", i);
    if (lt_openai_get(message, "function_call"))
        return bad(err, place, -1, "function_call", "is out of use: send tool_calls");
    lt_jw_obj(w);
    lt_jw_kstr(w, "role", lt_str_is(role, "developer") ? LT_STR("system") : role);
    if (put_content(w, message, place, err) || put_tool_calls(w, lt_openai_get(message, "tool_calls"), place, err))
        return err->code;
    put(w, message, "tool_call_id", "tool_call_id");
    lt_jw_end(w);
    return LT_OK;
}

static enum lt_code put_messages(struct lt_jw *w, const struct lt_json *messages, struct lt_error *err)
{
    lt_jw_key(w, "messages");
    lt_jw_arr(w);
    for (size_t i = 0; i < lt_json_len(messages); i++)
        if (put_message(w, lt_json_at(messages, i), (int)i, err))
            return err->code;
    lt_jw_end(w);
    return LT_OK;
}

/* ---- tools ---- */

static enum lt_code put_tools(struct lt_jw *w, const struct lt_json *tools, struct lt_error *err)
{
    static const char *const members[] = {"name", "description", "parameters", "strict"};
    if (lt_json_len(tools) == 0)
        return LT_OK;
    lt_jw_key(w, "tools");
    lt_jw_arr(w);
    for (size_t i = 0; i < lt_json_len(tools); i++) {
        const struct lt_json *function = lt_openai_get(lt_json_at(tools, i), "function");
        if (!lt_json_is(function, LT_JSON_OBJECT) || !lt_str_is(lt_json_str(lt_json_get(lt_json_at(tools, i), "type")), "function"))
            return bad(err, "/tools", (int)i, "type", "must be function: other tools are not taken");
        lt_jw_obj(w);
        lt_jw_kstrz(w, "type", "function");
        lt_jw_key(w, "function");
        lt_jw_obj(w);
        for (size_t k = 0; k < LT_COUNT(members); k++)
            put(w, function, members[k], members[k]);
        lt_jw_end(w);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    return LT_OK;
}

/* Without tools a choice among them means nothing: clients send "auto" or "none" all the same. */
static enum lt_code put_tool_choice(struct lt_jw *w, const struct lt_json *body, struct lt_error *err)
{
    const struct lt_json *choice = lt_openai_get(body, "tool_choice"), *name;
    bool tools = lt_json_len(lt_openai_get(body, "tools")) > 0;
    struct lt_str word = lt_json_str(choice);
    if (!choice || (!tools && (lt_str_is(word, "auto") || lt_str_is(word, "none"))))
        return LT_OK;
    if (lt_json_is(choice, LT_JSON_STRING)) {
        lt_jw_kjson(w, "tool_choice", choice);
        return LT_OK;
    }
    name = lt_json_at_pointer(choice, "/function/name");
    if (!lt_str_is(lt_json_str(lt_json_get(choice, "type")), "function") || !lt_json_is(name, LT_JSON_STRING))
        return bad(err, "/tool_choice", -1, "", "must be none, auto, required, or name a function");
    lt_jw_key(w, "tool_choice");
    lt_jw_obj(w);
    lt_jw_kstrz(w, "type", "function");
    lt_jw_key(w, "function");
    lt_jw_obj(w);
    lt_jw_kjson(w, "name", name);
    lt_jw_end(w);
    lt_jw_end(w);
    return LT_OK;
}

/* ---- the rest ---- */

static enum lt_code put_format(struct lt_jw *w, const struct lt_json *format, struct lt_error *err)
{
    struct lt_str type = lt_json_str(lt_json_get(format, "type"));
    if (!format || lt_str_is(type, "text"))
        return LT_OK;
    if (!lt_str_is(type, "json_object") && !lt_str_is(type, "json_schema"))
        return bad(err, "/response_format", -1, "type", "must be text, json_object or json_schema");
    lt_jw_key(w, "response_format");
    lt_jw_obj(w);
    lt_jw_kstr(w, "type", type);
    put(w, format, "json_schema", "json_schema");
    lt_jw_end(w);
    return LT_OK;
}

static void put_stop(struct lt_jw *w, const struct lt_json *stop)
{
    bool one = lt_json_is(stop, LT_JSON_STRING);
    if (one ? lt_json_str(stop).n == 0 : lt_json_len(stop) == 0)
        return;
    lt_jw_key(w, "stop");
    if (one)
        lt_jw_arr(w);
    lt_jw_json(w, stop);
    if (one)
        lt_jw_end(w);
}

/* Moodle's provider for DeepSeek sends what its form holds: "1" for a box that is ticked. */
static bool wants_logprobs(const struct lt_json *body)
{
    const struct lt_json *v = lt_json_get(body, "logprobs");
    return lt_json_bool_or(v, false) || (lt_json_is(v, LT_JSON_STRING) && lt_str_is(lt_json_str(v), "1"));
}

static void put_sampling(struct lt_jw *w, const struct lt_json *body)
{
    static const char *const members[] = {"temperature", "top_p", "frequency_penalty", "presence_penalty", "seed", "top_logprobs"};
    for (size_t i = 0; i < LT_COUNT(members); i++)
        put(w, body, members[i], members[i]);
    if (wants_logprobs(body))
        lt_jw_kbool(w, "logprobs", true);
    put(w, body, lt_openai_get(body, "max_completion_tokens") ? "max_completion_tokens" : "max_tokens", "max_tokens");
    put_stop(w, lt_openai_get(body, "stop"));
}

/* What would make the answer another one than this door can give. */
static enum lt_code check_refused(const struct lt_json *body, struct lt_error *err)
{
    const struct lt_json *modalities = lt_openai_get(body, "modalities"), *n = lt_openai_get(body, "n");
    if (n && lt_json_double_or(n, 0) != 1)
        return bad(err, "/n", -1, "", "must be 1: one answer is given at a time");
    if (lt_openai_get(body, "functions") || lt_openai_get(body, "function_call"))
        return bad(err, lt_openai_get(body, "functions") ? "/functions" : "/function_call", -1, "", "is out of use: send tools and tool_choice");
    if (lt_openai_get(body, "audio"))
        return bad(err, "/audio", -1, "", "is not given: answers are text");
    for (size_t i = 0; i < lt_json_len(modalities); i++)
        if (!lt_str_is(lt_json_str(lt_json_at(modalities, i)), "text"))
            return bad(err, "/modalities", (int)i, "", "must be text: answers are text");
    if (lt_openai_get(body, "top_logprobs") && !wants_logprobs(body))
        return bad(err, "/top_logprobs", -1, "", "needs logprobs to be true");
    return LT_OK;
}

static enum lt_code write_input(struct lt_jw *w, const struct lt_json *body, struct lt_error *err)
{
    lt_jw_obj(w);
    if (put_messages(w, lt_json_get(body, "messages"), err) || put_tools(w, lt_openai_get(body, "tools"), err) ||
        put_tool_choice(w, body, err) || put_format(w, lt_openai_get(body, "response_format"), err))
        return err->code;
    if (lt_json_len(lt_openai_get(body, "tools")) > 0)
        put(w, body, "parallel_tool_calls", "parallel_tool_calls");
    put_sampling(w, body);
    lt_jw_end(w);
    return LT_OK;
}

enum lt_code lt_openai_chat_input(struct lt_request *r, const struct lt_json *body, const struct lt_json **ret, struct lt_error *err)
{
    struct lt_buf buf;
    struct lt_jw w;
    if (check_refused(body, err))
        return err->code;
    lt_buf_init(&buf, INPUT_MAX);
    lt_jw_init(&w, &buf);
    if (write_input(&w, body, err)) {
        lt_buf_free(&buf);
        return err->code;
    }
    return lt_door_input(r, &buf, ret, err);
}
