/*
 * E-mail addresses: RFC 5321 §4.1.2 and RFC 5322 §3.4.1 as they are written in practice, with letters of all scripts (RFC 6531) and internationalised
 * domains (RFC 5890). Not taken: quoted local parts, comments, address literals in brackets, domains of one label, and the characters of a local part
 * that only ever surround an address in running text (= / # $ ! * ? ^ ` { | } ~).
 */
#include "guard/pii_private.h"

#include <unicode/uchar.h>

enum { LOCAL_MAX = 64, DOMAIN_MAX = 255, LABEL_MAX = 63 };

enum script { NONE, LATIN, OTHER };

/* Text without blanks between scripts ends an address where its script ends. */
static enum script script_of(uint32_t point)
{
    if (point < 0x80)
        return lt_pii_letter((char)point) ? LATIN : NONE;
    if (!u_isalnum((UChar32)point) && u_charType((UChar32)point) != U_NON_SPACING_MARK)
        return NONE;
    return point < 0x250 ? LATIN : OTHER;
}

/* Where the local part begins that ends at the '@'. */
static size_t local_part(struct lt_str text, size_t at, size_t from)
{
    enum script script = NONE;
    size_t begin = at;
    while (begin > from && at - begin < LOCAL_MAX) {
        size_t n;
        uint32_t point = lt_pii_point_before(text, begin, &n);
        enum script is = script_of(point);
        if (point == 0xFFFD || (is == NONE && (point >= 0x80 || !point || (!lt_pii_digit((char)point) && !strchr("._%+-'&", (char)point)))))
            break;
        if (is != NONE && script != NONE && is != script)
            break;
        script = is != NONE ? is : script;
        begin -= n;
    }
    while (begin < at && strchr(".'-+%&", text.p[begin]))
        begin++;
    return begin;
}

static bool dots_ok(struct lt_str local)
{
    if (local.n == 0 || local.p[local.n - 1] == '.')
        return false;
    return !memmem(local.p, local.n, "..", 2);
}

/* One label; its bytes. *ret_letters: it could be a top-level domain. */
static size_t label(struct lt_str text, size_t at, bool *ret_letters)
{
    enum script script = NONE;
    size_t i = at, letters = 0, others = 0;
    while (i < text.n && i - at < LABEL_MAX) {
        size_t n;
        uint32_t point = lt_pii_point(text, i, &n);
        enum script is = script_of(point);
        bool plain = point < 0x80 && (lt_pii_digit((char)point) || point == '-');
        if (point == 0xFFFD || (is == NONE && !plain) || (is != NONE && script != NONE && is != script))
            break;
        script = is != NONE ? is : script;
        letters += is != NONE;
        others += plain;
        i += n;
    }
    while (i > at && text.p[i - 1] == '-')
        i--, others--;
    struct lt_str whole = {text.p + at, i - at};
    bool punycode = whole.n > 4 && lt_str_eq_ci((struct lt_str){whole.p, 4}, LT_STR("xn--"));
    *ret_letters = (letters >= 2 && others == 0) || punycode;
    return whole.n > 0 && whole.p[0] != '-' ? whole.n : 0;
}

/* The longest domain of at least two labels whose last can be a top-level domain. */
static size_t domain(struct lt_str text, size_t at)
{
    size_t i = at, end = 0;
    for (int labels = 1; i < text.n && i - at < DOMAIN_MAX; labels++) {
        bool top;
        size_t n = label(text, i, &top);
        if (n == 0)
            break;
        i += n;
        if (labels >= 2 && top)
            end = i;
        if (i >= text.n || text.p[i] != '.')
            break;
        i++;
    }
    return end > 0 ? end - at : 0;
}

size_t lt_pii_email(struct lt_str text, size_t at, size_t from, size_t *ret_at)
{
    size_t begin = local_part(text, at, from), n = domain(text, at + 1);
    struct lt_str local = {text.p + begin, at - begin};
    if (n == 0 || !dots_ok(local))
        return 0;
    if (lt_str_is(local, "git") && at + 1 + n < text.n && text.p[at + 1 + n] == ':') /* git@host:path is no mailbox */
        return 0;
    *ret_at = begin;
    return at + 1 + n - begin;
}
