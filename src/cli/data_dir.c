/* The lock of the data directory. */
#include "cli/data_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum lt_code lt_data_dir_make(const struct lt_settings *s, struct lt_error *err)
{
    char *path = lt_strz(s->arena, lt_str(s->data));
    for (char *p = path + 1; *p; p++)
        if (*p == '/') {
            *p = '\0';
            mkdir(path, 0755);
            *p = '/';
        }
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return lt_fail(err, LT_ECONFIG, "data directory %s: %s", s->data, strerror(errno));
    return LT_OK;
}

enum lt_code lt_data_dir_lock(const struct lt_settings *s, int *ret_fd, struct lt_error *err)
{
    if (lt_data_dir_make(s, err))
        return err->code;
    const char *path = lt_printf(s->arena, "%s/lectern.lock", s->data).p;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return lt_fail(err, LT_ECONFIG, "%s: %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        char pid[32] = "";
        ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);
        close(fd);
        return lt_fail(err, LT_ECONFLICT, "the data directory %s is in use by another daemon (process %.*s)", s->data, n > 0 ? (int)strcspn(pid, "\n") : 1,
                       n > 0 ? pid : "?");
    }
    if (ftruncate(fd, 0) != 0 || dprintf(fd, "%ld\n", (long)getpid()) < 0) {
        close(fd);
        return lt_fail(err, LT_ECONFIG, "%s: %s", path, strerror(errno));
    }
    *ret_fd = fd;
    return LT_OK;
}

bool lt_data_dir_in_use(const struct lt_settings *s)
{
    int fd = open(lt_printf(s->arena, "%s/lectern.lock", s->data).p, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool held = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(fd);
    return held;
}
