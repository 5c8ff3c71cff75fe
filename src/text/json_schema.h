/*
 * JSON Schema, compiled once, checked often. Draft 2020-12 keywords: type, enum, const, properties, required,
 * additionalProperties, patternProperties, propertyNames, min/maxProperties, items, prefixItems, contains, min/maxContains,
 * min/maxItems, uniqueItems, min/maxLength (code points), pattern (PCRE2, bounded), minimum, maximum, exclusive*, multipleOf
 * (exact), allOf, anyOf, oneOf, not, if/then/else, $ref within the document, $anchor, $defs (and definitions), dependentRequired,
 * dependentSchemas, boolean schemas. `format` is an annotation; so are keywords that begin with "x-".
 * A schema with any other keyword is refused, and so is $id below the root, so that nothing is silently unchecked.
 */
#pragma once
#include "text/json.h"

struct lt_schema;

/*
 * Compiles; the schema lives in the arena, keeps pointers into `schema`. Any thread may then check with it. LT_ECONFIG when
 * malformed; err->field is the JSON Pointer of the first wrong place in the schema. At most 10,000 subschemas; references that
 * go round in a circle without going down into the value are refused.
 */
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
