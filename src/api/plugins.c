/* GET /v1/plugins: what is loaded and how it stands, and per service who wants it and what they get here. To look at: plugins are the machine's. */
#include <stdlib.h>

#include "api/services.h"
#include "io/worker.h"
#include "plugin/plugin.h"

struct look {
    struct lt_arena *arena;
    struct lt_plugin_set *set;
    struct lt_plugin_view *views;
    size_t n;
};

static int by_id(const void *a, const void *b)
{
    return lt_str_compare(((const struct lt_plugin_view *)a)->id, ((const struct lt_plugin_view *)b)->id);
}

static void look(void *arg)
{
    struct look *l = arg;
    l->n = l->set ? lt_plugins_count(l->set) : 0;
    l->views = LT_NEW_ARRAY(l->arena, struct lt_plugin_view, l->n + 1);
    for (size_t i = 0; i < l->n; i++)
        lt_plugin_look(lt_plugins_at(l->set, i), l->arena, &l->views[i]);
    qsort(l->views, l->n, sizeof(*l->views), by_id);
}

static void put_plugin(struct lt_jw *w, const struct lt_plugin_view *p)
{
    lt_jw_obj(w);
    lt_jw_kstr(w, "id", p->id);
    lt_jw_kstr(w, "version", p->version);
    lt_jw_kstr(w, "title", p->title);
    lt_jw_kstr(w, "description", p->description);
    lt_jw_kstrz(w, "state", lt_plugin_state_name(p->state));
    lt_jw_kstrz(w, "runs_in", p->state == LT_PLUGIN_DATA || p->state == LT_PLUGIN_WRONG ? "nothing" : p->in_process ? "daemon" : "process");
    lt_jw_kstr(w, "reason", p->reason);
    lt_jw_kint(w, "faults", p->faults);
    lt_jw_ktime(w, "since", p->since);
    lt_jw_ktime(w, "until", p->until);
    lt_jw_key(w, "provides");
    lt_jw_arr(w);
    for (size_t i = 0; i < p->provides_n; i++)
        lt_jw_str(w, p->provides[i]);
    lt_jw_end(w);
    lt_jw_end(w);
}

/* ---- services ---- */

struct names {
    struct lt_str *list;
    size_t n, max;
};

static void add_name(struct names *names, struct lt_str name)
{
    for (size_t i = 0; i < names->n; i++)
        if (lt_str_eq(names->list[i], name))
            return;
    if (names->n < names->max)
        names->list[names->n++] = name;
}

static int compare_names(const void *a, const void *b)
{
    return lt_str_compare(*(const struct lt_str *)a, *(const struct lt_str *)b);
}

/* Those that somebody provides, and those that somebody asks for. */
static struct names service_names(struct lt_request *r, struct lt_services *s)
{
    struct lt_component *c;
    struct lt_str name;
    struct names names = {.max = 4096};
    names.list = LT_NEW_ARRAY(r->arena, struct lt_str, names.max);
    for (size_t i = 0; i < lt_registry_count(LT_KIND_SERVICE); i++)
        add_name(&names, lt_str(lt_registry_at(LT_KIND_SERVICE, i)->name));
    for (size_t i = 0; (c = lt_services_component_at(s, i)); i++)
        for (size_t k = 0; (name = lt_component_service_at(c, k)).p; k++)
            add_name(&names, name);
    qsort(names.list, names.n, sizeof(*names.list), compare_names);
    return names;
}

static void put_answer(struct lt_request *r, struct lt_jw *w, const struct lt_service_answer *a)
{
    lt_jw_kstrz(w, "status", lt_service_status_name(a->status));
    lt_jw_key(w, "version");
    if (a->granted)
        lt_jw_str(w, lt_service_version(r->arena, a->granted));
    else
        lt_jw_null(w);
    lt_jw_kstr_or_null(w, "plugin", a->granted ? lt_str(a->granted->plugin) : LT_STR_NULL);
    lt_jw_kstrz(w, "reason", a->reason);
}

/* Who declares it, and what they would get in this site. */
static void put_components(struct lt_request *r, struct lt_jw *w, struct lt_services *s, struct lt_str name)
{
    struct lt_component *c;
    struct lt_service_answer a;
    lt_jw_key(w, "components");
    lt_jw_arr(w);
    for (size_t i = 0; (c = lt_services_component_at(s, i)); i++) {
        enum lt_strength strength = lt_component_declares(c, name);
        if (strength == LT_STRENGTH_NONE)
            continue;
        char why[400] = "";
        bool active = lt_component_active(c, r->caller.site, why);
        lt_service_explain(s, c, name, &r->caller, &(struct lt_place){0}, r->arena, &a);
        lt_jw_obj(w);
        lt_jw_kstrz(w, "component", lt_component_name(c));
        lt_jw_kstrz(w, "declared", lt_strength_names[strength]);
        lt_jw_kbool(w, "active", active);
        lt_jw_kstrz(w, "inactive_because", active ? "" : why);
        put_answer(r, w, &a);
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

static void put_services(struct lt_request *r, struct lt_jw *w, struct lt_services *s)
{
    struct lt_service_answer a;
    struct names names = s ? service_names(r, s) : (struct names){0};
    lt_jw_key(w, "services");
    lt_jw_arr(w);
    for (size_t i = 0; i < names.n; i++) {
        lt_service_explain(s, NULL, names.list[i], &r->caller, &(struct lt_place){0}, r->arena, &a);
        lt_jw_obj(w);
        lt_jw_kstr(w, "service", names.list[i]);
        lt_jw_kstrz(w, "title", a.granted ? a.granted->title : "");
        lt_jw_kstrz(w, "description", a.granted ? a.granted->description : "");
        put_answer(r, w, &a);
        lt_service_put_candidates(r, w, &a);
        put_components(r, w, s, names.list[i]);
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

void lt_get_plugins(struct lt_request *r)
{
    struct lt_error err;
    struct look l = {.arena = r->arena, .set = r->api->options.plugins};
    if (lt_work(look, &l)) {
        lt_fail(&err, LT_EOVERLOADED, "the workers have too much to do");
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "plugins");
    lt_jw_arr(w);
    for (size_t i = 0; i < l.n; i++)
        put_plugin(w, &l.views[i]);
    lt_jw_end(w);
    put_services(r, w, r->api->options.services);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}
