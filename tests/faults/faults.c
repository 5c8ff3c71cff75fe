/*
 * Faults of the machine, preloaded into the daemon (LD_PRELOAD) and steered from outside while it runs: memory that is not there, a disk that is full, read-only
 * or broken, syncs that fail, clocks that jump. $LECTERN_FAULTS_FILE is mapped by both sides; faults.py writes there what is to fail and how often, and reads how
 * often it did. Only regular files fail, and never the log (standard error): what is to be seen is what the daemon says.
 */
#undef _FILE_OFFSET_BITS /* open and open64 are two functions here */
#undef _FORTIFY_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* As in faults.py. */
enum fault { WRITE, SYNC, READ, OPEN_TO_WRITE, ALLOCATE, FAULTS };
struct steering {
    struct {
        atomic_int every;  /* each so-many-th fails; 0: none does */
        atomic_int error;  /* errno */
        atomic_uint seen;  /* since `every` was set */
        atomic_uint given; /* that failed */
    } fault[FAULTS];
    atomic_int clock_s; /* added to the time of day */
};

static struct steering *steering;

__attribute__((constructor)) static void map_steering(void)
{
    const char *path = getenv("LECTERN_FAULTS_FILE");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *map = mmap(NULL, sizeof(*steering), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (map != MAP_FAILED)
        steering = map;
}

/* Is this one to fail? Sets errno then. */
static bool fails(enum fault fault)
{
    int every = steering ? atomic_load_explicit(&steering->fault[fault].every, memory_order_relaxed) : 0;
    if (every <= 0 || (atomic_fetch_add(&steering->fault[fault].seen, 1) + 1) % (unsigned)every != 0)
        return false;
    atomic_fetch_add(&steering->fault[fault].given, 1);
    errno = atomic_load(&steering->fault[fault].error);
    return true;
}

static bool is_data(int file)
{
    struct stat st;
    if (!steering || file <= STDERR_FILENO)
        return false;
    int before = errno;
    bool regular = fstat(file, &st) == 0 && S_ISREG(st.st_mode);
    errno = before;
    return regular;
}

#pragma GCC visibility push(default) /* what takes the place of libc's */

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (!found)
        abort();
    return found;
}

/* ---- files ---- */

ssize_t write(int file, const void *bytes, size_t n)
{
    return is_data(file) && fails(WRITE) ? -1 : REAL(write)(file, bytes, n);
}

ssize_t writev(int file, const struct iovec *parts, int n)
{
    return is_data(file) && fails(WRITE) ? -1 : REAL(writev)(file, parts, n);
}

ssize_t pwrite(int file, const void *bytes, size_t n, off_t at)
{
    return is_data(file) && fails(WRITE) ? -1 : REAL(pwrite)(file, bytes, n, at);
}

ssize_t pwrite64(int file, const void *bytes, size_t n, off64_t at)
{
    return is_data(file) && fails(WRITE) ? -1 : REAL(pwrite64)(file, bytes, n, at);
}

int ftruncate(int file, off_t size)
{
    return is_data(file) && fails(WRITE) ? -1 : REAL(ftruncate)(file, size);
}

int ftruncate64(int file, off64_t size)
{
    return is_data(file) && fails(WRITE) ? -1 : REAL(ftruncate64)(file, size);
}

ssize_t pread(int file, void *bytes, size_t n, off_t at)
{
    return is_data(file) && fails(READ) ? -1 : REAL(pread)(file, bytes, n, at);
}

ssize_t pread64(int file, void *bytes, size_t n, off64_t at)
{
    return is_data(file) && fails(READ) ? -1 : REAL(pread64)(file, bytes, n, at);
}

int fsync(int file)
{
    return fails(SYNC) ? -1 : REAL(fsync)(file);
}

int fdatasync(int file)
{
    return fails(SYNC) ? -1 : REAL(fdatasync)(file);
}

/* Another list of name servers for the daemon alone. */
static const char *instead(const char *path)
{
    const char *resolv = getenv("LECTERN_FAULTS_RESOLV");
    return resolv && strcmp(path, "/etc/resolv.conf") == 0 ? resolv : path;
}

static bool to_write(int flags)
{
    return (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT) != 0;
}

#define OPEN_WITH(name, ...)                                                     \
    mode_t mode = 0;                                                             \
    if (flags & (O_CREAT | O_TMPFILE)) {                                         \
        va_list rest;                                                            \
        va_start(rest, flags);                                                   \
        mode = va_arg(rest, mode_t);                                             \
        va_end(rest);                                                            \
    }                                                                            \
    return to_write(flags) && fails(OPEN_TO_WRITE) ? -1 : REAL(name)(__VA_ARGS__, flags, mode)

int open(const char *path, int flags, ...)
{
    OPEN_WITH(open, instead(path));
}

int open64(const char *path, int flags, ...)
{
    OPEN_WITH(open64, instead(path));
}

int openat(int folder, const char *path, int flags, ...)
{
    OPEN_WITH(openat, folder, path);
}

int openat64(int folder, const char *path, int flags, ...)
{
    OPEN_WITH(openat64, folder, path);
}

/* ---- the time of day ---- */

static int jump(void)
{
    return steering ? atomic_load_explicit(&steering->clock_s, memory_order_relaxed) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
    static _Atomic(__typeof__(&clock_gettime)) next;
    if (!next)
        next = REAL(clock_gettime);
    int rc = next(clock, ret);
    if (rc == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        ret->tv_sec += jump();
    return rc;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return -1;
    *ret = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *ret)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (ret)
        *ret = now.tv_sec;
    return now.tv_sec;
}

/* ---- memory: not beside a sanitizer, which has an allocator of its own ---- */

#ifdef WITH_ALLOCATOR
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t alignment, size_t n);

void *malloc(size_t n)
{
    return fails(ALLOCATE) ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return fails(ALLOCATE) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    return fails(ALLOCATE) ? NULL : __libc_realloc(p, n);
}

int posix_memalign(void **ret, size_t alignment, size_t n)
{
    void *p = fails(ALLOCATE) ? NULL : __libc_memalign(alignment, n);
    if (!p)
        return ENOMEM;
    *ret = p;
    return 0;
}
#endif
