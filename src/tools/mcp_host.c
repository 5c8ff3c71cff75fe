/*
 * `lectern mcp host`: the process that stands over one MCP server of the daemon's. It reads from the control socket what to run, runs it in a process
 * group of its own with the standard streams that it has got itself, and waits. When the control socket is closed (the daemon lets go, or was
 * killed) the command has a second to leave after the end of its standard input, a second after SIGTERM, and is killed; so is whatever it has left
 * behind, since orphans come to this process (prctl(2), PR_SET_CHILD_SUBREAPER).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "text/json.h"
#include "tools/mcp_hub.h"

enum { SPEC_MAX = 1 << 20, PATIENCE_MS = 1000, SWEEPS = 100, SWEEP_MS = 20, FILES_MAX = 1024 };

/* A word for the daemon: "ok", or why not. */
static void say(const char *word)
{
    char line[1000];
    int n = snprintf(line, sizeof(line), "%s\n", word);
    if (write(LT_MCP_CONTROL_FD, line, (size_t)n) < 0)
        return; /* nobody hears: the next wait sees it */
}

static const struct lt_json *hear(struct lt_arena *arena)
{
    char *text = lt_alloc(arena, SPEC_MAX);
    const struct lt_json *v = NULL;
    size_t n = 0;
    ssize_t got;
    while (n < SPEC_MAX && (n == 0 || text[n - 1] != '\n')) {
        got = read(LT_MCP_CONTROL_FD, text + n, SPEC_MAX - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return NULL;
        n += (size_t)got;
    }
    lt_json_parse(arena, (struct lt_str){text, n}, LT_JSON_STRICT, &v, NULL);
    return v;
}

static char **texts(struct lt_arena *arena, const struct lt_json *list, const char *first)
{
    size_t n = 0;
    char **out = LT_NEW_ARRAY(arena, char *, lt_json_len(list) + 2);
    if (first)
        out[n++] = lt_strz(arena, lt_str(first));
    for (size_t i = 0; i < lt_json_len(list); i++)
        out[n++] = lt_strz(arena, lt_json_str(lt_json_at(list, i)));
    return out;
}

/* In the child: never returns. What goes wrong is told over `report`. */
static void become(const struct lt_json *spec, struct lt_arena *arena, int report)
{
    struct rlimit files = {FILES_MAX, FILES_MAX}, core = {0, 0};
    sigset_t none;
    const char *path = getenv("PATH");
    char **env = texts(arena, lt_json_get(spec, "env"), path ? lt_printf(arena, "PATH=%s", path).p : NULL);
    char **words = texts(arena, lt_json_get(spec, "words"), NULL);
    struct lt_str directory = lt_json_str_or(lt_json_get(spec, "directory"), LT_STR(""));
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_CORE, &core);
    setrlimit(RLIMIT_NOFILE, &files);
    close(LT_MCP_CONTROL_FD);
    if (chdir(directory.n > 0 ? lt_strz(arena, directory) : "/") == 0)
        execvpe(words[0], words, env);
    int why = errno;
    if (write(report, &why, sizeof(why)) < 0)
        _exit(126);
    _exit(127);
}

/* The process that runs; -1 after saying why not. */
static pid_t start(const struct lt_json *spec, struct lt_arena *arena)
{
    int report[2], why = 0;
    if (lt_json_len(lt_json_get(spec, "words")) == 0 || pipe2(report, O_CLOEXEC) != 0) {
        say("nothing to run");
        return -1;
    }
    pid_t pid = fork();
    if (pid == 0)
        become(spec, arena, report[1]);
    close(report[1]);
    if (pid > 0)
        setpgid(pid, pid);
    ssize_t n = pid > 0 ? read(report[0], &why, sizeof(why)) : -1;
    close(report[0]);
    if (n == 0)
        return pid;
    say(n < 0 ? "no process can be made" : strerror(why));
    return -1;
}

/* The streams are the command's alone: it must see their end, and the daemon its end. */
static void let_go_of_streams(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
}

/* Waits for SIGCHLD or the end of the control socket, at most ms (-1: without end); true: the control socket was closed. */
static bool wait_for(int signals, int ms)
{
    struct signalfd_siginfo info;
    struct pollfd fds[] = {{.fd = signals, .events = POLLIN}, {.fd = LT_MCP_CONTROL_FD, .events = POLLIN}};
    poll(fds, ms < 0 ? 2 : 1, ms);
    if (fds[0].revents && read(signals, &info, sizeof(info)) < 0)
        return true;
    return ms < 0 && fds[1].revents != 0;
}

static bool has_ended(pid_t pid, int *status)
{
    pid_t got;
    bool ended = false;
    while ((got = waitpid(-1, status, WNOHANG)) > 0 && !ended)
        ended = got == pid; /* others are orphans */
    return ended || got == pid;
}

static bool ends_within(int signals, pid_t pid, int *status)
{
    uint64_t until = lt_mono_ms() + PATIENCE_MS, now;
    bool ended = has_ended(pid, status);
    while (!ended && (now = lt_mono_ms()) < until) {
        wait_for(signals, (int)(until - now));
        ended = has_ended(pid, status);
    }
    return ended;
}

/* Whoever is left below this process, also who has left the group. */
static void sweep(void)
{
    char path[64], text[4096];
    snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    for (int i = 0; i < SWEEPS; i++) {
        int status, fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;
        if (fd >= 0)
            close(fd);
        if (n <= 0)
            return;
        text[n] = '\0';
        char *at = text, *end;
        for (long pid = strtol(at, &end, 10); end != at; at = end, pid = strtol(at, &end, 10))
            kill((pid_t)pid, SIGKILL);
        while (waitpid(-1, &status, WNOHANG) > 0)
            ;
        poll(NULL, 0, SWEEP_MS);
    }
}

static int watch(pid_t pid, int signals)
{
    int status = 0;
    bool ended = has_ended(pid, &status), over = false;
    while (!ended && !over) {
        over = wait_for(signals, -1);
        ended = has_ended(pid, &status);
    }
    if (!ended)
        ended = ends_within(signals, pid, &status);
    kill(-pid, ended ? SIGKILL : SIGTERM);
    if (!ended && !ends_within(signals, pid, &status))
        kill(-pid, SIGKILL);
    sweep();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int lt_mcp_host(void)
{
    struct lt_arena *arena = lt_arena_new();
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    fcntl(LT_MCP_CONTROL_FD, F_SETFD, FD_CLOEXEC);
    int signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    const struct lt_json *spec = hear(arena);
    pid_t pid = spec ? start(spec, arena) : -1;
    int code = 1;
    let_go_of_streams();
    if (pid > 0) {
        say("ok");
        code = watch(pid, signals);
    }
    lt_arena_free(arena);
    return code;
}
