/* Provider `extract`: what it answers through struct lt_provider, without a network or a manager. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/buf.h"
#include "core/provider.h"
#include "io/fiber.h"
#include "io/worker.h"
#include "text/json_schema.h"
#include "text/sentences.h"

extern const struct lt_provider lt_provider_extract;

enum { PIECES_MAX = 512 };

/* One call with a listener that keeps the pieces, and ends the call at piece `refuse_at`. */
struct listener {
    struct lt_arena *arena;
    struct lt_str pieces[PIECES_MAX];
    size_t pieces_n, refuse_at;
    struct lt_str whole;
    struct lt_provider_run run;
    struct lt_provider_instance instance;
    enum lt_code code;
    struct lt_error err;
};

static struct lt_arena *arena;

static int set_up(void **state)
{
    arena = lt_arena_new();
    return 0;
}

static int tear_down(void **state)
{
    lt_arena_free(arena);
    return 0;
}

static enum lt_code on_text(struct lt_provider_run *run, struct lt_str piece, struct lt_error *err)
{
    struct listener *l = run->ctx;
    assert_true(piece.n > 0);
    assert_true(l->pieces_n < PIECES_MAX);
    if (l->pieces_n == l->refuse_at)
        return lt_fail(err, LT_ECANCELLED, "the caller left");
    l->pieces[l->pieces_n++] = lt_str_copy(l->arena, piece);
    char *joined = lt_alloc(l->arena, l->whole.n + piece.n + 1);
    if (l->whole.n)
        memcpy(joined, l->whole.p, l->whole.n);
    memcpy(joined + l->whole.n, piece.p, piece.n);
    l->whole = (struct lt_str){joined, l->whole.n + piece.n};
    return LT_OK;
}

static const struct lt_json *json(struct lt_str text)
{
    const struct lt_json *v = NULL;
    struct lt_error err = {0};
    if (lt_json_parse(arena, text, LT_JSON_STRICT, &v, &err) != LT_OK)
        fail_msg("%s", err.detail);
    return v;
}

static const struct lt_json *input_of(struct lt_str text, const char *language)
{
    struct lt_buf b;
    struct lt_jw w;
    lt_buf_init(&b, 4 * LT_DOCUMENT_MAX);
    lt_jw_init(&w, &b);
    lt_jw_obj(&w);
    lt_jw_kstr(&w, "text", text);
    if (language)
        lt_jw_kstrz(&w, "language", language);
    lt_jw_end(&w);
    struct lt_str kept = lt_str_copy(arena, lt_buf_str(&b));
    assert_false(b.failed);
    lt_buf_free(&b);
    return json(kept);
}

static struct listener *prepare(struct lt_str text, const char *config)
{
    struct listener *l = LT_NEW(arena, struct listener);
    l->arena = arena;
    l->refuse_at = SIZE_MAX;
    l->instance = (struct lt_provider_instance){
        .provider = &lt_provider_extract, .enabled = true, .config = config ? json(lt_str(config)) : NULL};
    l->run = (struct lt_provider_run){
        .arena = arena,
        .instance = &l->instance,
        .action = LT_STR("summarise_text"),
        .input = input_of(text, NULL),
        .deadline_ms = LT_NEVER,
        .on_text = on_text,
        .ctx = l,
    };
    return l;
}

static struct listener *summarise(struct lt_str text, const char *config)
{
    struct listener *l = prepare(text, config);
    l->code = lt_provider_extract.call(&l->run, &l->err);
    return l;
}

static size_t words_of(struct lt_str text)
{
    const struct lt_document *d;
    struct lt_error err;
    assert_int_equal(lt_document_parse(arena, text, NULL, &d, &err), LT_OK);
    size_t n = 0;
    for (size_t i = 0; i < d->sentences_n; i++)
        n += d->sentences[i].words;
    return n;
}

/* White space at both ends and in between counts as one space: pieces may have been joined over line ends. */
static struct lt_str normal(struct lt_str s)
{
    char *out = lt_alloc(arena, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        bool space = strchr(" \t\r\n\v\f", s.p[i]) && s.p[i] != '\0';
        if (!space)
            out[n++] = s.p[i];
        else if (n > 0 && out[n - 1] != ' ')
            out[n++] = ' ';
    }
    while (n > 0 && out[n - 1] == ' ')
        n--;
    return (struct lt_str){out, n};
}

/* Every piece stands in the text, behind the one before: so nothing is invented, moved or said twice. */
static void check_pieces(const struct listener *l, struct lt_str text)
{
    struct lt_str rest = normal(text);
    for (size_t i = 0; i < l->pieces_n; i++) {
        struct lt_str piece = normal(l->pieces[i]);
        assert_true(piece.n > 0);
        const char *found = memmem(rest.p, rest.n, piece.p, piece.n);
        if (!found)
            fail_msg("not in the text, or not in its order: %.*s", LT_FMT(piece));
        rest.n -= (size_t)(found + piece.n - rest.p);
        rest.p = found + piece.n;
    }
}

static const char rivers[] =
    "Rivers\n\n"
    "Last summer my neighbour lost a red canoe. A river carries water and sediment from the mountains to the sea. Where "
    "the river is steep, the water is fast and cuts into the rock. Where it is flat, the water is slow and the river "
    "drops its sediment. Have you ever seen a delta? A delta grows where a river meets the sea and all its sediment "
    "falls to the ground.\n\n"
    "Meanders\n\n"
    "In a plain a river bends. On the outer side of a bend the water is fast and cuts the bank; on the inner side it is "
    "slow and drops sediment. So each bend grows until the river breaks through and leaves a lake behind. Engineers who "
    "straighten a river make its water faster, and the floods below become worse. My neighbour bought a green canoe in "
    "the end.\n";

static void the_answer_is_whole_sentences_of_the_text_in_their_order(void **state)
{
    struct listener *l = summarise(LT_STR(rivers), "{\"max_words\":60}");
    assert_int_equal(l->code, LT_OK);
    assert_in_range(l->pieces_n, 2, 6);
    check_pieces(l, LT_STR(rivers));
    assert_in_range(words_of(l->whole), 20, 60);
    assert_null(memmem(l->whole.p, l->whole.n, "canoe", 5));
    assert_null(memchr(l->whole.p, '?', l->whole.n));
    assert_int_equal(l->whole.p[l->whole.n - 1], '.');
}

static void the_result_says_what_made_it(void **state)
{
    struct listener *l = summarise(LT_STR(rivers), NULL);
    assert_true(lt_str_is(l->run.result.finish_reason, "stop"));
    assert_true(lt_str_is(l->run.result.model, "extract-1"));
    assert_int_equal(l->run.result.response_id.n, 0);
    assert_int_equal(l->run.result.usage.prompt_tokens, -1);
    assert_int_equal(l->run.result.usage.completion_tokens, -1);
    assert_int_equal(l->run.result.usage.total_tokens, -1);
    assert_null(l->run.result.text.p); /* it was all given to on_text */
}

static void the_budget_is_kept_at_every_size(void **state)
{
    for (int max = 20; max <= 400; max += 13) {
        struct listener *l = summarise(LT_STR(rivers), lt_printf(arena, "{\"max_words\":%d}", max).p);
        assert_int_equal(l->code, LT_OK);
        assert_true(l->pieces_n > 0 && l->pieces_n <= 6); /* 60 % of its 11 sentences */
        assert_true(words_of(l->whole) <= (size_t)max);
        check_pieces(l, LT_STR(rivers));
    }
    size_t all = words_of(LT_STR(rivers));
    struct listener *l = summarise(LT_STR(rivers), "{\"ratio\":0.25}");
    assert_true(words_of(l->whole) <= all / 4);
}

static void what_leans_on_a_sentence_comes_only_behind_it(void **state)
{
    static const struct {
        const char *leaning, *before;
    } pairs[] = {
        {"Where it is flat", "Where the river is steep"},
        {"So each bend grows", "On the outer side"},
    };
    for (int max = 20; max <= 140; max++) {
        struct listener *l = summarise(LT_STR(rivers), lt_printf(arena, "{\"max_words\":%d}", max).p);
        for (size_t i = 0; i < l->pieces_n; i++)
            for (size_t k = 0; k < LT_COUNT(pairs); k++)
                if (lt_str_starts(normal(l->pieces[i]), lt_str(pairs[k].leaning)))
                    assert_true(i > 0 && lt_str_starts(normal(l->pieces[i - 1]), lt_str(pairs[k].before)));
    }
}

static void one_or_two_sentences_come_back_as_they_are(void **state)
{
    static const char *const texts[] = {
        "Water boils at 100 degrees.", "Water boils at 100 degrees. Ice melts at 0.", "Water", "Why?",
    };
    for (size_t i = 0; i < LT_COUNT(texts); i++) {
        struct listener *l = summarise(lt_str(texts[i]), "{\"max_words\":20}");
        assert_int_equal(l->code, LT_OK);
        assert_true(lt_str_is(l->whole, texts[i]));
    }
}

static void a_list_keeps_its_lines(void **state)
{
    struct lt_str text = LT_STR("- Salt dissolves in water\n- Sugar dissolves in warm water\n- Oil stays on top of water\n"
                                "- Sand sinks in water at once");
    struct listener *l = summarise(text, NULL);
    assert_int_equal(l->pieces_n, 2);
    assert_int_equal(l->pieces[0].p[0], '-');
    assert_int_equal(l->pieces[1].p[0], '\n');
    assert_int_equal(l->pieces[1].p[1], '-');
}

static void a_text_without_words_names_the_field(void **state)
{
    static const char *const texts[] = {"", " \n\t ", "... !? -- ()", "\xF0\x9F\x98\x80"};
    for (size_t i = 0; i < LT_COUNT(texts); i++) {
        struct listener *l = summarise(lt_str(texts[i]), NULL);
        assert_int_equal(l->code, LT_EINVALID_INPUT);
        assert_string_equal(l->err.field, "/input/text");
        assert_int_equal(l->pieces_n, 0);
    }
}

static void an_input_without_text_names_the_field(void **state)
{
    struct listener *l = prepare(LT_STR("never read"), NULL);
    l->run.input = json(LT_STR("{}"));
    assert_int_equal(lt_provider_extract.call(&l->run, &l->err), LT_EINVALID_INPUT);
    assert_string_equal(l->err.field, "/input/text");
}

static void a_text_above_400_kb_names_the_limit(void **state)
{
    char *bytes = lt_alloc(arena, LT_DOCUMENT_MAX + 1);
    memset(bytes, 'a', LT_DOCUMENT_MAX + 1);
    struct listener *l = summarise((struct lt_str){bytes, LT_DOCUMENT_MAX + 1}, NULL);
    assert_int_equal(l->code, LT_ECONTEXT_WINDOW);
    assert_string_equal(l->err.field, "/input/text");
    assert_non_null(strstr(l->err.detail, "400000"));
    assert_int_equal(summarise((struct lt_str){bytes, LT_DOCUMENT_MAX}, NULL)->code, LT_OK);
}

static void a_book_of_400_kb_is_summarised(void **state)
{
    struct lt_buf b;
    lt_buf_init(&b, LT_DOCUMENT_MAX);
    for (int i = 0; b.n < LT_DOCUMENT_MAX - 200; i++)
        lt_buf_printf(&b, "Chapter %d tells how the river of number %d reaches the sea%s ", i / 50, i * 7919 % 1000,
                      i % 9 ? "." : ".\n\n");
    struct listener *l = summarise(lt_buf_str(&b), NULL);
    assert_int_equal(l->code, LT_OK);
    assert_in_range(words_of(l->whole), 20, 120);
    check_pieces(l, lt_buf_str(&b));
    lt_buf_free(&b);
}

static void the_same_text_gives_the_same_answer(void **state)
{
    struct listener *one = summarise(LT_STR(rivers), NULL), *two = summarise(LT_STR(rivers), NULL);
    assert_true(lt_str_eq(one->whole, two->whole));
}

static void a_nul_in_a_sentence_is_data(void **state)
{
    struct lt_str text = LT_STR("The river carries \0 sand. Sand of the river \0 sinks.");
    struct listener *l = summarise(text, NULL);
    assert_int_equal(l->pieces_n, 2);
    assert_true(lt_str_eq(l->whole, text));
}

static void a_listener_that_leaves_ends_the_call(void **state)
{
    struct listener *l = prepare(LT_STR(rivers), NULL);
    l->refuse_at = 1;
    assert_int_equal(lt_provider_extract.call(&l->run, &l->err), LT_ECANCELLED);
    assert_int_equal(l->pieces_n, 1);
}

static void a_deadline_that_has_passed_is_a_timeout(void **state)
{
    struct listener *l = prepare(LT_STR(rivers), NULL);
    l->run.deadline_ms = 0;
    assert_int_equal(lt_provider_extract.call(&l->run, &l->err), LT_ETIMEOUT);
    assert_int_equal(l->pieces_n, 0);
}

/* Valid UTF-8 of the nastier kind (JSON lets no other in), at random. */
static void hostile_texts_are_answered_or_refused_soundly(void **state)
{
    static const char *const pieces[] = {
        "river ", "sea. ", "\0x", "\n", "\n\n", "- ", "1. ", "# ", "|", "\t", ". ", "? ", ": ", "\"", "the ", "Dr. ", "%s%n",
        "\\", "</p>", "\xcc\x81", "\xef\xb7\xba ", "\xe5\x85\x89\xe3\x80\x82", "\xe2\x80\xae", "\xef\xbf\xbe", "\xe0\xb8\x81",
        "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x8e\x93",
    };
    unsigned seed = (unsigned)time(NULL);
    const char *given = getenv("LECTERN_TEST_SEED");
    if (given)
        seed = (unsigned)strtoul(given, NULL, 10);
    print_message("seed %u (LECTERN_TEST_SEED)\n", seed);
    srand(seed);
    for (int round = 0; round < 200; round++) {
        struct lt_buf b;
        lt_buf_init(&b, 100000);
        for (int i = rand() % 400; i > 0; i--) {
            int pick = rand() % (int)LT_COUNT(pieces);
            lt_buf_put(&b, pieces[pick], pick == 2 ? 2 : strlen(pieces[pick]));
        }
        struct listener *l = summarise(lt_buf_str(&b), "{\"max_words\":40}");
        assert_true(l->code == LT_OK || l->code == LT_EINVALID_INPUT);
        assert_true((l->code == LT_OK) == (words_of(lt_buf_str(&b)) > 0));
        assert_true(lt_utf8_valid(l->whole.p, l->whole.n));
        check_pieces(l, lt_buf_str(&b));
        lt_buf_free(&b);
    }
}

static void run_on_fiber(void *arg)
{
    struct listener *l = arg;
    l->code = lt_provider_extract.call(&l->run, &l->err);
    lt_loop_stop(lt_loop_self());
}

static void on_a_fiber_the_work_is_done_by_a_worker_with_the_same_answer(void **state)
{
    struct lt_error err = {0};
    assert_int_equal(lt_workers_start(1, &err), LT_OK);
    struct lt_loop *loop = lt_loop_new(0, &err);
    assert_non_null(loop);
    struct listener *l = prepare(LT_STR(rivers), NULL);
    l->run.loop = loop;
    assert_int_equal(lt_fiber_start(loop, run_on_fiber, l, NULL), LT_OK);
    lt_loop_run(loop);
    lt_loop_free(loop);
    lt_workers_stop();
    assert_int_equal(l->code, LT_OK);
    assert_true(lt_str_eq(l->whole, summarise(LT_STR(rivers), NULL)->whole));
}

static void it_says_what_it_is_and_needs_nothing(void **state)
{
    const struct lt_provider *p = &lt_provider_extract;
    char why[LT_PROVIDER_WHY_MAX] = "";
    struct lt_provider_instance bare = {.provider = p};
    assert_string_equal(p->name, "extract");
    assert_non_null(strstr(p->title, "does not write"));
    assert_non_null(strstr(p->description, "selecting"));
    assert_true(p->configured(&bare, why));
    assert_int_equal(p->neutral, 0);
    assert_string_equal(p->actions[0], "summarise_text");
    assert_null(p->actions[1]);
}

static void its_settings_are_checked_by_the_schema(void **state)
{
    static const struct {
        const char *config;
        enum lt_code code;
    } cases[] = {
        {"{}", LT_OK},
        {"{\"max_words\":20}", LT_OK},
        {"{\"max_words\":400,\"ratio\":0.3}", LT_OK},
        {"{\"max_words\":19}", LT_EINVALID_INPUT},
        {"{\"max_words\":401}", LT_EINVALID_INPUT},
        {"{\"max_words\":\"many\"}", LT_EINVALID_INPUT},
        {"{\"ratio\":0.7}", LT_EINVALID_INPUT},
        {"{\"words\":100}", LT_EINVALID_INPUT},
    };
    const struct lt_schema *schema;
    struct lt_error err = {0};
    assert_int_equal(lt_schema_compile_text(arena, lt_provider_extract.settings_schema, &schema, &err), LT_OK);
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        assert_int_equal(lt_schema_check(schema, json(lt_str(cases[i].config)), &err), cases[i].code);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        TEST(the_answer_is_whole_sentences_of_the_text_in_their_order),
        TEST(the_result_says_what_made_it),
        TEST(the_budget_is_kept_at_every_size),
        TEST(what_leans_on_a_sentence_comes_only_behind_it),
        TEST(one_or_two_sentences_come_back_as_they_are),
        TEST(a_list_keeps_its_lines),
        TEST(a_text_without_words_names_the_field),
        TEST(an_input_without_text_names_the_field),
        TEST(a_text_above_400_kb_names_the_limit),
        TEST(a_book_of_400_kb_is_summarised),
        TEST(the_same_text_gives_the_same_answer),
        TEST(a_nul_in_a_sentence_is_data),
        TEST(a_listener_that_leaves_ends_the_call),
        TEST(a_deadline_that_has_passed_is_a_timeout),
        TEST(hostile_texts_are_answered_or_refused_soundly),
        TEST(on_a_fiber_the_work_is_done_by_a_worker_with_the_same_answer),
        TEST(it_says_what_it_is_and_needs_nothing),
        TEST(its_settings_are_checked_by_the_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
