/* The SQL of a portion of a report. No text of anybody is part of it: what is compared goes in as values. */
#include "base/buf.h"
#include "core/report_private.h"

/* Who answered the call. */
#define ANSWERED "COALESCE((SELECT MAX(w.instance) FROM ai_call_attempt w WHERE w.call_id = b.id AND w.success = 1), '')"

static const char *const key_sql[LT_REPORT_KEYS][2] = { /* of calls, of attempts */
    [LT_REPORT_OF] = {"'call'", "'attempt'"},
    [LT_REPORT_CODE] = {"e.code", "a.code"},
    [LT_REPORT_PROVIDER] = {ANSWERED, "a.instance"},
    [LT_REPORT_MODEL] = {"COALESCE(e.model, '')", "a.model"},
    [LT_REPORT_VENDOR_STATUS] = {"''", "CASE WHEN a.vendor_status > 0 THEN CAST(a.vendor_status AS TEXT) ELSE '' END"},
    [LT_REPORT_ACTION] = {"b.action", "b.action"},
    [LT_REPORT_COURSE] = {"b.course_id", "b.course_id"},
    [LT_REPORT_PLACEMENT] = {"b.placement", "b.placement"},
    [LT_REPORT_USER] = {"b.user_id", "b.user_id"},
    [LT_REPORT_STATE] = {"COALESCE(e.state, 'running')", "COALESCE(e.state, 'running')"},
};

#define STATE(name) "SUM(CASE WHEN e.state = '" name "' THEN 1 ELSE 0 END)"
#define RATED(how) "SUM(CASE WHEN " how " THEN 1 ELSE 0 END)"
/* As the columns of report_read.c. What was refused has no tokens and no cost, and what runs has none yet: neither is unknown. */
static const char *const value_sql[LT_REPORT_KINDS] = {
    [LT_REPORT_USAGE] = "COUNT(*), " STATE("completed") ", " STATE("failed") ", " STATE("refused") ", " STATE("cancelled") ", " STATE("interrupted")
                        ", SUM(CASE WHEN e.call_id IS NULL THEN 1 ELSE 0 END), COALESCE(SUM(e.prompt_tokens), 0),"
                        " COALESCE(SUM(e.completion_tokens), 0), COALESCE(SUM(e.total_tokens), 0),"
                        " SUM(CASE WHEN e.total_tokens IS NULL AND e.state <> 'refused' THEN 1 ELSE 0 END)",
    [LT_REPORT_COST] = "COUNT(*), COUNT(e.cost), COUNT(*) - COUNT(e.cost), COALESCE(SUM(e.cost), 0), COUNT(h.call_id),"
                       " COALESCE(SUM(h.saved_cost), 0)",
    [LT_REPORT_ERRORS] = "COUNT(*), MAX(b.created_at), ", /* and the last id */
    [LT_REPORT_LATENCY] = "COUNT(*)",
    [LT_REPORT_FEEDBACK] = "COUNT(*), " RATED("f.rating = 'up'") ", " RATED("f.rating = 'down'") ", " RATED("f.comment <> ''"),
};
/* PostgreSQL has no MAX of bytes before its version 18. */
static const char *const last_id_sql[2] = {"MAX(b.id)", "decode(MAX(encode(b.id, 'hex')), 'hex')"};
static const char *const duration_sql[2] = {"e.completed_at - b.created_at", "a.duration_ms"};
/* The order in which the tables are walked is part of it: the calls of the portion, and of each what belongs to it. */
static const char *const from_sql[LT_REPORT_KINDS][2] = {
    [LT_REPORT_USAGE] = {" FROM ai_call b LEFT JOIN ai_call_end e ON e.call_id = b.id WHERE 1 = 1", NULL},
    [LT_REPORT_COST] = {" FROM ai_call b CROSS JOIN ai_call_end e LEFT JOIN answer_cache_hit h ON h.call_id = b.id"
                        " WHERE e.call_id = b.id AND e.state <> 'refused'", NULL},
    [LT_REPORT_ERRORS] = {" FROM ai_call b CROSS JOIN ai_call_end e WHERE e.call_id = b.id AND e.code <> ''",
                          " FROM ai_call b CROSS JOIN ai_call_attempt a LEFT JOIN ai_call_end e ON e.call_id = b.id"
                          " WHERE a.call_id = b.id AND a.success = 0"},
    [LT_REPORT_LATENCY] = {" FROM ai_call b CROSS JOIN ai_call_end e WHERE e.call_id = b.id",
                           " FROM ai_call b CROSS JOIN ai_call_attempt a LEFT JOIN ai_call_end e ON e.call_id = b.id"
                           " WHERE a.call_id = b.id AND a.success = 1"},
    [LT_REPORT_FEEDBACK] = {" FROM ai_call b CROSS JOIN ai_call_feedback f LEFT JOIN ai_call_end e ON e.call_id = b.id WHERE f.call_id = b.id", NULL},
};

static void begin(struct lt_report_sql *s)
{
    lt_buf_init(&s->text, 16384);
    s->n = 0;
}

static void put(struct lt_report_sql *s, const char *text)
{
    lt_buf_put_str(&s->text, lt_str(text));
}

static void put_value(struct lt_report_sql *s, struct lt_value v)
{
    s->values[s->n++] = v;
    lt_buf_printf(&s->text, "$%zu", s->n);
}

static void where(struct lt_report_sql *s, const char *expression, const char *is, struct lt_value v)
{
    put(s, " AND ");
    put(s, expression);
    put(s, is);
    put_value(s, v);
}

static void where_text(struct lt_report_sql *s, const char *expression, struct lt_str text)
{
    if (text.n > 0)
        where(s, expression, " = ", LT_TEXT(text));
}

/* By the index of users when it is about one; else in the order of ids, and the site must not lead elsewhere ("+ 0"). */
static void where_calls(struct lt_report_sql *s, const struct lt_report_query *q, const struct lt_report_part *part)
{
    where(s, "b.id", " >= ", LT_BLOB(part->first.b, 16));
    where(s, "b.id", " < ", LT_BLOB(part->behind.b, 16));
    where(s, q->user.n > 0 ? "b.site_id" : "b.site_id + 0", " = ", LT_INT(q->site->id));
    where_text(s, "b.user_id", q->user);
}

void lt_report_sql_bound(struct lt_report_sql *s, const struct lt_report_query *q, const struct lt_report_part *part)
{
    begin(s);
    put(s, "SELECT b.id FROM ai_call b WHERE 1 = 1");
    if (q->user.n > 0) {
        where_calls(s, q, part);
    } else {
        where(s, "b.id", " >= ", LT_BLOB(part->first.b, 16));
        where(s, "b.id", " < ", LT_BLOB(part->behind.b, 16));
    }
    lt_buf_printf(&s->text, " ORDER BY b.id LIMIT 1 OFFSET %d", LT_REPORT_PORTION);
}

size_t lt_report_sql_keys(const struct lt_report_query *q, enum lt_report_key ret[LT_REPORT_KEYS])
{
    size_t n = 0;
    for (size_t i = 0; i < q->group_n; i++)
        if (q->group[i] != LT_REPORT_DAY)
            ret[n++] = q->group[i];
    if (q->visible_n > 0 && !lt_report_groups(q, LT_REPORT_USER))
        ret[n++] = LT_REPORT_USER;
    return n;
}

/* ---- what is kept of calls that were removed by age ---- */

static const char *const kept_key_sql[LT_REPORT_KEYS] = {
    [LT_REPORT_PROVIDER] = "provider", [LT_REPORT_MODEL] = "model",    [LT_REPORT_ACTION] = "action",
    [LT_REPORT_COURSE] = "course_id",  [LT_REPORT_STATE] = "state",
};

#define KEPT(name) "SUM(CASE WHEN state = '" name "' THEN calls ELSE 0 END)"
static const char *const kept_value_sql[LT_REPORT_KINDS] = {
    [LT_REPORT_USAGE] = "SUM(calls), " KEPT("completed") ", " KEPT("failed") ", " KEPT("refused") ", " KEPT("cancelled") ", " KEPT("interrupted")
                        ", 0, SUM(prompt_tokens), SUM(completion_tokens), SUM(total_tokens), 0",
    [LT_REPORT_COST] = "SUM(calls), SUM(calls - unpriced), SUM(unpriced), SUM(cost), 0, 0",
};

bool lt_report_keeps(const struct lt_report_query *q)
{
    bool told = kept_value_sql[q->kind] && q->user.n == 0 && q->visible_n == 0 && q->step_ms == 0;
    for (size_t i = 0; told && i < q->group_n; i++)
        told = q->group[i] == LT_REPORT_DAY || kept_key_sql[q->group[i]];
    return told;
}

static void where_kept(struct lt_report_sql *s, const struct lt_report_query *q)
{
    put(s, " FROM register_summary WHERE 1 = 1");
    where(s, "site_id", " = ", LT_INT(q->site->id));
    where_text(s, "action", q->action);
    where_text(s, "course_id", q->course_id);
    where_text(s, "provider", q->provider);
    where_text(s, "model", q->model);
    where_text(s, "state", q->state);
    if (q->kind == LT_REPORT_COST)
        put(s, " AND state <> 'refused'");
}

void lt_report_sql_kept(struct lt_report_sql *s, const struct lt_report_query *q, struct lt_str day)
{
    enum lt_report_key keys[LT_REPORT_KEYS];
    size_t n = lt_report_sql_keys(q, keys);
    begin(s);
    put(s, "SELECT ");
    for (size_t i = 0; i < n; i++) {
        put(s, kept_key_sql[keys[i]]);
        put(s, ", ");
    }
    put(s, kept_value_sql[q->kind]);
    where_kept(s, q);
    where(s, "day", " = ", LT_TEXT(day));
    for (size_t i = 0; i < n; i++)
        lt_buf_printf(&s->text, i == 0 ? " GROUP BY %zu" : ", %zu", i + 1);
    put(s, " HAVING COUNT(*) > 0");
}

void lt_report_sql_kept_range(struct lt_report_sql *s, const struct lt_report_query *q, struct lt_str first, struct lt_str last)
{
    begin(s);
    put(s, "SELECT SUM(calls), MIN(day), MAX(day)");
    where_kept(s, q);
    where(s, "day", " >= ", LT_TEXT(first));
    where(s, "day", " <= ", LT_TEXT(last));
}

void lt_report_sql_sums(struct lt_report_sql *s, const struct lt_report_query *q, const struct lt_report_part *part, bool attempts, bool postgres)
{
    enum lt_report_key keys[LT_REPORT_KEYS];
    size_t n = lt_report_sql_keys(q, keys);
    bool latency = q->kind == LT_REPORT_LATENCY;
    begin(s);
    put(s, "SELECT ");
    for (size_t i = 0; i < n; i++) {
        put(s, key_sql[keys[i]][attempts]);
        put(s, ", ");
    }
    if (latency) {
        put(s, duration_sql[attempts]);
        put(s, ", ");
    }
    put(s, value_sql[q->kind]);
    if (q->kind == LT_REPORT_ERRORS)
        put(s, last_id_sql[postgres]);
    put(s, from_sql[q->kind][attempts]);
    where_calls(s, q, part);
    where(s, "b.created_at", " >= ", LT_INT(part->since));
    where(s, "b.created_at", " < ", LT_INT(part->until));
    where_text(s, "b.action", q->action);
    where_text(s, "b.course_id", q->course_id);
    where_text(s, key_sql[LT_REPORT_PROVIDER][attempts], q->provider);
    where_text(s, key_sql[LT_REPORT_MODEL][attempts], q->model);
    where_text(s, key_sql[LT_REPORT_STATE][0], q->state.n == 0 && latency && !attempts ? LT_STR("completed") : q->state);
    for (size_t i = 0; i < n + latency; i++)
        lt_buf_printf(&s->text, i == 0 ? " GROUP BY %zu" : ", %zu", i + 1);
    if (n + latency == 0)
        put(s, " HAVING COUNT(*) > 0");
}
