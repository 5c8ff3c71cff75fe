/* A model that may call tools: it is asked again with their results until it answers. */
#pragma once
#include "core/tool.h"
#include "workflows/approval.h"

/* Which tools the step's `enabled_tools` names: names, or "__all__". An empty list: none. LT_EPROFILE_INVALID names one that does not exist. */
enum lt_code lt_tools_enabled(struct lt_arena *arena, const struct lt_json *settings, const struct lt_tool *const **ret, size_t *ret_n,
                              struct lt_error *err);
/* The same list with the tools of the MCP servers that the step's `mcp_configs` names. Fiber: it connects to them. Errors: lt_mcp_tools_offer(). */
enum lt_code lt_tools_of_servers(struct lt_workflow_run *run, const struct lt_json *settings, const struct lt_tool *const **tools, size_t *n,
                                 struct lt_error *err);
/*
 * Calls context->tool with arguments that are checked first. A call that does not heed context->deadline_ms is broken off after the site's time for
 * tools: LT_ETIMEOUT. LT_EINVALID_INPUT with the argument's field; what the tool fails with. Fiber.
 */
enum lt_code lt_tool_call(const struct lt_tool_context *context, const struct lt_json *arguments, struct lt_str *ret, struct lt_error *err);
/*
 * Asks until the model wants no more tools. The model can call what `tools` holds and nothing else; what it does wrong (an unknown tool,
 * arguments that do not fit) it is told, as it is told what a tool failed with. Text of all rounds together is the answer. messages: of the
 * first call; *ret: the last call's result. Limits: core/tool.h, and the time of a tool by the site; behind the last round it must answer
 * without tools. In a conversation that a vendor keeps (profile->thread) each call goes on from the answer before it.
 * approval: which tools wait for the user's word first. Whoever listens is told which tool runs, and the register has each of them when its round
 * has ended.
 */
enum lt_code lt_tool_loop(struct lt_workflow_run *run, const struct lt_tool *const *tools, size_t tools_n, const struct lt_json *messages,
                          const struct lt_call_profile *profile, const struct lt_approval_rule *approval, struct lt_call_result *ret,
                          struct lt_str *ret_text, struct lt_error *err);
