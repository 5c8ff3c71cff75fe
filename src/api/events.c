/* /v1/event-destinations and /v1/events: who is told of what, how that goes, and what was given up. Secrets go in and never come out. */
#include "api/request.h"
#include "core/admin_event.h"
#include "events/events.h"

enum { LIST_DEFAULT = 100 };

static void put_destination(struct lt_request *r, struct lt_jw *w, const struct lt_event_destination *d, struct lt_str secret)
{
    struct lt_event_state state;
    struct lt_error err;
    lt_event_destination_write(w, d);
    if (secret.n > 0)
        lt_jw_kstr(w, "secret", secret);
    if (lt_events_state(r->api->options.store, r->arena, d->id, &state, &err) == LT_OK)
        lt_event_state_put(w, &state);
}

void lt_get_event_destinations(struct lt_request *r)
{
    const struct lt_site *site = lt_request_site(r);
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "destinations");
    lt_jw_arr(w);
    for (size_t i = 0; i < site->destinations_n; i++) {
        lt_jw_obj(w);
        put_destination(r, w, &site->destinations[i], LT_STR(""));
        lt_jw_end(w);
    }
    lt_jw_end(w);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

static const struct lt_event_destination *find(struct lt_request *r, struct lt_error *err)
{
    const struct lt_event_destination *d = lt_site_destination_named(lt_request_site(r), r->params[0]);
    if (!d)
        lt_fail(err, LT_ENOT_FOUND, "there is no event destination '%.*s'", LT_FMT(r->params[0]));
    return d;
}

static void put_one(struct lt_request *r, int status, const struct lt_event_destination *d, struct lt_str secret)
{
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    put_destination(r, w, d, secret);
    lt_jw_end(w);
    lt_json_end(r, status, &j);
}

void lt_post_event_destination(struct lt_request *r)
{
    struct lt_error err;
    struct lt_str secret;
    int64_t id;
    if (lt_admin_event_add(r->api->options.store, r->arena, lt_request_site(r), r->body, &id, &secret, &err) || lt_request_reload(r, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    const struct lt_event_destination *d = lt_site_destination(lt_request_site(r), id);
    if (d) {
        put_one(r, 201, d, secret);
        return;
    }
    lt_fail(&err, LT_ENOT_FOUND, "the destination was removed at once");
    lt_reply_problem(r, &err, NULL);
}

void lt_get_event_destination(struct lt_request *r)
{
    struct lt_error err;
    const struct lt_event_destination *d = find(r, &err);
    if (d)
        put_one(r, 200, d, LT_STR(""));
    else
        lt_reply_problem(r, &err, NULL);
}

void lt_patch_event_destination(struct lt_request *r)
{
    struct lt_error err;
    const struct lt_event_destination *d = find(r, &err);
    int64_t id = d ? d->id : 0;
    if (!d || lt_admin_event_change(r->api->options.store, lt_request_site(r), id, r->body, &err) || lt_request_reload(r, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    d = lt_site_destination(lt_request_site(r), id);
    if (d) {
        put_one(r, 200, d, LT_STR(""));
        return;
    }
    lt_fail(&err, LT_ENOT_FOUND, "the destination was removed at once");
    lt_reply_problem(r, &err, NULL);
}

void lt_delete_event_destination(struct lt_request *r)
{
    struct lt_error err;
    const struct lt_event_destination *d = find(r, &err);
    if (!d || lt_admin_event_remove(r->api->options.store, lt_request_site(r), d->id, &err) || lt_request_reload(r, &err))
        lt_reply_problem(r, &err, NULL);
    else
        lt_reply(r, 204, NULL, NULL, NULL, 0, LT_STR_NULL);
}

/* Live: sends a made-up event now. What the receiver said is told, whoever it is. */
void lt_post_event_destination_test(struct lt_request *r)
{
    struct lt_error err;
    const struct lt_event_destination *d = find(r, &err);
    if (!d) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_event_sender sender = {
        .store = r->api->options.store, .tls = r->api->options.tls, .arena = r->arena, .site = lt_request_site(r), .to = d};
    bool taken = lt_events_test(&sender, &err) == LT_OK;
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_kbool(w, "success", taken);
    lt_jw_kstr_nonempty(w, "detail", taken ? LT_STR("") : lt_str(err.detail));
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

/* ---- what was given up ---- */

/* ?destination: a name or id; 0 = all. */
static enum lt_code destination_of(struct lt_request *r, int64_t *ret, struct lt_error *err)
{
    struct lt_str name = lt_query(r, "destination");
    const struct lt_event_destination *d = name.n > 0 ? lt_site_destination_named(lt_request_site(r), name) : NULL;
    *ret = d ? d->id : 0;
    if (name.n > 0 && !d)
        return lt_fail(err, LT_ENOT_FOUND, "there is no event destination '%.*s'", LT_FMT(name));
    return LT_OK;
}

void lt_get_events_dead(struct lt_request *r)
{
    struct lt_error err;
    struct lt_event_dead *list;
    int64_t before, destination;
    int limit;
    size_t n;
    if (lt_query_cursor(r, "before", &before, &err) || lt_query_limit(r, LIST_DEFAULT, LT_EVENTS_LIST_MAX, &limit, &err) || destination_of(r, &destination, &err) ||
        lt_events_dead(r->api->options.store, r->arena, r->caller.site->id, destination, before, limit, &list, &n, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "events");
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++)
        lt_event_dead_write(w, &list[i]);
    lt_jw_end(w);
    lt_jw_next(w, n == (size_t)limit, n > 0 ? list[n - 1].id : 0);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

typedef enum lt_code (*change_fn)(struct lt_store *store, int64_t site_id, int64_t destination_id, int64_t id, int64_t *ret_n, struct lt_error *err);

static void change(struct lt_request *r, change_fn fn, bool one)
{
    struct lt_error err;
    int64_t id = 0, destination, n;
    if (one && (!lt_str_to_int64(r->params[0], &id) || id < 1)) {
        lt_fail(&err, LT_ENOT_FOUND, "no event '%.*s' was given up", LT_FMT(r->params[0]));
        lt_reply_problem(r, &err, NULL);
        return;
    }
    if (destination_of(r, &destination, &err) || fn(r->api->options.store, r->caller.site->id, destination, id, &n, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_kint(w, "events", n);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

void lt_post_events_retry(struct lt_request *r)
{
    change(r, lt_events_retry, false);
}

void lt_post_event_retry(struct lt_request *r)
{
    change(r, lt_events_retry, true);
}

void lt_delete_events_dead(struct lt_request *r)
{
    change(r, lt_events_drop, false);
}

void lt_delete_event_dead(struct lt_request *r)
{
    change(r, lt_events_drop, true);
}
