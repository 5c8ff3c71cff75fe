/*
 * Course packages as they come: a zip or a tar (gzip or not), read with libarchive from the beginning to the end, within bounds. Nothing is unpacked
 * to disk, nothing inside is opened as an archive again. What is wanted is kept in memory; of everything else only the name.
 *
 * Refused: names with "..", a backslash, a drive or a "/" in front, a name twice, encrypted files, what is cut off or damaged, and whatever is above a
 * bound. Left out and counted: links, devices, and names that are not UTF-8.
 */
#pragma once
#include "base/arena.h"
#include "base/error.h"

enum {
    LT_ARCHIVE_FILES_MAX = 60000,          /* names in one archive, folders too */
    LT_ARCHIVE_NAME_MAX = 1024,            /* bytes of a name */
    LT_ARCHIVE_FILE_MAX = 16 << 20,        /* bytes of a file that is kept */
    LT_ARCHIVE_KEPT_MAX = 96 << 20,        /* bytes of all that are kept */
    LT_ARCHIVE_RATIO_MAX = 200,            /* times the archive's size that all files have together, */
    LT_ARCHIVE_RATIO_FROM = 32 << 20,      /* looked at above so many bytes */
};
#define LT_ARCHIVE_TOTAL_MAX (INT64_C(16) << 30) /* bytes of all files together, kept or not */

struct lt_archive_file {
    struct lt_str name;  /* parts joined by "/", none of them "." or empty */
    struct lt_str bytes; /* p NULL: not kept */
};
struct lt_archive {
    struct lt_arena *arena;
    struct lt_archive_file *files; /* by name */
    size_t n, room;
    size_t kept;                   /* bytes */
    size_t links, unnamed;         /* left out: links and devices; names that are not UTF-8 */
};

/* One of them; `bytes` goes before. */
struct lt_archive_source {
    struct lt_str bytes; /* the archive itself; p NULL: */
    int fd;              /* a regular file, read from its beginning */
};

/*
 * Reads the archive into the arena. want(arg, name): whether the file is kept; NULL: none is. deadline_ms: of lt_mono_ms(). Blocking: worker.
 * LT_EINVALID_INPUT: what is wrong with it, with the name inside; LT_ETOO_LARGE; LT_ETIMEOUT; LT_EIO.
 */
enum lt_code lt_archive_read(struct lt_arena *arena, const struct lt_archive_source *source, bool (*want)(void *arg, struct lt_str name), void *arg,
                             uint64_t deadline_ms, struct lt_archive *ret, struct lt_error *err);
/* A file by its whole name; NULL: there is none. One that was not kept has no bytes. */
const struct lt_archive_file *lt_archive_find(const struct lt_archive *archive, struct lt_str name);
/* The name as archives write it, made plain ("./a//b" is "a/b"); false: it leads out of the archive. For names that files say of each other too. */
bool lt_archive_name(struct lt_arena *arena, struct lt_str raw, struct lt_str *ret);
