/* The HTTP server as a whole: starting, draining, stopping. http_server_private.h says which file has which of its parts. */
#include <limits.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "base/memory.h"
#include "io/http_server_private.h"

enum {
    MAX_CONNECTIONS = 10000,
    HEAD_MS = 10000,
    BODY_MS = 10000,
    IDLE_MS = 60000,
    WRITE_MS = 30000,
    FRESH_MS = 1000, /* a connection accepted just before a drain has so long to send its request */
    STOP_MS = 2000,  /* what cancelled requests have to end before their connections are cut */
};

static void use_default(uint32_t *ms, uint32_t otherwise)
{
    if (*ms == 0)
        *ms = otherwise;
}

enum lt_code lt_http_server_start(struct lt_loop *loop, const struct lt_http_server_options *options, struct lt_http_server **ret,
                                  struct lt_error *err)
{
    struct lt_http_server *s = calloc(1, sizeof(*s));
    if (!s)
        lt_out_of_memory(0);
    s->loop = loop;
    s->options = *options;
    if (s->options.max_connections <= 0)
        s->options.max_connections = s->options.limits ? INT_MAX : MAX_CONNECTIONS;
    use_default(&s->options.head_ms, HEAD_MS);
    use_default(&s->options.body_ms, BODY_MS);
    use_default(&s->options.idle_ms, IDLE_MS);
    use_default(&s->options.write_ms, WRITE_MS);
    enum lt_code rc = lt_http_listener_open(s, err);
    if (rc != LT_OK) {
        free(s);
        return rc;
    }
    *ret = s;
    return LT_OK;
}

int lt_http_server_port(const struct lt_http_server *server)
{
    return server->port;
}

int lt_http_server_connections(const struct lt_http_server *server)
{
    return server->connections;
}

/* Has bytes that nobody looked at yet. */
static bool has_input(const struct lt_http_conn *c)
{
    int waiting = 0;
    return ioctl(lt_conn_fd(c->io), FIONREAD, &waiting) == 0 && waiting > 0;
}

void lt_http_server_retire(struct lt_http_server *server)
{
    if (!server->options.listening)
        return;
    server->draining = true;
    lt_http_listener_close(server);
}

/* A request that arrived before the drain is still served: those in the accept queue, unless others have it too, and those not yet read. */
void lt_http_server_drain(struct lt_http_server *server)
{
    if (!server->draining && !server->options.listening)
        lt_http_listener_accept(server);
    server->draining = true;
    lt_http_listener_close(server);
    for (struct lt_http_conn *c = server->conns, *next; c; c = next) {
        next = c->next;
        if (c->fiber || has_input(c))
            continue;
        lt_http_conn_ends(c, LT_HTTP_CLOSED_END);
        if (c->served)
            lt_http_conn_close(c, false);
        else
            lt_http_conn_deadline(c, lt_http_now(c) + FRESH_MS);
    }
}

static void close_or_cancel_all(struct lt_http_server *s)
{
    for (struct lt_http_conn *c = s->conns, *next; c; c = next) {
        next = c->next;
        lt_http_conn_ends(c, LT_HTTP_CLOSED_END);
        if (c->fiber)
            lt_fiber_cancel_because(c->fiber, LT_CANCEL_END);
        else
            lt_http_conn_close(c, false);
    }
}

/* Cancelled requests may still write their last words; those that take too long over it lose their connection. */
static void wait_for_end(struct lt_http_server *s)
{
    uint64_t deadline = lt_loop_now(s->loop) + STOP_MS;
    s->stopper = lt_fiber_self();
    lt_fiber_shield();
    while (s->connections > 0) {
        if (lt_fiber_wait_for(deadline, "connections to end") == LT_ETIMEOUT) {
            for (struct lt_http_conn *c = s->conns; c; c = c->next)
                lt_http_conn_cut(c);
            deadline = LT_NEVER;
        }
    }
    lt_fiber_unshield();
}

void lt_http_server_stop(struct lt_http_server *server)
{
    if (!server)
        return;
    server->draining = server->stopping = true;
    lt_http_listener_close(server);
    close_or_cancel_all(server);
    if (lt_fiber_self())
        wait_for_end(server);
    lt_http_buffers_free(server);
    free(server);
}
