/*
 * Open edX's opaque keys, read and checked, and the context of a request in both spellings of its members. Pure functions: no I/O, no
 * allocation; what they return points into the text. Any thread. The forms are those of the platform's opaque-keys library.
 *
 *     course-v1:ORG+COURSE+RUN[+branch@B][+version@24 hex]            ORG/COURSE/RUN (deprecated)
 *     library-v1:ORG+LIBRARY[+branch@B][+version@24 hex]              lib:ORG:SLUG
 *     block-v1:ORG+COURSE+RUN[+branch@B][+version@V]+type@T+block@ID  i4x://ORG/COURSE/TYPE/ID[@REVISION] (deprecated)
 *     lib-block-v1:ORG+LIBRARY[+…]+type@T+block@ID                    lb:ORG:SLUG:TYPE:ID
 *
 * With version@ the course (or library) may be left out. Parts are of letters and digits of any script, _ - ~ . and, in most, ':';
 * block ids and deprecated keys may hold '%'.
 */
#pragma once
#include "base/arena.h"
#include "base/error.h"
#include "text/json.h"

enum { LT_OPAQUE_KEY_MAX = 255 }; /* bytes */

enum lt_opaque_kind { LT_OPAQUE_COURSE, LT_OPAQUE_LIBRARY, LT_OPAQUE_USAGE, LT_OPAQUE_LIBRARY_USAGE };

struct lt_opaque_key {
    enum lt_opaque_kind kind;
    bool deprecated;                 /* ORG/COURSE/RUN, i4x:// */
    struct lt_str org, course, run;  /* course: the library's slug for libraries; run: "" for libraries and i4x:// */
    struct lt_str branch, version;   /* "" = none; branch: the revision of i4x:// */
    struct lt_str block_type, block_id; /* of usage keys */
};

/* A key of any kind. LT_EINVALID_INPUT; the detail says what is wrong and does not repeat the text. */
enum lt_code lt_opaque_key_parse(struct lt_str text, struct lt_opaque_key *ret, struct lt_error *err);
/* The same, and it must name a course or library (course_id), or a block of one (location_id). ret may be NULL. */
enum lt_code lt_course_key_parse(struct lt_str text, struct lt_opaque_key *ret, struct lt_error *err);
enum lt_code lt_usage_key_parse(struct lt_str text, struct lt_opaque_key *ret, struct lt_error *err);
/* True when the text begins as a key of Open edX (a namespace and a colon, i4x://): other platforms have course ids of other forms. */
bool lt_opaque_key_looks(struct lt_str text);

/* Where a request comes from. */
struct lt_opaque_context {
    struct lt_str course_id, location_id, ui_slot_selector_id; /* "" = not given */
    int service_variant;                                       /* enum lt_service_variant; -1 = not given */
};
/*
 * Reads courseId or course_id, locationId or location_id, uiSlotSelectorId or ui_slot_selector_id, serviceVariant or service_variant.
 * null and "" are as absent; other members are ignored. LT_EINVALID_INPUT with the field as it was spelt: not an object, not a string,
 * both spellings with different values, longer than 255 bytes, an unknown variant, and a course_id that is no course
 * key or a location_id that is no usage key: when opaque is true in every case, else only when it looks like one. NULL (absent) gives an
 * empty context. The texts are those of the tree.
 */
enum lt_code lt_opaque_context_read(const struct lt_json *object, bool opaque, struct lt_opaque_context *ret, struct lt_error *err);
