/*
 * The database's own file as SQLite writes it, with one difference: what lies between the cells of a page and counts for nothing is written
 * as zeros. When SQLite shares a page's cells out anew it leaves copies of them in the free middle, also with secure_delete, which only looks
 * after what is deleted; so parts of a row could outlive it. Private to store/.
 */
#pragma once
#include <sqlite3.h>

struct lt_db_file {
    sqlite3_file base;
    sqlite3_file *real;      /* lies behind this struct */
    unsigned char *page;     /* NULL until the first write */
    int page_n;
    sqlite3_int64 size;      /* as far as known; 0: not looked at yet */
    int plain;               /* pages are of a kind that is not known here: they are written as they are */
};

/* Opens by `below`, whose file gets the room behind *file (below->szOsFile bytes). */
int lt_db_file_open(sqlite3_vfs *below, sqlite3_filename name, struct lt_db_file *file, int flags, int *ret_flags);
/*
 * Zeros what is free in a page of a B-tree (SQLite's file format, section 1.6): n bytes, a power of two; first: it is the file's first. Pages of
 * other kinds, and such as are not as they should be, stay as they are.
 */
void lt_page_clean(unsigned char *page, int n, int first);
