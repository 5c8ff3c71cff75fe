/* location_regex by PCRE2: checked at save, compiled at first use within a bound of memory, matched within a limit. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "workflows/scope_private.h"

enum { PARENTHESES = 50 }; /* deepest nesting */

struct lt_scope_patterns {
    pthread_mutex_t lock;       /* of compiling */
    size_t kept;                /* bytes of compiled patterns */
    struct lt_scope_pattern **list; /* those that hold code, to be freed */
    size_t n, cap;
    pcre2_match_context *match; /* immutable */
};

static void free_patterns(void *arg)
{
    struct lt_scope_patterns *all = arg;
    for (size_t i = 0; i < all->n; i++)
        pcre2_code_free(atomic_load(&all->list[i]->code));
    free(all->list);
    pcre2_match_context_free(all->match);
    pthread_mutex_destroy(&all->lock);
}

struct lt_scope_patterns *lt_scope_patterns_new(struct lt_arena *arena)
{
    struct lt_scope_patterns *all = LT_NEW(arena, struct lt_scope_patterns);
    pthread_mutex_init(&all->lock, NULL);
    all->match = pcre2_match_context_create(NULL);
    if (!all->match)
        lt_out_of_memory(0);
    pcre2_set_match_limit(all->match, LT_SCOPE_MATCH_LIMIT);
    pcre2_set_heap_limit(all->match, LT_SCOPE_PATTERN_HEAP);
    lt_arena_on_free(arena, free_patterns, all);
    return all;
}

static pcre2_code *compile(struct lt_str text, int *number, size_t *offset)
{
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (!context)
        lt_out_of_memory(0);
    pcre2_set_max_pattern_length(context, LT_SCOPE_TEXT_MAX);
    pcre2_set_parens_nest_limit(context, PARENTHESES);
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)text.p, text.n, PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, number, offset, context);
    pcre2_compile_context_free(context);
    return code;
}

static size_t bytes_of(const pcre2_code *code)
{
    size_t size = 0, jit = 0;
    pcre2_pattern_info(code, PCRE2_INFO_SIZE, &size);
    pcre2_pattern_info(code, PCRE2_INFO_JITSIZE, &jit);
    return size + jit;
}

enum lt_code lt_scope_pattern_check(struct lt_str text, struct lt_error *err)
{
    static const char field[] = "/location_regex";
    int number = 0;
    size_t offset = 0;
    if (text.n > LT_SCOPE_TEXT_MAX)
        return lt_fail_field(err, LT_EINVALID_INPUT, field, "must be at most %d bytes, is %zu", LT_SCOPE_TEXT_MAX, text.n);
    if (!lt_utf8_valid(text.p, text.n) || memchr(text.p, '\0', text.n))
        return lt_fail_field(err, LT_EINVALID_INPUT, field, "must be UTF-8 without NUL");
    pcre2_code *code = compile(text, &number, &offset);
    if (!code) {
        char why[160] = "";
        pcre2_get_error_message(number, (PCRE2_UCHAR *)why, sizeof(why));
        return lt_fail_field(err, LT_EINVALID_INPUT, field, "not a regular expression: %s at position %zu", why, offset + 1);
    }
    size_t size = bytes_of(code);
    pcre2_code_free(code);
    if (size > LT_SCOPE_PATTERN_CODE)
        return lt_fail_field(err, LT_EINVALID_INPUT, field, "the pattern is too large: it takes %zu bytes, at most %d are allowed", size,
                             LT_SCOPE_PATTERN_CODE);
    return LT_OK;
}

static void keep(struct lt_scope_patterns *all, struct lt_scope_pattern *p, pcre2_code *code)
{
    if (all->n == all->cap) {
        all->cap = all->cap ? 2 * all->cap : 16;
        all->list = realloc(all->list, all->cap * sizeof(struct lt_scope_pattern *));
        if (!all->list)
            lt_out_of_memory(0);
    }
    all->list[all->n++] = p;
    all->kept += bytes_of(code);
    atomic_store_explicit(&p->code, code, memory_order_release);
}

/* The compiled pattern; *ret_once: the caller frees it. NULL: it cannot be compiled. */
static pcre2_code *code_of(struct lt_scope_pattern *p, bool *ret_once)
{
    struct lt_scope_patterns *all = p->all;
    int number = 0;
    size_t offset = 0;
    pcre2_code *code = atomic_load_explicit(&p->code, memory_order_acquire);
    *ret_once = false;
    if (code || atomic_load_explicit(&p->invalid, memory_order_relaxed))
        return code;
    pthread_mutex_lock(&all->lock);
    code = atomic_load(&p->code);
    if (!code && (code = compile(p->text, &number, &offset))) {
        if (all->kept < LT_SCOPE_PATTERNS_KEPT) {
            pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); /* where there is no JIT, the interpreter does it */
            keep(all, p, code);
        } else {
            *ret_once = true;
        }
    }
    pthread_mutex_unlock(&all->lock);
    if (!code && !atomic_exchange(&p->invalid, true))
        lt_log(LT_LOG_WARN, "scope.pattern_invalid", LT_I("error", number), LT_I("position", offset + 1));
    return code;
}

void lt_scope_matcher_init(struct lt_scope_matcher *m, struct lt_str location)
{
    bool usable = location.n > 0 && location.n <= LT_SCOPE_TEXT_MAX;
    *m = (struct lt_scope_matcher){.location = location, .usable = usable};
}

void lt_scope_matcher_end(struct lt_scope_matcher *m)
{
    pcre2_match_data_free(m->data);
}

static enum lt_scope_reason over_limit(struct lt_scope_matcher *m, const struct lt_scope *scope)
{
    m->limits++;
    lt_scope_count(LT_SCOPE_LIMITS, 1);
    if (!atomic_exchange(&scope->pattern->over_limit, true)) /* once a set */
        lt_log(LT_LOG_WARN, "scope.pattern_limit", LT_I("scope", scope->id), LT_I("site", scope->site_id));
    return LT_SCOPE_PATTERN_LIMIT;
}

enum lt_scope_reason lt_scope_matcher_try(struct lt_scope_matcher *m, const struct lt_scope *scope)
{
    bool once;
    if (!scope->pattern)
        return LT_SCOPE_CHOSEN;
    if (m->location.n == 0)
        return LT_SCOPE_NO_LOCATION;
    if (!m->data && m->usable) { /* the first pattern of this look-up */
        m->usable = lt_utf8_valid(m->location.p, m->location.n);
        m->data = pcre2_match_data_create(1, NULL);
        if (!m->data)
            lt_out_of_memory(0);
    }
    if (!m->usable)
        return LT_SCOPE_LOCATION_DIFFERS;
    if (m->limits >= LT_SCOPE_LIMITS_A_LOOKUP)
        return LT_SCOPE_PATTERN_LIMIT; /* not its own fault */
    pcre2_code *code = code_of(scope->pattern, &once);
    if (!code)
        return LT_SCOPE_PATTERN_INVALID;
    int rc = pcre2_match(code, (PCRE2_SPTR)m->location.p, m->location.n, 0, PCRE2_NO_UTF_CHECK, m->data, scope->pattern->all->match);
    if (once)
        pcre2_code_free(code);
    if (rc >= 0)
        return LT_SCOPE_CHOSEN;
    return rc == PCRE2_ERROR_NOMATCH ? LT_SCOPE_LOCATION_DIFFERS : over_limit(m, scope);
}
