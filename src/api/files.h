/* Files of one directory, served safely. */
#pragma once
#include "api/request.h"

enum { LT_FILE_MAX = 8 * 1024 * 1024 };

/*
 * Reads directory/path into the request's arena, on a worker. path: segments that do not begin with a dot, no symbolic links below the
 * directory, regular files of at most LT_FILE_MAX. *ret_etag is a strong validator. LT_ENOT_FOUND, LT_EIO.
 */
enum lt_code lt_file_read(struct lt_request *r, const char *directory, struct lt_str path, struct lt_str *ret, struct lt_str *ret_etag,
                          struct lt_error *err);
/*
 * Answers with the file: type by its name, ETag, 304 for If-None-Match. cache: its Cache-Control; NULL = no-cache. Where a file PATH.gz lies beside
 * it, who takes gzip gets that one (RFC 9110, 12.5.3), and caches are told that it depends.
 */
void lt_file_reply(struct lt_request *r, const char *directory, struct lt_str path, const char *cache);
/* As lt_file_reply(), kept by caches for a year where the name holds a hash of the content (NAME-HASH.js, NAME-HASH.css). */
void lt_file_reply_built(struct lt_request *r, const char *directory, struct lt_str path);
/* Where the built widgets are, with admin/ below it; NULL: there is no such directory. */
const char *lt_widgets_directory(struct lt_request *r);
/* Whether this Accept-Encoding, which may be absent, takes gzip by its name with a weight above 0. */
bool lt_takes_gzip(struct lt_str accept_encoding);
