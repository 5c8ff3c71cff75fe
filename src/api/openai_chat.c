/* POST /openai/v1/chat/completions. */
#include "api/openai.h"

static enum lt_code read_request(struct lt_request *r, struct lt_door_target *target, struct lt_door_run *run, struct lt_error *err)
{
    *run = (struct lt_door_run){.target = target, .stream = lt_json_bool_or(lt_json_get(r->body, "stream"), false)};
    if (lt_door_enter(r, lt_openai_user(r), &run->place, err) ||
        lt_door_target_find(r, &run->place, LT_NEUTRAL_COMPLETION, lt_json_str(lt_json_get(r->body, "model")), target, err))
        return err->code;
    return lt_openai_chat_input(r, r->body, &run->input, err);
}

static void run_streamed(struct lt_request *r, struct lt_door_run *run, struct lt_door_result *result)
{
    struct lt_openai_chat *chat = LT_NEW(r->arena, struct lt_openai_chat);
    bool usage = lt_json_bool_or(lt_json_get(lt_json_get(r->body, "stream_options"), "include_usage"), false);
    lt_openai_chat_init(chat, r, run->target->name, usage);
    run->on_start = lt_openai_chat_start;
    run->on_text = lt_openai_chat_text;
    run->ctx = chat;
    lt_door_run(r, run, result);
    lt_openai_chat_end(chat, result);
}

void lt_openai_post_chat(struct lt_request *r)
{
    struct lt_error err;
    struct lt_door_target *target = LT_NEW(r->arena, struct lt_door_target);
    struct lt_door_run *run = LT_NEW(r->arena, struct lt_door_run);
    struct lt_door_result *result = LT_NEW(r->arena, struct lt_door_result);
    if (read_request(r, target, run, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    if (run->stream) {
        run_streamed(r, run, result);
        return;
    }
    lt_door_run(r, run, result);
    if (!lt_openai_answered(result)) {
        lt_reply_problem(r, &result->error, result->recorded ? result->id_text : NULL);
    } else {
        struct lt_json_reply j;
        lt_openai_chat_write(lt_json_begin(&j), result);
        lt_openai_json_end(r, &j, result->id_text);
    }
}
