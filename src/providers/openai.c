/* Provider `openai`, and what it shares with its family: which of the formats a call takes, vectors, the list of models. */
#include "providers/openai_family.h"

enum { MODELS_BYTES_MAX = 8 * 1024 * 1024 };

/* ---- of all ---- */

struct lt_str lt_openai_url(struct lt_wire *w, const char *tail, const char *query)
{
    static const char *const tails[] = {"/chat/completions", "/responses", "/embeddings", "/images/generations", "/models"};
    if (lt_openai_vendor(w)->url)
        return lt_openai_vendor(w)->url(w, tail, query);
    for (size_t i = 0; i < LT_COUNT(tails); i++)
        if (lt_str_ends(w->endpoint.path, lt_str(tails[i]))) {
            w->endpoint.path.n -= strlen(tails[i]);
            break;
        }
    return lt_wire_url(w, lt_str(tail), query);
}

/* What the administrator says that this model cannot do. */
static enum lt_code check_able(const struct lt_wire *w, struct lt_error *err)
{
    const struct lt_neutral_call *call = w->run->call;
    bool images = false;
    for (size_t i = 0; i < call->messages_n; i++)
        images |= call->messages[i].images_n > 0;
    if (images && !lt_json_bool_or(lt_wire_quirk(w, "images"), !lt_openai_vendor(w)->no_images))
        return lt_fail(err, LT_EUNSUPPORTED, "the model takes no images");
    if (lt_json_len(call->tools) > 0 && !lt_json_bool_or(lt_wire_quirk(w, "tools"), true))
        return lt_fail(err, LT_EUNSUPPORTED, "the model takes no tools");
    return LT_OK;
}

const struct lt_openai_vendor *lt_openai_vendor_of(const struct lt_provider_instance *instance)
{
    const struct lt_openai_vendor *vendor = instance->provider->vendor;
    return vendor->as_set ? vendor->as_set(instance->config) : vendor;
}

bool lt_openai_configured(const struct lt_provider_instance *instance, char *why)
{
    return lt_wire_configured(instance, &lt_openai_vendor_of(instance)->wire, why);
}

const char *lt_openai_lacks(const struct lt_provider_instance *instance, enum lt_neutral_kind kind, const struct lt_json *settings)
{
    return lt_wire_lacks(instance, kind, settings, &lt_openai_vendor_of(instance)->wire);
}

bool lt_openai_keeps_threads(const struct lt_provider_instance *instance, const struct lt_json *settings)
{
    char why[LT_WIRE_WHY_MAX];
    struct lt_wire_endpoint endpoint;
    const struct lt_openai_vendor *vendor = lt_openai_vendor_of(instance);
    struct lt_str api = lt_json_str_or(lt_json_get(instance->config, "api"), lt_str(vendor->api));
    if (!lt_json_bool_or(lt_json_at_pointer(settings, "/extra/store"), true) ||
        !lt_json_bool_or(lt_json_at_pointer(instance->config, "/body/store"), true))
        return false;
    if (lt_str_is(api, "responses"))
        return true;
    return lt_str_is(api, "auto") && lt_wire_read_endpoint(instance->config, &vendor->wire, &endpoint, why) &&
           (endpoint.own || !vendor->wire.host);
}

static enum lt_code complete(struct lt_wire *w, struct lt_error *err)
{
    const struct lt_neutral_call *call = w->run->call;
    struct lt_str api = lt_json_str_or(lt_json_get(w->config, "api"), lt_str(lt_openai_vendor(w)->api));
    bool threads = call->store || call->previous_response_id.n > 0;
    bool responses = lt_str_is(api, "responses") || (lt_str_is(api, "auto") && threads);
    if (!responses && call->previous_response_id.n > 0)
        return lt_fail(err, LT_EUNSUPPORTED, "chat completions keep no threads, so that they cannot go on from an earlier answer");
    enum lt_code code = check_able(w, err);
    if (!code)
        code = responses ? lt_openai_responses_body(w, err) : lt_openai_chat_body(w, err);
    if (code)
        return code;
    if (responses)
        return lt_wire_call(w, lt_openai_url(w, "/responses", NULL), &lt_openai_responses_format, NULL, err);
    return lt_wire_call(w, lt_openai_url(w, "/chat/completions", NULL), &lt_openai_chat_format, NULL, err);
}

/* OpenAI's API reference, "Create embeddings". */
static enum lt_code embedding_body(struct lt_wire *w, struct lt_error *err)
{
    const struct lt_neutral_call *call = w->run->call;
    const char *vectors = lt_openai_vendor(w)->own_vectors, *dimensions = lt_openai_vendor(w)->dimensions;
    struct lt_str form = lt_json_str_or(lt_wire_quirk(w, "encoding_format"), vectors && w->endpoint.own ? lt_str(vectors) : LT_STR("float"));
    lt_wire_begin(w);
    lt_openai_write_model(w);
    lt_wire_own(w, "input");
    lt_jw_key(&w->jw, "input");
    lt_jw_arr(&w->jw);
    for (size_t i = 0; i < call->texts_n; i++)
        lt_jw_str(&w->jw, call->texts[i]);
    lt_jw_end(&w->jw);
    if (lt_wire_may(w, "encoding_format", false))
        lt_jw_kstr(&w->jw, "encoding_format", form);
    lt_wire_int(w, dimensions ? dimensions : "dimensions", "dimensions", call->dimensions, 1);
    lt_openai_write_user(w);
    return lt_wire_end(w, err);
}

static enum lt_code take_vectors(struct lt_wire *w, const struct lt_json *answer, struct lt_error *err)
{
    struct lt_neutral_result *r = &w->run->result;
    const struct lt_json *data = lt_json_get(answer, "data"), *usage = lt_json_get(answer, "usage");
    if (!lt_json_is(data, LT_JSON_ARRAY))
        return lt_wire_wrong_type(err, "data", data);
    for (size_t i = 0; i < lt_json_len(data); i++) {
        const struct lt_json *one = lt_json_at(data, i);
        int64_t index = lt_json_int64_or(lt_wire_get(one, "index"), (int64_t)i);
        enum lt_code code = lt_wire_vector(w->run, index < 0 ? SIZE_MAX : (size_t)index, lt_json_get(one, "embedding"), err);
        if (code)
            return code;
    }
    r->model = lt_json_str_or(lt_json_get(answer, "model"), w->model);
    r->usage = (struct lt_usage){lt_wire_count(usage, "prompt_tokens"), -1, lt_wire_count(usage, "total_tokens"), -1, -1};
    if (r->usage.prompt_tokens >= 0)
        r->usage.completion_tokens = 0; /* nothing is written */
    return lt_wire_vectors_end(w->run, err);
}

static enum lt_code embed(struct lt_wire *w, struct lt_error *err)
{
    const struct lt_json *answer;
    enum lt_code code = embedding_body(w, err);
    if (!code)
        code = lt_wire_fetch(w, lt_openai_url(w, "/embeddings", NULL), &lt_openai_chat_format, LT_WIRE_STREAM_MAX, &answer, err);
    return code ? code : take_vectors(w, answer, err);
}

static enum lt_code serve(struct lt_wire *w, struct lt_error *err)
{
    switch (w->run->call->kind) {
    case LT_NEUTRAL_EMBEDDING:
        return embed(w, err);
    case LT_NEUTRAL_IMAGE:
        return lt_openai_make_images(w, err);
    default:
        return complete(w, err);
    }
}

enum lt_code lt_openai_call(struct lt_provider_run *run, struct lt_error *err)
{
    struct lt_wire w;
    enum lt_code code = lt_wire_prepare(&w, run, &lt_openai_vendor_of(run->instance)->wire, err);
    if (!code)
        code = serve(&w, err);
    lt_wire_done(&w);
    return code;
}

enum lt_code lt_openai_models(struct lt_provider_run *run, struct lt_str **ret, size_t *ret_n, struct lt_error *err)
{
    struct lt_wire w;
    const struct lt_json *answer = NULL;
    enum lt_code code = lt_wire_prepare_plain(&w, run, &lt_openai_vendor_of(run->instance)->wire, err);
    if (!code)
        code = lt_wire_fetch(&w, lt_openai_url(&w, "/models", NULL), &lt_openai_chat_format, MODELS_BYTES_MAX, &answer, err);
    const struct lt_json *data = lt_json_is(answer, LT_JSON_ARRAY) ? answer : lt_json_get(answer, "data"); /* Together gives the list alone */
    if (!code && !lt_json_is(data, LT_JSON_ARRAY))
        code = lt_wire_wrong_type(err, "data", data);
    if (!code)
        lt_wire_names(run->arena, data, "id", NULL, ret, ret_n);
    return code;
}

/* ---- openai ---- */

#define DEFAULT_ENDPOINT "https://api.openai.com/v1"
#define DEFAULT_MODEL "gpt-4o"
#define DEFAULT_EMBEDDING_MODEL "text-embedding-3-small"
#define DEFAULT_IMAGE_MODEL "gpt-image-1.5"

static const char settings_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
    LT_WIRE_SETTING_ENDPOINT_DEFAULT(DEFAULT_ENDPOINT, "Base address of the API, or the whole address of its chat completions. http:// "
                                                       "only for this machine itself.") ","
    LT_WIRE_SETTING_API_KEY("Needed for api.openai.com; other servers may work without.") ","
    "\"organization\":{\"type\":\"string\",\"title\":\"Organization\",\"maxLength\":200,\"pattern\":\"^[\\\\x20-\\\\x7e]*$\"},"
    "\"project\":{\"type\":\"string\",\"title\":\"Project\",\"maxLength\":200,\"pattern\":\"^[\\\\x20-\\\\x7e]*$\"},"
    LT_WIRE_SETTING_MODEL("For actions that name none. Without it api.openai.com gets " DEFAULT_MODEL ".") ","
    LT_WIRE_SETTING_EMBEDDING_MODEL("For actions that name none. Without it api.openai.com gets " DEFAULT_EMBEDDING_MODEL ".") ","
    LT_OPENAI_SETTING_IMAGE_MODEL("For actions that name none. Without it api.openai.com gets " DEFAULT_IMAGE_MODEL ", others make none.") ","
    LT_OPENAI_SETTING_API("auto") "," LT_OPENAI_SETTINGS "}}";

static const struct lt_wire_setting_header headers[] = {
    {"OpenAI-Organization", "organization"}, {"OpenAI-Project", "project"}, {NULL, NULL}};

static const struct lt_openai_vendor vendor = {
    .wire = {.endpoint = DEFAULT_ENDPOINT,
             .host = "api.openai.com",
             .model = DEFAULT_MODEL,
             .embedding_model = DEFAULT_EMBEDDING_MODEL,
             .image_model = DEFAULT_IMAGE_MODEL,
             .threads = true,
             .key_header = "authorization",
             .headers = headers},
    .api = "auto",
    .own_max_tokens = "max_completion_tokens",
    .own_vectors = "base64",
};

extern const struct lt_provider lt_provider_openai;
const struct lt_provider lt_provider_openai = {
    .name = "openai",
    .title = "OpenAI",
    .description = "OpenAI's chat completions, responses with kept threads, embeddings, and images.",
    .settings_schema = settings_schema,
    .vendor = &vendor,
    .neutral = LT_NEUTRAL_COMPLETION | LT_NEUTRAL_EMBEDDING | LT_NEUTRAL_IMAGE,
    .configured = lt_openai_configured,
    .lacks = lt_openai_lacks,
    .call = lt_openai_call,
    .keeps_threads = lt_openai_keeps_threads,
    .models = lt_openai_models,
    .response = lt_openai_response,
    .response_before = lt_openai_response_before,
    .forget = lt_openai_forget,
};
