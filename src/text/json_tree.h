/*
 * The layout of a JSON tree. Private to src/text/json*.c and merge_patch.c: everybody else uses json.h.
 */
#pragma once
#include <locale.h>

#include "text/json.h"

enum lt_json_flag {
    LT_JF_INT = 1,   /* number: `i` holds the value; else `d` does */
    LT_JF_LOOSE = 2, /* number whose text is JSON5 only (sign +, hex, bare dot, Infinity, NaN) */
};

struct lt_json_member;

/* 32 bytes. Elements of an array and members of an object lie side by side. */
struct lt_json {
    uint32_t offset;     /* of the value's first byte in the text */
    uint32_t key_offset; /* of its key, for members */
    uint32_t n;          /* bytes of a string or of a number's text; elements; members */
    uint8_t type;        /* enum lt_json_type */
    uint8_t flags;       /* enum lt_json_flag */
    union {
        const char *text;                     /* string; number as written */
        const struct lt_json *items;          /* array */
        const struct lt_json_member *members; /* object */
    };
    union {
        bool b;
        int64_t i;
        double d;
        const uint32_t *slots; /* object above LT_JSON_LINEAR members: hash table of member index + 1, 0 = empty */
    };
};

struct lt_json_member {
    struct lt_str key;
    struct lt_json value;
};

enum {
    LT_JSON_LINEAR = 8,          /* objects up to this size are searched one by one */
    LT_JSON_NUMBER_DIGITS = 1000 /* longest text of a number */
};

/* Slots of an object with n members: a power of two, at most half full. */
static inline uint32_t lt_json_slot_count(uint32_t n)
{
    return n <= 1 ? 4 : 4u << (31 - __builtin_clz(n - 1));
}

static inline bool lt_json_is_digit(char c)
{
    return (unsigned char)(c - '0') <= 9;
}
/* Reads the sign and digits behind an `e` and adds them to *exponent; returns where it stopped. Beyond ±99,999 it stays there. */
const char *lt_json_exponent(const char *p, const char *end, int64_t *exponent);

/* A number taken apart without loss: value = ±0.d1d2d3… × 10^exponent. Zero has no digits. */
struct lt_decimal {
    bool negative;
    uint16_t n;
    int64_t exponent;
    uint8_t digits[LT_JSON_NUMBER_DIGITS]; /* 0 to 9; neither the first nor the last is 0 */
};

/* The finite number v as a decimal. */
void lt_json_decimal(const struct lt_json *v, struct lt_decimal *ret);
/* Compares two numbers by exact value: negative, 0 or positive. NaN equals itself and is below everything. */
int lt_json_compare(const struct lt_json *a, const struct lt_json *b);
/* True for numbers without a fraction, whatever their size. */
bool lt_json_is_integral(const struct lt_json *v);
/* Keyed hash (the key is drawn at start, so that nobody can prepare collisions). */
uint64_t lt_json_hash_bytes(const char *p, size_t n);
/* Equal values (lt_json_equal) have equal hashes. */
uint64_t lt_json_hash(const struct lt_json *v);
/*
 * Fills the hash table of an object above LT_JSON_LINEAR members. Index of the first member whose key an earlier one has, or n: then the
 * table is whole.
 */
uint32_t lt_json_index(struct lt_arena *arena, struct lt_json *v);
/* The "C" locale, whatever the process has set. */
locale_t lt_json_c_locale(void);
