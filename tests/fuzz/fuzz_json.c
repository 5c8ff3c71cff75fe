/*
 * Any bytes as JSON: what strict reading takes must survive writing and reading again, JSON5 must read it alike, and a schema
 * that uses every kind of keyword must give the same verdict on both trees. What JSON5 alone takes must come out as strict JSON.
 */
#include <stdlib.h>

#include "text/json_schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char schema_text[] =
    "{\"type\":[\"object\",\"array\",\"string\",\"number\",\"null\"],\"properties\":{\"a\":{\"type\":\"integer\",\"minimum\":-5,"
    "\"multipleOf\":3},"
    "\"b\":{\"$ref\":\"#\"},\"c\":{\"enum\":[1,\"x\",[null]]}},\"patternProperties\":{\"^[x-z]+\":{\"maxLength\":3,\"pattern\":"
    "\"^(a|b)*c\"}},"
    "\"additionalProperties\":{\"anyOf\":[{\"$ref\":\"#\"},{\"const\":true},{\"oneOf\":[{\"minLength\":2},{\"required\":[\"k\"]}]"
    "}]},"
    "\"propertyNames\":{\"maxLength\":20},\"maxProperties\":12,\"dependentRequired\":{\"a\":[\"b\"]},\"prefixItems\":[{\"not\":{"
    "\"const\":0}}],"
    "\"items\":{\"$ref\":\"#\"},\"contains\":{\"type\":\"number\"},\"minContains\":0,\"maxContains\":9,\"uniqueItems\":true,"
    "\"if\":{\"maximum\":10},\"then\":{\"exclusiveMinimum\":-100.5},\"else\":{\"multipleOf\":0.01}}";

static void must(bool holds)
{
    if (!holds)
        abort();
}

static const struct lt_schema *schema(void)
{
    static const struct lt_schema *s;
    if (!s)
        must(lt_schema_compile_text(lt_arena_new(), schema_text, &s, NULL) == LT_OK);
    return s;
}

static const struct lt_json *again(struct lt_arena *arena, const struct lt_json *v, struct lt_error *err)
{
    const struct lt_json *back;
    must(lt_json_parse(arena, lt_json_text(arena, v), LT_JSON_STRICT, &back, err) == LT_OK);
    return back;
}

static void check(const struct lt_json *v, const struct lt_json *back)
{
    struct lt_error one = {0}, two = {0};
    enum lt_code code = lt_schema_check(schema(), v, &one);
    must(code == lt_schema_check(schema(), back, &two));
    must(code == lt_schema_check(schema(), v, NULL));
    must(code == LT_OK || (one.detail[0] && lt_utf8_valid(one.detail, strlen(one.detail)) && strcmp(one.field, two.field) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lt_arena *arena = lt_arena_new();
    struct lt_str text = {(const char *)data, size};
    const struct lt_json *strict, *loose;
    struct lt_error err = {0};
    bool is_json = lt_json_parse(arena, text, LT_JSON_STRICT, &strict, &err) == LT_OK;
    must(is_json || (strncmp(err.detail, "line ", 5) == 0 && lt_utf8_valid(err.detail, strlen(err.detail))));
    bool is_json5 = lt_json_parse(arena, text, LT_JSON_JSON5, &loose, &err) == LT_OK;
    if (is_json) {
        const struct lt_json *back = again(arena, strict, &err);
        must(lt_json_equal(strict, back));
        must(is_json5 && lt_json_equal(strict, loose));
        check(strict, back);
    } else if (is_json5) {
        const struct lt_json *back = again(arena, loose, &err); /* Infinity and NaN have become null by now */
        must(lt_json_equal(back, again(arena, back, &err)));
        lt_schema_check(schema(), loose, &err);
    }
    lt_arena_free(arena);
    return 0;
}
