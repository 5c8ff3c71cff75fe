/* Opaque keys and contexts: every form, every refusal, both spellings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "workflows/opaque_key.h"
#include "workflows/scope.h"

#define HEX24 "519665f6223ebd6980884f2b"

static void equal(struct lt_str is, const char *wanted)
{
    if (!lt_str_is(is, wanted))
        fail_msg("'%.*s' instead of '%s'", LT_FMT(is), wanted);
}

static const struct good {
    const char *text;
    enum lt_opaque_kind kind;
    bool deprecated;
    const char *org, *course, *run, *branch, *version, *type, *id;
} good[] = {
    {"course-v1:Org+Course+Run", LT_OPAQUE_COURSE, false, "Org", "Course", "Run", "", "", "", ""},
    {"course-v1:mit.eecs+6.002x+T2_2014", LT_OPAQUE_COURSE, false, "mit.eecs", "6.002x", "T2_2014", "", "", "", ""},
    {"course-v1:a~-.:_+b+c", LT_OPAQUE_COURSE, false, "a~-.:_", "b", "c", "", "", "", ""},
    {"course-v1:Zürich+Кур9+日本", LT_OPAQUE_COURSE, false, "Zürich", "Кур9", "日本", "", "", "", ""},
    {"course-v1:O+C+R+branch@draft", LT_OPAQUE_COURSE, false, "O", "C", "R", "draft", "", "", ""},
    {"course-v1:O+C+R+version@" HEX24, LT_OPAQUE_COURSE, false, "O", "C", "R", "", HEX24, "", ""},
    {"course-v1:O+C+R+branch@b+version@" HEX24, LT_OPAQUE_COURSE, false, "O", "C", "R", "b", HEX24, "", ""},
    {"course-v1:version@" HEX24, LT_OPAQUE_COURSE, false, "", "", "", "", HEX24, "", ""},
    {"Org/Course/Run", LT_OPAQUE_COURSE, true, "Org", "Course", "Run", "", "", "", ""},
    {"Org/6.00%2x/2014-T1", LT_OPAQUE_COURSE, true, "Org", "6.00%2x", "2014-T1", "", "", "", ""},
    {"library-v1:UniX+PhysicsProbs", LT_OPAQUE_LIBRARY, false, "UniX", "PhysicsProbs", "", "", "", "", ""},
    {"lib:Org:slug", LT_OPAQUE_LIBRARY, false, "Org", "slug", "", "", "", "", ""},
    {"block-v1:Org+Course+Run+type@vertical+block@1f2", LT_OPAQUE_USAGE, false, "Org", "Course", "Run", "", "", "vertical", "1f2"},
    {"block-v1:O+C+R+branch@b+version@" HEX24 "+type@t+block@b%20x", LT_OPAQUE_USAGE, false, "O", "C", "R", "b", HEX24, "t", "b%20x"},
    {"block-v1:version@" HEX24 "+type@t+block@b", LT_OPAQUE_USAGE, false, "", "", "", "", HEX24, "t", "b"},
    {"i4x://Org/Course/html/a:name", LT_OPAQUE_USAGE, true, "Org", "Course", "", "", "", "html", "a:name"},
    {"i4x://Org/Course/html/name@draft", LT_OPAQUE_USAGE, true, "Org", "Course", "", "draft", "", "html", "name"},
    {"lib-block-v1:O+L+type@problem+block@p1", LT_OPAQUE_LIBRARY_USAGE, false, "O", "L", "", "", "", "problem", "p1"},
    {"lb:O:slug:html:id-1", LT_OPAQUE_LIBRARY_USAGE, false, "O", "slug", "", "", "", "html", "id-1"},
};

static void keys_of_every_form_are_taken_apart(void **state)
{
    for (size_t i = 0; i < LT_COUNT(good); i++) {
        struct lt_opaque_key k;
        struct lt_error err = {0};
        const struct good *g = &good[i];
        if (lt_opaque_key_parse(lt_str(g->text), &k, &err))
            fail_msg("%s: %s", g->text, err.detail);
        assert_int_equal(k.kind, g->kind);
        assert_int_equal(k.deprecated, g->deprecated);
        equal(k.org, g->org);
        equal(k.course, g->course);
        equal(k.run, g->run);
        equal(k.branch, g->branch);
        equal(k.version, g->version);
        equal(k.block_type, g->type);
        equal(k.block_id, g->id);
    }
}

static const struct {
    const char *text, *says;
} bad[] = {
    {"", "1 to 255 bytes"},
    {"course-v1:", "organisation, a course and a run"},
    {"course-v1:O+C", "organisation, a course and a run"},
    {"course-v1:O+C+", "empty"},
    {"course-v1:O++R", "empty"},
    {"course-v1:+C+R", "empty"},
    {"course-v1:O+C+R+", "empty"},
    {"course-v1:O+C+R+S", "too many parts"},
    {"course-v1:O+C+R\n", "not allowed"},
    {"course-v1:O+C R+S", "not allowed"},
    {"course-v1:O+C+R%20", "not allowed"},
    {"course-v1:O+C/D+R", "not allowed"},
    {"course-v1:O+C+\xcc\x81", "not allowed"}, /* a combining mark */
    {"course-v1:O+C+R+type@t+block@b", "no type@"},
    {"course-v1:O+C+R+version@12", "24 hexadecimal"},
    {"course-v1:O+C+R+version@519665F6223EBD6980884F2B", "24 hexadecimal"},
    {"course-v1:O+C+R+version@" HEX24 "+branch@b", "not expected"}, /* the order is fixed */
    {"course-v1:O+C+R+branch@a+branch@b", "not expected"},
    {"course-v1:O+C+R+branch@", "not allowed"},
    {"course-v1:O+C+R+flavour@x", "not expected"},
    {"course-v1:O+C+branch@b", "organisation, a course and a run"},
    {"Course-v1:O+C+R", "no namespace"},
    {"course-v2:O+C+R", "no namespace"},
    {"O/C", "no namespace"},
    {"O/C/R/S", "not allowed"},
    {"O//R", "empty"},
    {"O/C:D/R", "not allowed"},
    {"library-v1:O", "organisation and a library"},
    {"library-v1:O+L+R", "too many parts"},
    {"lib:O", "organisation and a library"},
    {"lib:O:a:b", "not allowed"},
    {"block-v1:O+C+R", "type@"},
    {"block-v1:O+C+R+type@t", "type@"},
    {"block-v1:O+C+R+block@b", "type@"},
    {"block-v1:O+C+R+block@b+type@t", "not expected"},
    {"block-v1:O+C+type@t+block@b", "organisation, a course and a run"},
    {"block-v1:O+C+R+type@t+block@b c", "not allowed"},
    {"i4x://O/C/html", "organisation, course, type and name"},
    {"i4x://O/C/html/a/b", "not allowed"},
    {"i4x://O/C/html/", "empty"},
    {"i4x://O/C/html/n@", "revision"},
    {"i4x:/O/C/html/n", "not allowed"},
    {"lb:O:s:html", "organisation, library, type and id"},
    {"lb:O:s::id", "empty"},
    {"course-v1:O+C+\xff", "UTF-8"},
};

static void malformed_keys_are_refused_with_what_is_wrong(void **state)
{
    for (size_t i = 0; i < LT_COUNT(bad); i++) {
        struct lt_opaque_key k;
        struct lt_error err = {0};
        if (lt_opaque_key_parse(lt_str(bad[i].text), &k, &err) != LT_EINVALID_INPUT)
            fail_msg("'%s' was taken", bad[i].text);
        if (!strstr(err.detail, bad[i].says))
            fail_msg("'%s': '%s' does not say '%s'", bad[i].text, err.detail, bad[i].says);
    }
}

static void a_key_has_at_most_255_bytes_and_no_nul(void **state)
{
    char text[300];
    struct lt_opaque_key k;
    memset(text, 'a', sizeof(text));
    memcpy(text, "course-v1:O+C+", 14);
    assert_int_equal(lt_opaque_key_parse((struct lt_str){text, 255}, &k, NULL), LT_OK);
    assert_int_equal(lt_opaque_key_parse((struct lt_str){text, 256}, &k, NULL), LT_EINVALID_INPUT);
    text[20] = '\0';
    assert_int_equal(lt_opaque_key_parse((struct lt_str){text, 255}, &k, NULL), LT_EINVALID_INPUT);
}

static void a_course_key_is_no_usage_key_and_the_other_way_round(void **state)
{
    for (size_t i = 0; i < LT_COUNT(good); i++) {
        struct lt_error err = {0};
        bool course = good[i].kind == LT_OPAQUE_COURSE || good[i].kind == LT_OPAQUE_LIBRARY;
        assert_int_equal(lt_course_key_parse(lt_str(good[i].text), NULL, &err), course ? LT_OK : LT_EINVALID_INPUT);
        assert_int_equal(lt_usage_key_parse(lt_str(good[i].text), NULL, &err), course ? LT_EINVALID_INPUT : LT_OK);
        assert_non_null(strstr(err.detail, "must be a"));
        assert_int_equal(lt_opaque_key_looks(lt_str(good[i].text)), !(course && good[i].deprecated));
    }
    assert_false(lt_opaque_key_looks(LT_STR("42")));
}

/* ---- contexts ---- */

static enum lt_code read_context(struct lt_arena *arena, const char *text, bool opaque, struct lt_opaque_context *ret, struct lt_error *err)
{
    const struct lt_json *v = NULL;
    *err = (struct lt_error){0};
    assert_int_equal(lt_json_parse(arena, lt_str(text), LT_JSON_STRICT, &v, err), LT_OK);
    return lt_opaque_context_read(v, opaque, ret, err);
}

static void both_spellings_of_every_context_key_mean_the_same(void **state)
{
    static const char *const names[4][2] = {{"courseId", "course_id"},
                                            {"locationId", "location_id"},
                                            {"uiSlotSelectorId", "ui_slot_selector_id"},
                                            {"serviceVariant", "service_variant"}};
    struct lt_arena *arena = lt_arena_new();
    for (int spelling = 0; spelling < 16; spelling++) { /* one bit a key */
        struct lt_opaque_context c;
        struct lt_error err;
        char *text = lt_strz(arena, lt_printf(arena, "{\"%s\":\"course-v1:O+C+R\",\"%s\":\"block-v1:O+C+R+type@t+block@b\",\"%s\":\"slot\",\"%s\":\"cms\"}",
                                              names[0][spelling & 1], names[1][spelling >> 1 & 1], names[2][spelling >> 2 & 1], names[3][spelling >> 3 & 1]));
        assert_int_equal(read_context(arena, text, true, &c, &err), LT_OK);
        equal(c.course_id, "course-v1:O+C+R");
        equal(c.location_id, "block-v1:O+C+R+type@t+block@b");
        equal(c.ui_slot_selector_id, "slot");
        assert_int_equal(c.service_variant, LT_SERVICE_CMS);
    }
    lt_arena_free(arena);
}

static void absent_null_and_empty_context_keys_are_not_given(void **state)
{
    static const char *const texts[] = {"{}", "{\"courseId\":null,\"location_id\":null}", "{\"course_id\":\"\",\"uiSlotSelectorId\":\"\",\"other\":7}", "null"};
    struct lt_arena *arena = lt_arena_new();
    for (size_t i = 0; i < LT_COUNT(texts); i++) {
        struct lt_opaque_context c;
        struct lt_error err;
        enum lt_code rc = read_context(arena, texts[i], true, &c, &err);
        assert_int_equal(rc, i == 3 ? LT_EINVALID_INPUT : LT_OK);
        equal(c.course_id, "");
        equal(c.location_id, "");
        equal(c.ui_slot_selector_id, "");
        assert_int_equal(c.service_variant, -1);
    }
    struct lt_opaque_context c;
    assert_int_equal(lt_opaque_context_read(NULL, true, &c, NULL), LT_OK);
    lt_arena_free(arena);
}

static void a_wrong_context_key_is_refused_with_its_field_as_spelt(void **state)
{
    static const struct {
        const char *text, *field;
        bool only_opaque; /* other platforms' ids, which do not look like keys, are fine */
    } cases[] = {
        {"{\"courseId\":\"nonsense\"}", "/courseId", true},
        {"{\"course_id\":\"nonsense\"}", "/course_id", true},
        {"{\"course_id\":\"block-v1:O+C+R+type@t+block@b\"}", "/course_id", false},
        {"{\"locationId\":\"course-v1:O+C+R\"}", "/locationId", false},
        {"{\"location_id\":\"7\"}", "/location_id", true},
        {"{\"course_id\":7}", "/course_id", false},
        {"{\"uiSlotSelectorId\":[]}", "/uiSlotSelectorId", false},
        {"{\"service_variant\":\"studio\"}", "/service_variant", false},
        {"{\"serviceVariant\":\"LMS\"}", "/serviceVariant", false},
        {"{\"courseId\":\"course-v1:O+C+R\",\"course_id\":\"course-v1:O+C+S\"}", "/courseId", false},
        {"[]", "", false},
    };
    struct lt_arena *arena = lt_arena_new();
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_opaque_context c;
        struct lt_error err;
        assert_int_equal(read_context(arena, cases[i].text, true, &c, &err), LT_EINVALID_INPUT);
        assert_string_equal(err.field, cases[i].field);
        assert_int_equal(read_context(arena, cases[i].text, false, &c, &err), cases[i].only_opaque ? LT_OK : LT_EINVALID_INPUT);
    }
    lt_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_every_form_are_taken_apart),
        cmocka_unit_test(malformed_keys_are_refused_with_what_is_wrong),
        cmocka_unit_test(a_key_has_at_most_255_bytes_and_no_nul),
        cmocka_unit_test(a_course_key_is_no_usage_key_and_the_other_way_round),
        cmocka_unit_test(both_spellings_of_every_context_key_mean_the_same),
        cmocka_unit_test(absent_null_and_empty_context_keys_are_not_given),
        cmocka_unit_test(a_wrong_context_key_is_refused_with_its_field_as_spelt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
