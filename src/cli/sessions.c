/* lectern session: conversations and their threads. */
#include "cli/on_loop.h"
#include "workflows/thread.h"
#include "workflows/workflow_set.h"

static struct lt_str option(struct lt_cli *cli, const char *name)
{
    const char *text = lt_cli_option(cli, name);
    return lt_str(text ? text : "");
}

static bool find(struct lt_cli *cli, struct lt_store *store, const struct lt_site *site, struct lt_session *ret)
{
    struct lt_error err;
    if (!lt_session_find(store, cli->arena, site->id, cli->operands[0], ret, &err))
        return true;
    lt_cli_fail(cli, &err);
    return false;
}

/* ---- list and show ---- */

static bool read_filter(struct lt_cli *cli, const struct lt_site *site, struct lt_session_filter *ret, int *ret_exit)
{
    struct lt_error err;
    const struct lt_profile *profile = NULL;
    struct lt_str name = option(cli, "profile");
    int64_t limit;
    *ret = (struct lt_session_filter){.site_id = site->id, .user_id = option(cli, "user"), .course_id = option(cli, "course"), .profile_id = -1};
    *ret_exit = LT_EXIT_USAGE;
    if (!lt_cli_number(cli, "limit", 1, 1000, 50, &limit) || !lt_cli_number(cli, "before", 1, INT64_MAX, 0, &ret->before_id) ||
        !lt_cli_number(cli, "scope", 0, INT64_MAX, -1, &ret->scope_id))
        return false;
    ret->limit = (int)limit;
    if (name.n == 0)
        return true;
    if (lt_profile_find(lt_workflows(cli->config), site->id, name, &profile, &err)) {
        *ret_exit = lt_cli_fail(cli, &err);
        return false;
    }
    ret->profile_id = profile->id;
    return true;
}

int lt_cmd_session_list(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_session_filter filter;
    struct lt_session *sessions;
    size_t n;
    int rc;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    if (!read_filter(cli, site, &filter, &rc))
        return rc;
    if (lt_session_list(cli->store, cli->arena, &filter, &sessions, &n, &err))
        return lt_cli_fail(cli, &err);
    lt_jw_obj(&cli->w);
    lt_jw_key(&cli->w, "sessions");
    lt_jw_arr(&cli->w);
    for (size_t i = 0; i < n; i++)
        lt_session_write(&cli->w, &sessions[i], false);
    lt_jw_end(&cli->w);
    lt_jw_key(&cli->w, "next");
    if (n == (size_t)filter.limit)
        lt_jw_int(&cli->w, sessions[n - 1].id);
    else
        lt_jw_null(&cli->w);
    lt_jw_end(&cli->w);
    return lt_cli_print(cli, "number,id,user_id,profile_id,scope_id,course_id,location_id,turns,updated_at");
}

int lt_cmd_session_show(struct lt_cli *cli)
{
    struct lt_session session;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site || !find(cli, cli->store, site, &session))
        return LT_EXIT_FAILED;
    lt_session_write(&cli->w, &session, true);
    return lt_cli_print(cli, NULL);
}

/* ---- thread ---- */

struct view {
    struct lt_thread_request request;
    enum lt_thread_view view;
};

/* For people the thread alone, as a table. */
static int print_thread(struct lt_cli *cli, const struct view *v, struct lt_str text)
{
    struct lt_error err;
    const struct lt_json *whole;
    if (cli->json) {
        lt_jw_raw(&cli->w, text);
        return lt_cli_print(cli, NULL);
    }
    if (lt_json_parse(cli->arena, text, LT_JSON_STRICT, &whole, &err))
        return lt_cli_fail(cli, &err);
    const struct lt_json *thread = lt_json_get(whole, "thread");
    if (lt_json_is(thread, LT_JSON_ARRAY))
        lt_jw_json(&cli->w, thread);
    else
        lt_jw_raw(&cli->w, LT_STR("[]"));
    return lt_cli_print(cli, v->view == LT_THREAD_REMOTE     ? "created_at,id,model,tokens,error"
                             : v->view == LT_THREAD_COMBINED ? "timestamp,created_at,source,role,content"
                                                             : "timestamp,role,content");
}

static void thread(struct lt_cli_run *run, void *arg)
{
    struct view *v = arg;
    struct lt_cli *cli = run->cli;
    struct lt_session session;
    struct lt_error err;
    struct lt_buf out;
    struct lt_jw w;
    if (!find(cli, run->engine.store, run->caller.site, &session))
        return;
    v->request = (struct lt_thread_request){.arena = cli->arena,
                                            .store = run->engine.store,
                                            .manager = run->engine.manager,
                                            .caller = &run->caller,
                                            .session = &session,
                                            .everything = true};
    lt_buf_init(&out, LT_THREAD_TEXT_MAX);
    lt_jw_init(&w, &out);
    enum lt_code rc = lt_thread_write(&v->request, v->view, &w, &err);
    struct lt_str text = lt_str_copy(cli->arena, lt_buf_str(&out));
    lt_buf_free(&out);
    run->exit = rc ? lt_cli_fail(cli, &err) : print_thread(cli, v, text);
}

int lt_cmd_session_thread(struct lt_cli *cli)
{
    struct lt_str name = option(cli, "view");
    int view = name.n > 0 ? lt_thread_view_parse(name) : LT_THREAD_LOCAL;
    if (view < 0)
        return lt_cli_usage(cli, "--view must be local, remote or combined");
    struct view v = {.view = (enum lt_thread_view)view};
    return lt_cli_on_loop(cli, NULL, thread, &v);
}

/* ---- clear and remove ---- */

static int change(struct lt_cli *cli, enum lt_code (*fn)(struct lt_store *store, const struct lt_session *session, struct lt_error *err),
                  const char *sentence)
{
    struct lt_error err;
    struct lt_session session;
    const struct lt_site *site = lt_cli_site(cli);
    if (!site || !find(cli, cli->store, site, &session))
        return LT_EXIT_FAILED;
    if (fn(cli->store, &session, &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "%s", sentence);
}

int lt_cmd_session_clear(struct lt_cli *cli)
{
    return change(cli, lt_session_clear, "A new thread begins.");
}

int lt_cmd_session_remove(struct lt_cli *cli)
{
    return change(cli, lt_session_remove, "The session and its turns are removed.");
}
