/*
 * A call with a key: claimed in the store before the handler runs, answered from there afterwards. What is kept is what a call came to,
 * well or not; a refusal before it began gives the key back. The client may leave meanwhile: the call goes on, to be asked for again.
 */
#include "api/idempotency.h"

#include <stdlib.h>

#include "api/answer.h"
#include "api/door.h"
#include "api/event_stream.h"
#include "api/idempotency_store.h"
#include "api/unkept.h"
#include "base/log.h"
#include "base/secret.h"
#include "core/guard.h"
#include "core/sealed_rows.h"

enum { RETRY_S = 2 };

/* Of a request whose handler runs. */
struct lt_idempotent {
    struct lt_request *r;
    struct lt_key_id id;
    struct lt_kept answer;     /* as far as it is known */
    struct lt_buf stream;      /* bytes of a streamed one */
    struct lt_http_tap tap;
    bool over;                 /* it is kept, or the key was given back */
};

/* ---- the request ---- */

enum lt_code lt_idempotency_key(struct lt_request *r, struct lt_str *ret, struct lt_error *err)
{
    bool twice;
    struct lt_str key = lt_http_field(&r->http->head, "Idempotency-Key", &twice);
    *ret = LT_STR("");
    if (!key.p)
        return LT_OK;
    bool ok = !twice && key.n > 0 && key.n <= LT_IDEMPOTENCY_KEY_MAX;
    for (size_t i = 0; ok && i < key.n; i++)
        ok = key.p[i] > 0x20 && key.p[i] < 0x7F;
    if (!ok)
        return lt_fail(err, LT_EINVALID_INPUT, "Idempotency-Key must be given once, as 1 to %d visible ASCII characters", LT_IDEMPOTENCY_KEY_MAX);
    *ret = key;
    return LT_OK;
}

bool lt_idempotency_asked(struct lt_request *r)
{
    bool task = r->route->handle == lt_post_workflow_run && lt_json_bool_or(lt_json_get(r->body, "async"), false);
    return (r->route->flags & LT_ROUTE_COSTS_MONEY) && strcmp(r->route->method, "POST") == 0 && !task &&
           lt_http_field(&r->http->head, "Idempotency-Key", NULL).p;
}

struct member {
    struct lt_str key;
    const struct lt_json *value;
};

static int by_key(const void *a, const void *b)
{
    return lt_str_compare(((const struct member *)a)->key, ((const struct member *)b)->key);
}

/* Members in the order of their names: which one a client sends first means nothing. As deep as the parser lets it be. */
static void put_canonical(struct lt_request *r, struct lt_jw *w, const struct lt_json *v)
{
    size_t n = lt_json_len(v);
    if (lt_json_is(v, LT_JSON_ARRAY)) {
        lt_jw_arr(w);
        for (size_t i = 0; i < n; i++)
            put_canonical(r, w, lt_json_at(v, i));
        lt_jw_end(w);
    } else if (lt_json_is(v, LT_JSON_OBJECT)) {
        struct member *members = LT_NEW_ARRAY(r->arena, struct member, n + 1);
        for (size_t i = 0; i < n; i++)
            members[i] = (struct member){lt_json_key_at(v, i), lt_json_at(v, i)};
        qsort(members, n, sizeof(*members), by_key);
        lt_jw_obj(w);
        for (size_t i = 0; i < n; i++) {
            lt_jw_key_str(w, members[i].key);
            put_canonical(r, w, members[i].value);
        }
        lt_jw_end(w);
    } else {
        lt_jw_json(w, v);
    }
}

/* Where the caller is: at a door by fields, which no body says there; else the course of a token, where none is named. */
static void put_place(struct lt_request *r, struct lt_jw *w)
{
    static const char *const fields[] = {"X-Lectern-Course", "X-Lectern-Location", "X-Lectern-Placement"};
    lt_jw_str(w, r->caller.only_course);
    if (!lt_door_of(r->http->head.path))
        return;
    for (size_t i = 0; i < LT_COUNT(fields); i++)
        lt_jw_str(w, lt_str_trim(lt_http_field(&r->http->head, fields[i], NULL)));
}

void lt_idempotency_hash(struct lt_request *r, uint8_t ret[32])
{
    struct lt_buf text;
    struct lt_jw w;
    lt_buf_init(&text, 4 * LT_BODY_ACTION);
    lt_jw_init(&w, &text);
    lt_jw_arr(&w);
    lt_jw_strz(&w, r->route->path);
    for (int i = 0; i < LT_PARAMS_MAX; i++)
        lt_jw_str(&w, r->params[i]);
    lt_jw_str(&w, r->http->head.query);
    lt_jw_bool(&w, (r->route->flags & LT_ROUTE_STREAMS) && lt_event_stream_wanted(r));
    put_place(r, &w);
    put_canonical(r, &w, r->body);
    lt_jw_end(&w);
    lt_sha256(text.p, text.n, ret);
    lt_buf_free(&text);
}

static struct lt_str caller_of(struct lt_request *r)
{
    if (r->asker)
        return lt_printf(r->arena, "key%lld as %.*s", r->asker->key ? (long long)r->asker->key->id : 0, LT_FMT(r->caller.user_id));
    if (r->caller.is_user)
        return lt_printf(r->arena, "user %.*s", LT_FMT(r->caller.user_id));
    struct lt_str user = r->caller.user_id.n > 0 ? r->caller.user_id : lt_door_user(r); /* doors' handlers enter later */
    return lt_printf(r->arena, "key%lld %.*s", r->caller.key ? (long long)r->caller.key->id : 0, LT_FMT(user));
}

/* ---- keeping ---- */

/* Has the vendor been asked, or may it have been, when it came to this? Limits and gates say no; asking again is what they want. */
static bool worth_keeping(enum lt_code code)
{
    switch (code) {
    case LT_OK:
    case LT_EUPSTREAM_BAD_REQUEST:
    case LT_EUPSTREAM_UNAUTHORIZED:
    case LT_EUPSTREAM_NOT_FOUND:
    case LT_EUPSTREAM_TIMEOUT:
    case LT_EUPSTREAM_UNAVAILABLE:
    case LT_EUPSTREAM_INVALID:
    case LT_ECONTEXT_WINDOW:
    case LT_ECONTENT_REFUSED:
    case LT_EANSWER_BLOCKED:
    case LT_ECANCELLED:
    case LT_EINTERRUPTED:
    case LT_ETIMEOUT:
    case LT_EIO:
    case LT_EINTERNAL:
        return true;
    default:
        return false;
    }
}

/* Where an answer with personal data is sealed to. */
static struct lt_str place_of(const struct lt_key_id *id, struct lt_arena *arena)
{
    return lt_sealed_place_answer(arena, id->site_id, id->caller, id->name);
}

/* The key stays in use until that is made up for: it never lets the call be made twice. */
static bool settle_later(struct lt_idempotent *k, bool keep)
{
    return lt_unkept_add(k->r->api->unkept, &k->id, keep ? k->answer.state : LT_STR(""), k->answer.call_id.p ? k->answer.call_id : LT_STR(""));
}

/* code: what the call came to. With the store away nobody knows yet how the register has it ended. */
static void finish(struct lt_idempotent *k, bool keep, enum lt_code code)
{
    struct lt_error err;
    struct lt_store *store = k->r->api->options.store;
    if (k->over)
        return;
    k->over = true;
    if (code == LT_ESTORE && k->answer.call_id.n > 0 && settle_later(k, keep))
        return;
    if (!k->r->caller.site->store_content || k->r->trace || k->answer.body.n > LT_KEPT_BODY_MAX)
        k->answer.body = LT_STR_NULL;
    k->answer.body = lt_guard_seal(k->r->caller.site, k->r->arena, k->answer.body, place_of(&k->id, k->r->arena));
    enum lt_code rc = keep ? lt_key_keep(store, &k->id, &k->answer, &err) : lt_key_release(store, &k->id, &err);
    if (rc && (rc != LT_ESTORE || !settle_later(k, keep)))
        lt_log_error("api.idempotency", &err);
}

static struct lt_str lines_of(struct lt_request *r, const struct lt_http_field *fields, size_t n)
{
    struct lt_buf lines;
    lt_buf_init(&lines, LT_KEPT_FIELDS_MAX);
    for (size_t i = 0; i < n; i++)
        lt_buf_printf(&lines, "%.*s: %.*s\n", LT_FMT(fields[i].name), LT_FMT(fields[i].value));
    struct lt_str text = lt_str_copy(r->arena, lines.failed ? LT_STR("") : lt_buf_str(&lines));
    lt_buf_free(&lines);
    return text;
}

void lt_idempotency_answer(struct lt_request *r, int status, const char *type, const struct lt_http_field *extra, size_t extra_n, struct lt_str body)
{
    struct lt_idempotent *k = r->idempotent;
    if (!k || k->over)
        return;
    bool keep = r->refused ? worth_keeping(r->refused) : status < 400 || (status >= 500 && status != 503);
    k->answer.form = LT_STR("whole");
    k->answer.status = status;
    k->answer.type = lt_str(type ? type : "");
    k->answer.fields = lines_of(r, extra, extra_n);
    k->answer.body = body.p ? body : LT_STR("");
    finish(k, keep, r->refused);
}

void lt_idempotency_call(struct lt_request *r, const char *call_id)
{
    if (r->idempotent && call_id)
        r->idempotent->answer.call_id = lt_str_copy(r->arena, lt_str(call_id));
}

void lt_idempotency_stream(struct lt_request *r, struct lt_uuid id)
{
    struct lt_idempotent *k = r->idempotent;
    char text[37];
    if (!k || k->over)
        return;
    r->http->tap = NULL; /* its log keeps it */
    lt_uuid_format(id, text);
    k->answer.call_id = lt_str_copy(r->arena, lt_str(text));
    lt_key_post_call(r->api->options.store, &k->id, lt_strz(r->arena, k->answer.call_id));
}

void lt_idempotency_last_event(struct lt_request *r, enum lt_code code, struct lt_str data)
{
    struct lt_idempotent *k = r->idempotent;
    if (!k || k->over)
        return;
    k->answer.form = LT_STR("events");
    k->answer.status = 200;
    k->answer.type = code ? LT_STR("error") : LT_STR("done");
    k->answer.body = data;
    finish(k, worth_keeping(code), code);
}

/* ---- streams that have no log: what was sent is what is sent again ---- */

static void stream_began(void *ctx, int status, const char *type)
{
    struct lt_idempotent *k = ctx;
    k->answer.form = LT_STR("stream");
    k->answer.status = status;
    k->answer.type = lt_str_copy(k->r->arena, lt_str(type));
}

static void stream_bytes(void *ctx, struct lt_str bytes)
{
    struct lt_idempotent *k = ctx;
    lt_buf_put_str(&k->stream, bytes);
}

static void stream_ends(void *ctx)
{
    struct lt_idempotent *k = ctx;
    k->answer.body = k->stream.failed ? LT_STR_NULL : k->stream.n > 0 ? lt_buf_str(&k->stream) : LT_STR("");
    finish(k, true, LT_OK);
}

/* ---- answering again ---- */

static size_t fields_of(struct lt_kept *kept, struct lt_http_field *fields, size_t max)
{
    size_t n = 0;
    struct lt_str rest = kept->fields;
    while (rest.n > 0 && n < max) {
        struct lt_str value = lt_str_cut(&rest, '\n'), name = lt_str_cut(&value, ':');
        fields[n++] = (struct lt_http_field){name, lt_str_trim(value)};
    }
    return n;
}

static void stream_again(struct lt_request *r, const struct lt_kept *kept)
{
    static const struct lt_http_field fields[] = {{LT_STR("Cache-Control"), LT_STR("no-store")}, {LT_STR("X-Accel-Buffering"), LT_STR("no")}};
    const char *type = lt_strz(r->arena, kept->type);
    if (!lt_http_stream_begin(r->http, kept->status, type, fields, LT_COUNT(fields)) &&
        (kept->body.n == 0 || !lt_http_stream_write(r->http, kept->body.p, kept->body.n)))
        lt_http_stream_end(r->http);
}

static void whole_again(struct lt_request *r, struct lt_kept *kept)
{
    struct lt_http_field fields[6];
    size_t n = fields_of(kept, fields, LT_COUNT(fields));
    lt_reply(r, kept->status, kept->type.n > 0 ? lt_strz(r->arena, kept->type) : NULL, NULL, fields, n, kept->body);
}

static void refuse(struct lt_request *r, enum lt_code code, const char *detail, struct lt_str call_id)
{
    struct lt_error err;
    lt_fail(&err, code, "%s", detail);
    err.retry_after_s = code == LT_EKEY_RUNNING ? RETRY_S : 0;
    lt_reply_problem(r, &err, call_id.n > 0 ? lt_strz(r->arena, call_id) : NULL);
}

static void answer_again(struct lt_request *r, struct lt_kept *kept)
{
    static const struct lt_http_field mark = {LT_STR("Idempotent-Replayed"), LT_STR("true")};
    struct lt_uuid id;
    bool running = lt_str_is(kept->state, "running"), here = lt_uuid_parse(kept->call_id, &id);
    if (!running || here)
        lt_request_always(r, &mark, 1);
    if (here && lt_call_follow_here(r, id))
        return;
    if (running)
        refuse(r, LT_EKEY_RUNNING, "the first request with this Idempotency-Key is still under way", kept->call_id);
    else if (lt_str_is(kept->state, "interrupted"))
        refuse(r, LT_EINTERRUPTED, "the call with this Idempotency-Key was broken off; use another key to make it again", kept->call_id);
    else if (!kept->body.p)
        refuse(r, LT_ENOT_KEPT, "the call with this Idempotency-Key was made; its answer was not kept", kept->call_id);
    else if (lt_str_is(kept->form, "events"))
        lt_call_events_again(r, kept->call_id, lt_strz(r->arena, kept->type), kept->body, 0);
    else if (lt_str_is(kept->form, "stream"))
        stream_again(r, kept);
    else
        whole_again(r, kept);
}

/* ---- running ---- */

static void run_first(struct lt_request *r, struct lt_idempotent *k)
{
    lt_buf_init(&k->stream, LT_KEPT_BODY_MAX);
    k->tap = (struct lt_http_tap){stream_began, stream_bytes, stream_ends, k};
    k->answer.state = LT_STR("done");
    r->idempotent = k;
    r->http->tap = &k->tap;
    r->route->handle(r);
    k->answer.state = LT_STR("interrupted"); /* of one that gave no answer, or only a part of it */
    finish(k, true, LT_OK);
    r->http->tap = NULL;
    r->idempotent = NULL;
    lt_buf_free(&k->stream);
}

void lt_idempotency_run(struct lt_request *r)
{
    struct lt_error err;
    struct lt_kept kept;
    struct lt_idempotent *k = LT_NEW(r->arena, struct lt_idempotent);
    struct lt_store *store = r->api->options.store;
    uint8_t hash[32];
    *k = (struct lt_idempotent){.r = r, .id = {.site_id = r->caller.site->id, .caller = caller_of(r)}};
    lt_idempotency_hash(r, hash);
    lt_http_on_client_gone(r->http, NULL, NULL); /* a claimed call is made to its end: whoever asks again gets the answer */
    enum lt_code rc = lt_idempotency_key(r, &k->id.name, &err);
    if (!rc)
        rc = lt_key_claim(store, r->arena, &k->id, hash, r->caller.site->idempotency_kept_s, &err);
    if (rc == LT_OK) {
        run_first(r, k);
        return;
    }
    if (rc == LT_ECONFLICT)
        rc = lt_key_find(store, r->arena, &k->id, &kept, &err);
    if (rc == LT_OK)
        kept.body = lt_guard_open(store, r->arena, kept.body, place_of(&k->id, r->arena));
    if (rc == LT_OK && memcmp(kept.hash, hash, sizeof(hash)) != 0)
        rc = lt_fail(&err, LT_EKEY_REUSED, "this Idempotency-Key came before with another request");
    if (rc == LT_OK)
        answer_again(r, &kept);
    else
        lt_reply_problem(r, &err, NULL);
}
