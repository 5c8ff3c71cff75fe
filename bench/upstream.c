/*
 * An AI service for the gateways that are measured: a fixed answer, at once or late, or a stream of events, to whatever is posted; a request with
 * "stream": true gets the stream. Each event carries "@NUMBER/NANOSECONDS;" (CLOCK_MONOTONIC, when it was sent). GET /stats tells what came:
 * requests, streams, events, and how many were left before their end.
 *
 *   upstream --port P [--bytes ANSWER] [--delay-us D] [--events N] [--interval-us I]
 *
 * With an interval of 0 all events go out in one write, so that the same is read each time.
 */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    REQUEST_MAX = 1 << 20, /* longer ones are not asked of it */
    ANSWER_MAX = 64 << 10,
    OUT_MAX = ANSWER_MAX + 1024,
    EVENT_MAX = 320,
    EVENTS_MAX = 128, /* of a stream that goes out in one write */
    READY = 256,
    IDLE_NS = 100000000,
};

struct peer {
    int fd;
    bool waiting;     /* for the time of its answer, or of its next event */
    bool stream;
    uint32_t sent;    /* events */
    uint64_t due_ns;
    size_t n;
    char *request;    /* REQUEST_MAX; only what was used takes memory */
    struct peer **before, *next; /* among those that wait */
};

static struct {
    int port, bytes, delay_us, events, interval_us;
} options = {.bytes = 400, .events = 32};

static int epoll_fd;
static struct peer *waiting;
static uint64_t requests, streams, events_sent, left;

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void stop_waiting(struct peer *p)
{
    if (!p->waiting)
        return;
    p->waiting = false;
    *p->before = p->next;
    if (p->next)
        p->next->before = p->before;
}

static void wait_until(struct peer *p, uint64_t due_ns)
{
    p->due_ns = due_ns;
    if (p->waiting)
        return;
    p->waiting = true;
    p->next = waiting;
    p->before = &waiting;
    if (waiting)
        waiting->before = &p->next;
    waiting = p;
}

static void drop(struct peer *p)
{
    left += p->waiting;
    stop_waiting(p);
    close(p->fd);
    free(p->request);
    free(p);
}

/* False, and the peer is gone, when the socket does not take it whole. */
static bool put(struct peer *p, const char *text, size_t n)
{
    if (send(p->fd, text, n, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)n)
        return true;
    drop(p);
    return false;
}

static bool put_json(struct peer *p, const char *body, size_t n)
{
    static char out[OUT_MAX];
    int head = snprintf(out, sizeof(out), "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", n);
    memcpy(out + head, body, n);
    return put(p, out, (size_t)head + n);
}

/* An answer of about as many bytes as was asked for, most of them text. */
static void answer(struct peer *p)
{
    static char body[ANSWER_MAX];
    static size_t n;
    if (n == 0) {
        static const char words[] = "Water moves between sea, air and land. ";
        static const char end[] = "\"},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":230,\"completion_tokens\":100,"
                                  "\"total_tokens\":330},\"system_fingerprint\":\"fp_c4e5b6fa31\"}";
        n = (size_t)snprintf(body, sizeof(body),
                             "{\"id\":\"chatcmpl-9lkwPWOIiQEvI3nfcGofJcmS5lPYo\",\"object\":\"chat.completion\",\"created\":1721203199,\"model\":\"gpt-4o\","
                             "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"");
        size_t until = (size_t)options.bytes > n + sizeof(end) ? (size_t)options.bytes - sizeof(end) + 1 : n + 1;
        for (size_t i = 0; n < until; i++)
            body[n++] = words[i % (sizeof(words) - 1)];
        memcpy(body + n, end, sizeof(end) - 1);
        n += sizeof(end) - 1;
    }
    put_json(p, body, n);
}

/* ---- streams ---- */

static size_t write_chunk(char *out, const char *text, size_t n)
{
    return (size_t)sprintf(out, "%zx\r\n%.*s\r\n", n, (int)n, text);
}

static size_t write_event(char *out, uint32_t number)
{
    char text[EVENT_MAX];
    int n = snprintf(text, sizeof(text),
                     "data: {\"id\":\"chatcmpl-9lkwPWOIiQEvI3nfcGofJcmS5lPYo\",\"object\":\"chat.completion.chunk\",\"created\":1721203199,"
                     "\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{%s\"content\":\"@%u/%020llu;\"},\"finish_reason\":null}]}\n\n",
                     number == 0 ? "\"role\":\"assistant\"," : "", number, (unsigned long long)now_ns());
    events_sent++;
    return write_chunk(out, text, (size_t)n);
}

static size_t write_end(char *out)
{
    static const char text[] =
        "data: {\"id\":\"chatcmpl-9lkwPWOIiQEvI3nfcGofJcmS5lPYo\",\"object\":\"chat.completion.chunk\",\"created\":1721203199,\"model\":\"gpt-4o\","
        "\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
        "data: {\"id\":\"chatcmpl-9lkwPWOIiQEvI3nfcGofJcmS5lPYo\",\"object\":\"chat.completion.chunk\",\"created\":1721203199,\"model\":\"gpt-4o\","
        "\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":9,\"total_tokens\":18}}\n\ndata: [DONE]\n\n";
    size_t n = write_chunk(out, text, sizeof(text) - 1);
    memcpy(out + n, "0\r\n\r\n", 5);
    return n + 5;
}

/* What is due of a stream: its head, one event or all of them, its end. */
static void go_on(struct peer *p)
{
    static char out[(EVENTS_MAX + 6) * (EVENT_MAX + 16)];
    size_t n = 0;
    if (p->sent == 0)
        n += (size_t)sprintf(out, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
    uint32_t until = options.interval_us > 0 ? p->sent + 1 : (uint32_t)options.events;
    while (p->sent < until)
        n += write_event(out + n, p->sent++);
    bool whole = p->sent >= (uint32_t)options.events;
    if (whole)
        n += write_end(out + n);
    if (whole)
        stop_waiting(p);
    else
        wait_until(p, (p->sent == 1 ? now_ns() : p->due_ns) + (uint64_t)options.interval_us * 1000);
    put(p, out, n);
}

/* ---- requests ---- */

static bool request_is_whole(const struct peer *p, size_t *ret_body)
{
    const char *end = memmem(p->request, p->n, "\r\n\r\n", 4), *length = strcasestr(p->request, "\r\ncontent-length:");
    if (!end)
        return false;
    *ret_body = (size_t)(end + 4 - p->request);
    if (length && length < end)
        return p->n >= *ret_body + strtoul(length + 17, NULL, 10);
    const char *chunked = strcasestr(p->request, "\r\ntransfer-encoding:");
    return !chunked || chunked > end || (p->n >= *ret_body + 5 && memcmp(p->request + p->n - 5, "0\r\n\r\n", 5) == 0);
}

/* "stream": true, with or without blanks; the word may also stand in a prompt, so all are looked at. */
static bool wants_stream(const char *body)
{
    for (const char *at = body; (at = strstr(at, "\"stream\"")); at++) {
        const char *v = at + 8;
        while (isspace((unsigned char)*v) || *v == ':')
            v++;
        if (strncmp(v, "true", 4) == 0)
            return true;
    }
    return false;
}

static void answer_get(struct peer *p)
{
    char text[512];
    int n = strncmp(p->request, "GET /stats", 10) == 0
                ? snprintf(text, sizeof(text), "{\"requests\":%llu,\"streams\":%llu,\"events\":%llu,\"left\":%llu}", (unsigned long long)requests,
                           (unsigned long long)streams, (unsigned long long)events_sent, (unsigned long long)left)
                : snprintf(text, sizeof(text), "{\"object\":\"list\",\"data\":[{\"id\":\"gpt-4o\",\"object\":\"model\",\"created\":1,\"owned_by\":\"bench\"}]}");
    put_json(p, text, (size_t)n);
}

static void take_request(struct peer *p)
{
    size_t body;
    p->request[p->n] = '\0';
    if (p->waiting || !request_is_whole(p, &body))
        return;
    p->n = 0;
    if (strncmp(p->request, "POST ", 5) != 0) {
        answer_get(p);
        return;
    }
    requests++;
    p->stream = wants_stream(p->request + body);
    p->sent = 0;
    streams += p->stream;
    if (options.delay_us > 0)
        wait_until(p, now_ns() + (uint64_t)options.delay_us * 1000);
    else if (p->stream)
        go_on(p);
    else
        answer(p);
}

static void read_peer(struct peer *p)
{
    ssize_t n = recv(p->fd, p->request + p->n, REQUEST_MAX - 1 - p->n, MSG_DONTWAIT);
    if (n > 0) {
        p->n += (size_t)n;
        take_request(p);
    } else if (n == 0 || errno != EAGAIN) {
        drop(p);
    }
}

static void take_peers(int listener)
{
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct peer *p = calloc(1, sizeof(*p));
        if (!p || !(p->request = malloc(REQUEST_MAX)))
            abort();
        p->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN | EPOLLRDHUP, .data.ptr = p});
    }
}

static uint64_t send_due(void)
{
    uint64_t now = now_ns(), next = now + IDLE_NS;
    for (struct peer *p = waiting, *after; p; p = after) {
        after = p->next;
        if (p->due_ns > now) {
            next = p->due_ns < next ? p->due_ns : next;
        } else if (p->stream) {
            next = now;
            go_on(p);
        } else {
            stop_waiting(p);
            answer(p);
        }
    }
    return next > now ? next - now : 0;
}

static int listen_on(int port)
{
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    return bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 && listen(fd, 4096) == 0 ? fd : -1;
}

static int number(const char *text, int min, int max)
{
    char *end;
    long n = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || n < min || n > max) {
        fprintf(stderr, "upstream: %s: a number from %d to %d is expected\n", text, min, max);
        exit(2);
    }
    return (int)n;
}

static void read_options(int argc, char **argv)
{
    static const struct option names[] = {{"port", 1, NULL, 'p'},   {"bytes", 1, NULL, 'b'},       {"delay-us", 1, NULL, 'd'},
                                          {"events", 1, NULL, 'e'}, {"interval-us", 1, NULL, 'i'}, {NULL, 0, NULL, 0}};
    int c;
    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (c) {
        case 'p': options.port = number(optarg, 1, 65535); break;
        case 'b': options.bytes = number(optarg, 1, ANSWER_MAX - 1024); break;
        case 'd': options.delay_us = number(optarg, 0, 60000000); break;
        case 'e': options.events = number(optarg, 1, 1000000); break;
        case 'i': options.interval_us = number(optarg, 0, 60000000); break;
        default: exit(2);
        }
    }
    if (options.port == 0 || (options.interval_us == 0 && options.events > EVENTS_MAX)) {
        fprintf(stderr, "upstream: --port is missing, or more than %d events in one write\n", EVENTS_MAX);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    struct rlimit files;
    struct epoll_event ready[READY];
    read_options(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    int listener = listen_on(options.port);
    if (listener < 0 || (epoll_fd = epoll_create1(EPOLL_CLOEXEC)) < 0) {
        perror("upstream");
        return 1;
    }
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &(struct epoll_event){.events = EPOLLIN, .data.ptr = NULL});
    for (;;) {
        uint64_t ns = send_due();
        int n = epoll_pwait2(epoll_fd, ready, READY, &(struct timespec){.tv_nsec = (long)ns}, NULL);
        for (int i = 0; i < n; i++) {
            if (ready[i].data.ptr)
                read_peer(ready[i].data.ptr);
            else
                take_peers(listener);
        }
    }
}
