/*
 * The PostgreSQL server of a store, as all its connections know it together: the address, whether it answers, when the next try to reach it
 * is due. Its functions may be called by any thread. Private to store/.
 *
 * url: as libpq takes it ("postgresql://…"), and in its query `prepare=yes` or `prepare=no`: whether statements are kept by name. Without it
 * they are, unless a pooler stands between.
 */
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "store/pq_library.h"
#include "store/store.h"

enum lt_pg_keep { LT_PG_KEEP_AUTO, LT_PG_KEEP_YES, LT_PG_KEEP_NO };

struct lt_pg_server {
    char *url;                /* without our own options */
    enum lt_pg_keep keep;     /* statements by name */
    _Atomic bool pooled;      /* what was connected to last was a pooler */
    _Atomic uint64_t round_trips, connects;

    pthread_mutex_t mutex;    /* for the members below */
    uint64_t away_since_ms;   /* 0: it answers */
    uint64_t next_try_ms;     /* while it is away: whoever needs it may try then */
    unsigned tries;
    struct lt_error why;      /* it is away */
};

bool lt_postgres_is_url(const char *url);
/* Reads the address; LT_ECONFIG. No error holds any part of it that could be of a password. */
enum lt_code lt_pg_server_new(const char *url, struct lt_pg_server **ret, struct lt_error *err);
/* NULL is allowed. */
void lt_pg_server_free(struct lt_pg_server *server);
/*
 * One try; the caller owns the connection. LT_ESTORE: not reached; LT_ECONFIG: it refuses us, and will until somebody changes something (only
 * when `why` is set).
 */
enum lt_code lt_pg_server_connect(struct lt_pg_server *server, bool why, PGconn **ret, struct lt_error *err);
/* It does not answer, or it answers (again): the log is told once of each. */
void lt_pg_server_away(struct lt_pg_server *server, const struct lt_error *why);
void lt_pg_server_here(struct lt_pg_server *server);
/*
 * Waits until a try to connect is due; the caller then makes it, and must say what came of it. An outage is waited for until it is
 * patience_ms old: whoever comes later is told at once that it goes on, unless a try is due. LT_ESTORE, with the reason of the outage.
 */
enum lt_code lt_pg_server_turn(struct lt_pg_server *server, uint64_t patience_ms, struct lt_error *err);
bool lt_pg_server_is_away(struct lt_pg_server *server);
