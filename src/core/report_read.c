/* From the words of a question to a query: names, days, columns. Fuzzed by tests/fuzz/fuzz_report.c. */
#include <stdlib.h>

#include "core/period.h"
#include "core/report.h"

static const char *const kind_names[LT_REPORT_KINDS] = {"usage", "cost", "errors", "latency", "feedback"};
static const char *const key_names[LT_REPORT_KEYS] = {"day",    "of",     "code",      "provider", "model", "vendor_status",
                                                      "action", "course", "placement", "user",     "state"};

static const struct lt_report_column usage[] = {
    {"calls", LT_REPORT_NUMBER},         {"succeeded", LT_REPORT_NUMBER},         {"failed", LT_REPORT_NUMBER},       {"refused", LT_REPORT_NUMBER},
    {"cancelled", LT_REPORT_NUMBER},     {"interrupted", LT_REPORT_NUMBER},       {"running", LT_REPORT_NUMBER},
    {"prompt_tokens", LT_REPORT_NUMBER}, {"completion_tokens", LT_REPORT_NUMBER}, {"total_tokens", LT_REPORT_NUMBER},
    {"unknown_token_calls", LT_REPORT_NUMBER}};
static const struct lt_report_column cost[] = {
    {"calls", LT_REPORT_NUMBER}, {"priced_calls", LT_REPORT_NUMBER}, {"unpriced_calls", LT_REPORT_NUMBER}, {"cost", LT_REPORT_NUMBER},
    {"cached_calls", LT_REPORT_NUMBER}, {"saved_cost", LT_REPORT_NUMBER}};
static const struct lt_report_column errors[] = {{"count", LT_REPORT_NUMBER}, {"last_seen", LT_REPORT_TIME}, {"example", LT_REPORT_CALL_ID}};
static const struct lt_report_column latency[] = {
    {"count", LT_REPORT_NUMBER},  {"min_ms", LT_REPORT_NUMBER}, {"mean_ms", LT_REPORT_NUMBER}, {"p50_ms", LT_REPORT_NUMBER},
    {"p90_ms", LT_REPORT_NUMBER}, {"p95_ms", LT_REPORT_NUMBER}, {"p99_ms", LT_REPORT_NUMBER},  {"max_ms", LT_REPORT_NUMBER}};
static const struct lt_report_column feedback[] = {
    {"rated", LT_REPORT_NUMBER}, {"up", LT_REPORT_NUMBER}, {"down", LT_REPORT_NUMBER}, {"comments", LT_REPORT_NUMBER}};

#define BIT(key) (1u << LT_REPORT_##key)
#define ANYWHERE (BIT(DAY) | BIT(PROVIDER) | BIT(MODEL) | BIT(ACTION) | BIT(COURSE) | BIT(PLACEMENT) | BIT(USER) | BIT(STATE))

static const struct {
    const struct lt_report_column *columns;
    size_t columns_n;
    unsigned keys;        /* that it may be grouped by */
    const char *group_by; /* when nothing is said */
} kinds[LT_REPORT_KINDS] = {
    {usage, LT_COUNT(usage), ANYWHERE, "provider,model,action"},
    {cost, LT_COUNT(cost), ANYWHERE, "provider,model"},
    {errors, LT_COUNT(errors), ANYWHERE | BIT(OF) | BIT(CODE) | BIT(VENDOR_STATUS), "of,code,provider,model,vendor_status"},
    {latency, LT_COUNT(latency), ANYWHERE | BIT(OF), "provider,model,action"},
    {feedback, LT_COUNT(feedback), ANYWHERE, "provider,model,action"},
};

const struct lt_report_column *lt_report_columns(enum lt_report_kind kind, size_t *ret_n)
{
    *ret_n = kinds[kind].columns_n;
    return kinds[kind].columns;
}

const char *lt_report_kind_name(enum lt_report_kind kind)
{
    return kind_names[kind];
}

const char *lt_report_key_name(enum lt_report_key key)
{
    return key_names[key];
}

bool lt_report_groups(const struct lt_report_query *q, enum lt_report_key key)
{
    for (size_t i = 0; i < q->group_n; i++)
        if (q->group[i] == key)
            return true;
    return false;
}

static int compare(const void *a, const void *b)
{
    return lt_str_compare(*(const struct lt_str *)a, *(const struct lt_str *)b);
}

void lt_report_people_sort(struct lt_report_people *people)
{
    if (people->n > 1)
        qsort(people->ids, people->n, sizeof(*people->ids), compare);
}

/* ---- words ---- */

static int key_of(struct lt_str name)
{
    for (int i = 0; i < LT_REPORT_KEYS; i++)
        if (lt_str_is(name, key_names[i]))
            return i;
    return -1;
}

static enum lt_code read_group(struct lt_report_query *q, struct lt_str text, struct lt_error *err)
{
    if (text.n == 0)
        text = lt_str(kinds[q->kind].group_by);
    if (lt_str_is(text, "none"))
        return LT_OK;
    while (text.n > 0) {
        int key = key_of(lt_str_cut(&text, ','));
        if (key < 0 || !(kinds[q->kind].keys & 1u << key))
            return lt_fail_field(err, LT_EINVALID_INPUT, "/group_by",
                                 "must be none, or some of provider, model, action, course, placement, user, day, state%s",
                                 q->kind == LT_REPORT_ERRORS ? ", of, code, vendor_status" : q->kind == LT_REPORT_LATENCY ? ", of" : "");
        if (lt_report_groups(q, (enum lt_report_key)key))
            return lt_fail_field(err, LT_EINVALID_INPUT, "/group_by", "names '%s' twice", key_names[key]);
        q->group[q->group_n++] = (enum lt_report_key)key;
    }
    return LT_OK;
}

static enum lt_code read_time(const struct lt_site *site, struct lt_str text, bool end, const char *field, int64_t *ret, struct lt_error *err)
{
    int64_t day_start, day_end;
    if (text.n == 0 || lt_time_parse(text, ret))
        return LT_OK;
    if (!lt_day_parse(site->time_zone, text, &day_start, &day_end))
        return lt_fail_field(err, LT_EINVALID_INPUT, field, "must be a day as 2026-11-21 or a time as 2026-11-21T08:00:00Z");
    *ret = end ? day_end : day_start;
    return LT_OK;
}

static enum lt_code read_range(struct lt_report_query *q, const struct lt_report_words *words, int64_t now, struct lt_error *err)
{
    const int64_t day = 86400000, max = LT_REPORT_DAYS_MAX * day;
    q->until = now + 1;
    if (read_time(q->site, words->until, true, "/until", &q->until, err))
        return err->code;
    q->since = q->until - LT_REPORT_DAYS * day;
    if (read_time(q->site, words->since, false, "/since", &q->since, err))
        return err->code;
    if (q->since < 0 || q->since >= q->until)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/since", "must be before `until`, and after 1970");
    if (q->until - q->since > max + day) /* the clock may have been changed in between */
        return lt_fail_field(err, LT_EINVALID_INPUT, "/since", "a report is about at most %d days", LT_REPORT_DAYS_MAX);
    return LT_OK;
}

static bool state_known(struct lt_str state)
{
    static const char *const states[] = {"", "running", "completed", "failed", "refused", "cancelled", "interrupted"};
    for (size_t i = 0; i < LT_COUNT(states); i++)
        if (lt_str_is(state, states[i]))
            return true;
    return false;
}

static enum lt_code read_of(struct lt_report_query *q, struct lt_str text, struct lt_error *err)
{
    bool both = q->kind == LT_REPORT_ERRORS && text.n == 0, choice = q->kind == LT_REPORT_ERRORS || q->kind == LT_REPORT_LATENCY;
    q->attempts = both || lt_str_is(text, "attempt");
    q->calls = both || !q->attempts;
    if (text.n > 0 && (!choice || (!q->attempts && !lt_str_is(text, "call"))))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/of", choice ? "must be call or attempt" : "is for errors and latency");
    return LT_OK;
}

/* Without a word: days as they went by, else what is greatest first. */
static enum lt_code read_sort(struct lt_report_query *q, struct lt_str text, struct lt_error *err)
{
    q->sort = lt_report_groups(q, LT_REPORT_DAY) ? -1 : q->kind == LT_REPORT_COST ? 3 : 0;
    q->descending = q->sort >= 0;
    if (text.n == 0)
        return LT_OK;
    q->descending = text.p[0] == '-';
    if (q->descending)
        text = (struct lt_str){text.p + 1, text.n - 1};
    q->sort = -1;
    int key = key_of(text);
    for (size_t i = 0; key >= 0 && i < q->group_n; i++)
        if (q->group[i] == (enum lt_report_key)key) {
            q->sort = -2 - key;
            return LT_OK;
        }
    for (size_t i = 0; i < kinds[q->kind].columns_n; i++)
        if (lt_str_is(text, kinds[q->kind].columns[i].name)) {
            q->sort = (int)i;
            return LT_OK;
        }
    return lt_fail_field(err, LT_EINVALID_INPUT, "/sort", "must be a column of the report");
}

enum lt_code lt_report_read(enum lt_report_kind kind, const struct lt_site *site, const struct lt_report_words *words, int64_t now,
                            struct lt_report_query *ret, struct lt_error *err)
{
    *ret = (struct lt_report_query){.kind = kind,
                                    .site = site,
                                    .course_id = words->course_id,
                                    .provider = words->provider,
                                    .model = words->model,
                                    .action = words->action,
                                    .user = words->user,
                                    .state = words->state};
    if (!state_known(words->state))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/state", "must be running, completed, failed, refused, cancelled or interrupted");
    if (read_group(ret, words->group_by, err) || read_range(ret, words, now, err) || read_of(ret, words->of, err))
        return err->code;
    return read_sort(ret, words->sort, err);
}
