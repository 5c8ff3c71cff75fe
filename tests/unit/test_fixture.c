/* Fixtures of Open edX's AI Extensions: reading, importing, exporting. Reference: openedx-ai-extensions.md §1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <time.h>

#include "workflow_rig.h"
#include "workflows/fixture_private.h"

#define ID "a1000001-0001-4000-a001-00000000000"
#define PROMPT(n, slug, body)                                                                                                \
    "{\"model\":\"openedx_ai_extensions.prompttemplate\",\"pk\":\"" ID n "\",\"fields\":{\"slug\":\"" slug "\",\"body\":\"" body "\"}}"
#define PROFILE(n, slug, base, patch)                                                                                        \
    "{\"model\":\"openedx_ai_extensions.aiworkflowprofile\",\"pk\":\"" ID n "\",\"fields\":{\"slug\":\"" slug                \
    "\",\"description\":null,\"base_filepath\":\"" base "\",\"content_patch\":\"" patch "\"}}"
#define SCOPE(n, profile, more)                                                                                              \
    "{\"model\":\"openedx_ai_extensions.aiworkflowscope\",\"pk\":\"" ID n "\",\"fields\":{\"profile\":\"" ID profile "\"" more "}}"
#define WITH_PROMPT "{processor_config: {P: {prompt_template: 'calm'}}}"

/* ---- reading ---- */

struct read {
    struct lt_arena *arena;
    struct lt_fixture fixture;
    struct lt_fixture_report report;
    struct lt_error err;
};

static enum lt_code read_text(struct read *r, const char *text, unsigned kinds)
{
    *r = (struct read){.arena = lt_arena_new()};
    return lt_fixture_read(r->arena, lt_str(text), kinds, &r->fixture, &r->report, &r->err);
}

static void objects_are_read_in_any_order_with_their_ids_and_what_is_absent_has_the_models_default(void **state)
{
    struct read r;
    static const char text[] = "[" SCOPE("3", "2", "") "," PROFILE("2", "p", "x.json", "") "," PROMPT("1", "calm", "B") "]";
    assert_int_equal(read_text(&r, text, LT_FIXTURE_ALL), LT_OK);
    assert_int_equal(r.fixture.n, 3);
    assert_int_equal(r.report.refused_total, 0);
    const struct lt_fixture_object *o = r.fixture.objects;
    assert_int_equal(o[0].kind, LT_FIXTURE_SCOPE);
    assert_true(lt_str_is(o[0].pk, ID "3"));
    assert_true(lt_str_is(o[0].scope.profile, ID "2"));
    assert_true(o[0].scope.scope.enabled);
    assert_int_equal(o[0].scope.scope.service_variant, LT_SERVICE_LMS);
    assert_int_equal(o[0].scope.scope.course_id.n + o[0].scope.scope.location_regex.n + o[0].scope.scope.ui_slot_selector_id.n, 0);
    assert_int_equal(o[1].kind, LT_FIXTURE_PROFILE);
    assert_null(o[1].profile.description.p);
    assert_true(lt_str_is(o[2].prompt.body, "B"));
    assert_int_equal(o[2].prompt.created_at, 0);
    lt_arena_free(r.arena);
}

static void ids_are_taken_in_every_spelling_of_a_uuid_and_models_in_any_case(void **state)
{
    struct read r;
    assert_int_equal(read_text(&r, "[{\"model\":\"openedx_ai_extensions.PromptTemplate\",\"pk\":\"A100000100014000A001000000000001\",\"fields\":"
                                   "{\"slug\":\"s\",\"body\":\"b\",\"created_at\":\"2026-01-31T12:00:00.123456+02:00\","
                                   "\"updated_at\":\"2026-01-31T12:00:00\"}}]",
                               LT_FIXTURE_ALL), LT_OK);
    assert_int_equal(r.fixture.n, 1);
    assert_true(lt_str_is(r.fixture.objects[0].pk, ID "1"));
    assert_int_equal(r.fixture.objects[0].prompt.created_at, 1769853600123);
    assert_int_equal(r.fixture.objects[0].prompt.updated_at, 1769860800000);
    lt_arena_free(r.arena);
}

static void other_models_and_fields_are_named_and_counted(void **state)
{
    struct read r;
    static const char text[] = "[{\"model\":\"auth.user\",\"pk\":1,\"fields\":{}},{\"model\":\"auth.user\",\"pk\":2,\"fields\":{}},"
                               "{\"model\":\"openedx_ai_extensions.aiworkflowsession\"}," SCOPE("1", "2", ",\"colour\":1") ","
                               PROMPT("4", "a", "b") "]";
    assert_int_equal(read_text(&r, text, 1u << LT_FIXTURE_SCOPE), LT_OK);
    static const struct {
        const char *name;
        size_t count;
    } expected[] = {{"auth.user", 2},
                    {"openedx_ai_extensions.aiworkflowsession", 1},
                    {"openedx_ai_extensions.aiworkflowscope.colour", 1},
                    {"openedx_ai_extensions.prompttemplate", 1}};
    assert_int_equal(r.report.ignored_n, LT_COUNT(expected));
    for (size_t i = 0; i < LT_COUNT(expected); i++) {
        assert_true(lt_str_is(r.report.ignored[i].name, expected[i].name));
        assert_int_equal(r.report.ignored[i].count, expected[i].count);
    }
    assert_int_equal(r.fixture.n, 1);
    lt_arena_free(r.arena);
}

static void what_has_not_the_form_of_its_model_is_refused_by_field(void **state)
{
    static const struct {
        const char *object, *field, *reason;
    } rows[] = {
        {"7", "model", "must be the name"},
        {"{\"model\":3}", "model", "must be the name"},
        {"{\"model\":\"openedx_ai_extensions.aiworkflowscope\",\"pk\":\"" ID "1\"}", "fields", "must be an object"},
        {"{\"model\":\"openedx_ai_extensions.prompttemplate\",\"pk\":4,\"fields\":{\"slug\":\"a\",\"body\":\"b\"}}", "pk", "must be a UUID"},
        {"{\"model\":\"openedx_ai_extensions.prompttemplate\",\"pk\":\"" ID "1\",\"fields\":{\"body\":\"b\"}}", "slug", "is missing"},
        {"{\"model\":\"openedx_ai_extensions.prompttemplate\",\"pk\":\"" ID "1\",\"fields\":{\"slug\":null,\"body\":\"b\"}}", "slug", "is null"},
        {"{\"model\":\"openedx_ai_extensions.prompttemplate\",\"pk\":\"" ID "1\",\"fields\":{\"slug\":\"a\",\"body\":[]}}", "body", "is array"},
        {"{\"model\":\"openedx_ai_extensions.prompttemplate\",\"pk\":\"" ID "1\",\"fields\":{\"slug\":\"a\",\"body\":\"b\",\"created_at\":\"noon\"}}",
         "created_at", "must be a time"},
        {SCOPE("1", "2", ",\"service_variant\":\"preview\""), "service_variant", "must be lms or cms"},
        {SCOPE("1", "2", ",\"enabled\":\"yes\""), "enabled", "must be true or false"},
        {SCOPE("1", "", ""), "profile", "must be a UUID"},
        {SCOPE("1", "2", ",\"ui_slot_selector_id\":null"), "ui_slot_selector_id", "is null"},
    };
    for (size_t i = 0; i < LT_COUNT(rows); i++) {
        struct read r;
        char text[512];
        snprintf(text, sizeof(text), "[%s]", rows[i].object);
        assert_int_equal(read_text(&r, text, LT_FIXTURE_ALL), LT_OK);
        assert_int_equal(r.fixture.n, 0);
        assert_int_equal(r.report.refused_n, 1);
        assert_int_equal(r.report.refused[0].at, 1);
        assert_true(lt_str_is(r.report.refused[0].field, rows[i].field));
        if (!strstr(r.report.refused[0].reason.p, rows[i].reason))
            fail_msg("%s: %.*s", rows[i].object, LT_FMT(r.report.refused[0].reason));
        lt_arena_free(r.arena);
    }
}

static void a_fixture_is_a_json_list(void **state)
{
    static const struct {
        const char *text;
        enum lt_code code;
    } rows[] = {{"", LT_EINVALID_JSON}, {"[", LT_EINVALID_JSON}, {"[{,}]", LT_EINVALID_JSON}, {"{}", LT_EINVALID_INPUT}, {"null", LT_EINVALID_INPUT}};
    for (size_t i = 0; i < LT_COUNT(rows); i++) {
        struct read r;
        assert_int_equal(read_text(&r, rows[i].text, LT_FIXTURE_ALL), rows[i].code);
        assert_int_equal(r.err.code, rows[i].code);
        lt_arena_free(r.arena);
    }
}

/* ---- importing ---- */

struct site {
    struct rig *r;
    struct lt_config config; /* as a process would have loaded it */
    struct lt_site site;
    struct lt_fixture_report report;
};

/* Site `id` as it is now. */
static void see(struct site *s, struct rig *r, int64_t id)
{
    *s = (struct site){.r = r, .site = {.id = id}};
    rig_ok(r, lt_store_generation(r->store, &s->config.generation, &r->err));
    s->config.parts[LT_CONFIG_WORKFLOWS] = rig_load(r);
}

static enum lt_code import_with(struct site *s, const char *text, struct lt_fixture_options options)
{
    options.who = LT_STR("ann");
    options.kinds = options.kinds ? options.kinds : LT_FIXTURE_ALL;
    struct lt_str copy = lt_str_copy(s->r->arena, lt_str(text));
    return lt_fixture_import(s->r->store, &s->config, &s->site, copy, &options, s->r->arena, &s->report, &s->r->err);
}

static enum lt_code import(struct site *s, struct rig *r, const char *text)
{
    see(s, r, r->site_id);
    return import_with(s, text, (struct lt_fixture_options){0});
}

static char *export_of(struct rig *r, int64_t site_id)
{
    struct lt_scope_set *scopes;
    struct lt_buf out;
    rig_load(r);
    rig_ok(r, lt_scope_set_load(r->store, NULL, &scopes, &r->err));
    lt_buf_init(&out, 16 << 20);
    lt_fixture_export(r->set, scopes, site_id, LT_FIXTURE_ALL, &out);
    lt_scope_set_unref(scopes);
    assert_false(out.failed);
    char *text = lt_strz(r->arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return text;
}

static void assert_refused(struct site *s, const char *pk, const char *field, const char *word)
{
    for (size_t i = 0; i < s->report.refused_n; i++) {
        const struct lt_fixture_refusal *x = &s->report.refused[i];
        if (lt_str_is(x->pk, pk) && lt_str_is(x->field, field) && strstr(x->reason.p, word))
            return;
    }
    for (size_t i = 0; i < s->report.refused_n; i++)
        print_message("%.*s %.*s: %.*s\n", LT_FMT(s->report.refused[i].pk), LT_FMT(s->report.refused[i].field), LT_FMT(s->report.refused[i].reason));
    fail_msg("no refusal of %s, %s: %s", pk, field, word);
}

#define SCOPE_MEMBERS                                                                                                        \
    ",\"course_id\":\"course-v1:A+B+C\",\"location_regex\":\"x$\",\"ui_slot_selector_id\":\"w\",\"specificity_index\":99,"       \
    "\"service_variant\":\"cms\",\"enabled\":false"
static const char whole[] = "[" SCOPE("3", "2", SCOPE_MEMBERS) "," PROFILE("2", "tutor", "whole.json", WITH_PROMPT) ","
                            PROMPT("1", "calm", "Be calm.") "]";

static void a_fixture_is_imported_with_its_ids_and_specificity_is_computed_anew(void **state)
{
    struct rig *r = *state;
    struct site s;
    rig_ok(r, import(&s, r, whole));
    assert_true(s.report.written);
    for (int kind = 0; kind < LT_FIXTURE_KINDS; kind++)
        assert_int_equal(s.report.added[kind], 1);
    const struct lt_profile *p;
    const struct lt_prompt *q;
    rig_load(r);
    rig_ok(r, lt_profile_find(r->set, r->site_id, LT_STR(ID "2"), &p, &r->err));
    rig_ok(r, lt_prompt_find(r->set, r->site_id, LT_STR(ID "1"), &q, &r->err));
    assert_true(lt_str_is(p->slug, "tutor"));
    rig_ok(r, lt_profile_ready(r->set, p, &r->err));
    struct lt_scope_set *scopes;
    rig_ok(r, lt_scope_set_load(r->store, NULL, &scopes, &r->err));
    const struct lt_scope *x = lt_scope_find_uuid(scopes, r->site_id, LT_STR(ID "3"));
    assert_non_null(x);
    assert_int_equal(x->profile_id, p->id);
    assert_int_equal(x->specificity_index, 7);
    assert_int_equal(x->service_variant, LT_SERVICE_CMS);
    assert_false(x->enabled);
    lt_scope_set_unref(scopes);
    const struct lt_json *history;
    RIG_WRITTEN(r, history, rig_ok(r, lt_profile_history(r->store, p, INT64_MAX, 10, w, &r->err)));
    assert_true(lt_str_is(lt_json_str(lt_json_at_pointer(history, "/0/changed_by")), "ann"));
}

static void slots_are_matched_as_that_project_does_from_then_on(void **state)
{
    struct rig *r = *state;
    struct site s;
    rig_ok(r, lt_admin_site_set(r->store, LT_STR("one"), rig_json(r, "{max_running_calls: 7}"), &r->err));
    rig_ok(r, import(&s, r, "[" PROMPT("1", "calm", "Be calm.") "]")); /* no scope: nothing to match */
    assert_false(s.report.slot_matching_set);
    rig_ok(r, import(&s, r, whole));
    assert_true(s.report.slot_matching_set);
    struct lt_rows rows;
    rig_ok(r, LT_QUERY(r->store, r->arena, &rows, &r->err, "SELECT settings FROM site WHERE id = 1"));
    assert_string_equal(lt_strz(r->arena, lt_rows_str(&rows, 0, 0)), "{\"max_running_calls\":7,\"slot_matching\":\"wildcard\"}");
}

static void importing_the_same_twice_changes_nothing(void **state)
{
    struct rig *r = *state;
    struct site s;
    int64_t before, after;
    rig_ok(r, import(&s, r, whole));
    const char *first = export_of(r, r->site_id);
    rig_ok(r, lt_store_generation(r->store, &before, &r->err));
    rig_ok(r, import(&s, r, whole));
    assert_false(s.report.written);
    for (int kind = 0; kind < LT_FIXTURE_KINDS; kind++) {
        assert_int_equal(s.report.unchanged[kind], 1);
        assert_int_equal(s.report.added[kind] + s.report.changed[kind], 0);
    }
    rig_ok(r, lt_store_generation(r->store, &after, &r->err));
    assert_int_equal(before, after);
    assert_string_equal(export_of(r, r->site_id), first);
}

static void the_same_id_is_changed_and_keeps_its_history(void **state)
{
    struct rig *r = *state;
    struct site s;
    rig_ok(r, import(&s, r, whole));
    rig_ok(r, import(&s, r, "[" PROFILE("2", "tutor", "whole.json", "{x: 1}") "," SCOPE("3", "2", "") "," PROMPT("1", "calm", "New.") "]"));
    for (int kind = 0; kind < LT_FIXTURE_KINDS; kind++)
        assert_int_equal(s.report.changed[kind], 1);
    const struct lt_profile *p;
    const struct lt_prompt *q;
    rig_load(r);
    rig_ok(r, lt_profile_find(r->set, r->site_id, LT_STR("tutor"), &p, &r->err));
    rig_ok(r, lt_prompt_find(r->set, r->site_id, LT_STR("calm"), &q, &r->err));
    assert_int_equal(p->version, 2);
    assert_int_equal(q->version, 2);
    assert_true(lt_str_is(q->body, "New."));
    const struct lt_json *history;
    RIG_WRITTEN(r, history, rig_ok(r, lt_prompt_history(r->store, q, INT64_MAX, 10, w, &r->err)));
    assert_int_equal(lt_json_len(history), 2);
}

static void every_refused_object_is_named_at_once_and_nothing_is_imported(void **state)
{
    struct rig *r = *state;
    struct site s;
    rig_ok(r, import(&s, r, "[" PROFILE("8", "taken", "whole.json", "") "," PROMPT("7", "used", "b") "]"));
    const char *before = export_of(r, r->site_id);
    static const char bad[] = "[" PROMPT("1", "a b", "  ") "," PROMPT("2", "used", "b") ","
        PROMPT("1", "c", "b") "," PROFILE("3", "taken", "whole.json", "") ","
        PROFILE("4", "p", "whole.json", "{") "," PROFILE("5", "q", "none.json", "{orchestrator_class: null}") ","
        PROFILE("6", "s", "whole.json", "{orchestrator_class: null, processor_config: {P: {prompt_template: 'gone', provider: 'openai'}}}") ","
        SCOPE("1", "9", "") "," SCOPE("2", "4", ",\"location_regex\":\"(\"") "," PROFILE("0", "fine", "whole.json", "") "]";
    assert_int_equal(import(&s, r, bad), LT_EINVALID_INPUT);
    assert_refused(&s, ID "1", "slug", "must be 1 to 100");
    assert_refused(&s, ID "1", "body", "must not be blank");
    assert_refused(&s, ID "2", "slug", "the site has " ID "7 with this slug already");
    assert_refused(&s, ID "1", "pk", "object 1 of the file has the same");
    assert_refused(&s, ID "3", "slug", "the site has " ID "8 with this slug already");
    assert_refused(&s, ID "4", "content_patch", "line 1");
    assert_refused(&s, ID "5", "base_filepath", "there is no template 'none.json' (name the plugin's folder");
    assert_refused(&s, ID "6", "content_patch", "root: 'orchestrator_class' is required");
    assert_refused(&s, ID "6", "content_patch", "processor_config.P.prompt_template: PromptTemplate 'gone' does not exist");
    assert_refused(&s, ID "6", "content_patch", "processor_config.P.provider: the site has no provider instance 'openai'");
    assert_refused(&s, ID "1", "profile", "neither the site nor the file has a profile");
    assert_refused(&s, ID "2", "course_id", "Required when location_regex is set.");
    assert_false(s.report.written);
    assert_string_equal(export_of(r, r->site_id), before);
}

static void a_dry_run_says_what_would_be_and_writes_nothing(void **state)
{
    struct rig *r = *state;
    struct site s;
    see(&s, r, r->site_id);
    rig_ok(r, import_with(&s, whole, (struct lt_fixture_options){.dry_run = true}));
    assert_int_equal(s.report.added[LT_FIXTURE_SCOPE], 1);
    assert_false(s.report.written);
    assert_string_equal(export_of(r, r->site_id), "[]\n");
}

static void one_kind_may_be_imported_alone_and_finds_the_others_on_the_site(void **state)
{
    struct rig *r = *state;
    struct site s;
    static const unsigned order[] = {LT_FIXTURE_PROMPT, LT_FIXTURE_PROFILE, LT_FIXTURE_SCOPE};
    see(&s, r, r->site_id);
    assert_int_equal(import_with(&s, whole, (struct lt_fixture_options){.kinds = 1u << LT_FIXTURE_SCOPE}), LT_EINVALID_INPUT);
    assert_refused(&s, ID "3", "profile", "neither");
    for (size_t i = 0; i < LT_COUNT(order); i++) {
        see(&s, r, r->site_id);
        rig_ok(r, import_with(&s, whole, (struct lt_fixture_options){.kinds = 1u << order[i]}));
        assert_int_equal(s.report.added[order[i]], 1);
        assert_int_equal(s.report.ignored_n, 2);
    }
}

static void missing_templates_prompts_and_providers_are_allowed_when_asked_and_such_profiles_do_not_run(void **state)
{
    struct rig *r = *state;
    struct site s;
    static const char *const patches[] = {"", "{processor_config: {P: {prompt_template: 'gone'}}}", "{processor_config: {P: {provider: 'openai'}}}"};
    static const char *const bases[] = {"base/none.json", "whole.json", "whole.json"};
    for (size_t i = 0; i < LT_COUNT(patches); i++) {
        char text[512];
        const struct lt_profile *p;
        snprintf(text, sizeof(text), "[" PROFILE("2", "p%zu", "%s", "%s") "]", i, bases[i], patches[i]);
        see(&s, r, r->site_id);
        rig_ok(r, import_with(&s, text, (struct lt_fixture_options){.allow_missing = true}));
        assert_int_equal(s.report.notes_n, 1);
        rig_load(r);
        rig_ok(r, lt_profile_find(r->set, r->site_id, LT_STR(ID "2"), &p, &r->err));
        assert_int_equal(lt_profile_ready(r->set, p, &r->err), LT_EPROFILE_INVALID);
        see(&s, r, r->site_id);
        rig_ok(r, import_with(&s, text, (struct lt_fixture_options){0})); /* it is as the site has it: no word more */
        assert_int_equal(s.report.unchanged[LT_FIXTURE_PROFILE], 1);
    }
}

static void our_template_takes_the_place_of_one_of_theirs_when_asked(void **state)
{
    struct rig *r = *state;
    struct site s;
    static const char text[] = "[" PROFILE("2", "p", "base/summary.json", "") "]";
    char folder[128];
    snprintf(folder, sizeof(folder), "%s/templates/base", r->dir);
    mkdir(folder, 0700);
    rig_put(r, "base/summary.json5", WHOLE);
    assert_int_equal(import(&s, r, text), LT_EINVALID_INPUT);
    assert_refused(&s, ID "2", "base_filepath", "--map-templates takes base/summary.json5");
    see(&s, r, r->site_id);
    rig_ok(r, import_with(&s, text, (struct lt_fixture_options){.map_templates = true}));
    assert_non_null(strstr(s.report.notes[0].p, "base/summary.json5 takes the place of base/summary.json"));
    see(&s, r, r->site_id);
    rig_ok(r, import_with(&s, text, (struct lt_fixture_options){.map_templates = true}));
    assert_int_equal(s.report.unchanged[LT_FIXTURE_PROFILE], 1);
    rig_put(r, "base/summary.json", WHOLE); /* theirs is here: it is taken */
    see(&s, r, r->site_id);
    rig_ok(r, import_with(&s, text, (struct lt_fixture_options){.map_templates = true}));
    assert_non_null(strstr(export_of(r, r->site_id), "\"base_filepath\":\"base/summary.json\""));
}

static void a_key_in_a_patch_is_noted(void **state)
{
    struct rig *r = *state;
    struct site s;
    rig_ok(r, import(&s, r, "[" PROFILE("2", "p", "whole.json", "{processor_config: {P: {options: {API_KEY: 'sk-1'}}}}") "]"));
    assert_int_equal(s.report.notes_n, 1);
    assert_non_null(strstr(s.report.notes[0].p, "API_KEY"));
    assert_null(strstr(s.report.notes[0].p, "sk-1"));
    assert_non_null(strstr(export_of(r, r->site_id), "sk-1")); /* the operator's own export */
}

static void nothing_is_written_over_what_somebody_else_changed_meanwhile(void **state)
{
    struct rig *r = *state;
    struct site s;
    see(&s, r, r->site_id);
    rig_ok(r, lt_prompt_add(r->store, LT_STR("one"), rig_json(r, "{slug: 'other', body: 'x'}"), LT_STR("bob"), &r->err));
    assert_int_equal(import_with(&s, whole, (struct lt_fixture_options){0}), LT_ECONFLICT);
    assert_false(s.report.written);
    assert_null(strstr(export_of(r, r->site_id), "tutor"));
}

/* ---- there and back ---- */

static struct lt_str random_text(struct rig *r, unsigned *seed, bool slug)
{
    static const char *const pieces[] = {"a", "Z", "-", "_", "7", "\\", "\"", "\n", "\xc3\xa9", "\xf0\x9f\x90\x9f", " ", "/", "\x01", "%"};
    struct lt_str s = LT_STR("x");
    int n = rand_r(seed) % 12;
    for (int i = 0; i < n; i++)
        s = lt_printf(r->arena, "%.*s%s", LT_FMT(s), pieces[rand_r(seed) % (slug ? 5 : LT_COUNT(pieces))]);
    return s;
}

static void fill_site(struct rig *r, unsigned *seed)
{
    int prompts = rand_r(seed) % 6, profiles = 1 + rand_r(seed) % 6, scopes = rand_r(seed) % 12;
    struct lt_tx *tx = lt_tx_new();
    for (int i = 0; i < prompts; i++) {
        char id[37];
        lt_uuid_format(lt_uuid_new(), id);
        lt_prompt_tx_put(tx, &(struct lt_prompt_row){.site_id = 1, .version = 1, .uuid = lt_str(id),
                                                     .slug = lt_printf(r->arena, "%.*s%d", LT_FMT(random_text(r, seed, true)), i),
                                                     .body = random_text(r, seed, false), .created_at = 1 + rand_r(seed),
                                                     .updated_at = 1 + rand_r(seed)},
                         LT_STR("t"));
    }
    for (int i = 0; i < profiles; i++) {
        char id[37];
        lt_uuid_format(lt_uuid_new(), id);
        struct lt_str patch = lt_printf(r->arena, "// %d\n{x: %d}", rand_r(seed), i);
        lt_profile_tx_put(tx, &(struct lt_profile_row){.site_id = 1, .version = 1, .uuid = lt_str(id), .base_filepath = LT_STR("whole.json"),
                                                       .slug = lt_printf(r->arena, "%.*s%d", LT_FMT(random_text(r, seed, true)), i),
                                                       .description = rand_r(seed) % 3 ? random_text(r, seed, false) : LT_STR_NULL,
                                                       .content_patch = rand_r(seed) % 2 ? patch : LT_STR("")},
                          LT_STR("t"));
    }
    for (int i = 0; i < scopes; i++) {
        struct lt_scope s = {.site_id = 1, .profile_id = 1 + rand_r(seed) % profiles, .course_id = LT_STR(""), .location_regex = LT_STR(""),
                             .ui_slot_selector_id = rand_r(seed) % 2 ? LT_STR("slot") : LT_STR(""), .enabled = rand_r(seed) % 2,
                             .service_variant = (enum lt_service_variant)(rand_r(seed) % 2)};
        if (rand_r(seed) % 2)
            s.course_id = LT_STR("course-v1:A+B+C");
        if (s.course_id.n && rand_r(seed) % 2)
            s.location_regex = LT_STR("\\d+$");
        lt_scope_tx_add(tx, &s);
    }
    lt_admin_touch(tx);
    rig_ok(r, lt_store_write(r->store, tx, &r->err));
}

/* A fresh site each time: every export must be equal, wherever it comes from. */
static void what_is_exported_and_imported_into_a_fresh_site_is_exported_equally(void **state)
{
    struct rig *r = *state;
    unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    fill_site(r, &seed);
    const char *first = export_of(r, 1);
    rig_ok(r, lt_admin_site_add(r->store, LT_STR("two"), LT_STR("Two"), &r->err));
    struct site s;
    see(&s, r, 2);
    rig_ok(r, import_with(&s, first, (struct lt_fixture_options){0}));
    assert_true(s.report.written);
    assert_string_equal(export_of(r, 2), first);
    assert_string_equal(export_of(r, 1), first);
}

#define T(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_read_in_any_order_with_their_ids_and_what_is_absent_has_the_models_default),
        cmocka_unit_test(ids_are_taken_in_every_spelling_of_a_uuid_and_models_in_any_case),
        cmocka_unit_test(other_models_and_fields_are_named_and_counted),
        cmocka_unit_test(what_has_not_the_form_of_its_model_is_refused_by_field),
        cmocka_unit_test(a_fixture_is_a_json_list),
        T(a_fixture_is_imported_with_its_ids_and_specificity_is_computed_anew),
        T(slots_are_matched_as_that_project_does_from_then_on),
        T(importing_the_same_twice_changes_nothing),
        T(the_same_id_is_changed_and_keeps_its_history),
        T(every_refused_object_is_named_at_once_and_nothing_is_imported),
        T(a_dry_run_says_what_would_be_and_writes_nothing),
        T(one_kind_may_be_imported_alone_and_finds_the_others_on_the_site),
        T(missing_templates_prompts_and_providers_are_allowed_when_asked_and_such_profiles_do_not_run),
        T(our_template_takes_the_place_of_one_of_theirs_when_asked),
        T(a_key_in_a_patch_is_noted),
        T(nothing_is_written_over_what_somebody_else_changed_meanwhile),
        T(what_is_exported_and_imported_into_a_fresh_site_is_exported_equally),
        T(what_is_exported_and_imported_into_a_fresh_site_is_exported_equally),
        T(what_is_exported_and_imported_into_a_fresh_site_is_exported_equally),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
