/*
 * HTTP/1.1 server: one listener per loop (SO_REUSEPORT). A connection that waits for a request has no fiber; the first byte starts
 * one, it reads the head, calls the handler, and goes on while requests are there (pipelined ones in order).
 * Deadlines are absolute per phase: TLS 10 s, head 10 s, body at least 1 KiB/s after 10 s, idle 60 s, writing 30 s without progress.
 */
#pragma once
#include "base/arena.h"
#include "io/conn.h"
#include "io/http1.h"
#include "io/http_limits.h"

struct lt_http_server;

/*
 * Listens to a streamed answer that is written from the fiber (begin, write, end): is told of it first. The client may then leave without
 * the writer being told; what it writes is heard by the tap alone.
 */
struct lt_http_tap {
    void (*begin)(void *ctx, int status, const char *type);
    void (*bytes)(void *ctx, struct lt_str bytes);
    void (*end)(void *ctx);
    void *ctx;
};

struct lt_http_request {
    struct lt_arena *arena;     /* freed after the handler has returned (or when a handed-over response ends) */
    struct lt_loop *loop;
    struct lt_http_head head;
    char id[37];                /* X-Request-Id of the answer: ours, a fresh UUID */
    char peer[64];
    bool responded;             /* head of the answer was sent */
    int status;                 /* of the answer; 0: none yet */
    /* Fields of the answer, whoever gives it and in whatever form, unless it has one of that name itself. The handler's to set. */
    const struct lt_http_field *always;
    size_t always_n;
    const struct lt_http_tap *tap; /* NULL: nobody listens. The handler's to set */
    void *note;                 /* the handler's, for `ended` below; in the arena */
    struct lt_http_stream *stream; /* private */
};

typedef void (*lt_http_handler)(struct lt_http_request *req, void *ctx);

struct lt_http_server_options {
    const char *host;           /* numeric address */
    int port;                   /* 0: any free port */
    int listening;              /* 0: none. A listening socket that other processes may have too, served instead of host and port; stays the caller's */
    struct lt_tls *tls;         /* NULL: plain */
    lt_http_handler handler;    /* on a fiber; must answer exactly once */
    void *ctx;
    /*
     * A request has ended, answered or not; one whose head could not be read too (`note` NULL). sent: bytes of the answer, with its head. closed:
     * why the connection ends with it; NULL: it goes on. Fiber; must not wait. May be NULL.
     */
    void (*ended)(struct lt_http_request *req, uint64_t sent, const char *closed, void *ctx);
    int max_connections;        /* per loop; above it new ones get 503 and are closed. 0 = 10,000, or what `limits` say */
    struct lt_http_limits *limits; /* of the process, shared by its servers; NULL: none */
    uint32_t head_ms, body_ms, idle_ms, write_ms; /* the deadlines above, 0 = as said there; tests shorten them */
};

/* Listens on the loop. All loops of a process pass the same port (that of lt_http_server_port() of the first). */
enum lt_code lt_http_server_start(struct lt_loop *loop, const struct lt_http_server_options *options, struct lt_http_server **ret,
                                  struct lt_error *err);
int lt_http_server_port(const struct lt_http_server *server);
/*
 * Of a socket that other processes have too: accepts no more, what waits in the queue is theirs. Connections go on; each is closed after its next
 * answer, which says so, so that no client's request meets a close. Of a server with a port of its own: nothing.
 */
void lt_http_server_retire(struct lt_http_server *server);
/* Accepts no more; idle connections are closed; running requests go on and their connections close after them. */
void lt_http_server_drain(struct lt_http_server *server);
int lt_http_server_connections(const struct lt_http_server *server);
/* Closes everything; requests that run are cancelled first, and this gives way until they ended. Fiber or after the loop ended. */
void lt_http_server_stop(struct lt_http_server *server);

/*
 * Reads the whole body (Content-Length or chunked; sends 100 Continue when asked). LT_ETOO_LARGE above max, before anything is read
 * when the length is announced. LT_EREQUEST_TIMEOUT, LT_EBAD_HTTP, LT_ECANCELLED. The text lies in req->arena.
 */
enum lt_code lt_http_read_body(struct lt_http_request *req, size_t max, struct lt_str *ret, struct lt_error *err);

/*
 * The same with the body given piece by piece (of at most 64 KiB) as it comes, so that max may be large. An error of take() ends it and is returned. The
 * pieces are borrowed.
 */
enum lt_code lt_http_read_body_to(struct lt_http_request *req, size_t max, enum lt_code (*take)(void *ctx, struct lt_str piece, struct lt_error *err),
                                  void *ctx, struct lt_error *err);

/* Extra response fields: name, value pairs; names and values must hold no CR, LF or NUL (asserted; use lt_http_field_safe). */
bool lt_http_field_safe(struct lt_str value);
/*
 * Sends a complete answer: head and body in one write. Adds Date, Content-Length, X-Request-Id, Connection when needed. fields may be
 * NULL. LT_OK, LT_ECANCELLED (client left) or LT_EIO: the handler may ignore them.
 */
enum lt_code lt_http_respond(struct lt_http_request *req, int status, const char *content_type, const struct lt_http_field *fields,
                             size_t fields_n, struct lt_str body);
/* Chunked answers (or until close for HTTP/1.0 clients). begin() only notes the head; it goes out with the first body bytes. */
enum lt_code lt_http_stream_begin(struct lt_http_request *req, int status, const char *content_type,
                                  const struct lt_http_field *fields, size_t fields_n);
enum lt_code lt_http_stream_write(struct lt_http_request *req, const void *p, size_t n); /* n > 0; waits while the client is slow */
enum lt_code lt_http_stream_end(struct lt_http_request *req);

/* Who watches the client: by default the request's fiber is cancelled when the client leaves. fn replaces that (fn NULL: nothing). */
void lt_http_on_client_gone(struct lt_http_request *req, void (*fn)(void *arg), void *arg);
bool lt_http_client_gone(const struct lt_http_request *req);
/* Does somebody still take what is streamed: the client, or a tap? */
bool lt_http_stream_heard(const struct lt_http_request *req);

/*
 * Non-blocking writing for event-driven streams (io/sse.h): after lt_http_stream_begin() a pump may write from callbacks instead of
 * the fiber. try_write frames one chunk (all of it or nothing; a small overflow is kept by the connection): true when taken,
 * false when the client is slow (then on_writable fires once) or gone.
 */
bool lt_http_stream_try_write(struct lt_http_request *req, const void *p, size_t n);
/* To be asked after a try_write that was not taken. */
void lt_http_stream_on_writable(struct lt_http_request *req, void (*fn)(void *arg), void *arg);
/* Breaks the connection off at once, so that the client sees a cut answer; later writes return LT_ECANCELLED. on_client_gone fires. */
void lt_http_stream_cut(struct lt_http_request *req);
