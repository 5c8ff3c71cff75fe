/* Running what a model name means: input of the target's own form from a conversation, and one shape of result from all of them. */
#include "api/door.h"

#include <stdio.h>

#include "workflows/input.h"

enum { INPUT_MAX = 4 * LT_BODY_ACTION, TEXT_MAX = 8 << 20 };

enum lt_code lt_door_input(struct lt_request *r, struct lt_buf *buf, const struct lt_json **ret, struct lt_error *err)
{
    if (!buf->failed)
        return lt_input_tree(r->arena, buf, ret, err);
    lt_buf_free(buf);
    return lt_fail(err, LT_EINVALID_INPUT, "the request is too large");
}

/* ---- a conversation as one text ---- */

/* Text, or the texts of parts one below the other. Other parts have no place in a text. */
static enum lt_code put_content(struct lt_buf *out, const struct lt_json *content, struct lt_error *err)
{
    if (!lt_json_is(content, LT_JSON_ARRAY)) {
        lt_buf_put_str(out, lt_json_str(content));
        return LT_OK;
    }
    for (size_t i = 0; i < lt_json_len(content); i++) {
        const struct lt_json *text = lt_json_get(lt_json_at(content, i), "text");
        if (!text)
            return lt_fail_field(err, LT_EINVALID_INPUT, "/messages", "this model takes text only");
        if (i > 0)
            lt_buf_putc(out, '\n');
        lt_buf_put_str(out, lt_json_str(text));
    }
    return LT_OK;
}

static struct lt_str take(struct lt_request *r, struct lt_buf *buf)
{
    struct lt_str text = lt_str_copy(r->arena, lt_buf_str(buf));
    lt_buf_free(buf);
    return text;
}

/* The last message of the user. What was said before belongs to whoever keeps the conversation: the client, or the profile. */
static enum lt_code last_question(struct lt_request *r, const struct lt_json *messages, struct lt_str *ret, struct lt_error *err)
{
    struct lt_buf buf;
    for (size_t i = lt_json_len(messages); i-- > 0;) {
        const struct lt_json *message = lt_json_at(messages, i);
        if (!lt_str_is(lt_json_str(lt_json_get(message, "role")), "user"))
            continue;
        const struct lt_json *content = lt_json_get(message, "content");
        if (lt_json_is(content, LT_JSON_STRING)) { /* nearly always, and it may be long: it stays where it was parsed */
            *ret = lt_json_str(content);
            return LT_OK;
        }
        lt_buf_init(&buf, TEXT_MAX);
        enum lt_code rc = put_content(&buf, content, err);
        *ret = take(r, &buf);
        return rc;
    }
    return lt_fail_field(err, LT_EINVALID_INPUT, "/messages", "must hold a message of the role 'user'");
}

/* All system messages, with an empty line between two. */
static enum lt_code instructions(struct lt_request *r, const struct lt_json *messages, struct lt_str *ret, struct lt_error *err)
{
    struct lt_buf buf;
    enum lt_code rc = LT_OK;
    lt_buf_init(&buf, TEXT_MAX);
    for (size_t i = 0; i < lt_json_len(messages) && rc == LT_OK; i++) {
        const struct lt_json *message = lt_json_at(messages, i);
        if (!lt_str_is(lt_json_str(lt_json_get(message, "role")), "system"))
            continue;
        if (buf.n > 0)
            lt_buf_put_str(&buf, LT_STR("\n\n"));
        rc = put_content(&buf, lt_json_get(message, "content"), err);
    }
    *ret = take(r, &buf);
    return rc;
}

/* Tools and forms of the answer are a conversation's: what has a form of its own takes none. */
static enum lt_code check_plain(const struct lt_door_target *target, const struct lt_json *input, struct lt_error *err)
{
    struct lt_str format = lt_json_str(lt_json_at_pointer(input, "/response_format/type"));
    if (lt_json_get(input, "tools"))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/tools", "'%.*s' takes no tools", LT_FMT(target->name));
    if (format.n > 0 && !lt_str_is(format, "text"))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/response_format", "'%.*s' has a form of its own", LT_FMT(target->name));
    return LT_OK;
}

/* ---- an action ---- */

/* Which member of the action's input the question becomes; NULL: it cannot be asked in words. */
static const char *question_member(const struct lt_json *properties)
{
    static const char *const members[] = {"prompt", "text"};
    for (size_t i = 0; i < LT_COUNT(members); i++)
        if (lt_json_get(properties, members[i]))
            return members[i];
    return NULL;
}

/* {"text": …, "instruction": …} for an action that is asked about one text. */
static enum lt_code plain_input(struct lt_request *r, const struct lt_door_run *run, const struct lt_json **ret, struct lt_error *err)
{
    const struct lt_json *schema, *messages = lt_json_get(run->input, "messages");
    struct lt_str question, wish;
    struct lt_buf buf;
    struct lt_jw w;
    if (check_plain(run->target, run->input, err) || last_question(r, messages, &question, err) || instructions(r, messages, &wish, err) ||
        lt_json_parse(r->arena, lt_str(run->target->action->input_schema), LT_JSON_STRICT, &schema, err))
        return err->code;
    const struct lt_json *properties = lt_json_get(schema, "properties");
    const char *member = question_member(properties);
    if (!member)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/model", "'%.*s' cannot be asked in a conversation", LT_FMT(run->target->name));
    if (wish.n > 0 && !lt_json_get(properties, "instruction"))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/messages", "'%.*s' takes no system message", LT_FMT(run->target->name));
    lt_buf_init(&buf, INPUT_MAX);
    lt_jw_init(&w, &buf);
    lt_jw_obj(&w);
    lt_jw_kstr(&w, member, question);
    if (wish.n > 0)
        lt_jw_kstr(&w, "instruction", wish);
    lt_jw_end(&w);
    return lt_door_input(r, &buf, ret, err);
}

/* What an action without sampling members of its own takes over the instance's settings, within the bounds of continue_conversation. */
static enum lt_code plain_settings(struct lt_request *r, const struct lt_json *input, const struct lt_json **ret, struct lt_error *err)
{
    static const struct {
        const char *name, *field;
        double least, most;
    } members[] = {{"temperature", "/temperature", 0, 2}, {"top_p", "/top_p", 0, 1}, {"max_tokens", "/max_tokens", 1, 1000000}};
    struct lt_buf buf;
    struct lt_jw w;
    for (size_t i = 0; i < LT_COUNT(members); i++) {
        double v = lt_json_double_or(lt_json_get(input, members[i].name), members[i].least);
        if (v < members[i].least || v > members[i].most)
            return lt_fail_field(err, LT_EINVALID_INPUT, members[i].field, "must be from %g to %g", members[i].least, members[i].most);
    }
    lt_buf_init(&buf, 4096);
    lt_jw_init(&w, &buf);
    lt_jw_obj(&w);
    for (size_t i = 0; i < LT_COUNT(members); i++)
        if (lt_json_is(lt_json_get(input, members[i].name), LT_JSON_NUMBER))
            lt_jw_kjson(&w, members[i].name, lt_json_get(input, members[i].name));
    lt_jw_end(&w);
    return lt_door_input(r, &buf, ret, err);
}

static const struct lt_json *model_setting(struct lt_request *r, struct lt_str model)
{
    const struct lt_json *settings = NULL;
    struct lt_error err;
    struct lt_buf buf;
    struct lt_jw w;
    lt_buf_init(&buf, 8 * LT_DOOR_MODEL_MAX);
    lt_jw_init(&w, &buf);
    lt_jw_obj(&w);
    lt_jw_kstr(&w, "model", model);
    lt_jw_end(&w);
    return lt_door_input(r, &buf, &settings, &err) ? NULL : settings;
}

static bool is_conversation(const struct lt_action *action)
{
    return strcmp(action->name, "continue_conversation") == 0;
}

static void name_field(struct lt_error *err, const char *name)
{
    snprintf(err->field, sizeof(err->field), "%s", name);
}

/* Errors point into what the client has sent. */
static void rename_field(const struct lt_door_target *target, struct lt_error *err)
{
    static const struct lt_str input = LT_STR("/input");
    struct lt_str field = lt_str(err->field);
    char rest[sizeof(err->field)];
    if (lt_str_is(field, "/context/placement"))
        name_field(err, "X-Lectern-Placement");
    else if (lt_str_is(field, "/context/course_id"))
        name_field(err, "X-Lectern-Course");
    else if (lt_str_starts(field, LT_STR("/context/")))
        name_field(err, "X-Lectern-Location");
    else if (lt_str_is(field, "/user_input"))
        name_field(err, "/messages");
    if (!lt_str_starts(field, input) || !target->action)
        return;
    snprintf(rest, sizeof(rest), "%s", err->field + input.n);
    bool whole = is_conversation(target->action) || target->action->kind != LT_NEUTRAL_COMPLETION;
    name_field(err, whole ? rest : "/messages");
}

static bool sees_vendor(const struct lt_request *r)
{
    return !r->caller.is_user;
}

struct lt_str lt_door_fingerprint(struct lt_request *r)
{
    return lt_printf(r->arena, "fp_lectern_%lld", (long long)r->config->generation);
}

static enum lt_code take_response(struct lt_request *r, struct lt_str text, struct lt_door_result *ret)
{
    return lt_json_parse(r->arena, text, LT_JSON_STRICT, &ret->response, &ret->error);
}

/* An action that answers with an object gives it as JSON text. */
static void take_answer(struct lt_request *r, const struct lt_call_result *call, struct lt_door_result *ret)
{
    const struct lt_json *content = lt_json_get(ret->response, "generated_content");
    ret->text = content ? lt_json_str(content) : call->response;
    ret->finish_reason = lt_json_str_or(lt_json_get(ret->response, "finish_reason"), LT_STR("stop"));
    ret->tool_calls = lt_json_get(ret->response, "tool_calls");
    if (sees_vendor(r) && call->model.n > 0)
        ret->model = call->model;
    if (sees_vendor(r) && call->fingerprint.n > 0)
        ret->fingerprint = call->fingerprint;
}

static void take_call(struct lt_request *r, const struct lt_door_run *run, const struct lt_call_result *call, struct lt_door_result *ret)
{
    ret->id = call->id;
    memcpy(ret->id_text, call->id_text, sizeof(ret->id_text));
    ret->recorded = true;
    ret->error = call->error;
    ret->usage = call->usage;
    ret->refusal = call->refusal;
    ret->created_at = call->created_at;
    ret->completed_at = call->completed_at;
    rename_field(run->target, &ret->error);
    if (ret->error.code == LT_EUPSTREAM_NOT_FOUND && run->target->kind == LT_DOOR_VENDOR)
        name_field(&ret->error, "/model");
    if (ret->error.code == LT_OK && take_response(r, call->response, ret) == LT_OK)
        take_answer(r, call, ret);
}

/* A back end's key speaks for an LMS that has asked its users. A user's own token speaks for nobody but the user, here as under /v1/. */
static bool vouched_for(const struct lt_request *r)
{
    return r->caller.key && !r->caller.site->door_policy_by_lectern;
}

static void run_action(struct lt_request *r, const struct lt_door_run *run, struct lt_door_result *ret)
{
    const struct lt_door_target *target = run->target;
    struct lt_call_profile *profile = LT_NEW(r->arena, struct lt_call_profile);
    struct lt_call_request *q = LT_NEW(r->arena, struct lt_call_request);
    struct lt_call_result *call = LT_NEW(r->arena, struct lt_call_result);
    *q = (struct lt_call_request){.arena = r->arena,
                                  .config = r->config,
                                  .caller = &r->caller,
                                  .place = run->place,
                                  .action = lt_str(target->action->name),
                                  .input = run->input,
                                  .id = run->id,
                                  .profile = profile,
                                  .policy_by_lms = vouched_for(r),
                                  .stream = run->stream,
                                  .on_start = run->on_start,
                                  .on_text = run->stream ? run->on_text : NULL,
                                  .ctx = run->ctx};
    *profile = (struct lt_call_profile){.own_form = true};
    if (target->kind == LT_DOOR_VENDOR) { /* whoever chooses a model brings the instructions */
        q->provider = target->instance->name;
        *profile = (struct lt_call_profile){.settings = model_setting(r, target->model)};
    } else if (target->action->kind == LT_NEUTRAL_COMPLETION && !is_conversation(target->action)) {
        if (plain_settings(r, run->input, &profile->settings, &ret->error) || plain_input(r, run, &q->input, &ret->error))
            return;
    }
    lt_process_action(r->api->options.manager, q, call);
    take_call(r, run, call, ret);
}

/* ---- a profile ---- */

/* The question, as JSON tree too: what a workflow takes as user_input. */
static enum lt_code user_input(struct lt_request *r, const struct lt_door_run *run, struct lt_str *ret_text, const struct lt_json **ret,
                               struct lt_error *err)
{
    struct lt_str question;
    struct lt_buf buf;
    struct lt_jw w;
    if (check_plain(run->target, run->input, err) || last_question(r, lt_json_get(run->input, "messages"), &question, err))
        return err->code;
    lt_buf_init(&buf, INPUT_MAX);
    lt_jw_init(&w, &buf);
    lt_jw_str(&w, question);
    *ret_text = question;
    return lt_door_input(r, &buf, ret, err);
}

/* {"response": text or anything else, "status"} */
static void take_workflow(struct lt_request *r, const struct lt_door_run *run, const struct lt_workflow_result *result,
                          struct lt_door_result *ret)
{
    ret->id = result->id;
    memcpy(ret->id_text, result->id_text, sizeof(ret->id_text));
    ret->recorded = result->calls_n > 0;
    ret->error = result->error;
    ret->usage = result->usage;
    ret->created_at = result->created_at;
    ret->completed_at = result->completed_at;
    rename_field(run->target, &ret->error);
    if (ret->error.code || take_response(r, result->response, ret))
        return;
    const struct lt_json *response = lt_json_get(ret->response, "response");
    ret->text = lt_json_is(response, LT_JSON_STRING) ? lt_json_str(response) : lt_json_text(r->arena, response ? response : ret->response);
    ret->finish_reason = LT_STR("stop");
}

static void run_profile(struct lt_request *r, const struct lt_door_run *run, struct lt_door_result *ret)
{
    struct lt_workflow_request *q = LT_NEW(r->arena, struct lt_workflow_request);
    struct lt_workflow_result *result = LT_NEW(r->arena, struct lt_workflow_result);
    *q = (struct lt_workflow_request){.arena = r->arena,
                                      .store = r->api->options.store,
                                      .manager = r->api->options.manager,
                                      .tasks = r->api->options.tasks,
                                      .config = r->config,
                                      .caller = &r->caller,
                                      .profile = run->target->profile,
                                      .scope = run->target->scope,
                                      .course_id = run->place.course_id,
                                      .location_id = run->place.location_id,
                                      .ui_slot_selector_id = LT_STR(""),
                                      .placement = run->place.placement,
                                      .content = LT_STR(""),
                                      .action = LT_STR("run"),
                                      .stream = run->stream,
                                      .sources_as_text = true,
                                      .policy_by_lms = vouched_for(r),
                                      .no_store = lt_request_no_store(r),
                                      .on_start = run->on_start,
                                      .on_text = run->stream ? run->on_text : NULL,
                                      .ctx = run->ctx};
    struct lt_str question;
    if (user_input(r, run, &question, &q->user_input, &ret->error))
        return;
    if (run->place.location_id.n == 0 && question.n <= LT_WORKFLOW_CONTENT_MAX) /* a profile that works on a text has no other */
        q->content = question;
    lt_workflow_execute(q, result);
    take_workflow(r, run, result, ret);
    if (ret->error.code == LT_OK && run->stream && run->on_text && !result->text && ret->text.n > 0 && run->on_text(run->ctx, ret->text))
        lt_fail(&ret->error, LT_ECANCELLED, "the client left");
}

enum lt_code lt_door_run(struct lt_request *r, const struct lt_door_run *run, struct lt_door_result *ret)
{
    *ret = (struct lt_door_result){.text = LT_STR(""),
                                   .usage = LT_USAGE_UNKNOWN,
                                   .model = run->target->name,
                                   .fingerprint = lt_door_fingerprint(r),
                                   .created_at = lt_now_ms()};
    if (run->target->kind == LT_DOOR_PROFILE)
        run_profile(r, run, ret);
    else
        run_action(r, run, ret);
    return ret->error.code;
}
