/*
 * The filter names what is refused, not what is allowed. An allow list would be stronger for the daemon alone, but a filter is inherited through exec
 * and never comes off: plugins' commands and MCP servers, which may be anything from Python to Node.js, run behind the same one. So it holds what neither
 * the daemon nor such a program has any business with: other processes' memory, namespaces and mounts, kernel modules, the machine's clock and
 * name, keyrings, and interfaces of the kernel that have often been the way to more rights. It is set before there are threads, so start-up is behind it, too.
 */
#include "daemon/confine.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_TRACER
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_TRACER /* LeakSanitizer stops the threads at the end by ptrace(2), which needs a process that may be dumped */
#endif
#endif

/* By name, as libseccomp may not know the newest and some machines have not all of them. */
static const char *const forbidden[] = {
#if !defined(HAS_TRACER)
    "ptrace",
#endif
    /* other processes */
    "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp",
    /* namespaces, mounts, other roots */
    "unshare", "setns", "mount", "umount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr",
    /* files by their number, past the rights of the directories above them */
    "open_by_handle_at", "name_to_handle_at",
    /* the kernel itself */
    "init_module", "finit_module", "delete_module", "create_module", "kexec_load", "kexec_file_load", "bpf", "perf_event_open", "userfaultfd", "lookup_dcookie",
    "fanotify_init", "syslog", "_sysctl", "sysfs", "uselib", "nfsservctl",
    /* the machine */
    "reboot", "swapon", "swapoff", "acct", "quotactl", "quotactl_fd", "settimeofday", "stime", "clock_settime", "clock_settime64", "adjtimex", "clock_adjtime",
    "clock_adjtime64", "sethostname", "setdomainname", "iopl", "ioperm", "modify_ldt", "vm86", "vm86old", "vhangup",
    /* keyrings */
    "keyctl", "add_key", "request_key",
    /* other rules for how programs are laid out in memory */
    "personality",
};

/* "There is no such call" instead: programs then take the older one, which the filter can look into, or do without. */
static const char *const absent[] = {"clone3", "io_uring_setup", "io_uring_enter", "io_uring_register"};

static int refuse(scmp_filter_ctx filter, const char *const *names, size_t n, int error)
{
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        int call = seccomp_syscall_resolve_name(names[i]);
        if (call >= 0) /* below: not on this machine */
            rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint32_t)error), call, 0);
    }
    return rc;
}

/* clone(2) with any flag that makes a namespace. */
static int refuse_namespaces(scmp_filter_ctx filter)
{
    static const uint64_t flags[] = {CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET};
    int rc = 0;
    for (size_t i = 0; i < LT_COUNT(flags) && rc == 0; i++)
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, flags[i], flags[i]));
    return rc;
}

/* All families but the four that name look-ups and connections need: packets, virtual machines, the kernel's ciphers and the like. */
static int refuse_sockets(scmp_filter_ctx filter)
{
    int rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_GT, AF_NETLINK));
    for (unsigned family = 0; family < AF_NETLINK && rc == 0; family++)
        if (family != AF_UNIX && family != AF_INET && family != AF_INET6)
            rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, family));
    return rc;
}

/* Typing into the terminal that the daemon was started from. */
static int refuse_typing(scmp_filter_ctx filter)
{
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffu, TIOCSTI));
}

enum lt_code lt_confine_filter(struct lt_error *err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!filter)
        return lt_fail(err, LT_EUNSUPPORTED, "no filter of system calls can be made");
    /* Calls of another kind than the program's (32 bits, x32) would go past the numbers above. */
    int rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM));
    if (rc == 0)
        rc = refuse(filter, forbidden, LT_COUNT(forbidden), EPERM);
    if (rc == 0)
        rc = refuse(filter, absent, LT_COUNT(absent), ENOSYS);
    if (rc == 0)
        rc = refuse_namespaces(filter);
    if (rc == 0)
        rc = refuse_sockets(filter);
    if (rc == 0)
        rc = refuse_typing(filter);
    if (rc == 0)
        rc = seccomp_load(filter); /* sets no_new_privs, without which only root may */
    seccomp_release(filter);
    return rc == 0 ? LT_OK : lt_fail(err, LT_EUNSUPPORTED, "the kernel takes no filter of system calls: %s", strerror(-rc));
}

/* Keys, tokens and texts are in memory in clear. systemd-coredump heeds the limit too. */
static void forbid_core_dumps(void)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
#if !defined(HAS_TRACER)
    prctl(PR_SET_DUMPABLE, 0); /* nor may an MCP server, which has our user, read our memory */
#endif
}

void lt_confine(bool core_dumps)
{
    struct lt_error err;
    if (!core_dumps)
        forbid_core_dumps();
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        lt_log(LT_LOG_WARN, "daemon.no_filter", LT_S("why", strerror(errno)));
    else if (lt_confine_filter(&err))
        lt_log(LT_LOG_WARN, "daemon.no_filter", LT_S("why", err.detail));
    if (geteuid() == 0)
        lt_log(LT_LOG_WARN, "daemon.root", LT_S("hint", "it needs no rights of root: run it as a user of its own"));
}
