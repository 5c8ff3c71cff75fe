/*
 * The running daemon: loops on threads, one engine, one API, one configuration watcher. Built by serve.c in order, taken down in
 * reverse.
 */
#pragma once
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "api/access_log.h"
#include "api/api.h"
#include "cli/cli.h"
#include "cli/engine.h"
#include "core/stop.h"
#include "events/events.h"
#include "events/otlp.h"
#include "workflows/task_queue.h"

enum { LT_THREADS_MAX = 256 };

struct lt_daemon;

struct lt_daemon_loop {
    struct lt_task task;            /* runs once on the loop, several times over the life of the daemon, never two at once */
    struct lt_daemon *daemon;
    int index;
    pthread_t thread;
    struct lt_loop *loop;
    struct lt_http_server *server;  /* loop's thread only */
    struct lt_error err;            /* of the step that main waits for */
};

struct lt_daemon {
    const struct lt_settings *settings;
    struct lt_workflow_source *workflows; /* templates are looked at once a second */
    struct lt_plugin_set *plugins;
    struct lt_mcp_hub *mcp;
    struct lt_engine engine;
    struct lt_api *api;
    struct lt_privacy *privacy;
    struct lt_task_queue *tasks;
    struct lt_events *events;
    struct lt_daemon_sealer *sealer; /* NULL: not started */
    struct lt_daemon_members *members; /* NULL: has not joined */
    struct lt_tls *tls;             /* of the listener, or NULL */
    struct lt_tracer *tracer;       /* NULL: no traces */
    struct lt_otlp_options otlp;
    struct lt_access_log access_log; /* file NULL: none */
    struct lt_http_limits *limits;  /* of all servers together */
    struct lt_daemon_loop loops[LT_THREADS_MAX];
    struct lt_loop *loop_list[LT_THREADS_MAX];
    size_t loops_n;
    int listening;                  /* the socket that systemd or another parent has handed over; 0: none */
    int port;                       /* real one */
    sem_t step;                     /* main waits for a loop's step */
    pthread_barrier_t stopped, freeing; /* all loops have stopped; the API is gone, loops may be freed */
    atomic_int loops_running;
    _Atomic uint64_t drain_deadline_ms; /* 0: not draining */
    pthread_mutex_t publishing;
    int64_t generation;             /* of the published configuration; under publishing */
    struct lt_task hint;            /* posted to loop 0 when another process says that it has changed something */
    _Atomic bool hint_posted;
    bool hinted;                    /* the watcher is to look at once; loop 0 only */
    struct lt_fiber *limits_keeper; /* loop 0 only */
    struct lt_fiber *watcher, *keeper; /* of configuration and plugins; loop 0 only */
    struct lt_fiber *eraser, *vendor_eraser; /* privacy/; loop 0 only */
    struct lt_fiber *teller;        /* events/; loop 0 only */
    struct lt_indexer *indexer;
    struct lt_fiber *indexing;      /* content/search_index.h; loop 0 only */
    struct lt_stop_watch stops;     /* emergency stops; loop 0 only */
    struct lt_fiber *exporter;      /* of spans; loop 0 only */
    int reloads;                    /* fibers that read the configuration after SIGHUP; loop 0 only */
};

/* Loads the configuration and publishes it, unless a newer one was published meanwhile. Fiber or start-up. */
enum lt_code lt_daemon_reload(void *daemon, struct lt_config **ret, struct lt_error *err);
/* A thread that chains what comes to the register and removes what is too old. Around the loops: what they wrote last is chained, too. */
enum lt_code lt_daemon_sealer_start(struct lt_daemon *daemon, struct lt_error *err);
void lt_daemon_sealer_stop(struct lt_daemon *daemon);
/*
 * Writes this process into the registry (core/member.h), and recovers what processes left open that are known to be gone: of SQLite all others, of
 * PostgreSQL those of this data directory, whose lock (a descriptor) is held, and what belongs to nobody. Start-up.
 */
enum lt_code lt_daemon_members_join(struct lt_daemon *daemon, int lock, struct lt_error *err);
/* On PostgreSQL: says every few seconds that the process lives, and recovers what others left that do not. On a loop. LT_EOVERLOADED. */
enum lt_code lt_daemon_members_start(struct lt_daemon *daemon, struct lt_loop *loop);
/* Says at which address others reach it: the one that was set, else that of the listener when it is one for others. With the loops running. */
enum lt_code lt_daemon_members_advertise(struct lt_daemon *daemon, const char *base_url, struct lt_error *err);
/* The end has begun, which others may know. Any thread. */
void lt_daemon_members_draining(struct lt_daemon *daemon);
/* Ends the fiber, which is busy until it has ended. The loop's thread. */
void lt_daemon_members_end(struct lt_daemon *daemon);
bool lt_daemon_members_busy(const struct lt_daemon *daemon);
/* Takes the process out of the registry. After the loops have ended; nothing happens when it has not joined. */
void lt_daemon_members_leave(struct lt_daemon *daemon);
/* Reads where traces go, from the settings and OpenTelemetry's own variables; nothing happens where neither says so. LT_ECONFIG. Start-up. */
enum lt_code lt_daemon_trace(struct lt_daemon *daemon, struct lt_error *err);
/* Writes to the log what the fibers of all loops are at. Main thread, with the loops running. */
void lt_daemon_show_fibers(struct lt_daemon *daemon);
/* Fiber on loop 0: what of shared limits this process holds. Ends when cancelled, at once where nothing is shared. */
void lt_daemon_keep_limits(void *daemon);
/* Fiber on loop 0: twice a second looks whether another process has changed the configuration. Ends when cancelled. */
void lt_daemon_watch(void *daemon);
/* What other processes say wakes it. With the loops running; ends before they do. */
enum lt_code lt_daemon_hints_start(struct lt_daemon *daemon, struct lt_error *err);
void lt_daemon_hints_stop(struct lt_daemon *daemon);
