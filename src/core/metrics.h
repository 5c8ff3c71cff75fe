/*
 * Figures of calls: how many ended how, and how long they took, by site, action and provider instance. Each loop counts for itself, without a
 * lock, in cells that only its thread writes; whoever reads adds the loops up. A cell is made when it is first needed.
 *
 * Whatever sites, actions and instances come, there are at most as many labels as the limits below say: those that come later, and whatever has
 * no name of the registry, are counted as "other". A name once given stays for the life of the process, so a figure never goes back.
 */
#pragma once
#include "base/error.h"
#include "io/fiber.h"

enum {
    LT_METRIC_SITES = 64,
    LT_METRIC_ACTIONS = 32,
    LT_METRIC_INSTANCES = 128,
    LT_METRIC_CELLS = 1000,      /* pairs of site and action, and of instance and action */
    LT_METRIC_BUCKETS = 15,      /* up to LT_METRIC_BUCKET_US << i; the last one for all that took longer */
    LT_METRIC_BUCKET_US = 10000, /* 10 ms, 20 ms, … 81.92 s: what OpenTelemetry's conventions for AI services ask */
};
#define LT_METRIC_OTHER "other"

struct lt_metrics;
struct lt_site;
struct lt_attempt;

struct lt_metrics *lt_metrics_new(void);
/* With no loop at work any more. NULL allowed. */
void lt_metrics_free(struct lt_metrics *metrics);

/* How a call ended. Shed: refused before anything was looked at, without a record. */
enum lt_metric_outcome { LT_METRIC_ENDED, LT_METRIC_REFUSED, LT_METRIC_SHED };
struct lt_metric_call {
    const struct lt_site *site;
    const char *action;          /* of the registry; NULL: there is no such action */
    enum lt_metric_outcome outcome;
    enum lt_code code;
    int gate;                    /* that refused (lt_gate_name()); -1: none did */
    bool stream;
    enum lt_cancel_reason why;   /* of a call that was cancelled */
    uint64_t duration_us, first_us; /* first_us: until the first piece of an answer; 0: none came */
};
/* Loop thread. */
void lt_metrics_call(struct lt_metrics *metrics, const struct lt_metric_call *call);
void lt_metrics_attempt(struct lt_metrics *metrics, const struct lt_site *site, const char *action, const struct lt_attempt *attempt, uint64_t duration_us);

/* ---- reading ---- */

struct lt_metric_histogram {
    uint64_t buckets[LT_METRIC_BUCKETS]; /* of each alone */
    uint64_t sum_us;
};
enum lt_metric_token { LT_METRIC_PROMPT, LT_METRIC_COMPLETION, LT_METRIC_CACHED, LT_METRIC_REASONING, LT_METRIC_TOKENS };
const char *lt_metric_token_name(enum lt_metric_token kind);

struct lt_metric_calls {
    const char *site, *action;
    uint64_t ended[LT_CODE_COUNT], refused[LT_CODE_COUNT], shed, streams;
    struct lt_metric_histogram duration, first;
};
struct lt_metric_attempts {
    const char *site, *instance, *action;
    uint64_t ended[LT_CODE_COUNT];
    uint64_t tokens[LT_METRIC_TOKENS];
    uint64_t cost;               /* millionths of the site's currency */
    uint64_t cost_unknown;       /* attempts that succeeded, of which it is not known */
    struct lt_metric_histogram duration;
};
struct lt_metric_site {
    const char *site;
    uint64_t gates[16];          /* refusals by each */
    uint64_t cancelled[LT_CANCEL_COUNT];
};
/*
 * Calls f for each row of that kind in which something was counted, of this site only (NULL: of all); the row is f's until it returns. Any thread.
 * What is counted meanwhile is in it or not.
 */
void lt_metrics_each_call(struct lt_metrics *metrics, const char *site, void (*f)(void *ctx, const struct lt_metric_calls *row), void *ctx);
void lt_metrics_each_attempt(struct lt_metrics *metrics, const char *site, void (*f)(void *ctx, const struct lt_metric_attempts *row), void *ctx);
void lt_metrics_each_site(struct lt_metrics *metrics, const char *site, void (*f)(void *ctx, const struct lt_metric_site *row), void *ctx);

/* ---- of the manager ---- */

struct lt_manager;
/* Calls of the site that are past the gates. Any thread, without a lock. */
int lt_manager_site_load(struct lt_manager *manager, int64_t site_id);
struct lt_metrics *lt_manager_metrics(struct lt_manager *manager);
