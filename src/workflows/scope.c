/* What scopes are called: variants, reasons, the JSON of one; and the figures that they are counted in. */
#include "workflows/scope_private.h"

static const struct {
    const char *name, *label;
} variants[LT_SERVICE_VARIANTS] = {[LT_SERVICE_LMS] = {"lms", "LMS"}, [LT_SERVICE_CMS] = {"cms", "CMS - Studio"}};

int lt_service_variant_parse(struct lt_str name)
{
    for (int i = 0; i < LT_SERVICE_VARIANTS; i++)
        if (lt_str_is(name, variants[i].name))
            return i;
    return -1;
}

const char *lt_service_variant_name(enum lt_service_variant v)
{
    return (unsigned)v < LT_SERVICE_VARIANTS ? variants[v].name : "unknown";
}

const char *lt_service_variant_label(enum lt_service_variant v)
{
    return (unsigned)v < LT_SERVICE_VARIANTS ? variants[v].label : "unknown";
}

int lt_scope_specificity(struct lt_str course_id, struct lt_str location_regex, struct lt_str ui_slot_selector_id)
{
    return (location_regex.n > 0 ? 4 : 0) + (course_id.n > 0 ? 2 : 0) + (ui_slot_selector_id.n > 0 ? 1 : 0);
}

static const struct {
    const char *name, *text;
} reasons[LT_SCOPE_REASONS_N] = {
#define X(symbol, name, text) {name, text},
    LT_SCOPE_REASONS(X)
#undef X
};

const char *lt_scope_reason_name(enum lt_scope_reason reason)
{
    return (unsigned)reason < LT_SCOPE_REASONS_N ? reasons[reason].name : "unknown";
}

const char *lt_scope_reason_text(enum lt_scope_reason reason)
{
    return (unsigned)reason < LT_SCOPE_REASONS_N ? reasons[reason].text : "unknown";
}

bool lt_scope_over_limit(const struct lt_scope *scope)
{
    return scope->pattern && atomic_load_explicit(&scope->pattern->over_limit, memory_order_relaxed);
}

void lt_scope_write(struct lt_jw *w, const struct lt_scope *s)
{
    lt_jw_obj(w);
    lt_jw_kint(w, "id", s->id);
    lt_jw_kstr(w, "uuid", s->uuid);
    lt_jw_kint(w, "profile_id", s->profile_id);
    lt_jw_kstr_nonempty(w, "course_id", s->course_id);
    lt_jw_kstr_nonempty(w, "location_regex", s->location_regex);
    lt_jw_kstrz(w, "service_variant", lt_service_variant_name(s->service_variant));
    lt_jw_kstrz(w, "service_variant_label", lt_service_variant_label(s->service_variant));
    lt_jw_kbool(w, "enabled", s->enabled);
    lt_jw_kstr(w, "ui_slot_selector_id", s->ui_slot_selector_id);
    lt_jw_kint(w, "specificity_index", s->specificity_index);
    lt_jw_key(w, "warnings");
    lt_jw_arr(w);
    if (lt_scope_over_limit(s))
        lt_jw_strz(w, lt_scope_reason_name(LT_SCOPE_PATTERN_LIMIT));
    if (s->pattern && atomic_load_explicit(&s->pattern->invalid, memory_order_relaxed))
        lt_jw_strz(w, lt_scope_reason_name(LT_SCOPE_PATTERN_INVALID));
    lt_jw_end(w);
    lt_jw_end(w);
}

void lt_scope_write_considered(struct lt_jw *w, const struct lt_scope_explanation *explanation)
{
    lt_jw_arr(w);
    for (size_t i = 0; i < explanation->considered_n; i++) {
        const struct lt_scope_considered *c = &explanation->considered[i];
        lt_jw_obj(w);
        lt_jw_kint(w, "id", c->scope->id);
        lt_jw_kstrz(w, "reason", lt_scope_reason_name(c->reason));
        lt_jw_kstrz(w, "text", lt_scope_reason_text(c->reason));
        lt_jw_key(w, "scope");
        lt_scope_write(w, c->scope);
        lt_jw_end(w);
    }
    lt_jw_end(w);
}

/* ---- figures: of the process, as sets come and go ---- */

static atomic_ullong counts[LT_SCOPE_COUNTS];

void lt_scope_count(enum lt_scope_count which, uint64_t n)
{
    atomic_fetch_add_explicit(&counts[which], n, memory_order_relaxed);
}

void lt_scope_count_set(enum lt_scope_count which, uint64_t n)
{
    atomic_store_explicit(&counts[which], n, memory_order_relaxed);
}

void lt_scope_stats(struct lt_scope_stats *ret)
{
    uint64_t now[LT_SCOPE_COUNTS];
    for (int i = 0; i < LT_SCOPE_COUNTS; i++)
        now[i] = atomic_load_explicit(&counts[i], memory_order_relaxed);
    *ret = (struct lt_scope_stats){.hits = now[LT_SCOPE_HITS],
                                   .misses = now[LT_SCOPE_MISSES],
                                   .pattern_limits = now[LT_SCOPE_LIMITS],
                                   .rebuilds = now[LT_SCOPE_REBUILDS],
                                   .rebuild_us = now[LT_SCOPE_REBUILD_US],
                                   .scopes = now[LT_SCOPE_N]};
}
