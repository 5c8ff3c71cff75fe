/*
 * PostgreSQL: one connection, in libpq's pipeline mode: what a batch writes goes out together and is answered together. Private to store/.
 */
#pragma once
#include "store/db.h"
#include "store/postgres_server.h"

/* Blocking. The server must outlive the connection. LT_ECONFIG: it refuses us, or is not one that we can use; LT_ESTORE: nobody answers within wait_ms. */
enum lt_code lt_postgres_open_writer(struct lt_pg_server *server, uint64_t wait_ms, struct lt_db **ret, struct lt_error *err);
enum lt_code lt_postgres_open_reader(struct lt_pg_server *server, uint64_t wait_ms, struct lt_db **ret, struct lt_error *err);
/* One that connects when it is first used. */
struct lt_db *lt_postgres_new_reader(struct lt_pg_server *server);
