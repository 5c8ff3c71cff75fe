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
/* Answers with the file: type by its name, ETag, 304 for If-None-Match, Cache-Control: no-cache. */
void lt_file_reply(struct lt_request *r, const char *directory, struct lt_str path);
