/*
 * This process among those on its database (core/member.h): it joins at the start and leaves at the end. On PostgreSQL it says in between that it
 * lives, and recovers what others left open that do not: those not seen for LT_MEMBER_DEAD_MS. Who has itself not been seen regularly for so long does
 * not judge: then it was perhaps the database that nobody reached.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "core/master_key.h"
#include "core/member.h"
#include "daemon/daemon.h"

enum { HOST_MAX = 256, KERNEL_MAX = 64, REGULAR_MS = 2 * LT_MEMBER_BEAT_MS, BEAT_EVERY = LT_MEMBER_BEAT_MS / LT_MEMBER_LOOK_MS };

struct lt_daemon_members {
    struct lt_member self;     /* its strings are the settings' */
    struct lt_fiber *fiber;    /* on its loop only */
    atomic_bool draining, busy;
    uint64_t steady_ms, beat_ms; /* since when beats have come regularly; the last one (monotonic) */
    bool failing;
};

/* ---- who it is ---- */

/*
 * The same for two processes only if both have had the lock of the same file on the same running system: then the first is gone. A copy of the
 * directory has another inode, and another machine another kernel, even if it shares the directory.
 */
static enum lt_code home(struct lt_daemon *d, int lock, struct lt_str *ret, struct lt_error *err)
{
    struct stat st;
    char kernel[KERNEL_MAX] = "";
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
    bool known = f && fgets(kernel, sizeof(kernel), f);
    if (f)
        fclose(f);
    if (fstat(lock, &st) != 0)
        return lt_fail(err, LT_EIO, "the lock of the data directory cannot be looked at");
    kernel[strcspn(kernel, "\n")] = '\0';
    *ret = known ? lt_printf(d->settings->arena, "%s:%llx:%llx", kernel, (unsigned long long)st.st_dev, (unsigned long long)st.st_ino)
                 : LT_STR(""); /* it waits until the old one is found dead */
    return LT_OK;
}

static enum lt_code describe(struct lt_daemon *d, int lock, struct lt_member *ret, struct lt_error *err)
{
    char host[HOST_MAX] = "";
    gethostname(host, sizeof(host) - 1);
    *ret = (struct lt_member){.pid = getpid(), .version = LT_STR(LECTERN_VERSION), .host = lt_printf(d->settings->arena, "%s", host)};
    return home(d, lock, &ret->home, err);
}

/* ---- recovering ---- */

static enum lt_code recover(struct lt_daemon *d, int64_t process, bool own_files, struct lt_error *err)
{
    struct lt_store *store = d->engine.store;
    size_t tasks, keys;
    if (lt_manager_recover(d->engine.manager, process, own_files, err))
        return err->code;
    if (lt_task_recover(store, process, &tasks, err))
        return lt_error_wrap(err, "tasks");
    if (tasks > 0)
        lt_log(LT_LOG_WARN, "tasks.recovered", LT_I("interrupted", tasks));
    if (lt_api_recover(store, process, &keys, err))
        return lt_error_wrap(err, "keys of idempotency");
    if (keys > 0)
        lt_log(LT_LOG_WARN, "idempotency.recovered", LT_I("interrupted", keys));
    return LT_OK;
}

/* What it began between its death and its noticing, and did not end, is recovered when its row goes. */
static enum lt_code bury(struct lt_daemon *d, int64_t id, struct lt_error *err)
{
    return recover(d, id, false, err) ? err->code : lt_member_drop(d->engine.store, id, err);
}

/* Rows that m's process had before, when it was taken for dead: it has noticed since, as it has another one, and begins nothing more under them. */
static enum lt_code bury_earlier(struct lt_daemon *d, const struct lt_member *m, const struct lt_member *list, size_t n, struct lt_error *err)
{
    enum lt_code rc = LT_OK;
    for (size_t i = 0; i < n && !rc; i++)
        if (m->home.n > 0 && list[i].recovered_at > 0 && list[i].id < m->id && lt_str_eq(list[i].home, m->home))
            rc = bury(d, list[i].id, err);
    return rc;
}

/* One that is dead, if nobody else does it. */
static enum lt_code take_over(struct lt_daemon *d, const struct lt_member *m, const struct lt_member *list, size_t n, int64_t now,
                              struct lt_error *err)
{
    struct lt_store *store = d->engine.store;
    enum lt_code rc = lt_member_claim(store, m, err);
    if (rc == LT_ECONFLICT) /* it lives, or somebody was first */
        return LT_OK;
    if (rc)
        return rc;
    lt_log(LT_LOG_WARN, "process.dead", LT_I("process", m->id), LT_SS("host", m->host), LT_I("pid", m->pid), LT_I("silent_ms", now - m->seen_at));
    if (bury_earlier(d, m, list, n, err) || recover(d, m->id, false, err))
        return err->code;
    return lt_member_recovered(store, m->id, err);
}

static const struct lt_member *find(const struct lt_member *list, size_t n, int64_t id)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].id == id)
            return &list[i];
    return NULL;
}

static bool lives(const struct lt_member *m)
{
    return m && m->dead_at == 0;
}

/* Is it to be taken over? Who died while it recovered another has left that undone. */
static bool due(const struct lt_daemon *d, const struct lt_member *m, const struct lt_member *list, size_t n, int64_t now)
{
    int64_t own = lt_store_process(d->engine.store);
    if (m->id == own || m->recovered_at > 0)
        return false;
    return lives(m) ? now - m->seen_at >= LT_MEMBER_DEAD_MS : m->claimed_by == own || !lives(find(list, n, m->claimed_by));
}

static enum lt_code judge(struct lt_daemon *d, bool steady, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_member *list;
    size_t n;
    int64_t now;
    enum lt_code rc = lt_member_list(d->engine.store, arena, &list, &n, &now, err);
    for (size_t i = 0; i < n && !rc; i++) {
        const struct lt_member *m = &list[i];
        if (steady && due(d, m, list, n, now))
            rc = take_over(d, m, list, n, now, err);
        else if (m->recovered_at > 0 && now - m->dead_at >= LT_MEMBER_KEPT_MS)
            rc = bury(d, m->id, err);
    }
    lt_arena_free(arena);
    return rc;
}

/* ---- living ---- */

/* It was paused, or cut off. What runs was recovered by others, so it ends here; what comes now is begun under a new number. */
static enum lt_code join_again(struct lt_daemon *d, struct lt_error *err)
{
    struct lt_daemon_members *s = d->members;
    int64_t old = lt_store_process(d->engine.store);
    if (lt_member_join(d->engine.store, &s->self, err))
        return err->code;
    lt_log(LT_LOG_ERROR, "process.declared_dead", LT_I("process", old), LT_I("silent_ms", lt_mono_ms() - s->beat_ms),
           LT_I("now", lt_store_process(d->engine.store)), LT_S("meaning", "others have taken over what ran here; it is broken off"));
    lt_task_queue_lost(d->tasks);
    lt_manager_lost(d->engine.manager);
    s->steady_ms = lt_mono_ms();
    return LT_OK;
}

static enum lt_code beat(struct lt_daemon *d, struct lt_error *err)
{
    struct lt_daemon_members *s = d->members;
    uint64_t began = lt_mono_ms();
    enum lt_code rc = lt_member_beat(d->engine.store, atomic_load(&s->draining), err);
    if (rc == LT_ECONFLICT)
        rc = join_again(d, err);
    if (rc)
        return rc;
    uint64_t now = lt_mono_ms();
    if (now - s->beat_ms > REGULAR_MS)
        s->steady_ms = now;
    s->beat_ms = began;
    return judge(d, now - s->steady_ms >= LT_MEMBER_DEAD_MS, err);
}

/* Who asked has made sure that it may be asked. One that has ended meanwhile needs nothing. */
static void act(struct lt_daemon *d, const struct lt_member_message *m)
{
    struct lt_error ended;
    struct lt_site site = {.id = m->site_id};
    const struct lt_caller anybody = {.site = &site, .user_id = LT_STR("")};
    if (m->ask == LT_MEMBER_CANCEL)
        lt_call_cancel(d->engine.manager, m->call_id, &anybody, &ended);
    else
        lt_call_nudge(d->engine.manager, m->call_id);
}

/* What others ask of calls that run here. */
static enum lt_code listen_to_others(struct lt_daemon *d, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_member_message *list;
    size_t n;
    enum lt_code rc = lt_member_messages(d->engine.store, arena, &list, &n, err);
    for (size_t i = 0; i < n && !rc; i++)
        act(d, &list[i]);
    lt_arena_free(arena);
    return rc;
}

static void run(void *daemon)
{
    struct lt_daemon *d = daemon;
    struct lt_daemon_members *s = d->members;
    struct lt_error err;
    lt_fiber_set_name("registry of processes");
    s->steady_ms = s->beat_ms = lt_mono_ms();
    unsigned looks = 0;
    uint64_t looked_ms = s->beat_ms;
    do {
        uint64_t now = lt_mono_ms();
        bool paused = now - looked_ms >= LT_MEMBER_BEAT_MS; /* then others may have taken it for dead meanwhile */
        looked_ms = now;
        enum lt_code rc = looks++ % BEAT_EVERY == 0 || paused ? beat(d, &err) : LT_OK;
        if (rc == LT_OK)
            rc = listen_to_others(d, &err);
        bool failed = rc && !lt_fiber_cancelled();
        if (failed && !s->failing) /* once for a run of failures */
            lt_log_error("process.beat", &err);
        s->failing = failed;
    } while (lt_fiber_sleep(LT_MEMBER_LOOK_MS) != LT_ECANCELLED);
    s->fiber = NULL;
    atomic_store(&s->busy, false);
}

/* ---- joining and leaving ---- */

/* Of this data directory: whoever had its lock is gone. */
static enum lt_code take_over_own(struct lt_daemon *d, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_member *list;
    size_t n;
    int64_t now;
    enum lt_code rc = lt_member_list(d->engine.store, arena, &list, &n, &now, err);
    for (size_t i = 0; i < n && !rc; i++) {
        bool own = d->members->self.home.n > 0 && lt_str_eq(list[i].home, d->members->self.home);
        if (own && list[i].id != lt_store_process(d->engine.store))
            rc = list[i].recovered_at == 0 ? take_over(d, &list[i], list, n, now, err) : bury(d, list[i].id, err);
    }
    lt_arena_free(arena);
    return rc;
}

static enum lt_code recover_at_start(struct lt_daemon *d, struct lt_error *err)
{
    struct lt_store *store = d->engine.store;
    bool alone;
    if (lt_store_is_postgres(store) && take_over_own(d, err))
        return err->code;
    if (lt_member_alone(store, &alone, err) || recover(d, alone ? lt_member_left_over(store) : lt_store_process(store), true, err))
        return err->code;
    return lt_store_is_postgres(store) ? LT_OK : lt_member_drop_others(store, err);
}

enum lt_code lt_daemon_members_join(struct lt_daemon *d, int lock, struct lt_error *err)
{
    struct lt_daemon_members *s = LT_NEW(d->settings->arena, struct lt_daemon_members);
    if (lt_master_key_use(d->engine.store, err))
        return err->code;
    if (describe(d, lock, &s->self, err) || lt_member_join(d->engine.store, &s->self, err))
        return lt_error_wrap(err, "joining the processes on the database");
    d->members = s;
    if (recover_at_start(d, err) == LT_OK)
        return LT_OK;
    struct lt_error ignored;
    lt_member_leave(d->engine.store, &ignored);
    return lt_error_wrap(err, "recovering what earlier processes left");
}

enum lt_code lt_daemon_members_start(struct lt_daemon *d, struct lt_loop *loop)
{
    struct lt_daemon_members *s = d->members;
    if (!lt_store_is_postgres(d->engine.store))
        return LT_OK;
    atomic_store(&s->busy, true);
    enum lt_code rc = lt_fiber_start(loop, run, d, &s->fiber);
    if (rc)
        atomic_store(&s->busy, false);
    return rc;
}

/* "http://10.0.0.5:0" has the port of the listener. */
static struct lt_str address_of(struct lt_daemon *d, const char *base_url)
{
    const struct lt_settings *s = d->settings;
    struct lt_str set = lt_str(s->advertise ? s->advertise : "");
    bool for_others = !lt_settings_loopback(s) && strcmp(s->host, "0.0.0.0") != 0 && strcmp(s->host, "::") != 0;
    if (set.n == 0)
        return lt_str(for_others ? base_url : "");
    return lt_str_ends(set, LT_STR(":0")) ? lt_printf(s->arena, "%.*s:%d", (int)set.n - 2, set.p, d->port) : set;
}

enum lt_code lt_daemon_members_advertise(struct lt_daemon *d, const char *base_url, struct lt_error *err)
{
    d->members->self.advertised = address_of(d, base_url);
    return lt_member_advertise(d->engine.store, d->members->self.advertised, err);
}

void lt_daemon_members_draining(struct lt_daemon *d)
{
    atomic_store(&d->members->draining, true);
}

void lt_daemon_members_end(struct lt_daemon *d)
{
    if (d->members->fiber)
        lt_fiber_cancel(d->members->fiber);
}

bool lt_daemon_members_busy(const struct lt_daemon *d)
{
    return atomic_load(&d->members->busy);
}

/* What could not be ended, although the process was to end in order, is looked for first: nobody would find it without the row. */
void lt_daemon_members_leave(struct lt_daemon *d)
{
    struct lt_error err;
    if (!d->members)
        return;
    enum lt_code rc = lt_store_is_postgres(d->engine.store) ? recover(d, lt_store_process(d->engine.store), false, &err) : LT_OK;
    if (rc || lt_member_leave(d->engine.store, &err))
        lt_log_error("process.leave", &err); /* others will find that it is gone */
}
