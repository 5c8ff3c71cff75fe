/* Tools of plugins. */
#include "core/guard.h"
#include "core/tool.h"

#include "plugin/plugin.h"

enum { REQUEST_MAX = 4 << 20 };

struct plugin_tool {
    struct lt_tool tool;     /* first: what the registry has */
    struct lt_plugin *plugin;
};

static struct lt_str request_of(const struct lt_tool_context *c, const struct lt_json *arguments, struct lt_error *err)
{
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, REQUEST_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_kjson(&w, "arguments", arguments);
    lt_jw_key(&w, "context");
    lt_jw_obj(&w);
    lt_jw_kstr(&w, "course_id", c->course_id);
    lt_jw_kstr(&w, "location_id", c->location_id);
    lt_jw_kstr(&w, "ui_slot_selector_id", c->ui_slot_selector_id);
    lt_jw_kstr(&w, "content", c->content);
    lt_jw_kstr(&w, "locale", c->caller->locale);
    lt_jw_end(&w);
    lt_jw_end(&w);
    struct lt_str text = LT_STR_NULL;
    if (out.failed)
        lt_fail(err, LT_ETOO_LARGE, "what the tool is to be told is larger than %d bytes", REQUEST_MAX);
    else
        text = lt_str_copy(c->arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return text;
}

static enum lt_code on_behalf(void *ctx, struct lt_arena *arena, struct lt_str action, const struct lt_json *input, struct lt_str *ret,
                              struct lt_error *err)
{
    const struct lt_tool_context *c = ctx;
    struct lt_call_result *result = LT_NEW(arena, struct lt_call_result);
    struct lt_call_request request = {.arena = arena,
                                      .config = c->config,
                                      .caller = c->caller,
                                      .place = {c->course_id, c->location_id, c->placement},
                                      .action = action,
                                      .input = input,
                                      .talk = lt_guard_talk_of(c->manager, arena, c->caller), /* tools work with placeholders */
                                      .policy_by_lms = c->policy_by_lms};
    if (lt_process_action(c->manager, &request, result)) {
        *err = result->error;
        return err->code;
    }
    *ret = result->response;
    return LT_OK;
}

static enum lt_code call(const struct lt_tool_context *c, const struct lt_json *arguments, struct lt_str *ret, struct lt_error *err)
{
    const struct plugin_tool *t = (const struct plugin_tool *)c->tool;
    const struct lt_json *answer;
    struct lt_str request = request_of(c, arguments, err);
    if (!request.p)
        return err->code;
    uint64_t now = lt_loop_now(lt_loop_self()), left = c->deadline_ms > now ? c->deadline_ms - now : 0;
    struct lt_plugin_call q = {.arena = c->arena,
                               .kind = LT_KIND_TOOL,
                               .name = lt_str(t->tool.name),
                               .method = LT_STR("call"),
                               .request = request,
                               .deadline_ms = lt_mono_ms() + left,
                               .caller = c->caller,
                               .place = {c->course_id, c->location_id, c->placement},
                               .process_action = on_behalf,
                               .ctx = (void *)c};
    if (lt_plugin_invoke(t->plugin, &q, &answer, err))
        return err->code;
    *ret = lt_json_is(answer, LT_JSON_STRING) ? lt_json_str(answer) : answer ? lt_json_text(c->arena, answer) : LT_STR("null");
    return LT_OK;
}

enum lt_code lt_plugin_add_tool(struct lt_arena *arena, struct lt_plugin *plugin, const struct lt_json *v, struct lt_error *err)
{
    struct lt_entry *e = lt_plugin_entry(arena, plugin, LT_KIND_TOOL, v);
    struct plugin_tool *t = LT_NEW(arena, struct plugin_tool);
    t->plugin = plugin;
    t->tool = (struct lt_tool){.name = e->name,
                               .description = e->description,
                               .parameters = lt_strz(arena, lt_json_text(arena, lt_json_get(v, "parameters"))),
                               .call = call};
    e->impl = &t->tool;
    return lt_registry_add(e, err);
}
