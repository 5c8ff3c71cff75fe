/* Why connections end: one row a reason, seen in the figures and, at debug level, in the log. */
#include "http_fixture.h"

#include <stdatomic.h>

#include "base/log.h"
#include "io/http_limits.h"
#include "io/http_server_private.h"

#define H "Host: a\r\n"

static struct node node;
static _Atomic int cancelled, finished, holding, last_code;

/* What the handler does is in the path. */
static void handler(struct lt_http_request *req, void *ctx)
{
    static char text[65536];
    struct lt_str path = req->head.path;
    if (lt_str_is(path, "/wait")) { /* until cancelled */
        holding++;
        assert_int_equal(lt_fiber_sleep(60000), LT_ECANCELLED);
        last_code = (int)lt_fiber_cancel_reason();
        cancelled++;
    } else if (lt_str_is(path, "/flood")) { /* writes until the client is gone */
        lt_http_stream_begin(req, 200, "text/plain", NULL, 0);
        while (lt_http_stream_write(req, text, sizeof(text)) == LT_OK)
            ;
        assert_true(lt_fiber_cancelled());
        last_code = (int)lt_fiber_cancel_reason();
        finished++;
    } else if (lt_str_is(path, "/half-stream")) {
        lt_http_stream_begin(req, 200, "text/plain", NULL, 0);
        lt_http_stream_write(req, "half", 4);
    } else {
        lt_http_respond(req, 200, "text/plain", NULL, 0, path);
    }
}

static struct peer *client(void)
{
    return peer_connect(lt_http_server_port(node.server));
}

static struct lt_http_limits *limits;
static _Atomic int logged[LT_HTTP_CLOSED_COUNT];
static atomic_bool no_fiber;

/* As if there were as many fibers as there may be. */
enum lt_code __wrap_lt_fiber_start(struct lt_loop *loop, void (*fn)(void *arg), void *arg, struct lt_fiber **ret);
enum lt_code __real_lt_fiber_start(struct lt_loop *loop, void (*fn)(void *arg), void *arg, struct lt_fiber **ret);
enum lt_code __wrap_lt_fiber_start(struct lt_loop *loop, void (*fn)(void *arg), void *arg, struct lt_fiber **ret)
{
    return no_fiber && fn == lt_http_serve ? LT_EOVERLOADED : __real_lt_fiber_start(loop, fn, arg, ret);
}

static void keep_line(void *ctx, struct lt_str line)
{
    char text[8192], mark[64];
    snprintf(text, sizeof(text), "%.*s", LT_FMT(line));
    for (int i = 0; strstr(text, "\"http.closed\"") && i < LT_HTTP_CLOSED_COUNT; i++) {
        snprintf(mark, sizeof(mark), "\"reason\":\"%s\"", lt_http_closed_name((enum lt_http_closed)i));
        logged[i] += strstr(text, mark) != NULL;
    }
}

static void setup(void)
{
    limits = lt_http_limits_new(&(struct lt_http_limits_options){.connections = 4, .per_address = 2});
    for (int i = 0; i < LT_HTTP_CLOSED_COUNT; i++)
        logged[i] = 0;
    no_fiber = false;
    lt_log_set_sink(keep_line, NULL);
    lt_log_set_level(LT_LOG_DEBUG);
    cancelled = finished = holding = 0;
    node_start(&node, 0, &(struct lt_http_server_options){.handler = handler, .head_ms = 2000, .body_ms = 2000, .idle_ms = 2000, .write_ms = 300, .limits = limits});
}

static void teardown(void)
{
    node_stop(&node);
    assert_int_equal(lt_fiber_count(), 0);
    lt_log_set_level(LT_LOG_INFO);
    lt_log_set_sink(NULL, NULL);
    lt_http_limits_free(limits);
}

/* Sends the text, and goes when the server has closed. */
static void say(const char *text)
{
    struct peer *p = client();
    peer_send(p, text);
    while (peer_fill(p, NULL))
        p->at = p->n = 0;
    peer_close(p);
}

static void end_by_client(void)
{
    peer_close(client());
}

static void end_left(void)
{
    struct peer *p = client();
    peer_send(p, "GET /wait HTTP/1.1\r\n" H "\r\n");
    wait_for(&holding, 1);
    peer_close(p);
    wait_for(&cancelled, 1);
    assert_int_equal(last_code, LT_CANCEL_CLIENT_LEFT);
}

static void end_answered(void)
{
    say("GET /x HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
}

static void end_idle(void)
{
    say("");
}

static void end_bad_head(void)
{
    say("GET /\r\n\r\n");
}

static void end_body(void)
{
    say("POST /ignore HTTP/1.1\r\n" H "Content-Length: 65537\r\n\r\n");
}

static void end_slow(void)
{
    struct peer *p = client();
    peer_send(p, "GET /flood HTTP/1.1\r\n" H "\r\n");
    wait_for(&finished, 1);
    assert_int_equal(last_code, LT_CANCEL_SLOW);
    peer_close(p);
}

static void end_cut(void)
{
    say("GET /half-stream HTTP/1.1\r\n" H "\r\n");
}

static void end_busy(void)
{
    no_fiber = true;
    say("GET /x HTTP/1.1\r\n" H "\r\n");
    no_fiber = false;
}

static struct peer *come_from(const char *from)
{
    struct peer *p = malloc(sizeof(*p));
    struct timeval limit = {.tv_sec = WAIT_S};
    struct sockaddr_in a = {.sin_family = AF_INET}, to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)lt_http_server_port(node.server)),
                                                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    p->at = p->n = p->body_n = 0;
    p->fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    inet_pton(AF_INET, from, &a.sin_addr);
    assert_int_equal(bind(p->fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(connect(p->fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return p;
}

/* From 127.0.0.1 any number may come, up to the process's own limit; from 127.0.0.2 no more than two. */
static void end_beyond(const char *from, int n)
{
    struct peer *p[4];
    for (int i = 0; i < n; i++)
        p[i] = come_from(from);
    wait_for_connections(&node, n);
    struct peer *beyond = come_from(from);
    while (peer_fill(beyond, NULL))
        beyond->at = beyond->n = 0;
    peer_close(beyond);
    for (int i = 0; i < n; i++)
        peer_close(p[i]);
}

static void end_many(void)
{
    end_beyond("127.0.0.1", 4);
}

static void end_address(void)
{
    end_beyond("127.0.0.2", 2);
}

static void end_descriptors(void)
{
    struct rlimit was, now;
    struct peer *before = client();
    wait_for_connections(&node, 1);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    getrlimit(RLIMIT_NOFILE, &was);
    now = was;
    now.rlim_cur = (rlim_t)fd + 1; /* the highest one is in use */
    bool *made = calloc((size_t)fd + 1, sizeof(*made));
    for (int i = 3; i < fd; i++)
        if (fcntl(i, F_GETFD) < 0)
            made[i] = dup2(fd, i) == i; /* and no hole below */
    setrlimit(RLIMIT_NOFILE, &now);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)lt_http_server_port(node.server)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    char byte;
    assert_true(recv(fd, &byte, 1, 0) <= 0); /* taken off the queue and closed */
    setrlimit(RLIMIT_NOFILE, &was);
    for (int i = 3; i < fd; i++)
        if (made[i])
            close(i);
    free(made);
    close(fd);
    peer_close(before);
}

static void drain(void *arg)
{
    lt_http_server_drain(node.server);
}

static void end_drain(void)
{
    struct peer *p = client();
    peer_send(p, "GET /x HTTP/1.1\r\n" H "\r\n");
    assert_true(peer_answer(p));
    node_run(&node, drain, NULL);
    assert_closed(p);
    peer_close(p);
}

static void wait_for_reason(enum lt_http_closed reason)
{
    wait_for(&logged[reason], 1);
    for (int i = 0; i < WAIT_S * 1000 && lt_http_limits_closed_count(limits, reason) == 0; i++)
        usleep(1000);
    assert_int_equal(lt_http_limits_closed_count(limits, reason), logged[reason]);
}

/* Each ends one connection, and at most others that their client closes: no reason but these two is told. */
static void test_each_end_says_why(void **state)
{
    static const struct {
        enum lt_http_closed reason;
        void (*bring_about)(void);
    } table[] = {
        {LT_HTTP_CLOSED_CLIENT, end_by_client}, {LT_HTTP_CLOSED_LEFT, end_left},     {LT_HTTP_CLOSED_ANSWERED, end_answered},
        {LT_HTTP_CLOSED_IDLE, end_idle},        {LT_HTTP_CLOSED_BAD_HEAD, end_bad_head}, {LT_HTTP_CLOSED_BODY, end_body},
        {LT_HTTP_CLOSED_SLOW, end_slow},        {LT_HTTP_CLOSED_CUT, end_cut},       {LT_HTTP_CLOSED_BUSY, end_busy},
        {LT_HTTP_CLOSED_MANY, end_many},        {LT_HTTP_CLOSED_ADDRESS, end_address}, {LT_HTTP_CLOSED_DESCRIPTORS, end_descriptors},
        {LT_HTTP_CLOSED_END, end_drain},
    };
    assert_int_equal(LT_COUNT(table), LT_HTTP_CLOSED_COUNT - 1); /* all but that of TLS: tests/system/test_reasons.py */
    for (size_t i = 0; i < LT_COUNT(table); i++) {
        setup();
        table[i].bring_about();
        wait_for_reason(table[i].reason);
        wait_for_connections(&node, 0);
        for (int other = 0; other < LT_HTTP_CLOSED_COUNT; other++)
            if (other != (int)table[i].reason && other != LT_HTTP_CLOSED_CLIENT && logged[other] > 0)
                fail_msg("%s: told as %s", lt_http_closed_name(table[i].reason), lt_http_closed_name((enum lt_http_closed)other));
        teardown();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_end_says_why)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
