/*
 * PostgreSQL: one connection, in libpq's pipeline mode: what a batch writes goes out together and is answered together. Private to store/.
 *
 * url: as libpq takes it ("postgresql://…"), and in its query `prepare=no` for poolers that do not know prepared statements.
 */
#pragma once
#include "store/db.h"

bool lt_postgres_is_url(const char *url);
/* Blocking. LT_ECONFIG: the address cannot be read; LT_ESTORE: nobody answers. */
enum lt_code lt_postgres_open_writer(const char *url, struct lt_db **ret, struct lt_error *err);
enum lt_code lt_postgres_open_reader(const char *url, struct lt_db **ret, struct lt_error *err);
