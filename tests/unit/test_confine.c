/* What a confined process may not do, and what it still may. Each test confines a child of its own: a filter never comes off. */
#include "daemon/confine.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_TRACER
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_TRACER
#endif
#endif

enum { NO_FILTER = 77 };

/* Arguments with which nothing would happen to the machine, and which are answered otherwise without a filter, by root at least. */
#define CALL(name, ...) {#name, SYS_##name, {__VA_ARGS__}}
static const struct {
    const char *name;
    long number, arguments[5];
    int error; /* 0: EPERM */
} calls[] = {
#if !defined(HAS_TRACER)
    CALL(ptrace, 0x4206 /* PTRACE_SEIZE */, 0, 0, 0),
#endif
    CALL(process_vm_readv, 0, 0, 0, 0, 0),
    CALL(process_vm_writev, 0, 0, 0, 0, 0),
    CALL(pidfd_getfd, -1, -1, 0),
    CALL(kcmp, 0, 0, 99),
    CALL(unshare, 0),
    CALL(setns, -1, 0),
    CALL(mount, 0, 0, 0, 0, 0),
    CALL(umount2, 0, -1),
    CALL(pivot_root, 0, 0),
    CALL(chroot, 0),
    CALL(open_tree, -1, 0, -1),
    CALL(move_mount, -1, 0, -1, 0, -1),
    CALL(fsopen, 0, -1),
    CALL(fsmount, -1, -1, 0),
    CALL(open_by_handle_at, -1, 0, 0),
    CALL(init_module, 0, 0, 0),
    CALL(finit_module, -1, 0, 0),
    CALL(delete_module, 0, 0),
    CALL(kexec_load, 0, 0, 0, -1),
    CALL(bpf, -1, 0, 0),
    CALL(perf_event_open, 0, 0, 0, -1, -1),
    CALL(userfaultfd, -1),
    CALL(fanotify_init, -1, 0),
    CALL(reboot, 0, 0, 0),
    CALL(swapon, 0, 0),
    CALL(swapoff, 0),
    CALL(acct, 1),
    CALL(quotactl, -1, 0, 0, 0),
    CALL(settimeofday, 0, 0),
    CALL(clock_settime, -1, 0),
    CALL(sethostname, 0, -1),
    CALL(setdomainname, 0, -1),
    CALL(keyctl, -1, 0),
    CALL(add_key, 0, 0, 0, 0, 0),
    CALL(request_key, 0, 0, 0, 0),
    CALL(personality, 0xffffffffL),
    {"clone with a namespace", SYS_clone, {CLONE_NEWUSER | SIGCHLD}, 0},
    {"clone with another namespace", SYS_clone, {CLONE_NEWNET | SIGCHLD}, 0},
    {"typing into a terminal", SYS_ioctl, {-1, TIOCSTI}, 0},
    {"clone3", SYS_clone3, {0}, ENOSYS},
    {"io_uring_setup", SYS_io_uring_setup, {0}, ENOSYS},
    {"packets", SYS_socket, {AF_PACKET, SOCK_RAW, 0}, EAFNOSUPPORT},
    {"virtual machines", SYS_socket, {AF_VSOCK, SOCK_STREAM, 0}, EAFNOSUPPORT},
    {"the kernel's ciphers", SYS_socket, {AF_ALG, SOCK_SEQPACKET, 0}, EAFNOSUPPORT},
    {"a low family", SYS_socket, {AF_AX25, SOCK_SEQPACKET, 0}, EAFNOSUPPORT},
};

static int confined(int (*fn)(void))
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct lt_error err;
        if (lt_confine_filter(&err)) {
            fprintf(stderr, "%s\n", err.detail);
            _exit(NO_FILTER);
        }
        _exit(fn());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NO_FILTER)
        skip();
    return WEXITSTATUS(status);
}

static int try_each(void)
{
    int wrong = 0;
    for (size_t i = 0; i < LT_COUNT(calls); i++) {
        const long *a = calls[i].arguments;
        int want = calls[i].error ? calls[i].error : EPERM;
        errno = 0;
        long got = syscall(calls[i].number, a[0], a[1], a[2], a[3], a[4]);
        if (got == 0 && calls[i].number == SYS_clone)
            _exit(0); /* the child that should not be */
        if (got != -1 || errno != want) {
            fprintf(stderr, "%s: %ld, %s\n", calls[i].name, got, strerror(errno));
            wrong++;
        }
    }
    return wrong;
}

static void forbidden_calls_fail(void **state)
{
    assert_int_equal(confined(try_each), 0);
}

static void *say_so(void *done)
{
    *(int *)done = 1;
    return NULL;
}

/* A shell's exit code: 0 when what a program sees of itself says that it is behind the filter, too. */
static int run_program(void)
{
    char *words[] = {(char[]){"sh"}, (char[]){"-c"}, (char[]){"grep -q '^Seccomp:.*2' /proc/self/status && grep -q '^NoNewPrivs:.*1' /proc/self/status"}, NULL};
    char *no_environment[] = {(char[]){"PATH=/usr/bin:/bin"}, NULL};
    pid_t pid;
    int status = -1;
    if (posix_spawn(&pid, "/bin/sh", NULL, NULL, words, no_environment) != 0 || waitpid(pid, &status, 0) != pid)
        return 1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int do_what_is_needed(void)
{
    static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
    pthread_t thread;
    int done = 0, wrong = 0;
    for (size_t i = 0; i < LT_COUNT(families); i++) {
        int fd = socket(families[i], families[i] == AF_NETLINK ? SOCK_RAW : SOCK_STREAM, 0);
        wrong += fd < 0 && errno != EAFNOSUPPORT; /* a machine may have no IPv6 */
        wrong += fd < 0 && (families[i] == AF_UNIX || families[i] == AF_INET);
        if (fd >= 0)
            close(fd);
    }
    if (pthread_create(&thread, NULL, say_so, &done) != 0 || pthread_join(thread, NULL) != 0)
        wrong++;
    return wrong + !done + run_program();
}

static void threads_sockets_and_programs_are_left(void **state)
{
    assert_int_equal(confined(do_what_is_needed), 0);
}

/* 0: as it should be. */
static int look_at_cores(bool core_dumps)
{
    struct rlimit before, after;
    getrlimit(RLIMIT_CORE, &before);
    lt_confine(core_dumps);
    getrlimit(RLIMIT_CORE, &after);
    int dumpable = prctl(PR_GET_DUMPABLE);
#if defined(HAS_TRACER)
    bool hidden = true;
#else
    bool hidden = dumpable == 0;
#endif
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        return 1;
    return core_dumps ? after.rlim_cur != before.rlim_cur || dumpable != 1 : after.rlim_max != 0 || !hidden;
}

static void no_core_unless_told(void **state)
{
    for (int core_dumps = 0; core_dumps < 2; core_dumps++) {
        int status;
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            _exit(look_at_cores(core_dumps));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forbidden_calls_fail),
        cmocka_unit_test(threads_sockets_and_programs_are_left),
        cmocka_unit_test(no_core_unless_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
