/* Which host and scheme the client asked: told by Host, or by a proxy that we trust. */
#include "api/request.h"
#include "io/address.h"
#include "workflows/scope.h"

enum { HOST_MAX = 261 /* a name, a colon, a port */ };

/* Where ":port" begins; the end when there is none. The colons of an IPv6 address stand in brackets. */
static size_t port_at(struct lt_str host)
{
    for (size_t i = host.n; i > 0 && host.p[i - 1] != ']'; i--)
        if (host.p[i - 1] == ':')
            return i - 1;
    return host.n;
}

static bool is_proxy(struct lt_request *r, const struct lt_ip *ip)
{
    for (size_t i = 0; i < r->api->options.proxies_n; i++)
        if (lt_network_has(&r->api->options.proxies[i], ip))
            return true;
    return false;
}

/* With or without a port. */
static bool read_ip(struct lt_str text, struct lt_ip *ret)
{
    return lt_ip_parse(text, ret) || lt_ip_parse((struct lt_str){text.p, port_at(text)}, ret);
}

static bool from_proxy(struct lt_request *r)
{
    struct lt_ip ip;
    struct lt_str peer = lt_str(r->http->peer);
    return lt_ip_parse((struct lt_str){peer.p, port_at(peer)}, &ip) && is_proxy(r, &ip);
}

/* The last element of a list field, however many lines it came in: the one that the proxy nearest to us wrote. */
static struct lt_str last_of(const struct lt_http_head *head, struct lt_str name)
{
    struct lt_str last = LT_STR_NULL;
    for (size_t i = 0; i < head->fields_n; i++) {
        struct lt_str rest = head->fields[i].value;
        while (lt_str_eq_ci(head->fields[i].name, name) && rest.n > 0)
            last = lt_str_trim(lt_str_cut(&rest, ','));
    }
    return last;
}

/* A name or address, perhaps with a port; what else a field may hold is no host. */
static bool is_host(struct lt_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        bool letter = (s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= 'A' && s.p[i] <= 'Z') || (s.p[i] >= '0' && s.p[i] <= '9');
        if (!letter && (s.p[i] == '\0' || !strchr("-._:[]", s.p[i])))
            return false;
    }
    return s.n > 0 && s.n <= HOST_MAX;
}

struct lt_str lt_request_host(struct lt_request *r)
{
    struct lt_str told = from_proxy(r) ? last_of(&r->http->head, LT_STR("X-Forwarded-Host")) : LT_STR_NULL;
    struct lt_str host = is_host(told) ? told : r->http->head.host;
    return host.p ? host : LT_STR("");
}

/* The elements of X-Forwarded-For, as if they had come in one line. */
static size_t hops_of(struct lt_request *r, struct lt_str **ret)
{
    const struct lt_http_head *head = &r->http->head;
    const struct lt_str name = LT_STR("X-Forwarded-For");
    size_t n = 0, max = 0;
    for (size_t i = 0; i < head->fields_n; i++)
        max += lt_str_eq_ci(head->fields[i].name, name) ? 1 + head->fields[i].value.n / 2 : 0;
    *ret = LT_NEW_ARRAY(r->arena, struct lt_str, max);
    for (size_t i = 0; i < head->fields_n; i++) {
        struct lt_str rest = head->fields[i].value;
        while (lt_str_eq_ci(head->fields[i].name, name) && rest.n > 0) {
            struct lt_str hop = lt_str_trim(lt_str_cut(&rest, ','));
            if (hop.n > 0)
                (*ret)[n++] = hop;
        }
    }
    return n;
}

/* Each proxy appends whom it was asked by: what stands before the last one that we do not trust may be anybody's words. */
bool lt_request_client(struct lt_request *r, struct lt_ip *ret)
{
    struct lt_str peer = lt_str(r->http->peer), *hops;
    if (!lt_ip_parse((struct lt_str){peer.p, port_at(peer)}, ret))
        return false;
    if (is_proxy(r, ret))
        for (size_t n = hops_of(r, &hops); n > 0 && is_proxy(r, ret); n--)
            if (!read_ip(hops[n - 1], ret))
                return false;
    return !is_proxy(r, ret) && lt_ip_kind_of(ret) != LT_IP_LOOPBACK;
}

const char *lt_request_scheme(struct lt_request *r)
{
    struct lt_str told = from_proxy(r) ? last_of(&r->http->head, LT_STR("X-Forwarded-Proto")) : LT_STR_NULL;
    if (lt_str_eq_ci(told, LT_STR("https")) || lt_str_eq_ci(told, LT_STR("http")))
        return told.n == 5 ? "https" : "http";
    return r->api->options.https ? "https" : "http";
}

/* Without a port that the scheme has anyway. */
static struct lt_str without_default_port(struct lt_str host, bool https)
{
    size_t at = port_at(host);
    struct lt_str port = {host.p + at, host.n - at};
    return lt_str_is(port, https ? ":443" : ":80") ? (struct lt_str){host.p, at} : host;
}

bool lt_request_own_origin(struct lt_request *r, struct lt_str origin)
{
    const char *scheme = lt_request_scheme(r);
    bool https = strcmp(scheme, "https") == 0;
    struct lt_str before = https ? LT_STR("https://") : LT_STR("http://");
    if (origin.n <= before.n || !lt_str_eq_ci((struct lt_str){origin.p, before.n}, before))
        return false;
    struct lt_str host = {origin.p + before.n, origin.n - before.n};
    return lt_str_eq_ci(without_default_port(host, https), without_default_port(lt_request_host(r), https));
}

/* An entry without a port is that host at any port. */
static bool listed(const struct lt_str *hosts, size_t n, struct lt_str host, bool https)
{
    struct lt_str name = {host.p, port_at(host)};
    for (size_t i = 0; i < n; i++)
        if (lt_str_eq_ci(without_default_port(hosts[i], https), host) || lt_str_eq_ci(hosts[i], name))
            return true;
    return false;
}

int lt_request_variant(struct lt_request *r)
{
    const struct lt_site *site = r->caller.site;
    if (!site || site->cms_hosts_n == 0)
        return LT_SERVICE_LMS;
    bool https = strcmp(lt_request_scheme(r), "https") == 0;
    struct lt_str host = without_default_port(lt_request_host(r), https);
    bool lms = listed(site->lms_hosts, site->lms_hosts_n, host, https);
    return !lms && listed(site->cms_hosts, site->cms_hosts_n, host, https) ? LT_SERVICE_CMS : LT_SERVICE_LMS;
}
