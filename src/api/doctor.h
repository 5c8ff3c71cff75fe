/*
 * What is wrong with an installation, and what to do about it: one table of checks (doctor.c) for GET /v1/health and `lectern doctor`. Findings
 * name nothing of another site and no path of the machine.
 */
#pragma once
#include "core/manager.h"

struct lt_deployment;
struct lt_plugin_set; /* plugin/plugin.h */

enum lt_finding_level { LT_FINDING_OK, LT_FINDING_WARNING, LT_FINDING_ERROR };
const char *lt_finding_level_name(enum lt_finding_level level);

struct lt_finding {
    const char *id, *title;      /* of the check; several may have the same */
    enum lt_finding_level level;
    struct lt_str detail, advice; /* sentences; advice "": there is nothing to do */
};

struct lt_doctor {
    struct lt_store *store;
    const struct lt_config *config;
    const struct lt_site *site;  /* of config */
    int64_t now;                 /* ms */
    /* What only some processes know; NULL or false: it is not looked at. */
    struct lt_manager *manager;  /* circuits of providers */
    struct lt_plugin_set *plugins;
    const char *data_dir;        /* disk space */
    const struct lt_deployment *deployment; /* below; NULL: of no interest */
    bool serving, https, loopback, proxies; /* a listener: does it speak TLS, is it for this machine alone, does it trust proxies of others? */
};
/* What only the operator asks: the machine, its files, and what answers on the network. NULL: it is not looked at. */
struct lt_tls;
struct lt_deployment {
    struct lt_tls *tls;          /* client context */
    const char *master_key_file; /* NULL: none */
};
enum { LT_FINDINGS_MAX = 500 };
/*
 * Runs all checks in the order of the table: *ret in the arena, at least one finding of each. A check that cannot be made is a finding too, so this
 * does not fail. Fiber, or outside loops; some reads of the store, and one write that changes
 * nothing. With `deployment` outside loops only: it asks the network, for seconds.
 */
void lt_doctor_run(struct lt_arena *arena, const struct lt_doctor *doctor, struct lt_finding **ret, size_t *ret_n);
/* [{"id", "level", "title", "detail", "advice"}, …] */
void lt_findings_write(struct lt_jw *w, const struct lt_finding *list, size_t n);
