/* Writing Ollama's answers: whole, or a line for each piece. */
#include "api/ollama_answer.h"

#include <stdio.h>
#include <time.h>

#include "api/ollama.h"
#include "io/fiber.h"

/* ---- one object ---- */

void lt_ollama_time(char out[LT_OLLAMA_TIME])
{
    struct timespec now;
    char ms[25];
    clock_gettime(CLOCK_REALTIME, &now);
    lt_time_format((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, ms);
    snprintf(out, LT_OLLAMA_TIME, "%.23s%06ldZ", ms, now.tv_nsec % 1000000);
}

/* Ollama's shape holds the arguments as an object; OpenAI's as text. */
static enum lt_code put_calls(struct lt_arena *arena, struct lt_jw *w, const struct lt_json *calls, struct lt_error *err)
{
    lt_jw_key(w, "tool_calls");
    lt_jw_arr(w);
    for (size_t i = 0; i < lt_json_len(calls); i++) {
        const struct lt_json *call = lt_json_at(calls, i), *function = lt_json_get(call, "function"), *arguments = NULL;
        struct lt_str text = lt_str_trim(lt_json_str(lt_json_get(function, "arguments")));
        if (text.n > 0 && (lt_json_parse(arena, text, LT_JSON_STRICT, &arguments, NULL) || !lt_json_is(arguments, LT_JSON_OBJECT)))
            return lt_fail(err, LT_EUPSTREAM_INVALID, "the arguments of tool call %zu are not a JSON object", i);
        lt_jw_obj(w);
        lt_jw_kstr(w, "id", lt_json_str(lt_json_get(call, "id")));
        lt_jw_key(w, "function");
        lt_jw_obj(w);
        lt_jw_kint(w, "index", (int64_t)i);
        lt_jw_kstr(w, "name", lt_json_str(lt_json_get(function, "name")));
        lt_jw_key(w, "arguments");
        if (arguments)
            lt_jw_json(w, arguments); /* written anew: a line end in it would end the line */
        else
            lt_jw_raw(w, LT_STR("{}"));
        lt_jw_end(w);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    return LT_OK;
}

static enum lt_code put_text(struct lt_arena *arena, struct lt_jw *w, bool chat, struct lt_str text, const struct lt_json *tool_calls,
                             struct lt_error *err)
{
    if (!chat) {
        lt_jw_kstr(w, "response", text);
        return LT_OK;
    }
    lt_jw_key(w, "message");
    lt_jw_obj(w);
    lt_jw_kstrz(w, "role", "assistant");
    lt_jw_kstr(w, "content", text);
    enum lt_code rc = lt_json_len(tool_calls) > 0 ? put_calls(arena, w, tool_calls, err) : LT_OK;
    lt_jw_end(w);
    return rc;
}

/* Ollama says "stop" also where the model stopped to call tools. */
static struct lt_str done_reason(struct lt_str finish_reason)
{
    bool stop = finish_reason.n == 0 || lt_str_is(finish_reason, "tool_calls");
    return stop ? LT_STR("stop") : finish_reason;
}

/* Counts that nobody knows are null, never 0; they are always there, for Moodle reads them. */
static void put_end(struct lt_jw *w, const struct lt_ollama_end *end, const struct lt_ollama_times *times)
{
    lt_jw_kbool(w, "done", true);
    lt_jw_kstr(w, "done_reason", done_reason(end->finish_reason));
    lt_jw_kint(w, "total_duration", times->total);
    lt_jw_kint(w, "load_duration", 0);
    lt_jw_kcount(w, "prompt_eval_count", end->usage.prompt_tokens);
    lt_jw_kint(w, "prompt_eval_duration", times->prompt_eval);
    lt_jw_kcount(w, "eval_count", end->usage.completion_tokens);
    lt_jw_kint(w, "eval_duration", times->eval);
}

enum lt_code lt_ollama_write(struct lt_arena *arena, struct lt_jw *w, const struct lt_ollama_request *q, const char *created_at, struct lt_str text,
                             const struct lt_json *tool_calls, const struct lt_ollama_end *end, const struct lt_ollama_times *times,
                             struct lt_error *err)
{
    lt_jw_obj(w);
    lt_jw_kstr(w, "model", q->model);
    lt_jw_kstrz(w, "created_at", created_at);
    if (put_text(arena, w, q->chat, text, tool_calls, err))
        return err->code;
    if (end && times)
        put_end(w, end, times);
    else
        lt_jw_kbool(w, "done", end != NULL);
    if (end && !times) /* nothing was done, so that there is nothing to count */
        lt_jw_kstr(w, "done_reason", end->finish_reason);
    lt_jw_end(w);
    return LT_OK;
}

/* ---- an answer on its way ---- */

void lt_ollama_answer_init(struct lt_ollama_answer *a, struct lt_request *r, const struct lt_ollama_request *q)
{
    *a = (struct lt_ollama_answer){.r = r, .q = q, .start_us = lt_mono_us()};
    lt_buf_init(&a->buf, LT_REPLY_MAX);
}

static enum lt_code write_object(struct lt_ollama_answer *a, struct lt_str text, const struct lt_json *tool_calls, const struct lt_ollama_end *end,
                                 struct lt_error *err)
{
    char now[LT_OLLAMA_TIME];
    struct lt_jw w;
    uint64_t us = lt_mono_us(), first_us = a->first_us ? a->first_us : a->start_us;
    struct lt_ollama_times times = {(int64_t)(us - a->start_us) * 1000, (int64_t)(first_us - a->start_us) * 1000, (int64_t)(us - first_us) * 1000};
    lt_ollama_time(now);
    lt_buf_reset(&a->buf);
    lt_jw_init(&w, &a->buf);
    if (lt_ollama_write(a->r->arena, &w, a->q, now, text, tool_calls, end, a->q->only ? NULL : &times, err))
        return err->code;
    return a->buf.failed ? lt_fail(err, LT_EUPSTREAM_INVALID, "the answer is larger than %d bytes", LT_REPLY_MAX) : LT_OK;
}

static enum lt_code send_line(struct lt_ollama_answer *a)
{
    enum lt_code rc = a->begun ? LT_OK : lt_reply_stream(a->r, "application/x-ndjson", NULL, 0);
    a->begun = true;
    lt_buf_putc(&a->buf, '\n');
    return rc ? rc : lt_http_stream_write(a->r->http, a->buf.p, a->buf.n);
}

enum lt_code lt_ollama_answer_piece(void *ctx, struct lt_str piece)
{
    struct lt_ollama_answer *a = ctx;
    struct lt_error err;
    if (piece.n == 0)
        return LT_OK;
    if (a->first_us == 0)
        a->first_us = lt_mono_us();
    if (write_object(a, piece, NULL, NULL, &err))
        return err.code;
    return send_line(a);
}

/* What a stream has not shown: a text that came as a whole, the calls of tools. */
static enum lt_code show_rest(struct lt_ollama_answer *a, const struct lt_ollama_end *end, struct lt_error *err)
{
    bool text = a->first_us == 0 && end->text.n > 0, calls = lt_json_len(end->tool_calls) > 0;
    if (!text && !calls)
        return LT_OK;
    if (write_object(a, text ? end->text : LT_STR(""), end->tool_calls, NULL, err))
        return err->code;
    enum lt_code rc = send_line(a);
    return rc ? lt_fail(err, rc, "the client left") : LT_OK;
}

void lt_ollama_answer_end(struct lt_ollama_answer *a, const struct lt_ollama_end *end)
{
    struct lt_error err;
    enum lt_code rc = a->q->stream ? show_rest(a, end, &err) : LT_OK;
    if (!rc)
        rc = a->q->stream ? write_object(a, LT_STR(""), NULL, end, &err) : write_object(a, end->text, end->tool_calls, end, &err);
    if (rc) {
        lt_ollama_answer_fail(a, &err, NULL);
        return;
    }
    if (a->q->stream) {
        send_line(a);
        lt_http_stream_end(a->r->http);
    } else {
        lt_reply(a->r, 200, "application/json", NULL, NULL, 0, lt_buf_str(&a->buf));
    }
    lt_buf_free(&a->buf);
}

void lt_ollama_answer_fail(struct lt_ollama_answer *a, const struct lt_error *err, const char *call_id)
{
    if (!a->begun) {
        lt_buf_free(&a->buf);
        lt_reply_problem(a->r, err, call_id);
        return;
    }
    lt_fiber_cancel_reset(); /* a call that was cancelled still says so to a client that is there */
    if (lt_http_stream_heard(a->r->http)) {
        lt_buf_reset(&a->buf);
        lt_ollama_error_write(a->r, &a->buf, err);
        send_line(a);
    }
    lt_http_stream_end(a->r->http);
    lt_buf_free(&a->buf);
}
