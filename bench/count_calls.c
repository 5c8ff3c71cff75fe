/*
 * Counts what a program asks of libc, for script/bench: allocations, copies of 256 bytes and more, locks, wrappers of system calls.
 * Preloaded; COUNT_FILE names the file that holds the counters: 4 KiB with their names; a row for each of ROWS threads, the first number of
 * which is the thread's id; the places that allocate and copy: a key, how often, bytes, what, return addresses. Copies that the compiler
 * made inline, and what libc does inside itself (futexes), are not seen.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { ROWS = 64, HEAD = 4096, COPY_MIN = 256, PLACES = 1024, DEPTH = 3, FRAME_MAX = 65536 };

#define COUNTERS(X)                                                                                                                         \
    X(tid) X(malloc) X(calloc) X(realloc) X(free) X(allocated_bytes) X(copies) X(copied_bytes) X(locks) X(contended) X(read) X(write)       \
    X(readv) X(writev) X(recv) X(recvmsg) X(send) X(sendmsg) X(pread64) X(pwrite64) X(fdatasync) X(fsync) X(fcntl) X(fcntl64)               \
    X(epoll_wait) X(epoll_ctl) X(poll) X(accept4) X(connect) X(close) X(shutdown) X(getsockopt) X(setsockopt) X(getrandom) X(mmap64)        \
    X(munmap) X(mprotect) X(madvise) X(ftruncate64)

enum counter {
#define X(name) C_##name,
    COUNTERS(X)
#undef X
    COUNTER_N
};

static const char names[] =
#define X(name) #name " "
    COUNTERS(X);
#undef X

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t count, size_t n);
void *__libc_realloc(void *p, size_t n);
void __libc_free(void *p);

struct place {
    _Atomic uint64_t key;
    _Atomic uint64_t n, bytes;
    uint64_t what; /* PLACE_… */
    uint64_t from[DEPTH];
};

enum { PLACE_ALLOCATES, PLACE_COPIES };

static struct place *places;
static uintptr_t text_begin, text_end; /* of the program itself: only its functions are known to keep frame pointers */
static uint64_t nowhere[COUNTER_N]; /* before the file is there, and when it is full */
static uint64_t (*rows)[COUNTER_N];
static atomic_int rows_n;
static __thread uint64_t *mine __attribute__((tls_model("initial-exec")));

/* The program comes first. */
static int note_text(struct dl_phdr_info *info, size_t n, void *arg)
{
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *h = &info->dlpi_phdr[i];
        if (h->p_type == PT_LOAD && h->p_flags & PF_X) {
            text_begin = info->dlpi_addr + h->p_vaddr;
            text_end = text_begin + h->p_memsz;
        }
    }
    return 1;
}

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("COUNT_FILE");
    size_t size = HEAD + ROWS * sizeof(*rows) + PLACES * sizeof(*places);
    int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    char *map = fd >= 0 && ftruncate(fd, (off_t)size) == 0 ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (fd >= 0)
        syscall(SYS_close, fd);
    if (map == MAP_FAILED)
        return;
    for (size_t i = 0; i < sizeof(names) - 1; i++)
        map[i] = names[i];
    dl_iterate_phdr(note_text, NULL);
    places = (void *)(map + HEAD + ROWS * sizeof(*rows));
    rows = (void *)(map + HEAD);
}

static uint64_t *row(void)
{
    if (!mine && rows) {
        int i = atomic_fetch_add(&rows_n, 1);
        mine = i < ROWS ? rows[i] : nowhere;
        mine[C_tid] = (uint64_t)syscall(SYS_gettid);
    }
    return mine ? mine : nowhere;
}

static void count(enum counter c, uint64_t n)
{
    row()[c] += n;
}

/* ---- memory ---- */

/* Open addressing; a full table forgets new places. */
static void count_place(uint64_t what, size_t bytes, const uint64_t from[DEPTH])
{
    uint64_t key = what + 1;
    for (int i = 0; i < DEPTH; i++)
        key = (key ^ from[i]) * UINT64_C(0x9e3779b97f4a7c15);
    for (uint64_t i = key >> 40, tries = 0; tries < PLACES; i++, tries++) {
        struct place *p = &places[i % PLACES];
        uint64_t empty = 0;
        if (atomic_compare_exchange_strong(&p->key, &empty, key)) {
            p->what = what;
            for (int k = 0; k < DEPTH; k++)
                p->from[k] = from[k];
        }
        if (atomic_load(&p->key) == key) {
            atomic_fetch_add(&p->n, 1);
            atomic_fetch_add(&p->bytes, bytes);
            return;
        }
    }
}

/* Who called, who called that, and so on while frame pointers can be trusted. */
static void note_place(uint64_t what, size_t bytes, void **frame)
{
    uint64_t from[DEPTH] = {0};
    for (int i = 0; places && i < DEPTH; i++) {
        uintptr_t at = (uintptr_t)frame[1];
        void **next = frame[0];
        from[i] = at;
        if (at < text_begin || at >= text_end || next <= frame || (char *)next - (char *)frame > FRAME_MAX)
            break;
        frame = next;
    }
    if (places)
        count_place(what, bytes, from);
}

void *malloc(size_t n)
{
    note_place(PLACE_ALLOCATES, n, __builtin_frame_address(0));
    count(C_malloc, 1);
    count(C_allocated_bytes, n);
    return __libc_malloc(n);
}

void *calloc(size_t of, size_t n)
{
    note_place(PLACE_ALLOCATES, of * n, __builtin_frame_address(0));
    count(C_calloc, 1);
    count(C_allocated_bytes, of * n);
    return __libc_calloc(of, n);
}

void *realloc(void *p, size_t n)
{
    note_place(PLACE_ALLOCATES, n, __builtin_frame_address(0));
    count(C_realloc, 1);
    count(C_allocated_bytes, n);
    return __libc_realloc(p, n);
}

void *reallocarray(void *p, size_t of, size_t n)
{
    size_t size;
    if (__builtin_mul_overflow(of, n, &size)) {
        errno = ENOMEM;
        return NULL;
    }
    note_place(PLACE_ALLOCATES, size, __builtin_frame_address(0));
    count(C_realloc, 1);
    count(C_allocated_bytes, size);
    return __libc_realloc(p, size);
}

void free(void *p)
{
    count(C_free, p != NULL);
    __libc_free(p);
}

/* volatile: so that the compiler does not make a call of memcpy of it. */
static void copy_up(volatile char *to, const volatile char *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = from[i];
}

static void copy_down(volatile char *to, const volatile char *from, size_t n)
{
    while (n-- > 0)
        to[n] = from[n];
}

static void count_copy(size_t n, void **frame)
{
    if (n < COPY_MIN)
        return;
    note_place(PLACE_COPIES, n, frame);
    count(C_copies, 1);
    count(C_copied_bytes, n);
}

typedef void *(*copy_fn)(void *, const void *, size_t);

static void *copy(void *to, const void *from, size_t n, void **frame)
{
    static copy_fn real;
    static __thread int asking __attribute__((tls_model("initial-exec")));
    count_copy(n, frame);
    if (!real && !asking) {
        asking = 1;
        real = (copy_fn)dlsym(RTLD_NEXT, "memmove");
        asking = 0;
    }
    if (real)
        return real(to, from, n);
    if ((uintptr_t)to < (uintptr_t)from)
        copy_up(to, from, n);
    else
        copy_down(to, from, n);
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    return copy(to, from, n, __builtin_frame_address(0));
}

void *memmove(void *to, const void *from, size_t n)
{
    return copy(to, from, n, __builtin_frame_address(0));
}

void *mempcpy(void *restrict to, const void *restrict from, size_t n)
{
    return (char *)copy(to, from, n, __builtin_frame_address(0)) + n;
}

void *__memcpy_chk(void *restrict to, const void *restrict from, size_t n, size_t room);
void *__memcpy_chk(void *restrict to, const void *restrict from, size_t n, size_t room)
{
    if (n > room)
        abort();
    return copy(to, from, n, __builtin_frame_address(0));
}

void *__memmove_chk(void *to, const void *from, size_t n, size_t room);
void *__memmove_chk(void *to, const void *from, size_t n, size_t room)
{
    if (n > room)
        abort();
    return copy(to, from, n, __builtin_frame_address(0));
}

/* ---- locks ---- */

int pthread_mutex_lock(pthread_mutex_t *m)
{
    static int (*real)(pthread_mutex_t *);
    count(C_locks, 1);
    int rc = pthread_mutex_trylock(m);
    if (rc != EBUSY)
        return rc;
    count(C_contended, 1);
    if (!real)
        real = (int (*)(pthread_mutex_t *))dlsym(RTLD_NEXT, "pthread_mutex_lock");
    return real(m);
}

/* ---- system calls ---- */

#define WRAP(type, name, params, args)                                                                                                      \
    type name params                                                                                                                        \
    {                                                                                                                                       \
        static type(*real) params;                                                                                                          \
        if (!real)                                                                                                                          \
            real = (type(*) params)dlsym(RTLD_NEXT, #name);                                                                                 \
        count(C_##name, 1);                                                                                                                 \
        return real args;                                                                                                                   \
    }

WRAP(ssize_t, read, (int fd, void *p, size_t n), (fd, p, n))
WRAP(ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n))
WRAP(ssize_t, readv, (int fd, const struct iovec *v, int n), (fd, v, n))
WRAP(ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n))
WRAP(ssize_t, recv, (int fd, void *p, size_t n, int flags), (fd, p, n, flags))
WRAP(ssize_t, recvmsg, (int fd, struct msghdr *m, int flags), (fd, m, flags))
WRAP(ssize_t, send, (int fd, const void *p, size_t n, int flags), (fd, p, n, flags))
WRAP(ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags))
WRAP(ssize_t, pread64, (int fd, void *p, size_t n, off64_t at), (fd, p, n, at))
WRAP(ssize_t, pwrite64, (int fd, const void *p, size_t n, off64_t at), (fd, p, n, at))
WRAP(int, fdatasync, (int fd), (fd))
WRAP(int, fsync, (int fd), (fd))
WRAP(int, epoll_wait, (int fd, struct epoll_event *e, int n, int ms), (fd, e, n, ms))
WRAP(int, epoll_ctl, (int fd, int op, int of, struct epoll_event *e), (fd, op, of, e))
WRAP(int, poll, (struct pollfd * p, nfds_t n, int ms), (p, n, ms))
WRAP(int, accept4, (int fd, struct sockaddr *a, socklen_t *n, int flags), (fd, a, n, flags))
WRAP(int, connect, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))
WRAP(int, close, (int fd), (fd))
WRAP(int, shutdown, (int fd, int how), (fd, how))
WRAP(int, getsockopt, (int fd, int level, int name, void *p, socklen_t *n), (fd, level, name, p, n))
WRAP(int, setsockopt, (int fd, int level, int name, const void *p, socklen_t n), (fd, level, name, p, n))
WRAP(ssize_t, getrandom, (void *p, size_t n, unsigned flags), (p, n, flags))
WRAP(void *, mmap64, (void *p, size_t n, int prot, int flags, int fd, off64_t at), (p, n, prot, flags, fd, at))
WRAP(int, munmap, (void *p, size_t n), (p, n))
WRAP(int, mprotect, (void *p, size_t n, int prot), (p, n, prot))
WRAP(int, madvise, (void *p, size_t n, int advice), (p, n, advice))
WRAP(int, ftruncate64, (int fd, off64_t n), (fd, n))

/* Every command takes at most one argument, as wide as a pointer. */
#define WRAP_FCNTL(name)                                                                                                                    \
    int name(int fd, int command, ...)                                                                                                      \
    {                                                                                                                                       \
        static int (*real)(int, int, ...);                                                                                                  \
        va_list list;                                                                                                                       \
        va_start(list, command);                                                                                                            \
        void *arg = va_arg(list, void *);                                                                                                   \
        va_end(list);                                                                                                                       \
        if (!real)                                                                                                                          \
            real = (int (*)(int, int, ...))dlsym(RTLD_NEXT, #name);                                                                         \
        count(C_##name, 1);                                                                                                                 \
        return real(fd, command, arg);                                                                                                      \
    }

WRAP_FCNTL(fcntl)
WRAP_FCNTL(fcntl64)
