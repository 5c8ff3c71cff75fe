/*
 * Where the process may connect to. AI services' addresses are set by administrators of sites, who must not reach with them what only
 * this machine or its network can reach: metadata services that give out credentials, databases, other daemons. So:
 *
 *   scheme    https; http only to this machine by its literal name (localhost, 127.0.0.0/8, ::1) and to hosts of the allow-list
 *   address   the very one that is connected to, after the name was resolved, is checked: public ones are free; loopback only for
 *             literal loopback hosts; private, link-local (cloud metadata) and others not, unless the allow-list has them
 *   proxy     https goes through HTTPS_PROXY, unless NO_PROXY says otherwise. The proxy resolves the name, so that the address cannot
 *             be checked: only hosts of the allow-list are sent there
 *
 * The allow-list is a setting of the process (outbound_allow), which no site administrator can widen: "ollama.lan, 10.1.0.0/16". A
 * name opens the loopback and private addresses behind it, not link-local ones: those need the address or network itself. Unspecified,
 * multicast and reserved addresses are never connected to.
 *
 * The rules are set once, before there are threads, and then only read.
 */
#pragma once
#include "io/conn.h"
#include "io/url.h"

enum { LT_OUTBOUND_ENTRIES_MAX = 256 /* of each list */ };

struct lt_outbound_options {
    const char *allow;           /* names, addresses and networks, by commas; NULL: nothing */
    const char *proxy, *no_proxy;/* NULL: none */
    bool use_environment;        /* HTTPS_PROXY, NO_PROXY and their lower-case forms instead */
};

/* Start-up, and tests. LT_ECONFIG names the entry that is wrong; never a password of the proxy's. Texts are copied. */
enum lt_code lt_outbound_setup(const struct lt_outbound_options *options, struct lt_error *err);
/* Is the setting outbound_allow valid? Changes nothing. NULL allowed. */
enum lt_code lt_outbound_check_allow(const char *allow, struct lt_error *err);

/*
 * May this address be asked, as far as scheme and host tell? Pure: no name is resolved. What lt_http_send() says of it too. Any thread.
 * LT_EOUTBOUND_REFUSED with the reason, LT_EINVALID_INPUT when it is no address.
 */
enum lt_code lt_outbound_check_url(struct lt_str url, struct lt_error *err);
/* The same for one that is parsed. */
enum lt_code lt_outbound_check(const struct lt_url *url, struct lt_error *err);
/* May the host be connected to at this address? LT_EOUTBOUND_REFUSED. */
enum lt_code lt_outbound_check_address(const struct lt_url *url, const struct sockaddr *to, struct lt_error *err);
/* Goes it through the proxy? */
bool lt_outbound_by_proxy(const struct lt_url *url);

/*
 * lt_outbound_check(), then connects: by itself with each address checked, or through the proxy (CONNECT, RFC 9110 §9.3.6); then TLS
 * when the URL is https. Errors as of lt_conn_connect(), and LT_EOUTBOUND_REFUSED. The deadline is for all of it. Fiber.
 */
enum lt_code lt_outbound_connect(struct lt_loop *loop, const struct lt_url *url, struct lt_tls *tls, uint64_t deadline_ms,
                                 struct lt_conn **ret, struct lt_error *err);
