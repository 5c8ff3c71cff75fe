/* What tables a database has, as far as moving them needs it. Private to store/. */
#pragma once
#include "store/db.h"

enum lt_column_kind { LT_COLUMN_INT, LT_COLUMN_DOUBLE, LT_COLUMN_TEXT, LT_COLUMN_BLOB };

struct lt_catalog_column {
    struct lt_str name;
    enum lt_column_kind kind;
    int64_t key; /* place in the primary key, from 1; 0: not in it */
};

struct lt_catalog_table {
    const char *name;
    struct lt_catalog_column *columns; /* by name; without those that the database computes */
    size_t columns_n;
    int64_t serial; /* the last number that {serial} has given; -1: it has none */
    bool placed;    /* private */
};

struct lt_catalog {
    struct lt_catalog_table *tables; /* each behind those that it refers to */
    size_t n;
};

/* Without tables that are a connection's or the schema's own (store_writer, schema_migration), and without what full text search makes itself. */
enum lt_code lt_catalog_read(struct lt_db *db, bool postgres, struct lt_arena *arena, struct lt_catalog *ret, struct lt_error *err);
struct lt_catalog_table *lt_catalog_find(const struct lt_catalog *catalog, const char *name);
/* The next number of a {serial} is behind `last` (> 0). */
enum lt_code lt_catalog_set_serial(struct lt_db *db, bool postgres, const char *table, int64_t last, struct lt_error *err);
