/* The readers of the load: N streams, each event timed when it was read. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

enum {
    EVENTS = 256,
    LINE_MAX_ = 8192,        /* longer lines are read to their end, but only their beginning is looked at */
    PIECE = 65536,
    SOURCES = 8,             /* loopback addresses the readers come from, so that ports never get short */
    OPENING_MAX = 256,       /* streams asked for and not yet begun: an accept queue holds them */
    PATIENCE_NS = 1000000000,
};

#define SECOND_NS UINT64_C(1000000000)

enum reading { READ_HEAD, READ_SIZE, READ_CHUNK, READ_CHUNK_END };
enum kind { EVENT_NONE, EVENT_DELTA, EVENT_DONE, EVENT_ERROR, EVENT_OTHER };

struct reader {
    int fd;                /* -1: closed */
    int stream;
    enum reading reading;
    enum kind kind;        /* of the event whose lines come */
    bool connected, begun, ended;
    uint64_t left;         /* of the chunk */
    size_t n, frame_n;     /* of the line; of the chunk framing */
    uint64_t last_ns;      /* the last event of the run */
    uint32_t highest;
    uint64_t *seen;        /* one bit for each number */
    char frame[32];
    char line[LINE_MAX_];  /* of the head, then of the event stream */
};

struct client {
    const struct load_options *o;
    struct load_shared *shared;
    struct load_result *result;
    int epoll;
    struct reader *readers;
    int opening, live;
    uint32_t numbers;      /* events a stream can have */
    size_t samples_max;
    bool running;          /* events are timed */
};

/* ---- opening and closing ---- */

static void fail(struct client *c, struct reader *r, const char *why)
{
    if (c->result->why[0] == '\0')
        snprintf(c->result->why, sizeof(c->result->why), "%.120s", why);
    c->result->failed++;
    r->ended = true;
}

static void close_reader(struct client *c, struct reader *r)
{
    if (r->fd < 0)
        return;
    close(r->fd);
    r->fd = -1;
    c->live--;
    c->opening -= !r->begun;
}

static int write_body(const struct load_options *o, int stream, char *out, size_t n)
{
    if (o->chat)
        return snprintf(out, n, "{\"model\":\"%s\",\"messages\":[{\"role\":\"user\",\"content\":\"stream-%06d\"}],\"stream\":true}", o->model, stream);
    return snprintf(out, n,
                    "{\"user\":{\"id\":\"u%d\",\"roles\":[\"teacher\"]},\"context\":{\"course_id\":\"course-v1:Lectern+Bench+2026\"},"
                    "\"input\":{\"prompt\":\"stream-%06d\"},\"stream\":true}",
                    stream, stream);
}

static void send_request(struct client *c, struct reader *r)
{
    const struct load_options *o = c->o;
    char body[512], out[2048];
    int n = write_body(o, r->stream, body, sizeof(body));
    n = snprintf(out, sizeof(out),
                 "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n%s%s%s%s%sContent-Length: %d\r\n\r\n%s",
                 o->chat ? o->chat : "/v1/actions/generate_text", o->key ? "Authorization: Bearer " : "", o->key ? o->key : "", o->key ? "\r\n" : "",
                 o->header ? o->header : "", o->header ? "\r\n" : "", n, body);
    if (n >= (int)sizeof(out) || send(r->fd, out, (size_t)n, MSG_NOSIGNAL) != n) {
        fail(c, r, "the request could not be sent");
        close_reader(c, r);
    }
}

static void open_reader(struct client *c, struct reader *r)
{
    int one = 1;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(c->o->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (uint32_t)(r->stream % SOURCES))};
    r->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (r->fd < 0) {
        fail(c, r, strerror(errno));
        return;
    }
    c->live++;
    c->opening++;
    setsockopt(r->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
    setsockopt(r->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (bind(r->fd, (struct sockaddr *)&from, sizeof(from)) != 0 ||
        (connect(r->fd, (struct sockaddr *)&to, sizeof(to)) != 0 && errno != EINPROGRESS)) {
        fail(c, r, strerror(errno));
        close_reader(c, r);
        return;
    }
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = r};
    epoll_ctl(c->epoll, EPOLL_CTL_ADD, r->fd, &e);
}

/* ---- events ---- */

static void note_delay(struct client *c, struct reader *r, uint64_t delay, uint64_t now)
{
    struct load_result *out = c->result;
    uint64_t step = (uint64_t)c->o->streams * SECOND_NS / (uint64_t)c->o->rate;
    if (out->n < c->samples_max) {
        out->of[out->n] = (uint32_t)r->stream;
        out->delays_ns[out->n++] = delay;
    }
    if (r->last_ns > 0 && now - r->last_ns > step && now - r->last_ns - step > out->gap_ns[r->stream])
        out->gap_ns[r->stream] = now - r->last_ns - step;
    r->last_ns = now;
}

static void take_stamp(struct client *c, struct reader *r, unsigned number, uint64_t sent, uint64_t now)
{
    if (number >= c->numbers) {
        c->result->foreign++;
        return;
    }
    uint64_t bit = UINT64_C(1) << (number & 63), *word = &r->seen[number / 64];
    if (*word & bit) {
        c->result->doubled++;
        return;
    }
    *word |= bit;
    c->result->disordered += number < r->highest;
    if (number > r->highest)
        r->highest = number;
    if (!r->begun) {
        r->begun = true;
        c->opening--;
        c->result->opened++;
    }
    if (c->running && number > 0)
        note_delay(c, r, now > sent ? now - sent : 0, now);
}

/* A piece of text may hold several events: what comes in one turn may be joined. */
static void take_text(struct client *c, struct reader *r, const char *p, uint64_t now)
{
    while ((p = strchr(p, '@'))) {
        int stream, n = 0;
        unsigned number;
        unsigned long long sent;
        if (sscanf(p, "@%d/%u/%llu;%n", &stream, &number, &sent, &n) != 3 || n == 0 || stream != r->stream)
            c->result->foreign++;
        else
            take_stamp(c, r, number, sent, now);
        p += n > 0 ? n : 1;
    }
}

static void take_line(struct client *c, struct reader *r, uint64_t now)
{
    const char *line = r->line;
    if (r->n == 0) {
        if (r->kind == EVENT_ERROR && !r->ended)
            fail(c, r, "an error event");
        if (r->kind == EVENT_DONE && !r->ended) {
            r->ended = true;
            c->result->ended++;
        }
        r->kind = c->o->chat ? EVENT_DELTA : EVENT_NONE;
    } else if (strncmp(line, "event: ", 7) == 0) {
        const char *type = line + 7;
        r->kind = strcmp(type, "delta") == 0 ? EVENT_DELTA : strcmp(type, "done") == 0 ? EVENT_DONE : strcmp(type, "error") == 0 ? EVENT_ERROR
                                                                                                                              : EVENT_OTHER;
    } else if (strncmp(line, "data: ", 6) == 0 && r->kind == EVENT_DELTA) {
        if (strcmp(line + 6, "[DONE]") == 0)
            r->kind = EVENT_DONE;
        else
            take_text(c, r, line + 6, now);
    }
}

/* ---- HTTP ---- */

static void take_head_line(struct client *c, struct reader *r)
{
    if (r->n == 0)
        r->reading = READ_SIZE;
    else if (strncmp(r->line, "HTTP/", 5) == 0 && strncmp(r->line, "HTTP/1.1 200", 12) != 0)
        fail(c, r, r->line);
}

/* A line of the head or of the event stream. */
static void end_line(struct client *c, struct reader *r, uint64_t now)
{
    if (r->n > 0 && r->line[r->n - 1] == '\r')
        r->n--;
    r->line[r->n] = '\0';
    if (r->reading == READ_HEAD)
        take_head_line(c, r);
    else
        take_line(c, r, now);
    r->n = 0;
}

static void end_frame(struct reader *r)
{
    r->frame[r->frame_n] = '\0';
    r->frame_n = 0;
    if (r->reading == READ_CHUNK_END) {
        r->reading = READ_SIZE;
        return;
    }
    r->left = strtoull(r->frame, NULL, 16);
    if (r->left > 0)
        r->reading = READ_CHUNK;
}

/* Byte by byte: fast enough, since an event has some hundred of them. A line of the event stream may go on in the next chunk. */
static void feed(struct client *c, struct reader *r, const char *p, size_t n, uint64_t now)
{
    for (size_t i = 0; i < n; i++) {
        bool framing = r->reading == READ_SIZE || r->reading == READ_CHUNK_END, chunk = r->reading == READ_CHUNK;
        if (p[i] == '\n' && framing)
            end_frame(r);
        else if (p[i] == '\n')
            end_line(c, r, now);
        else if (framing && r->frame_n < sizeof(r->frame) - 1)
            r->frame[r->frame_n++] = p[i];
        else if (!framing && r->n < LINE_MAX_ - 1)
            r->line[r->n++] = p[i];
        if (chunk && --r->left == 0)
            r->reading = READ_CHUNK_END;
    }
}

static void read_reader(struct client *c, struct reader *r)
{
    static char piece[PIECE];
    for (;;) {
        ssize_t n = recv(r->fd, piece, sizeof(piece), MSG_DONTWAIT);
        if (n > 0) {
            feed(c, r, piece, (size_t)n, load_now_ns());
            if ((size_t)n < sizeof(piece) && !r->ended)
                return; /* the next bytes are a new edge */
        } else if (n < 0 && errno == EAGAIN && !r->ended) {
            return;
        } else {
            break;
        }
        if (r->ended)
            break;
    }
    if (!r->ended)
        fail(c, r, "the connection ended before its stream");
    close_reader(c, r);
}

static void on_event(struct client *c, struct reader *r, uint32_t events)
{
    if (r->fd < 0)
        return;
    if (!r->connected && events & EPOLLOUT) {
        struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = r};
        r->connected = true;
        epoll_ctl(c->epoll, EPOLL_CTL_MOD, r->fd, &e);
        send_request(c, r);
    }
    if (r->fd >= 0 && events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP))
        read_reader(c, r);
}

static void turn(struct client *c, int wait_ms)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(c->epoll, events, EVENTS, wait_ms);
    for (int i = 0; i < n; i++)
        on_event(c, events[i].data.ptr, events[i].events);
}

/* ---- phases ---- */

static bool open_all(struct client *c)
{
    const struct load_options *o = c->o;
    uint64_t begin = load_now_ns(), deadline = begin + (uint64_t)o->streams * SECOND_NS / (uint64_t)o->ramp + 20 * SECOND_NS;
    int asked = 0;
    while (c->result->opened < o->streams && c->result->failed == 0 && load_now_ns() < deadline) {
        int until = (int)((load_now_ns() - begin) * (uint64_t)o->ramp / SECOND_NS);
        while (asked < o->streams && asked <= until && c->opening < OPENING_MAX)
            open_reader(c, &c->readers[asked++]);
        turn(c, 1);
    }
    c->result->ramp_ns = load_now_ns() - begin;
    if (c->result->opened < o->streams && c->result->why[0] == '\0')
        snprintf(c->result->why, sizeof(c->result->why), "%d of %d streams began", c->result->opened, o->streams);
    return c->result->opened == o->streams;
}

static size_t sent_in_all(const struct client *c)
{
    size_t n = 0;
    for (int i = 0; i < c->o->streams; i++)
        n += c->shared->sent[i];
    return n - (size_t)c->o->streams; /* number 0 came before the run */
}

static void run(struct client *c)
{
    uint64_t deadline = load_now_ns() + LOAD_QUIET_NS + (uint64_t)c->o->seconds * SECOND_NS + 10 * SECOND_NS, all_sent = 0;
    c->running = true;
    c->shared->begin_ns = load_now_ns() + LOAD_QUIET_NS;
    c->shared->phase = LOAD_RUN;
    while (load_now_ns() < deadline) {
        turn(c, 20);
        if (!c->shared->all_sent)
            continue;
        if (all_sent == 0)
            all_sent = load_now_ns();
        if (c->result->n >= sent_in_all(c) || load_now_ns() - all_sent > PATIENCE_NS)
            break;
    }
    c->running = false;
}

static void end_all(struct client *c)
{
    uint64_t deadline = load_now_ns() + (uint64_t)c->o->streams * SECOND_NS / (uint64_t)c->o->ramp + 20 * SECOND_NS;
    c->shared->phase = LOAD_END;
    while (c->live > 0 && load_now_ns() < deadline)
        turn(c, 20);
}

static void leave_all(struct client *c)
{
    for (int i = 0; i < c->o->streams; i++)
        close_reader(c, &c->readers[i]);
}

/* What was sent and never read. */
static void count_missing(struct client *c)
{
    for (int i = 0; i < c->o->streams; i++) {
        uint32_t got = 0;
        for (uint32_t w = 0; w < (c->numbers + 63) / 64; w++)
            got += (uint32_t)__builtin_popcountll(c->readers[i].seen[w]);
        c->result->missing += c->shared->sent[i] > got ? c->shared->sent[i] - got : 0;
    }
}

static void *take(size_t n, size_t size)
{
    void *p = calloc(n, size);
    if (!p)
        abort();
    return p;
}

static void make_readers(struct client *c)
{
    size_t n = (size_t)c->o->streams;
    c->numbers = (uint32_t)(c->samples_max / n + 2);
    c->readers = take(n, sizeof(struct reader));
    for (int i = 0; i < c->o->streams; i++) {
        struct reader *r = &c->readers[i];
        r->fd = -1;
        r->stream = i;
        r->kind = c->o->chat ? EVENT_DELTA : EVENT_NONE;
        r->seen = take((c->numbers + 63) / 64, sizeof(uint64_t));
    }
}

static void free_readers(struct client *c)
{
    leave_all(c);
    for (int i = 0; i < c->o->streams; i++)
        free(c->readers[i].seen);
    free(c->readers);
    close(c->epoll);
}

bool load_client_run(const struct load_options *o, struct load_shared *shared, struct load_result *ret)
{
    struct client c = {.o = o, .shared = shared, .result = ret, .epoll = epoll_create1(EPOLL_CLOEXEC)};
    c.samples_max = (size_t)o->rate * (size_t)o->seconds;
    *ret = (struct load_result){.gap_ns = take((size_t)o->streams, sizeof(uint64_t)),
                                .delays_ns = take(c.samples_max, sizeof(uint64_t)),
                                .of = take(c.samples_max, sizeof(uint32_t))};
    make_readers(&c);
    bool good = open_all(&c);
    if (good) {
        load_say_and_wait(o, "live");
        run(&c);
        load_say_and_wait(o, "ran");
        count_missing(&c);
    }
    if (good && o->leave) {
        leave_all(&c);
        load_say_and_wait(o, "left");
    } else if (good) {
        end_all(&c);
    }
    free_readers(&c);
    return good;
}

void load_result_free(struct load_result *r)
{
    free(r->gap_ns);
    free(r->delays_ns);
    free(r->of);
}
