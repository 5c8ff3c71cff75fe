/* Trying an MCP server: for administrators. */
#pragma once
#include "tools/mcp_hub.h"

/*
 * Connects and asks for the tools; writes an object {success, protocol_version, server{name, version}, tools, tools_left_out, left_out_reason, resources,
 * duration_ms} or {success, duration_ms, error{code, detail}}. Fiber; as long as the server's own limits allow.
 */
void lt_mcp_probe_write(struct lt_jw *w, struct lt_arena *arena, const struct lt_mcp_set *set, const struct lt_mcp_server *server);
/* Writes the elements of an open array: {name, own_name, title, description, allowed, approval, parameters}. What the server says is shown as it is. */
enum lt_code lt_mcp_tools_write(struct lt_jw *w, struct lt_arena *arena, const struct lt_mcp_set *set, const struct lt_mcp_server *server,
                                struct lt_error *err);
