/* Reading rules, and judging a text by one. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "guard/rule.h"

#include <pcre2.h>
#include <stdlib.h>

#include "base/memory.h"
#include "guard/language.h"

enum { PARENTHESES = 50, HEAP_KIB = 1024 };

struct lt_rule_patterns {
    pcre2_code *codes[LT_RULE_PATTERNS_MAX];
    size_t n;
    pcre2_match_context *match; /* immutable */
};

const char *lt_rule_type_name(enum lt_rule_type type)
{
    static const char *const names[] = {"length", "pattern", "language", "moderation"};
    return names[type];
}

/* ---- patterns ---- */

static void free_patterns(void *arg)
{
    struct lt_rule_patterns *p = arg;
    for (size_t i = 0; i < p->n; i++)
        pcre2_code_free(p->codes[i]);
    pcre2_match_context_free(p->match);
}

static enum lt_code compile_one(struct lt_rule_patterns *p, struct lt_str text, const char *field, struct lt_error *err)
{
    int number = 0;
    size_t at = 0, size = 0;
    char why[160] = "";
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (!context)
        lt_out_of_memory(0);
    pcre2_set_parens_nest_limit(context, PARENTHESES);
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)text.p, text.n, PCRE2_UTF | PCRE2_UCP | PCRE2_CASELESS | PCRE2_NEVER_BACKSLASH_C, &number, &at, context);
    pcre2_compile_context_free(context);
    if (!code) {
        pcre2_get_error_message(number, (PCRE2_UCHAR *)why, sizeof(why));
        return lt_fail_field(err, LT_EINVALID_INPUT, field, "not a regular expression: %s at position %zu", why, at + 1);
    }
    p->codes[p->n++] = code;
    pcre2_pattern_info(code, PCRE2_INFO_SIZE, &size);
    if (size > LT_RULE_CODE_MAX)
        return lt_fail_field(err, LT_EINVALID_INPUT, field, "the pattern is too large: it takes %zu bytes, at most %d are allowed", size, LT_RULE_CODE_MAX);
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); /* where there is no JIT, the interpreter does it */
    return LT_OK;
}

static enum lt_code compile_patterns(struct lt_arena *arena, struct lt_rule *rule, const struct lt_json *list, struct lt_str field, struct lt_error *err)
{
    struct lt_rule_patterns *p = rule->patterns = LT_NEW(arena, struct lt_rule_patterns);
    p->match = pcre2_match_context_create(NULL);
    if (!p->match)
        lt_out_of_memory(0);
    pcre2_set_match_limit(p->match, LT_RULE_MATCH_LIMIT);
    pcre2_set_heap_limit(p->match, HEAP_KIB);
    lt_arena_on_free(arena, free_patterns, p);
    for (size_t i = 0; i < lt_json_len(list) && i < LT_RULE_PATTERNS_MAX; i++)
        if (compile_one(p, lt_json_str(lt_json_at(list, i)), lt_printf(arena, "%.*s/patterns/%zu", LT_FMT(field), i).p, err))
            return err->code;
    return LT_OK;
}

/* ---- reading ---- */

static enum lt_code need(const struct lt_json *v, const char *member, struct lt_str field, enum lt_rule_type type, struct lt_error *err)
{
    if (lt_json_get(v, member))
        return LT_OK;
    char name[96];
    snprintf(name, sizeof(name), "%.*s/%s", LT_FMT(field), member);
    return lt_fail_field(err, LT_EINVALID_INPUT, name, "is needed by a rule of the type %s", lt_rule_type_name(type));
}

static enum lt_code check_languages(const struct lt_json *list, struct lt_str field, struct lt_error *err)
{
    for (size_t i = 0; i < lt_json_len(list); i++) {
        struct lt_str language = lt_json_str(lt_json_at(list, i));
        char name[96];
        snprintf(name, sizeof(name), "%.*s/languages/%zu", LT_FMT(field), i);
        if (!lt_language_known(language))
            return lt_fail_field(err, LT_EINVALID_INPUT, name, "'%.*s' is no language that can be told", LT_FMT(language));
    }
    return LT_OK;
}

static enum lt_rule_type type_of(struct lt_str name)
{
    for (int i = LT_RULE_LENGTH; i <= LT_RULE_MODERATION; i++)
        if (lt_str_is(name, lt_rule_type_name(i)))
            return i;
    return LT_RULE_LENGTH;
}

static enum lt_code read_rule(struct lt_arena *arena, const struct lt_json *v, struct lt_str field, struct lt_rule *r, struct lt_error *err)
{
    struct lt_str mode = lt_json_str_or(lt_json_get(v, "mode"), LT_STR("off"));
    *r = (struct lt_rule){.name = lt_json_str_or(lt_json_get(v, "name"), LT_STR("")),
                          .type = type_of(lt_json_str(lt_json_get(v, "type"))),
                          .mode = lt_str_is(mode, "block") ? LT_RULE_BLOCK : lt_str_is(mode, "dry_run") ? LT_RULE_DRY_RUN : LT_RULE_OFF,
                          .stage = lt_str_is(lt_json_str(lt_json_get(v, "stage")), "output") ? LT_GUARD_OUTPUT : LT_GUARD_INPUT,
                          .actions = lt_json_get(v, "actions"),
                          .profiles = lt_json_get(v, "profiles"),
                          .max = lt_json_int64_or(lt_json_get(v, "max"), 0),
                          .languages = lt_json_get(v, "languages"),
                          .categories = lt_json_get(v, "categories"),
                          .open = lt_str_is(lt_json_str(lt_json_get(v, "undecided")), "pass"),
                          .text = lt_json_str_or(lt_json_get(v, "text"), LT_STR(""))};
    switch (r->type) {
    case LT_RULE_LENGTH:
        return need(v, "max", field, r->type, err);
    case LT_RULE_PATTERN:
        return need(v, "patterns", field, r->type, err) ? err->code : compile_patterns(arena, r, lt_json_get(v, "patterns"), field, err);
    case LT_RULE_LANGUAGE:
        return need(v, "languages", field, r->type, err) ? err->code : check_languages(r->languages, field, err);
    case LT_RULE_MODERATION:
        break;
    }
    return LT_OK;
}

enum lt_code lt_rules_compile(struct lt_arena *arena, const struct lt_json *setting, struct lt_rule **ret, size_t *ret_n, struct lt_error *err)
{
    size_t n = lt_json_len(setting);
    *ret = LT_NEW_ARRAY(arena, struct lt_rule, n + 1);
    *ret_n = 0;
    for (size_t i = 0; i < n; i++) {
        struct lt_rule *r = &(*ret)[i];
        struct lt_str field = lt_printf(arena, "/guards/%zu", i);
        if (read_rule(arena, lt_json_at(setting, i), field, r, err))
            return err->code;
        for (size_t k = 0; k < i; k++)
            if (lt_str_eq((*ret)[k].name, r->name))
                return lt_fail_field(err, LT_EINVALID_INPUT, lt_printf(arena, "%.*s/name", LT_FMT(field)).p, "another rule has the name '%.*s'",
                                     LT_FMT(r->name));
        *ret_n = i + 1;
    }
    return LT_OK;
}

/* ---- judging ---- */

static bool listed(const struct lt_json *list, struct lt_str name)
{
    for (size_t i = 0; i < lt_json_len(list); i++)
        if (lt_str_eq(lt_json_str(lt_json_at(list, i)), name))
            return true;
    return !list || lt_json_len(list) == 0;
}

bool lt_rule_applies(const struct lt_rule *rule, enum lt_guard_stage stage, struct lt_str action, struct lt_str profile)
{
    return rule->mode != LT_RULE_OFF && rule->stage == stage && listed(rule->actions, action) && listed(rule->profiles, profile);
}

static enum lt_rule_verdict by_length(const struct lt_rule *rule, struct lt_str text)
{
    int64_t characters = 0;
    for (size_t i = 0; i < text.n; i++)
        characters += ((unsigned char)text.p[i] & 0xC0) != 0x80;
    return characters > rule->max ? LT_RULE_HIT : LT_RULE_PASS;
}

static enum lt_rule_verdict by_pattern(const struct lt_rule *rule, struct lt_str text)
{
    const struct lt_rule_patterns *p = rule->patterns;
    enum lt_rule_verdict verdict = LT_RULE_PASS;
    for (size_t i = 0; i < p->n; i++) {
        pcre2_match_data *data = pcre2_match_data_create(1, NULL);
        if (!data)
            lt_out_of_memory(0);
        int rc = pcre2_match(p->codes[i], (PCRE2_SPTR)(text.p ? text.p : ""), text.n, 0, 0, data, p->match);
        pcre2_match_data_free(data);
        if (rc >= 0)
            return LT_RULE_HIT;
        if (rc != PCRE2_ERROR_NOMATCH) /* the limit, or bytes that are no UTF-8 */
            verdict = LT_RULE_UNDECIDED;
    }
    return verdict;
}

static enum lt_rule_verdict by_language(const struct lt_rule *rule, struct lt_str text)
{
    const char *language = lt_language_of(text);
    if (!language)
        return LT_RULE_UNDECIDED;
    return listed(rule->languages, lt_str(language)) ? LT_RULE_PASS : LT_RULE_HIT;
}

enum lt_rule_verdict lt_rule_judge(const struct lt_rule *rule, struct lt_str text)
{
    switch (rule->type) {
    case LT_RULE_LENGTH:
        return by_length(rule, text);
    case LT_RULE_PATTERN:
        return by_pattern(rule, text);
    case LT_RULE_LANGUAGE:
        return by_language(rule, text);
    case LT_RULE_MODERATION:
        break;
    }
    return LT_RULE_UNDECIDED;
}
