/*
 * Addresses of the Internet Protocol: RFC 791 in dotted decimal, RFC 4291 §2.2. Four numbers may be a version too: not taken where a word says so.
 * Addresses that stand for no computer of anybody (unspecified, loopback, broadcast) are left.
 */
#include "guard/pii_private.h"

#include <arpa/inet.h>

static bool is_hex(char c)
{
    return lt_pii_digit(c) || ((unsigned char)((c | 32) - 'a') < 6);
}

static size_t ipv4(struct lt_str text, size_t at)
{
    unsigned parts[4];
    size_t i = at;
    for (int k = 0; k < 4; k++) {
        size_t from = i;
        parts[k] = 0;
        while (i < text.n && i - from < 3 && lt_pii_digit(text.p[i]))
            parts[k] = parts[k] * 10 + (unsigned)(text.p[i++] - '0');
        if (i == from || parts[k] > 255 || (i - from > 1 && text.p[from] == '0'))
            return 0;
        if (k < 3 && (i >= text.n || text.p[i++] != '.'))
            return 0;
    }
    bool goes_on = i + 1 < text.n && (text.p[i] == '.' || text.p[i] == '-') && lt_pii_alnum(text.p[i + 1]);
    if (!lt_pii_ends(text, i) || goes_on || parts[0] == 0 || parts[0] == 127 || (parts[0] & parts[3]) == 255)
        return 0;
    return lt_pii_told(text, at, 24, "version|release|build|firmware|section|chapter|kapitel|abschnitt|seccion|rozdzial|wersja|wersji|wersje|"
                                     "revision|paragraph|driver|treiber|update|oid|figure|chapitre|article|exercise|capitulo")
               ? 0
               : i - at;
}

static size_t ipv6(struct lt_str text, size_t at)
{
    char s[INET6_ADDRSTRLEN];
    struct in6_addr ip;
    size_t n = 0, colons = 0, digits = 0;
    while (at + n < text.n && n + 1 < sizeof(s) && (is_hex(text.p[at + n]) || text.p[at + n] == ':')) {
        colons += text.p[at + n] == ':';
        digits += lt_pii_digit(text.p[at + n]);
        n++;
    }
    while (n > 1 && text.p[at + n - 1] == ':' && text.p[at + n - 2] != ':')
        n--, colons--;
    if (colons < 3 || digits == 0 || !lt_pii_ends(text, at + n))
        return 0;
    memcpy(s, text.p + at, n);
    s[n] = '\0';
    if (inet_pton(AF_INET6, s, &ip) != 1 || IN6_IS_ADDR_UNSPECIFIED(&ip) || IN6_IS_ADDR_LOOPBACK(&ip))
        return 0;
    return n;
}

size_t lt_pii_ip(struct lt_str text, size_t at)
{
    size_t n = lt_pii_digit(text.p[at]) ? ipv4(text, at) : 0;
    return n > 0 ? n : is_hex(text.p[at]) ? ipv6(text, at) : 0;
}
