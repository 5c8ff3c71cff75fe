/*
 * JSON schemas for structured outputs, which take a part of JSON Schema ("Structured outputs", "JSON Schema limitations"). As the
 * vendor's own clients do, bounds that it does not take are told in the description; objects are closed. Where that would change what
 * is asked for, the schema does not fit and the answer is asked for in words. The answer is checked against the schema itself in any
 * case (core/attempt.c).
 */
#include "providers/anthropic.h"

enum { DEPTH_MAX = 32, OPTIONAL_MAX = 24, UNIONS_MAX = 16 };

/* What becomes of a keyword. */
enum fate {
    UNKNOWN, /* means something that cannot be told: the schema does not fit */
    KEPT,
    TOLD,    /* a bound, put into the description */
    LEFT,    /* says nothing about the answer */
    SCHEMA,  /* a schema */
    NAMED,   /* an object of schemas */
    LISTED,  /* an array of schemas */
    CLOSED,  /* additionalProperties */
};

static enum fate fate_of(struct lt_str keyword, const struct lt_json *v)
{
    static const struct {
        const char *keyword;
        enum fate fate;
    } fates[] = {
        {"type", KEPT},          {"title", KEPT},         {"description", KEPT},      {"enum", KEPT},
        {"const", KEPT},         {"default", KEPT},       {"required", KEPT},         {"$ref", KEPT},
        {"properties", NAMED},   {"$defs", NAMED},        {"definitions", NAMED},     {"items", SCHEMA},
        {"anyOf", LISTED},       {"oneOf", LISTED},       {"allOf", LISTED},          {"additionalProperties", CLOSED},
        {"minimum", TOLD},       {"maximum", TOLD},       {"exclusiveMinimum", TOLD}, {"exclusiveMaximum", TOLD},
        {"multipleOf", TOLD},    {"minLength", TOLD},     {"maxLength", TOLD},        {"pattern", TOLD},
        {"maxItems", TOLD},      {"uniqueItems", TOLD},   {"minProperties", TOLD},    {"maxProperties", TOLD},
        {"examples", TOLD},      {"$schema", LEFT},       {"$comment", LEFT},         {"$id", LEFT},
        {"deprecated", LEFT},    {"readOnly", LEFT},      {"writeOnly", LEFT},
    };
    static const char *const formats[] = {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"};
    for (size_t i = 0; i < LT_COUNT(fates); i++)
        if (lt_str_is(keyword, fates[i].keyword))
            return fates[i].fate;
    if (lt_str_is(keyword, "minItems"))
        return lt_json_int64_or(v, 2) <= 1 ? KEPT : TOLD;
    for (size_t i = 0; i < LT_COUNT(formats) && lt_str_is(keyword, "format"); i++)
        if (lt_str_is(lt_json_str(v), formats[i]))
            return KEPT;
    return lt_str_is(keyword, "format") ? TOLD : UNKNOWN;
}

/* ---- whether it fits ---- */

/* On the way down. */
struct walk {
    int depth, optional, unions;
    bool in_defs;
};

static bool fits(const struct lt_json *schema, struct walk *walk);

static bool all_fit(const struct lt_json *schemas, struct walk *walk)
{
    for (size_t i = 0; i < lt_json_len(schemas); i++)
        if (!fits(lt_json_at(schemas, i), walk))
            return false;
    return true;
}

static bool primitives(const struct lt_json *list)
{
    for (size_t i = 0; i < lt_json_len(list); i++)
        if (lt_json_is(lt_json_at(list, i), LT_JSON_OBJECT) || lt_json_is(lt_json_at(list, i), LT_JSON_ARRAY))
            return false;
    return true;
}

/* "#/$defs/X" from outside the definitions: a definition that refers to another may come round to itself. */
static bool reference_fits(struct lt_str ref, const struct walk *walk)
{
    return !walk->in_defs && (lt_str_starts(ref, LT_STR("#/$defs/")) || lt_str_starts(ref, LT_STR("#/definitions/")));
}

static bool keyword_fits(struct lt_str keyword, const struct lt_json *v, struct walk *walk)
{
    bool definitions = lt_str_is(keyword, "$defs") || lt_str_is(keyword, "definitions"), outside = walk->in_defs;
    bool good = true;
    walk->in_defs |= definitions;
    switch (fate_of(keyword, v)) {
    case UNKNOWN:
        good = false;
        break;
    case SCHEMA:
        good = fits(v, walk);
        break;
    case NAMED:
        good = lt_json_is(v, LT_JSON_OBJECT) && all_fit(v, walk);
        break;
    case LISTED:
        walk->unions++;
        good = lt_json_is(v, LT_JSON_ARRAY) && all_fit(v, walk);
        break;
    case CLOSED: /* members of any name could not be given */
        good = lt_json_is(v, LT_JSON_BOOL);
        break;
    case KEPT:
        if (lt_str_is(keyword, "$ref"))
            good = reference_fits(lt_json_str(v), walk);
        else if (lt_str_is(keyword, "enum") || lt_str_is(keyword, "const"))
            good = !lt_json_is(v, LT_JSON_OBJECT) && primitives(v);
        break;
    case TOLD:
    case LEFT:
        break;
    }
    walk->in_defs = outside;
    return good;
}

static bool may_be_object(const struct lt_json *schema)
{
    const struct lt_json *type = lt_json_get(schema, "type");
    for (size_t i = 0; lt_json_is(type, LT_JSON_ARRAY) && i < lt_json_len(type); i++)
        if (lt_str_is(lt_json_str(lt_json_at(type, i)), "object"))
            return true;
    return lt_str_is(lt_json_str(type), "object");
}

/* Every required member is among the properties: a closed object can hold no other. */
static bool members_fit(const struct lt_json *schema, struct walk *walk)
{
    const struct lt_json *properties = lt_json_get(schema, "properties"), *required = lt_json_get(schema, "required");
    for (size_t i = 0; i < lt_json_len(required); i++)
        if (!lt_json_get_str(properties, lt_json_str(lt_json_at(required, i))))
            return false;
    if (lt_json_len(required) > lt_json_len(properties)) /* one is named twice */
        return false;
    walk->optional += (int)(lt_json_len(properties) - lt_json_len(required));
    return lt_json_len(properties) > 0 || !may_be_object(schema);
}

static bool fits(const struct lt_json *schema, struct walk *walk)
{
    static const char *const shapes[] = {"type", "enum", "const", "anyOf", "oneOf", "allOf", "$ref"};
    bool shaped = false;
    if (!lt_json_is(schema, LT_JSON_OBJECT) || walk->depth == DEPTH_MAX)
        return false;
    for (size_t i = 0; i < LT_COUNT(shapes); i++)
        shaped |= lt_json_get(schema, shapes[i]) != NULL;
    if (!shaped || (lt_json_get(schema, "anyOf") && lt_json_get(schema, "oneOf")) || !members_fit(schema, walk))
        return false;
    walk->unions += lt_json_is(lt_json_get(schema, "type"), LT_JSON_ARRAY);
    walk->depth++;
    for (size_t i = 0; i < lt_json_len(schema); i++)
        if (!keyword_fits(lt_json_key_at(schema, i), lt_json_at(schema, i), walk))
            return false;
    walk->depth--;
    return walk->optional <= OPTIONAL_MAX && walk->unions <= UNIONS_MAX;
}

bool lt_anthropic_schema_fits(const struct lt_json *schema)
{
    struct walk walk = {0};
    return lt_str_is(lt_json_str(lt_json_get(schema, "type")), "object") && fits(schema, &walk);
}

/* ---- writing ---- */

static void write_description(struct lt_jw *w, const struct lt_json *schema)
{
    struct lt_buf text;
    struct lt_str said = lt_json_str(lt_json_get(schema, "description"));
    bool any = false;
    lt_buf_init(&text, LT_WIRE_REQUEST_MAX);
    lt_buf_put_str(&text, said);
    for (size_t i = 0; i < lt_json_len(schema); i++) {
        struct lt_str keyword = lt_json_key_at(schema, i);
        if (fate_of(keyword, lt_json_at(schema, i)) != TOLD)
            continue;
        lt_buf_put_str(&text, any ? LT_STR(", ") : said.n > 0 ? LT_STR("\n\n{") : LT_STR("{"));
        lt_buf_put_str(&text, keyword);
        lt_buf_put_str(&text, LT_STR(": "));
        lt_json_write(&text, lt_json_at(schema, i));
        any = true;
    }
    if (any)
        lt_buf_putc(&text, '}');
    if (text.n > 0)
        lt_jw_kstr(w, "description", lt_buf_str(&text));
    lt_buf_free(&text);
}

static void write_keyword(struct lt_jw *w, struct lt_str keyword, const struct lt_json *v)
{
    enum fate fate = fate_of(keyword, v);
    if (fate == TOLD || fate == LEFT || fate == CLOSED || lt_str_is(keyword, "description"))
        return;
    lt_jw_key_str(w, lt_str_is(keyword, "oneOf") ? LT_STR("anyOf") : keyword);
    if (fate == SCHEMA) {
        lt_anthropic_schema_write(w, v);
        return;
    }
    if (fate != NAMED && fate != LISTED) {
        lt_jw_json(w, v);
        return;
    }
    if (fate == NAMED)
        lt_jw_obj(w);
    else
        lt_jw_arr(w);
    for (size_t i = 0; i < lt_json_len(v); i++) {
        if (fate == NAMED)
            lt_jw_key_str(w, lt_json_key_at(v, i));
        lt_anthropic_schema_write(w, lt_json_at(v, i));
    }
    lt_jw_end(w);
}

void lt_anthropic_schema_write(struct lt_jw *w, const struct lt_json *schema)
{
    lt_jw_obj(w);
    for (size_t i = 0; i < lt_json_len(schema); i++)
        write_keyword(w, lt_json_key_at(schema, i), lt_json_at(schema, i));
    write_description(w, schema);
    if (lt_json_get(schema, "properties"))
        lt_jw_kbool(w, "additionalProperties", false);
    lt_jw_end(w);
}
