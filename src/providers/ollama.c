/*
 * Provider `ollama`: a server of one's own for open models. Chat, vectors and the list of models; facts: docs/api.md of Ollama. This
 * file writes the requests; ollama_answer.c reads the answers.
 */
#include "base/secret.h"
#include "base/uuid.h"
#include "providers/ollama_answer.h"
#include "providers/wire.h"

enum { MODELS_BYTES_MAX = 4 * 1024 * 1024, TOOL_ID_BYTES = 24 /* "call_", 12 digits and a NUL */ };

#define DEFAULT_ENDPOINT "http://127.0.0.1:11434"

static const char settings_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
    LT_WIRE_SETTING_ENDPOINT_DEFAULT(DEFAULT_ENDPOINT, "Address of the server, with or without /api. http:// only for this machine itself.") ","
    LT_WIRE_SETTING_MODEL("For actions that name none, as 'ollama list' shows it.") ","
    LT_WIRE_SETTING_EMBEDDING_MODEL("For vectors; without it the model above.") ","
    LT_WIRE_SETTING_API_KEY("Where a proxy before the server asks for a bearer token.") ","
    "\"username\":{\"type\":\"string\",\"title\":\"User name\",\"maxLength\":200,\"pattern\":\"^[^:\\\\x00-\\\\x1f\\\\x7f]*$\","
      "\"description\":\"Where a proxy asks for a name and a password.\"},"
    "\"password\":{\"type\":\"string\",\"title\":\"Password\",\"writeOnly\":true,\"maxLength\":1000},"
    "\"api\":{\"type\":\"string\",\"title\":\"Call\",\"enum\":[\"chat\",\"generate\"],\"default\":\"chat\","
      "\"description\":\"generate sends a single question as a prompt, which models without a chat template and the members "
      "raw, template and suffix of body need; conversations and tools use chat all the same.\"},"
    LT_WIRE_SETTINGS_COMMON "}}";

static const struct lt_wire_vendor vendor = {.endpoint = DEFAULT_ENDPOINT, .key_header = "authorization"};

/* ---- who asks ---- */

static bool has_username(const struct lt_json *config)
{
    return lt_json_str(lt_json_get(config, "username")).n > 0;
}

/* One Authorization header at most. */
static const char *two_authorizations(const struct lt_json *config)
{
    if (!has_username(config))
        return NULL;
    if (lt_wire_str(config, "api_key").n > 0)
        return "api_key and username exclude each other";
    const struct lt_json *headers = lt_json_get(config, "headers");
    for (size_t i = 0; i < lt_json_len(headers); i++)
        if (lt_str_eq_ci(lt_json_key_at(headers, i), LT_STR("authorization")))
            return "headers cannot set \"Authorization\" beside username";
    return NULL;
}

static bool configured(const struct lt_provider_instance *instance, char *why)
{
    const char *two = two_authorizations(instance->config);
    if (!two)
        return lt_wire_configured(instance, &vendor, why);
    snprintf(why, LT_WIRE_WHY_MAX, "%s", two);
    return false;
}

/* RFC 7617; the password is taken out of messages as a key is. */
static enum lt_code add_basic(struct lt_wire *w, struct lt_error *err)
{
    struct lt_arena *arena = w->run->arena;
    struct lt_str name = lt_json_str(lt_json_get(w->config, "username")), password = lt_json_str(lt_json_get(w->config, "password"));
    const char *two = two_authorizations(w->config);
    if (two)
        return lt_fail(err, LT_ECONFIG, "%s", two);
    if (name.n == 0)
        return LT_OK;
    size_t n = name.n + 1 + password.n;
    char *pair = lt_alloc(arena, n), *value = lt_alloc(arena, 6 + n / 3 * 4 + 4), *at = value + 6;
    memcpy(pair, name.p, name.n);
    pair[name.n] = ':';
    if (password.n > 0)
        memcpy(pair + name.n + 1, password.p, password.n);
    struct lt_str coded = lt_base64url(arena, pair, n);
    memcpy(value, "Basic ", 6);
    for (size_t i = 0; i < coded.n; i++)
        *at++ = coded.p[i] == '-' ? '+' : coded.p[i] == '_' ? '/' : coded.p[i];
    for (size_t i = coded.n; i % 4 != 0; i++)
        *at++ = '=';
    w->secret = password;
    return lt_wire_header(w, LT_STR("Authorization"), (struct lt_str){value, (size_t)(at - value)}, err);
}

static struct lt_str address(const struct lt_wire *w, const char *tail)
{
    bool api = lt_str_ends(w->endpoint.path, LT_STR("/api"));
    return lt_wire_url(w, lt_printf(w->run->arena, "%s%s", api ? "" : "/api", tail), NULL);
}

/* ---- messages ---- */

static enum lt_code write_images(struct lt_wire *w, const struct lt_message *m, struct lt_error *err)
{
    if (m->images_n == 0)
        return LT_OK;
    lt_jw_key(&w->jw, "images");
    lt_jw_arr(&w->jw);
    for (size_t i = 0; i < m->images_n; i++) {
        if (m->images[i].base64.n == 0)
            return lt_fail(err, LT_EUNSUPPORTED, "Ollama takes images only by their bytes, not by an address");
        lt_jw_str(&w->jw, m->images[i].base64);
    }
    lt_jw_end(&w->jw);
    return LT_OK;
}

/* OpenAI's shape holds the arguments as text; Ollama wants the object. */
static enum lt_code write_calls(struct lt_wire *w, const struct lt_json *calls, struct lt_error *err)
{
    struct lt_jw *j = &w->jw;
    lt_jw_key(j, "tool_calls");
    lt_jw_arr(j);
    for (size_t i = 0; i < lt_json_len(calls); i++) {
        const struct lt_json *call = lt_json_at(calls, i), *function = lt_json_get(call, "function"), *arguments = NULL;
        struct lt_str text = lt_str_trim(lt_json_str(lt_json_get(function, "arguments")));
        if (text.n > 0 && lt_json_parse(w->run->arena, text, LT_JSON_STRICT, &arguments, NULL))
            arguments = NULL;
        if (text.n > 0 && !lt_json_is(arguments, LT_JSON_OBJECT))
            return lt_fail(err, LT_EINVALID_INPUT, "the arguments of tool call %zu are not a JSON object", i);
        lt_jw_obj(j);
        lt_jw_kstr(j, "id", lt_json_str(lt_json_get(call, "id")));
        lt_jw_key(j, "function");
        lt_jw_obj(j);
        lt_jw_kstr(j, "name", lt_json_str(lt_json_get(function, "name")));
        lt_jw_key(j, "arguments");
        if (arguments)
            lt_jw_json(j, arguments);
        else
            lt_jw_raw(j, LT_STR("{}"));
        lt_jw_end(j);
        lt_jw_end(j);
    }
    lt_jw_end(j);
    return LT_OK;
}

/* The name of the function that a tool's message answers: of the nearest call with that id before message n. */
static struct lt_str tool_name(const struct lt_neutral_call *call, size_t n)
{
    struct lt_str id = call->messages[n].tool_call_id;
    while (n-- > 0) {
        const struct lt_json *calls = call->messages[n].tool_calls;
        for (size_t i = 0; i < lt_json_len(calls); i++)
            if (lt_str_eq(lt_json_str(lt_json_get(lt_json_at(calls, i), "id")), id))
                return lt_json_str(lt_json_get(lt_json_get(lt_json_at(calls, i), "function"), "name"));
    }
    return LT_STR_NULL;
}

static enum lt_code write_messages(struct lt_wire *w, struct lt_error *err)
{
    const struct lt_neutral_call *call = w->run->call;
    struct lt_jw *j = &w->jw;
    lt_wire_own(w, "messages");
    lt_jw_key(j, "messages");
    lt_jw_arr(j);
    for (size_t i = 0; i < call->messages_n; i++) {
        const struct lt_message *m = &call->messages[i];
        lt_jw_obj(j);
        lt_jw_kstr(j, "role", m->role);
        lt_jw_kstr(j, "content", m->content.p ? m->content : LT_STR(""));
        enum lt_code code = write_images(w, m, err);
        if (!code && lt_json_len(m->tool_calls) > 0)
            code = write_calls(w, m->tool_calls, err);
        if (code)
            return code;
        struct lt_str tool = m->tool_call_id.n > 0 ? tool_name(call, i) : LT_STR_NULL;
        if (tool.n > 0)
            lt_jw_kstr(j, "tool_name", tool);
        if (m->tool_call_id.n > 0)
            lt_jw_kstr(j, "tool_call_id", m->tool_call_id);
        lt_jw_end(j);
    }
    lt_jw_end(j);
    return LT_OK;
}

/* ---- the other members ---- */

/* JSON at all, or JSON by a schema. */
static void write_format(struct lt_wire *w)
{
    const struct lt_json *asked = w->run->call->response_format;
    struct lt_str type = lt_json_str(lt_json_get(asked, "type"));
    bool json = lt_str_is(type, "json_object"), schema = lt_str_is(type, "json_schema");
    if (!lt_wire_may(w, "format", json || schema))
        return;
    if (json)
        lt_jw_kstrz(&w->jw, "format", "json");
    if (schema)
        lt_jw_kjson(&w->jw, "format", lt_json_at_pointer(asked, "/json_schema/schema"));
}

/* There is no tool_choice: without tools none can be called, and nothing can make the model call one. */
static enum lt_code write_tools(struct lt_wire *w, struct lt_error *err)
{
    const struct lt_neutral_call *call = w->run->call;
    struct lt_str choice = lt_json_str(lt_json_get(call->tool_choice, "type"));
    if (lt_json_is(call->tool_choice, LT_JSON_STRING))
        choice = lt_json_str(call->tool_choice);
    if (choice.n > 0 && !lt_str_is(choice, "none") && !lt_str_is(choice, "auto"))
        return lt_fail(err, LT_EUNSUPPORTED, "Ollama cannot be made to call a tool (tool_choice)");
    lt_wire_json(w, "tools", lt_str_is(choice, "none") ? NULL : call->tools);
    return LT_OK;
}

static void write_options(struct lt_wire *w)
{
    const struct lt_neutral_call *call = w->run->call;
    if (!lt_wire_open(w, "options"))
        return;
    lt_wire_number(w, "temperature", "temperature", call->temperature);
    lt_wire_number(w, "top_p", "top_p", call->top_p);
    lt_wire_json(w, "frequency_penalty", call->frequency_penalty);
    lt_wire_json(w, "presence_penalty", call->presence_penalty);
    lt_wire_int(w, "seed", "seed", call->seed, 0);
    lt_wire_int(w, "num_predict", "max_tokens", call->max_tokens, 1);
    lt_wire_json(w, "stop", call->stop);
    lt_wire_close(w);
}

/* The only message beside an instruction, for /api/generate; NULL where it takes a conversation. */
static const struct lt_message *single_question(const struct lt_wire *w)
{
    const struct lt_neutral_call *call = w->run->call;
    size_t first = call->messages_n > 0 && lt_str_is(call->messages[0].role, "system") ? 1 : 0;
    if (!lt_str_is(lt_wire_str(w->config, "api"), "generate") || lt_json_len(call->tools) > 0 || call->messages_n != first + 1)
        return NULL;
    return lt_str_is(call->messages[first].role, "user") ? &call->messages[first] : NULL;
}

static enum lt_code write_question(struct lt_wire *w, const struct lt_message *question, struct lt_error *err)
{
    const struct lt_message *first = &w->run->call->messages[0];
    lt_wire_own(w, "prompt");
    lt_wire_own(w, "images");
    lt_jw_kstr(&w->jw, "prompt", question->content);
    if (lt_wire_may(w, "system", first != question) && first != question)
        lt_jw_kstr(&w->jw, "system", first->content);
    return write_images(w, question, err);
}

static enum lt_code write_body(struct lt_wire *w, const struct lt_message *question, struct lt_error *err)
{
    lt_wire_begin(w);
    lt_wire_own(w, "model");
    lt_jw_kstr(&w->jw, "model", w->model);
    lt_wire_own(w, "stream"); /* true when left out */
    lt_jw_kbool(&w->jw, "stream", w->run->stream);
    enum lt_code code = question ? write_question(w, question, err) : write_messages(w, err);
    if (!code && !question)
        code = write_tools(w, err);
    if (code)
        return code;
    write_format(w);
    write_options(w);
    return lt_wire_end(w, err);
}

static enum lt_code complete(struct lt_wire *w, struct lt_error *err)
{
    const struct lt_message *question = single_question(w);
    char uuid[37], tool_id[TOOL_ID_BYTES] = "call_"; /* of this answer's tool calls, unlike those of earlier turns */
    lt_uuid_format(lt_uuid_new(), uuid);
    memcpy(tool_id + 5, uuid + 24, 13);
    enum lt_code code = write_body(w, question, err);
    return code ? code : lt_wire_call(w, address(w, question ? "/generate" : "/chat"), &lt_ollama_format, tool_id, err);
}

/* ---- vectors ---- */

static enum lt_code read_vectors(struct lt_wire *w, const struct lt_json *answer, struct lt_error *err)
{
    struct lt_provider_run *run = w->run;
    const struct lt_json *list = lt_wire_get(answer, "embeddings");
    enum lt_code code = LT_OK;
    for (size_t i = 0; !code && i < lt_json_len(list); i++)
        code = lt_wire_vector(run, i, lt_json_at(list, i), err);
    if (!code)
        code = lt_wire_vectors_end(run, err);
    run->result.model = lt_json_str_or(lt_wire_get(answer, "model"), w->model);
    run->result.usage.prompt_tokens = run->result.usage.total_tokens = lt_wire_count(answer, "prompt_eval_count");
    return code;
}

/* A text that is too long is an error, not silently cut. */
static enum lt_code embed(struct lt_wire *w, struct lt_error *err)
{
    const struct lt_neutral_call *call = w->run->call;
    const struct lt_json *answer;
    lt_wire_begin(w);
    lt_wire_own(w, "model");
    lt_jw_kstr(&w->jw, "model", w->model);
    lt_wire_own(w, "input");
    lt_jw_key(&w->jw, "input");
    lt_jw_arr(&w->jw);
    for (size_t i = 0; i < call->texts_n; i++)
        lt_jw_str(&w->jw, call->texts[i]);
    lt_jw_end(&w->jw);
    if (lt_wire_may(w, "truncate", false))
        lt_jw_kbool(&w->jw, "truncate", false);
    lt_wire_int(w, "dimensions", NULL, call->dimensions, 1);
    enum lt_code code = lt_wire_end(w, err);
    if (!code)
        code = lt_wire_fetch(w, address(w, "/embed"), &lt_ollama_format, LT_WIRE_STREAM_MAX, &answer, err);
    return code ? code : read_vectors(w, answer, err);
}

static enum lt_code call(struct lt_provider_run *run, struct lt_error *err)
{
    struct lt_wire w;
    enum lt_code code = lt_wire_prepare(&w, run, &vendor, err);
    if (!code)
        code = add_basic(&w, err);
    if (code)
        return code;
    code = run->call->kind == LT_NEUTRAL_EMBEDDING ? embed(&w, err) : complete(&w, err);
    lt_wire_done(&w);
    return code;
}

static enum lt_code models(struct lt_provider_run *run, struct lt_str **ret, size_t *ret_n, struct lt_error *err)
{
    struct lt_wire w;
    const struct lt_json *answer;
    enum lt_code code = lt_wire_prepare_plain(&w, run, &vendor, err);
    if (!code)
        code = add_basic(&w, err);
    if (!code)
        code = lt_wire_fetch(&w, address(&w, "/tags"), &lt_ollama_format, MODELS_BYTES_MAX, &answer, err);
    if (!code)
        lt_wire_names(run->arena, lt_wire_get(answer, "models"), "name", NULL, ret, ret_n);
    return code;
}

extern const struct lt_provider lt_provider_ollama;
const struct lt_provider lt_provider_ollama = {
    .name = "ollama",
    .title = "Ollama",
    .description = "Open models on a server of one's own.",
    .settings_schema = settings_schema,
    .neutral = LT_NEUTRAL_COMPLETION | LT_NEUTRAL_EMBEDDING,
    .configured = configured,
    .call = call,
    .models = models,
};
