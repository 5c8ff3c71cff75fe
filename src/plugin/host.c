/* One thread for each call; the first one takes connections. */
#include "plugin/host.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "plugin/library.h"

struct host {
    struct lt_library library;
    sem_t room;               /* for calls */
};

struct job {
    struct host *host;
    int fd;
    struct lt_buf in;         /* what has come; a line is at its front */
};

/* ---- lines ---- */

static bool write_all(int fd, struct lt_str text)
{
    while (text.n > 0) {
        ssize_t n = send(fd, text.p, text.n, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        text = (struct lt_str){text.p + n, text.n - (size_t)n};
    }
    return true;
}

/* A line as it stands in j->in until the next one is read. */
static bool read_line(struct job *j, struct lt_arena *arena, struct lt_str *ret)
{
    size_t looked = 0;
    for (;;) {
        const char *end = j->in.n > looked ? memchr(j->in.p + looked, '\n', j->in.n - looked) : NULL;
        if (end) {
            *ret = lt_str_copy(arena, (struct lt_str){j->in.p, (size_t)(end - j->in.p)});
            lt_buf_consume(&j->in, ret->n + 1);
            return true;
        }
        looked = j->in.n;
        if (!lt_buf_reserve(&j->in, 16384))
            return false;
        ssize_t n = read(j->fd, j->in.p + j->in.n, 16384);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        j->in.n += (size_t)n;
    }
}

static void begin(struct lt_buf *out, struct lt_jw *w)
{
    lt_buf_init(out, LT_PLUGIN_LINE_MAX);
    lt_jw_init(w, out);
    lt_jw_obj(w);
}

static bool end(struct lt_buf *out, struct lt_jw *w, int fd)
{
    lt_jw_end(w);
    lt_buf_putc(out, '\n');
    bool ok = !out->failed && write_all(fd, lt_buf_str(out));
    lt_buf_free(out);
    return ok;
}

static void say(int fd, enum lt_code code, struct lt_str answer, const struct lt_error *err)
{
    struct lt_buf out;
    struct lt_jw w;
    begin(&out, &w);
    lt_jw_kstrz(&w, "code", lt_code_name(code));
    if (code) {
        lt_jw_kstrz(&w, "field", err->field);
        lt_jw_kstrz(&w, "detail", err->detail);
    } else if (answer.n > 0) {
        lt_jw_key(&w, "answer");
        lt_jw_raw(&w, answer);
    }
    end(&out, &w, fd);
}

/* ---- what a call asks of the daemon ---- */

static void send_log(void *ctx, enum lt_log_level level, struct lt_str text)
{
    const struct job *j = ctx;
    struct lt_buf out;
    struct lt_jw w;
    begin(&out, &w);
    lt_jw_kint(&w, "log", level);
    lt_jw_kstr(&w, "text", text);
    end(&out, &w, j->fd);
}

static int32_t send_piece(void *ctx, struct lt_str text)
{
    const struct job *j = ctx;
    struct lt_buf out;
    struct lt_jw w;
    begin(&out, &w);
    lt_jw_kstr(&w, "piece", text);
    return end(&out, &w, j->fd) ? LECTERN_OK : LECTERN_ECANCELLED;
}

static bool has_left(void *ctx)
{
    const struct job *j = ctx;
    struct pollfd p = {.fd = j->fd, .events = POLLRDHUP};
    return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

static enum lt_code ask(void *ctx, struct lt_arena *arena, struct lt_str question, const struct lt_json **ret)
{
    struct job *j = ctx;
    struct lt_str line;
    if (!write_all(j->fd, question) || !read_line(j, arena, &line) || lt_json_parse(arena, line, LT_JSON_STRICT, ret, NULL))
        return LT_ECANCELLED;
    return lt_code_parse(lt_json_str(lt_json_get(*ret, "code")), LT_EINTERNAL);
}

/* ---- calls ---- */

static enum lt_kind kind_of(struct lt_str name)
{
    for (int kind = 0; kind < LT_KIND_COUNT; kind++)
        if (lt_str_is(name, lt_kind_name((enum lt_kind)kind)))
            return (enum lt_kind)kind;
    return LT_KIND_COUNT;
}

static void answer(struct job *j, struct lt_arena *arena)
{
    struct lt_error err = {0};
    struct lt_str line, text = LT_STR("");
    const struct lt_json *tree;
    struct lt_library_user user = {.ask = ask, .log = send_log, .left = has_left, .ctx = j};
    if (!read_line(j, arena, &line))
        return;
    if (lt_json_parse(arena, line, LT_JSON_STRICT, &tree, &err)) {
        say(j->fd, err.code, text, &err);
        return;
    }
    struct lt_library_call call = {.arena = arena,
                                   .kind = kind_of(lt_json_str(lt_json_get(tree, "kind"))),
                                   .name = lt_json_str(lt_json_get(tree, "name")),
                                   .method = lt_json_str(lt_json_get(tree, "method")),
                                   .request = lt_json_text(arena, lt_json_get(tree, "request")),
                                   .deadline_ms = lt_mono_ms() + (uint64_t)lt_json_int64_or(lt_json_get(tree, "ms"), 0),
                                   .user = &user};
    user.piece = call.kind == LT_KIND_PROVIDER || call.kind == LT_KIND_ORCHESTRATOR ? send_piece : NULL;
    enum lt_code rc = lt_library_call(&j->host->library, &call, &text, &err);
    say(j->fd, rc, text, &err);
}

static void *job_thread(void *arg)
{
    struct job *j = arg;
    struct lt_arena *arena = lt_arena_new();
    answer(j, arena);
    lt_arena_free(arena);
    lt_arena_thread_end();
    close(j->fd);
    lt_buf_free(&j->in);
    sem_post(&j->host->room);
    free(j);
    return NULL;
}

static void start_job(struct host *h, int fd)
{
    pthread_t thread;
    struct job *j = calloc(1, sizeof(*j));
    if (!j)
        lt_out_of_memory(0);
    *j = (struct job){.host = h, .fd = fd};
    lt_buf_init(&j->in, LT_PLUGIN_LINE_MAX);
    if (pthread_create(&thread, NULL, job_thread, j) == 0) {
        pthread_detach(thread);
        return;
    }
    close(fd); /* who called sees the end */
    sem_post(&h->room);
    free(j);
}

/* The descriptor that a packet brings; -1 at the end. */
static int receive(void)
{
    for (;;) {
        char byte;
        union {
            struct cmsghdr head;
            char room[CMSG_SPACE(sizeof(int))];
        } control;
        struct iovec iov = {&byte, 1};
        struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
        ssize_t n = recvmsg(LT_PLUGIN_CONTROL_FD, &m, MSG_CMSG_CLOEXEC);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        int fd;
        if (!c || c->cmsg_type != SCM_RIGHTS)
            continue;
        memcpy(&fd, CMSG_DATA(c), sizeof(fd));
        return fd;
    }
}

static void wait_room(struct host *h)
{
    while (sem_wait(&h->room) != 0)
        ; /* EINTR */
}

static void log_nowhere(void *ctx, enum lt_log_level level, struct lt_str text)
{
    lt_log(level, "plugin.log", LT_SS("text", text));
}

static enum lt_code bring_up(struct lt_arena *arena, const char *library, struct lt_library *ret, struct lt_error *err)
{
    static const struct lt_library_user user = {.log = log_nowhere};
    struct lt_manifest manifest;
    if (lt_manifest_read(arena, lt_manifest_beside(arena, library), &manifest, err) || lt_library_open(library, &manifest, ret, err))
        return err->code;
    return lt_library_activate(ret, &user, err);
}

int lt_plugin_host(const char *library)
{
    struct host h = {0};
    struct lt_error err = {0};
    struct lt_arena *arena = lt_arena_new();
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    sem_init(&h.room, 0, LT_PLUGIN_CALLS_MAX);
    enum lt_code rc = bring_up(arena, library, &h.library, &err);
    say(LT_PLUGIN_CONTROL_FD, rc, LT_STR(""), &err);
    for (int fd; rc == LT_OK && (fd = receive()) >= 0;) {
        wait_room(&h);
        start_job(&h, fd);
    }
    for (int i = 0; rc == LT_OK && i < LT_PLUGIN_CALLS_MAX; i++)
        wait_room(&h); /* those that run */
    if (rc == LT_OK)
        lt_library_deactivate(&h.library);
    lt_arena_free(arena);
    return rc ? 1 : 0;
}
