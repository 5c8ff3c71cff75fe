/* Archives by libarchive, written to memory. */
#include "workflows/formats/archive.h"

#include "base/buf.h"
#include "text/archive_library.h"

static la_ssize_t put(struct archive *a, void *out, const void *bytes, size_t n)
{
    (void)a;
    return lt_buf_put(out, bytes, n) ? (la_ssize_t)n : -1;
}

/* "!timestamp": gzip's head would hold the present time. */
static bool begin(struct archive *a, enum lt_archive_form form, struct lt_buf *out)
{
    bool ok = form == LT_ARCHIVE_ZIP
                  ? lt_la.archive_write_set_format_zip(a) == ARCHIVE_OK && lt_la.archive_write_set_options(a, "zip:compression=deflate") == ARCHIVE_OK
                  : lt_la.archive_write_set_format_ustar(a) == ARCHIVE_OK && lt_la.archive_write_add_filter_gzip(a) == ARCHIVE_OK &&
                        lt_la.archive_write_set_options(a, "gzip:!timestamp") == ARCHIVE_OK;
    return ok && lt_la.archive_write_set_bytes_in_last_block(a, 1) == ARCHIVE_OK && lt_la.archive_write_open(a, out, NULL, put, NULL) == ARCHIVE_OK;
}

static bool add(struct archive *a, struct archive_entry *entry, const char *path, struct lt_str text)
{
    lt_la.archive_entry_clear(entry);
    lt_la.archive_entry_set_pathname(entry, path);
    lt_la.archive_entry_set_size(entry, (la_int64_t)text.n);
    lt_la.archive_entry_set_filetype(entry, AE_IFREG);
    lt_la.archive_entry_set_perm(entry, 0644);
    return lt_la.archive_write_header(a, entry) == ARCHIVE_OK && (text.n == 0 || lt_la.archive_write_data(a, text.p, text.n) == (la_ssize_t)text.n);
}

enum lt_code lt_archive_write(struct lt_arena *arena, enum lt_archive_form form, const struct lt_format_file *files, size_t n, struct lt_str *ret,
                              struct lt_error *err)
{
    struct lt_buf out;
    if (lt_la_load(err))
        return err->code;
    struct archive *a = lt_la.archive_write_new();
    struct archive_entry *entry = lt_la.archive_entry_new();
    lt_buf_init(&out, LT_ARCHIVE_MAX);
    bool ok = a && entry && begin(a, form, &out);
    for (size_t i = 0; i < n && ok; i++)
        ok = add(a, entry, lt_strz(arena, files[i].path), files[i].text);
    ok = ok && lt_la.archive_write_close(a) == ARCHIVE_OK;
    enum lt_code code = LT_OK;
    if (ok)
        *ret = lt_str_copy(arena, lt_buf_str(&out));
    else if (out.failed)
        code = lt_fail(err, LT_ETOO_LARGE, "the archive is larger than %d bytes", LT_ARCHIVE_MAX);
    else
        code = lt_fail(err, LT_EINTERNAL, "the archive cannot be written: %s", a && lt_la.archive_error_string(a) ? lt_la.archive_error_string(a) : "no memory");
    if (entry)
        lt_la.archive_entry_free(entry);
    if (a)
        lt_la.archive_write_free(a);
    lt_buf_free(&out);
    return code;
}
