/* Fields of W3C Trace Context, byte by byte. Fuzzed by tests/fuzz/fuzz_trace_context.c. */
#include "io/trace_context.h"

#include "base/secret.h"

/* ---- traceparent ---- */

/* Lower case only (§3.2.2); false also when all are zero. */
static bool read_hex(const char *p, uint8_t *out, size_t n)
{
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned value = 0;
        for (int k = 0; k < 2; k++) {
            char c = p[2 * i + (size_t)k];
            if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
                return false;
            value = value << 4 | (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
        }
        out[i] = (uint8_t)value;
        any |= out[i];
    }
    return any != 0;
}

/* The value of two digits, which may be zero; -1: they are none. */
static int read_byte(const char *p)
{
    uint8_t value;
    if (p[0] == '0' && p[1] == '0')
        return 0;
    return read_hex(p, &value, 1) ? value : -1;
}

bool lt_traceparent_read(struct lt_str text, struct lt_trace_context *ret)
{
    enum { SIZE = LT_TRACEPARENT_SIZE - 1, NONE = 0xff };
    if (text.n < SIZE || text.p[2] != '-' || text.p[35] != '-' || text.p[52] != '-')
        return false;
    int version = read_byte(text.p), flags = read_byte(text.p + 53);
    if (version < 0 || version == NONE || flags < 0)
        return false;
    if (text.n > SIZE && (version == 0 || text.p[SIZE] != '-')) /* a later version may say more, behind a dash (§4.3) */
        return false;
    ret->sampled = flags & 1;
    return read_hex(text.p + 3, ret->trace_id, 16) && read_hex(text.p + 36, ret->span_id, 8);
}

void lt_traceparent_write(const struct lt_trace_context *c, char out[LT_TRACEPARENT_SIZE])
{
    char trace[33], span[17];
    lt_hex(c->trace_id, 16, trace);
    lt_hex(c->span_id, 8, span);
    char *p = mempcpy(out, "00-", 3);
    p = mempcpy(p, trace, 32);
    *p++ = '-';
    p = mempcpy(p, span, 16);
    memcpy(p, c->sampled ? "-01" : "-00", 4);
}

/* ---- tracestate ---- */

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool key_chars(struct lt_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_lower(s.p[i]) && !is_digit(s.p[i]) && !strchr("_-*/", s.p[i]))
            return false;
    return !memchr(s.p ? s.p : "", '\0', s.n);
}

/* simple-key of 256, or tenant of 241 "@" system of 14. */
static bool key_ok(struct lt_str key)
{
    const char *at = key.n > 0 ? memchr(key.p, '@', key.n) : NULL;
    if (!at)
        return key.n > 0 && key.n <= 256 && is_lower(key.p[0]) && key_chars(key);
    struct lt_str tenant = {key.p, (size_t)(at - key.p)}, system = {at + 1, key.n - tenant.n - 1};
    return tenant.n > 0 && tenant.n <= 241 && (is_lower(tenant.p[0]) || is_digit(tenant.p[0])) && key_chars(tenant) && system.n > 0 && system.n <= 14 &&
           is_lower(system.p[0]) && key_chars(system);
}

/* 1 to 256 printable characters without "," and "=", the last no space. */
static bool value_ok(struct lt_str value)
{
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] < 0x20 || value.p[i] > 0x7e || value.p[i] == '=' || value.p[i] == ',')
            return false;
    return value.n > 0 && value.n <= 256 && value.p[value.n - 1] != ' ';
}

static struct lt_str trim_blanks(struct lt_str s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = (struct lt_str){s.p + 1, s.n - 1};
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

bool lt_tracestate_ok(struct lt_str text)
{
    struct lt_str keys[LT_TRACESTATE_MEMBERS];
    size_t n = 0;
    if (text.n > LT_TRACESTATE_MAX)
        return false;
    while (text.n > 0) {
        struct lt_str member = trim_blanks(lt_str_cut(&text, ',')), value = member, key = lt_str_cut(&value, '=');
        if (member.n == 0)
            continue; /* an empty member is allowed */
        if (n == LT_TRACESTATE_MEMBERS || !key_ok(key) || !value_ok(value))
            return false;
        for (size_t i = 0; i < n; i++)
            if (lt_str_eq(keys[i], key))
                return false;
        keys[n++] = key;
    }
    return n > 0;
}
