/*
 * A load of live streams: one process plays the AI service (load_upstream.c), one plays the readers (load_client.c). Each event carries in
 * its text who it is for, which one it is, and when it was sent: "@STREAM/NUMBER/NANOSECONDS;". Both processes read CLOCK_MONOTONIC.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    LOAD_STREAMS_MAX = 19000, /* a process has 20,000 descriptors on small machines */
    LOAD_QUIET_NS = 50000000, /* between the order to run and the first event */
};

struct load_options {
    uint16_t port;          /* where the readers connect, on 127.0.0.1 */
    uint16_t upstream_port; /* where the AI service listens; the same for readers without a server between */
    const char *key;        /* bearer token; NULL: none is sent */
    const char *chat;       /* path to ask for chat completions at; NULL: Lectern's own action */
    const char *model;      /* of chat completions */
    const char *header;     /* one more line of each request's head, without its end; NULL: none */
    int streams;
    int rate;               /* events per second, all streams together */
    int seconds;            /* how long events are sent */
    int ramp;               /* streams opened, and ended, per second */
    bool stepped;           /* says each phase on standard output and goes on at a line on standard input */
    bool leave;             /* the readers hang up after the events: what is parked can be measured */
};

enum load_phase {
    LOAD_RAMP, /* streams open; each gets its event number 0 */
    LOAD_RUN,  /* events by the schedule, from begin_ns on */
    LOAD_END,  /* streams end, by `ramp` a second */
    LOAD_STOP,
};

/* Between the processes. The readers write `phase` and `begin_ns`, the upstream the rest. */
struct load_shared {
    atomic_int phase;
    _Atomic uint64_t begin_ns;
    atomic_int open;          /* streams that have their head */
    atomic_bool all_sent;
    _Atomic uint64_t late_max_ns; /* the sender behind its schedule: not part of any delay, but tells a starved sender */
    _Atomic uint64_t late_1ms;    /* events sent more than 1 ms behind */
    atomic_int lost;          /* streams whose connection ended before they did */
    atomic_int unsent;        /* events that the socket did not take */
    _Atomic uint32_t sent[LOAD_STREAMS_MAX]; /* events of each stream, number 0 included */
};

/* What the readers saw. */
struct load_result {
    uint64_t *delays_ns;      /* one for each event of the run, in order of arrival */
    uint32_t *of;             /* and the stream it belongs to */
    size_t n;
    uint64_t *gap_ns;         /* per stream: the longest pause beyond the schedule */
    uint64_t missing, doubled, disordered, foreign;
    int opened, ended, failed;
    char why[128];            /* the first failure */
    uint64_t ramp_ns;
};

uint64_t load_now_ns(void);
/* With --stepped: says the phase and waits for a line. */
void load_say_and_wait(const struct load_options *o, const char *phase);

/* Never returns before LOAD_STOP. `listener` is a listening socket. */
void load_upstream_run(int listener, const struct load_options *o, struct load_shared *shared);
int load_upstream_listen(uint16_t port);
/* Opens, runs, ends. Returns false when the streams could not be opened; ret->why then says it. Free *ret in any case. */
bool load_client_run(const struct load_options *o, struct load_shared *shared, struct load_result *ret);
void load_result_free(struct load_result *r);
/* One JSON object on one line; sorts the delays. */
void load_print(FILE *out, const struct load_options *o, const struct load_shared *shared, const struct load_result *result);
