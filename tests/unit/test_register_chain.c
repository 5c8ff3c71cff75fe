/*
 * The chain of the register against a real store: random steps of calls, sealing, erasing, ageing, removing, crashing, tampering and
 * verifying. What nobody has touched verifies, every tampering is found. The seed is printed; LECTERN_SEED repeats a run, LECTERN_STEPS says how many
 * steps: 120000 take some minutes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/secret.h"
#include "core/register_retain.h"
#include "core/register_seal.h"
#include "core/register_verify.h"

enum { STEPS = 24000, CALLS_MAX = 64, SITES = 3, DAY = 24 * 3600 * 1000 };

/* ---- the rig ---- */

struct call {
    struct lt_uuid id;
    int64_t site;
    bool ended, tools, erased, gone;
};

struct rig {
    char dir[64], head[128];
    struct lt_store *store;
    struct lt_register_sealer *sealer;
    struct lt_error err;
    uint64_t random;
    int64_t now;
    struct call calls[CALLS_MAX]; /* the newest, in a ring */
    size_t calls_n;
    struct lt_tx *tx; /* what was recorded since the last look at the database, or NULL */
    struct lt_buf said; /* findings of the last look */
    size_t counts[16];
};

static uint64_t next_random(struct rig *r)
{
    r->random ^= r->random << 13;
    r->random ^= r->random >> 7;
    r->random ^= r->random << 17;
    return r->random;
}

static size_t below(struct rig *r, size_t n)
{
    return (size_t)(next_random(r) % n);
}

static void ok(struct rig *r, enum lt_code rc)
{
    if (rc)
        fail_msg("%s: %s", lt_code_name(rc), r->err.detail);
}

/* Records of some steps go into one transaction, so that the walk does not wait for each. */
static struct lt_tx *unit(struct rig *r)
{
    if (!r->tx)
        r->tx = lt_tx_new();
    return r->tx;
}

static void flush(struct rig *r)
{
    struct lt_tx *tx = r->tx;
    r->tx = NULL;
    if (tx)
        ok(r, lt_store_write(r->store, tx, &r->err));
}

static void run_sql(struct rig *r, const char *sql, int64_t value)
{
    flush(r);
    struct lt_tx *tx = lt_tx_new();
    bool one = strchr(sql, '$') != NULL;
    lt_tx_add(tx, sql, (const struct lt_value[]){LT_INT(value)}, one);
    ok(r, lt_store_write(r->store, tx, &r->err));
}

static int64_t number(struct rig *r, const char *sql)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows rows;
    flush(r);
    ok(r, lt_store_query(r->store, arena, sql, NULL, 0, 1, &rows, &r->err));
    int64_t n = rows.rows > 0 ? lt_rows_int(&rows, 0, 0) : 0;
    lt_arena_free(arena);
    return n;
}

static struct rig *rig_new(uint64_t seed)
{
    struct rig *r = calloc(1, sizeof(*r));
    char path[160];
    snprintf(r->dir, sizeof(r->dir), "%s/lectern-chain-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"); /* where syncing costs nothing */
    assert_non_null(mkdtemp(r->dir));
    snprintf(r->head, sizeof(r->head), "%s/register.head", r->dir);
    snprintf(path, sizeof(path), "%s/master.key", r->dir);
    ok(r, lt_keyring_make(path, &r->err));
    ok(r, lt_store_open(&(struct lt_store_options){.data_dir = r->dir, .synchronous = "OFF"}, &r->store, &r->err));
    ok(r, lt_store_create(r->store, "CREATE TABLE ai_action_say (call_id BLOB PRIMARY KEY, prompt TEXT NOT NULL DEFAULT '', answer TEXT NOT NULL"
              " DEFAULT '')",
                          &r->err));
    for (int i = 1; i <= SITES; i++) {
        static const char *const settings[] = {"", "{\"register_keep_days\":6}",
                                               "{\"register_keep_days\":5,\"content_keep_days\":2,\"time_zone\":\"Pacific/Auckland\"}",
                                               "{\"content_keep_days\":2,\"register_keep_days\":4}"};
        struct lt_tx *tx = lt_tx_new();
        LT_TX(tx, "INSERT INTO site (id, slug, name, secret, settings, created_at) VALUES ($1, $2, 's', x'00', $3, 1)", LT_INT(i),
              LT_TEXTZ(i == 1 ? "a" : i == 2 ? "b" : "c"), LT_TEXTZ(settings[i]));
        ok(r, lt_store_write(r->store, tx, &r->err));
    }
    r->random = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    r->now = INT64_C(1800000000000);
    lt_buf_init(&r->said, 1 << 20);
    r->sealer = lt_register_sealer_new(r->store, r->head);
    return r;
}

static void rig_free(struct rig *r)
{
    static const char *const names[] = {"lectern.db", "lectern.db-wal", "lectern.db-shm", "master.key", "register.head"};
    lt_register_sealer_free(r->sealer);
    lt_store_close(r->store);
    lt_buf_free(&r->said);
    for (size_t i = 0; i < LT_COUNT(names); i++) {
        char path[160];
        snprintf(path, sizeof(path), "%s/%s", r->dir, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(r->dir), 0);
    free(r);
}

/* ---- the steps of a register ---- */

static struct lt_uuid new_id(struct rig *r)
{
    struct lt_uuid id;
    lt_random(id.b, 16);
    for (int i = 0; i < 6; i++)
        id.b[i] = (uint8_t)(r->now >> (40 - 8 * i));
    return id;
}

static void pend(struct lt_tx *tx, struct lt_uuid id, int kind)
{
    LT_TX(tx, "INSERT INTO register_pending (call_id, kind) VALUES ($1, $2)", LT_BLOB(id.b, 16), LT_INT(kind));
}

static void begin(struct rig *r)
{
    struct call *c = &r->calls[r->calls_n++ % CALLS_MAX];
    struct lt_tx *tx = unit(r);
    *c = (struct call){.id = new_id(r), .site = 1 + (int64_t)below(r, SITES)};
    LT_TX(tx, "INSERT INTO ai_call (id, site_id, user_id, action, course_id, location_id, placement, created_at) VALUES ($1, $2, $3, 'say', 'c',"
              " 'l', 'p', $4)",
          LT_BLOB(c->id.b, 16), LT_INT(c->site), LT_TEXTZ("u"), LT_INT(r->now));
    pend(tx, c->id, LT_REGISTER_BEGIN);
}

static struct call *some_call(struct rig *r)
{
    size_t n = r->calls_n < CALLS_MAX ? r->calls_n : CALLS_MAX;
    return n > 0 ? &r->calls[below(r, n)] : NULL;
}

static void end(struct rig *r)
{
    struct call *c = some_call(r);
    if (!c || c->ended || c->gone)
        return;
    struct lt_tx *tx = unit(r);
    bool failed = below(r, 4) == 0;
    for (int n = 1; n <= (failed ? 2 : 1); n++)
        LT_TX(tx, "INSERT INTO ai_call_attempt (call_id, n, instance_id, instance, plugin, model, success, code, vendor_status, detail,"
                  " prompt_tokens, duration_ms)"
                  " VALUES ($1, $2, 7, 'i', 'p', 'm', $3, '', 200, $4, 3, 5)",
              LT_BLOB(c->id.b, 16), LT_INT(n), LT_INT(!failed), LT_TEXTZ(failed ? "said no" : ""));
    if (failed && below(r, 2))
        LT_TX(tx, "INSERT INTO ai_call_checkpoint (call_id, n, text, created_at) VALUES ($1, 1, 'piece', 1)", LT_BLOB(c->id.b, 16));
    LT_TX(tx, "INSERT INTO ai_action_say (call_id, prompt, answer) VALUES ($1, 'why?', $2)", LT_BLOB(c->id.b, 16), LT_TEXTZ(failed ? "" : "so."));
    LT_TX(tx, "INSERT INTO ai_call_end (call_id, state, code, detail, partial, completed_at, total_tokens) VALUES ($1, $2, '', $3, '', $4, 9)",
          LT_BLOB(c->id.b, 16), LT_TEXTZ(failed ? "failed" : "completed"), LT_TEXTZ(failed ? "it said no" : ""), LT_INT(r->now));
    pend(tx, c->id, LT_REGISTER_END);
    c->ended = true;
}

static void use_tools(struct rig *r)
{
    struct call *c = some_call(r);
    if (!c || !c->ended || c->tools || c->gone)
        return;
    struct lt_tx *tx = unit(r);
    LT_TX(tx, "INSERT INTO tool_call (call_id, position, name, arguments, state, code, duration_ms, result_bytes) VALUES ($1, 1, 't', '{}',"
              " 'done', '', 1, 2)",
          LT_BLOB(c->id.b, 16));
    pend(tx, c->id, LT_REGISTER_TOOLS);
    c->tools = true;
}

/* As privacy erases: texts, user and salts in one transaction that tells the chain. */
static void erase(struct rig *r)
{
    static const char *const statements[] = {
        "UPDATE ai_call SET user_id = 'erased-1234' WHERE id = $1",
        "UPDATE ai_call_end SET detail = '', partial = '' WHERE call_id = $1",
        "UPDATE ai_call_attempt SET detail = '' WHERE call_id = $1",
        "DELETE FROM ai_call_checkpoint WHERE call_id = $1",
        "UPDATE ai_action_say SET prompt = '', answer = '' WHERE call_id = $1",
        "UPDATE tool_call SET arguments = '' WHERE call_id = $1",
        "UPDATE register_seal SET salt = NULL WHERE call_id = $1",
        "INSERT INTO register_erasure (site_id, call_id, erased_at) SELECT site_id, id, 5 FROM ai_call WHERE id = $1",
    };
    struct call *c = some_call(r);
    if (!c || c->erased || c->gone) /* once: afterwards nobody knows whose it was */
        return;
    c->erased = true;
    struct lt_tx *tx = unit(r);
    for (size_t i = 0; i < LT_COUNT(statements); i++)
        LT_TX(tx, statements[i], LT_BLOB(c->id.b, 16));
}

static void seal(struct rig *r)
{
    size_t n;
    flush(r);
    ok(r, lt_register_seal(r->sealer, UINT64_MAX, &n, &r->err));
}

static bool is_there(struct rig *r, const struct call *c)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows rows;
    ok(r, LT_QUERY(r->store, arena, &rows, &r->err, "SELECT 1 FROM ai_call WHERE id = $1", LT_BLOB(c->id.b, 16)));
    bool there = rows.rows > 0;
    lt_arena_free(arena);
    return there;
}

static void retain(struct rig *r)
{
    flush(r);
    struct lt_register_retained done;
    ok(r, lt_register_retain(r->store, -1, r->now, LT_NEVER, &done, &r->err));
    for (size_t i = 0; i < CALLS_MAX && i < r->calls_n; i++)
        r->calls[i].gone = !is_there(r, &r->calls[i]);
}

static char *read_head(struct rig *r)
{
    char *text = NULL;
    size_t n;
    FILE *f = fopen(r->head, "r");
    if (!f)
        return NULL;
    if (getdelim(&text, &n, '\0', f) < 0)
        abort();
    fclose(f);
    return text;
}

static void write_head(struct rig *r, const char *text)
{
    if (!text)
        unlink(r->head);
    else
        ok(r, lt_file_put(r->head, lt_str(text), false, &r->err));
}

/* The process ends; half of the time after the entries were committed and before the file was written. */
static void crash(struct rig *r)
{
    char *before = read_head(r);
    flush(r);
    if (before && below(r, 2)) {
        seal(r);
        write_head(r, before);
    }
    free(before);
    lt_register_sealer_free(r->sealer);
    r->sealer = lt_register_sealer_new(r->store, r->head);
}

/* ---- looking ---- */

static void on_finding(void *ctx, const struct lt_register_finding *f)
{
    struct rig *r = ctx;
    lt_buf_printf(&r->said, "%s at %lld %s: %s\n", f->what, (long long)f->seq, f->call_id, f->detail);
}

static int64_t look(struct rig *r)
{
    struct lt_register_verdict verdict;
    lt_buf_reset(&r->said);
    flush(r);
    ok(r, lt_register_verify(&(struct lt_register_check){.store = r->store, .head_file = r->head, .site_id = -1, .found = on_finding, .ctx = r},
                             &verdict,
                             &r->err));
    return verdict.findings;
}

static void whole(struct rig *r, const char *when)
{
    if (look(r) > 0)
        fail_msg("a false alarm %s:\n%.*s", when, LT_FMT(lt_buf_str(&r->said)));
}

/* ---- tampering ---- */

static const char *const tables[] = {"ai_call", "ai_call_end", "ai_call_attempt", "ai_call_checkpoint", "ai_action_say", "tool_call", "register_seal",
                                     "register_head", "register_anchor", "register_erasure", "register_pending"};
#define ONE(table, key) "(SELECT " key " FROM " table " ORDER BY " key " LIMIT 1 OFFSET $1)"
#define SEAL "register_seal WHERE (site_id, seq) = (SELECT site_id, seq FROM register_seal ORDER BY site_id, seq LIMIT 1 OFFSET $1)"
#define SET_SEAL(to) "UPDATE register_seal SET " to " WHERE (site_id, seq) = (SELECT site_id, seq FROM register_seal ORDER BY site_id, seq" \
                     " LIMIT 1 OFFSET $1)"
#define LAST "(SELECT site_id FROM register_head ORDER BY site_id LIMIT 1 OFFSET $1)"
static const struct {
    const char *table; /* whose rows there must be */
    const char *sql;   /* $1: which */
} tampers[] = {
    {"ai_call", "UPDATE ai_call SET course_id = course_id || 'x' WHERE id = " ONE("ai_call", "id")},
    {"ai_call", "UPDATE ai_call SET user_id = 'another' WHERE id = " ONE("ai_call", "id")},
    {"ai_call", "UPDATE ai_call SET created_at = created_at + 1 WHERE id = " ONE("ai_call", "id")},
    {"ai_call", "UPDATE ai_call SET site_id = site_id % 3 + 1 WHERE id = " ONE("ai_call", "id")},
    {"ai_call", "UPDATE ai_call SET content_stored = 0 WHERE id = " ONE("ai_call", "id")},
    {"ai_call", "DELETE FROM ai_call WHERE id = " ONE("ai_call", "id")},
    {"ai_call", "INSERT INTO ai_call (id, site_id, user_id, action, course_id, location_id, placement, content_stored, created_at) SELECT randomblob(16), site_id, user_id, action, course_id, location_id, placement, content_stored, created_at"
                " FROM ai_call WHERE id = " ONE("ai_call", "id")},
    {"ai_call_end", "UPDATE ai_call_end SET state = 'refused' WHERE call_id = " ONE("ai_call_end", "call_id")},
    {"ai_call_end", "UPDATE ai_call_end SET total_tokens = NULL WHERE call_id = " ONE("ai_call_end", "call_id")},
    {"ai_call_end", "UPDATE ai_call_end SET cost = 0 WHERE call_id = " ONE("ai_call_end", "call_id")},
    {"ai_call_end", "UPDATE ai_call_end SET detail = detail || '.' WHERE call_id = " ONE("ai_call_end", "call_id")},
    {"ai_call_end", "UPDATE ai_call_end SET partial = 'x' WHERE call_id = " ONE("ai_call_end", "call_id")},
    {"ai_call_end", "DELETE FROM ai_call_end WHERE call_id = " ONE("ai_call_end", "call_id")},
    {"ai_call_attempt", "UPDATE ai_call_attempt SET model = 'other' WHERE call_id = " ONE("ai_call_attempt", "call_id")},
    {"ai_call_attempt", "UPDATE ai_call_attempt SET detail = detail || 'x' WHERE call_id = " ONE("ai_call_attempt", "call_id")},
    {"ai_call_attempt", "DELETE FROM ai_call_attempt WHERE call_id = " ONE("ai_call_attempt", "call_id") " AND n = 1"},
    {"ai_call_attempt", "INSERT INTO ai_call_attempt SELECT call_id, 9, instance_id, instance, plugin, model, success, code, vendor_status,"
     " detail, prompt_tokens,"
                        " completion_tokens, duration_ms, cost FROM ai_call_attempt WHERE n = 1 AND call_id = " ONE("ai_call_attempt", "call_id")},
    {"ai_call_checkpoint", "UPDATE ai_call_checkpoint SET text = text || 'x' WHERE call_id = " ONE("ai_call_checkpoint", "call_id")},
    {"ai_call_checkpoint", "DELETE FROM ai_call_checkpoint WHERE call_id = " ONE("ai_call_checkpoint", "call_id")},
    {"ai_action_say", "UPDATE ai_action_say SET answer = answer || '!' WHERE call_id = " ONE("ai_action_say", "call_id")},
    {"ai_action_say", "UPDATE ai_action_say SET prompt = 'other' WHERE call_id = " ONE("ai_action_say", "call_id")},
    {"ai_action_say", "INSERT INTO ai_action_say VALUES (randomblob(16), $1, '')"},
    {"tool_call", "UPDATE tool_call SET result_bytes = 77 WHERE call_id = " ONE("tool_call", "call_id")},
    {"tool_call", "UPDATE tool_call SET arguments = '[]' WHERE call_id = " ONE("tool_call", "call_id")},
    {"tool_call", "DELETE FROM tool_call WHERE call_id = " ONE("tool_call", "call_id")},
    {"register_seal", SET_SEAL("hash = randomblob(32)")},
    {"register_seal", SET_SEAL("meta_hash = randomblob(32)")},
    {"register_seal", SET_SEAL("content_hash = randomblob(32)")},
    {"register_seal", SET_SEAL("kind = kind + 10")},
    {"register_seal", SET_SEAL("through = 99")},
    {"register_seal", SET_SEAL("call_id = randomblob(16)")},
    {"register_seal", SET_SEAL("seq = seq + 100000000")},
    {"register_seal", "DELETE FROM " SEAL},
    {"register_head", "DELETE FROM register_seal WHERE site_id = " LAST " AND seq > (SELECT seq FROM register_head WHERE site_id = " LAST ") - 1"},
    {"register_head", "UPDATE register_head SET seq = seq - 1 WHERE site_id = " LAST},
    {"register_head", "UPDATE register_head SET hash = randomblob(32) WHERE site_id = " LAST},
    {"register_head", "UPDATE register_head SET mac = randomblob(32) WHERE site_id = " LAST},
    {"register_head", "UPDATE register_head SET calls = calls + 1 WHERE site_id = " LAST},
    {"register_head", "UPDATE register_head SET at = at + 1 WHERE site_id = " LAST},
    {"register_head", "DELETE FROM register_head WHERE site_id = " LAST},
    {"register_anchor", "UPDATE register_anchor SET seq = seq - 1 WHERE site_id = " ONE("register_anchor", "site_id")},
    {"register_anchor", "UPDATE register_anchor SET hash = randomblob(32) WHERE site_id = " ONE("register_anchor", "site_id")},
    {"register_anchor", "UPDATE register_anchor SET calls = calls - 1 WHERE site_id = " ONE("register_anchor", "site_id")},
    {"register_anchor", "DELETE FROM register_anchor WHERE site_id = " ONE("register_anchor", "site_id")},
};

/* All tables as they are now, into or out of copies. */
static void copy_tables(struct rig *r, bool back)
{
    flush(r);
    struct lt_arena *arena = lt_arena_new();
    struct lt_tx *tx = lt_tx_new();
    for (size_t i = 0; i < LT_COUNT(tables); i++) {
        lt_tx_add(tx, lt_printf(arena, back ? "DELETE FROM %s" : "DROP TABLE IF EXISTS copy_%s", tables[i]).p, NULL, 0);
        lt_tx_add(tx, lt_printf(arena, back ? "INSERT INTO %s SELECT * FROM copy_%s" : "CREATE TABLE copy_%s AS SELECT * FROM %s", tables[i],
                                tables[i]).p,
                  NULL, 0);
    }
    ok(r, lt_store_write(r->store, tx, &r->err));
    lt_arena_free(arena);
}

static void must_find(struct rig *r, const char *what)
{
    if (look(r) == 0)
        fail_msg("not found: %s", what);
}

static void tamper_rows(struct rig *r)
{
    size_t i = below(r, LT_COUNT(tampers));
    char sql[100];
    snprintf(sql, sizeof(sql), "SELECT COUNT(*) FROM %s", tampers[i].table);
    int64_t n = number(r, sql);
    if (n == 0)
        return;
    copy_tables(r, false);
    run_sql(r, tampers[i].sql, (int64_t)below(r, (size_t)n));
    must_find(r, tampers[i].sql);
    copy_tables(r, true);
}

/* Two calls' records change places. */
static void swap_records(struct rig *r)
{
    int64_t n = number(r, "SELECT COUNT(*) FROM ai_call");
    if (n < 2)
        return;
    copy_tables(r, false);
    int64_t first = (int64_t)below(r, (size_t)n - 1);
    run_sql(r, "UPDATE ai_call SET user_id = 'first' WHERE id = " ONE("ai_call", "id"), first);
    run_sql(r, "UPDATE ai_call SET created_at = created_at - 1 WHERE id = " ONE("ai_call", "id"), first + 1);
    must_find(r, "two calls in each other's place");
    copy_tables(r, true);
}

static void swap_seals(struct rig *r)
{
    int64_t site = 1 + (int64_t)below(r, SITES);
    char sql[200];
    snprintf(sql, sizeof(sql), "SELECT MAX(seq) FROM register_seal WHERE site_id = %d", (int)site);
    int64_t last = number(r, sql);
    snprintf(sql, sizeof(sql), "SELECT COUNT(*) FROM register_seal WHERE site_id = %d", (int)site);
    if (number(r, sql) < 3)
        return;
    copy_tables(r, false);
    struct lt_tx *tx = lt_tx_new();
    static const char sql_move[] = "UPDATE register_seal SET seq = $1 WHERE site_id = $2 AND seq = $3";
    LT_TX(tx, sql_move, LT_INT(-1), LT_INT(site), LT_INT(last - 1));
    LT_TX(tx, sql_move, LT_INT(last - 1), LT_INT(site), LT_INT(last - 2));
    LT_TX(tx, sql_move, LT_INT(last - 2), LT_INT(site), LT_INT(-1));
    ok(r, lt_store_write(r->store, tx, &r->err));
    must_find(r, "two entries in each other's place");
    lt_buf_putc(&r->said, '\0');
    assert_non_null(strstr(r->said.p, "swapped"));
    copy_tables(r, true);
}

/* The whole database as it was some steps ago, under the head file of now; and a head file that is gone or changed. */
static void roll_back(struct rig *r)
{
    copy_tables(r, false);
    int64_t before = number(r, "SELECT SUM(seq) FROM register_head");
    char *file = read_head(r);
    begin(r);
    begin(r);
    seal(r);
    assert_true(number(r, "SELECT SUM(seq) FROM register_head") > before);
    copy_tables(r, true);
    must_find(r, "an older database");
    write_head(r, file);
    whole(r, "with the file of that time: nobody can see that both were put back");
    if (file && strlen(file) > 20) {
        char *at = strstr(file, "\"seq\":");
        if (at) {
            at[6] = at[6] == '9' ? '1' : (char)(at[6] + 1);
            write_head(r, file);
            must_find(r, "a changed head file");
            at[6] = at[6] == '1' ? '9' : (char)(at[6] - 1);
        }
        unlink(r->head);
        must_find(r, "a head file that is gone");
        write_head(r, file);
    }
    free(file);
    lt_register_sealer_free(r->sealer); /* it knew the later file */
    r->sealer = lt_register_sealer_new(r->store, r->head);
    for (size_t i = 1; i <= 2; i++)
        r->calls[(r->calls_n - i) % CALLS_MAX].gone = true;
}

static void tamper(struct rig *r)
{
    seal(r); /* what is not chained yet can be changed: docs/register.md */
    if (number(r, "SELECT COUNT(*) FROM register_head") == 0)
        return;
    switch (below(r, 8)) {
    case 0:
        swap_records(r);
        break;
    case 1:
        swap_seals(r);
        break;
    case 2:
        roll_back(r);
        break;
    default:
        tamper_rows(r);
    }
    whole(r, "after it was put right again");
}

/* ---- the walk ---- */

static const struct {
    const char *name;
    unsigned weight;
    void (*run)(struct rig *r);
} steps[] = {{"begin", 330, begin}, {"end", 330, end}, {"tools", 60, use_tools}, {"erase", 30, erase}, {"seal", 160, seal},
             {"retain", 8, retain}, {"crash", 8, crash}, {"tamper", 6, tamper}};

static void step(struct rig *r, long n)
{
    unsigned total = 0, at;
    size_t i = 0;
    for (size_t k = 0; k < LT_COUNT(steps); k++)
        total += steps[k].weight;
    for (at = (unsigned)below(r, total); at >= steps[i].weight; i++)
        at -= steps[i].weight;
    steps[i].run(r);
    r->counts[i]++;
    r->now += (int64_t)below(r, 20) * 60000 + (below(r, 200) == 0 ? DAY : 0);
    if (n % 500 == 0)
        whole(r, "on the way");
}

static void random_steps(void **state)
{
    const char *text = getenv("LECTERN_SEED"), *length = getenv("LECTERN_STEPS");
    uint64_t seed = text ? strtoull(text, NULL, 10) : (uint64_t)time(NULL);
    long n = length ? strtol(length, NULL, 10) : STEPS;
    print_message("seed %llu, %ld steps\n", (unsigned long long)seed, n);
    struct rig *r = rig_new(seed);
    for (long i = 1; i <= n; i++)
        step(r, i);
    seal(r);
    whole(r, "at the end");
    for (size_t i = 0; i < LT_COUNT(steps); i++)
        print_message("%s %zu  ", steps[i].name, r->counts[i]);
    print_message("\n%lld calls removed by age in %lld sums, %lld entries there\n", (long long)number(r, "SELECT SUM(calls) FROM register_anchor"),
                  (long long)number(r, "SELECT SUM(calls) FROM register_summary"), (long long)number(r, "SELECT COUNT(*) FROM register_seal"));
    assert_int_equal(number(r, "SELECT SUM(calls) FROM register_anchor"), number(r, "SELECT SUM(calls) FROM register_summary"));
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_steps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
