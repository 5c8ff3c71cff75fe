/* The HTTP client: against a scripted upstream that says exactly what a test wants, and against our own server. */
#include "http_fixture.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include "io/http_client.h"
#include "io/tls.h"
#include "io/upstream_closed.h"

/* ---- the upstream: one thread per connection, blocking ---- */

/* What one request gets: bytes, then what happens to the connection. */
struct script {
    const char *answer;
    size_t cut;          /* after so many bytes of it a pause of 2 ms; 0 = none */
    const char *later;   /* sent when the caller has done with the answer, unasked */
    bool close, reset, stall;
};

static struct {
    int fd, port;
    pthread_t thread;
    struct script scripts[8]; /* for the 1st, 2nd, … request; the last one repeats */
    int scripts_n;
    _Atomic int accepted, requests, sent, ended;
    _Atomic int done;         /* with what scripts do behind their answers */
    _Atomic int closed;       /* by the caller */
    pthread_mutex_t lock;
    char seen[70000];         /* the last request */
    size_t seen_n, first_read;
} up;

/* Reads one request with its body; false at the end of the connection. */
static bool read_request(int fd, char *buf, size_t size)
{
    size_t n = 0, used, first = 0;
    struct lt_http_field fields[LT_HTTP_FIELDS_MAX];
    struct lt_http_head head = {.fields = fields};
    for (;;) {
        ssize_t got = recv(fd, buf + n, size - n, 0);
        if (got <= 0)
            return false;
        if (n == 0)
            first = (size_t)got;
        n += (size_t)got;
        if (lt_http1_read_request(buf, n, &head, &used, NULL) == LT_OK &&
            (head.content_length < 0 || n >= used + (size_t)head.content_length))
            break;
    }
    pthread_mutex_lock(&up.lock);
    memcpy(up.seen, buf, n);
    up.seen_n = n;
    up.first_read = first;
    pthread_mutex_unlock(&up.lock);
    return true;
}

static bool play(int fd, const struct script *s, char *buf, size_t size)
{
    size_t n = s->answer ? strlen(s->answer) : 0;
    int closed = up.closed;
    if (s->cut > 0 && s->cut < n) {
        send(fd, s->answer, s->cut, MSG_NOSIGNAL);
        usleep(2000);
    }
    size_t from = s->cut < n ? s->cut : 0;
    if (n > 0)
        send(fd, s->answer + from, n - from, MSG_NOSIGNAL);
    up.sent++;
    if (s->later) {
        for (int i = 0; i < WAIT_S * 1000 && up.closed == closed; i++)
            usleep(1000);
        send(fd, s->later, strlen(s->later), MSG_NOSIGNAL);
        up.done++;
    }
    if (s->stall)
        while (recv(fd, buf, size, 0) > 0)
            ;
    if (s->reset)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
    return !s->close && !s->reset && !s->stall;
}

static void *serve(void *arg)
{
    int fd = (int)(intptr_t)arg, one = 1;
    char *buf = malloc(sizeof(up.seen));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    struct script script = {.answer = NULL};
    bool stays = true;
    while (stays && read_request(fd, buf, sizeof(up.seen))) {
        pthread_mutex_lock(&up.lock);
        int i = up.requests++;
        script = up.scripts[i < up.scripts_n ? i : up.scripts_n - 1];
        pthread_mutex_unlock(&up.lock);
        stays = play(fd, &script, buf, sizeof(up.seen));
    }
    close(fd);
    free(buf);
    up.done += !stays && !script.stall;
    up.ended++;
    return NULL;
}

static void *accept_all(void *arg)
{
    int fd;
    while ((fd = accept(up.fd, NULL, NULL)) >= 0) {
        pthread_t thread;
        up.accepted++;
        pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd);
        pthread_detach(thread);
    }
    return NULL;
}

static void up_start(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(any);
    pthread_mutex_init(&up.lock, NULL);
    up.fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(up.fd, (struct sockaddr *)&any, n) != 0 || listen(up.fd, 64) != 0)
        abort();
    getsockname(up.fd, (struct sockaddr *)&any, &n);
    up.port = ntohs(any.sin_port);
    pthread_create(&up.thread, NULL, accept_all, NULL);
}

static void up_stop(void)
{
    shutdown(up.fd, SHUT_RDWR);
    pthread_join(up.thread, NULL);
    close(up.fd);
    for (int i = 0; i < 2000 && up.ended < up.accepted; i++)
        usleep(1000);
}

static void up_plays(int n, const struct script *scripts)
{
    pthread_mutex_lock(&up.lock);
    memcpy(up.scripts, scripts, sizeof(*scripts) * (size_t)n);
    up.scripts_n = n;
    up.accepted = up.requests = up.sent = up.done = up.ended = 0;
    pthread_mutex_unlock(&up.lock);
}
#define PLAY(...) up_plays((int)(sizeof((struct script[]){__VA_ARGS__}) / sizeof(struct script)), (struct script[]){__VA_ARGS__})

/* ---- one call, from the test's thread ---- */

static struct node node;

struct call {
    struct lt_http_call c;
    char url[200];
    void (*look)(const struct lt_http_head *head); /* before the body is read; may be NULL */
    size_t read_at_most;      /* pieces; 0: all */
    bool finish;              /* and that is all the caller needs */
    enum lt_code code;
    struct lt_error err;
    int status, pieces;
    char body[200000];
    size_t body_n;
    struct lt_fiber *fiber;
    uint64_t cancel_after_ms; /* 0: not */
    bool done;
};

static struct call call;

static void do_call(struct call *k)
{
    struct lt_http_reply *reply;
    struct lt_str piece;
    k->c.url = lt_str(k->url);
    k->body_n = 0;
    k->pieces = k->status = 0;
    k->err = (struct lt_error){.code = LT_OK};
    k->code = lt_http_send(node.loop, &k->c, &reply, &k->err);
    if (k->code != LT_OK)
        return;
    k->status = lt_http_reply_head(reply)->status;
    if (k->look)
        k->look(lt_http_reply_head(reply));
    while ((k->read_at_most == 0 || (size_t)k->pieces < k->read_at_most) &&
           (k->code = lt_http_reply_read(reply, &piece, &k->err)) == LT_OK && piece.n > 0) {
        memcpy(k->body + k->body_n, piece.p, piece.n);
        k->body_n += piece.n;
        k->pieces++;
    }
    if (k->finish)
        lt_http_reply_finish(reply);
    else
        lt_http_reply_close(reply);
    up.closed++;
}

static void call_fiber(void *arg)
{
    struct call *k = arg;
    do_call(k);
    k->done = true;
}

static void run_call(void *arg)
{
    struct call *k = arg;
    if (k->cancel_after_ms == 0) {
        do_call(k);
        return;
    }
    k->done = false;
    assert_int_equal(lt_fiber_start(node.loop, call_fiber, k, &k->fiber), LT_OK);
    lt_fiber_sleep(k->cancel_after_ms);
    assert_false(k->done);
    lt_fiber_cancel(k->fiber);
    while (!k->done)
        lt_fiber_yield();
}

static void get(const char *path)
{
    if (!call.c.method)
        call.c.method = "GET";
    snprintf(call.url, sizeof(call.url), "http://127.0.0.1:%d%s", up.port, path);
    node_run(&node, run_call, &call);
    pthread_mutex_lock(&up.lock); /* what the upstream noted is read behind this */
    pthread_mutex_unlock(&up.lock);
}

static void fresh_call(void)
{
    memset(&call, 0, offsetof(struct call, body));
    call.cancel_after_ms = 0;
}

static void read_counts(void *arg)
{
    int *counts = arg;
    lt_http_client_counts(node.loop, &counts[0], &counts[1]);
}

static void assert_counts(int idle, int busy)
{
    int counts[2];
    node_run(&node, read_counts, counts);
    assert_int_equal(counts[0], idle);
    assert_int_equal(counts[1], busy);
}

static void wait_for_idle(int idle)
{
    int counts[2] = {-1, -1};
    for (int i = 0; i < WAIT_S * 1000 && counts[0] != idle; i++) {
        usleep(1000);
        node_run(&node, read_counts, counts);
    }
    assert_int_equal(counts[0], idle);
}

static void assert_good(int status, const char *body)
{
    if (call.code != LT_OK)
        fail_msg("%s: %s", lt_code_name(call.code), call.err.detail);
    assert_int_equal(call.status, status);
    assert_int_equal(call.body_n, strlen(body));
    assert_memory_equal(call.body, body, call.body_n);
}

static void assert_bad(enum lt_code code, const char *why)
{
    if (call.code != code || !strstr(call.err.detail, why))
        fail_msg("got %s \"%s\", want %s \"%s\"", lt_code_name(call.code), call.err.detail, lt_code_name(code), why);
}

static int setup(void **state)
{
    node_start(&node, 0, NULL);
    fresh_call();
    return 0;
}

static int teardown(void **state)
{
    node_stop(&node);
    assert_int_equal(lt_fiber_count(), 0);
    return 0;
}

#define OK "HTTP/1.1 200 OK\r\n"

static void test_bodies(void **state)
{
    static const struct {
        const char *method;
        struct script script;
        int status;
        const char *body;
        int idle; /* afterwards */
    } cases[] = {
        {"GET", {.answer = OK "Content-Length: 5\r\n\r\nhello"}, 200, "hello", 1},
        {"GET", {.answer = OK "Content-Length: 0\r\n\r\n"}, 200, "", 1},
        {"GET", {.answer = OK "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x\r\nllo\r\n0\r\nT: x\r\n\r\n"}, 200, "hello", 1},
        {"GET", {.answer = OK "\r\nuntil close", .close = true}, 200, "until close", 0},
        {"GET", {.answer = "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi"}, 200, "hi", 0},
        {"GET", {.answer = OK "Connection: close\r\nContent-Length: 2\r\n\r\nhi"}, 200, "hi", 0},
        {"HEAD", {.answer = OK "Content-Length: 500\r\n\r\n"}, 200, "", 1},
        {"GET", {.answer = "HTTP/1.1 204 No\r\n\r\n"}, 204, "", 1},
        {"GET", {.answer = "HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n"}, 304, "", 1},
        {"GET",
         {.answer = "HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 103 Hint\r\nA: b\r\n\r\n" OK "Content-Length: 1\r\n\r\nx"},
         200,
         "x",
         1},
        {"GET", {.answer = "HTTP/1.1 503 No\r\nContent-Length: 4\r\n\r\nbusy"}, 503, "busy", 1},
        {"GET", {.answer = OK "Content-Length: 5\r\n\r\nhello more"}, 200, "hello", 0}, /* poison: more than was said */
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        node_stop(&node);
        node_start(&node, 0, NULL);
        up_plays(1, &cases[i].script);
        fresh_call();
        call.c.method = cases[i].method;
        get("/");
        assert_good(cases[i].status, cases[i].body);
        assert_counts(cases[i].idle, 0);
        get("/"); /* on the same connection if it was kept */
        assert_good(cases[i].status, cases[i].body);
        assert_int_equal(up.accepted, cases[i].idle ? 1 : 2);
    }
}

static void test_an_answer_split_at_every_byte(void **state)
{
    static const char answer[] =
        "HTTP/1.1 100 C\r\n\r\n" OK "Transfer-Encoding: chunked\r\nA: b\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
    for (size_t cut = 1; cut < sizeof(answer) - 1; cut++) {
        PLAY({.answer = answer, .cut = cut});
        get("/");
        assert_good(200, "hello world");
    }
    assert_counts(1, 0);
}

enum { MANY_FIELDS = 62 };
static int fields_sent;
static size_t pad_sent;

/* The n-th field: its name, and how long its value of one letter is. The first one is as long as the case wants. */
static size_t nth_field(int n, char name[8], char *ret_letter)
{
    snprintf(name, 8, "X-%d", n);
    *ret_letter = (char)('a' + n % 26);
    return n == 0 ? pad_sent : (size_t)n;
}

static void look_at_fields(const struct lt_http_head *head)
{
    assert_int_equal(head->fields_n, fields_sent + 1);
    for (int i = 0; i < fields_sent; i++) {
        char name[8], letter;
        size_t n = nth_field(i, name, &letter);
        struct lt_str value = lt_http_field(head, name, NULL);
        assert_int_equal(value.n, n);
        for (size_t k = 0; k < n; k++)
            assert_int_equal(value.p[k], letter);
    }
    assert_true(lt_str_is(head->reason, "OK"));
}

/* Whether head, fields and the beginning of the body fit the first buffer, fill it to the last byte or need larger ones. */
static void test_heads_of_any_size_are_there_until_the_body_is_read(void **state)
{
    static const size_t bodies[] = {0, 1, 3000, 40000};
    static char answer[60000];
    for (int i = 0; i < 4; i++)
        for (fields_sent = 1; fields_sent <= MANY_FIELDS; fields_sent += 61)
            for (pad_sent = 1; pad_sent < 12000; pad_sent += pad_sent > 3300 && pad_sent < 4200 ? 13 : 711) {
                size_t n = (size_t)sprintf(answer, OK "Content-Length: %zu\r\n", bodies[i]);
                for (int f = 0; f < fields_sent; f++) {
                    char name[8], letter;
                    size_t value = nth_field(f, name, &letter);
                    n += (size_t)sprintf(answer + n, "%s: ", name);
                    memset(answer + n, letter, value);
                    n += value;
                    n += (size_t)sprintf(answer + n, "\r\n");
                }
                n += (size_t)sprintf(answer + n, "\r\n");
                memset(answer + n, 'B', bodies[i]);
                answer[n + bodies[i]] = '\0';
                PLAY({.answer = answer});
                fresh_call();
                call.look = look_at_fields;
                get("/");
                assert_int_equal(call.code, LT_OK);
                assert_int_equal(call.body_n, bodies[i]);
                wait_for(&up.sent, 1); /* `answer` is not looked at any more */
            }
}

static void test_what_is_sent(void **state)
{
    static char body[60000];
    memset(body, 'b', sizeof(body));
    struct lt_http_field fields[] = {{LT_STR("Authorization"), LT_STR("Bearer x")},
                                     {LT_STR("Content-Type"), LT_STR("application/json")}};
    PLAY({.answer = OK "Content-Length: 0\r\n\r\n"});
    call.c = (struct lt_http_call){.method = "POST", .fields = fields, .fields_n = 2, .body = LT_STR("{}")};
    get("/v1/x?y=z");
    assert_good(200, "");
    char want[400];
    snprintf(want, sizeof(want),
             "POST /v1/x?y=z HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: lectern/" LECTERN_VERSION "\r\nContent-Length: 2\r\n"
             "Authorization: Bearer x\r\nContent-Type: application/json\r\n\r\n{}", up.port);
    assert_int_equal(up.seen_n, strlen(want));
    assert_memory_equal(up.seen, want, up.seen_n);
    assert_int_equal(up.first_read, up.seen_n); /* head and body in one segment */
    call.c.body = (struct lt_str){body, sizeof(body)};
    get("/big");
    assert_good(200, "");
    assert_true(up.seen_n > sizeof(body) && memcmp(up.seen + up.seen_n - sizeof(body), body, sizeof(body)) == 0);
    static const struct {
        const char *path, *line;
    } paths[] = {{"", "GET / HTTP/1.1\r\n"}, {"?q", "GET /?q HTTP/1.1\r\n"}, {"/a%20b/", "GET /a%20b/ HTTP/1.1\r\n"}};
    for (size_t i = 0; i < LT_COUNT(paths); i++) {
        fresh_call();
        get(paths[i].path);
        assert_good(200, "");
        assert_memory_equal(up.seen, paths[i].line, strlen(paths[i].line));
        assert_null(memmem(up.seen, up.seen_n, "Content-Length", 14));
    }
}

static void test_answers_that_cannot_be_used(void **state)
{
    static const struct {
        struct script script;
        const char *why;
    } cases[] = {
        {{.answer = "hello\r\n\r\n", .close = true}, "head of the answer"},
        {{.answer = "HTTP/1.1 200 OK\nContent-Length: 0\n\n", .close = true}, "head of the answer"},
        {{.answer = OK "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", .close = true}, "more than one Content-Length"},
        {{.answer = OK "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", .close = true}, "both"},
        {{.answer = "HTTP/1.1 101 Switching\r\n\r\n", .close = true}, "status 101"},
        {{.answer = OK "Content-Le", .close = true}, "ends within its head"},
        {{.answer = OK "Content-Length: 10\r\n\r\nhalf", .close = true}, "cut off"},
        {{.answer = OK "Content-Length: 10\r\n\r\nhalf", .reset = true}, "cut off"},
        {{.answer = OK "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", .close = true}, "cut off"},
        {{.answer = OK "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n", .close = true}, "cut off"},
        {{.answer = OK "Transfer-Encoding: chunked\r\n\r\nx\r\n", .close = true}, "chunked body"},
        {{.answer = OK "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", .close = true}, "chunked body"},
        {{.answer = OK "Content-Length: 1001\r\n\r\n", .close = true}, "at most 1000"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        up_plays(1, &cases[i].script);
        fresh_call();
        call.c.max_body = 1000;
        get("/?key=SECRET");
        assert_bad(LT_EUPSTREAM_INVALID, cases[i].why);
        assert_non_null(strstr(call.err.detail, "http://127.0.0.1:"));
        assert_null(strstr(call.err.detail, "SECRET"));
        assert_counts(0, 0);
    }
}

static void test_the_largest_body(void **state)
{
    static char answers[2][4000];
    for (int over = 0; over < 2; over++) {
        char *answer = answers[over];
        size_t n = (size_t)sprintf(answer, OK "Transfer-Encoding: chunked\r\n\r\n%x\r\n", 1000 + over);
        memset(answer + n, 'a', (size_t)(1000 + over));
        strcpy(answer + n + 1000 + over, "\r\n0\r\n\r\n");
        PLAY({.answer = answer, .cut = 300});
        fresh_call();
        call.c.max_body = 1000;
        get("/");
        if (over)
            assert_bad(LT_EUPSTREAM_INVALID, "more than 1000");
        else
            assert_int_equal(call.code, LT_OK);
    }
}

static void test_deadlines_of_each_phase(void **state)
{
    struct lt_tls *tls;
    struct lt_error err;
    assert_int_equal(lt_tls_client_new(NULL, &tls, &err), LT_OK);
    PLAY({.stall = true});
    call.c.first_byte_ms = 100;
    get("/?key=SECRET");
    assert_bad(LT_EUPSTREAM_TIMEOUT, "waiting for the first byte");
    assert_null(strstr(call.err.detail, "SECRET"));
    PLAY({.answer = OK "Content-", .stall = true});
    fresh_call();
    call.c.idle_ms = 100;
    get("/");
    assert_bad(LT_EUPSTREAM_TIMEOUT, "reading the head");
    PLAY({.answer = OK "Content-Length: 9\r\n\r\nhalf", .stall = true});
    get("/");
    assert_bad(LT_EUPSTREAM_TIMEOUT, "reading the body");
    assert_int_equal(call.body_n, 4);
    fresh_call();
    call.c.deadline_ms = lt_mono_ms() + 100;
    get("/");
    assert_bad(LT_EUPSTREAM_TIMEOUT, "reading the body");
    PLAY({.stall = true}); /* it never speaks TLS */
    fresh_call();
    call.c = (struct lt_http_call){.method = "GET", .tls = tls, .connect_ms = 100};
    snprintf(call.url, sizeof(call.url), "https://127.0.0.1:%d/", up.port);
    node_run(&node, run_call, &call);
    assert_bad(LT_EUPSTREAM_TIMEOUT, "while connecting");
    assert_counts(0, 0);
    lt_tls_free(tls);
}

static void test_upstreams_that_are_not_there(void **state)
{
    PLAY({.close = true});
    get("/");
    assert_bad(LT_EUPSTREAM_UNAVAILABLE, "without an answer");
    assert_int_equal(up.requests, 1); /* a fresh connection is not tried again */
    PLAY({.reset = true});
    get("/");
    assert_bad(LT_EUPSTREAM_UNAVAILABLE, "without an answer");
    assert_int_equal(up.requests, 1);
    int fd = socket(AF_INET, SOCK_STREAM, 0), port;
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(any);
    assert_int_equal(bind(fd, (struct sockaddr *)&any, n), 0); /* taken, nobody listens */
    getsockname(fd, (struct sockaddr *)&any, &n);
    port = ntohs(any.sin_port);
    snprintf(call.url, sizeof(call.url), "http://127.0.0.1:%d/", port);
    node_run(&node, run_call, &call);
    assert_bad(LT_EUPSTREAM_UNAVAILABLE, "refused");
    close(fd);
}

static void test_a_stale_connection_is_replaced_once(void **state)
{
    static const struct script good = {.answer = OK "Content-Length: 2\r\n\r\nok"};
    for (int reset = 0; reset < 2; reset++) {
        PLAY(good, {.close = !reset, .reset = reset}, good);
        get("/1");
        assert_good(200, "ok");
        assert_counts(1, 0);
        call.c.method = "POST";
        call.c.body = LT_STR("again");
        get("/2"); /* the server reads it and closes: end of data with zero bytes received */
        assert_good(200, "ok");
        assert_int_equal(up.accepted, 2);
        assert_int_equal(up.requests, 3);
        PLAY(good, {.close = true}, {.close = true});
        get("/3");
        get("/4");
        get("/5"); /* closed on the fresh one too: no third try */
        assert_bad(LT_EUPSTREAM_UNAVAILABLE, "without an answer");
        assert_counts(0, 0);
        fresh_call();
    }
}

static void test_a_part_of_an_answer_forbids_a_second_try(void **state)
{
    PLAY({.answer = OK "Content-Length: 2\r\n\r\nok"}, {.answer = "H", .close = true});
    get("/");
    assert_good(200, "ok");
    get("/");
    assert_bad(LT_EUPSTREAM_INVALID, "ends within its head");
    assert_int_equal(up.requests, 2);
}

static void test_idle_connections_are_watched(void **state)
{
    PLAY({.answer = OK "Content-Length: 2\r\n\r\nok", .later = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"},
         {.answer = OK "Content-Length: 2\r\n\r\nok", .later = ""});
    get("/");
    assert_good(200, "ok");
    wait_for_idle(0); /* bytes came between answers */
    get("/");
    assert_good(200, "ok");
    PLAY({.answer = OK "Content-Length: 2\r\n\r\nok", .close = true});
    get("/");
    wait_for_idle(0); /* the server left */
}

/* Two calls; the loop does not turn between them: what comes then has been told to nobody yet. */
static void call_twice(void *arg)
{
    do_call(arg);
    for (int i = 0; i < WAIT_S * 1000 && up.done == 0; i++)
        usleep(1000);
    do_call(arg);
}

static void test_what_came_unseen_is_not_the_next_answer(void **state)
{
    static const struct script good = {.answer = OK "Content-Length: 2\r\n\r\nok"}, first[] = {
        {.answer = OK "Content-Length: 3\r\n\r\none", .later = OK "Content-Length: 4\r\n\r\nevil"},
        {.answer = OK "Content-Length: 3\r\n\r\none", .later = "H"},
        {.answer = OK "Content-Length: 3\r\n\r\none", .close = true},
        {.answer = OK "Content-Length: 3\r\n\r\none", .reset = true},
    };
    for (size_t i = 0; i < LT_COUNT(first); i++) {
        PLAY(first[i], good);
        fresh_call();
        call.c.method = "POST";
        call.c.body = LT_STR("x");
        snprintf(call.url, sizeof(call.url), "http://127.0.0.1:%d/", up.port);
        node_run(&node, call_twice, &call);
        assert_good(200, "ok");
        assert_int_equal(up.accepted, i == 0 ? 2 : 1); /* the last row's second connection is this one's first */
        assert_int_equal(up.requests, 2);
    }
}

static void test_cancel_closes_upstream_at_once(void **state)
{
    static const struct script phases[] = {
        {.stall = true},
        {.answer = OK "Con", .stall = true},
        {.answer = OK "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", .stall = true},
    };
    for (size_t i = 0; i < LT_COUNT(phases); i++) {
        up_plays(1, &phases[i]);
        fresh_call();
        call.cancel_after_ms = 50;
        get("/");
        assert_bad(LT_ECANCELLED, "cancelled");
        wait_for(&up.ended, 1); /* upstream saw the end of the connection */
        assert_counts(0, 0);
    }
    fresh_call(); /* a reply that is closed before its end is cut off too */
    PLAY({.answer = OK "Content-Length: 100\r\n\r\npart", .stall = true});
    call.read_at_most = 1;
    get("/");
    assert_int_equal(call.code, LT_OK);
    wait_for(&up.ended, 1);
}

/* A reader of events stops at its last event; the end of the body has come with it. */
static void test_an_unread_end_does_not_cost_the_connection(void **state)
{
    PLAY({.answer = OK "Transfer-Encoding: chunked\r\n\r\n4\r\nlast\r\n0\r\n\r\n"});
    call.read_at_most = 1;
    get("/");
    assert_counts(1, 0);
}

/*
 * Nor does one that comes later. The caller does not wait for it; a call made meanwhile has a connection of its own. Whatever else comes
 * costs the connection, and is never taken for the next answer.
 */
static void test_an_end_that_comes_later_does_not_cost_the_connection(void **state)
{
#define BEGUN OK "Transfer-Encoding: chunked\r\n\r\n4\r\nlast\r\n"
#define OTHER OK "Content-Length: 5\r\n\r\nother"
    static const struct {
        struct script script;
        bool reused;
    } rows[] = {
        {{.answer = BEGUN, .later = "0\r\n\r\n"}, true},
        {{.answer = OK "Transfer-Encoding: chunked\r\n\r\n4\r\nlast", .later = "\r\n0\r\nTrailer: x\r\n\r\n"}, true},
        {{.answer = BEGUN, .later = "1\r\n\n\r\n0\r\n\r\n"}, true},
        {{.answer = BEGUN "0\r\n", .later = "\r\n"}, true},
        {{.answer = BEGUN, .later = "0\r\n\r\n" OTHER}, false},
        {{.answer = BEGUN, .later = "0\r\n\r\nx"}, false},
        {{.answer = BEGUN, .later = OTHER}, false},
        {{.answer = BEGUN, .later = "40\r\n0123456789012345678901234567890123456789012345678901234567890123\r\n0\r\n\r\n"}, false},
        {{.answer = BEGUN, .close = true}, false},
        {{.answer = BEGUN, .reset = true}, false},
        {{.answer = BEGUN, .stall = true}, false}, /* nothing comes: a second */
    };
    for (size_t i = 0; i < LT_COUNT(rows); i++) {
        int counts[2] = {0, 1};
        print_message("row %zu\n", i);
        fresh_call();
        up_plays(1, &rows[i].script);
        call.read_at_most = 1;
        call.finish = true;
        get("/");
        assert_good(200, "last");
        for (int k = 0; k < WAIT_S * 1000 && counts[1] > 0; k++) {
            node_run(&node, read_counts, counts);
            usleep(1000);
        }
        assert_counts(rows[i].reused ? 1 : 0, 0);
        fresh_call();
        PLAY({.answer = OK "Content-Length: 4\r\n\r\nnext", .close = true});
        get("/");
        assert_good(200, "next");
        assert_int_equal(up.accepted, rows[i].reused ? 0 : 1);
        wait_for_idle(0);
    }
#undef BEGUN
#undef OTHER
}

static void call_while_one_ends(void *arg)
{
    int idle, busy;
    do_call(arg);
    lt_http_client_counts(node.loop, &idle, &busy);
    assert_int_equal(idle, 0);
    assert_int_equal(busy, 1);
    do_call(arg);
}

static void test_a_connection_that_ends_is_not_used(void **state)
{
    PLAY({.answer = OK "Transfer-Encoding: chunked\r\n\r\n4\r\nlast\r\n", .later = "0\r\n\r\n"});
    call.read_at_most = 1;
    call.finish = true;
    call.c.method = "GET";
    snprintf(call.url, sizeof(call.url), "http://127.0.0.1:%d/", up.port);
    node_run(&node, call_while_one_ends, &call);
    assert_good(200, "last");
    assert_int_equal(up.accepted, 2);
    wait_for_idle(2);
    fresh_call(); /* one that ends with its loop */
    PLAY({.answer = OK "Transfer-Encoding: chunked\r\n\r\n4\r\nlast\r\n", .stall = true});
    call.read_at_most = 1;
    call.finish = true;
    get("/");
}

static void test_an_early_refusal_is_read(void **state)
{
    static char body[60000];
    struct script refuse = {.answer = "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno",
                            .close = true};
    up_plays(1, &refuse);
    call.c = (struct lt_http_call){.method = "POST", .body = {body, sizeof(body)}};
    get("/");
    assert_good(413, "no");
}

static void test_bad_urls_and_fields(void **state)
{
    static const char *const urls[] = {
        "",
        "127.0.0.1",
        "ftp://a/",
        "http://",
        "http:///x",
        "http://u:p@a/",
        "http://a/#f",
        "http://a/ b",
        "http://a/\r\nX: y",
        "http://a:0/",
        "http://a:65536/",
        "http://a:x/",
        "http://[::1/",
        "http://[::1]x/",
        "http://a/\xc3\xa4",
        "https://a/",
        "http://:80/",
    };
    for (size_t i = 0; i < LT_COUNT(urls); i++) {
        fresh_call();
        call.c.method = "GET";
        snprintf(call.url, sizeof(call.url), "%s", urls[i]);
        node_run(&node, run_call, &call);
        if (call.code != LT_EINVALID_INPUT)
            fail_msg("\"%s\": %s", urls[i], lt_code_name(call.code));
    }
    static const struct lt_http_field fields[] = {
        {{"A", 1}, {"b\r\nC: d", 7}},
        {{"A", 1}, {"b\0c", 3}},
        {{"A b", 3}, {"c", 1}},
        {{"", 0}, {"c", 1}},
        {{"Host", 4}, {"c", 1}},
        {{"content-length", 14}, {"1", 1}},
        {{"Transfer-Encoding", 17}, {"chunked", 7}},
    };
    for (size_t i = 0; i < LT_COUNT(fields); i++) {
        fresh_call();
        call.c = (struct lt_http_call){.method = "GET", .fields = &fields[i], .fields_n = 1};
        get("/");
        assert_int_equal(call.code, LT_EINVALID_INPUT);
    }
    fresh_call();
    call.c.method = "GET / HTTP/1.1\r\nX:";
    get("/");
    assert_int_equal(call.code, LT_EINVALID_INPUT);
}

/* ---- against our own server ---- */

static void echo(struct lt_http_request *req, void *ctx)
{
    struct lt_str body;
    struct lt_error err;
    if (lt_http_read_body(req, 1 << 20, &body, &err) != LT_OK)
        return;
    lt_fiber_sleep(20);
    lt_http_respond(req, 200, "text/plain", NULL, 0, body);
}

struct many {
    int port, running, good;
};

static void one_of_many(void *arg)
{
    struct many *m = arg;
    struct lt_arena *arena = lt_arena_new();
    struct lt_http_reply *reply = NULL;
    struct lt_error err;
    struct lt_str got;
    struct lt_str body = lt_printf(arena, "%p%*s", (void *)arena, (int)((uintptr_t)arena >> 4 & 16383), "");
    struct lt_http_call c = {.method = "POST", .url = lt_printf(arena, "http://127.0.0.1:%d/", m->port), .body = body};
    for (int i = 0; i < 3; i++) {
        if (lt_http_send(lt_loop_self(), &c, &reply, &err) == LT_OK &&
            lt_http_reply_read_all(reply, arena, &got, &err) == LT_OK && lt_str_eq(got, body))
            m->good++;
        lt_http_reply_close(reply);
    }
    lt_arena_free(arena);
    m->running--;
}

static void run_many(void *arg)
{
    struct many *m = arg;
    m->running = 300;
    for (int i = 0; i < 300; i++)
        assert_int_equal(lt_fiber_start(lt_loop_self(), one_of_many, m, NULL), LT_OK);
    while (m->running > 0)
        lt_fiber_sleep(5);
}

static void test_many_calls_at_once(void **state)
{
    struct node server;
    struct many m = {0};
    node_start(&server, 1, &(struct lt_http_server_options){.handler = echo});
    m.port = lt_http_server_port(server.server);
    uint64_t full = lt_upstream_closed_count(LT_UPSTREAM_CLOSED_FULL);
    node_run(&node, run_many, &m);
    assert_int_equal(m.good, 900);
    assert_counts(256, 0);
    assert_true(lt_upstream_closed_count(LT_UPSTREAM_CLOSED_FULL) > full);
    wait_for_connections(&server, 256);
    node_stop(&server);
    wait_for_idle(0);
}

static void write_certificate(const char *cert_file, const char *key_file)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509V3_CTX ctx;
    X509_set_version(cert, 2);
    X509_gmtime_adj(X509_getm_notBefore(cert), -1000);
    X509_gmtime_adj(X509_getm_notAfter(cert), 1000);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *name = X509V3_EXT_conf_nid(NULL, &ctx, NID_subject_alt_name, "IP:127.0.0.1");
    X509_add_ext(cert, name, -1);
    X509_sign(cert, key, EVP_sha256());
    FILE *f = fopen(cert_file, "w");
    PEM_write_X509(f, cert);
    fclose(f);
    f = fopen(key_file, "w");
    PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
    fclose(f);
    X509_EXTENSION_free(name);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void test_tls_on_both_sides(void **state)
{
    static char body[100000];
    char dir[] = "/tmp/test_http_client_XXXXXX", cert[64], key[64];
    struct lt_tls *server_tls, *client_tls;
    struct lt_error err;
    struct node server;
    assert_non_null(mkdtemp(dir));
    snprintf(cert, sizeof(cert), "%s/cert", dir);
    snprintf(key, sizeof(key), "%s/key", dir);
    write_certificate(cert, key);
    assert_int_equal(lt_tls_server_new(cert, key, &server_tls, &err), LT_OK);
    assert_int_equal(lt_tls_client_new(cert, &client_tls, &err), LT_OK);
    node_start(&server, 1, &(struct lt_http_server_options){.handler = echo, .tls = server_tls});
    memset(body, 't', sizeof(body));
    snprintf(call.url, sizeof(call.url), "https://127.0.0.1:%d/", lt_http_server_port(server.server));
    for (int i = 0; i < 5; i++) {
        call.c = (struct lt_http_call){.method = "POST", .body = {body, sizeof(body)}, .tls = client_tls};
        node_run(&node, run_call, &call);
        assert_int_equal(call.code, LT_OK);
        assert_int_equal(call.body_n, sizeof(body));
    }
    assert_counts(1, 0);
    assert_int_equal(node_connections(&server), 1);
    struct peer *plain = peer_connect(lt_http_server_port(server.server)); /* not TLS: closed, no harm */
    peer_send(plain, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    while (peer_fill(plain, NULL))
        plain->at = plain->n;
    peer_close(plain);
    call.c.tls = NULL;
    snprintf(call.url, sizeof(call.url), "http://127.0.0.1:%d/", lt_http_server_port(server.server));
    node_run(&node, run_call, &call);
    assert_int_not_equal(call.code, LT_OK);
    node_stop(&server);
    lt_tls_free(server_tls);
    lt_tls_free(client_tls);
    unlink(cert);
    unlink(key);
    rmdir(dir);
}

/* ---- why connections end ---- */

static void assert_ended_once(const uint64_t before[LT_UPSTREAM_CLOSED_COUNT], enum lt_upstream_closed why)
{
    for (int i = 0; i < WAIT_S * 1000 && lt_upstream_closed_count(why) == before[why]; i++)
        usleep(1000);
    for (int i = 0; i < LT_UPSTREAM_CLOSED_COUNT; i++)
        if (lt_upstream_closed_count((enum lt_upstream_closed)i) != before[i] + (i == (int)why))
            fail_msg("%s: %d, %s was meant", lt_upstream_closed_name((enum lt_upstream_closed)i),
                     (int)(lt_upstream_closed_count((enum lt_upstream_closed)i) - before[i]), lt_upstream_closed_name(why));
}

/* All reasons but idle (half a minute), handed_over (between processes) and pool_full (test_many_calls_at_once). */
static void test_a_connection_that_ends_says_why(void **state)
{
    static const struct {
        struct script script;
        size_t read_at_most;
        uint64_t cancel_after_ms;
        bool stop; /* the loop, behind the answer */
        enum lt_upstream_closed why;
    } rows[] = {
        {.script = {.answer = OK "Connection: close\r\nContent-Length: 2\r\n\r\nhi"}, .why = LT_UPSTREAM_CLOSED_TOLD},
        {.script = {.answer = OK "\r\nuntil close", .close = true}, .why = LT_UPSTREAM_CLOSED_TOLD},
        {.script = {.answer = OK "Content-Length: 2\r\n\r\nhi and more"}, .why = LT_UPSTREAM_CLOSED_SERVICE},
        {.script = {.answer = OK "Content-Length: 2\r\n\r\nhi", .close = true}, .why = LT_UPSTREAM_CLOSED_SERVICE},
        {.script = {.answer = OK "Content-Length: 2\r\n\r\nhi", .later = "unasked"}, .why = LT_UPSTREAM_CLOSED_SERVICE},
        {.script = {.answer = OK "Content-Length: 9\r\n\r\nhi", .stall = true}, .read_at_most = 1, .why = LT_UPSTREAM_CLOSED_UNREAD},
        {.script = {.stall = true}, .why = LT_UPSTREAM_CLOSED_LATE},
        {.script = {.answer = OK "Content-Length: 9\r\n\r\nhi", .stall = true}, .why = LT_UPSTREAM_CLOSED_LATE},
        {.script = {.stall = true}, .cancel_after_ms = 20, .why = LT_UPSTREAM_CLOSED_CANCELLED},
        {.script = {.answer = OK "Content-Length: 9\r\n\r\nhi", .stall = true}, .cancel_after_ms = 20, .why = LT_UPSTREAM_CLOSED_CANCELLED},
        {.script = {.answer = "NONSENSE\r\n\r\n"}, .why = LT_UPSTREAM_CLOSED_FAILED},
        {.script = {.close = true}, .why = LT_UPSTREAM_CLOSED_FAILED},
        {.script = {.answer = OK "Content-Length: 9\r\n\r\nhi", .close = true}, .why = LT_UPSTREAM_CLOSED_FAILED},
        {.script = {.answer = OK "Content-Length: 2\r\n\r\nhi"}, .stop = true, .why = LT_UPSTREAM_CLOSED_END},
    };
    for (size_t i = 0; i < LT_COUNT(rows); i++) {
        uint64_t before[LT_UPSTREAM_CLOSED_COUNT];
        for (int k = 0; k < LT_UPSTREAM_CLOSED_COUNT; k++)
            before[k] = lt_upstream_closed_count((enum lt_upstream_closed)k);
        print_message("row %zu\n", i);
        fresh_call();
        up_plays(1, &rows[i].script);
        call.read_at_most = rows[i].read_at_most;
        call.cancel_after_ms = rows[i].cancel_after_ms;
        if (rows[i].why == LT_UPSTREAM_CLOSED_LATE)
            call.c.first_byte_ms = call.c.idle_ms = 50;
        get("/");
        if (rows[i].stop) {
            node_stop(&node);
            node_start(&node, 0, NULL);
        }
        assert_ended_once(before, rows[i].why);
    }
}

int main(void)
{
    up_start();
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_bodies),
        T(test_an_answer_split_at_every_byte),
        T(test_heads_of_any_size_are_there_until_the_body_is_read),
        T(test_what_is_sent),
        T(test_answers_that_cannot_be_used),
        T(test_the_largest_body),
        T(test_deadlines_of_each_phase),
        T(test_upstreams_that_are_not_there),
        T(test_a_stale_connection_is_replaced_once),
        T(test_a_part_of_an_answer_forbids_a_second_try),
        T(test_idle_connections_are_watched),
        T(test_what_came_unseen_is_not_the_next_answer),
        T(test_cancel_closes_upstream_at_once),
        T(test_an_unread_end_does_not_cost_the_connection),
        T(test_an_end_that_comes_later_does_not_cost_the_connection),
        T(test_a_connection_that_ends_is_not_used),
        T(test_an_early_refusal_is_read),
        T(test_a_connection_that_ends_says_why),
        T(test_bad_urls_and_fields),
        T(test_many_calls_at_once),
        T(test_tls_on_both_sides),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    up_stop();
    return failed;
}
