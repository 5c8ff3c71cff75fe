/* Numbers of money: payment cards and bank accounts. */
#include "guard/pii_private.h"

/*
 * Issuer ranges (ISO/IEC 7812; as the schemes publish them) with the lengths that are in use. Maestro only where its ranges are not those of
 * something else.
 */
static const struct {
    const char *from, *to; /* first digits, of the same length */
    unsigned char lengths[4];
} issuers[] = {
    {"4", "4", {16, 13, 19}},          /* Visa */
    {"51", "55", {16}},                /* Mastercard */
    {"2221", "2720", {16}},
    {"34", "34", {15}},                /* American Express */
    {"37", "37", {15}},
    {"300", "305", {14}},              /* Diners Club */
    {"3095", "3095", {14}},
    {"36", "36", {14}},
    {"38", "39", {14, 16}},
    {"6011", "6011", {16, 19}},        /* Discover */
    {"644", "649", {16, 19}},
    {"65", "65", {16, 19}},            /* Discover, RuPay */
    {"3528", "3589", {16, 19}},        /* JCB */
    {"62", "62", {16, 17, 18, 19}},    /* UnionPay */
    {"5018", "5018", {16, 18, 19}},    /* Maestro */
    {"5020", "5020", {16, 18, 19}},
    {"5038", "5038", {16, 18, 19}},
    {"6304", "6304", {16, 18, 19}},
    {"6759", "6763", {16, 18, 19}},
    {"2200", "2204", {16}},            /* Mir */
    {"9792", "9792", {16}},            /* Troy */
};

static bool issued(const char *digits, size_t n)
{
    for (size_t i = 0; i < LT_COUNT(issuers); i++) {
        size_t k = strlen(issuers[i].from);
        if (memcmp(digits, issuers[i].from, k) < 0 || memcmp(digits, issuers[i].to, k) > 0)
            continue;
        for (size_t j = 0; j < LT_COUNT(issuers[i].lengths); j++)
            if (issuers[i].lengths[j] == n)
                return true;
    }
    return false;
}

/* In one piece, in fours, or as American Express (4-6-5) and Diners (4-6-4) group. */
static bool grouped(const struct lt_pii_run *run, size_t groups)
{
    const unsigned char *g = run->groups;
    for (size_t i = 2; i < groups; i++)
        if (run->separators[i] != run->separators[1])
            return false;
    if (groups > 1 && run->separators[1] != ' ' && run->separators[1] != '-')
        return false;
    if (groups == 3)
        return g[0] == 4 && g[1] == 6 && (g[2] == 5 || g[2] == 4);
    for (size_t i = 0; i + 1 < groups; i++)
        if (g[i] != 4)
            return false;
    return groups == 1 || g[groups - 1] <= 4;
}

size_t lt_pii_card(struct lt_str text, size_t at)
{
    struct lt_pii_run run;
    size_t best = 0, n = 0;
    if (!lt_pii_digit(text.p[at]))
        return 0;
    lt_pii_read_run(text, at, &run);
    for (size_t groups = 1; groups <= run.groups_n; groups++) {
        n += run.groups[groups - 1];
        bool ends = groups < run.groups_n ? run.separators[groups] == ' ' : lt_pii_ends(text, at + run.n);
        if (ends && grouped(&run, groups) && n >= 13 && n <= 19 && issued(run.digits, n) && lt_pii_luhn(run.digits, n))
            best = run.ends[groups - 1];
    }
    return best;
}

/* SWIFT's IBAN registry (ISO 13616): country and length. */
static const struct {
    char country[3];
    unsigned char n;
} ibans[] = {
    {"AD", 24}, {"AE", 23}, {"AL", 28}, {"AT", 20}, {"AZ", 28}, {"BA", 20}, {"BE", 16}, {"BG", 22}, {"BH", 22}, {"BI", 27}, {"BR", 29}, {"BY", 28},
    {"CH", 21}, {"CR", 22}, {"CY", 28}, {"CZ", 24}, {"DE", 22}, {"DJ", 27}, {"DK", 18}, {"DO", 28}, {"EE", 20}, {"EG", 29}, {"ES", 24}, {"FI", 18},
    {"FK", 18}, {"FO", 18}, {"FR", 27}, {"GB", 22}, {"GE", 22}, {"GI", 23}, {"GL", 18}, {"GR", 27}, {"GT", 28}, {"HN", 28}, {"HR", 21}, {"HU", 28},
    {"IE", 22}, {"IL", 23}, {"IQ", 23}, {"IS", 26}, {"IT", 27}, {"JO", 30}, {"KW", 30}, {"KZ", 20}, {"LB", 28}, {"LC", 32}, {"LI", 21}, {"LT", 20},
    {"LU", 20}, {"LV", 21}, {"LY", 25}, {"MC", 27}, {"MD", 24}, {"ME", 22}, {"MK", 19}, {"MN", 20}, {"MR", 27}, {"MT", 31}, {"MU", 30}, {"NI", 28},
    {"NL", 18}, {"NO", 15}, {"OM", 23}, {"PK", 24}, {"PL", 28}, {"PS", 29}, {"PT", 25}, {"QA", 29}, {"RO", 24}, {"RS", 22}, {"RU", 33}, {"SA", 24},
    {"SC", 31}, {"SD", 18}, {"SE", 24}, {"SI", 19}, {"SK", 24}, {"SM", 27}, {"SO", 23}, {"ST", 25}, {"SV", 28}, {"TL", 23}, {"TN", 24}, {"TR", 26},
    {"UA", 29}, {"VA", 22}, {"VG", 24}, {"XK", 20}, {"YE", 30},
};

static size_t iban_length(char a, char b)
{
    for (size_t i = 0; i < LT_COUNT(ibans); i++)
        if (ibans[i].country[0] == a && ibans[i].country[1] == b)
            return ibans[i].n;
    return 0;
}

/* ISO 7064 MOD 97-10, the first four characters taken to the end. */
static bool mod97(const char *s, size_t n)
{
    unsigned rest = 0;
    for (size_t i = 0; i < n; i++) {
        char c = s[(i + 4) % n];
        unsigned v = lt_pii_digit(c) ? (unsigned)(c - '0') : (unsigned)(c - 'A') + 10;
        rest = (rest * (v > 9 ? 100 : 10) + v) % 97;
    }
    return rest == 1;
}

/* In one piece or in groups parted by single blanks or hyphens. */
size_t lt_pii_iban(struct lt_str text, size_t at)
{
    char s[34];
    size_t n = 0, i = at;
    if (at + 15 > text.n || !lt_pii_letter(text.p[at]) || !lt_pii_letter(text.p[at + 1]))
        return 0;
    size_t length = iban_length(lt_pii_upper(text.p[at]), lt_pii_upper(text.p[at + 1]));
    while (n < length && i < text.n) {
        bool gap = text.p[i] == ' ' || text.p[i] == '-';
        size_t wide = i + 2 < text.n && memcmp(text.p + i, "\xC2\xA0", 2) == 0 ? 2 : 0;
        if (n >= 4 && i + 1 < text.n && (gap || wide) && lt_pii_alnum(text.p[i + (wide ? wide : 1)])) {
            i += wide ? wide : 1;
            continue;
        }
        if (!lt_pii_alnum(text.p[i]))
            return 0;
        s[n++] = lt_pii_upper(text.p[i++]);
    }
    bool ok = length > 0 && n == length && lt_pii_digit(s[2]) && lt_pii_digit(s[3]) && mod97(s, n) && lt_pii_ends(text, i);
    return ok ? i - at : 0;
}
