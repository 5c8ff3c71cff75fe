/* JSON trees: finding values, exact comparison of numbers, equality and hashes. */
#include "text/json_tree.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>

#include "base/secret.h"

/* ---- once per process ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static locale_t c_locale;
static uint64_t hash_key[2];

static void set_up(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    lt_random(hash_key, sizeof(hash_key));
}

locale_t lt_json_c_locale(void)
{
    pthread_once(&once, set_up);
    return c_locale;
}

static inline uint64_t rotate(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1], v[1] = rotate(v[1], 13) ^ v[0], v[0] = rotate(v[0], 32);
    v[2] += v[3], v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3], v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1], v[1] = rotate(v[1], 17) ^ v[2], v[2] = rotate(v[2], 32);
}

/* SipHash-1-3 (Aumasson and Bernstein). */
uint64_t lt_json_hash_bytes(const char *p, size_t n)
{
    pthread_once(&once, set_up);
    uint64_t v[4] = {hash_key[0] ^ 0x736f6d6570736575u, hash_key[1] ^ 0x646f72616e646f6du, hash_key[0] ^ 0x6c7967656e657261u,
                     hash_key[1] ^ 0x7465646279746573u};
    uint64_t last = (uint64_t)n << 56, word;
    for (; n >= 8; p += 8, n -= 8) {
        memcpy(&word, p, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    for (size_t i = 0; i < n; i++)
        last |= (uint64_t)(unsigned char)p[i] << (8 * i);
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xFF;
    sip_round(v), sip_round(v), sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* ---- reading ---- */

enum lt_json_type lt_json_type(const struct lt_json *v)
{
    return v ? (enum lt_json_type)v->type : LT_JSON_NULL;
}

const char *lt_json_type_name(const struct lt_json *v)
{
    static const char *const names[] = {"null", "boolean", "number", "string", "array", "object"};
    if (!v)
        return "absent";
    return v->type == LT_JSON_NUMBER && lt_json_is_integral(v) ? "integer" : names[v->type];
}

const struct lt_json *lt_json_get_str(const struct lt_json *v, struct lt_str key)
{
    if (!lt_json_is(v, LT_JSON_OBJECT))
        return NULL;
    if (!v->slots) {
        for (uint32_t i = 0; i < v->n; i++)
            if (lt_str_eq(v->members[i].key, key))
                return &v->members[i].value;
        return NULL;
    }
    uint32_t mask = lt_json_slot_count(v->n) - 1, at = (uint32_t)lt_json_hash_bytes(key.p, key.n) & mask;
    for (; v->slots[at]; at = (at + 1) & mask)
        if (lt_str_eq(v->members[v->slots[at] - 1].key, key))
            return &v->members[v->slots[at] - 1].value;
    return NULL;
}

uint32_t lt_json_index(struct lt_arena *arena, struct lt_json *v)
{
    uint32_t count = lt_json_slot_count(v->n);
    uint32_t *slots = LT_NEW_ARRAY(arena, uint32_t, count);
    for (uint32_t i = 0; i < v->n; i++) {
        struct lt_str key = v->members[i].key;
        uint32_t at = (uint32_t)lt_json_hash_bytes(key.p, key.n) & (count - 1);
        for (; slots[at]; at = (at + 1) & (count - 1))
            if (lt_str_eq(v->members[slots[at] - 1].key, key))
                return i;
        slots[at] = i + 1;
    }
    v->slots = slots;
    return v->n;
}

/* A reference token of RFC 6901 against a key: ~1 stands for /, ~0 for ~. */
static bool token_is(struct lt_str token, struct lt_str key)
{
    size_t k = 0;
    for (size_t i = 0; i < token.n; i++, k++) {
        char c = token.p[i];
        if (c == '~') {
            if (++i >= token.n || (token.p[i] != '0' && token.p[i] != '1'))
                return false;
            c = token.p[i] == '0' ? '~' : '/';
        }
        if (k >= key.n || key.p[k] != c)
            return false;
    }
    return k == key.n;
}

static const struct lt_json *member_by_token(const struct lt_json *v, struct lt_str token)
{
    if (token.n == 0 || !memchr(token.p, '~', token.n))
        return lt_json_get_str(v, token);
    for (uint32_t i = 0; i < v->n; i++)
        if (token_is(token, v->members[i].key))
            return &v->members[i].value;
    return NULL;
}

static const struct lt_json *item_by_token(const struct lt_json *v, struct lt_str token)
{
    int64_t index;
    if ((token.n > 1 && token.p[0] == '0') || !lt_str_to_int64(token, &index))
        return NULL;
    return lt_json_at(v, (size_t)index);
}

const struct lt_json *lt_json_at_pointer(const struct lt_json *v, const char *pointer)
{
    struct lt_str rest = lt_str(pointer);
    if (rest.n == 0)
        return v;
    if (rest.p[0] != '/')
        return NULL;
    rest.p++, rest.n--;
    for (bool more = true; v && more;) {
        more = memchr(rest.p, '/', rest.n) != NULL;
        struct lt_str token = lt_str_cut(&rest, '/');
        if (v->type == LT_JSON_OBJECT)
            v = member_by_token(v, token);
        else
            v = v->type == LT_JSON_ARRAY ? item_by_token(v, token) : NULL;
    }
    return v;
}

size_t lt_json_len(const struct lt_json *v)
{
    return v && v->type >= LT_JSON_ARRAY ? v->n : 0;
}

const struct lt_json *lt_json_at(const struct lt_json *v, size_t i)
{
    if (i >= lt_json_len(v))
        return NULL;
    return v->type == LT_JSON_ARRAY ? &v->items[i] : &v->members[i].value;
}

struct lt_str lt_json_key_at(const struct lt_json *v, size_t i)
{
    return lt_json_is(v, LT_JSON_OBJECT) && i < v->n ? v->members[i].key : LT_STR_NULL;
}

struct lt_str lt_json_str_or(const struct lt_json *v, struct lt_str otherwise)
{
    return lt_json_is(v, LT_JSON_STRING) ? (struct lt_str){v->text, v->n} : otherwise;
}

struct lt_str lt_json_str(const struct lt_json *v)
{
    return lt_json_str_or(v, LT_STR_NULL);
}

bool lt_json_bool_or(const struct lt_json *v, bool otherwise)
{
    return lt_json_is(v, LT_JSON_BOOL) ? v->b : otherwise;
}

bool lt_json_int64(const struct lt_json *v, int64_t *ret)
{
    if (!lt_json_is(v, LT_JSON_NUMBER))
        return false;
    if (v->flags & LT_JF_INT) {
        *ret = v->i;
        return true;
    }
    if (!(fabs(v->d) < 9.3e18)) /* also refuses NaN */
        return false;
    struct lt_decimal d;
    lt_json_decimal(v, &d);
    if (d.exponent < d.n)
        return false;
    unsigned __int128 value = 0;
    for (int64_t i = 0; d.n > 0 && i < d.exponent; i++)
        value = value * 10 + (i < d.n ? d.digits[i] : 0);
    if (value > (uint64_t)INT64_MAX + d.negative)
        return false;
    *ret = d.negative ? (int64_t)(0 - (uint64_t)value) : (int64_t)value;
    return true;
}

int64_t lt_json_int64_or(const struct lt_json *v, int64_t otherwise)
{
    int64_t i;
    return lt_json_int64(v, &i) ? i : otherwise;
}

double lt_json_double_or(const struct lt_json *v, double otherwise)
{
    if (!lt_json_is(v, LT_JSON_NUMBER))
        return otherwise;
    return v->flags & LT_JF_INT ? (double)v->i : v->d;
}

struct lt_str lt_json_number_text(const struct lt_json *v)
{
    return lt_json_is(v, LT_JSON_NUMBER) ? (struct lt_str){v->text, v->n} : LT_STR_NULL;
}

size_t lt_json_offset(const struct lt_json *v)
{
    return v ? v->offset : 0;
}

/* ---- exact comparison ---- */

const char *lt_json_exponent(const char *p, const char *end, int64_t *exponent)
{
    bool negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    int64_t e = 0;
    while (p < end && lt_json_is_digit(*p)) {
        e = e * 10 + (*p++ - '0');
        if (e > 99999)
            e = 99999;
    }
    *exponent += negative ? -e : e;
    return p;
}

/* Drops zeros at the end; without digits the number is 0 and has neither sign nor exponent. */
static void decimal_trim(struct lt_decimal *d)
{
    while (d->n > 0 && d->digits[d->n - 1] == 0)
        d->n--;
    if (d->n == 0) {
        d->exponent = 0;
        d->negative = false;
    }
}

static void decimal_from_int(int64_t i, struct lt_decimal *d)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%" PRId64, i);
    d->negative = i < 0;
    for (int k = d->negative; k < n; k++)
        d->digits[d->n++] = (uint8_t)(text[k] - '0');
    d->exponent = d->n;
    decimal_trim(d);
}

void lt_json_decimal(const struct lt_json *v, struct lt_decimal *d)
{
    d->negative = false, d->n = 0, d->exponent = 0;
    if (v->flags & LT_JF_INT) {
        decimal_from_int(v->i, d);
        return;
    }
    const char *p = v->text, *end = p + v->n;
    d->negative = *p == '-';
    if (*p == '-' || *p == '+')
        p++;
    bool point = false;
    for (; p < end && (lt_json_is_digit(*p) || *p == '.'); p++) {
        if (*p == '.') {
            point = true;
        } else if (d->n > 0 || *p != '0') {
            d->digits[d->n++] = (uint8_t)(*p - '0');
            d->exponent += !point;
        } else {
            d->exponent -= point; /* a zero between the point and the first digit */
        }
    }
    if (p < end)
        lt_json_exponent(p + 1, end, &d->exponent);
    decimal_trim(d);
}

static int compare_decimals(const struct lt_json *a, const struct lt_json *b)
{
    struct lt_decimal x, y;
    lt_json_decimal(a, &x);
    lt_json_decimal(b, &y);
    if (x.negative != y.negative)
        return x.negative ? -1 : 1;
    int sign = x.negative ? -1 : 1;
    if (x.n == 0 || y.n == 0)
        return sign * ((x.n > 0) - (y.n > 0));
    if (x.exponent != y.exponent)
        return x.exponent < y.exponent ? -sign : sign;
    int c = memcmp(x.digits, y.digits, x.n < y.n ? x.n : y.n);
    return sign * (c ? c : (int)x.n - (int)y.n);
}

int lt_json_compare(const struct lt_json *a, const struct lt_json *b)
{
    if (a->flags & b->flags & LT_JF_INT)
        return (a->i > b->i) - (a->i < b->i);
    double x = lt_json_double_or(a, 0), y = lt_json_double_or(b, 0);
    if (isnan(x) || isnan(y))
        return isnan(y) - isnan(x);
    if (x != y || isinf(x)) /* conversion is correctly rounded, so doubles that differ differ the right way round */
        return (x > y) - (x < y);
    return compare_decimals(a, b);
}

bool lt_json_is_integral(const struct lt_json *v)
{
    if (!lt_json_is(v, LT_JSON_NUMBER))
        return false;
    if (v->flags & LT_JF_INT)
        return true;
    if (!isfinite(v->d))
        return false;
    struct lt_decimal d;
    lt_json_decimal(v, &d);
    return d.exponent >= d.n;
}

static bool objects_equal(const struct lt_json *a, const struct lt_json *b)
{
    for (uint32_t i = 0; i < a->n; i++) {
        const struct lt_json *other = lt_json_get_str(b, a->members[i].key);
        if (!other || !lt_json_equal(&a->members[i].value, other))
            return false;
    }
    return true;
}

bool lt_json_equal(const struct lt_json *a, const struct lt_json *b)
{
    if (!a || !b)
        return a == b;
    if (a->type != b->type)
        return false;
    switch ((enum lt_json_type)a->type) {
    case LT_JSON_NULL:
        return true;
    case LT_JSON_BOOL:
        return a->b == b->b;
    case LT_JSON_NUMBER:
        return lt_json_compare(a, b) == 0;
    case LT_JSON_STRING:
        return a->n == b->n && memcmp(a->text, b->text, a->n) == 0;
    case LT_JSON_ARRAY:
        if (a->n != b->n)
            return false;
        for (uint32_t i = 0; i < a->n; i++)
            if (!lt_json_equal(&a->items[i], &b->items[i]))
                return false;
        return true;
    case LT_JSON_OBJECT:
        return a->n == b->n && objects_equal(a, b);
    }
    return false;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t both[2] = {a, b};
    return lt_json_hash_bytes((const char *)both, sizeof(both));
}

uint64_t lt_json_hash(const struct lt_json *v)
{
    uint64_t h = v->type;
    switch ((enum lt_json_type)v->type) {
    case LT_JSON_NULL:
        break;
    case LT_JSON_BOOL:
        h = mix(h, v->b);
        break;
    case LT_JSON_NUMBER: {
        double d = lt_json_double_or(v, 0) + 0.0; /* -0 becomes 0 */
        uint64_t bits;
        memcpy(&bits, &d, sizeof(bits));
        h = mix(h, isnan(d) ? 1 : bits);
        break;
    }
    case LT_JSON_STRING:
        h = mix(h, lt_json_hash_bytes(v->text, v->n));
        break;
    case LT_JSON_ARRAY:
        for (uint32_t i = 0; i < v->n; i++)
            h = mix(h, lt_json_hash(&v->items[i]));
        break;
    case LT_JSON_OBJECT: { /* a sum, because order does not count */
        uint64_t sum = v->n;
        for (uint32_t i = 0; i < v->n; i++)
            sum += mix(lt_json_hash_bytes(v->members[i].key.p, v->members[i].key.n), lt_json_hash(&v->members[i].value));
        h = mix(h, sum);
        break;
    }
    }
    return h;
}
