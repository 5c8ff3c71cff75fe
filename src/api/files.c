/* Static files. Segment by segment from the directory's descriptor, never through a link: what is outside cannot be named. */
#include "api/files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "io/worker.h"

static const struct {
    const char *suffix, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"}, {".js", "text/javascript; charset=utf-8"}, {".css", "text/css; charset=utf-8"},
    {".svg", "image/svg+xml"},             {".json", "application/json"},             {".map", "application/json"},
    {".png", "image/png"},                 {".jpg", "image/jpeg"},                    {".woff2", "font/woff2"},
    {".txt", "text/plain; charset=utf-8"}, {".md", "text/plain; charset=utf-8"},
};

static const char *type_of(struct lt_str path)
{
    for (size_t i = 0; i < LT_COUNT(types); i++)
        if (lt_str_ends(path, lt_str(types[i].suffix)))
            return types[i].type;
    return "application/octet-stream";
}

struct job {
    struct lt_arena *arena;
    const char *directory;
    struct lt_str path;
    struct lt_str text; /* result */
    struct stat st;
    int error;          /* errno, 0 = fine */
};

/* The file's descriptor, or -1 with errno. */
static int open_below(struct job *j)
{
    struct lt_str rest = j->path;
    int fd = open(j->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (fd >= 0 && rest.n > 0) {
        struct lt_str segment = lt_str_cut(&rest, '/');
        bool last = rest.n == 0, bad = segment.n == 0 || segment.p[0] == '.' || memchr(segment.p, '\0', segment.n);
        int next = bad ? -1 : openat(fd, lt_strz(j->arena, segment), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | (last ? 0 : O_DIRECTORY));
        int error = bad ? ENOENT : errno;
        close(fd);
        errno = error;
        fd = next;
    }
    return fd;
}

static bool read_whole(struct job *j, int fd)
{
    if (fstat(fd, &j->st) != 0 || !S_ISREG(j->st.st_mode) || j->st.st_size > LT_FILE_MAX) {
        errno = ENOENT;
        return false;
    }
    char *p = lt_alloc(j->arena, (size_t)j->st.st_size + 1);
    if (lt_fd_read(fd, p, (size_t)j->st.st_size) != j->st.st_size)
        return false;
    j->text = (struct lt_str){p, (size_t)j->st.st_size};
    return true;
}

static void run(void *arg)
{
    struct job *j = arg;
    int fd = open_below(j);
    if (fd < 0 || !read_whole(j, fd))
        j->error = errno ? errno : EIO;
    if (fd >= 0)
        close(fd);
}

enum lt_code lt_file_read(struct lt_request *r, const char *directory, struct lt_str path, struct lt_str *ret, struct lt_str *ret_etag,
                          struct lt_error *err)
{
    struct job j = {.arena = r->arena, .directory = directory, .path = path};
    if (!directory)
        return lt_fail(err, LT_ENOT_FOUND, "no directory of files was found at start");
    if (lt_work(run, &j))
        return lt_fail(err, LT_EOVERLOADED, "too many files are being read");
    if (j.error == ENOENT || j.error == ENOTDIR || j.error == ELOOP || j.error == ENAMETOOLONG)
        return lt_fail(err, LT_ENOT_FOUND, "there is no file '%.*s'", LT_FMT(path));
    if (j.error)
        return lt_fail(err, LT_EIO, "'%.*s': %s", LT_FMT(path), strerror(j.error));
    *ret = j.text;
    *ret_etag = lt_printf(r->arena, "\"%llx-%llx-%llx\"", (unsigned long long)j.st.st_mtim.tv_sec, (unsigned long long)j.st.st_mtim.tv_nsec,
                          (unsigned long long)j.st.st_size);
    return LT_OK;
}

/* ";q=0", ";q=0.000": the client says that it does not want it. */
static bool refused(struct lt_str parameters)
{
    struct lt_str name = lt_str_trim(lt_str_cut(&parameters, '=')), weight = lt_str_trim(parameters);
    if (!lt_str_eq_ci(name, LT_STR("q")))
        return false;
    for (size_t i = 0; i < weight.n; i++)
        if (weight.p[i] != '0' && weight.p[i] != '.')
            return false;
    return true;
}

bool lt_takes_gzip(struct lt_str accept_encoding)
{
    while (accept_encoding.n > 0) {
        struct lt_str member = lt_str_cut(&accept_encoding, ',');
        if (lt_str_eq_ci(lt_str_trim(lt_str_cut(&member, ';')), LT_STR("gzip")))
            return !refused(member);
    }
    return false;
}

/* *ret_packed: whether the text is gzip; *ret_depends: whether another client would get the other one. */
static enum lt_code read_either(struct lt_request *r, const char *directory, struct lt_str path, struct lt_str *ret, struct lt_str *ret_etag,
                                bool *ret_packed, bool *ret_depends, struct lt_error *err)
{
    struct lt_str packed = lt_printf(r->arena, "%.*s.gz", LT_FMT(path));
    *ret_packed = false;
    *ret_depends = !lt_file_read(r, directory, packed, ret, ret_etag, err);
    if (*ret_depends && lt_takes_gzip(lt_http_field(&r->http->head, "Accept-Encoding", NULL))) {
        *ret_packed = true;
        return LT_OK;
    }
    return lt_file_read(r, directory, path, ret, ret_etag, err);
}

void lt_file_reply(struct lt_request *r, const char *directory, struct lt_str path, const char *cache)
{
    struct lt_error err;
    struct lt_str text, etag;
    bool packed, depends;
    if (read_either(r, directory, path, &text, &etag, &packed, &depends, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_http_field extra[4] = {{LT_STR("ETag"), etag}, {LT_STR("Cross-Origin-Resource-Policy"), LT_STR("same-origin")}};
    size_t n = 2;
    if (depends)
        extra[n++] = (struct lt_http_field){LT_STR("Vary"), LT_STR("Accept-Encoding")};
    if (packed)
        extra[n++] = (struct lt_http_field){LT_STR("Content-Encoding"), LT_STR("gzip")};
    bool same = lt_str_eq(lt_http_field(&r->http->head, "If-None-Match", NULL), etag);
    lt_reply(r, same ? 304 : 200, same ? NULL : type_of(path), cache ? cache : "no-cache", extra, n, same ? LT_STR_NULL : text);
}

const char *lt_widgets_directory(struct lt_request *r)
{
    const struct lt_api_options *o = &r->api->options;
    if (o->widgets_dir || !o->share_dir)
        return o->widgets_dir;
    return lt_strz(r->arena, lt_printf(r->arena, "%s/widgets", o->share_dir));
}

/* NAME-HASH.js, as the bundler names what never changes: eight characters of A-Z and 2-7. */
static bool has_content_hash(struct lt_str path)
{
    enum { HASH = 8 };
    size_t suffix = lt_str_ends(path, LT_STR(".js")) ? 3 : lt_str_ends(path, LT_STR(".css")) ? 4 : 0;
    if (suffix == 0 || path.n < 1 + HASH + suffix)
        return false;
    const char *hash = path.p + path.n - suffix - HASH;
    for (int i = 0; i < HASH; i++)
        if (!(hash[i] >= 'A' && hash[i] <= 'Z') && !(hash[i] >= '2' && hash[i] <= '7'))
            return false;
    return hash[-1] == '-';
}

void lt_file_reply_built(struct lt_request *r, const char *directory, struct lt_str path)
{
    lt_file_reply(r, directory, path, has_content_hash(path) ? "public, max-age=31536000, immutable" : NULL);
}
