/* Services of plugins: each is an offer whose calls go to the build that made it. */
#include <stdio.h>

#include "base/clock.h"
#include "plugin/plugin_private.h"
#include "plugin/service_call.h"

enum { REQUEST_MAX = 4 << 20 };

/* The ctx of an offer. In the build's arena. */
struct plugin_service {
    struct plugin_build *build;
    struct lt_str name;
};

/* ---- calling ---- */

static enum lt_code request_of(const struct lt_lease *l, const struct lt_service_question *q, struct lt_str *ret, struct lt_error *err)
{
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, REQUEST_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_kstr(&w, "method", q->method);
    lt_jw_kjson(&w, "arguments", q->arguments);
    lt_jw_key(&w, "scope");
    lt_jw_obj(&w);
    lt_jw_kstr(&w, "user_id", l->user_id);
    lt_jw_kstr(&w, "course_id", l->course_id);
    lt_jw_kstr(&w, "location_id", l->location_id);
    lt_jw_kstr(&w, "placement", l->placement);
    lt_jw_end(&w);
    lt_jw_end(&w);
    enum lt_code rc = out.failed ? lt_fail(err, LT_ETOO_LARGE, "what the service is to be told is larger than %d bytes", REQUEST_MAX) : LT_OK;
    *ret = rc ? LT_STR("") : lt_str_copy(q->arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return rc;
}

static enum lt_code call(void *instance, const struct lt_lease *l, const struct lt_service_question *q, const struct lt_json **ret,
                         struct lt_error *err)
{
    const struct plugin_service *s = instance;
    struct lt_plugin_call c = {.arena = q->arena, .kind = LT_KIND_SERVICE, .name = s->name, .method = LT_STR("call"), .deadline_ms = q->deadline_ms,
                               .caller = q->caller, .place = q->place, .depth = q->depth, .process_action = q->process_action, .ctx = q->ctx};
    if (request_of(l, q, &c.request, err))
        return err->code;
    return lt_plugin_invoke_build(s->build->plugin, s->build, &c, ret, err);
}

static const struct lt_service_vtable vtable = {.size = sizeof(vtable), .call = call};

/* ---- offering ---- */

static void retired(void *ctx)
{
    struct plugin_service *s = ctx;
    atomic_fetch_sub(&s->build->offers, 1);
}

static struct lt_str cut_version(const struct lt_json *v, int *major, int *minor)
{
    int64_t number = 0;
    struct lt_str rest = lt_json_str(lt_json_get(v, "version")), first = lt_str_cut(&rest, '.');
    lt_str_to_int64(first, &number);
    *major = (int)number;
    lt_str_to_int64(rest, &number);
    *minor = (int)number;
    return lt_json_str(lt_json_get(v, "name"));
}

static void offer(struct plugin_build *b, const struct lt_json *v)
{
    struct lt_error err;
    struct lt_plugin *p = b->plugin;
    struct plugin_service *s = LT_NEW(b->arena, struct plugin_service);
    struct lt_service_offer o = {.rank = LT_PLUGIN_RANK, .vtable = &vtable, .ctx = s, .retired = retired};
    *s = (struct plugin_service){b, cut_version(v, &o.major, &o.minor)};
    o.name = lt_strz(b->arena, s->name);
    o.title = lt_strz(b->arena, lt_json_str_or(lt_json_get(v, "title"), s->name));
    o.description = lt_strz(b->arena, lt_json_str_or(lt_json_get(v, "description"), LT_STR("")));
    o.plugin = p->id_z;
    pthread_mutex_lock(&p->lock);
    o.state = p->set->running && !b->child ? LT_SERVICE_STARTING : LT_SERVICE_ACTIVE;
    pthread_mutex_unlock(&p->lock);
    atomic_fetch_add(&b->offers, 1);
    if (lt_services_offer(p->set->services, &o, &err)) {
        atomic_fetch_sub(&b->offers, 1);
        lt_log_error("plugin.register", &err);
    }
}

static bool has(const struct plugin_build *b, const struct lt_json *v)
{
    const struct lt_json *list = lt_manifest_provides(&b->manifest, LT_KIND_SERVICE);
    int major, minor, own_major, own_minor;
    struct lt_str name = cut_version(v, &major, &minor);
    for (size_t i = 0; i < lt_json_len(list); i++)
        if (lt_str_eq(cut_version(lt_json_at(list, i), &own_major, &own_minor), name) && own_major == major)
            return true;
    return false;
}

void lt_plugin_offer(struct plugin_build *b, const struct plugin_build *before)
{
    struct lt_plugin_set *set = b->plugin->set;
    const struct lt_json *list = lt_manifest_provides(&b->manifest, LT_KIND_SERVICE);
    const struct lt_json *old = before ? lt_manifest_provides(&before->manifest, LT_KIND_SERVICE) : NULL;
    if (!set->services)
        return;
    for (size_t i = 0; i < lt_json_len(list); i++)
        offer(b, lt_json_at(list, i));
    for (size_t i = 0; i < lt_json_len(old); i++) {
        int major, minor;
        struct lt_str name = cut_version(lt_json_at(old, i), &major, &minor);
        if (!has(b, lt_json_at(old, i)))
            lt_services_drain_major(set->services, b->plugin->id_z, lt_strz(b->arena, name), major, lt_mono_ms() + set->options.drain_ms);
    }
}

void lt_plugin_drain(struct lt_plugin *p)
{
    if (p->set->services)
        lt_services_drain(p->set->services, p->id_z, NULL, lt_mono_ms() + p->set->options.drain_ms);
}

/* ---- how they are ---- */

void lt_plugin_report(struct plugin_build *b)
{
    struct lt_plugin *p = b->plugin;
    struct lt_services *s = p->set->services;
    char why[sizeof(b->why)];
    pthread_mutex_lock(&p->lock);
    bool up = b->child != NULL, present = p->build == b && p->use == PLUGIN_ON && !p->stopped;
    int64_t until = up ? 0 : b->until;
    memcpy(why, b->why, sizeof(why));
    pthread_mutex_unlock(&p->lock);
    if (!s || !present)
        return;
    lt_services_quarantine(s, p->id_z, until, why);
    lt_services_ready(s, p->id_z, true); /* or FAULTED, by the quarantine */
}

/* ---- components ---- */

static void put_member(struct lt_jw *w, const struct lt_json *manifest, const char *name)
{
    const struct lt_json *v = lt_json_get(manifest, name);
    if (v)
        lt_jw_kjson(w, name, v);
}

void lt_plugin_declare(struct lt_plugin *p)
{
    struct lt_error err;
    const struct lt_json *own, *m = p->build->manifest.json;
    struct lt_services *s = p->set->services;
    bool says = lt_json_get(m, "needs") || lt_json_get(m, "wants") || lt_json_get(m, "extends") || lt_json_get(m, "component");
    if (!says || !s) {
        p->component = NULL;
        return;
    }
    struct lt_arena *arena = lt_arena_new();
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, 2 * LT_MANIFEST_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_kstr(&w, "component", p->id);
    put_member(&w, m, "extends");
    put_member(&w, m, "needs");
    put_member(&w, m, "wants");
    lt_jw_end(&w);
    if (lt_json_parse(arena, lt_buf_str(&out), LT_JSON_STRICT, &own, &err) || lt_services_declare_json(s, arena, own, &err)) {
        lt_error_wrap(&err, "%s %s", p->path, err.field);
        lt_log_error("plugin.component", &err);
    } else {
        p->component = lt_services_component(s, p->id);
    }
    lt_buf_free(&out);
    lt_arena_free(arena);
}

void lt_plugins_offer(struct lt_plugin_set *s, struct lt_services *services, bool will_start)
{
    s->services = services;
    s->running = will_start;
    for (size_t i = 0; i < atomic_load(&s->n); i++) {
        struct lt_plugin *p = s->plugins[i];
        if (p->err.code || p->use != PLUGIN_ON)
            continue;
        lt_plugin_declare(p);
        lt_plugin_offer(p->build, NULL);
    }
}
