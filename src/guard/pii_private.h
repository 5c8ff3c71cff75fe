/* What the detectors share. Each looks at one place of a text and says how many bytes from there on are a find; 0: none are. */
#pragma once
#include "guard/pii.h"

static inline bool lt_pii_digit(char c)
{
    return c >= '0' && c <= '9';
}
static inline bool lt_pii_letter(char c) /* ASCII */
{
    return (unsigned char)((c | 32) - 'a') < 26;
}
static inline bool lt_pii_alnum(char c)
{
    return lt_pii_digit(c) || lt_pii_letter(c);
}
static inline char lt_pii_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

/* The code point at `at` and its bytes (1 for what is no UTF-8, then U+FFFD); the one that ends before `at`. */
uint32_t lt_pii_point(struct lt_str text, size_t at, size_t *ret_n);
uint32_t lt_pii_point_before(struct lt_str text, size_t at, size_t *ret_n);
/* Is it part of a word? */
bool lt_pii_word_point(uint32_t point);
/* Does a word or number begin, or end, there? */
bool lt_pii_begins(struct lt_str text, size_t at);
bool lt_pii_ends(struct lt_str text, size_t at);

/*
 * Does one of the words (a list parted by '|', lower case, without accents) stand within `reach` bytes before `at`, in the same sentence or line? As
 * the beginning of a word: "telef" finds "Telefon".
 */
bool lt_pii_told(struct lt_str text, size_t at, size_t reach, const char *words);

/* ---- the families ---- */

/* at: of the '@'. *ret_at: where it begins. */
size_t lt_pii_email(struct lt_str text, size_t at, size_t from, size_t *ret_at);
size_t lt_pii_card(struct lt_str text, size_t at);
size_t lt_pii_iban(struct lt_str text, size_t at);
size_t lt_pii_national_id(struct lt_str text, size_t at);
size_t lt_pii_phone(struct lt_str text, size_t at);
size_t lt_pii_ip(struct lt_str text, size_t at);
size_t lt_pii_person(const struct lt_pii_names *names, struct lt_str text, size_t at);

/*
 * Digits from `at` on, with at most one separator (space, no-break space, '-', '.', '/', or ") " and the like) between two: up to max digits. *ret_n:
 * bytes up to and with the last digit. For numbers that are written in groups.
 */
struct lt_pii_run {
    char digits[32];
    size_t digits_n, n;      /* n: bytes */
    unsigned char groups[16]; /* digits in each */
    size_t groups_n;
    char separators[16];     /* before each group but the first: ' ', '-', '.', '/', ')' ; the others stand for themselves */
    size_t ends[16];         /* bytes up to and with each group */
};
void lt_pii_read_run(struct lt_str text, size_t at, struct lt_pii_run *ret);

bool lt_pii_luhn(const char *digits, size_t n);
