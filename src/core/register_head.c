/* Heads and anchors: signatures, rows, the file. */
#include "core/register_head.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/secret.h"
#include "text/json.h"

enum { SITES_MAX = 1000000, FILE_MAX = 256 << 20 };

static void head_text(struct lt_buf *out, const char *purpose, const struct lt_register_head *h)
{
    const struct lt_value values[] = {LT_INT(h->site_id), LT_INT(h->seq), LT_INT(h->calls), LT_BLOB(h->hash, LT_REGISTER_HASH), LT_INT(h->at)};
    lt_buf_init(out, 512);
    lt_canon_text(out, lt_str(purpose));
    for (size_t i = 0; i < LT_COUNT(values); i++)
        lt_canon_value(out, &values[i]);
}

void lt_register_sign(const struct lt_keyring *ring, const char *purpose, struct lt_register_head *head)
{
    struct lt_buf text;
    head_text(&text, purpose, head);
    memcpy(head->key_id, lt_keyring_id(ring, 0), LT_KEY_ID_SIZE);
    lt_keyring_mac(ring, 0, purpose, lt_buf_str(&text), head->mac);
    lt_buf_free(&text);
}

bool lt_register_signed(const struct lt_keyring *ring, const char *purpose, const struct lt_register_head *head, bool *ret_known)
{
    struct lt_buf text;
    if (ret_known)
        *ret_known = false;
    if (!ring)
        return false;
    head_text(&text, purpose, head);
    bool right = lt_keyring_mac_ok(ring, lt_str(head->key_id), purpose, lt_buf_str(&text), (struct lt_str){(const char *)head->mac, LT_MAC_SIZE},
                                   ret_known);
    lt_buf_free(&text);
    return right;
}

/* ---- rows ---- */

static void copy_blob(uint8_t *out, size_t n, struct lt_str blob)
{
    memset(out, 0, n);
    memcpy(out, blob.p, blob.n < n ? blob.n : n);
}

static void copy_key(char out[LT_KEY_ID_SIZE], struct lt_str id)
{
    memset(out, 0, LT_KEY_ID_SIZE);
    if (id.n < LT_KEY_ID_SIZE) /* a longer one is no key's */
        memcpy(out, id.p, id.n);
}

void lt_register_read_head(const struct lt_rows *r, size_t i, struct lt_register_head *h)
{
    *h = (struct lt_register_head){.site_id = lt_rows_int(r, i, 0), .seq = lt_rows_int(r, i, 1), .calls = lt_rows_int(r, i, 2),
                                   .at = lt_rows_int(r, i, 4), .version = lt_rows_int(r, i, 7)};
    copy_blob(h->hash, sizeof(h->hash), lt_rows_str(r, i, 3));
    copy_key(h->key_id, lt_rows_str(r, i, 5));
    copy_blob(h->mac, sizeof(h->mac), lt_rows_str(r, i, 6));
}

static enum lt_code rows(struct lt_store *store, struct lt_arena *arena, const char *sql, int64_t site_id, struct lt_register_head **ret,
                         size_t *ret_n, struct lt_error *err)
{
    struct lt_rows r;
    if (lt_store_query(store, arena, sql, (const struct lt_value[]){LT_INT(site_id)}, 1, SITES_MAX, &r, err))
        return lt_error_wrap(err, "register");
    *ret = LT_NEW_ARRAY(arena, struct lt_register_head, r.rows);
    *ret_n = r.rows;
    for (size_t i = 0; i < r.rows; i++)
        lt_register_read_head(&r, i, &(*ret)[i]);
    return LT_OK;
}

enum lt_code lt_register_heads(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_register_head **ret, size_t *ret_n,
                               struct lt_error *err)
{
    return rows(store, arena, "SELECT site_id, seq, calls, hash, at, key_id, mac, version FROM register_head WHERE $1 < 0 OR site_id = $1 ORDER"
              " BY site_id",
                site_id, ret, ret_n, err);
}

enum lt_code lt_register_anchors(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_register_head **ret, size_t *ret_n,
                                 struct lt_error *err)
{
    return rows(store, arena, "SELECT site_id, seq, calls, hash, at, key_id, mac, 0 FROM register_anchor WHERE $1 < 0 OR site_id = $1 ORDER BY"
              " site_id",
                site_id, ret, ret_n, err);
}

/* ---- the file ---- */

static void file_text(struct lt_buf *out, int64_t at, const struct lt_register_head *heads, size_t n)
{
    const struct lt_value when = LT_INT(at);
    lt_buf_init(out, FILE_MAX);
    lt_canon_text(out, LT_STR(LT_REGISTER_FILE));
    lt_canon_value(out, &when);
    for (size_t i = 0; i < n; i++) {
        const struct lt_value mac = LT_BLOB(heads[i].mac, LT_MAC_SIZE);
        lt_canon_value(out, &mac);
    }
}

static void put_hex(struct lt_jw *w, const char *key, const uint8_t *p)
{
    char text[2 * LT_REGISTER_HASH + 1];
    lt_hex(p, LT_REGISTER_HASH, text);
    lt_jw_kstrz(w, key, text);
}

static void put_head(struct lt_jw *w, const struct lt_register_head *h)
{
    lt_jw_obj(w);
    lt_jw_kint(w, "site", h->site_id);
    lt_jw_kint(w, "seq", h->seq);
    lt_jw_kint(w, "calls", h->calls);
    put_hex(w, "hash", h->hash);
    lt_jw_kint(w, "at", h->at);
    lt_jw_kstrz(w, "key", h->key_id);
    put_hex(w, "mac", h->mac);
    lt_jw_end(w);
}

enum lt_code lt_register_file_write(const char *path, const struct lt_keyring *ring, const struct lt_register_head *heads, size_t n,
                                    struct lt_error *err)
{
    int64_t at = lt_now_ms();
    uint8_t mac[LT_MAC_SIZE];
    struct lt_buf text, out;
    struct lt_jw w;
    file_text(&text, at, heads, n);
    lt_keyring_mac(ring, 0, LT_REGISTER_FILE, lt_buf_str(&text), mac);
    lt_buf_free(&text);
    lt_buf_init(&out, FILE_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_key(&w, "heads");
    lt_jw_arr(&w);
    for (size_t i = 0; i < n; i++)
        put_head(&w, &heads[i]);
    lt_jw_end(&w);
    lt_jw_kint(&w, "at", at);
    lt_jw_kstrz(&w, "key", lt_keyring_id(ring, 0));
    put_hex(&w, "mac", mac);
    lt_jw_end(&w);
    lt_buf_putc(&out, '\n');
    enum lt_code rc = out.failed ? lt_fail(err, LT_EIO, "%s: there are too many sites", path) : lt_file_put(path, lt_buf_str(&out), false, err);
    lt_buf_free(&out);
    return rc;
}

static bool get_hex(const struct lt_json *v, const char *key, uint8_t *out)
{
    return lt_unhex(lt_json_str(lt_json_get(v, key)), out, LT_REGISTER_HASH);
}

static bool get_head(const struct lt_json *v, struct lt_register_head *h)
{
    *h = (struct lt_register_head){.site_id = lt_json_int64_or(lt_json_get(v, "site"), -1), .seq = lt_json_int64_or(lt_json_get(v, "seq"), -1),
                                   .calls = lt_json_int64_or(lt_json_get(v, "calls"), -1), .at = lt_json_int64_or(lt_json_get(v, "at"), -1)};
    copy_key(h->key_id, lt_json_str_or(lt_json_get(v, "key"), LT_STR("")));
    return h->site_id >= 0 && h->seq >= 0 && h->calls >= 0 && get_hex(v, "hash", h->hash) && get_hex(v, "mac", h->mac);
}

static bool parse(struct lt_arena *arena, const struct lt_json *v, const struct lt_keyring *ring, struct lt_register_head **ret, size_t *ret_n,
                  struct lt_error *why)
{
    const struct lt_json *list = lt_json_get(v, "heads");
    struct lt_str key = lt_json_str_or(lt_json_get(v, "key"), LT_STR(""));
    uint8_t mac[LT_MAC_SIZE];
    struct lt_buf text;
    bool known = false, whole = lt_json_is(list, LT_JSON_ARRAY) && get_hex(v, "mac", mac);
    *ret_n = lt_json_len(list);
    *ret = LT_NEW_ARRAY(arena, struct lt_register_head, *ret_n);
    for (size_t i = 0; whole && i < *ret_n; i++)
        whole = get_head(lt_json_at(list, i), &(*ret)[i]) && (i == 0 || (*ret)[i].site_id > (*ret)[i - 1].site_id);
    if (!whole)
        return lt_fail(why, LT_ECONFIG, "it does not have the form of such a file"), false;
    file_text(&text, lt_json_int64_or(lt_json_get(v, "at"), -1), *ret, *ret_n);
    bool right = ring && lt_keyring_mac_ok(ring, key, LT_REGISTER_FILE, lt_buf_str(&text), (struct lt_str){(char *)mac, sizeof(mac)}, &known);
    lt_buf_free(&text);
    for (size_t i = 0; right && i < *ret_n; i++)
        right = lt_register_signed(ring, LT_REGISTER_HEAD, &(*ret)[i], &known);
    if (!right)
        lt_fail(why, LT_ECONFIG, known ? "its signature is wrong" : "it was signed with a master key that is not there");
    return right;
}

static bool read_text(const char *path, struct lt_arena *arena, struct lt_str *ret, struct lt_error *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    if (size < 0 || size > FILE_MAX || lseek(fd, 0, SEEK_SET) != 0) {
        lt_fail(why, LT_EIO, "%s: %s", path, size > FILE_MAX ? "it is too large" : strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    char *p = lt_alloc(arena, (size_t)size + 1);
    long n = lt_fd_read(fd, p, (size_t)size);
    close(fd);
    *ret = (struct lt_str){p, n < 0 ? 0 : (size_t)n};
    return n >= 0 || (lt_fail(why, LT_EIO, "%s: cannot be read", path), false);
}

enum lt_register_file lt_register_file_read(const char *path, struct lt_arena *arena, const struct lt_keyring *ring, struct lt_register_head **ret,
                                            size_t *ret_n, struct lt_error *why)
{
    struct lt_str text;
    const struct lt_json *v;
    *ret_n = 0;
    *ret = NULL;
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return LT_REGISTER_FILE_MISSING;
    if (!read_text(path, arena, &text, why) || lt_json_parse(arena, text, LT_JSON_STRICT, &v, why) || !parse(arena, v, ring, ret, ret_n, why)) {
        *ret_n = 0;
        return LT_REGISTER_FILE_WRONG;
    }
    return LT_REGISTER_FILE_THERE;
}

/* ---- another key ---- */

static void sign_again(struct lt_tx *tx, const struct lt_keyring *ring, const char *purpose, const char *sql, struct lt_register_head *heads,
                       size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct lt_register_head *h = &heads[i];
        if (strcmp(h->key_id, lt_keyring_id(ring, 0)) == 0 || !lt_register_signed(ring, purpose, h, NULL))
            continue;
        lt_register_sign(ring, purpose, h);
        LT_TX(tx, sql, LT_TEXTZ(h->key_id), LT_BLOB(h->mac, LT_MAC_SIZE), LT_INT(h->site_id), LT_INT(h->seq));
    }
}

static enum lt_code sign_file_again(const char *path, struct lt_arena *arena, const struct lt_keyring *ring, struct lt_error *err)
{
    struct lt_register_head *heads;
    struct lt_error why;
    size_t n;
    if (lt_register_file_read(path, arena, ring, &heads, &n, &why) != LT_REGISTER_FILE_THERE)
        return LT_OK; /* that is told by those who verify */
    for (size_t i = 0; i < n; i++)
        lt_register_sign(ring, LT_REGISTER_HEAD, &heads[i]);
    return lt_register_file_write(path, ring, heads, n, err);
}

enum lt_code lt_register_sign_again(struct lt_store *store, const char *head_file, const struct lt_keyring *ring, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_register_head *heads, *anchors;
    size_t heads_n, anchors_n;
    enum lt_code rc = lt_register_heads(store, arena, -1, &heads, &heads_n, err);
    if (!rc)
        rc = lt_register_anchors(store, arena, -1, &anchors, &anchors_n, err);
    if (!rc) {
        struct lt_tx *tx = lt_tx_new();
        sign_again(tx, ring, LT_REGISTER_HEAD, "UPDATE register_head SET key_id = $1, mac = $2 WHERE site_id = $3 AND seq = $4", heads, heads_n);
        sign_again(tx, ring, LT_REGISTER_ANCHOR, "UPDATE register_anchor SET key_id = $1, mac = $2 WHERE site_id = $3 AND seq = $4", anchors,
                   anchors_n);
        rc = lt_store_write(store, tx, err);
    }
    if (!rc)
        rc = sign_file_again(head_file, arena, ring, err);
    lt_arena_free(arena);
    return rc;
}
