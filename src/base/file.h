/* Small files, read and replaced as a whole. Blocking: at start, in the CLI, on a worker. Any thread. */
#pragma once
#include "base/error.h"

/* Reads to the end of the file, or max bytes when there are more. The number of bytes; -1 with errno. */
long lt_fd_read(int fd, void *p, size_t max);
/*
 * Puts the text at the path (mode 0600): written beside it, synced and moved there with its directory synced, so that it is there whole or
 * not at all, after a crash too. `exclusive`: a file that is there already is left as it is. LT_EIO with path and reason.
 */
enum lt_code lt_file_put(const char *path, struct lt_str text, bool exclusive, struct lt_error *err);
