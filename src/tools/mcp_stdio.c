/*
 * MCP over the standard streams of a process: messages are lines. The command runs under `lectern mcp host` (mcp_host.c), which ends it, and all that
 * it has started, when the control socket is closed: so it goes however this process ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/secret.h"
#include "io/conn.h"
#include "io/worker.h"
#include "tools/mcp_session.h"

enum {
    SPEC_MAX = 1 << 20,       /* bytes of what the host is told */
    HOST_WORD_MAX = 1024,
    READ_STEP = 16384,
    WRITE_MS = 10000,         /* a process that does not read for so long is ended */
    LOG_LINE_MAX = 1000,      /* bytes of a line of its standard error that are logged */
    LOG_LINES = 20,           /* of them in LOG_MS; the rest is counted */
    LOG_MS = 10000,
};

/* Who waits for an answer. On its fiber's stack. */
struct waiting {
    struct waiting *next;
    int64_t id;
    struct lt_fiber *fiber;
    struct lt_arena *arena;
    struct lt_str text;       /* of the answer; p NULL: it has not come */
    bool ended;               /* and will not: the process is gone */
};

struct mcp_process {
    struct mcp_session *session; /* NULL: it has let go of the process */
    struct mcp_home *home;
    struct lt_str label;
    struct lt_arena *arena;   /* of itself */
    pid_t pid;                /* of the host */
    struct lt_conn *in, *out, *err, *control;
    struct lt_fiber *reader, *logger;
    struct mcp_gate writing;
    int writers;
    struct waiting *waiting;
    bool ending;
    size_t max_bytes;
    struct lt_str *secrets;
    size_t secrets_n;
};

/* ---- starting ---- */

struct spawning {
    const char *program;
    int fds[4];               /* standard input, output, error; control */
    pid_t pid;
    int rc;
};

/* Secrets of this process's environment stay here; the command's own goes over the control socket. */
static char **host_environment(struct lt_arena *arena)
{
    static const char *const names[] = {"PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"};
    return lt_environment_of(arena, names, LT_COUNT(names));
}

static void spawn(void *arg)
{
    struct spawning *s = arg;
    struct lt_arena *arena = lt_arena_new();
    char *words[] = {lt_strz(arena, LT_STR("lectern")), lt_strz(arena, LT_STR("mcp")), lt_strz(arena, LT_STR("host")), NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    for (int i = 0; i < 4; i++)
        posix_spawn_file_actions_adddup2(&files, s->fds[i], i);
    posix_spawn_file_actions_addclosefrom_np(&files, LT_MCP_CONTROL_FD + 1);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setpgroup(&attr, 0); /* Ctrl-C is the daemon's */
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    s->rc = posix_spawn(&s->pid, s->program, &files, &attr, words, host_environment(arena));
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    lt_arena_free(arena);
}

static void put_texts(struct lt_jw *w, const char *key, const struct lt_str *list, size_t n)
{
    lt_jw_key(w, key);
    lt_jw_arr(w);
    for (size_t i = 0; i < n; i++)
        lt_jw_str(w, list[i]);
    lt_jw_end(w);
}

/* What the host is to run. */
static enum lt_code tell(struct mcp_process *p, const struct lt_mcp_command *c, uint64_t deadline_ms, struct lt_error *err)
{
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, SPEC_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    put_texts(&w, "words", c->words, c->words_n);
    put_texts(&w, "env", c->env, c->env_n);
    lt_jw_kstr(&w, "directory", c->directory);
    lt_jw_end(&w);
    lt_buf_putc(&out, '\n');
    enum lt_code rc = out.failed ? LT_ETOO_LARGE : lt_conn_write(p->control, out.p, out.n, deadline_ms);
    lt_buf_free(&out);
    return rc ? lt_fail(err, rc == LT_EIO ? LT_EUPSTREAM_UNAVAILABLE : rc, "its process cannot be told what to run") : LT_OK;
}

/* The host's word: the command runs, or why not. */
static enum lt_code hear(struct mcp_process *p, uint64_t deadline_ms, struct lt_error *err)
{
    char text[HOST_WORD_MAX];
    size_t n = 0, got = 0;
    enum lt_code rc = LT_OK;
    while (rc == LT_OK && (n == 0 || text[n - 1] != '\n') && n < sizeof(text)) {
        rc = lt_conn_read(p->control, text + n, sizeof(text) - n, deadline_ms, &got);
        if (rc == LT_OK && got == 0)
            rc = LT_EIO;
        n += rc ? 0 : got;
    }
    if (rc)
        return lt_fail(err, rc == LT_EIO ? LT_EUPSTREAM_UNAVAILABLE : rc, rc == LT_ETIMEOUT ? "it did not start in time" : "it did not start");
    struct lt_str word = lt_str_trim((struct lt_str){text, n});
    return lt_str_is(word, "ok") ? LT_OK : lt_fail(err, LT_EUPSTREAM_UNAVAILABLE, "it cannot be started: %.*s", LT_FMT(word));
}

static void close_all(int *fds, int n)
{
    for (int i = 0; i < n; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

/* ---- ending ---- */

void mcp_reap(struct lt_mcp_hub *hub)
{
    int status;
    pthread_mutex_lock(&hub->lock);
    for (int i = 0; i < MCP_GRAVES; i++)
        if (hub->graves[i] && waitpid(hub->graves[i], &status, WNOHANG) == hub->graves[i])
            hub->graves[i] = 0;
    pthread_mutex_unlock(&hub->lock);
}

static void bury(struct lt_mcp_hub *hub, pid_t pid)
{
    mcp_reap(hub);
    pthread_mutex_lock(&hub->lock);
    for (int i = 0; i < MCP_GRAVES && pid; i++)
        if (!hub->graves[i]) {
            hub->graves[i] = pid;
            pid = 0;
        }
    pthread_mutex_unlock(&hub->lock);
    if (pid) /* more end at once than there is room for: a zombie until we end */
        lt_log(LT_LOG_WARN, "mcp.too_many_ends", LT_I("pid", pid));
}

/* Its standard input ends, then the host hears that it is to go. */
static void hang_up(struct mcp_process *p)
{
    lt_conn_close(p->in, false);
    lt_conn_close(p->control, false);
    p->in = p->control = NULL;
}

static void release(struct mcp_process *p)
{
    for (struct waiting *w = p->waiting; w; w = w->next) {
        w->ended = true;
        lt_fiber_wake(w->fiber);
    }
    p->waiting = NULL;
}

/* The reader, the last one that has anything to do with it. */
static void process_free(struct mcp_process *p)
{
    if (p->session)
        p->session->process = NULL;
    hang_up(p);
    release(p);
    lt_fiber_shield();
    if (p->logger)
        lt_fiber_cancel(p->logger);
    while (p->logger || p->writers > 0)
        lt_fiber_sleep(1);
    lt_fiber_unshield();
    lt_conn_close(p->out, false);
    lt_conn_close(p->err, false);
    bury(p->home->hub, p->pid);
    p->home->processes--;
    lt_arena_free(p->arena);
}

void mcp_stdio_end(struct mcp_session *s)
{
    struct mcp_process *p = s->process;
    if (!p)
        return;
    s->process = NULL;
    p->session = NULL;
    p->ending = true;
    hang_up(p);
    release(p);
    lt_fiber_cancel(p->reader);
}

/* ---- writing ---- */

/* With the gate held. Half a line may lie there when it fails: whatever came behind would be read as part of it, so the process is ended. */
static enum lt_code write_now(struct mcp_process *p, struct lt_str body, uint64_t deadline_ms)
{
    struct iovec iov[] = {{(void *)(uintptr_t)body.p, body.n}, {(void *)(uintptr_t)"\n", 1}};
    enum lt_code rc = p->in ? lt_conn_writev(p->in, iov, 2, deadline_ms) : LT_EIO;
    if (rc && rc != LT_EIO && p->reader) {
        p->ending = true;
        lt_fiber_cancel(p->reader);
    }
    return rc;
}

static enum lt_code write_line(struct mcp_process *p, struct lt_str body, uint64_t deadline_ms, struct lt_error *err)
{
    p->writers++;
    enum lt_code rc = mcp_gate_enter(&p->writing, deadline_ms);
    if (rc == LT_OK) {
        rc = write_now(p, body, deadline_ms);
        mcp_gate_leave(&p->writing);
    }
    p->writers--; /* from here on the process may go */
    if (rc == LT_OK)
        return LT_OK;
    return lt_fail(err, rc == LT_EIO ? LT_EUPSTREAM_UNAVAILABLE : rc, rc == LT_EIO        ? "its process has ended"
                                                                      : rc == LT_ETIMEOUT ? "it does not take what it is sent"
                                                                                          : "the caller left");
}

static void send_reply(struct mcp_session *s, struct lt_str body)
{
    struct lt_error ignored;
    if (s->process)
        write_line(s->process, body, lt_loop_now(s->home->loop) + WRITE_MS, &ignored);
}

/* ---- reading ---- */

/* The id that the line answers; 0 when it is no answer. Nobody waits for those of an array, which only revision 2025-03-26 has. */
static int64_t id_of(struct lt_arena *arena, struct lt_str line)
{
    const struct lt_json *v;
    int64_t id = 0;
    if (lt_json_parse(arena, line, LT_JSON_STRICT, &v, NULL) == LT_OK && lt_json_is(v, LT_JSON_OBJECT) && !lt_json_get(v, "method"))
        lt_json_int64(lt_json_get(v, "id"), &id);
    return id;
}

static struct waiting **place_of(struct mcp_process *p, int64_t id)
{
    struct waiting **at = &p->waiting;
    while (*at && (*at)->id != id)
        at = &(*at)->next;
    return at;
}

static enum lt_code take_line(struct mcp_process *p, struct lt_str line, struct lt_error *err)
{
    struct mcp_session *s = p->session;
    struct lt_arena *arena = lt_arena_new();
    struct lt_rpc answer;
    bool found = false;
    int requests = 0;
    int64_t id = id_of(arena, line);
    s->reading++; /* it may be let go of, but stays */
    enum lt_code rc = mcp_take(s, arena, line, *place_of(p, id) ? id : 0, &requests, send_reply, &answer, &found, err);
    s->reading--;
    struct waiting **at = place_of(p, id);
    if (found && *at) {
        struct waiting *w = *at;
        *at = w->next;
        w->text = lt_str_copy(w->arena, line);
        lt_fiber_wake(w->fiber);
    }
    lt_arena_free(arena);
    return rc;
}

static enum lt_code take_lines(struct mcp_process *p, struct lt_buf *in, struct lt_error *err)
{
    const char *end;
    while (p->session && in->n > 0 && (end = memchr(in->p, '\n', in->n)) != NULL) {
        struct lt_str line = {in->p, (size_t)(end - in->p)};
        struct lt_str text = lt_str_trim(line);
        if (text.n > 0 && take_line(p, text, err))
            return err->code;
        lt_buf_consume(in, line.n + 1);
    }
    return LT_OK;
}

static enum lt_code read_lines(struct mcp_process *p, struct lt_buf *in, struct lt_error *err)
{
    for (;;) {
        size_t n = 0;
        if (!lt_buf_reserve(in, READ_STEP))
            return lt_fail(err, LT_EUPSTREAM_INVALID, "it sent a message of more than %zu bytes", p->max_bytes);
        enum lt_code rc = lt_conn_read(p->out, in->p + in->n, READ_STEP, LT_NEVER, &n);
        if (rc || n == 0)
            return lt_fail(err, rc ? rc : LT_EUPSTREAM_UNAVAILABLE, "its process has ended");
        in->n += n;
        if (take_lines(p, in, err))
            return err->code;
    }
}

static void reader(void *arg)
{
    struct mcp_process *p = arg;
    struct lt_buf in;
    struct lt_error err = {0};
    lt_fiber_set_name("mcp server");
    lt_buf_init(&in, p->max_bytes + READ_STEP);
    read_lines(p, &in, &err);
    lt_buf_free(&in);
    if (!p->ending)
        lt_log(LT_LOG_WARN, "mcp.ended", LT_SS("server", p->label), LT_S("detail", err.detail));
    p->reader = NULL;
    process_free(p);
}

/* ---- its standard error ---- */

struct log_state {
    uint64_t since;
    int lines, left_out;
};

static void log_line(struct mcp_process *p, struct log_state *state, struct lt_str line)
{
    uint64_t now = lt_mono_ms();
    if (now - state->since > LOG_MS) {
        if (state->left_out > 0)
            lt_log(LT_LOG_INFO, "mcp.stderr_left_out", LT_SS("server", p->label), LT_I("lines", state->left_out));
        *state = (struct log_state){.since = now};
    }
    if (state->lines++ >= LOG_LINES) {
        state->left_out++;
        return;
    }
    struct lt_arena *arena = lt_arena_new();
    struct mcp_session names = {.secrets = p->secrets, .secrets_n = p->secrets_n};
    struct lt_str text = mcp_session_masked(&names, arena, line);
    if (text.n > LOG_LINE_MAX)
        text.n = lt_utf8_whole(text.p, LOG_LINE_MAX);
    lt_log(LT_LOG_INFO, "mcp.stderr", LT_SS("server", p->label), LT_SS("text", text));
    lt_arena_free(arena);
}

/* Longer lines are logged in pieces, so that a secret can be cut only where one has more than the buffer. */
static void log_lines(struct mcp_process *p, struct log_state *state, char *buf, size_t *n, size_t cap)
{
    struct lt_str rest = {buf, *n};
    const char *end;
    while (rest.n > 0 && (end = memchr(rest.p, '\n', rest.n)) != NULL) {
        struct lt_str line = {rest.p, (size_t)(end - rest.p)};
        if (lt_str_trim(line).n > 0)
            log_line(p, state, lt_str_trim(line));
        rest = (struct lt_str){end + 1, rest.n - line.n - 1};
    }
    if (rest.n == cap) {
        log_line(p, state, rest);
        rest.n = 0;
    }
    memmove(buf, rest.p, rest.n);
    *n = rest.n;
}

static void logger(void *arg)
{
    struct mcp_process *p = arg;
    struct log_state state = {.since = lt_mono_ms()};
    size_t n = 0, got;
    char *buf = lt_alloc(p->arena, READ_STEP);
    lt_fiber_set_name("mcp server's log");
    while (lt_conn_read(p->err, buf + n, READ_STEP - n, LT_NEVER, &got) == LT_OK && got > 0) {
        n += got;
        log_lines(p, &state, buf, &n, READ_STEP);
    }
    p->logger = NULL;
}

/* ---- the whole ---- */

static bool open_pairs(int ours[4], int theirs[4])
{
    for (int i = 0; i < 4; i++) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
            return false;
        fcntl(pair[0], F_SETFL, O_NONBLOCK);
        ours[i] = pair[0];
        theirs[i] = pair[1];
    }
    return true;
}

static bool adopt(struct mcp_process *p, int ours[4])
{
    struct lt_conn **conns[] = {&p->in, &p->out, &p->err, &p->control};
    for (int i = 0; i < 4; i++) {
        *conns[i] = lt_conn_adopt(lt_loop_self(), ours[i], NULL);
        if (!*conns[i])
            return false;
        ours[i] = -1;
    }
    return true;
}

/* Before its fibers run. */
static void give_up(struct mcp_process *p)
{
    hang_up(p);
    lt_conn_close(p->out, false);
    lt_conn_close(p->err, false);
    if (p->pid)
        bury(p->home->hub, p->pid);
    lt_arena_free(p->arena);
}

static struct mcp_process *process_new(struct mcp_session *s)
{
    struct lt_arena *arena = lt_arena_new();
    struct mcp_process *p = LT_NEW(arena, struct mcp_process);
    *p = (struct mcp_process){.session = s, .home = s->home, .arena = arena, .label = lt_str_copy(arena, s->label),
                              .max_bytes = s->server.max_bytes, .secrets_n = s->secrets_n};
    p->secrets = LT_NEW_ARRAY(arena, struct lt_str, s->secrets_n);
    for (size_t i = 0; i < s->secrets_n; i++)
        p->secrets[i] = lt_str_copy(arena, s->secrets[i]);
    return p;
}

static enum lt_code run(struct mcp_process *p, int ours[4], int theirs[4], struct lt_error *err)
{
    struct spawning spawning = {.program = p->home->hub->program, .fds = {theirs[0], theirs[1], theirs[2], theirs[3]}};
    if (lt_work(spawn, &spawning))
        return lt_fail(err, LT_EOVERLOADED, "no worker is free to start it");
    if (spawning.rc)
        return lt_fail(err, LT_EUPSTREAM_UNAVAILABLE, "its process cannot be started: %s", strerror(spawning.rc));
    p->pid = spawning.pid;
    return adopt(p, ours) ? LT_OK : lt_fail(err, LT_EOVERLOADED, "no descriptor is left");
}

enum lt_code mcp_stdio_start(struct mcp_session *s, uint64_t deadline_ms, struct lt_error *err)
{
    struct mcp_process *p = process_new(s);
    int ours[4] = {-1, -1, -1, -1}, theirs[4] = {-1, -1, -1, -1};
    enum lt_code rc = open_pairs(ours, theirs) ? run(p, ours, theirs, err) : lt_fail(err, LT_EOVERLOADED, "no descriptor is left");
    close_all(theirs, 4);
    close_all(ours, 4);
    if (rc || tell(p, s->server.command, deadline_ms, err) || hear(p, deadline_ms, err)) {
        give_up(p);
        return err->code;
    }
    if (lt_fiber_start(s->home->loop, logger, p, &p->logger)) {
        give_up(p);
        return lt_fail(err, LT_EOVERLOADED, "no fiber is free");
    }
    if (lt_fiber_start(s->home->loop, reader, p, &p->reader)) {
        lt_fiber_cancel(p->logger);
        while (p->logger)
            lt_fiber_yield();
        give_up(p);
        return lt_fail(err, LT_EOVERLOADED, "no fiber is free");
    }
    s->process = p;
    s->home->processes++;
    return LT_OK;
}

static enum lt_code await(struct mcp_exchange *x, struct waiting *me, struct lt_error *err)
{
    while (!me->text.p && !me->ended) {
        enum lt_code rc = lt_fiber_wait(x->deadline_ms);
        if (rc && !me->text.p && !me->ended)
            return lt_fail(err, rc, rc == LT_ECANCELLED ? "the caller left" : "it did not answer in time");
    }
    return me->text.p ? LT_OK : lt_fail(err, LT_EUPSTREAM_UNAVAILABLE, "its process ended in the middle of a call");
}

static void ignore_reply(struct mcp_session *s, struct lt_str body)
{
    (void)s;
    (void)body;
}

enum lt_code mcp_stdio_exchange(struct mcp_exchange *x, struct lt_error *err)
{
    struct mcp_process *p = x->session->process;
    struct waiting me = {.id = x->id, .fiber = lt_fiber_self(), .arena = x->arena};
    if (!p)
        return lt_fail(err, LT_EUPSTREAM_UNAVAILABLE, "its process has ended");
    if (x->id == 0)
        return write_line(p, x->body, x->deadline_ms, err);
    me.next = p->waiting;
    p->waiting = &me;
    enum lt_code rc = write_line(p, x->body, x->deadline_ms, err);
    if (rc == LT_OK)
        rc = await(x, &me, err);
    if (!me.text.p && !me.ended) {
        struct waiting **at = &p->waiting;
        while (*at != &me)
            at = &(*at)->next;
        *at = me.next;
    }
    if (rc)
        return rc;
    return mcp_take(x->session, x->arena, me.text, x->id, &x->server_requests, ignore_reply, &x->answer, &x->found, err);
}
