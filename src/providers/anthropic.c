/* Provider `anthropic`: the Messages API of Anthropic. This file writes the requests; anthropic_answer.c reads the answers. */
#include <math.h>

#include "providers/anthropic.h"
#include "providers/turns.h"

enum { MODELS_BYTES_MAX = 4 * 1024 * 1024, PAGES_MAX = 10, MAX_TOKENS = 8096 };

#define DEFAULT_MODEL "claude-sonnet-4-5-20250929"

/* What may differ from model to model. */
#define QUIRKS                                                                                                               \
    "\"max_tokens\":{\"type\":\"integer\",\"title\":\"Longest answer (tokens)\",\"minimum\":0,\"maximum\":1000000,"           \
    "\"default\":8096,\"description\":\"For actions and callers that set none: the service wants to be told.\"},"            \
    "\"sampling\":{\"type\":\"boolean\",\"title\":\"Takes temperature, top_p and top_k\","                                   \
    "\"description\":\"Without it as known of the model; later ones refuse them, and they are then left out.\"},"            \
    "\"structured_outputs\":{\"type\":\"boolean\",\"title\":\"Structured outputs\","                                         \
    "\"description\":\"Whether the model takes JSON schemas (output_config). Without it as known of the model; otherwise "    \
    "the schema is asked for in words. Answers are checked here in any case.\"},"                                             \
    "\"prompt_cache\":{\"type\":\"boolean\",\"title\":\"Mark prompts for the cache\",\"default\":true,"                      \
    "\"description\":\"Instructions and the conversation so far; what is marked costs more once and less from then on.\"}"

static const char settings_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
    LT_WIRE_SETTING_ENDPOINT_DEFAULT("https://api.anthropic.com", "Address of the API, with or without /v1. http:// only for this "
      "machine itself.") ","
    LT_WIRE_SETTING_API_KEY("Needed for api.anthropic.com.") ","
    LT_WIRE_SETTING_MODEL("For actions that name none. Without it api.anthropic.com gets " DEFAULT_MODEL ".") ","
    QUIRKS ","
    "\"models\":{\"type\":\"object\",\"title\":\"By model\",\"maxProperties\":200,"
      "\"description\":\"Those of the four settings before that are other for one model, under its name.\","
      "\"propertyNames\":{\"minLength\":1,\"maxLength\":200},"
      "\"additionalProperties\":{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{" QUIRKS "}}},"
    LT_WIRE_SETTINGS_COMMON "}}";

const struct lt_wire_vendor lt_anthropic_vendor = {
    .endpoint = "https://api.anthropic.com",
    .host = "api.anthropic.com",
    .model = DEFAULT_MODEL,
    .key_header = "x-api-key",
    .reserved = (const char *const[]){"anthropic-version", NULL},
};

static bool configured(const struct lt_provider_instance *instance, char *why)
{
    return lt_wire_configured(instance, &lt_anthropic_vendor, why);
}

/* ---- what is known of models ---- */

/* The name itself, or with a date or another ending behind it. */
static bool is_one_of(struct lt_str model, const char *const *names)
{
    for (; *names; names++)
        if (lt_str_starts(model, lt_str(*names)) && (model.n == strlen(*names) || strchr("-@:", model.p[strlen(*names)])))
            return true;
    return false;
}

bool lt_anthropic_takes_sampling(struct lt_str model)
{
    /* "Models released after Claude Opus 4.6 do not support setting temperature": messages.ts, MessageCreateParams */
    static const char *const not[] = {"claude-opus-4-7",   "claude-opus-4-8",   "claude-opus-5",         "claude-sonnet-5",
                                      "claude-fable-5",    "claude-mythos-5",   "claude-mythos-preview", NULL};
    return !is_one_of(model, not);
}

static bool takes_sampling(const struct lt_wire *w)
{
    return lt_json_bool_or(lt_wire_quirk(w, "sampling"), lt_anthropic_takes_sampling(w->model));
}

static bool takes_schemas(const struct lt_wire *w)
{
    /* "Structured outputs" names those from Sonnet 4.5, Opus 4.5 and Haiku 4.5 on */
    static const char *const not[] = {"claude-2",        "claude-3",      "claude-instant",  "claude-opus-4-0", "claude-opus-4-1",
                                      "claude-sonnet-4-0", "claude-opus-4-20250514", "claude-sonnet-4-20250514", NULL};
    return lt_json_bool_or(lt_wire_quirk(w, "structured_outputs"), !is_one_of(w->model, not));
}

/* The schema that the vendor is given; NULL: JSON, if any is wanted, is asked for in words. */
static const struct lt_json *schema_sent(const struct lt_wire *w)
{
    const struct lt_neutral_call *call = w->run->call;
    const struct lt_json *schema = lt_json_at_pointer(call->response_format, "/json_schema/schema");
    return lt_turns_wants(call, "json_schema") && takes_schemas(w) && lt_anthropic_schema_fits(schema) ? schema : NULL;
}

/* ---- messages ---- */

static void write_mark(struct lt_jw *j)
{
    lt_jw_key(j, "cache_control");
    lt_jw_obj(j);
    lt_jw_kstrz(j, "type", "ephemeral");
    lt_jw_end(j);
}

static bool marks(const struct lt_wire *w)
{
    if (w->run->call->cache != LT_WISH_NONE)
        return w->run->call->cache == LT_WISH_YES;
    return lt_json_bool_or(lt_wire_quirk(w, "prompt_cache"), true);
}

static void write_system(struct lt_wire *w)
{
    struct lt_str system = lt_turns_instructions(w->run->arena, w->run->call, schema_sent(w) == NULL);
    struct lt_jw *j = &w->jw;
    if (!lt_wire_may(w, "system", system.n > 0) || system.n == 0)
        return;
    lt_jw_key(j, "system");
    lt_jw_arr(j);
    lt_jw_obj(j);
    lt_jw_kstrz(j, "type", "text");
    lt_jw_kstr(j, "text", system);
    if (marks(w))
        write_mark(j);
    lt_jw_end(j);
    lt_jw_end(j);
}

/* Letters, digits, '_' and '-' are all that the vendor takes in ids; other vendors' calls may have others. */
static void write_id(struct lt_wire *w, const char *key, struct lt_str id)
{
    char *p = lt_alloc(w->run->arena, id.n);
    for (size_t i = 0; i < id.n; i++) {
        char c = id.p[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        p[i] = good ? c : '_';
    }
    lt_jw_kstr(&w->jw, key, id.n > 0 ? (struct lt_str){p, id.n} : LT_STR("_"));
}

static void write_image(struct lt_wire *w, const struct lt_image *image)
{
    struct lt_jw *j = &w->jw;
    lt_jw_obj(j);
    lt_jw_kstrz(j, "type", "image");
    lt_jw_key(j, "source");
    lt_jw_obj(j);
    if (image->url.n > 0) {
        lt_jw_kstrz(j, "type", "url");
        lt_jw_kstr(j, "url", image->url);
    } else {
        lt_jw_kstrz(j, "type", "base64");
        lt_jw_kstr(j, "media_type", image->media_type);
        lt_jw_kstr(j, "data", image->base64);
    }
    lt_jw_end(j);
}

static void write_call(struct lt_wire *w, const struct lt_json *call)
{
    struct lt_jw *j = &w->jw;
    lt_jw_obj(j);
    lt_jw_kstrz(j, "type", "tool_use");
    write_id(w, "id", lt_json_str(lt_json_get(call, "id")));
    lt_jw_kstr(j, "name", lt_json_str(lt_json_at_pointer(call, "/function/name")));
    lt_jw_key(j, "input");
    lt_jw_raw(j, lt_turns_arguments(w->run->arena, call));
}

static void write_result(struct lt_wire *w, const struct lt_message *m)
{
    lt_jw_obj(&w->jw);
    lt_jw_kstrz(&w->jw, "type", "tool_result");
    write_id(w, "tool_use_id", m->tool_call_id);
    if (m->content.n > 0)
        lt_jw_kstr(&w->jw, "content", m->content);
}

/* Ends the block that is open. */
static void end_block(struct lt_wire *w, bool *open)
{
    if (*open)
        lt_jw_end(&w->jw);
    *open = true;
}

/* Leaves the last block open, for the mark. */
static void write_blocks(struct lt_wire *w, const struct lt_message *m, bool *open)
{
    if (lt_str_is(m->role, "tool")) {
        end_block(w, open);
        write_result(w, m);
        return;
    }
    if (lt_str_trim(m->content).n > 0) { /* blank ones are refused */
        end_block(w, open);
        lt_jw_obj(&w->jw);
        lt_jw_kstrz(&w->jw, "type", "text");
        lt_jw_kstr(&w->jw, "text", m->content);
    }
    for (size_t i = 0; i < m->images_n; i++) {
        end_block(w, open);
        write_image(w, &m->images[i]);
    }
    for (size_t i = 0; i < lt_json_len(m->tool_calls); i++) {
        end_block(w, open);
        write_call(w, lt_json_at(m->tool_calls, i));
    }
}

static void write_messages(struct lt_wire *w)
{
    struct lt_turn *turns;
    size_t n = lt_turns_make(w->run->arena, w->run->call, &turns);
    struct lt_jw *j = &w->jw;
    lt_wire_own(w, "messages");
    lt_jw_key(j, "messages");
    lt_jw_arr(j);
    for (size_t i = 0; i < n; i++) {
        bool open = false;
        lt_jw_obj(j);
        lt_jw_kstrz(j, "role", turns[i].user ? "user" : "assistant");
        lt_jw_key(j, "content");
        lt_jw_arr(j);
        for (size_t k = 0; k < turns[i].n; k++)
            write_blocks(w, turns[i].messages[k], &open);
        if (i + 1 == n && marks(w))
            write_mark(j);
        end_block(w, &open);
        lt_jw_end(j);
        lt_jw_end(j);
    }
    lt_jw_end(j);
}

/* ---- tools ---- */

/* A schema of the arguments must say that they are an object. */
static void write_input_schema(struct lt_jw *j, const struct lt_json *parameters)
{
    lt_jw_key(j, "input_schema");
    if (lt_json_get(parameters, "type")) {
        lt_jw_json(j, parameters);
        return;
    }
    lt_jw_obj(j);
    lt_jw_kstrz(j, "type", "object");
    for (size_t i = 0; i < lt_json_len(parameters); i++) {
        lt_jw_key_str(j, lt_json_key_at(parameters, i));
        lt_jw_json(j, lt_json_at(parameters, i));
    }
    lt_jw_end(j);
}

static void write_tool(struct lt_wire *w, const struct lt_json *tool)
{
    const struct lt_json *function = lt_json_get(tool, "function"), *description = lt_json_get(function, "description");
    struct lt_jw *j = &w->jw;
    lt_jw_obj(j);
    lt_jw_kstr(j, "name", lt_json_str(lt_json_get(function, "name")));
    if (description)
        lt_jw_kjson(j, "description", description);
    write_input_schema(j, lt_json_get(function, "parameters"));
    if (lt_json_bool_or(lt_json_get(function, "strict"), false) && takes_schemas(w))
        lt_jw_kbool(j, "strict", true);
    lt_jw_end(j);
}

static void write_tool_choice(struct lt_wire *w, const struct lt_json *choice)
{
    static const struct {
        const char *ours, *theirs;
    } words[] = {{"auto", "auto"}, {"required", "any"}, {"none", "none"}};
    struct lt_str word = lt_json_str(choice), name = lt_json_str(lt_json_at_pointer(choice, "/function/name"));
    struct lt_jw *j = &w->jw;
    if (!lt_wire_may(w, "tool_choice", choice) || !choice)
        return;
    lt_jw_key(j, "tool_choice");
    lt_jw_obj(j);
    for (size_t i = 0; i < LT_COUNT(words); i++)
        if (lt_str_is(word, words[i].ours))
            lt_jw_kstrz(j, "type", words[i].theirs);
    if (name.n > 0) {
        lt_jw_kstrz(j, "type", "tool");
        lt_jw_kstr(j, "name", name);
    }
    lt_jw_end(j);
}

static void write_tools(struct lt_wire *w)
{
    const struct lt_json *tools = w->run->call->tools;
    if (lt_wire_may(w, "tools", tools) && tools) {
        lt_jw_key(&w->jw, "tools");
        lt_jw_arr(&w->jw);
        for (size_t i = 0; i < lt_json_len(tools); i++)
            write_tool(w, lt_json_at(tools, i));
        lt_jw_end(&w->jw);
    }
    write_tool_choice(w, tools ? w->run->call->tool_choice : NULL);
}

/* ---- the other members ---- */

/* Must be there. What the action's settings say goes as it is: 0 too. */
static void write_max_tokens(struct lt_wire *w)
{
    int64_t asked = w->run->call->max_tokens;
    if (!lt_wire_may(w, "max_tokens", asked > 0))
        return;
    int64_t otherwise = lt_json_int64_or(lt_wire_quirk(w, "max_tokens"), MAX_TOKENS);
    lt_jw_kint(&w->jw, "max_tokens", asked > 0 ? asked : lt_json_int64_or(lt_wire_setting(w, "max_tokens"), otherwise));
}

/* From 0 to 2 for others, to 1 here. */
static void write_number(struct lt_wire *w, const char *key, double v)
{
    lt_jw_key(&w->jw, key);
    lt_jw_double(&w->jw, v > 1 ? 1 : v);
}

/*
 * Newer models take temperature or top_p, not both. The first one is sent that the caller asked for, else that extra or body have,
 * else that is set. Where a model takes none, those of extra and body are sent all the same, for whoever knows better.
 */
static void write_sampling(struct lt_wire *w)
{
    struct {
        const char *key;
        double asked;
        bool open; /* a setting decides */
    } either[] = {{"temperature", w->run->call->temperature, false}, {"top_p", w->run->call->top_p, false}};
    if (!takes_sampling(w))
        return;
    lt_wire_int(w, "top_k", "top_k", -1, 0);
    size_t before = w->body.n;
    for (size_t i = 0; i < 2 && w->body.n == before; i++)
        if (!isnan(either[i].asked) && lt_wire_may(w, either[i].key, true))
            write_number(w, either[i].key, either[i].asked);
    for (size_t i = 0; i < 2 && w->body.n == before; i++)
        either[i].open = isnan(either[i].asked) && lt_wire_may(w, either[i].key, false);
    for (size_t i = 0; i < 2 && w->body.n == before; i++) {
        double v = lt_json_double_or(lt_wire_setting(w, either[i].key), (double)NAN);
        if (either[i].open && !isnan(v))
            write_number(w, either[i].key, v);
    }
    lt_wire_own(w, "temperature");
    lt_wire_own(w, "top_p");
}

/* The vendor refuses stop sequences of white space, and an answer cannot be cut at them afterwards without paying for all of it. */
static enum lt_code write_stop(struct lt_wire *w, struct lt_error *err)
{
    const struct lt_json *stop = w->run->call->stop;
    for (size_t i = 0; i < lt_json_len(stop); i++)
        if (lt_str_trim(lt_json_str(lt_json_at(stop, i))).n == 0)
            return lt_fail(err, LT_EUNSUPPORTED, "Anthropic takes no stop sequence of white space alone");
    lt_wire_json(w, "stop_sequences", stop);
    return LT_OK;
}

static void write_user(struct lt_wire *w)
{
    if (w->run->user_hash[0] == '\0' || !lt_wire_open(w, "metadata"))
        return;
    if (lt_wire_may(w, "user_id", false))
        lt_jw_kstrz(&w->jw, "user_id", w->run->user_hash);
    lt_wire_close(w);
}

static void write_format(struct lt_wire *w)
{
    const struct lt_json *schema = schema_sent(w);
    struct lt_jw *j = &w->jw;
    if (!schema || !lt_wire_open(w, "output_config")) /* beside `effort` of extra or body */
        return;
    if (lt_wire_may(w, "format", true)) {
        lt_jw_key(j, "format");
        lt_jw_obj(j);
        lt_jw_kstrz(j, "type", "json_schema");
        lt_jw_key(j, "schema");
        lt_anthropic_schema_write(j, schema);
        lt_jw_end(j);
    }
    lt_wire_close(w);
}

/* seed and metadata have no counterpart: the one is a wish, the other concerns nobody but its writer. */
enum lt_code lt_anthropic_body(struct lt_wire *w, struct lt_error *err)
{
    lt_wire_begin(w);
    lt_wire_own(w, "model");
    lt_jw_kstr(&w->jw, "model", w->model);
    write_max_tokens(w);
    lt_wire_own(w, "stream");
    if (w->run->stream)
        lt_jw_kbool(&w->jw, "stream", true);
    write_user(w);
    write_system(w);
    write_messages(w);
    write_tools(w);
    write_sampling(w);
    write_format(w);
    enum lt_code code = write_stop(w, err);
    return code ? code : lt_wire_end(w, err);
}

/* ---- calls ---- */

static void cut(struct lt_str *path, const char *tail)
{
    if (lt_str_ends(*path, lt_str(tail)))
        path->n -= strlen(tail);
}

/* The endpoint may be the whole address of the messages, or end in /v1. */
static enum lt_code prepare(struct lt_wire *w, struct lt_error *err)
{
    cut(&w->endpoint.path, "/messages");
    cut(&w->endpoint.path, "/v1");
    return lt_wire_header(w, LT_STR("anthropic-version"), LT_STR("2023-06-01"), err);
}

static enum lt_code call(struct lt_provider_run *run, struct lt_error *err)
{
    struct lt_wire w;
    struct lt_anthropic_answer own = LT_ANTHROPIC_ANSWER;
    enum lt_code code = lt_wire_prepare(&w, run, &lt_anthropic_vendor, err);
    if (!code)
        code = prepare(&w, err);
    if (code)
        return code;
    code = lt_anthropic_body(&w, err);
    if (!code)
        code = lt_wire_call(&w, lt_wire_url(&w, LT_STR("/v1/messages"), NULL), &lt_anthropic_format, &own, err);
    lt_wire_done(&w);
    return code;
}

/* One page of the list after the model *after; empty *after at the end: it was the last. */
static enum lt_code read_page(struct lt_wire *w, struct lt_str *after, struct lt_str *names, size_t *n, struct lt_error *err)
{
    const struct lt_json *page;
    struct lt_arena *arena = w->run->arena;
    struct lt_str *more, query = LT_STR("limit=1000");
    size_t more_n;
    if (after->n > 0)
        query = lt_printf(arena, "limit=1000&after_id=%.*s", LT_FMT(lt_wire_escape(arena, *after)));
    struct lt_str url = lt_wire_url(w, LT_STR("/v1/models"), lt_strz(arena, query));
    enum lt_code code = lt_wire_fetch(w, url, &lt_anthropic_format, MODELS_BYTES_MAX, &page, err);
    if (code)
        return code;
    lt_wire_names(arena, lt_json_get(page, "data"), "id", NULL, &more, &more_n);
    for (size_t i = 0; i < more_n && *n < LT_WIRE_MODELS_MAX; i++)
        names[(*n)++] = more[i];
    *after = lt_json_bool_or(lt_json_get(page, "has_more"), false) ? lt_json_str(lt_json_get(page, "last_id")) : LT_STR_NULL;
    return LT_OK;
}

static enum lt_code models(struct lt_provider_run *run, struct lt_str **ret, size_t *ret_n, struct lt_error *err)
{
    struct lt_wire w;
    struct lt_str after = LT_STR_NULL;
    *ret = LT_NEW_ARRAY(run->arena, struct lt_str, LT_WIRE_MODELS_MAX);
    *ret_n = 0;
    enum lt_code code = lt_wire_prepare_plain(&w, run, &lt_anthropic_vendor, err);
    if (!code)
        code = prepare(&w, err);
    for (int page = 0; !code && page < PAGES_MAX && (page == 0 || after.n > 0) && *ret_n < LT_WIRE_MODELS_MAX; page++)
        code = read_page(&w, &after, *ret, ret_n, err);
    return code;
}

extern const struct lt_provider lt_provider_anthropic;
const struct lt_provider lt_provider_anthropic = {
    .name = "anthropic",
    .title = "Anthropic",
    .description = "Claude, by Anthropic's Messages API.",
    .settings_schema = settings_schema,
    .neutral = LT_NEUTRAL_COMPLETION,
    .configured = configured,
    .call = call,
    .models = models,
};
