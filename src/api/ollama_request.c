/* Requests of Ollama's clients → the input of continue_conversation, which has OpenAI's shape. Fuzzed by tests/fuzz/fuzz_ollama_request.c. */
#include "api/ollama_request.h"

#include <math.h>
#include <stdio.h>

enum { INPUT_MAX = 32 * 1024 * 1024, POINTER = 64, MAX_TOKENS = 1000000 };

/* ---- images ---- */

/* Ollama's clients send the bytes alone. What they are can be told from the base64 of the first ones. */
static const char *media_type(struct lt_str base64)
{
    static const struct {
        const char *begin, *type;
    } kinds[] = {{"iVBORw0KGgo", "image/png"}, {"/9j/", "image/jpeg"}, {"R0lGOD", "image/gif"}, {"UklGR", "image/webp"}};
    for (size_t i = 0; i < LT_COUNT(kinds); i++)
        if (lt_str_starts(base64, lt_str(kinds[i].begin)))
            return kinds[i].type;
    return NULL;
}

/* "data:image/png;base64,…"; not by printf, which ends at a NUL inside a text. */
static struct lt_str data_url(struct lt_arena *arena, const char *type, struct lt_str base64)
{
    struct lt_str head = lt_printf(arena, "data:%s;base64,", type);
    char *p = lt_alloc(arena, head.n + base64.n);
    memcpy(mempcpy(p, head.p, head.n), base64.p, base64.n);
    return (struct lt_str){p, head.n + base64.n};
}

static enum lt_code put_images(struct lt_arena *arena, struct lt_jw *w, const struct lt_json *images, const char *where, struct lt_error *err)
{
    for (size_t i = 0; i < lt_json_len(images); i++) {
        struct lt_str base64 = lt_json_str(lt_json_at(images, i));
        const char *type = media_type(base64);
        char pointer[POINTER];
        snprintf(pointer, sizeof(pointer), "%s/images/%zu", where, i);
        if (!type)
            return lt_fail_field(err, LT_EINVALID_INPUT, pointer, "must be a PNG, JPEG, WebP or GIF image in base64");
        lt_jw_obj(w);
        lt_jw_kstrz(w, "type", "image_url");
        lt_jw_key(w, "image_url");
        lt_jw_obj(w);
        lt_jw_kstr(w, "url", data_url(arena, type, base64));
        lt_jw_end(w);
        lt_jw_end(w);
    }
    return LT_OK;
}

/* Text, or with images a list of parts. */
static enum lt_code put_content(struct lt_arena *arena, struct lt_jw *w, struct lt_str text, const struct lt_json *images, const char *where,
                                struct lt_error *err)
{
    lt_jw_key(w, "content");
    if (lt_json_len(images) == 0) {
        lt_jw_str(w, text);
        return LT_OK;
    }
    lt_jw_arr(w);
    if (text.n > 0) {
        lt_jw_obj(w);
        lt_jw_kstrz(w, "type", "text");
        lt_jw_kstr(w, "text", text);
        lt_jw_end(w);
    }
    enum lt_code rc = put_images(arena, w, images, where, err);
    lt_jw_end(w);
    return rc;
}

/* ---- tools: Ollama's calls may lack ids, and its results name the tool, or nothing ---- */

struct call {
    struct lt_str id, name;
    bool answered;
};

struct calls {
    struct call *all;
    size_t n;
};

static struct calls make_room(struct lt_arena *arena, const struct lt_json *messages)
{
    size_t n = 0;
    for (size_t i = 0; i < lt_json_len(messages); i++)
        n += lt_json_len(lt_json_get(lt_json_at(messages, i), "tool_calls"));
    return (struct calls){LT_NEW_ARRAY(arena, struct call, n), 0};
}

/* The arguments are an object at Ollama, and text at OpenAI. */
static void put_calls(struct lt_arena *arena, struct lt_jw *w, const struct lt_json *list, struct calls *calls)
{
    lt_jw_key(w, "tool_calls");
    lt_jw_arr(w);
    for (size_t i = 0; i < lt_json_len(list); i++) {
        const struct lt_json *from = lt_json_at(list, i), *function = lt_json_get(from, "function"), *arguments = lt_json_get(function, "arguments");
        struct call *call = &calls->all[calls->n++];
        call->id = lt_json_str_or(lt_json_get(from, "id"), LT_STR(""));
        if (call->id.n == 0)
            call->id = lt_printf(arena, "call_%zu", calls->n);
        call->name = lt_json_str(lt_json_get(function, "name"));
        lt_jw_obj(w);
        lt_jw_kstr(w, "id", call->id);
        lt_jw_kstrz(w, "type", "function");
        lt_jw_key(w, "function");
        lt_jw_obj(w);
        lt_jw_kstr(w, "name", call->name);
        lt_jw_kstr(w, "arguments", lt_json_is(arguments, LT_JSON_OBJECT) ? lt_json_text(arena, arguments) : LT_STR("{}"));
        lt_jw_end(w);
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

/* The call that a tool's message answers: by its id, else the first of that name without an answer, else the first without one. */
static struct call *answered_call(struct calls *calls, const struct lt_json *message)
{
    struct lt_str id = lt_json_str(lt_json_get(message, "tool_call_id")), name = lt_json_str(lt_json_get(message, "tool_name"));
    for (size_t i = 0; i < calls->n; i++) {
        struct call *call = &calls->all[i];
        bool fits = id.n > 0 ? lt_str_eq(id, call->id) : name.n == 0 || lt_str_eq(name, call->name);
        if (fits && !call->answered)
            return call;
    }
    return NULL;
}

/* ---- messages ---- */

static enum lt_code put_message(struct lt_arena *arena, struct lt_jw *w, const struct lt_json *from, const char *where, struct calls *calls,
                                struct lt_error *err)
{
    struct lt_str role = lt_json_str(lt_json_get(from, "role"));
    const struct lt_json *tool_calls = lt_json_get(from, "tool_calls");
    struct call *call = lt_str_is(role, "tool") ? answered_call(calls, from) : NULL;
    if (lt_str_is(role, "tool") && !call)
        return lt_fail_field(err, LT_EINVALID_INPUT, where, "no tool call before it is one that this message could answer");
    lt_jw_obj(w);
    lt_jw_kstr(w, "role", role);
    if (call) {
        call->answered = true;
        lt_jw_kstr(w, "tool_call_id", call->id);
    }
    enum lt_code rc = put_content(arena, w, lt_json_str_or(lt_json_get(from, "content"), LT_STR("")), lt_json_get(from, "images"), where, err);
    if (lt_json_len(tool_calls) > 0)
        put_calls(arena, w, tool_calls, calls);
    lt_jw_end(w);
    return rc;
}

static enum lt_code put_messages(struct lt_arena *arena, struct lt_jw *w, const struct lt_json *messages, struct lt_error *err)
{
    struct calls calls = make_room(arena, messages);
    for (size_t i = 0; i < lt_json_len(messages); i++) {
        char where[POINTER];
        snprintf(where, sizeof(where), "/messages/%zu", i);
        if (put_message(arena, w, lt_json_at(messages, i), where, &calls, err))
            return err->code;
    }
    return LT_OK;
}

static enum lt_code put_prompt(struct lt_arena *arena, struct lt_jw *w, const struct lt_json *body, struct lt_error *err)
{
    struct lt_str system = lt_json_str(lt_json_get(body, "system"));
    if (system.n > 0) {
        lt_jw_obj(w);
        lt_jw_kstrz(w, "role", "system");
        lt_jw_kstr(w, "content", system);
        lt_jw_end(w);
    }
    lt_jw_obj(w);
    lt_jw_kstrz(w, "role", "user");
    enum lt_code rc = put_content(arena, w, lt_json_str(lt_json_get(body, "prompt")), lt_json_get(body, "images"), "", err);
    lt_jw_end(w);
    return rc;
}

/* ---- the other members ---- */

/* A number of the options, moved into the range that vendors take. */
static enum lt_code put_number(struct lt_jw *w, const struct lt_json *options, const char *name, double max, struct lt_error *err)
{
    const struct lt_json *v = lt_json_get(options, name);
    char pointer[POINTER];
    snprintf(pointer, sizeof(pointer), "/options/%s", name);
    if (!v || lt_json_is(v, LT_JSON_NULL))
        return LT_OK;
    if (!lt_json_is(v, LT_JSON_NUMBER))
        return lt_fail_field(err, LT_EINVALID_INPUT, pointer, "must be a number");
    lt_jw_key(w, name);
    lt_jw_double(w, fmin(fmax(lt_json_double_or(v, 0), 0), max));
    return LT_OK;
}

/* A whole number; below min it means what leaving it out means (num_predict -1, seed -1). */
static enum lt_code put_count(struct lt_jw *w, const struct lt_json *options, const char *name, const char *ours, int64_t min, int64_t max,
                              struct lt_error *err)
{
    const struct lt_json *v = lt_json_get(options, name);
    int64_t n = min - 1;
    char pointer[POINTER];
    snprintf(pointer, sizeof(pointer), "/options/%s", name);
    if (v && !lt_json_is(v, LT_JSON_NULL) && !lt_json_int64(v, &n))
        return lt_fail_field(err, LT_EINVALID_INPUT, pointer, "must be a whole number");
    if (n >= min)
        lt_jw_kint(w, ours, n < max ? n : max);
    return LT_OK;
}

/* One text or a list. */
static enum lt_code put_stop(struct lt_jw *w, const struct lt_json *stop, struct lt_error *err)
{
    bool list = lt_json_is(stop, LT_JSON_ARRAY);
    size_t n = list ? lt_json_len(stop) : lt_json_is(stop, LT_JSON_STRING) ? 1 : 0;
    if (stop && !list && n == 0 && !lt_json_is(stop, LT_JSON_NULL))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/options/stop", "must be a list of texts");
    if (n == 0)
        return LT_OK;
    lt_jw_key(w, "stop");
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        const struct lt_json *one = list ? lt_json_at(stop, i) : stop;
        if (!lt_json_is(one, LT_JSON_STRING))
            return lt_fail_field(err, LT_EINVALID_INPUT, "/options/stop", "must be a list of texts");
        lt_jw_str(w, lt_json_str(one));
    }
    lt_jw_end(w);
    return LT_OK;
}

static enum lt_code put_options(struct lt_jw *w, const struct lt_json *options, struct lt_error *err)
{
    if (put_number(w, options, "temperature", 2, err) || put_number(w, options, "top_p", 1, err) ||
        put_count(w, options, "num_predict", "max_tokens", 1, MAX_TOKENS, err) || put_count(w, options, "seed", "seed", 0, INT64_MAX, err))
        return err->code;
    return put_stop(w, lt_json_get(options, "stop"), err);
}

/* "json", or a JSON schema; "" and null are none. */
static enum lt_code put_format(struct lt_jw *w, const struct lt_json *format, struct lt_error *err)
{
    struct lt_str name = lt_json_str(format);
    bool schema = lt_json_is(format, LT_JSON_OBJECT);
    if (!schema && name.n == 0)
        return LT_OK;
    if (!schema && !lt_str_is(name, "json"))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/format", "must be \"json\" or a JSON schema");
    lt_jw_key(w, "response_format");
    lt_jw_obj(w);
    lt_jw_kstrz(w, "type", schema ? "json_schema" : "json_object");
    if (schema) {
        lt_jw_key(w, "json_schema");
        lt_jw_obj(w);
        lt_jw_kstrz(w, "name", "answer");
        lt_jw_kjson(w, "schema", format);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    return LT_OK;
}

/* Only the members that OpenAI's shape has. */
static void put_tools(struct lt_jw *w, const struct lt_json *tools)
{
    static const char *const members[] = {"name", "description", "parameters"};
    if (lt_json_len(tools) == 0)
        return;
    lt_jw_key(w, "tools");
    lt_jw_arr(w);
    for (size_t i = 0; i < lt_json_len(tools); i++) {
        const struct lt_json *function = lt_json_get(lt_json_at(tools, i), "function");
        lt_jw_obj(w);
        lt_jw_kstrz(w, "type", "function");
        lt_jw_key(w, "function");
        lt_jw_obj(w);
        for (size_t k = 0; k < LT_COUNT(members); k++) {
            const struct lt_json *v = lt_json_get(function, members[k]);
            if (v && !lt_json_is(v, LT_JSON_NULL))
                lt_jw_kjson(w, members[k], v);
        }
        lt_jw_end(w);
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

/* What would change the answer, but reaches no service: better refused than silently left out. */
static enum lt_code check_unsupported(const struct lt_json *body, struct lt_error *err)
{
    if (lt_json_bool_or(lt_json_get(body, "raw"), false))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/raw", "is not possible here: services are sent messages, not a text in the model's form");
    if (lt_json_str(lt_json_get(body, "template")).n > 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/template", "is not possible here: use system");
    if (lt_json_str(lt_json_get(body, "suffix")).n > 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/suffix", "is not possible here: no text can be filled in");
    if (lt_json_len(lt_json_get(body, "context")) > 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/context", "is not kept here: send the earlier turns as messages to /api/chat");
    return LT_OK;
}

/* keep_alive 0 in any of its forms: Ollama would put the model away. */
static bool is_unload(const struct lt_json *keep_alive)
{
    struct lt_str text = lt_json_str(keep_alive);
    return lt_json_is(keep_alive, LT_JSON_NUMBER) ? lt_json_double_or(keep_alive, 1) == 0 : lt_str_is(text, "0") || lt_str_is(text, "0s");
}

static enum lt_code put_input(struct lt_arena *arena, struct lt_jw *w, const struct lt_json *body, bool chat, struct lt_error *err)
{
    lt_jw_obj(w);
    lt_jw_key(w, "messages");
    lt_jw_arr(w);
    if (chat ? put_messages(arena, w, lt_json_get(body, "messages"), err) : put_prompt(arena, w, body, err))
        return err->code;
    lt_jw_end(w);
    if (put_options(w, lt_json_get(body, "options"), err) || put_format(w, lt_json_get(body, "format"), err))
        return err->code;
    put_tools(w, lt_json_get(body, "tools"));
    lt_jw_end(w);
    return LT_OK;
}

enum lt_code lt_ollama_read(struct lt_arena *arena, const struct lt_json *body, bool chat, struct lt_ollama_request *ret, struct lt_error *err)
{
    bool asked = chat ? lt_json_len(lt_json_get(body, "messages")) > 0 : lt_json_str(lt_json_get(body, "prompt")).n > 0;
    *ret = (struct lt_ollama_request){
        .model = lt_json_str(lt_json_get(body, "model")), .chat = chat, .stream = lt_json_bool_or(lt_json_get(body, "stream"), true)};
    if (!asked) {
        ret->only = is_unload(lt_json_get(body, "keep_alive")) ? "unload" : "load";
        return LT_OK;
    }
    if (check_unsupported(body, err))
        return err->code;
    struct lt_buf buf;
    struct lt_jw w;
    lt_buf_init(&buf, INPUT_MAX);
    lt_jw_init(&w, &buf);
    enum lt_code rc = put_input(arena, &w, body, chat, err);
    if (!rc)
        rc = buf.failed ? lt_fail(err, LT_EINVALID_INPUT, "the request is too long")
                        : lt_json_parse(arena, lt_str_copy(arena, lt_buf_str(&buf)), LT_JSON_STRICT, &ret->input, err);
    lt_buf_free(&buf);
    return rc;
}
