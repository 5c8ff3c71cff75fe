/* Tables, columns, keys and numbers, from SQLite's pragmas (sqlite.org/pragma.html) and from PostgreSQL's system catalogs (its manual, chapter 53). */
#include "store/catalog.h"

#define OURS "c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition"

struct dialect {
    const char *columns;    /* table, column, type, place in the key; by table and column */
    const char *references; /* table, the other one that it refers to */
    const char *serials;    /* table, last number */
};
static const struct dialect dialects[] = {
    {
        "SELECT t.name, c.name, c.type, c.pk FROM pragma_table_list t, pragma_table_xinfo(t.name) c WHERE t.schema = 'main' AND t.type = 'table'"
        " AND substr(t.name, 1, 7) <> 'sqlite_' AND c.hidden = 0 ORDER BY t.name, c.name",
        "SELECT t.name, f.\"table\" FROM pragma_table_list t, pragma_foreign_key_list(t.name) f WHERE t.schema = 'main' AND t.type = 'table'",
        "SELECT t.name, COALESCE(q.seq, 0) FROM sqlite_master t LEFT JOIN sqlite_sequence q ON q.name = t.name WHERE t.type = 'table' AND"
        " t.sql LIKE '%AUTOINCREMENT%'",
    },
    {
        "SELECT c.relname, a.attname, format_type(a.atttypid, NULL), COALESCE(array_position(i.indkey::int2[], a.attnum) + 1, 0) FROM pg_class c"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''"
        " LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary WHERE " OURS
        " ORDER BY c.relname COLLATE \"C\", a.attname COLLATE \"C\"",
        "SELECT c.relname, o.relname FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class o ON o.oid = k.confrelid"
        " WHERE k.contype = 'f' AND " OURS,
        "SELECT c.relname, COALESCE(pg_sequence_last_value(d.objid), 0) FROM pg_depend d JOIN pg_class c ON c.oid = d.refobjid"
        " JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' WHERE d.deptype = 'i' AND d.classid = 'pg_class'::regclass AND " OURS,
    },
};

static bool is_skipped(struct lt_str table)
{
    return lt_str_is(table, "store_writer") || lt_str_is(table, "schema_migration");
}

/* By SQLite's rules of affinity, which PostgreSQL's names of types happen to fit (sqlite.org/datatype3.html §3.1). */
static enum lt_code kind_of(struct lt_str type, enum lt_column_kind *ret, struct lt_error *err)
{
    static const struct {
        const char *name;
        enum lt_column_kind kind;
    } known[] = {{"INTEGER", LT_COLUMN_INT}, {"BIGINT", LT_COLUMN_INT}, {"bigint", LT_COLUMN_INT}, {"DOUBLE PRECISION", LT_COLUMN_DOUBLE},
                 {"double precision", LT_COLUMN_DOUBLE}, {"TEXT", LT_COLUMN_TEXT}, {"text", LT_COLUMN_TEXT}, {"BLOB", LT_COLUMN_BLOB},
                 {"bytea", LT_COLUMN_BLOB}};
    for (size_t i = 0; i < LT_COUNT(known); i++)
        if (lt_str_is(type, known[i].name)) {
            *ret = known[i].kind;
            return LT_OK;
        }
    return lt_fail(err, LT_EINTERNAL, "a column of type '%.*s' cannot be moved", LT_FMT(type));
}

static enum lt_code read_tables(struct lt_db *db, const struct dialect *dialect, struct lt_arena *arena, struct lt_catalog *ret, struct lt_error *err)
{
    struct lt_rows r;
    struct lt_catalog_table *table = NULL;
    enum lt_code rc = lt_db_query(db, arena, dialect->columns, NULL, 0, 0, &r, err);
    if (rc)
        return rc;
    *ret = (struct lt_catalog){.tables = LT_NEW_ARRAY(arena, struct lt_catalog_table, r.rows + 1)};
    struct lt_catalog_column *columns = LT_NEW_ARRAY(arena, struct lt_catalog_column, r.rows + 1);
    for (size_t i = 0; i < r.rows; i++) {
        struct lt_str name = lt_rows_str(&r, i, 0), column = lt_rows_str(&r, i, 1);
        if (is_skipped(name) || lt_str_starts(name, LT_STR("course_fulltext")))
            continue;
        if (!table || !lt_str_is(name, table->name)) {
            table = &ret->tables[ret->n++];
            *table = (struct lt_catalog_table){.name = lt_strz(arena, name), .columns = &columns[i], .serial = -1};
        }
        struct lt_catalog_column *c = &table->columns[table->columns_n++];
        *c = (struct lt_catalog_column){.name = column, .key = lt_rows_int(&r, i, 3)};
        if (kind_of(lt_rows_str(&r, i, 2), &c->kind, err))
            return lt_error_wrap(err, "%s.%.*s", table->name, LT_FMT(column));
    }
    return LT_OK;
}

struct lt_catalog_table *lt_catalog_find(const struct lt_catalog *catalog, const char *name)
{
    for (size_t i = 0; i < catalog->n; i++)
        if (strcmp(catalog->tables[i].name, name) == 0)
            return &catalog->tables[i];
    return NULL;
}

/* Are all that the table refers to placed already? */
static bool is_free(const struct lt_catalog *catalog, const struct lt_rows *references, const struct lt_catalog_table *table)
{
    for (size_t i = 0; i < references->rows; i++) {
        struct lt_str other = lt_rows_str(references, i, 1);
        if (!lt_str_is(lt_rows_str(references, i, 0), table->name) || lt_str_is(other, table->name))
            continue;
        for (size_t t = 0; t < catalog->n; t++)
            if (lt_str_is(other, catalog->tables[t].name) && !catalog->tables[t].placed)
                return false;
    }
    return true;
}

static enum lt_code put_in_order(struct lt_db *db, const struct dialect *dialect, struct lt_arena *arena, struct lt_catalog *catalog,
                                 struct lt_error *err)
{
    struct lt_rows r;
    size_t n = 0;
    struct lt_catalog_table *ordered = LT_NEW_ARRAY(arena, struct lt_catalog_table, catalog->n + 1);
    enum lt_code rc = lt_db_query(db, arena, dialect->references, NULL, 0, 0, &r, err);
    if (rc)
        return rc;
    for (bool any = true; any;) {
        any = false;
        for (size_t i = 0; i < catalog->n; i++) {
            if (catalog->tables[i].placed || !is_free(catalog, &r, &catalog->tables[i]))
                continue;
            catalog->tables[i].placed = any = true;
            ordered[n++] = catalog->tables[i];
        }
    }
    if (n < catalog->n)
        return lt_fail(err, LT_EINTERNAL, "tables refer to each other in a circle");
    catalog->tables = ordered;
    return LT_OK;
}

static enum lt_code read_serials(struct lt_db *db, const struct dialect *dialect, struct lt_arena *arena, struct lt_catalog *catalog, struct lt_error *err)
{
    struct lt_rows r;
    enum lt_code rc = lt_db_query(db, arena, dialect->serials, NULL, 0, 0, &r, err);
    for (size_t i = 0; !rc && i < r.rows; i++) {
        struct lt_catalog_table *table = lt_catalog_find(catalog, lt_strz(arena, lt_rows_str(&r, i, 0)));
        if (table)
            table->serial = lt_rows_int(&r, i, 1);
    }
    return rc;
}

enum lt_code lt_catalog_read(struct lt_db *db, bool postgres, struct lt_arena *arena, struct lt_catalog *ret, struct lt_error *err)
{
    const struct dialect *dialect = &dialects[postgres];
    if (read_tables(db, dialect, arena, ret, err) || (ret->n > 0 && (put_in_order(db, dialect, arena, ret, err) || read_serials(db, dialect, arena, ret, err))))
        return lt_error_wrap(err, "tables of the database");
    return LT_OK;
}

enum lt_code lt_catalog_set_serial(struct lt_db *db, bool postgres, const char *table, int64_t last, struct lt_error *err)
{
    const struct lt_value values[] = {LT_TEXTZ(table), LT_INT(last)};
    if (postgres)
        return lt_db_run(db, "SELECT setval(pg_get_serial_sequence($1, 'id'), $2)", values, 2, err);
    enum lt_code rc = lt_db_run(db, "DELETE FROM sqlite_sequence WHERE name = $1", values, 1, err);
    return rc ? rc : lt_db_run(db, "INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)", values, 2, err);
}
