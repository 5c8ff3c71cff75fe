/*
 * A plugin's library in the daemon itself: for code that the operator trusts and names in plugin_in_process. A function runs on a thread of its own,
 * or, when the manifest says "blocking": false, on the caller's fiber, where it is watched: three times longer than LT_INSIDE_HELD_MS without
 * giving way, and it is moved to threads. A crash is the daemon's (plugin/crash.h).
 */
#pragma once
#include "plugin/child.h"

enum { LT_INSIDE_HELD_MS = 50 /* that a function may hold a loop */, LT_INSIDE_HELD_MAX = 3 /* times that it may be longer */ };

struct lt_inside;

/*
 * Opens and activates; the library has come up in a process of its own before. Notes of crashes go to the library's directory. Blocking: a worker,
 * or outside of loops.
 */
enum lt_code lt_inside_open(const char *library, const struct lt_manifest *manifest, struct lt_inside **ret, struct lt_error *err);
/* As lt_plugin_child_call(). A function that is late goes on, and nobody waits for it. Fiber. */
enum lt_code lt_inside_call(struct lt_inside *inside, struct lt_component *component, const struct lt_plugin_call *call, const struct lt_json **ret,
                            struct lt_error *err);
/* Deactivates it when no function runs any more, for which it waits two seconds; the library stays. Behind the last call; blocking. */
void lt_inside_close(struct lt_inside *inside);
