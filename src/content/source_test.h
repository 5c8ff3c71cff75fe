/* Trying a source, live, as its client alone: does it let us in, and does it have what the connectors ask for? Fiber. */
#pragma once
#include "content/source.h"

enum { LT_SOURCE_FUNCTIONS_MAX = 32 };

struct lt_source_test {
    bool success;
    struct lt_error error;             /* when not */
    int64_t duration_ms;
    struct lt_str title;               /* of the site, or of the course asked about; "" = not told */
    const char *missing[LT_SOURCE_FUNCTIONS_MAX]; /* moodle: functions that the service lacks; without them their texts are */
    size_t missing_n;
};
/*
 * course_id: a course to ask about, or "". What is known of the source already is not used; a pause after faults is ended. Texts lie in the arena. What
 * comes of it is in *ret.
 */
void lt_source_test(struct lt_manager *manager, struct lt_arena *arena, const struct lt_caller *caller, const struct lt_content_source *source,
                    struct lt_str course_id, struct lt_source_test *ret);
