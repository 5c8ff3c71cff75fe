/*
 * Provider `replay`: gives again what was recorded, with the pauses of the original: for tests, demonstrations and support cases.
 * Recordings are files DATA/recordings/NAME.json that the operator makes ('lectern provider record') or puts there; their form stands
 * in docs/recordings.md. No network, no key.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "core/provider.h"
#include "io/worker.h"

enum { FILE_MAX = 32 * 1024 * 1024, PAUSE_MAX_MS = 600000, NAME_MAX_ = 100 };

static const char settings_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
    "\"recording\":{\"type\":\"string\",\"title\":\"Recording\",\"pattern\":\"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$\","
    "\"description\":\"Name of a file in the server's directory recordings, without .json.\"},"
    "\"speed\":{\"type\":\"number\",\"title\":\"Speed\",\"minimum\":0,\"maximum\":1000,\"default\":1,"
    "\"description\":\"1 is as recorded, 2 twice as fast; 0 leaves out all pauses.\"},"
    "\"match\":{\"enum\":[\"exact\",\"any\"],\"title\":\"Which exchange\",\"default\":\"exact\","
    "\"description\":\"exact: the one recorded for the same input. any: otherwise one of the same action, always the same for an input.\"},"
    "\"endpoint\":{\"type\":\"string\",\"title\":\"Where recorded pictures lie\",\"pattern\":\"^https?://[^\\\\s#@]+$\",\"maxLength\":1000,"
    "\"description\":\"Addresses of pictures at this host are fetched even when it is this machine or has no TLS.\"},"
    LT_PROVIDER_TRY_SETTINGS "}}";

/* What the worker reads; the arena is handed over and back. */
struct job {
    struct lt_arena *arena;
    const char *path;
    const struct lt_json *file;
    struct lt_error err;
};

static enum lt_code read_text(struct job *job, struct lt_str *ret)
{
    struct stat st;
    int fd = open(job->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return lt_fail(&job->err, LT_ECONFIG, "the recording cannot be read: %s", strerror(errno));
    enum lt_code rc = LT_OK;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX)
        rc = lt_fail(&job->err, LT_ECONFIG, "the recording is no file of at most %d bytes", FILE_MAX);
    char *text = lt_alloc(job->arena, rc ? 1 : (size_t)st.st_size + 1);
    long n = rc ? 0 : lt_fd_read(fd, text, (size_t)st.st_size);
    if (n < 0)
        rc = lt_fail(&job->err, LT_ECONFIG, "the recording cannot be read: %s", strerror(errno));
    close(fd);
    *ret = (struct lt_str){text, n > 0 ? (size_t)n : 0};
    return rc;
}

static void load(void *arg)
{
    struct job *job = arg;
    struct lt_str text;
    job->err = (struct lt_error){0};
    if (read_text(job, &text))
        return;
    if (lt_json_parse(job->arena, text, LT_JSON_JSON5, &job->file, &job->err))
        job->err.code = LT_ECONFIG;
    else if (!lt_json_is(lt_json_get(job->file, "exchanges"), LT_JSON_ARRAY))
        lt_fail(&job->err, LT_ECONFIG, "the recording has no list 'exchanges'");
}

static const struct lt_json *find(struct lt_provider_run *run, const struct lt_json *exchanges, bool any)
{
    size_t of_action = 0, n = lt_json_len(exchanges);
    for (size_t i = 0; i < n; i++) {
        const struct lt_json *e = lt_json_at(exchanges, i);
        if (!lt_str_eq(lt_json_str(lt_json_get(e, "action")), run->action))
            continue;
        of_action++;
        if (lt_json_equal(lt_json_get(e, "input"), run->input))
            return e;
    }
    if (!any || of_action == 0)
        return NULL;
    struct lt_str input = lt_json_text(run->arena, run->input);
    size_t wanted = lt_hash64(LT_HASH64_START, input.p, input.n) % of_action;
    for (size_t i = 0;; i++) {
        const struct lt_json *e = lt_json_at(exchanges, i);
        if (lt_str_eq(lt_json_str(lt_json_get(e, "action")), run->action) && wanted-- == 0)
            return e;
    }
}

/* ---- giving it again ---- */

static enum lt_code pause_for(struct lt_provider_run *run, double ms, struct lt_error *err)
{
    double speed = lt_json_double_or(lt_json_get(run->instance->config, "speed"), 1);
    if (speed <= 0 || !(ms > 0))
        return LT_OK;
    ms = fmin(ms / speed, PAUSE_MAX_MS);
    uint64_t now = lt_loop_now(run->loop), until = now + (uint64_t)ms;
    bool late = until >= run->deadline_ms;
    if (late)
        until = run->deadline_ms > now ? run->deadline_ms : now;
    if (until > now && lt_fiber_sleep(until - now))
        return lt_fail(err, LT_ECANCELLED, "the caller left");
    return late ? lt_fail(err, LT_EUPSTREAM_TIMEOUT, "the recording is slower than the call may be") : LT_OK;
}

static enum lt_code say(struct lt_provider_run *run, const struct lt_json *events, struct lt_error *err)
{
    for (size_t i = 0; i < lt_json_len(events); i++) {
        const struct lt_json *e = lt_json_at(events, i);
        struct lt_str text = lt_json_str(lt_json_get(e, "text"));
        if (pause_for(run, lt_json_double_or(lt_json_get(e, "after_ms"), 0), err) || (text.n > 0 && run->on_text(run, text, err)))
            return err->code;
    }
    return LT_OK;
}

static enum lt_code fail_as_recorded(const struct lt_json *error, struct lt_error *err)
{
    struct lt_str name = lt_json_str(lt_json_get(error, "code"));
    enum lt_code code = lt_code_parse(name, LT_EUPSTREAM_INVALID);
    struct lt_str detail = lt_json_str_or(lt_json_get(error, "detail"), LT_STR("as recorded"));
    lt_fail(err, code ? code : LT_EUPSTREAM_INVALID, "%.*s", LT_FMT(detail));
    err->vendor_status = (int)lt_json_int64_or(lt_json_get(error, "vendor_status"), 0);
    err->retry_after_s = (int)lt_json_int64_or(lt_json_get(error, "retry_after"), 0);
    return err->code;
}

static enum lt_code take_vectors(struct lt_provider_run *run, const struct lt_json *list, struct lt_error *err)
{
    struct lt_neutral_result *r = &run->result;
    size_t n = lt_json_len(list), dimensions = lt_json_len(lt_json_at(list, 0));
    float *vectors = LT_NEW_ARRAY(run->arena, float, n * dimensions);
    for (size_t i = 0; i < n; i++) {
        const struct lt_json *vector = lt_json_at(list, i);
        if (lt_json_len(vector) != dimensions)
            return lt_fail(err, LT_EUPSTREAM_INVALID, "the recorded vectors differ in length");
        for (size_t k = 0; k < dimensions; k++)
            vectors[i * dimensions + k] = (float)lt_json_double_or(lt_json_at(vector, k), 0);
    }
    r->vectors = vectors;
    r->vectors_n = n;
    r->dimensions = dimensions;
    return LT_OK;
}

static struct lt_str copied(struct lt_provider_run *run, const struct lt_json *exchange, const char *key, const char *otherwise)
{
    return lt_str_copy(run->arena, lt_json_str_or(lt_json_get(exchange, key), lt_str(otherwise)));
}

/* At most as many as are asked for now: the recording may be of another input. */
static void take_images(struct lt_provider_run *run, const struct lt_json *list)
{
    struct lt_neutral_result *r = &run->result;
    size_t n = lt_json_len(list), wanted = (size_t)lt_json_int64_or(lt_json_get(run->input, "count"), 1);
    n = n < wanted ? n : wanted;
    struct lt_image_made *images = LT_NEW_ARRAY(run->arena, struct lt_image_made, n);
    for (size_t i = 0; i < n; i++) {
        const struct lt_json *image = lt_json_at(list, i);
        images[i] = (struct lt_image_made){.base64 = copied(run, image, "base64", ""),
                                           .url = copied(run, image, "url", ""),
                                           .revised_prompt = copied(run, image, "revised_prompt", "")};
    }
    r->images = images;
    r->images_n = n;
}

/* The file's tree dies with this call: what the result keeps is copied. */
static enum lt_code give(struct lt_provider_run *run, const struct lt_json *exchange, struct lt_error *err)
{
    const struct lt_json *usage = lt_json_get(exchange, "usage"), *error = lt_json_get(exchange, "error"), *tools = lt_json_get(exchange, "tool_calls");
    struct lt_neutral_result *r = &run->result;
    if (say(run, lt_json_get(exchange, "events"), err) || pause_for(run, lt_json_double_or(lt_json_get(exchange, "end_after_ms"), 0), err))
        return err->code;
    r->model = copied(run, exchange, "model", "replay");
    if (lt_json_is(error, LT_JSON_OBJECT))
        return fail_as_recorded(error, err);
    r->finish_reason = copied(run, exchange, "finish_reason", "stop");
    r->response_id = LT_STR("");
    r->usage = (struct lt_usage){.prompt_tokens = lt_json_int64_or(lt_json_get(usage, "prompt_tokens"), -1),
                                 .completion_tokens = lt_json_int64_or(lt_json_get(usage, "completion_tokens"), -1),
                                 .total_tokens = lt_json_int64_or(lt_json_get(usage, "total_tokens"), -1),
                                 .cached_tokens = -1,
                                 .reasoning_tokens = -1};
    if (lt_json_len(tools) > 0 && lt_json_parse(run->arena, lt_json_text(run->arena, tools), LT_JSON_STRICT, &r->tool_calls, err))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the recorded tool calls cannot be read");
    if (lt_json_get(exchange, "images"))
        take_images(run, lt_json_get(exchange, "images"));
    return lt_json_get(exchange, "embeddings") ? take_vectors(run, lt_json_get(exchange, "embeddings"), err) : LT_OK;
}

static enum lt_code call(struct lt_provider_run *run, struct lt_error *err)
{
    const struct lt_json *config = run->instance->config;
    struct lt_str name = lt_json_str(lt_json_get(config, "recording"));
    bool any = lt_str_is(lt_json_str(lt_json_get(config, "match")), "any");
    if (!run->recordings_dir)
        return lt_fail(err, LT_ECONFIG, "this process has no directory of recordings");
    struct job job = {.arena = lt_arena_new()};
    job.path = lt_printf(job.arena, "%s/%.*s.json", run->recordings_dir, LT_FMT(name)).p;
    enum lt_code rc = lt_work(load, &job);
    if (rc) {
        lt_fail(err, rc, "no worker is free to read the recording");
    } else if (job.err.code) {
        *err = job.err;
        rc = lt_error_wrap(err, "recording %.*s", LT_FMT(name));
    } else {
        const struct lt_json *exchange = find(run, lt_json_get(job.file, "exchanges"), any);
        rc = exchange ? give(run, exchange, err)
                      : lt_fail(err, LT_EUPSTREAM_NOT_FOUND, "recording %.*s has no exchange for this %s", LT_FMT(name), any ? "action" : "input");
    }
    lt_arena_free(job.arena);
    return rc;
}

static bool configured(const struct lt_provider_instance *instance, char *why)
{
    if (lt_json_str(lt_json_get(instance->config, "recording")).n > 0)
        return true;
    snprintf(why, LT_PROVIDER_WHY_MAX, "recording is missing");
    return false;
}

/* A recording may hold any of them. */
static const char *const actions[] = {"generate_text",     "summarise_text", "explain_text", "continue_conversation", "translate_text",
                                      "improve_text",      "describe_image", "embed_text",   "moderate_text",         "grade_response",
                                      "generate_question", "generate_flashcard", "generate_image",        NULL};

extern const struct lt_provider lt_provider_replay;
const struct lt_provider lt_provider_replay = {
    .name = "replay",
    .title = "Replay (gives recorded answers again)",
    .description = "Answers from a recording, with its pauses, without any network: for tests, demonstrations and support cases.",
    .settings_schema = settings_schema,
    .neutral = 0,
    .actions = actions,
    .configured = configured,
    .call = call,
};
