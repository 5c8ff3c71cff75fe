/* Waiting for the user's word before a tool runs. */
#include "workflows/approval.h"

#include "base/clock.h"
#include "core/calls.h"
#include "core/member.h"
#include "core/tool.h"

/* ---- which tools ---- */

const char *lt_approval_rule_wrong(const struct lt_json *rule)
{
    static const char text[] = "must be \"always\", \"never\" or an array of names of tools";
    if (!rule || lt_json_is(rule, LT_JSON_NULL))
        return NULL;
    if (lt_json_is(rule, LT_JSON_STRING))
        return lt_str_is(lt_json_str(rule), "always") || lt_str_is(lt_json_str(rule), "never") ? NULL : text;
    for (size_t i = 0; i < lt_json_len(rule); i++)
        if (!lt_json_is(rule, LT_JSON_ARRAY) || !lt_json_is(lt_json_at(rule, i), LT_JSON_STRING))
            return text;
    return lt_json_is(rule, LT_JSON_ARRAY) ? NULL : text;
}

static bool is_tool(struct lt_str name, const struct lt_tool *const *tools, size_t n)
{
    bool found = lt_registry_find(LT_KIND_TOOL, name) != NULL;
    for (size_t i = 0; !found && i < n; i++)
        found = lt_str_is(name, tools[i]->name);
    return found;
}

enum lt_code lt_approval_rule_read(const struct lt_json *settings, const struct lt_tool *const *tools, size_t n, struct lt_approval_rule *ret,
                                   struct lt_error *err)
{
    const struct lt_json *rule = lt_json_get(settings, "tool_approval");
    const char *wrong = lt_approval_rule_wrong(rule);
    *ret = (struct lt_approval_rule){.all = lt_str_is(lt_json_str(rule), "always")};
    if (wrong)
        return lt_fail(err, LT_EPROFILE_INVALID, "processor_config.%s.tool_approval: %s", lt_llm_processor.class_name, wrong);
    if (!lt_json_is(rule, LT_JSON_ARRAY))
        return LT_OK;
    ret->names = rule;
    for (size_t i = 0; i < lt_json_len(rule); i++)
        if (!is_tool(lt_json_str(lt_json_at(rule, i)), tools, n))
            return lt_fail(err, LT_EPROFILE_INVALID, "processor_config.%s.tool_approval: there is no tool '%.*s'", lt_llm_processor.class_name,
                           LT_FMT(lt_json_str(lt_json_at(rule, i))));
    return LT_OK;
}

bool lt_approval_needed(const struct lt_approval_rule *rule, const char *tool)
{
    bool named = rule->all;
    for (size_t i = 0; !named && i < lt_json_len(rule->names); i++)
        named = lt_str_is(lt_json_str(lt_json_at(rule->names, i)), tool);
    return named;
}

/* ---- rows ---- */

static enum lt_code add_row(const struct lt_workflow_request *q, const struct lt_approval *a, struct lt_uuid call_id, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx,
          "INSERT INTO tool_approval (id, run_id, call_id, site_id, user_id, tool, arguments, state, asked_at, expires_at, process)"
          " VALUES ($1, $2, $3, $4, $5, $6, $7, 'pending', $8, $9, $10)",
          LT_BLOB(a->id.b, 16), LT_BLOB(a->run_id.b, 16), LT_BLOB(call_id.b, 16), LT_INT(q->caller->site->id), LT_TEXT(q->caller->user_id),
          LT_TEXT(a->tool), lt_value_text(q->caller->site->store_content ? a->arguments : LT_STR("")), LT_INT(lt_now_ms()), LT_INT(a->expires_at),
          lt_store_process_value(q->store));
    return lt_store_write(q->store, tx, err);
}

/* LT_ECONFLICT: it is decided already. */
static enum lt_code set_state(struct lt_store *store, struct lt_uuid id, const char *state, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE tool_approval SET state = $1, decided_at = $2 WHERE id = $3 AND state = 'pending'", LT_TEXTZ(state), LT_INT(lt_now_ms()),
          LT_BLOB(id.b, 16));
    lt_tx_expect(tx, 1);
    return lt_store_write(store, tx, err);
}

static enum lt_code read_state(struct lt_store *store, struct lt_arena *arena, struct lt_approval *a, struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err, "SELECT state, decided_at FROM tool_approval WHERE id = $1", LT_BLOB(a->id.b, 16)))
        return lt_error_wrap(err, "approval");
    a->state = r.rows > 0 ? lt_rows_str(&r, 0, 0) : LT_STR("cancelled"); /* erased with its user meanwhile */
    a->decided_at = r.rows > 0 ? lt_rows_int(&r, 0, 1) : lt_now_ms();
    return LT_OK;
}

static bool is_pending(const struct lt_approval *a)
{
    return lt_str_is(a->state, "pending");
}

/* ---- waiting ---- */

/* Who leaves decides nothing; the run ends whatever comes of this. */
static enum lt_code leave(struct lt_workflow_run *run, struct lt_approval *a, struct lt_error *err)
{
    struct lt_error ignored;
    lt_fiber_shield();
    set_state(run->request->store, a->id, "cancelled", &ignored);
    lt_fiber_unshield();
    return lt_fail(err, LT_ECANCELLED, "the caller left");
}

/*
 * Until the row says something else than pending. A nudge may come at any time, also while the row is being read: then it is read again. The last
 * look is behind the deadline, for a word that came together with it.
 */
static enum lt_code wait_for_word(struct lt_workflow_run *run, struct lt_approval *a, struct lt_error *err)
{
    struct lt_store *store = run->request->store;
    uint64_t deadline = lt_loop_now(lt_loop_self()) + run->request->caller->site->tool_approval_ms;
    for (;;) {
        enum lt_code rc = LT_OK;
        run->running->nudged = false;
        if (read_state(store, run->request->arena, a, err))
            return lt_fiber_cancelled() ? leave(run, a, err) : err->code;
        while (rc == LT_OK && is_pending(a) && !run->running->nudged)
            rc = lt_fiber_wait_for(deadline, "the user's word on a tool");
        if (rc == LT_ECANCELLED || lt_fiber_cancelled())
            return leave(run, a, err);
        if (!is_pending(a))
            return LT_OK;
        if (rc == LT_ETIMEOUT && set_state(store, a->id, "expired", err) && err->code != LT_ECONFLICT)
            return err->code;
    }
}

static void show(const struct lt_workflow_run *run, const struct lt_approval *a)
{
    run->request->on_approval(run->request->ctx, a);
}

/* Whether somebody can be asked at all. */
static enum lt_code check(const struct lt_workflow_run *run, const char *tool, struct lt_str arguments, struct lt_error *err)
{
    const struct lt_workflow_request *q = run->request;
    if (!q->on_approval || !run->running || q->caller->user_id.n == 0)
        return lt_fail(err, LT_EUNSUPPORTED, "'%s' needs the user's consent, and the user cannot be asked here", tool);
    if (arguments.n > LT_APPROVAL_ARGUMENTS_MAX)
        return lt_fail(err, LT_ETOO_LARGE, "'%s' needs the user's consent, and its arguments are longer than the %d bytes that can be shown", tool,
                       LT_APPROVAL_ARGUMENTS_MAX);
    return LT_OK;
}

enum lt_code lt_approval_ask(struct lt_workflow_run *run, struct lt_uuid call_id, const char *tool, struct lt_str arguments, struct lt_error *err)
{
    const struct lt_workflow_request *q = run->request;
    struct lt_approval *a = LT_NEW(q->arena, struct lt_approval);
    if (check(run, tool, arguments, err))
        return err->code;
    *a = (struct lt_approval){.id = lt_uuid_new(),
                              .run_id = run->result->id,
                              .tool = lt_str(tool),
                              .arguments = arguments,
                              .state = LT_STR("pending"),
                              .expires_at = lt_now_ms() + q->caller->site->tool_approval_ms};
    if (add_row(q, a, call_id, err))
        return err->code;
    show(run, a);
    if (wait_for_word(run, a, err))
        return err->code;
    show(run, a);
    if (lt_str_is(a->state, "approved"))
        return LT_OK;
    return lt_str_is(a->state, "refused") ? lt_fail(err, LT_EPERMISSION, "the user has refused this call of '%s'", tool)
                                          : lt_fail(err, LT_ETIMEOUT, "the user has not allowed this call of '%s' in time", tool);
}

/* ---- the user's word ---- */

static enum lt_code find(struct lt_store *store, struct lt_arena *arena, const struct lt_caller *caller, struct lt_approval *a, struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err, "SELECT user_id, tool FROM tool_approval WHERE id = $1 AND run_id = $2 AND site_id = $3",
                 LT_BLOB(a->id.b, 16), LT_BLOB(a->run_id.b, 16), LT_INT(caller->site->id)))
        return lt_error_wrap(err, "approval");
    if (r.rows == 0)
        return lt_fail(err, LT_ENOT_FOUND, "no such approval");
    if (caller->user_id.n == 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/user", "only the user of the call decides: name the user");
    if (!lt_str_eq(lt_rows_str(&r, 0, 0), caller->user_id))
        return lt_fail(err, LT_ENOT_FOUND, "no such approval");
    a->tool = lt_rows_str(&r, 0, 1);
    return LT_OK;
}

/* The run waits in another process: it looks once more. If it cannot be told, what was said counts when it looks for the last time. */
static void nudge_elsewhere(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_uuid run_id, struct lt_uuid id)
{
    struct lt_rows r;
    struct lt_error err;
    if (LT_QUERY(store, arena, &r, &err, "SELECT process FROM tool_approval WHERE id = $1", LT_BLOB(id.b, 16)) == LT_OK && r.rows > 0 &&
        lt_rows_int(&r, 0, 0) > 0 && lt_rows_int(&r, 0, 0) != lt_store_process(store))
        lt_member_tell(store, lt_rows_int(&r, 0, 0), &(struct lt_member_message){LT_MEMBER_NUDGE, run_id, site_id}, &err);
}

enum lt_code lt_approval_decide(struct lt_store *store, struct lt_manager *manager, struct lt_arena *arena, const struct lt_caller *caller,
                                struct lt_uuid run_id, struct lt_uuid id, bool approve, struct lt_approval *ret, struct lt_error *err)
{
    const char *state = approve ? "approved" : "refused";
    *ret = (struct lt_approval){.id = id, .run_id = run_id};
    if (find(store, arena, caller, ret, err))
        return err->code;
    enum lt_code rc = set_state(store, id, state, err);
    if (rc && rc != LT_ECONFLICT)
        return rc;
    if (rc == LT_OK && lt_call_running(manager, run_id))
        lt_call_nudge(manager, run_id);
    else if (rc == LT_OK)
        nudge_elsewhere(store, arena, caller->site->id, run_id, id);
    if (read_state(store, arena, ret, err))
        return err->code;
    return lt_str_is(ret->state, state) ? LT_OK : lt_fail(err, LT_ECONFLICT, "it is %.*s already", LT_FMT(ret->state));
}

/* ---- showing ---- */

void lt_approval_write(struct lt_jw *w, const struct lt_approval *a)
{
    char text[37];
    lt_uuid_format(a->id, text);
    lt_jw_obj(w);
    lt_jw_kstrz(w, "id", text);
    lt_jw_kstr(w, "tool", a->tool);
    lt_jw_kstr(w, "state", a->state);
    if (is_pending(a)) {
        lt_jw_kstr(w, "arguments", a->arguments);
        lt_jw_ktime(w, "expires_at", a->expires_at);
    } else {
        lt_jw_ktime(w, "decided_at", a->decided_at);
    }
    lt_jw_end(w);
}
