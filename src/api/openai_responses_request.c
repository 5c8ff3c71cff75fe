/* The body of a call of the Responses API: what is asked, in the words of continue_conversation, and what the answer repeats of it. */
#include "api/openai_responses.h"

#include <stdio.h>

enum { SETTINGS_MAX = 4 << 20, INPUT_MAX = 4 * LT_BODY_ACTION };

static struct lt_str member(const struct lt_json *object, const char *name)
{
    return lt_json_str_or(lt_json_get(object, name), LT_STR(""));
}

/* ---- what is not offered ---- */

static enum lt_code check_offered(const struct lt_json *body, struct lt_error *err)
{
    if (lt_json_bool_or(lt_json_get(body, "background"), false))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/background", "answers are not made in the background here; leave it out or send false");
    if (lt_openai_get(body, "conversation"))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/conversation", "conversations are not kept as objects here; use previous_response_id");
    if (lt_openai_get(body, "prompt"))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/prompt", "prompt templates of the vendor are not known here; use a model profile:SLUG");
    if (lt_json_int64_or(lt_json_get(body, "top_logprobs"), 0) != 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/top_logprobs", "log probabilities are not offered here");
    return LT_OK;
}

/* ---- tools ---- */

static bool allowed(const struct lt_json *choice, struct lt_str name)
{
    const struct lt_json *list = lt_json_get(choice, "tools");
    if (!lt_str_is(member(choice, "type"), "allowed_tools"))
        return true;
    for (size_t i = 0; i < lt_json_len(list); i++)
        if (lt_str_eq(member(lt_json_at(list, i), "name"), name))
            return true;
    return false;
}

static enum lt_code check_tools(const struct lt_json *tools, struct lt_error *err)
{
    char pointer[64];
    for (size_t i = 0; i < lt_json_len(tools); i++) {
        struct lt_str type = member(lt_json_at(tools, i), "type");
        snprintf(pointer, sizeof(pointer), "/tools/%zu/type", i);
        if (!lt_str_is(type, "function"))
            return lt_fail_field(err, LT_EINVALID_INPUT, pointer, "tools of the type '%.*s' are not offered here, only function",
                                 (int)(type.n < 64 ? type.n : 64), type.p);
    }
    return LT_OK;
}

/* strict and parameters may be null, which chat completions does not know. */
static void put_tool(struct lt_jw *w, const struct lt_json *tool)
{
    static const char *const members[] = {"name", "description", "parameters", "strict"};
    lt_jw_obj(w);
    lt_jw_kstrz(w, "type", "function");
    lt_jw_key(w, "function");
    lt_jw_obj(w);
    for (size_t i = 0; i < LT_COUNT(members); i++)
        if (lt_openai_get(tool, members[i]))
            lt_jw_kjson(w, members[i], lt_json_get(tool, members[i]));
    lt_jw_end(w);
    lt_jw_end(w);
}

static void put_tools(struct lt_jw *w, const struct lt_json *tools, const struct lt_json *choice)
{
    if (lt_json_len(tools) == 0)
        return;
    lt_jw_key(w, "tools");
    lt_jw_arr(w);
    for (size_t i = 0; i < lt_json_len(tools); i++)
        if (allowed(choice, member(lt_json_at(tools, i), "name")))
            put_tool(w, lt_json_at(tools, i));
    lt_jw_end(w);
}

/* tools: there are some. Without, a choice that asks for none is nothing to say. */
static enum lt_code put_choice(struct lt_jw *w, const struct lt_json *choice, bool tools, struct lt_error *err)
{
    struct lt_str type = member(choice, "type");
    if (!choice || (!tools && (lt_str_is(lt_json_str(choice), "auto") || lt_str_is(lt_json_str(choice), "none"))))
        return LT_OK;
    if (lt_json_is(choice, LT_JSON_STRING)) {
        lt_jw_kjson(w, "tool_choice", choice);
    } else if (lt_str_is(type, "allowed_tools")) {
        lt_jw_kstr(w, "tool_choice", lt_json_str_or(lt_json_get(choice, "mode"), LT_STR("auto")));
    } else if (lt_str_is(type, "function")) {
        lt_jw_key(w, "tool_choice");
        lt_jw_obj(w);
        lt_jw_kstrz(w, "type", "function");
        lt_jw_key(w, "function");
        lt_jw_obj(w);
        lt_jw_kstr(w, "name", member(choice, "name"));
        lt_jw_end(w);
        lt_jw_end(w);
    } else {
        return lt_fail_field(err, LT_EINVALID_INPUT, "/tool_choice/type", "'%.*s' is not offered here; function and allowed_tools are",
                             (int)(type.n < 64 ? type.n : 64), type.p);
    }
    return LT_OK;
}

/* ---- the form of the answer ---- */

static enum lt_code put_format(struct lt_jw *w, const struct lt_json *format, struct lt_error *err)
{
    static const char *const members[] = {"name", "description", "schema", "strict"};
    struct lt_str type = member(format, "type");
    if (!format || lt_str_is(type, "text"))
        return LT_OK;
    if (!lt_str_is(type, "json_object") && !lt_str_is(type, "json_schema"))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/text/format/type", "must be text, json_object or json_schema");
    lt_jw_key(w, "response_format");
    lt_jw_obj(w);
    lt_jw_kstr(w, "type", type);
    if (lt_str_is(type, "json_schema")) {
        lt_jw_key(w, "json_schema");
        lt_jw_obj(w);
        for (size_t i = 0; i < LT_COUNT(members); i++)
            if (lt_openai_get(format, members[i]))
                lt_jw_kjson(w, members[i], lt_json_get(format, members[i]));
        lt_jw_end(w);
    }
    lt_jw_end(w);
    return LT_OK;
}

/* ---- what the action gets ---- */

static enum lt_code put_input(struct lt_responses_request *q, struct lt_jw *w, struct lt_error *err)
{
    const struct lt_json *body = q->r->body, *choice = lt_openai_get(body, "tool_choice");
    static const char *const names[][2] = {{"max_output_tokens", "max_tokens"}, {"temperature", "temperature"}, {"top_p", "top_p"},
                                          {"parallel_tool_calls", "parallel_tool_calls"}};
    lt_jw_key(w, "messages");
    lt_chat_write(w, &q->chat);
    put_tools(w, lt_openai_get(body, "tools"), choice);
    if (put_choice(w, choice, lt_json_len(lt_openai_get(body, "tools")) > 0, err) ||
        put_format(w, lt_openai_get(lt_json_get(body, "text"), "format"), err))
        return err->code;
    for (size_t i = 0; i < LT_COUNT(names); i++)
        if (lt_openai_get(body, names[i][0]))
            lt_jw_kjson(w, names[i][1], lt_json_get(body, names[i][0]));
    return LT_OK;
}

static enum lt_code make_input(struct lt_responses_request *q, struct lt_error *err)
{
    struct lt_buf buf;
    struct lt_jw w;
    lt_buf_init(&buf, INPUT_MAX);
    lt_jw_init(&w, &buf);
    lt_jw_obj(&w);
    if (put_input(q, &w, err)) {
        lt_buf_free(&buf);
        return err->code;
    }
    lt_jw_end(&w);
    return lt_door_input(q->r, &buf, &q->input, err);
}

/* ---- what the answer repeats ---- */

/* A member as it was sent, else `otherwise`, a JSON value. */
static void repeat(struct lt_jw *w, const struct lt_json *body, const char *name, struct lt_str otherwise)
{
    const struct lt_json *v = lt_openai_get(body, name);
    lt_jw_key(w, name);
    if (v)
        lt_jw_json(w, v);
    else
        lt_jw_raw(w, otherwise);
}

static void repeat_tool(struct lt_jw *w, const struct lt_json *tool)
{
    lt_jw_obj(w);
    lt_jw_kstrz(w, "type", "function");
    lt_jw_kstr(w, "name", member(tool, "name"));
    lt_jw_kjson(w, "description", lt_json_get(tool, "description"));
    lt_jw_kjson(w, "parameters", lt_json_get(tool, "parameters"));
    repeat(w, tool, "strict", LT_STR("null"));
    lt_jw_end(w);
}

static void repeat_tools(struct lt_jw *w, const struct lt_json *tools)
{
    lt_jw_key(w, "tools");
    lt_jw_arr(w);
    for (size_t i = 0; i < lt_json_len(tools); i++)
        repeat_tool(w, lt_json_at(tools, i));
    lt_jw_end(w);
}

static void repeat_text(struct lt_jw *w, const struct lt_json *text)
{
    lt_jw_key(w, "text");
    lt_jw_obj(w);
    repeat(w, text, "format", LT_STR("{\"type\":\"text\"}"));
    repeat(w, text, "verbosity", LT_STR("\"medium\""));
    lt_jw_end(w);
}

static enum lt_code make_settings(struct lt_responses_request *q, struct lt_error *err)
{
    static const struct {
        const char *name;
        struct lt_str otherwise;
    } members[] = {{"instructions", LT_STR("null")},
                   {"max_output_tokens", LT_STR("null")},
                   {"max_tool_calls", LT_STR("null")},
                   {"metadata", LT_STR("{}")},
                   {"parallel_tool_calls", LT_STR("true")},
                   {"prompt_cache_key", LT_STR("null")},
                   {"reasoning", LT_STR("{\"effort\":null,\"summary\":null}")},
                   {"safety_identifier", LT_STR("null")},
                   {"temperature", LT_STR("1.0")},
                   {"tool_choice", LT_STR("\"auto\"")},
                   {"top_p", LT_STR("1.0")},
                   {"truncation", LT_STR("\"disabled\"")},
                   {"user", LT_STR("null")}};
    struct lt_buf buf;
    struct lt_jw w;
    lt_buf_init(&buf, SETTINGS_MAX);
    lt_jw_init(&w, &buf);
    lt_jw_obj(&w);
    lt_jw_kbool(&w, "background", false);
    for (size_t i = 0; i < LT_COUNT(members); i++)
        repeat(&w, q->r->body, members[i].name, members[i].otherwise);
    lt_jw_kstrz(&w, "service_tier", "default");
    lt_jw_kbool(&w, "store", q->store);
    repeat_text(&w, lt_json_get(q->r->body, "text"));
    repeat_tools(&w, lt_json_get(q->r->body, "tools"));
    lt_jw_kint(&w, "top_logprobs", 0);
    lt_jw_end(&w);
    q->settings_text = lt_str_copy(q->r->arena, lt_buf_str(&buf));
    return lt_door_input(q->r, &buf, &q->settings, err);
}

/* ---- all of it ---- */

/* A site that keeps no content keeps no answers either, whatever is asked: as the API does for those who agreed on zero retention. */
static bool keeps(const struct lt_request *r)
{
    return r->caller.site->store_content && r->caller.site->response_keep_days > 0;
}

static enum lt_code read_previous(struct lt_responses_request *q, struct lt_error *err)
{
    const struct lt_json *v = lt_openai_get(q->r->body, "previous_response_id");
    struct lt_str id = lt_json_str(v);
    if (!v)
        return LT_OK;
    if (!keeps(q->r))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/previous_response_id",
                             "this site keeps no answers, so none can be gone on from; send the whole conversation as input");
    if (!lt_response_id_parse(id, &q->previous_id))
        return lt_fail_field(err, LT_ENOT_FOUND, "/previous_response_id", "Previous response with id '%.*s' not found.",
                             (int)(id.n < 64 ? id.n : 64), id.p);
    return LT_OK;
}

enum lt_code lt_responses_read(struct lt_request *r, struct lt_responses_request *ret, struct lt_error *err)
{
    *ret = (struct lt_responses_request){.r = r, .id = lt_uuid_new(), .stream = lt_json_bool_or(lt_json_get(r->body, "stream"), false)};
    if (check_offered(r->body, err) || check_tools(lt_openai_get(r->body, "tools"), err) || lt_door_enter(r, lt_openai_user(r), &ret->place, err) ||
        lt_door_target_find(r, &ret->place, LT_NEUTRAL_COMPLETION, member(r->body, "model"), &ret->target, err))
        return err->code;
    ret->owner = lt_response_owner_of(&r->caller);
    ret->store = keeps(r) && lt_json_bool_or(lt_json_get(r->body, "store"), true);
    if (read_previous(ret, err) || lt_responses_read_input(ret, err) || make_input(ret, err))
        return err->code;
    return make_settings(ret, err);
}

/* ---- errors ---- */

/* What stands first, the longer before the shorter. */
static const struct {
    struct lt_str theirs;
    const char *ours;
} fields[] = {{LT_STR("/response_format/json_schema"), "/text/format"},
              {LT_STR("/response_format"), "/text/format"},
              {LT_STR("/max_tokens"), "/max_output_tokens"}};

/* "/tools/0/function/name" → "/tools/0/name". */
static void leave_out_function(struct lt_error *err)
{
    static const char function[] = "/function";
    char *at = strstr(err->field, function);
    if (at && (lt_str_starts(lt_str(err->field), LT_STR("/tools/")) || lt_str_starts(lt_str(err->field), LT_STR("/tool_choice"))))
        memmove(at, at + sizeof(function) - 1, strlen(at + sizeof(function) - 1) + 1);
}

void lt_responses_error(const struct lt_responses_request *q, struct lt_error *err)
{
    char rest[sizeof(err->field)];
    lt_chat_error(&q->chat, lt_json_is(lt_json_get(q->r->body, "input"), LT_JSON_STRING), err);
    leave_out_function(err);
    for (size_t i = 0; i < LT_COUNT(fields); i++)
        if (lt_str_starts(lt_str(err->field), fields[i].theirs)) {
            snprintf(rest, sizeof(rest), "%s", err->field + fields[i].theirs.n);
            snprintf(err->field, sizeof(err->field), "%.40s%.50s", fields[i].ours, rest);
            return;
        }
}
