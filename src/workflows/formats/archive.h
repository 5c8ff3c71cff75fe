/*
 * Files in one archive. The same files in the same order give the same bytes: no times, no owners, no names of this machine. Any thread;
 * nothing blocks.
 */
#pragma once
#include "workflows/formats/formats.h"

enum { LT_ARCHIVE_MAX = 64 << 20 /* bytes of an archive */ };

enum lt_archive_form {
    LT_ARCHIVE_TAR_GZ, /* ustar inside gzip, as Studio takes libraries and courses */
    LT_ARCHIVE_ZIP,    /* as IMS Content Packaging asks for; entries are deflated */
};

/* In the arena. Paths are ASCII, relative, at most 100 bytes. Errors: LT_ETOO_LARGE, LT_EINTERNAL. */
enum lt_code lt_archive_write(struct lt_arena *arena, enum lt_archive_form form, const struct lt_format_file *files, size_t n, struct lt_str *ret,
                              struct lt_error *err);
