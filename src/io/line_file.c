/* Two buffers: one is filled while the other is written. */
#include "io/line_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/memory.h"

struct lt_line_file {
    const char *path;
    int fd;                  /* the thread's */
    pthread_t thread;
    pthread_mutex_t lock;    /* for what follows */
    pthread_cond_t more;
    struct lt_buf filling, writing; /* writing: the thread's while it writes */
    uint64_t lines, dropped; /* lines: in `filling` */
    bool reopen, stop;
};

static int open_path(const char *path)
{
    return strcmp(path, "-") == 0 ? dup(STDOUT_FILENO) : open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
}

static bool write_all(int fd, struct lt_str s)
{
    while (s.n > 0) {
        ssize_t n = write(fd, s.p, s.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        s = (struct lt_str){s.p + n, s.n - (size_t)n};
    }
    return true;
}

static void open_again(struct lt_line_file *f)
{
    int fd = open_path(f->path);
    if (fd < 0) {
        lt_log(LT_LOG_ERROR, "access_log.reopen", LT_S("why", strerror(errno)));
        return;
    }
    close(f->fd);
    f->fd = fd;
}

/* Under the lock, which is given up while it writes. */
static void write_out(struct lt_line_file *f)
{
    struct lt_buf full = f->filling;
    uint64_t lines = f->lines;
    f->filling = f->writing;
    f->lines = 0;
    pthread_mutex_unlock(&f->lock);
    bool written = write_all(f->fd, lt_buf_str(&full));
    lt_buf_reset(&full);
    pthread_mutex_lock(&f->lock);
    f->writing = full;
    f->dropped += written ? 0 : lines;
}

static void *run(void *arg)
{
    struct lt_line_file *f = arg;
    pthread_setname_np(pthread_self(), "lines");
    pthread_mutex_lock(&f->lock);
    for (;;) {
        while (f->filling.n == 0 && !f->reopen && !f->stop)
            pthread_cond_wait(&f->more, &f->lock);
        bool reopen = f->reopen, stop = f->stop;
        f->reopen = false;
        if (f->filling.n > 0)
            write_out(f);
        if (reopen) {
            pthread_mutex_unlock(&f->lock);
            open_again(f);
            pthread_mutex_lock(&f->lock);
        }
        if (stop && f->filling.n == 0)
            break;
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

enum lt_code lt_line_file_open(const char *path, struct lt_line_file **ret, struct lt_error *err)
{
    int fd = open_path(path);
    if (fd < 0)
        return lt_fail(err, LT_ECONFIG, "'%s' cannot be written: %s", path, strerror(errno));
    struct lt_line_file *f = calloc(1, sizeof(*f));
    if (!f)
        lt_out_of_memory(0);
    f->path = path;
    f->fd = fd;
    lt_buf_init(&f->filling, LT_LINE_FILE_MAX);
    lt_buf_init(&f->writing, LT_LINE_FILE_MAX);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->more, NULL);
    sigset_t all, before; /* signals are for the main thread */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&f->thread, NULL, run, f);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0)
        lt_out_of_memory(0);
    *ret = f;
    return LT_OK;
}

void lt_line_file_close(struct lt_line_file *f)
{
    if (!f)
        return;
    pthread_mutex_lock(&f->lock);
    f->stop = true;
    pthread_cond_signal(&f->more);
    pthread_mutex_unlock(&f->lock);
    pthread_join(f->thread, NULL);
    close(f->fd);
    lt_buf_free(&f->filling);
    lt_buf_free(&f->writing);
    pthread_cond_destroy(&f->more);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

void lt_line_file_put(struct lt_line_file *f, struct lt_str line)
{
    pthread_mutex_lock(&f->lock);
    bool wake = f->filling.n == 0, fits = f->filling.n + line.n <= LT_LINE_FILE_MAX;
    if (fits) {
        lt_buf_put_str(&f->filling, line);
        f->lines++;
    } else {
        f->dropped++;
    }
    pthread_mutex_unlock(&f->lock);
    if (wake && fits)
        pthread_cond_signal(&f->more);
}

void lt_line_file_reopen(struct lt_line_file *f)
{
    pthread_mutex_lock(&f->lock);
    f->reopen = true;
    pthread_cond_signal(&f->more);
    pthread_mutex_unlock(&f->lock);
}

uint64_t lt_line_file_dropped(struct lt_line_file *f)
{
    pthread_mutex_lock(&f->lock);
    uint64_t n = f->dropped;
    pthread_mutex_unlock(&f->lock);
    return n;
}
