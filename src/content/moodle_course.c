/* Asking Moodle for a course. */
#include "content/moodle_course.h"

#include "base/buf.h"
#include "content/moodle_read.h"
#include "content/source_connector.h"
#include "core/course_role.h"
#include "io/worker.h"
#include "text/html_text.h"

/* What has more text than core_course_get_contents tells. */
static const struct {
    const char *modname, *function, *list;
} texts[] = {{"page", "mod_page_get_pages_by_courses", "pages"},       {"label", "mod_label_get_labels_by_courses", "labels"},
             {"book", "mod_book_get_books_by_courses", "books"},       {"quiz", "mod_quiz_get_quizzes_by_courses", "quizzes"},
             {"lesson", "mod_lesson_get_lessons_by_courses", "lessons"}, {"url", "mod_url_get_urls_by_courses", "urls"},
             {"resource", "mod_resource_get_resources_by_courses", "resources"}};

/* ---- one question ---- */

struct asked {
    struct lt_arena *arena;
    struct lt_str body;
    const char *list;                 /* of texts */
    struct lt_moodle_course *course;
    struct lt_course_info *info;
    int64_t *id;
    int64_t course_id;
    enum lt_code (*read)(struct asked *a, struct lt_error *err);
    enum lt_code rc;
    struct lt_error *err;
};

static enum lt_code read_course(struct asked *a, struct lt_error *err)
{
    return lt_moodle_course_read(a->arena, a->body, a->id, a->info, err);
}

static enum lt_code read_contents(struct asked *a, struct lt_error *err)
{
    return lt_moodle_contents_read(a->arena, a->body, a->course, err);
}

static enum lt_code read_texts(struct asked *a, struct lt_error *err)
{
    return lt_moodle_texts_read(a->arena, a->body, a->list, a->course, err);
}

static enum lt_code read_user(struct asked *a, struct lt_error *err)
{
    return lt_moodle_user_read(a->arena, a->body, a->id, err);
}

static enum lt_code read_enrolled(struct asked *a, struct lt_error *err)
{
    return lt_moodle_enrolled(a->arena, a->body, a->course_id, err);
}

static void on_worker(void *arg)
{
    struct asked *a = arg;
    a->rc = a->read(a, a->err);
}

/* Calls a function of the web service; `arguments` is the rest of the form. viewer: "" = the answer is the same for everybody. */
static enum lt_code call_moodle(struct lt_source_call *call, struct lt_str viewer, const char *function, struct lt_str arguments, struct asked a,
                                struct lt_error *err)
{
    struct lt_arena *arena = call->query->arena;
    struct lt_str url = lt_printf(arena, "%.*s/webservice/rest/server.php", LT_FMT(call->source->base_url));
    struct lt_str form = lt_printf(arena, "wsfunction=%s&moodlewsrestformat=json&%.*s", function, LT_FMT(arguments));
    a.arena = arena;
    a.err = err;
    if (lt_source_fetch(call, viewer, url, form, &a.body, err))
        return err->code;
    enum lt_code rc = lt_work(on_worker, &a);
    if (rc)
        return lt_fail(err, rc, "no worker is free to read the answer");
    if (a.rc == LT_OK)
        return LT_OK;
    lt_error_wrap(err, "%s", function);
    return lt_source_bad_answer(call, viewer, url, form, err);
}

/* ---- the course, and who is in it ---- */

static enum lt_code find_course(struct lt_source_call *call, int64_t *ret_id, struct lt_course_info *ret, struct lt_error *err)
{
    struct lt_arena *arena = call->query->arena;
    int64_t digits;
    bool by_number = lt_str_to_int64(call->query->course_id, &digits);
    struct lt_str form = lt_source_param(arena, LT_STR(""), "field", by_number ? LT_STR("id") : LT_STR("shortname"));
    form = lt_source_param(arena, form, "value", call->query->course_id);
    return call_moodle(call, LT_STR(""), "core_course_get_courses_by_field", form, (struct asked){.read = read_course, .id = ret_id, .info = ret}, err);
}

/* Does Moodle say that the user is enrolled? */
static enum lt_code check_enrolment(struct lt_source_call *call, int64_t course, struct lt_error *err)
{
    struct lt_arena *arena = call->query->arena;
    struct lt_str user = call->query->caller->user_id, viewer = lt_printf(arena, "user:%.*s", LT_FMT(user));
    int64_t id = 0;
    if (user.n == 0 || (lt_str_is(call->source->user_field, "id") && !lt_str_to_int64(user, &id)))
        return lt_fail(err, LT_ENOT_FOUND, "the user is not one of Moodle's");
    if (id == 0) {
        struct lt_str form = lt_source_param(arena, LT_STR(""), "field", call->source->user_field);
        form = lt_source_param(arena, form, "values[0]", user);
        if (call_moodle(call, viewer, "core_user_get_users_by_field", form, (struct asked){.read = read_user, .id = &id}, err))
            return err->code;
    }
    struct lt_str form = lt_printf(arena, "userid=%lld&returnusercount=0", (long long)id);
    return call_moodle(call, viewer, "core_enrol_get_users_courses", form, (struct asked){.read = read_enrolled, .course_id = course}, err);
}

/* A site's own server vouches for the place that it names; a user's token may name any. */
static enum lt_code check_in_course(struct lt_source_call *call, int64_t course, struct lt_error *err)
{
    const struct lt_content_query *q = call->query;
    unsigned roles = 0;
    if (!q->caller->is_user || call->source->open_courses || lt_str_eq(q->caller->only_course, q->course_id))
        return LT_OK;
    struct lt_caller without_roles = *q->caller; /* those of the token hold everywhere, so they say nothing of a course */
    without_roles.roles = 0;
    if (q->manager && lt_course_roles(q->manager, q->arena, &without_roles, q->course_id, &roles, err))
        return err->code;
    if (roles != 0)
        return LT_OK;
    if (call->source->user_field.n > 0)
        return check_enrolment(call, course, err);
    return lt_fail(err, LT_ENOT_FOUND, "content source '%.*s': nobody says that the user is in the course (user_field, open_courses)",
                   LT_FMT(call->source->name));
}

static enum lt_code read_all(struct lt_source_call *call, int64_t *ret_id, struct lt_course_info *info, struct lt_moodle_course *ret, struct lt_error *err)
{
    if (find_course(call, ret_id, info, err) || check_in_course(call, *ret_id, err))
        return err->code;
    struct lt_str form = lt_printf(call->query->arena, "courseid=%lld", (long long)*ret_id);
    return call_moodle(call, LT_STR(""), "core_course_get_contents", form, (struct asked){.read = read_contents, .course = ret}, err);
}

/* The activity of the location, or LT_ENOT_FOUND. */
static enum lt_code find_activity(const struct lt_source_call *call, const struct lt_moodle_course *course, size_t *ret, struct lt_error *err)
{
    for (size_t i = 0; i < course->activities_n; i++)
        if (lt_str_eq(course->activities[i].id, call->query->location_id)) {
            *ret = i;
            return LT_OK;
        }
    return lt_fail(err, LT_ENOT_FOUND, "not everybody in the course may see the place, or there is none");
}

/* ---- texts ---- */

/* Only what the wanted activities are. */
static enum lt_code ask_texts(struct lt_source_call *call, int64_t id, struct lt_moodle_course *course, size_t from, size_t to, struct lt_error *err)
{
    struct lt_str form = lt_printf(call->query->arena, "courseids%%5B0%%5D=%lld", (long long)id);
    for (size_t i = 0; i < LT_COUNT(texts); i++) {
        bool wanted = false;
        for (size_t k = from; k < to; k++)
            wanted = wanted || lt_str_is(course->activities[k].modname, texts[i].modname);
        struct asked a = {.read = read_texts, .list = texts[i].list, .course = course};
        if (wanted && call_moodle(call, LT_STR(""), texts[i].function, form, a, err))
            return err->code;
    }
    return LT_OK;
}

/* A file of this Moodle's; the token goes nowhere else. */
static enum lt_code ask_chapter(struct lt_source_call *call, const struct lt_moodle_chapter *chapter, struct lt_buf *html, struct lt_error *err)
{
    struct lt_arena *arena = call->query->arena;
    struct lt_str own = lt_printf(arena, "%.*s/webservice/pluginfile.php/", LT_FMT(call->source->base_url)), body, url = chapter->url;
    if (!lt_str_starts(url, own))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "a chapter of a book lies at another address than its Moodle");
    if (lt_source_fetch(call, LT_STR(""), url, LT_STR(""), &body, err))
        return err->code == LT_ENOT_FOUND ? LT_OK : err->code;
    lt_buf_printf(html, "<h2>%.*s</h2>\n", LT_FMT(chapter->title));
    lt_buf_put_str(html, body);
    return LT_OK;
}

struct html_job {
    struct lt_arena *arena;
    struct lt_str html, text;
    enum lt_code rc;
};

static void read_html(void *arg)
{
    struct html_job *job = arg;
    struct lt_error err;
    job->rc = lt_html_text(job->arena, job->html, &job->text, &err);
}

static enum lt_code read_block(struct lt_source_call *call, const struct lt_moodle_activity *a, struct lt_content_block *ret, struct lt_error *err)
{
    struct lt_arena *arena = call->query->arena;
    struct lt_buf html;
    lt_buf_init(&html, LT_HTML_BYTES_MAX);
    lt_buf_put_str(&html, a->text.n > 0 ? a->text : a->description);
    enum lt_code rc = LT_OK;
    for (size_t i = 0; rc == LT_OK && i < a->chapters_n; i++)
        rc = ask_chapter(call, &a->chapters[i], &html, err);
    struct html_job job = {.arena = arena, .html = lt_buf_str(&html), .text = LT_STR("")};
    if (rc == LT_OK && lt_work(read_html, &job))
        rc = lt_fail(err, LT_EOVERLOADED, "no worker is free to read the text");
    *ret = (struct lt_content_block){.id = a->id,
                                     .category = a->modname,
                                     .display_name = a->name,
                                     .text = job.rc ? LT_STR("") : job.text,
                                     .cut = job.rc || html.failed};
    lt_buf_free(&html);
    return rc;
}

/* ---- the connector's functions ---- */

static void range_of(enum lt_content_mode mode, const struct lt_moodle_course *course, size_t current, size_t *ret_from, size_t *ret_to)
{
    size_t section = course->activities[current].section;
    *ret_from = current;
    *ret_to = current + 1;
    if (mode == LT_CONTENT_UNIT)
        return;
    while (*ret_from > 0 && course->activities[*ret_from - 1].section == section)
        --*ret_from;
    while (mode == LT_CONTENT_SEQUENCE && *ret_to < course->activities_n && course->activities[*ret_to].section == section)
        ++*ret_to;
}

static enum lt_code content_of(struct lt_source_call *call, void *ret_content, struct lt_error *err)
{
    const struct lt_content_query *q = call->query;
    struct lt_content *ret = ret_content;
    struct lt_course_info info = {0};
    struct lt_moodle_course course;
    size_t current, from, to;
    int64_t id;
    if (read_all(call, &id, &info, &course, err) || find_activity(call, &course, &current, err))
        return err->code;
    range_of(q->mode, &course, current, &from, &to);
    if (ask_texts(call, id, &course, from, to, err))
        return err->code;
    *ret = (struct lt_content){.mode = q->mode, .units = LT_NEW_ARRAY(q->arena, struct lt_content_unit, to - from)};
    if (q->mode != LT_CONTENT_UNIT) {
        ret->sequence_id = course.sections[course.activities[current].section].id;
        ret->sequence_name = course.sections[course.activities[current].section].name;
    }
    for (size_t i = from; i < to; i++) {
        struct lt_content_unit *unit = &ret->units[ret->units_n++];
        struct lt_content_block *block = LT_NEW(q->arena, struct lt_content_block);
        if (read_block(call, &course.activities[i], block, err))
            return err->code;
        *unit = (struct lt_content_unit){block->id, block->category, block->display_name, block, 1};
    }
    ret->stale = call->stale;
    return LT_OK;
}

static enum lt_code info_of(struct lt_source_call *call, void *ret_info, struct lt_error *err)
{
    const struct lt_content_query *q = call->query;
    struct lt_course_info *ret = ret_info;
    struct lt_moodle_course course;
    int64_t id;
    if (!(q->fields & 1u << LT_COURSE_OUTLINE))
        return find_course(call, &id, ret, err) || check_in_course(call, id, err) ? err->code : LT_OK;
    if (read_all(call, &id, ret, &course, err))
        return err->code;
    ret->outline = LT_NEW_ARRAY(q->arena, struct lt_outline_item, course.sections_n + course.activities_n + 1);
    for (size_t s = 0, a = 0; s < course.sections_n; s++) {
        ret->outline[ret->outline_n++] =
            (struct lt_outline_item){.id = course.sections[s].id, .category = LT_STR("section"), .display_name = course.sections[s].name};
        for (; a < course.activities_n && course.activities[a].section == s; a++)
            ret->outline[ret->outline_n++] = (struct lt_outline_item){
                .id = course.activities[a].id, .category = course.activities[a].modname, .display_name = course.activities[a].name, .depth = 1};
    }
    return LT_OK;
}

static enum lt_code link_of(struct lt_source_call *call, void *ret_link, struct lt_error *err)
{
    struct lt_str *ret = ret_link, own = lt_printf(call->query->arena, "%.*s/", LT_FMT(call->source->base_url));
    struct lt_course_info info = {0};
    struct lt_moodle_course course;
    size_t i;
    int64_t id;
    if (read_all(call, &id, &info, &course, err) || find_activity(call, &course, &i, err))
        return err->code;
    const struct lt_moodle_activity *a = &course.activities[i];
    *ret = lt_str_starts(a->url, own) ? a->url /* a label has no page */
                                        : lt_printf(call->query->arena, "%.*scourse/view.php?id=%lld#module-%.*s", LT_FMT(own), (long long)id, LT_FMT(a->id));
    return LT_OK;
}

/* Courses of Open edX and its libraries are none of Moodle's. */
static enum lt_code each(const struct lt_content_query *query, lt_source_fn fn, void *ret, struct lt_error *err)
{
    if (memchr(query->course_id.p, ':', query->course_id.n))
        return lt_fail(err, LT_ENOT_FOUND, "not a course of Moodle");
    return lt_source_each(query, LT_SOURCE_MOODLE, fn, ret, err);
}

static enum lt_code location_content(const struct lt_connector *self, const struct lt_content_query *query, struct lt_content *ret,
                                     struct lt_error *err)
{
    (void)self;
    return each(query, content_of, ret, err);
}

static enum lt_code course_info(const struct lt_connector *self, const struct lt_content_query *query, struct lt_course_info *ret,
                                struct lt_error *err)
{
    (void)self;
    return each(query, info_of, ret, err);
}

static enum lt_code location_link(const struct lt_connector *self, const struct lt_content_query *query, struct lt_str *ret, struct lt_error *err)
{
    (void)self;
    return each(query, link_of, ret, err);
}

struct lt_connector lt_moodle_course(void)
{
    return (struct lt_connector){.location_content = location_content, .course_info = course_info, .location_link = location_link};
}
