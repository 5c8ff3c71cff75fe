/* Actions of plugins. */
#include "core/action.h"

#include <math.h>

#include "plugin/plugin.h"

enum { REQUEST_MAX = 8 << 20, STEP_MS = 10000, STORE_MS = 2000, MESSAGES_MAX = 200 };

struct plugin_action {
    struct lt_action action; /* first: what the registry has */
    struct lt_plugin *plugin;
    const struct lt_schema *response, *compiled;
};

/* What compile() may answer. */
static const char compiled_schema[] =
    "{\"type\":\"object\",\"required\":[\"messages\"],\"additionalProperties\":false,\"properties\":{"
    "\"messages\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":200,\"items\":{\"type\":\"object\",\"required\":[\"role\",\"content\"],"
    "\"additionalProperties\":false,\"properties\":{\"role\":{\"enum\":[\"system\",\"user\",\"assistant\"]},\"content\":{\"type\":\"string\"}}}},"
    "\"max_tokens\":{\"type\":\"integer\",\"minimum\":1},\"temperature\":{\"type\":\"number\",\"minimum\":0,\"maximum\":2},"
    "\"response_format\":{\"type\":\"object\"}}}";

static const struct plugin_action *of(const struct lt_action_call *call)
{
    return (const struct plugin_action *)call->action;
}

static enum lt_code request_of(const struct lt_action_call *call, const struct lt_neutral_result *result, struct lt_str *ret, struct lt_error *err)
{
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, REQUEST_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_kjson(&w, "input", call->input);
    lt_jw_kstr(&w, "instruction", call->instruction);
    lt_jw_kstr(&w, "locale", call->locale);
    if (result) {
        lt_jw_key(&w, "result");
        lt_jw_obj(&w);
        lt_jw_kstr(&w, "text", result->text);
        lt_jw_kstr(&w, "finish_reason", result->finish_reason);
        lt_jw_kstr(&w, "model", result->model);
        lt_jw_end(&w);
    }
    lt_jw_end(&w);
    enum lt_code rc = out.failed ? lt_fail(err, LT_ETOO_LARGE, "what the plugin is to be told is larger than %d bytes", REQUEST_MAX) : LT_OK;
    *ret = rc ? LT_STR("") : lt_str_copy(call->arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return rc;
}

static enum lt_code ask(const struct lt_action_call *call, const char *method, const struct lt_neutral_result *result, uint32_t ms,
                        const struct lt_json **ret, struct lt_error *err)
{
    struct lt_plugin_call q = {.arena = call->arena, .kind = LT_KIND_ACTION, .name = lt_str(call->action->name), .method = lt_str(method),
                               .deadline_ms = lt_mono_ms() + ms};
    if (request_of(call, result, &q.request, err))
        return err->code;
    return lt_plugin_invoke(of(call)->plugin, &q, ret, err);
}

static enum lt_code compile(const struct lt_action_call *call, struct lt_neutral_call *ret, struct lt_error *err)
{
    const struct lt_json *v, *messages;
    struct lt_error wrong;
    if (ask(call, "compile", NULL, STEP_MS, &v, err))
        return err->code;
    if (lt_schema_check(of(call)->compiled, v, &wrong))
        return lt_fail(err, LT_EINTERNAL, "the answer of compile() of action '%s' is wrong: %s %s", call->action->name, wrong.field, wrong.detail);
    *ret = (struct lt_neutral_call){.kind = LT_NEUTRAL_COMPLETION, .top_p = (double)NAN, .seed = -1,
                                    .temperature = lt_json_double_or(lt_json_get(v, "temperature"), (double)NAN),
                                    .max_tokens = lt_json_int64_or(lt_json_get(v, "max_tokens"), 0),
                                    .response_format = lt_json_get(v, "response_format")};
    messages = lt_json_get(v, "messages");
    ret->messages = LT_NEW_ARRAY(call->arena, struct lt_message, lt_json_len(messages));
    for (; ret->messages_n < lt_json_len(messages); ret->messages_n++) {
        const struct lt_json *m = lt_json_at(messages, ret->messages_n);
        ret->messages[ret->messages_n] =
            (struct lt_message){.role = lt_json_str(lt_json_get(m, "role")), .content = lt_json_str(lt_json_get(m, "content"))};
    }
    return LT_OK;
}

static enum lt_code finish(const struct lt_action_call *call, const struct lt_neutral_result *result, struct lt_jw *response, struct lt_error *err)
{
    const struct lt_json *v;
    struct lt_error wrong;
    if (ask(call, "finish", result, STEP_MS, &v, err))
        return err->code;
    if (!lt_json_is(v, LT_JSON_OBJECT))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "finish() of action '%s' answers no object", call->action->name);
    if (lt_schema_check(of(call)->response, v, &wrong))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer is not by the response schema of action '%s': %s %s", call->action->name, wrong.field,
                       wrong.detail);
    lt_jw_json(response, v);
    return LT_OK;
}

/* The record is written whatever the plugin does: without its answer the columns stay empty. */
static void store(const struct lt_action_call *call, const struct lt_neutral_result *result, struct lt_value *values)
{
    const struct lt_json *v = NULL;
    const char *const *columns = call->action->columns;
    struct lt_error err = {0};
    if (!columns[0])
        return;
    lt_fiber_shield();
    enum lt_code rc = ask(call, "store", result, STORE_MS, &v, &err);
    lt_fiber_unshield();
    if (rc && rc != LT_EUNSUPPORTED)
        lt_log_error("plugin.store", &err);
    for (size_t i = 0; columns[i]; i++)
        values[i] = LT_TEXT(lt_json_str_or(lt_json_get(v, columns[i]), LT_STR("")));
}

static const char *text_of(struct lt_arena *arena, const struct lt_json *v, const char *member)
{
    return lt_strz(arena, lt_json_text(arena, lt_json_get(v, member)));
}

enum lt_code lt_plugin_add_action(struct lt_arena *arena, struct lt_plugin *plugin, const struct lt_json *v, struct lt_error *err)
{
    struct lt_entry *e = lt_plugin_entry(arena, plugin, LT_KIND_ACTION, v);
    struct plugin_action *a = LT_NEW(arena, struct plugin_action);
    const struct lt_json *list = lt_json_get(v, "columns");
    const char **columns = LT_NEW_ARRAY(arena, const char *, lt_json_len(list) + 1);
    for (size_t i = 0; i < lt_json_len(list); i++)
        columns[i] = lt_strz(arena, lt_json_str(lt_json_at(list, i)));
    a->plugin = plugin;
    a->action = (struct lt_action){.name = e->name,
                                   .title = e->title,
                                   .description = e->description,
                                   .kind = LT_NEUTRAL_COMPLETION,
                                   .input_schema = text_of(arena, v, "input_schema"),
                                   .response_schema = text_of(arena, v, "response_schema"),
                                   .instruction = lt_strz(arena, lt_json_str_or(lt_json_get(v, "instruction"), LT_STR(""))),
                                   .columns = columns,
                                   .compile = compile,
                                   .finish = finish,
                                   .store = store};
    if (lt_schema_compile_text(arena, compiled_schema, &a->compiled, err) ||
        lt_schema_compile(arena, lt_json_get(v, "response_schema"), &a->response, err))
        return err->code;
    e->impl = &a->action;
    return lt_registry_add(e, err);
}
