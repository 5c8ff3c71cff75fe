/*
 * The HTTP side of Lectern: one route table, and the handler that a loop's server calls for each request. The object is made once at
 * start, shared by all loops, and immutable but for counters, the table of live streams and the drain flag.
 */
#pragma once
#include "core/manager.h"
#include "io/http_server.h"

struct lt_api;
struct lt_access_log; /* api/access_log.h */
struct lt_services;   /* plugin/service.h */
struct lt_plugin_set; /* plugin/plugin.h */
struct lt_task_queue; /* workflows/task_queue.h */
struct lt_events;     /* events/events.h */

struct lt_api_options {
    struct lt_store *store;
    struct lt_manager *manager;
    struct lt_services *services; /* what /v1/services tells of; NULL: nothing is offered */
    struct lt_plugin_set *plugins; /* what /v1/plugins tells of; NULL: there are none */
    struct lt_privacy *privacy; /* erases what users ask to be; NULL: it only waits */
    struct lt_task_queue *tasks; /* runs background tasks here; NULL: they only wait */
    struct lt_events *events; /* for /metrics; NULL: nothing is delivered here */
    struct lt_http_limits *limits; /* of the servers, for /metrics; NULL: not told */
    struct lt_tls *tls;      /* client context, to read issuers' keys with; NULL: no https there */
    const struct lt_network *proxies; /* whose X-Forwarded-For, -Host and -Proto count */
    size_t proxies_n;
    bool https;              /* the listener speaks TLS */
    bool loopback;           /* and is for this machine alone */
    bool metrics_all_sites;  /* /metrics tells every site's key of all sites */
    const struct lt_access_log *access_log; /* api/access_log.h; NULL: requests are not logged */
    const char *data_dir;    /* whose space /v1/health looks at; NULL: it is not told */
    int sign_in_failures;    /* that one client address may have at once (0: any number), */
    int sign_in_pause_s;     /* and once more after each pause */
    const char *share_dir;   /* holds demo/ and widgets/; NULL: no pages */
    const char *docs_dir;    /* the documentation as pages; NULL: there is none */
    const char *widgets_dir; /* the built widgets; NULL = share_dir/widgets */
    bool demo;               /* serve /demo/ */
    /* Re-reads the configuration and publishes it to every loop; called on a fiber after this process has changed it. One reference
     * for the caller. */
    enum lt_code (*reload)(void *ctx, struct lt_config **ret, struct lt_error *err);
    void *ctx;
};

/*
 * Calls with an Idempotency-Key that were under way in a process that is gone (or LT_MEMBER_ANY, LT_MEMBER_NONE: core/member.h) have been broken
 * off. *ret_n: how many. Fiber, or outside loops.
 */
enum lt_code lt_api_recover(struct lt_store *store, int64_t process, size_t *ret_n, struct lt_error *err);
/* Compiles the routes and their schemas. The options' strings must live as long as the API. LT_ECONFIG. Start-up. */
enum lt_code lt_api_new(const struct lt_api_options *options, struct lt_api **ret, struct lt_error *err);
/* After the servers were stopped, before the loops are freed (stream logs hang on loops). NULL allowed. */
void lt_api_free(struct lt_api *api);
/* The lt_http_handler; ctx is the struct lt_api. Fiber. */
void lt_api_handle(struct lt_http_request *http, void *ctx);
/* The server's `ended`: writes the line of the access log. ctx is the struct lt_api. Fiber. */
void lt_api_ended(struct lt_http_request *http, uint64_t sent, const char *closed, void *ctx);
/* An lt_events_request_fn: runs, as a task, the workflow that the request's context leads to; ctx is the struct lt_api. Fiber. */
struct lt_bus_request; /* events/avro.h */
enum lt_code lt_api_bus_request(void *api, struct lt_arena *arena, struct lt_config *config, const struct lt_site *site, const struct lt_bus_request *request,
                                struct lt_uuid id, const uint8_t hash[32], struct lt_error *err);
/* Any thread: drops what is kept in memory of a user's calls that have ended; ctx is the struct lt_api. */
void lt_api_forget(void *api, int64_t site_id, struct lt_str user_id);
/* Any thread: from now on /readyz says 503. */
void lt_api_not_ready(struct lt_api *api);
/* Any thread: the same, and calls that cost money are refused with `overloaded`. */
void lt_api_drain(struct lt_api *api);
/* Any thread, about twice a second: drops the logs of streams that ended more than a minute ago. */
void lt_api_tick(struct lt_api *api);
/* Keys of idempotency whose answer could not be kept, once the store writes again. About once a second by a daemon; one load when there is none. Fiber. */
void lt_api_keep_left(struct lt_api *api);
