/* The AI service of the load: chat.completions as an event stream, each event at its time. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

enum { REQUEST_MAX = 8192, EVENTS = 256, IDLE_NS = 2000000, EVENT_MAX = 512 };

struct peer {
    int fd;
    int stream;    /* -1 until its request is whole */
    uint32_t sent; /* events */
    size_t n;
    char request[REQUEST_MAX];
};

struct upstream {
    const struct load_options *o;
    struct load_shared *shared;
    int listener, epoll;
    struct peer **of; /* by stream */
    uint64_t next;    /* event of the schedule */
    uint64_t end_from_ns;
    int ended;
};

int load_upstream_listen(uint16_t port)
{
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 && listen(fd, 8192) == 0 ? fd : -1;
}

static void watch(struct upstream *u, int fd, void *what)
{
    struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = what};
    epoll_ctl(u->epoll, EPOLL_CTL_ADD, fd, &e);
}

static void drop(struct upstream *u, struct peer *p)
{
    if (p->stream >= 0) {
        u->of[p->stream] = NULL;
        atomic_fetch_add(&u->shared->lost, 1);
    }
    close(p->fd);
    free(p);
}

/* One chunk in one write. An event that the socket does not take whole ends the stream: the readers will miss it and say so. */
static bool put(struct upstream *u, struct peer *p, const char *head, const char *text, const char *tail)
{
    char out[2 * EVENT_MAX];
    int n = snprintf(out, sizeof(out), "%s%zx\r\n%s\r\n%s", head, strlen(text), text, tail);
    if (send(p->fd, out, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) == n)
        return true;
    atomic_fetch_add(&u->shared->unsent, 1);
    drop(u, p);
    return false;
}

static void put_event(struct upstream *u, struct peer *p, const char *head)
{
    char text[EVENT_MAX];
    int stream = p->stream;
    snprintf(text, sizeof(text),
             "data: {\"id\":\"chatcmpl-9lkwPWOIiQEvI3nfcGofJcmS5lPYo\",\"object\":\"chat.completion.chunk\",\"created\":1721203199,"
             "\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"@%d/%u/%llu;\"},\"finish_reason\":null}]}\n\n",
             stream, p->sent, (unsigned long long)load_now_ns());
    atomic_store_explicit(&u->shared->sent[stream], ++p->sent, memory_order_relaxed);
    put(u, p, head, text, "");
}

static void put_end(struct upstream *u, struct peer *p)
{
    int stream = p->stream;
    p->stream = -1;
    u->of[stream] = NULL;
    p->n = 0; /* the connection may carry another request */
    put(u, p, "",
        "data: {\"id\":\"c\",\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
        "data: {\"id\":\"c\",\"model\":\"gpt-4o\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":9,"
        "\"total_tokens\":18}}\n\ndata: [DONE]\n\n",
        "0\r\n\r\n");
}

/* The whole request is there when its Content-Length is; its prompt names the stream. */
static bool request_is_whole(const struct peer *p, size_t *ret_body)
{
    const char *end = memmem(p->request, p->n, "\r\n\r\n", 4), *length = strcasestr(p->request, "\r\ncontent-length:");
    if (!end || !length || length > end)
        return false;
    *ret_body = (size_t)(end + 4 - p->request);
    return p->n >= *ret_body + strtoul(length + 17, NULL, 10);
}

static void request_read(struct upstream *u, struct peer *p)
{
    size_t body;
    p->request[p->n] = '\0';
    if (p->stream >= 0 || !request_is_whole(p, &body))
        return;
    const char *name = strstr(p->request + body, "stream-");
    int stream = name ? atoi(name + 7) : -1;
    if (stream < 0 || stream >= u->o->streams || u->of[stream]) {
        drop(u, p);
        return;
    }
    p->stream = stream;
    p->sent = 0;
    u->of[stream] = p;
    atomic_fetch_add(&u->shared->open, 1);
    put_event(u, p, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
}

static void read_peer(struct upstream *u, struct peer *p)
{
    ssize_t n = recv(p->fd, p->request + p->n, REQUEST_MAX - 1 - p->n, MSG_DONTWAIT);
    if (n > 0) {
        p->n += (size_t)n;
        request_read(u, p);
    } else if (n == 0 || errno != EAGAIN) {
        drop(u, p);
    }
}

static void take_peers(struct upstream *u)
{
    int fd;
    while ((fd = accept4(u->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct peer *p = calloc(1, sizeof(*p));
        if (!p)
            abort();
        p->fd = fd;
        p->stream = -1;
        watch(u, fd, p);
    }
}

/* ---- the schedule ---- */

/* Event i goes to stream i modulo N: the streams take turns, evenly spread over each round. */
static uint64_t due_ns(const struct upstream *u, uint64_t i)
{
    return u->shared->begin_ns + i * 1000000000 / (uint64_t)u->o->rate;
}

static void note_late(struct load_shared *s, uint64_t late)
{
    if (late > s->late_max_ns)
        s->late_max_ns = late;
    if (late > 1000000)
        s->late_1ms++;
}

static void send_due(struct upstream *u, uint64_t now)
{
    uint64_t total = (uint64_t)u->o->rate * (uint64_t)u->o->seconds;
    for (; u->next < total && due_ns(u, u->next) <= now; u->next++) {
        struct peer *p = u->of[u->next % (uint64_t)u->o->streams];
        note_late(u->shared, now - due_ns(u, u->next));
        if (p)
            put_event(u, p, "");
        now = load_now_ns();
    }
    if (u->next == total)
        u->shared->all_sent = true;
}

static void end_due(struct upstream *u, uint64_t now)
{
    if (u->end_from_ns == 0)
        u->end_from_ns = now;
    int until = (int)((now - u->end_from_ns) * (uint64_t)u->o->ramp / 1000000000);
    for (; u->ended < u->o->streams && u->ended <= until; u->ended++)
        if (u->of[u->ended])
            put_end(u, u->of[u->ended]);
}

static void wait_for_events(struct upstream *u)
{
    struct epoll_event events[EVENTS];
    uint64_t ns = IDLE_NS, now = load_now_ns();
    if (u->shared->phase == LOAD_RUN && !u->shared->all_sent) {
        uint64_t due = due_ns(u, u->next);
        ns = due <= now ? 0 : due - now < IDLE_NS ? due - now : IDLE_NS;
    }
    int n = epoll_pwait2(u->epoll, events, EVENTS, &(struct timespec){.tv_nsec = (long)ns}, NULL);
    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr)
            read_peer(u, events[i].data.ptr);
        else
            take_peers(u);
    }
}

void load_upstream_run(int listener, const struct load_options *o, struct load_shared *shared)
{
    struct upstream u = {.o = o, .shared = shared, .listener = listener, .epoll = epoll_create1(EPOLL_CLOEXEC)};
    u.of = calloc((size_t)o->streams, sizeof(*u.of));
    if (u.epoll < 0 || !u.of)
        abort();
    watch(&u, listener, NULL);
    while (shared->phase != LOAD_STOP) {
        wait_for_events(&u);
        if (shared->phase == LOAD_RUN)
            send_due(&u, load_now_ns());
        if (shared->phase == LOAD_END)
            end_due(&u, load_now_ns());
    }
}
