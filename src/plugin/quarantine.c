/* One file a hash. */
#include "plugin/quarantine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/secret.h"
#include "text/json.h"

enum { RECORD_MAX = 8192, LIBRARY_MAX = 512 << 20 };

enum lt_code lt_file_hash(const char *path, char ret[65], struct lt_error *err)
{
    struct stat st;
    uint8_t hash[32];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > LIBRARY_MAX) {
        const char *why = fd < 0 ? strerror(errno) : "is no file, or too large";
        if (fd >= 0)
            close(fd);
        return lt_fail(err, LT_EIO, "%s: %s", path, why);
    }
    struct lt_arena *arena = lt_arena_new();
    char *bytes = lt_alloc(arena, (size_t)st.st_size + 1);
    long n = lt_fd_read(fd, bytes, (size_t)st.st_size);
    close(fd);
    if (n >= 0) {
        lt_sha256(bytes, (size_t)n, hash);
        lt_hex(hash, 32, ret);
    }
    lt_arena_free(arena);
    return n < 0 ? lt_fail(err, LT_EIO, "%s: cannot be read", path) : LT_OK;
}

static const char *path_of(struct lt_arena *arena, const char *dir, const char *hash)
{
    return lt_printf(arena, "%s/%s.quarantine", dir, hash).p;
}

struct lt_quarantine lt_quarantine_read(struct lt_arena *arena, const char *dir, const char *hash, int64_t now)
{
    struct lt_quarantine q = {0};
    const struct lt_json *v;
    int fd = open(path_of(arena, dir, hash), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return q;
    char *text = lt_alloc(arena, RECORD_MAX);
    long n = lt_fd_read(fd, text, RECORD_MAX);
    close(fd);
    if (n < 0 || lt_json_parse(arena, (struct lt_str){text, (size_t)n}, LT_JSON_STRICT, &v, NULL))
        return q;
    int64_t until = lt_json_int64_or(lt_json_get(v, "until"), 0);
    if (until + LT_QUARANTINE_LONGEST_S * INT64_C(1000) < now)
        return q;
    q.until = until;
    q.faults = lt_json_int64_or(lt_json_get(v, "faults"), 0);
    q.reason = lt_json_str_or(lt_json_get(v, "reason"), LT_STR(""));
    return q;
}

int64_t lt_quarantine_pause_s(int64_t faults)
{
    int64_t s = LT_QUARANTINE_FIRST_S;
    while (--faults > 0 && s < LT_QUARANTINE_LONGEST_S)
        s *= 2;
    return s < LT_QUARANTINE_LONGEST_S ? s : LT_QUARANTINE_LONGEST_S;
}

enum lt_code lt_quarantine_add(const char *dir, const char *hash, struct lt_str id, struct lt_str reason, int64_t now, struct lt_quarantine *ret,
                               struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_buf out;
    struct lt_jw w;
    ret->faults = lt_quarantine_read(arena, dir, hash, now).faults + 1;
    ret->until = now + lt_quarantine_pause_s(ret->faults) * 1000;
    lt_buf_init(&out, RECORD_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_kstr(&w, "plugin", id);
    lt_jw_kint(&w, "faults", ret->faults);
    lt_jw_kint(&w, "until", ret->until);
    lt_jw_kstr(&w, "reason", reason);
    lt_jw_end(&w);
    lt_buf_putc(&out, '\n');
    mkdir(dir, 0700);
    enum lt_code rc = lt_file_put(path_of(arena, dir, hash), lt_buf_str(&out), false, err);
    lt_buf_free(&out);
    lt_arena_free(arena);
    return rc;
}

void lt_quarantine_sweep(const char *dir, int64_t now)
{
    DIR *d = opendir(dir);
    struct lt_arena *arena = lt_arena_new();
    for (struct dirent *e; d && (e = readdir(d));) {
        struct lt_str name = lt_str(e->d_name);
        if (name.n != 64 + strlen(".quarantine") || !lt_str_ends(name, LT_STR(".quarantine")))
            continue;
        const char *hash = lt_strz(arena, (struct lt_str){name.p, 64});
        if (lt_quarantine_read(arena, dir, hash, now).faults == 0)
            unlink(path_of(arena, dir, hash));
    }
    if (d)
        closedir(d);
    lt_arena_free(arena);
}
