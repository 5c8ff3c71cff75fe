/*
 * The store: SQL behind one small interface. Writes are units (all of a unit or nothing), executed in order by one writer thread that
 * commits many units at once (group commit) and says so when they are durable. Reads run on worker threads over read-only
 * connections, each at most 1 s. The hot path writes but never reads.
 *
 * SQL text is one for all back ends: parameters are $1, $2, … in order of first use; strings in '…'; no back-end functions. In CREATE
 * TABLE the words {serial} {blob} {clustered} stand for what differs. An `sql` pointer must stay valid until its unit is done or its
 * query has returned. Prepared statements are found by their text: one that differs each time (a value written into it) costs a preparation each time.
 */
#pragma once
#include "base/arena.h"
#include "base/error.h"
#include "io/fiber.h"

struct lt_store;

enum lt_value_type { LT_V_NULL, LT_V_INT, LT_V_DOUBLE, LT_V_TEXT, LT_V_BLOB };
struct lt_value {
    enum lt_value_type type;
    int64_t i;
    double d;
    struct lt_str s; /* text or blob */
};
#define LT_INT(v) ((struct lt_value){.type = LT_V_INT, .i = (int64_t)(v)})
#define LT_DOUBLE(v) ((struct lt_value){.type = LT_V_DOUBLE, .d = (v)})
#define LT_TEXT(v) ((struct lt_value){.type = LT_V_TEXT, .s = (v)})
#define LT_TEXTZ(z) lt_value_textz(z)
#define LT_BLOB(p_, n_) ((struct lt_value){.type = LT_V_BLOB, .s = {(const char *)(p_), (n_)}})
#define LT_NULL ((struct lt_value){.type = LT_V_NULL})
static inline struct lt_value lt_value_textz(const char *z)
{
    return z ? (struct lt_value){.type = LT_V_TEXT, .s = lt_str(z)} : LT_NULL;
}
/* A text that is never null: "" where there is none (p NULL). */
static inline struct lt_value lt_value_text(struct lt_str s)
{
    return LT_TEXT(s.p ? s : LT_STR(""));
}
/* Numbers that are below 0 as long as they are not known: null then. lt_rows_int_or() and lt_rows_double_or() read them. */
static inline struct lt_value lt_value_known_int(int64_t v)
{
    return v < 0 ? LT_NULL : LT_INT(v);
}
static inline struct lt_value lt_value_known_double(double v)
{
    return v < 0 ? LT_NULL : LT_DOUBLE(v);
}

struct lt_store_options {
    const char *data_dir;    /* holds lectern.db; made (0700) when missing */
    const char *url;         /* NULL = SQLite in data_dir; "sqlite:PATH"; "postgresql://…", see store/postgres_server.h */
    const char *direct_url;  /* the same database without a pooler, to listen to hints; NULL = url */
    uint64_t wait_ms;        /* for a server of PostgreSQL that is not there; SIGTERM and SIGINT, when blocked, end the wait */
    const char *master_key_file; /* with which secrets are sealed; NULL = master.key beside the database, made when missing */
    const char *synchronous; /* NULL = "FULL"; "OFF" only to prove that the crash test can fail */
    bool read_only;          /* for `register show` and the like beside a running daemon: no migration, no writer */
    bool patient;            /* queries may take a minute, not a second: for commands and starts, where no request waits */
};

/*
 * For a process that is Lectern's own, before SQLite is first used: sets it up for connections of which each has one thread at a time. A
 * program that embeds Lectern may use SQLite too, and keeps it as it is.
 */
void lt_store_own_process(void);
/* Opens, migrates (refuses a database that is newer than this program: LT_ECONFIG), starts the writer. Blocking: before the loops run. */
enum lt_code lt_store_open(const struct lt_store_options *options, struct lt_store **ret, struct lt_error *err);
/* Writes what is queued, checkpoints, closes. After the loops have ended. */
void lt_store_close(struct lt_store *store);
/* The file of the master keys; *ret_ours: it is the default one, to be made when it is missing. */
const char *lt_store_master_key_file(const struct lt_store *store, bool *ret_ours);
/* PostgreSQL, or SQLite? */
bool lt_store_is_postgres(const struct lt_store *store);
/* The number of this process among those on the database (core/member.h), 0: it is none of them. Any thread. */
int64_t lt_store_process(const struct lt_store *store);
void lt_store_set_process(struct lt_store *store, int64_t id);
/* The same as the value of a column, null for 0. */
static inline struct lt_value lt_store_process_value(const struct lt_store *store)
{
    int64_t id = lt_store_process(store);
    return id > 0 ? LT_INT(id) : LT_NULL;
}
/* Number of the newest migration applied, and of the newest this program knows. */
int lt_store_schema(const struct lt_store *store);
int lt_store_schema_newest(void);

/* From now on requests wait: a query of a store opened as patient may take a second only. Any thread. */
void lt_store_brief(struct lt_store *store);
/* Runs one CREATE … IF NOT EXISTS; nothing happens in a store that was opened for reading. Start-up or fiber. */
enum lt_code lt_store_create(struct lt_store *store, const char *sql, struct lt_error *err);

/* ---- writing ---- */
struct lt_tx; /* one unit being built; not shared between threads until submitted */
struct lt_tx *lt_tx_new(void);
void lt_tx_discard(struct lt_tx *tx); /* instead of submitting */
/* Adds a statement; values are copied. */
void lt_tx_add(struct lt_tx *tx, const char *sql, const struct lt_value *values, size_t n);
#define LT_TX(tx, sql, ...)                                                                                                  \
    lt_tx_add((tx), (sql), (const struct lt_value[]){__VA_ARGS__}, sizeof((const struct lt_value[]){__VA_ARGS__}) / sizeof(struct lt_value))
/* The statement added last must change exactly n rows, else the whole unit fails with LT_ECONFLICT. */
void lt_tx_expect(struct lt_tx *tx, int64_t n);
/* The unit changes what other processes look at from time to time: they are told, see lt_store_on_hint(). */
void lt_tx_hint(struct lt_tx *tx);

struct lt_commit { /* lives in the submitter (a fiber's stack or a heap object) until done */
    struct lt_task task; /* private */
    struct lt_loop *loop;
    struct lt_fiber *waiter;
    struct lt_tx *tx;
    struct lt_store *patient; /* where it was submitted as patient */
    bool submitted, done;
    struct lt_error err;
};
/*
 * Queues a unit (takes it over) and returns at once. LT_EOVERLOADED when more than 64 MiB are queued (the unit is discarded then).
 * A commit that was submitted must be waited for before its memory goes away. Fiber.
 */
enum lt_code lt_store_submit(struct lt_store *store, struct lt_tx *tx, struct lt_commit *commit, struct lt_error *err);
/* The same for a unit that nobody waits for yet: it may lie up to 2 ms until others join it in one commit. A wait for it ends that. */
enum lt_code lt_store_submit_patient(struct lt_store *store, struct lt_tx *tx, struct lt_commit *commit, struct lt_error *err);
/* Gives way until the unit is durable or has failed; does not see a cancel. Returns at once when that is known already or nothing was submitted. */
enum lt_code lt_commit_wait(struct lt_commit *commit, struct lt_error *err);
/* submit and wait. Outside loops (CLI, start-up) it blocks the thread. */
enum lt_code lt_store_write(struct lt_store *store, struct lt_tx *tx, struct lt_error *err);
/* Queues (as patient) without waiting; a failure is logged. Any thread. */
void lt_store_post(struct lt_store *store, struct lt_tx *tx);

/*
 * Waits until nothing of what was deleted in durable units is left in the database's files: free room is zeros anyway, so the WAL is moved and cut
 * to nothing. Commits wait for no longer than a checkpoint takes. Fiber, or outside loops. LT_ETIMEOUT: a reader of another process was in
 * the way for timeout_ms; LT_ECANCELLED.
 */
enum lt_code lt_store_scrub(struct lt_store *store, uint64_t timeout_ms, struct lt_error *err);

/*
 * For when little is to be done: closes connections for reading that nobody uses, but one, and lets the writer give up the pages that it keeps in memory
 * when it has next been idle for 2 s. Blocking: on a worker or outside loops.
 */
void lt_store_rest(struct lt_store *store);

/* ---- reading ---- */
struct lt_rows {
    size_t rows, columns;
    struct lt_value *values; /* row after row, in the arena of the query */
};
static inline const struct lt_value *lt_rows_at(const struct lt_rows *r, size_t row, size_t column)
{
    return &r->values[row * r->columns + column];
}
/* The text ("" when null) and the integer (0 when null) of a cell. */
struct lt_str lt_rows_str(const struct lt_rows *r, size_t row, size_t column);
int64_t lt_rows_int(const struct lt_rows *r, size_t row, size_t column);
/* The number of a cell; `otherwise` when null. */
int64_t lt_rows_int_or(const struct lt_rows *r, size_t row, size_t column, int64_t otherwise);
double lt_rows_double_or(const struct lt_rows *r, size_t row, size_t column, double otherwise);
/*
 * Runs a SELECT on a worker (in a fiber) or on the calling thread (outside). Sees every write that was durable before the call. Gives
 * at most max_rows; with max_rows 0 a result of more than 10,000 rows is LT_ESTORE, as are more than 64 MiB or more than 1 s.
 */
enum lt_code lt_store_query(struct lt_store *store, struct lt_arena *arena, const char *sql, const struct lt_value *values, size_t n,
                            size_t max_rows, struct lt_rows *ret, struct lt_error *err);
#define LT_QUERY(store, arena, ret, err, sql, ...)                                                                           \
    lt_store_query((store), (arena), (sql), (const struct lt_value[]){__VA_ARGS__ __VA_OPT__(, ) LT_NULL},                   \
                   sizeof((const struct lt_value[]){__VA_ARGS__ __VA_OPT__(, ) LT_NULL}) / sizeof(struct lt_value) - 1, 0, (ret), (err))

/* The columns of the tables whose names begin so, as rows (table, column, place of the column) in the order of names. As lt_store_query(). */
enum lt_code lt_store_columns(struct lt_store *store, struct lt_arena *arena, struct lt_str prefix, struct lt_rows *ret, struct lt_error *err);

/* True when another process or thread has changed configuration tables since the last call (PRAGMA data_version, then the
 * `generation` row of table meta). Cheap; called about twice a second on a worker. *ret_generation is the present one. */
enum lt_code lt_store_generation(struct lt_store *store, int64_t *ret_generation, struct lt_error *err);

/*
 * From now on fn(ctx) is called when another process, or this one, has written a unit with a hint; more than once for one unit, once for several, or not at all: what
 * matters is looked for without it, too. On a thread of the store's own. SQLite gives no hints. fn NULL: no more calls; waits for one that is under way. One at a time.
 */
enum lt_code lt_store_on_hint(struct lt_store *store, void (*fn)(void *ctx), void *ctx, struct lt_error *err);

/* Times of commits are counted in buckets up to LT_STORE_BUCKET_US << i, the last one for all that took longer. */
enum { LT_STORE_BUCKETS = 15, LT_STORE_BUCKET_US = 500 };
struct lt_store_stats {
    uint64_t units, commits, failed;
    uint64_t queued_bytes, queued_units;
    uint64_t commit_us_sum, commit_buckets[LT_STORE_BUCKETS];
    uint64_t checkpoints, checkpoints_held; /* tries to move the log into the database; those in which a reader held some of it back */
    uint64_t wal_pages;      /* in the log after the last commit */
    uint64_t commit_us_last, commit_us_max;
    uint64_t largest_batch;
    uint64_t queries, query_us_sum, query_buckets[LT_STORE_BUCKETS]; /* with the wait for a connection */
    uint64_t round_trips;    /* between us and a server: how often it was asked, and waited for; 0 of SQLite */
    uint64_t connects;       /* tries to connect to it */
};
static inline int lt_store_bucket(uint64_t us)
{
    int i = 0;
    while (i < LT_STORE_BUCKETS - 1 && us > (uint64_t)LT_STORE_BUCKET_US << i)
        i++;
    return i;
}
/* How long, in ms, what is queued now will presumably wait: the age of the oldest unit that is not durable yet, and what the batches
 * behind it need. 0 when nothing waits. Any thread, cheap. */
uint32_t lt_store_delay_ms(struct lt_store *store);
void lt_store_stats(struct lt_store *store, struct lt_store_stats *ret);
/* Can the database be reached and written to, as far as was seen last? Of SQLite: always. Any thread, cheap. */
bool lt_store_is_ready(struct lt_store *store);
