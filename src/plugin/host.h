/*
 * The inside of a plugin's own process. Descriptor 3 is a Unix socket (SOCK_SEQPACKET) to who started it. The process first says there
 * whether the plugin came up: {"code":"ok"} or {"code", "detail"}. Then each packet of one byte brings a connection (SCM_RIGHTS) for one call:
 *     → {"kind", "name", "method", "ms", "request"}
 *     ← {"log": LEVEL, "text"}                                      as often as it likes
 *     ← {"piece": TEXT}                                             of an answer, as it comes: providers, orchestrators
 *     ← {"ask": "process_action", "action", "input"}   → {"code", "answer", "detail"}
 *     ← {"ask": "step", "name", "input"}               → {"code", "answer", "detail"}     orchestrators
 *     ← {"code": "ok", "answer"} or {"code", "field", "detail"}     the end
 * each a line of JSON of at most LT_PLUGIN_LINE_MAX bytes. Who waits no more closes the connection. The end of descriptor 3 ends the process.
 * docs/plugins.md has it for authors.
 */
#pragma once
#include "plugin/manifest.h"

enum { LT_PLUGIN_LINE_MAX = 18 << 20, LT_PLUGIN_CALLS_MAX = 64 /* at once in one process */, LT_PLUGIN_CONTROL_FD = 3 };

/* Runs until descriptor 3 ends; the exit code. The manifest is the one beside the library. */
int lt_plugin_host(const char *library);
