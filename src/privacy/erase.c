/*
 * Erasing what is kept of one user. Each unit says in the job's row how much it has erased. A call loses everything in one unit and only when it
 * has ended, so that it is erased wholly or not at all, whenever the process dies.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "core/calls.h"
#include "core/member.h"
#include "core/register_seal.h"
#include "core/vendor_deletion.h"
#include "privacy/private.h"

enum {
    CALLS_AT_ONCE = 25,
    ROWS_AT_ONCE = 200,        /* of one table in a unit */
    UNITS_MAX = 100000,        /* of one table: somebody adds rows as fast as they are erased */
    WAIT_MS = 60000,           /* for calls that were cancelled */
    LOOK_MS = 20,
    LONGEST_MS = 2 * 3600 * 1000, /* no call lasts so long */
};

/* ---- calls that run ---- */

static enum lt_code nap(struct lt_error *err)
{
    if (!lt_fiber_self())
        usleep(LOOK_MS * 1000);
    else if (lt_fiber_sleep(LOOK_MS) == LT_ECANCELLED)
        return lt_fail(err, LT_ECANCELLED, "while running calls were to end");
    return LT_OK;
}

static void cancel_tasks(struct lt_tx *tx, struct lt_arena *arena, const struct lt_privacy_words *words)
{
    static const char *const texts[] = {
        "UPDATE workflow_task SET state = 'cancelled', code = 'cancelled', cancel_asked = 1, completed_at = {now}"
        " WHERE site_id = {site} AND user_id = {user} AND state = 'queued'",
        "UPDATE workflow_task SET cancel_asked = 1 WHERE site_id = {site} AND user_id = {user} AND state = 'running'"};
    for (size_t i = 0; i < LT_COUNT(texts); i++) {
        struct lt_privacy_sql sql = lt_privacy_compile(arena, texts[i]);
        lt_privacy_tx(tx, &sql, words);
    }
}

/* Calls of the user that other processes run, or have left to be recovered. */
static enum lt_code open_elsewhere(struct lt_store *store, struct lt_arena *arena, const struct lt_privacy_words *words, struct lt_uuid before,
                                   struct lt_rows *ret, struct lt_error *err)
{
    struct lt_uuid from = lt_uuid_first_at(lt_now_ms() - LONGEST_MS);
    return LT_QUERY(store, arena, ret, err,
                    "SELECT b.id, b.process FROM ai_call b JOIN process p ON p.id = b.process LEFT JOIN ai_call_end e ON e.call_id = b.id"
                    " WHERE b.site_id = $1 AND b.user_id = $2 AND b.id >= $3 AND b.id < $4 AND p.id <> $5 AND e.call_id IS NULL",
                    LT_INT(words->site_id), LT_TEXT(words->user_id), LT_BLOB(from.b, 16), LT_BLOB(before.b, 16), LT_INT(lt_store_process(store)));
}

/* They are told once, and waited for; those of a process that is gone end when it is recovered. */
static enum lt_code end_elsewhere(struct lt_privacy *p, const struct lt_privacy_words *words, struct lt_uuid before, uint64_t until, struct lt_error *err)
{
    struct lt_store *store = p->options.store;
    enum lt_code rc = LT_OK;
    size_t left = lt_store_is_postgres(store);
    for (bool told = false; rc == LT_OK && left > 0; told = true) {
        struct lt_arena *arena = lt_arena_new();
        struct lt_rows r;
        rc = open_elsewhere(store, arena, words, before, &r, err);
        left = rc == LT_OK ? r.rows : 0;
        for (size_t i = 0; i < left && !told && !rc; i++) {
            struct lt_member_message m = {.ask = LT_MEMBER_CANCEL, .site_id = words->site_id};
            memcpy(m.call_id.b, lt_rows_str(&r, i, 0).p, sizeof(m.call_id.b));
            rc = lt_member_tell(store, lt_rows_int(&r, i, 1), &m, err);
        }
        lt_arena_free(arena);
        if (rc == LT_OK && left > 0 && lt_mono_ms() >= until)
            return lt_fail(err, LT_ETIMEOUT, "a call of the user at another process does not end");
        if (rc == LT_OK && left > 0)
            rc = nap(err);
        if (rc == LT_OK && left > 0)
            rc = lt_privacy_still(p, &p->erasing, err);
    }
    return rc;
}

/* What began before now has ended when this returns. */
static enum lt_code end_running(struct lt_privacy *p, const struct lt_privacy_words *words, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_tx *tx = lt_tx_new();
    int64_t began_before = lt_now_ms() + 1;
    uint64_t until = lt_mono_ms() + WAIT_MS;
    cancel_tasks(tx, arena, words);
    enum lt_code rc = lt_store_write(p->options.store, tx, err);
    lt_arena_free(arena);
    while (rc == LT_OK && p->options.manager && lt_calls_cancel_user(p->options.manager, words->site_id, words->user_id, began_before) > 0) {
        if (lt_mono_ms() >= until)
            return lt_fail(err, LT_ETIMEOUT, "a call of the user does not end");
        rc = nap(err);
    }
    return rc ? rc : end_elsewhere(p, words, lt_uuid_first_at(began_before), until, err);
}

/* ---- the register ---- */

enum { STATEMENTS_MAX = 128 };

/* Of every table of calls, compiled once. */
struct statements {
    struct lt_privacy_sql list[STATEMENTS_MAX];
    size_t n;
};

static enum lt_code add_statement(struct statements *s, struct lt_arena *arena, const char *text, struct lt_error *err)
{
    if (s->n == STATEMENTS_MAX)
        return lt_fail(err, LT_EINTERNAL, "more than %d tables hold what is of calls", STATEMENTS_MAX);
    s->list[s->n++] = lt_privacy_compile(arena, text);
    return LT_OK;
}

static enum lt_code add_table(struct statements *s, struct lt_arena *arena, const struct lt_privacy_table *t, struct lt_str name,
                              struct lt_error *err)
{
    if (t->before && add_statement(s, arena, t->before, err))
        return err->code;
    const char *text = t->set ? lt_printf(arena, "UPDATE \"%.*s\" SET %s WHERE %s", LT_FMT(name), t->set, t->mine).p
                              : lt_printf(arena, "DELETE FROM \"%.*s\" WHERE %s", LT_FMT(name), t->mine).p;
    return add_statement(s, arena, text, err);
}

static enum lt_code statements_of_calls(struct lt_store *store, struct lt_arena *arena, struct statements *ret, struct lt_error *err)
{
    ret->n = 0;
    for (size_t i = 0; i < lt_privacy_tables_n; i++) {
        const struct lt_privacy_table *t = &lt_privacy_tables[i];
        struct lt_str *names;
        size_t n;
        if (t->of != LT_OF_CALL)
            continue;
        if (lt_privacy_names(store, arena, t, &names, &n, err))
            return err->code;
        for (size_t k = 0; k < n; k++)
            if (add_table(ret, arena, t, names[k], err))
                return err->code;
    }
    return LT_OK;
}

#define COUNT_ROWS "UPDATE privacy_job SET calls = calls + $1, records = records + $2 WHERE id = $3"

/* All calls of the list in one unit. */
static enum lt_code erase_calls(struct lt_store *store, const struct statements *s, struct lt_privacy_words *words, const struct lt_str *ids,
                                size_t n, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    lt_sole_shut_out(store, LT_REGISTER_LEASE, tx); /* what is being sealed now is sealed before it is erased, or read again */
    words->now = lt_now_ms();
    for (size_t i = 0; i < n; i++) {
        words->call_id = ids[i];
        for (size_t k = 0; k < s->n; k++)
            lt_privacy_tx(tx, &s->list[k], words);
    }
    words->call_id = LT_STR_NULL;
    LT_TX(tx, COUNT_ROWS, LT_INT(n), LT_INT(0), LT_INT(words->job_id));
    return lt_store_write(store, tx, err);
}

static enum lt_code erase_register(struct lt_privacy *p, struct lt_arena *arena, struct lt_privacy_words *words, struct lt_error *err)
{
    struct statements *s = LT_NEW(arena, struct statements);
    struct lt_store *store = p->options.store;
    struct lt_uuid after = {{0}};
    bool end = false;
    enum lt_code rc = statements_of_calls(store, arena, s, err);
    while (rc == LT_OK && !end && !(rc = lt_privacy_still(p, &p->erasing, err))) {
        struct lt_arena *of_portion = lt_arena_new();
        struct lt_str *ids;
        size_t n;
        rc = lt_privacy_calls(store, of_portion, words, true, &after, &ids, &n, &end, err);
        for (size_t i = 0; rc == LT_OK && i < n; i += CALLS_AT_ONCE)
            rc = erase_calls(store, s, words, ids + i, n - i < CALLS_AT_ONCE ? n - i : CALLS_AT_ONCE, err);
        lt_arena_free(of_portion);
    }
    return rc;
}

/* ---- rows of the user's own ---- */

static enum lt_code any_left(struct lt_store *store, const struct lt_privacy_sql *sql, const struct lt_privacy_words *words, int64_t *ret,
                             struct lt_error *err)
{
    struct lt_value values[LT_PRIVACY_VALUES_MAX];
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    lt_privacy_values(sql, words, values);
    enum lt_code rc = lt_store_query(store, arena, sql->text, values, sql->n, 0, &r, err);
    *ret = rc == LT_OK ? lt_rows_int(&r, 0, 0) : 0;
    lt_arena_free(arena);
    return rc;
}

/* A statement that goes before must see the same rows as the one behind it: then all go in one unit. */
static enum lt_code erase_table(struct lt_privacy *p, struct lt_arena *arena, const struct lt_privacy_table *t, struct lt_privacy_words *words,
                                struct lt_error *err)
{
    struct lt_store *store = p->options.store;
    const char *some = t->before ? "" : lt_printf(arena, " LIMIT %d", ROWS_AT_ONCE).p;
    const char *rows = lt_printf(arena, "(%s) IN (SELECT %s FROM %s WHERE %s%s)", t->key, t->key, t->table, t->mine, some).p;
    const char *text = t->set ? lt_printf(arena, "UPDATE %s SET %s WHERE %s", t->table, t->set, rows).p
                              : lt_printf(arena, "DELETE FROM %s WHERE %s", t->table, rows).p;
    struct lt_privacy_sql change = lt_privacy_compile(arena, text), before = lt_privacy_compile(arena, t->before ? t->before : "");
    const char *count = lt_printf(arena, "SELECT COUNT(*) FROM (SELECT 1 FROM %s WHERE %s%s) AS found", t->table, t->mine, some).p;
    struct lt_privacy_sql look = lt_privacy_compile(arena, count);
    for (int units = 0; units < UNITS_MAX; units++) {
        int64_t n;
        if (lt_privacy_still(p, &p->erasing, err) || any_left(store, &look, words, &n, err))
            return err->code;
        if (n == 0)
            return LT_OK;
        struct lt_tx *tx = lt_tx_new();
        if (t->before)
            lt_privacy_tx(tx, &before, words);
        lt_privacy_tx(tx, &change, words);
        LT_TX(tx, COUNT_ROWS, LT_INT(0), LT_INT(n), LT_INT(words->job_id));
        if (lt_store_write(store, tx, err))
            return err->code;
    }
    return lt_fail(err, LT_ECONFLICT, "rows of %s come faster than they are erased", t->table);
}

static enum lt_code erase_tables(struct lt_privacy *p, struct lt_arena *arena, struct lt_privacy_words *words, struct lt_error *err)
{
    for (size_t i = 0; i < lt_privacy_tables_n; i++) {
        const struct lt_privacy_table *t = &lt_privacy_tables[i];
        struct lt_str *names;
        size_t n;
        if (t->of != LT_OF_USER)
            continue;
        if (lt_privacy_names(p->options.store, arena, t, &names, &n, err) || (n > 0 && erase_table(p, arena, t, words, err)))
            return lt_error_wrap(err, "%s", t->table);
    }
    return LT_OK;
}

/* ---- all of it ---- */

enum lt_code lt_privacy_erase_rows(struct lt_privacy *p, struct lt_privacy_words *words, struct lt_error *err)
{
    struct lt_store *store = p->options.store;
    if (end_running(p, words, err))
        return err->code;
    words->cut = words->now = lt_now_ms();
    struct lt_tx *tx = lt_tx_new();
    lt_vendor_forget_user(tx, words->job_id, words->site_id, words->user_id);
    struct lt_arena *arena = lt_arena_new();
    enum lt_code rc = lt_store_write(store, tx, err);
    if (rc == LT_OK)
        rc = erase_register(p, arena, words, err);
    if (rc == LT_OK)
        rc = erase_tables(p, arena, words, err);
    lt_arena_free(arena);
    return rc;
}
