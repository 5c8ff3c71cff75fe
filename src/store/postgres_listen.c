/* What is heard is a hint only: when nothing can be heard, the looks from time to time go on to find everything. */
#include "store/postgres_listen.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "io/worker.h"

enum {
    ANSWER_MS = 5000,
    QUIET_MS = 30000,     /* without a word: is the server still there? */
    FIRST_PAUSE_MS = 100, /* between two tries; each is twice as long as the one before */
    LAST_PAUSE_MS = 10000,
    TOLD_TRIES = 3,       /* so many in vain are told of */
};

struct lt_pg_listener {
    struct lt_pg_server *main, *direct;
    void (*fn)(void *ctx);
    void *ctx;
    pthread_t thread;
    int end; /* an eventfd, readable when the end is wanted */
    PGconn *conn;
    unsigned tries;
    bool told;
};

/* Waits for one of both. 1: the connection has something to say; 0: time is up; -1: the end is wanted. */
static int wait_for(struct lt_pg_listener *l, uint64_t ms)
{
    struct pollfd p[] = {{.fd = l->end, .events = POLLIN}, {.fd = l->conn ? lt_pq.PQsocket(l->conn) : -1, .events = POLLIN}};
    int n = poll(p, 2, (int)ms);
    return p[0].revents ? -1 : n > 0 && p[1].revents ? 1 : 0;
}

/* True when the server has carried it out in time. */
static bool say(struct lt_pg_listener *l, const char *sql)
{
    uint64_t until = lt_mono_ms() + ANSWER_MS, now;
    bool well = true;
    if (!lt_pq.PQsendQuery(l->conn, sql))
        return false;
    for (;;) {
        while (!lt_pq.PQisBusy(l->conn)) {
            PGresult *result = lt_pq.PQgetResult(l->conn);
            if (!result)
                return well;
            well &= lt_pq.PQresultStatus(result) == PGRES_COMMAND_OK || lt_pq.PQresultStatus(result) == PGRES_TUPLES_OK;
            lt_pq.PQclear(result);
        }
        now = lt_mono_ms();
        if (now >= until || wait_for(l, until - now) < 0 || !lt_pq.PQconsumeInput(l->conn))
            return false;
    }
}

static bool take_notices(struct lt_pg_listener *l)
{
    bool any = false;
    for (PGnotify *notice = lt_pq.PQnotifies(l->conn); notice; notice = lt_pq.PQnotifies(l->conn)) {
        any = true;
        lt_pq.PQfreemem(notice);
    }
    return any;
}

/* Until the connection is lost, or the end is wanted. */
static void listen_on(struct lt_pg_listener *l)
{
    for (;;) {
        int what = wait_for(l, QUIET_MS);
        if (what < 0 || (what > 0 && !lt_pq.PQconsumeInput(l->conn)) || (what == 0 && !say(l, "SELECT 1")))
            return;
        if (take_notices(l))
            l->fn(l->ctx);
    }
}

static void told_well(struct lt_pg_listener *l)
{
    if (l->told)
        lt_log(LT_LOG_INFO, "store.listening");
    l->told = false;
    l->tries = 0;
}

/* An outage is told of by the store. */
static void told_ill(struct lt_pg_listener *l, const char *why)
{
    if (++l->tries < TOLD_TRIES || l->told || lt_pg_server_is_away(l->main))
        return;
    lt_log(LT_LOG_WARN, "store.not_listening", LT_S("reason", why), LT_S("effect", "changes of other processes are seen by looking, twice a second"));
    l->told = true;
}

static uint64_t pause_ms(unsigned tries)
{
    uint32_t dice;
    uint64_t ms = tries < 7 ? (uint64_t)FIRST_PAUSE_MS << tries : LAST_PAUSE_MS;
    lt_random(&dice, sizeof(dice));
    return ms / 2 + dice % (ms / 2 + 1);
}

static void *run(void *arg)
{
    struct lt_pg_listener *l = arg;
    struct lt_error err;
    pthread_setname_np(pthread_self(), "store-listener");
    while (wait_for(l, l->tries > 0 ? pause_ms(l->tries) : 0) == 0) {
        if (lt_pg_server_connect(l->direct, false, &l->conn, &err)) {
            told_ill(l, err.detail);
            continue;
        }
        if (say(l, "LISTEN lectern")) {
            told_well(l);
            l->fn(l->ctx);
            listen_on(l);
        } else {
            told_ill(l, "the server did not take LISTEN");
        }
        l->tries += l->tries == 0;
        lt_pq.PQfinish(l->conn);
        l->conn = NULL;
    }
    return NULL;
}

enum lt_code lt_pg_listener_start(struct lt_pg_server *main, struct lt_pg_server *direct, void (*fn)(void *ctx), void *ctx, struct lt_pg_listener **ret,
                                  struct lt_error *err)
{
    struct lt_pg_listener *l = calloc(1, sizeof(*l));
    int rc = l ? 0 : ENOMEM;
    if (l) {
        *l = (struct lt_pg_listener){.main = main, .direct = direct, .fn = fn, .ctx = ctx, .end = eventfd(0, EFD_CLOEXEC)};
        rc = l->end < 0 ? errno : lt_thread_start(&l->thread, run, l);
    }
    if (rc != 0) {
        if (l && l->end >= 0)
            close(l->end);
        free(l);
        return lt_fail(err, LT_EINTERNAL, "start the listening thread: %s", strerror(rc));
    }
    *ret = l;
    return LT_OK;
}

void lt_pg_listener_stop(struct lt_pg_listener *l)
{
    if (!l)
        return;
    eventfd_write(l->end, 1);
    pthread_join(l->thread, NULL);
    close(l->end);
    free(l);
}
