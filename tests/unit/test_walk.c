/* Which strings of an input are text, and so are looked through for personal data and by rules (guard/guard.h, lt_walk_texts). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "guard/guard.h"

#define MAIL "zoe@example.org"

static struct lt_str no_mail(void *ctx, struct lt_str text)
{
    struct lt_arena *arena = ctx;
    const char *at = memmem(text.p, text.n, MAIL, strlen(MAIL));
    if (!at)
        return text;
    size_t before = (size_t)(at - text.p), after = before + strlen(MAIL);
    return lt_printf(arena, "%.*sX%.*s", (int)before, text.p, (int)(text.n - after), text.p + after);
}

static void walk(const char *given, const char *expected)
{
    struct lt_arena *arena = lt_arena_new();
    const struct lt_json *value;
    assert_int_equal(lt_json_parse(arena, lt_str(given), LT_JSON_STRICT, &value, NULL), LT_OK);
    struct lt_str is = lt_json_text(arena, lt_walk_texts(arena, value, no_mail, arena));
    assert_string_equal(lt_strz(arena, is), expected);
    lt_arena_free(arena);
}

static void every_string_that_may_be_text_is_one(void **state)
{
    static const struct {
        const char *given, *is;
    } rows[] = {
        {"\"" MAIL "\"", "\"X\""},
        {"{\"a\":[{\"b\":\"to " MAIL "\"}]}", "{\"a\":[{\"b\":\"to X\"}]}"},
        {"{\"content\":\"data: " MAIL "\"}", "{\"content\":\"data: X\"}"}, /* only begins like a data URL */
        {"{\"content\":\"data:text/plain," MAIL "\"}", "{\"content\":\"data:text/plain,X\"}"},
        {"{\"content\":\"data:image/png;base64,AAAA " MAIL "\"}", "{\"content\":\"data:image/png;base64,AAAA X\"}"},
        {"{\"content\":\"data:" MAIL ";base64,AAAA\"}", "{\"content\":\"data:X;base64,AAAA\"}"},
        {"{\"style\":\"like " MAIL "\"}", "{\"style\":\"like X\"}"}, /* a sentence where a word belongs */
        {"{\"id\":\"" MAIL "\"}", "{\"id\":\"X\"}"},
        {"{\"status\":{\"of\":\"" MAIL "\"}}", "{\"status\":{\"of\":\"X\"}}"},
        {"{\"image\":\"a picture of " MAIL "\"}", "{\"image\":\"a picture of X\"}"},
        {"{\"arguments\":\"{\\\"id\\\":\\\"" MAIL "\\\",\\\"tools\\\":[\\\"" MAIL "\\\"]}\"}", "{\"arguments\":\"{\\\"id\\\":\\\"X\\\",\\\"tools\\\":[\\\"X\\\"]}\"}"},
        {"{\"arguments\":\"" MAIL "\"}", "{\"arguments\":\"X\"}"},
    };
    (void)state;
    for (size_t i = 0; i < LT_COUNT(rows); i++)
        walk(rows[i].given, rows[i].is);
}

static void pictures_links_to_them_and_declarations_stay(void **state)
{
    static const char *const rows[] = {
        "{\"content\":\"data:image/png;base64,iVBORw0KGgo+/AA==\"}",
        "{\"image_url\":{\"url\":\"https://example.org/?u=" MAIL "\"}}",
        "{\"image_url\":\"https://example.org/?u=" MAIL "\"}",
        "{\"tools\":[{\"function\":{\"description\":\"" MAIL "\"}}]}",
        "{\"role\":\"user\",\"id\":\"call_0\",\"content\":\"nothing\"}",
    };
    (void)state;
    for (size_t i = 0; i < LT_COUNT(rows); i++)
        walk(rows[i], rows[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_string_that_may_be_text_is_one),
        cmocka_unit_test(pictures_links_to_them_and_declarations_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
