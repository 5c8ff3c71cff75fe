/*
 * lectern ask: one action from the shell, in this process: the same manager, gates and register as behind the API. The operator asks
 * as user "cli" with the role admin.
 */
#include <stdio.h>
#include <unistd.h>

#include "cli/exports.h"
#include "cli/on_loop.h"
#include "core/policy.h"

enum { PROGRESS_MS = 200 };

struct ask {
    struct lt_cli *cli;
    const struct lt_json *input;
    struct lt_call_result result;
    struct lt_timer progress;
    uint64_t began_ms;
    bool terminal;       /* progress is shown on standard error */
    bool stream;         /* text goes out as it comes */
    bool text_shown;
    int format;          /* enum lt_export_format; -1: the answer is printed */
};

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

/* Questions or cards as a file. */
static int print_export(struct ask *a)
{
    struct lt_error err;
    struct lt_export export;
    const struct lt_json *response, *cards;
    if (lt_json_parse(a->cli->arena, a->result.response, LT_JSON_STRICT, &response, &err))
        return lt_cli_fail(a->cli, &err);
    cards = lt_json_get(response, "cards");
    struct lt_export_questions questions = {.name = lt_json_str_or(lt_json_get(response, "collection_name"), LT_STR("")),
                                            .library_id = LT_STR(""),
                                            .list = lt_json_get(response, "problems")};
    enum lt_code code = cards ? lt_export_cards(a->cli->arena, cards, (enum lt_export_format)a->format, &export, &err)
                              : lt_export_questions(a->cli->arena, &questions, (enum lt_export_format)a->format, &export, &err);
    return code ? lt_cli_fail(a->cli, &err) : lt_cli_export(a->cli, &export);
}

static int print_answer(struct ask *a)
{
    const struct lt_json *response;
    if (a->format >= 0)
        return print_export(a);
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
    return LT_EXIT_OK;
}

static void print_failure(struct ask *a, const struct lt_site *site)
{
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

static enum lt_code accept_policy(struct lt_cli_run *run, struct lt_error *err)
{
    struct lt_str version = run->caller.site->policy_version;
    if (!lt_cli_option(run->cli, "accept-policy") || version.n == 0)
        return LT_OK;
    return lt_policy_accept(run->engine.store, &run->caller, version, run->caller.site->language, LT_STR(""), err);
}

static struct lt_str option(struct ask *a, const char *name)
{
    const char *text = lt_cli_option(a->cli, name);
    return lt_str(text ? text : "");
}

static void ask(struct lt_cli_run *run, void *arg)
{
    struct ask *a = arg;
    struct lt_call_request request = {.arena = a->cli->arena,
                                      .config = a->cli->config,
                                      .caller = &run->caller,
                                      .place = {option(a, "course"), option(a, "location"), option(a, "placement")},
                                      .action = a->cli->operands[0],
                                      .input = a->input,
                                      .provider = option(a, "provider"),
                                      .stream = a->stream,
                                      .on_text = a->stream ? on_text : NULL,
                                      .ctx = a};
    lt_timer_init(&a->progress, run->loop, show_progress, a);
    a->began_ms = lt_mono_ms();
    a->terminal = isatty(STDERR_FILENO) && !a->cli->json;
    if (a->terminal)
        show_progress(a);
    enum lt_code rc = accept_policy(run, &a->result.error);
    if (!rc)
        rc = lt_process_action(run->engine.manager, &request, &a->result);
    lt_timer_cancel(&a->progress);
    if (!a->text_shown)
        clear_line(a);
    if (rc)
        print_failure(a, run->caller.site);
    run->exit = rc ? LT_EXIT_FAILED : print_answer(a);
}

static int prepare(struct lt_cli_run *run, void *arg)
{
    struct lt_error err;
    struct ask *a = arg;
    a->stream = lt_cli_option(run->cli, "stream") && !run->cli->json && a->format < 0;
    return lt_cli_input(run->cli, run->cli->operands[0], &a->input, &err) ? lt_cli_fail(run->cli, &err) : LT_EXIT_OK;
}

/* What cannot be written in the end is not asked for. */
static int read_format(struct lt_cli *cli, int *ret)
{
    bool questions = lt_str_is(cli->operands[0], "generate_question"), cards = lt_str_is(cli->operands[0], "generate_flashcard");
    const char *output = lt_cli_option(cli, "output");
    if (!lt_cli_format(cli, -1, ret))
        return LT_EXIT_USAGE;
    if (*ret >= 0 && !questions && !cards)
        return lt_cli_usage(cli, "--format is for generate_question and generate_flashcard");
    if (*ret != LT_EXPORT_JSON && (*ret == LT_EXPORT_CSV) != cards && *ret >= 0)
        return lt_cli_usage(cli, questions ? "questions are written as json, olx, moodle_xml or qti" : "flash cards are written as json or csv");
    if (output && *ret < 0)
        return lt_cli_usage(cli, "--output needs --format");
    return LT_EXIT_OK;
}

int lt_cmd_ask(struct lt_cli *cli)
{
    struct ask a = {.cli = cli};
    int rc = read_format(cli, &a.format);
    return rc ? rc : lt_cli_on_loop(cli, prepare, ask, &a);
}
