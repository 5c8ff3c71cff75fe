/* IP addresses as values. Fuzzed by tests/fuzz/fuzz_outbound.c. */
#include "io/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static struct lt_ip from_v4(const void *four)
{
    struct lt_ip ip;
    memcpy(ip.b, mapped, 12);
    memcpy(ip.b + 12, four, 4);
    return ip;
}

bool lt_ip_is_v4(const struct lt_ip *ip)
{
    return memcmp(ip->b, mapped, 12) == 0;
}

bool lt_ip_parse(struct lt_str text, struct lt_ip *ret)
{
    char z[INET6_ADDRSTRLEN];
    struct in_addr v4;
    bool brackets = text.n > 2 && text.p[0] == '[' && text.p[text.n - 1] == ']';
    if (brackets)
        text = (struct lt_str){text.p + 1, text.n - 2};
    if (text.n == 0 || text.n >= sizeof(z) || memchr(text.p, '\0', text.n))
        return false;
    memcpy(z, text.p, text.n);
    z[text.n] = '\0';
    if (inet_pton(AF_INET6, z, ret->b) == 1)
        return true;
    if (brackets || inet_pton(AF_INET, z, &v4) != 1)
        return false;
    *ret = from_v4(&v4);
    return true;
}

bool lt_ip_of(const struct sockaddr *from, struct lt_ip *ret)
{
    if (from->sa_family == AF_INET) {
        *ret = from_v4(&((const struct sockaddr_in *)from)->sin_addr);
        return true;
    }
    if (from->sa_family == AF_INET6)
        memcpy(ret->b, &((const struct sockaddr_in6 *)from)->sin6_addr, 16);
    return from->sa_family == AF_INET6;
}

void lt_ip_format(const struct lt_ip *ip, char out[LT_IP_TEXT])
{
    if (lt_ip_is_v4(ip))
        inet_ntop(AF_INET, ip->b + 12, out, LT_IP_TEXT);
    else
        inet_ntop(AF_INET6, ip->b, out, LT_IP_TEXT);
}

/* ---- kinds ---- */

struct range {
    uint8_t first[16];
    int bits;
    enum lt_ip_kind kind;
};

/* The first that fits counts. */
static const struct range ranges_v4[] = {
    {{0}, 8, LT_IP_NEVER},                      /* 0.0.0.0/8: this network; Linux takes 0.0.0.0 for itself */
    {{10}, 8, LT_IP_PRIVATE},                   /* RFC 1918 */
    {{100, 100, 100, 200}, 32, LT_IP_LINK_LOCAL}, /* Alibaba's metadata */
    {{100, 64}, 10, LT_IP_PRIVATE},             /* RFC 6598: behind a carrier's NAT */
    {{127}, 8, LT_IP_LOOPBACK},
    {{168, 63, 129, 16}, 32, LT_IP_LINK_LOCAL}, /* Azure's platform service */
    {{169, 254}, 16, LT_IP_LINK_LOCAL},         /* RFC 3927; 169.254.169.254 gives out credentials */
    {{172, 16}, 12, LT_IP_PRIVATE},             /* RFC 1918 */
    {{192, 0, 0}, 24, LT_IP_LINK_LOCAL},        /* RFC 6890: protocol assignments; Oracle's metadata */
    {{192, 168}, 16, LT_IP_PRIVATE},            /* RFC 1918 */
    {{198, 18}, 15, LT_IP_PRIVATE},             /* RFC 2544: measuring one's own devices */
    {{224}, 4, LT_IP_NEVER},                    /* multicast */
    {{240}, 4, LT_IP_NEVER},                    /* reserved, and broadcast */
};

static const struct range ranges_v6[] = {
    {{0}, 128, LT_IP_NEVER},                                    /* :: */
    {{[15] = 1}, 128, LT_IP_LOOPBACK},                          /* ::1 */
    {{0x00, 0x64, 0xff, 0x9b, 0, 1}, 48, LT_IP_PRIVATE},        /* RFC 8215: NAT64 of one's own */
    {{0x01, 0x00}, 64, LT_IP_NEVER},                            /* RFC 6666: discard */
    {{0xfd, 0x00, 0x0e, 0xc2}, 32, LT_IP_LINK_LOCAL},           /* Amazon's metadata */
    {{0xfc}, 7, LT_IP_PRIVATE},                                 /* RFC 4193: unique local */
    {{0xfe, 0x80}, 10, LT_IP_LINK_LOCAL},                       /* RFC 4291 */
    {{0xfe, 0xc0}, 10, LT_IP_PRIVATE},                          /* RFC 3879: site-local, once */
    {{0xff}, 8, LT_IP_NEVER},                                   /* multicast */
};

static bool begins(const uint8_t *a, const uint8_t *b, int bits)
{
    int whole = bits / 8, rest = bits % 8;
    return memcmp(a, b, (size_t)whole) == 0 && (rest == 0 || ((a[whole] ^ b[whole]) & (0xff << (8 - rest)) & 0xff) == 0);
}

static enum lt_ip_kind look_up(const uint8_t *b, const struct range *ranges, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (begins(b, ranges[i].first, ranges[i].bits))
            return ranges[i].kind;
    return LT_IP_PUBLIC;
}

static enum lt_ip_kind kind_v4(const uint8_t four[4])
{
    return look_up(four, ranges_v4, LT_COUNT(ranges_v4));
}

enum lt_ip_kind lt_ip_kind_of(const struct lt_ip *ip)
{
    static const uint8_t zeros[12], nat64[12] = {0x00, 0x64, 0xff, 0x9b}, sixtofour[2] = {0x20, 0x02}, teredo[4] = {0x20, 0x01};
    const uint8_t *b = ip->b;
    if (lt_ip_is_v4(ip) || memcmp(b, nat64, 12) == 0) /* RFC 6052 */
        return kind_v4(b + 12);
    if (memcmp(b, sixtofour, 2) == 0) /* RFC 3056 */
        return kind_v4(b + 2);
    if (memcmp(b, teredo, 4) == 0) /* RFC 4380 §4: the client's address is inverted */
        return kind_v4((uint8_t[4]){(uint8_t)~b[12], (uint8_t)~b[13], (uint8_t)~b[14], (uint8_t)~b[15]});
    enum lt_ip_kind kind = look_up(b, ranges_v6, LT_COUNT(ranges_v6));
    if (kind == LT_IP_PUBLIC && memcmp(b, zeros, 12) == 0) /* RFC 4291 §2.5.5.1: compatible */
        return kind_v4(b + 12);
    return kind;
}

const char *lt_ip_kind_name(enum lt_ip_kind kind)
{
    static const char *const names[] = {
        [LT_IP_PUBLIC] = "a public address",
        [LT_IP_LOOPBACK] = "a loopback address",
        [LT_IP_PRIVATE] = "a private address",
        [LT_IP_LINK_LOCAL] = "a link-local or metadata address",
        [LT_IP_NEVER] = "an address that nobody can have",
    };
    return names[kind];
}

/* ---- networks ---- */

bool lt_network_parse(struct lt_str text, struct lt_network *ret)
{
    struct lt_str rest = text, address = lt_str_cut(&rest, '/');
    int64_t bits = -1;
    bool prefix = address.n < text.n;
    if (!lt_ip_parse(address, &ret->ip) || (prefix && (!lt_str_to_int64(rest, &bits) || bits < 0)))
        return false;
    int width = memchr(address.p, ':', address.n) ? 128 : 32;
    if (!prefix)
        bits = width;
    if (bits > width)
        return false;
    ret->bits = (int)bits + 128 - width;
    for (int i = ret->bits; i < 128; i++)
        if (ret->ip.b[i / 8] & (0x80 >> i % 8))
            return false;
    return true;
}

bool lt_network_has(const struct lt_network *network, const struct lt_ip *ip)
{
    return begins(ip->b, network->ip.b, network->bits);
}

enum lt_code lt_networks_parse(struct lt_str list, struct lt_network *ret, size_t max, size_t *ret_n, struct lt_error *err)
{
    *ret_n = 0;
    while (list.n > 0) {
        struct lt_str entry = lt_str_trim(lt_str_cut(&list, ','));
        if (*ret_n == max)
            return lt_fail(err, LT_ECONFIG, "there are more than %zu addresses", max);
        if (!lt_network_parse(entry, &ret[(*ret_n)++]))
            return lt_fail(err, LT_ECONFIG, "'%.*s' is neither an IP address nor a network such as 10.1.0.0/16", (int)(entry.n < 80 ? entry.n : 80),
                           entry.p ? entry.p : "");
    }
    return LT_OK;
}
