/*
 * Which encoding a text of a package is in, and the text as UTF-8. What it says of itself must be true: a text that says UTF-8 and is not, or UTF-16 and
 * has bytes, is refused. Known: UTF-8, UTF-16 (by its mark, or by how it begins), ASCII, ISO-8859-1, ISO-8859-15, windows-1252.
 */
#pragma once
#include "base/arena.h"
#include "base/error.h"

/* XML 1.0, appendix F. *ret points into bytes where there was nothing to do; without a mark of its own. LT_EINVALID_INPUT. Any thread. */
enum lt_code lt_xml_utf8(struct lt_arena *arena, struct lt_str bytes, struct lt_str *ret, struct lt_error *err);
/* HTML and plain text: UTF-8 when it is that; else what a <meta charset> in the first 1,024 bytes says. LT_EINVALID_INPUT. Any thread. */
enum lt_code lt_html_utf8(struct lt_arena *arena, struct lt_str bytes, struct lt_str *ret, struct lt_error *err);
