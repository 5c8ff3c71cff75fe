/* /v1/console/session: signing in to the console, and what its cookie may do. */
#include "api/console.h"

#include "api/cookies.h"
#include "base/log.h"
#include "core/admin.h"
#include "core/permission.h"

#define COOKIE "lectern_console"
#define CSRF_LABEL "lectern console csrf "

/* ---- the token ---- */

/* What is stored of the token, and what its pages send along. */
static void derive(struct lt_request *r, const uint8_t token[LT_CONSOLE_TOKEN], struct lt_console *session)
{
    uint8_t labelled[sizeof(CSRF_LABEL) - 1 + LT_CONSOLE_TOKEN], csrf[32];
    memcpy(labelled, CSRF_LABEL, sizeof(CSRF_LABEL) - 1);
    memcpy(labelled + sizeof(CSRF_LABEL) - 1, token, LT_CONSOLE_TOKEN);
    lt_sha256(token, LT_CONSOLE_TOKEN, session->hash);
    lt_sha256(labelled, sizeof(labelled), csrf);
    session->csrf_token = lt_base64url(r->arena, csrf, sizeof(csrf));
    lt_wipe(labelled, sizeof(labelled));
}

/* A cookie that ends with the session, or at once (seconds 0). Not for scripts, not for requests from other sites. */
static void set_cookie(struct lt_request *r, struct lt_str value, int64_t seconds)
{
    struct lt_http_field *field = LT_NEW(r->arena, struct lt_http_field);
    bool https = strcmp(lt_request_scheme(r), "https") == 0;
    field->name = LT_STR("Set-Cookie");
    field->value = lt_printf(r->arena, COOKIE "=%.*s; Path=/; Max-Age=%lld; HttpOnly; SameSite=Strict%s", LT_FMT(value), (long long)seconds,
                             https ? "; Secure" : "");
    lt_request_always(r, field, 1);
}

/* ---- what comes with a cookie ---- */

bool lt_console_asked(struct lt_request *r)
{
    struct lt_str value;
    struct lt_error err;
    return lt_str_starts(r->http->head.path, LT_STR("/v1/")) && (lt_cookie_get(&r->http->head, COOKIE, &value, &err) || value.p);
}

/* A page that is not ours must neither read nor change anything: SameSite does not keep off neighbours of one domain. */
static enum lt_code check_origin(struct lt_request *r, struct lt_error *err)
{
    bool twice = false;
    struct lt_str origin = lt_http_field(&r->http->head, "Origin", &twice), from = lt_http_field(&r->http->head, "Sec-Fetch-Site", NULL);
    if (twice || (origin.p && !lt_request_own_origin(r, origin)))
        return lt_fail(err, LT_EPERMISSION, "the console's sign-in is for its own pages: Origin is not this host");
    if (from.n > 0 && !lt_str_is(from, "same-origin") && !lt_str_is(from, "none"))
        return lt_fail(err, LT_EPERMISSION, "the console's sign-in is for its own pages: Sec-Fetch-Site is neither same-origin nor none");
    return LT_OK;
}

static enum lt_code check_csrf(struct lt_request *r, struct lt_str right, struct lt_error *err)
{
    bool twice = false;
    struct lt_str given = lt_http_field(&r->http->head, "X-CSRF-Token", &twice);
    if (strcmp(r->route->method, "GET") == 0)
        return LT_OK;
    if (given.n == 0 || twice)
        return lt_fail(err, LT_EPERMISSION, "signed in to the console: exactly one X-CSRF-Token field is needed");
    if (given.n != right.n || !lt_equal_ct(given.p, right.p, right.n))
        return lt_fail(err, LT_EPERMISSION, "signed in to the console: X-CSRF-Token is not that of this session");
    return LT_OK;
}

static enum lt_code ended(struct lt_error *err)
{
    return lt_fail(err, LT_EUNAUTHENTICATED, "this session of the console has ended: sign in again");
}

/* The session that the cookie names, and its key. */
static enum lt_code find(struct lt_request *r, struct lt_console *session, const struct lt_site_key **ret, struct lt_error *err)
{
    struct lt_str value, token;
    uint8_t hash[32];
    if (lt_cookie_get(&r->http->head, COOKIE, &value, err))
        return err->code = LT_EUNAUTHENTICATED;
    if (!lt_base64url_decode(r->arena, value, &token) || token.n != LT_CONSOLE_TOKEN)
        return ended(err);
    derive(r, (const uint8_t *)token.p, session);
    enum lt_code rc = lt_console_find(r->api->options.store, r->arena, session, hash, err);
    *ret = rc == LT_OK ? lt_config_key(r->config, hash) : NULL;
    return *ret ? LT_OK : rc == LT_OK || rc == LT_ENOT_FOUND ? ended(err) : rc;
}

enum lt_code lt_console_check(struct lt_request *r, struct lt_error *err)
{
    struct lt_console *session = LT_NEW(r->arena, struct lt_console);
    const struct lt_site_key *key;
    if (check_origin(r, err) || find(r, session, &key, err) || lt_auth_as_key(r, key, err) || check_csrf(r, session->csrf_token, err))
        return err->code;
    r->console = session;
    return LT_OK;
}

/* ---- answering ---- */

static void put_permissions(struct lt_request *r, struct lt_jw *w)
{
    struct lt_str *names;
    size_t n = lt_permission_names(r->arena, r->caller.site, &names);
    lt_jw_key(w, "permissions");
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++)
        if (lt_permitted(&r->caller, lt_strz(r->arena, names[i]), LT_STR_NULL))
            lt_jw_str(w, names[i]);
    lt_jw_end(w);
}

/* So that each page knows it without a call of its own; empty when it cannot be read. */
static void put_emergency_stop(struct lt_request *r, struct lt_jw *w)
{
    struct lt_error unread;
    if (!lt_permitted(&r->caller, "manage_emergency_stop", LT_STR_NULL))
        return;
    lt_jw_key(w, "emergency_stop");
    lt_jw_obj(w);
    lt_request_put_stops(r, w, &unread);
    lt_jw_end(w);
}

void lt_console_write(struct lt_request *r, struct lt_jw *w)
{
    const struct lt_site_key *key = r->caller.key;
    lt_jw_obj(w);
    lt_jw_key(w, "site");
    lt_jw_obj(w);
    lt_jw_kstr(w, "slug", key->site->slug);
    lt_jw_kstr(w, "name", key->site->name);
    lt_jw_end(w);
    lt_jw_key(w, "key");
    lt_jw_obj(w);
    lt_jw_kint(w, "id", key->id);
    lt_jw_kstrz(w, "prefix", key->prefix);
    lt_jw_kstr(w, "name", key->name);
    lt_jw_kstrz(w, "role", lt_key_role_name(key->role));
    lt_jw_end(w);
    put_permissions(r, w);
    lt_jw_kstr(w, "csrf_token", r->console->csrf_token);
    lt_jw_ktime(w, "expires_at", r->console->expires_at);
    lt_jw_kbool(w, "demo", r->api->options.demo);
    lt_jw_kstrz(w, "version", LECTERN_VERSION);
    put_emergency_stop(r, w);
    lt_jw_end(w);
}

static void answer(struct lt_request *r)
{
    struct lt_json_reply j;
    lt_console_write(r, lt_json_begin(&j));
    lt_json_end(r, 200, &j);
}

static void log_event(struct lt_request *r, const char *event)
{
    struct lt_ip ip;
    char address[LT_IP_TEXT] = "this machine";
    if (lt_request_client(r, &ip))
        lt_ip_format(&ip, address);
    lt_log(LT_LOG_INFO, event, LT_SS("site", r->caller.site->slug), LT_S("key", r->caller.key->prefix), LT_S("address", address));
}

/* ---- the routes ---- */

static enum lt_code sign_in(struct lt_request *r, struct lt_error *err)
{
    uint8_t token[LT_CONSOLE_TOKEN];
    struct lt_console *session = LT_NEW(r->arena, struct lt_console);
    if (check_origin(r, err) || lt_auth_by_key(r, lt_str_trim(lt_json_str(lt_json_get(r->body, "key"))), err))
        return err->code;
    const struct lt_site_key *key = r->caller.key;
    if (key->role != LT_KEY_SITE_ADMIN)
        return lt_fail_field(err, LT_EPERMISSION, "/key", "this is a %s key; the console takes keys of role site_admin", lt_key_role_name(key->role));
    lt_random(token, sizeof(token));
    derive(r, token, session);
    int64_t now = lt_now_ms(), end = now + LT_CONSOLE_HOURS * INT64_C(3600000);
    session->expires_at = key->expires_at != 0 && key->expires_at < end ? key->expires_at : end;
    enum lt_code rc = lt_console_add(r->api->options.store, key, session, err);
    if (rc == LT_OK)
        set_cookie(r, lt_base64url(r->arena, token, sizeof(token)), (session->expires_at - now + 999) / 1000);
    lt_wipe(token, sizeof(token));
    r->console = session;
    return rc == LT_ECONFLICT ? lt_fail(err, LT_EUNAUTHENTICATED, "this key is not known") : rc;
}

void lt_post_console_session(struct lt_request *r)
{
    struct lt_error err;
    if (sign_in(r, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    log_event(r, "console.sign_in");
    answer(r);
}

static enum lt_code need_session(struct lt_request *r, struct lt_error *err)
{
    return r->console ? LT_OK : lt_fail(err, LT_EUNAUTHENTICATED, "no session of the console: this request does not come with its cookie");
}

void lt_get_console_session(struct lt_request *r)
{
    struct lt_error err;
    if (need_session(r, &err))
        lt_reply_problem(r, &err, NULL);
    else
        answer(r);
}

void lt_delete_console_session(struct lt_request *r)
{
    struct lt_error err;
    if (need_session(r, &err) || lt_console_remove(r->api->options.store, r->console, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    log_event(r, "console.sign_out");
    set_cookie(r, LT_STR(""), 0);
    lt_reply(r, 204, NULL, NULL, NULL, 0, LT_STR_NULL);
}
