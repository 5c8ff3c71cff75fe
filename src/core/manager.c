/* The manager: making one, what is available to whom, which calls run. */
#include "core/manager_private.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "core/member.h"
#include "core/picture_file.h"
#include "core/quota.h"
#include "core/record.h"

struct lt_manager *lt_manager_new(const struct lt_manager_options *options)
{
    struct lt_manager *m = calloc(1, sizeof(*m));
    if (!m)
        lt_out_of_memory(0);
    m->store = options->store;
    m->tls = options->tls;
    m->recordings_dir = options->recordings_dir;
    m->files_dir = options->files_dir;
    m->arena = lt_arena_new();
    lt_calls_init(&m->calls);
    lt_refusals_init(&m->refusals);
    lt_unended_init(&m->unended);
    lt_breakers_init(&m->breakers);
    lt_admission_init(&m->admission, options->max_running_calls);
    m->ledger = lt_ledger_new();
    if (lt_store_is_postgres(m->store)) /* other processes may be at work on it */
        lt_ledger_share(m->ledger, lt_quota_new(m->store));
    m->metrics = lt_metrics_new();
    m->stops = lt_stops_new();
    return m;
}

const char *lt_manager_files_dir(const struct lt_manager *m)
{
    return m->files_dir;
}

void lt_manager_free(struct lt_manager *m)
{
    if (!m)
        return;
    lt_stops_free(m->stops);
    lt_metrics_free(m->metrics);
    lt_quota_free(lt_ledger_quota(m->ledger));
    lt_ledger_free(m->ledger);
    lt_admission_destroy(&m->admission);
    lt_breakers_destroy(&m->breakers);
    lt_refusals_destroy(&m->refusals);
    lt_unended_destroy(&m->unended);
    lt_calls_destroy(&m->calls);
    lt_arena_free(m->arena);
    free(m);
}

static const struct lt_action_state *state_of(const struct lt_manager *m, const struct lt_action *action)
{
    const struct lt_action_state *s = atomic_load(&m->actions);
    while (s && s->action != action)
        s = s->next;
    return s;
}

enum lt_code lt_manager_prepare_action(struct lt_manager *m, const struct lt_action *action, struct lt_error *err)
{
    if (state_of(m, action))
        return LT_OK;
    struct lt_action_state *s = LT_NEW(m->arena, struct lt_action_state);
    *s = (struct lt_action_state){.action = action, .next = atomic_load(&m->actions)};
    while (action->columns[s->columns_n])
        s->columns_n++;
    if (s->columns_n > 32)
        return lt_fail(err, LT_ECONFIG, "action '%s' has more than 32 columns", action->name);
    if (lt_schema_compile_text(m->arena, action->input_schema, &s->input, err))
        return lt_error_wrap(err, "input schema of action '%s'", action->name);
    s->insert_sql = lt_record_insert_sql(m->arena, action);
    if (lt_record_create_table(m->store, action, err))
        return lt_error_wrap(err, "table of action '%s'", action->name);
    atomic_store(&m->actions, s);
    return LT_OK;
}

enum lt_code lt_manager_recover(struct lt_manager *m, int64_t process, bool own_files, struct lt_error *err)
{
    size_t interrupted = 0, left = 0;
    int64_t since = 0;
    if (lt_record_marked(m->store, &since, err) || lt_record_recover(m->store, process, &interrupted, err))
        return lt_error_wrap(err, "marking unfinished calls");
    if (own_files && m->files_dir && lt_picture_files_sweep(m->store, m->files_dir, since, &left, err))
        return lt_error_wrap(err, "removing pictures of unfinished calls");
    if (left > 0)
        lt_log(LT_LOG_WARN, "images.recovered", LT_I("removed", left));
    if (interrupted > 0)
        lt_log(LT_LOG_WARN, "register.recovered", LT_I("interrupted", interrupted));
    return LT_OK;
}

enum lt_code lt_manager_end_left(struct lt_manager *m, struct lt_error *err)
{
    struct lt_uuid id;
    size_t n = 0;
    enum lt_code rc = LT_OK;
    while (rc == LT_OK && lt_unended_take(&m->unended, &id)) {
        rc = lt_record_interrupt(m->store, id, "the database was away when the call ended", &n, err);
        if (rc == LT_EINTERNAL) /* its begin could not be written either, so there is nothing to end; the next one must not wait for it */
            rc = LT_OK;
        if (rc)
            lt_unended_add(&m->unended, id);
    }
    if (n > 0)
        lt_log(LT_LOG_WARN, "register.ended_late", LT_I("interrupted", n));
    return rc;
}

void lt_manager_lost(struct lt_manager *m)
{
    atomic_store(&m->lost_at, lt_now_ms());
    lt_calls_lost(&m->calls);
}

enum lt_code lt_manager_prepare(struct lt_manager *m, bool recover, struct lt_error *err)
{
    size_t n = lt_registry_count(LT_KIND_ACTION);
    for (size_t i = 0; i < n; i++)
        if (lt_manager_prepare_action(m, lt_registry_at(LT_KIND_ACTION, i)->impl, err))
            return err->code;
    bool alone = false;
    if (recover && lt_member_alone(m->store, &alone, err))
        return err->code;
    if (alone && lt_manager_recover(m, lt_member_left_over(m->store), true, err))
        return err->code;
    return lt_manager_look_at_stops(m, err) ? err->code : lt_charge_load(m->store, m->ledger, err);
}

enum lt_code lt_manager_look_at_stops(struct lt_manager *m, struct lt_error *err)
{
    return lt_stops_read(m->stops, m->store, &m->calls, err);
}

struct lt_stops *lt_manager_stops(struct lt_manager *m)
{
    return m->stops;
}

enum lt_code lt_run_stopped(struct lt_manager *m, const struct lt_running *running, struct lt_error *err)
{
    struct lt_uuid later = lt_uuid_first_at(atomic_load(&m->lost_at) + 1);
    if (running->stopped)
        return lt_stops_fail(m->stops, running->site_id, err);
    if (lt_fiber_cancelled() && memcmp(running->id.b, later.b, sizeof(later.b)) < 0)
        return lt_fail(err, LT_EINTERRUPTED, "others took this process for dead, so it broke off what it ran");
    return LT_OK;
}

struct lt_ledger *lt_manager_ledger(struct lt_manager *m)
{
    return m->ledger;
}

struct lt_store *lt_manager_store(struct lt_manager *m)
{
    return m->store;
}

void lt_manager_mark(struct lt_manager *m)
{
    /* No call lasts longer than the largest call_timeout_ms, one hour; the second hour is for clocks that are set back. */
    enum { LONGEST_MS = 2 * 3600 * 1000 };
    if (lt_unended_none(&m->unended))
        lt_record_mark(m->store, lt_now_ms() - LONGEST_MS);
    lt_charge_sweep(m->store, m->ledger);
}

const struct lt_action_state *lt_manager_action(const struct lt_manager *m, struct lt_str name)
{
    const struct lt_entry *entry = lt_registry_find(LT_KIND_ACTION, name);
    return entry ? state_of(m, entry->impl) : NULL;
}

static bool somebody_serves(struct lt_arena *arena, const struct lt_site *site, const struct lt_action *action)
{
    struct lt_candidate *list;
    size_t n = lt_provider_candidates(arena, site, action, &list), i = 0;
    while (i < n && list[i].reason)
        i++;
    return i < n;
}

struct lt_availability lt_action_availability(struct lt_manager *m, const struct lt_caller *caller, const struct lt_place *place, struct lt_str action)
{
    struct lt_availability a = {0};
    struct lt_arena *arena = lt_arena_new();
    struct lt_gate_subject subject = {
        .manager = m, .store = m->store, .arena = arena, .caller = caller, .place = *place, .action_name = action, .without_input = true};
    enum lt_code rc = lt_gates_check(&subject, &a.why);
    a.until_at = subject.until_at;
    if (rc && a.until_at == 0 && a.why.retry_after_s > 0)
        a.until_at = lt_now_ms() + (int64_t)a.why.retry_after_s * 1000;
    /* What nobody can serve is not offered to one who has yet to accept the policy: that would be no use. */
    if ((rc == LT_OK || rc == LT_EPOLICY) && !somebody_serves(arena, caller->site, subject.action->action))
        rc = lt_fail(&a.why, LT_ENO_PROVIDER, "no enabled and configured instance serves '%s'", subject.action->action->name);
    a.available = rc == LT_OK;
    lt_arena_free(arena);
    return a;
}

bool lt_action_available(struct lt_manager *m, struct lt_config *config, const struct lt_caller *caller, const struct lt_place *place,
                         struct lt_str action, struct lt_error *ret_error)
{
    (void)config;
    struct lt_availability a = lt_action_availability(m, caller, place, action);
    *ret_error = a.why;
    return a.available;
}

/* ---- running calls ---- */

enum lt_code lt_call_cancel(struct lt_manager *m, struct lt_uuid id, const struct lt_caller *caller, struct lt_error *err)
{
    bool any_user = !caller->is_user; /* a site's own key may cancel for its users */
    return lt_calls_cancel(&m->calls, id, caller->site->id, any_user ? LT_STR("") : caller->user_id, err);
}

size_t lt_calls_cancel_user(struct lt_manager *m, int64_t site_id, struct lt_str user_id, int64_t began_before)
{
    return lt_calls_cancel_all(&m->calls, site_id, user_id, began_before);
}

void lt_call_nudge(struct lt_manager *m, struct lt_uuid id)
{
    lt_calls_nudge(&m->calls, id);
}

bool lt_call_running(struct lt_manager *m, struct lt_uuid id)
{
    return lt_calls_has(&m->calls, id);
}

void lt_run_enter(struct lt_manager *m, struct lt_uuid id, const struct lt_caller *caller, struct lt_running *running)
{
    *running = (struct lt_running){
        .id = id, .site_id = caller->site->id, .user_id = caller->user_id, .loop = lt_loop_self(), .fiber = lt_fiber_self()};
    lt_calls_add(&m->calls, running);
}

void lt_run_leave(struct lt_manager *m, struct lt_running *running)
{
    lt_calls_remove(&m->calls, running);
}

int lt_calls_running(struct lt_manager *m)
{
    return atomic_load(&m->admission.running);
}

size_t lt_calls_running_of(struct lt_manager *m, int64_t site_id)
{
    return lt_calls_count(&m->calls, site_id);
}

enum lt_code lt_calls_check_room(struct lt_manager *m, struct lt_error *err)
{
    return lt_admission_check(&m->admission, err);
}

uint64_t lt_calls_shed(struct lt_manager *m)
{
    return atomic_load(&m->admission.shed);
}

void lt_call_checkpoint(struct lt_manager *m, struct lt_uuid id)
{
    lt_calls_checkpoint(&m->calls, id);
}

struct lt_breaker_view lt_provider_circuit(struct lt_manager *m, const struct lt_provider_instance *instance)
{
    return lt_breaker_look(lt_breakers_of(&m->breakers, instance), lt_mono_ms());
}
