/*
 * Marks, declarations, and glibc's iconv for the few encodings that we take.
 * Fuzzed by tests/fuzz/fuzz_olx.c and tests/fuzz/fuzz_common_cartridge.c.
 */
#include "content/encoding.h"

#include <ctype.h>
#include <errno.h>
#include <iconv.h>

enum { LOOK = 1024 /* bytes of a beginning in which a declaration stands */ };

static const struct {
    const char *name, *iconv;
} known[] = {
    {"utf-8", NULL}, {"utf8", NULL}, {"us-ascii", "US-ASCII"}, {"ascii", "US-ASCII"}, {"iso-8859-1", "ISO-8859-1"}, {"latin1", "ISO-8859-1"},
    {"iso-8859-15", "ISO-8859-15"}, {"windows-1252", "WINDOWS-1252"}, {"cp1252", "WINDOWS-1252"},
};

static struct lt_str from(struct lt_str s, size_t n)
{
    return (struct lt_str){s.p + n, s.n - n};
}

static enum lt_code convert(struct lt_arena *arena, struct lt_str bytes, const char *encoding, struct lt_str *ret, struct lt_error *err)
{
    size_t room = bytes.n * 3 + 4, left = room, in_left = bytes.n;
    char *out = lt_alloc(arena, room), *to = out, *in = (char *)(uintptr_t)bytes.p;
    iconv_t cd = iconv_open("UTF-8", encoding);
    if (cd == (iconv_t)-1)
        return lt_fail(err, LT_EINTERNAL, "%s is not known here", encoding);
    size_t n = iconv(cd, &in, &in_left, &to, &left);
    iconv_close(cd);
    if (n == (size_t)-1)
        return lt_fail(err, LT_EINVALID_INPUT, "is not %s, as it says, at byte %zu", encoding, bytes.n - in_left);
    *ret = (struct lt_str){out, room - left};
    return LT_OK;
}

static enum lt_code as_utf8(struct lt_str bytes, struct lt_str *ret, struct lt_error *err)
{
    *ret = bytes;
    if (lt_utf8_valid(bytes.p, bytes.n))
        return LT_OK;
    size_t good = 0, bad = bytes.n;
    while (good + 1 < bad) {
        size_t mid = good + (bad - good) / 2, whole = lt_utf8_whole(bytes.p, mid);
        if (lt_utf8_valid(bytes.p, whole))
            good = mid;
        else
            bad = mid;
    }
    return lt_fail(err, LT_EINVALID_INPUT, "is not UTF-8 at byte %zu", lt_utf8_whole(bytes.p, good));
}

static enum lt_code as_named(struct lt_arena *arena, struct lt_str bytes, struct lt_str name, struct lt_str *ret, struct lt_error *err)
{
    for (size_t i = 0; i < LT_COUNT(known); i++)
        if (lt_str_eq_ci(name, lt_str(known[i].name)))
            return known[i].iconv ? convert(arena, bytes, known[i].iconv, ret, err) : as_utf8(bytes, ret, err);
    if (lt_str_eq_ci(name, LT_STR("utf-16")) || lt_str_eq_ci(name, LT_STR("utf-16le")) || lt_str_eq_ci(name, LT_STR("utf-16be")))
        return lt_fail(err, LT_EINVALID_INPUT, "says that it is UTF-16 and is not");
    return lt_fail(err, LT_EINVALID_INPUT, "is in the encoding '%.*s', which is not taken", LT_FMT(((struct lt_str){name.p, name.n < 40 ? name.n : 40})));
}

/* UTF-16 and UTF-8 with a mark in front, and UTF-16 by its zeros. False: neither. */
static bool by_mark(struct lt_arena *arena, struct lt_str bytes, struct lt_str *ret, enum lt_code *ret_rc, struct lt_error *err)
{
    const unsigned char *p = (const unsigned char *)bytes.p;
    if (bytes.n >= 3 && p[0] == 0xEF && p[1] == 0xBB && p[2] == 0xBF)
        *ret_rc = as_utf8(from(bytes, 3), ret, err);
    else if (bytes.n >= 2 && p[0] == 0xFF && p[1] == 0xFE)
        *ret_rc = convert(arena, from(bytes, 2), "UTF-16LE", ret, err);
    else if (bytes.n >= 2 && p[0] == 0xFE && p[1] == 0xFF)
        *ret_rc = convert(arena, from(bytes, 2), "UTF-16BE", ret, err);
    else if (bytes.n >= 2 && p[0] == '<' && p[1] == 0)
        *ret_rc = convert(arena, bytes, "UTF-16LE", ret, err);
    else if (bytes.n >= 2 && p[0] == 0 && p[1] == '<')
        *ret_rc = convert(arena, bytes, "UTF-16BE", ret, err);
    else
        return false;
    return true;
}

/* The value behind `key=`, quoted or not, in the text. */
static struct lt_str value_of(struct lt_str text, const char *key)
{
    size_t n = strlen(key);
    for (size_t i = 0; i + n < text.n; i++) {
        if (!lt_str_eq_ci((struct lt_str){text.p + i, n}, (struct lt_str){key, n}))
            continue;
        struct lt_str rest = lt_str_trim(from(text, i + n));
        if (rest.n == 0 || rest.p[0] != '=')
            continue;
        rest = lt_str_trim(from(rest, 1));
        size_t at = rest.n > 0 && (rest.p[0] == '"' || rest.p[0] == '\''), end = at;
        while (end < rest.n && (isalnum((unsigned char)rest.p[end]) || strchr("-_.:", rest.p[end])))
            end++;
        return (struct lt_str){rest.p + at, end - at};
    }
    return LT_STR("");
}

enum lt_code lt_xml_utf8(struct lt_arena *arena, struct lt_str bytes, struct lt_str *ret, struct lt_error *err)
{
    enum lt_code rc;
    if (by_mark(arena, bytes, ret, &rc, err))
        return rc;
    struct lt_str head = {bytes.p, bytes.n < LOOK ? bytes.n : LOOK}, name = LT_STR("");
    if (lt_str_starts(head, LT_STR("<?xml"))) {
        struct lt_str rest = head;
        name = value_of(lt_str_cut(&rest, '>'), "encoding");
    }
    return name.n > 0 ? as_named(arena, bytes, name, ret, err) : as_utf8(bytes, ret, err);
}

enum lt_code lt_html_utf8(struct lt_arena *arena, struct lt_str bytes, struct lt_str *ret, struct lt_error *err)
{
    enum lt_code rc;
    *ret = bytes;
    if (by_mark(arena, bytes, ret, &rc, err))
        return rc;
    if (lt_utf8_valid(bytes.p, bytes.n))
        return LT_OK;
    struct lt_str name = value_of((struct lt_str){bytes.p, bytes.n < LOOK ? bytes.n : LOOK}, "charset");
    return name.n > 0 ? as_named(arena, bytes, name, ret, err) : as_utf8(bytes, ret, err);
}
