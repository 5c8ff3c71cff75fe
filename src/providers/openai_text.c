/* What OpenAI's formats write of a neutral call: the model, the user, instructions, the wish for JSON, images. */
#include "providers/openai_family.h"

static char *put(char *at, struct lt_str s)
{
    if (s.n > 0)
        memcpy(at, s.p, s.n);
    return at + s.n;
}

struct lt_str lt_openai_join(struct lt_arena *arena, const struct lt_str *texts, size_t n)
{
    size_t size = 0;
    for (size_t i = 0; i < n; i++)
        size += texts[i].n + 2;
    char *p = lt_alloc(arena, size), *at = p;
    for (size_t i = 0; i < n; i++) {
        if (texts[i].n == 0)
            continue;
        if (at > p)
            at = put(at, LT_STR("\n\n"));
        at = put(at, texts[i]);
    }
    return (struct lt_str){p, (size_t)(at - p)};
}

struct lt_str lt_openai_image_url(struct lt_arena *arena, const struct lt_image *image)
{
    struct lt_str parts[] = {LT_STR("data:"), image->media_type, LT_STR(";base64,"), image->base64};
    if (image->url.n > 0)
        return image->url;
    char *p = lt_alloc(arena, image->media_type.n + image->base64.n + sizeof("data:;base64,")), *at = p;
    for (size_t i = 0; i < LT_COUNT(parts); i++)
        at = put(at, parts[i]);
    return (struct lt_str){p, (size_t)(at - p)};
}

bool lt_openai_is_instruction(const struct lt_message *m)
{
    return lt_str_is(m->role, "system") || lt_str_is(m->role, "developer");
}

struct lt_str lt_openai_instructions(const struct lt_wire *w, size_t n)
{
    struct lt_str *texts = LT_NEW_ARRAY(w->run->arena, struct lt_str, n + 1);
    for (size_t i = 0; i < n; i++)
        if (lt_openai_is_instruction(&w->run->call->messages[i]))
            texts[i] = w->run->call->messages[i].content;
    texts[n] = lt_openai_format_in_words(w);
    return lt_openai_join(w->run->arena, texts, n + 1);
}

void lt_openai_write_model(struct lt_wire *w)
{
    const struct lt_openai_vendor *vendor = lt_openai_vendor(w);
    struct lt_str name = vendor->model ? vendor->model(w) : w->model;
    lt_wire_own(w, "model");
    if (name.n > 0)
        lt_jw_kstr(&w->jw, "model", name);
}

void lt_openai_write_user(struct lt_wire *w)
{
    if (lt_wire_may(w, "user", false) && w->run->user_hash[0] != '\0' && lt_json_bool_or(lt_wire_quirk(w, "user"), true))
        lt_jw_kstrz(&w->jw, "user", w->run->user_hash);
}

static struct lt_str asked_format(const struct lt_wire *w)
{
    return lt_json_str(lt_json_get(w->run->call->response_format, "type"));
}

const char *lt_openai_format_sent(const struct lt_wire *w)
{
    struct lt_str asked = asked_format(w), able = lt_json_str_or(lt_wire_quirk(w, "response_format"), lt_str(lt_openai_vendor(w)->response_format));
    bool schema = lt_str_is(asked, "json_schema"), object = lt_str_is(asked, "json_object");
    if (lt_str_is(able, "none") || (!schema && !object))
        return "";
    return schema && !lt_str_is(able, "json_object") ? "json_schema" : "json_object";
}

struct lt_str lt_openai_format_in_words(const struct lt_wire *w)
{
    struct lt_arena *arena = w->run->arena;
    struct lt_str asked = asked_format(w);
    if (asked.n == 0 || lt_str_is(asked, "text") || lt_str_is(asked, lt_openai_format_sent(w)))
        return LT_STR_NULL;
    const struct lt_json *schema = lt_json_at_pointer(w->run->call->response_format, "/json_schema/schema");
    if (!schema)
        return LT_STR("Answer with one JSON object and nothing else: no words around it, no Markdown.");
    return lt_printf(arena, "Answer with one JSON value that is valid against the following JSON Schema, and nothing else: no words around it, "
                     "no Markdown.\n%.*s", LT_FMT(lt_json_text(arena, schema)));
}
