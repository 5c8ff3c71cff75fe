/* Settings of an instance: the address, the key, the model, the headers. */
#include <stdio.h>

#include "io/outbound.h"
#include "providers/wire.h"

struct lt_str lt_wire_str(const struct lt_json *from, const char *key)
{
    return lt_str_trim(lt_json_str(lt_json_get(from, key)));
}

/* ---- where to ---- */

static bool no(char *why, const char *text)
{
    snprintf(why, LT_WIRE_WHY_MAX, "%s", text);
    return false;
}

bool lt_wire_read_endpoint(const struct lt_json *config, const struct lt_wire_vendor *vendor, struct lt_wire_endpoint *ret, char *why)
{
    struct lt_str url = lt_wire_str(config, vendor->endpoint_setting ? vendor->endpoint_setting : "endpoint");
    struct lt_url parsed;
    struct lt_error err;
    if (url.n == 0)
        url = lt_str(vendor->endpoint);
    if (url.n == 0)
        return no(why, "endpoint is missing");
    if (lt_url_parse(url, &parsed, &err) || lt_outbound_check(&parsed, &err)) {
        snprintf(why, LT_WIRE_WHY_MAX, "endpoint: %s", err.detail);
        return false;
    }
    *ret = (struct lt_wire_endpoint){.own = vendor->host && lt_str_is(lt_str(parsed.host), vendor->host)};
    struct lt_str rest = url;
    ret->path = lt_str_cut(&rest, '?');
    if (ret->path.n < url.n)
        ret->query = (struct lt_str){url.p + ret->path.n, url.n - ret->path.n};
    while (ret->path.n > 0 && ret->path.p[ret->path.n - 1] == '/')
        ret->path.n--;
    return true;
}

/* ---- what is needed ---- */

static struct lt_str key_header(const struct lt_json *config, const struct lt_wire_vendor *vendor)
{
    return lt_json_str_or(lt_json_get(config, "api_key_header"), lt_str(vendor->key_header));
}

static bool is_one_of(struct lt_str name, const char *const *list)
{
    for (; list && *list; list++)
        if (lt_str_eq_ci(name, lt_str(*list)))
            return true;
    return false;
}

static bool is_setting_header(struct lt_str name, const struct lt_wire_setting_header *list)
{
    for (; list && list->name; list++)
        if (lt_str_eq_ci(name, lt_str(list->name)))
            return true;
    return false;
}

/* The setting `headers` sets nothing that is set elsewhere. */
static bool headers_free(const struct lt_json *config, const struct lt_wire_vendor *vendor, char *why)
{
    static const char *const reserved[] = {"host", "content-length", "connection", "transfer-encoding", "accept-encoding", "expect",
                                           "upgrade", "te", "trailer", "content-type", "accept", NULL};
    const struct lt_json *headers = lt_json_get(config, "headers");
    bool key = lt_wire_str(config, "api_key").n > 0;
    for (size_t i = 0; i < lt_json_len(headers); i++) {
        struct lt_str name = lt_json_key_at(headers, i);
        if (name.n == 0 || is_one_of(name, reserved) || is_one_of(name, vendor->reserved) ||
            is_setting_header(name, vendor->headers) || (key && lt_str_eq_ci(name, key_header(config, vendor)))) {
            snprintf(why, LT_WIRE_WHY_MAX, "headers cannot set \"%.*s\"", (int)(name.n < 80 ? name.n : 80), name.p ? name.p : "");
            return false;
        }
    }
    return true;
}

static bool model_somewhere(const struct lt_provider_instance *instance)
{
    static const char *const settings[] = {"model", "embedding_model", "image_model"};
    for (size_t i = 0; i < LT_COUNT(settings); i++)
        if (lt_wire_str(instance->config, settings[i]).n > 0)
            return true;
    for (size_t i = 0; i < lt_json_len(instance->actions); i++)
        if (lt_wire_str(lt_json_get(lt_json_at(instance->actions, i), "settings"), "model").n > 0)
            return true;
    return false;
}

/* Do the vendor's own models hold where the instance leads? */
static bool defaults_hold(const struct lt_wire_endpoint *endpoint, const struct lt_wire_vendor *vendor)
{
    return endpoint->own || !vendor->host;
}

bool lt_wire_configured(const struct lt_provider_instance *instance, const struct lt_wire_vendor *vendor, char *why)
{
    struct lt_wire_endpoint endpoint;
    if (!lt_wire_read_endpoint(instance->config, vendor, &endpoint, why) || !headers_free(instance->config, vendor, why))
        return false;
    if ((endpoint.own || vendor->key_needed) && lt_wire_str(instance->config, "api_key").n == 0)
        return no(why, "api_key is missing");
    if (!(defaults_hold(&endpoint, vendor) && vendor->model) && !model_somewhere(instance))
        return no(why, "model is missing");
    return true;
}

const char *lt_wire_lacks(const struct lt_provider_instance *instance, enum lt_neutral_kind kind, const struct lt_json *settings,
                          const struct lt_wire_vendor *vendor)
{
    char why[LT_WIRE_WHY_MAX];
    struct lt_wire_endpoint endpoint;
    if (kind != LT_NEUTRAL_IMAGE || lt_wire_str(settings, "model").n > 0 || lt_wire_str(instance->config, "image_model").n > 0)
        return NULL;
    bool has_default = vendor->image_model && lt_wire_read_endpoint(instance->config, vendor, &endpoint, why) && defaults_hold(&endpoint, vendor);
    return has_default ? NULL : "no model for images is set (image_model)";
}

/* ---- of one run ---- */

const struct lt_json *lt_wire_setting(const struct lt_wire *w, const char *key)
{
    return lt_provider_setting(w->run->instance, w->run->settings, w->model, key);
}

const struct lt_json *lt_wire_quirk(const struct lt_wire *w, const char *key)
{
    const struct lt_json *v = lt_json_get(lt_json_get_str(lt_json_get(w->config, "models"), w->model), key);
    return v ? v : lt_json_get(w->config, key);
}

/* Visible ASCII and spaces: nothing in a value can begin a header of its own. */
enum lt_code lt_wire_header(struct lt_wire *w, struct lt_str name, struct lt_str value, struct lt_error *err)
{
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] < 0x20 || value.p[i] >= 0x7F)
            return lt_fail(err, LT_ECONFIG, "the value of header %.*s holds a character that a header cannot carry", LT_FMT(name));
    if (w->fields_n == LT_COUNT(w->fields))
        return lt_fail(err, LT_ECONFIG, "the request has more than %zu headers", LT_COUNT(w->fields));
    w->fields[w->fields_n++] = (struct lt_http_field){name, value};
    return LT_OK;
}

static enum lt_code add_key(struct lt_wire *w, struct lt_error *err)
{
    struct lt_str header = key_header(w->config, w->vendor);
    if (w->key.n == 0 || header.n == 0)
        return LT_OK;
    if (!lt_str_eq_ci(header, LT_STR("authorization")))
        return lt_wire_header(w, header, w->key, err);
    return lt_wire_header(w, LT_STR("Authorization"), lt_printf(w->run->arena, "Bearer %.*s", LT_FMT(w->key)), err);
}

static enum lt_code add_headers(struct lt_wire *w, struct lt_error *err)
{
    const struct lt_json *more = lt_json_get(w->config, "headers");
    if (lt_json_len(more) > LT_WIRE_HEADERS_MAX)
        return lt_fail(err, LT_ECONFIG, "headers has %zu members, at most %d are possible", lt_json_len(more), LT_WIRE_HEADERS_MAX);
    enum lt_code code = add_key(w, err);
    for (const struct lt_wire_setting_header *h = w->vendor->headers; !code && h && h->name; h++)
        if (lt_wire_str(w->config, h->setting).n > 0)
            code = lt_wire_header(w, lt_str(h->name), lt_wire_str(w->config, h->setting), err);
    for (size_t i = 0; !code && i < lt_json_len(more); i++)
        code = lt_wire_header(w, lt_json_key_at(more, i), lt_json_str(lt_json_at(more, i)), err);
    return code;
}

static bool is_for(const struct lt_wire *w, enum lt_neutral_kind kind)
{
    return w->run->call && w->run->call->kind == kind;
}

/*
 * The action's, else the instance's, else the vendor's. A model that writes is no use for vectors, unless the server has but one, and none
 * at all for making images.
 */
static struct lt_str find_model(const struct lt_wire *w)
{
    const struct lt_wire_vendor *v = w->vendor;
    bool embedding = is_for(w, LT_NEUTRAL_EMBEDDING), image = is_for(w, LT_NEUTRAL_IMAGE), own = defaults_hold(&w->endpoint, v);
    struct lt_str candidates[] = {lt_wire_str(w->run->settings, "model"),
                                  embedding ? lt_wire_str(w->config, "embedding_model") : LT_STR_NULL,
                                  embedding && own ? lt_str(v->embedding_model) : LT_STR_NULL,
                                  image ? lt_wire_str(w->config, "image_model") : LT_STR_NULL,
                                  image && own ? lt_str(v->image_model) : LT_STR_NULL,
                                  !image ? lt_wire_str(w->config, "model") : LT_STR_NULL,
                                  !image && own ? lt_str(v->model) : LT_STR_NULL};
    for (size_t i = 0; i < LT_COUNT(candidates); i++)
        if (candidates[i].n > 0)
            return candidates[i];
    return LT_STR_NULL;
}

enum lt_code lt_wire_prepare_plain(struct lt_wire *w, struct lt_provider_run *run, const struct lt_wire_vendor *vendor, struct lt_error *err)
{
    char why[LT_WIRE_WHY_MAX];
    const struct lt_json *config = run->instance->config;
    *w = (struct lt_wire){.run = run, .vendor = vendor, .config = config, .key = lt_wire_str(config, "api_key"), .unknown = vendor->unknown};
    w->secret = w->key;
    run->result = (struct lt_neutral_result){.usage = LT_USAGE_UNKNOWN};
    if (!lt_wire_read_endpoint(config, vendor, &w->endpoint, why) || (!run->instance->configured && !headers_free(config, vendor, why)))
        return lt_fail(err, LT_ECONFIG, "%s", why);
    w->model = find_model(w);
    return add_headers(w, err);
}

enum lt_code lt_wire_prepare(struct lt_wire *w, struct lt_provider_run *run, const struct lt_wire_vendor *vendor, struct lt_error *err)
{
    enum lt_code code = lt_wire_prepare_plain(w, run, vendor, err);
    if (!code && w->model.n == 0 && is_for(w, LT_NEUTRAL_IMAGE))
        code = lt_fail(err, LT_EUNSUPPORTED, "no model that makes images is set for this action or for the instance");
    if (!code && w->model.n == 0)
        code = lt_fail(err, LT_ECONFIG, "no model is set for this action or for the instance");
    if (!code && run->call && run->call->previous_response_id.n > 0 && !vendor->threads)
        code = lt_fail(err, LT_EUNSUPPORTED, "this AI service keeps no threads, so that it cannot go on from an earlier answer");
    return code;
}
