/*
 * Sealing small secrets for storage: XChaCha20-Poly1305 (libsodium; draft-irtf-cfrg-xchacha) under a master key of 32 bytes with a
 * random nonce, bound to the place where the text is kept. A key ring holds the present master key and earlier ones, with which can
 * still be opened what was sealed before. Keys lie in memory that is locked where the system allows it and never dumped. Any thread.
 */
#pragma once
#include "base/arena.h"
#include "base/error.h"

enum { LT_KEYRING_MAX = 8, LT_KEY_ID_SIZE = 9 /* eight hex digits and a NUL */ };

struct lt_keyring;

/*
 * Reads a file of master keys: a line each, 64 hex digits; the first seals, all open. Lines that are empty or begin with # do not
 * count. LT_ECONFIG when it cannot be read, holds no key, more than LT_KEYRING_MAX or anything else, or (unless it is below
 * /run/credentials or /dev) may be read by others than its owner and group.
 */
enum lt_code lt_keyring_read(const char *path, struct lt_keyring **ret, struct lt_error *err);
/* Makes such a file (0600) with a new key if there is none, durable when it returns; one that exists is left as it is. */
enum lt_code lt_keyring_make(const char *path, struct lt_error *err);
/* Puts a new key before the others, the file replaced at once and durable; keeps the oldest out when there are too many. */
enum lt_code lt_keyring_add(const char *path, struct lt_error *err);
/* Leaves only the first key in the file. */
enum lt_code lt_keyring_forget_old(const char *path, struct lt_error *err);
void lt_keyring_free(struct lt_keyring *ring); /* wipes; NULL allowed */
size_t lt_keyring_count(const struct lt_keyring *ring);
/* What a key is called: eight hex digits of a hash of it. */
const char *lt_keyring_id(const struct lt_keyring *ring, size_t i);

/* "sealed:1:KEYID:BASE64URL". `place` says where the text is kept and must be the same for opening. Text in the arena. */
struct lt_str lt_seal(const struct lt_keyring *ring, struct lt_arena *arena, struct lt_str plain, struct lt_str place);
bool lt_is_sealed(struct lt_str text);
/* With the ring's first key? */
bool lt_is_sealed_with_first(const struct lt_keyring *ring, struct lt_str text);
/* LT_ECONFIG when the key is not on the ring, or the text was changed or moved. */
enum lt_code lt_unseal(const struct lt_keyring *ring, struct lt_arena *arena, struct lt_str sealed, struct lt_str place, struct lt_str *ret,
                       struct lt_error *err);

enum { LT_MAC_SIZE = 32 };
/*
 * HMAC-SHA256 of a text under a key made of key i of the ring for this purpose alone: HMAC(key, "lectern mac " purpose). What one purpose signs,
 * no other takes.
 */
void lt_keyring_mac(const struct lt_keyring *ring, size_t i, const char *purpose, struct lt_str text, uint8_t out[LT_MAC_SIZE]);
/* Was it made with the key of that id? *ret_known (may be NULL): such a key is on the ring. */
bool lt_keyring_mac_ok(const struct lt_keyring *ring, struct lt_str id, const char *purpose, struct lt_str text, struct lt_str mac, bool *ret_known);
