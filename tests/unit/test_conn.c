/* Connections: plain and TLS, with peers that are slow, leave, reset or lie. Everything stays on loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <event2/dns.h>
#include <event2/dns_struct.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/conn.h"
#include "io/tls.h"

/* -- a loop for a test ----------------------------------------------------------------------------------------------------- */

struct scene {
    struct lt_loop *loop;
    void (*fn)(struct lt_loop *loop);
};

static void scene_main(void *arg)
{
    struct scene *s = arg;

    s->fn(s->loop);
    lt_loop_stop(s->loop);
}

static void play(void (*fn)(struct lt_loop *loop))
{
    struct lt_error err;
    struct scene s = {lt_loop_new(0, &err), fn};

    assert_non_null(s.loop);
    assert_int_equal(lt_fiber_start(s.loop, scene_main, &s, NULL), LT_OK);
    lt_loop_run(s.loop);
    assert_int_equal(lt_fiber_count(), 0);
    lt_loop_free(s.loop);
}

static struct lt_fiber *start(struct lt_loop *loop, void (*fn)(void *arg), void *arg)
{
    struct lt_fiber *f;

    assert_int_equal(lt_fiber_start(loop, fn, arg, &f), LT_OK);
    return f;
}

static void join_all(void)
{
    while (lt_fiber_count() > 1)
        lt_fiber_sleep(1);
}

/* Far enough for any machine; a test that waits so long has failed. */
static uint64_t in_time(struct lt_loop *loop)
{
    return lt_loop_now(loop) + 30000;
}

static unsigned seed;

static unsigned below(unsigned n)
{
    return (unsigned)rand_r(&seed) % n;
}

/* -- sockets --------------------------------------------------------------------------------------------------------------- */

static int listen_on_loopback(int backlog, int *ret_port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

static int connect_to(int port, int flags)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0)
        assert_true(flags & SOCK_NONBLOCK);
    return fd;
}

/* A TCP connection: one end as lt_conn, the other a plain blocking descriptor. */
static struct lt_conn *tcp_pair(struct lt_loop *loop, int *ret_peer)
{
    int port, listener = listen_on_loopback(8, &port), fd;
    struct lt_conn *c;

    *ret_peer = connect_to(port, 0);
    fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(fd >= 0);
    close(listener);
    c = lt_conn_adopt(loop, fd, NULL);
    assert_non_null(c);
    return c;
}

static void reset(int fd)
{
    struct linger now = {.l_onoff = 1};

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    close(fd);
}

static void send_text(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Both ends as lt_conn, TCP, perhaps TLS; the client end is made by lt_conn_connect(). */
struct duo {
    struct lt_loop *loop;
    struct lt_conn *client, *server;
    enum lt_code server_code;
    struct lt_error server_err;
    int listener;
    struct lt_tls *server_tls;
};

static void duo_accept(void *arg)
{
    struct duo *d = arg;
    int fd;

    while ((fd = accept4(d->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) < 0)
        lt_fiber_sleep(1);
    d->server = lt_conn_adopt(d->loop, fd, d->server_tls);
    assert_non_null(d->server);
    d->server_code = lt_conn_handshake(d->server, in_time(d->loop), &d->server_err);
}

static enum lt_code duo_connect(struct duo *d, struct lt_loop *loop, const char *host, struct lt_tls *client_tls,
                                struct lt_tls *server_tls, struct lt_error *err)
{
    int port, listener = listen_on_loopback(8, &port);
    enum lt_code code;

    *d = (struct duo){.loop = loop, .server_tls = server_tls, .listener = listener};
    start(loop, duo_accept, d);
    code = lt_conn_connect(loop, host, port, client_tls, in_time(loop), &d->client, err);
    join_all();
    close(listener);
    return code;
}

static void duo_close(struct duo *d)
{
    lt_conn_close(d->client, false);
    lt_conn_close(d->server, false);
}

/* -- certificates ---------------------------------------------------------------------------------------------------------- */

static char dir[] = "/tmp/test_conn_XXXXXX";

static const char *in_dir(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *p = paths[next++ % 4];

    snprintf(p, sizeof paths[0], "%s/%s", dir, name);
    return p;
}

struct issued {
    EVP_PKEY *key;
    X509 *cert;
};

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *e;

    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(e);
    assert_int_equal(X509_add_ext(cert, e, -1), 1);
    X509_EXTENSION_free(e);
}

/* by NULL: signed by itself. days < 0: valid from 10 days ago until that many days ago. */
static struct issued issue(const struct issued *by, const char *name, const char *alt_names, long days)
{
    struct issued i = {EVP_EC_gen("P-256"), X509_new()};
    X509_NAME *subject = X509_get_subject_name(i.cert);

    X509_set_version(i.cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(i.cert), (long)below(1000000) + 1);
    X509_gmtime_adj(X509_getm_notBefore(i.cert), -10L * 86400);
    X509_gmtime_adj(X509_getm_notAfter(i.cert), days * 86400);
    X509_set_pubkey(i.cert, i.key);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(i.cert, by ? X509_get_subject_name(by->cert) : subject);
    add_extension(i.cert, by ? by->cert : i.cert, NID_basic_constraints, alt_names ? "critical,CA:FALSE" : "critical,CA:TRUE");
    if (alt_names)
        add_extension(i.cert, by ? by->cert : i.cert, NID_subject_alt_name, alt_names);
    assert_true(X509_sign(i.cert, by ? by->key : i.key, EVP_sha256()) > 0);
    return i;
}

static void save(struct issued i, const char *name)
{
    char file[64];
    FILE *f;

    snprintf(file, sizeof file, "%s.crt", name);
    f = fopen(in_dir(file), "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_X509(f, i.cert), 1);
    fclose(f);
    snprintf(file, sizeof file, "%s.key", name);
    f = fopen(in_dir(file), "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_PrivateKey(f, i.key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(f);
}

static void save_and_free(struct issued i, const char *name)
{
    save(i, name);
    X509_free(i.cert);
    EVP_PKEY_free(i.key);
}

static int make_certificates(void **state)
{
    struct issued ca = issue(NULL, "Test Authority", NULL, 100);

    assert_non_null(mkdtemp(dir));
    save(ca, "ca");
    save_and_free(issue(&ca, "good", "DNS:localhost,DNS:good.test,IP:127.0.0.1", 100), "good");
    save_and_free(issue(&ca, "expired", "DNS:localhost,IP:127.0.0.1", -1), "expired");
    save_and_free(issue(&ca, "elsewhere", "DNS:elsewhere.test,IP:192.0.2.1", 100), "elsewhere");
    save_and_free(issue(NULL, "self", "DNS:localhost,IP:127.0.0.1", 100), "self");
    X509_free(ca.cert);
    EVP_PKEY_free(ca.key);
    return 0;
}

static int remove_certificates(void **state)
{
    static const char *const names[] = {"ca", "good", "expired", "elsewhere", "self"};
    char file[64];

    for (size_t i = 0; i < LT_COUNT(names); i++) {
        snprintf(file, sizeof file, "%s.crt", names[i]);
        unlink(in_dir(file));
        snprintf(file, sizeof file, "%s.key", names[i]);
        unlink(in_dir(file));
    }
    return rmdir(dir);
}

static struct lt_tls *server_tls(const char *name)
{
    char crt[64], key[64];
    struct lt_tls *tls;
    struct lt_error err;

    snprintf(crt, sizeof crt, "%s.crt", name);
    snprintf(key, sizeof key, "%s.key", name);
    assert_int_equal(lt_tls_server_new(in_dir(crt), in_dir(key), &tls, &err), LT_OK);
    return tls;
}

static struct lt_tls *client_tls(void)
{
    struct lt_tls *tls;
    struct lt_error err;

    assert_int_equal(lt_tls_client_new(in_dir("ca.crt"), &tls, &err), LT_OK);
    return tls;
}

/* -- data there and back --------------------------------------------------------------------------------------------------- */

static void echo(void *arg)
{
    struct lt_conn *c = arg;
    char buf[5000];
    size_t n;

    while (lt_conn_read(c, buf, sizeof buf, in_time(lt_conn_loop(c)), &n) == LT_OK && n)
        assert_int_equal(lt_conn_write(c, buf, n, in_time(lt_conn_loop(c))), LT_OK);
}

enum { LOAD = 1 << 20 };

static char load[LOAD];

/* In pieces of every size, some of them empty, through writev. */
static void send_load(void *arg)
{
    struct lt_conn *c = arg;
    size_t sent = 0;

    while (sent < LOAD) {
        struct iovec iov[64];
        int count = 1 + (int)below(64);
        for (int i = 0; i < count; i++) {
            size_t n = below(4) ? below(600) : below(40000) * below(2);
            n = n < LOAD - sent ? n : LOAD - sent;
            iov[i] = (struct iovec){load + sent, n};
            sent += n;
        }
        assert_int_equal(lt_conn_writev(c, iov, count, in_time(lt_conn_loop(c))), LT_OK);
    }
}

static void expect_load(struct lt_conn *c)
{
    static char got[LOAD];
    size_t have = 0, n;

    while (have < LOAD) {
        assert_int_equal(lt_conn_read(c, got + have, LOAD - have, in_time(lt_conn_loop(c)), &n), LT_OK);
        assert_true(n > 0);
        have += n;
    }
    assert_memory_equal(got, load, LOAD);
}

static void there_and_back(struct lt_conn *client, struct lt_conn *server)
{
    struct lt_loop *loop = lt_conn_loop(client);
    char rest[8];
    size_t n;

    for (size_t i = 0; i < LOAD; i++)
        load[i] = (char)below(256);
    start(loop, echo, server);
    start(loop, send_load, client);
    expect_load(client);
    lt_conn_close(client, false);
    join_all();
    assert_int_equal(lt_conn_read(server, rest, sizeof rest, in_time(loop), &n), LT_OK);
    assert_int_equal(n, 0);
    lt_conn_close(server, false);
}

static void plain_echo_scene(struct lt_loop *loop)
{
    struct lt_error err;
    struct duo d;
    char name[64];
    int fds[2];

    assert_int_equal(duo_connect(&d, loop, "127.0.0.1", NULL, NULL, &err), LT_OK);
    lt_conn_peer_name(d.server, name);
    assert_memory_equal(name, "127.0.0.1:", 10);
    assert_true(atoi(name + 10) > 0);
    there_and_back(d.client, d.server);

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    d.client = lt_conn_adopt(loop, fds[0], NULL);
    d.server = lt_conn_adopt(loop, fds[1], NULL);
    lt_conn_peer_name(d.server, name);
    assert_string_equal(name, "local");
    there_and_back(d.client, d.server);
}

static void test_a_megabyte_comes_back_unchanged(void **state)
{
    play(plain_echo_scene);
}

static void tls_echo_scene(struct lt_loop *loop)
{
    struct lt_tls *client = client_tls(), *server = server_tls("good");
    struct lt_error err;
    struct duo d;

    assert_int_equal(duo_connect(&d, loop, "127.0.0.1", client, server, &err), LT_OK);
    assert_int_equal(d.server_code, LT_OK);
    there_and_back(d.client, d.server);
    lt_tls_free(client);
    lt_tls_free(server);
}

static void test_a_megabyte_comes_back_unchanged_over_tls(void **state)
{
    play(tls_echo_scene);
}

static void too_many_scene(struct lt_loop *loop)
{
    struct iovec iov[65] = {{NULL, 0}};
    struct lt_conn *c;
    size_t n;
    int peer;

    c = tcp_pair(loop, &peer);
    assert_int_equal(lt_conn_writev(c, iov, 64, in_time(loop)), LT_OK); /* all empty: nothing to do */
    assert_int_equal(lt_conn_writev(c, iov, 65, in_time(loop)), LT_EINTERNAL);
    assert_int_equal(lt_conn_read(c, iov, 0, in_time(loop), &n), LT_EINTERNAL);
    lt_conn_close(c, false);
    lt_conn_close(NULL, true);
    close(peer);
}

static void test_calls_that_make_no_sense_are_refused(void **state)
{
    play(too_many_scene);
}

struct slow {
    int fd;
    size_t got;
    bool same;
};

static void read_slowly(void *arg)
{
    struct slow *s = arg;
    char buf[3000];
    ssize_t n;

    s->same = true;
    while (s->got < LOAD) {
        n = recv(s->fd, buf, 1 + below(sizeof buf), MSG_DONTWAIT);
        if (n <= 0) {
            lt_fiber_sleep(1);
            continue;
        }
        s->same &= memcmp(buf, load + s->got, (size_t)n) == 0;
        s->got += (size_t)n;
        if (!below(50))
            lt_fiber_sleep(1);
    }
}

static void slow_scene(struct lt_loop *loop)
{
    int small = 4096;
    struct slow s = {0};
    struct lt_conn *c = tcp_pair(loop, &s.fd);

    setsockopt(lt_conn_fd(c), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    for (size_t i = 0; i < LOAD; i++)
        load[i] = (char)below(256);
    start(loop, read_slowly, &s);
    assert_int_equal(lt_conn_write(c, load, LOAD, in_time(loop)), LT_OK);
    join_all();
    assert_int_equal(s.got, LOAD);
    assert_true(s.same);
    lt_conn_close(c, false);
    close(s.fd);
}

static void test_a_slow_reader_gets_everything(void **state)
{
    play(slow_scene);
}

/* -- deadlines and cancels ------------------------------------------------------------------------------------------------- */

static void deadline_scene(struct lt_loop *loop)
{
    int peer;
    struct lt_conn *c = tcp_pair(loop, &peer);
    uint64_t until = lt_loop_now(loop) + 20;
    char buf[16];
    size_t n;

    assert_int_equal(lt_conn_read(c, buf, sizeof buf, until, &n), LT_ETIMEOUT);
    assert_true(lt_mono_ms() >= until);
    send_text(peer, "late");
    assert_int_equal(lt_conn_read(c, buf, sizeof buf, in_time(loop), &n), LT_OK); /* a timeout breaks nothing */
    assert_int_equal(n, 4);
    until = lt_loop_now(loop) + 20;
    while (lt_conn_try_write(c, load, LOAD) > 0) {
    }
    assert_int_equal(lt_conn_write(c, load, LOAD, until), LT_ETIMEOUT);
    assert_true(lt_mono_ms() >= until);
    lt_conn_close(c, true);
    close(peer);
}

static void test_reads_and_writes_end_at_their_deadline(void **state)
{
    play(deadline_scene);
}

static enum lt_code got_code;

static void read_for_ever(void *arg)
{
    char buf[16];
    size_t n;

    got_code = lt_conn_read(arg, buf, sizeof buf, LT_NEVER, &n);
}

static void cancel_scene(struct lt_loop *loop)
{
    int peer;
    struct lt_conn *c = tcp_pair(loop, &peer);
    struct lt_fiber *f = start(loop, read_for_ever, c);

    lt_fiber_sleep(2);
    lt_fiber_cancel(f);
    join_all();
    assert_int_equal(got_code, LT_ECANCELLED);

    start(loop, read_for_ever, c);
    lt_fiber_sleep(2);
    lt_conn_close(c, false); /* under the reader's feet */
    join_all();
    assert_int_equal(got_code, LT_EIO);
    close(peer);
}

static void test_a_waiting_read_ends_by_cancel_or_close(void **state)
{
    play(cancel_scene);
}

static size_t bytes_read;

static void read_bytewise(void *arg)
{
    char byte;
    size_t n;

    while ((got_code = lt_conn_read(arg, &byte, 1, LT_NEVER, &n)) == LT_OK && n)
        bytes_read++;
}

static void yield_and_close(void *arg)
{
    lt_fiber_yield();
    lt_conn_close(arg, false);
}

static void hog_scene(struct lt_loop *loop)
{
    int peer;
    struct lt_conn *c = tcp_pair(loop, &peer);
    struct lt_fiber *f;

    assert_int_equal(send(peer, load, 20000, MSG_NOSIGNAL), 20000);
    bytes_read = 0;
    f = start(loop, read_bytewise, c);
    lt_fiber_yield();
    lt_fiber_yield();
    lt_fiber_cancel(f);
    join_all();
    assert_int_equal(got_code, LT_ECANCELLED);
    assert_in_range(bytes_read, 1, 10000);

    start(loop, read_bytewise, c);
    start(loop, yield_and_close, c); /* runs after the reader, which then is in mid-call until the next turn */
    join_all();
    assert_int_equal(got_code, LT_EIO);
    close(peer);
}

static void test_a_fast_peer_hogs_nothing(void **state)
{
    play(hog_scene);
}

/* -- peers that leave ------------------------------------------------------------------------------------------------------ */

enum leaving { BY_CLOSE, BY_HALF_CLOSE, BY_RESET };

static int fired;

static void fire(void *arg)
{
    fired++;
}

static void leave(int peer, enum leaving how)
{
    if (how == BY_CLOSE)
        close(peer);
    else if (how == BY_HALF_CLOSE)
        shutdown(peer, SHUT_WR);
    else
        reset(peer);
}

/* Nobody reads what the peer sent; it leaves; we learn of it, whether we asked before or after. */
static void leaving_case(struct lt_loop *loop, enum leaving how, bool with_data, bool ask_first)
{
    int peer;
    struct lt_conn *c = tcp_pair(loop, &peer);

    fired = 0;
    lt_fiber_sleep(1);
    if (ask_first)
        lt_conn_on_peer_closed(c, fire, NULL);
    if (with_data)
        send_text(peer, "unread");
    lt_fiber_sleep(1);
    assert_int_equal(fired, 0);
    assert_false(lt_conn_peer_closed(c));
    leave(peer, how);
    if (!ask_first) {
        lt_fiber_sleep(2);
        lt_conn_on_peer_closed(c, fire, NULL);
    }
    for (int i = 0; i < 1000 && !fired; i++)
        lt_fiber_sleep(1);
    assert_int_equal(fired, 1);
    assert_true(lt_conn_peer_closed(c));
    lt_fiber_sleep(2);
    assert_int_equal(fired, 1); /* once */
    lt_conn_close(c, false);
    if (how == BY_HALF_CLOSE)
        close(peer);
}

static void leaving_scene(struct lt_loop *loop)
{
    for (int how = BY_CLOSE; how <= BY_RESET; how++)
        for (int bits = 0; bits < 4; bits++)
            leaving_case(loop, (enum leaving)how, bits & 1, bits & 2);
}

static void test_a_peer_s_leaving_is_noticed_while_nobody_reads(void **state)
{
    play(leaving_scene);
}

/* The request and the reset come in one batch: the reader takes the data, the one who asks later learns of the reset. */
static void same_batch_scene(struct lt_loop *loop)
{
    for (int how = BY_CLOSE; how <= BY_RESET; how++) {
        int peer;
        struct lt_conn *c = tcp_pair(loop, &peer);
        char buf[64];
        bool eof;
        fired = 0;
        send_text(peer, "request");
        assert_int_equal(lt_conn_try_read(c, buf, sizeof buf, &eof), 7);
        send_text(peer, "more");
        leave(peer, (enum leaving)how);
        lt_fiber_sleep(2);
        lt_conn_on_peer_closed(c, fire, NULL);
        for (int i = 0; i < 1000 && !fired; i++)
            lt_fiber_sleep(1);
        assert_int_equal(fired, 1);
        lt_conn_close(c, false);
        if (how == BY_HALF_CLOSE)
            close(peer);
    }
}

static void test_a_leaving_in_the_same_batch_as_data_is_not_missed(void **state)
{
    play(same_batch_scene);
}

static void ends_scene(struct lt_loop *loop)
{
    int peer;
    struct lt_conn *c = tcp_pair(loop, &peer);
    char buf[16];
    bool eof;
    size_t n;

    send_text(peer, "last words");
    close(peer);
    assert_int_equal(lt_conn_read(c, buf, sizeof buf, in_time(loop), &n), LT_OK);
    assert_int_equal(n, 10);
    assert_int_equal(lt_conn_read(c, buf, sizeof buf, in_time(loop), &n), LT_OK);
    assert_int_equal(n, 0);
    assert_int_equal(lt_conn_try_read(c, buf, sizeof buf, &eof), 0);
    assert_true(eof);
    lt_conn_close(c, false);

    c = tcp_pair(loop, &peer);
    reset(peer);
    assert_int_equal(lt_conn_read(c, buf, sizeof buf, in_time(loop), &n), LT_EIO);
    assert_int_equal(lt_conn_try_write(c, "x", 1), -1);
    assert_int_equal(lt_conn_write(c, "x", 1, in_time(loop)), LT_EIO);
    lt_conn_close(c, false);

    c = tcp_pair(loop, &peer);
    lt_conn_close(c, true); /* our reset, seen by the peer */
    assert_int_equal(lt_conn_fd(c), -1); /* the object lives until the turn ends */
    assert_int_equal(recv(peer, buf, sizeof buf, 0), -1);
    close(peer);
}

static void test_an_end_is_told_from_a_reset(void **state)
{
    play(ends_scene);
}

struct late {
    int peer;
    enum leaving how;
    bool with_data, at_once;
};

static void send_and_leave(void *arg)
{
    struct late *l = arg;

    if (!l->at_once)
        lt_fiber_sleep(2);
    if (l->with_data)
        send_text(l->peer, "words");
    leave(l->peer, l->how);
}

/* Waiting before the read ends for everything that ends a read: data, the peer's end, a reset that hides behind data. */
static void await_case(struct lt_loop *loop, struct late l)
{
    struct lt_conn *c = tcp_pair(loop, &l.peer);
    char buf[16];
    size_t n = 1, total = 0;
    enum lt_code code = LT_OK;

    start(loop, send_and_leave, &l);
    if (l.at_once)
        join_all();
    while (code == LT_OK && n > 0) {
        assert_int_equal(lt_conn_await(c, in_time(loop)), LT_OK);
        assert_false(lt_conn_must_wait(c));
        code = lt_conn_read(c, buf, sizeof buf, in_time(loop), &n);
        total += n;
    }
    assert_int_equal(code, l.how == BY_RESET ? LT_EIO : LT_OK);
    if (l.how != BY_RESET)
        assert_int_equal(total, l.with_data ? 5 : 0);
    join_all();
    lt_conn_close(c, false);
    if (l.how == BY_HALF_CLOSE)
        close(l.peer);
}

static void await_for_ever(void *arg)
{
    got_code = lt_conn_await(arg, LT_NEVER);
}

static void await_scene(struct lt_loop *loop)
{
    int peer;
    struct lt_conn *c = tcp_pair(loop, &peer);
    struct lt_fiber *f;

    for (int how = BY_CLOSE; how <= BY_RESET; how++)
        for (int bits = 0; bits < 4; bits++)
            await_case(loop, (struct late){.how = (enum leaving)how, .with_data = bits & 1, .at_once = bits & 2});
    assert_true(lt_conn_must_wait(c));
    assert_int_equal(lt_conn_await(c, lt_loop_now(loop) + 5), LT_ETIMEOUT);
    f = start(loop, await_for_ever, c);
    lt_fiber_sleep(1);
    lt_fiber_cancel(f);
    join_all();
    assert_int_equal(got_code, LT_ECANCELLED);
    start(loop, await_for_ever, c);
    lt_fiber_sleep(1);
    lt_conn_close(c, false);
    join_all();
    assert_int_equal(got_code, LT_EIO);
    close(peer);
}

static void test_waiting_before_a_read_ends_as_the_read_would(void **state)
{
    play(await_scene);
}

/* -- callbacks ------------------------------------------------------------------------------------------------------------- */

static void expect_fired(int n)
{
    for (int i = 0; i < 1000 && fired < n; i++)
        lt_fiber_sleep(1);
    assert_int_equal(fired, n);
}

static void readable_scene(struct lt_loop *loop)
{
    int peer;
    struct lt_conn *c = tcp_pair(loop, &peer);
    char buf[16];
    bool eof;

    fired = 0;
    lt_conn_on_readable(c, fire, NULL);
    lt_fiber_sleep(5);
    assert_int_equal(fired, 0);
    send_text(peer, "ab");
    expect_fired(1);
    lt_conn_on_readable(c, fire, NULL); /* the data is there still */
    expect_fired(2);
    assert_int_equal(lt_conn_try_read(c, buf, 1, &eof), 1);
    lt_conn_on_readable(c, fire, NULL); /* a part is there still */
    expect_fired(3);
    assert_int_equal(lt_conn_try_read(c, buf, sizeof buf, &eof), 1);
    assert_false(eof);
    assert_int_equal(lt_conn_try_read(c, buf, sizeof buf, &eof), 0);
    assert_false(eof);
    lt_conn_on_readable(c, fire, NULL);
    lt_fiber_sleep(5);
    assert_int_equal(fired, 3);
    lt_conn_on_readable(c, NULL, NULL); /* taken back */
    send_text(peer, "c");
    lt_fiber_sleep(5);
    assert_int_equal(fired, 3);
    lt_conn_try_read(c, buf, sizeof buf, &eof);
    lt_conn_on_readable(c, fire, NULL);
    close(peer);
    expect_fired(4); /* at the end of data */
    lt_conn_close(c, false);
}

static void test_on_readable_fires_once_when_there_is_something(void **state)
{
    play(readable_scene);
}

static void writable_scene(struct lt_loop *loop)
{
    int peer;
    struct lt_conn *c = tcp_pair(loop, &peer);

    fired = 0;
    lt_conn_on_writable(c, fire, NULL);
    expect_fired(1);
    while (lt_conn_try_write(c, load, LOAD) > 0) {
    }
    lt_conn_on_writable(c, fire, NULL);
    lt_fiber_sleep(5);
    assert_int_equal(fired, 1);
    while (fired == 1) {
        while (recv(peer, load, LOAD, MSG_DONTWAIT) > 0) {
        }
        lt_fiber_sleep(1);
    }
    assert_true(lt_conn_try_write(c, load, LOAD) > 0);
    lt_conn_close(c, true);
    close(peer);
}

static void test_on_writable_fires_once_when_there_is_room(void **state)
{
    play(writable_scene);
}

static void close_it(void *arg)
{
    fired++;
    lt_conn_close(arg, false);
}

static void on_deadline_scene(struct lt_loop *loop)
{
    int peer, other;
    struct lt_conn *c = tcp_pair(loop, &peer);

    fired = 0;
    lt_conn_on_deadline(c, lt_loop_now(loop) + 5, fire, NULL);
    expect_fired(1);
    lt_conn_on_deadline(c, lt_loop_now(loop) + 5, fire, NULL);
    lt_conn_on_deadline(c, LT_NEVER, fire, NULL);
    lt_fiber_sleep(15);
    assert_int_equal(fired, 1);
    lt_conn_on_deadline(c, lt_loop_now(loop) + 2, fire, NULL);
    lt_conn_on_deadline(c, lt_loop_now(loop) + 60000, fire, NULL); /* later */
    lt_fiber_sleep(15);
    assert_int_equal(fired, 1);
    lt_conn_on_deadline(c, lt_loop_now(loop) + 3, fire, NULL); /* earlier */
    expect_fired(2);
    lt_conn_on_deadline(c, 0, close_it, c); /* long past; closes itself */
    expect_fired(3);

    c = tcp_pair(loop, &other);
    lt_conn_on_readable(c, close_it, c);
    lt_conn_on_peer_closed(c, close_it, c); /* due in the same turn: only the first may run */
    close(other);
    expect_fired(4);
    lt_fiber_sleep(3);
    assert_int_equal(fired, 4);
    close(peer);
}

static void test_on_deadline_follows_its_last_setting_and_callbacks_may_close(void **state)
{
    play(on_deadline_scene);
}

/* -- many at once ---------------------------------------------------------------------------------------------------------- */

enum { PAIRS = 60 };

static struct lt_conn *ends[PAIRS][2];

static void close_pair(void *arg)
{
    struct lt_conn **pair = arg;

    for (int i = 0; i < 2; i++) {
        lt_conn_close(pair[i], below(2));
        pair[i] = NULL;
    }
}

static void chat(void *arg)
{
    struct lt_conn **pair = arg;
    struct lt_loop *loop = lt_loop_self();
    char buf[300];
    size_t n;

    for (int i = 0; i < 20 && pair[0]; i++) {
        if (lt_conn_write(pair[0], load, 1 + below(200), in_time(loop)) != LT_OK || !pair[1] ||
            lt_conn_read(pair[1], buf, sizeof buf, in_time(loop), &n) != LT_OK)
            return;
    }
}

/* Events of both ends stand in one batch while any end may be closed by any callback: nothing may be used after its end. */
static void storm_scene(struct lt_loop *loop)
{
    for (int round = 0; round < 30; round++) {
        for (int i = 0; i < PAIRS; i++) {
            int fds[2];
            assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
            for (int k = 0; k < 2; k++)
                ends[i][k] = lt_conn_adopt(loop, fds[k], NULL);
            start(loop, chat, ends[i]);
            lt_conn_on_writable(ends[i][0], close_pair, ends[below((unsigned)i + 1)]);
            if (below(2))
                lt_conn_on_peer_closed(ends[i][1], close_pair, ends[i]);
            if (below(2))
                lt_conn_on_deadline(ends[i][1], lt_loop_now(loop) + below(3), close_pair, ends[below((unsigned)i + 1)]);
        }
        for (int i = 0; i < PAIRS; i++) {
            int k = (int)below(2);
            if (below(3) == 0)
                lt_fiber_yield();
            lt_conn_close(ends[i][k], below(2));
            ends[i][k] = NULL;
        }
        for (int i = 0; i < PAIRS; i++)
            close_pair(ends[i]);
        join_all();
    }
}

static void test_a_storm_of_closes_touches_nothing_freed(void **state)
{
    play(storm_scene);
}

/* -- connecting ------------------------------------------------------------------------------------------------------------ */

static void refused_scene(struct lt_loop *loop)
{
    static const struct {
        const char *host;
        int port;
    } wrong[] = {{"", 80}, {"127.0.0.1", 0}, {"127.0.0.1", 65536}, {"127.0.0.1", -1}};
    struct lt_conn *c;
    struct lt_error err;
    char words[64];
    int port;

    close(listen_on_loopback(1, &port));
    assert_int_equal(lt_conn_connect(loop, "127.0.0.1", port, NULL, in_time(loop), &c, &err), LT_EUPSTREAM_UNAVAILABLE);
    assert_null(c);
    snprintf(words, sizeof words, "connect to 127.0.0.1 port %d: Connection refused", port);
    assert_string_equal(err.detail, words);
    for (size_t i = 0; i < LT_COUNT(wrong); i++)
        assert_int_equal(lt_conn_connect(loop, wrong[i].host, wrong[i].port, NULL, in_time(loop), &c, &err),
                         LT_EUPSTREAM_UNAVAILABLE);
}

static void test_a_refused_connection_says_so(void **state)
{
    play(refused_scene);
}

/* A listener that never accepts and whose queue is full: connects to it hang. */
struct full {
    int listener, port;
    int fillers[8];
};

static void full_open(struct full *f)
{
    f->listener = listen_on_loopback(0, &f->port);
    for (size_t i = 0; i < LT_COUNT(f->fillers); i++)
        f->fillers[i] = connect_to(f->port, SOCK_NONBLOCK);
    lt_fiber_sleep(5);
}

static void full_close(struct full *f)
{
    for (size_t i = 0; i < LT_COUNT(f->fillers); i++)
        close(f->fillers[i]);
    close(f->listener);
}

struct attempt {
    struct lt_loop *loop;
    const char *host;
    int port;
    struct lt_tls *tls;
    uint64_t deadline_ms;
    enum lt_code code;
    struct lt_conn *conn;
    struct lt_error err;
};

static void attempt(void *arg)
{
    struct attempt *a = arg;

    a->code = lt_conn_connect(a->loop, a->host, a->port, a->tls, a->deadline_ms, &a->conn, &a->err);
}

/* The same attempt once with a near deadline and once cancelled; both leave nothing behind (ASan and the fiber count tell). */
static void attempt_both_ways(struct attempt a)
{
    struct lt_fiber *f;

    a.deadline_ms = lt_loop_now(a.loop) + 30;
    start(a.loop, attempt, &a);
    join_all();
    assert_int_equal(a.code, LT_ETIMEOUT);
    assert_true(lt_mono_ms() >= a.deadline_ms);
    assert_null(a.conn);
    a.deadline_ms = in_time(a.loop);
    f = start(a.loop, attempt, &a);
    lt_fiber_sleep(10);
    lt_fiber_cancel(f);
    join_all();
    assert_int_equal(a.code, LT_ECANCELLED);
    assert_null(a.conn);
}

static void hanging_scene(struct lt_loop *loop)
{
    struct full f;
    struct lt_tls *tls = client_tls();
    int port, silent;

    full_open(&f);
    attempt_both_ways((struct attempt){.loop = loop, .host = "127.0.0.1", .port = f.port});
    full_close(&f);

    silent = listen_on_loopback(8, &port); /* connects, then says nothing: the handshake hangs */
    attempt_both_ways((struct attempt){.loop = loop, .host = "127.0.0.1", .port = port, .tls = tls});
    close(silent);
    lt_tls_free(tls);
}

static void test_a_hanging_connect_ends_by_deadline_or_cancel(void **state)
{
    play(hanging_scene);
}

/* -- names: a DNS server of the test's own --------------------------------------------------------------------------------- */

static struct evdns_server_request *held[16];
static int held_n;

static void answer(struct evdns_server_request *r, void *arg)
{
    const char *name = r->questions[0]->name;
    struct in_addr addresses[2];
    int n = 0;

    if (strcmp(name, "silent.test") == 0) {
        evdns_server_request_drop(r);
        return;
    }
    if (strcmp(name, "late.test") == 0 && held_n < 16) {
        held[held_n++] = r;
        return;
    }
    if (r->questions[0]->type == EVDNS_TYPE_A && strcmp(name, "two.test") == 0)
        inet_pton(AF_INET, "127.0.0.2", &addresses[n++]); /* nobody listens there */
    if (r->questions[0]->type == EVDNS_TYPE_A && (strcmp(name, "two.test") == 0 || strcmp(name, "good.test") == 0))
        inet_pton(AF_INET, "127.0.0.1", &addresses[n++]);
    if (n)
        evdns_server_request_add_a_reply(r, name, n, addresses, 60);
    evdns_server_request_respond(r, strstr(name, "unknown") ? DNS_ERR_NOTEXIST : DNS_ERR_NONE);
}

/* Answers that come when nobody waits for them any more. */
static void answer_late(void)
{
    struct in_addr a = {htonl(INADDR_LOOPBACK)};

    assert_true(held_n > 0);
    while (held_n) {
        struct evdns_server_request *r = held[--held_n];
        if (r->questions[0]->type == EVDNS_TYPE_A)
            evdns_server_request_add_a_reply(r, "late.test", 1, &a, 60);
        evdns_server_request_respond(r, DNS_ERR_NONE);
    }
    lt_fiber_sleep(10);
}

static struct evdns_server_port *serve_names(struct lt_loop *loop)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    char address[32];

    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    snprintf(address, sizeof address, "127.0.0.1:%d", ntohs(a.sin_port));
    evdns_base_clear_nameservers_and_suspend(lt_loop_dns(loop));
    evdns_base_search_clear(lt_loop_dns(loop));
    assert_int_equal(evdns_base_nameserver_ip_add(lt_loop_dns(loop), address), 0);
    evdns_base_resume(lt_loop_dns(loop));
    return evdns_add_server_port_with_base(lt_loop_base(loop), fd, 0, answer, NULL);
}

static void names_scene(struct lt_loop *loop)
{
    static const char *const good[] = {"good.test", "two.test", "127.0.0.1"};
    struct evdns_server_port *dns = serve_names(loop);
    struct lt_tls *client = client_tls(), *server = server_tls("good");
    struct lt_error err;
    struct lt_conn *c;
    struct duo d;

    for (size_t i = 0; i < LT_COUNT(good); i++) {
        assert_int_equal(duo_connect(&d, loop, good[i], NULL, NULL, &err), LT_OK);
        duo_close(&d);
    }
    assert_int_equal(duo_connect(&d, loop, "good.test", client, server, &err), LT_OK);
    duo_close(&d);
    assert_int_equal(duo_connect(&d, loop, "two.test", client, server, &err), LT_EUPSTREAM_UNAVAILABLE);
    assert_non_null(strstr(err.detail, "hostname mismatch"));
    duo_close(&d);
    assert_int_equal(lt_conn_connect(loop, "unknown.test", 80, NULL, in_time(loop), &c, &err), LT_EUPSTREAM_UNAVAILABLE);
    assert_non_null(strstr(err.detail, "look up unknown.test: "));
    assert_int_equal(lt_conn_connect(loop, "nothing.test", 80, NULL, in_time(loop), &c, &err), LT_EUPSTREAM_UNAVAILABLE);
    attempt_both_ways((struct attempt){.loop = loop, .host = "silent.test", .port = 80});
    attempt_both_ways((struct attempt){.loop = loop, .host = "late.test", .port = 80});
    answer_late();
    evdns_close_server_port(dns);
    lt_tls_free(client);
    lt_tls_free(server);
}

static void test_names_are_looked_up_and_each_address_is_tried(void **state)
{
    play(names_scene);
}

/* The loop ends while a lookup that was given up is still open. */
static void open_lookup_scene(struct lt_loop *loop)
{
    static struct attempt a; /* outlives this fiber */
    struct evdns_server_port *dns = serve_names(loop);
    struct lt_fiber *f;

    a = (struct attempt){.loop = loop, .host = "silent.test", .port = 80, .deadline_ms = in_time(loop)};
    f = start(loop, attempt, &a);
    lt_fiber_sleep(5);
    evdns_close_server_port(dns);
    lt_fiber_cancel(f);
    lt_loop_stop(loop);
}

static void test_a_lookup_given_up_may_outlive_the_loop_s_last_turn(void **state)
{
    play(open_lookup_scene);
}

/* -- certificates: who is accepted ----------------------------------------------------------------------------------------- */

static void certificates_scene(struct lt_loop *loop)
{
    static const struct {
        const char *certificate, *host, *reason;
    } cases[] = {
        {"good", "127.0.0.1", NULL},
        {"good", "localhost", NULL},
        {"expired", "127.0.0.1", "certificate has expired"},
        {"elsewhere", "127.0.0.1", "IP address mismatch"},
        {"elsewhere", "localhost", "hostname mismatch"},
        {"self", "127.0.0.1", "self-signed certificate"},
        {"self", "localhost", "self-signed certificate"},
    };
    struct lt_tls *client = client_tls();

    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_tls *server = server_tls(cases[i].certificate);
        struct lt_error err = {0};
        struct duo d;
        enum lt_code code = duo_connect(&d, loop, cases[i].host, client, server, &err);
        if (cases[i].reason) {
            assert_int_equal(code, LT_EUPSTREAM_UNAVAILABLE);
            assert_int_equal(err.code, LT_EUPSTREAM_UNAVAILABLE);
            assert_non_null(strstr(err.detail, cases[i].reason));
            assert_non_null(strstr(err.detail, cases[i].host));
            assert_null(d.client);
        } else {
            assert_int_equal(code, LT_OK);
            assert_int_equal(d.server_code, LT_OK);
        }
        duo_close(&d);
        lt_tls_free(server);
    }
    lt_tls_free(client);
}

static void test_only_the_right_certificate_is_accepted(void **state)
{
    play(certificates_scene);
}

static void system_store_scene(struct lt_loop *loop)
{
    struct lt_tls *client, *server = server_tls("good");
    struct lt_error err;
    struct duo d;

    assert_int_equal(lt_tls_client_new(NULL, &client, &err), LT_OK);
    assert_int_equal(duo_connect(&d, loop, "127.0.0.1", client, server, &err), LT_EUPSTREAM_UNAVAILABLE);
    assert_int_equal(d.server_code, LT_EIO);
    assert_non_null(strstr(d.server_err.detail, "unknown ca"));
    duo_close(&d);
    lt_tls_free(client);
    lt_tls_free(server);
}

static void test_the_system_s_store_does_not_know_the_test_s_authority(void **state)
{
    play(system_store_scene);
}

static int certificates_in(struct lt_tls *tls)
{
    return sk_X509_OBJECT_num(X509_STORE_get0_objects(SSL_CTX_get_cert_store(lt_tls_ctx(tls))));
}

/* The system's store stands in a file that holds the test's authority alone: what is read is trusted, and it is read once, not at start. */
static void lazy_store_scene(struct lt_loop *loop)
{
    struct lt_tls *client, *server = server_tls("good");
    struct lt_error err;
    struct duo d;

    setenv("SSL_CERT_FILE", in_dir("ca.crt"), 1);
    assert_int_equal(lt_tls_client_new(NULL, &client, &err), LT_OK);
    assert_int_equal(certificates_in(client), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(duo_connect(&d, loop, "127.0.0.1", client, server, &err), LT_OK);
        assert_int_equal(certificates_in(client), 1);
        duo_close(&d);
    }
    unsetenv("SSL_CERT_FILE");
    lt_tls_free(client);
    lt_tls_free(server);
}

static void test_the_system_s_store_is_read_before_the_first_connection(void **state)
{
    play(lazy_store_scene);
}

enum { STORE_READERS = 8 };

static void *read_the_store(void *tls)
{
    assert_int_equal(lt_tls_ready(tls), LT_OK);
    assert_int_equal(certificates_in(tls), 1); /* for nobody it is ready before it is whole */
    return NULL;
}

static void test_threads_read_the_system_s_store_once(void **state)
{
    pthread_t threads[STORE_READERS];
    struct lt_tls *client;
    struct lt_error err;

    setenv("SSL_CERT_FILE", in_dir("ca.crt"), 1);
    assert_int_equal(lt_tls_client_new(NULL, &client, &err), LT_OK);
    for (int i = 0; i < STORE_READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_the_store, client), 0);
    for (int i = 0; i < STORE_READERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(certificates_in(client), 1);
    unsetenv("SSL_CERT_FILE");
    lt_tls_free(client);
}

static void not_tls_scene(struct lt_loop *loop)
{
    struct lt_tls *server = server_tls("good"), *client = client_tls();
    struct lt_error err;
    struct duo d;
    struct lt_conn *c;
    int port, listener, peer;

    listener = listen_on_loopback(8, &port);
    peer = connect_to(port, 0);
    c = lt_conn_adopt(loop, accept4(listener, NULL, NULL, SOCK_NONBLOCK), server);
    send_text(peer, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(lt_conn_handshake(c, in_time(loop), &err), LT_EIO);
    assert_non_null(strstr(err.detail, "http request"));
    lt_conn_close(c, false);
    close(peer);

    peer = connect_to(port, 0);
    c = lt_conn_adopt(loop, accept4(listener, NULL, NULL, SOCK_NONBLOCK), server);
    close(peer);
    assert_int_equal(lt_conn_handshake(c, in_time(loop), &err), LT_EIO);
    lt_conn_close(c, false);
    close(listener);

    assert_int_equal(duo_connect(&d, loop, "127.0.0.1", NULL, NULL, &err), LT_OK); /* plain needs no handshake */
    assert_int_equal(lt_conn_handshake(d.client, 0, &err), LT_OK);
    duo_close(&d);
    lt_tls_free(server);
    lt_tls_free(client);
}

static void test_what_is_not_tls_is_refused(void **state)
{
    play(not_tls_scene);
}

/* A TLS stream that ends without close_notify may have been cut by anyone: not an end of data. */
static void truncation_scene(struct lt_loop *loop)
{
    struct lt_tls *client = client_tls(), *server = server_tls("good");
    struct lt_error err;
    char buf[16];
    size_t n;

    for (int cut = 0; cut < 2; cut++) {
        struct duo d;
        assert_int_equal(duo_connect(&d, loop, "127.0.0.1", client, server, &err), LT_OK);
        assert_int_equal(lt_conn_write(d.server, "data", 4, in_time(loop)), LT_OK);
        if (cut)
            shutdown(lt_conn_fd(d.server), SHUT_RDWR);
        else
            lt_conn_close(d.server, false);
        assert_int_equal(lt_conn_read(d.client, buf, sizeof buf, in_time(loop), &n), LT_OK);
        assert_int_equal(n, 4);
        assert_int_equal(lt_conn_read(d.client, buf, sizeof buf, in_time(loop), &n), cut ? LT_EIO : LT_OK);
        assert_int_equal(n, 0);
        if (cut)
            lt_conn_close(d.server, false);
        lt_conn_close(d.client, false);
    }
    lt_tls_free(client);
    lt_tls_free(server);
}

static void test_a_cut_tls_stream_is_not_an_end(void **state)
{
    play(truncation_scene);
}

/* Callbacks work on TLS bytes that OpenSSL has already taken from the socket, and a leaving is seen below TLS. */
static void tls_callbacks_scene(struct lt_loop *loop)
{
    struct lt_tls *client = client_tls(), *server = server_tls("good");
    struct lt_error err;
    struct duo d;
    char buf[16];
    bool eof;

    assert_int_equal(duo_connect(&d, loop, "127.0.0.1", client, server, &err), LT_OK);
    fired = 0;
    assert_int_equal(lt_conn_write(d.client, "abcdef", 6, in_time(loop)), LT_OK);
    lt_conn_on_readable(d.server, fire, NULL);
    expect_fired(1);
    while (lt_conn_try_read(d.server, buf, 2, &eof) == 0 && !eof)
        lt_fiber_sleep(1);
    assert_memory_equal(buf, "ab", 2);
    lt_conn_on_readable(d.server, fire, NULL);
    expect_fired(2);
    assert_int_equal(lt_conn_try_read(d.server, buf, sizeof buf, &eof), 4);
    assert_memory_equal(buf, "cdef", 4);
    lt_conn_on_peer_closed(d.server, fire, NULL);
    lt_conn_close(d.client, false);
    expect_fired(3);
    lt_conn_close(d.server, false);
    lt_tls_free(client);
    lt_tls_free(server);
}

static void test_callbacks_work_over_tls(void **state)
{
    play(tls_callbacks_scene);
}

static void test_unusable_certificate_files_are_named(void **state)
{
    struct lt_tls *tls;
    struct lt_error err;

    assert_int_equal(lt_tls_client_new("/nowhere/ca.pem", &tls, &err), LT_ECONFIG);
    assert_null(tls);
    assert_non_null(strstr(err.detail, "/nowhere/ca.pem"));
    assert_int_equal(lt_tls_server_new("/nowhere/c.pem", in_dir("good.key"), &tls, &err), LT_ECONFIG);
    assert_non_null(strstr(err.detail, "certificate /nowhere/c.pem"));
    assert_int_equal(lt_tls_server_new(in_dir("good.crt"), in_dir("self.key"), &tls, &err), LT_ECONFIG);
    assert_non_null(strstr(err.detail, "self.key"));
    assert_null(tls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_megabyte_comes_back_unchanged),
        cmocka_unit_test(test_a_megabyte_comes_back_unchanged_over_tls),
        cmocka_unit_test(test_calls_that_make_no_sense_are_refused),
        cmocka_unit_test(test_a_slow_reader_gets_everything),
        cmocka_unit_test(test_reads_and_writes_end_at_their_deadline),
        cmocka_unit_test(test_a_waiting_read_ends_by_cancel_or_close),
        cmocka_unit_test(test_a_fast_peer_hogs_nothing),
        cmocka_unit_test(test_a_peer_s_leaving_is_noticed_while_nobody_reads),
        cmocka_unit_test(test_a_leaving_in_the_same_batch_as_data_is_not_missed),
        cmocka_unit_test(test_an_end_is_told_from_a_reset),
        cmocka_unit_test(test_waiting_before_a_read_ends_as_the_read_would),
        cmocka_unit_test(test_on_readable_fires_once_when_there_is_something),
        cmocka_unit_test(test_on_writable_fires_once_when_there_is_room),
        cmocka_unit_test(test_on_deadline_follows_its_last_setting_and_callbacks_may_close),
        cmocka_unit_test(test_a_storm_of_closes_touches_nothing_freed),
        cmocka_unit_test(test_a_refused_connection_says_so),
        cmocka_unit_test(test_a_hanging_connect_ends_by_deadline_or_cancel),
        cmocka_unit_test(test_names_are_looked_up_and_each_address_is_tried),
        cmocka_unit_test(test_a_lookup_given_up_may_outlive_the_loop_s_last_turn),
        cmocka_unit_test(test_only_the_right_certificate_is_accepted),
        cmocka_unit_test(test_the_system_s_store_does_not_know_the_test_s_authority),
        cmocka_unit_test(test_the_system_s_store_is_read_before_the_first_connection),
        cmocka_unit_test(test_threads_read_the_system_s_store_once),
        cmocka_unit_test(test_what_is_not_tls_is_refused),
        cmocka_unit_test(test_a_cut_tls_stream_is_not_an_end),
        cmocka_unit_test(test_callbacks_work_over_tls),
        cmocka_unit_test(test_unusable_certificate_files_are_named),
    };

    seed = (unsigned)lt_now_ms();
    print_message("seed %u\n", seed);
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
