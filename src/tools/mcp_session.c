/* One connection with an MCP server: handshake, requests, what the server says on the way. */
#include "tools/mcp_session.h"

#include "base/log.h"

/* ---- one fiber at a time ---- */

enum lt_code mcp_gate_enter(struct mcp_gate *gate, uint64_t deadline_ms)
{
    while (gate->held) {
        struct mcp_gate_waiter me = {.fiber = lt_fiber_self()}, **at = &gate->first;
        while (*at)
            at = &(*at)->next;
        *at = &me;
        enum lt_code rc = lt_fiber_wait(deadline_ms);
        for (at = &gate->first; *at != &me;)
            at = &(*at)->next;
        *at = me.next;
        if (rc && gate->held)
            return rc;
    }
    gate->held = true;
    return LT_OK;
}

void mcp_gate_leave(struct mcp_gate *gate)
{
    gate->held = false;
    for (struct mcp_gate_waiter *w = gate->first; w; w = w->next)
        lt_fiber_wake(w->fiber);
}

/* ---- made and ended ---- */

/* Shorter values are words that any text may have. */
enum { SECRET_MIN = 8, SECRETS_MAX = 2 * LT_MCP_HEADERS_MAX + 128 };

static size_t add_secret(struct lt_str *out, size_t n, struct lt_str value)
{
    if (value.n >= SECRET_MIN && n < SECRETS_MAX)
        out[n++] = value;
    return n;
}

/* Values of headers, without their scheme too ("Bearer …"), and of the command's environment. */
static size_t secrets_of(const struct lt_mcp_server *server, struct lt_str out[SECRETS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < server->headers_n; i++) {
        struct lt_str value = server->headers[i].value, rest = value;
        lt_str_cut(&rest, ' ');
        n = add_secret(out, add_secret(out, n, value), rest);
    }
    for (size_t i = 0; server->command && i < server->command->env_n; i++)
        n = add_secret(out, n, server->command->secrets[i]);
    return n;
}

static struct lt_str mask(struct lt_arena *arena, const struct lt_str *secrets, size_t n, struct lt_str text)
{
    static const struct lt_site nothing;
    bool cut;
    if (n == 0)
        return text;
    struct lt_mask *m = lt_mask_new(arena, &nothing);
    for (size_t i = 0; i < n; i++)
        lt_mask_add(m, secrets[i]);
    return lt_mask_text(m, text, text.n + n * sizeof(LT_MASKED), &cut);
}

struct lt_str lt_mcp_masked(const struct lt_mcp_server *server, struct lt_arena *arena, struct lt_str text)
{
    struct lt_str secrets[SECRETS_MAX];
    return mask(arena, secrets, secrets_of(server, secrets), text);
}

struct lt_str mcp_session_masked(const struct mcp_session *s, struct lt_arena *arena, struct lt_str text)
{
    return mask(arena, s->secrets, s->secrets_n, text);
}

static void keep_secrets(struct mcp_session *s)
{
    struct lt_str secrets[SECRETS_MAX];
    s->secrets_n = secrets_of(&s->server, secrets);
    s->secrets = LT_NEW_ARRAY(s->arena, struct lt_str, s->secrets_n);
    for (size_t i = 0; i < s->secrets_n; i++)
        s->secrets[i] = lt_str_copy(s->arena, secrets[i]);
}

/* It outlives the snapshot that it was found in. */
static void keep_server(struct mcp_session *s)
{
    struct lt_mcp_server *own = &s->server;
    struct lt_http_field *headers = LT_NEW_ARRAY(s->arena, struct lt_http_field, own->headers_n);
    for (size_t i = 0; i < own->headers_n; i++)
        headers[i] = (struct lt_http_field){lt_str_copy(s->arena, own->headers[i].name), lt_str_copy(s->arena, own->headers[i].value)};
    own->headers = headers;
    own->url = lt_str_copy(s->arena, own->url);
    own->label = s->label;
    own->config = own->tools = own->tool_approval = NULL; /* of the snapshot */
}

static struct mcp_session *session_new(struct mcp_home *home, const struct lt_mcp_server *server)
{
    struct lt_arena *arena = lt_arena_new();
    struct mcp_session *s = LT_NEW(arena, struct mcp_session);
    *s = (struct mcp_session){.home = home, .arena = arena, .server = *server, .label = lt_str_copy(arena, server->label), .next_id = 1,
                              .next = home->sessions};
    keep_server(s);
    keep_secrets(s);
    home->sessions = s;
    return s;
}

void mcp_session_end(struct mcp_session *s)
{
    struct mcp_session **at = &s->home->sessions;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    mcp_stdio_end(s);
    lt_fiber_shield();
    while (s->reading > 0)
        lt_fiber_sleep(1);
    lt_fiber_unshield();
    lt_mcp_list_unref(s->list);
    lt_arena_free(s->hello_arena);
    lt_arena_free(s->arena);
}

void mcp_session_put(struct mcp_session *s)
{
    s->users--;
    s->used_at = lt_loop_now(s->home->loop);
}

struct mcp_session *mcp_session_get(struct mcp_home *home, const struct lt_mcp_server *server)
{
    struct mcp_session *s = home->sessions;
    while (s && !(s->server.site_id == server->site_id && s->server.id == server->id && s->server.mark == server->mark))
        s = s->next;
    if (!s)
        s = session_new(home, server);
    s->users++;
    return s;
}

/* ---- what the server says ---- */

static void heed(struct mcp_session *s, const struct lt_rpc *m)
{
    if (lt_str_is(m->method, "notifications/tools/list_changed"))
        s->list_changed = true;
    else if (lt_str_is(m->method, "notifications/message")) /* its text may hold anything of anybody's: only that there is one */
        lt_log(LT_LOG_DEBUG, "mcp.message", LT_SS("server", s->label), LT_SS("level", lt_json_str(lt_json_get(m->params, "level"))));
}

static void reply(struct mcp_session *s, const struct lt_rpc *m, mcp_send send)
{
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, 4096);
    lt_jw_init(&w, &out);
    lt_mcp_write_reply(&w, m);
    if (!out.failed) /* an id of kilobytes has no answer */
        send(s, lt_buf_str(&out));
    lt_buf_free(&out);
}

static void take_one(struct mcp_session *s, const struct lt_rpc *m, int64_t id, int *requests, mcp_send send,
                     struct lt_rpc *ret, bool *found)
{
    if (m->kind == LT_RPC_NOTIFICATION) {
        heed(s, m);
    } else if (m->kind == LT_RPC_REQUEST) {
        if ((*requests)++ < MCP_REQUESTS_MAX)
            reply(s, m, send);
    } else if (id > 0 && lt_rpc_answers(m, id)) {
        *ret = *m;
        *found = true;
    } else {
        lt_log(LT_LOG_WARN, "mcp.unexpected_answer", LT_SS("server", s->label));
    }
}

enum lt_code mcp_take(struct mcp_session *s, struct lt_arena *arena, struct lt_str text, int64_t id,
                      int *requests, mcp_send send, struct lt_rpc *ret, bool *found, struct lt_error *err)
{
    const struct lt_json *v;
    struct lt_rpc m;
    struct lt_error why;
    if (lt_json_parse(arena, text, LT_JSON_STRICT, &v, NULL)) /* the reader's error would quote it */
        return lt_fail(err, LT_EUPSTREAM_INVALID, "it sent what is not JSON");
    size_t n = lt_json_is(v, LT_JSON_ARRAY) ? lt_json_len(v) : 1;
    if (n > MCP_BATCH_MAX)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "it sent more than %d messages in one", MCP_BATCH_MAX);
    for (size_t i = 0; i < n; i++) {
        if (lt_rpc_read(lt_json_is(v, LT_JSON_ARRAY) ? lt_json_at(v, i) : v, &m, &why))
            return lt_fail(err, LT_EUPSTREAM_INVALID, "it sent what is no JSON-RPC message: %s %.100s", why.field, why.detail);
        take_one(s, &m, id, requests, send, ret, found);
    }
    return LT_OK;
}

/* ---- sending ---- */

static enum lt_code exchange(struct mcp_exchange *x, struct lt_error *err)
{
    return x->session->server.transport == LT_MCP_STDIO ? mcp_stdio_exchange(x, err) : mcp_http_exchange(x, err);
}

/* What has no answer, behind the back of whoever is served: their leaving does not end it. */
static enum lt_code send_aside(struct mcp_session *s, struct lt_arena *arena, struct lt_str body,
                               struct lt_error *err)
{
    struct mcp_exchange x = {.session = s, .arena = arena, .body = body,
                             .deadline_ms = lt_loop_now(s->home->loop) + MCP_ASIDE_MS};
    lt_fiber_shield();
    enum lt_code rc = exchange(&x, err);
    lt_fiber_unshield();
    return rc;
}

static void send_cancelled(struct mcp_session *s, struct lt_arena *arena, int64_t id, bool in_time)
{
    struct lt_buf out;
    struct lt_jw w;
    struct lt_error ignored;
    lt_buf_init(&out, 1024);
    lt_jw_init(&w, &out);
    lt_mcp_write_cancelled(&w, id, in_time ? "the caller left" : "it took too long");
    send_aside(s, arena, lt_buf_str(&out), &ignored);
    lt_buf_free(&out);
}

static bool has_given_up(enum lt_code rc)
{
    return rc == LT_ECANCELLED || rc == LT_ETIMEOUT || rc == LT_EUPSTREAM_TIMEOUT;
}

enum { SAID_MAX = 2000 };

/* The server's words are others' text: they are no part of the error. */
static enum lt_code refusal(struct mcp_session *s, struct lt_arena *arena, const struct lt_rpc *answer, struct lt_str *ret_said, struct lt_error *err)
{
    struct lt_str said = answer->message;
    enum lt_code code = answer->code == LT_RPC_INVALID_PARAMS     ? LT_EINVALID_INPUT
                        : answer->code == LT_RPC_METHOD_NOT_FOUND ? LT_EUNSUPPORTED
                        : answer->code == -32002                  ? LT_ENOT_FOUND /* MCP: resource not found */
                                                                  : LT_EUPSTREAM_INVALID;
    if (said.n > SAID_MAX)
        said.n = lt_utf8_whole(said.p, SAID_MAX);
    if (ret_said)
        *ret_said = mcp_session_masked(s, arena, said);
    return lt_fail(err, code, "the server answered with the JSON-RPC error %lld", (long long)answer->code);
}

static struct lt_str request_text(struct lt_arena *arena, int64_t id, const char *method, struct lt_str params)
{
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, params.n + 1024);
    lt_jw_init(&w, &out);
    if (strcmp(method, "initialize") == 0) {
        lt_mcp_write_initialize(&w, id);
    } else {
        lt_rpc_request(&w, id, method);
        lt_jw_key(&w, "params");
        lt_jw_raw(&w, params);
        lt_jw_end(&w);
    }
    struct lt_str text = lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return text;
}

enum lt_code mcp_session_ask(struct mcp_session *s, struct lt_arena *arena, const char *method, struct lt_str params,
                             uint64_t deadline_ms, const struct lt_json **ret, struct lt_str *ret_said, struct lt_error *err)
{
    bool first = strcmp(method, "initialize") == 0;
    struct mcp_exchange x = {.session = s, .arena = arena, .id = s->next_id++, .deadline_ms = deadline_ms};
    x.body = request_text(arena, x.id, method, params);
    if (ret_said)
        *ret_said = LT_STR("");
    enum lt_code rc = exchange(&x, err);
    if (rc && has_given_up(rc) && !first) {
        struct lt_error why = *err;
        send_cancelled(s, arena, x.id, rc == LT_ECANCELLED);
        *err = why;
    }
    if (rc)
        return rc;
    if (x.answer.kind == LT_RPC_ERROR)
        return refusal(s, arena, &x.answer, ret_said, err);
    *ret = x.answer.result;
    return LT_OK;
}

/* ---- handshake ---- */

static enum lt_code greet(struct mcp_session *s, struct lt_arena *arena, uint64_t deadline_ms, struct lt_error *err)
{
    const struct lt_json *result;
    struct lt_buf out;
    struct lt_jw w;
    if (mcp_session_ask(s, arena, "initialize", LT_STR(""), deadline_ms, &result, NULL, err) ||
        lt_mcp_read_initialize(s->hello_arena, result, &s->hello, err))
        return lt_error_wrap(err, "initialize");
    lt_buf_init(&out, 1024);
    lt_jw_init(&w, &out);
    lt_rpc_notification(&w, "notifications/initialized");
    lt_jw_end(&w);
    struct mcp_exchange x = {.session = s, .arena = arena, .body = lt_buf_str(&out), .deadline_ms = deadline_ms};
    enum lt_code rc = exchange(&x, err);
    lt_buf_free(&out);
    return rc ? lt_error_wrap(err, "notifications/initialized") : LT_OK;
}

/* A process that fails is not started again at once. */
static void note_failure(struct mcp_session *s)
{
    uint64_t ms = MCP_BACKOFF_MS;
    for (int i = 0; i < s->failures && ms < MCP_BACKOFF_MAX_MS; i++)
        ms *= 2;
    s->failures++;
    s->not_before = lt_loop_now(s->home->loop) + (ms < MCP_BACKOFF_MAX_MS ? ms : MCP_BACKOFF_MAX_MS);
}

static enum lt_code start(struct mcp_session *s, uint64_t deadline_ms, struct lt_error *err)
{
    uint64_t now = lt_loop_now(s->home->loop), until = now + s->server.connect_ms;
    bool stdio = s->server.transport == LT_MCP_STDIO;
    if (stdio && s->not_before > now)
        return lt_fail(err, LT_EUPSTREAM_UNAVAILABLE, "its process failed %d times; it is not started again for %llu ms", s->failures,
                       (unsigned long long)(s->not_before - now));
    lt_arena_free(s->hello_arena);
    s->hello_arena = lt_arena_new();
    s->hello = (struct lt_mcp_hello){0};
    s->http_id[0] = '\0';
    s->list_changed = true;
    struct lt_arena *arena = lt_arena_new();
    enum lt_code rc = stdio ? mcp_stdio_start(s, until < deadline_ms ? until : deadline_ms, err) : LT_OK;
    if (rc == LT_OK)
        rc = greet(s, arena, until < deadline_ms ? until : deadline_ms, err);
    lt_arena_free(arena);
    s->up = rc == LT_OK;
    if (rc)
        mcp_stdio_end(s);
    if (rc && stdio && rc != LT_ECANCELLED)
        note_failure(s);
    return rc == LT_EAGAIN ? lt_fail(err, LT_EUPSTREAM_INVALID, "it does not know the session that it has just begun") : rc;
}

enum lt_code mcp_session_up(struct mcp_session *s, uint64_t deadline_ms, struct lt_error *err)
{
    enum lt_code rc = mcp_gate_enter(&s->starting, deadline_ms);
    if (rc)
        return lt_fail(err, rc, rc == LT_ECANCELLED ? "the caller left" : "it did not come up in time");
    if (s->up && s->server.transport == LT_MCP_STDIO && !s->process) { /* it has ended by itself */
        s->up = false;
        note_failure(s);
    }
    if (!s->up)
        rc = start(s, deadline_ms, err);
    mcp_gate_leave(&s->starting);
    return rc;
}
