/*
 * One TCP (or TLS) connection on a loop. Raw non-blocking sockets registered once, edge-triggered, for readable and peer-closed; for
 * writable only while a write is blocked: no epoll_ctl per request. TLS is OpenSSL on the same descriptor. TCP_NODELAY always. Loop thread only.
 * (DESIGN §6 names bufferevents; with fibers, SSL_read in a loop is shorter and copies once less: see ARCHITECTURE.md.)
 */
#pragma once
#include <sys/socket.h>
#include <sys/uio.h>

#include "io/fiber.h"

struct lt_conn;
struct lt_tls; /* io/tls.h */

/*
 * Connects: name resolution by evdns, each address in turn until the deadline. tls may be NULL (plain); host is verified and sent as
 * SNI. Errors: LT_EUPSTREAM_UNAVAILABLE (refused, unreachable, name unknown, certificate not valid), LT_ETIMEOUT, LT_ECANCELLED.
 */
enum lt_code lt_conn_connect(struct lt_loop *loop, const char *host, int port, struct lt_tls *tls, uint64_t deadline_ms,
                             struct lt_conn **ret, struct lt_error *err);
/* Says which addresses may be connected to. */
struct lt_conn_gate {
    enum lt_code (*check)(void *ctx, const struct sockaddr *to, struct lt_error *err); /* LT_OK: may be connected to */
    void *ctx;
};
/* The two halves of it. dial: without TLS; `gate` (NULL: none) is asked about each address before a packet goes there. An address that
 * it refuses is passed over. LT_EOVERLOADED when no descriptor is left. */
enum lt_code lt_conn_dial(struct lt_loop *loop, const char *host, int port, const struct lt_conn_gate *gate, uint64_t deadline_ms,
                          struct lt_conn **ret, struct lt_error *err);
/* TLS over a plain connection, as the client; `host` is verified and sent as SNI. On failure the connection stays the caller's. */
enum lt_code lt_conn_secure(struct lt_conn *c, const char *host, struct lt_tls *tls, uint64_t deadline_ms, struct lt_error *err);
/* Takes over an accepted descriptor (non-blocking). tls: the server context or NULL; the handshake is done by lt_conn_handshake.
 * NULL when memory or epoll is out; the descriptor then stays the caller's. */
struct lt_conn *lt_conn_adopt(struct lt_loop *loop, int fd, struct lt_tls *tls);
enum lt_code lt_conn_handshake(struct lt_conn *c, uint64_t deadline_ms, struct lt_error *err);
/* Closes at once (reset when `abort`), frees after the turn. Pending waits of other fibers on it return LT_EIO. NULL allowed. */
void lt_conn_close(struct lt_conn *c, bool abort);

/* Reads what there is, at least one byte; *ret_n = 0 at the peer's end of data. LT_ETIMEOUT, LT_ECANCELLED, LT_EIO. Fiber. */
enum lt_code lt_conn_read(struct lt_conn *c, void *buf, size_t cap, uint64_t deadline_ms, size_t *ret_n);
/* Has nothing come since the last read took all there was? */
bool lt_conn_must_wait(const struct lt_conn *c);
/* Waits until reading is worth a try, so that no buffer need be held meanwhile; the read may yet find nothing. Fiber. */
enum lt_code lt_conn_await(struct lt_conn *c, uint64_t deadline_ms);
/* Writes all of the iovecs (modified), at most 64 of them. Fiber. */
enum lt_code lt_conn_writev(struct lt_conn *c, struct iovec *iov, int count, uint64_t deadline_ms);
enum lt_code lt_conn_write(struct lt_conn *c, const void *p, size_t n, uint64_t deadline_ms);

/* Without waiting, from callbacks or fibers: bytes taken, 0 when it would block, -1 when broken. */
ssize_t lt_conn_try_read(struct lt_conn *c, void *buf, size_t cap, bool *ret_eof);
ssize_t lt_conn_try_write(struct lt_conn *c, const void *p, size_t n);
/* The same for several pieces, which stay as they are; at least one byte is tried. */
ssize_t lt_conn_try_writev(struct lt_conn *c, struct iovec *iov, int count);
/* One-shot callbacks on the loop thread outside fibers; fn NULL takes the interest back. on_readable also fires at end of data, and
 * at the next turn when data is there already. */
void lt_conn_on_readable(struct lt_conn *c, void (*fn)(void *arg), void *arg);
void lt_conn_on_writable(struct lt_conn *c, void (*fn)(void *arg), void *arg);
/* Fires once when the peer has closed or reset, in whatever phase we are, even when nobody reads. fn NULL takes it back. Called at
 * the next turn when it happened already. A half-close counts as leaving. */
void lt_conn_on_peer_closed(struct lt_conn *c, void (*fn)(void *arg), void *arg);
bool lt_conn_peer_closed(const struct lt_conn *c);
/* A timer of the connection's own: fn fires once at the deadline (LT_NEVER = never). For idle connections without a fiber. */
void lt_conn_on_deadline(struct lt_conn *c, uint64_t deadline_ms, void (*fn)(void *arg), void *arg);

/* "127.0.0.1:4711"; out holds 64 bytes. */
void lt_conn_peer_name(const struct lt_conn *c, char out[64]);
struct lt_loop *lt_conn_loop(const struct lt_conn *c);
int lt_conn_fd(const struct lt_conn *c);
