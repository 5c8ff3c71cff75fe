/* /v1/policy/texts: versions and their texts, for whoever writes them; what a new one brings is told before. */
#include "api/policies.h"
#include "core/policy.h"
#include "core/policy_text.h"

enum { LIST_DEFAULT = 50, LIST_MAX = 100 /* of texts of up to 100 kB */ };

static void put_text(struct lt_jw *w, const struct lt_policy_version *v)
{
    lt_jw_obj(w);
    lt_jw_kint(w, "id", v->id);
    lt_jw_kstr(w, "version", v->version);
    lt_jw_kstr(w, "major", lt_policy_major(v->version));
    lt_jw_kstr(w, "language", v->language);
    lt_jw_kbool(w, "in_force", v->in_force);
    lt_jw_ktime(w, "created_at", v->created_at);
    lt_jw_kstr(w, "by", v->by);
    lt_jw_kstr(w, "text", v->text);
    lt_jw_end(w);
}

struct texts {
    struct lt_policy_version *list;
    struct lt_policy_count *counts;
    size_t n, counts_n;
    int64_t holders, before;
    int limit;
};

/* One more than is shown, to know whether there are more. */
static enum lt_code read_texts(struct lt_request *r, struct texts *t, struct lt_error *err)
{
    struct lt_store *store = r->api->options.store;
    const struct lt_site *site = lt_request_site(r);
    if (lt_query_cursor(r, "before", &t->before, err) || lt_query_limit(r, LIST_DEFAULT, LIST_MAX, &t->limit, err) ||
        lt_policy_text_list(store, r->arena, site, t->before, (size_t)t->limit + 1, &t->list, &t->n, err) ||
        lt_policy_counts(store, r->arena, site->id, &t->counts, &t->counts_n, err))
        return err->code;
    return lt_policy_holders(store, r->arena, site, &t->holders, err);
}

void lt_get_policy_texts(struct lt_request *r)
{
    struct lt_error err;
    struct texts t;
    if (read_texts(r, &t, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    const struct lt_site *site = lt_request_site(r);
    size_t shown = t.n < (size_t)t.limit ? t.n : (size_t)t.limit;
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    r->etag_of = lt_printf(r->arena, "%.*s %lld", LT_FMT(site->policy_version), t.n > 0 ? (long long)t.list[0].id : 0LL); /* users accept all the time */
    lt_jw_obj(w);
    lt_jw_kstr(w, "version", site->policy_version);
    lt_jw_kbool(w, "asked_by_lms", site->policy_by_lms);
    lt_jw_kstr(w, "site_language", site->language);
    lt_jw_kint(w, "holders", t.holders);
    lt_policy_put_counts(w, site, t.counts, t.counts_n);
    lt_jw_key(w, "texts");
    lt_jw_arr(w);
    for (size_t i = 0; i < shown; i++)
        put_text(w, &t.list[i]);
    lt_jw_end(w);
    lt_jw_next(w, t.n > shown, shown > 0 ? t.list[shown - 1].id : 0);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

/* What it brings is found out before it is done: afterwards nobody's acceptance holds any more. */
static enum lt_code set(struct lt_request *r, bool dry, struct lt_policy_form *form, struct lt_policy_effect *effect, struct lt_str *html,
                        struct lt_error *err)
{
    struct lt_store *store = r->api->options.store;
    const struct lt_site *site = lt_request_site(r);
    *form = (struct lt_policy_form){.version = lt_json_str(lt_json_get(r->body, "version")),
                                    .language = lt_json_str_or(lt_json_get(r->body, "language"), LT_STR("")),
                                    .text = lt_str_trim(lt_json_str_or(lt_json_get(r->body, "text"), LT_STR(""))),
                                    .by = lt_request_who(r)};
    if (lt_policy_text_try(store, r->arena, site, form, effect, err) || lt_policy_html(r, effect->text, html, err))
        return err->code;
    return dry ? LT_OK : lt_policy_text_set(store, site->slug, form, err);
}

void lt_put_policy_text(struct lt_request *r)
{
    struct lt_error err;
    struct lt_policy_form form;
    struct lt_policy_effect effect;
    struct lt_str html = LT_STR("");
    bool dry = lt_json_bool_or(lt_json_get(r->body, "dry_run"), false);
    if (set(r, dry, &form, &effect, &html, &err) || (!dry && lt_request_reload(r, &err))) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_kbool(w, "dry_run", dry);
    lt_jw_kstr(w, "version", form.version);
    lt_jw_kstr(w, "language", effect.language);
    lt_jw_kbool(w, "asks_again", effect.asks_again);
    lt_jw_kint(w, "users_asked_again", effect.users);
    lt_jw_kstr(w, "html", html);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}
