/*
 * What the Responses API keeps of a thread (OpenAI's API reference, "Get a model response" and "List input items"). A response knows the
 * one before it; its input items are what was sent with it, and some services repeat all that came before.
 */
#include "providers/openai_family.h"

enum {
    RESPONSES_MAX = 200,
    ITEMS_MAX = 4000,     /* of the whole thread */
    PAGES_MAX = 40,       /* of one response's input */
    PAGE = 100,
    PAGE_BYTES_MAX = 16 * 1024 * 1024,
    BYTES_MAX = 64 * 1024 * 1024, /* of memory for all of it */
};

/* A list of items, in their order. */
struct items {
    const struct lt_json **at;
    size_t n;
};

static bool is_item(const struct lt_json *v, const char *type)
{
    return lt_str_is(lt_json_str(lt_json_get(v, "type")), type);
}

static void add(struct items *list, const struct lt_json *array)
{
    for (size_t i = 0; i < lt_json_len(array) && list->n < ITEMS_MAX; i++) {
        const struct lt_json *v = lt_json_at(array, i);
        if (is_item(v, "message") || is_item(v, "function_call") || is_item(v, "function_call_output"))
            list->at[list->n++] = v;
    }
}

static struct items new_items(struct lt_arena *arena)
{
    return (struct items){LT_NEW_ARRAY(arena, const struct lt_json *, ITEMS_MAX), 0};
}

/* GET; what is not there is not a fault of the service. */
static enum lt_code get(struct lt_wire *w, struct lt_str id, const char *tail, const char *query, const struct lt_json **ret, struct lt_error *err)
{
    struct lt_arena *arena = w->run->arena;
    if (lt_arena_used(arena) > BYTES_MAX)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "the kept thread has more than %d bytes", BYTES_MAX);
    struct lt_str path = lt_printf(arena, "/responses/%.*s%s", LT_FMT(lt_wire_escape(arena, id)), tail);
    enum lt_code code = lt_wire_fetch(w, lt_openai_url(w, lt_strz(arena, path), query), &lt_openai_responses_format, PAGE_BYTES_MAX, ret, err);
    if (code == LT_EUPSTREAM_NOT_FOUND)
        code = err->code = LT_ENOT_FOUND;
    return code;
}

static enum lt_code get_input(struct lt_wire *w, struct lt_str id, struct items *ret, struct lt_error *err)
{
    struct lt_arena *arena = w->run->arena;
    struct lt_str after = LT_STR_NULL;
    for (int page = 0; page < PAGES_MAX; page++) {
        const struct lt_json *list;
        struct lt_str query = lt_printf(arena, "limit=%d&order=asc%s%.*s", PAGE, after.n > 0 ? "&after=" : "",
                                        LT_FMT(lt_wire_escape(arena, after)));
        enum lt_code code = get(w, id, "/input_items", lt_strz(arena, query), &list, err);
        if (code)
            return code;
        const struct lt_json *data = lt_json_get(list, "data");
        if (!lt_json_is(data, LT_JSON_ARRAY))
            return lt_wire_wrong_type(err, "data", data);
        add(ret, data);
        size_t n = lt_json_len(data);
        after = lt_json_str(lt_json_get(list, "last_id"));
        if (after.n == 0 && n > 0)
            after = lt_json_str(lt_json_get(lt_json_at(data, n - 1), "id"));
        if (!lt_json_bool_or(lt_json_get(list, "has_more"), false) || n == 0 || after.n == 0 || ret->n == ITEMS_MAX)
            break;
    }
    return LT_OK;
}

/* ---- one item as messages ---- */

static struct lt_str text_of(struct lt_arena *arena, const struct lt_json *content)
{
    if (lt_json_is(content, LT_JSON_STRING))
        return lt_json_str(content);
    struct lt_str *texts = LT_NEW_ARRAY(arena, struct lt_str, lt_json_len(content));
    for (size_t i = 0; i < lt_json_len(content); i++) {
        const struct lt_json *part = lt_json_at(content, i);
        texts[i] = lt_json_str(lt_json_get(part, is_item(part, "refusal") ? "refusal" : "text"));
    }
    return lt_openai_join(arena, texts, lt_json_len(content));
}

/* "data:image/png;base64,…" or an address. */
static struct lt_image image_of(struct lt_str url)
{
    struct lt_str data = LT_STR("data:"), rest = url;
    if (!lt_str_starts(url, data))
        return (struct lt_image){.url = url};
    rest.p += data.n;
    rest.n -= data.n;
    struct lt_str type = lt_str_cut(&rest, ';');
    struct lt_str base64 = LT_STR("base64,");
    if (!lt_str_starts(rest, base64))
        return (struct lt_image){.url = url};
    return (struct lt_image){.media_type = type, .base64 = {rest.p + base64.n, rest.n - base64.n}};
}

static void take_images(struct lt_arena *arena, const struct lt_json *content, struct lt_message *m)
{
    size_t n = lt_json_is(content, LT_JSON_ARRAY) ? lt_json_len(content) : 0;
    struct lt_image *images = LT_NEW_ARRAY(arena, struct lt_image, n);
    for (size_t i = 0; i < n; i++) {
        struct lt_str url = lt_json_str(lt_json_get(lt_json_at(content, i), "image_url"));
        if (is_item(lt_json_at(content, i), "input_image") && url.n > 0)
            images[m->images_n++] = image_of(url);
    }
    m->images = m->images_n > 0 ? images : NULL;
}

/* Calls in OpenAI's shape, of calls that lie flat. */
static const struct lt_json *calls_of(struct lt_arena *arena, const struct lt_json *const *items, size_t n)
{
    struct lt_buf out;
    struct lt_jw w;
    const struct lt_json *ret = NULL;
    lt_buf_init(&out, LT_WIRE_TEXT_MAX);
    lt_jw_init(&w, &out);
    lt_jw_arr(&w);
    for (size_t i = 0; i < n; i++) {
        lt_jw_obj(&w);
        lt_jw_kstr(&w, "id", lt_json_str(lt_json_get(items[i], "call_id")));
        lt_jw_kstrz(&w, "type", "function");
        lt_jw_key(&w, "function");
        lt_jw_obj(&w);
        lt_jw_kstr(&w, "name", lt_json_str(lt_json_get(items[i], "name")));
        lt_jw_kstr(&w, "arguments", lt_json_str(lt_json_get(items[i], "arguments")));
        lt_jw_end(&w);
        lt_jw_end(&w);
    }
    lt_jw_end(&w);
    struct lt_str text = lt_str_copy(arena, lt_buf_str(&out));
    if (out.failed || lt_json_parse(arena, text, LT_JSON_STRICT, &ret, NULL))
        ret = NULL;
    lt_buf_free(&out);
    return ret;
}

/* An item is a message; calls that follow a message of the assistant, or each other, belong to one. */
static size_t to_messages(struct lt_arena *arena, const struct items *items, struct lt_message *ret)
{
    size_t n = 0;
    for (size_t i = 0; i < items->n; i++) {
        const struct lt_json *item = items->at[i];
        size_t calls = 0;
        while (i + calls < items->n && is_item(items->at[i + calls], "function_call"))
            calls++;
        if (calls > 0) {
            if (n == 0 || !lt_str_is(ret[n - 1].role, "assistant") || ret[n - 1].tool_calls)
                ret[n++] = (struct lt_message){.role = LT_STR("assistant")};
            ret[n - 1].tool_calls = calls_of(arena, items->at + i, calls);
            i += calls - 1;
        } else if (is_item(item, "function_call_output")) {
            ret[n++] = (struct lt_message){.role = LT_STR("tool"),
                                           .content = text_of(arena, lt_json_get(item, "output")),
                                           .tool_call_id = lt_json_str(lt_json_get(item, "call_id"))};
        } else {
            struct lt_message *m = &ret[n++];
            *m = (struct lt_message){.role = lt_json_str_or(lt_json_get(item, "role"), LT_STR("assistant")),
                                     .content = text_of(arena, lt_json_get(item, "content"))};
            take_images(arena, lt_json_get(item, "content"), m);
        }
    }
    return n;
}

/* ---- the whole ---- */

/* The service is not to lead us in a ring. */
static bool seen(const struct lt_json *const *responses, size_t n, struct lt_str id)
{
    for (size_t i = 0; i < n; i++)
        if (lt_str_eq(lt_json_str(lt_json_get(responses[i], "id")), id))
            return true;
    return false;
}

static bool same_item(struct lt_arena *arena, const struct lt_json *a, const struct lt_json *b)
{
    static const char *const members[] = {"type", "call_id", "name", "arguments"};
    for (size_t i = 0; i < LT_COUNT(members); i++)
        if (!lt_str_eq(lt_json_str(lt_json_get(a, members[i])), lt_json_str(lt_json_get(b, members[i]))))
            return false;
    const char *text = is_item(a, "function_call_output") ? "output" : "content";
    struct lt_str role = LT_STR("assistant");
    return lt_str_eq(lt_json_str_or(lt_json_get(a, "role"), role), lt_json_str_or(lt_json_get(b, "role"), role)) &&
           lt_str_eq(text_of(arena, lt_json_get(a, text)), text_of(arena, lt_json_get(b, text)));
}

/* Adds what one response was sent behind what came before, unless it repeats that. */
static void append(struct lt_arena *arena, struct items *all, const struct items *more)
{
    size_t skip = 0;
    while (skip < all->n && skip < more->n && same_item(arena, all->at[skip], more->at[skip]))
        skip++;
    if (skip < all->n)
        skip = 0;
    for (size_t i = skip; i < more->n && all->n < ITEMS_MAX; i++)
        all->at[all->n++] = more->at[i];
}

enum lt_code lt_openai_thread(struct lt_provider_run *run, const struct lt_wire_vendor *vendor, struct lt_str response_id,
                              struct lt_message **ret, size_t *ret_n, struct lt_error *err)
{
    struct lt_arena *arena = run->arena;
    struct lt_wire w;
    *ret = NULL;
    *ret_n = 0;
    if (response_id.n == 0)
        return lt_fail(err, LT_ENOT_FOUND, "no id of an answer was given");
    enum lt_code code = lt_wire_prepare_plain(&w, run, vendor, err);
    const struct lt_json *responses[RESPONSES_MAX];
    size_t n = 0;
    /* from the newest back; an answer that is gone ends the thread there */
    for (struct lt_str id = response_id; !code && id.n > 0 && n < RESPONSES_MAX && !seen(responses, n, id); n++) {
        code = get(&w, id, "", NULL, &responses[n], err);
        if (code == LT_ENOT_FOUND && n > 0) {
            code = LT_OK;
            break;
        }
        id = lt_json_str(lt_wire_get(code ? NULL : responses[n], "previous_response_id"));
    }
    struct items all = new_items(arena), of = new_items(arena);
    for (size_t i = n; !code && i > 0; i--) {
        of.n = 0;
        code = get_input(&w, lt_json_str(lt_json_get(responses[i - 1], "id")), &of, err);
        if (code == LT_ENOT_FOUND)
            code = LT_OK;
        append(arena, &all, &of);
        add(&all, lt_json_get(responses[i - 1], "output"));
    }
    if (code)
        return code;
    *ret = LT_NEW_ARRAY(arena, struct lt_message, all.n);
    *ret_n = to_messages(arena, &all, *ret);
    return LT_OK;
}
