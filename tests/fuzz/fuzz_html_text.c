/* HTML to text: any bytes. Ends, gives UTF-8 lines without white space at their ends; each element that opens is closed. */
#include <stdlib.h>

#include "text/html_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool right)
{
    if (!right)
        abort();
}

static void on_open(void *arg, const char *name, const char *const *attributes)
{
    size_t *depth = arg;
    check(++*depth <= LT_HTML_DEPTH_MAX && *name);
    for (; attributes && *attributes; attributes += 2)
        check(attributes[0][0] != 0);
}

static void on_close(void *arg)
{
    size_t *depth = arg;
    check((*depth)-- > 0);
}

static void on_text(void *arg, struct lt_str text)
{
    (void)arg;
    check(text.n > 0 && lt_utf8_valid(text.p, text.n));
}

static void check_lines(struct lt_str text)
{
    check(lt_utf8_valid(text.n ? text.p : "", text.n));
    check(lt_str_trim(text).n == text.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1); /* of its own, so that a byte too far is seen */
    if (!copy)
        abort();
    memcpy(copy, data, size);
    struct lt_arena *arena = lt_arena_new();
    struct lt_str html = {copy, size}, text;
    size_t depth = 0;
    struct lt_html_sink sink = {on_open, on_close, on_text, &depth};
    enum lt_code code = lt_html_parse(arena, html, &sink, NULL);
    check((code == LT_OK || code == LT_EINVALID_INPUT) && depth == 0);
    check(lt_html_text(arena, html, &text, NULL) == code);
    if (!code)
        check_lines(text);
    lt_arena_free(arena);
    free(copy);
    return 0;
}
