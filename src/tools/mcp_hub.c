/* All connections to MCP servers, by loop; what is asked through them. */
#include "tools/mcp_hub.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "tools/mcp_session.h"

enum { KEEPER_MS = 500, END_MS = 5000, END_POLL_MS = 10 };

/* ---- the hub ---- */

static enum lt_code load_part(void *hub, struct lt_store *store, void **ret, struct lt_error *err)
{
    return lt_mcp_set_load(hub, store, ret, err);
}

enum lt_code lt_mcp_hub_new(struct lt_str commands, const char *program, struct lt_mcp_hub **ret, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_mcp_hub *hub = LT_NEW(arena, struct lt_mcp_hub);
    hub->arena = arena;
    hub->type = (struct lt_config_part_type){load_part, lt_mcp_set_free, hub};
    hub->program = lt_strz(arena, lt_str(program));
    pthread_mutex_init(&hub->lock, NULL);
    if (commands.n > 0 && lt_mcp_commands_read(arena, lt_str_copy(arena, commands), &hub->commands, err)) {
        lt_mcp_hub_free(hub);
        return err->code;
    }
    lt_config_set_part(LT_CONFIG_MCP, &hub->type);
    *ret = hub;
    return LT_OK;
}

void lt_mcp_hub_use_tls(struct lt_mcp_hub *hub, struct lt_tls *tls)
{
    hub->tls = tls;
}

const struct lt_mcp_commands *lt_mcp_hub_commands(const struct lt_mcp_hub *hub)
{
    return &hub->commands;
}

static bool graves_empty(struct lt_mcp_hub *hub)
{
    mcp_reap(hub);
    for (int i = 0; i < MCP_GRAVES; i++)
        if (hub->graves[i])
            return false;
    return true;
}

void lt_mcp_hub_free(struct lt_mcp_hub *hub)
{
    if (!hub)
        return;
    uint64_t until = lt_mono_ms() + END_MS;
    while (!graves_empty(hub) && lt_mono_ms() < until)
        nanosleep(&(struct timespec){.tv_nsec = END_POLL_MS * 1000000L}, NULL);
    for (int i = 0; i < MCP_GRAVES; i++)
        if (hub->graves[i])
            kill(hub->graves[i], SIGKILL); /* the command goes with it: PR_SET_PDEATHSIG */
    pthread_mutex_destroy(&hub->lock);
    lt_arena_free(hub->arena);
}

/* ---- a loop's connections ---- */

/* NULL: the loop has none yet. */
static struct mcp_home *home_here(struct lt_mcp_hub *hub)
{
    pthread_mutex_lock(&hub->lock);
    struct mcp_home *h = hub->homes;
    while (h && h->loop != lt_loop_self())
        h = h->next;
    pthread_mutex_unlock(&hub->lock);
    return h;
}

static struct mcp_home *home_made(struct lt_mcp_hub *hub)
{
    struct mcp_home *h = home_here(hub);
    if (h)
        return h;
    pthread_mutex_lock(&hub->lock);
    h = LT_NEW(hub->arena, struct mcp_home);
    *h = (struct mcp_home){.next = hub->homes, .hub = hub, .loop = lt_loop_self()};
    hub->homes = h;
    pthread_mutex_unlock(&hub->lock);
    return h;
}

/* Is it the server of the present configuration? */
static bool is_current(const struct mcp_session *s)
{
    const struct lt_mcp_server *now = lt_mcp_server_by_id(lt_mcp_set_of(lt_config_current()), s->server.site_id, s->server.id);
    return now && now->enabled && !now->why && now->mark == s->server.mark;
}

static bool is_over(const struct mcp_session *s)
{
    return s->home->ending || lt_loop_now(s->home->loop) - s->used_at >= s->server.idle_ms || !is_current(s);
}

/* One that nobody uses and nobody needs; NULL: there is none. */
static struct mcp_session *find_over(const struct mcp_home *home)
{
    struct mcp_session *s = home->sessions;
    while (s && (s->users > 0 || !is_over(s)))
        s = s->next;
    return s;
}

/* Ends what is over, until there is nothing. Saying goodbye may take a while: meanwhile it counts as used, and nobody else finds it. */
static void keep(void *arg)
{
    struct mcp_home *home = arg;
    struct mcp_session *s;
    lt_fiber_set_name("mcp connections");
    while (home->sessions) {
        while ((s = find_over(home)) != NULL) {
            s->users++;
            s->server.id = -1;
            mcp_http_end(s);
            mcp_session_end(s);
        }
        mcp_reap(home->hub);
        if (home->sessions)
            lt_fiber_wait(lt_loop_now(home->loop) + KEEPER_MS);
    }
    home->keeper = NULL;
}

void lt_mcp_hub_end_loop(struct lt_mcp_hub *hub)
{
    struct mcp_home *home = hub ? home_here(hub) : NULL;
    if (!home)
        return;
    home->ending = true;
    while (home->keeper || home->processes > 0) {
        if (home->keeper)
            lt_fiber_wake(home->keeper);
        lt_fiber_sleep(END_POLL_MS);
    }
}

/* ---- asking ---- */

/* A session that is up, with one user; NULL with err. */
static struct mcp_session *session_up(const struct lt_mcp_set *set, const struct lt_mcp_server *server, uint64_t deadline_ms, struct lt_error *err)
{
    struct mcp_home *home = home_made(set->hub);
    if (!server->enabled || server->why || home->ending) {
        lt_fail(err, LT_ECONFIG, "%s", home->ending ? "this process ends" : server->why ? server->why : "it is switched off");
        return NULL;
    }
    struct mcp_session *s = mcp_session_get(home, server);
    if (!home->keeper && lt_fiber_start(home->loop, keep, home, &home->keeper))
        lt_fail(err, LT_EOVERLOADED, "no fiber is free");
    else if (mcp_session_up(s, deadline_ms, err) == LT_OK)
        return s;
    mcp_session_put(s);
    return NULL;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* A session that the server has forgotten is begun anew, once: nothing was done with the request. */
static enum lt_code ask(const struct lt_mcp_set *set, const struct lt_mcp_server *server, struct lt_arena *arena, const char *method,
                        struct lt_str params, uint64_t deadline_ms, const struct lt_json **ret, struct lt_str *ret_said, struct lt_error *err)
{
    enum lt_code rc = LT_EAGAIN;
    for (int i = 0; rc == LT_EAGAIN && i < 2; i++) {
        struct mcp_session *s = session_up(set, server, deadline_ms, err);
        if (!s)
            return err->code;
        struct lt_mcp_hello *hello = &s->hello;
        const char *began = hello->version;
        char id[sizeof(s->http_id)];
        memcpy(id, s->http_id, sizeof(id));
        uint64_t until = sooner(deadline_ms, lt_loop_now(lt_loop_self()) + server->call_ms);
        rc = mcp_session_ask(s, arena, method, params, until, ret, ret_said, err);
        if (rc == LT_EAGAIN && began && strcmp(id, s->http_id) == 0) /* unless somebody else has begun it anew already */
            s->up = false;
        if (rc == LT_OK)
            s->failures = 0;
        mcp_session_put(s);
    }
    return rc == LT_EAGAIN ? lt_fail(err, LT_EUPSTREAM_INVALID, "it has forgotten the session twice") : rc;
}

enum lt_code lt_mcp_ask(const struct lt_mcp_set *set, const struct lt_mcp_server *server, struct lt_arena *arena, const char *method,
                        struct lt_str params, uint64_t deadline_ms, const struct lt_json **ret, struct lt_str *ret_said, struct lt_error *err)
{
    if (ret_said)
        *ret_said = LT_STR("");
    return ask(set, server, arena, method, params, deadline_ms, ret, ret_said, err) ? lt_error_wrap(err, "MCP server '%.*s'", LT_FMT(server->label))
                                                                                    : LT_OK;
}

enum lt_code lt_mcp_ask_hello(const struct lt_mcp_set *set, const struct lt_mcp_server *server, struct lt_arena *arena, uint64_t deadline_ms,
                              struct lt_mcp_hello *ret, struct lt_error *err)
{
    struct mcp_session *s = session_up(set, server, deadline_ms, err);
    if (!s)
        return lt_error_wrap(err, "MCP server '%.*s'", LT_FMT(server->label));
    *ret = s->hello;
    ret->name = lt_str_copy(arena, ret->name);
    ret->server_version = lt_str_copy(arena, ret->server_version);
    mcp_session_put(s);
    return LT_OK;
}

/* ---- lists of tools ---- */

struct lt_mcp_list {
    atomic_int refs;
    struct lt_arena *arena;
    struct lt_mcp_tools tools;
};

const struct lt_mcp_tools *lt_mcp_list_tools(const struct lt_mcp_list *list)
{
    return &list->tools;
}

void lt_mcp_list_unref(void *p)
{
    struct lt_mcp_list *list = p;
    if (list && atomic_fetch_sub(&list->refs, 1) == 1)
        lt_arena_free(list->arena);
}

static struct lt_str cursor_params(struct lt_arena *arena, struct lt_str cursor)
{
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, 8 * LT_MCP_CURSOR_MAX);
    lt_jw_init(&w, &out);
    lt_jw_obj(&w);
    if (cursor.p)
        lt_jw_kstr(&w, "cursor", cursor);
    lt_jw_end(&w);
    struct lt_str text = lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return text;
}

/* Each page has an arena of its own, so that only what is kept of it stays. */
static enum lt_code read_page(const struct lt_mcp_set *set, const struct lt_mcp_server *server, struct lt_mcp_list *list, struct lt_str *cursor,
                              uint64_t deadline_ms, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    const struct lt_json *result;
    enum lt_code rc = ask(set, server, arena, "tools/list", cursor_params(arena, *cursor), deadline_ms, &result, NULL, err);
    if (rc == LT_OK)
        rc = lt_mcp_read_tools(list->arena, server->label, result, &list->tools, cursor, err);
    lt_arena_free(arena);
    return rc;
}

/* has_tools: the server says so; else the list is empty. */
static enum lt_code read_list(const struct lt_mcp_set *set, const struct lt_mcp_server *server, bool has_tools, uint64_t deadline_ms,
                              struct lt_mcp_list **ret, struct lt_error *err)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_mcp_list *list = LT_NEW(arena, struct lt_mcp_list);
    struct lt_str cursor = LT_STR_NULL;
    enum lt_code rc = LT_OK;
    list->arena = arena;
    atomic_init(&list->refs, 1);
    for (int pages = 0; has_tools && rc == LT_OK && pages < LT_MCP_PAGES_MAX && (pages == 0 || cursor.p); pages++)
        rc = read_page(set, server, list, &cursor, deadline_ms, err);
    if (rc == LT_OK && cursor.p)
        rc = lt_fail(err, LT_EUPSTREAM_INVALID, "its list of tools has more than %d pages", LT_MCP_PAGES_MAX);
    if (rc)
        lt_mcp_list_unref(list);
    else
        *ret = list;
    return rc;
}

static enum lt_code list_of(const struct lt_mcp_set *set, const struct lt_mcp_server *server, uint64_t deadline_ms, struct lt_mcp_list **ret,
                            struct lt_error *err)
{
    struct mcp_session *s = session_up(set, server, deadline_ms, err);
    enum lt_code rc = LT_OK;
    if (!s)
        return err->code;
    uint64_t now = lt_loop_now(s->home->loop);
    if (!s->list || s->list_changed || now - s->listed_at > LT_MCP_LIST_MS) {
        struct lt_mcp_list *list = NULL;
        s->list_changed = false; /* what comes from now on is a newer change */
        rc = read_list(set, server, s->hello.tools, deadline_ms, &list, err);
        if (rc) {
            s->list_changed = true;
        } else {
            lt_mcp_list_unref(s->list);
            s->list = list;
            s->listed_at = now;
        }
    }
    if (rc == LT_OK) {
        *ret = s->list;
        atomic_fetch_add(&s->list->refs, 1);
    }
    mcp_session_put(s);
    return rc;
}

enum lt_code lt_mcp_ask_tools(const struct lt_mcp_set *set, const struct lt_mcp_server *server, uint64_t deadline_ms, struct lt_mcp_list **ret,
                              struct lt_error *err)
{
    return list_of(set, server, deadline_ms, ret, err) ? lt_error_wrap(err, "MCP server '%.*s'", LT_FMT(server->label)) : LT_OK;
}
