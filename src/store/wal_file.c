/*
 * Only files opened as WAL are wrapped here, databases by db_file.c; all else is the lower VFS's. Writes that follow each other gather in memory
 * until a sync or anything that looks at the file (a read, its size, a truncation, closing): then they go down in one piece. In WAL mode
 * readers learn of frames only through the index in shared memory, which SQLite changes after the sync, so nobody misses what is
 * still here. When writing fails the gathered bytes are dropped and the error is the one of the call that met it; SQLite then rolls back and
 * writes the same place anew.
 */
#include "store/wal_file.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "store/db_file.h"

enum { GATHER_MAX = 0x1ffff }; /* SQLite's unix VFS fails on some larger writes: it cuts their length to 17 bits */

struct wal_file {
    sqlite3_file base;
    unsigned char *bytes; /* NULL until the first write */
    int n;                /* gathered */
    sqlite3_int64 at;     /* where they belong */
    sqlite3_file *real;   /* lies behind this struct */
};

static sqlite3_vfs *below, vfs, vfs_without;

static int flush(struct wal_file *f)
{
    int n = f->n;
    f->n = 0;
    return n == 0 ? SQLITE_OK : f->real->pMethods->xWrite(f->real, f->bytes, n, f->at);
}

static int on_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 at)
{
    struct wal_file *f = (struct wal_file *)file;
    bool follows = f->n > 0 && at == f->at + f->n && n <= GATHER_MAX - f->n;
    int rc = follows ? SQLITE_OK : flush(f);
    if (rc != SQLITE_OK)
        return rc;
    if (!f->bytes && !(f->bytes = malloc(GATHER_MAX)))
        return SQLITE_IOERR_NOMEM;
    if (n > GATHER_MAX)
        return f->real->pMethods->xWrite(f->real, p, n, at);
    if (!follows)
        f->at = at;
    memcpy(f->bytes + f->n, p, (size_t)n);
    f->n += n;
    return SQLITE_OK;
}

static int on_close(sqlite3_file *file)
{
    struct wal_file *f = (struct wal_file *)file;
    int rc = flush(f), closed = f->real->pMethods->xClose(f->real);
    free(f->bytes);
    return rc == SQLITE_OK ? closed : rc;
}

static int on_read(sqlite3_file *file, void *p, int n, sqlite3_int64 at)
{
    struct wal_file *f = (struct wal_file *)file;
    int rc = flush(f);
    return rc == SQLITE_OK ? f->real->pMethods->xRead(f->real, p, n, at) : rc;
}

static int on_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct wal_file *f = (struct wal_file *)file;
    int rc = flush(f);
    return rc == SQLITE_OK ? f->real->pMethods->xTruncate(f->real, size) : rc;
}

static int on_sync(sqlite3_file *file, int flags)
{
    struct wal_file *f = (struct wal_file *)file;
    int rc = flush(f);
    return rc == SQLITE_OK ? f->real->pMethods->xSync(f->real, flags) : rc;
}

static int on_file_size(sqlite3_file *file, sqlite3_int64 *ret)
{
    struct wal_file *f = (struct wal_file *)file;
    int rc = flush(f);
    return rc == SQLITE_OK ? f->real->pMethods->xFileSize(f->real, ret) : rc;
}

static int on_lock(sqlite3_file *file, int lock)
{
    struct wal_file *f = (struct wal_file *)file;
    return f->real->pMethods->xLock(f->real, lock);
}

static int on_unlock(sqlite3_file *file, int lock)
{
    struct wal_file *f = (struct wal_file *)file;
    return f->real->pMethods->xUnlock(f->real, lock);
}

static int on_check_lock(sqlite3_file *file, int *ret)
{
    struct wal_file *f = (struct wal_file *)file;
    return f->real->pMethods->xCheckReservedLock(f->real, ret);
}

static int on_control(sqlite3_file *file, int op, void *arg)
{
    struct wal_file *f = (struct wal_file *)file;
    return f->real->pMethods->xFileControl(f->real, op, arg);
}

static int on_sector_size(sqlite3_file *file)
{
    struct wal_file *f = (struct wal_file *)file;
    return f->real->pMethods->xSectorSize(f->real);
}

static int on_characteristics(sqlite3_file *file)
{
    struct wal_file *f = (struct wal_file *)file;
    return f->real->pMethods->xDeviceCharacteristics(f->real);
}

/* Version 1: a WAL is neither mapped nor has it shared memory of its own. */
static const sqlite3_io_methods methods = {
    1,         on_close, on_read,       on_write,   on_truncate,    on_sync,           on_file_size, on_lock,
    on_unlock, on_check_lock, on_control, on_sector_size, on_characteristics,
};

static int on_open_plain(sqlite3_vfs *self, sqlite3_filename name, sqlite3_file *file, int flags, int *ret_flags)
{
    if (flags & SQLITE_OPEN_MAIN_DB)
        return lt_db_file_open(below, name, (struct lt_db_file *)file, flags, ret_flags);
    return below->xOpen(below, name, file, flags, ret_flags);
}

static int on_open(sqlite3_vfs *self, sqlite3_filename name, sqlite3_file *file, int flags, int *ret_flags)
{
    if (!(flags & SQLITE_OPEN_WAL))
        return on_open_plain(self, name, file, flags, ret_flags);
    struct wal_file *f = (struct wal_file *)file;
    *f = (struct wal_file){.real = (sqlite3_file *)(f + 1)};
    int rc = below->xOpen(below, name, f->real, flags, ret_flags);
    if (f->real->pMethods)
        f->base.pMethods = &methods;
    return rc;
}

/* All but opening is the lower one's, which finds its own data in pAppData. */
static bool add(sqlite3_vfs *v, const char *name, int (*open)(sqlite3_vfs *, sqlite3_filename, sqlite3_file *, int, int *))
{
    int more = (int)(sizeof(struct wal_file) > sizeof(struct lt_db_file) ? sizeof(struct wal_file) : sizeof(struct lt_db_file));
    *v = *below;
    v->zName = name;
    v->pNext = NULL;
    v->szOsFile = below->szOsFile + more;
    v->xOpen = open;
    return sqlite3_vfs_register(v, 0) == SQLITE_OK;
}

static void set_up(void)
{
    below = sqlite3_vfs_find(NULL);
    if (below && !(add(&vfs, "lectern-wal", on_open) && add(&vfs_without, "lectern", on_open_plain)))
        below = NULL;
}

const char *lt_wal_vfs(bool gather)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_up);
    return !below ? NULL : gather ? vfs.zName : vfs_without.zName;
}
