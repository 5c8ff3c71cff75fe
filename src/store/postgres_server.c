/* One server, many connections: the address and its secrets, and outages, in which only one connection at a time tries. */
#include "store/postgres_server.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"

enum {
    FIRST_PAUSE_MS = 50,  /* between two tries; each is twice as long as the one before */
    LAST_PAUSE_MS = 2000,
    TRY_MS = 15000,       /* a try that says nothing for so long is forgotten */
    LOOK_US = 10000,
    REASON_MS = 5000,     /* to find out why we are refused */
};

/* ---- the address ---- */

bool lt_postgres_is_url(const char *url)
{
    return strncmp(url, "postgresql://", 13) == 0 || strncmp(url, "postgres://", 11) == 0;
}

/* Takes the option "text" out of the query: libpq does not know it. */
static bool take_option(char *url, const char *text)
{
    size_t n = strlen(text);
    char *query = strchr(url, '?');
    for (char *at = query ? strstr(query, text) : NULL; at; at = strstr(at + 1, text)) {
        if ((at[-1] != '?' && at[-1] != '&') || (at[n] != '\0' && at[n] != '&'))
            continue;
        char *rest = at + n + (at[n] == '&'), *to = *rest ? at : at - 1;
        memmove(to, rest, strlen(rest) + 1);
        return true;
    }
    return false;
}

/* What libpq says of an address it cannot read quotes a part of it: of the password perhaps, unless it is the name of an option behind it. */
static struct lt_str unquoted(const char *url, const char *text)
{
    static const char option[] = "invalid URI query parameter: ";
    const char *query = strchr(url, '?'), *at = strrchr(url, '@');
    bool plain = query && (!at || at < query) && strncmp(text, option, sizeof(option) - 1) == 0;
    struct lt_str s = {text, strcspn(text, plain ? "\r\n" : "\"\r\n")};
    while (s.n > 0 && strchr(" :,", s.p[s.n - 1]))
        s.n--;
    return s;
}

/* A password with one of "@/?#[]" that is not written as %XX ends up in other parts of the address, which libpq's errors quote. */
static enum lt_code check_parts(const PQconninfoOption *options, struct lt_error *err)
{
    for (const PQconninfoOption *o = options; o->keyword; o++) {
        bool host = strcmp(o->keyword, "host") == 0, port = strcmp(o->keyword, "port") == 0;
        if (o->val && ((host && strpbrk(o->val, "@?#")) || (port && o->val[strspn(o->val, "0123456789,")])))
            return lt_fail(err, LT_ECONFIG, "the database URL: the %s is not valid; in a password \"@\" is written %%40, \"/\" %%2F, \":\" %%3A",
                           o->keyword);
    }
    return LT_OK;
}

enum lt_code lt_pg_server_new(const char *url, struct lt_pg_server **ret, struct lt_error *err)
{
    struct lt_pg_server *s = calloc(1, sizeof(*s));
    char *why = NULL;
    if (!s || !(s->url = strdup(url))) {
        free(s);
        return lt_fail(err, LT_ESTORE, "out of memory");
    }
    if (lt_pq_load(err)) {
        free(s->url);
        free(s);
        return err->code;
    }
    pthread_mutex_init(&s->mutex, NULL);
    s->keep = take_option(s->url, "prepare=yes") ? LT_PG_KEEP_YES : take_option(s->url, "prepare=no") ? LT_PG_KEEP_NO : LT_PG_KEEP_AUTO;
    PQconninfoOption *parsed = lt_pq.PQconninfoParse(s->url, &why);
    enum lt_code code = parsed ? check_parts(parsed, err)
                               : lt_fail(err, LT_ECONFIG, "the database URL: %.*s", LT_FMT(unquoted(s->url, why ? why : "out of memory")));
    lt_pq.PQconninfoFree(parsed);
    lt_pq.PQfreemem(why);
    if (code != LT_OK) {
        lt_pg_server_free(s);
        return code;
    }
    *ret = s;
    return LT_OK;
}

void lt_pg_server_free(struct lt_pg_server *s)
{
    if (!s)
        return;
    pthread_mutex_destroy(&s->mutex);
    free(s->url);
    free(s);
}

/* ---- connecting ---- */

/* Ours first, so that the address may say otherwise; what we rely on last. */
static const char *const names[] = {"connect_timeout", "application_name", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout",
                                    "dbname", "client_encoding", NULL};

static void values_for(const struct lt_pg_server *s, const char *values[LT_COUNT(names)])
{
    const char *const all[LT_COUNT(names)] = {"5", "lectern", "10", "5", "3", "10000", s->url, "UTF8", NULL};
    memcpy(values, all, sizeof(all));
}

/* Within a line of libpq's: "FATAL:  28P01: password …", whatever the language of the first word. */
static const char *state_in(struct lt_str line)
{
    for (size_t i = 0; i + 9 < line.n; i++) {
        const char *p = line.p + i;
        if (memcmp(p, ":  ", 3) == 0 && strspn(p + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 && p[8] == ':')
            return p + 3;
    }
    return NULL;
}

static struct lt_str first_line(const char *text)
{
    return (struct lt_str){text, strcspn(text, "\r\n")};
}

/*
 * libpq keeps the code of a refusal to itself, unless it is asked to write it into its message, which it can be only when one connects step
 * by step. Refusals that stay: we are not who we say (28…), may not (42501), there is no such database (3D000).
 */
static bool is_refused(const struct lt_pg_server *s)
{
    const char *values[LT_COUNT(names)];
    values_for(s, values);
    uint64_t until = lt_mono_ms() + REASON_MS, now;
    PGconn *conn = lt_pq.PQconnectStartParams(names, values, 1);
    if (!conn)
        return false;
    lt_pq.PQsetErrorVerbosity(conn, PQERRORS_VERBOSE);
    PostgresPollingStatusType step = PGRES_POLLING_WRITING;
    while ((step == PGRES_POLLING_READING || step == PGRES_POLLING_WRITING) && lt_pq.PQsocket(conn) >= 0 && (now = lt_mono_ms()) < until) {
        poll(&(struct pollfd){.fd = lt_pq.PQsocket(conn), .events = step == PGRES_POLLING_READING ? POLLIN : POLLOUT}, 1, (int)(until - now));
        step = lt_pq.PQconnectPoll(conn);
    }
    const char *state = state_in(first_line(lt_pq.PQerrorMessage(conn)));
    bool refused = state && (strncmp(state, "28", 2) == 0 || strncmp(state, "3D000", 5) == 0 || strncmp(state, "42501", 5) == 0);
    lt_pq.PQfinish(conn);
    return refused;
}

enum lt_code lt_pg_server_connect(struct lt_pg_server *s, bool why, PGconn **ret, struct lt_error *err)
{
    const char *values[LT_COUNT(names)];
    values_for(s, values);
    atomic_fetch_add_explicit(&s->connects, 1, memory_order_relaxed);
    PGconn *conn = lt_pq.PQconnectdbParams(names, values, 1);
    if (conn && lt_pq.PQstatus(conn) == CONNECTION_OK) {
        *ret = conn;
        return LT_OK;
    }
    enum lt_code code = why && conn && (lt_pq.PQconnectionNeedsPassword(conn) || is_refused(s)) ? LT_ECONFIG : LT_ESTORE;
    struct lt_str line = conn ? first_line(lt_pq.PQerrorMessage(conn)) : LT_STR("out of memory");
    lt_fail(err, code, "connect: %.*s", (int)(line.n < 300 ? line.n : 300), line.p);
    lt_pq.PQfinish(conn);
    return code;
}

/* ---- outages ---- */

/* From half of the pause to all of it, so that many processes do not come at once. */
static uint64_t pause_ms(unsigned tries)
{
    uint32_t dice;
    uint64_t ms = tries < 8 ? (uint64_t)FIRST_PAUSE_MS << tries : LAST_PAUSE_MS;
    if (ms > LAST_PAUSE_MS)
        ms = LAST_PAUSE_MS;
    lt_random(&dice, sizeof(dice));
    return ms / 2 + dice % (ms / 2 + 1);
}

void lt_pg_server_away(struct lt_pg_server *s, const struct lt_error *why)
{
    pthread_mutex_lock(&s->mutex);
    uint64_t now = lt_mono_ms();
    bool begins = s->away_since_ms == 0;
    if (begins) {
        s->away_since_ms = now;
        s->tries = 0;
    }
    s->next_try_ms = now + pause_ms(s->tries++);
    s->why = *why;
    pthread_mutex_unlock(&s->mutex);
    if (begins)
        lt_log_error("store.failed", why);
}

void lt_pg_server_here(struct lt_pg_server *s)
{
    pthread_mutex_lock(&s->mutex);
    uint64_t since = s->away_since_ms;
    s->away_since_ms = 0;
    pthread_mutex_unlock(&s->mutex);
    if (since != 0)
        lt_log(LT_LOG_INFO, "store.recovered", LT_I("after_ms", lt_mono_ms() - since));
}

bool lt_pg_server_is_away(struct lt_pg_server *s)
{
    pthread_mutex_lock(&s->mutex);
    bool away = s->away_since_ms != 0;
    pthread_mutex_unlock(&s->mutex);
    return away;
}

enum lt_code lt_pg_server_turn(struct lt_pg_server *s, uint64_t patience_ms, struct lt_error *err)
{
    for (;; usleep(LOOK_US)) {
        pthread_mutex_lock(&s->mutex);
        uint64_t now = lt_mono_ms();
        bool here = s->away_since_ms == 0, mine = !here && now >= s->next_try_ms, late = !here && now >= s->away_since_ms + patience_ms;
        if (mine)
            s->next_try_ms = now + TRY_MS;
        if (!here && !mine && late && err)
            *err = s->why;
        pthread_mutex_unlock(&s->mutex);
        if (here || mine)
            return LT_OK;
        if (late)
            return LT_ESTORE;
    }
}
