/* Server-sent events: the reader at every split, and the log with followers on two loop threads over real sockets. */
#include "http_fixture.h"

#include "io/http_client.h"
#include "io/http_server_private.h"
#include "io/sse_text.h"

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

/* ---- what the log keeps ---- */

static const char *const type_names[] = {"start", "delta", "status", "tool", "approval", "done", "error"};

/* A random event's data: mostly short, sometimes longer than any piece. */
static struct lt_str random_data(unsigned *seed, char *out)
{
    size_t n = rand_r(seed) % 10 ? (size_t)(rand_r(seed) % 300) : (size_t)(rand_r(seed) % 40000);
    for (size_t i = 0; i < n; i++)
        out[i] = (char)('a' + rand_r(seed) % 26);
    return (struct lt_str){out, n};
}

/* All frames from the place on, written in runs of random room. */
static void read_frames(const struct lt_sse_text *t, struct lt_sse_place place, unsigned *seed, struct lt_buf *ret)
{
    static char piece[50000];
    size_t n, room;
    lt_buf_reset(ret);
    do {
        room = 1 + (size_t)(rand_r(seed) % 3 ? rand_r(seed) % 50000 : rand_r(seed) % 40);
        n = lt_sse_text_frames(t, &place, piece, room);
        assert_true(n <= room);
        lt_buf_put(ret, piece, n);
    } while (n > 0);
    assert_int_equal(place.at, lt_sse_text_end(t));
    assert_int_equal(place.id, t->next_id);
}

static void pack(struct lt_sse_text *t)
{
    struct lt_sse_text packed;
    lt_sse_text_pack(t, &packed, malloc(lt_sse_text_packed_size(t)));
    lt_sse_text_free(t);
    *t = packed;
}

/* Whatever is added and forgotten: behind any id that is kept come exactly the frames of the events behind it. */
static void test_kept_events_have_the_frames_of_the_writer(void **state)
{
    enum { EVENTS = 400, MAX = 64 * 1024 };
    static size_t begins[EVENTS + 2]; /* of event i in `all` */
    static char data[40000];
    unsigned seed = (unsigned)lt_now_ms();
    struct lt_buf all, got;
    struct lt_sse_text t;
    struct lt_sse_place place;
    print_message("seed %u\n", seed);
    lt_buf_init(&all, 64 << 20);
    lt_buf_init(&got, 64 << 20);
    lt_sse_text_init(&t);
    for (uint64_t id = 1; id <= EVENTS; id++) {
        enum lt_sse_type type = (enum lt_sse_type)(rand_r(&seed) % (int)LT_COUNT(type_names));
        struct lt_str d = random_data(&seed, data);
        lt_sse_text_add(&t, type, d);
        begins[id] = all.n;
        lt_sse_write(&all, type_names[type], id, d);
        begins[id + 1] = all.n;
        uint64_t needed = rand_r(&seed) % 4 ? lt_sse_text_end(&t) : lt_sse_text_begin(&t) + (uint64_t)(rand_r(&seed) % 1000);
        lt_sse_text_trim(&t, MAX, needed);
        assert_true(lt_sse_text_begin(&t) <= needed); /* what is needed is kept */
        if (needed == lt_sse_text_end(&t)) /* and else no more than the maximum, but for the newest */
            assert_true(lt_sse_text_end(&t) - lt_sse_text_begin(&t) <= MAX || t.first_id + 1 == t.next_id);
        if (id == EVENTS)
            pack(&t);
        uint64_t after = (uint64_t)(rand_r(&seed) % (int)(id + 3));
        bool there = after + 1 >= t.first_id && after <= id;
        assert_int_equal(lt_sse_text_find(&t, after, &place), there);
        if (!there)
            continue;
        read_frames(&t, place, &seed, &got);
        assert_int_equal(got.n, all.n - begins[after + 1]);
        assert_memory_equal(got.n ? got.p : "", all.p + begins[after + 1], got.n);
    }
    assert_int_equal(t.cap, t.n);
    lt_sse_text_free(&t);
    lt_buf_free(&got);
    lt_buf_free(&all);
}

/* ---- the log ---- */

enum { NODES = 2 };

static struct node nodes[NODES]; /* the producer runs on the first */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct lt_sse_log *shared;    /* what followers follow; lock */
static _Atomic int produced, flushed_code, follow_code, append_code, followers_now, followers_calls, produce_ended, hold, pace_ms,
    count, size_of_event;
static _Atomic int cancel_self;

static void proxy(struct lt_http_request *req);

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

/* What is left once a stream has ended: a copy of its log. */
static void keep_shared(void)
{
    struct lt_shelf *shelf = lt_shelf_new();
    pthread_mutex_lock(&lock);
    struct lt_sse_log *kept = lt_sse_log_keep(shared, shelf);
    lt_sse_log_unref(shared);
    shared = kept;
    pthread_mutex_unlock(&lock);
    lt_shelf_free(shelf);
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
        if (i == count && !cancel_self)
            rc = lt_sse_log_finish(log, LT_SSE_DELTA, event_data(&buf, i, size_of_event));
        else
            rc = lt_sse_log_append(log, LT_SSE_DELTA, event_data(&buf, i, size_of_event));
        if (pace_ms > 0 && i % pace_ms == 0)
            lt_fiber_sleep(1);
        if (rc == LT_OK)
            produced = i;
    }
    append_code = (int)rc;
    if (cancel_self) {
        lt_fiber_cancel(lt_fiber_self());
        assert_int_equal(lt_sse_log_append(log, LT_SSE_DELTA, event_data(&buf, count + 1, size_of_event)), LT_OK); /* there is room */
        assert_int_equal(lt_sse_log_finish(log, LT_SSE_ERROR, LT_STR("cancelled")), LT_OK);
    }
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
    } else if (lt_str_is(req->head.path, "/proxy")) {
        proxy(req);
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

/* Hands the stream of the first node on as it comes. */
static void proxy(struct lt_http_request *req)
{
    char url[64];
    struct lt_error err;
    struct lt_http_reply *reply;
    struct lt_str piece;
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/produce", lt_http_server_port(nodes[0].server));
    assert_int_equal(lt_http_send(req->loop, &(struct lt_http_call){.method = "GET", .url = lt_str(url)}, &reply, &err), LT_OK);
    lt_http_stream_begin(req, 200, "text/event-stream", NULL, 0);
    while (lt_http_reply_read(reply, &piece, &err) == LT_OK && piece.n > 0)
        lt_http_stream_write(req, piece.p, piece.n);
    lt_http_stream_end(req);
    lt_http_reply_close(reply);
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
    hold = 0;
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

static void read_from_any_id(void)
{
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

static void test_a_finished_log_and_its_copy_can_be_read_from_any_id(void **state)
{
    struct peer *p = ask(0, "/produce-alone");
    assert_true(peer_answer(p));
    peer_close(p);
    read_from_any_id();
    wait_for(&produce_ended, 1);
    keep_shared();
    read_from_any_id();
}

static void test_the_log_keeps_the_newest_256_kib(void **state)
{
    count = 3000;
    size_of_event = 500;
    struct peer *p = ask(0, "/produce-alone");
    assert_true(peer_answer(p));
    peer_close(p);
    int kept = LT_SSE_LOG_MAX / 503, low = 0, high = count; /* an event takes three bytes more than its data */
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
    read_rest(&r, count + 2);
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
    p->head.fields = p->fields;
    p->fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(p->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    assert_int_equal(connect(p->fd, (struct sockaddr *)&to, sizeof(to)), 0);
    snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
    peer_send(p, text);
    return p;
}

/* Waits until the producer stands still for 300 ms; where. */
static int standstill(void)
{
    int at = -1;
    for (int still = 0, i = 0; still < 30; i++) {
        assert_true(i < WAIT_S * 100);
        usleep(10000);
        still = produced > 0 && produced == at ? still + 1 : 0;
        at = produced;
    }
    return at;
}

/* What came to a client that was cut off: the number of its last whole event. */
static int read_deaf(struct peer *deaf)
{
    struct reader r = {.peer = deaf};
    struct lt_error err;
    size_t used;
    lt_sse_parser_init(&r.parser, 8 << 20);
    assert_true(peer_fill(deaf, NULL));
    assert_int_equal(lt_http1_read_response(deaf->buf, deaf->n, &deaf->head, &used, &err), LT_OK);
    deaf->at = used;
    while (reader_next(&r))
        ;
    assert_true(r.cut); /* not the end of a stream that is whole */
    reader_close(&r);
    return r.last;
}

static void wait_for_followers(int want)
{
    for (int i = 0; i < WAIT_S * 1000 && followers_now != want; i++)
        usleep(1000);
    assert_int_equal(followers_now, want);
}

/*
 * A client that does not read holds the producer up for 10 s. Then it is parked: it sees that it was cut off, the producer goes on as
 * far as the log can hold all that the client may lack, and waits there for it to come back. Nothing is lost then.
 */
static void test_who_does_not_read_is_parked_and_comes_back(void **state)
{
    count = 2000;
    size_of_event = 1000;
    uint64_t start = lt_mono_ms();
    struct peer *deaf = ask_deaf(0, "/produce");
    wait_for_followers(1);
    int stood_at = standstill();
    assert_in_range(stood_at, LT_SSE_LAG_MAX / 1003, 1000); /* the lag, and what the kernel takes */
    wait_for_followers(0);
    assert_true(lt_mono_ms() - start >= 9900);
    int parked_at = standstill();
    int place = stood_at - LT_SSE_LAG_MAX / 1003 - 1; /* the client's, or up to a piece behind */
    int from = place > LT_SSE_BEHIND_MAX / 1003 ? place - LT_SSE_BEHIND_MAX / 1003 : 0; /* from here on nothing is forgotten */
    assert_in_range(parked_at, from + LT_SSE_LOG_MAX / 1003 - 17, from + LT_SSE_LOG_MAX / 1003 + 1);
    int last = read_deaf(deaf);
    assert_in_range(last, 1, place + 1);
    struct reader r;
    assert_true(reader_open(&r, 1, "/follow", last));
    read_rest(&r, count);
    reader_close(&r);
    wait_for(&produce_ended, 1);
    assert_int_equal(append_code, LT_OK);
    assert_int_equal(flushed_code, LT_ECANCELLED);
}

/* One who left in the middle is waited for in the same way, and one who asks for what is gone is told so. */
static void test_a_full_log_waits_for_who_left(void **state)
{
    count = 2000;
    size_of_event = 1000;
    hold = 601;
    struct reader r;
    assert_true(reader_open(&r, 0, "/produce", 0));
    while (r.last < 600)
        assert_true(reader_next(&r));
    reader_close(&r);
    wait_for_followers(0);
    hold = 0;
    int more = (LT_SSE_LOG_MAX - LT_SSE_BEHIND_MAX) / 1003;
    assert_in_range(standstill(), 600 + more - 1, 600 + more + 1);
    assert_false(reader_open(&r, 1, "/follow", 600 - LT_SSE_BEHIND_MAX / 1003 - 2)); /* further back than is kept */
    assert_int_equal(r.peer->head.status, 404);
    reader_close(&r);
    assert_true(reader_open(&r, 1, "/follow", 600 - LT_SSE_BEHIND_MAX / 1003 + 1));
    read_rest(&r, count);
    reader_close(&r);
    wait_for(&produce_ended, 1);
    assert_int_equal(append_code, LT_OK);
}

/* Once nobody can come back, whether the producer waits already or not. */
static void test_a_full_log_does_not_wait_for_who_cannot_come_back(void **state)
{
    for (int early = 0; early <= 1; early++) {
        produced = produce_ended = 0;
        count = 2000;
        size_of_event = 1000;
        hold = 11;
        struct reader r;
        assert_true(reader_open(&r, 0, "/produce", 0));
        assert_true(reader_next(&r));
        if (early)
            lt_sse_log_no_return(shared);
        reader_close(&r);
        wait_for_followers(0);
        hold = 0;
        if (!early) {
            assert_in_range(standstill(), 11, count - 1);
            lt_sse_log_no_return(shared);
        }
        wait_for(&produce_ended, 1);
        assert_int_equal(append_code, LT_OK);
        assert_int_equal(produced, count);
    }
}

/* The last event of a full log is added without waiting. */
static void test_a_full_log_takes_the_last_event(void **state)
{
    count = 1 + 600 + (LT_SSE_LOG_MAX - LT_SSE_BEHIND_MAX) / 1003 - 1;
    size_of_event = 1000;
    hold = 601;
    struct reader r;
    assert_true(reader_open(&r, 0, "/produce", 0));
    while (r.last < 600)
        assert_true(reader_next(&r));
    reader_close(&r);
    wait_for_followers(0);
    hold = 0;
    wait_for(&produce_ended, 1);
    assert_true(reader_open(&r, 1, "/follow", 600));
    read_rest(&r, count);
    reader_close(&r);
}

/* A producer that waits for somebody to come back is cancelled like any other wait: the server's end need not wait for it. */
static void test_a_parked_producer_can_be_cancelled(void **state)
{
    count = 2000;
    size_of_event = 1000;
    struct reader r;
    assert_true(reader_open(&r, 0, "/produce", 0));
    assert_true(reader_next(&r));
    reader_close(&r);
    wait_for_followers(0);
    standstill();
    assert_int_equal(produce_ended, 0);
    node_stop(&nodes[0]);
    assert_int_equal(produce_ended, 1);
    assert_int_equal(append_code, LT_ECANCELLED);
    node_start(&nodes[0], 0, &(struct lt_http_server_options){.handler = handler}); /* for the teardown */
}

/* Slow is not deaf: who takes a piece now and then keeps its stream, though a large event takes it longer than a laggard may stand still. */
static void test_who_reads_slowly_is_not_parked(void **state)
{
    count = 3;
    size_of_event = 2 << 20;
    struct peer *slow = ask(0, "/produce");
    wait_for_followers(1);
    uint64_t start = lt_mono_ms();
    struct reader r = {.peer = slow};
    struct lt_error err;
    size_t used;
    lt_sse_parser_init(&r.parser, 8 << 20);
    while (lt_mono_ms() - start < 13000) {
        assert_int_equal(recv(slow->fd, slow->buf + slow->n, 40000, MSG_WAITALL), 40000);
        slow->n += 40000;
        usleep(1000000);
        assert_int_equal(followers_now, 1);
        assert_int_equal(produced, 1); /* its producer waits for it */
    }
    assert_int_equal(lt_http1_read_response(slow->buf, slow->n, &slow->head, &used, &err), LT_OK);
    slow->at = used;
    read_rest(&r, count);
    reader_close(&r);
    wait_for(&produce_ended, 1);
    assert_int_equal(flushed_code, LT_OK);
}

/* ---- no timer between an event and its client ---- */

/* Every TCP connection of this process but the test's own has Nagle's delay switched off: the server's and the client's side. */
static void test_no_socket_collects_small_segments(void **state)
{
    hold = 3;
    struct reader r;
    assert_true(reader_open(&r, 1, "/proxy", 0));
    assert_true(reader_next(&r));
    int seen = 0;
    for (int fd = 0; fd < 1024; fd++) {
        struct sockaddr_storage peer;
        socklen_t n = sizeof(peer), one = sizeof(int);
        int nodelay = 0;
        if (fd == r.peer->fd || getpeername(fd, (struct sockaddr *)&peer, &n) != 0 || peer.ss_family != AF_INET)
            continue;
        assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, &one), 0);
        assert_int_equal(nodelay, 1);
        seen++;
    }
    assert_int_equal(seen, 3); /* client → proxy's server side, proxy's client side → first server */
    hold = 0;
    read_rest(&r, count);
    reader_close(&r);
    wait_for(&produce_ended, 1);
}

/* The first read of a client gives the head and the first event. */
static void test_head_and_first_event_come_together(void **state)
{
    hold = 2;
    struct peer *p = ask(0, "/produce");
    assert_true(peer_fill(p, NULL));
    assert_memory_equal(p->buf, "HTTP/1.1 200 OK\r\n", 17);
    assert_non_null(memmem(p->buf, p->n, "\r\n\r\n", 4));
    assert_non_null(memmem(p->buf, p->n, "event: delta\nid: 1\ndata: 1:", 27));
    assert_memory_equal(p->buf + p->n - 4, "\n\n\r\n", 4);
    hold = 0;
    peer_close(p);
    wait_for(&produce_ended, 1);
}

/* ---- memory ---- */

/* An answer of 1 KiB that came in pieces of four bytes, with its whole text once more in the last event. */
static void test_a_short_answer_that_ended_holds_8_kib_at_most(void **state)
{
    enum { PIECES = 256, DONE = 1700 };
    static const char piece[] = "{\"text\":\"abcd\"}";
    count = PIECES;
    size_of_event = (int)sizeof(piece) - 1;
    struct peer *p = ask(0, "/produce-alone");
    assert_true(peer_answer(p));
    peer_close(p);
    wait_for(&produce_ended, 1);
    keep_shared();
    size_t size = lt_sse_log_size(shared) + DONE;
    print_message("%zu bytes\n", size);
    assert_in_range(size, PIECES * (sizeof(piece) - 1), 8192);
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
        cmocka_unit_test(test_kept_events_have_the_frames_of_the_writer),
        T(test_a_stream_from_start_to_end),
        T(test_events_of_a_turn_share_a_chunk),
        T(test_cut_at_every_event_and_resumed_elsewhere),
        T(test_roaming_followers_lose_and_double_nothing),
        T(test_a_finished_log_and_its_copy_can_be_read_from_any_id),
        T(test_the_log_keeps_the_newest_256_kib),
        T(test_large_events),
        T(test_a_cancelled_producer_has_its_last_word),
        T(test_followers_are_counted),
        T(test_who_does_not_read_is_parked_and_comes_back),
        T(test_a_full_log_waits_for_who_left),
        T(test_a_full_log_does_not_wait_for_who_cannot_come_back),
        T(test_a_full_log_takes_the_last_event),
        T(test_a_parked_producer_can_be_cancelled),
        T(test_who_reads_slowly_is_not_parked),
        T(test_no_socket_collects_small_segments),
        T(test_head_and_first_event_come_together),
        T(test_a_short_answer_that_ended_holds_8_kib_at_most),
        T(test_a_comment_after_15_s_of_silence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
