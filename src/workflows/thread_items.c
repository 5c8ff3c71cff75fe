/* Items of the Responses API (OpenAI's API reference) as messages. */
#include "workflows/thread.h"

enum { CONTENT_MAX = 16 << 20 };

/* A JSON value as text: strings as they are. */
static struct lt_str text_of(struct lt_arena *arena, const struct lt_json *v)
{
    if (!v || lt_json_is(v, LT_JSON_NULL))
        return LT_STR("");
    return lt_json_is(v, LT_JSON_STRING) ? lt_json_str_or(v, LT_STR("")) : lt_json_text(arena, v);
}

/* The text of one part of a content; of a part that has none, the part. */
static struct lt_str part_text(struct lt_arena *arena, const struct lt_json *part)
{
    const struct lt_json *text = lt_json_get(part, "text");
    if (!text)
        text = lt_json_get(part, "refusal");
    return text_of(arena, text ? text : part);
}

/* A content that is a list is joined by spaces. */
static struct lt_str joined(struct lt_arena *arena, const struct lt_json *content)
{
    if (!lt_json_is(content, LT_JSON_ARRAY))
        return text_of(arena, content);
    struct lt_buf out;
    lt_buf_init(&out, CONTENT_MAX);
    for (size_t i = 0; i < lt_json_len(content); i++) {
        if (i > 0)
            lt_buf_putc(&out, ' ');
        lt_buf_put_str(&out, part_text(arena, lt_json_at(content, i)));
    }
    struct lt_str s = lt_str_copy(arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return s;
}

static struct lt_str member(const struct lt_json *item, const char *name)
{
    return lt_json_str_or(lt_json_get(item, name), LT_STR(""));
}

static void put(struct lt_jw *w, struct lt_str type, struct lt_str role, struct lt_str content)
{
    lt_jw_kstr(w, "type", type);
    lt_jw_kstr(w, "role", role);
    lt_jw_kstr(w, "content", content);
}

static void put_call(struct lt_jw *w, struct lt_arena *arena, const struct lt_json *item)
{
    struct lt_str name = member(item, "name"), arguments = member(item, "arguments");
    lt_jw_obj(w);
    put(w, LT_STR("function_call"), LT_STR("tool_call"), lt_printf(arena, "%.*s(%.*s)", LT_FMT(name), LT_FMT(arguments)));
    lt_jw_kstr(w, "name", name);
    lt_jw_kstr(w, "arguments", arguments);
    lt_jw_kstr(w, "call_id", member(item, "call_id"));
    lt_jw_end(w);
}

static void put_reasoning(struct lt_jw *w, struct lt_arena *arena, const struct lt_json *item)
{
    struct lt_str summary = joined(arena, lt_json_get(item, "summary"));
    if (summary.n == 0)
        return;
    lt_jw_obj(w);
    put(w, LT_STR("reasoning"), LT_STR("reasoning"), summary);
    lt_jw_end(w);
}

/* Of both: false when the type is none of these. */
static bool put_known(struct lt_jw *w, struct lt_arena *arena, const struct lt_json *item)
{
    struct lt_str type = member(item, "type");
    if (lt_str_is(type, "function_call"))
        put_call(w, arena, item);
    else if (lt_str_is(type, "reasoning"))
        put_reasoning(w, arena, item);
    else
        return false;
    return true;
}

void lt_thread_write_input(struct lt_jw *w, struct lt_arena *arena, const struct lt_json *item)
{
    struct lt_str type = lt_json_str_or(lt_json_get(item, "type"), LT_STR("message"));
    bool result = lt_str_is(type, "function_call_output");
    const struct lt_json *content = lt_json_get(item, result ? "output" : "content");
    if (put_known(w, arena, item))
        return;
    lt_jw_obj(w);
    put(w, type, lt_json_str_or(lt_json_get(item, "role"), type), joined(arena, content ? content : lt_json_get(item, "text")));
    if (result)
        lt_jw_kstr(w, "call_id", member(item, "call_id"));
    lt_jw_end(w);
}

void lt_thread_write_output(struct lt_jw *w, struct lt_arena *arena, const struct lt_json *item)
{
    const struct lt_json *content = lt_json_get(item, "content");
    if (put_known(w, arena, item) || !lt_str_is(member(item, "type"), "message"))
        return;
    for (size_t i = 0; i < lt_json_len(content); i++) {
        const struct lt_json *part = lt_json_at(content, i);
        if (!lt_str_is(member(part, "type"), "output_text"))
            continue;
        lt_jw_obj(w);
        put(w, LT_STR("message"), LT_STR("assistant"), member(part, "text"));
        lt_jw_end(w);
    }
}
