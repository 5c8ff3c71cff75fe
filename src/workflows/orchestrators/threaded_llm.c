/*
 * ThreadedLLMResponse: a conversation. What was said before goes along, and each turn is stored when its answer has ended. Without input an
 * existing thread is shown instead.
 */
#include "base/clock.h"
#include "core/feedback.h"
#include "workflows/orchestrator.h"
#include "workflows/session.h"

enum {
    USER_TEXT_MAX = 256 * 1024, /* bytes; with the next, escaped as JSON, within LT_TURN_BYTES_MAX */
    ANSWER_KEPT = 384 * 1024,   /* bytes of an answer that are stored */
};

struct talk {
    struct lt_workflow_run *run;
    struct lt_session_key key;
    struct lt_session *session; /* id 0: there is none yet */
    struct lt_str text;         /* the user's; "" = none */
    int64_t asked_at;           /* ms */
    int page;                   /* max_context_messages */
};

/* ---- the session ---- */

static void found(struct talk *t)
{
    t->run->result->session_id = t->session->id;
    t->run->result->session_uuid = t->session->uuid;
}

/* LT_ENOT_FOUND: there is none yet, and t->session->id is 0. One is made when there is a turn to keep: a refused call leaves no row. */
static enum lt_code begin(struct talk *t, struct lt_workflow_run *run, struct lt_error *err)
{
    const struct lt_workflow_request *q = run->request;
    *t = (struct talk){.run = run, .asked_at = lt_now_ms(), .session = LT_NEW(q->arena, struct lt_session)};
    t->page = lt_session_page_size(run->processors, q->caller->site->max_context_messages);
    t->key = (struct lt_session_key){.site_id = q->caller->site->id,
                                     .user_id = q->caller->user_id,
                                     .scope_id = q->scope ? q->scope->id : 0,
                                     .profile_id = q->profile->id,
                                     .course_id = q->course_id,
                                     .location_id = q->location_id};
    if (q->caller->user_id.n == 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/user", "a conversation is one user's: name the user");
    enum lt_code rc = lt_session_lookup(q->store, q->arena, &t->key, t->session, err);
    if (rc == LT_OK)
        found(t);
    return rc;
}

/* What the user said, as it is kept: an input without text goes to the model as it is. */
static struct lt_str said(const struct lt_workflow_run *run)
{
    struct lt_str text = lt_llm_user_text(run);
    bool object = lt_json_is(run->input, LT_JSON_OBJECT) || lt_json_is(run->input, LT_JSON_ARRAY);
    return text.n == 0 && object && lt_json_len(run->input) > 0 ? lt_json_text(run->request->arena, run->input) : text;
}

/* ---- showing ---- */

static void answer(const struct lt_workflow_run *run, struct lt_jw *response, struct lt_str text, const char *status)
{
    lt_jw_obj(response);
    lt_jw_kstr(response, "response", text);
    lt_jw_kstrz(response, "status", status);
    lt_run_write_citations(run, response);
    lt_jw_end(response);
}

/* Who comes back finds how they have rated the answers. */
static enum lt_code read_ratings(struct lt_workflow_run *run, struct lt_session_messages *messages, struct lt_error *err)
{
    const struct lt_workflow_request *q = run->request;
    struct lt_uuid *ids = LT_NEW_ARRAY(q->arena, struct lt_uuid, messages->n);
    struct lt_str *ratings = LT_NEW_ARRAY(q->arena, struct lt_str, messages->n);
    size_t n = 0;
    for (size_t i = 0; i < messages->n; i++)
        n += lt_uuid_parse(messages->list[i].call_id, &ids[n]);
    if (lt_feedback_ratings(q->store, q->arena, q->caller, ids, n, ratings, err))
        return err->code;
    n = 0;
    for (size_t i = 0; i < messages->n; i++)
        if (lt_uuid_parse(messages->list[i].call_id, &(struct lt_uuid){{0}}))
            messages->list[i].rating = ratings[n++];
    return LT_OK;
}

/* {"response": JSON text {"messages", "metadata"}, "status"} */
static enum lt_code answer_page(struct lt_workflow_run *run, struct lt_session_messages *messages, int64_t shown, struct lt_jw *response,
                                struct lt_error *err)
{
    struct lt_buf out;
    struct lt_jw w;
    if (read_ratings(run, messages, err))
        return err->code;
    lt_buf_init(&out, LT_WORKFLOW_RESPONSE_MAX);
    lt_jw_init(&w, &out);
    lt_session_write_page(&w, messages, shown);
    bool failed = out.failed;
    if (!failed)
        answer(run, response, lt_buf_str(&out), "completed");
    lt_buf_free(&out);
    lt_run_start(run);
    return failed ? lt_fail(err, LT_ETOO_LARGE, "the messages are longer than %d bytes", LT_WORKFLOW_RESPONSE_MAX) : LT_OK;
}

static enum lt_code show_history(struct talk *t, struct lt_jw *response, struct lt_error *err)
{
    struct lt_session_messages messages;
    if (lt_session_page(t->run->request->store, t->run->request->arena, t->session, 0, t->page, &messages, err))
        return err->code;
    return answer_page(t->run, &messages, 0, response, err);
}

/* How many messages the page shows already: the input, or a member of it. What is no number counts as none. */
static int64_t shown_already(const struct lt_json *input)
{
    static const char *const members[] = {"current_messages", "currentMessages", "shown"};
    int64_t n = 0;
    for (size_t i = 0; i < LT_COUNT(members) && lt_json_is(input, LT_JSON_OBJECT); i++)
        if (lt_json_get(input, members[i]))
            input = lt_json_get(input, members[i]);
    if (!lt_json_int64(input, &n) && !lt_str_to_int64(lt_json_str_or(input, LT_STR("")), &n))
        return 0;
    return n < 0 ? 0 : n;
}

static enum lt_code lazy_load_chat_history(struct lt_workflow_run *run, struct lt_jw *response, struct lt_error *err)
{
    struct talk t;
    struct lt_session_messages messages = {0};
    int64_t shown = shown_already(run->input);
    enum lt_code rc = begin(&t, run, err);
    if (rc == LT_OK)
        rc = lt_session_page(run->request->store, run->request->arena, t.session, shown, t.page, &messages, err);
    if (rc && rc != LT_ENOT_FOUND)
        return rc;
    return answer_page(run, &messages, shown, response, err);
}

static enum lt_code clear_session(struct lt_workflow_run *run, struct lt_jw *response, struct lt_error *err)
{
    struct talk t;
    enum lt_code rc = begin(&t, run, err);
    if (rc == LT_OK)
        rc = lt_session_clear(run->request->store, t.session, err);
    if (rc && rc != LT_ENOT_FOUND)
        return rc;
    lt_run_start(run);
    answer(run, response, LT_STR(""), "session_cleared");
    return LT_OK;
}

/* ---- talking ---- */

static enum lt_code read_history(struct talk *t, struct lt_llm_question *question, struct lt_error *err)
{
    struct lt_arena *arena = t->run->request->arena;
    struct lt_session_messages messages;
    if (lt_session_page(t->run->request->store, arena, t->session, 0, t->page, &messages, err))
        return err->code;
    struct lt_message *history = LT_NEW_ARRAY(arena, struct lt_message, messages.n);
    for (size_t i = 0; i < messages.n; i++)
        history[i] = (struct lt_message){.role = messages.list[i].role, .content = messages.list[i].text};
    question->history = history;
    question->history_n = messages.n;
    return LT_OK;
}

/* What is stored of a run. */
struct outcome {
    struct talk *talk;
    struct lt_str text;         /* of the assistant */
    const struct lt_call_result *ended; /* the last call, behind whose answer the vendor's thread goes on; NULL: the run was broken off */
    struct lt_error error;      /* that it was broken off with */
};

static bool keep_with(void *ctx, struct lt_tx *tx)
{
    const struct outcome *o = ctx;
    return lt_run_keep(o->talk->run, tx, &o->error);
}

static enum lt_code add_turn(struct outcome *o, struct lt_error *err)
{
    struct talk *t = o->talk;
    const struct lt_call_result *ended = o->ended;
    struct lt_str text = o->text;
    struct lt_session_with with = {keep_with, o};
    const struct lt_workflow_request *q = t->run->request;
    struct lt_turn_message messages[2];
    struct lt_turn turn = {.call_id = t->run->result->id,
                           .interrupted = !ended,
                           .store_content = q->caller->site->store_content,
                           .messages = messages,
                           .remote_response_id = ended ? ended->response_id : LT_STR(""),
                           .remote_instance_id = ended && ended->instance ? ended->instance->id : 0,
                           .with = &with};
    if (t->text.n > 0)
        messages[turn.messages_n++] = (struct lt_turn_message){.role = LT_STR("user"), .text = t->text, .timestamp = t->asked_at};
    if (text.n > ANSWER_KEPT)
        text.n = lt_utf8_whole(text.p, ANSWER_KEPT);
    messages[turn.messages_n++] = (struct lt_turn_message){.role = LT_STR("assistant"), .text = text, .timestamp = lt_now_ms()};
    if (t->session->id == 0 && lt_session_open(q->store, q->arena, &t->key, t->session, err))
        return err->code;
    found(t);
    return lt_session_add_turn(q->store, t->session, &turn, NULL, err);
}

/*
 * The turn of a run that has ended or was broken off. A session that its user has removed meanwhile keeps nothing, and the answer stands.
 * Does not see a cancel.
 */
static enum lt_code keep(struct outcome *o, struct lt_error *err)
{
    o->talk->run->result->kept = true;
    lt_fiber_shield();
    enum lt_code rc = add_turn(o, err);
    lt_fiber_unshield();
    return rc == LT_ENOT_FOUND ? LT_OK : rc;
}

/* What came of an answer that was broken off: of the rounds with tools that had ended, and of the last call. */
static struct lt_str received(struct lt_arena *arena, struct lt_str text, const struct lt_call_result *call)
{
    struct lt_str more = call->success ? LT_STR("") : call->partial;
    char *p = lt_alloc(arena, text.n + more.n);
    if (text.n > 0)
        memcpy(p, text.p, text.n);
    if (more.n > 0)
        memcpy(p + text.n, more.p, more.n);
    return (struct lt_str){p, text.n + more.n};
}

static enum lt_code ask(struct talk *t, struct lt_jw *response, struct lt_error *err)
{
    struct lt_call_thread thread = {.instance_id = t->session->remote_instance_id, .response_id = t->session->remote_response_id};
    struct lt_llm_question question = {.text = lt_llm_user_text(t->run), .thread = &thread};
    struct lt_call_result *call = LT_NEW(t->run->request->arena, struct lt_call_result);
    struct lt_str text = LT_STR("");
    t->run->event = t->session->turns > 0 ? LT_EVENT_WORKFLOW_INTERACTED : LT_EVENT_WORKFLOW_INITIALIZED;
    if (lt_content_process(t->run, &question.content, err) || (t->session->id && read_history(t, &question, err)))
        return err->code;
    enum lt_code rc = lt_llm_process(t->run, &question, call, &text, err);
    if (rc == LT_OK)
        answer(t->run, response, text, "completed");
    struct outcome outcome = {.talk = t, .text = text, .ended = rc ? NULL : call};
    if (rc) {
        struct lt_error not_kept;
        outcome.text = received(t->run->request->arena, text, call);
        outcome.error = *err;
        if (outcome.text.n > 0)
            keep(&outcome, &not_kept);
        return rc;
    }
    return keep(&outcome, err);
}

static enum lt_code talk(struct lt_workflow_run *run, struct lt_jw *response, struct lt_error *err)
{
    struct talk t;
    struct lt_str text = said(run);
    if (text.n > USER_TEXT_MAX)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/user_input", "must be at most %d bytes in a conversation, is %zu", USER_TEXT_MAX, text.n);
    enum lt_code rc = begin(&t, run, err);
    if (rc && rc != LT_ENOT_FOUND)
        return rc;
    t.text = text;
    return text.n == 0 && t.session->turns > 0 ? show_history(&t, response, err) : ask(&t, response, err);
}

static const struct lt_orchestrator_action actions[] = {
    {"run", talk}, {"lazy_load_chat_history", lazy_load_chat_history}, {"clear_session", clear_session},
    {"run_async", lt_background_run}, {"get_run_status", lt_background_status}, {NULL, NULL}};
extern const struct lt_orchestrator lt_threaded_llm_response;
const struct lt_orchestrator lt_threaded_llm_response = {.class_name = "ThreadedLLMResponse", .actions = actions};
