#include "io/conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/dns.h>
#include <event2/util.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/loop_private.h"
#include "io/tls.h"

enum {
    IOV_COUNT_MAX = 64,
    ADDRESSES_MAX = 16,      /* of one name */
    TLS_RECORD = 16384,      /* RFC 8446 §5.1 */
    OPS_WITHOUT_WAIT = 64,   /* then a fiber gives way, however fast its peer is */
};

struct callback {
    void (*fn)(void *arg);
    void *arg;
};

struct lt_conn {
    struct lt_loop *loop;
    SSL *ssl;                /* NULL: plain */
    struct event ev;         /* registered from birth to close */
    struct event *out;       /* makes epoll look for room to write; there only while `blocked` */
    int fd;                  /* -1 once closed */
    int pins;                /* fibers inside a call on this connection */
    unsigned streak;         /* calls in a row that did not wait */
    struct lt_fiber *reader, *writer; /* who waits */
    struct callback on_readable, on_writable, on_peer_closed, on_deadline;
    struct lt_task task;     /* runs the callbacks that are due */
    struct lt_timer timer;   /* for on_deadline; stays set while it fires no later than needed */
    uint64_t timer_ms;       /* when it fires */
    uint64_t deadline_ms;
    bool timer_set;
    bool task_posted;
    bool drained;            /* the last read took all there was; the next edge clears it */
    bool blocked;            /* the last write found no room; the next edge clears it */
    bool peer_closed;
    bool broken;             /* TLS or the socket failed: no close_notify */
    bool freeing;
};

/* What a non-blocking step came to. */
enum step { STEP_DONE, STEP_EOF, STEP_BROKEN, STEP_WANT_READ, STEP_WANT_WRITE };

static void wake(struct lt_conn *c)
{
    if (c->reader)
        lt_fiber_wake(c->reader);
    if (c->writer)
        lt_fiber_wake(c->writer);
}

static bool due_readable(const struct lt_conn *c)
{
    return c->on_readable.fn && (!c->drained || c->peer_closed);
}

static bool due_writable(const struct lt_conn *c)
{
    return c->on_writable.fn && (!c->blocked || c->peer_closed);
}

static bool due_peer_closed(const struct lt_conn *c)
{
    return c->on_peer_closed.fn && c->peer_closed;
}

static void post_if_due(struct lt_conn *c)
{
    if (c->task_posted || !(due_readable(c) || due_writable(c) || due_peer_closed(c)))
        return;
    c->task_posted = true;
    lt_loop_post(c->loop, &c->task);
}

static void ask_if_reset(struct lt_conn *c)
{
    struct pollfd p = {.fd = c->fd, .events = POLLRDHUP};

    if (poll(&p, 1, 0) == 1 && (p.revents & (POLLERR | POLLHUP | POLLRDHUP)))
        c->peer_closed = true;
}

/* Nothing waits for room to write any more. */
static void unblock(struct lt_conn *c)
{
    c->blocked = false;
    if (c->out)
        event_free(c->out);
    c->out = NULL;
}

/*
 * libevent shows a reset (EPOLLERR) as readable and writable, and nothing else of it. While epoll does not look for room to write
 * (`out`) no ordinary edge looks so; while it does, every edge may, and the kernel is asked.
 */
static void on_event(evutil_socket_t fd, short what, void *arg)
{
    struct lt_conn *c = arg;

    if (what & EV_CLOSED)
        c->peer_closed = true;
    else if ((what & EV_READ) && (what & EV_WRITE))
        ask_if_reset(c);
    if (what & (EV_READ | EV_CLOSED))
        c->drained = false;
    if (what & (EV_WRITE | EV_CLOSED))
        unblock(c);
    wake(c);
    post_if_due(c);
}

/* `ev` is told of the same edge. */
static void on_out(evutil_socket_t fd, short what, void *arg)
{
}

/*
 * Tells libevent to give what it sees of a reset to `ev`, of which epoll need not know: it passes on what an event asked for, and `ev`
 * must ask for EV_WRITE to be told of EPOLLERR, but epoll would then say "writable" with each edge. event_del() needs the old bits.
 */
static void ask_for_resets(struct lt_conn *c, bool on)
{
    c->ev.ev_events = (short)(on ? c->ev.ev_events | EV_WRITE : c->ev.ev_events & ~EV_WRITE);
}

/* The callback is taken out before it runs: it may set itself again, or close the connection. */
static void fire(struct callback *slot)
{
    struct callback cb = *slot;

    *slot = (struct callback){NULL, NULL};
    cb.fn(cb.arg);
}

static void release(struct lt_conn *c);

static void on_task(struct lt_task *task)
{
    struct lt_conn *c = (struct lt_conn *)((char *)task - offsetof(struct lt_conn, task));

    c->pins++;
    c->task_posted = false;
    if (due_peer_closed(c))
        fire(&c->on_peer_closed);
    if (due_readable(c))
        fire(&c->on_readable);
    if (due_writable(c))
        fire(&c->on_writable);
    c->pins--;
    release(c);
}

static void on_timer(void *arg)
{
    struct lt_conn *c = arg;
    uint64_t now = lt_loop_now(c->loop);

    c->timer_set = false;
    if (!c->on_deadline.fn || c->deadline_ms == LT_NEVER)
        return;
    if (now >= c->deadline_ms)
        fire(&c->on_deadline);
    else
        lt_conn_on_deadline(c, c->deadline_ms, c->on_deadline.fn, c->on_deadline.arg);
}

static void conn_free(void *p)
{
    struct lt_conn *c = p;

    SSL_free(c->ssl);
    free(c);
}

/* Frees a closed connection once no fiber is inside a call on it and its task is not on the way. */
static void release(struct lt_conn *c)
{
    if (c->fd >= 0 || c->pins || c->task_posted || c->freeing)
        return;
    c->freeing = true;
    lt_loop_free_later(c->loop, conn_free, c);
}

static struct lt_conn *conn_new(struct lt_loop *loop, int fd, struct lt_tls *tls)
{
    struct lt_conn *c = calloc(1, sizeof *c);
    int one = 1;

    if (!c)
        return NULL;
    c->loop = loop;
    c->fd = fd;
    c->task.fn = on_task;
    c->deadline_ms = LT_NEVER;
    c->drained = true; /* what is there already makes an edge when the event is added */
    lt_timer_init(&c->timer, loop, on_timer, c);
    if (tls && (!(c->ssl = SSL_new(lt_tls_ctx(tls))) || !SSL_set_fd(c->ssl, fd)))
        goto fail;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* a socketpair has none */
    event_assign(&c->ev, lt_loop_base(loop), fd, EV_READ | EV_CLOSED | EV_PERSIST | EV_ET, on_event, c);
    if (event_add(&c->ev, NULL) == 0) {
        ask_for_resets(c, true);
        return c;
    }
fail:
    conn_free(c);
    return NULL;
}

struct lt_conn *lt_conn_adopt(struct lt_loop *loop, int fd, struct lt_tls *tls)
{
    struct lt_conn *c = conn_new(loop, fd, tls);

    if (c && c->ssl)
        SSL_set_accept_state(c->ssl);
    return c;
}

void lt_conn_close(struct lt_conn *c, bool abort)
{
    static const struct linger reset = {.l_onoff = 1, .l_linger = 0};

    if (!c || c->fd < 0)
        return;
    if (c->ssl && !abort && !c->broken && SSL_is_init_finished(c->ssl)) {
        ERR_clear_error();
        SSL_shutdown(c->ssl); /* close_notify if there is room for it; nobody waits for the peer's */
        ERR_clear_error();
    }
    if (abort)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    unblock(c);
    ask_for_resets(c, false);
    event_del(&c->ev);
    lt_timer_cancel(&c->timer);
    close(c->fd);
    c->fd = -1;
    c->on_readable = c->on_writable = c->on_peer_closed = c->on_deadline = (struct callback){NULL, NULL};
    wake(c);
    release(c);
}

/* -- steps that never wait ------------------------------------------------------------------------------------------------- */

/* End of data or a failure, seen by a call: the peer has left, whether or not epoll has said so yet. */
static enum step over(struct lt_conn *c, enum step how)
{
    c->peer_closed = true;
    c->broken |= how == STEP_BROKEN;
    post_if_due(c);
    return how;
}

/* Room that came meanwhile makes an edge when epoll is told to look for it. */
static enum step want(struct lt_conn *c, enum step what)
{
    if (what == STEP_WANT_READ) {
        c->drained = true;
        return what;
    }
    c->blocked = true;
    if (c->out)
        return what;
    c->out = event_new(lt_loop_base(c->loop), c->fd, EV_WRITE | EV_PERSIST | EV_ET, on_out, c);
    return c->out && event_add(c->out, NULL) == 0 ? what : over(c, STEP_BROKEN);
}

/* What an SSL_ call that did not succeed means. */
static enum step tls_step(struct lt_conn *c, int rc)
{
    switch (SSL_get_error(c->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
        return want(c, STEP_WANT_READ);
    case SSL_ERROR_WANT_WRITE:
        return want(c, STEP_WANT_WRITE);
    case SSL_ERROR_ZERO_RETURN:
        return over(c, STEP_EOF);
    default:
        return over(c, STEP_BROKEN);
    }
}

static enum step read_step(struct lt_conn *c, void *buf, size_t cap, size_t *ret_n)
{
    ssize_t n;
    int rc;

    if (c->fd < 0)
        return STEP_BROKEN;
    if (c->ssl) {
        ERR_clear_error();
        rc = SSL_read_ex(c->ssl, buf, cap, ret_n);
        if (rc != 1)
            return tls_step(c, rc);
        c->drained = false; /* OpenSSL may hold the rest of the record */
        return STEP_DONE;
    }
    do
        n = recv(c->fd, buf, cap, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? want(c, STEP_WANT_READ) : over(c, STEP_BROKEN);
    *ret_n = (size_t)n;
    c->drained = (size_t)n < cap; /* what comes later makes an edge */
    return n ? STEP_DONE : over(c, STEP_EOF);
}

/*
 * Small pieces (a head and its body) go into one record, hence one segment. After a wait the same bytes are gathered again:
 * OpenSSL wants a write repeated with the same content, the place may differ.
 */
static enum step tls_write_step(struct lt_conn *c, const struct iovec *iov, int count, size_t *ret_n)
{
    const void *p = iov[0].iov_base;
    size_t n = iov[0].iov_len;
    int rc;

    if (count > 1 && n < TLS_RECORD) {
        char *gathered = lt_loop_scratch(c->loop, LT_SLOT_TLS_RECORD, TLS_RECORD);
        n = 0;
        for (int i = 0; i < count && n < TLS_RECORD; i++) {
            size_t take = iov[i].iov_len < TLS_RECORD - n ? iov[i].iov_len : TLS_RECORD - n;
            memcpy(gathered + n, iov[i].iov_base, take);
            n += take;
        }
        p = gathered;
    }
    ERR_clear_error();
    rc = SSL_write_ex(c->ssl, p, n, ret_n);
    return rc == 1 ? STEP_DONE : tls_step(c, rc);
}

/* At least one byte in all of iov. */
static enum step write_step(struct lt_conn *c, struct iovec *iov, int count, size_t *ret_n)
{
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = (size_t)count};
    ssize_t n;

    if (c->fd < 0)
        return STEP_BROKEN;
    if (c->ssl)
        return tls_write_step(c, iov, count, ret_n);
    do
        n = sendmsg(c->fd, &m, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? want(c, STEP_WANT_WRITE) : over(c, STEP_BROKEN);
    *ret_n = (size_t)n;
    return STEP_DONE;
}

static enum step handshake_step(struct lt_conn *c)
{
    int rc;

    if (c->fd < 0)
        return STEP_BROKEN;
    ERR_clear_error();
    rc = SSL_do_handshake(c->ssl);
    return rc == 1 ? STEP_DONE : tls_step(c, rc);
}

/* -- calls that wait ------------------------------------------------------------------------------------------------------- */

/* Waits in *slot until an edge says that the step may be tried again. */
static enum lt_code wait_edge(struct lt_conn *c, struct lt_fiber **slot, enum step what, uint64_t deadline_ms)
{
    const bool *still = what == STEP_WANT_READ ? &c->drained : &c->blocked;
    enum lt_code code = LT_OK;

    c->streak = 0;
    *slot = lt_fiber_self();
    while (code == LT_OK && *still && c->fd >= 0)
        code = lt_fiber_wait_for(deadline_ms, what == STEP_WANT_READ ? "bytes to read" : "room to write");
    *slot = NULL;
    return code == LT_OK && c->fd < 0 ? LT_EIO : code;
}

/* A peer that is always ready must not keep other fibers, a cancel or a deadline from being seen. */
static enum lt_code breathe(struct lt_conn *c, uint64_t deadline_ms)
{
    if (++c->streak >= OPS_WITHOUT_WAIT) {
        c->streak = 0;
        lt_fiber_yield();
        if (lt_loop_now(c->loop) >= deadline_ms)
            return LT_ETIMEOUT;
    }
    if (lt_fiber_must_end())
        return LT_ECANCELLED;
    return c->fd < 0 ? LT_EIO : LT_OK;
}

static void unpin(struct lt_conn *c)
{
    c->pins--;
    release(c);
}

bool lt_conn_must_wait(const struct lt_conn *c)
{
    return c->drained && !c->peer_closed;
}

enum lt_code lt_conn_await(struct lt_conn *c, uint64_t deadline_ms)
{
    enum lt_code code = LT_OK;

    c->pins++;
    if (lt_conn_must_wait(c))
        code = wait_edge(c, &c->reader, STEP_WANT_READ, deadline_ms);
    unpin(c);
    return code;
}

enum lt_code lt_conn_read(struct lt_conn *c, void *buf, size_t cap, uint64_t deadline_ms, size_t *ret_n)
{
    enum lt_code code;

    *ret_n = 0;
    if (!cap)
        return LT_EINTERNAL; /* recv() would say 0, which reads as the peer's end */
    c->pins++;
    code = breathe(c, deadline_ms);
    if (code == LT_OK && lt_conn_must_wait(c))
        code = wait_edge(c, &c->reader, STEP_WANT_READ, deadline_ms);
    while (code == LT_OK) {
        enum step s = read_step(c, buf, cap, ret_n);
        if (s == STEP_DONE || s == STEP_EOF)
            break;
        code = s == STEP_BROKEN ? LT_EIO : wait_edge(c, &c->reader, s, deadline_ms);
    }
    unpin(c);
    return code;
}

/* Takes n written bytes off the front; also skips empty pieces. */
static void advance(struct iovec **iov, int *count, size_t n)
{
    while (*count && n >= (*iov)->iov_len) {
        n -= (*iov)->iov_len;
        (*iov)++;
        (*count)--;
    }
    if (*count) {
        (*iov)->iov_base = (char *)(*iov)->iov_base + n;
        (*iov)->iov_len -= n;
    }
}

enum lt_code lt_conn_writev(struct lt_conn *c, struct iovec *iov, int count, uint64_t deadline_ms)
{
    enum lt_code code;

    if (count < 0 || count > IOV_COUNT_MAX)
        return LT_EINTERNAL;
    c->pins++;
    code = breathe(c, deadline_ms);
    advance(&iov, &count, 0);
    while (code == LT_OK && count) {
        size_t n = 0;
        enum step s = write_step(c, iov, count, &n);
        if (s == STEP_DONE)
            advance(&iov, &count, n);
        else
            code = s == STEP_WANT_READ || s == STEP_WANT_WRITE ? wait_edge(c, &c->writer, s, deadline_ms) : LT_EIO;
    }
    unpin(c);
    return code;
}

enum lt_code lt_conn_write(struct lt_conn *c, const void *p, size_t n, uint64_t deadline_ms)
{
    struct iovec iov = {(void *)(uintptr_t)p, n};

    return lt_conn_writev(c, &iov, 1, deadline_ms);
}

/* Why a handshake failed: a certificate's fault in OpenSSL's words for people, or its last error. Clears the queue. */
static void tls_reason(struct lt_conn *c, char *out, size_t n)
{
    long verdict = c->ssl ? SSL_get_verify_result(c->ssl) : X509_V_OK;
    const char *text = ERR_reason_error_string(ERR_peek_last_error());

    if (verdict != X509_V_OK)
        text = X509_verify_cert_error_string(verdict);
    snprintf(out, n, "%s", text ? text : "the peer closed the connection");
    ERR_clear_error();
}

static enum lt_code handshake(struct lt_conn *c, uint64_t deadline_ms, struct lt_error *err)
{
    enum lt_code code = breathe(c, deadline_ms);
    char why[160];

    while (code == LT_OK) {
        enum step s = handshake_step(c);
        if (s == STEP_DONE)
            return LT_OK;
        if (s == STEP_WANT_READ || s == STEP_WANT_WRITE) {
            code = wait_edge(c, &c->reader, s, deadline_ms);
            continue;
        }
        tls_reason(c, why, sizeof why);
        return lt_fail(err, LT_EIO, "TLS handshake: %s", why);
    }
    return lt_fail(err, code, "TLS handshake: %s",
                   code == LT_ETIMEOUT ? "not done in time" : code == LT_ECANCELLED ? "cancelled" : "closed meanwhile");
}

enum lt_code lt_conn_handshake(struct lt_conn *c, uint64_t deadline_ms, struct lt_error *err)
{
    enum lt_code code;

    if (!c->ssl)
        return LT_OK;
    c->pins++;
    code = handshake(c, deadline_ms, err);
    unpin(c);
    return code;
}

/* -- without a fiber ------------------------------------------------------------------------------------------------------- */

ssize_t lt_conn_try_read(struct lt_conn *c, void *buf, size_t cap, bool *ret_eof)
{
    size_t n = 0;
    enum step s = read_step(c, buf, cap, &n);

    *ret_eof = s == STEP_EOF;
    return s == STEP_BROKEN ? -1 : (ssize_t)n;
}

ssize_t lt_conn_try_writev(struct lt_conn *c, struct iovec *iov, int count)
{
    size_t n = 0;
    enum step s;

    advance(&iov, &count, 0);
    if (!count || c->fd < 0)
        return c->fd < 0 ? -1 : 0;
    s = write_step(c, iov, count, &n);
    return s == STEP_BROKEN || s == STEP_EOF ? -1 : (ssize_t)n;
}

ssize_t lt_conn_try_write(struct lt_conn *c, const void *p, size_t n)
{
    struct iovec iov = {(void *)(uintptr_t)p, n};

    return lt_conn_try_writev(c, &iov, 1);
}

void lt_conn_on_readable(struct lt_conn *c, void (*fn)(void *arg), void *arg)
{
    if (c->fd < 0)
        return;
    c->on_readable = (struct callback){fn, arg};
    post_if_due(c);
}

void lt_conn_on_writable(struct lt_conn *c, void (*fn)(void *arg), void *arg)
{
    if (c->fd < 0)
        return;
    c->on_writable = (struct callback){fn, arg};
    post_if_due(c);
}

void lt_conn_on_peer_closed(struct lt_conn *c, void (*fn)(void *arg), void *arg)
{
    if (c->fd < 0)
        return;
    c->on_peer_closed = (struct callback){fn, arg};
    post_if_due(c);
}

bool lt_conn_peer_closed(const struct lt_conn *c)
{
    return c->peer_closed;
}

void lt_conn_on_deadline(struct lt_conn *c, uint64_t deadline_ms, void (*fn)(void *arg), void *arg)
{
    uint64_t now;

    if (c->fd < 0)
        return;
    c->on_deadline = (struct callback){fn, arg};
    c->deadline_ms = deadline_ms;
    if (!fn || deadline_ms == LT_NEVER || (c->timer_set && c->timer_ms <= deadline_ms))
        return;
    now = lt_loop_now(c->loop);
    lt_timer_set(&c->timer, deadline_ms > now ? deadline_ms - now : 0);
    c->timer_set = true;
    c->timer_ms = deadline_ms;
}

void lt_conn_peer_name(const struct lt_conn *c, char out[64])
{
    struct sockaddr_storage a;
    socklen_t n = sizeof a;
    char host[INET6_ADDRSTRLEN], port[8];

    if (c->fd < 0 || getpeername(c->fd, (struct sockaddr *)&a, &n) != 0 || (a.ss_family != AF_INET && a.ss_family != AF_INET6) ||
        getnameinfo((struct sockaddr *)&a, n, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        snprintf(out, 64, "local");
    else
        snprintf(out, 64, a.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

struct lt_loop *lt_conn_loop(const struct lt_conn *c)
{
    return c->loop;
}

int lt_conn_fd(const struct lt_conn *c)
{
    return c->fd;
}

/* -- connecting ------------------------------------------------------------------------------------------------------------ */

struct address {
    struct sockaddr_storage a;
    socklen_t n;
};

/*
 * A name being looked up. On the heap, because evdns answers even after a cancel: whoever is last, the fiber that gave up or the
 * answer, frees it.
 */
struct lookup {
    struct lt_fiber *fiber; /* NULL: given up */
    bool done;
    int result;
    int count;
    struct address addresses[ADDRESSES_MAX];
};

static void on_lookup(int result, struct evutil_addrinfo *list, void *arg)
{
    struct lookup *l = arg;

    for (struct evutil_addrinfo *it = list; it && l->count < ADDRESSES_MAX; it = it->ai_next) {
        struct address *a = &l->addresses[l->count++];
        memcpy(&a->a, it->ai_addr, it->ai_addrlen);
        a->n = (socklen_t)it->ai_addrlen;
    }
    if (list)
        evutil_freeaddrinfo(list);
    l->result = result;
    l->done = true;
    if (l->fiber)
        lt_fiber_wake(l->fiber);
    else
        free(l);
}

static enum lt_code lookup_wait(struct lookup *l, struct evdns_getaddrinfo_request *request, uint64_t deadline_ms)
{
    enum lt_code code = LT_OK;

    while (code == LT_OK && !l->done)
        code = lt_fiber_wait_for(deadline_ms, "the address of a name");
    if (!l->done) {
        l->fiber = NULL;
        evdns_getaddrinfo_cancel(request);
    }
    return code;
}

/* *ret, with at least one address, is the caller's to free. */
static enum lt_code resolve_name(struct lt_loop *loop, const char *host, int port, uint64_t deadline_ms, struct lookup **ret,
                                 struct lt_error *err)
{
    struct evutil_addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_TCP,
                                    .ai_flags = EVUTIL_AI_ADDRCONFIG};
    struct evdns_base *dns = lt_loop_dns(loop);
    struct lookup *l = dns ? calloc(1, sizeof *l) : NULL;
    struct evdns_getaddrinfo_request *request;
    char service[8];
    enum lt_code code;

    *ret = NULL;
    if (!l)
        return lt_fail(err, LT_EINTERNAL, "look up %s: out of memory", host);
    snprintf(service, sizeof service, "%d", port);
    l->fiber = lt_fiber_self();
    request = evdns_getaddrinfo(dns, host, service, &hints, on_lookup, l);
    code = lookup_wait(l, request, deadline_ms);
    if (code != LT_OK)
        return lt_fail(err, code, "look up %s: %s", host, code == LT_ETIMEOUT ? "no answer in time" : "cancelled");
    if (l->result == 0 && l->count) {
        *ret = l;
        return LT_OK;
    }
    lt_fail(err, LT_EUPSTREAM_UNAVAILABLE, "look up %s: %s", host, l->result ? evutil_gai_strerror(l->result) : "no address");
    free(l);
    return LT_EUPSTREAM_UNAVAILABLE;
}

/* "192.0.2.1", "2001:db8::1" or "[2001:db8::1]"; false when it is a name. */
static bool numeric(const char *host, int port, struct address *ret)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&ret->a;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ret->a;

    memset(ret, 0, sizeof *ret);
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        ret->n = sizeof *v4;
        return true;
    }
    if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        ret->n = sizeof *v6;
        return true;
    }
    return false;
}

static enum lt_code connect_failed(struct lt_error *err, const char *host, int port, int error)
{
    return lt_fail(err, LT_EUPSTREAM_UNAVAILABLE, "connect to %s port %d: %s", host, port, strerror(error));
}

/* Waits for the end of a connect() that is under way. */
static enum lt_code connected(struct lt_conn *c, const char *host, int port, uint64_t deadline_ms, struct lt_error *err)
{
    int error = 0;
    socklen_t n = sizeof error;
    enum lt_code code;

    code = want(c, STEP_WANT_WRITE) == STEP_WANT_WRITE ? wait_edge(c, &c->writer, STEP_WANT_WRITE, deadline_ms) : LT_EIO;
    if (code != LT_OK)
        return lt_fail(err, code, "connect to %s port %d: %s", host, port,
                       code == LT_ETIMEOUT ? "no answer in time" : "cancelled");
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0)
        error = errno;
    return error ? connect_failed(err, host, port, error) : LT_OK;
}

/* What the process lacks is not the peer's fault. */
static enum lt_code no_socket(struct lt_error *err, const char *host, int port, int error)
{
    if (error != EMFILE && error != ENFILE && error != ENOBUFS && error != ENOMEM)
        return connect_failed(err, host, port, error);
    return lt_fail(err, LT_EOVERLOADED, "connect to %s port %d: %s", host, port, strerror(error));
}

static enum lt_code connect_one(struct lt_loop *loop, const struct address *to, const char *host, int port,
                                const struct lt_conn_gate *gate, uint64_t deadline_ms, struct lt_conn **ret, struct lt_error *err)
{
    enum lt_code code = gate ? gate->check(gate->ctx, (const struct sockaddr *)&to->a, err) : LT_OK;
    struct lt_conn *c;
    int fd, pending;

    if (code != LT_OK)
        return code;
    fd = socket(to->a.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return no_socket(err, host, port, errno);
    pending = connect(fd, (const struct sockaddr *)&to->a, to->n) != 0;
    if (pending && errno != EINPROGRESS) {
        code = connect_failed(err, host, port, errno);
        close(fd);
        return code;
    }
    c = conn_new(loop, fd, NULL);
    if (!c) {
        close(fd);
        return lt_fail(err, LT_EINTERNAL, "connect to %s port %d: out of memory", host, port);
    }
    if (pending)
        code = connected(c, host, port, deadline_ms, err);
    if (code == LT_OK)
        *ret = c;
    else
        lt_conn_close(c, true);
    return code;
}

/* The remaining time is shared among the addresses left, so that a dead first one does not eat it all. */
static enum lt_code connect_any(struct lt_loop *loop, const struct address *addresses, int count, const char *host, int port,
                                const struct lt_conn_gate *gate, uint64_t deadline_ms, struct lt_conn **ret, struct lt_error *err)
{
    enum lt_code code = LT_EUPSTREAM_UNAVAILABLE;

    for (int i = 0; i < count; i++) {
        uint64_t now = lt_loop_now(loop);
        uint64_t until = deadline_ms;
        if (deadline_ms != LT_NEVER && deadline_ms > now)
            until = now + (deadline_ms - now + (uint64_t)(count - i) - 1) / (uint64_t)(count - i);
        code = connect_one(loop, &addresses[i], host, port, gate, until, ret, err);
        if (code == LT_OK || code == LT_ECANCELLED)
            break;
    }
    return code;
}

static enum lt_code connect_name(struct lt_loop *loop, const char *host, int port, const struct lt_conn_gate *gate, uint64_t deadline_ms,
                                 struct lt_conn **ret, struct lt_error *err)
{
    struct lookup *l;
    enum lt_code code = resolve_name(loop, host, port, deadline_ms, &l, err);

    if (code != LT_OK)
        return code;
    code = connect_any(loop, l->addresses, l->count, host, port, gate, deadline_ms, ret, err);
    free(l);
    return code;
}

/* The name the certificate must carry; SNI only for names (RFC 6066 §3 excludes addresses). */
static bool expect_host(SSL *ssl, const char *host, bool is_address)
{
    SSL_set_connect_state(ssl);
    if (is_address)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

enum { HOST_SIZE = 256 };

/* The host without the brackets of an IPv6 address; false when it cannot be one. */
static bool bare_host(const char *host, char out[HOST_SIZE])
{
    size_t n = strlen(host);

    if (n == 0 || n >= HOST_SIZE)
        return false;
    if (host[0] == '[' && host[n - 1] == ']')
        snprintf(out, HOST_SIZE, "%.*s", (int)n - 2, host + 1);
    else
        snprintf(out, HOST_SIZE, "%s", host);
    return true;
}

static bool start_tls(struct lt_conn *c, const char *bare, struct lt_tls *tls)
{
    struct address unused;

    return (c->ssl = SSL_new(lt_tls_ctx(tls))) && SSL_set_fd(c->ssl, c->fd) && expect_host(c->ssl, bare, numeric(bare, 0, &unused));
}

enum lt_code lt_conn_secure(struct lt_conn *c, const char *host, struct lt_tls *tls, uint64_t deadline_ms, struct lt_error *err)
{
    char bare[HOST_SIZE];
    enum lt_code code = lt_tls_ready(tls);

    if (code != LT_OK)
        return lt_fail(err, code, "%.64s: nobody could read the certificates of authorities", host);
    if (!bare_host(host, bare) || !start_tls(c, bare, tls)) {
        ERR_clear_error();
        return lt_fail(err, LT_EUPSTREAM_UNAVAILABLE, "%.64s: not a host name that TLS can verify", host);
    }
    code = lt_conn_handshake(c, deadline_ms, err);
    if (code == LT_EIO && err)
        err->code = LT_EUPSTREAM_UNAVAILABLE;
    if (code != LT_OK)
        lt_error_wrap(err, "%s", bare);
    return code == LT_EIO ? LT_EUPSTREAM_UNAVAILABLE : code;
}

enum lt_code lt_conn_dial(struct lt_loop *loop, const char *host, int port, const struct lt_conn_gate *gate, uint64_t deadline_ms,
                          struct lt_conn **ret, struct lt_error *err)
{
    struct address address;
    char bare[HOST_SIZE];

    *ret = NULL;
    if (!bare_host(host, bare) || port < 1 || port > 65535)
        return lt_fail(err, LT_EUPSTREAM_UNAVAILABLE, "connect: host \"%.64s\" or port %d is not valid", host, port);
    if (numeric(bare, port, &address))
        return connect_one(loop, &address, bare, port, gate, deadline_ms, ret, err);
    return connect_name(loop, bare, port, gate, deadline_ms, ret, err);
}

enum lt_code lt_conn_connect(struct lt_loop *loop, const char *host, int port, struct lt_tls *tls, uint64_t deadline_ms,
                             struct lt_conn **ret, struct lt_error *err)
{
    enum lt_code code = lt_conn_dial(loop, host, port, NULL, deadline_ms, ret, err);

    if (code == LT_OK && tls)
        code = lt_conn_secure(*ret, host, tls, deadline_ms, err);
    if (code != LT_OK && *ret) {
        lt_conn_close(*ret, true);
        *ret = NULL;
    }
    return code;
}
