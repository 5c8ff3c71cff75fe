/*
 * Emergency stops: all AI of a site, or of all sites, ends within a second and does not begin again until the stop is lifted. They stand in a table
 * of their own, which every process on the data reads five times a second whatever the rest of the configuration is like; what runs is cancelled.
 */
#pragma once
#include "base/arena.h"
#include "core/calls.h"
#include "store/store.h"

enum { LT_STOP_REASON_MAX = 300 };

struct lt_stop {
    int64_t id, site_id;            /* site_id 0: of all sites */
    struct lt_str reason, by;       /* reason "": none was given. What learners read */
    int64_t since;                  /* ms */
    struct lt_str lifted_by;
    int64_t lifted_at;              /* ms, 0: it is in force */
};

/* ---- what is in force, in this process ---- */

struct lt_stops;
struct lt_stops *lt_stops_new(void);
void lt_stops_free(struct lt_stops *stops);
/* Reads what is in force; what runs in stopped sites is cancelled and marked so. Fiber or start-up. LT_ESTORE: what was in force before stays so. */
enum lt_code lt_stops_read(struct lt_stops *stops, struct lt_store *store, struct lt_calls *calls, struct lt_error *err);
/* LT_ESTOPPED, with the reason as learners may read it, when the site is stopped. Any thread; one atomic read when nothing is. */
enum lt_code lt_stops_check(struct lt_stops *stops, int64_t site_id, struct lt_error *err);
/* Fills err for something that was cancelled by a stop, which may be lifted by now. Returns LT_ESTOPPED. */
enum lt_code lt_stops_fail(struct lt_stops *stops, int64_t site_id, struct lt_error *err);

/* ---- changing and listing ---- */

/*
 * Durable when it returns. Stopping what is stopped for the same reason changes nothing; with another reason it is a new stop in place of the old
 * one. site_id 0: all sites. reason: at most LT_STOP_REASON_MAX bytes (LT_EINVALID_INPUT /reason); by: who. Fiber, or outside loops.
 */
enum lt_code lt_stop_set(struct lt_store *store, int64_t site_id, struct lt_str reason, struct lt_str by, struct lt_error *err);
/* Nothing happens when there is none. */
enum lt_code lt_stop_lift(struct lt_store *store, int64_t site_id, struct lt_str by, struct lt_error *err);
/* Those of the site and of all sites (site_id 0: of each one), newest first, at most `max`; in_force: without those that were lifted. In the arena. */
enum lt_code lt_stop_list(struct lt_store *store, struct lt_arena *arena, int64_t site_id, bool in_force, size_t max, struct lt_stop **ret, size_t *ret_n,
                          struct lt_error *err);

/* ---- the watcher ---- */

struct lt_manager;
struct lt_stop_watch { /* of a process; its loop's thread only */
    struct lt_manager *manager;
    struct lt_fiber *fiber; /* NULL: it does not run */
};
/* Starts the fiber that looks. LT_EOVERLOADED. */
enum lt_code lt_stop_watch_start(struct lt_stop_watch *watch, struct lt_manager *manager, struct lt_loop *loop);
/* Ends it and waits for that. Another fiber of the same loop. */
void lt_stop_watch_end(struct lt_stop_watch *watch);
