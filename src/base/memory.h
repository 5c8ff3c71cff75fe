/* Memory: what to do when there is none, and giving back what is not needed any more. */
#pragma once
#include <stddef.h>

/*
 * Ends the process with a line that says so: half of a request cannot be taken back piece by piece, while a killed process loses nothing that was shown (the
 * register has it) and is started again. n: bytes that were asked for, 0 when that is not known. Any thread.
 */
__attribute__((noreturn)) void lt_out_of_memory(size_t n); /* not _Noreturn, which cppcheck does not take for it */

/*
 * For a process that is Lectern's own, when it has done much and has now little to do: gives the system whole pages that nobody uses, wherever they lie in
 * the heaps (of itself malloc gives back only what lies at their ends), and lets go of the pages of program and libraries that were read for it. Those come
 * back by themselves when they are needed, from the system's cache. Not while a debugger is attached, whose breakpoints are in these pages. Any thread;
 * blocking: malloc locks a heap while it looks through it.
 */
void lt_memory_give_back(void);
