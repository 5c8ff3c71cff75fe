/*
 * lectern ask: one action from the shell, in this process: the same manager, gates and register as behind the API. The operator asks
 * as user "cli" with the role admin.
 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/engine.h"
#include "cli/text_file.h"
#include "core/policy.h"
#include "io/fiber.h"
#include "io/worker.h"

enum { INPUT_MAX = 2 << 20, PROGRESS_MS = 200, WORKERS = 2 };

struct ask {
    struct lt_cli *cli;
    struct lt_engine engine;
    struct lt_loop *loop;
    struct lt_fiber *fiber;
    struct lt_caller caller;
    const struct lt_json *input;
    struct lt_call_result result;
    struct lt_timer progress;
    uint64_t began_ms;
    bool terminal;       /* progress is shown on standard error */
    bool stream;         /* text goes out as it comes */
    bool text_shown;
    int exit;
};

/* ---- the input ---- */

/* Which member of the action's input a plain text is: the first required one that is a string, or a conversation's first message. */
static enum lt_code wrap_text(struct lt_cli *cli, const struct lt_action *action, struct lt_str text, struct lt_str *ret, struct lt_error *err)
{
    const struct lt_json *schema;
    struct lt_buf b;
    struct lt_jw w;
    if (lt_json_parse(cli->arena, lt_str(action->input_schema), LT_JSON_STRICT, &schema, err))
        return err->code;
    struct lt_str member = lt_json_str(lt_json_at(lt_json_get(schema, "required"), 0));
    const struct lt_json *kind = lt_json_get(lt_json_get_str(lt_json_get(schema, "properties"), member), "type");
    lt_buf_init(&b, 8 * INPUT_MAX);
    lt_jw_init(&w, &b);
    lt_jw_obj(&w);
    if (lt_str_is(member, "messages")) {
        lt_jw_key(&w, "messages");
        lt_jw_arr(&w);
        lt_jw_obj(&w);
        lt_jw_kstrz(&w, "role", "user");
        lt_jw_kstr(&w, "content", text);
        lt_jw_end(&w);
        lt_jw_end(&w);
    } else if (lt_str_is(lt_json_str(kind), "string")) {
        lt_jw_key_str(&w, member);
        lt_jw_str(&w, text);
    }
    lt_jw_end(&w);
    *ret = lt_str_copy(cli->arena, lt_buf_str(&b));
    lt_buf_free(&b);
    return LT_OK;
}

static enum lt_code read_input(struct lt_cli *cli, const struct lt_json **ret, struct lt_error *err)
{
    const struct lt_entry *entry = lt_registry_find(LT_KIND_ACTION, cli->operands[0]);
    const char *given = lt_cli_option(cli, "input");
    struct lt_str text = lt_str(given);
    if (!entry)
        return lt_fail(err, LT_EUNKNOWN_ACTION, "there is no action '%s'", cli->operands[0].p);
    if (!given && isatty(STDIN_FILENO))
        return lt_fail(err, LT_EINVALID_INPUT, "--input is missing");
    if ((!given || strcmp(given, "-") == 0) && lt_text_file(cli->arena, "-", INPUT_MAX, &text, err))
        return err->code;
    bool object = lt_str_starts(lt_str_trim(text), LT_STR("{"));
    if (!object && wrap_text(cli, entry->impl, text, &text, err))
        return err->code;
    if (lt_json_parse(cli->arena, text, LT_JSON_STRICT, ret, err))
        return lt_error_wrap(err, "input");
    return LT_OK;
}

/* ---- what the person sees ---- */

static void clear_line(struct ask *a)
{
    if (a->terminal)
        fprintf(stderr, "\r\033[K");
}

static void show_progress(void *arg)
{
    struct ask *a = arg;
    if (a->text_shown)
        return;
    fprintf(stderr, "\r\033[K%s … %.1f s", a->cli->operands[0].p, (double)(lt_mono_ms() - a->began_ms) / 1000);
    lt_timer_set(&a->progress, PROGRESS_MS);
}

/* As it is into files and pipes; on a terminal without control characters, so that no answer can steer it. */
static void write_text(struct lt_str text)
{
    bool clean = isatty(STDOUT_FILENO);
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool control = ((unsigned char)c < 0x20 && c != '\n' && c != '\t') || c == 0x7F;
        putchar(clean && control ? ' ' : c);
    }
}

static enum lt_code on_text(void *ctx, struct lt_str piece)
{
    struct ask *a = ctx;
    if (!a->text_shown)
        clear_line(a);
    a->text_shown = true;
    write_text(piece);
    fflush(stdout);
    return LT_OK;
}

static void print_json(struct ask *a)
{
    struct lt_jw *w = &a->cli->w;
    lt_jw_obj(w);
    lt_jw_kstrz(w, "id", a->result.id_text);
    lt_jw_kstr(w, "action", a->cli->operands[0]);
    lt_jw_kbool(w, "success", true);
    lt_jw_key(w, "response");
    lt_jw_raw(w, a->result.response);
    lt_jw_kstr(w, "provider", a->result.instance->name);
    lt_jw_kstr(w, "model", a->result.model);
    lt_jw_end(w);
    lt_cli_print(a->cli, NULL);
}

static void print_answer(struct ask *a)
{
    const struct lt_json *response;
    if (a->cli->json) {
        print_json(a);
    } else if (a->text_shown) {
        printf("\n");
    } else {
        struct lt_str text = a->result.response;
        if (!lt_json_parse(a->cli->arena, a->result.response, LT_JSON_STRICT, &response, NULL) && lt_json_get(response, "generated_content"))
            text = lt_json_str(lt_json_get(response, "generated_content"));
        write_text(text);
        printf("\n");
    }
}

static void print_failure(struct ask *a)
{
    const struct lt_site *site = a->caller.site;
    if (a->text_shown)
        printf("\n");
    if (a->result.error.code == LT_EPOLICY)
        fprintf(stderr, "Policy of site '%.*s', version %.*s:\n\n%.*s\n\nTo accept it as user 'cli', add --accept-policy.\n", LT_FMT(site->slug),
                LT_FMT(site->policy_version), LT_FMT(site->policy_text));
    lt_cli_fail(a->cli, &a->result.error);
    if (a->result.reached_provider)
        fprintf(stderr, "The call is in the register: %s\n", a->result.id_text);
}

/* ---- the call ---- */

static enum lt_code accept_policy(struct ask *a)
{
    if (!lt_cli_option(a->cli, "accept-policy") || a->caller.site->policy_version.n == 0)
        return LT_OK;
    return lt_policy_accept(a->engine.store, &a->caller, a->caller.site->policy_version, LT_STR(""), &a->result.error);
}

static struct lt_str option(struct ask *a, const char *name)
{
    const char *text = lt_cli_option(a->cli, name);
    return lt_str(text ? text : "");
}

static void run(void *arg)
{
    struct ask *a = arg;
    struct lt_call_request request = {.arena = a->cli->arena,
                                      .config = a->cli->config,
                                      .caller = &a->caller,
                                      .place = {option(a, "course"), option(a, "location"), option(a, "placement")},
                                      .action = a->cli->operands[0],
                                      .input = a->input,
                                      .provider = option(a, "provider"),
                                      .stream = a->stream,
                                      .on_text = a->stream ? on_text : NULL,
                                      .ctx = a};
    a->began_ms = lt_mono_ms();
    a->terminal = isatty(STDERR_FILENO) && !a->cli->json;
    if (a->terminal)
        show_progress(a);
    enum lt_code rc = accept_policy(a);
    if (!rc)
        rc = lt_process_action(a->engine.manager, &request, &a->result);
    lt_timer_cancel(&a->progress);
    if (!a->text_shown)
        clear_line(a);
    if (rc)
        print_failure(a);
    else
        print_answer(a);
    a->exit = rc ? LT_EXIT_FAILED : LT_EXIT_OK;
    a->fiber = NULL;
    lt_loop_stop(a->loop);
}

/* Ctrl-C, a closed terminal, kill: the call is cancelled and in the register as such. */
static void on_interrupt(evutil_socket_t signal, short what, void *arg)
{
    struct ask *a = arg;
    if (a->fiber)
        lt_fiber_cancel(a->fiber);
}

static int run_loop(struct ask *a)
{
    struct lt_error err;
    a->loop = lt_loop_new(0, &err);
    if (!a->loop)
        return lt_cli_fail(a->cli, &err);
    lt_config_publish(&a->loop, 1, a->cli->config);
    lt_timer_init(&a->progress, a->loop, show_progress, a);
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct event *events[LT_COUNT(signals)];
    for (size_t i = 0; i < LT_COUNT(signals); i++) {
        events[i] = evsignal_new(lt_loop_base(a->loop), signals[i], on_interrupt, a);
        evsignal_add(events[i], NULL);
    }
    if (lt_fiber_start(a->loop, run, a, &a->fiber))
        a->exit = LT_EXIT_FAILED;
    else
        lt_loop_run(a->loop);
    for (size_t i = 0; i < LT_COUNT(signals); i++)
        event_free(events[i]);
    lt_loop_free(a->loop);
    return a->exit;
}

static int with_engine(struct ask *a)
{
    struct lt_error err;
    struct lt_cli *cli = a->cli;
    if (lt_config_load(a->engine.store, &cli->config, &err) || read_input(cli, &a->input, &err))
        return lt_cli_fail(cli, &err);
    const struct lt_site *site = lt_cli_site(cli);
    if (!site)
        return LT_EXIT_FAILED;
    a->caller = (struct lt_caller){.site = lt_config_site(cli->config, site->slug),
                                   .user_id = LT_STR("cli"),
                                   .locale = LT_STR(""),
                                   .roles = 1u << LT_ROLE_ADMIN};
    a->stream = lt_cli_option(cli, "stream") && !cli->json;
    return run_loop(a);
}

int lt_cmd_ask(struct lt_cli *cli)
{
    struct lt_error err;
    struct ask a = {.cli = cli};
    signal(SIGPIPE, SIG_IGN);
    if (lt_workers_start(WORKERS, &err))
        return lt_cli_fail(cli, &err);
    int rc = lt_engine_open(&cli->settings, false, &a.engine, &err) ? lt_cli_fail(cli, &err) : with_engine(&a);
    lt_config_unref(cli->config);
    cli->config = NULL;
    lt_workers_stop();
    if (a.engine.store)
        lt_engine_close(&a.engine);
    return rc;
}
