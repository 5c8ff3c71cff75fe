/* The report of acceptances: one row for each user and version, made of the decisions that the table keeps. */
#include "core/policy_report.h"

#include "core/policy.h"

bool lt_policy_state_parse(struct lt_str name, enum lt_policy_state *ret)
{
    *ret = lt_str_is(name, "accepted") ? LT_POLICY_ACCEPTED : lt_str_is(name, "withdrawn") ? LT_POLICY_WITHDRAWN : LT_POLICY_ANY;
    return name.n == 0 || *ret != LT_POLICY_ANY;
}

#define LAST_OF_VERSION                                                                                                      \
    "NOT EXISTS (SELECT 1 FROM policy_acceptance n WHERE n.site_id = p.site_id AND n.user_id = p.user_id AND n.version = p.version AND n.id > p.id)"
#define LAST_OF_USER "(SELECT MAX(n.id) FROM policy_acceptance n WHERE n.site_id = p.site_id AND n.user_id = p.user_id)"
#define ACCEPTED_AT                                                                                                          \
    "(SELECT MAX(a.decided_at) FROM policy_acceptance a WHERE a.site_id = p.site_id AND a.user_id = p.user_id AND a.version = p.version" \
    " AND a.accepted = 1)"

static const char report_sql[] =
    "SELECT p.id, p.user_id, p.version, p.language, p.context, p.accepted, p.decided_at, " ACCEPTED_AT ", " LAST_OF_USER
    " FROM policy_acceptance p WHERE p.site_id = $1 AND (p.version = $2 OR $2 = '') AND (p.user_id = $3 OR $3 = '')"
    " AND (p.accepted = $4 OR $4 = 2) AND p.decided_at >= $5 AND (p.id < $6 OR $6 = 0) AND " LAST_OF_VERSION " ORDER BY p.id DESC";

static struct lt_policy_decision row_of(const struct lt_site *site, const struct lt_rows *r, size_t i)
{
    bool accepted = lt_rows_int(r, i, 5) != 0, last = lt_rows_int(r, i, 0) == lt_rows_int(r, i, 8);
    struct lt_str version = lt_rows_str(r, i, 2);
    return (struct lt_policy_decision){.id = lt_rows_int(r, i, 0),
                                       .user_id = lt_rows_str(r, i, 1),
                                       .version = version,
                                       .language = lt_rows_str(r, i, 3),
                                       .context = lt_rows_str(r, i, 4),
                                       .accepted = accepted,
                                       .holds = accepted && last && site->policy_version.n > 0 &&
                                                lt_str_eq(lt_policy_major(version), lt_policy_major(site->policy_version)),
                                       .accepted_at = lt_rows_int(r, i, 7),
                                       .withdrawn_at = accepted ? 0 : lt_rows_int(r, i, 6)};
}

enum lt_code lt_policy_report(struct lt_store *store, struct lt_arena *arena, const struct lt_site *site, const struct lt_policy_filter *filter,
                              struct lt_policy_decision **ret, size_t *ret_n, int64_t *ret_next, struct lt_error *err)
{
    static const int64_t accepted_of[] = {[LT_POLICY_ANY] = 2, [LT_POLICY_ACCEPTED] = 1, [LT_POLICY_WITHDRAWN] = 0};
    const struct lt_value values[] = {LT_INT(filter->site_id),
                                      LT_TEXT(filter->version.p ? filter->version : LT_STR("")),
                                      LT_TEXT(filter->user_id.p ? filter->user_id : LT_STR("")),
                                      LT_INT(accepted_of[filter->state]),
                                      LT_INT(filter->since),
                                      LT_INT(filter->before)};
    struct lt_rows r;
    size_t limit = (size_t)filter->limit;
    if (lt_store_query(store, arena, report_sql, values, LT_COUNT(values), limit + 1, &r, err))
        return lt_error_wrap(err, "report of acceptances");
    *ret_n = r.rows < limit ? r.rows : limit;
    *ret = LT_NEW_ARRAY(arena, struct lt_policy_decision, *ret_n);
    for (size_t i = 0; i < *ret_n; i++)
        (*ret)[i] = row_of(site, &r, i);
    *ret_next = r.rows > limit ? (*ret)[*ret_n - 1].id : 0;
    return LT_OK;
}

enum lt_code lt_policy_counts(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_policy_count **ret, size_t *ret_n,
                              struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err,
                 "SELECT p.version, SUM(p.accepted), COUNT(*) - SUM(p.accepted) FROM policy_acceptance p WHERE p.site_id = $1 AND " LAST_OF_VERSION
                 " GROUP BY p.version ORDER BY p.version",
                 LT_INT(site_id)))
        return lt_error_wrap(err, "count of acceptances");
    *ret = LT_NEW_ARRAY(arena, struct lt_policy_count, r.rows);
    *ret_n = r.rows;
    for (size_t i = 0; i < r.rows; i++)
        (*ret)[i] = (struct lt_policy_count){lt_rows_str(&r, i, 0), lt_rows_int(&r, i, 1), lt_rows_int(&r, i, 2)};
    return LT_OK;
}

enum lt_code lt_policy_holders(struct lt_store *store, struct lt_arena *arena, const struct lt_site *site, int64_t *ret, struct lt_error *err)
{
    struct lt_rows r;
    *ret = 0;
    if (LT_QUERY(store, arena, &r, err,
                 "SELECT p.version, COUNT(*) FROM policy_acceptance p WHERE p.site_id = $1 AND p.accepted = 1 AND p.id = " LAST_OF_USER
                 " GROUP BY p.version",
                 LT_INT(site->id)))
        return lt_error_wrap(err, "count of acceptances");
    for (size_t i = 0; i < r.rows && site->policy_version.n > 0; i++)
        if (lt_str_eq(lt_policy_major(lt_rows_str(&r, i, 0)), lt_policy_major(site->policy_version)))
            *ret += lt_rows_int(&r, i, 1);
    return LT_OK;
}
