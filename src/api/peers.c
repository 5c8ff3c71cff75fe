/* Asking another process for its stream, and being asked. */
#include "api/peers.h"

#include "api/answer.h"
#include "base/secret.h"
#include "core/member.h"
#include "core/sealed.h"
#include "io/http_peer.h"

enum {
    CONNECT_MS = 2000,
    HEAD_MS = 5000,
    IDLE_MS = 20 * 1000, /* then it is asked again, if it lives */
    STREAM_MAX = 512 << 20,
    EVENT_MAX = LT_SSE_EVENT_MAX + 1024,
    USER_HEX = 2 * LT_USER_ID_MAX,
};
static const char field_name[] = "Lectern-Peer", purpose[] = "stream of a peer";

/* ---- the token: KEY EXPIRES SITE USER MAC, parted by blanks; USER and MAC in hex ---- */

static struct lt_str signed_text(struct lt_arena *arena, struct lt_str call, int64_t site_id, struct lt_str user_hex, int64_t expires)
{
    return lt_printf(arena, "%.*s %lld %.*s %lld", LT_FMT(call), (long long)site_id, LT_FMT(user_hex), (long long)expires);
}

static enum lt_code token(struct lt_request *r, struct lt_uuid id, struct lt_str user_id, struct lt_str *ret, struct lt_error *err)
{
    struct lt_keyring *ring;
    char call[37], user[USER_HEX + 1], mac_hex[2 * LT_MAC_SIZE + 1];
    uint8_t mac[LT_MAC_SIZE];
    if (user_id.n > LT_USER_ID_MAX)
        return lt_fail(err, LT_EINTERNAL, "the user's id is too long");
    if (lt_secrets_ring(r->api->options.store, false, &ring, err))
        return err->code;
    int64_t expires = lt_now_ms() + LT_PEER_TOKEN_MS, site_id = r->caller.site->id;
    lt_uuid_format(id, call);
    lt_hex(user_id.p, user_id.n, user);
    lt_keyring_mac(ring, 0, purpose, signed_text(r->arena, lt_str(call), site_id, lt_str(user), expires), mac);
    lt_hex(mac, sizeof(mac), mac_hex);
    *ret = lt_printf(r->arena, "%s %lld %lld %s %s", lt_keyring_id(ring, 0), (long long)expires, (long long)site_id, user_id.n > 0 ? user : "-", mac_hex);
    lt_keyring_free(ring);
    return LT_OK;
}

bool lt_peer_asks(const struct lt_request *r)
{
    return lt_http_field(&r->http->head, field_name, NULL).p != NULL;
}

static struct lt_site *site_by_id(struct lt_config *config, int64_t id)
{
    for (size_t i = 0; i < config->sites_n; i++)
        if (config->sites[i].id == id)
            return &config->sites[i];
    return NULL;
}

static bool read_user(struct lt_arena *arena, struct lt_str hex, struct lt_str *ret)
{
    char *user = lt_alloc(arena, LT_USER_ID_MAX);
    *ret = (struct lt_str){user, hex.n / 2};
    return hex.n % 2 == 0 && hex.n <= USER_HEX && lt_unhex(hex, (uint8_t *)user, hex.n / 2);
}

static bool mac_ok(struct lt_request *r, struct lt_str key, struct lt_str text, struct lt_str mac_hex)
{
    struct lt_keyring *ring;
    struct lt_error err;
    uint8_t mac[LT_MAC_SIZE];
    if (mac_hex.n != 2 * LT_MAC_SIZE || !lt_unhex(mac_hex, mac, sizeof(mac)) || lt_secrets_ring(r->api->options.store, false, &ring, &err))
        return false;
    bool ok = lt_keyring_mac_ok(ring, key, purpose, text, (struct lt_str){(const char *)mac, sizeof(mac)}, NULL);
    lt_keyring_free(ring);
    return ok;
}

enum lt_code lt_peer_check(struct lt_request *r, struct lt_error *err)
{
    bool twice;
    int64_t expires = 0, site_id = 0, now = lt_now_ms();
    struct lt_uuid id;
    char call[37];
    struct lt_str rest = lt_http_field(&r->http->head, field_name, &twice), user;
    struct lt_str key = lt_str_cut(&rest, ' '), expires_text = lt_str_cut(&rest, ' '), site_text = lt_str_cut(&rest, ' '), hex = lt_str_cut(&rest, ' ');
    bool ours = r->route->handle == lt_get_call_stream && !twice && lt_uuid_parse(r->params[0], &id);
    if (lt_str_is(hex, "-"))
        hex = LT_STR("");
    if (!ours || !lt_str_to_int64(expires_text, &expires) || !lt_str_to_int64(site_text, &site_id) || !read_user(r->arena, hex, &user))
        return lt_fail(err, LT_EUNAUTHENTICATED, "%s is not valid here", field_name);
    lt_uuid_format(id, call);
    if (expires < now || expires > now + 2 * LT_PEER_TOKEN_MS || !mac_ok(r, key, signed_text(r->arena, lt_str(call), site_id, hex, expires), rest))
        return lt_fail(err, LT_EUNAUTHENTICATED, "%s is not valid: its key is not known here, or it has expired (are the clocks right?)", field_name);
    struct lt_site *site = site_by_id(r->config, site_id);
    if (!site)
        return lt_fail(err, LT_EUNAUTHENTICATED, "the site has gone");
    r->caller = (struct lt_caller){.site = site, .user_id = user, .is_user = true, .locale = LT_STR(""), .only_course = LT_STR(""), .token = LT_STR("")};
    return LT_OK;
}

/* ---- asking ---- */

static enum lt_code ask(struct lt_request *r, struct lt_uuid id, struct lt_str user_id, uint64_t after, struct lt_http_reply **ret, struct lt_error *err)
{
    struct lt_member owner;
    struct lt_str with;
    char call[37];
    *ret = NULL;
    if (lt_member_of_call(r->api->options.store, r->arena, id, &owner, err))
        return err->code;
    if (owner.advertised.n == 0 || owner.dead_at > 0)
        return lt_fail(err, LT_EUPSTREAM_UNAVAILABLE, "the process that runs the call is dead, or has told no address");
    if (token(r, id, user_id, &with, err))
        return err->code;
    lt_uuid_format(id, call);
    const struct lt_http_field fields[] = {{lt_str(field_name), with},
                                           {LT_STR("Accept"), LT_STR("text/event-stream")},
                                           {LT_STR("Last-Event-ID"), lt_printf(r->arena, "%llu", (unsigned long long)after)}};
    const struct lt_http_call c = {.method = "GET",
                                   .url = lt_printf(r->arena, "%.*s/v1/actions/calls/%s/stream", LT_FMT(owner.advertised), call),
                                   .fields = fields,
                                   .fields_n = LT_COUNT(fields),
                                   .tls = r->api->options.tls,
                                   .connect_ms = CONNECT_MS,
                                   .first_byte_ms = HEAD_MS,
                                   .idle_ms = IDLE_MS,
                                   .max_body = STREAM_MAX};
    return lt_http_send_peer(r->http->loop, &c, ret, err);
}

/* Length of what is whole events: each ends with an empty line. */
static size_t whole_events(struct lt_str text)
{
    size_t whole = 0;
    for (size_t at = 0, eol; at < text.n; at = eol + 1) {
        const char *lf = memchr(text.p + at, '\n', text.n - at);
        if (!lf)
            return whole;
        eol = (size_t)(lf - text.p);
        if (eol == at)
            whole = eol + 1;
    }
    return whole;
}

/* The number of the last one, and whether it is the end. */
static void note(struct lt_str events, uint64_t *after, bool *ended)
{
    while (events.n > 0) {
        struct lt_str line = lt_str_cut(&events, '\n');
        int64_t id;
        if (lt_str_starts(line, LT_STR("id: ")) && lt_str_to_int64((struct lt_str){line.p + 4, line.n - 4}, &id) && id > 0)
            *after = (uint64_t)id;
        else if (lt_str_is(line, "event: done") || lt_str_is(line, "event: error"))
            *ended = true;
    }
}

/* Only whole events are passed on, as they came: what the client has is what *after says. */
static enum lt_code pass_on(struct lt_request *r, struct lt_http_reply *reply, uint64_t *after, bool *ended, struct lt_error *err)
{
    struct lt_buf rest;
    struct lt_str piece;
    enum lt_code rc;
    lt_buf_init(&rest, EVENT_MAX);
    while ((rc = lt_http_reply_read(reply, &piece, err)) == LT_OK && piece.n > 0) {
        lt_buf_put_str(&rest, piece);
        size_t n = whole_events(lt_buf_str(&rest));
        if (rest.failed || (n > 0 && lt_http_stream_write(r->http, rest.p, n))) {
            rc = lt_fail(err, LT_ECANCELLED, "the client has left");
            break;
        }
        note((struct lt_str){rest.p, n}, after, ended);
        memmove(rest.p, rest.p + n, rest.n - n);
        rest.n -= n;
    }
    lt_buf_free(&rest);
    return rc;
}

bool lt_peer_follow(struct lt_request *r, struct lt_uuid id, struct lt_str user_id, uint64_t *after, bool *begun)
{
    struct lt_error err;
    struct lt_http_reply *reply;
    bool ended = false;
    if (ask(r, id, user_id, *after, &reply, &err) == LT_OK && lt_http_reply_head(reply)->status == 200) {
        if (lt_call_stream_begin(r, begun) == LT_OK)
            pass_on(r, reply, after, &ended, &err);
    }
    lt_http_reply_close(reply);
    return ended;
}
