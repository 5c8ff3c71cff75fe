/*
 * Deleting at vendors what they keep of conversations. Each answer names the one before it, so a thread is walked back from its end: the row of
 * the one before is durable before the answer that names it is deleted.
 */
#include "base/clock.h"
#include "base/log.h"
#include "core/probe.h"
#include "core/vendor_deletion.h"
#include "privacy/private.h"

enum {
    LOOK_MS = 250,
    AT_ONCE = 20,
    ASK_MS = 20000,            /* for one answer */
    PAUSE_MS = 2000,           /* before the second try; doubles */
    PAUSE_MAX_MS = 3600 * 1000,
    DEPTH_MAX = 1000,          /* steps back */
    KEPT_MS = 30 * 24 * 3600 * 1000L, /* rows of what is over */
};

struct deletion {
    int64_t id, site_id, job_id, instance_id, depth, tries, give_up_at;
    struct lt_str response_id;
};

static const struct lt_provider_instance *instance_of(const struct lt_config *config, const struct deletion *d, struct lt_site **ret_site)
{
    for (size_t s = 0; s < config->sites_n; s++)
        for (size_t i = 0; config->sites[s].id == d->site_id && i < config->sites[s].instances_n; i++)
            if (config->sites[s].instances[i]->id == d->instance_id) {
                *ret_site = &config->sites[s];
                return config->sites[s].instances[i];
            }
    return NULL;
}

/* What the vendor says of the answer before it; "" when it keeps no such answer any more, or none stands before it. */
static enum lt_code answer_before(struct lt_privacy *p, struct lt_arena *arena, const struct lt_caller *caller,
                                  const struct lt_provider_instance *instance, const struct deletion *d, struct lt_str *ret, struct lt_error *err)
{
    uint64_t until = lt_loop_now(lt_loop_self()) + ASK_MS;
    enum lt_code rc = lt_provider_response_before(p->options.manager, arena, caller, instance, d->response_id, until, ret, err);
    if (rc != LT_ENOT_FOUND)
        return rc;
    *ret = LT_STR("");
    return LT_OK;
}

static enum lt_code name_before(struct lt_store *store, const struct deletion *d, struct lt_str before, struct lt_error *err)
{
    if (before.n == 0 || d->depth >= DEPTH_MAX)
        return LT_OK;
    int64_t now = lt_now_ms();
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx,
          "INSERT INTO privacy_vendor_deletion (site_id, job_id, instance_id, response_id, depth, state, not_before, give_up_at, created_at)"
          " VALUES ($1, $2, $3, $4, $5, 'waiting', $6, $7, $6) ON CONFLICT (instance_id, response_id) DO NOTHING",
          LT_INT(d->site_id), LT_INT(d->job_id), LT_INT(d->instance_id), LT_TEXT(before), LT_INT(d->depth + 1), LT_INT(now), LT_INT(d->give_up_at));
    return lt_store_write(store, tx, err);
}

static enum lt_code delete_there(struct lt_privacy *p, struct lt_config *config, const struct deletion *d, struct lt_error *err)
{
    struct lt_site *site = NULL;
    const struct lt_provider_instance *instance = instance_of(config, d, &site);
    if (!instance)
        return lt_fail(err, LT_ENO_PROVIDER, "the provider instance that keeps it has been removed");
    struct lt_arena *arena = lt_arena_new();
    struct lt_caller caller = {.site = site, .locale = LT_STR("")};
    struct lt_str before;
    enum lt_code rc = answer_before(p, arena, &caller, instance, d, &before, err);
    if (rc == LT_OK)
        rc = name_before(p->options.store, d, before, err);
    if (rc == LT_OK)
        rc = lt_provider_forget(p->options.manager, arena, &caller, instance, d->response_id, lt_loop_now(lt_loop_self()) + ASK_MS, err);
    lt_arena_free(arena);
    return rc == LT_ENOT_FOUND ? LT_OK : rc; /* it is not there: that is what was wanted */
}

static bool is_final(enum lt_code rc)
{
    return rc == LT_EUNSUPPORTED || rc == LT_ENO_PROVIDER;
}

static enum lt_code note(struct lt_store *store, const struct deletion *d, enum lt_code rc, const struct lt_error *why, struct lt_error *err)
{
    int64_t now = lt_now_ms(), pause = d->tries < 10 ? PAUSE_MS << d->tries : PAUSE_MAX_MS;
    bool failed = rc && (is_final(rc) || now >= d->give_up_at), again = rc && !failed;
    if (failed)
        lt_log(LT_LOG_ERROR, "privacy.vendor_keeps", LT_I("instance", d->instance_id), LT_I("job", d->job_id), LT_S("code", lt_code_name(rc)),
               LT_S("detail", why->detail));
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE privacy_vendor_deletion SET state = $1, code = $2, tries = tries + 1, not_before = $3, completed_at = $4 WHERE id = $5",
          LT_TEXTZ(again ? "waiting" : failed ? "failed" : "deleted"), LT_TEXTZ(rc ? lt_code_name(rc) : ""),
          LT_INT(again ? now + (pause < PAUSE_MAX_MS ? pause : PAUSE_MAX_MS) : 0), LT_INT(again ? 0 : now), LT_INT(d->id));
    return lt_store_write(store, tx, err);
}

static struct deletion read_row(const struct lt_rows *r, size_t i)
{
    return (struct deletion){.id = lt_rows_int(r, i, 0),
                             .site_id = lt_rows_int(r, i, 1),
                             .job_id = lt_rows_int(r, i, 2),
                             .instance_id = lt_rows_int(r, i, 3),
                             .response_id = lt_rows_str(r, i, 4),
                             .depth = lt_rows_int(r, i, 5),
                             .tries = lt_rows_int(r, i, 6),
                             .give_up_at = lt_rows_int(r, i, 7)};
}

enum lt_code lt_privacy_vendor_work(struct lt_privacy *p, struct lt_config *config, size_t *ret_n, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows r;
    *ret_n = 0;
    enum lt_code rc = LT_QUERY(p->options.store, arena, &r, err,
                               "SELECT id, site_id, job_id, instance_id, response_id, depth, tries, give_up_at FROM privacy_vendor_deletion"
                               " WHERE state = 'waiting' AND not_before <= $1 ORDER BY not_before LIMIT $2",
                               LT_INT(lt_now_ms()), LT_INT(AT_ONCE));
    for (size_t i = 0; rc == LT_OK && i < r.rows && !(rc = lt_privacy_still(p, &p->vendors, err)); i++) {
        struct deletion d = read_row(&r, i);
        struct lt_error why = {0};
        enum lt_code deleted = delete_there(p, config, &d, &why);
        if (deleted == LT_ECANCELLED)
            rc = lt_fail(err, deleted, "while vendors were asked to delete");
        else
            rc = note(p->options.store, &d, deleted, &why, err);
        *ret_n += deleted == LT_OK;
    }
    lt_arena_free(arena);
    return rc;
}

static void sweep(struct lt_store *store)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "DELETE FROM privacy_vendor_deletion WHERE completed_at > 0 AND completed_at < $1", LT_INT(lt_now_ms() - KEPT_MS));
    lt_store_post(store, tx);
}

void lt_privacy_vendor_worker(void *privacy)
{
    enum { SWEEP_EVERY = 3600 * 1000 / LOOK_MS };
    struct lt_privacy *p = privacy;
    struct lt_error err;
    bool failing = false;
    lt_fiber_set_name("deletions at vendors");
    for (unsigned looks = 0; lt_fiber_sleep(LOOK_MS) != LT_ECANCELLED; looks++) {
        size_t n;
        struct lt_config *config = lt_config_ref(lt_config_current());
        enum lt_code rc = lt_privacy_still(p, &p->vendors, &err) ? err.code : lt_privacy_vendor_work(p, config, &n, &err);
        lt_config_unref(config);
        if (rc && rc != LT_ECANCELLED && !failing) /* once for a run of failures */
            lt_log_error("privacy.vendors", &err);
        failing = rc && rc != LT_ECANCELLED;
        if (looks % SWEEP_EVERY == 0)
            sweep(p->options.store);
    }
    lt_sole_give_back(&p->vendors);
}
