/* Live streams against a server, or against the upstream itself: options, the two processes, their phases. See load.h. */
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

uint64_t load_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Until a line comes, when that was asked for. */
static void wait_for_line(const struct load_options *o)
{
    int c;
    while (o->stepped && (c = getchar()) != EOF && c != '\n')
        ;
}

void load_say_and_wait(const struct load_options *o, const char *phase)
{
    if (!o->stepped)
        return;
    printf("{\"phase\":\"%s\"}\n", phase);
    fflush(stdout);
    wait_for_line(o);
}

static void usage(void)
{
    fputs("usage: stream_load --port P --upstream-port P [--key KEY] [--streams N] [--rate EVENTS/S] [--seconds S] [--ramp STREAMS/S]\n"
          "                   [--stepped] [--leave] [--chat PATH] [--model NAME] [--header LINE]\n"
          "Without --key, or with --chat, the readers ask for chat completions; else they ask Lectern to generate text.\n",
          stderr);
    exit(2);
}

static int number(const char *text, int min, int max)
{
    char *end;
    long n = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || n < min || n > max)
        usage();
    return (int)n;
}

static struct load_options options(int argc, char **argv)
{
    static const struct option names[] = {{"port", 1, NULL, 'p'},   {"upstream-port", 1, NULL, 'u'}, {"key", 1, NULL, 'k'},
                                          {"streams", 1, NULL, 'n'}, {"rate", 1, NULL, 'r'},          {"seconds", 1, NULL, 's'},
                                          {"ramp", 1, NULL, 'a'},    {"stepped", 0, NULL, 'w'},       {"leave", 0, NULL, 'l'},
                                          {"chat", 1, NULL, 'c'},    {"model", 1, NULL, 'm'},         {"header", 1, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    struct load_options o = {.streams = 256, .rate = 10000, .seconds = 5, .ramp = 2000, .model = "gpt-4o"};
    int c;
    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (c) {
        case 'p': o.port = (uint16_t)number(optarg, 1, 65535); break;
        case 'u': o.upstream_port = (uint16_t)number(optarg, 1, 65535); break;
        case 'k': o.key = optarg; break;
        case 'n': o.streams = number(optarg, 1, LOAD_STREAMS_MAX); break;
        case 'r': o.rate = number(optarg, 1, 1000000); break;
        case 's': o.seconds = number(optarg, 1, 600); break;
        case 'a': o.ramp = number(optarg, 1, 100000); break;
        case 'w': o.stepped = true; break;
        case 'l': o.leave = true; break;
        case 'c': o.chat = optarg; break;
        case 'm': o.model = optarg; break;
        case 'h': o.header = optarg; break;
        default: usage();
        }
    }
    if (o.port == 0 || o.upstream_port == 0 || optind != argc)
        usage();
    if (!o.key && !o.chat)
        o.chat = "/v1/chat/completions";
    return o;
}

static void raise_limits(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL); /* the schedule is finer than the usual 50 µs */
}

int main(int argc, char **argv)
{
    struct load_options o = options(argc, argv);
    struct load_shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct load_result result;
    if (shared == MAP_FAILED)
        abort();
    raise_limits();
    int listener = load_upstream_listen(o.upstream_port);
    if (listener < 0) {
        perror("stream_load: upstream port");
        return 1;
    }
    pid_t upstream = fork();
    if (upstream == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        load_upstream_run(listener, &o, shared);
        _exit(0);
    }
    close(listener);
    bool good = load_client_run(&o, shared, &result);
    load_print(stdout, &o, shared, &result);
    wait_for_line(&o);
    shared->phase = LOAD_STOP;
    if (upstream > 0)
        waitpid(upstream, NULL, 0);
    good = good && result.failed == 0;
    load_result_free(&result);
    return good ? 0 : 1;
}
