/* One request to a source, and what is done before and after it. */
#include "content/source_ask.h"

#include "base/clock.h"
#include "base/log.h"
#include "io/fiber.h"
#include "io/http_client.h"
#include "io/loop.h"
#include "io/url.h"

enum { TOKEN_MARGIN_S = 60, TOKEN_DEFAULT_S = 3600, TOKEN_BODY_MAX = 64 * 1024, TOKEN_TRIES = 2 };

/* ---- leaving it alone ---- */

static enum lt_code may_ask(const struct lt_source_question *q, struct lt_error *err)
{
    struct lt_source_state *state = q->source->state;
    unsigned long long until = atomic_load(&state->pause_until_ms), now = lt_mono_ms();
    if (until == 0)
        return LT_OK;
    /* The pause is over: one may try, and the others wait for how that ends. */
    if (until <= now && atomic_compare_exchange_strong(&state->pause_until_ms, &until, now + q->source->time_ms))
        return LT_OK;
    atomic_fetch_add(&state->paused, 1);
    until = atomic_load(&state->pause_until_ms);
    lt_fail(err, LT_EUPSTREAM_UNAVAILABLE, "content source '%.*s' is left alone after faults", LT_FMT(q->source->name));
    err->retry_after_s = until > now ? (int)((until - now + 999) / 1000) : 1;
    return err->code;
}

static void pause_for(struct lt_source_state *state, uint64_t ms)
{
    atomic_store(&state->pause_until_ms, lt_mono_ms() + ms);
}

static void note_fault(const struct lt_source_question *q, const struct lt_error *err)
{
    struct lt_source_state *state = q->source->state;
    atomic_fetch_add(&state->failed, 1);
    if (err->retry_after_s > 0) {
        int s = err->retry_after_s < LT_SOURCE_RETRY_AFTER_MAX_S ? err->retry_after_s : LT_SOURCE_RETRY_AFTER_MAX_S;
        pause_for(state, (uint64_t)s * 1000);
        return;
    }
    int over = atomic_fetch_add(&state->faults, 1) + 1 - LT_SOURCE_FAULTS;
    if (over < 0)
        return;
    uint64_t ms = over < 4 ? (uint64_t)LT_SOURCE_PAUSE_MS << over : LT_SOURCE_PAUSE_MAX_MS;
    pause_for(state, ms < LT_SOURCE_PAUSE_MAX_MS ? ms : LT_SOURCE_PAUSE_MAX_MS);
    struct lt_error said = *err;
    lt_error_wrap(&said, "content source '%.*s' is left alone for %llu ms", LT_FMT(q->source->name), (unsigned long long)ms);
    lt_log_error("content_source.paused", &said);
}

static void note_answer(struct lt_source_state *state)
{
    atomic_store(&state->faults, 0);
    atomic_store(&state->pause_until_ms, 0);
}

void lt_source_unreadable(const struct lt_source_question *q)
{
    struct lt_error err;
    lt_fail(&err, LT_EUPSTREAM_INVALID, "it cannot be read");
    note_fault(q, &err);
    lt_source_forget(q);
}

/* Is it the source's fault, and not ours or the question's? */
static bool is_fault(enum lt_code rc)
{
    return rc == LT_EUPSTREAM_UNAVAILABLE || rc == LT_EUPSTREAM_TIMEOUT || rc == LT_EUPSTREAM_INVALID || rc == LT_EUPSTREAM_RATE_LIMITED ||
           rc == LT_EIO || rc == LT_ETIMEOUT;
}

/* ---- one request ---- */

enum { FIELDS_MAX = 6 };

struct exchange {
    const struct lt_source_question *q;
    struct lt_str form;          /* with its secrets; p NULL: GET */
    struct lt_http_field fields[FIELDS_MAX];
    size_t fields_n;
    size_t max_body;
};

static void add_field(struct exchange *x, const char *name, struct lt_str value)
{
    x->fields[x->fields_n++] = (struct lt_http_field){lt_str(name), value};
}

static int retry_after(struct lt_http_reply *reply)
{
    int64_t s = 0;
    lt_str_to_int64(lt_http_field(lt_http_reply_head(reply), "retry-after", NULL), &s);
    return s > LT_SOURCE_RETRY_AFTER_MAX_S ? LT_SOURCE_RETRY_AFTER_MAX_S : (int)s;
}

/* What is not an answer. */
static enum lt_code refused(const struct exchange *x, struct lt_http_reply *reply, int status, struct lt_error *err)
{
    enum lt_code rc = status == 401   ? LT_EUPSTREAM_UNAUTHORIZED
                      : status == 429 ? LT_EUPSTREAM_RATE_LIMITED
                      : status >= 500 ? LT_EUPSTREAM_UNAVAILABLE
                      : status >= 400 ? LT_EUPSTREAM_BAD_REQUEST
                                      : LT_EUPSTREAM_INVALID;
    lt_fail(err, rc, "content source '%.*s' answered with status %d%s", LT_FMT(x->q->source->name), status,
            status >= 300 && status < 400 ? ": redirects are not followed" : "");
    err->vendor_status = status;
    if (status == 429 || status == 503)
        err->retry_after_s = retry_after(reply);
    return rc;
}

static enum lt_code read_answer(const struct exchange *x, struct lt_http_reply *reply, struct lt_source_answer *ret, struct lt_error *err)
{
    const struct lt_http_head *head = lt_http_reply_head(reply);
    int status = head->status;
    ret->status = status;
    if (status == 304 || status == 403 || status == 404)
        return LT_OK;
    if (status != 200)
        return refused(x, reply, status, err);
    ret->etag = lt_str_copy(x->q->arena, lt_http_field(head, "etag", NULL));
    ret->last_modified = lt_str_copy(x->q->arena, lt_http_field(head, "last-modified", NULL));
    return lt_http_reply_read_all(reply, x->q->arena, &ret->body, err);
}

static enum lt_code exchange(struct exchange *x, struct lt_source_answer *ret, struct lt_error *err)
{
    const struct lt_content_source *s = x->q->source;
    struct lt_loop *loop = lt_loop_self();
    uint64_t deadline = lt_loop_now(loop) + s->time_ms;
    struct lt_http_call call = {.method = x->form.p ? "POST" : "GET",
                                .url = x->q->url,
                                .fields = x->fields,
                                .fields_n = x->fields_n,
                                .body = x->form,
                                .tls = x->q->tls,
                                .connect_ms = s->time_ms,
                                .first_byte_ms = s->time_ms,
                                .idle_ms = s->time_ms,
                                .deadline_ms = deadline < x->q->deadline_ms ? deadline : x->q->deadline_ms,
                                .max_body = x->max_body};
    struct lt_http_reply *reply;
    *ret = (struct lt_source_answer){.fresh_ms = -1};
    if (may_ask(x->q, err))
        return err->code;
    atomic_fetch_add(&s->state->asked, 1);
    enum lt_code rc = lt_http_send(loop, &call, &reply, err);
    if (rc == LT_OK) {
        rc = read_answer(x, reply, ret, err);
        lt_http_reply_close(reply);
    }
    if (is_fault(rc))
        note_fault(x->q, err);
    else if (rc != LT_ECANCELLED && rc != LT_EOUTBOUND_REFUSED)
        note_answer(s->state);
    return rc ? lt_error_wrap(err, "asking '%.*s'", LT_FMT(s->name)) : LT_OK;
}

/* ---- tokens (RFC 6749 §4.4), kept as answers are ---- */

static struct lt_str form_value(struct lt_arena *arena, struct lt_str form, const char *name, struct lt_str value)
{
    return lt_printf(arena, "%.*s%s%s=%.*s", LT_FMT(form), form.n > 0 ? "&" : "", name, LT_FMT(lt_url_escape(arena, value)));
}

static enum lt_code read_token(struct lt_arena *arena, struct lt_str body, struct lt_str *ret, int64_t *ret_seconds, struct lt_error *err)
{
    const struct lt_json *v;
    if (lt_json_parse(arena, body, LT_JSON_STRICT, &v, NULL)) /* its error would quote the body */
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer to the sign-in is not JSON");
    *ret = lt_json_str(lt_json_get(v, "access_token"));
    *ret_seconds = lt_json_int64_or(lt_json_get(v, "expires_in"), TOKEN_DEFAULT_S);
    bool sound = ret->n > 0;
    for (size_t i = 0; i < ret->n; i++)
        sound = sound && ret->p[i] > ' ' && ret->p[i] < 127;
    return sound ? LT_OK : lt_fail(err, LT_EUPSTREAM_INVALID, "the answer to the sign-in has no access_token");
}

static enum lt_code send_token(const struct lt_source_question *q, const struct lt_source_answer *kept, struct lt_source_answer *ret,
                               struct lt_error *err)
{
    struct exchange x = {.q = q, .max_body = TOKEN_BODY_MAX};
    int64_t seconds = 0;
    (void)kept;
    x.form = form_value(q->arena, q->form, "client_secret", q->source->secret);
    add_field(&x, "Content-Type", LT_STR("application/x-www-form-urlencoded"));
    add_field(&x, "Accept", LT_STR("application/json"));
    enum lt_code rc = exchange(&x, ret, err);
    if (rc == LT_EUPSTREAM_BAD_REQUEST || (rc == LT_OK && ret->status != 200)) /* RFC 6749 §5.2: invalid_client may be a 400 */
        rc = lt_fail(err, LT_EUPSTREAM_UNAUTHORIZED, "content source '%.*s' does not take the client id and secret", LT_FMT(q->source->name));
    if (rc || read_token(q->arena, ret->body, &ret->body, &seconds, err))
        return err->code;
    ret->fresh_ms = seconds > 2 * TOKEN_MARGIN_S ? (seconds - TOKEN_MARGIN_S) * 1000 : seconds * 500;
    return LT_OK;
}

static struct lt_source_question token_question(const struct lt_source_question *q)
{
    const struct lt_content_source *s = q->source;
    struct lt_source_question token = *q;
    token.viewer = LT_STR("token");
    token.url = lt_printf(q->arena, "%.*s/oauth2/access_token/", LT_FMT(s->base_url));
    token.form = form_value(q->arena, LT_STR("grant_type=client_credentials&token_type=jwt"), "client_id", s->client_id);
    return token;
}

/* ---- asking ---- */

static void add_validators(struct exchange *x, const struct lt_source_answer *kept)
{
    if (kept && kept->etag.n > 0)
        add_field(x, "If-None-Match", kept->etag);
    if (kept && kept->last_modified.n > 0)
        add_field(x, "If-Modified-Since", kept->last_modified);
}

static enum lt_code send_openedx(const struct lt_source_question *q, const struct lt_source_answer *kept, struct lt_source_answer *ret,
                                 struct lt_error *err)
{
    struct lt_source_question token_q = token_question(q);
    enum lt_code rc = LT_OK;
    for (int i = 0; i < TOKEN_TRIES; i++) {
        struct exchange x = {.q = q, .max_body = LT_SOURCE_BODY_MAX};
        struct lt_source_answer token;
        if (q->source->client_id.n > 0) {
            if (lt_source_cached(&token_q, send_token, &token, err))
                return err->code;
            add_field(&x, "Authorization", lt_printf(q->arena, "JWT %.*s", LT_FMT(token.body)));
        }
        add_field(&x, "Accept", LT_STR("application/json"));
        add_validators(&x, kept);
        rc = exchange(&x, ret, err);
        if (rc != LT_EUPSTREAM_UNAUTHORIZED || q->source->client_id.n == 0)
            return rc;
        lt_source_forget(&token_q); /* withdrawn before its time */
    }
    return rc;
}

static enum lt_code send_moodle(const struct lt_source_question *q, const struct lt_source_answer *kept, struct lt_source_answer *ret,
                                struct lt_error *err)
{
    struct exchange x = {.q = q, .max_body = LT_SOURCE_BODY_MAX};
    bool file = q->form.n == 0;
    x.form = form_value(q->arena, q->form, file ? "token" : "wstoken", q->source->secret);
    add_field(&x, "Content-Type", LT_STR("application/x-www-form-urlencoded"));
    add_field(&x, "Accept", file ? LT_STR("text/html") : LT_STR("application/json"));
    add_validators(&x, kept);
    return exchange(&x, ret, err);
}

enum lt_code lt_source_ask(const struct lt_source_question *q, struct lt_source_answer *ret, struct lt_error *err)
{
    if (q->source->secret_lost)
        return lt_fail(err, LT_ECONFIG, "the secret of content source '%.*s' cannot be opened", LT_FMT(q->source->name));
    return lt_source_cached(q, q->source->kind == LT_SOURCE_MOODLE ? send_moodle : send_openedx, ret, err);
}
