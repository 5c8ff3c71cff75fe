/* The texts of an input. */
#include "guard/guard.h"

enum { INPUT_MAX = 64 << 20 };

struct walk {
    struct lt_arena *arena;
    lt_walk_fn text;
    void *ctx;
    struct lt_jw w;
    bool changed;
};

/* Members whose values are parts of the form, data or a developer's own text. */
static bool no_text(struct lt_str key)
{
    static const char *const keys[] = {"role", "type", "id", "tool_call_id", "call_id", "tools", "tool_choice", "response_format", "image", "images",
                                       "image_url", "input_image", "media_type", "b64_json", "language", "target_language", "quality", "style",
                                       "aspect_ratio", "status", "model", "encrypted_content"};
    for (size_t i = 0; i < LT_COUNT(keys); i++)
        if (lt_str_is(key, keys[i]))
            return true;
    return false;
}

static void put(struct walk *x, const struct lt_json *v);

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
    const struct lt_json *made = lt_walk_texts(x->arena, inner, x->text, x->ctx);
    x->changed |= made != inner;
    lt_jw_str(&x->w, made != inner ? lt_json_text(x->arena, made) : text);
}

static void put_member(struct walk *x, struct lt_str key, const struct lt_json *v)
{
    lt_jw_key_str(&x->w, key);
    if (no_text(key))
        lt_jw_json(&x->w, v);
    else if (lt_str_is(key, "arguments") && lt_json_is(v, LT_JSON_STRING))
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
    } else if (lt_json_is(v, LT_JSON_STRING) && !lt_str_starts(lt_json_str(v), LT_STR("data:"))) {
        struct lt_str text = lt_json_str(v), is = x->text(x->ctx, text);
        x->changed |= is.p != text.p;
        lt_jw_str(&x->w, is);
    } else {
        lt_jw_json(&x->w, v);
    }
}

const struct lt_json *lt_walk_texts(struct lt_arena *arena, const struct lt_json *value, lt_walk_fn text, void *ctx)
{
    struct walk x = {.arena = arena, .text = text, .ctx = ctx};
    struct lt_buf out;
    const struct lt_json *made = value;
    lt_buf_init(&out, INPUT_MAX);
    lt_jw_init(&x.w, &out);
    put(&x, value);
    if (x.changed && lt_json_parse(arena, lt_str_copy(arena, lt_buf_str(&out)), LT_JSON_STRICT, &made, NULL))
        made = NULL; /* it is larger than may be: nothing is sent rather than too much */
    lt_buf_free(&out);
    return made;
}
