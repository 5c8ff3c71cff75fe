/*
 * Provider `awsbedrock`: Amazon Bedrock. This file has its settings, addresses, signatures and lists of models; bedrock_converse.c writes
 * conversations, bedrock_answer.c reads them, bedrock_invoke.c does vectors and images.
 */
#include <stdio.h>

#include "base/clock.h"
#include "io/url.h"
#include "io/worker.h"
#include "providers/bedrock.h"

enum {
    MODELS_BYTES_MAX = 4 * 1024 * 1024,
    PAGES_MAX = 10,
    HASH_HERE_MAX = 256 * 1024 /* bytes of a body that are hashed on the loop */
};

/* What may differ from model to model. */
#define QUIRKS                                                                                                               \
    "\"cross_region_inference\":{\"type\":\"string\",\"title\":\"Cross-region inference profile\",\"maxLength\":2048,"        \
    "\"description\":\"Id or ARN of an inference profile (eu.anthropic.claude-…): it is called in the place of the model. "  \
    "Actions may set their own.\"},"                                                                                         \
    "\"sampling\":{\"type\":\"boolean\",\"title\":\"Takes temperature and top_p\","                                           \
    "\"description\":\"Without it as known of the model; Claude's later ones refuse them, and they are then left out.\"},"     \
    "\"structured_outputs\":{\"type\":\"boolean\",\"title\":\"Structured outputs\",\"default\":false,"                        \
    "\"description\":\"Whether the model takes JSON schemas (outputConfig). Otherwise the schema is asked for in words. "    \
    "Answers are checked here in any case.\"},"                                                                              \
    "\"prompt_cache\":{\"type\":\"boolean\",\"title\":\"Mark prompts for the cache\",\"default\":false,"                     \
    "\"description\":\"Instructions and the conversation so far, for models that have a cache; others refuse the marks.\"}"

static const char settings_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
    "\"region\":{\"type\":\"string\",\"title\":\"Region\",\"pattern\":\"^[a-z0-9-]{1,32}$\","
      "\"description\":\"Of AWS, where the models run: eu-central-1, us-east-1, …\"},"
    "\"access_key_id\":{\"type\":\"string\",\"title\":\"Access key ID\",\"maxLength\":200,\"pattern\":\"^[A-Za-z0-9_]*$\","
      "\"description\":\"With the secret access key, to sign requests. Needs bedrock:InvokeModel, for lists of models also "
      "bedrock:ListFoundationModels and bedrock:ListInferenceProfiles.\"},"
    LT_WIRE_SETTING_SECRET("secret_access_key", "Secret access key", "Signs requests; it is never sent.") ","
    LT_WIRE_SETTING_SECRET("session_token", "Session token", "Of temporary credentials, which end after some hours.") ","
    LT_WIRE_SETTING_API_KEY("An API key of Bedrock, in the place of the access key.") ","
    LT_WIRE_SETTING_MODEL("For actions that name none: id or ARN of a model, a profile or a deployment.") ","
    LT_WIRE_SETTING_EMBEDDING_MODEL("For vectors: amazon.titan-embed-text-v2:0, cohere.embed-…") ","
    LT_WIRE_SETTING_IMAGE_MODEL("For images: amazon.nova-canvas-v1:0, amazon.titan-image-…, stability.…") ","
    QUIRKS ","
    "\"models\":{\"type\":\"object\",\"title\":\"By model\",\"maxProperties\":200,"
      "\"description\":\"Those of the four settings before that are other for one model, under its name.\","
      "\"propertyNames\":{\"minLength\":1,\"maxLength\":200},"
      "\"additionalProperties\":{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{" QUIRKS "}}},"
    LT_WIRE_SETTING_ENDPOINT("Of an endpoint in your own network (VPC). Without it https://bedrock-runtime.REGION.amazonaws.com. http:// only for "
      "this machine itself.") ","
    "\"models_endpoint\":{\"type\":\"string\",\"title\":\"Endpoint of the lists\",\"pattern\":\"^https?://[^\\\\s#@]+$\",\"maxLength\":1000,"
      "\"description\":\"The same for lists of models. Without it the endpoint above, or https://bedrock.REGION.amazonaws.com.\"},"
    LT_WIRE_SETTINGS_COMMON "}}";

static const char *const reserved[] = {"authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256", NULL};

/* The vendor as this instance has it; `address` (LT_BEDROCK_HOST_MAX) must live as long. */
static struct lt_wire_vendor vendor_of(const struct lt_json *config, enum lt_bedrock_part part, char *address)
{
    struct lt_str region = lt_wire_str(config, "region"), own = lt_wire_str(config, "endpoint");
    bool lists = part == LT_BEDROCK_CONTROL, here = lists && lt_wire_str(config, "models_endpoint").n > 0;
    if (region.n > 0 && region.n <= 32)
        snprintf(address, LT_BEDROCK_HOST_MAX, "https://bedrock%s.%.*s.amazonaws.com", lists && own.n == 0 ? "" : "-runtime", LT_FMT(region));
    return (struct lt_wire_vendor){.endpoint = region.n > 0 && region.n <= 32 ? address : NULL,
                                   .endpoint_setting = here ? "models_endpoint" : NULL,
                                   .key_header = "authorization",
                                   .reserved = reserved};
}

/* Keys of one kind, whole; with none the endpoint must be one's own. */
static const char *keys_missing(const struct lt_json *config)
{
    bool key = lt_wire_str(config, "api_key").n > 0, id = lt_wire_str(config, "access_key_id").n > 0,
         secret = lt_wire_str(config, "secret_access_key").n > 0;
    if (key && (id || secret))
        return "api_key goes without access_key_id and secret_access_key";
    if (id != secret)
        return id ? "secret_access_key is missing" : "access_key_id is missing";
    return key || id ? NULL : "access_key_id and secret_access_key are missing, or api_key";
}

static bool configured(const struct lt_provider_instance *instance, char *why)
{
    char address[LT_BEDROCK_HOST_MAX];
    struct lt_wire_vendor vendor = vendor_of(instance->config, LT_BEDROCK_RUNTIME, address);
    const char *missing = lt_wire_str(instance->config, "region").n == 0 ? "region is missing" : keys_missing(instance->config);
    if (missing) {
        snprintf(why, LT_WIRE_WHY_MAX, "%s", missing);
        return false;
    }
    return lt_wire_configured(instance, &vendor, why);
}

static const char *lacks(const struct lt_provider_instance *instance, enum lt_neutral_kind kind, const struct lt_json *settings)
{
    return lt_wire_lacks(instance, kind, settings, &(const struct lt_wire_vendor){0}); /* AWS has no model of its own choice */
}

enum lt_code lt_bedrock_prepare(struct lt_bedrock *b, struct lt_provider_run *run, enum lt_bedrock_part part, struct lt_error *err)
{
    const struct lt_json *config = run->instance->config;
    const char *missing = keys_missing(config);
    b->vendor = vendor_of(config, part, b->address);
    b->key = (struct lt_sigv4_key){lt_wire_str(config, "access_key_id"), lt_wire_str(config, "secret_access_key"),
                                   lt_wire_str(config, "session_token")};
    b->region = lt_strz(run->arena, lt_wire_str(config, "region"));
    if (missing || *b->region == '\0')
        return lt_fail(err, LT_ECONFIG, "%s", missing ? missing : "region is missing");
    enum lt_code code = (part == LT_BEDROCK_RUNTIME ? lt_wire_prepare : lt_wire_prepare_plain)(&b->w, run, &b->vendor, err);
    if (b->w.key.n == 0)
        b->w.secret = b->key.token; /* the one that is sent, and that errors quote */
    b->fields_n = b->w.fields_n;
    return code;
}

/* ---- signing ---- */

struct hashing {
    struct lt_str body;
    char *out;
};

static void hash_body(void *arg)
{
    struct hashing *h = arg;
    lt_sigv4_hash(h->body, h->out);
}

enum lt_code lt_bedrock_sign(struct lt_bedrock *b, struct lt_str url, int64_t now_s, struct lt_error *err)
{
    struct lt_wire *w = &b->w;
    struct lt_str body = lt_buf_str(&w->body);
    struct lt_url parsed;
    char hash[LT_SIGV4_HASH];
    struct hashing job = {body, hash};
    struct lt_sigv4 signature;
    w->fields_n = b->fields_n;
    if (b->key.id.n == 0)
        return LT_OK;
    if (lt_url_parse(url, &parsed, err))
        return err->code = LT_ECONFIG;
    if (body.n <= HASH_HERE_MAX)
        hash_body(&job);
    else if (lt_work(hash_body, &job))
        return lt_fail(err, LT_EOVERLOADED, "there is no worker to hash the request");
    struct lt_http_field fields[] = {{LT_STR("Host"), parsed.authority}, {LT_STR("Content-Type"), LT_STR(LT_WIRE_BODY_TYPE)}};
    struct lt_str query = parsed.path, path = lt_str_cut(&query, '?');
    struct lt_sigv4_request request = {.method = body.n > 0 ? "POST" : "GET", .path = path, .query = query, .fields = fields,
                                       .fields_n = body.n > 0 ? 2 : 1, .body_hash = hash, .region = b->region, .service = "bedrock",
                                       .now_s = now_s};
    enum lt_code code = lt_sigv4_sign(w->run->arena, &b->key, &request, &signature, err);
    if (!code)
        code = lt_wire_header(w, LT_STR("Authorization"), signature.authorization, err);
    if (!code)
        code = lt_wire_header(w, LT_STR("X-Amz-Date"), lt_str_copy(w->run->arena, lt_str(signature.date)), err);
    if (!code && b->key.token.n > 0)
        code = lt_wire_header(w, LT_STR("X-Amz-Security-Token"), b->key.token, err);
    return code;
}

/* ---- addresses ---- */

/* The action's profile; one that is kept for the model; the instance's, which is that of the instance's own model. */
struct lt_str lt_bedrock_model(const struct lt_bedrock *b)
{
    static const char key[] = "cross_region_inference";
    const struct lt_wire *w = &b->w;
    const struct lt_json *for_model = lt_json_get(lt_json_get_str(lt_json_get(w->config, "models"), w->model), key);
    struct lt_str candidates[] = {lt_str_trim(lt_json_str(lt_wire_setting(w, key))), lt_str_trim(lt_json_str(for_model)),
                                  lt_str_eq(w->model, lt_wire_str(w->config, "model")) ? lt_wire_str(w->config, key) : LT_STR_NULL};
    for (size_t i = 0; i < LT_COUNT(candidates); i++)
        if (candidates[i].n > 0)
            return candidates[i];
    return w->model;
}

struct lt_str lt_bedrock_url(const struct lt_bedrock *b, const char *what)
{
    struct lt_arena *arena = b->w.run->arena;
    return lt_wire_url(&b->w, lt_printf(arena, "/model/%.*s/%s", LT_FMT(lt_wire_escape(arena, lt_bedrock_model(b))), what), NULL);
}

/* A family stands at the front of a model's id, behind the region of a profile's, or inside an ARN ("…:foundation-model/cohere.embed-…"). */
bool lt_bedrock_is(const struct lt_bedrock *b, const char *family)
{
    struct lt_str ids[] = {b->w.model, lt_bedrock_model(b)};
    for (size_t i = 0; i < LT_COUNT(ids); i++)
        if (ids[i].n > 0 && memmem(ids[i].p, ids[i].n, family, strlen(family)))
            return true;
    return false;
}

/* ---- calls ---- */

static enum lt_code complete(struct lt_bedrock *b, struct lt_error *err)
{
    struct lt_bedrock_answer own = LT_BEDROCK_ANSWER;
    struct lt_str url = lt_bedrock_url(b, b->w.run->stream ? "converse-stream" : "converse");
    enum lt_code code = lt_bedrock_body(&b->w, err);
    if (!code)
        code = lt_bedrock_sign(b, url, lt_now_ms() / 1000, err);
    return code ? code : lt_wire_call(&b->w, url, &lt_bedrock_format, &own, err);
}

static enum lt_code call(struct lt_provider_run *run, struct lt_error *err)
{
    struct lt_bedrock b;
    enum lt_code code = lt_bedrock_prepare(&b, run, LT_BEDROCK_RUNTIME, err);
    if (code)
        return code;
    if (run->call->kind == LT_NEUTRAL_EMBEDDING)
        code = lt_bedrock_embed(&b, err);
    else if (run->call->kind == LT_NEUTRAL_IMAGE)
        code = lt_bedrock_image(&b, err);
    else
        code = complete(&b, err);
    lt_wire_done(&b.w);
    return code;
}

/* ---- lists ---- */

struct list {
    const char *path, *query, *members, *id;
};

static enum lt_code read_page(struct lt_bedrock *b, const struct list *list, struct lt_str *token, struct lt_str *names, size_t *n,
                              struct lt_error *err)
{
    const struct lt_json *page;
    struct lt_arena *arena = b->w.run->arena;
    struct lt_str *more, query = lt_str(list->query);
    size_t more_n;
    if (token->n > 0)
        query = lt_printf(arena, "%s&nextToken=%.*s", list->query, LT_FMT(lt_wire_escape(arena, *token)));
    struct lt_str url = lt_wire_url(&b->w, lt_str(list->path), lt_strz(arena, query));
    enum lt_code code = lt_bedrock_sign(b, url, lt_now_ms() / 1000, err);
    if (!code)
        code = lt_wire_fetch(&b->w, url, &lt_bedrock_format, MODELS_BYTES_MAX, &page, err);
    if (code)
        return code;
    lt_wire_names(arena, lt_json_get(page, list->members), list->id, NULL, &more, &more_n);
    for (size_t i = 0; i < more_n && *n < LT_WIRE_MODELS_MAX; i++)
        names[(*n)++] = more[i];
    *token = lt_json_str(lt_json_get(page, "nextToken"));
    return LT_OK;
}

static enum lt_code read_list(struct lt_bedrock *b, const struct list *list, struct lt_str *names, size_t *n, struct lt_error *err)
{
    struct lt_str token = LT_STR_NULL;
    enum lt_code code = LT_OK;
    for (int page = 0; !code && page < PAGES_MAX && (page == 0 || token.n > 0) && *n < LT_WIRE_MODELS_MAX; page++)
        code = read_page(b, list, &token, names, n, err);
    return code;
}

/* The models, and the profiles where the key may see them: some models can be called by a profile alone. */
static enum lt_code models(struct lt_provider_run *run, struct lt_str **ret, size_t *ret_n, struct lt_error *err)
{
    static const struct list models_list = {"/foundation-models", "", "modelSummaries", "modelId"},
                             profiles = {"/inference-profiles", "maxResults=1000", "inferenceProfileSummaries", "inferenceProfileId"};
    struct lt_bedrock b;
    *ret = LT_NEW_ARRAY(run->arena, struct lt_str, LT_WIRE_MODELS_MAX);
    *ret_n = 0;
    enum lt_code code = lt_bedrock_prepare(&b, run, LT_BEDROCK_CONTROL, err);
    if (!code)
        code = read_list(&b, &models_list, *ret, ret_n, err);
    if (!code)
        code = read_list(&b, &profiles, *ret, ret_n, err);
    return code == LT_EUPSTREAM_UNAUTHORIZED && *ret_n > 0 ? LT_OK : code;
}

extern const struct lt_provider lt_provider_awsbedrock;
const struct lt_provider lt_provider_awsbedrock = {
    .name = "awsbedrock",
    .title = "Amazon Bedrock",
    .description = "Models of many vendors on AWS, by Bedrock's Converse and InvokeModel: texts, vectors and images.",
    .settings_schema = settings_schema,
    .neutral = LT_NEUTRAL_COMPLETION | LT_NEUTRAL_EMBEDDING | LT_NEUTRAL_IMAGE,
    .configured = configured,
    .lacks = lacks,
    .call = call,
    .models = models,
};
