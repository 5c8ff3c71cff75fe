/* The rules of where to connect to. Connecting is outbound_connect.c. Fuzzed by tests/fuzz/fuzz_outbound.c. */
#include "io/outbound.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/secret.h"
#include "io/address.h"
#include "io/http1.h"
#include "io/outbound_private.h"

enum { SHOWN = 100 /* bytes of a host or entry in an error's text */ };

struct list {
    char *text; /* the names point into it */
    struct lt_str names[LT_OUTBOUND_ENTRIES_MAX];
    struct lt_network networks[LT_OUTBOUND_ENTRIES_MAX];
    size_t names_n, networks_n;
};

/* Set at start, then only read. */
static struct {
    struct list allow, no_proxy;
    bool never_by_proxy; /* NO_PROXY=* */
    bool with_proxy;
    struct lt_outbound_proxy proxy;
} rules;

/* ---- hosts ---- */

/* A URL's host. */
struct host {
    struct lt_str name; /* without brackets and without a dot at its end */
    bool is_ip;
    struct lt_ip ip;
};

static struct host host_of(struct lt_str text)
{
    struct host h = {.name = text};
    h.is_ip = lt_ip_parse(text, &h.ip);
    if (!h.is_ip && h.name.n > 1 && h.name.p[h.name.n - 1] == '.')
        h.name.n--;
    return h;
}

/* Does it end in a number? Then some resolvers take it for an address in a short form: 127.1, 0x7f000001. */
static bool ends_in_number(struct lt_str name)
{
    size_t from = name.n;
    while (from > 0 && name.p[from - 1] != '.')
        from--;
    struct lt_str last = {name.p + from, name.n - from};
    bool hex = last.n >= 2 && last.p[0] == '0' && (last.p[1] | 0x20) == 'x';
    for (size_t i = hex ? 2 : 0; i < last.n; i++)
        if (last.p[i] < '0' || last.p[i] > '9')
            if (!hex || (last.p[i] | 0x20) < 'a' || (last.p[i] | 0x20) > 'f')
                return false;
    return last.n > 0;
}

static bool is_name(struct lt_str s)
{
    if (s.n == 0 || s.n > 253 || s.p[0] == '.' || s.p[s.n - 1] == '.' || ends_in_number(s))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        if (!word && (c != '.' || s.p[i - 1] == '.'))
            return false;
    }
    return true;
}

/* Means this machine by its very text: http to it does not leave the machine, whatever a name server says. */
static bool is_literal_loopback(const struct host *h)
{
    static const struct lt_ip v6 = {{[15] = 1}};
    if (!h->is_ip)
        return lt_str_eq_ci(h->name, LT_STR("localhost")); /* RFC 6761 §6.3 */
    return lt_ip_kind_of(&h->ip) == LT_IP_LOOPBACK && (lt_ip_is_v4(&h->ip) || memcmp(&h->ip, &v6, sizeof(v6)) == 0);
}

/* Names of services that give out credentials. Their addresses are link-local too; a name says it sooner and better. */
static bool is_metadata(struct lt_str name)
{
    static const char *const names[] = {"metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal"};
    for (size_t i = 0; i < LT_COUNT(names); i++)
        if (lt_str_eq_ci(name, lt_str(names[i])))
            return true;
    return false;
}

/* ---- lists ---- */

static bool has_network(const struct list *l, const struct lt_ip *ip)
{
    for (size_t i = 0; i < l->networks_n; i++)
        if (lt_network_has(&l->networks[i], ip))
            return true;
    return false;
}

static bool has_name(const struct list *l, struct lt_str name)
{
    for (size_t i = 0; i < l->names_n; i++)
        if (lt_str_eq_ci(l->names[i], name))
            return true;
    return false;
}

static bool has_host(const struct list *l, const struct host *h)
{
    return h->is_ip ? has_network(l, &h->ip) : has_name(l, h->name);
}

/* Takes one entry; false when it is neither name nor address nor network. */
static bool add(struct list *l, struct lt_str entry)
{
    if (lt_network_parse(entry, &l->networks[l->networks_n])) {
        l->networks_n++;
        return true;
    }
    if (!is_name(entry))
        return false;
    l->names[l->names_n++] = entry;
    return true;
}

static bool is_full(const struct list *l)
{
    return l->names_n == LT_OUTBOUND_ENTRIES_MAX || l->networks_n == LT_OUTBOUND_ENTRIES_MAX;
}

static void list_free(struct list *l)
{
    free(l->text);
    *l = (struct list){0};
}

static char *copy(const char *text)
{
    char *z = strdup(text);
    if (!z)
        lt_out_of_memory(0);
    return z;
}

static enum lt_code read_allow(struct list *l, const char *text, struct lt_error *err)
{
    *l = (struct list){.text = copy(text ? text : "")};
    struct lt_str rest = lt_str(l->text);
    while (rest.n > 0) {
        struct lt_str entry = lt_str_trim(lt_str_cut(&rest, ','));
        if (is_full(l))
            return lt_fail(err, LT_ECONFIG, "outbound_allow: more than %d entries", LT_OUTBOUND_ENTRIES_MAX);
        if (!add(l, entry))
            return lt_fail(err, LT_ECONFIG, "outbound_allow: '%.*s' is neither a host name nor an IP address nor a network such as 10.1.0.0/16",
                           entry.n < SHOWN ? (int)entry.n : SHOWN, entry.p ? entry.p : "");
    }
    return LT_OK;
}

enum lt_code lt_outbound_check_allow(const char *allow, struct lt_error *err)
{
    struct list *l = malloc(sizeof(*l));
    if (!l)
        lt_out_of_memory(0);
    enum lt_code rc = read_allow(l, allow, err);
    list_free(l);
    free(l);
    return rc;
}

/* As other programs take it: "*", names (which mean what ends in them too), addresses, networks. What is none of these is ignored. */
static void read_no_proxy(const char *text)
{
    struct list *l = &rules.no_proxy;
    *l = (struct list){.text = copy(text ? text : "")};
    struct lt_str rest = lt_str(l->text);
    while (rest.n > 0 && !is_full(l)) {
        struct lt_str entry = lt_str_trim(lt_str_cut(&rest, ','));
        if (lt_str_is(entry, "*"))
            rules.never_by_proxy = true;
        if (entry.n > 1 && entry.p[0] == '.')
            entry = (struct lt_str){entry.p + 1, entry.n - 1};
        add(l, entry);
    }
}

static bool past_proxy(const struct host *h)
{
    if (rules.never_by_proxy || is_literal_loopback(h))
        return true;
    if (h->is_ip)
        return has_network(&rules.no_proxy, &h->ip);
    for (size_t i = 0; i < rules.no_proxy.names_n; i++) {
        struct lt_str end = rules.no_proxy.names[i];
        size_t before = h->name.n - end.n;
        if (h->name.n >= end.n && lt_str_eq_ci((struct lt_str){h->name.p + before, end.n}, end) && (before == 0 || h->name.p[before - 1] == '.'))
            return true;
    }
    return false;
}

/* ---- the proxy ---- */

/* "USER:PASSWORD" with %XX → "Basic …" (RFC 7617). */
static bool set_credentials(struct lt_arena *arena, struct lt_str userinfo)
{
    struct lt_str plain;
    char *out = rules.proxy.authorization;
    if (!lt_percent_decode(arena, userinfo, false, &plain) || plain.n > (sizeof(rules.proxy.authorization) - 8) / 4 * 3)
        return false;
    memcpy(out, "Basic ", 6);
    EVP_EncodeBlock((unsigned char *)out + 6, (const unsigned char *)plain.p, (int)plain.n);
    lt_wipe((char *)(uintptr_t)plain.p, plain.n);
    return true;
}

static enum lt_code read_proxy(struct lt_arena *arena, struct lt_str text, struct lt_error *err)
{
    struct lt_str http = LT_STR("http://");
    if (memmem(text.p, text.n, "://", 3)) {
        if (text.n < http.n || !lt_str_eq_ci((struct lt_str){text.p, http.n}, http))
            return lt_fail(err, LT_ECONFIG, "HTTPS_PROXY: only proxies at http:// are supported");
        text = (struct lt_str){text.p + http.n, text.n - http.n};
    }
    const char *at = memrchr(text.p, '@', text.n);
    if (at) {
        if (!set_credentials(arena, (struct lt_str){text.p, (size_t)(at - text.p)}))
            return lt_fail(err, LT_ECONFIG, "HTTPS_PROXY: user and password cannot be read");
        text = (struct lt_str){at + 1, (size_t)(text.p + text.n - at - 1)};
    }
    if (lt_url_parse(lt_printf(arena, "http://%.*s", LT_FMT(text)), &rules.proxy.url, err)) {
        err->code = LT_ECONFIG;
        return lt_error_wrap(err, "HTTPS_PROXY");
    }
    rules.proxy.url.authority = rules.proxy.url.path = LT_STR_NULL; /* they point into the arena */
    rules.with_proxy = true;
    return LT_OK;
}

const struct lt_outbound_proxy *lt_outbound_proxy(void)
{
    return rules.with_proxy ? &rules.proxy : NULL;
}

static const char *environment(const char *upper, const char *lower)
{
    const char *text = getenv(upper);
    return text && *text ? text : getenv(lower);
}

enum lt_code lt_outbound_setup(const struct lt_outbound_options *options, struct lt_error *err)
{
    const char *proxy = options->use_environment ? environment("HTTPS_PROXY", "https_proxy") : options->proxy;
    list_free(&rules.allow);
    list_free(&rules.no_proxy);
    memset(&rules, 0, sizeof(rules));
    read_no_proxy(options->use_environment ? environment("NO_PROXY", "no_proxy") : options->no_proxy);
    enum lt_code rc = read_allow(&rules.allow, options->allow, err);
    if (rc == LT_OK && proxy && *proxy) {
        struct lt_arena *arena = lt_arena_new();
        rc = read_proxy(arena, lt_str(proxy), err);
        lt_arena_free(arena);
    }
    return rc;
}

bool lt_outbound_by_proxy(const struct lt_url *url)
{
    struct host h = host_of(lt_str(url->host));
    return url->https && rules.with_proxy && !past_proxy(&h);
}

/* ---- the decisions ---- */

static enum lt_code refuse(struct lt_error *err, const struct host *h, const char *why)
{
    return lt_fail(err, LT_EOUTBOUND_REFUSED, "%.*s: %s", h->name.n < SHOWN ? (int)h->name.n : SHOWN, h->name.p, why);
}

static bool may_connect(const struct host *h, const struct lt_ip *ip)
{
    enum lt_ip_kind kind = lt_ip_kind_of(ip);
    if (kind == LT_IP_NEVER)
        return false;
    if (kind == LT_IP_PUBLIC || has_network(&rules.allow, ip) || (kind == LT_IP_LOOPBACK && is_literal_loopback(h)))
        return true;
    return kind != LT_IP_LINK_LOCAL && !h->is_ip && has_name(&rules.allow, h->name);
}

static enum lt_code check_ip(const struct host *h, const struct lt_ip *ip, struct lt_error *err)
{
    char text[LT_IP_TEXT], why[160];
    if (may_connect(h, ip))
        return LT_OK;
    lt_ip_format(ip, text);
    snprintf(why, sizeof(why), "%s is %s%s", text, lt_ip_kind_name(lt_ip_kind_of(ip)),
             lt_ip_kind_of(ip) == LT_IP_NEVER ? "" : ", which the setting outbound_allow does not have");
    return refuse(err, h, why);
}

enum lt_code lt_outbound_check(const struct lt_url *url, struct lt_error *err)
{
    struct host h = host_of(lt_str(url->host));
    if (!h.is_ip && !is_name(h.name))
        return refuse(err, &h, "neither a host name nor an IP address");
    if (!url->https && !is_literal_loopback(&h) && !has_host(&rules.allow, &h))
        return refuse(err, &h, "http:// is for this machine itself and for hosts that the setting outbound_allow has; use https://");
    if (h.is_ip)
        return lt_outbound_by_proxy(url) && !has_host(&rules.allow, &h) ? refuse(err, &h, "not in outbound_allow, so not sent through the proxy")
                                                                        : check_ip(&h, &h.ip, err);
    if (has_name(&rules.allow, h.name))
        return LT_OK;
    if (is_metadata(h.name))
        return refuse(err, &h, "a metadata service, which the setting outbound_allow does not have");
    if (lt_outbound_by_proxy(url))
        return refuse(err, &h, "would go through the proxy, where its address cannot be checked: only hosts that outbound_allow has may");
    return LT_OK;
}

enum lt_code lt_outbound_check_url(struct lt_str url, struct lt_error *err)
{
    struct lt_url parsed;
    enum lt_code rc = lt_url_parse(url, &parsed, err);
    return rc ? rc : lt_outbound_check(&parsed, err);
}

enum lt_code lt_outbound_check_address(const struct lt_url *url, const struct sockaddr *to, struct lt_error *err)
{
    struct host h = host_of(lt_str(url->host));
    struct lt_ip ip;
    if (!lt_ip_of(to, &ip))
        return refuse(err, &h, "neither IPv4 nor IPv6");
    return check_ip(&h, &ip, err);
}
