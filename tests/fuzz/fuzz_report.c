/* The words of a question for a report, one a line: what is taken keeps to the bounds, all else is refused with a field. First byte: the kind. */
#include <assert.h>

#include "core/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct lt_arena *arena = lt_arena_new();
    const struct lt_site site = {.time_zone = data[0] & 64 ? LT_STR("Europe/Berlin") : LT_STR("UTC")};
    struct lt_str rest = lt_str_copy(arena, (struct lt_str){(const char *)data + 1, size - 1});
    struct lt_report_words words = {.group_by = lt_str_cut(&rest, '\n')};
    struct lt_str *all[] = {&words.since, &words.until, &words.sort, &words.of, &words.state, &words.course_id, &words.user, &words.action, &words.provider, &words.model};
    struct lt_report_query q;
    struct lt_error err = {0};
    for (size_t i = 0; i < LT_COUNT(all); i++)
        *all[i] = lt_str_cut(&rest, '\n');
    enum lt_code rc = lt_report_read((enum lt_report_kind)(data[0] % LT_REPORT_KINDS), &site, &words, 1795348800000, &q, &err);
    assert(rc == LT_OK || (rc == LT_EINVALID_INPUT && err.field[0] && err.detail[0]));
    if (rc == LT_OK) {
        size_t columns;
        (void)lt_report_columns(q.kind, &columns);
        assert(q.since < q.until && q.until - q.since <= (LT_REPORT_DAYS_MAX + 1) * INT64_C(86400000));
        assert(q.group_n <= LT_REPORT_KEYS && q.sort < (int)columns && q.sort >= -2 - (int)LT_REPORT_KEYS);
        for (size_t i = 0; i < q.group_n; i++)
            assert(lt_report_groups(&q, q.group[i]) && lt_report_key_name(q.group[i]));
    }
    lt_arena_free(arena);
    return 0;
}
