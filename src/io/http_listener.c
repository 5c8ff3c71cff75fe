/* The server's port: listening, accepting, and what to do when accepting fails. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "io/http_server_private.h"

enum {
    ACCEPT_BATCH = 64,         /* then other events have their turn */
    SHARED_BATCH = 1,          /* of a socket that all loops wait at: each takes a share */
    PAUSE_MS = 100,            /* no accepting for so long when the system has no descriptors or memory */
    WARN_MS = 1000,            /* between two lines in the log about that, or about refused connections */
    REFUSED_MS = 500,          /* a refused connection is closed after so long: its request, unread, would make the 503 a reset */
    NOTSENT_LOWAT = 64 * 1024, /* what the kernel queues unsent for one client, so that a slow one is noticed */
};

/* ---- ports of this process ---- */

/*
 * SO_REUSEPORT lets a second daemon of the same user share a port silently. Before the first listener of a port of this process
 * is made, a socket without that option is bound to it for a moment; that fails when another process listens there.
 */
static pthread_mutex_t ports_lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t ports[65536]; /* listeners of this process */

static bool port_is_free(const struct addrinfo *addr)
{
    int one = 1, fd = socket(addr->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    bool free_ = bind(fd, addr->ai_addr, addr->ai_addrlen) == 0 || errno != EADDRINUSE;
    close(fd);
    return free_;
}

static void count_port(int port, int change)
{
    pthread_mutex_lock(&ports_lock);
    ports[port] = (uint8_t)(ports[port] + change);
    pthread_mutex_unlock(&ports_lock);
}

static bool port_is_ours(int port)
{
    pthread_mutex_lock(&ports_lock);
    bool ours = port > 0 && (size_t)port < LT_COUNT(ports) && ports[port] > 0;
    pthread_mutex_unlock(&ports_lock);
    return ours;
}

/* ---- accepting ---- */

/* What the client has sent is read away first. */
static void close_refused(int fd)
{
    char unwanted[4096];
    for (int i = 0; i < 16 && recv(fd, unwanted, sizeof(unwanted), MSG_DONTWAIT) > 0; i++)
        ;
    close(fd);
}

/* The oldest ones, until `n` are left. */
static void close_oldest_refused(struct lt_http_server *s, int n)
{
    for (; s->refused_n > n; s->refused_n--) {
        close_refused(s->refused[s->refused_first].fd);
        s->refused_first = (s->refused_first + 1) % LT_HTTP_REFUSED_MAX;
    }
}

static void on_refused_due(void *arg)
{
    struct lt_http_server *s = arg;
    uint64_t now = lt_loop_now(s->loop);
    while (s->refused_n > 0 && s->refused[s->refused_first].until_ms <= now)
        close_oldest_refused(s, s->refused_n - 1);
    if (s->refused_n > 0)
        lt_timer_set(&s->refused_timer, s->refused[s->refused_first].until_ms - now);
}

static void note_refused(struct lt_http_server *s, const char *why)
{
    uint64_t now = lt_loop_now(s->loop);
    s->refusals++;
    if (now - s->refused_logged_ms < WARN_MS)
        return;
    lt_log(LT_LOG_WARN, "http.refused", LT_S("reason", why), LT_I("refused", s->refusals), LT_I("connections", s->connections));
    s->refused_logged_ms = now;
    s->refusals = 0;
}

/* One connection too many: told so without a fiber (in TLS that would need a handshake), and closed a little later. */
static void refuse(struct lt_http_server *s, int fd, const char *why, enum lt_http_closed reason)
{
    note_refused(s, why);
    lt_http_closed(s, reason, 0);
    if (s->options.tls) {
        close(fd);
        return;
    }
    lt_http_refuse_overloaded(s, fd, why);
    close_oldest_refused(s, LT_HTTP_REFUSED_MAX - 1);
    int at = (s->refused_first + s->refused_n++) % LT_HTTP_REFUSED_MAX;
    s->refused[at].fd = fd;
    s->refused[at].until_ms = lt_loop_now(s->loop) + REFUSED_MS;
    if (s->refused_n == 1)
        lt_timer_set(&s->refused_timer, REFUSED_MS);
}

static void accepted(struct lt_http_server *s, int fd, const struct sockaddr *peer)
{
    struct lt_http_guest *guest = NULL;
    enum lt_http_closed reason = LT_HTTP_CLOSED_MANY;
    const char *why = s->connections < s->options.max_connections ? NULL : "too many connections";
    if (!why && s->options.limits)
        why = lt_http_limits_enter(s->options.limits, peer, &guest, &reason);
    if (why)
        refuse(s, fd, why, reason);
    else
        lt_http_conn_new(s, fd, guest);
}

static void on_pause_over(void *arg)
{
    struct lt_http_server *s = arg;
    if (s->listener)
        event_add(s->listener, NULL);
}

static void warn(struct lt_http_server *s, int error)
{
    uint64_t now = lt_loop_now(s->loop);
    if (now - s->warned_ms < WARN_MS)
        return;
    s->warned_ms = now;
    lt_log(LT_LOG_WARN, "http.accept", LT_S("error", strerror(error)), LT_I("connections", s->connections));
}

/*
 * No descriptor is left: the spare one is given up for a moment to take the connection off the queue and close it; else it would
 * stay there and wake us for ever. For other shortages accepting pauses. Returns true when accepting may go on.
 */
static bool accept_failed(struct lt_http_server *s, int error)
{
    if (error == EAGAIN || error == EWOULDBLOCK)
        return false;
    if (error == ECONNABORTED || error == EINTR || error == EPROTO || error == EPERM)
        return true;
    warn(s, error);
    close_oldest_refused(s, 0);
    if ((error == EMFILE || error == ENFILE) && s->spare_fd >= 0) {
        close(s->spare_fd);
        int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            close(fd);
            lt_http_closed(s, LT_HTTP_CLOSED_DESCRIPTORS, 0);
        }
        s->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (s->spare_fd >= 0)
            return fd >= 0;
    }
    event_del(s->listener);
    lt_timer_set(&s->pause, PAUSE_MS);
    return false;
}

void lt_http_listener_accept(struct lt_http_server *s)
{
    int batch = s->options.listening ? SHARED_BATCH : ACCEPT_BATCH;
    for (int i = 0; i < batch; i++) {
        struct sockaddr_storage peer;
        socklen_t n = sizeof(peer);
        int fd = accept4(s->fd, (struct sockaddr *)&peer, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            accepted(s, fd, (const struct sockaddr *)&peer);
        else if (!accept_failed(s, errno))
            return;
    }
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
    lt_http_listener_accept(arg);
}

/* ---- listening ---- */

static int port_of(int fd)
{
    struct sockaddr_storage addr;
    socklen_t n = sizeof(addr);
    if (getsockname(fd, (struct sockaddr *)&addr, &n) != 0)
        return 0;
    return ntohs(addr.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&addr)->sin6_port
                                            : ((struct sockaddr_in *)&addr)->sin_port);
}

/* TCP_NODELAY and TCP_NOTSENT_LOWAT are inherited by accepted connections. */
static int listen_on(const struct addrinfo *addr)
{
    int one = 1, lowat = NOTSENT_LOWAT;
    int fd = socket(addr->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat, sizeof(lowat));
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) == 0 && bind(fd, addr->ai_addr, addr->ai_addrlen) == 0 &&
        listen(fd, SOMAXCONN) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static enum lt_code open_socket(struct lt_http_server *s, struct lt_error *err)
{
    const struct lt_http_server_options *o = &s->options;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE}, *addr;
    char port[16];
    snprintf(port, sizeof(port), "%d", o->port);
    if (o->port < 0 || o->port > 65535 || getaddrinfo(o->host, port, &hints, &addr) != 0)
        return lt_fail(err, LT_ECONFIG, "listen: %s port %d is not a numeric address with a port up to 65535", o->host, o->port);
    s->fd = -1;
    if (o->port > 0 && !port_is_ours(o->port) && !port_is_free(addr))
        errno = EADDRINUSE;
    else
        s->fd = listen_on(addr);
    freeaddrinfo(addr);
    if (s->fd < 0)
        return lt_fail(err, LT_ECONFIG, "listen: %s port %d: %s", o->host, o->port, strerror(errno));
    s->port = port_of(s->fd);
    count_port(s->port, 1);
    return LT_OK;
}

/* Each loop has a descriptor of its own, so that it can leave its event base alone; the queue is one. */
static enum lt_code share_socket(struct lt_http_server *s, struct lt_error *err)
{
    int one = 1, lowat = NOTSENT_LOWAT;
    s->fd = fcntl(s->options.listening, F_DUPFD_CLOEXEC, 3);
    if (s->fd < 0 || fcntl(s->fd, F_SETFL, fcntl(s->fd, F_GETFL) | O_NONBLOCK) != 0)
        return lt_fail(err, LT_ECONFIG, "listen: the socket that was handed over: %s", strerror(errno));
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    setsockopt(s->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat, sizeof(lowat));
    s->port = port_of(s->fd);
    count_port(s->port, 1);
    return LT_OK;
}

enum lt_code lt_http_listener_open(struct lt_http_server *s, struct lt_error *err)
{
    enum lt_code rc = s->options.listening ? share_socket(s, err) : open_socket(s, err);
    if (rc != LT_OK)
        return rc;
    s->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    lt_timer_init(&s->pause, s->loop, on_pause_over, s);
    lt_timer_init(&s->refused_timer, s->loop, on_refused_due, s);
    s->listener = event_new(lt_loop_base(s->loop), s->fd, EV_READ | EV_PERSIST, on_accept, s);
    if (!s->listener || event_add(s->listener, NULL) != 0)
        lt_out_of_memory(0);
    return LT_OK;
}

void lt_http_listener_close(struct lt_http_server *s)
{
    if (!s->listener)
        return;
    lt_timer_cancel(&s->pause);
    lt_timer_cancel(&s->refused_timer);
    close_oldest_refused(s, 0);
    event_free(s->listener);
    s->listener = NULL;
    close(s->fd);
    if (s->spare_fd >= 0)
        close(s->spare_fd);
    count_port(s->port, -1);
}
