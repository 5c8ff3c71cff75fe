/* Whole files. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

long lt_fd_read(int fd, void *p, size_t max)
{
    size_t n = 0;
    while (n < max) {
        ssize_t got = read(fd, (char *)p + n, max - n);
        if (got < 0 && errno != EINTR)
            return -1;
        if (got == 0)
            break;
        n += got > 0 ? (size_t)got : 0;
    }
    return (long)n;
}

static bool write_all(int fd, struct lt_str text)
{
    while (text.n > 0) {
        ssize_t w = write(fd, text.p, text.n);
        if (w < 0 && errno != EINTR)
            return false;
        if (w > 0)
            text = (struct lt_str){text.p + w, text.n - (size_t)w};
    }
    return fsync(fd) == 0;
}

static bool sync_directory_of(const char *path)
{
    char dir[PATH_MAX];
    snprintf(dir, sizeof(dir), "%s", path);
    char *slash = strrchr(dir, '/');
    if (slash)
        slash[slash == dir] = '\0';
    int fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return done;
}

enum lt_code lt_file_put(const char *path, struct lt_str text, bool exclusive, struct lt_error *err)
{
    char temporary[PATH_MAX];
    if ((size_t)snprintf(temporary, sizeof(temporary), "%s.%d.new", path, (int)getpid()) >= sizeof(temporary))
        return lt_fail(err, LT_EIO, "%s: the path is too long", path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool done = fd >= 0 && write_all(fd, text);
    /* A link fails where a file is, a rename replaces it: either way it is there whole or not at all. */
    if (done)
        done = exclusive ? link(temporary, path) == 0 || errno == EEXIST : rename(temporary, path) == 0;
    done = done && sync_directory_of(path);
    int error = errno;
    if (fd >= 0)
        close(fd);
    unlink(temporary);
    return done ? LT_OK : lt_fail(err, LT_EIO, "%s: cannot be written: %s", path, strerror(error));
}
