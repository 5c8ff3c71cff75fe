/*
 * Pages come here from the checkpoint (and, before there is a WAL, from commits), each in one write. Overflow and free pages begin with a page
 * number of four bytes: below 2^25 pages its first byte is 0, which is no kind of B-tree page. Above that, and in a file with pointer maps
 * (auto_vacuum), nothing is touched. The file is locked, read and synced as ever.
 */
#include "store/db_file.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PAGES_MAX (INT64_C(1) << 24) /* half of what the first byte allows: the size is only looked at now and then */
enum { PAGE_MIN = 512, PAGE_MAX = 65536, FILE_HEAD = 100, LARGEST_ROOT_AT = 52 };

static int be16(const unsigned char *p)
{
    return p[0] << 8 | p[1];
}

/* Where the cells' area begins; -1: this is no such page. */
static int cells_begin(const unsigned char *page, int n, int head, int *ret_pointers_end)
{
    int kind = page[head], size = kind == 2 || kind == 5 ? 12 : kind == 10 || kind == 13 ? 8 : 0;
    int cells = be16(page + head + 3), begin = be16(page + head + 5), end = head + size + 2 * cells;
    if (begin == 0)
        begin = PAGE_MAX;
    if (size == 0 || begin > n || end > begin)
        return -1;
    for (int i = head + size; i < end; i += 2)
        if (be16(page + i) < begin || be16(page + i) > n - 4)
            return -1;
    *ret_pointers_end = end;
    return begin;
}

void lt_page_clean(unsigned char *page, int n, int first)
{
    int head = first ? FILE_HEAD : 0, pointers_end, begin = cells_begin(page, n, head, &pointers_end);
    if (begin < 0)
        return;
    memset(page + pointers_end, 0, (size_t)(begin - pointers_end));
    for (int at = be16(page + head + 1), next; at != 0; at = next) {
        if (at < begin || at > n - 4)
            return;
        int size = be16(page + at + 2);
        next = be16(page + at);
        if (size < 4 || at + size > n || (next != 0 && next < at + size))
            return;
        memset(page + at + 4, 0, (size_t)(size - 4));
    }
}

/* ---- the file ---- */

/* A file with pointer maps says so in its head, and whether it is too large. */
static int look(struct lt_db_file *f)
{
    unsigned char head[FILE_HEAD];
    static const unsigned char none[4];
    int rc = f->real->pMethods->xFileSize(f->real, &f->size);
    if (rc != SQLITE_OK || f->size < FILE_HEAD)
        return rc;
    rc = f->real->pMethods->xRead(f->real, head, FILE_HEAD, 0);
    f->plain = rc == SQLITE_OK && memcmp(head + LARGEST_ROOT_AT, none, sizeof(none)) != 0;
    return rc;
}

static int room(struct lt_db_file *f, int n)
{
    if (f->page_n < n) {
        unsigned char *page = realloc(f->page, (size_t)n);
        if (!page)
            return SQLITE_IOERR_NOMEM;
        f->page = page;
        f->page_n = n;
    }
    return SQLITE_OK;
}

static int on_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 at)
{
    struct lt_db_file *f = (struct lt_db_file *)file;
    int page = n >= PAGE_MIN && n <= PAGE_MAX && (n & (n - 1)) == 0 && at % n == 0;
    int rc = f->size == 0 ? look(f) : SQLITE_OK;
    if (rc == SQLITE_OK && page)
        rc = room(f, n);
    if (rc != SQLITE_OK)
        return rc;
    if (at + n > f->size)
        f->size = at + n;
    if (!page || f->plain || f->size / n > PAGES_MAX)
        return f->real->pMethods->xWrite(f->real, p, n, at);
    memcpy(f->page, p, (size_t)n);
    lt_page_clean(f->page, n, at == 0);
    return f->real->pMethods->xWrite(f->real, f->page, n, at);
}

static int on_close(sqlite3_file *file)
{
    struct lt_db_file *f = (struct lt_db_file *)file;
    free(f->page);
    return f->real->pMethods->xClose(f->real);
}

#define REAL(file) (((struct lt_db_file *)(file))->real)

static int on_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    return REAL(f)->pMethods->xRead(REAL(f), p, n, at);
}

static int on_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return REAL(f)->pMethods->xTruncate(REAL(f), size);
}

static int on_sync(sqlite3_file *f, int flags)
{
    return REAL(f)->pMethods->xSync(REAL(f), flags);
}

static int on_file_size(sqlite3_file *f, sqlite3_int64 *ret)
{
    return REAL(f)->pMethods->xFileSize(REAL(f), ret);
}

static int on_lock(sqlite3_file *f, int lock)
{
    return REAL(f)->pMethods->xLock(REAL(f), lock);
}

static int on_unlock(sqlite3_file *f, int lock)
{
    return REAL(f)->pMethods->xUnlock(REAL(f), lock);
}

static int on_check_lock(sqlite3_file *f, int *ret)
{
    return REAL(f)->pMethods->xCheckReservedLock(REAL(f), ret);
}

static int on_control(sqlite3_file *f, int op, void *arg)
{
    return REAL(f)->pMethods->xFileControl(REAL(f), op, arg);
}

static int on_sector_size(sqlite3_file *f)
{
    return REAL(f)->pMethods->xSectorSize(REAL(f));
}

static int on_characteristics(sqlite3_file *f)
{
    return REAL(f)->pMethods->xDeviceCharacteristics(REAL(f));
}

static int on_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **ret)
{
    return REAL(f)->pMethods->xShmMap(REAL(f), page, size, extend, ret);
}

static int on_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return REAL(f)->pMethods->xShmLock(REAL(f), offset, n, flags);
}

static void on_shm_barrier(sqlite3_file *f)
{
    REAL(f)->pMethods->xShmBarrier(REAL(f));
}

static int on_shm_unmap(sqlite3_file *f, int remove)
{
    return REAL(f)->pMethods->xShmUnmap(REAL(f), remove);
}

/* Version 2: shared memory for the WAL's index, and no mapping of the file, which would be read past us. */
static const sqlite3_io_methods methods = {
    2,         on_close, on_read,       on_write,   on_truncate,    on_sync,           on_file_size, on_lock,
    on_unlock, on_check_lock, on_control, on_sector_size, on_characteristics, on_shm_map, on_shm_lock, on_shm_barrier, on_shm_unmap,
};

int lt_db_file_open(sqlite3_vfs *below, sqlite3_filename name, struct lt_db_file *f, int flags, int *ret_flags)
{
    *f = (struct lt_db_file){.real = (sqlite3_file *)(f + 1)};
    int rc = below->xOpen(below, name, f->real, flags, ret_flags);
    if (f->real->pMethods)
        f->base.pMethods = &methods;
    return rc;
}
