/* Opaque keys, and contexts in both spellings. Fuzzed by tests/fuzz/fuzz_opaque_key.c. */
#include "workflows/opaque_key.h"

#include <stdio.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include "workflows/scope.h"

/* ---- parts ---- */

/* Letters and digits of any script, and the bytes of `marks`. The text is UTF-8. */
static bool is_part(struct lt_str s, const char *marks)
{
    for (int32_t i = 0, n = (int32_t)s.n; i < n;) {
        UChar32 c;
        U8_NEXT((const uint8_t *)s.p, i, n, c);
        bool word = c == '_' || (c > 0 && (U_GET_GC_MASK(c) & (U_GC_L_MASK | U_GC_N_MASK)));
        if (!word && (c <= 0 || c >= 0x80 || !strchr(marks, (char)c)))
            return false;
    }
    return s.n > 0;
}

#define MARKS "-~.:"
#define MARKS_BLOCK "-~.:%"    /* of block ids */
#define MARKS_OLD "-.%"        /* of deprecated keys */
#define MARKS_OLD_NAME "-.:%"  /* of the name in i4x:// */
#define MARKS_SLUG "-~."       /* between colons */

static enum lt_code bad(struct lt_error *err, const char *what)
{
    return lt_fail(err, LT_EINVALID_INPUT, "not an opaque key: %s", what);
}

static bool is_version(struct lt_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
            return false;
    return s.n == 24;
}

/* The part before the next '+', which is taken out; false at the end, and when nothing stands behind the last '+'. */
static bool next_part(struct lt_str *rest, struct lt_str *ret)
{
    bool more = rest->n > 0 && memchr(rest->p, '+', rest->n);
    *ret = lt_str_cut(rest, '+');
    return ret->n > 0 && (!more || rest->n > 0);
}

/* When `s` is "NAME@VALUE": the value. */
static bool is_marked(struct lt_str s, const char *name, struct lt_str *ret)
{
    struct lt_str value = s, head = lt_str_cut(&value, '@');
    if (head.n == s.n || !lt_str_is(head, name))
        return false;
    *ret = value;
    return true;
}

/* ---- NAMESPACE:a+b+c+branch@…+version@…+type@…+block@… ---- */

/* The marked parts in their order, each at most once. */
static enum lt_code read_marked(struct lt_opaque_key *k, struct lt_str part, struct lt_str rest, struct lt_error *err)
{
    const struct {
        const char *name, *marks;
        struct lt_str *value;
    } marked[] = {{"branch", MARKS, &k->branch}, {"version", "", &k->version}, {"type", MARKS, &k->block_type}, {"block", MARKS_BLOCK, &k->block_id}};
    size_t m = 0;
    while (part.n > 0) {
        while (m < LT_COUNT(marked) && !is_marked(part, marked[m].name, marked[m].value))
            m++;
        if (m == LT_COUNT(marked))
            return bad(err, "a part is not expected there");
        if (!is_part(*marked[m].value, marked[m].marks))
            return bad(err, "a part has characters that are not allowed");
        m++;
        if (rest.n == 0)
            break;
        if (!next_part(&rest, &part))
            return bad(err, "a part is empty");
    }
    if (k->version.n > 0 && !is_version(k->version))
        return bad(err, "the version must be 24 hexadecimal digits");
    return LT_OK;
}

static enum lt_code read_plus(struct lt_opaque_key *k, struct lt_str rest, struct lt_error *err)
{
    bool library = k->kind == LT_OPAQUE_LIBRARY || k->kind == LT_OPAQUE_LIBRARY_USAGE;
    struct lt_str *names[] = {&k->org, &k->course, &k->run}, part = LT_STR("");
    size_t wanted = library ? 2 : 3, n = 0;
    bool block = k->kind == LT_OPAQUE_USAGE || k->kind == LT_OPAQUE_LIBRARY_USAGE;
    while (rest.n > 0) {
        if (!next_part(&rest, &part))
            return bad(err, "a part is empty");
        if (memchr(part.p, '@', part.n))
            break;
        if (n == wanted)
            return bad(err, "it has too many parts");
        if (!is_part(part, MARKS))
            return bad(err, "a part has characters that are not allowed");
        *names[n++] = part;
        part = LT_STR("");
    }
    if (read_marked(k, part, rest, err))
        return err ? err->code : LT_EINVALID_INPUT;
    if (n != wanted && !(n == 0 && k->version.n > 0))
        return bad(err, library ? "it needs an organisation and a library" : "it needs an organisation, a course and a run");
    if (block ? k->block_type.n == 0 || k->block_id.n == 0 : k->block_type.n + k->block_id.n > 0)
        return bad(err, block ? "it needs type@… and block@…" : "a course or library has no type@ and block@");
    return LT_OK;
}

/* ---- the other forms ---- */

/* n parts with `separator` between; the last takes the rest. */
static bool split(struct lt_str rest, char separator, struct lt_str **parts, size_t n)
{
    for (size_t i = 0; i + 1 < n; i++) {
        if (!rest.n || !memchr(rest.p, separator, rest.n))
            return false;
        *parts[i] = lt_str_cut(&rest, separator);
    }
    *parts[n - 1] = rest;
    return true;
}

static enum lt_code read_colons(struct lt_opaque_key *k, struct lt_str rest, struct lt_error *err)
{
    bool block = k->kind == LT_OPAQUE_LIBRARY_USAGE;
    struct lt_str *parts[] = {&k->org, &k->course, &k->block_type, &k->block_id};
    size_t n = block ? 4 : 2;
    if (!split(rest, ':', parts, n))
        return bad(err, block ? "it needs organisation, library, type and id" : "it needs an organisation and a library");
    for (size_t i = 0; i < n; i++)
        if (!is_part(*parts[i], MARKS_SLUG))
            return bad(err, "a part is empty or has characters that are not allowed");
    return LT_OK;
}

static enum lt_code read_i4x(struct lt_opaque_key *k, struct lt_str rest, struct lt_error *err)
{
    struct lt_str *parts[] = {&k->org, &k->course, &k->block_type, &k->block_id};
    k->deprecated = true;
    if (!split(rest, '/', parts, 4))
        return bad(err, "it needs organisation, course, type and name");
    k->branch = k->block_id;
    k->block_id = lt_str_cut(&k->branch, '@');
    bool revision = k->block_id.n + k->branch.n < (size_t)(rest.p + rest.n - k->block_id.p); /* there was an '@' */
    for (size_t i = 0; i < 4; i++)
        if (!is_part(*parts[i], i == 3 ? MARKS_OLD_NAME : MARKS_OLD))
            return bad(err, "a part is empty or has characters that are not allowed");
    if (revision && !is_part(k->branch, MARKS_OLD))
        return bad(err, "the revision is empty or has characters that are not allowed");
    return LT_OK;
}

static enum lt_code read_slashes(struct lt_opaque_key *k, struct lt_str text, struct lt_error *err)
{
    struct lt_str *parts[] = {&k->org, &k->course, &k->run};
    k->kind = LT_OPAQUE_COURSE;
    k->deprecated = true;
    if (!split(text, '/', parts, 3))
        return bad(err, "it begins with no namespace that is known, and is not ORG/COURSE/RUN");
    for (size_t i = 0; i < 3; i++)
        if (!is_part(*parts[i], MARKS_OLD))
            return bad(err, "a part is empty or has characters that are not allowed");
    return LT_OK;
}

/* ---- keys ---- */

static const struct {
    const char *prefix;
    enum lt_opaque_kind kind;
    enum lt_code (*read)(struct lt_opaque_key *k, struct lt_str rest, struct lt_error *err);
} forms[] = {
    {"course-v1:", LT_OPAQUE_COURSE, read_plus},   {"library-v1:", LT_OPAQUE_LIBRARY, read_plus},
    {"block-v1:", LT_OPAQUE_USAGE, read_plus},     {"lib-block-v1:", LT_OPAQUE_LIBRARY_USAGE, read_plus},
    {"lib:", LT_OPAQUE_LIBRARY, read_colons},      {"lb:", LT_OPAQUE_LIBRARY_USAGE, read_colons},
    {"i4x://", LT_OPAQUE_USAGE, read_i4x},
};

static const char *const kinds[] = {"a course key", "a library key", "a usage key", "a usage key of a library"};

static bool find_form(struct lt_str text, size_t *ret)
{
    for (*ret = 0; *ret < LT_COUNT(forms); (*ret)++)
        if (lt_str_starts(text, lt_str(forms[*ret].prefix)))
            return true;
    return false;
}

bool lt_opaque_key_looks(struct lt_str text)
{
    size_t form;
    return find_form(text, &form);
}

enum lt_code lt_opaque_key_parse(struct lt_str text, struct lt_opaque_key *ret, struct lt_error *err)
{
    const struct lt_str none = LT_STR("");
    size_t form;
    *ret = (struct lt_opaque_key){0, false, none, none, none, none, none, none, none};
    if (text.n == 0 || text.n > LT_OPAQUE_KEY_MAX)
        return lt_fail(err, LT_EINVALID_INPUT, "not an opaque key: it must have 1 to %d bytes", LT_OPAQUE_KEY_MAX);
    if (!lt_utf8_valid(text.p, text.n))
        return bad(err, "it is not UTF-8");
    if (!find_form(text, &form))
        return read_slashes(ret, text, err);
    struct lt_str rest = text;
    rest.p += strlen(forms[form].prefix);
    rest.n -= strlen(forms[form].prefix);
    ret->kind = forms[form].kind;
    return forms[form].read(ret, rest, err);
}

static enum lt_code parse_as(struct lt_str text, enum lt_opaque_kind one, enum lt_opaque_kind other, struct lt_opaque_key *ret, struct lt_error *err)
{
    struct lt_opaque_key key;
    enum lt_code rc = lt_opaque_key_parse(text, &key, err);
    if (rc)
        return rc;
    if (key.kind != one && key.kind != other)
        return lt_fail(err, LT_EINVALID_INPUT, "must be %s, is %s", kinds[one], kinds[key.kind]);
    if (ret)
        *ret = key;
    return LT_OK;
}

enum lt_code lt_course_key_parse(struct lt_str text, struct lt_opaque_key *ret, struct lt_error *err)
{
    return parse_as(text, LT_OPAQUE_COURSE, LT_OPAQUE_LIBRARY, ret, err);
}

enum lt_code lt_usage_key_parse(struct lt_str text, struct lt_opaque_key *ret, struct lt_error *err)
{
    return parse_as(text, LT_OPAQUE_USAGE, LT_OPAQUE_LIBRARY_USAGE, ret, err);
}

/* ---- contexts ---- */

struct member {
    const char *camel, *snake;
    enum lt_code (*check)(struct lt_str text, struct lt_opaque_key *ret, struct lt_error *err); /* NULL: any text */
};

/* One value of one spelling: "" for null and absent. */
static enum lt_code read_text(const struct lt_json *object, const char *name, struct lt_str *ret, struct lt_error *err)
{
    const struct lt_json *v = lt_json_get(object, name);
    char field[64];
    snprintf(field, sizeof(field), "/%s", name);
    *ret = LT_STR("");
    if (!v || lt_json_is(v, LT_JSON_NULL))
        return LT_OK;
    if (!lt_json_is(v, LT_JSON_STRING))
        return lt_fail_field(err, LT_EINVALID_INPUT, field, "must be a string, is %s", lt_json_type_name(v));
    struct lt_str text = lt_json_str(v);
    if (text.n > LT_SCOPE_TEXT_MAX)
        return lt_fail_field(err, LT_EINVALID_INPUT, field, "must be at most %d bytes, is %zu", LT_SCOPE_TEXT_MAX, text.n);
    if (text.n > 0)
        *ret = text;
    return LT_OK;
}

static enum lt_code read_member(const struct lt_json *object, const struct member *m, bool opaque, struct lt_str *ret, struct lt_error *err)
{
    struct lt_str camel, snake;
    char field[64];
    enum lt_code rc = read_text(object, m->camel, &camel, err);
    if (rc || (rc = read_text(object, m->snake, &snake, err)))
        return rc;
    const char *given = camel.n > 0 ? m->camel : m->snake;
    snprintf(field, sizeof(field), "/%s", given);
    if (camel.n > 0 && snake.n > 0 && !lt_str_eq(camel, snake))
        return lt_fail_field(err, LT_EINVALID_INPUT, field, "%s and %s are given and differ", m->camel, m->snake);
    *ret = camel.n > 0 ? camel : snake;
    if (ret->n == 0 || !m->check || (!opaque && !lt_opaque_key_looks(*ret)))
        return LT_OK;
    rc = m->check(*ret, NULL, err);
    if (rc && err)
        snprintf(err->field, sizeof(err->field), "%s", field);
    return rc;
}

enum lt_code lt_opaque_context_read(const struct lt_json *object, bool opaque, struct lt_opaque_context *ret, struct lt_error *err)
{
    static const struct member members[] = {{"courseId", "course_id", lt_course_key_parse},
                                            {"locationId", "location_id", lt_usage_key_parse},
                                            {"uiSlotSelectorId", "ui_slot_selector_id", NULL},
                                            {"serviceVariant", "service_variant", NULL}};
    const struct lt_str none = LT_STR("");
    struct lt_str variant = none, *values[] = {&ret->course_id, &ret->location_id, &ret->ui_slot_selector_id, &variant};
    *ret = (struct lt_opaque_context){none, none, none, -1};
    if (!object)
        return LT_OK;
    if (!lt_json_is(object, LT_JSON_OBJECT))
        return lt_fail_field(err, LT_EINVALID_INPUT, "", "the context must be an object, is %s", lt_json_type_name(object));
    for (size_t i = 0; i < LT_COUNT(members); i++) {
        enum lt_code rc = read_member(object, &members[i], opaque, values[i], err);
        if (rc)
            return rc;
    }
    if (variant.n > 0 && (ret->service_variant = lt_service_variant_parse(variant)) < 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, lt_json_get(object, "serviceVariant") ? "/serviceVariant" : "/service_variant",
                             "must be lms or cms");
    return LT_OK;
}
