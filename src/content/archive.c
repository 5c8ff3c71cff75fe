/* libarchive, told to know two formats, and watched. Fuzzed by tests/fuzz/fuzz_archive.c. */
#include "content/archive.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "text/archive_library.h"

enum { BLOCK = 64 * 1024 };

struct reading {
    struct archive *a;
    struct lt_archive *out;
    int64_t size, total; /* bytes of the archive; of the files until now */
    uint64_t deadline_ms;
    struct lt_error *err;
};

/* ---- names ---- */

bool lt_archive_name(struct lt_arena *arena, struct lt_str raw, struct lt_str *ret)
{
    char *out = lt_alloc(arena, raw.n + 1);
    size_t n = 0;
    bool drive = raw.n > 1 && raw.p[1] == ':' && ((raw.p[0] | 0x20) >= 'a' && (raw.p[0] | 0x20) <= 'z');
    if (raw.n == 0 || raw.p[0] == '/' || drive || memchr(raw.p, '\\', raw.n) || memchr(raw.p, '\0', raw.n))
        return false;
    for (struct lt_str rest = raw; rest.n > 0;) {
        struct lt_str part = lt_str_cut(&rest, '/');
        if (lt_str_is(part, ".."))
            return false;
        if (part.n == 0 || lt_str_is(part, "."))
            continue;
        if (n > 0)
            out[n++] = '/';
        memcpy(out + n, part.p, part.n);
        n += part.n;
    }
    *ret = (struct lt_str){out, n};
    return true;
}

/* A name that can be shown: control characters and what is no UTF-8 as "?". */
static struct lt_str shown(struct lt_arena *arena, struct lt_str name)
{
    size_t n = name.n < 200 ? name.n : lt_utf8_whole(name.p, 200);
    bool utf8 = lt_utf8_valid(name.p, n);
    char *out = lt_alloc(arena, n);
    for (size_t i = 0; i < n; i++)
        out[i] = (unsigned char)name.p[i] < 0x20 || name.p[i] == 0x7f || (!utf8 && (unsigned char)name.p[i] > 0x7f) ? '?' : name.p[i];
    return (struct lt_str){out, n};
}

static int by_name(const void *a, const void *b)
{
    return lt_str_compare(((const struct lt_archive_file *)a)->name, ((const struct lt_archive_file *)b)->name);
}

const struct lt_archive_file *lt_archive_find(const struct lt_archive *archive, struct lt_str name)
{
    struct lt_archive_file key = {.name = name};
    return archive->n > 0 ? bsearch(&key, archive->files, archive->n, sizeof(key), by_name) : NULL;
}

static enum lt_code check_twice(struct reading *r)
{
    struct lt_archive *out = r->out;
    if (out->n > 0)
        qsort(out->files, out->n, sizeof(out->files[0]), by_name);
    for (size_t i = 1; i < out->n; i++)
        if (lt_str_eq(out->files[i - 1].name, out->files[i].name))
            return lt_fail(r->err, LT_EINVALID_INPUT, "the archive holds '%.*s' twice", LT_FMT(shown(out->arena, out->files[i].name)));
    return LT_OK;
}

/* ---- bounds ---- */

static enum lt_code count(struct reading *r, int64_t n)
{
    r->total += n;
    if (r->total > LT_ARCHIVE_TOTAL_MAX)
        return lt_fail(r->err, LT_ETOO_LARGE, "the archive unpacks to more than %lld bytes", (long long)LT_ARCHIVE_TOTAL_MAX);
    if (r->total > LT_ARCHIVE_RATIO_FROM && r->total / LT_ARCHIVE_RATIO_MAX > r->size)
        return lt_fail(r->err, LT_ETOO_LARGE, "the archive unpacks to more than %d times its size", LT_ARCHIVE_RATIO_MAX);
    if (lt_mono_ms() > r->deadline_ms)
        return lt_fail(r->err, LT_ETIMEOUT, "reading the archive took too long");
    return LT_OK;
}

/* What libarchive says; it speaks of damage in its own words. */
static enum lt_code broken(struct reading *r, struct lt_str name)
{
    const char *why = lt_la.archive_error_string(r->a);
    struct lt_str at = shown(r->out->arena, name), what = shown(r->out->arena, lt_str(why ? why : "damaged"));
    if (name.n > 0)
        return lt_fail(r->err, LT_EINVALID_INPUT, "the archive is damaged at '%.*s': %.*s", LT_FMT(at), LT_FMT(what));
    return lt_fail(r->err, LT_EINVALID_INPUT, "this is no zip or tar.gz archive, or it is cut off: %.*s", LT_FMT(what));
}

/* ---- files ---- */

/* The next piece of the present file. LT_EAGAIN: its end. */
static enum lt_code next_piece(struct reading *r, struct lt_str name, struct lt_str *ret)
{
    const void *p;
    size_t n;
    la_int64_t at;
    int status = lt_la.archive_read_data_block(r->a, &p, &n, &at);
    *ret = (struct lt_str){p, n};
    if (status == ARCHIVE_EOF)
        return LT_EAGAIN;
    if (status != ARCHIVE_OK)
        return broken(r, name);
    return count(r, (int64_t)n);
}

static enum lt_code skip(struct reading *r, struct archive_entry *entry, struct lt_str name)
{
    if (lt_la.archive_format(r->a) == ARCHIVE_FORMAT_ZIP) { /* is not unpacked for that */
        enum lt_code rc = count(r, lt_la.archive_entry_size_is_set(entry) ? lt_la.archive_entry_size(entry) : 0);
        if (rc == LT_OK && lt_la.archive_read_data_skip(r->a) < ARCHIVE_WARN)
            return broken(r, name);
        return rc;
    }
    struct lt_str piece;
    enum lt_code rc;
    while ((rc = next_piece(r, name, &piece)) == LT_OK)
        ;
    return rc == LT_EAGAIN ? LT_OK : rc;
}

static enum lt_code too_large(struct reading *r, struct lt_str name)
{
    if (r->out->kept >= LT_ARCHIVE_KEPT_MAX - LT_ARCHIVE_FILE_MAX)
        return lt_fail(r->err, LT_ETOO_LARGE, "the texts in the archive are larger than %d bytes together", LT_ARCHIVE_KEPT_MAX);
    return lt_fail(r->err, LT_ETOO_LARGE, "%.*s: is larger than %d bytes", LT_FMT(shown(r->out->arena, name)), LT_ARCHIVE_FILE_MAX);
}

static enum lt_code keep(struct reading *r, struct lt_str name, struct lt_str *ret)
{
    size_t left = LT_ARCHIVE_KEPT_MAX - r->out->kept;
    struct lt_buf *text = &(struct lt_buf){0};
    struct lt_str piece;
    enum lt_code rc;
    lt_buf_init(text, left < LT_ARCHIVE_FILE_MAX ? left + 1 : LT_ARCHIVE_FILE_MAX);
    while ((rc = next_piece(r, name, &piece)) == LT_OK)
        if (piece.n > 0 && !lt_buf_put_str(text, piece)) {
            rc = too_large(r, name);
            break;
        }
    if (rc == LT_EAGAIN) {
        *ret = lt_str_copy(r->out->arena, text->n > 0 ? lt_buf_str(text) : LT_STR(""));
        r->out->kept += text->n;
        rc = LT_OK;
    }
    lt_buf_free(text);
    return rc;
}

static struct lt_archive_file *add(struct lt_archive *out, struct lt_str name)
{
    if (out->n == out->room) {
        size_t room = out->room ? 2 * out->room : 256;
        struct lt_archive_file *files = LT_NEW_ARRAY(out->arena, struct lt_archive_file, room);
        if (out->n > 0)
            memcpy(files, out->files, out->n * sizeof(files[0]));
        out->files = files;
        out->room = room;
    }
    out->files[out->n] = (struct lt_archive_file){.name = name};
    return &out->files[out->n++];
}

static enum lt_code take(struct reading *r, struct archive_entry *entry, bool (*want)(void *arg, struct lt_str name), void *arg)
{
    struct lt_archive *out = r->out;
    struct lt_str raw = lt_str(lt_la.archive_entry_pathname(entry)), name;
    bool link = lt_la.archive_entry_symlink(entry) || lt_la.archive_entry_hardlink(entry);
    unsigned type = lt_la.archive_entry_filetype(entry);
    if (!raw.p || !lt_utf8_valid(raw.p, raw.n)) {
        out->unnamed++;
        return skip(r, entry, LT_STR("?"));
    }
    if (raw.n > LT_ARCHIVE_NAME_MAX)
        return lt_fail(r->err, LT_EINVALID_INPUT, "the archive holds a name of more than %d bytes", LT_ARCHIVE_NAME_MAX);
    if (!lt_archive_name(out->arena, raw, &name))
        return lt_fail(r->err, LT_EINVALID_INPUT, "the archive holds a name that leads out of it: '%.*s'", LT_FMT(shown(out->arena, raw)));
    if (lt_la.archive_entry_is_encrypted(entry))
        return lt_fail(r->err, LT_EINVALID_INPUT, "%.*s: is encrypted", LT_FMT(shown(out->arena, name)));
    if (link || (type != AE_IFREG && type != AE_IFDIR)) {
        out->links++;
        return skip(r, entry, name);
    }
    if (type == AE_IFDIR || name.n == 0)
        return skip(r, entry, name);
    struct lt_archive_file *file = add(out, name);
    return want && want(arg, name) ? keep(r, name, &file->bytes) : skip(r, entry, name);
}

static enum lt_code walk(struct reading *r, bool (*want)(void *arg, struct lt_str name), void *arg)
{
    struct archive_entry *entry;
    struct lt_str last = LT_STR("");
    for (size_t n = 0;; n++) {
        int status = lt_la.archive_read_next_header(r->a, &entry);
        if (status == ARCHIVE_EOF)
            return check_twice(r);
        if (status < ARCHIVE_WARN)
            return broken(r, last);
        if (n == LT_ARCHIVE_FILES_MAX)
            return lt_fail(r->err, LT_ETOO_LARGE, "the archive holds more than %d files", LT_ARCHIVE_FILES_MAX);
        enum lt_code rc = count(r, 0);
        if (rc == LT_OK)
            rc = take(r, entry, want, arg);
        if (rc != LT_OK)
            return rc;
        last = r->out->n > 0 ? r->out->files[r->out->n - 1].name : last;
    }
}

/* ---- opening ---- */

static int open_source(struct reading *r, const struct lt_archive_source *source)
{
    struct stat st;
    r->size = (int64_t)source->bytes.n;
    if (source->bytes.p)
        return lt_la.archive_read_open_memory(r->a, source->bytes.p, source->bytes.n);
    if (fstat(source->fd, &st) != 0 || lseek(source->fd, 0, SEEK_SET) != 0)
        return ARCHIVE_FATAL;
    r->size = st.st_size;
    return lt_la.archive_read_open_fd(r->a, source->fd, BLOCK);
}

static enum lt_code read_all(struct reading *r, const struct lt_archive_source *source, bool (*want)(void *arg, struct lt_str name), void *arg)
{
    lt_la.archive_read_support_filter_gzip(r->a);
    lt_la.archive_read_support_format_tar(r->a);
    lt_la.archive_read_support_format_zip_seekable(r->a);
    if (open_source(r, source) != ARCHIVE_OK)
        return broken(r, LT_STR(""));
    enum lt_code rc = walk(r, want, arg);
    if (rc == LT_OK && r->out->n == 0)
        return lt_fail(r->err, LT_EINVALID_INPUT, "the archive holds no files");
    return rc;
}

enum lt_code lt_archive_read(struct lt_arena *arena, const struct lt_archive_source *source, bool (*want)(void *arg, struct lt_str name), void *arg,
                             uint64_t deadline_ms, struct lt_archive *ret, struct lt_error *err)
{
    *ret = (struct lt_archive){.arena = arena};
    if (lt_la_load(err))
        return err->code;
    /* libarchive turns names into the thread's encoding, which must be one that holds them all */
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0), before = (locale_t)0;
    struct reading r = {.a = lt_la.archive_read_new(), .out = ret, .deadline_ms = deadline_ms, .err = err};
    if (utf8)
        before = uselocale(utf8);
    enum lt_code rc = r.a ? read_all(&r, source, want, arg) : lt_fail(err, LT_EINTERNAL, "libarchive cannot begin");
    lt_la.archive_read_free(r.a);
    if (utf8) {
        uselocale(before);
        freelocale(utf8);
    }
    return rc;
}
