/*
 * Connections to MCP servers. One for each loop, site, server and set of settings: nothing of a site reaches another. They are made when they are first
 * needed, kept while they are used, and ended when they were idle, when the settings change, and with the loop.
 */
#pragma once
#include "base/arena.h"
#include "tools/mcp_server.h"

struct lt_tls;
struct lt_mcp_hub;

/*
 * commands: text of the operator's file (mcp_commands_read), "" = none. program: this program, which watches over the commands. Configurations that
 * are loaded from now on have MCP servers. Start-up; once a process. LT_ECONFIG.
 */
enum lt_code lt_mcp_hub_new(struct lt_str commands, const char *program, struct lt_mcp_hub **ret, struct lt_error *err);
/* For https; must live as long as loops run. */
void lt_mcp_hub_use_tls(struct lt_mcp_hub *hub, struct lt_tls *tls);
/* Ends the connections of the calling loop: nobody may begin to use one any more. Fiber; a few seconds at most. NULL is allowed. */
void lt_mcp_hub_end_loop(struct lt_mcp_hub *hub);
/* After the loops have ended; waits for processes to end, at most 5 s. NULL is allowed. */
void lt_mcp_hub_free(struct lt_mcp_hub *hub);
const struct lt_mcp_commands *lt_mcp_hub_commands(const struct lt_mcp_hub *hub);

/* ---- asking a server; fiber ---- */

/* Tools of a server, as they were last listed. Counted; immutable. */
struct lt_mcp_list;
const struct lt_mcp_tools *lt_mcp_list_tools(const struct lt_mcp_list *list);
void lt_mcp_list_unref(void *list); /* any thread; for lt_arena_on_free() */

enum { LT_MCP_LIST_MS = 60000 /* so old, a list is asked for anew; sooner when the server says that it has changed */ };
/* One reference for the caller. Errors as of lt_mcp_ask(). A server without tools has an empty list. */
enum lt_code lt_mcp_ask_tools(const struct lt_mcp_set *set, const struct lt_mcp_server *server, uint64_t deadline_ms, struct lt_mcp_list **ret,
                              struct lt_error *err);
/*
 * A request and its result, in the arena. params: a JSON object. deadline_ms: of the loop's clock; the server's own limits hold beside it. *ret_said
 * (may be NULL): the server's words when it answered with an error, masked and bounded, else "". LT_ECANCELLED and a timeout are told to the server.
 * LT_ENOT_FOUND, LT_EINVALID_INPUT (its JSON-RPC error says so), LT_EUPSTREAM_INVALID, LT_EUPSTREAM_UNAVAILABLE, LT_EUPSTREAM_UNAUTHORIZED,
 * LT_ETIMEOUT, LT_EUPSTREAM_TIMEOUT, LT_EUNSUPPORTED (revision), LT_EOUTBOUND_REFUSED, LT_ECONFIG (it cannot be used: switched off, …).
 */
enum lt_code lt_mcp_ask(const struct lt_mcp_set *set, const struct lt_mcp_server *server, struct lt_arena *arena, const char *method,
                        struct lt_str params, uint64_t deadline_ms, const struct lt_json **ret, struct lt_str *ret_said, struct lt_error *err);
/* What the server has said of itself; connects when needed. Texts in the arena. */
enum lt_code lt_mcp_ask_hello(const struct lt_mcp_set *set, const struct lt_mcp_server *server, struct lt_arena *arena, uint64_t deadline_ms,
                              struct lt_mcp_hello *ret, struct lt_error *err);
/* The text with the server's secrets masked. In the arena. */
struct lt_str lt_mcp_masked(const struct lt_mcp_server *server, struct lt_arena *arena, struct lt_str text);

/* The process of `lectern mcp host`: see mcp_host.c. Returns its exit code. */
int lt_mcp_host(void);
enum { LT_MCP_CONTROL_FD = 3 };
