/* Reading Moodle's answers. Fuzzed by tests/fuzz/fuzz_moodle_read.c. */
#include "content/moodle_read.h"

#include "text/html_text.h"

static struct lt_str member(const struct lt_json *object, const char *key)
{
    return lt_json_str_or(lt_json_get(object, key), LT_STR(""));
}

/* Numbers come as numbers, and here and there as texts. */
static int64_t number(const struct lt_json *object, const char *key, int64_t otherwise)
{
    const struct lt_json *v = lt_json_get(object, key);
    int64_t n = otherwise;
    if (lt_json_is(v, LT_JSON_STRING))
        return lt_str_to_int64(lt_json_str(v), &n) ? n : otherwise;
    if (lt_json_is(v, LT_JSON_BOOL))
        return lt_json_bool_or(v, false);
    return lt_json_int64_or(v, otherwise);
}

static struct lt_str number_text(struct lt_arena *arena, const struct lt_json *object, const char *key)
{
    int64_t n = number(object, key, 0);
    return n > 0 ? lt_printf(arena, "%lld", (long long)n) : LT_STR("");
}

/* ---- errors (lib/externallib.php, webservice/rest/locallib.php: {"exception", "errorcode", "message"}) ---- */

static const struct {
    const char *errorcode;
    enum lt_code code;
} errors[] = {
    {"invalidtoken", LT_EUPSTREAM_UNAUTHORIZED},       {"accessexception", LT_EUPSTREAM_UNAUTHORIZED}, {"servicenotavailable", LT_EUPSTREAM_UNAUTHORIZED},
    {"restoredaccountresetpassword", LT_EUPSTREAM_UNAUTHORIZED}, {"usernotconfirmed", LT_EUPSTREAM_UNAUTHORIZED},
    {"sitemaintenance", LT_EUPSTREAM_UNAVAILABLE},     {"invalidrecord", LT_ENOT_FOUND},              {"invalidrecordunknown", LT_ENOT_FOUND},
    {"invalidcourseid", LT_ENOT_FOUND},                {"errorcoursecontextnotvalid", LT_ENOT_FOUND}, {"requireloginerror", LT_ENOT_FOUND},
    {"nopermissions", LT_ENOT_FOUND},                  {"invaliduser", LT_ENOT_FOUND},
};

/* Only plain words of it are shown: the message may quote anything. */
static enum lt_code exception(const struct lt_json *v, struct lt_error *err)
{
    struct lt_str code = member(v, "errorcode");
    enum lt_code rc = LT_EUPSTREAM_BAD_REQUEST;
    bool plain = code.n > 0 && code.n <= 60;
    for (size_t i = 0; i < code.n; i++)
        plain = plain && ((code.p[i] | 0x20) >= 'a' && (code.p[i] | 0x20) <= 'z');
    for (size_t i = 0; i < LT_COUNT(errors); i++)
        if (lt_str_is(code, errors[i].errorcode))
            rc = errors[i].code;
    return lt_fail(err, rc, "Moodle refuses the question: %.*s", LT_FMT(plain ? code : LT_STR("an exception")));
}

enum lt_code lt_moodle_parse(struct lt_arena *arena, struct lt_str body, enum lt_json_type type, const struct lt_json **ret, struct lt_error *err)
{
    if (lt_json_parse(arena, body, LT_JSON_STRICT, ret, NULL)) /* its error would quote the answer */
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer is not JSON");
    if (lt_json_is(*ret, LT_JSON_OBJECT) && lt_json_get(*ret, "exception"))
        return exception(*ret, err);
    return lt_json_is(*ret, type) ? LT_OK : lt_fail(err, LT_EUPSTREAM_INVALID, "the answer is not of the documented form");
}

/* ---- the course ---- */

enum lt_code lt_moodle_course_read(struct lt_arena *arena, struct lt_str body, int64_t *ret_id, struct lt_course_info *ret, struct lt_error *err)
{
    const struct lt_json *v;
    struct lt_error why;
    if (lt_moodle_parse(arena, body, LT_JSON_OBJECT, &v, err))
        return err->code;
    const struct lt_json *list = lt_json_get(v, "courses"), *course = lt_json_at(list, 0);
    if (!lt_json_is(list, LT_JSON_ARRAY))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer has no array `courses`");
    *ret_id = number(course, "id", 0);
    if (lt_json_len(list) == 0 || *ret_id <= 0 || number(course, "visible", 1) == 0)
        return lt_fail(err, LT_ENOT_FOUND, "Moodle knows no such course, or it is hidden");
    struct lt_str summary = member(course, "summary");
    ret->texts[LT_COURSE_TITLE] = member(course, "fullname");
    if (summary.n > 0 && lt_html_text(arena, summary, &ret->texts[LT_COURSE_DESCRIPTION], &why))
        ret->texts[LT_COURSE_DESCRIPTION] = LT_STR_NULL;
    return LT_OK;
}

/* ---- who may see what ---- */

/* A tree of conditions (availability/classes/tree.php); one without any restricts nothing. What cannot be read restricts. */
static bool restricts(struct lt_arena *arena, const struct lt_json *availability)
{
    const struct lt_json *tree;
    struct lt_str text = lt_str_trim(lt_json_str(availability));
    if (!availability || lt_json_is(availability, LT_JSON_NULL) || (lt_json_is(availability, LT_JSON_STRING) && text.n == 0))
        return false;
    if (!text.p || lt_json_parse(arena, text, LT_JSON_STRICT, &tree, NULL))
        return true;
    const struct lt_json *conditions = lt_json_get(tree, "c");
    return !lt_json_is(conditions, LT_JSON_ARRAY) || lt_json_len(conditions) > 0;
}

static bool everybody_sees(struct lt_arena *arena, const struct lt_json *thing)
{
    return number(thing, "visible", 1) != 0 && number(thing, "uservisible", 1) != 0 && number(thing, "visibleoncoursepage", 1) != 0 &&
           number(thing, "hiddenbynumsections", 0) == 0 && lt_str_trim(member(thing, "availabilityinfo")).n == 0 &&
           !restricts(arena, lt_json_get(thing, "availability"));
}

/* ---- contents ---- */

/* The titles of a book's chapters that are shown, from the JSON text in its first content ("structure"); `path` is "/NUMBER/" of a chapter's file. */
static bool chapter_title(const struct lt_json *list, struct lt_str path, int depth, struct lt_str *ret)
{
    for (size_t i = 0; depth < 8 && i < lt_json_len(list); i++) {
        const struct lt_json *chapter = lt_json_at(list, i);
        struct lt_str href = member(chapter, "href"), number_of = lt_str_cut(&href, '/'), rest = path;
        lt_str_cut(&rest, '/');
        bool hidden = number(chapter, "hidden", 0) != 0;
        if (number_of.n > 0 && lt_str_eq(lt_str_cut(&rest, '/'), number_of)) {
            *ret = member(chapter, "title");
            return !hidden;
        }
        if (!hidden && chapter_title(lt_json_get(chapter, "subitems"), path, depth + 1, ret))
            return true;
    }
    return false;
}

static void read_chapters(struct lt_arena *arena, const struct lt_json *contents, struct lt_moodle_activity *ret)
{
    const struct lt_json *structure = NULL;
    size_t n = lt_json_len(contents) < LT_MOODLE_CHAPTERS_MAX ? lt_json_len(contents) : LT_MOODLE_CHAPTERS_MAX;
    ret->chapters = LT_NEW_ARRAY(arena, struct lt_moodle_chapter, n + 1);
    for (size_t i = 0; i < lt_json_len(contents) && ret->chapters_n < n; i++) {
        const struct lt_json *c = lt_json_at(contents, i);
        struct lt_moodle_chapter chapter = {LT_STR(""), member(c, "fileurl")};
        if (lt_str_is(member(c, "filename"), "structure"))
            lt_json_parse(arena, member(c, "content"), LT_JSON_STRICT, &structure, NULL);
        else if (lt_str_is(member(c, "filename"), "index.html") && chapter.url.n > 0 && chapter_title(structure, member(c, "filepath"), 0, &chapter.title))
            ret->chapters[ret->chapters_n++] = chapter;
    }
}

static void read_activity(struct lt_arena *arena, const struct lt_json *module, size_t section, struct lt_moodle_activity *ret)
{
    *ret = (struct lt_moodle_activity){.id = number_text(arena, module, "id"),
                                       .modname = member(module, "modname"),
                                       .name = member(module, "name"),
                                       .url = member(module, "url"),
                                       .description = member(module, "description"),
                                       .text = LT_STR(""),
                                       .section = section};
    if (lt_str_is(ret->modname, "book"))
        read_chapters(arena, lt_json_get(module, "contents"), ret);
}

enum lt_code lt_moodle_contents_read(struct lt_arena *arena, struct lt_str body, struct lt_moodle_course *ret, struct lt_error *err)
{
    const struct lt_json *v;
    size_t all = 0;
    *ret = (struct lt_moodle_course){0};
    if (lt_moodle_parse(arena, body, LT_JSON_ARRAY, &v, err))
        return err->code;
    for (size_t i = 0; i < lt_json_len(v); i++)
        all += lt_json_len(lt_json_get(lt_json_at(v, i), "modules"));
    if (all > LT_MOODLE_ACTIVITIES_MAX || lt_json_len(v) > LT_MOODLE_ACTIVITIES_MAX)
        return lt_fail(err, LT_ETOO_LARGE, "the course has more than %d activities", LT_MOODLE_ACTIVITIES_MAX);
    ret->sections = LT_NEW_ARRAY(arena, struct lt_moodle_section, lt_json_len(v) + 1);
    ret->activities = LT_NEW_ARRAY(arena, struct lt_moodle_activity, all + 1);
    for (size_t i = 0; i < lt_json_len(v); i++) {
        const struct lt_json *section = lt_json_at(v, i), *modules = lt_json_get(section, "modules");
        if (!lt_json_is(section, LT_JSON_OBJECT) || !lt_json_is(modules, LT_JSON_ARRAY))
            return lt_fail(err, LT_EUPSTREAM_INVALID, "a section of the answer has no array `modules`");
        if (!everybody_sees(arena, section))
            continue;
        ret->sections[ret->sections_n++] = (struct lt_moodle_section){number_text(arena, section, "id"), member(section, "name"), member(section, "summary")};
        for (size_t k = 0; k < lt_json_len(modules); k++) {
            const struct lt_json *module = lt_json_at(modules, k);
            if (number(module, "id", 0) > 0 && everybody_sees(arena, module))
                read_activity(arena, module, ret->sections_n - 1, &ret->activities[ret->activities_n++]);
        }
    }
    return LT_OK;
}

/* ---- texts ---- */

static struct lt_moodle_activity *activity_of(struct lt_moodle_course *course, struct lt_str id)
{
    for (size_t i = 0; id.n > 0 && i < course->activities_n; i++)
        if (lt_str_eq(course->activities[i].id, id))
            return &course->activities[i];
    return NULL;
}

enum lt_code lt_moodle_texts_read(struct lt_arena *arena, struct lt_str body, const char *name, struct lt_moodle_course *course, struct lt_error *err)
{
    const struct lt_json *v;
    if (lt_moodle_parse(arena, body, LT_JSON_OBJECT, &v, err))
        return err->code;
    const struct lt_json *list = lt_json_get(v, name);
    if (!lt_json_is(list, LT_JSON_ARRAY) || lt_json_len(list) > LT_MOODLE_ACTIVITIES_MAX)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the answer has no array `%s` of at most %d", name, LT_MOODLE_ACTIVITIES_MAX);
    for (size_t i = 0; i < lt_json_len(list); i++) {
        const struct lt_json *row = lt_json_at(list, i);
        struct lt_moodle_activity *a = activity_of(course, number_text(arena, row, "coursemodule"));
        if (!a)
            continue;
        a->description = LT_STR("");
        a->text = lt_printf(arena, "%.*s\n%.*s", LT_FMT(member(row, "intro")), LT_FMT(member(row, "content")));
    }
    return LT_OK;
}

/* ---- users ---- */

enum lt_code lt_moodle_user_read(struct lt_arena *arena, struct lt_str body, int64_t *ret_id, struct lt_error *err)
{
    const struct lt_json *v;
    if (lt_moodle_parse(arena, body, LT_JSON_ARRAY, &v, err))
        return err->code;
    *ret_id = number(lt_json_at(v, 0), "id", 0);
    return lt_json_len(v) == 1 && *ret_id > 0 ? LT_OK : lt_fail(err, LT_ENOT_FOUND, "Moodle knows no such user");
}

enum lt_code lt_moodle_enrolled(struct lt_arena *arena, struct lt_str body, int64_t course, struct lt_error *err)
{
    const struct lt_json *v;
    if (lt_moodle_parse(arena, body, LT_JSON_ARRAY, &v, err))
        return err->code;
    for (size_t i = 0; i < lt_json_len(v); i++)
        if (number(lt_json_at(v, i), "id", 0) == course)
            return LT_OK;
    return lt_fail(err, LT_ENOT_FOUND, "the user is not in the course");
}
