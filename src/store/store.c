/* The store's face: opening, submitting, the pool of readers. */
#include "store/store.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/worker.h"
#include "store/migrate.h"
#include "store/postgres.h"
#include "store/postgres_listen.h"
#include "store/sqlite.h"
#include "store/writer.h"

enum { IDLE_READERS = 64 };

struct lt_store {
    char *path; /* of SQLite's file */
    bool postgres;
    struct lt_pg_server *server, *direct; /* direct: to listen at; NULL: the server */
    struct lt_pg_listener *listener;
    const char *columns; /* lt_db_ops.columns */
    char *master_key_file;
    bool own_master_key; /* the file is ours to make */
    atomic_bool patient; /* options.patient, until lt_store_brief() */
    int schema;
    _Atomic int64_t process;
    struct lt_writer *writer; /* NULL: read-only */

    pthread_mutex_t readers_mutex;
    struct lt_db *readers; /* idle connections, the one used last first (its cache is warm) */
    int readers_n;

    pthread_mutex_t generation_mutex;
    struct lt_db *generation_db; /* data_version is a connection's own view, so it must always be the same one */
    int64_t data_version, generation;

    _Atomic bool scan_failed; /* the last look at the generation */
    _Atomic uint64_t queries, query_us_sum, query_buckets[LT_STORE_BUCKETS];
};

/* ---- opening ---- */

static enum lt_code find_path(struct lt_store *store, const struct lt_store_options *options, struct lt_error *err)
{
    int n;
    store->postgres = options->url && lt_postgres_is_url(options->url);
    if (store->postgres && options->direct_url && lt_pg_server_new(options->direct_url, &store->direct, err))
        return lt_error_wrap(err, "database_direct");
    if (store->postgres)
        return lt_pg_server_new(options->url, &store->server, err);
    if (options->url) {
        if (strncmp(options->url, "sqlite:", 7) != 0 || options->url[7] == '\0')
            return lt_fail(err, LT_ECONFIG, "the database URL must be \"sqlite:PATH\" or \"postgresql://…\"");
        n = asprintf(&store->path, "%s", options->url + 7);
    } else {
        if (!options->data_dir || options->data_dir[0] == '\0')
            return lt_fail(err, LT_ECONFIG, "no data directory is given");
        if (!options->read_only && mkdir(options->data_dir, 0700) != 0 && errno != EEXIST)
            return lt_fail(err, LT_ECONFIG, "make the data directory %s: %s", options->data_dir, strerror(errno));
        n = asprintf(&store->path, "%s/lectern.db", options->data_dir);
    }
    return n < 0 ? lt_fail(err, LT_ESTORE, "out of memory") : LT_OK;
}

static enum lt_code open_reader(struct lt_store *store, struct lt_db **ret, struct lt_error *err)
{
    enum lt_code code = LT_OK;
    if (store->postgres)
        *ret = lt_postgres_new_reader(store->server);
    else
        code = lt_sqlite_open_reader(store->path, ret, err);
    return code;
}

static enum lt_code open_writer(struct lt_store *store, const struct lt_store_options *o, struct lt_db **ret, struct lt_error *err)
{
    return store->postgres ? lt_postgres_open_writer(store->server, o->wait_ms, ret, err)
                           : lt_sqlite_open_writer(store->path, o->synchronous ? o->synchronous : "FULL", ret, err);
}

static enum lt_code open_for_reading(struct lt_store *store, const struct lt_store_options *o, struct lt_error *err)
{
    if (!store->postgres && access(store->path, F_OK) != 0)
        return lt_fail(err, LT_ECONFIG, "there is no database at %s", store->path);
    enum lt_code code = store->postgres ? lt_postgres_open_reader(store->server, o->wait_ms, &store->readers, err)
                                        : open_reader(store, &store->readers, err);
    if (code != LT_OK)
        return code;
    store->readers_n = 1;
    store->readers->patient = store->patient;
    store->columns = store->readers->ops->columns;
    return lt_migrate_check(store->readers, &store->schema, err);
}

static enum lt_code open_for_writing(struct lt_store *store, const struct lt_store_options *options, struct lt_error *err)
{
    struct lt_db *db;
    enum lt_code code = open_writer(store, options, &db, err);
    if (code != LT_OK)
        return code;
    store->columns = db->ops->columns;
    code = lt_migrate(db, &store->schema, err);
    if (code == LT_OK)
        code = lt_writer_start(db, &store->writer, err);
    if (code != LT_OK)
        lt_db_close(db);
    return code;
}

/* Beside SQLite's file, or in the data directory, unless the operator keeps it elsewhere. */
static enum lt_code find_master_key(struct lt_store *store, const struct lt_store_options *options, struct lt_error *err)
{
    int n;
    store->own_master_key = !options->master_key_file;
    if (options->master_key_file) {
        n = asprintf(&store->master_key_file, "%s", options->master_key_file);
    } else if (store->postgres) {
        n = asprintf(&store->master_key_file, "%s/master.key", options->data_dir ? options->data_dir : ".");
    } else {
        const char *slash = strrchr(store->path, '/');
        n = asprintf(&store->master_key_file, "%.*smaster.key", slash ? (int)(slash - store->path) + 1 : 0, store->path);
    }
    return n < 0 ? lt_fail(err, LT_ESTORE, "out of memory") : LT_OK;
}

const char *lt_store_master_key_file(const struct lt_store *store, bool *ret_ours)
{
    *ret_ours = store->own_master_key;
    return store->master_key_file;
}

enum lt_code lt_store_open(const struct lt_store_options *options, struct lt_store **ret, struct lt_error *err)
{
    struct lt_store *store = calloc(1, sizeof(*store));
    if (!store)
        return lt_fail(err, LT_ESTORE, "out of memory");
    atomic_init(&store->patient, options->patient);
    pthread_mutex_init(&store->readers_mutex, NULL);
    pthread_mutex_init(&store->generation_mutex, NULL);
    enum lt_code code = find_path(store, options, err);
    if (code == LT_OK)
        code = find_master_key(store, options, err);
    if (code == LT_OK)
        code = options->read_only ? open_for_reading(store, options, err) : open_for_writing(store, options, err);
    if (code != LT_OK) {
        lt_store_close(store);
        return code;
    }
    *ret = store;
    return LT_OK;
}

/* Readers first: SQLite removes the WAL only when its last connection, which must be one that may write, closes. */
void lt_store_close(struct lt_store *store)
{
    if (!store)
        return;
    lt_pg_listener_stop(store->listener);
    while (store->readers) {
        struct lt_db *db = store->readers;
        store->readers = db->next;
        lt_db_close(db);
    }
    lt_db_close(store->generation_db);
    lt_writer_stop(store->writer);
    pthread_mutex_destroy(&store->readers_mutex);
    pthread_mutex_destroy(&store->generation_mutex);
    lt_pg_server_free(store->server);
    lt_pg_server_free(store->direct);
    free(store->path);
    free(store->master_key_file);
    free(store);
}

bool lt_store_is_postgres(const struct lt_store *store)
{
    return store->postgres;
}

int64_t lt_store_process(const struct lt_store *store)
{
    return atomic_load(&store->process);
}

void lt_store_set_process(struct lt_store *store, int64_t id)
{
    atomic_store(&store->process, id);
}

int lt_store_schema(const struct lt_store *store)
{
    return store->schema;
}

int lt_store_schema_newest(void)
{
    return lt_migrations_n;
}

void lt_store_stats(struct lt_store *store, struct lt_store_stats *ret)
{
    *ret = (struct lt_store_stats){0};
    if (store->writer)
        lt_writer_stats(store->writer, ret);
    ret->queries = atomic_load_explicit(&store->queries, memory_order_relaxed);
    ret->query_us_sum = atomic_load_explicit(&store->query_us_sum, memory_order_relaxed);
    for (int i = 0; i < LT_STORE_BUCKETS; i++)
        ret->query_buckets[i] = atomic_load_explicit(&store->query_buckets[i], memory_order_relaxed);
    if (store->server) {
        ret->round_trips = atomic_load_explicit(&store->server->round_trips, memory_order_relaxed);
        ret->connects = atomic_load_explicit(&store->server->connects, memory_order_relaxed);
    }
}

bool lt_store_is_ready(struct lt_store *store)
{
    bool broken = store->writer && lt_writer_broken(store->writer);
    return !store->postgres || !(broken || atomic_load_explicit(&store->scan_failed, memory_order_relaxed));
}

uint32_t lt_store_delay_ms(struct lt_store *store)
{
    return store->writer ? lt_writer_delay_ms(store->writer) : 0;
}

enum lt_code lt_store_create(struct lt_store *store, const char *sql, struct lt_error *err)
{
    if (!store->writer)
        return LT_OK; /* opened for reading: whoever writes has made it */
    struct lt_tx *tx = lt_tx_new();
    lt_tx_add(tx, sql, NULL, 0);
    return lt_store_write(store, tx, err);
}

/* ---- writing ---- */

static enum lt_code queue(struct lt_store *store, struct lt_tx *tx, struct lt_error *err)
{
    if (store->writer)
        return lt_writer_queue(store->writer, tx, err);
    lt_tx_discard(tx);
    return lt_fail(err, LT_ESTORE, "the store was opened for reading only");
}

enum lt_code lt_store_submit(struct lt_store *store, struct lt_tx *tx, struct lt_commit *commit, struct lt_error *err)
{
    *commit = (struct lt_commit){.tx = tx, .submitted = true};
    if (lt_fiber_self()) /* else the loop, if there is one, is the very thread that will block */
        commit->loop = lt_loop_self();
    tx->commit = commit;
    enum lt_code code = queue(store, tx, &commit->err);
    if (code != LT_OK) {
        commit->tx = NULL;
        commit->submitted = false;
        if (err)
            *err = commit->err;
    }
    return code;
}

enum lt_code lt_store_submit_patient(struct lt_store *store, struct lt_tx *tx, struct lt_commit *commit, struct lt_error *err)
{
    tx->patient = true;
    enum lt_code code = lt_store_submit(store, tx, commit, err);
    commit->patient = store;
    return code;
}

enum lt_code lt_commit_wait(struct lt_commit *commit, struct lt_error *err)
{
    if (commit->submitted && commit->patient && !(commit->loop && commit->done))
        lt_writer_hurry(commit->patient->writer);
    if (commit->submitted && !commit->loop) {
        lt_writer_block(commit);
    } else if (commit->submitted && !commit->done) {
        commit->waiter = lt_fiber_self();
        lt_fiber_shield();
        while (!commit->done)
            lt_fiber_wait_for(LT_NEVER, "a commit");
        lt_fiber_unshield();
        commit->waiter = NULL;
    }
    if (commit->err.code != LT_OK && err)
        *err = commit->err;
    return commit->err.code;
}

enum lt_code lt_store_write(struct lt_store *store, struct lt_tx *tx, struct lt_error *err)
{
    struct lt_commit commit;
    enum lt_code code = lt_store_submit(store, tx, &commit, err);
    return code == LT_OK ? lt_commit_wait(&commit, err) : code;
}

void lt_store_post(struct lt_store *store, struct lt_tx *tx)
{
    struct lt_error err = {0};
    tx->commit = NULL;
    tx->patient = true;
    enum lt_code code = queue(store, tx, &err);
    if (code != LT_OK && code != LT_EOVERLOADED) /* a full queue is logged once by the writer */
        lt_log_error("store.write", &err);
}

enum lt_code lt_store_scrub(struct lt_store *store, uint64_t timeout_ms, struct lt_error *err)
{
    enum { LOOK_MS = 5 };
    if (!store->writer)
        return lt_fail(err, LT_ESTORE, "the store was opened for reading only");
    uint64_t until = lt_mono_ms() + timeout_ms, number = lt_writer_scrub(store->writer);
    while (!lt_writer_scrubbed(store->writer, number)) {
        if (lt_mono_ms() >= until)
            return lt_fail(err, LT_ETIMEOUT, "a reader keeps the log from being cut");
        if (!lt_fiber_self())
            usleep(LOOK_MS * 1000);
        else if (lt_fiber_sleep(LOOK_MS) == LT_ECANCELLED)
            return lt_fail(err, LT_ECANCELLED, "while the log was to be cut");
    }
    return LT_OK;
}

/* ---- reading ---- */

static enum lt_code take_reader(struct lt_store *store, struct lt_db **ret, struct lt_error *err)
{
    pthread_mutex_lock(&store->readers_mutex);
    struct lt_db *db = store->readers;
    if (db) {
        store->readers = db->next;
        store->readers_n--;
    }
    pthread_mutex_unlock(&store->readers_mutex);
    *ret = db;
    enum lt_code code = db ? LT_OK : open_reader(store, ret, err);
    if (code == LT_OK)
        (*ret)->patient = atomic_load(&store->patient);
    return code;
}

void lt_store_brief(struct lt_store *store)
{
    atomic_store(&store->patient, false);
}

static void give_reader(struct lt_store *store, struct lt_db *db)
{
    pthread_mutex_lock(&store->readers_mutex);
    bool keep = store->readers_n < IDLE_READERS;
    if (keep) {
        db->next = store->readers;
        store->readers = db;
        store->readers_n++;
    }
    pthread_mutex_unlock(&store->readers_mutex);
    if (!keep)
        lt_db_close(db);
}

/* The one that is used first of all is kept: its statements are those that come again. */
void lt_store_rest(struct lt_store *store)
{
    pthread_mutex_lock(&store->readers_mutex);
    struct lt_db *rest = store->readers ? store->readers->next : NULL;
    if (rest) {
        store->readers->next = NULL;
        store->readers_n = 1;
    }
    pthread_mutex_unlock(&store->readers_mutex);
    while (rest) {
        struct lt_db *next = rest->next;
        lt_db_close(rest);
        rest = next;
    }
    if (store->writer)
        lt_writer_rest(store->writer);
}

struct query {
    struct lt_store *store;
    struct lt_arena *arena;
    const char *sql;
    const struct lt_value *values;
    size_t n, max_rows;
    struct lt_rows *ret;
    struct lt_error *err;
    enum lt_code code;
};

static void count_query(struct lt_store *store, uint64_t us)
{
    atomic_fetch_add_explicit(&store->queries, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&store->query_us_sum, us, memory_order_relaxed);
    atomic_fetch_add_explicit(&store->query_buckets[lt_store_bucket(us)], 1, memory_order_relaxed);
}

/* On a worker; the fiber that owns arena and arguments waits meanwhile. */
static void run_query(void *arg)
{
    struct query *q = arg;
    struct lt_db *db;
    uint64_t began = lt_mono_us();
    q->code = take_reader(q->store, &db, q->err);
    if (q->code != LT_OK)
        return;
    q->code = lt_db_query(db, q->arena, q->sql, q->values, q->n, q->max_rows, q->ret, q->err);
    give_reader(q->store, db);
    count_query(q->store, lt_mono_us() - began);
}

enum lt_code lt_store_query(struct lt_store *store, struct lt_arena *arena, const char *sql, const struct lt_value *values, size_t n,
                            size_t max_rows, struct lt_rows *ret, struct lt_error *err)
{
    struct query q = {
        .store = store, .arena = arena, .sql = sql, .values = values, .n = n, .max_rows = max_rows, .ret = ret, .err = err,
    };
    *ret = (struct lt_rows){0};
    enum lt_code code = lt_work(run_query, &q);
    if (code != LT_OK)
        return lt_fail(err, code, "the store has too many readers waiting");
    return q.code;
}

enum lt_code lt_store_columns(struct lt_store *store, struct lt_arena *arena, struct lt_str prefix, struct lt_rows *ret, struct lt_error *err)
{
    return LT_QUERY(store, arena, ret, err, store->columns, LT_TEXT(prefix));
}

struct lt_str lt_rows_str(const struct lt_rows *r, size_t row, size_t column)
{
    const struct lt_value *v = lt_rows_at(r, row, column);
    return v->type == LT_V_TEXT || v->type == LT_V_BLOB ? v->s : (struct lt_str){"", 0};
}

int64_t lt_rows_int(const struct lt_rows *r, size_t row, size_t column)
{
    const struct lt_value *v = lt_rows_at(r, row, column);
    return v->type == LT_V_INT ? v->i : v->type == LT_V_DOUBLE ? (int64_t)v->d : 0;
}

int64_t lt_rows_int_or(const struct lt_rows *r, size_t row, size_t column, int64_t otherwise)
{
    return lt_rows_at(r, row, column)->type == LT_V_NULL ? otherwise : lt_rows_int(r, row, column);
}

double lt_rows_double_or(const struct lt_rows *r, size_t row, size_t column, double otherwise)
{
    const struct lt_value *v = lt_rows_at(r, row, column);
    return v->type == LT_V_DOUBLE ? v->d : v->type == LT_V_INT ? (double)v->i : otherwise;
}

/* ---- generation ---- */

struct generation {
    struct lt_store *store;
    struct lt_error *err;
    enum lt_code code;
    int64_t value;
};

/* 0: the database does not tell. */
static enum lt_code version_of(struct lt_db *db, int64_t *ret, struct lt_error *err)
{
    *ret = 0;
    return db->ops->version ? lt_db_int(db, db->ops->version, NULL, 0, ret, err) : LT_OK;
}

static enum lt_code read_generation(struct lt_store *store, struct lt_error *err)
{
    enum lt_code code = LT_OK;
    int64_t version = 0, value = 0;
    if (!store->generation_db)
        code = open_reader(store, &store->generation_db, err);
    if (code == LT_OK)
        code = version_of(store->generation_db, &version, err);
    if (code != LT_OK || (version != 0 && version == store->data_version))
        return code;
    code = lt_db_int(store->generation_db, "SELECT value FROM meta WHERE name = 'generation'", NULL, 0, &value, err);
    if (code == LT_OK) {
        store->generation = value;
        store->data_version = version;
    }
    return code;
}

static void run_generation(void *arg)
{
    struct generation *g = arg;
    pthread_mutex_lock(&g->store->generation_mutex);
    g->code = read_generation(g->store, g->err);
    g->value = g->store->generation;
    atomic_store_explicit(&g->store->scan_failed, g->code != LT_OK, memory_order_relaxed);
    pthread_mutex_unlock(&g->store->generation_mutex);
}

enum lt_code lt_store_generation(struct lt_store *store, int64_t *ret_generation, struct lt_error *err)
{
    struct generation g = {.store = store, .err = err};
    enum lt_code code = lt_work(run_generation, &g);
    if (code != LT_OK)
        return lt_fail(err, code, "the store has too many readers waiting");
    *ret_generation = g.value;
    return g.code;
}

/* ---- hints ---- */

enum lt_code lt_store_on_hint(struct lt_store *store, void (*fn)(void *ctx), void *ctx, struct lt_error *err)
{
    lt_pg_listener_stop(store->listener);
    store->listener = NULL;
    if (!fn || !store->postgres)
        return LT_OK;
    if (!store->direct && atomic_load(&store->server->pooled)) {
        lt_log(LT_LOG_INFO, "store.not_listening", LT_S("reason", "a pooler stands between, and database_direct is not set"));
        return LT_OK;
    }
    return lt_pg_listener_start(store->server, store->direct ? store->direct : store->server, fn, ctx, &store->listener, err);
}
