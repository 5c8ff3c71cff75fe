/* Language tags, by ICU. Fuzzed by tests/fuzz/fuzz_values.c. */
#include "text/language_tag.h"

#include <stdio.h>

#include <unicode/uloc.h>
#include <unicode/ustring.h>

enum { NAME_MAX = 200 };

/* The tag as ICU's own id, without extensions; false: it is not well formed. */
static bool read_id(struct lt_str given, char id[ULOC_FULLNAME_CAPACITY])
{
    char tag[LT_LANGUAGE_TAG_MAX + 1], whole[ULOC_FULLNAME_CAPACITY];
    int32_t parsed = 0;
    UErrorCode status = U_ZERO_ERROR, base = U_ZERO_ERROR;
    if (given.n == 0 || given.n > LT_LANGUAGE_TAG_MAX || memchr(given.p, '\0', given.n))
        return false;
    for (size_t i = 0; i < given.n; i++)
        tag[i] = given.p[i] == '_' ? '-' : given.p[i];
    tag[given.n] = '\0';
    uloc_forLanguageTag(tag, whole, sizeof(whole), &parsed, &status);
    if (U_FAILURE(status) || status == U_STRING_NOT_TERMINATED_WARNING || (size_t)parsed != given.n)
        return false;
    uloc_getBaseName(whole, id, ULOC_FULLNAME_CAPACITY, &base);
    return U_SUCCESS(base) && base != U_STRING_NOT_TERMINATED_WARNING;
}

static bool is_named(const char *id)
{
    UChar name[NAME_MAX];
    UErrorCode status = U_ZERO_ERROR;
    uloc_getDisplayLanguage(id, "en", name, NAME_MAX, &status);
    return U_SUCCESS(status) && status != U_USING_DEFAULT_WARNING;
}

static bool is_language(const char *id)
{
    static const char *const none[] = {"", "und", "mul", "mis", "zxx", "root"};
    char language[ULOC_LANG_CAPACITY];
    UErrorCode status = U_ZERO_ERROR;
    int32_t n = uloc_getLanguage(id, language, sizeof(language), &status);
    if (U_FAILURE(status) || status == U_STRING_NOT_TERMINATED_WARNING)
        return false;
    for (size_t i = 0; i < LT_COUNT(none); i++)
        if (strcmp(language, none[i]) == 0)
            return false;
    return n == 3 || is_named(id);
}

/* In English; empty when there is none. */
static struct lt_str name_of(struct lt_arena *arena, const char *id)
{
    UChar wide[NAME_MAX];
    char name[3 * NAME_MAX];
    UErrorCode status = U_ZERO_ERROR;
    int32_t n = 0, wide_n = uloc_getDisplayName(id, "en", wide, NAME_MAX, &status);
    if (U_FAILURE(status) || wide_n > NAME_MAX || !is_named(id))
        return LT_STR("");
    u_strToUTF8(name, sizeof(name), &n, wide, wide_n, &status);
    return U_FAILURE(status) ? LT_STR("") : lt_str_copy(arena, (struct lt_str){name, (size_t)n});
}

enum lt_code lt_language_tag_read(struct lt_arena *arena, struct lt_str given, struct lt_language_tag *ret, struct lt_error *err)
{
    char id[ULOC_FULLNAME_CAPACITY], tag[ULOC_FULLNAME_CAPACITY];
    UErrorCode status = U_ZERO_ERROR;
    *ret = (struct lt_language_tag){.tag = LT_STR("")};
    if (!read_id(given, id))
        return lt_fail(err, LT_EINVALID_INPUT, "must be a language tag (BCP 47) of at most %d characters, such as es, pt-BR or zh-Hant",
                       LT_LANGUAGE_TAG_MAX);
    uloc_toLanguageTag(id, tag, sizeof(tag), true, &status);
    if (U_FAILURE(status) || status == U_STRING_NOT_TERMINATED_WARNING || !is_language(id))
        return lt_fail(err, LT_EINVALID_INPUT, "names no language that is known: '%.*s'", LT_FMT(given));
    ret->tag = lt_str_copy(arena, lt_str(tag));
    ret->name = name_of(arena, id);
    if (ret->name.n == 0)
        ret->name = ret->tag;
    return LT_OK;
}
