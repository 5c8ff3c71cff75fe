/*
 * Provider `gemini`: Google's Gemini API. This file writes the requests for texts and vectors, gemini_answer.c reads the answers; images have
 * gemini_image.c.
 */
#include "base/uuid.h"
#include "providers/gemini.h"
#include "providers/turns.h"

enum {
    MODELS_BYTES_MAX = 4 * 1024 * 1024,
    PAGES_MAX = 10,
    BATCH_MAX = 100,     /* texts that batchEmbedContents takes */
    TOOL_ID_BYTES = 24   /* "call_", 12 digits and a NUL */
};

#define DEFAULT_ENDPOINT "https://generativelanguage.googleapis.com"
#define DEFAULT_MODEL "gemini-2.5-flash"
#define DEFAULT_EMBEDDING_MODEL "gemini-embedding-001"

static const char settings_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
    LT_WIRE_SETTING_ENDPOINT_DEFAULT(DEFAULT_ENDPOINT, "Address of the API, with or without its version (/v1beta). http:// only for "
      "this machine itself.") ","
    LT_WIRE_SETTING_API_KEY("Needed for generativelanguage.googleapis.com.") ","
    LT_WIRE_SETTING_MODEL("For actions that name none. Without it Google gets " DEFAULT_MODEL ".") ","
    LT_WIRE_SETTING_EMBEDDING_MODEL("For actions that name none. Without it Google gets " DEFAULT_EMBEDDING_MODEL ".") ","
    "\"image_model\":{\"type\":\"string\",\"title\":\"Model for images\",\"maxLength\":200,"
    "\"description\":\"For actions that name none. Without it Google gets " LT_GEMINI_IMAGE_MODEL ".\"},"
    "\"image_method\":{\"enum\":[\"auto\",\"predict\",\"generateContent\"],\"title\":\"How images are asked for\",\"default\":\"auto\","
    "\"description\":\"auto: models whose name begins with imagen by predict, others by generateContent.\"},"
    LT_WIRE_SETTINGS_COMMON "}}";

const struct lt_wire_vendor lt_gemini_vendor = {
    .endpoint = DEFAULT_ENDPOINT,
    .host = "generativelanguage.googleapis.com",
    .model = DEFAULT_MODEL,
    .embedding_model = DEFAULT_EMBEDDING_MODEL,
    .image_model = LT_GEMINI_IMAGE_MODEL,
    .key_header = "x-goog-api-key",
};

static bool configured(const struct lt_provider_instance *instance, char *why)
{
    return lt_wire_configured(instance, &lt_gemini_vendor, why);
}

static const char *lacks(const struct lt_provider_instance *instance, enum lt_neutral_kind kind, const struct lt_json *settings)
{
    return lt_wire_lacks(instance, kind, settings, &lt_gemini_vendor);
}

/* ---- addresses ---- */

/* The endpoint's version, or the one that has everything. */
static const char *version(const struct lt_wire *w)
{
    static const char *const versions[] = {"/v1", "/v1beta", "/v1alpha"};
    for (size_t i = 0; i < LT_COUNT(versions); i++)
        if (lt_str_ends(w->endpoint.path, lt_str(versions[i])))
            return "";
    return "/v1beta";
}

/* As lists and administrators write it: with or without "models/". */
struct lt_str lt_gemini_model(const struct lt_wire *w)
{
    struct lt_str front = LT_STR("models/"), name = w->model;
    return lt_str_starts(name, front) ? (struct lt_str){name.p + front.n, name.n - front.n} : name;
}

/* The name is a part of a path: it must stay one. */
enum lt_code lt_gemini_url(struct lt_wire *w, const char *method, const char *query, struct lt_str *ret, struct lt_error *err)
{
    struct lt_str name = lt_gemini_model(w);
    bool good = name.n > 0 && name.p[0] != '.';
    for (size_t i = 0; i < name.n; i++)
        good &= name.p[i] != '/' && name.p[i] != '\\' && name.p[i] != ':' && (unsigned char)name.p[i] > 0x20 && name.p[i] != 0x7F;
    if (!good)
        return lt_fail(err, LT_ECONFIG, "the model's name must hold no '/', '\\', ':' or space and not begin with '.'");
    struct lt_str tail = lt_printf(w->run->arena, "%s/models/%.*s:%s", version(w), LT_FMT(lt_wire_escape(w->run->arena, name)), method);
    *ret = lt_wire_url(w, tail, query);
    return LT_OK;
}

/* ---- messages ---- */

static void write_text(struct lt_jw *j, struct lt_str text)
{
    lt_jw_obj(j);
    lt_jw_kstr(j, "text", text);
    lt_jw_end(j);
}

/* The type that an address's ending tells: fileData must name one. */
static struct lt_str type_of(struct lt_str url)
{
    static const struct {
        const char *ending, *type;
    } types[] = {{".png", "image/png"}, {".webp", "image/webp"}, {".gif", "image/gif"}};
    struct lt_str rest = url, path = lt_str_cut(&rest, '?');
    for (size_t i = 0; i < LT_COUNT(types); i++)
        if (path.n > strlen(types[i].ending) &&
            lt_str_eq_ci((struct lt_str){path.p + path.n - strlen(types[i].ending), strlen(types[i].ending)}, lt_str(types[i].ending)))
            return lt_str(types[i].type);
    return LT_STR("image/jpeg");
}

static void write_image(struct lt_jw *j, const struct lt_image *image)
{
    bool url = image->url.n > 0;
    lt_jw_obj(j);
    lt_jw_key(j, url ? "fileData" : "inlineData");
    lt_jw_obj(j);
    lt_jw_kstr(j, "mimeType", image->media_type.n > 0 || !url ? image->media_type : type_of(image->url));
    lt_jw_kstr(j, url ? "fileUri" : "data", url ? image->url : image->base64);
    lt_jw_end(j);
    lt_jw_end(j);
}

/*
 * Models from Gemini 3 on sign the calls they make and refuse calls without their signature. A signature has no place in a neutral
 * conversation; this word, which the vendor has for calls made elsewhere, stands for it ("Thought signatures").
 */
static bool wants_signature(const struct lt_wire *w)
{
    struct lt_str name = lt_gemini_model(w);
    return lt_str_starts(name, LT_STR("gemini-")) && !lt_str_starts(name, LT_STR("gemini-1")) && !lt_str_starts(name, LT_STR("gemini-2"));
}

static void write_call(struct lt_wire *w, const struct lt_json *call)
{
    struct lt_jw *j = &w->jw;
    lt_jw_obj(j);
    lt_jw_key(j, "functionCall");
    lt_jw_obj(j);
    lt_jw_kstr(j, "id", lt_json_str(lt_json_get(call, "id")));
    lt_jw_kstr(j, "name", lt_json_str(lt_json_at_pointer(call, "/function/name")));
    lt_jw_key(j, "args");
    lt_jw_raw(j, lt_turns_arguments(w->run->arena, call));
    lt_jw_end(j);
    if (wants_signature(w))
        lt_jw_kstrz(j, "thoughtSignature", "skip_thought_signature_validator");
    lt_jw_end(j);
}

/* An object goes as it is, anything else under "output" (types.py, FunctionResponse). */
static void write_result(struct lt_wire *w, const struct lt_message *m)
{
    struct lt_jw *j = &w->jw;
    const struct lt_json *json = NULL;
    struct lt_str text = lt_str_trim(m->content);
    if (!lt_str_starts(text, LT_STR("{")) || lt_json_parse(w->run->arena, text, LT_JSON_STRICT, &json, NULL))
        json = NULL;
    lt_jw_obj(j);
    lt_jw_key(j, "functionResponse");
    lt_jw_obj(j);
    lt_jw_kstr(j, "id", m->tool_call_id);
    lt_jw_kstr(j, "name", lt_turns_tool_name(w->run->call, m));
    lt_jw_key(j, "response");
    if (json) {
        lt_jw_raw(j, text);
    } else {
        lt_jw_obj(j);
        lt_jw_kstr(j, "output", m->content);
        lt_jw_end(j);
    }
    lt_jw_end(j);
    lt_jw_end(j);
}

static void write_parts(struct lt_wire *w, const struct lt_message *m)
{
    if (lt_str_is(m->role, "tool")) {
        write_result(w, m);
        return;
    }
    if (lt_str_trim(m->content).n > 0)
        write_text(&w->jw, m->content);
    for (size_t i = 0; i < m->images_n; i++)
        write_image(&w->jw, &m->images[i]);
    for (size_t i = 0; i < lt_json_len(m->tool_calls); i++)
        write_call(w, lt_json_at(m->tool_calls, i));
}

/* What tools answered stands in a content of its own: as many answers there as calls before it. */
static void write_turn(struct lt_wire *w, const struct lt_turn *turn)
{
    struct lt_jw *j = &w->jw;
    for (size_t i = 0; i < turn->n;) {
        bool tool = lt_str_is(turn->messages[i]->role, "tool");
        lt_jw_obj(j);
        lt_jw_kstrz(j, "role", turn->user ? "user" : "model");
        lt_jw_key(j, "parts");
        lt_jw_arr(j);
        for (; i < turn->n && lt_str_is(turn->messages[i]->role, "tool") == tool; i++)
            write_parts(w, turn->messages[i]);
        lt_jw_end(j);
        lt_jw_end(j);
    }
}

static void write_contents(struct lt_wire *w)
{
    struct lt_turn *turns;
    size_t n = lt_turns_make(w->run->arena, w->run->call, &turns);
    lt_wire_own(w, "contents");
    lt_jw_key(&w->jw, "contents");
    lt_jw_arr(&w->jw);
    for (size_t i = 0; i < n; i++)
        write_turn(w, &turns[i]);
    lt_jw_end(&w->jw);
}

/* ---- the other members ---- */

/* Calling functions and answering in JSON exclude each other for most models: with tools JSON is asked for in words. */
static bool asks_for_json(const struct lt_neutral_call *call)
{
    return !call->tools && (lt_turns_wants(call, "json_object") || lt_turns_wants(call, "json_schema"));
}

static void write_system(struct lt_wire *w)
{
    struct lt_str system = lt_turns_instructions(w->run->arena, w->run->call, !asks_for_json(w->run->call));
    struct lt_jw *j = &w->jw;
    if (!lt_wire_may(w, "systemInstruction", system.n > 0) || system.n == 0)
        return;
    lt_jw_key(j, "systemInstruction");
    lt_jw_obj(j);
    lt_jw_key(j, "parts");
    lt_jw_arr(j);
    write_text(j, system);
    lt_jw_end(j);
    lt_jw_end(j);
}

static void write_tool(struct lt_jw *j, const struct lt_json *tool)
{
    const struct lt_json *function = lt_json_get(tool, "function"), *description = lt_json_get(function, "description"),
                         *parameters = lt_json_get(function, "parameters");
    lt_jw_obj(j);
    lt_jw_kstr(j, "name", lt_json_str(lt_json_get(function, "name")));
    if (description)
        lt_jw_kjson(j, "description", description);
    if (lt_json_len(parameters) > 0)
        lt_jw_kjson(j, "parametersJsonSchema", parameters);
    lt_jw_end(j);
}

static void write_tools(struct lt_wire *w)
{
    const struct lt_json *tools = w->run->call->tools;
    struct lt_jw *j = &w->jw;
    if (!lt_wire_may(w, "tools", tools) || !tools)
        return;
    lt_jw_key(j, "tools");
    lt_jw_arr(j);
    lt_jw_obj(j);
    lt_jw_key(j, "functionDeclarations");
    lt_jw_arr(j);
    for (size_t i = 0; i < lt_json_len(tools); i++)
        write_tool(j, lt_json_at(tools, i));
    lt_jw_end(j);
    lt_jw_end(j);
    lt_jw_end(j);
}

static void write_tool_choice(struct lt_wire *w)
{
    const struct lt_json *choice = w->run->call->tools ? w->run->call->tool_choice : NULL;
    struct lt_str word = lt_json_str(choice), name = lt_json_str(lt_json_at_pointer(choice, "/function/name"));
    struct lt_jw *j = &w->jw;
    if (!lt_wire_may(w, "toolConfig", choice) || !choice)
        return;
    lt_jw_key(j, "toolConfig");
    lt_jw_obj(j);
    lt_jw_key(j, "functionCallingConfig");
    lt_jw_obj(j);
    lt_jw_kstrz(j, "mode", lt_str_is(word, "auto") ? "AUTO" : lt_str_is(word, "none") ? "NONE" : "ANY");
    if (name.n > 0) {
        lt_jw_key(j, "allowedFunctionNames");
        lt_jw_arr(j);
        lt_jw_str(j, name);
        lt_jw_end(j);
    }
    lt_jw_end(j);
    lt_jw_end(j);
}

static void write_generation(struct lt_wire *w)
{
    const struct lt_neutral_call *call = w->run->call;
    bool json = asks_for_json(call);
    if (!lt_wire_open(w, "generationConfig"))
        return;
    lt_wire_number(w, "temperature", "temperature", call->temperature);
    lt_wire_number(w, "topP", "top_p", call->top_p);
    lt_wire_int(w, "topK", "top_k", -1, 1);
    lt_wire_int(w, "maxOutputTokens", "max_tokens", call->max_tokens, 1);
    lt_wire_json(w, "stopSequences", call->stop);
    lt_wire_json(w, "frequencyPenalty", call->frequency_penalty);
    lt_wire_json(w, "presencePenalty", call->presence_penalty);
    lt_wire_int(w, "seed", "seed", call->seed < 0 ? -1 : call->seed % ((int64_t)INT32_MAX + 1), 0); /* 32 bits there */
    if (lt_wire_may(w, "responseMimeType", json) && json)
        lt_jw_kstrz(&w->jw, "responseMimeType", "application/json");
    lt_wire_json(w, "responseJsonSchema", json ? lt_json_at_pointer(call->response_format, "/json_schema/schema") : NULL);
    lt_wire_close(w);
}

/* The user's hash and metadata have no place here. */
enum lt_code lt_gemini_body(struct lt_wire *w, struct lt_error *err)
{
    lt_wire_begin(w);
    lt_wire_own(w, "model"); /* stands in the address */
    write_system(w);
    write_contents(w);
    write_tools(w);
    write_tool_choice(w);
    write_generation(w);
    return lt_wire_end(w, err);
}

/* ---- calls ---- */

static enum lt_code complete(struct lt_wire *w, struct lt_error *err)
{
    struct lt_str url;
    bool stream = w->run->stream;
    char uuid[37], tool_id[TOOL_ID_BYTES] = "call_"; /* of this answer's tool calls, unlike those of earlier turns */
    lt_uuid_format(lt_uuid_new(), uuid);
    memcpy(tool_id + 5, uuid + 24, 13);
    enum lt_code code = lt_gemini_url(w, stream ? "streamGenerateContent" : "generateContent", stream ? "alt=sse" : NULL, &url, err);
    if (!code)
        code = lt_gemini_body(w, err);
    return code ? code : lt_wire_call(w, url, &lt_gemini_format, tool_id, err);
}

/* Members of extra and body belong to generateContent. */
enum lt_code lt_gemini_embedding_body(struct lt_wire *w, size_t first, size_t n, struct lt_error *err)
{
    const struct lt_neutral_call *call = w->run->call;
    struct lt_str name = lt_gemini_model(w), task = lt_json_str(lt_wire_setting(w, "task_type"));
    struct lt_jw *j = &w->jw;
    lt_wire_begin(w);
    memset(w->scope->theirs, 0, sizeof(w->scope->theirs));
    lt_jw_key(j, "requests");
    lt_jw_arr(j);
    for (size_t i = first; i < first + n; i++) {
        lt_jw_obj(j);
        lt_jw_kstr(j, "model", lt_printf(w->run->arena, "models/%.*s", LT_FMT(name)));
        lt_jw_key(j, "content");
        lt_jw_obj(j);
        lt_jw_key(j, "parts");
        lt_jw_arr(j);
        write_text(j, call->texts[i]);
        lt_jw_end(j);
        lt_jw_end(j);
        if (task.n > 0)
            lt_jw_kstr(j, "taskType", task);
        if (call->dimensions > 0)
            lt_jw_kint(j, "outputDimensionality", call->dimensions);
        lt_jw_end(j);
    }
    lt_jw_end(j);
    return lt_wire_end(w, err);
}

static enum lt_code embed_some(struct lt_wire *w, struct lt_str url, size_t first, size_t n, struct lt_error *err)
{
    struct lt_provider_run *run = w->run;
    const struct lt_json *answer;
    enum lt_code code = lt_gemini_embedding_body(w, first, n, err);
    if (!code)
        code = lt_wire_fetch(w, url, &lt_gemini_format, LT_WIRE_STREAM_MAX, &answer, err);
    lt_wire_done(w);
    if (code)
        return code;
    const struct lt_json *list = lt_wire_get(answer, "embeddings");
    int64_t tokens = lt_wire_count(lt_wire_get(answer, "usageMetadata"), "promptTokenCount"), *sum = &run->result.usage.prompt_tokens;
    if (lt_json_len(list) != n)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer has %zu vectors for %zu texts", lt_json_len(list), n);
    for (size_t i = 0; !code && i < n; i++)
        code = lt_wire_vector(run, first + i, lt_wire_get(lt_json_at(list, i), "values"), err);
    if (tokens < 0 || (first > 0 && *sum < 0) || __builtin_add_overflow(tokens, first > 0 ? *sum : 0, sum))
        *sum = -1;
    return code;
}

static enum lt_code embed(struct lt_wire *w, struct lt_error *err)
{
    struct lt_provider_run *run = w->run;
    struct lt_str url;
    size_t n = run->call->texts_n;
    enum lt_code code = lt_gemini_url(w, "batchEmbedContents", NULL, &url, err);
    for (size_t first = 0; !code && first < n; first += BATCH_MAX)
        code = embed_some(w, url, first, n - first < BATCH_MAX ? n - first : BATCH_MAX, err);
    if (!code)
        code = lt_wire_vectors_end(run, err);
    run->result.model = lt_gemini_model(w);
    run->result.usage.total_tokens = run->result.usage.prompt_tokens;
    return code;
}

static enum lt_code call(struct lt_provider_run *run, struct lt_error *err)
{
    struct lt_wire w;
    enum lt_code code = lt_wire_prepare(&w, run, &lt_gemini_vendor, err);
    if (code)
        return code;
    if (run->call->kind == LT_NEUTRAL_EMBEDDING)
        code = embed(&w, err);
    else if (run->call->kind == LT_NEUTRAL_IMAGE)
        code = lt_gemini_draw(&w, err);
    else
        code = complete(&w, err);
    lt_wire_done(&w);
    return code;
}

/* One page of the list; *token, empty for the first, becomes that of the next. */
static enum lt_code read_page(struct lt_wire *w, struct lt_str *token, struct lt_str *names, size_t *n, struct lt_error *err)
{
    const struct lt_json *page;
    struct lt_arena *arena = w->run->arena;
    struct lt_str *more, query = LT_STR("pageSize=1000");
    size_t more_n;
    if (token->n > 0)
        query = lt_printf(arena, "pageSize=1000&pageToken=%.*s", LT_FMT(lt_wire_escape(arena, *token)));
    struct lt_str url = lt_wire_url(w, lt_printf(arena, "%s/models", version(w)), lt_strz(arena, query));
    enum lt_code code = lt_wire_fetch(w, url, &lt_gemini_format, MODELS_BYTES_MAX, &page, err);
    if (code)
        return code;
    lt_wire_names(arena, lt_json_get(page, "models"), "name", "models/", &more, &more_n);
    for (size_t i = 0; i < more_n && *n < LT_WIRE_MODELS_MAX; i++)
        names[(*n)++] = more[i];
    *token = lt_json_str(lt_json_get(page, "nextPageToken"));
    return LT_OK;
}

static enum lt_code models(struct lt_provider_run *run, struct lt_str **ret, size_t *ret_n, struct lt_error *err)
{
    struct lt_wire w;
    struct lt_str token = LT_STR_NULL;
    *ret = LT_NEW_ARRAY(run->arena, struct lt_str, LT_WIRE_MODELS_MAX);
    *ret_n = 0;
    enum lt_code code = lt_wire_prepare_plain(&w, run, &lt_gemini_vendor, err);
    for (int page = 0; !code && page < PAGES_MAX && (page == 0 || token.n > 0) && *ret_n < LT_WIRE_MODELS_MAX; page++)
        code = read_page(&w, &token, *ret, ret_n, err);
    return code;
}

extern const struct lt_provider lt_provider_gemini;
const struct lt_provider lt_provider_gemini = {
    .name = "gemini",
    .title = "Google Gemini",
    .description = "Gemini and Imagen, by Google's Gemini API: texts, vectors and images.",
    .settings_schema = settings_schema,
    .neutral = LT_NEUTRAL_COMPLETION | LT_NEUTRAL_EMBEDDING | LT_NEUTRAL_IMAGE,
    .configured = configured,
    .lacks = lacks,
    .call = call,
    .models = models,
};
