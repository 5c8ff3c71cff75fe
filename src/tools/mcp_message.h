/*
 * Messages of the Model Context Protocol, as a client writes and reads them: revisions 2025-11-25, 2025-06-18 and 2025-03-26
 * (modelcontextprotocol.io/specification). Pure; any thread. Everything that a server says is others' text: it is bounded here, and marked off
 * before a model reads it.
 */
#pragma once
#include "text/json_rpc.h"
#include "text/json_schema.h"

enum {
    LT_MCP_TOOLS_MAX = 128,                  /* of a server */
    LT_MCP_RESOURCES_MAX = 200,              /* that are listed to a model */
    LT_MCP_PAGES_MAX = 32,                   /* of one list */
    LT_MCP_SCHEMA_MAX = 16 * 1024,           /* bytes of a schema */
    LT_MCP_DESCRIPTION_MAX = 2048,           /* bytes; what is longer is cut */
    LT_MCP_OWN_NAME_MAX = 128,               /* bytes of a tool's name as its server has it */
    LT_MCP_NAME_MAX = 64,                    /* bytes of a tool's name as models see it */
    LT_MCP_LABEL_MAX = 32,
    LT_MCP_URI_MAX = 2048,
    LT_MCP_CURSOR_MAX = 4096,
    LT_MCP_TEXT_MAX = 1 << 20,               /* bytes of text made of one result */
};

/* ---- handshake ---- */

struct lt_mcp_hello {
    const char *version;                     /* that both speak: one of lt_mcp_versions */
    struct lt_str name, server_version;      /* of the server, its own words */
    bool tools, resources;
};
extern const char *const lt_mcp_versions[];  /* newest first; the last is NULL */
/* The whole request. */
void lt_mcp_write_initialize(struct lt_jw *w, int64_t id);
/* LT_EUPSTREAM_INVALID: no such result; LT_EUNSUPPORTED: a revision that we do not speak. Texts are copied into the arena. */
enum lt_code lt_mcp_read_initialize(struct lt_arena *arena, const struct lt_json *result, struct lt_mcp_hello *ret, struct lt_error *err);
/* Our answer to a request of the server's: to ping an empty result, to all else an error, since we have offered nothing else. */
void lt_mcp_write_reply(struct lt_jw *w, const struct lt_rpc *request);
void lt_mcp_write_cancelled(struct lt_jw *w, int64_t request_id, const char *reason);

/* ---- tools ---- */

struct lt_mcp_tool {
    struct lt_str own_name;                  /* as the server has it */
    const char *name;                        /* as models see it: label__name */
    struct lt_str title;
    struct lt_str description;
    const char *parameters;                  /* JSON Schema text */
    const struct lt_schema *output;          /* of structured results; NULL: it names none */
};
struct lt_mcp_tools {
    struct lt_mcp_tool list[LT_MCP_TOOLS_MAX];
    size_t n;
    size_t left_out;                         /* tools that cannot be offered; the first of them: */
    char why[160];
};
/*
 * Adds one page of tools/list; what stays is copied into the arena. A tool whose name or schemas cannot be taken is left out and counted, as are a
 * second tool of the same name and what is above LT_MCP_TOOLS_MAX. *ret_cursor: of the next page, {NULL, 0} when there is none.
 * LT_EUPSTREAM_INVALID: it is no such page.
 */
enum lt_code lt_mcp_read_tools(struct lt_arena *arena, struct lt_str label, const struct lt_json *result, struct lt_mcp_tools *tools,
                               struct lt_str *ret_cursor, struct lt_error *err);
/* NULL when there is none. By the server's own name. */
const struct lt_mcp_tool *lt_mcp_tool_named(const struct lt_mcp_tools *tools, struct lt_str own_name);
/*
 * "label__tool": letters, digits, '_' and '-' as vendors allow, at most LT_MCP_NAME_MAX bytes; what had to be changed, or is taken already by one
 * of `tools`, ends in a hash of the own name.
 */
const char *lt_mcp_offered_name(struct lt_arena *arena, struct lt_str label, struct lt_str own_name, const struct lt_mcp_tools *tools);
bool lt_mcp_label_ok(struct lt_str label);

/* ---- results ---- */

/*
 * The text of a result of tools/call: texts as they are, structured content as JSON (checked against `output` unless the tool failed), pictures,
 * sounds and other bytes described and left out. *ret_failed: the tool says that it failed. LT_EUPSTREAM_INVALID: it is no such result, or does not
 * fit; *ret may say more, in the server's words. Cut at LT_MCP_TEXT_MAX.
 */
enum lt_code lt_mcp_read_result(struct lt_arena *arena, const struct lt_json *result, const struct lt_schema *output, struct lt_str *ret,
                                bool *ret_failed, struct lt_error *err);
/* The text of a result of resources/read. */
enum lt_code lt_mcp_read_resource(struct lt_arena *arena, const struct lt_json *result, struct lt_str *ret, struct lt_error *err);
/*
 * Writes a page of resources/list or resources/templates/list (`member`: "resources", "resourceTemplates") into an open JSON array as {uri, name,
 * description?, mime_type?}; *n counts up to LT_MCP_RESOURCES_MAX, what is above is left out.
 */
enum lt_code lt_mcp_read_resources(const struct lt_json *result, const char *member, struct lt_jw *w, size_t *n, struct lt_arena *arena,
                                   struct lt_str *ret_cursor, struct lt_error *err);
