/* Connecting to AI services: by ourselves, or through a proxy. */
#include <stdio.h>

#include "io/http1.h"
#include "io/outbound_private.h"

enum { INTERIM_MAX = 8 };

static enum lt_code check_address(void *ctx, const struct sockaddr *to, struct lt_error *err)
{
    return lt_outbound_check_address(ctx, to, err);
}

static enum lt_code proxy_failed(struct lt_error *err, enum lt_code rc, const char *doing)
{
    if (rc == LT_ETIMEOUT || rc == LT_ECANCELLED)
        return lt_fail(err, rc, "proxy: %s %s", rc == LT_ETIMEOUT ? "timed out" : "cancelled", doing);
    return lt_fail(err, LT_EUPSTREAM_UNAVAILABLE, "proxy: the connection broke %s", doing);
}

/* The proxy's final answer. What comes behind its head would be taken for the service's words, so nothing may. */
static enum lt_code read_answer(struct lt_conn *c, uint64_t deadline_ms, struct lt_error *err)
{
    char buf[2048];
    struct lt_http_field fields[LT_HTTP_FIELDS_MAX];
    struct lt_http_head head = {.fields = fields};
    size_t n = 0, used, more;
    for (int interim = 0; interim <= INTERIM_MAX;) {
        enum lt_code rc = n > 0 ? lt_http1_read_response(buf, n, &head, &used, err) : LT_EAGAIN;
        if (rc == LT_OK && head.status < 200) {
            interim++;
            n -= used;
            memmove(buf, buf + used, n);
            continue;
        }
        if (rc == LT_OK && head.status == 407)
            return lt_fail(err, LT_EUPSTREAM_UNAVAILABLE, "proxy: it wants other credentials (status 407)");
        if (rc == LT_OK && head.status > 299)
            return lt_fail(err, LT_EUPSTREAM_UNAVAILABLE, "proxy: it does not connect us (status %d)", head.status);
        if (rc == LT_OK && used == n)
            return LT_OK;
        if (rc != LT_EAGAIN || n == sizeof(buf))
            break;
        rc = lt_conn_read(c, buf + n, sizeof(buf) - n, deadline_ms, &more);
        if (rc != LT_OK || more == 0)
            return proxy_failed(err, rc, "while it connected us");
        n += more;
    }
    return lt_fail(err, LT_EUPSTREAM_UNAVAILABLE, "proxy: its answer cannot be used");
}

static enum lt_code ask_proxy(struct lt_conn *c, const struct lt_outbound_proxy *proxy, const struct lt_url *url, uint64_t deadline_ms,
                              struct lt_error *err)
{
    char text[2048];
    const char *credentials = proxy->authorization;
    int n = snprintf(text, sizeof(text), "CONNECT %s:%d HTTP/1.1\r\nHost: %s:%d\r\n%s%s%s\r\n", url->host, url->port, url->host, url->port,
                     *credentials ? "Proxy-Authorization: " : "", credentials, *credentials ? "\r\n" : "");
    enum lt_code rc = lt_conn_write(c, text, (size_t)n, deadline_ms);
    if (rc != LT_OK)
        return proxy_failed(err, rc, "while we asked");
    return read_answer(c, deadline_ms, err);
}

static enum lt_code connect_by_proxy(struct lt_loop *loop, const struct lt_url *url, uint64_t deadline_ms, struct lt_conn **ret,
                                     struct lt_error *err)
{
    const struct lt_outbound_proxy *proxy = lt_outbound_proxy();
    enum lt_code rc = lt_conn_dial(loop, proxy->url.host, proxy->url.port, NULL, deadline_ms, ret, err);
    if (rc != LT_OK)
        return rc == LT_ETIMEOUT || rc == LT_ECANCELLED ? proxy_failed(err, rc, "while connecting to it") : lt_error_wrap(err, "proxy");
    rc = ask_proxy(*ret, proxy, url, deadline_ms, err);
    if (rc != LT_OK) {
        lt_conn_close(*ret, true);
        *ret = NULL;
    }
    return rc;
}

enum lt_code lt_outbound_connect(struct lt_loop *loop, const struct lt_url *url, struct lt_tls *tls, uint64_t deadline_ms,
                                 struct lt_conn **ret, struct lt_error *err)
{
    struct lt_conn_gate gate = {check_address, (void *)(uintptr_t)url};
    *ret = NULL;
    enum lt_code rc = lt_outbound_check(url, err);
    if (rc == LT_OK && lt_outbound_by_proxy(url))
        rc = connect_by_proxy(loop, url, deadline_ms, ret, err);
    else if (rc == LT_OK)
        rc = lt_conn_dial(loop, url->host, url->port, &gate, deadline_ms, ret, err);
    if (rc != LT_OK || !url->https)
        return rc;
    rc = lt_conn_secure(*ret, url->host, tls, deadline_ms, err);
    if (rc != LT_OK) {
        lt_conn_close(*ret, true);
        *ret = NULL;
    }
    return rc;
}
