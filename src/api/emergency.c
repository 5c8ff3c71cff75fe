/* /v1/emergency-stop: all AI of the site off, at once. */
#include "api/request.h"
#include "core/manager.h"
#include "core/stop.h"

enum { IN_FORCE_MAX = 2 /* that of the site, and that of all sites */ };

static void put_stop(struct lt_jw *w, const char *key, const struct lt_stop *stop)
{
    lt_jw_key(w, key);
    if (!stop) {
        lt_jw_null(w);
        return;
    }
    lt_jw_obj(w);
    lt_jw_kstr(w, "reason", stop->reason);
    lt_jw_kstr(w, "by", stop->by);
    lt_jw_ktime(w, "since", stop->since);
    lt_jw_end(w);
}

static enum lt_code read_stops(struct lt_request *r, const struct lt_stop *ret[2], struct lt_error *err)
{
    struct lt_stop *stops;
    size_t n;
    ret[0] = ret[1] = NULL;
    if (lt_stop_list(r->api->options.store, r->arena, r->caller.site->id, true, IN_FORCE_MAX, &stops, &n, err))
        return err->code;
    for (size_t i = 0; i < n; i++)
        ret[stops[i].site_id ? 0 : 1] = &stops[i];
    return LT_OK;
}

enum lt_code lt_request_put_stops(struct lt_request *r, struct lt_jw *w, struct lt_error *err)
{
    const struct lt_stop *stops[2]; /* of the site, of all sites */
    if (read_stops(r, stops, err))
        return err->code;
    lt_jw_kbool(w, "stopped", stops[0] || stops[1]);
    put_stop(w, "site", stops[0]);
    put_stop(w, "all_sites", stops[1]);
    return LT_OK;
}

static void answer(struct lt_request *r)
{
    struct lt_error err;
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    if (lt_request_put_stops(r, w, &err)) {
        lt_buf_free(&j.buf);
        lt_reply_problem(r, &err, NULL);
        return;
    }
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

void lt_get_emergency_stop(struct lt_request *r)
{
    answer(r);
}

/* This process need not wait for its next look. */
static void look_and_answer(struct lt_request *r, enum lt_code rc, struct lt_error *err)
{
    if (rc || lt_manager_look_at_stops(r->api->options.manager, err))
        lt_reply_problem(r, err, NULL);
    else
        answer(r);
}

void lt_put_emergency_stop(struct lt_request *r)
{
    struct lt_error err;
    struct lt_str reason = lt_json_str_or(lt_json_get(r->body, "reason"), LT_STR(""));
    look_and_answer(r, lt_stop_set(r->api->options.store, r->caller.site->id, reason, lt_request_who(r), &err), &err);
}

void lt_delete_emergency_stop(struct lt_request *r)
{
    struct lt_error err;
    look_and_answer(r, lt_stop_lift(r->api->options.store, r->caller.site->id, lt_request_who(r), &err), &err);
}
