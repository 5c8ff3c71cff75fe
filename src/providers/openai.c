/*
 * Provider `openai`: chat completions of OpenAI and of every server that speaks the same (vLLM, llama.cpp's server, Mistral,
 * Groq, DeepSeek, OpenRouter, Azure's v1 API, …). This file writes the request and moves bytes; openai_answer.c reads the answer.
 */
#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>

#include "core/provider.h"
#include "io/http_client.h"
#include "providers/openai_answer.h"

enum {
    REQUEST_MAX = 48 * 1024 * 1024,
    FAULT_MAX = 64 * 1024, /* bytes of an error's body that are read */
    HEADERS_MAX = 16,      /* of the setting `headers` */
    WHY_MAX = 128          /* what configured() may write */
};

#define DEFAULT_ENDPOINT "https://api.openai.com/v1"
#define DEFAULT_MODEL "gpt-4o"

static const char settings_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
    "\"endpoint\":{\"type\":\"string\",\"title\":\"Endpoint\",\"pattern\":\"^https?://[^\\\\s#@]+$\",\"maxLength\":1000,"
      "\"default\":\"" DEFAULT_ENDPOINT "\","
      "\"description\":\"Base address of the API, or the whole address of its chat completions. http:// "
      "only for this machine itself.\"},"
    "\"api_key\":{\"type\":\"string\",\"title\":\"API key\",\"writeOnly\":true,"
      "\"maxLength\":4000,\"pattern\":\"^[\\\\x21-\\\\x7e]*$\","
      "\"description\":\"Needed for api.openai.com; other servers may work without.\"},"
    "\"api_key_header\":{\"type\":\"string\",\"title\":\"Header of the key\","
      "\"enum\":[\"authorization\",\"api-key\",\"x-api-key\"],"
      "\"default\":\"authorization\",\"description\":\"authorization sends 'Bearer KEY', the others the bare key.\"},"
    "\"organization\":{\"type\":\"string\",\"title\":\"Organization\",\"maxLength\":200,\"pattern\":\"^[\\\\x20-\\\\x7e]*$\"},"
    "\"model\":{\"type\":\"string\",\"title\":\"Model\",\"maxLength\":200,"
      "\"description\":\"For actions that name none. Without it api.openai.com gets " DEFAULT_MODEL ".\"},"
    "\"headers\":{\"type\":\"object\",\"title\":\"More headers\",\"maxProperties\":16,"
      "\"description\":\"Sent with every request, shown to administrators: keys belong in api_key.\","
      "\"propertyNames\":{\"pattern\":\"^[A-Za-z0-9-]{1,64}$\"},"
      "\"additionalProperties\":{\"type\":\"string\",\"maxLength\":2000,\"pattern\":\"^[\\\\x20-\\\\x7e]*$\"}},"
    "\"body\":{\"type\":\"object\",\"title\":\"More members of the request\",\"maxProperties\":64,"
      "\"description\":\"Merged into every request body; a null leaves the member out (for servers that "
      "refuse 'user', say).\"},"
    "\"connect_ms\":{\"type\":\"integer\",\"title\":\"Time to connect (ms)\","
      "\"minimum\":100,\"maximum\":60000,\"default\":10000},"
    "\"first_byte_ms\":{\"type\":\"integer\",\"title\":\"Time to the first byte (ms)\","
      "\"minimum\":100,\"maximum\":600000,\"default\":60000},"
    "\"idle_ms\":{\"type\":\"integer\",\"title\":\"Silence within an answer (ms)\","
      "\"minimum\":100,\"maximum\":600000,\"default\":60000},"
    "\"max_tokens_field\":{\"type\":\"string\",\"title\":\"Name of the token limit\","
      "\"enum\":[\"max_tokens\",\"max_completion_tokens\"],"
      "\"description\":\"What the server calls it. Without it max_completion_tokens for api.openai.com, "
      "max_tokens for others.\"},"
    "\"stream_options\":{\"type\":\"boolean\",\"title\":\"Ask for usage in streams\",\"default\":true,"
      "\"description\":\"Switch off for servers that refuse stream_options.\"},"
    "\"allow_http\":{\"type\":\"boolean\",\"title\":\"Allow http:// to other machines\",\"default\":false,"
      "\"description\":\"The key and all texts then cross the network in clear.\"}}}";

static struct lt_str setting(const struct lt_json *from, const char *key)
{
    return lt_str_trim(lt_json_str(lt_json_get(from, key)));
}

/* ---- where to ---- */

/* The parts of an endpoint that decide whether it may be used. */
struct endpoint {
    struct lt_str path;  /* scheme, authority and path, without a slash at the end */
    struct lt_str query; /* with its '?', or empty */
    bool https, loopback, openai;
};

/* 127.0.0.0/8, ::1, and the one name that RFC 6761 §6.3 ties to them. "127.example.org" is a name, not a number. */
static bool is_loopback(struct lt_str host)
{
    char z[64];
    struct in_addr v4;
    struct in6_addr v6;
    if (lt_str_eq_ci(host, LT_STR("localhost")))
        return true;
    if (host.n >= sizeof(z) || host.n == 0)
        return false;
    bool bracketed = host.p[0] == '[' && host.p[host.n - 1] == ']';
    size_t n = bracketed ? host.n - 2 : host.n;
    memcpy(z, host.p + bracketed, n);
    z[n] = '\0';
    if (bracketed)
        return inet_pton(AF_INET6, z, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
    return inet_pton(AF_INET, z, &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127;
}

/* ":443" */
static bool is_port(struct lt_str s)
{
    int64_t port;
    return s.p[0] == ':' && lt_str_to_int64((struct lt_str){s.p + 1, s.n - 1}, &port) && port >= 1 && port <= 65535;
}

/* Takes an endpoint apart; `why` (WHY_MAX bytes) says what is wrong with it. */
static bool read_endpoint(const struct lt_json *config, struct endpoint *ret, char *why)
{
    struct lt_str url = setting(config, "endpoint");
    if (url.n == 0)
        url = LT_STR(DEFAULT_ENDPOINT);
    *ret = (struct endpoint){.https = lt_str_starts(url, LT_STR("https://"))};
    if (!ret->https && !lt_str_starts(url, LT_STR("http://"))) {
        snprintf(why, WHY_MAX, "endpoint must begin with https:// (or http:// for this machine itself)");
        return false;
    }
    for (size_t i = 0; i < url.n; i++)
        if (url.p[i] <= 0x20 || url.p[i] >= 0x7F || url.p[i] == '#' || url.p[i] == '@') {
            snprintf(why, WHY_MAX, "endpoint must hold no space, '#', '@', control or non-ASCII character");
            return false;
        }
    struct lt_str rest = url;
    ret->path = lt_str_cut(&rest, '?');
    if (ret->path.n < url.n)
        ret->query = (struct lt_str){url.p + ret->path.n, url.n - ret->path.n};
    while (ret->path.n > 0 && ret->path.p[ret->path.n - 1] == '/')
        ret->path.n--;

    size_t scheme = ret->https ? 8 : 7;
    struct lt_str authority = ret->path.n > scheme ? (struct lt_str){ret->path.p + scheme, ret->path.n - scheme} : LT_STR_NULL;
    authority = lt_str_cut(&authority, '/');
    struct lt_str host = authority, whole = authority;
    if (host.n > 0 && host.p[0] == '[') {
        const char *end = memchr(host.p, ']', host.n);
        host.n = end ? (size_t)(end - host.p) + 1 : host.n;
    } else {
        host = lt_str_cut(&authority, ':');
    }
    if (host.n == 0) {
        snprintf(why, WHY_MAX, "endpoint has no host");
        return false;
    }
    if (whole.n > host.n && !is_port((struct lt_str){whole.p + host.n, whole.n - host.n})) {
        snprintf(why, WHY_MAX, "endpoint's port must be a number from 1 to 65535");
        return false;
    }
    ret->loopback = is_loopback(host);
    ret->openai = lt_str_eq_ci(host, LT_STR("api.openai.com"));
    if (!ret->https && !ret->loopback && !lt_json_bool_or(lt_json_get(config, "allow_http"), false)) {
        snprintf(why, WHY_MAX, "endpoint must be https:// unless it is this machine itself, or allow_http is set");
        return false;
    }
    return true;
}

/* ---- the request ---- */

/* A run with its settings looked up. */
struct request {
    struct lt_provider_run *run;
    const struct lt_json *config, *settings;
    const struct lt_json *extra, *body; /* members set by the action's settings and by the instance; extra goes before body */
    struct endpoint endpoint;
    struct lt_str key, model;
    const char *max_tokens_field;
    struct lt_http_field fields[HEADERS_MAX + 6];
    size_t fields_n;
};

static bool model_somewhere(const struct lt_provider_instance *instance)
{
    if (setting(instance->config, "model").n > 0)
        return true;
    for (size_t i = 0; i < lt_json_len(instance->actions); i++)
        if (setting(lt_json_get(lt_json_at(instance->actions, i), "settings"), "model").n > 0)
            return true;
    return false;
}

/* Fields that frame the message belong to the HTTP client, the others to this file: the setting `headers` cannot set them. */
static bool headers_free(const struct lt_json *config, char *why)
{
    static const char *const reserved[] = {"host", "content-length", "connection", "transfer-encoding", "accept-encoding", "expect", "upgrade",
                                           "te", "trailer", "content-type", "accept"};
    const struct lt_json *headers = lt_json_get(config, "headers");
    struct lt_str of_key = setting(config, "api_key").n == 0 ? LT_STR("") : lt_json_str_or(lt_json_get(config, "api_key_header"), LT_STR("authorization"));
    for (size_t i = 0; i < lt_json_len(headers); i++) {
        struct lt_str name = lt_json_key_at(headers, i);
        bool taken = lt_str_eq_ci(name, of_key);
        for (size_t k = 0; k < LT_COUNT(reserved); k++)
            taken |= lt_str_eq_ci(name, lt_str(reserved[k]));
        if (taken) {
            snprintf(why, WHY_MAX, "headers cannot set \"%.*s\"", LT_FMT(name));
            return false;
        }
    }
    return true;
}

static bool configured(const struct lt_provider_instance *instance, char *why)
{
    struct endpoint endpoint;
    if (!read_endpoint(instance->config, &endpoint, why) || !headers_free(instance->config, why))
        return false;
    if (endpoint.openai && setting(instance->config, "api_key").n == 0) {
        snprintf(why, WHY_MAX, "api_key is missing");
        return false;
    }
    if (!endpoint.openai && !model_somewhere(instance)) {
        snprintf(why, WHY_MAX, "model is missing");
        return false;
    }
    return true;
}

/* Visible ASCII and spaces: nothing in a value can begin a header of its own. */
static enum lt_code add_field(struct request *r, struct lt_str name, struct lt_str value, struct lt_error *err)
{
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] < 0x20 || value.p[i] >= 0x7F)
            return lt_fail(err, LT_ECONFIG, "the value of header %.*s holds a character that a header cannot carry",
                           LT_FMT(name));
    r->fields[r->fields_n++] = (struct lt_http_field){name, value};
    return LT_OK;
}

static enum lt_code add_key(struct request *r, struct lt_error *err)
{
    struct lt_str header = lt_json_str_or(lt_json_get(r->config, "api_key_header"), LT_STR("authorization"));
    if (r->key.n == 0)
        return LT_OK;
    if (!lt_str_is(header, "authorization"))
        return add_field(r, header, r->key, err);
    return add_field(r, LT_STR("Authorization"), lt_printf(r->run->arena, "Bearer %.*s", LT_FMT(r->key)), err);
}

/* Sent already in this request: cannot be sent twice. */
static bool is_taken(const struct request *r, struct lt_str name)
{
    for (size_t i = 0; i < r->fields_n; i++)
        if (lt_str_eq_ci(name, r->fields[i].name))
            return true;
    return name.n == 0;
}

static enum lt_code add_fields(struct request *r, struct lt_error *err)
{
    struct lt_str organization = setting(r->config, "organization");
    const struct lt_json *more = lt_json_get(r->config, "headers");
    enum lt_code code = add_field(r, LT_STR("Content-Type"), LT_STR("application/json"), err);
    if (!code)
        code = add_field(r, LT_STR("Accept"), r->run->stream ? LT_STR("text/event-stream") : LT_STR("application/json"), err);
    if (!code)
        code = add_key(r, err);
    if (!code && organization.n > 0)
        code = add_field(r, LT_STR("OpenAI-Organization"), organization, err);
    if (!code && lt_json_len(more) > HEADERS_MAX)
        code = lt_fail(err, LT_ECONFIG, "headers has %zu members, at most %d are possible", lt_json_len(more), HEADERS_MAX);
    for (size_t i = 0; !code && i < lt_json_len(more); i++) {
        struct lt_str name = lt_json_key_at(more, i);
        if (is_taken(r, name))
            return lt_fail(err, LT_ECONFIG, "headers cannot set \"%.*s\"", LT_FMT(name));
        code = add_field(r, name, lt_json_str(lt_json_at(more, i)), err);
    }
    return code;
}

static enum lt_code prepare(struct request *r, struct lt_provider_run *run, struct lt_error *err)
{
    char why[WHY_MAX];
    const struct lt_json *config = run->instance->config, *settings = run->settings;
    *r = (struct request){.run = run,
                          .config = config,
                          .settings = settings,
                          .extra = lt_json_get(settings, "extra"),
                          .body = lt_json_get(config, "body"),
                          .key = setting(config, "api_key"),
                          .model = setting(settings, "model")};
    if (!read_endpoint(config, &r->endpoint, why) || !headers_free(config, why))
        return lt_fail(err, LT_ECONFIG, "%s", why);
    if (r->model.n == 0)
        r->model = setting(config, "model");
    if (r->model.n == 0 && r->endpoint.openai)
        r->model = LT_STR(DEFAULT_MODEL);
    if (r->model.n == 0)
        return lt_fail(err, LT_ECONFIG, "no model is set for this action or for the instance");
    struct lt_str field = setting(config, "max_tokens_field");
    bool completion = field.n > 0 ? lt_str_is(field, "max_completion_tokens") : r->endpoint.openai;
    r->max_tokens_field = completion ? "max_completion_tokens" : "max_tokens";
    return add_fields(r, err);
}

/*
 * Who sets a member of the body: an action's `extra` and the instance's `body` go before our defaults, the caller's own value
 * goes before both, and a null in them always leaves the member out. True: the caller of this function writes the member. False:
 * it is written or left out.
 */
static bool is_ours(const struct request *r, struct lt_jw *w, const char *key, bool asked)
{
    const struct lt_json *theirs = lt_json_get(r->extra, key);
    if (!theirs)
        theirs = lt_json_get(r->body, key);
    if (!theirs)
        return true;
    if (lt_json_type(theirs) == LT_JSON_NULL)
        return false;
    if (!asked)
        lt_jw_kjson(w, key, theirs);
    return asked;
}

static void write_number(const struct request *r, struct lt_jw *w, const char *key, double asked)
{
    if (!is_ours(r, w, key, !isnan(asked)))
        return;
    double v = isnan(asked) ? lt_json_double_or(lt_json_get(r->settings, key), (double)NAN) : asked;
    if (isnan(v))
        return;
    lt_jw_key(w, key);
    lt_jw_double(w, v);
}

static void write_json(const struct request *r, struct lt_jw *w, const char *key, const struct lt_json *asked)
{
    if (is_ours(r, w, key, asked) && asked)
        lt_jw_kjson(w, key, asked);
}

static void write_messages(const struct request *r, struct lt_jw *w)
{
    const struct lt_neutral_call *call = r->run->call;
    lt_jw_key(w, "messages");
    lt_jw_arr(w);
    for (size_t i = 0; i < call->messages_n; i++) {
        const struct lt_message *m = &call->messages[i];
        lt_jw_obj(w);
        lt_jw_kstr(w, "role", m->role);
        lt_jw_key(w, "content");
        if (m->tool_calls && m->content.n == 0)
            lt_jw_null(w);
        else
            lt_jw_str(w, m->content);
        if (m->tool_call_id.n > 0)
            lt_jw_kstr(w, "tool_call_id", m->tool_call_id);
        if (m->tool_calls)
            lt_jw_kjson(w, "tool_calls", m->tool_calls);
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

/* The members of `more` that nobody wrote yet; `before` (may be NULL) holds those that stand in the first of the two objects. */
static void write_rest(const struct request *r, struct lt_jw *w, const struct lt_json *more, const struct lt_json *before)
{
    static const char *const written[] = {"model", "user", "messages", "stream", "stream_options", "temperature", "top_p", "seed",
                                          "stop", "tools", "tool_choice", "response_format"};
    for (size_t i = 0; i < lt_json_len(more); i++) {
        struct lt_str key = lt_json_key_at(more, i);
        const struct lt_json *v = lt_json_at(more, i);
        bool skip = lt_json_type(v) == LT_JSON_NULL || lt_json_get_str(before, key) || lt_str_is(key, r->max_tokens_field);
        for (size_t k = 0; !skip && k < LT_COUNT(written); k++)
            skip = lt_str_is(key, written[k]);
        if (skip)
            continue;
        lt_jw_key_str(w, key);
        lt_jw_json(w, v);
    }
}

static void write_body(const struct request *r, struct lt_buf *out)
{
    const struct lt_neutral_call *call = r->run->call;
    struct lt_jw w;
    lt_jw_init(&w, out);
    lt_jw_obj(&w);
    lt_jw_kstr(&w, "model", r->model);
    if (is_ours(r, &w, "user", false) && r->run->user_hash[0] != '\0')
        lt_jw_kstrz(&w, "user", r->run->user_hash);
    write_messages(r, &w);
    if (r->run->stream) {
        lt_jw_kbool(&w, "stream", true);
        if (is_ours(r, &w, "stream_options", false) && lt_json_bool_or(lt_json_get(r->config, "stream_options"), true)) {
            lt_jw_key(&w, "stream_options");
            lt_jw_raw(&w, LT_STR("{\"include_usage\":true}"));
        }
    }
    write_number(r, &w, "temperature", call->temperature);
    write_number(r, &w, "top_p", call->top_p);
    int64_t max_tokens = call->max_tokens > 0 ? call->max_tokens : lt_json_int64_or(lt_json_get(r->settings, "max_tokens"), 0);
    if (is_ours(r, &w, r->max_tokens_field, call->max_tokens > 0) && max_tokens > 0)
        lt_jw_kint(&w, r->max_tokens_field, max_tokens);
    if (is_ours(r, &w, "seed", call->seed >= 0) && call->seed >= 0)
        lt_jw_kint(&w, "seed", call->seed);
    write_json(r, &w, "stop", call->stop);
    write_json(r, &w, "tools", call->tools);
    write_json(r, &w, "tool_choice", call->tool_choice);
    write_json(r, &w, "response_format", call->response_format);
    write_rest(r, &w, r->extra, NULL);
    write_rest(r, &w, r->body, r->extra);
    lt_jw_end(&w);
}

/* One allocation for most requests: the messages with a little room for escapes, and some for the rest. */
static enum lt_code build_body(const struct request *r, struct lt_buf *out, struct lt_error *err)
{
    size_t n = 1024;
    for (size_t i = 0; i < r->run->call->messages_n; i++)
        n += r->run->call->messages[i].content.n + 64;
    lt_buf_init(out, REQUEST_MAX);
    lt_buf_reserve(out, n + n / 16);
    write_body(r, out);
    if (out->failed)
        return lt_fail(err, LT_ETOO_LARGE, "the request to the AI service would have more than %d bytes", REQUEST_MAX);
    return LT_OK;
}

/* A wait in milliseconds within its limits, 0 (the client's default) when not set. */
static uint32_t wait_ms(const struct lt_json *config, const char *key, int64_t max)
{
    int64_t ms = lt_json_int64_or(lt_json_get(config, key), 0);
    return (uint32_t)(ms <= 0 ? 0 : ms < 100 ? 100 : ms > max ? max : ms);
}

static enum lt_code send_request(const struct request *r, struct lt_str body, struct lt_http_reply **ret, struct lt_error *err)
{
    struct lt_provider_run *run = r->run;
    struct lt_str path = r->endpoint.path;
    const char *rest = lt_str_ends(path, LT_STR("/chat/completions")) ? "" : "/chat/completions";
    struct lt_http_call call = {
        .method = "POST",
        .url = lt_printf(run->arena, "%.*s%s%.*s", LT_FMT(path), rest, LT_FMT(r->endpoint.query)),
        .fields = r->fields,
        .fields_n = r->fields_n,
        .body = body,
        .tls = run->tls,
        .connect_ms = wait_ms(r->config, "connect_ms", 60000),
        .first_byte_ms = wait_ms(r->config, "first_byte_ms", 600000),
        .idle_ms = wait_ms(r->config, "idle_ms", 600000),
        .deadline_ms = run->deadline_ms,
        .max_body = run->stream ? LT_OPENAI_STREAM_MAX : LT_OPENAI_TEXT_MAX,
    };
    enum lt_code code = lt_http_send(run->loop, &call, ret, err);
    if (code == LT_EINVALID_INPUT) { /* the address is the administrator's, not the caller's */
        lt_error_wrap(err, "endpoint");
        err->code = code = LT_ECONFIG;
    }
    return code;
}

/* ---- the answer ---- */

/* Hands over what has come. Without a listener it stays where it is and becomes the result's text. */
static enum lt_code deliver(struct lt_provider_run *run, struct lt_openai_answer *a, struct lt_error *err)
{
    if (!run->on_text || a->text.n == 0)
        return LT_OK;
    enum lt_code code = run->on_text(run, lt_buf_str(&a->text), err);
    lt_buf_reset(&a->text);
    return code;
}

/* An event stream, handed on as it comes. It ends with [DONE]: what a server does with the connection after that is not waited
 * for. */
static enum lt_code read_stream(struct lt_provider_run *run, struct lt_http_reply *reply, struct lt_openai_answer *a,
                                struct lt_error *err)
{
    enum lt_code code = LT_OK;
    a->streamed = true;
    while (!code && !a->done) {
        struct lt_str piece;
        code = lt_http_reply_read(reply, &piece, err);
        if (code || piece.n == 0)
            return code;
        code = lt_openai_answer_feed(a, piece, err);
        if (!code)
            code = deliver(run, a, err);
    }
    return code;
}

/* A whole body. Its first bytes decide whether it is an object or (from servers that name no type) a stream. */
static enum lt_code read_whole(struct lt_provider_run *run, struct lt_http_reply *reply, struct lt_str type,
                               struct lt_openai_answer *a, struct lt_error *err)
{
    struct lt_str body;
    enum lt_code code = lt_http_reply_read_all(reply, run->arena, &body, err);
    if (code)
        return code;
    if (lt_openai_is_stream(body))
        return lt_openai_answer_feed(a, body, err);
    if (lt_str_trim(body).n == 0)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer is empty");
    code = lt_openai_answer_json(a, body, err);
    if (code == LT_EUPSTREAM_INVALID && type.n > 0)
        lt_error_wrap(err, "Content-Type %.*s", (int)(type.n < 80 ? type.n : 80), type.p);
    return code;
}

static enum lt_code read_answer(const struct request *r, struct lt_http_reply *reply, struct lt_error *err)
{
    struct lt_provider_run *run = r->run;
    struct lt_str type = lt_str_copy(run->arena, lt_http_field(lt_http_reply_head(reply), "content-type", NULL)), rest = type;
    bool stream = lt_str_eq_ci(lt_str_trim(lt_str_cut(&rest, ';')), LT_STR("text/event-stream"));
    struct lt_openai_answer a;
    lt_openai_answer_init(&a, run->arena, r->key);
    enum lt_code code = stream ? read_stream(run, reply, &a, err) : read_whole(run, reply, type, &a, err);
    if (!code)
        code = lt_openai_answer_end(&a, &run->result, err);
    if (!code)
        code = deliver(run, &a, err);
    if (!code && a.text.n > 0)
        run->result.text = lt_str_copy(run->arena, lt_buf_str(&a.text));
    if (!code && run->result.model.n == 0)
        run->result.model = r->model;
    lt_openai_answer_free(&a);
    return code;
}

/* Reads as much of an error's body as is worth reading; a body that breaks off is no news beside the status. */
static enum lt_code read_fault(const struct request *r, struct lt_http_reply *reply, struct lt_error *err)
{
    struct lt_arena *arena = r->run->arena;
    const struct lt_http_head *head = lt_http_reply_head(reply);
    int status = head->status, retry_after = lt_openai_retry_after(lt_http_field(head, "retry-after", NULL), lt_now_ms() / 1000);
    struct lt_str reason = lt_str_copy(arena, head->reason), piece;
    struct lt_buf body;
    lt_buf_init(&body, FAULT_MAX);
    enum lt_code code;
    do
        code = lt_http_reply_read(reply, &piece, err);
    while (!code && piece.n > 0 && lt_buf_put_str(&body, piece));
    if (code != LT_ECANCELLED) {
        code = lt_openai_fault(arena, status, reason, lt_str_copy(arena, lt_buf_str(&body)), r->key, err);
        err->retry_after_s = retry_after;
    }
    lt_buf_free(&body);
    return code;
}

static enum lt_code call(struct lt_provider_run *run, struct lt_error *err)
{
    struct request r;
    struct lt_buf body;
    struct lt_http_reply *reply = NULL;
    run->result = (struct lt_neutral_result){.usage = LT_USAGE_UNKNOWN};
    enum lt_code code = prepare(&r, run, err);
    if (code)
        return code;
    code = build_body(&r, &body, err);
    if (!code)
        code = send_request(&r, lt_buf_str(&body), &reply, err);
    lt_buf_free(&body);
    if (code)
        return code;
    int status = lt_http_reply_head(reply)->status;
    code = status >= 200 && status <= 299 ? read_answer(&r, reply, err) : read_fault(&r, reply, err);
    if (code >= LT_EUPSTREAM_BAD_REQUEST && code <= LT_EUPSTREAM_INVALID && err->vendor_status == 0)
        err->vendor_status = status;
    lt_http_reply_close(reply);
    return code;
}

extern const struct lt_provider lt_provider_openai;
const struct lt_provider lt_provider_openai = {
    .name = "openai",
    .title = "OpenAI-compatible service",
    .description = "OpenAI, or any server that speaks its chat completions: vLLM, llama.cpp, Mistral, Groq, DeepSeek, "
                   "OpenRouter and others.",
    .settings_schema = settings_schema,
    .neutral = LT_NEUTRAL_COMPLETION,
    .configured = configured,
    .call = call,
};
