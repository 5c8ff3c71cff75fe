/*
 * What Moodle's web services answer (moodlewsrestformat=json), read: core_course_get_courses_by_field, core_course_get_contents,
 * mod_*_get_*_by_courses. No I/O. Errors come with status 200 and a member `exception`. Any thread; on a worker, because answers have megabytes.
 *
 * What everybody in a course may see: an activity that is visible, on the course page, without an access restriction and visible to the account that
 * asks, in a section of which the same is true. Nothing else leaves these functions.
 */
#pragma once
#include "core/connector.h"

enum { LT_MOODLE_ACTIVITIES_MAX = 20000, LT_MOODLE_CHAPTERS_MAX = 200 };

struct lt_moodle_chapter {
    struct lt_str title, url;         /* of its HTML */
};

/* An activity or resource that everybody in the course may see. */
struct lt_moodle_activity {
    struct lt_str id;                 /* of the course module */
    struct lt_str modname, name;
    struct lt_str url;                /* its page; "" = none */
    struct lt_str description;        /* HTML */
    struct lt_str text;               /* HTML; set by lt_moodle_texts_read() */
    struct lt_moodle_chapter *chapters; /* of a book, those that are not hidden */
    size_t chapters_n;
    size_t section;                   /* index */
};
struct lt_moodle_section {
    struct lt_str id, name;
    struct lt_str summary;            /* HTML */
};
struct lt_moodle_course {
    struct lt_moodle_section *sections;
    size_t sections_n;
    struct lt_moodle_activity *activities; /* in the order of the course */
    size_t activities_n;
};

/*
 * Any answer: its value when it is of that type. An exception: LT_EUPSTREAM_UNAUTHORIZED (the token, or what it may ask), LT_ENOT_FOUND (no such thing, or
 * the account may not see it), LT_EUPSTREAM_UNAVAILABLE (maintenance), LT_EUPSTREAM_BAD_REQUEST.
 */
enum lt_code lt_moodle_parse(struct lt_arena *arena, struct lt_str body, enum lt_json_type type, const struct lt_json **ret, struct lt_error *err);
/* *ret_id: Moodle's number of the course; the texts of ret are its names and summary. LT_ENOT_FOUND: there is no such course, or it is hidden. */
enum lt_code lt_moodle_course_read(struct lt_arena *arena, struct lt_str body, int64_t *ret_id, struct lt_course_info *ret, struct lt_error *err);
enum lt_code lt_moodle_contents_read(struct lt_arena *arena, struct lt_str body, struct lt_moodle_course *ret, struct lt_error *err);
/* Texts of activities out of mod_<modname>_get_…_by_courses: `list` is the member that has them. Those that are not in the course are passed over. */
enum lt_code lt_moodle_texts_read(struct lt_arena *arena, struct lt_str body, const char *list, struct lt_moodle_course *course, struct lt_error *err);
/* The number of the one user in core_user_get_users_by_field. LT_ENOT_FOUND. */
enum lt_code lt_moodle_user_read(struct lt_arena *arena, struct lt_str body, int64_t *ret_id, struct lt_error *err);
/* LT_OK when the course is among those of core_enrol_get_users_courses; LT_ENOT_FOUND. */
enum lt_code lt_moodle_enrolled(struct lt_arena *arena, struct lt_str body, int64_t course, struct lt_error *err);
