/* libarchive, loaded with the first archive: most daemons never see one, and it brings five libraries along. */
#pragma once
#include <archive.h>
#include <archive_entry.h>

#include "base/dso.h"

#define LT_LA_FUNCTIONS(X) \
    X(archive_entry_clear) X(archive_entry_filetype) X(archive_entry_free) X(archive_entry_hardlink) \
    X(archive_entry_is_encrypted) X(archive_entry_new) X(archive_entry_pathname) X(archive_entry_set_filetype) \
    X(archive_entry_set_pathname) X(archive_entry_set_perm) X(archive_entry_set_size) X(archive_entry_size) \
    X(archive_entry_size_is_set) X(archive_entry_symlink) X(archive_error_string) X(archive_format) \
    X(archive_read_data_block) X(archive_read_data_skip) X(archive_read_free) X(archive_read_new) \
    X(archive_read_next_header) X(archive_read_open_fd) X(archive_read_open_memory) X(archive_read_support_filter_gzip) \
    X(archive_read_support_format_tar) X(archive_read_support_format_zip_seekable) X(archive_write_add_filter_gzip) \
    X(archive_write_close) X(archive_write_data) X(archive_write_free) X(archive_write_header) X(archive_write_new) \
    X(archive_write_open) X(archive_write_set_bytes_in_last_block) X(archive_write_set_format_ustar) \
    X(archive_write_set_format_zip) X(archive_write_set_options)

struct lt_la {
    LT_DSO_MEMBERS(LT_LA_FUNCTIONS)
};

/* Its functions, which stay until the process ends; NULL before lt_la_load(). */
extern struct lt_la lt_la;

/* LT_ECONFIG when libarchive is not there. Any thread; reads files the first time. */
enum lt_code lt_la_load(struct lt_error *err);
