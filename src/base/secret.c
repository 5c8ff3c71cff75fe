/* Thin adapter over OpenSSL and getrandom(2). Fuzzed by tests/fuzz/fuzz_values.c and tests/fuzz/fuzz_stream_entry.c. */
/* OpenSSL 3 looks its algorithms up by name at every use of EVP: ten times the cost of hashing a key of 46 bytes. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/secret.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

void lt_random(void *out, size_t n)
{
    char *p = out;
    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            fprintf(stderr, "lectern: the kernel gives no random bytes\n");
            abort();
        }
        p += got;
        n -= (size_t)got;
    }
}

void lt_sha256(const void *p, size_t n, uint8_t out[32])
{
    SHA256_CTX c;
    SHA256_Init(&c);
    SHA256_Update(&c, p, n);
    SHA256_Final(out, &c);
}

void lt_sha1(const void *p, size_t n, uint8_t out[20])
{
    SHA_CTX c;
    SHA1_Init(&c);
    SHA1_Update(&c, p, n);
    SHA1_Final(out, &c);
}

/* RFC 2104: a key as long as a block. */
static void whole_key(const void *key, size_t n, uint8_t out[64])
{
    if (n > 64)
        lt_sha256(key, n, out);
    else if (n > 0)
        memcpy(out, key, n);
}

/* A hash that has begun, and stands behind its first block. */
static void begin_padded(SHA256_CTX *c, const uint8_t key[64], uint8_t pad)
{
    uint8_t block[64];
    for (int i = 0; i < 64; i++)
        block[i] = key[i] ^ pad;
    SHA256_Init(c);
    SHA256_Update(c, block, sizeof(block));
    lt_wipe(block, sizeof(block));
}

static void end_padded(const SHA256_CTX *begun, const void *p, size_t n, uint8_t out[32])
{
    SHA256_CTX c = *begun;
    SHA256_Update(&c, p, n);
    SHA256_Final(out, &c);
    lt_wipe(&c, sizeof(c));
}

struct hmac_state {
    SHA256_CTX inner, outer;
};

_Static_assert(sizeof(struct lt_hmac_key) >= sizeof(struct hmac_state), "the state fits");

void lt_hmac_key_init(struct lt_hmac_key *key, const void *p, size_t n)
{
    struct hmac_state *state = (struct hmac_state *)(void *)key->state;
    uint8_t whole[64] = {0};
    whole_key(p, n, whole);
    begin_padded(&state->inner, whole, 0x36);
    begin_padded(&state->outer, whole, 0x5C);
    lt_wipe(whole, sizeof(whole));
}

void lt_hmac_key_sign(const struct lt_hmac_key *key, const void *p, size_t n, uint8_t out[32])
{
    const struct hmac_state *state = (const struct hmac_state *)(const void *)key->state;
    uint8_t inner[32];
    end_padded(&state->inner, p, n, inner);
    end_padded(&state->outer, inner, sizeof(inner), out);
}

void lt_hmac_sha256(const void *key, size_t key_n, const void *p, size_t n, uint8_t out[32])
{
    struct lt_hmac_key once;
    lt_hmac_key_init(&once, key, key_n);
    lt_hmac_key_sign(&once, p, n, out);
    lt_wipe(&once, sizeof(once));
}

bool lt_equal_ct(const void *a, const void *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}

void lt_wipe(void *p, size_t n)
{
    explicit_bzero(p, n);
}

void lt_hex(const void *bytes, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *p = bytes;
    for (size_t i = 0; i < n; i++) {
        *out++ = digits[p[i] >> 4];
        *out++ = digits[p[i] & 15];
    }
    *out = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool lt_unhex(struct lt_str s, uint8_t *out, size_t n)
{
    if (s.n != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        int high = hex_digit(s.p[2 * i]), low = hex_digit(s.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

struct lt_str lt_base64url(struct lt_arena *arena, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    char *out = lt_alloc(arena, (n + 2) / 3 * 4 + 1), *q = out;
    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) | (i + 2 < n ? p[i + 2] : 0);
        size_t take = n - i >= 3 ? 4 : n - i + 1;
        for (size_t k = 0; k < take; k++)
            *q++ = alphabet[v >> (18 - 6 * k) & 63];
    }
    *q = '\0';
    return (struct lt_str){out, (size_t)(q - out)};
}

bool lt_base64url_decode(struct lt_arena *arena, struct lt_str s, struct lt_str *ret)
{
    if (s.n % 4 == 1)
        return false;
    char *out = lt_alloc(arena, s.n / 4 * 3 + 3);
    size_t n = 0;
    uint32_t v = 0;
    int bits = 0;
    for (size_t i = 0; i < s.n; i++) {
        const char *at = s.p[i] ? strchr(alphabet, s.p[i]) : NULL;
        if (!at)
            return false;
        v = v << 6 | (uint32_t)(at - alphabet);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[n++] = (char)(v >> bits);
            v &= (1u << bits) - 1;
        }
    }
    if (v != 0) /* spare bits must be zero (RFC 4648 §3.5) */
        return false;
    out[n] = '\0';
    *ret = (struct lt_str){out, n};
    return true;
}

struct lt_str lt_base64(struct lt_arena *arena, const void *p, size_t n)
{
    size_t size = sodium_base64_ENCODED_LEN(n, sodium_base64_VARIANT_ORIGINAL);
    char *out = lt_alloc(arena, size);
    sodium_bin2base64(out, size, p, n, sodium_base64_VARIANT_ORIGINAL);
    return (struct lt_str){out, size - 1};
}

bool lt_base64_decode(struct lt_arena *arena, struct lt_str s, struct lt_str *ret)
{
    size_t n = 0, max = s.n / 4 * 3 + 3;
    unsigned char *out = lt_alloc(arena, max);
    if (sodium_base642bin(out, max, s.p, s.n, " \t\r\n\f\v", &n, NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
        return false;
    *ret = (struct lt_str){(const char *)out, n};
    return true;
}

char **lt_environment_of(struct lt_arena *arena, const char *const *names, size_t n)
{
    char **list = LT_NEW_ARRAY(arena, char *, n + 1);
    size_t found = 0;
    for (size_t i = 0; i < n; i++) {
        const char *value = getenv(names[i]);
        if (value)
            list[found++] = lt_strz(arena, lt_printf(arena, "%s=%s", names[i], value));
    }
    return list;
}
