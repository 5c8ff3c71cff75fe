/* /v1/actions: what there is, and running it. Calls that exist already: calls.c. */
#include "api/answer.h"
#include "api/event_stream.h"

/* Why not: a code for programs, words for who is there, and the cause as far as it is the caller's business. */
static void put_reason(struct lt_request *r, struct lt_jw *w, const struct lt_availability *a)
{
    lt_jw_kstrz(w, "reason", lt_code_name(a->why.code));
    lt_jw_kstrz(w, "message", a->why.code == LT_ESTOPPED ? a->why.detail : lt_code_text(a->why.code));
    lt_jw_kstrz(w, "detail", lt_problem_detail(r, &a->why));
    if (a->until_at)
        lt_jw_ktime(w, "until", a->until_at);
}

static void put_action(struct lt_request *r, struct lt_jw *w, const struct lt_entry *entry, const struct lt_place *place)
{
    const struct lt_action *action = entry->impl;
    struct lt_availability a = lt_action_availability(r->api->options.manager, &r->caller, place, lt_str(entry->name));
    lt_jw_obj(w);
    lt_jw_kstrz(w, "name", entry->name);
    lt_jw_kstrz(w, "title", entry->title);
    lt_jw_kstrz(w, "description", entry->description);
    lt_jw_key(w, "input_schema");
    lt_jw_raw(w, lt_str(action->input_schema));
    lt_jw_key(w, "response_schema");
    lt_jw_raw(w, lt_str(action->response_schema));
    lt_jw_kbool(w, "available", a.available);
    if (!a.available)
        put_reason(r, w, &a);
    lt_jw_end(w);
}

void lt_get_actions(struct lt_request *r)
{
    struct lt_error err;
    struct lt_place place = lt_query_place(r);
    if (place.placement.n > 0 && !lt_registry_find(LT_KIND_PLACEMENT, place.placement)) {
        lt_fail_field(&err, LT_EINVALID_INPUT, "/placement", "there is no placement '%.*s'", LT_FMT(place.placement));
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_json_reply j;
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_key(w, "actions");
    lt_jw_arr(w);
    for (size_t i = 0; i < lt_registry_count(LT_KIND_ACTION); i++)
        put_action(r, w, lt_registry_at(LT_KIND_ACTION, i), &place);
    lt_jw_end(w);
    lt_jw_end(w);
    lt_json_end(r, 200, &j);
}

static struct lt_str member(const struct lt_json *object, const char *key)
{
    return lt_json_str_or(lt_json_get(object, key), LT_STR(""));
}

/* A token for one course that is used without naming a course means that course. */
static struct lt_str course_of(struct lt_request *r, const struct lt_json *context)
{
    struct lt_str course = member(context, "course_id");
    return course.n == 0 ? r->caller.only_course : course;
}

static void write_answer(struct lt_request *r, struct lt_jw *w, const void *result)
{
    lt_answer_write(r, w, result);
}

static void say_status(void *ctx, struct lt_str message)
{
    lt_event_stream_progress(ctx, message, -1);
}

static void run_streamed(struct lt_request *r, struct lt_call_request *request, struct lt_call_result *result)
{
    struct lt_event_stream *stream = lt_event_stream_new(r);
    request->on_start = lt_event_stream_start;
    request->on_text = lt_event_stream_text;
    request->on_status = say_status;
    request->ctx = stream;
    lt_process_action(r->api->options.manager, request, result);
    lt_event_stream_finish(stream, &result->error, result->id_text, write_answer, result);
}

void lt_post_action(struct lt_request *r)
{
    const struct lt_json *context = lt_json_get(r->body, "context");
    struct lt_call_request request = {.arena = r->arena,
                                      .config = r->config,
                                      .caller = &r->caller,
                                      .place = {course_of(r, context), member(context, "location_id"), member(context, "placement")},
                                      .action = r->params[0],
                                      .input = lt_json_get(r->body, "input"),
                                      .provider = member(r->body, "provider"),
                                      .stream = lt_event_stream_wanted(r)};
    struct lt_call_result *result = LT_NEW(r->arena, struct lt_call_result);
    struct lt_error err;
    if (lt_request_trace(r, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    request.trace = r->trace;
    if (request.stream) {
        run_streamed(r, &request, result);
        return;
    }
    if (lt_process_action(r->api->options.manager, &request, result)) {
        lt_reply_problem(r, &result->error, result->id_text);
        return;
    }
    struct lt_json_reply j;
    lt_answer_write(r, lt_json_begin(&j), result);
    lt_json_end(r, 200, &j);
}
