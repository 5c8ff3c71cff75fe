/* The items of a turn: those of the body with what they refer to, behind those of the thread that the turn goes on from. */
#include "api/openai_responses.h"

#include <stdio.h>

enum { KEPT_MAX = 2 * LT_RESPONSE_BYTES_MAX, REFERRED_MAX = 50 };

static struct lt_str member(const struct lt_json *object, const char *name)
{
    return lt_json_str_or(lt_json_get(object, name), LT_STR(""));
}

/* ---- the thread ---- */

static enum lt_code not_found(struct lt_responses_request *q, struct lt_error *err)
{
    char id[LT_RESPONSE_ID_SIZE];
    lt_response_id_format(q->previous_id, id);
    return lt_fail_field(err, LT_ENOT_FOUND, "/previous_response_id", "Previous response with id '%s' not found.", id);
}

/* Only its last answer can be unfinished: nobody goes on from one that is. */
static enum lt_code settle_last(struct lt_responses_request *q, struct lt_error *err)
{
    struct lt_stored_response last;
    struct lt_request *r = q->r;
    enum lt_code rc = lt_response_find(r->api->options.store, r->arena, &q->owner, q->previous_id, &last, err);
    if (rc == LT_ENOT_FOUND)
        return not_found(q, err);
    if (rc || lt_response_settle(r, &last, err))
        return err->code;
    if (lt_str_is(last.status, "in_progress"))
        return lt_fail_field(err, LT_EINVALID_INPUT, "/previous_response_id", "the previous response is still in progress");
    return LT_OK;
}

static enum lt_code read_thread(struct lt_responses_request *q, bool drop, struct lt_response_thread *ret, struct lt_error *err)
{
    *ret = (struct lt_response_thread){0};
    if (lt_uuid_is_null(q->previous_id))
        return LT_OK;
    if (settle_last(q, err))
        return err->code;
    enum lt_code rc = lt_response_read_thread(q->r->api->options.store, q->r->arena, &q->owner, q->previous_id, ret, err);
    if (rc == LT_ENOT_FOUND)
        return not_found(q, err);
    if (rc || ret->before == LT_RESPONSE_WHOLE || drop)
        return rc;
    if (ret->before == LT_RESPONSE_LONG)
        return lt_fail_field(err, LT_ECONTEXT_WINDOW, "/previous_response_id",
                             "the thread has more than %d answers or %d bytes; begin a new one, or send truncation \"auto\"", LT_RESPONSE_THREAD_MAX,
                             LT_RESPONSE_THREAD_BYTES_MAX);
    return lt_fail_field(err, LT_ENOT_FOUND, "/previous_response_id",
                         "the beginning of this thread was removed or is not kept any more; begin a new one, or send truncation \"auto\"");
}

/* ---- references ---- */

/* Items of other answers, of the last one looked at. */
struct referred {
    struct lt_responses_request *q;
    struct lt_uuid id;
    const struct lt_json *input, *output;
    int looked;
};

static enum lt_code look_up(struct referred *f, struct lt_uuid id, struct lt_error *err)
{
    struct lt_request *r = f->q->r;
    struct lt_stored_response s;
    if (lt_uuid_eq(f->id, id))
        return LT_OK;
    if (f->looked++ == REFERRED_MAX)
        return lt_fail(err, LT_EINVALID_INPUT, "refers to items of more than %d answers", REFERRED_MAX);
    if (lt_response_find(r->api->options.store, r->arena, &f->q->owner, id, &s, err) || lt_response_settle(r, &s, err) ||
        lt_json_parse(r->arena, s.input, LT_JSON_STRICT, &f->input, err) || lt_json_parse(r->arena, s.output, LT_JSON_STRICT, &f->output, err))
        return err->code;
    f->id = id;
    return LT_OK;
}

static enum lt_code item_not_found(struct lt_str id, struct lt_error *err)
{
    return lt_fail(err, LT_ENOT_FOUND,
                   "Item with id '%.*s' not found. Items are not persisted when `store` is set to false. Try again with `store` set to true, "
                   "or remove this item from your input.",
                   (int)(id.n < 64 ? id.n : 64), id.p);
}

static bool is_reference(const struct lt_json *item)
{
    return lt_str_is(member(item, "type"), "item_reference") ||
           (lt_json_is(item, LT_JSON_OBJECT) && !lt_json_is(lt_json_get(item, "type"), LT_JSON_STRING) && !lt_json_get(item, "role") &&
            lt_json_get(item, "id"));
}

static enum lt_code resolve(struct referred *f, const struct lt_json **item, struct lt_error *err)
{
    struct lt_item_place place;
    struct lt_str id = member(*item, "id");
    if (!is_reference(*item))
        return LT_OK;
    if (!lt_item_id_parse(id, &place))
        return item_not_found(id, err);
    enum lt_code rc = look_up(f, place.response, err);
    if (rc == LT_ENOT_FOUND)
        return item_not_found(id, err);
    if (rc)
        return rc;
    *item = lt_json_at(place.output ? f->output : f->input, place.index);
    return *item && lt_str_eq(member(*item, "id"), id) ? LT_OK : item_not_found(id, err);
}

/* ---- the items of the body ---- */

static enum lt_code write_items(struct lt_responses_request *q, struct lt_jw *w, struct lt_error *err)
{
    struct referred *referred = LT_NEW(q->r->arena, struct referred);
    const struct lt_json *input = lt_json_get(q->r->body, "input");
    struct lt_item_place place = {.response = q->id};
    char pointer[32];
    referred->q = q;
    if (lt_json_is(input, LT_JSON_STRING)) {
        lt_item_write_text(w, lt_json_str(input), place);
        return LT_OK;
    }
    for (size_t i = 0; i < lt_json_len(input); i++, place.index++) {
        const struct lt_json *item = lt_json_at(input, i);
        snprintf(pointer, sizeof(pointer), "/input/%zu", i);
        if (resolve(referred, &item, err) || lt_item_write(w, item, place, err))
            return lt_error_under(err, pointer);
    }
    return LT_OK;
}

static enum lt_code make_items(struct lt_responses_request *q, const struct lt_json **ret, struct lt_error *err)
{
    struct lt_buf buf;
    struct lt_jw w;
    lt_buf_init(&buf, KEPT_MAX);
    lt_jw_init(&w, &buf);
    lt_jw_arr(&w);
    if (write_items(q, &w, err)) {
        lt_buf_free(&buf);
        return err->code;
    }
    lt_jw_end(&w);
    bool large = buf.failed || buf.n > LT_RESPONSE_BYTES_MAX;
    q->input_text = lt_str_copy(q->r->arena, lt_buf_str(&buf));
    lt_buf_free(&buf);
    if (large)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/input", "takes more than %d bytes", LT_RESPONSE_BYTES_MAX);
    return lt_json_parse(q->r->arena, q->input_text, LT_JSON_STRICT, ret, err);
}

/* ---- both together ---- */

static size_t append(struct lt_item_list *list, const struct lt_json *items)
{
    for (size_t i = 0; i < lt_json_len(items); i++)
        list->list[list->n++] = lt_json_at(items, i);
    return list->n;
}

static enum lt_code join(struct lt_responses_request *q, const struct lt_response_thread *thread, const struct lt_json *added,
                         struct lt_item_list *ret, struct lt_error *err)
{
    const struct lt_json **parts = LT_NEW_ARRAY(q->r->arena, const struct lt_json *, 2 * thread->n);
    size_t n = lt_json_len(added);
    for (size_t i = 0; i < thread->n; i++) {
        if (lt_json_parse(q->r->arena, thread->turns[i].input, LT_JSON_STRICT, &parts[2 * i], err) ||
            lt_json_parse(q->r->arena, thread->turns[i].output, LT_JSON_STRICT, &parts[2 * i + 1], err))
            return lt_error_wrap(err, "stored items");
        n += lt_json_len(parts[2 * i]) + lt_json_len(parts[2 * i + 1]);
    }
    *ret = (struct lt_item_list){.list = LT_NEW_ARRAY(q->r->arena, const struct lt_json *, n)};
    for (size_t i = 0; i < 2 * thread->n; i++)
        ret->before = append(ret, parts[i]);
    append(ret, added);
    return LT_OK;
}

enum lt_code lt_responses_read_input(struct lt_responses_request *q, struct lt_error *err)
{
    struct lt_response_thread thread;
    struct lt_item_list items;
    const struct lt_json *added;
    bool drop = lt_str_is(member(q->r->body, "truncation"), "auto");
    if (make_items(q, &added, err) || read_thread(q, drop, &thread, err) || join(q, &thread, added, &items, err) ||
        lt_chat_read(q->r->arena, &items, member(q->r->body, "instructions"), thread.n > 0 && thread.before != LT_RESPONSE_WHOLE, &q->chat, err))
        return err->code;
    return lt_chat_fit(&q->chat, drop, err);
}
