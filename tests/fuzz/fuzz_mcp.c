/*
 * Messages as /mcp reads them: a first byte that chooses the fields of the head, then the body. What is taken has a known revision, a method or an
 * answer, and words that are short; what is refused has a status of 4xx, a code, and an id only where there was a good one.
 */
#include <stdlib.h>

#include "api/mcp.h"

static const struct lt_str versions[] = {{NULL, 0}, LT_STR("2025-03-26"), LT_STR("2025-11-25"), LT_STR("2026-07-28"), LT_STR("x")};
static const struct lt_str names[] = {{NULL, 0}, LT_STR("a"), LT_STR("=?base64?YQ==?="), LT_STR("=?base64?=?=")};

static void check_word(const struct lt_json *v)
{
    int64_t n;
    bool word = lt_json_is(v, LT_JSON_STRING) ? lt_json_str(v).n <= LT_MCP_WORD_MAX : lt_json_int64(v, &n);
    if (v && !word)
        abort();
}

static void check_message(struct lt_arena *arena, const struct lt_json *v, const struct lt_mcp_fields *fields)
{
    struct lt_mcp_message m;
    struct lt_mcp_fault f;
    bool taken = lt_mcp_read(arena, v, fields, &m, &f);
    check_word(taken ? m.rpc.id : f.id);
    if (!taken && (f.status != 400 || f.code >= 0 || f.message.n == 0))
        abort();
    if (!taken)
        return;
    check_word(m.token);
    bool asks = m.rpc.kind == LT_RPC_REQUEST || m.rpc.kind == LT_RPC_NOTIFICATION;
    if (m.revision >= LT_MCP_REVISIONS || asks != (m.rpc.method.n > 0) || (m.rpc.params && !lt_json_is(m.rpc.params, LT_JSON_OBJECT)))
        abort();
    if (m.rpc.kind == LT_RPC_REQUEST && m.revision >= LT_MCP_FIRST_STATELESS && !(fields->version.p && lt_str_eq(fields->method, m.rpc.method)))
        abort();
}

static void check(struct lt_arena *arena, uint8_t choice, struct lt_str text)
{
    const struct lt_json *v;
    struct lt_uuid id;
    uint64_t n;
    struct lt_mcp_fields fields = {versions[choice % LT_COUNT(versions)], {NULL, 0}, names[choice / 8 % LT_COUNT(names)]};
    lt_mcp_event_id(text, &id, &n);
    if (lt_json_parse(arena, text, LT_JSON_STRICT, &v, NULL))
        return;
    fields.method = choice & 0x80 ? LT_STR("ping") : lt_json_str(lt_json_get(v, "method"));
    for (size_t i = 0; lt_json_is(v, LT_JSON_ARRAY) && i < lt_json_len(v); i++)
        check_message(arena, lt_json_at(v, i), &fields);
    check_message(arena, v, &fields);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lt_arena *arena = lt_arena_new();
    if (size > 0)
        check(arena, data[0], lt_str_copy(arena, (struct lt_str){(const char *)data + 1, size - 1}));
    lt_arena_free(arena);
    return 0;
}
