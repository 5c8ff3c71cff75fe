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

void lt_file_reply(struct lt_request *r, const char *directory, struct lt_str path)
{
    struct lt_error err;
    struct lt_str text, etag;
    if (lt_file_read(r, directory, path, &text, &etag, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_http_field extra[] = {{LT_STR("ETag"), etag}, {LT_STR("Cross-Origin-Resource-Policy"), LT_STR("same-origin")}};
    bool same = lt_str_eq(lt_http_field(&r->http->head, "If-None-Match", NULL), etag);
    lt_reply(r, same ? 304 : 200, same ? NULL : type_of(path), "no-cache", extra, LT_COUNT(extra), same ? LT_STR_NULL : text);
}
