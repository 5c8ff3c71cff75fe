/* Rounds of a model and its tools. */
#include "workflows/tool_loop.h"

#include "base/clock.h"
#include "core/record.h"
#include "core/span.h"
#include "guard/untrusted.h"
#include "io/loop.h"
#include "tools/mcp_tools.h"

/* ---- which tools ---- */

static enum lt_code add_named(const struct lt_json *names, const struct lt_tool **out, size_t *n, struct lt_error *err)
{
    for (size_t i = 0; i < lt_json_len(names); i++) {
        struct lt_str name = lt_json_str(lt_json_at(names, i));
        const struct lt_entry *entry = lt_registry_find(LT_KIND_TOOL, name);
        if (!entry)
            return lt_fail(err, LT_EPROFILE_INVALID, "processor_config.%s.enabled_tools: there is no tool '%.*s'", lt_llm_processor.class_name,
                           LT_FMT(name));
        size_t k = 0;
        while (k < *n && out[k] != entry->impl)
            k++;
        if (k == *n)
            out[(*n)++] = entry->impl;
    }
    return LT_OK;
}

enum lt_code lt_tools_enabled(struct lt_arena *arena, const struct lt_json *settings, const struct lt_tool *const **ret, size_t *ret_n,
                              struct lt_error *err)
{
    const struct lt_json *named = lt_json_get(settings, "enabled_tools");
    bool all = lt_str_is(lt_json_str(named), "__all__") || (lt_json_len(named) == 1 && lt_str_is(lt_json_str(lt_json_at(named, 0)), "__all__"));
    size_t count = lt_registry_count(LT_KIND_TOOL);
    const struct lt_tool **out = LT_NEW_ARRAY(arena, const struct lt_tool *, count + 1);
    *ret_n = 0;
    *ret = out;
    if (!named || lt_json_is(named, LT_JSON_NULL))
        return LT_OK;
    if (!all)
        return lt_json_is(named, LT_JSON_ARRAY) ? add_named(named, out, ret_n, err)
                                                : lt_fail(err, LT_EPROFILE_INVALID, "processor_config.%s.enabled_tools: must be names, or \"__all__\"",
                                                          lt_llm_processor.class_name);
    for (; *ret_n < count; (*ret_n)++)
        out[*ret_n] = lt_registry_at(LT_KIND_TOOL, *ret_n)->impl;
    return LT_OK;
}

enum lt_code lt_tools_of_servers(struct lt_workflow_run *run, const struct lt_json *settings, const struct lt_tool *const **tools, size_t *n,
                                 struct lt_error *err)
{
    const struct lt_workflow_request *q = run->request;
    const struct lt_json *configs = lt_json_get(settings, "mcp_configs");
    if (!configs)
        return LT_OK;
    const char *where = lt_printf(q->arena, "processor_config.%s.mcp_configs", lt_llm_processor.class_name).p;
    return lt_mcp_tools_offer(q->arena, q->config, q->caller->site, configs, where, *tools, *n, tools, n, err);
}

/* ---- one call of a tool ---- */

struct loop {
    struct lt_workflow_run *run;
    const struct lt_tool *const *tools;
    size_t tools_n;
    const struct lt_approval_rule *approval;
    struct lt_uuid call_id;            /* of the call in which the model asked for the present round */
    size_t calls;                      /* of tools so far */
    struct lt_buf text;                /* of all rounds */
};

static const struct lt_tool *find(const struct loop *l, struct lt_str name)
{
    for (size_t i = 0; i < l->tools_n; i++)
        if (lt_str_is(name, l->tools[i]->name))
            return l->tools[i];
    return NULL;
}

/* A fault that the model is told, so that it can go on without or try otherwise; false: the run ends. */
static bool is_for_model(enum lt_code code)
{
    return code != LT_ECANCELLED && code != LT_ESTORE;
}

struct time_limit {
    struct lt_timer timer;
    struct lt_fiber *fiber;
    bool over;
};

static void at_time_limit(void *arg)
{
    struct time_limit *t = arg;
    t->over = true;
    lt_fiber_cancel_because(t->fiber, LT_CANCEL_TIME);
}

/* A tool that does not heed its deadline has its waits broken off there. The run goes on: only the tool was cancelled. */
static enum lt_code call_in_time(const struct lt_tool *tool, const struct lt_tool_context *context, const struct lt_json *arguments,
                                 struct lt_str *ret, struct lt_error *err)
{
    struct time_limit limit = {.fiber = lt_fiber_self()};
    uint32_t ms = context->caller->site->tool_time_ms;
    lt_timer_init(&limit.timer, lt_loop_self(), at_time_limit, &limit);
    lt_timer_set(&limit.timer, ms);
    enum lt_code rc = tool->call(context, arguments, ret, err);
    lt_timer_cancel(&limit.timer);
    if (!limit.over)
        return rc;
    lt_fiber_cancel_reset();
    return rc ? lt_fail(err, LT_ETIMEOUT, "it took longer than %g s", ms / 1000.0) : LT_OK;
}

static enum lt_code check_arguments(struct lt_arena *arena, const struct lt_tool *tool, const struct lt_json *arguments, struct lt_error *err)
{
    const struct lt_schema_options options = {.ignore_unknown = tool->foreign};
    const struct lt_json *text;
    const struct lt_schema *schema;
    if (lt_json_parse(arena, lt_str(tool->parameters), LT_JSON_STRICT, &text, err) || lt_schema_compile_with(arena, text, &options, &schema, err))
        return lt_error_wrap(err, "parameters of tool '%s'", tool->name);
    return lt_schema_check(schema, arguments, err);
}

enum lt_code lt_tool_call(const struct lt_tool_context *context, const struct lt_json *arguments, struct lt_str *ret, struct lt_error *err)
{
    if (check_arguments(context->arena, context->tool, arguments, err))
        return err->code;
    return call_in_time(context->tool, context, arguments, ret, err);
}

static enum lt_code call_tool(struct loop *l, const struct lt_tool *tool, const struct lt_json *arguments, struct lt_str *ret, struct lt_error *err)
{
    const struct lt_workflow_request *q = l->run->request;
    struct lt_tool_context context = {.tool = tool,
                                      .arena = q->arena,
                                      .manager = q->manager,
                                      .config = q->config,
                                      .caller = q->caller,
                                      .course_id = q->course_id,
                                      .location_id = q->location_id,
                                      .ui_slot_selector_id = q->ui_slot_selector_id,
                                      .placement = q->placement,
                                      .policy_by_lms = q->policy_by_lms,
                                      .content = q->content,
                                      .sources = l->run->sources,
                                      .deadline_ms = lt_loop_now(lt_loop_self()) + q->caller->site->tool_time_ms};
    return lt_tool_call(&context, arguments, ret, err);
}

static void show(const struct loop *l, const struct lt_tool *tool, const char *state)
{
    const struct lt_workflow_request *q = l->run->request;
    if (q->on_tool)
        q->on_tool(q->ctx, tool->name, state);
}

/* Not by printf, which ends at a NUL inside a text. */
static struct lt_str with_note(struct lt_arena *arena, struct lt_str text)
{
    static const char note[] = "\n(The rest is too long and was left out.)";
    char *p = lt_alloc(arena, text.n + sizeof(note));
    memcpy(mempcpy(p, text.p, text.n), note, sizeof(note));
    return (struct lt_str){p, text.n + sizeof(note) - 1};
}

/* A tool's own words, as much as a model is given of them, marked off. */
static struct lt_str bounded(struct lt_arena *arena, struct lt_str text)
{
    bool cut = text.n > LT_TOOL_RESULT_MAX;
    text.n = cut ? lt_utf8_whole(text.p, LT_TOOL_RESULT_MAX) : text.n;
    text = lt_guard_mark_off(arena, text);
    return cut ? with_note(arena, text) : text;
}

static struct lt_str both(struct lt_arena *arena, struct lt_str a, struct lt_str b)
{
    char *p = lt_alloc(arena, a.n + 1 + b.n), *at = mempcpy(p, a.p, a.n);
    *at++ = '\n';
    memcpy(at, b.p, b.n);
    return (struct lt_str){p, a.n + 1 + b.n};
}

/* Asked is only for what would run. The record says refused whatever the user's silence came of. */
static enum lt_code approve(struct loop *l, const struct lt_tool *tool, const struct lt_json *arguments, struct lt_record_tool *record,
                            struct lt_error *err)
{
    if (!tool->asks && !lt_approval_needed(l->approval, tool->name))
        return LT_OK;
    if (check_arguments(l->run->request->arena, tool, arguments, err))
        return err->code;
    enum lt_code rc = lt_approval_ask(l->run, l->call_id, tool->name, record->arguments.n ? record->arguments : LT_STR("{}"), err);
    if (rc)
        record->state = "refused";
    return rc;
}

static void end_span(struct lt_span *span, struct lt_arena *arena, const struct lt_tool *tool, enum lt_code rc)
{
    lt_span_name(span, lt_printf(arena, "execute_tool %s", tool->name));
    lt_span_text(span, "gen_ai.operation.name", LT_STR("execute_tool"));
    lt_span_text(span, "gen_ai.tool.name", lt_str(tool->name));
    lt_span_text(span, "gen_ai.tool.type", LT_STR("function"));
    lt_span_end(span, rc);
}

/* What the tool gave; the model is told what it failed with. The text of a tool is others' text. */
static enum lt_code run_tool(struct loop *l, const struct lt_tool *tool, const struct lt_json *arguments, struct lt_record_tool *record,
                             struct lt_str *ret, struct lt_error *err)
{
    struct lt_arena *arena = l->run->request->arena;
    struct lt_str result = LT_STR("");
    enum lt_code rc = approve(l, tool, arguments, record, err);
    if (rc == LT_OK) {
        uint64_t began = lt_mono_ms();
        show(l, tool, "running");
        struct lt_span *span = lt_span_begin(arena, LT_SPAN_INTERNAL);
        rc = call_tool(l, tool, arguments, &result, err);
        if (span)
            end_span(span, arena, tool, rc);
        record->duration_ms = (int64_t)(lt_mono_ms() - began);
    }
    record->code = rc;
    if (rc) {
        *ret = lt_printf(arena, "Error executing tool: %s%s%s", err->field, err->field[0] ? " " : "", err->detail);
        if (result.n > 0)
            *ret = both(arena, *ret, bounded(arena, result));
        return is_for_model(rc) ? LT_OK : rc;
    }
    record->result_bytes = (int64_t)result.n;
    *ret = bounded(arena, result);
    return LT_OK;
}

/* What the model is told a call came to; record->code says the same to the register. */
static enum lt_code told(struct loop *l, const struct lt_tool *tool, struct lt_record_tool *record, struct lt_str *ret, struct lt_error *err)
{
    const struct lt_json *arguments;
    record->code = LT_ENOT_FOUND;
    *ret = LT_STR("Error: Tool not found.");
    if (!tool)
        return LT_OK;
    record->code = LT_EINVALID_JSON;
    *ret = LT_STR("Error: Invalid JSON arguments provided.");
    if (lt_json_parse(l->run->request->arena, record->arguments.n ? record->arguments : LT_STR("{}"), LT_JSON_STRICT, &arguments, err))
        return LT_OK;
    record->code = LT_ERATE_LIMITED;
    *ret = LT_STR("Error executing tool: no more calls are allowed. Answer with what is known.");
    if (l->calls == LT_TOOL_CALLS_MAX)
        return LT_OK;
    l->calls++;
    return run_tool(l, tool, arguments, record, ret, err);
}

static enum lt_code result_of(struct loop *l, const struct lt_json *function, struct lt_record_tool *record, struct lt_str *ret, struct lt_error *err)
{
    struct lt_str name = lt_json_str_or(lt_json_get(function, "name"), LT_STR(""));
    const struct lt_tool *tool = find(l, name);
    *record = (struct lt_record_tool){.name = name,
                                      .arguments = lt_str_trim(lt_json_str_or(lt_json_get(function, "arguments"), LT_STR(""))),
                                      .known = tool != NULL};
    enum lt_code rc = told(l, tool, record, ret, err);
    if (!record->state)
        record->state = record->code ? "failed" : "done";
    if (tool)
        show(l, tool, record->state);
    return rc;
}

/* ---- rounds ---- */

static void write_tools(struct lt_jw *w, const struct loop *l)
{
    lt_jw_key(w, "tools");
    lt_jw_arr(w);
    for (size_t i = 0; i < l->tools_n; i++) {
        lt_jw_obj(w);
        lt_jw_kstrz(w, "type", "function");
        lt_jw_key(w, "function");
        lt_jw_obj(w);
        lt_jw_kstrz(w, "name", l->tools[i]->name);
        lt_jw_kstrz(w, "description", l->tools[i]->description);
        lt_jw_key(w, "parameters");
        lt_jw_raw(w, lt_str(l->tools[i]->parameters));
        lt_jw_end(w);
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

static enum lt_code input_of(struct loop *l, const struct lt_json *const *messages, size_t n, bool last, const struct lt_json **ret, struct lt_error *err)
{
    struct lt_arena *arena = l->run->request->arena;
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, LT_WORKFLOW_RESPONSE_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_key(&w, "messages");
    lt_jw_arr(&w);
    for (size_t i = 0; i < n; i++)
        lt_jw_json(&w, messages[i]);
    lt_jw_end(&w);
    write_tools(&w, l);
    if (last)
        lt_jw_kstrz(&w, "tool_choice", "none");
    lt_jw_end(&w);
    enum lt_code rc = out.failed ? lt_fail(err, LT_EINVALID_INPUT, "the conversation is larger than %d bytes", LT_WORKFLOW_RESPONSE_MAX)
                                 : lt_json_parse(arena, lt_str_copy(arena, lt_buf_str(&out)), LT_JSON_STRICT, ret, err);
    lt_buf_free(&out);
    return rc;
}

/* A message as the manager takes it. */
static const struct lt_json *message(struct loop *l, const char *role, struct lt_str content, const struct lt_json *tool_calls, struct lt_str tool_call_id)
{
    struct lt_arena *arena = l->run->request->arena;
    const struct lt_json *ret = NULL;
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, LT_WORKFLOW_RESPONSE_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_kstrz(&w, "role", role);
    lt_jw_kstr(&w, "content", content);
    if (tool_calls)
        lt_jw_kjson(&w, "tool_calls", tool_calls);
    if (tool_call_id.n > 0)
        lt_jw_kstr(&w, "tool_call_id", tool_call_id);
    lt_jw_end(&w);
    lt_json_parse(arena, lt_str_copy(arena, lt_buf_str(&out)), LT_JSON_STRICT, &ret, NULL);
    lt_buf_free(&out);
    return ret;
}

/* Asks once; *ret_calls: what the model wants, NULL when it has answered. */
static enum lt_code ask(struct loop *l, const struct lt_json *input, const struct lt_call_profile *profile, struct lt_call_result *ret,
                        struct lt_str *ret_text, const struct lt_json **ret_calls, struct lt_error *err)
{
    const struct lt_json *response;
    struct lt_run_call call = {.action = "continue_conversation", .input = input, .profile = profile, .show = true};
    if (lt_run_ask(l->run, &call, ret, err) || lt_json_parse(l->run->request->arena, ret->response, LT_JSON_STRICT, &response, err))
        return err->code;
    *ret_text = lt_run_cited(l->run, lt_json_str_or(lt_json_get(response, "generated_content"), LT_STR("")));
    *ret_calls = lt_json_get(response, "tool_calls");
    if (!lt_buf_put_str(&l->text, *ret_text))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer is longer than %d bytes", LT_WORKFLOW_RESPONSE_MAX);
    return LT_OK;
}

enum { MESSAGES_MAX = 200 /* of a call at the manager */ };

/* The round in the register: nobody waits for it, the call in which the model asked is durable already. */
static void record_round(const struct loop *l, struct lt_uuid call_id, const struct lt_record_tool *records, size_t n)
{
    const struct lt_workflow_request *q = l->run->request;
    struct lt_tx *tx = lt_tx_new();
    lt_record_tools(tx, call_id, records, n, q->caller->site->store_content);
    lt_store_post(q->store, tx);
}

static enum lt_code run_tools(struct loop *l, struct lt_uuid call_id, struct lt_str text, const struct lt_json *calls,
                              const struct lt_json **messages, size_t *n, struct lt_error *err)
{
    enum lt_code rc = LT_OK;
    size_t len = lt_json_len(calls), made = 0;
    if (*n + 1 + len > MESSAGES_MAX)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the model asks for more tools than a conversation can hold");
    struct lt_record_tool *records = LT_NEW_ARRAY(l->run->request->arena, struct lt_record_tool, len);
    l->call_id = call_id;
    messages[(*n)++] = message(l, "assistant", text, calls, LT_STR(""));
    while (rc == LT_OK && made < len) {
        const struct lt_json *call = lt_json_at(calls, made);
        struct lt_str result;
        rc = result_of(l, lt_json_get(call, "function"), &records[made++], &result, err);
        if (rc == LT_OK)
            messages[(*n)++] = message(l, "tool", result, NULL, lt_json_str(lt_json_get(call, "id")));
    }
    record_round(l, call_id, records, made);
    return rc;
}

/* The next call goes on from this answer, where the instance keeps it: new are the results of the tools. */
static const struct lt_call_thread *thread_after(struct lt_arena *arena, const struct lt_call_result *answer, size_t results)
{
    struct lt_call_thread *thread = LT_NEW(arena, struct lt_call_thread);
    *thread = (struct lt_call_thread){.instance_id = answer->instance->id, .response_id = answer->response_id, .new_n = results};
    return thread;
}

static enum lt_code rounds(struct loop *l, const struct lt_json *first, const struct lt_call_profile *profile, struct lt_call_result *ret,
                           struct lt_error *err)
{
    struct lt_arena *arena = l->run->request->arena;
    struct lt_call_profile *next = LT_NEW(arena, struct lt_call_profile);
    *next = *profile;
    const struct lt_json **messages = LT_NEW_ARRAY(arena, const struct lt_json *, MESSAGES_MAX), *input, *calls = NULL;
    size_t n = 0;
    for (; n < lt_json_len(first) && n < MESSAGES_MAX; n++)
        messages[n] = lt_json_at(first, n);
    for (int round = 0;; round++) {
        struct lt_str text = LT_STR_NULL;
        bool last = round == LT_TOOL_ROUNDS_MAX;
        if (input_of(l, messages, n, last, &input, err) || ask(l, input, next, ret, &text, &calls, err))
            return err->code;
        if (lt_json_len(calls) == 0)
            return LT_OK;
        if (last)
            return lt_fail(err, LT_EUPSTREAM_INVALID, "the model asks for tools without end");
        if (run_tools(l, ret->id, text, calls, messages, &n, err))
            return err->code;
        if (profile->thread)
            next->thread = thread_after(arena, ret, lt_json_len(calls));
    }
}

enum lt_code lt_tool_loop(struct lt_workflow_run *run, const struct lt_tool *const *tools, size_t tools_n, const struct lt_json *messages,
                          const struct lt_call_profile *profile, const struct lt_approval_rule *approval, struct lt_call_result *ret,
                          struct lt_str *ret_text, struct lt_error *err)
{
    struct loop *l = LT_NEW(run->request->arena, struct loop);
    *l = (struct loop){.run = run, .tools = tools, .tools_n = tools_n, .approval = approval};
    lt_buf_init(&l->text, LT_WORKFLOW_RESPONSE_MAX);
    enum lt_code rc = rounds(l, messages, profile, ret, err);
    *ret_text = lt_str_copy(run->request->arena, lt_buf_str(&l->text));
    lt_buf_free(&l->text);
    return rc;
}
