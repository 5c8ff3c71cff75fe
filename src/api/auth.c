/*
 * From credentials to a struct lt_caller. Two kinds: site keys (lk_…, stored as SHA-256) and users' tokens (JWTs made by the LMS).
 * A site key of an LMS back end names the user it speaks for; a user's token speaks for itself alone. Open edX's pages send the token in
 * two cookies, and the console's a cookie that stands for a key.
 */
#include "api/console.h"
#include "api/cookies.h"
#include "api/cors.h"
#include "api/door.h"
#include "api/ollama.h"
#include "api/peers.h"
#include "api/sign_in.h"
#include "base/log.h"
#include "base/secret.h"
#include "core/admin.h"
#include "core/lms_roles.h"
#include "io/jwks_cache.h"
#include "io/jwt.h"

enum { ROLES_MAX = 64 };

static unsigned role_bit(struct lt_str name)
{
    int role = lt_role_parse(name);
    return role >= 0 && role != LT_ROLE_SERVICE ? 1u << role : 0; /* "service" is what a key is, nobody can claim it */
}

static unsigned role_bits(const struct lt_json *roles)
{
    unsigned bits = lt_json_is(roles, LT_JSON_STRING) ? role_bit(lt_json_str(roles)) : 0;
    for (size_t i = 0; lt_json_is(roles, LT_JSON_ARRAY) && i < lt_json_len(roles) && i < ROLES_MAX; i++)
        bits |= role_bit(lt_json_str(lt_json_at(roles, i)));
    return bits;
}

bool lt_user_id_ok(struct lt_str id)
{
    for (size_t i = 0; i < id.n; i++)
        if ((unsigned char)id.p[i] < 0x20 || id.p[i] == 0x7F)
            return false;
    return id.n > 0 && id.n <= LT_USER_ID_MAX;
}

/* ---- attempts that failed ---- */

static enum lt_code too_many(struct lt_error *err, int wait_s)
{
    lt_fail(err, LT_ERATE_LIMITED, "too many attempts to sign in from this address have failed");
    err->retry_after_s = wait_s;
    return err->code;
}

/* Credentials that are nobody's. Those that have ended are no such: nothing was guessed. */
static enum lt_code failed(struct lt_request *r, struct lt_error *err)
{
    struct lt_ip ip;
    char text[LT_IP_TEXT];
    if (err->code != LT_EUNAUTHENTICATED || !lt_request_client(r, &ip))
        return err->code;
    int wait_s = lt_sign_ins_wait(r->api->sign_ins, &ip, lt_mono_ms());
    if (wait_s > 0)
        return too_many(err, wait_s);
    if (lt_sign_ins_failed(r->api->sign_ins, &ip, lt_mono_ms())) {
        lt_ip_format(&ip, text);
        lt_log(LT_LOG_WARN, "sign_in.many_failed", LT_S("address", text));
    }
    return err->code;
}

/* ---- keys ---- */

enum lt_code lt_auth_as_key(struct lt_request *r, const struct lt_site_key *key, struct lt_error *err)
{
    if (key->expires_at != 0 && key->expires_at <= lt_now_ms())
        return lt_fail(err, LT_EUNAUTHENTICATED, "this key has expired");
    lt_admin_key_used(r->api->options.store, key);
    unsigned roles = key->role == LT_KEY_SITE_ADMIN ? 1u << LT_ROLE_ADMIN : key->role == LT_KEY_SERVICE ? 1u << LT_ROLE_SERVICE : 0;
    r->caller = (struct lt_caller){.site = key->site, .key = key, .roles = roles, .user_id = LT_STR(""), .locale = LT_STR("")};
    return LT_OK;
}

/* Looked up however many have failed: nobody guesses 32 random bytes. */
enum lt_code lt_auth_by_key(struct lt_request *r, struct lt_str text, struct lt_error *err)
{
    uint8_t hash[32];
    lt_sha256(text.p, text.n, hash);
    const struct lt_site_key *key = lt_config_key(r->config, hash);
    if (key)
        return lt_auth_as_key(r, key, err);
    lt_fail(err, LT_EUNAUTHENTICATED, "this key is not known");
    return failed(r, err);
}

/* ---- tokens ---- */

/* `aud` may be one string or several (RFC 7519 §4.1.3): the first that names an issuer of ours counts. */
static const struct lt_jwt_issuer *find_issuer(struct lt_request *r, const struct lt_json *claims)
{
    struct lt_str iss = lt_json_str(lt_json_get(claims, "iss"));
    const struct lt_json *aud = lt_json_get(claims, "aud");
    if (!lt_json_is(aud, LT_JSON_ARRAY))
        return lt_config_issuer(r->config, iss, lt_json_str(aud));
    for (size_t i = 0; i < lt_json_len(aud) && i < ROLES_MAX; i++) {
        const struct lt_jwt_issuer *issuer = lt_config_issuer(r->config, iss, lt_json_str(lt_json_at(aud, i)));
        if (issuer)
            return issuer;
    }
    return NULL;
}

/* The signature by the issuer's key, which may have to be read from its address first. */
static enum lt_code check_signature(struct lt_request *r, struct lt_str token, const struct lt_jwt_issuer *issuer, struct lt_str kid,
                                    struct lt_error *err)
{
    struct lt_jwt_key key = {issuer->alg, issuer->secret, issuer->keys};
    if (issuer->jwks_url.n > 0 &&
        lt_jwks_cache_get(r->api->keys, r->http->loop, r->arena, issuer->jwks_url, issuer->alg, kid, &key.keys, err))
        return err->code;
    enum lt_code rc = lt_jwt_check_signature(r->arena, token, &key, kid, err);
    struct lt_error why;
    bool newer = rc == LT_EUNAUTHENTICATED && issuer->jwks_url.n > 0 &&
                 lt_jwks_cache_newer(r->api->keys, r->http->loop, r->arena, issuer->jwks_url, issuer->alg, kid, key.keys, &key.keys, &why) == LT_OK;
    return newer ? lt_jwt_check_signature(r->arena, token, &key, kid, err) : rc;
}

/* A string, or a whole number as it is written: Open edX has `user_id` so, Moodle its courses. */
static struct lt_str text_of(const struct lt_json *v)
{
    int64_t number;
    return lt_json_int64(v, &number) ? lt_json_number_text(v) : lt_json_str(v);
}

/* What cannot be read must not count as absent: the token would be good for all courses. */
static enum lt_code course_of(const struct lt_json *claims, struct lt_str *ret, struct lt_error *err)
{
    const struct lt_json *v = lt_json_get(claims, "course_id");
    bool absent = !v || lt_json_is(v, LT_JSON_NULL);
    *ret = absent ? LT_STR("") : text_of(v);
    return ret->p ? LT_OK : lt_fail(err, LT_EUNAUTHENTICATED, "the token's claim 'course_id' must be a text or a whole number");
}

/* The same here: everybody would be seen. */
static enum lt_code visible_of(struct lt_arena *arena, const struct lt_json *claims, const struct lt_json **ret, struct lt_error *err)
{
    struct lt_lms_visible ignored;
    *ret = lt_json_get(claims, "visible_users");
    if (lt_lms_visible_of(arena, *ret, &ignored, err) == LT_OK)
        return LT_OK;
    return lt_fail(err, LT_EUNAUTHENTICATED, "the token's claim 'visible_users' must be an array of at most %d texts or whole numbers", LT_LMS_VISIBLE_MAX);
}

/* Open edX says who runs the platform in claims of their own, and nothing of roles: whoever may sign in there is a student at least. */
static unsigned token_roles(const struct lt_json *claims)
{
    const struct lt_json *roles = lt_json_get(claims, "roles");
    bool admin = lt_json_bool_or(lt_json_get(claims, "administrator"), false) || lt_json_bool_or(lt_json_get(claims, "superuser"), false);
    return (roles ? role_bits(roles) : 1u << LT_ROLE_STUDENT) | (admin ? 1u << LT_ROLE_ADMIN : 0);
}

/* While an address must wait, only those are looked at who have signed in well from there. */
static enum lt_code verify(struct lt_request *r, struct lt_str token, const struct lt_jwt_issuer *issuer, struct lt_str kid, struct lt_str user,
                           struct lt_error *err)
{
    struct lt_ip ip;
    if (!lt_request_client(r, &ip))
        return check_signature(r, token, issuer, kid, err);
    struct lt_sign_ins *s = r->api->sign_ins;
    uint64_t who = lt_sign_ins_who(s, &ip, issuer->iss, issuer->aud, user);
    int wait_s = lt_sign_ins_known(s, who) ? 0 : lt_sign_ins_wait(s, &ip, lt_mono_ms());
    if (wait_s > 0)
        return too_many(err, wait_s);
    enum lt_code rc = check_signature(r, token, issuer, kid, err);
    if (rc == LT_OK)
        lt_sign_ins_keep(s, who);
    else if (rc == LT_EUNAUTHENTICATED)
        lt_sign_ins_forget(s, who);
    return rc == LT_EUNAUTHENTICATED ? failed(r, err) : rc;
}

/* Header and claims, and whose key it should be signed with. */
static enum lt_code read_token(struct lt_request *r, struct lt_str token, const struct lt_json **ret_claims, const struct lt_jwt_issuer **ret_issuer,
                               struct lt_str *ret_kid, struct lt_error *err)
{
    const struct lt_json *header;
    if (lt_jwt_peek(r->arena, token, &header, ret_claims, err))
        return err->code;
    *ret_issuer = find_issuer(r, *ret_claims);
    if (!*ret_issuer)
        return lt_fail(err, LT_EUNAUTHENTICATED, "no site takes tokens of this issuer and audience");
    return lt_jwt_check_header(header, (*ret_issuer)->alg, ret_kid, err);
}

/* OpenID Connect Core 1.0 §5.1: the whole name, or its parts. */
static struct lt_str name_of(struct lt_arena *arena, const struct lt_json *claims)
{
    struct lt_str whole = lt_json_str_or(lt_json_get(claims, "name"), LT_STR(""));
    if (whole.n > 0)
        return whole;
    return lt_str_trim(lt_printf(arena, "%.*s %.*s", LT_FMT(lt_json_str(lt_json_get(claims, "given_name"))),
                                 LT_FMT(lt_json_str(lt_json_get(claims, "family_name")))));
}

static enum lt_code by_token(struct lt_request *r, struct lt_str token, struct lt_error *err)
{
    const struct lt_json *claims = NULL, *visible = NULL;
    const struct lt_jwt_issuer *issuer = NULL;
    struct lt_str kid = LT_STR_NULL, course;
    if (read_token(r, token, &claims, &issuer, &kid, err))
        return failed(r, err);
    struct lt_str user = text_of(lt_json_get_str(claims, issuer->user_claim));
    if (lt_jwt_check_times(claims, err) || verify(r, token, issuer, kid, user, err))
        return err->code;
    if (!lt_user_id_ok(user))
        return lt_fail(err, LT_EUNAUTHENTICATED, "the token's claim '%.*s' must be 1 to %d bytes without control characters",
                       LT_FMT(issuer->user_claim), LT_USER_ID_MAX);
    if (course_of(claims, &course, err) || visible_of(r->arena, claims, &visible, err))
        return err->code;
    r->caller = (struct lt_caller){.site = issuer->site,
                                   .user_id = user,
                                   .locale = lt_json_str_or(lt_json_get(claims, "locale"), LT_STR("")),
                                   .name = name_of(r->arena, claims),
                                   .roles = token_roles(claims),
                                   .is_user = true,
                                   .token = token,
                                   .visible_users = visible,
                                   .only_course = course};
    return LT_OK;
}

/* ---- Open edX's cookies ---- */

static bool is_safe(struct lt_str method) /* RFC 9110 §9.2.1 */
{
    return lt_str_is(method, "GET") || lt_str_is(method, "HEAD") || lt_str_is(method, "OPTIONS");
}

static bool wants_cookies(struct lt_request *r)
{
    struct lt_str wish = lt_http_field(&r->http->head, "USE-JWT-COOKIE", NULL);
    bool no = wish.n == 0 || lt_str_is(wish, "0") || lt_str_eq_ci(wish, LT_STR("false"));
    return !no && (r->route->flags & LT_ROUTE_COOKIES);
}

/*
 * Browsers send cookies with whatever a page of anybody's asks. What changes something must come from the platform's own pages (Origin),
 * and carry what only they can know: the token that is in Django's cookie too, if that one came along.
 */
static enum lt_code check_forgery(struct lt_request *r, struct lt_error *err)
{
    const struct lt_http_head *head = &r->http->head;
    bool two_origins = false, two_tokens = false;
    struct lt_str origin = lt_http_field(head, "Origin", &two_origins), token = lt_http_field(head, "X-CSRFToken", &two_tokens), cookie;
    if (origin.n == 0 || two_origins)
        return lt_fail(err, LT_EPERMISSION, "signed in by cookies: exactly one Origin field is needed");
    if (!lt_request_own_origin(r, origin) && !lt_cors_listed(r->caller.site, origin))
        return lt_fail(err, LT_EPERMISSION, "signed in by cookies: Origin is neither this host nor one of the site's cors_origins");
    if (token.n == 0 || two_tokens)
        return lt_fail(err, LT_EPERMISSION, "signed in by cookies: exactly one X-CSRFToken field is needed");
    if (lt_cookie_get(head, "csrftoken", &cookie, err))
        return err->code = LT_EPERMISSION;
    if (cookie.p && !lt_csrf_same(cookie, token))
        return lt_fail(err, LT_EPERMISSION, "signed in by cookies: X-CSRFToken is not that of the cookie csrftoken");
    return LT_OK;
}

static enum lt_code by_cookies(struct lt_request *r, struct lt_error *err)
{
    struct lt_str payload, signature;
    if (lt_cookie_get(&r->http->head, "edx-jwt-cookie-header-payload", &payload, err) ||
        lt_cookie_get(&r->http->head, "edx-jwt-cookie-signature", &signature, err))
        return err->code = LT_EUNAUTHENTICATED;
    if (payload.n == 0 || signature.n == 0)
        return lt_fail(err, LT_EUNAUTHENTICATED, "USE-JWT-COOKIE is set, but the two cookies of the token did not both come along");
    if (by_token(r, lt_printf(r->arena, "%.*s.%.*s", LT_FMT(payload), LT_FMT(signature)), err))
        return err->code;
    return is_safe(r->http->head.method) ? LT_OK : check_forgery(r, err);
}

enum lt_code lt_auth_check(struct lt_request *r, struct lt_error *err)
{
    bool twice;
    struct lt_str field = lt_http_field(&r->http->head, "Authorization", &twice), key;
    if (lt_peer_asks(r))
        return lt_peer_check(r, err);
    if (lt_ollama_key(r, &key, err))
        return err->code;
    if (key.p)
        return lt_auth_by_key(r, key, err);
    if (!field.p && wants_cookies(r))
        return by_cookies(r, err);
    if (!field.p && lt_console_asked(r))
        return lt_console_check(r, err);
    if (!field.p || twice)
        return lt_fail(err, LT_EUNAUTHENTICATED, twice ? "more than one Authorization field" : "no Authorization field");
    struct lt_str credentials = field, scheme = lt_str_cut(&credentials, ' ');
    credentials = lt_str_trim(credentials);
    bool bearer = lt_str_eq_ci(scheme, LT_STR("Bearer"));
    if (!bearer && !lt_str_eq_ci(scheme, LT_STR("JWT")))
        return lt_fail(err, LT_EUNAUTHENTICATED, "the Authorization field must be 'Bearer' and a site key or a token");
    if (bearer && lt_str_starts(credentials, LT_STR("lk_")))
        return lt_auth_by_key(r, credentials, err);
    return by_token(r, credentials, err);
}

/* A service key that names a user has that user's roles and no others; an admin key stays what it is. */
static void speak_for(struct lt_request *r, struct lt_str id, unsigned roles, struct lt_str locale)
{
    r->caller.user_id = id;
    r->caller.locale = locale;
    r->caller.roles = r->caller.key->role == LT_KEY_SITE_ADMIN ? r->caller.roles | roles : roles;
}

/*
 * With `as_named` the caller becomes what that user's own token would make of it: nothing of the key is left, so that the key's rights are no part
 * of what the user may do. Who may see how calls are made may look at them so.
 */
static enum lt_code ask_as(struct lt_request *r, struct lt_str id, unsigned roles, struct lt_str locale, struct lt_error *err)
{
    if (!lt_permitted(&r->caller, "view_trace", LT_STR_NULL))
        return lt_fail_field(err, LT_EPERMISSION, "/as_named", "no role of the caller has the permission 'view_trace'");
    r->asker = LT_NEW(r->arena, struct lt_caller);
    *r->asker = r->caller;
    r->caller = (struct lt_caller){
        .site = r->asker->site, .user_id = id, .locale = locale, .roles = roles, .is_user = true, .only_course = LT_STR(""), .token = LT_STR("")};
    return LT_OK;
}

static enum lt_code nobody_named(struct lt_error *err)
{
    return lt_fail_field(err, LT_EINVALID_INPUT, "/as_named", "needs the user who is named, and is for site keys alone");
}

static enum lt_code user_of_query(struct lt_request *r, struct lt_error *err)
{
    struct lt_str id, role, as_named = lt_query(r, "as_named");
    bool as = lt_str_is(as_named, "true");
    if (as_named.n > 0 && !as && !lt_str_is(as_named, "false"))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/as_named", "must be true or false");
    if (!lt_query_get(r->arena, r->http->head.query, "user_id", &id))
        return as ? nobody_named(err) : LT_OK;
    if (r->caller.is_user && !lt_str_eq(id, r->caller.user_id))
        return lt_fail_field(err, LT_EPERMISSION, "/user_id", "a user's token speaks for its own user only");
    if (r->caller.is_user)
        return as ? nobody_named(err) : LT_OK;
    if (!lt_user_id_ok(id)) /* "" too: a back end that lost its user's id must not get a back end's view */
        return lt_fail_field(err, LT_EINVALID_INPUT, "/user_id", LT_USER_ID_RULE);
    unsigned roles = 0;
    for (int i = 0; i < ROLES_MAX && lt_query_get_at(r->arena, r->http->head.query, "role", i, &role); i++)
        roles |= role_bit(role);
    if (as)
        return ask_as(r, id, roles, LT_STR(""), err);
    speak_for(r, id, roles, LT_STR(""));
    return LT_OK;
}

enum lt_code lt_auth_user(struct lt_request *r, struct lt_error *err)
{
    if (strcmp(r->route->method, "GET") == 0 || strcmp(r->route->method, "DELETE") == 0)
        return user_of_query(r, err);
    const struct lt_json *user = lt_json_get(r->body, "user");
    const struct lt_door *door = lt_door_of(r->http->head.path);
    bool as = !door && lt_json_bool_or(lt_json_get(r->body, "as_named"), false);
    if (!user && as)
        return nobody_named(err);
    if (!user || (door && (r->caller.is_user || door->user))) /* there, a member that is not known is as absent */
        return LT_OK;
    if (r->caller.is_user)
        return lt_fail_field(err, LT_EPERMISSION, "/user", "a user's token speaks for its own user; only site keys name one");
    if (!lt_user_id_ok(lt_json_str(lt_json_get(user, "id"))))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/user/id", LT_USER_ID_RULE);
    struct lt_str id = lt_json_str(lt_json_get(user, "id")), locale = lt_json_str_or(lt_json_get(user, "locale"), LT_STR(""));
    unsigned roles = role_bits(lt_json_get(user, "roles"));
    if (as && ask_as(r, id, roles, locale, err))
        return err->code;
    if (!as)
        speak_for(r, id, roles, locale);
    r->caller.name = lt_json_str_or(lt_json_get(user, "name"), LT_STR(""));
    return LT_OK;
}

enum lt_code lt_auth_need_user(struct lt_request *r, struct lt_error *err)
{
    if (r->caller.user_id.n > 0)
        return LT_OK;
    bool by_query = strcmp(r->route->method, "GET") == 0 || strcmp(r->route->method, "DELETE") == 0;
    return lt_fail_field(err, LT_EINVALID_INPUT, by_query ? "/user_id" : "/user", "a site key must name the user this is about");
}
