/*
 * Checking with a compiled JSON Schema: its nodes are walked along with the value. Everything that a hostile schema or value
 * could make expensive has a limit, named below.
 */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

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
            abort();
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

/*
 * Alternatives (anyOf, oneOf) fail branch by branch. Of all their errors the one deepest in the value is kept, because that
 * branch came furthest; reasons at the same place are joined by "or".
 */
struct check {
    struct lt_error *err; /* NULL: nobody asks why */
    int err_depth;        /* of the place in err; -1 = none yet */
    int quiet;            /* > 0: inside `not`, `if`, `contains`, where a failure is no error */
    bool naming;          /* the value is a member's name */
    bool aborted;         /* a limit was passed: everything fails, `not` too */
    int levels, steps;
};

/* Keeps the message unless a deeper one is there. */
static void keep(struct check *st, const struct place *at, const char *reason)
{
    char pointer[sizeof(st->err->field)];
    lt_schema_pointer(at, pointer, sizeof(pointer));
    if (st->err_depth != at->depth) {
        lt_fail_field(st->err, LT_EINVALID_INPUT, pointer, "%s", reason);
        st->err_depth = at->depth;
        return;
    }
    struct lt_error *err = st->err;
    size_t n = strlen(err->detail), more = strlen(reason) + 5;
    if (strcmp(pointer, err->field) == 0 && !strstr(err->detail, reason) && n + more < sizeof(err->detail))
        snprintf(err->detail + n, sizeof(err->detail) - n, ", or %s", reason);
}

__attribute__((cold, noinline, format(printf, 3, 4))) static bool wrong(struct check *st, const struct place *at,
                                                                        const char *format, ...)
{
    if (st->aborted || st->quiet || !st->err || st->err_depth > at->depth)
        return false;
    char reason[300];
    int from = snprintf(reason, sizeof(reason), "%s", st->naming ? "its name " : "");
    va_list args;
    va_start(args, format);
    vsnprintf(reason + from, sizeof(reason) - (size_t)from, format, args);
    va_end(args);
    reason[lt_utf8_whole(reason, strlen(reason))] = '\0';
    keep(st, at, reason);
    return false;
}

__attribute__((cold, noinline, format(printf, 3, 4))) static bool give_up(struct check *st, const struct place *at,
                                                                          const char *format, ...)
{
    char pointer[sizeof(st->err->field)], reason[200];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    lt_schema_pointer(at, pointer, sizeof(pointer));
    if (!st->aborted)
        lt_fail_field(st->err, LT_EINVALID_INPUT, pointer, "%s", reason);
    st->aborted = true;
    return false;
}

/* ---- rules ---- */

static bool check_node(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at);

/* Whether the text has a match. Aborts the check when that cannot be found out within the limits. */
static bool matches(struct check *st, const struct regex *regex, struct lt_str s, const struct place *at)
{
    size_t max = regex->anchored ? MAX_ANCHORED : MAX_SEARCHED;
    if (s.n > max)
        return give_up(st, at, "is too long for its pattern to be looked for (%zu bytes, at most %zu)", s.n, max);
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    if (!data)
        abort();
    size_t level = regex->anchored || s.n <= 100 ? 0 : s.n <= 1000 ? 1 : 2;
    int rc = pcre2_match(regex->code, (PCRE2_SPTR)(s.p ? s.p : ""), s.n, 0, PCRE2_NO_UTF_CHECK, data, match_contexts[level]);
    pcre2_match_data_free(data);
    if (rc >= 0)
        return true;
    return rc == PCRE2_ERROR_NOMATCH ? false : give_up(st, at, "could not be matched with its pattern within the limits of time");
}

__attribute__((cold, noinline)) static bool wrong_type(struct check *st, uint8_t wanted, const struct lt_json *v,
                                                       const struct place *at)
{
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
    return wrong(st, at, "must be %s, is %s", list, is);
}

static bool check_type(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at)
{
    if (n->types & 1 << v->type || (v->type == LT_JSON_NUMBER && n->types & INTEGER && lt_json_is_integral(v)))
        return true;
    return wrong_type(st, n->types, v, at);
}

/* The values of the schema (never those of the caller) as text, cut when long. */
__attribute__((cold, noinline)) static bool wrong_choice(struct check *st, const struct lt_json *values, size_t count,
                                                         const struct place *at)
{
    if (st->quiet || !st->err)
        return false;
    if (count == 0)
        return wrong(st, at, "is not allowed here");
    struct lt_buf list;
    lt_buf_init(&list, 200);
    for (size_t i = 0; i < count && !list.failed; i++) {
        if (i > 0)
            lt_buf_put_str(&list, LT_STR(", "));
        lt_json_write(&list, &values[i]);
    }
    size_t n = lt_utf8_whole(list.p ? list.p : "", list.n);
    wrong(st, at, "must be %s%.*s%s", count > 1 ? "one of " : "", (int)n, list.p ? list.p : "", list.failed ? " …" : "");
    lt_buf_free(&list);
    return false;
}

static bool check_choices(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at)
{
    st->steps += (int)(n->choices->n / 16); /* a long list costs more than one step */
    for (uint32_t i = 0; i < n->choices->n; i++)
        if (lt_json_equal(&n->choices->items[i], v))
            return true;
    return wrong_choice(st, n->choices->items, n->choices->n, at);
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
    if (n->minimum && lt_json_compare(v, n->minimum) < 0)
        return wrong(st, at, "must be at least %.*s, is less", LT_FMT(lt_json_number_text(n->minimum)));
    if (n->maximum && lt_json_compare(v, n->maximum) > 0)
        return wrong(st, at, "must be at most %.*s, is more", LT_FMT(lt_json_number_text(n->maximum)));
    if (n->above && lt_json_compare(v, n->above) <= 0)
        return wrong(st, at, "must be more than %.*s, is not", LT_FMT(lt_json_number_text(n->above)));
    if (n->below && lt_json_compare(v, n->below) >= 0)
        return wrong(st, at, "must be less than %.*s, is not", LT_FMT(lt_json_number_text(n->below)));
    if (n->multiple && !is_multiple(n, v))
        return wrong(st, at, "must be a multiple of %.*s, is not", LT_FMT(lt_json_number_text(n->multiple)));
    return true;
}

/* A count against its limits; `unit` in the plural. */
static bool check_count(struct check *st, int64_t min, int64_t max, size_t is, const char *unit, const struct place *at)
{
    const char *has = unit[0] == 'c' ? "be" : "have", *now = unit[0] == 'c' ? "is" : "has";
    int64_t limit = (int64_t)is < min ? min : max;
    int plural = limit == 1 ? 1 : 0; /* how many letters to cut off */
    if ((int64_t)is >= min && (int64_t)is <= max)
        return true;
    return wrong(st, at, "must %s at %s %lld %.*s, %s %zu", has, (int64_t)is < min ? "least" : "most", (long long)limit,
                 (int)strlen(unit) - plural, unit, now, is);
}

static bool check_string(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at)
{
    struct lt_str s = lt_json_str(v);
    if ((n->min_length > 0 || n->max_length < INT64_MAX) &&
        !check_count(st, n->min_length, n->max_length, code_points(s), "characters", at))
        return false;
    if (n->pattern.code && !matches(st, &n->pattern, s, at)) {
        int shown = n->pattern.text.n > 120 ? 120 : (int)n->pattern.text.n;
        return wrong(st, at, "must match the pattern %.*s", shown, n->pattern.text.p);
    }
    return true;
}

/* Index of an element that equals an earlier one, or n. A hash table of element index + 1 above 8 elements, so O(n). */
static size_t find_repeated(const struct lt_json *v, size_t *first)
{
    uint32_t mask = lt_json_slot_count(v->n) - 1;
    uint32_t *slots = calloc((size_t)mask + 1, sizeof(*slots));
    if (!slots)
        abort();
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

static bool check_unique(struct check *st, const struct lt_json *v, const struct place *at)
{
    size_t first = 0, again = v->n > 1 ? find_repeated(v, &first) : v->n;
    if (again == v->n)
        return true;
    struct place item = item_place(at, again);
    return wrong(st, &item, "must differ from all other elements, is the same as number %zu", first);
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
    return wrong(st, at, "must have at %s %lld elements of the form that `contains` describes, has %lld",
                 count < n->min_contains ? "least" : "most",
                 (long long)(count < n->min_contains ? n->min_contains : n->max_contains), (long long)count);
}

static bool check_array(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at)
{
    if (!check_count(st, n->min_items, n->max_items, v->n, "elements", at))
        return false;
    for (uint32_t i = 0; i < v->n; i++) {
        const struct node *node = i < n->prefix.n ? n->prefix.of[i] : n->items;
        struct place item = item_place(at, i);
        if (!node)
            break;
        if (!check_node(st, node, &v->items[i], &item))
            return false;
    }
    if (n->contains && !check_contains(st, n, v, at))
        return false;
    return !n->unique || check_unique(st, v, at);
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
    const struct node *own = named(&n->properties, m->key);
    bool known = own != NULL;
    if (own && !check_node(st, own, &m->value, at))
        return false;
    for (size_t i = 0; i < n->patterns.n; i++)
        if (matches(st, &n->patterns.of[i].regex, m->key, at)) {
            known = true;
            if (!check_node(st, n->patterns.of[i].node, &m->value, at))
                return false;
        }
    if (st->aborted || (!known && n->additional && !check_node(st, n->additional, &m->value, at)))
        return false;
    return !n->names || check_name(st, n->names, m->key, at);
}

/* because: the member whose presence demands these, p == NULL when they are always demanded. */
static bool check_required(struct check *st, const struct lt_json *names, struct lt_str because, const struct lt_json *v,
                           const struct place *at)
{
    for (uint32_t i = 0; i < names->n; i++) {
        struct lt_str name = lt_json_str(&names->items[i]);
        if (lt_json_get_str(v, name))
            continue;
        struct place member = member_place(at, name);
        if (!because.p)
            return wrong(st, &member, "is required");
        return wrong(st, &member, "is required where \"%.*s\" is given", because.n > 60 ? 60 : (int)because.n, because.p);
    }
    return true;
}

static bool check_dependent(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at)
{
    const struct lt_json *required = n->dependent_required, *schemas = n->dependent_schemas.names;
    for (uint32_t i = 0; required && i < required->n; i++) {
        struct lt_str key = required->members[i].key;
        if (lt_json_get_str(v, key) && !check_required(st, &required->members[i].value, key, v, at))
            return false;
    }
    for (uint32_t i = 0; schemas && i < schemas->n; i++)
        if (lt_json_get_str(v, schemas->members[i].key) && !check_node(st, n->dependent_schemas.of[i], v, at))
            return false;
    return true;
}

static bool check_object(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at)
{
    if (n->required && !check_required(st, n->required, LT_STR_NULL, v, at))
        return false;
    if (!check_count(st, n->min_members, n->max_members, v->n, "members", at))
        return false;
    for (uint32_t i = 0; i < v->n; i++) {
        struct place member = member_place(at, v->members[i].key);
        if (!check_member(st, n, &v->members[i], &member))
            return false;
    }
    return check_dependent(st, n, v, at);
}

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
    return count == 1 || wrong(st, at, "must have exactly one of the %zu allowed forms, has number %zu and number %zu", n->one.n,
                               fit[0], fit[1]);
}

static bool check_excluded(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at)
{
    st->quiet++;
    bool fits = check_node(st, n->excluded, v, at);
    st->quiet--;
    if (st->aborted)
        return false;
    return !fits || wrong(st, at, "must not have the form that `not` describes");
}

static bool check_condition(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at)
{
    st->quiet++;
    bool fits = check_node(st, n->condition, v, at);
    st->quiet--;
    const struct node *next = fits ? n->then : n->otherwise;
    return !st->aborted && (!next || check_node(st, next, v, at));
}

static bool check_combined(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at)
{
    if (n->ref && !check_node(st, n->ref, v, at))
        return false;
    for (size_t i = 0; i < n->all.n; i++)
        if (!check_node(st, n->all.of[i], v, at))
            return false;
    return (n->any.n == 0 || check_any(st, n, v, at)) && (n->one.n == 0 || check_one(st, n, v, at)) &&
           (!n->excluded || check_excluded(st, n, v, at)) && (!n->condition || check_condition(st, n, v, at));
}

static bool check_rules(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at)
{
    if (n->never)
        return wrong(st, at, "is not allowed here");
    if (n->types && !check_type(st, n, v, at))
        return false;
    if (n->constant && !lt_json_equal(n->constant, v))
        return wrong_choice(st, n->constant, 1, at);
    if (n->choices && !check_choices(st, n, v, at))
        return false;
    if (!(n->groups & 1 << v->type))
        return true;
    switch ((enum lt_json_type)v->type) {
    case LT_JSON_NUMBER:
        return check_number(st, n, v, at);
    case LT_JSON_STRING:
        return check_string(st, n, v, at);
    case LT_JSON_ARRAY:
        return check_array(st, n, v, at);
    case LT_JSON_OBJECT:
        return check_object(st, n, v, at);
    default:
        return true;
    }
}

static bool check_node(struct check *st, const struct node *n, const struct lt_json *v, const struct place *at)
{
    if (++st->steps > MAX_STEPS)
        return give_up(st, at, "takes more than %d steps to check", MAX_STEPS);
    if (st->levels >= MAX_LEVELS)
        return give_up(st, at, "is nested too deeply to be checked (more than %d levels)", MAX_LEVELS);
    st->levels++;
    bool ok = !st->aborted && check_rules(st, n, v, at) && check_combined(st, n, v, at);
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
    if (check_node(&st, schema->root, value, &root))
        return LT_OK;
    return LT_EINVALID_INPUT;
}
