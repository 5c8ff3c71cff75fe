/*
 * lectern provider record: asks an instance and keeps what it said, when, in DATA/recordings/NAME.json, where the provider `replay`
 * finds it. Keys and addresses are no part of it; the input and the answer are.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/on_loop.h"
#include "cli/text_file.h"

enum { RECORDING_MAX = 16 << 20 };

struct recording {
    struct lt_cli *cli;
    const char *path;            /* of the file */
    const struct lt_json *file;  /* what it holds already, or NULL */
    const struct lt_json *input;
    struct lt_buf events;        /* those of the exchange, as elements of an array */
    struct lt_jw w;
    uint64_t last_ms;            /* when the last event came */
    struct lt_call_result result;
};

static void put_event(struct recording *rec, struct lt_str text)
{
    uint64_t now = lt_mono_ms();
    lt_jw_obj(&rec->w);
    lt_jw_kint(&rec->w, "after_ms", (int64_t)(now - rec->last_ms));
    lt_jw_kstr(&rec->w, "text", text);
    lt_jw_end(&rec->w);
    rec->last_ms = now;
}

static enum lt_code on_text(void *ctx, struct lt_str piece)
{
    put_event(ctx, piece);
    return LT_OK;
}

static void put_tokens(struct lt_jw *w, const char *key, int64_t tokens)
{
    if (tokens >= 0)
        lt_jw_kint(w, key, tokens);
}

static void put_outcome(struct lt_jw *w, struct lt_cli *cli, const struct lt_call_result *r)
{
    const struct lt_json *response = NULL;
    if (!r->success) {
        lt_jw_key(w, "error");
        lt_jw_obj(w);
        lt_jw_kstrz(w, "code", lt_code_name(r->error.code));
        lt_jw_kint(w, "vendor_status", r->error.vendor_status);
        lt_jw_kint(w, "retry_after", r->error.retry_after_s);
        lt_jw_end(w);
        return;
    }
    lt_json_parse(cli->arena, r->response, LT_JSON_STRICT, &response, NULL);
    if (lt_json_get(response, "finish_reason"))
        lt_jw_kjson(w, "finish_reason", lt_json_get(response, "finish_reason"));
    if (lt_json_get(response, "tool_calls"))
        lt_jw_kjson(w, "tool_calls", lt_json_get(response, "tool_calls"));
    if (lt_json_get(response, "embeddings"))
        lt_jw_kjson(w, "embeddings", lt_json_get(response, "embeddings"));
    lt_jw_key(w, "usage");
    lt_jw_obj(w);
    put_tokens(w, "prompt_tokens", r->usage.prompt_tokens);
    put_tokens(w, "completion_tokens", r->usage.completion_tokens);
    put_tokens(w, "total_tokens", r->usage.total_tokens);
    lt_jw_end(w);
}

static void put_exchange(struct lt_jw *w, struct recording *rec)
{
    lt_jw_obj(w);
    lt_jw_kstr(w, "action", rec->cli->operands[1]);
    lt_jw_kjson(w, "input", rec->input);
    lt_jw_kstr(w, "model", rec->result.model);
    lt_jw_key(w, "events");
    lt_jw_raw(w, lt_buf_str(&rec->events));
    lt_jw_kint(w, "end_after_ms", (int64_t)(lt_mono_ms() - rec->last_ms));
    put_outcome(w, rec->cli, &rec->result);
    lt_jw_end(w);
}

/* The file with the new exchange behind those that it had, put in its place at once. */
static enum lt_code save(struct recording *rec, struct lt_error *err)
{
    const struct lt_json *before = lt_json_get(rec->file, "exchanges");
    struct lt_buf text;
    struct lt_jw w;
    lt_buf_init(&text, RECORDING_MAX);
    lt_jw_init(&w, &text);
    lt_jw_obj(&w);
    lt_jw_kint(&w, "recording", 1);
    lt_jw_key(&w, "exchanges");
    lt_jw_arr(&w);
    for (size_t i = 0; i < lt_json_len(before); i++)
        lt_jw_json(&w, lt_json_at(before, i));
    put_exchange(&w, rec);
    lt_jw_end(&w);
    lt_jw_end(&w);
    lt_buf_put_str(&text, LT_STR("\n"));
    enum lt_code rc = text.failed ? lt_fail(err, LT_ETOO_LARGE, "the recording is larger than %d bytes", RECORDING_MAX) : LT_OK;
    if (!rc)
        rc = lt_file_put(rec->path, lt_buf_str(&text), false, err);
    lt_buf_free(&text);
    return rc;
}

static void record(struct lt_cli_run *run, void *arg)
{
    struct lt_error err;
    struct recording *rec = arg;
    struct lt_call_request request = {.arena = run->cli->arena,
                                      .config = run->cli->config,
                                      .caller = &run->caller,
                                      .action = run->cli->operands[1],
                                      .input = rec->input,
                                      .provider = run->cli->operands[0],
                                      .test = true,
                                      .stream = true,
                                      .on_text = on_text,
                                      .ctx = rec};
    lt_buf_init(&rec->events, RECORDING_MAX);
    lt_jw_init(&rec->w, &rec->events);
    lt_jw_arr(&rec->w);
    rec->last_ms = lt_mono_ms();
    lt_process_action(run->engine.manager, &request, &rec->result);
    lt_jw_end(&rec->w);
    if (!rec->result.success && !rec->result.reached_provider) /* refused here: there is nothing to keep */
        run->exit = lt_cli_fail(run->cli, &rec->result.error);
    else if (save(rec, &err))
        run->exit = lt_cli_fail(run->cli, &err);
    else
        run->exit = lt_cli_done(run->cli, "file", rec->path, "Recorded %s in %s.",
                                rec->result.success ? "the answer" : lt_code_name(rec->result.error.code), rec->path);
    lt_buf_free(&rec->events);
}

static bool name_ok(const char *name)
{
    size_t n = strlen(name);
    bool ok = n > 0 && n <= 100 && name[0] != '.' && name[0] != '-' && name[0] != '_';
    for (size_t i = 0; i < n; i++)
        ok &= (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= 'A' && name[i] <= 'Z') || (name[i] >= '0' && name[i] <= '9') ||
              name[i] == '.' || name[i] == '_' || name[i] == '-';
    return ok;
}

static int prepare(struct lt_cli_run *run, void *arg)
{
    struct lt_error err;
    struct recording *rec = arg;
    struct lt_cli *cli = run->cli;
    struct lt_str text;
    const char *name = lt_cli_option(cli, "name");
    if (!name || !name_ok(name))
        return lt_cli_usage(cli, "--name must name the recording: letters, digits, '.', '_' and '-'");
    const char *dir = lt_printf(cli->arena, "%s/recordings", cli->settings.data).p;
    rec->path = lt_printf(cli->arena, "%s/%s.json", dir, name).p;
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        lt_fail(&err, LT_EIO, "%s cannot be made: %s", dir, strerror(errno));
        return lt_cli_fail(cli, &err);
    }
    if (access(rec->path, F_OK) == 0 && (lt_text_file(cli->arena, rec->path, RECORDING_MAX, &text, &err) ||
                                         lt_json_parse(cli->arena, text, LT_JSON_JSON5, &rec->file, &err)))
        return lt_cli_fail(cli, &err);
    return lt_cli_input(cli, cli->operands[1], &rec->input, &err) ? lt_cli_fail(cli, &err) : LT_EXIT_OK;
}

int lt_cmd_provider_record(struct lt_cli *cli)
{
    struct recording rec = {.cli = cli};
    return lt_cli_on_loop(cli, prepare, record, &rec);
}
