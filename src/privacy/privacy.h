/*
 * What users may ask of what is kept about them: a copy of it, and that it is deleted. Both are recorded in table privacy_job.
 *
 * An erasure is a row of that table first, so that whoever starts next goes on with one that was broken off: calls that run are cancelled and
 * waited for, then each call that has ended loses its content and its user in one unit, then the rows of the user's own go, then the files of
 * the database are cleaned. What begins while it runs is left alone. Vendors are asked to delete what they keep (vendor.c).
 */
#pragma once
#include "core/manager.h"

struct lt_privacy;

struct lt_privacy_options {
    struct lt_store *store;
    const char *files_dir;       /* with made pictures; NULL: this process has none */
    struct lt_manager *manager;  /* whose calls are cancelled, and by which vendors are asked; NULL: no call runs in this process */
    /* Forgets what is kept of the user in memory; on the fiber that erases. NULL: nothing is. */
    void (*forget)(void *ctx, int64_t site_id, struct lt_str user_id);
    void *ctx;
};
struct lt_privacy *lt_privacy_new(const struct lt_privacy_options *options);
void lt_privacy_free(struct lt_privacy *privacy);

/* ---- jobs (job.c) ---- */

struct lt_privacy_job {
    int64_t id, site_id;
    char uuid[37];
    struct lt_str kind, user_id, user_hash, pseudonym, asked_by, state, code;
    int64_t calls, records;      /* that were erased, or given */
    int64_t created_at, completed_at; /* ms; 0: not yet */
    int64_t vendor_waiting, vendor_deleted, vendor_failed; /* answers kept by vendors */
};

/*
 * Records that an erasure is asked for, durable when it returns; when one of the same user is under way, that one. asked_by: "self", a user,
 * "key PREFIX", "cli". lt_privacy_work() does it. Fiber, or outside loops. LT_EINVALID_INPUT: that is no user's id.
 */
enum lt_code lt_privacy_ask(struct lt_store *store, struct lt_arena *arena, const struct lt_site *site, struct lt_str user_id, struct lt_str asked_by,
                            struct lt_privacy_job *ret, struct lt_error *err);
/* By UUID; texts in the arena. LT_ENOT_FOUND. */
enum lt_code lt_privacy_job_find(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_str uuid, struct lt_privacy_job *ret,
                                 struct lt_error *err);
void lt_privacy_job_write(struct lt_jw *w, const struct lt_privacy_job *job);
/* The user as vendors know them: 64 hexadecimal digits. */
void lt_privacy_user_hash(const struct lt_site *site, struct lt_str user_id, char ret[65]);

/* Does what is to be done of all jobs. One at a time in a process. Fiber, or outside loops. The first error of a job is noted in its row, too. */
enum lt_code lt_privacy_work(struct lt_privacy *privacy, struct lt_error *err);
/* Any thread: somebody waits for a job that lt_privacy_worker() has not seen yet. */
void lt_privacy_hurry(struct lt_privacy *privacy);
/* Fibers of the daemon's first loop, until they are cancelled: jobs; deletions at vendors. */
void lt_privacy_worker(void *privacy);
void lt_privacy_vendor_worker(void *privacy);
/* Asks vendors for what is due now; *ret_n: how many answers are gone there. Fiber. */
enum lt_code lt_privacy_vendor_work(struct lt_privacy *privacy, struct lt_config *config, size_t *ret_n, struct lt_error *err);

/* ---- export (export.c) ---- */

/* Takes lines of JSON, each at most LT_PRIVACY_LINE_MAX bytes with its end; non-zero ends it. */
typedef enum lt_code (*lt_privacy_sink)(void *ctx, struct lt_str line);
enum { LT_PRIVACY_LINE_MAX = 160 << 20 };
/*
 * All that is kept of the user, a line for each call and for each other row, in between a first line that says what it is and a last one that
 * says how many there were. Recorded before the first line is given. Memory: one line. Fiber, or outside loops.
 */
enum lt_code lt_privacy_export(struct lt_store *store, const struct lt_site *site, struct lt_str user_id, struct lt_str asked_by,
                               lt_privacy_sink sink, void *ctx, struct lt_error *err);

/* ---- metadata (metadata.c) ---- */
/* An array of {table, what, kept, erasure, …}: the inventory. */
void lt_privacy_metadata(struct lt_jw *w);
