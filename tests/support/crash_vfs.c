/*
 * A power cut for SQLite. Preloaded into a program (LD_PRELOAD), it becomes the default VFS: what SQLite writes to a database, WAL
 * or journal stays in this process's memory, seen by all its connections, and reaches the file only at xSync. Who then kills the
 * process with SIGKILL finds what a machine finds after a power cut: everything that was not synced is gone.
 *
 * Locks, shared memory (-shm) and directory entries go straight through: after the kill the next process recovers from the files
 * alone. An ordinary exit is no power cut: then the rest is written too. Meant for one process at a database while it has unsynced
 * writes: another one would see pages announced in shared memory that are not in the file.
 *
 * Model: per file a set of dirty pages (PAGE bytes, whole content) over the real file, of which only the first `valid` bytes still
 * count (less than its size after a truncation), and the size as SQLite sees it. A clean file has none of these and is read straight
 * through.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAGE = 4096, BUCKETS = 4096 };

struct page {
    struct page *next;
    sqlite3_int64 number;
    unsigned char bytes[PAGE];
};

/* One file of this process, by name; kept to the end, as the kernel keeps unsynced data of closed files. */
struct image {
    struct image *next;
    char *path;
    pthread_mutex_t mutex;
    bool dirty;
    sqlite3_int64 size, valid;
    struct page *pages[BUCKETS];
};

struct crash_file {
    sqlite3_file base;
    struct image *image; /* NULL: temporary file, passed through */
    sqlite3_file *real;  /* lies behind this struct */
};

static sqlite3_vfs *below;
static struct image *images;
static pthread_mutex_t images_mutex = PTHREAD_MUTEX_INITIALIZER;

/* ---- images ---- */

static void out_of_memory(void)
{
    fputs("crash_vfs: out of memory\n", stderr);
    abort();
}

static struct image *image_of(const char *path)
{
    pthread_mutex_lock(&images_mutex);
    struct image *im = images;
    while (im && strcmp(im->path, path) != 0)
        im = im->next;
    if (!im) {
        im = calloc(1, sizeof(*im));
        if (!im || !(im->path = strdup(path)))
            out_of_memory();
        pthread_mutex_init(&im->mutex, NULL);
        im->next = images;
        images = im;
    }
    pthread_mutex_unlock(&images_mutex);
    return im;
}

static struct page *find_page(const struct image *im, sqlite3_int64 number)
{
    struct page *p = im->pages[number % BUCKETS];
    while (p && p->number != number)
        p = p->next;
    return p;
}

/* Drops the pages from `number` on. */
static void drop_pages(struct image *im, sqlite3_int64 number)
{
    for (int b = 0; b < BUCKETS; b++) {
        for (struct page **at = &im->pages[b]; *at;) {
            struct page *p = *at;
            if (p->number < number) {
                at = &p->next;
                continue;
            }
            *at = p->next;
            free(p);
        }
    }
}

static void forget(struct image *im)
{
    drop_pages(im, 0);
    im->dirty = false;
}

/* Reads what is in the real file and still counts; zeros elsewhere. */
static int read_real(struct crash_file *f, unsigned char *out, int n, sqlite3_int64 at)
{
    memset(out, 0, (size_t)n);
    if (at >= f->image->valid)
        return SQLITE_OK;
    if (at + n > f->image->valid)
        n = (int)(f->image->valid - at);
    int rc = f->real->pMethods->xRead(f->real, out, n, at);
    return rc == SQLITE_IOERR_SHORT_READ ? SQLITE_OK : rc;
}

/* The first change since the last sync fixes what counts of the real file. */
static int begin_change(struct crash_file *f)
{
    struct image *im = f->image;
    if (im->dirty)
        return SQLITE_OK;
    int rc = f->real->pMethods->xFileSize(f->real, &im->size);
    im->valid = im->size;
    im->dirty = rc == SQLITE_OK;
    return rc;
}

static int page_to_change(struct crash_file *f, sqlite3_int64 number, struct page **ret)
{
    struct page *p = find_page(f->image, number);
    if (!p) {
        p = malloc(sizeof(*p));
        if (!p)
            out_of_memory();
        int rc = read_real(f, p->bytes, PAGE, number * PAGE);
        if (rc != SQLITE_OK) {
            free(p);
            return rc;
        }
        p->number = number;
        p->next = f->image->pages[number % BUCKETS];
        f->image->pages[number % BUCKETS] = p;
    }
    *ret = p;
    return SQLITE_OK;
}

/* ---- methods ---- */

static int pass_close(sqlite3_file *file)
{
    struct crash_file *f = (struct crash_file *)file;
    return f->real->pMethods->xClose(f->real);
}

static int crash_read(sqlite3_file *file, void *out, int n, sqlite3_int64 at)
{
    struct crash_file *f = (struct crash_file *)file;
    struct image *im = f->image;
    if (!im)
        return f->real->pMethods->xRead(f->real, out, n, at);
    pthread_mutex_lock(&im->mutex);
    if (!im->dirty) {
        int rc = f->real->pMethods->xRead(f->real, out, n, at);
        pthread_mutex_unlock(&im->mutex);
        return rc;
    }
    sqlite3_int64 left = im->size - at;
    int have = left < 0 ? 0 : left < n ? (int)left : n;
    int rc = read_real(f, out, n, at);
    for (int done = 0; rc == SQLITE_OK && done < have;) {
        int offset = (int)((at + done) % PAGE), part = PAGE - offset < have - done ? PAGE - offset : have - done;
        const struct page *p = find_page(im, (at + done) / PAGE);
        if (p)
            memcpy((unsigned char *)out + done, p->bytes + offset, (size_t)part);
        done += part;
    }
    pthread_mutex_unlock(&im->mutex);
    if (rc == SQLITE_OK && have < n) {
        memset((unsigned char *)out + have, 0, (size_t)(n - have));
        return SQLITE_IOERR_SHORT_READ;
    }
    return rc;
}

static int crash_write(sqlite3_file *file, const void *in, int n, sqlite3_int64 at)
{
    struct crash_file *f = (struct crash_file *)file;
    struct image *im = f->image;
    if (!im)
        return f->real->pMethods->xWrite(f->real, in, n, at);
    pthread_mutex_lock(&im->mutex);
    int rc = begin_change(f);
    for (int done = 0; rc == SQLITE_OK && done < n;) {
        int offset = (int)((at + done) % PAGE), part = PAGE - offset < n - done ? PAGE - offset : n - done;
        struct page *p;
        rc = page_to_change(f, (at + done) / PAGE, &p);
        if (rc == SQLITE_OK)
            memcpy(p->bytes + offset, (const unsigned char *)in + done, (size_t)part);
        done += part;
    }
    if (rc == SQLITE_OK && at + n > im->size)
        im->size = at + n;
    pthread_mutex_unlock(&im->mutex);
    return rc;
}

static int crash_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct crash_file *f = (struct crash_file *)file;
    struct image *im = f->image;
    if (!im)
        return f->real->pMethods->xTruncate(f->real, size);
    pthread_mutex_lock(&im->mutex);
    int rc = begin_change(f);
    if (rc == SQLITE_OK) {
        drop_pages(im, (size + PAGE - 1) / PAGE);
        struct page *last = size % PAGE ? find_page(im, size / PAGE) : NULL;
        if (last)
            memset(last->bytes + size % PAGE, 0, (size_t)(PAGE - size % PAGE));
        if (size < im->valid)
            im->valid = size;
        im->size = size;
    }
    pthread_mutex_unlock(&im->mutex);
    return rc;
}

static int flush_page(struct crash_file *f, const struct page *p)
{
    sqlite3_int64 at = p->number * PAGE, left = f->image->size - at;
    return left > 0 ? f->real->pMethods->xWrite(f->real, p->bytes, left < PAGE ? (int)left : PAGE, at) : SQLITE_OK;
}

/* Under the mutex: everything to the real file. */
static int flush(struct crash_file *f)
{
    struct image *im = f->image;
    sqlite3_int64 real_size = 0;
    int rc = f->real->pMethods->xFileSize(f->real, &real_size);
    if (rc == SQLITE_OK && real_size > im->valid)
        rc = f->real->pMethods->xTruncate(f->real, im->valid);
    for (int b = 0; b < BUCKETS; b++) {
        for (const struct page *p = im->pages[b]; rc == SQLITE_OK && p; p = p->next)
            rc = flush_page(f, p);
    }
    if (rc == SQLITE_OK)
        rc = f->real->pMethods->xTruncate(f->real, im->size); /* also lengthens */
    if (rc == SQLITE_OK)
        forget(im);
    return rc;
}

static int crash_sync(sqlite3_file *file, int flags)
{
    struct crash_file *f = (struct crash_file *)file;
    int rc = SQLITE_OK;
    if (f->image) {
        pthread_mutex_lock(&f->image->mutex);
        if (f->image->dirty)
            rc = flush(f);
        pthread_mutex_unlock(&f->image->mutex);
    }
    return rc == SQLITE_OK ? f->real->pMethods->xSync(f->real, flags) : rc;
}

static int crash_size(sqlite3_file *file, sqlite3_int64 *ret)
{
    struct crash_file *f = (struct crash_file *)file;
    int rc = SQLITE_OK;
    if (!f->image)
        return f->real->pMethods->xFileSize(f->real, ret);
    pthread_mutex_lock(&f->image->mutex);
    if (f->image->dirty)
        *ret = f->image->size;
    else
        rc = f->real->pMethods->xFileSize(f->real, ret);
    pthread_mutex_unlock(&f->image->mutex);
    return rc;
}

static int pass_lock(sqlite3_file *file, int level)
{
    struct crash_file *f = (struct crash_file *)file;
    return f->real->pMethods->xLock(f->real, level);
}

static int pass_unlock(sqlite3_file *file, int level)
{
    struct crash_file *f = (struct crash_file *)file;
    return f->real->pMethods->xUnlock(f->real, level);
}

static int pass_check_lock(sqlite3_file *file, int *ret)
{
    struct crash_file *f = (struct crash_file *)file;
    return f->real->pMethods->xCheckReservedLock(f->real, ret);
}

/* A size hint would lengthen the real file before its time; a memory map would read past the image. */
static int crash_control(sqlite3_file *file, int op, void *arg)
{
    struct crash_file *f = (struct crash_file *)file;
    if (op == SQLITE_FCNTL_SIZE_HINT || op == SQLITE_FCNTL_CHUNK_SIZE || op == SQLITE_FCNTL_MMAP_SIZE)
        return SQLITE_NOTFOUND;
    return f->real->pMethods->xFileControl(f->real, op, arg);
}

static int pass_sector_size(sqlite3_file *file)
{
    struct crash_file *f = (struct crash_file *)file;
    return f->real->pMethods->xSectorSize(f->real);
}

static int pass_device(sqlite3_file *file)
{
    struct crash_file *f = (struct crash_file *)file;
    return f->real->pMethods->xDeviceCharacteristics(f->real);
}

static int pass_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **ret)
{
    struct crash_file *f = (struct crash_file *)file;
    return f->real->pMethods->xShmMap(f->real, page, size, extend, ret);
}

static int pass_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    struct crash_file *f = (struct crash_file *)file;
    return f->real->pMethods->xShmLock(f->real, offset, n, flags);
}

static void pass_shm_barrier(sqlite3_file *file)
{
    struct crash_file *f = (struct crash_file *)file;
    f->real->pMethods->xShmBarrier(f->real);
}

static int pass_shm_unmap(sqlite3_file *file, int remove)
{
    struct crash_file *f = (struct crash_file *)file;
    return f->real->pMethods->xShmUnmap(f->real, remove);
}

/* Version 2: no xFetch, so SQLite never maps the file. */
static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = pass_close,
    .xRead = crash_read,
    .xWrite = crash_write,
    .xTruncate = crash_truncate,
    .xSync = crash_sync,
    .xFileSize = crash_size,
    .xLock = pass_lock,
    .xUnlock = pass_unlock,
    .xCheckReservedLock = pass_check_lock,
    .xFileControl = crash_control,
    .xSectorSize = pass_sector_size,
    .xDeviceCharacteristics = pass_device,
    .xShmMap = pass_shm_map,
    .xShmLock = pass_shm_lock,
    .xShmBarrier = pass_shm_barrier,
    .xShmUnmap = pass_shm_unmap,
};

/* ---- the VFS ---- */

static int crash_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *ret_flags)
{
    struct crash_file *f = (struct crash_file *)file;
    enum { KEPT = SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL };
    *f = (struct crash_file){.real = (sqlite3_file *)(f + 1)};
    int rc = below->xOpen(below, name, f->real, flags, ret_flags);
    if (rc != SQLITE_OK)
        return rc;
    if (name && (flags & KEPT))
        f->image = image_of(name);
    f->base.pMethods = &methods;
    return SQLITE_OK;
}

static int crash_delete(sqlite3_vfs *vfs, const char *name, int sync_directory)
{
    struct image *im = image_of(name);
    pthread_mutex_lock(&im->mutex);
    int rc = below->xDelete(below, name, sync_directory);
    if (rc == SQLITE_OK)
        forget(im);
    pthread_mutex_unlock(&im->mutex);
    return rc;
}

/* Before the program's main(): every connection it opens later is one of ours. */
__attribute__((constructor)) static void install(void)
{
    static sqlite3_vfs crash;
    below = sqlite3_vfs_find(NULL);
    if (!below) {
        fputs("crash_vfs: SQLite has no VFS to build on\n", stderr);
        abort();
    }
    crash = *below; /* what does not touch file contents works as it is: it looks at no member that is changed here */
    crash.zName = "crash";
    crash.szOsFile = (int)sizeof(struct crash_file) + below->szOsFile;
    crash.pNext = NULL;
    crash.xOpen = crash_open;
    crash.xDelete = crash_delete;
    sqlite3_vfs_register(&crash, 1);
}

static void write_out(struct image *im)
{
    int fd = open(im->path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    bool ok = ftruncate(fd, im->valid) == 0;
    for (int b = 0; b < BUCKETS; b++) {
        for (const struct page *p = im->pages[b]; ok && p; p = p->next)
            ok = pwrite(fd, p->bytes, PAGE, p->number * PAGE) == PAGE;
    }
    if (!ok || ftruncate(fd, im->size) != 0)
        fprintf(stderr, "crash_vfs: %s: %s\n", im->path, strerror(errno));
    close(fd);
}

/* The process ends by itself: the kernel would have written the rest some day. */
__attribute__((destructor)) static void finish(void)
{
    for (struct image *im = images; im; im = im->next) {
        if (im->dirty)
            write_out(im);
    }
}
