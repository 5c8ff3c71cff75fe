/*
 * Plugins whose code runs in the daemon (plugin/inside.h): which one a thread is in, and who it was when the daemon crashes. A handler of SIGSEGV,
 * SIGBUS, SIGFPE, SIGILL and SIGABRT writes one line to DATA/plugins/crashes and lets the signal do what it would have done; the next start
 * counts the fault against the file.
 */
#pragma once
#include "base/arena.h"
#include "base/error.h"

/* "SHA256 ID " of a file, made beforehand: a handler may not format. */
struct lt_crash_note {
    char line[160];
    size_t n;
};
void lt_crash_note_init(struct lt_crash_note *note, const char hash[65], struct lt_str id);

/* Opens DIR/crashes and sets the handlers; once in a process, then it does nothing. Blocking. LT_EIO: a crash would not be noted. */
enum lt_code lt_crash_watch(const char *dir, struct lt_error *err);
/* From here on the thread runs the code of this file. Makes sure that the signals reach the handler, also when the stack is full. */
void lt_crash_enter(const struct lt_crash_note *note);
/* No more: it has returned, or called something of ours that gives way. */
void lt_crash_leave(void);

/* Counts what DIR/crashes says against the files, and empties it. Before lt_crash_watch(); blocking. How many there were. */
size_t lt_crash_recover(const char *dir);
