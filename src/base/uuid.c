/* UUIDv7: 48 bits of milliseconds, 12 bits of a counter, 62 random bits. Fuzzed by tests/fuzz/fuzz_values.c. */
#include "base/uuid.h"

#include "base/clock.h"
#include "base/secret.h"

/* Random bytes are drawn 4 KiB at a time: one system call for about 400 ids. */
static _Thread_local uint8_t pool[4096];
static _Thread_local size_t pool_left;
static _Thread_local int64_t last_ms;
static _Thread_local unsigned counter;

static void draw(uint8_t *out, size_t n)
{
    if (pool_left < n) {
        lt_random(pool, sizeof(pool));
        pool_left = sizeof(pool);
    }
    pool_left -= n;
    memcpy(out, pool + pool_left, n);
    lt_wipe(pool + pool_left, n);
}

struct lt_uuid lt_uuid_new(void)
{
    struct lt_uuid id;
    int64_t ms = lt_now_ms();
    draw(id.b + 6, 10);
    if (ms > last_ms) {
        last_ms = ms;
        counter = (unsigned)(id.b[6] & 0x07) << 8 | id.b[7]; /* starts in the lower half, so that it has room to count */
    } else if (++counter > 0xFFF) {
        last_ms++;
        counter = 0;
    }
    ms = last_ms;
    for (int i = 0; i < 6; i++)
        id.b[i] = (uint8_t)(ms >> (40 - 8 * i));
    id.b[6] = (uint8_t)(0x70 | counter >> 8);
    id.b[7] = (uint8_t)counter;
    id.b[8] = (uint8_t)(0x80 | (id.b[8] & 0x3F));
    return id;
}

void lt_uuid_format(struct lt_uuid id, char out[37])
{
    static const char digits[] = "0123456789abcdef";
    char *p = out;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = digits[id.b[i] >> 4];
        *p++ = digits[id.b[i] & 15];
    }
    *p = '\0';
}

struct lt_uuid lt_uuid_first_at(int64_t ms)
{
    struct lt_uuid id = {{0}};
    for (int i = 0; i < 6; i++)
        id.b[i] = (uint8_t)(ms >> (40 - 8 * i));
    return id;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool lt_uuid_parse(struct lt_str s, struct lt_uuid *ret)
{
    if (s.n != 36)
        return false;
    size_t at = 0;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            if (s.p[at++] != '-')
                return false;
        int high = digit(s.p[at]), low = digit(s.p[at + 1]);
        if (high < 0 || low < 0)
            return false;
        ret->b[i] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    return true;
}
