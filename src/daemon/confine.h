/*
 * What the kernel is to keep the daemon from, whatever happens inside it: docs/hardening.md. What is taken away stays away, for the processes that it
 * starts as well (plugins, MCP servers).
 */
#pragma once
#include "base/error.h"

/*
 * No process of ours gets rights that it does not have (no_new_privs), calls that no daemon needs fail with EPERM or ENOSYS (a seccomp filter), and, unless
 * core_dumps, no core is written and no other process of the same user may read our memory. Before there are threads: they inherit it. What the kernel
 * does not take is logged as `daemon.no_filter`, and the daemon goes on.
 */
void lt_confine(bool core_dumps);

/*
 * The filter alone, for the calling thread and all that it starts. LT_EUNSUPPORTED: this kernel takes none; nothing has changed then but no_new_privs.
 * For tests, too.
 */
enum lt_code lt_confine_filter(struct lt_error *err);
