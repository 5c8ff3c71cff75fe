/*
 * Compiling of JSON Schema: the document becomes a graph of nodes, one for each subschema, in which `$ref` is an edge. Everything
 * that a hostile schema could make expensive has a limit, named below.
 * Fuzzed by tests/fuzz/fuzz_json.c and tests/fuzz/fuzz_schema.c.
 */
#include "text/json_schema_node.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

enum {
    MAX_NODES = 10000,     /* subschemas of one schema */
    MAX_CHAIN = 64,        /* subschemas one behind the other that look at the same value */
    MAX_PATTERN = 4096,    /* code units of a pattern */
    MAX_PATTERN_NEST = 50, /* brackets in a pattern */
    MAX_NAMES = 1000,      /* $id and anchors together */
    MAX_URI = 2000,        /* bytes of an absolute $id */
};

/* ---- places and messages ---- */

/* A pointer that is being written; where the room ends, it ends. */
struct pointer {
    char *out;
    size_t n, cap;
    bool full;
};

static void put(struct pointer *p, const char *bytes, size_t n)
{
    p->full = p->full || n > p->cap - p->n;
    if (p->full)
        return;
    memcpy(p->out + p->n, bytes, n);
    p->n += n;
}

static void render(struct pointer *p, const struct place *at)
{
    if (!at->up)
        return;
    render(p, at->up);
    put(p, "/", 1);
    if (!at->key.p) {
        char digits[24];
        put(p, digits, (size_t)snprintf(digits, sizeof(digits), "%zu", at->index));
        return;
    }
    for (size_t i = 0; i < at->key.n; i++) {
        char c = at->key.p[i];
        if (c == '~' || c == '/')
            put(p, c == '~' ? "~0" : "~1", 2);
        else
            put(p, &c, 1);
    }
}

void lt_schema_pointer(const struct place *at, char *out, size_t cap)
{
    struct pointer p = {.out = out, .cap = cap - 1};
    render(&p, at);
    out[lt_utf8_whole(out, p.n)] = '\0';
}

/* ---- compiling ---- */

struct reference {
    struct reference *next;
    struct node *node; /* that has it */
    struct lt_str target;
    char at[96];
};

struct anchor {
    struct anchor *next;
    struct lt_str name;
    struct node *node;
};

struct compiler {
    struct lt_arena *arena;
    const struct lt_schema_options *options;
    const struct resource *resource;  /* where we are */
    const struct resource *resources; /* all */
    struct node *buckets[256];
    struct node *all;
    size_t count; /* of nodes */
    size_t names; /* of resources and anchors */
    struct reference *references; /* not resolved yet */
    struct anchor *anchors;
    pcre2_compile_context *regex_context;
    struct lt_error *err;
    enum lt_code code;
};

__attribute__((cold, format(printf, 3, 4))) static bool refuse(struct compiler *c, const struct place *at, const char *format,
                                                               ...)
{
    char detail[300], pointer[96];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    detail[lt_utf8_whole(detail, strlen(detail))] = '\0';
    lt_schema_pointer(at, pointer, sizeof(pointer));
    c->code = lt_fail_field(c->err, LT_ECONFIG, pointer, "schema: %s", detail);
    return false;
}

static struct node *compile_node(struct compiler *c, const struct lt_json *v, const struct place *at);

/* Each of these reads one keyword's value into the field at `offset` of the node. */
#define FIELD(type) (*(type *)(void *)((char *)node + offset))

static bool read_node(struct compiler *c, struct node *node, size_t offset, const struct lt_json *v, const struct place *at)
{
    FIELD(struct node *) = compile_node(c, v, at);
    return FIELD(struct node *) != NULL;
}

static bool read_nodes(struct compiler *c, struct node *node, size_t offset, const struct lt_json *v, const struct place *at)
{
    if (!lt_json_is(v, LT_JSON_ARRAY) || v->n == 0)
        return refuse(c, at, "must be an array of at least one schema");
    struct nodes list = {v->n, LT_NEW_ARRAY(c->arena, struct node *, v->n)};
    for (size_t i = 0; i < v->n; i++) {
        struct place item = item_place(at, i);
        if (!(list.of[i] = compile_node(c, &v->items[i], &item)))
            return false;
    }
    FIELD(struct nodes) = list;
    return true;
}

static bool read_named(struct compiler *c, struct node *node, size_t offset, const struct lt_json *v, const struct place *at)
{
    if (!lt_json_is(v, LT_JSON_OBJECT))
        return refuse(c, at, "must be an object of schemas");
    struct named_nodes list = {v, LT_NEW_ARRAY(c->arena, struct node *, v->n)};
    for (size_t i = 0; i < v->n; i++) {
        struct place member = member_place(at, v->members[i].key);
        if (!(list.of[i] = compile_node(c, &v->members[i].value, &member)))
            return false;
    }
    FIELD(struct named_nodes) = list;
    return true;
}

/* $defs: compiled for its errors and as targets of $ref. */
static bool read_definitions(struct compiler *c, struct node *node, size_t offset, const struct lt_json *v,
                             const struct place *at)
{
    struct named_nodes unused;
    return read_named(c, (struct node *)(void *)&unused, 0, v, at);
}

static void free_regex(void *code)
{
    pcre2_code_free(code);
}

/* ECMAScript has long names for the general categories of Unicode, PCRE2 the short ones only. */
static const char *const categories[][2] = {
    {"Letter", "L"},           {"Cased_Letter", "L&"},      {"Uppercase_Letter", "Lu"},     {"Lowercase_Letter", "Ll"},
    {"Titlecase_Letter", "Lt"}, {"Modifier_Letter", "Lm"},   {"Other_Letter", "Lo"},         {"Mark", "M"},
    {"Nonspacing_Mark", "Mn"}, {"Spacing_Mark", "Mc"},      {"Enclosing_Mark", "Me"},       {"Number", "N"},
    {"Decimal_Number", "Nd"},  {"digit", "Nd"},             {"Letter_Number", "Nl"},        {"Other_Number", "No"},
    {"Punctuation", "P"},      {"punct", "P"},              {"Dash_Punctuation", "Pd"},     {"Open_Punctuation", "Ps"},
    {"Close_Punctuation", "Pe"}, {"Connector_Punctuation", "Pc"}, {"Other_Punctuation", "Po"}, {"Symbol", "S"},
    {"Math_Symbol", "Sm"},     {"Currency_Symbol", "Sc"},   {"Modifier_Symbol", "Sk"},      {"Other_Symbol", "So"},
    {"Separator", "Z"},        {"Space_Separator", "Zs"},   {"Line_Separator", "Zl"},       {"Paragraph_Separator", "Zp"},
    {"Other", "C"},            {"Control", "Cc"},           {"Format", "Cf"},               {"Unassigned", "Cn"},
};

/* The short name for the long one that begins at s, and how long that is up to its brace. */
static const char *short_category(struct lt_str s, size_t *n)
{
    const char *brace = memchr(s.p, '}', s.n);
    *n = brace ? (size_t)(brace - s.p) : 0;
    for (size_t i = 0; i < LT_COUNT(categories); i++)
        if (lt_str_is((struct lt_str){s.p, *n}, categories[i][0]))
            return categories[i][1];
    return NULL;
}

/* The pattern with the short names behind \p{ and \P{; no longer than before. */
static struct lt_str with_short_categories(struct lt_arena *arena, struct lt_str text)
{
    char *out = lt_alloc(arena, text.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        out[n++] = text.p[i];
        if (text.p[i] != '\\' || i + 1 == text.n)
            continue;
        out[n++] = text.p[++i];
        size_t len = 0;
        bool property = (text.p[i] | 0x20) == 'p' && i + 1 < text.n && text.p[i + 1] == '{';
        const char *name = property ? short_category((struct lt_str){text.p + i + 2, text.n - i - 2}, &len) : NULL;
        if (name) {
            n += (size_t)snprintf(out + n, text.n + 1 - n, "{%s", name);
            i += 1 + len;
        }
    }
    return (struct lt_str){out, n};
}

static bool compile_regex(struct compiler *c, struct lt_str text, const struct place *at, struct regex *ret)
{
    int number;
    PCRE2_SIZE offset;
    /* The options bring the syntax nearer to ECMAScript's, which JSON Schema means. */
    uint32_t options = PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ALT_BSUX | PCRE2_MATCH_UNSET_BACKREF | PCRE2_ALLOW_EMPTY_CLASS |
                       PCRE2_NEVER_BACKSLASH_C;
    struct lt_str pcre = text.n > MAX_PATTERN ? text : with_short_categories(c->arena, text);
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)(pcre.p ? pcre.p : ""), pcre.n, options, &number, &offset, c->regex_context);
    if (!code) {
        char why[120] = "";
        pcre2_get_error_message(number, (PCRE2_UCHAR *)why, sizeof(why));
        return refuse(c, at, "not a regular expression: %s (at byte %zu)", why, (size_t)offset);
    }
    lt_arena_on_free(c->arena, free_regex, code);
    uint32_t all = 0;
    pcre2_pattern_info(code, PCRE2_INFO_ALLOPTIONS, &all);
    *ret = (struct regex){code, text, (all & PCRE2_ANCHORED) != 0};
    return true;
}

static bool read_pattern(struct compiler *c, struct node *node, size_t offset, const struct lt_json *v, const struct place *at)
{
    if (!lt_json_is(v, LT_JSON_STRING))
        return refuse(c, at, "must be a string, a regular expression");
    return compile_regex(c, lt_json_str(v), at, &FIELD(struct regex));
}

static bool read_patterned(struct compiler *c, struct node *node, size_t offset, const struct lt_json *v, const struct place *at)
{
    if (!lt_json_is(v, LT_JSON_OBJECT))
        return refuse(c, at, "must be an object of schemas");
    struct patterned_nodes list = {v->n, LT_NEW_ARRAY(c->arena, struct patterned, v->n)};
    for (size_t i = 0; i < v->n; i++) {
        struct place member = member_place(at, v->members[i].key);
        if (!compile_regex(c, v->members[i].key, &member, &list.of[i].regex) ||
            !(list.of[i].node = compile_node(c, &v->members[i].value, &member)))
            return false;
    }
    FIELD(struct patterned_nodes) = list;
    return true;
}

static bool read_count(struct compiler *c, struct node *node, size_t offset, const struct lt_json *v, const struct place *at)
{
    int64_t count;
    if (!lt_json_int64(v, &count) || count < 0)
        return refuse(c, at, "must be a whole number from 0");
    FIELD(int64_t) = count;
    return true;
}

static bool read_number(struct compiler *c, struct node *node, size_t offset, const struct lt_json *v, const struct place *at)
{
    if (!lt_json_is(v, LT_JSON_NUMBER))
        return refuse(c, at, "must be a number, is %s", lt_json_type_name(v));
    FIELD(const struct lt_json *) = v;
    return true;
}

static bool read_multiple(struct compiler *c, struct node *node, size_t offset, const struct lt_json *v, const struct place *at)
{
    if (!(lt_json_double_or(v, 0) > 0) || isinf(lt_json_double_or(v, 0)))
        return refuse(c, at, "must be a number above 0");
    struct lt_decimal d;
    lt_json_decimal(v, &d);
    if (d.n > 18)
        return refuse(c, at, "must have at most 18 significant digits");
    node->multiple = v;
    for (int i = 0; i < d.n; i++)
        node->multiple_digits = node->multiple_digits * 10 + d.digits[i];
    node->multiple_exponent = d.exponent - d.n;
    return true;
}

static bool read_bool(struct compiler *c, struct node *node, size_t offset, const struct lt_json *v, const struct place *at)
{
    if (!lt_json_is(v, LT_JSON_BOOL))
        return refuse(c, at, "must be true or false");
    FIELD(bool) = lt_json_bool_or(v, false);
    return true;
}

static bool read_any(struct compiler *c, struct node *node, size_t offset, const struct lt_json *v, const struct place *at)
{
    FIELD(const struct lt_json *) = v;
    return true;
}

static bool read_choices(struct compiler *c, struct node *node, size_t offset, const struct lt_json *v, const struct place *at)
{
    if (!lt_json_is(v, LT_JSON_ARRAY))
        return refuse(c, at, "must be an array of values");
    return read_any(c, node, offset, v, at);
}

static bool read_strings(struct compiler *c, struct node *node, size_t offset, const struct lt_json *v, const struct place *at)
{
    bool ok = lt_json_is(v, LT_JSON_ARRAY);
    for (size_t i = 0; ok && i < v->n; i++)
        ok = v->items[i].type == LT_JSON_STRING;
    return ok ? read_any(c, node, offset, v, at) : refuse(c, at, "must be an array of strings");
}

static bool read_dependent(struct compiler *c, struct node *node, size_t offset, const struct lt_json *v, const struct place *at)
{
    if (!lt_json_is(v, LT_JSON_OBJECT))
        return refuse(c, at, "must be an object of arrays of strings");
    for (size_t i = 0; i < v->n; i++) {
        struct place member = member_place(at, v->members[i].key);
        if (!read_strings(c, node, offset, &v->members[i].value, &member))
            return false;
    }
    return read_any(c, node, offset, v, at);
}

const struct lt_schema_type lt_schema_types[LT_SCHEMA_TYPES] = {
    {"null", "null", 1 << LT_JSON_NULL},          {"boolean", "a boolean", 1 << LT_JSON_BOOL},
    {"integer", "an integer", INTEGER},           {"number", "a number", 1 << LT_JSON_NUMBER},
    {"string", "a string", 1 << LT_JSON_STRING},  {"array", "an array", 1 << LT_JSON_ARRAY},
    {"object", "an object", 1 << LT_JSON_OBJECT},
};

static uint8_t type_bit(const struct lt_json *v)
{
    for (size_t i = 0; lt_json_is(v, LT_JSON_STRING) && i < LT_SCHEMA_TYPES; i++)
        if (lt_str_is(lt_json_str(v), lt_schema_types[i].name))
            return lt_schema_types[i].bit;
    return 0;
}

static bool read_types(struct compiler *c, struct node *node, size_t offset, const struct lt_json *v, const struct place *at)
{
    static const char wanted[] = "must be null, boolean, integer, number, string, array or object, or an array of these";
    node->types = type_bit(v);
    if (!lt_json_is(v, LT_JSON_ARRAY))
        return node->types || refuse(c, at, wanted);
    for (size_t i = 0; i < v->n; i++) {
        uint8_t bit = type_bit(&v->items[i]);
        if (!bit)
            return refuse(c, at, wanted);
        node->types |= bit;
    }
    return node->types || refuse(c, at, wanted);
}

static bool read_ref(struct compiler *c, struct node *node, size_t offset, const struct lt_json *v, const struct place *at)
{
    if (!lt_json_is(v, LT_JSON_STRING))
        return refuse(c, at, "must be a string");
    struct reference *r = LT_NEW(c->arena, struct reference);
    *r = (struct reference){.next = c->references, .node = node, .target = lt_json_str(v)};
    lt_schema_pointer(at, r->at, sizeof(r->at));
    c->references = r;
    return true;
}

static bool add_anchor(struct compiler *c, struct node *node, struct lt_str name, const struct place *at)
{
    if (++c->names > MAX_NAMES)
        return refuse(c, at, "more than %d $id and anchors", MAX_NAMES);
    for (const struct anchor *other = c->anchors; other; other = other->next)
        if (other->node->resource == node->resource && lt_str_eq(other->name, name))
            return refuse(c, at, "the anchor is there already");
    struct anchor *a = LT_NEW(c->arena, struct anchor);
    *a = (struct anchor){.next = c->anchors, .name = name, .node = node};
    c->anchors = a;
    return true;
}

static bool read_anchor(struct compiler *c, struct node *node, size_t offset, const struct lt_json *v, const struct place *at)
{
    if (lt_json_str(v).n == 0)
        return refuse(c, at, "must be a name");
    return add_anchor(c, node, lt_json_str(v), at);
}

/* Draft-07's items: a schema for all elements, or a list for the first ones, behind which additionalItems begins. */
static bool read_items(struct compiler *c, struct node *node, size_t offset, const struct lt_json *v, const struct place *at)
{
    if (!lt_json_is(v, LT_JSON_ARRAY))
        return read_node(c, node, offsetof(struct node, items), v, at);
    return v->n == 0 || read_nodes(c, node, offsetof(struct node, prefix), v, at);
}

static bool read_more_items(struct compiler *c, struct node *node, size_t offset, const struct lt_json *v, const struct place *at)
{
    if (lt_json_is(lt_json_get(node->source, "items"), LT_JSON_ARRAY))
        return read_node(c, node, offsetof(struct node, items), v, at);
    return compile_node(c, v, at) != NULL; /* without a list it says nothing */
}

/* Draft-07's dependencies: a schema or names for each member. */
static bool read_dependencies(struct compiler *c, struct node *node, size_t offset, const struct lt_json *v, const struct place *at)
{
    if (!lt_json_is(v, LT_JSON_OBJECT))
        return refuse(c, at, "must be an object of schemas or arrays of strings");
    struct named_nodes list = {v, LT_NEW_ARRAY(c->arena, struct node *, v->n)};
    for (size_t i = 0; i < v->n; i++) {
        struct place member = member_place(at, v->members[i].key);
        const struct lt_json *of = &v->members[i].value;
        if (of->type == LT_JSON_ARRAY ? !read_strings(c, node, offset, of, &member) : !(list.of[i] = compile_node(c, of, &member)))
            return false;
    }
    node->dependent_schemas = list;
    return read_any(c, node, offset, v, at);
}

/* What has no meaning here and would change that of the whole. */
static bool read_refused(struct compiler *c, struct node *node, size_t offset, const struct lt_json *v, const struct place *at)
{
    return refuse(c, at, "this keyword is not supported");
}

static bool skip_annotation(struct compiler *c, struct node *node, size_t offset, const struct lt_json *v, const struct place *at)
{
    return true;
}

#define AT(field) offsetof(struct node, field)
#define ON(type)  (1 << LT_JSON_##type)

enum { NEW = 1, OLD = 2 }; /* 2020-12 or draft-07 only; 0 = both */

static const struct keyword {
    const char *name;
    bool (*read)(struct compiler *c, struct node *node, size_t offset, const struct lt_json *v, const struct place *at);
    size_t offset;
    uint8_t groups, draft;
} keywords[] = {
    {"type", read_types},
    {"const", read_any, AT(constant)},
    {"enum", read_choices, AT(choices)},
    {"properties", read_named, AT(properties), ON(OBJECT)},
    {"required", read_strings, AT(required), ON(OBJECT)},
    {"additionalProperties", read_node, AT(additional), ON(OBJECT)},
    {"patternProperties", read_patterned, AT(patterns), ON(OBJECT)},
    {"propertyNames", read_node, AT(names), ON(OBJECT)},
    {"minProperties", read_count, AT(min_members), ON(OBJECT)},
    {"maxProperties", read_count, AT(max_members), ON(OBJECT)},
    {"dependentRequired", read_dependent, AT(dependent_required), ON(OBJECT), NEW},
    {"dependentSchemas", read_named, AT(dependent_schemas), ON(OBJECT), NEW},
    {"dependencies", read_dependencies, AT(dependent_required), ON(OBJECT), OLD},
    {"unevaluatedProperties", read_node, AT(rest_members), REST, NEW},
    {"items", read_node, AT(items), ON(ARRAY), NEW},
    {"items", read_items, 0, ON(ARRAY), OLD},
    {"additionalItems", read_more_items, 0, ON(ARRAY), OLD},
    {"prefixItems", read_nodes, AT(prefix), ON(ARRAY), NEW},
    {"unevaluatedItems", read_node, AT(rest_items), REST, NEW},
    {"contains", read_node, AT(contains), ON(ARRAY)},
    {"minContains", read_count, AT(min_contains), 0, NEW},
    {"maxContains", read_count, AT(max_contains), 0, NEW},
    {"minItems", read_count, AT(min_items), ON(ARRAY)},
    {"maxItems", read_count, AT(max_items), ON(ARRAY)},
    {"uniqueItems", read_bool, AT(unique), ON(ARRAY)},
    {"minLength", read_count, AT(min_length), ON(STRING)},
    {"maxLength", read_count, AT(max_length), ON(STRING)},
    {"pattern", read_pattern, AT(pattern), ON(STRING)},
    {"minimum", read_number, AT(minimum), ON(NUMBER)},
    {"maximum", read_number, AT(maximum), ON(NUMBER)},
    {"exclusiveMinimum", read_number, AT(above), ON(NUMBER)},
    {"exclusiveMaximum", read_number, AT(below), ON(NUMBER)},
    {"multipleOf", read_multiple, 0, ON(NUMBER)},
    {"allOf", read_nodes, AT(all), COMBINED},
    {"anyOf", read_nodes, AT(any), COMBINED},
    {"oneOf", read_nodes, AT(one), COMBINED},
    {"not", read_node, AT(excluded), COMBINED},
    {"if", read_node, AT(condition), COMBINED},
    {"then", read_node, AT(then)},
    {"else", read_node, AT(otherwise)},
    {"$ref", read_ref, 0, COMBINED},
    {"$anchor", read_anchor, 0, 0, NEW},
    {"$dynamicAnchor", read_anchor, 0, 0, NEW},
    {"$dynamicRef", read_refused, 0, 0, NEW},
    {"$id", skip_annotation},     /* enter_resource() */
    {"$schema", skip_annotation}, /* the same */
    {"$defs", read_definitions},
    {"definitions", read_definitions}, /* its name before 2019 */
    {"title", skip_annotation},
    {"description", skip_annotation},
    {"default", skip_annotation},
    {"example", skip_annotation}, /* OpenAPI's */
    {"examples", skip_annotation},
    {"format", skip_annotation},
    {"deprecated", skip_annotation},
    {"readOnly", skip_annotation},
    {"writeOnly", skip_annotation},
    {"contentMediaType", skip_annotation},
    {"contentEncoding", skip_annotation},
    {"contentSchema", skip_annotation},
    {"$comment", skip_annotation},
};

static bool compile_keyword(struct compiler *c, struct node *node, struct lt_str name, const struct lt_json *v,
                            const struct place *at)
{
    uint8_t other = node->resource->draft_07 ? NEW : OLD;
    for (size_t i = 0; i < LT_COUNT(keywords); i++)
        if (keywords[i].draft != other && lt_str_is(name, keywords[i].name)) {
            node->groups |= keywords[i].groups;
            return keywords[i].read(c, node, keywords[i].offset, v, at);
        }
    if (c->options->ignore_unknown || lt_str_starts(name, LT_STR("x-")))
        return true; /* x- is the usual mark of somebody's own annotation */
    return refuse(c, at, "the keyword \"%.*s\" is not known here, so it would go unchecked", shown(name, 60), name.p);
}

/* ---- what references count from ---- */

static const struct resource *find_resource(const struct compiler *c, struct lt_str uri)
{
    const struct resource *r = c->resources;
    while (r && !lt_str_eq(r->uri, uri))
        r = r->next;
    return r;
}

static bool names_draft_07(const struct compiler *c, const struct lt_json *v)
{
    struct lt_str name = lt_json_str(lt_json_get(v, "$schema"));
    if (lt_str_starts(name, LT_STR("http://json-schema.org/draft-07/schema")))
        return true;
    if (lt_str_starts(name, LT_STR("https://json-schema.org/draft/2020-12/schema")))
        return false;
    return c->resource ? c->resource->draft_07 : c->options->draft == LT_SCHEMA_DRAFT_07;
}

static void add_resource(struct compiler *c, struct lt_str uri, const struct lt_json *root)
{
    struct resource *r = LT_NEW(c->arena, struct resource);
    *r = (struct resource){.next = c->resources, .uri = uri, .root = root, .draft_07 = names_draft_07(c, root)};
    c->resources = c->resource = r;
}

/* The part of the document that begins with this node, when it has an $id. */
static bool enter_resource(struct compiler *c, struct node *node, const struct lt_json *id, const struct place *up)
{
    struct place at = member_place(up, LT_STR("$id"));
    if (!lt_json_is(id, LT_JSON_STRING))
        return refuse(c, &at, "must be a string");
    struct lt_str name = lt_schema_uri(c->arena, c->resource->uri, lt_json_str(id)), uri = lt_str_cut(&name, '#');
    if (name.n > 0 && !c->resource->draft_07)
        return refuse(c, &at, "must have no fragment ($anchor names a place)");
    if (lt_json_str(id).n > 0 && lt_json_str(id).p[0] != '#') {
        if (uri.n > MAX_URI || ++c->names > MAX_NAMES)
            return refuse(c, &at, "longer than %d bytes, or more than %d $id and anchors", MAX_URI, MAX_NAMES);
        if (up->up && find_resource(c, uri))
            return refuse(c, &at, "the same $id is there already");
        add_resource(c, uri, node->source);
        node->resource = c->resource;
    }
    return name.n == 0 || add_anchor(c, node, name, &at);
}

static struct node **bucket_of(struct compiler *c, const struct lt_json *source)
{
    return &c->buckets[((uintptr_t)source / 16 * 0x9E3779B97F4A7C15u) >> 56];
}

static struct node *find_node(struct compiler *c, const struct lt_json *source)
{
    struct node *n = *bucket_of(c, source);
    while (n && n->source != source)
        n = n->same_bucket;
    return n;
}

static struct node *add_node(struct compiler *c, const struct lt_json *source)
{
    struct node *n = LT_NEW(c->arena, struct node), **bucket = bucket_of(c, source);
    n->source = source;
    n->resource = c->resource;
    n->max_length = n->max_items = n->max_contains = n->max_members = INT64_MAX;
    n->min_contains = 1;
    n->same_bucket = *bucket;
    *bucket = n;
    n->next = c->all;
    c->all = n;
    c->count++;
    return n;
}

static bool compile_keywords(struct compiler *c, struct node *node, const struct place *at)
{
    const struct lt_json *v = node->source, *id = lt_json_get(v, "$id");
    bool alone = node->resource->draft_07 && lt_json_get(v, "$ref"); /* draft-07 ignores what stands beside $ref */
    if (id && !alone && !enter_resource(c, node, id, at))
        return false;
    for (size_t i = 0; i < v->n; i++) {
        struct lt_str name = v->members[i].key;
        struct place member = member_place(at, name);
        if (!(alone && !lt_str_is(name, "$ref")) && !compile_keyword(c, node, name, &v->members[i].value, &member))
            return false;
    }
    return true;
}

static struct node *compile_node(struct compiler *c, const struct lt_json *v, const struct place *at)
{
    struct node *node = find_node(c, v);
    if (node)
        return node;
    if (!lt_json_is(v, LT_JSON_OBJECT) && !lt_json_is(v, LT_JSON_BOOL)) {
        refuse(c, at, "must be a schema (an object, true or false), is %s", lt_json_type_name(v));
        return NULL;
    }
    if (c->count >= MAX_NODES) {
        refuse(c, at, "more than %d subschemas", MAX_NODES);
        return NULL;
    }
    node = add_node(c, v);
    node->never = v->type == LT_JSON_BOOL && !v->b;
    const struct resource *outer = c->resource;
    bool ok = v->type == LT_JSON_BOOL || compile_keywords(c, node, at);
    c->resource = outer;
    return ok ? node : NULL;
}

/* ---- references ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undoes %XX; NULL when malformed or when it holds a NUL. */
static char *percent_decode(struct lt_arena *arena, struct lt_str s)
{
    char *out = lt_alloc(arena, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char ch = s.p[i];
        if (ch == '%') {
            int high = s.n - i > 2 ? hex_digit(s.p[i + 1]) : -1, low = high >= 0 ? hex_digit(s.p[i + 2]) : -1;
            if (low < 0)
                return NULL;
            ch = (char)(high << 4 | low);
            i += 2;
        }
        if (ch == '\0')
            return NULL;
        out[n++] = ch;
    }
    out[n] = '\0';
    return out;
}

static struct node *anchored_node(const struct compiler *c, const struct resource *resource, struct lt_str name)
{
    for (const struct anchor *a = c->anchors; a; a = a->next)
        if (a->node->resource == resource && lt_str_eq(a->name, name))
            return a->node;
    return NULL;
}

/* The node at a pointer from the resource's root. What the pointer passes on its way may be a resource of its own. */
static struct node *node_at(struct compiler *c, const struct resource *resource, char *pointer)
{
    static const struct place root;
    const struct lt_json *target = lt_json_at_pointer(resource->root, pointer);
    struct place at = {.up = &root, .key = lt_str(pointer + (pointer[0] == '/')), .depth = 1};
    for (char *p = pointer; target && *p; p++)
        if (*p == '/' && p > pointer) {
            *p = '\0';
            const struct node *passed = find_node(c, lt_json_at_pointer(resource->root, pointer));
            *p = '/';
            c->resource = passed ? passed->resource : c->resource;
        }
    return target ? compile_node(c, target, &at) : NULL;
}

/* A document that the caller gave, when it has that URI. */
static const struct resource *open_document(struct compiler *c, struct lt_str uri)
{
    static const struct place root;
    for (size_t i = 0; i < c->options->document_count; i++)
        if (lt_str_eq(c->options->documents[i].uri, uri)) {
            c->resource = NULL; /* its draft is its own */
            add_resource(c, uri, c->options->documents[i].schema);
            const struct node *node = compile_node(c, c->options->documents[i].schema, &root);
            return node ? node->resource : NULL;
        }
    return NULL;
}

static bool resolve(struct compiler *c, const struct reference *r)
{
    static const struct place root;
    struct lt_str fragment = lt_schema_uri(c->arena, r->node->resource->uri, r->target), before = lt_str_cut(&fragment, '#');
    const struct resource *known = find_resource(c, before);
    c->resource = known ? known : open_document(c, before);
    if (c->code)
        return false;
    if (!c->resource)
        return refuse(c, &root, "$ref at %s leads out of the document, which is not supported", r->at);
    char *pointer = percent_decode(c->arena, fragment);
    if (!pointer)
        return refuse(c, &root, "$ref at %s has a broken %% escape", r->at);
    if (pointer[0] && pointer[0] != '/')
        r->node->ref = anchored_node(c, c->resource, lt_str(pointer));
    else
        r->node->ref = node_at(c, c->resource, pointer);
    if (c->code)
        return false;
    return r->node->ref || refuse(c, &root, "$ref at %s leads to nothing", r->at);
}

static bool resolve_all(struct compiler *c)
{
    while (c->references) {
        const struct reference *r = c->references;
        c->references = r->next;
        if (!resolve(c, r))
            return false;
    }
    return true;
}

/* ---- endless loops ---- */

/*
 * How many nodes may follow one another from here without going down into the value; 0 when it is more than MAX_CHAIN, which a
 * loop always is.
 */
static int chain_length(struct node *n, int depth);

static bool longest(struct node *n, int depth, int *ret)
{
    if (!n)
        return true;
    int length = chain_length(n, depth + 1);
    if (length > *ret)
        *ret = length;
    return length > 0;
}

static bool longest_of(size_t n, struct node *const *of, int depth, int *ret)
{
    for (size_t i = 0; i < n; i++)
        if (!longest(of[i], depth, ret))
            return false;
    return true;
}

static int chain_length(struct node *n, int depth)
{
    if (n->chain)
        return n->chain;
    if (depth > MAX_CHAIN)
        return 0;
    int length = 0;
    bool ok = longest(n->ref, depth, &length) && longest_of(n->all.n, n->all.of, depth, &length) &&
              longest_of(n->any.n, n->any.of, depth, &length) && longest_of(n->one.n, n->one.of, depth, &length) &&
              longest(n->excluded, depth, &length) && longest(n->condition, depth, &length) && longest(n->then, depth, &length) &&
              longest(n->otherwise, depth, &length) &&
              longest_of(lt_json_len(n->dependent_schemas.names), n->dependent_schemas.of, depth, &length);
    if (!ok || length >= MAX_CHAIN)
        return 0;
    n->chain = (uint8_t)(length + 1);
    return n->chain;
}

static bool refuse_loops(struct compiler *c)
{
    static const struct place root;
    for (struct node *n = c->all; n; n = n->next)
        if (chain_length(n, 0) == 0)
            return refuse(c, &root,
                          "subschemas refer to one another in a loop or a chain of more than %d (at byte %zu of the text)",
                          MAX_CHAIN, lt_json_offset(n->source));
    return true;
}

enum lt_code lt_schema_compile_with(struct lt_arena *arena, const struct lt_json *schema, const struct lt_schema_options *options,
                                    const struct lt_schema **ret, struct lt_error *err)
{
    *ret = NULL;
    struct compiler c = {.arena = arena, .options = options, .err = err, .regex_context = pcre2_compile_context_create(NULL)};
    if (!c.regex_context)
        lt_out_of_memory(0);
    pcre2_set_max_pattern_length(c.regex_context, MAX_PATTERN);
    pcre2_set_parens_nest_limit(c.regex_context, MAX_PATTERN_NEST);
    pcre2_set_compile_extra_options(c.regex_context, PCRE2_EXTRA_ALT_BSUX);
    struct place root = {0};
    add_resource(&c, LT_STR(""), schema);
    struct node *node = compile_node(&c, schema, &root);
    bool ok = node && resolve_all(&c) && refuse_loops(&c);
    pcre2_compile_context_free(c.regex_context);
    if (!ok)
        return c.code;
    struct lt_schema *s = LT_NEW(arena, struct lt_schema);
    *s = (struct lt_schema){.root = node, .document = schema};
    *ret = s;
    return LT_OK;
}

enum lt_code lt_schema_compile(struct lt_arena *arena, const struct lt_json *schema, const struct lt_schema **ret,
                               struct lt_error *err)
{
    static const struct lt_schema_options options;
    return lt_schema_compile_with(arena, schema, &options, ret, err);
}

enum lt_code lt_schema_compile_text(struct lt_arena *arena, const char *schema, const struct lt_schema **ret,
                                    struct lt_error *err)
{
    const struct lt_json *v;
    *ret = NULL;
    if (lt_json_parse(arena, lt_str(schema), LT_JSON_STRICT, &v, err)) {
        if (err) {
            err->code = LT_ECONFIG;
            lt_error_wrap(err, "schema");
        }
        return LT_ECONFIG;
    }
    return lt_schema_compile(arena, v, ret, err);
}
