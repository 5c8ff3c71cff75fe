/* Trying a source. */
#include "content/source_test.h"

#include "base/clock.h"
#include "content/moodle_read.h"
#include "content/openedx_read.h"
#include "content/source_connector.h"
#include "io/loop.h"
#include "io/url.h"

static const char *const functions[] = {
    "core_course_get_courses_by_field", "core_course_get_contents",        "mod_page_get_pages_by_courses",   "mod_label_get_labels_by_courses",
    "mod_book_get_books_by_courses",    "mod_quiz_get_quizzes_by_courses", "mod_lesson_get_lessons_by_courses", "mod_url_get_urls_by_courses",
    "mod_resource_get_resources_by_courses"};
/* The first two of them are needed for anything. */
enum { NEEDED = 2 };

/* Nothing is taken from the cache: each try has a viewer of its own. */
static struct lt_str nobody(const struct lt_source_call *call)
{
    return lt_printf(call->query->arena, "test %llu", (unsigned long long)lt_mono_us());
}

static enum lt_code try_openedx(struct lt_source_call *call, struct lt_source_test *ret, struct lt_error *err)
{
    struct lt_arena *arena = call->query->arena;
    struct lt_course_info info = {0};
    struct lt_str body, course = call->query->course_id;
    struct lt_str url = lt_printf(arena, "%.*s/api/courses/v1/courses/%.*s%s", LT_FMT(call->source->base_url), LT_FMT(lt_url_escape(arena, course)),
                                  course.n > 0 ? "" : "?page_size=1");
    if (lt_source_fetch(call, nobody(call), url, LT_STR_NULL, &body, err))
        return err->code;
    if (course.n == 0)
        return LT_OK;
    if (lt_edx_course_read(arena, body, &info, err))
        return err->code;
    ret->title = info.texts[LT_COURSE_TITLE];
    return LT_OK;
}

static bool has_function(const struct lt_json *list, const char *name)
{
    for (size_t i = 0; i < lt_json_len(list); i++)
        if (lt_str_is(lt_json_str(lt_json_get(lt_json_at(list, i), "name")), name))
            return true;
    return false;
}

static enum lt_code try_moodle(struct lt_source_call *call, struct lt_source_test *ret, struct lt_error *err)
{
    struct lt_arena *arena = call->query->arena;
    const struct lt_json *v;
    struct lt_str body, url = lt_printf(arena, "%.*s/webservice/rest/server.php", LT_FMT(call->source->base_url));
    if (lt_source_fetch(call, nobody(call), url, LT_STR("wsfunction=core_webservice_get_site_info&moodlewsrestformat=json"), &body, err) ||
        lt_moodle_parse(arena, body, LT_JSON_OBJECT, &v, err))
        return err->code;
    ret->title = lt_json_str_or(lt_json_get(v, "sitename"), LT_STR(""));
    for (size_t i = 0; i < LT_COUNT(functions); i++)
        if (!has_function(lt_json_get(v, "functions"), functions[i]))
            ret->missing[ret->missing_n++] = functions[i];
    for (size_t i = 0; i < NEEDED; i++)
        if (!has_function(lt_json_get(v, "functions"), functions[i]))
            return lt_fail(err, LT_ECONFIG, "the web service has no function %s", functions[i]);
    if (call->query->course_id.n == 0)
        return LT_OK;
    int64_t digits;
    struct lt_course_info info = {0};
    bool by_number = lt_str_to_int64(call->query->course_id, &digits);
    struct lt_str form = lt_printf(arena, "wsfunction=%s&moodlewsrestformat=json&field=%s", functions[0], by_number ? "id" : "shortname");
    form = lt_source_param(arena, form, "value", call->query->course_id);
    if (lt_source_fetch(call, nobody(call), url, form, &body, err) || lt_moodle_course_read(arena, body, &digits, &info, err))
        return err->code;
    ret->title = info.texts[LT_COURSE_TITLE];
    return LT_OK;
}

void lt_source_test(struct lt_manager *manager, struct lt_arena *arena, const struct lt_caller *caller, const struct lt_content_source *source,
                    struct lt_str course_id, struct lt_source_test *ret)
{
    uint64_t begun = lt_mono_ms();
    struct lt_content_query query = {.arena = arena,
                                     .manager = manager,
                                     .caller = caller,
                                     .course_id = course_id,
                                     .location_id = LT_STR(""),
                                     .deadline_ms = lt_loop_now(lt_loop_self()) + LT_CONTENT_TIME_MS};
    struct lt_source_call call = {&query, source, false};
    *ret = (struct lt_source_test){.title = LT_STR("")};
    atomic_store(&source->state->pause_until_ms, 0);
    enum lt_code rc = source->kind == LT_SOURCE_MOODLE ? try_moodle(&call, ret, &ret->error) : try_openedx(&call, ret, &ret->error);
    ret->success = rc == LT_OK;
    ret->duration_ms = (int64_t)(lt_mono_ms() - begun);
}
