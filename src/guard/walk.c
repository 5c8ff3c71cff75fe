/* The texts of an input. */
#include "guard/guard.h"

enum { INPUT_MAX = 64 << 20 };

struct walk {
    struct lt_arena *arena;
    lt_walk_fn text;
    void *ctx;
    bool arguments;          /* of a tool: no member of theirs is a part of a form that we know */
    struct lt_jw w;
    bool changed;
};

enum { WORD_MAX = 64, URL_HEAD_MAX = 128 };

static bool listed(const char *const *keys, size_t n, struct lt_str key)
{
    for (size_t i = 0; i < n; i++)
        if (lt_str_is(key, keys[i]))
            return true;
    return false;
}

static bool all_of(struct lt_str s, const char *signs)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) && (c == '\0' || !strchr(signs, c)))
            return false;
    }
    return true;
}

/* A data URL in Base64 (RFC 2397), from its first byte to its last: what only begins like one is text. */
static bool is_data_url(struct lt_str s)
{
    static const char marker[] = ";base64,";
    size_t head = s.n < URL_HEAD_MAX ? s.n : URL_HEAD_MAX;
    const char *at = lt_str_starts(s, LT_STR("data:")) ? memmem(s.p, head, marker, sizeof(marker) - 1) : NULL;
    if (!at)
        return false;
    const char *bytes = at + sizeof(marker) - 1;
    return all_of((struct lt_str){s.p + 5, (size_t)(at - s.p) - 5}, "-+./;=") && all_of((struct lt_str){bytes, (size_t)(s.p + s.n - bytes)}, "+/=-_");
}

static bool is_link(struct lt_str s)
{
    return (lt_str_starts(s, LT_STR("https://")) || lt_str_starts(s, LT_STR("http://"))) && !memchr(s.p, ' ', s.n) && !memchr(s.p, '\n', s.n);
}

/*
 * Is the member no text? Declarations and pictures are none, and of the parts of the form those that are single words. Somebody who writes a sentence
 * into such a member has written text.
 */
static bool no_text(struct lt_str key, const struct lt_json *v)
{
    static const char *const declared[] = {"tools", "tool_choice", "response_format"};
    static const char *const pictures[] = {"image", "images", "image_url", "input_image", "b64_json", "encrypted_content"};
    static const char *const words[] = {"role", "type", "id", "tool_call_id", "call_id", "media_type", "language", "target_language", "quality", "style",
                                        "aspect_ratio", "status", "model"};
    bool string = lt_json_is(v, LT_JSON_STRING);
    struct lt_str s = string ? lt_json_str(v) : LT_STR("");
    if (listed(declared, LT_COUNT(declared), key))
        return true;
    if (listed(pictures, LT_COUNT(pictures), key))
        return !string || all_of(s, "+/=-_") || is_link(s);
    return listed(words, LT_COUNT(words), key) && string && s.n <= WORD_MAX && all_of(s, "-_.:/");
}

static void put(struct walk *x, const struct lt_json *v);
static const struct lt_json *walk(struct walk *x, const struct lt_json *value);

/* Arguments of a tool are JSON inside of a string. */
static void put_arguments(struct walk *x, struct lt_str text)
{
    const struct lt_json *inner;
    if (lt_json_parse(x->arena, text, LT_JSON_STRICT, &inner, NULL) || (!lt_json_is(inner, LT_JSON_OBJECT) && !lt_json_is(inner, LT_JSON_ARRAY))) {
        struct lt_str is = x->text(x->ctx, text);
        x->changed |= is.p != text.p;
        lt_jw_str(&x->w, is);
        return;
    }
    const struct lt_json *made = walk(&(struct walk){.arena = x->arena, .text = x->text, .ctx = x->ctx, .arguments = true}, inner);
    x->changed |= made != inner;
    lt_jw_str(&x->w, made != inner ? lt_json_text(x->arena, made) : text);
}

static void put_member(struct walk *x, struct lt_str key, const struct lt_json *v)
{
    lt_jw_key_str(&x->w, key);
    if (!x->arguments && no_text(key, v))
        lt_jw_json(&x->w, v);
    else if (!x->arguments && lt_str_is(key, "arguments") && lt_json_is(v, LT_JSON_STRING))
        put_arguments(x, lt_json_str(v));
    else
        put(x, v);
}

static void put(struct walk *x, const struct lt_json *v)
{
    size_t n = lt_json_len(v);
    if (lt_json_is(v, LT_JSON_OBJECT)) {
        lt_jw_obj(&x->w);
        for (size_t i = 0; i < n; i++)
            put_member(x, lt_json_key_at(v, i), lt_json_at(v, i));
        lt_jw_end(&x->w);
    } else if (lt_json_is(v, LT_JSON_ARRAY)) {
        lt_jw_arr(&x->w);
        for (size_t i = 0; i < n; i++)
            put(x, lt_json_at(v, i));
        lt_jw_end(&x->w);
    } else if (lt_json_is(v, LT_JSON_STRING) && !is_data_url(lt_json_str(v))) {
        struct lt_str text = lt_json_str(v), is = x->text(x->ctx, text);
        x->changed |= is.p != text.p;
        lt_jw_str(&x->w, is);
    } else {
        lt_jw_json(&x->w, v);
    }
}

static const struct lt_json *walk(struct walk *x, const struct lt_json *value)
{
    struct lt_buf out;
    const struct lt_json *made = value;
    lt_buf_init(&out, INPUT_MAX);
    lt_jw_init(&x->w, &out);
    put(x, value);
    if (x->changed && lt_json_parse(x->arena, lt_str_copy(x->arena, lt_buf_str(&out)), LT_JSON_STRICT, &made, NULL))
        made = NULL; /* it is larger than may be: nothing is sent rather than too much */
    lt_buf_free(&out);
    return made;
}

const struct lt_json *lt_walk_texts(struct lt_arena *arena, const struct lt_json *value, lt_walk_fn text, void *ctx)
{
    return walk(&(struct walk){.arena = arena, .text = text, .ctx = ctx}, value);
}
