/* MCP: what a model is given of a result. Fuzzed by tests/fuzz/fuzz_mcp_client.c. */
#include "tools/mcp_message.h"

/* As much of it as there is room for. */
static void put(struct lt_buf *out, struct lt_str s)
{
    size_t room = out->max - out->n;
    if (s.n > room)
        s.n = lt_utf8_whole(s.p, room);
    if (s.n > 0)
        lt_buf_put_str(out, s);
}

static void part(struct lt_buf *out)
{
    if (out->n > 0)
        put(out, LT_STR("\n\n"));
}

/* A short text of the server's for a line of ours. */
static struct lt_str word(const struct lt_json *v, const char *member)
{
    struct lt_str s = lt_json_str_or(lt_json_get(v, member), LT_STR("?"));
    return s.n <= 200 ? s : (struct lt_str){s.p, lt_utf8_whole(s.p, 200)};
}

static void put_note(struct lt_buf *out, struct lt_arena *arena, const char *what, struct lt_str kind, size_t base64_bytes)
{
    put(out, lt_printf(arena, "[%s, %.*s, about %zu bytes: left out, only text can be given here]", what, LT_FMT(kind), base64_bytes / 4 * 3));
}

/* A resource with its content: text, or bytes in base64. */
static void put_contents(struct lt_buf *out, struct lt_arena *arena, const struct lt_json *v)
{
    const struct lt_json *text = lt_json_get(v, "text");
    part(out);
    put(out, lt_printf(arena, "[resource %.*s]\n", LT_FMT(word(v, "uri"))));
    if (lt_json_is(text, LT_JSON_STRING))
        put(out, lt_json_str(text));
    else
        put_note(out, arena, "bytes", word(v, "mimeType"), lt_json_str(lt_json_get(v, "blob")).n);
}

static void put_block(struct lt_buf *out, struct lt_arena *arena, const struct lt_json *v)
{
    struct lt_str type = word(v, "type");
    bool image = lt_str_is(type, "image");
    if (lt_str_is(type, "resource")) {
        put_contents(out, arena, lt_json_get(v, "resource"));
        return;
    }
    part(out);
    if (lt_str_is(type, "text"))
        put(out, lt_json_str(lt_json_get(v, "text")));
    else if (image || lt_str_is(type, "audio"))
        put_note(out, arena, image ? "picture" : "sound", word(v, "mimeType"), lt_json_str(lt_json_get(v, "data")).n);
    else if (lt_str_is(type, "resource_link"))
        put(out, lt_printf(arena, "[link to the resource %.*s: %.*s]", LT_FMT(word(v, "uri")), LT_FMT(word(v, "name"))));
    else
        put(out, lt_printf(arena, "[content of the unknown kind '%.*s': left out]", LT_FMT(type)));
}

/* Does the block say in text what the structured content says? Servers repeat it so for older clients. */
static bool repeats(struct lt_arena *arena, const struct lt_json *block, const struct lt_json *structured)
{
    const struct lt_json *v;
    struct lt_str text = lt_json_str(lt_json_get(block, "text"));
    return structured && text.n > 0 && lt_str_starts(lt_str_trim(text), LT_STR("{")) &&
           lt_json_parse(arena, text, LT_JSON_STRICT, &v, NULL) == LT_OK && lt_json_equal(v, structured);
}

/* What does not fit is told in *ret, since the words may be the server's. */
static enum lt_code check(struct lt_arena *arena, const struct lt_json *structured, const struct lt_schema *output, struct lt_str *ret,
                          struct lt_error *err)
{
    struct lt_error why;
    if (structured && !lt_json_is(structured, LT_JSON_OBJECT))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "its structured result is no object");
    if (!output)
        return LT_OK;
    if (!structured)
        return lt_fail(err, LT_EUPSTREAM_INVALID, "its result lacks the structured content that its outputSchema promises");
    if (lt_schema_check(output, structured, &why) == LT_OK)
        return LT_OK;
    *ret = lt_printf(arena, "%s %s", why.field, why.detail);
    return lt_fail(err, LT_EUPSTREAM_INVALID, "its structured result does not fit its outputSchema");
}

static void finish(struct lt_arena *arena, struct lt_buf *out, struct lt_str *ret)
{
    *ret = lt_str_copy(arena, lt_buf_str(out));
    lt_buf_free(out);
}

enum lt_code lt_mcp_read_result(struct lt_arena *arena, const struct lt_json *result, const struct lt_schema *output, struct lt_str *ret,
                                bool *ret_failed, struct lt_error *err)
{
    const struct lt_json *content = lt_json_get(result, "content"), *structured = lt_json_get(result, "structuredContent");
    struct lt_buf out;
    *ret_failed = lt_json_bool_or(lt_json_get(result, "isError"), false);
    *ret = LT_STR("");
    if (!lt_json_is(result, LT_JSON_OBJECT) || (content && !lt_json_is(content, LT_JSON_ARRAY)) || (!content && !structured))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "its result has no content");
    if (!*ret_failed && check(arena, structured, output, ret, err))
        return err->code;
    lt_buf_init(&out, LT_MCP_TEXT_MAX);
    if (structured)
        put(&out, lt_json_text(arena, structured));
    for (size_t i = 0; i < lt_json_len(content); i++)
        if (!repeats(arena, lt_json_at(content, i), structured))
            put_block(&out, arena, lt_json_at(content, i));
    finish(arena, &out, ret);
    return LT_OK;
}

enum lt_code lt_mcp_read_resource(struct lt_arena *arena, const struct lt_json *result, struct lt_str *ret, struct lt_error *err)
{
    const struct lt_json *contents = lt_json_get(result, "contents");
    struct lt_buf out;
    *ret = LT_STR("");
    if (!lt_json_is(contents, LT_JSON_ARRAY))
        return lt_fail(err, LT_EUPSTREAM_INVALID, "its answer has no contents");
    lt_buf_init(&out, LT_MCP_TEXT_MAX);
    for (size_t i = 0; i < lt_json_len(contents); i++)
        put_contents(&out, arena, lt_json_at(contents, i));
    finish(arena, &out, ret);
    return LT_OK;
}
