/*
 * Telephone numbers by form alone. International: "+" (or "00") and a country code of ITU-T E.164, 8 to 15 digits in all. National: the forms in which
 * countries of the table group their numbers; what is not surely one (digits in one piece, three groups of three) needs a word before it that says so.
 * No numbering plan is known beyond that: a number that was never given out counts too, one written in an unusual way does not.
 */
#include "guard/pii_private.h"

#define WORDS                                                                                                                                     \
    "tel|phone|ph|fon|fax|mobil|handy|cell|call|ring|dial|whatsapp|sms|rufnummer|ruf|durchwahl|anruf|rueckruf|ruckruf|ruft|ruf|llama|llame|"   \
    "movil|celular|appel|portable|joindre|numero de tel|komork|dzwon|zadzwon|numer tel|nr tel|contact number|text me|telem|ligue|ligar|telef|kontakttel"

/* E.164 country codes: those of one and of two digits; all others have three. */
static bool country_code(const char *digits, size_t n)
{
    static const char two[] = "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 92 "
                              "93 94 95 98 ";
    if (n < 8 || digits[0] == '0')
        return false;
    if (digits[0] == '1') /* NANP: area and exchange begin with 2 to 9 */
        return n == 11 && digits[1] >= '2' && digits[4] >= '2';
    if (digits[0] == '7')
        return n == 11;
    for (const char *p = two; *p; p += 3)
        if (memcmp(p, digits, 2) == 0)
            return true;
    static const char three[] = "2 35 37 38 42 50 59 67 68 69 80 85 87 88 96 97 99 "; /* beginnings of those that are given out */
    for (struct lt_str rest = lt_str(three); rest.n > 0;) {
        struct lt_str begins = lt_str_cut(&rest, ' ');
        if (begins.n > 0 && memcmp(digits, begins.p, begins.n) == 0)
            return true;
    }
    return false;
}

/* "+49 (0)30 123456" too. */
static size_t international(struct lt_str text, size_t at)
{
    struct lt_pii_run run, more;
    size_t skip = text.p[at] == '+' ? 1 : 2;
    if (at + skip < text.n && text.p[at + skip] == ' ')
        skip++;
    if (at + skip < text.n && text.p[at + skip] == '(')
        skip++;
    if (at + skip >= text.n || !lt_pii_digit(text.p[at + skip]))
        return 0;
    lt_pii_read_run(text, at + skip, &run);
    size_t end = at + skip + run.n;
    struct lt_str rest = {text.p + end, text.n - end};
    size_t trunk = lt_str_starts(rest, LT_STR(" (0)")) ? 4 : lt_str_starts(rest, LT_STR("(0)")) ? 3 : 0;
    trunk += trunk && rest.n > trunk && rest.p[trunk] == ' ';
    if (trunk && rest.n > trunk && lt_pii_digit(rest.p[trunk])) {
        lt_pii_read_run(text, end + trunk, &more);
        if (run.digits_n + more.digits_n < sizeof(run.digits)) {
            memcpy(run.digits + run.digits_n, more.digits, more.digits_n);
            run.digits_n += more.digits_n;
            run.n += trunk + more.n;
            run.groups_n = 1;
            run.ends[0] = run.n;
        }
    }
    /* Behind it there may stand other numbers, parted by a blank. */
    for (size_t g = run.groups_n, n = run.digits_n; g > 0; n -= run.groups[--g]) {
        size_t to = at + skip + run.ends[g - 1];
        if (n >= 8 && n <= 15 && country_code(run.digits, n) && lt_pii_ends(text, to))
            return to - at;
    }
    return 0;
}

struct form {
    const char *groups;      /* digits of each group */
    const char *separators;  /* one of them, the same between all groups; '*': any */
    char first_from, first_to; /* first digit */
    char fourth_from;        /* least fourth digit; 0: any */
    bool told;               /* only where a word says so */
};
static const struct form forms[] = {
    {"334", "-.", '2', '9', '2', false},      /* NANP: 212-555-0123 */
    {"334", " ", '2', '9', '2', true},
    {"22222", " .-", '0', '0', 0, false},     /* France: 06 12 34 56 78 */
    {"56", " ", '0', '0', 0, false},          /* United Kingdom: 07700 900123 */
    {"344", " ", '0', '0', 0, false},         /* 020 7946 0123 */
    {"434", " ", '0', '0', 0, false},
    {"433", " ", '0', '0', 0, false},
    {"533", " ", '0', '0', 0, false},
    {"333", " -", '5', '9', 0, true},         /* Spain, Poland, Portugal */
    {"3222", " -", '6', '9', 0, false},       /* Spain: 612 34 56 78 */
    {"2322", " -", '1', '9', 0, false},       /* Poland: 22 123 45 67 */
    {"333", " -", '2', '4', 0, true},
};

/* Germany, Austria, Switzerland, …: "030 1234567", "0171/1234567", "089 / 12 34 56": an area that begins with one 0, then the rest. */
static bool trunk_form(const struct lt_pii_run *run, size_t groups, size_t digits)
{
    if (run->digits[0] != '0' || run->digits[1] < '1' || groups < 2 || groups > 6 || digits < 8 || digits > 13)
        return false;
    if (run->groups[0] < 3 || run->groups[0] > 6 || run->groups[1] < 2)
        return false;
    return run->separators[1] == ' ' || run->separators[1] == '/' || run->separators[1] == '-' || run->separators[1] == ')';
}

static bool has_form(const struct lt_pii_run *run, size_t groups, const struct form *f)
{
    if (strlen(f->groups) != groups || run->digits[0] < f->first_from || run->digits[0] > f->first_to)
        return false;
    for (size_t i = 0; i < groups; i++)
        if (run->groups[i] != f->groups[i] - '0' || (i > 0 && (run->separators[i] != run->separators[1] || !strchr(f->separators, run->separators[i]))))
            return false;
    return f->fourth_from == 0 || run->digits[3] >= f->fourth_from;
}

static bool national_form(struct lt_str text, size_t at, const struct lt_pii_run *run, size_t groups, size_t digits)
{
    bool told = lt_pii_told(text, at, 48, WORDS);
    for (size_t i = 0; i < LT_COUNT(forms); i++)
        if (has_form(run, groups, &forms[i]) && (told || !forms[i].told))
            return true;
    return trunk_form(run, groups, digits) || (told && digits >= 7 && digits <= 13 && groups <= 6);
}

static size_t national(struct lt_str text, size_t at)
{
    struct lt_pii_run run;
    lt_pii_read_run(text, at, &run);
    for (size_t g = run.groups_n, n = run.digits_n; g > 0; n -= run.groups[--g]) {
        bool ends = g < run.groups_n ? run.separators[g] == ' ' : lt_pii_ends(text, at + run.n);
        if (ends && n >= 7 && national_form(text, at, &run, g, n))
            return run.ends[g - 1];
    }
    return 0;
}

/* "(212) 555-0123", "(030) 123456", "(11) 91234-5678" */
static size_t in_parentheses(struct lt_str text, size_t at)
{
    struct lt_pii_run run;
    if (at + 1 >= text.n || !lt_pii_digit(text.p[at + 1]))
        return 0;
    lt_pii_read_run(text, at + 1, &run);
    if (run.groups_n < 2 || run.separators[1] != ')' || !lt_pii_ends(text, at + 1 + run.n))
        return 0;
    bool nanp = run.groups_n == 3 && run.groups[0] == 3 && run.groups[1] == 3 && run.groups[2] == 4 && run.digits[0] >= '2' && run.digits[3] >= '2';
    bool brazil = run.groups_n == 3 && run.groups[0] == 2 && run.groups[1] >= 4 && run.groups[2] == 4;
    bool trunk = trunk_form(&run, run.groups_n, run.digits_n);
    return nanp || brazil || trunk ? 1 + run.n : 0;
}

size_t lt_pii_phone(struct lt_str text, size_t at)
{
    char c = text.p[at];
    if (c != '+' && at >= 2 && text.p[at - 1] == ' ' && lt_pii_digit(text.p[at - 2])) /* the middle of a longer number */
        return 0;
    if (c == '(')
        return in_parentheses(text, at);
    if (c == '+' || (c == '0' && at + 3 < text.n && text.p[at + 1] == '0' && text.p[at + 2] != '0'))
        return international(text, at);
    return lt_pii_digit(c) ? national(text, at) : 0;
}
