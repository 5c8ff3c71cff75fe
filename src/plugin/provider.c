/* Providers of plugins. */
#include "core/provider.h"

#include <math.h>

#include "plugin/plugin.h"

enum { REQUEST_MAX = 16 << 20 };

struct plugin_provider {
    struct lt_provider provider; /* first: what the registry has */
    struct lt_plugin *plugin;
};

static void put_images(struct lt_jw *w, const struct lt_message *m)
{
    lt_jw_key(w, "images");
    lt_jw_arr(w);
    for (size_t i = 0; i < m->images_n; i++) {
        bool by_url = m->images[i].url.n > 0;
        lt_jw_obj(w);
        lt_jw_kstr(w, "media_type", m->images[i].media_type);
        lt_jw_kstr(w, by_url ? "url" : "base64", by_url ? m->images[i].url : m->images[i].base64);
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

static void put_messages(struct lt_jw *w, const struct lt_neutral_call *call)
{
    lt_jw_key(w, "messages");
    lt_jw_arr(w);
    for (size_t i = 0; i < call->messages_n; i++) {
        const struct lt_message *m = &call->messages[i];
        lt_jw_obj(w);
        lt_jw_kstr(w, "role", m->role);
        lt_jw_kstr(w, "content", m->content);
        if (m->images_n > 0)
            put_images(w, m);
        if (m->tool_calls)
            lt_jw_kjson(w, "tool_calls", m->tool_calls);
        if (m->tool_call_id.n > 0)
            lt_jw_kstr(w, "tool_call_id", m->tool_call_id);
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

static void put_texts(struct lt_jw *w, const struct lt_neutral_call *call)
{
    lt_jw_obj(w);
    lt_jw_key(w, "texts");
    lt_jw_arr(w);
    for (size_t i = 0; i < call->texts_n; i++)
        lt_jw_str(w, call->texts[i]);
    lt_jw_end(w);
    if (call->dimensions > 0)
        lt_jw_kint(w, "dimensions", call->dimensions);
    lt_jw_end(w);
}

static void put_completion(struct lt_jw *w, const struct lt_neutral_call *call)
{
    lt_jw_obj(w);
    put_messages(w, call);
    if (call->max_tokens > 0)
        lt_jw_kint(w, "max_tokens", call->max_tokens);
    if (!isnan(call->temperature)) {
        lt_jw_key(w, "temperature");
        lt_jw_double(w, call->temperature);
    }
    if (call->tools)
        lt_jw_kjson(w, "tools", call->tools);
    if (call->tool_choice)
        lt_jw_kjson(w, "tool_choice", call->tool_choice);
    if (call->response_format)
        lt_jw_kjson(w, "response_format", call->response_format);
    lt_jw_end(w);
}

static void put_call(struct lt_jw *w, const struct lt_neutral_call *call)
{
    lt_jw_key(w, "call");
    if (!call)
        lt_jw_null(w);
    else if (call->kind == LT_NEUTRAL_EMBEDDING)
        put_texts(w, call);
    else
        put_completion(w, call);
}

static enum lt_code request_of(const struct lt_provider_run *run, struct lt_str *ret, struct lt_error *err)
{
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, REQUEST_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_kjson(&w, "config", run->instance->config);
    lt_jw_kjson(&w, "settings", run->settings);
    lt_jw_kstr(&w, "action", run->action);
    lt_jw_kjson(&w, "input", run->call ? NULL : run->input);
    lt_jw_kstr(&w, "locale", run->locale);
    lt_jw_kbool(&w, "stream", run->stream);
    put_call(&w, run->call);
    lt_jw_end(&w);
    enum lt_code rc = out.failed ? lt_fail(err, LT_ECONTEXT_WINDOW, "what the plugin is to be told is larger than %d bytes", REQUEST_MAX) : LT_OK;
    *ret = rc ? LT_STR("") : lt_str_copy(run->arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return rc;
}

static int64_t tokens(const struct lt_json *answer, const char *member)
{
    int64_t n = lt_json_int64_or(lt_json_get(lt_json_get(answer, "usage"), member), -1);
    return n >= 0 && n <= INT32_MAX ? n : -1;
}

static enum lt_code take_vectors(struct lt_provider_run *run, const struct lt_json *list, struct lt_error *err)
{
    struct lt_neutral_result *r = &run->result;
    size_t n = lt_json_len(list), dimensions = lt_json_len(lt_json_at(list, 0));
    if (n != run->call->texts_n || dimensions == 0)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the plugin's answer has %zu vectors of %zu numbers for %zu texts", n, dimensions,
                       run->call->texts_n);
    float *vectors = LT_NEW_ARRAY(run->arena, float, n * dimensions);
    for (size_t i = 0; i < n; i++) {
        const struct lt_json *vector = lt_json_at(list, i);
        if (lt_json_len(vector) != dimensions)
            return lt_fail(err, LT_EUPSTREAM_INVALID, "the vectors of the plugin's answer differ in length");
        for (size_t k = 0; k < dimensions; k++)
            vectors[i * dimensions + k] = (float)lt_json_double_or(lt_json_at(vector, k), (double)NAN);
    }
    for (size_t i = 0; i < n * dimensions; i++)
        if (!isfinite(vectors[i]))
            return lt_fail(err, LT_EUPSTREAM_INVALID, "a vector of the plugin's answer holds something that is no number");
    r->vectors = vectors;
    r->vectors_n = n;
    r->dimensions = dimensions;
    return LT_OK;
}

/* The text comes here unless it has come in pieces. */
static enum lt_code take_text(struct lt_provider_run *run, const struct lt_json *v, bool in_pieces, struct lt_error *err)
{
    const struct lt_json *text = lt_json_get(v, "text"), *calls = lt_json_get(v, "tool_calls");
    if (in_pieces)
        return LT_OK;
    if (!lt_json_is(text, LT_JSON_STRING) && lt_json_len(calls) == 0)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the plugin's answer has no text");
    return lt_json_str(text).n > 0 ? run->on_text(run, lt_json_str(text), err) : LT_OK;
}

static enum lt_code take(struct lt_provider_run *run, const struct lt_json *v, bool in_pieces, struct lt_error *err)
{
    const struct lt_json *calls = lt_json_get(v, "tool_calls");
    struct lt_neutral_result *r = &run->result;
    bool embeds = run->call && run->call->kind == LT_NEUTRAL_EMBEDDING;
    if (embeds ? take_vectors(run, lt_json_get(v, "vectors"), err) : take_text(run, v, in_pieces, err))
        return err->code;
    r->finish_reason = lt_json_str_or(lt_json_get(v, "finish_reason"), lt_json_len(calls) > 0 ? LT_STR("tool_calls") : LT_STR("stop"));
    r->model = lt_json_str_or(lt_json_get(v, "model"), LT_STR(""));
    r->response_id = LT_STR("");
    r->tool_calls = lt_json_len(calls) > 0 ? calls : NULL;
    r->usage = (struct lt_usage)LT_USAGE_UNKNOWN;
    r->usage.prompt_tokens = tokens(v, "prompt_tokens");
    r->usage.completion_tokens = tokens(v, "completion_tokens");
    if (r->usage.prompt_tokens >= 0 && r->usage.completion_tokens >= 0)
        r->usage.total_tokens = r->usage.prompt_tokens + r->usage.completion_tokens;
    return LT_OK;
}

/* What a plugin says of its input is of a vendor's request here, not of the user's. */
static enum lt_code as_vendor(enum lt_code rc, struct lt_error *err)
{
    err->code = rc == LT_EINVALID_INPUT ? LT_EUPSTREAM_BAD_REQUEST : rc == LT_EPERMISSION ? LT_EUPSTREAM_UNAUTHORIZED
                : rc == LT_ENOT_FOUND   ? LT_EUPSTREAM_NOT_FOUND   : rc == LT_ETIMEOUT    ? LT_EUPSTREAM_TIMEOUT
                : rc == LT_EINTERNAL    ? LT_EUPSTREAM_INVALID     : rc;
    return err->code;
}

struct pieces {
    struct lt_provider_run *run;
    bool any;
    enum lt_code broken;     /* what taking a piece failed with: not the plugin's failure */
};

static enum lt_code on_text(void *ctx, struct lt_str piece, struct lt_error *err)
{
    struct pieces *p = ctx;
    p->any = true;
    return p->broken = p->run->on_text(p->run, piece, err);
}

static enum lt_code call(struct lt_provider_run *run, struct lt_error *err)
{
    struct pieces pieces = {.run = run};
    const struct plugin_provider *p = (const struct plugin_provider *)run->instance->provider;
    const struct lt_json *answer;
    uint64_t now = lt_loop_now(run->loop), left = run->deadline_ms > now ? run->deadline_ms - now : 0;
    struct lt_plugin_call q = {.arena = run->arena, .kind = LT_KIND_PROVIDER, .name = lt_str(p->provider.name), .method = LT_STR("call"),
                               .deadline_ms = lt_mono_ms() + left, .on_text = on_text, .ctx = &pieces};
    if (request_of(run, &q.request, err))
        return err->code;
    enum lt_code rc = lt_plugin_invoke(p->plugin, &q, &answer, err);
    if (rc)
        return pieces.broken ? rc : as_vendor(rc, err);
    return take(run, answer, pieces.any, err);
}

static bool configured(const struct lt_provider_instance *instance, char *why)
{
    return true; /* config is by its schema, which says what is required */
}

enum lt_code lt_plugin_add_provider(struct lt_arena *arena, struct lt_plugin *plugin, const struct lt_json *v, struct lt_error *err)
{
    struct lt_entry *e = lt_plugin_entry(arena, plugin, LT_KIND_PROVIDER, v);
    struct plugin_provider *p = LT_NEW(arena, struct plugin_provider);
    const struct lt_json *list = lt_json_get(v, "actions");
    const char **actions = LT_NEW_ARRAY(arena, const char *, lt_json_len(list) + 1);
    for (size_t i = 0; i < lt_json_len(list); i++)
        actions[i] = lt_strz(arena, lt_json_str(lt_json_at(list, i)));
    p->plugin = plugin;
    p->provider = (struct lt_provider){.name = e->name,
                                       .title = e->title,
                                       .description = e->description,
                                       .settings_schema = lt_strz(arena, lt_json_text(arena, lt_json_get(v, "settings_schema"))),
                                       .neutral = (lt_json_bool_or(lt_json_get(v, "completion"), false) ? LT_NEUTRAL_COMPLETION : 0) |
                                                  (lt_json_bool_or(lt_json_get(v, "embedding"), false) ? LT_NEUTRAL_EMBEDDING : 0),
                                       .actions = actions,
                                       .configured = configured,
                                       .call = call};
    e->impl = &p->provider;
    return lt_registry_add(e, err);
}
