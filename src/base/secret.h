/* Random bytes, hashes, comparison in constant time, wiping. Any thread. OpenSSL 3 and the kernel do the work. */
#pragma once
#include "base/arena.h"

/* Cryptographically random bytes; ends the process when the kernel gives none. */
void lt_random(void *out, size_t n);
/* FIPS 180-4. */
void lt_sha256(const void *p, size_t n, uint8_t out[32]);
/* FIPS 180-4; for names that others made with it, never against forging. */
void lt_sha1(const void *p, size_t n, uint8_t out[20]);
/* RFC 2104 with SHA-256. */
void lt_hmac_sha256(const void *key, size_t key_n, const void *p, size_t n, uint8_t out[32]);
/* A key that is used often: what RFC 2104 makes of it before the text comes. */
struct lt_hmac_key {
    _Alignas(16) uint8_t state[224]; /* two hashes that have begun */
};
void lt_hmac_key_init(struct lt_hmac_key *key, const void *p, size_t n);
void lt_hmac_key_sign(const struct lt_hmac_key *key, const void *p, size_t n, uint8_t out[32]);
/* True when the n bytes are the same; takes the same time whatever they are. */
bool lt_equal_ct(const void *a, const void *b, size_t n);
/* Overwrites memory so that the compiler cannot leave it out. */
void lt_wipe(void *p, size_t n);
/* Lower-case hex; out holds 2n + 1 bytes. */
void lt_hex(const void *p, size_t n, char *out);
bool lt_unhex(struct lt_str s, uint8_t *out, size_t n);
/* RFC 4648 §5, no padding. */
struct lt_str lt_base64url(struct lt_arena *arena, const void *p, size_t n);
/* Strict: no padding, no other characters, no spare bits. False when malformed. */
bool lt_base64url_decode(struct lt_arena *arena, struct lt_str s, struct lt_str *ret);
/* RFC 4648 §4, with padding. */
struct lt_str lt_base64(struct lt_arena *arena, const void *p, size_t n);
/* The same way back, strict but for white space, which may stand anywhere. False when malformed. */
bool lt_base64_decode(struct lt_arena *arena, struct lt_str s, struct lt_str *ret);
/* NAME=VALUE of those of this process's variables that are named, for execve() and the like: a child gets no secret that another holds. NULL ends it. */
char **lt_environment_of(struct lt_arena *arena, const char *const *names, size_t n);
