/* Markdown from outside: what comes out is UTF-8, holds no raw HTML and no address that runs code. */
#include <assert.h>
#include <strings.h>

#include "text/html_text.h"
#include "text/markdown.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool holds(struct lt_str s, const char *mark)
{
    size_t n = strlen(mark);
    for (size_t i = 0; i + n <= s.n; i++)
        if (strncasecmp(s.p + i, mark, n) == 0)
            return true;
    return false;
}

/* In what cmark writes "<" begins a tag, a closing tag or its own remark; those of a text are "&lt;". */
static void check_tags(struct lt_str html)
{
    static const char *const bad[] = {"<script", "<style", "<iframe", "<svg", "<object", "<form", "<input", "<meta", "<base", "<link"};
    for (size_t i = 0; i < LT_COUNT(bad); i++)
        assert(!holds(html, bad[i]));
    static const char *const addresses[] = {"href=\"javascript:", "src=\"javascript:", "href=\"vbscript:", "src=\"vbscript:", "href=\"file:", "src=\"file:",
                                            "href=\"data:text", "src=\"data:text", "href=\"data:image/svg", "src=\"data:image/svg", "href=\"data:application"};
    for (size_t i = 0; i < LT_COUNT(addresses); i++)
        assert(!holds(html, addresses[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_str html, text;
    struct lt_error err;
    if (lt_markdown_html(arena, (struct lt_str){(const char *)data, size}, &html, &err) == LT_OK) {
        assert(lt_utf8_valid(html.p, html.n));
        check_tags(html);
        assert(lt_html_text(arena, html, &text, &err) || lt_utf8_valid(text.p, text.n));
    }
    lt_arena_free(arena);
    return 0;
}
