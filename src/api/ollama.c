/* POST /ollama/api/generate and chat: asking what the model's name means. */
#include "api/ollama.h"

#include "api/door.h"
#include "api/ollama_answer.h"

struct lt_str lt_ollama_user(struct lt_request *r)
{
    const struct lt_json *user = lt_json_get(r->body, "user");
    return lt_json_str_or(lt_json_is(user, LT_JSON_OBJECT) ? lt_json_get(user, "id") : user, LT_STR(""));
}

/* A prompt is the only message that the client has written: it knows of no others. */
static void name_field(const struct lt_ollama_request *q, struct lt_error *err)
{
    if (!q->chat && lt_str_starts(lt_str(err->field), LT_STR("/messages")))
        snprintf(err->field, sizeof(err->field), "/prompt");
}

/* Ollama would load the model or put it away; whether there is one is known by now. */
static void answer_nothing(struct lt_ollama_answer *a)
{
    lt_ollama_answer_end(a, &(struct lt_ollama_end){.text = LT_STR(""), .finish_reason = lt_str(a->q->only), .usage = LT_USAGE_UNKNOWN});
}

static void answer(struct lt_request *r, const struct lt_ollama_request *q, const struct lt_door_target *target, const struct lt_place *place)
{
    struct lt_ollama_answer *a = LT_NEW(r->arena, struct lt_ollama_answer);
    struct lt_door_result *result = LT_NEW(r->arena, struct lt_door_result);
    lt_ollama_answer_init(a, r, q);
    if (q->only) {
        answer_nothing(a);
        return;
    }
    struct lt_door_run run = {
        .target = target, .place = *place, .input = q->input, .stream = q->stream, .on_text = lt_ollama_answer_piece, .ctx = a};
    lt_door_run(r, &run, result);
    name_field(q, &result->error);
    if (result->error.code)
        lt_ollama_answer_fail(a, &result->error, result->recorded ? result->id_text : NULL);
    else
        lt_ollama_answer_end(a, &(struct lt_ollama_end){result->text, result->finish_reason, result->tool_calls, result->usage});
}

static void post(struct lt_request *r, bool chat)
{
    struct lt_error err;
    struct lt_place place;
    struct lt_door_target *target = LT_NEW(r->arena, struct lt_door_target);
    struct lt_ollama_request *q = LT_NEW(r->arena, struct lt_ollama_request);
    if (lt_door_enter(r, lt_ollama_user(r), &place, &err) || lt_ollama_read(r->arena, r->body, chat, q, &err) ||
        lt_door_target_find(r, &place, LT_NEUTRAL_COMPLETION, q->model, target, &err))
        lt_reply_problem(r, &err, NULL);
    else
        answer(r, q, target, &place);
}

void lt_ollama_post_generate(struct lt_request *r)
{
    post(r, false);
}

void lt_ollama_post_chat(struct lt_request *r)
{
    post(r, true);
}
