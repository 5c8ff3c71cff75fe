/* src/text/json_schema: what fits, what does not and why, and what is refused as a schema. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "text/json_schema.h"

static struct lt_arena *arena;

static int set_up(void **state)
{
    arena = lt_arena_new();
    return 0;
}

static int tear_down(void **state)
{
    lt_arena_free(arena);
    return 0;
}

static const struct lt_schema *compiled(const char *schema)
{
    const struct lt_schema *s;
    struct lt_error err;
    if (lt_schema_compile_text(arena, schema, &s, &err))
        fail_msg("%s: %s: %s", schema, err.field, err.detail);
    return s;
}

static const struct lt_json *value(const char *text)
{
    const struct lt_json *v;
    struct lt_error err;
    if (lt_json_parse(arena, lt_str(text), LT_JSON_STRICT, &v, &err))
        fail_msg("%s: %s", text, err.detail);
    return v;
}

struct rule {
    const char *schema, *good, *bad; /* values one behind the other, as an array */
};

/* Every keyword with values that fit and values that do not. */
static const struct rule rules[] = {
    {"true", "[1,null,{}]", "[]"},
    {"false", "[]", "[1,null,{}]"},
    {"{}", "[1,null,{}]", "[]"},
    {"{\"type\":\"null\"}", "[null]", "[0,false,\"\"]"},
    {"{\"type\":\"boolean\"}", "[true,false]", "[0,null]"},
    {"{\"type\":\"integer\"}", "[0,-1,1.0,1e3,12345678901234567890,1e300]", "[1.5,\"1\",null,1e-3]"},
    {"{\"type\":\"number\"}", "[0,1.5]", "[\"1\"]"},
    {"{\"type\":\"string\"}", "[\"\"]", "[1,[\"\"]]"},
    {"{\"type\":\"array\"}", "[[]]", "[{}]"},
    {"{\"type\":\"object\"}", "[{}]", "[[]]"},
    {"{\"type\":[\"string\",\"null\"]}", "[null,\"x\"]", "[1]"},
    {"{\"enum\":[1,\"a\",{\"b\":[2]}]}", "[1.0,\"a\",{\"b\":[2.0]}]", "[\"b\",true,{\"b\":[3]}]"},
    {"{\"enum\":[]}", "[]", "[1]"},
    {"{\"const\":false}", "[false]", "[0,null,[]]"},
    {"{\"minLength\":2,\"maxLength\":3}", "[\"ab\",\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\",1]", "[\"a\",\"abcd\"]"},
    {"{\"pattern\":\"^a.c$\"}",
     "[\"abc\",\"a\xE2\x82\xAC"
     "c\",1]",
     "[\"xabc\",\"abc\\n\",\"a\\nc\"]"},
    {"{\"pattern\":\"b\"}", "[\"abc\"]", "[\"\",\"ac\"]"},
    {"{\"pattern\":\"^\\\\d\\\\u0041$\"}", "[\"1A\"]",
     "[\"\xD9\xA1"
     "A\"]"}, /* \d is ASCII, \u is four digits, as in ECMAScript */
    {"{\"minimum\":1.5,\"maximum\":3}", "[1.5,3,3.0,\"x\"]", "[1.4999,3.0001]"},
    {"{\"exclusiveMinimum\":1,\"exclusiveMaximum\":2}", "[1.5]", "[1,2,1.0,2.0]"},
    {"{\"maximum\":9223372036854775807}", "[9223372036854775807]", "[9223372036854775808,1e19]"},
    {"{\"maximum\":9007199254740992.5}", "[9007199254740992]", "[9007199254740993]"},
    {"{\"multipleOf\":0.01}", "[0,0.01,4.02,19.99,1e300,-0.5]", "[0.005,4.021,1e-300]"},
    {"{\"multipleOf\":3}", "[0,3,-9,3e30,12345678901234567890]", "[1,10,1e30,1.5,3.3]"},
    {"{\"multipleOf\":1e-8}", "[12391239123]", "[1e-9]"},
    {"{\"multipleOf\":1024}", "[1e10,1024e300]", "[1e9]"},
    {"{\"multipleOf\":576460752303423488}", "[1e59,576460752303423488]", "[1e58,576460752303423487]"},
    {"{\"items\":{\"type\":\"integer\"}}", "[[],[1,2],{}]", "[[1,\"x\"]]"},
    {"{\"prefixItems\":[{\"type\":\"integer\"},{\"type\":\"string\"}],\"items\":false}", "[[],[1],[1,\"x\"]]",
     "[[\"x\"],[1,\"x\",2]]"},
    {"{\"minItems\":1,\"maxItems\":2}", "[[1],[1,2],{}]", "[[],[1,2,3]]"},
    {"{\"contains\":{\"const\":1}}", "[[1],[2,1],1]", "[[],[2]]"},
    {"{\"contains\":{\"const\":1},\"minContains\":2,\"maxContains\":3}", "[[1,1],[1,2,1,1]]", "[[1],[1,1,1,1]]"},
    {"{\"contains\":false,\"minContains\":0}", "[[]]", "[]"},
    {"{\"uniqueItems\":true}", "[[],[1],[1,2,\"1\",true],[[1],[2]],[9223372036854775808,9223372036854775809]]",
     "[[1,1.0],[{\"a\":1,\"b\":2},{\"b\":2,\"a\":1}],[0,-0.0],[1,2,3,4,5,6,7,8,9,10,11,3]]"},
    {"{\"properties\":{\"a\":{\"type\":\"string\"}}}", "[{},{\"a\":\"x\"},{\"b\":1},[]]", "[{\"a\":1}]"},
    {"{\"required\":[\"a\",\"b\"]}", "[{\"a\":1,\"b\":null},[]]", "[{},{\"a\":1}]"},
    {"{\"properties\":{\"a\":true},\"additionalProperties\":false}", "[{},{\"a\":1}]", "[{\"b\":1}]"},
    {"{\"properties\":{\"a\":true},\"patternProperties\":{\"^x\":{\"type\":\"integer\"}},\"additionalProperties\":{\"type\":"
     "\"string\"}}",
     "[{\"a\":1,\"x1\":2,\"c\":\"s\"}]", "[{\"x1\":\"s\"},{\"c\":1}]"},
    {"{\"propertyNames\":{\"maxLength\":2}}", "[{},{\"ab\":1}]", "[{\"abc\":1}]"},
    {"{\"minProperties\":1,\"maxProperties\":2}", "[{\"a\":1},[]]", "[{},{\"a\":1,\"b\":2,\"c\":3}]"},
    {"{\"dependentRequired\":{\"a\":[\"b\"]}}", "[{},{\"b\":1},{\"a\":1,\"b\":1}]", "[{\"a\":1}]"},
    {"{\"dependentSchemas\":{\"a\":{\"required\":[\"b\"]}}}", "[{},{\"a\":1,\"b\":1}]", "[{\"a\":1}]"},
    {"{\"allOf\":[{\"minimum\":1},{\"maximum\":2}]}", "[1,2]", "[0,3]"},
    {"{\"anyOf\":[{\"type\":\"string\"},{\"minimum\":5}]}", "[\"x\",5,null]", "[4]"},
    {"{\"oneOf\":[{\"multipleOf\":3},{\"multipleOf\":5}]}", "[3,5]", "[1,15]"},
    {"{\"not\":{\"type\":\"string\"}}", "[1]", "[\"x\"]"},
    {"{\"if\":{\"properties\":{\"k\":{\"const\":1}},\"required\":[\"k\"]},\"then\":{\"required\":[\"x\"]},\"else\":{\"required\":"
     "[\"y\"]}}",
     "[{\"k\":1,\"x\":1},{\"k\":2,\"y\":1}]", "[{\"k\":1,\"y\":1},{\"x\":1}]"},
    {"{\"then\":false,\"else\":false,\"minContains\":5}", "[1,[]]", "[]"}, /* nothing without `if` and `contains` */
    {"{\"$defs\":{\"n\":{\"type\":\"integer\"}},\"items\":{\"$ref\":\"#/$defs/n\",\"minimum\":1}}", "[[1]]", "[[\"x\"],[0]]"},
    {"{\"definitions\":{\"a/b%c~\":{\"const\":1}},\"$ref\":\"#/definitions/a~1b%25c~0\"}", "[1]", "[2]"},
    {"{\"$defs\":{\"n\":{\"$anchor\":\"num\",\"type\":\"integer\"}},\"items\":{\"$ref\":\"#num\"}}", "[[1]]", "[[\"x\"]]"},
    {"{\"$id\":\"https://x.example/s\",\"properties\":{\"next\":{\"$ref\":\"https://x.example/"
     "s\"}},\"additionalProperties\":false}",
     "[{},{\"next\":{\"next\":{}}}]", "[{\"next\":{\"x\":1}}]"},
    {"{\"properties\":{\"kids\":{\"items\":{\"$ref\":\"#\"}}},\"required\":[\"id\"]}",
     "[{\"id\":1,\"kids\":[{\"id\":2,\"kids\":[]}]}]", "[{\"id\":1,\"kids\":[{\"id\":2,\"kids\":[{}]}]}]"},
    {"{\"$id\":\"http://x/a/b?q\",\"$defs\":{\"c\":{\"$id\":\"../c/./d\",\"$anchor\":\"k\",\"type\":\"integer\"}},\"items\":{\"$ref\":\"/c/d#k\"}}",
     "[[1]]", "[[\"x\"]]"},
    {"{\"$id\":\"urn:x:a\",\"$defs\":{\"c\":{\"$id\":\"urn:x:b\",\"$defs\":{\"d\":{\"const\":1}},\"$ref\":\"#/$defs/d\"}},\"$ref\":\"urn:x:b\"}",
     "[1]",
     "[2]"},
    {"{\"properties\":{\"a\":true},\"patternProperties\":{\"^x\":true},\"unevaluatedProperties\":false}", "[{},{\"a\":1,\"x1\":2},[1]]",
     "[{\"b\":1},{\"a\":1,\"b\":1}]"},
    {"{\"allOf\":[{\"properties\":{\"a\":true}}],\"anyOf\":[{\"properties\":{\"b\":{\"const\":1}},\"required\":[\"b\"]},"
     "{\"properties\":{\"c\":true}}],"
     "\"if\":{\"required\":[\"d\"]},\"then\":{\"properties\":{\"d\":true,\"e\":true}},\"dependentSchemas\":{\"a\":{\"properties\":{\"f\":true}}},"
     "\"unevaluatedProperties\":{\"type\":\"null\"}}",
     "[{\"a\":1,\"b\":1,\"c\":1,\"f\":1},{\"d\":1,\"e\":1},{\"z\":null},{\"c\":1,\"b\":null}]", "[{\"e\":1},{\"b\":2},{\"f\":1},{\"z\":1}]"},
    {"{\"not\":{\"properties\":{\"a\":{\"const\":2}},\"required\":[\"a\"]},\"unevaluatedProperties\":false}", "[{}]", "[{\"a\":1}]"},
    {"{\"prefixItems\":[{}],\"contains\":{\"const\":2},\"allOf\":[{\"prefixItems\":[{},{}]}],\"unevaluatedItems\":false}", "[[1,2],[1,9,2,2],{}]",
     "[[1,2,3],[2,1,1]]"},
    {"{\"oneOf\":[{\"prefixItems\":[{\"const\":1}],\"items\":{\"type\":\"string\"}},{\"prefixItems\":[{\"const\":2}]}],"
     "\"unevaluatedItems\":{\"type\":\"null\"}}",
     "[[1,\"x\"],[2,null]]", "[[2,\"x\"],[1,null]]"},
    {"{\"pattern\":\"^\\\\p{Letter}+\\\\P{Number}$\"}", "[\"\xC3\xA9x.\"]", "[\"1a\",\"a1\"]"},
    {"{\"title\":\"t\",\"description\":\"d\",\"default\":1,\"examples\":[1],\"format\":\"email\",\"$schema\":\"s\",\"$comment\":"
     "\"c\","
     "\"writeOnly\":true,\"readOnly\":true,\"deprecated\":true,\"contentMediaType\":\"text/plain\",\"x-order\":3}",
     "[1,\"not an address\"]", "[]"},
};

static void values_fit_or_do_not(void **state)
{
    for (size_t i = 0; i < LT_COUNT(rules); i++) {
        const struct lt_schema *s = compiled(rules[i].schema);
        const struct lt_json *good = value(rules[i].good), *bad = value(rules[i].bad);
        struct lt_error err;
        for (size_t k = 0; k < lt_json_len(good); k++)
            if (lt_schema_check(s, lt_json_at(good, k), &err))
                fail_msg("%s refuses good value %zu: %s: %s", rules[i].schema, k, err.field, err.detail);
        for (size_t k = 0; k < lt_json_len(bad); k++) {
            if (lt_schema_check(s, lt_json_at(bad, k), &err) != LT_EINVALID_INPUT)
                fail_msg("%s takes bad value %zu", rules[i].schema, k);
            assert_int_equal(err.code, LT_EINVALID_INPUT);
            assert_true(strlen(err.detail) > 0);
            assert_int_equal(lt_schema_check(s, lt_json_at(bad, k), NULL), LT_EINVALID_INPUT);
        }
    }
}

/* `not` turns every verdict round, so each rule is checked a second time. */
static void not_turns_every_verdict_round(void **state)
{
    for (size_t i = 0; i < LT_COUNT(rules); i++) {
        if (strchr(rules[i].schema, '#') || strstr(rules[i].schema, "$id"))
            continue; /* its references count from the root, its $id must stand there */
        char text[600];
        snprintf(text, sizeof(text), "{\"not\":%s}", rules[i].schema);
        const struct lt_schema *s = compiled(text);
        const struct lt_json *good = value(rules[i].good), *bad = value(rules[i].bad);
        for (size_t k = 0; k < lt_json_len(good); k++)
            assert_int_equal(lt_schema_check(s, lt_json_at(good, k), NULL), LT_EINVALID_INPUT);
        for (size_t k = 0; k < lt_json_len(bad); k++)
            assert_int_equal(lt_schema_check(s, lt_json_at(bad, k), NULL), LT_OK);
    }
}

static void errors_name_the_place_and_the_reason(void **state)
{
    static const struct {
        const char *schema, *value, *field, *detail;
    } cases[] = {
        {"{\"maxLength\":4}", "\"123456789\"", "", "must be at most 4 characters, is 9"},
        {"{\"minLength\":1}", "\"\"", "", "must be at least 1 character, is 0"},
        {"{\"type\":\"string\"}", "1", "", "must be a string, is an integer"},
        {"{\"type\":[\"string\",\"null\",\"array\"]}", "1.5", "", "must be null, a string or an array, is a number"},
        {"{\"properties\":{\"a\":{\"items\":{\"type\":\"object\"}}}}", "{\"a\":[{},null]}", "/a/1", "must be an object, is null"},
        {"{\"required\":[\"text\"]}", "{}", "/text", "is required"},
        {"{\"properties\":{\"in\":{\"required\":[\"a/b~c\"]}}}", "{\"in\":{}}", "/in/a~1b~0c", "is required"},
        {"{\"additionalProperties\":false}", "{\"x\":1}", "/x", "is not allowed here"},
        {"{\"enum\":[\"low\",\"high\",3]}", "\"medium\"", "", "must be one of \"low\", \"high\", 3"},
        {"{\"const\":\"yes\"}", "\"no\"", "", "must be \"yes\""},
        {"{\"enum\":[\"low\"]}", "\"medium\"", "", "must be \"low\""},
        {"{\"pattern\":\"^[a-z]+$\"}", "\"A\"", "", "must match the pattern ^[a-z]+$"},
        {"{\"minimum\":1.50}", "1", "", "must be at least 1.50, is less"},
        {"{\"exclusiveMaximum\":3}", "3", "", "must be less than 3, is not"},
        {"{\"multipleOf\":0.5}", "0.7", "", "must be a multiple of 0.5, is not"},
        {"{\"minItems\":2}", "[1]", "", "must have at least 2 elements, has 1"},
        {"{\"maxProperties\":1}", "{\"a\":1,\"b\":2}", "", "must have at most 1 member, has 2"},
        {"{\"uniqueItems\":true}", "[1,2,1]", "/2", "must differ from all other elements, is the same as number 0"},
        {"{\"contains\":{\"const\":1}}", "[2]", "", "must have at least 1 elements of the form that `contains` describes, has 0"},
        {"{\"propertyNames\":{\"maxLength\":2}}", "{\"abc\":1}", "/abc", "its name must be at most 2 characters, is 3"},
        {"{\"dependentRequired\":{\"a\":[\"b\"]}}", "{\"a\":1}", "/b", "is required where \"a\" is given"},
        {"{\"not\":{\"const\":1}}", "1", "", "must not have the form that `not` describes"},
        {"{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"array\"}]}", "1", "",
         "must be a string, is an integer, or must be an array, is an integer"},
        {"{\"anyOf\":[{\"type\":\"string\"},{\"properties\":{\"a\":{\"minimum\":5}}}]}", "{\"a\":1}", "/a",
         "must be at least 5, is less"},
        {"{\"oneOf\":[{\"minimum\":1},{\"minimum\":2},{\"const\":0}]}", "3", "",
         "must have exactly one of the 3 allowed forms, has number 1 and number 2"},
        /* what an alternative that was not taken complained about is forgotten */
        {"{\"anyOf\":[{\"properties\":{\"a\":{\"const\":1}}},true],\"maxProperties\":0}", "{\"a\":2}", "",
         "must have at most 0 members, has 1"},
        {"{\"allOf\":[{\"anyOf\":[{\"properties\":{\"a\":{\"const\":1}}},true]},{\"required\":[\"b\"]}]}", "{\"a\":2}", "/b",
         "is required"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_error err;
        assert_int_equal(lt_schema_check(compiled(cases[i].schema), value(cases[i].value), &err), LT_EINVALID_INPUT);
        if (strcmp(err.field, cases[i].field) != 0 || strcmp(err.detail, cases[i].detail) != 0)
            fail_msg("%s with %s: %s: %s", cases[i].schema, cases[i].value, err.field, err.detail);
    }
    struct lt_error err;
    assert_int_equal(lt_schema_check(compiled("true"), NULL, &err), LT_EINVALID_INPUT);
    assert_string_equal(err.detail, "is absent");
}

/* What a caller wrote may be private, so no message repeats it. */
static void messages_do_not_repeat_the_value(void **state)
{
    static const char *const schemas[] = {
        "{\"const\":1}",       "{\"enum\":[1,2]}", "{\"pattern\":\"^x$\"}",   "{\"maxLength\":1}",
        "{\"type\":\"null\"}", "{\"not\":{}}",     "{\"oneOf\":[true,true]}", "{\"anyOf\":[{\"const\":1},{\"maxLength\":2}]}"};
    for (size_t i = 0; i < LT_COUNT(schemas); i++) {
        struct lt_error err;
        assert_int_equal(lt_schema_check(compiled(schemas[i]), value("\"hushhush\""), &err), LT_EINVALID_INPUT);
        assert_null(strstr(err.detail, "hush"));
    }
}

/* ---- drafts and options ---- */

static const struct lt_schema *compiled_with(const char *schema, struct lt_schema_options options)
{
    const struct lt_schema *s;
    struct lt_error err;
    if (lt_schema_compile_with(arena, value(schema), &options, &s, &err))
        fail_msg("%s: %s: %s", schema, err.field, err.detail);
    return s;
}

static void draft_07_has_its_own_rules(void **state)
{
    static const struct rule old[] = {
        {"{\"items\":[{\"type\":\"integer\"},{\"type\":\"string\"}],\"additionalItems\":false}", "[[],[1],[1,\"x\"]]", "[[\"x\"],[1,\"x\",2]]"},
        {"{\"items\":{\"type\":\"integer\"},\"additionalItems\":false}", "[[1,2]]", "[[\"x\"]]"},
        {"{\"additionalItems\":false}", "[[1,2]]", "[]"},
        {"{\"items\":[],\"additionalItems\":{\"type\":\"null\"}}", "[[],[null]]", "[[1]]"},
        {"{\"dependencies\":{\"a\":[\"b\"],\"c\":{\"required\":[\"d\"]},\"e\":[],\"f\":false}}", "[{},{\"a\":1,\"b\":1},{\"c\":1,\"d\":1},{\"e\":1}]",
         "[{\"a\":1},{\"c\":1},{\"f\":1}]"},
        {"{\"definitions\":{\"n\":{\"type\":\"integer\"}},\"items\":{\"$ref\":\"#/definitions/n\",\"minimum\":1,\"nonsense\":2}}", "[[0]]",
         "[[\"x\"]]"},
        {"{\"$id\":\"http://x/r\",\"items\":{\"$ref\":\"n#foo\"},\"definitions\":{\"n\":{\"$id\":\"n\",\"definitions\":{\"m\":{\"$id\":\"#foo\","
         "\"type\":\"integer\"}}}}}",
         "[[1]]", "[[\"x\"]]"},
        {"{\"contains\":{\"const\":1}}", "[[1,1]]", "[[]]"},
    };
    for (size_t i = 0; i < LT_COUNT(old); i++) {
        const struct lt_json *good = value(old[i].good), *bad = value(old[i].bad);
        char by_name[600];
        snprintf(by_name, sizeof(by_name), "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",%s", old[i].schema + 1);
        const struct lt_schema *ways[] = {compiled_with(old[i].schema, (struct lt_schema_options){.draft = LT_SCHEMA_DRAFT_07}), compiled(by_name)};
        for (size_t w = 0; w < LT_COUNT(ways); w++) {
            for (size_t k = 0; k < lt_json_len(good); k++)
                if (lt_schema_check(ways[w], lt_json_at(good, k), NULL))
                    fail_msg("%s refuses good value %zu", old[i].schema, k);
            for (size_t k = 0; k < lt_json_len(bad); k++)
                if (!lt_schema_check(ways[w], lt_json_at(bad, k), NULL))
                    fail_msg("%s takes bad value %zu", old[i].schema, k);
        }
    }
    /* What the other draft has is not known. */
    static const char *const unknown[] = {"{\"prefixItems\":[true]}", "{\"unevaluatedItems\":false}", "{\"dependentRequired\":{}}",
        "{\"$anchor\":\"a\"}"};
    for (size_t i = 0; i < LT_COUNT(unknown); i++) {
        const struct lt_schema *s;
        struct lt_schema_options options = {.draft = LT_SCHEMA_DRAFT_07};
        assert_int_equal(lt_schema_compile_with(arena, value(unknown[i]), &options, &s, NULL), LT_ECONFIG);
    }
}

static void unknown_keywords_are_ignored_where_asked(void **state)
{
    const struct lt_schema *s = compiled_with("{\"nullable\":true,\"type\":\"string\",\"x\":{\"$id\":\"a\"}}",
        (struct lt_schema_options){.ignore_unknown = true});
    assert_int_equal(lt_schema_check(s, value("\"a\""), NULL), LT_OK);
    assert_int_equal(lt_schema_check(s, value("null"), NULL), LT_EINVALID_INPUT);
}

static void given_documents_may_be_referred_to(void **state)
{
    struct lt_schema_document documents[] = {
        {LT_STR("http://x/one"), value("{\"$defs\":{\"n\":{\"$ref\":\"two\"}}}")},
        {LT_STR("http://x/two"), value("{\"$id\":\"http://y/other\",\"$ref\":\"#k\",\"$defs\":{\"k\":{\"$anchor\":\"k\",\"type\":\"integer\"}}}")},
    };
    struct lt_schema_options options = {.document_count = 2, .documents = documents};
    const struct lt_schema *s = compiled_with("{\"items\":{\"$ref\":\"http://x/one#/$defs/n\"}}", options);
    assert_int_equal(lt_schema_check(s, value("[1]"), NULL), LT_OK);
    assert_int_equal(lt_schema_check(s, value("[\"x\"]"), NULL), LT_EINVALID_INPUT);
    options.document_count = 1;
    assert_int_equal(lt_schema_compile_with(arena, value("{\"$ref\":\"http://x/one#/$defs/n\"}"), &options, &s, NULL), LT_ECONFIG);
}

/* RFC 3986 §5.4, by schemas: an $id that resolves to `is` is found under that name. */
static void ids_resolve_as_rfc_3986_has_it(void **state)
{
    static const struct {
        const char *reference, *is;
    } cases[] = {
        {"g:h", "g:h"},           {"g", "http://a/b/c/g"},         {"./g", "http://a/b/c/g"},   {"g/", "http://a/b/c/g/"},
        {"/g", "http://a/g"},     {"//g", "http://g"},             {"?y", "http://a/b/c/d;p?y"}, {"g?y", "http://a/b/c/g?y"},
        {";x", "http://a/b/c/;x"}, {"g;x", "http://a/b/c/g;x"},    {".", "http://a/b/c/"},      {"./", "http://a/b/c/"},
        {"..", "http://a/b/"},    {"../", "http://a/b/"},          {"../g", "http://a/b/g"},    {"../..", "http://a/"},
        {"../../g", "http://a/g"}, {"../../../g", "http://a/g"},   {"/./g", "http://a/g"},      {"/../g", "http://a/g"},
        {"g.", "http://a/b/c/g."}, {"..g", "http://a/b/c/..g"},    {"./../g", "http://a/b/g"},  {"./g/.", "http://a/b/c/g/"},
        {"g/./h", "http://a/b/c/g/h"}, {"g/../h", "http://a/b/c/h"}, {"g;x=1/../y", "http://a/b/c/y"}, {"g?y/../x", "http://a/b/c/g?y/../x"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_str text = lt_printf(arena, "{\"$id\":\"http://a/b/c/d;p?q\",\"$ref\":\"%s\",\"$defs\":{\"x\":{\"$id\":\"%s\",\"const\":1}}}",
            cases[i].is,
                                       cases[i].reference);
        const struct lt_schema *s = compiled(text.p);
        assert_int_equal(lt_schema_check(s, value("1"), NULL), LT_OK);
        assert_int_equal(lt_schema_check(s, value("2"), NULL), LT_EINVALID_INPUT);
    }
}

/* ---- the list of errors ---- */

/* One line for each: place, rule, words. */
static struct lt_str listed(const char *schema, const char *text, size_t max)
{
    const struct lt_schema_error *errors;
    size_t n;
    struct lt_buf b;
    lt_buf_init(&b, 1 << 20);
    const struct lt_schema *s = compiled(schema);
    bool fits = lt_schema_check_all(s, value(text), arena, max, &errors, &n) == LT_OK;
    assert_int_equal(fits, n == 0);
    assert_int_equal(fits, lt_schema_check(s, value(text), NULL) == LT_OK);
    for (size_t i = 0; i < n; i++)
        lt_buf_printf(&b, "%s | %s | %s\n", errors[i].at, errors[i].rule, errors[i].words);
    struct lt_str list = lt_str_copy(arena, lt_buf_str(&b));
    lt_buf_free(&b);
    return list;
}

static void all_errors_are_listed_with_both_paths(void **state)
{
    static const struct {
        const char *schema, *value, *list;
    } cases[] = {
        {"true", "1", ""},
        {"{\"properties\":{\"a\":{\"type\":\"string\"},\"b/c\":{\"minimum\":3,\"multipleOf\":2}},\"required\":[\"d\",\"e\"],"
         "\"additionalProperties\":false}",
         "{\"a\":1,\"b/c\":1,\"z\":0}",
         "/d | /required | is required\n/e | /required | is required\n/a | /properties/a/type | must be a string, is an integer\n"
         "/b~1c | /properties/b~1c/minimum | must be at least 3, is less\n/b~1c | /properties/b~1c/multipleOf | must be a multiple of 2, is not\n"
         "/z | /additionalProperties | is not allowed here\n"},
        {"{\"items\":{\"$ref\":\"#/$defs/n\"},\"minItems\":4,\"$defs\":{\"n\":{\"type\":\"integer\",\"enum\":[1,2]}}}", "[\"x\",2,3]",
         " | /minItems | must have at least 4 elements, has 3\n/0 | /$defs/n/type | must be an integer, is a string\n"
         "/0 | /$defs/n/enum | must be one of 1, 2\n/2 | /$defs/n/enum | must be one of 1, 2\n"},
        {"{\"properties\":{\"k\":{\"anyOf\":[{\"type\":\"string\"},{\"properties\":{\"a\":{\"minimum\":5}}}]},\"l\":{\"oneOf\":[true,true]},"
         "\"m\":{\"not\":{}}}}",
         "{\"k\":{\"a\":1},\"l\":1,\"m\":1}",
         "/k/a | /properties/k/anyOf/1/properties/a/minimum | must be at least 5, is less\n"
         "/l | /properties/l/oneOf | must have exactly one of the 2 allowed forms, has number 1 and number 2\n"
         "/m | /properties/m/not | must not have the form that `not` describes\n"},
        {"{\"if\":{\"required\":[\"a\"]},\"then\":{\"required\":[\"b\",\"c\"]},\"allOf\":[{\"maxProperties\":0}]}", "{\"a\":1}",
         " | /allOf/0/maxProperties | must have at most 0 members, has 1\n/b | /then/required | is required\n/c | /then/required | is required\n"},
        {"{\"properties\":{\"a\":true},\"unevaluatedProperties\":false}", "{\"a\":1,\"b\":1,\"c\":1}",
         "/b | /unevaluatedProperties | is not allowed here\n/c | /unevaluatedProperties | is not allowed here\n"},
        {"{\"propertyNames\":{\"maxLength\":1},\"uniqueItems\":true,\"contains\":{\"const\":9}}", "{\"ab\":1}",
         "/ab | /propertyNames/maxLength | its name must be at most 1 character, is 2\n"},
        {"{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"items\":[{\"dependencies\":{\"a\":[\"b\"],\"c\":{\"required\":[\"d\"]}}}],"
         "\"additionalItems\":false}",
         "[{\"a\":1,\"c\":1},2]",
         "/0/b | /items/0/dependencies | is required where \"a\" is given\n/0/d | /items/0/dependencies/c/required | is required\n"
         "/1 | /additionalItems | is not allowed here\n"},
        {"{\"uniqueItems\":true,\"contains\":{\"const\":9},\"prefixItems\":[{\"const\":5}]}", "[1,1]",
         "/0 | /prefixItems/0/const | must be 5\n"
         " | /contains | must have at least 1 elements of the form that `contains` describes, has 0\n"
         "/1 | /uniqueItems | must differ from all other elements, is the same as number 0\n"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_str list = listed(cases[i].schema, cases[i].value, 100);
        if (!lt_str_is(list, cases[i].list))
            fail_msg("%s with %s:\n%.*s", cases[i].schema, cases[i].value, LT_FMT(list));
    }
}

static void the_list_has_a_longest(void **state)
{
    assert_true(lt_str_is(listed("{\"items\":false}", "[1,2,3,4]", 2), "/0 | /items | is not allowed here\n/1 | /items | is not allowed here\n"));
    assert_true(lt_str_is(listed("{\"items\":{\"pattern\":\"^(a+)+$\"}}", "[\"b\",\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\",\"b\"]", 9),
                          "/0 | /items/pattern | must match the pattern ^(a+)+$\n"
                          "/1 |  | could not be matched with its pattern within the limits of time\n"));
    const struct lt_schema_error *errors;
    size_t n;
    assert_int_equal(lt_schema_check_all(compiled("true"), NULL, arena, 5, &errors, &n), LT_EINVALID_INPUT);
    assert_int_equal(n, 1);
    assert_string_equal(errors[0].words, "is absent");
}

/* Over the whole table: as many lists that are empty as values that fit, and each rule's place is one in the schema. */
static void the_list_agrees_with_the_verdict(void **state)
{
    for (size_t i = 0; i < LT_COUNT(rules); i++) {
        const struct lt_schema *s = compiled(rules[i].schema);
        const struct lt_json *document = value(rules[i].schema), *good = value(rules[i].good), *bad = value(rules[i].bad);
        const struct lt_schema_error *errors;
        size_t n;
        for (size_t k = 0; k < lt_json_len(good); k++)
            assert_true(lt_schema_check_all(s, lt_json_at(good, k), arena, 10, &errors, &n) == LT_OK && n == 0);
        for (size_t k = 0; k < lt_json_len(bad); k++) {
            assert_int_equal(lt_schema_check_all(s, lt_json_at(bad, k), arena, 10, &errors, &n), LT_EINVALID_INPUT);
            assert_true(n > 0);
            for (size_t e = 0; e < n; e++)
                if (!lt_json_at_pointer(document, errors[e].rule))
                    fail_msg("%s: %s leads nowhere", rules[i].schema, errors[e].rule);
        }
    }
}

static void names_and_uris_have_limits(void **state)
{
    const struct lt_schema *s;
    struct lt_error err;
    struct lt_buf b;
    lt_buf_init(&b, 1 << 20);
    lt_buf_put_str(&b, LT_STR("{\"$id\":\"http://x/"));
    for (int i = 0; i < 2000; i++)
        lt_buf_putc(&b, 'a');
    lt_buf_put_str(&b, LT_STR("\"}"));
    assert_int_equal(lt_schema_compile_text(arena, lt_strz(arena, lt_buf_str(&b)), &s, &err), LT_ECONFIG);
    assert_string_equal(err.field, "/$id");
    lt_buf_reset(&b);
    for (int i = 0; i < 1001; i++)
        lt_buf_printf(&b, "%s{\"$anchor\":\"a%d\"}", i ? "," : "{\"allOf\":[", i);
    lt_buf_put_str(&b, LT_STR("]}"));
    assert_int_equal(lt_schema_compile_text(arena, lt_strz(arena, lt_buf_str(&b)), &s, &err), LT_ECONFIG);
    assert_string_equal(err.field, "/allOf/1000/$anchor");
    lt_buf_free(&b);
}

static void deep_places_are_cut_but_whole(void **state)
{
    char text[2000] = "",
         schema[] = "{\"items\":{\"$ref\":\"#\"},\"additionalProperties\":{\"$ref\":\"#\"},\"not\":{\"const\":1}}";
    for (int i = 0; i < 60; i++)
        strcat(text, "{\"\xE2\x82\xAC\xE2\x82\xAC\":[");
    strcat(text, "1");
    for (int i = 0; i < 60; i++)
        strcat(text, "]}");
    struct lt_error err;
    assert_int_equal(lt_schema_check(compiled(schema), value(text), &err), LT_EINVALID_INPUT);
    assert_true(strlen(err.field) > 80 && lt_utf8_valid(err.field, strlen(err.field)));
    assert_string_equal(err.detail, "must not have the form that `not` describes");
}

static void malformed_schemas_are_refused(void **state)
{
    static const struct {
        const char *schema, *field, *detail;
    } cases[] = {
        {"1", "", "schema: must be a schema (an object, true or false), is integer"},
        {"{\"properties\":{\"a\":{\"type\":\"strng\"}}}", "/properties/a/type",
         "schema: must be null, boolean, integer, number, string, array or object, or an array of these"},
        {"{\"type\":[]}", "/type", NULL},
        {"{\"type\":1}", "/type", NULL},
        {"{\"requried\":[\"a\"]}", "/requried", "schema: the keyword \"requried\" is not known here, so it would go unchecked"},
        {"{\"unevaluatedProperties\":1}", "/unevaluatedProperties", NULL},
        {"{\"$dynamicRef\":\"#a\"}", "/$dynamicRef", "schema: this keyword is not supported"},
        {"{\"additionalItems\":true}", "/additionalItems", NULL},
        {"{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xE2\x82\xAC\":1}",
         "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xE2\x82\xAC",
         "schema: the keyword \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\" is not known here, so it would go unchecked"},
        {"{\"items\":{\"dependencies\":{}}}", "/items/dependencies", NULL},
        {"{\"nullable\":true}", "/nullable", NULL},
        {"{\"items\":[true]}", "/items", "schema: must be a schema (an object, true or false), is array"},
        {"{\"required\":\"a\"}", "/required", "schema: must be an array of strings"},
        {"{\"required\":[1]}", "/required", NULL},
        {"{\"properties\":[]}", "/properties", "schema: must be an object of schemas"},
        {"{\"minLength\":-1}", "/minLength", "schema: must be a whole number from 0"},
        {"{\"minLength\":1.5}", "/minLength", NULL},
        {"{\"minLength\":\"1\"}", "/minLength", NULL},
        {"{\"minimum\":\"1\"}", "/minimum", "schema: must be a number, is string"},
        {"{\"exclusiveMinimum\":true}", "/exclusiveMinimum", NULL},
        {"{\"multipleOf\":0}", "/multipleOf", "schema: must be a number above 0"},
        {"{\"multipleOf\":1.2345678901234567891}", "/multipleOf", NULL},
        {"{\"uniqueItems\":1}", "/uniqueItems", NULL},
        {"{\"enum\":1}", "/enum", NULL},
        {"{\"allOf\":[]}", "/allOf", NULL},
        {"{\"anyOf\":{}}", "/anyOf", NULL},
        {"{\"oneOf\":[1]}", "/oneOf/0", NULL},
        {"{\"not\":null}", "/not", NULL},
        {"{\"pattern\":\"[a\"}", "/pattern",
         "schema: not a regular expression: missing terminating ] for character class (at byte 2)"},
        {"{\"pattern\":1}", "/pattern", NULL},
        {"{\"patternProperties\":{\"(\":true}}", "/patternProperties/(", NULL},
        {"{\"dependentRequired\":{\"a\":\"b\"}}", "/dependentRequired/a", NULL},
        {"{\"$ref\":1}", "/$ref", NULL},
        {"{\"$ref\":\"#/$defs/x\"}", "", "schema: $ref at /$ref leads to nothing"},
        {"{\"$ref\":\"#x\"}", "", "schema: $ref at /$ref leads to nothing"},
        {"{\"$ref\":\"#/%zz\"}", "", "schema: $ref at /$ref has a broken % escape"},
        {"{\"items\":{\"$ref\":\"other.json#/a\"}}", "",
         "schema: $ref at /items/$ref leads out of the document, which is not supported"},
        {"{\"const\":1,\"$ref\":\"#/const\"}", "/const", NULL},
        {"{\"items\":{\"$id\":1}}", "/items/$id", "schema: must be a string"},
        {"{\"items\":{\"$id\":\"x#y\"}}", "/items/$id", "schema: must have no fragment ($anchor names a place)"},
        {"{\"items\":{\"$id\":\"x\"},\"not\":{\"$id\":\"x\"}}", "/not/$id", "schema: the same $id is there already"},
        {"{\"$id\":\"http://x/a\",\"items\":{\"$id\":\"b/\",\"$ref\":\"a\"}}", "",
         "schema: $ref at /items/$ref leads out of the document, which is not supported"},
        {"{\"items\":{\"$id\":\"x\",\"$anchor\":\"a\"},\"$ref\":\"#a\"}", "", "schema: $ref at /$ref leads to nothing"},
        {"{\"$anchor\":\"a\",\"not\":{\"$anchor\":\"a\"}}", "/not/$anchor", NULL},
        {"{\"$ref\":\"#\"}", "", NULL},
        {"{\"$defs\":{\"a\":{\"$ref\":\"#/$defs/b\"},\"b\":{\"allOf\":[{\"$ref\":\"#/$defs/a\"}]}}}", "", NULL},
        {"{\"dependentSchemas\":{\"a\":{\"$ref\":\"#\"}}}", "", NULL},
        {"{\"a\"", "", "schema: line 1, column 5: expected a colon behind the key, found the end of the text"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        const struct lt_schema *s;
        struct lt_error err;
        if (lt_schema_compile_text(arena, cases[i].schema, &s, &err) != LT_ECONFIG)
            fail_msg("took %s", cases[i].schema);
        assert_null(s);
        assert_int_equal(err.code, LT_ECONFIG);
        if (strcmp(err.field, cases[i].field) != 0 || (cases[i].detail && strcmp(err.detail, cases[i].detail) != 0))
            fail_msg("%s: %s: %s", cases[i].schema, err.field, err.detail);
        assert_int_equal(lt_schema_compile_text(arena, cases[i].schema, &s, NULL), LT_ECONFIG);
    }
}

/* ---- limits ---- */

static void assert_given_up(const char *schema, const struct lt_json *v, const char *words)
{
    struct lt_error err;
    assert_int_equal(lt_schema_check(compiled(schema), v, &err), LT_EINVALID_INPUT);
    if (!strstr(err.detail, words))
        fail_msg("%s: %s", schema, err.detail);
}

static const struct lt_json *string_of(char c, size_t n)
{
    struct lt_buf b;
    lt_buf_init(&b, n + 2);
    lt_buf_putc(&b, '"');
    for (size_t i = 0; i < n; i++)
        lt_buf_putc(&b, c);
    lt_buf_putc(&b, '"');
    struct lt_str text = lt_str_copy(arena, lt_buf_str(&b));
    lt_buf_free(&b);
    const struct lt_json *v;
    assert_int_equal(lt_json_parse(arena, text, LT_JSON_STRICT, &v, NULL), LT_OK);
    return v;
}

static void patterns_cannot_take_forever(void **state)
{
    assert_given_up("{\"pattern\":\"^(a+)+$\"}", value("\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\""),
                    "within the limits");
    assert_given_up("{\"pattern\":\"(x+x+)+[yz]\"}", string_of('x', 10000), "within the limits");
    assert_given_up("{\"pattern\":\"a\"}", string_of('x', 20000), "is too long for its pattern");
    assert_given_up("{\"not\":{\"pattern\":\"^(a+)+$\"}}", value("\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\""),
                    "within the limits");
    assert_given_up("{\"anyOf\":[{\"pattern\":\"^(a+)+$\"},true]}",
                    value("\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\""), "within");
    assert_int_equal(lt_schema_check(compiled("{\"pattern\":\"^x+$\"}"), string_of('x', 1000000), NULL), LT_OK);
}

/* Each step doubles the work: 2^40 checks, were there no limit. */
static void schemas_cannot_multiply_the_work(void **state)
{
    struct lt_buf b;
    lt_buf_init(&b, 100000);
    lt_buf_put_str(&b, LT_STR("{\"$ref\":\"#/$defs/n0\",\"$defs\":{"));
    for (int i = 0; i < 40; i++)
        lt_buf_printf(&b, "\"n%d\":{\"items\":{\"allOf\":[{\"$ref\":\"#/$defs/n%d\"},{\"$ref\":\"#/$defs/n%d\"}]}},", i, i + 1,
                      i + 1);
    lt_buf_put_str(&b, LT_STR("\"n40\":true}}"));
    lt_buf_putc(&b, '\0');
    char text[100] = "";
    for (int i = 0; i < 45; i++)
        text[i] = '[', text[45 + i] = ']';
    assert_given_up(lt_strz(arena, lt_buf_str(&b)), value(text), "steps to check");
    lt_buf_free(&b);
}

static void chains_of_references_have_a_longest(void **state)
{
    for (int n = 60; n <= 70; n += 10) {
        struct lt_buf b;
        lt_buf_init(&b, 100000);
        lt_buf_put_str(&b, LT_STR("{\"$ref\":\"#/$defs/n0\",\"$defs\":{"));
        for (int i = 0; i < n; i++)
            lt_buf_printf(&b, "\"n%d\":{\"$ref\":\"#/$defs/n%d\"},", i, i + 1);
        lt_buf_printf(&b, "\"n%d\":{\"const\":1}}}", n);
        const struct lt_schema *s;
        struct lt_error err;
        const char *text = lt_strz(arena, lt_buf_str(&b));
        assert_int_equal(lt_schema_compile_text(arena, text, &s, &err), n < 64 ? LT_OK : LT_ECONFIG);
        if (n < 64) {
            assert_int_equal(lt_schema_check(s, value("1"), NULL), LT_OK);
            assert_int_equal(lt_schema_check(s, value("2"), NULL), LT_EINVALID_INPUT);
        }
        lt_buf_free(&b);
    }
}

static void deep_values_are_checked_to_the_end_or_refused(void **state)
{
    char text[2 * LT_JSON_DEPTH + 1] = "";
    memset(text, '[', LT_JSON_DEPTH);
    memset(text + LT_JSON_DEPTH, ']', LT_JSON_DEPTH);
    assert_int_equal(lt_schema_check(compiled("{\"items\":{\"$ref\":\"#\"}}"), value(text), NULL), LT_OK);
    assert_given_up("{\"items\":{\"allOf\":[{\"anyOf\":[{\"$ref\":\"#\"}]}]}}", value(text), "nested too deeply");
}

/* unevaluated… goes through the combined nodes a second time, on each level again: that is counted, too. */
static void unevaluated_members_cannot_multiply_the_work(void **state)
{
    struct lt_buf b;
    lt_buf_init(&b, 100000);
    lt_buf_put_str(&b, LT_STR("{\"items\":{\"$ref\":\"#\"},\"unevaluatedItems\":false,\"anyOf\":["));
    for (int i = 0; i < 50; i++)
        lt_buf_put_str(&b, LT_STR("{\"anyOf\":["));
    lt_buf_put_str(&b, LT_STR("{\"items\":{\"$ref\":\"#\"}}"));
    for (int i = 0; i < 50; i++)
        lt_buf_put_str(&b, LT_STR("],\"unevaluatedItems\":false}"));
    lt_buf_put_str(&b, LT_STR("]}"));
    char text[100] = "";
    memset(text, '[', 40);
    memset(text + 40, ']', 40);
    assert_given_up(lt_strz(arena, lt_buf_str(&b)), value(text), "steps to check");
    assert_int_equal(lt_schema_check(compiled(lt_strz(arena, lt_buf_str(&b))), value("[]"), NULL), LT_OK);
    lt_buf_free(&b);
}

static void long_arrays_are_compared_in_linear_time(void **state)
{
    struct lt_buf b;
    lt_buf_init(&b, 4 << 20);
    for (int i = 0; i < 200000; i++)
        lt_buf_printf(&b, "%c{\"n\":%d}", i ? ',' : '[', i);
    lt_buf_putc(&b, ']');
    const struct lt_json *v;
    assert_int_equal(lt_json_parse(arena, lt_buf_str(&b), LT_JSON_STRICT, &v, NULL), LT_OK);
    assert_int_equal(lt_schema_check(compiled("{\"uniqueItems\":true}"), v, NULL), LT_OK);
    lt_buf_free(&b);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(values_fit_or_do_not),
        TEST(not_turns_every_verdict_round),
        TEST(errors_name_the_place_and_the_reason),
        TEST(messages_do_not_repeat_the_value),
        TEST(draft_07_has_its_own_rules),
        TEST(unknown_keywords_are_ignored_where_asked),
        TEST(given_documents_may_be_referred_to),
        TEST(ids_resolve_as_rfc_3986_has_it),
        TEST(all_errors_are_listed_with_both_paths),
        TEST(the_list_has_a_longest),
        TEST(the_list_agrees_with_the_verdict),
        TEST(names_and_uris_have_limits),
        TEST(deep_places_are_cut_but_whole),
        TEST(malformed_schemas_are_refused),
        TEST(patterns_cannot_take_forever),
        TEST(schemas_cannot_multiply_the_work),
        TEST(chains_of_references_have_a_longest),
        TEST(deep_values_are_checked_to_the_end_or_refused),
        TEST(unevaluated_members_cannot_multiply_the_work),
        TEST(long_arrays_are_compared_in_linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
