/* Addresses of the Web. Fuzzed by tests/fuzz/fuzz_outbound.c. */
#include "io/url.h"

#include "io/http1.h"

static enum lt_code bad(struct lt_error *err, const char *why)
{
    return lt_fail(err, LT_EINVALID_INPUT, "URL: %s", why);
}

/* "host", "host:port", "[v6]:port" → host and port. */
static enum lt_code split_authority(struct lt_url *u, struct lt_error *err)
{
    struct lt_str authority = u->authority, host = authority;
    const char *end = authority.p + authority.n, *colon = NULL;
    if (authority.n > 0 && authority.p[0] == '[') {
        const char *bracket = memchr(authority.p, ']', authority.n);
        if (!bracket)
            return bad(err, "] is missing");
        host.n = (size_t)(bracket + 1 - authority.p);
        colon = bracket + 1 < end ? bracket + 1 : NULL;
    } else if (authority.n > 0) {
        colon = memchr(authority.p, ':', authority.n);
        if (colon)
            host.n = (size_t)(colon - authority.p);
    }
    if (host.n == 0 || host.n >= sizeof(u->host))
        return bad(err, "the host is missing or too long");
    for (size_t i = 0; i < host.n; i++)
        u->host[i] = host.p[i] >= 'A' && host.p[i] <= 'Z' ? (char)(host.p[i] | 0x20) : host.p[i];
    u->host[host.n] = '\0';
    u->port = u->https ? 443 : 80;
    if (colon) {
        int64_t port;
        if (*colon != ':' || !lt_str_to_int64((struct lt_str){colon + 1, (size_t)(end - colon - 1)}, &port) || port < 1 || port > 65535)
            return bad(err, "the port is not a number from 1 to 65535");
        u->port = (int)port;
    }
    return LT_OK;
}

enum lt_code lt_url_parse(struct lt_str text, struct lt_url *ret, struct lt_error *err)
{
    struct lt_str https = LT_STR("https://"), http = LT_STR("http://");
    for (size_t i = 0; i < text.n; i++)
        if ((uint8_t)text.p[i] <= 0x20 || (uint8_t)text.p[i] >= 0x7f || text.p[i] == '#')
            return bad(err, text.p[i] == '#' ? "has a fragment" : "holds a space, a control byte or a byte above 0x7e");
    if (text.n > LT_HTTP_URI_MAX)
        return bad(err, "too long");
    ret->https = text.n >= https.n && lt_str_eq_ci((struct lt_str){text.p, https.n}, https);
    size_t skip = ret->https ? https.n : http.n;
    if (!ret->https && (text.n < http.n || !lt_str_eq_ci((struct lt_str){text.p, http.n}, http)))
        return bad(err, "does not begin with http:// or https://");
    struct lt_str rest = {text.p + skip, text.n - skip};
    size_t n = 0;
    while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
        n++;
    ret->authority = (struct lt_str){rest.p, n};
    ret->path = (struct lt_str){rest.p + n, rest.n - n};
    if (n > 0 && memchr(rest.p, '@', n))
        return bad(err, "user and password in the address are not supported");
    return split_authority(ret, err);
}

struct lt_str lt_url_escape(struct lt_arena *arena, struct lt_str s)
{
    static const char hex[] = "0123456789ABCDEF";
    bool dots = lt_str_is(s, ".") || lt_str_is(s, ".."); /* would go up the path */
    char *p = lt_alloc(arena, 3 * s.n);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z', digit = c >= '0' && c <= '9';
        if (letter || digit || c == '-' || c == '_' || c == '~' || (c == '.' && !dots)) {
            p[n++] = (char)c;
            continue;
        }
        p[n++] = '%';
        p[n++] = hex[c >> 4];
        p[n++] = hex[c & 15];
    }
    return (struct lt_str){p, n};
}
