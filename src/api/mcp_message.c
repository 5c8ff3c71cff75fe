/* Messages of the Model Context Protocol: what the revisions say of head and body. Pure. Fuzzed by tests/fuzz/fuzz_mcp.c. */
#include <stdarg.h>
#include <stdio.h>

#include "api/mcp.h"
#include "base/secret.h"

enum { EVENTS_MAX = 1 << 30 };

#define META "io.modelcontextprotocol/"

static const char *const names[LT_MCP_REVISIONS] = {
    [LT_MCP_2025_03_26] = "2025-03-26", [LT_MCP_2025_06_18] = "2025-06-18", [LT_MCP_2025_11_25] = "2025-11-25", [LT_MCP_2026_07_28] = "2026-07-28"};

const char *lt_mcp_revision_name(enum lt_mcp_revision revision)
{
    return names[revision];
}

/* LT_MCP_REVISIONS: none of ours. */
static enum lt_mcp_revision revision_of(struct lt_str name)
{
    int i = 0;
    while (i < LT_MCP_REVISIONS && !lt_str_is(name, names[i]))
        i++;
    return (enum lt_mcp_revision)i;
}

bool lt_mcp_may_batch(const struct lt_mcp_fields *fields)
{
    return !fields->version.p || revision_of(fields->version) == LT_MCP_2025_03_26;
}

bool lt_mcp_event_id(struct lt_str text, struct lt_uuid *ret_stream, uint64_t *ret_n)
{
    struct lt_str number = text, stream = lt_str_cut(&number, ':');
    int64_t n = 0;
    if (!lt_uuid_parse(stream, ret_stream) || !lt_str_to_int64(number, &n) || n > EVENTS_MAX)
        return false;
    *ret_n = (uint64_t)n;
    return true;
}

static bool fault(struct lt_mcp_fault *f, struct lt_arena *arena, int status, int code, const char *format, va_list args)
{
    char text[512];
    vsnprintf(text, sizeof(text), format, args);
    f->status = status;
    f->code = code;
    f->message = lt_str_copy(arena, lt_str(text));
    return false;
}

/* What makes the whole body unfit: never of one tool's doing. */
__attribute__((format(printf, 4, 5))) static bool unfit(struct lt_mcp_fault *f, struct lt_arena *arena, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fault(f, arena, 400, code, format, args);
    va_end(args);
    return false;
}

bool lt_mcp_refuse(struct lt_arena *arena, const struct lt_mcp_message *m, struct lt_mcp_fault *ret, int code, const char *format, ...)
{
    va_list args;
    bool alone = m->revision >= LT_MCP_FIRST_STATELESS;
    ret->id = m->rpc.id;
    va_start(args, format);
    fault(ret, arena, !alone ? 200 : code == LT_RPC_METHOD_NOT_FOUND ? 404 : 400, code, format, args);
    va_end(args);
    return false;
}

static bool unsupported(struct lt_mcp_fault *f, struct lt_arena *arena, struct lt_str version)
{
    f->requested = version;
    return unfit(f, arena, LT_MCP_UNSUPPORTED_VERSION, "Unsupported protocol version");
}

/* A word that we say again must be a short one. */
static bool is_word(const struct lt_json *v)
{
    int64_t n;
    return lt_json_is(v, LT_JSON_STRING) ? lt_json_str(v).n <= LT_MCP_WORD_MAX : lt_json_is(v, LT_JSON_NUMBER) && lt_json_int64(v, &n);
}

static const struct lt_json *meta_of(const struct lt_rpc *rpc)
{
    return lt_json_get(rpc->params, "_meta");
}

/* "=?base64?…?=" stands for what a field cannot hold. */
static bool decode(struct lt_arena *arena, struct lt_str *value)
{
    static const struct lt_str before = LT_STR("=?base64?"), behind = LT_STR("?=");
    if (!lt_str_starts(*value, before) || !lt_str_ends(*value, behind) || value->n < before.n + behind.n)
        return true;
    return lt_base64_decode(arena, (struct lt_str){value->p + before.n, value->n - before.n - behind.n}, value);
}

/* The field repeats a member of the body: it must be there, and the same. */
static bool repeats(struct lt_arena *arena, const char *name, struct lt_str field, struct lt_str member, struct lt_mcp_fault *f)
{
    if (!field.p)
        return unfit(f, arena, LT_MCP_HEADER_MISMATCH, "Header mismatch: the field %s is missing", name);
    if (!decode(arena, &field) || !lt_str_eq(field, member))
        return unfit(f, arena, LT_MCP_HEADER_MISMATCH, "Header mismatch: the value of %s is not that of the body", name);
    return true;
}

/* From 2026-07-28 on. */
static bool stands_alone(struct lt_arena *arena, const struct lt_mcp_fields *fields, const struct lt_mcp_message *m, struct lt_mcp_fault *f)
{
    const struct lt_json *version = lt_json_get(meta_of(&m->rpc), META "protocolVersion");
    if (m->rpc.kind == LT_RPC_NOTIFICATION)
        return true;
    if (!lt_json_is(version, LT_JSON_STRING))
        return unfit(f, arena, LT_RPC_INVALID_PARAMS, "params._meta must hold the string " META "protocolVersion");
    if (!repeats(arena, "MCP-Protocol-Version", fields->version, lt_json_str(version), f) ||
        !repeats(arena, "Mcp-Method", fields->method, m->rpc.method, f))
        return false;
    if (!lt_json_is(lt_json_get(meta_of(&m->rpc), META "clientCapabilities"), LT_JSON_OBJECT))
        return unfit(f, arena, LT_RPC_INVALID_PARAMS, "params._meta must hold the object " META "clientCapabilities");
    struct lt_str tool = lt_json_str(lt_json_get(m->rpc.params, "name"));
    return !lt_str_is(m->rpc.method, "tools/call") || !tool.p || repeats(arena, "Mcp-Name", fields->name, tool, f);
}

/* Body before head: a request that stands for itself says so. */
static bool find_revision(struct lt_arena *arena, const struct lt_mcp_fields *fields, struct lt_mcp_message *m, struct lt_mcp_fault *f)
{
    struct lt_str inside = lt_json_str(lt_json_get(meta_of(&m->rpc), META "protocolVersion"));
    if (fields->version.p && inside.p && !lt_str_eq(fields->version, inside))
        return unfit(f, arena, LT_MCP_HEADER_MISMATCH, "Header mismatch: the value of MCP-Protocol-Version is not that of the body");
    struct lt_str version = inside.p ? inside : fields->version;
    m->revision = version.p ? revision_of(version) : LT_MCP_2025_03_26;
    return m->revision < LT_MCP_REVISIONS || unsupported(f, arena, version);
}

/* The answer to a version that is not ours is the newest that begins so; what the head says does not count yet. */
static bool read_initialize(struct lt_arena *arena, struct lt_mcp_message *m, struct lt_mcp_fault *f)
{
    const struct lt_json *version = lt_json_get(m->rpc.params, "protocolVersion");
    if (!lt_json_is(version, LT_JSON_STRING))
        return unfit(f, arena, LT_RPC_INVALID_PARAMS, "params.protocolVersion must be a string");
    m->revision = revision_of(lt_json_str(version));
    if (m->revision > LT_MCP_NEWEST_WITH_INITIALIZE)
        m->revision = LT_MCP_NEWEST_WITH_INITIALIZE;
    return true;
}

static bool read_params(struct lt_arena *arena, struct lt_mcp_message *m, struct lt_mcp_fault *f)
{
    m->token = lt_json_get(meta_of(&m->rpc), "progressToken");
    if (m->rpc.params && !lt_json_is(m->rpc.params, LT_JSON_OBJECT))
        return unfit(f, arena, LT_RPC_INVALID_PARAMS, "params must be an object");
    if (m->token && !is_word(m->token))
        return unfit(f, arena, LT_RPC_INVALID_PARAMS, "progressToken must be a whole number, or a string of at most %d bytes", LT_MCP_WORD_MAX);
    return true;
}

bool lt_mcp_read(struct lt_arena *arena, const struct lt_json *v, const struct lt_mcp_fields *fields, struct lt_mcp_message *ret,
                 struct lt_mcp_fault *f)
{
    struct lt_error err;
    const struct lt_json *id = lt_json_get(v, "id");
    *ret = (struct lt_mcp_message){.revision = LT_MCP_2025_03_26};
    *f = (struct lt_mcp_fault){.id = is_word(id) ? id : NULL};
    if (lt_rpc_read(v, &ret->rpc, &err))
        return unfit(f, arena, LT_RPC_INVALID_REQUEST, "%s%s%s", err.field[0] ? err.field + 1 : "", err.field[0] ? " " : "", err.detail);
    if (ret->rpc.id && !f->id)
        return unfit(f, arena, LT_RPC_INVALID_REQUEST, "id must have at most %d bytes", LT_MCP_WORD_MAX);
    if (!read_params(arena, ret, f))
        return false;
    bool call = ret->rpc.kind == LT_RPC_REQUEST;
    if (call && lt_str_is(ret->rpc.method, "initialize") && !lt_json_get(meta_of(&ret->rpc), META "protocolVersion"))
        return read_initialize(arena, ret, f);
    if (!find_revision(arena, fields, ret, f))
        return false;
    if (ret->revision < LT_MCP_FIRST_STATELESS)
        return true;
    if (!call && ret->rpc.kind != LT_RPC_NOTIFICATION)
        return unfit(f, arena, LT_RPC_INVALID_REQUEST, "nothing was asked of the client, so it has nothing to answer");
    return stands_alone(arena, fields, ret, f);
}
