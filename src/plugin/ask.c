/* Questions by name. */
#include "plugin/ask.h"

#include "plugin/host.h"

static enum lt_code process_action(struct lt_plugin_asker *a, const struct lt_json *v, struct lt_str *ret, struct lt_error *err)
{
    const struct lt_plugin_call *c = a->call;
    if (!c->process_action)
        return lt_fail(err, LT_EUNSUPPORTED, "there is nobody to ask for here");
    return c->process_action(c->ctx, c->arena, lt_json_str(lt_json_get(v, "action")), lt_json_get(v, "input"), ret, err);
}

static enum lt_code step(struct lt_plugin_asker *a, const struct lt_json *v, struct lt_str *ret, struct lt_error *err)
{
    const struct lt_plugin_call *c = a->call;
    if (!c->step)
        return lt_fail(err, LT_EUNSUPPORTED, "only an orchestrator has steps");
    return c->step(c->ctx, c->arena, lt_json_str(lt_json_get(v, "name")), lt_json_get(v, "input"), ret, err);
}

/* ---- leases ---- */

/* One line for each, for whoever wants to know who used what. */
static void audit(const struct lt_plugin_asker *a, struct lt_str service, enum lt_service_status status, const struct lt_lease *l)
{
    const struct lt_plugin_call *c = a->call;
    lt_log(status ? LT_LOG_WARN : LT_LOG_INFO, status ? "service.denied" : "service.acquired", LT_S("component", lt_component_name(a->component)),
           LT_SS("service", service), LT_S("status", lt_service_status_name(status)), LT_S("plugin", status ? "" : l->entry->plugin),
           LT_SS("site", c->caller->site->slug), LT_SS("course_id", c->place.course_id),
           LT_I("generation", status ? 0 : (int64_t)l->generation));
}

static struct lt_str write_status(const struct lt_plugin_asker *a, enum lt_service_status status, size_t id, const struct lt_lease *l)
{
    const char *name = lt_service_status_name(status);
    if (status)
        return lt_printf(a->call->arena, "{\"status\":\"%s\"}", name);
    return lt_printf(a->call->arena, "{\"status\":\"%s\",\"lease\":%zu,\"version\":\"%d.%d\"}", name, id, l->entry->major, l->entry->minor);
}

static enum lt_code acquire(struct lt_plugin_asker *a, const struct lt_json *v, struct lt_str *ret, struct lt_error *err)
{
    size_t i = 0;
    const struct lt_plugin_call *c = a->call;
    struct lt_str service = lt_json_str(lt_json_get(v, "service"));
    enum lt_service_status status = LT_SERVICE_UNDECLARED;
    while (i < LT_PLUGIN_LEASES_MAX && a->leases[i])
        i++;
    if (i == LT_PLUGIN_LEASES_MAX)
        return lt_fail(err, LT_EOVERLOADED, "more than %d leases in one call", LT_PLUGIN_LEASES_MAX);
    if (!c->caller)
        return lt_fail(err, LT_EUNSUPPORTED, "there is nobody to ask for here");
    struct lt_lease *l = LT_NEW(c->arena, struct lt_lease);
    if (a->component) {
        status = lt_service_acquire(a->component, service, c->caller, &c->place, l);
        audit(a, service, status, l);
    }
    a->leases[i] = status ? NULL : l;
    *ret = write_status(a, status, i + 1, l);
    return LT_OK;
}

/* NULL: there is no such lease. */
static struct lt_lease **lease_of(struct lt_plugin_asker *a, const struct lt_json *v)
{
    int64_t id = lt_json_int64_or(lt_json_get(v, "lease"), 0);
    return id >= 1 && id <= LT_PLUGIN_LEASES_MAX && a->leases[id - 1] ? &a->leases[id - 1] : NULL;
}

static enum lt_code call_service(struct lt_plugin_asker *a, const struct lt_json *v, struct lt_str *ret, struct lt_error *err)
{
    const struct lt_plugin_call *c = a->call;
    const struct lt_json *answer;
    struct lt_lease **l = lease_of(a, v);
    struct lt_service_question q = {.arena = c->arena,
                                    .method = lt_json_str(lt_json_get(v, "method")),
                                    .arguments = lt_json_get(v, "arguments"),
                                    .deadline_ms = c->deadline_ms,
                                    .depth = c->depth + 1,
                                    .caller = c->caller,
                                    .place = c->place,
                                    .process_action = c->process_action,
                                    .ctx = c->ctx};
    if (!l)
        return lt_fail(err, LT_EINVALID_INPUT, "there is no such lease in this call");
    if (!lt_json_is(q.arguments, LT_JSON_OBJECT))
        return lt_fail(err, LT_EINVALID_INPUT, "arguments must be an object");
    if (lt_lease_call(*l, &q, &answer, err))
        return err->code;
    *ret = answer ? lt_json_text(c->arena, answer) : LT_STR("null");
    return LT_OK;
}

static enum lt_code release(struct lt_plugin_asker *a, const struct lt_json *v, struct lt_str *ret, struct lt_error *err)
{
    struct lt_lease **l = lease_of(a, v);
    if (l)
        lt_service_release(*l);
    if (l)
        *l = NULL;
    return LT_OK;
}

void lt_plugin_asker_end(struct lt_plugin_asker *a)
{
    for (size_t i = 0; i < LT_PLUGIN_LEASES_MAX; i++)
        if (a->leases[i])
            lt_service_release(a->leases[i]);
}

/* ---- by name ---- */

static const struct {
    const char *name;
    enum lt_code (*answer)(struct lt_plugin_asker *a, const struct lt_json *question, struct lt_str *ret, struct lt_error *err);
} questions[] = {{"process_action", process_action},
                 {"step", step},
                 {"service_acquire", acquire},
                 {"service_call", call_service},
                 {"service_release", release}};

static enum lt_code ask(struct lt_plugin_asker *a, const struct lt_json *v, struct lt_str *ret, struct lt_error *err)
{
    struct lt_str name = lt_json_str(lt_json_get(v, "ask"));
    for (size_t i = 0; i < LT_COUNT(questions); i++)
        if (lt_str_is(name, questions[i].name))
            return questions[i].answer(a, v, ret, err);
    return lt_fail(err, LT_EUNSUPPORTED, "there is no question '%.*s'", LT_FMT(name));
}

struct lt_str lt_plugin_ask(struct lt_plugin_asker *a, const struct lt_json *v)
{
    struct lt_error err = {0};
    struct lt_str answer = LT_STR("null");
    enum lt_code rc = ask(a, v, &answer, &err);
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, LT_PLUGIN_LINE_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_kstrz(&w, "code", lt_code_name(rc));
    lt_jw_kstrz(&w, "detail", err.detail);
    lt_jw_key(&w, "answer");
    lt_jw_raw(&w, rc ? LT_STR("null") : answer);
    lt_jw_end(&w);
    struct lt_str line = out.failed ? LT_STR("{\"code\":\"body_too_large\"}") : lt_str_copy(a->call->arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return line;
}
