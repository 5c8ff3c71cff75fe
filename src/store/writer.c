/*
 * Group commit. The thread takes the whole queue at once and writes it in transactions of at most BATCH units, so while one commit
 * waits for the disk the next batch gathers: the busier the daemon, the fewer the commits per unit. Units that nobody waits for yet
 * (patient ones) wake the thread late or not at all: mostly the next unit that somebody waits for takes them along.
 *
 * A unit that fails makes the transaction roll back and run again with a savepoint around each unit; so the ordinary case pays nothing
 * for the rare one, and a bad unit costs its neighbours one more pass, not one commit each.
 */
#include "store/writer.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

enum {
    BATCH = 512,                /* units in one transaction */
    QUEUE_BYTES = 64 << 20,     /* what may wait */
    PATIENCE_US = 2000,         /* how long a unit that nobody waits for lies, so that others join it */
    GATHER_US = 1000,           /* how long the units of a busy daemon lie at most, for the same reason */
    BUSY_UNITS = 4,             /* a batch of so many says that the daemon is busy */
    AGAIN_US = 1000,            /* before a batch is tried again that met another's; then twice as long, and so on */
    AGAIN_MAX_US = 200000,
    PROBE_MS = 1000,            /* while nothing can be written */
    GATHERED = 128,             /* so many units need no more company */
    LOOPS = 64,                 /* loops told of one batch at once; more are told again */
    CHECKPOINT_PAGES = 4000,    /* so many pages in the WAL, and the next pause is used to move them */
    WAL_PAGES_MAX = 8192,       /* 64 MiB of 8 KiB pages: from here on commits wait for the checkpoint */
    FORCE_WAIT_MS = 1500,       /* for readers, each of which may take 1 s */
    FORCE_AGAIN_MS = 10000,     /* after a forced checkpoint that failed */
    SCRUB_WAIT_MS = 50,         /* for readers, each time that scrubbing is tried */
    SCRUB_AGAIN_MS = 50,
    IDLE_MS = 2000,             /* without work: move the pages */
    LONG_IDLE_MS = 30000,       /* and cut the WAL to nothing */
};

struct lt_writer {
    struct lt_db *db;
    pthread_t thread;

    pthread_mutex_t mutex; /* for the members up to the next line */
    pthread_cond_t wake;
    struct lt_tx *head, **tail;
    size_t queued, urgent;        /* units in the queue; how many of them somebody waits for */
    enum { AWAKE, DOZING, ASLEEP } sleep; /* dozing: only an urgent unit wakes; asleep: every unit does */
    bool stop, refusing;          /* refusing: the queue was full at the last try */
    uint64_t scrub_asked, scrub_done;
    struct lt_store_stats stats;  /* queued_bytes counts until a unit is done */

    _Atomic uint64_t oldest_us;   /* when the oldest unit that is not done was queued, 0 = there is none */
    _Atomic uint64_t behind_us;   /* what the batches behind the present one will take, guessed from the last */

    _Atomic bool broken;          /* the last transaction met an outage (disk full, I/O error, locked, no connection) */
    _Atomic bool rest_asked;      /* pages in memory are to be given up in the next pause */

    /* the thread's own */
    struct lt_tx *taken;      /* taken from the queue, not written yet */
    size_t taken_n;
    bool said;                /* the log was told of it */
    bool busy;                /* the last batch was of several units, so more are to be expected */
    int checkpoint_at;        /* pages in the WAL at which to checkpoint next */
    bool wal_moved, wal_cut;  /* nothing to move; nothing to cut */
    uint64_t force_after_ms, scrub_after_ms;
    uint64_t idle_since_ms;
};

/* Threads that block for a commit. Outside loops only (start-up, CLI), so one lock serves all. */
static pthread_mutex_t blocked_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t blocked_wake = PTHREAD_COND_INITIALIZER;

void lt_writer_block(struct lt_commit *commit)
{
    pthread_mutex_lock(&blocked_mutex);
    while (!commit->done)
        pthread_cond_wait(&blocked_wake, &blocked_mutex);
    pthread_mutex_unlock(&blocked_mutex);
}

/* ---- the queue ---- */

static enum lt_code refuse(struct lt_writer *w, const struct lt_tx *tx, bool *ret_first, struct lt_error *err)
{
    *ret_first = false;
    if (tx->too_large)
        return lt_fail(err, LT_ETOO_LARGE, "a unit of writing is larger than %d MiB", LT_TX_MAX >> 20);
    bool full = w->stats.queued_bytes + lt_tx_bytes(tx) > QUEUE_BYTES;
    *ret_first = full && !w->refusing;
    w->refusing = full;
    return full ? lt_fail(err, LT_EOVERLOADED, "more than %d MiB wait to be written", QUEUE_BYTES >> 20) : LT_OK;
}

/* Under the mutex. True when the thread has to be signalled. */
static bool must_wake(struct lt_writer *w, bool patient)
{
    if (w->sleep == AWAKE || (w->sleep == DOZING && patient))
        return false;
    w->sleep = AWAKE;
    return true;
}

enum lt_code lt_writer_queue(struct lt_writer *w, struct lt_tx *tx, struct lt_error *err)
{
    bool first;
    tx->next = NULL;
    tx->queued_us = lt_mono_us();
    pthread_mutex_lock(&w->mutex);
    enum lt_code code = refuse(w, tx, &first, err);
    bool signal = false;
    if (code == LT_OK) {
        w->stats.queued_bytes += lt_tx_bytes(tx);
        *w->tail = tx;
        w->tail = &tx->next;
        w->queued++;
        w->urgent += !tx->patient;
        if (atomic_load_explicit(&w->oldest_us, memory_order_relaxed) == 0)
            atomic_store_explicit(&w->oldest_us, tx->queued_us, memory_order_relaxed);
        signal = must_wake(w, tx->patient);
    }
    pthread_mutex_unlock(&w->mutex);
    if (signal)
        pthread_cond_signal(&w->wake);
    if (first)
        lt_log(LT_LOG_ERROR, "store.overloaded", LT_I("queue_bytes", QUEUE_BYTES));
    if (code != LT_OK)
        lt_tx_discard(tx);
    return code;
}

void lt_writer_hurry(struct lt_writer *w)
{
    pthread_mutex_lock(&w->mutex);
    w->urgent++;
    bool signal = must_wake(w, false);
    pthread_mutex_unlock(&w->mutex);
    if (signal)
        pthread_cond_signal(&w->wake);
}

uint32_t lt_writer_delay_ms(struct lt_writer *w)
{
    uint64_t oldest = atomic_load_explicit(&w->oldest_us, memory_order_relaxed), now = lt_mono_us();
    uint64_t us = oldest != 0 && now > oldest ? now - oldest : 0;
    return (uint32_t)((us + atomic_load_explicit(&w->behind_us, memory_order_relaxed)) / 1000);
}

bool lt_writer_broken(struct lt_writer *w)
{
    return w->db->ops->away && atomic_load_explicit(&w->broken, memory_order_relaxed);
}

void lt_writer_stats(struct lt_writer *w, struct lt_store_stats *ret)
{
    pthread_mutex_lock(&w->mutex);
    *ret = w->stats;
    ret->queued_units = w->queued;
    pthread_mutex_unlock(&w->mutex);
}

/* ---- telling ---- */

/* On the loop's thread: the task is the one of the first commit, the units of the others hang behind its unit. */
static void on_done(struct lt_task *task)
{
    struct lt_commit *commit = (struct lt_commit *)((char *)task - offsetof(struct lt_commit, task));
    struct lt_tx *tx = commit->tx;
    while (tx) {
        struct lt_tx *next = tx->next;
        tx->commit->tx = NULL;
        tx->commit->done = true;
        if (tx->commit->waiter)
            lt_fiber_wake(tx->commit->waiter);
        lt_tx_discard(tx);
        tx = next;
    }
}

static void tell_thread(struct lt_tx *tx)
{
    pthread_mutex_lock(&blocked_mutex);
    tx->commit->tx = NULL;
    tx->commit->done = true;
    pthread_cond_broadcast(&blocked_wake);
    pthread_mutex_unlock(&blocked_mutex);
    lt_tx_discard(tx);
}

struct told {
    struct lt_loop *loop;
    struct lt_tx *first, **tail;
};

/* One posted task for each loop. From the post on, units and commits belong to the loop. */
static void tell(struct lt_tx *batch)
{
    struct told told[LOOPS];
    size_t n = 0, last = 0;
    while (batch) {
        struct lt_tx *tx = batch;
        batch = tx->next;
        tx->next = NULL;
        if (!tx->commit) {
            lt_tx_discard(tx);
            continue;
        }
        if (!tx->commit->loop) {
            tell_thread(tx);
            continue;
        }
        if (n == 0 || told[last].loop != tx->commit->loop) {
            for (last = 0; last < n && told[last].loop != tx->commit->loop; last++)
                ;
            if (last == LOOPS) {
                tx->commit->task.fn = on_done;
                lt_loop_post(tx->commit->loop, &tx->commit->task);
                last = 0;
                continue;
            }
            if (last == n)
                told[n++] = (struct told){.loop = tx->commit->loop, .tail = &told[last].first};
        }
        *told[last].tail = tx;
        told[last].tail = &tx->next;
    }
    for (size_t i = 0; i < n; i++) {
        struct lt_task *task = &told[i].first->commit->task;
        task->fn = on_done;
        lt_loop_post(told[i].loop, task);
    }
}

/* ---- a batch ---- */

static void unit_failed(struct lt_tx *tx, const struct lt_error *err)
{
    tx->failed = true;
    if (tx->commit)
        tx->commit->err = *err;
    else if (err->code != LT_ESTORE) /* an outage is logged once, not per unit */
        lt_log_error("store.write", err);
}

/* Under the mutex. */
static void count_commit(struct lt_store_stats *stats, uint64_t us)
{
    stats->commits++;
    stats->commit_us_sum += us;
    stats->commit_buckets[lt_store_bucket(us)]++;
    stats->commit_us_last = us;
    if (us > stats->commit_us_max)
        stats->commit_us_max = us;
}

static enum lt_code commit(struct lt_writer *w, struct lt_error *err)
{
    uint64_t start = lt_mono_us();
    enum lt_code code = lt_db_commit(w->db, err);
    uint64_t us = lt_mono_us() - start;
    if (code != LT_OK)
        return code;
    pthread_mutex_lock(&w->mutex);
    count_commit(&w->stats, us);
    w->stats.wal_pages = (uint64_t)w->db->wal_pages;
    pthread_mutex_unlock(&w->mutex);
    return LT_OK;
}

static enum lt_code write_together(struct lt_writer *w, struct lt_tx *batch, struct lt_error *err)
{
    enum lt_code code = lt_db_begin(w->db, err);
    for (struct lt_tx *tx = batch; code == LT_OK && tx; tx = tx->next)
        code = lt_db_apply(w->db, tx, err);
    if (code == LT_OK)
        code = commit(w, err);
    if (code != LT_OK)
        lt_db_rollback(w->db);
    return code;
}

/* One unit within its savepoint. A returned error is an outage; a unit's own fault is noted in the unit. */
static enum lt_code write_apart(struct lt_writer *w, struct lt_tx *tx, struct lt_error *err)
{
    enum lt_code code = lt_db_mark(w->db, err);
    if (code != LT_OK)
        return code;
    code = lt_db_apply(w->db, tx, err);
    if (code == LT_OK && lt_db_dangling(w->db))
        code = lt_fail(err, LT_ECONFLICT, "a row refers to one that does not exist");
    if (code == LT_ESTORE)
        return code;
    if (code != LT_OK)
        unit_failed(tx, err);
    return lt_db_unmark(w->db, code == LT_OK, err);
}

static enum lt_code write_one_by_one(struct lt_writer *w, struct lt_tx *batch, struct lt_error *err)
{
    enum lt_code code = lt_db_begin(w->db, err);
    for (struct lt_tx *tx = batch; code == LT_OK && tx; tx = tx->next)
        code = write_apart(w, tx, err);
    if (code == LT_OK)
        code = commit(w, err);
    if (code != LT_OK)
        lt_db_rollback(w->db);
    return code;
}

/* Says once that writing has stopped, and once that it goes on; unless the database says so itself. */
static void note_outage(struct lt_writer *w, enum lt_code code, const struct lt_error *err)
{
    bool broken = atomic_load_explicit(&w->broken, memory_order_relaxed), away = w->db->ops->away && w->db->ops->away(w->db);
    if (code != LT_OK && !w->said && !away) {
        lt_log_error("store.failed", err);
        w->said = true;
    }
    if (code == LT_OK && w->said) {
        lt_log(LT_LOG_INFO, "store.recovered");
        w->said = false;
    }
    if (broken != (code != LT_OK))
        atomic_store_explicit(&w->broken, code != LT_OK, memory_order_relaxed);
}

/* After a batch, with the queue as it is now. Under the mutex. */
static void note_delay(struct lt_writer *w, uint64_t batch_us)
{
    const struct lt_tx *next = w->taken ? w->taken : w->head;
    size_t batches = (w->taken_n + w->queued + BATCH - 1) / BATCH;
    atomic_store_explicit(&w->oldest_us, next ? next->queued_us : 0, memory_order_relaxed);
    atomic_store_explicit(&w->behind_us, batches > 1 ? (batches - 1) * batch_us : 0, memory_order_relaxed);
}

static enum lt_code write_now(struct lt_writer *w, struct lt_tx *batch, struct lt_error *err)
{
    enum lt_code code = write_together(w, batch, err);
    return code == LT_OK || code == LT_ESTORE ? code : write_one_by_one(w, batch, err);
}

/* What was found of the units was found in a transaction that is no more. */
static void forgive(struct lt_tx *batch)
{
    for (struct lt_tx *tx = batch; tx; tx = tx->next) {
        if (tx->failed && tx->commit)
            tx->commit->err = (struct lt_error){0};
        tx->failed = false;
    }
}

static void write_batch(struct lt_writer *w, struct lt_tx *batch, size_t n)
{
    struct lt_error err = {0};
    uint64_t began = lt_mono_us();
    enum lt_code code = write_now(w, batch, &err);
    for (useconds_t pause = AGAIN_US; code == LT_ESTORE && w->db->again && lt_mono_us() - began < LT_DB_PATIENCE_MS * 1000; pause *= 2) {
        usleep(pause < AGAIN_MAX_US ? pause : AGAIN_MAX_US);
        forgive(batch);
        code = write_now(w, batch, &err);
    }
    note_outage(w, code, &err);

    size_t failed = 0, bytes = 0;
    if (code != LT_OK)
        forgive(batch); /* a unit that collided with its neighbour is none the wiser when neither was written */
    for (struct lt_tx *tx = batch; tx; tx = tx->next) {
        if (code != LT_OK)
            unit_failed(tx, &err);
        failed += tx->failed;
        bytes += lt_tx_bytes(tx);
    }
    pthread_mutex_lock(&w->mutex);
    w->stats.units += n;
    w->stats.failed += failed;
    w->stats.queued_bytes -= bytes;
    if (n > w->stats.largest_batch)
        w->stats.largest_batch = n;
    note_delay(w, lt_mono_us() - began);
    pthread_mutex_unlock(&w->mutex);
    w->wal_moved = w->wal_cut = false;
    w->busy = n >= BUSY_UNITS;
    tell(batch);
}

/* ---- the WAL ---- */

static void checkpointed(struct lt_writer *w, bool all)
{
    w->wal_moved = all;
    /* When a reader holds pages back, another thousand must come before the next try; when all moved, the WAL starts again. */
    w->checkpoint_at = (all ? 0 : w->db->wal_pages) + CHECKPOINT_PAGES;
    if (all)
        w->db->wal_pages = 0;
    pthread_mutex_lock(&w->mutex);
    w->stats.checkpoints++;
    w->stats.checkpoints_held += !all;
    w->stats.wal_pages = (uint64_t)w->db->wal_pages;
    pthread_mutex_unlock(&w->mutex);
}

/* After each batch. `quiet`: no unit waits, so nobody's commit is delayed. */
static void checkpoint_after_batch(struct lt_writer *w, bool quiet)
{
    if (w->db->wal_pages >= WAL_PAGES_MAX && lt_mono_ms() >= w->force_after_ms) {
        bool all = lt_db_checkpoint(w->db, LT_DB_RESTART, FORCE_WAIT_MS);
        if (!all) {
            w->force_after_ms = lt_mono_ms() + FORCE_AGAIN_MS;
            lt_log(LT_LOG_WARN, "store.wal_large", LT_I("pages", w->db->wal_pages));
        }
        checkpointed(w, all);
    } else if (quiet && w->db->wal_pages >= w->checkpoint_at) {
        checkpointed(w, lt_db_checkpoint(w->db, LT_DB_PASSIVE, 0));
    }
}

/* Between batches: everything that was asked for before is in the database by then, and nowhere else. */
static void scrub_if_asked(struct lt_writer *w)
{
    pthread_mutex_lock(&w->mutex);
    uint64_t asked = w->scrub_asked, done = w->scrub_done;
    pthread_mutex_unlock(&w->mutex);
    if (asked == done || lt_mono_ms() < w->scrub_after_ms)
        return;
    bool all = lt_db_scrub(w->db, SCRUB_WAIT_MS);
    w->scrub_after_ms = all ? 0 : lt_mono_ms() + SCRUB_AGAIN_MS;
    if (!all)
        return;
    checkpointed(w, true);
    pthread_mutex_lock(&w->mutex);
    w->scrub_done = asked;
    pthread_mutex_unlock(&w->mutex);
}

void lt_writer_rest(struct lt_writer *w)
{
    atomic_store(&w->rest_asked, true);
}

uint64_t lt_writer_scrub(struct lt_writer *w)
{
    pthread_mutex_lock(&w->mutex);
    uint64_t number = ++w->scrub_asked;
    w->sleep = AWAKE;
    pthread_mutex_unlock(&w->mutex);
    pthread_cond_signal(&w->wake);
    return number;
}

bool lt_writer_scrubbed(struct lt_writer *w, uint64_t number)
{
    pthread_mutex_lock(&w->mutex);
    bool done = w->scrub_done >= number;
    pthread_mutex_unlock(&w->mutex);
    return done;
}

/* Nobody may come while we say that nothing can be written, so it is tried without anybody. */
static void probe(struct lt_writer *w)
{
    struct lt_error err = {0};
    note_outage(w, write_together(w, NULL, &err), &err);
}

/* Nothing was queued for a while. No patience with readers: there will be another quiet moment. */
static void checkpoint_when_idle(struct lt_writer *w)
{
    uint64_t idle = lt_mono_ms() - w->idle_since_ms;
    if (!w->wal_cut && idle >= LONG_IDLE_MS) {
        w->wal_cut = lt_db_checkpoint(w->db, LT_DB_TRUNCATE, 0);
        checkpointed(w, w->wal_cut);
        w->idle_since_ms = lt_mono_ms(); /* when it failed: again after as long */
    } else if (!w->wal_moved && idle >= IDLE_MS) {
        checkpointed(w, lt_db_checkpoint(w->db, LT_DB_PASSIVE, 0));
        if (atomic_exchange(&w->rest_asked, false))
            lt_db_rest(w->db);
        w->wal_moved = true; /* what a reader held back is for the long pause */
    }
}

/* ---- the thread ---- */

/* Under the mutex. */
static void wait_until(struct lt_writer *w, uint64_t us)
{
    struct timespec ts = {.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000};
    pthread_cond_timedwait(&w->wake, &w->mutex, &ts);
}

/* Under the mutex. Until somebody waits for what is queued, or for as long as patient units may lie. */
static void doze(struct lt_writer *w)
{
    uint64_t until = lt_mono_us() + PATIENCE_US;
    while (w->urgent == 0 && !w->stop && lt_mono_us() < until) {
        w->sleep = DOZING;
        wait_until(w, until);
    }
    w->sleep = AWAKE;
}

/*
 * Under the mutex. A commit costs the processor as much as several calls do, so the units of a busy daemon wait for company as long as
 * the last commit took, a millisecond at most. A daemon with little to do waits for nothing.
 */
static void gather(struct lt_writer *w)
{
    uint64_t us = w->stats.commit_us_last < GATHER_US ? w->stats.commit_us_last : GATHER_US;
    if (!w->busy || w->stop || w->queued >= GATHERED)
        return;
    pthread_mutex_unlock(&w->mutex);
    usleep((useconds_t)us);
    pthread_mutex_lock(&w->mutex);
}

/* SQLite's file is beside us: calls go on to find out whether it can be written to. */
static bool must_probe(struct lt_writer *w)
{
    return w->db->ops->away && atomic_load_explicit(&w->broken, memory_order_relaxed);
}

/* Under the mutex. Until something is queued, the end is asked for, or it is time for the WAL. */
static void sleep_idle(struct lt_writer *w)
{
    w->sleep = ASLEEP;
    if (w->scrub_asked != w->scrub_done)
        wait_until(w, w->scrub_after_ms * 1000);
    else if (must_probe(w))
        wait_until(w, lt_mono_us() + PROBE_MS * 1000);
    else if (w->wal_cut)
        pthread_cond_wait(&w->wake, &w->mutex);
    else
        wait_until(w, (w->idle_since_ms + (w->wal_moved ? LONG_IDLE_MS : IDLE_MS)) * 1000);
    w->sleep = AWAKE;
}

/* Under the mutex. True when there is work, false at the end. */
static bool wait_for_work(struct lt_writer *w)
{
    w->idle_since_ms = lt_mono_ms();
    doze(w); /* more often than not the next unit comes within this time, and then patient ones wake nobody */
    while (!w->head && !w->stop) {
        sleep_idle(w);
        if (w->head && !w->stop)
            doze(w);
        if (w->head || w->stop)
            break;
        pthread_mutex_unlock(&w->mutex);
        if (must_probe(w))
            probe(w);
        scrub_if_asked(w);
        checkpoint_when_idle(w);
        pthread_mutex_lock(&w->mutex);
    }
    return w->head != NULL;
}

/* The whole queue. False at the end. */
static bool take(struct lt_writer *w)
{
    pthread_mutex_lock(&w->mutex);
    if (wait_for_work(w))
        gather(w);
    w->taken = w->head;
    w->taken_n = w->queued;
    w->head = NULL;
    w->tail = &w->head;
    w->queued = w->urgent = 0;
    pthread_mutex_unlock(&w->mutex);
    return w->taken != NULL;
}

static bool queue_is_empty(struct lt_writer *w)
{
    pthread_mutex_lock(&w->mutex);
    bool empty = !w->head;
    pthread_mutex_unlock(&w->mutex);
    return empty;
}

static void *run(void *arg)
{
    struct lt_writer *w = arg;
    pthread_setname_np(pthread_self(), "store-writer");
    while (take(w)) {
        while (w->taken) {
            struct lt_tx *batch = w->taken, *last = batch;
            size_t n = 1;
            for (; n < BATCH && last->next; n++)
                last = last->next;
            w->taken = last->next;
            last->next = NULL;
            w->taken_n -= n;
            write_batch(w, batch, n);
            checkpoint_after_batch(w, !w->taken && queue_is_empty(w));
            scrub_if_asked(w);
        }
    }
    lt_db_checkpoint(w->db, LT_DB_TRUNCATE, FORCE_WAIT_MS);
    return NULL;
}

enum lt_code lt_writer_start(struct lt_db *db, struct lt_writer **ret, struct lt_error *err)
{
    struct lt_writer *w = calloc(1, sizeof(*w));
    if (!w)
        return lt_fail(err, LT_ESTORE, "out of memory");
    w->db = db;
    w->tail = &w->head;
    w->checkpoint_at = CHECKPOINT_PAGES;
    pthread_mutex_init(&w->mutex, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->wake, &attr);
    pthread_condattr_destroy(&attr);

    sigset_t all, before; /* signals are for the main thread */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&w->thread, NULL, run, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        free(w);
        return lt_fail(err, LT_ESTORE, "start the writer thread: %s", strerror(rc));
    }
    *ret = w;
    return LT_OK;
}

void lt_writer_stop(struct lt_writer *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->mutex);
    w->stop = true;
    pthread_mutex_unlock(&w->mutex);
    pthread_cond_signal(&w->wake);
    pthread_join(w->thread, NULL);
    lt_db_close(w->db);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->mutex);
    free(w);
}
