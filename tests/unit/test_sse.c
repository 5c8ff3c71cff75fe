/* Server-sent events: the reader at every split, and the log with followers on two loop threads over real sockets. */
#include "http_fixture.h"

#include "io/sse.h"

/* ---- the reader ---- */

struct expect {
    const char *type, *data, *id;
};

/* Feeds text in runs of at most `run` bytes, the first of `first` bytes, and compares the events. */
static void feed(const char *text, size_t first, size_t run, const struct expect *want, size_t want_n)
{
    struct lt_sse_parser p;
    struct lt_sse_event e;
    size_t n = strlen(text), at = 0, got = 0;
    lt_sse_parser_init(&p, 200);
    while (at < n) {
        size_t take = at == 0 && first > 0 ? first : run;
        if (take > n - at)
            take = n - at;
        char *copy = malloc(take); /* so that a sanitizer sees a read outside */
        memcpy(copy, text + at, take);
        struct lt_str in = {copy, take};
        int rc;
        while ((rc = lt_sse_feed(&p, &in, &e)) == 1) {
            if (got == want_n)
                fail_msg("an event too many in \"%s\"", text);
            if (!lt_str_is(e.type, want[got].type) || !lt_str_is(e.data, want[got].data) || !lt_str_is(e.id, want[got].id))
                fail_msg("\"%s\", event %zu: type \"%.*s\" data \"%.*s\" id \"%.*s\"", text, got, LT_FMT(e.type), LT_FMT(e.data),
                         LT_FMT(e.id));
            got++;
        }
        assert_int_equal(rc, 0);
        assert_int_equal(in.n, 0);
        free(copy);
        at += take;
    }
    if (got != want_n)
        fail_msg("%zu events in \"%s\", cut at %zu", got, text, first);
    lt_sse_parser_free(&p);
}

static void test_reading_at_every_split(void **state)
{
    static const struct {
        const char *text;
        struct expect want[4];
        size_t n;
    } cases[] = {
        {"data: a\n\n", {{"", "a", ""}}, 1},
        {"data:a\rdata: b\r\ndata:  c\n\n", {{"", "a\nb\n c", ""}}, 1},
        {"event: x\nid: 7\ndata: {\"a\":1}\n\ndata: two\n\n", {{"x", "{\"a\":1}", "7"}, {"", "two", "7"}}, 2},
        {"\xEF\xBB\xBF" "data: bom\n\n\xEF\xBB\xBF" "data: not a field\n\n", {{"", "bom", ""}}, 1},
        {": comment\n\n:\n\ndata: a\n: between\ndata: b\n\n", {{"", "a\nb", ""}}, 1},
        {"data\n\ndata\ndata\n\n", {{"", "", ""}, {"", "\n", ""}}, 2},
        {"event: lost\n\ndata: a\n\n", {{"", "a", ""}}, 1},
        {"retry: 10\nfoo: bar\ndatax: y\n data: z\ndata: a\n\n", {{"", "a", ""}}, 1},
        {"id\ndata: a\n\nid: 1\n\ndata: b\n\nid:\ndata: c\n\n", {{"", "a", ""}, {"", "b", "1"}, {"", "c", ""}}, 3},
        {"event: a\nevent: b\ndata: x\n\n", {{"b", "x", ""}}, 1},
        {"data: unfinished\n", {{NULL, NULL, NULL}}, 0},
        {"data: cr\r\rdata: crlf\r\n\r\ndata: lf\n\n", {{"", "cr", ""}, {"", "crlf", ""}, {"", "lf", ""}}, 3},
        {"\r\n\r\n\n\rdata: a\r\n\r\n", {{"", "a", ""}}, 1},
        {"data: \xc3\xa4\xe2\x82\xac\n\n", {{"", "\xc3\xa4\xe2\x82\xac", ""}}, 1},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        for (size_t cut = 1; cut <= strlen(cases[i].text); cut++)
            feed(cases[i].text, cut, 1000, cases[i].want, cases[i].n);
        feed(cases[i].text, 0, 1, cases[i].want, cases[i].n);
    }
}

static void test_an_id_with_nul_is_ignored(void **state)
{
    static const char text[] = "id: 1\nid: a\0b\ndata: x\n\n";
    struct lt_sse_parser p;
    struct lt_sse_event e;
    struct lt_str in = {text, sizeof(text) - 1};
    lt_sse_parser_init(&p, 100);
    assert_int_equal(lt_sse_feed(&p, &in, &e), 1);
    assert_true(lt_str_is(e.id, "1"));
    lt_sse_parser_free(&p);
}

/* The limit does not depend on how the bytes come. */
static void test_the_limit_of_a_line_and_of_an_event(void **state)
{
    static const struct {
        size_t line, lines;
        int rc;
    } cases[] = {{100, 1, 1}, {101, 1, -1}, {50, 2, 1}, {54, 2, 1}, {55, 2, -1}, {10, 20, 1}, {10, 22, -1}};
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        for (size_t run = 1; run < 300; run += 37) {
            struct lt_sse_parser p;
            struct lt_sse_event e;
            struct lt_buf text;
            int rc = 0;
            lt_buf_init(&text, 4000);
            for (size_t k = 0; k < cases[i].lines; k++)
                lt_buf_printf(
                    &text, "data:%.*s\n", (int)cases[i].line - 5,
                    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
            lt_buf_putc(&text, '\n');
            lt_sse_parser_init(&p, cases[i].lines > 2 ? 104 + 20 : 100);
            for (size_t at = 0; at < text.n && rc == 0; at += run) {
                struct lt_str in = {text.p + at, text.n - at < run ? text.n - at : run};
                rc = lt_sse_feed(&p, &in, &e);
            }
            if (rc != cases[i].rc)
                fail_msg("case %zu, runs of %zu: %d", i, run, rc);
            if (rc < 0) {
                struct lt_str in = LT_STR("data: x\n\n");
                assert_int_equal(lt_sse_feed(&p, &in, &e), -1); /* and it stays so */
            }
            lt_sse_parser_free(&p);
            lt_buf_free(&text);
        }
    }
}

static void test_writing(void **state)
{
    struct lt_buf out;
    lt_buf_init(&out, 100);
    lt_sse_write(&out, "delta", 12, LT_STR("{\"text\":\"a\"}"));
    lt_sse_write(&out, "x", 0, LT_STR(""));
    assert_true(lt_str_is(lt_buf_str(&out), "event: delta\nid: 12\ndata: {\"text\":\"a\"}\n\nevent: x\ndata: \n\n"));
    size_t n = out.n;
    lt_sse_write(&out, "x", 0, LT_STR("0123456789"));
    assert_true(out.failed);
    assert_int_equal(out.n, n); /* whole or not at all */
    lt_buf_free(&out);
}

/* ---- the log ---- */

enum { NODES = 2 };

static struct node nodes[NODES]; /* the producer runs on the first */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct lt_sse_log *shared;    /* what followers follow; lock */
static _Atomic int produced, flushed_code, follow_code, append_code, followers_now, followers_calls, produce_ended, hold, pace_ms,
    count, size_of_event;
static _Atomic int cancel_self;

static int query_int(struct lt_http_request *req, const char *name)
{
    struct lt_str v;
    int64_t n;
    return lt_query_get(req->arena, req->head.query, name, &v) && lt_str_to_int64(v, &n) ? (int)n : 0;
}

static void on_followers(void *arg, int n)
{
    followers_now = n;
    followers_calls++;
}

/* Event i of a stream: its number and filler. */
static struct lt_str event_data(struct lt_buf *buf, int i, int size)
{
    lt_buf_reset(buf);
    lt_buf_printf(buf, "%d:", i);
    while (buf->n < (size_t)size)
        lt_buf_putc(buf, (char)('a' + (i + (int)buf->n) % 26));
    return lt_buf_str(buf);
}

/* A producer as the API has them: attach, produce on the fiber, finish, flush. */
static void produce(struct lt_http_request *req, bool attached)
{
    struct lt_sse_log *log = lt_sse_log_new(req->loop);
    struct lt_buf buf;
    enum lt_code rc = LT_OK;
    lt_buf_init(&buf, 8 << 20);
    lt_sse_log_on_followers(log, on_followers, NULL);
    pthread_mutex_lock(&lock);
    lt_sse_log_unref(shared);
    shared = lt_sse_log_ref(log);
    pthread_mutex_unlock(&lock);
    if (attached)
        assert_int_equal(lt_sse_log_attach(log, req, 0), LT_OK);
    for (int i = 1; i <= count && rc == LT_OK; i++) {
        while (hold == i)
            lt_fiber_sleep(1);
        rc = lt_sse_log_append(log, "delta", event_data(&buf, i, size_of_event));
        if (pace_ms > 0 && i % pace_ms == 0)
            lt_fiber_sleep(1);
        if (rc == LT_OK)
            produced = i;
    }
    if (cancel_self) {
        lt_fiber_cancel(lt_fiber_self());
        rc = lt_sse_log_append(log, "error", LT_STR("cancelled"));
    }
    append_code = (int)rc;
    lt_sse_log_finish(log);
    if (attached)
        flushed_code = (int)lt_sse_log_flush(log, req);
    else
        lt_http_respond(req, 200, NULL, NULL, 0, LT_STR("produced"));
    lt_sse_log_on_followers(log, NULL, NULL);
    lt_buf_free(&buf);
    lt_sse_log_unref(log);
    produce_ended++;
}

static void handler(struct lt_http_request *req, void *ctx)
{
    if (lt_str_is(req->head.path, "/produce")) {
        produce(req, true);
    } else if (lt_str_is(req->head.path, "/produce-alone")) {
        produce(req, false);
    } else {
        pthread_mutex_lock(&lock);
        struct lt_sse_log *log = lt_sse_log_ref(shared);
        pthread_mutex_unlock(&lock);
        enum lt_code rc = lt_sse_log_follow(log, req, (uint64_t)query_int(req, "after"));
        if (rc == LT_ENOT_FOUND)
            lt_http_respond(req, 404, NULL, NULL, 0, LT_STR("gone"));
        follow_code = (int)rc;
        lt_sse_log_unref(log);
    }
}

static int setup(void **state)
{
    produced = append_code = flushed_code = follow_code = followers_now = followers_calls = produce_ended = hold = pace_ms =
        cancel_self = 0;
    count = 20;
    size_of_event = 10;
    for (int i = 0; i < NODES; i++)
        node_start(&nodes[i], i, &(struct lt_http_server_options){.handler = handler});
    return 0;
}

static int teardown(void **state)
{
    for (int i = NODES - 1; i >= 0; i--)
        node_stop(&nodes[i]);
    lt_sse_log_unref(shared);
    shared = NULL;
    assert_int_equal(lt_fiber_count(), 0);
    return 0;
}

/* A client of a stream. */
struct reader {
    struct peer *peer;
    struct lt_chunked chunks;
    struct lt_sse_parser parser;
    struct lt_str piece; /* of peer->buf: not parsed yet */
    int last;            /* id of the newest whole event */
    bool cut;            /* ended without the last chunk */
};

static struct peer *ask(int node, const char *path)
{
    char text[200];
    struct peer *p = peer_connect(lt_http_server_port(nodes[node].server));
    snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
    peer_send(p, text);
    return p;
}

/* Reads the head of the answer; false when the answer is no stream. */
static bool reader_open(struct reader *r, int node, const char *path, int after)
{
    struct lt_error err;
    size_t used;
    char full[100];
    enum lt_code rc;
    snprintf(full, sizeof(full), "%s?after=%d", path, after);
    *r = (struct reader){.peer = ask(node, full), .last = after};
    lt_sse_parser_init(&r->parser, 8 << 20);
    while ((rc = lt_http1_read_response(r->peer->buf, r->peer->n, &r->peer->head, &used, &err)) == LT_EAGAIN)
        if (!peer_fill(r->peer, NULL))
            return false;
    assert_int_equal(rc, LT_OK);
    r->peer->at = used;
    return r->peer->head.status == 200;
}

static void reader_close(struct reader *r)
{
    peer_close(r->peer);
    lt_sse_parser_free(&r->parser);
}

/* The next event must be exactly the one behind the last. False at the end of the stream (r->cut: without its proper end). */
static bool reader_next(struct reader *r)
{
    struct lt_sse_event e;
    struct lt_error err;
    for (;;) {
        int rc = lt_sse_feed(&r->parser, &r->piece, &e);
        assert_true(rc >= 0);
        if (rc == 1)
            break;
        if (r->chunks.done)
            return false;
        if (r->peer->at == r->peer->n && !peer_fill(r->peer, NULL)) {
            r->cut = true;
            return false;
        }
        size_t used;
        assert_int_equal(
            lt_chunked_read(&r->chunks, r->peer->buf + r->peer->at, r->peer->n - r->peer->at, &r->piece, &used, &err), LT_OK);
        r->peer->at += used;
    }
    r->last++;
    struct lt_buf want;
    int64_t id = 0;
    lt_buf_init(&want, 8 << 20);
    if (!lt_str_to_int64(e.id, &id) || id != r->last)
        fail_msg("event %.*s came behind %d", LT_FMT(e.id), r->last - 1);
    if (lt_str_is(e.type, "delta") && !lt_str_eq(e.data, event_data(&want, r->last, size_of_event)))
        fail_msg("event %d has other data: %.*s", r->last, (int)(e.data.n < 50 ? e.data.n : 50), e.data.p);
    lt_buf_free(&want);
    return true;
}

static void read_rest(struct reader *r, int want_last)
{
    while (reader_next(r))
        ;
    if (r->cut || r->last != want_last)
        fail_msg("ended at %d of %d%s", r->last, want_last, r->cut ? ", cut off" : "");
}

static void test_a_stream_from_start_to_end(void **state)
{
    struct reader r;
    assert_true(reader_open(&r, 0, "/produce", 0));
    assert_true(lt_str_is(lt_http_field(&r.peer->head, "Content-Type", NULL), "text/event-stream; charset=utf-8"));
    assert_true(lt_str_is(lt_http_field(&r.peer->head, "Cache-Control", NULL), "no-store"));
    assert_true(lt_str_is(lt_http_field(&r.peer->head, "X-Accel-Buffering", NULL), "no"));
    assert_true(r.peer->head.chunked);
    read_rest(&r, 20);
    wait_for(&produce_ended, 1);
    assert_int_equal(flushed_code, LT_OK);
    peer_send(r.peer, "GET /follow?after=20 HTTP/1.1\r\nHost: a\r\n\r\n"); /* the connection can be used again */
    assert_true(peer_answer(r.peer));
    assert_int_equal(r.peer->head.status, 200);
    assert_body(r.peer, "");
    reader_close(&r);
}

/* What is appended in one turn goes out in one write, hence in one chunk. */
static void test_events_of_a_turn_share_a_chunk(void **state)
{
    count = 3;
    struct peer *p = ask(0, "/produce");
    do
        assert_true(peer_fill(p, NULL));
    while (!memmem(p->buf, p->n, "\r\n0\r\n\r\n", 7));
    const char *body = (const char *)memmem(p->buf, p->n, "\r\n\r\n", 4) + 4;
    size_t chunk = strtoul(body, NULL, 16);
    assert_memory_equal(strchr(body, '\n') + 1 + chunk, "\r\n0\r\n\r\n", 7);
    peer_close(p);
}

/* The hand-over: a client is cut behind event k, another request on another thread goes on from there. */
static void test_cut_at_every_event_and_resumed_elsewhere(void **state)
{
    for (int paced = 0; paced < 2; paced++) {
        pace_ms = paced;
        for (int k = 0; k <= count; k++) {
            struct reader r, s;
            produce_ended = followers_calls = 0;
            followers_now = -1;
            hold = k + 1; /* stands still behind event k until the client has left */
            assert_true(k > 0 ? reader_open(&r, 0, "/produce", 0) : (r = (struct reader){.peer = ask(0, "/produce")}, true));
            while (r.last < k)
                assert_true(reader_next(&r));
            wait_for(k < count ? &followers_calls : &produce_ended, 1);
            peer_close(r.peer);
            lt_sse_parser_free(&r.parser);
            if (k < count) {
                for (int i = 0; i < WAIT_S * 1000 && followers_now != 0; i++)
                    usleep(1000);
                assert_int_equal(followers_now, 0);
            } else {
                wait_for(&produce_ended, 1);
            }
            if (k % 2 == 0) /* resume while it goes on, or before */
                hold = 0;
            char path[40];
            snprintf(path, sizeof(path), "/follow?after=%d", k);
            struct peer *p = ask(1, path);
            usleep((useconds_t)(k % 3 * 500));
            peer_close(p); /* one that leaves again at once disturbs nobody */
            hold = k % 4 == 1 ? hold : 0;
            if (k % 4 == 1 && k < count) { /* the stream stands: its head comes with the first bytes */
                s = (struct reader){.peer = ask(1, path), .last = k};
                peer_close(s.peer);
                hold = 0;
            }
            assert_true(reader_open(&s, k % 4 == 3 ? 0 : 1, "/follow", k));
            read_rest(&s, count);
            reader_close(&s);
            wait_for(&produce_ended, 1);
            assert_int_equal(append_code, LT_OK); /* the producer did not notice */
            assert_int_equal(flushed_code, k < count ? LT_ECANCELLED : flushed_code);
        }
    }
}

struct roamer {
    pthread_t thread;
    unsigned seed;
    int cuts;
};

/* Follows from 0 to the end, cut off at random places, each time resuming on a random thread. */
static void *roam(void *arg)
{
    struct roamer *me = arg;
    int at = 0;
    while (at < count) {
        struct reader r;
        int until = at + 1 + rand_r(&me->seed) % 60;
        if (!reader_open(&r, rand_r(&me->seed) % NODES, "/follow", at))
            fail_msg("no stream behind %d", at);
        bool more = true;
        while (r.last < until && (more = reader_next(&r)))
            ;
        assert_false(r.cut);
        at = r.last;
        me->cuts += more;
        reader_close(&r);
        if (!more)
            break;
    }
    assert_int_equal(at, count);
    return NULL;
}

static void test_roaming_followers_lose_and_double_nothing(void **state)
{
    enum { ROAMERS = 6 };
    struct roamer roamers[ROAMERS];
    unsigned seed = (unsigned)lt_now_ms();
    print_message("seed %u\n", seed);
    count = 1500;
    pace_ms = 5; /* a pause behind each 5th event */
    size_of_event = 60;
    hold = 1;
    struct reader own;
    own = (struct reader){.peer = ask(0, "/produce")};
    wait_for(&followers_calls, 1);
    for (int i = 0; i < ROAMERS; i++) {
        roamers[i] = (struct roamer){.seed = seed + (unsigned)i};
        pthread_create(&roamers[i].thread, NULL, roam, &roamers[i]);
    }
    hold = 0;
    peer_close(own.peer);
    for (int i = 0; i < ROAMERS; i++)
        pthread_join(roamers[i].thread, NULL);
    wait_for(&produce_ended, 1);
    assert_int_equal(append_code, LT_OK);
}

static void test_a_finished_log_can_be_read_from_any_id(void **state)
{
    struct peer *p = ask(0, "/produce-alone");
    assert_true(peer_answer(p));
    peer_close(p);
    for (int after = 0; after <= count; after++) {
        struct peer *q;
        struct reader r;
        if (after == count) { /* nothing to send: an empty stream that ends */
            char path[40];
            snprintf(path, sizeof(path), "/follow?after=%d", after);
            q = ask(1, path);
            assert_true(peer_answer(q));
            assert_int_equal(q->head.status, 200);
            assert_body(q, "");
            peer_close(q);
            break;
        }
        assert_true(reader_open(&r, after % 2, "/follow", after));
        read_rest(&r, count);
        reader_close(&r);
    }
    struct reader r;
    assert_false(reader_open(&r, 1, "/follow", count + 1)); /* an id that never was */
    assert_int_equal(r.peer->head.status, 404);
    reader_close(&r);
}

static void test_the_log_keeps_the_newest_256_kib(void **state)
{
    count = 3000;
    size_of_event = 500;
    struct peer *p = ask(0, "/produce-alone");
    assert_true(peer_answer(p));
    peer_close(p);
    int kept = LT_SSE_LOG_MAX / 530, low = 0, high = count; /* with the lines around them events have 530 bytes */
    while (low + 1 < high) { /* the oldest id that can be resumed from */
        struct reader r;
        int middle = (low + high) / 2;
        bool there = reader_open(&r, 1, "/follow", middle);
        if (there)
            read_rest(&r, count);
        reader_close(&r);
        *(there ? &high : &low) = middle;
    }
    assert_int_equal(count - high, kept);
}

static void test_large_events(void **state)
{
    count = 4;
    size_of_event = 1 << 20; /* larger than the log and than the permitted lag */
    struct reader r;
    assert_true(reader_open(&r, 0, "/produce", 0));
    read_rest(&r, 4);
    reader_close(&r);
    wait_for(&produce_ended, 1);
    assert_int_equal(flushed_code, LT_OK);
}

static void test_a_cancelled_producer_has_its_last_word(void **state)
{
    cancel_self = 1;
    struct reader r;
    assert_true(reader_open(&r, 0, "/produce", 0));
    read_rest(&r, count + 1);
    reader_close(&r);
    wait_for(&produce_ended, 1);
    assert_int_equal(flushed_code, LT_OK);
}

static void test_followers_are_counted(void **state)
{
    hold = 5;
    struct reader a, b;
    assert_true(reader_open(&a, 0, "/produce", 0));
    wait_for(&produced, 4);
    assert_true(reader_open(&b, 1, "/follow", 2));
    assert_true(reader_next(&b));
    for (int i = 0; i < WAIT_S * 1000 && followers_now != 2; i++)
        usleep(1000);
    assert_int_equal(followers_now, 2);
    reader_close(&a);
    for (int i = 0; i < WAIT_S * 1000 && followers_now != 1; i++)
        usleep(1000);
    assert_int_equal(followers_now, 1);
    hold = 0;
    read_rest(&b, count);
    reader_close(&b);
    wait_for(&produce_ended, 1);
    assert_int_equal(flushed_code, LT_ECANCELLED); /* its own client had left */
}

/* A client with a small window that never reads. */
static struct peer *ask_deaf(int node, const char *path)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)lt_http_server_port(nodes[node].server)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = WAIT_S};
    struct peer *p = malloc(sizeof(*p));
    char text[100];
    int small = 4096;
    p->at = p->n = 0;
    p->fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(p->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    assert_int_equal(connect(p->fd, (struct sockaddr *)&to, sizeof(to)), 0);
    snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
    peer_send(p, text);
    return p;
}

/* A client that does not read holds the producer up, at most 10 s. Then it is dropped, sees that it was cut off, can resume. */
static void test_back_pressure(void **state)
{
    count = 1000;
    size_of_event = 1000;
    hold = count; /* the last one waits until the rest is looked at */
    uint64_t start = lt_mono_ms();
    struct peer *deaf = ask_deaf(0, "/produce");
    for (int i = 0; i < WAIT_S * 1000 && followers_now != 1; i++)
        usleep(1000);
    usleep(1000000);
    int stood_at = produced;
    assert_in_range(stood_at, 64, 900); /* 64 KiB of lag, and what the kernel takes */
    usleep(200000);
    assert_int_equal(produced, stood_at);
    for (int i = 0; i < WAIT_S * 1000 && followers_now != 0; i++)
        usleep(1000);
    assert_int_equal(followers_now, 0);
    assert_true(lt_mono_ms() - start >= 9900);
    wait_for(&produced, count - 1);
    hold = 0;
    wait_for(&produce_ended, 1);
    assert_int_equal(append_code, LT_OK);
    assert_int_equal(flushed_code, LT_ECANCELLED);
    while (peer_fill(deaf, NULL)) /* what was on its way, then the end, but not the end of the stream */
        deaf->at = deaf->n > 7 ? deaf->n - 7 : 0;
    assert_null(memmem(deaf->buf, deaf->n, "\r\n0\r\n\r\n", 7));
    peer_close(deaf);
    struct reader r;
    assert_true(reader_open(&r, 1, "/follow", count - 100));
    read_rest(&r, count);
    reader_close(&r);
}

static void test_a_comment_after_15_s_of_silence(void **state)
{
    hold = 1;
    struct peer *p = ask(0, "/produce");
    uint64_t start = lt_mono_ms();
    assert_true(peer_fill(p, NULL)); /* the head comes with it */
    assert_true(lt_mono_ms() - start >= 14900);
    assert_memory_equal(p->buf, "HTTP/1.1 200 OK\r\n", 17);
    assert_memory_equal(p->buf + p->n - 12, "\r\n\r\n3\r\n:\n\n\r\n", 12);
    hold = 0;
    peer_close(p);
    wait_for(&produce_ended, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading_at_every_split),
        cmocka_unit_test(test_an_id_with_nul_is_ignored),
        cmocka_unit_test(test_the_limit_of_a_line_and_of_an_event),
        cmocka_unit_test(test_writing),
        T(test_a_stream_from_start_to_end),
        T(test_events_of_a_turn_share_a_chunk),
        T(test_cut_at_every_event_and_resumed_elsewhere),
        T(test_roaming_followers_lose_and_double_nothing),
        T(test_a_finished_log_can_be_read_from_any_id),
        T(test_the_log_keeps_the_newest_256_kib),
        T(test_large_events),
        T(test_a_cancelled_producer_has_its_last_word),
        T(test_followers_are_counted),
        T(test_back_pressure),
        T(test_a_comment_after_15_s_of_silence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
