/* A plugin's orchestrator runs in the plugin and comes back for each step: the model is asked here, by the one path that there is. */
#include "workflows/plugins.h"

#include "plugin/library.h"

enum { REQUEST_MAX = 16 << 20, ANSWER_MAX = 4 << 20 };

struct plugin_orchestrator {
    struct lt_orchestrator orchestrator; /* first: what the registry has */
    const char *name;
    struct lt_plugin *plugin;
};

struct plugin_processor {
    struct lt_processor processor;       /* first */
    const char *name;
    struct lt_plugin *plugin;
    const struct lt_schema *settings;    /* NULL: any */
};

/* ---- requests ---- */

static void put_context(struct lt_jw *w, const struct lt_workflow_request *q)
{
    lt_jw_key(w, "context");
    lt_jw_obj(w);
    lt_jw_kstr(w, "course_id", q->course_id);
    lt_jw_kstr(w, "location_id", q->location_id);
    lt_jw_kstr(w, "ui_slot_selector_id", q->ui_slot_selector_id);
    lt_jw_kstr(w, "content", q->content);
    lt_jw_kstr(w, "locale", q->caller->locale);
    lt_jw_end(w);
}

static enum lt_code take_text(struct lt_arena *arena, struct lt_buf *out, struct lt_str *ret, struct lt_error *err)
{
    enum lt_code rc = out->failed ? lt_fail(err, LT_ETOO_LARGE, "what the plugin is to be told is too large") : LT_OK;
    *ret = rc ? LT_STR("") : lt_str_copy(arena, lt_buf_str(out));
    lt_buf_free(out);
    return rc;
}

/* ---- the steps of an orchestrator ---- */

/* One execution, on its fiber's stack. */
struct execution {
    struct lt_workflow_run *run;
    struct lt_error failed;      /* what the plugin asked for last failed with; code LT_OK: it went well */
};

static enum lt_code remember(struct execution *x, enum lt_code rc, const struct lt_error *err)
{
    x->failed = rc ? *err : (struct lt_error){0};
    return rc;
}

static enum lt_code on_action(void *ctx, struct lt_arena *arena, struct lt_str action, const struct lt_json *input, struct lt_str *ret,
                              struct lt_error *err)
{
    struct execution *x = ctx;
    struct lt_call_result *result = LT_NEW(arena, struct lt_call_result);
    struct lt_run_call call = {.action = lt_strz(arena, action), .input = input};
    enum lt_code rc = lt_run_ask(x->run, &call, result, err);
    *ret = result->response;
    return remember(x, rc, err);
}

/* "content": the content of the place, as the profile sets up the step. */
static enum lt_code step_content(struct lt_workflow_run *run, const struct lt_json *input, struct lt_jw *answer, struct lt_error *err)
{
    struct lt_str content;
    (void)input;
    if (lt_content_process(run, &content, err))
        return err->code;
    lt_jw_str(answer, content);
    return LT_OK;
}

static enum lt_code take_history(struct lt_arena *arena, const struct lt_json *list, struct lt_llm_question *ret, struct lt_error *err)
{
    size_t n = lt_json_len(list);
    if (n > LT_PLUGIN_HISTORY_MAX)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/history", "has %zu messages, may have %d", n, LT_PLUGIN_HISTORY_MAX);
    struct lt_message *history = LT_NEW_ARRAY(arena, struct lt_message, n + 1);
    for (size_t i = 0; i < n; i++) {
        struct lt_str role = lt_json_str(lt_json_get(lt_json_at(list, i), "role"));
        if (!lt_str_is(role, "user") && !lt_str_is(role, "assistant"))
            return lt_fail_field(err, LT_EINVALID_INPUT, "/history", "roles are user and assistant");
        history[i] = (struct lt_message){.role = role, .content = lt_json_str_or(lt_json_get(lt_json_at(list, i), "content"), LT_STR(""))};
    }
    ret->history = history;
    ret->history_n = n;
    return LT_OK;
}

/* "llm": asks the model with the profile's prompt, tools and options. {"content"?, "text"?, "history"?} */
static enum lt_code step_llm(struct lt_workflow_run *run, const struct lt_json *input, struct lt_jw *answer, struct lt_error *err)
{
    struct lt_arena *arena = run->request->arena;
    struct lt_call_result *call = LT_NEW(arena, struct lt_call_result);
    struct lt_llm_question question = {.content = lt_json_str_or(lt_json_get(input, "content"), LT_STR("")),
                                       .text = lt_json_str_or(lt_json_get(input, "text"), LT_STR(""))};
    struct lt_str text;
    if (take_history(arena, lt_json_get(input, "history"), &question, err) || lt_llm_process(run, &question, call, &text, err))
        return err->code;
    lt_jw_obj(answer);
    lt_jw_kstr(answer, "text", text);
    lt_jw_end(answer);
    return LT_OK;
}

/* "progress": tells the user how far it is. {"message", "fraction"?} */
static enum lt_code step_progress(struct lt_workflow_run *run, const struct lt_json *input, struct lt_jw *answer, struct lt_error *err)
{
    struct lt_str message = lt_json_str_or(lt_json_get(input, "message"), LT_STR(""));
    (void)err;
    lt_run_progress(run, lt_strz(run->request->arena, message), lt_json_double_or(lt_json_get(input, "fraction"), -1));
    lt_jw_null(answer);
    return LT_OK;
}

static const struct {
    const char *name;
    enum lt_code (*run)(struct lt_workflow_run *run, const struct lt_json *input, struct lt_jw *answer, struct lt_error *err);
} steps[] = {{"content", step_content}, {"llm", step_llm}, {"progress", step_progress}};

static enum lt_code on_step(void *ctx, struct lt_arena *arena, struct lt_str name, const struct lt_json *input, struct lt_str *ret,
                            struct lt_error *err)
{
    struct execution *x = ctx;
    struct lt_buf out;
    struct lt_jw w;
    enum lt_code rc = LT_EUNSUPPORTED;
    lt_fail(err, rc, "there is no step '%.*s'", LT_FMT(name));
    lt_buf_init(&out, ANSWER_MAX);
    lt_jw_init(&w, &out);
    for (size_t i = 0; i < LT_COUNT(steps); i++)
        if (lt_str_is(name, steps[i].name))
            rc = steps[i].run(x->run, input, &w, err);
    if (rc == LT_OK)
        rc = take_text(arena, &out, ret, err);
    else
        lt_buf_free(&out);
    return remember(x, rc, err);
}

static enum lt_code on_text(void *ctx, struct lt_str piece, struct lt_error *err)
{
    struct execution *x = ctx;
    return lt_run_text(x->run, piece, err);
}

/* ---- orchestrators ---- */

static enum lt_code run_request(const struct lt_workflow_run *run, struct lt_str *ret, struct lt_error *err)
{
    const struct lt_workflow_request *q = run->request;
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, REQUEST_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_kstr(&w, "action", q->action);
    lt_jw_kjson(&w, "input", run->input);
    lt_jw_kjson(&w, "settings", run->processors);
    put_context(&w, q);
    lt_jw_kbool(&w, "stream", q->stream);
    lt_jw_end(&w);
    return take_text(q->arena, &out, ret, err);
}

static enum lt_code execute(struct lt_workflow_run *run, struct lt_jw *response, struct lt_error *err)
{
    const struct plugin_orchestrator *o = (const struct plugin_orchestrator *)run->orchestrator;
    const struct lt_json *answer;
    struct execution x = {.run = run};
    struct lt_plugin_call call = {.arena = run->request->arena,
                                  .kind = LT_KIND_ORCHESTRATOR,
                                  .name = lt_str(o->name),
                                  .method = LT_STR("run"),
                                  .deadline_ms = lt_mono_ms() + LT_PLUGIN_RUN_MS,
                                  .caller = run->request->caller,
                                  .place = {run->request->course_id, run->request->location_id, run->request->placement},
                                  .process_action = on_action,
                                  .step = on_step,
                                  .on_text = on_text,
                                  .ctx = &x};
    if (run_request(run, &call.request, err))
        return err->code;
    enum lt_code rc = lt_plugin_invoke(o->plugin, &call, &answer, err);
    if (rc && rc != LT_ECANCELLED && x.failed.code)
        *err = x.failed; /* it could not go on: why not is the user's to know */
    if (rc)
        return err->code;
    if (!lt_json_is(answer, LT_JSON_OBJECT))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "orchestrator '%s' answers no object", o->orchestrator.class_name);
    lt_run_start(run); /* it may have asked no model */
    lt_jw_json(response, answer);
    return LT_OK;
}

/* The name in the registry is the class name in small letters: profiles are looked up so. */
static enum lt_code check_name(struct lt_arena *arena, const struct lt_entry *e, const struct lt_json *v, const char **ret, struct lt_error *err)
{
    char *small = lt_strz(arena, lt_json_str(lt_json_get(v, "class_name")));
    *ret = lt_strz(arena, lt_str(small));
    for (char *p = small; *p; p++)
        *p = *p >= 'A' && *p <= 'Z' ? (char)(*p + ('a' - 'A')) : *p;
    if (strcmp(small, e->name) == 0)
        return LT_OK;
    return lt_fail(err, LT_ECONFIG, "plugin '%s': %s '%s' has the class name '%s'; the name must be that in small letters", e->plugin,
                   lt_kind_name(e->kind), e->name, *ret);
}

enum lt_code lt_plugin_add_orchestrator(struct lt_arena *arena, struct lt_plugin *plugin, const struct lt_json *v, struct lt_error *err)
{
    struct lt_entry *e = lt_plugin_entry(arena, plugin, LT_KIND_ORCHESTRATOR, v);
    struct plugin_orchestrator *o = LT_NEW(arena, struct plugin_orchestrator);
    const struct lt_json *names = lt_json_get(v, "actions");
    struct lt_orchestrator_action *actions = LT_NEW_ARRAY(arena, struct lt_orchestrator_action, lt_json_len(names) + 2);
    if (check_name(arena, e, v, &o->orchestrator.class_name, err))
        return err->code;
    for (size_t i = 0; i < lt_json_len(names); i++)
        actions[i] = (struct lt_orchestrator_action){lt_strz(arena, lt_json_str(lt_json_at(names, i))), execute};
    if (lt_json_len(names) == 0)
        actions[0] = (struct lt_orchestrator_action){"run", execute};
    o->name = e->name;
    o->plugin = plugin;
    o->orchestrator.actions = actions;
    o->orchestrator.always_streams = lt_json_bool_or(lt_json_get(v, "streams"), false);
    e->impl = &o->orchestrator;
    return lt_registry_add(e, err);
}

/* ---- processors ---- */

static enum lt_code process_request(const struct lt_workflow_run *run, const struct lt_json *settings, struct lt_str text, struct lt_str *ret,
                                    struct lt_error *err)
{
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, REQUEST_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_kstr(&w, "text", text);
    lt_jw_kjson(&w, "settings", settings);
    put_context(&w, run->request);
    lt_jw_end(&w);
    return take_text(run->request->arena, &out, ret, err);
}

static enum lt_code process(const struct lt_processor *self, struct lt_workflow_run *run, const struct lt_json *settings, struct lt_str text,
                            struct lt_str *ret, struct lt_error *err)
{
    const struct plugin_processor *p = (const struct plugin_processor *)self;
    const struct lt_json *answer;
    struct lt_error wrong;
    struct lt_plugin_call call = {.arena = run->request->arena, .kind = LT_KIND_PROCESSOR, .name = lt_str(p->name), .method = LT_STR("process"),
                                  .deadline_ms = lt_mono_ms() + LT_PLUGIN_PROCESS_MS,
                                  .caller = run->request->caller,
                                  .place = {run->request->course_id, run->request->location_id, run->request->placement}};
    if (p->settings && lt_schema_check(p->settings, settings, &wrong))
        return lt_fail(err, LT_EPROFILE_INVALID, "processor_config.%s%s: %s", self->class_name, wrong.field, wrong.detail);
    if (process_request(run, settings, text, &call.request, err) || lt_plugin_invoke(p->plugin, &call, &answer, err))
        return err->code;
    if (!lt_json_is(answer, LT_JSON_STRING))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "processor '%s' answers no text", self->class_name);
    *ret = lt_json_str(answer);
    return LT_OK;
}

enum lt_code lt_plugin_add_processor(struct lt_arena *arena, struct lt_plugin *plugin, const struct lt_json *v, struct lt_error *err)
{
    struct lt_entry *e = lt_plugin_entry(arena, plugin, LT_KIND_PROCESSOR, v);
    struct plugin_processor *p = LT_NEW(arena, struct plugin_processor);
    const struct lt_json *schema = lt_json_get(v, "settings_schema");
    if (check_name(arena, e, v, &p->processor.class_name, err) || (schema && lt_schema_compile(arena, schema, &p->settings, err)))
        return err->code;
    p->name = e->name;
    p->plugin = plugin;
    p->processor.process = process;
    e->impl = &p->processor;
    return lt_registry_add(e, err);
}
