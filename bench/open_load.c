/*
 * HTTP requests at a given rate whatever the answers do (open loop), or one behind the other on each connection (--rate 0). A request's latency is
 * counted from when it was to be sent, so that a server which stalls is not spared the requests that would have come meanwhile. One JSON object on
 * standard output.
 *
 *   open_load --port P --request FILE --rate N --seconds S --connections C
 *
 * FILE is the whole request, head and body. Answers have a Content-Length or chunks.
 */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 1024, REQUEST_MAX = 4 << 20, HEAD_MAX = 16384, READY = 256, PATIENCE_S = 5, WAIT_MAX_NS = 1000000 };

struct peer {
    int fd;
    bool busy, in_body, chunked, bad;
    uint64_t due_ns;
    size_t sent, left, n; /* n: of the head */
    char tail[5];         /* the last bytes of a body in chunks */
    char head[HEAD_MAX];
};

static struct {
    int port, rate, seconds, connections;
} options = {.rate = 1000, .seconds = 2, .connections = 64};

static int epoll_fd;
static char *request;
static size_t request_n;
static struct peer *peers;
static int *idle_list, idle_n;
static uint64_t *latencies, begin_ns, next_request, answered, failed, dropped;
static size_t latencies_max;

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static bool dial(struct peer *p)
{
    int one = 1;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (p->fd < 0 || connect(p->fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        return false;
    setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, p->fd, &(struct epoll_event){.events = EPOLLIN, .data.ptr = p});
    return true;
}

static void become_idle(struct peer *p)
{
    p->busy = false;
    idle_list[idle_n++] = (int)(p - peers);
}

/* The server closed, or spoke nonsense: what was asked has failed, and the connection is made anew. */
static void start_anew(struct peer *p)
{
    if (p->busy) {
        failed++;
        become_idle(p);
    }
    close(p->fd);
    if (!dial(p))
        exit(1);
}

static void send_more(struct peer *p)
{
    ssize_t n = send(p->fd, request + p->sent, request_n - p->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN) {
        start_anew(p);
        return;
    }
    p->sent += n > 0 ? (size_t)n : 0;
    uint32_t events = p->sent < request_n ? EPOLLIN | EPOLLOUT : EPOLLIN;
    if (p->sent < request_n || n < (ssize_t)request_n)
        epoll_ctl(epoll_fd, EPOLL_CTL_MOD, p->fd, &(struct epoll_event){.events = events, .data.ptr = p});
}

static void ask(uint64_t due)
{
    struct peer *p = &peers[idle_list[--idle_n]];
    p->busy = true;
    p->in_body = p->chunked = p->bad = false;
    p->due_ns = due;
    p->sent = p->n = p->left = 0;
    memset(p->tail, 0, sizeof(p->tail));
    send_more(p);
}

static void finish(struct peer *p)
{
    if (p->bad)
        failed++;
    else if (answered < latencies_max)
        latencies[answered++] = now_ns() - p->due_ns;
    become_idle(p);
}

/* Takes what belongs to the head; returns how much that was. */
static size_t take_head(struct peer *p, const char *text, size_t n)
{
    size_t had = p->n, take = n < HEAD_MAX - 1 - had ? n : HEAD_MAX - 1 - had;
    memcpy(p->head + had, text, take);
    p->n += take;
    p->head[p->n] = '\0';
    const char *end = strstr(p->head, "\r\n\r\n"), *length = strcasestr(p->head, "\r\ncontent-length:");
    if (!end)
        return take;
    p->in_body = true;
    p->bad = strncmp(p->head, "HTTP/1.1 200", 12) != 0;
    p->chunked = !length || length > end;
    p->left = p->chunked ? 0 : strtoul(length + 17, NULL, 10);
    return (size_t)(end + 4 - p->head) - had;
}

static bool take_body(struct peer *p, const char *text, size_t n)
{
    if (!p->chunked) {
        p->left -= n < p->left ? n : p->left;
        return p->left == 0;
    }
    for (size_t i = n > sizeof(p->tail) ? n - sizeof(p->tail) : 0; i < n; i++) {
        memmove(p->tail, p->tail + 1, sizeof(p->tail) - 1);
        p->tail[sizeof(p->tail) - 1] = text[i];
    }
    return memcmp(p->tail, "0\r\n\r\n", 5) == 0;
}

static void read_peer(struct peer *p)
{
    static char piece[65536];
    ssize_t n = recv(p->fd, piece, sizeof(piece), MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0 || !p->busy) {
        start_anew(p);
        return;
    }
    size_t at = p->in_body ? 0 : take_head(p, piece, (size_t)n);
    if (p->in_body && take_body(p, piece + at, (size_t)n - at))
        finish(p);
    else if (!p->in_body && p->n >= HEAD_MAX - 1)
        start_anew(p);
}

static uint64_t due_of(uint64_t i)
{
    return begin_ns + i * 1000000000 / (uint64_t)options.rate;
}

/* Sends what is due; how long until the next, in ns. */
static uint64_t send_due(uint64_t end_ns)
{
    uint64_t now = now_ns();
    if (options.rate == 0) {
        while (idle_n > 0 && now < end_ns)
            ask(now);
        return WAIT_MAX_NS;
    }
    for (; due_of(next_request) <= now && due_of(next_request) < end_ns && idle_n > 0; next_request++)
        ask(due_of(next_request));
    uint64_t due = due_of(next_request);
    if (due <= now || due - now > WAIT_MAX_NS)
        return WAIT_MAX_NS; /* none is free, or nothing is due soon: an answer wakes us */
    return due - now;
}

static void run(void)
{
    struct epoll_event ready[READY];
    begin_ns = now_ns();
    uint64_t end_ns = begin_ns + (uint64_t)options.seconds * 1000000000, last_ns = end_ns + PATIENCE_S * UINT64_C(1000000000);
    while (now_ns() < end_ns || (idle_n < options.connections && now_ns() < last_ns)) {
        uint64_t ns = send_due(end_ns);
        int n = epoll_pwait2(epoll_fd, ready, READY, &(struct timespec){.tv_nsec = (long)ns}, NULL);
        for (int i = 0; i < n; i++) {
            struct peer *p = ready[i].data.ptr;
            if (ready[i].events & EPOLLOUT && p->busy && p->sent < request_n)
                send_more(p);
            if (ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                read_peer(p);
        }
    }
    failed += (uint64_t)(options.connections - idle_n);
    dropped = options.rate > 0 ? (uint64_t)options.rate * (uint64_t)options.seconds - next_request : 0;
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static double at(double share)
{
    size_t i = (size_t)((double)answered * share);
    return answered == 0 ? 0 : (double)latencies[i < answered ? i : answered - 1] / 1000;
}

static void print_result(void)
{
    qsort(latencies, answered, sizeof(*latencies), by_size);
    printf("{\"answered\":%llu,\"failed\":%llu,\"unsent\":%llu,\"per_second\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f}\n",
           (unsigned long long)answered, (unsigned long long)failed, (unsigned long long)dropped, (double)answered / options.seconds, at(0.5), at(0.99),
           at(0.999), at(1));
}

static void read_request(const char *path)
{
    FILE *f = fopen(path, "rb");
    request = malloc(REQUEST_MAX);
    if (!f || !request || (request_n = fread(request, 1, REQUEST_MAX, f)) == 0) {
        fprintf(stderr, "open_load: %s: no request\n", path);
        exit(2);
    }
    fclose(f);
}

static void read_options(int argc, char **argv)
{
    static const struct option names[] = {{"port", 1, NULL, 'p'},    {"request", 1, NULL, 'f'},     {"rate", 1, NULL, 'r'},
                                          {"seconds", 1, NULL, 's'}, {"connections", 1, NULL, 'c'}, {NULL, 0, NULL, 0}};
    int c;
    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (c) {
        case 'p': options.port = atoi(optarg); break;
        case 'f': read_request(optarg); break;
        case 'r': options.rate = atoi(optarg); break;
        case 's': options.seconds = atoi(optarg); break;
        case 'c': options.connections = atoi(optarg); break;
        default: exit(2);
        }
    }
    if (options.port <= 0 || !request || options.rate < 0 || options.seconds <= 0 || options.connections <= 0 || options.connections > CONNECTIONS_MAX) {
        fprintf(stderr, "open_load: --port, --request, and sensible numbers\n");
        exit(2);
    }
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    peers = calloc((size_t)options.connections, sizeof(*peers));
    idle_list = calloc((size_t)options.connections, sizeof(*idle_list));
    latencies_max = (size_t)(options.rate > 0 ? options.rate : 200000) * (size_t)options.seconds;
    latencies = calloc(latencies_max, sizeof(*latencies));
    if (epoll_fd < 0 || !peers || !idle_list || !latencies)
        abort();
    for (int i = 0; i < options.connections; i++) {
        if (!dial(&peers[i])) {
            perror("open_load: connect");
            return 1;
        }
        become_idle(&peers[i]);
    }
    run();
    print_result();
    return 0;
}
