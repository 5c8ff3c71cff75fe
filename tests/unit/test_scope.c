/* Scopes: the statements on resolution, one test each; the index against a naive scan; the cache; the limits of patterns. */
#include <ftw.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/admin.h"
#include "workflows/scope_private.h"

#define COURSE "course-v1:O+C+R"
#define OTHER "course-v1:O+C+S"
#define UNIT "block-v1:O+C+R+type@vertical+block@u1"

/* A scope of site 1; fields that are NULL are "". */
static struct lt_scope scope(int64_t id, const char *course, const char *regex, const char *slot)
{
    return (struct lt_scope){.id = id,
                             .site_id = 1,
                             .profile_id = 100 + id,
                             .course_id = lt_str(course ? course : ""),
                             .location_regex = lt_str(regex ? regex : ""),
                             .ui_slot_selector_id = lt_str(slot ? slot : ""),
                             .enabled = true};
}

static struct lt_scope_context at(const char *course, const char *location, const char *slot)
{
    return (struct lt_scope_context){
        .site_id = 1, .course_id = lt_str(course), .location_id = lt_str(location), .ui_slot_selector_id = lt_str(slot)};
}

static int64_t resolve_id(struct lt_scope_set *set, const struct lt_scope_context *context)
{
    const struct lt_scope *cold = lt_scope_resolve_uncached(set, context), *first = lt_scope_resolve(set, context);
    const struct lt_scope *again = lt_scope_resolve(set, context);
    assert_ptr_equal(cold, first);
    assert_ptr_equal(first, again);
    return cold ? cold->id : 0;
}

/* The id that a set of these scopes gives, and that its explanation gives too. */
static int64_t resolve_in(const struct lt_scope *scopes, size_t n, enum lt_slot_matching matching, struct lt_scope_context context)
{
    struct lt_scope_set *set = lt_scope_set_make(scopes, n, matching, LT_SCOPE_CACHE_DEFAULT);
    struct lt_arena *arena = lt_arena_new();
    struct lt_scope_explanation why;
    int64_t id = resolve_id(set, &context);
    lt_scope_explain(set, arena, &context, &why);
    assert_int_equal(why.chosen ? why.chosen->id : 0, id);
    lt_arena_free(arena);
    lt_scope_set_unref(set);
    return id;
}

#define RESOLVE(matching, context, ...)                                                                                      \
    resolve_in((const struct lt_scope[]){__VA_ARGS__}, sizeof((const struct lt_scope[]){__VA_ARGS__}) / sizeof(struct lt_scope), matching, context)

/* ---- the statements ---- */

static void specificity_is_regex_4_course_2_slot_1(void **state)
{
    for (int bits = 0; bits < 8; bits++)
        assert_int_equal(lt_scope_specificity(lt_str(bits & 2 ? "c" : ""), lt_str(bits & 4 ? "r" : ""), lt_str(bits & 1 ? "s" : "")), bits);
}

static void service_variants_are_lms_and_cms_with_labels(void **state)
{
    assert_string_equal(lt_service_variant_label((enum lt_service_variant)lt_service_variant_parse(LT_STR("lms"))), "LMS");
    assert_string_equal(lt_service_variant_label((enum lt_service_variant)lt_service_variant_parse(LT_STR("cms"))), "CMS - Studio");
    assert_int_equal(lt_service_variant_parse(LT_STR("studio")), -1);
}

static void without_a_slot_there_is_no_scope(void **state)
{
    for (int m = LT_SLOT_EXACT; m <= LT_SLOT_WILDCARD; m++)
        assert_int_equal(RESOLVE(m, at(COURSE, UNIT, ""), scope(1, NULL, NULL, "s"), scope(2, COURSE, NULL, "")), 0);
}

static void with_exact_matching_a_scope_without_a_slot_fits_no_widget(void **state)
{
    assert_int_equal(RESOLVE(LT_SLOT_EXACT, at(COURSE, UNIT, "s"), scope(1, COURSE, ".", "")), 0);
    assert_int_equal(RESOLVE(LT_SLOT_EXACT, at(COURSE, UNIT, "s"), scope(1, COURSE, ".", ""), scope(2, NULL, NULL, "s")), 2);
}

static void with_wildcard_matching_a_scope_without_a_slot_fits_any_widget(void **state)
{
    assert_int_equal(RESOLVE(LT_SLOT_WILDCARD, at(COURSE, UNIT, "s"), scope(1, COURSE, NULL, "")), 1);
    assert_int_equal(RESOLVE(LT_SLOT_WILDCARD, at(COURSE, UNIT, "s"), scope(1, COURSE, NULL, ""), scope(2, COURSE, NULL, "s")), 2);
    assert_int_equal(RESOLVE(LT_SLOT_WILDCARD, at(COURSE, UNIT, "unknown"), scope(1, NULL, NULL, ""), scope(2, NULL, NULL, "s")), 1);
}

static void another_slot_does_not_fit(void **state)
{
    for (int m = LT_SLOT_EXACT; m <= LT_SLOT_WILDCARD; m++)
        assert_int_equal(RESOLVE(m, at(COURSE, UNIT, "s"), scope(1, COURSE, NULL, "S"), scope(2, NULL, NULL, "s2")), 0);
}

static void disabled_scopes_are_not_candidates(void **state)
{
    struct lt_scope off = scope(1, COURSE, NULL, "s");
    off.enabled = false;
    assert_int_equal(RESOLVE(LT_SLOT_EXACT, at(COURSE, UNIT, "s"), off), 0);
    assert_int_equal(RESOLVE(LT_SLOT_EXACT, at(COURSE, UNIT, "s"), off, scope(2, NULL, NULL, "s")), 2);
}

static void only_scopes_of_the_servers_own_variant_are_candidates(void **state)
{
    struct lt_scope lms = scope(1, NULL, NULL, "s"), cms = scope(2, COURSE, NULL, "s");
    struct lt_scope_context context = at(COURSE, UNIT, "s");
    cms.service_variant = LT_SERVICE_CMS;
    assert_int_equal(RESOLVE(LT_SLOT_EXACT, context, lms, cms), 1);
    context.service_variant = LT_SERVICE_CMS;
    assert_int_equal(RESOLVE(LT_SLOT_EXACT, context, lms, cms), 2);
}

static void the_course_is_equal_or_any(void **state)
{
    assert_int_equal(RESOLVE(LT_SLOT_EXACT, at(COURSE, "", "s"), scope(1, OTHER, NULL, "s")), 0);
    assert_int_equal(RESOLVE(LT_SLOT_EXACT, at(COURSE, "", "s"), scope(1, OTHER, NULL, "s"), scope(2, NULL, NULL, "s")), 2);
    assert_int_equal(RESOLVE(LT_SLOT_EXACT, at("", "", "s"), scope(1, COURSE, NULL, "s"), scope(2, NULL, NULL, "s")), 2);
    assert_int_equal(RESOLVE(LT_SLOT_EXACT, at("", "", "s"), scope(1, COURSE, NULL, "s")), 0);
}

static void the_most_specific_scope_wins(void **state)
{
    assert_int_equal(RESOLVE(LT_SLOT_WILDCARD, at(COURSE, UNIT, "s"), scope(1, NULL, NULL, ""), scope(2, NULL, NULL, "s"), scope(3, COURSE, NULL, ""),
                             scope(4, COURSE, NULL, "s"), scope(5, COURSE, "u1$", ""), scope(6, COURSE, "u1$", "s")), 6);
    assert_int_equal(RESOLVE(LT_SLOT_WILDCARD, at(COURSE, UNIT, "s"), scope(1, COURSE, "u1$", ""), scope(2, COURSE, NULL, "s")), 1);
    assert_int_equal(RESOLVE(LT_SLOT_WILDCARD, at(COURSE, UNIT, "s"), scope(1, NULL, NULL, "s"), scope(2, COURSE, NULL, "")), 2);
}

static void of_equally_specific_scopes_the_older_id_wins(void **state)
{
    assert_int_equal(RESOLVE(LT_SLOT_EXACT, at(COURSE, UNIT, "s"), scope(3, COURSE, NULL, "s"), scope(7, COURSE, NULL, "s"), scope(9, COURSE, NULL, "s")), 3);
    assert_int_equal(RESOLVE(LT_SLOT_EXACT, at(COURSE, UNIT, "s"), scope(3, COURSE, "u2", "s"), scope(7, COURSE, "u1", "s"), scope(9, COURSE, "u", "s")), 7);
}

static void the_pattern_is_searched_unanchored(void **state)
{
    assert_int_equal(RESOLVE(LT_SLOT_EXACT, at(COURSE, UNIT, "s"), scope(1, COURSE, "vertical", "s")), 1);
    assert_int_equal(RESOLVE(LT_SLOT_EXACT, at(COURSE, UNIT, "s"), scope(1, COURSE, "^vertical", "s")), 0);
    assert_int_equal(RESOLVE(LT_SLOT_EXACT, at(COURSE, UNIT, "s"), scope(1, COURSE, "@u[0-9]$", "s")), 1);
    assert_int_equal(RESOLVE(LT_SLOT_EXACT, at(COURSE, UNIT, "s"), scope(1, COURSE, "VERTICAL", "s")), 0);
    assert_int_equal(RESOLVE(LT_SLOT_EXACT, at(COURSE, "einheit-\xc3\xa4", "s"), scope(1, COURSE, "-\\w$", "s")), 1);
}

static void the_first_candidate_whose_pattern_fits_wins(void **state)
{
    assert_int_equal(RESOLVE(LT_SLOT_EXACT, at(COURSE, UNIT, "s"), scope(1, COURSE, "u2", "s"), scope(2, COURSE, NULL, "s")), 2);
}

static void a_scope_with_a_pattern_is_skipped_without_a_location(void **state)
{
    assert_int_equal(RESOLVE(LT_SLOT_EXACT, at(COURSE, "", "s"), scope(1, COURSE, ".*", "s")), 0);
    assert_int_equal(RESOLVE(LT_SLOT_EXACT, at(COURSE, "", "s"), scope(1, COURSE, "^$", "s"), scope(2, NULL, NULL, "s")), 2);
}

static void an_invalid_pattern_in_the_store_is_skipped(void **state)
{
    assert_int_equal(RESOLVE(LT_SLOT_EXACT, at(COURSE, UNIT, "s"), scope(1, COURSE, "(", "s")), 0);
    assert_int_equal(RESOLVE(LT_SLOT_EXACT, at(COURSE, UNIT, "s"), scope(1, COURSE, "[", "s"), scope(2, NULL, NULL, "s")), 2);
}

static void scopes_of_another_site_are_never_seen(void **state)
{
    struct lt_scope theirs = scope(2, COURSE, NULL, "s");
    theirs.site_id = 2;
    assert_int_equal(RESOLVE(LT_SLOT_WILDCARD, at(COURSE, UNIT, "s"), scope(1, OTHER, NULL, "s"), theirs), 0);
    struct lt_scope_context context = at(COURSE, UNIT, "s");
    context.site_id = 3;
    assert_int_equal(RESOLVE(LT_SLOT_WILDCARD, context, scope(1, COURSE, NULL, "s"), theirs), 0);
}

/* ---- patterns and their limits ---- */

#define EVIL "(a+)+$"
static const char evil_location[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!";

static uint64_t limits(void)
{
    struct lt_scope_stats s;
    lt_scope_stats(&s);
    return s.pattern_limits;
}

static void a_match_over_the_limit_is_never_served_and_is_explained_counted_and_warned_of(void **state)
{
    const struct lt_scope scopes[] = {scope(1, COURSE, EVIL, "s"), scope(2, COURSE, NULL, "s")};
    struct lt_scope_set *set = lt_scope_set_make(scopes, 2, LT_SLOT_EXACT, LT_SCOPE_CACHE_DEFAULT);
    struct lt_scope_context context = at(COURSE, evil_location, "s"), fine = at(COURSE, "aaaa", "s");
    const struct lt_scope *first = lt_scope_find(set, 1, 1);
    struct lt_arena *arena = lt_arena_new();
    struct lt_scope_explanation why;
    uint64_t before = limits();
    assert_false(lt_scope_over_limit(first));
    assert_int_equal(lt_scope_resolve(set, &context)->id, 2);
    assert_int_equal(limits(), before + 1);
    assert_true(lt_scope_over_limit(first));
    lt_scope_explain(set, arena, &context, &why);
    assert_int_equal(why.considered[0].scope->id, 1);
    assert_string_equal(lt_scope_reason_name(why.considered[0].reason), "pattern_limit");
    assert_int_equal(why.chosen->id, 2);
    assert_int_equal(lt_scope_resolve(set, &fine)->id, 1); /* elsewhere the same pattern is decided */
    struct lt_buf buf;
    struct lt_jw w;
    lt_buf_init(&buf, 10000);
    lt_jw_init(&w, &buf);
    lt_scope_write(&w, first);
    lt_buf_putc(&buf, '\0');
    assert_non_null(strstr(buf.p, "\"warnings\":[\"pattern_limit\"]"));
    lt_buf_free(&buf);
    lt_arena_free(arena);
    lt_scope_set_unref(set);
}

static void after_a_few_patterns_over_the_limit_a_look_up_tries_no_further_ones(void **state)
{
    enum { N = 50 };
    struct lt_scope scopes[N + 1];
    char texts[N][32];
    for (int i = 0; i < N; i++) {
        snprintf(texts[i], sizeof(texts[i]), "(a+)+$|%d", i);
        scopes[i] = scope(i + 1, COURSE, texts[i], "s");
    }
    scopes[N] = scope(N + 1, COURSE, NULL, "s");
    struct lt_scope_set *set = lt_scope_set_make(scopes, N + 1, LT_SLOT_EXACT, 0);
    struct lt_scope_context context = at(COURSE, evil_location, "s");
    uint64_t began = lt_mono_ms();
    assert_int_equal(lt_scope_resolve(set, &context)->id, N + 1);
    assert_true(lt_mono_ms() - began < 5000);
    for (int i = 0; i < N; i++) /* the later ones were not even compiled */
        assert_int_equal(set->scopes[i].pattern->code != NULL, i < LT_SCOPE_LIMITS_A_LOOKUP);
    lt_scope_set_unref(set);
}

static void a_bad_pattern_is_refused_at_save_with_its_position(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {{"ab(cd", "position 6"}, {"a[b", "position 4"}, {"*a", "position 1"}, {"a{2,1}", "position 6"}, {"\\C", "position 3"}, {"a\\", "position 3"}};
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_error err = {0};
        struct lt_scope s = scope(1, COURSE, cases[i].text, "");
        assert_int_equal(lt_scope_check(&s, &err), LT_EINVALID_INPUT);
        assert_string_equal(err.field, "/location_regex");
        if (!strstr(err.detail, cases[i].says))
            fail_msg("%s: '%s' does not say '%s'", cases[i].text, err.detail, cases[i].says);
    }
}

static void a_pattern_that_compiles_to_too_much_is_refused_at_save(void **state)
{
    struct lt_error err = {0};
    struct lt_scope s = scope(1, COURSE, "(((a{50}){50}){50}){50}", "");
    assert_int_equal(lt_scope_check(&s, &err), LT_EINVALID_INPUT);
    s.location_regex = LT_STR("(abcdefgh{9}){900}");
    assert_int_equal(lt_scope_check(&s, &err), LT_EINVALID_INPUT);
    assert_non_null(strstr(err.detail, "too large"));
}

/* ---- saving ---- */

static void a_pattern_needs_a_course(void **state)
{
    struct lt_error err = {0};
    struct lt_scope s = scope(1, NULL, "u1", "s");
    assert_int_equal(lt_scope_check(&s, &err), LT_EINVALID_INPUT);
    assert_string_equal(err.field, "/course_id");
    assert_non_null(strstr(err.detail, "Required when location_regex is set."));
}

static void all_mistakes_of_a_save_are_named_at_once(void **state)
{
    char long_text[257];
    memset(long_text, 'x', 256);
    long_text[256] = '\0';
    struct lt_error err = {0};
    struct lt_scope s = scope(1, "course-v1:O+C", "(", long_text);
    s.service_variant = (enum lt_service_variant)-1;
    assert_int_equal(lt_scope_check(&s, &err), LT_EINVALID_INPUT);
    assert_string_equal(err.field, "/course_id");
    assert_non_null(strstr(err.detail, "course_id: not an opaque key"));
    assert_non_null(strstr(err.detail, "; location_regex: not a regular expression"));
    assert_non_null(strstr(err.detail, "; ui_slot_selector_id: must be at most 255 bytes"));
    assert_non_null(strstr(err.detail, "; service_variant: must be lms"));
}

static void a_course_is_a_course_key_or_an_id_of_another_platform(void **state)
{
    static const struct {
        const char *course;
        bool ok;
    } cases[] = {{"course-v1:O+C+R", true}, {"library-v1:O+L", true}, {"O/C/R", true}, {"42", true}, {"", true},
                 {"course-v1:O+C", false}, {"block-v1:O+C+R+type@t+block@b", false}, {"a\nb", false}};
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_scope s = scope(1, cases[i].course, NULL, "s");
        assert_int_equal(lt_scope_check(&s, NULL), cases[i].ok ? LT_OK : LT_EINVALID_INPUT);
    }
}

/* ---- explain ---- */

static void explain_lists_every_considered_scope_with_its_reason(void **state)
{
    struct lt_scope scopes[] = {scope(1, COURSE, "u2", "s"), scope(2, COURSE, "u1", "s"), scope(3, COURSE, NULL, "s"), scope(4, NULL, NULL, "s"),
                                scope(5, OTHER, NULL, "s"),  scope(6, COURSE, NULL, "t"), scope(7, COURSE, NULL, "s"), scope(8, COURSE, NULL, "s"),
                                scope(9, COURSE, "(", "s"),  scope(10, COURSE, NULL, "")};
    scopes[6].enabled = false;
    scopes[7].service_variant = LT_SERVICE_CMS;
    static const struct {
        int64_t id;
        const char *reason, *without_location;
    } wanted[] = {{1, "location_differs", "no_location"}, {2, "chosen", "no_location"}, {9, "pattern_invalid", "no_location"},
                  {3, "less_specific", "chosen"}, {4, "less_specific", "less_specific"}, {5, "other_course", "other_course"},
                  {6, "other_slot", "other_slot"}, {7, "disabled", "disabled"}, {8, "other_service_variant", "other_service_variant"},
                  {10, "other_slot", "other_slot"}};
    struct lt_scope_set *set = lt_scope_set_make(scopes, LT_COUNT(scopes), LT_SLOT_EXACT, 1);
    struct lt_arena *arena = lt_arena_new();
    for (int given = 0; given < 2; given++) {
        struct lt_scope_explanation why;
        struct lt_scope_context context = at(COURSE, given ? UNIT : "", "s");
        lt_scope_explain(set, arena, &context, &why);
        assert_int_equal(why.considered_n, LT_COUNT(wanted));
        assert_int_equal(why.total, LT_COUNT(wanted));
        for (size_t i = 0; i < LT_COUNT(wanted); i++) {
            assert_int_equal(why.considered[i].scope->id, wanted[i].id);
            assert_string_equal(lt_scope_reason_name(why.considered[i].reason), given ? wanted[i].reason : wanted[i].without_location);
        }
    }
    struct lt_scope_explanation why;
    struct lt_scope_context context = at(COURSE, UNIT, "");
    lt_scope_explain(set, arena, &context, &why);
    assert_null(why.chosen);
    assert_string_equal(lt_scope_reason_name(why.considered[0].reason), "no_slot");
    lt_arena_free(arena);
    lt_scope_set_unref(set);
}

/* ---- lists of profiles ---- */

/* "profile:scope,scope profile:scope …" */
static const char *list(struct lt_arena *arena, struct lt_scope_set *set, struct lt_scope_context context)
{
    struct lt_scope_profile *profiles;
    size_t n;
    struct lt_buf b;
    lt_buf_init(&b, 1 << 20);
    lt_scope_list_profiles(set, arena, &context, &profiles, &n);
    for (size_t i = 0; i < n; i++) {
        lt_buf_printf(&b, "%s%lld:", i ? " " : "", (long long)profiles[i].profile_id);
        for (size_t k = 0; k < profiles[i].matched_scopes_n; k++)
            lt_buf_printf(&b, "%s%lld", k ? "," : "", (long long)profiles[i].matched_scopes[k]->id);
    }
    const char *text = lt_str_copy(arena, lt_buf_str(&b)).p;
    lt_buf_free(&b);
    return text;
}

static void profiles_of_a_context_are_distinct_ordered_by_their_first_scope_with_matched_scopes(void **state)
{
    struct lt_scope scopes[] = {scope(1, NULL, NULL, "s"), scope(2, COURSE, NULL, "s"), scope(3, COURSE, "u1", "s"), scope(4, COURSE, NULL, "t"),
                                scope(5, COURSE, NULL, ""), scope(6, OTHER, NULL, "s"), scope(7, COURSE, NULL, "s"), scope(8, COURSE, NULL, "s")};
    static const int64_t profiles[] = {10, 20, 10, 30, 20, 40, 50, 60};
    for (size_t i = 0; i < LT_COUNT(scopes); i++)
        scopes[i].profile_id = profiles[i];
    scopes[6].service_variant = LT_SERVICE_CMS;
    scopes[7].enabled = false;
    struct lt_arena *arena = lt_arena_new();
    for (int m = LT_SLOT_EXACT; m <= LT_SLOT_WILDCARD; m++) { /* lists take scopes without a slot either way */
        struct lt_scope_set *set = lt_scope_set_make(scopes, LT_COUNT(scopes), m, 1);
        struct lt_scope_context lms = at(COURSE, UNIT, "s"), all = lms, no_slot = lms, no_location = lms, no_course = at("", "", "s");
        all.service_variant = no_slot.service_variant = -1;
        no_slot.ui_slot_selector_id = lt_str("");
        no_location.location_id = lt_str("");
        assert_string_equal(list(arena, set, lms), "10:3,1 20:2,5");
        assert_string_equal(list(arena, set, all), "10:3,1 20:2,5 50:7");
        assert_string_equal(list(arena, set, no_slot), "10:3,1 20:2,5 30:4 50:7");
        assert_string_equal(list(arena, set, no_location), "20:2,5 10:1");
        assert_string_equal(list(arena, set, no_course), "10:1");
        assert_int_equal(lt_scope_count_profile(set, 1, 10), 2);
        assert_int_equal(lt_scope_count_profile(set, 2, 10), 0);
        assert_int_equal(lt_scope_count_profile(set, 1, 11), 0);
        lt_scope_set_unref(set);
    }
    lt_arena_free(arena);
}

/* ---- the index against a naive scan ---- */

static unsigned seed_state;
static unsigned draw(unsigned n)
{
    seed_state = seed_state * 1103515245u + 12345u;
    return (seed_state >> 8) % n;
}

static const char *const courses[] = {"", "course-v1:O+A+1", "course-v1:O+B+1", "42"}, *const slots[] = {"", "s", "t", "u"};
static const char *const patterns[] = {"", "", "u1", "^block", "u[0-9]+$", "(", "problem|video", "(?i)UNIT"};
static const char *const locations[] = {"", "block-u1", "unit", "video-u77", "block-problem", "x"};

static bool naive_fits(const struct lt_scope *s, const struct lt_scope_context *x)
{
    if (s->location_regex.n == 0)
        return true;
    int number;
    size_t offset;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)s->location_regex.p, s->location_regex.n, PCRE2_UTF | PCRE2_UCP, &number, &offset, NULL);
    if (!code || x->location_id.n == 0) {
        pcre2_code_free(code);
        return false;
    }
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    int rc = pcre2_match(code, (PCRE2_SPTR)x->location_id.p, x->location_id.n, 0, 0, data, NULL);
    pcre2_match_data_free(data);
    pcre2_code_free(code);
    return rc >= 0;
}

static const struct lt_scope *naive(const struct lt_scope *all, size_t n, enum lt_slot_matching matching, const struct lt_scope_context *x)
{
    const struct lt_scope *best = NULL;
    int most = -1;
    for (size_t i = 0; i < n && x->ui_slot_selector_id.n > 0; i++) { /* by id, so the first of a specificity is the oldest */
        const struct lt_scope *s = &all[i];
        int specificity = 4 * (s->location_regex.n > 0) + 2 * (s->course_id.n > 0) + (s->ui_slot_selector_id.n > 0);
        bool slot = lt_str_eq(s->ui_slot_selector_id, x->ui_slot_selector_id) || (matching == LT_SLOT_WILDCARD && s->ui_slot_selector_id.n == 0);
        bool course = s->course_id.n == 0 || lt_str_eq(s->course_id, x->course_id);
        if (s->site_id == x->site_id && s->enabled && (int)s->service_variant == x->service_variant && slot && course && specificity > most &&
            naive_fits(s, x)) {
            best = s;
            most = specificity;
        }
    }
    return best;
}

static struct lt_scope random_scope(int64_t site, int64_t id)
{
    struct lt_scope s = scope(id, courses[draw(LT_COUNT(courses))], NULL, slots[draw(LT_COUNT(slots))]);
    s.site_id = site;
    s.enabled = draw(8) != 0;
    s.service_variant = (enum lt_service_variant)draw(2);
    if (s.course_id.n > 0)
        s.location_regex = lt_str(patterns[draw(LT_COUNT(patterns))]);
    return s;
}

static void the_index_gives_what_a_naive_scan_gives(void **state)
{
    enum { SETS = 1200, ASKED = 100 };
    const char *given = getenv("LECTERN_TEST_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)lt_mono_us();
    size_t compared = 0, found = 0;
    seed_state = seed;
    print_message("LECTERN_TEST_SEED=%u\n", seed);
    for (int round = 0; round < SETS; round++) {
        struct lt_scope all[64];
        size_t n = draw(LT_COUNT(all) + 1), theirs = n ? draw((unsigned)n + 1) : 0;
        for (size_t i = 0; i < n; i++)
            all[i] = random_scope(i < theirs ? 1 : 2, (int64_t)i * 3 + 1);
        enum lt_slot_matching matching = (enum lt_slot_matching)draw(2);
        struct lt_scope_set *set = lt_scope_set_make(all, n, matching, draw(2) ? 4 : 0);
        struct lt_arena *arena = lt_arena_new();
        for (int i = 0; i < ASKED; i++) {
            struct lt_scope_context x = at(courses[draw(LT_COUNT(courses))], locations[draw(LT_COUNT(locations))], slots[draw(LT_COUNT(slots))]);
            struct lt_scope_explanation why;
            x.site_id = 1 + draw(2);
            x.service_variant = (int)draw(2);
            const struct lt_scope *wanted = naive(all, n, matching, &x);
            int64_t id = wanted ? wanted->id : 0;
            if (resolve_id(set, &x) != id)
                fail_msg("seed %u, set %d, question %d: %lld instead of %lld", seed, round, i, (long long)resolve_id(set, &x), (long long)id);
            if (i % 10 == 0) {
                lt_scope_explain(set, arena, &x, &why);
                assert_int_equal(why.chosen ? why.chosen->id : 0, id);
            }
            compared++;
            found += wanted != NULL;
        }
        lt_arena_free(arena);
        lt_scope_set_unref(set);
    }
    assert_true(compared >= 100000);
    assert_true(found > compared / 10 && found < compared); /* the comparison is of something */
}

/* ---- the cache ---- */

static uint64_t misses(void)
{
    struct lt_scope_stats s;
    lt_scope_stats(&s);
    return s.misses;
}

static bool is_kept(struct lt_scope_set *set, int i)
{
    char location[32];
    uint64_t before = misses();
    snprintf(location, sizeof(location), "u%d", i);
    struct lt_scope_context x = at(COURSE, location, "s");
    assert_int_equal(lt_scope_resolve(set, &x)->id, 1);
    return misses() == before;
}

static void the_cache_keeps_128_results_and_drops_the_least_recently_used(void **state)
{
    struct lt_scope s = scope(1, COURSE, "u", "s");
    struct lt_scope_set *set = lt_scope_set_make(&s, 1, LT_SLOT_EXACT, LT_SCOPE_CACHE_DEFAULT);
    for (int i = 0; i < 128; i++)
        assert_false(is_kept(set, i));
    for (int i = 0; i < 128; i++)
        assert_true(is_kept(set, i));
    assert_true(is_kept(set, 0)); /* used last now */
    assert_false(is_kept(set, 128));
    assert_true(is_kept(set, 0));
    assert_false(is_kept(set, 1)); /* was the least recently used */
    assert_true(is_kept(set, 128));
    lt_scope_set_unref(set);
}

static void the_cache_tells_the_parts_of_a_context_apart(void **state)
{
    const struct lt_scope scopes[] = {scope(1, "ab", "c", "s"), scope(2, "a", "bc", "s"), scope(3, "a", "b", "cs")};
    struct lt_scope_set *set = lt_scope_set_make(scopes, 3, LT_SLOT_EXACT, 8);
    struct lt_scope_context one = at("ab", "c", "s"), two = at("a", "bc", "s"), three = at("a", "b", "cs");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(lt_scope_resolve(set, &one)->id, 1);
        assert_int_equal(lt_scope_resolve(set, &two)->id, 2);
        assert_int_equal(lt_scope_resolve(set, &three)->id, 3);
    }
    lt_scope_set_unref(set);
}

static void that_nothing_fits_is_kept_too(void **state)
{
    struct lt_scope s = scope(1, COURSE, NULL, "s");
    struct lt_scope_set *set = lt_scope_set_make(&s, 1, LT_SLOT_EXACT, 8);
    struct lt_scope_context x = at(OTHER, "", "s");
    assert_null(lt_scope_resolve(set, &x));
    uint64_t before = misses();
    assert_null(lt_scope_resolve(set, &x));
    assert_int_equal(misses(), before);
    lt_scope_set_unref(set);
}

static void texts_that_are_too_long_or_not_utf8_fit_nothing(void **state)
{
    char text[1000];
    memset(text, 'u', sizeof(text));
    struct lt_scope s = scope(1, COURSE, "u", "s");
    struct lt_scope_set *set = lt_scope_set_make(&s, 1, LT_SLOT_EXACT, 8);
    struct lt_scope_context x = at(COURSE, "", "s");
    x.location_id = (struct lt_str){text, 255};
    assert_non_null(lt_scope_resolve(set, &x));
    x.location_id.n = 256;
    assert_null(lt_scope_resolve(set, &x));
    x.location_id = lt_str("u\xff");
    assert_null(lt_scope_resolve(set, &x));
    x = at(COURSE, "u", "s");
    x.course_id = (struct lt_str){text, sizeof(text)};
    assert_null(lt_scope_resolve(set, &x));
    lt_scope_set_unref(set);
}

/* ---- many threads ---- */

/* Seven patterns for the last digits of a location; the cache is far too small. NULL when every answer was right. */
static void *ask_much(void *arg)
{
    struct lt_scope_set *set = arg;
    void *wrong = NULL;
    for (int i = 0; i < 5000 && !wrong; i++) {
        char location[32];
        snprintf(location, sizeof(location), "u%d", i % 997);
        struct lt_scope_context x = at(COURSE, location, "s");
        const struct lt_scope *s = lt_scope_resolve(set, &x);
        if ((s ? s->id : 0) != (i % 997 % 10 < 7 ? i % 997 % 10 + 1 : 0))
            wrong = set;
    }
    lt_arena_thread_end();
    return wrong;
}

static void several_threads_may_ask_one_set(void **state)
{
    struct lt_scope scopes[7];
    char texts[7][8];
    pthread_t threads[4];
    for (int i = 0; i < 7; i++) {
        snprintf(texts[i], sizeof(texts[i]), "%d$", i);
        scopes[i] = scope(i + 1, COURSE, texts[i], "s");
    }
    struct lt_scope_set *set = lt_scope_set_make(scopes, 7, LT_SLOT_EXACT, 16);
    for (size_t i = 0; i < LT_COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_much, set), 0);
    for (size_t i = 0; i < LT_COUNT(threads); i++) {
        void *wrong = set;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    lt_scope_set_unref(set);
}

/* ---- sets of a store ---- */

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

static int64_t id_of(struct lt_store *store, struct lt_arena *arena, const char *sql)
{
    struct lt_rows r;
    struct lt_error err = {0};
    assert_int_equal(lt_store_query(store, arena, sql, NULL, 0, 1, &r, &err), LT_OK);
    return r.rows ? lt_rows_int(&r, 0, 0) : 0;
}

static struct lt_scope_set *load_set(struct lt_store *store, struct lt_scope_set *previous)
{
    struct lt_scope_set *set = NULL;
    struct lt_error err = {0};
    if (lt_scope_set_load(store, previous, &set, &err))
        fail_msg("%s", err.detail);
    lt_scope_set_unref(previous);
    return set;
}

/* Reads again and says whether that gave another set. */
static bool reloads(struct lt_store *store, struct lt_scope_set **set)
{
    struct lt_scope_set *before = *set;
    *set = load_set(store, lt_scope_set_ref(before));
    lt_scope_set_unref(before);
    return *set != before;
}

static void write_sql(struct lt_store *store, const char *sql)
{
    struct lt_error err = {0};
    struct lt_tx *tx = lt_tx_new();
    lt_tx_add(tx, sql, NULL, 0);
    assert_int_equal(lt_store_write(store, tx, &err), LT_OK);
}

static void a_set_is_read_again_when_scopes_or_site_settings_changed_and_shared_otherwise(void **state)
{
    enum { N = 25001 }; /* three pages */
    char dir[] = "/tmp/lectern-scope-XXXXXX";
    struct lt_arena *arena = lt_arena_new();
    struct lt_store *store = NULL;
    struct lt_error err = {0};
    assert_non_null(mkdtemp(dir));
    assert_int_equal(lt_store_open(&(struct lt_store_options){.data_dir = dir}, &store, &err), LT_OK);
    assert_int_equal(lt_admin_site_add(store, LT_STR("s"), LT_STR("S"), &err), LT_OK);
    write_sql(store, "INSERT INTO workflow_profile (site_id, uuid, slug, base_filepath, version, created_at, updated_at) "
                     "SELECT id, 'u', 'p', 'f', 1, 1, 1 FROM site");
    struct lt_scope s = scope(0, COURSE, NULL, "s");
    s.site_id = id_of(store, arena, "SELECT id FROM site");
    s.profile_id = id_of(store, arena, "SELECT id FROM workflow_profile");
    for (int i = 0; i < N;) {
        struct lt_tx *tx = lt_tx_new();
        for (int k = 0; k < 5000 && i < N; k++, i++)
            lt_scope_tx_add(tx, &s);
        assert_int_equal(lt_store_write(store, tx, &err), LT_OK);
    }
    struct lt_scope_set *set = load_set(store, NULL);
    struct lt_scope_context x = at(COURSE, UNIT, "s");
    size_t n;
    x.site_id = s.site_id;
    lt_scope_set_site(set, s.site_id, &n);
    assert_int_equal(n, N);
    assert_int_equal(lt_scope_count_profile(set, s.site_id, s.profile_id), N);
    int64_t oldest = id_of(store, arena, "SELECT MIN(id) FROM workflow_scope");
    assert_int_equal(lt_scope_resolve(set, &x)->id, oldest);
    assert_false(reloads(store, &set));
    const struct lt_json *json = NULL;
    lt_json_parse(arena, LT_STR("{\"max_running_calls\":7}"), LT_JSON_STRICT, &json, NULL);
    assert_int_equal(lt_admin_site_set(store, LT_STR("s"), json, &err), LT_OK);
    assert_false(reloads(store, &set)); /* other configuration */
    lt_json_parse(arena, LT_STR("{\"slot_matching\":\"wildcard\"}"), LT_JSON_STRICT, &json, NULL);
    assert_int_equal(lt_admin_site_set(store, LT_STR("s"), json, &err), LT_OK);
    assert_true(reloads(store, &set));
    lt_json_parse(arena, LT_STR("{\"enabled\":false}"), LT_JSON_STRICT, &json, NULL);
    assert_int_equal(lt_scope_change(store, LT_STR("s"), oldest, json, &err), LT_OK);
    assert_int_equal(lt_scope_resolve(set, &x)->id, oldest); /* a request keeps the set that it began with */
    assert_true(reloads(store, &set));
    assert_int_equal(lt_scope_resolve(set, &x)->id, oldest + 1);
    assert_int_equal(lt_scope_remove(store, LT_STR("s"), oldest + 1, &err), LT_OK);
    assert_true(reloads(store, &set));
    assert_int_equal(lt_scope_resolve(set, &x)->id, oldest + 2);
    struct lt_tx *tx = lt_tx_new();
    lt_scope_tx_profile_removed(tx, s.profile_id);
    assert_int_equal(lt_store_write(store, tx, &err), LT_OK);
    assert_true(reloads(store, &set));
    assert_null(lt_scope_resolve(set, &x)); /* scopes go with their profile */
    lt_scope_set_unref(set);
    lt_store_close(store);
    lt_arena_free(arena);
    nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    lt_log_set_level(LT_LOG_ERROR); /* bad patterns are warned of */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(specificity_is_regex_4_course_2_slot_1),
        cmocka_unit_test(service_variants_are_lms_and_cms_with_labels),
        cmocka_unit_test(without_a_slot_there_is_no_scope),
        cmocka_unit_test(with_exact_matching_a_scope_without_a_slot_fits_no_widget),
        cmocka_unit_test(with_wildcard_matching_a_scope_without_a_slot_fits_any_widget),
        cmocka_unit_test(another_slot_does_not_fit),
        cmocka_unit_test(disabled_scopes_are_not_candidates),
        cmocka_unit_test(only_scopes_of_the_servers_own_variant_are_candidates),
        cmocka_unit_test(the_course_is_equal_or_any),
        cmocka_unit_test(the_most_specific_scope_wins),
        cmocka_unit_test(of_equally_specific_scopes_the_older_id_wins),
        cmocka_unit_test(the_pattern_is_searched_unanchored),
        cmocka_unit_test(the_first_candidate_whose_pattern_fits_wins),
        cmocka_unit_test(a_scope_with_a_pattern_is_skipped_without_a_location),
        cmocka_unit_test(an_invalid_pattern_in_the_store_is_skipped),
        cmocka_unit_test(scopes_of_another_site_are_never_seen),
        cmocka_unit_test(a_match_over_the_limit_is_never_served_and_is_explained_counted_and_warned_of),
        cmocka_unit_test(after_a_few_patterns_over_the_limit_a_look_up_tries_no_further_ones),
        cmocka_unit_test(a_bad_pattern_is_refused_at_save_with_its_position),
        cmocka_unit_test(a_pattern_that_compiles_to_too_much_is_refused_at_save),
        cmocka_unit_test(a_pattern_needs_a_course),
        cmocka_unit_test(all_mistakes_of_a_save_are_named_at_once),
        cmocka_unit_test(a_course_is_a_course_key_or_an_id_of_another_platform),
        cmocka_unit_test(explain_lists_every_considered_scope_with_its_reason),
        cmocka_unit_test(profiles_of_a_context_are_distinct_ordered_by_their_first_scope_with_matched_scopes),
        cmocka_unit_test(the_index_gives_what_a_naive_scan_gives),
        cmocka_unit_test(the_cache_keeps_128_results_and_drops_the_least_recently_used),
        cmocka_unit_test(the_cache_tells_the_parts_of_a_context_apart),
        cmocka_unit_test(that_nothing_fits_is_kept_too),
        cmocka_unit_test(texts_that_are_too_long_or_not_utf8_fit_nothing),
        cmocka_unit_test(several_threads_may_ask_one_set),
        cmocka_unit_test(a_set_is_read_again_when_scopes_or_site_settings_changed_and_shared_otherwise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
