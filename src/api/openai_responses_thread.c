/* Items of the Responses API as messages of a chat. Fuzzed by tests/fuzz/fuzz_responses.c. */
#include "api/openai_responses.h"

#include <inttypes.h>
#include <stdio.h>

enum { CALLS_MAX = 128 /* of one message, as continue_conversation takes; and that wait for their output */ };

static struct lt_str member(const struct lt_json *object, const char *name)
{
    return lt_json_str_or(lt_json_get(object, name), LT_STR(""));
}

static bool is(const struct lt_json *item, const char *type)
{
    return lt_str_is(member(item, "type"), type);
}

static bool is_answer(const struct lt_json *item)
{
    return item && is(item, "message") && lt_str_is(member(item, "role"), "assistant");
}

/* ---- reading ---- */

struct reader {
    const struct lt_item_list *items;
    struct lt_chat *chat;
    bool cut;                        /* nothing but outputs was seen of a thread without its beginning */
    const struct lt_json **calls;     /* all function calls, in order */
    size_t calls_n;
    struct lt_str waiting[CALLS_MAX]; /* ids of calls that have no output yet */
    size_t waiting_n;
};

/* Which item of the input it is; those of earlier turns passed when they came. */
static void where(const struct reader *r, size_t at, const char *name, char out[64])
{
    if (at < r->items->before)
        snprintf(out, 64, "/previous_response_id");
    else
        snprintf(out, 64, "/input/%zu%s", at - r->items->before, name);
}

/* Of text, or of the model's words that it will not answer. */
static struct lt_str part_text(const struct lt_json *part)
{
    const struct lt_json *text = lt_json_get(part, "text");
    return lt_json_str_or(text ? text : lt_json_get(part, "refusal"), LT_STR(""));
}

static void count(struct lt_chat_message *m, const struct lt_json *content)
{
    m->bytes += lt_json_str(content).n;
    for (size_t i = 0; lt_json_is(content, LT_JSON_ARRAY) && i < lt_json_len(content); i++) {
        const struct lt_json *part = lt_json_at(content, i);
        bool image = lt_str_is(member(part, "type"), "input_image");
        m->images += image;
        m->image_bytes += image ? member(part, "image_url").n : 0;
        m->bytes += part_text(part).n;
    }
}

static struct lt_chat_message *add(struct reader *r, const struct lt_json *item, size_t at)
{
    struct lt_chat_message *m = &r->chat->messages[r->chat->n++];
    *m = (struct lt_chat_message){.item = item, .at = at};
    count(m, lt_json_get(item, "content"));
    count(m, lt_json_get(item, "output"));
    return m;
}

static enum lt_code read_call(struct reader *r, size_t at, struct lt_error *err)
{
    const struct lt_json *item = r->items->list[at];
    struct lt_chat_message *last = r->chat->n > 0 ? &r->chat->messages[r->chat->n - 1] : NULL;
    char pointer[64];
    where(r, at, "", pointer);
    if (r->waiting_n == CALLS_MAX)
        return lt_fail_field(err, LT_EINVALID_INPUT, pointer, "more than %d function calls wait for their output", CALLS_MAX);
    if (!last || (last->item && !is_answer(last->item)) || last->calls_n == CALLS_MAX)
        last = add(r, NULL, at);
    if (last->calls_n == 0)
        last->calls = &r->calls[r->calls_n];
    last->calls_n++;
    last->bytes += member(item, "name").n + member(item, "arguments").n;
    r->calls[r->calls_n++] = item;
    r->waiting[r->waiting_n++] = member(item, "call_id");
    return LT_OK;
}

static bool take_waiting(struct reader *r, struct lt_str call_id)
{
    for (size_t i = 0; i < r->waiting_n; i++)
        if (lt_str_eq(r->waiting[i], call_id)) {
            r->waiting[i] = r->waiting[--r->waiting_n];
            return true;
        }
    return false;
}

static enum lt_code read_output(struct reader *r, size_t at, struct lt_error *err)
{
    const struct lt_json *item = r->items->list[at];
    struct lt_str call_id = member(item, "call_id");
    char pointer[64];
    if (take_waiting(r, call_id)) {
        add(r, item, at);
        return LT_OK;
    }
    if (r->cut)
        return LT_OK;
    where(r, at, "/call_id", pointer);
    return lt_fail_field(err, LT_EINVALID_INPUT, pointer, "No tool call found for function call output with call_id %.*s.", LT_FMT(call_id));
}

static enum lt_code check_answered(const struct reader *r, struct lt_error *err)
{
    if (r->waiting_n == 0)
        return LT_OK;
    return lt_fail_field(err, LT_EINVALID_INPUT, "/input", "No tool output found for function call %.*s.", LT_FMT(r->waiting[0]));
}

static enum lt_code read_item(struct reader *r, size_t at, struct lt_error *err)
{
    const struct lt_json *item = r->items->list[at];
    if (is(item, "function_call_output"))
        return read_output(r, at, err);
    if (is(item, "function_call")) {
        r->cut = false;
        return read_call(r, at, err);
    }
    if (!is(item, "message"))
        return LT_OK;
    r->cut = false;
    if (check_answered(r, err))
        return err->code;
    add(r, item, at);
    return LT_OK;
}

/* An answer without a word says nothing, and no model takes it. */
static void leave_out_empty(struct lt_chat *chat)
{
    size_t kept = 0;
    for (size_t i = 0; i < chat->n; i++)
        if (chat->messages[i].bytes > 0 || !is_answer(chat->messages[i].item))
            chat->messages[kept++] = chat->messages[i];
    chat->n = kept;
}

enum lt_code lt_chat_read(struct lt_arena *arena, const struct lt_item_list *items, struct lt_str instructions, bool cut, struct lt_chat *ret,
                          struct lt_error *err)
{
    struct reader *r = LT_NEW(arena, struct reader);
    *ret = (struct lt_chat){.instructions = instructions, .messages = LT_NEW_ARRAY(arena, struct lt_chat_message, items->n), .before = items->before};
    *r = (struct reader){.items = items, .chat = ret, .cut = cut, .calls = LT_NEW_ARRAY(arena, const struct lt_json *, items->n)};
    for (size_t i = 0; i < items->n; i++)
        if (read_item(r, i, err))
            return err->code;
    if (check_answered(r, err))
        return err->code;
    leave_out_empty(ret);
    return ret->n > 0 ? LT_OK : lt_fail_field(err, LT_EINVALID_INPUT, "/input", "must hold at least one message");
}

/* ---- limits ---- */

struct sums {
    size_t messages, bytes, images, image_bytes;
};

static struct sums sums_of(const struct lt_chat *chat)
{
    struct sums s = {.messages = chat->n + (chat->instructions.n > 0), .bytes = chat->instructions.n};
    for (size_t i = 0; i < chat->n; i++) {
        s.bytes += chat->messages[i].bytes;
        s.images += chat->messages[i].images;
        s.image_bytes += chat->messages[i].image_bytes;
    }
    return s;
}

static enum lt_code check_sums(const struct sums *s, struct lt_error *err)
{
    const struct {
        size_t is, max;
        const char *what;
    } limits[] = {{s->messages, LT_THREAD_MESSAGES_MAX, "messages"},
                  {s->bytes, LT_THREAD_CONTENT_MAX, "bytes of text"},
                  {s->images, LT_THREAD_IMAGES_MAX, "images"},
                  {s->image_bytes, LT_THREAD_IMAGE_BYTES_MAX, "bytes of images"}};
    for (size_t i = 0; i < LT_COUNT(limits); i++)
        if (limits[i].is > limits[i].max)
            return lt_fail_field(err, LT_ECONTEXT_WINDOW, "/input", "the conversation has %zu %s, at most %zu are taken", limits[i].is,
                                 limits[i].what, limits[i].max);
    return LT_OK;
}

/* The first message goes, with the outputs of its function calls. */
static void drop_first(struct lt_chat *chat, struct sums *s)
{
    do {
        const struct lt_chat_message *m = chat->messages++;
        chat->n--;
        s->messages--;
        s->bytes -= m->bytes;
        s->images -= m->images;
        s->image_bytes -= m->image_bytes;
    } while (chat->n > 0 && chat->messages[0].item && is(chat->messages[0].item, "function_call_output"));
}

enum lt_code lt_chat_fit(struct lt_chat *chat, bool drop, struct lt_error *err)
{
    struct sums s = sums_of(chat);
    while (drop && chat->n > 1 && check_sums(&s, err))
        drop_first(chat, &s);
    if (chat->n == 0)
        return lt_fail_field(err, LT_ECONTEXT_WINDOW, "/input", "nothing of the conversation fits");
    return check_sums(&s, err);
}

/* ---- writing ---- */

/* Parts that are text alone, as one text. */
static void write_text(struct lt_jw *w, const struct lt_json *content)
{
    size_t n = lt_json_len(content);
    if (n == 1) {
        lt_jw_str(w, part_text(lt_json_at(content, 0)));
        return;
    }
    struct lt_buf text;
    lt_buf_init(&text, LT_THREAD_CONTENT_MAX + 64);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            lt_buf_putc(&text, '\n');
        lt_buf_put_str(&text, part_text(lt_json_at(content, i)));
    }
    lt_jw_str(w, lt_buf_str(&text));
    lt_buf_free(&text);
}

static void write_parts(struct lt_jw *w, const struct lt_json *content)
{
    lt_jw_arr(w);
    for (size_t i = 0; i < lt_json_len(content); i++) {
        const struct lt_json *part = lt_json_at(content, i);
        bool image = lt_str_is(member(part, "type"), "input_image");
        lt_jw_obj(w);
        lt_jw_kstrz(w, "type", image ? "image_url" : "text");
        if (image) {
            lt_jw_key(w, "image_url");
            lt_jw_obj(w);
            lt_jw_kstr(w, "url", member(part, "image_url"));
            lt_jw_kstr(w, "detail", lt_json_str_or(lt_json_get(part, "detail"), LT_STR("auto")));
            lt_jw_end(w);
        } else {
            lt_jw_kstr(w, "text", part_text(part));
        }
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

static void write_content(struct lt_jw *w, const struct lt_chat_message *m, const struct lt_json *content)
{
    if (!lt_json_is(content, LT_JSON_ARRAY))
        lt_jw_json(w, content);
    else if (m->images > 0)
        write_parts(w, content);
    else
        write_text(w, content);
}

static void write_calls(struct lt_jw *w, const struct lt_chat_message *m)
{
    lt_jw_key(w, "tool_calls");
    lt_jw_arr(w);
    for (size_t i = 0; i < m->calls_n; i++) {
        const struct lt_json *call = m->calls[i];
        lt_jw_obj(w);
        lt_jw_kjson(w, "id", lt_json_get(call, "call_id"));
        lt_jw_kstrz(w, "type", "function");
        lt_jw_key(w, "function");
        lt_jw_obj(w);
        lt_jw_kjson(w, "name", lt_json_get(call, "name"));
        lt_jw_kjson(w, "arguments", lt_json_get(call, "arguments"));
        lt_jw_end(w);
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

static void write_message(struct lt_jw *w, const struct lt_chat_message *m)
{
    struct lt_str role = member(m->item, "role");
    bool output = m->item && is(m->item, "function_call_output");
    lt_jw_obj(w);
    if (output) {
        lt_jw_kstrz(w, "role", "tool");
        lt_jw_kjson(w, "tool_call_id", lt_json_get(m->item, "call_id"));
    } else {
        lt_jw_kstr(w, "role", !m->item ? LT_STR("assistant") : lt_str_is(role, "developer") ? LT_STR("system") : role);
    }
    lt_jw_key(w, "content");
    if (m->item)
        write_content(w, m, lt_json_get(m->item, output ? "output" : "content"));
    else
        lt_jw_null(w);
    if (m->calls_n > 0)
        write_calls(w, m);
    lt_jw_end(w);
}

void lt_chat_write(struct lt_jw *w, const struct lt_chat *chat)
{
    lt_jw_arr(w);
    if (chat->instructions.n > 0) {
        lt_jw_obj(w);
        lt_jw_kstrz(w, "role", "system");
        lt_jw_kstr(w, "content", chat->instructions);
        lt_jw_end(w);
    }
    for (size_t i = 0; i < chat->n; i++)
        write_message(w, &chat->messages[i]);
    lt_jw_end(w);
}

/* ---- errors ---- */

/* "/messages/N" and what stands behind it; false: it is something else. */
static bool message_number(struct lt_str field, size_t *ret, struct lt_str *ret_rest)
{
    int64_t n;
    if (!lt_str_starts(field, LT_STR("/messages/")))
        return false;
    *ret_rest = (struct lt_str){field.p + 10, field.n - 10};
    struct lt_str number = lt_str_cut(ret_rest, '/');
    if (!lt_str_to_int64(number, &n))
        return false;
    *ret = (size_t)n;
    return true;
}

void lt_chat_error(const struct lt_chat *chat, bool input_is_text, struct lt_error *err)
{
    struct lt_str rest;
    size_t n, ours = chat->instructions.n > 0;
    char field[sizeof(err->field)];
    if (lt_str_is(lt_str(err->field), "/messages")) {
        snprintf(err->field, sizeof(err->field), "/input");
        return;
    }
    if (!message_number(lt_str(err->field), &n, &rest))
        return;
    if (n < ours) {
        snprintf(err->field, sizeof(err->field), "/instructions");
        return;
    }
    n -= ours;
    if (n >= chat->n || chat->messages[n].at < chat->before)
        snprintf(field, sizeof(field), "/previous_response_id");
    else if (input_is_text)
        snprintf(field, sizeof(field), "/input");
    else
        snprintf(field, sizeof(field), "/input/%zu%s%.*s", chat->messages[n].at - chat->before, rest.n > 0 ? "/" : "", LT_FMT(rest));
    memcpy(err->field, field, sizeof(field));
}
