/* Markdown (CommonMark) → HTML that may stand in a page as it is: no raw HTML, no addresses that run code. Any thread. */
#pragma once
#include "base/arena.h"
#include "base/error.h"

enum { LT_MARKDOWN_MAX = 1 << 20 /* bytes that are rendered */ };

/*
 * In the arena. Raw HTML is left out; javascript:, vbscript:, file: and data: addresses (but for images) become empty. Bytes that are not UTF-8 become
 * U+FFFD. LT_ETOO_LARGE above LT_MARKDOWN_MAX.
 */
enum lt_code lt_markdown_html(struct lt_arena *arena, struct lt_str markdown, struct lt_str *ret, struct lt_error *err);
