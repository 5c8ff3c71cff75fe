/* Shared by events/ only. */
#pragma once
#include "events/events.h"
#include "text/json.h"

enum {
    LT_EVENTS_BATCH = 50,
    LT_EVENTS_LEASE_MS = 20000,        /* from one renewal to the next: longer than a batch may take */
    LT_EVENTS_SEND_MS = 10000,         /* for one request */
};

struct lt_events_job {                 /* one destination that this process delivers to; the worker's loop only */
    struct lt_events *events;
    int64_t destination_id;
    struct lt_fiber *fiber;            /* NULL: the slot is free */
};
enum { LT_EVENTS_JOBS = 64 };

struct lt_events {
    struct lt_events_options options;
    struct lt_events_stats stats;
    char owner[37];                    /* of leases */
    struct lt_events_job jobs[LT_EVENTS_JOBS];
    struct lt_events_job consumers[LT_EVENTS_JOBS];
};

/* ---- queue.c: the store's side; fiber ---- */

/* LT_ECONFLICT: another process has it. */
enum lt_code lt_events_lease(struct lt_events *e, int64_t destination_id, struct lt_error *err);
void lt_events_release(struct lt_events *e, int64_t destination_id);
enum lt_code lt_events_batch(struct lt_events *e, struct lt_arena *arena, int64_t destination_id, struct lt_event_row **ret, size_t *ret_n,
                             struct lt_error *err);
/* Takes away what was delivered, gives up what was refused, renews the lease; after a failure the destination is left alone for a while, and *ret_paused. */
enum lt_code lt_events_settle(struct lt_events *e, int64_t destination_id, const struct lt_event_row *rows, size_t n, const struct lt_event_sent *sent,
                              bool *ret_paused, struct lt_error *err);
/* Those of which something waits, that are not left alone and that no other process delivers to; at most max. */
enum lt_code lt_events_due(struct lt_events *e, struct lt_arena *arena, int max, int64_t **ret, size_t *ret_n, struct lt_error *err);
/* How long to wait after the nth failure in a row: doubles from a second to five minutes, half of it by chance. ms. */
int64_t lt_events_pause(int64_t failures, uint32_t chance);

/* ---- deliver.c ---- */
void lt_events_deliver(void *job);
/* The destination in the configuration; NULL: there is none. */
const struct lt_event_destination *lt_events_find(const struct lt_config *config, int64_t id, const struct lt_site **ret_site);

/* ---- sweep.c ---- */
/* Gives up what is too old, drops what is too much, and counts what there is. */
enum lt_code lt_events_sweep(struct lt_events *e, struct lt_error *err);

/* ---- send.c ---- */
struct lt_event_post {                 /* one HTTP request */
    struct lt_str url, body;
    const struct lt_http_field *fields;
    size_t fields_n;
};
/* POSTs JSON; *ret_status: of the answer, 0 when none came (then an error is returned). retry_after into sent. */
enum lt_code lt_events_post(const struct lt_event_sender *s, const struct lt_event_post *post, int *ret_status, struct lt_event_sent *sent,
                            struct lt_error *err);
/* What an answer's status says of an event: taken, at fault, or to be tried again. Fills sent's error and counts. */
enum lt_event_fate lt_events_judge(int status, struct lt_event_sent *sent);

/* ---- lanes.c ---- */
/* Sends one row and says what came of it; fills *ret, but for fates and reasons. */
typedef enum lt_event_fate (*lt_event_send_one_fn)(const struct lt_event_sender *s, const struct lt_event_row *row, struct lt_event_sent *ret);
/* The first row alone, the rest with as many requests in flight as there are lanes; ends before a lease does. n at least 1. */
void lt_events_send_in_lanes(const struct lt_event_sender *s, const struct lt_event_row *rows, size_t n, lt_event_send_one_fn send_one,
                             struct lt_event_sent *ret);
/* Which lane it is in: the same for all rows of a user, or of a call where nobody was named. */
unsigned lt_events_lane(const struct lt_event_row *row);

/* ---- consume.c ---- */
#define LT_BUS_REQUEST_TYPE "org.openedx.ai_extensions.orchestration.requested.v1"
#define LT_BUS_REQUEST_TOPIC "ai-orchestration-requests"
#define LT_BUS_REQUEST_KIND "orchestration.requested" /* in the list of what was given up */
#define LT_BUS_GROUP "ai-extensions-orchestrator"
#define LT_BUS_TOPIC "lectern-events"
bool lt_bus_consumes(const struct lt_event_destination *to);
/* Fiber: takes requests until the destination is gone or it is cancelled. */
void lt_bus_consume(void *job);

/* ---- bus.c ---- */
/* A topic of the settings, or the other one, with the site's prefix. */
struct lt_str lt_bus_topic(struct lt_arena *arena, const struct lt_event_destination *to, const char *key, const char *otherwise);

/* ---- the kinds ---- */
void lt_bus_send(const struct lt_event_sender *s, const struct lt_event_row *rows, size_t n, struct lt_event_sent *ret);
void lt_webhook_send(const struct lt_event_sender *s, const struct lt_event_row *rows, size_t n, struct lt_event_sent *ret);
void lt_xapi_send(const struct lt_event_sender *s, const struct lt_event_row *rows, size_t n, struct lt_event_sent *ret);
