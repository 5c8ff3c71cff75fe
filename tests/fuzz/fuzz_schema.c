/*
 * A JSON Schema and a value, on a line each; the first byte chooses the draft and whether unknown keywords are refused. The value is also a
 * document that the schema may refer to. The verdict, its repetition and the list of errors must agree.
 */
#include <stdio.h>
#include <stdlib.h>

#include "text/json_schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static bool is_text(const char *z)
{
    return lt_utf8_valid(z, strlen(z));
}

/* A pointer is a C string, which cannot name a member with a NUL in its name. */
static bool has_nul_key(const struct lt_json *v)
{
    for (size_t i = 0; i < lt_json_len(v); i++) {
        struct lt_str key = lt_json_is(v, LT_JSON_OBJECT) ? lt_json_key_at(v, i) : LT_STR("");
        if ((key.n > 0 && memchr(key.p, 0, key.n)) || has_nul_key(lt_json_at(v, i)))
            return true;
    }
    return false;
}

static void check_list(struct lt_arena *arena, const struct lt_json *document, const struct lt_schema *schema, const struct lt_json *value,
                       bool fits)
{
    const struct lt_schema_error *errors;
    for (size_t max = 1; max <= 10; max += 9) {
        size_t n;
        must((lt_schema_check_all(schema, value, arena, max, &errors, &n) == LT_OK) == fits && (n == 0) == fits && n <= max);
        for (size_t i = 0; i < n; i++) {
            must(is_text(errors[i].at) && is_text(errors[i].rule) && is_text(errors[i].words) && errors[i].words[0]);
            must(strlen(errors[i].rule) > 400 || lt_json_at_pointer(document, errors[i].rule) || has_nul_key(document));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct lt_arena *arena = lt_arena_new();
    struct lt_str second = {(const char *)data + 1, size - 1}, first = lt_str_cut(&second, '\n');
    const struct lt_json *document, *value;
    if (lt_json_parse(arena, first, LT_JSON_JSON5, &document, NULL) == LT_OK &&
        lt_json_parse(arena, second, LT_JSON_JSON5, &value, NULL) == LT_OK) {
        struct lt_schema_document other = {LT_STR("http://x/d"), value};
        struct lt_schema_options options = {data[0] & 1 ? LT_SCHEMA_DRAFT_07 : LT_SCHEMA_2020_12, (data[0] & 2) != 0, 1, &other};
        const struct lt_schema *schema;
        struct lt_error err = {0}, again = {0};
        if (lt_schema_compile_with(arena, document, &options, &schema, &err) == LT_OK) {
            bool fits = lt_schema_check(schema, value, &err) == LT_OK;
            must(fits == (lt_schema_check(schema, value, NULL) == LT_OK));
            must(fits || (is_text(err.detail) && err.detail[0] && is_text(err.field)));
            check_list(arena, document, schema, value, fits);
            must(fits == (lt_schema_check(schema, value, &again) == LT_OK) && (fits || strcmp(err.detail, again.detail) == 0));
        } else {
            must(is_text(err.detail) && err.detail[0] && is_text(err.field));
        }
    }
    lt_arena_free(arena);
    return 0;
}
