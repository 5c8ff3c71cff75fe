/* IP addresses as values: reading them, what sort of network one belongs to, networks in CIDR form. No names, no I/O. Any thread. */
#pragma once
#include <sys/socket.h>

#include "base/error.h"

/* IPv4 is kept as ::ffff:a.b.c.d, so that both families compare alike. */
struct lt_ip {
    uint8_t b[16];
};

/*
 * Where an address leads. Forms of IPv6 that carry an IPv4 address (mapped, compatible, 6to4, Teredo, NAT64) are of the kind of what
 * they carry. (IANA special-purpose address registries, RFC 6890.)
 */
enum lt_ip_kind {
    LT_IP_PUBLIC,
    LT_IP_LOOPBACK,   /* this machine */
    LT_IP_PRIVATE,    /* a network of one's own */
    LT_IP_LINK_LOCAL, /* the next wire, and the metadata services of clouds, which give out credentials */
    LT_IP_NEVER,      /* nobody can be asked there: unspecified, multicast, reserved */
};

enum { LT_IP_TEXT = 46 }; /* bytes of an address as text, with the zero at its end */

/* "192.0.2.1" or "2001:db8::1", the latter also in brackets. False when it is none of these (a name, a zone, a short form). */
bool lt_ip_parse(struct lt_str text, struct lt_ip *ret);
/* False for families other than IPv4 and IPv6. */
bool lt_ip_of(const struct sockaddr *from, struct lt_ip *ret);
bool lt_ip_is_v4(const struct lt_ip *ip);
enum lt_ip_kind lt_ip_kind_of(const struct lt_ip *ip);
/* "a private address", as a sentence has it. */
const char *lt_ip_kind_name(enum lt_ip_kind kind);
void lt_ip_format(const struct lt_ip *ip, char out[LT_IP_TEXT]);

struct lt_network {
    struct lt_ip ip;
    int bits; /* of 128 */
};

/* An address, or a network such as "10.1.0.0/16": no bit may be set behind its prefix. */
bool lt_network_parse(struct lt_str text, struct lt_network *ret);
bool lt_network_has(const struct lt_network *network, const struct lt_ip *ip);
/* "10.0.0.0/8, 2001:db8::1" → at most `max` networks. LT_ECONFIG names the entry that is neither address nor network. */
enum lt_code lt_networks_parse(struct lt_str list, struct lt_network *ret, size_t max, size_t *ret_n, struct lt_error *err);
