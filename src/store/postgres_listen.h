/* A thread that hears, over a connection of its own, that another process has changed something: NOTIFY lectern. Private to store/. */
#pragma once
#include "store/postgres_server.h"

struct lt_pg_listener;

/*
 * fn(ctx) is called on the thread, whenever something may have changed: at a notice, and when the connection is made, for what was said
 * before. `main` is the server of the store, `direct` the one to listen at (the same, or its address without a pooler); both outlive the
 * listener. LT_EINTERNAL: no thread.
 */
enum lt_code lt_pg_listener_start(struct lt_pg_server *main, struct lt_pg_server *direct, void (*fn)(void *ctx), void *ctx, struct lt_pg_listener **ret,
                                  struct lt_error *err);
/* After this fn is not called any more. Takes as long as a try to connect at most. NULL is allowed. */
void lt_pg_listener_stop(struct lt_pg_listener *l);
