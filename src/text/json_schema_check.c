/*
 * Checking with a compiled JSON Schema: its nodes are walked along with the value. Everything that a hostile schema or value
 * could make expensive has a limit, named below.
 */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "text/json_schema_node.h"

enum {
    MAX_LEVELS = 300,           /* nesting of checks, which bounds the stack */
    MAX_STEPS = 4000000,        /* checks of one node against one value, in one lt_schema_check() */
    MAX_SEARCHED = 16384,       /* bytes of a string that is searched for a pattern */
    MAX_ANCHORED = 1024 * 1024, /* bytes of a string whose pattern begins with ^ */
    PATTERN_HEAP_KIB = 1024,
};

/* ---- regular expressions ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
/*
 * Contexts whose match limits are 10^5, 10^4 and 10^3. PCRE2 counts anew at each place where a match may begin, so a longer text
 * gets a lower limit, and the product stays near 10^7.
 */
static pcre2_match_context *match_contexts[3];

static void set_up(void)
{
    uint32_t limit = 100000;
    for (size_t i = 0; i < LT_COUNT(match_contexts); i++, limit /= 10) {
        match_contexts[i] = pcre2_match_context_create(NULL);
        if (!match_contexts[i])
            lt_out_of_memory(0);
        pcre2_set_match_limit(match_contexts[i], limit);
        pcre2_set_heap_limit(match_contexts[i], PATTERN_HEAP_KIB);
    }
}

static size_t code_points(struct lt_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

/* ---- messages ---- */

/* lt_schema_check_all()'s list. */
struct list {
    struct lt_arena *arena;
    const struct lt_schema *schema;
    struct lt_schema_error *errors;
    size_t n, max;
};

enum { POINTER_MAX = 500 }; /* bytes of a path in the list */

/* The error that alternatives leave behind, as the list wants it. */
struct furthest {
    const struct node *node; /* whose keyword complained; NULL: a limit was passed */
    const char *keyword;
    char pointer[POINTER_MAX];
};

/*
 * Alternatives (anyOf, oneOf) fail branch by branch. Of all their errors the one deepest in the value is kept, because that
 * branch came furthest; reasons at the same place are joined by "or".
 */
struct check {
    struct lt_error *err;      /* NULL: nobody asks why */
    int err_depth;             /* of the place in err; -1 = none yet */
    int quiet;                 /* > 0: inside `not`, `if`, `contains`, where a failure is no error */
    bool naming;               /* the value is a member's name */
    bool aborted;              /* a limit was passed: everything fails, `not` too */
    int levels, steps;
    struct list *list;         /* goes on behind an error; NULL: the first one is enough, also inside alternatives */
    struct furthest *furthest; /* inside alternatives, when they are part of a list */
    pcre2_match_data *match;   /* made when the first pattern is looked for */
};

/* Whether `wanted` is reached from `from`, and by which way. Values are known by their address. */
static bool find_value(const struct lt_json *from, const struct lt_json *wanted, const struct place *at, char *out, size_t cap)
{
    if (from == wanted)
        lt_schema_pointer(at, out, cap);
    bool found = from == wanted;
    for (size_t i = 0; i < lt_json_len(from) && !found; i++) {
        struct place member = member_place(at, lt_json_key_at(from, i)), item = item_place(at, i);
        found = find_value(lt_json_at(from, i), wanted, from->type == LT_JSON_OBJECT ? &member : &item, out, cap);
    }
    return found;
}

/* Where the keyword stands in the schema document. */
static const char *rule_path(const struct list *list, const struct node *node, const char *keyword)
{
    static const struct place root;
    char pointer[POINTER_MAX] = "";
    if (!node || !find_value(list->schema->document, node->source, &root, pointer, sizeof(pointer)))
        return "";
    return lt_printf(list->arena, "%s%s%s", pointer, keyword ? "/" : "", keyword ? keyword : "").p;
}

/* A full list ends the check. */
static void put_error(struct check *st, const char *pointer, const struct node *node, const char *keyword, const char *words)
{
    struct list *list = st->list;
    if (list->n == list->max)
        return;
    list->errors[list->n++] = (struct lt_schema_error){.at = lt_strz(list->arena, lt_str(pointer)),
                                                       .rule = rule_path(list, node, keyword),
                                                       .words = lt_strz(list->arena, lt_str(words))};
    st->aborted = st->aborted || list->n == list->max;
}

/* Keeps the message unless a deeper one is there. */
static void keep(struct check *st, const struct node *n, const char *keyword, const struct place *at, const char *reason)
{
    char pointer[sizeof(st->err->field)];
    lt_schema_pointer(at, pointer, sizeof(pointer));
    if (st->err_depth != at->depth) {
        lt_fail_field(st->err, LT_EINVALID_INPUT, pointer, "%s", reason);
        st->err_depth = at->depth;
        if (st->furthest) {
            st->furthest->node = n;
            st->furthest->keyword = keyword;
            lt_schema_pointer(at, st->furthest->pointer, POINTER_MAX);
        }
        return;
    }
    struct lt_error *err = st->err;
    size_t len = strlen(err->detail), more = strlen(reason) + 5;
    if (strcmp(pointer, err->field) == 0 && !strstr(err->detail, reason) && len + more < sizeof(err->detail))
        snprintf(err->detail + len, sizeof(err->detail) - len, ", or %s", reason);
}

/* The rule `keyword` of n (NULL: n itself, which is `false`) does not hold. */
__attribute__((cold, noinline, format(printf, 5, 6))) static bool wrong(struct check *st, const struct node *n, const char *keyword,
                                                                        const struct place *at, const char *format, ...)
{
    if (st->aborted || st->quiet || (!st->list && (!st->err || st->err_depth > at->depth)))
        return false;
    char reason[300], pointer[POINTER_MAX];
    int from = snprintf(reason, sizeof(reason), "%s", st->naming ? "its name " : "");
    va_list args;
    va_start(args, format);
    vsnprintf(reason + from, sizeof(reason) - (size_t)from, format, args);
    va_end(args);
    reason[lt_utf8_whole(reason, strlen(reason))] = '\0';
    if (!st->list) {
        keep(st, n, keyword, at, reason);
        return false;
    }
    lt_schema_pointer(at, pointer, sizeof(pointer));
    put_error(st, pointer, n, keyword, reason);
    return false;
}

__attribute__((cold, noinline, format(printf, 3, 4))) static bool give_up(struct check *st, const struct place *at,
                                                                          const char *format, ...)
{
    char pointer[POINTER_MAX], reason[200];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    lt_schema_pointer(at, pointer, sizeof(pointer));
    if (st->aborted)
        return false;
    if (st->list) {
        put_error(st, pointer, NULL, NULL, reason);
    } else {
        lt_fail_field(st->err, LT_EINVALID_INPUT, pointer, "%s", reason);
        if (st->furthest)
            *st->furthest = (struct furthest){0}, snprintf(st->furthest->pointer, POINTER_MAX, "%s", pointer);
    }
    st->aborted = true;
    return false;
}

/* ---- rules ---- */

static bool check_node(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at);

/* One step and one level more; false where that is too much. To be followed by st->levels--. */
static inline bool step_in(struct check *st, const struct place *at, uint32_t n)
{
    st->steps += 1 + (int)(n / 16);
    st->levels++;
    if (st->steps > MAX_STEPS)
        return give_up(st, at, "takes more than %d steps to check", MAX_STEPS);
    if (st->levels > MAX_LEVELS)
        return give_up(st, at, "is nested too deeply to be checked (more than %d levels)", MAX_LEVELS);
    return !st->aborted;
}

/* One of several rules, in a function with `bool ok = true`: where it does not hold, that is the end, unless all errors are wanted. */
#define RULE(holds)                                                                                                          \
    do {                                                                                                                     \
        if (!(holds)) {                                                                                                      \
            if (!st->list || st->quiet || st->aborted)                                                                       \
                return false;                                                                                                \
            ok = false;                                                                                                      \
        }                                                                                                                    \
    } while (0)

/* Whether the text has a match. Aborts the check when that cannot be found out within the limits. */
static bool matches(struct check *st, const struct regex *regex, struct lt_str s, const struct place *at)
{
    size_t max = regex->anchored ? MAX_ANCHORED : MAX_SEARCHED;
    if (s.n > max)
        return give_up(st, at, "is too long for its pattern to be looked for (%zu bytes, at most %zu)", s.n, max);
    if (!st->match && !(st->match = pcre2_match_data_create(1, NULL)))
        lt_out_of_memory(0);
    size_t level = regex->anchored || s.n <= 100 ? 0 : s.n <= 1000 ? 1 : 2;
    int rc = pcre2_match(regex->code, (PCRE2_SPTR)(s.p ? s.p : ""), s.n, 0, PCRE2_NO_UTF_CHECK, st->match, match_contexts[level]);
    if (rc >= 0)
        return true;
    return rc == PCRE2_ERROR_NOMATCH ? false : give_up(st, at, "could not be matched with its pattern within the limits of time");
}

__attribute__((cold, noinline)) static bool wrong_type(struct check *st, const struct node *node, const struct lt_json *v,
                                                       const struct place *at)
{
    uint8_t wanted = node->types;
    char list[120] = "";
    size_t n = 0;
    for (size_t i = 0; i < LT_SCHEMA_TYPES; i++)
        if (wanted & lt_schema_types[i].bit) {
            wanted &= (uint8_t)~lt_schema_types[i].bit;
            const char *between = n == 0 ? "" : wanted ? ", " : " or ";
            n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", between, lt_schema_types[i].words);
        }
    const char *is = lt_json_type_name(v);
    for (size_t i = 0; i < LT_SCHEMA_TYPES; i++)
        if (strcmp(is, lt_schema_types[i].name) == 0)
            is = lt_schema_types[i].words;
    return wrong(st, node, "type", at, "must be %s, is %s", list, is);
}

static bool check_type(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at)
{
    if (n->types & 1 << v->type || (v->type == LT_JSON_NUMBER && n->types & INTEGER && lt_json_is_integral(v)))
        return true;
    return wrong_type(st, n, v, at);
}

/* The values of the schema (never those of the caller) as text, cut when long. */
__attribute__((cold, noinline)) static bool wrong_choice(struct check *st, const struct node *node, const char *keyword,
                                                         const struct lt_json *values, size_t count, const struct place *at)
{
    if (st->quiet || (!st->err && !st->list))
        return false;
    if (count == 0)
        return wrong(st, node, keyword, at, "is not allowed here");
    struct lt_buf list;
    lt_buf_init(&list, 200);
    for (size_t i = 0; i < count && !list.failed; i++) {
        if (i > 0)
            lt_buf_put_str(&list, LT_STR(", "));
        lt_json_write(&list, &values[i]);
    }
    size_t n = lt_utf8_whole(list.p ? list.p : "", list.n);
    wrong(st, node, keyword, at, "must be %s%.*s%s", count > 1 ? "one of " : "", (int)n, list.p ? list.p : "", list.failed ? " …" : "");
    lt_buf_free(&list);
    return false;
}

static bool check_choices(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at)
{
    st->steps += (int)(n->choices->n / 16); /* a long list costs more than one step */
    for (uint32_t i = 0; i < n->choices->n; i++)
        if (lt_json_equal(&n->choices->items[i], v))
            return true;
    return wrong_choice(st, n, "enum", n->choices->items, n->choices->n, at);
}

/* V / (D × 10^b) is whole? Exact: V's digits are reduced modulo D. */
static bool is_multiple(const struct node *n, const struct lt_json *v)
{
    if (!isfinite(lt_json_double_or(v, 0)))
        return false;
    struct lt_decimal d;
    lt_json_decimal(v, &d);
    if (d.n == 0)
        return true;
    int64_t zeros = d.exponent - d.n - n->multiple_exponent;
    if (zeros < 0)
        return false; /* V's last digit is not 0, so V × 10^zeros is not whole */
    unsigned __int128 rest = 0;
    for (int i = 0; i < d.n; i++)
        rest = (rest * 10 + d.digits[i]) % n->multiple_digits;
    for (int64_t i = 0; i < zeros && i < 64 && rest; i++) /* 10^64 has every 2 and 5 that a 64-bit D can have */
        rest = rest * 10 % n->multiple_digits;
    return rest == 0;
}

static bool check_number(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at)
{
    bool ok = true;
    if (n->minimum && lt_json_compare(v, n->minimum) < 0)
        RULE(wrong(st, n, "minimum", at, "must be at least %.*s, is less", LT_FMT(lt_json_number_text(n->minimum))));
    if (n->maximum && lt_json_compare(v, n->maximum) > 0)
        RULE(wrong(st, n, "maximum", at, "must be at most %.*s, is more", LT_FMT(lt_json_number_text(n->maximum))));
    if (n->above && lt_json_compare(v, n->above) <= 0)
        RULE(wrong(st, n, "exclusiveMinimum", at, "must be more than %.*s, is not", LT_FMT(lt_json_number_text(n->above))));
    if (n->below && lt_json_compare(v, n->below) >= 0)
        RULE(wrong(st, n, "exclusiveMaximum", at, "must be less than %.*s, is not", LT_FMT(lt_json_number_text(n->below))));
    if (n->multiple && !is_multiple(n, v))
        RULE(wrong(st, n, "multipleOf", at, "must be a multiple of %.*s, is not", LT_FMT(lt_json_number_text(n->multiple))));
    return ok;
}

/* A count and its limits. */
struct count {
    int64_t min, max;
    size_t is;
    const char *unit, *low, *high; /* in the plural; the keywords */
};

__attribute__((cold, noinline)) static bool wrong_count(struct check *st, const struct node *n, const struct count *c,
                                                        const struct place *at)
{
    const char *has = c->unit[0] == 'c' ? "be" : "have", *now = c->unit[0] == 'c' ? "is" : "has";
    bool few = (int64_t)c->is < c->min;
    int64_t limit = few ? c->min : c->max;
    int plural = limit == 1 ? 1 : 0; /* how many letters to cut off */
    return wrong(st, n, few ? c->low : c->high, at, "must %s at %s %lld %.*s, %s %zu", has, few ? "least" : "most", (long long)limit,
                 (int)strlen(c->unit) - plural, c->unit, now, c->is);
}

static inline bool check_count(struct check *st, const struct node *n, struct count c, const struct place *at)
{
    return ((int64_t)c.is >= c.min && (int64_t)c.is <= c.max) || wrong_count(st, n, &c, at);
}

static bool check_string(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at)
{
    bool ok = true;
    struct lt_str s = lt_json_str(v);
    /* n bytes are at least n / 4 code points and at most n: mostly that says enough. */
    if ((int64_t)(s.n + 3) / 4 < n->min_length || (int64_t)s.n > n->max_length) {
        struct count c = {n->min_length, n->max_length, code_points(s), "characters", "minLength", "maxLength"};
        RULE(check_count(st, n, c, at));
    }
    if (n->pattern.code && !matches(st, &n->pattern, s, at))
        RULE(wrong(st, n, "pattern", at, "must match the pattern %.*s", shown(n->pattern.text, 120), n->pattern.text.p));
    return ok;
}

static size_t find_repeated_of_few(const struct lt_json *v, size_t *first)
{
    for (uint32_t i = 1; i < v->n; i++)
        for (*first = 0; *first < i; ++*first)
            if (lt_json_equal(&v->items[*first], &v->items[i]))
                return i;
    return v->n;
}

/* Index of an element that equals an earlier one, or n. A hash table of element index + 1 above 8 elements, so O(n). */
static size_t find_repeated(const struct lt_json *v, size_t *first)
{
    if (v->n <= LT_JSON_LINEAR)
        return find_repeated_of_few(v, first);
    uint32_t mask = lt_json_slot_count(v->n) - 1;
    uint32_t *slots = calloc((size_t)mask + 1, sizeof(*slots));
    if (!slots)
        lt_out_of_memory(0);
    size_t found = v->n;
    for (uint32_t i = 0; i < v->n && found == v->n; i++) {
        uint32_t at = (uint32_t)lt_json_hash(&v->items[i]) & mask;
        while (slots[at] && !lt_json_equal(&v->items[slots[at] - 1], &v->items[i]))
            at = (at + 1) & mask;
        if (slots[at]) {
            *first = slots[at] - 1;
            found = i;
        }
        slots[at] = i + 1;
    }
    free(slots);
    return found;
}

static bool check_unique(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at)
{
    size_t first = 0, again = v->n > 1 ? find_repeated(v, &first) : v->n;
    if (again == v->n)
        return true;
    struct place item = item_place(at, again);
    return wrong(st, n, "uniqueItems", &item, "must differ from all other elements, is the same as number %zu", first);
}

static bool check_contains(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at)
{
    int64_t count = 0;
    st->quiet++;
    for (uint32_t i = 0; i < v->n && !st->aborted; i++) {
        struct place item = item_place(at, i);
        count += check_node(st, n->contains, &v->items[i], &item);
    }
    st->quiet--;
    if (st->aborted || (count >= n->min_contains && count <= n->max_contains))
        return !st->aborted;
    bool few = count < n->min_contains;
    const char *keyword = !few ? "maxContains" : n->min_contains > 1 ? "minContains" : "contains";
    return wrong(st, n, keyword, at, "must have at %s %lld elements of the form that `contains` describes, has %lld",
                 few ? "least" : "most", (long long)(few ? n->min_contains : n->max_contains), (long long)count);
}

static bool check_array(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at)
{
    bool ok = true;
    RULE(check_count(st, n, (struct count){n->min_items, n->max_items, v->n, "elements", "minItems", "maxItems"}, at));
    for (uint32_t i = 0; i < v->n; i++) {
        const struct node *node = i < n->prefix.n ? n->prefix.of[i] : n->items;
        struct place item = item_place(at, i);
        if (!node)
            break;
        RULE(check_node(st, node, &v->items[i], &item));
    }
    if (n->contains)
        RULE(check_contains(st, n, v, at));
    if (n->unique)
        RULE(check_unique(st, n, v, at));
    return ok;
}

/* The node for a member of the schema object `list`, NULL when it has none. O(1). */
static const struct node *named(const struct named_nodes *list, struct lt_str name)
{
    const struct lt_json *v = list->names ? lt_json_get_str(list->names, name) : NULL;
    if (!v)
        return NULL;
    const char *member = (const char *)v - offsetof(struct lt_json_member, value);
    return list->of[(const struct lt_json_member *)(const void *)member - list->names->members];
}

static bool check_name(struct check *st, const struct node *n, struct lt_str key, const struct place *at)
{
    struct lt_json name = {.type = LT_JSON_STRING, .text = key.p, .n = (uint32_t)key.n};
    st->naming = true;
    bool ok = check_node(st, n, &name, at);
    st->naming = false;
    return ok;
}

static bool check_member(struct check *st, const struct node *n, const struct lt_json_member *m, const struct place *at)
{
    bool ok = true;
    const struct node *own = named(&n->properties, m->key);
    bool known = own != NULL;
    if (own)
        RULE(check_node(st, own, &m->value, at));
    for (size_t i = 0; i < n->patterns.n; i++)
        if (matches(st, &n->patterns.of[i].regex, m->key, at)) {
            known = true;
            RULE(check_node(st, n->patterns.of[i].node, &m->value, at));
        }
    if (st->aborted)
        return false;
    if (!known && n->additional)
        RULE(check_node(st, n->additional, &m->value, at));
    if (n->names)
        RULE(check_name(st, n->names, m->key, at));
    return ok;
}

/* because: the member whose presence demands these, p == NULL when they are always demanded. */
static bool check_required(struct check *st, const struct node *n, const struct lt_json *names, struct lt_str because,
                           const struct lt_json *v, const struct place *at)
{
    bool ok = true;
    for (uint32_t i = 0; i < names->n; i++) {
        struct lt_str name = lt_json_str(&names->items[i]);
        if (lt_json_get_str(v, name))
            continue;
        struct place member = member_place(at, name);
        const char *keyword = n->resource->draft_07 ? "dependencies" : "dependentRequired";
        if (!because.p)
            RULE(wrong(st, n, "required", &member, "is required"));
        else
            RULE(wrong(st, n, keyword, &member, "is required where \"%.*s\" is given", shown(because, 60), because.p));
    }
    return ok;
}

static bool check_dependent(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at)
{
    bool ok = true;
    const struct lt_json *required = n->dependent_required, *schemas = n->dependent_schemas.names;
    for (uint32_t i = 0; required && i < required->n; i++) {
        struct lt_str key = required->members[i].key;
        const struct lt_json *names = &required->members[i].value;
        if (names->type == LT_JSON_ARRAY && lt_json_get_str(v, key))
            RULE(check_required(st, n, names, key, v, at));
    }
    for (uint32_t i = 0; schemas && i < schemas->n; i++)
        if (n->dependent_schemas.of[i] && lt_json_get_str(v, schemas->members[i].key))
            RULE(check_node(st, n->dependent_schemas.of[i], v, at));
    return ok;
}

static bool check_object(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at)
{
    bool ok = true;
    if (n->required)
        RULE(check_required(st, n, n->required, LT_STR_NULL, v, at));
    RULE(check_count(st, n, (struct count){n->min_members, n->max_members, v->n, "members", "minProperties", "maxProperties"}, at));
    for (uint32_t i = 0; i < v->n; i++) {
        struct place member = member_place(at, v->members[i].key);
        RULE(check_member(st, n, &v->members[i], &member));
    }
    RULE(check_dependent(st, n, v, at));
    return ok;
}

/* ---- alternatives ---- */

/* Errors of alternatives that do not matter, because another one fits. */
static void forget(struct check *st)
{
    if (!st->quiet && !st->aborted)
        st->err_depth = -1;
}

static bool check_any(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at)
{
    bool ok = false;
    for (size_t i = 0; i < n->any.n && !ok && !st->aborted; i++)
        ok = check_node(st, n->any.of[i], v, at);
    if (ok)
        forget(st);
    return ok && !st->aborted;
}

static bool check_one(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at)
{
    size_t fit[2] = {0, 0}, count = 0;
    for (size_t i = 0; i < n->one.n && count < 2 && !st->aborted; i++)
        if (check_node(st, n->one.of[i], v, at))
            fit[count++] = i + 1;
    if (st->aborted || count == 0)
        return false;
    forget(st);
    return count == 1 || wrong(st, n, "oneOf", at, "must have exactly one of the %zu allowed forms, has number %zu and number %zu",
                               n->one.n, fit[0], fit[1]);
}

typedef bool check_function(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at);

/* Of alternatives the list gets one error: the furthest. */
__attribute__((noinline)) static bool check_listed(struct check *st, check_function *check, const struct node *n, const struct lt_json *v,
                                                   const struct place *at)
{
    struct lt_error err = {0};
    struct furthest furthest = {0};
    struct list *list = st->list;
    st->list = NULL, st->err = &err, st->err_depth = -1, st->furthest = &furthest;
    bool ok = check(st, n, v, at);
    st->list = list, st->err = NULL, st->furthest = NULL;
    if (!ok)
        put_error(st, furthest.pointer, furthest.node, furthest.keyword, err.detail);
    return ok;
}

/* Whether the value has that form; nothing is said when it has not. */
static bool fits_quietly(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at)
{
    st->quiet++;
    bool fits = check_node(st, n, v, at);
    st->quiet--;
    return fits;
}

static bool check_excluded(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at)
{
    bool fits = fits_quietly(st, n->excluded, v, at);
    if (st->aborted)
        return false;
    return !fits || wrong(st, n, "not", at, "must not have the form that `not` describes");
}

static bool check_condition(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at)
{
    const struct node *next = fits_quietly(st, n->condition, v, at) ? n->then : n->otherwise;
    return !st->aborted && (!next || check_node(st, next, v, at));
}

static bool check_combined(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at)
{
    bool ok = true;
    if (n->ref)
        RULE(check_node(st, n->ref, v, at));
    for (size_t i = 0; i < n->all.n; i++)
        RULE(check_node(st, n->all.of[i], v, at));
    bool listed = st->list && !st->quiet; /* decided here, so that the usual way does not need the stack of check_listed() */
    if (n->any.n > 0)
        RULE(listed ? check_listed(st, check_any, n, v, at) : check_any(st, n, v, at));
    if (n->one.n > 0)
        RULE(listed ? check_listed(st, check_one, n, v, at) : check_one(st, n, v, at));
    if (n->excluded)
        RULE(check_excluded(st, n, v, at));
    if (n->condition)
        RULE(check_condition(st, n, v, at));
    return ok;
}

/* ---- unevaluatedItems, unevaluatedProperties ---- */

/*
 * Which elements or members of v some rule of n has looked at, once n as a whole fits: seen[i] is set. So that only schemas pay for it that
 * have such a keyword, nothing is noted while checking; the nodes that n combines for the same value are gone through a second time.
 */
static void mark_seen(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at, bool *seen);

static void mark_items(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at, bool *seen)
{
    size_t known = n->items ? v->n : n->prefix.n < v->n ? n->prefix.n : v->n;
    memset(seen, true, known);
    for (size_t i = known; n->contains && i < v->n && !st->aborted; i++) {
        struct place item = item_place(at, i);
        seen[i] = seen[i] || fits_quietly(st, n->contains, &v->items[i], &item);
    }
}

static void mark_members(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at, bool *seen)
{
    for (uint32_t i = 0; i < v->n && !st->aborted; i++) {
        seen[i] = seen[i] || n->additional || named(&n->properties, v->members[i].key);
        for (size_t k = 0; k < n->patterns.n && !seen[i]; k++)
            seen[i] = matches(st, &n->patterns.of[k].regex, v->members[i].key, at);
    }
}

/* Alternatives that fit have looked, the others have not. */
static void mark_fitting(struct check *st, const struct nodes *list, const struct lt_json *v, const struct place *at, bool *seen)
{
    for (size_t i = 0; i < list->n && !st->aborted; i++)
        if (fits_quietly(st, list->of[i], v, at))
            mark_seen(st, list->of[i], v, at, seen);
}

static void mark_combined(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at, bool *seen)
{
    if (n->ref)
        mark_seen(st, n->ref, v, at, seen);
    for (size_t i = 0; i < n->all.n; i++)
        mark_seen(st, n->all.of[i], v, at, seen);
    mark_fitting(st, &n->any, v, at, seen);
    mark_fitting(st, &n->one, v, at, seen);
    if (!n->condition)
        return;
    bool fits = fits_quietly(st, n->condition, v, at);
    const struct node *next = fits ? n->then : n->otherwise;
    if (fits)
        mark_seen(st, n->condition, v, at, seen);
    if (next)
        mark_seen(st, next, v, at, seen);
}

/* Without unevaluated… of n itself. */
static void mark_by_others(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at, bool *seen)
{
    bool go_on = step_in(st, at, v->n);
    if (go_on && v->type == LT_JSON_ARRAY)
        mark_items(st, n, v, at, seen);
    else if (go_on)
        mark_members(st, n, v, at, seen);
    if (go_on && n->groups & COMBINED)
        mark_combined(st, n, v, at, seen);
    const struct lt_json *schemas = n->dependent_schemas.names;
    for (uint32_t i = 0; go_on && v->type == LT_JSON_OBJECT && schemas && i < schemas->n; i++)
        if (n->dependent_schemas.of[i] && lt_json_get_str(v, schemas->members[i].key))
            mark_seen(st, n->dependent_schemas.of[i], v, at, seen);
    st->levels--;
}

/* The keyword for the rest of v; NULL when n has none. */
static const struct node *rest_of(const struct node *n, const struct lt_json *v)
{
    return v->type == LT_JSON_ARRAY ? n->rest_items : v->type == LT_JSON_OBJECT ? n->rest_members : NULL;
}

static void mark_seen(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at, bool *seen)
{
    if (rest_of(n, v))
        memset(seen, true, v->n);
    else
        mark_by_others(st, n, v, at, seen);
}

static bool check_unseen(struct check *st, const struct node *rest, const struct lt_json *v, const struct place *at, const bool *seen)
{
    bool ok = true;
    for (uint32_t i = 0; i < v->n; i++) {
        struct place item = item_place(at, i);
        if (v->type == LT_JSON_OBJECT)
            item = member_place(at, v->members[i].key);
        if (!seen[i])
            RULE(check_node(st, rest, lt_json_at(v, i), &item));
    }
    return ok;
}

/* After all other rules of n. Not inline, so that the usual way does not need its stack. */
__attribute__((noinline)) static bool check_rest(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at)
{
    const struct node *rest = rest_of(n, v);
    if (!rest || v->n == 0)
        return true;
    bool *seen = calloc(v->n, sizeof(*seen));
    if (!seen)
        lt_out_of_memory(0);
    mark_by_others(st, n, v, at, seen);
    bool ok = !st->aborted && check_unseen(st, rest, v, at, seen);
    free(seen);
    return ok;
}

/* ---- a node, a value ---- */

static bool check_rules(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at)
{
    bool ok = true;
    if (n->never)
        return wrong(st, n, NULL, at, "is not allowed here");
    if (n->types)
        RULE(check_type(st, n, v, at));
    if (n->constant && !lt_json_equal(n->constant, v))
        RULE(wrong_choice(st, n, "const", n->constant, 1, at));
    if (n->choices)
        RULE(check_choices(st, n, v, at));
    if (!(n->groups & 1 << v->type))
        return ok;
    switch ((enum lt_json_type)v->type) {
    case LT_JSON_NUMBER:
        return check_number(st, n, v, at) && ok;
    case LT_JSON_STRING:
        return check_string(st, n, v, at) && ok;
    case LT_JSON_ARRAY:
        return check_array(st, n, v, at) && ok;
    case LT_JSON_OBJECT:
        return check_object(st, n, v, at) && ok;
    default:
        return ok;
    }
}

static bool check_all_rules(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at)
{
    bool ok = true;
    RULE(check_rules(st, n, v, at));
    if (n->groups & COMBINED)
        RULE(check_combined(st, n, v, at));
    if (n->groups & REST && ok)
        RULE(check_rest(st, n, v, at));
    return ok;
}

static bool check_node(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at)
{
    bool ok = step_in(st, at, 0) && check_all_rules(st, n, v, at);
    st->levels--;
    return ok;
}

enum lt_code lt_schema_check(const struct lt_schema *schema, const struct lt_json *value, struct lt_error *err)
{
    pthread_once(&once, set_up);
    struct check st = {.err = err, .err_depth = -1};
    struct place root = {0};
    if (!value)
        return lt_fail_field(err, LT_EINVALID_INPUT, "", "is absent");
    bool ok = check_node(&st, schema->root, value, &root);
    pcre2_match_data_free(st.match);
    return ok ? LT_OK : LT_EINVALID_INPUT;
}

enum lt_code lt_schema_check_all(const struct lt_schema *schema, const struct lt_json *value, struct lt_arena *arena, size_t max,
                                 const struct lt_schema_error **ret, size_t *n)
{
    pthread_once(&once, set_up);
    struct list list = {.arena = arena, .schema = schema, .errors = LT_NEW_ARRAY(arena, struct lt_schema_error, max), .max = max};
    struct check st = {.err_depth = -1, .list = &list};
    struct place root = {0};
    bool ok = value != NULL;
    if (!ok)
        put_error(&st, "", schema->root, NULL, "is absent");
    else
        ok = check_node(&st, schema->root, value, &root);
    pcre2_match_data_free(st.match);
    *ret = list.errors;
    *n = list.n;
    return ok ? LT_OK : LT_EINVALID_INPUT;
}
