/* Memory that is not there. */
#pragma once
#include <stddef.h>

/*
 * Ends the process with a line that says so: half of a request cannot be taken back piece by piece, while a killed process loses nothing that was shown (the
 * register has it) and is started again. n: bytes that were asked for, 0 when that is not known. Any thread.
 */
__attribute__((noreturn)) void lt_out_of_memory(size_t n); /* not _Noreturn, which cppcheck does not take for it */
