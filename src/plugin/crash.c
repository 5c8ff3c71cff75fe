/* What a handler needs must be found without an argument: the descriptor, the old handlers and the thread's note are the statics here. */
#include "plugin/crash.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "plugin/quarantine.h"

enum { NOTES_MAX = 65536, ALT_STACK = 32768 };

static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

static struct {
    pthread_mutex_t lock;
    bool set;
    int fd;
    struct sigaction before[LT_COUNT(faults)];
    atomic_flag noted;              /* one crash of a process counts: the first */
} watch = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1, .noted = ATOMIC_FLAG_INIT};

static _Thread_local const struct lt_crash_note *running;
static _Thread_local bool prepared;
static pthread_once_t stacks_once = PTHREAD_ONCE_INIT;
static pthread_key_t stacks; /* the handler's stack of each thread that has run plugins */

void lt_crash_note_init(struct lt_crash_note *note, const char hash[65], struct lt_str id)
{
    int n = snprintf(note->line, sizeof(note->line), "%.64s %.*s ", hash, LT_FMT(id));
    note->n = n > 0 && (size_t)n < sizeof(note->line) ? (size_t)n : 0;
}

/* ---- the crash: only what is async-signal-safe ---- */

static void write_note(const struct lt_crash_note *note, int sig)
{
    char line[sizeof(note->line) + 4];
    size_t n = note->n;
    memcpy(line, note->line, n);
    if (sig >= 10)
        line[n++] = (char)('0' + sig / 10);
    line[n++] = (char)('0' + sig % 10);
    line[n++] = '\n';
    if (write(watch.fd, line, n) < 0)
        return; /* nobody is left to tell */
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
    const struct lt_crash_note *note = running;
    (void)context;
    if (note && !atomic_flag_test_and_set(&watch.noted))
        write_note(note, sig);
    for (size_t i = 0; i < LT_COUNT(faults); i++)
        if (faults[i] == sig)
            sigaction(sig, &watch.before[i], NULL);
    if (info->si_code <= 0)
        raise(sig); /* was sent; what an instruction did it does again */
}

/* ---- watching ---- */

enum lt_code lt_crash_watch(const char *dir, struct lt_error *err)
{
    char path[4096];
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    enum lt_code rc = LT_OK;
    snprintf(path, sizeof(path), "%s/crashes", dir);
    sigemptyset(&action.sa_mask);
    pthread_mutex_lock(&watch.lock);
    if (!watch.set) {
        mkdir(dir, 0700);
        watch.fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (watch.fd < 0)
            rc = lt_fail(err, LT_EIO, "%s: %s", path, strerror(errno));
        for (size_t i = 0; rc == LT_OK && i < LT_COUNT(faults); i++)
            sigaction(faults[i], &action, &watch.before[i]);
        watch.set = rc == LT_OK;
    }
    pthread_mutex_unlock(&watch.lock);
    return rc;
}

/* When a thread ends. */
static void drop_stack(void *stack)
{
    sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
    free(stack);
}

static void make_stacks(void)
{
    pthread_key_create(&stacks, drop_stack);
}

static void set_stack(void)
{
    void *stack = malloc(ALT_STACK);
    pthread_once(&stacks_once, make_stacks);
    if (!stack || pthread_setspecific(stacks, stack) != 0)
        lt_out_of_memory(ALT_STACK);
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = ALT_STACK}, NULL);
}

/* A signal that a fault raises while it is blocked ends the process without the handler; one on a full stack needs another stack. */
static void prepare(void)
{
    sigset_t set;
    stack_t now;
    sigemptyset(&set);
    for (size_t i = 0; i < LT_COUNT(faults); i++)
        sigaddset(&set, faults[i]);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    if (sigaltstack(NULL, &now) == 0 && (now.ss_flags & SS_DISABLE))
        set_stack();
    prepared = true;
}

void lt_crash_enter(const struct lt_crash_note *note)
{
    if (!prepared)
        prepare();
    running = note;
}

void lt_crash_leave(void)
{
    running = NULL;
}

/* ---- the next start ---- */

static bool is_hash(struct lt_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
            return false;
    return s.n == 64;
}

static bool count(struct lt_arena *arena, const char *dir, struct lt_str line)
{
    struct lt_str hash = lt_str_cut(&line, ' '), id = lt_str_cut(&line, ' ');
    struct lt_quarantine q;
    struct lt_error err;
    int64_t sig, now = lt_now_ms();
    if (!is_hash(hash) || !lt_str_to_int64(line, &sig) || sig < 1 || sig > 64)
        return false;
    struct lt_str why = lt_printf(arena, "it crashed the daemon: signal %d (%s)", (int)sig, strsignal((int)sig));
    if (lt_quarantine_add(dir, lt_strz(arena, hash), id, why, now, &q, &err)) {
        lt_log_error("plugin.quarantine", &err);
        return false;
    }
    lt_log(LT_LOG_ERROR, "plugin.fault", LT_SS("plugin", id), LT_SS("error", why), LT_I("faults", q.faults), LT_I("pause_ms", q.until - now));
    return true;
}

size_t lt_crash_recover(const char *dir)
{
    struct lt_arena *arena = lt_arena_new();
    const char *path = lt_printf(arena, "%s/crashes", dir).p;
    size_t counted = 0;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    char *text = lt_alloc(arena, NOTES_MAX);
    long n = fd >= 0 ? lt_fd_read(fd, text, NOTES_MAX) : 0;
    struct lt_str rest = {text, n > 0 ? (size_t)n : 0};
    while (rest.n > 0)
        counted += count(arena, dir, lt_str_cut(&rest, '\n'));
    if (fd >= 0 && ftruncate(fd, 0) != 0)
        lt_log(LT_LOG_ERROR, "plugin.crashes", LT_S("path", path), LT_S("error", strerror(errno)));
    if (fd >= 0)
        close(fd);
    lt_arena_free(arena);
    return counted;
}
