/* Reading a file or standard input to its end. */
#include "cli/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/buf.h"

static enum lt_code read_all(struct lt_arena *arena, int fd, const char *path, size_t max, struct lt_str *ret, struct lt_error *err)
{
    struct lt_buf b;
    lt_buf_init(&b, max);
    char piece[4096];
    ssize_t n = 1;
    while (n != 0 && !b.failed) {
        n = read(fd, piece, sizeof(piece));
        if (n < 0 && errno != EINTR)
            break;
        if (n > 0)
            lt_buf_put(&b, piece, (size_t)n);
    }
    enum lt_code rc = LT_OK;
    if (n < 0)
        rc = lt_fail(err, LT_ECONFIG, "%s: %s", path, strerror(errno));
    else if (b.failed)
        rc = lt_fail(err, LT_ECONFIG, "%s: is larger than %zu bytes", path, max);
    else
        *ret = lt_str_copy(arena, lt_buf_str(&b));
    lt_buf_free(&b);
    return rc;
}

enum lt_code lt_text_file(struct lt_arena *arena, const char *path, size_t max, struct lt_str *ret, struct lt_error *err)
{
    if (strcmp(path, "-") == 0)
        return read_all(arena, STDIN_FILENO, "standard input", max, ret, err);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return lt_fail(err, LT_ECONFIG, "%s: %s", path, strerror(errno));
    enum lt_code rc = read_all(arena, fd, path, max, ret, err);
    close(fd);
    return rc;
}
