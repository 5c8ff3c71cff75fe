/* Sealing and the file of master keys. */
#include "base/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/secret.h"

#define KEY crypto_aead_xchacha20poly1305_ietf_KEYBYTES
#define NONCE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG crypto_aead_xchacha20poly1305_ietf_ABYTES
#define PREFIX "sealed:1:"

enum { FILE_MAX = 8192, HEX = 2 * KEY };

struct lt_keyring {
    size_t n;
    char ids[LT_KEYRING_MAX][LT_KEY_ID_SIZE];
    uint8_t keys[LT_KEYRING_MAX][KEY];
};

/* ---- the ring ---- */

static struct lt_keyring *ring_new(void)
{
    if (sodium_init() < 0)
        abort();
    struct lt_keyring *ring = sodium_malloc(sizeof(*ring));
    if (!ring)
        lt_out_of_memory(0);
    memset(ring, 0, sizeof(*ring));
    return ring;
}

void lt_keyring_free(struct lt_keyring *ring)
{
    if (ring)
        sodium_free(ring);
}

size_t lt_keyring_count(const struct lt_keyring *ring)
{
    return ring->n;
}

const char *lt_keyring_id(const struct lt_keyring *ring, size_t i)
{
    return ring->ids[i];
}

static enum lt_code add_line(struct lt_keyring *ring, struct lt_str line, const char *path, struct lt_error *err)
{
    uint8_t digest[32];
    if (line.n == 0 || line.p[0] == '#')
        return LT_OK;
    if (ring->n == LT_KEYRING_MAX)
        return lt_fail(err, LT_ECONFIG, "%s: holds more than %d keys", path, LT_KEYRING_MAX);
    if (line.n != HEX || !lt_unhex(line, ring->keys[ring->n], KEY))
        return lt_fail(err, LT_ECONFIG, "%s: each line must be a key of %d hex digits", path, (int)HEX);
    lt_sha256(ring->keys[ring->n], KEY, digest);
    lt_hex(digest, 4, ring->ids[ring->n]);
    ring->n++;
    return LT_OK;
}

static enum lt_code parse(struct lt_keyring *ring, struct lt_str text, const char *path, struct lt_error *err)
{
    while (text.n > 0) {
        struct lt_str line = lt_str_cut(&text, '\n');
        if (add_line(ring, lt_str_trim(line), path, err))
            return err->code;
    }
    return ring->n > 0 ? LT_OK : lt_fail(err, LT_ECONFIG, "%s: holds no key", path);
}

/* ---- the file ---- */

/* What systemd makes of a credential may be readable in other ways than a file of ours; a pipe has no owner to speak of. */
static bool is_private(const struct stat *st, const char *path)
{
    return !S_ISREG(st->st_mode) || (st->st_mode & 0007) == 0 || strncmp(path, "/run/credentials/", 17) == 0;
}

static enum lt_code read_file(const char *path, char *text, size_t *ret_n, struct lt_error *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return lt_fail(err, LT_ECONFIG, "%s: %s", path, strerror(errno));
    long n = 0;
    enum lt_code rc = LT_OK;
    if (fstat(fd, &st) != 0 || !is_private(&st, path))
        rc = lt_fail(err, LT_ECONFIG, "%s: others may read it; make it private (chmod 600)", path);
    else if ((n = lt_fd_read(fd, text, FILE_MAX)) < 0)
        rc = lt_fail(err, LT_ECONFIG, "%s: %s", path, strerror(errno));
    else if (n == FILE_MAX)
        rc = lt_fail(err, LT_ECONFIG, "%s: is larger than %d bytes", path, FILE_MAX);
    close(fd);
    *ret_n = rc ? 0 : (size_t)n;
    return rc;
}

enum lt_code lt_keyring_read(const char *path, struct lt_keyring **ret, struct lt_error *err)
{
    char text[FILE_MAX];
    size_t n = 0;
    struct lt_keyring *ring = ring_new();
    enum lt_code rc = read_file(path, text, &n, err);
    if (rc == LT_OK)
        rc = parse(ring, (struct lt_str){text, n}, path, err);
    lt_wipe(text, sizeof(text));
    if (rc) {
        lt_keyring_free(ring);
        return rc;
    }
    *ret = ring;
    return LT_OK;
}

/* The first n keys of the ring; `exclusive`: only where there is no file. */
static enum lt_code write_file(const char *path, const struct lt_keyring *ring, size_t n, bool exclusive, struct lt_error *err)
{
    char text[LT_KEYRING_MAX * (HEX + 1) + 1];
    for (size_t i = 0; i < n; i++) {
        lt_hex(ring->keys[i], KEY, text + i * (HEX + 1));
        text[i * (HEX + 1) + HEX] = '\n';
    }
    enum lt_code rc = lt_file_put(path, (struct lt_str){text, n * (HEX + 1)}, exclusive, err);
    lt_wipe(text, sizeof(text));
    if (rc && err)
        err->code = LT_ECONFIG;
    return rc ? LT_ECONFIG : LT_OK;
}

/* A new key before those of the ring. */
static void push_key(struct lt_keyring *ring)
{
    if (ring->n == LT_KEYRING_MAX)
        ring->n--;
    memmove(ring->keys[1], ring->keys[0], ring->n * KEY);
    lt_random(ring->keys[0], KEY);
    ring->n++;
}

enum lt_code lt_keyring_make(const char *path, struct lt_error *err)
{
    if (access(path, F_OK) == 0)
        return LT_OK;
    struct lt_keyring *ring = ring_new();
    push_key(ring);
    enum lt_code rc = write_file(path, ring, ring->n, true, err);
    lt_keyring_free(ring);
    return rc;
}

enum lt_code lt_keyring_add(const char *path, struct lt_error *err)
{
    struct lt_keyring *ring;
    if (lt_keyring_read(path, &ring, err))
        return err->code;
    push_key(ring);
    enum lt_code rc = write_file(path, ring, ring->n, false, err);
    lt_keyring_free(ring);
    return rc;
}

enum lt_code lt_keyring_forget_old(const char *path, struct lt_error *err)
{
    struct lt_keyring *ring;
    if (lt_keyring_read(path, &ring, err))
        return err->code;
    enum lt_code rc = write_file(path, ring, 1, false, err);
    lt_keyring_free(ring);
    return rc;
}

/* ---- sealing ---- */

struct lt_str lt_seal(const struct lt_keyring *ring, struct lt_arena *arena, struct lt_str plain, struct lt_str place)
{
    size_t n = NONCE + plain.n + TAG;
    uint8_t *box = lt_alloc(arena, n);
    lt_random(box, NONCE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(box + NONCE, NULL, (const uint8_t *)plain.p, plain.n, (const uint8_t *)place.p, place.n, NULL,
                                               box, ring->keys[0]);
    struct lt_str text = lt_base64url(arena, box, n);
    return lt_printf(arena, PREFIX "%s:%.*s", ring->ids[0], LT_FMT(text));
}

bool lt_is_sealed(struct lt_str text)
{
    return lt_str_starts(text, LT_STR(PREFIX));
}

/* "sealed:1:KEYID:REST" → its parts. */
static bool split(struct lt_str text, struct lt_str *ret_id, struct lt_str *ret_rest)
{
    size_t n = sizeof(PREFIX) - 1;
    if (!lt_is_sealed(text))
        return false;
    *ret_rest = (struct lt_str){text.p + n, text.n - n};
    *ret_id = lt_str_cut(ret_rest, ':');
    return true;
}

bool lt_is_sealed_with_first(const struct lt_keyring *ring, struct lt_str text)
{
    struct lt_str id, rest;
    return split(text, &id, &rest) && lt_str_is(id, ring->ids[0]);
}

static bool open_box(const uint8_t *key, struct lt_arena *arena, struct lt_str box, struct lt_str place, struct lt_str *ret)
{
    uint8_t *plain = lt_alloc(arena, box.n - NONCE - TAG + 1);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL, (const uint8_t *)box.p + NONCE, box.n - NONCE, (const uint8_t *)place.p,
                                                   place.n, (const uint8_t *)box.p, key) != 0)
        return false;
    plain[box.n - NONCE - TAG] = '\0';
    *ret = (struct lt_str){(const char *)plain, box.n - NONCE - TAG};
    return true;
}

enum lt_code lt_unseal(const struct lt_keyring *ring, struct lt_arena *arena, struct lt_str sealed, struct lt_str place, struct lt_str *ret,
                       struct lt_error *err)
{
    struct lt_str id, rest, box;
    if (!split(sealed, &id, &rest) || !lt_base64url_decode(arena, rest, &box) || box.n < NONCE + TAG)
        return lt_fail(err, LT_ECONFIG, "what is stored is not a sealed secret");
    bool known = false;
    for (size_t i = 0; i < ring->n; i++) {
        if (!lt_str_is(id, ring->ids[i]))
            continue;
        known = true;
        if (open_box(ring->keys[i], arena, box, place, ret))
            return LT_OK;
    }
    if (known)
        return lt_fail(err, LT_ECONFIG, "the sealed secret was changed, or copied from another place");
    return lt_fail(err, LT_ECONFIG, "the secret was sealed with master key %.*s, which is not there", LT_FMT(id));
}

/* ---- signing ---- */

void lt_keyring_mac(const struct lt_keyring *ring, size_t i, const char *purpose, struct lt_str text, uint8_t out[LT_MAC_SIZE])
{
    uint8_t key[32];
    char label[128];
    int n = snprintf(label, sizeof(label), "lectern mac %s", purpose);
    lt_hmac_sha256(ring->keys[i], KEY, label, (size_t)n < sizeof(label) ? (size_t)n : sizeof(label) - 1, key);
    lt_hmac_sha256(key, sizeof(key), text.p, text.n, out);
    lt_wipe(key, sizeof(key));
}

bool lt_keyring_mac_ok(const struct lt_keyring *ring, struct lt_str id, const char *purpose, struct lt_str text, struct lt_str mac, bool *ret_known)
{
    bool known = false, right = false;
    for (size_t i = 0; i < ring->n; i++) {
        uint8_t made[LT_MAC_SIZE];
        if (!lt_str_is(id, ring->ids[i]))
            continue;
        known = true;
        lt_keyring_mac(ring, i, purpose, text, made);
        right = right || (mac.n == sizeof(made) && lt_equal_ct(mac.p, made, sizeof(made)));
    }
    if (ret_known)
        *ret_known = known;
    return right;
}
