/*
 * Going through a text: at each place that may begin something, the families are asked in an order in which the surest comes first.
 * Fuzzed by tests/fuzz/fuzz_pii.c.
 */
#include "guard/pii_private.h"

#include <unicode/uchar.h>

#include "guard/restore.h"

const char *lt_pii_name(enum lt_pii_kind kind)
{
    static const char *const names[] = {
#define X(symbol, name, word) name,
        LT_PII_KINDS(X)
#undef X
    };
    return names[kind];
}

const char *lt_pii_word(enum lt_pii_kind kind)
{
    static const char *const words[] = {
#define X(symbol, name, word) word,
        LT_PII_KINDS(X)
#undef X
    };
    return words[kind];
}

/* ---- code points ---- */

uint32_t lt_pii_point(struct lt_str text, size_t at, size_t *ret_n)
{
    unsigned char c = (unsigned char)text.p[at];
    size_t n = c < 0x80 ? 1 : c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    *ret_n = 1;
    if (n == 1)
        return c;
    if (at + n > text.n || !lt_utf8_valid(text.p + at, n))
        return 0xFFFD;
    *ret_n = n;
    uint32_t point = c & (0xFFu >> (n + 1));
    for (size_t i = 1; i < n; i++)
        point = point << 6 | ((unsigned char)text.p[at + i] & 0x3F);
    return point;
}

uint32_t lt_pii_point_before(struct lt_str text, size_t at, size_t *ret_n)
{
    size_t n = 1;
    while (n < 4 && n < at && ((unsigned char)text.p[at - n] & 0xC0) == 0x80)
        n++;
    size_t read;
    uint32_t point = lt_pii_point((struct lt_str){text.p, at}, at - n, &read);
    *ret_n = read == n ? n : 1;
    return read == n ? point : 0xFFFD;
}

bool lt_pii_word_point(uint32_t point)
{
    if (point < 0x80)
        return lt_pii_alnum((char)point);
    return u_isalnum((UChar32)point) || (u_charType((UChar32)point) == U_NON_SPACING_MARK) || point == 0xFFFD;
}

bool lt_pii_begins(struct lt_str text, size_t at)
{
    size_t n;
    if (at == 0)
        return true;
    if ((unsigned char)text.p[at - 1] < 0x80)
        return !lt_pii_alnum(text.p[at - 1]);
    return !lt_pii_word_point(lt_pii_point_before(text, at, &n));
}

bool lt_pii_ends(struct lt_str text, size_t at)
{
    size_t n;
    return at >= text.n || !lt_pii_word_point(lt_pii_point(text, at, &n));
}

/* ---- words around a find ---- */

/* The letters that the languages of the tables write with accents, without them. */
static char plain(uint32_t point)
{
    static const struct {
        uint16_t from, to;
        char plain;
    } rows[] = {{0xC0, 0xC5, 'a'}, {0xC7, 0xC7, 'c'}, {0xC8, 0xCB, 'e'}, {0xCC, 0xCF, 'i'}, {0xD1, 0xD1, 'n'}, {0xD2, 0xD6, 'o'}, {0xD9, 0xDC, 'u'},
                {0xE0, 0xE5, 'a'}, {0xE7, 0xE7, 'c'}, {0xE8, 0xEB, 'e'}, {0xEC, 0xEF, 'i'}, {0xF1, 0xF1, 'n'}, {0xF2, 0xF6, 'o'}, {0xF8, 0xF8, 'o'},
                {0xF9, 0xFC, 'u'}, {0x104, 0x105, 'a'}, {0x106, 0x107, 'c'}, {0x118, 0x119, 'e'}, {0x141, 0x142, 'l'}, {0x143, 0x144, 'n'},
                {0x15A, 0x15B, 's'}, {0x179, 0x17C, 'z'}};
    if (point < 0x80)
        return (char)(point >= 'A' && point <= 'Z' ? point + 32 : point);
    for (size_t i = 0; i < LT_COUNT(rows); i++)
        if (point >= rows[i].from && point <= rows[i].to)
            return rows[i].plain;
    return '\1';
}

static bool has_word(const char *text, const char *words)
{
    for (struct lt_str rest = lt_str(words); rest.n > 0;) {
        struct lt_str word = lt_str_cut(&rest, '|');
        for (const char *at = text; (at = memmem(at, strlen(at), word.p, word.n)); at++)
            if (at == text || !lt_pii_alnum(at[-1]))
                return true;
    }
    return false;
}

bool lt_pii_told(struct lt_str text, size_t at, size_t reach, const char *words)
{
    char before[160];
    size_t from = at > reach ? at - reach : 0, n = 0;
    while (from < at && ((unsigned char)text.p[from] & 0xC0) == 0x80)
        from++;
    for (size_t i = from; i < at && n + 1 < sizeof(before);) {
        size_t bytes;
        uint32_t point = lt_pii_point(text, i, &bytes);
        bool stop = point == '\n' || ((point == '.' || point == '!' || point == '?' || point == ';') && i + 1 < at && text.p[i + 1] == ' ' &&
                                      n > 4); /* not after "Tel." or "No." */
        if (stop)
            n = 0;
        else
            before[n++] = plain(point);
        i += bytes;
    }
    before[n] = '\0';
    return has_word(before, words);
}

/* ---- numbers in groups ---- */

static size_t separator(struct lt_str text, size_t at, char *ret)
{
    static const struct {
        const char *text;
        char is;
    } rows[] = {{") ", ')'},   {")-", ')'},       {")", ')'},        {" (", ' '},       {"-(", '-'},        {" - ", '-'},       {" / ", '/'},
                {" ", ' '},    {"-", '-'},        {".", '.'},        {"/", '/'},        {"\xC2\xA0", ' '}, {"\xE2\x80\xAF", ' '}, {"\xE2\x80\x89", ' '},
                {"\xE2\x80\x91", '-'}, {"\xE2\x80\x93", '-'}};
    struct lt_str rest = {text.p + at, text.n - at};
    for (size_t i = 0; i < LT_COUNT(rows); i++) {
        size_t n = strlen(rows[i].text);
        if (rest.n > n && lt_str_starts(rest, (struct lt_str){rows[i].text, n}) && lt_pii_digit(rest.p[n])) {
            *ret = rows[i].is;
            return n;
        }
    }
    return 0;
}

void lt_pii_read_run(struct lt_str text, size_t at, struct lt_pii_run *ret)
{
    size_t i = at;
    *ret = (struct lt_pii_run){0};
    while (ret->groups_n < sizeof(ret->groups)) {
        size_t g = ret->groups_n++;
        while (i < text.n && lt_pii_digit(text.p[i]) && ret->digits_n < sizeof(ret->digits)) {
            ret->digits[ret->digits_n++] = text.p[i++];
            ret->groups[g]++;
        }
        ret->ends[g] = ret->n = i - at;
        char is = 0;
        size_t n = separator(text, i, &is);
        if (n == 0 || ret->digits_n == sizeof(ret->digits) || ret->groups_n == sizeof(ret->groups))
            return;
        ret->separators[ret->groups_n] = is;
        i += n;
    }
}

bool lt_pii_luhn(const char *digits, size_t n)
{
    int sum = 0;
    for (size_t i = 0; i < n; i++) {
        int d = digits[n - 1 - i] - '0';
        d = i % 2 ? 2 * d : d;
        sum += d > 9 ? d - 9 : d;
    }
    return sum % 10 == 0;
}

/* ---- going through ---- */

/* A number that goes on one to the left of it is no beginning of anything: 2.4111…, 978-3-…, x_4111…. */
static bool number_begins(struct lt_str text, size_t at)
{
    if (!lt_pii_begins(text, at))
        return false;
    if (at >= 1 && (text.p[at - 1] == '_' || text.p[at - 1] == '#'))
        return false;
    return at < 2 || !strchr(".-/,:", text.p[at - 1]) || !lt_pii_alnum(text.p[at - 2]);
}

struct family {
    enum lt_pii_kind kind;
    size_t (*at)(struct lt_str text, size_t at);
};
static const struct family numbers[] = {
    {LT_PII_IBAN, lt_pii_iban}, {LT_PII_CARD, lt_pii_card}, {LT_PII_ID, lt_pii_national_id}, {LT_PII_PHONE, lt_pii_phone}, {LT_PII_IP, lt_pii_ip}};

static bool number_at(const struct lt_pii_options *o, struct lt_str text, size_t at, struct lt_pii_find *ret)
{
    if (!number_begins(text, at))
        return false;
    for (size_t i = 0; i < LT_COUNT(numbers); i++) {
        size_t n = o->kinds & 1u << numbers[i].kind ? numbers[i].at(text, at) : 0;
        if (n > 0) {
            *ret = (struct lt_pii_find){numbers[i].kind, at, n};
            return true;
        }
    }
    return false;
}

static bool name_at(const struct lt_pii_options *o, struct lt_str text, size_t at, struct lt_pii_find *ret)
{
    size_t n = o->names && (o->kinds & 1u << LT_PII_NAME) && lt_pii_begins(text, at) ? lt_pii_person(o->names, text, at) : 0;
    *ret = (struct lt_pii_find){LT_PII_NAME, at, n};
    return n > 0;
}

/* What begins at this very place; an address is known at its '@' only, so it may have begun before. */
static bool find_at(const struct lt_pii_options *o, struct lt_str text, size_t from, size_t at, struct lt_pii_find *ret)
{
    char c = text.p[at];
    if (c == '@' && (o->kinds & 1u << LT_PII_EMAIL)) {
        ret->kind = LT_PII_EMAIL;
        ret->n = lt_pii_email(text, at, from, &ret->at);
        return ret->n > 0;
    }
    if (lt_pii_digit(c) || c == '+' || c == '(' || lt_pii_letter(c) || c == ':') {
        if (number_at(o, text, at, ret))
            return true;
    }
    return (lt_pii_letter(c) || (unsigned char)c >= 0xC0) && name_at(o, text, at, ret);
}

/* An address whose beginning looks like something else by itself ("anna.meier@…") is one find: does one lie over it? */
static bool address_over(const struct lt_pii_options *o, struct lt_str text, size_t from, struct lt_pii_find *ret)
{
    size_t end = ret->at + 330 < text.n ? ret->at + 330 : text.n;
    if (ret->kind == LT_PII_EMAIL || !(o->kinds & 1u << LT_PII_EMAIL))
        return false;
    for (size_t i = ret->at; i < end; i++) {
        struct lt_pii_find address = {.kind = LT_PII_EMAIL};
        if (text.p[i] == ' ' || text.p[i] == '\n')
            if (i >= ret->at + ret->n)
                return false;
        if (text.p[i] == '@' && (address.n = lt_pii_email(text, i, from, &address.at)) > 0) {
            if (address.at >= ret->at + ret->n)
                return false;
            *ret = address;
            return true;
        }
    }
    return false;
}

bool lt_pii_next(const struct lt_pii_options *options, struct lt_str text, size_t from, struct lt_pii_find *ret)
{
    for (size_t at = from; at < text.n;) {
        size_t placeholder = text.p[at] == '[' ? lt_placeholder_at(text, at) : 0;
        if (placeholder > 0) {
            at += placeholder;
            from = at;
            continue;
        }
        if (find_at(options, text, from, at, ret)) {
            address_over(options, text, from, ret);
            return true;
        }
        at++;
    }
    return false;
}
