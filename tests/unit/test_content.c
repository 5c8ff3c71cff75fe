/* Content connectors: how they are asked and what is written, with scripted ones; and the demo course, read from share/demo. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "content/builtin.h"
#include "core/connector.h"
#include "core/registry.h"

#define E_12 "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"
#define DEMO "course-v1:Lectern+Demo+2026"

struct world {
    struct lt_arena *arena;
    struct lt_site site;
    struct lt_caller caller;
    struct lt_content_query query;
    struct lt_error err;
};

static void ok(struct world *w, enum lt_code rc)
{
    if (rc)
        fail_msg("%s: %s", lt_code_name(rc), w->err.detail);
}

static const struct lt_json *read_json(struct world *w, struct lt_str text)
{
    const struct lt_json *v = NULL;
    ok(w, lt_json_parse(w->arena, text, LT_JSON_STRICT, &v, &w->err));
    return v;
}

static const struct lt_json *json(struct world *w, const char *text)
{
    return read_json(w, lt_str(text));
}

static struct lt_str at(const struct lt_json *v, const char *pointer)
{
    return lt_json_str_or(lt_json_at_pointer(v, pointer), LT_STR("(nothing)"));
}

static bool equal(struct world *w, struct lt_str written, const char *expected)
{
    bool same = lt_json_equal(read_json(w, written), json(w, expected));
    if (!same)
        print_error("written: %.*s\n", LT_FMT(written));
    return same;
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    w->arena = lt_arena_new();
    w->site.slug = LT_STR("demo");
    w->caller = (struct lt_caller){.site = &w->site, .user_id = LT_STR("ada")};
    w->query = (struct lt_content_query){.arena = w->arena, .caller = &w->caller, .course_id = LT_STR("c1"), .location_id = LT_STR("u1")};
    lt_registry_reset();
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    lt_registry_reset();
    lt_arena_free(w->arena);
    free(w);
    return 0;
}

/* ---- scripted connectors ---- */

struct script {
    enum lt_code rc;
    const char *says;  /* link, title, and text of the one block */
    int asked;
};

static enum lt_code answer(const struct lt_connector *self, struct lt_error *err)
{
    struct script *s = (struct script *)(uintptr_t)self->arg;
    s->asked++;
    return s->rc ? lt_fail(err, s->rc, "scripted") : LT_OK;
}

static enum lt_code say_link(const struct lt_connector *self, const struct lt_content_query *q, struct lt_str *ret, struct lt_error *err)
{
    (void)q;
    *ret = lt_str(((const struct script *)self->arg)->says);
    return answer(self, err);
}

/* Two units of two blocks, of 10, 20, 12 and 3 characters; those of the third have two bytes each. */
static enum lt_code say_content(const struct lt_connector *self, const struct lt_content_query *q, struct lt_content *ret, struct lt_error *err)
{
    static const char *const texts[] = {"aaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbb", E_12, "ddd"};
    struct lt_content_block *blocks = LT_NEW_ARRAY(q->arena, struct lt_content_block, 4);
    struct lt_content_unit *units = LT_NEW_ARRAY(q->arena, struct lt_content_unit, 2);
    for (int i = 0; i < 4; i++)
        blocks[i] = (struct lt_content_block){
            .id = lt_printf(q->arena, "b%d", i + 1), .category = LT_STR("html"), .display_name = LT_STR("B"), .text = lt_str(texts[i])};
    for (int i = 0; i < 2; i++)
        units[i] = (struct lt_content_unit){.id = lt_printf(q->arena, "u%d", i + 1), .category = LT_STR("vertical"),
                                            .display_name = lt_printf(q->arena, "Unit %d", i + 1), .blocks = blocks + 2 * i, .blocks_n = 2};
    *ret = (struct lt_content){.mode = q->mode, .sequence_id = LT_STR("s"), .sequence_name = LT_STR("Seq"), .units = units,
                                .units_n = q->mode == LT_CONTENT_UNIT ? 1 : 2};
    return answer(self, err);
}

static enum lt_code say_info(const struct lt_connector *self, const struct lt_content_query *q, struct lt_course_info *ret, struct lt_error *err)
{
    static struct lt_outline_item items[] = {{{"a", 1}, {"x", 1}, {"A", 1}, 0}, {{"b", 1}, {"x", 1}, {"B", 1}, 1}, {{"c", 1}, {"x", 1}, {"C", 1}, 2},
                                             {{"d", 1}, {"x", 1}, {"D", 1}, 1}, {{"e", 1}, {"x", 1}, {"E", 1}, 0}};
    (void)q;
    ret->texts[LT_COURSE_TITLE] = lt_str(((const struct script *)self->arg)->says);
    ret->outline = items;
    ret->outline_n = LT_COUNT(items);
    return answer(self, err);
}

static struct lt_connector connectors[3];
static struct lt_entry entries[3];

static void add(struct world *w, int i, const char *name, struct script *script)
{
    connectors[i] = (struct lt_connector){.location_content = say_content, .course_info = say_info, .location_link = say_link, .arg = script};
    entries[i] = (struct lt_entry){.kind = LT_KIND_CONNECTOR, .name = name, .title = name, .description = "", .plugin = "builtin", .major = 1,
                                   .rank = 100, .impl = &connectors[i]};
    ok(w, lt_registry_add(&entries[i], &w->err));
}

/* ---- asking ---- */

static void connectors_are_asked_in_the_registrys_order_until_one_knows_the_course(void **state)
{
    struct world *w = *state;
    struct script second = {.says = "second"}, first = {.rc = LT_ENOT_FOUND, .says = ""}, third = {.says = "third"};
    struct lt_str link;
    add(w, 0, "b_second", &second);
    add(w, 1, "a_first", &first);
    add(w, 2, "c_third", &third);
    lt_registry_seal();
    ok(w, lt_content_link(&w->query, &link, &w->err));
    assert_true(lt_str_is(link, "second"));
    assert_int_equal(first.asked, 1);
    assert_int_equal(third.asked, 0);
}

static void an_error_that_is_not_not_found_ends_the_question(void **state)
{
    struct world *w = *state;
    struct script first = {.rc = LT_EUPSTREAM_UNAVAILABLE, .says = ""}, second = {.says = "second"};
    struct lt_str link;
    add(w, 0, "a", &first);
    add(w, 1, "b", &second);
    lt_registry_seal();
    assert_int_equal(lt_content_link(&w->query, &link, &w->err), LT_EUPSTREAM_UNAVAILABLE);
    assert_int_equal(second.asked, 0);
}

static void a_connector_that_cannot_do_a_thing_is_passed_over(void **state)
{
    struct world *w = *state;
    struct script first = {.says = "first"}, second = {.says = "second"};
    struct lt_str link;
    add(w, 0, "a", &first);
    add(w, 1, "b", &second);
    lt_registry_seal();
    connectors[0].location_link = NULL;
    ok(w, lt_content_link(&w->query, &link, &w->err));
    assert_true(lt_str_is(link, "second"));
}

static void what_nobody_knows_is_not_found_and_without_a_course_nobody_is_asked(void **state)
{
    struct world *w = *state;
    struct script script = {.rc = LT_ENOT_FOUND, .says = ""};
    struct lt_content content;
    struct lt_course_info info;
    struct lt_str link;
    assert_int_equal(lt_content_link(&w->query, &link, &w->err), LT_ENOT_FOUND);
    add(w, 0, "a", &script);
    lt_registry_seal();
    assert_int_equal(lt_content_link(&w->query, &link, &w->err), LT_ENOT_FOUND);
    assert_int_equal(lt_content_location(&w->query, &content, &w->err), LT_ENOT_FOUND);
    assert_int_equal(lt_content_course(&w->query, &info, &w->err), LT_ENOT_FOUND);
    assert_int_equal(script.asked, 3);
    w->query.course_id = LT_STR("");
    assert_int_equal(lt_content_link(&w->query, &link, &w->err), LT_ENOT_FOUND);
    assert_int_equal(script.asked, 3);
}

static void a_token_for_one_course_reads_no_other(void **state)
{
    struct world *w = *state;
    struct script script = {.says = "link"};
    struct lt_str link;
    add(w, 0, "a", &script);
    lt_registry_seal();
    w->caller.only_course = LT_STR("c2");
    assert_int_equal(lt_content_link(&w->query, &link, &w->err), LT_EPERMISSION);
    assert_int_equal(script.asked, 0);
    w->caller.only_course = LT_STR("c1");
    ok(w, lt_content_link(&w->query, &link, &w->err));
}

/* ---- writing ---- */

static void a_unit_has_unit_id_display_name_category_and_blocks(void **state)
{
    struct world *w = *state;
    struct script script = {.says = ""};
    struct lt_content content;
    struct lt_str text;
    add(w, 0, "a", &script);
    lt_registry_seal();
    ok(w, lt_content_location(&w->query, &content, &w->err));
    ok(w, lt_content_json(w->arena, &content, &text, &w->err));
    assert_true(equal(w, text,
                      "{\"unit_id\":\"u1\",\"display_name\":\"Unit 1\",\"category\":\"vertical\",\"blocks\":["
                      "{\"block_id\":\"b1\",\"display_name\":\"B\",\"category\":\"html\",\"text\":\"aaaaaaaaaa\"},"
                      "{\"block_id\":\"b2\",\"display_name\":\"B\",\"category\":\"html\",\"text\":\"bbbbbbbbbbbbbbbbbbbb\"}]}"));
}

static void a_sequence_has_sequence_id_display_name_retrieval_mode_and_units(void **state)
{
    struct world *w = *state;
    struct script script = {.says = ""};
    struct lt_content content;
    struct lt_str text;
    add(w, 0, "a", &script);
    lt_registry_seal();
    for (enum lt_content_mode mode = LT_CONTENT_UP_TO_CURRENT_UNIT; mode < LT_CONTENT_MODES; mode++) {
        w->query.mode = mode;
        ok(w, lt_content_location(&w->query, &content, &w->err));
        ok(w, lt_content_json(w->arena, &content, &text, &w->err));
        const struct lt_json *v = read_json(w, text);
        assert_int_equal(lt_json_len(v), 4);
        assert_true(lt_str_is(at(v, "/sequence_id"), "s") && lt_str_is(at(v, "/display_name"), "Seq"));
        assert_true(lt_str_is(at(v, "/retrieval_mode"), lt_content_mode_name(mode)));
        assert_int_equal(lt_json_len(lt_json_get(v, "units")), 2);
        assert_true(lt_str_is(at(v, "/units/1/unit_id"), "u2") && lt_str_is(at(v, "/units/1/blocks/0/block_id"), "b3"));
    }
}

/* The limit's share is each block's, in characters; a block that is shorter does not give its rest away; what is cut says so. */
static enum lt_code say_problems(const struct lt_connector *self, const struct lt_content_query *q, struct lt_content *ret, struct lt_error *err)
{
    static const char *const when[] = {"always", "", "never", "finished", "attempted", "Always"};
    struct lt_content_block *blocks = LT_NEW_ARRAY(q->arena, struct lt_content_block, LT_COUNT(when));
    struct lt_content_unit *unit = LT_NEW(q->arena, struct lt_content_unit);
    (void)self;
    (void)err;
    for (size_t i = 0; i < LT_COUNT(when); i++)
        blocks[i] = (struct lt_content_block){.id = LT_STR("p"), .category = LT_STR("problem"), .display_name = LT_STR("P"), .text = LT_STR("2 + 2?"),
                                              .answers = LT_STR("Answer: 4"), .showanswer = lt_str(when[i])};
    *unit = (struct lt_content_unit){.id = LT_STR("u"), .category = LT_STR("vertical"), .display_name = LT_STR("U"), .blocks = blocks,
                                     .blocks_n = LT_COUNT(when)};
    *ret = (struct lt_content){.mode = q->mode, .units = unit, .units_n = 1};
    return LT_OK;
}

static void answers_of_problems_are_given_only_when_showanswer_is_always(void **state)
{
    struct world *w = *state;
    struct lt_content content;
    struct lt_str json_text, plain;
    struct script script = {0};
    add(w, 0, "a", &script);
    connectors[0].location_content = say_problems;
    lt_registry_seal();
    ok(w, lt_content_location(&w->query, &content, &w->err));
    for (size_t i = 0; i < content.units[0].blocks_n; i++)
        assert_true(lt_str_is(content.units[0].blocks[i].text, i == 0 ? "2 + 2?\nAnswer: 4" : "2 + 2?"));
    ok(w, lt_content_json(w->arena, &content, &json_text, &w->err));
    ok(w, lt_content_plain(w->arena, &content, &plain, &w->err));
    const struct lt_str written[] = {json_text, plain};
    for (size_t i = 0; i < LT_COUNT(written); i++) {
        const char *first = memmem(written[i].p, written[i].n, "Answer", 6);
        assert_non_null(first);
        assert_null(memmem(first + 1, written[i].n - (size_t)(first + 1 - written[i].p), "Answer", 6));
    }
    w->query.char_limit = 6 * 8; /* answers count like any text */
    ok(w, lt_content_location(&w->query, &content, &w->err));
    assert_true(lt_str_is(content.units[0].blocks[0].text, "2 + 2?\nA") && content.units[0].blocks[0].cut && !content.units[0].blocks[1].cut);
}

static void char_limit_splits_evenly_over_the_blocks(void **state)
{
    struct world *w = *state;
    struct script script = {.says = ""};
    static const int lengths[4] = {10, 20, 12, 3}, bytes[4] = {1, 1, 2, 1};
    add(w, 0, "a", &script);
    lt_registry_seal();
    w->query.mode = LT_CONTENT_SEQUENCE;
    for (int64_t limit = 1; limit < 100; limit++) {
        struct lt_content content;
        w->query.char_limit = limit;
        ok(w, lt_content_location(&w->query, &content, &w->err));
        for (int i = 0; i < 4; i++) {
            const struct lt_content_block *block = &content.units[i / 2].blocks[i % 2];
            int64_t share = limit / 4, expected = share < lengths[i] ? share : lengths[i];
            assert_int_equal(block->text.n, expected * bytes[i]);
            assert_int_equal(block->cut, expected < lengths[i]);
            assert_true(lt_utf8_valid(block->text.p, block->text.n));
        }
    }
    w->query.char_limit = 0;
    struct lt_content content;
    struct lt_str text;
    ok(w, lt_content_location(&w->query, &content, &w->err));
    ok(w, lt_content_plain(w->arena, &content, &text, &w->err));
    assert_true(lt_str_is(text, "Unit 1\n\naaaaaaaaaa\n\nbbbbbbbbbbbbbbbbbbbb\n\nUnit 2\n\n" E_12 "\n\nddd"));
}

/* Random limits: what is kept fits, nothing that is left out would have fitted where it stood, and each block is either whole or named. */
static void a_token_limit_keeps_whole_blocks_and_names_the_others(void **state)
{
    struct world *w = *state;
    struct script script = {.says = ""};
    static const int64_t tokens[4] = {3, 6, 7, 1}; /* name and text, four bytes a token */
    static const size_t order[2][4] = {{0, 1, 2, 3}, {2, 3, 0, 1}};
    add(w, 0, "a", &script);
    lt_registry_seal();
    w->query.mode = LT_CONTENT_SEQUENCE;
    for (int own = 0; own < 2; own++)
        for (int64_t limit = 1; limit < 20; limit++) {
            struct lt_content content;
            bool kept[4] = {false};
            int64_t left = limit;
            size_t kept_n = 0;
            for (int i = 0; i < 4; i++) {
                kept[order[own][i]] = tokens[order[own][i]] <= left;
                left -= kept[order[own][i]] ? tokens[order[own][i]] : 0;
                kept_n += kept[order[own][i]];
            }
            w->query.location_id = own ? LT_STR("u2") : LT_STR("u1");
            w->query.token_limit = limit;
            ok(w, lt_content_location(&w->query, &content, &w->err));
            assert_int_equal(content.left_out_n, 4 - kept_n);
            assert_int_equal(content.units[0].blocks_n, (size_t)kept[0] + kept[1]);
            assert_int_equal(content.units[1].blocks_n, (size_t)kept[2] + kept[3]);
        }
}

static void course_info_has_the_fields_asked_for_and_the_outline_on_demand(void **state)
{
    struct world *w = *state;
    struct script script = {.says = "Title"};
    struct lt_course_info info;
    struct lt_str text;
    add(w, 0, "a", &script);
    lt_registry_seal();
    ok(w, lt_content_course(&w->query, &info, &w->err));
    static const struct {
        const char *names, *written;
    } cases[] = {
        {"null", "{\"title\":\"Title\",\"subtitle\":null,"
                 "\"short_description\":null,\"description\":null,\"overview\":null,\"syllabus\":null,\"duration\":null}"},
        {"[\"duration\",\"title\"]", "{\"title\":\"Title\",\"duration\":null}"},
        {"[]", "{}"},
        {"[\"outline\"]", "{\"outline\":[{\"id\":\"a\",\"display_name\":\"A\",\"category\":\"x\",\"children\":["
                          "{\"id\":\"b\",\"display_name\":\"B\",\"category\":\"x\",\"children\":["
                          "{\"id\":\"c\",\"display_name\":\"C\",\"category\":\"x\",\"children\":[]}]},"
                          "{\"id\":\"d\",\"display_name\":\"D\",\"category\":\"x\",\"children\":[]}]},"
                          "{\"id\":\"e\",\"display_name\":\"E\",\"category\":\"x\",\"children\":[]}]}"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        unsigned fields;
        ok(w, lt_course_fields_parse(json(w, cases[i].names), &fields, &w->err));
        ok(w, lt_course_info_json(w->arena, &info, fields, &text, &w->err));
        assert_true(equal(w, text, cases[i].written));
    }
    static const char *const wrong[] = {"[\"price\"]", "[1]", "\"title\"", "{}"};
    for (size_t i = 0; i < LT_COUNT(wrong); i++) {
        unsigned fields;
        assert_int_equal(lt_course_fields_parse(json(w, wrong[i]), &fields, &w->err), LT_EINVALID_INPUT);
        assert_string_equal(w->err.field, "/fields");
    }
}

/* Random outlines: every item is written once, in order, and none lies deeper than the limit. */
static size_t count(const struct lt_json *list, int level, size_t *next)
{
    size_t n = 0;
    assert_true(level < LT_CONTENT_OUTLINE_DEPTH || lt_json_len(list) == 0);
    for (size_t i = 0; i < lt_json_len(list); i++) {
        int64_t id;
        assert_true(lt_str_to_int64(at(lt_json_at(list, i), "/id"), &id));
        assert_int_equal(id, (int64_t)(*next)++);
        n += 1 + count(lt_json_get(lt_json_at(list, i), "children"), level + 1, next);
    }
    return n;
}

static void an_outline_of_any_depths_is_written_whole_and_in_order(void **state)
{
    struct world *w = *state;
    unsigned seed = (unsigned)(uintptr_t)w ^ 0x5eed;
    print_message("seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < 200; round++) {
        struct lt_course_info info = {.outline_n = (size_t)(rand() % 60)};
        struct lt_str text;
        info.outline = LT_NEW_ARRAY(w->arena, struct lt_outline_item, info.outline_n + 1);
        for (size_t i = 0; i < info.outline_n; i++)
            info.outline[i] = (struct lt_outline_item){.id = lt_printf(w->arena, "%zu", i), .category = LT_STR("x"), .display_name = LT_STR("y"),
                                                           .depth = rand() % 20 - 3};
        ok(w, lt_course_info_json(w->arena, &info, 1u << LT_COURSE_OUTLINE, &text, &w->err));
        size_t next = 0;
        assert_int_equal(count(lt_json_get(read_json(w, text), "outline"), 0, &next), info.outline_n);
    }
}

static void what_is_larger_than_the_limit_is_refused(void **state)
{
    struct world *w = *state;
    char *large = lt_alloc(w->arena, LT_CONTENT_TEXT_MAX);
    memset(large, 'x', LT_CONTENT_TEXT_MAX);
    struct lt_content_block block = {.text = {large, LT_CONTENT_TEXT_MAX}};
    struct lt_content_unit unit = {.blocks = &block, .blocks_n = 1};
    struct lt_content content = {.units = &unit, .units_n = 1};
    struct lt_str text;
    assert_int_equal(lt_content_json(w->arena, &content, &text, &w->err), LT_ETOO_LARGE);
}

/* ---- the demo course ---- */

static void open_demo(struct world *w)
{
    static char share[4096];
    const char *templates = getenv("LECTERN_TEMPLATES");
    assert_non_null(templates);
    snprintf(share, sizeof(share), "%s/..", templates);
    ok(w, lt_content_register(share, &w->err));
    lt_registry_seal();
    w->query.course_id = LT_STR(DEMO);
    w->query.location_id = LT_STR("membrane");
}

static bool holds(struct lt_str text, const char *part)
{
    return text.p && memmem(text.p, text.n, part, strlen(part));
}

static void the_demo_course_gives_a_unit_as_text(void **state)
{
    struct world *w = *state;
    struct lt_content content;
    open_demo(w);
    static const char *const names[] = {"membrane", "block-v1:Lectern+Demo+2026+type@vertical+block@membrane"};
    for (size_t i = 0; i < LT_COUNT(names); i++) {
        w->query.location_id = lt_str(names[i]);
        ok(w, lt_content_location(&w->query, &content, &w->err));
        assert_int_equal(content.units_n, 1);
        assert_true(lt_str_is(content.units[0].id, "membrane") && lt_str_is(content.units[0].category, "vertical"));
        struct lt_str text = content.units[0].blocks[0].text;
        assert_true(text.n > 1000 && !holds(text, "<p>") && holds(text, "membrane"));
    }
}

static void the_demo_courses_retrieval_modes_are_unit_up_to_current_unit_and_sequence(void **state)
{
    struct world *w = *state;
    static const char *const ids[] = {"plants", "membrane", "respiracion", "selection"};
    static const size_t n[LT_CONTENT_MODES] = {1, 2, 4};
    open_demo(w);
    for (enum lt_content_mode mode = LT_CONTENT_UNIT; mode < LT_CONTENT_MODES; mode++) {
        struct lt_content content;
        w->query.mode = mode;
        ok(w, lt_content_location(&w->query, &content, &w->err));
        assert_int_equal(content.units_n, n[mode]);
        for (size_t i = 0; i < n[mode]; i++)
            assert_true(lt_str_is(content.units[i].id, mode == LT_CONTENT_UNIT ? "membrane" : ids[i]));
        assert_true(mode == LT_CONTENT_UNIT || lt_str_is(content.sequence_name, "Living things"));
    }
}

static void the_demo_course_tells_everything_about_itself_and_links_to_its_units(void **state)
{
    struct world *w = *state;
    struct lt_course_info info;
    struct lt_str text, link;
    open_demo(w);
    w->query.fields = (1u << LT_COURSE_FIELDS_N) - 1;
    ok(w, lt_content_course(&w->query, &info, &w->err));
    for (int i = 0; i < LT_COURSE_TEXTS; i++)
        assert_true(info.texts[i].n > 0);
    ok(w, lt_course_info_json(w->arena, &info, w->query.fields, &text, &w->err));
    const struct lt_json *v = read_json(w, text);
    assert_true(lt_str_is(at(v, "/outline/0/children/1/id"), "membrane") && lt_str_is(at(v, "/outline/1/children/3/id"), "p-values"));
    assert_int_equal(lt_json_len(lt_json_get(v, "outline")), 2);
    ok(w, lt_content_link(&w->query, &link, &w->err));
    assert_true(lt_str_is(link, "/demo/units/membrane"));
}

static void the_demo_course_knows_no_other_site_course_or_place(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *site, *course, *location;
    } cases[] = {{"other", DEMO, "membrane"}, {"demo", "course-v1:Lectern+Demo+2027", "membrane"}, {"demo", DEMO, "nowhere"}, {"demo", DEMO, ""},
                 {"demo", DEMO, "../course"}, {"demo", DEMO, "block-v1:Other+Demo+2026+type@vertical+block@membrane"}};
    open_demo(w);
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        struct lt_content content;
        struct lt_str link;
        w->site.slug = lt_str(cases[i].site);
        w->query.course_id = lt_str(cases[i].course);
        w->query.location_id = lt_str(cases[i].location);
        assert_int_equal(lt_content_location(&w->query, &content, &w->err), LT_ENOT_FOUND);
        assert_int_equal(lt_content_link(&w->query, &link, &w->err), LT_ENOT_FOUND);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(connectors_are_asked_in_the_registrys_order_until_one_knows_the_course),
        T(an_error_that_is_not_not_found_ends_the_question),
        T(a_connector_that_cannot_do_a_thing_is_passed_over),
        T(what_nobody_knows_is_not_found_and_without_a_course_nobody_is_asked),
        T(a_token_for_one_course_reads_no_other),
        T(a_unit_has_unit_id_display_name_category_and_blocks),
        T(a_sequence_has_sequence_id_display_name_retrieval_mode_and_units),
        T(answers_of_problems_are_given_only_when_showanswer_is_always),
        T(char_limit_splits_evenly_over_the_blocks),
        T(a_token_limit_keeps_whole_blocks_and_names_the_others),
        T(course_info_has_the_fields_asked_for_and_the_outline_on_demand),
        T(an_outline_of_any_depths_is_written_whole_and_in_order),
        T(what_is_larger_than_the_limit_is_refused),
        T(the_demo_course_gives_a_unit_as_text),
        T(the_demo_courses_retrieval_modes_are_unit_up_to_current_unit_and_sequence),
        T(the_demo_course_tells_everything_about_itself_and_links_to_its_units),
        T(the_demo_course_knows_no_other_site_course_or_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
