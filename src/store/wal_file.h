/*
 * A VFS over SQLite's own one that gathers what is written to the WAL: SQLite writes each frame's head and page by themselves, two
 * system calls a page; with this, a commit is one write and one sync. The database itself is written by db_file.h. Private to store/.
 */
#pragma once
#include <sqlite3.h>
#include <stdbool.h>

/*
 * The VFS's name for sqlite3_open_v2(); NULL when it cannot be had (SQLite's default is then used). gather: for connections with
 *     synchronous = FULL or EXTRA: without a sync at each commit readers would look for frames that are still in memory;
 *     cache_spill = OFF: frames of a transaction that is not committed yet would stay in memory when it is rolled back, and go down
 *     later, over those that another process has written there meanwhile.
 * So all frames of a transaction are written and synced within its COMMIT. The first call registers the VFS; any thread.
 */
const char *lt_wal_vfs(bool gather);
