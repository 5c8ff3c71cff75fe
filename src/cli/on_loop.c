/* One fiber on one loop with the engine around it. */
#include "cli/on_loop.h"

#include <signal.h>

#include "core/stop.h"
#include "io/worker.h"
#include "tools/mcp_hub.h"

enum { WORKERS = 2 };

struct start {
    struct lt_cli_run run;
    int (*prepare)(struct lt_cli_run *run, void *arg);
    void (*body)(struct lt_cli_run *run, void *arg);
    void *arg;
};

static void fiber(void *arg)
{
    struct start *s = arg;
    struct lt_stop_watch stops = {0};
    struct lt_error err;
    if (lt_stop_watch_start(&stops, s->run.engine.manager, s->run.loop) == LT_OK)
        s->body(&s->run, s->arg);
    else
        s->run.exit = lt_cli_fail(s->run.cli, (lt_fail(&err, LT_EOVERLOADED, "no fiber is free"), &err));
    s->run.fiber = NULL;
    lt_stop_watch_end(&stops);
    lt_mcp_hub_end_loop(s->run.cli->mcp);
    lt_loop_stop(s->run.loop);
}

static void on_interrupt(evutil_socket_t signal, short what, void *arg)
{
    struct lt_cli_run *run = arg;
    if (run->fiber)
        lt_fiber_cancel(run->fiber);
}

static int run_loop(struct start *s)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct event *events[LT_COUNT(signals)];
    struct lt_error err;
    struct lt_cli_run *run = &s->run;
    run->loop = lt_loop_new(0, &err);
    if (!run->loop)
        return lt_cli_fail(run->cli, &err);
    lt_config_publish(&run->loop, 1, run->cli->config);
    for (size_t i = 0; i < LT_COUNT(signals); i++) {
        events[i] = evsignal_new(lt_loop_base(run->loop), signals[i], on_interrupt, run);
        evsignal_add(events[i], NULL);
    }
    run->exit = LT_EXIT_FAILED;
    if (!lt_fiber_start(run->loop, fiber, s, &run->fiber))
        lt_loop_run(run->loop);
    for (size_t i = 0; i < LT_COUNT(signals); i++)
        event_free(events[i]);
    lt_loop_free(run->loop);
    return run->exit;
}

static int with_engine(struct start *s)
{
    struct lt_error err;
    struct lt_cli *cli = s->run.cli;
    lt_engine_offer(s->run.engine.services, cli->plugins, false);
    lt_mcp_hub_use_tls(cli->mcp, s->run.engine.tls);
    if (lt_config_load(s->run.engine.store, &cli->config, &err))
        return lt_cli_fail(cli, &err);
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    s->run.caller = (struct lt_caller){.site = lt_config_site(cli->config, site->slug),
                                       .user_id = LT_STR("cli"),
                                       .locale = LT_STR(""),
                                       .roles = 1u << LT_ROLE_ADMIN};
    int rc = s->prepare ? s->prepare(&s->run, s->arg) : 0;
    return rc ? rc : run_loop(s);
}

int lt_cli_on_loop(struct lt_cli *cli, int (*prepare)(struct lt_cli_run *run, void *arg), void (*body)(struct lt_cli_run *run, void *arg), void *arg)
{
    struct lt_error err;
    struct start s = {.run.cli = cli, .prepare = prepare, .body = body, .arg = arg};
    signal(SIGPIPE, SIG_IGN);
    if (lt_workers_start(WORKERS, &err))
        return lt_cli_fail(cli, &err);
    int rc = lt_engine_open(&cli->settings, LT_ENGINE_COMMAND, &s.run.engine, &err) ? lt_cli_fail(cli, &err) : with_engine(&s);
    lt_config_unref(cli->config);
    cli->config = NULL;
    lt_workers_stop();
    if (s.run.engine.store)
        lt_engine_close(&s.run.engine);
    return rc;
}
