/* The HTTP server, over real sockets. */
#include "http_fixture.h"

#include "base/log.h"

#define H "Host: a\r\n"

enum { LIMIT = 100, BIG = 4 * 1024 * 1024 };

static struct node node;
static _Atomic int handled, cancelled, gone, finished, holding;
static _Atomic int last_code;
static char *big;

static void on_gone(void *arg)
{
    ++*(_Atomic int *)arg;
}

/* ---- answers from callbacks, which do not wait ---- */

enum { PIECES_TOTAL = 12 * 1024 * 1024, PIECE_MAX = 300 * 1024 };

/* The n bytes at `offset` of a text in which no two neighbourhoods are alike. */
static void fill_text(char *out, size_t offset, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (char)((offset + i) * 2654435761u >> 13);
}

static void wake_handler(void *arg)
{
    lt_fiber_wake(arg);
}

/* As an event stream's log does: a piece is taken or it is not, and then comes again when there is room. */
static void answer_in_pieces(struct lt_http_request *req)
{
    char *piece = malloc(PIECE_MAX);
    size_t at = 0, turn = 0;
    lt_http_stream_begin(req, 200, "text/plain", NULL, 0);
    while (at < PIECES_TOTAL) {
        size_t n = 1 + turn++ * 7919 % PIECE_MAX;
        n = n < PIECES_TOTAL - at ? n : PIECES_TOTAL - at;
        fill_text(piece, at, n);
        if (lt_http_stream_try_write(req, piece, n)) {
            at += n;
            continue;
        }
        holding++;
        lt_http_stream_on_writable(req, wake_handler, lt_fiber_self());
        assert_int_equal(lt_fiber_wait(lt_loop_now(req->loop) + 20000), LT_OK);
    }
    assert_int_equal(lt_http_stream_end(req), LT_OK);
    free(piece);
    finished++;
}

/* What the handler does is in the path. */
static void handler(struct lt_http_request *req, void *ctx)
{
    struct lt_str body, path = req->head.path;
    struct lt_error err;
    handled++;
    if (lt_str_is(path, "/echo")) {
        enum lt_code rc = lt_http_read_body(req, LIMIT, &body, &err);
        last_code = (int)rc;
        if (rc == LT_OK)
            lt_http_respond(req, 200, "text/plain", NULL, 0, body);
        else
            lt_http_respond(req, lt_code_status(rc), "text/plain", NULL, 0, lt_str(err.detail));
    } else if (lt_str_is(path, "/ignore")) { /* the body is not read */
        lt_http_respond(req, 200, NULL, NULL, 0, LT_STR("ignored"));
    } else if (lt_str_is(path, "/none")) {
        lt_http_respond(req, 204, NULL, NULL, 0, LT_STR_NULL);
    } else if (lt_str_is(path, "/fields")) {
        struct lt_http_field fields[] = {{LT_STR("X-One"), LT_STR("1")}, {LT_STR("X-Peer"), lt_str(req->peer)}};
        lt_http_respond(req, 418, "text/plain", fields, 2, lt_str(req->id));
    } else if (lt_str_is(path, "/stream")) {
        lt_http_stream_begin(req, 200, "text/plain", NULL, 0);
        lt_http_stream_write(req, "one ", 4);
        lt_fiber_sleep(50);
        lt_http_stream_write(req, "two ", 4);
        lt_http_stream_write(req, "three", 5);
        lt_http_stream_end(req);
    } else if (lt_str_is(path, "/empty-stream")) {
        lt_http_stream_begin(req, 200, "text/plain", NULL, 0);
        lt_http_stream_end(req);
    } else if (lt_str_is(path, "/half-stream")) {
        lt_http_stream_begin(req, 200, "text/plain", NULL, 0);
        lt_http_stream_write(req, "half", 4);
    } else if (lt_str_is(path, "/big")) {
        last_code = (int)lt_http_respond(req, 200, "text/plain", NULL, 0, (struct lt_str){big, BIG});
        finished++;
    } else if (lt_str_is(path, "/silent")) {
    } else if (lt_str_is(path, "/wait")) { /* until cancelled */
        holding++;
        last_code = (int)lt_fiber_sleep(60000);
        holding--;
        cancelled++;
    } else if (lt_str_is(path, "/watch")) { /* is told, but not cancelled, when the client leaves */
        lt_http_on_client_gone(req, on_gone, &gone);
        holding++;
        for (int i = 0; i < 1000 && gone == 0; i++)
            assert_int_equal(lt_fiber_sleep(10), LT_OK);
        holding--;
        assert_true(lt_http_client_gone(req));
        assert_int_equal(lt_http_respond(req, 200, NULL, NULL, 0, LT_STR("x")), LT_ECANCELLED);
        finished++;
    } else if (lt_str_is(path, "/slow")) {
        holding++;
        lt_fiber_sleep(200);
        holding--;
        lt_http_respond(req, 200, NULL, NULL, 0, LT_STR("slow"));
    } else if (lt_str_is(path, "/flood")) { /* writes until the client is gone */
        lt_http_stream_begin(req, 200, "text/plain", NULL, 0);
        enum lt_code rc = LT_OK;
        holding++;
        while (rc == LT_OK)
            rc = lt_http_stream_write(req, big, 65536);
        last_code = (int)rc;
        finished++;
    } else if (lt_str_is(path, "/pieces")) {
        answer_in_pieces(req);
    } else if (lt_str_is(path, "/last-words")) { /* cancelled by someone else while its client is there */
        lt_fiber_cancel(lt_fiber_self());
        assert_int_equal(lt_fiber_sleep(1000), LT_ECANCELLED);
        lt_http_respond(req, 499, NULL, NULL, 0, LT_STR("cancelled"));
    } else {
        lt_http_respond(req, 200, "text/plain", NULL, 0, path);
    }
}

static void start(const struct lt_http_server_options *more)
{
    struct lt_http_server_options options = more ? *more : (struct lt_http_server_options){0};
    options.handler = handler;
    handled = cancelled = gone = finished = holding = 0;
    last_code = LT_OK;
    node_start(&node, 0, &options);
}

static int setup(void **state)
{
    start(NULL);
    return 0;
}

static int teardown(void **state)
{
    node_stop(&node);
    if (lt_fiber_count() != 0)
        fail_msg("%d fibers left", lt_fiber_count());
    return 0;
}

static struct peer *client(void)
{
    return peer_connect(lt_http_server_port(node.server));
}

static void test_an_answer_has_what_it_should(void **state)
{
    struct peer *p = client();
    peer_send(p, "GET /fields HTTP/1.1\r\n" H "\r\n");
    assert_true(peer_answer(p));
    assert_int_equal(p->head.status, 418);
    assert_true(lt_str_is(lt_http_field(&p->head, "Server", NULL), "lectern"));
    assert_true(lt_str_is(lt_http_field(&p->head, "X-One", NULL), "1"));
    assert_true(lt_str_starts(lt_http_field(&p->head, "X-Peer", NULL), LT_STR("127.0.0.1:")));
    struct lt_str date = lt_http_field(&p->head, "Date", NULL), id = lt_http_field(&p->head, "X-Request-Id", NULL);
    assert_int_equal(date.n, 29);
    assert_true(lt_str_ends(date, LT_STR(" GMT")));
    assert_int_equal(id.n, 36);
    assert_memory_equal(id.p, p->body, 36);
    assert_null(lt_http_field(&p->head, "Connection", NULL).p);
    peer_close(p);
}

static void test_bad_requests(void **state)
{
    static char long_uri[9000], long_head[20000], many[2000];
    memset(long_uri, 'u', sizeof(long_uri) - 1);
    memcpy(long_uri, "GET /", 5);
    memset(long_head, 'h', sizeof(long_head) - 1);
    memcpy(long_head, "GET / HTTP/1.1\r\nX: ", 19);
    char *at = many + sprintf(many, "GET / HTTP/1.1\r\n" H);
    for (int i = 0; i < LT_HTTP_FIELDS_MAX; i++)
        at += sprintf(at, "A: b\r\n");
    sprintf(at, "\r\n");
    const struct {
        const char *text;
        int status;
        const char *code;
    } cases[] = {
        {"GET / HTTP/1.1\r\n\r\n", 400, "bad_http"},
        {"GET /\r\n\r\n", 400, "bad_http"},
        {"GET / HTTP/1.1\nHost: a\n\n", 400, "bad_http"},
        {"GET / HTTP/2.0\r\n\r\n", 400, "bad_http"},
        {"POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "bad_http"},
        {"POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400, "bad_http"},
        {"POST / HTTP/1.1\r\n" H "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400, "bad_http"},
        {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400, "bad_http"},
        {"GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n", 400, "bad_http"},
        {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "bad_http"},
        {long_uri, 414, "uri_too_long"},
        {long_head, 431, "head_too_large"},
        {many, 431, "head_too_large"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct peer *p = client();
        char want[64];
        peer_send(p, cases[i].text);
        if (!peer_answer(p))
            fail_msg("case %zu: no answer", i);
        if (p->head.status != cases[i].status)
            fail_msg("case %zu: status %d", i, p->head.status);
        assert_true(lt_str_is(lt_http_field(&p->head, "Content-Type", NULL), "application/problem+json"));
        assert_true(lt_str_is(lt_http_field(&p->head, "Connection", NULL), "close"));
        snprintf(want, sizeof(want), "\"code\":\"%s\"", cases[i].code);
        assert_true(body_has(p, want));
        snprintf(want, sizeof(want), "\"status\":%d", cases[i].status);
        assert_true(body_has(p, want));
        snprintf(want, sizeof(want), "\"request_id\":\"%.36s\"", lt_http_field(&p->head, "X-Request-Id", NULL).p);
        assert_true(body_has(p, want));
        assert_closed(p);
        peer_close(p);
    }
    assert_int_equal(handled, 0);
}

static void test_pipelined_requests_are_answered_in_order(void **state)
{
    static char text[20000];
    enum { COUNT = 100 };
    size_t n = 0;
    for (int i = 0; i < COUNT; i++)
        n += (size_t)sprintf(text + n, "POST /%s%d HTTP/1.1\r\n" H "Content-Length: %d\r\n\r\n%.*s", i % 3 ? "p" : "ignore?", i,
                             i % 7, i % 7, "xxxxxxx");
    struct peer *p = client();
    peer_send_n(p, text, n);
    for (int i = 0; i < COUNT; i++) {
        char want[16];
        assert_true(peer_answer(p));
        snprintf(want, sizeof(want), "/p%d", i);
        assert_body(p, i % 3 ? want : "ignored");
    }
    peer_close(p);
    wait_for_connections(&node, 0);
}

/* The same bytes give the same answers however they are cut. */
static void test_requests_split_at_every_byte(void **state)
{
    static const char text[] =
        "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n4\r\ndefg\r\n0\r\nT: x\r\n\r\n"
        "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello\r\n"
        "GET /end HTTP/1.1\r\n" H "\r\n";
    struct peer *p = client();
    for (size_t cut = 1; cut < sizeof(text) - 1; cut++) {
        peer_send_n(p, text, cut);
        usleep(300);
        peer_send_n(p, text + cut, sizeof(text) - 1 - cut);
        assert_true(peer_answer(p));
        assert_body(p, "abcdefg");
        assert_true(peer_answer(p));
        assert_body(p, "hello");
        assert_true(peer_answer(p));
        assert_body(p, "/end");
    }
    for (size_t i = 0; i < sizeof(text) - 1; i++) { /* and byte by byte */
        peer_send_n(p, text + i, 1);
        if (i % 16 == 0)
            usleep(300);
    }
    assert_true(peer_answer(p));
    assert_body(p, "abcdefg");
    peer_close(p);
}

static void test_body_limits(void **state)
{
    static const struct {
        size_t n;
        bool chunked;
        int status;
        bool kept;
    } cases[] = {
        {LIMIT - 1, false, 200, true}, {LIMIT, false, 200, true}, {LIMIT + 1, false, 413, true},  {64 * 1024, false, 413, true},
        {64 * 1024 + 1, false, 413, false}, {900000, false, 413, false}, {LIMIT - 1, true, 200, true}, {LIMIT, true, 200, true},
        {LIMIT + 1, true, 413, false}, {0, false, 200, true}, {0, true, 200, true},
    };
    static char text[1000000];
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct peer *p = client();
        size_t n = (size_t)sprintf(text,
                                   cases[i].chunked ? "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
                                                    : "POST /echo HTTP/1.1\r\n" H "Content-Length: %zu\r\n\r\n",
                                   cases[i].n);
        if (cases[i].chunked && cases[i].n > 0)
            n += (size_t)sprintf(text + n, "%zx\r\n", cases[i].n);
        memset(text + n, 'b', cases[i].n);
        n += cases[i].n;
        if (cases[i].chunked)
            n += (size_t)sprintf(text + n, cases[i].n > 0 ? "\r\n0\r\n\r\n" : "0\r\n\r\n");
        peer_send_n(p, text, n);
        if (!peer_answer(p) || p->head.status != cases[i].status)
            fail_msg("case %zu: %d", i, p->head.status);
        if (p->head.status == 200)
            assert_int_equal(p->body_n, cases[i].n);
        assert_int_equal(p->head.keep_alive, cases[i].kept);
        if (cases[i].kept) {
            peer_send(p, "GET /again HTTP/1.1\r\n" H "\r\n");
            assert_true(peer_answer(p));
            assert_body(p, "/again");
        } else {
            assert_closed(p);
        }
        peer_close(p);
    }
}

static void test_bodies_that_nobody_reads(void **state)
{
    static const struct {
        const char *text;
        size_t sent;
        bool kept;
    } cases[] = {
        {"POST /ignore HTTP/1.1\r\n" H "Content-Length: 65536\r\n\r\n", 65536, true},
        {"POST /ignore HTTP/1.1\r\n" H "Content-Length: 65537\r\n\r\n", 65537, false},
        {"POST /ignore HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n", 0, false},
        {"POST /ignore HTTP/1.1\r\n" H "Content-Length: 10\r\nExpect: 100-continue\r\n\r\n", 0, false},
    };
    static char body[65537];
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct peer *p = client();
        peer_send(p, cases[i].text);
        peer_send_n(p, body, cases[i].sent);
        assert_true(peer_answer(p));
        assert_body(p, "ignored");
        assert_int_equal(p->head.keep_alive, cases[i].kept);
        if (cases[i].kept) {
            peer_send(p, "GET /again HTTP/1.1\r\n" H "\r\n");
            assert_true(peer_answer(p));
            assert_body(p, "/again");
        } else {
            assert_closed(p);
        }
        peer_close(p);
    }
}

static void test_expect_continue(void **state)
{
    struct peer *p = client();
    peer_send(p, "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_true(peer_answer(p));
    assert_int_equal(p->head.status, 100);
    peer_send(p, "hello");
    assert_true(peer_answer(p));
    assert_int_equal(p->head.status, 200);
    assert_body(p, "hello");
    peer_send(p,
              "POST /echo HTTP/1.1\r\n" H "Content-Length: 101\r\nExpect: 100-continue\r\n\r\n"); /* too large: not asked for */
    assert_true(peer_answer(p));
    assert_int_equal(p->head.status, 413);
    assert_closed(p);
    peer_close(p);
}

static void test_bad_chunks(void **state)
{
    struct peer *p = client();
    peer_send(p, "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n");
    assert_true(peer_answer(p));
    assert_int_equal(p->head.status, 400);
    assert_int_equal(last_code, LT_EBAD_HTTP);
    assert_closed(p);
    peer_close(p);
}

static void test_head_and_empty_answers(void **state)
{
    struct peer *p = client();
    peer_send(p, "HEAD /ignore HTTP/1.1\r\n" H "\r\n");
    assert_true(peer_answer_to(p, true));
    assert_int_equal(p->head.content_length, 7);
    peer_send(p, "GET /none HTTP/1.1\r\n" H "\r\n");
    assert_true(peer_answer(p));
    assert_int_equal(p->head.status, 204);
    assert_int_equal(p->head.content_length, -1);
    peer_send(p, "HEAD /stream HTTP/1.1\r\n" H "\r\n");
    assert_true(peer_answer_to(p, true));
    assert_true(p->head.chunked);
    peer_send(p, "GET /empty-stream HTTP/1.1\r\n" H "\r\n");
    assert_true(peer_answer(p));
    assert_body(p, "");
    peer_send(p, "GET /after HTTP/1.1\r\n" H "\r\n");
    assert_true(peer_answer(p));
    assert_body(p, "/after");
    peer_close(p);
}

static void test_http_1_0(void **state)
{
    struct peer *p = client();
    peer_send(p, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_true(peer_answer(p));
    assert_true(lt_str_is(lt_http_field(&p->head, "Connection", NULL), "keep-alive"));
    peer_send(p, "GET /b HTTP/1.0\r\n\r\n");
    assert_true(peer_answer(p));
    assert_true(lt_str_is(lt_http_field(&p->head, "Connection", NULL), "close"));
    assert_closed(p);
    peer_close(p);
    p = client();
    peer_send(p, "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_true(peer_answer(p));
    assert_false(p->head.chunked);
    assert_body(p, "one two three");
    peer_close(p);
}

static void test_streams(void **state)
{
    struct peer *p = client();
    peer_send(p, "GET /stream HTTP/1.1\r\n" H "\r\n");
    assert_true(peer_fill(p, NULL)); /* the head and the first bytes come together, before the second */
    assert_non_null(memmem(p->buf, p->n, "\r\n\r\n4\r\none \r\n", 13));
    assert_true(peer_answer(p));
    assert_body(p, "one two three");
    peer_send(p, "GET /half-stream HTTP/1.1\r\n" H "\r\n");
    assert_false(peer_answer(p)); /* a stream that was not ended does not look ended */
    peer_close(p);
}

static void test_large_answers_and_slow_readers(void **state)
{
    struct peer *p = client();
    peer_send(p, "GET /big HTTP/1.1\r\n" H "\r\n");
    usleep(100000);
    size_t total = 0;
    while (total <= BIG && peer_fill(p, NULL)) { /* the head is part of it */
        total += p->n;
        p->at = p->n;
    }
    assert_true(total > BIG);
    wait_for(&finished, 1);
    assert_int_equal(last_code, LT_OK);
    peer_close(p);
}

static void test_a_handler_that_does_not_answer(void **state)
{
    struct peer *p = client();
    lt_log_set_level(LT_LOG_ERROR + 1);
    peer_send(p, "GET /silent HTTP/1.1\r\n" H "\r\n");
    assert_true(peer_answer(p));
    lt_log_set_level(LT_LOG_INFO);
    assert_int_equal(p->head.status, 500);
    assert_true(body_has(p, "internal_error"));
    peer_close(p);
}

static void test_a_cancelled_request_can_still_answer(void **state)
{
    struct peer *p = client();
    peer_send(p, "GET /last-words HTTP/1.1\r\n" H "\r\nGET /next HTTP/1.1\r\n" H "\r\n");
    assert_true(peer_answer(p));
    assert_int_equal(p->head.status, 499);
    assert_true(peer_answer(p)); /* and the next one is not cancelled */
    assert_body(p, "/next");
    peer_close(p);
}

static void test_a_client_that_leaves_before_the_head_is_whole(void **state)
{
    struct peer *p = client();
    peer_send(p, "GET / HTTP/1.1\r\nHo");
    wait_for_connections(&node, 1);
    peer_close(p);
    wait_for_connections(&node, 0);
    assert_int_equal(handled, 0);
}

static void test_a_client_that_leaves_in_its_body(void **state)
{
    struct peer *p = client();
    peer_send(p, "POST /echo HTTP/1.1\r\n" H "Content-Length: 50\r\n\r\nhalf");
    wait_for(&handled, 1);
    peer_close(p);
    wait_for_connections(&node, 0);
    assert_int_equal(last_code, LT_ECANCELLED);
}

static void test_a_client_that_leaves_while_the_handler_waits(void **state)
{
    for (int reset = 0; reset < 2; reset++) {
        struct linger linger = {.l_onoff = reset};
        struct peer *p = client();
        peer_send(p, "GET /wait HTTP/1.1\r\n" H "\r\n");
        wait_for(&holding, 1);
        setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
        peer_close(p);
        wait_for(&cancelled, reset + 1);
        assert_int_equal(last_code, LT_ECANCELLED);
    }
    wait_for_connections(&node, 0);
}

static void test_a_client_that_leaves_behind_a_second_request(void **state)
{
    struct peer *p = client();
    peer_send(p, "GET /wait HTTP/1.1\r\n" H "\r\nGET /wait HTTP/1.1\r\n" H "\r\n");
    wait_for(&holding, 1);
    peer_close(p);
    wait_for(&cancelled, 1);
    wait_for_connections(&node, 0);
    assert_int_equal(handled, 1);
}

static void test_a_handler_that_watches_the_client_itself(void **state)
{
    struct peer *p = client();
    peer_send(p, "GET /watch HTTP/1.1\r\n" H "\r\n");
    wait_for(&holding, 1);
    peer_close(p);
    wait_for(&finished, 1);
    assert_int_equal(gone, 1);
    wait_for_connections(&node, 0);
}

static void test_a_client_that_leaves_while_it_is_written_to(void **state)
{
    struct peer *p = client();
    peer_send(p, "GET /flood HTTP/1.1\r\n" H "\r\n");
    wait_for(&holding, 1);
    assert_true(peer_fill(p, NULL));
    usleep(50000);
    peer_close(p);
    wait_for(&finished, 1);
    assert_int_not_equal(last_code, LT_OK);
    wait_for_connections(&node, 0);
}

/* With shortened deadlines. */
static int setup_short(void **state)
{
    start(&(struct lt_http_server_options){.head_ms = 300, .body_ms = 300, .idle_ms = 300, .write_ms = 300});
    return 0;
}

static void test_a_slow_head(void **state)
{
    static const char text[] = "GET / HTTP/1.1\r\nX: ";
    struct peer *p = client();
    peer_send(p, text);
    for (int i = 0; i < 100 && poll(&(struct pollfd){.fd = p->fd, .events = POLLIN}, 1, 20) == 0; i++)
        peer_send(p, "x"); /* bytes that keep coming do not move the deadline */
    assert_true(peer_answer(p));
    assert_int_equal(p->head.status, 408);
    assert_true(body_has(p, "request_timeout"));
    assert_closed(p);
    peer_close(p);
    assert_int_equal(handled, 0);
}

static void test_a_slow_body(void **state)
{
    struct peer *p = client();
    peer_send(p, "POST /echo HTTP/1.1\r\n" H "Content-Length: 90\r\n\r\n");
    for (int i = 0; i < 80 && poll(&(struct pollfd){.fd = p->fd, .events = POLLIN}, 1, 20) == 0; i++)
        peer_send(p, "x");
    assert_true(peer_answer(p));
    assert_int_equal(p->head.status, 408);
    assert_int_equal(last_code, LT_EREQUEST_TIMEOUT);
    assert_closed(p);
    peer_close(p);
}

static void test_idle_connections_are_closed_without_a_word(void **state)
{
    struct peer *p = client(), *q = client();
    peer_send(q, "GET /x HTTP/1.1\r\n" H "\r\n");
    assert_true(peer_answer(q));
    assert_closed(p);
    assert_closed(q);
    peer_close(p);
    peer_close(q);
    wait_for_connections(&node, 0);
}

static void test_a_client_that_does_not_read(void **state)
{
    struct peer *p = client();
    peer_send(p, "GET /flood HTTP/1.1\r\n" H "\r\n");
    wait_for(&finished, 1);
    assert_int_equal(last_code, LT_ETIMEOUT);
    wait_for_connections(&node, 0);
    peer_close(p);
}

/* Whatever the socket took of a piece, the rest follows: nothing is lost, doubled or moved. */
static void test_pieces_arrive_whole_at_a_slow_reader(void **state)
{
    struct peer *p = client();
    struct lt_chunked chunks = {0};
    char *want = malloc(BUF);
    size_t used, total = 0;
    struct lt_error err;
    peer_send(p, "GET /pieces HTTP/1.1\r\n" H "\r\n");
    wait_for(&holding, 1);
    while (lt_http1_read_response(p->buf, p->n, &p->head, &used, &err) == LT_EAGAIN)
        assert_true(peer_fill(p, NULL));
    p->at = used;
    while (!chunks.done) {
        struct lt_str piece;
        if (p->at == p->n) {
            p->at = p->n = 0;
            assert_true(peer_fill(p, NULL));
        }
        assert_int_equal(lt_chunked_read(&chunks, p->buf + p->at, p->n - p->at, &piece, &used, &err), LT_OK);
        p->at += used;
        fill_text(want, total, piece.n);
        if (piece.n > 0)
            assert_memory_equal(piece.p, want, piece.n);
        total += piece.n;
    }
    assert_int_equal(total, PIECES_TOTAL);
    wait_for(&finished, 1);
    free(want);
    peer_close(p);
}

static int setup_few(void **state)
{
    start(&(struct lt_http_server_options){.max_connections = 2});
    return 0;
}

static void test_too_many_connections(void **state)
{
    struct peer *p[3] = {client(), client(), NULL};
    wait_for_connections(&node, 2);
    p[2] = client();
    assert_true(peer_answer(p[2]));
    assert_int_equal(p[2]->head.status, 503);
    assert_true(body_has(p[2], "overloaded"));
    assert_closed(p[2]);
    peer_close(p[0]);
    wait_for_connections(&node, 1);
    struct peer *again = client();
    peer_send(again, "GET /ok HTTP/1.1\r\n" H "\r\n");
    assert_true(peer_answer(again));
    assert_body(again, "/ok");
    peer_close(again);
    peer_close(p[1]);
    peer_close(p[2]);
}

static void test_no_descriptors_left(void **state)
{
    struct rlimit was, now;
    struct peer *before = client();
    peer_send(before, "GET /before HTTP/1.1\r\n" H "\r\n");
    assert_true(peer_answer(before));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    getrlimit(RLIMIT_NOFILE, &was);
    now = was;
    now.rlim_cur = (rlim_t)fd + 1; /* the highest one is in use */
    for (int i = 3; i < fd; i++)
        if (fcntl(i, F_GETFD) < 0)
            dup2(fd, i); /* and no hole below */
    setrlimit(RLIMIT_NOFILE, &now);
    lt_log_set_level(LT_LOG_ERROR);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)lt_http_server_port(node.server)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    char byte;
    assert_true(recv(fd, &byte, 1, 0) <= 0); /* taken off the queue and closed */
    peer_send(before, "GET /still HTTP/1.1\r\n" H "\r\n");
    assert_true(peer_answer(before));
    assert_body(before, "/still");
    setrlimit(RLIMIT_NOFILE, &was);
    lt_log_set_level(LT_LOG_INFO);
    struct stat mine, other;
    fstat(fd, &mine);
    for (int i = 3; i < fd; i++)
        if (fstat(i, &other) == 0 && other.st_ino == mine.st_ino && other.st_dev == mine.st_dev)
            close(i);
    close(fd);
    struct peer *after = client();
    peer_send(after, "GET /after HTTP/1.1\r\n" H "\r\n");
    assert_true(peer_answer(after));
    assert_body(after, "/after");
    peer_close(after);
    peer_close(before);
}

static void drain(void *arg)
{
    lt_http_server_drain(node.server);
}

static void test_drain(void **state)
{
    struct peer *idle = client(), *busy = client();
    int port = lt_http_server_port(node.server);
    peer_send(idle, "GET /x HTTP/1.1\r\n" H "\r\n");
    assert_true(peer_answer(idle));
    peer_send(busy, "GET /slow HTTP/1.1\r\n" H "\r\n");
    wait_for(&holding, 1);
    node_run(&node, drain, NULL);
    assert_closed(idle);
    assert_true(peer_answer(busy));
    assert_body(busy, "slow");
    assert_true(lt_str_is(lt_http_field(&busy->head, "Connection", NULL), "close"));
    assert_closed(busy);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_not_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    close(fd);
    peer_close(idle);
    peer_close(busy);
}

static void test_stop_cancels_what_runs(void **state)
{
    start(NULL);
    struct peer *waiting = client(), *idle = client(), *flooded = client();
    peer_send(waiting, "GET /wait HTTP/1.1\r\n" H "\r\n");
    peer_send(flooded, "GET /flood HTTP/1.1\r\n" H "\r\n");
    wait_for(&holding, 2);
    wait_for_connections(&node, 3);
    node_stop(&node);
    assert_int_equal(cancelled, 1);
    assert_int_equal(finished, 1);
    assert_closed(waiting);
    assert_closed(idle);
    peer_close(waiting);
    peer_close(idle);
    peer_close(flooded);
    assert_int_equal(lt_fiber_count(), 0);
}

static void test_loops_share_a_port(void **state)
{
    struct node second;
    struct lt_http_server_options options = {.handler = handler, .port = lt_http_server_port(node.server)};
    node_start(&second, 1, &options);
    assert_int_equal(lt_http_server_port(second.server), options.port);
    struct peer *p[40];
    for (int i = 0; i < 40; i++) {
        p[i] = client();
        peer_send(p[i], "GET /x HTTP/1.1\r\n" H "\r\n");
        assert_true(peer_answer(p[i]));
    }
    assert_int_equal(node_connections(&node) + node_connections(&second), 40);
    assert_true(node_connections(&second) > 0);
    for (int i = 0; i < 40; i++)
        peer_close(p[i]);
    node_stop(&second);
}

static void try_start(void *arg)
{
    struct lt_http_server_options *options = arg;
    struct lt_http_server *server;
    struct lt_error err;
    options->handler = handler;
    assert_int_equal(lt_http_server_start(node.loop, options, &server, &err), LT_ECONFIG);
    assert_non_null(strstr(err.detail, options->host));
}

static void test_addresses_that_cannot_be_used(void **state)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(any);
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)); /* like another daemon of ours */
    assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
    assert_int_equal(listen(fd, 1), 0);
    getsockname(fd, (struct sockaddr *)&any, &n);
    struct lt_http_server_options cases[] = {
        {.host = "127.0.0.1", .port = ntohs(any.sin_port)},
        {.host = "localhost", .port = 0},
        {.host = "127.0.0.1", .port = 70000},
        {.host = "192.0.2.1", .port = 0},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        node_run(&node, try_start, &cases[i]);
    close(fd);
}

int main(void)
{
    big = malloc(BIG);
    memset(big, 'B', BIG);
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_an_answer_has_what_it_should),
        T(test_bad_requests),
        T(test_pipelined_requests_are_answered_in_order),
        T(test_requests_split_at_every_byte),
        T(test_body_limits),
        T(test_bodies_that_nobody_reads),
        T(test_expect_continue),
        T(test_bad_chunks),
        T(test_head_and_empty_answers),
        T(test_http_1_0),
        T(test_streams),
        T(test_large_answers_and_slow_readers),
        T(test_pieces_arrive_whole_at_a_slow_reader),
        T(test_a_handler_that_does_not_answer),
        T(test_a_cancelled_request_can_still_answer),
        T(test_a_client_that_leaves_before_the_head_is_whole),
        T(test_a_client_that_leaves_in_its_body),
        T(test_a_client_that_leaves_while_the_handler_waits),
        T(test_a_client_that_leaves_behind_a_second_request),
        T(test_a_handler_that_watches_the_client_itself),
        T(test_a_client_that_leaves_while_it_is_written_to),
        cmocka_unit_test_setup_teardown(test_a_slow_head, setup_short, teardown),
        cmocka_unit_test_setup_teardown(test_a_slow_body, setup_short, teardown),
        cmocka_unit_test_setup_teardown(test_idle_connections_are_closed_without_a_word, setup_short, teardown),
        cmocka_unit_test_setup_teardown(test_a_client_that_does_not_read, setup_short, teardown),
        cmocka_unit_test_setup_teardown(test_too_many_connections, setup_few, teardown),
        T(test_no_descriptors_left),
        T(test_drain),
        cmocka_unit_test(test_stop_cancels_what_runs),
        T(test_loops_share_a_port),
        T(test_addresses_that_cannot_be_used),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(big);
    return failed;
}
