/* /v1/prices: what models cost. */
#include "api/request.h"
#include "core/admin_limit.h"

static void put_price(struct lt_jw *w, const struct lt_price *p, struct lt_str currency)
{
    lt_jw_obj(w);
    lt_jw_kint(w, "id", p->id);
    lt_jw_kstr(w, "provider", p->provider);
    lt_jw_kstr(w, "model", p->model);
    lt_jw_kint(w, "input", p->input);
    lt_jw_kint(w, "cached_input", p->cached_input);
    lt_jw_kint(w, "output", p->output);
    lt_jw_kint(w, "request", p->request);
    lt_jw_kint(w, "image", p->image);
    lt_jw_kstr(w, "currency", currency);
    lt_jw_ktime(w, "valid_from", p->valid_from);
    lt_jw_ktime(w, "valid_to", p->valid_to);
    lt_jw_end(w);
}

void lt_get_prices(struct lt_request *r)
{
    const struct lt_site *site = lt_request_site(r);
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "prices");
    lt_jw_arr(w);
    for (size_t i = 0; i < site->prices_n; i++)
        put_price(w, &site->prices[i], site->currency);
    lt_jw_end(w);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

void lt_post_price(struct lt_request *r)
{
    struct lt_error err;
    int64_t id;
    if (lt_admin_price_set(r->api->options.store, lt_request_site(r), r->body, &id, &err) || lt_request_reload(r, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    const struct lt_site *site = lt_request_site(r);
    for (size_t i = 0; i < site->prices_n; i++)
        if (site->prices[i].id == id) {
            struct lt_json_reply j;
            put_price(lt_json_begin(&j), &site->prices[i], site->currency);
            lt_json_end(r, 201, &j);
            return;
        }
    lt_fail(&err, LT_ENOT_FOUND, "the price was removed meanwhile");
    lt_reply_problem(r, &err, NULL);
}

void lt_delete_price(struct lt_request *r)
{
    struct lt_error err;
    int64_t id = 0;
    lt_str_to_int64(r->params[0], &id);
    if (lt_admin_price_remove(r->api->options.store, lt_request_site(r), id, &err) || lt_request_reload(r, &err))
        lt_reply_problem(r, &err, NULL);
    else
        lt_reply(r, 204, NULL, NULL, NULL, 0, LT_STR_NULL);
}
