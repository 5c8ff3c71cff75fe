/*
 * JSON Schema, compiled once, checked often: drafts 2020-12 and 07. `$schema` says which; where it names neither, the caller does.
 * Known: type, enum, const, properties, required, additionalProperties, patternProperties, propertyNames, min/maxProperties, items,
 * contains, min/maxItems, uniqueItems, min/maxLength (code points), pattern (PCRE2, bounded), minimum, maximum, exclusive*, multipleOf
 * (exact), allOf, anyOf, oneOf, not, if/then/else, $ref, $id at any level with relative resolution, $defs and definitions, boolean schemas;
 *     2020-12: prefixItems, min/maxContains, dependentRequired, dependentSchemas, unevaluatedItems, unevaluatedProperties, $anchor,
 *         $dynamicAnchor (as an anchor; $dynamicRef is refused);
 *     draft-07: items with an array, additionalItems, dependencies, $id "#name"; what stands beside $ref is ignored.
 * `format` and content* are annotations; so are keywords that begin with "x-". Nothing is fetched: a $ref that leads out of the document,
 * and to none of those that the caller gives beside it, is refused. So is a schema with any other keyword, so that nothing is silently
 * unchecked, unless the caller asks for the specification's own rule, which is to ignore it.
 */
#pragma once
#include "text/json.h"

struct lt_schema;

enum lt_schema_draft { LT_SCHEMA_2020_12, LT_SCHEMA_DRAFT_07 };

/* A schema that others may refer to. */
struct lt_schema_document {
    struct lt_str uri; /* absolute, without fragment */
    const struct lt_json *schema;
};

struct lt_schema_options {
    enum lt_schema_draft draft; /* of schemas whose $schema names neither */
    bool ignore_unknown;        /* unknown keywords are annotations */
    size_t document_count;
    const struct lt_schema_document *documents; /* must live as long as the compiled schema */
};

/*
 * Compiles; the schema lives in the arena, keeps pointers into `schema`. Any thread may then check with it. LT_ECONFIG when
 * malformed; err->field is the JSON Pointer of the first wrong place in the schema. At most 10,000 subschemas; references that
 * go round in a circle without going down into the value are refused.
 */
enum lt_code lt_schema_compile_with(struct lt_arena *arena, const struct lt_json *schema, const struct lt_schema_options *options,
                                    const struct lt_schema **ret, struct lt_error *err);
/* The same for 2020-12, unknown keywords refused. */
enum lt_code lt_schema_compile(struct lt_arena *arena, const struct lt_json *schema, const struct lt_schema **ret, struct lt_error *err);
/* The same from text that lives as long as the arena (usually a literal). */
enum lt_code lt_schema_compile_text(struct lt_arena *arena, const char *schema, const struct lt_schema **ret, struct lt_error *err);
/*
 * Checks a value. Valid → LT_OK. Else LT_EINVALID_INPUT; err->field is the JSON Pointer of the first wrong place (of a missing
 * member: where it ought to be), cut to the room there is; err->detail says what is wrong with it in words ("must be at most 4
 * characters, is 9") and never repeats the value. A check that would need more than 4,000,000 steps or 300 levels, or a pattern
 * that cannot be decided within its limits, fails too, and the detail says so. A string above 16 KiB is not searched for a
 * pattern, one above 1 MiB not even for a pattern that begins with ^.
 */
enum lt_code lt_schema_check(const struct lt_schema *schema, const struct lt_json *value, struct lt_error *err);

/* One thing that is wrong with a value. Both paths are JSON Pointers, whole unless above 500 bytes. */
struct lt_schema_error {
    const char *at;    /* where in the value; of a missing member: where it ought to be */
    const char *rule;  /* where in the schema document the keyword stands that says so; "" in another document, and where a limit was passed */
    const char *words; /* as lt_schema_check() has them */
};

/*
 * The same, but finds up to `max` errors (max > 0) in the order of the rules, and stops there. Of alternatives (anyOf, oneOf) that all
 * fail only the error is listed that the one which came furthest has. *ret, *n: the list, in the arena; empty for LT_OK.
 * Slower than lt_schema_check() only for values that do not fit.
 */
enum lt_code lt_schema_check_all(const struct lt_schema *schema, const struct lt_json *value, struct lt_arena *arena, size_t max,
                                 const struct lt_schema_error **ret, size_t *n);
