/* Bringing a database to the schema of this program. Private to store/. */
#pragma once
#include "store/db.h"

struct lt_migration {
    int number;
    const char *name;
    const char *sql; /* with the words of db.h in braces */
};
/* Embedded by script/embed-sql; numbers run from 1 to lt_migrations_n. */
extern const struct lt_migration lt_migrations[];
extern const int lt_migrations_n;

/* As a number of schema_migration: a move into this database has not ended (move.h). Every program refuses it. */
enum { LT_MIGRATE_MOVING = 1000000 };

/*
 * Applies what is missing, each migration in a transaction. *ret = the newest number, which may be above lt_migrations_n. LT_ECONFIG when the database is
 * newer and its row compatible_from of the table meta says that this program cannot serve it.
 */
enum lt_code lt_migrate(struct lt_db *db, int *ret, struct lt_error *err);
/* Changes nothing: LT_ECONFIG when the database is older, or newer as above. */
enum lt_code lt_migrate_check(struct lt_db *db, int *ret, struct lt_error *err);
