/* posix_spawn, one control socket, a socket pair for each call. */
#include "plugin/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/secret.h"
#include "io/conn.h"
#include "plugin/ask.h"
#include "plugin/host.h"
#include "plugin/inside.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SHADOW 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SHADOW 1
#endif
#endif

enum { END_MS = 2000, POLL_MS = 5, HELLO_MAX = 4096, READ_STEP = 16384 };

struct lt_plugin_child {
    atomic_int refs;
    struct lt_inside *inside; /* its library is in this process; the rest is of the trial, which has ended */
    int control;
    pid_t pid;
    pthread_mutex_t lock;     /* of what follows */
    bool reaped;
    int status;
};

/* ---- starting ---- */

/* Secrets of the daemon's environment stay there. */
static char **environment(struct lt_arena *arena)
{
    static const char *const names[] = {"PATH", "LANG", "TZ", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"};
    return lt_environment_of(arena, names, LT_COUNT(names));
}

static void prepare(posix_spawn_file_actions_t *files, posix_spawnattr_t *attr, int control)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(files);
    posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(files, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(files, control, LT_PLUGIN_CONTROL_FD);
    posix_spawn_file_actions_addclosefrom_np(files, LT_PLUGIN_CONTROL_FD + 1);
    posix_spawnattr_init(attr);
    posix_spawnattr_setsigmask(attr, &none);
    posix_spawnattr_setsigdefault(attr, &all);
    posix_spawnattr_setpgroup(attr, 0); /* Ctrl-C is the daemon's */
    posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
}

static int spawn(const char *program, const struct lt_manifest *m, const char *library, int control, pid_t *ret)
{
    struct lt_arena *arena = lt_arena_new();
    char *own[] = {lt_strz(arena, LT_STR("lectern")), lt_strz(arena, LT_STR("plugin")), lt_strz(arena, LT_STR("host")),
                   lt_strz(arena, lt_str(library)), NULL};
    char *theirs[LT_MANIFEST_COMMAND_MAX + 1] = {0};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    for (size_t i = 0; m->command[i]; i++)
        theirs[i] = lt_strz(arena, lt_str(m->command[i]));
    prepare(&files, &attr, control);
    int rc = theirs[0] ? posix_spawnp(ret, theirs[0], &files, &attr, theirs, environment(arena))
                       : posix_spawn(ret, program, &files, &attr, own, environment(arena));
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    lt_arena_free(arena);
    return rc;
}

static void limit(pid_t pid, int what, uint64_t n)
{
    struct rlimit l = {(rlim_t)n, (rlim_t)n};
    prlimit(pid, what, &l, NULL);
}

/* From outside, so that they hold for commands too; what it has done before is the loading of a program. */
static void set_limits(pid_t pid, bool is_command)
{
#ifdef HAS_SHADOW
    bool memory = is_command; /* the shadow memory of a library's process is larger than any limit */
#else
    bool memory = true;
#endif
    limit(pid, RLIMIT_CORE, 0);
    limit(pid, RLIMIT_NOFILE, LT_PLUGIN_FILES_MAX);
    if (memory)
        limit(pid, RLIMIT_DATA, LT_PLUGIN_MEMORY_MAX);
}

static bool reap(struct lt_plugin_child *c)
{
    pthread_mutex_lock(&c->lock);
    if (!c->reaped && waitpid(c->pid, &c->status, WNOHANG) == c->pid)
        c->reaped = true;
    bool reaped = c->reaped;
    pthread_mutex_unlock(&c->lock);
    return reaped;
}

static bool wait_end(struct lt_plugin_child *c, uint64_t ms)
{
    uint64_t until = lt_mono_ms() + ms;
    while (!reap(c)) {
        if (lt_mono_ms() >= until)
            return false;
        poll(NULL, 0, POLL_MS);
    }
    return true;
}

/* Not behind reap(): the id may be another process's. */
static void kill_now(struct lt_plugin_child *c)
{
    pthread_mutex_lock(&c->lock);
    if (!c->reaped)
        kill(c->pid, SIGKILL);
    pthread_mutex_unlock(&c->lock);
    wait_end(c, END_MS);
}

struct lt_str lt_plugin_child_end(struct lt_plugin_child *c, struct lt_arena *arena)
{
    if (!wait_end(c, END_MS))
        kill_now(c);
    if (WIFSIGNALED(c->status))
        return lt_printf(arena, "signal %d (%s)", WTERMSIG(c->status), strsignal(WTERMSIG(c->status)));
    return lt_printf(arena, "exit code %d", WEXITSTATUS(c->status));
}

static enum lt_code died(struct lt_plugin_child *c, const char *when, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_str how = lt_plugin_child_end(c, arena);
    lt_fail(err, LT_EUPSTREAM_UNAVAILABLE, "its process ended %s: %.*s", when, LT_FMT(how));
    lt_arena_free(arena);
    return err->code;
}

/* Its first packets are lines for the log, the last of them says whether it is up. */
static enum lt_code hear(struct lt_plugin_child *c, struct lt_error *err)
{
    char text[HELLO_MAX];
    struct pollfd p = {.fd = c->control, .events = POLLIN};
    const struct lt_json *v;
    uint64_t until = lt_mono_ms() + LT_PLUGIN_START_MS, now;
    int rc = 0;
    while ((now = lt_mono_ms()) < until && (rc = poll(&p, 1, (int)(until - now))) < 0 && errno == EINTR)
        ;
    if (rc <= 0)
        return lt_fail(err, LT_ETIMEOUT, "it did not come up in %d s", LT_PLUGIN_START_MS / 1000);
    ssize_t n = recv(c->control, text, sizeof(text), 0);
    if (n <= 0)
        return died(c, "while it came up", err);
    struct lt_arena *arena = lt_arena_new();
    enum lt_code code = LT_ECONFIG;
    if (lt_json_parse(arena, (struct lt_str){text, (size_t)n}, LT_JSON_STRICT, &v, NULL))
        lt_fail(err, LT_ECONFIG, "its first word is no JSON");
    else if ((code = lt_code_parse(lt_json_str(lt_json_get(v, "code")), LT_ECONFIG)) != LT_OK)
        lt_fail(err, code, "%.*s", LT_FMT(lt_json_str(lt_json_get(v, "detail"))));
    lt_arena_free(arena);
    return code;
}

static void end_process(struct lt_plugin_child *c)
{
    close(c->control); /* the plugin's sign to go */
    c->control = -1;
    if (!wait_end(c, END_MS))
        kill_now(c);
}

static enum lt_code move_inside(struct lt_plugin_child *c, const struct lt_manifest *m, const char *library, struct lt_error *err)
{
    end_process(c);
    return lt_inside_open(library, m, &c->inside, err);
}

enum lt_code lt_plugin_child_start(const char *program, const struct lt_manifest *m, const char *library, struct lt_plugin_child **ret,
                                   struct lt_error *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return lt_fail(err, LT_EOVERLOADED, "no descriptor is left");
    struct lt_plugin_child *c = calloc(1, sizeof(*c));
    if (!c)
        lt_out_of_memory(0);
    *c = (struct lt_plugin_child){.refs = 1, .control = pair[0]};
    pthread_mutex_init(&c->lock, NULL);
    int rc = spawn(program, m, library, pair[1], &c->pid);
    close(pair[1]);
    if (rc != 0) {
        c->reaped = true;
        lt_fail(err, LT_EUPSTREAM_UNAVAILABLE, "it cannot be started: %s", strerror(rc));
    } else {
        set_limits(c->pid, m->command[0] != NULL);
        if (!hear(c, err) && (!m->in_process || !move_inside(c, m, library, err))) {
            *ret = c;
            return LT_OK;
        }
    }
    struct lt_error why = *err;
    if (why.code == LT_ETIMEOUT)
        kill_now(c);
    lt_plugin_child_unref(c);
    *err = why;
    return why.code;
}

struct lt_plugin_child *lt_plugin_child_ref(struct lt_plugin_child *c)
{
    atomic_fetch_add(&c->refs, 1);
    return c;
}

bool lt_plugin_child_ended(struct lt_plugin_child *c)
{
    return !c->inside && reap(c);
}

bool lt_plugin_child_idle(struct lt_plugin_child *c)
{
    return atomic_load(&c->refs) == 1;
}

void lt_plugin_child_unref(struct lt_plugin_child *c)
{
    if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
        return;
    if (c->inside)
        lt_inside_close(c->inside);
    else if (c->control >= 0)
        end_process(c);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* ---- a call ---- */

static bool pass(int control, int fd)
{
    char byte = 'c';
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control_data = {0};
    struct iovec iov = {&byte, 1};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control_data, .msg_controllen = sizeof(control_data)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    return sendmsg(control, &m, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
}

/* A connection to the plugin; NULL with err. *ret_died: nobody is there. */
static struct lt_conn *connect_to(struct lt_plugin_child *child, bool *ret_died, struct lt_error *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        lt_fail(err, LT_EOVERLOADED, "no descriptor is left");
        return NULL;
    }
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    bool passed = pass(child->control, pair[1]);
    *ret_died = !passed && (errno == EPIPE || errno == ECONNRESET);
    close(pair[1]);
    struct lt_conn *conn = passed ? lt_conn_adopt(lt_loop_self(), pair[0], NULL) : NULL;
    if (conn)
        return conn;
    close(pair[0]);
    lt_fail(err, *ret_died ? LT_EUPSTREAM_UNAVAILABLE : LT_EOVERLOADED, *ret_died ? "its process has ended" : "too many calls wait for it");
    return NULL;
}

struct talk {
    struct lt_conn *conn;
    const struct lt_plugin_call *call;
    struct lt_str id;
    struct lt_buf in;
    struct lt_plugin_asker asker;
    bool died;
};

static enum lt_code read_line(struct talk *t, struct lt_arena *arena, struct lt_str *ret, struct lt_error *err)
{
    size_t looked = 0;
    for (;;) {
        const char *end = t->in.n > looked ? memchr(t->in.p + looked, '\n', t->in.n - looked) : NULL;
        if (end) {
            *ret = lt_str_copy(arena, (struct lt_str){t->in.p, (size_t)(end - t->in.p)});
            lt_buf_consume(&t->in, ret->n + 1);
            return LT_OK;
        }
        size_t n = 0;
        looked = t->in.n;
        if (!lt_buf_reserve(&t->in, READ_STEP))
            return lt_fail(err, LT_EUPSTREAM_INVALID, "it answers with more than %d bytes", LT_PLUGIN_LINE_MAX);
        enum lt_code rc = lt_conn_read(t->conn, t->in.p + t->in.n, READ_STEP, t->call->deadline_ms, &n);
        if (rc == LT_ETIMEOUT || rc == LT_ECANCELLED)
            return lt_fail(err, rc, rc == LT_ETIMEOUT ? "it did not answer in time" : "the caller left");
        t->died = rc != LT_OK || n == 0;
        if (t->died)
            return lt_fail(err, LT_EUPSTREAM_UNAVAILABLE, "its process ended in the middle of a call");
        t->in.n += n;
    }
}

static enum lt_code send_line(struct talk *t, struct lt_buf *out, struct lt_error *err)
{
    lt_buf_putc(out, '\n');
    enum lt_code rc = out->failed ? LT_ETOO_LARGE : lt_conn_write(t->conn, out->p, out->n, t->call->deadline_ms);
    lt_buf_free(out);
    t->died = rc == LT_EIO;
    return rc ? lt_fail(err, rc == LT_EIO ? LT_EUPSTREAM_UNAVAILABLE : rc, "it cannot be asked") : LT_OK;
}

static enum lt_code send_request(struct talk *t, struct lt_error *err)
{
    const struct lt_plugin_call *call = t->call;
    struct lt_buf out;
    struct lt_jw w;
    uint64_t now = lt_mono_ms();
    lt_buf_init(&out, LT_PLUGIN_LINE_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    lt_jw_kstrz(&w, "kind", lt_kind_name(call->kind));
    lt_jw_kstr(&w, "name", call->name);
    lt_jw_kstr(&w, "method", call->method);
    lt_jw_kint(&w, "ms", call->deadline_ms > now ? (int64_t)(call->deadline_ms - now) : 0);
    lt_jw_key(&w, "request");
    lt_jw_raw(&w, call->request);
    lt_jw_end(&w);
    return send_line(t, &out, err);
}

static enum lt_code serve_ask(struct talk *t, const struct lt_json *v, struct lt_error *err)
{
    struct lt_buf out;
    lt_buf_init(&out, LT_PLUGIN_LINE_MAX + 1);
    lt_buf_put_str(&out, lt_plugin_ask(&t->asker, v));
    return send_line(t, &out, err);
}

static void serve_log(const struct talk *t, const struct lt_json *v)
{
    int64_t level = lt_json_int64_or(lt_json_get(v, "log"), LT_LOG_ERROR);
    lt_log(level >= LT_LOG_DEBUG && level <= LT_LOG_ERROR ? (enum lt_log_level)level : LT_LOG_ERROR, "plugin.log", LT_SS("plugin", t->id),
           LT_SS("text", lt_json_str(lt_json_get(v, "text"))));
}

/* Only codes that a plugin may say; what else it says is its own fault. */
static enum lt_code take_end(const struct lt_json *v, const struct lt_json **ret, struct lt_error *err)
{
    static const enum lt_code allowed[] = {LT_EINVALID_INPUT, LT_ENOT_FOUND, LT_EPERMISSION, LT_ETIMEOUT, LT_EUNSUPPORTED,
                                           LT_EUPSTREAM_UNAVAILABLE, LT_EUPSTREAM_INVALID, LT_ETOO_LARGE};
    enum lt_code said = lt_code_parse(lt_json_str(lt_json_get(v, "code")), LT_EINTERNAL), code = LT_EINTERNAL;
    *ret = lt_json_get(v, "answer");
    if (said == LT_OK)
        return LT_OK;
    for (size_t i = 0; i < LT_COUNT(allowed); i++)
        if (said == allowed[i])
            code = said;
    char field[sizeof(err->field)];
    snprintf(field, sizeof(field), "%.*s", LT_FMT(lt_json_str(lt_json_get(v, "field"))));
    return lt_fail_field(err, code, field, "%.*s", LT_FMT(lt_json_str(lt_json_get(v, "detail"))));
}

/* A piece of the answer's text. */
static enum lt_code serve_piece(struct talk *t, const struct lt_json *v, struct lt_error *err)
{
    const struct lt_plugin_call *call = t->call;
    struct lt_str piece = lt_json_str(lt_json_get(v, "piece"));
    if (!call->on_text)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "it gives a piece of text where none is taken");
    return piece.n > 0 ? call->on_text(call->ctx, piece, err) : LT_OK;
}

static void free_arena(void *arena)
{
    lt_arena_free(arena);
}

/* One line, in its arena. *ret_end: it was the last. */
static enum lt_code serve_line(struct talk *t, struct lt_arena *arena, const struct lt_json **ret, bool *ret_end, struct lt_error *err)
{
    struct lt_str line;
    const struct lt_json *v;
    if (read_line(t, arena, &line, err))
        return err->code;
    if (lt_json_parse(arena, line, LT_JSON_STRICT, &v, err))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "its answer is no JSON");
    *ret_end = lt_json_get(v, "code") != NULL;
    if (*ret_end)
        return take_end(v, ret, err);
    if (lt_json_get(v, "piece"))
        return serve_piece(t, v, err);
    if (!lt_json_get(v, "log"))
        return serve_ask(t, v, err);
    serve_log(t, v);
    return LT_OK;
}

/* What it says on the way is forgotten line by line; its answer stays as long as the call's arena. */
static enum lt_code converse(struct talk *t, const struct lt_json **ret, struct lt_error *err)
{
    bool end = false;
    enum lt_code rc = send_request(t, err);
    while (rc == LT_OK && !end) {
        struct lt_arena *arena = lt_arena_new();
        rc = serve_line(t, arena, ret, &end, err);
        if (end)
            lt_arena_on_free(t->call->arena, free_arena, arena);
        else
            lt_arena_free(arena);
    }
    return rc;
}

enum lt_code lt_plugin_child_call(struct lt_plugin_child *child, struct lt_str id, struct lt_component *component, const struct lt_plugin_call *call,
                                  const struct lt_json **ret, bool *ret_died, struct lt_error *err)
{
    *ret_died = false;
    if (child->inside)
        return lt_inside_call(child->inside, component, call, ret, err);
    struct talk t = {.call = call, .id = id, .asker = {.call = call, .component = component}, .conn = connect_to(child, ret_died, err)};
    if (!t.conn)
        return err->code;
    lt_buf_init(&t.in, LT_PLUGIN_LINE_MAX);
    enum lt_code rc = converse(&t, ret, err);
    lt_plugin_asker_end(&t.asker);
    *ret_died = t.died;
    lt_buf_free(&t.in);
    lt_conn_close(t.conn, false);
    return rc;
}
