/*
 * The checks. Each is a function that adds what it finds; a check that adds nothing has found that all is well, in the words of its row. Where one
 * cannot look, it says so as a warning.
 */
#include "api/doctor_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "core/limit.h"
#include "core/period.h"
#include "core/policy.h"
#include "core/policy_text.h"
#include "core/price.h"
#include "core/register_months.h"
#include "core/sealed.h"
#include "core/stop.h"
#include "events/events.h"
#include "io/worker.h"
#include "plugin/plugin.h"
#include "workflows/workflow_set.h"

#define MINUTE INT64_C(60000)
#define DAY (24 * 60 * MINUTE)
#define MIB (UINT64_C(1) << 20)
enum { NAMED_MAX = 10 /* things of one kind that are named one by one */ };

/* ---- saying ---- */

void lt_check_say(struct lt_check_run *r, enum lt_finding_level level, const char *advice, const char *format, ...)
{
    char text[600];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    if (r->n < LT_FINDINGS_MAX)
        r->list[r->n++] = (struct lt_finding){.id = r->check->id, .title = r->check->title, .level = level,
                                              .detail = lt_str_copy(r->arena, lt_str(text)), .advice = lt_str(advice)};
}

static void cannot(struct lt_check_run *r, const struct lt_error *err)
{
    lt_check_say(r, LT_FINDING_WARNING, "Look again; the daemon's log says more.", "This could not be looked at: %s.", lt_code_name(err->code));
}

/* Rows, or false after saying that there are none to be had. $1 is the site; $2 a time. */
static bool rows(struct lt_check_run *r, const char *sql, int64_t time, struct lt_rows *ret)
{
    struct lt_error err;
    const struct lt_value values[] = {LT_INT(r->d->site->id), LT_INT(time)};
    if (!lt_store_query(r->d->store, r->arena, sql, values, time ? 2 : 1, NAMED_MAX, ret, &err))
        return true;
    cannot(r, &err);
    return false;
}

static int64_t figure(struct lt_check_run *r, const char *sql, int64_t time)
{
    struct lt_rows found;
    return rows(r, sql, time, &found) && found.rows > 0 ? lt_rows_int(&found, 0, 0) : 0;
}

/* ---- the machine ---- */

static void look_at_store(struct lt_check_run *r)
{
    struct lt_error err;
    struct lt_store_stats stats;
    struct lt_tx *tx = lt_tx_new();
    lt_tx_add(tx, "UPDATE meta SET value = value WHERE name = 'generation'", NULL, 0);
    if (lt_store_write(r->d->store, tx, &err)) {
        lt_check_say(r, LT_FINDING_ERROR, "Look at disk space, at the rights of the data directory and at the database; the daemon's log has the reason.",
            "Nothing can be written to the store (%s): no AI call can be recorded, so none is made.", lt_code_name(err.code));
        return;
    }
    lt_store_stats(r->d->store, &stats);
    uint32_t delay = lt_store_delay_ms(r->d->store);
    if (stats.failed > 0)
        lt_check_say(r, LT_FINDING_WARNING, "The daemon's log says which and why.", "%llu units could not be written since the start.", (unsigned long long)stats.failed);
    if (delay > 1000)
        lt_check_say(r, LT_FINDING_WARNING, "The disk is slow or busy: give the database a faster one.", "What is to be written now waits %u ms.", delay);
}

static void look_at_disk(struct lt_check_run *r)
{
    struct statvfs disk;
    if (!r->d->data_dir)
        return;
    if (statvfs(r->d->data_dir, &disk)) {
        lt_check_say(r, LT_FINDING_WARNING, "Look at the data directory.", "The space that is left cannot be told.");
        return;
    }
    uint64_t left = (uint64_t)disk.f_bavail * disk.f_frsize, all = (uint64_t)disk.f_blocks * disk.f_frsize;
    unsigned percent = all > 0 ? (unsigned)(left * 100 / all) : 100;
    if (left < 100 * MIB)
        lt_check_say(r, LT_FINDING_ERROR, "Make room at once: without it no call can be recorded, and none is made.", "The data directory has %llu MiB left.",
            (unsigned long long)(left / MIB));
    else if (left < 1024 * MIB || percent < 5)
        lt_check_say(r, LT_FINDING_WARNING, "Make room, or keep the register for a shorter time (register_keep_days).", "The data directory has %llu MiB left (%u %%).",
            (unsigned long long)(left / MIB), percent);
}

static void look_at_clock(struct lt_check_run *r)
{
    int64_t newest = figure(r, "SELECT MAX(created_at) FROM ai_call WHERE site_id = $1 AND created_at > $2", r->d->now);
    if (newest > r->d->now + 5 * MINUTE)
        lt_check_say(r, LT_FINDING_ERROR, "Set the machine's clock (NTP): limits, switches and keys go by it.",
            "The clock is %lld minutes behind the newest call of the register.", (long long)((newest - r->d->now) / MINUTE));
}

static void look_at_master_key(struct lt_check_run *r)
{
    struct lt_error err;
    struct lt_keyring *ring;
    struct lt_secrets_view view;
    if (lt_secrets_ring(r->d->store, false, &ring, &err)) {
        lt_check_say(r, LT_FINDING_ERROR, "Put the master key file back, from its backup (lectern master-key show).",
            "The master key cannot be read: keys of AI services cannot be opened, and none can be stored.");
        return;
    }
    if (!lt_secrets_look(r->d->store, ring, &view, &err) && view.lost > 0)
        lt_check_say(r, LT_FINDING_ERROR, "Put back the master key that sealed them, or enter them again.", "%zu stored secrets are sealed with a key that is not there.",
            view.lost);
    lt_keyring_free(ring);
}

static void look_at_listener(struct lt_check_run *r)
{
    if (!r->d->serving || r->d->https || r->d->loopback)
        return;
    if (r->d->proxies)
        lt_check_say(r, LT_FINDING_WARNING, "Make sure that only the proxy reaches it: keys and texts go over the network as they are.",
            "It listens on the network without TLS, for a proxy.");
    else
        lt_check_say(r, LT_FINDING_ERROR, "Give it a certificate (tls_cert, tls_key), or let it listen on 127.0.0.1 behind a proxy that has one.",
            "It listens on the network without TLS and trusts no proxy: keys and texts can be read on the way.");
}

/* ---- providers ---- */

/* Is it an AI service that may be asked? `extract` works by itself. */
static bool asks_elsewhere(const struct lt_provider_instance *p)
{
    return p->enabled && !lt_str_is(p->plugin, "extract");
}

static void look_at_providers(struct lt_check_run *r)
{
    const struct lt_site *site = r->d->site;
    size_t usable = 0, beyond = 0;
    for (size_t i = 0; i < site->instances_n; i++) {
        const struct lt_provider_instance *p = site->instances[i];
        usable += p->enabled && p->configured;
        beyond += p->configured && asks_elsewhere(p);
        if (p->enabled && !p->configured)
            lt_check_say(r, LT_FINDING_WARNING, "Complete its settings, or switch it off.", "Provider '%.*s' cannot be used: %s.", LT_FMT(p->name), p->not_configured);
    }
    if (usable == 0)
        lt_check_say(r, LT_FINDING_ERROR, "Add a provider; 'extract' needs no AI service.", "There is no provider that can be used: every call fails.");
    else if (beyond == 0)
        lt_check_say(r, LT_FINDING_OK, "Add a provider for an AI service when more is wanted.", "Only 'extract' is set up, which works without any AI service.");
}

static void look_at_circuits(struct lt_check_run *r)
{
    const struct lt_site *site = r->d->site;
    for (size_t i = 0; r->d->manager && i < site->instances_n; i++) {
        const struct lt_provider_instance *p = site->instances[i];
        struct lt_breaker_view view = lt_provider_circuit(r->d->manager, p);
        if (p->enabled && view.state != LT_BREAKER_CLOSED)
            lt_check_say(r, LT_FINDING_WARNING, "Test the provider; its answer says what is wrong. It is tried again of itself.",
                "Provider '%.*s' is left alone after %d faults in a row (%s).", LT_FMT(p->name), view.faults, lt_code_name(view.cause));
    }
}

static void look_at_prices(struct lt_check_run *r)
{
    struct lt_rows found;
    const struct lt_site *site = r->d->site;
    if (rows(r, "SELECT e.model, COUNT(*) FROM ai_call b JOIN ai_call_end e ON e.call_id = b.id WHERE b.site_id = $1 AND b.created_at >= $2"
                " AND e.state = 'completed' AND e.cost IS NULL AND e.model <> '' GROUP BY e.model ORDER BY COUNT(*) DESC",
             r->d->now - 30 * DAY, &found))
        for (size_t i = 0; i < found.rows; i++)
            lt_check_say(r, LT_FINDING_WARNING, "Set its price: without it budgets and reports of cost leave these calls out.",
                "Model '%.*s' has no price; %lld calls of the last 30 days have no cost.", LT_FMT(lt_rows_str(&found, i, 0)),
                (long long)lt_rows_int(&found, i, 1));
    size_t old = 0;
    for (size_t i = 0; i < site->prices_n; i++)
        old += site->prices[i].valid_to == 0 && site->prices[i].valid_from < r->d->now - 365 * DAY &&
               lt_price_find(site->prices, site->prices_n, site->prices[i].provider, site->prices[i].provider, site->prices[i].model, r->d->now) ==
                   &site->prices[i];
    if (old > 0)
        lt_check_say(r, LT_FINDING_WARNING, "Compare them with the vendors' lists.", "%zu prices are older than a year.", old);
}

/* ---- what the site has decided ---- */

static void look_at_stop(struct lt_check_run *r)
{
    struct lt_error err;
    struct lt_stop *stops;
    size_t n;
    if (lt_stop_list(r->d->store, r->arena, r->d->site->id, true, 2, &stops, &n, &err)) {
        cannot(r, &err);
        return;
    }
    for (size_t i = 0; i < n; i++)
        lt_check_say(r, LT_FINDING_WARNING, "Lift it when the reason is gone.", "All AI of %s is stopped, by %.*s: %.*s",
            stops[i].site_id ? "the site" : "all sites", LT_FMT(stops[i].by), LT_FMT(stops[i].reason.n > 0 ? stops[i].reason : LT_STR("no reason was given.")));
}

static void look_at_policy(struct lt_check_run *r)
{
    const struct lt_site *site = r->d->site;
    if (site->policy_version.n > 0 && site->policy_texts_n == 0)
        lt_check_say(r, LT_FINDING_ERROR, "Give the version a text, or put another one in force.", "Policy version '%.*s' is in force and has no text.",
            LT_FMT(site->policy_version));
    else if (site->policy_version.n == 0 && !site->policy_by_lms)
        lt_check_say(r, LT_FINDING_WARNING, "Write a policy, or say that the learning platform asks for consent (policy_by_lms).",
            "There is no policy: nobody is asked before AI is used.");
}

static void look_at_limits(struct lt_check_run *r)
{
    size_t n, costs = 0;
    const struct lt_limit *all = lt_limit_index_all(r->d->site->limits, &n);
    for (size_t i = 0; i < n; i++)
        costs += all[i].unit == LT_LIMIT_COST && all[i].subject == LT_LIMIT_SITE && !all[i].per_user;
    bool paid = false;
    for (size_t i = 0; i < r->d->site->instances_n; i++)
        paid = paid || asks_elsewhere(r->d->site->instances[i]);
    if (paid && costs == 0)
        lt_check_say(r, LT_FINDING_WARNING, "Set a budget: a limit of the site in the unit cost.", "The site has no limit on what AI may cost.");
}

static void look_at_keys(struct lt_check_run *r)
{
    char day[25];
    for (size_t i = 0; i < r->d->config->keys_n; i++) {
        const struct lt_site_key *key = &r->d->config->keys[i];
        if (key->site != r->d->site || key->expires_at == 0 || key->expires_at > r->d->now + 14 * DAY)
            continue;
        lt_time_format(key->expires_at, day);
        bool over = key->expires_at <= r->d->now;
        lt_check_say(r, LT_FINDING_WARNING, over ? "Revoke it, or give whoever uses it another one." : "Rotate it in time: the old one goes on during the overlap.",
            "Key '%.*s' (%s) %s on %.10s.", LT_FMT(key->name), key->prefix, over ? "expired" : "expires", day);
    }
}

static void look_at_profiles(struct lt_check_run *r)
{
    size_t n;
    const struct lt_workflow_set *set = lt_workflows(r->d->config);
    const struct lt_profile *all = lt_profile_list(set, r->d->site->id, &n);
    for (size_t i = 0; i < n; i++) {
        struct lt_error err;
        if (lt_profile_ready(set, &all[i], &err))
            lt_check_say(r, LT_FINDING_WARNING, "Mend it; the profile's page names each place.", "Profile '%.*s' cannot run: %s", LT_FMT(all[i].slug), err.detail);
    }
}

/* ---- what is kept, and what waits ---- */

static void look_at_months(struct lt_check_run *r)
{
    int64_t tables;
    struct lt_error err;
    if (lt_register_months_rest(r->d->store, &tables, &err) == LT_OK && tables > 0)
        lt_check_say(r, LT_FINDING_WARNING, "Start a daemon, which makes what is missing, and see its log for register.months.",
            "%lld tables have rows outside of all months: partitions are missing, or ids have impossible times.", (long long)tables);
}

static void look_at_register(struct lt_check_run *r)
{
    int64_t open = figure(r, "SELECT COUNT(*) FROM register_pending p JOIN ai_call b ON b.id = p.call_id WHERE b.site_id = $1 AND b.created_at < $2",
                          r->d->now - 10 * MINUTE);
    int64_t breaks = figure(r, "SELECT COUNT(*) FROM register_seal WHERE site_id = $1 AND kind = 6", 0);
    if (open > 0)
        lt_check_say(r, LT_FINDING_WARNING, "See whether a daemon runs, and what its log says.", "%lld records older than 10 minutes are not in the chain yet.",
            (long long)open);
    if (breaks > 0)
        lt_check_say(r, LT_FINDING_WARNING, "`lectern register verify` says where, and whether anything was changed.",
            "The chain has %lld breaks: places at which it was begun anew.", (long long)breaks);
    look_at_months(r);
}

static void look_at_tasks(struct lt_check_run *r)
{
    int64_t waiting = figure(r, "SELECT COUNT(*) FROM workflow_task WHERE site_id = $1 AND state = 'queued' AND not_before < $2", r->d->now - 10 * MINUTE);
    int64_t late = r->d->now - (int64_t)r->d->site->task_hard_limit_ms - 5 * MINUTE;
    int64_t stuck = figure(r, "SELECT COUNT(*) FROM workflow_task WHERE site_id = $1 AND state = 'running' AND started_at > 0 AND tries = 0 AND attempt = 1"
                              " AND started_at < $2", late);
    if (waiting > 0)
        lt_check_say(r, LT_FINDING_WARNING, "Let the daemon run more tasks at once (task_workers), or see whether one runs.", "%lld tasks wait for more than 10 minutes.",
            (long long)waiting);
    if (stuck > 0)
        lt_check_say(r, LT_FINDING_WARNING, "They are made again when the daemon that ran them starts.", "%lld tasks run for longer than they may.", (long long)stuck);
}

static void look_at_queues(struct lt_check_run *r)
{
    int64_t erasures = figure(r, "SELECT COUNT(*) FROM privacy_job WHERE site_id = $1 AND completed_at = 0 AND created_at < $2", r->d->now - DAY);
    int64_t failed = figure(r, "SELECT COUNT(*) FROM privacy_vendor_deletion WHERE site_id = $1 AND state = 'failed'", 0);
    int64_t vendors = figure(r, "SELECT COUNT(*) FROM privacy_vendor_deletion WHERE site_id = $1 AND state = 'waiting' AND created_at < $2", r->d->now - DAY);
    if (erasures > 0)
        lt_check_say(r, LT_FINDING_ERROR, "See whether a daemon runs, and what its log says.", "%lld erasures of users have been under way for more than a day.",
            (long long)erasures);
    if (vendors > 0)
        lt_check_say(r, LT_FINDING_WARNING, "They are tried again of themselves; see whether the provider answers.", "%lld deletions at AI services wait for more than a day.",
            (long long)vendors);
    if (failed > 0)
        lt_check_say(r, LT_FINDING_WARNING, "Ask the AI service to delete what it keeps.", "%lld deletions at AI services have failed for good.", (long long)failed);
}

static void look_at_plugins_now(void *arg)
{
    struct lt_check_run *r = arg;
    struct lt_plugin_view view;
    for (size_t i = 0; i < lt_plugins_count(r->d->plugins); i++) {
        lt_plugin_look(lt_plugins_at(r->d->plugins, i), r->arena, &view);
        if (view.state == LT_PLUGIN_WRONG)
            lt_check_say(r, LT_FINDING_ERROR, "Mend its manifest, or take it away.", "Plugin '%.*s' cannot be used: %.*s", LT_FMT(view.id), LT_FMT(view.reason));
        else if (view.state == LT_PLUGIN_QUARANTINED)
            lt_check_say(r, LT_FINDING_WARNING, "A new build of it begins anew; else it is tried again of itself.", "Plugin '%.*s' is left alone after %lld faults: %.*s",
                LT_FMT(view.id), (long long)view.faults, LT_FMT(view.reason));
    }
}

static void look_at_plugins(struct lt_check_run *r)
{
    if (r->d->plugins && lt_work(look_at_plugins_now, r))
        lt_check_say(r, LT_FINDING_WARNING, "Look again.", "The plugins could not be looked at: the workers have too much to do.");
}

/* One that has failed once or twice may be being restarted. */
static void look_at_destination(struct lt_check_run *r, const struct lt_event_destination *to)
{
    enum { FAILURES = 3 };
    struct lt_error err;
    struct lt_event_state s;
    if (lt_events_state(r->d->store, r->arena, to->id, &s, &err)) {
        cannot(r, &err);
        return;
    }
    if (to->enabled && !to->config)
        lt_check_say(r, LT_FINDING_ERROR, "Put the master key back that sealed its secrets, or enter them again.", "The settings of destination '%.*s' cannot be read.",
                     LT_FMT(to->name));
    else if (to->enabled && s.failures >= FAILURES)
        lt_check_say(r, LT_FINDING_WARNING, "See what the receiver says (lectern events test). It is tried again of itself, for three days.",
                     "Destination '%.*s' has taken nothing in %lld attempts in a row; %lld events wait. %.*s", LT_FMT(to->name), (long long)s.failures, (long long)s.waiting,
                     LT_FMT(s.last_error));
    if (s.dead > 0)
        lt_check_say(r, LT_FINDING_WARNING, "`lectern events dead` says why; `lectern events retry` sends them again, `drop` forgets them.",
                     "%lld events for destination '%.*s' were given up.", (long long)s.dead, LT_FMT(to->name));
}

static void look_at_events(struct lt_check_run *r)
{
    for (size_t i = 0; i < r->d->site->destinations_n; i++)
        look_at_destination(r, &r->d->site->destinations[i]);
}

/* Without its zone, days of limits and reports are those of UTC. */
static void look_at_time_zone(struct lt_check_run *r)
{
    struct lt_str zone = r->d->site->time_zone;
    if (!lt_zone_known(zone))
        lt_check_say(r, LT_FINDING_ERROR, "Install the time zone database (package tzdata), or correct time_zone.",
                     "The machine does not know the site's time zone '%.*s': days and months of limits and reports are those of UTC.", LT_FMT(zone));
}

/* ---- the table ---- */

static const struct lt_check checks[] = {
    {"store", "Records can be written", look_at_store, "The store takes and gives what it should."},
    {"disk", "Space for records", look_at_disk, "There is room."},
    {"clock", "Clock", look_at_clock, "The clock and the register agree."},
    {"master_key", "Stored secrets", look_at_master_key, "The master key is there, and every stored secret can be opened."},
    {"listener", "Connection to clients", look_at_listener, "Nothing can be read on the way."},
    {"providers", "Providers", look_at_providers, "There are providers, and all that are on can be used."},
    {"circuits", "Answers of providers", look_at_circuits, "No provider is left alone."},
    {"prices", "Prices", look_at_prices, "All models that were used have a price."},
    {"stop", "Emergency stop", look_at_stop, "Nothing is stopped."},
    {"policy", "Policy", look_at_policy, "Users are asked before AI is used."},
    {"limits", "Budget", look_at_limits, "What AI may cost is limited, or costs nothing."},
    {"keys", "Keys", look_at_keys, "No key expires within 14 days."},
    {"profiles", "Profiles", look_at_profiles, "Every profile can run."},
    {"register", "Chain of the register", look_at_register, "All records are in the chain; `lectern register verify` checks it."},
    {"tasks", "Background tasks", look_at_tasks, "None is late."},
    {"queues", "Deletions", look_at_queues, "None is late."},
    {"events", "Events", look_at_events, "Every destination takes what it is told, or there is none."},
    {"time_zone", "Time zone", look_at_time_zone, "The site's time zone is known."},
    {"plugins", "Plugins", look_at_plugins, "None is at fault."},
};

const char *lt_finding_level_name(enum lt_finding_level level)
{
    static const char *const names[] = {"ok", "warning", "error"};
    return names[level];
}

static void make_all(struct lt_check_run *r, const struct lt_check *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t before = r->n;
        r->check = &list[i];
        list[i].look(r);
        if (r->n == before && before < LT_FINDINGS_MAX)
            lt_check_say(r, LT_FINDING_OK, "", "%s", list[i].well);
    }
}

void lt_doctor_run(struct lt_arena *arena, const struct lt_doctor *doctor, struct lt_finding **ret, size_t *ret_n)
{
    struct lt_check_run r = {.d = doctor, .arena = arena, .list = LT_NEW_ARRAY(arena, struct lt_finding, LT_FINDINGS_MAX)};
    make_all(&r, checks, LT_COUNT(checks));
    if (doctor->deployment)
        make_all(&r, lt_deploy_checks, lt_deploy_checks_n);
    *ret = r.list;
    *ret_n = r.n;
}

void lt_findings_write(struct lt_jw *w, const struct lt_finding *list, size_t n)
{
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        lt_jw_obj(w);
        lt_jw_kstrz(w, "id", list[i].id);
        lt_jw_kstrz(w, "level", lt_finding_level_name(list[i].level));
        lt_jw_kstrz(w, "title", list[i].title);
        lt_jw_kstr(w, "detail", list[i].detail);
        lt_jw_kstr(w, "advice", list[i].advice);
        lt_jw_end(w);
    }
    lt_jw_end(w);
}
