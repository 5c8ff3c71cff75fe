/*
 * A file of lines that is written behind everybody's back: whoever has a line puts it into a buffer, a thread writes. When the disk does not keep
 * up, lines are dropped and counted, and nobody waits. Any thread.
 */
#pragma once
#include "base/error.h"

enum { LT_LINE_FILE_MAX = 1024 * 1024 /* bytes that wait */ };

struct lt_line_file;

/* Appends to the file, made (0640) when missing; "-" is standard output. The path must live as long. LT_ECONFIG when it cannot be opened. */
enum lt_code lt_line_file_open(const char *path, struct lt_line_file **ret, struct lt_error *err);
/* Writes what waits, and closes. NULL allowed. */
void lt_line_file_close(struct lt_line_file *file);
/* The line with its line end: all of it or nothing. */
void lt_line_file_put(struct lt_line_file *file, struct lt_str line);
/* Opens the path anew behind the lines that are there by now: it was renamed. One that cannot be opened leaves the old one in use, and is logged. */
void lt_line_file_reopen(struct lt_line_file *file);
/* Lines that were dropped since the start, because too much waited or writing failed. */
uint64_t lt_line_file_dropped(struct lt_line_file *file);
