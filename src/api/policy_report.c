/* GET /v1/reports/policy: who has accepted which version when. */
#include "api/policies.h"
#include "core/policy_report.h"

enum { LIST_DEFAULT = 1000 };

static enum lt_code read_filter(struct lt_request *r, struct lt_policy_filter *ret, struct lt_error *err)
{
    *ret = (struct lt_policy_filter){.site_id = r->caller.site->id, .version = lt_query(r, "version"), .user_id = lt_query(r, "user")};
    if (!lt_policy_state_parse(lt_query(r, "state"), &ret->state))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/state", "must be accepted or withdrawn");
    if (lt_query_time(r, "since", &ret->since, err) || lt_query_cursor(r, "before", &ret->before, err))
        return err->code;
    return lt_query_limit(r, LIST_DEFAULT, LT_POLICY_REPORT_MAX, &ret->limit, err);
}

static void put_row(struct lt_jw *w, const struct lt_policy_decision *d)
{
    lt_jw_obj(w);
    lt_jw_kint(w, "id", d->id);
    lt_jw_kstr(w, "user_id", d->user_id);
    lt_jw_kstr(w, "version", d->version);
    lt_jw_kstr(w, "language", d->language);
    lt_jw_kstrz(w, "state", d->accepted ? "accepted" : "withdrawn");
    lt_jw_kbool(w, "holds", d->holds);
    lt_jw_ktime(w, "accepted_at", d->accepted_at);
    lt_jw_ktime(w, "withdrawn_at", d->withdrawn_at);
    lt_jw_key(w, "context");
    lt_jw_raw(w, d->context.n > 0 ? d->context : LT_STR("{}"));
    lt_jw_end(w);
}

void lt_policy_put_counts(struct lt_jw *w, const struct lt_site *site, const struct lt_policy_count *counts, size_t n)
{
    lt_jw_key(w, "counts");
    lt_jw_obj(w);
    for (size_t i = 0; i < n; i++) {
        lt_jw_key_str(w, counts[i].version);
        lt_jw_obj(w);
        lt_jw_kbool(w, "in_force", lt_str_eq(counts[i].version, site->policy_version));
        lt_jw_kint(w, "accepted", counts[i].accepted);
        lt_jw_kint(w, "withdrawn", counts[i].withdrawn);
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

static void answer_json(struct lt_request *r, const struct lt_policy_decision *rows, size_t n, int64_t next, const struct lt_policy_count *counts,
                        size_t counts_n)
{
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_kstr(w, "version", r->caller.site->policy_version);
    lt_policy_put_counts(w, r->caller.site, counts, counts_n);
    lt_jw_key(w, "acceptances");
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++)
        put_row(w, &rows[i]);
    lt_jw_end(w);
    lt_jw_next(w, next != 0, next);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

void lt_get_policy_report(struct lt_request *r)
{
    struct lt_error err;
    struct lt_policy_filter filter;
    struct lt_policy_decision *rows;
    struct lt_policy_count *counts;
    struct lt_store *store = r->api->options.store;
    size_t n, counts_n;
    int64_t next;
    if (read_filter(r, &filter, &err) || lt_policy_report(store, r->arena, r->caller.site, &filter, &rows, &n, &next, &err) ||
        lt_policy_counts(store, r->arena, filter.site_id, &counts, &counts_n, &err))
        lt_reply_problem(r, &err, NULL);
    else
        answer_json(r, rows, n, next, counts, counts_n);
}
