/* Servers on loop threads, and plain blocking sockets as their clients. For the tests of http_server, http_client and sse. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "io/http_server.h"

#define UNUSED_FN __attribute__((unused))

enum { WAIT_S = 60, BUF = 1 << 20 };

/* ---- a thread with a loop and a server ---- */

struct node {
    pthread_t thread;
    int index;
    struct lt_loop *loop;
    struct lt_http_server *server;
    struct lt_http_server_options options;
    bool with_server;
    sem_t ready;
};

static void *node_main(void *arg)
{
    struct node *node = arg;
    struct lt_error err;
    node->loop = lt_loop_new(node->index, &err);
    if (!node->loop || (node->with_server && lt_http_server_start(node->loop, &node->options, &node->server, &err) != LT_OK)) {
        fprintf(stderr, "%s\n", err.detail);
        abort();
    }
    sem_post(&node->ready);
    lt_loop_run(node->loop);
    lt_loop_free(node->loop);
    lt_arena_thread_end();
    return NULL;
}

static void node_start(struct node *node, int index, const struct lt_http_server_options *options)
{
    *node = (struct node){.index = index, .with_server = options != NULL};
    if (options)
        node->options = *options;
    if (!node->options.host)
        node->options.host = "127.0.0.1";
    sem_init(&node->ready, 0, 0);
    pthread_create(&node->thread, NULL, node_main, node);
    sem_wait(&node->ready);
}

struct job {
    struct lt_task task;
    struct lt_loop *loop;
    void (*fn)(void *arg);
    void *arg;
    sem_t done;
};

static void job_fiber(void *arg)
{
    struct job *job = arg;
    job->fn(job->arg);
    sem_post(&job->done);
}

static void job_task(struct lt_task *task)
{
    struct job *job = (struct job *)task;
    if (lt_fiber_start(job->loop, job_fiber, job, NULL) != LT_OK)
        abort();
}

/* Runs fn(arg) on a fiber of the node's loop and waits for its end. */
static void node_run(struct node *node, void (*fn)(void *arg), void *arg)
{
    struct job job = {.task = {.fn = job_task}, .loop = node->loop, .fn = fn, .arg = arg};
    sem_init(&job.done, 0, 0);
    lt_loop_post(node->loop, &job.task);
    sem_wait(&job.done);
    sem_destroy(&job.done);
}

static void node_end(void *arg)
{
    struct node *node = arg;
    lt_http_server_stop(node->server);
    lt_loop_stop(node->loop);
}

static void node_stop(struct node *node)
{
    node_run(node, node_end, node);
    pthread_join(node->thread, NULL);
    sem_destroy(&node->ready);
}

static void read_connections(void *arg)
{
    struct node *node = ((void **)arg)[0];
    *(int *)((void **)arg)[1] = lt_http_server_connections(node->server);
}

UNUSED_FN static int node_connections(struct node *node)
{
    int n;
    void *arg[] = {node, &n};
    node_run(node, read_connections, arg);
    return n;
}

/* Waits until *value is at least `want`. */
UNUSED_FN static void wait_for(const _Atomic int *value, int want)
{
    for (int i = 0; i < WAIT_S * 1000 && *value < want; i++)
        usleep(1000);
    if (*value < want)
        fail_msg("waited for %d, got %d", want, *value);
}

UNUSED_FN static void wait_for_connections(struct node *node, int want)
{
    int n = -1;
    for (int i = 0; i < WAIT_S * 1000 && (n = node_connections(node)) != want; i++)
        usleep(1000);
    assert_int_equal(n, want);
}

/* ---- a client ---- */

struct peer {
    int fd;
    size_t at, n;
    char buf[BUF];
    struct lt_http_head head;
    struct lt_http_field fields[LT_HTTP_FIELDS_MAX]; /* of head */
    char body[BUF];
    size_t body_n;
};

UNUSED_FN static struct peer *peer_connect(int port)
{
    struct peer *p = malloc(sizeof(*p));
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = WAIT_S};
    int one = 1;
    p->at = p->n = p->body_n = 0;
    p->head.fields = p->fields;
    p->fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(p->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(p->fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        fail_msg("connect: %s", strerror(errno));
    return p;
}

UNUSED_FN static void peer_close(struct peer *p)
{
    close(p->fd);
    free(p);
}

UNUSED_FN static void peer_send_n(struct peer *p, const void *bytes, size_t n)
{
    for (const char *at = bytes; n > 0;) {
        ssize_t sent = send(p->fd, at, n, MSG_NOSIGNAL);
        if (sent < 0)
            return; /* refused early; what the server says is still read */
        at += sent;
        n -= (size_t)sent;
    }
}

UNUSED_FN static void peer_send(struct peer *p, const char *text)
{
    peer_send_n(p, text, strlen(text));
}

/* More bytes: false at the end. *ret_reset (may be NULL) says that it was a reset. */
static bool peer_fill(struct peer *p, bool *ret_reset)
{
    if (p->at > 0) {
        memmove(p->buf, p->buf + p->at, p->n - p->at);
        p->n -= p->at;
        p->at = 0;
    }
    ssize_t n = recv(p->fd, p->buf + p->n, sizeof(p->buf) - p->n, 0);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        fail_msg("nothing came for %d s", WAIT_S);
    if (ret_reset)
        *ret_reset = n < 0;
    if (n > 0)
        p->n += (size_t)n;
    return n > 0;
}

/* Reads one answer with its body; false when the connection ends before it is whole. */
UNUSED_FN static bool peer_answer_to(struct peer *p, bool head_request)
{
    struct lt_error err;
    size_t used;
    enum lt_code rc;
    p->body_n = 0;
    while ((rc = lt_http1_read_response(p->buf + p->at, p->n - p->at, &p->head, &used, &err)) == LT_EAGAIN)
        if (!peer_fill(p, NULL))
            return false;
    if (rc != LT_OK)
        fail_msg("answer: %s: %.*s", err.detail, (int)(p->n - p->at), p->buf + p->at);
    static _Thread_local char head[LT_HTTP_HEAD_MAX];
    memcpy(head, p->buf + p->at, used);
    lt_http1_read_response(head, used, &p->head, &used, &err);
    p->at += used;
    struct lt_chunked chunks = {0};
    for (;;) {
        size_t have = p->n - p->at;
        switch (lt_http1_response_body(&p->head, head_request)) {
        case LT_BODY_NONE:
            return true;
        case LT_BODY_LENGTH:
            if (have < (size_t)p->head.content_length)
                break;
            p->body_n = (size_t)p->head.content_length;
            memcpy(p->body, p->buf + p->at, p->body_n);
            p->at += p->body_n;
            return true;
        case LT_BODY_CHUNKED:
            while (p->at < p->n && !chunks.done) {
                struct lt_str piece;
                assert_int_equal(lt_chunked_read(&chunks, p->buf + p->at, p->n - p->at, &piece, &used, &err), LT_OK);
                p->at += used;
                memcpy(p->body + p->body_n, piece.n ? piece.p : "", piece.n);
                p->body_n += piece.n;
            }
            if (chunks.done)
                return true;
            break;
        case LT_BODY_UNTIL_CLOSE:
            memcpy(p->body + p->body_n, p->buf + p->at, have);
            p->body_n += have;
            p->at = p->n;
            break;
        }
        if (!peer_fill(p, NULL))
            return lt_http1_response_body(&p->head, head_request) == LT_BODY_UNTIL_CLOSE;
    }
}

UNUSED_FN static bool peer_answer(struct peer *p)
{
    return peer_answer_to(p, false);
}

UNUSED_FN static void assert_body(const struct peer *p, const char *want)
{
    if (p->body_n != strlen(want) || memcmp(p->body, want, p->body_n) != 0)
        fail_msg("body is \"%.*s\", want \"%s\"", (int)p->body_n, p->body, want);
}

UNUSED_FN static bool body_has(const struct peer *p, const char *part)
{
    return memmem(p->body, p->body_n, part, strlen(part)) != NULL;
}

/* The server closes: nothing more comes. */
UNUSED_FN static void assert_closed(struct peer *p)
{
    if (p->at < p->n || peer_fill(p, NULL))
        fail_msg("not closed: \"%.*s\"", (int)(p->n - p->at), p->buf + p->at);
}
