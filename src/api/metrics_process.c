/* What Prometheus' client libraries tell of a process, under the names that they use: /proc/self/stat (proc(5)), descriptors, limits. */
#include "api/metrics.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/worker.h"

struct process {
    uint64_t cpu_us, rss, virtual, fds, started_s;
};

/* proc(5), /proc/PID/stat: the numbers behind the name and the state, the first of them (ppid) has number 4 there. */
enum { PPID = 4, UTIME = 14 - PPID, STIME = 15 - PPID, STARTTIME = 22 - PPID, VSIZE = 23 - PPID, RSS = 24 - PPID, FIELDS };

static bool read_fields(const char *text, uint64_t ret[FIELDS])
{
    char *end;
    if (text[0] != ' ' || text[1] == '\0')
        return false;
    text += 2; /* the state's letter */
    for (size_t i = 0; i < FIELDS; i++, text = end) {
        ret[i] = strtoull(text, &end, 10); /* some may be negative: none that is used */
        if (end == text)
            return false;
    }
    return true;
}

/* The fields behind the name of the program, which may hold anything, parentheses too. Ticks since boot become seconds since 1970. */
static void read_stat(struct process *p)
{
    char text[1024];
    int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return;
    text[n] = '\0';
    const char *rest = strrchr(text, ')');
    uint64_t fields[FIELDS];
    if (!rest || !read_fields(rest + 1, fields))
        return;
    uint64_t user = fields[UTIME], system = fields[STIME], start = fields[STARTTIME], size = fields[VSIZE], rss = fields[RSS];
    uint64_t ticks = (uint64_t)sysconf(_SC_CLK_TCK);
    struct timespec up;
    clock_gettime(CLOCK_BOOTTIME, &up);
    p->cpu_us = (user + system) * (1000000 / ticks);
    p->rss = rss * (uint64_t)sysconf(_SC_PAGESIZE);
    p->virtual = size;
    p->started_s = (uint64_t)(lt_now_ms() / 1000 - up.tv_sec) + start / ticks;
}

static void count_fds(struct process *p)
{
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d))
        p->fds++;
    if (!d)
        return;
    closedir(d);
    p->fds -= p->fds < 3 ? p->fds : 3; /* ".", "..", and the directory's own */
}

static void look(void *arg)
{
    read_stat(arg);
    count_fds(arg);
}

void lt_metrics_process(struct lt_metric_out *o)
{
    struct process p = {0};
    struct rlimit files = {0};
    getrlimit(RLIMIT_NOFILE, &files);
    if (lt_work(look, &p))
        look(&p); /* the workers have too much to do */
    lt_metric_begin(o, LT_METRIC_CPU);
    lt_metric_millionths(o, p.cpu_us);
    lt_metric_one(o, LT_METRIC_RSS, p.rss);
    lt_metric_one(o, LT_METRIC_VIRTUAL, p.virtual);
    lt_metric_one(o, LT_METRIC_FDS, p.fds);
    lt_metric_one(o, LT_METRIC_MAX_FDS, files.rlim_cur);
    lt_metric_one(o, LT_METRIC_STARTED, p.started_s);
}
