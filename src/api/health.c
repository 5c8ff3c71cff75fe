/* /v1/health for administrators; /healthz and /readyz for supervisors and load balancers. */
#include "api/doctor.h"
#include "api/request.h"

static void answer_status(struct lt_request *r, int code, const char *status)
{
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_kstrz(w, "status", status);
    lt_jw_end(w);
    lt_json_end(r, code, &j);
}

void lt_get_healthz(struct lt_request *r)
{
    answer_status(r, 200, "ok");
}

void lt_get_readyz(struct lt_request *r)
{
    if (atomic_load(&r->api->not_ready))
        answer_status(r, 503, "draining");
    else if (!lt_store_is_ready(r->api->options.store))
        answer_status(r, 503, "no_database");
    else
        answer_status(r, 200, "ready");
}

/* Trusted by default are loopback addresses; others say that somebody has put a proxy in front. */
static bool proxies_beyond(const struct lt_api_options *o)
{
    for (size_t i = 0; i < o->proxies_n; i++)
        if (lt_ip_kind_of(&o->proxies[i].ip) != LT_IP_LOOPBACK)
            return true;
    return false;
}

void lt_get_health(struct lt_request *r)
{
    struct lt_finding *list;
    size_t n, worst = LT_FINDING_OK;
    const struct lt_api_options *o = &r->api->options;
    const struct lt_doctor doctor = {.store = o->store, .config = r->config, .site = lt_request_site(r), .now = lt_now_ms(), .manager = o->manager,
                                     .plugins = o->plugins, .data_dir = o->data_dir, .serving = true, .https = o->https, .loopback = o->loopback,
                                     .proxies = proxies_beyond(o)};
    lt_doctor_run(r->arena, &doctor, &list, &n);
    for (size_t i = 0; i < n; i++)
        worst = list[i].level > worst ? list[i].level : worst;
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_kstrz(w, "level", lt_finding_level_name((enum lt_finding_level)worst));
    lt_jw_key(w, "findings");
    lt_findings_write(w, list, n);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}
