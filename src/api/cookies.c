/* Cookies and forged requests. No I/O. Fuzzed by tests/fuzz/fuzz_cookies.c. */
#include "api/cookies.h"

#include "base/secret.h"

enum { SECRET = 32, MASKED = 2 * SECRET, ALPHABET = 62 };

/* RFC 6265 §4.1.1: visible ASCII without quote, comma, semicolon and backslash. */
static bool octets_only(struct lt_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= 0x20 || s.p[i] >= 0x7F || strchr("\",;\\", s.p[i]))
            return false;
    return true;
}

enum lt_code lt_cookie_get(const struct lt_http_head *head, const char *name, struct lt_str *ret, struct lt_error *err)
{
    bool twice = false;
    struct lt_str rest = lt_http_field(head, "Cookie", &twice);
    *ret = LT_STR_NULL;
    if (twice)
        return lt_fail(err, LT_EINVALID_INPUT, "there is more than one Cookie field");
    while (rest.n > 0) {
        struct lt_str value = lt_str_cut(&rest, ';'), key = lt_str_trim(lt_str_cut(&value, '='));
        if (!lt_str_is(key, name))
            continue;
        if (ret->p)
            return lt_fail(err, LT_EINVALID_INPUT, "there is more than one cookie %s", name);
        *ret = value.p ? lt_str_trim(value) : LT_STR("");
        if (!octets_only(*ret))
            return lt_fail(err, LT_EINVALID_INPUT, "the cookie %s holds bytes that no cookie may hold", name);
    }
    return LT_OK;
}

/* Django's alphabet: a to z, A to Z, 0 to 9. -1: not of it. */
static int place_of(char c)
{
    return c >= 'a' && c <= 'z' ? c - 'a' : c >= 'A' && c <= 'Z' ? c - 'A' + 26 : c >= '0' && c <= '9' ? c - '0' + 52 : -1;
}

/* The secret as places in the alphabet. */
static bool unmask(struct lt_str text, unsigned char ret[SECRET])
{
    if (text.n != SECRET && text.n != MASKED)
        return false;
    for (size_t i = 0; i < text.n; i++)
        if (place_of(text.p[i]) < 0)
            return false;
    bool masked = text.n == MASKED;
    for (size_t i = 0; i < SECRET; i++) {
        int place = masked ? place_of(text.p[SECRET + i]) - place_of(text.p[i]) : place_of(text.p[i]);
        ret[i] = (unsigned char)((place + ALPHABET) % ALPHABET);
    }
    return true;
}

bool lt_csrf_same(struct lt_str cookie, struct lt_str token)
{
    unsigned char a[SECRET], b[SECRET];
    return unmask(cookie, a) && unmask(token, b) && lt_equal_ct(a, b, SECRET);
}
