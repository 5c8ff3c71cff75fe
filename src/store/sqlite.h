/*
 * SQLite: one connection, with all settings, and prepared statements kept by their text. Private to store/.
 */
#pragma once
#include "store/db.h"

/* synchronous: FULL, NORMAL, EXTRA or OFF. Makes the file (0600) when missing. */
enum lt_code lt_sqlite_open_writer(const char *path, const char *synchronous, struct lt_db **ret, struct lt_error *err);
enum lt_code lt_sqlite_open_reader(const char *path, struct lt_db **ret, struct lt_error *err);
