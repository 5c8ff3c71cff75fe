/*
 * What Moodle answers: any bytes through every reader. What leaves them is numbered, in a section that is there, in the order of the sections, and UTF-8.
 */
#include <stdlib.h>

#include "content/moodle_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_course(struct lt_arena *arena, struct lt_str body, struct lt_moodle_course *course)
{
    struct lt_error err;
    for (size_t i = 0; i < course->activities_n; i++) {
        const struct lt_moodle_activity *a = &course->activities[i];
        int64_t id;
        if (!lt_str_to_int64(a->id, &id) || id <= 0 || a->section >= course->sections_n || (i > 0 && a->section < course->activities[i - 1].section) ||
            a->chapters_n > LT_MOODLE_CHAPTERS_MAX)
            abort();
    }
    lt_moodle_texts_read(arena, body, "pages", course, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_str body = {(const char *)data, size};
    struct lt_error err;
    struct lt_course_info info = {0};
    struct lt_moodle_course course;
    int64_t id = 0;
    if (lt_moodle_course_read(arena, body, &id, &info, &err) == LT_OK) {
        struct lt_str text = info.texts[LT_COURSE_DESCRIPTION];
        if (id <= 0 || (text.n > 0 && !lt_utf8_valid(text.p, text.n)))
            abort();
    }
    if (lt_moodle_contents_read(arena, body, &course, &err) == LT_OK)
        check_course(arena, body, &course);
    /* A course of one page, so that texts find something. */
    struct lt_moodle_activity page = {.id = LT_STR("1"), .modname = LT_STR("page"), .description = LT_STR(""), .text = LT_STR("")};
    struct lt_moodle_section section = {LT_STR("1"), LT_STR(""), LT_STR("")};
    course = (struct lt_moodle_course){&section, 1, &page, 1};
    lt_moodle_texts_read(arena, body, "pages", &course, &err);
    if (lt_moodle_user_read(arena, body, &id, &err) == LT_OK && id <= 0)
        abort();
    lt_moodle_enrolled(arena, body, 1, &err);
    lt_arena_free(arena);
    return 0;
}
