/*
 * Which function of a plugin holds which loop, and for how long. Who comes back late is measured; who does not come back is named in the log by a thread
 * of its own (plugin.holds_loop), since the loop can tell nobody any more.
 */
#pragma once
#include "base/error.h"

enum { LT_HOLD_TOLD_MS = 1000 /* so long held, a function that has not come back is named, once */ };

struct lt_holds;

/* plugin: its id, copied. NULL: no thread could be started; err. */
struct lt_holds *lt_holds_new(const char *plugin, struct lt_error *err);
/* NULL is allowed. No function may run. */
void lt_holds_free(struct lt_holds *holds);
/* On the loop of that index, which has one function at a time. function: "tool/dice.call()"; borrowed until it ends. */
void lt_hold_begin(struct lt_holds *holds, int loop, const char *function);
/* Milliseconds since it began. */
uint64_t lt_hold_end(struct lt_holds *holds, int loop);
