/*
 * Markdown by libcmark. Its safe mode, which is what it does unless told otherwise, is the sanitiser: nothing of the text becomes HTML by itself.
 * Fuzzed by tests/fuzz/fuzz_markdown.c.
 */
#include "text/markdown.h"

#include <cmark.h>
#include <stdlib.h>

enum lt_code lt_markdown_html(struct lt_arena *arena, struct lt_str markdown, struct lt_str *ret, struct lt_error *err)
{
    if (markdown.n > LT_MARKDOWN_MAX)
        return lt_fail(err, LT_ETOO_LARGE, "the text is longer than %d bytes", LT_MARKDOWN_MAX);
    char *html = cmark_markdown_to_html(markdown.n > 0 ? markdown.p : "", markdown.n, CMARK_OPT_DEFAULT | CMARK_OPT_VALIDATE_UTF8);
    if (!html)
        return lt_fail(err, LT_EOVERLOADED, "the text could not be rendered");
    *ret = lt_str_copy(arena, lt_str(html));
    free(html);
    return LT_OK;
}
