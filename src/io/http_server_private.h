/*
 * What the parts of the HTTP server know of each other. Private to them; all of it belongs to the thread of the server's loop.
 *
 *   http_server.c    starting, draining, stopping
 *   http_listener.c  the port: listening, accepting, what to do when accepting fails
 *   http_conn.c      a connection outside of requests: waiting, its buffer and deadline, its client leaving, closing
 *   http_serve.c     a connection's fiber: one request after the other
 *   http_request.c   reading: the head, the body, what is left of it
 *   http_respond.c   writing: heads, answers in one write, problems
 *   http_stream.c    writing: answers in pieces, from the fiber or from callbacks
 *
 * A connection has a fiber and a read buffer only while a request is under way. The state of that request lies in its arena: the
 * stack of a fiber that waits long should be small.
 */
#pragma once
#include "base/buf.h"
#include "io/http_server.h"

/* One read buffer: a whole head fits. */
enum { LT_HTTP_READ_SIZE = LT_HTTP_HEAD_MAX };

/* Refused connections that wait for their end; with more the oldest goes at once. */
enum { LT_HTTP_REFUSED_MAX = 64 };

struct lt_http_buffer {
    struct lt_http_buffer *next; /* used while it is spare */
    char p[LT_HTTP_READ_SIZE];
};

/* An accepted connection. Made by http_conn.c, which also frees it, after the turn in which it was closed. */
struct lt_http_conn {
    struct lt_http_server *server;
    struct lt_conn *io;               /* the socket, plain or TLS */
    struct lt_http_conn *prev, *next; /* in the server's list */
    struct lt_fiber *fiber;           /* NULL while it waits for a request */
    struct lt_http_stream *stream;    /* the request whose handler runs, else NULL */
    struct lt_http_guest *guest;      /* its address's count in the server's limits; NULL: not counted apart */
    struct lt_http_buffer *in;        /* what came: bytes [at, n) were not used yet. NULL while none is needed */
    uint32_t at, n;
    uint64_t deadline_ms;             /* when the client is given up; LT_NEVER: only the calls that wait have deadlines */
    uint64_t armed_ms;                /* when the timer fires: it is moved lazily, may fire early and be set again */
    bool handshake;                   /* TLS is still to be set up */
    bool served;                      /* had a request */
    bool gone;                        /* the client left: nobody reads an answer */
    bool broken;                      /* writing failed: nothing can be sent any more */
    bool why_known;
    enum lt_http_closed why;          /* it ends; the first reason stays */
    uint64_t sent;                    /* bytes, of all answers */
    char peer[64];                    /* address and port, made for the first request */
};

struct lt_http_server {
    struct lt_loop *loop;
    struct lt_http_server_options options; /* with the defaults filled in */
    struct event *listener;         /* NULL once it accepts no more */
    int fd;                         /* the listening socket */
    int spare_fd;                   /* given up for a moment when descriptors run out; -1: could not be opened again */
    int port;
    struct lt_timer pause;          /* until accepting is tried again */
    uint64_t warned_ms;             /* when a failure to accept was last logged */
    uint64_t refused_logged_ms;     /* when refusals were last logged */
    int64_t refusals;               /* since then */
    struct {
        int fd;
        uint64_t until_ms;
    } refused[LT_HTTP_REFUSED_MAX]; /* a ring: connections that were refused and not closed yet, oldest at refused_first */
    int refused_first, refused_n;
    struct lt_timer refused_timer;  /* until the oldest is closed */
    bool draining;                  /* connections end after the request they are at */
    bool stopping;                  /* and requests are cancelled */
    int connections;                /* length of `conns` */
    struct lt_http_conn *conns;     /* newest first */
    struct lt_fiber *stopper;       /* waits until the last connection ended */
    struct lt_http_field fields[LT_HTTP_FIELDS_MAX]; /* of the head that is read just now, until it is kept or read again */
    struct lt_http_buffer *spare;   /* for the next requests */
    int spare_n;
    int64_t common_s;               /* the second that `common` was made for */
    size_t common_n;
    char common[80];                /* "Server: …\r\nDate: …\r\n" of every answer */
};

/* A request under way, and its answer. */
struct lt_http_stream {
    struct lt_http_conn *conn;
    struct lt_http_request *req;
    /* the request's body */
    int64_t left;                   /* bytes of an announced one still to be read */
    uint64_t body_start_ms;         /* when reading it began; 0: not yet */
    struct lt_chunked chunks;       /* how far a chunked one is read */
    bool body_done;                 /* nothing of it is left in the connection */
    bool must_close;                /* its framing cannot be trusted any more */
    /* the answer */
    bool close;                     /* it says "Connection: close", or ends by closing */
    bool streaming;                 /* comes in pieces */
    bool chunked;                   /* which are chunks */
    bool ended;                     /* its last piece was sent */
    uint64_t sent_before;           /* bytes that the connection had sent when the request began */
    struct lt_str head;             /* noted by stream_begin, goes out with the first bytes; p NULL afterwards */
    struct lt_buf out;              /* what try_write could not send at once */
    void (*on_writable)(void *arg); /* called once `out` is empty again */
    void *on_writable_arg;
    /* its client */
    bool hooked;                    /* on_gone is called when the client leaves; else the fiber is cancelled */
    void (*on_gone)(void *arg);     /* may be NULL */
    void *on_gone_arg;
};

/* ---- http_listener.c ---- */

/* Listens as the options say and accepts from the next turn on. LT_ECONFIG when the address cannot be had. */
enum lt_code lt_http_listener_open(struct lt_http_server *s, struct lt_error *err);
/* Takes what waits in the queue, a batch at most. */
void lt_http_listener_accept(struct lt_http_server *s);
/* What waits in the queue is refused by the system. Harmless when closed already. */
void lt_http_listener_close(struct lt_http_server *s);

/* ---- http_conn.c ---- */

/* Takes fd over: the connection waits for its first request. `guest`: from lt_http_limits_enter(), left when it closes. */
void lt_http_conn_new(struct lt_http_server *s, int fd, struct lt_http_guest *guest);
/* Waits for the next request; gives the fiber and the buffer back. */
void lt_http_conn_idle(struct lt_http_conn *c);
/* Closes it (by a reset when `reset`) and wakes the stopper after the last one. c is good until the end of the turn. */
void lt_http_conn_close(struct lt_http_conn *c, bool reset);
/* Counts a connection that ended, and at debug level logs it. sent: bytes. */
void lt_http_closed(const struct lt_http_server *s, enum lt_http_closed why, uint64_t sent);
/* Notes why it ends. */
static inline void lt_http_conn_ends(struct lt_http_conn *c, enum lt_http_closed why)
{
    if (!c->why_known)
        c->why = why;
    c->why_known = true;
}
/* Breaks it off while a request is under way: nothing more is read or written, the request learns that its client left. */
void lt_http_conn_cut(struct lt_http_conn *c);
/* Gives the client up at `at_ms`. Only a connection without fiber, with a rest in `out` or broken is given up. */
void lt_http_conn_deadline(struct lt_http_conn *c, uint64_t at_ms);
/* c->in is there afterwards. */
void lt_http_conn_take_buffer(struct lt_http_conn *c);
/* A handler may take long: it holds no buffer in which nothing waits. */
void lt_http_conn_give_buffer_if_empty(struct lt_http_conn *c);
/* Frees the spare buffers. */
void lt_http_buffers_free(struct lt_http_server *s);

static inline uint64_t lt_http_now(const struct lt_http_conn *c)
{
    return lt_loop_now(c->server->loop);
}

/* ---- http_serve.c ---- */

/* The fiber of a connection (arg): TLS handshake, requests until none is there. */
void lt_http_serve(void *arg);

/* ---- http_request.c ---- */

/*
 * The head at the front of the buffer, *ret_used bytes long; it points into the buffer and the server's `fields`. LT_ECANCELLED when
 * the client left, else an error that can be answered.
 */
enum lt_code lt_http_read_head(struct lt_http_conn *c, struct lt_http_head *ret, size_t *ret_used, struct lt_error *err);
/* Takes a head that was just read into the request's arena: buffer and fields are needed for what follows. */
void lt_http_keep_head(struct lt_http_conn *c, struct lt_http_request *req, const struct lt_http_head *head, size_t used);
/* Would the rest of the body have to be read away before the next request, and is that too much or impossible? */
bool lt_http_body_blocks(const struct lt_http_stream *st);
/* Reads the rest away where it does not block. False when it did not come. */
bool lt_http_drain_body(struct lt_http_stream *st);

/* ---- http_respond.c ---- */

/*
 * The head of an answer, in the request's arena. type may be NULL. length < 0: the answer is streamed. Notes in st how it is
 * framed and whether the connection ends with it.
 */
struct lt_str lt_http_make_head(struct lt_http_stream *st, int status, const char *type, const struct lt_http_field *fields,
                                size_t fields_n, int64_t length);
/* Answers with a problem document (RFC 9457), for errors that are found before or after the handler. */
void lt_http_respond_problem(struct lt_http_request *req, enum lt_code code, const char *detail);
/* Says 503 and why on a plain socket without reading the request, as far as that goes without waiting. The caller closes fd. */
void lt_http_refuse_overloaded(struct lt_http_server *s, int fd, const char *why);
/* Writes all of the iovecs (modified). LT_ECANCELLED when the client left, or why it failed; the connection is then broken. */
enum lt_code lt_http_write_all(struct lt_http_conn *c, struct iovec *iov, int count);

static inline struct iovec lt_http_iov(struct lt_str s)
{
    return (struct iovec){(void *)(uintptr_t)s.p, s.n};
}

/* Its answer has a head only (RFC 9110 §9.3.2). */
static inline bool lt_http_is_head(const struct lt_http_stream *st)
{
    return lt_str_is(st->req->head.method, "HEAD");
}
