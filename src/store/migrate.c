/* Migrations: numbered SQL files, applied in order, each at most once, however many processes start together. */
#include "store/migrate.h"

#include "base/clock.h"
#include "base/log.h"

/* The newest number applied; 0 for a new database. */
static enum lt_code newest(struct lt_db *db, int *ret, struct lt_error *err)
{
    int64_t number = 0;
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows rows;
    enum lt_code code = lt_db_query(db, arena, db->ops->tables, (const struct lt_value[]){LT_TEXTZ("schema_migration")}, 1, 1, &rows, err);
    if (code == LT_OK && rows.rows > 0)
        code = lt_db_int(db, "SELECT coalesce(max(number), 0) FROM schema_migration", NULL, 0, &number, err);
    lt_arena_free(arena);
    *ret = (int)number;
    return code;
}

/* A newer schema only has more, unless a migration that took something away has said from which program's schema on it can be served. */
static enum lt_code refuse_newer(struct lt_db *db, int found, struct lt_error *err)
{
    int64_t from = 0;
    if (found <= lt_migrations_n)
        return LT_OK;
    if (found == LT_MIGRATE_MOVING)
        return lt_fail(err, LT_ECONFIG, "this database is half moved: `lectern migrate --from … --to …` has not ended; run it once more with --again");
    if (lt_db_int(db, "SELECT coalesce(max(value), 0) FROM meta WHERE name = 'compatible_from'", NULL, 0, &from, err))
        return err->code;
    if (from > lt_migrations_n)
        return lt_fail(err, LT_ECONFIG, "database schema %d is newer than this program (%d): it needs a program of schema %lld or newer", found, lt_migrations_n,
                       (long long)from);
    return LT_OK;
}

/* Within the transaction: another process may have been faster, so the number is looked up again. */
static enum lt_code apply_next(struct lt_db *db, bool *ret_done, struct lt_error *err)
{
    int found;
    enum lt_code code = lt_db_exec(db, "CREATE TABLE IF NOT EXISTS schema_migration (number BIGINT PRIMARY KEY, "
                                       "name TEXT NOT NULL, applied_at BIGINT NOT NULL)", err);
    if (code == LT_OK)
        code = newest(db, &found, err);
    if (code == LT_OK)
        code = refuse_newer(db, found, err);
    if (code != LT_OK)
        return code;
    *ret_done = found >= lt_migrations_n;
    if (*ret_done)
        return LT_OK;
    const struct lt_migration *m = &lt_migrations[found];
    code = lt_db_exec(db, m->sql, err);
    if (code == LT_OK) {
        const struct lt_value row[] = {LT_INT(m->number), LT_TEXTZ(m->name), LT_INT(lt_now_ms())};
        const char *sql = "INSERT INTO schema_migration (number, name, applied_at) VALUES ($1, $2, $3)";
        code = lt_db_run(db, sql, row, LT_COUNT(row), err);
    }
    if (code != LT_OK)
        return lt_error_wrap(err, "migration %d (%s)", m->number, m->name);
    lt_log(LT_LOG_INFO, "store.migrated", LT_I("number", m->number), LT_S("name", m->name));
    return LT_OK;
}

enum lt_code lt_migrate(struct lt_db *db, int *ret, struct lt_error *err)
{
    /* Without a transaction first: a database that is up to date is opened without taking the write lock. */
    enum lt_code code = newest(db, ret, err);
    if (code == LT_OK)
        code = refuse_newer(db, *ret, err);
    db->slow = true;
    while (code == LT_OK && *ret < lt_migrations_n) {
        bool done = false;
        if ((code = lt_db_begin(db, err)) != LT_OK)
            break;
        code = apply_next(db, &done, err);
        if (code == LT_OK)
            code = lt_db_commit(db, err);
        if (code != LT_OK) {
            lt_db_rollback(db);
            break;
        }
        code = newest(db, ret, err);
    }
    db->slow = false;
    return code;
}

enum lt_code lt_migrate_check(struct lt_db *db, int *ret, struct lt_error *err)
{
    enum lt_code code = newest(db, ret, err);
    if (code == LT_OK)
        code = refuse_newer(db, *ret, err);
    if (code == LT_OK && *ret < lt_migrations_n)
        return lt_fail(err, LT_ECONFIG, "database schema %d is older than this program (%d): run `lectern migrate`", *ret,
                       lt_migrations_n);
    return code;
}
