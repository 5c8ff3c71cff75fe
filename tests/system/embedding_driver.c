/*
 * What tests/system/test_embedding.py has liblectern do: driver MODE KEY=VALUE… with the members of options and request, and some of its own.
 * Prints one JSON object. No header but the installed one.
 */
#include <lectern/lectern.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAIT_MS 120000u

static struct lectern_options options = {.size = sizeof options};
static struct lectern_request request = {.size = sizeof request, .action = "summarise_text", .user = "u1"};
static struct lectern *handle;
static int stop_after, slow_ms, calls_n = 1, threads_n = 1, patience_ms;
static const char *policy, *log_to, *manifest, *until_code, *component = "block", *service = "ai";

/* What callbacks have seen. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;   /* of the last callback */
    int pieces, ends, lines, inner;
    char text[1 << 16];
    size_t text_n;
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void put_text(const char *p, size_t n)
{
    putchar('"');
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c == '"' || c == '\\' || c < 0x20)
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

static void put(const char *key, const char *z)
{
    printf(", \"%s\": ", key);
    put_text(z, strlen(z));
}

static void put_error(const struct lectern_error *e)
{
    put("code", e->code);
    put("field", e->field);
    put("text_for_users", e->text);
    put("detail", e->detail);
    printf(", \"http_status\": %d, \"retryable\": %d", e->http_status, e->retryable);
}

static void put_answer(const struct lectern_answer *a)
{
    size_t n;
    int64_t prompt, completion;
    const char *p = lectern_answer_text(a, &n);
    printf(", \"text\": ");
    put_text(p, n);
    put("id", lectern_answer_id(a));
    put("response", lectern_answer_response(a, NULL));
    put("provider", lectern_answer_provider(a));
    put("model", lectern_answer_model(a));
    lectern_answer_usage(a, &prompt, &completion);
    printf(", \"prompt_tokens\": %lld, \"completion_tokens\": %lld", (long long)prompt, (long long)completion);
    put_error(lectern_answer_error(a));
}

static int on_piece(void *ctx, const char *p, size_t n)
{
    (void)ctx;
    usleep((useconds_t)slow_ms * 1000);
    pthread_mutex_lock(&seen.lock);
    seen.pieces++;
    seen.thread = pthread_self();
    if (seen.text_n + n <= sizeof seen.text)
        memcpy(seen.text + seen.text_n, p, n);
    seen.text_n += n;
    int end = stop_after > 0 && seen.pieces >= stop_after;
    pthread_cond_broadcast(&seen.changed);
    pthread_mutex_unlock(&seen.lock);
    return end;
}

static void count_end(void)
{
    pthread_mutex_lock(&seen.lock);
    seen.ends++;
    seen.thread = pthread_self();
    pthread_cond_broadcast(&seen.changed);
    pthread_mutex_unlock(&seen.lock);
}

static void on_end(void *ctx, struct lectern_job *job)
{
    struct lectern_answer *answer = NULL;
    (void)ctx;
    if (lectern_wait(job, WAIT_MS, &answer) == LECTERN_PENDING)
        abort();
    lectern_answer_free(answer);
    count_end();
}

static void on_line(void *ctx, const char *line, size_t n)
{
    FILE *f = fopen(log_to, "a");
    (void)ctx;
    fprintf(f, "%.*s\n", (int)n, line);
    fclose(f);
}

static void await(const int *number, int at_least)
{
    pthread_mutex_lock(&seen.lock);
    while (*number < at_least)
        pthread_cond_wait(&seen.changed, &seen.lock);
    pthread_mutex_unlock(&seen.lock);
}

/* ---- modes ---- */

static void process(void)
{
    struct lectern_answer *answer;
    struct lectern_error err = {.size = sizeof err};
    int rc = lectern_process(handle, &request, &answer, &err);
    printf(", \"rc\": %d, \"answer\": %d", rc, answer != NULL);
    if (answer)
        put_answer(answer);
    else
        put_error(&err);
    lectern_answer_free(answer);
}

static struct lectern_job *start(void)
{
    struct lectern_job *job;
    struct lectern_error err = {.size = sizeof err};
    int rc = lectern_start(handle, &request, &job, &err);
    printf(", \"start\": %d", rc);
    if (rc != LECTERN_DONE)
        put_error(&err);
    return job;
}

static void end(struct lectern_job *job, int closed)
{
    struct lectern_answer *answer, *again;
    printf(", \"rc\": %d", lectern_wait(job, closed ? 0 : WAIT_MS, &answer));
    printf(", \"again\": %d", lectern_wait(job, 0, &again));
    printf(", \"same\": %d", answer && again && strcmp(lectern_answer_id(answer), lectern_answer_id(again)) == 0);
    if (answer)
        put_answer(answer);
    lectern_answer_free(answer);
    lectern_answer_free(again);
    lectern_job_free(job);
}

static void wait_for_it(void)
{
    request.on_end = on_end;
    struct lectern_job *job = start();
    if (!job)
        return;
    printf(", \"at_once\": %d", lectern_wait(job, 0, NULL));
    end(job, 0);
    await(&seen.ends, 1);
}

/* Behind the first piece. */
static void cancel(void)
{
    struct lectern_job *job = start();
    await(&seen.pieces, 1);
    lectern_cancel(job);
    lectern_cancel(job);
    end(job, 0);
}

/* While it runs. */
static void close_over_it(void)
{
    struct lectern_job *job = start();
    await(&seen.pieces, 1);
    printf(", \"closed\": %d", lectern_close(handle, (uint32_t)patience_ms));
    handle = NULL;
    lectern_cancel(job);
    end(job, 1);
}

static void let_go(void)
{
    request.on_end = on_end;
    lectern_job_free(start());
    await(&seen.ends, 1);
}

static void on_end_again(void *ctx, struct lectern_job *job)
{
    struct lectern_answer *answer;
    struct lectern_error err = {.size = sizeof err};
    struct lectern_job *next;
    (void)ctx;
    (void)job;
    if (lectern_process(handle, &request, &answer, &err) != LECTERN_FAILED || strcmp(err.code, "conflict") != 0 || answer)
        abort();
    if (lectern_accept_policy(handle, NULL, "u1", "1", 0, &err) != LECTERN_FAILED || strcmp(err.code, "conflict") != 0)
        abort();
    if (lectern_close(handle, 0) != LECTERN_FAILED)
        abort();
    request.on_end = on_end;
    if (lectern_start(handle, &request, &next, &err) != LECTERN_DONE)
        abort();
    lectern_job_free(next);
    count_end();
}

static void from_callback(void)
{
    request.on_end = on_end_again;
    lectern_job_free(start());
    await(&seen.ends, 2);
}

/* Several threads, each with calls of all three kinds at once; what is not done is counted. */
static void *hurry(void *arg)
{
    int *failed = arg;
    struct lectern_request mine = request;
    struct lectern_answer *answer;
    struct lectern_job *jobs[64];
    int n = calls_n < 64 ? calls_n : 64;
    mine.on_end = on_end;
    for (int i = 0; i < n; i++)
        if (lectern_start(handle, &mine, &jobs[i], NULL) != LECTERN_DONE)
            abort();
    mine.on_piece = NULL;
    *failed += lectern_process(handle, &mine, &answer, NULL) != LECTERN_DONE;
    lectern_answer_free(answer);
    for (int i = 0; i < n; i++) {
        if (i % 4 == 3)
            lectern_cancel(jobs[i]);
        int rc = lectern_wait(jobs[i], WAIT_MS, &answer);
        const char *code = lectern_answer_error(answer)->code;
        *failed += rc != LECTERN_DONE && !(i % 4 == 3 && strcmp(code, "cancelled") == 0);
        lectern_answer_free(answer);
        lectern_job_free(jobs[i]);
    }
    return NULL;
}

static void crowd(void)
{
    pthread_t threads[16];
    int failed[16] = {0}, sum = 0;
    for (int i = 0; i < threads_n; i++)
        pthread_create(&threads[i], NULL, hurry, &failed[i]);
    for (int i = 0; i < threads_n; i++) {
        pthread_join(threads[i], NULL);
        sum += failed[i];
    }
    await(&seen.ends, threads_n * calls_n);
    printf(", \"failed\": %d, \"ends\": %d", sum, seen.ends);
}

static void second(void)
{
    struct lectern *other;
    struct lectern_error err = {.size = sizeof err};
    printf(", \"rc\": %d", lectern_open(&options, &other, &err));
    put_error(&err);
}

/* So many times closed and opened. */
static void again(void)
{
    for (int i = 0; i < calls_n; i++)
        if (lectern_close(handle, 0) != LECTERN_DONE || lectern_open(&options, &handle, NULL) != LECTERN_DONE)
            abort();
    process();
}

/* More than there is a limit for: how many were not begun. */
static void flood(void)
{
    struct lectern_job *jobs[64];
    struct lectern_error err = {.size = sizeof err}, last = {0};
    int refused = 0;
    for (int i = 0; i < calls_n; i++)
        if (lectern_start(handle, &request, &jobs[i], &err) != LECTERN_DONE) {
            refused++;
            last = err;
        }
    printf(", \"refused\": %d", refused);
    put_error(&last);
    for (int i = 0; i < calls_n; i++) {
        if (jobs[i])
            lectern_cancel(jobs[i]);
        lectern_job_free(jobs[i]);
    }
}

/* Sizes that are wrong, and bytes that only a newer library would know. */
static void sizes(void)
{
    struct {
        struct lectern_request known;
        long newer;
    } more;
    struct lectern_answer *answer;
    struct lectern_error err = {.size = sizeof err}, small = {.size = offsetof(struct lectern_error, code)};
    memset(&more, 0, sizeof more);
    more.known = request;
    more.known.size = 8;
    printf(", \"short\": %d", lectern_process(handle, &more.known, &answer, &err));
    put("short_field", err.field);
    more.known.size = sizeof more;
    printf(", \"longer\": %d", lectern_process(handle, &more.known, &answer, &err));
    lectern_answer_free(answer);
    more.newer = 1;
    printf(", \"newer\": %d", lectern_process(handle, &more.known, &answer, &err));
    put("newer_code", err.code);
    printf(", \"small\": %d", lectern_process(handle, &more.known, &answer, &small));
    printf(", \"small_status\": %d, \"small_code\": %d", small.http_status, small.code[0]);
}

static void services(void)
{
    struct lectern_lease *lease;
    struct lectern_error err = {.size = sizeof err};
    struct lectern_scope scope = {.size = sizeof scope, .site = request.site, .user = request.user, .roles = request.roles,
                                  .course_id = request.course_id, .location_id = request.location_id, .placement = request.placement};
    struct lectern_request leased = {.size = sizeof leased, .action = request.action, .input = request.input};
    if (manifest) {
        printf(", \"declare\": %d", lectern_declare(handle, manifest, &err));
        put("declare_code", err.code);
        put("declare_field", err.field);
    }
    put("probe", lectern_service_status_name(lectern_probe(handle, component, service, &scope)));
    put("acquire", lectern_service_status_name(lectern_acquire(handle, component, service, &scope, &lease)));
    if (lease) {
        int major, minor;
        const char *plugin;
        lectern_lease_about(lease, &major, &minor, &plugin);
        printf(", \"major\": %d, \"minor\": %d", major, minor);
        put("plugin", plugin);
        if (slow_ms) /* somebody changes what is configured */
            usleep((useconds_t)slow_ms * 1000);
        leased.lease = request.lease = lease;
        if (stop_after) /* both at once */
            leased = request;
        request = leased;
        process();
    }
    lectern_release(lease);
}

/* Asks again and again until it is answered so. */
static void until(void)
{
    for (int i = 0; i < 600; i++) {
        struct lectern_answer *answer;
        lectern_process(handle, &request, &answer, NULL);
        int so = strcmp(lectern_answer_error(answer)->code, until_code) == 0;
        lectern_answer_free(answer);
        if (so) {
            put("until", until_code);
            return;
        }
        usleep(200000);
    }
}

static const struct {
    const char *name;
    void (*run)(void);
} modes[] = {{"process", process}, {"wait", wait_for_it}, {"cancel", cancel}, {"close", close_over_it}, {"let_go", let_go}, {"crowd", crowd},
             {"from_callback", from_callback}, {"second", second}, {"again", again}, {"flood", flood}, {"sizes", sizes},
             {"services", services}, {"until", until}};

/* ---- arguments ---- */

#define TEXT(member, key) if (strcmp(name, key) == 0) { member = value; return; }
#define NUMBER(member, key) if (strcmp(name, key) == 0) { member = atoi(value); return; }

static void set(char *name)
{
    char *value = strchr(name, '=');
    *value++ = '\0';
    TEXT(options.data_dir, "data_dir") TEXT(options.setup, "setup") TEXT(options.tls_ca, "tls_ca") TEXT(options.log_level, "log_level")
    TEXT(options.outbound_allow, "outbound_allow") NUMBER(options.beside_daemon, "beside_daemon") TEXT(log_to, "log") TEXT(until_code, "until")
    TEXT(manifest, "manifest") TEXT(component, "component") TEXT(service, "service")
    NUMBER(options.max_calls, "max_calls") NUMBER(options.open_timeout_ms, "open_timeout_ms")
    TEXT(request.site, "site") TEXT(request.user, "user") TEXT(request.roles, "roles") TEXT(request.course_id, "course_id")
    TEXT(request.location_id, "location_id") TEXT(request.placement, "placement") TEXT(request.action, "action") TEXT(request.input, "input")
    NUMBER(request.input_n, "input_n") TEXT(request.provider, "provider") NUMBER(request.policy_asked, "policy_asked")
    NUMBER(request.timeout_ms, "timeout_ms") TEXT(request.locale, "locale") TEXT(policy, "policy") NUMBER(stop_after, "stop_after")
    NUMBER(slow_ms, "slow_ms") NUMBER(calls_n, "calls") NUMBER(threads_n, "threads") NUMBER(patience_ms, "patience_ms")
    if (strcmp(name, "stream") == 0)
        request.on_piece = on_piece;
    else
        abort();
}

static struct signals {
    sigset_t mask;
    void (*handlers[32])(int);
} signals_before;

static void read_signals(struct signals *s)
{
    pthread_sigmask(SIG_SETMASK, NULL, &s->mask);
    for (int i = 1; i < 32; i++) {
        struct sigaction action;
        if (sigaction(i, NULL, &action) == 0)
            s->handlers[i] = action.sa_handler;
    }
}

/* The program's signals are as they were. */
static int signals_untouched(void)
{
    struct signals now = {0};
    read_signals(&now);
    for (int i = 1; i < 32; i++)
        if (sigismember(&now.mask, i) != sigismember(&signals_before.mask, i) || now.handlers[i] != signals_before.handlers[i])
            return 0;
    return 1;
}

/* Does not wait for it to open: what was begun ends by itself, and then there can be another. */
static void open_hastily(void)
{
    struct lectern_error err = {.size = sizeof err};
    options.open_timeout_ms = 1;
    int rc = lectern_open(&options, &handle, &err);
    printf("{\"hasty\": %d", rc);
    put("hasty_code", err.code);
    lectern_close(handle, 0);
    options.open_timeout_ms = 0;
    while (lectern_open(&options, &handle, &err) != LECTERN_DONE && strcmp(err.code, "conflict") == 0)
        usleep(10000);
    put_error(&err);
    process();
    printf(", \"close\": %d", lectern_close(handle, 0));
}

static void run(const char *mode)
{
    struct lectern_error err = {.size = sizeof err};
    if (strcmp(mode, "hasty") == 0) {
        open_hastily();
        return;
    }
    int rc = lectern_open(&options, &handle, &err);
    printf("{\"version\": \"%s\", \"open\": %d", lectern_version(), rc);
    if (rc != LECTERN_DONE) {
        put_error(&err);
        return;
    }
    if (policy) {
        printf(", \"accept\": %d", lectern_accept_policy(handle, request.site, request.user, policy, 0, &err));
        put("accept_code", err.code);
    }
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        if (strcmp(modes[i].name, mode) == 0)
            modes[i].run();
    printf(", \"close\": %d", lectern_close(handle, (uint32_t)patience_ms));
}

int main(int argc, char **argv)
{
    read_signals(&signals_before);
    for (int i = 2; i < argc; i++)
        set(argv[i]);
    if (log_to)
        options.log = on_line;
    run(argv[1]);
    printf(", \"pieces\": %d, \"streamed\": ", seen.pieces);
    put_text(seen.text, seen.text_n < sizeof seen.text ? seen.text_n : sizeof seen.text);
    printf(", \"streamed_n\": %zu, \"my_thread\": %d, \"signals\": %d}\n", seen.text_n,
           seen.pieces + seen.ends > 0 && pthread_equal(seen.thread, pthread_self()), signals_untouched());
    return 0;
}
