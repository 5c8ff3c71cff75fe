/*
 * Any bytes as JSON5. What is taken must be written as strict JSON of the same value, white space and comments around it must change
 * nothing, and the mode without Infinity and NaN must take all the rest alike. What is refused must be refused with a place in the text.
 */
#include <stdio.h>
#include <stdlib.h>

#include "text/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check_place(struct lt_str text, const struct lt_error *err)
{
    size_t line = 0, column = 0, lines = 1;
    must(lt_utf8_valid(err->detail, strlen(err->detail)));
    if (text.n > LT_JSON_TEXT_MAX)
        return;
    must(sscanf(err->detail, "line %zu, column %zu: ", &line, &column) == 2 && line > 0 && column > 0);
    for (size_t i = 0; i < text.n; i++)
        lines += text.p[i] == '\n' || text.p[i] == '\r';
    must(line <= lines && column <= text.n + 1);
}

static void same_within_comments(struct lt_arena *arena, struct lt_str text, const struct lt_json *v)
{
    struct lt_buf b;
    const struct lt_json *again;
    lt_buf_init(&b, text.n + 100);
    lt_buf_put_str(&b, LT_STR("\v/* ] */// }\n"));
    lt_buf_put_str(&b, text);
    lt_buf_put_str(&b, LT_STR("\n\xC2\xA0//"));
    must(lt_json_parse(arena, lt_buf_str(&b), LT_JSON_JSON5, &again, NULL) == LT_OK && lt_json_equal(v, again));
    lt_buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_str text = {(const char *)data, size};
    const struct lt_json *v, *finite, *back;
    struct lt_error err = {0}, why = {0};
    bool ok = lt_json_parse(arena, text, LT_JSON_JSON5, &v, &err) == LT_OK;
    bool ok_finite = lt_json_parse(arena, text, LT_JSON_JSON5_FINITE, &finite, &why) == LT_OK;
    must(ok || !ok_finite);
    if (!ok)
        check_place(text, &err);
    if (!ok_finite)
        check_place(text, &why);
    if (ok) {
        must(lt_json_parse(arena, lt_json_text(arena, v), LT_JSON_STRICT, &back, NULL) == LT_OK);
        must(lt_json_equal(v, back) == ok_finite);
        must(ok_finite ? lt_json_equal(v, finite) : strstr(why.detail, "expected a number that JSON can hold") != NULL);
        same_within_comments(arena, text, v);
    }
    lt_arena_free(arena);
    return 0;
}
