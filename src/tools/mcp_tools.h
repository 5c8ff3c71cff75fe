/* The tools of MCP servers that a step of a profile names in `mcp_configs`, as tools that a model may call. */
#pragma once
#include "core/tool.h"

enum { LT_MCP_OFFERED_MAX = 128 /* tools of all servers together that one step offers */ };

/*
 * `mcp_configs`: labels, or objects {"server_label", "allowed_tools"?, "require_approval"?} as OpenAI's Responses API has them, or an object of those by
 * label. What is wrong with its form, NULL when nothing is. Any thread.
 */
const char *lt_mcp_configs_wrong(const struct lt_json *configs);
/*
 * *ret: `tools` with those of the servers behind them, in the arena (which must be freed before the loop ends). Connects to each server. A rule of the
 * server's that a call waits for the user's word is not softened by the profile. where: of `mcp_configs`, for errors. LT_EPROFILE_INVALID: there is no
 * such server or tool; else what lt_mcp_ask() fails with. Fiber.
 */
enum lt_code lt_mcp_tools_offer(struct lt_arena *arena, const struct lt_config *config, const struct lt_site *site, const struct lt_json *configs,
                                const char *where, const struct lt_tool *const *tools, size_t n, const struct lt_tool *const **ret, size_t *ret_n,
                                struct lt_error *err);
