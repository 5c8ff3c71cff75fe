/*
 * lectern service: what is provided, and whether a component may use it in a site. As this process has it: faults and plugins that only a
 * running daemon knows are told by /v1/services.
 */
#include "plugin/service.h"
#include "cli/cli.h"
#include "cli/engine.h"
#include "core/caller.h"

struct question {
    struct lt_services *services;
    struct lt_component *component; /* NULL: the host asks */
    struct lt_caller caller;
    struct lt_place place;
};

static struct lt_str option(struct lt_cli *cli, const char *name)
{
    const char *text = lt_cli_option(cli, name);
    return text ? lt_str(text) : LT_STR("");
}

/* False after saying what is wrong; lt_services_free() is the caller's in any case. */
static bool ask(struct lt_cli *cli, struct question *q)
{
    struct lt_error err;
    struct lt_str component = option(cli, "component");
    const struct lt_site *site = lt_cli_site(cli);
    *q = (struct question){.caller = {.roles = 1u << LT_ROLE_ADMIN}, .place = {option(cli, "course"), option(cli, "location"), option(cli, "placement")}};
    if (!site)
        return false;
    q->caller.site = lt_config_site(cli->config, site->slug);
    if (lt_engine_services(&cli->settings, &q->services, &err)) {
        lt_cli_fail(cli, &err);
        return false;
    }
    lt_engine_offer(q->services, cli->plugins, false);
    if (component.n > 0 && !(q->component = lt_services_component(q->services, component))) {
        lt_fail(&err, LT_ENOT_FOUND, "no component '%.*s' was declared (%s/components/*.json, or by a plugin)", LT_FMT(component), cli->settings.data);
        lt_cli_fail(cli, &err);
        return false;
    }
    return true;
}

static struct lt_str version(struct lt_cli *cli, const struct lt_entry *e)
{
    return e ? lt_printf(cli->arena, "%d.%d", e->major, e->minor) : LT_STR("");
}

static void put(struct lt_cli *cli, const struct question *q, struct lt_str name)
{
    static const char *const strengths[] = {[LT_STRENGTH_NONE] = "", [LT_STRENGTH_WANT] = "want", [LT_STRENGTH_NEED] = "need"};
    struct lt_service_answer a;
    struct lt_jw *w = &cli->w;
    lt_service_explain(q->services, q->component, name, &q->caller, &q->place, cli->arena, &a);
    lt_jw_obj(w);
    lt_jw_kstr(w, "service", name);
    lt_jw_kstrz(w, "declared", strengths[a.strength]);
    lt_jw_kstrz(w, "status", lt_service_status_name(a.status));
    lt_jw_kstr(w, "version", version(cli, a.granted));
    lt_jw_kstrz(w, "plugin", a.granted ? a.granted->plugin : "");
    lt_jw_kstrz(w, "reason", a.reason);
    lt_jw_end(w);
}

static int list(struct lt_cli *cli, const struct question *q)
{
    struct lt_str name;
    lt_jw_arr(&cli->w);
    for (size_t i = 0; i < lt_registry_count(LT_KIND_SERVICE); i++)
        put(cli, q, lt_str(lt_registry_at(LT_KIND_SERVICE, i)->name));
    for (size_t i = 0; q->component && (name = lt_component_service_at(q->component, i)).p; i++)
        if (!lt_registry_find(LT_KIND_SERVICE, name))
            put(cli, q, name);
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, "service,declared,status,version,plugin,reason");
}

int lt_cmd_service_list(struct lt_cli *cli)
{
    struct question q;
    int rc = ask(cli, &q) ? list(cli, &q) : LT_EXIT_FAILED;
    lt_services_free(q.services);
    return rc;
}

/* All candidates in the order in which they are asked, and the answer as the last line. */
static int explain(struct lt_cli *cli, const struct question *q, struct lt_str name)
{
    struct lt_service_answer a;
    struct lt_jw *w = &cli->w;
    lt_service_explain(q->services, q->component, name, &q->caller, &q->place, cli->arena, &a);
    lt_jw_arr(w);
    for (size_t i = 0; i <= a.candidates_n; i++) {
        const struct lt_service_candidate *c = i < a.candidates_n ? &a.candidates[i] : NULL;
        lt_jw_obj(w);
        lt_jw_kstrz(w, "candidate", c ? c->entry->plugin : "=>");
        lt_jw_kstr(w, "version", version(cli, c ? c->entry : a.granted));
        lt_jw_kstr(w, "rank", c ? lt_printf(cli->arena, "%d", c->entry->rank) : LT_STR(""));
        lt_jw_kstrz(w, "status", lt_service_status_name(c ? c->status : a.status));
        lt_jw_kstrz(w, "reason", c ? c->reason : a.reason);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    return lt_cli_print(cli, "candidate,version,rank,status,reason");
}

int lt_cmd_service_explain(struct lt_cli *cli)
{
    struct question q;
    int rc = ask(cli, &q) ? explain(cli, &q, cli->operands[0]) : LT_EXIT_FAILED;
    lt_services_free(q.services);
    return rc;
}
