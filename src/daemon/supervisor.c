/*
 * Two protocols of environment variables, as sd_listen_fds(3) and sd_notify(3) write them down for programs without libsystemd: a few lines, and any
 * parent can speak them.
 */
#include "daemon/supervisor.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { FIRST = 3 /* SD_LISTEN_FDS_START */ };

/* How many descriptors were handed to this very process. */
static int64_t handed_over(void)
{
    int64_t pid = 0, n = 0;
    const char *of = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    bool ours = of && count && lt_str_to_int64(lt_str(of), &pid) && pid == getpid() && lt_str_to_int64(lt_str(count), &n);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return ours ? n : 0;
}

static int option(int fd, int name)
{
    int value = 0;
    socklen_t n = sizeof(value);
    return getsockopt(fd, SOL_SOCKET, name, &value, &n) == 0 ? value : 0;
}

enum lt_code lt_supervisor_socket(struct lt_settings *s, int *ret, struct lt_error *err)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);
    char host[INET6_ADDRSTRLEN], port[8];
    int64_t n = handed_over();
    *ret = 0;
    err->code = LT_OK;
    if (n == 0)
        return LT_OK;
    if (n != 1)
        return lt_fail(err, LT_ECONFIG, "LISTEN_FDS: %lld sockets were handed over, one is served", (long long)n);
    if (option(FIRST, SO_TYPE) != SOCK_STREAM || !option(FIRST, SO_ACCEPTCONN) || getsockname(FIRST, (struct sockaddr *)&address, &size) != 0 ||
        (address.ss_family != AF_INET && address.ss_family != AF_INET6) ||
        getnameinfo((struct sockaddr *)&address, size, host, sizeof(host), port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return lt_fail(err, LT_ECONFIG, "LISTEN_FDS: descriptor %d is not a listening TCP socket", FIRST);
    fcntl(FIRST, F_SETFD, FD_CLOEXEC);
    s->host = lt_strz(s->arena, lt_str(host));
    s->port = (int)strtol(port, NULL, 10);
    if (s->demo && !lt_settings_loopback(s))
        return lt_fail(err, LT_ECONFIG, "demo: its pages carry tokens, so it needs a loopback address; the socket handed over is at '%s'", host);
    *ret = FIRST;
    return LT_OK;
}

void lt_supervisor_tell(const char *lines)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t n = path ? strlen(path) : 0;
    if (n == 0 || n >= sizeof(to.sun_path) || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(to.sun_path, path, n);
    if (path[0] == '@')
        to.sun_path[0] = '\0'; /* abstract */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    /* Nobody to tell, or one that does not listen: nothing follows for us. */
    (void)!sendto(fd, lines, strlen(lines), MSG_NOSIGNAL, (struct sockaddr *)&to, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
    close(fd);
}

void lt_supervisor_tell_reloading(void)
{
    char lines[64];
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(lines, sizeof(lines), "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    lt_supervisor_tell(lines);
}
