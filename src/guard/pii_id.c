/*
 * National numbers of persons, by a table: how one is written, what its check digits must be, and, where form and check are too weak to tell it from
 * an order number, the words that must stand before it. Sources: the countries' own publications as collected by the OECD ("Tax Identification
 * Numbers", country sheets) and, where another is named, that one.
 */
#include "guard/pii_private.h"

/*
 * A form: d a digit, L a letter, A either; ? nothing or a blank, '-' or '.'; _ a blank or '-'; any other character is itself. s has the digits and
 * letters alone, in capitals.
 */
struct id_rule {
    const char *country, *form;
    bool (*check)(const char *s, size_t n);
    const char *told;        /* NULL: none needed */
};

static int digit(char c)
{
    return c - '0';
}

static int weighted(const char *s, const char *weights) /* each weight one character from '0' on */
{
    int sum = 0;
    for (size_t i = 0; weights[i]; i++)
        sum += digit(s[i]) * (weights[i] - '0');
    return sum;
}

static bool one_digit_only(const char *s, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (s[i] != s[0])
            return false;
    return true;
}

static bool month_day(const char *s) /* MMDD */
{
    int month = digit(s[0]) * 10 + digit(s[1]), day = digit(s[2]) * 10 + digit(s[3]);
    return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

static bool day_month(const char *s) /* DDMM */
{
    char turned[4] = {s[2], s[3], s[0], s[1]};
    return month_day(turned);
}

/* ---- the checks ---- */

/* Social Security Administration, "SSN Randomization": no 000, 666, 9xx; no group 00; no serial 0000. The two of advertisements are nobody's. */
static bool us_ssn(const char *s, size_t n)
{
    (void)n;
    return memcmp(s, "000", 3) != 0 && memcmp(s, "666", 3) != 0 && s[0] != '9' && memcmp(s + 3, "00", 2) != 0 && memcmp(s + 5, "0000", 4) != 0;
}

/* IRS: 9xx and a group of 50 to 65, 70 to 88, 90 to 92, 94 to 99. */
static bool us_itin(const char *s, size_t n)
{
    int group = digit(s[3]) * 10 + digit(s[4]);
    (void)n;
    return s[0] == '9' && ((group >= 50 && group <= 65) || (group >= 70 && group <= 88) || (group >= 90 && group <= 99 && group != 93));
}

static bool es_letter(const char *digits, char letter)
{
    int v = 0;
    for (int i = 0; i < 8; i++)
        v = v * 10 + digit(digits[i]);
    return "TRWAGMYFPDXBNJZSQVHLCKE"[v % 23] == letter;
}

static bool es_dni(const char *s, size_t n) /* Ministerio del Interior */
{
    (void)n;
    return es_letter(s, s[8]);
}

static bool es_nie(const char *s, size_t n)
{
    char as_dni[8];
    (void)n;
    if (s[0] < 'X' || s[0] > 'Z')
        return false;
    as_dni[0] = (char)('0' + s[0] - 'X');
    memcpy(as_dni + 1, s + 1, 7);
    return es_letter(as_dni, s[8]);
}

/* Decreto 23 dicembre 1976: values at odd places. */
static bool it_cf(const char *s, size_t n)
{
    static const unsigned char odd[] = {1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23};
    int sum = 0;
    (void)n;
    if (!strchr("ABCDEHLMPRST", s[8]))
        return false;
    for (int i = 0; i < 15; i++) {
        int v = lt_pii_digit(s[i]) ? digit(s[i]) : s[i] - 'A';
        sum += i % 2 == 0 ? odd[v] : v;
    }
    return s[15] == 'A' + sum % 26;
}

/* INSEE: 97 less the number modulo 97; Corsica's 2A and 2B count as 19 and 18. */
static bool fr_nir(const char *s, size_t n)
{
    long long v = 0;
    int month = digit(s[3]) * 10 + digit(s[4]);
    (void)n;
    if (!strchr("123478", s[0]) || ((month < 1 || month > 12) && month < 20))
        return false;
    for (int i = 0; i < 13; i++) {
        if (lt_pii_letter(s[i]) && (i != 6 || s[5] != '2' || (s[i] != 'A' && s[i] != 'B')))
            return false;
        v = v * 10 + (lt_pii_letter(s[i]) ? (s[i] == 'A' ? 9 - 10 : 8 - 10) : digit(s[i])); /* "2A" is 19, "2B" is 18 */
    }
    return 97 - (int)(v % 97) == digit(s[13]) * 10 + digit(s[14]);
}

static int mod11_10(const char *s, int n) /* ISO 7064 MOD 11,10 */
{
    int product = 10;
    for (int i = 0; i < n; i++) {
        int sum = (digit(s[i]) + product) % 10;
        product = 2 * (sum == 0 ? 10 : sum) % 11;
    }
    return (11 - product) % 10;
}

/* Bundeszentralamt fuer Steuern: of the first ten digits one stands there twice or three times, the others once at most. */
static bool de_tax(const char *s, size_t n)
{
    int counts[10] = {0}, repeated = 0;
    (void)n;
    if (s[0] == '0')
        return false;
    for (int i = 0; i < 10; i++)
        counts[digit(s[i])]++;
    for (int i = 0; i < 10; i++) {
        if (counts[i] > 3)
            return false;
        repeated += counts[i] > 1;
    }
    return repeated == 1 && mod11_10(s, 10) == digit(s[10]);
}

static bool nl_bsn(const char *s, size_t n)
{
    (void)n;
    return s[0] + s[1] > 2 * '0' && (weighted(s, "98765432") - digit(s[8])) % 11 == 0;
}

static int cpf_digit(const char *s, int n)
{
    int sum = 0;
    for (int i = 0; i < n; i++)
        sum += digit(s[i]) * (n + 1 - i);
    return sum * 10 % 11 % 10;
}

static bool br_cpf(const char *s, size_t n) /* Receita Federal */
{
    return !one_digit_only(s, n) && cpf_digit(s, 9) == digit(s[9]) && cpf_digit(s, 10) == digit(s[10]);
}

/* Centuries are told by what is added to the month. */
static bool pl_pesel(const char *s, size_t n)
{
    int month = (digit(s[2]) * 10 + digit(s[3])) % 20, day = digit(s[4]) * 10 + digit(s[5]);
    (void)n;
    return month >= 1 && month <= 12 && day >= 1 && day <= 31 && (10 - weighted(s, "1379137913") % 10) % 10 == digit(s[10]);
}

static bool se_pnr(const char *s, size_t n) /* Skatteverket; the day may have 60 added (samordningsnummer) */
{
    const char *ten = s + n - 10;
    char date[4] = {ten[2], ten[3], ten[4] >= '6' ? (char)(ten[4] - 6) : ten[4], ten[5]};
    return month_day(date) && lt_pii_luhn(ten, 10);
}

static bool fi_hetu(const char *s, size_t n) /* Digi- ja vaestotietovirasto: DDMMYY, century sign (not in s), three digits, a character */
{
    long v = 0;
    (void)n;
    for (int i = 0; i < 9; i++)
        v = v * 10 + digit(s[i]);
    return day_month(s) && "0123456789ABCDEFHJKLMNPRSTUVWXY"[v % 31] == s[9];
}

static bool tr_tckn(const char *s, size_t n)
{
    int odd = digit(s[0]) + digit(s[2]) + digit(s[4]) + digit(s[6]) + digit(s[8]), even = digit(s[1]) + digit(s[3]) + digit(s[5]) + digit(s[7]);
    (void)n;
    int tenth = (7 * odd - even) % 10;
    return s[0] != '0' && (tenth + 10) % 10 == digit(s[9]) && (odd + even + digit(s[9])) % 10 == digit(s[10]);
}

static bool cl_rut(const char *s, size_t n) /* Registro Civil: modulo 11, K for ten */
{
    int sum = 0;
    for (size_t i = 0; i + 1 < n; i++)
        sum += digit(s[n - 2 - i]) * (2 + (int)(i % 6));
    return "0K987654321"[sum % 11] == s[n - 1];
}

static bool in_aadhaar(const char *s, size_t n) /* UIDAI; Verhoeff (1969) by the dihedral group D5 */
{
    static const char turn[8][11] = {"0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258"};
    int sum = 0;
    if (s[0] < '2')
        return false;
    for (size_t i = 0; i < n; i++) {
        int a = sum, b = turn[i % 8][digit(s[n - 1 - i])] - '0';
        sum = a < 5 ? (b < 5 ? (a + b) % 5 : 5 + (a + b - 5) % 5) : (b < 5 ? 5 + (a - 5 - b + 5) % 5 : (a - b + 5) % 5);
    }
    return sum == 0;
}

static bool gb_nino(const char *s, size_t n) /* HMRC NIM39110: no check digit */
{
    static const char never[] = "BG GB NK KN TN NT ZZ ";
    (void)n;
    if (strchr("DFIQUV", s[0]) || strchr("DFIQUVO", s[1]) || s[8] > 'D')
        return false;
    for (const char *p = never; *p; p += 3)
        if (p[0] == s[0] && p[1] == s[1])
            return false;
    return true;
}

static bool gb_nhs(const char *s, size_t n) /* NHS Data Dictionary */
{
    int sum = 0;
    (void)n;
    for (int i = 0; i < 9; i++)
        sum += digit(s[i]) * (10 - i);
    int check = 11 - sum % 11;
    return check % 11 == digit(s[9]) && check != 10;
}

static bool pt_nif(const char *s, size_t n)
{
    int sum = 0;
    (void)n;
    for (int i = 0; i < 8; i++)
        sum += digit(s[i]) * (9 - i);
    int check = 11 - sum % 11;
    return (check >= 10 ? 0 : check) == digit(s[8]);
}

static bool be_rrn(const char *s, size_t n) /* 97 less the number modulo 97; those born since 2000 with a 2 before it */
{
    long long v = 0;
    int check = digit(s[9]) * 10 + digit(s[10]);
    (void)n;
    for (int i = 0; i < 9; i++)
        v = v * 10 + digit(s[i]);
    return 97 - (int)(v % 97) == check || 97 - (int)((v + 2000000000LL) % 97) == check;
}

static bool ch_ahv(const char *s, size_t n) /* EAN-13 */
{
    int sum = 0;
    (void)n;
    for (int i = 0; i < 12; i++)
        sum += digit(s[i]) * (i % 2 ? 3 : 1);
    return memcmp(s, "756", 3) == 0 && (10 - sum % 10) % 10 == digit(s[12]);
}

static bool no_fnr(const char *s, size_t n) /* Skatteetaten */
{
    int first = (11 - weighted(s, "376189452") % 11) % 11, second = (11 - weighted(s, "5432765432") % 11) % 11;
    (void)n;
    return day_month(s) && first == digit(s[9]) && second == digit(s[10]);
}

static bool dk_cpr(const char *s, size_t n) /* since 2007 without a check digit */
{
    (void)n;
    return day_month(s);
}

static bool ca_sin(const char *s, size_t n)
{
    return s[0] != '0' && s[0] != '8' && lt_pii_luhn(s, n);
}

static bool mx_curp(const char *s, size_t n) /* RENAPO; letters from N on are one higher, as after N comes the tilded one */
{
    int sum = 0;
    if ((s[10] != 'H' && s[10] != 'M') || !month_day(s + 6))
        return false;
    for (size_t i = 0; i + 1 < n; i++) {
        int v = lt_pii_digit(s[i]) ? digit(s[i]) : s[i] - 'A' + 10 + (s[i] > 'N');
        sum += v * (18 - (int)i);
    }
    return (10 - sum % 10) % 10 == digit(s[17]);
}

static bool au_tfn(const char *s, size_t n)
{
    static const unsigned char weights[] = {1, 4, 3, 7, 5, 8, 6, 9, 10};
    int sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += digit(s[i]) * weights[i];
    return sum % 11 == 0;
}

/* ---- the table: the longest and surest forms first ---- */

static const struct id_rule rules[] = {
    {"MX", "LLLLddddddLLLLLLAd", mx_curp, NULL},
    {"IT", "LLLLLLddLddLdddL", it_cf, NULL},
    {"IT", "LLL LLL ddLdd LdddL", it_cf, NULL},
    {"FR", "d?dd?dd?dA?ddd?ddd?dd", fr_nir, NULL},
    {"CH", "ddd.dddd.dddd.dd", ch_ahv, NULL},
    {"CH", "ddddddddddddd", ch_ahv, "ahv|avs|oasi|sozialversicherung|versichertennummer|social"},
    {"SE", "dddddddd-dddd", se_pnr, NULL},
    {"SE", "dddddddddddd", se_pnr, "personnummer|personnr|personal number|personal identity|samordning"},
    {"IN", "dddd dddd dddd", in_aadhaar, NULL},
    {"IN", "dddd-dddd-dddd", in_aadhaar, NULL},
    {"IN", "dddddddddddd", in_aadhaar, "aadhaar|aadhar|uid"},
    {"BR", "ddd.ddd.ddd-dd", br_cpf, NULL},
    {"BE", "dd.dd.dd-ddd.dd", be_rrn, NULL},
    {"DE", "dd ddd ddd ddd", de_tax, NULL},
    {"DE", "ddddddddddd", de_tax, NULL},
    {"PL", "ddddddddddd", pl_pesel, NULL},
    {"TR", "ddddddddddd", tr_tckn, NULL},
    {"NO", "dddddd ddddd", no_fnr, NULL},
    {"NO", "ddddddddddd", no_fnr, NULL},
    {"BR", "ddddddddddd", br_cpf, "cpf|contribuinte|cadastro"},
    {"BE", "ddddddddddd", be_rrn, "rijksregister|registre national|national register|insz|niss"},
    {"FI", "dddddd-dddA", fi_hetu, NULL},
    {"FI", "ddddddAdddA", NULL, NULL}, /* the century sign is a letter: fi_letter() */
    {"SE", "dddddd-dddd", se_pnr, NULL},
    {"SE", "dddddd+dddd", se_pnr, NULL},
    {"DK", "dddddd-dddd", dk_cpr, "cpr|personnummer"},
    {"US", "ddd-dd-dddd", us_ssn, NULL},
    {"US", "ddd dd dddd", us_ssn, "ssn|social security|seguro social|sozialversicherung|securite sociale"},
    {"US", "ddddddddd", us_ssn, "ssn|social security"},
    {"US", "ddd-dd-dddd", us_itin, NULL},
    {"GB", "LL dd dd dd L", gb_nino, NULL},
    {"GB", "LLddddddL", gb_nino, NULL},
    {"GB", "ddd ddd dddd", gb_nhs, "nhs"},
    {"GB", "dddddddddd", gb_nhs, "nhs"},
    {"ES", "dddddddd?L", es_dni, NULL},
    {"ES", "dd.ddd.ddd?L", es_dni, NULL},
    {"ES", "L?ddddddd?L", es_nie, NULL},
    {"CL", "dd.ddd.ddd-A", cl_rut, NULL},
    {"CL", "d.ddd.ddd-A", cl_rut, NULL},
    {"CL", "dddddddd-A", cl_rut, NULL},
    {"CL", "ddddddd-A", cl_rut, "rut|run"},
    {"NL", "dddd.dd.ddd", nl_bsn, NULL},
    {"NL", "ddddddddd", nl_bsn, "bsn|burgerservice|sofinummer|sofi"},
    {"PT", "ddd?ddd?ddd", pt_nif, "nif|contribuinte|numero fiscal|fiscal"},
    {"CA", "ddd_ddd_ddd", ca_sin, "sin|social insurance|nas|assurance sociale"},
    {"AU", "ddd?ddd?ddd", au_tfn, "tfn|tax file"},
};

static bool fi_letter(const char *s)
{
    char without[10];
    memcpy(without, s, 6);
    memcpy(without + 6, s + 7, 4);
    return strchr("ABCDEFYXWVU", s[6]) && fi_hetu(without, 10);
}

/* Bytes of the text that the form takes; s: its digits and letters. */
static size_t fits(const char *form, struct lt_str text, size_t at, char *s, size_t *ret_n)
{
    size_t i = at, n = 0;
    for (const char *f = form; *f; f++) {
        char c = i < text.n ? text.p[i] : '\0';
        if (*f == '?') {
            i += c == ' ' || c == '-' || c == '.';
            continue;
        }
        bool digit_ok = *f == 'd' && lt_pii_digit(c), letter_ok = *f == 'L' && lt_pii_letter(c), any_ok = *f == 'A' && lt_pii_alnum(c);
        bool literal = *f == c && !strchr("dLA", *f);
        if (!digit_ok && !letter_ok && !any_ok && !literal && !(*f == '_' && (c == ' ' || c == '-')))
            return 0;
        if (digit_ok || letter_ok || any_ok)
            s[n++] = lt_pii_upper(c);
        i++;
    }
    *ret_n = n;
    return i - at;
}

/* Digits that go on behind it make it another number. */
static bool ends(struct lt_str text, size_t at)
{
    if (!lt_pii_ends(text, at))
        return false;
    return at + 1 >= text.n || !strchr("-./", text.p[at]) || !lt_pii_digit(text.p[at + 1]);
}

size_t lt_pii_national_id(struct lt_str text, size_t at)
{
    char s[32];
    if (!lt_pii_alnum(text.p[at]))
        return 0;
    for (size_t i = 0; i < LT_COUNT(rules); i++) {
        size_t k, n = fits(rules[i].form, text, at, s, &k);
        if (n == 0 || !ends(text, at + n) || !(rules[i].check ? rules[i].check(s, k) : fi_letter(s)))
            continue;
        if (!rules[i].told || lt_pii_told(text, at, 48, rules[i].told))
            return n;
    }
    return 0;
}
