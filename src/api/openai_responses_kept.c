/* Answers of the Responses API that are kept: read, listed, removed, cancelled. What is another's is not there. */
#include "api/openai_responses.h"

#include "core/guard.h"
#include "core/register.h"

enum { ITEMS_DEFAULT = 20, ITEMS_MAX = 100, HANDOVER_MS = 3600000, CANCEL_LOOKS = 100, CANCEL_LOOK_MS = 50 };

/* ---- one that its process left unfinished ---- */

/* The text of an answer that the register knows: whole, or as far as its checkpoints reach. */
static struct lt_str text_of(struct lt_arena *arena, const struct lt_register_call *call, bool *ret_whole)
{
    const struct lt_json *response = NULL;
    struct lt_error err;
    *ret_whole = false;
    if (call->response.n == 0 || lt_json_parse(arena, call->response, LT_JSON_STRICT, &response, &err))
        return call->partial;
    *ret_whole = lt_str_is(lt_json_str(lt_json_get(response, "finish_reason")), "stop");
    return lt_json_str_or(lt_json_get(response, "generated_content"), LT_STR(""));
}

/*
 * Between the end of the call in the register and the end of the answer here whoever makes it still works on it, a workflow for a while; so does one
 * that has asked no model, of which the register knows nothing (state ""). Who began before this process did has died there.
 */
static bool abandoned(const struct lt_request *r, const struct lt_stored_response *s, const struct lt_register_call *call)
{
    int64_t since = call->state.n > 0 ? call->completed_at : s->created_at;
    if (lt_str_is(call->state, "running"))
        return false;
    return lt_str_is(call->state, "interrupted") || s->created_at < r->api->started_at || since < lt_now_ms() - HANDOVER_MS;
}

enum lt_code lt_response_settle(struct lt_request *r, struct lt_stored_response *s, struct lt_error *err)
{
    struct lt_register_call call = {0};
    struct lt_str attempts, content;
    struct lt_error why;
    bool whole;
    if (!lt_str_is(s->status, "in_progress"))
        return LT_OK;
    enum lt_code rc = lt_register_show(r->api->options.store, r->arena, r->caller.site->id, s->call_id, &call, &attempts, &content, err);
    if (rc && rc != LT_ENOT_FOUND)
        return rc;
    if (!abandoned(r, s, &call))
        return LT_OK;
    struct lt_str text = text_of(r->arena, &call, &whole); /* as the register has it: with placeholders */
    text = lt_guard_restore(lt_guard_talk(r->api->options.store, r->arena, &r->caller), text);
    lt_fail(&why, lt_str_is(call.state, "cancelled") ? LT_ECANCELLED : LT_EINTERRUPTED, "the process ended before the answer did");
    lt_response_break_off(r->arena, &why, lt_code_text(why.code), text, s);
    if (whole)
        lt_response_complete(r->arena, &(struct lt_door_result){.model = s->model, .usage = call.usage, .completed_at = call.completed_at}, text, s);
    if (whole)
        s->code = s->message = LT_STR("");
    struct lt_response_owner owner = lt_response_owner_of(&r->caller);
    return lt_response_end(r->api->options.store, &owner, s, err);
}

/* ---- finding ---- */

static enum lt_code find(struct lt_request *r, struct lt_uuid *ret_id, struct lt_stored_response *ret, struct lt_error *err)
{
    struct lt_place place;
    struct lt_str id = r->params[0];
    enum lt_code rc = LT_ENOT_FOUND;
    if (lt_door_enter(r, LT_STR(""), &place, err))
        return err->code;
    struct lt_response_owner owner = lt_response_owner_of(&r->caller);
    if (lt_response_id_parse(id, ret_id))
        rc = lt_response_find(r->api->options.store, r->arena, &owner, *ret_id, ret, err);
    if (rc == LT_ENOT_FOUND)
        return lt_fail(err, rc, "Response with id '%.*s' not found.", (int)(id.n < 64 ? id.n : 64), id.p);
    return rc ? rc : lt_response_settle(r, ret, err);
}

/* What a back end was told of a service is not for its users. */
static void tell_less(struct lt_stored_response *s)
{
    s->model = LT_STR("lectern");
    if (s->code.n > 0)
        s->message = lt_str(lt_code_text(LT_EINTERNAL));
}

static void answer(struct lt_request *r, struct lt_stored_response *s)
{
    const struct lt_json *settings;
    struct lt_error err;
    struct lt_json_reply j;
    if (lt_json_parse(r->arena, s->settings, LT_JSON_STRICT, &settings, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    if (r->caller.is_user && s->by_key)
        tell_less(s);
    lt_response_write(lt_json_begin(&j), s, settings);
    lt_openai_json_end(r, &j, NULL);
}

void lt_openai_get_response(struct lt_request *r)
{
    struct lt_error err;
    struct lt_uuid id;
    struct lt_stored_response s;
    if (lt_str_is(lt_query(r, "stream"), "true")) {
        lt_fail_field(&err, LT_EINVALID_INPUT, "/stream", "a kept answer is given whole here; leave it out or send false");
        lt_reply_problem(r, &err, NULL);
    } else if (find(r, &id, &s, &err)) {
        lt_reply_problem(r, &err, NULL);
    } else {
        answer(r, &s);
    }
}

void lt_openai_delete_response(struct lt_request *r)
{
    struct lt_error err;
    struct lt_uuid id;
    struct lt_stored_response s;
    struct lt_json_reply j;
    char text[LT_RESPONSE_ID_SIZE];
    struct lt_response_owner owner;
    if (find(r, &id, &s, &err) ||
        (owner = lt_response_owner_of(&r->caller), lt_response_remove(r->api->options.store, &owner, id, &err))) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    lt_response_id_format(id, text);
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_kstrz(w, "id", text);
    lt_jw_kstrz(w, "object", "response");
    lt_jw_kbool(w, "deleted", true);
    lt_jw_end(w);
    lt_openai_json_end(r, &j, NULL);
}

/* ---- cancelling ---- */

/* Asks whoever makes it to stop, and waits until the end is kept. */
static enum lt_code cancel(struct lt_request *r, struct lt_uuid *id, struct lt_stored_response *s, struct lt_error *err)
{
    for (int i = 0; i < CANCEL_LOOKS && lt_str_is(s->status, "in_progress"); i++) {
        enum lt_code rc = lt_call_cancel(r->api->options.manager, s->call_id, &r->caller, err);
        if (rc && rc != LT_ENOT_FOUND)
            return rc;
        if (lt_fiber_sleep(CANCEL_LOOK_MS) == LT_ECANCELLED)
            return lt_fail(err, LT_ECANCELLED, "the client left");
        if (find(r, id, s, err))
            return err->code;
    }
    if (lt_str_is(s->status, "cancelled") || lt_str_is(s->status, "in_progress"))
        return LT_OK;
    return lt_fail_field(err, LT_EINVALID_INPUT, "", "Cannot cancel a response that has ended.");
}

void lt_openai_cancel_response(struct lt_request *r)
{
    struct lt_error err;
    struct lt_uuid id;
    struct lt_stored_response s;
    if (find(r, &id, &s, &err) || cancel(r, &id, &s, &err))
        lt_reply_problem(r, &err, NULL);
    else
        answer(r, &s);
}

/* ---- the items of its input ---- */

struct page {
    const struct lt_json *items;
    size_t from, to;   /* in the order of the list: the first that is shown, and the one behind the last */
    bool descending, more;
};

static const struct lt_json *item_at(const struct page *p, size_t i)
{
    return lt_json_at(p->items, p->descending ? lt_json_len(p->items) - 1 - i : i);
}

/* Where the item of that id stands in the order of the list. */
static enum lt_code find_item(struct lt_request *r, const struct page *p, const char *field, size_t *ret, struct lt_error *err)
{
    struct lt_str id = lt_query(r, field + 1);
    for (*ret = 0; *ret < lt_json_len(p->items); (*ret)++)
        if (lt_str_eq(lt_json_str(lt_json_get(item_at(p, *ret), "id")), id))
            return LT_OK;
    return lt_fail_field(err, LT_EINVALID_INPUT, field, "is not the id of an item of this input");
}

static enum lt_code read_page(struct lt_request *r, struct page *p, struct lt_error *err)
{
    struct lt_str order = lt_query(r, "order");
    int limit;
    size_t at;
    if (order.n > 0 && !lt_str_is(order, "asc") && !lt_str_is(order, "desc"))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/order", "must be asc or desc");
    p->descending = !lt_str_is(order, "asc");
    p->to = lt_json_len(p->items);
    if (lt_query_limit(r, ITEMS_DEFAULT, ITEMS_MAX, &limit, err))
        return err->code;
    if (lt_query(r, "before").n > 0 && find_item(r, p, "/before", &p->to, err))
        return err->code;
    if (lt_query(r, "after").n > 0) {
        if (find_item(r, p, "/after", &at, err))
            return err->code;
        p->from = at + 1;
    }
    if (p->from > p->to)
        p->from = p->to;
    p->more = p->to - p->from > (size_t)limit;
    if (p->more)
        p->to = p->from + (size_t)limit;
    return LT_OK;
}

static void put_id(struct lt_jw *w, const char *key, const struct page *p, size_t i)
{
    lt_jw_kjson(w, key, p->from < p->to ? lt_json_get(item_at(p, i), "id") : NULL);
}

void lt_openai_get_input_items(struct lt_request *r)
{
    struct lt_error err;
    struct lt_uuid id;
    struct lt_stored_response s;
    struct page p = {0};
    struct lt_json_reply j;
    if (find(r, &id, &s, &err) || lt_json_parse(r->arena, s.input, LT_JSON_STRICT, &p.items, &err) || read_page(r, &p, &err)) {
        lt_reply_problem(r, &err, NULL);
        return;
    }
    struct lt_jw *w = lt_json_begin(&j);
    lt_jw_obj(w);
    lt_jw_kstrz(w, "object", "list");
    lt_jw_key(w, "data");
    lt_jw_arr(w);
    for (size_t i = p.from; i < p.to; i++)
        lt_jw_json(w, item_at(&p, i));
    lt_jw_end(w);
    put_id(w, "first_id", &p, p.from);
    put_id(w, "last_id", &p, p.to - 1);
    lt_jw_kbool(w, "has_more", p.more);
    lt_jw_end(w);
    lt_openai_json_end(r, &j, NULL);
}
