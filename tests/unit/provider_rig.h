/*
 * For tests of providers: a server on a thread that plays canned bytes, and a call on a fiber against it. One test program includes it
 * once.
 */
#pragma once
#include <arpa/inet.h>
#include <math.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/provider.h"
#include "io/fiber.h"
#include "io/http_client.h"

static struct lt_arena *arena;
static struct lt_error err;

static inline int set_up(void **state)
{
    arena = lt_arena_new();
    err = (struct lt_error){0};
    return 0;
}

static inline int tear_down(void **state)
{
    lt_arena_free(arena);
    return 0;
}

static const struct lt_json *json(const char *text)
{
    const struct lt_json *v = NULL;
    if (text && lt_json_parse(arena, lt_str(text), LT_JSON_STRICT, &v, &err))
        fail_msg("%s in %s", err.detail, text);
    return v;
}

static inline void assert_text(struct lt_str s, const char *z)
{
    if (!lt_str_is(s, z))
        fail_msg("expected \"%s\", got \"%.*s\"", z, LT_FMT(s));
}

/* ---- a server that plays canned bytes ---- */

enum { PLAYS_MAX = 16, REQUEST_MAX = 64 * 1024 };

enum then {
    KEEP,  /* waits for the next request on the connection */
    CLOSE,
    RESET,
    STALL, /* sends no more and waits for the client to close */
};

struct play {
    struct lt_str bytes;
    size_t piece;
    enum then then;
    uint32_t wait_ms; /* before the first byte */
};

static struct server {
    int fd, port;
    pthread_t thread;
    struct play plays[PLAYS_MAX];
    size_t plays_n;
    /* what came; to be read after server_stop() */
    char *requests[PLAYS_MAX];
    size_t played;
    int accepted;
    bool client_left; /* while the server stalled */
} server;

/* Reads one request into `into`; false at the end of the connection. */
static inline bool read_request(int fd, char *into)
{
    size_t n = 0;
    for (;;) {
        into[n] = '\0';
        const char *end = strstr(into, "\r\n\r\n"), *length = strcasestr(into, "\r\nContent-Length:");
        if (end && strncmp(into, "GET ", 4) == 0)
            return true;
        if (end && length && n >= (size_t)(end + 4 - into) + strtoul(length + 17, NULL, 10))
            return true;
        ssize_t got = recv(fd, into + n, REQUEST_MAX - 1 - n, 0);
        if (got <= 0)
            return false;
        n += (size_t)got;
    }
}

static inline void play(int fd, const struct play *p)
{
    usleep(p->wait_ms * 1000);
    for (size_t at = 0; at < p->bytes.n;) {
        size_t n = p->bytes.n - at < p->piece ? p->bytes.n - at : p->piece;
        ssize_t sent = send(fd, p->bytes.p + at, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        at += (size_t)sent;
    }
    char c;
    if (p->then == STALL)
        server.client_left = recv(fd, &c, 1, 0) <= 0;
    struct linger at_once = {1, 0};
    if (p->then == RESET)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

static inline void serve(int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    while (server.played < server.plays_n) {
        char *request = malloc(REQUEST_MAX);
        if (!read_request(fd, request)) {
            free(request);
            return;
        }
        const struct play *p = &server.plays[server.played];
        server.requests[server.played++] = request;
        play(fd, p);
        if (p->then != KEEP)
            return;
    }
}

static inline void *server_main(void *arg)
{
    int fd;
    while ((fd = accept(server.fd, NULL, NULL)) >= 0) {
        server.accepted++;
        serve(fd);
        close(fd);
    }
    return NULL;
}

static inline void server_start(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(address);
    server.fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(server.fd, (struct sockaddr *)&address, n), 0);
    assert_int_equal(listen(server.fd, 16), 0);
    assert_int_equal(getsockname(server.fd, (struct sockaddr *)&address, &n), 0);
    server.port = ntohs(address.sin_port);
    server.played = 0;
    server.accepted = 0;
    server.client_left = false;
    assert_int_equal(pthread_create(&server.thread, NULL, server_main, NULL), 0);
}

static inline void server_stop(void)
{
    shutdown(server.fd, SHUT_RDWR);
    pthread_join(server.thread, NULL);
    close(server.fd);
}

static inline void server_forget(void)
{
    for (size_t i = 0; i < server.played; i++)
        free(server.requests[i]);
    server = (struct server){.fd = -1};
}

static inline struct play *add_play(struct lt_str bytes, size_t piece, enum then then)
{
    assert_true(server.plays_n < PLAYS_MAX);
    server.plays[server.plays_n] = (struct play){.bytes = bytes, .piece = piece, .then = then};
    return &server.plays[server.plays_n++];
}

/* An answer with a length, or in chunks of 9 bytes. */
static inline struct lt_str reply_bytes(const char *status, const char *fields, const char *body, bool chunked)
{
    struct lt_buf b;
    size_t n = strlen(body);
    lt_buf_init(&b, 1 << 20);
    lt_buf_printf(&b, "HTTP/1.1 %s\r\n%s", status, fields);
    if (!chunked) {
        lt_buf_printf(&b, "Content-Length: %zu\r\n\r\n%s", n, body);
    } else {
        lt_buf_printf(&b, "Transfer-Encoding: chunked\r\n\r\n");
        for (size_t at = 0; at < n; at += 9)
            lt_buf_printf(&b, "%zx\r\n%.9s\r\n", n - at < 9 ? n - at : 9, body + at);
        lt_buf_printf(&b, "0\r\n\r\n");
    }
    assert_false(b.failed);
    struct lt_str s = lt_str_copy(arena, lt_buf_str(&b));
    lt_buf_free(&b);
    return s;
}

#define IS_JSON "Content-Type: application/json\r\n"
#define IS_STREAM "Content-Type: text/event-stream; charset=utf-8\r\n"

/* ---- calls ---- */

static struct client {
    const struct lt_provider *provider;
    struct lt_provider_instance instance;
    struct lt_provider_run run;
    struct lt_message messages[2];
    struct lt_neutral_call call;
    struct lt_buf shown;
    int pieces;
    enum lt_code refuse;    /* on_text answers with this */
    uint32_t cancel_ms;     /* cancels the call after so long */
    uint32_t deadline_ms;
    int times;              /* calls one after the other */
    enum lt_code (*ask)(struct lt_provider_run *run, struct lt_error *e); /* instead of the provider's call() */
    struct lt_fiber *fiber;
    enum lt_code code;
} client;

static inline enum lt_code on_text(struct lt_provider_run *run, struct lt_str piece, struct lt_error *e)
{
    assert_true(piece.n > 0);
    client.pieces++;
    lt_buf_put_str(&client.shown, piece);
    return client.refuse ? lt_fail(e, client.refuse, "not wanted") : LT_OK;
}

static inline void call_fiber(void *arg)
{
    struct lt_loop *loop = arg;
    if (client.deadline_ms)
        client.run.deadline_ms = lt_loop_now(loop) + client.deadline_ms;
    for (int i = 0; i < client.times; i++)
        client.code = client.ask ? client.ask(&client.run, &err) : client.provider->call(&client.run, &err);
    client.fiber = NULL;
    /* The end of a body may come behind the answer: its connection is looked after for a second at most (lt_http_reply_finish). */
    for (int i = 0, idle, busy = 1; busy > 0 && i < 200; i++) {
        lt_http_client_counts(loop, &idle, &busy);
        if (busy > 0)
            lt_fiber_sleep(10);
    }
    lt_loop_stop(loop);
}

static inline void cancel_fiber(void *arg)
{
    lt_fiber_sleep(client.cancel_ms);
    if (client.fiber)
        lt_fiber_cancel(client.fiber);
}

/* A client of the running server; `more` are members of the instance's config. */
static inline void client_new_of(const struct lt_provider *provider, const char *more, const char *settings, bool stream)
{
    lt_buf_free(&client.shown);
    memset(&client, 0, sizeof(client));
    lt_buf_init(&client.shown, 1 << 20);
    client.times = 1;
    client.provider = provider;
    client.messages[0] = (struct lt_message){.role = LT_STR("system"), .content = LT_STR("Be brief.")};
    client.messages[1] = (struct lt_message){.role = LT_STR("user"), .content = LT_STR("Hi \"you\"")};
    client.call = (struct lt_neutral_call){.kind = LT_NEUTRAL_COMPLETION, .messages = client.messages, .messages_n = 2,
                                           .temperature = (double)NAN, .top_p = (double)NAN, .seed = -1};
    struct lt_str config = lt_printf(arena, "{\"endpoint\":\"http://127.0.0.1:%d/v1\"%s%s}", server.port, *more ? "," : "", more);
    client.instance = (struct lt_provider_instance){.id = 1, .name = LT_STR("i"), .provider = provider,
                                                    .config = json(lt_strz(arena, config))};
    client.run = (struct lt_provider_run){.arena = arena,
                                          .instance = &client.instance,
                                          .settings = json(settings),
                                          .call = &client.call,
                                          .stream = stream,
                                          .deadline_ms = LT_NEVER,
                                          .on_text = on_text};
    strcpy(client.run.user_hash, "u5e4");
}

static inline enum lt_code client_run(void)
{
    struct lt_loop *loop = lt_loop_new(0, &err);
    assert_non_null(loop);
    client.run.loop = loop;
    err = (struct lt_error){0};
    assert_int_equal(lt_fiber_start(loop, call_fiber, loop, &client.fiber), LT_OK);
    if (client.cancel_ms)
        assert_int_equal(lt_fiber_start(loop, cancel_fiber, NULL, NULL), LT_OK);
    lt_loop_run(loop);
    int idle, busy;
    lt_http_client_counts(loop, &idle, &busy);
    assert_int_equal(busy, 0); /* nothing is left open */
    lt_loop_free(loop);
    return client.code;
}

static inline void assert_shown(const char *text)
{
    assert_text(lt_buf_str(&client.shown), text);
}

static inline int set_up_server(void **state)
{
    set_up(state);
    server_forget();
    return 0;
}

static inline int tear_down_server(void **state)
{
    server_forget();
    lt_buf_free(&client.shown);
    return tear_down(state);
}

static inline const char *request_body(size_t i)
{
    assert_true(i < server.played);
    return strstr(server.requests[i], "\r\n\r\n") + 4;
}
