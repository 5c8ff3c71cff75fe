/* Files, rows and links of pictures. Fuzzed by tests/fuzz/fuzz_values.c. */
#include "core/picture_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "io/worker.h"
#include "text/json.h"

enum { FILE_MAX = LT_IMAGE_MADE_BYTES_MAX + 65536, DUE_AT_ONCE = 200, MAC = 32, BEING_WRITTEN_MS = 600 * 1000 };

/* ---- names ---- */

struct lt_str lt_picture_id(struct lt_arena *arena, struct lt_picture_name name)
{
    char text[37];
    lt_uuid_format(name.call_id, text);
    return lt_printf(arena, "%s-%d", text, name.n);
}

/* In lower case only: one picture has one name. */
bool lt_picture_id_parse(struct lt_str id, struct lt_picture_name *ret)
{
    char text[37];
    if (id.n != LT_PICTURE_ID || id.p[36] != '-' || !lt_uuid_parse((struct lt_str){id.p, 36}, &ret->call_id))
        return false;
    lt_uuid_format(ret->call_id, text);
    ret->n = id.p[37] - '0';
    return memcmp(text, id.p, 36) == 0 && ret->n >= 1 && ret->n <= LT_IMAGES_MADE_MAX;
}

/* ---- files ---- */

static bool path_of(const char *dir, struct lt_picture_name name, bool folder, char out[PATH_MAX])
{
    char text[37];
    lt_uuid_format(name.call_id, text);
    int n = folder ? snprintf(out, PATH_MAX, "%s/%s", dir, text + 34) : snprintf(out, PATH_MAX, "%s/%s/%s-%d", dir, text + 34, text, name.n);
    return n > 0 && n < PATH_MAX;
}

static bool make_folder(const char *path)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

/* A new folder's own entry is made durable too. */
static bool sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return done;
}

enum lt_code lt_picture_file_put(const char *dir, struct lt_picture_name name, struct lt_str bytes, struct lt_error *err)
{
    char folder[PATH_MAX], path[PATH_MAX];
    if (!path_of(dir, name, true, folder) || !path_of(dir, name, false, path))
        return lt_fail(err, LT_EIO, "the path of the files is too long");
    if (!make_folder(dir) || !make_folder(folder) || !sync_folder(dir))
        return lt_fail(err, LT_EIO, "%s: cannot be made: %s", folder, strerror(errno));
    return lt_file_put(path, bytes, false, err);
}

enum lt_code lt_picture_file_remove(const char *dir, struct lt_picture_name name, struct lt_error *err)
{
    char path[PATH_MAX];
    if (!path_of(dir, name, false, path))
        return lt_fail(err, LT_EIO, "the path of the files is too long");
    return unlink(path) == 0 || errno == ENOENT ? LT_OK : lt_fail(err, LT_EIO, "%s: cannot be removed: %s", path, strerror(errno));
}

static enum lt_code has_row(struct lt_store *store, struct lt_arena *arena, struct lt_picture_name name, bool *ret, struct lt_error *err)
{
    struct lt_rows r;
    enum lt_code rc = LT_QUERY(store, arena, &r, err, "SELECT 1 FROM image_file WHERE call_id = $1 AND n = $2", LT_BLOB(name.call_id.b, 16),
                               LT_INT(name.n));
    *ret = rc == LT_OK && r.rows > 0;
    return rc;
}

struct sweep {
    struct lt_store *store;
    struct lt_uuid from;
    size_t removed;
};

/* Where several processes share the folder, a call that is open runs in another one. */
static enum lt_code is_open(struct lt_store *store, struct lt_arena *arena, struct lt_uuid id, bool *ret, struct lt_error *err)
{
    struct lt_rows r;
    enum lt_code rc = LT_QUERY(store, arena, &r, err, "SELECT 1 FROM ai_call b LEFT JOIN ai_call_end e ON e.call_id = b.id WHERE b.id = $1 AND e.call_id IS NULL",
                               LT_BLOB(id.b, 16));
    *ret = rc == LT_OK && r.rows > 0;
    return rc;
}

/* One that another process may be writing. */
static bool is_young(int folder, const char *file)
{
    struct stat st;
    return fstatat(folder, file, &st, AT_SYMLINK_NOFOLLOW) == 0 && lt_now_ms() - (int64_t)st.st_mtime * 1000 < BEING_WRITTEN_MS;
}

/* A name that is not a picture's is one that was not written to its end. */
static enum lt_code sweep_file(struct sweep *s, int folder, const char *file, struct lt_error *err)
{
    struct lt_picture_name name;
    bool shared = lt_store_is_postgres(s->store), kept = shared && is_young(folder, file), own = lt_picture_id_parse(lt_str(file), &name);
    if (own && memcmp(name.call_id.b, s->from.b, sizeof(s->from.b)) < 0)
        return LT_OK;
    if (own) {
        struct lt_arena *arena = lt_arena_new();
        enum lt_code rc = has_row(s->store, arena, name, &kept, err);
        if (rc == LT_OK && !kept && shared)
            rc = is_open(s->store, arena, name.call_id, &kept, err);
        lt_arena_free(arena);
        if (rc)
            return rc;
    }
    if (!kept && unlinkat(folder, file, 0) == 0)
        s->removed++;
    return LT_OK;
}

static enum lt_code sweep_folder(struct sweep *s, const char *dir, unsigned number, struct lt_error *err)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof(path), "%s/%02x", dir, number) >= (int)sizeof(path))
        return lt_fail(err, LT_EIO, "the path of the files is too long");
    DIR *d = opendir(path);
    enum lt_code rc = LT_OK;
    if (!d)
        return errno == ENOENT ? LT_OK : lt_fail(err, LT_EIO, "%s: cannot be read: %s", path, strerror(errno));
    for (struct dirent *e = readdir(d); e && !rc; e = readdir(d))
        if (e->d_type == DT_REG || e->d_type == DT_UNKNOWN) /* some file systems do not say; a folder is not unlinked */
            rc = sweep_file(s, dirfd(d), e->d_name, err);
    closedir(d);
    return rc;
}

enum lt_code lt_picture_files_sweep(struct lt_store *store, const char *dir, int64_t since, size_t *ret_n, struct lt_error *err)
{
    struct sweep s = {.store = store, .from = lt_uuid_first_at(since)};
    enum lt_code rc = LT_OK;
    for (unsigned i = 0; i < 256 && !rc; i++)
        rc = sweep_folder(&s, dir, i, err);
    *ret_n = s.removed;
    return rc;
}

/* ---- rows ---- */

void lt_picture_record(struct lt_tx *tx, int64_t site_id, struct lt_uuid call_id, const struct lt_picture *pictures, size_t n, int64_t delete_at,
                       bool with_content)
{
    for (size_t i = 0; i < n; i++) {
        const struct lt_picture *p = &pictures[i];
        LT_TX(tx,
              "INSERT INTO image_file (call_id, n, site_id, media_type, bytes, width, height, sha256, alt, created_at, delete_at)"
              " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
              LT_BLOB(call_id.b, 16), LT_INT(i + 1), LT_INT(site_id), lt_value_text(p->media_type), LT_INT(p->bytes), LT_INT(p->width),
              LT_INT(p->height), LT_TEXTZ(p->sha256), with_content ? lt_value_text(p->alt) : LT_TEXT(LT_STR("")), LT_INT(lt_now_ms()),
              LT_INT(delete_at));
    }
}

void lt_picture_record_left(struct lt_tx *tx, int64_t site_id, struct lt_uuid call_id, size_t from, size_t to)
{
    for (size_t n = from + 1; n <= to; n++)
        LT_TX(tx,
              "INSERT INTO image_file (call_id, n, site_id, media_type, bytes, width, height, sha256, alt, created_at, delete_at)"
              " VALUES ($1, $2, $3, '', 0, 0, 0, '', '', $4, 1) ON CONFLICT (call_id, n) DO UPDATE SET delete_at = 1",
              LT_BLOB(call_id.b, 16), LT_INT(n), LT_INT(site_id), LT_INT(lt_now_ms()));
}

struct removal {
    const char *dir;
    const struct lt_rows *rows;
    bool *gone; /* of each row */
};

static void remove_files(void *arg)
{
    struct removal *r = arg;
    for (size_t i = 0; i < r->rows->rows; i++) {
        struct lt_picture_name name = {.n = (int)lt_rows_int(r->rows, i, 1)};
        struct lt_str id = lt_rows_str(r->rows, i, 0);
        struct lt_error err;
        memcpy(name.call_id.b, id.p, id.n < 16 ? id.n : 16);
        r->gone[i] = lt_picture_file_remove(r->dir, name, &err) == LT_OK;
        if (!r->gone[i])
            lt_log_error("image.remove", &err);
    }
}

static enum lt_code remove_rows(struct lt_store *store, const struct removal *r, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    size_t n = 0;
    for (size_t i = 0; i < r->rows->rows; i++)
        if (r->gone[i]) {
            struct lt_str id = lt_rows_str(r->rows, i, 0);
            LT_TX(tx, "DELETE FROM image_file WHERE call_id = $1 AND n = $2", LT_BLOB(id.p, id.n), LT_INT(lt_rows_int(r->rows, i, 1)));
            n++;
        }
    if (n == 0)
        lt_tx_discard(tx);
    else if (lt_store_write(store, tx, err))
        return err->code;
    return n < r->rows->rows ? lt_fail(err, LT_EIO, "%zu files of pictures cannot be removed", r->rows->rows - n) : LT_OK;
}

enum lt_code lt_picture_remove_due(struct lt_store *store, const char *dir, int64_t now, bool *ret_more, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_rows rows;
    struct removal job = {.dir = dir, .rows = &rows};
    *ret_more = false;
    enum lt_code rc = lt_store_query(store, arena, "SELECT call_id, n FROM image_file WHERE delete_at > 0 AND delete_at <= $1 LIMIT 200",
                                     (const struct lt_value[]){LT_INT(now)}, 1, DUE_AT_ONCE, &rows, err);
    if (!rc && rows.rows > 0) {
        job.gone = LT_NEW_ARRAY(arena, bool, rows.rows);
        *ret_more = rows.rows == DUE_AT_ONCE;
        rc = lt_work(remove_files, &job) ? lt_fail(err, LT_EOVERLOADED, "no worker is free to remove pictures") : remove_rows(store, &job, err);
    }
    lt_arena_free(arena);
    return rc;
}

/* ---- reading ---- */

struct reading {
    struct lt_arena *arena;
    const char *dir;
    struct lt_picture_name name;
    struct lt_str bytes;
    char sha256[65];
    int error; /* errno, 0: fine */
};

static void read_file(void *arg)
{
    struct reading *r = arg;
    char path[PATH_MAX];
    struct stat st;
    uint8_t digest[32];
    int fd = path_of(r->dir, r->name, false, path) ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX) {
        r->error = fd < 0 ? errno : EIO;
    } else {
        char *p = lt_alloc(r->arena, (size_t)st.st_size + 1);
        long n = lt_fd_read(fd, p, (size_t)st.st_size);
        r->bytes = (struct lt_str){p, n > 0 ? (size_t)n : 0};
        lt_sha256(r->bytes.p, r->bytes.n, digest);
        lt_hex(digest, sizeof(digest), r->sha256);
    }
    if (fd >= 0)
        close(fd);
}

enum lt_code lt_picture_read(struct lt_store *store, struct lt_arena *arena, const char *dir, int64_t site_id, struct lt_str id,
                             struct lt_picture_bytes *ret, struct lt_error *err)
{
    struct reading job = {.arena = arena, .dir = dir};
    struct lt_rows r;
    if (!lt_picture_id_parse(id, &job.name))
        return lt_fail(err, LT_ENOT_FOUND, "there is no such picture");
    if (LT_QUERY(store, arena, &r, err,
                 "SELECT media_type, sha256 FROM image_file WHERE call_id = $1 AND n = $2 AND site_id = $3 AND (delete_at = 0 OR delete_at > $4)",
                 LT_BLOB(job.name.call_id.b, 16), LT_INT(job.name.n), LT_INT(site_id), LT_INT(lt_now_ms())))
        return err->code;
    if (r.rows == 0)
        return lt_fail(err, LT_ENOT_FOUND, "there is no such picture, or no longer");
    if (lt_work(read_file, &job))
        return lt_fail(err, LT_EOVERLOADED, "too many pictures are being read");
    if (job.error || !lt_str_is(lt_rows_str(&r, 0, 1), job.sha256))
        return lt_fail(err, LT_EINTERNAL, "the picture's file %s", job.error ? strerror(job.error) : "is not what was written");
    ret->media_type = lt_rows_str(&r, 0, 0);
    ret->bytes = job.bytes;
    memcpy(ret->sha256, job.sha256, sizeof(ret->sha256));
    return LT_OK;
}

/* ---- links ---- */

static void sign(const struct lt_site *site, struct lt_str id, int64_t seconds, uint8_t mac[MAC])
{
    char text[LT_PICTURE_ID + 32];
    int n = snprintf(text, sizeof(text), "%.*s %lld", (int)(id.n < LT_PICTURE_ID ? id.n : LT_PICTURE_ID), id.p, (long long)seconds);
    lt_hmac_key_sign(&site->file_key, text, (size_t)n, mac);
}

struct lt_str lt_picture_link(struct lt_arena *arena, const struct lt_site *site, struct lt_str id, int64_t expires_at)
{
    uint8_t mac[MAC];
    sign(site, id, expires_at / 1000, mac);
    struct lt_str signature = lt_base64url(arena, mac, sizeof(mac));
    return lt_printf(arena, "/v1/files/%.*s?site=%.*s&expires=%lld&signature=%.*s", LT_FMT(id), LT_FMT(site->slug), (long long)(expires_at / 1000),
                     LT_FMT(signature));
}

enum lt_code lt_picture_link_check(const struct lt_site *site, struct lt_str id, struct lt_str expires, struct lt_str signature, int64_t now,
                                   int64_t *ret_expires_at, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_picture_name name;
    struct lt_str given = {(const char[MAC]){0}, MAC};
    int64_t seconds = 0;
    uint8_t mac[MAC];
    bool well = lt_picture_id_parse(id, &name) && lt_str_to_int64(expires, &seconds) && seconds > 0 && seconds < INT64_MAX / 1000 &&
                lt_base64url_decode(arena, signature, &given) && given.n == MAC;
    if (well) {
        sign(site, id, seconds, mac);
        well = lt_equal_ct(mac, given.p, MAC);
    }
    lt_arena_free(arena);
    *ret_expires_at = seconds * 1000;
    if (!well)
        return lt_fail(err, LT_ENOT_FOUND, "the link is not one that was given out here");
    return now < *ret_expires_at ? LT_OK : lt_fail(err, LT_EPERMISSION, "the link is over: ask for the call again to get a new one");
}

/* ---- words ---- */

static void write_file(struct lt_jw *w, const struct lt_picture *p, bool with_link)
{
    lt_jw_obj(w);
    lt_jw_kstr(w, "id", p->id);
    if (with_link) {
        lt_jw_kstr(w, "url", p->url);
        lt_jw_ktime(w, "expires_at", p->expires_at);
    }
    lt_jw_kstr(w, "media_type", p->media_type);
    lt_jw_kint(w, "bytes", p->bytes);
    lt_jw_kint(w, "width", p->width);
    lt_jw_kint(w, "height", p->height);
    lt_jw_kstr(w, "alt", p->alt);
    lt_jw_kstrz(w, "sha256", p->sha256);
    lt_jw_end(w);
}

static void write_members(struct lt_jw *w, const struct lt_picture *p, bool with_link)
{
    lt_jw_key(w, "draft_file");
    write_file(w, p, with_link);
    lt_jw_kstr(w, "revised_prompt", p->revised_prompt);
    lt_jw_kstr(w, "source_url", p->source_url);
}

static void write_list(struct lt_jw *w, const struct lt_picture *pictures, size_t n, bool with_link)
{
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        lt_jw_obj(w);
        write_members(w, &pictures[i], with_link);
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

void lt_picture_write_response(struct lt_jw *w, const struct lt_picture *pictures, size_t n)
{
    lt_jw_obj(w);
    write_members(w, &pictures[0], true);
    if (n > 1) {
        lt_jw_key(w, "images");
        write_list(w, pictures, n, true);
    }
    lt_jw_end(w);
}

static struct lt_str taken(struct lt_arena *arena, struct lt_buf *buf)
{
    struct lt_str text = buf->failed ? LT_STR("") : lt_str_copy(arena, lt_buf_str(buf));
    lt_buf_free(buf);
    return text;
}

struct lt_str lt_picture_kept(struct lt_arena *arena, const struct lt_picture *pictures, size_t n)
{
    struct lt_buf buf;
    struct lt_jw w;
    lt_buf_init(&buf, 1 << 20);
    lt_jw_init(&w, &buf);
    write_list(&w, pictures, n, false);
    return taken(arena, &buf);
}

static struct lt_str text_of(const struct lt_json *object, const char *key)
{
    return lt_json_str_or(lt_json_get(object, key), LT_STR(""));
}

static bool read_kept(struct lt_arena *arena, const struct lt_site *site, const struct lt_json *v, int64_t expires_at, struct lt_picture *ret)
{
    const struct lt_json *file = lt_json_get(v, "draft_file");
    struct lt_picture_name name;
    struct lt_str sha256 = text_of(file, "sha256");
    *ret = (struct lt_picture){.id = text_of(file, "id"),
                               .expires_at = expires_at,
                               .media_type = text_of(file, "media_type"),
                               .bytes = lt_json_int64_or(lt_json_get(file, "bytes"), 0),
                               .width = lt_json_int64_or(lt_json_get(file, "width"), 0),
                               .height = lt_json_int64_or(lt_json_get(file, "height"), 0),
                               .alt = text_of(file, "alt"),
                               .source_url = text_of(v, "source_url"),
                               .revised_prompt = text_of(v, "revised_prompt")};
    if (!lt_picture_id_parse(ret->id, &name) || sha256.n != 64)
        return false;
    memcpy(ret->sha256, sha256.p, 64);
    ret->url = lt_picture_link(arena, site, ret->id, expires_at);
    return true;
}

struct lt_str lt_picture_response_again(struct lt_arena *arena, const struct lt_site *site, struct lt_str kept, int64_t now)
{
    struct lt_picture pictures[LT_IMAGES_MADE_MAX];
    const struct lt_json *list = NULL;
    struct lt_buf buf;
    struct lt_jw w;
    if (lt_json_parse(arena, kept, LT_JSON_STRICT, &list, NULL) || lt_json_len(list) == 0 || lt_json_len(list) > LT_IMAGES_MADE_MAX)
        return LT_STR("");
    size_t n = lt_json_len(list);
    for (size_t i = 0; i < n; i++)
        if (!read_kept(arena, site, lt_json_at(list, i), now + lt_picture_link_ms(site), &pictures[i]))
            return LT_STR("");
    lt_buf_init(&buf, 1 << 20);
    lt_jw_init(&w, &buf);
    lt_picture_write_response(&w, pictures, n);
    return taken(arena, &buf);
}
