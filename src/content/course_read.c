/* The archive is gone through twice: for its names, which say the format, and for the files that the format needs. */
#include "content/course_read.h"

#include <errno.h>
#include <openssl/evp.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/secret.h"
#include "content/formats.h"
#include "io/worker.h"

static const struct lt_course_format *const formats[] = {&lt_moodle_backup, &lt_common_cartridge, &lt_olx};

struct wanted {
    const struct lt_course_format *format;
    struct lt_str root;
};

static bool is_wanted(void *arg, struct lt_str name)
{
    struct wanted *w = arg;
    if (!lt_str_starts(name, w->root))
        return false;
    return w->format->wants((struct lt_str){name.p + w->root.n, name.n - w->root.n});
}

static enum lt_code hash_file(int fd, char out[65], struct lt_error *err)
{
    enum { PIECE = 64 * 1024 };
    unsigned char piece[PIECE], digest[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    ssize_t n;
    off_t at = 0;
    EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);
    while ((n = pread(fd, piece, sizeof(piece), at)) > 0 && at <= LT_COURSE_FILE_MAX) {
        EVP_DigestUpdate(ctx, piece, (size_t)n);
        at += n;
    }
    EVP_DigestFinal_ex(ctx, digest, NULL);
    EVP_MD_CTX_free(ctx);
    lt_hex(digest, 32, out);
    if (n < 0)
        return lt_fail(err, LT_EIO, "reading the package: %s", strerror(errno));
    if (at > LT_COURSE_FILE_MAX)
        return lt_fail(err, LT_ETOO_LARGE, "the package is larger than %lld bytes", (long long)LT_COURSE_FILE_MAX);
    return LT_OK;
}

static enum lt_code hash(struct lt_course_read *r, struct lt_error *err)
{
    uint8_t digest[32];
    if (!r->source.bytes.p)
        return hash_file(r->source.fd, r->sha256, err);
    lt_sha256(r->source.bytes.p, r->source.bytes.n, digest);
    lt_hex(digest, sizeof(digest), r->sha256);
    return LT_OK;
}

static enum lt_code find_format(struct lt_arena *arena, struct lt_course_read *r, uint64_t deadline_ms, struct wanted *ret, struct lt_error *err)
{
    struct lt_archive names;
    if (lt_archive_read(arena, &r->source, NULL, NULL, deadline_ms, &names, err))
        return err->code;
    for (size_t i = 0; i < LT_COUNT(formats); i++)
        if (formats[i]->is(&names, &ret->root)) {
            ret->format = formats[i];
            return LT_OK;
        }
    return lt_fail(err, LT_EINVALID_INPUT, "the archive is no course package: it has no imsmanifest.xml, no moodle_backup.xml and no course.xml");
}

static enum lt_code read_tree(struct lt_course_read *r, struct lt_arena *scratch, uint64_t deadline_ms, struct lt_error *err)
{
    struct wanted wanted;
    struct lt_archive archive;
    struct lt_course_tree *tree = r->tree;
    if (hash(r, err) || find_format(scratch, r, deadline_ms, &wanted, err) ||
        lt_archive_read(scratch, &r->source, is_wanted, &wanted, deadline_ms, &archive, err))
        return err->code;
    if (archive.links > 0)
        lt_course_warn(tree, LT_STR(""), "%zu links and devices in the archive were left out", archive.links);
    if (archive.unnamed > 0)
        lt_course_warn(tree, LT_STR(""), "%zu files whose names are not UTF-8 were left out", archive.unnamed);
    tree->format = wanted.format->name;
    if (wanted.format->read(&archive, wanted.root, tree, err))
        return err->code;
    if (r->title.n > 0)
        tree->title = r->title;
    return lt_course_tree_finish(tree, err);
}

enum lt_code lt_course_read(struct lt_course_read *r, struct lt_error *err)
{
    uint64_t deadline_ms = lt_mono_ms() + LT_COURSE_READ_MS;
    struct lt_arena *scratch = lt_arena_new();
    r->tree = LT_NEW(r->arena, struct lt_course_tree);
    lt_course_tree_init(r->tree, r->arena, deadline_ms);
    r->tree->course_id = r->course_id;
    enum lt_code rc = read_tree(r, scratch, deadline_ms, err);
    lt_arena_free(scratch);
    if (rc == LT_ENOT_FOUND || rc == LT_EPERMISSION) /* of a file inside: the package is wrong, not the question */
        err->code = rc = LT_EINVALID_INPUT;
    return rc;
}

struct job {
    struct lt_course_read *read;
    enum lt_code rc;
    struct lt_error *err;
};

static void on_worker(void *arg)
{
    struct job *job = arg;
    job->rc = lt_course_read(job->read, job->err);
}

enum lt_code lt_course_read_work(struct lt_course_read *r, struct lt_error *err)
{
    struct job job = {.read = r, .err = err};
    enum lt_code rc = lt_work(on_worker, &job);
    return rc ? lt_fail(err, rc, "reading the package") : job.rc;
}
